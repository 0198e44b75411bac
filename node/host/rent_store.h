/* rent_store.h - what a host's machine asks, put to the disk: every ops->ask()
 * of storage/rent/rent_host.h becomes calls of storage/sector/sector_store.h,
 * and their answers come back by rent_host_answer().
 *
 * One thing is not the disk's: RENT_ASK_SIGN goes to cfg.sign(), whose owner
 * answers it. What the disk does not know is decided here:
 *   - a placement record is kept under the key that signed it (record.h), and
 *     only for accounts that have an agreement here; their records take no more
 *     MiB than they store sectors, and one. Others may only go on, up to 256
 *     KiB, with a key of which a record is here already (stewards)
 *   - lists of agreements that go to the chain keep what earlier revisions
 *     named; those of unopened ones do not
 * Puts that the disk has no room for in memory wait here, in their order.
 *
 * At the end: sessions first, sectors_close() (which answers what was asked),
 * then rent_store_free(), then rent_host_free().
 *
 * Thread: the loop.
 */
#ifndef NODE_RENT_STORE_H
#define NODE_RENT_STORE_H

#include "base/log.h"
#include "base/loop.h"
#include "base/work.h"
#include "storage/rent/rent_host.h"
#include "storage/sector/sector_store.h"

struct rent_store;

struct rent_store_cfg {
	struct sectors *sectors; /* borrowed */
	struct loop *loop;
	struct work *work; /* checks of records */
	struct log *log;   /* may be NULL */
	struct address me; /* the host of the agreements */
	/* rent_host_answer() with the host's signature, later, by the owner. */
	void (*sign)(void *ctx, uint64_t token, const struct rent_ask *q);
	/* As rent_host_answer(). */
	void (*answer)(void *ctx, uint64_t token, const struct rent_answer *a);
	/* The disk, or the index on it, failed; the question is answered
	 * besides. May be NULL: logged. */
	void (*fault)(void *ctx, const struct err *e);
	void *ctx;
};

/* cfg is copied. ERR_NOMEM. */
enum err_code rent_store_new(struct rent_store **out,
			     const struct rent_store_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
/* What still waits is dropped; NULL is a no-op. */
void rent_store_free(struct rent_store *st);
/* As rent_host_ops.ask: answered once, later. */
void rent_store_ask(struct rent_store *st, uint64_t token,
		    const struct rent_ask *q);

#endif
