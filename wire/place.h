/* place.h - how far away an address is: of this machine, of this link, of a
 * private network, or of the internet.
 *
 * Whoever writes a torrent chooses the URLs in it, and with them what our
 * requests reach from where we are. The rules of those who make such requests
 * (announce.h, web_seed.h) are about these places.
 *
 * Addresses that hold an IPv4 address (mapped, compatible, NAT64, 6to4) are
 * where that is. Pure; thread: any.
 */
#ifndef WIRE_PLACE_H
#define WIRE_PLACE_H

#include <stdint.h>

enum place {
	PLACE_NOBODY,	/* unspecified, multicast, broadcast, no address */
	PLACE_LOOPBACK, /* this machine */
	PLACE_LINK,	/* 169.254.0.0/16, fe80::/10 */
	PLACE_PRIVATE,	/* RFC 1918, 6598, 4193 */
	PLACE_GLOBAL,
};

/* IPv4 as ::ffff:a.b.c.d. */
enum place place_of(const uint8_t ip[16]);
/* An address as text; what stands behind a '%' (a scope) does not count. What
 * is no address is NOBODY. */
enum place place_of_text(const char *ip);

#endif
