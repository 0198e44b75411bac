#include "tests/wire/raw.h"

static struct sim sim;
static struct raw raw;

#define PIECE_LEN (4 * PICKER_BLOCK)
#define BLOCK PICKER_BLOCK

static struct sim_node *world(bool seed)
{
	sim_init(&sim, 77, 10, PIECE_LEN, 1000);
	return sim_add(&sim, seed);
}

/* An accepted connection past its handshakes, without BEP 10. */
static struct sim_node *connected(bool seed, bool fast)
{
	struct sim_node *n = world(seed);

	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, fast, false);
	(void)swarm_tick(n->s, sim.now);
	return n;
}

static void finish(void)
{
	raw_close(&raw);
	sim_free(&sim);
}

static struct msg block_msg(enum msg_id id, uint32_t piece, uint32_t begin,
			    uint32_t len)
{
	return (struct msg){id, piece, begin, len, .ext = 0};
}

static void what_is_malformed_closes(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		enum peer_close want;
	} rows[] = {
		{"a good choke", "\0\0\0\1\0", 5, PEER_CLOSE_NONE},
		{"a message of 4 GiB", "\377\377\377\377\0", 5,
		 PEER_CLOSE_PROTOCOL},
		{"a request that is short", "\0\0\0\5\6\0\0\0\0", 9,
		 PEER_CLOSE_PROTOCOL},
		{"a have out of range", "\0\0\0\5\4\0\0\0\12", 9,
		 PEER_CLOSE_PROTOCOL},
		{"a request out of range",
		 "\0\0\0\15\6\0\0\0\0\0\0\377\377\0\0\100\0", 17,
		 PEER_CLOSE_PROTOCOL},
		{"a block out of range", "\0\0\0\12\7\0\0\0\77\0\0\0\0x", 14,
		 PEER_CLOSE_PROTOCOL},
		{"a block of nothing", "\0\0\0\11\7\0\0\0\0\0\0\0\0", 13,
		 PEER_CLOSE_PROTOCOL},
		{"a fast message, not agreed on", "\0\0\0\1\16", 5,
		 PEER_CLOSE_PROTOCOL},
		{"a second bitfield, as aria2 says it",
		 "\0\0\0\3\5\200\0"
		 "\0\0\0\3\5\200\0",
		 14, PEER_CLOSE_NONE},
		{"an unknown message", "\0\0\0\4\77abc", 8, PEER_CLOSE_NONE},
		{"an unknown message of 1 MiB", "\0\20\0\0\77", 5,
		 PEER_CLOSE_PROTOCOL},
		{"an extension handshake that is none", "\0\0\0\4\24\0xx", 8,
		 PEER_CLOSE_PROTOCOL},
		{"an extended message over the maximum", "\0\1\0\0\24\1", 6,
		 PEER_CLOSE_PROTOCOL},
		{"a block nobody asked for", "\0\0\0\12\7\0\0\0\0\0\0\0\0x", 14,
		 PEER_CLOSE_NONE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *n = connected(true, false);

		raw_say(&raw, rows[i].bytes, rows[i].len);
		CHECK(n->last_close == rows[i].want, "%s: closed for %s",
		      rows[i].name, peer_close_name(n->last_close));
		CHECK((n->closes == 1) == (rows[i].want != PEER_CLOSE_NONE),
		      "%s: %u closes", rows[i].name, n->closes);
		/* what comes after is ignored */
		raw_say(&raw, "\0\0\0\1\2", 5);
		finish();
	}
}

/* What a connection that is for renting does with messages about pieces. */
static void without_pieces(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		enum peer_close want;
	} rows[] = {
		{"choke and unchoke", "\0\0\0\1\0\0\0\0\1\1", 10,
		 PEER_CLOSE_NONE},
		{"interest", "\0\0\0\1\2", 5, PEER_CLOSE_NONE},
		{"have all", "\0\0\0\1\16", 5, PEER_CLOSE_NONE},
		{"have none", "\0\0\0\1\17", 5, PEER_CLOSE_NONE},
		{"a bitfield of nothing", "\0\0\0\1\5", 5, PEER_CLOSE_NONE},
		{"a bitfield", "\0\0\0\2\5\0", 6, PEER_CLOSE_PROTOCOL},
		{"a have", "\0\0\0\5\4\0\0\0\0", 9, PEER_CLOSE_PROTOCOL},
		{"a request", "\0\0\0\15\6\0\0\0\0\0\0\0\0\0\0\100\0", 17,
		 PEER_CLOSE_PROTOCOL},
		{"a block", "\0\0\0\12\7\0\0\0\0\0\0\0\0x", 14,
		 PEER_CLOSE_PROTOCOL},
		{"an extended message of 82 KiB", "\0\1\110\0\24\2", 6,
		 PEER_CLOSE_PROTOCOL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *n;

		sim_init(&sim, 78, 1, PIECE_LEN, 1);
		sim.pieces = 0;
		sim.total = 0;
		sim.store = true;
		n = sim_add(&sim, false);
		raw_open(&raw, &sim, n, false);
		raw_say_handshake(&raw, true, false);
		(void)swarm_tick(n->s, sim.now);
		raw_say(&raw, rows[i].bytes, rows[i].len);
		(void)swarm_tick(n->s, sim.now + 60000);
		CHECK(n->last_close == rows[i].want, "%s: closed for %s",
		      rows[i].name, peer_close_name(n->last_close));
		CHECK(raw.end.closed || raw_next(&raw).id == MSG_UNKNOWN,
		      "%s: answered", rows[i].name);
		finish();
	}
}

/* 17 KiB in sb_pay (id 1), where sb_store (id 2) would take it. */
static void each_extension_has_its_own_maximum(void)
{
	static uint8_t bytes[17408 + 6] = {0, 0, 0x44, 2, 20, 0};
	static const char hs[] = "\0\0\0\4\24\0de";

	for (uint8_t id = EXT_SB_PAY; id <= EXT_SB_STORE; id++) {
		struct sim_node *n;

		sim_init(&sim, 79, 1, PIECE_LEN, 1);
		sim.store = true;
		n = sim_add(&sim, false);
		raw_open(&raw, &sim, n, false);
		raw_say_handshake(&raw, true, true);
		raw_say(&raw, hs, sizeof(hs) - 1);
		bytes[5] = id;
		raw_say(&raw, bytes, sizeof(bytes));
		CHECK(n->last_close == (id == EXT_SB_PAY ? PEER_CLOSE_PROTOCOL
							 : PEER_CLOSE_NONE) &&
			      n->ext_bytes == (id == EXT_SB_PAY ? 0 : 17408),
		      "id %u: closed for %s, %llu bytes", id,
		      peer_close_name(n->last_close),
		      (unsigned long long)n->ext_bytes);
		finish();
	}
}

static void handshakes_that_are_wrong(void)
{
	static const struct {
		const char *name;
		size_t at; /* byte that is changed */
		size_t say;
		bool outgoing;
		enum peer_close want;
	} rows[] = {
		{"another protocol, told by its first byte", 0, 1, false,
		 PEER_CLOSE_PROTOCOL},
		{"another protocol, told by its last byte", 19, 20, false,
		 PEER_CLOSE_PROTOCOL},
		{"a torrent that is not here", 30, 68, false,
		 PEER_CLOSE_NO_TORRENT},
		{"another torrent than asked for", 30, 68, true,
		 PEER_CLOSE_HASH},
		{"unknown reserved bits", 21, 68, false, PEER_CLOSE_NONE},
		{"not whole yet", 67, 67, false, PEER_CLOSE_NONE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *n = world(true);
		struct handshake hs = {.fast = true};
		uint8_t buf[HANDSHAKE_LEN];

		memset(&hs.hash, 0x11, sizeof(hs.hash));
		memset(&hs.id, 'R', sizeof(hs.id));
		handshake_encode(buf, &hs);
		buf[rows[i].at] ^= 0x40;
		raw_open(&raw, &sim, n, rows[i].outgoing);
		raw_say(&raw, buf, rows[i].say);
		CHECK(n->last_close == rows[i].want, "%s: closed for %s",
		      rows[i].name, peer_close_name(n->last_close));
		CHECK(!raw.end.closed || rows[i].outgoing ||
			      peer_output(raw.end.p, sim.now,
					  &(struct iovec){0}, 1,
					  &(size_t){0}) == 0,
		      "%s: answered", rows[i].name);
		finish();
	}
}

static void slow_handshakes_end(void)
{
	struct sim_node *n = world(true);

	raw_open(&raw, &sim, n, false);
	raw_say(&raw, "\x13", 1);
	peer_check_timeout(raw.end.p, sim.now + PEER_HANDSHAKE_MS - 1);
	CHECK(!raw.end.closed, "too early");
	peer_check_timeout(raw.end.p, sim.now + PEER_HANDSHAKE_MS);
	CHECK(n->last_close == PEER_CLOSE_TIMEOUT, "stays");
	finish();
}

static void what_we_have_is_said_first(void)
{
	static const struct {
		const char *name;
		bool seed, fast;
		enum msg_id want;
	} rows[] = {
		{"a seed to a fast peer", true, true, MSG_HAVE_ALL},
		{"a seed to a plain peer", true, false, MSG_BITFIELD},
		{"nothing to a fast peer", false, true, MSG_HAVE_NONE},
		{"nothing to a plain peer", false, false, MSG_UNKNOWN},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		(void)connected(rows[i].seed, rows[i].fast);
		CHECK(raw_next(&raw).id == rows[i].want, "%s", rows[i].name);
		finish();
	}
}

static void requests_are_served_in_order(void)
{
	struct sim_node *n = connected(true, true);
	struct msg m;

	raw_say_id(&raw, MSG_HAVE_NONE);
	raw_say_id(&raw, MSG_INTERESTED);
	CHECK(raw_expect(&raw, MSG_UNCHOKE, NULL), "no slot at once");
	for (uint32_t i = 0; i < 4; i++) {
		m = block_msg(MSG_REQUEST, 3, i * BLOCK, BLOCK);
		raw_say_msg(&raw, &m);
	}
	m = block_msg(MSG_REQUEST, 9, 990, 10);
	raw_say_msg(&raw, &m);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(raw_expect(&raw, MSG_PIECE, &m) && m.piece == 3 &&
			      m.begin == i * BLOCK && m.len == BLOCK,
		      "block %u", i);
	CHECK(raw_expect(&raw, MSG_PIECE, &m) && m.begin == 990 && m.len == 10,
	      "a short one");
	CHECK(n->charged == 4 * BLOCK + 10, "charged %llu",
	      (unsigned long long)n->charged);
	finish();
}

static void what_is_not_served_is_rejected(void)
{
	static const struct {
		const char *name;
		bool seed, interested;
		uint32_t len;
		enum msg_id want;
	} rows[] = {
		{"served", true, true, BLOCK, MSG_PIECE},
		{"while choked", true, false, BLOCK, MSG_REJECT},
		{"a piece that we have not", false, true, BLOCK, MSG_REJECT},
		{"more than 16 KiB", true, true, BLOCK + 1, MSG_REJECT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct msg m = block_msg(MSG_REQUEST, 1, 5, rows[i].len), got;

		(void)connected(rows[i].seed, true);
		raw_say_id(&raw, MSG_HAVE_NONE);
		if (rows[i].interested)
			raw_say_id(&raw, MSG_INTERESTED);
		raw_say_msg(&raw, &m);
		CHECK(raw_expect(&raw, rows[i].want, &got) && got.piece == 1 &&
			      got.begin == 5 && got.len == rows[i].len,
		      "%s: %s", rows[i].name, msg_name(got.id));
		CHECK(raw_next(&raw).id == MSG_UNKNOWN, "%s: twice",
		      rows[i].name);
		finish();
	}
}

static void a_cancel_saves_the_block(void)
{
	struct sim_node *n = connected(true, true);
	struct msg a = block_msg(MSG_REQUEST, 1, 0, BLOCK);
	struct msg b = block_msg(MSG_REQUEST, 1, BLOCK, BLOCK);
	struct msg c = block_msg(MSG_CANCEL, 1, 0, BLOCK), got;

	raw_say_id(&raw, MSG_HAVE_NONE);
	raw_say_id(&raw, MSG_INTERESTED);
	raw_say_msg(&raw, &a);
	raw_say_msg(&raw, &b);
	raw_say_msg(&raw, &c);
	CHECK(raw_expect(&raw, MSG_REJECT, &got) && got.begin == 0,
	      "no answer to the cancel");
	CHECK(raw_expect(&raw, MSG_PIECE, &got) && got.begin == BLOCK,
	      "the other one");
	CHECK(n->charged == BLOCK, "charged %llu",
	      (unsigned long long)n->charged);
	finish();
}

/* Reads under way when the peer is choked go to nobody, and every request is
 * answered once. */
static void a_choke_answers_what_waits(void)
{
	struct sim_node *n = connected(true, true);
	struct msg m;
	unsigned rejects;

	n->reads_later = true;
	raw_say_id(&raw, MSG_HAVE_NONE);
	raw_say_id(&raw, MSG_INTERESTED);
	CHECK(raw_expect(&raw, MSG_UNCHOKE, NULL), "no slot");
	for (uint32_t i = 0; i < 40; i++) {
		m = block_msg(MSG_REQUEST, i / 4, i % 4 ? 0 : 1, 100);
		raw_say_msg(&raw, &m);
	}
	(void)raw_next(&raw);
	CHECK(n->n_later == 32, "%u reads", n->n_later);
	raw_say_id(&raw, MSG_NOT_INTERESTED);
	CHECK(raw_expect(&raw, MSG_CHOKE, NULL), "keeps its slot");
	sim_answer_later(&sim, n);
	rejects = raw_count(&raw, MSG_REJECT);
	CHECK(rejects == 40, "%u of 40 answered", rejects);
	CHECK(n->charged == 0, "charged");
	finish();
}

/* Transmission 4.0 does not look at what it read with the handshake until more
 * comes. */
static void who_speaks_first_is_answered_once(void)
{
	static const uint8_t nothing[4];
	struct sim_node *n = connected(true, true);
	size_t before;

	(void)n;
	raw_pull(&raw);
	before = raw.len;
	raw_say_id(&raw, MSG_HAVE_NONE);
	raw_pull(&raw);
	CHECK(raw.len == before + sizeof(nothing) &&
		      memcmp(raw.out + before, nothing, sizeof(nothing)) == 0,
	      "%zu bytes, not a keep-alive", raw.len - before);
	before = raw.len;
	raw_say_id(&raw, MSG_NOT_INTERESTED);
	raw_pull(&raw);
	CHECK(raw.len == before, "again");
	finish();
}

static void too_many_requests_are_rejected(void)
{
	struct sim_node *n = connected(true, true);
	struct peer_stats st;
	struct msg m = block_msg(MSG_REQUEST, 1, 0, BLOCK);

	n->hold = 1;
	raw_say_id(&raw, MSG_HAVE_NONE);
	raw_say_id(&raw, MSG_INTERESTED);
	for (unsigned i = 0; i < PEER_REQUESTS_MAX + 100; i++)
		raw_say_msg(&raw, &m);
	peer_stats_get(raw.end.p, &st);
	CHECK(st.requests_in == PEER_REQUESTS_MAX, "%u kept", st.requests_in);
	CHECK(raw_count(&raw, MSG_REJECT) == 100, "not rejected");
	CHECK(n->closes == 0, "closed");
	finish();
}

static void floods_end_the_connection(void)
{
	static const struct {
		const char *name;
		struct msg msg;
		bool alive; /* keep-alives instead */
	} rows[] = {
		{"keep-alives", {.id = MSG_UNKNOWN}, true},
		{"haves told before", {MSG_HAVE, .piece = 1}, false},
		{"interest again and again", {.id = MSG_INTERESTED}, false},
		{"chokes", {.id = MSG_CHOKE}, false},
		{"cancels of nothing",
		 {MSG_CANCEL, 1, 0, BLOCK, .ext = 0},
		 false},
		{"rejects of nothing",
		 {MSG_REJECT, 1, 0, BLOCK, .ext = 0},
		 false},
		{"requests while choked",
		 {MSG_REQUEST, 1, 0, BLOCK, .ext = 0},
		 false},
		{"suggestions", {MSG_SUGGEST, .piece = 1}, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *n = connected(true, true);
		unsigned said = 0;

		raw_say_id(&raw, MSG_HAVE_NONE);
		while (!raw.end.closed && said < 10000) {
			if (rows[i].alive)
				raw_say(&raw, "\0\0\0\0", 4);
			else
				raw_say_msg(&raw, &rows[i].msg);
			said++;
		}
		CHECK(n->last_close == PEER_CLOSE_FLOOD, "%s: %u, %s",
		      rows[i].name, said, peer_close_name(n->last_close));
		finish();
	}
}

static void patient_peers_may_repeat_themselves(void)
{
	struct sim_node *n = connected(true, true);

	raw_say_id(&raw, MSG_HAVE_NONE);
	for (unsigned second = 0; second < 100; second++) {
		for (unsigned i = 0; i < 50; i++)
			raw_say(&raw, "\0\0\0\0", 4);
		sim.now += 1000;
		(void)swarm_tick(n->s, sim.now);
	}
	CHECK(n->closes == 0, "closed for %s", peer_close_name(n->last_close));
	finish();
}

/* It asks, and never reads the answers. */
static void a_peer_that_does_not_read_is_not_read(void)
{
	struct sim_node *n = connected(true, true);
	struct msg m = block_msg(MSG_REQUEST, 1, 0, BLOCK);
	unsigned said = 0;

	raw_say_id(&raw, MSG_HAVE_NONE);
	while (peer_read_quota(raw.end.p, sim.now) > 0 && said < 100000) {
		raw_say_msg(&raw, &m); /* choked: each makes a reject */
		if (said++ % 100 == 99) {
			sim.now += 1000;
			(void)swarm_tick(n->s, sim.now);
		}
	}
	CHECK(said < 5000, "read %u requests", said);
	CHECK(n->closes == 0, "closed for %s", peer_close_name(n->last_close));
	raw.end.read_paused = true;
	raw_pull(&raw);
	CHECK(!raw.end.read_paused, "not woken after it has read");
	finish();
}

/* ---- we ask ---- */

static struct sim_node *asking(bool fast, struct msg *first)
{
	struct sim_node *n = connected(false, fast);

	if (fast)
		raw_say_id(&raw, MSG_HAVE_ALL);
	else
		raw_say(&raw, "\0\0\0\3\5\377\300", 7);
	CHECK(raw_expect(&raw, MSG_INTERESTED, NULL), "not interested");
	CHECK(raw_next(&raw).id == MSG_UNKNOWN, "asks while choked");
	raw_say_id(&raw, MSG_UNCHOKE);
	CHECK(raw_expect(&raw, MSG_REQUEST, first) && first->begin == 0 &&
		      first->len == (first->piece == 9 ? 1000 : BLOCK),
	      "first request");
	return n;
}

static void blocks_that_were_not_asked_for(void)
{
	static const struct {
		const char *name;
		uint32_t begin, len; /* of the first piece asked for */
		bool taken;
	} rows[] = {
		{"the block itself", 0, BLOCK, true},
		{"a part of it", 0, BLOCK - 1, false},
		{"from its middle", 1, BLOCK - 1, false},
		{"as much, but beginning elsewhere", 1, BLOCK, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct msg first;
		struct sim_node *n = asking(true, &first);

		if (first.piece != 9)
			raw_say_block(&raw, first.piece, rows[i].begin,
				      rows[i].len);
		CHECK((n->received > 0) == rows[i].taken, "%s: %llu",
		      rows[i].name, (unsigned long long)n->received);
		/* the same again is waste, not another block */
		if (first.piece != 9)
			raw_say_block(&raw, first.piece, rows[i].begin,
				      rows[i].len);
		CHECK(n->received <= BLOCK && n->unwanted == 0, "%s: twice",
		      rows[i].name);
		finish();
	}
}

static void a_choke_gives_the_blocks_back(void)
{
	for (int fast = 0; fast < 2; fast++) {
		struct msg first, again;
		struct sim_node *n = asking(fast != 0, &first);
		struct peer_stats st;

		raw_say_id(&raw, MSG_CHOKE);
		peer_stats_get(raw.end.p, &st);
		/* BEP 6: each will be answered yet */
		CHECK((st.requests_out > 0) == (fast != 0), "%u on their way",
		      st.requests_out);
		while (fast && (again = raw_next(&raw)).id != MSG_UNKNOWN)
			if (again.id == MSG_REQUEST) {
				again.id = MSG_REJECT;
				raw_say_msg(&raw, &again);
			}
		/* what was on its way when it choked us still counts */
		raw_say_block(&raw, first.piece, 0, first.len);
		CHECK(n->received == first.len, "late block: %llu",
		      (unsigned long long)n->received);
		(void)raw_count(&raw, MSG_REQUEST);
		raw_say_id(&raw, MSG_UNCHOKE);
		CHECK(raw_expect(&raw, MSG_REQUEST, &again), "asks no more");
		CHECK(n->closes == 0, "closed");
		finish();
	}
}

/* A peer that refuses while we are unchoked is not asked in a circle. */
static void a_refusal_is_answered_by_patience(void)
{
	struct msg first, again;
	struct sim_node *n = asking(true, &first);
	unsigned asked = 0;

	raw_say_msg(&raw, &(struct msg){MSG_REJECT, first.piece, 0, first.len,
					.ext = 0});
	for (int round = 0; round < 100; round++)
		while ((again = raw_next(&raw)).id == MSG_REQUEST) {
			asked++;
			again.id = MSG_REJECT;
			raw_say_msg(&raw, &again);
		}
	CHECK(asked < 60, "asked %u times", asked);
	for (int i = 0; i < 30; i++) {
		sim.now += 1000;
		(void)swarm_tick(n->s, sim.now);
		while ((again = raw_next(&raw)).id == MSG_REQUEST) {
			asked++;
			again.id = MSG_REJECT;
			raw_say_msg(&raw, &again);
		}
	}
	CHECK(asked > 60 && asked < 600, "asked %u times in 30 s", asked);
	CHECK(n->closes == 0, "closed");
	finish();
}

static void allowed_fast_is_asked_while_choked(void)
{
	struct sim_node *n = connected(false, true);
	struct msg m = {MSG_ALLOWED_FAST, .piece = 4}, got;

	raw_say_id(&raw, MSG_HAVE_ALL);
	raw_say_msg(&raw, &m);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(raw_expect(&raw, MSG_REQUEST, &got) && got.piece == 4 &&
			      got.begin == i * BLOCK,
		      "block %u", i);
	CHECK(raw_next(&raw).id == MSG_UNKNOWN, "asks for more");
	for (uint32_t i = 0; i < 4; i++)
		raw_say_block(&raw, 4, i * BLOCK, BLOCK);
	CHECK(n->verified == 1, "not verified");
	finish();
}

static void a_suggestion_is_followed(void)
{
	struct sim_node *n = connected(false, true);
	struct msg m = {MSG_SUGGEST, .piece = 6}, got;

	(void)n;
	raw_say_id(&raw, MSG_HAVE_ALL);
	raw_say_msg(&raw, &m);
	raw_say_id(&raw, MSG_UNCHOKE);
	CHECK(raw_expect(&raw, MSG_REQUEST, &got) && got.piece == 6, "piece %u",
	      got.piece);
	finish();
}

static void interest_follows_what_they_have(void)
{
	struct sim_node *n = connected(false, false);
	struct msg have = {MSG_HAVE, .piece = 9}, got;

	CHECK(raw_next(&raw).id == MSG_UNKNOWN, "interested in nothing");
	raw_say_msg(&raw, &have);
	CHECK(raw_expect(&raw, MSG_INTERESTED, NULL), "not interested");
	raw_say_id(&raw, MSG_UNCHOKE);
	CHECK(raw_expect(&raw, MSG_REQUEST, &got) && got.piece == 9 &&
		      got.len == 1000,
	      "the last piece");
	CHECK(raw_next(&raw).id == MSG_UNKNOWN, "asks for what it has not");
	raw_say_block(&raw, 9, 0, 1000);
	CHECK(raw_expect(&raw, MSG_NOT_INTERESTED, NULL), "interested still");
	CHECK(n->verified == 1, "verified");
	finish();
}

static void what_they_have_only_grows(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		uint32_t pieces;
	} rows[] = {
		{"a have", "\0\0\0\5\4\0\0\0\5", 9, 1},
		{"a bitfield", "\0\0\0\3\5\200\200", 7, 3},
		{"the same again", "\0\0\0\3\5\200\200", 7, 3},
		{"one with less", "\0\0\0\3\5\100\0", 7, 4},
		{"have none", "\0\0\0\1\17", 5, 4},
		{"have all", "\0\0\0\1\16", 5, 10},
		{"a bitfield after it", "\0\0\0\3\5\100\0", 7, 10},
		{"a have after it", "\0\0\0\5\4\0\0\0\5", 9, 10},
	};
	struct sim_node *n = connected(false, true);
	struct peer_stats st;

	for (size_t i = 0; i < ROWS(rows); i++) {
		raw_say(&raw, rows[i].bytes, rows[i].len);
		peer_stats_get(raw.end.p, &st);
		CHECK(st.pieces == rows[i].pieces && n->closes == 0,
		      "%s: %u pieces", rows[i].name, st.pieces);
	}
	CHECK(st.seed, "not a seed");
	finish();
}

static void snubbed_peers_are_asked_less(void)
{
	struct msg first;
	struct sim_node *n = asking(true, &first);
	struct peer_stats st;

	peer_stats_get(raw.end.p, &st);
	CHECK(st.requests_out > 1 && !st.snubbed, "at first");
	for (int i = 0; i < 61; i++) {
		sim.now += 1000;
		raw_say(&raw, "\0\0\0\0", 4);
		(void)swarm_tick(n->s, sim.now);
	}
	peer_stats_get(raw.end.p, &st);
	CHECK(st.snubbed && st.requests_out <= 1, "%u on their way",
	      st.requests_out);
	raw_say_block(&raw, first.piece, 0, first.len);
	peer_stats_get(raw.end.p, &st);
	CHECK(!st.snubbed && n->received == first.len, "after a block");
	finish();
}

/* `s` seconds later; every `asks` it asks for a block (0: never). */
static bool is_mute_after(struct sim_node *n, unsigned s, unsigned asks)
{
	const struct msg ask = block_msg(MSG_REQUEST, 3, 0, BLOCK);
	struct peer_stats st;

	for (unsigned i = 0; i < s; i++) {
		sim.now += 1000;
		raw_say(&raw, "\0\0\0\0", 4);
		if (asks && i % asks == asks - 1)
			raw_say_msg(&raw, &ask);
		raw_pull(&raw);
		raw.len = raw.at = 0;
		(void)swarm_tick(n->s, sim.now);
	}
	peer_stats_get(raw.end.p, &st);
	CHECK(st.slot != PEER_SLOT_NONE, "nobody else wants the slot");
	return st.mute;
}

/* It says that it is interested, and asks for nothing. */
static void who_asks_for_nothing_is_mute(void)
{
	static const struct {
		const char *name;
		unsigned s, asks;
		bool mute;
	} rows[] = {
		{"for less than a minute", 59, 0, false},
		{"for longer", 75, 0, true},
		{"for much longer", 600, 0, true},
		{"it does now and then", 300, 55, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *n = connected(true, true);

		raw_say_id(&raw, MSG_HAVE_NONE);
		raw_say_id(&raw, MSG_INTERESTED);
		CHECK(is_mute_after(n, rows[i].s, rows[i].asks) == rows[i].mute,
		      "%s", rows[i].name);
		CHECK(!is_mute_after(n, 2, 1), "%s: until it asks",
		      rows[i].name);
		finish();
	}
}

int main(void)
{
	what_is_malformed_closes();
	without_pieces();
	each_extension_has_its_own_maximum();
	handshakes_that_are_wrong();
	slow_handshakes_end();
	who_asks_for_nothing_is_mute();
	what_we_have_is_said_first();
	requests_are_served_in_order();
	what_is_not_served_is_rejected();
	a_cancel_saves_the_block();
	a_choke_answers_what_waits();
	who_speaks_first_is_answered_once();
	too_many_requests_are_rejected();
	floods_end_the_connection();
	patient_peers_may_repeat_themselves();
	a_peer_that_does_not_read_is_not_read();
	blocks_that_were_not_asked_for();
	a_choke_gives_the_blocks_back();
	a_refusal_is_answered_by_patience();
	allowed_fast_is_asked_while_choked();
	a_suggestion_is_followed();
	interest_follows_what_they_have();
	what_they_have_only_grows();
	snubbed_peers_are_asked_less();
	return CHECK_EXIT();
}
