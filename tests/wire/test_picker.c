#include "wire/swarm/picker.h"

#include "base/bits.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define PIECE (4 * PICKER_BLOCK)

static struct rng rng;

static struct picker *make(uint32_t pieces)
{
	struct picker *p = NULL;
	struct err e = {0};

	const struct pieces shape = {.count = pieces,
				     .len = PIECE,
				     .total = (uint64_t)pieces * PIECE};

	rng = rng_seeded(pieces);
	CHECK(picker_new(&p, &shape, NULL, &rng, &e) == ERR_NONE, "%s", e.msg);
	return p;
}

static struct picker_peer peer(uint64_t serial, const uint8_t *bits)
{
	return (struct picker_peer){
		.serial = serial, .bits = bits, .last = UINT32_MAX};
}

static size_t pick(struct picker *p, struct picker_peer *who,
		   struct picker_block *out, size_t max)
{
	return picker_pick(p, who, out, max, 16, 1000);
}

static bool receive(struct picker *p, struct picker_block b, uint64_t serial)
{
	uint64_t others[PICKER_ASKERS];
	size_t n;

	return picker_received(p, b, serial, others, &n);
}

static void sizes_have_bounds(void)
{
	static const struct {
		const char *name;
		uint32_t pieces, piece_len;
		uint64_t total;
		enum err_code want;
	} rows[] = {
		{"one byte", 1, 1, 1, ERR_NONE},
		{"the last piece is full", 4, 100, 400, ERR_NONE},
		{"the last piece is one byte", 4, 100, 301, ERR_NONE},
		{"the last piece is empty", 4, 100, 300, ERR_LIMIT},
		{"more bytes than pieces", 4, 100, 401, ERR_LIMIT},
		{"no piece", 0, 100, 0, ERR_LIMIT},
		{"no length", 4, 0, 0, ERR_LIMIT},
		{"largest pieces", 1, PICKER_PIECE_MAX, PICKER_PIECE_MAX,
		 ERR_NONE},
		{"pieces too large", 1, PICKER_PIECE_MAX + 1, 1, ERR_LIMIT},
		{"too many pieces", PICKER_PIECES_MAX + 1, 1,
		 PICKER_PIECES_MAX + 1, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct pieces shape = {.count = rows[i].pieces,
					     .len = rows[i].piece_len,
					     .total = rows[i].total};

		CHECK(picker_check_sizes(&shape, NULL) == rows[i].want, "%s",
		      rows[i].name);
	}
}

static void a_peer_gets_whole_pieces_in_order(void)
{
	struct picker *p = make(8);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL);
	struct picker_block got[12];

	CHECK(pick(p, &a, got, 3) == 3, "a");
	CHECK(got[0].block == 0 && got[1].block == 1 && got[2].block == 2 &&
		      got[2].piece == got[0].piece,
	      "no run");
	CHECK(pick(p, &b, got + 3, 3) == 3 && got[3].piece != got[0].piece,
	      "b was put into a's piece");
	CHECK(pick(p, &a, got + 6, 2) == 2 && got[6].piece == got[0].piece &&
		      got[6].block == 3,
	      "a did not go on with its piece");
	CHECK(got[7].piece != got[0].piece && got[7].piece != got[3].piece,
	      "a's next piece");
	picker_free(p);
}

static void the_rarest_comes_first(void)
{
	struct picker *p = make(100);
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[8];

	for (uint32_t i = 0; i < 100; i++)
		for (uint32_t n = 0; n < (i == 42   ? 1U
					  : i == 17 ? 2U
						    : 3U);
		     n++)
			picker_peer_has(p, i);
	CHECK(pick(p, &a, got, 8) == 8, "picked");
	CHECK(got[0].piece == 42 && got[4].piece == 17, "%u then %u",
	      got[0].piece, got[4].piece);
	picker_free(p);
}

static struct picker *make_long(uint32_t pieces)
{
	const struct pieces shape = {.count = pieces,
				     .len = 3 * PICKER_STRIDE * PICKER_BLOCK,
				     .total = (uint64_t)pieces * 3 *
					      PICKER_STRIDE * PICKER_BLOCK};
	struct picker *p = NULL;
	struct err e = {0};

	rng = rng_seeded(pieces);
	CHECK(picker_new(&p, &shape, NULL, &rng, &e) == ERR_NONE, "%s", e.msg);
	return p;
}

static void a_fast_peer_has_pieces_side_by_side(void)
{
	static struct picker_block got[10 * 3 * PICKER_STRIDE];
	struct picker *p = make_long(10);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL);

	/* two turns of four pieces; in the third, one begins as one ends */
	a.width = 4;
	CHECK(pick(p, &a, got, 15 * PICKER_STRIDE) == 15 * PICKER_STRIDE,
	      "picked");
	for (uint32_t i = 0; i < 15 * PICKER_STRIDE; i++) {
		static const uint8_t nth[] = {0, 1, 2, 3, 0, 1, 2, 3,
					      0, 4, 1, 5, 2, 6, 3};
		static const uint8_t run[] = {0, 0, 0, 0, 1, 1, 1, 1,
					      2, 0, 2, 0, 2, 0, 2};
		uint32_t at = i / PICKER_STRIDE, from = at;

		while (nth[from] != nth[at] || run[from] != 0)
			from--;
		CHECK(got[i].piece == got[from * PICKER_STRIDE].piece &&
			      got[i].block == run[at] * PICKER_STRIDE +
						      i % PICKER_STRIDE,
		      "%u: block %u of piece %u", i, got[i].block,
		      got[i].piece);
	}
	/* half of a piece that another leaves is among the next ones */
	CHECK(pick(p, &b, got, PICKER_STRIDE) == PICKER_STRIDE, "b");
	picker_disown(p, 2);
	CHECK(pick(p, &a, got + PICKER_STRIDE, 1) == 1 &&
		      got[PICKER_STRIDE].piece == got[0].piece &&
		      got[PICKER_STRIDE].block == PICKER_STRIDE,
	      "block %u of piece %u", got[PICKER_STRIDE].block,
	      got[PICKER_STRIDE].piece);
	/* no longer fast: it goes on with the last one; nothing is left out */
	a.width = 1;
	CHECK(pick(p, &a, got + 1, 2) == 2 && got[2].piece == got[0].piece,
	      "another");
	a.width = 4;
	CHECK(picker_pick(p, &a, got, ROWS(got), 0, 0) ==
		      (30 - 15 - 1) * PICKER_STRIDE - 3,
	      "all the rest");
	CHECK(picker_open(p) == 0, "%u open", picker_open(p));
	picker_free(p);
}

static void in_order_pieces_come_one_by_one(void)
{
	struct picker_block got[2 * PICKER_STRIDE];
	struct picker *p = make_long(3);
	struct picker_peer a = peer(1, NULL);

	a.width = 4;
	picker_set_in_order(p, true);
	CHECK(pick(p, &a, got, ROWS(got)) == ROWS(got) &&
		      got[ROWS(got) - 1].piece == 0,
	      "piece %u", got[ROWS(got) - 1].piece);
	picker_free(p);
}

static void availability_follows_the_peers(void)
{
	struct picker *p = make(20);
	uint8_t bits[3] = {0xff, 0, 0};

	for (int i = 0; i < 100; i++) /* over the number of buckets */
		picker_peer_bits(p, bits, false);
	picker_peer_has(p, 0);
	CHECK(picker_availability(p, 0) == 101 &&
		      picker_availability(p, 8) == 0,
	      "%u", picker_availability(p, 0));
	for (int i = 0; i < 100; i++)
		picker_peer_bits(p, bits, true);
	CHECK(picker_availability(p, 0) == 1 && picker_availability(p, 7) == 0,
	      "%u", picker_availability(p, 0));
	picker_peer_bits(p, bits, true); /* more than there were: no wrap */
	CHECK(picker_availability(p, 7) == 0, "wrapped");
	picker_peer_has(p, 7);
	picker_peer_has(p, 7);
	picker_peer_lost(p, 7);
	CHECK(picker_availability(p, 7) == 1, "%u", picker_availability(p, 7));
	picker_free(p);
}

static void only_what_the_peer_has(void)
{
	struct picker *p = make(5000);
	uint8_t *bits = calloc(1, bits_bytes(5000));
	struct picker_peer a = peer(1, bits);
	struct picker_block got[16];

	bits_set(bits, 4321);
	bits_set(bits, 17);
	CHECK(pick(p, &a, got, 16) == 8, "of two pieces");
	CHECK((got[0].piece == 17 && got[4].piece == 4321) ||
		      (got[0].piece == 4321 && got[4].piece == 17),
	      "%u %u", got[0].piece, got[4].piece);
	CHECK(pick(p, &a, got, 16) == 0, "something else");
	free(bits);
	picker_free(p);
}

static void what_was_begun_and_left_comes_before_new_pieces(void)
{
	struct picker *p = make(50);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL);
	struct picker_block got[4], more[4];

	(void)pick(p, &a, got, 2);
	(void)receive(p, got[0], 1);
	picker_release(p, got[1], 1);
	CHECK(pick(p, &b, more, 1) == 1 && more[0].piece != got[0].piece,
	      "taken while it has an owner");
	picker_release(p, more[0], 2);
	picker_disown(p, 1);
	picker_disown(p, 2);
	CHECK(pick(p, &b, more, 4) == 4, "b");
	CHECK(picker_parts(p) == 2, "a third piece was begun");
	picker_free(p);
}

static void suggestions_go_before_rarity(void)
{
	struct picker *p = make(50);
	uint32_t suggested[] = {33};
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[1];

	picker_peer_has(p, 33);
	a.suggested = suggested;
	a.n_suggested = 1;
	CHECK(pick(p, &a, got, 1) == 1 && got[0].piece == 33, "%u",
	      got[0].piece);
	picker_free(p);
}

static void helpers_and_endgame(void)
{
	struct picker *p = make(1);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL),
			   c = peer(3, NULL), d = peer(4, NULL);
	struct picker_block got[8];
	uint64_t others[PICKER_ASKERS];
	size_t n;

	CHECK(pick(p, &a, got, 1) == 1, "a");
	CHECK(pick(p, &b, got, 3) == 3 && got[0].block == 1,
	      "b does not help with what is free");
	/* nothing is free now: the same again, each peer once */
	CHECK(pick(p, &c, got, 8) == 4, "c: endgame");
	CHECK(pick(p, &c, got, 8) == 0, "c: twice the same");
	CHECK(picker_pick(p, &d, got, 8, 2, 0) == 2 && got[0].block == 3,
	      "d: limited, from the back");
	CHECK(pick(p, &b, got, 8) == 1 && got[0].block == 0, "b: what a has");
	CHECK(picker_pick(p, &d, got, 8, 0, 0) == 0, "no endgame allowed");
	CHECK(!picker_received(p, (struct picker_block){0, 3}, 3, others, &n) &&
		      n == 2,
	      "%zu others to cancel", n);
	CHECK(!picker_wants(p, (struct picker_block){0, 3}), "wanted again");
	picker_free(p);
}

static void pieces_end_well_or_badly(void)
{
	struct picker *p = make(3);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL);
	struct picker_block got[16];
	uint32_t piece;

	CHECK(pick(p, &a, got, 4) == 4, "a");
	piece = got[0].piece;
	for (uint32_t i = 0; i < 4; i++)
		CHECK(receive(p, got[i], 1) == (i == 3), "block %u", i);
	CHECK(picker_sender(p, piece, 2) == 1, "sender");
	picker_hold(p, piece);
	CHECK(!picker_wants(p, got[0]), "wanted while held");
	picker_retry(p, piece, true, 1000);
	CHECK(picker_here(p, piece) == 0 && picker_wants(p, got[0]), "retry");
	/* it alone failed: others come first, and one alone gets it */
	(void)pick(p, &a, got, 8);
	for (uint32_t i = 0; i < 8; i++)
		CHECK(got[i].piece != piece, "the old sender got it");
	CHECK(pick(p, &b, got, 1) == 1 && got[0].piece == piece, "b");
	CHECK(pick(p, &a, got + 1, 4) == 0, "a helps with a sole piece");
	CHECK(pick(p, &b, got + 1, 3) == 3, "the rest of it");
	for (uint32_t i = 0; i < 4; i++)
		(void)receive(p, got[i], 2);
	picker_verified(p, piece);
	CHECK(!picker_wants(p, got[0]) && picker_parts(p) == 2, "verified");
	picker_want(p, piece);
	CHECK(picker_open(p) == 1, "wanted again");
	picker_free(p);
}

static void only_bad_blocks_come_again(void)
{
	struct picker *p = make(1);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL);
	const uint8_t bad[] = {0x50}; /* 1 and 3 */
	struct picker_block got[4];

	(void)pick(p, &a, got, 4);
	for (uint32_t i = 0; i < 4; i++)
		(void)receive(p, got[i], 1);
	picker_hold(p, 0);
	CHECK(pick(p, &b, got, 4) == 0, "held");
	picker_retry_blocks(p, 0, bad);
	CHECK(picker_here(p, 0) == 2 && picker_sender(p, 0, 2) == 1 &&
		      picker_sender(p, 0, 3) == 0,
	      "who sent what is here");
	CHECK(picker_missing(p, NULL, UINT64_MAX) == 2ULL * PICKER_BLOCK,
	      "missing");
	CHECK(pick(p, &b, got, 4) == 2 && got[0].block == 1 &&
		      got[1].block == 3,
	      "the two");
	CHECK(!receive(p, got[0], 2) && receive(p, got[1], 2), "all here");
	picker_verified(p, 0);
	picker_free(p);
}

static void the_old_sender_gets_it_when_nobody_else_comes(void)
{
	struct picker *p = make(1);
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[4];

	(void)pick(p, &a, got, 4);
	for (uint32_t i = 0; i < 4; i++)
		(void)receive(p, got[i], 1);
	picker_retry(p, 0, true, 1000);
	CHECK(picker_pick(p, &a, got, 4, 0, 1000 + PICKER_AVOID_MS - 1) == 0,
	      "too early");
	CHECK(picker_pick(p, &a, got, 4, 0, 1000 + PICKER_AVOID_MS) == 4,
	      "never");
	picker_free(p);
}

static void slow_peers_share_pieces(void)
{
	struct picker *p = make(20);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL),
			   fast = peer(3, NULL);
	struct picker_block got[3];

	a.slow = b.slow = true;
	(void)pick(p, &a, got, 1);
	(void)pick(p, &b, got + 1, 1);
	(void)pick(p, &fast, got + 2, 1);
	CHECK(got[0].piece == got[1].piece, "each began its own");
	CHECK(got[2].piece != got[0].piece, "the fast one shares too");
	picker_free(p);
}

static void allowed_fast_pieces_only(void)
{
	struct picker *p = make(20);
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[8];

	CHECK(picker_pick_in(p, &a, 7, got, 8) == 4 && got[3].piece == 7,
	      "piece 7");
	CHECK(picker_pick_in(p, &a, 7, got, 8) == 0, "again");
	picker_free(p);
}

/* Random play against a plain model: every block is asked, comes once, and no
 * piece is forgotten. */
static void random_play_loses_nothing(void)
{
	enum { N = 40, PEERS = 5 };
	struct picker *p = make(N);
	struct picker_peer who[PEERS];
	struct picker_block asked[PEERS][64];
	size_t n_asked[PEERS] = {0};
	uint32_t done = 0;

	for (uint32_t i = 0; i < PEERS; i++)
		who[i] = peer(i + 1, NULL);
	for (uint32_t round = 0; round < 20000 && done < N; round++) {
		uint32_t i = rng_below(&rng, PEERS);

		if (n_asked[i] < 48)
			n_asked[i] +=
				picker_pick(p, &who[i], asked[i] + n_asked[i],
					    1 + rng_below(&rng, 16), 4, round);
		for (uint32_t k = rng_below(&rng, 8); k && n_asked[i]; k--) {
			size_t at = rng_below(&rng, (uint32_t)n_asked[i]);
			struct picker_block b = asked[i][at];

			asked[i][at] = asked[i][--n_asked[i]];
			if (rng_below(&rng, 10) == 0)
				picker_release(p, b, i + 1);
			else if (picker_wants(p, b) && receive(p, b, i + 1)) {
				if (rng_below(&rng, 8) == 0) {
					picker_retry(p, b.piece,
						     rng_below(&rng, 2), round);
				} else {
					picker_verified(p, b.piece);
					done++;
				}
			}
		}
		if (rng_below(&rng, 200) == 0) { /* it chokes us */
			while (n_asked[i])
				picker_release(p, asked[i][--n_asked[i]],
					       i + 1);
			picker_disown(p, i + 1);
		}
	}
	CHECK(done == N, "%u of %u pieces", done, N);
	CHECK(picker_parts(p) == 0 && picker_open(p) == 0, "left over");
	picker_free(p);
}

/* Pieces of 64 KiB; the last one is 20000 bytes. */
static void what_is_missing_is_counted(void)
{
	const uint64_t all = 9 * 65536 + 20000, much = UINT64_MAX;
	const struct pieces shape = {.count = 10, .len = 65536, .total = all};
	uint8_t none[2] = {0}, last[2] = {0, 0x40};
	struct picker *p = NULL;
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[4];

	rng = rng_seeded(1);
	if (picker_new(&p, &shape, NULL, &rng, NULL) != ERR_NONE)
		abort();
	CHECK(picker_missing(p, NULL, much) == all, "all of it");
	CHECK(picker_missing(p, NULL, 70000) == 70000, "enough");
	CHECK(picker_missing(p, none, much) == 0, "it has nothing");
	CHECK(picker_missing(p, last, much) == 20000, "it has the last piece");
	a.bits = last;
	CHECK(pick(p, &a, got, 2) == 2, "picked");
	CHECK(picker_missing(p, last, much) == 20000, "asked for, not here");
	(void)receive(p, got[0], 1);
	CHECK(picker_missing(p, last, much) == 20000 - PICKER_BLOCK, "%llu",
	      (unsigned long long)picker_missing(p, last, much));
	(void)receive(p, got[1], 1);
	CHECK(picker_missing(p, last, much) == 0, "all here, not checked");
	picker_retry(p, 9, false, 0);
	CHECK(picker_missing(p, last, much) == 20000, "was bad");
	(void)picker_pick(p, &a, got, 2, 0, 0);
	(void)receive(p, got[0], 1);
	(void)receive(p, got[1], 1);
	picker_verified(p, 9);
	CHECK(picker_missing(p, NULL, much) == all - 20000, "verified");
	picker_free(p);
}

/* Three pieces of four blocks; of the second two blocks and 100 bytes. */
static void of_a_short_piece_no_more_is_asked_than_it_has(void)
{
	static const struct piece_short shorts[] = {
		{1, 2 * PICKER_BLOCK + 100}};
	const struct pieces shape = {.count = 3,
				     .len = PIECE,
				     .total = 3ULL * PIECE,
				     .shorts = shorts,
				     .short_count = 1};
	struct picker *p = NULL;
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[16];
	uint64_t bytes = 0;
	size_t n;

	rng = rng_seeded(1);
	if (picker_new(&p, &shape, NULL, &rng, NULL) != ERR_NONE)
		abort();
	CHECK(picker_blocks(p, 0) == 4 && picker_blocks(p, 1) == 3, "blocks");
	n = pick(p, &a, got, 16);
	CHECK(n == 11, "%zu blocks", n);
	for (size_t i = 0; i < n; i++)
		bytes += picker_block_len(p, got[i]);
	CHECK(bytes == pieces_bytes(&shape), "%llu bytes",
	      (unsigned long long)bytes);
	picker_free(p);
}

/* Pieces 0..15; `open` says which are open, the others are begun by 9.
 */
static void runs_are_long_and_go_on(void)
{
	static const struct {
		const char *name;
		const char *state; /* '.': open, 'r': open, a peer has
				      it, 'b': begun by another, 'l':
				      begun and left, 'n': open, and the
				      source has it not */
		uint32_t last, max;
		bool rare;
		bool found;
		uint32_t piece, pieces; /* UINT32_MAX: any */
	} rows[] = {
		{"from the start", "................", UINT32_MAX, 4, false,
		 true, 0, 4},
		{"behind the last one", "................", 5, 4, false, true,
		 6, 4},
		{"to the end", "................", 13, 4, false, true, 12, 4},
		{"around what is open", "bbbbb....bbbbbbb", 0, 8, false, true,
		 5, 4},
		{"what was left comes first", "......l.........", 0, 8, false,
		 true, 6, 1},
		{"up to what it has not", "....n...........", 0, 8, false, true,
		 0, 4},
		{"nothing that it has", "nnnnnnnnnnnnnnnn", 0, 8, false, false,
		 0, 0},
		{"rare ones only", "rrrrrrr..rrrrrrr", 0, 8, true, true, 7, 2},
		{"none is rare", "rrrrrrrrrrrrrrrr", 0, 8, true, false, 0, 0},
		{"the rare ones before others", "rrrrrrr..rrrrrrr",
		 UINT32_MAX - 1, 2, false, true, 7, 2},
		{"what was left is not rare", "l.rrrrrrrrrrrrrr", 8, 8, true,
		 true, 1, 1},
		{"of no length", "................", 0, 0, false, false, 0, 0},
		{"help when nothing else is left", "bbbbbbbbbbbbbbbb", 0, 8,
		 false, true, UINT32_MAX, 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct picker *p = make(16);
		struct picker_peer other = peer(9, NULL), who;
		uint8_t has[2] = {0xff, 0xff};
		struct picker_run run = {0};
		struct picker_block b[4];
		bool found;

		for (uint32_t k = 0; k < 16; k++) {
			char c = rows[i].state[k];

			if (c == 'r')
				picker_peer_has(p, k);
			if (c == 'n')
				bits_clear(has, k);
			if (c == 'b' || c == 'l')
				CHECK(picker_pick_in(p, &other, k, b, 4) == 4,
				      "%s", rows[i].name);
			for (unsigned j = 0; c == 'l' && j < 4; j++)
				picker_release(p, b[j], 9);
		}
		if (strchr(rows[i].state, 'l'))
			picker_disown(p, 9);
		who = peer(1, has);
		who.last = rows[i].last;
		found = picker_pick_run(p, &who, rows[i].max, rows[i].rare,
					&run, 1000);
		CHECK(found == rows[i].found, "%s: found?", rows[i].name);
		CHECK(!found || ((rows[i].piece == UINT32_MAX ||
				  run.piece == rows[i].piece) &&
				 run.pieces == rows[i].pieces &&
				 run.first == 0 && run.end == 4),
		      "%s: %u pieces from %u on, blocks %u to %u", rows[i].name,
		      run.pieces, run.piece, run.first, run.end);
		for (uint32_t k = 0; found && k < run.pieces; k++)
			CHECK(picker_wants(
				      p,
				      (struct picker_block){run.piece + k, 3}),
			      "%s: piece %u is begun", rows[i].name,
			      run.piece + k);
		picker_free(p);
	}
}

/* ---- priorities and order ---- */

static void higher_priorities_come_first(void)
{
	struct picker *p = make(40);
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[4];
	uint8_t prios[40], some[5] = {0xff, 0xff, 0xff, 0xff, 0xff};

	for (uint32_t i = 0; i < 40; i++)
		prios[i] = (uint8_t)(i % 4);
	for (uint32_t i = 0; i < 40; i++) /* so chance decides nothing */
		picker_peer_has(p, i);
	CHECK(picker_set_prios(p, prios, NULL, NULL) == ERR_NONE, "no memory");
	CHECK(picker_open(p) == 30, "%u open", picker_open(p));
	a.bits = some;
	for (unsigned i = 0; i < 30; i++) {
		CHECK(pick(p, &a, got, 4) == 4, "pick %u", i);
		CHECK(prios[got[0].piece] == 3 - i / 10, "pick %u: piece %u", i,
		      got[0].piece);
	}
	CHECK(picker_pick(p, &a, got, 4, 0, 1000) == 0,
	      "a skipped piece is picked");
	picker_free(p);
}

/* Also by the pass over the words, when nothing common is near. */
static void priorities_count_in_the_long_search(void)
{
	struct picker *p = make(1000);
	struct picker_peer a;
	struct picker_block got[4];
	uint8_t prios[1000], some[125] = {0};

	memset(prios, PICKER_HIGH, sizeof(prios));
	prios[900] = PICKER_LOW;
	prios[950] = PICKER_NORMAL;
	bits_set(some, 900);
	bits_set(some, 950);
	CHECK(picker_set_prios(p, prios, NULL, NULL) == ERR_NONE, "no memory");
	a = peer(1, some);
	CHECK(pick(p, &a, got, 4) == 4 && got[0].piece == 950, "piece %u",
	      got[0].piece);
	picker_free(p);
}

static void what_is_wanted_may_change(void)
{
	struct picker *p = make(4);
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[16], first;
	uint8_t prios[4] = {2, 2, 2, 2};
	const uint8_t have[1] = {0x10};

	picker_verified(p, 3);
	CHECK(pick(p, &a, got, 4) == 4, "begun");
	first = got[0];
	for (unsigned i = 0; i < 4; i++)
		picker_release(p, got[i], 1);
	prios[first.piece] = PICKER_SKIP;
	CHECK(picker_set_prios(p, prios, have, NULL) == ERR_NONE, "no memory");
	CHECK(picker_parts(p) == 0 && picker_open(p) == 2, "%u parts, %u open",
	      picker_parts(p), picker_open(p));
	CHECK(!picker_wants(p, first), "a skipped block is wanted");
	picker_want(p, first.piece); /* lost on disk: still not wanted */
	CHECK(picker_open(p) == 2, "%u open", picker_open(p));
	CHECK(picker_set_prios(p, NULL, have, NULL) == ERR_NONE, "no memory");
	CHECK(picker_open(p) == 3, "wanted again: %u open", picker_open(p));
	CHECK(pick(p, &a, got, 16) == 12, "all that is missing");
	picker_free(p);
}

/* A piece whose blocks are all here gets its verdict, wanted or not. */
static void a_whole_piece_waits_for_its_verdict(void)
{
	struct picker *p = make(2);
	struct picker_peer a = peer(1, NULL);
	struct picker_block got[4];
	const uint8_t prios[2] = {0, 0};

	CHECK(pick(p, &a, got, 4) == 4, "pick");
	for (unsigned i = 0; i < 4; i++)
		(void)receive(p, got[i], 1);
	CHECK(picker_set_prios(p, prios, NULL, NULL) == ERR_NONE, "no memory");
	CHECK(picker_parts(p) == 1 && picker_sender(p, got[0].piece, 0) == 1,
	      "forgotten");
	picker_verified(p, got[0].piece);
	CHECK(picker_parts(p) == 0 && picker_open(p) == 0, "kept");
	picker_free(p);
}

static void pieces_come_in_order(void)
{
	struct picker *p = make(12);
	struct picker_peer a = peer(1, NULL), b = peer(2, NULL);
	const uint32_t rare[] = {11};
	struct picker_block got[4];
	uint8_t prios[12], second[2] = {0x55, 0x55};

	memset(prios, PICKER_NORMAL, sizeof(prios));
	prios[0] = prios[11] = PICKER_HIGH; /* as for a player */
	for (uint32_t i = 0; i < 11; i++)
		picker_peer_has(p, i);
	CHECK(picker_set_prios(p, prios, NULL, NULL) == ERR_NONE, "no memory");
	picker_set_in_order(p, true);
	a.suggested = rare;
	a.n_suggested = 1;
	b.bits = second; /* odd ones */
	for (unsigned i = 0; i < 5; i++) {
		static const uint32_t want_a[] = {0, 1, 2, 4, 6};
		static const uint32_t want_b[] = {11, 3, 5, 7, 9};

		CHECK(pick(p, &a, got, 4) == 4 && got[0].piece == want_a[i],
		      "a, pick %u: %u", i, got[0].piece);
		CHECK(pick(p, &b, got, 4) == 4 && got[0].piece == want_b[i],
		      "b, pick %u: %u", i, got[0].piece);
	}
	picker_free(p);
}

/* In order, a fast peer helps a slow one before it goes further ahead. */
static void the_slow_do_not_hold_up_the_order(void)
{
	for (int in_order = 0; in_order < 2; in_order++) {
		struct picker *p = make(8);
		struct picker_peer slow = peer(1, NULL), fast = peer(2, NULL);
		struct picker_block got[4];

		slow.slow = true;
		picker_set_in_order(p, in_order);
		CHECK(pick(p, &slow, got, 1) == 1, "slow");
		slow.last = got[0].piece;
		CHECK(pick(p, &fast, got, 3) == 3, "fast");
		CHECK((got[0].piece == slow.last) == in_order,
		      "in order %d: piece %u beside %u", in_order, got[0].piece,
		      slow.last);
		picker_free(p);
	}
}

static void a_run_of_a_left_piece_is_what_is_missing(void)
{
	struct picker *p = make(1);
	struct picker_peer other = peer(9, NULL), who = peer(1, NULL);
	struct picker_block b[4];
	struct picker_run run;

	CHECK(pick(p, &other, b, 4) == 4, "all of it");
	CHECK(!receive(p, b[0], 9) && !receive(p, b[2], 9), "two of four");
	picker_release(p, b[1], 9);
	picker_release(p, b[3], 9);
	picker_disown(p, 9);
	CHECK(picker_pick_run(p, &who, 4, false, &run, 0) && run.first == 1 &&
		      run.end == 4 && run.pieces == 1,
	      "blocks %u to %u", run.first, run.end);
	CHECK(!picker_pick_run(p, &who, 4, false, &run, 0), "no more of it");
	CHECK(pick(p, &other, b, 4) == 2, "the endgame of the others");
	CHECK(!receive(p, (struct picker_block){0, 1}, 1), "one is missing");
	CHECK(receive(p, (struct picker_block){0, 3}, 1), "the last one");
	picker_free(p);
}

int main(void)
{
	higher_priorities_come_first();
	priorities_count_in_the_long_search();
	what_is_wanted_may_change();
	a_whole_piece_waits_for_its_verdict();
	pieces_come_in_order();
	the_slow_do_not_hold_up_the_order();
	of_a_short_piece_no_more_is_asked_than_it_has();
	sizes_have_bounds();
	a_peer_gets_whole_pieces_in_order();
	a_fast_peer_has_pieces_side_by_side();
	in_order_pieces_come_one_by_one();
	the_rarest_comes_first();
	availability_follows_the_peers();
	only_what_the_peer_has();
	what_was_begun_and_left_comes_before_new_pieces();
	suggestions_go_before_rarity();
	helpers_and_endgame();
	pieces_end_well_or_badly();
	the_old_sender_gets_it_when_nobody_else_comes();
	only_bad_blocks_come_again();
	slow_peers_share_pieces();
	allowed_fast_pieces_only();
	what_is_missing_is_counted();
	runs_are_long_and_go_on();
	a_run_of_a_left_piece_is_what_is_missing();
	random_play_loses_nothing();
	return CHECK_EXIT();
}
