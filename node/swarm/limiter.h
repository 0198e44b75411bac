/* limiter.h - which transfer limits are in force: those of the settings, and
 * what their `schedule` says at this time of the week (schedule.h), but for
 * those that the command line gave. Looked at whenever a minute begins.
 * Ownership: the engine's. Thread: the loop.
 */
#ifndef NODE_LIMITER_H
#define NODE_LIMITER_H

#include "base/err.h"

struct engine;
struct limiter;

/* Sets what holds now. ERR_PARSE: a rule that means nothing; ERR_LIMIT: more
 * than LIMITER_RULES of them. */
enum err_code limiter_new(struct limiter **out, struct engine *en,
			  struct err *e);
void limiter_free(struct limiter *l); /* NULL is a no-op */
#define LIMITER_RULES 64

#endif
