#include "node/renter/renter_scout.h"

#include "base/clock.h"
#include "node/rent/gossip.h"

#include <stdlib.h>
#include <string.h>

/* One question to one host. */
struct asked {
	struct scout *scout;
	struct rent_peer *peer;
	struct rent_call *call; /* NULL: ended */
	bool named;
};

struct scout {
	struct renter *renter;
	scout_fn *fn;
	void *ctx;
	struct rent_listener listener;
	struct loop_timer *timer;
	struct asked asked[SCOUT_NAMED_MAX + SCOUT_ASK_MAX];
	unsigned n, open, offers, enough;
	bool listing; /* named hosts are done, records are asked */
	bool ended, lingers;
};

static void end(struct scout *s)
{
	if (s->ended)
		return;
	s->ended = true;
	for (unsigned i = 0; i < s->n; i++) {
		if (s->asked[i].call)
			rent_call_cancel(s->asked[i].call);
		s->asked[i].call = NULL;
	}
	loop_timer_set(s->timer, 0); /* fn, outside of any callback */
}

static void on_done(void *ctx, const struct rent_result *r);

static void ask(struct scout *s, struct rent_peer *p, bool named)
{
	struct asked *a = &s->asked[s->n];

	if (!p || rent_peer_is_gone(p))
		return;
	*a = (struct asked){.scout = s, .peer = p, .named = named};
	a->call =
		named ? rent_call_peers(rent_peer_client(p), RENT_NODES_MAX,
					on_done, a, NULL)
		      : rent_call_offer(rent_peer_client(p), on_done, a, NULL);
	if (!a->call)
		return;
	s->n++;
	s->open++;
	rent_peer_wake(p);
}

static void take_nodes(struct scout *s, const struct rent_result *r)
{
	struct endpoints *peers = renting_peers(s->renter->renting);

	for (size_t i = 0; i + RENT_NODE_LEN <= r->len; i += RENT_NODE_LEN) {
		struct endpoint_record rec;

		endpoint_record_get(&rec, r->data + i);
		/* the user named who tells: no share by network */
		(void)endpoints_take(peers, &rec, NULL, clock_unix_s());
	}
}

/* Those with the best experience first, then whom we only heard of. */
static bool ask_host(void *ctx, const struct renter_host *h)
{
	struct scout *s = ctx;

	if (h->shunned || s->n >= SCOUT_ASK_MAX)
		return s->n < SCOUT_ASK_MAX;
	if (h->has_endpoint)
		ask(s, rent_peers_get(s->renter->peers, &h->address, true),
		    false);
	return true;
}

static void ask_record(void *ctx, const struct endpoint_record *rec)
{
	struct scout *s = ctx;
	struct renter_host h;

	if (s->n >= SCOUT_ASK_MAX ||
	    renter_db_host(s->renter->db, &h, &rec->p.host, NULL) != ERR_NONE ||
	    h.shunned || h.has_endpoint) /* asked already */
		return;
	ask(s, rent_peers_get(s->renter->peers, &rec->p.host, true), false);
}

static void go_on(struct scout *s)
{
	struct err e = {0};

	if (s->ended)
		return;
	if (s->open == 0 && !s->listing) {
		s->listing = true;
		if (renter_db_hosts(s->renter->db, ask_host, s, &e) != ERR_NONE)
			log_line(s->renter->engine->log, LOG_ERROR, "rent",
				 "hosts text=\"%s\"", e.msg);
		endpoints_each(renting_peers(s->renter->renting),
			       clock_unix_s(), ask_record, s);
	}
	if (s->open == 0) {
		end(s);
	} else if (s->listing && s->enough && s->offers >= s->enough &&
		   !s->lingers) {
		s->lingers = true;
		loop_timer_set(s->timer, SCOUT_LINGER_MS);
	}
}

static void on_done(void *ctx, const struct rent_result *r)
{
	struct asked *a = ctx;
	struct scout *s = a->scout;

	a->call = NULL;
	s->open--;
	if (a->named && r->fate == RENT_DONE)
		take_nodes(s, r);
	if (!a->named && r->fate == RENT_DONE) {
		s->offers++;
		gossip_tell(s->renter->engine, rent_peer_client(a->peer));
	}
	go_on(s);
}

/* Who cannot be reached is not waited for. */
static void on_peer(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		    const char *why)
{
	struct scout *s = ctx;

	(void)why;
	if (ev != RENT_PEER_AWAY && ev != RENT_PEER_GONE)
		return;
	for (unsigned i = 0; i < s->n; i++) {
		struct asked *a = &s->asked[i];

		if (a->peer != p || !a->call)
			continue;
		rent_call_cancel(a->call);
		a->call = NULL;
		s->open--;
	}
	go_on(s);
}

static void on_timer(void *ctx)
{
	struct scout *s = ctx;

	if (s->ended)
		s->fn(s->ctx);
	else
		end(s);
}

enum err_code scout_start(struct scout **out, struct renter *r,
			  const struct scout_cfg *cfg, scout_fn *fn, void *ctx,
			  struct err *e)
{
	struct scout *s;

	if (cfg->named_n > SCOUT_NAMED_MAX)
		return err_fail(e, ERR_LIMIT, "more than %u hosts are named",
				SCOUT_NAMED_MAX);
	s = calloc(1, sizeof(*s));
	if (s)
		s->timer = loop_timer_new(r->engine->loop, on_timer, s);
	if (!s || !s->timer) {
		free(s);
		return err_fail(e, ERR_NOMEM, "hosts");
	}
	s->renter = r;
	s->fn = fn;
	s->ctx = ctx;
	s->enough = cfg->enough;
	s->listener = (struct rent_listener){.ctx = s, .event = on_peer};
	rent_peers_listen(r->peers, &s->listener);
	loop_timer_set(s->timer, SCOUT_LIMIT_MS);
	*out = s;
	for (size_t i = 0; i < cfg->named_n; i++)
		ask(s, rent_peers_at(r->peers, &cfg->named[i]), true);
	go_on(s);
	return ERR_NONE;
}

void scout_free(struct scout *s)
{
	if (!s)
		return;
	rent_peers_unlisten(s->renter->peers, &s->listener);
	for (unsigned i = 0; i < s->n; i++)
		if (s->asked[i].call)
			rent_call_cancel(s->asked[i].call);
	loop_timer_free(s->timer);
	free(s);
}

struct each {
	struct renter *renter;
	scout_each_fn *fn;
	void *ctx;
};

static bool each_host(void *ctx, const struct renter_host *h)
{
	const struct each *v = ctx;
	struct rent_peer *p;
	const struct rent_offer *o;

	if (h->shunned || !h->has_endpoint)
		return true;
	p = rent_peers_get(v->renter->peers, &h->address, true);
	o = p && !rent_peer_is_gone(p) ? rent_client_offer(rent_peer_client(p))
				       : NULL;
	if (o)
		v->fn(v->ctx, o, h);
	return true;
}

enum err_code scout_each(struct renter *r, scout_each_fn *fn, void *ctx,
			 struct err *e)
{
	struct each v = {r, fn, ctx};

	return renter_db_hosts(r->db, each_host, &v, e);
}
