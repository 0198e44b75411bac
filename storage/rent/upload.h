/* upload.h - a stream of bytes becomes the sectors of one object at its hosts.
 *
 * The stream is pulled on a worker, a segment at a time; encrypted, coded,
 * whitened and hashed there; its sectors go to the hosts that a struct placing
 * names, through struct upload_ops, and are STAGED in the renter's database as
 * they are acknowledged. What comes then (revisions, records) is the caller's.
 *
 * Memory: k MiB of ciphertext and `slots` sectors of 1 MiB, whatever the
 * stream's length. A sector's slot is free once a host acknowledged it, and the
 * ciphertext once all n sectors are made, so the next segment is read while the
 * last hosts of this one are still being written to.
 *
 * Goes on after a restart: an upload of the same object reads the stream again
 * from its beginning, compares each segment with what was noted, and sends only
 * what has no place yet. (!) A segment whose bytes have changed gets a new salt
 * before anything of it leaves, and is refused when agreements name its sectors
 * already.
 *
 *   reading -> (noted: committed) -> making, sending -> reading -> ... -> ended
 *
 * Owns no socket, clock or timer: time comes in as now_ms, and upload_next_ms()
 * says when it wants upload_tick(). Changes to the database are staged in the
 * turn's transaction; ops->want_commit() asks for renter_db_commit(), after
 * which upload_committed() is called. Nothing that must be noted first is sent
 * before that. A commit that fails ends the upload: free it; started again it
 * goes on from what is in the database.
 *
 * Thread: the loop, but for ops->read() and ops->tail(). No function here may
 * be called from inside an op.
 */
#ifndef STORAGE_RENT_UPLOAD_H
#define STORAGE_RENT_UPLOAD_H

#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/work.h"
#include "storage/object/keys.h"
#include "storage/rent/placing.h"
#include "storage/rent/rent_msg.h"
#include "storage/rent/renter_db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct upload;

#define UPLOAD_SLOTS 30U /* as `slots` 0 */
#define UPLOAD_SLOTS_MAX 256U
#define UPLOAD_PER_HOST 6U     /* sectors on their way to one host */
#define UPLOAD_STALL_MS 30000  /* a sector, when nothing to its host moves */
#define UPLOAD_SLOW_TIMES 8    /* as long as others take, at least */
#define UPLOAD_SLOW_MS 60000   /* this long, is too slow */
#define UPLOAD_TRIES 3U	       /* a host may be gone, one after another */
#define UPLOAD_BACKOFF_MS 2000 /* doubled each time, 60 s at most */
#define UPLOAD_TAIL_MAX 64U

/* What a refused sector says of its host. */
enum upload_no {
	UPLOAD_GONE,   /* no connection, or it broke: tried again, then dropped
			  if others can be reached */
	UPLOAD_BUSY,   /* too much at once: tried again */
	UPLOAD_PARKED, /* it waits for something of ours, a revision or a
			  receipt: until upload_host_ready() */
	UPLOAD_DROP,   /* full, closed, nonsense: nothing more goes there */
	UPLOAD_STOP,   /* ours to mend: the upload ends with it */
};
enum upload_no upload_no_of(enum rent_no no);

enum upload_deed {		/* of a host: what the renter remembers of it */
		   UPLOAD_GOOD, /* acknowledged; ms is how long it took */
		   UPLOAD_FAILED,   /* gone, once a time */
		   UPLOAD_WAITS,    /* parked */
		   UPLOAD_GIVEN_UP, /* dropped, refused or too slow */
};

struct upload_progress {
	uint64_t read;	   /* bytes of the stream so far */
	uint64_t sectors;  /* with a place that is committed */
	uint64_t segments; /* begun */
};

struct upload_ops { /* all but tail, progress and host_did must be there */
	/* Sends `data` (SECTOR_LEN) to be stored; it stays as it is until the
	 * answer, or put_cancel. Answered once, later, never from inside, by
	 * upload_on_stored() or upload_on_refused(). */
	void (*put_sector)(void *ctx, const struct address *host,
			   const struct hash32 *root, const uint8_t *data,
			   uint64_t cookie);
	/* No answer is wanted any more; data is free when this returns. */
	void (*put_cancel)(void *ctx, const struct address *host,
			   uint64_t cookie);
	/* On a worker, never twice at a time: fills buf from byte `off` of the
	 * stream; less than len only at its end. In order but for the segment
	 * that a restart found changed, which is read twice. A stream of more
	 * than placement_segments_max(n) segments ends with ERR_LIMIT. */
	enum err_code (*read)(void *ctx, uint64_t off, uint8_t *buf, size_t len,
			      size_t *got, struct err *e);
	/* May be NULL: none. On a worker, after read() came to the end: the
	 * last bytes of the last segment (catalogue.h: a footer), how many of
	 * them, UPLOAD_TAIL_MAX at most. Asked again when they need a segment
	 * of their own: the answer is the same. */
	size_t (*tail)(void *ctx, uint8_t *buf);
	void (*want_commit)(void *ctx);
	void (*progress)(void *ctx, const struct upload_progress *p);
	void (*host_did)(void *ctx, const struct address *host,
			 enum upload_deed deed, uint32_t ms);
	/* Shards have no host: what is missing. The rest goes on; more hosts
	 * come with placing_add() and upload_hosts_changed(). Once for each
	 * time that it comes to this. */
	void (*starved)(void *ctx, const struct err *why);
	/* Once; nothing is sent after it. ERR_NONE: every shard has a place.
	 * Else the first error; what was done stays. */
	void (*ended)(void *ctx, const struct err *why);
	/* The last call of all, from upload_free() or later: read() and tail()
	 * are not running and will not be called. */
	void (*freed)(void *ctx);
};

struct upload_cfg {
	struct renter_db *db; /* borrowed, as are the next three */
	struct work *work;
	struct placing *placing; /* policy.shards is the object's n */
	struct log *log;
	const struct upload_ops *ops;
	void *ctx;
	struct object_keys keys;     /* OBJECT_FULL; copied */
	struct renter_object object; /* PUTTING, in the database; copied */
	struct rng rng;		     /* of salts: rng_system() */
	unsigned slots; /* 0: UPLOAD_SLOTS; 1 .. UPLOAD_SLOTS_MAX */
};

/* ERR_STATE: the hosts do not suffice (placing_check), or keys or object are
 * not as above. ERR_LIMIT: k, n, slots. ERR_NOMEM. */
enum err_code upload_start(struct upload **out, const struct upload_cfg *cfg,
			   int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
/* Cancels what is under way; no op but put_cancel and freed is called any more.
 * NULL is a no-op. */
void upload_free(struct upload *u);

/* The object with its size (of the stream: who put a table at its end takes
 * that off before the object is STORED) and segments, once ended with ERR_NONE.
 */
const struct renter_object *upload_object(const struct upload *u);

/* --- answers; an unknown cookie is ignored --- */

/* Durable at the host, under the root that was named. now_s: Unix. */
void upload_on_stored(struct upload *u, uint64_t cookie, int64_t now_s,
		      int64_t now_ms);
/* why: shown when it ends the upload; may be NULL. */
void upload_on_refused(struct upload *u, uint64_t cookie, enum upload_no no,
		       const struct err *why, int64_t now_ms);
/* Bytes of it went out: neither it nor what waits behind it for the same host
 * stalls. */
void upload_on_moving(struct upload *u, uint64_t cookie, int64_t now_ms);
/* A parked host may be written to again. */
void upload_host_ready(struct upload *u, const struct address *host,
		       int64_t now_ms);
/* Hosts were added to the placing. */
void upload_hosts_changed(struct upload *u, int64_t now_ms);
/* renter_db_commit() succeeded. */
void upload_committed(struct upload *u, int64_t now_ms);
/* INT64_MAX: nothing to wait for but answers. */
int64_t upload_next_ms(const struct upload *u);
void upload_tick(struct upload *u, int64_t now_ms);

#endif
