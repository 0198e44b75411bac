/* Swarms of v1, of v2 and of both in one (BEP 52). */
#include "tests/wire/raw.h"
#include "wire/peer/hash_msg.h"

static struct sim sim; /* large; each test begins with sim_init() */
static struct raw raw;

enum kind { V1, V2, BOTH };

static struct sim_node *add(enum kind kind, bool seed)
{
	struct sim_node *n;

	sim.v1_off = kind == V2;
	sim.v2_off = kind == V1;
	sim.layer_off = !seed;
	n = sim_add(&sim, seed);
	return n;
}

static void init(uint64_t seed, uint32_t pieces)
{
	sim_init(&sim, seed, pieces, 65536, 100);
	sim_make_v2(&sim);
}

static void same_hash_at_both_ends(void)
{
	const struct peer *a = sim.ends[0][0].p, *b = sim.ends[0][1].p;

	if (a && b && peer_swarm(a) && peer_swarm(b))
		CHECK(info_hash_eq(peer_info_hash(a), peer_info_hash(b)),
		      "the ends name two hashes");
}

static void whoever_shares_a_hash_shares_the_pieces(void)
{
	static const struct {
		const char *name;
		enum kind seed, leech;
		bool by_v2;
		bool got, given; /* who connects: the leech, the seed */
		unsigned layers;
	} rows[] = {
		{"v2 of v2", V2, V2, false, true, true, 1},
		{"v2 of a hybrid", BOTH, V2, false, true, false, 1},
		{"v2 of a hybrid, by v2", BOTH, V2, true, true, true, 1},
		{"a hybrid of v2", V2, BOTH, false, false, true, 1},
		{"a hybrid of v2, by v2", V2, BOTH, true, true, true, 1},
		{"a hybrid of a hybrid", BOTH, BOTH, false, true, true, 1},
		{"a hybrid of a hybrid, by v2", BOTH, BOTH, true, true, true,
		 1},
		{"v1 of a hybrid", BOTH, V1, false, true, true, 0},
		{"v1 of a hybrid, by v2", BOTH, V1, true, true, false, 0},
		{"a hybrid of v1", V1, BOTH, false, true, true, 0},
		{"v1 of v2", V2, V1, false, false, false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		for (int turned = 0; turned < 2; turned++) {
			struct sim_node *seed, *leech;

			bool want = turned ? rows[i].given : rows[i].got;

			init(i, 40);
			sim.by_v2 = rows[i].by_v2;
			seed = add(rows[i].seed, true);
			leech = add(rows[i].leech, false);
			if (turned)
				(void)sim_connect(&sim, seed, leech);
			else
				(void)sim_connect(&sim, leech, seed);
			sim_run(&sim, 30000);
			same_hash_at_both_ends();
			CHECK(leech->completed == want &&
				      sim_data_right(leech) == want,
			      "%s (%d): %u", rows[i].name, turned,
			      leech->completed);
			CHECK(leech->layers == (want ? rows[i].layers : 0),
			      "%s (%d): %u layers", rows[i].name, turned,
			      leech->layers);
			sim_free(&sim);
		}
}

static void many_hashes_come_from_several_peers(void)
{
	struct sim_node *seed, *leech;

	sim_init(&sim, 1, 3000, 16384, 100);
	sim_make_v2(&sim);
	sim.chop = true;
	seed = add(V2, true);
	(void)seed;
	leech = add(V2, false);
	(void)sim_connect(&sim, leech, seed);
	(void)sim_connect(&sim, leech, add(BOTH, true));
	CHECK(sim_until(&sim, leech, 120000) && sim_data_right(leech),
	      "not complete");
	CHECK(leech->layers == 1 && leech->bad_closes == 0, "hashes");
	sim_free(&sim);
}

/* Of a link with the v2 hash, the dictionary's SHA-256 counts; then hashes,
 * then blocks, all over one connection. Of a link with a hybrid's v1 hash
 * hashes and blocks come over a second one. */
static void all_comes_from_a_v2_hash_alone(void)
{
	for (enum kind kind = V2; kind <= BOTH; kind++)
		for (int by_v1 = 0; by_v1 <= (kind == BOTH); by_v1++) {
			struct sim_node *seed, *leech;

			sim_init(&sim, 9, 40, 65536, 100);
			sim_make_info(&sim, 40000);
			sim_make_v2(&sim);
			seed = add(kind, true);
			sim.waiting = true;
			/* a hybrid's link may have either hash */
			leech = add(by_v1 ? V1 : V2, false);
			sim.waiting = false;
			sim.v1_off = kind == V2;
			sim.v2_off = false;
			(void)sim_connect(&sim, leech, seed);
			if (by_v1) {
				while (!leech->closes && sim.now < 1060000)
					sim_step(&sim);
				CHECK(leech->last_close == PEER_CLOSE_UPGRADE,
				      "by v1: %u closes", leech->closes);
				(void)sim_connect(&sim, leech, seed);
			}
			CHECK(sim_until(&sim, leech, 60000) &&
				      sim_data_right(leech),
			      "kind %d by v1 %d: not complete", kind, by_v1);
			CHECK(leech->metadata == 1 && leech->layers == 1 &&
				      leech->closes == (unsigned)by_v1,
			      "kind %d by v1 %d: %u layers", kind, by_v1,
			      leech->layers);
			sim_free(&sim);
		}
}

/* What a learner of hashes has, it tells: it has pieces of them. */
static void hashes_are_handed_on(void)
{
	struct sim_node *seed, *first, *second;

	init(3, 40);
	seed = add(V2, true);
	first = add(V2, false);
	second = add(V2, false);
	(void)sim_connect(&sim, first, seed);
	(void)sim_connect(&sim, second, first);
	CHECK(sim_until(&sim, second, 60000) && sim_data_right(second),
	      "not handed on");
	sim_free(&sim);
}

/* Between connections a seed lets go of all that it does not need alone. */
static void a_swarm_at_rest_tells_again_what_it_is_told(void)
{
	for (int again = 0; again < 2; again++) {
		struct sim_node *seed, *leech;
		struct layers_file file;

		sim_init(&sim, 11, 40, 65536, 100);
		sim_make_info(&sim, 40000);
		sim_make_v2(&sim);
		seed = add(V2, true);
		sim.waiting = true;
		leech = add(V2, false);
		sim.waiting = false;
		CHECK(!swarm_rest(leech->s), "it waits itself");
		CHECK(swarm_rest(seed->s) && swarm_rest(seed->s), "nobody");
		sim.layer_off = false;
		file = sim_layers_file(&sim);
		if (again)
			CHECK(swarm_recall(seed->s, sim.info, sim.info_len,
					   &file, 1, NULL) == ERR_NONE,
			      "recalled");
		sim.layer_off = true;
		sim.v1_off = true;
		sim.v2_off = false;
		(void)sim_connect(&sim, leech, seed);
		sim_run(&sim, 10000);
		CHECK(leech->metadata == (unsigned)again &&
			      leech->completed == (bool)again,
		      "recalled %d: %u, %u", again, leech->metadata,
		      leech->completed);
		CHECK(seed->closes + leech->closes == 0, "closed");
		CHECK(!swarm_rest(seed->s), "with a peer");
		sim_free(&sim);
	}
}

static void the_answer_names_the_version(void)
{
	static const struct {
		const char *name;
		enum kind kind;
		bool v2_hash, bit; /* what is said */
		bool want_v2_hash, want_bit;
		bool asks; /* for hashes */
	} rows[] = {
		{"v1", V1, false, false, false, false, false},
		{"v1 that is said to be v2", V1, false, true, false, false,
		 false},
		{"a hybrid, from v1", BOTH, false, false, false, true, false},
		{"a hybrid, upgraded", BOTH, false, true, true, true, true},
		{"a hybrid, by its v2 hash", BOTH, true, false, true, true,
		 true},
		{"v2", V2, true, false, true, true, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct handshake hs;
		struct sim_node *n;

		init(4, 40);
		n = add(rows[i].kind, false);
		raw_open_v2(&raw, &sim, n, rows[i].v2_hash, rows[i].bit);
		raw_pull(&raw);
		CHECK(raw.len >= HANDSHAKE_LEN &&
			      handshake_decode(&hs, raw.out),
		      "%s: no handshake", rows[i].name);
		CHECK(info_hash_eq(&hs.hash, rows[i].want_v2_hash ? &sim.hash_v2
								  : &sim.hash),
		      "%s: hash", rows[i].name);
		CHECK(hs.v2 == rows[i].want_bit, "%s: bit", rows[i].name);
		CHECK(raw_expect(&raw, MSG_HASH_REQUEST, NULL) == rows[i].asks,
		      "%s: asks", rows[i].name);
		CHECK(!raw.end.closed, "%s: closed", rows[i].name);
		raw_close(&raw);
		sim_free(&sim);
	}
}

/* libtorrent fell over it before 2.0.14 and 2.1.1. */
static void hash_messages_in_v1_are_of_no_purpose(void)
{
	uint8_t body[HASH_ASK_LEN + 64] = {0};
	struct hash_ask ask = {sim.root, 2, 0, 2, 0};
	struct sim_node *n;

	init(5, 40);
	n = add(V1, true);
	ask.root = sim.root;
	hash_ask_encode(body, &ask);
	raw_open_v2(&raw, &sim, n, false, true);
	raw_say_body(&raw, MSG_HASH_REQUEST, body, HASH_ASK_LEN);
	raw_say_body(&raw, MSG_HASHES, body, HASH_ASK_LEN + 64);
	raw_say_body(&raw, MSG_HASH_REJECT, body, HASH_ASK_LEN);
	CHECK(!raw.end.closed, "closed by three");
	CHECK(raw_count(&raw, MSG_HASH_REJECT) == 0, "answered");
	for (unsigned i = 0; i < 3000 && !raw.end.closed; i++)
		raw_say_body(&raw, MSG_HASH_REQUEST, body, HASH_ASK_LEN);
	CHECK(raw.end.closed, "many are a nuisance");
	raw_close(&raw);
	sim_free(&sim);
}

static void who_says_false_hashes_is_banned(void)
{
	uint8_t body[HASH_MSG_MAX];
	struct hash_ask ask;
	struct sim_node *n;
	struct msg m;

	init(6, 40);
	n = add(V2, false);
	raw_open_v2(&raw, &sim, n, true, true);
	CHECK(raw_expect(&raw, MSG_HASH_REQUEST, &m), "asked");
	CHECK(hash_ask_decode(&ask, m.body, m.body_len) && ask.base == 2 &&
		      ask.count == 64 && ask.index == 0,
	      "for the layer");
	memset(body, 3, sizeof(body));
	hash_ask_encode(body, &ask);
	memcpy(body + HASH_ASK_LEN, sim.layer, 40 * 32);
	raw_say_body(&raw, MSG_HASHES, body,
		     HASH_ASK_LEN + (64 + hash_ask_uncles(&ask)) * 32);
	CHECK(n->banned == 1 && raw.end.closed &&
		      n->last_close == PEER_CLOSE_BAD_DATA,
	      "banned");
	CHECK(n->layers == 0, "not taken");
	raw_close(&raw);
	sim_free(&sim);
}

static void no_block_is_asked_for_before_its_hash_is_known(void)
{
	uint8_t body[HASH_MSG_MAX] = {0};
	struct hash_ask ask;
	struct sim_node *n;
	struct msg m;

	init(10, 64);
	n = add(V2, false);
	raw_open_v2(&raw, &sim, n, true, true);
	CHECK(raw_expect(&raw, MSG_HASH_REQUEST, &m), "asked");
	CHECK(hash_ask_decode(&ask, m.body, m.body_len), "a question");
	raw_say_id(&raw, MSG_UNCHOKE);
	sim.now += 1000;
	(void)swarm_tick(n->s, sim.now);
	CHECK(raw_count(&raw, MSG_REQUEST) == 0, "before");
	hash_ask_encode(body, &ask);
	memcpy(body + HASH_ASK_LEN, sim.layer, 64 * 32);
	raw_say_body(&raw, MSG_HASHES, body, HASH_ASK_LEN + 64 * 32);
	CHECK(n->layers == 1 && raw_expect(&raw, MSG_REQUEST, NULL), "after");
	raw_close(&raw);
	sim_free(&sim);
}

/* v1's hashes do, where those of v2 do not come; at once where nobody could
 * tell them. */
static void a_hybrid_does_not_wait_for_long(void)
{
	for (int v2 = 0; v2 < 2; v2++) {
		struct sim_node *n;

		init(13, 64);
		n = add(BOTH, false);
		raw_open_v2(&raw, &sim, n, false, v2);
		raw_say_id(&raw, MSG_UNCHOKE);
		if (v2)
			CHECK(raw_expect(&raw, MSG_HASH_REQUEST, NULL),
			      "asked");
		for (int i = 0; i < 5 && v2; i++) {
			CHECK(raw_count(&raw, MSG_REQUEST) == 0, "%d s", i);
			sim.now += 1000;
			(void)swarm_tick(n->s, sim.now);
		}
		CHECK(raw_count(&raw, MSG_REQUEST) > 0, "v2 %d: never", v2);
		raw_close(&raw);
		sim_free(&sim);
	}
}

/* A link tells v1's hash alone. The bit of v2 is not said for it: some close on
 * who says it of a torrent of v1. When it turns out to be a hybrid's, who knows
 * it as one is connected to anew; nobody else is. */
static void a_link_is_of_v1_until_the_torrent_is_known(void)
{
	static const struct {
		const char *name;
		bool hybrid, bit, outgoing;
		enum peer_close closed;
	} rows[] = {
		{"v1", false, false, true, PEER_CLOSE_NONE},
		{"v1, said to be v2", false, true, true, PEER_CLOSE_NONE},
		{"a hybrid", true, true, true, PEER_CLOSE_UPGRADE},
		{"a hybrid that it has as v1", true, false, true,
		 PEER_CLOSE_NONE},
		{"a hybrid, to us", true, true, false, PEER_CLOSE_NONE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct handshake hs;
		uint8_t buf[HANDSHAKE_LEN];
		struct sim_node *n;

		init(9, 40);
		sim_make_info(&sim, 40000);
		sim.waiting = true;
		n = add(V1, false);
		sim.v2_off = !rows[i].hybrid;
		sim.layer_off = true;
		raw_open(&raw, &sim, n, rows[i].outgoing);
		hs = (struct handshake){
			.fast = true, .v2 = rows[i].bit, .hash = sim.hash};
		memset(&hs.id, 'R', sizeof(hs.id));
		handshake_encode(buf, &hs);
		raw_say(&raw, buf, sizeof(buf));
		raw_pull(&raw);
		CHECK(raw.len >= HANDSHAKE_LEN &&
			      handshake_decode(&hs, raw.out) && !hs.v2,
		      "%s: the bit is said", rows[i].name);
		raw_say_id(&raw, MSG_HAVE_ALL);
		sim_know(n, NULL);
		CHECK(raw.end.closed == (rows[i].closed != PEER_CLOSE_NONE) &&
			      n->last_close == rows[i].closed,
		      "%s: closed %d, %s", rows[i].name, raw.end.closed,
		      peer_close_name(n->last_close));
		raw_close(&raw);
		sim_free(&sim);
	}
}

static void hashes_of_no_question_close(void)
{
	uint8_t body[HASH_ASK_LEN + 96] = {0};
	struct hash_ask ask = {.base = 2, .count = 2};
	struct sim_node *n;

	init(7, 40);
	n = add(V2, false);
	raw_open_v2(&raw, &sim, n, true, true);
	hash_ask_encode(body, &ask);
	raw_say_body(&raw, MSG_HASHES, body, HASH_ASK_LEN + 64);
	CHECK(!raw.end.closed, "of another file: of no purpose");
	raw_say_body(&raw, MSG_HASHES, body, HASH_ASK_LEN + 96);
	CHECK(raw.end.closed && n->last_close == PEER_CLOSE_PROTOCOL,
	      "more hashes than the question has");
	raw_close(&raw);
	sim_free(&sim);
}

/* It asks and does not read. */
static void a_flood_of_questions_is_bounded(void)
{
	uint8_t body[HASH_ASK_LEN];
	struct hash_ask ask = {.base = 2, .count = 64, .proofs = 5};
	struct sim_node *n;

	init(8, 40);
	n = add(V2, true);
	ask.root = sim.root;
	hash_ask_encode(body, &ask);
	raw_open_v2(&raw, &sim, n, true, true);
	for (unsigned i = 0; i < 10; i++)
		raw_say_body(&raw, MSG_HASH_REQUEST, body, sizeof(body));
	CHECK(raw_count(&raw, MSG_HASHES) == 10, "answered");
	for (unsigned i = 0; i < 100; i++)
		raw_say_body(&raw, MSG_HASH_REQUEST, body, sizeof(body));
	CHECK(!raw.end.closed, "a hundred at once");
	CHECK(raw_expect(&raw, MSG_HASH_REJECT, NULL), "some are refused");
	for (unsigned i = 0; i < 5000 && !raw.end.closed; i++)
		raw_say_body(&raw, MSG_HASH_REQUEST, body, sizeof(body));
	CHECK(raw.end.closed, "it ends");
	raw_close(&raw);
	sim_free(&sim);
}

int main(void)
{
	whoever_shares_a_hash_shares_the_pieces();
	many_hashes_come_from_several_peers();
	all_comes_from_a_v2_hash_alone();
	hashes_are_handed_on();
	a_swarm_at_rest_tells_again_what_it_is_told();
	the_answer_names_the_version();
	hash_messages_in_v1_are_of_no_purpose();
	who_says_false_hashes_is_banned();
	no_block_is_asked_for_before_its_hash_is_known();
	hashes_of_no_question_close();
	a_link_is_of_v1_until_the_torrent_is_known();
	a_hybrid_does_not_wait_for_long();
	a_flood_of_questions_is_bounded();
	return CHECK_EXIT();
}
