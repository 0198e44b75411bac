/* plan_text.h - what a settlement would send, cost and bring: as JSON, with a
 * line for people in each part (`text`). Amounts are decimal text. Thread: the
 * loop.
 */
#ifndef NODE_PLAN_TEXT_H
#define NODE_PLAN_TEXT_H

#include "ledger/settle/settle.h"
#include "node/money/money.h"

#include <jansson.h>

/* What a transaction uses up, as this kind of chain calls it: "energy". */
const char *plan_units(const struct money *m);
/* "energy_per_receipt" */
const char *plan_units_each(const struct money *m);

/* One transaction: `receipts`, `worth`, `brings`, units and units each, `fee`,
 * `fee_max`, `ok`, `reason`, `text`; on TRON `staked`, `bandwidth` and
 * `bandwidth_staked`. Where the coin has a price `fee_tokens` (from there on it
 * pays) and `by_itself_from`; elsewhere `pays_under`, in tokens for a coin. */
json_t *plan_batch_json(const struct money *m, const struct settle_batch *b);
/* All of it: `dry_run`, `batches`, `receipts` (that would go), the sums
 * `brings`, `fee`, `fee_max`, `coin` (that is there; missing: unknown),
 * `waiting`, `waiting_worth`, `worth_from`, `uncovered`, `uncovered_amount`,
 * `text`; on TRON `staked_energy`, `staked_bandwidth` and `free_bandwidth`. */
json_t *plan_json(const struct money *m, const struct settle_plan *p);
/* Adds what today's limit of fees has left, `fees_left`, and says so in `text`
 * where it is less than `most`. */
void plan_add_limit(const struct money *m, json_t *plan, struct amount left,
		    struct amount most);

#endif
