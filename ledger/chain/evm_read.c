#include "ledger/chain/evm_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Questions in one batch, beside the chain id and the block. */
#define ASKS_PER_BATCH (EVM_MAX_BATCH - 2)

static void start(struct op *op);

void evm_read_clear(struct op *op)
{
	for (size_t i = 0; i < op->s.n_legs; i++) {
		struct chain_answer *list = op->legs[i].u.read.answers;

		for (size_t k = 0; list && k < op->s.u.read.n; k++)
			free((void *)(uintptr_t)list[k].data);
		free(list);
		op->legs[i].u.read.answers = NULL;
	}
}

/* ----------------------------------------------------- the end of a read */

static void tell_differences(struct op *op)
{
	struct chain_said_read said[NODE_MAX];
	size_t n = 0;

	for (struct leg *l = op->legs; l < op->legs + op->s.n_legs; l++)
		if (l->good)
			said[n++] = (struct chain_said_read){
				.node = l->node,
				.block = op->s.u.read.target,
				.answers = l->u.read.answers};
	chain_tell_reads(&op->ce->odd, said, n, op->s.u.read.asks,
			 op->s.u.read.n);
}

/* All that the other nodes said goes into the first one's answers. */
static void merge(struct op *op, struct leg *into)
{
	for (struct leg *leg = into + 1; leg < op->legs + op->s.n_legs; leg++) {
		if (!leg->good)
			continue;
		for (size_t i = 0; i < op->s.u.read.n; i++) {
			struct chain_answer *a = &into->u.read.answers[i];
			struct chain_answer *b = &leg->u.read.answers[i];
			const uint8_t *own = a->data;

			(void)chain_answer_merge(a, b,
						 op->s.u.read.asks[i].what);
			if (a->data != own) { /* taken over whole */
				b->data = own;
			}
		}
	}
}

static void finish(struct op *op)
{
	struct leg *leg = op->legs;
	struct chain_view at;

	while (leg < op->legs + op->s.n_legs && !leg->good)
		leg++;
	if (leg == op->legs + op->s.n_legs) {
		chain_op_fail(&op->c, &op->c.why);
		return;
	}
	tell_differences(op);
	merge(op, leg);
	at = (struct chain_view){.block = leg->u.read.at.number,
				 .time_s = leg->u.read.at.time_s,
				 .hash = leg->u.read.at.hash};
	chain_op_unlink(&op->c);
	op->c.fn.read(op->c.ctx, &at, leg->u.read.answers, op->s.u.read.n,
		      NULL);
	chain_op_free(&op->c);
}

/* CHAIN_LATEST asks one node after another until one answers. */
static void ended(struct leg *leg)
{
	struct op *op = leg->op;

	if (!leg_done(leg))
		return;
	if (!leg->good && op->s.u.read.state == CHAIN_LATEST &&
	    node_set_pick(op->ce->nodes, &op->s.tried, &leg->node)) {
		evm_read_clear(op);
		start(op);
		return;
	}
	finish(op);
}

/* -------------------------------------------------------------- questions */

static void add_ask(struct leg *leg, const struct chain_ask *ask)
{
	uint8_t data[CHAIN_ASK_DATA];
	size_t len = chain_ask_calldata(data, ask);
	struct node_text *t;

	if (len) {
		t = evm_batch_add(&leg->batch, "eth_call");
		node_text_str(t, "{\"to\":");
		evm_text_hex(t, ask->c.bytes, sizeof(ask->c.bytes));
		node_text_str(t, ",\"data\":");
		evm_text_hex(t, data, len);
		node_text_str(t, "},");
	} else if (ask->what == CHAIN_ASK_ID) {
		(void)evm_batch_add(&leg->batch, "eth_chainId");
		return;
	} else {
		bool code = ask->what == CHAIN_ASK_CODE;

		t = evm_batch_add(&leg->batch,
				  code ? "eth_getCode" : "eth_getBalance");
		evm_text_hex(t, code ? ask->c.bytes : ask->a.bytes, 20);
		node_text_str(t, ",");
	}
	evm_text_quantity(t, leg->op->s.u.read.target);
}

static enum err_code read_plain(struct chain_answer *a,
				enum chain_ask_what what, const json_t *v,
				struct err *e)
{
	uint8_t *code = NULL;
	enum err_code rc;

	if (what == CHAIN_ASK_ID)
		return evm_get_u64(&a->number, v, e);
	if (what == CHAIN_ASK_COIN)
		return evm_get_amount(&a->amount, v, e);
	rc = evm_get_data(&code, &a->len, CHAIN_MAX_CODE, v, e);
	a->data = code;
	return rc;
}

static enum err_code read_call(struct chain_answer *a,
			       const struct chain_ask *ask, const json_t *v,
			       struct err *e)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum err_code rc = evm_get_data(&data, &len, 4096, v, e);

	if (rc == ERR_NONE)
		chain_ask_answer(a, ask, data, len);
	if (a->data) { /* what it borrows stays, and is freed as a's own */
		size_t at = (size_t)(a->data - data);

		memmove(data, data + at, a->len);
		a->data = data;
		return rc;
	}
	free(data);
	return rc;
}

/* A node's refusal leaves one answer unknown; nonsense is its own fault. */
static enum err_code read_answer(struct leg *leg, struct chain_answer *a,
				 const struct chain_ask *ask,
				 const struct evm_answer *from)
{
	uint8_t none[CHAIN_ASK_DATA];
	bool call = chain_ask_calldata(none, ask) > 0;
	struct err e = {0};

	*a = (struct chain_answer){0};
	if (!from->result) {
		(void)snprintf(a->why, sizeof(a->why), "%s: %s",
			       node_set_name(leg->op->ce->nodes, leg->node),
			       from->message);
		return ERR_NONE;
	}
	if (call)
		(void)read_call(a, ask, from->result, &e);
	else
		a->known =
			read_plain(a, ask->what, from->result, &e) == ERR_NONE;
	if (e.code != ERR_NONE)
		leg_blame(leg, call ? "eth_call" : "eth_get", &e);
	return e.code;
}

static void ask_some(struct leg *leg);

static bool read_at(struct leg *leg, const struct evm_answer *a)
{
	struct err e = {0};
	bool found = false;

	if (!a->result)
		(void)err_fail(&e, ERR_CHAIN, "%s", a->message);
	else
		(void)evm_get_block(&leg->u.read.at, &found, a->result, &e);
	if (e.code == ERR_NONE &&
	    (!found || leg->u.read.at.number != leg->op->s.u.read.target))
		(void)err_fail(&e, ERR_CHAIN, "block %llu is not there",
			       (unsigned long long)leg->op->s.u.read.target);
	if (e.code == ERR_NONE)
		return true;
	leg_blame(leg, "eth_getBlockByNumber", &e);
	return false;
}

static void on_some(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;

	if (e) {
		leg->why = *e;
		ended(leg);
		return;
	}
	if (!read_at(leg, &r->answers[0])) {
		ended(leg);
		return;
	}
	for (size_t i = 1; i < r->n; i++) {
		size_t at = leg->u.read.answered++;

		if (read_answer(leg, &leg->u.read.answers[at],
				&op->s.u.read.asks[at],
				&r->answers[i]) != ERR_NONE) {
			ended(leg);
			return;
		}
	}
	if (leg->u.read.answered < op->s.u.read.n) {
		ask_some(leg);
		return;
	}
	leg->good = true;
	ended(leg);
}

static void ask_some(struct leg *leg)
{
	const struct op_state *s = &leg->op->s;
	size_t n = s->u.read.n - leg->u.read.answered;

	if (n > ASKS_PER_BATCH)
		n = ASKS_PER_BATCH;
	leg_begin(leg, leg->node);
	leg_add_block(leg, NULL, s->u.read.target);
	for (size_t i = 0; i < n; i++)
		add_ask(leg, &s->u.read.asks[leg->u.read.answered + i]);
	leg_send(leg, on_some);
}

/* ------------------------------------------------------ which block to read */

/* The lowest that a node calls final: all can read it, and none can be led to a
 * newer one by another's lie. */
static void choose_block(struct op *op)
{
	struct chain_said_number said[NODE_MAX];
	uint64_t low = UINT64_MAX;
	size_t good = 0;

	for (struct leg *l = op->legs; l < op->legs + op->s.n_legs; l++) {
		if (!l->good)
			continue;
		said[good++] = (struct chain_said_number){
			.node = l->node, .number = l->u.read.final};
		if (l->u.read.final < low)
			low = l->u.read.final;
	}
	chain_tell_numbers(&op->ce->odd, NODE_ON_HEAD, said, good, EVM_MAX_LAG);
	op->s.u.read.target = low;
	op->s.waiting = good;
}

static void on_head(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;
	uint64_t head, final;
	struct err why = {0};
	size_t used;

	if (e) {
		leg->why = *e;
	} else if (leg_read_final(leg, &head, &final, &used, r, &why) ==
		   ERR_NONE) {
		leg->good = true;
		leg->u.read.final =
			op->s.u.read.state == CHAIN_FINAL ? final : head;
	}
	if (op->s.waiting > 1) {
		(void)leg_done(leg);
		return;
	}
	choose_block(op);
	if (op->s.waiting == 0) {
		op->s.waiting = 1;
		ended(leg);
		return;
	}
	for (struct leg *l = op->legs; l < op->legs + op->s.n_legs; l++) {
		if (!l->good)
			continue;
		l->good = false;
		ask_some(l);
	}
}

static void start(struct op *op)
{
	bool all = op->s.u.read.state == CHAIN_FINAL;

	op->s.n_legs = all ? node_set_count(op->ce->nodes) : 1;
	op->s.waiting = op->s.n_legs;
	for (size_t i = 0; i < op->s.n_legs; i++) {
		struct leg *leg = &op->legs[i];

		memset(&leg->u, 0, sizeof(leg->u));
		leg->good = false;
		leg->u.read.answers =
			calloc(op->s.u.read.n, sizeof(struct chain_answer));
		if (!leg->u.read.answers) {
			chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
			return;
		}
	}
	for (size_t i = 0; i < op->s.n_legs; i++) {
		leg_begin(&op->legs[i], all ? i : op->legs[0].node);
		leg_add_final(&op->legs[i]);
		leg_send(&op->legs[i], on_head);
	}
}

void evm_read(struct op *op)
{
	(void)node_set_pick(op->ce->nodes, &op->s.tried, &op->legs[0].node);
	start(op);
}
