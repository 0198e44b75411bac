/* net_utp.c - connections by uTP: the machine of wire/utp joined with the UDP
 * sockets and the clock. */
#include "base/clock.h"
#include "node/net/net_int.h"
#include "node/net/udp.h"
#include "wire/utp/utp.h"

#include <stdlib.h>
#include <string.h>

struct net_utp {
	struct net *net;
	struct udp *udp;
	struct utp *utp;
	struct loop_timer *timer;
	int64_t timer_us; /* when it goes off; INT64_MAX: not armed */
	int64_t now_us;	  /* when the last datagrams arrived */
};

static const struct utp_ops machine_ops;

static void on_arrived(void *ctx)
{
	((struct net_utp *)ctx)->now_us = clock_now_us();
}

static void on_packet(void *ctx, unsigned socket, const struct wire_addr *from,
		      const uint8_t *head, const struct span *rest)
{
	struct net_utp *nu = ctx;
	struct utp_path path = {.to = *from, .local = socket};

	utp_input(nu->utp, nu->now_us, &path, head, rest);
}

static void on_batch_end(void *ctx)
{
	struct net_utp *nu = ctx;

	utp_deliver(nu->utp, clock_now_us());
	if (utp_is_dirty(nu->utp))
		loop_want_turn_end(nu->net->loop);
}

static void on_writable(void *ctx)
{
	struct net_utp *nu = ctx;

	utp_writable(nu->utp);
	loop_want_turn_end(nu->net->loop);
}

static const struct udp_utp_ops door = {
	.arrived = on_arrived,
	.packet = on_packet,
	.batch_end = on_batch_end,
	.writable = on_writable,
};

static void on_timer(void *ctx)
{
	struct net_utp *nu = ctx;

	nu->timer_us = INT64_MAX;
	utp_tick(nu->utp, clock_now_us());
	/* the flush carries it out, and sets the timer again */
	loop_want_turn_end(nu->net->loop);
}

/* A timer that goes off too early does no harm, so it is only moved forward. */
static void set_timer(struct net_utp *nu, int64_t now_us)
{
	int64_t wake = utp_wake_us(nu->utp);

	if (wake >= nu->timer_us)
		return;
	nu->timer_us = wake;
	loop_timer_set(nu->timer,
		       wake > now_us ? (wake - now_us) / 1000 + 1 : 0);
}

void net_utp_flush(struct net_utp *nu)
{
	int64_t now = clock_now_us();

	utp_flush(nu->utp, now);
	if (utp_is_dirty(nu->utp))
		loop_want_turn_end(nu->net->loop);
	set_timer(nu, now);
}

enum err_code net_use_utp(struct net *n, struct udp *udp, bool only,
			  unsigned max_conns, struct err *e)
{
	struct net_utp *nu = calloc(1, sizeof(*nu));
	struct rng rng = rng_system();

	if (!nu)
		return err_fail(e, ERR_NOMEM, "uTP");
	nu->net = n;
	nu->udp = udp;
	nu->timer_us = INT64_MAX;
	nu->utp = utp_new(&machine_ops, nu, &rng, max_conns, e);
	nu->timer = loop_timer_new(n->loop, on_timer, nu);
	if (!nu->utp || !nu->timer) {
		net_utp_free(nu);
		return err_fail(e, ERR_NOMEM, "uTP");
	}
	udp_on_utp(udp, &door, nu);
	n->utp = nu;
	n->utp_only = only;
	return ERR_NONE;
}

void net_utp_free(struct net_utp *nu)
{
	if (!nu)
		return;
	udp_on_utp(nu->udp, NULL, NULL);
	utp_free(nu->utp, clock_now_us());
	loop_timer_free(nu->timer);
	free(nu);
}

/* ---- the machine's side ---- */

static enum utp_sent on_send(void *ctx, const struct utp_path *path,
			     const struct utp_datagrams *out)
{
	const struct net_utp *nu = ctx;
	const struct udp_run run = {.p = out->p,
				    .len = out->len,
				    .segment = out->segment,
				    .whole = out->whole};

	switch (udp_send_run(nu->udp, path->local, &path->to, &run)) {
	case UDP_SENT:
		return UTP_SENT;
	case UDP_BUSY:
		return UTP_BUSY;
	case UDP_TOO_LONG:
		return UTP_TOO_LONG;
	case UDP_FAILED:
		break;
	}
	return UTP_LOST;
}

/* On loopback nothing but the receiver's socket holds what is on its way, and
 * what that cannot hold is lost. */
static void limit(const struct net_utp *nu, struct utp_conn *c,
		  const struct net_addr *to, unsigned socket)
{
	uint32_t room = udp_receive_room(nu->udp, socket);
	uint32_t packet = UTP_PACKET_ETHERNET;

	if (to->sa.ss_family == AF_INET6)
		packet -= 20; /* the longer header */
	if (!net_addr_is_loopback(to) || room > UTP_WINDOW)
		room = UTP_WINDOW;
	utp_conn_limit(c, packet, room);
}

static void *on_accepted(void *ctx, struct utp_conn *uc,
			 const struct utp_path *path)
{
	struct net_utp *nu = ctx;
	struct net *n = nu->net;
	struct conn *c = net_conn_new(n);
	struct net_addr from;

	if (!c)
		return NULL;
	net_addr_from_ip16(&from, path->to.ip, path->to.port);
	limit(nu, uc, &from, path->local);
	c->utp = uc;
	c->ctx = n->ops->accepted(n->ctx, c, &from);
	if (c->ctx)
		return c;
	c->utp = NULL; /* the machine closes what is refused */
	net_close(c);
	return NULL;
}

static void on_connected(void *conn_ctx)
{
	struct conn *c = conn_ctx;

	net_drop_tcp(c);
	net_connected(c);
}

static void on_received(void *conn_ctx, const struct span *bytes)
{
	struct conn *c = conn_ctx;

	c->net->ops->received(c->ctx, bytes);
}

static size_t on_output(void *conn_ctx, struct iovec *iov, size_t max)
{
	struct conn *c = conn_ctx;

	return c->net->ops->output(c->ctx, iov, max);
}

static void on_sent(void *conn_ctx, size_t bytes)
{
	struct conn *c = conn_ctx;

	c->net->ops->sent(c->ctx, bytes);
}

static size_t on_may_read(void *conn_ctx)
{
	struct conn *c = conn_ctx;
	size_t room = c->net->ops->may_read(c->ctx);

	return room < NET_RECV ? room : NET_RECV;
}

static void on_closed(void *conn_ctx, enum utp_close why)
{
	struct conn *c = conn_ctx;

	c->utp = NULL;
	if (c->connecting)
		net_way_failed(c, utp_close_name(why));
	else
		net_lose(c, utp_close_name(why));
}

static const struct utp_ops machine_ops = {
	.send = on_send,
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.output = on_output,
	.sent = on_sent,
	.may_read = on_may_read,
	.closed = on_closed,
};

/* ---- net's side ---- */

bool net_utp_connect(struct conn *c)
{
	struct net_utp *nu = c->net->utp;
	int socket = udp_socket_for(nu->udp, c->to.sa.ss_family);
	struct utp_path path = {.to.port = net_addr_port(&c->to),
				.local = (unsigned)socket};

	if (socket < 0)
		return false;
	net_addr_to_ip16(&c->to, path.to.ip);
	c->utp = utp_connect(nu->utp, clock_now_us(), &path, c);
	if (!c->utp)
		return false;
	limit(nu, c->utp, &c->to, path.local);
	loop_want_turn_end(c->net->loop);
	return true;
}

void net_utp_close(struct conn *c)
{
	if (!c->utp)
		return;
	utp_conn_close(c->utp);
	c->utp = NULL;
	loop_want_turn_end(c->net->loop);
}

void net_utp_want_write(struct conn *c)
{
	utp_conn_want_write(c->utp);
	loop_want_turn_end(c->net->loop);
}

void net_utp_want_read(struct conn *c)
{
	utp_conn_want_read(c->utp);
	loop_want_turn_end(c->net->loop);
}

void net_utp_hear(struct conn *c)
{
	utp_conn_hear(c->utp);
}
