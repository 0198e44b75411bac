/* pay_buy_risk.c - how little can be lost: what may be promised to sellers
 * without history, of a job's budget and of our own funds; and what counts as
 * lost to a seller that was dropped or went away. */
#include "ledger/pay/pay_buy_int.h"

/* ---- what may be promised ---- */

static bool first_of_pair(const struct pay_session *s)
{
	const struct pay_session *q = s->pair->sessions;

	while (q && (q->role != PAY_BUY || q->buy.job != s->buy.job))
		q = q->pair_next;
	return q == s;
}

/* Sectors go to dozens of hosts at a time, most of them new, and so do the
 * periods of what lies there; to wait for one another would look like slow
 * hosts. What is at risk with each is one due, beside a step of bytes. */
static bool is_one_due(const struct pay_session *s, struct amount risk)
{
	const struct amount due = amount_max(
		s->buy.dues.one, amount_min(s->buy.single, s->buy.due));

	return s->renting &&
	       amount_cmp(risk,
			  amount_add_cap(
				  due, pay_cost_up(s->bid, PAY_STEP_MIN))) <= 0;
}

bool pay_buy_may_risk(const struct pay_session *s, struct amount delta)
{
	const struct pay_job *job = s->buy.job;
	struct amount risk = amount_add_cap(delta, pay_buy_ahead(s->pair));
	struct amount others = job->lost_new;
	unsigned n = 0;
	bool lost;

	if (pay_buy_has_history(s->pair))
		return true;
	for (struct pay_session *q = s->p->sessions; q; q = q->next) {
		const struct pay_pair *pair = q->pair;

		if (q->role != PAY_BUY || q->buy.job != job || !pair ||
		    pair == s->pair || pair->dropped ||
		    pay_buy_has_history(pair) || !first_of_pair(q))
			continue;
		if (amount_is_zero(pay_buy_ahead(pair)) &&
		    pair->pending == PENDING_NONE)
			continue;
		n++;
		others = amount_add_cap(others, pay_buy_ahead(pair));
		others = amount_add_cap(others, pair->delta);
	}
	lost = amount_cmp(job->lost_new,
			  pay_part_of(job->cfg.budget, PAY_RISK_LOST_DIV)) > 0;
	if (is_one_due(s, risk))
		return n < PAY_NEW_HOSTS && !lost;
	if (n >= PAY_NEW_SELLERS)
		return false;
	if (amount_cmp(amount_add_cap(risk, others),
		       pay_part_of(job->cfg.budget, PAY_RISK_DIV)) <= 0)
		return true;
	/* always one step with one, until too much was lost that way */
	return n == 0 && !lost;
}

/* What is left of the budget; false: not even a block. */
bool pay_buy_within_budget(struct pay_session *s, struct amount *delta)
{
	struct pay_job *job = s->buy.job;
	struct amount out = amount_add_cap(job->spent, job->pending);
	struct amount left = amount_sub_floor(job->cfg.budget, out);
	struct amount least = s->renting ? pay_buy_least(s, *delta)
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
bool pay_buy_within_funds(struct pay_session *s, struct amount *delta,
			  struct amount *beyond)
{
	struct pay *p = s->p;
	const struct book_facts *f = &s->pair->out.facts;
	struct amount covered = amount_add_cap(f->paid, f->reserve);
	struct amount have = pay_buy_promised(s->pair), room, own, out;
	struct amount least = pay_buy_least(s, *delta);
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

/* ---- what is lost ---- */

void pay_buy_drop(struct pay_session *s, struct amount lost, const char *why)
{
	struct pay_pair *pair = s->pair;
	struct pay_job *job = s->buy.job;

	if (job && !pay_buy_has_history(pair) && !pair->dropped)
		job->lost_new = amount_add_cap(job->lost_new, lost);
	pair->dropped = true;
	pair->dropped_ms = s->p->now_ms;
	pay_tell(s, PAY_EV_SELLER_DROPPED, lost, PAY_NO_NONE, why);
}

void pay_buy_undrop(struct pay_session *s)
{
	s->pair->dropped = false;
	if (s->buy.job)
		s->buy.job->lost_new = amount_sub_floor(s->buy.job->lost_new,
							pay_buy_ahead(s->pair));
}

static bool bought_by_others(const struct pay_session *s)
{
	for (const struct pay_session *q = s->pair->sessions; q;
	     q = q->pair_next)
		if (q != s && q->role == PAY_BUY)
			return true;
	return false;
}

/* It was lost with the last connection to it, and is at risk again. */
void pay_buy_back_at_risk(struct pay_session *s)
{
	struct pay_job *job = s->buy.job;

	if (job && !s->pair->dropped && !pay_buy_has_history(s->pair) &&
	    !bought_by_others(s))
		job->lost_new =
			amount_sub_floor(job->lost_new, pay_buy_ahead(s->pair));
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
	if (!others && job && !pair->dropped && !pay_buy_has_history(pair))
		job->lost_new =
			amount_add_cap(job->lost_new, pay_buy_ahead(pair));
}
