/* methods_scrape.c - `scrape`: what trackers know of a torrent, without joining
 * it. All are asked at once, by each hash that the torrent goes by. */
#include "base/http.h"
#include "node/core/methods.h"
#include "node/find/announcer.h"
#include "node/find/udp_tracker.h"
#include "node/swarm/torrent.h"
#include "wire/find/scrape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 15000
#define AGAIN_MS 60000 /* a torrent that runs is asked about so often */

struct scrape;

struct ask { /* one tracker, by one hash */
	struct scrape *scrape;
	struct ask *next;
	char *url;
	struct info_hash hash;
	bool again; /* the tracker of the one before, by another hash */
	struct http_request *request; /* while under way: one of the two */
	struct udp_question *question;
	bool over;
	struct scrape_reply reply;
	struct err err;
};

struct scrape {
	struct engine *engine;
	struct call *call;
	struct ask *asks;
	struct ask **tail;
	struct loop_timer *end; /* answers from here, never from a callback */
};

static void free_scrape(struct scrape *s)
{
	while (s->asks) {
		struct ask *k = s->asks;

		s->asks = k->next;
		if (k->request)
			http_cancel(k->request);
		udp_question_cancel(k->question);
		free(k->url);
		free(k);
	}
	loop_timer_free(s->end);
	free(s);
}

/* ---- telling ---- */

/* Scheme, host and port: what is behind them may be the user's key. */
static json_t *place_of(const char *url)
{
	const char *host = strstr(url, "://");
	size_t n = host ? (size_t)(host + 3 - url) : 0;

	return json_stringn(url, n + strcspn(url + n, "/?"));
}

static void put_count(json_t *o, const char *name, int64_t n)
{
	if (n >= 0)
		(void)json_object_set_new(o, name, json_integer(n));
}

static int64_t most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Of a hybrid most peers are known by both hashes: the larger figures count,
 * and one good answer is enough. */
static json_t *tell(const struct ask **at)
{
	const struct ask *k = *at;
	struct scrape_reply r = k->reply;
	const char *error = k->err.msg;
	json_t *o = json_pack("{so}", "tracker", place_of(k->url));

	do {
		r.seeds = most(r.seeds, k->reply.seeds);
		r.leechers = most(r.leechers, k->reply.leechers);
		r.completed = most(r.completed, k->reply.completed);
		if (k->err.code == ERR_NONE)
			error = NULL;
		k = k->next;
	} while (k && k->again);
	if (error)
		(void)json_object_set_new(o, "error", json_string(error));
	put_count(o, "seeds", r.seeds);
	put_count(o, "leechers", r.leechers);
	put_count(o, "completed", r.completed);
	*at = k;
	return o;
}

static void on_end(void *ctx)
{
	struct scrape *s = ctx;
	struct call *c = s->call;
	json_t *list = json_array();

	for (const struct ask *k = s->asks; k;)
		(void)json_array_append_new(list, tell(&k));
	free_scrape(s);
	call_result(c, json_pack("{so}", "trackers", list));
}

static void finish_if_over(struct scrape *s)
{
	for (const struct ask *k = s->asks; k; k = k->next)
		if (!k->over)
			return;
	loop_timer_set(s->end, 0);
}

/* ---- asking ---- */

static void on_http(void *ctx, const struct http_answer *answer,
		    const struct err *error)
{
	struct ask *k = ctx;

	k->request = NULL;
	k->over = true;
	if (error)
		k->err = *error;
	else if (answer->status != 200)
		(void)err_fail(&k->err, ERR_STATE, "tracker: HTTP status %d",
			       answer->status);
	else
		(void)scrape_parse(&k->reply, &k->hash, answer->body,
				   answer->body_len, &k->err);
	finish_if_over(k->scrape);
}

/* The first good answer of a tracker's addresses counts. */
static void on_udp(void *ctx, const struct udp_result *result, bool last)
{
	struct ask *k = ctx;
	const struct udp_scrape *said = &result->reply.scrapes[0];

	if (last)
		k->question = NULL;
	if (!k->over && (last || result->err.code == ERR_NONE)) {
		k->err = result->err;
		if (k->err.code == ERR_NONE)
			k->reply = (struct scrape_reply){
				said->seeds, said->completed, said->leechers};
		k->over = true;
		finish_if_over(k->scrape);
	}
}

static void start(struct ask *k)
{
	struct engine *en = k->scrape->engine;
	struct http_ask what = {.max_body = ANNOUNCE_MAX_BODY,
				.packed = true,
				.timeout_ms = ANSWER_MS,
				.max_redirects = 3,
				.allow = announcer_may_ask};
	char url[ANNOUNCE_URL_CAP], host[ANNOUNCE_HOST_CAP];
	const char *path;
	uint16_t port;

	what.url = url;
	if (announce_split_udp(k->url, host, &port, &path))
		(void)udp_trackers_scrape(en->udp_trackers, &k->question,
					  k->url, &k->hash, on_udp, k, &k->err);
	else if (scrape_url(url, k->url, &k->hash, &k->err) == ERR_NONE)
		(void)http_start(en->http, &k->request, &what, on_http, k,
				 &k->err);
	k->over = k->err.code != ERR_NONE;
}

static void add(struct scrape *s, const char *url, const struct info_hash *hash,
		bool again)
{
	struct ask *k;

	if (announce_check_url(url, NULL) != ERR_NONE)
		return;
	k = calloc(1, sizeof(*k));
	if (!k || !(k->url = strdup(url))) {
		free(k);
		return;
	}
	k->scrape = s;
	k->hash = *hash;
	k->again = again;
	k->reply = (struct scrape_reply){-1, -1, -1};
	*s->tail = k;
	s->tail = &k->next;
	start(k);
}

static enum err_code of_torrent(struct scrape *s, struct torrent *t,
				struct err *e)
{
	const char *url;

	if (!torrent_may_scrape(t, AGAIN_MS))
		return err_fail(e, ERR_STATE,
				"its trackers were asked within the last "
				"minute");
	for (uint32_t i = 0; (url = torrent_tracker(t, i)); i++)
		for (unsigned n = 0; torrent_hash_at(t, n); n++)
			add(s, url, torrent_hash_at(t, n), n > 0);
	return ERR_NONE;
}

static enum err_code of_file(struct scrape *s, const json_t *params,
			     struct err *e)
{
	struct info_hash hashes[METAINFO_NAMES_MAX];
	struct metainfo meta;
	unsigned names;
	uint8_t *file;
	size_t len;
	enum err_code code = method_torrent_file(params, &file, &len, e);

	if (code != ERR_NONE)
		return code;
	code = metainfo_parse(&meta, file, len, e);
	free(file);
	if (code != ERR_NONE)
		return code;
	names = metainfo_names(&meta, hashes);
	for (uint32_t i = 0; i < meta.tracker_count; i++)
		for (unsigned n = 0; n < names; n++)
			add(s, meta.trackers[i].url, &hashes[n], n > 0);
	metainfo_clear(&meta);
	return ERR_NONE;
}

static enum err_code begin(struct scrape *s, const json_t *params,
			   struct err *e)
{
	struct torrent *t;
	enum err_code code;

	/* UDP trackers are asked from a socket of ours */
	code = engine_listen(s->engine, false, e);
	if (code != ERR_NONE)
		return code;
	if (method_text(params, "torrent"))
		return of_file(s, params, e);
	t = method_torrent_named(s->engine, params, e);
	return t ? of_torrent(s, t, e) : ERR_STATE;
}

static void on_cancel(void *ctx)
{
	struct scrape *s = ctx;
	struct call *c = s->call;
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "interrupted");
	free_scrape(s);
	call_error(c, &e);
}

void method_scrape(struct engine *en, const json_t *params, struct call *c)
{
	struct scrape *s = calloc(1, sizeof(*s));
	struct err e = {0};

	if (s) {
		s->engine = en;
		s->call = c;
		s->tail = &s->asks;
		s->end = loop_timer_new(en->loop, on_end, s);
	}
	if (!s || !s->end)
		(void)err_fail(&e, ERR_NOMEM, "scrape");
	else
		(void)begin(s, params, &e);
	if (e.code != ERR_NONE) {
		if (s)
			free_scrape(s);
		call_error(c, &e);
		return;
	}
	call_on_cancel(c, on_cancel, s);
	finish_if_over(s);
}
