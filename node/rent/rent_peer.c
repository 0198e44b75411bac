#include "node/rent/rent_peer.h"

#include "base/clock.h"
#include "node/core/engine.h"
#include "node/money/money.h"
#include "node/rent/rent_find.h"
#include "node/rent/rent_link.h"
#include "node/rent/rent_pay.h"
#include "node/rent/renting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 500
#define IDLE_MS 60000 /* a connection without calls ends */
#define WRITES 8U     /* sectors under way: a put alone has UPLOAD_PER_HOST */
#define RETRY_FIRST_MS 1000 /* after a failure; doubled each time */
#define RETRY_LAST_MS 60000
#define AWAY_MS 30000
#define WHY_MAX 120
#define LOOK_MS 20000 /* for the DHT to say where a host is */
#define DIALS_MAX 64U /* connections being made at a time */

struct rent_peer {
	struct rent_peers *all;
	struct rent_peer *next;
	struct net_addr at;
	bool fixed; /* at is given, and not an endpoint record's */
	bool shown;
	struct rent_client *client;
	struct rent_link *link; /* NULL: none */
	struct rent_till *till; /* of the link, once its seal stands */
	bool linked;		/* its seal stands */
	bool told_up;		/* the client was */
	bool was_up;		/* the host answered on this connection */
	bool away;		/* the last connection never came up, then: */
	int64_t away_ms;
	bool gone;
	bool lost;		   /* gone since nobody knew where it is */
	struct dht_topic *topic;   /* its name in the DHT; NULL: not asked */
	bool looking, found;	   /* that is under way; at is from there */
	int64_t looking_ms;	   /* since then */
	int64_t retry_ms, wait_ms; /* not before; what the next failure adds */
	int64_t idle_ms;	   /* without calls since */
	bool noted[RENT_PEER_GONE + 1];
	char why[WHY_MAX];
};

struct rent_peers {
	struct engine *engine;
	struct rent_pay *pay;
	struct rent_peer *first;
	unsigned n, dialling;
	struct loop_timer *timer;
	struct rent_listener *listeners;
	bool telling;
	bool use_dht;
};

static int64_t now_of(const struct rent_peers *s)
{
	return loop_now_ms(s->engine->loop);
}

/* ---- events ---- */

static void note(struct rent_peer *p, enum rent_peer_event ev, const char *why)
{
	p->noted[ev] = true;
	if (why)
		(void)snprintf(p->why, sizeof(p->why), "%.*s", WHY_MAX - 1,
			       why);
	loop_timer_set(p->all->timer, 0);
}

static void tell(struct rent_peer *p, enum rent_peer_event ev)
{
	struct rent_listener *next;

	for (struct rent_listener *l = p->all->listeners; l; l = next) {
		next = l->next;
		l->event(l->ctx, p, ev, p->why);
	}
}

/* In the order in which they may happen to one connection. */
static void tell_noted(struct rent_peer *p)
{
	for (unsigned ev = RENT_PEER_UP; ev <= RENT_PEER_GONE; ev++) {
		if (!p->noted[ev])
			continue;
		p->noted[ev] = false;
		tell(p, (enum rent_peer_event)ev);
	}
}

void rent_peers_listen(struct rent_peers *s, struct rent_listener *l)
{
	l->next = s->listeners;
	s->listeners = l;
}

void rent_peers_unlisten(struct rent_peers *s, struct rent_listener *l)
{
	struct rent_listener **at = &s->listeners;

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
}

static void give_up(struct rent_peer *p, const char *why)
{
	if (p->gone)
		return;
	p->gone = true;
	note(p, RENT_PEER_GONE, why);
	if (p->link)
		rent_link_close(p->link, why);
}

/* ---- what the client says ---- */

static void client_send(void *ctx, const uint8_t *msg, size_t len)
{
	struct rent_peer *p = ctx;

	if (p->link)
		(void)rent_link_send(p->link, msg, len);
}

static size_t client_room(void *ctx)
{
	struct rent_peer *p = ctx;

	return p->link ? rent_link_room(p->link) : 0;
}

static void client_close(void *ctx, const struct err *e)
{
	struct rent_peer *p = ctx;

	if (p->link)
		rent_link_close(p->link, e->msg);
}

static bool client_covered(void *ctx, struct amount due)
{
	struct rent_peer *p = ctx;

	return rent_till_covered(p->till, due);
}

static void client_add_due(void *ctx, struct amount due)
{
	struct rent_peer *p = ctx;

	rent_till_add_due(p->till, due);
}

static void client_found(void *ctx, struct amount due)
{
	struct rent_peer *p = ctx;

	rent_till_found(p->till, due);
}

static void client_charged(void *ctx, uint32_t len)
{
	struct rent_peer *p = ctx;

	rent_till_charged(p->till, len);
}

bool rent_peer_prepay(struct rent_peer *p, struct amount due, bool kept)
{
	return rent_till_prepay(p->till, due, kept);
}

static void client_moving(void *ctx, void *call_ctx)
{
	struct rent_peer *p = ctx;

	for (struct rent_listener *l = p->all->listeners; l; l = l->next)
		if (l->moving)
			l->moving(l->ctx, call_ctx);
}

static void keep_offer(struct rent_peer *p)
{
	struct renting *r = p->all->engine->renting;
	const struct rent_offer *o = rent_client_offer(p->client);
	struct address host = rent_client_host(p->client);
	struct endpoint_record rec;
	struct renter_host h;

	if (!o || renter_db_host(renting_db(r), &h, &host, NULL) != ERR_NONE)
		return;
	if (endpoints_find(renting_peers(r), &host, clock_unix_s(), &rec)) {
		h.has_endpoint = true;
		h.endpoint = rec.p;
		memcpy(h.endpoint_sig, rec.sig.bytes, sizeof(h.endpoint_sig));
	}
	h.has_sheet = true;
	h.sheet = o->sheet;
	memcpy(h.sheet_sig, o->sig.bytes, sizeof(h.sheet_sig));
	if (renter_db_set_host(renting_db(r), &h, NULL) == ERR_NONE)
		renting_want_commit(r);
}

static void shun(struct rent_peer *p)
{
	struct renting *r = p->all->engine->renting;
	struct address host = rent_client_host(p->client);
	struct renter_host h;

	if (renter_db_host(renting_db(r), &h, &host, NULL) != ERR_NONE)
		return;
	h.shunned = true;
	h.bad++;
	if (renter_db_set_host(renting_db(r), &h, NULL) == ERR_NONE)
		renting_want_commit(r);
}

static void client_event(void *ctx, const struct rent_client_event *ev)
{
	struct rent_peer *p = ctx;
	struct renting *r = p->all->engine->renting;
	struct address host = rent_client_host(p->client);

	switch (ev->kind) {
	case RENT_CLIENT_UP:
		p->was_up = true;
		p->away = false;
		p->wait_ms = RETRY_FIRST_MS;
		endpoints_met(renting_peers(r), &host, true);
		note(p, RENT_PEER_UP, "");
		break;
	case RENT_CLIENT_OFFER:
		keep_offer(p);
		note(p, RENT_PEER_OFFER, NULL);
		break;
	case RENT_CLIENT_REFUSED:
		/* one that has too much to do now is called again */
		if (rent_remedy(ev->code) != RENT_REMEDY_LATER)
			give_up(p, ev->text);
		break;
	case RENT_CLIENT_LIED:
		shun(p);
		give_up(p, ev->text);
		break;
	case RENT_CLIENT_LATE:
		note(p, RENT_PEER_DOWN, ev->text);
		break;
	}
}

/* ---- the link ---- */

static void begin(struct rent_peer *p, const struct sig64 *sig)
{
	struct rent_client_link l = {.sig = *sig};

	memcpy(l.host_key, rent_link_peer_key(p->link), sizeof(l.host_key));
	p->told_up = true;
	rent_client_up(p->client, &l, now_of(p->all));
}

static void on_channel(void *ctx, const struct signer_reply *r,
		       const struct err *e)
{
	struct rent_peer *p = ctx;

	if (!p->link || !p->linked)
		return;
	if (e)
		rent_link_close(p->link, e->msg);
	else
		begin(p, &r->u.sig);
}

static void *on_up(void *ctx, struct rent_link *k)
{
	struct rent_peer *p = ctx;
	struct money *m = p->all->engine->money;
	struct signer_request q = {.type = SIGNER_CHANNEL,
				   .u.channel = {.purpose = SIGNER_STORAGE,
						 .chain_id = m->domain.chain_id,
						 .bank = m->domain.bank}};
	const struct sig64 none = {{0}};
	struct err e = {0};

	p->linked = true;
	p->all->dialling--;
	if (rent_till_renter(&p->till, p->all->pay, k, p->client, &e) !=
	    ERR_NONE) {
		rent_link_close(k, e.msg);
		return p;
	}
	if (!p->shown) {
		begin(p, &none);
		return p;
	}
	memcpy(q.u.channel.key, rent_link_own_key(k), sizeof(q.u.channel.key));
	if (signer_ask(m->signer, &q, on_channel, p, &e) != ERR_NONE)
		rent_link_close(k, e.msg);
	return p;
}

static void on_message(void *ctx, struct rent_link *k, const uint8_t *msg,
		       size_t len)
{
	struct rent_peer *p = ctx;
	struct err e = {0};

	if (!p->told_up)
		rent_link_close(k, "a message before hello");
	else if (rent_client_receive(p->client, msg, len, now_of(p->all), &e) !=
		 ERR_NONE)
		rent_link_close(k, e.msg);
}

static void on_pay(void *ctx, struct rent_link *k, const uint8_t *msg,
		   size_t len)
{
	struct rent_peer *p = ctx;

	(void)k;
	rent_till_receive(p->till, msg, len);
}

static void on_drained(void *ctx, struct rent_link *k)
{
	struct rent_peer *p = ctx;

	(void)k;
	if (p->told_up)
		rent_client_drained(p->client, now_of(p->all));
}

static void on_down(void *ctx, struct rent_link *k, const char *why)
{
	struct rent_peer *p = ctx;
	struct rent_peers *s = p->all;
	struct address host = rent_client_host(p->client);

	(void)k;
	if (s->engine->money->signer)
		signer_forget(s->engine->money->signer, p);
	if (!p->linked)
		s->dialling--;
	rent_till_free(p->till);
	p->till = NULL;
	p->link = NULL;
	p->linked = false;
	p->retry_ms = now_of(s) + p->wait_ms;
	p->wait_ms =
		p->wait_ms * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : p->wait_ms * 2;
	p->away = !p->was_up;
	p->away_ms = now_of(s);
	if (!p->gone)
		note(p, p->was_up ? RENT_PEER_DOWN : RENT_PEER_AWAY, why);
	if (!p->was_up && !p->fixed)
		endpoints_met(renting_peers(s->engine->renting), &host, false);
	p->was_up = false;
	if (p->told_up) {
		p->told_up = false;
		rent_client_down(p->client, now_of(s));
	}
}

static const struct rent_link_ops link_ops = {
	.up = on_up,
	.message = on_message,
	.pay = on_pay,
	.drained = on_drained,
	.down = on_down,
};

/* Where it listens; false: nobody knows. */
static bool find(struct rent_peer *p)
{
	struct renting *r = p->all->engine->renting;
	struct address host = rent_client_host(p->client);
	struct endpoint_record rec;

	if (p->fixed)
		return true;
	if (!endpoints_find(renting_peers(r), &host, clock_unix_s(), &rec))
		return p->found;
	net_addr_from_ip16(&p->at, rec.p.ip, rec.p.port);
	return true;
}

/* ---- the DHT ---- */

static void on_found(void *ctx, const struct net_addr *addr)
{
	struct rent_peer *p = ctx;

	if (!p->looking || p->found)
		return;
	p->at = *addr;
	p->found = true;
}

static void on_round(void *ctx, uint32_t answered, size_t peers)
{
	struct rent_peer *p = ctx;

	(void)answered;
	(void)peers;
	p->looking = false;
	loop_timer_set(p->all->timer, 0);
}

/* False: there is no sense in it. */
static bool begin_looking(struct rent_peer *p)
{
	struct engine *en = p->all->engine;
	struct address host = rent_client_host(p->client);
	const struct dht_topic_cfg cfg = {
		.on_peer = on_found, .on_round = on_round, .ctx = p};

	if (!p->all->use_dht || p->topic || address_is_zero(&host))
		return false;
	dht_node_wake(en->dht);
	if (!dht_node_may_find(en->dht) ||
	    rent_find_new(&p->topic, en, &host, &cfg, NULL) != ERR_NONE)
		return false;
	p->looking = true;
	p->looking_ms = now_of(p->all);
	return true;
}

static void stop_looking(struct rent_peer *p)
{
	dht_topic_free(p->topic);
	p->topic = NULL;
	p->looking = false;
}

void rent_peers_use_dht(struct rent_peers *s, bool on)
{
	s->use_dht = on;
}

static void dial(struct rent_peer *p)
{
	struct engine *en = p->all->engine;
	const struct signer_domain *d = &en->money->domain;
	struct address host = rent_client_host(p->client);
	struct info_hash name =
		address_is_zero(&host)
			? rent_name_any(d->chain_id, &d->bank)
			: rent_name(d->chain_id, &d->bank, &host);
	struct err e = {0};

	if (!find(p)) {
		if (begin_looking(p))
			return;
		stop_looking(p);
		p->lost = true;
		give_up(p, "nobody has told where it listens; --host IP:PORT "
			   "names a host that may know");
		return;
	}
	if (rent_link_open(&p->link, en->rent, &name, &p->at, &link_ops, p,
			   &e) == ERR_NONE) {
		p->all->dialling++;
		return;
	}
	p->retry_ms = now_of(p->all) + p->wait_ms;
	p->away = true;
	p->away_ms = now_of(p->all);
	note(p, RENT_PEER_AWAY, e.msg);
}

/* ---- time ---- */

static void tend(struct rent_peer *p)
{
	struct rent_peers *s = p->all;
	int64_t now = now_of(s);

	rent_client_tick(p->client, now, clock_unix_s());
	if (rent_client_calls(p->client) > 0)
		p->idle_ms = now;
	if (p->gone)
		return;
	if (p->looking && now - p->looking_ms < LOOK_MS)
		return;
	p->looking = false;
	if (!p->link && rent_client_calls(p->client) > 0 &&
	    now >= p->retry_ms && s->dialling < DIALS_MAX)
		dial(p);
	if (p->link && now - p->idle_ms >= IDLE_MS)
		rent_link_close(p->link, "idle");
}

static void on_timer(void *ctx)
{
	struct rent_peers *s = ctx;

	for (struct rent_peer *p = s->first; p; p = p->next) {
		tell_noted(p);
		tend(p);
	}
	loop_timer_set(s->timer, TICK_MS);
}

void rent_peer_wake(struct rent_peer *p)
{
	if (!p->link)
		loop_timer_set(p->all->timer, 0);
}

/* ---- life ---- */

enum err_code rent_peers_new(struct rent_peers **out, struct engine *en,
			     struct err *e)
{
	struct rent_peers *s = calloc(1, sizeof(*s));

	if (s)
		s->timer = loop_timer_new(en->loop, on_timer, s);
	if (!s || !s->timer) {
		free(s);
		return err_fail(e, ERR_NOMEM, "hosts");
	}
	s->engine = en;
	s->pay = rent_pay_of(en, e);
	if (!s->pay) {
		loop_timer_free(s->timer);
		free(s);
		return e->code;
	}
	*out = s;
	return ERR_NONE;
}

static void free_one(struct rent_peer *p)
{
	stop_looking(p);
	rent_client_free(p->client);
	free(p);
}

void rent_peers_free(struct rent_peers *s)
{
	struct rent_peer *p;

	if (!s)
		return;
	s->listeners = NULL;
	for (p = s->first; p; p = p->next)
		if (p->link)
			rent_link_close(p->link, "the node stops");
	rent_links_turn_end(s->engine->rent);
	while ((p = s->first)) {
		s->first = p->next;
		free_one(p);
	}
	loop_timer_free(s->timer);
	free(s);
}

static struct rent_peer *add(struct rent_peers *s, const struct address *host,
			     bool shown)
{
	const struct rent_client_ops base = {
		.send = client_send,
		.room = client_room,
		.close = client_close,
		.covered = client_covered,
		.add_due = client_add_due,
		.found = client_found,
		.charged = client_charged,
		.event = client_event,
		.moving = client_moving,
	};
	const struct signer_domain *d = &s->engine->money->domain;
	struct rent_client_cfg cfg = {.chain_id = d->chain_id,
				      .bank = d->bank,
				      .host = *host,
				      .writes = WRITES,
				      .log = s->engine->log};
	struct rent_client_ops ops = base;
	struct rent_peer *p;

	if (s->n == RENT_PEERS_MAX || !(p = calloc(1, sizeof(*p))))
		return NULL;
	if (shown)
		cfg.me = renting_me(s->engine->renting);
	ops.ctx = p;
	p->all = s;
	p->shown = shown;
	p->wait_ms = RETRY_FIRST_MS;
	p->idle_ms = now_of(s);
	if (rent_client_new(&p->client, &cfg, &ops, now_of(s), clock_unix_s(),
			    NULL) != ERR_NONE) {
		free(p);
		return NULL;
	}
	p->next = s->first;
	s->first = p;
	s->n++;
	return p;
}

/* Somebody has told by now where it listens. */
static struct rent_peer *look_again(struct rent_peer *p)
{
	if (p->lost && (find(p) || p->all->use_dht))
		p->lost = p->gone = false;
	return p;
}

struct rent_peer *rent_peers_get(struct rent_peers *s,
				 const struct address *host, bool shown)
{
	for (struct rent_peer *p = s->first; p; p = p->next) {
		struct address who = rent_client_host(p->client);

		if (p->shown == shown && !p->fixed && address_eq(&who, host))
			return look_again(p);
	}
	return add(s, host, shown);
}

struct rent_peer *rent_peers_at(struct rent_peers *s, const struct net_addr *at)
{
	const struct address nobody = {{0}};
	struct rent_peer *p;

	for (p = s->first; p; p = p->next)
		if (p->fixed && net_addr_eq(&p->at, at))
			return p;
	p = add(s, &nobody, true);
	if (!p)
		return NULL;
	p->fixed = true;
	p->at = *at;
	return p;
}

struct address rent_peer_host(const struct rent_peer *p)
{
	return rent_client_host(p->client);
}

struct rent_client *rent_peer_client(struct rent_peer *p)
{
	return p->client;
}

bool rent_peer_is_up(const struct rent_peer *p)
{
	return p->was_up;
}

bool rent_peer_is_away(const struct rent_peer *p)
{
	return p->away && now_of(p->all) - p->away_ms < AWAY_MS;
}

bool rent_peer_is_gone(const struct rent_peer *p)
{
	return p->gone;
}

const char *rent_peer_why(const struct rent_peer *p)
{
	return p->why;
}
