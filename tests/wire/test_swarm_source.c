/* A source beside peers, in the little world of sim.h: the test is the server
 * that sends what the swarm asks for. */
#include "tests/wire/sim.h"
#include "wire/swarm/swarm_source.h"

static struct sim sim;

struct server {
	struct swarm_source *src;
	unsigned wakes, banned;
	uint64_t at, end; /* of what it was asked for */
	size_t per_step;  /* bytes it sends in a step of 10 ms */
	size_t crumb;	  /* at a time; 0: all of it */
	bool lies;
	bool zeroes; /* says that the bytes are pads */
	uint64_t sent;
	unsigned runs;
};

static void on_wake(void *ctx)
{
	((struct server *)ctx)->wakes++;
}

static void on_banned(void *ctx)
{
	((struct server *)ctx)->banned++;
}

static const struct swarm_source_ops ops = {on_wake, on_banned};

static void open_source(struct server *v, struct sim_node *n)
{
	v->src = swarm_source_new(n->s, &ops, v);
	CHECK(v->src != NULL, "a source");
}

static void send(struct server *v, size_t most)
{
	uint8_t crumb[70000];

	while (most && v->at < v->end) {
		size_t n = v->crumb && v->crumb < most ? v->crumb : most;

		if (n > v->end - v->at)
			n = (size_t)(v->end - v->at);
		if (n > sizeof(crumb))
			n = sizeof(crumb);
		if (swarm_source_quota(v->src, sim.now) == 0)
			return;
		memcpy(crumb, sim.truth + v->at, n);
		if (v->lies)
			crumb[n / 2] ^= 1;
		swarm_source_feed(v->src, sim.now, v->zeroes ? NULL : crumb, n);
		v->at += n;
		v->sent += n;
		most -= n;
	}
}

static void serve(struct server *v)
{
	if (v->at == v->end &&
	    swarm_source_take(v->src, sim.now, &v->at, &v->end)) {
		CHECK(v->at < v->end && v->end <= sim.total, "%llu to %llu",
		      (unsigned long long)v->at, (unsigned long long)v->end);
		v->runs++;
	}
	send(v, v->per_step ? v->per_step : SIZE_MAX);
}

/* Runs until the node has all; false: it has not after `ms`. */
static bool until(struct sim_node *n, struct server *v, int64_t ms)
{
	for (int64_t i = 0; i < ms && !sim_has_all(n); i += SIM_STEP_MS) {
		serve(v);
		sim_run(&sim, SIM_STEP_MS);
	}
	return sim_has_all(n);
}

static void a_source_alone_gives_everything(void)
{
	static const struct {
		const char *name;
		uint32_t pieces, piece_len, last;
		size_t crumb;
		bool checks_later;
	} rows[] = {
		{"whole runs", 20, 256 * 1024, 100, 0, false},
		{"one piece of one byte", 1, 16384, 1, 0, false},
		{"pieces smaller than a block", 300, 1000, 7, 333, false},
		{"pieces that are no multiple of a block", 20, 40000, 39999,
		 1000, false},
		{"byte by byte", 2, 32768, 5, 1, false},
		{"checks answered later", 20, 65536, 5, 0, true},
		{"pieces longer than a run", 3, 4 << 20, 5, 0, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct server v = {.crumb = rows[i].crumb};
		struct sim_node *n;
		struct swarm_stats st;

		sim_init(&sim, i, rows[i].pieces, rows[i].piece_len,
			 rows[i].last);
		n = sim_add(&sim, false);
		n->checks_later = rows[i].checks_later;
		open_source(&v, n);
		CHECK(until(n, &v, 5000), "%s: not complete", rows[i].name);
		CHECK(sim_data_right(n), "%s: wrong data", rows[i].name);
		CHECK(n->completed == 1 && v.sent == sim.total, "%s: sent %llu",
		      rows[i].name, (unsigned long long)v.sent);
		CHECK(n->received == 0, "%s: it was charged for", rows[i].name);
		swarm_stats_get(n->s, &st);
		CHECK(st.downloaded == sim.total && st.wasted == 0 &&
			      swarm_source_bytes(v.src) == sim.total,
		      "%s: counted %llu", rows[i].name,
		      (unsigned long long)st.downloaded);
		swarm_source_free(v.src);
		sim_free(&sim);
	}
}

static void who_lies_is_banned_and_peers_go_on(void)
{
	struct server v = {.lies = true};
	struct sim_node *n;

	sim_init(&sim, 3, 30, 65536, 99);
	n = sim_add(&sim, false);
	open_source(&v, n);
	serve(&v);
	CHECK(v.banned == 1 && n->failed == 1, "banned %u, failed %u", v.banned,
	      n->failed);
	CHECK(!swarm_source_take(v.src, sim.now, &v.at, &v.end),
	      "nothing more for it");
	(void)sim_connect(&sim, n, sim_add(&sim, true));
	CHECK(sim_until(&sim, n, 20000), "not complete");
	CHECK(sim_data_right(n) && n->banned == 0, "peers are innocent");
	swarm_source_free(v.src);
	sim_free(&sim);
}

/* Pieces that both sent blocks of. */
static void a_lie_in_a_shared_piece_is_found(void)
{
	struct server v = {.lies = true, .per_step = 3 * PICKER_BLOCK};
	struct sim_node *n, *peer;

	sim_init(&sim, 4, 4, 64 * PICKER_BLOCK, 70000);
	sim.per_step = 2000;
	n = sim_add(&sim, false);
	peer = sim_add(&sim, true);
	open_source(&v, n);
	(void)sim_connect(&sim, n, peer);
	for (int i = 0; i < 3; i++) { /* it leaves after a few blocks */
		serve(&v);
		sim_run(&sim, SIM_STEP_MS);
	}
	swarm_source_drop(v.src, sim.now);
	CHECK(sim_until(&sim, n, 100000), "not complete");
	sim_run(&sim, 1000);
	CHECK(sim_data_right(n) && n->failed > 0, "%u failed", n->failed);
	CHECK(v.banned == 1 && n->banned == 0, "banned: source %u, peers %u",
	      v.banned, n->banned);
	swarm_source_free(v.src);
	sim_free(&sim);
}

static void it_rests_while_peers_suffice(void)
{
	struct server v = {.per_step = 1000};
	struct sim_node *n;

	sim_init(&sim, 5, 200, 65536, 65536);
	sim.per_step = 40000; /* 4 MB/s: four seconds for all of it */
	n = sim_add(&sim, false);
	open_source(&v, n);
	(void)sim_connect(&sim, n, sim_add(&sim, true));
	sim_run(&sim, 1500);
	CHECK(!swarm_source_take(v.src, sim.now, &v.at, &v.end),
	      "a seed is here and fast");
	CHECK(sim_until(&sim, n, 20000), "not complete");
	swarm_source_free(v.src);
	sim_free(&sim);
}

static void it_helps_when_peers_are_slow_or_hang(void)
{
	struct server v = {.per_step = 10000};
	struct sim_node *n, *peer;

	sim_init(&sim, 6, 100, 65536, 65536);
	sim.per_step = 1000; /* 100 kB/s: over a minute */
	n = sim_add(&sim, false);
	peer = sim_add(&sim, true);
	open_source(&v, n);
	(void)sim_connect(&sim, n, peer);
	sim_run(&sim, 3000);
	peer->mute = true;
	CHECK(until(n, &v, 10000), "not complete");
	CHECK(sim_data_right(n), "wrong data");
	CHECK(v.sent > sim.total / 2, "it sent %llu",
	      (unsigned long long)v.sent);
	swarm_source_free(v.src);
	sim_free(&sim);
}

static void what_it_has_not_is_not_asked_of_it(void)
{
	struct server v = {0};
	struct sim_node *n;
	size_t len;

	sim_init(&sim, 7, 10, 65536, 100);
	n = sim_add(&sim, false);
	open_source(&v, n);
	/* bytes of pieces 2, 3 and 9 */
	CHECK(swarm_source_lacks(v.src, 3 * 65536 - 1, 3 * 65536 + 1), "left");
	CHECK(swarm_source_lacks(v.src, sim.total - 1, sim.total), "left");
	CHECK(!until(n, &v, 3000), "complete");
	CHECK(swarm_have(n->s, &len)[0] == 0xcf &&
		      swarm_have(n->s, &len)[1] == 0x80,
	      "has %02x%02x", swarm_have(n->s, &len)[0],
	      swarm_have(n->s, &len)[1]);
	CHECK(!swarm_source_lacks(v.src, 0, sim.total), "nothing left");
	swarm_source_free(v.src);
	sim_free(&sim);
}

static void the_download_limit_holds_it(void)
{
	struct server v = {.per_step = 100000, .crumb = 16384};
	struct sim_node *n;
	uint64_t least, most;

	sim_init(&sim, 8, 100, 65536, 65536);
	n = sim_add(&sim, false);
	rate_set_limit(n->rate, RATE_DOWN, 200000);
	open_source(&v, n);
	CHECK(!until(n, &v, 10000), "complete");
	least = 10 * 200000 * 9 / 10;
	most = 10 * 200000 * 11 / 10 + 16384;
	CHECK(v.sent >= least && v.sent <= most, "%llu bytes in 10 s",
	      (unsigned long long)v.sent);
	CHECK(v.wakes > 0, "it is woken");
	swarm_source_free(v.src);
	sim_free(&sim);
}

static void a_store_that_takes_no_more_holds_it(void)
{
	struct server v = {.per_step = 1000};
	struct sim_node *n;
	unsigned wakes;

	sim_init(&sim, 9, 10, 65536, 65536);
	n = sim_add(&sim, false);
	open_source(&v, n);
	serve(&v);
	swarm_set_write_blocked(n->s, sim.now, true);
	CHECK(swarm_source_quota(v.src, sim.now) == 0, "held");
	wakes = v.wakes;
	swarm_set_write_blocked(n->s, sim.now, false);
	CHECK(v.wakes > wakes && swarm_source_quota(v.src, sim.now) > 0,
	      "it goes on");
	swarm_source_free(v.src);
	sim_free(&sim);
}

static void too_many_sources_are_refused(void)
{
	struct server v[SOURCES_MAX + 1] = {0};
	struct sim_node *n;

	sim_init(&sim, 10, 10, 65536, 65536);
	n = sim_add(&sim, false);
	for (unsigned i = 0; i <= SOURCES_MAX; i++) {
		v[i].src = swarm_source_new(n->s, &ops, &v[i]);
		CHECK((v[i].src != NULL) == (i < SOURCES_MAX), "source %u", i);
	}
	for (unsigned i = 0; i <= SOURCES_MAX; i++)
		swarm_source_free(v[i].src);
	sim_free(&sim);
}

static void what_it_leaves_goes_to_others(void)
{
	struct server a = {.per_step = 20000}, b = {0};
	struct sim_node *n;

	sim_init(&sim, 12, 64, 65536, 65536);
	n = sim_add(&sim, false);
	open_source(&a, n);
	open_source(&b, n);
	serve(&a);
	swarm_source_drop(a.src, sim.now);
	CHECK(swarm_source_take(b.src, sim.now, &b.at, &b.end) && b.at < a.end,
	      "it is given %llu of %llu", (unsigned long long)b.at,
	      (unsigned long long)a.end);
	swarm_source_free(a.src);
	swarm_source_free(b.src);
	sim_free(&sim);
}

/* A run holds each byte once, whoever takes it. */
static void two_sources_share(void)
{
	struct server a = {.per_step = 30000}, b = {.per_step = 10000};
	struct sim_node *n;

	sim_init(&sim, 11, 200, 32768, 1);
	n = sim_add(&sim, false);
	open_source(&a, n);
	open_source(&b, n);
	for (int i = 0; i < 1000 && !sim_has_all(n); i++) {
		serve(&a);
		serve(&b);
		sim_run(&sim, SIM_STEP_MS);
	}
	CHECK(sim_has_all(n) && sim_data_right(n), "complete");
	CHECK(a.sent + b.sent < sim.total + sim.total / 4,
	      "sent twice: %llu + %llu of %llu", (unsigned long long)a.sent,
	      (unsigned long long)b.sent, (unsigned long long)sim.total);
	CHECK(b.sent > 0, "both");
	swarm_source_free(a.src);
	swarm_source_free(b.src);
	sim_free(&sim);
}

int main(void)
{
	a_source_alone_gives_everything();
	who_lies_is_banned_and_peers_go_on();
	a_lie_in_a_shared_piece_is_found();
	it_rests_while_peers_suffice();
	it_helps_when_peers_are_slow_or_hang();
	what_it_has_not_is_not_asked_of_it();
	the_download_limit_holds_it();
	a_store_that_takes_no_more_holds_it();
	too_many_sources_are_refused();
	what_it_leaves_goes_to_others();
	two_sources_share();
	return CHECK_EXIT();
}
