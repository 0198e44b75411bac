#include "node/rent/object_put.h"

#include "base/clock.h"
#include "node/rent/carrier.h"

#include <stdlib.h>

/* Sectors in memory besides the segment, made or on their way. */
#define SLOTS 18

struct object_put {
	struct renter *renter;
	const struct object_put_ops *ops;
	void *ctx, *stream;
	struct upload *upload;
	struct carrier *carrier;
	struct loop_timer *timer;
	bool ended, told;
	struct err why;
	struct renter_object object;
};

static int64_t now_of(const struct object_put *p)
{
	return loop_now_ms(p->renter->engine->loop);
}

/* When it wants to be called again; ends are told from there, too. */
static void rearm(struct object_put *p)
{
	int64_t next = p->ended ? 0 : upload_next_ms(p->upload);
	int64_t now = now_of(p);

	if (next != INT64_MAX)
		loop_timer_set(p->timer, next > now ? next - now : 0);
}

static void on_timer(void *ctx)
{
	struct object_put *p = ctx;

	if (!p->ended)
		upload_tick(p->upload, now_of(p));
	if (p->ended) {
		if (!p->told) { /* copies: who is told frees p at once */
			const struct renter_object o = p->object;
			const struct err why = p->why;

			p->told = true;
			p->ops->ended(p->ctx, &o,
				      why.code == ERR_NONE ? NULL : &why);
		}
		return; /* p may be gone */
	}
	rearm(p);
}

/* ---- from the hosts ---- */

static void on_stored(void *ctx, uint64_t cookie)
{
	struct object_put *p = ctx;

	upload_on_stored(p->upload, cookie, clock_unix_s(), now_of(p));
	rearm(p);
}

static void on_not_stored(void *ctx, uint64_t cookie,
			  const struct carrier_no *no)
{
	struct object_put *p = ctx;
	enum upload_no what = UPLOAD_GONE;

	if (no->fate == RENT_REFUSED)
		what = upload_no_of(no->code);
	else if (no->fate == RENT_LIED)
		what = UPLOAD_DROP;
	upload_on_refused(p->upload, cookie, what, &no->why, now_of(p));
	rearm(p);
}

static void on_moving(void *ctx, uint64_t cookie)
{
	struct object_put *p = ctx;

	upload_on_moving(p->upload, cookie, now_of(p));
}

static const struct carrier_ops carrier_ops = {
	.stored = on_stored,
	.not_stored = on_not_stored,
	.moving = on_moving,
};

static void on_commit(void *ctx, bool ok)
{
	struct object_put *p = ctx;

	if (p->ended)
		return;
	if (!ok) {
		p->ended = true;
		(void)err_fail(&p->why, ERR_DB,
			       "renter.db could not be written; put it again "
			       "when there is space");
	} else {
		upload_committed(p->upload, now_of(p));
	}
	rearm(p);
}

/* ---- what the upload asks ---- */

static void put_sector(void *ctx, const struct address *host,
		       const struct hash32 *root, const uint8_t *data,
		       uint64_t cookie)
{
	struct object_put *p = ctx;

	carrier_put(p->carrier, host, root, data, cookie);
}

static void put_cancel(void *ctx, const struct address *host, uint64_t cookie)
{
	struct object_put *p = ctx;

	(void)host;
	carrier_cancel(p->carrier, cookie);
}

static enum err_code read_stream(void *ctx, uint64_t off, uint8_t *buf,
				 size_t len, size_t *got, struct err *e)
{
	struct object_put *p = ctx;

	return p->ops->read(p->stream, off, buf, len, got, e);
}

static size_t read_tail(void *ctx, uint8_t *buf)
{
	struct object_put *p = ctx;

	return p->ops->tail ? p->ops->tail(p->stream, buf) : 0;
}

static void want_commit(void *ctx)
{
	struct object_put *p = ctx;

	renting_want_commit(p->renter->renting);
}

static void on_progress(void *ctx, const struct upload_progress *progress)
{
	struct object_put *p = ctx;

	p->ops->progress(p->ctx, progress);
	loop_timer_set(p->timer, 0); /* it may be somewhere else by now */
}

static void host_did(void *ctx, const struct address *host,
		     enum upload_deed deed, uint32_t ms)
{
	struct object_put *p = ctx;

	if (deed != UPLOAD_WAITS)
		renter_met(p->renter, host, deed == UPLOAD_GOOD, ms);
}

static void on_starved(void *ctx, const struct err *why)
{
	struct object_put *p = ctx;

	p->ops->starved(p->ctx, why);
}

static void on_ended(void *ctx, const struct err *why)
{
	struct object_put *p = ctx;

	p->ended = true;
	if (why && why->code != ERR_NONE)
		p->why = *why;
	else
		p->object = *upload_object(p->upload);
	loop_timer_set(p->timer, 0);
}

static void on_freed(void *ctx)
{
	struct object_put *p = ctx;
	const struct object_put_ops *ops = p->ops;
	void *stream = p->stream;

	free(p);
	ops->freed(stream);
}

static const struct upload_ops upload_ops = {
	.put_sector = put_sector,
	.put_cancel = put_cancel,
	.read = read_stream,
	.tail = read_tail,
	.want_commit = want_commit,
	.progress = on_progress,
	.host_did = host_did,
	.starved = on_starved,
	.ended = on_ended,
	.freed = on_freed,
};

/* ---- life ---- */

enum err_code object_put_start(struct object_put **out, struct renter *r,
			       const struct object_put_cfg *cfg, struct err *e)
{
	struct object_put *p = calloc(1, sizeof(*p));
	struct upload_cfg u = {
		.db = r->db,
		.work = r->engine->work,
		.placing = cfg->placing,
		.log = r->engine->log,
		.ops = &upload_ops,
		.ctx = p,
		.keys = cfg->keys,
		.object = cfg->object,
		.rng = rng_system(),
		.slots = SLOTS,
	};
	enum err_code code;

	if (!p)
		return err_fail(e, ERR_NOMEM, "an upload");
	p->renter = r;
	p->ops = cfg->ops;
	p->ctx = cfg->ctx;
	p->stream = cfg->stream;
	p->object = cfg->object;
	p->timer = loop_timer_new(r->engine->loop, on_timer, p);
	code = p->timer ? carrier_new(&p->carrier, r, true, &carrier_ops, p, e)
			: err_fail(e, ERR_NOMEM, "an upload");
	if (code == ERR_NONE)
		code = upload_start(&p->upload, &u, now_of(p), e);
	object_keys_clear(&u.keys);
	if (code != ERR_NONE) {
		carrier_free(p->carrier);
		loop_timer_free(p->timer);
		free(p);
		return code;
	}
	renting_on_commit(r->renting, on_commit, p);
	rearm(p);
	*out = p;
	return ERR_NONE;
}

void object_put_free(struct object_put *p)
{
	if (!p)
		return;
	renting_forget(p->renter->renting, p);
	loop_timer_free(p->timer);
	p->timer = NULL;
	/* the upload cancels through the carrier, and frees p when its worker
	 * is back */
	{
		struct carrier *c = p->carrier;

		upload_free(p->upload);
		carrier_free(c);
	}
}

void object_put_hosts_changed(struct object_put *p)
{
	upload_hosts_changed(p->upload, now_of(p));
	rearm(p);
}

void object_put_host_ready(struct object_put *p, const struct address *host)
{
	upload_host_ready(p->upload, host, now_of(p));
	rearm(p);
}
