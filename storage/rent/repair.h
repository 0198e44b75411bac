/* repair.h - rows of an object that are nowhere any more are made again.
 *
 * Of each segment that has rows without a living place, any k others are
 * fetched, the missing rows made from them, each compared with the root that
 * the owner's record has of it, and put to spare hosts. A repair key is enough:
 * what is made is what lay at the host that is gone, bit for bit, and nothing
 * of it can be read.
 *
 * (!) A row that does not have its root ends the repair with ERR_SIG before it
 * is sent: the record, or what k hosts proved, is not one object.
 *
 * Each segment is had by a struct download, its rows go to hosts that a struct
 * placing names: in other hosts and networks than those that have a row of this
 * segment, or had one and lost it. A segment of which k rows cannot be had is
 * left alone and counted, the others go on.
 *
 *   scan -> seats -> fetch k rows -> make, compare -> send -> placed
 *
 * Memory: what a download of one segment takes, and `slots` sectors of 1 MiB.
 * The next segment is fetched when there are slots for its rows, while those of
 * the last are still being sent; one that misses more rows than there are slots
 * is fetched more than once.
 *
 * Owns no socket, clock or timer, as upload.h: time comes in as now_ms,
 * repair_next_ms() says when it wants repair_tick(). Nothing is remembered
 * here: what was placed is told by ops->placed(), for the renter's database or
 * the steward's record; repaired again, it is not made again. Thread: the loop.
 * No function here may be called from inside an op.
 */
#ifndef STORAGE_RENT_REPAIR_H
#define STORAGE_RENT_REPAIR_H

#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/work.h"
#include "storage/object/keys.h"
#include "storage/object/placement.h"
#include "storage/rent/download.h"
#include "storage/rent/placing.h"
#include "storage/rent/upload.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- when --- */

/* Policy: so few rows of a segment answer that it is time: fewer than
 * k + (n - k) / 3, rounded up. Never when all n do. */
bool repair_due(unsigned k, unsigned n, unsigned live);

/* Is there a sector of this row at this host? Told by the caller: audits, its
 * database, connections. */
typedef bool repair_alive_fn(void *ctx, uint32_t segment, uint16_t row,
			     const struct address *host);

struct repair_survey {
	uint64_t missing;  /* rows without a living place */
	uint32_t segments; /* that miss some */
	uint32_t due;	   /* of them: repair_due() */
	uint32_t lost;	   /* and fewer than k are left */
	unsigned least;	   /* rows that live, of the worst segment */
};
void repair_look(struct repair_survey *out, const struct placement *p,
		 repair_alive_fn *alive, void *ctx);

/* --- the engine --- */

struct repair;

struct repair_progress {
	uint32_t looked;   /* segments */
	uint64_t missing;  /* rows that were found to be missing */
	uint64_t placed;   /* of them */
	uint32_t hopeless; /* segments that cannot be repaired now */
};

struct repair_ops { /* all but host, progress, read_did and put_did */
	/* As in struct download_ops; answered by repair_on_read(),
	 * repair_on_failed(). */
	void (*read)(void *ctx, const struct address *host,
		     const struct hash32 *root, uint32_t off, uint32_t len,
		     uint8_t *buf, uint64_t cookie);
	void (*cancel)(void *ctx, const struct address *host, uint64_t cookie);
	bool (*host)(void *ctx, const struct address *host, uint32_t *ms);
	void (*read_did)(void *ctx, const struct address *host,
			 enum download_deed deed, uint32_t ms);
	/* As in struct upload_ops; answered by repair_on_stored(),
	 * repair_on_refused(). */
	void (*put_sector)(void *ctx, const struct address *host,
			   const struct hash32 *root, const uint8_t *data,
			   uint64_t cookie);
	void (*put_cancel)(void *ctx, const struct address *host,
			   uint64_t cookie);
	void (*put_did)(void *ctx, const struct address *host,
			enum upload_deed deed, uint32_t ms);
	/* Asked of each place of a segment when its turn comes. */
	repair_alive_fn *alive;
	/* A host acknowledged a row; it counts once the caller committed it.
	 * The place may be added to the placement here. */
	void (*placed)(void *ctx, uint32_t segment, uint16_t row,
		       const struct hash32 *root, const struct address *host);
	void (*progress)(void *ctx, const struct repair_progress *p);
	/* All that is left waits for hosts: what is missing. More of them come
	 * with placing_add() and repair_hosts_changed(); or repair_free(). Once
	 * for each time that it comes to this. */
	void (*starved)(void *ctx, const struct err *why);
	/* Once. ERR_NONE: every row has a place. ERR_IO: segments cannot be
	 * repaired now, repair_loss(); all others are. Else the first error. */
	void (*ended)(void *ctx, const struct err *why);
	/* The last call of all, from repair_free() or later. */
	void (*freed)(void *ctx);
};

struct repair_cfg {
	/* Borrowed, as are the next three; places may be added meanwhile. From
	 * the renter's database: RENTER_COUNT_ALL, alive() knows which are
	 * LOST. */
	const struct placement *placement;
	struct placing *placing; /* policy.shards is the object's n; without
				  * hosts that are known to be gone */
	struct work *work;
	struct log *log;
	const struct repair_ops *ops;
	void *ctx;
	struct object_keys keys; /* OBJECT_REPAIR at least; copied */
	unsigned slots;		 /* 0: UPLOAD_SLOTS; 1 .. UPLOAD_SLOTS_MAX */
	bool due_only; /* leave segments alone that are not repair_due() */
};

/* ERR_STATE: keys of samples. ERR_LIMIT: slots. ERR_NOMEM. */
enum err_code repair_start(struct repair **out, const struct repair_cfg *cfg,
			   int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
/* Cancels; no op but cancel, put_cancel and freed is called any more. NULL is a
 * no-op. */
void repair_free(struct repair *r);

/* False: none is hopeless. The first, and how many. */
bool repair_loss(const struct repair *r, struct download_loss *out);

/* Answers; an unknown cookie is ignored. As in download.h and upload.h. */
void repair_on_read(struct repair *r, uint64_t cookie, int64_t now_ms);
void repair_on_failed(struct repair *r, uint64_t cookie, enum download_no no,
		      const struct err *why, int64_t now_ms);
void repair_on_stored(struct repair *r, uint64_t cookie, int64_t now_ms);
void repair_on_refused(struct repair *r, uint64_t cookie, enum upload_no no,
		       const struct err *why, int64_t now_ms);
void repair_on_moving(struct repair *r, uint64_t cookie, int64_t now_ms);
void repair_host_ready(struct repair *r, const struct address *host,
		       int64_t now_ms);
void repair_hosts_changed(struct repair *r, int64_t now_ms);
int64_t repair_next_ms(const struct repair *r);
void repair_tick(struct repair *r, int64_t now_ms);

#endif
