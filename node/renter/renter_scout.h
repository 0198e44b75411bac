/* renter_scout.h - which hosts are there, and what they ask for.
 *
 * First those that the user named (they tell of others); where he named none,
 * and fewer are known than are enough, those that the DHT finds under the name
 * that all hosts of the bank have, and under the own names of hosts that are
 * wanted and still not known. Then those whose endpoint records we hold, best
 * experience first, are asked for their prices. It ends when all have answered
 * or could not be reached, when enough have and the rest lets itself be waited
 * for, or when the time is up.
 *
 * Thread: the loop.
 */
#ifndef NODE_RENTER_SCOUT_H
#define NODE_RENTER_SCOUT_H

#include "node/renter/renter.h"

struct scout;

#define SCOUT_NAMED_MAX 64U
#define SCOUT_ASK_MAX 1024U  /* hosts asked for prices in one go */
#define SCOUT_LINGER_MS 2000 /* after enough have answered */
#define SCOUT_LIMIT_MS 15000
#define SCOUT_FIND_MS 20000  /* for the DHT, before that */
#define SCOUT_FOUND_MAX 128U /* addresses from it that are asked */
#define SCOUT_WANTED_MAX 64U /* hosts that are looked up one by one */

struct scout_cfg {
	const struct net_addr *named; /* copied */
	size_t named_n;
	unsigned enough; /* hosts with prices; 0: all that can be reached */
	const struct address *wanted; /* hosts to be found; copied */
	size_t wanted_n;
};

/* Once, later. What was found is in the database and at rent_peers_get(). */
typedef void scout_fn(void *ctx);
/* ERR_LIMIT: more than SCOUT_NAMED_MAX. ERR_NOMEM. */
enum err_code scout_start(struct scout **out, struct renter *r,
			  const struct scout_cfg *cfg, scout_fn *fn, void *ctx,
			  struct err *e) __attribute__((warn_unused_result));
/* fn is not called any more; also what frees it afterwards. NULL is a no-op. */
void scout_free(struct scout *s);

/* Every host whose prices are known and live, and that did not lie. */
typedef void scout_each_fn(void *ctx, const struct rent_offer *o,
			   const struct renter_host *h);
enum err_code scout_each(struct renter *r, scout_each_fn *fn, void *ctx,
			 struct err *e) __attribute__((warn_unused_result));

#endif
