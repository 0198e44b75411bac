/* clock.h - time as an argument, never as a call.
 *
 * Protocol modules get `now_ms` (monotonic milliseconds) with each input and
 * never ask for the time themselves, so tests run days in milliseconds. Only
 * node/ and the signer read the real clocks below.
 * Thread: any.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Monotonic, starts anywhere, never jumps; for timeouts and rates. */
int64_t clock_now_ms(void);
/* The same clock in microseconds; for delays on the wire. */
int64_t clock_now_us(void);
/* Seconds since 1970, UTC; for what others or the chain read. */
int64_t clock_unix_s(void);

#endif
