#include "ledger/chain/tron_op.h"

#include <string.h>

/* What became of a transaction, asked of each node:
 *   1. the newest solid header; is it in a solid block, is it in a block:
 * found, and it is done; that header not past the slot, and it is pending;
 *   2. the same again: no block after that header can have it any more, and of
 *      all up to it we ask now. Not there: gone. */

static void ask(struct tron_leg *leg);

void tron_fate_clear(struct tron_op *op)
{
	for (size_t i = 0; i < op->n_legs; i++)
		tron_info_clear(&op->legs[i].u.fate.info);
}

static bool mined(enum chain_fate f)
{
	return f == CHAIN_FATE_MINED || f == CHAIN_FATE_FINAL;
}

static bool same_fate(const struct tron_leg *x, const struct tron_leg *y)
{
	if (mined(x->u.fate.fate) && mined(y->u.fate.fate))
		return chain_outcome_same(&x->u.fate.info.o, &y->u.fate.info.o);
	return x->u.fate.fate == y->u.fate.fate;
}

static void tell_differences(struct tron_op *op)
{
	struct chain_said_fate said[NODE_MAX];
	const struct tron_leg *who[NODE_MAX];
	size_t n = 0;

	for (struct tron_leg *l = op->legs; l < op->legs + op->n_legs; l++) {
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
	chain_tell_fates(&op->ct->odd, said, n);
}

static void ended(struct tron_leg *leg)
{
	struct tron_op *op = leg->op;
	struct tron_leg *first = NULL;
	enum chain_fate fate = CHAIN_FATE_UNKNOWN;

	if (!tron_leg_done(leg))
		return;
	tell_differences(op);
	for (struct tron_leg *l = op->legs; l < op->legs + op->n_legs; l++) {
		if (!l->good)
			continue;
		if (!first) {
			first = l;
			fate = l->u.fate.fate;
			continue;
		}
		fate = chain_fate_merge(
			fate, l->u.fate.fate,
			chain_outcome_same(&first->u.fate.info.o,
					   &l->u.fate.info.o));
		if (fate == CHAIN_FATE_UNKNOWN)
			break;
	}
	chain_op_unlink(&op->c);
	op->c.fn.fate(op->c.ctx, fate,
		      mined(fate) ? &first->u.fate.info.o : NULL);
	chain_op_free(&op->c);
}

static void done(struct tron_leg *leg, enum chain_fate fate)
{
	leg->good = true;
	leg->u.fate.fate = fate;
	ended(leg);
}

/* The answers of one kind; at most one form can be in a block. False: the node
 * talked nonsense. */
static bool read_infos(struct tron_leg *leg, bool *found,
		       const struct tron_answer *answers, struct err *e)
{
	const struct tron_op *op = leg->op;

	*found = false;
	for (size_t i = 0; i < op->u.fate.n && !*found; i++) {
		struct tron_info *info = &leg->u.fate.info;

		if (!answers[i].v)
			(void)err_fail(e, ERR_CHAIN, "%s", answers[i].why.msg);
		else
			(void)tron_get_info(info, found, &op->u.fate.txids[i],
					    &op->u.fate.from, answers[i].v, e);
		if (e->code != ERR_NONE || !*found)
			tron_info_clear(info);
		if (e->code != ERR_NONE)
			return false;
	}
	return true;
}

/* Has the solid chain passed the slot? */
static bool read_passed(const struct tron_leg *leg, bool *passed,
			const struct tron_answer *a, struct err *e)
{
	struct tron_block b;
	bool found = false;

	if (!a->v)
		(void)err_fail(e, ERR_CHAIN, "%s", a->why.msg);
	else if (tron_get_block(&b, &found, a->v, e) == ERR_NONE && !found)
		(void)err_fail(e, ERR_CHAIN, "no newest block");
	*passed = found && b.time_ms > leg->op->u.fate.slot;
	return found;
}

static void blame(struct tron_leg *leg, const char *what, const struct err *why)
{
	tron_leg_blame(leg, what, why);
	ended(leg);
}

static void on_infos(void *ctx, const struct tron_reply *r, const struct err *e)
{
	struct tron_leg *leg = ctx;
	const struct tron_op *op = leg->op;
	const struct tron_answer *infos = r ? r->answers + 1 : NULL;
	bool passed, solid, any = false;
	struct err why = {0};

	if (e) {
		leg->why = *e;
		ended(leg);
	} else if (!read_passed(leg, &passed, &r->answers[0], &why)) {
		blame(leg, "getblock", &why);
	} else if (!read_infos(leg, &solid, infos, &why) ||
		   (!solid &&
		    !read_infos(leg, &any, infos + op->u.fate.n, &why))) {
		blame(leg, "gettransactioninfobyid", &why);
	} else if (solid || any) {
		done(leg, solid ? CHAIN_FATE_FINAL : CHAIN_FATE_MINED);
	} else if (!passed) {
		done(leg, CHAIN_FATE_PENDING);
	} else if (leg->u.fate.again) {
		done(leg, CHAIN_FATE_GONE);
	} else {
		leg->u.fate.again = true;
		ask(leg);
	}
}

static void ask(struct tron_leg *leg)
{
	const struct tron_op *op = leg->op;

	tron_leg_begin(leg, leg->node, true);
	node_text_str(tron_batch_add(&leg->batch, true, "getblock"),
		      "{\"detail\":false}");
	for (int solid = 1; solid >= 0; solid--)
		for (size_t i = 0; i < op->u.fate.n; i++) {
			struct node_text *t =
				tron_batch_add(&leg->batch, solid == 1,
					       "gettransactioninfobyid");

			node_text_str(t, "{\"value\":");
			tron_text_hex(t, op->u.fate.txids[i].bytes, 32);
			node_text_str(t, "}");
		}
	tron_leg_send(leg, on_infos);
}

void tron_fate(struct tron_op *op)
{
	op->n_legs = node_set_count(op->ct->nodes);
	op->waiting = op->n_legs;
	for (size_t i = 0; i < op->n_legs; i++) {
		struct tron_leg *leg = &op->legs[i];

		memset(&leg->u, 0, sizeof(leg->u));
		leg->good = false;
		leg->node = i;
		ask(leg);
	}
}
