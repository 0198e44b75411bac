#include "storage/rent/repair_int.h"

static struct sending_slot *slot_of(struct repair *r, uint64_t cookie)
{
	return r->ended ? NULL : sending_find(&r->sending, cookie);
}

void repair_on_stored(struct repair *r, uint64_t cookie, int64_t now_ms)
{
	struct sending_slot *slot = slot_of(r, cookie);
	struct repair_segment *s;
	uint16_t host;

	if (!slot)
		return;
	r->sending.now_ms = now_ms;
	s = slot->segment;
	host = sending_stored(&r->sending, slot);
	s->at[slot->row] = ROW_LIVES;
	s->made--;
	r->progress.placed++;
	r->cfg.ops->placed(r->cfg.ctx, s->index, slot->row, &slot->root,
			   sending_address(&r->sending, host));
	if (r->cfg.ops->progress)
		r->cfg.ops->progress(r->cfg.ctx, &r->progress);
	repair_pump(r);
}

void repair_on_refused(struct repair *r, uint64_t cookie, enum upload_no no,
		       const struct err *why, int64_t now_ms)
{
	struct sending_slot *slot = slot_of(r, cookie);
	struct err e = {0};

	if (!slot)
		return;
	r->sending.now_ms = now_ms;
	if (sending_refused(&r->sending, slot, no, why, &e) == ERR_NONE)
		repair_pump(r);
	else
		repair_fail(r, &e);
}

void repair_on_moving(struct repair *r, uint64_t cookie, int64_t now_ms)
{
	const struct sending_slot *slot = slot_of(r, cookie);

	if (slot)
		sending_moving(&r->sending, slot, now_ms);
}

void repair_host_ready(struct repair *r, const struct address *host,
		       int64_t now_ms)
{
	if (r->ended || !sending_host_ready(&r->sending, host))
		return;
	r->sending.now_ms = now_ms;
	repair_pump(r);
}
