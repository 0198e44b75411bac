/* renter_reconcile.h - what the chain says of our agreements, taken over into
 * the renter's database before anything is changed there.
 *
 * A run may have been cut off between a transaction and our note of it: those
 * that open agreements are waited for, else the next run would make others. And
 * what both signed may never have come to the chain in time. So: one that is
 * open there is OPENED here, whoever opened it; one that nobody can open any
 * more, or that its host need not keep any more, has ended, and its shards have
 * no place by it. It may be closed long before that, and is OPENED here still:
 * a host closes it when all of it is settled.
 * Thread: the loop.
 */
#ifndef NODE_RENTER_RECONCILE_H
#define NODE_RENTER_RECONCILE_H

#include "node/renter/renter.h"

struct reconcile;

/* Agreements are on their way to the chain, and the rest waits for that. */
bool reconcile_waits(struct renter *r);
/* Once, later. e: the chain or the database could not be read. */
typedef void reconcile_fn(void *ctx, const struct err *e);
enum err_code reconcile_start(struct reconcile **out, struct renter *r,
			      reconcile_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void reconcile_free(struct reconcile *c);

/* The host has to keep what stood in an agreement of ours that has ended for
 * us, as a renewal ends it. */
bool renter_host_keeps(struct renter *r, const struct address *host);
/* An agreement that never came to be, or that is over; *row is ENDED. Its
 * places are given up, last first; but (!) what is STORED, and has to be kept
 * by an older list of its host, is staged again: another agreement is to take
 * it, and nobody else knows where it lies. In the database, not committed. */
enum err_code renter_end_agreement(struct renter *r,
				   struct renter_agreement *row, struct err *e)
	__attribute__((warn_unused_result));

#endif
