/* renter_unopened.h - agreements that never go to the chain: which of a host's
 * takes what is staged there, and which have to be paid.
 *
 * They are prepaid a period at a time by receipts (docs/protocol.md section
 * 15); there is no collateral and no proof, so a host keeps them for as long as
 * it is paid, and what it has is shown by audits alone. Their state is
 * RENTER_UNOPENED, like that of one that is yet to be opened; the number tells
 * them apart. Thread: the loop.
 */
#ifndef NODE_RENTER_UNOPENED_H
#define NODE_RENTER_UNOPENED_H

#include "node/renter/renter.h"
#include "storage/rent/renter_next.h"

/* It is one of them, whatever became of it. */
bool unopened_is(const struct renter_agreement *row);
/* Both signed it, and its host keeps it. */
bool unopened_runs(const struct renter_agreement *row, uint32_t now);
/* Its host has to keep it: also when it is over, a while longer. */
bool unopened_is_kept(const struct renter_agreement *row, uint32_t now);
/* It runs, and the period `now` is not paid. */
bool unopened_is_due(const struct renter_agreement *row, uint32_t now);

/* For sectors that are staged at a host: one that was begun (the host may hold
 * our word on it), else one that runs and takes them, else a draft of a number
 * that was never used; it has no id then. *unfit: one that was begun, and would
 * not take them if it were not. */
enum err_code unopened_choose(struct renter_agreement *out, bool *unfit,
			      struct renter *r, const struct address *host,
			      const struct renter_want *want, struct err *e)
	__attribute__((warn_unused_result));
/* The first period of one that is signed now with this host for so many
 * sectors: the present one; the next, where that is about to end; or the one
 * up to which agreements are paid that ended early, as a renewal lets them, so
 * that nothing is paid twice. False: the chain is not known. */
bool unopened_start(const struct renter *r, const struct address *host,
		    uint32_t sectors, uint32_t *start);

/* What a run that was cut off had offered hosts may have signed and counted:
 * once, before any counts are compared. */
void unopened_recall_dues(struct renter *r);

#endif
