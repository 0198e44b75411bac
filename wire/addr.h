/* addr.h - where another node is: IPv6, or IPv4 as ::ffff:a.b.c.d. For an
 * incoming connection the port is the one it connected from. Thread: any.
 */
#ifndef WIRE_ADDR_H
#define WIRE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_addr {
	uint8_t ip[16];
	uint16_t port;
};

bool wire_addr_is_v4(const struct wire_addr *a);
bool wire_addr_eq(const struct wire_addr *a, const struct wire_addr *b);
/* Can somebody be there? Not with port 0, nor on an unspecified, multicast or
 * broadcast address. */
bool wire_addr_possible(const struct wire_addr *a);
/* Loopback and link-local: where services answer that no stranger reaches. */
bool wire_addr_is_local(const struct wire_addr *a);
/* Nobody in particular's: private networks (RFC 1918, RFC 6598, fc00::/7) and
 * what is local; another node's word for one means its own network. */
bool wire_addr_is_private(const struct wire_addr *a);
/* The network whose owner is likely the same: an IPv4 /24, an IPv6 /48. */
bool wire_addr_same_net(const struct wire_addr *a, const struct wire_addr *b);

/* "Compact" lists (BEP 7, 11, 15, 23): ip_len (4 or 16) and two bytes each,
 * big-endian. Reads one; the caller has checked that it is there. */
void wire_addr_from_compact(struct wire_addr *out, const uint8_t *p,
			    size_t ip_len);
/* Writes one of 6 or 18 bytes; returns which. */
size_t wire_addr_to_compact(uint8_t out[18], const struct wire_addr *a);

#endif
