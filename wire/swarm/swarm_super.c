/* swarm_super.c - super seeding (BEP 16): a first seed shows each peer a few
 * pieces only, a piece once before any of them twice, and the next ones when
 * others have got them from it. So it sends little more than one copy before
 * there are other seeds. Who pays is shown everything; so is everybody once
 * there is another seed. */
#include "base/bits.h"
#include "wire/swarm/swarm_int.h"

#include <stdlib.h>

#define SAID_AHEAD 4096U /* small output over this waits with more haves */

void super_init(struct swarm *s)
{
	s->super = s->cfg.super_seed && s->cfg.pieces && !s->picker;
	if (s->super)
		s->super_next = rng_below(&s->cfg.rng, s->cfg.pieces);
}

bool super_greet(struct link *l)
{
	if (l->s->super && !l->rank)
		l->shown = calloc(1, bits_bytes(l->s->cfg.pieces));
	return l->shown != NULL;
}

bool super_hides(const struct link *l, uint32_t piece)
{
	return l->shown && !bits_get(l->shown, piece);
}

static void show(struct link *l, uint32_t piece)
{
	bits_set(l->shown, piece);
	if (!link_has(l, piece))
		(void)peer_send(&l->peer,
				&(struct msg){.id = MSG_HAVE, .piece = piece});
}

/* The next piece in the round that it lacks; UINT32_MAX: none. */
static uint32_t next_for(struct link *l)
{
	struct swarm *s = l->s;

	for (uint32_t i = 0; i < s->cfg.pieces; i++) {
		uint32_t piece = (s->super_next + i) % s->cfg.pieces;

		if (!bits_get(s->have, piece) || !super_hides(l, piece) ||
		    link_has(l, piece))
			continue;
		s->super_next = (piece + 1) % s->cfg.pieces;
		return piece;
	}
	return UINT32_MAX;
}

void super_offer(struct link *l)
{
	uint32_t piece;

	while (l->ready && !l->peer.closed && l->shown && !l->showing_all &&
	       l->n_offered < SUPER_OFFERS &&
	       (piece = next_for(l)) != UINT32_MAX) {
		l->offered[l->n_offered++] = piece;
		show(l, piece);
	}
}

void super_show_all(struct link *l)
{
	if (!l->shown || l->showing_all)
		return;
	l->showing_all = true;
	l->show_at = 0;
	peer_want_write(&l->peer);
}

void super_fill(struct link *l)
{
	struct swarm *s = l->s;

	if (!l->showing_all)
		return;
	while (l->show_at < s->cfg.pieces && l->peer.out.used < SAID_AHEAD &&
	       !l->peer.closed) {
		uint32_t piece = l->show_at++;

		if (bits_get(s->have, piece) && super_hides(l, piece))
			show(l, piece);
	}
	if (l->peer.closed || l->show_at < s->cfg.pieces)
		return;
	super_clear(l);
	swarm_tell_upload_only(s);
}

void super_clear(struct link *l)
{
	free(l->shown);
	l->shown = NULL;
	l->showing_all = false;
	l->n_offered = 0;
}

static bool counts(const struct link *l)
{
	return l->ready && !l->peer.closed;
}

/* Has the piece that was offered to l gone on to another, or is there nobody
 * whom l could still give it? */
static bool is_spread(const struct link *l, uint32_t piece)
{
	const struct swarm *s = l->s;
	bool wanted = false;

	for (uint32_t i = 0; i < s->n_links; i++) {
		const struct link *o = s->links[i];

		if (o == l || !counts(o))
			continue;
		if (link_has(o, piece))
			return true;
		wanted |= !o->upload_only;
	}
	return !wanted && link_has(l, piece);
}

static void look_at_offers(struct link *l)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < l->n_offered; i++)
		if (!is_spread(l, l->offered[i]))
			l->offered[kept++] = l->offered[i];
	l->n_offered = kept;
	super_offer(l);
}

static void end(struct swarm *s)
{
	s->super = false;
	for (uint32_t i = 0; i < s->n_links; i++)
		super_show_all(s->links[i]);
}

void super_second(struct swarm *s)
{
	for (uint32_t i = 0; s->super && i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (!counts(l))
			continue;
		if (link_has_all(l))
			end(s);
		else
			look_at_offers(l);
	}
}

void super_has(struct link *l, uint32_t piece)
{
	struct swarm *s = l->s;

	for (uint32_t i = 0; s->super && i < s->n_links; i++) {
		struct link *o = s->links[i];

		for (unsigned j = 0; j < o->n_offered; j++)
			if (o->offered[j] == piece) {
				look_at_offers(o);
				break;
			}
	}
}
