/* renter_close.h - agreements of ours that are over are closed, so that what is
 * left of their funds comes back.
 *
 * One after another; a host closes them too, for its collateral, so one that
 * fails is left to the next time. Thread: the loop.
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

/* Does the bank close it in period `now`? */
bool closing_is_due(const struct bank_agreement *view, uint32_t now);

/* Reads the chain, then closes. fn once, later. ERR_NOMEM. */
enum err_code closing_start(struct closing **out, struct renter *r,
			    closing_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What was sent goes on. NULL is a no-op. */
void closing_free(struct closing *c);

#endif
