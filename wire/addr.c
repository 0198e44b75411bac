#include "wire/addr.h"

#include "base/ip.h"

#include "wire/place.h"

#include <string.h>

bool wire_addr_is_v4(const struct wire_addr *a)
{
	return ip_is_v4(a->ip);
}

bool wire_addr_eq(const struct wire_addr *a, const struct wire_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool wire_addr_possible(const struct wire_addr *a)
{
	return a->port != 0 && place_of(a->ip) != PLACE_NOBODY;
}

bool wire_addr_is_local(const struct wire_addr *a)
{
	enum place place = place_of(a->ip);

	return place == PLACE_LOOPBACK || place == PLACE_LINK;
}

bool wire_addr_is_private(const struct wire_addr *a)
{
	return wire_addr_is_local(a) || place_of(a->ip) == PLACE_PRIVATE;
}

bool wire_addr_same_net(const struct wire_addr *a, const struct wire_addr *b)
{
	if (wire_addr_is_v4(a) != wire_addr_is_v4(b))
		return false;
	return memcmp(a->ip, b->ip, wire_addr_is_v4(a) ? 15 : 6) == 0;
}

void wire_addr_from_compact(struct wire_addr *out, const uint8_t *p,
			    size_t ip_len)
{
	ip_from_bytes(out->ip, p, ip_len);
	out->port = (uint16_t)(p[ip_len] << 8 | p[ip_len + 1]);
}

size_t wire_addr_to_compact(uint8_t out[18], const struct wire_addr *a)
{
	size_t ip_len;
	const uint8_t *ip = ip_bytes(a->ip, &ip_len);

	memcpy(out, ip, ip_len);
	out[ip_len] = (uint8_t)(a->port >> 8);
	out[ip_len + 1] = (uint8_t)a->port;
	return ip_len + 2;
}
