/* A swarm that begins with an info hash alone: the info dictionary comes from
 * peers, and what they said meanwhile counts. */
#include "tests/wire/raw.h"
#include "wire/peer/ut_metadata.h"

static struct sim sim; /* large; each test begins with sim_init() */
static struct raw raw;

static struct sim_node *add_waiting(void)
{
	struct sim_node *n;

	sim.waiting = true;
	n = sim_add(&sim, false);
	sim.waiting = false;
	return n;
}

static void all_comes_from_a_hash_alone(void)
{
	static const struct {
		const char *name;
		size_t info;
		uint32_t pieces;
		bool chop, later, connects;
	} rows[] = {
		{"a small one", 300, 20, false, false, true},
		{"metadata in many pieces, cut at random places", 300000, 21,
		 true, false, true},
		{"we are connected to", 40000, 8, true, false, false},
		{"known only seconds later", 40000, 20, false, true, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *seed, *leech;

		sim_init(&sim, i, rows[i].pieces, 65536, 100);
		sim_make_info(&sim, rows[i].info);
		sim.chop = rows[i].chop;
		seed = sim_add(&sim, true);
		leech = add_waiting();
		leech->knows_later = rows[i].later;
		if (rows[i].connects)
			(void)sim_connect(&sim, leech, seed);
		else
			(void)sim_connect(&sim, seed, leech);
		if (rows[i].later) {
			sim_run(&sim, 15000);
			sim_know(leech, NULL);
		}
		CHECK(sim_until(&sim, leech, 20000) && sim_data_right(leech),
		      "%s: not complete", rows[i].name);
		CHECK(leech->metadata == 1 && leech->ready == 1 &&
			      seed->closes + leech->closes == 0,
		      "%s: not with the one connection", rows[i].name);
		CHECK(leech->received == sim.total, "%s: received",
		      rows[i].name);
		sim_free(&sim);
	}
}

/* It waits unchoked, so the first request leaves with the metadata. */
static void interest_does_not_wait(void)
{
	struct sim_node *seed, *leech;
	struct peer_stats st;

	sim_init(&sim, 3, 4, 65536, 100);
	sim_make_info(&sim, 300);
	seed = sim_add(&sim, true);
	leech = add_waiting();
	leech->knows_later = true;
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 1000);
	peer_stats_get(sim.ends[0][0].p, &st);
	CHECK(st.am_interested && !st.they_choke && st.seed, "not unchoked");
	sim_know(leech, NULL);
	peer_stats_get(sim.ends[0][0].p, &st);
	CHECK(st.requests_out > 0, "nothing asked for");
	sim_free(&sim);
}

/* One that joined by the hash serves the dictionary, and pieces, to another. */
static void it_is_handed_on(void)
{
	struct sim_node *seed, *first, *second;

	sim_init(&sim, 4, 30, 65536, 100);
	sim_make_info(&sim, 50000);
	seed = sim_add(&sim, true);
	first = add_waiting();
	second = add_waiting();
	/* known to the second before it has anything itself */
	(void)sim_connect(&sim, second, first);
	sim_run(&sim, 2000);
	(void)sim_connect(&sim, first, seed);
	CHECK(sim_until(&sim, second, 60000) && sim_data_right(second),
	      "not handed on");
	CHECK(second->metadata == 1 && first->metadata == 1, "metadata");
	sim_free(&sim);
}

/* What we have already is told to those who are here. */
static void what_we_have_is_told(void)
{
	struct sim_node *first, *second;
	uint8_t have[1] = {0xf0};

	sim_init(&sim, 5, 4, 65536, 100);
	sim_make_info(&sim, 300);
	first = add_waiting();
	second = add_waiting();
	memcpy(first->data, sim.truth, sim.total);
	(void)sim_connect(&sim, first, second);
	sim_run(&sim, 1000);
	sim_know(first, have);
	CHECK(sim_until(&sim, second, 30000) && sim_data_right(second),
	      "not served");
	sim_free(&sim);
}

static void a_private_one_is_not_served(void)
{
	struct sim_node *seed, *leech;

	sim_init(&sim, 6, 4, 65536, 100);
	sim_make_info(&sim, 300);
	seed = add_waiting();
	seed->private = true;
	memcpy(seed->data, sim.truth, sim.total);
	sim_know(seed, (const uint8_t *)"\xf0");
	leech = add_waiting();
	(void)sim_connect(&sim, leech, seed);
	sim_run(&sim, 60000);
	CHECK(leech->metadata == 0, "served");
	sim_free(&sim);
}

/* ---- a hand-written peer ---- */

static void say_ext(const char *payload, uint8_t ext, const uint8_t *data,
		    size_t len)
{
	uint8_t head[6];
	struct wr w = wr_into(head, sizeof(head));

	wr_u32(&w, (uint32_t)(2 + strlen(payload) + len));
	wr_u8(&w, MSG_EXTENDED);
	wr_u8(&w, ext);
	raw_say(&raw, head, sizeof(head));
	raw_say(&raw, payload, strlen(payload));
	if (len)
		raw_say(&raw, data, len);
}

static void say_bitfield(const void *bits, size_t len)
{
	uint8_t head[5];
	struct wr w = wr_into(head, sizeof(head));

	wr_u32(&w, 1 + (uint32_t)len);
	wr_u8(&w, MSG_BITFIELD);
	raw_say(&raw, head, sizeof(head));
	raw_say(&raw, bits, len);
}

static struct sim_node *begin_raw(uint64_t seed)
{
	struct sim_node *n;

	sim_init(&sim, seed, 11, 16384, 100);
	sim_make_info(&sim, 300);
	n = add_waiting();
	n->knows_later = true;
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, true, true);
	say_ext("d1:md11:ut_metadatai3ee13:metadata_sizei300ee", 0, NULL, 0);
	return n;
}

static void end_raw(void)
{
	raw_close(&raw);
	sim_free(&sim);
}

/* All that may be said before we know the torrent is kept, or refused once we
 * do. */
static void what_was_said_before_counts(void)
{
	static const struct {
		const char *name;
		const char *bits; /* NULL: no bitfield */
		size_t bits_len;
		uint32_t haves[3], n_haves;
		bool all;
		uint32_t pieces; /* that it has then */
		enum peer_close why;
	} rows[] = {
		{"a bitfield", "\x80\x20", 2, {0}, 0, false, 2, 0},
		{"a bitfield of all", "\xff\xe0", 2, {0}, 0, false, 11, 0},
		{"have all", NULL, 0, {0}, 0, true, 11, 0},
		{"haves alone", NULL, 0, {10, 0, 3}, 3, false, 3, 0},
		{"haves after a bitfield",
		 "\x80\x20",
		 2,
		 {0, 10, 3},
		 3,
		 false,
		 3,
		 0},
		{"a bitfield and then all", "\x80\x20", 2, {0}, 0, true, 11, 0},
		{"nothing", NULL, 0, {0}, 0, false, 0, 0},
		{"a bitfield too long",
		 "\x80\x20\0",
		 3,
		 {0},
		 0,
		 false,
		 0,
		 PEER_CLOSE_PROTOCOL},
		{"a bitfield too short",
		 "\x80",
		 1,
		 {0},
		 0,
		 false,
		 0,
		 PEER_CLOSE_PROTOCOL},
		{"spare bits",
		 "\x80\x10",
		 2,
		 {0},
		 0,
		 false,
		 0,
		 PEER_CLOSE_PROTOCOL},
		{"a have past the end",
		 NULL,
		 0,
		 {11},
		 1,
		 false,
		 0,
		 PEER_CLOSE_PROTOCOL},
		{"a have far past the end",
		 NULL,
		 0,
		 {MSG_PIECES_MAX - 1},
		 1,
		 false,
		 0,
		 PEER_CLOSE_PROTOCOL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct sim_node *n = begin_raw(10 + i);
		struct peer_stats st = {0};

		if (rows[i].bits)
			say_bitfield(rows[i].bits, rows[i].bits_len);
		for (uint32_t k = 0; k < rows[i].n_haves; k++)
			raw_say_msg(&raw,
				    &(struct msg){.id = MSG_HAVE,
						  .piece = rows[i].haves[k]});
		if (rows[i].all)
			raw_say_id(&raw, MSG_HAVE_ALL);
		CHECK(!raw.end.closed, "%s: closed early", rows[i].name);
		sim_know(n, NULL);
		CHECK(raw.end.closed == (rows[i].why != 0) &&
			      n->last_close == rows[i].why,
		      "%s: %s", rows[i].name, peer_close_name(n->last_close));
		if (!raw.end.closed)
			peer_stats_get(raw.end.p, &st);
		CHECK(st.pieces == rows[i].pieces &&
			      st.seed == (rows[i].pieces == 11) &&
			      st.am_interested == (rows[i].pieces > 0),
		      "%s: %u pieces", rows[i].name, st.pieces);
		end_raw();
	}
}

/* Requests, blocks and the rest have no meaning yet and do no harm. */
static void other_messages_do_no_harm(void)
{
	static const enum msg_id about_blocks[] = {MSG_REQUEST, MSG_CANCEL,
						   MSG_REJECT};
	struct sim_node *n = begin_raw(40);
	struct peer_stats st;

	for (size_t i = 0; i < ROWS(about_blocks); i++)
		raw_say_msg(&raw, &(struct msg){.id = about_blocks[i],
						.piece = 1000000,
						.begin = 1U << 30,
						.len = 16384});
	raw_say_block(&raw, 0, 0, 16384);
	raw_say_msg(&raw, &(struct msg){.id = MSG_ALLOWED_FAST, .piece = 5});
	raw_say_msg(&raw, &(struct msg){.id = MSG_ALLOWED_FAST, .piece = 11});
	raw_say_msg(&raw, &(struct msg){.id = MSG_SUGGEST, .piece = 77777});
	raw_say_id(&raw, MSG_HAVE_NONE);
	raw_say_msg(&raw, &(struct msg){.id = MSG_HAVE, .piece = 5});
	CHECK(!raw.end.closed, "closed: %s", peer_close_name(n->last_close));
	sim_know(n, NULL);
	peer_stats_get(raw.end.p, &st);
	CHECK(!raw.end.closed && st.requests_out == 1,
	      "the allowed piece: %u asked for", st.requests_out);
	end_raw();
}

static void indexes_past_any_torrent_are_malformed(void)
{
	struct sim_node *n = begin_raw(41);

	raw_say_msg(&raw,
		    &(struct msg){.id = MSG_HAVE, .piece = MSG_PIECES_MAX});
	CHECK(raw.end.closed && n->last_close == PEER_CLOSE_PROTOCOL, "taken");
	end_raw();
}

/* 64 peers with the largest bitfields are kept, one more is not. */
static void kept_bitfields_have_a_maximum(void)
{
	static struct sim_end ends[80];
	static uint8_t bits[MSG_PIECES_MAX / 8];
	struct sim_node *n;
	unsigned closed = 0;

	sim_init(&sim, 42, 11, 16384, 100);
	sim_make_info(&sim, 300);
	n = add_waiting();
	memset(bits, 0x80, sizeof(bits));
	for (unsigned i = 0; i < ROWS(ends); i++) {
		struct handshake hs = {.fast = true, .hash = sim.hash};

		raw_open(&raw, &sim, n, false);
		memset(&hs.id, (int)(i + 1), sizeof(hs.id));
		handshake_encode(raw.out, &hs);
		raw_say(&raw, raw.out, HANDSHAKE_LEN);
		sim.no_owner = true;
		say_bitfield(bits, sizeof(bits));
		sim.no_owner = false;
		closed += raw.end.closed;
		ends[i] = raw.end;
	}
	CHECK(closed == ROWS(ends) - (16U << 20) / sizeof(bits), "%u closed",
	      closed);
	for (unsigned i = 0; i < ROWS(ends); i++)
		peer_free(ends[i].p);
	sim_free(&sim);
}

/* ---- what is said of metadata ---- */

/* The node's next ut_metadata message, under the number 3. */
static bool next_metadata(struct ut_metadata_msg *out)
{
	raw_pull(&raw);
	if (raw.at == 0)
		raw.at = HANDSHAKE_LEN;
	while (raw.len - raw.at >= 4) {
		struct rd rd = rd_from(raw.out + raw.at, 4);
		uint32_t len = rd_u32(&rd);
		const uint8_t *frame = raw.out + raw.at + 4;

		raw.at += 4 + len;
		if (len > 2 && frame[0] == MSG_EXTENDED && frame[1] == 3)
			return ut_metadata_decode(out, frame + 2, len - 2,
						  NULL) == ERR_NONE;
	}
	return false;
}

static void false_metadata_is_found_out(void)
{
	struct sim_node *n = begin_raw(50);
	struct ut_metadata_msg m;
	uint8_t wrong[300] = {0};

	CHECK(next_metadata(&m) && m.type == UT_METADATA_REQUEST &&
		      m.piece == 0,
	      "not asked");
	say_ext("d8:msg_typei1e5:piecei0e10:total_sizei300ee", EXT_UT_METADATA,
		wrong, sizeof(wrong));
	CHECK(n->metadata == 0 && raw.end.closed && n->banned == 1 &&
		      n->last_close == PEER_CLOSE_BAD_DATA,
	      "not banned");
	end_raw();
}

static void a_size_told_twice_must_be_the_same(void)
{
	struct sim_node *n = begin_raw(51);
	struct ut_metadata_msg m;

	CHECK(next_metadata(&m), "not asked");
	say_ext("d8:msg_typei1e5:piecei0e10:total_sizei301ee", EXT_UT_METADATA,
		sim.info, sim.info_len);
	CHECK(n->metadata == 0 && raw.end.closed &&
		      n->last_close == PEER_CLOSE_PROTOCOL,
	      "taken");
	end_raw();
}

static void who_has_it_later_says_so_again(void)
{
	struct sim_node *n;
	struct ut_metadata_msg m;

	sim_init(&sim, 52, 11, 16384, 100);
	sim_make_info(&sim, 300);
	n = add_waiting();
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, true, true);
	say_ext("d1:md11:ut_metadatai3eee", 0, NULL, 0);
	CHECK(!next_metadata(&m), "asked who has none");
	say_ext("d1:md11:ut_metadatai3ee13:metadata_sizei300ee", 0, NULL, 0);
	CHECK(next_metadata(&m) && m.type == UT_METADATA_REQUEST, "not asked");
	say_ext("d8:msg_typei1e5:piecei0e10:total_sizei300ee", EXT_UT_METADATA,
		sim.info, sim.info_len);
	CHECK(n->metadata == 1 && !raw.end.closed, "not taken");
	end_raw();
}

static void who_switches_another_extension_still_has_it(void)
{
	struct sim_node *n = begin_raw(54);
	struct ut_metadata_msg m;

	CHECK(next_metadata(&m), "not asked");
	say_ext("d1:md6:ut_pexi1eee", 0, NULL, 0);
	say_ext("d8:msg_typei1e5:piecei0e10:total_sizei300ee", EXT_UT_METADATA,
		sim.info, sim.info_len);
	CHECK(n->metadata == 1 && !raw.end.closed, "not taken");
	end_raw();
}

/* Others say it but once, when they connect. */
static void who_never_says_so_is_asked(void)
{
	static const char *const answers[] = {
		"d8:msg_typei2e5:piecei0ee",
		"d8:msg_typei1e5:piecei0e10:total_sizei300ee"};
	struct sim_node *n;
	struct ut_metadata_msg m;

	sim_init(&sim, 53, 11, 16384, 100);
	sim_make_info(&sim, 300);
	n = add_waiting();
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, true, true);
	say_ext("d1:md11:ut_metadatai3eee", 0, NULL, 0);
	sim_run(&sim, 25000);
	CHECK(!next_metadata(&m), "asked who may have none");
	sim_run(&sim, 10000);
	CHECK(next_metadata(&m) && m.piece == 0, "not asked now and then");
	say_ext(answers[0], EXT_UT_METADATA, NULL, 0);
	sim_run(&sim, 3000);
	CHECK(!next_metadata(&m), "asked at once who rejects");
	raw_say_msg(&raw, &(struct msg){.id = MSG_HAVE, .piece = 3});
	sim_run(&sim, 2000);
	CHECK(next_metadata(&m) && m.piece == 0, "not asked who has pieces");
	sim_run(&sim, 20000);
	CHECK(!next_metadata(&m), "asked who is silent");
	for (int i = 0; i < 2; i++) {
		say_ext(answers[1], EXT_UT_METADATA, sim.info, sim.info_len);
		CHECK(i == 1 || next_metadata(&m), "no use of the size");
	}
	CHECK(n->metadata == 1 && !raw.end.closed, "not taken");
	end_raw();
}

static void metadata_messages_are_read_or_refused(void)
{
	static const struct {
		const char *name, *in;
		bool closed;
	} rows[] = {
		{"of a later version", "d8:msg_typei7e5:piecei0ee", false},
		{"a reject of nothing", "d8:msg_typei2e5:piecei9ee", false},
		{"nonsense", "hello", true},
		{"a request", "d8:msg_typei0e5:piecei0ee", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct ut_metadata_msg m;

		(void)begin_raw(60 + i);
		CHECK(next_metadata(&m), "not asked");
		say_ext(rows[i].in, EXT_UT_METADATA, NULL, 0);
		CHECK(raw.end.closed == rows[i].closed, "%s", rows[i].name);
		if (i == 3)
			CHECK(next_metadata(&m) && m.type == UT_METADATA_REJECT,
			      "what we have not is not rejected");
		end_raw();
	}
}

/* A request is served, those past the end are rejected, and all of it twice is
 * enough for a while. */
static void serving_has_a_limit(void)
{
	struct sim_node *n;
	struct ut_metadata_msg m;
	unsigned served = 0, rejected = 0;

	sim_init(&sim, 70, 4, 16384, 100);
	sim_make_info(&sim, 2 * UT_METADATA_PIECE + 5);
	n = sim_add(&sim, true);
	raw_open(&raw, &sim, n, false);
	raw_say_handshake(&raw, true, true);
	say_ext("d1:md11:ut_metadatai3eee", 0, NULL, 0);
	say_ext("d8:msg_typei0e5:piecei2ee", EXT_UT_METADATA, NULL, 0);
	CHECK(next_metadata(&m) && m.type == UT_METADATA_DATA && m.piece == 2 &&
		      m.total == sim.info_len && m.data_len == 5 &&
		      memcmp(m.data, sim.info + sim.info_len - 5, 5) == 0,
	      "not served");
	say_ext("d8:msg_typei0e5:piecei3ee", EXT_UT_METADATA, NULL, 0);
	CHECK(next_metadata(&m) && m.type == UT_METADATA_REJECT && m.piece == 3,
	      "served past the end");
	for (int i = 0; i < 20; i++)
		say_ext("d8:msg_typei0e5:piecei0ee", EXT_UT_METADATA, NULL, 0);
	while (next_metadata(&m)) {
		served += m.type == UT_METADATA_DATA;
		rejected += m.type == UT_METADATA_REJECT;
	}
	CHECK(served == 5 && rejected == 15, "served %u, rejected %u", served,
	      rejected);
	sim_run(&sim, 3000);
	for (int i = 0; i < 20; i++)
		say_ext("d8:msg_typei0e5:piecei0ee", EXT_UT_METADATA, NULL, 0);
	for (served = 0; next_metadata(&m);)
		served += m.type == UT_METADATA_DATA;
	CHECK(served == 3 || served == 4, "after three seconds: %u", served);
	end_raw();
}

/* Metadata counts against the upload limit. */
static void serving_is_held_to_the_limit(void)
{
	struct sim_node *seed, *leech;
	int64_t began;

	sim_init(&sim, 71, 4, 16384, 100);
	sim_make_info(&sim, 512 * 1024);
	seed = sim_add(&sim, true);
	leech = add_waiting();
	leech->knows_later = true;
	rate_set_limit(seed->rate, RATE_UP, 128 * 1024);
	(void)sim_connect(&sim, leech, seed);
	began = sim.now;
	while (!leech->metadata && sim.now - began < 60000)
		sim_step(&sim);
	CHECK(sim.now - began > 3000 && sim.now - began < 6000, "after %lld ms",
	      (long long)(sim.now - began));
	sim_free(&sim);
}

int main(void)
{
	all_comes_from_a_hash_alone();
	interest_does_not_wait();
	it_is_handed_on();
	what_we_have_is_told();
	a_private_one_is_not_served();
	what_was_said_before_counts();
	other_messages_do_no_harm();
	indexes_past_any_torrent_are_malformed();
	kept_bitfields_have_a_maximum();
	false_metadata_is_found_out();
	a_size_told_twice_must_be_the_same();
	who_has_it_later_says_so_again();
	who_switches_another_extension_still_has_it();
	who_never_says_so_is_asked();
	metadata_messages_are_read_or_refused();
	serving_has_a_limit();
	serving_is_held_to_the_limit();
	return CHECK_EXIT();
}
