#include "wire/place.h"

#include "base/ip.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static enum place place_of_v4(const uint8_t ip[4])
{
	if (ip[0] == 0 || ip[0] >= 224)
		return PLACE_NOBODY;
	if (ip[0] == 127)
		return PLACE_LOOPBACK;
	if (ip[0] == 169 && ip[1] == 254)
		return PLACE_LINK;
	if (ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	    (ip[0] == 192 && ip[1] == 168) ||
	    (ip[0] == 100 && (ip[1] & 0xc0) == 64))
		return PLACE_PRIVATE;
	return PLACE_GLOBAL;
}

/* Where the IPv4 address begins that this one stands for; 0: it is one of its
 * own. */
static size_t embedded(const uint8_t ip[16])
{
	static const struct {
		uint8_t prefix[12];
		uint8_t len, at;
	} rows[] = {
		{IP_ANY_V4, 12, 12},		    /* mapped */
		{{0}, 12, 12},			    /* compatible */
		{{0, 0x64, 0xff, 0x9b}, 12, 12},    /* NAT64 */
		{{[8] = 0xff, [9] = 0xff}, 12, 12}, /* translated */
		{{0x20, 0x02}, 2, 2},		    /* 6to4 */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (memcmp(ip, rows[i].prefix, rows[i].len) == 0)
			return rows[i].at;
	return 0;
}

enum place place_of(const uint8_t ip[16])
{
	static const uint8_t loopback[16] = {[15] = 1};
	size_t at;

	if (memcmp(ip, loopback, sizeof(loopback)) == 0)
		return PLACE_LOOPBACK;
	at = embedded(ip);
	if (at)
		return place_of_v4(ip + at);
	if (ip[0] == 0xff)
		return PLACE_NOBODY;
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
		return PLACE_LINK;
	/* fc00::/7, and fec0::/10 from before it */
	if ((ip[0] & 0xfe) == 0xfc || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0))
		return PLACE_PRIVATE;
	return PLACE_GLOBAL;
}

enum place place_of_text(const char *text)
{
	char bare[INET6_ADDRSTRLEN];
	uint8_t ip[16] = IP_ANY_V4;

	(void)snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(text, "%"),
		       text);
	if (inet_pton(AF_INET, bare, ip + 12) != 1 &&
	    inet_pton(AF_INET6, bare, ip) != 1)
		return PLACE_NOBODY;
	return place_of(ip);
}
