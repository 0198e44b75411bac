#include "node/swarm/link.h"

#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_CHECK_MS 1000

struct link {
	struct links *links;
	struct link *prev, *next;
	struct link *next_dead;
	struct conn *conn;    /* NULL once the socket is closed */
	struct peer *peer;    /* NULL until an outgoing socket is up */
	link_ended_fn *ended; /* outgoing: tells who opened it */
	void *owner;
	struct swarm *swarm; /* outgoing: where it goes */
	struct net_addr addr;
	bool ready, lasted; /* see link_ended_fn */
	int64_t ready_ms;
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
	struct link *all;
	struct link *dead;
	struct loop_timer *check; /* accepted peers that say nothing */
};

static const struct net_ops net_callbacks;
static const struct peer_io peer_callbacks;

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

static void check_silent(void *ctx)
{
	struct links *l = ctx;
	int64_t now = loop_now_ms(l->loop);
	struct link *next;

	for (struct link *k = l->all; k; k = next) {
		next = k->next;
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

	if (!l) {
		(void)err_fail(e, ERR_NOMEM, "connections");
		return NULL;
	}
	l->loop = loop;
	l->log = log;
	l->ops = *ops;
	l->ctx = ctx;
	l->max = max_links;
	l->net = net_new(loop, log, &net_callbacks, l, e);
	l->check = loop_timer_new(loop, check_silent, l);
	if (!l->net || !l->check) {
		links_free(l);
		return NULL;
	}
	return l;
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

/* Here no callback of the peer is on the stack. */
static void free_dead(struct links *l)
{
	while (l->dead) {
		struct link *k = l->dead;

		l->dead = k->next_dead;
		if (k->peer)
			peer_free(k->peer);
		if (k->ended)
			k->ended(k->owner, &k->addr, k->lasted, k->why);
		free(k);
	}
}

void links_free(struct links *l)
{
	if (!l)
		return;
	while (l->all)
		end(l->all, PEER_CLOSE_LOCAL);
	free_dead(l);
	loop_timer_free(l->check);
	net_free(l->net);
	free(l);
}

void links_turn_end(struct links *l)
{
	net_flush(l->net);
	free_dead(l);
}

static struct link *link_new(struct links *l, const struct net_addr *addr)
{
	struct link *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->links = l;
	k->addr = *addr;
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
				 .log = k->links->log};
}

static struct swarm *on_find(void *ctx, const struct info_hash *hash)
{
	struct links *l = ctx;

	return l->ops.find(l->ctx, hash);
}

static void *on_accepted(void *net_ctx, struct conn *c,
			 const struct net_addr *from)
{
	struct links *l = net_ctx;
	struct peer_cfg cfg;
	struct link *k;

	if (links_full(l) || !(k = link_new(l, from)))
		return NULL;
	k->conn = c;
	cfg = cfg_of(k);
	k->peer = swarm_accept(on_find, l, &cfg, loop_now_ms(l->loop));
	if (!k->peer) {
		k->conn = NULL; /* net closes what is refused */
		end(k, PEER_CLOSE_NOMEM);
		return NULL;
	}
	return k;
}

bool links_open(struct links *l, struct swarm *swarm, const struct net_addr *to,
		link_ended_fn *ended, void *owner)
{
	struct link *k;

	if (links_full(l) || !(k = link_new(l, to)))
		return false;
	k->swarm = swarm;
	k->conn = net_connect(l->net, to, k);
	if (!k->conn) {
		end(k, PEER_CLOSE_LOCAL);
		return false;
	}
	k->ended = ended;
	k->owner = owner;
	return true;
}

static void on_connected(void *conn_ctx)
{
	struct link *k = conn_ctx;
	struct peer_cfg cfg = cfg_of(k);

	k->peer = swarm_connect(k->swarm, &cfg, loop_now_ms(k->links->loop));
	if (!k->peer) {
		end(k, PEER_CLOSE_FULL);
		return;
	}
	net_want_write(k->conn);
}

static void on_received(void *conn_ctx, const struct span *bytes)
{
	struct link *k = conn_ctx;

	if (!k->dead && k->peer)
		peer_feed(k->peer, loop_now_ms(k->links->loop), *bytes);
}

static size_t on_output(void *conn_ctx, struct iovec *iov, size_t max)
{
	struct link *k = conn_ctx;
	size_t bytes;

	if (k->dead || !k->peer)
		return 0;
	return peer_output(k->peer, loop_now_ms(k->links->loop), iov, max,
			   &bytes);
}

static void on_sent(void *conn_ctx, size_t bytes)
{
	struct link *k = conn_ctx;

	if (!k->dead)
		peer_sent(k->peer, loop_now_ms(k->links->loop), bytes);
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

static void on_want_read(void *user)
{
	struct link *k = user;

	if (!k->dead)
		net_want_read(k->conn);
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
	k->ready = true;
	k->ready_ms = loop_now_ms(k->links->loop);
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
