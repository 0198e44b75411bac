/* renter_close.h - agreements of ours that are over are closed, so that what is
 * left of their funds comes back.
 *
 * Side by side, as far as the outbox lets them. A host closes them too, for its
 * collateral: it has the first period for that, and what fails all the same is
 * left to the next time. Thread: the loop.
 */
#ifndef NODE_RENTER_CLOSE_H
#define NODE_RENTER_CLOSE_H

#include "contracts-abi/bank_abi.h"
#include "node/renter/renter.h"

struct closing;

struct closing_result {
	unsigned closed, failed;
	struct amount back; /* of their funds */
};
typedef void closing_fn(void *ctx, const struct closing_result *r);

/* Is it ours to close in period `now`: the bank does, and the host had time? */
bool closing_is_due(const struct bank_agreement *view, uint32_t now);

/* Reads the chain, then closes; what is on its way already is left alone. fn
 * once, later, when all are final. ERR_NOMEM. */
enum err_code closing_start(struct closing **out, struct renter *r,
			    closing_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What was sent goes on. NULL is a no-op. */
void closing_free(struct closing *c);

#endif
