/* ip.h - an address as 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d (RFC 4291).
 * What stands there is plain bytes, so that all parts of a node can compare and
 * keep them. Thread: any.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP_LEN 16U
#define IP_TEXT_MAX 46U /* INET6_ADDRSTRLEN */
/* 0.0.0.0, for uint8_t [IP_LEN]. */
#define IP_ANY_V4 \
	{ \
		[10] = 0xff, [11] = 0xff \
	}

bool ip_is_v4(const uint8_t ip[IP_LEN]);
/* From an address as it is elsewhere: len 4 or 16. */
void ip_from_bytes(uint8_t ip[IP_LEN], const uint8_t *bytes, size_t len);
/* And back: its four or sixteen bytes, within ip. */
const uint8_t *ip_bytes(const uint8_t ip[IP_LEN], size_t *len);
/* As people write it; returns out. */
const char *ip_text(char out[IP_TEXT_MAX], const uint8_t ip[IP_LEN]);

#endif
