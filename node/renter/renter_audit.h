/* renter_audit.h - `store audit`: random tiles of what is stored, and what they
 * say of all of it.
 *
 * Each segment of what is audited gets as many samples as any other, at least
 * one; a sample is a random tile of a random row, asked of one of the hosts
 * that should have it. What was not shown to be right counts as missing in the
 * claims, whether the host lied, lost it or was silent; a host that can answer
 * now need not answer tomorrow, nor does it show where the bytes lie.
 *
 * Of our own objects places that were lost, or lied about, are marked LOST, so
 * that a repair makes them again. Names are audited with our account, links
 * without. Thread: the loop.
 */
#ifndef NODE_RENTER_AUDIT_H
#define NODE_RENTER_AUDIT_H

#include "node/renter/renter_scout.h"

struct audit;

#define AUDIT_SAMPLES 300U /* under one per cent, with 95 % confidence */
#define AUDIT_SAMPLES_MAX (1U << 22)

struct audit_count {
	uint64_t samples, right, unanswered;
	uint64_t lost; /* hosts say so, or no host has the row */
	uint64_t lies; /* what came was not what was stored */
};

struct audit_host {
	struct address address;
	struct audit_count count;
};

struct audit_object {
	struct hash32 id;
	uint32_t segments;
	struct audit_count count;
};

struct audit_result {
	struct audit_count all;
	bool alike;		  /* claims hold for all together */
	struct audit_host *hosts; /* heap, of the audit */
	size_t hosts_n, hosts_cap;
	struct audit_object *objects; /* heap, of the audit */
	size_t objects_n;
};

/* "At most so much is missing", in millionths, as sampling.h. */
uint32_t audit_at_most(const struct audit_count *c, unsigned confidence);

struct audit_ops {
	void (*step)(void *ctx, const char *text);
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct audit_result *r,
		      const struct err *e);
};

struct audit_cfg {
	const char *name;	/* a name or a link; NULL: all that is ours */
	uint64_t samples;	/* at least; 0: AUDIT_SAMPLES */
	struct scout_cfg scout; /* of a link */
};

enum err_code audit_start(struct audit **out, struct renter *r,
			  const struct audit_cfg *cfg,
			  const struct audit_ops *ops, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void audit_free(struct audit *a);

#endif
