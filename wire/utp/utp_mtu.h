/* utp_mtu.h - how long a packet may be: path MTU discovery by probing (RFC
 * 4821), as no ICMP reaches a program like this one.
 *
 * It begins with what every path carries. A probe is an ordinary packet that is
 * longer and must not be fragmented; one is on its way at a time. Acked: the
 * path carries that. Lost: it does not, as far as we know, and goes out again,
 * to be fragmented where it must. The first probe is the longest, which most
 * paths carry.
 * Sizes are bytes of a UDP datagram. Pure. Thread: any.
 */
#ifndef WIRE_UTP_MTU_H
#define WIRE_UTP_MTU_H

#include <stdbool.h>
#include <stdint.h>

/* IPv6's 1280 less its header and UDP's; on IPv4 a little is given away. */
#define UTP_PACKET_SAFE 1232U
#define UTP_PACKET_ETHERNET 1472U /* IPv4; IPv6: 20 less */
#define UTP_PACKET_MAX 65000U
#define UTP_MTU_AGAIN_US 600000000 /* RFC 4821: try again after 10 minutes */

struct utp_mtu {
	uint32_t size;	  /* what is used */
	uint32_t ceiling; /* what may still work; size <= ceiling <= top */
	uint32_t top;
	bool probing;
	int64_t done_us; /* when the search ended; 0: it goes on */
};

void utp_mtu_init(struct utp_mtu *m, uint32_t top);
/* The size of the next probe; 0: none now. */
uint32_t utp_mtu_probe(struct utp_mtu *m, int64_t now_us);
/* A probe of this size has left; what becomes of it. */
void utp_mtu_sent(struct utp_mtu *m);
void utp_mtu_acked(struct utp_mtu *m, uint32_t size, int64_t now_us);
void utp_mtu_lost(struct utp_mtu *m, uint32_t size, int64_t now_us);
/* Nothing gets through any more: begin anew with what every path carries. */
void utp_mtu_black_hole(struct utp_mtu *m, int64_t now_us);

#endif
