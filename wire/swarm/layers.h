/* layers.h - the hashes that a v2 torrent's files have, as peers ask each other
 * for them (BEP 52): what we answer, and what is to be asked of whom when
 * pieces' hashes are not known yet (a magnet link's info dictionary has roots
 * only).
 *
 * Piece layers are asked for 512 hashes at a time, each with the proof that it
 * belongs to its file's root, so that a false answer is known at once and its
 * sender with it. We answer from piece layers upwards at once. What is below
 * them has to be made from the files' bytes: layers_below() says of which
 * piece, and who has hashed its blocks gives them to layers_leaf_tree().
 * Blocks' hashes are asked for of a piece that failed, see swarm_leaves.c.
 *
 * Pure: no clock, no I/O. Peers are named by their serial (never 0). Thread:
 * the loop's.
 */
#ifndef WIRE_LAYERS_H
#define WIRE_LAYERS_H

#include "base/err.h"
#include "base/ids.h"
#include "wire/peer/hash_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYERS_CHUNK HASH_COUNT_MAX
#define LAYERS_ASKS_MAX 4U     /* of one peer at a time */
#define LAYERS_ANSWER_MS 10000 /* then another may be asked */

struct layers;
struct merkle_tree;

/* Those of one block at most are passed over: their root is its hash. Of files
 * with one root only one is kept; `done` below stands for all of them. */
struct layers_file {
	const uint8_t *root; /* 32 bytes; borrowed, like `pieces` */
	uint64_t length;
	uint32_t first_piece;
	uint32_t number; /* what the caller calls it */
	/* 32 bytes a piece; NULL: not known, or of one piece: its root */
	const uint8_t *pieces;
};

/* The list is copied. piece_len: a power of two, 16 KiB at least. ERR_NOMEM. */
enum err_code layers_new(struct layers **out, const struct layers_file *files,
			 size_t n, uint32_t piece_len, struct err *e);
void layers_free(struct layers *y);

/* Files whose pieces' hashes are not known. */
uint32_t layers_missing(const struct layers *y);

/* What is asked for: count hashes and then hash_ask_uncles() uncles to `out`,
 * which has room for HASH_COUNT_MAX + HASH_HEIGHT_MAX. False: reject it. The
 * first question about a file of n pieces costs n hashings and n / 8 bytes,
 * others 1,024 hashings at most. */
bool layers_answer(struct layers *y, const struct hash_ask *ask,
		   struct hash32 *out);

/* What to ask this peer next; it has the pieces of `bits` (NULL: all). Noted as
 * asked. False: nothing, or enough is under way with it. */
bool layers_pick(struct layers *y, struct hash_ask *ask, uint64_t serial,
		 const uint8_t *bits, int64_t now_ms);

enum layers_verdict {
	LAYERS_TAKEN,
	LAYERS_UNASKED, /* not what we ask for, or known already */
	LAYERS_FALSE,	/* it leads to another root: the sender lies */
};

/* An answer; a late one is as good. *done: all hashes of the pieces of that
 * file are known with it, see its `pieces`, which are the machine's own. */
enum layers_verdict layers_take(struct layers *y, const struct hash_ask *ask,
				const struct hash32 *hashes,
				const struct hash32 *uncles,
				const struct layers_file **done);
/* The peer refuses: others are asked, in a second. */
void layers_refused(struct layers *y, uint64_t serial,
		    const struct hash_ask *ask, int64_t now_ms);
/* The peer is gone: others are asked at once. */
void layers_gone(struct layers *y, uint64_t serial);

/* --- below pieces --- */

/* Is this a question about hashes within one piece, whose own is known? */
bool layers_below(const struct layers *y, const struct hash_ask *ask,
		  uint32_t *piece);
/* The tree over the hashes of all blocks of a piece; NULL: they do not lead to
 * its hash, or no memory. */
struct merkle_tree *layers_leaf_tree(const struct layers *y, uint32_t piece,
				     const struct hash32 *leaves, uint32_t n);
/* Answers what layers_below() named this piece for, as layers_answer(). At most
 * 1,024 hashings. */
bool layers_answer_below(struct layers *y, const struct hash_ask *ask,
			 const struct merkle_tree *tree, struct hash32 *out);

/* Blocks of a piece that have hashes of their own; 0: its hash is not known, it
 * has one block only, or it is of a file with another's root. */
uint32_t layers_leaves(const struct layers *y, uint32_t piece);
/* How to ask for them: in how many parts, and part i of them. */
uint32_t layers_leaf_parts(const struct layers *y, uint32_t piece);
void layers_ask_leaves(const struct layers *y, uint32_t piece, uint32_t part,
		       struct hash_ask *ask);
/* The answer to part i. False: they do not lead to the piece's hash, the sender
 * lies. `leaves` has room for layers_leaves() of them. */
bool layers_take_leaves(const struct layers *y, uint32_t piece, uint32_t part,
			const struct hash32 *hashes,
			const struct hash32 *uncles, struct hash32 *leaves);

#endif
