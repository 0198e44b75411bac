#include "base/ip.h"

#include "tests/check.h"

#include <arpa/inet.h>
#include <string.h>

static void addresses_come_back_as_they_were(void)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
		{"0.0.0.0", 4},	  {"10.77.0.1", 4},
		{"255.1.2.3", 4}, {"::", 16},
		{"::1", 16},	  {"2001:db8::7", 16},
		{"fe80::ff", 16}, {"::fffe:102:304", 16},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t bytes[16], ip[IP_LEN];
		char text[IP_TEXT_MAX];
		const uint8_t *back;
		size_t len;

		CHECK(inet_pton(rows[i].len == 4 ? AF_INET : AF_INET6,
				rows[i].text, bytes) == 1,
		      "%s", rows[i].text);
		ip_from_bytes(ip, bytes, rows[i].len);
		back = ip_bytes(ip, &len);
		CHECK(len == rows[i].len && memcmp(back, bytes, len) == 0 &&
			      ip_is_v4(ip) == (len == 4),
		      "%s: bytes", rows[i].text);
		CHECK(strcmp(ip_text(text, ip), rows[i].text) == 0, "%s: %s",
		      rows[i].text, text);
		ip_from_bytes(ip, back, len); /* from within itself */
		CHECK(strcmp(ip_text(text, ip), rows[i].text) == 0, "%s again",
		      rows[i].text);
	}
}

int main(void)
{
	static const uint8_t any[IP_LEN] = IP_ANY_V4;

	addresses_come_back_as_they_were();
	CHECK(ip_is_v4(any), "any");
	return CHECK_EXIT();
}
