/* renter_put.h - `store put`: files, or a pipe, become objects at hosts.
 *
 *   scan      the files, at a worker; stops here when they are stored as they
 * are scout     hosts and their prices quote     what it comes to; stops here
 * when it is more than there is, or than the budget, or when only that was
 * asked upload    one object after another files     the catalogue's entries
 *   publish   renter_publish.h
 *
 * It goes on after a restart: a put of the same source finds its objects and
 * what is staged or signed of them. Thread: the loop.
 */
#ifndef NODE_RENTER_PUT_H
#define NODE_RENTER_PUT_H

#include "node/renter/renter_quote.h"
#include "node/renter/renter_scout.h"

struct put;

struct put_result {
	uint64_t bytes;	 /* of the files */
	uint64_t stored; /* bytes at hosts: sectors */
	uint32_t files, skipped;
	unsigned objects, agreements, told;
	bool unchanged; /* it was stored as it is: nothing was done */
	struct quote quote;
};

struct put_ops {
	void (*step)(void *ctx, const char *text);
	void (*quoted)(void *ctx, const struct quote *q, uint64_t bytes);
	void (*progress)(void *ctx, uint64_t read, uint64_t total,
			 uint64_t sectors, uint64_t sectors_total);
	/* Once. r is set in any case. */
	void (*ended)(void *ctx, const struct put_result *r,
		      const struct err *e);
};

struct put_cfg {
	const char *path; /* NULL: the pipe. Copied. */
	int pipe;	  /* taken */
	const char *name; /* in the catalogue; copied */
	unsigned k, n, per_host, per_net;
	uint32_t periods, least; /* see struct agree_cfg */
	struct amount rent_max;	 /* a sector and period; zero: any */
	bool has_budget;
	struct amount budget; /* rent and ingress */
	bool unopened; /* its objects lie in agreements that are never opened */
	uint64_t size; /* quote of so many bytes alone: no path, no pipe */
	bool quote_only;
	struct scout_cfg scout;
};

enum err_code put_start(struct put **out, struct renter *r,
			const struct put_cfg *cfg, const struct put_ops *ops,
			void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* What was done stays, and is gone on from by the next put. NULL is a no-op. */
void put_free(struct put *p);

#endif
