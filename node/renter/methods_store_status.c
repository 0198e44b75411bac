/* methods_store_status.c - what a renter's agreements are at, and what is to be
 * done about them. Where no daemon does it, what is over is closed on the way.
 */
#include "node/renter/methods_store.h"

#include "base/address.h"
#include "contracts-abi/bank.h"
#include "node/money/money.h"
#include "node/renter/renter_close.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_term.h"
#include "node/renter/renter_unopened.h"
#include "node/renter/tenure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	struct store_call *call;
	json_t *agreements, *warnings;
	uint32_t now;
	struct amount paid, locked;
};

struct row_search {
	const struct book_lease *lease;
	struct renter_agreement row;
	bool found;
};

static bool find_row(void *ctx, const struct renter_agreement *row)
{
	struct row_search *s = ctx;

	s->found = row->signed_.number == s->lease->number &&
		   address_eq(&row->signed_.renter, &s->lease->renter) &&
		   address_eq(&row->signed_.host, &s->lease->host);
	if (s->found)
		s->row = *row;
	return !s->found;
}

static const char *state_of(const struct bank_agreement *v,
			    const struct row_search *s, uint32_t now)
{
	if (v->state == BANK_AGREEMENT_CLOSED)
		return "closed";
	if (v->state == BANK_AGREEMENT_NONE)
		return "not opened";
	if (now >= v->end)
		return "over";
	if (s->found && s->row.state == RENTER_ENDED)
		return "running out"; /* what it had is in another */
	return now < v->start ? "ahead" : "running";
}

static void warn(struct listing *l, const char *who, uint32_t number,
		 const char *text)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "%s, agreement %u: %s", who, number,
		       text);
	(void)json_array_append_new(l->warnings, json_string(line));
}

static void add_warnings(struct listing *l, const struct row_search *s,
			 const struct bank_agreement *v, const char *who)
{
	const uint32_t number = s->lease->number;
	char text[128];

	/* UNOPENED: who sent it was stopped before the chain answered */
	if (!s->found || v->state != BANK_AGREEMENT_OPEN ||
	    (s->row.state != RENTER_OPENED && s->row.state != RENTER_UNOPENED))
		return;
	if (renter_term_is_near(v->start, v->end, l->now)) {
		(void)snprintf(
			text, sizeof(text),
			l->now < v->end ? "it ends in %u periods; `seedbank "
					  "store renew` keeps what lies there"
					: "it is over since %u periods; "
					  "`seedbank store renew` saves what "
					  "the host still has",
			l->now < v->end ? v->end - l->now : l->now - v->end);
		warn(l, who, number, text);
	}
	if (running_is_unposted(l->call->renter, &s->row))
		warn(l, who, number,
		     "its newest revision is not on the chain: the next "
		     "`store` that changes something posts it");
	if (v->misses > 0) {
		(void)snprintf(text, sizeof(text),
			       "%u proofs were not given in time", v->misses);
		warn(l, who, number, text);
	}
}

static bool list_one(void *ctx, const struct book_agreement *a)
{
	struct listing *l = ctx;
	const struct money *m = l->call->engine->money;
	struct row_search s = {.lease = &a->lease};
	const struct bank_agreement *v = &a->view;
	struct amount left = book_fund_left(v);
	char who[ADDRESS_TEXT_MAX], fund[MONEY_TEXT_MAX], rate[MONEY_TEXT_MAX];
	struct address me = renting_me(l->call->renter->renting);

	if (!a->known || !address_eq(&a->lease.renter, &me))
		return true;
	(void)!renter_db_agreements(l->call->renter->db, find_row, &s, NULL);
	(void)address_text(who, &a->lease.host, m->profile.address);
	l->paid = amount_add_cap(l->paid, v->earned);
	l->locked = amount_add_cap(l->locked, left);
	(void)json_array_append_new(
		l->agreements,
		json_pack("{ss sI ss sI sI sI sI ss ss si sb}", "host", who,
			  "number", (json_int_t)a->lease.number, "state",
			  state_of(v, &s, l->now), "sectors",
			  (json_int_t)(v->from ? v->next_sectors : v->sectors),
			  "from", (json_int_t)v->start, "until",
			  (json_int_t)v->end, "through", (json_int_t)v->through,
			  "fund", money_text(m, left, fund), "rate",
			  money_text(m, v->from ? v->next_rate : v->rate, rate),
			  "misses", (int)v->misses, "unopened", 0));
	add_warnings(l, &s, v, who);
	return true;
}

/* ---- those that are never opened ---- */

static void warn_unopened(struct listing *l, const struct agreement *a,
			  const char *who)
{
	char text[160];

	if (a->through <= l->now) {
		(void)snprintf(text, sizeof(text),
			       "period %u is not paid: `seedbank store pay`, "
			       "before period %u, when the host may drop it",
			       l->now, rent_kept_until(a));
		warn(l, who, a->number, text);
	}
	if (renter_term_is_near(a->start, a->end, l->now)) {
		(void)snprintf(text, sizeof(text),
			       "it ends in %u periods; `seedbank store renew` "
			       "keeps what lies there",
			       a->end - l->now);
		warn(l, who, a->number, text);
	}
}

static bool list_unopened(void *ctx, const struct renter_agreement *row)
{
	struct listing *l = ctx;
	const struct money *m = l->call->engine->money;
	const struct agreement *a = &row->signed_;
	const bool runs = unopened_runs(row, l->now);
	struct address me = renting_me(l->call->renter->renting);
	char who[ADDRESS_TEXT_MAX], rate[MONEY_TEXT_MAX];

	if (!unopened_is(row) || row->state == RENTER_DRAFT ||
	    !address_eq(&a->renter, &me))
		return true;
	(void)address_text(who, &a->host, m->profile.address);
	l->paid = amount_add_cap(l->paid, a->earned);
	(void)json_array_append_new(
		l->agreements,
		json_pack("{ss sI ss sI sI sI sI ss ss si sb}", "host", who,
			  "number", (json_int_t)a->number, "state",
			  !runs			? "over"
			  : a->through > l->now ? "prepaid"
						: "unpaid",
			  "sectors", (json_int_t)a->sectors, "from",
			  (json_int_t)a->start, "until", (json_int_t)a->end,
			  "through", (json_int_t)a->through, "fund", "0",
			  "rate", money_text(m, a->rate, rate), "misses", 0,
			  "unopened", 1));
	if (runs)
		warn_unopened(l, a, who);
	return true;
}

/* What it keeps has no agreement but one that ends. */
static enum err_code warn_cut_off(struct listing *l, struct err *e)
{
	bool waits = false;
	enum err_code code =
		renter_db_any_waits(l->call->renter->db, &waits, e);

	if (code == ERR_NONE && waits && !l->call->renter->busy)
		(void)json_array_append_new(
			l->warnings,
			json_string("a renewal or a repair was cut off: "
				    "`seedbank store renew` goes on with it"));
	return code;
}

static void list_all(struct store_call *s, const struct closing_result *done)
{
	struct listing l = {.call = s,
			    .agreements = json_array(),
			    .warnings = json_array()};
	const struct money *m = s->engine->money;
	char paid[MONEY_TEXT_MAX], locked[MONEY_TEXT_MAX], back[MONEY_TEXT_MAX];
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (!renting_period(s->renter->renting, &l.now))
		code = err_fail(&e, ERR_CHAIN, "the chain is not known");
	if (code == ERR_NONE)
		code = book_agreement_list(m->storage.book, list_one, &l, &e);
	if (code == ERR_NONE)
		code = renter_db_agreements(s->renter->db, list_unopened, &l,
					    &e);
	if (code == ERR_NONE)
		code = warn_cut_off(&l, &e);
	if (code != ERR_NONE) {
		json_decref(l.agreements);
		json_decref(l.warnings);
		store_call_error(s, &e);
		return;
	}
	store_call_result(s,
			  json_pack("{so so ss ss si ss sI}", "agreements",
				    l.agreements, "warnings", l.warnings,
				    "paid", money_text(m, l.paid, paid),
				    "locked", money_text(m, l.locked, locked),
				    "closed", (int)done->closed, "back",
				    money_text(m, done->back, back), "period",
				    (json_int_t)l.now));
}

static void on_closed(void *ctx, const struct closing_result *r)
{
	const struct closing_result done = *r; /* of what goes with the call */

	list_all(ctx, &done);
}

static void on_fresh(void *ctx, const struct err *e)
{
	(void)e; /* then it is what was known last */
	list_all(ctx, &(struct closing_result){0});
}

/* A daemon closes what is over by itself. */
static enum err_code begin_status(struct store_call *s, struct err *e)
{
	struct closing *c = NULL;
	enum err_code code;

	if (tenure_closes(s->engine->tenure)) {
		settle_refresh(s->engine->money->storage.settle, on_fresh, s);
		return ERR_NONE;
	}
	code = closing_start(&c, s->renter, on_closed, s, e);
	s->journey = c;
	return code;
}

static void stop_status(struct store_call *s)
{
	if (s->engine->money && s->engine->money->storage.settle)
		settle_forget(s->engine->money->storage.settle, s);
	closing_free(s->journey);
}

void method_store_status(struct engine *en, const json_t *params,
			 struct call *c)
{
	const struct store_call status = {.begin = begin_status,
					  .stop = stop_status};

	store_call_start(en, params, c, &status);
}
