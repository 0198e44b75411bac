/* Hashes of blocks (BEP 52): told to who asks, within bounds; asked for when a
 * piece fails, so that who lied is known and only his blocks come again. */
#include "tests/wire/raw.h"
#include "wire/peer/hash_msg.h"
#include "wire/swarm/swarm_int.h"

#define BLOCKS 64U /* of a piece */
#define PIECE (BLOCKS * MERKLE_BLOCK)

static struct sim sim; /* large; each test begins with sim_init() */
static struct raw raw;

/* One file of v2 alone. */
static void init(uint32_t pieces)
{
	sim_init(&sim, 5, pieces, PIECE, PIECE - 100);
	sim_make_v2(&sim);
	sim.v1_off = true;
}

static struct sim_node *add_seed(void)
{
	return sim_add(&sim, true);
}

/* --- a piece fails --- */

static void a_bad_block_is_found_and_comes_again_alone(void)
{
	static const struct {
		const char *name;
		bool once, some, all;	   /* how the first seed lies */
		bool reads_later, refuses; /* nobody tells hashes */
		uint32_t again;		   /* blocks at most; 0: all of it */
	} rows[] = {
		{"one block", true, false, false, false, false, 1},
		{"one block, reads take a step", true, false, false, true,
		 false, 1},
		{"half of one's blocks", false, true, false, false, false, 32},
		{"all of one's blocks", false, false, true, false, false, 63},
		{"nobody tells hashes", true, false, false, false, true, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *liar, *good, *leech;
		uint64_t again;

		init(1);
		liar = add_seed();
		good = add_seed();
		leech = sim_add(&sim, false);
		liar->lies_once = rows[i].once;
		liar->lies_some = rows[i].some;
		liar->liar = rows[i].all;
		leech->reads_later = rows[i].reads_later;
		good->no_leaves = liar->no_leaves = rows[i].refuses;
		(void)sim_connect(&sim, leech, liar);
		(void)sim_connect(&sim, leech, good);
		CHECK(sim_until(&sim, leech, 60000) && sim_data_right(leech),
		      "%s: not complete", rows[i].name);
		CHECK(leech->bad_closes == 1 && leech->banned == 1 &&
			      !sim.ends[0][0].p && sim.ends[1][0].p,
		      "%s: %u banned", rows[i].name, leech->banned);
		again = leech->received - leech->unwanted - sim.total;
		CHECK(rows[i].again ? again > 0 && again <= rows[i].again *
								    PICKER_BLOCK
				    : again >= sim.total,
		      "%s: %llu bytes came again", rows[i].name,
		      (unsigned long long)again);
		CHECK(good->hashed + liar->hashed == (rows[i].again > 0),
		      "%s: hashed %u and %u times", rows[i].name, good->hashed,
		      liar->hashed);
		sim_free(&sim);
	}
}

/* Whoever comes within 20 s tells which of its blocks are right. */
static void who_sent_all_of_it_is_banned_at_once(void)
{
	for (int late = 0; late < 2; late++) {
		struct sim_node *liar, *good, *leech;
		uint64_t again;

		init(1);
		liar = add_seed();
		leech = sim_add(&sim, false);
		liar->lies_once = true;
		(void)sim_connect(&sim, leech, liar);
		sim_run(&sim, late ? LEAF_CHECK_MS + 5000 : 5000);
		CHECK(leech->banned == 1 && !sim_has_all(leech),
		      "banned alone");
		good = add_seed();
		(void)sim_connect(&sim, leech, good);
		CHECK(sim_until(&sim, leech, 60000) && sim_data_right(leech),
		      "from the other");
		again = leech->received - sim.total;
		CHECK(again == (late ? sim.total : PICKER_BLOCK),
		      "late %d: %llu", late, (unsigned long long)again);
		sim_free(&sim);
	}
}

/* What the hashes of blocks say nothing of goes the way of all pieces. */
static void hashes_that_all_fit_blame_nobody(void)
{
	struct sim_node *a, *b, *leech;

	init(1);
	a = add_seed();
	b = add_seed();
	leech = sim_add(&sim, false);
	leech->checks_later = true;
	(void)sim_connect(&sim, leech, a);
	(void)sim_connect(&sim, leech, b);
	while (leech->n_checks == 0)
		sim_step(&sim);
	leech->n_checks = 0;
	swarm_piece_failed(leech->s, sim.now, 0); /* as v1's hash might say */
	CHECK(sim_until(&sim, leech, 60000) && sim_data_right(leech),
	      "not complete");
	CHECK(leech->banned == 0 && leech->hashed == 1, "%u banned",
	      leech->banned);
	sim_free(&sim);
}

static void a_check_may_end_in_any_way(void)
{
	for (unsigned way = 0; way < 5; way++) {
		struct sim_node *liar, *good, *leech;
		uint32_t piece;
		unsigned conn;

		init(2);
		liar = add_seed();
		good = add_seed();
		leech = sim_add(&sim, false);
		liar->lies_once = leech->reads_later = true;
		(void)sim_connect(&sim, leech, liar);
		conn = sim_connect(&sim, leech, good);
		while (leech->failed == 0)
			sim_step(&sim);
		piece = leech->failed_piece;
		switch (way) {
		case 0: /* its bytes are gone */
			swarm_piece_lost(leech->s, sim.now, piece);
			break;
		case 1: /* it is here after all */
			memcpy(leech->data, sim.truth, sim.total);
			swarm_piece_verified(leech->s, sim.now, piece);
			break;
		case 2: /* who knows the hashes leaves */
			sim_hangup(&sim, conn);
			(void)sim_connect(&sim, leech, good);
			break;
		case 3: /* its blocks cannot be hashed */
			leech->n_leaves = 0;
			swarm_leaves(leech->s, sim.now, leech->leaves[0].cookie,
				     NULL, 0);
			break;
		case 4: /* all ends: see sim_free() */
			sim_free(&sim);
			continue;
		}
		CHECK(sim_until(&sim, leech, 90000) && sim_data_right(leech),
		      "way %u", way);
		sim_free(&sim);
	}
}

/* What is asked of the raw peer; false: nothing. */
static bool asked_leaves(struct hash_ask *ask)
{
	struct msg m;

	return raw_expect(&raw, MSG_HASH_REQUEST, &m) &&
	       hash_ask_decode(ask, m.body, m.body_len) && ask->base == 0 &&
	       ask->count == BLOCKS;
}

/* The raw peer is the only one that knows the hashes, for the leech's own
 * blocks come of a liar beside it. */
static struct sim_node *fail_beside_raw(void)
{
	struct sim_node *liar, *leech;

	init(1);
	liar = add_seed();
	leech = sim_add(&sim, false);
	liar->lies_once = true;
	liar->no_leaves = true;
	(void)sim_connect(&sim, leech, liar);
	raw_open_v2(&raw, &sim, leech, true, true);
	raw_say_id(&raw, MSG_CHOKE);
	while (leech->failed == 0)
		sim_step(&sim);
	return leech;
}

static void answer(const struct hash_ask *ask, bool right)
{
	uint8_t body[HASH_MSG_MAX];
	struct hash32 leaves[BLOCKS];

	merkle_leaves(leaves, sim.truth, (size_t)sim.total);
	leaves[7].bytes[0] ^= !right;
	hash_ask_encode(body, ask);
	memset(body + HASH_ASK_LEN, 0, BLOCKS * 32);
	memcpy(body + HASH_ASK_LEN, leaves,
	       (size_t)merkle_blocks(sim.total) * 32);
	raw_say_body(&raw, MSG_HASHES, body, HASH_ASK_LEN + BLOCKS * 32);
}

static void who_tells_false_hashes_of_blocks_is_banned(void)
{
	struct sim_node *leech = fail_beside_raw();
	struct hash_ask ask;

	CHECK(leech->banned == 1, "the only sender: %u", leech->banned);
	CHECK(asked_leaves(&ask), "asked");
	answer(&ask, false);
	CHECK(leech->banned == 2 && raw.end.closed, "banned");
	raw_close(&raw);
	(void)sim_connect(&sim, leech, add_seed());
	CHECK(sim_until(&sim, leech, 60000) && sim_data_right(leech),
	      "goes on");
	sim_free(&sim);
}

static void who_is_silent_is_not_waited_for(void)
{
	struct sim_node *leech = fail_beside_raw(), *good;
	struct hash_ask ask;

	CHECK(asked_leaves(&ask), "asked");
	good = add_seed();
	(void)sim_connect(&sim, leech, good);
	sim_run(&sim, 1000);
	CHECK(good->hashed == 0 && !sim_has_all(leech), "waits");
	sim_run(&sim, LEAF_ANSWER_MS + 1000);
	CHECK(good->hashed == 1 && sim_has_all(leech), "asks another");
	CHECK(leech->received == sim.total + PICKER_BLOCK, "one block again");
	answer(&ask, true); /* late: of no use, and no harm */
	CHECK(!raw.end.closed, "closed");
	raw_close(&raw);
	sim_free(&sim);
}

static void who_refuses_is_not_asked_again(void)
{
	struct sim_node *leech = fail_beside_raw();
	uint8_t body[HASH_ASK_LEN];
	struct hash_ask ask;

	CHECK(asked_leaves(&ask), "asked");
	hash_ask_encode(body, &ask);
	raw_say_body(&raw, MSG_HASH_REJECT, body, sizeof(body));
	sim_run(&sim, 3000);
	CHECK(!asked_leaves(&ask), "asked again");
	(void)sim_connect(&sim, leech, add_seed());
	CHECK(sim_until(&sim, leech, 60000) && sim_data_right(leech),
	      "goes on");
	raw_close(&raw);
	sim_free(&sim);
}

/* --- others ask --- */

static void ask_by(struct raw *by, uint32_t piece, uint32_t count)
{
	uint8_t body[HASH_ASK_LEN];
	struct hash_ask ask = {sim.root, 0, piece * BLOCKS, count, 0};

	hash_ask_encode(body, &ask);
	raw_say_body(by, MSG_HASH_REQUEST, body, sizeof(body));
}

static void ask_for(uint32_t piece, uint32_t count)
{
	ask_by(&raw, piece, count);
}

static void hashes_of_blocks_are_told(void)
{
	const struct hash32 *hashes, *uncles;
	struct hash32 want[BLOCKS];
	struct hash_ask ask;
	struct sim_node *n;
	struct msg m;

	init(3);
	n = add_seed();
	raw_open_v2(&raw, &sim, n, true, true);
	ask_for(1, BLOCKS);
	CHECK(!raw_expect(&raw, MSG_HASHES, NULL), "before they are hashed");
	sim_step(&sim);
	CHECK(raw_expect(&raw, MSG_HASHES, &m) &&
		      hashes_decode(&ask, &hashes, &uncles, m.body, m.body_len),
	      "told");
	merkle_leaves(want, sim.truth + PIECE, PIECE);
	CHECK(ask.index == BLOCKS && memcmp(hashes, want, sizeof(want)) == 0,
	      "other hashes");
	ask_for(1, 2);
	CHECK(raw_expect(&raw, MSG_HASHES, NULL) && n->hashed == 1,
	      "the same again: hashed %u times", n->hashed);
	sim.now += LEAF_KEEP_MS;
	(void)swarm_tick(n->s, sim.now);
	ask_for(1, BLOCKS);
	sim_step(&sim);
	CHECK(raw_expect(&raw, MSG_HASHES, NULL) && n->hashed == 2, "later");
	/* it changed on the disk */
	n->data[2 * PIECE] ^= 1;
	ask_for(2, BLOCKS);
	sim_step(&sim);
	CHECK(raw_expect(&raw, MSG_HASH_REJECT, NULL), "false ones are told");
	CHECK(!raw_expect(&raw, MSG_HASHES, NULL), "false ones are told");
	swarm_piece_lost(n->s, sim.now, 1);
	ask_for(1, BLOCKS);
	CHECK(raw_expect(&raw, MSG_HASH_REJECT, NULL), "of what is lost");
	n->no_leaves = true;
	ask_for(0, BLOCKS);
	CHECK(raw_expect(&raw, MSG_HASH_REJECT, NULL), "cannot be hashed");
	raw_close(&raw);
	sim_free(&sim);
}

/* Who asks for all pieces over and over has 32 MiB hashed, and a MiB a second
 * from then on. */
static void what_a_peer_has_us_hash_is_bounded(void)
{
	uint32_t first, rejects;
	struct sim_node *n;

	init(64); /* of a MiB */
	n = add_seed();
	raw_open_v2(&raw, &sim, n, true, true);
	for (uint32_t i = 0; i < 100; i++) {
		ask_for(i % 64, BLOCKS);
		sim_answer_later(&sim, n);
	}
	first = n->hashed;
	rejects = raw_count(&raw, MSG_HASH_REJECT);
	CHECK(first == LEAF_PEER_BYTES / PIECE && rejects == 100 - first,
	      "%u hashed, %u refused", first, rejects);
	for (uint32_t s = 0; s < 20; s++) {
		sim.now += 1000;
		(void)swarm_tick(n->s, sim.now);
		for (uint32_t i = 0; i < 5; i++) {
			ask_for((s * 5 + i) % 64, BLOCKS);
			sim_answer_later(&sim, n);
		}
	}
	CHECK(n->hashed - first <= 20 * LEAF_PEER_PER_S / PIECE, "%u in 20 s",
	      n->hashed - first);
	CHECK(!raw.end.closed, "closed");
	raw_close(&raw);
	sim_free(&sim);
}

/* However many they are. */
static void what_all_have_us_hash_is_bounded(void)
{
	static struct raw many[6];
	struct sim_node *n;
	uint32_t first;

	init(64);
	n = add_seed();
	for (uint8_t i = 0; i < ROWS(many); i++) {
		many[i].id = i;
		raw_open_v2(&many[i], &sim, n, true, true);
	}
	for (uint32_t i = 0; i < 32 * ROWS(many); i++) {
		ask_by(&many[i % ROWS(many)], i % 64, BLOCKS);
		sim_answer_later(&sim, n);
	}
	first = n->hashed; /* the last piece is shorter than the others */
	CHECK(first == LEAF_SWARM_BYTES / PIECE + 1, "%u hashed", first);
	for (uint8_t i = 0; i < ROWS(many); i++)
		for (uint32_t k = 0; k < LEAF_WANTS_PEER; k++)
			ask_by(&many[i], k, BLOCKS);
	sim.now += 1000;
	(void)swarm_tick(n->s, sim.now);
	for (uint8_t i = 0; i < ROWS(many); i++)
		for (uint32_t k = 0; k < LEAF_WANTS_PEER; k++)
			ask_by(&many[i], k, BLOCKS);
	for (uint32_t i = 0; i < 100; i++)
		sim_answer_later(&sim, n);
	CHECK(n->hashed - LEAF_SWARM_BYTES / PIECE <= LEAF_WANTS_MAX, "%u wait",
	      n->hashed - LEAF_SWARM_BYTES / PIECE);
	for (uint8_t i = 0; i < ROWS(many); i++)
		raw_close(&many[i]);
	sim_free(&sim);
}

static void few_questions_wait(void)
{
	struct sim_node *n;

	init(64);
	n = add_seed();
	raw_open_v2(&raw, &sim, n, true, true);
	for (uint32_t i = 0; i < 30; i++)
		ask_for(i, BLOCKS);
	CHECK(n->hashed == 1, "%u at a time", n->hashed);
	CHECK(raw_count(&raw, MSG_HASH_REJECT) == 30 - LEAF_WANTS_PEER,
	      "refused");
	for (uint32_t i = 0; i < 30; i++)
		sim_answer_later(&sim, n);
	CHECK(n->hashed == LEAF_WANTS_PEER &&
		      raw_count(&raw, MSG_HASHES) == LEAF_WANTS_PEER,
	      "told");
	for (uint32_t i = 0; i < 8; i++)
		ask_for(40 + i, BLOCKS);
	raw_close(&raw); /* nobody waits any more */
	for (uint32_t i = 0; i < 30; i++)
		sim_answer_later(&sim, n);
	CHECK(n->hashed == LEAF_WANTS_PEER + 1, "for nobody: %u", n->hashed);
	sim_free(&sim);
}

/* The piece is still being hashed when who asked is gone and all is let go. */
static void a_swarm_at_rest_waits_for_no_hashes(void)
{
	struct layers_file file;
	struct sim_node *n;

	init(3);
	n = add_seed();
	raw_open_v2(&raw, &sim, n, true, true);
	ask_for(1, BLOCKS);
	raw_close(&raw);
	CHECK(swarm_rest(n->s), "rests");
	sim_answer_later(&sim, n);
	file = sim_layers_file(&sim);
	CHECK(swarm_recall(n->s, NULL, 0, &file, 1, NULL) == ERR_NONE, "back");
	raw_open_v2(&raw, &sim, n, true, true);
	ask_for(1, BLOCKS);
	sim_answer_later(&sim, n);
	CHECK(raw_expect(&raw, MSG_HASHES, NULL), "told");
	raw_close(&raw);
	sim_free(&sim);
}

int main(void)
{
	a_swarm_at_rest_waits_for_no_hashes();
	a_bad_block_is_found_and_comes_again_alone();
	who_sent_all_of_it_is_banned_at_once();
	hashes_that_all_fit_blame_nobody();
	a_check_may_end_in_any_way();
	who_tells_false_hashes_of_blocks_is_banned();
	who_is_silent_is_not_waited_for();
	who_refuses_is_not_asked_again();
	hashes_of_blocks_are_told();
	what_a_peer_has_us_hash_is_bounded();
	what_all_have_us_hash_is_bounded();
	few_questions_wait();
	return CHECK_EXIT();
}
