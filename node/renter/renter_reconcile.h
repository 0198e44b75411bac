/* renter_reconcile.h - what the chain says of our agreements, taken over into
 * the renter's database before anything is changed there.
 *
 * A run may have been cut off between a transaction and our note of it, and
 * what both signed may never have come to the chain in time. So: one that is
 * open there is OPENED here, whoever opened it; one that nobody can open any
 * more, or that was closed, has ended, and its shards have no place by it. So
 * has one that is never opened, and that its host need not keep any more.
 * Thread: the loop.
 */
#ifndef NODE_RENTER_RECONCILE_H
#define NODE_RENTER_RECONCILE_H

#include "node/renter/renter.h"

struct reconcile;

/* Once, later. e: the chain or the database could not be read. */
typedef void reconcile_fn(void *ctx, const struct err *e);
enum err_code reconcile_start(struct reconcile **out, struct renter *r,
			      reconcile_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void reconcile_free(struct reconcile *c);

/* The places of an agreement that has ended are given up, last first; *row is
 * ENDED. Staged, not committed. */
enum err_code renter_end_agreement(struct renter_db *db,
				   struct renter_agreement *row, struct err *e)
	__attribute__((warn_unused_result));

#endif
