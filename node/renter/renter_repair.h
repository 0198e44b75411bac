/* renter_repair.h - `store repair`: rows that are nowhere any more are made
 * again, of our own objects or of one that a repair link leads to.
 *
 *   reconcile  the chain's word on our agreements; hosts tell what they lost
 *   hold       one object after another: records, places
 *   alive      which of them live (renter_alive.h)
 *   hosts      prices, when something is to be made again; the budget
 *   make       rows rebuilt, compared, put to spare hosts (object_repair.h)
 *   agree      signed and opened, from our own balance
 *   records    ours: placement records and the head to the hosts of what
 *              changed; with a link: the stewards' record
 *
 * A host that does not sign loses what it got: hold again, REPAIR_ROUNDS times
 * at most. The catalogue is repaired like any other object, no new one is made
 * (opened agreements are found on the chain), but where too little of it is
 * left: then it is put anew, from the database (renter_publish.h). Cut off at
 * any point, the next repair goes on: what was signed and is in no record is
 * told.
 *
 * An object of others is noted in the database (renter_ward.h) for the
 * agreements. With a link places are only ever added. Thread: the loop.
 */
#ifndef NODE_RENTER_REPAIR_H
#define NODE_RENTER_REPAIR_H

#include "node/renter/renter_scout.h"

struct mend;

#define REPAIR_ROUNDS 3U
#define REPAIR_PERIODS_MIN 7U
#define REPAIR_OBJECTS_MAX 1024U /* changed in one run */

struct mend_result {
	unsigned objects; /* looked at */
	unsigned changed;
	uint64_t missing;  /* rows without a living place */
	uint64_t repaired; /* of them, put and signed */
	uint32_t due;	   /* segments */
	uint32_t hopeless; /* segments that cannot be repaired now */
	unsigned away;	   /* hosts that gave no right answer */
	unsigned agreements, told;
	struct amount cost; /* rent and ingress of what was put */
	struct err left;    /* why something was left; ERR_NONE: nothing */
};

struct mend_ops {
	void (*step)(void *ctx, const char *text);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct mend_result *r,
		      const struct err *e);
};

struct mend_cfg {
	const char *name;	/* a name or a link; NULL: all that is ours */
	bool all;		/* also what is not due yet */
	uint32_t periods;	/* of new agreements; 0: as long as others of
				 * the object, which a link needs to be told */
	struct amount rent_max; /* zero: any */
	bool has_budget;
	struct amount budget;
	struct scout_cfg scout;
};

/* The caller has claimed the renter. */
enum err_code mend_start(struct mend **out, struct renter *r,
			 const struct mend_cfg *cfg, const struct mend_ops *ops,
			 void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What is signed already stays. NULL is a no-op. */
void mend_free(struct mend *m);

#endif
