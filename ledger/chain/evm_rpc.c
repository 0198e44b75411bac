#include "ledger/chain/evm_rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct evm_rpc {
	struct node_set *nodes;
	uint64_t chain_id;
	uint64_t next_id;
};

enum err_code evm_rpc_new(struct evm_rpc **out, struct loop *loop,
			  struct http *http, const struct evm_rpc_config *cfg,
			  struct log *log, struct err *e)
{
	struct node_config nodes = cfg->nodes;
	struct evm_rpc *rpc = calloc(1, sizeof(*rpc));
	enum err_code rc;

	if (!rpc)
		return err_fail(e, ERR_NOMEM, "no memory");
	*rpc = (struct evm_rpc){.chain_id = cfg->chain_id, .next_id = 1};
	nodes.max_reply = EVM_MAX_REPLY;
	rc = node_set_new(&rpc->nodes, loop, http, &nodes, log, e);
	if (rc != ERR_NONE) {
		free(rpc);
		return rc;
	}
	*out = rpc;
	return ERR_NONE;
}

void evm_rpc_free(struct evm_rpc *rpc)
{
	if (!rpc)
		return;
	node_set_free(rpc->nodes);
	free(rpc);
}

struct node_set *evm_rpc_nodes(struct evm_rpc *rpc)
{
	return rpc->nodes;
}

uint64_t evm_rpc_chain_id(const struct evm_rpc *rpc)
{
	return rpc->chain_id;
}

/* ----------------------------------------------------------------- batches */

enum err_code evm_batch_init(struct evm_batch *b, struct evm_rpc *rpc,
			     struct err *e)
{
	*b = (struct evm_batch){.rpc = rpc};
	return node_post_init(&b->post, rpc->nodes, e);
}

void evm_batch_cancel(struct evm_batch *b)
{
	node_post_cancel(&b->post);
}

void evm_batch_clear(struct evm_batch *b)
{
	if (!b->rpc)
		return;
	node_post_clear(&b->post);
	node_text_clear(&b->text);
	b->rpc = NULL;
}

void evm_batch_begin(struct evm_batch *b, size_t node)
{
	node_text_clear(&b->text);
	b->node = node;
	b->n = 0;
	b->open = false;
	b->first_id = b->rpc->next_id;
	node_text_str(&b->text, "[");
	(void)evm_batch_add(b, "eth_chainId");
}

struct node_text *evm_batch_add(struct evm_batch *b, const char *method)
{
	if (b->n == EVM_MAX_BATCH) {
		b->text.bad = true;
		return &b->text;
	}
	if (b->open)
		node_text_str(&b->text, "]},");
	b->open = true;
	b->methods[b->n++] = method;
	evm_text_begin(&b->text, b->rpc->next_id++, method);
	return &b->text;
}

/* "eth_call", or "eth_call and 3 more". */
static void name_methods(struct evm_batch *b)
{
	if (b->n <= 2)
		(void)snprintf(b->what, sizeof(b->what), "%s",
			       b->methods[b->n - 1]);
	else
		(void)snprintf(b->what, sizeof(b->what), "%s and %zu more",
			       b->methods[1], b->n - 2);
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

static void refuse(struct evm_batch *b, enum err_code code, const char *why)
{
	struct err e = {0};

	node_post_bad(&b->post, code, why, &e);
	b->fn(b->ctx, NULL, &e);
}

static void on_answer(void *ctx, const struct http_answer *a,
		      const struct err *error)
{
	struct evm_batch *b = ctx;
	struct evm_reply *r;
	struct err e = {0};

	if (error) {
		b->fn(b->ctx, NULL, error);
		return;
	}
	r = malloc(sizeof(*r));
	if (!r) {
		refuse(b, ERR_NOMEM, "no memory");
		return;
	}
	if (evm_reply_decode(r, (const char *)a->body, a->body_len, b->first_id,
			     b->n, true, &e) != ERR_NONE ||
	    !right_chain(b, r, &e)) {
		refuse(b, e.code, e.msg);
	} else {
		node_post_good(&b->post);
		b->fn(b->ctx, r, NULL);
	}
	evm_reply_clear(r);
	free(r);
}

void evm_batch_send(struct evm_batch *b, evm_batch_fn *fn, void *ctx)
{
	node_text_str(&b->text, "]}]");
	b->fn = fn;
	b->ctx = ctx;
	name_methods(b);
	node_post_send(&b->post, b->node, false, "", b->what,
		       b->text.bad ? NULL : b->text.s, b->text.len, on_answer,
		       b);
}
