/* lt_donthave (BEP 54): a piece that was told of is no longer there. */
#include "base/bits.h"
#include "base/bytes.h"
#include "wire/swarm/swarm_int.h"

#include <stdlib.h>
#include <string.h>

/* ---- ours ---- */

/* Was the peer told that we have it? */
static bool was_told(const struct link *l, uint32_t piece)
{
	const struct swarm *s = l->s;

	for (uint32_t i = l->haves; i < s->n_log; i++)
		if (s->have_log[i] == piece)
			return false;
	return l->greeted;
}

static void say(struct link *l, uint32_t piece)
{
	uint8_t buf[4];
	struct wr w = wr_into(buf, sizeof(buf));

	wr_u32(&w, piece);
	(void)peer_send_extended(&l->peer, l->ext_id[EXT_LT_DONTHAVE], buf,
				 sizeof(buf));
}

void lost_say(struct swarm *s, uint32_t piece)
{
	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (l->peer.closed)
			continue;
		if (l->ext_id[EXT_LT_DONTHAVE] && was_told(l, piece))
			say(l, piece);
		up_lost(l, piece);
	}
}

/* ---- theirs ---- */

/* Who has all is not counted piece by piece; from now on it is. */
static bool spell_out(struct link *l)
{
	uint32_t n = l->s->cfg.pieces;

	if (!l->seed)
		return true;
	l->bits = malloc(bits_bytes(n));
	if (!l->bits) {
		peer_shut(&l->peer, PEER_CLOSE_NOMEM, "no memory for haves");
		return false;
	}
	memset(l->bits, 0, bits_bytes(n));
	for (uint32_t i = 0; i < n; i++)
		bits_set(l->bits, i);
	l->seed = false;
	if (l->s->picker)
		picker_peer_bits(l->s->picker, l->bits, false);
	return true;
}

void lost_take(struct link *l, const uint8_t *bytes, size_t len)
{
	struct swarm *s = l->s;
	struct rd r = rd_from(bytes, len);
	uint32_t piece = rd_u32(&r);

	if (s->cfg.pieces == 0) { /* it is not known yet */
		peer_nuisance(&l->peer, "lt_donthave");
		return;
	}
	if (!rd_done(&r) || piece >= s->cfg.pieces) {
		peer_shut(&l->peer, PEER_CLOSE_PROTOCOL,
			  "lt_donthave of piece %u, %zu bytes", piece, len);
		return;
	}
	peer_nuisance(&l->peer, "lt_donthave");
	if (l->peer.closed || !link_has(l, piece) || !spell_out(l))
		return;
	bits_clear(l->bits, piece);
	l->n_pieces--;
	l->wanted -= swarm_wants(s, piece);
	if (s->picker)
		picker_peer_lost(s->picker, piece);
	down_lost(l, piece);
	link_update_interest(l);
}
