#include "base/merkle.h"

#include "base/hash.h"
#include "base/rng.h"
#include "tests/check.h"

#include <stdlib.h>

#define PIECE 65536U /* of libtorrent's rows */

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static bool same(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void hex(char out[65], const struct hash32 *h)
{
	for (size_t i = 0; i < sizeof(h->bytes); i++)
		(void)snprintf(out + 2 * i, 3, "%02x", h->bytes[i]);
}

/* Roots, lengths of the piece layer and its last node that libtorrent 2.0.8
 * made of files with byte j of file i = (j * j / 8 + 7 j + i) mod 256. */
static void files_have_the_roots_that_libtorrent_gives(void)
{
	static const struct {
		uint32_t length, layer;
		const char *root, *last;
	} rows[] = {
		{1, 0,
		 "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa"
		 "01d",
		 NULL},
		{16383, 0,
		 "52a8b784717f49a7e4d29d88c5524cee34173a51849ed1b973a708c66b0cd"
		 "123",
		 NULL},
		{16384, 0,
		 "5710efd6080908f59d650be05ec936e441a627da6fe543475437916a70167"
		 "aea",
		 NULL},
		{16385, 0,
		 "7d102ce724c4383bfb08f2373c2e95f00d110e80d328510118d0e1c389647"
		 "b98",
		 NULL},
		{32768, 0,
		 "f358cf941d7813f67908cab1efa63bc91aba46fdcef49abb4b276aa00ddf0"
		 "9a3",
		 NULL},
		{32769, 0,
		 "459c60f252f95e8b47ca1ad8bdfb2a97f5ae40149ede58ab435cdd0f9c7a8"
		 "299",
		 NULL},
		{49152, 0,
		 "83fb27f1f534ca1a84aaff09b75b847974e0e39964577ccb7760ca7708731"
		 "30b",
		 NULL},
		{65536, 0,
		 "f6876290610adba70fe16ee40b808e6392d7e820a94fce6a923643ae08039"
		 "49a",
		 NULL},
		{65537, 2,
		 "f5a20f35aaa03cb8071eb61035347d1833cdd37bf223c48aab1de4a4f30f4"
		 "0c9",
		 "6e5212b2ba3a315c7280b22768842ef9e396ee21296e38d8a10ace5a65b54"
		 "c80"},
		{131072, 2,
		 "18e3c9fba139de3dc80f9849614ca04f377e7ec0f57b336be34c009b2b8f4"
		 "4aa",
		 "4fd1ba633c49f58eb5ce4a5673d74fc689144bbb646c5deeafdaa83933c61"
		 "b96"},
		{131073, 3,
		 "89cab55ec9755cca46bbe62af85fbe9984ef35997bbd26515cb92929350c8"
		 "dce",
		 "a220c5ba3e963b909e23f320198c8e28804a3fa51120bf39d0688710d5458"
		 "0d9"},
		{196608, 3,
		 "6404b5a6f708fc78e630e73b2115ece33aa9cb7f2e1879f644920563b9c56"
		 "bb1",
		 "0c9e64fed2f437b4fc1f0a67381012e35039f8a817a356d7dd0ef3ee6cb50"
		 "70b"},
		{1048581, 17,
		 "544aa0e68895787433349560dcb97c81f78fe5374c9468bfdb77a3b03a3f8"
		 "744",
		 "d6dafa931b321a315cc072bea017b42a7524aa58eabfa94e24dfbbd8b929f"
		 "268"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t length = rows[i].length;
		unsigned top = merkle_file_top(length);
		unsigned piece_top = merkle_piece_top(length, PIECE);
		uint8_t *data = must(malloc(length));
		struct hash32 layer[17], root;
		size_t n = 0;
		char text[65];

		for (uint64_t j = 0; j < length; j++)
			data[j] = (uint8_t)((j * j >> 3) + j * 7 + i);
		for (uint32_t at = 0; at < length; at += PIECE, n++) {
			struct merkle m;

			merkle_init(&m, 0);
			merkle_add_data(&m, data + at,
					length - at < PIECE ? length - at
							    : PIECE);
			merkle_end(&m, &layer[n], piece_top);
		}
		CHECK(n == 1 || n == rows[i].layer, "%u: %zu", length, n);
		hex(text, &layer[n - 1]);
		CHECK(n == 1 || strcmp(text, rows[i].last) == 0, "%u: %s",
		      length, text);
		merkle_root(&root, layer, n, piece_top, top);
		hex(text, &root);
		CHECK(strcmp(text, rows[i].root) == 0, "%u: %s", length, text);
		free(data);
	}
}

static void shapes_follow_from_lengths(void)
{
	static const struct {
		uint64_t length;
		uint32_t piece_len;
		uint64_t blocks;
		unsigned top, piece_top;
	} rows[] = {
		{0, 16384, 0, 0, 0},
		{1, 16384, 1, 0, 0},
		{16384, 16384, 1, 0, 0},
		{16385, 16384, 2, 1, 0},
		{16385, 32768, 2, 1, 1},
		{3 * 16384, 65536, 3, 2, 2},
		{2 * 16384, 65536, 2, 1, 1},
		{65537, 65536, 5, 3, 2},
		{(uint64_t)1 << 47, 1U << 26, (uint64_t)1 << 33, 33, 12},
		{UINT64_MAX, 1U << 26, (uint64_t)1 << 50, 50, 12},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CHECK(merkle_blocks(rows[i].length) == rows[i].blocks,
		      "row %zu", i);
		CHECK(merkle_file_top(rows[i].length) == rows[i].top, "row %zu",
		      i);
		CHECK(merkle_piece_top(rows[i].length, rows[i].piece_len) ==
			      rows[i].piece_top,
		      "row %zu", i);
	}
}

/* --- the tree as the BEP has it: every node, one after another --- */

struct plain {
	struct hash32 *layers[10];
	unsigned top;
};

static struct plain plain_tree(const struct hash32 *leaves, size_t n)
{
	struct plain p = {.top = merkle_levels(n)};
	size_t width = (size_t)1 << p.top;

	p.layers[0] = must(calloc(width, sizeof(*leaves)));
	memcpy(p.layers[0], leaves, n * sizeof(*leaves));
	for (unsigned i = 1; i <= p.top; i++) {
		width /= 2;
		p.layers[i] = must(calloc(width, sizeof(*leaves)));
		for (size_t k = 0; k < width; k++)
			sha256_once(p.layers[i][k].bytes,
				    &p.layers[i - 1][2 * k], 64);
	}
	return p;
}

static void plain_free(struct plain *p)
{
	for (unsigned i = 0; i <= p->top; i++)
		free(p->layers[i]);
}

static void check_ways_to_the_root(const struct plain *p,
				   const struct hash32 *leaves, size_t n,
				   struct rng *rng)
{
	struct hash32 root, *copy = must(malloc(n * sizeof(*copy)));
	struct merkle m;
	size_t at = 0, left = n;

	memcpy(copy, leaves, n * sizeof(*copy));
	merkle_root(&root, copy, n, 0, p->top);
	CHECK(same(&root, p->layers[p->top]), "root of %zu", n);

	merkle_init(&m, 0);
	while (at < n) {
		size_t some = 1 + rng_below(rng, (uint32_t)(n - at));

		merkle_add(&m, leaves + at, some);
		at += some;
	}
	merkle_end(&m, &root, p->top);
	CHECK(same(&root, p->layers[p->top]), "portions of %zu", n);

	memcpy(copy, leaves, n * sizeof(*copy));
	for (unsigned i = 0; i < p->top; i++) {
		left = merkle_up(copy, left, i);
		CHECK(memcmp(copy, p->layers[i + 1], left * sizeof(*copy)) == 0,
		      "layer %u of %zu", i + 1, n);
	}
	CHECK(left == 1, "%zu end as %zu", n, left);
	free(copy);
}

/* From each height upwards: every node, every proof, and no proof altered. */
static void check_proofs(const struct plain *p, size_t n, unsigned height)
{
	const struct hash32 *root = p->layers[p->top];
	size_t width = (size_t)1 << (p->top - height);
	size_t there = (n + ((size_t)1 << height) - 1) >> height;
	struct merkle_tree *t =
		must(merkle_tree_new(p->layers[height], there, height, p->top));
	struct hash32 nodes[512], uncles[10], got;

	merkle_tree_root(t, &got);
	CHECK(same(&got, root), "tree of %zu from %u", n, height);
	CHECK(merkle_tree_nodes(t, nodes, height, 0, width) &&
		      memcmp(nodes, p->layers[height],
			     width * sizeof(*nodes)) == 0,
	      "nodes of %zu on %u", n, height);
	for (unsigned k = 0; k <= p->top - height; k++) {
		size_t run = (size_t)1 << k, need = p->top - height - k;

		for (size_t i = 0; i < width; i += run) {
			CHECK(merkle_tree_prove(t, uncles, need, height + k,
						i >> k),
			      "%zu at %u", i, height);
			CHECK(merkle_verify(root, p->top, height, i, nodes + i,
					    run, uncles, need),
			      "%zu + %zu on %u of %zu", i, run, height, n);
			nodes[i].bytes[31] ^= 1;
			CHECK(!merkle_verify(root, p->top, height, i, nodes + i,
					     run, uncles, need),
			      "another node");
			nodes[i].bytes[31] ^= 1;
			if (need == 0)
				continue;
			uncles[need - 1].bytes[0] ^= 1;
			CHECK(!merkle_verify(root, p->top, height, i, nodes + i,
					     run, uncles, need),
			      "another uncle");
		}
	}
	merkle_tree_free(t);
}

static void trees_of_all_sizes_are_as_the_bep_says(void)
{
	static const size_t sizes[] = {1, 2, 3,	 4,  5,	  7,
				       8, 9, 31, 33, 256, 300};
	struct rng rng = rng_seeded(7);
	struct hash32 leaves[300];

	rng_fill(&rng, leaves, sizeof(leaves));
	for (size_t i = 0; i < ROWS(sizes); i++) {
		struct plain p = plain_tree(leaves, sizes[i]);

		check_ways_to_the_root(&p, leaves, sizes[i], &rng);
		for (unsigned h = 0; h <= p.top; h++)
			check_proofs(&p, sizes[i], h);
		plain_free(&p);
	}
}

/* A root that stands higher than the nodes need, as of a piece at the end. */
static void padding_fills_up_to_any_height(void)
{
	struct hash32 leaves[64] = {{{1}}, {{2}}, {{3}}}, root, pad, copy[3];
	struct plain p = plain_tree(leaves, 64);
	struct merkle m;

	memcpy(copy, leaves, sizeof(copy));
	merkle_root(&root, copy, 3, 0, 6);
	CHECK(same(&root, p.layers[6]), "merkle_root");
	merkle_init(&m, 0);
	merkle_add(&m, leaves, 3);
	merkle_end(&m, &root, 6);
	CHECK(same(&root, p.layers[6]), "merkle_end");
	merkle_init(&m, 2);
	merkle_end(&m, &root, 5);
	merkle_pad(&pad, 5);
	CHECK(same(&root, &pad), "nothing is padding");
	CHECK(same(&pad, &p.layers[5][1]), "padding of a height");
	plain_free(&p);
}

static void what_is_no_range_is_false(void)
{
	struct hash32 leaves[8] = {{{1}}}, root, uncles[4], out[9];
	struct plain p = plain_tree(leaves, 8);
	struct merkle_tree *t = must(merkle_tree_new(leaves, 5, 0, 3));
	static const struct {
		unsigned top, height;
		uint64_t index;
		size_t n, uncles;
		bool right;
	} rows[] = {
		{3, 0, 2, 2, 2, true},
		{3, 0, 3, 2, 2, false}, /* index no multiple */
		{3, 0, 8, 2, 2, false}, /* behind the end */
		{3, 0, UINT64_MAX - 1, 2, 2, false},
		{3, 0, 0, 3, 1, false}, /* no power of two */
		{3, 0, 0, 0, 3, false}, /* nothing */
		{3, 0, 2, 2, 1, false}, /* an uncle missing */
		{3, 0, 2, 2, 3, false}, /* one too many */
		{3, 4, 0, 1, 0, false}, /* above the root */
		{MERKLE_TOP + 1, 0, 2, 2, 2, false},
		{UINT32_MAX, 0, 2, 2, 2, false},
	};

	root = p.layers[3][0];
	CHECK(merkle_tree_prove(t, uncles, 2, 1, 1), "a proof");
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(merkle_verify(&root, rows[i].top, rows[i].height,
				    rows[i].index, leaves + 2, rows[i].n,
				    uncles, rows[i].uncles) == rows[i].right,
		      "row %zu", i);
	root = p.layers[2][0];
	CHECK(merkle_verify(&root, 2, 0, 0, leaves, 4, NULL, 0), "all four");
	CHECK(!merkle_verify(&root, 2, 0, 0, leaves, 3, NULL, 0),
	      "three that padding would complete");
	CHECK(!merkle_tree_prove(t, uncles, 3, 1, 1),
	      "more uncles than levels");
	CHECK(!merkle_tree_prove(t, uncles, 1, 0, 8), "a leaf behind the end");
	CHECK(!merkle_tree_prove(t, uncles, 0, 4, 0), "above the root");
	CHECK(!merkle_tree_nodes(t, out, 0, 4, 5), "over the end");
	CHECK(!merkle_tree_nodes(t, out, 0, 9, 0), "behind the end");
	CHECK(!merkle_tree_nodes(t, out, 4, 0, 1), "above the root");
	merkle_tree_free(t);
	CHECK(!merkle_tree_new(leaves, 0, 0, 3), "no nodes");
	CHECK(!merkle_tree_new(leaves, 5, 0, 2), "too low");
	CHECK(!merkle_tree_new(leaves, 5, 0, MERKLE_TOP + 1), "too high");
	CHECK(!merkle_tree_new(leaves, 5, 4, 3), "upside down");
	plain_free(&p);
}

int main(void)
{
	files_have_the_roots_that_libtorrent_gives();
	shapes_follow_from_lengths();
	trees_of_all_sizes_are_as_the_bep_says();
	padding_fills_up_to_any_height();
	what_is_no_range_is_false();
	return CHECK_EXIT();
}
