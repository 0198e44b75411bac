#include "tests/wire/sim.h"

static struct sim sim; /* large; each test begins with sim_init() */

static void a_leecher_gets_everything_from_a_seeder(void)
{
	static const struct {
		const char *name;
		uint32_t pieces, piece_len, last;
		bool chop, no_owner, reads_later, checks_later;
	} rows[] = {
		{"whole reads", 20, 256 * 1024, 100, false, false, false,
		 false},
		{"one piece of one byte", 1, 16384, 1, false, false, false,
		 false},
		{"pieces smaller than a block", 300, 1000, 7, false, false,
		 false, false},
		{"pieces that are no multiple of a block", 20, 40000, 39999,
		 true, false, false, false},
		{"cut at random places", 20, 65536, 65536, true, false, false,
		 false},
		{"cut, without counted buffers", 10, 65536, 1, true, true,
		 false, false},
		{"reads answered later and out of order", 20, 65536, 5, true,
		 false, true, false},
		{"checks answered later", 20, 65536, 5, false, false, false,
		 true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *seed, *leech;

		sim_init(&sim, i, rows[i].pieces, rows[i].piece_len,
			 rows[i].last);
		sim.chop = rows[i].chop;
		sim.no_owner = rows[i].no_owner;
		seed = sim_add(&sim, true);
		leech = sim_add(&sim, false);
		seed->reads_later = rows[i].reads_later;
		leech->checks_later = rows[i].checks_later;
		(void)sim_connect(&sim, leech, seed);
		CHECK(sim_until(&sim, leech, 20000), "%s: not complete",
		      rows[i].name);
		CHECK(sim_data_right(leech), "%s: wrong data", rows[i].name);
		CHECK(leech->completed == 1 && leech->verified == sim.pieces,
		      "%s: %u verified", rows[i].name, leech->verified);
		CHECK(leech->received == sim.total && !leech->unwanted,
		      "%s: received %llu", rows[i].name,
		      (unsigned long long)leech->received);
		CHECK(seed->charged == sim.total, "%s: charged %llu",
		      rows[i].name, (unsigned long long)seed->charged);
		CHECK(seed->ready == 1 && leech->ready == 1 &&
			      seed->closes + leech->closes == 0,
		      "%s: closed", rows[i].name);
		sim_free(&sim);
	}
}

static void a_crowd_shares_one_seeder(void)
{
	struct sim_node *seed, *leech[8];

	sim_init(&sim, 7, 60, 65536, 1234);
	sim.chop = true;
	sim.per_step = 20000;
	seed = sim_add(&sim, true);
	rate_set_limit(seed->rate, RATE_UP, 1000000);
	for (unsigned i = 0; i < 8; i++) {
		leech[i] = sim_add(&sim, false);
		leech[i]->reads_later = i % 2;
		leech[i]->checks_later = i % 3 == 0;
		(void)sim_connect(&sim, leech[i], seed);
		for (unsigned j = 0; j < i; j++)
			(void)sim_connect(&sim, leech[i], leech[j]);
	}
	for (unsigned i = 0; i < 8; i++) {
		CHECK(sim_until(&sim, leech[i], 300000), "leecher %u", i);
		CHECK(sim_data_right(leech[i]), "leecher %u: wrong data", i);
	}
	CHECK(seed->charged < 8 * sim.total / 3,
	      "the crowd did not share: seeder sent %llu of %llu",
	      (unsigned long long)seed->charged,
	      (unsigned long long)sim.total * 8);
	for (unsigned i = 0; i < sim.n_nodes; i++)
		CHECK(sim.nodes[i].bad_closes == 0, "node %u: bad close %s", i,
		      peer_close_name(sim.nodes[i].last_close));
	sim_free(&sim);
}

/* The most bytes that were here of pieces that were not whole. */
static uint64_t most_begun(struct sim_node *n)
{
	uint64_t most = 0;

	for (int ms = 0; ms < 20000 && !sim_has_all(n); ms += SIM_STEP_MS) {
		sim_step(&sim);
		uint64_t begun =
			n->received - (uint64_t)n->verified * sim.piece_len;

		if (begun > most)
			most = begun;
	}
	return most;
}

static void pieces_of_who_is_fast_come_side_by_side(void)
{
	static const struct {
		const char *name;
		size_t per_step;
		uint32_t in_step;
		bool wide;
	} rows[] = {
		{"fast", 4 << 20, 4, true},
		{"fast, but hashes are made one by one", 4 << 20, 0, false},
		{"not so fast", 200000, 4, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *leech;
		uint64_t most;

		sim_init(&sim, 7 + i, 28, 2 << 20, 2 << 20);
		sim.per_step = sim.pipe_max = rows[i].per_step;
		sim.in_step = rows[i].in_step;
		leech = sim_add(&sim, false);
		(void)sim_connect(&sim, leech, sim_add(&sim, true));
		most = most_begun(leech);
		CHECK(sim_data_right(leech), "%s: data", rows[i].name);
		CHECK(rows[i].wide ? most > 5 * sim.piece_len / 2
				   : most < 2 * sim.piece_len,
		      "%s: %llu bytes of pieces begun", rows[i].name,
		      (unsigned long long)most);
		sim_free(&sim);
	}
}

static void liars_are_banned_and_nobody_else(void)
{
	static const struct {
		const char *name;
		unsigned honest; /* seeders */
		bool liar, lies_some, reads_later, checks_later;
		bool complete;
		unsigned banned;
	} rows[] = {
		{"a lone liar", 0, true, false, false, false, false, 1},
		{"a liar among honest ones", 3, true, false, false, false, true,
		 1},
		{"a liar in half of its blocks", 3, false, true, false, false,
		 true, 1},
		{"a liar, reads and checks later", 3, true, false, true, true,
		 true, 1},
		{"no liar", 3, false, false, false, false, true, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *leech, *bad;

		sim_init(&sim, 40 + i, 30, 16 * PICKER_BLOCK, 99);
		sim.per_step = 30000;
		leech = sim_add(&sim, false);
		leech->reads_later = rows[i].reads_later;
		leech->checks_later = rows[i].checks_later;
		bad = sim_add(&sim, true);
		bad->liar = rows[i].liar;
		bad->lies_some = rows[i].lies_some;
		(void)sim_connect(&sim, leech, bad);
		for (unsigned j = 0; j < rows[i].honest; j++)
			(void)sim_connect(&sim, leech, sim_add(&sim, true));
		CHECK(sim_until(&sim, leech, 30000) == rows[i].complete,
		      "%s: complete?", rows[i].name);
		CHECK(sim_data_right(leech) == rows[i].complete, "%s: data",
		      rows[i].name);
		CHECK(leech->banned == rows[i].banned, "%s: %u banned",
		      rows[i].name, leech->banned);
		CHECK(leech->bad_closes == rows[i].banned, "%s: closed %u",
		      rows[i].name, leech->bad_closes);
		CHECK(!rows[i].banned ||
			      leech->last_close == PEER_CLOSE_BAD_DATA,
		      "%s: closed for %s", rows[i].name,
		      peer_close_name(leech->last_close));
		sim_free(&sim);
	}
}

/* Slow peers share a piece, so that its blocks have several senders. */
static void a_liar_in_a_shared_piece_is_told_from_the_others(void)
{
	for (unsigned seed = 0; seed < 6; seed++) {
		struct sim_node *leech, *bad;

		sim_init(&sim, 900 + seed, 3, 64 * PICKER_BLOCK, 70000);
		sim.per_step = 400; /* 40 kB/s: a piece takes 26 s */
		sim.pipe_max = 4000;
		leech = sim_add(&sim, false);
		leech->reads_later = seed % 2;
		for (unsigned j = 0; j < 4; j++) {
			struct sim_node *n = sim_add(&sim, true);

			n->lies_some = j == 1;
			(void)sim_connect(&sim, leech, n);
		}
		bad = &sim.nodes[2];
		CHECK(bad->lies_some, "which one lies");
		CHECK(sim_until(&sim, leech, 600000), "seed %u: not complete",
		      seed);
		sim_run(&sim, 1000);
		CHECK(sim_data_right(leech), "seed %u: wrong data", seed);
		CHECK(leech->failed > 0, "seed %u: no piece failed", seed);
		CHECK(leech->banned == 1 && leech->bad_closes == 1,
		      "seed %u: %u banned, %u closed", seed, leech->banned,
		      leech->bad_closes);
		CHECK(bad->gone == 1, "seed %u: the wrong one is gone", seed);
		sim_free(&sim);
	}
}

static void a_hanging_peer_holds_nobody_up(void)
{
	struct sim_node *leech, *hangs, *good;

	sim_init(&sim, 3, 40, 65536, 65536);
	sim.per_step = 30000;
	leech = sim_add(&sim, false);
	hangs = sim_add(&sim, true);
	good = sim_add(&sim, true);
	(void)sim_connect(&sim, leech, hangs);
	(void)sim_connect(&sim, leech, good);
	sim_run(&sim, 100); /* it has begun to serve */
	hangs->mute = true;
	CHECK(sim_until(&sim, leech, 100000), "not complete");
	CHECK(sim_data_right(leech), "wrong data");
	sim_free(&sim);
}

static void the_last_blocks_are_asked_of_several(void)
{
	struct sim_node *leech, *slow, *fast;
	struct swarm_stats st;
	int64_t began;

	sim_init(&sim, 5, 8, 65536, 65536);
	leech = sim_add(&sim, false);
	slow = sim_add(&sim, true);
	fast = sim_add(&sim, true);
	(void)sim_connect(&sim, leech, slow);
	sim_run(&sim, 60); /* it is asked for everything at once */
	slow->mute = true;
	(void)sim_connect(&sim, leech, fast);
	began = sim.now;
	CHECK(sim_until(&sim, leech, 50000), "not complete");
	CHECK(sim.now - began < 2000, "waited %lld ms for a peer that hangs",
	      (long long)(sim.now - began));
	swarm_stats_get(leech->s, &st);
	CHECK(st.left == 0, "left");
	sim_free(&sim);
}

static void a_held_peer_goes_on_after_resume(void)
{
	struct sim_node *leech, *seed;
	unsigned c;

	sim_init(&sim, 6, 20, 65536, 65536);
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	seed->hold = 300000;
	seed->reads_later = true;
	c = sim_connect(&sim, leech, seed);
	sim_run(&sim, 5000);
	CHECK(!sim_has_all(leech), "complete though held");
	CHECK(seed->held == 1, "asked %llu times while held",
	      (unsigned long long)seed->held);
	CHECK(leech->received <= 300000 &&
		      leech->received > 300000 - PICKER_BLOCK,
	      "received %llu", (unsigned long long)leech->received);
	seed->hold = 0;
	swarm_peer_resume(sim.ends[c][1].p, sim.now);
	CHECK(sim_until(&sim, leech, 5000), "not complete");
	CHECK(sim_data_right(leech), "wrong data");
	CHECK(seed->charged == sim.total, "charged twice or not");
	sim_free(&sim);
}

static void paid_blocks_not_sent_are_uncharged(void)
{
	struct sim_node *leech, *seed;
	unsigned c;

	sim_init(&sim, 8, 50, 65536, 65536);
	sim.pipe_max = 40000;
	sim.per_step = 1000;
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	seed->charge_as = WIRE_PAID;
	c = sim_connect(&sim, leech, seed);
	sim_run(&sim, 2000);
	sim_hangup(&sim, c);
	CHECK(seed->uncharged > 0 && seed->charged > seed->uncharged,
	      "uncharged %llu of %llu", (unsigned long long)seed->uncharged,
	      (unsigned long long)seed->charged);
	CHECK(seed->charged - seed->uncharged <=
		      sim.ends[c][1].sent + 2 * 16384,
	      "charged %llu for %llu sent",
	      (unsigned long long)(seed->charged - seed->uncharged),
	      (unsigned long long)sim.ends[c][1].sent);
	CHECK(seed->gone == 1 && leech->gone == 1, "gone");
	sim_free(&sim);
}

static void extension_messages_keep_their_place(void)
{
	struct sim_node *a, *b;
	unsigned c;
	struct err e = {0};

	sim_init(&sim, 9, 4, 65536, 65536);
	a = sim_add(&sim, false);
	b = sim_add(&sim, true);
	c = sim_connect(&sim, a, b);
	CHECK(swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_PAY,
				  (const uint8_t *)"d1:ai1ee", 8,
				  &e) == ERR_STATE,
	      "before the handshake");
	sim_run(&sim, 100);
	CHECK(swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_PAY,
				  (const uint8_t *)"d1:ai1ee", 8,
				  &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_STORE,
				  (const uint8_t *)"de", 2, NULL) == ERR_STATE,
	      "an extension that was not offered");
	CHECK(swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_PAY, sim.truth,
				  EXT_PAY_MAX + 1, NULL) == ERR_LIMIT,
	      "too long");
	sim_run(&sim, 100);
	CHECK(b->ext_msgs == 1 && b->ext_got_len == 8 &&
		      memcmp(b->ext_got, "d1:ai1ee", 8) == 0,
	      "message did not come");
	sim_free(&sim);
}

static enum err_code say(unsigned c, int end)
{
	return swarm_peer_send_ext(sim.ends[c][end].p, EXT_SB_PAY,
				   (const uint8_t *)"de", 2, NULL);
}

static void an_offer_counts_from_the_next_handshake(void)
{
	struct sim_node *a, *b;
	unsigned c, d;
	size_t len;

	sim_init(&sim, 9, 4, 65536, 65536);
	a = sim_add(&sim, false);
	b = sim_add(&sim, true);
	CHECK(swarm_set_pay_offer(b->s, NULL, 0, NULL) == ERR_NONE, "taken");
	c = sim_connect(&sim, a, b);
	sim_run(&sim, 100);
	CHECK(say(c, 0) == ERR_STATE, "it was not offered to us");
	CHECK(say(c, 1) == ERR_STATE, "we did not offer it");
	CHECK(swarm_set_pay_offer(b->s, (const uint8_t *)"d1:xi1ee", 8, NULL) ==
		      ERR_NONE,
	      "given");
	sim_run(&sim, 100);
	CHECK(!sim.ends[c][0].closed && say(c, 0) == ERR_STATE &&
		      say(c, 1) == ERR_STATE,
	      "who is connected goes on as before");
	d = sim_connect(&sim, sim_add(&sim, false), b);
	sim_run(&sim, 100);
	CHECK(say(d, 0) == ERR_NONE && say(d, 1) == ERR_NONE,
	      "who comes later has it");
	CHECK(peer_ext_sent(sim.ends[d][1].p, &len) && len > 0, "sealing");
	sim_free(&sim);
}

/* A renting connection: no pieces, extension messages only. */
static void a_swarm_without_content_carries_messages(void)
{
	struct sim_node *a, *b;
	unsigned c;

	sim_init(&sim, 20, 1, 16384, 1);
	sim.pieces = 0;
	sim.total = 0;
	a = sim_add(&sim, false);
	b = sim_add(&sim, true);
	c = sim_connect(&sim, a, b);
	sim_run(&sim, 200000);
	CHECK(a->ready == 1 && b->ready == 1 && a->closes + b->closes == 0,
	      "closed for %s", peer_close_name(a->last_close));
	CHECK(swarm_peer_send_ext(sim.ends[c][1].p, EXT_SB_PAY,
				  (const uint8_t *)"de", 2, NULL) == ERR_NONE,
	      "not sent");
	sim_run(&sim, 100);
	CHECK(a->ext_msgs == 1, "did not come");
	CHECK(sim_has_all(a) && a->completed == 0, "left");
	sim_free(&sim);
}

/* Two nodes that rent: sb_store, no pieces. */
static unsigned renting(struct sim_node **a, struct sim_node **b, uint64_t seed)
{
	unsigned c;

	sim_init(&sim, seed, 1, 16384, 1);
	sim.pieces = 0;
	sim.total = 0;
	sim.store = true;
	*a = sim_add(&sim, false);
	*b = sim_add(&sim, false);
	c = sim_connect(&sim, *a, *b);
	sim_run(&sim, 100);
	return c;
}

static void long_messages_pass_whole_and_in_order(void)
{
	static uint8_t bytes[EXT_STORE_MAX + 1];
	static const size_t lengths[] = {
		EXT_STORE_MAX, 1, 8191, 8192, 65536, 8193, 2, EXT_STORE_MAX};

	for (unsigned chop = 0; chop < 2; chop++) {
		struct sim_node *a, *b;
		unsigned c = renting(&a, &b, 30 + chop);
		uint64_t hash = 0;

		sim.chop = chop;
		for (size_t i = 0; i < ROWS(lengths); i++) {
			rng_fill(&sim.rng, bytes, lengths[i]);
			hash = sim_hash(hash, bytes, lengths[i]);
			CHECK(swarm_peer_send_ext(sim.ends[c][0].p,
						  EXT_SB_STORE, bytes,
						  lengths[i], NULL) == ERR_NONE,
			      "%zu bytes", lengths[i]);
		}
		CHECK(swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_STORE, bytes,
					  EXT_STORE_MAX + 1, NULL) == ERR_LIMIT,
		      "too long");
		CHECK(swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_PAY, bytes,
					  EXT_PAY_MAX + 1, NULL) == ERR_LIMIT,
		      "too long for sb_pay");
		sim_run(&sim, 2000);
		CHECK(b->ext_msgs == ROWS(lengths) && b->ext_hash == hash,
		      "%u came, chop %u", b->ext_msgs, chop);
		sim_free(&sim);
	}
}

/* Each has far more to say than may be queued, to one who does the same. */
static void room_is_told_and_nobody_is_stuck(void)
{
	struct sim_node *n[2];
	unsigned c = renting(&n[0], &n[1], 32);

	sim.pipe_max = 100000;
	sim.per_step = 70000;
	for (unsigned i = 0; i < 2; i++) {
		n[i]->flood = 10U << 20;
		sim_flood(n[i], sim.ends[c][i].p);
		CHECK((10U << 20) - n[i]->flood <=
			      EXT_QUEUE_MAX + EXT_STORE_MAX,
		      "%llu left to say", (unsigned long long)n[i]->flood);
	}
	sim_run(&sim, 5000);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(n[i]->flood == 0 && n[i]->drained > 10,
		      "%llu left, %u times", (unsigned long long)n[i]->flood,
		      n[i]->drained);
		CHECK(n[1 - i]->ext_bytes == 10U << 20 &&
			      n[1 - i]->ext_hash == n[i]->flood_hash,
		      "%llu came", (unsigned long long)n[1 - i]->ext_bytes);
	}
	sim_free(&sim);
}

static void who_asks_for_no_room_is_refused(void)
{
	static uint8_t bytes[EXT_STORE_MAX];
	struct sim_node *a, *b;
	unsigned c = renting(&a, &b, 33), n = 0;

	a->mute = true;
	while (n < 100 &&
	       swarm_peer_send_ext(sim.ends[c][0].p, EXT_SB_STORE, bytes,
				   sizeof(bytes), NULL) == ERR_NONE)
		n++;
	CHECK(n * sizeof(bytes) >= 2 * (size_t)EXT_QUEUE_MAX &&
		      n * sizeof(bytes) <
			      2 * (size_t)EXT_QUEUE_MAX + EXT_STORE_MAX,
	      "%u messages", n);
	CHECK(a->closes == 0, "closed");
	sim_free(&sim);
}

static void messages_keep_to_the_upload_limit(void)
{
	struct sim_node *a, *b;
	unsigned c = renting(&a, &b, 34);

	rate_set_limit(a->rate, RATE_UP, 100000);
	a->flood = 10U << 20;
	sim_flood(a, sim.ends[c][0].p);
	sim_run(&sim, 20000);
	CHECK(b->ext_bytes > 1900000 && b->ext_bytes < 2200000, "%llu bytes",
	      (unsigned long long)b->ext_bytes);
	rate_set_limit(a->rate, RATE_UP, 0);
	sim_run(&sim, 2000);
	CHECK(b->ext_bytes == 10U << 20 && b->ext_hash == a->flood_hash,
	      "%llu bytes", (unsigned long long)b->ext_bytes);
	sim_free(&sim);
}

static void a_blocked_peer_is_not_read(void)
{
	struct sim_node *a, *b;
	unsigned c = renting(&a, &b, 35);
	uint64_t before;

	a->flood = 4U << 20;
	sim_flood(a, sim.ends[c][0].p);
	sim_run(&sim, 20);
	swarm_peer_set_blocked(sim.ends[c][1].p, sim.now, true);
	before = b->ext_bytes;
	sim_run(&sim, 200000);
	CHECK(before < 4U << 20 && b->ext_bytes == before && b->closes == 0,
	      "read %llu of %llu", (unsigned long long)b->ext_bytes,
	      (unsigned long long)before);
	swarm_peer_set_blocked(sim.ends[c][1].p, sim.now, false);
	sim_run(&sim, 1000);
	CHECK(b->ext_bytes == 4U << 20, "%llu",
	      (unsigned long long)b->ext_bytes);
	sim_free(&sim);
}

static void both_sides_see_the_same_transcript(void)
{
	unsigned c;
	const uint8_t *sent, *got;
	size_t sent_len, got_len;
	struct sim_node *a;

	sim_init(&sim, 10, 4, 65536, 65536);
	a = sim_add(&sim, false);
	c = sim_connect(&sim, a, sim_add(&sim, true));
	sim_run(&sim, 100);
	for (unsigned side = 0; side < 2; side++) {
		sent = peer_ext_sent(sim.ends[c][side].p, &sent_len);
		got = peer_ext_received(sim.ends[c][1 - side].p, &got_len);
		CHECK(sent && got && sent_len == got_len &&
			      memcmp(sent, got, got_len) == 0,
		      "side %u", side);
	}
	sim_free(&sim);
}

static void where_a_peer_listens_is_known(void)
{
	struct sim_node *a;
	unsigned c;

	sim_init(&sim, 10, 4, 65536, 65536);
	a = sim_add(&sim, false);
	c = sim_connect(&sim, a, sim_add(&sim, true));
	CHECK(peer_listen_port(sim.ends[c][0].p) == 6881 &&
		      peer_listen_port(sim.ends[c][1].p) == 0,
	      "before the handshakes");
	sim_run(&sim, 100);
	CHECK(peer_listen_port(sim.ends[c][0].p) == 6881 &&
		      peer_listen_port(sim.ends[c][1].p) == 6881,
	      "after them");
	sim_free(&sim);
}

/* BEP 5: told to those who have a DHT, by those who have one. */
static void dht_ports_are_told(void)
{
	static const struct {
		uint16_t a, b; /* 0: no DHT */
		bool told;
	} rows[] = {{7001, 7002, true}, {7001, 0, false}, {0, 0, false}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *a, *b;

		sim_init(&sim, 10, 4, 65536, 65536);
		sim.dht_port = rows[i].a;
		a = sim_add(&sim, false);
		sim.dht_port = rows[i].b;
		b = sim_add(&sim, true);
		(void)sim_connect(&sim, a, b);
		sim_run(&sim, 100);
		CHECK(a->dht_heard == (rows[i].told ? rows[i].b : 0),
		      "row %zu: a hears %u", i, a->dht_heard);
		CHECK(b->dht_heard == (rows[i].told ? rows[i].a : 0),
		      "row %zu: b hears %u", i, b->dht_heard);
		sim_free(&sim);
	}
}

static void who_may_not_connect_is_refused(void)
{
	struct sim_node *a, *b;
	unsigned c, d;

	sim_init(&sim, 11, 4, 65536, 65536);
	a = sim_add(&sim, false);
	b = sim_add(&sim, false);
	c = sim_connect(&sim, a, a);
	sim_run(&sim, 100);
	CHECK(!sim.ends[c][0].p && a->last_close == PEER_CLOSE_SELF,
	      "connected to itself");
	c = sim_connect(&sim, a, b);
	sim_run(&sim, 100);
	d = sim_connect(&sim, a, b);
	sim_run(&sim, 100);
	CHECK(sim.ends[c][0].p && !sim.ends[d][0].p &&
		      b->last_close == PEER_CLOSE_DUPLICATE,
	      "connected twice");
	sim_hangup(&sim, c);
	/* both at once: the same one survives on both sides */
	c = sim_connect(&sim, a, b);
	d = sim_connect(&sim, b, a);
	sim_run(&sim, 100);
	CHECK(!sim.ends[c][0].p != !sim.ends[d][0].p &&
		      !sim.ends[c][0].p == !sim.ends[c][1].p &&
		      !sim.ends[d][0].p == !sim.ends[d][1].p,
	      "crossing connections");
	sim_free(&sim);
}

static void the_upload_limit_is_kept(void)
{
	struct sim_node *leech, *seed;

	sim_init(&sim, 12, 100, 65536, 65536);
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	rate_set_limit(seed->rate, RATE_UP, 100000);
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 20000);
	CHECK(leech->received > 1900000 && leech->received < 2100000,
	      "100 kB/s for 20 s gave %llu",
	      (unsigned long long)leech->received);
	sim_free(&sim);
}

static void limits_are_not_for_who_is_near(void)
{
	struct sim_node *leech, *seed;

	sim_init(&sim, 12, 100, 65536, 65536);
	sim.local_unlimited = true;
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	rate_set_limit(seed->rate, RATE_UP, 1000);
	rate_set_limit(leech->rate, RATE_DOWN, 1000);
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 20000);
	CHECK(leech->completed == 1, "%llu bytes",
	      (unsigned long long)leech->received);
	sim_free(&sim);
}

static void the_download_limit_is_kept(void)
{
	struct sim_node *leech, *seed;

	sim_init(&sim, 13, 100, 65536, 65536);
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	rate_set_limit(leech->rate, RATE_DOWN, 100000);
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 20000);
	CHECK(leech->received > 1850000 && leech->received < 2100000,
	      "100 kB/s for 20 s gave %llu",
	      (unsigned long long)leech->received);
	sim_free(&sim);
}

static void rank_gives_rate_and_the_free_share_stays(void)
{
	struct sim_node *seed, *leech[3];
	unsigned c[3];

	sim_init(&sim, 14, 400, 65536, 65536);
	seed = sim_add(&sim, true);
	rate_set_limit(seed->rate, RATE_UP, 400000);
	for (unsigned i = 0; i < 3; i++) {
		leech[i] = sim_add(&sim, false);
		c[i] = sim_connect(&sim, leech[i], seed);
	}
	sim_run(&sim, 200);
	swarm_peer_set_rank(sim.ends[c[0]][1].p, sim.now, 200);
	swarm_peer_set_rank(sim.ends[c[1]][1].p, sim.now, 100);
	for (unsigned i = 0; i < 3; i++)
		leech[i]->received = 0;
	sim_run(&sim, 40000);
	/* 3/4 of 16 MB go 2:1, a quarter is free */
	CHECK(leech[0]->received > 7000000 && leech[0]->received < 9000000,
	      "rank 200 got %llu", (unsigned long long)leech[0]->received);
	CHECK(leech[1]->received > 3400000 && leech[1]->received < 4600000,
	      "rank 100 got %llu", (unsigned long long)leech[1]->received);
	CHECK(leech[2]->received > 3400000 && leech[2]->received < 4600000,
	      "free got %llu", (unsigned long long)leech[2]->received);
	sim_free(&sim);
}

static void slots_are_given_at_once_and_never_too_many(void)
{
	struct sim_node *seed;
	struct peer_stats st;
	unsigned got = 0, c[12];

	sim_init(&sim, 15, 400, 65536, 65536);
	sim.per_step = 2000;
	sim.pipe_max = 20000;
	seed = sim_add(&sim, true);
	for (unsigned i = 0; i < 12; i++)
		c[i] = sim_connect(&sim, sim_add(&sim, false), seed);
	sim_run(&sim, 200);
	for (unsigned i = 0; i < 12; i++) {
		peer_stats_get(sim.ends[c[i]][1].p, &st);
		got += st.slot != PEER_SLOT_NONE;
	}
	CHECK(got == 8, "%u have a slot after 200 ms", got);
	sim_run(&sim, 120000);
	for (unsigned i = 1; i < sim.n_nodes; i++)
		CHECK(sim.nodes[i].received > 0, "leecher %u starves", i);
	CHECK(seed->bad_closes == 0, "closed");
	sim_free(&sim);
}

static void a_blocked_store_stops_the_flow(void)
{
	struct sim_node *leech, *seed;
	uint64_t before;

	sim_init(&sim, 16, 100, 65536, 65536);
	sim.per_step = 20000;
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	(void)seed;
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 500);
	swarm_set_write_blocked(leech->s, sim.now, true);
	before = leech->received;
	sim_run(&sim, 100000);
	CHECK(leech->received == before && before > 0, "went on");
	CHECK(leech->closes == 0, "closed while blocked");
	swarm_set_write_blocked(leech->s, sim.now, false);
	CHECK(sim_until(&sim, leech, 20000) && sim_data_right(leech),
	      "did not go on");
	sim_free(&sim);
}

static void a_lost_piece_is_fetched_again(void)
{
	struct sim_node *leech, *seed;

	sim_init(&sim, 17, 20, 65536, 65536);
	leech = sim_add(&sim, false);
	seed = sim_add(&sim, true);
	(void)seed;
	(void)sim_connect(&sim, leech, seed);
	CHECK(sim_until(&sim, leech, 5000), "not complete");
	memset(leech->data + 5 * 65536, 0, 65536);
	swarm_piece_lost(leech->s, sim.now, 5);
	CHECK(!sim_has_all(leech), "still complete");
	CHECK(sim_until(&sim, leech, 5000) && sim_data_right(leech),
	      "not fetched again");
	CHECK(leech->completed == 2, "%u", leech->completed);
	sim_free(&sim);
}

static void silence_ends_and_keep_alives_do_not(void)
{
	struct sim_node *a, *b;
	unsigned c;

	sim_init(&sim, 18, 4, 65536, 65536);
	a = sim_add(&sim, false);
	b = sim_add(&sim, false);
	c = sim_connect(&sim, a, b);
	sim.step_ms = 500;
	sim_run(&sim, 600000);
	CHECK(sim.ends[c][0].p && sim.ends[c][1].p, "idle peers were closed");
	b->mute = true;
	sim_run(&sim, 200000);
	CHECK(!sim.ends[c][0].p && a->last_close == PEER_CLOSE_TIMEOUT,
	      "a silent peer stays");
	b->mute = false;
	c = sim_connect(&sim, a, b);
	b->mute = true;
	sim_run(&sim, PEER_HANDSHAKE_MS + 2000);
	CHECK(!sim.ends[c][0].p && a->last_close == PEER_CLOSE_TIMEOUT,
	      "no handshake, yet it stays");
	sim_free(&sim);
}

static void two_seeds_part(void)
{
	struct sim_node *a, *b;
	unsigned c;

	sim_init(&sim, 19, 4, 65536, 65536);
	a = sim_add(&sim, true);
	b = sim_add(&sim, true);
	c = sim_connect(&sim, a, b);
	sim_run(&sim, 30000);
	CHECK(sim.ends[c][0].p, "no grace");
	sim_run(&sim, 60000);
	CHECK(!sim.ends[c][0].p && a->closes + b->closes >= 1, "still there");
	sim_free(&sim);
}

int main(void)
{
	a_leecher_gets_everything_from_a_seeder();
	a_crowd_shares_one_seeder();
	pieces_of_who_is_fast_come_side_by_side();
	liars_are_banned_and_nobody_else();
	a_liar_in_a_shared_piece_is_told_from_the_others();
	a_hanging_peer_holds_nobody_up();
	the_last_blocks_are_asked_of_several();
	a_held_peer_goes_on_after_resume();
	paid_blocks_not_sent_are_uncharged();
	extension_messages_keep_their_place();
	an_offer_counts_from_the_next_handshake();
	a_swarm_without_content_carries_messages();
	long_messages_pass_whole_and_in_order();
	room_is_told_and_nobody_is_stuck();
	who_asks_for_no_room_is_refused();
	messages_keep_to_the_upload_limit();
	a_blocked_peer_is_not_read();
	both_sides_see_the_same_transcript();
	where_a_peer_listens_is_known();
	dht_ports_are_told();
	who_may_not_connect_is_refused();
	the_upload_limit_is_kept();
	the_download_limit_is_kept();
	limits_are_not_for_who_is_near();
	rank_gives_rate_and_the_free_share_stays();
	slots_are_given_at_once_and_never_too_many();
	a_blocked_store_stops_the_flow();
	a_lost_piece_is_fetched_again();
	silence_ends_and_keep_alives_do_not();
	two_seeds_part();
	return CHECK_EXIT();
}
