#include "wire/place.h"

#include "tests/check.h"

static const struct {
	const char *ip;
	enum place want;
} rows[] = {
	{"127.0.0.1", PLACE_LOOPBACK},
	{"127.255.255.254", PLACE_LOOPBACK},
	{"::1", PLACE_LOOPBACK},
	{"::ffff:127.0.0.1", PLACE_LOOPBACK},
	{"::127.0.0.1", PLACE_LOOPBACK},
	{"64:ff9b::127.0.0.1", PLACE_LOOPBACK},
	{"::ffff:0:127.0.0.1", PLACE_LOOPBACK},
	{"2002:7f00:1::", PLACE_LOOPBACK},
	{"169.254.169.254", PLACE_LINK},
	{"::ffff:169.254.169.254", PLACE_LINK},
	{"169.253.1.1", PLACE_GLOBAL},
	{"fe80::1", PLACE_LINK},
	{"fe80::1%eth0", PLACE_LINK},
	{"febf::1", PLACE_LINK},
	{"10.0.0.1", PLACE_PRIVATE},
	{"172.16.0.1", PLACE_PRIVATE},
	{"172.31.255.255", PLACE_PRIVATE},
	{"172.32.0.1", PLACE_GLOBAL},
	{"192.168.1.1", PLACE_PRIVATE},
	{"192.169.1.1", PLACE_GLOBAL},
	{"100.64.0.1", PLACE_PRIVATE},
	{"100.128.0.1", PLACE_GLOBAL},
	{"2002:c0a8:101::1", PLACE_PRIVATE},
	{"fc00::1", PLACE_PRIVATE},
	{"fd12::1", PLACE_PRIVATE},
	{"fec0::1", PLACE_PRIVATE},
	{"203.0.113.7", PLACE_GLOBAL},
	{"2001:db8::1", PLACE_GLOBAL},
	{"0.0.0.0", PLACE_NOBODY},
	{"0.1.2.3", PLACE_NOBODY},
	{"::", PLACE_NOBODY},
	{"224.0.0.1", PLACE_NOBODY},
	{"255.255.255.255", PLACE_NOBODY},
	{"ff02::1", PLACE_NOBODY},
	{"", PLACE_NOBODY},
	{"localhost", PLACE_NOBODY},
	{"1.2.3.4.5", PLACE_NOBODY},
};

int main(void)
{
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(place_of_text(rows[i].ip) == rows[i].want, "%s: %d",
		      rows[i].ip, (int)place_of_text(rows[i].ip));
	return CHECK_EXIT();
}
