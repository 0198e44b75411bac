/* renter_next.h - an agreement that runs: what its next revision is, and
 * whether it takes more sectors.
 *
 * A revision that changes the list after the start changes the rate, and pays
 * for that by settling ahead: it can be posted up to period `through` - 1, so
 * `through` is put RENTER_AHEAD periods before the present. Before the start,
 * or at the same rate, nothing is paid. The rate is that of the agreement's own
 * terms, whatever the host asks of others now.
 *
 * Pure; amounts in the token's smallest unit, times in periods. Thread: any.
 */
#ifndef STORAGE_RENT_RENTER_NEXT_H
#define STORAGE_RENT_RENTER_NEXT_H

#include "storage/rent/rent_rules.h"

#define RENTER_AHEAD 2U
/* Collateral of a host stands for so many times the sectors it was locked for,
 * and no more. */
#define RENTER_THIN 2U
/* A list of so few is not looked at: what is at stake is little. */
#define RENTER_SMALL 16U

struct renter_running {
	struct agreement last;	 /* the newest that both signed */
	struct rent_facts facts; /* final state */
	struct amount rent;	 /* a sector and period */
	uint32_t going;		 /* sectors that its next revision cuts */
};

/* What a sector and period cost by the newest revision, rounded up: for when
 * the sheet that the terms name is not at hand. */
struct amount renter_rent_of(const struct agreement *last);

struct renter_step {
	struct agreement next; /* all but the root */
	struct amount more;    /* what is paid to the end of it, beyond what
				* would be paid without the change */
	struct amount missing; /* the fund lacks so much for it; the host
				* refuses until it is there */
};

/* The revision `revision` with so many sectors, in period `now`. ERR_STATE: it
 * is over, closed or not known, or no period is left to settle. ERR_LIMIT: it
 * passes 112 bits. */
enum err_code renter_step(struct renter_step *out,
			  const struct renter_running *r, uint32_t revision,
			  uint32_t sectors, uint32_t now, struct err *e)
	__attribute__((warn_unused_result));

/* Is something to be settled in period `now`, by a revision instead of a proof?
 */
bool renter_unsettled(const struct renter_running *r, uint32_t now);
/* The revision that does: the same list, settled RENTER_AHEAD periods on, so
 * that no proof is due meanwhile. `more` is what it moves out of the fund.
 * ERR_STATE: it is not open, or over; ERR_LIMIT. */
enum err_code renter_settle(struct renter_step *out,
			    const struct renter_running *r, uint32_t revision,
			    uint32_t now, struct err *e)
	__attribute__((warn_unused_result));

/* The same of one that is never opened, whose sectors cost so much each: paid
 * for with the present period, by receipts. `more` is what it takes now, and
 * `missing` nothing. ERR_STATE: it is over. */
enum err_code renter_prepay(struct renter_step *out,
			    const struct agreement *last, struct amount rent,
			    uint32_t revision, uint32_t sectors, uint32_t now,
			    struct err *e) __attribute__((warn_unused_result));
/* Nothing is told or paid any more of one that is never opened: it is over, or
 * its host need not keep it. */
bool renter_lapsed(const struct agreement *last, uint32_t now);

struct renter_want {
	uint32_t sectors;	 /* more than there are; not 0 */
	uint32_t from, to;	 /* its end is one of these, or between */
	struct amount rent_max;	 /* zero: any */
	const struct sheet *now; /* the host's, of today */
	uint32_t period;	 /* the present one */
};

/* Does it take them? out: the revision. No: it ends at another time, is closed,
 * costs more than a new one by a quarter, or the host's collateral would stand
 * for too much. */
bool renter_takes(struct renter_step *out, const struct renter_running *r,
		  const struct renter_want *w);
/* The same of one that is never opened: there is neither fund nor collateral
 * that would have to reach. */
bool renter_takes_unopened(const struct agreement *last,
			   const struct renter_want *w);
/* Of two that take the same: is `a` to be had rather? The one whose fund
 * reaches, the cheaper, the larger, the older. */
bool renter_rather(const struct renter_running *a,
		   const struct renter_step *change_a,
		   const struct renter_running *b,
		   const struct renter_step *change_b);
/* Is a revision that was signed, and is not posted, too old for the bank? Then
 * the next has to be signed. */
bool renter_stale(const struct renter_running *r, struct amount posted_rate,
		  uint32_t now);

#endif
