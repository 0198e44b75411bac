/* node_http.h - asking chain nodes over HTTP, with patience.
 *
 * A node is one URL. What is posted to it is answered once: with a body, or
 * with one line that says who, what was asked, what went wrong. A post that
 * fails on the way (refused, time-out, 5xx) is sent again a few times, later
 * each time, and later still after 403 and 429, by which providers say that it
 * was too much; all that is sent here is safe to send twice. A node that
 * goes on failing, or talks nonsense, is left alone for a while, up to
 * max_down_ms, and where there are others it is then tried once. Thread: the
 * loop.
 */
#ifndef LEDGER_NODE_HTTP_H
#define LEDGER_NODE_HTTP_H

#include "base/http.h"
#include "base/log.h"
#include "base/loop.h"

#define NODE_MAX 4	 /* nodes of one chain */
#define NODE_URL_MAX 256 /* with the NUL */
#define NODE_PATH_MAX 64

struct node_config {
	const char *urls[NODE_MAX];
	const char *others[NODE_MAX]; /* a second port that some kinds of node
					 have; NULL: all is at one */
	size_t n_urls;
	uint32_t timeout_ms; /* of one HTTP request */
	unsigned tries;	     /* of one post */
	int64_t retry_ms;    /* before the second try; doubles each time */
	int64_t max_down_ms; /* longest that a failing node is left alone */
	size_t max_reply;    /* bytes of an answer */
	const char *key;     /* a header for every request (node_key.h), copied;
				NULL: none */
};

struct node_set;

/* http and log are borrowed. ERR_PARSE: an URL that is none; ERR_LIMIT: none at
 * all, or too many. */
enum err_code node_set_new(struct node_set **out, struct loop *loop,
			   struct http *http, const struct node_config *cfg,
			   struct log *log, struct err *e);
/* Every post must be cleared. NULL is a no-op. */
void node_set_free(struct node_set *s);

size_t node_set_count(const struct node_set *s);
/* Host and port, for people; no path, which may hold a secret. */
const char *node_set_name(const struct node_set *s, size_t node);
/* The node that failed least of those not in `tried` (bit i: node i), which it
 * joins; false when all are. */
bool node_set_pick(const struct node_set *s, unsigned *tried, size_t *node);
/* A node's answer decoded to nonsense: one line in the log, and the node counts
 * as failing. *out (may be NULL) gets "node: what: why". */
void node_set_blame(struct node_set *s, size_t node, const char *what,
		    const struct err *why, struct err *out);

struct node_post;

/* The answer of HTTP, of status 200 or a 4xx (not 403, 429) with JSON in it, or
 * e. Both live until it returns. Says by node_post_good() or node_post_bad()
 * whether the answer could be used. */
typedef void node_post_fn(void *ctx, const struct http_answer *a,
			  const struct err *e);

/* Embedded in the caller's object, used again and again; members are
 * node_http.c's own. */
struct node_post {
	struct node_set *set;
	struct loop_timer *timer;
	struct http_request *request; /* while it runs */
	size_t node;
	bool other;
	char path[NODE_PATH_MAX];
	const char *what;
	const char *body;
	size_t len;
	unsigned tries;
	node_post_fn *fn;
	void *ctx;
};

/* ERR_NOMEM. Cleared with node_post_clear(), which also takes it back. */
enum err_code node_post_init(struct node_post *p, struct node_set *s,
			     struct err *e);
void node_post_clear(struct node_post *p);
/* fn is called once, later; it may send again. `path` follows the node's URL
 * (that of its other port, if so); `what` (for people), and the body are
 * borrowed until fn was called. A body of NULL was too long: ERR_LIMIT. */
void node_post_send(struct node_post *p, size_t node, bool other,
		    const char *path, const char *what, const char *body,
		    size_t len, node_post_fn *fn, void *ctx);
/* fn will not be called. */
void node_post_cancel(struct node_post *p);
/* From within fn: what came could be used, or not, and then why. *out gets
 * "node: what: why". */
void node_post_good(struct node_post *p);
void node_post_bad(struct node_post *p, enum err_code code, const char *why,
		   struct err *out);

#endif
