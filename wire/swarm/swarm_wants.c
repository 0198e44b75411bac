#include "wire/swarm/swarm_int.h"

#include "base/bits.h"

#include <stdlib.h>

bool swarm_wants(const struct swarm *s, uint32_t piece)
{
	return !bits_get(s->have, piece) &&
	       (!s->prios || s->prios[piece] != PICKER_SKIP);
}

bool swarm_is_done(const struct swarm *s)
{
	return s->cfg.pieces > 0 && s->n_wanted == 0;
}

static uint32_t count_wanted(const struct swarm *s)
{
	uint32_t n = 0;

	if (!s->prios)
		return s->cfg.pieces - s->n_have;
	for (uint32_t i = 0; i < s->cfg.pieces; i++)
		n += swarm_wants(s, i);
	return n;
}

uint32_t wants_of_link(const struct link *l)
{
	const struct swarm *s = l->s;
	uint32_t n = 0;

	if (l->seed)
		return s->n_wanted;
	for (uint32_t i = 0; l->bits && i < s->cfg.pieces; i++)
		n += bits_get(l->bits, i) && swarm_wants(s, i);
	return n;
}

uint64_t wants_bytes(const struct swarm *s)
{
	uint64_t bytes = 0;

	if (s->cfg.pieces == 0)
		return s->cfg.waits_for_metadata;
	if (!s->prios)
		return pieces_bytes(&s->shape) - s->have_bytes;
	for (uint32_t i = 0; s->n_wanted && i < s->cfg.pieces; i++)
		if (swarm_wants(s, i))
			bytes += swarm_piece_bytes(s, i);
	return bytes;
}

enum err_code wants_new_picker(struct swarm *s, struct err *e)
{
	enum err_code rc =
		picker_new(&s->picker, &s->shape, s->have, &s->cfg.rng, e);

	if (rc != ERR_NONE)
		return rc;
	picker_set_in_order(s->picker, s->cfg.in_order);
	if (!s->prios)
		return ERR_NONE;
	rc = picker_set_prios(s->picker, s->prios, s->have, e);
	if (rc != ERR_NONE) {
		picker_free(s->picker);
		s->picker = NULL;
	}
	return rc;
}

enum err_code wants_init(struct swarm *s, struct err *e)
{
	const struct swarm_cfg *c = &s->cfg;

	s->prios = swarm_copy_bytes(c->prios, c->pieces);
	if (c->prios && !s->prios)
		return err_fail(e, ERR_NOMEM, "swarm of %u pieces", c->pieces);
	s->n_wanted = count_wanted(s);
	return s->n_have == c->pieces ? ERR_NONE : wants_new_picker(s, e);
}

static void apply(struct swarm *s)
{
	s->n_wanted = count_wanted(s);
	for (uint32_t i = 0; i < s->n_links; i++) {
		s->links[i]->wanted = wants_of_link(s->links[i]);
		link_update_interest(s->links[i]);
	}
	swarm_tell_upload_only(s);
	s->refill_soon = s->choke_soon = true;
}

enum err_code swarm_set_prios(struct swarm *s, int64_t now_ms,
			      const uint8_t *prios, struct err *e)
{
	uint8_t *before = s->prios;
	enum err_code rc = ERR_NONE;

	if (s->cfg.pieces == 0)
		return err_fail(e, ERR_STATE, "no pieces are known");
	s->prios = swarm_copy_bytes(prios, s->cfg.pieces);
	if (prios && !s->prios) {
		s->prios = before;
		return err_fail(e, ERR_NOMEM, "priorities");
	}
	swarm_enter(s, now_ms);
	for (uint32_t i = 0; i < s->n_links && s->picker; i++)
		down_cancel_skipped(s->links[i]);
	if (s->picker)
		rc = picker_set_prios(s->picker, prios, s->have, e);
	if (rc != ERR_NONE) {
		free(s->prios);
		s->prios = before;
	} else {
		free(before);
		apply(s);
	}
	swarm_leave(s);
	return rc;
}

void swarm_set_in_order(struct swarm *s, bool in_order)
{
	s->cfg.in_order = in_order;
	if (s->picker)
		picker_set_in_order(s->picker, in_order);
}
