#include "wire/swarm/picker_int.h"

#include <stdlib.h>
#include <string.h>

#define MISSING_LOOKS 256U

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
			picker_open_piece(p, i);
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
	if (picker_is_open(p, piece))
		picker_close_piece(p, piece);
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
			picker_close_piece(p, i);
	free(p->prio);
	p->prio = copy;
	for (uint32_t i = p->n_parts; i > 0; i--)
		if (picker_prio_of(p, p->parts[i - 1]->piece) == PICKER_SKIP)
			drop_part(p, p->parts[i - 1]);
	for (uint32_t i = 0; i < PICKER_PRIOS; i++)
		p->first_open[i] = p->shape.count;
	for (uint32_t i = 0; i < p->shape.count; i++)
		if (p->pos[i] == POS_HAVE && !(have && bits_get(have, i)))
			picker_open_piece(p, i);
	return ERR_NONE;
}

void picker_set_in_order(struct picker *p, bool in_order)
{
	p->in_order = in_order;
}

/* ---- what became of it ---- */

void picker_release(struct picker *p, struct picker_block b, uint64_t serial)
{
	struct part *part = picker_part_of(p, b.piece);
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
	const struct part *part = picker_part_of(p, b.piece);

	return part && b.block < part->n_blocks && !part->held &&
	       part->blocks[b.block].state != BLOCK_HERE;
}

bool picker_received(struct picker *p, struct picker_block b, uint64_t serial,
		     uint64_t others[PICKER_ASKERS], size_t *n)
{
	struct part *part = picker_part_of(p, b.piece);
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
	const struct part *part = picker_part_of(p, piece);

	if (!part || block >= part->n_blocks ||
	    part->blocks[block].state != BLOCK_HERE)
		return 0;
	return part->blocks[block].askers[0];
}

uint32_t picker_here(const struct picker *p, uint32_t piece)
{
	const struct part *part = picker_part_of(p, piece);

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
	struct part *part = picker_part_of(p, piece);

	if (part) {
		end_part(p, part);
	} else if (picker_is_open(p, piece)) {
		picker_close_piece(p, piece);
	}
}

void picker_hold(struct picker *p, uint32_t piece)
{
	struct part *part = picker_part_of(p, piece);

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
	struct part *part = picker_part_of(p, piece);

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
	struct part *part = picker_part_of(p, piece);

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
		picker_open_piece(p, piece);
}
