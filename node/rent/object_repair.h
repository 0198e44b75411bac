/* object_repair.h - the repair of one object (storage/rent/repair.h) over real
 * connections: its ops and timer. Rows are read and put with our account.
 * Thread: the loop.
 */
#ifndef NODE_OBJECT_REPAIR_H
#define NODE_OBJECT_REPAIR_H

#include "node/renter/renter.h"
#include "storage/rent/repair.h"

struct object_repair;

struct object_repair_ops {
	/* As repair_ops' of the same names. */
	repair_alive_fn *alive;
	void (*placed)(void *ctx, uint32_t segment, uint16_t row,
		       const struct hash32 *root, const struct address *host);
	void (*progress)(void *ctx, const struct repair_progress *p);
	/* Once, never from inside of object_repair_start(). e NULL: every row
	 * has a place. Else what is missing; what was placed stays. */
	void (*ended)(void *ctx, const struct err *e);
	/* The last call of all: the placement is not used any more. */
	void (*freed)(void *kept);
};

struct object_repair_cfg {
	const struct placement *placement; /* until freed() */
	struct placing *placing;	   /* until object_repair_free() */
	struct object_keys keys;	   /* OBJECT_REPAIR at least */
	bool due_only;
	const struct object_repair_ops *ops;
	void *ctx;
	void *kept; /* may outlive ctx: until freed() */
};

/* As repair_start(). freed() is called only after a start that succeeded. */
enum err_code object_repair_start(struct object_repair **out, struct renter *r,
				  const struct object_repair_cfg *cfg,
				  struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void object_repair_free(struct object_repair *o);

#endif
