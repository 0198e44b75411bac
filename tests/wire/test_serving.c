/* How a torrent is served: partial seeds (BEP 21), super seeding (BEP 16). */
#include "tests/wire/raw.h"

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

/* ---- super seeding ---- */

#define CROWD 6U

/* How much a first seed sends until all of a crowd have everything. */
static uint64_t sent_to_a_crowd(bool super)
{
	struct sim_node *seed, *leech[CROWD];
	struct swarm_stats st;

	sim_init(&sim, 4, 120, 32768, 1000);
	sim.super_seed = super;
	seed = sim_add(&sim, true);
	sim.super_seed = false;
	rate_set_limit(seed->rate, RATE_UP, 200000);
	for (unsigned i = 0; i < CROWD; i++) {
		leech[i] = sim_add(&sim, false);
		(void)sim_connect(&sim, leech[i], seed);
	}
	for (unsigned i = 0; i < CROWD; i++)
		for (unsigned j = 0; j < i; j++)
			(void)sim_connect(&sim, leech[i], leech[j]);
	for (unsigned i = 0; i < CROWD; i++)
		CHECK(sim_until(&sim, leech[i], 600000), "leech %u", i);
	swarm_stats_get(seed->s, &st);
	sim_free(&sim);
	return st.uploaded;
}

static void a_super_seed_sends_little_more_than_a_copy(void)
{
	uint64_t all = 119 * 32768 + 1000;
	uint64_t super = sent_to_a_crowd(true), usual = sent_to_a_crowd(false);

	CHECK(super >= all && super < all + all / 5, "%llu of %llu",
	      (unsigned long long)super, (unsigned long long)all);
	CHECK(super < usual, "%llu, and %llu without",
	      (unsigned long long)super, (unsigned long long)usual);
}

static void one_alone_gets_everything(void)
{
	struct sim_node *seed, *leech;

	sim_init(&sim, 5, 40, 32768, 1000);
	sim.super_seed = true;
	seed = sim_add(&sim, true);
	leech = sim_add(&sim, false);
	(void)sim_connect(&sim, leech, seed);
	CHECK(sim_until(&sim, leech, 60000), "it stands still");
	sim_free(&sim);
}

/* Two leechers that do not know each other: none passes on what it was
 * shown. */
static unsigned begin_with_two(struct sim_node *leech[2])
{
	struct sim_node *seed;
	unsigned c;

	sim_init(&sim, 6, 40, 32768, 1000);
	sim.super_seed = true;
	seed = sim_add(&sim, true);
	sim.super_seed = false;
	leech[0] = sim_add(&sim, false);
	leech[1] = sim_add(&sim, false);
	c = sim_connect(&sim, leech[0], seed);
	(void)sim_connect(&sim, leech[1], seed);
	sim_run(&sim, 30000);
	return c;
}

static void who_passes_nothing_on_is_shown_no_more(void)
{
	struct sim_node *leech[2];
	struct swarm_stats st;
	unsigned c = begin_with_two(leech);

	swarm_stats_get(leech[0]->s, &st);
	CHECK(st.have == 2 && stats_of(c, 0).pieces == 2, "%u of %u shown",
	      st.have, stats_of(c, 0).pieces);
	CHECK(!stats_of(c, 0).upload_only, "it says that it has everything");
	sim_free(&sim);
}

static void who_pays_is_shown_everything(void)
{
	struct sim_node *leech[2];
	unsigned c = begin_with_two(leech);

	rate_set_limit(sim.nodes[0].rate, RATE_UP, 100000);
	swarm_peer_set_rank(sim.ends[c][1].p, sim.now, 5);
	sim_run(&sim, 2000);
	CHECK(stats_of(c, 0).pieces == 40, "%u are shown",
	      stats_of(c, 0).pieces);
	CHECK(stats_of(c + 1, 0).pieces == 2, "the other one: %u",
	      stats_of(c + 1, 0).pieces);
	sim_free(&sim);
}

static void who_pays_from_the_beginning_sees_a_seed(void)
{
	struct sim_node *seed, *leech, *other;
	unsigned c;

	sim_init(&sim, 8, 40, 32768, 1000);
	sim.super_seed = true;
	seed = sim_add(&sim, true);
	sim.super_seed = false;
	leech = sim_add(&sim, false);
	other = sim_add(&sim, false);
	rate_set_limit(seed->rate, RATE_UP, 10000);
	c = sim_connect(&sim, seed, leech);
	swarm_peer_set_rank(sim.ends[c][0].p, sim.now, 5);
	(void)sim_connect(&sim, seed, other);
	sim_run(&sim, 100);
	CHECK(stats_of(c, 1).seed && !stats_of(c + 1, 1).seed, "%u and %u",
	      stats_of(c, 1).pieces, stats_of(c + 1, 1).pieces);
	sim_free(&sim);
}

static void another_seed_ends_it(void)
{
	struct sim_node *leech[2], *other;
	unsigned c = begin_with_two(leech);

	rate_set_limit(sim.nodes[0].rate, RATE_UP, 100000);
	other = sim_add(&sim, true);
	(void)sim_connect(&sim, other, &sim.nodes[0]);
	sim_run(&sim, 3000);
	CHECK(stats_of(c, 0).pieces == 40 && stats_of(c + 1, 0).pieces == 40,
	      "%u and %u are shown", stats_of(c, 0).pieces,
	      stats_of(c + 1, 0).pieces);
	sim_run(&sim, 500);
	CHECK(stats_of(c, 0).upload_only, "and not told that it has all");
	sim_free(&sim);
}

/* It guesses a piece that it was not shown. */
static void what_is_hidden_is_not_served(void)
{
	static struct raw raw;
	struct sim_node *seed;
	unsigned rejected = 0, served = 0;

	sim_init(&sim, 7, 8, 32768, 1000);
	sim.super_seed = true;
	seed = sim_add(&sim, true);
	raw_open(&raw, &sim, seed, false);
	raw_say_handshake(&raw, true, false);
	raw_say_id(&raw, MSG_INTERESTED);
	(void)swarm_tick(seed->s, sim.now += 10000);
	for (uint32_t i = 0; i < 8; i++)
		raw_say_msg(&raw, &(struct msg){.id = MSG_REQUEST,
						.piece = i,
						.len = 1000});
	for (struct msg m = raw_next(&raw); m.id != MSG_UNKNOWN;
	     m = raw_next(&raw)) {
		rejected += m.id == MSG_REJECT;
		served += m.id == MSG_PIECE;
	}
	CHECK(served == 2 && rejected == 6, "%u served, %u rejected", served,
	      rejected);
	raw_close(&raw);
	sim_free(&sim);
}

int main(void)
{
	who_downloads_no_more_says_so();
	two_that_only_upload_part();
	a_partial_seed_uploads();
	a_super_seed_sends_little_more_than_a_copy();
	one_alone_gets_everything();
	who_passes_nothing_on_is_shown_no_more();
	who_pays_is_shown_everything();
	who_pays_from_the_beginning_sees_a_seed();
	another_seed_ends_it();
	what_is_hidden_is_not_served();
	return CHECK_EXIT();
}
