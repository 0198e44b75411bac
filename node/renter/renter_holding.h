/* renter_holding.h - what a name or a link stands for, to be looked after: its
 * objects, and of each where the sectors are said to lie.
 *
 * Of our own objects the database says it, of others' the records that a link
 * leads to; what stewards have added is merged into both. One object is held at
 * a time: a placement may take megabytes. Thread: the loop.
 */
#ifndef NODE_RENTER_HOLDING_H
#define NODE_RENTER_HOLDING_H

#include "node/renter/renter_link.h"

#define HOLDING_LINK "seedbank:" /* how links begin; no name does */

/* ---- which objects ---- */

struct holding_list {
	struct renter_object *at; /* heap; of a link: none */
	size_t n, cap;
	struct err why; /* of callbacks */
};
/* The stored objects that files of this name lie in; NULL: all, and that of the
 * catalogue. ERR_STATE: nothing of that name is stored. ERR_DB, ERR_NOMEM. */
enum err_code holding_list(struct holding_list *out, struct renter *r,
			   const char *name, struct err *e)
	__attribute__((warn_unused_result));
void holding_list_clear(struct holding_list *l);

/* ---- one of them ---- */

struct holding {
	bool own; /* ours: places are marked in the database */
	struct renter_object object; /* own */
	struct linked *linked;	     /* NULL: no host has records of it */
	struct object_keys keys;
	struct placement *placement; /* with LOST places of our own */
	struct renter_place *lost;   /* heap: places that are LOST, ours */
	size_t lost_n, lost_cap;
};
void holding_free(struct holding *h); /* NULL is a no-op */
/* The database says that this place is lost. */
bool holding_is_lost(const struct holding *h, uint32_t segment, unsigned row,
		     const struct address *host);
/* Marks a place of ours LOST; of others', or one that no agreement has yet, it
 * does nothing. */
enum err_code holding_mark_lost(struct renter *r, struct holding *h,
				uint32_t segment, unsigned row,
				const struct address *host, struct err *e)
	__attribute__((warn_unused_result));

struct holding_open;
/* Once, later: *take, the callee's, or why not. */
typedef void holding_fn(void *ctx, struct holding *take, const struct err *e);
enum err_code holding_open_own(struct holding_open **out, struct renter *r,
			       const struct renter_object *o, holding_fn *fn,
			       void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* As link_look_start(). A link to an object of our own is that object. */
enum err_code holding_open_link(struct holding_open **out, struct renter *r,
				const char *link, const struct scout_cfg *scout,
				holding_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op; also what frees it after fn. */
void holding_open_free(struct holding_open *o);

#endif
