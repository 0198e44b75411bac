/* merkle.h - the SHA-256 trees of BitTorrent v2 (BEP 52).
 *
 * A file is cut into blocks of 16 KiB; a leaf is the SHA-256 of a block, the
 * last of a file as short as it is. A node is the SHA-256 of its two children.
 * A file's tree has the least number of leaves, a power of two, that holds its
 * blocks; leaves behind the last are 32 zero bytes, so a node over nothing
 * but those is the same everywhere on its height (merkle_pad). Height 0 are
 * leaves; a node of height h stands for 2^h blocks. A piece length is a power
 * of two of at least one block, and the nodes over a whole piece are the
 * file's *piece layer*; a file of one piece at most has none, its root is
 * what its only piece is checked against (merkle_piece_top).
 *
 * Nothing here allocates but merkle_tree_new(). Digests are made many at a
 * time (base/hash.h). Thread: any.
 */
#ifndef BASE_MERKLE_H
#define BASE_MERKLE_H

#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MERKLE_BLOCK 16384U
#define MERKLE_TOP 33U /* highest root: 2^33 blocks, 128 TiB */

/* --- shapes --- */

/* ceil(log2 n); 0 for 0 and 1. */
unsigned merkle_levels(uint64_t n);
/* Blocks of a file of so many bytes; 0 for none. */
uint64_t merkle_blocks(uint64_t length);
/* Height of the root of a file of so many bytes. */
unsigned merkle_file_top(uint64_t length);
/* Height of what a piece of that file is checked against: of the piece layer,
 * or of the root when the file has one piece only. piece_len: a power of two,
 * MERKLE_BLOCK at least. */
unsigned merkle_piece_top(uint64_t length, uint32_t piece_len);

/* The node of this height over leaves that are not there. */
void merkle_pad(struct hash32 *out, unsigned height);

/* --- hashing --- */

/* The leaves of merkle_blocks(len) blocks that stand one after another; only
 * the last may be short. */
void merkle_leaves(struct hash32 *leaves, const uint8_t *data, size_t len);
/* The layer above n nodes of one height, in place, padded with one node if n is
 * odd. Returns its length. n = 1 is padded too: 0 stays 0. */
size_t merkle_up(struct hash32 *nodes, size_t n, unsigned height);
/* The node of height `top` over n >= 1 nodes of height `height` and padding.
 * They are used up. top >= height + merkle_levels(n). */
void merkle_root(struct hash32 *root, struct hash32 *nodes, size_t n,
		 unsigned height, unsigned top);

/* The same for who has not all of them at once: nodes of one height go in from
 * left to right in any portions, and one comes out. A plain value. */
struct merkle {
	struct hash32 stack[MERKLE_TOP + 1]; /* [i] is there: bit i of count */
	uint64_t count;			     /* nodes that went in */
	unsigned height;		     /* of those */
};

void merkle_init(struct merkle *m, unsigned height);
void merkle_add(struct merkle *m, const struct hash32 *nodes, size_t n);
/* The leaves of these bytes (height 0). Best in steps of 256 KiB. Any call but
 * the last takes whole blocks. */
void merkle_add_data(struct merkle *m, const uint8_t *data, size_t len);
/* The node of height `top` over what went in, and padding; nothing at all gives
 * the padding. top >= height + merkle_levels(count). m is used up. */
void merkle_end(struct merkle *m, struct hash32 *root, unsigned top);

/* --- proofs: from left to right nodes, and from below upwards their uncles ---
 */

/* Where a node leads to that has this number on its height, with n uncles. root
 * may be node. */
void merkle_climb(struct hash32 *root, const struct hash32 *node,
		  uint64_t index, const struct hash32 *uncles, size_t n);
/* True when the n nodes stand on `height` from number `index` on below a root
 * of height `top`. Any values are taken; false besides when n is no power of
 * two, index no multiple of it or behind the end, or there are not exactly
 * top - height - log2(n) uncles. */
bool merkle_verify(const struct hash32 *root, unsigned top, unsigned height,
		   uint64_t index, const struct hash32 *nodes, size_t n,
		   const struct hash32 *uncles, size_t uncle_count);

/* All layers from one upwards, for who proves often. About 64 bytes a node. */
struct merkle_tree;

/* From n >= 1 nodes of height `height` (copied) to the root of height `top`.
 * NULL: no memory, or no such tree (top > MERKLE_TOP, or too low for n). */
struct merkle_tree *merkle_tree_new(const struct hash32 *nodes, size_t n,
				    unsigned height, unsigned top);
void merkle_tree_free(struct merkle_tree *t);
void merkle_tree_root(const struct merkle_tree *t, struct hash32 *root);
/* Nodes index .. index + n - 1 of a height, padding included. False: that
 * height or range is not in the tree. */
bool merkle_tree_nodes(const struct merkle_tree *t, struct hash32 *out,
		       unsigned height, uint64_t index, size_t n);
/* The first n uncles of node `index` of a height. False: no such node, or there
 * are fewer on the way to the root. */
bool merkle_tree_prove(const struct merkle_tree *t, struct hash32 *uncles,
		       size_t n, unsigned height, uint64_t index);

#endif
