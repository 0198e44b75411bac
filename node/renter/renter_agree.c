#include "node/renter/renter_pact.h"

#include "base/address.h"
#include "node/money/money.h"
#include "node/renter/renter_reconcile.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_unopened.h"
#include "storage/rent/rent_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 500
#define SPARE_MAX 16U	/* sectors */
#define BLOCKS_FIXED 8U /* of a run besides two for each host */
#define AHEAD_MAX 3U	/* periods; what hosts take at the most */

uint32_t agree_spare(uint32_t sectors)
{
	return 2 + (sectors / 8 > SPARE_MAX ? SPARE_MAX : sectors / 8);
}

bool agree_start_period(const struct renter *r, unsigned hosts, uint32_t *start)
{
	const uint64_t period = r->engine->money->period;
	uint64_t block, left, need = BLOCKS_FIXED + 2 * (uint64_t)hosts;
	uint32_t ahead = 1;

	if (!renting_block(r->renting, &block) || period == 0)
		return false;
	left = period - block % period;
	while (left < need && ahead < AHEAD_MAX) {
		left += period;
		ahead++;
	}
	*start = (uint32_t)(block / period) + ahead;
	return true;
}

bool agree_cost(struct amount *rent, struct amount *fund,
		const struct sheet *sheet, uint32_t sectors, uint32_t periods)
{
	return amount_mul_u64(rent, sheet->rent, (uint64_t)sectors * periods) &&
	       amount_mul_u64(fund, sheet->rent,
			      ((uint64_t)sectors + agree_spare(sectors)) *
				      periods) &&
	       amount_fits112(*fund);
}

/* ---- ending ---- */

void agree_wake(struct agree *a)
{
	loop_timer_set(a->timer, 0);
}

void agree_say(struct agree *a, const struct pact *p, const char *text)
{
	char line[256], who[ADDRESS_TEXT_MAX];

	(void)snprintf(line, sizeof(line), "%s: %s",
		       address_text(who, &p->host,
				    a->renter->engine->money->profile.address),
		       text);
	a->ops->step(a->ctx, line);
}

static void end(struct agree *a, const struct err *why)
{
	a->ended = true;
	if (why)
		a->why = *why;
	agree_wake(a);
}

static void count_ends(struct agree *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		a->done += a->pacts[i].state == PACT_DONE;
		a->failed += a->pacts[i].state == PACT_FAILED;
		a->older += a->pacts[i].older;
	}
	a->all += a->n;
}

static void tell_end(struct agree *a)
{
	struct err why = a->why; /* a may be gone when it is read */

	if (a->told)
		return;
	a->told = true;
	count_ends(a);
	if (why.code == ERR_NONE && a->older * 2 > a->all)
		(void)renter_is_old_copy(a->older, a->all, &why);
	a->ops->ended(a->ctx, a->done, a->failed + a->gone,
		      why.code == ERR_NONE ? NULL : &why);
}

static void on_fresh(void *ctx, const struct err *error);

static void begin_round(struct agree *a)
{
	a->signing = false;
	a->reading = true;
	settle_refresh(a->renter->engine->money->storage.settle, on_fresh, a);
}

static void begin_second(struct agree *a)
{
	count_ends(a);
	for (unsigned i = 0; i < a->n; i++)
		pact_clear(&a->pacts[i]);
	a->n = 0;
	a->again = false;
	a->second = true;
	begin_round(a);
}

static void on_timer(void *ctx)
{
	struct agree *a = ctx;
	bool open = false;

	if (a->ended) {
		tell_end(a);
		return; /* a may be gone */
	}
	loop_timer_set(a->timer, TICK_MS);
	if (!a->signing)
		return;
	for (unsigned i = 0; i < a->n; i++)
		pact_tick(&a->pacts[i]);
	for (unsigned i = 0; i < a->n; i++)
		open |= a->pacts[i].state < PACT_DONE;
	if (open)
		return;
	if (a->again && !a->second) {
		begin_second(a);
		return;
	}
	a->gone += a->again; /* there is more that did not fit */
	end(a, NULL);
}

/* ---- which agreement for a host ---- */

struct finding {
	struct pact *pact;
	const struct agree *all;
	uint32_t next; /* the bank's, for this pair */
	bool found;
	bool over; /* it can never be opened */
	bool late; /* nor can we: but who did before is not final yet */
};

static bool is_ours(const struct agree *a, const struct renter_agreement *row)
{
	struct address me = renting_me(a->renter->renting);

	return address_eq(&row->signed_.renter, &me);
}

/* A draft or a signed one that was never opened, and can still be. */
static bool is_begun(const struct renter_agreement *row, uint32_t next,
		     uint32_t now)
{
	const struct agreement *a = &row->offered;

	return a->number == next && !row->posted &&
	       (row->state == RENTER_DRAFT ||
		(row->state == RENTER_UNOPENED && a->start > now));
}

static bool find_begun(void *ctx, const struct renter_agreement *row)
{
	struct finding *f = ctx;
	uint32_t now;

	if (!is_ours(f->all, row) ||
	    !address_eq(&row->signed_.host, &f->pact->host) ||
	    row->signed_.number != f->next || row->posted ||
	    !renting_period(f->all->renter->renting, &now))
		return true;
	f->pact->row = *row;
	f->found = true;
	if (!is_begun(row, f->next, now)) {
		f->over = row->state != RENTER_UNOPENED ||
			  f->all->final >= row->offered.start;
		f->late = !f->over;
	}
	return false;
}

/* The number of one that was signed and never opened is the next one's: above
 * what we signed then, and none of its sectors. */
static enum err_code recycle(struct pact *p, struct err *e)
{
	struct renter_agreement *row = &p->row;
	enum err_code code = ERR_NONE;

	p->all->gone += row->state == RENTER_UNOPENED;
	if (row->state != RENTER_ENDED)
		code = renter_end_agreement(p->all->renter, row, e);
	row->state = RENTER_DRAFT;
	row->signed_ = row->offered;
	return code == ERR_NONE
		       ? renter_db_set_agreement(p->all->renter->db, row, e)
		       : code;
}

/* A fresh number, ours alone until the host has signed. */
static enum err_code draft(struct pact *p, uint32_t number, struct err *e)
{
	struct agree *a = p->all;
	struct agreement *s = &p->row.signed_;

	p->row = (struct renter_agreement){.state = RENTER_DRAFT};
	s->renter = renting_me(a->renter->renting);
	s->host = p->host;
	s->number = number;
	s->start = s->through = a->start;
	s->end = a->start + a->cfg.periods;
	p->row.offered = *s;
	return renter_db_add_agreement(a->renter->db, &p->row, e);
}

static enum err_code choose(struct pact *p, uint32_t next, struct err *e)
{
	struct finding f = {.pact = p, .all = p->all, .next = next};
	enum err_code code =
		renter_db_agreements(p->all->renter->db, find_begun, &f, e);

	if (code != ERR_NONE)
		return code;
	if (f.late)
		return err_fail(e, ERR_CHAIN,
				"an agreement that was signed before may be on "
				"its way to the chain: try again when that is "
				"final");
	if (f.over)
		return recycle(p, e);
	return f.found ? ERR_NONE : draft(p, next, e);
}

static void on_numbers(void *ctx, const struct chain_view *at,
		       const struct chain_answer *answers, size_t n,
		       const struct err *e)
{
	struct agree *a = ctx;
	struct err why = {0};
	unsigned k = 0;

	a->reading = false;
	if (e) {
		end(a, e);
		return;
	}
	a->final = (uint32_t)(at->block / a->renter->engine->money->period);
	for (unsigned i = 0; i < a->n && k < n; i++) {
		struct pact *p = &a->pacts[i];

		if (p->row.id)
			continue;
		if (!answers[k].known)
			(void)err_fail(&why, ERR_CHAIN,
				       "the bank's next agreement: %.100s",
				       answers[k].why);
		else
			(void)choose(p, (uint32_t)answers[k].number, &why);
		if (why.code != ERR_NONE) {
			end(a, &why);
			return;
		}
		k++;
	}
	renting_want_commit(a->renter->renting);
}

/* The bank's next number for each of them. */
static void ask_numbers(struct agree *a)
{
	const struct money *m = a->renter->engine->money;
	struct chain_ask *asks = calloc(a->n + 1, sizeof(*asks));
	struct err e = {0};
	size_t n = 0;

	for (unsigned i = 0; asks && i < a->n; i++)
		if (!a->pacts[i].row.id)
			asks[n++] = (struct chain_ask){
				.what = CHAIN_ASK_NEXT,
				.c = m->domain.bank,
				.a = renting_me(a->renter->renting),
				.b = a->pacts[i].host};
	if (!asks || n > CHAIN_MAX_ASKS) {
		(void)err_fail(&e, ERR_NOMEM, "agreements");
		end(a, &e);
	} else if (n) {
		a->reading = true;
		chain_read(m->chain, CHAIN_FINAL, asks, n, on_numbers, a);
	} else {
		renting_want_commit(a->renter->renting);
	}
	free(asks);
}

/* ---- which hosts, and which agreements that run ---- */

static struct pact *add_pact(struct agree *a, const struct address *host,
			     bool unopened)
{
	struct pact *p;

	if (a->n == PLACING_HOSTS_MAX)
		return NULL;
	p = &a->pacts[a->n++];
	*p = (struct pact){.all = a, .host = *host, .unopened = unopened};
	p->peer = rent_peers_get(a->renter->peers, host, true);
	return p;
}

/* What is to be had from a host that takes staged sectors, one for each kind of
 * agreements. */
static bool add_host(void *ctx, const struct address *host, bool unopened,
		     uint32_t sectors)
{
	struct agree *a = ctx;
	struct pact *p = NULL;

	for (unsigned i = 0; !p && i < a->n; i++)
		if (a->pacts[i].takes && a->pacts[i].unopened == unopened &&
		    address_eq(&a->pacts[i].host, host))
			p = &a->pacts[i];
	if (!p)
		p = add_pact(a, host, unopened);
	if (!p)
		return false;
	p->takes = true;
	p->total = p->left = sectors;
	return true;
}

/* A revision settles two periods ahead: towards the end nothing is saved. */
static bool is_to_be_cut(const struct agree *a,
			 const struct renter_agreement *row, uint32_t now)
{
	return a->cfg.cut && row->signed_.end > now + RENTER_AHEAD &&
	       pact_going(a->renter->db, row) > 0;
}

static int by_id(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_to_be_paid(const struct agree *a,
			  const struct renter_agreement *row)
{
	return a->cfg.pay_n && bsearch(&row->id, a->cfg.pay, a->cfg.pay_n,
				       sizeof(*a->cfg.pay), by_id);
}

static bool add_payer(void *ctx, const struct renter_agreement *row)
{
	struct agree *a = ctx;
	struct pact *p;

	if (!is_ours(a, row) || !is_to_be_paid(a, row))
		return true;
	p = add_pact(a, &row->signed_.host, unopened_is(row));
	if (p) {
		p->row = *row;
		p->pays = true;
	}
	return p != NULL;
}

/* One that is never opened. */
static void add_unopened(struct agree *a, const struct renter_agreement *row,
			 uint32_t now)
{
	struct pact *p;

	if (!unopened_runs(row, now) || !a->cfg.cut ||
	    row->signed_.through >= row->signed_.end ||
	    pact_going(a->renter->db, row) == 0)
		return;
	p = add_pact(a, &row->signed_.host, true);
	if (p)
		p->row = *row;
}

/* Both signed it, and the chain does not know: to be opened or posted, also
 * where nothing is staged. */
static bool add_untold(void *ctx, const struct renter_agreement *row)
{
	struct agree *a = ctx;
	struct pact *p;
	uint32_t now;

	if (!is_ours(a, row) || !renting_period(a->renter->renting, &now))
		return true;
	if (unopened_is(row)) {
		add_unopened(a, row, now);
		return true;
	}
	if (row->state == RENTER_UNOPENED && !row->posted &&
	    row->signed_.start > now)
		(void)add_host(a, &row->signed_.host, false, 0);
	if (row->state == RENTER_OPENED && row->signed_.end > now &&
	    (running_is_unposted(a->renter, row) ||
	     is_to_be_cut(a, row, now))) {
		p = add_pact(a, &row->signed_.host, false);
		if (p)
			p->row = *row;
	}
	return true;
}

static enum err_code collect(struct agree *a, struct err *e)
{
	const bool pays = a->cfg.pay_n > 0; /* and does nothing else */
	enum err_code code = renter_db_agreements(
		a->renter->db, pays ? add_payer : add_untold, a, e);

	if (code == ERR_NONE && !pays)
		code = renter_db_staged_hosts(a->renter->db, add_host, a, e);
	if (code == ERR_NONE && a->n == 0)
		code = err_fail(e, ERR_STATE, "nothing waits to be agreed on");
	if (code == ERR_NONE && !agree_start_period(a->renter, a->n, &a->start))
		code = err_fail(e, ERR_CHAIN, "the chain is not known");
	return code;
}

struct begun {
	const struct agree *all;
	const struct address *host;
	bool found;
	struct renter_agreement open; /* that runs; id 0: none */
};

static bool find_any_begun(void *ctx, const struct renter_agreement *row)
{
	struct begun *b = ctx;

	if (!is_ours(b->all, row) || unopened_is(row) ||
	    !address_eq(&row->signed_.host, b->host))
		return true;
	if (row->state == RENTER_OPENED && pact_is_open(row))
		b->open = *row;
	b->found |= !row->posted &&
		    (row->state == RENTER_UNOPENED ||
		     (row->state == RENTER_DRAFT && pact_is_open(row)));
	return true;
}

/* The pact of this agreement takes what is staged at its host, or looks whether
 * it has it already. */
static void hand_over(struct agree *a, unsigned i,
		      const struct renter_agreement *row, bool unfit)
{
	struct pact *p = &a->pacts[i];

	p->unfit = unfit;
	for (unsigned k = 0; k < a->n; k++)
		if (a->pacts[k].row.id == row->id) {
			a->pacts[k].takes = true;
			a->pacts[k].unfit = unfit;
			a->pacts[k].total = p->total;
			a->pacts[k].left = p->left;
			*p = a->pacts[--a->n];
			return;
		}
	p->row = *row;
}

/* The one that is never opened for what is staged there; row->id 0: it is to be
 * drafted. */
static enum err_code find_unopened(struct renter_agreement *row, bool *unfit,
				   struct renter *r,
				   const struct agree_cfg *cfg,
				   const struct address *host, uint32_t sectors,
				   struct err *e)
{
	struct renter_want want;
	uint32_t start;

	if (!unopened_start(r, host, sectors, &start))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	want = running_want(start, cfg->periods, cfg->least);
	want.sectors = sectors;
	return unopened_choose(row, unfit, r, host, &want, e);
}

static enum err_code choose_unopened(struct agree *a, unsigned i, struct err *e)
{
	struct pact *p = &a->pacts[i];
	struct renter_agreement row;
	bool unfit;
	enum err_code code;

	if (p->row.id)
		return ERR_NONE;
	code = find_unopened(&row, &unfit, a->renter, &a->cfg, &p->host,
			     p->total, e);
	if (code != ERR_NONE)
		return code;
	if (row.id) {
		hand_over(a, i, &row, unfit);
		return ERR_NONE;
	}
	code = renter_db_add_agreement(a->renter->db, &row, e);
	p->row = row;
	/* no chain and no catalogue knows its number */
	return code == ERR_NONE ? renter_db_set_number(a->renter->db,
						       RENTER_UNPUBLISHED, 1, e)
				: code;
}

struct drafting {
	struct renter *renter;
	const struct agree_cfg *cfg;
	struct err e;
};

static bool draft_unopened(void *ctx, const struct address *host, bool unopened,
			   uint32_t sectors)
{
	struct drafting *d = ctx;
	struct renter_agreement row;
	bool unfit;

	return !unopened ||
	       (find_unopened(&row, &unfit, d->renter, d->cfg, host, sectors,
			      &d->e) == ERR_NONE &&
		(row.id || renter_db_add_agreement(d->renter->db, &row,
						   &d->e) == ERR_NONE));
}

enum err_code agree_draft_unopened(struct renter *r,
				   const struct agree_cfg *cfg, struct err *e)
{
	struct drafting d = {.renter = r, .cfg = cfg};
	enum err_code code =
		renter_db_staged_hosts(r->db, draft_unopened, &d, e);

	if (code == ERR_NONE && d.e.code != ERR_NONE) {
		*e = d.e;
		code = e->code;
	}
	return code;
}

/* One that was begun goes first: the host may hold our word on it, and then the
 * sectors stand in it. */
static enum err_code choose_running(struct agree *a, unsigned i, struct err *e)
{
	struct pact *p = &a->pacts[i];
	struct begun begun = {.all = a, .host = &p->host};
	struct renter_want want =
		running_want(a->start, a->cfg.periods, a->cfg.least);
	struct running best;
	bool found = false;
	enum err_code code;

	if (p->unopened)
		return choose_unopened(a, i, e);
	code = renter_db_agreements(a->renter->db, find_any_begun, &begun, e);
	want.sectors = p->total;
	if (code != ERR_NONE || begun.found || p->total == 0 || p->row.id)
		return code;
	if (begun.open.id) {
		hand_over(a, i, &begun.open,
			  !running_takes(a->renter, &begun.open, &want));
		return code;
	}
	code = running_choose(&best, &found, a->renter, &p->host, &want, e);
	if (found)
		hand_over(a, i, &best.row, false);
	return code;
}

static void on_fresh(void *ctx, const struct err *error)
{
	struct agree *a = ctx;
	struct err e = {0};
	enum err_code code = ERR_NONE;

	a->reading = false;
	if (error) {
		end(a, error);
		return;
	}
	code = collect(a, &e);
	/* all of it was signed already */
	if (a->second && a->n == 0 && code == ERR_STATE) {
		end(a, NULL);
		return;
	}
	/* from the end: what is handed over is filled with the last one */
	for (unsigned i = a->n; code == ERR_NONE && i-- > 0;)
		code = choose_running(a, i, &e);
	if (code != ERR_NONE)
		end(a, &e);
	else
		ask_numbers(a);
}

/* ---- life ---- */

static void begin_signing(struct agree *a)
{
	struct err e = {0};

	if (!agree_start_period(a->renter, a->n, &a->start)) {
		(void)err_fail(&e, ERR_CHAIN, "the chain is not known");
		end(a, &e);
		return;
	}
	a->signing = true;
	for (unsigned i = 0; i < a->n; i++)
		pact_go_on(&a->pacts[i]);
	agree_wake(a);
}

static void on_commit(void *ctx, bool ok)
{
	struct agree *a = ctx;

	if (a->ended || a->reading)
		return;
	if (!a->signing && !ok) {
		struct err e = {0};

		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
		end(a, &e);
		return;
	}
	if (!a->signing) {
		for (unsigned i = 0; i < a->n; i++)
			if (!a->pacts[i].row.id)
				return; /* somebody else's commit */
		begin_signing(a);
		return;
	}
	for (unsigned i = 0; i < a->n; i++)
		pact_committed(&a->pacts[i], ok);
}

static void on_paid(void *ctx, const struct address *host)
{
	(void)host;
	agree_wake(ctx);
}

/* What a host alone does is waited for, as long as for its answers. */
static void on_stuck(void *ctx, const struct address *host,
		     enum rent_stuck kind, const char *why)
{
	struct agree *a = ctx;

	for (unsigned i = 0; i < a->n; i++)
		if (kind != RENT_STUCK_HOST &&
		    address_eq(&a->pacts[i].host, host))
			pact_broke(&a->pacts[i], why);
}

static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct agree *a = ctx;

	(void)why;
	if (ev == RENT_PEER_OFFER || ev == RENT_PEER_GONE)
		for (unsigned i = 0; i < a->n; i++)
			if (a->pacts[i].peer == p)
				agree_wake(a);
}

enum err_code agree_start(struct agree **out, struct renter *r,
			  const struct agree_cfg *cfg,
			  const struct agree_ops *ops, void *ctx, struct err *e)
{
	struct agree *a = calloc(1, sizeof(*a));
	enum err_code code = ERR_NONE;

	if (a) {
		a->pacts = calloc(PLACING_HOSTS_MAX, sizeof(*a->pacts));
		a->timer = loop_timer_new(r->engine->loop, on_timer, a);
	}
	if (!a || !a->pacts || !a->timer) {
		code = err_fail(e, ERR_NOMEM, "agreements");
	} else {
		a->renter = r;
		a->cfg = *cfg;
		a->ops = ops;
		a->ctx = ctx;
	}
	if (code != ERR_NONE) {
		if (a) {
			free(a->pacts);
			loop_timer_free(a->timer);
		}
		free(a);
		return code;
	}
	a->listener = (struct rent_listener){.ctx = a, .event = on_peer};
	rent_peers_listen(r->peers, &a->listener);
	a->receipts = (struct rent_pay_listener){
		.ctx = a, .paid = on_paid, .stuck = on_stuck};
	rent_pay_listen(r->engine->rent_pay, &a->receipts);
	renting_on_commit(r->renting, on_commit, a);
	begin_round(a);
	*out = a;
	return ERR_NONE;
}

void agree_free(struct agree *a)
{
	if (!a)
		return;
	rent_peers_unlisten(a->renter->peers, &a->listener);
	rent_pay_unlisten(a->renter->engine->rent_pay, &a->receipts);
	renting_forget(a->renter->renting, a);
	chain_forget(a->renter->engine->money->chain, a);
	if (a->renter->engine->money->storage.settle)
		settle_forget(a->renter->engine->money->storage.settle, a);
	for (unsigned i = 0; i < a->n; i++)
		pact_clear(&a->pacts[i]);
	free(a->pacts);
	loop_timer_free(a->timer);
	free(a);
}
