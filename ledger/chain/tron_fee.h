/* tron_fee.h - what a call costs on TRON: energy and bandwidth, from what is
 * staked first, then burnt in coin. Pure; thread: any.
 */
#ifndef LEDGER_TRON_FEE_H
#define LEDGER_TRON_FEE_H

#include "base/amount.h"
#include "ledger/chain/tron_json.h"
#include "ledger/signer/tron_tx.h"

struct tron_cost {
	uint64_t fee_limit;    /* sun, of energy */
	uint64_t bytes;	       /* of bandwidth */
	struct amount fee;     /* expected: what stakes do not pay */
	struct amount fee_max; /* the fee limit and all bytes */
};

/* Of a transaction (t->fee_limit is not looked at) whose trial used `energy`.
 * The limit is half more than the trial's energy costs, at least
 * TRON_ENERGY_MIN units', and not above the chain's own. ERR_LIMIT: the trial's
 * energy alone is above that. */
#define TRON_ENERGY_MIN 10000
enum err_code tron_cost_of(struct tron_cost *out, const struct tron_tx *t,
			   uint64_t energy, const struct tron_params *p,
			   const struct tron_resources *r, struct err *e);

#endif
