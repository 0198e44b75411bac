/* tree.h - the commitment to rented data: SHA-256 trees over sectors and lists.
 *
 * Source: docs/protocol.md, section 11. A sector is exactly 1 MiB = 2,048
 * leaves of 512 bytes. A leaf's node is SHA-256 of its 512 bytes, an inner node
 * SHA-256 of its two children; the root over the 2,048 is the sector's. Above
 * it stands the tree of an agreement's list of sectors, which is padded at the
 * level of sector roots with nodes of 32 zero bytes to the next power of two. A
 * list of one sector has that sector's root.
 *
 * The nodes over 16 KiB (a tile, 32 leaves) serve the wire, the leaves the
 * chain. (!) What makes it sound: a leaf is always exactly 512 bytes and a path
 * exactly 11 + tree_depth(sectors) nodes; an inner node of 64 bytes is never
 * taken for a leaf. So every verify here takes lengths, and none is free.
 *
 * Paths go from the leaf upwards; a node's bit of the index says which side it
 * is on (1: the other one stands left). Plain values and functions, nothing
 * allocates. Thread: any.
 */
#ifndef STORAGE_SECTOR_TREE_H
#define STORAGE_SECTOR_TREE_H

#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR_LEN (1U << 20)
#define TREE_LEAF 512U
#define TREE_TILE 16384U
#define SECTOR_LEAVES (SECTOR_LEN / TREE_LEAF)
#define SECTOR_TILES (SECTOR_LEN / TREE_TILE)
#define TREE_TILE_LEAVES (TREE_TILE / TREE_LEAF)
#define TREE_SECTOR_PATH 11 /* nodes from a leaf to its sector's root */
#define TREE_TILE_PROOF 10  /* the most that a range proof has, see below */
#define TREE_LIST_PATH 32   /* the most that a path within a list has */
#define TREE_PATH_MAX (TREE_SECTOR_PATH + TREE_LIST_PATH)

/* --- a sector --- */

void tree_sector_root(struct hash32 *root, const uint8_t sector[SECTOR_LEN]);

/* The nodes over `tiles` whole tiles, SECTOR_TILES at most: a sector that comes
 * in parts is hashed while its bytes are in the cache. */
void tree_tile_nodes(struct hash32 *nodes, const uint8_t *data, size_t tiles);
/* The same in two steps, for who has one tile of many sectors: the nodes of
 * its leaves, and then, of all of them together and in place, what is over each
 * run of TREE_TILE_LEAVES. */
void tree_leaf_nodes(struct hash32 *nodes, const uint8_t *data, size_t leaves);
void tree_tiles_of_leaves(struct hash32 *nodes, size_t tiles);
/* A sector's root from all its tile nodes. */
void tree_root_of_tiles(struct hash32 *root,
			const struct hash32 nodes[SECTOR_TILES]);

/* The path of leaf 0 .. SECTOR_LEAVES - 1 within its sector. */
void tree_leaf_path(struct hash32 path[TREE_SECTOR_PATH],
		    const uint8_t sector[SECTOR_LEN], uint32_t leaf);
/* The same for who has the sector's tile nodes: hashes one tile. */
void tree_leaf_path_of_tiles(struct hash32 path[TREE_SECTOR_PATH],
			     const struct hash32 nodes[SECTOR_TILES],
			     const uint8_t sector[SECTOR_LEN], uint32_t leaf);

/* A proof for tiles first .. first + count - 1: from left to right the nodes of
 * the largest subtrees outside them. Six for one tile or fewer for more; none
 * for a whole sector; TREE_TILE_PROOF at most. Returns how many. The
 * range must be one: count >= 1, first + count <= SECTOR_TILES. */
size_t tree_range_prove(struct hash32 proof[TREE_TILE_PROOF],
			const struct hash32 nodes[SECTOR_TILES], uint32_t first,
			uint32_t count);
/* True when `data` (count tiles) stands at tile `first` of the sector with this
 * root. Any first, count and n are taken; what is no range is false. */
bool tree_range_verify(const struct hash32 *root, uint32_t first,
		       uint32_t count, const uint8_t *data,
		       const struct hash32 *proof, size_t n);
/* The same for who has hashed the tiles already, as they came: `inside` are
 * their nodes. */
bool tree_range_verify_nodes(const struct hash32 *root, uint32_t first,
			     uint32_t count, const struct hash32 *inside,
			     const struct hash32 *proof, size_t n);

/* --- a list of sectors --- */

/* ceil(log2 sectors); 0 for none. */
unsigned tree_depth(uint32_t sectors);

/* A block is a full subtree of 256 sector roots, so that a host need not fold
 * a million roots for each proof: it keeps the root of each block, folds the
 * roots of one block for the lower 8 nodes of a path and the blocks' roots for
 * the rest. A list of at most 256 sectors is folded by itself. */
#define TREE_BLOCK 256U
#define TREE_BLOCK_LEVEL 8U

/* Root of block: n sector roots, 1 .. 256, padded to 256. With a path, it is
 * set to the TREE_BLOCK_LEVEL nodes that belong to roots[index]. */
void tree_block_root(struct hash32 *root, struct hash32 *path,
		     const struct hash32 *roots, size_t n, uint32_t index);

/* Folding a list: nodes of one level go in from left to right in any portions,
 * the root comes out, and the path of one of them. No allocation. */
struct tree_fold {
	struct hash32 pending[TREE_BLOCK];
	struct hash32 stack[TREE_LIST_PATH]; /* [i]: over 2^i blocks of them */
	struct hash32 path[TREE_LIST_PATH];  /* tree_fold_aim() asked for it */
	uint32_t pending_n;
	uint32_t blocks; /* that the stack stands for */
	uint32_t total;	 /* nodes that went in */
	unsigned level;	 /* height above sector roots of what goes in */
	bool aimed;
	uint32_t aim;
};

/* level 0: sector roots go in; TREE_BLOCK_LEVEL: roots of blocks. */
void tree_fold_init(struct tree_fold *f, unsigned level);
/* Asks for the path of the node that goes in as number `index`; before the
 * first node. */
void tree_fold_aim(struct tree_fold *f, uint32_t index);
/* All together at most 2^32 - 1 sectors: 2^24 - 1 roots of blocks. */
void tree_fold_add(struct tree_fold *f, const struct hash32 *nodes, size_t n);
/* The root, and, when aimed, f->path: tree_depth(nodes that went in) nodes.
 * False: nothing went in, or not the aimed node. The fold is used up. */
bool tree_fold_end(struct tree_fold *f, struct hash32 *root)
	__attribute__((warn_unused_result));

/* --- what a contract checks --- */

/* Where a node leads to that has this number on its height, and this path. root
 * may be node. */
void tree_climb(struct hash32 *root, const struct hash32 *node, uint64_t index,
		const struct hash32 *path, size_t path_len);

/* True when `leaf` is number `index` of the sectors x 2,048 leaves below root.
 * False besides when index is no leaf's or path_len is not
 * TREE_SECTOR_PATH + tree_depth(sectors). */
bool tree_leaf_verify(const struct hash32 *root, uint32_t sectors,
		      uint64_t index, const uint8_t leaf[TREE_LEAF],
		      const struct hash32 *path, size_t path_len);

#endif
