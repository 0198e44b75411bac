#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#define V4_AT 12U /* what is before it is the same for all of IPv4 */

static const uint8_t any_v4[IP_LEN] = IP_ANY_V4;

_Static_assert(IP_TEXT_MAX >= INET6_ADDRSTRLEN, "text of an address");

bool ip_is_v4(const uint8_t ip[IP_LEN])
{
	return memcmp(ip, any_v4, V4_AT) == 0;
}

void ip_from_bytes(uint8_t ip[IP_LEN], const uint8_t *bytes, size_t len)
{
	uint8_t out[IP_LEN] = IP_ANY_V4; /* bytes may lie in ip */

	memcpy(out + IP_LEN - len, bytes, len);
	memcpy(ip, out, IP_LEN);
}

const uint8_t *ip_bytes(const uint8_t ip[IP_LEN], size_t *len)
{
	*len = ip_is_v4(ip) ? IP_LEN - V4_AT : IP_LEN;
	return ip + IP_LEN - *len;
}

const char *ip_text(char out[IP_TEXT_MAX], const uint8_t ip[IP_LEN])
{
	size_t len;
	const uint8_t *bytes = ip_bytes(ip, &len);

	return inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, out,
			 IP_TEXT_MAX);
}
