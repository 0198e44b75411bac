/* loop.h - the one event loop, its timers, and the door that workers come back
 * through.
 *
 * A thin skin over libevent, so that modules name three things only: a timer, a
 * descriptor watched for reading or writing, and a function posted from another
 * thread. One loop thread owns all state; everything but loop_post() is called
 * on it.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_watch;

#define LOOP_READ 1U
#define LOOP_WRITE 2U

typedef void loop_fn(void *ctx);
typedef void loop_fd_fn(void *ctx, unsigned what);

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Monotonic ms, read once per turn of the loop. */
int64_t loop_now_ms(struct loop *l);

/* Called once at the end of each turn in which loop_want_turn_end() was asked:
 * where grouped commits happen. One hook a loop. */
void loop_on_turn_end(struct loop *l, loop_fn *fn, void *ctx);
void loop_want_turn_end(struct loop *l);

/* A one-shot timer, not armed. Set again to re-arm; cb runs on the loop. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *ctx);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void loop_timer_cancel(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* Watches fd, level triggered; `what` 0 pauses. Does not own fd. */
struct loop_watch *loop_watch_new(struct loop *l, int fd, loop_fd_fn *fn,
				  void *ctx);
void loop_watch_set(struct loop_watch *w, unsigned what);
void loop_watch_free(struct loop_watch *w);

/* Runs fn on the loop for SIGINT, SIGTERM or another signal. */
enum err_code loop_on_signal(struct loop *l, int signo, loop_fn *fn, void *ctx,
			     struct err *e);

/* Any thread. fn runs once on the loop thread, in the order posted. The node is
 * embedded in the caller's object, so posting cannot fail. */
struct loop_post {
	struct loop_post *next;
	loop_fn *fn;
	void *ctx;
};
void loop_post(struct loop *l, struct loop_post *post);

#endif
