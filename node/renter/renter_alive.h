/* renter_alive.h - which places of an object live: what a repair looks at
 * first.
 *
 * Of each host some of its places are asked for a tile (renter_probe.h); all of
 * them when they are few. A place lives when its host gave a right answer, and
 * did not say, or lie, otherwise of this very place. Places that are LOST in
 * the database do not live. Thread: the loop.
 */
#ifndef NODE_RENTER_ALIVE_H
#define NODE_RENTER_ALIVE_H

#include "node/renter/renter_holding.h"

struct alive;

#define ALIVE_PER_HOST 64U /* places asked of one host */

typedef void alive_fn(void *ctx); /* once, later */
/* h: until alive_free(); places may be added.
 * ERR_NOMEM. */
enum err_code alive_start(struct alive **out, struct renter *r,
			  const struct holding *h, alive_fn *fn, void *ctx,
			  struct err *e) __attribute__((warn_unused_result));
/* NULL is a no-op. */
void alive_free(struct alive *a);

/* repair_alive_fn of a struct alive. A place that was added since lives. */
bool alive_place(void *ctx, uint32_t segment, uint16_t row,
		 const struct address *host);
/* It was asked and answered something right. */
bool alive_host(const struct alive *a, const struct address *host);
/* What was proved lost or false, one after another; false: no more. */
bool alive_dead(const struct alive *a, size_t *at, uint32_t *segment,
		uint16_t *row, struct address *host);

#endif
