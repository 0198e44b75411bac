/* pay_buy_lead.c - how far a seller is led: a step of bytes that grows with how
 * fast it is, and dues. Half a step is left when the next receipt goes out. */
#include "ledger/pay/pay_buy_int.h"

/* ---- how fast it is ---- */

static uint64_t more_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void rate_count(struct pay_rate *r, int64_t at, uint32_t len)
{
	if (at != r->at) {
		r->last = at == r->at + 1 ? r->now : 0;
		r->now = 0;
		r->at = at;
	}
	r->now += len;
}

static uint64_t rate_recent(const struct pay_rate *r, int64_t at)
{
	if (at == r->at)
		return more_of(r->last, r->now);
	return at == r->at + 1 ? r->now : 0;
}

static int64_t moment_of(int64_t now_ms)
{
	return now_ms * PAY_STEP_FAST_DIV / 1000;
}

void pay_buy_note_rate(struct pay_pair *pair, int64_t now_ms, uint32_t len)
{
	rate_count(&pair->second, now_ms / 1000, len);
	rate_count(&pair->moment, moment_of(now_ms), len);
}

static uint64_t last_second(const struct pay_pair *pair, int64_t now_ms)
{
	return rate_recent(&pair->second, now_ms / 1000);
}

/* A sixteenth of a second, so that a fast seller's step has not to grow anew
 * for a second each time. */
static uint64_t last_moment(const struct pay_pair *pair, int64_t now_ms)
{
	return rate_recent(&pair->moment, moment_of(now_ms));
}

uint64_t pay_buy_step(const struct pay_session *s)
{
	const struct pay_pair *pair = s->pair;
	uint64_t second = last_second(pair, s->p->now_ms);
	uint64_t moment = last_moment(pair, s->p->now_ms);
	uint64_t fast = second / PAY_STEP_FAST_DIV;

	if (!pay_buy_has_history(pair) || second < PAY_STEP_MIN)
		return PAY_STEP_MIN;
	/* whoever runs away with a step has delivered sixteen, one way or the
	 * other */
	if (moment > pair->out.bytes / PAY_STEP_FAST_DIV)
		moment = pair->out.bytes / PAY_STEP_FAST_DIV;
	fast = more_of(fast, moment);
	if (fast <= PAY_STEP_SLOW)
		return second < PAY_STEP_SLOW ? second : PAY_STEP_SLOW;
	return fast < PAY_STEP_MAX ? fast : PAY_STEP_MAX;
}

/* ---- steps and dues ---- */

/* What a receipt is to lead by: a step, but no more than is still to come from
 * this payee on all its connections, so that little is left over at the end. At
 * least a block: with less in hand no seller serves the last one. Where dues
 * are paid nothing is for bytes unless some are asked for. */
static uint64_t lead_bytes(const struct pay_session *s, uint64_t step)
{
	struct pay *p = s->p;
	uint64_t sum = 0;

	for (struct pay_session *q = s->pair->sessions; q && sum < step;
	     q = q->pair_next)
		if (q->role == PAY_BUY && !q->dead &&
		    (q->renting || q->buy.interested) && q->buy.job &&
		    !q->buy.job->gone)
			sum += p->host.missing(p->host.ctx, q->ctx, step - sum);
	return sum < PAY_BLOCK && !s->renting ? PAY_BLOCK : sum;
}

/* Of dues that are to be covered, all sessions' of the pair. */
static struct amount dues_wanted(const struct pay_pair *pair)
{
	struct amount sum = AMOUNT_ZERO;

	for (const struct pay_session *q = pair->sessions; q; q = q->pair_next)
		if (q->role == PAY_BUY && !q->dead)
			sum = amount_add_cap(sum, q->buy.due);
	return sum;
}

/* Without history what was told may be all that it did: one at a time. */
static struct amount dues_led(const struct pay_session *s)
{
	struct amount single = AMOUNT_ZERO;

	if (!s->renting)
		return single;
	if (pay_buy_has_history(s->pair))
		return dues_wanted(s->pair);
	for (const struct pay_session *q = s->pair->sessions; q;
	     q = q->pair_next)
		if (q->role == PAY_BUY && !q->dead)
			single = amount_max(
				single, amount_min(q->buy.single, q->buy.due));
	return single;
}

/* The next receipt is due when no more than this is left ahead. Half a step;
 * less when that lasts longer than a receipt takes from being wanted to being
 * acknowledged, because each costs both sides a signature and a commit. That
 * time is the right measure: the ack came behind all blocks that were on their
 * way, which the seller had charged and we not yet counted. A quarter is added
 * for luck, and more when the seller ran out all the same. */
static struct amount refill_at(const struct pay_session *s, uint64_t step)
{
	uint64_t bytes = step / 2, need;

	if (pay_buy_has_history(s->pair) && s->buy.took_ms > 0) {
		need = more_of(last_second(s->pair, s->p->now_ms),
			       last_moment(s->pair, s->p->now_ms) *
				       PAY_STEP_FAST_DIV) *
		       (uint64_t)(s->buy.took_ms + s->buy.early_ms) / 800;
		if (need < step / PAY_REFILL_DIV)
			need = step / PAY_REFILL_DIV;
		if (need < bytes)
			bytes = need;
	}
	return pay_cost_up(s->bid, bytes);
}

/* The seller trusts us no further than its limit: part of a due is of no use to
 * anyone, so it is not promised then. */
static void tell_stuck(struct pay_session *s, bool stuck)
{
	if (stuck && !s->buy.stuck_told)
		pay_tell(s, PAY_EV_NO, s->buy.limit, PAY_NO_EXPOSURE,
			 "it trusts us no further before it has cashed");
	s->buy.stuck_told = stuck;
}

/* Ahead of all that the seller counts, else it holds back a block that was
 * asked for, until both give up; but no more than a step above `done`. */
static struct amount led(const struct pay_session *s, struct amount done,
			 uint64_t step)
{
	uint64_t bytes = lead_bytes(s, step);
	struct amount most = amount_add_cap(done, pay_cost_up(s->bid, step));

	if (bytes == 0)
		return done;
	return amount_min(most, amount_add_cap(pay_buy_used(s->pair),
					       pay_cost_up(s->bid, bytes)));
}

struct amount pay_buy_target(struct pay_session *s)
{
	uint64_t step = pay_buy_step(s);
	/* without history what it says was served, and never came, is not made
	 * good: all it can get is one step */
	struct amount done = pay_buy_has_history(s->pair)
				     ? pay_buy_used(s->pair)
				     : s->pair->out.owed;
	struct amount dues = dues_led(s), want = AMOUNT_ZERO, whole;
	struct amount refill = amount_add_cap(refill_at(s, step), dues);

	if (amount_cmp(pay_buy_ahead(s->pair), refill) <= 0)
		want = led(s, done, step);
	whole = amount_add_cap(amount_max(want, done), dues);
	if (!amount_is_zero(dues)) {
		bool fits = !s->buy.limit_known ||
			    amount_cmp(whole, s->buy.limit) <= 0;

		tell_stuck(s, !fits);
		want = fits ? whole : want;
	}
	if (s->buy.limit_known)
		want = amount_min(want, s->buy.limit);
	if (s->buy.proved)
		return want;
	/* A connection is served only after a receipt that nobody can have seen
	 * before; one unit more makes it that. */
	return amount_max(want, amount_add_cap(pay_buy_promised(s->pair),
					       amount_from_u64(1)));
}

/* Less than this is not worth a promise: a block, or all of the dues. */
struct amount pay_buy_least(const struct pay_session *s, struct amount delta)
{
	if (!amount_is_zero(dues_led(s)))
		return delta;
	return amount_min(delta, pay_cost_up(s->bid, PAY_BLOCK));
}

/* ---- dues that are covered ---- */

/* By receipts that the seller acknowledged on this session, one of which proved
 * it: only then does it find the same. */
static bool is_covered(const struct pay_session *s)
{
	struct amount have = s->buy.acked, need;

	if (s->dead || !s->pair || s->buy.state != BUY_PAYING ||
	    !s->buy.proved || amount_cmp(have, s->buy.proof) < 0)
		return false;
	if (s->buy.limit_known)
		have = amount_min(have, s->buy.limit);
	return amount_add(&need, pay_buy_used(s->pair), dues_wanted(s->pair)) &&
	       amount_cmp(have, need) >= 0;
}

void pay_buy_tell_covered(struct pay_session *s)
{
	if (!s->buy.waits || !is_covered(s))
		return;
	s->buy.waits = false;
	pay_tell(s, PAY_EV_COVERED, s->buy.due, PAY_NO_NONE, "");
}

bool pay_lead(struct pay_session *s, struct amount due, struct amount single,
	      int64_t now_ms)
{
	if (s->role != PAY_BUY || !s->renting || s->dead)
		return false;
	s->p->now_ms = now_ms;
	s->buy.due = due;
	s->buy.single = single;
	s->buy.waits = !amount_is_zero(due) && !is_covered(s);
	if (!s->buy.waits)
		return true;
	pay_buy_pump(s);
	return false;
}
