#include "storage/rent/renter_next.h"

#define DEARER_NUM 5U /* an old price up to 5/4 of today's is kept */
#define DEARER_DEN 4U

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

struct amount renter_rent_of(const struct agreement *last)
{
	struct amount each = AMOUNT_ZERO;

	if (last->sectors)
		(void)!amount_mul_div(&each, NULL, last->rate, 1,
				      last->sectors - 1, last->sectors);
	return each;
}

/* What is settled, as both know it or the chain does. */
static uint32_t settled(const struct renter_running *r)
{
	return max32(r->last.through, r->facts.through);
}

/* earned + rate of what is left: all that is paid to the end. */
static bool whole(struct amount *out, struct amount earned, struct amount rate,
		  uint32_t left)
{
	struct amount rest;

	return amount_mul_u64(&rest, rate, left) &&
	       amount_add(out, earned, rest) && amount_fits112(*out);
}

static enum err_code settle_ahead(struct agreement *next,
				  const struct renter_running *r, uint32_t now,
				  struct err *e)
{
	const struct agreement *last = &r->last;
	struct amount earned = amount_max(last->earned, r->facts.earned), cost;
	uint32_t floor = settled(r);

	next->through = floor;
	next->earned = earned;
	if (now < last->start || amount_cmp(next->rate, last->rate) == 0)
		return ERR_NONE;
	next->through = max32(floor, min32(now + RENTER_AHEAD, last->end));
	if (!rent_cost(&cost, next, last, floor, now))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	/* the bank pays only for periods that were not settled before */
	if (!amount_is_zero(cost) && next->through == last->through) {
		if (next->through == last->end)
			return err_fail(e, ERR_STATE,
					"it is settled to its end");
		next->through++;
		if (!rent_cost(&cost, next, last, floor, now))
			return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	}
	if (!amount_add(&next->earned, earned, cost) ||
	    !amount_fits112(next->earned))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	return ERR_NONE;
}

enum err_code renter_step(struct renter_step *out,
			  const struct renter_running *r, uint32_t revision,
			  uint32_t sectors, uint32_t now, struct err *e)
{
	struct agreement *next = &out->next;
	struct amount before, after;
	enum err_code code;

	*out = (struct renter_step){.next = r->last};
	if (!r->facts.known || !r->facts.opened || r->facts.closed)
		return err_fail(e, ERR_STATE, "it is not open");
	if (now >= r->last.end)
		return err_fail(e, ERR_STATE, "it is over");
	next->revision = revision;
	next->sectors = sectors;
	if (!amount_mul_u64(&next->rate, r->rent, sectors) ||
	    !amount_fits112(next->rate))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	code = settle_ahead(next, r, now, e);
	if (code != ERR_NONE)
		return code;
	if (!whole(&after, next->earned, next->rate,
		   next->end - next->through) ||
	    !whole(&before, amount_max(r->last.earned, r->facts.earned),
		   r->last.rate, r->last.end - settled(r)))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	out->more = amount_sub_floor(after, before);
	out->missing = amount_sub_floor(after, r->facts.funded);
	return ERR_NONE;
}

bool renter_unsettled(const struct renter_running *r, uint32_t now)
{
	const uint32_t through = settled(r);

	return r->facts.known && r->facts.opened && !r->facts.closed &&
	       now >= r->last.start && now < r->last.end &&
	       through < r->last.end && through < now + RENTER_AHEAD;
}

enum err_code renter_settle(struct renter_step *out,
			    const struct renter_running *r, uint32_t revision,
			    uint32_t now, struct err *e)
{
	struct agreement *next = &out->next;
	const struct amount earned =
		amount_max(r->last.earned, r->facts.earned);

	*out = (struct renter_step){.next = r->last};
	if (!r->facts.known || !r->facts.opened || r->facts.closed)
		return err_fail(e, ERR_STATE, "it is not open");
	if (now >= r->last.end)
		return err_fail(e, ERR_STATE, "it is over");
	next->revision = revision;
	next->through =
		max32(settled(r), min32(now + RENTER_AHEAD, r->last.end));
	if (!rent_cost(&out->more, next, &r->last, settled(r), now) ||
	    !amount_add(&next->earned, earned, out->more) ||
	    !amount_fits112(next->earned))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	return ERR_NONE;
}

bool renter_lapsed(const struct agreement *last, uint32_t now)
{
	return now >= last->end || now >= rent_kept_until(last);
}

enum err_code renter_prepay(struct renter_step *out,
			    const struct agreement *last, struct amount rent,
			    uint32_t revision, uint32_t sectors, uint32_t now,
			    struct err *e)
{
	struct agreement *next = &out->next;
	struct amount cost;

	*out = (struct renter_step){.next = *last};
	if (renter_lapsed(last, now))
		return err_fail(e, ERR_STATE, "it is over");
	next->revision = revision;
	next->sectors = sectors;
	next->through = max32(last->through, max32(now, last->start) + 1);
	if (!amount_mul_u64(&next->rate, rent, sectors) ||
	    !amount_fits112(next->rate) ||
	    !rent_cost(&cost, next, last, last->through, now))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	/* nobody pays for periods that are settled: the next one goes along */
	if (!amount_is_zero(cost) && next->through == last->through) {
		if (next->through == last->end)
			return err_fail(e, ERR_STATE,
					"it is settled to its end");
		next->through++;
		if (!rent_cost(&cost, next, last, last->through, now))
			return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	}
	if (!amount_add(&next->earned, last->earned, cost) ||
	    !amount_fits112(next->earned))
		return err_fail(e, ERR_LIMIT, "it passes 112 bits");
	out->more = cost;
	return ERR_NONE;
}

/* The collateral of today for so many sectors, against the one that is locked:
 * with it the host's word is worth what it was when it was given. */
static bool is_covered(const struct agreement *a, const struct sheet *now,
		       uint32_t sectors)
{
	struct amount want, have;

	if (sectors <= RENTER_SMALL)
		return true;
	return amount_mul_u64(&want, now->collateral, sectors) &&
	       amount_mul_u64(&have, a->collateral, RENTER_THIN) &&
	       amount_cmp(want, have) <= 0;
}

static bool is_cheap(struct amount rent, const struct renter_want *w)
{
	struct amount old, most;

	if (!amount_is_zero(w->rent_max) && amount_cmp(rent, w->rent_max) > 0)
		return false;
	return amount_mul_u64(&old, rent, DEARER_DEN) &&
	       amount_mul_u64(&most, w->now->rent, DEARER_NUM) &&
	       amount_cmp(old, most) <= 0;
}

bool renter_takes(struct renter_step *out, const struct renter_running *r,
		  const struct renter_want *w)
{
	const struct agreement *a = &r->last;
	uint64_t sectors = (uint64_t)a->sectors + w->sectors -
			   (r->going < a->sectors ? r->going : a->sectors);
	struct err e = {0};

	if (sectors > UINT32_MAX || a->end < w->from || a->end > w->to ||
	    a->end <= w->period + RENTER_AHEAD || !is_cheap(r->rent, w) ||
	    !is_covered(a, w->now, (uint32_t)sectors))
		return false;
	return renter_step(out, r, a->revision + 1, (uint32_t)sectors,
			   w->period, &e) == ERR_NONE;
}

bool renter_takes_unopened(const struct agreement *last,
			   const struct renter_want *w)
{
	return (uint64_t)last->sectors + w->sectors <= UINT32_MAX &&
	       last->end >= w->from && last->end <= w->to &&
	       last->end > w->period && last->through < last->end &&
	       is_cheap(renter_rent_of(last), w);
}

bool renter_rather(const struct renter_running *a,
		   const struct renter_step *change_a,
		   const struct renter_running *b,
		   const struct renter_step *change_b)
{
	bool reaches_a = amount_is_zero(change_a->missing);
	int rent = amount_cmp(a->rent, b->rent);

	if (reaches_a != amount_is_zero(change_b->missing))
		return reaches_a;
	if (rent != 0)
		return rent < 0;
	if (a->last.sectors != b->last.sectors)
		return a->last.sectors > b->last.sectors;
	return a->last.number < b->last.number;
}

bool renter_stale(const struct renter_running *r, struct amount posted_rate,
		  uint32_t now)
{
	uint32_t through = settled(r);

	return now >= r->last.start && through <= now &&
	       through != r->last.end &&
	       amount_cmp(r->last.rate, posted_rate) != 0;
}
