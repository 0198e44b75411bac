#include "ledger/evm_rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
	char url[EVM_URL_MAX];
	char name[80];
	unsigned failures;  /* in a row */
	int64_t down_until; /* monotonic ms */
	char why[100];	    /* of the newest failure */
};

struct evm_rpc {
	struct loop *loop;
	struct http *http;
	struct evm_rpc_config cfg;
	struct log *log;
	struct node nodes[EVM_MAX_NODES];
	size_t n_nodes;
	uint64_t chain_id;
	uint64_t next_id;
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

enum err_code evm_rpc_new(struct evm_rpc **out, struct loop *loop,
			  struct http *http, const struct evm_rpc_config *cfg,
			  struct log *log, struct err *e)
{
	struct evm_rpc *rpc;

	if (cfg->n_urls < 1 || cfg->n_urls > EVM_MAX_NODES)
		return err_fail(e, ERR_LIMIT,
				"%zu chain URLs, want 1 to %d: set `rpc`",
				cfg->n_urls, EVM_MAX_NODES);
	rpc = calloc(1, sizeof(*rpc));
	if (!rpc)
		return err_fail(e, ERR_NOMEM, "no memory");
	*rpc = (struct evm_rpc){.loop = loop,
				.http = http,
				.cfg = *cfg,
				.log = log,
				.n_nodes = cfg->n_urls,
				.chain_id = cfg->chain_id,
				.next_id = 1};
	for (size_t i = 0; i < cfg->n_urls; i++) {
		struct node *node = &rpc->nodes[i];
		size_t len = strlen(cfg->urls[i]);

		if (len >= sizeof(node->url) ||
		    !node_name(node->name, sizeof(node->name), cfg->urls[i])) {
			free(rpc);
			return err_fail(e, ERR_PARSE,
					"chain URL %zu is not http(s)://host",
					i + 1);
		}
		memcpy(node->url, cfg->urls[i], len + 1);
	}
	*out = rpc;
	return ERR_NONE;
}

size_t evm_rpc_nodes(const struct evm_rpc *rpc)
{
	return rpc->n_nodes;
}

const char *evm_rpc_name(const struct evm_rpc *rpc, size_t node)
{
	return rpc->nodes[node].name;
}

uint64_t evm_rpc_chain_id(const struct evm_rpc *rpc)
{
	return rpc->chain_id;
}

bool evm_rpc_pick(const struct evm_rpc *rpc, unsigned *tried, size_t *node)
{
	const struct node *best = NULL;

	for (size_t i = 0; i < rpc->n_nodes; i++) {
		const struct node *one = &rpc->nodes[i];

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

static void node_failed(struct evm_rpc *rpc, struct node *node, const char *why)
{
	int64_t wait = rpc->cfg.retry_ms;

	for (unsigned i = 0; i < node->failures && wait < rpc->cfg.max_down_ms;
	     i++)
		wait *= 2;
	if (wait > rpc->cfg.max_down_ms)
		wait = rpc->cfg.max_down_ms;
	node->failures++;
	(void)snprintf(node->why, sizeof(node->why), "%s", why);
	node->down_until = loop_now_ms(rpc->loop) + wait;
}

void evm_rpc_blame(struct evm_rpc *rpc, size_t node, const char *method,
		   const struct err *what, struct err *out)
{
	log_line(rpc->log, LOG_WARN, "chain",
		 "refused node=%s method=%s why=\"%s\"", rpc->nodes[node].name,
		 method, what->msg);
	node_failed(rpc, &rpc->nodes[node], what->msg);
	(void)err_fail(out, what->code, "%s: %s: %s", rpc->nodes[node].name,
		       method, what->msg);
}

/* ----------------------------------------------------------------- batches */

void evm_rpc_free(struct evm_rpc *rpc)
{
	free(rpc);
}

static void on_timer(void *ctx);

enum err_code evm_batch_init(struct evm_batch *b, struct evm_rpc *rpc,
			     struct err *e)
{
	*b = (struct evm_batch){.rpc = rpc};
	b->timer = loop_timer_new(rpc->loop, on_timer, b);
	if (!b->timer)
		return err_fail(e, ERR_NOMEM, "no memory");
	return ERR_NONE;
}

void evm_batch_cancel(struct evm_batch *b)
{
	http_cancel(b->request);
	b->request = NULL;
	loop_timer_cancel(b->timer);
	b->sent = false;
}

void evm_batch_clear(struct evm_batch *b)
{
	if (!b->rpc)
		return;
	evm_batch_cancel(b);
	loop_timer_free(b->timer);
	evm_text_clear(&b->text);
	b->rpc = NULL;
}

void evm_batch_begin(struct evm_batch *b, size_t node)
{
	evm_text_clear(&b->text);
	b->node = node;
	b->n = 0;
	b->open = false;
	b->tries = 0;
	b->first_id = b->rpc->next_id;
	evm_text_str(&b->text, "[");
	(void)evm_batch_add(b, "eth_chainId");
}

struct evm_text *evm_batch_add(struct evm_batch *b, const char *method)
{
	if (b->n == EVM_MAX_BATCH) {
		b->text.bad = true;
		return &b->text;
	}
	if (b->open)
		evm_text_str(&b->text, "]},");
	b->open = true;
	b->methods[b->n++] = method;
	evm_text_begin(&b->text, b->rpc->next_id++, method);
	return &b->text;
}

void evm_batch_send(struct evm_batch *b, evm_batch_fn *fn, void *ctx)
{
	evm_text_str(&b->text, "]}]");
	b->fn = fn;
	b->ctx = ctx;
	b->sent = true;
	loop_timer_set(b->timer, 0);
}

/* "eth_call", or "eth_call and 3 more". */
static const char *batch_methods(const struct evm_batch *b, char *buf,
				 size_t cap)
{
	if (b->n <= 2)
		return b->methods[b->n - 1];
	(void)snprintf(buf, cap, "%s and %zu more", b->methods[1], b->n - 2);
	return buf;
}

static void finish(struct evm_batch *b, const struct evm_reply *r,
		   const struct err *e)
{
	b->sent = false;
	b->fn(b->ctx, r, e);
}

/* Tried again when it was the way there that failed, not the answer. */
static void failed(struct evm_batch *b, enum err_code code, bool retry,
		   const char *what)
{
	const struct evm_rpc_config *cfg = &b->rpc->cfg;
	struct node *node = &b->rpc->nodes[b->node];
	struct err e = {0};
	char buf[64];

	(void)err_fail(&e, code, "%s: %s: %s", node->name,
		       batch_methods(b, buf, sizeof(buf)), what);
	if (retry && b->tries < cfg->tries) {
		int64_t wait = cfg->retry_ms << (b->tries - 1);

		log_line(b->rpc->log, LOG_DEBUG, "chain",
			 "retry in_ms=%lld why=\"%s\"", (long long)wait, e.msg);
		loop_timer_set(b->timer, wait);
		return;
	}
	log_line(b->rpc->log, LOG_WARN, "chain", "failed why=\"%s\"", e.msg);
	node_failed(b->rpc, node, what);
	finish(b, NULL, &e);
}

/* Takes our own question off the front of the reply. */
static bool right_chain(struct evm_batch *b, struct evm_reply *r, struct err *e)
{
	struct evm_rpc *rpc = b->rpc;
	uint64_t id;

	if (!r->answers[0].result) {
		(void)err_fail(e, ERR_CHAIN, "eth_chainId refused: %s",
			       r->answers[0].message);
		return false;
	}
	if (evm_get_u64(&id, r->answers[0].result, e) != ERR_NONE)
		return false;
	if (rpc->chain_id == 0)
		rpc->chain_id = id;
	if (id != rpc->chain_id) {
		(void)err_fail(e, ERR_CHAIN, "is chain %llu, want %llu",
			       (unsigned long long)id,
			       (unsigned long long)rpc->chain_id);
		return false;
	}
	r->n--;
	memmove(&r->answers[0], &r->answers[1], r->n * sizeof(r->answers[0]));
	return true;
}

static void read_reply(struct evm_batch *b, const char *body, size_t len)
{
	struct evm_reply *r = malloc(sizeof(*r));
	struct err e = {0};

	if (!r) {
		failed(b, ERR_NOMEM, false, "no memory");
		return;
	}
	if (evm_reply_decode(r, body, len, b->first_id, b->n, true, &e) !=
		    ERR_NONE ||
	    !right_chain(b, r, &e)) {
		failed(b, e.code, false, e.msg);
	} else {
		b->rpc->nodes[b->node].failures = 0;
		finish(b, r, NULL);
	}
	evm_reply_clear(r);
	free(r);
}

static void on_answer(void *ctx, const struct http_answer *a,
		      const struct err *e)
{
	struct evm_batch *b = ctx;
	char what[64];

	b->request = NULL;
	if (e) {
		failed(b, e->code == ERR_LIMIT ? ERR_LIMIT : ERR_CHAIN,
		       e->code == ERR_IO, e->msg);
		return;
	}
	/* Some nodes put a JSON-RPC error into a 4xx: read it if it is one. */
	if (a->status == 200 ||
	    (a->status >= 400 && a->status < 500 && a->status != 429 &&
	     a->body_len && (a->body[0] == '{' || a->body[0] == '['))) {
		read_reply(b, (const char *)a->body, a->body_len);
		return;
	}
	(void)snprintf(what, sizeof(what), "HTTP status %d", a->status);
	failed(b, ERR_CHAIN, a->status == 429 || a->status >= 500, what);
}

static void post(struct evm_batch *b)
{
	static const char *const headers[] = {"Content-Type: application/json"};
	struct http_ask ask = {.url = b->rpc->nodes[b->node].url,
			       .headers = headers,
			       .header_count = 1,
			       .body = b->text.s,
			       .body_len = b->text.len,
			       .max_body = EVM_MAX_REPLY,
			       .timeout_ms = b->rpc->cfg.timeout_ms};
	struct err e = {0};

	b->tries++;
	if (http_start(b->rpc->http, &b->request, &ask, on_answer, b, &e) !=
	    ERR_NONE)
		failed(b, e.code, e.code == ERR_LIMIT, e.msg);
}

/* Time to post, for the first time or again. */
static void on_timer(void *ctx)
{
	struct evm_batch *b = ctx;
	struct evm_rpc *rpc = b->rpc;
	struct node *node = &rpc->nodes[b->node];
	int64_t down;

	down = node->down_until - loop_now_ms(rpc->loop);
	if (b->text.bad) {
		failed(b, ERR_LIMIT, false, "a question too long");
		return;
	}
	if (b->tries == 0 && node->failures && down > 0) {
		struct err e = {0};

		(void)err_fail(&e, ERR_CHAIN, "%s: %s (next try in %lld s)",
			       node->name, node->why,
			       (long long)(down + 999) / 1000);
		finish(b, NULL, &e);
		return;
	}
	post(b);
}
