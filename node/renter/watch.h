/* watch.h - a daemon looks after what is stored, by itself: our own objects
 * (`store-watch = yes`) and those of others that we are steward of.
 *
 * Each of them is looked at every `watch-every` seconds as by `store repair`
 * (renter_repair.h): every host is asked for random tiles, and what is due is
 * made again, as long as repairs of the last 30 days cost less than
 * `repair-budget`. What was found stands in the log and, of a steward's
 * objects, in the database.
 *
 * Asleep until it is told to begin, and then while there is nothing to look
 * after. While something else changes what is stored it waits. Thread: the
 * loop. Owned by the engine.
 */
#ifndef NODE_WATCH_H
#define NODE_WATCH_H

#include "base/amount.h"
#include "base/err.h"

struct engine;
struct renter;
struct watch;

#define WATCH_BUDGET_DAYS 30

/* Cheap: opens nothing. ERR_NOMEM. */
enum err_code watch_new(struct watch **out, struct engine *en, struct err *e)
	__attribute__((warn_unused_result));
/* Before renter_free(). NULL is a no-op. */
void watch_free(struct watch *w);
/* The daemon is up. */
void watch_begin(struct watch *w);
/* There is something new to look after. */
void watch_soon(struct watch *w);

/* What repairs may cost in WATCH_BUDGET_DAYS, and did. ERR_PARSE: the setting.
 * ERR_DB. */
enum err_code watch_budget(struct renter *r, struct amount *budget,
			   struct amount *spent, struct err *e)
	__attribute__((warn_unused_result));

#endif
