#include "ledger/chain/tron_rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tron_rpc {
	struct node_set *nodes;
	uint64_t chain_id;
};

enum err_code tron_rpc_new(struct tron_rpc **out, struct loop *loop,
			   struct http *http, const struct tron_rpc_config *cfg,
			   struct log *log, struct err *e)
{
	struct node_config nodes = cfg->nodes;
	struct tron_rpc *rpc = calloc(1, sizeof(*rpc));
	enum err_code rc;

	if (!rpc)
		return err_fail(e, ERR_NOMEM, "no memory");
	rpc->chain_id = cfg->chain_id;
	nodes.max_reply = TRON_MAX_REPLY;
	rc = node_set_new(&rpc->nodes, loop, http, &nodes, log, e);
	if (rc != ERR_NONE) {
		free(rpc);
		return rc;
	}
	*out = rpc;
	return ERR_NONE;
}

void tron_rpc_free(struct tron_rpc *rpc)
{
	if (!rpc)
		return;
	node_set_free(rpc->nodes);
	free(rpc);
}

struct node_set *tron_rpc_nodes(struct tron_rpc *rpc)
{
	return rpc->nodes;
}

uint64_t tron_rpc_chain_id(const struct tron_rpc *rpc)
{
	return rpc->chain_id;
}

/* ----------------------------------------------------------------- batches */

enum err_code tron_batch_init(struct tron_batch *b, struct tron_rpc *rpc,
			      struct err *e)
{
	*b = (struct tron_batch){.rpc = rpc};
	for (size_t i = 0; i <= TRON_MAX_BATCH; i++) {
		enum err_code rc;

		b->slots[i].batch = b;
		rc = node_post_init(&b->slots[i].post, rpc->nodes, e);
		if (rc != ERR_NONE)
			return rc;
	}
	return ERR_NONE;
}

static void empty(struct tron_batch *b)
{
	for (size_t i = 0; i <= TRON_MAX_BATCH; i++) {
		struct tron_slot *s = &b->slots[i];

		node_text_clear(&s->text);
		json_decref(s->root);
		s->root = NULL;
		s->why = (struct err){0};
	}
	b->n = 0;
}

void tron_batch_cancel(struct tron_batch *b)
{
	for (size_t i = 0; i <= TRON_MAX_BATCH; i++)
		node_post_cancel(&b->slots[i].post);
}

void tron_batch_clear(struct tron_batch *b)
{
	if (!b->rpc)
		return;
	for (size_t i = 0; i <= TRON_MAX_BATCH; i++)
		node_post_clear(&b->slots[i].post);
	empty(b);
	b->rpc = NULL;
}

void tron_batch_begin(struct tron_batch *b, size_t node, bool check)
{
	empty(b);
	b->node = node;
	b->check = check;
	if (check)
		tron_batch_add_probe(b, true, NULL, 0);
}

struct node_text *tron_batch_add(struct tron_batch *b, bool solid,
				 const char *path)
{
	struct tron_slot *s = &b->slots[b->n];

	if (b->n == TRON_MAX_BATCH + (b->check ? 1U : 0U)) {
		s = &b->slots[b->n - 1]; /* told as a text's own failure */
		s->text.bad = true;
		return &s->text;
	}
	b->n++;
	s->solid = solid;
	s->path = path;
	return &s->text;
}

/* Who asks makes no difference and need not exist. */
static const struct address nobody;

void tron_batch_add_probe(struct tron_batch *b, bool solid,
			  const struct chain_ask *asks, size_t n)
{
	uint8_t code[TRON_PROBE_MAX];
	size_t len = tron_probe_code(code, sizeof(code), asks, n);
	struct node_text *t =
		tron_batch_add(b, solid, "triggerconstantcontract");

	tron_text_call(t, &nobody, NULL, 0, code, len);
	t->bad = t->bad || len == 0;
}

static enum err_code right_chain(struct tron_rpc *rpc, uint64_t id,
				 struct err *e)
{
	if (rpc->chain_id == 0)
		rpc->chain_id = id;
	if (id == rpc->chain_id)
		return ERR_NONE;
	return err_fail(e, ERR_CHAIN, "is chain %llu, want %llu",
			(unsigned long long)id,
			(unsigned long long)rpc->chain_id);
}

enum err_code tron_answer_probe(struct tron_rpc *rpc, struct tron_view *at,
				struct chain_answer *answers,
				const struct chain_ask *asks, size_t n,
				const struct tron_answer *a, struct err *e)
{
	struct tron_constant c = {0};
	enum err_code rc;

	for (size_t i = 0; i < n; i++)
		answers[i] = (struct chain_answer){0};
	if (!a->v)
		return err_fail(e, a->why.code, "%s", a->why.msg);
	rc = tron_get_constant(&c, a->v, e);
	if (rc == ERR_NONE && !c.ok)
		rc = err_fail(e, ERR_CHAIN, "%s", c.reason);
	if (rc == ERR_NONE)
		rc = tron_probe_read(at, answers, asks, n, c.data, c.len, e);
	if (rc == ERR_NONE)
		rc = right_chain(rpc, at->chain_id, e);
	tron_constant_clear(&c);
	return rc;
}

static void fail(struct tron_batch *b, const struct err *why)
{
	struct err e = *why; /* what it points to may go with the slots */

	tron_batch_cancel(b);
	b->fn(b->ctx, NULL, &e);
}

static void all_came(struct tron_batch *b)
{
	const struct tron_answer first = {b->slots[0].root, b->slots[0].why};
	size_t skip = b->check ? 1 : 0;
	struct tron_reply r = {.n = b->n - skip};
	struct err e = {0}, why = {0};
	struct tron_view at;

	if (b->check && tron_answer_probe(b->rpc, &at, NULL, NULL, 0, &first,
					  &e) != ERR_NONE) {
		node_post_bad(&b->slots[0].post, e.code, e.msg, &why);
		fail(b, &why);
		return;
	}
	for (size_t i = 0; i < r.n; i++)
		r.answers[i] = (struct tron_answer){b->slots[i + skip].root,
						    b->slots[i + skip].why};
	node_post_good(&b->slots[0].post);
	b->fn(b->ctx, &r, NULL);
}

static void on_answer(void *ctx, const struct http_answer *a,
		      const struct err *error)
{
	struct tron_slot *s = ctx;
	struct tron_batch *b = s->batch;
	struct err e = {0}, why = {0};

	if (error) {
		fail(b, error);
		return;
	}
	if (tron_body_decode(&s->root, (const char *)a->body, a->body_len,
			     &e) != ERR_NONE) {
		json_decref(s->root);
		s->root = NULL;
		s->why = e;
	}
	/* {"Error"} is an answer; the rest is nonsense */
	if (s->why.code != ERR_NONE && s->why.code != ERR_CHAIN) {
		node_post_bad(&s->post, s->why.code, s->why.msg, &why);
		fail(b, &why);
		return;
	}
	if (--b->waiting == 0)
		all_came(b);
}

void tron_batch_send(struct tron_batch *b, tron_batch_fn *fn, void *ctx)
{
	b->fn = fn;
	b->ctx = ctx;
	b->waiting = b->n;
	for (size_t i = 0; i < b->n; i++) {
		struct tron_slot *s = &b->slots[i];
		char path[NODE_PATH_MAX];

		(void)snprintf(path, sizeof(path), "/%s/%s",
			       s->solid ? "walletsolidity" : "wallet", s->path);
		node_post_send(&s->post, b->node, s->solid, path, s->path,
			       s->text.bad ? NULL : s->text.s, s->text.len,
			       on_answer, s);
	}
}
