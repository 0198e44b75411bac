#include "ledger/chain/tron_op.h"

#include <stdlib.h>
#include <string.h>

/* Probes ask; each says of which block it is. All of one node must say the
 * same, or the read of that node is begun anew. The newest block's header is
 * asked for at the same time, and is that block's most often. Nodes cannot be
 * told which block to answer for, so several may differ by some blocks: the
 * oldest is what the answers are true at, and the most cautious of them counts.
 */

static void ask_some(struct tron_leg *leg);

static void drop_answers(struct tron_leg *leg, size_t n)
{
	struct chain_answer *list = leg->u.read.answers;

	for (size_t k = 0; list && k < n; k++) {
		free((void *)(uintptr_t)list[k].data);
		list[k] = (struct chain_answer){0};
	}
	leg->u.read.answered = 0;
}

void tron_read_clear(struct tron_op *op)
{
	for (size_t i = 0; i < op->n_legs; i++) {
		drop_answers(&op->legs[i], op->u.read.n);
		free(op->legs[i].u.read.answers);
		op->legs[i].u.read.answers = NULL;
	}
}

/* ----------------------------------------------------- the end of a read */

static void tell_differences(struct tron_op *op)
{
	struct chain_said_read said[NODE_MAX];
	struct chain_said_number heads[NODE_MAX];
	size_t n = 0;

	for (struct tron_leg *l = op->legs; l < op->legs + op->n_legs; l++) {
		if (!l->good)
			continue;
		said[n] =
			(struct chain_said_read){.node = l->node,
						 .block = l->u.read.at.block,
						 .answers = l->u.read.answers};
		heads[n++] = (struct chain_said_number){
			.node = l->node, .number = l->u.read.at.block};
	}
	chain_tell_numbers(&op->ct->odd, NODE_ON_HEAD, heads, n, TRON_MAX_LAG);
	chain_tell_reads(&op->ct->odd, said, n, op->u.read.asks, op->u.read.n);
}

/* All that another node said goes into the first one's answers. */
static void merge(struct tron_op *op, struct tron_leg *into,
		  struct tron_leg *leg)
{
	for (size_t i = 0; i < op->u.read.n; i++) {
		struct chain_answer *a = &into->u.read.answers[i];
		struct chain_answer *b = &leg->u.read.answers[i];
		const uint8_t *own = a->data;

		(void)chain_answer_merge(a, b, op->u.read.asks[i].what);
		if (a->data != own) /* taken over whole */
			b->data = own;
	}
}

static void finish(struct tron_op *op)
{
	struct tron_leg *first = NULL, *oldest = NULL;
	struct chain_view at;

	tell_differences(op);
	for (struct tron_leg *l = op->legs; l < op->legs + op->n_legs; l++) {
		if (!l->good)
			continue;
		if (!first)
			first = oldest = l;
		else
			merge(op, first, l);
		if (l->u.read.at.block < oldest->u.read.at.block)
			oldest = l;
	}
	if (!first) {
		chain_op_fail(&op->c, &op->c.why);
		return;
	}
	at = (struct chain_view){.block = oldest->u.read.at.block,
				 .time_s = oldest->u.read.block.time_ms / 1000,
				 .hash = oldest->u.read.block.id};
	chain_op_unlink(&op->c);
	op->c.fn.read(op->c.ctx, &at, first->u.read.answers, op->u.read.n,
		      NULL);
	chain_op_free(&op->c);
}

static void start(struct tron_op *op);

/* CHAIN_LATEST asks one node after another until one answers. */
static void ended(struct tron_leg *leg)
{
	struct tron_op *op = leg->op;

	if (!tron_leg_done(leg))
		return;
	if (!leg->good && op->u.read.state == CHAIN_LATEST &&
	    node_set_pick(op->ct->nodes, &op->tried, &leg->node)) {
		tron_read_clear(op);
		start(op);
		return;
	}
	finish(op);
}

static void blame(struct tron_leg *leg, const char *what, const struct err *why)
{
	tron_leg_blame(leg, what, why);
	ended(leg);
}

/* -------------------------------------------------------- block and its id */

/* Is this the header of the block that was read? */
static bool is_block_read(const struct tron_leg *leg)
{
	return leg->u.read.block.number == leg->u.read.at.block;
}

static enum err_code read_block(struct tron_leg *leg,
				const struct tron_answer *a, struct err *e)
{
	bool found = false;

	if (!a->v)
		return err_fail(e, a->why.code, "%s", a->why.msg);
	if (tron_get_block(&leg->u.read.block, &found, a->v, e) != ERR_NONE)
		return e->code;
	return found ? ERR_NONE : err_fail(e, ERR_CHAIN, "no such block");
}

static void done(struct tron_leg *leg)
{
	leg->good = true;
	ended(leg);
}

static void on_block(void *ctx, const struct tron_reply *r, const struct err *e)
{
	struct tron_leg *leg = ctx;
	struct err why = {0};

	if (e) {
		leg->why = *e;
		ended(leg);
		return;
	}
	if (read_block(leg, &r->answers[0], &why) == ERR_NONE &&
	    !is_block_read(leg))
		(void)err_fail(&why, ERR_CHAIN, "another block %llu",
			       (unsigned long long)leg->u.read.at.block);
	if (why.code != ERR_NONE)
		blame(leg, "getblock", &why);
	else
		done(leg);
}

/* By its number, or the newest. */
static void add_block(struct tron_leg *leg, const uint64_t *number)
{
	struct node_text *t = tron_batch_add(
		&leg->batch, leg->op->u.read.state == CHAIN_FINAL, "getblock");

	node_text_str(t, "{");
	if (number) {
		node_text_str(t, "\"id_or_num\":\"");
		node_text_u64(t, *number);
		node_text_str(t, "\",");
	}
	node_text_str(t, "\"detail\":false}");
}

static void ask_block(struct tron_leg *leg)
{
	tron_leg_begin(leg, leg->node, false);
	add_block(leg, &leg->u.read.at.block);
	tron_leg_send(leg, on_block);
}

/* -------------------------------------------------------------- questions */

static size_t take(const struct tron_leg *leg, size_t from)
{
	return tron_probe_take(leg->op->u.read.asks + from,
			       leg->op->u.read.n - from);
}

/* Begun anew when the block moved on. False: too often. */
static bool restart(struct tron_leg *leg)
{
	if (leg->u.read.restarts++ == TRON_MAX_RESTARTS)
		return false;
	drop_answers(leg, leg->op->u.read.n);
	ask_some(leg);
	return true;
}

/* One probe's answers. False: the leg has ended, or begun anew. */
static bool read_some(struct tron_leg *leg, const struct tron_answer *a)
{
	struct tron_op *op = leg->op;
	size_t from = leg->u.read.answered, n = take(leg, from);
	struct err why = {0};
	struct tron_view at;

	leg->u.read.answered += n; /* for what is to be freed */
	if (tron_answer_probe(op->ct->rpc, &at, leg->u.read.answers + from,
			      op->u.read.asks + from, n, a, &why) != ERR_NONE) {
		blame(leg, "triggerconstantcontract", &why);
		return false;
	}
	if (from == 0)
		leg->u.read.at = at;
	if (at.block == leg->u.read.at.block)
		return true;
	(void)err_fail(&why, ERR_CHAIN, "its block moved on while it was read");
	if (!restart(leg))
		blame(leg, "triggerconstantcontract", &why);
	return false;
}

static void on_some(void *ctx, const struct tron_reply *r, const struct err *e)
{
	struct tron_leg *leg = ctx;
	size_t i = 0;
	struct err why = {0};

	if (e) {
		leg->why = *e;
		ended(leg);
		return;
	}
	if (leg->u.read.answered == 0 &&
	    read_block(leg, &r->answers[i++], &why) != ERR_NONE) {
		blame(leg, "getblock", &why);
		return;
	}
	for (; i < r->n; i++)
		if (!read_some(leg, &r->answers[i]))
			return;
	if (leg->u.read.answered < leg->op->u.read.n)
		ask_some(leg);
	else if (is_block_read(leg))
		done(leg);
	else
		ask_block(leg);
}

static void ask_some(struct tron_leg *leg)
{
	const struct tron_op *op = leg->op;
	size_t from = leg->u.read.answered, room = TRON_MAX_BATCH;

	tron_leg_begin(leg, leg->node, false);
	if (from == 0) {
		add_block(leg, NULL);
		room--;
	}
	for (; room && from < op->u.read.n; room--) {
		size_t n = take(leg, from);

		tron_batch_add_probe(&leg->batch,
				     op->u.read.state == CHAIN_FINAL,
				     op->u.read.asks + from, n);
		from += n;
	}
	tron_leg_send(leg, on_some);
}

static void start(struct tron_op *op)
{
	bool all = op->u.read.state == CHAIN_FINAL;

	op->n_legs = all ? node_set_count(op->ct->nodes) : 1;
	op->waiting = op->n_legs;
	for (size_t i = 0; i < op->n_legs; i++) {
		struct tron_leg *leg = &op->legs[i];

		memset(&leg->u, 0, sizeof(leg->u));
		leg->good = false;
		leg->u.read.answers =
			calloc(op->u.read.n, sizeof(struct chain_answer));
		if (!leg->u.read.answers) {
			chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
			return;
		}
	}
	for (size_t i = 0; i < op->n_legs; i++) {
		op->legs[i].node = all ? i : op->legs[0].node;
		ask_some(&op->legs[i]);
	}
}

void tron_read(struct tron_op *op)
{
	(void)node_set_pick(op->ct->nodes, &op->tried, &op->legs[0].node);
	start(op);
}
