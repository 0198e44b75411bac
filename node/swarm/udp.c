#include "node/swarm/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SOCKETS 16
#define BATCH 16U
#define BATCHES_A_TURN 8
#define RBUF (BATCH * UDP_BYTES_MAX)
#define RBUFS_MAX 1024U
#define RBUFS_KEPT 2U
#define SOCKET_BUFFER (1 << 20)

struct udp_socket {
	struct udp *udp;
	int fd;
	int family;
	bool v4_too; /* an IPv6 wildcard */
	struct loop_watch *watch;
};

struct udp {
	struct loop *loop;
	struct log *log;
	struct udp_socket sockets[MAX_SOCKETS];
	unsigned count;
	struct {
		udp_fn *fn;
		void *ctx;
	} on[UDP_KINDS];
	udp_way_fn *way; /* NULL: by the sockets */
	void *way_ctx;
	struct cbuf_pool *pool;
};

enum udp_kind udp_kind_of(const uint8_t *bytes, size_t len)
{
	if (len >= 2 && bytes[0] == 'd')
		return UDP_DHT;
	if (len >= 20 && (bytes[0] & 0x0f) == 1 && bytes[0] >> 4 <= 4)
		return UDP_UTP;
	if (len >= 8 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 0 &&
	    bytes[3] <= 3)
		return UDP_TRACKER;
	return UDP_KINDS;
}

struct udp *udp_new(struct loop *loop, struct log *log, struct err *e)
{
	struct udp *u = calloc(1, sizeof(*u));

	if (u)
		u->pool = cbuf_pool_new(RBUF, RBUFS_MAX, RBUFS_KEPT);
	if (!u || !u->pool) {
		free(u);
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
	cbuf_pool_free(u->pool);
	free(u);
}

void udp_on(struct udp *u, enum udp_kind kind, udp_fn *fn, void *ctx)
{
	u->on[kind].fn = fn;
	u->on[kind].ctx = ctx;
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

static void deliver(struct udp *u, const struct sockaddr_storage *from,
		    socklen_t from_len, const struct span *bytes)
{
	enum udp_kind kind = udp_kind_of(bytes->p, bytes->len);
	struct net_addr raw = {.sa = *from, .len = from_len}, addr;
	uint8_t ip[16];

	if (kind == UDP_KINDS || !u->on[kind].fn)
		return;
	net_addr_to_ip16(&raw, ip);
	net_addr_from_ip16(&addr, ip, net_addr_port(&raw));
	u->on[kind].fn(u->on[kind].ctx, &addr, bytes);
}

/* False: nothing more waits. */
static bool receive_batch(struct udp_socket *s)
{
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_storage from[BATCH];
	struct udp *u = s->udp;
	struct cbuf *buf = cbuf_get(u->pool);
	int n;

	if (!buf)
		return false;
	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < BATCH; i++) {
		iov[i].iov_base = buf->data + i * UDP_BYTES_MAX;
		iov[i].iov_len = UDP_BYTES_MAX;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &from[i];
		msgs[i].msg_hdr.msg_namelen = sizeof(from[i]);
	}
	n = recvmmsg(s->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct span bytes = {.owner = buf,
				     .p = iov[i].iov_base,
				     .len = msgs[i].msg_len};

		if (!(msgs[i].msg_hdr.msg_flags & MSG_TRUNC))
			deliver(u, &from[i], msgs[i].msg_hdr.msg_namelen,
				&bytes);
	}
	cbuf_unref(buf);
	return n == (int)BATCH;
}

static void on_socket(void *ctx, unsigned what)
{
	struct udp_socket *s = ctx;

	(void)what;
	for (int i = 0; i < BATCHES_A_TURN; i++)
		if (!receive_batch(s))
			return;
}

static int bind_socket(const struct net_addr *at)
{
	const int zero = 0, size = SOCKET_BUFFER;
	int family = at->sa.ss_family;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero,
				 sizeof(zero));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
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

	if (u->count == MAX_SOCKETS)
		return err_fail(e, ERR_LIMIT, "more than %d UDP sockets",
				MAX_SOCKETS);
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
	s->watch = loop_watch_new(u->loop, s->fd, on_socket, s);
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
static const struct udp_socket *socket_for(const struct udp *u, int family)
{
	const struct udp_socket *found = NULL;

	for (unsigned i = 0; i < u->count && !found; i++)
		if (u->sockets[i].family == family)
			found = &u->sockets[i];
	for (unsigned i = 0; i < u->count && !found; i++)
		if (family == AF_INET && u->sockets[i].v4_too)
			found = &u->sockets[i];
	return found;
}

bool udp_has(const struct udp *u, int family)
{
	return u->way || socket_for(u, family) != NULL;
}

enum udp_sent udp_send(struct udp *u, const struct net_addr *to,
		       const struct iovec *iov, size_t n)
{
	const struct udp_socket *s = socket_for(u, to->sa.ss_family);
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
	struct msghdr msg = {.msg_name = (void *)&to->sa,
			     .msg_namelen = to->len,
			     .msg_iov = (struct iovec *)iov,
			     .msg_iovlen = n};

	if (u->way)
		return u->way(u->way_ctx, to, iov, n);
	if (!s)
		return UDP_FAILED;
	if (s->family != to->sa.ss_family) {
		net_addr_to_ip16(to, mapped.sin6_addr.s6_addr);
		mapped.sin6_port = htons(net_addr_port(to));
		msg.msg_name = &mapped;
		msg.msg_namelen = sizeof(mapped);
	}
	if (sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return UDP_SENT;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return UDP_BUSY;
	return errno == EMSGSIZE ? UDP_TOO_LONG : UDP_FAILED;
}
