#include "ledger/chain/chain_op.h"

#include <stdlib.h>
#include <string.h>

#define SPARES 4

static void destroy(struct chain_op *op)
{
	op->list->kit->destroy(op);
	loop_timer_free(op->later);
	free(op);
}

static void on_later(void *ctx)
{
	struct chain_op *op = ctx;

	chain_op_fail(op, &op->why);
}

static struct chain_op *make(struct chain_op_list *l)
{
	struct chain_op *op = calloc(1, l->kit->size);

	if (!op)
		return NULL;
	op->list = l;
	op->later = loop_timer_new(l->loop, on_later, op);
	if (op->later && l->kit->make(l->backend, op))
		return op;
	destroy(op);
	return NULL;
}

enum err_code chain_op_list_init(struct chain_op_list *l,
				 const struct chain_op_kit *kit, void *backend,
				 struct loop *loop, struct log *log,
				 struct err *e)
{
	*l = (struct chain_op_list){
		.kit = kit, .backend = backend, .loop = loop, .log = log};
	while (l->n_spares < SPARES) {
		struct chain_op *op = make(l);

		if (!op)
			return err_fail(e, ERR_NOMEM, "no memory");
		op->next = l->spares;
		l->spares = op;
		l->n_spares++;
	}
	return ERR_NONE;
}

void chain_op_list_clear(struct chain_op_list *l)
{
	while (l->open)
		chain_op_free(l->open);
	while (l->spares) {
		struct chain_op *op = l->spares;

		l->spares = op->next;
		destroy(op);
	}
	l->n_spares = 0;
}

struct chain_op *chain_op_new(struct chain_op_list *l, enum chain_op_kind kind,
			      void *ctx)
{
	struct chain_op *op = l->spares;

	if (op) {
		l->spares = op->next;
		l->n_spares--;
	} else {
		op = make(l);
	}
	if (!op) {
		log_line(l->log, LOG_ERROR, "chain", "out-of-memory op=%d",
			 (int)kind);
		return NULL;
	}
	op->kind = kind;
	op->ctx = ctx;
	op->next = l->open;
	l->open = op;
	return op;
}

void chain_op_unlink(struct chain_op *op)
{
	struct chain_op **at = &op->list->open;

	while (*at && *at != op)
		at = &(*at)->next;
	if (*at)
		*at = op->next;
}

void chain_op_free(struct chain_op *op)
{
	struct chain_op_list *l = op->list;

	chain_op_unlink(op);
	loop_timer_cancel(op->later);
	l->kit->reset(op);
	free(op->data);
	op->data = NULL;
	op->data_len = 0;
	op->why = (struct err){0};
	op->call = (struct chain_call){0};
	if (l->n_spares >= SPARES) {
		destroy(op);
		return;
	}
	op->next = l->spares;
	l->spares = op;
	l->n_spares++;
}

void chain_op_forget(struct chain_op_list *l, void *ctx)
{
	struct chain_op *next;

	for (struct chain_op *op = l->open; op; op = next) {
		next = op->next;
		if (op->ctx == ctx)
			chain_op_free(op);
	}
}

void chain_op_fail_later(struct chain_op *op, enum err_code code,
			 const char *what)
{
	op->why = (struct err){0};
	(void)err_fail(&op->why, code, "%s", what);
	loop_timer_set(op->later, 0);
}

void chain_op_fail(struct chain_op *op, const struct err *e)
{
	chain_op_unlink(op);
	switch (op->kind) {
	case CHAIN_OP_READ:
		op->fn.read(op->ctx, NULL, NULL, 0, e);
		break;
	case CHAIN_OP_TRY:
		op->fn.trial(op->ctx, NULL, e);
		break;
	case CHAIN_OP_FORM:
		op->fn.form(op->ctx, NULL, e);
		break;
	case CHAIN_OP_SEND:
		op->fn.send(op->ctx, CHAIN_SEND_LATER, e->msg);
		break;
	case CHAIN_OP_FATE:
		op->fn.fate(op->ctx, CHAIN_FATE_UNKNOWN, NULL);
		break;
	case CHAIN_OP_MEANS:
		op->fn.means(op->ctx, NULL, e);
		break;
	}
	chain_op_free(op);
}

bool chain_op_keep_call(struct chain_op *op, const struct chain_call *call)
{
	op->data = malloc(call->len + 1);
	if (!op->data)
		return false;
	if (call->len)
		memcpy(op->data, call->data, call->len);
	op->data_len = call->len;
	op->call = *call;
	op->call.data = op->data;
	return true;
}

enum chain_send_result chain_send_better(enum chain_send_result a,
					 enum chain_send_result b)
{
	static const int rank[] = {
		[CHAIN_SENT] = 0,	[CHAIN_SEND_SLOT] = 1,
		[CHAIN_SEND_FEE] = 2,	[CHAIN_SEND_FUNDS] = 3,
		[CHAIN_SEND_LATER] = 4, [CHAIN_SEND_NO] = 5};

	return rank[b] < rank[a] ? b : a;
}

static bool mined(enum chain_fate f)
{
	return f == CHAIN_FATE_MINED || f == CHAIN_FATE_FINAL;
}

enum chain_fate chain_fate_merge(enum chain_fate a, enum chain_fate b,
				 bool same)
{
	if (mined(a) && mined(b) && same)
		return a == b ? a : CHAIN_FATE_MINED;
	if (a == b && !mined(a))
		return a;
	if (a == CHAIN_FATE_PENDING || b == CHAIN_FATE_PENDING)
		return CHAIN_FATE_PENDING;
	return CHAIN_FATE_UNKNOWN;
}

static bool same_log(const struct chain_log *a, const struct chain_log *b)
{
	return address_eq(&a->where, &b->where) && a->n_topics == b->n_topics &&
	       memcmp(a->topics, b->topics,
		      a->n_topics * sizeof(a->topics[0])) == 0 &&
	       a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

bool chain_outcome_same(const struct chain_outcome *a,
			const struct chain_outcome *b)
{
	if (memcmp(&a->txid, &b->txid, sizeof(a->txid)) != 0 ||
	    a->ok != b->ok || a->out_of_time != b->out_of_time ||
	    a->block != b->block || a->units != b->units ||
	    amount_cmp(a->fee, b->fee) != 0 || a->n_logs != b->n_logs ||
	    !address_eq(&a->created, &b->created))
		return false;
	for (size_t i = 0; i < a->n_logs; i++)
		if (!same_log(&a->logs[i], &b->logs[i]))
			return false;
	return true;
}
