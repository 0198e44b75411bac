/* renter_link.h - what a link leads to: the records of its object, from hosts.
 *
 * Whoever holds a link needs no wallet of the owner's and shows no account of
 * his own: records and sectors are read without one. The owner's record says
 * where everything lies; what stewards added is merged into it.
 * Thread: the loop.
 */
#ifndef NODE_RENTER_LINK_H
#define NODE_RENTER_LINK_H

#include "node/renter/renter_scout.h"
#include "storage/object/link.h"
#include "storage/object/placement.h"

struct link_look;

#define LINK_LOOK_MS 15000 /* for all hosts to answer */

struct linked {
	struct object_link link;
	struct object_keys keys;
	struct placement *placement;
	uint64_t sequence;	   /* of the owner's record */
	uint64_t steward_sequence; /* of the stewards'; 0: there is none */
	/* what all of those say, merged into the placement already; some more
	 * than once */
	struct placement_addition *additions; /* heap */
	size_t additions_n;
};
void linked_free(struct linked *l); /* NULL is a no-op */

/* Once, later: *take, the callee's, or why not. */
typedef void link_look_fn(void *ctx, struct linked *take, const struct err *e);
/* ERR_PARSE: no link. ERR_STATE: one of another chain or bank. */
enum err_code link_look_start(struct link_look **out, struct renter *r,
			      const char *text, const struct scout_cfg *scout,
			      link_look_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void link_look_free(struct link_look *l);

/* The records of an object of our own as the hosts have them: what a restore
 * asks, and what stewards have added since. hosts: whom to ask. */
enum err_code link_look_own(struct link_look **out, struct renter *r,
			    const struct object_keys *keys,
			    const struct address *hosts, unsigned hosts_n,
			    link_look_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));

#endif
