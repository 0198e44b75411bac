#include "wire/peer/holepunch.h"

#include "tests/check.h"

#include <string.h>

static void messages_are_as_in_the_bep(void)
{
	static const struct {
		const char *name;
		struct holepunch m;
		const char *bytes;
		size_t len;
	} rows[] = {
		{"a rendezvous",
		 {HOLEPUNCH_RENDEZVOUS,
		  {{[10] = 0xff, 0xff, 1, 2, 3, 4}, 6881},
		  HOLEPUNCH_OK},
		 "\0\0\1\2\3\4\x1a\xe1\0\0\0\0",
		 12},
		{"a connect over IPv6",
		 {HOLEPUNCH_CONNECT,
		  {{0x20, 1, 0xd, 0xb8, [15] = 7}, 6881},
		  HOLEPUNCH_OK},
		 "\1\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7\x1a\xe1\0\0\0\0",
		 24},
		{"an error",
		 {HOLEPUNCH_ERROR,
		  {{[10] = 0xff, 0xff, 1, 2, 3, 4}, 6881},
		  HOLEPUNCH_NO_SUPPORT},
		 "\2\0\1\2\3\4\x1a\xe1\0\0\0\3",
		 12},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t buf[HOLEPUNCH_BYTES_MAX];
		struct holepunch back;
		size_t n = holepunch_encode(buf, &rows[i].m);

		CHECK(n == rows[i].len && memcmp(buf, rows[i].bytes, n) == 0,
		      "%s", rows[i].name);
		CHECK(holepunch_decode(&back, buf, n, NULL) == ERR_NONE &&
			      back.type == rows[i].m.type &&
			      back.error == rows[i].m.error &&
			      wire_addr_eq(&back.addr, &rows[i].m.addr),
		      "%s: read", rows[i].name);
	}
}

static void all_else_is_refused(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} rows[] = {
		{"nothing", "", 0},
		{"a type that is none", "\3\0\1\2\3\4\x1a\xe1\0\0\0\0", 12},
		{"a kind of address that is none",
		 "\0\2\1\2\3\4\x1a\xe1\0\0\0\0", 12},
		{"short", "\0\0\1\2\3\4\x1a\xe1\0\0\0", 11},
		{"long", "\0\0\1\2\3\4\x1a\xe1\0\0\0\0\0", 13},
		{"IPv6 of IPv4's length", "\0\1\1\2\3\4\x1a\xe1\0\0\0\0", 12},
	};
	struct holepunch m;

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(holepunch_decode(&m, (const uint8_t *)rows[i].bytes,
				       rows[i].len, NULL) == ERR_PARSE,
		      "%s", rows[i].name);
}

int main(void)
{
	messages_are_as_in_the_bep();
	all_else_is_refused();
	return CHECK_EXIT();
}
