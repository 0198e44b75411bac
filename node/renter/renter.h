/* renter.h - the renter of a node: what it takes to store and to get back.
 *
 * A node has one, made when the first `store` method asks for it: renting is
 * opened (node/rent/renting.h), the storage master key is fetched from the
 * signer into locked memory, and hosts are reached through struct rent_peers.
 * The journeys stand in files of their own:
 *
 *   renter_scout    who is there, at which prices
 *   renter_put      files -> objects at hosts, agreements, records
 *   renter_agree    what renter and host sign, and the chain is told
 *   renter_get      objects -> files
 *   renter_restore  from a phrase to all of it
 *
 * One journey that changes what is stored runs at a time (renter_begin());
 * those that read run beside it. Thread: the loop. Owned by the engine.
 */
#ifndef NODE_RENTER_H
#define NODE_RENTER_H

#include "node/core/engine.h"
#include "node/rent/rent_peer.h"
#include "node/rent/renting.h"
#include "storage/object/keys.h"
#include "storage/rent/placing.h"

struct renter;

struct renter {
	struct engine *engine;
	struct renting *renting;
	struct renter_db *db;
	struct rent_peers *peers;
	uint8_t *master;  /* OBJECT_KEY_LEN, locked memory; NULL: not yet */
	const char *busy; /* what changes things now; NULL: nothing */
};

/* fn once, later: the renter, or why there is none (e). */
typedef void renter_fn(void *ctx, struct renter *r, const struct err *e);
void renter_open(struct engine *en, enum renting_need need, renter_fn *fn,
		 void *ctx);
/* No callback with this ctx comes any more. */
void renter_forget(struct engine *en, void *ctx);
/* Before rent_links_free(). NULL is a no-op. */
void renter_free(struct renter *r);

/* Claims the right to change what is stored, until renter_end(). ERR_STATE
 * names who has it. */
enum err_code renter_begin(struct renter *r, const char *what, struct err *e)
	__attribute__((warn_unused_result));
void renter_end(struct renter *r);

/* ERR_STATE: so many of the hosts know more of what is stored than this home.
 */
enum err_code renter_is_old_copy(unsigned newer, unsigned hosts, struct err *e);

/* What we remember of a host: an answer that was right (ms: how long it took;
 * 0: not measured), or one that was not. It is in the database a second later.
 */
void renter_met(struct renter *r, const struct address *host, bool good,
		uint32_t ms);

#endif
