#include "storage/sector/tree.h"

#include "base/hash.h"

#define TILE_LEVEL 5U	/* a tile is 2^5 leaves */
#define SECTOR_LEVEL 6U /* a sector is 2^6 tiles */
#define BATCH_TILES 8U	/* leaf nodes of so many tiles are on the stack */

_Static_assert(sizeof(struct hash32) == SHA256_LEN, "nodes lie in a row");
_Static_assert(1U << (TILE_LEVEL + SECTOR_LEVEL) == SECTOR_LEAVES, "levels");
_Static_assert(TILE_LEVEL + SECTOR_LEVEL == TREE_SECTOR_PATH, "levels");
_Static_assert(1U << TILE_LEVEL == TREE_TILE_LEAVES, "levels");
_Static_assert(1U << TREE_BLOCK_LEVEL == TREE_BLOCK, "levels");

/* n nodes become n >> levels, in place. */
static void halve(struct hash32 *nodes, size_t n, unsigned levels)
{
	while (levels--) {
		n /= 2;
		sha256_many(nodes->bytes, nodes->bytes, sizeof(*nodes) * 2, n);
	}
}

/* 2^levels nodes become one, in place; the path of number `index` is noted. */
static void halve_noting(struct hash32 *nodes, unsigned levels,
			 struct hash32 *path, uint32_t index)
{
	for (unsigned i = 0; i < levels; i++) {
		path[i] = nodes[(index >> i) ^ 1];
		halve(nodes, (size_t)1 << (levels - i), 1);
	}
}

static void join(struct hash32 *out, const struct hash32 *left,
		 const struct hash32 *right)
{
	struct hash32 two[2] = {*left, *right};

	sha256_once(out->bytes, two, sizeof(two));
}

/* The node over 2^level sector roots that are not there. */
static struct hash32 padding(unsigned level)
{
	struct hash32 node = {{0}};

	while (level--)
		join(&node, &node, &node);
	return node;
}

/* --- a sector --- */

void tree_leaf_nodes(struct hash32 *nodes, const uint8_t *data, size_t leaves)
{
	sha256_many(nodes->bytes, data, TREE_LEAF, leaves);
}

void tree_tiles_of_leaves(struct hash32 *nodes, size_t tiles)
{
	halve(nodes, tiles << TILE_LEVEL, TILE_LEVEL);
}

void tree_tile_nodes(struct hash32 *nodes, const uint8_t *data, size_t tiles)
{
	struct hash32 leaves[BATCH_TILES << TILE_LEVEL];

	while (tiles) {
		size_t now = tiles < BATCH_TILES ? tiles : BATCH_TILES;

		tree_leaf_nodes(leaves, data, now << TILE_LEVEL);
		tree_tiles_of_leaves(leaves, now);
		memcpy(nodes, leaves, now * sizeof(*nodes));
		nodes += now;
		data += now * TREE_TILE;
		tiles -= now;
	}
}

void tree_root_of_tiles(struct hash32 *root,
			const struct hash32 nodes[SECTOR_TILES])
{
	struct hash32 all[SECTOR_TILES];

	memcpy(all, nodes, sizeof(all));
	halve(all, SECTOR_TILES, SECTOR_LEVEL);
	*root = all[0];
}

void tree_sector_root(struct hash32 *root, const uint8_t sector[SECTOR_LEN])
{
	struct hash32 nodes[SECTOR_TILES];

	tree_tile_nodes(nodes, sector, SECTOR_TILES);
	halve(nodes, SECTOR_TILES, SECTOR_LEVEL);
	*root = nodes[0];
}

void tree_leaf_path(struct hash32 path[TREE_SECTOR_PATH],
		    const uint8_t sector[SECTOR_LEN], uint32_t leaf)
{
	struct hash32 nodes[SECTOR_TILES];

	tree_tile_nodes(nodes, sector, SECTOR_TILES);
	tree_leaf_path_of_tiles(path, nodes, sector, leaf);
}

void tree_leaf_path_of_tiles(struct hash32 path[TREE_SECTOR_PATH],
			     const struct hash32 nodes[SECTOR_TILES],
			     const uint8_t sector[SECTOR_LEN], uint32_t leaf)
{
	uint32_t tile = leaf >> TILE_LEVEL, in_tile = leaf % (1U << TILE_LEVEL);
	struct hash32 leaves[1U << TILE_LEVEL], all[SECTOR_TILES];

	sha256_many(leaves->bytes, sector + (size_t)tile * TREE_TILE, TREE_LEAF,
		    1U << TILE_LEVEL);
	halve_noting(leaves, TILE_LEVEL, path, in_tile);
	memcpy(all, nodes, sizeof(all));
	halve_noting(all, SECTOR_LEVEL, path + TILE_LEVEL, tile);
}

static bool is_range(uint32_t first, uint32_t count)
{
	return count >= 1 && count <= SECTOR_TILES &&
	       first <= SECTOR_TILES - count;
}

/* Walks the tiles from left to right in the largest aligned subtrees that do
 * not cut the range: the one at `at` has this many tiles. */
static uint32_t outside(uint32_t at, uint32_t first, uint32_t count)
{
	uint32_t end = at < first ? first : SECTOR_TILES;
	uint32_t width = 1;

	if (at >= first && at < first + count)
		return 0; /* inside */
	while (at % (width * 2) == 0 && at + width * 2 <= end)
		width *= 2;
	return width;
}

size_t tree_range_prove(struct hash32 proof[TREE_TILE_PROOF],
			const struct hash32 nodes[SECTOR_TILES], uint32_t first,
			uint32_t count)
{
	struct hash32 part[SECTOR_TILES];
	uint32_t at = 0, width;
	size_t n = 0;

	while (at < SECTOR_TILES) {
		width = outside(at, first, count);
		if (width == 0) {
			at = first + count;
			continue;
		}
		memcpy(part, nodes + at, width * sizeof(*part));
		halve(part, width, (unsigned)__builtin_ctz(width));
		proof[n++] = part[0];
		at += width;
	}
	return n;
}

/* Nodes of growing index and any aligned width, joined as soon as both halves
 * are there. */
struct merge {
	struct hash32 node[SECTOR_LEVEL + 1];
	uint32_t end[SECTOR_LEVEL + 1]; /* tiles up to and with this node */
	uint32_t width[SECTOR_LEVEL + 1];
	unsigned depth;
};

static void merge_add(struct merge *m, const struct hash32 *node,
		      uint32_t width)
{
	struct hash32 sum = *node;
	uint32_t end = width + (m->depth ? m->end[m->depth - 1] : 0);

	while (m->depth && m->width[m->depth - 1] == width &&
	       end % (width * 2) == 0) {
		join(&sum, &m->node[--m->depth], &sum);
		width *= 2;
	}
	m->node[m->depth] = sum;
	m->end[m->depth] = end;
	m->width[m->depth++] = width;
}

bool tree_range_verify_nodes(const struct hash32 *root, uint32_t first,
			     uint32_t count, const struct hash32 *inside,
			     const struct hash32 *proof, size_t n)
{
	struct merge m = {.depth = 0};
	uint32_t at = 0, width;
	size_t used = 0;

	if (!is_range(first, count))
		return false;
	while (at < SECTOR_TILES) {
		width = outside(at, first, count);
		if (width == 0) {
			merge_add(&m, &inside[at - first], 1);
			at++;
			continue;
		}
		if (used == n)
			return false;
		merge_add(&m, &proof[used++], width);
		at += width;
	}
	return used == n &&
	       memcmp(m.node[0].bytes, root->bytes, SHA256_LEN) == 0;
}

bool tree_range_verify(const struct hash32 *root, uint32_t first,
		       uint32_t count, const uint8_t *data,
		       const struct hash32 *proof, size_t n)
{
	struct hash32 inside[SECTOR_TILES];

	if (!is_range(first, count))
		return false;
	tree_tile_nodes(inside, data, count);
	return tree_range_verify_nodes(root, first, count, inside, proof, n);
}

/* --- a list of sectors --- */

unsigned tree_depth(uint32_t sectors)
{
	return sectors < 2 ? 0 : 32U - (unsigned)__builtin_clz(sectors - 1);
}

/* n nodes of this level, padded to 2^levels, become one; in place. */
static void fold_small(struct hash32 *nodes, size_t n, unsigned levels,
		       unsigned level, struct hash32 *path, uint32_t index)
{
	struct hash32 pad = padding(level);

	for (size_t i = n; i < (size_t)1 << levels; i++)
		nodes[i] = pad;
	if (path)
		halve_noting(nodes, levels, path, index);
	else
		halve(nodes, (size_t)1 << levels, levels);
}

void tree_block_root(struct hash32 *root, struct hash32 *path,
		     const struct hash32 *roots, size_t n, uint32_t index)
{
	struct hash32 nodes[TREE_BLOCK];

	memcpy(nodes, roots, n * sizeof(*nodes));
	fold_small(nodes, n, TREE_BLOCK_LEVEL, 0, path, index);
	*root = nodes[0];
}

void tree_fold_init(struct tree_fold *f, unsigned level)
{
	f->pending_n = 0;
	f->blocks = 0;
	f->total = 0;
	f->level = level;
	f->aimed = false;
	f->aim = 0;
}

void tree_fold_aim(struct tree_fold *f, uint32_t index)
{
	f->aimed = true;
	f->aim = index;
}

/* Joins two nodes over 2^height blocks into *sum, of which the left one has
 * this number, and notes either when it stands beside the aimed node's way. */
static void fold_join(struct tree_fold *f, struct hash32 *sum, unsigned height,
		      uint32_t left_number, const struct hash32 *left,
		      const struct hash32 *right)
{
	uint32_t way = f->aim >> TREE_BLOCK_LEVEL >> height;

	if (f->aimed && way == left_number)
		f->path[TREE_BLOCK_LEVEL + height] = *right;
	if (f->aimed && way == left_number + 1)
		f->path[TREE_BLOCK_LEVEL + height] = *left;
	join(sum, left, right);
}

/* Takes the pending nodes as one block. */
static void fold_block(struct tree_fold *f)
{
	bool here = f->aimed && f->aim >> TREE_BLOCK_LEVEL == f->blocks;
	struct hash32 sum;
	unsigned i;

	fold_small(f->pending, f->pending_n, TREE_BLOCK_LEVEL, f->level,
		   here ? f->path : NULL, f->aim % TREE_BLOCK);
	sum = f->pending[0];
	for (i = 0; f->blocks >> i & 1; i++)
		fold_join(f, &sum, i, (f->blocks >> i) - 1, &f->stack[i], &sum);
	f->stack[i] = sum;
	f->blocks++;
	f->pending_n = 0;
}

void tree_fold_add(struct tree_fold *f, const struct hash32 *nodes, size_t n)
{
	while (n) {
		size_t room = TREE_BLOCK - f->pending_n;
		size_t now = n < room ? n : room;

		memcpy(f->pending + f->pending_n, nodes, now * sizeof(*nodes));
		f->pending_n += (uint32_t)now;
		f->total += (uint32_t)now;
		nodes += now;
		n -= now;
		/* the last block stays: it may be all that there is */
		if (f->pending_n == TREE_BLOCK && n)
			fold_block(f);
	}
}

/* Joins what stands at each height, with padding to the right of it. */
static void fold_rest(struct tree_fold *f, struct hash32 *root, unsigned depth)
{
	struct hash32 pad = padding(f->level + TREE_BLOCK_LEVEL);
	bool have = false; /* *root is the rightmost node of this height */

	for (unsigned i = 0; i < depth; i++) {
		uint32_t after = f->blocks >> i;

		if (after & 1)
			fold_join(f, root, i, after - 1, &f->stack[i],
				  have ? root : &pad);
		else if (have)
			fold_join(f, root, i, after, root, &pad);
		have = have || (after & 1);
		join(&pad, &pad, &pad);
	}
	if (!have)
		*root = f->stack[depth];
}

bool tree_fold_end(struct tree_fold *f, struct hash32 *root)
{
	if (f->total == 0 || (f->aimed && f->aim >= f->total))
		return false;
	if (f->total <= TREE_BLOCK) {
		fold_small(f->pending, f->total, tree_depth(f->total), f->level,
			   f->aimed ? f->path : NULL, f->aim);
		*root = f->pending[0];
		return true;
	}
	if (f->pending_n)
		fold_block(f);
	fold_rest(f, root, tree_depth(f->blocks));
	return true;
}

/* --- what a contract checks --- */

void tree_climb(struct hash32 *root, const struct hash32 *node, uint64_t index,
		const struct hash32 *path, size_t path_len)
{
	*root = *node;
	for (size_t i = 0; i < path_len; i++, index >>= 1)
		join(root, index & 1 ? &path[i] : root,
		     index & 1 ? root : &path[i]);
}

bool tree_leaf_verify(const struct hash32 *root, uint32_t sectors,
		      uint64_t index, const uint8_t leaf[TREE_LEAF],
		      const struct hash32 *path, size_t path_len)
{
	struct hash32 node;

	if (index >= (uint64_t)sectors * SECTOR_LEAVES ||
	    path_len != TREE_SECTOR_PATH + tree_depth(sectors))
		return false;
	sha256_once(node.bytes, leaf, TREE_LEAF);
	tree_climb(&node, &node, index, path, path_len);
	return memcmp(node.bytes, root->bytes, SHA256_LEN) == 0;
}
