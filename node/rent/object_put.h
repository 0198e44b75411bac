/* object_put.h - the upload of one object (storage/rent/upload.h) over real
 * connections: its ops, timer and commits.
 *
 * Thread: the loop, but for read() and tail().
 */
#ifndef NODE_OBJECT_PUT_H
#define NODE_OBJECT_PUT_H

#include "node/renter/renter.h"
#include "storage/rent/upload.h"

struct object_put;

struct object_put_ops {
	/* As upload_ops' of the same names. */
	enum err_code (*read)(void *stream, uint64_t off, uint8_t *buf,
			      size_t len, size_t *got, struct err *e);
	size_t (*tail)(void *stream, uint8_t *buf); /* may be NULL */
	/* The last call of all: read() is not running any more. */
	void (*freed)(void *stream);
	void (*progress)(void *ctx, const struct upload_progress *p);
	void (*starved)(void *ctx, const struct err *why);
	/* Once, never from inside of object_put_start(). e NULL: every shard
	 * has a committed place, o is the object now. */
	void (*ended)(void *ctx, const struct renter_object *o,
		      const struct err *e);
};

struct object_put_cfg {
	struct placing *placing;     /* borrowed */
	struct object_keys keys;     /* OBJECT_FULL */
	struct renter_object object; /* PUTTING */
	const struct object_put_ops *ops;
	void *ctx;
	void *stream; /* may outlive ctx: until freed() */
};

/* As upload_start(). freed() is called only after a start that succeeded. */
enum err_code object_put_start(struct object_put **out, struct renter *r,
			       const struct object_put_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void object_put_free(struct object_put *p);
/* Hosts were added to the placing. */
void object_put_hosts_changed(struct object_put *p);
/* What it waited for from this host was done. */
void object_put_host_ready(struct object_put *p, const struct address *host);

#endif
