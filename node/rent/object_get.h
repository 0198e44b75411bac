/* object_get.h - a range of one object fetched (storage/rent/download.h) over
 * real connections: its ops and timer.
 *
 * Thread: the loop, but for write() and solved().
 */
#ifndef NODE_OBJECT_GET_H
#define NODE_OBJECT_GET_H

#include "node/renter/renter.h"
#include "storage/rent/download.h"

struct object_get;

struct object_get_ops {
	/* As download_ops' of the same names; one of the two. */
	enum err_code (*write)(void *stream, uint64_t off, const uint8_t *p,
			       size_t len, struct err *e);
	enum err_code (*solved)(void *stream, struct segment *s,
				uint32_t segment, struct err *e);
	/* The last call of all: write() is not running any more. May be NULL.
	 */
	void (*freed)(void *stream);
	void (*progress)(void *ctx, uint64_t done); /* may be NULL */
	/* Once, never from inside of object_get_start(); e NULL: all of it. */
	void (*ended)(void *ctx, const struct err *e);
};

struct object_get_cfg {
	const struct placement *placement; /* until freed() */
	struct object_keys keys;
	uint64_t off, len;
	bool shown; /* by which peers, see rent_peers_get() */
	const struct object_get_ops *ops;
	void *ctx;
	void *stream; /* may outlive ctx: until freed() */
};

/* As download_start(). */
enum err_code object_get_start(struct object_get **out, struct renter *r,
			       const struct object_get_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void object_get_free(struct object_get *g);
/* What cannot be had, as far as is known; false: nothing. */
bool object_get_loss(const struct object_get *g, struct download_loss *out);

#endif
