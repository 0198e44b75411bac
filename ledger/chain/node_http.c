#include "ledger/chain/node_http.h"

#include "ledger/chain/node_key.h"

#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	char url[NODE_URL_MAX];
	char other[NODE_URL_MAX];
	char name[80];
	unsigned failures;  /* in a row */
	int64_t down_until; /* monotonic ms */
	char why[100];	    /* of the newest failure */
};

struct node_set {
	struct loop *loop;
	struct http *http;
	struct node_config cfg;
	struct log *log;
	struct node nodes[NODE_MAX];
	size_t n;
	char key[NODE_KEY_MAX]; /* secret; "": none */
};

/* ------------------------------------------------------------------- nodes */

/* "host:port" out of "scheme://user:pass@host:port/secret". */
static bool node_name(char *out, size_t cap, const char *url)
{
	const char *host = strstr(url, "://"), *at;
	size_t n;

	if (!host || (strncmp(url, "http://", 7) != 0 &&
		      strncmp(url, "https://", 8) != 0))
		return false;
	host += 3;
	n = strcspn(host, "/?#");
	at = memchr(host, '@', n);
	if (at) {
		n -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	if (n == 0 || n >= cap)
		return false;
	memcpy(out, host, n);
	out[n] = 0;
	return true;
}

static bool node_fill(struct node *node, const char *url, const char *other)
{
	char name[sizeof(node->name)];

	if (!other)
		other = url;
	if (strlen(url) >= sizeof(node->url) ||
	    strlen(other) >= sizeof(node->other) ||
	    !node_name(node->name, sizeof(node->name), url) ||
	    !node_name(name, sizeof(name), other))
		return false;
	memcpy(node->url, url, strlen(url) + 1);
	memcpy(node->other, other, strlen(other) + 1);
	return true;
}

enum err_code node_set_new(struct node_set **out, struct loop *loop,
			   struct http *http, const struct node_config *cfg,
			   struct log *log, struct err *e)
{
	struct node_set *s;

	if (cfg->n_urls < 1 || cfg->n_urls > NODE_MAX)
		return err_fail(e, ERR_LIMIT,
				"%zu chain URLs, want 1 to %d: set `rpc`",
				cfg->n_urls, NODE_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_fail(e, ERR_NOMEM, "no memory");
	*s = (struct node_set){.loop = loop,
			       .http = http,
			       .cfg = *cfg,
			       .log = log,
			       .n = cfg->n_urls};
	s->cfg.key = NULL;
	(void)snprintf(s->key, sizeof(s->key), "%s", cfg->key ? cfg->key : "");
	for (size_t i = 0; i < cfg->n_urls; i++)
		if (!node_fill(&s->nodes[i], cfg->urls[i], cfg->others[i])) {
			node_set_free(s);
			return err_fail(e, ERR_PARSE,
					"chain URL %zu is not http(s)://host",
					i + 1);
		}
	*out = s;
	return ERR_NONE;
}

void node_set_free(struct node_set *s)
{
	if (s)
		sodium_memzero(s->key, sizeof(s->key));
	free(s);
}

size_t node_set_count(const struct node_set *s)
{
	return s->n;
}

const char *node_set_name(const struct node_set *s, size_t node)
{
	return s->nodes[node].name;
}

bool node_set_pick(const struct node_set *s, unsigned *tried, size_t *node)
{
	const struct node *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct node *one = &s->nodes[i];

		if (*tried & 1U << i ||
		    (best && one->failures >= best->failures))
			continue;
		best = one;
		*node = i;
	}
	if (best)
		*tried |= 1U << *node;
	return best != NULL;
}

static void node_failed(struct node_set *s, struct node *node, const char *why)
{
	int64_t wait = s->cfg.retry_ms;

	for (unsigned i = 0; i < node->failures && wait < s->cfg.max_down_ms;
	     i++)
		wait *= 2;
	if (wait > s->cfg.max_down_ms)
		wait = s->cfg.max_down_ms;
	node->failures++;
	(void)snprintf(node->why, sizeof(node->why), "%s", why);
	node->down_until = loop_now_ms(s->loop) + wait;
}

void node_set_blame(struct node_set *s, size_t node, const char *what,
		    const struct err *why, struct err *out)
{
	log_line(s->log, LOG_WARN, "chain",
		 "refused node=%s method=%s why=\"%s\"", s->nodes[node].name,
		 what, why->msg);
	node_failed(s, &s->nodes[node], why->msg);
	(void)err_fail(out, why->code, "%s: %s: %s", s->nodes[node].name, what,
		       why->msg);
}

/* ------------------------------------------------------------------- posts */

static void on_timer(void *ctx);

enum err_code node_post_init(struct node_post *p, struct node_set *s,
			     struct err *e)
{
	*p = (struct node_post){.set = s};
	p->timer = loop_timer_new(s->loop, on_timer, p);
	if (!p->timer)
		return err_fail(e, ERR_NOMEM, "no memory");
	return ERR_NONE;
}

void node_post_cancel(struct node_post *p)
{
	http_cancel(p->request);
	p->request = NULL;
	loop_timer_cancel(p->timer);
}

void node_post_clear(struct node_post *p)
{
	if (!p->set)
		return;
	node_post_cancel(p);
	loop_timer_free(p->timer);
	p->set = NULL;
}

void node_post_send(struct node_post *p, size_t node, bool other,
		    const char *path, const char *what, const char *body,
		    size_t len, node_post_fn *fn, void *ctx)
{
	p->node = node;
	p->other = other;
	(void)snprintf(p->path, sizeof(p->path), "%s", path);
	p->what = what;
	p->body = body;
	p->len = len;
	p->tries = 0;
	p->fn = fn;
	p->ctx = ctx;
	loop_timer_set(p->timer, 0);
}

void node_post_good(struct node_post *p)
{
	p->set->nodes[p->node].failures = 0;
}

void node_post_bad(struct node_post *p, enum err_code code, const char *why,
		   struct err *out)
{
	struct node *node = &p->set->nodes[p->node];

	*out = (struct err){0};
	(void)err_fail(out, code, "%s: %s: %s", node->name, p->what, why);
	log_line(p->set->log, LOG_WARN, "chain", "failed why=\"%s\"", out->msg);
	node_failed(p->set, node, why);
}

/* One of several that failed the last time too: what waits for all nodes need
 * not wait for it at length. */
static bool is_given_up(const struct node_post *p)
{
	return p->set->n > 1 && p->set->nodes[p->node].failures > 0;
}

/* Tried again when it was the way there that failed, not the answer. */
static void failed(struct node_post *p, enum err_code code, bool retry,
		   int64_t patience, const char *why)
{
	const struct node_config *cfg = &p->set->cfg;
	struct err e = {0};

	if (retry && p->tries < cfg->tries && !is_given_up(p)) {
		int64_t wait = patience * (cfg->retry_ms << (p->tries - 1));

		log_line(p->set->log, LOG_DEBUG, "chain",
			 "retry in_ms=%lld why=\"%s: %s: %s\"", (long long)wait,
			 p->set->nodes[p->node].name, p->what, why);
		loop_timer_set(p->timer, wait);
		return;
	}
	node_post_bad(p, code, why, &e);
	p->fn(p->ctx, NULL, &e);
}

/* How providers say that a client asked for more than it may: these clear by
 * waiting, some only after seconds. */
#define TOO_MUCH_PATIENCE 4

static bool too_much(int status)
{
	return status == 403 || status == 429;
}

static void on_answer(void *ctx, const struct http_answer *a,
		      const struct err *e)
{
	struct node_post *p = ctx;
	char what[80];

	p->request = NULL;
	if (e) {
		failed(p, e->code == ERR_LIMIT ? ERR_LIMIT : ERR_CHAIN,
		       e->code == ERR_IO, 1, e->msg);
		return;
	}
	/* Some nodes put an error in JSON into a 4xx: read it if it is one. */
	if (a->status == 200 ||
	    (a->status >= 400 && a->status < 500 && !too_much(a->status) &&
	     a->body_len && (a->body[0] == '{' || a->body[0] == '['))) {
		p->fn(p->ctx, a, NULL);
		return;
	}
	(void)snprintf(what, sizeof(what), "HTTP status %d%s", a->status,
		       too_much(a->status)
			       ? ": too many requests, or no key for them"
			       : "");
	failed(p, ERR_CHAIN, too_much(a->status) || a->status >= 500,
	       too_much(a->status) ? TOO_MUCH_PATIENCE : 1, what);
}

static void post(struct node_post *p)
{
	const char *const headers[] = {"Content-Type: application/json",
				       p->set->key};
	char url[NODE_URL_MAX + NODE_PATH_MAX];
	struct http_ask ask = {.url = url,
			       .headers = headers,
			       .header_count = p->set->key[0] ? 2 : 1,
			       .body = p->body,
			       .body_len = p->len,
			       .max_body = p->set->cfg.max_reply,
			       .direct_to_loopback = true,
			       .timeout_ms = p->set->cfg.timeout_ms};
	struct err e = {0};

	(void)snprintf(url, sizeof(url), "%s%s",
		       p->other ? p->set->nodes[p->node].other
				: p->set->nodes[p->node].url,
		       p->path);
	p->tries++;
	if (http_start(p->set->http, &p->request, &ask, on_answer, p, &e) !=
	    ERR_NONE)
		failed(p, e.code, e.code == ERR_LIMIT, 1, e.msg);
}

/* Time to post, for the first time or again. */
static void on_timer(void *ctx)
{
	struct node_post *p = ctx;
	struct node *node = &p->set->nodes[p->node];
	int64_t down = node->down_until - loop_now_ms(p->set->loop);

	if (!p->body) {
		failed(p, ERR_LIMIT, false, 1, "a question too long");
		return;
	}
	if (p->tries == 0 && node->failures && down > 0) {
		struct err e = {0};

		(void)err_fail(&e, ERR_CHAIN, "%s: %s (next try in %lld s)",
			       node->name, node->why,
			       (long long)(down + 999) / 1000);
		p->fn(p->ctx, NULL, &e);
		return;
	}
	post(p);
}
