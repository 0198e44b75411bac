/* outq.h - what one peer is to be sent, in order: small messages by value,
 * blocks by reference.
 *
 * Small bytes (messages, and the 13 bytes before a block) live in one ring that
 * grows by doubling up to its maximum and is given back when empty; blocks, and
 * bulk messages of extensions, are spans whose reference the queue holds until
 * they are sent. Thread: the loop's.
 */
#ifndef WIRE_OUTQ_H
#define WIRE_OUTQ_H

#include "base/cbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define OUTQ_ENTRIES_MAX 256U /* spans queued at once, at most */

struct outq_entry { /* `small` bytes of the ring, then a span or nothing */
	uint32_t small;
	bool paid;
	bool bulk;	  /* the span is no block */
	struct span span; /* p NULL: none */
};

struct outq {
	uint8_t *ring;
	uint32_t cap, head, used, max;
	struct outq_entry *entries;
	uint32_t n_cap, first, n;
	size_t off;	   /* bytes of the span at `first` that are sent */
	size_t span_bytes; /* of blocks not sent yet */
	size_t bulk_bytes; /* of bulk messages not sent yet */
};

/* `max`: bytes of small messages; a power of two. */
void outq_init(struct outq *q, uint32_t max);
/* Drops everything. `lost` (may be NULL) is called for each block of which
 * nothing was sent. */
void outq_clear(struct outq *q,
		void (*lost)(void *ctx, uint32_t len, bool paid), void *ctx);
bool outq_empty(const struct outq *q);
/* Room for so many small bytes? */
bool outq_room(const struct outq *q, uint32_t len);
/* False: over the maximum, or out of memory; nothing was queued. */
bool outq_put(struct outq *q, const uint8_t *p, uint32_t len);
/* `head` before the block; takes over the span's reference when true. */
bool outq_put_block(struct outq *q, const uint8_t *head, uint32_t head_len,
		    const struct span *block, bool paid);
/* The same for a message of an extension: no block, never lost to anybody. */
bool outq_put_bulk(struct outq *q, const uint8_t *head, uint32_t head_len,
		   const struct span *message);
/* Up to max iovecs from the front; *bytes their sum. */
size_t outq_peek(const struct outq *q, struct iovec *iov, size_t max,
		 size_t *bytes);
/* Returns the bytes of blocks among the n. n is at most what is queued. */
size_t outq_drop(struct outq *q, size_t n);

#endif
