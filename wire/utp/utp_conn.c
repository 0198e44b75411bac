/* utp_conn.c - one connection's states; the table is in DESIGN.md. */
#include "wire/utp/utp_int.h"

#include <string.h>

/* Their base falls by less at once when their clock runs ahead; by more when a
 * path has changed. */
#define DRIFT_MAX_US 10000U

void utp_conn_init(struct utp_conn *c, uint16_t seq)
{
	c->tx.first = c->tx.unsent = c->tx.next = seq;
	c->rx.max = c->rx.told = UTP_WINDOW;
	c->last_heard = c->last_sent = c->u->now_us;
	utp_delay_init(&c->delay);
	utp_delay_init(&c->their_delay);
	utp_mtu_init(&c->mtu, UTP_PACKET_SAFE);
	utp_cc_init(&c->cc, c->mtu.size - UTP_HEAD, UTP_FLIGHT_BYTES);
}

void utp_conn_limit(struct utp_conn *c, uint32_t packet_max, uint32_t window)
{
	if (packet_max > UTP_PACKET_MAX)
		packet_max = UTP_PACKET_MAX;
	utp_mtu_init(&c->mtu, packet_max);
	utp_cc_init(&c->cc, c->mtu.size - UTP_HEAD, UTP_FLIGHT_BYTES);
	c->rx.max = window < UTP_WINDOW ? window : UTP_WINDOW;
}

void utp_conn_told(struct utp_conn *c, uint32_t window)
{
	c->last_sent = c->u->now_us;
	c->rx.told = window;
	c->rx.unacked = 0;
	if (!c->rx.slots) /* a selective ack needs a packet of its own */
		c->need_ack = false;
}

/* ---- what we say ---- */

static void say(struct utp_conn *c, struct utp_packet *p)
{
	uint8_t buf[UTP_STATE_MAX];
	size_t len;

	p->stamp_us = (uint32_t)c->u->now_us;
	p->delay_us = c->reply_us;
	p->window = utp_rx_window(c);
	len = utp_packet_encode(buf, sizeof(buf), p);
	if (utp_send_small(c->u, &c->path, buf, len) == UTP_BUSY)
		return;
	utp_conn_told(c, p->window);
	c->need_ack = false;
}

static void say_syn(struct utp_conn *c)
{
	struct utp_packet p = {.type = UTP_SYN,
			       .id = c->recv_id,
			       .seq = (uint16_t)(c->tx.first - 1)};

	c->rto_at = c->u->now_us + utp_rtt_rto_us(&c->rtt);
	say(c, &p);
}

static void say_state(struct utp_conn *c)
{
	uint8_t sack[UTP_SACK_MAX];
	struct utp_packet p = {.type = UTP_STATE,
			       .id = c->send_id,
			       .seq = c->tx.unsent,
			       .ack = c->rx.ack,
			       .sack = sack,
			       .sack_len = utp_rx_sack(c, sack)};

	say(c, &p);
}

/* ---- what we hear ---- */

static void measure(struct utp_conn *c, const struct utp_packet *p)
{
	uint32_t before = utp_delay_base(&c->their_delay), fell;
	bool first = c->their_delay.minutes == 0;

	c->reply_us = (uint32_t)c->u->now_us - p->stamp_us;
	utp_delay_add(&c->their_delay, c->reply_us, c->u->now_us);
	fell = before - utp_delay_base(&c->their_delay);
	/* their clock gains on ours, so what they measure grows by as much */
	if (!first && fell != 0 && fell <= DRIFT_MAX_US && c->delay.minutes)
		utp_delay_shift(&c->delay, fell);
}

static void on_syn_answer(struct utp_conn *c, const struct utp_packet *p)
{
	if (p->type != UTP_STATE || p->ack != (uint16_t)(c->tx.first - 1))
		return;
	measure(c, p);
	if (c->rtt.backoff == 0)
		utp_rtt_add(&c->rtt, c->u->now_us - c->last_sent);
	c->rtt.backoff = 0;
	c->rto_at = 0;
	c->rx.ack = (uint16_t)(p->seq - 1);
	c->peer_window = p->window;
	c->last_heard = c->u->now_us;
	c->state = UTP_OPEN;
	c->tx.wants = true;
	utp_mark(c);
	c->u->ops->connected(c->ctx);
}

/* Who is not on the path has to guess ids and both numbers. What was never
 * sent cannot be acked, and nobody sends further ahead than we take. */
static bool is_plausible(const struct utp_conn *c, const struct utp_packet *p)
{
	int ack = utp_seq_diff(p->ack, (uint16_t)(c->tx.unsent - 1));
	int seq = utp_seq_diff(p->seq, c->rx.ack);

	return ack <= 0 && ack >= -2 * (int)UTP_FLIGHT_PACKETS &&
	       seq <= 2 * (int)UTP_REORDER_PACKETS &&
	       seq >= -2 * (int)UTP_REORDER_PACKETS;
}

/* Our answer was lost. */
static void on_syn_again(struct utp_conn *c, const struct utp_packet *p)
{
	int at = utp_seq_diff(p->seq, c->rx.ack);

	if (at > 0 || at < -(int)UTP_REORDER_PACKETS)
		return;
	c->need_ack = true;
	utp_mark(c);
}

static void on_packet(struct utp_conn *c, const struct utp_packet *p,
		      struct cbuf *owner)
{
	if (p->type == UTP_SYN) {
		on_syn_again(c, p);
		return;
	}
	if (!is_plausible(c, p)) {
		c->stats.dropped_in++;
		return;
	}
	c->last_heard = c->u->now_us;
	measure(c, p);
	if (utp_seq_diff(p->ack, (uint16_t)(c->tx.first - 1)) >= 0) {
		c->peer_window = p->window;
		utp_tx_acked(c, p);
		if (c->state == UTP_DEAD) /* it lied */
			return;
	}
	if (p->type == UTP_DATA || p->type == UTP_FIN)
		utp_rx_data(c, p, owner);
	if (c->state == UTP_DEAD)
		return;
	utp_mark(c);
	if (c->rx.unacked >= UTP_ACK_BYTES)
		say_state(c);
}

void utp_conn_input(struct utp_conn *c, const struct utp_packet *p,
		    struct cbuf *owner)
{
	switch (c->state) {
	case UTP_SYN_SENT:
		on_syn_answer(c, p);
		break;
	case UTP_OPEN:
	case UTP_CLOSING:
		on_packet(c, p, owner);
		break;
	case UTP_DEAD:
	case UTP_STATES:
		break;
	}
}

/* Only who saw what we sent knows what a reset has to ack. */
void utp_conn_reset(struct utp_conn *c, const struct utp_packet *p)
{
	uint16_t low = (uint16_t)(c->tx.first - 1);
	int at = utp_seq_diff(p->ack, low);

	if (at < 0 || at > (uint16_t)(c->tx.unsent - low)) {
		c->stats.dropped_in++;
		return;
	}
	utp_end(c, UTP_CLOSE_RESET);
}

/* ---- time and the end of a turn ---- */

void utp_conn_flush(struct utp_conn *c)
{
	if (c->state == UTP_SYN_SENT) {
		if (!c->rto_at)
			say_syn(c);
		return;
	}
	utp_rx_deliver(c);
	if (c->state == UTP_DEAD)
		return;
	utp_tx_find_lost(c);
	utp_tx_output(c);
	if (c->state != UTP_DEAD && c->need_ack)
		say_state(c);
	if (c->state == UTP_CLOSING && utp_tx_idle(c))
		utp_drop(c); /* FIN is acked */
}

static void on_syn_timeout(struct utp_conn *c)
{
	if (++c->rtt.backoff >= UTP_SYN_TRIES) {
		utp_end(c, UTP_CLOSE_TIMEOUT);
		return;
	}
	say_syn(c);
}

void utp_conn_tick(struct utp_conn *c)
{
	int64_t now = c->u->now_us;

	if (c->close_at && now >= c->close_at) {
		utp_say_reset(c->u, &c->path, c->send_id, c->rx.ack);
		utp_drop(c);
		return;
	}
	if (c->rto_at && now >= c->rto_at) {
		if (c->state == UTP_SYN_SENT)
			on_syn_timeout(c);
		else
			utp_tx_timeout(c);
	} else if (c->probe_at && now >= c->probe_at) {
		utp_tx_probe_tail(c);
	}
	if (c->state == UTP_OPEN && now - c->last_sent >= UTP_KEEPALIVE_US) {
		c->need_ack = true;
		utp_mark(c);
	}
}

static void sooner(int64_t *wake, int64_t at)
{
	if (at && at < *wake)
		*wake = at;
}

int64_t utp_conn_wake_us(const struct utp_conn *c)
{
	int64_t wake = INT64_MAX;

	sooner(&wake, c->rto_at);
	sooner(&wake, c->probe_at);
	sooner(&wake, c->close_at);
	if (c->state == UTP_OPEN)
		sooner(&wake, c->last_sent + UTP_KEEPALIVE_US);
	return wake;
}

/* ---- what the caller wants ---- */

/* Nobody listens any more; what was handed over still goes out. */
void utp_conn_leave(struct utp_conn *c)
{
	c->state = UTP_CLOSING;
	c->tx.wants = c->tx.force = false;
	utp_rx_clear(c);
	c->close_at = c->u->now_us + UTP_CLOSING_US;
	utp_tx_fin(c);
	utp_mark(c);
}

void utp_conn_close(struct utp_conn *c)
{
	switch (c->state) {
	case UTP_SYN_SENT:
		utp_drop(c);
		break;
	case UTP_OPEN:
		utp_conn_leave(c);
		break;
	case UTP_CLOSING:
	case UTP_DEAD:
	case UTP_STATES:
		break;
	}
}

void utp_conn_want_write(struct utp_conn *c)
{
	if (c->state != UTP_OPEN)
		return;
	c->tx.wants = true;
	utp_mark(c);
}

void utp_conn_want_read(struct utp_conn *c)
{
	if (!c->rx.paused)
		return;
	c->rx.paused = false;
	utp_mark(c);
}

void utp_conn_hear(struct utp_conn *c)
{
	if (c->state == UTP_OPEN)
		utp_rx_deliver(c);
}

void utp_conn_stats(const struct utp_conn *c, struct utp_stats *out)
{
	*out = c->stats;
	out->cwnd = c->cc.cwnd;
	out->flight = c->tx.flight;
	out->peer_window = c->peer_window;
	out->packet = c->mtu.size;
	out->srtt_us = c->rtt.srtt_us;
	out->queued_us = utp_delay_queued(&c->delay);
	out->held = c->rx.held_len + c->rx.slot_bytes + (uint32_t)c->rx.run.len;
}
