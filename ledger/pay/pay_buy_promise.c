/* pay_buy_promise.c - a promise in the making: asked of the signer, stored in
 * the book, sent after the commit, or taken back; and a receipt of ours that
 * only the payee still had. */
#include "ledger/pay/pay_buy_int.h"

#include <string.h>

/* ---- sending ---- */

static void send_newest(struct pay_session *s)
{
	const struct book_out *out = &s->pair->out;
	struct pay_msg m = {
		.kind = PAY_MSG_RECEIPT,
		.u.receipt = {.r = out->newest,
			      .owed = amount_min(pay_buy_used(s->pair),
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
void pay_buy_hello(struct pay_session *s)
{
	s->buy.retry_ms = 0;
	s->buy.state = BUY_PAYING;
	if (!s->pair->out.have)
		return;
	s->buy.state = BUY_HELLO;
	send_newest(s);
}

/* ---- in the making ---- */

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
void pay_buy_forget_signer(struct pay_session *s)
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
		pay_buy_undrop(s);
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
	target = pay_buy_target(s);
	delta = amount_sub_floor(target, pay_buy_promised(pair));
	if (amount_is_zero(delta) || !pay_buy_may_risk(s, delta) ||
	    !pay_buy_within_budget(s, &delta) ||
	    !pay_buy_within_funds(s, &delta, &beyond))
		return;
	if (s->renting) { /* more at a time would count as served long ago */
		beyond = amount_sub_floor(
			beyond, amount_sub_floor(delta, most_at_a_time(s)));
		delta = amount_min(delta, most_at_a_time(s));
	}
	if (!amount_add(&target, pay_buy_promised(pair), delta) ||
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
		pay_buy_hello(s);
		return;
	}
	if (!s->buy.proved)
		s->buy.proof = pair->out.newest.amount;
	s->buy.proved = true;
	send_newest(s);
	s->buy.wanted_ms = pair->pending_ms;
}

/* ---- adopted ---- */

/* The payee holds a receipt of ours that we do not know: an old backup, or an
 * empty database. It is our signature, so it is our debt. How much of it was
 * served only the payee knows; its next ack says so. */
enum err_code pay_buy_adopt(struct pay_session *s, const struct pay_msg_held *m,
			    struct err *e)
{
	struct pay *p = s->p;
	struct pay_pair *pair = s->pair;
	struct err why = {0};

	if (!pair || amount_is_zero(s->buy.sent))
		return err_fail(e, ERR_STATE, "sb_pay: held, but not asked");
	if (s->buy.state != BUY_HELLO && s->buy.state != BUY_PAYING)
		return ERR_NONE; /* we are done with it */
	if (amount_cmp(m->amount, pay_buy_promised(pair)) <= 0 ||
	    pair->pending == PENDING_COMMIT)
		return ERR_NONE; /* it crossed a newer one of ours */
	if (!p->host.check(p->host.ctx, &p->cfg.me, &pair->peer, m->amount,
			   m->sig))
		return err_fail(e, ERR_SIG, "sb_pay: held is not our receipt");
	release(p, pair);
	/* also what we promised in this run, before we knew: sums only rise, so
	 * all below the held one was spoken for in the time we forgot */
	pair->soft = amount_sub_floor(m->amount, pay_buy_used(pair));
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
