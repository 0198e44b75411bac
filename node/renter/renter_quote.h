/* renter_quote.h - which hosts a put would take, and what it comes to.
 *
 * Exact to the unit for the hosts that are known: the same placing decides when
 * it is uploaded, so only a host that drops out meanwhile changes it. Thread:
 * the loop.
 */
#ifndef NODE_RENTER_QUOTE_H
#define NODE_RENTER_QUOTE_H

#include "node/renter/renter.h"
#include "node/renter/renter_term.h"

struct quote_cfg {
	unsigned k, n;
	unsigned per_host, per_net;   /* 1, unless the user says otherwise */
	struct amount rent_max;	      /* a sector and period; zero: any */
	uint32_t periods, least;      /* see struct agree_cfg */
	struct renter_term catalogue; /* longer than `periods`, or as that */
	uint32_t segments; /* of objects that are opened, and the catalogue */
	uint32_t catalogue_segments; /* of those */
	uint32_t unopened;	     /* segments of those that never are */
	bool goes_on;		     /* parts of it are at hosts already */
	uint64_t seed; /* settles between hosts that are alike: the same
			* for a quote and what follows it */
	bool partly; /* hosts for some shards will do: what is missing is put */
};

struct quote {
	unsigned hosts;
	uint64_t sectors;
	struct amount rent;   /* for all of it, to the end */
	struct amount fund;   /* locked for it now: the rest comes back */
	struct amount period; /* of `rent`, paid with each period's begin */
	struct amount ingress;
	unsigned running;    /* hosts whose agreements take it: none is made */
	unsigned growing;    /* of those, whose fund has to grow */
	uint32_t start, end; /* end: the first of what is put */
};

/* All hosts whose prices are known; *out is the caller's. ERR_STATE: they do
 * not suffice, and what is missing. ERR_NOMEM, ERR_DB. */
enum err_code quote_placing(struct placing **out, struct renter *r,
			    const struct quote_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
/* ERR_LIMIT: it passes 112 bits. ERR_CHAIN: the period is not known. */
enum err_code quote_make(struct quote *out, struct renter *r,
			 const struct quote_cfg *cfg,
			 const struct placing *placing, struct err *e)
	__attribute__((warn_unused_result));

#endif
