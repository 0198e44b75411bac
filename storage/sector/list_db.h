/* list_db.h - the ordered lists of sectors that agreements name, their trees,
 * and the newest revision of each.
 *
 * A list lies in blocks of 256 sector roots; above it stand blocks of 256
 * roots of blocks, and so on, up to the first level with one block. A proof
 * reads one block a level, whatever the list's length (docs/protocol.md,
 * section 11, and tree.h say what the tree is).
 *
 * A list changes at its end only: append, or swap a position with the last one
 * and cut. With `keep`, what earlier revisions named stays, sectors and all,
 * and can be proven, until list_settle() says that a newer one is in force on
 * the chain: any revision that both signed may be posted until then.
 *
 * Lists of agreements that are over, and what was settled, are taken away in
 * steps: list_purge() until there is nothing more, also after a crash.
 *
 * What a sector in a list costs: a ref of it (sector_db.h). Functions and
 * errors as there.
 */
#ifndef STORAGE_SECTOR_LIST_DB_H
#define STORAGE_SECTOR_LIST_DB_H

#include "storage/sector/sector_db.h"

#define LIST_MAX_SECTORS (1U << 24)
#define LIST_MAX_OPS 2048U	/* in one change */
#define LIST_MAX_SIGNED 4096U	/* bytes of a signed revision */
#define LIST_MAX_OLD (1U << 20) /* positions kept for earlier revisions */

struct list_key { /* docs/protocol.md: an agreement */
	struct address renter, host;
	uint32_t number; /* counts up for each pair */
};

enum list_op_kind { LIST_APPEND = 1, LIST_CUT = 2 };

struct list_op {
	enum list_op_kind kind;
	uint32_t index;	    /* CUT: the last takes this position, and goes */
	struct hash32 root; /* APPEND */
};

struct list_change {
	struct list_key key;
	uint32_t revision;
	const struct list_op *ops;
	size_t op_count;
	/* What the list must come to. No sectors: root 0. */
	uint32_t sectors;
	struct hash32 root;
	/* The revision's fields and both signatures, as the caller packs them.
	 */
	const uint8_t *blob;
	size_t blob_len;
	bool keep; /* once set, stays so for this agreement */
};

/* Makes the agreement when it is new. The sectors that are appended must be
 * here; those staged for the renter are so no more. ops may be none, and the
 * revision then the same as before: only the blob is replaced. ERR_STATE: an
 * older revision, a sector that is not here, an index that is none. ERR_SIG:
 * the list comes to another root or number of sectors. ERR_LIMIT: too many ops,
 * sectors or old positions. */
__attribute__((warn_unused_result)) enum err_code
list_change(struct sector_db *d, const struct list_change *c,
	    struct sector_freed *freed, struct err *e);

struct list_info {
	struct list_key key;
	uint32_t revision;
	uint32_t sectors;
	struct hash32 root;
	uint32_t settled; /* no earlier revision can be proven */
	uint32_t old;	  /* positions kept for earlier revisions */
	bool keep;
	const uint8_t *blob; /* during the call only */
	size_t blob_len;
};

typedef void list_fn(void *ctx, const struct list_info *info);

/* ERR_STATE: there is no such agreement. */
__attribute__((warn_unused_result)) enum err_code
list_get(struct sector_db *d, const struct list_key *key, list_fn *fn,
	 void *ctx, struct err *e);
/* The agreements after `after` (NULL: all), in the order of their keys, max at
 * most. */
__attribute__((warn_unused_result)) enum err_code
list_each(struct sector_db *d, const struct list_key *after, uint32_t max,
	  list_fn *fn, void *ctx, struct err *e);
/* Sector roots from position `from` on, max at most; *total: how many the list
 * has. ERR_STATE as above. */
__attribute__((warn_unused_result)) enum err_code
list_roots(struct sector_db *d, const struct list_key *key, uint32_t from,
	   struct hash32 *out, size_t max, size_t *n, uint32_t *total,
	   struct err *e);
/* Of the roots at positions from `from` on, those that are lost; looks at the
 * whole rest of the list and stops when `out` is full. *next: where to go on,
 * or the number of sectors. */
__attribute__((warn_unused_result)) enum err_code
list_lost(struct sector_db *d, const struct list_key *key, uint32_t from,
	  struct hash32 *out, size_t max, size_t *n, uint32_t *next,
	  uint32_t *total, struct err *e);

struct list_proof {
	struct hash32 sector; /* root of the sector at that position */
	struct hash32 path[TREE_LIST_PATH];
	unsigned path_len; /* tree_depth(sectors) */
};

/* The path from a position up to `root`, which must be the root of the newest
 * revision or of one that is kept, and has this many sectors. ERR_STATE: no
 * such agreement, no such revision, no such position. */
__attribute__((warn_unused_result)) enum err_code
list_prove(struct sector_db *d, const struct list_key *key,
	   const struct hash32 *root, uint32_t sectors, uint32_t position,
	   struct list_proof *out, struct err *e);

/* This revision, or a newer one, is all that can still be proven. ERR_STATE: no
 * such agreement, or not so far. */
__attribute__((warn_unused_result)) enum err_code
list_settle(struct sector_db *d, const struct list_key *key, uint32_t revision,
	    struct err *e);
/* The agreement is over: it is not found any more. ERR_STATE as above. */
__attribute__((warn_unused_result)) enum err_code
list_drop(struct sector_db *d, const struct list_key *key, struct err *e);
/* Takes away at most about `max` positions; *more: call again. */
__attribute__((warn_unused_result)) enum err_code
list_purge(struct sector_db *d, uint32_t max, bool *more,
	   struct sector_freed *freed, struct err *e);

#endif
