/* renting.h - what a node's host and its renter share: the storage account's
 * purse, the chain's period, and whom we know.
 *
 * A node has one, asleep until something rents. renting_open() wakes it: the
 * storage account's book and HOME/renter.db are opened, the bank is checked,
 * the chain's head is read; then both sides begin. From then on the head and
 * our free balance are read every few seconds, and endpoint records are kept
 * over restarts.
 *
 * Thread: the loop. Owned by the engine.
 */
#ifndef NODE_RENTING_H
#define NODE_RENTING_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "storage/rent/endpoint.h"
#include "storage/rent/renter_db.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct renting;

/* Cheap: opens nothing. ERR_NOMEM. */
enum err_code renting_new(struct renting **out, struct engine *en,
			  struct err *e) __attribute__((warn_unused_result));
/* After host and renter, before money_free(). NULL is a no-op. */
void renting_free(struct renting *r);

/* fn once, later, never from inside: e is NULL when all below is there, else
 * it says what is missing and what to do (no wallet, a raw key, no bank, a
 * chain that does not answer within RENTING_WAIT_MS). */
#define RENTING_WAIT_MS 20000
enum renting_need {
	RENTING_FILES, /* our files and whom we know: what reading takes. Not
			* the chain, where the bank was checked before */
	RENTING_HEAD,  /* the chain's head as well */
};
typedef void renting_ready_fn(void *ctx, const struct err *e);
void renting_open(struct renting *r, enum renting_need need,
		  renting_ready_fn *fn, void *ctx);
/* No more callbacks with this ctx, of renting_open() and renting_watch(). */
void renting_forget(struct renting *r, void *ctx);
/* fn whenever a newer head was read, until renting_forget(). */
void renting_watch(struct renting *r, void (*fn)(void *ctx), void *ctx);

/* ---- once it is open ---- */

struct renter_db *renting_db(struct renting *r);
/* Its changes are committed at the end of this turn. */
void renting_want_commit(struct renting *r);
/* fn(ctx, ok) after each such commit, until renting_forget(); ok false: it
 * failed, and what was staged is gone. */
void renting_on_commit(struct renting *r, void (*fn)(void *ctx, bool ok),
		       void *ctx);
void renting_turn_end(struct renting *r);

struct endpoints *renting_peers(struct renting *r);
/* Who we are in renting. */
struct address renting_me(const struct renting *r);
/* EIP-712 domain of the pinned bank. */
struct hash32 renting_domain(const struct renting *r);

/* The chain's newest block as last read; false: not known for a while. */
bool renting_block(const struct renting *r, uint64_t *block);
/* The period that it is in. */
bool renting_period(const struct renting *r, uint32_t *now);
/* How long a period lasts, about; for people and prices. */
int64_t renting_period_ms(const struct renting *r);
/* Our free balance in the bank as last read (newest block). */
bool renting_free_balance(const struct renting *r, struct amount *out);
/* Reads the head now: after a transaction. */
void renting_read_head(struct renting *r);

/* Price per GiB and month (30 days) as rent of a sector and period, rounded
 * up, and back, rounded down. False: it passes 112 bits. */
bool renting_rent_of(const struct renting *r, struct amount per_gib_month,
		     struct amount *rent) __attribute__((warn_unused_result));
bool renting_month_of(const struct renting *r, struct amount rent,
		      struct amount *per_gib_month)
	__attribute__((warn_unused_result));

#endif
