#include "wire/reach/pcp.h"

#include "tests/check.h"

#include <string.h>

#define V4(a, b, c, d) "\0\0\0\0\0\0\0\0\0\0\xff\xff" a b c d
#define NONCE "0123456789ab"

static void questions_are_written(void)
{
	static const struct {
		const char *name;
		struct pcp_ask ask;
		const char *want;
		size_t len;
	} rows[] = {
		{"the address, of NAT-PMP",
		 {.kind = PCP_PMP_ADDRESS},
		 "\0\0",
		 2},
		{"a mapping of TCP",
		 {.kind = PCP_PMP_MAP,
		  .port = 6881,
		  .want = 6881,
		  .life_s = 7200},
		 "\0\2\0\0\x1a\xe1\x1a\xe1\0\0\x1c\x20",
		 12},
		{"its end",
		 {.kind = PCP_PMP_MAP, .udp = true, .port = 6881, .want = 6881},
		 "\0\1\0\0\x1a\xe1\0\0\0\0\0\0",
		 12},
		{"a mapping, of PCP",
		 {.kind = PCP_MAP,
		  .udp = true,
		  .port = 6881,
		  .want = 6881,
		  .life_s = 7200,
		  .own_ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 2},
		  .nonce = {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
			    'a', 'b'}},
		 "\2\1\0\0\0\0\x1c\x20" V4("\x0a", "\0", "\0", "\2") NONCE
		 "\x11\0\0\0\x1a\xe1\x1a\xe1" V4("\0", "\0", "\0", "\0"),
		 60},
		{"its end, of PCP",
		 {.kind = PCP_MAP, .port = 1, .want = 1},
		 "\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		 "\0\0\0\0\0\0\0\0\0\0\0\0"
		 "\x06\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
		 60},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t out[PCP_SAY_MAX];
		size_t len = pcp_write(out, &rows[i].ask);

		CHECK(len == rows[i].len && memcmp(out, rows[i].want, len) == 0,
		      "%s: %zu bytes", rows[i].name, len);
	}
}

#define BYTES(s) s, sizeof(s) - 1
#define PCP_HEAD(code) \
	"\2\x81\0" code "\0\0\x0e\x10\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0"
#define PCP_BODY \
	NONCE "\x06\0\0\0\x1a\xe1\x1a\xe2" V4("\xcb", "\0", "\x71", "\7")

static void answers_are_read(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		bool good;
		enum pcp_kind kind;
		enum pcp_result result;
		bool udp;
		uint16_t port, mapped;
		uint32_t life_s;
		uint8_t last; /* of the address */
	} rows[] = {
		{"an address", BYTES("\0\x80\0\0\0\0\0\1\xcb\0\x71\7"), true,
		 PCP_PMP_ADDRESS, PCP_OK, false, 0, 0, 0, 7},
		{"no address for now",
		 BYTES("\0\x80\0\3\0\0\0\1\0\0\0\0\0\0\0\0"), true,
		 PCP_PMP_ADDRESS, PCP_TROUBLE, false, 0, 0, 0, 0},
		{"a mapping",
		 BYTES("\0\x82\0\0\0\0\0\1\x1a\xe1\x1a\xe2\0\0\x0e\x10"), true,
		 PCP_PMP_MAP, PCP_OK, false, 6881, 6882, 3600, 0},
		{"one of UDP",
		 BYTES("\0\x81\0\0\0\0\0\1\x1a\xe1\x1a\xe2\0\0\x0e\x10"), true,
		 PCP_PMP_MAP, PCP_OK, true, 6881, 6882, 3600, 0},
		{"its end", BYTES("\0\x81\0\0\0\0\0\1\x1a\xe1\0\0\0\0\0\0"),
		 true, PCP_PMP_MAP, PCP_OK, true, 6881, 0, 0, 0},
		{"to no port", BYTES("\0\x81\0\0\0\0\0\1\x1a\xe1\0\0\0\0\0\1"),
		 false, 0, 0, false, 0, 0, 0, 0},
		{"refused", BYTES("\0\x82\0\2\0\0\0\1\x1a\xe1\0\0\0\0\0\0"),
		 true, PCP_PMP_MAP, PCP_REFUSED, false, 6881, 0, 0, 0},
		{"full", BYTES("\0\x82\0\4\0\0\0\1\x1a\xe1\0\0\0\0\0\0"), true,
		 PCP_PMP_MAP, PCP_TROUBLE, false, 6881, 0, 0, 0},
		{"cut off", BYTES("\0\x82\0\0\0\0\0\1\x1a\xe1\x1a\xe2\0\0\x0e"),
		 false, 0, 0, false, 0, 0, 0, 0},
		{"no answer to PCP", BYTES("\0\x81\0\1\0\0\0\1"), true, PCP_MAP,
		 PCP_OLD, false, 0, 0, 0, 0},
		{"of PCP", BYTES(PCP_HEAD("\0") PCP_BODY), true, PCP_MAP,
		 PCP_OK, false, 6881, 6882, 3600, 7},
		{"of PCP, with an option",
		 BYTES(PCP_HEAD("\0") PCP_BODY "\1\0\0\0"), true, PCP_MAP,
		 PCP_OK, false, 6881, 6882, 3600, 7},
		{"PCP refuses", BYTES(PCP_HEAD("\2") PCP_BODY), true, PCP_MAP,
		 PCP_REFUSED, false, 6881, 6882, 3600, 7},
		{"PCP has no room", BYTES(PCP_HEAD("\x08") PCP_BODY), true,
		 PCP_MAP, PCP_TROUBLE, false, 6881, 6882, 3600, 7},
		{"PCP of another version", BYTES(PCP_HEAD("\1")), true, PCP_MAP,
		 PCP_OLD, false, 0, 0, 3600, 0},
		{"PCP cut off", BYTES(PCP_HEAD("\0") NONCE "\x06\0\0\0"), false,
		 0, 0, false, 0, 0, 0, 0},
		{"a question", BYTES("\0\2\0\0\x1a\xe1\x1a\xe1\0\0\x1c\x20"),
		 false, 0, 0, false, 0, 0, 0, 0},
		{"of version 1", BYTES("\1\x81\0\0\0\0\0\0"), false, 0, 0,
		 false, 0, 0, 0, 0},
		{"nothing", BYTES(""), false, 0, 0, false, 0, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct pcp_answer a;
		bool good = pcp_read(&a, (const uint8_t *)rows[i].bytes,
				     rows[i].len);

		CHECK(good == rows[i].good, "%s: read?", rows[i].name);
		if (!good || !rows[i].good)
			continue;
		CHECK(a.kind == rows[i].kind && a.result == rows[i].result &&
			      a.udp == rows[i].udp && a.port == rows[i].port &&
			      a.mapped == rows[i].mapped &&
			      a.life_s == rows[i].life_s &&
			      a.ip[15] == rows[i].last,
		      "%s: kind %d result %d port %u to %u, %u s", rows[i].name,
		      (int)a.kind, (int)a.result, a.port, a.mapped, a.life_s);
	}
}

#define HEAD \
	"Iface\tDestination\tGateway " \
	"\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU" \
	"\tWindow\tIRTT\n"

static void the_gateway_is_found(void)
{
	static const struct {
		const char *name, *text;
		bool found;
		uint8_t last;
	} rows[] = {
		{"one",
		 HEAD
		 "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
		 true, 1},
		{"behind another route",
		 HEAD
		 "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		 "eth0\t00000000\tFE00A8C0\t0003\t0\t0\t9\t00000000\t0\t0\t0\n",
		 true, 254},
		{"none", HEAD, false, 0},
		{"one that is down",
		 HEAD
		 "eth0\t00000000\t0100A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n",
		 false, 0},
		{"a device without a gateway",
		 HEAD
		 "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n",
		 false, 0},
		{"half of the world",
		 HEAD
		 "tun0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n",
		 false, 0},
		{"nothing", "", false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t ip[16] = {0};

		CHECK(pcp_gateway(ip, rows[i].text) == rows[i].found, "%s",
		      rows[i].name);
		CHECK(!rows[i].found ||
			      (ip[12] == 192 && ip[15] == rows[i].last),
		      "%s: %u", rows[i].name, ip[15]);
	}
}

int main(void)
{
	questions_are_written();
	answers_are_read();
	the_gateway_is_found();
	return CHECK_EXIT();
}
