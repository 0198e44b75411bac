#include "node/renter/renter_unopened.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/rent/rent_pay.h"
#include "node/renter/renter_pact.h"
#include "node/renter/renter_running.h"

#include <string.h>

#define ENDING_MAX 4U /* blocks: so near its end a period is left out */
/* Numbers are seconds since then, so that none is used again by a home whose
 * database was lost. 2020-01-01 */
#define EPOCH_S INT64_C(1577836800)

bool unopened_is(const struct renter_agreement *row)
{
	return row->signed_.number >= RENT_UNOPENED;
}

bool unopened_runs(const struct renter_agreement *row, uint32_t now)
{
	return unopened_is(row) && row->state == RENTER_UNOPENED &&
	       !renter_lapsed(&row->signed_, now);
}

bool unopened_is_kept(const struct renter_agreement *row, uint32_t now)
{
	return unopened_is(row) && row->state == RENTER_UNOPENED &&
	       now < rent_kept_until(&row->signed_);
}

bool unopened_is_due(const struct renter_agreement *row, uint32_t now)
{
	return unopened_runs(row, now) && row->signed_.start <= now &&
	       row->signed_.through <= now;
}

struct paid {
	struct address me;
	const struct address *host;
	uint32_t now;
	uint32_t from;	  /* the lowest end of what is paid of ended ones */
	uint64_t sectors; /* of those */
	uint64_t used;	  /* in others that begin when that is over */
};

static bool add_paid(void *ctx, const struct renter_agreement *row)
{
	const struct agreement *a = &row->signed_;
	struct paid *p = ctx;

	if (!unopened_is(row) || !address_eq(&a->renter, &p->me) ||
	    !address_eq(&a->host, p->host) || a->revision == 0)
		return true;
	if (row->state == RENTER_UNOPENED && a->start > p->now)
		p->used += a->sectors;
	if (row->state != RENTER_ENDED || a->through <= p->now)
		return true;
	if (p->sectors == 0 || a->through < p->from)
		p->from = a->through;
	p->sectors += a->sectors;
	return true;
}

/* Hosts take a start so far ahead. */
static uint32_t paid_until(const struct renter *r, const struct address *host,
			   uint32_t sectors, uint32_t now)
{
	struct paid p = {
		.me = renting_me(r->renting), .host = host, .now = now};

	if (renter_db_agreements(r->db, add_paid, &p, NULL) != ERR_NONE ||
	    p.sectors < p.used + sectors || p.from > now + RENT_AHEAD)
		return 0;
	return p.from;
}

bool unopened_start(const struct renter *r, const struct address *host,
		    uint32_t sectors, uint32_t *start)
{
	const uint64_t period = r->engine->money->period;
	const uint64_t ending =
		period / 4 < ENDING_MAX ? period / 4 : ENDING_MAX;
	uint64_t block;
	uint32_t now, paid;

	if (!renting_block(r->renting, &block) || period == 0)
		return false;
	now = (uint32_t)(block / period);
	paid = paid_until(r, host, sectors, now);
	*start = now + (period - block % period <= ending);
	if (paid > *start)
		*start = paid;
	return true;
}

/* ---- which one ---- */

struct search {
	struct address me;
	const struct address *host;
	const struct renter_want *want; /* `now` NULL: prices are not known */
	uint32_t highest;		/* number of any of them; 0: none */
	bool begun, takes, unfit;
	struct renter_agreement best;
};

static bool takes(const struct search *s, const struct renter_agreement *row)
{
	return unopened_runs(row, s->want->period) && s->want->now &&
	       renter_takes_unopened(&row->signed_, s->want);
}

static bool look(void *ctx, const struct renter_agreement *row)
{
	struct search *s = ctx;

	if (!unopened_is(row) || !address_eq(&row->signed_.renter, &s->me) ||
	    !address_eq(&row->signed_.host, s->host))
		return true;
	if (row->signed_.number > s->highest)
		s->highest = row->signed_.number;
	if (row->state == RENTER_DRAFT ||
	    (pact_is_open(row) && unopened_runs(row, s->want->period))) {
		s->begun = true;
		s->unfit = row->state != RENTER_DRAFT && !takes(s, row);
		s->best = *row;
	} else if (!s->begun && takes(s, row)) {
		s->takes = true;
		s->best = *row;
	}
	return true;
}

static uint32_t fresh_number(const struct search *s)
{
	const int64_t since = clock_unix_s() - EPOCH_S;
	uint32_t number = RENT_UNOPENED;

	if (since > 0 && since < (int64_t)RENT_UNOPENED)
		number += (uint32_t)since;
	return number > s->highest ? number : s->highest + 1;
}

enum err_code unopened_choose(struct renter_agreement *out, bool *unfit,
			      struct renter *r, const struct address *host,
			      const struct renter_want *want, struct err *e)
{
	struct sheet sheet;
	struct renter_want w = *want;
	struct search s = {
		.me = renting_me(r->renting), .host = host, .want = &w};
	enum err_code code;

	w.now = running_sheet(r, host, &sheet) ? &sheet : NULL;
	if (!renting_period(r->renting, &w.period))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	code = renter_db_agreements(r->db, look, &s, e);
	*unfit = s.begun && s.unfit;
	if (code != ERR_NONE || s.begun || s.takes) {
		*out = s.best;
		return code;
	}
	if (s.highest == UINT32_MAX)
		return err_fail(e, ERR_LIMIT, "no number is left for it");
	*out = (struct renter_agreement){.state = RENTER_DRAFT};
	out->signed_.renter = s.me;
	out->signed_.host = *host;
	out->signed_.number = fresh_number(&s);
	out->offered = out->signed_;
	return ERR_NONE;
}

/* ---- what may be owed ---- */

static bool recall_due(void *ctx, const struct renter_agreement *row)
{
	struct renter *r = ctx;
	struct rent_pay *pay = rent_pay_of(r->engine, NULL);
	struct amount due =
		amount_sub_floor(row->offered.earned, row->signed_.earned);

	if (pay && unopened_is(row) && row->state != RENTER_ENDED &&
	    pact_is_open(row) && !amount_is_zero(due))
		rent_pay_found(pay, &row->signed_.host, due);
	return true;
}

void unopened_recall_dues(struct renter *r)
{
	struct err e = {0};

	if (renter_db_agreements(r->db, recall_due, r, &e) != ERR_NONE)
		log_line(r->engine->log, LOG_ERROR, "rent",
			 "renter.db text=\"%s\"", e.msg);
}
