/* renter_leases.h - our agreements as the chain's final state lists them: what
 * a phrase alone finds.
 *
 * Only what is open: what was closed holds neither sectors nor money any more.
 * Thread: the loop.
 */
#ifndef NODE_RENTER_LEASES_H
#define NODE_RENTER_LEASES_H

#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "node/renter/renter.h"

struct leases;

#define LEASES_MAX 65536U /* as many as a catalogue lists */

struct renter_lease {
	struct address host;
	uint32_t number;
	struct bank_agreement view;
	bool over; /* long enough for its host to keep nothing */
};

/* Once, later: *take_leases is heap, the callee's, by host, then by number; n
 * may be 0. e: the chain is not known, or lists more than LEASES_MAX. */
typedef void leases_fn(void *ctx, struct renter_lease *take_leases, size_t n,
		       const struct err *e);
enum err_code leases_start(struct leases **out, struct renter *r, leases_fn *fn,
			   void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* Also from inside of fn. NULL is a no-op. */
void leases_free(struct leases *l);

/* Is what a host holds, signed by both, what the chain says of it? It may be
 * newer, never older or another. Of one that is never opened (its view is all
 * zero) the chain says nothing. ERR_SIG says what is wrong. */
enum err_code lease_check(const struct renter_lease *l,
			  const struct agreement *held, struct err *e)
	__attribute__((warn_unused_result));

#endif
