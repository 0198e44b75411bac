#include "wire/peer/prio.h"

#include "tests/check.h"

#include <arpa/inet.h>

static struct wire_addr addr_of(const char *text, uint16_t port)
{
	struct wire_addr a = {.ip = {[10] = 0xff, [11] = 0xff}, .port = port};

	if (inet_pton(AF_INET, text, a.ip + 12) != 1)
		CHECK(inet_pton(AF_INET6, text, a.ip) == 1, "%s", text);
	return a;
}

/* The first two are BEP 40's own. The others were computed apart from this
 * code: CRC-32C of the masked addresses as the BEP gives them. */
static void both_sides_come_to_the_same(void)
{
	static const struct {
		const char *a, *b;
		uint32_t want;
	} rows[] = {
		{"123.213.32.10", "98.76.54.32", 0xec2d7224},
		{"123.213.32.10", "123.213.32.234", 0x99568189},
		{"123.213.32.10", "123.213.33.234", 0xf61850a9},
		{"2001:db8:1::aaaa", "2001:db9:1::ffff", 0xe5c3e962},
		{"2001:db8:1:1234::aaaa", "2001:db8:1:5634::ffff", 0xa468c813},
		{"2001:db8:1:12ff::aaaa", "2001:db8:1:1234::ffff", 0xcc5681e0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = addr_of(rows[i].a, 1);
		struct wire_addr b = addr_of(rows[i].b, 2);

		CHECK(prio_of(&a, &b) == rows[i].want &&
			      prio_of(&b, &a) == rows[i].want,
		      "%s, %s: %08x", rows[i].a, rows[i].b, prio_of(&a, &b));
	}
}

static void ports_tell_neighbours_apart(void)
{
	struct wire_addr a = addr_of("10.0.0.1", 6881);
	struct wire_addr b = addr_of("10.0.0.1", 6882);
	struct wire_addr c = addr_of("2001:db8::1", 6881);

	CHECK(prio_of(&a, &b) == prio_of(&b, &a), "the same");
	CHECK(prio_of(&a, &b) == 0x67f8fe57, "%08x", prio_of(&a, &b));
	CHECK(prio_of(&a, &c) == 0, "two families");
}

int main(void)
{
	both_sides_come_to_the_same();
	ports_tell_neighbours_apart();
	return CHECK_EXIT();
}
