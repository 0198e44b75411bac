/* renter_prepay.h - the present period of agreements that are never opened is
 * paid: `store pay`, and a daemon by itself.
 *
 * Each host is asked first for PREPAY_SAMPLES random tiles of what it keeps,
 * with their proofs. Whoever shows all of them is paid, by a revision and a
 * receipt (renter_agree.h); what was lost or false is marked LOST, and its
 * agreement is not paid now: a repair, or the host's own word on what it lost,
 * comes first. What has no sectors any more that are wanted is left to lapse.
 * Nothing of it touches the chain. Thread: the loop.
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
	unsigned wrong, silent;	 /* and those whose host did not show it */
	uint64_t samples, right; /* tiles */
	struct amount cost;	 /* of those that were paid */
};

struct prepay_ops {
	void (*step)(void *ctx, const char *text);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct prepay_result *r,
		      const struct err *e);
};

/* How many are due in the present period, and what they come to. ERR_CHAIN: the
 * period is not known. ERR_DB, ERR_LIMIT. */
enum err_code prepay_due(struct renter *r, unsigned *n, struct amount *cost,
			 struct err *e) __attribute__((warn_unused_result));
/* budget NULL: whatever they come to; ERR_FUNDS by `ended` when it is more. */
enum err_code prepay_start(struct prepay **out, struct renter *r,
			   const struct amount *budget,
			   const struct prepay_ops *ops, void *ctx,
			   struct err *e) __attribute__((warn_unused_result));
/* What is signed already stays. NULL is a no-op. */
void prepay_free(struct prepay *p);

#endif
