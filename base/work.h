/* work.h - worker threads for pure functions on buffers: hash, encrypt, code,
 * pread, pwrite, fsync.
 *
 * A job is embedded in the caller's object: run() on a worker, then done() on
 * the loop thread, always both, in that order. Jobs of one `lane` run one after
 * another in the order submitted (a torrent's writes, a piece's hash); jobs of
 * different lanes run in parallel. Thread: work_submit() on the loop thread.
 */
#ifndef BASE_WORK_H
#define BASE_WORK_H

#include "base/loop.h"

#include <stdbool.h>

struct work;

struct work_job {
	void (*run)(struct work_job *job);  /* worker thread; no shared state */
	void (*done)(struct work_job *job); /* loop thread; may free the job */
	struct work_job *next;
	struct work_lane *lane;
	struct loop_post post;
	struct work *work;
};

struct work_lane { /* zero-initialised; owned by the caller; loop thread */
	struct work_job *head;
	struct work_job **tail;
	bool busy;
};

/* `threads` 0 means one per processor, 8 at most. */
struct work *work_new(struct loop *l, unsigned threads, struct err *e);
/* Runs what was submitted to its end (run and done), then joins. */
void work_free(struct work *w);
/* lane may be NULL. */
void work_submit(struct work *w, struct work_lane *lane, struct work_job *job);
unsigned work_threads(const struct work *w);
/* Jobs submitted and not yet done: callers stop feeding above a bound. */
unsigned work_pending(const struct work *w);

#endif
