/* cbuf.h - counted buffers and spans of them: how bulk bytes travel.
 *
 * A receive buffer is filled by recv, spans of it are handed to the picker, the
 * store and its workers without a copy; a cache block is read from disk once
 * and spans of it are queued for many peers. The last owner gives the buffer
 * back to its pool.
 *
 * Thread: counts change on the loop thread only. A worker may read (or fill)
 * the bytes of a buffer while its job holds a reference taken on the loop
 * thread.
 */
#ifndef BASE_CBUF_H
#define BASE_CBUF_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct cbuf_pool;

struct cbuf {
	uint32_t refs;
	uint32_t cap; /* bytes at data */
	struct cbuf_pool *pool;
	struct cbuf *next; /* in the pool's free list */
	uint8_t *data;
};

/* Borrowed bytes of `owner`. A holder that keeps a span past the call that gave
 * it takes a reference with span_ref(). owner NULL: static or caller-kept. */
struct span {
	struct cbuf *owner;
	const uint8_t *p;
	size_t len;
};

/* Buffers of `cap` bytes each; at most `max_buffers` exist at once, at most
 * `keep_free` unused ones keep their memory. NULL when out of memory. */
struct cbuf_pool *cbuf_pool_new(uint32_t cap, uint32_t max_buffers,
				uint32_t keep_free);
/* Every buffer must be back. NULL is a no-op. */
void cbuf_pool_free(struct cbuf_pool *pool);
/* Gives the memory of unused buffers back: for when nothing happens. */
void cbuf_pool_trim(struct cbuf_pool *pool);
/* A buffer with one reference; NULL when the pool is at its maximum or memory
 * is out: the caller stops reading until buffers come back. */
struct cbuf *cbuf_get(struct cbuf_pool *pool);
void cbuf_ref(struct cbuf *b);
void cbuf_unref(struct cbuf *b); /* NULL is a no-op */
uint32_t cbuf_pool_in_use(const struct cbuf_pool *pool);

static inline void span_ref(const struct span *s)
{
	if (s->owner)
		cbuf_ref(s->owner);
}

static inline void span_unref(const struct span *s)
{
	if (s->owner)
		cbuf_unref(s->owner);
}

#endif
