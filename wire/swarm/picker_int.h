/* picker_int.h - the inside of struct picker, for picker*.c only.
 *
 * picker.c       pieces begun, and what became of their blocks
 * picker_open.c  pieces not begun, by priority and rarity
 * picker_pick.c  which blocks a peer is asked for
 * picker_runs.c  which runs of blocks a source is asked for
 */
#ifndef WIRE_PICKER_INT_H
#define WIRE_PICKER_INT_H

#include "base/bits.h"
#include "wire/swarm/picker.h"

/* Pieces that are equally rare from here on. */
#define BUCKETS 64U
#define AVOID_MAX 8U

/* pos[piece]: index in its bucket, or one of these */
#define POS_HAVE UINT32_MAX
#define POS_PART 0x80000000U /* | index in parts */

enum block_state { BLOCK_FREE, BLOCK_ASKED, BLOCK_HERE };

struct block {
	/* peers asked (ASKED; 0: none); HERE: [0] is the sender */
	uint64_t askers[PICKER_ASKERS];
	uint8_t state;
};

struct part {
	uint32_t piece;
	uint32_t n_blocks;
	uint32_t n_free; /* 0 while held */
	uint32_t n_here;
	uint32_t first_free; /* no free block before it */
	uint32_t ready_pos;  /* index in picker.ready, UINT32_MAX: not in it */
	uint64_t owner;	     /* serial, 0: nobody's */
	uint64_t turn;	     /* blocks were taken in it last */
	bool owner_slow;
	bool held;
	bool sole;
	uint8_t n_avoid;
	int64_t avoid_until_ms;
	uint64_t avoid[AVOID_MAX];
	struct block blocks[];
};

struct bucket {
	uint32_t *items;
	uint32_t n, cap;
};

struct picker {
	struct pieces shape;
	struct rng *rng;
	uint32_t *pos;
	uint16_t *avail;
	uint8_t *prio; /* enum picker_prio; NULL: all normal */
	/* open pieces by priority (less SKIP) and availability */
	struct bucket buckets[PICKER_PRIOS - 1][BUCKETS];
	uint32_t n_open;
	bool in_order;
	/* no open piece of this priority before it */
	uint32_t first_open[PICKER_PRIOS];
	struct part **parts;
	uint32_t n_parts, cap_parts;
	uint32_t *ready; /* indexes of parts with free blocks */
	uint32_t n_ready;
	uint64_t turn; /* counts, for struct part */
};

struct pick {
	struct picker *p;
	struct picker_peer *who;
	struct picker_block *out;
	size_t n, max;
	int64_t now_ms;
};

/* At which point of the order a peer takes blocks of a part. */
enum claim { CLAIM_OWN, CLAIM_LEFT, CLAIM_SLOW, CLAIM_HELP };

static inline bool picker_is_open(const struct picker *p, uint32_t piece)
{
	return p->pos[piece] < POS_PART;
}

static inline enum picker_prio picker_prio_of(const struct picker *p,
					      uint32_t piece)
{
	return p->prio ? (enum picker_prio)p->prio[piece] : PICKER_NORMAL;
}

/* NULL: it is not begun. */
static inline struct part *picker_part_of(const struct picker *p,
					  uint32_t piece)
{
	uint32_t pos = p->pos[piece];

	if (pos == POS_HAVE || pos < POS_PART)
		return NULL;
	return p->parts[pos & ~POS_PART];
}

static inline bool pick_peer_has(const struct picker_peer *who, uint32_t piece)
{
	return !who->bits || bits_get(who->bits, piece);
}

/* Out of memory leaves the piece in no bucket: it is lost to picking, never
 * wrong. pos then says "had", which it becomes when the node restarts. */
void picker_open_piece(struct picker *p, uint32_t piece);
/* It is open, and had from then on. */
void picker_close_piece(struct picker *p, uint32_t piece);
/* Keeps picker.ready to the parts with free blocks. */
void picker_note_free(struct picker *p, struct part *part);
/* NULL: too many, or no memory. */
struct part *picker_begin_part(struct picker *p, uint32_t piece);
bool picker_may_claim(const struct part *part, const struct pick *k,
		      enum claim claim);
/* Ask for a block once more: false when it cannot be. */
bool picker_ask_again(struct block *b, uint64_t serial);
/* The open piece that comes first for this peer: the rarest, or in order.
 * UINT32_MAX: none. */
uint32_t picker_first_open(struct pick *k);

#endif
