#include "base/hash.h"
#include "base/hex.h"
#include "base/rng.h"
#include "storage/sector/tree.h"
#include "tests/check.h"

#include <stdlib.h>

static uint8_t sector[SECTOR_LEN];

/* The definition, spelled out: everything else is checked against it. */
static struct hash32 by_definition(const struct hash32 *nodes, size_t n,
				   size_t padded)
{
	struct hash32 two[2], out = {{0}};

	if (padded == 1) {
		if (n)
			out = nodes[0];
		return out;
	}
	two[0] = by_definition(nodes, n < padded / 2 ? n : padded / 2,
			       padded / 2);
	two[1] = by_definition(nodes + padded / 2,
			       n < padded / 2 ? 0 : n - padded / 2, padded / 2);
	sha256_once(out.bytes, two, sizeof(two));
	return out;
}

static struct hash32 sector_by_definition(const uint8_t *data)
{
	static struct hash32 leaves[SECTOR_LEAVES];

	for (size_t i = 0; i < SECTOR_LEAVES; i++)
		sha256_once(leaves[i].bytes, data + i * TREE_LEAF, TREE_LEAF);
	return by_definition(leaves, SECTOR_LEAVES, SECTOR_LEAVES);
}

static bool eq(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* The vectors of docs/protocol.md. */
static void published_roots_hold(void)
{
	static const struct {
		const char *name, *root;
		int step; /* byte i is i * step, mod 251 */
	} rows[] = {
		{"a sector of zeroes",
		 "2459b6bae3ef2bc3e748fe17480824302e8acb8ca3bcfe4554ead0dbb7961"
		 "6a5",
		 0},
		{"a sector that counts",
		 "1d26e6622745adac7bdb753abcb532b2b8eadd49086b3444d182bf0e9200c"
		 "d4c",
		 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[HEX_LEN(32)];
		struct hash32 root;

		for (size_t k = 0; k < SECTOR_LEN; k++)
			sector[k] = (uint8_t)(k * (size_t)rows[i].step % 251);
		tree_sector_root(&root, sector);
		hex_encode(text, root.bytes, 32);
		CHECK(strcmp(text, rows[i].root) == 0, "%s: %s", rows[i].name,
		      text);
	}
}

static void the_published_list_holds(void)
{
	struct hash32 roots[3];
	char text[HEX_LEN(32)];
	struct tree_fold f;

	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < SECTOR_LEN; k++)
			sector[k] = (uint8_t)(k * (i == 1) % 251);
		tree_sector_root(&roots[i], sector);
	}
	tree_fold_init(&f, 0);
	tree_fold_add(&f, roots, 3);
	CHECK(tree_fold_end(&f, &roots[0]), "three");
	hex_encode(text, roots[0].bytes, 32);
	CHECK(strcmp(text, "be37594e6949ef983345efb4b82cc6b5"
			   "b767034eb003fa6d3a43dbf4d147b62b") == 0,
	      "%s", text);
}

static void a_sector_is_hashed_whole_or_in_tiles(void)
{
	struct rng rng = rng_seeded(1);
	struct hash32 want, got, tiles[SECTOR_TILES];
	size_t at = 0;

	rng_fill(&rng, sector, sizeof(sector));
	want = sector_by_definition(sector);
	tree_sector_root(&got, sector);
	CHECK(eq(&want, &got), "whole");
	while (at < SECTOR_TILES) {
		size_t n = 1 + rng_below(&rng, 12);

		if (n > SECTOR_TILES - at)
			n = SECTOR_TILES - at;
		tree_tile_nodes(tiles + at, sector + at * TREE_TILE, n);
		at += n;
	}
	tree_root_of_tiles(&got, tiles);
	CHECK(eq(&want, &got), "in tiles");
}

/* With nothing readable behind the proof. */
static bool too_short(const struct hash32 *root, uint32_t first, uint32_t count,
		      const uint8_t *data, const struct hash32 *proof, size_t n)
{
	struct hash32 *copy = malloc(n * sizeof(*copy) + 1);
	bool ok;

	if (!copy)
		abort();
	memcpy(copy, proof, n * sizeof(*copy));
	ok = tree_range_verify(root, first, count, data, copy, n);
	free(copy);
	return ok;
}

static void every_range_proves_itself_and_nothing_else(void)
{
	struct hash32 root, nodes[SECTOR_TILES], proof[TREE_TILE_PROOF + 1];
	size_t most = 0;

	tree_sector_root(&root, sector);
	tree_tile_nodes(nodes, sector, SECTOR_TILES);
	for (uint32_t first = 0; first < SECTOR_TILES; first++) {
		for (uint32_t count = 1; count <= SECTOR_TILES - first;
		     count += first == 21 ? 1 : 7) {
			uint8_t *data = sector + (size_t)first * TREE_TILE;
			size_t n = tree_range_prove(proof, nodes, first, count);

			most = n > most ? n : most;
			CHECK(tree_range_verify(&root, first, count, data,
						proof, n),
			      "%u+%u", first, count);
			CHECK(!tree_range_verify(&root, first, count, data,
						 proof, n + 1),
			      "%u+%u: a node too many", first, count);
			CHECK(n == 0 || !too_short(&root, first, count, data,
						   proof, n - 1),
			      "%u+%u: a node too few", first, count);
			CHECK(!tree_range_verify(&root, (first + 1) % 64, count,
						 data, proof, n),
			      "%u+%u: at another place", first, count);
			data[5] ^= 1;
			CHECK(!tree_range_verify(&root, first, count, data,
						 proof, n),
			      "%u+%u: altered", first, count);
			data[5] ^= 1;
		}
	}
	CHECK(tree_range_prove(proof, nodes, 31, 2) == 10, "the longest");
	CHECK(tree_range_prove(proof, nodes, 17, 1) == 6, "one tile");
	CHECK(tree_range_prove(proof, nodes, 20, 4) == 4, "64 KiB");
	CHECK(tree_range_prove(proof, nodes, 0, 64) == 0, "the sector");
	CHECK(most <= TREE_TILE_PROOF, "%zu", most);
	CHECK(!tree_range_verify(&root, 0, 0, sector, proof, 0), "no tile");
	CHECK(!tree_range_verify(&root, 0, 65, sector, proof, 0), "too many");
	CHECK(!tree_range_verify(&root, UINT32_MAX, 2, sector, proof, 0),
	      "beyond");
}

static void depths_are_those_of_the_next_power_of_two(void)
{
	static const struct {
		uint32_t sectors;
		unsigned depth;
	} rows[] = {
		{0, 0},	  {1, 0},	 {2, 1},	 {3, 2},
		{4, 2},	  {5, 3},	 {256, 8},	 {257, 9},
		{512, 9}, {1000000, 20}, {1U << 31, 31}, {UINT32_MAX, 32},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(tree_depth(rows[i].sectors) == rows[i].depth, "%u",
		      rows[i].sectors);
}

static void check_list(const struct hash32 *roots, uint32_t n, uint32_t aim,
		       struct rng *rng)
{
	struct hash32 want =
		by_definition(roots, n, (size_t)1 << tree_depth(n));
	struct hash32 got, climbed;
	struct tree_fold f;
	uint32_t at = 0;

	tree_fold_init(&f, 0);
	tree_fold_aim(&f, aim);
	while (at < n) {
		uint32_t now = 1 + rng_below(rng, 700);

		now = now > n - at ? n - at : now;
		tree_fold_add(&f, roots + at, now);
		at += now;
	}
	CHECK(tree_fold_end(&f, &got), "%u", n);
	CHECK(eq(&want, &got), "root of %u", n);
	tree_climb(&climbed, &roots[aim], aim, f.path, tree_depth(n));
	CHECK(eq(&want, &climbed), "path of %u of %u", aim, n);
}

/* As a host with a million sectors does it. */
static void check_blocks(const struct hash32 *roots, uint32_t n, uint32_t aim,
			 const struct hash32 *want)
{
	struct hash32 path[TREE_LIST_PATH], block, got;
	struct tree_fold f;

	tree_fold_init(&f, TREE_BLOCK_LEVEL);
	tree_fold_aim(&f, aim / TREE_BLOCK);
	for (uint32_t i = 0; i < n; i += TREE_BLOCK) {
		uint32_t len = n - i < TREE_BLOCK ? n - i : TREE_BLOCK;

		tree_block_root(&block, i == aim / 256 * 256 ? path : NULL,
				roots + i, len, aim % TREE_BLOCK);
		tree_fold_add(&f, &block, 1);
	}
	CHECK(tree_fold_end(&f, &got) && eq(want, &got), "blocks of %u", n);
	memcpy(path + TREE_BLOCK_LEVEL, f.path,
	       (tree_depth(n) - TREE_BLOCK_LEVEL) * sizeof(*path));
	tree_climb(&got, &roots[aim], aim, path, tree_depth(n));
	CHECK(eq(want, &got), "path by blocks of %u of %u", aim, n);
}

static void lists_of_any_length_fold(void)
{
	static const uint32_t lengths[] = {1,	2,    3,    5,	  8,	255,
					   256, 257,  300,  512,  513,	767,
					   768, 1024, 1280, 1281, 3000, 5377};
	struct hash32 *roots = malloc(5377 * sizeof(*roots));
	struct rng rng = rng_seeded(2);

	if (!roots)
		abort();
	rng_fill(&rng, roots, 5377 * sizeof(*roots));
	for (size_t i = 0; i < ROWS(lengths); i++) {
		uint32_t n = lengths[i];
		struct hash32 want =
			by_definition(roots, n, (size_t)1 << tree_depth(n));

		for (unsigned turn = 0; turn < 6; turn++) {
			uint32_t aim = turn == 0   ? 0
				       : turn == 1 ? n - 1
						   : rng_below(&rng, n);

			check_list(roots, n, aim, &rng);
			if (n > TREE_BLOCK)
				check_blocks(roots, n, aim, &want);
		}
	}
	free(roots);
}

static void folds_of_nothing_are_refused(void)
{
	struct hash32 root = {{0}};
	struct tree_fold f;

	tree_fold_init(&f, 0);
	CHECK(!tree_fold_end(&f, &root), "empty");
	tree_fold_init(&f, 0);
	tree_fold_aim(&f, 1);
	tree_fold_add(&f, &root, 1);
	CHECK(!tree_fold_end(&f, &root), "aimed beyond the end");
}

/* A leaf of the contract's challenge, in a list of three sectors. */
static void a_leaf_proves_itself_and_nothing_else(void)
{
	struct hash32 roots[3] = {{{1}}, {{2}}, {{3}}};
	struct hash32 path[TREE_SECTOR_PATH + 3] = {{{0}}}, root;
	uint8_t leaf[TREE_LEAF], inner[TREE_LEAF] = {0};
	uint64_t index = SECTOR_LEAVES + 777;
	struct tree_fold f;

	tree_sector_root(&roots[1], sector);
	tree_leaf_path(path, sector, 777);
	tree_fold_init(&f, 0);
	tree_fold_aim(&f, 1);
	tree_fold_add(&f, roots, 3);
	CHECK(tree_fold_end(&f, &root), "three sectors");
	memcpy(path + TREE_SECTOR_PATH, f.path, 2 * sizeof(*path));
	memcpy(leaf, sector + 777 * TREE_LEAF, TREE_LEAF);
	memcpy(inner, path, 64);
	{
		const struct {
			const char *name;
			uint64_t index;
			uint32_t sectors;
			size_t path_len;
			const uint8_t *leaf;
			bool ok;
		} rows[] = {
			{"is there", index, 3, 13, leaf, true},
			{"a list of four has the same depth", index, 4, 13,
			 leaf, true},
			{"stands elsewhere", index + 1, 3, 13, leaf, false},
			{"a path too long", index, 3, 14, leaf, false},
			{"a path too short", index, 3, 12, leaf, false},
			{"another depth", index, 5, 13, leaf, false},
			{"an inner node in a leaf's place", index, 3, 13, inner,
			 false},
			{"beyond the list", 3 * SECTOR_LEAVES, 3, 13, leaf,
			 false},
			{"the same bits beyond the list",
			 index + 4 * SECTOR_LEAVES, 3, 13, leaf, false},
			{"no sectors", 0, 0, 11, leaf, false},
		};

		for (size_t i = 0; i < ROWS(rows); i++)
			CHECK(tree_leaf_verify(&root, rows[i].sectors,
					       rows[i].index, rows[i].leaf,
					       path,
					       rows[i].path_len) == rows[i].ok,
			      "%s", rows[i].name);
	}
}

int main(void)
{
	published_roots_hold();
	the_published_list_holds();
	a_sector_is_hashed_whole_or_in_tiles();
	every_range_proves_itself_and_nothing_else();
	depths_are_those_of_the_next_power_of_two();
	lists_of_any_length_fold();
	folds_of_nothing_are_refused();
	a_leaf_proves_itself_and_nothing_else();
	return CHECK_EXIT();
}
