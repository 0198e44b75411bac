/* Which pieces are wanted, in which order, and what is told of it. */
#include "tests/wire/raw.h"

static struct sim sim; /* large; each test begins with sim_init() */
static struct raw raw;

static bool done(const struct sim_node *n)
{
	struct swarm_stats st;

	swarm_stats_get(n->s, &st);
	return st.wanted == 0;
}

static bool until_done(const struct sim_node *n, int64_t ms)
{
	int64_t end = sim.now + ms;

	while (sim.now < end && !done(n))
		sim_step(&sim);
	return done(n);
}

static void only_what_is_wanted_is_fetched(void)
{
	static const struct {
		const char *name;
		uint8_t prios[20];
		uint64_t bytes;
		bool waiting;
	} rows[] = {
		{"the first two", {2, 3}, 2 * 65536, false},
		{"the short last one", {[19] = 1}, 100, false},
		{"every other", {[1] = 1, [3] = 2, [5] = 3}, 3 * 65536, false},
		{"of a magnet link", {[1] = 1, [19] = 2}, 65536 + 100, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *seed, *leech;
		struct swarm_stats st;

		sim_init(&sim, i, 20, 65536, 100);
		sim_make_info(&sim, 300);
		seed = sim_add(&sim, true);
		sim.prios = rows[i].prios;
		sim.waiting = rows[i].waiting;
		leech = sim_add(&sim, false);
		(void)sim_connect(&sim, leech, seed);
		CHECK(until_done(leech, 20000), "%s: not done", rows[i].name);
		swarm_stats_get(leech->s, &st);
		CHECK(leech->received == rows[i].bytes && !leech->unwanted &&
			      leech->completed == 1 &&
			      st.left == sim.total - rows[i].bytes,
		      "%s: received %llu, completed %u", rows[i].name,
		      (unsigned long long)leech->received, leech->completed);
		sim_free(&sim);
	}
}

/* Both have all that they want: BEP 21's partial seed does not stay. */
static void who_wants_nothing_more_leaves_a_seeder(void)
{
	static const uint8_t prios[20] = {2};
	struct sim_node *seed, *leech;
	struct peer_stats st;

	sim_init(&sim, 5, 20, 65536, 100);
	seed = sim_add(&sim, true);
	sim.prios = prios;
	leech = sim_add(&sim, false);
	(void)sim_connect(&sim, leech, seed);
	CHECK(until_done(leech, 20000), "not done");
	peer_stats_get(sim.ends[0][0].p, &st);
	CHECK(!st.am_interested, "interested still");
	sim_run(&sim, 62000);
	CHECK(leech->last_close == PEER_CLOSE_USELESS, "%s",
	      peer_close_name(leech->last_close));
	sim_free(&sim);
}

static void what_is_wanted_may_change(void)
{
	static const uint8_t first[20] = {2, 2}, none[20] = {0};
	struct sim_node *seed, *leech;
	uint64_t had;

	sim_init(&sim, 6, 20, 65536, 100);
	seed = sim_add(&sim, true);
	leech = sim_add(&sim, false);
	rate_set_limit(seed->rate, RATE_UP, 200000);
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 1500);
	CHECK(swarm_set_prios(leech->s, sim.now, none, NULL) == ERR_NONE,
	      "none");
	CHECK(done(leech) && leech->completed == 0, "nothing is wanted");
	had = leech->received; /* what is on its way comes, no more */
	sim_run(&sim, 3000);
	CHECK(leech->received < had + 100000, "received %llu",
	      (unsigned long long)(leech->received - had));
	CHECK(swarm_set_prios(leech->s, sim.now, first, NULL) == ERR_NONE,
	      "first");
	CHECK(until_done(leech, 20000), "the first two");
	rate_set_limit(seed->rate, RATE_UP, 0);
	CHECK(swarm_set_prios(leech->s, sim.now, NULL, NULL) == ERR_NONE,
	      "all");
	CHECK(sim_until(&sim, leech, 30000) && sim_data_right(leech),
	      "not all");
	CHECK(leech->completed >= 1 &&
		      seed->bad_closes + leech->bad_closes == 0,
	      "completed %u", leech->completed);
	sim_free(&sim);
}

/* What was asked for and is not wanted any more is cancelled. */
static void little_is_wasted_on_a_change(void)
{
	static const uint8_t late[20] = {[15] = 2, [16] = 2, [17] = 2};
	struct sim_node *seed, *leech;

	sim_init(&sim, 9, 20, 65536, 100);
	seed = sim_add(&sim, true);
	sim.in_order = true; /* so that those are not begun yet */
	leech = sim_add(&sim, false);
	rate_set_limit(seed->rate, RATE_UP, 200000);
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 1000);
	CHECK(swarm_set_prios(leech->s, sim.now, late, NULL) == ERR_NONE,
	      "late");
	CHECK(until_done(leech, 20000), "not done");
	CHECK(leech->unwanted < 100000, "%llu bytes for nothing",
	      (unsigned long long)leech->unwanted);
	sim_free(&sim);
}

static void pieces_come_in_order(void)
{
	struct sim_node *seeds[3], *leech;

	sim_init(&sim, 7, 60, 65536, 100);
	for (int i = 0; i < 3; i++)
		seeds[i] = sim_add(&sim, true);
	sim.in_order = true;
	leech = sim_add(&sim, false);
	for (int i = 0; i < 3; i++) {
		rate_set_limit(seeds[i]->rate, RATE_UP, 500000);
		(void)sim_connect(&sim, leech, seeds[i]);
	}
	CHECK(sim_until(&sim, leech, 60000), "not complete");
	for (uint32_t i = 0; i < 60; i++)
		/* three peers are at three pieces at once, and a piece
		 * that comes first waits in the queue of requests */
		CHECK(leech->order[i] < i + 40 && i < leech->order[i] + 40,
		      "piece %u came as number %u", leech->order[i], i);
	CHECK(leech->order[0] < 3 && leech->order[59] > 50, "%u first, %u last",
	      leech->order[0], leech->order[59]);
	sim_free(&sim);
}

/* What we say of ourselves in BEP 10: 1 in the first handshake of who wants
 * nothing, and again when that changes. */
static unsigned said_upload_only(bool yes)
{
	const char *text = yes ? "upload_onlyi1e" : "upload_onlyi0e";
	unsigned n = 0;

	raw_pull(&raw);
	for (size_t i = 0; i + 16 < raw.len; i++)
		n += memcmp(raw.out + i, text, 14) == 0;
	return n;
}

static void peers_hear_that_nothing_is_wanted(void)
{
	static const uint8_t none[4] = {0}, one[4] = {2};
	struct sim_node *n;

	sim_init(&sim, 8, 4, 16384, 100);
	n = sim_add(&sim, false);
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, true, true);
	CHECK(said_upload_only(true) == 0 && said_upload_only(false) == 0,
	      "wants all");
	CHECK(swarm_set_prios(n->s, sim.now, none, NULL) == ERR_NONE, "none");
	CHECK(said_upload_only(true) == 1 && said_upload_only(false) == 0,
	      "wants nothing");
	CHECK(swarm_set_prios(n->s, sim.now, one, NULL) == ERR_NONE, "one");
	CHECK(said_upload_only(true) == 1 && said_upload_only(false) == 1,
	      "wants one");
	swarm_piece_verified(n->s, sim.now, 0);
	CHECK(said_upload_only(true) == 2 && n->completed == 1, "has it");
	swarm_piece_lost(n->s, sim.now, 0);
	CHECK(!done(n), "lost, and wanted again");
	swarm_piece_verified(n->s, sim.now, 2); /* found: it was skipped */
	CHECK(!done(n) && n->completed == 1, "another one");
	raw_close(&raw);
	sim_free(&sim);
}

int main(void)
{
	only_what_is_wanted_is_fetched();
	who_wants_nothing_more_leaves_a_seeder();
	what_is_wanted_may_change();
	little_is_wasted_on_a_change();
	pieces_come_in_order();
	peers_hear_that_nothing_is_wanted();
	return CHECK_EXIT();
}
