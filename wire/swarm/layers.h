/* layers.h - the hashes that a v2 torrent's files have, as peers ask each other
 * for them (BEP 52): what we answer, and what is to be asked of whom when
 * pieces' hashes are not known yet (a magnet link's info dictionary has roots
 * only).
 *
 * Piece layers are asked for 512 hashes at a time, each with the proof that it
 * belongs to its file's root, so that a false answer is known at once and its
 * sender with it. We answer from piece layers upwards; what is below them is
 * rejected: it would have to be made from the files' bytes.
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

/* Those of one piece at most are passed over: their root is its hash. Of files
 * with one root only one is kept; `done` below stands for all of them. */
struct layers_file {
	const uint8_t *root; /* 32 bytes; borrowed, like `pieces` */
	uint64_t length;
	uint32_t first_piece;
	uint32_t number; /* what the caller calls it */
	/* 32 bytes a piece; NULL: not known */
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

#endif
