#include "node/renter/renter_running.h"

#include "node/money/money.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_unopened.h"

#include <stdlib.h>
#include <string.h>

/* An end so much later than wanted is as good. */
#define LATER_FLOOR 8U

bool running_read(struct renter *r, const struct renter_agreement *row,
		  struct renter_running *out, struct bank_agreement *view)
{
	const struct agreement *a = &row->signed_;
	struct book_agreement b = {.lease = {a->renter, a->host, a->number}};
	const struct bank_agreement *v = &b.view;
	uint32_t *none, going;
	size_t n;

	if (book_agreement_load(r->engine->money->storage.book, &b, NULL) !=
		    ERR_NONE ||
	    !b.known)
		return false;
	if (renter_db_cuts(r->db, row->id, 0, &none, &n, &going, NULL) !=
	    ERR_NONE)
		return false;
	free(none);
	*view = *v;
	*out = (struct renter_running){
		.last = *a,
		.rent = renter_rent_of(a),
		.going = going,
		.facts = {.known = true,
			  .opened = v->state != BANK_AGREEMENT_NONE,
			  .closed = v->state == BANK_AGREEMENT_CLOSED,
			  .through = v->through,
			  .earned = v->earned,
			  .funded = v->fund},
	};
	return true;
}

bool running_sheet(struct renter *r, const struct address *host,
		   struct sheet *out)
{
	struct rent_peer *p = rent_peers_get(r->peers, host, true);
	const struct rent_offer *o =
		p ? rent_client_offer(rent_peer_client(p)) : NULL;
	struct renter_host h;

	if (o) {
		*out = o->sheet;
		return true;
	}
	if (renter_db_host(r->db, &h, host, NULL) != ERR_NONE || !h.has_sheet)
		return false;
	*out = h.sheet;
	return true;
}

struct renter_want running_want(uint32_t start, uint32_t periods,
				uint32_t least)
{
	uint64_t to = start + 2 * (uint64_t)periods + LATER_FLOOR;

	return (struct renter_want){
		.from = start + (least ? least : periods),
		.to = to < UINT32_MAX ? (uint32_t)to : UINT32_MAX,
	};
}

/* ---- until when ---- */

struct lasting {
	struct address me;
	uint32_t now, end;
};

bool running_may_open(const struct renter_agreement *row, uint32_t now)
{
	return row->state == RENTER_UNOPENED && !unopened_is(row) &&
	       row->signed_.start > now;
}

static bool is_lasting(const struct renter_agreement *row, uint32_t now)
{
	return row->state == RENTER_OPENED || unopened_runs(row, now) ||
	       running_may_open(row, now);
}

static bool find_end(void *ctx, const struct renter_agreement *row)
{
	struct lasting *l = ctx;

	if (is_lasting(row, l->now) &&
	    address_eq(&row->signed_.renter, &l->me) &&
	    row->signed_.end > l->end)
		l->end = row->signed_.end;
	return true;
}

enum err_code running_lasts(uint32_t *periods, struct renter *r, unsigned hosts,
			    struct err *e)
{
	struct lasting l = {.me = renting_me(r->renting)};
	uint32_t start;
	enum err_code code;

	*periods = 0;
	if (!renting_period(r->renting, &l.now) ||
	    !agree_start_period(r, hosts, &start))
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	code = renter_db_agreements(r->db, find_end, &l, e);
	if (l.end > start)
		*periods = l.end - start;
	return code;
}

/* ---- the choice ---- */

struct choice {
	struct renter *renter;
	const struct address *host;
	struct address me;
	struct renter_want want;
	struct running best;
	bool found;
};

static bool look(void *ctx, const struct renter_agreement *row)
{
	struct choice *c = ctx;
	struct running one = {.row = *row};
	struct bank_agreement view;

	if (row->state != RENTER_OPENED ||
	    !address_eq(&row->signed_.host, c->host) ||
	    !address_eq(&row->signed_.renter, &c->me) ||
	    !running_read(c->renter, row, &one.run, &view) ||
	    !renter_takes(&one.step, &one.run, &c->want))
		return true;
	if (!c->found ||
	    renter_rather(&one.run, &one.step, &c->best.run, &c->best.step))
		c->best = one;
	c->found = true;
	return true;
}

enum err_code running_choose(struct running *out, bool *found, struct renter *r,
			     const struct address *host,
			     const struct renter_want *want, struct err *e)
{
	struct choice c = {.renter = r,
			   .host = host,
			   .me = renting_me(r->renting),
			   .want = *want};
	struct sheet now;
	enum err_code code;

	*found = false;
	if (!running_sheet(r, host, &now))
		return ERR_NONE;
	if (!renting_period(r->renting, &c.want.period))
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	c.want.now = &now;
	code = renter_db_agreements(r->db, look, &c, e);
	*found = code == ERR_NONE && c.found;
	*out = c.best;
	return code;
}

enum err_code running_lasts_as(bool *out, struct renter *r,
			       const struct address *host, uint32_t sectors,
			       uint32_t start, const struct renter_term *term,
			       const struct renter_term *longer, struct err *e)
{
	struct renter_want want =
		running_want(start, term->periods, term->least);
	struct running best;
	bool found;
	enum err_code code;

	want.sectors = sectors;
	code = running_choose(&best, &found, r, host, &want, e);
	*out = found &&
	       best.row.signed_.end >=
		       running_want(start, longer->periods, longer->least).from;
	return code;
}

bool running_takes(struct renter *r, const struct renter_agreement *row,
		   const struct renter_want *want)
{
	struct renter_want w = *want;
	struct renter_running run;
	struct bank_agreement view;
	struct renter_step step;
	struct sheet now;

	w.now = &now;
	return running_sheet(r, &row->signed_.host, &now) &&
	       renting_period(r->renting, &w.period) &&
	       running_read(r, row, &run, &view) &&
	       renter_takes(&step, &run, &w);
}

bool running_is_unposted(struct renter *r, const struct renter_agreement *row)
{
	const struct agreement *a = &row->signed_;
	struct renter_running run;
	struct bank_agreement v;
	const struct hash32 *root = &v.root;
	struct amount rate;

	if (row->state != RENTER_OPENED || a->revision <= row->posted_revision)
		return false;
	if (!running_read(r, row, &run, &v))
		return true;
	rate = v.rate;
	if (v.from) { /* known, and in force later */
		root = &v.next_root;
		rate = v.next_rate;
	}
	return v.state != BANK_AGREEMENT_CLOSED && a->revision > v.revision &&
	       (memcmp(&a->root, root, sizeof(a->root)) != 0 ||
		amount_cmp(a->rate, rate) != 0);
}

bool running_is_due(struct renter *r, const struct renter_agreement *row)
{
	struct renter_running run;
	struct bank_agreement v;
	uint32_t now;

	return row->state == RENTER_OPENED &&
	       renting_period(r->renting, &now) &&
	       running_read(r, row, &run, &v) && renter_unsettled(&run, now);
}

bool running_top_up(struct amount *out, const struct renter_running *run,
		    const struct renter_step *step, uint32_t adds)
{
	uint64_t left = step->next.end - step->next.through;
	struct amount spare;

	*out = AMOUNT_ZERO;
	if (amount_is_zero(step->missing))
		return true;
	return amount_mul_u64(&spare, run->rent, left * agree_spare(adds)) &&
	       amount_add(out, step->missing, spare) && amount_fits112(*out);
}
