/* host_figures.h - a host's prices in the chain's units, and what they come to.
 *
 * Amounts are typed in tokens a GiB (and month of 30 days); a sheet has units a
 * sector and period. Pure but for the bank's period and the token's decimals,
 * which must be known. Thread: any.
 */
#ifndef NODE_HOST_FIGURES_H
#define NODE_HOST_FIGURES_H

#include "base/offer.h"
#include "node/host/host_conf.h"

#define HOST_GIB_SECTORS 1024U
#define HOST_MONTH_MS (INT64_C(30) * 86400 * 1000)
/* Gas of a proof that is sent alone (a small agreement's 66,300 and some more;
 * 41,000 to 51,000 in a batch of fifty) and of an anchor (44,113). */
#define HOST_PROOF_UNITS 70000U
#define HOST_ANCHOR_UNITS 45000U

struct host_scale {
	unsigned decimals; /* of the token */
	int64_t period_ms; /* how long a period lasts */
};

/* All fields but host and expires. ERR_PARSE: no price, or an amount that is
 * none; ERR_LIMIT: out of range, or a penalty above the collateral. */
enum err_code host_sheet(struct sheet *out, const struct host_conf *c,
			 const struct host_scale *scale, struct err *e)
	__attribute__((warn_unused_result));

struct host_fees { /* of one transaction unit (gas, energy) */
	bool known;
	struct amount per_million; /* coin for a million units */
	bool in_token;		   /* the coin's price is known */
	struct amount token_per_million;
};

struct host_quote {
	struct amount collateral;    /* that all sectors would lock, token */
	struct amount income;	     /* of a month with all of them rented */
	struct amount proof, anchor; /* coin; when fees are known */
	struct amount proof_token, anchor_token; /* when in_token */
	/* GiB in one agreement whose rent pays RENT_FEES_PER_SPAN proofs, the
	 * least that is taken (rounded up); 0 when it is not known. */
	uint64_t least_gib;
	/* GiB rented in all at which a month's rent is what a proof a span and
	 * its anchor cost, in one agreement; 0 when it is not known. */
	uint64_t break_even_gib;
};
void host_quote_of(struct host_quote *out, const struct sheet *s,
		   uint64_t sectors, const struct host_fees *fees,
		   const struct host_scale *scale);

#endif
