/* picker.h - which blocks to ask of whom, for one torrent.
 *
 * Order: a peer goes on with the piece it has begun, so that pieces come from
 * one sender in one run (cheap to read there, to hash and write here, and its
 * sender is known when it fails); then a piece that another began and left;
 * then a piece that peers suggest; then the rarest open piece, by chance among
 * equals; then it helps with a piece of another peer; last, when no block is
 * free any more, it asks again for what others were asked for (endgame).
 *
 * Pieces have priorities: of those not begun, higher ones come first, and those
 * to be skipped never. In order (for a player) the lowest of them comes first
 * instead of the rarest, suggestions count for nothing, and peers that are not
 * slow help with the pieces of those that are before they begin another.
 *
 * A peer that is fast goes through several pieces side by side instead, a run
 * of PICKER_STRIDE blocks of each by turns, so that they can be hashed in step.
 *
 * A peer that is slow (a piece would take it more than PICKER_SLOW_S) shares
 * pieces with other slow ones instead of keeping one to itself.
 *
 * Cost: availability changes and picks are O(1) for each block; a pick that
 * finds nothing common near the rare end falls back to one pass over the words
 * of the peer's bitfield, once for a piece, not for a block.
 *
 * Peers are named by their serial (never 0). Thread: the loop's.
 */
#ifndef WIRE_PICKER_H
#define WIRE_PICKER_H

#include "base/err.h"
#include "base/pieces.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PICKER_BLOCK 16384U
#define PICKER_PIECES_MAX (1U << 21)
#define PICKER_PIECE_MAX (1U << 26) /* bytes */
#define PICKER_PARTS_MAX 4096U	    /* pieces begun at once */
#define PICKER_ASKERS 3U	    /* peers asked for one block at once */
#define PICKER_STRIDE 16U
#define PICKER_SLOW_S 20U
#define PICKER_AVOID_MS 10000 /* see picker_failed() */

struct picker;

enum picker_prio { PICKER_SKIP, PICKER_LOW, PICKER_NORMAL, PICKER_HIGH };
#define PICKER_PRIOS 4U

struct picker_block {
	uint32_t piece;
	uint32_t block; /* index within the piece */
};

struct picker_peer {
	uint64_t serial;
	const uint8_t *bits; /* what it has; NULL: everything */
	bool slow;
	uint32_t width; /* pieces side by side; 0 as 1; ignored in order */
	uint32_t last;	/* the caller keeps it: piece of the last pick,
			   UINT32_MAX at first */
	const uint32_t *suggested;
	size_t n_suggested;
};

/* `have`: BEP 3 bitfield of verified pieces. The short pieces are borrowed as
 * long as the picker is there. ERR_LIMIT: no piece, or sizes over the maxima
 * above, or a total that is not within the last piece. */
enum err_code picker_check_sizes(const struct pieces *pieces, struct err *e);
enum err_code picker_new(struct picker **out, const struct pieces *pieces,
			 const uint8_t *have, struct rng *rng, struct err *e);
void picker_free(struct picker *p);

/* `prios`: an enum picker_prio for each piece, copied; NULL: all normal, as at
 * the start. `have` as in picker_new(). Skipped pieces that are begun are
 * forgotten, unless all their blocks are here: release before what was asked.
 * ERR_NOMEM: nothing has changed. */
enum err_code picker_set_prios(struct picker *p, const uint8_t *prios,
			       const uint8_t *have, struct err *e);
void picker_set_in_order(struct picker *p, bool in_order);

/* Availability. Peers that have everything need not be counted. */
void picker_peer_has(struct picker *p, uint32_t piece);
void picker_peer_lost(struct picker *p, uint32_t piece);
void picker_peer_bits(struct picker *p, const uint8_t *bits, bool gone);
uint32_t picker_availability(const struct picker *p, uint32_t piece);

/* Up to `max` blocks for this peer, marked as asked of it. `endgame_max` of
 * them at most may be blocks that others were asked for already. */
size_t picker_pick(struct picker *p, struct picker_peer *who,
		   struct picker_block *out, size_t max, size_t endgame_max,
		   int64_t now_ms);
/* The same within one piece only (allowed fast), whoever began it. */
size_t picker_pick_in(struct picker *p, struct picker_peer *who, uint32_t piece,
		      struct picker_block *out, size_t max);

/* Blocks [first, end) of pieces that follow one another. */
struct picker_run {
	uint32_t piece, pieces; /* pieces: at least 1 */
	uint32_t first, end;	/* within the piece, where it is one alone;
				   else 0 and the last one's blocks */
};
/* For a source that sends long runs of bytes: what it is to fetch next, marked
 * as asked of it. A piece that others began and left; else up to `max` open
 * ones, behind who->last if those are open, else around a rare one; then what
 * is free of a piece of another; last, what others were asked for. A run of one
 * piece may hold blocks that are here already. `rare`: only open pieces of
 * availability 0. False: nothing. */
bool picker_pick_run(struct picker *p, struct picker_peer *who, uint32_t max,
		     bool rare, struct picker_run *out, int64_t now_ms);

/* The peer will not send it: choke, reject, timeout, gone. */
void picker_release(struct picker *p, struct picker_block b, uint64_t serial);
/* The peer leaves the pieces it had to itself to others. */
void picker_disown(struct picker *p, uint64_t serial);

/* Would the block still be taken (not here yet, piece not had)? */
bool picker_wants(const struct picker *p, struct picker_block b);
/* The block came from `serial`. `others` gets the peers that were asked too,
 * *n of them: cancel there. True when it was the piece's last block. Only for
 * blocks that picker_wants(). */
bool picker_received(struct picker *p, struct picker_block b, uint64_t serial,
		     uint64_t others[PICKER_ASKERS], size_t *n);

/* Verdicts on a piece whose blocks are all here. */
void picker_verified(struct picker *p, uint32_t piece);
/* Who sent block `block` of a piece that is all here; 0: unknown. */
uint64_t picker_sender(const struct picker *p, uint32_t piece, uint32_t block);
/* Keeps the piece from being picked until picker_retry(). */
void picker_hold(struct picker *p, uint32_t piece);
/* All blocks are to be fetched again. `sole`: from one peer alone, for the
 * first PICKER_AVOID_MS not from one that sent a part of it before. */
void picker_retry(struct picker *p, uint32_t piece, bool sole, int64_t now_ms);
/* Of a piece that is held the blocks in this bitfield are to be fetched again;
 * the others are here and good. */
void picker_retry_blocks(struct picker *p, uint32_t piece, const uint8_t *bad);
/* A verified piece is wanted again. */
void picker_want(struct picker *p, uint32_t piece);

uint32_t picker_blocks(const struct picker *p, uint32_t piece);
uint32_t picker_block_len(const struct picker *p, struct picker_block b);
uint32_t picker_open(const struct picker *p);  /* pieces not begun */
uint32_t picker_parts(const struct picker *p); /* begun, checked ones too */
/* A piece begun of which `n` blocks are here (for progress); 0 for others. */
uint32_t picker_here(const struct picker *p, uint32_t piece);
/* Bytes of wanted blocks that are not here and that a peer with `bits` (NULL:
 * everything) has; counting ends at `enough`, which is then the answer. Cheap:
 * of the pieces not begun it looks at 256 at most, and takes the peer to have
 * the rest. */
uint64_t picker_missing(const struct picker *p, const uint8_t *bits,
			uint64_t enough);

#endif
