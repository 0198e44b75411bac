/* utp_recv.c - what arrived: put in order, handed on, told back. */
#include "wire/utp/utp_int.h"

#include <stdlib.h>
#include <string.h>

#define HELD_MIN 4096U
/* A sender with a whole batch on its way when we stopped reading. */
#define HELD_SLACK (64U << 10)

static struct utp_rx_slot *slot_at(const struct utp_rx *rx, uint16_t seq)
{
	return &rx->ring[seq % UTP_REORDER_PACKETS];
}

static void slot_free(struct utp_rx *rx, struct utp_rx_slot *s)
{
	rx->slot_bytes -= s->len;
	rx->slots--;
	free(s->p);
	s->p = NULL;
}

static void drop_run(struct utp_rx *rx)
{
	span_unref(&rx->run);
	rx->run = (struct span){0};
}

void utp_rx_clear(struct utp_conn *c)
{
	struct utp_rx *rx = &c->rx;

	drop_run(rx);
	for (unsigned i = 0; rx->ring && i < UTP_REORDER_PACKETS; i++)
		if (rx->ring[i].p)
			slot_free(rx, &rx->ring[i]);
	free(rx->ring);
	rx->ring = NULL;
	free(rx->held);
	rx->held = NULL;
	rx->held_cap = rx->held_at = rx->held_len = 0;
}

static bool grow_held(struct utp_rx *rx, uint32_t need)
{
	uint32_t cap = rx->held_cap ? rx->held_cap : HELD_MIN, front;
	uint8_t *held;

	while (cap < need)
		cap *= 2;
	if (cap == rx->held_cap)
		return true;
	held = malloc(cap);
	if (!held)
		return false;
	front = rx->held_cap - rx->held_at;
	if (front > rx->held_len)
		front = rx->held_len;
	if (rx->held_len) {
		memcpy(held, rx->held + rx->held_at, front);
		memcpy(held + front, rx->held, rx->held_len - front);
	}
	free(rx->held);
	rx->held = held;
	rx->held_cap = cap;
	rx->held_at = 0;
	return true;
}

/* What was promised to be kept (it is acked) and cannot be read now. */
static void hold(struct utp_conn *c, const uint8_t *p, size_t len)
{
	struct utp_rx *rx = &c->rx;
	uint32_t at, front;

	if (!grow_held(rx, rx->held_len + (uint32_t)len)) {
		utp_end(c, UTP_CLOSE_NOMEM);
		return;
	}
	at = (rx->held_at + rx->held_len) & (rx->held_cap - 1);
	front = rx->held_cap - at < len ? rx->held_cap - at : (uint32_t)len;
	memcpy(rx->held + at, p, front);
	memcpy(rx->held, p + front, len - front);
	rx->held_len += (uint32_t)len;
}

/* As much of the bytes as may be read. Returns how many those were. */
static size_t read_some(struct utp_conn *c, const struct span *bytes)
{
	size_t done = 0;

	while (done < bytes->len && c->state == UTP_OPEN) {
		size_t quota = c->u->ops->may_read(c->ctx);
		size_t left = bytes->len - done;
		struct span part = {.owner = bytes->owner,
				    .p = bytes->p + done,
				    .len = left < quota ? left : quota};

		if (quota == 0) {
			c->rx.paused = true;
			break;
		}
		c->u->ops->received(c->ctx, &part);
		done += part.len;
	}
	return done;
}

static void read_or_hold(struct utp_conn *c, const struct span *bytes)
{
	size_t done = 0;

	if (!c->rx.paused && c->rx.held_len == 0)
		done = read_some(c, bytes);
	if (done < bytes->len && c->state == UTP_OPEN)
		hold(c, bytes->p + done, bytes->len - done);
}

static void deliver_run(struct utp_conn *c)
{
	struct span run = c->rx.run;

	if (run.len == 0)
		return;
	c->rx.run = (struct span){0};
	read_or_hold(c, &run);
	span_unref(&run);
}

static void deliver_held(struct utp_conn *c)
{
	struct utp_rx *rx = &c->rx;

	while (rx->held_len && !rx->paused && c->state == UTP_OPEN) {
		uint32_t front = rx->held_cap - rx->held_at;
		struct span bytes = {
			.p = rx->held + rx->held_at,
			.len = front < rx->held_len ? front : rx->held_len};
		size_t done = read_some(c, &bytes);

		if (c->state != UTP_OPEN)
			return;
		rx->held_at =
			(rx->held_at + (uint32_t)done) & (rx->held_cap - 1);
		rx->held_len -= (uint32_t)done;
	}
	if (rx->held_len == 0 && rx->held) {
		free(rx->held);
		rx->held = NULL;
		rx->held_cap = rx->held_at = 0;
	}
}

static bool has_room(const struct utp_rx *rx, size_t len)
{
	return rx->held_len + rx->run.len + len <= rx->max + HELD_SLACK;
}

/* The next bytes of the stream. False: no room, so they do not count. */
static bool take(struct utp_conn *c, const struct span *bytes)
{
	struct utp_rx *rx = &c->rx;

	if (c->state != UTP_OPEN || bytes->len == 0)
		return true;
	if (rx->run.len && rx->run.owner == bytes->owner &&
	    rx->run.p + rx->run.len == bytes->p && has_room(rx, bytes->len)) {
		rx->run.len += bytes->len;
		return true;
	}
	deliver_run(c);
	if (!has_room(rx, bytes->len))
		return false;
	if (!bytes->owner || rx->held_len || rx->paused) {
		read_or_hold(c, bytes);
		return true;
	}
	span_ref(bytes);
	rx->run = *bytes;
	return true;
}

static void step(struct utp_rx *rx)
{
	rx->ack++;
	if (rx->fin && rx->ack == rx->fin_seq)
		rx->ended = true;
}

/* What had come too early and now is next. */
static void advance(struct utp_conn *c)
{
	struct utp_rx *rx = &c->rx;

	while (rx->ring && !rx->ended && c->state != UTP_DEAD) {
		struct utp_rx_slot *s = slot_at(rx, (uint16_t)(rx->ack + 1));
		struct span bytes = {.p = s->p, .len = s->len};

		if (!s->p || !take(c, &bytes))
			break;
		if (!rx->ring) /* closed by what was read */
			return;
		slot_free(rx, s);
		step(rx);
	}
	if (rx->ring && rx->slots == 0) {
		free(rx->ring);
		rx->ring = NULL;
	}
}

static bool keep(struct utp_conn *c, const struct utp_packet *p)
{
	struct utp_rx *rx = &c->rx;
	struct utp_rx_slot *s;

	if (!rx->ring)
		rx->ring = calloc(UTP_REORDER_PACKETS, sizeof(*rx->ring));
	if (!rx->ring)
		return false;
	s = slot_at(rx, p->seq);
	if (s->p) {
		c->stats.duplicates_in++;
		return true;
	}
	if (rx->held_len + rx->slot_bytes + p->len > rx->max)
		return false;
	s->p = malloc(p->len ? p->len : 1);
	if (!s->p)
		return false;
	if (p->len)
		memcpy(s->p, p->payload, p->len);
	s->len = (uint32_t)p->len;
	rx->slot_bytes += s->len;
	if (rx->slots++ == 0 || utp_seq_diff(p->seq, rx->slot_last) > 0)
		rx->slot_last = p->seq;
	return true;
}

/* Nothing comes behind a FIN, and there is one. */
static bool past_the_end(const struct utp_rx *rx, const struct utp_packet *p)
{
	if (!rx->fin)
		return p->type == UTP_FIN && rx->slots &&
		       utp_seq_diff(rx->slot_last, p->seq) > 0;
	return utp_seq_diff(p->seq, rx->fin_seq) > 0 ||
	       (p->type == UTP_FIN) != (p->seq == rx->fin_seq);
}

void utp_rx_data(struct utp_conn *c, const struct utp_packet *p,
		 struct cbuf *owner)
{
	struct utp_rx *rx = &c->rx;
	struct span bytes = {.owner = owner, .p = p->payload, .len = p->len};
	int at = utp_seq_diff(p->seq, rx->ack);

	c->need_ack = true;
	if (at <= 0) {
		c->stats.duplicates_in++;
		return;
	}
	if (at > (int)UTP_REORDER_PACKETS || past_the_end(rx, p) ||
	    !(at == 1 ? take(c, &bytes) : keep(c, p))) {
		c->stats.dropped_in++;
		return;
	}
	if (c->state == UTP_DEAD)
		return;
	if (p->type == UTP_FIN) {
		rx->fin = true;
		rx->fin_seq = p->seq;
	}
	rx->unacked += (uint32_t)p->len;
	if (at > 1)
		return;
	step(rx);
	advance(c);
}

void utp_rx_deliver(struct utp_conn *c)
{
	struct utp_rx *rx = &c->rx;

	deliver_run(c);
	if (!rx->paused) {
		deliver_held(c);
		advance(c);
		deliver_run(c);
	}
	if (c->state == UTP_OPEN && rx->ended && rx->held_len == 0)
		utp_end(c, UTP_CLOSE_FIN);
	/* a window that was nearly shut has opened: the other side waits */
	if (rx->told < rx->max / 4 && utp_rx_window(c) >= rx->max / 2)
		c->need_ack = true;
}

uint32_t utp_rx_window(const struct utp_conn *c)
{
	const struct utp_rx *rx = &c->rx;
	uint32_t used = rx->held_len + rx->slot_bytes;
	uint32_t max = rx->max;

	if (rx->paused && max > UTP_WINDOW_PAUSED)
		max = UTP_WINDOW_PAUSED;
	return used < max ? max - used : 0;
}

size_t utp_rx_sack(const struct utp_conn *c, uint8_t out[UTP_SACK_MAX])
{
	const struct utp_rx *rx = &c->rx;
	int last;

	if (!rx->slots)
		return 0;
	last = utp_seq_diff(rx->slot_last, (uint16_t)(rx->ack + 2));
	if (last < 0) /* the next is here, and there is no room to read it */
		return 0;
	if (last >= (int)UTP_SACK_OURS * 8)
		last = (int)UTP_SACK_OURS * 8 - 1;
	memset(out, 0, UTP_SACK_MAX);
	for (int i = 0; i <= last; i++)
		if (slot_at(rx, (uint16_t)(rx->ack + 2 + i))->p)
			out[i / 8] |= (uint8_t)(1U << i % 8);
	return (size_t)(last / 32 + 1) * 4;
}
