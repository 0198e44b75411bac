/* pay_buy.c - the buyer's half of sb_pay: what is bid, what is promised when,
 * and how little can be lost to a seller that does not serve. */
#include "ledger/pay_int.h"

#include <string.h>

/* ---- figures of a pair ---- */

static struct amount promised(const struct pay_pair *pair)
{
	const struct book_out *out = &pair->out;
	struct amount a = out->have ? out->newest.amount : AMOUNT_ZERO;

	return amount_max(a, out->facts.paid);
}

/* What counts as served: it arrived, or the seller says so and was believed. */
static struct amount used(const struct pay_pair *pair)
{
	return amount_add_cap(pair->out.owed, pair->out.lost);
}

struct amount pay_buy_ahead(const struct pay_pair *pair)
{
	return amount_sub_floor(promised(pair), used(pair));
}

static bool has_history(const struct pay_pair *pair)
{
	return pair->out.bytes >= PAY_STEP_MIN;
}

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

static void note_rate(struct pay_pair *pair, int64_t now_ms, uint32_t len)
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

static uint64_t step_bytes(const struct pay_session *s)
{
	const struct pay_pair *pair = s->pair;
	uint64_t second = last_second(pair, s->p->now_ms);
	uint64_t moment = last_moment(pair, s->p->now_ms);
	uint64_t fast = second / PAY_STEP_FAST_DIV;

	if (!has_history(pair) || second < PAY_STEP_MIN)
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
	if (has_history(s->pair))
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

	if (has_history(s->pair) && s->buy.took_ms > 0) {
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

/* ---- asking and bidding ---- */

static void stop(struct pay_session *s)
{
	s->buy.state = BUY_STOPPED;
	s->buy.retry_ms = 0;
}

void pay_buy_start(struct pay_session *s)
{
	const struct pay_config *cfg = &s->p->cfg;
	struct pay_msg m = {
		.kind = PAY_MSG_ASK,
		.u.ask = {.version = PAY_VERSION,
			  .chain_id = cfg->chain_id,
			  .bank = cfg->bank},
	};

	s->buy.state = BUY_OFF;
	s->buy.retry_ms = 0;
	if (!s->buy.job || s->buy.job->gone)
		return;
	s->buy.state = BUY_ASKED;
	pay_send(s, &m);
}

static void bid(struct pay_session *s, struct amount price)
{
	struct pay_msg m = {.kind = PAY_MSG_BID, .u.price.price = price};

	s->buy.bid_out = price;
	s->buy.ceiling = amount_max(s->buy.ceiling, price);
	s->buy.raised_ms = s->p->now_ms;
	pay_send(s, &m);
}

/* The floor, or what the user wants to start with. */
static void first_bid(struct pay_session *s)
{
	const struct pay_job_config *cfg = &s->buy.job->cfg;
	struct amount most = cfg->max_per_gib, price;

	if (s->renting)
		most = amount_min(most, s->buy.dues.most);
	price = amount_min(cfg->start_per_gib, most);
	price = amount_max(amount_max(price, s->buy.floor), s->bid);
	if (amount_cmp(s->buy.floor, most) > 0) {
		stop(s);
		pay_tell(s, PAY_EV_TOO_DEAR, s->buy.floor, PAY_NO_PRICE,
			 "its price is above our maximum");
		return;
	}
	bid(s, price);
}

static void raise_bid(struct pay_session *s)
{
	const struct pay_job_config *cfg = &s->buy.job->cfg;
	struct amount step = amount_from_u64(1), price;

	if (amount_mul_div(&price, NULL, s->bid, 1, 0, PAY_RAISE_DIV))
		step = amount_max(step, price);
	price = amount_min(amount_add_cap(s->bid, step), cfg->max_per_gib);
	if (amount_cmp(price, s->bid) <= 0)
		return;
	bid(s, price);
	pay_tell(s, PAY_EV_BID_RAISED, price, PAY_NO_NONE, "");
}

/* ---- receipts ---- */

static void send_newest(struct pay_session *s)
{
	const struct book_out *out = &s->pair->out;
	struct pay_msg m = {
		.kind = PAY_MSG_RECEIPT,
		.u.receipt = {.r = out->newest,
			      .owed = amount_min(used(s->pair),
						 out->newest.amount),
			      .bytes = s->paid_bytes},
	};

	s->buy.sent = out->newest.amount;
	s->buy.sent_ms = s->p->now_ms;
	s->buy.wanted_ms = s->p->now_ms;
	s->tokens += PAY_ANSWERS;
	pay_send(s, &m);
	pay_tell(s, PAY_EV_SENT, out->newest.amount, PAY_NO_NONE, "");
}

/* At each contact the newest receipt goes first: a payee whose books are older
 * than ours learns it, one whose books are newer returns its own. */
static void hello(struct pay_session *s)
{
	s->buy.retry_ms = 0;
	s->buy.state = BUY_PAYING;
	if (!s->pair->out.have)
		return;
	s->buy.state = BUY_HELLO;
	send_newest(s);
}

static bool first_of_pair(const struct pay_session *s)
{
	const struct pay_session *q = s->pair->sessions;

	while (q && (q->role != PAY_BUY || q->buy.job != s->buy.job))
		q = q->pair_next;
	return q == s;
}

static struct amount part_of(struct amount a, uint64_t div)
{
	struct amount out = AMOUNT_ZERO;

	(void)!amount_mul_div(&out, NULL, a, 1, 0, div);
	return out;
}

/* Sectors go to dozens of hosts at a time, most of them new; to wait for one
 * another would look like slow hosts. What is at risk with each is the bringing
 * of one sector, beside a step of bytes. */
static bool is_one_due(const struct pay_session *s, struct amount risk)
{
	return s->renting &&
	       amount_cmp(risk, amount_add_cap(s->buy.dues.one,
					       pay_cost_up(s->bid,
							   PAY_STEP_MIN))) <= 0;
}

/* May a seller without history be given `delta` more? */
static bool may_risk(const struct pay_session *s, struct amount delta)
{
	const struct pay_job *job = s->buy.job;
	struct amount risk = amount_add_cap(delta, pay_buy_ahead(s->pair));
	struct amount others = job->lost_new;
	unsigned n = 0;
	bool lost;

	if (has_history(s->pair))
		return true;
	for (struct pay_session *q = s->p->sessions; q; q = q->next) {
		const struct pay_pair *pair = q->pair;

		if (q->role != PAY_BUY || q->buy.job != job || !pair ||
		    pair == s->pair || pair->dropped || has_history(pair) ||
		    !first_of_pair(q))
			continue;
		if (amount_is_zero(pay_buy_ahead(pair)) &&
		    pair->pending == PENDING_NONE)
			continue;
		n++;
		others = amount_add_cap(others, pay_buy_ahead(pair));
		others = amount_add_cap(others, pair->delta);
	}
	lost = amount_cmp(job->lost_new,
			  part_of(job->cfg.budget, PAY_RISK_LOST_DIV)) > 0;
	if (is_one_due(s, risk))
		return n < PAY_NEW_HOSTS && !lost;
	if (n >= PAY_NEW_SELLERS)
		return false;
	if (amount_cmp(amount_add_cap(risk, others),
		       part_of(job->cfg.budget, PAY_RISK_DIV)) <= 0)
		return true;
	/* always one step with one, until too much was lost that way */
	return n == 0 && !lost;
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
	return amount_min(most, amount_add_cap(used(s->pair),
					       pay_cost_up(s->bid, bytes)));
}

/* How far this seller should be promised now; not above what is: nothing to
 * do. */
static struct amount target_of(struct pay_session *s)
{
	uint64_t step = step_bytes(s);
	/* without history what it says was served, and never came, is not made
	 * good: all it can get is one step */
	struct amount done =
		has_history(s->pair) ? used(s->pair) : s->pair->out.owed;
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
	return amount_max(
		want, amount_add_cap(promised(s->pair), amount_from_u64(1)));
}

/* Less than this is not worth a promise: a block, or all of the dues. */
static struct amount least_of(const struct pay_session *s, struct amount delta)
{
	if (!amount_is_zero(dues_led(s)))
		return delta;
	return amount_min(delta, pay_cost_up(s->bid, PAY_BLOCK));
}

/* What is left of the budget; false: not even a block. */
static bool within_budget(struct pay_session *s, struct amount *delta)
{
	struct pay_job *job = s->buy.job;
	struct amount out = amount_add_cap(job->spent, job->pending);
	struct amount left = amount_sub_floor(job->cfg.budget, out);
	struct amount least = s->renting ? least_of(s, *delta)
					 : pay_cost_up(s->bid, PAY_BLOCK);

	*delta = amount_min(*delta, left);
	if (amount_cmp(left, least) >= 0)
		return true;
	if (amount_is_zero(job->pending) && !job->gone) {
		job->gone = true;
		pay_tell(s, PAY_EV_BUDGET_GONE, job->spent, PAY_NO_NONE,
			 s->renting ? "the budget is used up"
				    : "the budget is used up; going on for "
				      "free");
	}
	return false;
}

/* Not above our own free balance and the payee's reserve, over all payees. */
static bool within_funds(struct pay_session *s, struct amount *delta,
			 struct amount *beyond)
{
	struct pay *p = s->p;
	const struct book_facts *f = &s->pair->out.facts;
	struct amount covered = amount_add_cap(f->paid, f->reserve);
	struct amount have = promised(s->pair), room, own, out;
	struct amount least = least_of(s, *delta);
	struct amount over = amount_sub_floor(have, covered);
	bool known = p->book.own_funds(p->book.ctx, &own, &out);

	room = amount_sub_floor(own, amount_add_cap(out, p->pending_beyond));
	if (!known)
		room = AMOUNT_ZERO;
	*beyond = amount_sub_floor(
		amount_sub_floor(amount_add_cap(have, *delta), covered), over);
	if (amount_cmp(*beyond, room) > 0) {
		*delta = amount_sub_floor(*delta,
					  amount_sub_floor(*beyond, room));
		*beyond = room;
	}
	if (amount_cmp(*delta, least) >= 0)
		return true;
	s->pair->retry_ms = p->now_ms + PAY_RETRY_MS;
	pay_ask_facts(p, s->pair, false);
	if (!s->buy.job->funds_told) {
		s->buy.job->funds_told = true;
		pay_tell(s, PAY_EV_FUNDS_GONE, own, PAY_NO_NONE,
			 known ? "our free balance in the bank is promised"
			       : "our balance in the bank is not known yet");
	}
	return false;
}

/* Another chance: what is ahead of it counts as risk again, not as lost. */
static void undrop(struct pay_session *s)
{
	s->pair->dropped = false;
	if (s->buy.job)
		s->buy.job->lost_new = amount_sub_floor(s->buy.job->lost_new,
							pay_buy_ahead(s->pair));
}

/* The promise in the making is done or given up. */
static void release(struct pay *p, struct pay_pair *pair)
{
	if (pair->pending_job)
		pair->pending_job->pending = amount_sub_floor(
			pair->pending_job->pending, pair->delta);
	p->pending_beyond =
		amount_sub_floor(p->pending_beyond, pair->delta_beyond);
	pair->delta = pair->delta_beyond = AMOUNT_ZERO;
	pair->pending = PENDING_NONE;
	pair->pending_job = NULL;
	pair->pending_session = NULL;
}

static void give_up(struct pay *p, struct pay_pair *pair,
		    enum pay_event_kind kind, const char *why)
{
	struct pay_session *s = pair->pending_session;

	release(p, pair);
	pair->retry_ms = p->now_ms + PAY_RETRY_MS;
	if (s)
		pay_tell(s, kind, pair->next_out.amount, PAY_NO_NONE, why);
}

/* An answer that still comes is not waited for any more, and not used. */
static void forget_silent_signer(struct pay_session *s)
{
	struct pay_pair *pair = s->pair;

	if (pair->pending == PENDING_SIGN &&
	    s->p->now_ms - pair->pending_ms >= PAY_SIGN_MS)
		give_up(s->p, pair, PAY_EV_FUNDS_GONE,
			"the signer does not answer");
}

static bool wants(const struct pay_session *s)
{
	if (!s->renting)
		return s->buy.interested;
	return !amount_is_zero(s->buy.due) ||
	       s->p->host.missing(s->p->host.ctx, s->ctx, 1) > 0;
}

/* Is anything to be promised on this session at all, now? */
static bool can_pay(struct pay_session *s)
{
	struct pay_pair *pair = s->pair;

	if (s->dead || s->buy.state != BUY_PAYING || !s->buy.job ||
	    s->buy.job->gone || amount_is_zero(s->bid) || !wants(s))
		return false;
	if (pair->dropped && s->p->now_ms - pair->dropped_ms >= PAY_DROP_MS)
		undrop(s);
	if (pair->out.banned || pair->dropped || pair->overdrawn ||
	    pair->pending != PENDING_NONE || s->p->now_ms < pair->retry_ms)
		return false;
	/* an empty book waits a little for the chain's `paid`, the floor */
	if (!pair->out.have && !pair->out.facts.known &&
	    s->p->now_ms - s->buy.terms_ms < PAY_FLOOR_MS) {
		pay_ask_facts(s->p, pair, false);
		return false;
	}
	return true;
}

/* See count_as_served() of the seller. */
static struct amount most_at_a_time(const struct pay_session *s)
{
	return amount_add_cap(s->buy.dues.step,
			      pay_cost_up(s->bid, PAY_STEP_MAX));
}

void pay_buy_pump(struct pay_session *s)
{
	struct pay *p = s->p;
	struct pay_pair *pair = s->pair;
	struct amount target, delta, beyond;

	if (!pair || !can_pay(s))
		return;
	target = target_of(s);
	delta = amount_sub_floor(target, promised(pair));
	if (amount_is_zero(delta) || !may_risk(s, delta) ||
	    !within_budget(s, &delta) || !within_funds(s, &delta, &beyond))
		return;
	if (s->renting) { /* more at a time would count as served long ago */
		beyond = amount_sub_floor(
			beyond, amount_sub_floor(delta, most_at_a_time(s)));
		delta = amount_min(delta, most_at_a_time(s));
	}
	if (!amount_add(&target, promised(pair), delta) ||
	    !amount_fits112(target))
		return;
	s->buy.job->funds_told = false;
	pair->next_out = (struct receipt){.payer = p->cfg.me, .amount = target};
	pair->pending = PENDING_SIGN;
	pair->pending_ms = p->now_ms;
	pair->pending_session = s;
	pair->pending_job = s->buy.job;
	pair->delta = delta;
	pair->delta_beyond = beyond;
	pair->pending_job->pending =
		amount_add_cap(pair->pending_job->pending, delta);
	p->pending_beyond = amount_add_cap(p->pending_beyond, beyond);
	p->host.sign(p->host.ctx, &pair->peer, target);
}

static enum err_code stage(struct pay *p, struct pay_pair *pair, struct err *e)
{
	struct pay_job *job = pair->pending_job;
	struct book_out out = pair->out;
	struct book_job rec = {.spent = AMOUNT_ZERO};
	enum err_code rc;

	pair->out.settled = out.settled = false;
	out.have = true;
	out.newest = pair->next_out;
	if (job) {
		memcpy(rec.key, job->cfg.key, sizeof(rec.key));
		rec.spent = amount_add_cap(job->spent, pair->delta);
	}
	rc = p->book.receipt_out(p->book.ctx, &pair->peer, &out,
				 job ? &rec : NULL, p->now_s, e);
	if (rc != ERR_NONE)
		return rc;
	pair->out_dirty = false;
	pair->pending = PENDING_COMMIT;
	/* now and not at the commit: another promise of this job may be staged
	 * in the same turn, and must write the sum of both */
	if (job)
		job->spent = rec.spent;
	pay_wait_commit(p, pair);
	return ERR_NONE;
}

void pay_on_signed(struct pay *p, const struct address *payee,
		   struct amount amount, const uint8_t *sig,
		   const struct err *why, int64_t now_ms)
{
	struct pay_pair *pair = pay_pair_get(p, payee, NULL);
	struct err e = {0};

	p->now_ms = now_ms;
	if (!pair || pair->pending != PENDING_SIGN ||
	    amount_cmp(pair->next_out.amount, amount) != 0)
		return;
	if (!sig) {
		give_up(p, pair, PAY_EV_FUNDS_GONE,
			why ? why->msg : "the signer refused");
		return;
	}
	memcpy(pair->next_out.sig, sig, RECEIPT_SIG_LEN);
	if (stage(p, pair, &e) != ERR_NONE)
		give_up(p, pair, PAY_EV_BOOK, e.msg);
}

/* A session on which the receipt can go out now. */
static struct pay_session *carrier(struct pay_pair *pair)
{
	struct pay_session *s = pair->pending_session;

	if (s && !s->dead && s->buy.state == BUY_PAYING)
		return s;
	for (s = pair->sessions; s; s = s->pair_next)
		if (s->role == PAY_BUY && !s->dead &&
		    s->buy.state == BUY_PAYING)
			return s;
	return NULL;
}

static void take_back(struct pay *p, struct pay_pair *pair)
{
	struct pay_job *job = pair->pending_job;

	if (job)
		job->spent = amount_sub_floor(job->spent, pair->delta);
	if (pair->adopting) {
		pair->out.owed = amount_sub_floor(pair->out.owed, pair->soft);
		pair->soft = AMOUNT_ZERO;
	}
	pair->adopting = false;
	give_up(p, pair, PAY_EV_BOOK, "the book could not commit");
}

void pay_buy_committed(struct pay *p, struct pay_pair *pair, bool ok)
{
	bool adopted = pair->adopting;
	struct pay_session *s;

	if (!ok) {
		take_back(p, pair);
		return;
	}
	pair->out.newest = pair->next_out;
	pair->out.have = true;
	pair->adopting = false;
	s = carrier(pair);
	release(p, pair);
	if (!s)
		return; /* goes out as the hello of the next contact */
	if (adopted) {
		hello(s);
		return;
	}
	if (!s->buy.proved)
		s->buy.proof = pair->out.newest.amount;
	s->buy.proved = true;
	send_newest(s);
	s->buy.wanted_ms = pair->pending_ms;
}

/* ---- what the seller says ---- */

static bool bought_by_others(const struct pay_session *s)
{
	for (const struct pay_session *q = s->pair->sessions; q;
	     q = q->pair_next)
		if (q != s && q->role == PAY_BUY)
			return true;
	return false;
}

/* It was lost with the last connection to it, and is at risk again. */
static void back_at_risk(struct pay_session *s)
{
	struct pay_job *job = s->buy.job;

	if (job && !s->pair->dropped && !has_history(s->pair) &&
	    !bought_by_others(s))
		job->lost_new =
			amount_sub_floor(job->lost_new, pay_buy_ahead(s->pair));
}

static enum err_code first_terms(struct pay_session *s,
				 const struct pay_msg_terms *m, struct err *e)
{
	struct pay *p = s->p;
	struct pay_pair *pair;

	if (m->chain_id != p->cfg.chain_id ||
	    !address_eq(&m->bank, &p->cfg.bank))
		return err_fail(e, ERR_STATE, "sb_pay: another chain or bank");
	if (!p->host.check_channel(p->host.ctx, &m->payee, s->seal_key,
				   m->key_sig))
		return err_fail(e, ERR_SIG,
				"sb_pay: the payee did not sign this channel");
	if (!address_is_zero(&s->payee) && !address_eq(&m->payee, &s->payee))
		return err_fail(e, ERR_SIG, "sb_pay: another payee");
	if (address_eq(&m->payee, &p->cfg.me)) {
		stop(s); /* we met ourselves */
		return ERR_NONE;
	}
	pair = pay_pair_get(p, &m->payee, NULL);
	if (!pair) {
		stop(s);
		return ERR_NONE;
	}
	pay_pair_join(s, pair);
	back_at_risk(s);
	s->buy.terms_ms = p->now_ms;
	pay_tell(s, PAY_EV_TERMS, m->price, PAY_NO_NONE, "");
	if (pair->out.banned || !s->buy.job) {
		stop(s);
		return ERR_NONE;
	}
	pay_ask_facts(p, pair, false);
	s->buy.state = BUY_BIDDING;
	return ERR_NONE;
}

static enum err_code on_terms(struct pay_session *s,
			      const struct pay_msg_terms *m, struct err *e)
{
	enum err_code rc;

	if (s->pair && !address_eq(&m->payee, &s->pair->peer))
		return err_fail(e, ERR_STATE, "sb_pay: another payee");
	if (s->buy.state == BUY_OFF || s->buy.state == BUY_STOPPED)
		return ERR_NONE;
	s->buy.floor = m->price;
	if (!s->pair) {
		rc = first_terms(s, m, e);
		if (rc != ERR_NONE || s->buy.state != BUY_BIDDING)
			return rc;
	}
	if (amount_is_zero(s->buy.bid_out) &&
	    amount_cmp(s->bid, s->buy.floor) < 0)
		first_bid(s);
	return ERR_NONE;
}

static enum err_code on_ok(struct pay_session *s, const struct pay_msg_price *m,
			   struct err *e)
{
	if (amount_is_zero(s->buy.bid_out) ||
	    amount_cmp(m->price, s->buy.bid_out) != 0)
		return err_fail(e, ERR_STATE, "sb_pay: took what was not bid");
	s->bid = m->price;
	s->buy.bid_out = AMOUNT_ZERO;
	if (s->buy.state == BUY_BIDDING)
		hello(s);
	pay_buy_pump(s);
	return ERR_NONE;
}

static enum err_code on_price_no(struct pay_session *s,
				 const struct pay_msg_no *m, struct err *e)
{
	if (amount_is_zero(s->buy.bid_out))
		return ERR_NONE;
	if (amount_cmp(m->price, s->buy.bid_out) <= 0)
		return err_fail(e, ERR_STATE,
				"sb_pay: refused a bid at its own price");
	s->buy.bid_out = AMOUNT_ZERO;
	s->buy.floor = m->price;
	if (s->buy.job && s->buy.state != BUY_STOPPED)
		first_bid(s);
	return ERR_NONE;
}

static void ask_later(struct pay_session *s)
{
	if (s->buy.state != BUY_ASKED)
		return;
	s->buy.ask_wait_ms =
		s->buy.ask_wait_ms ? 2 * s->buy.ask_wait_ms : PAY_ASK_MS;
	if (s->buy.ask_wait_ms > PAY_ASK_MAX_MS)
		s->buy.ask_wait_ms = PAY_ASK_MAX_MS;
	s->buy.state = BUY_OFF;
	s->buy.retry_ms = s->p->now_ms + s->buy.ask_wait_ms;
}

static enum err_code on_no(struct pay_session *s, const struct pay_msg_no *m,
			   struct err *e)
{
	enum err_code rc = ERR_NONE;

	switch (m->code) {
	case PAY_NO_NONE:
		break;
	case PAY_NO_BUSY:
		ask_later(s);
		break;
	case PAY_NO_PRICE:
		rc = on_price_no(s, m, e);
		break;
	case PAY_NO_EXPOSURE:
		s->buy.limit = m->price;
		s->buy.limit_known = true;
		break;
	case PAY_NO_STORE:
		if (s->buy.state == BUY_PAYING || s->buy.state == BUY_HELLO) {
			s->buy.state = BUY_HELLO;
			s->buy.proved = false;
			s->buy.retry_ms = s->p->now_ms + PAY_RETRY_MS;
		}
		break;
	case PAY_NO_BANK:
	case PAY_NO_SELLING:
	case PAY_NO_BANNED:
		stop(s);
		break;
	}
	if (rc == ERR_NONE)
		pay_tell(s, PAY_EV_NO, m->price, m->code, m->why);
	return rc;
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
		part_of(s->pair->out.owed, PAY_LOSS_DIV));
}

static void drop(struct pay_session *s, struct amount lost, const char *why)
{
	struct pay_pair *pair = s->pair;
	struct pay_job *job = s->buy.job;

	if (job && !has_history(pair) && !pair->dropped)
		job->lost_new = amount_add_cap(job->lost_new, lost);
	pair->dropped = true;
	pair->dropped_ms = s->p->now_ms;
	pay_tell(s, PAY_EV_SELLER_DROPPED, lost, PAY_NO_NONE, why);
}

/* Counts are stored with a receipt or after 10 s, so a run that is killed has
 * got more than the book says. The payee's word is taken for it once, when it
 * had delivered before. */
static void believe_unsure(struct pay_pair *pair, struct amount theirs)
{
	struct amount more = amount_sub_floor(theirs, used(pair));

	more = amount_min(more, pair->unsure);
	pair->unsure = AMOUNT_ZERO;
	if (amount_is_zero(more) || !has_history(pair))
		return;
	pair->out.owed = amount_add_cap(pair->out.owed, more);
	pair->out_dirty = true;
}

/* What was written off, and was done. */
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

static void compare_counts(struct pay_session *s, struct amount theirs)
{
	struct pay_pair *pair = s->pair;
	struct book_out *out = &pair->out;
	struct amount more, less, back;

	believe_unsure(pair, theirs);
	more = amount_sub_floor(theirs, used(pair));
	less = amount_sub_floor(used(pair), theirs);
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
		drop(s, more, "counts as served what never came");
		stop(s);
	}
}

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
	return amount_add(&need, used(s->pair), dues_wanted(s->pair)) &&
	       amount_cmp(have, need) >= 0;
}

static void tell_covered(struct pay_session *s)
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

void pay_buy_due(struct pay_pair *pair, struct amount due, uint32_t bytes)
{
	struct book_out *out = &pair->out;

	out->owed = amount_min(amount_add_cap(out->owed, due), promised(pair));
	out->lost = amount_min(out->lost,
			       amount_sub_floor(promised(pair), out->owed));
	out->bytes += bytes;
	pair->out_dirty = true;
}

/* A capped seller sends what its cap grants at each tick in one lump, and what
 * waits for a receipt then is lost to both. */
static void learn_lumps(struct pay_session *s, bool ran_out)
{
	int64_t ms = s->buy.early_ms;

	if (!ran_out)
		ms -= (ms + PAY_EARLY_DIV - 1) / PAY_EARLY_DIV;
	else if (s->buy.proved)
		ms += PAY_EARLY_MS;
	s->buy.early_ms = ms < PAY_EARLY_MAX_MS ? ms : PAY_EARLY_MAX_MS;
}

static enum err_code on_ack(struct pay_session *s, const struct pay_msg_ack *m,
			    struct err *e)
{
	struct pay_pair *pair = s->pair;
	int64_t now = s->p->now_ms;

	if (!pair || amount_is_zero(s->buy.sent))
		return err_fail(e, ERR_STATE, "sb_pay: ack of nothing");
	if (amount_cmp(m->amount, promised(pair)) > 0 ||
	    amount_cmp(m->owed, m->amount) > 0)
		return err_fail(e, ERR_STATE, "sb_pay: ack of too much");
	s->buy.limit = m->limit;
	s->buy.limit_known = true;
	s->buy.held = m->hold;
	if (amount_cmp(m->amount, s->buy.sent) == 0 && s->buy.sent_ms) {
		s->buy.took_ms = now - s->buy.wanted_ms + 1;
		s->buy.sent_ms = 0;
		s->buy.since_ms = now;
	}
	learn_lumps(s, m->hold);
	s->buy.acked = amount_max(s->buy.acked, m->amount);
	if (nothing_under_way(s))
		compare_counts(s, m->owed);
	if (s->buy.state == BUY_HELLO && !s->buy.retry_ms &&
	    amount_cmp(m->amount, s->buy.sent) == 0)
		s->buy.state = BUY_PAYING;
	pay_buy_pump(s);
	tell_covered(s);
	return ERR_NONE;
}

/* The payee holds a receipt of ours that we do not know: an old backup, or an
 * empty database. It is our signature, so it is our debt. How much of it was
 * served only the payee knows; its next ack says so. */
static enum err_code on_held(struct pay_session *s,
			     const struct pay_msg_held *m, struct err *e)
{
	struct pay *p = s->p;
	struct pay_pair *pair = s->pair;
	struct err why = {0};

	if (!pair || amount_is_zero(s->buy.sent))
		return err_fail(e, ERR_STATE, "sb_pay: held, but not asked");
	if (s->buy.state != BUY_HELLO && s->buy.state != BUY_PAYING)
		return ERR_NONE; /* we are done with it */
	if (amount_cmp(m->amount, promised(pair)) <= 0 ||
	    pair->pending == PENDING_COMMIT)
		return ERR_NONE; /* it crossed a newer one of ours */
	if (!p->host.check(p->host.ctx, &p->cfg.me, &pair->peer, m->amount,
			   m->sig))
		return err_fail(e, ERR_SIG, "sb_pay: held is not our receipt");
	release(p, pair);
	/* also what we promised in this run, before we knew: sums only rise, so
	 * all below the held one was spoken for in the time we forgot */
	pair->soft = amount_sub_floor(m->amount, used(pair));
	pair->out.owed = amount_add_cap(pair->out.owed, pair->soft);
	pair->next_out =
		(struct receipt){.payer = p->cfg.me, .amount = m->amount};
	memcpy(pair->next_out.sig, m->sig, RECEIPT_SIG_LEN);
	pair->adopting = true;
	pair->pending_session = s;
	s->buy.state = BUY_PAYING;
	s->buy.proved = false;
	if (stage(p, pair, &why) != ERR_NONE)
		take_back(p, pair);
	else
		pay_tell(s, PAY_EV_ADOPTED, m->amount, PAY_NO_NONE, "");
	return ERR_NONE;
}

static enum err_code on_meter(struct pay_session *s,
			      const struct pay_msg_meter *m, struct err *e)
{
	if (!s->pair || (m->paid && !s->pair->out.have))
		return err_fail(e, ERR_STATE, "sb_pay: metered, but not paid");
	if (amount_cmp(m->price, s->buy.ceiling) > 0)
		return err_fail(e, ERR_STATE, "sb_pay: metered above the bid");
	if (m->bytes > s->paid_bytes + PAY_METER_SLACK)
		return err_fail(e, ERR_STATE,
				"sb_pay: charged for bytes that never came");
	s->buy.metered = m->paid;
	s->buy.price = m->price;
	return ERR_NONE;
}

enum err_code pay_buy_receive(struct pay_session *s, const struct pay_msg *m,
			      struct err *e)
{
	switch (m->kind) {
	case PAY_MSG_TERMS:
		return on_terms(s, &m->u.terms, e);
	case PAY_MSG_OK:
		return on_ok(s, &m->u.price, e);
	case PAY_MSG_NO:
		return on_no(s, &m->u.no, e);
	case PAY_MSG_ACK:
		return on_ack(s, &m->u.ack, e);
	case PAY_MSG_HELD:
		return on_held(s, &m->u.held, e);
	case PAY_MSG_METER:
		return on_meter(s, &m->u.meter, e);
	case PAY_MSG_ASK:
	case PAY_MSG_BID:
	case PAY_MSG_RECEIPT:
		break;
	}
	return err_fail(e, ERR_STATE, "sb_pay: not a seller's message");
}

/* ---- blocks, chokes, time ---- */

void pay_on_block(struct pay_session *s, uint32_t len, int64_t now_ms)
{
	struct pay_pair *pair = s->pair;

	if (s->dead || s->role != PAY_BUY)
		return;
	s->p->now_ms = now_ms;
	s->buy.since_ms = now_ms;
	s->buy.held = false;
	if (!s->buy.metered) {
		s->free_bytes += len;
		return;
	}
	if (pair->dropped && s->buy.state == BUY_PAYING)
		undrop(s); /* it serves after all */
	note_rate(pair, now_ms, len);
	s->paid_bytes += len;
	pair->out.bytes += len;
	if (s->buy.job)
		s->buy.job->paid_bytes += len;
	/* Never above what was promised: whoever serves on did so unasked. A
	 * loss that was believed may turn out to have been none. */
	if (!pay_cost_add(&pair->out.owed, &pair->out.owed_rem, s->buy.price,
			  len, promised(pair)))
		pair->out.owed = promised(pair);
	pair->out.lost =
		amount_min(pair->out.lost,
			   amount_sub_floor(promised(pair), pair->out.owed));
	pair->out_dirty = true;
	s->buy.unseen += len; /* a look is dear beside counting a block */
	if (s->buy.unseen < s->buy.look)
		return;
	s->buy.unseen = 0;
	s->buy.look = step_bytes(s) / PAY_LOOK_DIV;
	pay_buy_pump(s);
}

void pay_set_choked(struct pay_session *s, bool choked, bool interested,
		    int64_t now_ms)
{
	if (s->dead || s->role != PAY_BUY)
		return;
	s->p->now_ms = now_ms;
	if (s->buy.choked != choked || s->buy.interested != interested)
		s->buy.since_ms = now_ms;
	s->buy.choked = choked;
	s->buy.interested = interested;
	pay_buy_pump(s);
}

void pay_bad_bytes(struct pay_session *s, uint32_t len)
{
	struct pay *p = s->p;
	struct pay_pair *pair = s->pair;
	struct err e = {0};

	(void)len; /* nothing that it sent is paid for any more */
	if (s->role != PAY_BUY || !pair || pair->out.banned)
		return;
	pair->out.banned = true;
	drop(s, pay_buy_ahead(pair), "sent bad data");
	for (struct pay_session *q = pair->sessions; q; q = q->pair_next)
		if (q->role == PAY_BUY)
			stop(q);
	if (p->book.counts_out(p->book.ctx, &pair->peer, &pair->out, &e) ==
	    ERR_NONE)
		p->host.want_commit(p->host.ctx);
	else
		pair->out_dirty = true;
}

static bool waited(const struct pay_session *s, int64_t since, int64_t ms)
{
	return s->p->now_ms - since >= ms;
}

static void watch_service(struct pay_session *s)
{
	struct pay_pair *pair = s->pair;
	bool at_max = amount_cmp(s->bid, s->buy.job->cfg.max_per_gib) >= 0;

	if (s->renting || !s->buy.interested || !s->buy.proved ||
	    pair->dropped || amount_is_zero(pay_buy_ahead(pair)))
		return;
	if (!s->buy.choked && waited(s, s->buy.since_ms, PAY_STALL_MS)) {
		drop(s, pay_buy_ahead(pair), "took a step and served nothing");
		stop(s);
		s->buy.retry_ms = s->p->now_ms + PAY_DROP_MS;
	} else if (s->buy.choked && at_max &&
		   waited(s, s->buy.since_ms, PAY_IDLE_MS)) {
		/* outbid perhaps: others get its place, a block revives it */
		drop(s, pay_buy_ahead(pair), "keeps us choked");
	}
}

static void raise_when_choked(struct pay_session *s)
{
	if (s->buy.choked && s->buy.interested && !s->renting &&
	    amount_is_zero(s->buy.bid_out) &&
	    waited(s, s->buy.since_ms, PAY_RAISE_MS) &&
	    waited(s, s->buy.raised_ms, PAY_RAISE_MS))
		raise_bid(s);
}

void pay_buy_tick(struct pay_session *s)
{
	bool due = s->buy.retry_ms && s->p->now_ms >= s->buy.retry_ms;

	s->buy.look = 0; /* it may have become slow */
	switch (s->buy.state) {
	case BUY_OFF:
		if (due)
			pay_buy_start(s);
		break;
	case BUY_HELLO:
		if (due || (s->buy.sent_ms &&
			    waited(s, s->buy.sent_ms, PAY_SILENT_MS)))
			hello(s);
		break;
	case BUY_PAYING:
		if (!s->buy.job || s->buy.job->gone)
			break;
		forget_silent_signer(s);
		raise_when_choked(s);
		watch_service(s);
		pay_buy_pump(s);
		tell_covered(s);
		break;
	case BUY_STOPPED:
		if (due && s->pair && s->buy.job)
			hello(s);
		break;
	case BUY_ASKED:
	case BUY_BIDDING:
		break;
	}
}

void pay_buy_leave(struct pay_session *s)
{
	struct pay_pair *pair = s->pair;
	struct pay_job *job = s->buy.job;
	bool others;

	if (!pair)
		return;
	if (pair->pending_session == s)
		pair->pending_session = NULL;
	others = bought_by_others(s);
	/* it went away with a step of ours */
	if (!others && job && !pair->dropped && !has_history(pair))
		job->lost_new =
			amount_add_cap(job->lost_new, pay_buy_ahead(pair));
}

void pay_session_set_job(struct pay_session *s, struct pay_job *job,
			 int64_t now_ms)
{
	if (s->role != PAY_BUY || s->dead || s->buy.job == job)
		return;
	s->p->now_ms = now_ms;
	s->buy.job = job;
	if (job && s->buy.state == BUY_OFF && !s->buy.retry_ms)
		pay_buy_start(s);
	else if (job)
		pay_buy_pump(s);
}

void pay_buy_job_gone(struct pay_job *job)
{
	struct pay *p = job->p;

	for (struct pay_session *s = p->sessions; s; s = s->next)
		if (s->role == PAY_BUY && s->buy.job == job) {
			s->buy.job = NULL;
			stop(s);
		}
	for (unsigned i = 0; i < PAY_BUCKETS; i++)
		for (struct pay_pair *q = p->buckets[i]; q; q = q->next)
			if (q->pending_job == job)
				q->pending_job = NULL;
}
