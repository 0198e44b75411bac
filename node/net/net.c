#include "node/net/net_int.h"

#include "node/net/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A ceiling: 4 GiB of received bytes that are still held. */
#define RBUFS_MAX ((1U << 30) / NET_RBUF * 4)
/* A new one costs a page fault for each 4 KiB. */
#define RBUFS_KEPT ((32U << 20) / NET_RBUF)
#define ROOM_MIN (32U << 10) /* less is not worth a call */
#define IDLE_MS 5000
#define RECVS_A_TURN 4 /* then others get their turn */
#define WRITES_A_TURN 8
/* Then the other way is tried as well. */
#define HEAD_START_MS 600
/* What is said for uTP to a neighbour that refuses TCP. */
#define NEAR_UTP_MS 600

/* Nothing came for a while: an idle node holds no buffers. */
static void on_idle(void *ctx)
{
	struct net *n = ctx;

	if (n->received) {
		n->received = false;
		loop_timer_set(n->idle, IDLE_MS);
		return;
	}
	cbuf_unref(n->rbuf);
	n->rbuf = NULL;
	cbuf_pool_trim(n->pool);
}

struct net *net_new(struct loop *loop, struct log *log,
		    const struct net_ops *ops, void *net_ctx, struct err *e)
{
	struct net *n = calloc(1, sizeof(*n));

	if (n) {
		n->pool = cbuf_pool_new(NET_RBUF, RBUFS_MAX, RBUFS_KEPT);
		n->idle = loop_timer_new(loop, on_idle, n);
	}
	if (!n || !n->pool || !n->idle) {
		if (n)
			loop_timer_free(n->idle);
		free(n);
		(void)err_fail(e, ERR_NOMEM, "network");
		return NULL;
	}
	n->loop = loop;
	n->log = log;
	n->ops = ops;
	n->ctx = net_ctx;
	return n;
}

static void free_dead(struct net *n)
{
	while (n->dead) {
		struct conn *c = n->dead;

		n->dead = c->next_dirty;
		free(c);
	}
}

static void unlink_from(struct conn **at, const struct conn *c)
{
	while (*at && *at != c)
		at = &(*at)->next_dirty;
	if (*at)
		*at = c->next_dirty;
}

void net_drop_tcp(struct conn *c)
{
	loop_watch_free(c->watch);
	c->watch = NULL;
	tunnel_close(c->tunnel);
	c->tunnel = NULL;
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

void net_close(struct conn *c)
{
	struct net *n;

	if (!c || c->dead)
		return;
	n = c->net;
	c->dead = true;
	loop_timer_free(c->timer);
	c->timer = NULL;
	net_drop_tcp(c);
	net_utp_close(c);
	if (c->prev)
		c->prev->next = c->next;
	else
		n->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	n->conn_count--;
	if (c->dirty) {
		unlink_from(&n->dirty, c);
		unlink_from(&n->flushing, c);
	}
	/* whoever is in one of its callbacks may still look at `dead` */
	c->next_dirty = n->dead;
	n->dead = c;
	loop_want_turn_end(n->loop);
}

void net_free(struct net *n)
{
	if (!n)
		return;
	while (n->conns)
		net_close(n->conns);
	net_utp_free(n->utp);
	free_dead(n);
	for (unsigned i = 0; i < n->listener_count; i++) {
		acceptor_free(n->listeners[i].acceptor);
		(void)close(n->listeners[i].fd);
	}
	loop_timer_free(n->idle);
	cbuf_unref(n->rbuf);
	cbuf_pool_free(n->pool);
	free(n);
}

void net_lose(struct conn *c, const char *why)
{
	net_close(c);
	c->net->ops->closed(c->ctx, why);
}

static void set_watch(struct conn *c)
{
	unsigned what = 0;

	if (!c->watch)
		return;

	if (!c->read_paused && !c->connecting)
		what |= LOOP_READ;
	if (c->blocked || c->connecting)
		what |= LOOP_WRITE;
	loop_watch_set(c->watch, what);
}

/* Room to receive, in a buffer that nobody else writes behind. */
static bool rbuf_ready(struct net *n)
{
	if (n->rbuf && n->rbuf->refs == 1)
		n->rbuf_used = 0; /* nobody kept a span: start over, hot */
	if (n->rbuf && n->rbuf->cap - n->rbuf_used >= ROOM_MIN)
		return true;
	if (!n->rbuf)
		loop_timer_set(n->idle, IDLE_MS);
	cbuf_unref(n->rbuf);
	n->rbuf = cbuf_get(n->pool);
	n->rbuf_used = 0;
	return n->rbuf != NULL;
}

/* One recv and its callback. False: stop reading for now. */
static bool receive_once(struct conn *c)
{
	struct net *n = c->net;
	size_t room = n->ops->may_read(c->ctx);
	struct span bytes;
	ssize_t got;

	if (room == 0 || !rbuf_ready(n)) {
		c->read_paused = true;
		set_watch(c);
		return false;
	}
	if (room > NET_RECV)
		room = NET_RECV;
	if (room > n->rbuf->cap - n->rbuf_used)
		room = n->rbuf->cap - n->rbuf_used;
	got = recv(c->fd, n->rbuf->data + n->rbuf_used, room, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got <= 0) {
		net_lose(c, got == 0 ? "closed by the peer" : strerror(errno));
		return false;
	}
	bytes = (struct span){.owner = n->rbuf,
			      .p = n->rbuf->data + n->rbuf_used,
			      .len = (size_t)got};
	n->rbuf_used += (uint32_t)got;
	n->received = true;
	n->ops->received(c->ctx, &bytes);
	return !c->dead && (size_t)got == room;
}

/* One sendmsg. False: nothing more now. */
static bool transmit_once(struct conn *c)
{
	struct iovec iov[NET_IOV_MAX];
	const struct net_ops *ops = c->net->ops;
	struct msghdr msg = {.msg_iov = iov};
	ssize_t n;

	msg.msg_iovlen = ops->output(c->ctx, iov, NET_IOV_MAX);
	if (msg.msg_iovlen == 0 || c->dead)
		return false;
	n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN) {
		c->blocked = true;
		set_watch(c);
		return false;
	}
	if (n < 0 && errno != EINTR) {
		net_lose(c, strerror(errno));
		return false;
	}
	if (n > 0)
		ops->sent(c->ctx, (size_t)n);
	return !c->dead;
}

static void transmit(struct conn *c)
{
	for (int i = 0; i < WRITES_A_TURN; i++)
		if (!transmit_once(c))
			return;
	net_want_write(c); /* more may be left: after the others */
}

static void finish_connect(struct conn *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		net_drop_tcp(c);
		if (net_addr_is_near(
			    &c->to)) /* it is there, and answers at once */
			c->give_up_ms = loop_now_ms(c->net->loop) + NEAR_UTP_MS;
		net_way_failed(c, strerror(error));
		return;
	}
	net_utp_close(c);
	net_connected(c);
	set_watch(c);
}

void net_connected(struct conn *c)
{
	c->connecting = false;
	loop_timer_free(c->timer);
	c->timer = NULL;
	c->net->ops->connected(c->ctx);
}

static void on_socket(void *ctx, unsigned what)
{
	struct conn *c = ctx;

	if (c->connecting) {
		finish_connect(c);
		return;
	}
	if (what & LOOP_WRITE) {
		c->blocked = false;
		set_watch(c);
		net_want_write(c);
	}
	if (!(what & LOOP_READ))
		return;
	for (int i = 0; i < RECVS_A_TURN; i++)
		if (!receive_once(c))
			break;
}

struct conn *net_conn_new(struct net *n)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->net = n;
	c->fd = -1;
	c->next = n->conns;
	if (c->next)
		c->next->prev = c;
	n->conns = c;
	n->conn_count++;
	return c;
}

/* Takes the socket over, whatever comes of it. */
static bool take_socket(struct conn *c, int fd)
{
	const int one = 1;

	c->fd = fd;
	c->watch = loop_watch_new(c->net->loop, fd, on_socket, c);
	/* batches are made here; Nagle would hold back the last one */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return c->watch != NULL;
}

static void on_came(void *ctx, int fd, const struct sockaddr_storage *from,
		    socklen_t len)
{
	struct net_listener *l = ctx;
	struct net *n = l->net;
	const struct net_addr at = {.sa = *from, .len = len};
	struct conn *c = n->utp_only ? NULL : net_conn_new(n);

	if (!c) {
		(void)close(fd);
		return;
	}
	if (!take_socket(c, fd)) {
		net_close(c);
		return;
	}
	c->ctx = n->ops->accepted(n->ctx, c, &at);
	if (!c->ctx)
		net_close(c);
	else if (!c->dead)
		set_watch(c);
}

static void on_short_of(void *ctx, int error)
{
	const struct net_listener *l = ctx;

	log_line(l->net->log, LOG_WARN, "net",
		 "nobody is let in for a moment why=\"%s\"", strerror(error));
}

static const struct accept_ops listener_ops = {.came = on_came,
					       .short_of = on_short_of};

bool net_by_utp(const struct conn *c)
{
	return c->utp != NULL;
}

bool net_arrived_at(const struct conn *c, struct net_addr *out)
{
	*out = (struct net_addr){.len = sizeof(out->sa)};
	return c->fd >= 0 &&
	       getsockname(c->fd, (struct sockaddr *)&out->sa, &out->len) == 0;
}

static int bind_socket(const struct net_addr *at)
{
	const int one = 1, zero = 0;
	int family = at->sa.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
				 sizeof(zero));
	if (bind(fd, (const struct sockaddr *)&at->sa, at->len) != 0 ||
	    listen(fd, 256) != 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Who was told to listen on one address is reached there, so that is the one
 * its peers should see. */
static void note_source(struct net *n, const struct net_addr *at)
{
	static const uint8_t any[16];
	struct net_addr *source = &n->source[at->sa.ss_family == AF_INET6];
	uint8_t ip[16];
	size_t len = net_addr_ip(at, ip);

	if (source->len == 0 && memcmp(ip, any, len) != 0)
		(void)net_addr_from_bytes(source, ip, len, 0);
}

/* An IPv6 wildcard takes IPv4 too. */
static void note_family(struct net *n, const struct net_addr *at)
{
	static const uint8_t any[16];
	bool v6 = at->sa.ss_family == AF_INET6;
	uint8_t ip[16];
	size_t len = net_addr_ip(at, ip);

	n->listens[v6] = true;
	if (v6 && memcmp(ip, any, len) == 0)
		n->listens[0] = true;
}

/* Best effort: without it the connection still works. From loopback there is
 * no way to anywhere else. */
void net_bind_source(const struct net *n, int fd, const struct net_addr *to)
{
	const struct net_addr *from = &n->source[to->sa.ss_family == AF_INET6];
	const int one = 1;

	if (from->len == 0 ||
	    (net_addr_is_loopback(from) && !net_addr_is_loopback(to)))
		return;
	/* the port is chosen when the other end is known, so none runs out */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one,
			 sizeof(one));
	(void)!bind(fd, (const struct sockaddr *)&from->sa, from->len);
}

const struct net_addr *net_source(const struct net *n, int family)
{
	const struct net_addr *at = &n->source[family == AF_INET6];

	return at->len ? at : NULL;
}

bool net_listens(const struct net *n, int family)
{
	return n->listens[family == AF_INET6];
}

/* The address that the kernel would use to anywhere; nothing is sent for it. */
static bool probe_ip6(struct net_addr *out)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct net_addr to;
	bool ok;

	if (fd < 0)
		return false;
	out->len = sizeof(out->sa);
	/* of 2000::/3, as all that is global */
	ok = net_addr_from_ip(&to, "2000::1", 9) &&
	     connect(fd, (const struct sockaddr *)&to.sa, to.len) == 0 &&
	     getsockname(fd, (struct sockaddr *)&out->sa, &out->len) == 0;
	(void)close(fd);
	return ok;
}

bool net_global_ip6(const struct net *n, char out[NET_IP_TEXT_MAX])
{
	const struct net_addr *at = &n->source[1];
	struct net_addr found;
	uint8_t ip[16];

	/* who listens at no address of its own does so at all */
	if (at->len == 0 && n->listens[1] && probe_ip6(&found))
		at = &found;
	if (at->len == 0 || !net_addr_is_global_ip6(at))
		return false;
	(void)net_addr_ip(at, ip);
	return inet_ntop(AF_INET6, ip, out, NET_IP_TEXT_MAX) != NULL;
}

enum err_code net_listen(struct net *n, const char *host, uint16_t port,
			 uint16_t *bound_port, struct err *e)
{
	struct net_listener *l = &n->listeners[n->listener_count];
	struct net_addr at, bound = {.len = sizeof(bound.sa)};

	if (n->listener_count == NET_MAX_LISTENERS)
		return err_fail(e, ERR_LIMIT, "more than %d --listen addresses",
				NET_MAX_LISTENERS);
	if (!net_addr_from_ip(&at, host, port))
		return err_fail(
			e, ERR_PARSE,
			"--listen %.60s: want an IP address, not a name", host);
	l->fd = bind_socket(&at);
	if (l->fd < 0)
		return err_fail(e, ERR_IO, "cannot listen on %.60s port %u: %s",
				host, port, strerror(errno));
	l->net = n;
	l->acceptor = acceptor_new(n->loop, l->fd, &listener_ops, l);
	if (!l->acceptor) {
		(void)close(l->fd);
		return err_fail(e, ERR_NOMEM, "listener");
	}
	(void)getsockname(l->fd, (struct sockaddr *)&bound.sa, &bound.len);
	*bound_port = net_addr_port(&bound);
	n->listener_count++;
	note_source(n, &at);
	note_family(n, &at);
	return ERR_NONE;
}

void net_set_tunnels(struct net *n, struct tunnels *t)
{
	n->tunnels = t;
}

/* ---- connecting ---- */

static void on_tunnel(void *ctx, const char *why)
{
	struct conn *c = ctx;

	if (why) {
		net_lose(c, why);
		return;
	}
	tunnel_close(c->tunnel);
	c->tunnel = NULL;
	finish_connect(c);
}

/* The socket is the tunnel's until it is through. */
static bool connect_by_proxy(struct conn *c)
{
	int fd = -1;
	struct tunnel *k = tunnel_open(c->net->tunnels, &c->to, &fd);

	if (!k)
		return false;
	c->tunnel = k;
	if (!take_socket(c, fd)) {
		net_drop_tcp(c);
		return false;
	}
	tunnel_on_done(k, on_tunnel, c);
	return true;
}

static bool connect_tcp(struct conn *c)
{
	int fd;

	if (c->net->tunnels)
		return connect_by_proxy(c);
	fd = socket(c->to.sa.ss_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (take_socket(c, fd)) {
		net_bind_source(c->net, fd, &c->to);
		if (connect(fd, (const struct sockaddr *)&c->to.sa,
			    c->to.len) == 0 ||
		    errno == EINPROGRESS) {
			set_watch(c);
			return true;
		}
	}
	net_drop_tcp(c);
	return false;
}

static bool start_way(struct conn *c, enum net_way way)
{
	switch (way) {
	case NET_WAY_TCP:
		return connect_tcp(c);
	case NET_WAY_UTP:
		return net_utp_connect(c);
	case NET_WAY_NONE:
		break;
	}
	return false;
}

/* Until the second way is tried, or all is over. */
static void set_connect_timer(struct conn *c)
{
	int64_t left = c->give_up_ms - loop_now_ms(c->net->loop);

	if (c->second != NET_WAY_NONE && left > HEAD_START_MS)
		left = HEAD_START_MS;
	loop_timer_set(c->timer, left);
}

/* False: there is none, or it cannot be begun. */
static bool start_second(struct conn *c)
{
	enum net_way way = c->second;

	c->second = NET_WAY_NONE;
	if (!start_way(c, way))
		return false;
	set_connect_timer(c);
	return true;
}

void net_way_failed(struct conn *c, const char *why)
{
	if (!start_second(c) && c->fd < 0 && !c->utp)
		net_lose(c, why);
}

static void on_connect_timer(void *ctx)
{
	struct conn *c = ctx;

	if (c->second == NET_WAY_NONE)
		net_lose(c, "no answer to the connection attempt");
	else if (!start_second(c))
		set_connect_timer(c);
}

enum net_way net_first_way(bool has_utp, bool utp_only,
			   const struct net_addr *to, enum net_way *second)
{
	*second = NET_WAY_NONE;
	if (!has_utp)
		return NET_WAY_TCP;
	if (utp_only)
		return NET_WAY_UTP;
	*second = net_addr_is_near(to) ? NET_WAY_UTP : NET_WAY_TCP;
	return net_addr_is_near(to) ? NET_WAY_TCP : NET_WAY_UTP;
}

bool net_speaks_tcp(const struct net *n)
{
	return !n->utp_only;
}

struct conn *net_connect(struct net *n, const struct net_addr *to, bool tcp,
			 void *conn_ctx)
{
	struct conn *c = net_conn_new(n);
	enum net_way first;

	if (!c)
		return NULL;
	c->ctx = conn_ctx;
	c->to = *to;
	c->connecting = true;
	c->give_up_ms = loop_now_ms(n->loop) + NET_CONNECT_TIMEOUT_MS;
	c->timer = loop_timer_new(n->loop, on_connect_timer, c);
	first = net_first_way(n->utp != NULL, n->utp_only, to, &c->second);
	if (tcp && !n->utp_only) {
		first = NET_WAY_TCP;
		c->second = NET_WAY_NONE;
	}
	if (!c->timer || !(start_way(c, first) || start_second(c))) {
		net_close(c);
		return NULL;
	}
	set_connect_timer(c);
	return c;
}

void net_want_write(struct conn *c)
{
	if (c->dirty || c->dead || c->blocked || c->connecting)
		return;
	if (c->utp) {
		net_utp_want_write(c);
		return;
	}
	c->dirty = true;
	c->next_dirty = c->net->dirty;
	c->net->dirty = c;
	loop_want_turn_end(c->net->loop);
}

void net_want_read(struct conn *c)
{
	if (!c->dead && c->utp && !c->connecting) {
		net_utp_want_read(c);
		return;
	}
	if (!c->read_paused || c->dead)
		return;
	c->read_paused = false;
	set_watch(c);
}

void net_hear(struct conn *c)
{
	if (c->dead || c->connecting)
		return;
	if (c->utp)
		net_utp_hear(c);
	else if (c->fd >= 0 && !c->read_paused)
		(void)receive_once(c);
}

void net_flush(struct net *n)
{
	/* those who want again during this go to the next turn */
	n->flushing = n->dirty;
	n->dirty = NULL;
	while (n->flushing) {
		struct conn *c = n->flushing;

		n->flushing = c->next_dirty;
		c->dirty = false;
		transmit(c);
	}
	if (n->utp)
		net_utp_flush(n->utp);
	free_dead(n);
}

unsigned net_count(const struct net *n)
{
	return n->conn_count;
}
