#include "wire/swarm/picker_int.h"

#include <stdlib.h>

static struct bucket *bucket_of(struct picker *p, uint32_t piece)
{
	uint32_t a = p->avail[piece];

	return &p->buckets[picker_prio_of(p, piece) - 1]
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

void picker_open_piece(struct picker *p, uint32_t piece)
{
	enum picker_prio prio = picker_prio_of(p, piece);

	if (prio == PICKER_SKIP || !bucket_put(p, piece)) {
		p->pos[piece] = POS_HAVE;
		return;
	}
	p->n_open++;
	if (piece < p->first_open[prio])
		p->first_open[prio] = piece;
}

void picker_close_piece(struct picker *p, uint32_t piece)
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
