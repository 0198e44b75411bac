/* carrier.h - sectors between an engine of storage/rent (upload, download,
 * repair) and the hosts: what is asked by cookie becomes calls of
 * rent_client.h, and their ends become answers.
 *
 * The engines may not be called from inside their own ops: answers come later,
 * from the loop. A host that cannot be reached answers all that waits for it
 * as gone. Thread: the loop.
 */
#ifndef NODE_CARRIER_H
#define NODE_CARRIER_H

#include "node/renter/renter.h"

struct carrier;

/* How a call ended that did not succeed. */
struct carrier_no {
	enum rent_fate fate; /* RENT_LATE also when it cannot be reached */
	enum rent_no code;   /* RENT_REFUSED */
	struct err why;
};

/* Those that are never asked for may be NULL. */
struct carrier_ops {
	void (*stored)(void *ctx, uint64_t cookie);
	void (*not_stored)(void *ctx, uint64_t cookie,
			   const struct carrier_no *no);
	void (*moving)(void *ctx, uint64_t cookie);
	void (*was_read)(void *ctx, uint64_t cookie);
	void (*not_read)(void *ctx, uint64_t cookie,
			 const struct carrier_no *no);
};

/* `shown`: by which peers, see rent_peers_get(). ERR_NOMEM. */
enum err_code carrier_new(struct carrier **out, struct renter *r, bool shown,
			  const struct carrier_ops *ops, void *ctx,
			  struct err *e) __attribute__((warn_unused_result));
/* Cancels what is under way. NULL is a no-op. */
void carrier_free(struct carrier *c);

/* data: SECTOR_LEN bytes that stay as they are until the answer or
 * carrier_cancel(). */
void carrier_put(struct carrier *c, const struct address *host,
		 const struct hash32 *root, const uint8_t *data,
		 uint64_t cookie);
/* buf: len bytes, lent until the answer or carrier_cancel(). */
void carrier_read(struct carrier *c, const struct address *host,
		  const struct hash32 *root, uint32_t off, uint32_t len,
		  uint8_t *buf, uint64_t cookie);
/* No answer comes any more; data or buf is free when this returns. */
void carrier_cancel(struct carrier *c, uint64_t cookie);

#endif
