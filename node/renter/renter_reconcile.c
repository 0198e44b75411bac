#include "node/renter/renter_reconcile.h"

#include "base/address.h"
#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/renter_unopened.h"
#include "storage/rent/rent_rules.h"

#include <stdlib.h>

#define WAIT_MS 500

struct reconcile {
	struct renter *renter;
	reconcile_fn *fn;
	void *ctx;
	struct loop_timer *timer;      /* ends are told from there */
	struct renter_agreement *rows; /* heap */
	size_t n, cap;
	bool waiting, committing, ended, told;
	struct err why;
};

struct keeping {
	struct address me;
	const struct address *host;
	uint32_t now;
	bool keeps;
};

static bool find_kept(void *ctx, const struct renter_agreement *row)
{
	struct keeping *k = ctx;
	const struct agreement *a = &row->signed_;

	k->keeps = row->state == RENTER_ENDED && a->revision > 0 &&
		   address_eq(&a->renter, &k->me) &&
		   address_eq(&a->host, k->host) && k->now < rent_kept_until(a);
	return !k->keeps;
}

bool renter_host_keeps(struct renter *r, const struct address *host)
{
	struct keeping k = {.me = renting_me(r->renting), .host = host};

	return renting_period(r->renting, &k.now) &&
	       renter_db_agreements(r->db, find_kept, &k, NULL) == ERR_NONE &&
	       k.keeps;
}

bool reconcile_waits(struct renter *r)
{
	struct settle *s = r->engine->money->storage.settle;
	const struct outbox_record *p;
	bool any = false;

	for (size_t i = 0; !any && (p = settle_pending(s, i)); i++)
		any = p->kind == OUTBOX_OPEN;
	return any;
}

static enum err_code cut_all(struct renter_db *db, int64_t id, struct err *e)
{
	struct hash32 *roots;
	size_t n;
	enum err_code code = renter_db_list(db, id, &roots, &n, e);

	if (code != ERR_NONE)
		return code;
	free(roots);
	for (; code == ERR_NONE && n > 0; n--)
		code = renter_db_cut(db, id, (uint32_t)n - 1, e);
	return code;
}

enum err_code renter_end_agreement(struct renter *r,
				   struct renter_agreement *row, struct err *e)
{
	struct renter_db *db = r->db;
	enum err_code code = renter_host_keeps(r, &row->signed_.host)
				     ? renter_db_restage(db, row->id, true,
							 clock_unix_s(), e)
				     : cut_all(db, row->id, e);

	row->state = RENTER_ENDED;
	return code == ERR_NONE ? renter_db_set_agreement(db, row, e) : code;
}

static void end(struct reconcile *c, const struct err *why)
{
	c->ended = true;
	if (why)
		c->why = *why;
	loop_timer_set(c->timer, 0);
}

static void on_read(void *ctx, const struct err *error);

static void read_chain(struct reconcile *c)
{
	c->waiting = reconcile_waits(c->renter);
	if (c->waiting)
		loop_timer_set(c->timer, WAIT_MS);
	else
		settle_refresh(c->renter->engine->money->storage.settle,
			       on_read, c);
}

static void on_timer(void *ctx)
{
	struct reconcile *c = ctx;
	struct err why = c->why; /* c may be gone when it is read */

	if (c->waiting)
		read_chain(c);
	if (!c->ended || c->told)
		return;
	c->told = true;
	c->fn(c->ctx, why.code == ERR_NONE ? NULL : &why);
}

/* ---- one agreement ---- */

/* One that is closed was open, also where nobody here noted that. */
static enum err_code take_open(struct reconcile *c,
			       struct renter_agreement *row,
			       const struct bank_agreement *view, struct err *e)
{
	struct amount fund = book_fund_left(view);

	if (row->state == RENTER_OPENED &&
	    row->posted_revision == view->revision &&
	    amount_cmp(row->fund, fund) == 0)
		return ERR_NONE;
	row->state = RENTER_OPENED;
	row->posted = true;
	row->posted_revision = view->revision;
	row->fund = fund;
	return renter_db_set_agreement(c->renter->db, row, e);
}

static enum err_code give_up(struct reconcile *c, struct renter_agreement *row,
			     const char *why, struct err *e)
{
	char who[ADDRESS_TEXT_MAX];

	log_line(c->renter->engine->log, LOG_WARN, "rent",
		 "agreement ended host=%s number=%u why=\"%s\"",
		 address_text(who, &row->signed_.host,
			      c->renter->engine->money->profile.address),
		 row->signed_.number, why);
	return renter_end_agreement(c->renter, row, e);
}

/* The chain knows nothing of it: what is paid says how long it is kept. */
static enum err_code look_unopened(struct reconcile *c,
				   struct renter_agreement *row, struct err *e)
{
	uint32_t now;

	if (!renting_period(c->renter->renting, &now) ||
	    unopened_is_kept(row, now))
		return ERR_NONE;
	return give_up(c, row,
		       now >= row->signed_.end
			       ? "it is over"
			       : "it was not paid for seven periods",
		       e);
}

static enum err_code look(struct reconcile *c, struct renter_agreement *row,
			  struct err *e)
{
	struct book_agreement at = {.lease = {row->signed_.renter,
					      row->signed_.host,
					      row->signed_.number}};
	uint32_t now;
	enum err_code code;

	if (unopened_is(row))
		return look_unopened(c, row, e);
	code = book_agreement_load(c->renter->engine->money->storage.book, &at,
				   e);
	if (code != ERR_NONE)
		return code;
	if (at.view.state == BANK_AGREEMENT_OPEN)
		return take_open(c, row, &at.view, e);
	if (at.view.state == BANK_AGREEMENT_CLOSED)
		return renting_period(c->renter->renting, &now) &&
				       now >= rent_kept_until(&row->signed_)
			       ? give_up(c, row, "it is over", e)
			       : take_open(c, row, &at.view, e);
	/* a final read of a block from its start on has forgotten it */
	if (!at.followed && renting_period(c->renter->renting, &now) &&
	    row->signed_.start <= now)
		return give_up(c, row, "it was not opened in time", e);
	return ERR_NONE;
}

static bool collect(void *ctx, const struct renter_agreement *row)
{
	struct reconcile *c = ctx;
	struct address me = renting_me(c->renter->renting);

	if ((row->state != RENTER_UNOPENED && row->state != RENTER_OPENED) ||
	    !address_eq(&row->signed_.renter, &me))
		return true;
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct renter_agreement *more =
			realloc(c->rows, cap * sizeof(*more));

		if (!more) {
			(void)err_fail(&c->why, ERR_NOMEM, "agreements");
			return false;
		}
		c->rows = more;
		c->cap = cap;
	}
	c->rows[c->n++] = *row;
	return true;
}

/* ---- all of them ---- */

static void on_commit(void *ctx, bool ok)
{
	struct reconcile *c = ctx;
	struct err e = {0};

	if (!c->committing)
		return;
	c->committing = false;
	if (!ok)
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
	end(c, ok ? NULL : &e);
}

static void on_read(void *ctx, const struct err *error)
{
	struct reconcile *c = ctx;
	struct err e = {0};
	enum err_code code;

	if (error) {
		end(c, error);
		return;
	}
	code = renter_db_agreements(c->renter->db, collect, c, &e);
	if (code == ERR_NONE && c->why.code != ERR_NONE) {
		end(c, NULL);
		return;
	}
	for (size_t i = 0; code == ERR_NONE && i < c->n; i++)
		code = look(c, &c->rows[i], &e);
	if (code != ERR_NONE) {
		end(c, &e);
		return;
	}
	c->committing = true;
	renting_want_commit(c->renter->renting);
}

enum err_code reconcile_start(struct reconcile **out, struct renter *r,
			      reconcile_fn *fn, void *ctx, struct err *e)
{
	struct reconcile *c = calloc(1, sizeof(*c));

	if (c)
		c->timer = loop_timer_new(r->engine->loop, on_timer, c);
	if (!c || !c->timer) {
		free(c);
		return err_fail(e, ERR_NOMEM, "agreements");
	}
	c->renter = r;
	c->fn = fn;
	c->ctx = ctx;
	renting_on_commit(r->renting, on_commit, c);
	*out = c;
	read_chain(c);
	return ERR_NONE;
}

void reconcile_free(struct reconcile *c)
{
	if (!c)
		return;
	renting_forget(c->renter->renting, c);
	settle_forget(c->renter->engine->money->storage.settle, c);
	loop_timer_free(c->timer);
	free(c->rows);
	free(c);
}
