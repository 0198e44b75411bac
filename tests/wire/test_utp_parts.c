/* The parts of uTP that are arithmetic: delays, the window, the timeout, MTU.
 */
#include "tests/check.h"
#include "wire/utp/utp_cc.h"
#include "wire/utp/utp_delay.h"
#include "wire/utp/utp_mtu.h"

static void the_lowest_delay_is_the_path(void)
{
	static const struct {
		const char *name;
		uint32_t samples[12];
		unsigned n;
		uint32_t want; /* queued, after the last */
	} rows[] = {
		{"one sample", {5000}, 1, 0},
		{"the lowest of the last four counts",
		 {1000, 9000, 8000, 7000, 9000},
		 5,
		 6000},
		{"a single spike is none", {1000, 1000, 1000, 90000}, 4, 0},
		{"a new lowest", {5000, 5000, 3000}, 3, 0},
		{"clocks behind each other: numbers near the end",
		 {0xffffff00, 0x00000100, 0x00000100, 0x00000100, 0x00000100},
		 5,
		 0x200},
		{"and beyond it",
		 {0x00000100, 0xffffff00, 0x00000200, 0x00000200, 0x00000200,
		  0x00000200},
		 6,
		 0x300},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct utp_delay d;

		utp_delay_init(&d);
		CHECK(utp_delay_queued(&d) == 0, "%s: before all",
		      rows[i].name);
		for (unsigned k = 0; k < rows[i].n; k++)
			utp_delay_add(&d, rows[i].samples[k],
				      1000 + (int64_t)k);
		CHECK(utp_delay_queued(&d) == rows[i].want, "%s: %u queued",
		      rows[i].name, utp_delay_queued(&d));
	}
}

static void old_minutes_are_forgotten(void)
{
	struct utp_delay d;
	int64_t now = 0;

	utp_delay_init(&d);
	utp_delay_add(&d, 1000, now);
	for (unsigned m = 1; m < UTP_BASE_MINUTES; m++) {
		now += UTP_MINUTE_US;
		for (unsigned k = 0; k < UTP_DELAY_RECENT; k++)
			utp_delay_add(&d, 5000, now);
		CHECK(utp_delay_queued(&d) == 4000, "minute %u: %u queued", m,
		      utp_delay_queued(&d));
	}
	now += UTP_MINUTE_US;
	utp_delay_add(&d, 5000, now);
	CHECK(utp_delay_queued(&d) == 0, "the old path is remembered: %u",
	      utp_delay_queued(&d));
	now += (int64_t)UTP_BASE_MINUTES * UTP_MINUTE_US;
	utp_delay_add(&d, 70000, now);
	CHECK(utp_delay_queued(&d) == 0, "after a silence: %u",
	      utp_delay_queued(&d));
	utp_delay_shift(&d, 1000);
	CHECK(utp_delay_queued(&d) == 0, "below the base: %u",
	      utp_delay_queued(&d));
	for (unsigned k = 0; k < UTP_DELAY_RECENT; k++)
		utp_delay_add(&d, 73000, now);
	CHECK(utp_delay_queued(&d) == 2000, "shifted: %u",
	      utp_delay_queued(&d));
}

/* `trips` round trips in which a whole window is acked. */
static void trip(struct utp_cc *c, unsigned trips, uint32_t queued_us)
{
	while (trips--) {
		uint32_t flight = c->cwnd;

		for (uint32_t left = flight; left;) {
			uint32_t n = left < c->mss ? left : c->mss;

			utp_cc_acked(c, n, true, queued_us);
			left -= n;
		}
	}
}

static void the_window_follows_the_delay(void)
{
	static const struct {
		const char *name;
		uint32_t queued_us;
		unsigned trips;
		int32_t least, most; /* what it gains, bytes */
	} rows[] = {
		{"nothing queued", 0, 10, 29000, 30100},
		{"half the target", UTP_TARGET_US / 2, 10, 14500, 15100},
		{"the target", UTP_TARGET_US, 10, 0, 0},
		{"twice the target", 2 * UTP_TARGET_US, 10, -32000, -28000},
		{"no more than four times counts", 900000000, 1, -13000,
		 -11000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct utp_cc c;
		int32_t gained;

		utp_cc_init(&c, 1400, 1 << 22);
		trip(&c, 4, 0);
		utp_cc_lost(&c); /* slow start is over */
		gained = (int32_t)c.cwnd;
		trip(&c, rows[i].trips, rows[i].queued_us);
		gained = (int32_t)c.cwnd - gained;
		CHECK(gained >= rows[i].least && gained <= rows[i].most,
		      "%s: gained %d", rows[i].name, gained);
	}
}

static void the_window_has_bounds(void)
{
	struct utp_cc c;

	utp_cc_init(&c, 1400, 100000);
	CHECK(c.cwnd == 14000 && c.slow_start, "begins with %u", c.cwnd);
	utp_cc_acked(&c, 1400, false, 0);
	CHECK(c.cwnd == 14000, "grows unused: %u", c.cwnd);
	trip(&c, 1, 0);
	CHECK(c.cwnd == 28000, "slow start: %u", c.cwnd);
	trip(&c, 20, 0);
	CHECK(c.cwnd == 100000, "over its maximum: %u", c.cwnd);
	trip(&c, 1, UTP_TARGET_US * 8 / 10);
	CHECK(!c.slow_start, "slow start goes on at 80 %% of the target");
	utp_cc_lost(&c);
	utp_cc_acked(&c, 100000, false, 0);
	CHECK(c.cwnd == 50000, "grows unused after a loss: %u", c.cwnd);
	for (unsigned i = 0; i < 20; i++)
		utp_cc_lost(&c);
	CHECK(c.cwnd == 2800, "halved to %u", c.cwnd);
	utp_cc_timeout(&c);
	CHECK(c.cwnd == 1400 && c.slow_start, "after a timeout: %u", c.cwnd);
	trip(&c, 100, 2000000000);
	CHECK(c.cwnd >= 1400, "below a packet: %u", c.cwnd);
	utp_cc_set_mss(&c, 60000);
	CHECK(c.cwnd == 60000, "not a packet: %u", c.cwnd);
}

static void the_timeout_follows_the_round_trip(void)
{
	struct utp_rtt r = {0};

	CHECK(utp_rtt_rto_us(&r) == UTP_RTO_FIRST_US, "at first");
	utp_rtt_add(&r, 0);
	CHECK(utp_rtt_rto_us(&r) == UTP_RTO_MIN_US, "never below its minimum");
	r = (struct utp_rtt){0};
	utp_rtt_add(&r, 400000);
	CHECK(r.srtt_us == 400000 && utp_rtt_rto_us(&r) == 1200000,
	      "RFC 6298: %lld", (long long)utp_rtt_rto_us(&r));
	for (int i = 0; i < 100; i++)
		utp_rtt_add(&r, 600000);
	CHECK(r.srtt_us > 590000 && r.min_us == 400000 &&
		      utp_rtt_rto_us(&r) < 700000,
	      "it settles: %lld", (long long)utp_rtt_rto_us(&r));
	r.backoff = 2;
	CHECK(utp_rtt_rto_us(&r) > 4 * 590000, "backs off");
	r.backoff = 1000000;
	CHECK(utp_rtt_rto_us(&r) == UTP_RTO_MAX_US, "has a maximum");
}

static void the_mtu_is_found(void)
{
	static const struct {
		const char *name;
		uint32_t top, path, least;
		unsigned probes; /* at most */
	} rows[] = {
		{"Ethernet takes one probe", 1472, 1472, 1472, 1},
		{"PPPoE", 1472, 1464, 1448, 6},
		{"a tunnel", 1472, 1380, 1364, 6},
		{"nothing more than what every path has", 1472, 1232, 1232, 7},
		{"loopback", 65000, 65000, 65000, 1},
		{"half of it", 65000, 9000, 8984, 16},
		{"what is asked for is below that", 600, 600, 600, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct utp_mtu m;
		unsigned probes = 0;
		uint32_t size;

		utp_mtu_init(&m, rows[i].top);
		while ((size = utp_mtu_probe(&m, 5)) && probes < 100) {
			utp_mtu_sent(&m);
			CHECK(utp_mtu_probe(&m, 5) == 0, "%s: two at once",
			      rows[i].name);
			if (size <= rows[i].path)
				utp_mtu_acked(&m, size, 5);
			else
				utp_mtu_lost(&m, size, 5);
			probes++;
		}
		CHECK(m.size <= rows[i].path && m.size >= rows[i].least &&
			      probes <= rows[i].probes,
		      "%s: %u after %u probes", rows[i].name, m.size, probes);
	}
}

static void the_mtu_is_looked_for_again(void)
{
	struct utp_mtu m;

	utp_mtu_init(&m, 1472);
	utp_mtu_sent(&m);
	utp_mtu_acked(&m, 1472, 5);
	utp_mtu_black_hole(&m, 10);
	CHECK(m.size == UTP_PACKET_SAFE && utp_mtu_probe(&m, 11) == 0,
	      "a hole: %u", m.size);
	CHECK(utp_mtu_probe(&m, 10 + UTP_MTU_AGAIN_US) == 1472,
	      "not tried again");
	utp_mtu_init(&m, 1000);
	utp_mtu_black_hole(&m, 10);
	CHECK(m.size == 1000, "smaller than safe: %u", m.size);
}

int main(void)
{
	the_lowest_delay_is_the_path();
	old_minutes_are_forgotten();
	the_window_follows_the_delay();
	the_window_has_bounds();
	the_timeout_follows_the_round_trip();
	the_mtu_is_found();
	the_mtu_is_looked_for_again();
	return CHECK_EXIT();
}
