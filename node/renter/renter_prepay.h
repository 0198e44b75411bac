/* renter_prepay.h - periods are paid after an audit: `store pay`, and a daemon
 * by itself.
 *
 * Each host is asked first for PREPAY_SAMPLES random tiles of what it keeps,
 * with their proofs. Whoever shows all of them is paid (renter_agree.h): in an
 * agreement that is never opened by a revision and a receipt, for the present
 * period; in one that is on the chain by a revision that settles this period
 * and the next out of its fund, so that the host need not prove them. What was
 * lost or false is marked LOST, and its agreement is not paid now: a repair, or
 * the host's own word on what it lost, comes first. What has no sectors any
 * more that are wanted is left to lapse, or to run out. Nothing of it needs a
 * transaction. Thread: the loop.
 */
#ifndef NODE_RENTER_PREPAY_H
#define NODE_RENTER_PREPAY_H

#include "node/renter/renter.h"

struct prepay;

#define PREPAY_SAMPLES 16U /* a tenth that is missing shows in four of five */
#define PREPAY_AT_A_TIME 1024U

struct prepay_result {
	unsigned due;		 /* agreements whose period is not paid */
	unsigned paid;		 /* of them */
	unsigned settled;	 /* of those, on the chain: out of funds */
	unsigned wrong, silent;	 /* and those whose host did not show it */
	uint64_t samples, right; /* tiles */
	struct amount cost;	 /* by receipts */
	struct amount moved;	 /* out of funds */
};

struct prepay_ops {
	void (*step)(void *ctx, const char *text);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct prepay_result *r,
		      const struct err *e);
};

struct prepay_cfg {
	bool unopened; /* those that are never opened */
	bool opened;   /* those on the chain */
	bool has_budget;
	struct amount
		budget; /* of receipts; ERR_FUNDS when they come to more */
};

/* How many are due. ERR_CHAIN: the period is not known. ERR_DB, ERR_LIMIT. */
enum err_code prepay_due(struct renter *r, const struct prepay_cfg *cfg,
			 unsigned *n, struct err *e)
	__attribute__((warn_unused_result));
/* Once the chain was read (renter_reconcile.h). */
enum err_code prepay_start(struct prepay **out, struct renter *r,
			   const struct prepay_cfg *cfg,
			   const struct prepay_ops *ops, void *ctx,
			   struct err *e) __attribute__((warn_unused_result));
/* What is signed already stays. NULL is a no-op. */
void prepay_free(struct prepay *p);

#endif
