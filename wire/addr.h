/* addr.h - where another node is: IPv6, or IPv4 as ::ffff:a.b.c.d. For an
 * incoming connection the port is the one it connected from.
 */
#ifndef WIRE_ADDR_H
#define WIRE_ADDR_H

#include <stdint.h>

struct wire_addr {
	uint8_t ip[16];
	uint16_t port;
};

#endif
