#include "node/net/udp_int.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

#define RBUF (1U << 20)
#define RBUFS_MAX 4096U
#define RBUFS_KEPT 8U		/* a new one costs 256 page faults */
#define SOCKET_BUFFER (1 << 22) /* asked for; the system may give less */

enum udp_kind udp_kind_of(const uint8_t *bytes, size_t len)
{
	if (len >= 2 && bytes[0] == 'd')
		return UDP_DHT;
	if (len >= UDP_UTP_HEAD && (bytes[0] & 0x0f) == 1 && bytes[0] >> 4 <= 4)
		return UDP_UTP;
	if (len >= 8 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 0 &&
	    bytes[3] <= 3)
		return UDP_TRACKER;
	return UDP_KINDS;
}

/* Nothing came for a while: an idle node holds no buffers. */
static void on_idle(void *ctx)
{
	struct udp *u = ctx;

	if (u->received) {
		u->received = false;
		loop_timer_set(u->idle, UDP_IDLE_MS);
		return;
	}
	cbuf_unref(u->rbuf);
	u->rbuf = NULL;
	cbuf_pool_trim(u->pool);
}

struct udp *udp_new(struct loop *loop, struct log *log, struct err *e)
{
	struct udp *u = calloc(1, sizeof(*u));

	if (u) {
		u->pool = cbuf_pool_new(RBUF, RBUFS_MAX, RBUFS_KEPT);
		u->slots = malloc((size_t)UDP_BATCH * UDP_SLOT);
		u->idle = loop_timer_new(loop, on_idle, u);
	}
	if (!u || !u->pool || !u->slots || !u->idle) {
		udp_free(u);
		(void)err_fail(e, ERR_NOMEM, "UDP");
		return NULL;
	}
	u->loop = loop;
	u->log = log;
	return u;
}

void udp_free(struct udp *u)
{
	if (!u)
		return;
	for (unsigned i = 0; i < u->count; i++) {
		loop_watch_free(u->sockets[i].watch);
		(void)close(u->sockets[i].fd);
	}
	loop_timer_free(u->idle);
	cbuf_unref(u->rbuf);
	cbuf_pool_free(u->pool);
	free(u->slots);
	free(u);
}

void udp_on(struct udp *u, enum udp_kind kind, udp_fn *fn, void *ctx)
{
	u->on[kind].fn = fn;
	u->on[kind].ctx = ctx;
}

void udp_on_utp(struct udp *u, const struct udp_utp_ops *ops, void *ctx)
{
	u->utp = ops;
	u->utp_ctx = ctx;
}

void udp_set_way(struct udp *u, udp_way_fn *fn, void *ctx)
{
	u->way = fn;
	u->way_ctx = ctx;
}

void udp_take(struct udp *u, const struct net_addr *from,
	      const struct span *bytes)
{
	enum udp_kind kind = udp_kind_of(bytes->p, bytes->len);

	if (kind != UDP_KINDS && u->on[kind].fn)
		u->on[kind].fn(u->on[kind].ctx, from, bytes);
}

/* ---- sockets ---- */

/* What is longer than the path carries is fragmented, but for MTU probes. */
static void forbid_fragments(const struct udp_socket *s, bool forbid)
{
	const int v4 = forbid ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
	const int v6 = forbid ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT;

	if (s->family == AF_INET || s->v4_too)
		(void)setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4,
				 sizeof(v4));
	if (s->family == AF_INET6)
		(void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6,
				 sizeof(v6));
}

/* Of what the system gives the half: it counts its own overhead, too. */
static uint32_t room_of(int fd)
{
	int size = 0;
	socklen_t len = sizeof(size);

	(void)getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
	return (uint32_t)size / 2;
}

static int bind_socket(const struct net_addr *at)
{
	const int zero = 0, one = 1, size = SOCKET_BUFFER;
	int family = at->sa.ss_family;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
				 sizeof(zero));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&at->sa, at->len) != 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static bool is_any(const struct net_addr *a)
{
	static const uint8_t any[16];
	uint8_t ip[16];

	return memcmp(ip, any, net_addr_ip(a, ip)) == 0;
}

enum err_code udp_listen(struct udp *u, const char *host, uint16_t port,
			 uint16_t *bound, struct err *e)
{
	struct udp_socket *s = &u->sockets[u->count];
	struct net_addr at, got = {.len = sizeof(got.sa)};

	if (u->count == UDP_MAX_SOCKETS)
		return err_fail(e, ERR_LIMIT, "more than %d UDP sockets",
				UDP_MAX_SOCKETS);
	if (!net_addr_from_ip(&at, host, port))
		return err_fail(e, ERR_PARSE, "%.60s: want an IP address",
				host);
	s->fd = bind_socket(&at);
	if (s->fd < 0)
		return err_fail(e, ERR_IO,
				"cannot listen on %.60s, UDP port %u: %s", host,
				port, strerror(errno));
	s->udp = u;
	s->family = at.sa.ss_family;
	s->v4_too = s->family == AF_INET6 && is_any(&at);
	s->room = room_of(s->fd);
	forbid_fragments(s, false);
	s->watch = loop_watch_new(u->loop, s->fd, udp_on_socket, s);
	if (!s->watch) {
		(void)close(s->fd);
		return err_fail(e, ERR_NOMEM, "UDP");
	}
	(void)getsockname(s->fd, (struct sockaddr *)&got.sa, &got.len);
	*bound = net_addr_port(&got);
	u->count++;
	loop_watch_set(s->watch, LOOP_READ);
	return ERR_NONE;
}

/* An own socket of the family before one that takes it too. */
int udp_socket_for(const struct udp *u, int family)
{
	for (unsigned i = 0; i < u->count; i++)
		if (u->sockets[i].family == family)
			return (int)i;
	for (unsigned i = 0; i < u->count; i++)
		if (family == AF_INET && u->sockets[i].v4_too)
			return (int)i;
	return -1;
}

bool udp_has(const struct udp *u, int family)
{
	return u->way || udp_socket_for(u, family) >= 0;
}

uint32_t udp_receive_room(const struct udp *u, unsigned socket)
{
	return u->sockets[socket].room;
}

/* ---- sending ---- */

/* As the socket's family has it. */
static socklen_t address(const struct udp_socket *s, const uint8_t ip[16],
			 uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	struct net_addr at;

	if (s->family == AF_INET6) {
		*v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
					    .sin6_port = htons(port)};
		memcpy(&v6->sin6_addr, ip, 16);
		return sizeof(*v6);
	}
	net_addr_from_ip16(&at, ip, port);
	*out = at.sa;
	return at.len;
}

static enum udp_sent send_one(const struct udp_socket *s,
			      const struct msghdr *msg)
{
	if (sendmsg(s->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return UDP_SENT;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return UDP_BUSY;
	return errno == EMSGSIZE ? UDP_TOO_LONG : UDP_FAILED;
}

enum udp_sent udp_send(struct udp *u, const struct net_addr *to,
		       const struct iovec *iov, size_t n)
{
	int socket = udp_socket_for(u, to->sa.ss_family);
	struct sockaddr_storage sa;
	struct msghdr msg = {.msg_name = &sa,
			     .msg_iov = (struct iovec *)iov,
			     .msg_iovlen = n};
	uint8_t ip[16];

	if (u->way)
		return u->way(u->way_ctx, to, iov, n);
	if (socket < 0)
		return UDP_FAILED;
	net_addr_to_ip16(to, ip);
	msg.msg_namelen =
		address(&u->sockets[socket], ip, net_addr_port(to), &sa);
	return send_one(&u->sockets[socket], &msg);
}

/* All in one call. */
static enum udp_sent send_row(const struct udp_socket *s, struct msghdr *msg,
			      const struct udp_run *run)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2)] = {0};
	const uint16_t segment = (uint16_t)run->segment;
	struct cmsghdr *c;
	enum udp_sent sent;

	msg->msg_control = control;
	msg->msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = IPPROTO_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(c), &segment, sizeof(segment));
	sent = send_one(s, msg);
	msg->msg_control = NULL;
	msg->msg_controllen = 0;
	return sent;
}

/* One by one; what the socket does not take any more is as good as lost. */
static enum udp_sent send_each(const struct udp_socket *s, struct msghdr *msg,
			       const struct udp_run *run)
{
	enum udp_sent first = UDP_SENT;

	for (size_t at = 0; at < run->len; at += run->segment) {
		size_t left = run->len - at;
		enum udp_sent sent;

		msg->msg_iov->iov_base = (void *)(uintptr_t)(run->p + at);
		msg->msg_iov->iov_len =
			left < run->segment ? left : run->segment;
		sent = send_one(s, msg);
		if (at == 0)
			first = sent;
		if (sent == UDP_BUSY)
			break;
	}
	return first;
}

static void wait_writable(struct udp_socket *s)
{
	if (s->blocked)
		return;
	s->blocked = true;
	loop_watch_set(s->watch, LOOP_READ | LOOP_WRITE);
}

enum udp_sent udp_send_run(struct udp *u, unsigned socket,
			   const struct wire_addr *to,
			   const struct udp_run *run)
{
	struct udp_socket *s = &u->sockets[socket];
	struct sockaddr_storage sa;
	struct iovec iov = {(void *)(uintptr_t)run->p, run->len};
	struct msghdr msg = {.msg_name = &sa, .msg_iov = &iov, .msg_iovlen = 1};
	enum udp_sent sent = UDP_FAILED;

	msg.msg_namelen = address(s, to->ip, to->port, &sa);
	if (run->whole)
		forbid_fragments(s, true);
	if (run->len > run->segment && !s->no_segment)
		sent = send_row(s, &msg, run);
	/* no such call here, or a segment longer than the interface takes */
	if (sent == UDP_FAILED || sent == UDP_TOO_LONG) {
		if (run->len > run->segment &&
		    (errno == ENOPROTOOPT || errno == EOPNOTSUPP ||
		     errno == EIO))
			s->no_segment = true;
		sent = send_each(s, &msg, run);
	}
	if (run->whole)
		forbid_fragments(s, false);
	if (sent == UDP_BUSY)
		wait_writable(s);
	return sent;
}
