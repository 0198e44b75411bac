/* rent_rules.h - which revision of an agreement a host signs, and what it
 * costs.
 *
 * The host's conditions beyond what the bank checks (base/agreement.h), as pure
 * functions: the host refuses by them, the renter makes a revision that will
 * not be refused. docs/protocol.md section 15 has them in words.
 *
 * A number from RENT_UNOPENED on is an agreement that never goes to the chain:
 * its rent is prepaid by receipts, `earned` counts those. Below, it is paid
 * from its fund, by proofs or by revisions that raise `earned`.
 * Amounts in the token's smallest unit, times in periods. Thread: any.
 */
#ifndef STORAGE_RENT_RENT_RULES_H
#define STORAGE_RENT_RENT_RULES_H

#include "base/agreement.h"
#include "base/amount.h"
#include "base/offer.h"
#include "storage/rent/rent_msg.h"

#include <stdbool.h>
#include <stdint.h>

/* A span's rent is at least so many times what proving it costs. */
#define RENT_FEES_PER_SPAN 20
/* Periods that a start may lie ahead, unless a host says otherwise. */
#define RENT_AHEAD 3
/* Periods after what is paid for, in which an unopened agreement's sectors are
 * kept all the same. */
#define RENT_GRACE 7

/* What the chain's final state says of (renter, host). */
struct rent_facts {
	bool known;	/* false: it could not be asked */
	uint32_t count; /* agreements that were opened: the next number */
	/* of this number; all zero when it is not opened */
	bool opened, closed;
	uint32_t through;
	struct amount earned;
	struct amount funded; /* fund that is left, and earned */
};

struct rent_policy {
	struct amount proof_fee; /* what one proof costs, in token; 0: nothing,
				    or not to be compared */
	uint32_t ahead;		 /* periods that a start may lie ahead */
};

struct rent_case {
	const struct agreement *next;
	const struct agreement *last;	/* newest that both signed, or NULL */
	const struct sheet *sheet;	/* whose digest is the terms, or NULL */
	bool sheet_live;		/* it has not expired */
	const struct rent_facts *facts; /* not read for unopened ones */
	const struct rent_policy *policy;
	uint32_t now;  /* the period */
	uint32_t adds; /* sectors that the revision appends */
};

bool rent_unopened(const struct agreement *a);

/* RENT_NO_NONE: the host may sign, and *due is what it gets by receipts.
 * Else what it refuses with, and `why` (RENT_WHY_MAX + 1 bytes) in words. What
 * is not looked at here: signatures, and that the list has this root. */
enum rent_no rent_rule(struct amount *due, char *why,
		       const struct rent_case *c);

/* What `earned` must rise by, at least, for a revision from `last` to `next`,
 * of which through and rate count: periods up to now at the old rate, later
 * ones at the new; also what is settled already and gets dearer. `settled` is
 * the first period not settled before, last's or higher by a proof. False: it
 * passes 112 bits. */
__attribute__((warn_unused_result)) bool
rent_cost(struct amount *cost, const struct agreement *next,
	  const struct agreement *last, uint32_t settled, uint32_t now);
/* ingress of so many sectors. False: it passes 112 bits. */
__attribute__((warn_unused_result)) bool
rent_ingress(struct amount *out, const struct sheet *sheet, uint32_t adds);
/* The least rate that so many sectors have. False: it passes 112 bits. */
__attribute__((warn_unused_result)) bool
rent_rate_min(struct amount *out, const struct sheet *sheet, uint32_t sectors);
/* Until when a host must keep what the agreement names: the first period in
 * which it may forget it. */
uint32_t rent_kept_until(const struct agreement *a);

#endif
