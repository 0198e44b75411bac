#include "wire/swarm/picker_int.h"

#define WALK_MAX 128U	   /* steps before the pass over the words */
#define CANDIDATES_MAX 64U /* of that pass */

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
		part = picker_part_of(k->p, k->who->last);
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
	if (picker_prio_of(p, a) != picker_prio_of(p, b))
		return picker_prio_of(p, a) > picker_prio_of(p, b);
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
			if (!picker_is_open(p, i) ||
			    picker_prio_of(p, i) != prio) {
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
	struct part *part = picker_part_of(p, piece);

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
