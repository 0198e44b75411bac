#include "tests/wire/utp_rig.h"

#define MIB (1U << 20)

static void bytes_arrive_whole_over_bad_paths(void)
{
	static const struct {
		const char *name;
		struct rig_net net;
		uint32_t forth, back;
		int64_t most_us; /* a sane time for it */
	} rows[] = {
		{"a good path", {.delay_us = 10000}, 4 * MIB, 0, 2000000},
		{"both ways at once",
		 {.delay_us = 10000},
		 2 * MIB,
		 2 * MIB,
		 2000000},
		{"no delay at all", {0}, 8 * MIB, MIB, 100000},
		{"one byte", {.delay_us = 10000}, 1, 1, 200000},
		{"packets overtake each other",
		 {.delay_us = 10000, .jitter_us = 3000},
		 2 * MIB,
		 MIB,
		 12000000},
		{"one in a hundred is lost",
		 {.delay_us = 5000, .loss = 10000},
		 2 * MIB,
		 MIB,
		 20000000},
		{"one in ten is lost",
		 {.delay_us = 1000, .loss = 100000},
		 MIB / 2,
		 MIB / 2,
		 120000000},
		{"one in five is there twice",
		 {.delay_us = 10000, .copies = 200000},
		 2 * MIB,
		 MIB,
		 3000000},
		{"a tunnel's MTU",
		 {.delay_us = 10000, .mtu = 1400},
		 2 * MIB,
		 2 * MIB,
		 3000000},
		{"an MTU below what IPv6 promises",
		 {.delay_us = 2000, .mtu = 600},
		 MIB / 4,
		 MIB / 4,
		 10000000},
		{"all of it at once",
		 {.delay_us = 8000,
		  .jitter_us = 4000,
		  .loss = 20000,
		  .copies = 20000,
		  .mtu = 1300,
		  .rate = 2 * MIB,
		  .queue = 64 << 10},
		 MIB,
		 MIB,
		 60000000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(i + 7);
		struct rig_end *e;
		int64_t took;

		r->net[0] = r->net[1] = rows[i].net;
		e = rig_pair(r, rows[i].forth, rows[i].back);
		utp_conn_limit(e->conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
		took = rig_run_all(r, 200000000);
		rig_check_whole(r, rows[i].name);
		CHECK(took <= rows[i].most_us, "%s: took %lld us", rows[i].name,
		      (long long)took);
		rig_free(r);
	}
}

static void a_link_is_used(void)
{
	static const struct {
		const char *name;
		struct rig_net net;
		unsigned percent; /* of the link's rate, at least */
	} rows[] = {
		{"10 Mbit/s, 20 ms, a deep queue",
		 {.delay_us = 10000, .rate = 1250000, .queue = 1 << 20},
		 90},
		{"10 Mbit/s, 80 ms",
		 {.delay_us = 40000, .rate = 1250000, .queue = 256 << 10},
		 85},
		{"100 Mbit/s, 20 ms",
		 {.delay_us = 10000, .rate = 12500000, .queue = 2 << 20},
		 70},
		{"10 Mbit/s, 20 ms, a queue of 30 ms",
		 {.delay_us = 10000, .rate = 1250000, .queue = 37 << 10},
		 75},
		{"10 Mbit/s, 20 ms, one in a thousand lost",
		 {.delay_us = 10000,
		  .rate = 1250000,
		  .queue = 256 << 10,
		  .loss = 1000},
		 60},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(i + 70);
		struct rig_end *e = rig_pair(r, UINT64_MAX / 2, 0);
		uint64_t got, want;

		r->net[0] = rows[i].net;
		r->net[1].delay_us = rows[i].net.delay_us;
		utp_conn_limit(e->conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
		rig_run(r, 2000000);
		got = r->ends[1].received;
		rig_run(r, 8000000);
		got = r->ends[1].received - got;
		want = 8 * rows[i].net.rate * rows[i].percent / 100;
		CHECK(got >= want && r->ends[1].wrong == 0,
		      "%s: %llu bytes of %llu", rows[i].name,
		      (unsigned long long)got, (unsigned long long)want);
		rig_free(r);
	}
}

/* What is queued stays near the target, though the queue would take a second,
 * and the link is used, whatever the clocks do. */
/* Who acks what arrived is not taken for a liar, and what is held back does not
 * make the window smaller: no other packet is lost here. */
static void what_is_held_back_costs_next_to_nothing(void)
{
	struct rig *r = rig_new(60);
	const uint64_t size = 40ULL << 20;
	struct rig_end *e = rig_pair(r, size, 0);
	struct utp_stats s = {0};
	uint32_t cwnd = 0;

	r->net[0] = r->net[1] = (struct rig_net){.delay_us = 5000};
	utp_conn_limit(e->conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
	for (int i = 0; i < 1000 && r->ends[1].received < size; i++) {
		rig_run(r, 20000);
		utp_conn_stats(e->conn, &s);
		CHECK(s.cwnd >= cwnd, "the window fell from %u to %u", cwnd,
		      s.cwnd);
		cwnd = s.cwnd;
	}
	CHECK(r->ends[1].received == size && !r->ends[1].wrong, "%llu arrived",
	      (unsigned long long)r->ends[1].received);
	CHECK(s.losses >= 2 && s.losses < 10 && s.timeouts == 0, "%llu held",
	      (unsigned long long)s.losses);
	rig_free(r);
}

static void the_queue_stays_short(void)
{
	static const struct {
		const char *name;
		int64_t drift_ppm; /* of the receiver's clock */
		unsigned rate, seconds;
	} rows[] = {{"clocks that agree", 0, 1250000, 60},
		    {"their clock runs ahead", 500, 250000, 300},
		    {"their clock falls behind", -100, 250000, 120}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(80 + i);
		struct rig_end *e = rig_pair(r, UINT64_MAX / 2, 0);
		uint64_t got, want = (uint64_t)rows[i].rate * rows[i].seconds;

		r->drift_ppm[1] = rows[i].drift_ppm;
		r->net[0] = (struct rig_net){.delay_us = 10000,
					     .rate = rows[i].rate,
					     .queue = rows[i].rate};
		utp_conn_limit(e->conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
		rig_run(r, 20000000);
		r->worst_queue_us = 0;
		got = r->ends[1].received;
		rig_run(r, rows[i].seconds * 1000000LL);
		got = r->ends[1].received - got;
		CHECK(r->worst_queue_us < 140000, "%s: %lld us queued",
		      rows[i].name, (long long)r->worst_queue_us);
		CHECK(got > want * 85 / 100, "%s: %llu bytes of %llu",
		      rows[i].name, (unsigned long long)got,
		      (unsigned long long)want);
		rig_free(r);
	}
}

static void it_yields_to_who_fills_the_queue(void)
{
	struct rig *r = rig_new(90);
	struct rig_end *e = rig_pair(r, UINT64_MAX / 2, 0);
	uint64_t alone, beside;

	r->net[0] = (struct rig_net){
		.delay_us = 10000, .rate = 1250000, .queue = 500000};
	utp_conn_limit(e->conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
	rig_run(r, 10000000);
	alone = r->ends[1].received;
	r->greedy.on = true;
	r->greedy.cwnd = 10;
	rig_greedy_send(r);
	rig_run(r, 15000000); /* until the other has found its share */
	beside = r->ends[1].received;
	r->greedy.delivered = 0;
	rig_run(r, 10000000);
	beside = r->ends[1].received - beside;
	CHECK(beside < alone / 5, "%llu beside it, %llu alone",
	      (unsigned long long)beside, (unsigned long long)alone);
	CHECK(r->greedy.delivered > 10 * 1250000ULL * 75 / 100,
	      "it was left %llu", (unsigned long long)r->greedy.delivered);
	/* and takes the link again when that ends */
	r->greedy.on = false;
	rig_run(r, 10000000);
	beside = r->ends[1].received;
	rig_run(r, 5000000);
	beside = r->ends[1].received - beside;
	CHECK(beside > 5 * 1250000ULL * 85 / 100, "%llu afterwards",
	      (unsigned long long)beside);
	rig_free(r);
}

static void flows_share(void)
{
	struct rig *r = rig_new(95);
	uint64_t got[2];

	r->net[0] = (struct rig_net){
		.delay_us = 10000, .rate = 1250000, .queue = 500000};
	for (unsigned i = 0; i < 2; i++) {
		struct rig_end *e = rig_pair(r, UINT64_MAX / 2, 0);

		utp_conn_limit(e->conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
	}
	rig_run(r, 30000000);
	got[0] = r->ends[1].received;
	got[1] = r->ends[3].received;
	rig_run(r, 30000000);
	got[0] = r->ends[1].received - got[0];
	got[1] = r->ends[3].received - got[1];
	CHECK(got[0] + got[1] > 30 * 1250000ULL * 85 / 100 &&
		      got[0] < 4 * got[1] && got[1] < 4 * got[0],
	      "%llu and %llu", (unsigned long long)got[0],
	      (unsigned long long)got[1]);
	rig_free(r);
}

static void the_path_decides_how_long_packets_are(void)
{
	static const struct {
		const char *name;
		uint32_t mtu, top, least, most;
		bool knows;
	} rows[] = {
		{"Ethernet", 0, 1472, 1472, 1472, false},
		{"a tunnel", 1400, 1472, 1384, 1400, false},
		{"the system knows", 1400, 1472, 1384, 1400, true},
		{"no more than every path", 1280, 1472, 1264, 1280, false},
		{"below that it is fragmented", 800, 1472, 1232, 1232, false},
		{"long ones on loopback", 0, 65000, 65000, 65000, false},
		{"a short one was asked for", 0, 700, 700, 700, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rig *r = rig_new(i + 100);
		struct rig_end *e = rig_pair(r, 4 * MIB, 0);
		struct utp_stats s;

		r->net[0].mtu = rows[i].mtu;
		r->knows_mtu = rows[i].knows;
		utp_conn_limit(e->conn, rows[i].top, UTP_WINDOW);
		(void)rig_run_all(r, 20000000);
		rig_check_whole(r, rows[i].name);
		utp_conn_stats(e->conn, &s);
		CHECK(s.packet >= rows[i].least && s.packet <= rows[i].most,
		      "%s: packets of %u", rows[i].name, s.packet);
		CHECK(rows[i].mtu == 800 ||
			      s.packets_resent <= 10 + rows[i].top / 1000,
		      "%s: %llu sent again", rows[i].name,
		      (unsigned long long)s.packets_resent);
		CHECK((r->fragmented[0] > 100) == (rows[i].mtu == 800),
		      "%s: %llu fragmented", rows[i].name,
		      (unsigned long long)r->fragmented[0]);
		rig_free(r);
	}
}

static void nobody_reads_faster_than_is_allowed(void)
{
	struct rig *r = rig_new(120);
	struct rig_end *e = rig_pair(r, 4 * MIB, 0), *to = e + 1;
	struct utp_stats s;

	to->counts_quota = true;
	to->quota = 100000;
	rig_run(r, 3000000);
	CHECK(to->received == 100000, "%llu were read",
	      (unsigned long long)to->received);
	utp_conn_stats(to->conn, &s);
	CHECK(s.held > 0 && s.held <= UTP_WINDOW + 65536, "%u held", s.held);
	for (unsigned i = 0; i < 100 && to->received < 4 * MIB; i++) {
		to->quota += 50000;
		utp_conn_want_read(to->conn);
		rig_run(r, 100000);
		CHECK(to->quota == 0 || to->received == 4 * MIB,
		      "%zu left over", to->quota);
	}
	utp_conn_stats(e->conn, &s);
	CHECK(s.packets_resent < 20, "%llu sent again",
	      (unsigned long long)s.packets_resent);
	rig_check_whole(r, "by quota");
	rig_free(r);
}

static void a_full_socket_delays_and_loses_nothing(void)
{
	struct rig *r = rig_new(130);

	(void)rig_pair(r, MIB, MIB);
	for (unsigned i = 0; i < 2000; i++) {
		r->busy = i % 3;
		rig_run(r, 1000);
		utp_writable(r->u[0]);
		utp_writable(r->u[1]);
	}
	r->busy = 0;
	(void)rig_run_all(r, 10000000);
	rig_check_whole(r, "busy sockets");
	rig_free(r);
}

int main(void)
{
	a_link_is_used();
	what_is_held_back_costs_next_to_nothing();
	the_queue_stays_short();
	it_yields_to_who_fills_the_queue();
	flows_share();
	the_path_decides_how_long_packets_are();
	nobody_reads_faster_than_is_allowed();
	a_full_socket_delays_and_loses_nothing();
	bytes_arrive_whole_over_bad_paths();
	return CHECK_EXIT();
}
