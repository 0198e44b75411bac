/* cash_cost.h - what cashing a receipt costs whoever is paid by it, and from
 * which sum that is worth its fee.
 *
 * For who is about to deposit, so before any receipt is there that could be
 * tried: the gas or energy and the bytes of a receipt of a known pair are those
 * of docs/costs.md (tests/bench/costs.mjs holds the two against each other),
 * their price that of another call that was just tried. On TRON these are the
 * chain's prices, whatever stake the other call's sender has: a payee may have
 * none. Pure; thread: any.
 */
#ifndef NODE_CASH_COST_H
#define NODE_CASH_COST_H

#include "ledger/chain/profile.h"
#include "ledger/settle/settle.h"

struct cash_cost {
	unsigned receipts;	   /* of a full batch */
	struct amount alone, each; /* coin: by itself, and of a full batch */
	unsigned fee_share;	   /* percent of a sum that a fee should be */
	bool priced;		   /* the coin has a price: the two below */
	struct amount alone_from, each_from; /* token units */
};

/* What another call was about to pay. */
struct cash_price {
	uint64_t units;
	struct amount fee;
	uint64_t unit_price, byte_price; /* TRON; else 0, and the fee counts */
};

/* False: nothing is known, as the call is free, or the numbers are absurd. */
bool cash_cost_of(struct cash_cost *out, enum profile_kind kind,
		  const struct cash_price *at, const struct settle_price *price,
		  unsigned fee_share) __attribute__((warn_unused_result));

/* "cashing a receipt costs the payee about 2.91 TRX, ..." with three digits of
 * each amount; tokens whose symbol is "" are called that. Returns out. */
#define CASH_COST_TEXT_MAX 384
const char *cash_cost_text(const struct cash_cost *c, const struct profile *p,
			   unsigned token_decimals, const char *token_symbol,
			   char out[CASH_COST_TEXT_MAX]);

#endif
