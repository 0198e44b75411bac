#include "node/net/link.h"

#include "base/ip.h"

#include "node/net/door.h"
#include "node/net/gate.h"
#include "wire/peer/prio.h"
#include "wire/veil/skeys.h"

#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_CHECK_MS 1000
#define ROOM_EVERY_MS 1000 /* one gives way to whom we go to */

struct link {
	struct links *links;
	struct link *prev, *next;
	struct link *next_dead;
	struct conn *conn;     /* NULL once the socket is closed */
	struct peer *peer;     /* NULL until an outgoing socket is up */
	struct veil *veil;     /* NULL: bytes pass as they are */
	enum veil_kind kind;   /* once the veil is gone, or knows */
	struct link_try tried; /* outgoing */
	bool by_utp;	       /* outgoing: it was up, and so */
	bool by_v2;	       /* outgoing: by a hybrid's other hash */
	link_ended_fn *ended;  /* outgoing: tells who opened it */
	void *owner;
	struct swarm *swarm; /* outgoing: where it goes */
	struct net_addr addr;
	bool ready, lasted; /* see link_ended_fn */
	int64_t ready_ms;
	bool came;	  /* accepted, not opened */
	uint32_t prio;	  /* prio.h */
	int64_t since_ms; /* that it is of no use, as last looked at; or open */
	bool dead;
	enum peer_close why;
	void *trade;
	void *rent;
};

struct links {
	struct loop *loop;
	struct log *log;
	struct net *net;
	struct links_ops ops;
	void *ctx;
	unsigned max, count;
	int64_t room_ms; /* when one may give way again */
	enum veil_policy policy;
	struct veil_env *veils;
	struct skeys *skeys;
	struct gate *gate;
	bool closing; /* nothing is opened any more */
	struct link *all;
	struct link *dead;
	struct loop_timer *check; /* accepted peers that say nothing */
};

static const struct net_ops net_callbacks;
static const struct peer_io peer_callbacks;
static const struct veil_io veil_callbacks;

struct wire_addr wire_addr_of(const struct net_addr *a)
{
	struct wire_addr out = {.port = net_addr_port(a)};

	net_addr_to_ip16(a, out.ip);
	return out;
}

void net_addr_of_wire(struct net_addr *out, const struct wire_addr *a)
{
	net_addr_from_ip16(out, a->ip, a->port);
}

/* What a connection is worth to its two ends. */
static enum door_use silence_of(const struct link *k)
{
	struct peer_id id;

	return k->came && (!k->peer || !peer_id(k->peer, &id)) ? DOOR_SILENT
							       : DOOR_OF_USE;
}

static enum door_use use_of(const struct link *k)
{
	struct peer_stats st;

	if (silence_of(k) == DOOR_SILENT)
		return DOOR_SILENT;
	if (!k->peer || !k->ready || k->rent || k->trade)
		return DOOR_OF_USE;
	peer_stats_get(k->peer, &st);
	return door_use_of(&st);
}

static void check_silent(void *ctx)
{
	struct links *l = ctx;
	int64_t now = loop_now_ms(l->loop);
	struct link *next;

	for (struct link *k = l->all; k; k = next) {
		next = k->next;
		if (k->ready && use_of(k) == DOOR_OF_USE)
			k->since_ms = now;
		if (k->peer && !k->dead)
			peer_check_timeout(k->peer, now);
	}
	loop_timer_set(l->check, HANDSHAKE_CHECK_MS);
}

struct links *links_new(struct loop *loop, struct log *log,
			const struct links_ops *ops, void *ctx,
			unsigned max_links, struct err *e)
{
	struct links *l = calloc(1, sizeof(*l));
	struct rng rng = rng_system();

	if (!l) {
		(void)err_fail(e, ERR_NOMEM, "connections");
		return NULL;
	}
	l->loop = loop;
	l->log = log;
	l->ops = *ops;
	l->ctx = ctx;
	l->max = max_links;
	l->policy = VEIL_ALLOW;
	l->veils = veil_env_new(max_links);
	l->skeys = skeys_new(rng, LINKS_HASHES_MAX);
	l->gate = gate_new(&rng);
	l->net = net_new(loop, log, &net_callbacks, l, e);
	l->check = loop_timer_new(loop, check_silent, l);
	if (!l->net || !l->check || !l->veils || !l->skeys || !l->gate) {
		if (l->net && l->check)
			(void)err_fail(e, ERR_NOMEM, "connections");
		links_free(l);
		return NULL;
	}
	return l;
}

void links_set_encryption(struct links *l, enum veil_policy policy)
{
	l->policy = policy;
}

bool links_prefer_encryption(const struct links *l)
{
	return veil_way(l->policy, 0) == VEIL_WAY_MSE;
}

void links_list(struct links *l, const struct info_hash *hash)
{
	if (!skeys_add(l->skeys, hash))
		log_line(l->log, LOG_WARN, "link",
			 "encrypted connections will not find a torrent");
}

void links_unlist(struct links *l, const struct info_hash *hash)
{
	skeys_remove(l->skeys, hash);
}

struct net *links_net(struct links *l)
{
	return l->net;
}

static void end(struct link *k, enum peer_close why)
{
	struct links *l = k->links;

	if (k->dead)
		return;
	k->dead = true;
	k->why = why;
	k->lasted = k->ready &&
		    loop_now_ms(l->loop) - k->ready_ms >= LINK_LASTED_MS;
	if (k->prev)
		k->prev->next = k->next;
	else
		l->all = k->next;
	if (k->next)
		k->next->prev = k->prev;
	l->count--;
	if (!l->count)
		loop_timer_cancel(l->check);
	net_close(k->conn);
	k->conn = NULL;
	k->next_dead = l->dead;
	l->dead = k;
	loop_want_turn_end(l->loop);
}

static bool open_link(struct links *l, struct swarm *swarm,
		      const struct net_addr *to, link_ended_fn *ended,
		      void *owner, struct link_try how, bool by_v2);

bool link_next_try(struct link_try *t, enum veil_policy policy, bool mute_utp)
{
	if (mute_utp && !t->tcp)
		t->tcp = true;
	else
		t->way++;
	return veil_way(policy, t->way) != VEIL_WAY_NONE;
}

/* Did the other side turn our first way down, as far as we can tell: it was
 * there, and said nothing that we understood? */
static bool was_turned_down(const struct link *k)
{
	struct peer_id id;

	return k->peer && !peer_id(k->peer, &id) &&
	       link_encryption(k) != VEIL_RC4 &&
	       link_encryption(k) != VEIL_FRAMES &&
	       (k->why == PEER_CLOSE_NONE || k->why == PEER_CLOSE_PROTOCOL ||
		k->why == PEER_CLOSE_TIMEOUT);
}

static bool try_again(struct link *k)
{
	struct links *l = k->links;
	struct link_try next = k->tried;
	bool mute_utp = k->by_utp && net_speaks_tcp(l->net) &&
			k->why == PEER_CLOSE_TIMEOUT;

	return link_next_try(&next, l->policy, mute_utp) &&
	       open_link(l, k->swarm, &k->addr, k->ended, k->owner, next,
			 k->by_v2);
}

/* Here no callback of the peer is on the stack. */
static void free_dead(struct links *l)
{
	while (l->dead) {
		struct link *k = l->dead;
		bool again;

		l->dead = k->next_dead;
		again = k->ended && !l->closing && was_turned_down(k);
		if (k->peer)
			peer_free(k->peer);
		veil_free(k->veil);
		again = again && try_again(k);
		if (k->ended && !again)
			k->ended(k->owner, &k->addr, k->lasted, k->why);
		free(k);
	}
}

void links_free(struct links *l)
{
	if (!l)
		return;
	l->closing = true;
	while (l->all)
		end(l->all, PEER_CLOSE_LOCAL);
	free_dead(l);
	loop_timer_free(l->check);
	net_free(l->net);
	veil_env_free(l->veils);
	skeys_free(l->skeys);
	gate_free(l->gate);
	free(l);
}

void links_turn_end(struct links *l)
{
	net_flush(l->net);
	free_dead(l);
}

/* Our own address as it would be seen: with an unknown one the order is
 * another, and no less by chance. */
static uint32_t prio_of_link(const struct links *l, const struct net_addr *at)
{
	const struct net_addr *us = net_source(l->net, at->sa.ss_family);
	struct wire_addr a = {.ip = IP_ANY_V4}, b = wire_addr_of(at);

	if (us)
		a = wire_addr_of(us);
	return prio_of(&a, &b);
}

static struct link *link_new(struct links *l, const struct net_addr *addr)
{
	struct link *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->links = l;
	k->since_ms = loop_now_ms(l->loop);
	k->addr = *addr;
	k->prio = prio_of_link(l, addr);
	k->next = l->all;
	if (k->next)
		k->next->prev = k;
	l->all = k;
	if (l->count++ == 0)
		loop_timer_set(l->check, HANDSHAKE_CHECK_MS);
	return k;
}

static struct peer_cfg cfg_of(struct link *k)
{
	return (struct peer_cfg){.io = &peer_callbacks,
				 .user = k,
				 .addr = wire_addr_of(&k->addr),
				 .by_v2 = k->by_v2,
				 .log = k->links->log};
}

static struct swarm *on_find(void *ctx, const struct info_hash *hash)
{
	struct links *l = ctx;

	return l->ops.find(l->ctx, hash);
}

/* ---- the veil ---- */

static bool on_find_key(void *ctx, const uint8_t req2[20],
			struct info_hash *skey)
{
	struct link *k = ctx;

	return skeys_find(k->links->skeys, req2, skey);
}

static bool on_may_work(void *ctx)
{
	struct link *k = ctx;
	struct wire_addr a = wire_addr_of(&k->addr);

	return gate_pass(k->links->gate, a.ip, loop_now_ms(k->links->loop));
}

/* False: no memory. */
static bool put_on_veil(struct link *k, bool outgoing)
{
	struct links *l = k->links;
	const struct mse_cfg cfg = {.rng = rng_system(),
				    .find = on_find_key,
				    .may_work = on_may_work,
				    .ctx = k};

	k->veil = outgoing ? veil_open(l->veils, l->policy, &cfg,
				       swarm_hash_for(k->swarm, k->by_v2),
				       &veil_callbacks, k)
			   : veil_accept(l->veils, l->policy, &cfg,
					 &veil_callbacks, k);
	return k->veil != NULL;
}

/* It has said what it is, or needs nothing between it and its peer any more. */
static void look_at_veil(struct link *k)
{
	if (k->dead || !k->veil)
		return;
	k->kind = veil_kind(k->veil);
	if (!veil_is_done(k->veil))
		return;
	veil_free(k->veil);
	k->veil = NULL;
}

static bool is_greeting(const struct link *k)
{
	return !k->swarm && k->veil && k->kind == VEIL_NOT_YET;
}

/* A burst comes and speaks before the loop gets to any of it: nobody is ended
 * for silence before what has arrived from them was read. */
static void hear_silent(struct links *l)
{
	struct link *next;

	/* who ends meanwhile keeps its place until the end of the turn */
	for (struct link *k = l->all; k; k = next) {
		next = k->next;
		if (!k->dead && silence_of(k) == DOOR_SILENT)
			net_hear(k->conn);
	}
}

/* False: it was silent because nobody had listened. */
static bool stays_silent(struct link *k)
{
	net_hear(k->conn);
	return !k->dead && silence_of(k) == DOOR_SILENT;
}

static struct link *oldest_greeting(const struct links *l, unsigned *count)
{
	struct link *oldest = NULL;

	*count = 0;
	for (struct link *k = l->all; k; k = k->next) {
		if (!is_greeting(k))
			continue;
		oldest = k; /* the list begins with the newest */
		++*count;
	}
	return oldest;
}

/* A new one comes; who was asked longest ago and has not said anything useful
 * gives way, as who means it has said so within a round trip. */
static void bound_greetings(struct links *l)
{
	unsigned n;
	struct link *oldest = oldest_greeting(l, &n);

	if (n < LINKS_GREETING_MAX)
		return;
	net_hear(oldest->conn);
	if (oldest->dead || !is_greeting(oldest)) {
		hear_silent(l);
		oldest = oldest_greeting(l, &n);
	}
	if (n >= LINKS_GREETING_MAX)
		end(oldest, PEER_CLOSE_FULL);
}

/* Whether it is of use matters only where there is no room. */
static struct door_row *door_rows(struct links *l, struct link **order)
{
	bool full = links_full(l);
	struct door_row *rows = calloc(l->count ? l->count : 1, sizeof(*rows));
	unsigned n = 0;

	for (struct link *k = l->all; rows && k; k = k->next) {
		rows[n] = (struct door_row){.addr = wire_addr_of(&k->addr),
					    .use = full ? use_of(k)
							: silence_of(k),
					    .came = k->came,
					    .since_ms = k->since_ms,
					    .prio = k->prio};
		order[n++] = k;
	}
	return rows;
}

/* from: who comes; NULL: we would go to somebody, and all are taken. */
static long ask_door(struct links *l, const struct net_addr *from,
		     struct link **victim)
{
	struct link **order = calloc(l->count ? l->count : 1, sizeof(*order));
	struct door_row *rows = order ? door_rows(l, order) : NULL;
	const int64_t now = loop_now_ms(l->loop);
	long what = DOOR_SHUT;

	if (rows && from) {
		struct wire_addr at = wire_addr_of(from);

		what = door_ask(rows, l->count, l->max, &at, now);
	} else if (rows) {
		what = door_give_way(rows, l->count, now);
	}
	*victim = what >= 0 ? order[what] : NULL;
	free(rows);
	free(order);
	return what;
}

bool links_make_room(struct links *l)
{
	int64_t now = loop_now_ms(l->loop);
	struct link *victim;

	if (!links_full(l))
		return true;
	if (now < l->room_ms)
		return false;
	l->room_ms = now + ROOM_EVERY_MS;
	(void)ask_door(l, NULL, &victim);
	if (victim)
		end(victim, PEER_CLOSE_FULL);
	return !links_full(l);
}

/* False: not now. Another one may have been ended for it. */
static bool let_in(struct links *l, const struct net_addr *from)
{
	struct link *victim;
	long what = ask_door(l, from, &victim);

	if (victim && silence_of(victim) == DOOR_SILENT &&
	    !stays_silent(victim)) {
		hear_silent(l);
		what = ask_door(l, from, &victim);
	}
	if (victim)
		end(victim, PEER_CLOSE_FULL);
	return what != DOOR_SHUT;
}

static void *on_accepted(void *net_ctx, struct conn *c,
			 const struct net_addr *from)
{
	struct links *l = net_ctx;
	struct peer_cfg cfg;
	struct link *k;

	if (!let_in(l, from))
		return NULL;
	bound_greetings(l);
	if (!(k = link_new(l, from)))
		return NULL;
	k->conn = c;
	k->came = true;
	if (l->policy == VEIL_OFF)
		k->kind = VEIL_PLAIN;
	cfg = cfg_of(k);
	k->peer = swarm_accept(on_find, l, &cfg, loop_now_ms(l->loop));
	if (!k->peer || (l->policy != VEIL_OFF && !put_on_veil(k, false))) {
		k->conn = NULL; /* net closes what is refused */
		end(k, PEER_CLOSE_NOMEM);
		return NULL;
	}
	return k;
}

static bool open_link(struct links *l, struct swarm *swarm,
		      const struct net_addr *to, link_ended_fn *ended,
		      void *owner, struct link_try how, bool by_v2)
{
	struct link *k;

	if (links_full(l) || !(k = link_new(l, to)))
		return false;
	k->swarm = swarm;
	k->tried = how;
	k->by_v2 = by_v2;
	k->conn = net_connect(l->net, to, how.tcp, k);
	if (!k->conn) {
		end(k, PEER_CLOSE_LOCAL);
		return false;
	}
	k->ended = ended;
	k->owner = owner;
	return true;
}

bool links_open(struct links *l, struct swarm *swarm, const struct net_addr *to,
		link_ended_fn *ended, void *owner)
{
	return open_link(l, swarm, to, ended, owner, (struct link_try){0},
			 false);
}

bool links_open_v2(struct links *l, struct swarm *swarm,
		   const struct net_addr *to, link_ended_fn *ended, void *owner)
{
	return open_link(l, swarm, to, ended, owner, (struct link_try){0},
			 true);
}

static void on_connected(void *conn_ctx)
{
	struct link *k = conn_ctx;
	struct peer_cfg cfg = cfg_of(k);

	k->by_utp = net_by_utp(k->conn);
	k->peer = swarm_connect(k->swarm, &cfg, loop_now_ms(k->links->loop));
	if (!k->peer) {
		end(k, PEER_CLOSE_FULL);
		return;
	}
	if (veil_way(k->links->policy, k->tried.way) == VEIL_WAY_PLAIN)
		k->kind = VEIL_PLAIN;
	else if (!put_on_veil(k, true)) {
		end(k, PEER_CLOSE_NOMEM);
		return;
	}
	net_want_write(k->conn);
}

static void on_received(void *conn_ctx, const struct span *bytes)
{
	struct link *k = conn_ctx;

	if (k->dead || !k->peer)
		return;
	if (!k->veil) {
		peer_feed(k->peer, loop_now_ms(k->links->loop), *bytes);
		return;
	}
	veil_feed(k->veil, *bytes);
	look_at_veil(k);
}

static size_t on_output(void *conn_ctx, struct iovec *iov, size_t max)
{
	struct link *k = conn_ctx;
	size_t bytes;

	if (k->dead || !k->peer)
		return 0;
	if (k->veil)
		return veil_output(k->veil, iov, max);
	return peer_output(k->peer, loop_now_ms(k->links->loop), iov, max,
			   &bytes);
}

static void on_sent(void *conn_ctx, size_t bytes)
{
	struct link *k = conn_ctx;

	if (k->dead)
		return;
	if (!k->veil) {
		peer_sent(k->peer, loop_now_ms(k->links->loop), bytes);
		return;
	}
	veil_sent(k->veil, bytes);
	look_at_veil(k);
}

static size_t on_may_read(void *conn_ctx)
{
	struct link *k = conn_ctx;

	if (k->dead || !k->peer)
		return 0;
	return peer_read_quota(k->peer, loop_now_ms(k->links->loop));
}

static void on_closed(void *conn_ctx, const char *why)
{
	struct link *k = conn_ctx;
	char addr[64];

	net_addr_text(&k->addr, addr, sizeof(addr));
	log_line(k->links->log, LOG_DEBUG, "link", "closed peer=%s why=\"%s\"",
		 addr, why);
	k->conn = NULL;
	end(k, PEER_CLOSE_NONE);
}

static const struct net_ops net_callbacks = {
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.output = on_output,
	.sent = on_sent,
	.may_read = on_may_read,
	.closed = on_closed,
};

static void on_want_write(void *user)
{
	struct link *k = user;

	if (!k->dead)
		net_want_write(k->conn);
}

static bool on_plain(void *user, struct span bytes)
{
	struct link *k = user;

	if (!k->dead)
		peer_feed(k->peer, loop_now_ms(k->links->loop), bytes);
	return !k->dead;
}

static size_t on_pull(void *user, struct iovec *iov, size_t max, size_t *bytes)
{
	struct link *k = user;

	return peer_output(k->peer, loop_now_ms(k->links->loop), iov, max,
			   bytes);
}

static void on_pulled(void *user, size_t n)
{
	struct link *k = user;

	peer_sent(k->peer, loop_now_ms(k->links->loop), n);
}

static void on_veil_failed(void *user, const char *why)
{
	struct link *k = user;
	char addr[64];

	net_addr_text(&k->addr, addr, sizeof(addr));
	log_line(k->links->log, LOG_DEBUG, "link",
		 "dropped peer=%s text=\"%s\"", addr, why);
	end(k, PEER_CLOSE_PROTOCOL);
}

static const struct veil_io veil_callbacks = {
	.deliver = on_plain,
	.pull = on_pull,
	.pulled = on_pulled,
	.want_write = on_want_write,
	.failed = on_veil_failed,
};

static void on_want_read(void *user)
{
	struct link *k = user;

	if (!k->dead)
		net_want_read(k->conn);
}

/* We have reached ourselves, and this end, to which we came, knows first: the
 * other would take it for a peer that closed, and come again. */
static void end_where_we_left(const struct link *k)
{
	struct links *l = k->links;
	struct wire_addr at, to;
	struct net_addr where;
	struct link *next;

	/* by uTP both ends are at one socket */
	at = wire_addr_of(net_arrived_at(k->conn, &where) ? &where : &k->addr);
	for (struct link *o = l->all; o; o = next) {
		next = o->next;
		to = wire_addr_of(&o->addr);
		if (!o->came && wire_addr_eq(&to, &at))
			end(o, PEER_CLOSE_SELF);
	}
}

static void on_peer_close(void *user, enum peer_close why, const char *text)
{
	struct link *k = user;
	char addr[64];

	net_addr_text(&k->addr, addr, sizeof(addr));
	log_line(k->links->log,
		 why >= PEER_CLOSE_BAD_FIRST ? LOG_WARN : LOG_DEBUG, "link",
		 "dropped peer=%s why=%s text=\"%s\"", addr,
		 peer_close_name(why), text ? text : "");
	if (why == PEER_CLOSE_SELF && k->came)
		end_where_we_left(k);
	end(k, why);
}

static const struct peer_io peer_callbacks = {
	.want_write = on_want_write,
	.want_read = on_want_read,
	.close = on_peer_close,
};

void links_close_swarm(struct links *l, const struct swarm *swarm, void *owner)
{
	struct link *next;

	for (struct link *k = l->all; k; k = next) {
		next = k->next;
		if ((k->ended && k->owner == owner) ||
		    (k->peer && peer_swarm(k->peer) == swarm))
			end(k, PEER_CLOSE_LOCAL);
	}
	for (struct link *k = l->dead; k; k = k->next_dead)
		if (k->owner == owner)
			k->ended = NULL;
	free_dead(l);
}

unsigned links_count(const struct links *l)
{
	return l->count;
}

bool links_full(const struct links *l)
{
	return l->count >= l->max;
}

void link_set_ready(struct link *k)
{
	char addr[64];

	k->ready = true;
	k->ready_ms = loop_now_ms(k->links->loop);
	net_addr_text(&k->addr, addr, sizeof(addr));
	log_line(k->links->log, LOG_DEBUG, "link",
		 "ready peer=%s encryption=%s", addr,
		 veil_kind_name(link_encryption(k)));
}

void link_set_trade(struct link *k, void *trade)
{
	k->trade = trade;
}

void *link_trade(const struct link *k)
{
	return k->trade;
}

void link_set_rent(struct link *k, void *rent)
{
	k->rent = rent;
}

void *link_rent(const struct link *k)
{
	return k->rent;
}

const struct net_addr *link_addr(const struct link *k)
{
	return &k->addr;
}

enum veil_kind link_encryption(const struct link *k)
{
	return k->veil ? veil_kind(k->veil) : k->kind;
}

bool link_by_utp(const struct link *k)
{
	return k->conn && net_by_utp(k->conn);
}
