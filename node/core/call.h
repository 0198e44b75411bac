/* call.h - one request to a node: what came in, who listens, how it ends.
 *
 * Every command of the CLI is a call. With a daemon running the call travels
 * over its socket (api.h); without one the CLI makes a node of its own and
 * calls the same function. A call gives any number of events (progress) and
 * then exactly one result or one error; afterwards it is gone.
 *
 * Thread: the loop.
 */
#ifndef NODE_CALL_H
#define NODE_CALL_H

#include "base/err.h"

#include <jansson.h>

struct call;

struct call_sink {
	/* `event` is borrowed. */
	void (*event)(void *ctx, const json_t *event);
	/* Exactly once; result is borrowed, NULL when e is set. */
	void (*done)(void *ctx, const json_t *result, const struct err *e);
	void *ctx;
};

/* NULL when out of memory. Freed by call_result() or call_error(). */
struct call *call_new(struct call_sink sink);
void call_event(struct call *c, json_t *take_event);
void call_result(struct call *c, json_t *take_result);
void call_error(struct call *c, const struct err *e);

/* What to do when the listener goes away first (Ctrl-C, closed socket). The
 * hook must end the call with call_error() or call_result(). */
void call_on_cancel(struct call *c, void (*fn)(void *ctx), void *ctx);
/* Runs the hook; without one the call goes on and its answer is dropped. */
void call_cancel(struct call *c);
/* The listener went away: nothing more is told to it. */
void call_detach(struct call *c);

const char *call_error_name(enum err_code code);

#endif
