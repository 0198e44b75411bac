/* pay_buy_count.c - what a seller was promised and what of it was served: by
 * our own count, by the seller's, and what is done where they differ. */
#include "ledger/pay/pay_buy_int.h"

struct amount pay_buy_promised(const struct pay_pair *pair)
{
	const struct book_out *out = &pair->out;
	struct amount a = out->have ? out->newest.amount : AMOUNT_ZERO;

	return amount_max(a, out->facts.paid);
}

struct amount pay_buy_used(const struct pay_pair *pair)
{
	return amount_add_cap(pair->out.owed, pair->out.lost);
}

struct amount pay_buy_ahead(const struct pay_pair *pair)
{
	return amount_sub_floor(pay_buy_promised(pair), pay_buy_used(pair));
}

bool pay_buy_has_history(const struct pay_pair *pair)
{
	return pair->out.bytes >= PAY_STEP_MIN;
}

/* The two counts can be compared only when nothing charged is on its way on
 * another connection of the pair. On this one order takes care of it. */
static bool nothing_under_way(const struct pay_session *s)
{
	for (const struct pay_session *q = s->pair->sessions; q;
	     q = q->pair_next)
		if (q != s && q->role == PAY_BUY && !q->dead &&
		    ((q->buy.metered && !q->buy.held) ||
		     !amount_is_zero(q->buy.due)))
			return false;
	return true;
}

/* A seller that counts more as served than arrived here may be right (blocks
 * were lost with a connection) as far as a step, and a little of all that it
 * ever delivered. */
static struct amount loss_allowed(const struct pay_session *s)
{
	uint64_t bytes = s->pair->out.bytes / 16;
	struct amount dues;

	if (bytes < PAY_STEP_MIN)
		bytes = PAY_STEP_MIN;
	if (bytes > PAY_STEP_SLOW)
		bytes = PAY_STEP_SLOW;
	dues = s->buy.dues.one;
	if (!amount_mul_u64(&dues, dues, PAY_DUES_LOST))
		dues = amount_max112();
	return amount_add_cap(
		amount_add_cap(
			pay_cost_up(amount_max(s->bid, s->buy.price), bytes),
			dues),
		pay_part_of(s->pair->out.owed, PAY_LOSS_DIV));
}

/* Counts are stored with a receipt or after 10 s, so a run that is killed has
 * got more than the book says. The payee's word is taken for it once, when it
 * had delivered before. */
static void believe_unsure(struct pay_pair *pair, struct amount theirs)
{
	struct amount more = amount_sub_floor(theirs, pay_buy_used(pair));

	more = amount_min(more, pair->unsure);
	pair->unsure = AMOUNT_ZERO;
	if (amount_is_zero(more) || !pay_buy_has_history(pair))
		return;
	pair->out.owed = amount_add_cap(pair->out.owed, more);
	pair->out_dirty = true;
}

void pay_buy_found(struct pay_pair *pair)
{
	struct book_out *out = &pair->out;
	struct amount back = amount_min(out->lost, pair->found);

	if (amount_is_zero(back))
		return;
	out->lost = amount_sub_floor(out->lost, back);
	out->owed = amount_add_cap(out->owed, back);
	pair->found = amount_sub_floor(pair->found, back);
	out->bytes += pair->found_bytes;
	pair->found_bytes = 0;
	pair->out_dirty = true;
}

void pay_buy_compare(struct pay_session *s, struct amount theirs)
{
	struct pay_pair *pair = s->pair;
	struct book_out *out = &pair->out;
	struct amount more, less, back;

	if (!nothing_under_way(s))
		return;
	believe_unsure(pair, theirs);
	more = amount_sub_floor(theirs, pay_buy_used(pair));
	less = amount_sub_floor(pay_buy_used(pair), theirs);
	back = amount_min(less, pair->soft);
	out->owed = amount_sub_floor(out->owed, back);
	back = amount_min(amount_sub_floor(less, back), out->lost);
	out->lost = amount_sub_floor(out->lost, back);
	out->lost = amount_add_cap(out->lost, more);
	pair->soft = AMOUNT_ZERO;
	pay_buy_found(pair);
	pair->found = AMOUNT_ZERO; /* it did not count them */
	pair->found_bytes = 0;
	if (!amount_is_zero(more) || !amount_is_zero(less))
		pair->out_dirty = true;
	if (!amount_is_zero(more) &&
	    amount_cmp(out->lost, loss_allowed(s)) > 0) {
		pair->overdrawn = true;
		pay_buy_drop(s, more, "counts as served what never came");
		pay_buy_stop(s);
	}
}

void pay_buy_count(struct pay_session *s, uint32_t len)
{
	struct pay_pair *pair = s->pair;

	pay_buy_note_rate(pair, s->p->now_ms, len);
	s->paid_bytes += len;
	pair->out.bytes += len;
	if (s->buy.job)
		s->buy.job->paid_bytes += len;
	/* Never above what was promised: whoever serves on did so unasked. A
	 * loss that was believed may turn out to have been none. */
	if (!pay_cost_add(&pair->out.owed, &pair->out.owed_rem, s->buy.price,
			  len, pay_buy_promised(pair)))
		pair->out.owed = pay_buy_promised(pair);
	pair->out.lost = amount_min(
		pair->out.lost,
		amount_sub_floor(pay_buy_promised(pair), pair->out.owed));
	pair->out_dirty = true;
}

void pay_buy_due(struct pay_pair *pair, struct amount due, uint32_t bytes)
{
	struct book_out *out = &pair->out;

	out->owed = amount_min(amount_add_cap(out->owed, due),
			       pay_buy_promised(pair));
	out->lost = amount_min(
		out->lost, amount_sub_floor(pay_buy_promised(pair), out->owed));
	out->bytes += bytes;
	pair->out_dirty = true;
}
