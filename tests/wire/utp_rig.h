/* utp_rig.h - two nodes that speak uTP over a path made of nothing: delay,
 * jitter, loss, copies, a narrow MTU, a bottleneck with a queue, under a clock
 * that we turn. A seed replays a run.
 *
 * Streams carry a pattern of which each byte is known by its place, so all that
 * is read is checked.
 */
#ifndef TESTS_WIRE_UTP_RIG_H
#define TESTS_WIRE_UTP_RIG_H

#include "tests/check.h"
#include "wire/utp/utp.h"

#include <stdlib.h>
#include <string.h>

#define RIG_ENDS 16
#define RIG_FLIGHT 16384
#define RIG_PERIOD 251U
#define RIG_PATTERN 65536U

struct rig;

/* One end of a connection. */
struct rig_end {
	struct rig *rig;
	unsigned side;
	struct utp_conn *conn; /* NULL: none, or gone */
	uint64_t to_send, sent, received;
	size_t quota; /* what may be read now; SIZE_MAX: all */
	bool accepted, connected, closed, counts_quota;
	bool close_when_sent, close_in_read;
	enum utp_close why;
	unsigned reads;
	uint64_t wrong; /* bytes that were not the pattern */
};

struct rig_packet {
	int64_t at_us;
	uint64_t order;
	unsigned to; /* side; 2: the loss-based flow's */
	uint32_t len, segment;
	uint8_t *p;
};

struct rig_net {
	int64_t delay_us, jitter_us;
	uint32_t loss, copies; /* of a million */
	uint32_t mtu;	       /* 0: any */
	uint64_t rate;	       /* bytes a second; 0: any */
	uint64_t queue;	       /* bytes before it, then packets are dropped */
};

/* A flow that fills queues until it loses: what a download by TCP is. */
struct rig_greedy {
	bool on;
	double cwnd;
	unsigned flight;
	int64_t cut_until_us;
	uint64_t delivered;
};

struct rig {
	int64_t now;
	struct rng rng;
	struct utp *u[2];
	struct rig_side {
		struct rig *rig;
		unsigned index;
	} sides[2];
	int64_t skew_us[2]; /* what a node's clock shows more */
	int64_t drift_ppm[2];
	struct rig_net net[2]; /* from side 0; from side 1 */
	int64_t free_at[2];    /* when the bottleneck has nothing left */
	int64_t worst_queue_us;
	struct rig_packet heap[RIG_FLIGHT];
	unsigned in_flight;
	uint64_t orders;
	struct rig_end ends[RIG_ENDS];
	unsigned n_ends;
	bool refuse;
	unsigned busy;	/* so many sends answer UTP_BUSY */
	bool knows_mtu; /* sends over it answer UTP_TOO_LONG */
	uint64_t packets[2], bytes[2], fragmented[2], dropped;
	struct rig_greedy greedy;
	uint8_t last[2][2048]; /* the last packet that each side sent */
	size_t last_len[2];
	bool cut[2]; /* nothing of this side arrives */
	/* a packet that is altered, copied or dropped on purpose; false: drop
	 */
	bool (*meddle)(struct rig *r, unsigned from, uint8_t *p, size_t len);
	uint8_t pattern[RIG_PATTERN + RIG_PERIOD];
};

static int64_t rig_clock(const struct rig *r, unsigned side)
{
	return r->now + r->skew_us[side] +
	       r->now / 1000000 * r->drift_ppm[side];
}

/* ---- the path ---- */

static bool rig_before(const struct rig_packet *a, const struct rig_packet *b)
{
	return a->at_us < b->at_us ||
	       (a->at_us == b->at_us && a->order < b->order);
}

static void rig_push(struct rig *r, const struct rig_packet *k)
{
	unsigned i = r->in_flight++;

	if (r->in_flight == RIG_FLIGHT)
		abort();
	while (i > 0 && rig_before(k, &r->heap[(i - 1) / 2])) {
		r->heap[i] = r->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	r->heap[i] = *k;
}

static struct rig_packet rig_pop(struct rig *r)
{
	struct rig_packet top = r->heap[0], k = r->heap[--r->in_flight];
	unsigned i = 0;

	for (;;) {
		unsigned child = 2 * i + 1;

		if (child >= r->in_flight)
			break;
		if (child + 1 < r->in_flight &&
		    rig_before(&r->heap[child + 1], &r->heap[child]))
			child++;
		if (!rig_before(&r->heap[child], &k))
			break;
		r->heap[i] = r->heap[child];
		i = child;
	}
	r->heap[i] = k;
	return top;
}

/* When a packet of this length is through, or -1: the queue is full. */
static int64_t rig_through(struct rig *r, unsigned from, size_t len)
{
	const struct rig_net *n = &r->net[from];
	int64_t start = r->free_at[from] > r->now ? r->free_at[from] : r->now;
	int64_t wait = start - r->now;

	if (!n->rate)
		return r->now;
	if ((uint64_t)wait * n->rate / 1000000 + len > n->queue)
		return -1;
	if (wait > r->worst_queue_us)
		r->worst_queue_us = wait;
	r->free_at[from] =
		start + (int64_t)((uint64_t)(len + 28) * 1000000 / n->rate);
	return r->free_at[from];
}

static void rig_carry(struct rig *r, unsigned from, const uint8_t *p,
		      size_t len, bool fragment)
{
	const struct rig_net *n = &r->net[from];
	struct rig_packet k = {.to = 1 - from, .len = (uint32_t)len};
	unsigned copies = 1;
	int64_t through;

	r->packets[from]++;
	r->bytes[from] += len;
	if (len <= sizeof(r->last[from])) {
		memcpy(r->last[from], p, len);
		r->last_len[from] = len;
	}
	if (n->mtu && len > n->mtu && fragment)
		r->fragmented[from]++;
	if (r->cut[from] || (n->mtu && len > n->mtu && !fragment) ||
	    rng_below(&r->rng, 1000000) < n->loss ||
	    (through = rig_through(r, from, len)) < 0) {
		r->dropped++;
		return;
	}
	if (rng_below(&r->rng, 1000000) < n->copies)
		copies = 2;
	while (copies--) {
		k.at_us = through + n->delay_us +
			  rng_below(&r->rng, (uint32_t)n->jitter_us);
		k.order = r->orders++;
		k.p = malloc(len);
		memcpy(k.p, p, len);
		if (r->meddle && !r->meddle(r, from, k.p, len)) {
			free(k.p);
			continue;
		}
		rig_push(r, &k);
	}
}

static enum utp_sent rig_send(void *ctx, const struct utp_path *path,
			      const struct utp_datagrams *out)
{
	const struct rig_side *s = ctx;
	struct rig *r = s->rig;

	CHECK(path->local == s->index && path->to.port == 1000 - s->index,
	      "a packet by the wrong socket");
	CHECK(!out->whole || out->segment == out->len, "a probe in a run");
	if (r->busy) {
		r->busy--;
		return UTP_BUSY;
	}
	if (r->knows_mtu && out->whole && out->segment > r->net[s->index].mtu)
		return UTP_TOO_LONG;
	for (size_t at = 0; at < out->len; at += out->segment)
		rig_carry(r, s->index, out->p + at,
			  out->len - at < out->segment ? out->len - at
						       : out->segment,
			  !out->whole);
	return UTP_SENT;
}

/* ---- streams ---- */

static void *rig_accepted(void *ctx, struct utp_conn *c,
			  const struct utp_path *path)
{
	const struct rig_side *s = ctx;
	struct rig *r = s->rig;
	struct rig_end *e;

	(void)path;
	if (r->refuse)
		return NULL;
	for (unsigned i = 0; i < r->n_ends; i++) {
		e = &r->ends[i];
		if (e->side != s->index || e->conn || e->closed || e->connected)
			continue;
		e->conn = c;
		e->accepted = e->connected = true;
		return e;
	}
	return NULL;
}

static void rig_connected(void *ctx)
{
	((struct rig_end *)ctx)->connected = true;
}

static void rig_received(void *ctx, const struct span *bytes)
{
	struct rig_end *e = ctx;
	struct rig *r = e->rig;

	e->reads++;
	CHECK(bytes->len > 0 && bytes->len <= e->quota, "read %zu of %zu",
	      bytes->len, e->quota);
	for (size_t i = 0; i < bytes->len; i += RIG_PERIOD) {
		size_t n = bytes->len - i < RIG_PERIOD ? bytes->len - i
						       : RIG_PERIOD;

		if (memcmp(bytes->p + i,
			   r->pattern + (e->received + i) % RIG_PERIOD, n) != 0)
			e->wrong += n;
	}
	e->received += bytes->len;
	if (e->counts_quota)
		e->quota -= bytes->len;
	if (e->close_in_read) {
		utp_conn_close(e->conn);
		e->conn = NULL;
	}
}

static size_t rig_output(void *ctx, struct iovec *iov, size_t max)
{
	const struct rig_end *e = ctx;
	uint64_t left = e->to_send - e->sent, at = e->sent;
	size_t n = 0;

	for (; n < max && left; n++) {
		/* in pieces that fit no packet */
		size_t len = left < 16397 ? (size_t)left : 16397;

		iov[n].iov_base =
			(void *)(uintptr_t)(e->rig->pattern + at % RIG_PERIOD);
		iov[n].iov_len = len;
		at += len;
		left -= len;
	}
	return n;
}

static void rig_sent(void *ctx, size_t bytes)
{
	struct rig_end *e = ctx;

	e->sent += bytes;
	if (e->close_when_sent && e->sent == e->to_send) {
		utp_conn_close(e->conn);
		e->conn = NULL;
		e->closed = true;
	}
}

static size_t rig_may_read(void *ctx)
{
	return ((struct rig_end *)ctx)->quota;
}

static void rig_closed(void *ctx, enum utp_close why)
{
	struct rig_end *e = ctx;

	CHECK(!e->closed, "closed twice");
	e->closed = true;
	e->conn = NULL;
	e->why = why;
}

static const struct utp_ops rig_ops = {
	.send = rig_send,
	.accepted = rig_accepted,
	.connected = rig_connected,
	.received = rig_received,
	.output = rig_output,
	.sent = rig_sent,
	.may_read = rig_may_read,
	.closed = rig_closed,
};

/* ---- the world ---- */

static struct utp_path rig_path(unsigned side)
{
	struct utp_path p = {.local = side, .to.port = (uint16_t)(1000 - side)};

	p.to.ip[10] = p.to.ip[11] = 0xff;
	p.to.ip[12] = 10;
	p.to.ip[15] = (uint8_t)(2 - side);
	return p;
}

static struct rig *rig_new(uint64_t seed)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct rng rng[2] = {rng_seeded(seed + 1), rng_seeded(seed + 2)};

	r->rng = rng_seeded(seed);
	r->now = 1000000;
	for (unsigned i = 0; i < 2; i++) {
		r->sides[i].rig = r;
		r->sides[i].index = i;
		r->u[i] = utp_new(&rig_ops, &r->sides[i], &rng[i], 64, NULL);
		r->net[i] = (struct rig_net){.delay_us = 10000};
	}
	/* clocks that nobody has set, one close to where 32 bits end */
	r->skew_us[0] = 4294967296LL * 3 - 2000000;
	r->skew_us[1] = 123456789;
	for (size_t i = 0; i < sizeof(r->pattern); i++)
		r->pattern[i] = (uint8_t)(i % RIG_PERIOD * 7);
	return r;
}

static void rig_free(struct rig *r)
{
	for (unsigned i = 0; i < 2; i++)
		utp_free(r->u[i], rig_clock(r, i));
	while (r->in_flight)
		free(rig_pop(r).p);
	free(r);
}

static struct rig_end *rig_end_new(struct rig *r, unsigned side,
				   uint64_t to_send)
{
	struct rig_end *e = &r->ends[r->n_ends++];

	e->rig = r;
	e->side = side;
	e->to_send = to_send;
	e->quota = SIZE_MAX;
	return e;
}

/* Side 0 connects to side 1; ends[2k] and ends[2k + 1]. */
static struct rig_end *rig_pair(struct rig *r, uint64_t forth, uint64_t back)
{
	struct utp_path path = rig_path(0);
	struct rig_end *e = rig_end_new(r, 0, forth);

	(void)rig_end_new(r, 1, back);
	e->conn = utp_connect(r->u[0], rig_clock(r, 0), &path, e);
	return e;
}

static void rig_input(struct rig *r, unsigned side, const uint8_t *p,
		      size_t len)
{
	struct utp_path from = rig_path(side);
	struct span rest = {.p = p + UTP_HEAD, .len = len - UTP_HEAD};

	utp_input(r->u[side], rig_clock(r, side), &from, p, &rest);
}

static void rig_greedy_send(struct rig *r)
{
	struct rig_greedy *g = &r->greedy;

	while (g->on && g->flight < (unsigned)g->cwnd) {
		struct rig_packet k = {.to = 2, .order = r->orders++};
		int64_t through = rig_through(r, 0, 1472);

		g->flight++;
		k.len = through >= 0;
		k.at_us = (k.len ? through : r->now) + 2 * r->net[0].delay_us;
		rig_push(r, &k);
	}
}

static void rig_greedy_hear(struct rig *r, bool arrived)
{
	struct rig_greedy *g = &r->greedy;

	g->flight--;
	if (arrived) {
		g->delivered += 1472;
		g->cwnd += 1 / g->cwnd;
	} else if (r->now >= g->cut_until_us) {
		g->cwnd = g->cwnd > 4 ? g->cwnd / 2 : 2;
		g->cut_until_us = r->now + 2 * r->net[0].delay_us + 200000;
	}
	rig_greedy_send(r);
}

static void rig_settle(struct rig *r)
{
	for (unsigned i = 0; i < 2; i++) {
		utp_deliver(r->u[i], rig_clock(r, i));
		utp_tick(r->u[i], rig_clock(r, i));
		utp_flush(r->u[i], rig_clock(r, i));
		if (utp_is_dirty(r->u[i]))
			utp_flush(r->u[i], rig_clock(r, i));
	}
}

static int64_t rig_next(const struct rig *r)
{
	int64_t at = r->in_flight ? r->heap[0].at_us : INT64_MAX;

	for (unsigned i = 0; i < 2; i++) {
		int64_t wake = utp_wake_us(r->u[i]);

		if (wake == INT64_MAX)
			continue;
		wake = r->now + (wake - rig_clock(r, i));
		if (wake <= r->now)
			wake = r->now + 1;
		if (wake < at)
			at = wake;
	}
	return at;
}

/* Packets of one moment arrive as one batch. */
static void rig_arrive(struct rig *r)
{
	while (r->in_flight && r->heap[0].at_us <= r->now) {
		struct rig_packet k = rig_pop(r);

		if (k.to == 2)
			rig_greedy_hear(r, k.len != 0);
		else
			rig_input(r, k.to, k.p, k.len);
		free(k.p);
	}
}

static void rig_run(struct rig *r, int64_t us)
{
	int64_t end = r->now + us;

	rig_settle(r);
	while (rig_next(r) <= end) {
		r->now = rig_next(r);
		rig_arrive(r);
		rig_settle(r);
	}
	r->now = end;
	rig_settle(r);
}

/* Until all ends have all bytes, at most `us`. Returns the time it took. */
static int64_t rig_run_all(struct rig *r, int64_t us)
{
	int64_t from = r->now;

	for (;;) {
		bool done = true;

		for (unsigned i = 0; i < r->n_ends; i += 2)
			done = done &&
			       r->ends[i].received == r->ends[i + 1].to_send &&
			       r->ends[i + 1].received == r->ends[i].to_send;
		if (done || r->now - from >= us)
			return r->now - from;
		rig_run(r, 1000);
	}
}

/* All bytes of all pairs, each in its place. */
static void rig_check_whole(const struct rig *r, const char *name)
{
	for (unsigned i = 0; i < r->n_ends; i++) {
		const struct rig_end *e = &r->ends[i];

		CHECK(e->wrong == 0, "%s: end %u: %llu wrong bytes", name, i,
		      (unsigned long long)e->wrong);
		CHECK(e->received == r->ends[i ^ 1].to_send,
		      "%s: end %u has %llu of %llu", name, i,
		      (unsigned long long)e->received,
		      (unsigned long long)r->ends[i ^ 1].to_send);
	}
}

#endif
