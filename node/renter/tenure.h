/* tenure.h - a daemon sees to the terms of what is stored, by itself:
 * agreements that are over are closed, the present period of those that are
 * never opened is paid (`store-pay`), where all lies is told again now and
 * then, an end that comes near is told in the log, and with `store-renew = yes`
 * what ends is renewed for as long again, as long as that costs no more than
 * `store-renew-budget` at a time.
 *
 * Asleep until it is told to begin, and while nothing was ever stored. It looks
 * once an hour, four times a period where that is less. While something else
 * changes what is stored it waits. Thread: the loop. Owned by the engine.
 */
#ifndef NODE_TENURE_H
#define NODE_TENURE_H

#include "base/err.h"

#include <stdbool.h>

struct engine;
struct tenure;

/* Cheap: opens nothing. ERR_NOMEM. */
enum err_code tenure_new(struct tenure **out, struct engine *en, struct err *e)
	__attribute__((warn_unused_result));
/* Before renter_free(). NULL is a no-op. */
void tenure_free(struct tenure *t);
/* What was found at the last look; all 0: nothing, or none was had yet. */
struct tenure_view {
	unsigned ending; /* agreements whose end is near */
	unsigned unpaid; /* whose present period is not paid */
};
struct tenure_view tenure_view(const struct tenure *t);
/* The daemon is up. */
void tenure_begin(struct tenure *t);
/* It closes what is over: nobody else needs to. */
bool tenure_closes(const struct tenure *t);

#endif
