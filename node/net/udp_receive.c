/* udp_receive.c - what arrives: taken in batches and in rows, told apart,
 * handed on. */
#include "node/net/udp_int.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define BATCHES_A_TURN 8 /* then others get their turn */
#define SEGMENTS_MAX 64U /* in one row */
#define ROWS_AGAIN 4	 /* short receives until rows are not expected */

/* One receive: a datagram, or a row of them of one length. */
struct row {
	struct udp_socket *socket;
	struct sockaddr_storage from;
	socklen_t from_len;
	uint32_t segment;
};

/* Room for a receive behind what others may still hold. */
static bool rbuf_ready(struct udp *u)
{
	if (u->rbuf && u->rbuf->refs == 1)
		u->rbuf_used = 0; /* nobody kept a span: start over, hot */
	u->received = true;
	if (u->rbuf && u->rbuf->cap - u->rbuf_used >= UDP_SLOT)
		return true;
	if (!u->rbuf)
		loop_timer_set(u->idle, UDP_IDLE_MS);
	cbuf_unref(u->rbuf);
	u->rbuf = cbuf_get(u->pool);
	u->rbuf_used = 0;
	return u->rbuf != NULL;
}

static uint8_t *rbuf_tail(const struct udp *u)
{
	return u->rbuf->data + u->rbuf_used;
}

static void tell(struct udp *u, enum udp_kind kind, const struct row *row,
		 const uint8_t *p, size_t len)
{
	struct net_addr raw = {.sa = row->from, .len = row->from_len}, addr;
	struct span bytes = {.len = len};
	uint8_t ip[16];

	if (kind == UDP_KINDS || !u->on[kind].fn || len > UDP_BYTES_MAX ||
	    !rbuf_ready(u))
		return;
	bytes.owner = u->rbuf;
	bytes.p = memcpy(rbuf_tail(u), p, len);
	u->rbuf_used += (uint32_t)len;
	net_addr_to_ip16(&raw, ip);
	net_addr_from_ip16(&addr, ip, net_addr_port(&raw));
	u->on[kind].fn(u->on[kind].ctx, &addr, &bytes);
}

static struct wire_addr sender(const struct row *row)
{
	const struct net_addr raw = {.sa = row->from, .len = row->from_len};
	struct wire_addr from = {.port = net_addr_port(&raw)};

	net_addr_to_ip16(&raw, from.ip);
	return from;
}

static void tell_arrived(struct udp *u)
{
	if (u->utp)
		u->utp->arrived(u->utp_ctx);
}

static void tell_utp(struct udp *u, const struct row *row,
		     const struct wire_addr *from, const uint8_t *head,
		     const struct span *rest)
{
	if (u->utp)
		u->utp->packet(u->utp_ctx, (unsigned)(row->socket - u->sockets),
			       from, head, rest);
}

/* A row that lies in one piece in a slot, which is used again: what uTP may
 * keep is copied out of it, payload behind payload. */
static void split(struct udp *u, const struct row *row, const uint8_t *p,
		  size_t len)
{
	struct wire_addr from = sender(row);
	bool room = rbuf_ready(u);

	tell_arrived(u);
	while (len) {
		size_t n = len < row->segment ? len : row->segment;
		enum udp_kind kind = udp_kind_of(p, n);
		struct span rest = {.p = p + UDP_UTP_HEAD,
				    .len = n - UDP_UTP_HEAD};

		if (kind != UDP_UTP) {
			tell(u, kind, row, p, n);
			room = rbuf_ready(u);
		} else {
			if (p[0] == 0x01 && rest.len && room) {
				memcpy(rbuf_tail(u), rest.p, rest.len);
				rest.owner = u->rbuf;
				rest.p = rbuf_tail(u);
				u->rbuf_used += (uint32_t)rest.len;
			}
			tell_utp(u, row, &from, p, &rest);
		}
		p += n;
		len -= n;
	}
}

#define CONTROL_MAX CMSG_SPACE(sizeof(int)) /* a multiple of its align */

/* How long the datagrams of a row are. */
static uint32_t segment_of(struct msghdr *m, size_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			int segment;

			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			if (segment > 0)
				return (uint32_t)segment;
		}
	return (uint32_t)(len ? len : 1);
}

static void expect_rows(struct udp_socket *s, uint32_t segment, size_t len)
{
	if (len >= 4 * (size_t)segment && segment > UDP_UTP_HEAD) {
		s->stride = segment;
		s->shorts = 0;
	} else if (s->stride && ++s->shorts >= ROWS_AGAIN) {
		s->stride = 0;
	}
}

/* False: nothing more waits. */
static bool receive_many(struct udp_socket *s)
{
	struct mmsghdr msgs[UDP_BATCH];
	struct iovec iov[UDP_BATCH];
	struct row rows[UDP_BATCH];
	_Alignas(struct cmsghdr) char control[UDP_BATCH][CONTROL_MAX];
	struct udp *u = s->udp;
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (unsigned i = 0; i < UDP_BATCH; i++) {
		struct msghdr *m = &msgs[i].msg_hdr;

		iov[i].iov_base = u->slots + (size_t)i * UDP_SLOT;
		iov[i].iov_len = UDP_SLOT;
		m->msg_iov = &iov[i];
		m->msg_iovlen = 1;
		m->msg_name = &rows[i].from;
		m->msg_namelen = sizeof(rows[i].from);
		m->msg_control = control[i];
		m->msg_controllen = sizeof(control[i]);
	}
	n = recvmmsg(s->fd, msgs, UDP_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct msghdr *m = &msgs[i].msg_hdr;

		if (m->msg_flags & MSG_TRUNC)
			continue;
		rows[i].socket = s;
		rows[i].from_len = m->msg_namelen;
		rows[i].segment = segment_of(m, msgs[i].msg_len);
		expect_rows(s, rows[i].segment, msgs[i].msg_len);
		split(u, &rows[i], iov[i].iov_base, msgs[i].msg_len);
	}
	return n == (int)UDP_BATCH;
}

static bool is_utp(uint8_t heads[][UDP_UTP_HEAD], const struct row *row,
		   size_t len)
{
	for (size_t i = 0; i * row->segment + UDP_UTP_HEAD <= len; i++)
		if (udp_kind_of(heads[i], UDP_UTP_HEAD) != UDP_UTP)
			return false;
	return true;
}

/* A row of uTP whose heads and payloads were received apart. */
static void take_row(struct udp *u, const struct row *row,
		     uint8_t heads[][UDP_UTP_HEAD], size_t len)
{
	const uint32_t payload = row->segment - UDP_UTP_HEAD;
	struct wire_addr from = sender(row);
	struct cbuf *owner = u->rbuf;
	const uint8_t *p = rbuf_tail(u);

	cbuf_ref(owner);
	tell_arrived(u);
	u->rbuf_used +=
		(uint32_t)(len / row->segment * payload + len % row->segment);
	for (unsigned i = 0; len; i++) {
		size_t n = len < row->segment ? len : row->segment;
		struct span rest = {
			.owner = owner, .p = p, .len = n - UDP_UTP_HEAD};

		if (n < UDP_UTP_HEAD)
			break;
		tell_utp(u, row, &from, heads[i], &rest);
		p += payload;
		len -= n;
	}
	cbuf_unref(owner);
}

/* It has another shape than was expected: put together again. */
static void take_other(struct udp *u, const struct row *row, uint32_t stride,
		       uint8_t heads[][UDP_UTP_HEAD], size_t len)
{
	const uint8_t *p = rbuf_tail(u);
	uint8_t *to = u->slots;

	for (size_t left = len, i = 0; left; i++) {
		size_t n = left < stride ? left : stride;
		size_t head = n < UDP_UTP_HEAD ? n : UDP_UTP_HEAD;

		memcpy(to, heads[i], head);
		memcpy(to + head, p, n - head);
		to += n;
		p += n - head;
		left -= n;
	}
	split(u, row, u->slots, len);
}

/* One receive, heads apart from payloads, which so lie behind each other with
 * nothing copied. False: nothing more waits. */
static bool receive_row(struct udp_socket *s)
{
	struct iovec iov[2 * SEGMENTS_MAX + 1];
	uint8_t heads[SEGMENTS_MAX][UDP_UTP_HEAD];
	_Alignas(struct cmsghdr) char control[CONTROL_MAX];
	struct udp *u = s->udp;
	struct row row = {.socket = s};
	const uint32_t stride = s->stride, payload = stride - UDP_UTP_HEAD;
	struct msghdr m = {.msg_name = &row.from,
			   .msg_namelen = sizeof(row.from),
			   .msg_iov = iov,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	uint32_t n = 0;
	ssize_t got;

	if (!rbuf_ready(u))
		return receive_many(s);
	for (; n < SEGMENTS_MAX && (n + 1) * stride <= UDP_SLOT; n++) {
		iov[2 * n] = (struct iovec){heads[n], UDP_UTP_HEAD};
		iov[2 * n + 1] =
			(struct iovec){rbuf_tail(u) + n * payload, payload};
	}
	m.msg_iovlen = 2 * (size_t)n;
	got = recvmsg(s->fd, &m, MSG_DONTWAIT);
	if (got < 0)
		return false;
	if (m.msg_flags & MSG_TRUNC) {
		s->stride = 0;
		return true;
	}
	row.from_len = m.msg_namelen;
	row.segment = segment_of(&m, (size_t)got);
	expect_rows(s, row.segment, (size_t)got);
	if (row.segment == stride && is_utp(heads, &row, (size_t)got))
		take_row(u, &row, heads, (size_t)got);
	else
		take_other(u, &row, stride, heads, (size_t)got);
	return true;
}

void udp_on_socket(void *ctx, unsigned what)
{
	struct udp_socket *s = ctx;
	struct udp *u = s->udp;

	if (what & LOOP_WRITE) {
		s->blocked = false;
		loop_watch_set(s->watch, LOOP_READ);
		if (u->utp)
			u->utp->writable(u->utp_ctx);
	}
	if (!(what & LOOP_READ))
		return;
	for (unsigned i = 0; i < BATCHES_A_TURN * (s->stride ? UDP_BATCH : 1);
	     i++)
		if (!(s->stride ? receive_row(s) : receive_many(s)))
			break;
	if (u->utp)
		u->utp->batch_end(u->utp_ctx);
}
