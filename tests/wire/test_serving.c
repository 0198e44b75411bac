/* How a torrent is served: partial seeds (BEP 21), super seeding (BEP 16). */
#include "tests/wire/sim.h"

static struct sim sim;

static struct peer_stats stats_of(unsigned conn, unsigned side)
{
	struct peer_stats st = {0};

	if (sim.ends[conn][side].p)
		peer_stats_get(sim.ends[conn][side].p, &st);
	return st;
}

/* ---- partial seeds ---- */

static void who_downloads_no_more_says_so(void)
{
	struct sim_node *leech, *seed;
	unsigned c;

	sim_init(&sim, 1, 20, 65536, 1000);
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	rate_set_limit(seed->rate, RATE_UP, 200000);
	c = sim_connect(&sim, leech, seed);
	sim_run(&sim, 100);
	CHECK(stats_of(c, 0).upload_only && !stats_of(c, 1).upload_only,
	      "the seed alone says it at first");
	swarm_set_download(leech->s, sim.now, false);
	sim_run(&sim, 100);
	CHECK(stats_of(c, 1).upload_only, "a partial seed");
	swarm_set_download(leech->s, sim.now, true);
	sim_run(&sim, 100);
	CHECK(!stats_of(c, 1).upload_only, "it wants something again");
	sim_run(&sim, 20000);
	CHECK(leech->completed && stats_of(c, 1).upload_only,
	      "it has everything");
	sim_free(&sim);
}

/* A seed and a partial seed, two partial seeds, or one of them wants more. */
static void two_that_only_upload_part(void)
{
	static const struct {
		const char *name;
		bool seed, first_off, second_off, part;
	} rows[] = {
		{"a seed and a partial seed", true, false, true, true},
		{"two partial seeds", false, true, true, true},
		{"one partial seed and one who has nothing to give", false,
		 true, false, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *a, *b;
		unsigned c;

		sim_init(&sim, 2, 20, 65536, 1000);
		a = sim_add(&sim, rows[i].seed);
		b = sim_add(&sim, false);
		swarm_set_download(a->s, sim.now, !rows[i].first_off);
		swarm_set_download(b->s, sim.now, !rows[i].second_off);
		c = sim_connect(&sim, b, a);
		sim_run(&sim, 50000);
		CHECK(sim.ends[c][0].p != NULL, "%s: parted at once",
		      rows[i].name);
		sim_run(&sim, 15000);
		CHECK((sim.ends[c][0].p == NULL) == rows[i].part, "%s",
		      rows[i].name);
		if (rows[i].part)
			CHECK(a->last_close == PEER_CLOSE_USELESS ||
				      b->last_close == PEER_CLOSE_USELESS,
			      "%s: %s", rows[i].name,
			      peer_close_name(a->last_close));
		sim_free(&sim);
	}
}

static void a_partial_seed_uploads(void)
{
	uint8_t have[3] = {0xff, 0xf0, 0};
	struct sim_node *part, *leech;
	struct swarm_stats st;

	sim_init(&sim, 3, 20, 65536, 1000);
	part = sim_add(&sim, false);
	leech = sim_add(&sim, false);
	swarm_set_download(part->s, sim.now, false);
	memcpy(part->data, sim.truth, sim.total);
	for (uint32_t i = 0; i < 12; i++)
		if (have[i / 8] >> (7 - i % 8) & 1)
			swarm_piece_verified(part->s, sim.now, i);
	(void)sim_connect(&sim, leech, part);
	sim_run(&sim, 20000);
	swarm_stats_get(leech->s, &st);
	CHECK(st.have == 12, "%u pieces", st.have);
	sim_free(&sim);
}

int main(void)
{
	who_downloads_no_more_says_so();
	two_that_only_upload_part();
	a_partial_seed_uploads();
	return CHECK_EXIT();
}
