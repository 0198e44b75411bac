#include "ledger/chain/evm_op.h"

#include <string.h>

/* What became of a transaction, asked in this order of each node:
 *   1. newest and final block, receipts of all forms: found, and it is done;
 *   2. the sender's nonce at that final block: not past ours, and it is
 * pending;
 *   3. the receipts again: the nonce was taken before this was asked, so a
 *      form of ours that took it must show by now. None does: gone. */

void evm_fate_clear(struct op *op)
{
	for (size_t i = 0; i < op->s.n_legs; i++)
		evm_receipt_clear(&op->legs[i].u.fate.receipt);
}

/* --------------------------------------------------- what all nodes say */

static bool same_outcome(const struct leg *x, const struct leg *y)
{
	return memcmp(&x->u.fate.receipt.block_hash,
		      &y->u.fate.receipt.block_hash,
		      sizeof(struct hash32)) == 0 &&
	       chain_outcome_same(&x->u.fate.receipt.o, &y->u.fate.receipt.o);
}

static bool mined(enum chain_fate f)
{
	return f == CHAIN_FATE_MINED || f == CHAIN_FATE_FINAL;
}

static bool same_fate(const struct leg *x, const struct leg *y)
{
	if (mined(x->u.fate.fate) && mined(y->u.fate.fate))
		return same_outcome(x, y);
	return x->u.fate.fate == y->u.fate.fate;
}

static void tell_differences(struct op *op)
{
	struct chain_said_fate said[NODE_MAX];
	const struct leg *who[NODE_MAX];
	size_t n = 0;

	for (struct leg *l = op->legs; l < op->legs + op->s.n_legs; l++) {
		size_t k = 0;

		if (!l->good)
			continue;
		while (k < n && !same_fate(who[k], l))
			k++;
		said[n] = (struct chain_said_fate){
			.node = l->node,
			.fate = l->u.fate.fate,
			.group = k < n ? said[k].group : (unsigned)n};
		who[n++] = l;
	}
	chain_tell_fates(&op->ce->odd, said, n);
}

static void ended(struct leg *leg)
{
	struct op *op = leg->op;
	struct leg *first = NULL;
	enum chain_fate fate = CHAIN_FATE_UNKNOWN;

	if (!leg_done(leg))
		return;
	tell_differences(op);
	for (struct leg *l = op->legs; l < op->legs + op->s.n_legs; l++) {
		if (!l->good)
			continue;
		if (!first) {
			first = l;
			fate = l->u.fate.fate;
			continue;
		}
		fate = chain_fate_merge(fate, l->u.fate.fate,
					same_outcome(first, l));
		if (fate == CHAIN_FATE_UNKNOWN)
			break;
	}
	chain_op_unlink(&op->c);
	op->c.fn.fate(op->c.ctx, fate,
		      mined(fate) ? &first->u.fate.receipt.o : NULL);
	chain_op_free(&op->c);
}

static void done(struct leg *leg, enum chain_fate fate)
{
	leg->good = true;
	leg->u.fate.fate = fate;
	ended(leg);
}

/* --------------------------------------------------------------- questions */

static void add_receipts(struct leg *leg)
{
	const struct op_state *s = &leg->op->s;

	for (size_t i = 0; i < s->u.fate.n; i++)
		evm_text_hex(
			evm_batch_add(&leg->batch, "eth_getTransactionReceipt"),
			s->u.fate.txids[i].bytes, 32);
}

/* At most one form can be in a block. False: the node talked nonsense. */
static bool read_receipts(struct leg *leg, bool *found,
			  const struct evm_answer *answers)
{
	const struct op_state *s = &leg->op->s;
	struct err e = {0};

	*found = false;
	for (size_t i = 0; i < s->u.fate.n && !*found; i++) {
		if (!answers[i].result)
			(void)err_fail(&e, ERR_CHAIN, "%s", answers[i].message);
		else
			(void)evm_get_receipt(&leg->u.fate.receipt, found,
					      &s->u.fate.txids[i],
					      answers[i].result, &e);
		if (e.code != ERR_NONE) {
			evm_receipt_clear(&leg->u.fate.receipt);
			leg_blame(leg, "eth_getTransactionReceipt", &e);
			return false;
		}
	}
	return true;
}

static void found_it(struct leg *leg)
{
	bool final = leg->u.fate.receipt.o.block <= leg->u.fate.final;

	done(leg, final ? CHAIN_FATE_FINAL : CHAIN_FATE_MINED);
}

static void on_again(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	bool found;

	if (e) {
		leg->why = *e;
		ended(leg);
	} else if (!read_receipts(leg, &found, r->answers)) {
		ended(leg);
	} else if (found) {
		found_it(leg);
	} else {
		done(leg, CHAIN_FATE_GONE);
	}
}

static void on_count(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct err why = {0};
	uint64_t count = 0;

	if (e) {
		leg->why = *e;
		ended(leg);
		return;
	}
	if (!r->answers[0].result)
		(void)err_fail(&why, ERR_CHAIN, "%s", r->answers[0].message);
	else
		(void)evm_get_u64(&count, r->answers[0].result, &why);
	if (why.code != ERR_NONE) {
		leg_blame(leg, "eth_getTransactionCount", &why);
		ended(leg);
	} else if (count <= leg->op->s.u.fate.slot) {
		done(leg, CHAIN_FATE_PENDING);
	} else {
		leg_begin(leg, leg->node);
		add_receipts(leg);
		leg_send(leg, on_again);
	}
}

static void on_first(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;
	struct err why = {0};
	uint64_t head;
	struct node_text *t;
	size_t used;
	bool found;

	if (e) {
		leg->why = *e;
		ended(leg);
		return;
	}
	if (leg_read_final(leg, &head, &leg->u.fate.final, &used, r, &why) !=
		    ERR_NONE ||
	    !read_receipts(leg, &found, r->answers + used)) {
		ended(leg);
		return;
	}
	if (found) {
		found_it(leg);
		return;
	}
	leg_begin(leg, leg->node);
	t = evm_batch_add(&leg->batch, "eth_getTransactionCount");
	evm_text_hex(t, op->s.u.fate.from.bytes, 20);
	node_text_str(t, ",");
	evm_text_quantity(t, leg->u.fate.final);
	leg_send(leg, on_count);
}

void evm_fate(struct op *op)
{
	op->s.n_legs = node_set_count(op->ce->nodes);
	op->s.waiting = op->s.n_legs;
	for (size_t i = 0; i < op->s.n_legs; i++) {
		struct leg *leg = &op->legs[i];

		memset(&leg->u, 0, sizeof(leg->u));
		leg->good = false;
		leg_begin(leg, i);
		leg_add_final(leg);
		add_receipts(leg);
		leg_send(leg, on_first);
	}
}
