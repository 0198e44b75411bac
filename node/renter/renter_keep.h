/* renter_keep.h - `store rm` and `store renew`: what is stored is given up, or
 * kept for longer.
 *
 *   rm      files leave the database, objects without files are DROPPING: one
 *           commit. Then it is as good as removed; what follows saves rent
 *   renew   which agreements end too early; the cost, and whether there is as
 *           much; their hosts stage again what they have; places are STAGED,
 *           the agreements ENDED for us: they run out
 *   publish renter_publish.h: a catalogue, agreements, cuts
 *
 * Cut off anywhere, the same command goes on; so does the next put. Thread: the
 * loop.
 */
#ifndef NODE_RENTER_KEEP_H
#define NODE_RENTER_KEEP_H

#include "node/renter/renter_scout.h"

struct keep;

enum keep_what { KEEP_RM, KEEP_RENEW };

struct keep_result {
	uint64_t files, bytes;	  /* rm: removed */
	unsigned agreements;	  /* signed anew */
	unsigned ending;	  /* renew: that were taken over */
	uint64_t sectors, lost;	  /* renew: kept; hosts do not have any more */
	struct amount rent, fund; /* renew: the cost, what is locked */
	uint32_t until;		  /* renew */
};

struct keep_ops {
	void (*step)(void *ctx, const char *text);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct keep_result *r,
		      const struct err *e);
};

struct keep_cfg {
	enum keep_what what;
	const char *name; /* copied; renew: NULL is all */
	uint32_t periods; /* renew: for how long from now on */
	bool near;	  /* renew: only what ends soon (renter_term.h) */
	bool has_budget;
	struct amount budget;
	unsigned per_host, per_net;
	struct scout_cfg scout;
};

enum err_code keep_start(struct keep **out, struct renter *r,
			 const struct keep_cfg *cfg, const struct keep_ops *ops,
			 void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What was done stays. NULL is a no-op. */
void keep_free(struct keep *k);

#endif
