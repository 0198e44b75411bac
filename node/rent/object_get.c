#include "node/rent/object_get.h"

#include "node/rent/carrier.h"

#include <stdlib.h>

struct object_get {
	struct renter *renter;
	const struct object_get_ops *ops;
	struct download_ops down;
	void *ctx, *stream;
	struct download *download;
	struct carrier *carrier;
	struct loop_timer *timer;
	bool ended, told;
	struct err why;
};

static int64_t now_of(const struct object_get *g)
{
	return loop_now_ms(g->renter->engine->loop);
}

/* It ended, perhaps while it was started: then there is no download yet. */
static void rearm(struct object_get *g)
{
	int64_t next =
		g->ended || !g->download ? 0 : download_next_ms(g->download);
	int64_t now = now_of(g);

	if (next != INT64_MAX)
		loop_timer_set(g->timer, next > now ? next - now : 0);
}

static void on_timer(void *ctx)
{
	struct object_get *g = ctx;
	struct err why;

	if (!g->ended)
		download_tick(g->download, now_of(g));
	if (!g->ended) {
		rearm(g);
	} else if (!g->told) {
		why = g->why; /* g may be gone when it is read */
		g->told = true;
		g->ops->ended(g->ctx, why.code == ERR_NONE ? NULL : &why);
	}
}

/* ---- from the hosts ---- */

static void was_read(void *ctx, uint64_t cookie)
{
	struct object_get *g = ctx;

	download_on_read(g->download, cookie, now_of(g));
	rearm(g);
}

static void not_read(void *ctx, uint64_t cookie, const struct carrier_no *no)
{
	struct object_get *g = ctx;
	enum download_no what = DOWNLOAD_GONE;

	if (no->fate == RENT_REFUSED)
		what = download_no_of(no->code);
	else if (no->fate == RENT_LIED)
		what = DOWNLOAD_LIED;
	download_on_failed(g->download, cookie, what, &no->why, now_of(g));
	rearm(g);
}

static const struct carrier_ops carrier_ops = {.was_read = was_read,
					       .not_read = not_read};

/* ---- what the download asks ---- */

static void ask_read(void *ctx, const struct address *host,
		     const struct hash32 *root, uint32_t off, uint32_t len,
		     uint8_t *buf, uint64_t cookie)
{
	struct object_get *g = ctx;

	carrier_read(g->carrier, host, root, off, len, buf, cookie);
}

static void cancel(void *ctx, const struct address *host, uint64_t cookie)
{
	struct object_get *g = ctx;

	(void)host;
	carrier_cancel(g->carrier, cookie);
}

static enum err_code on_write(void *ctx, uint64_t off, const uint8_t *p,
			      size_t len, struct err *e)
{
	struct object_get *g = ctx;

	return g->ops->write(g->stream, off, p, len, e);
}

static enum err_code on_solved(void *ctx, struct segment *s, uint32_t segment,
			       struct err *e)
{
	struct object_get *g = ctx;

	return g->ops->solved(g->stream, s, segment, e);
}

/* What we know of it from before; who lied is not asked again. */
static bool known_host(void *ctx, const struct address *host, uint32_t *ms)
{
	struct object_get *g = ctx;
	struct renter_host h;

	if (renter_db_host(g->renter->db, &h, host, NULL) != ERR_NONE)
		return true;
	*ms = h.rtt_ms;
	return !h.shunned;
}

static void on_progress(void *ctx, uint64_t done)
{
	struct object_get *g = ctx;

	if (g->ops->progress)
		g->ops->progress(g->ctx, done);
	loop_timer_set(g->timer, 0);
}

static void host_did(void *ctx, const struct address *host,
		     enum download_deed deed, uint32_t ms)
{
	struct object_get *g = ctx;

	renter_met(g->renter, host, deed == DOWNLOAD_GOOD, ms);
}

static void on_ended(void *ctx, const struct err *why)
{
	struct object_get *g = ctx;

	g->ended = true;
	if (why && why->code != ERR_NONE)
		g->why = *why;
	loop_timer_set(g->timer, 0);
}

static void on_freed(void *ctx)
{
	struct object_get *g = ctx;
	const struct object_get_ops *ops = g->ops;
	void *stream = g->stream;

	free(g);
	if (ops->freed)
		ops->freed(stream);
}

static struct download_ops ops_of(const struct object_get_ops *ops)
{
	return (struct download_ops){
		.read = ask_read,
		.cancel = cancel,
		.write = ops->write ? on_write : NULL,
		.solved = ops->solved ? on_solved : NULL,
		.host = known_host,
		.progress = on_progress,
		.host_did = host_did,
		.ended = on_ended,
		.freed = on_freed,
	};
}

/* ---- life ---- */

enum err_code object_get_start(struct object_get **out, struct renter *r,
			       const struct object_get_cfg *cfg, struct err *e)
{
	struct object_get *g = calloc(1, sizeof(*g));
	struct download_cfg d = {.placement = cfg->placement,
				 .work = r->engine->work,
				 .log = r->engine->log,
				 .ctx = g,
				 .keys = cfg->keys,
				 .off = cfg->off,
				 .len = cfg->len};
	enum err_code code;

	if (!g)
		return err_fail(e, ERR_NOMEM, "a download");
	g->renter = r;
	g->ops = cfg->ops;
	g->down = ops_of(cfg->ops);
	d.ops = &g->down;
	g->ctx = cfg->ctx;
	g->stream = cfg->stream;
	g->timer = loop_timer_new(r->engine->loop, on_timer, g);
	code = g->timer ? carrier_new(&g->carrier, r, cfg->shown, &carrier_ops,
				      g, e)
			: err_fail(e, ERR_NOMEM, "a download");
	if (code == ERR_NONE)
		code = download_start(&g->download, &d, now_of(g), e);
	object_keys_clear(&d.keys);
	if (code != ERR_NONE) {
		carrier_free(g->carrier);
		loop_timer_free(g->timer);
		free(g);
		return code;
	}
	rearm(g);
	*out = g;
	return ERR_NONE;
}

void object_get_free(struct object_get *g)
{
	struct carrier *c;

	if (!g)
		return;
	c = g->carrier;
	loop_timer_free(g->timer);
	g->timer = NULL;
	download_free(g->download); /* frees g when its worker is back */
	carrier_free(c);
}

bool object_get_loss(const struct object_get *g, struct download_loss *out)
{
	return download_loss(g->download, out);
}
