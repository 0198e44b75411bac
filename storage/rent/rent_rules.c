#include "storage/rent/rent_rules.h"

#include <stdio.h>
#include <string.h>

#define GIB_SECTORS 1024U

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

bool rent_unopened(const struct agreement *a)
{
	return a->number >= RENT_UNOPENED;
}

bool rent_ingress(struct amount *out, const struct sheet *sheet, uint32_t adds)
{
	struct amount v;

	if (!amount_mul_div(&v, NULL, sheet->ingress, adds, 0, GIB_SECTORS) ||
	    !amount_fits112(v))
		return false;
	*out = v;
	return true;
}

bool rent_rate_min(struct amount *out, const struct sheet *sheet,
		   uint32_t sectors)
{
	struct amount v;

	if (!amount_mul_u64(&v, sheet->rent, sectors) || !amount_fits112(v))
		return false;
	*out = v;
	return true;
}

/* sum += rate x periods */
static bool add_rent(struct amount *sum, struct amount rate, uint32_t periods)
{
	struct amount part;

	return amount_mul_u64(&part, rate, periods) &&
	       amount_add(sum, *sum, part) && amount_fits112(*sum);
}

bool rent_cost(struct amount *cost, const struct agreement *next,
	       const struct agreement *last, uint32_t settled, uint32_t now)
{
	/* the first period at the new rate */
	uint32_t turn = max32(now == UINT32_MAX ? now : now + 1, next->start);
	uint32_t through = max32(next->through, settled);
	uint32_t old_end = min32(through, max32(turn, settled));
	struct amount sum = AMOUNT_ZERO;

	if (!add_rent(&sum, last->rate, old_end - settled) ||
	    !add_rent(&sum, next->rate, through - old_end))
		return false;
	if (amount_cmp(next->rate, last->rate) > 0 && settled > turn &&
	    !add_rent(&sum, amount_sub_floor(next->rate, last->rate),
		      settled - turn))
		return false;
	*cost = sum;
	return true;
}

uint32_t rent_kept_until(const struct agreement *a)
{
	uint64_t paid = (uint64_t)a->through + RENT_GRACE;
	uint64_t end = (uint64_t)a->end + AGREEMENT_CLOSE_WAIT;

	if (rent_unopened(a) && paid < end)
		end = paid;
	return end < UINT32_MAX ? (uint32_t)end : UINT32_MAX;
}

/* ---- the rules ---- */

struct rule {
	const struct rent_case *c;
	enum rent_no no;
	char *why;
};

static bool refuse(struct rule *r, enum rent_no no, const char *why)
{
	if (r->no == RENT_NO_NONE) {
		r->no = no;
		/* an error's text may be longer: its beginning says enough */
		(void)snprintf(r->why, RENT_WHY_MAX + 1, "%.*s",
			       (int)RENT_WHY_MAX, why);
	}
	return false;
}

/* Nothing is due before it starts, and what is prepaid is at least the period
 * that runs. */
static bool prepaid(struct rule *r)
{
	const struct agreement *a = r->c->next;
	uint32_t now = max32(r->c->now, a->start);

	if (a->through <= now && a->through < a->end)
		return refuse(r, RENT_NO_PERIODS,
			      "the period that runs is not paid for");
	return true;
}

static bool first_unopened(struct rule *r)
{
	const struct agreement *a = r->c->next;
	struct amount rent = AMOUNT_ZERO;

	if (!amount_is_zero(a->fund) || !amount_is_zero(a->collateral) ||
	    !amount_is_zero(a->penalty))
		return refuse(r, RENT_NO_PRICE,
			      "a fund or collateral that is never locked");
	if (a->start < r->c->now)
		return refuse(r, RENT_NO_PERIODS, "it starts in the past");
	if (!add_rent(&rent, a->rate, a->through - a->start) ||
	    amount_cmp(a->earned, rent) < 0)
		return refuse(r, RENT_NO_PERIODS,
			      "less is paid than the periods cost");
	return prepaid(r);
}

/* How many sectors the fund pays for over the whole term: what is locked on the
 * host's side goes by what is locked on the renter's. */
static uint64_t capacity(const struct agreement *a, const struct sheet *s)
{
	uint64_t low = a->sectors, mid, high = UINT32_MAX;
	struct amount whole;

	if (amount_is_zero(s->rent))
		return a->sectors;
	while (low < high) {
		mid = low + (high - low + 1) / 2;
		if (amount_mul_u64(&whole, s->rent, mid) &&
		    amount_mul_u64(&whole, whole, a->end - a->start) &&
		    amount_cmp(whole, a->fund) <= 0)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

static bool within(struct amount v, struct amount each, uint64_t sectors)
{
	struct amount most;

	return !amount_mul_u64(&most, each, sectors) ||
	       amount_cmp(v, most) <= 0;
}

static bool first_for_chain(struct rule *r)
{
	const struct agreement *a = r->c->next;
	const struct sheet *s = r->c->sheet;
	uint64_t sectors;

	if (!r->c->facts->known)
		return refuse(r, RENT_NO_CHAIN, "the chain is not known");
	if (a->number != r->c->facts->count)
		return refuse(r, RENT_NO_REVISION,
			      "not the number that the bank takes next");
	if (agreement_check_open(a, r->c->now, NULL) != ERR_NONE)
		return refuse(r, RENT_NO_PERIODS, "it could not be opened");
	sectors = capacity(a, s);
	if (!within(a->collateral, s->collateral, sectors) ||
	    !within(a->penalty, s->penalty, sectors) ||
	    amount_cmp(a->penalty, a->collateral) > 0)
		return refuse(r, RENT_NO_PRICE,
			      "more collateral or penalty than offered");
	if (a->span != s->span)
		return refuse(r, RENT_NO_PERIODS, "not the span of the sheet");
	return true;
}

static bool first(struct rule *r)
{
	const struct agreement *a = r->c->next;
	const struct sheet *s = r->c->sheet;
	uint32_t periods = a->end - a->start;

	if (!r->c->sheet_live)
		return refuse(r, RENT_NO_TERMS, "the price sheet expired");
	if (periods > s->max_periods ||
	    (periods < s->min_periods && !rent_unopened(a)))
		return refuse(r, RENT_NO_PERIODS, "too long, or too short");
	if (a->start > r->c->now && a->start - r->c->now > r->c->policy->ahead)
		return refuse(r, RENT_NO_PERIODS, "it starts too far ahead");
	return rent_unopened(a) ? first_unopened(r) : first_for_chain(r);
}

/* What is settled, as both know it or the chain does. */
static void floors(const struct rent_case *c, uint32_t *through,
		   struct amount *earned)
{
	*through = c->last->through;
	*earned = c->last->earned;
	if (rent_unopened(c->next) || !c->facts->opened)
		return;
	*through = max32(*through, c->facts->through);
	*earned = amount_max(*earned, c->facts->earned);
}

static bool still_open(struct rule *r)
{
	const struct rent_facts *f = r->c->facts;
	const struct agreement *a = r->c->next;

	if (!f->known)
		return refuse(r, RENT_NO_CHAIN, "the chain is not known");
	if (f->closed)
		return refuse(r, RENT_NO_PERIODS, "it is closed");
	if (f->opened)
		return true;
	if (agreement_check_open(a, r->c->now, NULL) != ERR_NONE)
		return refuse(r, RENT_NO_PERIODS,
			      "it is not opened, and could not be any more");
	return true;
}

static bool following(struct rule *r)
{
	const struct agreement *a = r->c->next, *last = r->c->last;
	struct amount earned, cost, least;
	uint32_t through;
	struct err e = {0};

	if (a->revision <= last->revision)
		return refuse(r, RENT_NO_REVISION, "not above the newest");
	if (agreement_check_next(a, last, r->c->now, &e) != ERR_NONE)
		return refuse(r, RENT_NO_PERIODS, e.msg);
	if (amount_cmp(a->fund, last->fund) != 0)
		return refuse(r, RENT_NO_FUNDS, "another fund than agreed on");
	if (!rent_unopened(a) && !still_open(r))
		return false;
	floors(r->c, &through, &earned);
	if (a->through < through || amount_cmp(a->earned, earned) < 0)
		return refuse(r, RENT_NO_PERIODS, "a proof settled more");
	if (!rent_cost(&cost, a, last, through, r->c->now) ||
	    !amount_add(&least, earned, cost) ||
	    amount_cmp(a->earned, least) < 0)
		return refuse(r, RENT_NO_PERIODS,
			      "less is paid than the periods cost");
	return !rent_unopened(a) || prepaid(r);
}

/* Is what is locked enough for what is still to be paid? */
static bool covered(struct rule *r)
{
	const struct agreement *a = r->c->next;
	struct amount whole = a->earned;
	struct amount fund =
		r->c->facts->opened ? r->c->facts->funded : a->fund;

	if (!add_rent(&whole, a->rate, a->end - a->through) ||
	    amount_cmp(whole, fund) > 0)
		return refuse(r, RENT_NO_FUNDS,
			      "the fund does not reach to the end");
	return true;
}

static bool worth_a_proof(struct rule *r)
{
	const struct agreement *a = r->c->next;
	struct amount rent = AMOUNT_ZERO, fees;

	if (!add_rent(&rent, a->rate, min32(a->span, a->end - a->start)))
		return true; /* beyond 112 bits it is worth one */
	if (!amount_mul_u64(&fees, r->c->policy->proof_fee,
			    RENT_FEES_PER_SPAN) ||
	    amount_cmp(rent, fees) < 0)
		return refuse(r, RENT_NO_PRICE,
			      "a span pays less than 20 proofs cost");
	return true;
}

static bool priced(struct rule *r)
{
	const struct agreement *a = r->c->next;
	struct amount least;

	if (!rent_rate_min(&least, r->c->sheet, a->sectors) ||
	    amount_cmp(a->rate, least) < 0)
		return refuse(r, RENT_NO_PRICE,
			      "the rate is below the sheet's");
	if (r->c->adds && r->c->now >= a->end)
		return refuse(r, RENT_NO_PERIODS, "it is over");
	return rent_unopened(a) || (covered(r) && worth_a_proof(r));
}

/* What is bought by receipts; sectors were paid for when they were stored. */
static struct amount due_of(const struct rent_case *c)
{
	if (!rent_unopened(c->next))
		return AMOUNT_ZERO;
	return amount_sub_floor(c->next->earned,
				c->last ? c->last->earned : AMOUNT_ZERO);
}

enum rent_no rent_rule(struct amount *due, char *why, const struct rent_case *c)
{
	struct rule r = {.c = c, .why = why};
	struct err e = {0};

	*due = AMOUNT_ZERO;
	why[0] = 0;
	if (agreement_check(c->next, &e) != ERR_NONE)
		(void)refuse(&r, RENT_NO_PERIODS, e.msg);
	else if (!c->sheet)
		(void)refuse(&r, RENT_NO_TERMS, "no price sheet of ours");
	else if ((c->last ? following(&r) : first(&r)) && priced(&r))
		*due = due_of(c);
	return r.no;
}
