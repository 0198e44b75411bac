#include "node/swarm/udp.h"

#include "node/swarm/link.h"
#include "wire/reach/proxy.h"

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
#define RELAY_IOV_MAX 65

struct udp_socket {
	struct udp *udp;
	int fd;
	int family;
	bool v4_too; /* an IPv6 wildcard */
	struct loop_watch *watch;
};

struct waiting { /* a datagram for a relay that is not there yet */
	struct net_addr to;
	size_t len;
	uint8_t bytes[UDP_WAITING_BYTES];
};

struct udp {
	struct loop *loop;
	struct log *log;
	struct udp_socket sockets[MAX_SOCKETS];
	unsigned count;
	struct udp_socket relay; /* fd -1: none */
	struct waiting *waiting; /* UDP_WAITING_MAX of them; NULL: no relay is
				    expected */
	unsigned waiting_count;
	struct {
		udp_fn *fn;
		void *ctx;
	} on[UDP_KINDS];
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
	u->relay.fd = -1;
	return u;
}

void udp_free(struct udp *u)
{
	if (!u)
		return;
	udp_no_relay(u);
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

/* From whom the relay says it is. */
static void deliver_relayed(struct udp *u, const struct span *bytes)
{
	struct wire_addr from;
	size_t head = proxy_udp_unwrap(&from, bytes->p, bytes->len);
	struct span rest = {bytes->owner, bytes->p + head, bytes->len - head};
	struct net_addr addr;
	enum udp_kind kind = udp_kind_of(rest.p, rest.len);

	if (!head || kind == UDP_KINDS || !u->on[kind].fn)
		return;
	net_addr_of_wire(&addr, &from);
	u->on[kind].fn(u->on[kind].ctx, &addr, &rest);
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

		if (msgs[i].msg_hdr.msg_flags & MSG_TRUNC)
			continue;
		if (s == &u->relay)
			deliver_relayed(u, &bytes);
		else
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

static enum udp_sent sent(ssize_t n)
{
	if (n >= 0)
		return UDP_SENT;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return UDP_BUSY;
	return errno == EMSGSIZE ? UDP_TOO_LONG : UDP_FAILED;
}

static enum udp_sent send_relayed(const struct udp *u,
				  const struct net_addr *to,
				  const struct iovec *iov, size_t n)
{
	const struct wire_addr at = wire_addr_of(to);
	uint8_t head[PROXY_UDP_HEAD];
	struct iovec all[RELAY_IOV_MAX];
	struct msghdr msg = {.msg_iov = all, .msg_iovlen = n + 1};

	if (n + 1 > RELAY_IOV_MAX)
		return UDP_FAILED;
	all[0] = (struct iovec){head, proxy_udp_wrap(head, &at)};
	memcpy(all + 1, iov, n * sizeof(*iov));
	return sent(sendmsg(u->relay.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* What does not fit is lost, as datagrams are. */
static enum udp_sent keep_waiting(struct udp *u, const struct net_addr *to,
				  const struct iovec *iov, size_t n)
{
	struct waiting *w = &u->waiting[u->waiting_count];
	size_t len = 0;

	if (u->waiting_count == UDP_WAITING_MAX)
		return UDP_BUSY;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > sizeof(w->bytes) - len)
			return UDP_TOO_LONG;
		memcpy(w->bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	w->to = *to;
	w->len = len;
	u->waiting_count++;
	return UDP_SENT;
}

static void send_waiting(struct udp *u)
{
	for (unsigned i = 0; i < u->waiting_count; i++) {
		struct waiting *w = &u->waiting[i];
		struct iovec iov = {w->bytes, w->len};

		(void)send_relayed(u, &w->to, &iov, 1);
	}
	free(u->waiting);
	u->waiting = NULL;
	u->waiting_count = 0;
}

static void close_relay(struct udp *u)
{
	loop_watch_free(u->relay.watch);
	u->relay.watch = NULL;
	if (u->relay.fd >= 0)
		(void)close(u->relay.fd);
	u->relay.fd = -1;
}

/* Connected, so that nobody but the relay is heard. */
enum err_code udp_relay(struct udp *u, const struct net_addr *at, struct err *e)
{
	struct udp_socket *s = &u->relay;

	close_relay(u);
	s->udp = u;
	s->family = at->sa.ss_family;
	s->fd = socket(s->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd >= 0)
		s->watch = loop_watch_new(u->loop, s->fd, on_socket, s);
	if (s->fd < 0 || !s->watch ||
	    connect(s->fd, (const struct sockaddr *)&at->sa, at->len) != 0) {
		(void)err_fail(e, ERR_IO, "%s", strerror(errno));
		udp_no_relay(u);
		return ERR_IO;
	}
	loop_watch_set(s->watch, LOOP_READ);
	send_waiting(u);
	return ERR_NONE;
}

void udp_expect_relay(struct udp *u)
{
	if (!u->waiting)
		u->waiting = calloc(UDP_WAITING_MAX, sizeof(*u->waiting));
}

void udp_no_relay(struct udp *u)
{
	free(u->waiting);
	u->waiting = NULL;
	u->waiting_count = 0;
	close_relay(u);
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
	return u->relay.fd >= 0 || u->waiting || socket_for(u, family) != NULL;
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

	if (u->relay.fd >= 0)
		return send_relayed(u, to, iov, n);
	if (u->waiting)
		return keep_waiting(u, to, iov, n);
	if (!s)
		return UDP_FAILED;
	if (s->family != to->sa.ss_family) {
		net_addr_to_ip16(to, mapped.sin6_addr.s6_addr);
		mapped.sin6_port = htons(net_addr_port(to));
		msg.msg_name = &mapped;
		msg.msg_namelen = sizeof(mapped);
	}
	return sent(sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT));
}
