/* net_addr.c - addresses as values, see net.h. */
#include "node/net/net.h"

#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

bool net_addr_from_bytes(struct net_addr *out, const uint8_t *ip, size_t ip_len,
			 uint16_t port)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&out->sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->sa;

	memset(out, 0, sizeof(*out));
	if (ip_len == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip, 4);
		out->len = sizeof(*v4);
		return true;
	}
	if (ip_len != 16)
		return false;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, ip, 16);
	out->len = sizeof(*v6);
	return true;
}

bool net_addr_from_ip(struct net_addr *out, const char *ip, uint16_t port)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, ip, bytes) == 1)
		return net_addr_from_bytes(out, bytes, 4, port);
	if (inet_pton(AF_INET6, ip, bytes) == 1)
		return net_addr_from_bytes(out, bytes, 16, port);
	return false;
}

void net_addr_to_ip16(const struct net_addr *a, uint8_t out[16])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->sa;

	if (a->sa.ss_family != AF_INET) {
		memcpy(out, &v6->sin6_addr, 16);
		return;
	}
	ip_from_bytes(out, (const uint8_t *)&v4->sin_addr, 4);
}

void net_addr_from_ip16(struct net_addr *out, const uint8_t ip[16],
			uint16_t port)
{
	size_t len;
	const uint8_t *bytes = ip_bytes(ip, &len);

	(void)net_addr_from_bytes(out, bytes, len, port);
}

size_t net_addr_ip(const struct net_addr *a, uint8_t out[16])
{
	uint8_t ip[16];
	const uint8_t *bytes;
	size_t len;

	net_addr_to_ip16(a, ip);
	bytes = ip_bytes(ip, &len);
	memcpy(out, bytes, len);
	return len;
}

uint16_t net_addr_port(const struct net_addr *a)
{
	if (a->sa.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a->sa)->sin_port);
	return ntohs(((const struct sockaddr_in6 *)&a->sa)->sin6_port);
}

bool net_addr_eq(const struct net_addr *a, const struct net_addr *b)
{
	uint8_t x[16], y[16];
	size_t n = net_addr_ip(a, x);

	return n == net_addr_ip(b, y) && memcmp(x, y, n) == 0 &&
	       net_addr_port(a) == net_addr_port(b);
}

bool net_addr_is_loopback(const struct net_addr *a)
{
	static const uint8_t one[16] = {[15] = 1};
	uint8_t ip[16];

	return net_addr_ip(a, ip) == 4 ? ip[0] == 127
				       : memcmp(ip, one, sizeof(one)) == 0;
}

/* On this machine or in a network of its own, where nobody is in the way of
 * others and losses are rare: 10/8, 172.16/12, 192.168/16, 169.254/16;
 * fc00::/7, fe80::/10. */
bool net_addr_is_near(const struct net_addr *a)
{
	uint8_t ip[16];

	if (net_addr_is_loopback(a))
		return true;
	if (net_addr_ip(a, ip) == 16)
		return (ip[0] & 0xfe) == 0xfc ||
		       (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254);
}

bool net_addr_is_global_ip6(const struct net_addr *a)
{
	uint8_t ip[16];

	return net_addr_ip(a, ip) == 16 && (ip[0] & 0xe0) == 0x20;
}

void net_addr_text(const struct net_addr *a, char *out, size_t cap)
{
	char text[INET6_ADDRSTRLEN] = "?";
	uint8_t ip[16];
	bool v6 = net_addr_ip(a, ip) == 16;

	(void)inet_ntop(v6 ? AF_INET6 : AF_INET, ip, text, sizeof(text));
	(void)snprintf(out, cap, v6 ? "[%s]:%u" : "%s:%u", text,
		       net_addr_port(a));
}
