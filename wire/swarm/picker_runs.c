/* Runs: blocks that follow one another, for sources that send long ranges. */
#include "wire/swarm/picker_int.h"

/* May the run go on with this open piece? */
static bool fits_run(const struct pick *k, uint32_t piece, bool rare)
{
	return piece < k->p->shape.count && picker_is_open(k->p, piece) &&
	       pick_peer_has(k->who, piece) &&
	       (!rare || k->p->avail[piece] == 0);
}

/* A run is one range of bytes: it ends with a short piece. */
static bool ends_run(const struct pick *k, uint32_t piece)
{
	return pieces_size(&k->p->shape, piece) !=
	       pieces_place(&k->p->shape, piece);
}

/* Takes the open piece whole. */
static bool run_add(struct pick *k, uint32_t piece)
{
	struct part *part = picker_begin_part(k->p, piece);

	if (!part)
		return false;
	part->owner = k->who->serial;
	for (uint32_t i = 0; i < part->n_blocks; i++) {
		part->blocks[i].state = BLOCK_ASKED;
		part->blocks[i].askers[0] = k->who->serial;
	}
	part->n_free = 0;
	part->first_free = part->n_blocks;
	picker_note_free(k->p, part);
	return true;
}

static bool run_of_open(struct pick *k, bool rare, struct picker_run *out)
{
	uint32_t first = k->who->last + 1, end;

	if (k->max == 0)
		return false;
	if (!fits_run(k, first, rare))
		first = picker_first_open(k);
	if (first == UINT32_MAX || !fits_run(k, first, rare) ||
	    !run_add(k, first))
		return false;
	for (end = first + 1; end - first < k->max && !ends_run(k, end - 1) &&
			      fits_run(k, end, rare);
	     end++)
		if (!run_add(k, end))
			break;
	while (first > 0 && end - first < k->max && !ends_run(k, first - 1) &&
	       fits_run(k, first - 1, rare) && run_add(k, first - 1))
		first--;
	k->who->last = end - 1;
	*out = (struct picker_run){.piece = first,
				   .pieces = end - first,
				   .end = picker_blocks(k->p, end - 1)};
	return true;
}

/* The blocks of the part that take() takes, and what lies between them. */
static bool run_of_part(struct pick *k, struct part *part,
			bool (*take)(struct pick *k, struct part *part,
				     struct block *b),
			struct picker_run *out)
{
	uint32_t first = UINT32_MAX, last = 0;

	for (uint32_t i = 0; i < part->n_blocks; i++) {
		if (!take(k, part, &part->blocks[i]))
			continue;
		first = first == UINT32_MAX ? i : first;
		last = i;
	}
	if (first == UINT32_MAX)
		return false;
	picker_note_free(k->p, part);
	k->who->last = part->piece;
	*out = (struct picker_run){part->piece, 1, first, last + 1};
	return true;
}

static bool take_free(struct pick *k, struct part *part, struct block *b)
{
	if (b->state != BLOCK_FREE)
		return false;
	b->state = BLOCK_ASKED;
	b->askers[0] = k->who->serial;
	part->n_free--;
	return true;
}

static bool take_again(struct pick *k, struct part *part, struct block *b)
{
	(void)part;
	return picker_ask_again(b, k->who->serial);
}

static bool run_of_ready(struct pick *k, enum claim claim,
			 struct picker_run *out)
{
	for (uint32_t i = k->p->n_ready; i > 0; i--) {
		struct part *part = k->p->parts[k->p->ready[i - 1]];

		if (!picker_may_claim(part, k, claim))
			continue;
		if (claim == CLAIM_LEFT) {
			part->owner = k->who->serial;
			part->owner_slow = false;
		}
		return run_of_part(k, part, take_free, out);
	}
	return false;
}

static bool run_of_endgame(struct pick *k, struct picker_run *out)
{
	for (uint32_t i = 0; i < k->p->n_parts; i++) {
		struct part *part = k->p->parts[i];

		if (!part->sole && part->n_here < part->n_blocks &&
		    !part->held && pick_peer_has(k->who, part->piece) &&
		    run_of_part(k, part, take_again, out))
			return true;
	}
	return false;
}

bool picker_pick_run(struct picker *p, struct picker_peer *who, uint32_t max,
		     bool rare, struct picker_run *out, int64_t now_ms)
{
	struct pick k = {p, who, NULL, 0, max, now_ms};

	if (rare)
		return run_of_open(&k, true, out);
	return run_of_ready(&k, CLAIM_OWN, out) ||
	       run_of_ready(&k, CLAIM_LEFT, out) ||
	       run_of_open(&k, false, out) ||
	       run_of_ready(&k, CLAIM_HELP, out) ||
	       (p->n_open == 0 && p->n_ready == 0 && run_of_endgame(&k, out));
}
