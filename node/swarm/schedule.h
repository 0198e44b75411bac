/* schedule.h - transfer limits, and what a week's schedule makes of them.
 *
 * A rule is `DAYS HH:MM-HH:MM NAME=RATE ...`:
 *
 *   mon-fri 08:00-18:00 up=1M down=2M
 *   sat,sun 22:00-06:00 up-free=none
 *   daily 00:00-24:00 down=500K
 *
 * DAYS are mon to sun, single ones, ranges and lists of both, or `daily`; a
 * span that ends before it begins goes over midnight and belongs to the day on
 * which it begins; NAMEs are `up`, `down`, `up-free`, `up-paid`, `up-rent`;
 * RATE is bytes a second, `none` for no limit. Of several rules that fit, the
 * first that names a limit has it; what none names stays as it is without.
 * Times are those of the clock on the wall: an hour that a change of the clocks
 * leaves out is left out here, one that it repeats counts twice.
 *
 * Pure: the weekday and minute are arguments. Thread: any.
 */
#ifndef NODE_SCHEDULE_H
#define NODE_SCHEDULE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum limit {
	LIMIT_UP,
	LIMIT_DOWN,
	LIMIT_UP_FREE,
	LIMIT_UP_PAID,
	LIMIT_UP_RENT
};
#define LIMITS 5

struct limits {
	uint64_t of[LIMITS]; /* bytes a second; 0: none */
};

struct schedule_rule {
	uint8_t days;	   /* bit 0: Sunday, as tm_wday counts */
	uint16_t from, to; /* minutes of the day, `to` up to 1440 */
	uint8_t names;	   /* bits of enum limit: those it sets */
	uint64_t of[LIMITS];
};

/* ERR_PARSE says what is wanted. */
enum err_code schedule_parse(struct schedule_rule *out, const char *text,
			     struct err *e);
/* Changes what one rule says of this minute of the week (wday 0: Sunday,
 * minute 0 to 1439). `done`, 0 at first, keeps which limits have been set. */
void schedule_apply(struct limits *limits, uint8_t *done,
		    const struct schedule_rule *rule, unsigned wday,
		    unsigned minute);
/* The same at a time, by this machine's time zone. */
void schedule_apply_at(struct limits *limits, uint8_t *done,
		       const struct schedule_rule *rule, time_t at);

#endif
