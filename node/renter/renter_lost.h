/* renter_lost.h - every host that we have agreements with is asked which
 * sectors of them it lost, and those places are marked LOST. Who does not
 * answer is passed over. Thread: the loop.
 */
#ifndef NODE_RENTER_LOST_H
#define NODE_RENTER_LOST_H

#include "node/renter/renter.h"

struct lost;

#define LOST_LIMIT_MS 15000 /* for all hosts to answer */

/* Once, later; e: the database could not be changed. */
typedef void lost_fn(void *ctx, const struct err *e);
enum err_code lost_start(struct lost **out, struct renter *r, lost_fn *fn,
			 void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void lost_free(struct lost *l);

#endif
