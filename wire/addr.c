#include "wire/addr.h"

#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

bool wire_addr_is_v4(const struct wire_addr *a)
{
	return memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

bool wire_addr_eq(const struct wire_addr *a, const struct wire_addr *b)
{
	return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool wire_addr_possible(const struct wire_addr *a)
{
	static const uint8_t zero[16];

	if (a->port == 0)
		return false;
	if (wire_addr_is_v4(a))
		return a->ip[12] != 0 && a->ip[12] < 224;
	return memcmp(a->ip, zero, sizeof(zero)) != 0 && a->ip[0] != 0xff;
}

bool wire_addr_is_local(const struct wire_addr *a)
{
	static const uint8_t loopback[16] = {[15] = 1};

	if (wire_addr_is_v4(a))
		return a->ip[12] == 127 ||
		       (a->ip[12] == 169 && a->ip[13] == 254);
	return memcmp(a->ip, loopback, sizeof(loopback)) == 0 ||
	       (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80);
}

bool wire_addr_is_private(const struct wire_addr *a)
{
	const uint8_t *ip = a->ip + 12;

	if (wire_addr_is_local(a))
		return true;
	if (!wire_addr_is_v4(a))
		return (a->ip[0] & 0xfe) == 0xfc;
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168) ||
	       (ip[0] == 100 && (ip[1] & 0xc0) == 64);
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
	memcpy(out->ip, mapped, sizeof(mapped));
	memcpy(out->ip + 16 - ip_len, p, ip_len);
	out->port = (uint16_t)(p[ip_len] << 8 | p[ip_len + 1]);
}

size_t wire_addr_to_compact(uint8_t out[18], const struct wire_addr *a)
{
	size_t ip_len = wire_addr_is_v4(a) ? 4 : 16;

	memcpy(out, a->ip + 16 - ip_len, ip_len);
	out[ip_len] = (uint8_t)(a->port >> 8);
	out[ip_len + 1] = (uint8_t)a->port;
	return ip_len + 2;
}
