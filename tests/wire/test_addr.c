#include "wire/addr.h"

#include "tests/check.h"

#include <arpa/inet.h>
#include <string.h>

static struct wire_addr addr_of(const char *text)
{
	struct wire_addr a = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 6881};

	if (inet_pton(AF_INET, text, a.ip + 12) != 1)
		CHECK(inet_pton(AF_INET6, text, a.ip) == 1, "%s", text);
	return a;
}

static void what_an_address_is(void)
{
	static const struct {
		const char *text;
		bool possible, local, private;
	} rows[] = {
		{"203.0.113.7", true, false, false},
		{"0.1.2.3", false, false, false},
		{"224.0.0.1", false, false, false},
		{"255.255.255.255", false, false, false},
		{"127.1.2.3", true, true, true},
		{"169.254.0.1", true, true, true},
		{"10.0.0.1", true, false, true},
		{"172.16.0.1", true, false, true},
		{"172.32.0.1", true, false, false},
		{"192.168.0.1", true, false, true},
		{"192.169.0.1", true, false, false},
		{"100.64.0.1", true, false, true},
		{"100.128.0.1", true, false, false},
		{"::", false, false, false},
		{"::1", true, true, true},
		{"fe80::1", true, true, true},
		{"fd00::1", true, false, true},
		{"ff02::1", false, false, false},
		{"2001:db8::1", true, false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = addr_of(rows[i].text);

		CHECK(wire_addr_possible(&a) == rows[i].possible, "%s",
		      rows[i].text);
		CHECK(wire_addr_is_local(&a) == rows[i].local, "%s",
		      rows[i].text);
		CHECK(wire_addr_is_private(&a) == rows[i].private, "%s",
		      rows[i].text);
		a.port = 0;
		CHECK(!wire_addr_possible(&a), "%s with port 0", rows[i].text);
	}
}

static void neighbours(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{"1.2.3.4", "1.2.3.200", true},
		{"1.2.3.4", "1.2.4.4", false},
		{"2001:db8:1::1", "2001:db8:1:ffff::2", true},
		{"2001:db8:1::1", "2001:db8:2::1", false},
		{"1.2.3.4", "2001:db8:1::1", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = addr_of(rows[i].a), b = addr_of(rows[i].b);

		CHECK(wire_addr_same_net(&a, &b) == rows[i].same, "%s %s",
		      rows[i].a, rows[i].b);
	}
}

static void compact_forms_read_what_they_wrote(void)
{
	static const char *const rows[] = {"1.2.3.4", "2001:db8::77"};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = addr_of(rows[i]), b;
		uint8_t bytes[18];
		size_t n = wire_addr_to_compact(bytes, &a);

		CHECK(n == (i ? 18U : 6U), "%zu", n);
		wire_addr_from_compact(&b, bytes, n - 2);
		CHECK(wire_addr_eq(&a, &b), "%s", rows[i]);
		b.port++;
		CHECK(!wire_addr_eq(&a, &b), "another port");
	}
}

int main(void)
{
	what_an_address_is();
	neighbours();
	compact_forms_read_what_they_wrote();
	return CHECK_EXIT();
}
