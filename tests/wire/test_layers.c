#include "wire/swarm/layers.h"

#include "base/bits.h"
#include "base/merkle.h"
#include "base/rng.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define PIECE 65536U /* height 2 */
#define ROOM (HASH_COUNT_MAX + HASH_HEIGHT_MAX)

struct content { /* a file of n pieces, its hashes by chance */
	struct hash32 *layer, root;
	uint32_t n;
	unsigned top;
};

static struct content content_new(uint32_t n, uint64_t seed)
{
	struct content c = {.n = n};
	struct rng rng = rng_seeded(seed);
	struct merkle tree;

	c.layer = malloc(n * sizeof(*c.layer));
	if (!c.layer)
		abort();
	rng_fill(&rng, c.layer, n * sizeof(*c.layer));
	c.top = merkle_file_top((uint64_t)n * PIECE);
	merkle_init(&tree, 2);
	merkle_add(&tree, c.layer, n);
	merkle_end(&tree, &c.root, c.top);
	return c;
}

static struct layers *layers_of(const struct content *c, bool known)
{
	const struct layers_file file = {.root = c->root.bytes,
					 .length = (uint64_t)c->n * PIECE,
					 .first_piece = 3,
					 .number = 9,
					 .pieces = known ? c->layer->bytes
							 : NULL};
	struct layers *y = NULL;

	if (layers_new(&y, &file, 1, PIECE, NULL) != ERR_NONE)
		abort();
	return y;
}

static void hashes_go_from_one_to_another(void)
{
	static const uint32_t sizes[] = {2,   3,    8,	  9,	511,  512,
					 513, 1024, 1025, 5000, 66000};

	for (size_t i = 0; i < ROWS(sizes); i++) {
		struct content c = content_new(sizes[i], i);
		struct layers *has = layers_of(&c, true);
		struct layers *wants = layers_of(&c, false);
		const struct layers_file *done = NULL;
		struct hash32 out[ROOM];
		struct hash_ask ask;
		uint32_t asked = 0;

		CHECK(layers_missing(has) == 0 && layers_missing(wants) == 1,
		      "%u pieces: missing", sizes[i]);
		while (layers_pick(wants, &ask, 1, NULL, 0)) {
			asked++;
			CHECK(layers_answer(has, &ask, out), "%u: refused",
			      sizes[i]);
			CHECK(layers_take(wants, &ask, out, out + ask.count,
					  &done) == LAYERS_TAKEN,
			      "%u pieces: question %u", sizes[i], asked);
		}
		CHECK(asked == (sizes[i] + 511) / 512, "%u pieces: %u asked",
		      sizes[i], asked);
		CHECK(done && done->number == 9 &&
			      memcmp(done->pieces, c.layer, c.n * 32UL) == 0,
		      "%u pieces: other hashes", sizes[i]);
		CHECK(layers_missing(wants) == 0, "%u pieces", sizes[i]);
		/* who learnt them tells them on */
		(void)layers_pick(wants, &ask, 1, NULL, 0);
		ask = (struct hash_ask){c.root, 2, 0, 2, 0};
		CHECK(layers_answer(wants, &ask, out) &&
			      memcmp(out, c.layer, 64) == 0,
		      "told on");
		layers_free(has);
		layers_free(wants);
		free(c.layer);
	}
}

/* Every node of the tree, with every length of proof. */
static void answers_are_proofs(void)
{
	struct content c = content_new(1300, 5);
	struct layers *y = layers_of(&c, true);
	struct merkle_tree *tree = merkle_tree_new(c.layer, c.n, 2, c.top);
	static const uint32_t counts[] = {1, 2, 4, 64, 512};
	struct hash32 out[ROOM], want[ROOM];

	for (size_t i = 0; i < ROWS(counts); i++)
		for (uint32_t at = 0; at < 2048; at += 64 * counts[i]) {
			uint32_t k = counts[i], index = at / k * k;
			unsigned levels = merkle_levels(k);
			uint32_t proofs = c.top - 2 - 1;
			struct hash_ask ask = {c.root, 2, index, k, proofs};
			uint32_t uncles = hash_ask_uncles(&ask);

			CHECK(layers_answer(y, &ask, out), "%u of %u", index,
			      k);
			CHECK(merkle_tree_nodes(tree, want, 2, index, k) &&
				      memcmp(out, want, k * 32UL) == 0,
			      "%u hashes from %u", k, index);
			CHECK(merkle_tree_prove(tree, want, uncles, 2 + levels,
						index / k) &&
				      memcmp(out + k, want, uncles * 32UL) == 0,
			      "uncles of %u from %u", k, index);
		}
	merkle_tree_free(tree);
	layers_free(y);
	free(c.layer);
}

static void questions_outside_the_tree_are_refused(void)
{
	struct content c = content_new(1300, 6); /* 2,048 places, top 13 */
	struct layers *y = layers_of(&c, true), *none = layers_of(&c, false);
	struct hash32 out[ROOM], other = {{1}};
	const struct {
		const char *name;
		struct hash_ask ask;
		bool ok;
	} rows[] = {
		{"the first", {c.root, 2, 0, 512, 10}, true},
		{"the last places, padding", {c.root, 2, 1536, 512, 10}, true},
		{"behind the last", {c.root, 2, 2048, 512, 10}, false},
		{"proofs to the top", {c.root, 2, 0, 2, 10}, true},
		{"proofs over the top", {c.root, 2, 0, 2, 11}, false},
		{"leaves", {c.root, 0, 0, 2, 0}, false},
		{"below pieces", {c.root, 1, 0, 2, 0}, false},
		{"above pieces", {c.root, 3, 0, 256, 0}, true},
		{"above pieces, of too many", {c.root, 3, 0, 512, 0}, false},
		{"the top", {c.root, 13, 0, 1, 0}, false},
		{"over the top", {c.root, 14, 0, 1, 0}, false},
		{"another file", {other, 2, 0, 2, 0}, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(layers_answer(y, &rows[i].ask, out) == rows[i].ok, "%s",
		      rows[i].name);
	CHECK(!layers_answer(none, &rows[0].ask, out), "not known");
	layers_free(y);
	free(c.layer);
	/* of a file of one chunk no tree stands behind the answers */
	c = content_new(5, 6);
	y = layers_of(&c, true);
	CHECK(layers_answer(y, &(struct hash_ask){c.root, 2, 0, 2, 2}, out),
	      "up to the top");
	CHECK(!layers_answer(y, &(struct hash_ask){c.root, 2, 0, 2, 3}, out),
	      "over the top of a small file");
	layers_free(none);
	layers_free(y);
	free(c.layer);
}

static void false_answers_are_known(void)
{
	struct content c = content_new(700, 7);
	struct layers *has = layers_of(&c, true), *y = layers_of(&c, false);
	const struct layers_file *done;
	struct hash32 out[ROOM];
	struct hash_ask ask, other;

	CHECK(layers_pick(y, &ask, 1, NULL, 0) && layers_answer(has, &ask, out),
	      "asked");
	for (uint32_t i = 0; i < ask.count + hash_ask_uncles(&ask); i += 37) {
		out[i].bytes[i % 32] ^= 1;
		CHECK(layers_take(y, &ask, out, out + ask.count, &done) ==
			      LAYERS_FALSE,
		      "hash %u", i);
		out[i].bytes[i % 32] ^= 1;
	}
	other = ask;
	other.proofs--;
	CHECK(layers_take(y, &other, out, out + ask.count, &done) ==
		      LAYERS_UNASKED,
	      "another question");
	other = ask;
	other.index = 2048;
	CHECK(layers_take(y, &other, out, out + ask.count, &done) ==
		      LAYERS_UNASKED,
	      "a place that is not there");
	CHECK(layers_take(y, &ask, out, out + ask.count, &done) == LAYERS_TAKEN,
	      "the right one still counts");
	CHECK(layers_take(y, &ask, out, out + ask.count, &done) ==
		      LAYERS_UNASKED,
	      "twice");
	layers_free(has);
	layers_free(y);
	free(c.layer);
}

static void questions_are_shared_among_peers(void)
{
	struct content c = content_new(512 * 12, 8);
	uint8_t bits[800] = {0};
	struct layers *y = layers_of(&c, false);
	struct hash_ask ask, first;

	CHECK(layers_pick(y, &first, 1, NULL, 0), "first");
	for (unsigned i = 1; i < LAYERS_ASKS_MAX; i++)
		CHECK(layers_pick(y, &ask, 1, NULL, 0), "more");
	CHECK(!layers_pick(y, &ask, 1, NULL, 0), "no more of one peer");
	CHECK(layers_pick(y, &ask, 2, NULL, 0) && ask.index == 4 * 512,
	      "another peer is asked for others: %u", ask.index);
	CHECK(!layers_pick(y, &ask, 3, bits, 0), "of who has nothing, nothing");
	bits_set(bits, 3 + 512 * 9 + 100);
	CHECK(layers_pick(y, &ask, 3, bits, 0) && ask.index == 512 * 9,
	      "of who has a piece, the hashes around it");
	CHECK(!layers_pick(y, &ask, 3, bits, 0), "once");
	layers_gone(y, 1);
	CHECK(!layers_pick(y, &ask, 3, bits, 0), "what 3 has is asked for");
	for (unsigned i = 0; i < 3; i++)
		CHECK(layers_pick(y, &ask, 2, NULL, 0), "of who is there");
	layers_free(y);
	free(c.layer);
}

static void refused_and_late_ones_are_asked_again(void)
{
	struct content c = content_new(512, 9);
	struct layers *y = layers_of(&c, false);
	struct hash_ask ask;

	CHECK(layers_pick(y, &ask, 1, NULL, 1000), "asked");
	CHECK(!layers_pick(y, &ask, 2, NULL, 1000 + LAYERS_ANSWER_MS - 1),
	      "waiting");
	CHECK(layers_pick(y, &ask, 2, NULL, 1000 + LAYERS_ANSWER_MS), "late");
	layers_refused(y, 1, &ask, 12000);
	CHECK(!layers_pick(y, &ask, 3, NULL, 12000), "1 has no word in it");
	layers_refused(y, 2, &ask, 12000);
	CHECK(!layers_pick(y, &ask, 3, NULL, 12999), "refused: not at once");
	CHECK(layers_pick(y, &ask, 3, NULL, 13000), "but a second later");
	layers_free(y);
	free(c.layer);
}

static void files_that_need_none_are_passed_over(void)
{
	struct content c = content_new(5, 10);
	const struct layers_file files[] = {
		{.root = c.root.bytes, .length = PIECE},
		{.root = c.root.bytes, .length = 5ULL * PIECE, .number = 1},
		{.root = c.root.bytes, .length = 5ULL * PIECE, .number = 2},
	};
	struct layers *y = NULL;
	struct hash_ask ask;

	CHECK(layers_new(&y, files, 1, PIECE, NULL) == ERR_NONE, "one piece");
	CHECK(layers_missing(y) == 0 && !layers_pick(y, &ask, 1, NULL, 0),
	      "its root is its hash");
	layers_free(y);
	CHECK(layers_new(&y, files, 3, PIECE, NULL) == ERR_NONE, "two alike");
	CHECK(layers_missing(y) == 1, "one root, one question");
	layers_free(y);
	layers_free(NULL);
	free(c.layer);
}

/* ---- below pieces ---- */

struct blocks { /* a file of n blocks, their hashes by chance */
	struct hash32 *leaves, *layer, root;
	uint32_t n, pieces;
	uint32_t piece_len;
	unsigned height; /* of what a piece is checked against */
	struct layers *y;
};

static void blocks_init(struct blocks *b, uint32_t n, uint32_t piece_len,
			uint64_t seed)
{
	const uint64_t length = (uint64_t)n * MERKLE_BLOCK - 100;
	uint32_t per = piece_len / MERKLE_BLOCK;
	struct layers_file file = {.length = length, .first_piece = 3};
	struct rng rng = rng_seeded(seed);
	struct merkle tree;

	*b = (struct blocks){.n = n, .piece_len = piece_len};
	b->height = merkle_piece_top(length, piece_len);
	b->pieces = (n + per - 1) / per;
	b->leaves = malloc(n * sizeof(*b->leaves));
	b->layer = malloc(b->pieces * sizeof(*b->layer));
	if (!b->leaves || !b->layer)
		abort();
	rng_fill(&rng, b->leaves, n * sizeof(*b->leaves));
	for (uint32_t i = 0; i < b->pieces; i++) {
		merkle_init(&tree, 0);
		merkle_add(&tree, b->leaves + i * per,
			   n - i * per < per ? n - i * per : per);
		merkle_end(&tree, &b->layer[i], b->height);
	}
	merkle_init(&tree, b->height);
	merkle_add(&tree, b->layer, b->pieces);
	merkle_end(&tree, &b->root, merkle_file_top(length));
	file.root = b->root.bytes;
	file.pieces = b->pieces > 1 ? b->layer->bytes : NULL;
	if (layers_new(&b->y, &file, 1, piece_len, NULL) != ERR_NONE)
		abort();
}

static void blocks_clear(struct blocks *b)
{
	layers_free(b->y);
	free(b->layer);
	free(b->leaves);
}

static uint32_t in_piece(const struct blocks *b, uint32_t i)
{
	uint32_t per = b->piece_len / MERKLE_BLOCK, left = b->n - i * per;

	return left < per ? left : per;
}

static const struct hash32 *leaves_at(const struct blocks *b, uint32_t i)
{
	return b->leaves + (size_t)i * (b->piece_len / MERKLE_BLOCK);
}

static struct merkle_tree *tree_of(const struct blocks *b, uint32_t i)
{
	return layers_leaf_tree(b->y, 3 + i, leaves_at(b, i), in_piece(b, i));
}

/* All blocks' hashes of a piece, in as many questions as it takes. */
static void learn_piece(const struct blocks *b, uint32_t i)
{
	struct hash32 got[4096], out[ROOM];
	uint32_t parts = layers_leaf_parts(b->y, 3 + i), piece;
	struct merkle_tree *tree = tree_of(b, i);
	struct hash_ask ask;

	CHECK(layers_leaves(b->y, 3 + i) == in_piece(b, i) && tree,
	      "%u blocks: %u of piece %u", b->n, layers_leaves(b->y, 3 + i), i);
	for (uint32_t k = 0; k < parts; k++) {
		layers_ask_leaves(b->y, 3 + i, k, &ask);
		CHECK(ask.base == 0 && ask.count <= HASH_COUNT_MAX &&
			      !layers_answer(b->y, &ask, out),
		      "%u blocks: a question", b->n);
		CHECK(layers_below(b->y, &ask, &piece) && piece == 3 + i,
		      "%u blocks: about piece %u", b->n, piece);
		CHECK(layers_answer_below(b->y, &ask, tree, out),
		      "%u blocks: piece %u, part %u", b->n, i, k);
		out[0].bytes[3] ^= 1;
		CHECK(!layers_take_leaves(b->y, 3 + i, k, out, out + ask.count,
					  got),
		      "%u blocks: a false one is taken", b->n);
		out[0].bytes[3] ^= 1;
		CHECK(layers_take_leaves(b->y, 3 + i, k, out, out + ask.count,
					 got),
		      "%u blocks: piece %u, part %u", b->n, i, k);
	}
	CHECK(memcmp(got, leaves_at(b, i), in_piece(b, i) * sizeof(*got)) == 0,
	      "%u blocks: other hashes", b->n);
	merkle_tree_free(tree);
}

static void hashes_of_blocks_go_from_one_to_another(void)
{
	static const struct {
		uint32_t blocks, piece_len;
	} rows[] = {
		{2, 65536},	  {3, 65536},	    {4, 65536},
		{5, 65536},	  {6, 65536},	    {64, 32768},
		{9, 1U << 20},	  {3000, 1U << 26}, {4096, 1U << 26},
		{9000, 1U << 26},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct blocks b;

		blocks_init(&b, rows[i].blocks, rows[i].piece_len, i);
		for (uint32_t k = 0; k < b.pieces; k++)
			if (in_piece(&b, k) > 1)
				learn_piece(&b, k);
			else
				CHECK(layers_leaves(b.y, 3 + k) == 0,
				      "a piece of one block");
		CHECK(layers_leaves(b.y, 2) == 0 &&
			      layers_leaves(b.y, 3 + b.pieces) == 0,
		      "outside the file");
		blocks_clear(&b);
	}
}

/* Every question about nodes of one piece, and its proof to the file's root. */
static void answers_below_are_proofs(void)
{
	struct hash32 out[ROOM], want[ROOM];
	struct merkle_tree *all;
	struct blocks b;

	blocks_init(&b, 77, 131072, 11); /* height 3, top 7 */
	all = merkle_tree_new(b.leaves, b.n, 0, 7);
	for (uint32_t base = 0; base < 3; base++)
		for (uint32_t count = 1; count << base <= 8; count *= 2)
			for (uint32_t at = 0; at << base < 77; at += count) {
				struct hash_ask ask = {b.root, base, at, count,
						       7 - base - 1};
				uint32_t n = hash_ask_uncles(&ask), piece = 0;
				struct merkle_tree *tree;

				CHECK(layers_below(b.y, &ask, &piece),
				      "%u from %u", count, at);
				tree = tree_of(&b, piece - 3);
				CHECK(layers_answer_below(b.y, &ask, tree, out),
				      "%u from %u", count, at);
				CHECK(merkle_tree_nodes(all, want, base, at,
							count) &&
					      memcmp(out, want, count * 32UL) ==
						      0,
				      "%u hashes from %u", count, at);
				CHECK(merkle_verify(&b.root, 7, base, at, out,
						    count, out + count, n),
				      "%u from %u of height %u: no proof",
				      count, at, base);
				merkle_tree_free(tree);
			}
	merkle_tree_free(all);
	blocks_clear(&b);
}

static void questions_below_that_nobody_answers(void)
{
	struct content c = content_new(1300, 6);
	struct layers *none = layers_of(&c, false);
	const struct hash32 other = {{1}};
	struct blocks b;
	uint32_t piece;

	blocks_init(&b, 77, 131072, 12);
	const struct {
		const char *name;
		struct hash_ask ask;
		bool ok;
	} rows[] = {
		{"a piece", {b.root, 0, 8, 8, 0}, true},
		{"of two pieces", {b.root, 0, 0, 16, 0}, false},
		{"half a piece, above", {b.root, 1, 4, 4, 5}, true},
		{"two pieces, above", {b.root, 1, 0, 8, 5}, false},
		{"pieces", {b.root, 3, 0, 2, 0}, false},
		{"the last blocks and padding", {b.root, 0, 72, 8, 6}, true},
		{"padding alone", {b.root, 0, 80, 8, 6}, false},
		{"over the top", {b.root, 0, 0, 8, 7}, false},
		{"far behind the end", {b.root, 0, 1U << 31, 8, 0}, false},
		{"another file", {other, 0, 0, 8, 0}, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(layers_below(b.y, &rows[i].ask, &piece) == rows[i].ok,
		      "%s", rows[i].name);
	CHECK(!layers_below(none, &(struct hash_ask){c.root, 0, 0, 4, 0},
			    &piece) &&
		      layers_leaves(none, 3) == 0,
	      "whose pieces' hashes are not known");
	b.leaves[9].bytes[0] ^= 1;
	CHECK(!tree_of(&b, 1), "blocks that do not lead to their piece");
	layers_free(none);
	free(c.layer);
	blocks_clear(&b);
}

int main(void)
{
	hashes_of_blocks_go_from_one_to_another();
	answers_below_are_proofs();
	questions_below_that_nobody_answers();
	hashes_go_from_one_to_another();
	answers_are_proofs();
	questions_outside_the_tree_are_refused();
	false_answers_are_known();
	questions_are_shared_among_peers();
	refused_and_late_ones_are_asked_again();
	files_that_need_none_are_passed_over();
	return CHECK_EXIT();
}
