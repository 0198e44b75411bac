#include "node/net/gate.h"

#include "tests/check.h"

#include <sodium.h>
#include <string.h>

static void address(uint8_t ip[16], bool v6, unsigned n)
{
	memset(ip, 0, 16);
	if (v6) {
		ip[0] = 0x20;
		ip[6] = (uint8_t)(n >> 8);
		ip[7] = (uint8_t)n;
		return;
	}
	ip[10] = ip[11] = 0xff;
	ip[12] = 10;
	ip[14] = (uint8_t)(n >> 8);
	ip[15] = (uint8_t)n;
}

static unsigned passed(struct gate *g, const uint8_t ip[16], unsigned tries,
		       int64_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += gate_pass(g, ip, now);
	return n;
}

/* What one address is let do. */
static const struct {
	const char *name;
	int64_t at_ms;
	unsigned tries, passed;
} rows[] = {
	{"as many at once as a burst", 0, 100, 16},
	{"then no more", 0, 100, 0},
	{"a quarter of a second later one", 250, 100, 1},
	{"not a millisecond before", 499, 100, 0},
	{"again", 500, 100, 1},
	{"after four seconds all of them", 4500, 100, 16},
	{"and never more at once", 1000000, 100, 16},
	{"time that goes back changes nothing", 999000, 100, 0},
};

static void one_address_has_a_burst_and_a_rate(bool v6)
{
	struct rng rng = rng_seeded(1);
	struct gate *g = gate_new(&rng);
	uint8_t ip[16];

	address(ip, v6, 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned n = passed(g, ip, rows[i].tries, rows[i].at_ms);

		CHECK(n == rows[i].passed, "%s: %u", rows[i].name, n);
	}
	address(ip, v6, 2);
	CHECK(passed(g, ip, 3, 1000000) == 3, "another address");
	gate_free(g);
}

static void a_network_of_ipv6_is_one(void)
{
	struct rng rng = rng_seeded(1);
	struct gate *g = gate_new(&rng);
	uint8_t ip[16];
	unsigned n = 0;

	for (unsigned i = 0; i < 200; i++) {
		address(ip, true, 1);
		ip[15] = (uint8_t)i;
		n += gate_pass(g, ip, 0);
	}
	CHECK(n == 16, "%u", n);
	gate_free(g);
}

/* However many addresses there are. */
static void all_together_have_a_burst_and_a_rate(void)
{
	struct rng rng = rng_seeded(1);
	struct gate *g = gate_new(&rng);
	unsigned n = 0, later = 0;
	uint8_t ip[16];

	for (unsigned i = 0; i < 5000; i++) {
		address(ip, false, i);
		n += gate_pass(g, ip, 0);
	}
	CHECK(n == GATE_BURST, "%u at once", n);
	for (unsigned i = 0; i < 5000; i++) {
		address(ip, false, i + 5000);
		later += gate_pass(g, ip, 1000);
	}
	CHECK(later == GATE_PER_S, "%u a second later", later);
	gate_free(g);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	one_address_has_a_burst_and_a_rate(false);
	one_address_has_a_burst_and_a_rate(true);
	a_network_of_ipv6_is_one();
	all_together_have_a_burst_and_a_rate();
	return CHECK_EXIT();
}
