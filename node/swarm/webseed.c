#include "node/swarm/webseed.h"

#include "base/http.h"
#include "node/core/engine.h"
#include "wire/find/web_seed.h"
#include "wire/place.h"
#include "wire/swarm/swarm_source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDIRECTS 5
#define STALL_S 30
#define BUSY_MS 1000 /* until the node has room for one more request */

enum state { IDLE, ASKING, AWAY, GONE };

struct web_seed {
	struct web_seeds *all;
	char *url;
	enum web_seed_by by;
	enum state state;
	char why[WEB_SEED_WHY_MAX]; /* AWAY and GONE */
	bool seen_global;	    /* see web_seed_allowed() */
	bool banned;		    /* by the swarm: GONE at the next look */
	int64_t away_until_ms;
	unsigned fails;		  /* in a row */
	struct swarm_source *src; /* NULL: not in the swarm */
	uint64_t before;	  /* bytes of sources that are freed */
	uint64_t at, end;	  /* of the run */

	/* the request under way, in ASKING */
	struct http_request *request;
	char *asked_url;
	struct web_range asked;
	bool judged, paused;
	struct web_answer answer;
	uint64_t skip, left; /* of the body */

	/* where the last redirect led */
	char *moved;
	uint32_t moved_file;
};

struct web_seeds {
	struct engine *engine;
	void (*note)(void *ctx, const char *text);
	void *ctx;
	struct loop_timer *timer;
	const struct metainfo *meta; /* while there is a swarm */
	struct swarm *swarm;	     /* NULL: stopped */
	bool took_meta;
	struct web_seed *seeds[WEB_SEEDS_MAX];
	unsigned count;
};

static int64_t now_ms(const struct web_seeds *w)
{
	return loop_now_ms(w->engine->loop);
}

/* --- one goes, for a while or for good ------------------------------------ */

static void leave_run(struct web_seed *s)
{
	http_cancel(s->request);
	s->request = NULL;
	free(s->asked_url);
	s->asked_url = NULL;
	s->paused = false;
	s->at = s->end = 0;
	if (s->src)
		swarm_source_drop(s->src, now_ms(s->all));
}

static void leave_swarm(struct web_seed *s)
{
	leave_run(s);
	if (!s->src)
		return;
	s->before += swarm_source_bytes(s->src);
	swarm_source_free(s->src);
	s->src = NULL;
}

static void go_away(struct web_seed *s, const char *why, int64_t retry_s)
{
	int64_t wait = web_seed_wait_ms(++s->fails, retry_s);

	leave_run(s);
	s->state = AWAY;
	s->away_until_ms = now_ms(s->all) + wait;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
	log_line(s->all->engine->log, LOG_INFO, "webseed",
		 "away url=\"%s\" seconds=%" PRId64 " text=\"%s\"", s->url,
		 wait / 1000, why);
}

static void go_for_good(struct web_seed *s, const char *why)
{
	char text[WEB_SEED_WHY_MAX + 128];

	leave_swarm(s);
	s->state = GONE;
	(void)snprintf(s->why, sizeof(s->why), "%s", why);
	(void)snprintf(text, sizeof(text),
		       "web seed %.80s is not asked any more: %s", s->url, why);
	s->all->note(s->all->ctx, text);
}

/* Where it led once may not be there any more: from the start again. */
static bool forget_redirect(struct web_seed *s)
{
	bool led =
		s->moved && s->asked_url && strcmp(s->asked_url, s->moved) == 0;

	free(s->moved);
	s->moved = NULL;
	if (led) {
		leave_run(s);
		s->state = IDLE;
	}
	return led;
}

static void lack_file(struct web_seed *s, const char *why)
{
	const struct metainfo_file *f = &s->all->meta->files[s->asked.file];
	bool more =
		swarm_source_lacks(s->src, f->offset, f->offset + f->length);

	log_line(s->all->engine->log, LOG_INFO, "webseed",
		 "lacks url=\"%s\" file=\"%s\" text=\"%s\"", s->url, f->path,
		 why);
	leave_run(s);
	s->state = IDLE;
	if (!more)
		go_for_good(s, why);
}

static void on_verdict(struct web_seed *s, int64_t retry_s)
{
	struct web_answer a = s->answer; /* s->answer is for the next */

	if (a.verdict != WEB_TAKE && forget_redirect(s))
		return;
	switch (a.verdict) {
	case WEB_TAKE:
		break;
	case WEB_LATER:
		go_away(s, a.why, retry_s);
		return;
	case WEB_NO_FILE:
		lack_file(s, a.why);
		return;
	case WEB_BROKEN:
		go_for_good(s, a.why);
		return;
	}
	if (s->left) {
		go_away(s, "its answer broke off", 0);
		return;
	}
	s->state = IDLE;
	s->fails = 0;
	free(s->asked_url);
	s->asked_url = NULL;
}

/* --- the request -----------------------------------------------------------
 */

static bool may_ask(void *ctx, const char *ip, const char *url)
{
	struct web_seed *s = ctx;

	if (!ip) /* the proxy knows */
		return true;
	if (!web_seed_allowed(s->by, s->seen_global, ip, url))
		return false;
	s->seen_global |= place_of_text(ip) == PLACE_GLOBAL;
	return true;
}

static void judge(struct web_seed *s, const struct http_request *r)
{
	const struct web_head head = {.status = http_status(r),
				      .content_range =
					      http_header(r, "Content-Range"),
				      .content_length = http_body_length(r)};

	web_seed_judge(&s->answer, &head, &s->asked,
		       s->all->meta->files[s->asked.file].length);
	s->judged = true;
	s->skip = s->answer.skip;
	s->left = s->answer.len;
}

static enum http_flow on_body(void *ctx, struct http_request *r,
			      const uint8_t *bytes, size_t len)
{
	struct web_seed *s = ctx;
	size_t n;

	if (!s->judged)
		judge(s, r);
	if (s->answer.verdict != WEB_TAKE || s->left == 0)
		return HTTP_FLOW_ENOUGH;
	if (swarm_source_quota(s->src, now_ms(s->all)) == 0) {
		s->paused = true;
		return HTTP_FLOW_WAIT;
	}
	n = s->skip < len ? (size_t)s->skip : len;
	s->skip -= n;
	bytes += n;
	len -= n;
	n = s->left < len ? (size_t)s->left : len;
	if (n) {
		swarm_source_feed(s->src, now_ms(s->all), bytes, n);
		s->at += n;
		s->left -= n;
	}
	return HTTP_FLOW_ON;
}

static void keep_redirect(struct web_seed *s, const struct http_request *r)
{
	const char *led = http_final_url(r);

	if (strcmp(led, s->asked_url) == 0 || strlen(led) >= WEB_SEED_URL_CAP)
		return;
	free(s->moved);
	s->moved = strdup(led);
	s->moved_file = s->asked.file;
}

static void on_done(void *ctx, const struct http_answer *answer,
		    const struct err *error)
{
	struct web_seed *s = ctx;
	const struct http_request *r = s->request;
	int64_t retry_s = answer ? http_retry_after_s(r) : 0;

	if (answer && !s->judged)
		judge(s, r);
	if (answer && s->answer.verdict == WEB_TAKE)
		keep_redirect(s, r);
	s->request = NULL;
	loop_timer_set(s->all->timer, 0);
	if (answer)
		on_verdict(s, retry_s);
	else if (forget_redirect(s))
		return;
	else if (error->code == ERR_STATE || error->code == ERR_PARSE)
		go_for_good(s, error->msg);
	else
		go_away(s, error->msg, 0);
}

/* Kept for as long as it is asked only: seeds are many, and most at rest. */
static enum err_code url_of_range(struct web_seed *s, struct err *e)
{
	char url[WEB_SEED_URL_CAP];
	enum err_code code = ERR_NONE;

	free(s->asked_url);
	s->asked_url = NULL;
	if (s->moved && s->moved_file == s->asked.file)
		(void)snprintf(url, sizeof(url), "%s", s->moved);
	else
		code = web_seed_url(url, s->url, s->all->meta, s->asked.file,
				    e);
	if (code == ERR_NONE && !(s->asked_url = strdup(url)))
		code = err_fail(e, ERR_NOMEM, "web seed");
	return code;
}

static void ask(struct web_seed *s)
{
	char range[80];
	const char *headers[] = {range};
	struct http_ask what = {.headers = headers,
				.header_count = 1,
				.on_body = on_body,
				.stall_s = STALL_S,
				.max_redirects = REDIRECTS,
				.allow = may_ask};
	struct err e = {0};
	enum err_code code;

	if (url_of_range(s, &e) != ERR_NONE) {
		go_for_good(s, e.msg);
		return;
	}
	what.url = s->asked_url;
	(void)snprintf(range, sizeof(range),
		       "Range: bytes=%" PRIu64 "-%" PRIu64, s->asked.offset,
		       s->asked.offset + s->asked.len - 1);
	s->judged = s->paused = false;
	code = http_start(s->all->engine->web, &s->request, &what, on_done, s,
			  &e);
	if (code == ERR_NONE) {
		s->state = ASKING;
	} else if (code == ERR_LIMIT) {
		leave_run(s); /* the node's requests are all under way */
		s->state = AWAY;
		s->away_until_ms = now_ms(s->all) + BUSY_MS;
		s->why[0] = '\0';
	} else {
		go_for_good(s, e.msg);
	}
}

/* --- who is next -----------------------------------------------------------
 */

static void on_wake(void *ctx)
{
	struct web_seed *s = ctx;

	loop_timer_set(s->all->timer, 0);
}

static void on_banned(void *ctx)
{
	struct web_seed *s = ctx;

	s->banned = true;
	loop_timer_set(s->all->timer, 0);
}

static const struct swarm_source_ops source_ops = {on_wake, on_banned};

/* What the run has of pads is known; of the rest the first range is asked
 * for. */
static void go_on(struct web_seed *s)
{
	struct web_seeds *w = s->all;

	if (s->at == s->end &&
	    !swarm_source_take(s->src, now_ms(w), &s->at, &s->end))
		return;
	while (s->at < s->end && !s->banned) {
		web_seed_range(&s->asked, w->meta, s->at, s->end);
		if (!s->asked.pad) {
			ask(s);
			return;
		}
		swarm_source_feed(s->src, now_ms(w), NULL,
				  (size_t)s->asked.len);
		s->at += s->asked.len;
	}
	loop_timer_set(w->timer, 0);
}

static void look(struct web_seed *s, unsigned *busy)
{
	struct web_seeds *w = s->all;

	if (s->banned && s->state != GONE) {
		go_for_good(s, "it sent false data");
		return;
	}
	if (s->state == AWAY && now_ms(w) >= s->away_until_ms)
		s->state = IDLE;
	if (s->state == ASKING && s->paused &&
	    swarm_source_quota(s->src, now_ms(w)) > 0) {
		s->paused = false;
		http_resume(s->request);
	}
	if (s->state == IDLE && !s->src)
		s->src = swarm_source_new(w->swarm, &source_ops, s);
	if (s->state == IDLE && s->src && *busy < WEB_SEEDS_BUSY)
		go_on(s);
	*busy += s->state == ASKING;
}

void web_seeds_tick(struct web_seeds *w)
{
	unsigned busy = 0;

	if (!w)
		return;
	for (unsigned i = 0; i < w->count; i++)
		busy += w->seeds[i]->state == ASKING;
	for (unsigned i = 0; i < w->count && w->swarm; i++) {
		busy -= w->seeds[i]->state == ASKING;
		look(w->seeds[i], &busy);
	}
}

static void on_timer(void *ctx)
{
	web_seeds_tick(ctx);
}

/* --- life ------------------------------------------------------------------
 */

static bool known(const struct web_seeds *w, const char *url)
{
	for (unsigned i = 0; i < w->count; i++)
		if (strcmp(w->seeds[i]->url, url) == 0)
			return true;
	return false;
}

static enum err_code add(struct web_seeds *w, const char *url,
			 enum web_seed_by by, struct err *e)
{
	struct web_seed *s;
	enum err_code code = web_seed_check_url(url, e);

	if (code != ERR_NONE || known(w, url))
		return code;
	if (w->count == WEB_SEEDS_MAX)
		return err_fail(e, ERR_LIMIT, "more than %u web seeds",
				WEB_SEEDS_MAX);
	s = calloc(1, sizeof(*s));
	if (s)
		s->url = strdup(url);
	if (!s || !s->url) {
		free(s);
		return err_fail(e, ERR_NOMEM, "web seed");
	}
	s->all = w;
	s->by = by;
	w->seeds[w->count++] = s;
	return ERR_NONE;
}

enum err_code web_seeds_add(struct web_seeds *w, const char *url, struct err *e)
{
	enum err_code code = add(w, url, WEB_SEED_BY_USER, e);

	if (code == ERR_NONE && w->swarm)
		loop_timer_set(w->timer, 0);
	return code;
}

void web_seeds_start(struct web_seeds *w, const struct metainfo *meta,
		     struct swarm *swarm)
{
	/* kinds that we do not speak (ftp) are passed over */
	for (uint32_t i = 0; !w->took_meta && i < meta->web_seed_count; i++)
		(void)add(w, meta->web_seeds[i], WEB_SEED_BY_TORRENT, NULL);
	w->took_meta = true;
	w->meta = meta;
	w->swarm = swarm;
	if (w->count)
		loop_timer_set(w->timer, 0);
}

void web_seeds_stop(struct web_seeds *w)
{
	if (!w || !w->swarm)
		return;
	for (unsigned i = 0; i < w->count; i++) {
		leave_swarm(w->seeds[i]);
		if (w->seeds[i]->state == ASKING)
			w->seeds[i]->state = IDLE;
	}
	w->swarm = NULL;
	loop_timer_cancel(w->timer);
}

enum err_code web_seeds_new(struct web_seeds **out, struct engine *en,
			    void (*note)(void *ctx, const char *text),
			    void *ctx, struct err *e)
{
	struct web_seeds *w = calloc(1, sizeof(*w));

	if (w)
		w->timer = loop_timer_new(en->loop, on_timer, w);
	if (!w || !w->timer) {
		free(w);
		return err_fail(e, ERR_NOMEM, "web seeds");
	}
	w->engine = en;
	w->note = note;
	w->ctx = ctx;
	*out = w;
	return ERR_NONE;
}

void web_seeds_free(struct web_seeds *w)
{
	if (!w)
		return;
	web_seeds_stop(w);
	for (unsigned i = 0; i < w->count; i++) {
		free(w->seeds[i]->moved);
		free(w->seeds[i]->asked_url);
		free(w->seeds[i]->url);
		free(w->seeds[i]);
	}
	loop_timer_free(w->timer);
	free(w);
}

json_t *web_seeds_json(const struct web_seeds *w)
{
	static const char *const names[] = {"idle", "asking", "away", "gone"};
	json_t *list = w && w->count ? json_array() : NULL;

	for (unsigned i = 0; list && i < w->count; i++) {
		const struct web_seed *s = w->seeds[i];
		uint64_t bytes = s->before;
		uint32_t rate = s->src ? swarm_source_rate(s->src) : 0;
		json_t *o;

		bytes += s->src ? swarm_source_bytes(s->src) : 0;
		o = json_pack("{ss ss sI sI}", "url", s->url, "state",
			      names[s->state], "rate_down", (json_int_t)rate,
			      "downloaded", (json_int_t)bytes);
		if (o && (s->state == AWAY || s->state == GONE) && s->why[0])
			(void)json_object_set_new(o, "why",
						  json_string(s->why));
		(void)json_array_append_new(list, o);
	}
	return list;
}
