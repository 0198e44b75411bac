#include "wire/peer/msg.h"

#include "base/bits.h"
#include "tests/check.h"
#include "wire/peer/handshake.h"

#include <string.h>

/* 10 pieces of 32 KiB, the last of 1000 bytes */
static const struct msg_bounds bounds = {
	.pieces = 10, .piece_len = 32768, .total_len = 9 * 32768 + 1000};

static void frames_are_decoded_or_refused(void)
{
	static const struct {
		const char *name;
		const char *bytes;
		uint32_t len;
		enum err_code want;
		struct msg msg;
	} rows[] = {
		{"choke", "\0", 1, ERR_NONE, {.id = MSG_CHOKE}},
		{"choke with a payload", "\0\0", 2, ERR_PARSE, {0}},
		{"have", "\4\0\0\0\11", 5, ERR_NONE, {MSG_HAVE, .piece = 9}},
		{"have of a piece too many", "\4\0\0\0\12", 5, ERR_PARSE, {0}},
		{"have, short", "\4\0\0\0", 4, ERR_PARSE, {0}},
		{"request",
		 "\6\0\0\0\1\0\0\100\0\0\0\100\0",
		 13,
		 ERR_NONE,
		 {MSG_REQUEST, 1, 16384, 16384, .ext = 0}},
		{"request past the piece's end",
		 "\6\0\0\0\1\0\0\100\1\0\0\100\0",
		 13,
		 ERR_PARSE,
		 {0}},
		{"request past the short piece's end",
		 "\6\0\0\0\11\0\0\0\0\0\0\100\0",
		 13,
		 ERR_PARSE,
		 {0}},
		{"request that begins nowhere",
		 "\6\0\0\0\1\377\377\377\377\0\0\0\1",
		 13,
		 ERR_PARSE,
		 {0}},
		{"request of nothing",
		 "\6\0\0\0\1\0\0\0\0\0\0\0\0",
		 13,
		 ERR_PARSE,
		 {0}},
		{"request over 128 KiB",
		 "\6\0\0\0\1\0\0\0\0\0\2\0\1",
		 13,
		 ERR_PARSE,
		 {0}},
		{"bitfield",
		 "\5\377\300",
		 3,
		 ERR_NONE,
		 {MSG_BITFIELD, .body_len = 2}},
		{"bitfield with a spare bit", "\5\377\340", 3, ERR_PARSE, {0}},
		{"bitfield, short", "\5\377", 2, ERR_PARSE, {0}},
		{"bitfield, long", "\5\377\300\0", 4, ERR_PARSE, {0}},
		{"have all", "\16", 1, ERR_NONE, {.id = MSG_HAVE_ALL}},
		{"suggest",
		 "\15\0\0\0\2",
		 5,
		 ERR_NONE,
		 {MSG_SUGGEST, .piece = 2}},
		{"allowed fast of no piece", "\21\0\0\0\77", 5, ERR_PARSE, {0}},
		{"reject",
		 "\20\0\0\0\1\0\0\0\0\0\0\100\0",
		 13,
		 ERR_NONE,
		 {MSG_REJECT, 1, 0, 16384, .ext = 0}},
		{"extended",
		 "\24\3de",
		 4,
		 ERR_NONE,
		 {MSG_EXTENDED, .ext = 3, .body_len = 2}},
		{"extended without an id", "\24", 1, ERR_PARSE, {0}},
		{"port",
		 "\11\32\341",
		 3,
		 ERR_NONE,
		 {.id = MSG_PORT, .port = 6881}},
		{"an id that nobody knows",
		 "\77abc",
		 4,
		 ERR_NONE,
		 {.id = MSG_UNKNOWN}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const uint8_t *p = (const uint8_t *)rows[i].bytes;
		struct err e = {0};
		struct msg m = {0};
		enum err_code rc =
			msg_check_len(p[0], rows[i].len, &bounds, &e);

		if (rc == ERR_NONE)
			rc = msg_decode(&m, p, rows[i].len, &bounds, &e);
		CHECK(rc == rows[i].want, "%s: %d (%s)", rows[i].name, rc,
		      e.msg);
		if (rc != ERR_NONE)
			continue;
		CHECK(m.id == rows[i].msg.id && m.piece == rows[i].msg.piece &&
			      m.begin == rows[i].msg.begin &&
			      m.len == rows[i].msg.len &&
			      m.ext == rows[i].msg.ext &&
			      m.port == rows[i].msg.port &&
			      m.body_len == rows[i].msg.body_len,
		      "%s: other values", rows[i].name);
	}
}

static void lengths_end_where_the_table_says(void)
{
	static const struct {
		const char *name;
		uint8_t id;
		uint32_t longest;
	} rows[] = {
		{"piece", MSG_PIECE, MSG_PIECE_HEAD + MSG_BLOCK_MAX},
		{"extended", MSG_EXTENDED, MSG_EXTENDED_MAX},
		{"unknown", 99, MSG_UNKNOWN_MAX},
		{"keep", MSG_INTERESTED, 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CHECK(msg_check_len(rows[i].id, rows[i].longest, &bounds,
				    NULL) == ERR_NONE,
		      "%s: longest", rows[i].name);
		CHECK(msg_check_len(rows[i].id, rows[i].longest + 1, &bounds,
				    NULL) == ERR_PARSE,
		      "%s: one over", rows[i].name);
	}
}

static void encoding_gives_the_bytes_of_bep_3(void)
{
	static const struct {
		const char *name;
		struct msg msg;
		const char *bytes;
		size_t len;
	} rows[] = {
		{"interested", {.id = MSG_INTERESTED}, "\0\0\0\1\2", 5},
		{"have", {MSG_HAVE, .piece = 258}, "\0\0\0\5\4\0\0\1\2", 9},
		{"request",
		 {MSG_REQUEST, 1, 2, 3, .ext = 0},
		 "\0\0\0\15\6\0\0\0\1\0\0\0\2\0\0\0\3",
		 17},
		{"before a block of 16384",
		 {MSG_PIECE, 1, 2, 16384, .ext = 0},
		 "\0\0\100\11\7\0\0\0\1\0\0\0\2",
		 13},
		{"before a block of 4, no longer than others",
		 {MSG_PIECE, 1, 2, 4, .ext = 0},
		 "\0\0\0\15\7\0\0\0\1\0\0\0\2",
		 13},
		{"have none", {.id = MSG_HAVE_NONE}, "\0\0\0\1\17", 5},
		{"port",
		 {.id = MSG_PORT, .port = 6881},
		 "\0\0\0\3\11\32\341",
		 7},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t buf[MSG_FIXED_MAX];
		size_t n = msg_encode(buf, &rows[i].msg);

		CHECK(n == rows[i].len && memcmp(buf, rows[i].bytes, n) == 0,
		      "%s: %zu bytes", rows[i].name, n);
	}
}

static void handshakes_come_back(void)
{
	struct rng rng = rng_seeded(1);
	struct handshake in = {.fast = true, .extended = true}, out;
	uint8_t buf[HANDSHAKE_LEN];

	handshake_make_id(&in.id, &rng);
	rng_fill(&rng, &in.hash, sizeof(in.hash));
	CHECK(memcmp(in.id.bytes, "-SE0100-", 8) == 0, "peer id");
	for (unsigned bits = 0; bits < 8; bits++) {
		in.fast = bits & 1;
		in.extended = (bits & 2) != 0;
		in.dht = (bits & 4) != 0;
		handshake_encode(buf, &in);
		CHECK(handshake_decode(&out, buf) && out.fast == in.fast &&
			      out.extended == in.extended &&
			      out.dht == in.dht &&
			      info_hash_eq(&in.hash, &out.hash) &&
			      memcmp(&in.id, &out.id, sizeof(in.id)) == 0,
		      "bits %u", bits);
	}
	buf[26] = 0xff; /* a reserved bit of somebody else */
	CHECK(handshake_decode(&out, buf), "unknown reserved bits");
	for (unsigned i = 0; i < HANDSHAKE_FIXED; i++) {
		buf[i] ^= 1;
		CHECK(!handshake_decode(&out, buf) &&
			      !handshake_starts(buf, i + 1) &&
			      handshake_starts(buf, i),
		      "byte %u", i);
		buf[i] ^= 1;
	}
}

static void bits_count_from_the_high_end(void)
{
	uint8_t b[2] = {0};

	bits_set(b, 0);
	bits_set(b, 9);
	CHECK(b[0] == 0x80 && b[1] == 0x40 && bits_count(b, 10) == 2, "set");
	CHECK(bits_spare_clear(b, 10) && !bits_spare_clear(b, 9), "spare");
	bits_clear(b, 0);
	CHECK(!bits_get(b, 0) && bits_get(b, 9), "clear");
}

int main(void)
{
	frames_are_decoded_or_refused();
	lengths_end_where_the_table_says();
	encoding_gives_the_bytes_of_bep_3();
	handshakes_come_back();
	bits_count_from_the_high_end();
	return CHECK_EXIT();
}
