#include "node/renter/renter_scout.h"

#include "base/clock.h"
#include "node/rent/gossip.h"
#include "node/rent/rent_find.h"

#include <stdlib.h>
#include <string.h>

/* One question to one host. */
struct asked {
	struct scout *scout;
	struct rent_peer *peer;
	struct rent_call *call; /* NULL: ended */
	bool named;
};

/* A name that is looked up in the DHT. */
struct search {
	struct scout *scout;
	struct dht_topic *topic;
	bool open; /* it is waited for */
};

struct scout {
	struct renter *renter;
	scout_fn *fn;
	void *ctx;
	struct rent_listener listener;
	struct loop_timer *timer;
	struct asked asked[SCOUT_NAMED_MAX + SCOUT_FOUND_MAX + SCOUT_ASK_MAX];
	unsigned n, open, offers, enough, found;
	struct search searches[1 + SCOUT_WANTED_MAX];
	unsigned searches_n;
	struct address wanted[SCOUT_WANTED_MAX];
	size_t wanted_n;
	bool finding; /* the DHT is asked */
	bool wanting; /* and for the wanted ones */
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

static bool has_room(const struct scout *s)
{
	return s->n < sizeof(s->asked) / sizeof(s->asked[0]);
}

/* Those with the best experience first, then whom we only heard of. */
static bool ask_host(void *ctx, const struct renter_host *h)
{
	struct scout *s = ctx;

	if (h->shunned || !has_room(s))
		return has_room(s);
	if (h->has_endpoint)
		ask(s, rent_peers_get(s->renter->peers, &h->address, true),
		    false);
	return true;
}

static void ask_record(void *ctx, const struct endpoint_record *rec)
{
	struct scout *s = ctx;
	struct renter_host h;

	if (!has_room(s) ||
	    renter_db_host(s->renter->db, &h, &rec->p.host, NULL) != ERR_NONE ||
	    h.shunned || h.has_endpoint) /* asked already */
		return;
	ask(s, rent_peers_get(s->renter->peers, &rec->p.host, true), false);
}

/* ---- the DHT ---- */

static void go_on(struct scout *s);

static bool is_asked(const struct scout *s, const struct rent_peer *p)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->asked[i].peer == p)
			return true;
	return false;
}

static void on_found(void *ctx, const struct net_addr *addr)
{
	struct search *k = ctx;
	struct scout *s = k->scout;
	struct rent_peer *p;

	if (s->ended || s->listing || s->found == SCOUT_FOUND_MAX)
		return;
	p = rent_peers_at(s->renter->peers, addr);
	if (!p || is_asked(s, p))
		return;
	s->found++;
	ask(s, p, true);
}

static void on_round(void *ctx, uint32_t answered, size_t peers)
{
	struct search *k = ctx;

	(void)answered;
	(void)peers;
	if (!k->open)
		return;
	k->open = false;
	k->scout->open--;
	go_on(k->scout);
}

static void look_up(struct scout *s, const struct address *host)
{
	struct search *k = &s->searches[s->searches_n];
	const struct dht_topic_cfg cfg = {
		.on_peer = on_found, .on_round = on_round, .ctx = k};

	*k = (struct search){.scout = s, .open = true};
	if (rent_find_new(&k->topic, s->renter->engine, host, &cfg, NULL) !=
	    ERR_NONE)
		return;
	s->searches_n++;
	s->open++;
}

/* Of those that are wanted whom nobody told of. */
static void look_up_wanted(struct scout *s)
{
	struct endpoints *known = renting_peers(s->renter->renting);
	struct endpoint_record rec;

	s->wanting = true;
	for (size_t i = 0; s->finding && i < s->wanted_n; i++)
		if (!endpoints_find(known, &s->wanted[i], clock_unix_s(), &rec))
			look_up(s, &s->wanted[i]);
}

/* It takes too long: what was found is used. */
static void stop_finding(struct scout *s)
{
	s->finding = false;
	for (unsigned i = 0; i < s->searches_n; i++) {
		s->open -= s->searches[i].open;
		s->searches[i].open = false;
	}
	loop_timer_set(s->timer, SCOUT_LIMIT_MS);
	go_on(s);
}

static bool count_host(void *ctx, const struct renter_host *h)
{
	unsigned *n = ctx;

	*n += h->has_endpoint && !h->shunned;
	return true;
}

static void begin_finding(struct scout *s)
{
	struct dht_node *dht = s->renter->engine->dht;
	unsigned known = 0;

	(void)!renter_db_hosts(s->renter->db, count_host, &known, NULL);
	if (s->enough && known >= s->enough)
		return;
	dht_node_wake(dht);
	if (!dht_node_may_find(dht))
		return;
	s->finding = true;
	loop_timer_set(s->timer, SCOUT_FIND_MS);
	look_up(s, NULL);
}

static void go_on(struct scout *s)
{
	struct err e = {0};

	if (s->ended)
		return;
	if (s->open == 0 && !s->wanting)
		look_up_wanted(s);
	if (s->open == 0 && !s->listing) {
		if (s->finding)
			loop_timer_set(s->timer, SCOUT_LIMIT_MS);
		s->finding = false;
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
	else if (s->finding)
		stop_finding(s);
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
	s->wanted_n = cfg->wanted_n < SCOUT_WANTED_MAX ? cfg->wanted_n
						       : SCOUT_WANTED_MAX;
	if (s->wanted_n)
		memcpy(s->wanted, cfg->wanted,
		       s->wanted_n * sizeof(s->wanted[0]));
	s->listener = (struct rent_listener){.ctx = s, .event = on_peer};
	rent_peers_listen(r->peers, &s->listener);
	loop_timer_set(s->timer, SCOUT_LIMIT_MS);
	*out = s;
	for (size_t i = 0; i < cfg->named_n; i++)
		ask(s, rent_peers_at(r->peers, &cfg->named[i]), true);
	if (cfg->named_n == 0)
		begin_finding(s);
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
	for (unsigned i = 0; i < s->searches_n; i++)
		dht_topic_free(s->searches[i].topic);
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
