/* download.h - sectors at hosts become bytes again: whole objects and ranges.
 *
 * Of every segment any k rows suffice: those of the fastest hosts are asked,
 * and when one lags, one more. A few frames of a segment are had from the data
 * rows that hold them, 64 KiB each, and only when such a row fails from slices
 * of k others. Bytes come out in the order of the stream, by ops->write() on a
 * worker. Whoever resumes a file starts again at the byte that it has.
 *
 * When fewer than k rows of any segment can still be had, it ends at once and
 * says how many shards of which segment are missing, download_loss().
 *
 * With ops->solved() instead of ops->write() it hands over segments of
 * ciphertext, so that rows can be made again with a repair key alone.
 *
 * Memory: k MiB of ciphertext and 2 k + 4 MiB of rows on their way, k + 20 at
 * most. Owns no socket, clock or timer, as upload.h. Thread: the loop, but for
 * write() and solved(). No function here may be called from inside an op.
 */
#ifndef STORAGE_RENT_DOWNLOAD_H
#define STORAGE_RENT_DOWNLOAD_H

#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/work.h"
#include "storage/object/keys.h"
#include "storage/object/placement.h"
#include "storage/object/segment.h"
#include "storage/rent/rent_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct download;

#define DOWNLOAD_PER_HOST 4U	 /* reads on their way to one host */
#define DOWNLOAD_STALL_MS 30000	 /* a read without an answer */
#define DOWNLOAD_LAG_MS 400	 /* a read lags after so long, */
#define DOWNLOAD_LAG_TIMES 3	 /* and so many times the mean */
#define DOWNLOAD_TRIES 3U	 /* a host may be gone */
#define DOWNLOAD_BACKOFF_MS 1000 /* doubled each time */

enum download_no {
	DOWNLOAD_GONE, /* no connection, or it broke: tried again, then not */
	DOWNLOAD_BUSY, /* later */
	DOWNLOAD_LOST, /* it does not have this sector */
	DOWNLOAD_LIED, /* what came does not have this root: nothing more is
			  asked of it */
	DOWNLOAD_DROP, /* it refuses us */
	DOWNLOAD_STOP, /* ours to mend: the download ends with it */
};
enum download_no download_no_of(enum rent_no no);

enum download_deed {		       /* of a host, as in upload.h */
		     DOWNLOAD_GOOD,    /* ms: for this read */
		     DOWNLOAD_FAILED,  /* gone, once a time */
		     DOWNLOAD_MISSING, /* a sector is lost there */
		     DOWNLOAD_FALSE,   /* it lied */
		     DOWNLOAD_GIVEN_UP,
};

struct download_loss {
	uint32_t segment;  /* the first that cannot be had */
	unsigned have;	   /* shards that can */
	unsigned need;	   /* k */
	uint32_t segments; /* of the range that cannot be had */
};

struct download_ops {
	/* len bytes from off on of that sector go to buf, which is lent until
	 * the answer or cancel. Answered once, later, never from inside, by
	 * download_on_read() when all are there and proved to belong to the
	 * root, or by download_on_failed(). off and len: multiples of 64 KiB.
	 */
	void (*read)(void *ctx, const struct address *host,
		     const struct hash32 *root, uint32_t off, uint32_t len,
		     uint8_t *buf, uint64_t cookie);
	/* No answer is wanted any more; buf is free when this returns. */
	void (*cancel)(void *ctx, const struct address *host, uint64_t cookie);
	/* On a worker, one at a time: the next bytes, from byte off of the
	 * stream on. NULL when solved is there. */
	enum err_code (*write)(void *ctx, uint64_t off, const uint8_t *p,
			       size_t len, struct err *e);
	/* On a worker, one at a time: a whole segment, in order; s is lent for
	 * the call. */
	enum err_code (*solved)(void *ctx, struct segment *s, uint32_t segment,
				struct err *e);
	/* May be NULL: how long an answer of this host takes, if known (*ms is
	 * 0 before). False: it is not to be asked. */
	bool (*host)(void *ctx, const struct address *host, uint32_t *ms);
	/* May be NULL. done: bytes that were written. */
	void (*progress)(void *ctx, uint64_t done);
	void (*host_did)(void *ctx, const struct address *host,
			 enum download_deed deed, uint32_t ms);
	/* Once, after the last write; perhaps from inside download_start(). */
	void (*ended)(void *ctx, const struct err *why);
	/* The last call of all: write() is not running. */
	void (*freed)(void *ctx);
};

struct download_cfg {
	const struct placement *placement; /* borrowed, as are the next two */
	struct work *work;
	struct log *log;
	const struct download_ops *ops;
	void *ctx;
	struct object_keys keys; /* OBJECT_FULL to write, OBJECT_REPAIR to
				  * have segments solved; copied */
	uint64_t off, len; /* of the stream: segments x segment_plain_len(k)
			    * bytes, what it was padded with included */
};

/* ERR_LIMIT: not a range of the stream. ERR_STATE: the keys do not suffice.
 * ERR_NOMEM. What cannot be had is said by ended(). */
enum err_code download_start(struct download **out,
			     const struct download_cfg *cfg, int64_t now_ms,
			     struct err *e) __attribute__((warn_unused_result));
/* Cancels; no op but cancel and freed is called any more. NULL is a no-op. */
void download_free(struct download *d);

/* False: nothing is missing (as far as is known). */
bool download_loss(const struct download *d, struct download_loss *out);

/* Answers; an unknown cookie is ignored. */
void download_on_read(struct download *d, uint64_t cookie, int64_t now_ms);
/* why: shown when it ends the download; may be NULL. */
void download_on_failed(struct download *d, uint64_t cookie,
			enum download_no no, const struct err *why,
			int64_t now_ms);
int64_t download_next_ms(const struct download *d);
void download_tick(struct download *d, int64_t now_ms);

#endif
