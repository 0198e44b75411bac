/* renter_takeover.h - agreements that end too early: what lies under them is
 * staged anew at the same hosts, without being sent again.
 *
 * One after another: the host is asked which of the sectors it has, which
 * stages them; in one commit those are STAGED, what it has not is LOST, and the
 * agreement is ENDED for us: its list is not revised any more, it runs out, and
 * protects the sectors until then. What is DROPPING is left behind. A host that
 * does not answer keeps its agreement for another run. What comes then is
 * renter_publish.h's. Thread: the loop.
 */
#ifndef NODE_RENTER_TAKEOVER_H
#define NODE_RENTER_TAKEOVER_H

#include "node/renter/renter.h"

struct takeover;

#define TAKEOVER_HOST_MS 60000 /* of no answer */

struct takeover_result {
	unsigned agreements; /* taken over */
	unsigned put_off;    /* hosts did not answer, or tell no prices */
	bool begun;	     /* an earlier run left something to be agreed on,
				or agreements on their way to the chain */
	uint64_t sectors, lost;
	struct amount rent, fund; /* what it costs, what is locked for it */
	uint32_t until;
};

struct takeover_ops {
	void (*step)(void *ctx, const char *text);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct takeover_result *r,
		      const struct err *e);
};

struct takeover_cfg {
	const char *name; /* NULL: all; borrowed until it is started */
	uint32_t periods;
	bool near; /* see struct keep_cfg */
	bool has_budget;
	struct amount budget;
};

enum err_code takeover_start(struct takeover **out, struct renter *r,
			     const struct takeover_cfg *cfg,
			     const struct takeover_ops *ops, void *ctx,
			     struct err *e) __attribute__((warn_unused_result));
/* NULL is a no-op. */
void takeover_free(struct takeover *t);

#endif
