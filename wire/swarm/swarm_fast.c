/* Allowed Fast (BEP 6), as the side that gives: the first pieces of who has
 * nothing to trade yet, though it has no slot. */
#include "wire/swarm/swarm_int.h"

/* As many as are FAST_BYTES together: of a torrent with large pieces none. */
static uint32_t set_size(const struct swarm *s)
{
	uint32_t k = FAST_BYTES / s->cfg.piece_len;

	return k < ALLOWED_MAX ? k : ALLOWED_MAX;
}

void fast_say(struct link *l)
{
	const struct swarm *s = l->s;

	/* super seeding shows each peer other pieces */
	if (!l->peer.fast || s->cfg.pieces == 0 || s->n_have == 0 || s->super)
		return;
	l->n_fast =
		(uint8_t)allowed_set(l->fast, set_size(s), &l->peer.cfg.addr,
				     &s->cfg.info_hash, s->cfg.pieces);
	for (uint32_t i = 0; i < l->n_fast && !l->peer.closed; i++)
		(void)peer_send(&l->peer, &(struct msg){.id = MSG_ALLOWED_FAST,
							.piece = l->fast[i]});
}

static bool in_set(const struct link *l, uint32_t piece)
{
	for (uint32_t i = 0; i < l->n_fast; i++)
		if (l->fast[i] == piece)
			return true;
	return false;
}

/* Who can pay, or has as many pieces as the set, is no beginner. Each byte is
 * given once to a connection, and so many a second to all: who comes again and
 * again for the same pieces gets no more than that. */
bool fast_take(struct link *l, const struct msg *m)
{
	struct swarm *s = l->s;

	if (!s->upload_on || l->ext_id[EXT_SB_PAY] || l->n_pieces > l->n_fast ||
	    !in_set(l, m->piece) ||
	    m->len > l->n_fast * s->cfg.piece_len - l->fast_bytes ||
	    m->len > s->fast_credit)
		return false;
	l->fast_bytes += m->len;
	s->fast_credit -= m->len;
	return true;
}

void fast_second(struct swarm *s)
{
	s->fast_credit += FAST_PER_S;
	if (s->fast_credit > FAST_BYTES)
		s->fast_credit = FAST_BYTES;
}
