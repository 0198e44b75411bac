#include "storage/rent/repair_int.h"

#include <string.h>

#define EPOCH_SHIFT 48
#define COOKIE_MASK ((UINT64_C(1) << EPOCH_SHIFT) - 1)

static uint64_t outer(const struct repair *r, uint64_t cookie)
{
	return cookie | (uint64_t)r->fetch.epoch << EPOCH_SHIFT;
}

static bool is_current(const struct repair *r, uint64_t cookie)
{
	return !r->ended && r->fetch.state == FETCH_ON &&
	       cookie >> EPOCH_SHIFT == r->fetch.epoch;
}

/* --- what the download asks --- */

static void on_read_op(void *ctx, const struct address *host,
		       const struct hash32 *root, uint32_t off, uint32_t len,
		       uint8_t *buf, uint64_t cookie)
{
	struct repair *r = ctx;

	r->cfg.ops->read(r->cfg.ctx, host, root, off, len, buf,
			 outer(r, cookie));
}

static void on_cancel(void *ctx, const struct address *host, uint64_t cookie)
{
	struct repair *r = ctx;

	r->cfg.ops->cancel(r->cfg.ctx, host, outer(r, cookie));
}

/* Where a host stands in the object's placement; hosts_n: nowhere. */
static unsigned host_index(const struct repair *r, const struct address *host)
{
	unsigned i = 0;

	while (i < r->cfg.placement->hosts_n &&
	       !address_eq(&r->cfg.placement->hosts[i], host))
		i++;
	return i;
}

/* Who gave up or lied while one segment was fetched is not asked again. */
static bool on_host(void *ctx, const struct address *host, uint32_t *ms)
{
	struct repair *r = ctx;
	unsigned i = host_index(r, host);

	if (i < PLACEMENT_HOSTS_MAX && r->mute[i / 8] >> i % 8 & 1)
		return false;
	return !r->cfg.ops->host || r->cfg.ops->host(r->cfg.ctx, host, ms);
}

static void on_host_did(void *ctx, const struct address *host,
			enum download_deed deed, uint32_t ms)
{
	struct repair *r = ctx;
	unsigned i = host_index(r, host);

	if ((deed == DOWNLOAD_GIVEN_UP || deed == DOWNLOAD_FALSE) &&
	    i < PLACEMENT_HOSTS_MAX)
		r->mute[i / 8] |= (uint8_t)(1U << i % 8);
	if (r->cfg.ops->read_did)
		r->cfg.ops->read_did(r->cfg.ctx, host, deed, ms);
}

/* (!) On a worker. What does not have its root goes nowhere. */
static enum err_code on_solved(void *ctx, struct segment *s, uint32_t segment,
			       struct err *e)
{
	struct repair *r = ctx;
	struct repair_fetch *f = &r->fetch;
	enum err_code code = ERR_NONE;
	struct hash32 root;

	(void)segment; /* it is the only one of its placement */
	for (unsigned i = 0; i < f->count && code == ERR_NONE; i++) {
		const struct sending_slot *slot =
			&r->sending.slots[f->slots[i]];

		if (atomic_load(&r->stop))
			return err_fail(e, ERR_STATE, "cancelled");
		code = segment_sectors(s, slot->row, 1,
				       sending_sector(&r->sending, f->slots[i]),
				       &root, &f->err);
		if (code == ERR_NONE &&
		    memcmp(&root, &slot->root, sizeof(root)) != 0)
			code = err_fail(&f->err, ERR_SIG,
					"shard %u of segment %u does not have "
					"the root of the owner's record",
					slot->row, f->segment->index);
	}
	if (code != ERR_NONE)
		*e = f->err;
	return code;
}

static void on_ended(void *ctx, const struct err *why)
{
	struct repair *r = ctx;

	if (r->fetch.state != FETCH_ON)
		return;
	r->fetch.state = FETCH_ENDED;
	r->fetch.why = *why;
	repair_wake(r);
}

static void on_freed(void *ctx)
{
	struct repair *r = ctx;

	r->fetch.state = FETCH_OVER;
	r->fetch.download = NULL;
	repair_wake(r);
}

static const struct download_ops ops = {
	.read = on_read_op,
	.cancel = on_cancel,
	.solved = on_solved,
	.host = on_host,
	.host_did = on_host_did,
	.ended = on_ended,
	.freed = on_freed,
};

/* --- its life --- */

/* This segment alone, with the places that live. */
static enum err_code make_part(struct repair *r, const struct repair_segment *s,
			       struct err *e)
{
	const struct placement *p = r->cfg.placement;
	enum err_code code = placement_new(&r->fetch.part, r->k, r->n, 1, e);

	if (code != ERR_NONE)
		return code;
	memcpy(r->fetch.part->salts[0], p->salts[s->index], SEGMENT_SALT_LEN);
	for (unsigned i = 0; i < r->n && code == ERR_NONE; i++) {
		const struct placement_row *x = repair_row(r, s->index, i);

		placement_row(r->fetch.part, 0, i)->root = x->root;
		for (unsigned k = 0; k < x->places && code == ERR_NONE; k++) {
			const struct address *a = &p->hosts[x->host[k]];

			if (r->cfg.ops->alive(r->cfg.ctx, s->index, (uint16_t)i,
					      a))
				code = placement_add(r->fetch.part, 0, i, a, e);
		}
	}
	return code;
}

static void take_slots(struct repair *r, struct repair_segment *s,
		       unsigned count)
{
	struct repair_fetch *f = &r->fetch;
	unsigned row = 0;

	f->count = 0;
	for (unsigned i = 0; i < r->sending.slots_n && f->count < count; i++) {
		struct sending_slot *slot = &r->sending.slots[i];

		if (slot->state != SLOT_FREE)
			continue;
		while (s->at[row] != ROW_WANTED || s->seat[row] == PLACING_NONE)
			row++;
		sending_fill(&r->sending, i, s, (uint16_t)row, &s->seat[row]);
		slot->root = repair_row(r, s->index, row)->root;
		s->at[row] = ROW_SLOT;
		s->wanted--;
		s->made++;
		f->slots[f->count++] = i;
	}
}

void repair_fetch_begin(struct repair *r, struct repair_segment *s,
			unsigned count)
{
	struct download_cfg cfg = {.work = r->cfg.work,
				   .log = r->cfg.log,
				   .ops = &ops,
				   .ctx = r,
				   .keys = r->cfg.keys,
				   .len = segment_plain_len(r->k)};
	struct err e = {0};
	enum err_code code = make_part(r, s, &e);

	if (code == ERR_NONE) {
		r->fetch.epoch++;
		r->fetch.segment = s;
		r->fetch.lost = false;
		r->fetch.why = r->fetch.err = (struct err){0};
		take_slots(r, s, count);
		cfg.placement = r->fetch.part;
		r->fetch.state = FETCH_ON;
		code = download_start(&r->fetch.download, &cfg,
				      r->sending.now_ms, &e);
		if (code != ERR_NONE)
			r->fetch.state = FETCH_OVER;
	}
	object_keys_clear(&cfg.keys);
	if (code != ERR_NONE)
		repair_fail(r, &e);
}

void repair_fetch_stop(struct repair *r)
{
	if (r->fetch.state != FETCH_ON && r->fetch.state != FETCH_ENDED)
		return;
	r->fetch.state = FETCH_FREEING;
	download_free(r->fetch.download);
}

static void settle(struct repair *r)
{
	struct repair_fetch *f = &r->fetch;
	bool good = f->why.code == ERR_NONE;

	f->state = FETCH_NONE;
	placement_free(f->part);
	f->part = NULL;
	for (unsigned i = 0; i < f->count; i++) {
		struct sending_slot *slot = &r->sending.slots[f->slots[i]];

		slot->state = good ? SLOT_READY : SLOT_FREE;
		if (good)
			continue;
		f->segment->at[slot->row] = ROW_WANTED;
		f->segment->wanted++;
		f->segment->made--;
	}
	if (good)
		return;
	if (f->err.code != ERR_NONE) {
		repair_fail(r, &f->err);
	} else if (f->lost) {
		repair_hopeless(r, f->segment->index, f->loss.have);
		repair_leave(r, f->segment);
	} else {
		repair_fail(r, &f->why);
	}
}

void repair_fetch_step(struct repair *r)
{
	if (r->fetch.state == FETCH_ENDED) {
		r->fetch.lost =
			download_loss(r->fetch.download, &r->fetch.loss);
		repair_fetch_stop(r);
	}
	if (r->fetch.state == FETCH_OVER)
		settle(r);
}

/* --- answers --- */

void repair_on_read(struct repair *r, uint64_t cookie, int64_t now_ms)
{
	if (!is_current(r, cookie))
		return;
	r->sending.now_ms = now_ms;
	download_on_read(r->fetch.download, cookie & COOKIE_MASK, now_ms);
	repair_pump(r);
}

void repair_on_failed(struct repair *r, uint64_t cookie, enum download_no no,
		      const struct err *why, int64_t now_ms)
{
	if (!is_current(r, cookie))
		return;
	r->sending.now_ms = now_ms;
	download_on_failed(r->fetch.download, cookie & COOKIE_MASK, no, why,
			   now_ms);
	repair_pump(r);
}
