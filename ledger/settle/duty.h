/* duty.h - when a host owes the chain a proof, how pressing that is, and what
 * it brings.
 *
 * Spans, challenges and misses are base/agreement.h's, as the bank computes
 * them; here is what a host makes of them ahead of time. Pure. Thread: any.
 */
#ifndef LEDGER_DUTY_H
#define LEDGER_DUTY_H

#include "base/agreement.h"

#include <stdbool.h>
#include <stdint.h>

#define DUTY_ANCHOR_MAX 256 /* blocks into a period that it can be anchored */
#define DUTY_ANCHOR_BY 20   /* blocks within which a host anchors it */

struct duty {		/* the proof of one span */
	uint32_t first; /* first period that it pays */
	uint32_t due;	/* the only period in which the bank takes it */
};

/* The next proof that can still be given in period `now` or later, everything
 * below a->through being settled; false: none is left. */
bool duty_next(struct duty *out, const struct agreement *a, uint32_t now);
/* What it brings. False: past 112 bits. */
bool duty_pay(struct amount *out, const struct duty *d,
	      const struct agreement *a);

/* Where a block lies in its period. `period_blocks` is 1 or more. */
struct duty_time {
	uint32_t period;
	uint32_t into; /* blocks since the period's first; 0 .. PERIOD - 1 */
	uint32_t left; /* blocks of it that are still to come; 0: the last */
};
struct duty_time duty_time_at(uint64_t block, uint32_t period_blocks);

/* From which block of the period on this host anchors it, if nobody has: each
 * waits for another while, so that most find it done. 1 or more, below
 * DUTY_ANCHOR_BY. */
uint32_t duty_anchor_from(const struct address *host, uint32_t period,
			  uint32_t period_blocks);

/* How pressing a proof is that is due in the running period and not given. */
enum duty_alarm {
	DUTY_CALM,  /* its first half */
	DUTY_LATE,  /* past half: something keeps it back, warn */
	DUTY_GRAVE, /* the last eighth: the span is about to be lost */
};
enum duty_alarm duty_alarm_at(const struct duty_time *now);

#endif
