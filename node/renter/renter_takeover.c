#include "node/renter/renter_takeover.h"

#include "base/address.h"
#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_funds.h"
#include "node/renter/renter_holding.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_term.h"
#include "node/renter/renter_unopened.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 1000

struct part { /* one agreement */
	struct renter_agreement row;
	struct renter_place *places; /* heap, while it is its turn */
	size_t n, cap, at;	     /* at: asked so far */
	uint32_t sectors;	     /* that are to be kept */
	bool put_off;
};

struct takeover {
	struct renter *renter;
	struct takeover_cfg cfg;
	const struct takeover_ops *ops;
	void *ctx;
	struct loop_timer *timer;
	struct holding_list objects; /* of the name */
	int64_t *dropping;	     /* heap: ids */
	size_t dropping_n, dropping_cap;
	struct part *parts; /* heap */
	size_t n, cap, at;
	bool failed; /* no memory, in a callback */
	struct rent_peer *peer;
	struct rent_call *call;
	size_t asked; /* of the call */
	int64_t since_ms;
	bool committing, ended, told;
	struct takeover_result result;
	struct amount first; /* periods of those that are never opened */
	struct err why;
};

static void end(struct takeover *t, const struct err *why)
{
	if (t->ended)
		return;
	t->ended = true;
	if (why)
		t->why = *why;
	loop_timer_set(t->timer, 0);
}

/* ---- which agreements ---- */

static void *grown(void *at, size_t n, size_t *cap, size_t each)
{
	void *more;

	if (n < *cap)
		return at;
	*cap = *cap ? *cap * 2 : 64;
	more = realloc(at, *cap * each);
	return more;
}

static bool note_dropping(void *ctx, const struct renter_object *o)
{
	struct takeover *t = ctx;
	int64_t *at;

	if (o->state != RENTER_DROPPING)
		return true;
	at = grown(t->dropping, t->dropping_n, &t->dropping_cap, sizeof(*at));
	if (!at) {
		t->failed = true;
		return false;
	}
	t->dropping = at;
	at[t->dropping_n++] = o->id;
	return true;
}

static bool is_dropping(const struct takeover *t, int64_t object)
{
	for (size_t i = 0; i < t->dropping_n; i++)
		if (t->dropping[i] == object)
			return true;
	return false;
}

static bool is_named(const struct takeover *t, int64_t object)
{
	for (size_t i = 0; i < t->objects.n; i++)
		if (t->objects.at[i].id == object)
			return true;
	return t->cfg.name == NULL;
}

/* Its sectors are at the host until it may be forgotten. */
static bool ends_early(const struct takeover *t, const struct agreement *a)
{
	uint32_t now, start;

	if (!renting_period(t->renter->renting, &now) ||
	    !agree_start_period(t->renter, 1, &start) ||
	    now >= a->end + AGREEMENT_CLOSE_WAIT)
		return false;
	if (t->cfg.near)
		return renter_term_is_near(a->start, a->end, now);
	return a->end < start + t->cfg.periods;
}

static bool is_running(const struct takeover *t,
		       const struct renter_agreement *row)
{
	uint32_t now;

	return unopened_is(row) ? renting_period(t->renter->renting, &now) &&
					  unopened_is_kept(row, now)
				: row->state == RENTER_OPENED;
}

/* Signed by both, and not seen on the chain yet. */
static bool is_on_its_way(const struct takeover *t,
			  const struct renter_agreement *row)
{
	uint32_t now;

	return renting_period(t->renter->renting, &now) &&
	       running_may_open(row, now);
}

static bool collect_part(void *ctx, const struct renter_agreement *row)
{
	struct takeover *t = ctx;
	struct address me = renting_me(t->renter->renting);
	struct part *at;

	if (!address_eq(&row->signed_.renter, &me))
		return true;
	t->result.begun |= is_on_its_way(t, row);
	if (!is_running(t, row) || !ends_early(t, &row->signed_))
		return true;
	at = grown(t->parts, t->n, &t->cap, sizeof(*at));
	if (!at) {
		t->failed = true;
		return false;
	}
	t->parts = at;
	at[t->n++] = (struct part){.row = *row};
	return true;
}

struct counting {
	struct takeover *all;
	struct part *part;
	bool named;
};

static bool count_place(void *ctx, const struct renter_place *p)
{
	struct counting *c = ctx;

	if (p->state != SHARD_SIGNED || is_dropping(c->all, p->object))
		return true;
	c->part->sectors++;
	c->named |= is_named(c->all, p->object);
	return true;
}

/* Those that hold something of what is to be kept. */
static enum err_code count_parts(struct takeover *t, struct err *e)
{
	enum err_code code = ERR_NONE;
	size_t n = 0;

	for (size_t i = 0; code == ERR_NONE && i < t->n; i++) {
		struct counting c = {.all = t, .part = &t->parts[i]};

		code = renter_db_places_at(t->renter->db, t->parts[i].row.id,
					   count_place, &c, e);
		if (c.named)
			t->parts[n++] = t->parts[i];
	}
	t->n = n;
	return code;
}

static enum err_code collect(struct takeover *t, struct err *e)
{
	struct renter_db *db = t->renter->db;
	bool staged = false;
	enum err_code code = ERR_NONE;

	if (t->cfg.name)
		code = holding_list(&t->objects, t->renter, t->cfg.name, e);
	if (code == ERR_NONE)
		code = renter_db_objects(db, note_dropping, t, e);
	if (code == ERR_NONE)
		code = renter_db_agreements(db, collect_part, t, e);
	if (code == ERR_NONE && t->failed)
		code = err_fail(e, ERR_NOMEM, "agreements");
	if (code == ERR_NONE)
		code = count_parts(t, e);
	if (code == ERR_NONE)
		code = renter_db_any_staged(db, &staged, e);
	t->result.begun |= staged;
	return code;
}

/* ---- what it costs ---- */

static bool add(struct amount *sum, struct amount more)
{
	return amount_add(sum, *sum, more) && amount_fits112(*sum);
}

static enum err_code price(struct takeover *t, struct part *p, struct err *e)
{
	struct amount rent, fund, first;
	struct sheet sheet;

	if (!running_sheet(t->renter, &p->row.signed_.host, &sheet)) {
		p->put_off = true;
		return ERR_NONE;
	}
	if (!agree_cost(&rent, &fund, &sheet, p->sectors, t->cfg.periods) ||
	    !add(&t->result.rent, rent) ||
	    !amount_mul_u64(&first, sheet.rent, p->sectors) ||
	    !(unopened_is(&p->row) ? add(&t->first, first)
				   : add(&t->result.fund, fund)))
		return err_fail(e, ERR_LIMIT, "the cost passes 112 bits");
	return ERR_NONE;
}

static enum err_code check_money(struct takeover *t, struct err *e)
{
	const struct money *m = t->renter->engine->money;
	const struct takeover_result *r = &t->result;
	const struct amount need = amount_add_cap(r->fund, t->first);
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];

	if (t->cfg.has_budget && amount_cmp(r->rent, t->cfg.budget) > 0)
		return err_fail(e, ERR_FUNDS,
				"it costs %s, more than the budget of %s",
				money_text(m, r->rent, a),
				money_text(m, t->cfg.budget, b));
	return renter_need_funds(t->renter, need, false, e);
}

/* ---- one after another ---- */

static void say(struct takeover *t, const struct part *p, const char *text)
{
	char line[256], who[ADDRESS_TEXT_MAX];

	(void)snprintf(line, sizeof(line), "%s: %s",
		       address_text(who, &p->row.signed_.host,
				    t->renter->engine->money->profile.address),
		       text);
	t->ops->step(t->ctx, line);
}

static bool collect_place(void *ctx, const struct renter_place *x)
{
	struct counting *c = ctx;
	struct part *p = c->part;
	struct renter_place *at;

	if (x->state != SHARD_SIGNED || is_dropping(c->all, x->object))
		return true;
	at = grown(p->places, p->n, &p->cap, sizeof(*at));
	if (!at) {
		c->all->failed = true;
		return false;
	}
	p->places = at;
	at[p->n++] = *x;
	return true;
}

static void next_part(struct takeover *t);

static void put_off(struct takeover *t, const char *why)
{
	struct part *p = &t->parts[t->at];

	say(t, p, why);
	p->put_off = true;
	t->result.put_off++;
	renter_met(t->renter, &p->row.signed_.host, false, 0);
	t->at++;
	next_part(t);
}

/* Marked LOST: then they are not staged. */
static enum err_code note_lost(struct takeover *t, struct part *p,
			       const uint8_t *bits, size_t n, struct err *e)
{
	const int64_t now = clock_unix_s();
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < n; i++) {
		const struct renter_place *x = &p->places[p->at + i];

		if (bits[i / 8] >> (7 - i % 8) & 1) {
			t->result.sectors++;
			continue;
		}
		t->result.lost++;
		code = renter_db_mark_place(t->renter->db, p->row.id,
					    x->position, SHARD_LOST, now, e);
	}
	return code;
}

/* The host has staged all of it. */
static void finish_part(struct takeover *t)
{
	struct part *p = &t->parts[t->at];
	struct err e = {0};
	enum err_code code = renter_db_restage(t->renter->db, p->row.id, false,
					       clock_unix_s(), &e);

	p->row.state = RENTER_ENDED;
	if (code == ERR_NONE)
		code = renter_db_set_agreement(t->renter->db, &p->row, &e);
	if (code == ERR_NONE)
		code = renter_db_set_number(t->renter->db, RENTER_UNPUBLISHED,
					    1, &e);
	if (code != ERR_NONE) {
		end(t, &e);
		return;
	}
	t->result.agreements++;
	t->committing = true;
	renting_want_commit(t->renter->renting);
}

static void ask(struct takeover *t);

static void on_have(void *ctx, const struct rent_result *r)
{
	struct takeover *t = ctx;
	struct part *p = &t->parts[t->at];
	struct err e = {0};

	t->call = NULL;
	if (r->fate != RENT_DONE || r->len * 8 < t->asked) {
		put_off(t, r->why ? r->why : "it did not answer");
		return;
	}
	if (note_lost(t, p, r->data, t->asked, &e) != ERR_NONE) {
		end(t, &e);
		return;
	}
	p->at += t->asked;
	if (p->at == p->n)
		finish_part(t);
	else
		ask(t);
}

static void ask(struct takeover *t)
{
	struct part *p = &t->parts[t->at];
	struct hash32 roots[RENT_HAVE_MAX];
	struct err e = {0};

	t->asked = p->n - p->at < RENT_HAVE_MAX ? p->n - p->at : RENT_HAVE_MAX;
	for (size_t i = 0; i < t->asked; i++)
		roots[i] = p->places[p->at + i].root;
	t->since_ms = loop_now_ms(t->renter->engine->loop);
	t->call = rent_call_have(rent_peer_client(t->peer), roots,
				 (uint32_t)t->asked, on_have, t, &e);
	if (!t->call)
		end(t, &e);
	else
		rent_peer_wake(t->peer);
}

static void begin_part(struct takeover *t, struct part *p)
{
	struct counting c = {.all = t, .part = p};
	struct err e = {0};
	enum err_code code = renter_db_places_at(t->renter->db, p->row.id,
						 collect_place, &c, &e);

	if (code == ERR_NONE && t->failed)
		code = err_fail(&e, ERR_NOMEM, "a list of sectors");
	if (code != ERR_NONE) {
		end(t, &e);
		return;
	}
	t->peer = rent_peers_get(t->renter->peers, &p->row.signed_.host, true);
	if (!t->peer || rent_peer_is_gone(t->peer))
		put_off(t, t->peer ? rent_peer_why(t->peer) : "too many hosts");
	else
		ask(t);
}

static void next_part(struct takeover *t)
{
	for (; t->at < t->n; t->at++) {
		if (!t->parts[t->at].put_off) {
			begin_part(t, &t->parts[t->at]);
			return;
		}
		say(t, &t->parts[t->at], "its prices are not known");
		t->result.put_off++;
	}
	end(t, NULL);
}

static void on_commit(void *ctx, bool ok)
{
	struct takeover *t = ctx;
	struct err e = {0};

	if (!t->committing)
		return;
	t->committing = false;
	if (!ok) {
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
		end(t, &e);
		return;
	}
	free(t->parts[t->at].places);
	t->parts[t->at].places = NULL;
	t->at++;
	next_part(t);
}

static void on_timer(void *ctx)
{
	struct takeover *t = ctx;
	struct takeover_result result = t->result;
	struct err why = t->why;

	if (t->ended) {
		if (!t->told) {
			t->told = true;
			t->ops->ended(t->ctx, &result,
				      why.code == ERR_NONE ? NULL : &why);
		}
		return; /* t may be gone */
	}
	loop_timer_set(t->timer, TICK_MS);
	if (t->call && (rent_peer_is_gone(t->peer) ||
			loop_now_ms(t->renter->engine->loop) - t->since_ms >=
				TAKEOVER_HOST_MS)) {
		rent_call_cancel(t->call);
		t->call = NULL;
		put_off(t, rent_peer_is_gone(t->peer) ? rent_peer_why(t->peer)
						      : "it does not answer");
	}
}

/* ---- life ---- */

static enum err_code prepare(struct takeover *t, struct err *e)
{
	uint32_t start;
	enum err_code code = collect(t, e);

	if (code == ERR_NONE &&
	    !agree_start_period(t->renter, (unsigned)t->n, &start))
		code = err_fail(e, ERR_CHAIN, "the chain is not known");
	for (size_t i = 0; code == ERR_NONE && i < t->n; i++)
		code = price(t, &t->parts[i], e);
	if (code != ERR_NONE)
		return code;
	t->result.until = start + t->cfg.periods;
	return t->n ? check_money(t, e) : ERR_NONE;
}

enum err_code takeover_start(struct takeover **out, struct renter *r,
			     const struct takeover_cfg *cfg,
			     const struct takeover_ops *ops, void *ctx,
			     struct err *e)
{
	struct takeover *t = calloc(1, sizeof(*t));
	enum err_code code;

	if (!t)
		return err_fail(e, ERR_NOMEM, "agreements");
	t->renter = r;
	t->cfg = *cfg;
	t->ops = ops;
	t->ctx = ctx;
	t->timer = loop_timer_new(r->engine->loop, on_timer, t);
	code = t->timer ? prepare(t, e) : err_fail(e, ERR_NOMEM, "agreements");
	if (code != ERR_NONE) {
		takeover_free(t);
		return code;
	}
	renting_on_commit(r->renting, on_commit, t);
	*out = t;
	loop_timer_set(t->timer, TICK_MS);
	next_part(t);
	return ERR_NONE;
}

void takeover_free(struct takeover *t)
{
	if (!t)
		return;
	renting_forget(t->renter->renting, t);
	if (t->call)
		rent_call_cancel(t->call);
	holding_list_clear(&t->objects);
	for (size_t i = 0; i < t->n; i++)
		free(t->parts[i].places);
	free(t->parts);
	free(t->dropping);
	loop_timer_free(t->timer);
	free(t);
}
