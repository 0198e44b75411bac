#include "wire/swarm/picker_int.h"

#include <stdlib.h>
#include <string.h>

#define MISSING_LOOKS 256U
#define WALK_MAX 128U	   /* steps before the pass over the words */
#define CANDIDATES_MAX 64U /* of that pass */

/* ---- sizes ---- */

enum err_code picker_check_sizes(const struct pieces *p, struct err *e)
{
	if (p->count == 0 || p->count > PICKER_PIECES_MAX)
		return err_fail(e, ERR_LIMIT, "torrent of %u pieces", p->count);
	if (p->len == 0 || p->len > PICKER_PIECE_MAX)
		return err_fail(e, ERR_LIMIT, "pieces of %u bytes", p->len);
	if (p->total > (uint64_t)p->count * p->len ||
	    p->total <= (uint64_t)(p->count - 1) * p->len)
		return err_fail(e, ERR_LIMIT,
				"%llu bytes in %u pieces of %u bytes",
				(unsigned long long)p->total, p->count, p->len);
	return ERR_NONE;
}

uint32_t picker_blocks(const struct picker *p, uint32_t piece)
{
	return (pieces_size(&p->shape, piece) + PICKER_BLOCK - 1) /
	       PICKER_BLOCK;
}

uint32_t picker_block_len(const struct picker *p, struct picker_block b)
{
	uint32_t rest =
		pieces_size(&p->shape, b.piece) - b.block * PICKER_BLOCK;

	return rest < PICKER_BLOCK ? rest : PICKER_BLOCK;
}

uint32_t picker_open(const struct picker *p)
{
	return p->n_open;
}

uint32_t picker_parts(const struct picker *p)
{
	return p->n_parts;
}

/* ---- buckets of open pieces ---- */

static enum picker_prio prio_of(const struct picker *p, uint32_t piece)
{
	return p->prio ? (enum picker_prio)p->prio[piece] : PICKER_NORMAL;
}

static struct bucket *bucket_of(struct picker *p, uint32_t piece)
{
	uint32_t a = p->avail[piece];

	return &p->buckets[prio_of(p, piece) - 1]
			  [a < BUCKETS ? a : BUCKETS - 1];
}

static bool bucket_put(struct picker *p, uint32_t piece)
{
	struct bucket *b = bucket_of(p, piece);

	if (b->n == b->cap) {
		uint32_t cap = b->cap ? b->cap * 2 : 64;
		uint32_t *items = realloc(b->items, cap * sizeof(*items));

		if (!items)
			return false;
		b->items = items;
		b->cap = cap;
	}
	b->items[b->n] = piece;
	p->pos[piece] = b->n++;
	return true;
}

static void bucket_take(struct picker *p, uint32_t piece)
{
	struct bucket *b = bucket_of(p, piece);
	uint32_t last = b->items[--b->n];

	b->items[p->pos[piece]] = last;
	p->pos[last] = p->pos[piece];
	if (b->n == 0) {
		free(b->items);
		b->items = NULL;
		b->cap = 0;
	}
}

/* Out of memory leaves the piece in no bucket: it is lost to picking, never
 * wrong. pos then says "had", which it becomes when the node restarts. */
static void open_piece(struct picker *p, uint32_t piece)
{
	enum picker_prio prio = prio_of(p, piece);

	if (prio == PICKER_SKIP || !bucket_put(p, piece)) {
		p->pos[piece] = POS_HAVE;
		return;
	}
	p->n_open++;
	if (piece < p->first_open[prio])
		p->first_open[prio] = piece;
}

static void close_piece(struct picker *p, uint32_t piece)
{
	bucket_take(p, piece);
	p->n_open--;
	p->pos[piece] = POS_HAVE;
}

static void change_availability(struct picker *p, uint32_t piece, bool more)
{
	bool listed = picker_is_open(p, piece);

	if (more ? p->avail[piece] == UINT16_MAX : p->avail[piece] == 0)
		return;
	if (listed)
		bucket_take(p, piece);
	p->avail[piece] = (uint16_t)(p->avail[piece] + (more ? 1 : -1));
	if (listed && !bucket_put(p, piece)) {
		p->pos[piece] = POS_HAVE;
		p->n_open--;
	}
}

void picker_peer_has(struct picker *p, uint32_t piece)
{
	change_availability(p, piece, true);
}

void picker_peer_lost(struct picker *p, uint32_t piece)
{
	change_availability(p, piece, false);
}

void picker_peer_bits(struct picker *p, const uint8_t *bits, bool gone)
{
	for (uint32_t i = 0; i < p->shape.count; i++)
		if (bits_get(bits, i))
			change_availability(p, i, !gone);
}

uint32_t picker_availability(const struct picker *p, uint32_t piece)
{
	return p->avail[piece];
}

enum err_code picker_new(struct picker **out, const struct pieces *pieces,
			 const uint8_t *have, struct rng *rng, struct err *e)
{
	uint32_t n = pieces->count;
	struct picker *p;

	if (picker_check_sizes(pieces, e) != ERR_NONE)
		return ERR_LIMIT;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_fail(e, ERR_NOMEM, "picker");
	p->shape = *pieces;
	p->rng = rng;
	p->pos = calloc(n, sizeof(*p->pos));
	p->avail = calloc(n, sizeof(*p->avail));
	if (!p->pos || !p->avail) {
		picker_free(p);
		return err_fail(e, ERR_NOMEM, "picker of %u pieces", n);
	}
	for (uint32_t i = 0; i < PICKER_PRIOS; i++)
		p->first_open[i] = n;
	for (uint32_t i = 0; i < n; i++) {
		p->pos[i] = POS_HAVE;
		if (!have || !bits_get(have, i))
			open_piece(p, i);
	}
	*out = p;
	return ERR_NONE;
}

void picker_free(struct picker *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->n_parts; i++)
		free(p->parts[i]);
	for (uint32_t i = 0; i < PICKER_PRIOS - 1; i++)
		for (uint32_t j = 0; j < BUCKETS; j++)
			free(p->buckets[i][j].items);
	free(p->prio);
	free(p->ready);
	free(p->parts);
	free(p->avail);
	free(p->pos);
	free(p);
}

/* ---- parts: pieces begun ---- */

static struct part *part_of(const struct picker *p, uint32_t piece)
{
	uint32_t pos = p->pos[piece];

	if (pos == POS_HAVE || pos < POS_PART)
		return NULL;
	return p->parts[pos & ~POS_PART];
}

void picker_note_free(struct picker *p, struct part *part)
{
	bool ready = part->n_free > 0;

	if (ready == (part->ready_pos != UINT32_MAX))
		return;
	if (ready) {
		part->ready_pos = p->n_ready;
		p->ready[p->n_ready++] = p->pos[part->piece] & ~POS_PART;
	} else {
		uint32_t last = p->ready[--p->n_ready];

		p->ready[part->ready_pos] = last;
		p->parts[last]->ready_pos = part->ready_pos;
		part->ready_pos = UINT32_MAX;
	}
}

static bool grow_parts(struct picker *p)
{
	uint32_t cap = p->cap_parts ? p->cap_parts * 2 : 16;
	struct part **parts;
	uint32_t *ready;

	if (p->n_parts < p->cap_parts)
		return true;
	parts = realloc(p->parts, cap * sizeof(struct part *));
	if (!parts)
		return false;
	p->parts = parts;
	ready = realloc(p->ready, cap * sizeof(*ready));
	if (!ready)
		return false;
	p->ready = ready;
	p->cap_parts = cap;
	return true;
}

struct part *picker_begin_part(struct picker *p, uint32_t piece)
{
	uint32_t n = picker_blocks(p, piece);
	struct part *part;

	if (p->n_parts == PICKER_PARTS_MAX || !grow_parts(p))
		return NULL;
	part = calloc(1, sizeof(*part) + n * sizeof(struct block));
	if (!part)
		return NULL;
	part->piece = piece;
	part->n_blocks = part->n_free = n;
	part->ready_pos = UINT32_MAX;
	if (picker_is_open(p, piece)) {
		bucket_take(p, piece);
		p->n_open--;
	}
	p->pos[piece] = POS_PART | p->n_parts;
	p->parts[p->n_parts++] = part;
	picker_note_free(p, part);
	return part;
}

static void end_part(struct picker *p, struct part *part)
{
	uint32_t i = p->pos[part->piece] & ~POS_PART;
	uint32_t last = p->n_parts - 1;

	part->n_free = 0;
	picker_note_free(p, part);
	if (i != last) {
		struct part *moved = p->parts[last];

		p->parts[i] = moved;
		p->pos[moved->piece] = POS_PART | i;
		if (moved->ready_pos != UINT32_MAX)
			p->ready[moved->ready_pos] = i;
	}
	p->n_parts--;
	p->pos[part->piece] = POS_HAVE;
	free(part);
}

/* ---- what is wanted ---- */

/* A piece begun that is not wanted any more; what is here of it may be the
 * whole of it, on which a verdict will come. */
static void drop_part(struct picker *p, struct part *part)
{
	if (part->n_here < part->n_blocks && !part->held)
		end_part(p, part);
}

enum err_code picker_set_prios(struct picker *p, const uint8_t *prios,
			       const uint8_t *have, struct err *e)
{
	uint8_t *copy = prios ? malloc(p->shape.count) : NULL;

	if (prios && !copy)
		return err_fail(e, ERR_NOMEM, "picker");
	if (copy)
		memcpy(copy, prios, p->shape.count);
	for (uint32_t i = 0; i < p->shape.count; i++)
		if (picker_is_open(p, i))
			close_piece(p, i);
	free(p->prio);
	p->prio = copy;
	for (uint32_t i = p->n_parts; i > 0; i--)
		if (prio_of(p, p->parts[i - 1]->piece) == PICKER_SKIP)
			drop_part(p, p->parts[i - 1]);
	for (uint32_t i = 0; i < PICKER_PRIOS; i++)
		p->first_open[i] = p->shape.count;
	for (uint32_t i = 0; i < p->shape.count; i++)
		if (p->pos[i] == POS_HAVE && !(have && bits_get(have, i)))
			open_piece(p, i);
	return ERR_NONE;
}

void picker_set_in_order(struct picker *p, bool in_order)
{
	p->in_order = in_order;
}

/* ---- picking ---- */

static void take_blocks(struct pick *k, struct part *part, uint32_t most)
{
	uint32_t taken = 0;

	k->who->last = part->piece;
	part->turn = ++k->p->turn;
	for (uint32_t i = part->first_free;
	     i < part->n_blocks && k->n < k->max && taken < most &&
	     part->n_free;
	     i++) {
		struct block *b = &part->blocks[i];

		if (b->state != BLOCK_FREE)
			continue;
		b->state = BLOCK_ASKED;
		b->askers[0] = k->who->serial;
		part->n_free--;
		part->first_free = i + 1;
		taken++;
		k->out[k->n++] = (struct picker_block){part->piece, i};
	}
	picker_note_free(k->p, part);
}

static bool avoids(const struct part *part, const struct pick *k)
{
	if (k->now_ms >= part->avoid_until_ms)
		return false;
	for (unsigned i = 0; i < part->n_avoid; i++)
		if (part->avoid[i] == k->who->serial)
			return true;
	return false;
}

bool picker_may_claim(const struct part *part, const struct pick *k,
		      enum claim claim)
{
	const struct picker_peer *who = k->who;
	bool own = part->owner == who->serial;

	if (!part->n_free || !pick_peer_has(who, part->piece))
		return false;
	switch (claim) {
	case CLAIM_OWN:
		return own || (who->slow && part->owner && part->owner_slow &&
			       !part->sole);
	case CLAIM_LEFT:
		return part->owner == 0 && !avoids(part, k);
	case CLAIM_SLOW:
		return !own && !part->sole && !who->slow && part->owner_slow;
	case CLAIM_HELP:
		return !own && !part->sole;
	}
	return false;
}

static void give_to(struct part *part, const struct picker_peer *who)
{
	part->owner = who->serial;
	part->owner_slow = who->slow;
}

static void claim_part(struct pick *k, struct part *part, enum claim claim)
{
	uint32_t most = UINT32_MAX;

	if (claim == CLAIM_LEFT) {
		give_to(part, k->who);
	}
	if (claim == CLAIM_HELP ||
	    claim == CLAIM_SLOW) /* leave its owner something to go on with */
		most = part->n_free / 4 > 4 ? part->n_free / 4 : 4;
	if (part->owner == k->who->serial)
		part->owner_slow = k->who->slow;
	take_blocks(k, part, most);
}

static void claim_parts(struct pick *k, enum claim claim)
{
	struct picker *p = k->p;

	/* ready shrinks under the loop when a part runs out: go backwards */
	for (uint32_t i = p->n_ready; i > 0 && k->n < k->max; i--) {
		struct part *part = p->parts[p->ready[i - 1]];

		if (picker_may_claim(part, k, claim))
			claim_part(k, part, claim);
	}
}

static void go_on(struct pick *k)
{
	struct part *part;

	if (k->who->last < k->p->shape.count) {
		part = part_of(k->p, k->who->last);
		if (part && picker_may_claim(part, k, CLAIM_OWN))
			claim_part(k, part, CLAIM_OWN);
	}
	if (k->n < k->max)
		claim_parts(k, CLAIM_OWN);
	if (k->n < k->max)
		claim_parts(k, CLAIM_LEFT);
}

static bool comes_before(const struct picker *p, uint32_t a, uint32_t b)
{
	if (prio_of(p, a) != prio_of(p, b))
		return prio_of(p, a) > prio_of(p, b);
	return p->avail[a] < p->avail[b];
}

/* The rarest of up to CANDIDATES_MAX open pieces that the peer has, found by
 * one pass over its bitfield from a random byte on. */
static uint32_t scan_bits(struct pick *k)
{
	struct picker *p = k->p;
	size_t bytes = bits_bytes(p->shape.count);
	size_t at = rng_below(p->rng, (uint32_t)bytes);
	uint32_t best = UINT32_MAX, found = 0;

	for (size_t n = 0; n < bytes && found < CANDIDATES_MAX; n++) {
		uint8_t byte = k->who->bits[at];

		for (uint32_t i = (uint32_t)at * 8; byte;
		     i++, byte = (uint8_t)(byte << 1)) {
			if (!(byte & 0x80) || !picker_is_open(p, i))
				continue;
			found++;
			if (best == UINT32_MAX || comes_before(p, i, best))
				best = i;
		}
		at = at + 1 == bytes ? 0 : at + 1;
	}
	return best;
}

static uint32_t rarest(struct pick *k)
{
	struct picker *p = k->p;
	uint32_t steps = 0;

	for (uint32_t b = 0; b < (PICKER_PRIOS - 1) * BUCKETS; b++) {
		const struct bucket *bucket =
			&p->buckets[PICKER_PRIOS - 2 - b / BUCKETS]
				   [b % BUCKETS];
		uint32_t at = rng_below(p->rng, bucket->n);

		for (uint32_t i = 0; i < bucket->n; i++) {
			uint32_t piece = bucket->items[at];

			if (pick_peer_has(k->who, piece))
				return piece;
			if (++steps == WALK_MAX)
				return scan_bits(k);
			at = at + 1 == bucket->n ? 0 : at + 1;
		}
	}
	return UINT32_MAX;
}

static uint32_t suggested(struct pick *k)
{
	for (size_t i = 0; i < k->who->n_suggested; i++) {
		uint32_t piece = k->who->suggested[i];

		if (picker_is_open(k->p, piece) && pick_peer_has(k->who, piece))
			return piece;
	}
	return UINT32_MAX;
}

/* The lowest open piece of the highest priority that the peer has. */
static uint32_t lowest(struct pick *k)
{
	struct picker *p = k->p;

	for (unsigned prio = PICKER_HIGH; prio > PICKER_SKIP; prio--) {
		uint32_t *first = &p->first_open[prio];

		for (uint32_t i = *first; i < p->shape.count; i++) {
			if (!picker_is_open(p, i) || prio_of(p, i) != prio) {
				*first += *first == i;
				continue;
			}
			if (pick_peer_has(k->who, i))
				return i;
		}
	}
	return UINT32_MAX;
}

uint32_t picker_first_open(struct pick *k)
{
	return k->p->in_order ? lowest(k) : rarest(k);
}

static uint32_t next_piece(struct pick *k)
{
	uint32_t piece;

	piece = k->p->in_order ? UINT32_MAX : suggested(k);
	return piece == UINT32_MAX ? picker_first_open(k) : piece;
}

/* NULL: there is none, or no memory. */
static struct part *begin_next(struct pick *k)
{
	uint32_t piece = k->p->n_open > 0 ? next_piece(k) : UINT32_MAX;
	struct part *part =
		piece == UINT32_MAX ? NULL : picker_begin_part(k->p, piece);

	if (part) {
		give_to(part, k->who);
	}
	return part;
}

static void begin_pieces(struct pick *k)
{
	struct part *part;

	while (k->n < k->max && (part = begin_next(k)))
		take_blocks(k, part, UINT32_MAX);
}

/* The one whose turn it is of the peer's parts; *n: how many it has. */
static struct part *next_of_own(const struct pick *k, uint32_t *n)
{
	struct part *next = NULL;

	*n = 0;
	for (uint32_t i = 0; i < k->p->n_ready; i++) {
		struct part *part = k->p->parts[k->p->ready[i]];

		if (part->owner != k->who->serial ||
		    !picker_may_claim(part, k, CLAIM_OWN))
			continue;
		(*n)++;
		if (!next || part->turn < next->turn)
			next = part;
	}
	return next;
}

/* One that was left, else a new one: now it is the peer's. */
static struct part *one_more(struct pick *k)
{
	for (uint32_t i = 0; i < k->p->n_ready; i++) {
		struct part *part = k->p->parts[k->p->ready[i]];

		if (!picker_may_claim(part, k, CLAIM_LEFT))
			continue;
		give_to(part, k->who);
		return part;
	}
	return begin_next(k);
}

static void go_on_side_by_side(struct pick *k)
{
	while (k->n < k->max) {
		uint32_t n;
		struct part *part = next_of_own(k, &n);
		struct part *more = n < k->who->width ? one_more(k) : NULL;

		if (more)
			part = more;
		if (!part)
			return;
		take_blocks(k, part,
			    PICKER_STRIDE - part->first_free % PICKER_STRIDE);
	}
}

bool picker_ask_again(struct block *b, uint64_t serial)
{
	unsigned empty = PICKER_ASKERS;

	if (b->state != BLOCK_ASKED)
		return false;
	for (unsigned i = 0; i < PICKER_ASKERS; i++) {
		if (b->askers[i] == serial)
			return false;
		if (b->askers[i] == 0)
			empty = i;
	}
	if (empty == PICKER_ASKERS)
		return false;
	b->askers[empty] = serial;
	return true;
}

static void endgame(struct pick *k, size_t most)
{
	struct picker *p = k->p;
	size_t end = k->n + most < k->max ? k->n + most : k->max;

	for (uint32_t i = 0; i < p->n_parts && k->n < end; i++) {
		struct part *part = p->parts[i];

		if (part->sole || part->n_here == part->n_blocks ||
		    !pick_peer_has(k->who, part->piece))
			continue;
		/* from the back: what was asked for last comes last */
		for (uint32_t j = part->n_blocks; j > 0 && k->n < end; j--)
			if (picker_ask_again(&part->blocks[j - 1],
					     k->who->serial))
				k->out[k->n++] = (struct picker_block){
					part->piece, j - 1};
	}
}

size_t picker_pick(struct picker *p, struct picker_peer *who,
		   struct picker_block *out, size_t max, size_t endgame_max,
		   int64_t now_ms)
{
	struct pick k = {p, who, out, 0, max, now_ms};

	if (who->width > 1 && !p->in_order)
		go_on_side_by_side(&k);
	if (k.n < max)
		go_on(&k);
	if (k.n < max && p->in_order)
		claim_parts(&k, CLAIM_SLOW);
	if (k.n < max)
		begin_pieces(&k);
	if (k.n < max)
		claim_parts(&k, CLAIM_HELP);
	if (k.n < max && p->n_open == 0 && p->n_ready == 0)
		endgame(&k, endgame_max);
	return k.n;
}

size_t picker_pick_in(struct picker *p, struct picker_peer *who, uint32_t piece,
		      struct picker_block *out, size_t max)
{
	struct pick k = {p, who, out, 0, max, 0};
	struct part *part = part_of(p, piece);

	if (!pick_peer_has(who, piece))
		return 0;
	if (!part && picker_is_open(p, piece)) {
		part = picker_begin_part(p, piece);
		if (part) {
			give_to(part, who);
		}
	}
	if (part && part->n_free && (!part->sole || part->owner == who->serial))
		take_blocks(&k, part, UINT32_MAX);
	return k.n;
}

/* ---- what became of it ---- */

void picker_release(struct picker *p, struct picker_block b, uint64_t serial)
{
	struct part *part = part_of(p, b.piece);
	struct block *block;
	bool left = false;

	if (!part || b.block >= part->n_blocks)
		return;
	block = &part->blocks[b.block];
	if (block->state != BLOCK_ASKED)
		return;
	for (unsigned i = 0; i < PICKER_ASKERS; i++) {
		if (block->askers[i] == serial)
			block->askers[i] = 0;
		left |= block->askers[i] != 0;
	}
	if (left)
		return;
	block->state = BLOCK_FREE;
	part->n_free++;
	if (b.block < part->first_free)
		part->first_free = b.block;
	picker_note_free(p, part);
}

void picker_disown(struct picker *p, uint64_t serial)
{
	for (uint32_t i = 0; i < p->n_parts; i++)
		if (p->parts[i]->owner == serial)
			p->parts[i]->owner = 0;
}

bool picker_wants(const struct picker *p, struct picker_block b)
{
	const struct part *part = part_of(p, b.piece);

	return part && b.block < part->n_blocks && !part->held &&
	       part->blocks[b.block].state != BLOCK_HERE;
}

bool picker_received(struct picker *p, struct picker_block b, uint64_t serial,
		     uint64_t others[PICKER_ASKERS], size_t *n)
{
	struct part *part = part_of(p, b.piece);
	struct block *block = &part->blocks[b.block];

	*n = 0;
	if (block->state == BLOCK_FREE) { /* was given up, came after all */
		part->n_free--;
		picker_note_free(p, part);
	}
	for (unsigned i = 0; i < PICKER_ASKERS; i++) {
		if (block->askers[i] && block->askers[i] != serial)
			others[(*n)++] = block->askers[i];
		block->askers[i] = 0;
	}
	block->askers[0] = serial;
	block->state = BLOCK_HERE;
	return ++part->n_here == part->n_blocks;
}

uint64_t picker_sender(const struct picker *p, uint32_t piece, uint32_t block)
{
	const struct part *part = part_of(p, piece);

	if (!part || block >= part->n_blocks ||
	    part->blocks[block].state != BLOCK_HERE)
		return 0;
	return part->blocks[block].askers[0];
}

uint32_t picker_here(const struct picker *p, uint32_t piece)
{
	const struct part *part = part_of(p, piece);

	return part ? part->n_here : 0;
}

/* Blocks of a begun piece that may still come. */
static uint64_t part_missing(const struct picker *p, const struct part *part)
{
	struct picker_block last = {part->piece, part->n_blocks - 1};
	uint64_t n = part->n_blocks - part->n_here;

	if (part->held || n == 0)
		return 0;
	n *= PICKER_BLOCK;
	if (part->blocks[last.block].state != BLOCK_HERE)
		n -= PICKER_BLOCK - picker_block_len(p, last);
	return n;
}

static uint64_t open_missing(const struct picker *p, const uint8_t *bits,
			     uint64_t enough)
{
	uint32_t looked = 0;
	uint64_t sum = 0;

	for (unsigned i = 0; i < (PICKER_PRIOS - 1) * BUCKETS; i++) {
		const struct bucket *b = &p->buckets[i / BUCKETS][i % BUCKETS];

		for (uint32_t k = 0; k < b->n; k++) {
			uint32_t piece = b->items[k];

			if (sum >= enough)
				return sum;
			if (looked++ == MISSING_LOOKS)
				return enough;
			if (!bits || bits_get(bits, piece))
				sum += pieces_size(&p->shape, piece);
		}
	}
	return sum;
}

uint64_t picker_missing(const struct picker *p, const uint8_t *bits,
			uint64_t enough)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->n_parts && sum < enough; i++)
		if (!bits || bits_get(bits, p->parts[i]->piece))
			sum += part_missing(p, p->parts[i]);
	if (sum < enough)
		sum += open_missing(p, bits, enough - sum);
	return sum < enough ? sum : enough;
}

void picker_verified(struct picker *p, uint32_t piece)
{
	struct part *part = part_of(p, piece);

	if (part) {
		end_part(p, part);
	} else if (picker_is_open(p, piece)) {
		close_piece(p, piece);
	}
}

void picker_hold(struct picker *p, uint32_t piece)
{
	struct part *part = part_of(p, piece);

	if (!part)
		return;
	part->held = true;
	part->n_free = 0;
	picker_note_free(p, part);
}

static void remember_senders(struct part *part)
{
	part->n_avoid = 0;
	for (uint32_t i = 0; i < part->n_blocks; i++) {
		uint64_t sender = part->blocks[i].askers[0];
		unsigned j = 0;

		if (part->blocks[i].state != BLOCK_HERE)
			continue;
		while (j < part->n_avoid && part->avoid[j] != sender)
			j++;
		if (j == part->n_avoid && j < AVOID_MAX)
			part->avoid[part->n_avoid++] = sender;
	}
}

void picker_retry(struct picker *p, uint32_t piece, bool sole, int64_t now_ms)
{
	struct part *part = part_of(p, piece);

	if (!part)
		return;
	remember_senders(part);
	memset(part->blocks, 0, part->n_blocks * sizeof(struct block));
	part->owner = 0;
	part->held = false;
	part->sole = sole;
	part->avoid_until_ms = sole ? now_ms + PICKER_AVOID_MS : INT64_MIN;
	part->n_free = part->n_blocks;
	part->n_here = 0;
	part->first_free = 0;
	picker_note_free(p, part);
}

void picker_retry_blocks(struct picker *p, uint32_t piece, const uint8_t *bad)
{
	struct part *part = part_of(p, piece);

	if (!part)
		return;
	part->owner = 0;
	part->held = part->sole = false;
	part->avoid_until_ms = INT64_MIN;
	part->first_free = part->n_blocks;
	for (uint32_t i = part->n_blocks; i-- > 0;) {
		if (!bits_get(bad, i) || part->blocks[i].state != BLOCK_HERE)
			continue;
		part->blocks[i] = (struct block){.state = BLOCK_FREE};
		part->n_here--;
		part->n_free++;
		part->first_free = i;
	}
	picker_note_free(p, part);
}

void picker_want(struct picker *p, uint32_t piece)
{
	if (p->pos[piece] == POS_HAVE)
		open_piece(p, piece);
}
