/* cash_cost.h - what cashing a receipt costs whoever is paid by it, and from
 * which sum that is worth its fee.
 *
 * For who is about to deposit, so before any receipt is there that could be
 * tried: the gas or energy of a receipt of a known pair is that of
 * docs/costs.md (tests/bench/costs.mjs holds the two against each other), its
 * price what another call is about to pay for a unit. On TRON that price has
 * the call's bandwidth in it, and leaves out what stake pays; so the fee is a
 * guess, good to a fifth. Pure; thread: any.
 */
#ifndef NODE_CASH_COST_H
#define NODE_CASH_COST_H

#include "ledger/profile.h"
#include "ledger/settle.h"

struct cash_cost {
	unsigned receipts;	   /* of a full batch */
	struct amount alone, each; /* coin: by itself, and of a full batch */
	unsigned fee_share;	   /* percent of a sum that a fee should be */
	bool priced;		   /* the coin has a price: the two below */
	struct amount alone_from, each_from; /* token units */
};

/* From a call that uses `units` and costs `fee`. False: nothing is known, as
 * the call is free (stake pays it), or the numbers are absurd. */
bool cash_cost_of(struct cash_cost *out, enum profile_kind kind, uint64_t units,
		  struct amount fee, const struct settle_price *price,
		  unsigned fee_share) __attribute__((warn_unused_result));

/* "cashing a receipt costs the payee about 2.91 TRX, ..." with three digits of
 * each amount; tokens whose symbol is "" are called that. Returns out. */
#define CASH_COST_TEXT_MAX 384
const char *cash_cost_text(const struct cash_cost *c, const struct profile *p,
			   unsigned token_decimals, const char *token_symbol,
			   char out[CASH_COST_TEXT_MAX]);

#endif
