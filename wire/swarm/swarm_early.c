/* While only the info hash is known, what a peer has is kept as it was said, up
 * to the largest torrent there may be; when the torrent is known it is checked
 * as it would have been then, and counted. */
#include "wire/swarm/swarm_int.h"

#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

/* Room for `bytes` of bits; false: the peer is closed. */
static bool grow(struct link *l, uint32_t bytes)
{
	struct swarm *s = l->s;
	uint32_t more = bytes - l->early_bytes;
	uint8_t *bits;

	if (l->bits && bytes <= l->early_bytes)
		return true;
	bits = s->early_bytes + more <= EARLY_BYTES_MAX
		       ? realloc(l->bits, bytes)
		       : NULL;
	if (!bits) {
		peer_shut(&l->peer, PEER_CLOSE_NOMEM,
			  "no room for haves of an unknown torrent");
		return false;
	}
	memset(bits + l->early_bytes, 0, more);
	l->bits = bits;
	l->early_bytes = bytes;
	s->early_bytes += more;
	return true;
}

void early_clear(struct link *l)
{
	l->s->early_bytes -= l->early_bytes;
	l->early_bytes = 0;
}

void early_have(struct link *l, uint32_t piece)
{
	uint32_t bytes = piece / 8 + 1;

	if (l->seed || (bytes <= l->early_bytes && bits_get(l->bits, piece))) {
		peer_nuisance(&l->peer, "have, told before");
		return;
	}
	if (bytes > l->early_bytes) /* one by one they come in any order */
		bytes = (bytes + 1023) / 1024 * 1024;
	if (!grow(l, bytes))
		return;
	bits_set(l->bits, piece);
	link_update_interest(l);
}

void early_bitfield(struct link *l, const struct msg *m)
{
	uint32_t len = (uint32_t)m->body_len;

	if (l->early_exact)
		peer_nuisance(&l->peer, "bitfield, again");
	if (l->seed || l->peer.closed || !grow(l, len))
		return;
	l->early_exact = len;
	for (uint32_t i = 0; i < len; i++)
		l->bits[i] |= m->body[i];
	link_update_interest(l);
}

void early_have_all(struct link *l)
{
	early_clear(l);
	free(l->bits);
	l->bits = NULL;
	l->seed = true;
	link_update_interest(l);
}

/* Fits the kept bits to the torrent; false: no torrent of this size has them.
 */
static bool fit(struct link *l)
{
	uint32_t n = l->s->cfg.pieces;
	uint32_t want = (uint32_t)bits_bytes(n), had = l->early_bytes;
	uint8_t *bits;

	early_clear(l);
	if (l->early_exact && l->early_exact != want)
		return false;
	for (uint32_t i = want; i < had; i++)
		if (l->bits[i])
			return false;
	if (had >= want && !bits_spare_clear(l->bits, n))
		return false;
	bits = realloc(l->bits, want);
	if (!bits)
		return false;
	if (had < want)
		memset(bits + had, 0, want - had);
	l->bits = bits;
	return true;
}

static void keep_possible(uint32_t *list, uint32_t *n, uint32_t pieces)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < *n; i++)
		if (list[i] < pieces)
			list[kept++] = list[i];
	*n = kept;
}

void early_apply(struct link *l)
{
	struct swarm *s = l->s;
	uint32_t n = s->cfg.pieces;

	if (l->peer.closed)
		return;
	keep_possible(l->down.allowed, &l->down.n_allowed, n);
	keep_possible(l->down.suggested, &l->down.n_suggested, n);
	if (l->bits && !fit(l)) {
		free(l->bits);
		l->bits = NULL;
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL,
			  "has pieces that the torrent has not");
		return;
	}
	if (l->bits && bits_count(l->bits, n) == n) {
		free(l->bits);
		l->bits = NULL;
		l->seed = true;
	}
	if (l->seed) {
		l->n_pieces = n;
	} else if (l->bits) {
		l->n_pieces = bits_count(l->bits, n);
		if (s->picker)
			picker_peer_bits(s->picker, l->bits, false);
	}
	l->wanted = wants_of_link(l);
	link_update_interest(l);
}
