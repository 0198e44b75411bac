#include "node/renter/tenure.h"

#include "base/address.h"
#include "node/money/money.h"
#include "node/renter/renter_close.h"
#include "node/renter/renter_keep.h"
#include "node/renter/renter_prepay.h"
#include "node/renter/renter_reconcile.h"
#include "node/renter/renter_retell.h"
#include "node/renter/renter_term.h"
#include "node/renter/renter_unopened.h"
#include "storage/rent/rent_rules.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_MS 7000  /* after the start: others come up first */
#define AGAIN_MS 30000 /* something else was under way, or failed */
#define LOOK_MS 3600000
#define LOOK_LEAST_MS 2000
#define STUCK_MS 600000 /* a look without an answer */

enum purpose { TO_LOOK, TO_PAY, TO_RENEW, TO_TELL };

struct tenure {
	struct engine *engine;
	struct loop_timer *timer;
	struct renter *renter;
	bool begun, busy, claimed;
	bool reading; /* the chain */
	bool again;   /* what was to be paid was not */
	bool taken;   /* agreements that a renewal has ended are kept still */
	/* some were signed, and what the chain says of them is not noted */
	bool untold;
	uint32_t now, told; /* periods; told: in which ends were logged */
	uint32_t tried;	    /* the last in which a renewal was gone on with */
	unsigned ending;    /* agreements */
	uint32_t first_end; /* of those */
	unsigned unpaid;    /* at the last look, whoever is to pay them */
	uint32_t term;	    /* the longest of theirs */
	struct closing *closing;
	struct reconcile *reconcile;
	struct prepay *prepay;
	enum purpose purpose; /* of `reconcile` */
	struct keep *keep;
	struct retell *retell;
	struct net_addr named[SCOUT_NAMED_MAX];
	size_t named_n;
};

static void log_err(const struct tenure *t, const char *what,
		    const struct err *e)
{
	log_line(t->engine->log, LOG_WARN, "rent", "%s why=\"%s\"", what,
		 e->msg);
}

static void finish(struct tenure *t, bool again)
{
	int64_t wait = LOOK_MS;

	if (t->claimed)
		renter_end(t->renter);
	t->claimed = t->busy = false;
	if (t->renter && renting_period_ms(t->renter->renting) / 4 < wait)
		wait = renting_period_ms(t->renter->renting) / 4;
	if (wait < LOOK_LEAST_MS)
		wait = LOOK_LEAST_MS;
	loop_timer_set(t->timer, again && wait > AGAIN_MS ? AGAIN_MS : wait);
}

/* ---- renewing ---- */

static void on_step(void *ctx, const char *text)
{
	struct tenure *t = ctx;

	log_line(t->engine->log, LOG_DEBUG, "rent", "renewing text=\"%s\"",
		 text);
}

static void on_renewed(void *ctx, const struct keep_result *r,
		       const struct err *e)
{
	struct tenure *t = ctx;
	char cost[MONEY_TEXT_MAX];

	if (e)
		log_err(t, "not renewed", e);
	else
		log_line(t->engine->log, LOG_INFO, "rent",
			 "renewed agreements=%u sectors=%llu lost=%llu "
			 "cost=%s until=%u",
			 r->ending, (unsigned long long)r->sectors,
			 (unsigned long long)r->lost,
			 money_text(t->engine->money, r->rent, cost), r->until);
	keep_free(t->keep);
	t->keep = NULL;
	finish(t, t->again); /* each try costs fees: not at once again */
}

static void read_named(struct tenure *t)
{
	const char *text;
	char ip[64];
	uint16_t port;

	t->named_n = 0;
	for (size_t i = 0; (text = engine_list_at(t->engine, "host-peer", i)) &&
			   t->named_n < SCOUT_NAMED_MAX;
	     i++)
		if (options_split_endpoint(text, ip, sizeof(ip), &port, NULL) ==
			    ERR_NONE &&
		    net_addr_from_ip(&t->named[t->named_n], ip, port))
			t->named_n++;
}

static void begin_renewal(struct tenure *t, const struct err *error)
{
	static const struct keep_ops ops = {.step = on_step,
					    .ended = on_renewed};
	struct keep_cfg cfg = {.what = KEEP_RENEW,
			       .near = true,
			       .periods = t->term,
			       .has_budget = true,
			       .per_host = 1,
			       .per_net = 1};
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (error)
		e = *error;
	code = e.code;
	read_named(t);
	rent_peers_use_dht(t->renter->peers, t->named_n == 0);
	cfg.scout =
		(struct scout_cfg){.named = t->named, .named_n = t->named_n};
	if (code == ERR_NONE)
		code = money_parse(t->engine->money,
				   engine_text(t->engine, "store-renew-budget"),
				   &cfg.budget, &e);
	if (code == ERR_NONE)
		code = keep_start(&t->keep, t->renter, &cfg, &ops, t, &e);
	if (code != ERR_NONE) {
		log_err(t, "not renewed", &e);
		finish(t, true);
	}
}

/* ---- where it all lies is told again ---- */

/* What failed waits for the next look: each try raises sequences. */
static void on_retold(void *ctx, const struct retell_result *r,
		      const struct err *e)
{
	struct tenure *t = ctx;

	if (e)
		log_err(t, "records were not told again", e);
	else
		log_line(t->engine->log, LOG_INFO, "rent",
			 "records told again objects=%u left=%u hosts=%u of=%u",
			 r->objects, r->left, r->told, r->hosts);
	retell_free(t->retell);
	t->retell = NULL;
	finish(t, t->again);
}

static void begin_telling(struct tenure *t, const struct err *error)
{
	struct err e = {0};

	if (error)
		e = *error;
	if (e.code == ERR_NONE &&
	    retell_start(&t->retell, t->renter, on_retold, t, &e) == ERR_NONE)
		return;
	log_err(t, "records were not told again", &e);
	finish(t, t->again);
}

/* ---- what is never opened is paid ---- */

static void renew_or_finish(struct tenure *t);
static bool is_unfinished(const struct tenure *t);
static void look_again(struct tenure *t, const struct err *error);

static void stop_change(struct tenure *t)
{
	renter_end(t->renter);
	t->claimed = false;
}

static void on_paid_step(void *ctx, const char *text)
{
	struct tenure *t = ctx;

	log_line(t->engine->log, LOG_DEBUG, "rent", "paying text=\"%s\"", text);
}

static void on_paid(void *ctx, const struct prepay_result *r,
		    const struct err *error)
{
	const struct prepay_cfg unopened = {.unopened = true};
	struct tenure *t = ctx;
	char cost[MONEY_TEXT_MAX];
	struct err e = {0};

	if (error)
		log_err(t, "periods not paid", error);
	else
		log_line(t->engine->log, r->paid < r->due ? LOG_WARN : LOG_INFO,
			 "rent",
			 "periods paid agreements=%u of=%u wrong=%u silent=%u "
			 "cost=%s",
			 r->paid, r->due, r->wrong, r->silent,
			 money_text(t->engine->money, r->cost, cost));
	t->again = error != NULL;
	prepay_free(t->prepay);
	t->prepay = NULL;
	if (prepay_due(t->renter, &unopened, &t->unpaid, &e) != ERR_NONE)
		log_err(t, "agreements", &e);
	stop_change(t);
	renew_or_finish(t);
}

static struct prepay_cfg what_is_paid(const struct tenure *t)
{
	return (struct prepay_cfg){
		.unopened = engine_flag(t->engine, "store-pay"),
		.opened = engine_flag(t->engine, "store-settle")};
}

static void begin_paying(struct tenure *t, const struct err *error)
{
	const struct prepay_cfg cfg = what_is_paid(t);
	static const struct prepay_ops ops = {.step = on_paid_step,
					      .ended = on_paid};
	struct err e = {0};

	if (error)
		e = *error;
	if (e.code == ERR_NONE &&
	    prepay_start(&t->prepay, t->renter, &cfg, &ops, t, &e) == ERR_NONE)
		return;
	log_err(t, "periods not paid", &e);
	t->again = true;
	stop_change(t);
	renew_or_finish(t);
}

static void on_reconciled(void *ctx, const struct err *error)
{
	struct tenure *t = ctx;
	struct err e = {0};

	if (error)
		e = *error; /* it is the reconciliation's, which goes now */
	reconcile_free(t->reconcile);
	t->reconcile = NULL;
	switch (t->purpose) {
	case TO_LOOK:
		stop_change(t);
		look_again(t, error ? &e : NULL);
		break;
	case TO_PAY:
		begin_paying(t, error ? &e : NULL);
		break;
	case TO_RENEW:
		begin_renewal(t, error ? &e : NULL);
		break;
	case TO_TELL:
		begin_telling(t, error ? &e : NULL);
		break;
	}
}

static void change(struct tenure *t, enum purpose purpose, const char *what)
{
	struct err e = {0};

	if (renter_begin(t->renter, what, &e) != ERR_NONE) {
		log_line(t->engine->log, LOG_INFO, "rent",
			 "put off what=\"%s\" why=\"%s\"", what, e.msg);
		finish(t, true);
		return;
	}
	t->claimed = true;
	t->purpose = purpose;
	if (reconcile_start(&t->reconcile, t->renter, on_reconciled, t, &e) !=
	    ERR_NONE) {
		log_err(t, "agreements", &e);
		finish(t, true);
	}
}

static void renew_or_finish(struct tenure *t)
{
	bool due = false;
	struct err e = {0};

	if (engine_flag(t->engine, "store-renew") &&
	    (t->ending || (is_unfinished(t) && t->tried != t->now))) {
		t->tried = t->now;
		change(t, TO_RENEW, "a renewal by the daemon itself");
		return;
	}
	if (retell_is_due(&due, t->renter, &e) != ERR_NONE)
		log_err(t, "records", &e);
	if (due)
		change(t, TO_TELL, "records told again by the daemon itself");
	else
		finish(t, t->again);
}

/* ---- looking ---- */

/* What was taken over out of it may wait to be agreed on (below). */
static void note_taken(struct tenure *t, const struct agreement *a)
{
	if (t->now >= rent_kept_until(a))
		return;
	t->taken = true;
	if (a->end - a->start > t->term)
		t->term = a->end - a->start;
}

/* A renewal that was cut off, or failed, after it had ended agreements: their
 * sectors are staged, and nobody pays for them. */
static bool is_unfinished(const struct tenure *t)
{
	bool any = false;

	return t->taken &&
	       renter_db_any_waits(t->renter->db, &any, NULL) == ERR_NONE &&
	       any;
}

static bool look_at(void *ctx, const struct renter_agreement *row)
{
	struct tenure *t = ctx;
	const struct agreement *a = &row->signed_;
	struct address me = renting_me(t->renter->renting);

	if (row->state == RENTER_ENDED && a->revision > 0 &&
	    address_eq(&a->renter, &me))
		note_taken(t, a);
	/* who was stopped while they went to the chain */
	t->untold |= row->state == RENTER_UNOPENED && !unopened_is(row) &&
		     address_eq(&a->renter, &me);

	if (!(row->state == RENTER_OPENED || unopened_is_kept(row, t->now)) ||
	    !address_eq(&a->renter, &me) ||
	    t->now >= a->end + AGREEMENT_CLOSE_WAIT ||
	    !renter_term_is_near(a->start, a->end, t->now))
		return true;
	if (t->ending++ == 0 || a->end < t->first_end)
		t->first_end = a->end;
	if (a->end - a->start > t->term)
		t->term = a->end - a->start;
	return true;
}

/* Once a period, one line. */
static void tell_ending(struct tenure *t)
{
	if (t->told != t->now && is_unfinished(t))
		log_line(t->engine->log, LOG_WARN, "rent",
			 "a renewal was cut off renewed=%d",
			 (int)engine_flag(t->engine, "store-renew"));
	if (t->ending && t->told != t->now)
		log_line(t->engine->log, LOG_WARN, "rent",
			 "agreements end soon n=%u first=%u period=%u "
			 "renewed=%d",
			 t->ending, t->first_end, t->now,
			 (int)engine_flag(t->engine, "store-renew"));
	t->told = t->now;
}

/* Beside everything else, which does not wait until it is final. */
static void on_closed(void *ctx, const struct closing_result *r)
{
	struct tenure *t = ctx;
	char back[MONEY_TEXT_MAX];

	if (r->closed)
		log_line(t->engine->log, LOG_INFO, "rent",
			 "closed agreements=%u back=%s", r->closed,
			 money_text(t->engine->money, r->back, back));
	closing_free(t->closing);
	t->closing = NULL;
}

static void close_over(struct tenure *t)
{
	struct err e = {0};

	if (!t->closing &&
	    closing_start(&t->closing, t->renter, on_closed, t, &e) != ERR_NONE)
		log_err(t, "not closed", &e);
}

static void pay_or_go_on(struct tenure *t)
{
	const struct prepay_cfg pays = what_is_paid(t);
	const struct prepay_cfg unopened = {.unopened = true};
	unsigned due = 0;
	struct err e = {0};

	t->again = false;
	if (prepay_due(t->renter, &unopened, &t->unpaid, &e) != ERR_NONE ||
	    prepay_due(t->renter, &pays, &due, &e) != ERR_NONE)
		log_err(t, "agreements", &e);
	if (due)
		change(t, TO_PAY, "a payment by the daemon itself");
	else
		renew_or_finish(t);
}

static enum err_code look(struct tenure *t, struct err *e)
{
	t->ending = 0;
	t->taken = t->untold = false;
	t->term = 1;
	if (!renting_period(t->renter->renting, &t->now))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	return renter_db_agreements(t->renter->db, look_at, t, e);
}

static void not_looked(struct tenure *t, const struct err *e)
{
	log_err(t, "agreements were not looked at", e);
	finish(t, true);
}

static void go_on(struct tenure *t)
{
	tell_ending(t);
	pay_or_go_on(t);
}

/* What the chain says of all of them is noted now. */
static void look_again(struct tenure *t, const struct err *error)
{
	struct err e = {0};

	if (error)
		e = *error;
	if (e.code != ERR_NONE || look(t, &e) != ERR_NONE)
		not_looked(t, &e);
	else
		go_on(t);
}

static void on_fresh(void *ctx, const struct err *error)
{
	struct tenure *t = ctx;
	struct err e = {0};

	t->reading = false;
	if (error)
		e = *error;
	if (e.code != ERR_NONE || look(t, &e) != ERR_NONE) {
		not_looked(t, &e);
		return;
	}
	close_over(t);
	if (t->untold)
		change(t, TO_LOOK, "a look at the chain by the daemon itself");
	else
		go_on(t);
}

static void on_renter(void *ctx, struct renter *r, const struct err *error)
{
	struct tenure *t = ctx;

	t->renter = r;
	if (error) {
		log_err(t, "not open", error);
		t->renter = NULL;
		finish(t, true);
	} else {
		t->reading = true;
		settle_refresh(t->engine->money->storage.settle, on_fresh, t);
	}
}

static void stop_reading(struct tenure *t)
{
	if (t->reading)
		settle_forget(t->engine->money->storage.settle, t);
	t->reading = false;
}

/* A look that only waits for an answer of the chain has another begun in its
 * place: what is to be paid in time does not hang on one answer. What changes
 * things takes as long as it takes. */
static void give_up_look(struct tenure *t)
{
	if (t->claimed) {
		loop_timer_set(t->timer, STUCK_MS);
		return;
	}
	log_line(t->engine->log, LOG_WARN, "rent",
		 "agreements were not looked at why=\"no answer in time\"");
	renter_forget(t->engine, t);
	stop_reading(t);
	finish(t, true);
}

/* Who never stored anything is not connected to a chain for it. */
static void on_timer(void *ctx)
{
	struct tenure *t = ctx;
	char path[HOME_PATH_MAX];

	if (t->busy) {
		give_up_look(t);
		return;
	}
	home_file(&t->engine->home, "renter.db", path);
	if (access(path, F_OK) != 0) {
		loop_timer_set(t->timer, AGAIN_MS);
		return;
	}
	t->busy = true;
	loop_timer_set(t->timer, STUCK_MS);
	renter_open(t->engine, RENTING_HEAD, on_renter, t);
}

/* ---- life ---- */

enum err_code tenure_new(struct tenure **out, struct engine *en, struct err *e)
{
	struct tenure *t = calloc(1, sizeof(*t));

	if (t)
		t->timer = loop_timer_new(en->loop, on_timer, t);
	if (!t || !t->timer) {
		free(t);
		return err_fail(e, ERR_NOMEM, "agreements");
	}
	t->engine = en;
	*out = t;
	return ERR_NONE;
}

void tenure_free(struct tenure *t)
{
	if (!t)
		return;
	renter_forget(t->engine, t);
	stop_reading(t);
	closing_free(t->closing);
	reconcile_free(t->reconcile);
	prepay_free(t->prepay);
	keep_free(t->keep);
	retell_free(t->retell);
	if (t->claimed)
		renter_end(t->renter);
	loop_timer_free(t->timer);
	free(t);
}

struct tenure_view tenure_view(const struct tenure *t)
{
	return (struct tenure_view){.ending = t->ending, .unpaid = t->unpaid};
}

void tenure_begin(struct tenure *t)
{
	t->begun = t->engine->money != NULL;
	if (t->begun)
		loop_timer_set(t->timer, BEGIN_MS);
}

bool tenure_closes(const struct tenure *t)
{
	return t->begun;
}
