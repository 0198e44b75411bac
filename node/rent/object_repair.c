#include "node/rent/object_repair.h"

#include "node/rent/carrier.h"

#include <stdlib.h>

#define SLOTS 12 /* as object_put.c */

struct object_repair {
	struct renter *renter;
	const struct object_repair_ops *ops;
	void *ctx, *kept;
	struct repair *repair;
	struct carrier *reads, *puts;
	struct loop_timer *timer;
	bool ended, told;
	struct err why;
};

static int64_t now_of(const struct object_repair *o)
{
	return loop_now_ms(o->renter->engine->loop);
}

static void rearm(struct object_repair *o)
{
	int64_t next = o->ended ? 0 : repair_next_ms(o->repair);
	int64_t now = now_of(o);

	if (next != INT64_MAX)
		loop_timer_set(o->timer, next > now ? next - now : 0);
}

static void on_timer(void *ctx)
{
	struct object_repair *o = ctx;

	if (!o->ended)
		repair_tick(o->repair, now_of(o));
	if (!o->ended) {
		rearm(o);
	} else if (!o->told) {
		const struct err why = o->why; /* o goes while it is told */

		o->told = true;
		o->ops->ended(o->ctx, why.code == ERR_NONE ? NULL : &why);
	}
}

/* ---- from the hosts ---- */

static void was_read(void *ctx, uint64_t cookie)
{
	struct object_repair *o = ctx;

	repair_on_read(o->repair, cookie, now_of(o));
	rearm(o);
}

static void not_read(void *ctx, uint64_t cookie, const struct carrier_no *no)
{
	struct object_repair *o = ctx;
	enum download_no what = DOWNLOAD_GONE;

	if (no->fate == RENT_REFUSED)
		what = download_no_of(no->code);
	else if (no->fate == RENT_LIED)
		what = DOWNLOAD_LIED;
	repair_on_failed(o->repair, cookie, what, &no->why, now_of(o));
	rearm(o);
}

static void on_stored(void *ctx, uint64_t cookie)
{
	struct object_repair *o = ctx;

	repair_on_stored(o->repair, cookie, now_of(o));
	rearm(o);
}

static void on_not_stored(void *ctx, uint64_t cookie,
			  const struct carrier_no *no)
{
	struct object_repair *o = ctx;
	enum upload_no what = UPLOAD_GONE;

	if (no->fate == RENT_REFUSED)
		what = upload_no_of(no->code);
	else if (no->fate == RENT_LIED)
		what = UPLOAD_DROP;
	repair_on_refused(o->repair, cookie, what, &no->why, now_of(o));
	rearm(o);
}

static void on_moving(void *ctx, uint64_t cookie)
{
	struct object_repair *o = ctx;

	repair_on_moving(o->repair, cookie, now_of(o));
}

static const struct carrier_ops read_ops = {.was_read = was_read,
					    .not_read = not_read};
static const struct carrier_ops put_ops = {
	.stored = on_stored, .not_stored = on_not_stored, .moving = on_moving};

/* ---- what the repair asks ---- */

static void ask_read(void *ctx, const struct address *host,
		     const struct hash32 *root, uint32_t off, uint32_t len,
		     uint8_t *buf, uint64_t cookie)
{
	struct object_repair *o = ctx;

	carrier_read(o->reads, host, root, off, len, buf, cookie);
}

static void cancel_read(void *ctx, const struct address *host, uint64_t cookie)
{
	struct object_repair *o = ctx;

	(void)host;
	carrier_cancel(o->reads, cookie);
}

static void put_sector(void *ctx, const struct address *host,
		       const struct hash32 *root, const uint8_t *data,
		       uint64_t cookie)
{
	struct object_repair *o = ctx;

	carrier_put(o->puts, host, root, data, cookie);
}

static void cancel_put(void *ctx, const struct address *host, uint64_t cookie)
{
	struct object_repair *o = ctx;

	(void)host;
	carrier_cancel(o->puts, cookie);
}

/* Who lied is not asked again. */
static bool known_host(void *ctx, const struct address *host, uint32_t *ms)
{
	struct object_repair *o = ctx;
	struct renter_host h;

	if (renter_db_host(o->renter->db, &h, host, NULL) != ERR_NONE)
		return true;
	*ms = h.rtt_ms;
	return !h.shunned;
}

static void read_did(void *ctx, const struct address *host,
		     enum download_deed deed, uint32_t ms)
{
	struct object_repair *o = ctx;

	renter_met(o->renter, host, deed == DOWNLOAD_GOOD, ms);
}

static void put_did(void *ctx, const struct address *host,
		    enum upload_deed deed, uint32_t ms)
{
	struct object_repair *o = ctx;

	if (deed != UPLOAD_WAITS)
		renter_met(o->renter, host, deed == UPLOAD_GOOD, ms);
}

static bool alive(void *ctx, uint32_t segment, uint16_t row,
		  const struct address *host)
{
	struct object_repair *o = ctx;

	return o->ops->alive(o->ctx, segment, row, host);
}

static void placed(void *ctx, uint32_t segment, uint16_t row,
		   const struct hash32 *root, const struct address *host)
{
	struct object_repair *o = ctx;

	o->ops->placed(o->ctx, segment, row, root, host);
}

static void on_progress(void *ctx, const struct repair_progress *p)
{
	struct object_repair *o = ctx;

	o->ops->progress(o->ctx, p);
	loop_timer_set(o->timer, 0);
}

static void end(struct object_repair *o, const struct err *why)
{
	if (o->ended)
		return;
	o->ended = true;
	if (why && why->code != ERR_NONE)
		o->why = *why;
	loop_timer_set(o->timer, 0);
}

/* Hosts for what is left do not come from waiting here. */
static void on_starved(void *ctx, const struct err *why)
{
	end(ctx, why);
}

static void on_ended(void *ctx, const struct err *why)
{
	end(ctx, why);
}

static void on_freed(void *ctx)
{
	struct object_repair *o = ctx;
	const struct object_repair_ops *ops = o->ops;
	void *kept = o->kept;

	free(o);
	ops->freed(kept);
}

static const struct repair_ops repair_ops = {
	.read = ask_read,
	.cancel = cancel_read,
	.host = known_host,
	.read_did = read_did,
	.put_sector = put_sector,
	.put_cancel = cancel_put,
	.put_did = put_did,
	.alive = alive,
	.placed = placed,
	.progress = on_progress,
	.starved = on_starved,
	.ended = on_ended,
	.freed = on_freed,
};

/* ---- life ---- */

static enum err_code build(struct object_repair *o,
			   const struct object_repair_cfg *cfg, struct err *e)
{
	struct renter *r = o->renter;
	struct repair_cfg c = {.placement = cfg->placement,
			       .placing = cfg->placing,
			       .work = r->engine->work,
			       .log = r->engine->log,
			       .ops = &repair_ops,
			       .ctx = o,
			       .keys = cfg->keys,
			       .slots = SLOTS,
			       .due_only = cfg->due_only};
	enum err_code code;

	o->timer = loop_timer_new(r->engine->loop, on_timer, o);
	code = o->timer ? carrier_new(&o->reads, r, true, &read_ops, o, e)
			: err_fail(e, ERR_NOMEM, "a repair");
	if (code == ERR_NONE)
		code = carrier_new(&o->puts, r, true, &put_ops, o, e);
	if (code == ERR_NONE)
		code = repair_start(&o->repair, &c, now_of(o), e);
	object_keys_clear(&c.keys);
	return code;
}

enum err_code object_repair_start(struct object_repair **out, struct renter *r,
				  const struct object_repair_cfg *cfg,
				  struct err *e)
{
	struct object_repair *o = calloc(1, sizeof(*o));
	enum err_code code;

	if (!o)
		return err_fail(e, ERR_NOMEM, "a repair");
	o->renter = r;
	o->ops = cfg->ops;
	o->ctx = cfg->ctx;
	o->kept = cfg->kept;
	code = build(o, cfg, e);
	if (code != ERR_NONE) {
		carrier_free(o->reads);
		carrier_free(o->puts);
		loop_timer_free(o->timer);
		free(o);
		return code;
	}
	*out = o;
	return ERR_NONE;
}

void object_repair_free(struct object_repair *o)
{
	struct carrier *reads, *puts;

	if (!o)
		return;
	reads = o->reads;
	puts = o->puts;
	loop_timer_free(o->timer);
	o->timer = NULL;
	repair_free(o->repair); /* frees o when its worker is back */
	carrier_free(reads);
	carrier_free(puts);
}
