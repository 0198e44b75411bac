/* recorder.h - makes verified pieces durable: flushes their files, looks at
 * them, and then writes the record, all on a thread of its own.
 *
 * A flush may take seconds, and neither the loop nor the workers that write and
 * read may wait for it. The thread has a database connection of its own;
 * records are made one after another. The order is the promise: a bit reaches
 * the database only after the bytes reached the disk.
 *
 * Thread: the loop's.
 */
#ifndef STORAGE_RECORDER_H
#define STORAGE_RECORDER_H

#include "base/err.h"
#include "base/ids.h"
#include "base/work.h"
#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct recorder;

/* path: resume_db's file; opened by the first record. ERR_NOMEM, ERR_IO: no
 * thread. */
__attribute__((warn_unused_result)) enum err_code
recorder_new(struct recorder **out, struct loop *loop, const char *path,
	     struct err *e);
/* No record may be under way. NULL is a no-op. */
void recorder_free(struct recorder *r);

struct record {
	struct files *files; /* outlive the record */
	const struct layout *layout;
	struct info_hash info_hash;
	const char *root;
	uint8_t *have;	/* bitfield of pieces; NULL: totals only */
	uint8_t *dirty; /* bitfield of files to flush and stamp; not NULL
			 */
	bool open;	/* see resume_state */
	uint64_t uploaded, downloaded; /* to add */
};

/* *outcome ERR_NONE: all is stored. Else nothing is; `file` is the one that
 * could not be flushed, or UINT32_MAX. rec is what was given. */
typedef void record_done_fn(void *ctx, struct record *rec,
			    const struct err *outcome, uint32_t file);

/* Takes rec's bitfields (malloc'ed) and frees them after done(). ERR_NOMEM:
 * nothing was taken. */
__attribute__((warn_unused_result)) enum err_code
recorder_take(struct recorder *r, const struct record *rec,
	      record_done_fn *done, void *ctx, struct err *e);

#endif
