/* renter_get.h - `store get` and `store cat`: what is stored becomes files, or
 * bytes of a pipe, again.
 *
 * By a name of our own database, or by a full link with its object's own table.
 * What is there already is not fetched again; what was cut off goes on
 * (storage/object/sink.h). Where too few shards of our own objects are known,
 * the hosts are asked for what stewards have added. Thread: the loop.
 */
#ifndef NODE_RENTER_GET_H
#define NODE_RENTER_GET_H

#include "node/renter/renter_scout.h"

struct get;

struct get_result {
	uint64_t files, bytes; /* that were asked for */
	uint64_t there;	       /* files that were there already */
	uint64_t fetched;      /* bytes */
	uint64_t unset;	       /* modes and times that could not be set */
};

struct get_ops {
	void (*step)(void *ctx, const char *text);
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct get_result *r,
		      const struct err *e);
};

struct get_cfg {
	const char *name;	/* a name or a link; NULL: everything */
	const char *dir;	/* NULL: the pipe */
	int pipe;		/* taken */
	uint64_t from, len;	/* of the pipe's one file; len 0: to its end */
	struct scout_cfg scout; /* of a link */
	/* NULL: all of that name; called by get_start() alone. */
	bool (*wanted)(void *ctx, const struct renter_file *f);
	void *wanted_ctx;
};

enum err_code get_start(struct get **out, struct renter *r,
			const struct get_cfg *cfg, const struct get_ops *ops,
			void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What is not whole stays as a part. NULL is a no-op. */
void get_free(struct get *g);

#endif
