/* renter_retell.h - the records of all that is stored, and the head, told
 * again.
 *
 * Hosts keep them as long as we have agreements there; but one may have lost
 * them, been away when they were told, or think otherwise: so they are told
 * once in RETELL_S, whatever changes. Some objects at a time, each to the hosts
 * that hold it. What cannot be said of one (`left`) keeps no other from being
 * told. Thread: the loop.
 */
#ifndef NODE_RENTER_RETELL_H
#define NODE_RENTER_RETELL_H

#include "node/renter/renter.h"

struct retell;

/* A third of what hosts give a record. */
#define RETELL_S (INT64_C(20) * 86400)

struct retell_result {
	unsigned objects, left;
	unsigned hosts, told; /* of each portion of the objects, added up */
};
/* Once, later. e: it was not all told. */
typedef void retell_fn(void *ctx, const struct retell_result *r,
		       const struct err *e);

/* Is it time? What is in the future was noted by a clock that was wrong. Pure.
 */
bool retell_is_time(int64_t last_s, int64_t now_s);
/* The same of this home; ERR_DB. */
enum err_code retell_is_due(bool *due, struct renter *r, struct err *e)
	__attribute__((warn_unused_result));
/* Between renter_begin() and renter_end(): sequences rise. The time is noted
 * when half of the hosts took theirs; fewer is ERR_STATE. ERR_DB, ERR_NOMEM. */
enum err_code retell_start(struct retell **out, struct renter *r, retell_fn *fn,
			   void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void retell_free(struct retell *t);

#endif
