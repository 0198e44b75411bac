/* utp_delay.h - how long the path's queue is, from one-way delays (RFC 6817).
 *
 * The delays are differences of two clocks that nobody has set, modulo 2^32
 * microseconds; only their changes mean something. The lowest of the last
 * minutes stands for the empty path, the lowest of the last few for now.
 * Clocks drift: minutes that have passed are forgotten, and who knows that the
 * other clock runs ahead moves the base (utp_delay_shift).
 * Pure. Thread: any.
 */
#ifndef WIRE_UTP_DELAY_H
#define WIRE_UTP_DELAY_H

#include <stdint.h>

#define UTP_BASE_MINUTES 10U /* BASE_HISTORY of RFC 6817 */
#define UTP_DELAY_RECENT 4U  /* CURRENT_FILTER */
#define UTP_MINUTE_US 60000000

struct utp_delay {
	uint32_t base[UTP_BASE_MINUTES]; /* the lowest of each minute */
	unsigned minutes;		 /* of them are set; 0: no sample yet */
	unsigned minute;		 /* the present one */
	int64_t minute_us;		 /* when it began */
	uint32_t lowest;		 /* of base[] */
	uint32_t recent[UTP_DELAY_RECENT];
	unsigned at;
};

void utp_delay_init(struct utp_delay *d);
void utp_delay_add(struct utp_delay *d, uint32_t sample_us, int64_t now_us);
/* What is queued now, in microseconds; 0 before the first sample. */
uint32_t utp_delay_queued(const struct utp_delay *d);
/* The empty path's delay; meaningless before the first sample. */
uint32_t utp_delay_base(const struct utp_delay *d);
/* All that was measured was so much too low. */
void utp_delay_shift(struct utp_delay *d, uint32_t by_us);

#endif
