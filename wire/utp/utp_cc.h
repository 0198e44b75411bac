/* utp_cc.h - how much may be on its way: LEDBAT (RFC 6817) and the retransmit
 * timeout (RFC 6298).
 *
 * The window grows while less than UTP_TARGET_US are queued on the path and
 * shrinks while more are, so that a flow that fills the queue finds the path
 * free. It begins with slow start, which ends at three quarters of the target
 * or with a loss. A loss halves the window, at most once a round trip; a
 * timeout leaves one packet.
 * Pure; times are microseconds. Thread: any.
 */
#ifndef WIRE_UTP_CC_H
#define WIRE_UTP_CC_H

#include <stdbool.h>
#include <stdint.h>

#define UTP_TARGET_US 100000U
/* The most that the window gains in a round trip, BEP 29's two packets. */
#define UTP_GAIN_BYTES 3000U
#define UTP_CWND_MIN_PACKETS 2U
#define UTP_CWND_FIRST_PACKETS 10U /* RFC 6928 */

struct utp_cc {
	uint32_t mss;  /* payload of a packet */
	uint32_t cwnd; /* bytes; mss <= cwnd <= max */
	uint32_t max;
	uint32_t ssthresh; /* slow start ends there */
	bool slow_start;
	int64_t credit; /* what the window is owed: bytes * bytes, below cwnd */
};

void utp_cc_init(struct utp_cc *c, uint32_t mss, uint32_t max);
void utp_cc_set_mss(struct utp_cc *c, uint32_t mss);
/* `acked` new bytes; `used`: more would have been sent, had the window let it
 * (one that is not used says nothing about the path and does not grow);
 * `queued_us` as utp_delay_queued() says. */
void utp_cc_acked(struct utp_cc *c, uint32_t acked, bool used,
		  uint32_t queued_us);
/* The caller sees to it that this is once a round trip at most. */
void utp_cc_lost(struct utp_cc *c);
void utp_cc_timeout(struct utp_cc *c);

#define UTP_RTO_FIRST_US 1000000
#define UTP_RTO_MIN_US 500000
#define UTP_RTO_MAX_US 30000000

struct utp_rtt {
	int64_t srtt_us; /* 0: nothing measured yet */
	int64_t var_us;
	int64_t min_us;
	unsigned backoff; /* timeouts in a row */
};

void utp_rtt_add(struct utp_rtt *r, int64_t sample_us);
/* The timeout with its back-off. */
int64_t utp_rtt_rto_us(const struct utp_rtt *r);

#endif
