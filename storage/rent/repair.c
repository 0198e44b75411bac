#include "storage/rent/repair_int.h"

#include <sodium.h>
#include <stdlib.h>

static struct repair *repair_of(struct work_job *job)
{
	return (struct repair *)((uint8_t *)job -
				 offsetof(struct repair, wake));
}

/* --- life --- */

static void clear(struct repair *r)
{
	while (r->segments) {
		struct repair_segment *s = r->segments;

		r->segments = s->next;
		repair_segment_free(s);
	}
	placement_free(r->fetch.part);
	sending_clear(&r->sending);
	sodium_memzero(r, sizeof(*r));
	free(r);
}

static void release(struct repair *r)
{
	void (*freed)(void *ctx) = r->cfg.ops->freed;
	void *ctx = r->cfg.ctx;

	clear(r);
	freed(ctx);
}

static void release_if_idle(struct repair *r)
{
	if (r->dead && !r->waking && repair_fetch_idle(r))
		release(r);
}

static void nothing(struct work_job *job)
{
	(void)job;
}

static void woken(struct work_job *job)
{
	struct repair *r = repair_of(job);

	r->waking = false;
	if (r->dead)
		release_if_idle(r);
	else
		repair_pump(r);
}

void repair_wake(struct repair *r)
{
	if (r->waking)
		return;
	r->waking = true;
	r->wake = (struct work_job){.run = nothing, .done = woken};
	work_submit(r->cfg.work, NULL, &r->wake);
}

static enum err_code check_cfg(const struct repair_cfg *cfg, struct err *e)
{
	if (cfg->keys.access < OBJECT_REPAIR)
		return err_fail(e, ERR_STATE,
				"this link does not repair the object");
	if (cfg->slots > UPLOAD_SLOTS_MAX)
		return err_fail(e, ERR_LIMIT, "repair: %u slots", cfg->slots);
	return ERR_NONE;
}

enum err_code repair_start(struct repair **out, const struct repair_cfg *cfg,
			   int64_t now_ms, struct err *e)
{
	/* our own line was heard on by reads, and who repairs does so again */
	const struct sending_cfg sending = {.placing = cfg->placing,
					    .log = cfg->log,
					    .name = "repair",
					    .ctx = cfg->ctx,
					    .put = cfg->ops->put_sector,
					    .cancel = cfg->ops->put_cancel,
					    .did = cfg->ops->put_did};
	enum err_code code = check_cfg(cfg, e);
	struct repair *r;

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_fail(e, ERR_NOMEM, "repair: no memory");
	r->cfg = *cfg;
	r->k = cfg->placement->k;
	r->n = cfg->placement->n;
	atomic_init(&r->stop, false);
	code = sending_init(&r->sending, &sending, cfg->slots, now_ms, e);
	if (code != ERR_NONE) {
		clear(r);
		return code;
	}
	*out = r;
	repair_wake(r); /* so that no op is called from inside */
	return ERR_NONE;
}

void repair_free(struct repair *r)
{
	if (!r)
		return;
	sending_cancel_all(&r->sending);
	r->ended = true;
	atomic_store(&r->stop, true);
	repair_fetch_stop(r);
	r->dead = true;
	release_if_idle(r);
}

static void end(struct repair *r, const struct err *why)
{
	sending_cancel_all(&r->sending);
	r->ended = true;
	atomic_store(&r->stop, true);
	repair_fetch_stop(r);
	r->cfg.ops->ended(r->cfg.ctx, why);
}

void repair_fail(struct repair *r, const struct err *why)
{
	if (r->ended)
		return;
	log_line(r->cfg.log, LOG_WARN, "repair", "failed why=\"%s\"", why->msg);
	end(r, why);
}

void repair_hopeless(struct repair *r, uint32_t segment, unsigned have)
{
	log_line(r->cfg.log, LOG_WARN, "repair",
		 "hopeless segment=%u have=%u need=%u", segment, have, r->k);
	if (!r->lost)
		r->loss = (struct download_loss){segment, have, r->k, 0};
	r->lost = true;
	r->loss.segments++;
	r->progress.hopeless++;
}

bool repair_loss(const struct repair *r, struct download_loss *out)
{
	if (r->lost)
		*out = r->loss;
	return r->lost;
}

/* --- steps --- */

static unsigned free_slots(const struct repair *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->sending.slots_n; i++)
		n += r->sending.slots[i].state == SLOT_FREE;
	return n;
}

/* The first segment of which something can be sent once it is made. */
static struct repair_segment *choose(struct repair *r)
{
	struct repair_segment *s;

	for (s = r->segments; s; s = s->next)
		if (repair_seated(r, s))
			return s;
	while ((s = repair_scan(r)) != NULL) {
		repair_seat(r, s);
		if (repair_seated(r, s))
			return s;
	}
	return NULL;
}

/* All rows that can go are made at once, so that a segment is not fetched for
 * each slot that gets free. */
static void fetch_next(struct repair *r)
{
	struct repair_segment *s = choose(r);
	unsigned count;

	if (!s)
		return;
	count = repair_seated(r, s);
	if (count > r->sending.slots_n)
		count = r->sending.slots_n;
	if (free_slots(r) >= count)
		repair_fetch_begin(r, s, count);
}

static void end_well(struct repair *r)
{
	struct err e = {0};

	if (r->lost)
		(void)err_fail(&e, ERR_IO,
			       "%u segments cannot be repaired: of segment %u "
			       "%u of %u shards can be had, %u are needed",
			       r->loss.segments, r->loss.segment, r->loss.have,
			       r->n, r->loss.need);
	end(r, &e);
}

static bool anything_seated(const struct repair *r)
{
	for (unsigned i = 0; i < r->sending.slots_n; i++) {
		const struct sending_slot *s = &r->sending.slots[i];

		if ((s->state == SLOT_READY || s->state == SLOT_SENT) &&
		    *s->seat != PLACING_NONE)
			return true;
	}
	return false;
}

static void check_starved(struct repair *r)
{
	unsigned rows = 0;
	struct err e = {0};

	if (anything_seated(r)) {
		r->starved = false;
		return;
	}
	if (r->starved)
		return;
	r->starved = true;
	for (const struct repair_segment *s = r->segments; s; s = s->next)
		rows += s->wanted + s->made;
	(void)err_fail(&e, ERR_STATE,
		       "%u shards wait for hosts that are in other networks "
		       "than their segments, and have room: of %u none is",
		       rows, placing_count(r->cfg.placing));
	log_line(r->cfg.log, LOG_WARN, "repair", "starved shards=%u", rows);
	r->cfg.ops->starved(r->cfg.ctx, &e);
}

void repair_pump(struct repair *r)
{
	if (r->ended)
		return;
	repair_fetch_step(r);
	for (struct repair_segment *s = r->segments; s && !r->ended;
	     s = s->next)
		repair_seat(r, s);
	if (!r->ended)
		sending_go(&r->sending);
	if (!r->ended && r->fetch.state == FETCH_NONE)
		fetch_next(r);
	if (r->ended)
		return;
	repair_sweep(r);
	if (r->fetch.state != FETCH_NONE)
		r->starved = false;
	else if (!r->segments)
		end_well(r);
	else
		check_starved(r);
}

void repair_hosts_changed(struct repair *r, int64_t now_ms)
{
	r->sending.now_ms = now_ms;
	r->starved = false;
	for (struct repair_segment *s = r->segments; s; s = s->next)
		s->stuck = false;
	repair_pump(r);
}

void repair_tick(struct repair *r, int64_t now_ms)
{
	if (r->ended)
		return;
	r->sending.now_ms = now_ms;
	if (r->fetch.state == FETCH_ON)
		download_tick(r->fetch.download, now_ms);
	sending_check_times(&r->sending);
	repair_pump(r);
}

int64_t repair_next_ms(const struct repair *r)
{
	int64_t next, reads = INT64_MAX;

	if (r->ended)
		return INT64_MAX;
	next = sending_next_ms(&r->sending);
	if (r->fetch.state == FETCH_ON)
		reads = download_next_ms(r->fetch.download);
	return reads < next ? reads : next;
}
