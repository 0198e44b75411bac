#include "node/rent/carrier.h"

#include "storage/sector/tree.h"

#include <stdlib.h>

/* One call of one cookie. Those that ended inside of a call of ours, or could
 * not be made, are answered from the timer. */
struct load {
	struct load *prev, *next;
	struct carrier *carrier;
	struct rent_peer *peer;
	struct rent_call *call; /* NULL: it ended */
	uint64_t cookie;
	bool put;
	bool done; /* well; else `no` says how */
	struct carrier_no no;
};

struct carrier {
	struct renter *renter;
	bool shown;
	struct carrier_ops ops;
	void *ctx;
	struct load *loads;
	struct rent_listener listener;
	struct loop_timer *timer;
	bool inside; /* a call is being made */
};

static void unlink_load(struct load *l)
{
	if (l->prev)
		l->prev->next = l->next;
	else
		l->carrier->loads = l->next;
	if (l->next)
		l->next->prev = l->prev;
}

static void answer(struct load *l)
{
	struct carrier *c = l->carrier;

	unlink_load(l);
	if (l->put && l->done)
		c->ops.stored(c->ctx, l->cookie);
	else if (l->put)
		c->ops.not_stored(c->ctx, l->cookie, &l->no);
	else if (l->done)
		c->ops.was_read(c->ctx, l->cookie);
	else
		c->ops.not_read(c->ctx, l->cookie, &l->no);
	free(l);
}

static void later(struct load *l)
{
	loop_timer_set(l->carrier->timer, 0);
}

static void fail(struct load *l, enum rent_fate fate, enum rent_no code,
		 const char *why)
{
	l->call = NULL;
	l->no.fate = fate;
	l->no.code = code;
	(void)err_fail(&l->no.why, ERR_STATE, "%.120s", why ? why : "");
}

static void on_done(void *ctx, const struct rent_result *r)
{
	struct load *l = ctx;

	if (r->fate != RENT_DONE) {
		fail(l, r->fate, r->code, r->why);
	} else {
		l->call = NULL;
		l->done = true;
	}
	if (l->carrier->inside)
		later(l);
	else
		answer(l);
}

/* What ended while it was begun. An answer may end others: begin again. */
static void on_timer(void *ctx)
{
	struct carrier *c = ctx;
	struct load *l = c->loads;

	while (l) {
		if (l->call) {
			l = l->next;
			continue;
		}
		answer(l);
		l = c->loads;
	}
}

static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct carrier *c = ctx;

	if (ev != RENT_PEER_AWAY && ev != RENT_PEER_GONE)
		return;
	for (struct load *l = c->loads; l; l = l->next) {
		if (l->peer != p || !l->call)
			continue;
		rent_call_cancel(l->call);
		fail(l, RENT_LATE, RENT_NO_NONE, why);
		later(l);
	}
}

static void on_moving(void *ctx, void *call_ctx)
{
	struct carrier *c = ctx;

	if (!c->ops.moving || c->inside)
		return;
	for (struct load *l = c->loads; l; l = l->next)
		if (l == call_ctx) {
			c->ops.moving(c->ctx, l->cookie);
			return;
		}
}

enum err_code carrier_new(struct carrier **out, struct renter *r, bool shown,
			  const struct carrier_ops *ops, void *ctx,
			  struct err *e)
{
	struct carrier *c = calloc(1, sizeof(*c));

	if (c)
		c->timer = loop_timer_new(r->engine->loop, on_timer, c);
	if (!c || !c->timer) {
		free(c);
		return err_fail(e, ERR_NOMEM, "sectors under way");
	}
	c->renter = r;
	c->shown = shown;
	c->ops = *ops;
	c->ctx = ctx;
	c->listener = (struct rent_listener){
		.ctx = c, .event = on_peer, .moving = on_moving};
	rent_peers_listen(r->peers, &c->listener);
	*out = c;
	return ERR_NONE;
}

static void drop(struct load *l)
{
	if (l->call)
		rent_call_cancel(l->call);
	unlink_load(l);
	free(l);
}

void carrier_free(struct carrier *c)
{
	if (!c)
		return;
	rent_peers_unlisten(c->renter->peers, &c->listener);
	while (c->loads)
		drop(c->loads);
	loop_timer_free(c->timer);
	free(c);
}

/* NULL: no memory, and the engine's own timer will notice. */
static struct load *load_new(struct carrier *c, const struct address *host,
			     uint64_t cookie)
{
	struct load *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->carrier = c;
	l->cookie = cookie;
	l->peer = rent_peers_get(c->renter->peers, host, c->shown);
	l->next = c->loads;
	if (l->next)
		l->next->prev = l;
	c->loads = l;
	return l;
}

/* It may have ended meanwhile: then the call is none any more. */
static void begun(struct load *l, struct rent_call *call, const struct err *e)
{
	l->carrier->inside = false;
	if (!l->done && l->no.fate == RENT_DONE)
		l->call = call;
	if (l->call) {
		rent_peer_wake(l->peer);
	} else if (!l->done && l->no.fate == RENT_DONE) { /* none was made */
		fail(l, RENT_LATE, RENT_NO_NONE, e->msg);
		later(l);
	}
}

static bool can_ask(struct load *l, struct err *e)
{
	l->carrier->inside = true;
	if (!l->peer)
		(void)err_fail(e, ERR_LIMIT, "too many hosts");
	else if (rent_peer_is_gone(l->peer))
		(void)err_fail(e, ERR_STATE, "%.120s", rent_peer_why(l->peer));
	return l->peer && !rent_peer_is_gone(l->peer);
}

void carrier_put(struct carrier *c, const struct address *host,
		 const struct hash32 *root, const uint8_t *data,
		 uint64_t cookie)
{
	struct load *l = load_new(c, host, cookie);
	struct span bytes = {.p = data, .len = SECTOR_LEN};
	struct rent_call *call = NULL;
	struct err e = {0};

	if (!l)
		return;
	l->put = true;
	if (can_ask(l, &e))
		call = rent_call_put(rent_peer_client(l->peer), root, &bytes,
				     on_done, l, &e);
	begun(l, call, &e);
}

void carrier_read(struct carrier *c, const struct address *host,
		  const struct hash32 *root, uint32_t off, uint32_t len,
		  uint8_t *buf, uint64_t cookie)
{
	struct load *l = load_new(c, host, cookie);
	struct rent_call *call = NULL;
	struct err e = {0};

	if (!l)
		return;
	if (can_ask(l, &e))
		call = rent_call_read(rent_peer_client(l->peer), root, off, len,
				      buf, on_done, l, &e);
	begun(l, call, &e);
}

void carrier_cancel(struct carrier *c, uint64_t cookie)
{
	for (struct load *l = c->loads; l; l = l->next)
		if (l->cookie == cookie) {
			drop(l);
			return;
		}
}
