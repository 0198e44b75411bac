#include "node/net/udp_relay.h"

#include "node/net/link.h"
#include "node/net/udp.h"
#include "wire/reach/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IOV_MAX_SENT 65
#define DATAGRAMS_A_TURN 64
#define DATAGRAM_MAX (UDP_BYTES_MAX + PROXY_UDP_HEAD)

struct waiting { /* a datagram for a relay that is not there yet */
	struct net_addr to;
	size_t len;
	uint8_t bytes[UDP_RELAY_BYTES];
};

struct udp_relay {
	struct loop *loop;
	struct udp *udp;
	int fd; /* -1: none */
	struct loop_watch *watch;
	struct cbuf_pool *pool; /* of what was received */
	bool expected;
	unsigned count;
	struct waiting waiting[UDP_RELAY_WAITING];
};

/* ---- sending ---- */

static enum udp_sent send_now(const struct udp_relay *r,
			      const struct net_addr *to,
			      const struct iovec *iov, size_t n)
{
	const struct wire_addr at = wire_addr_of(to);
	uint8_t head[PROXY_UDP_HEAD];
	struct iovec all[IOV_MAX_SENT];
	struct msghdr msg = {.msg_iov = all, .msg_iovlen = n + 1};

	if (n + 1 > IOV_MAX_SENT)
		return UDP_FAILED;
	all[0] = (struct iovec){head, proxy_udp_wrap(head, &at)};
	memcpy(all + 1, iov, n * sizeof(*iov));
	if (sendmsg(r->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
		return UDP_SENT;
	if (errno == EAGAIN || errno == ENOBUFS || errno == EINTR)
		return UDP_BUSY;
	return errno == EMSGSIZE ? UDP_TOO_LONG : UDP_FAILED;
}

/* What does not fit is lost, as datagrams are. */
static enum udp_sent keep(struct udp_relay *r, const struct net_addr *to,
			  const struct iovec *iov, size_t n)
{
	struct waiting *w = &r->waiting[r->count];
	size_t len = 0;

	if (r->count == UDP_RELAY_WAITING)
		return UDP_BUSY;
	for (size_t i = 0; i < n; i++) {
		if (iov[i].iov_len > sizeof(w->bytes) - len)
			return UDP_TOO_LONG;
		memcpy(w->bytes + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	w->to = *to;
	w->len = len;
	r->count++;
	return UDP_SENT;
}

static enum udp_sent on_send(void *ctx, const struct net_addr *to,
			     const struct iovec *iov, size_t n)
{
	struct udp_relay *r = ctx;

	if (r->fd >= 0)
		return send_now(r, to, iov, n);
	return r->expected ? keep(r, to, iov, n) : UDP_FAILED;
}

/* ---- receiving ---- */

/* From whom the relay says it is. False: nothing more waits. */
static bool receive_once(struct udp_relay *r)
{
	struct cbuf *buf = cbuf_get(r->pool);
	struct wire_addr from;
	struct net_addr addr;
	struct span bytes;
	size_t head;
	ssize_t n;

	if (!buf)
		return false;
	n = recv(r->fd, buf->data, buf->cap, MSG_DONTWAIT);
	head = n > 0 ? proxy_udp_unwrap(&from, buf->data, (size_t)n) : 0;
	if (head) {
		bytes = (struct span){buf, buf->data + head, (size_t)n - head};
		net_addr_of_wire(&addr, &from);
		udp_take(r->udp, &addr, &bytes);
	}
	cbuf_unref(buf);
	return n >= 0;
}

static void on_socket(void *ctx, unsigned what)
{
	struct udp_relay *r = ctx;

	(void)what;
	for (int i = 0; i < DATAGRAMS_A_TURN && r->fd >= 0; i++)
		if (!receive_once(r))
			return;
}

/* ---- life ---- */

static void drop_socket(struct udp_relay *r)
{
	loop_watch_free(r->watch);
	r->watch = NULL;
	if (r->fd >= 0)
		(void)close(r->fd);
	r->fd = -1;
}

/* Connected, so that nobody but the relay is heard. */
enum err_code udp_relay_open(struct udp_relay *r, const struct net_addr *at,
			     struct err *e)
{
	drop_socket(r);
	r->fd = socket(at->sa.ss_family,
		       SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (r->fd < 0 ||
	    connect(r->fd, (const struct sockaddr *)&at->sa, at->len) != 0) {
		(void)err_fail(e, ERR_IO, "%s", strerror(errno));
		drop_socket(r);
		return ERR_IO;
	}
	r->watch = loop_watch_new(r->loop, r->fd, on_socket, r);
	if (!r->watch) {
		drop_socket(r);
		return err_fail(e, ERR_NOMEM, "relay");
	}
	loop_watch_set(r->watch, LOOP_READ);
	for (unsigned i = 0; i < r->count; i++) {
		struct iovec iov = {r->waiting[i].bytes, r->waiting[i].len};

		(void)send_now(r, &r->waiting[i].to, &iov, 1);
	}
	r->count = 0;
	r->expected = false;
	return ERR_NONE;
}

void udp_relay_close(struct udp_relay *r)
{
	drop_socket(r);
	r->expected = false;
	r->count = 0;
}

struct udp_relay *udp_relay_new(struct loop *loop, struct udp *udp)
{
	struct udp_relay *r = calloc(1, sizeof(*r));

	if (r)
		r->pool = cbuf_pool_new(DATAGRAM_MAX, 256, 4);
	if (!r || !r->pool) {
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->udp = udp;
	r->fd = -1;
	r->expected = true;
	udp_set_way(udp, on_send, r);
	return r;
}

void udp_relay_free(struct udp_relay *r)
{
	if (!r)
		return;
	udp_set_way(r->udp, NULL, NULL);
	drop_socket(r);
	cbuf_pool_free(r->pool);
	free(r);
}
