#include "wire/swarm/swarm_int.h"

bool choke_is_mute(const struct link *l)
{
	return l->s && l->s->now_ms < l->mute_until_ms;
}

/* Whoever only says that it is interested would keep slots from others, and its
 * connection where those are few. One that waits for its own disk looks alike:
 * it may have the slot that goes by chance. (Super seeding shows little to ask
 * for.) */
static void look_for_mute(struct link *l)
{
	int64_t now = l->s->now_ms;

	if (l->slot != PEER_SLOT_FREE || l->up.n + l->up.n_slots > 0 ||
	    l->s->super || now - l->slot_since_ms < CHOKER_MUTE_MS ||
	    now - l->asked_ms < CHOKER_MUTE_MS)
		return;
	l->mute_until_ms = now + CHOKER_MUTE_REST_MS;
}

static void fill_row(struct choker_row *row, const struct link *l)
{
	*row = (struct choker_row){
		.rank = l->rank,
		.rate_in = l->in.rate,
		.interested = l->they_interested && l->s->upload_on,
		.snubbed = (l->down.snubbed && l->am_interested) ||
			   choke_is_mute(l),
		.optimistic = l->optimistic,
		.since_ms = l->slot_since_ms,
		.slot = l->slot,
	};
}

static void set_slot(struct link *l, enum peer_slot slot)
{
	struct swarm *s = l->s;
	bool had = l->slot != PEER_SLOT_NONE, has = slot != PEER_SLOT_NONE;

	if (s->cfg.pieces)
		rate_flow_set(s->cfg.rate, &l->flow_up,
			      slot == PEER_SLOT_RANK ? RATE_PAID : RATE_FREE,
			      l->rank);
	if (l->slot == slot)
		return;
	l->slot = slot;
	if (had != has) {
		l->slot_since_ms = s->now_ms;
		if (!peer_send_id(&l->peer, has ? MSG_UNCHOKE : MSG_CHOKE))
			return;
		if (!has)
			up_choke(l);
	}
	if (!l->peer.closed)
		s->cfg.ops->peer_slot(s->cfg.ctx, &l->peer, slot);
}

void choke_run(struct swarm *s, enum choker_mode mode)
{
	struct choker_cfg cfg = {
		.mode = mode,
		.slots = s->cfg.slots,
		.free_slots = s->cfg.free_slots,
		.seeding = swarm_is_done(s),
		.now_ms = s->now_ms,
	};
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[i];

		if (!l->ready || l->peer.closed)
			continue;
		if (mode == CHOKER_ROUND)
			look_for_mute(l);
		fill_row(&s->rows[n], l);
		s->row_links[n++] = l;
	}
	if (mode == CHOKER_ROUND && s->now_ms >= s->optimistic_ms) {
		cfg.rotate = true;
		s->optimistic_ms = s->now_ms + CHOKER_OPTIMISTIC_MS;
	}
	choker_run(s->rows, n, &cfg, &s->cfg.rng);
	for (uint32_t i = 0; i < n; i++)
		s->row_links[i]->optimistic = s->rows[i].optimistic;
	/* chokes first, so that no more than `slots` are ever served */
	for (uint32_t i = 0; i < n; i++)
		if (s->rows[i].slot == PEER_SLOT_NONE)
			set_slot(s->row_links[i], PEER_SLOT_NONE);
	for (uint32_t i = 0; i < n; i++)
		if (s->rows[i].slot != PEER_SLOT_NONE)
			set_slot(s->row_links[i], s->rows[i].slot);
}
