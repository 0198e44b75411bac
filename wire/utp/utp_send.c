/* utp_send.c - what waits to be sent and acked: packets built, sent in runs,
 * acked, lost, sent again. */
#include "wire/utp/utp_int.h"

#include <stdlib.h>
#include <string.h>

#define SLAB_CAP (64U << 10)
#define SLAB_SMALL 2048U
#define SPARES_MAX 32U
#define RING_MIN 16U
#define RUN_PACKETS 64U /* UDP_MAX_SEGMENTS of older kernels */
#define RUN_BYTES 65000U
#define REORDER 3 /* packets that may overtake one before it counts as lost */
#define DUPLICATES 3U
#define TAIL_US 20000
#define TAIL_ALONE_US \
	120000 /* a lone packet's ack may be held back, RFC 8985 */
#define IOV 64U

static struct utp_tx_packet *packet_at(const struct utp_tx *tx, uint16_t seq)
{
	return &tx->ring[seq & (tx->cap - 1)];
}

static uint32_t payload_of(const struct utp_tx_packet *k)
{
	return k->len - UTP_HEAD;
}

/* ---- slabs ---- */

static struct utp_slab *slab_new(struct utp *u, size_t want)
{
	uint32_t cap = want <= SLAB_SMALL ? SLAB_SMALL : SLAB_CAP;
	struct utp_slab *s = u->spare;

	if (cap == SLAB_CAP && s) {
		u->spare = s->next;
		u->spares--;
	} else {
		s = malloc(sizeof(*s) + cap);
	}
	if (!s)
		return NULL;
	*s = (struct utp_slab){.refs = 1, .cap = cap};
	return s;
}

static void slab_unref(struct utp *u, struct utp_slab *s)
{
	if (!s || --s->refs > 0)
		return;
	if (s->cap != SLAB_CAP || u->spares == SPARES_MAX) {
		free(s);
		return;
	}
	s->next = u->spare;
	u->spare = s;
	u->spares++;
}

void utp_spare_free(struct utp *u)
{
	struct utp_slab *s;

	while ((s = u->spare)) {
		u->spare = s->next;
		free(s);
	}
	u->spares = 0;
}

static uint8_t *slab_take(struct utp_conn *c, uint32_t len, size_t want)
{
	struct utp_tx *tx = &c->tx;
	uint8_t *p;

	if (tx->slab && tx->slab->refs == 1)
		tx->slab->used = 0; /* all of it is acked: use it again, hot */
	if (!tx->slab || tx->slab->cap - tx->slab->used < len) {
		slab_unref(c->u, tx->slab);
		tx->slab = slab_new(c->u, want > len ? want : len);
		if (!tx->slab)
			return NULL;
	}
	p = tx->slab->data + tx->slab->used;
	tx->slab->used += len;
	tx->slab->refs++;
	return p;
}

/* ---- packets ---- */

static bool grow_ring(struct utp_tx *tx)
{
	uint32_t cap = tx->cap ? tx->cap * 2 : RING_MIN;
	struct utp_tx_packet *ring;

	if (cap > UTP_FLIGHT_PACKETS)
		return false;
	ring = calloc(cap, sizeof(*ring));
	if (!ring)
		return false;
	for (uint16_t seq = tx->first; seq != tx->next; seq++)
		ring[seq & (cap - 1)] = *packet_at(tx, seq);
	free(tx->ring);
	tx->ring = ring;
	tx->cap = cap;
	return true;
}

/* `want`: bytes that will be asked for in all, this one among them. */
static struct utp_tx_packet *packet_new(struct utp_conn *c, enum utp_type type,
					uint32_t payload, size_t want)
{
	struct utp_tx *tx = &c->tx;
	struct utp_packet head = {
		.type = type, .id = c->send_id, .seq = tx->next};
	struct utp_tx_packet *k;
	uint8_t *p;

	if ((uint16_t)(tx->next - tx->first) == tx->cap && !grow_ring(tx))
		return NULL;
	p = slab_take(c, UTP_HEAD + payload, want);
	if (!p)
		return NULL;
	(void)utp_packet_encode(p, UTP_HEAD, &head);
	k = packet_at(tx, tx->next++);
	*k = (struct utp_tx_packet){.slab = tx->slab,
				    .p = p,
				    .len = (uint16_t)(UTP_HEAD + payload)};
	return k;
}

static void let_go(struct utp_conn *c, struct utp_tx_packet *k)
{
	slab_unref(c->u, k->slab);
	k->slab = NULL;
	k->p = NULL;
}

void utp_tx_clear(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;

	for (uint16_t seq = tx->first; seq != tx->next; seq++)
		let_go(c, packet_at(tx, seq));
	slab_unref(c->u, tx->slab);
	free(tx->ring);
	tx->slab = NULL;
	tx->ring = NULL;
	tx->cap = 0;
	tx->first = tx->unsent = tx->next;
	tx->flight = tx->lost = 0;
}

bool utp_tx_idle(const struct utp_conn *c)
{
	return c->tx.first == c->tx.next;
}

/* ---- acks ---- */

static void arm(struct utp_conn *c)
{
	int64_t now = c->u->now_us, rto = utp_rtt_rto_us(&c->rtt);
	uint16_t sent = (uint16_t)(c->tx.unsent - c->tx.first);
	int64_t tail =
		2 * c->rtt.srtt_us + (sent == 1 ? TAIL_ALONE_US : TAIL_US);

	if (c->tx.first == c->tx.unsent) {
		c->rto_at = c->probe_at = 0;
		return;
	}
	c->rto_at = now + rto;
	c->probe_at = c->rtt.srtt_us && tail < rto ? now + tail : 0;
}

struct acked {
	uint32_t bytes;
	int64_t rtt_us; /* of the packet sent last among them; -1: none */
	bool lied;	/* one of them cannot have arrived */
};

static void ack_one(struct utp_conn *c, struct utp_tx_packet *k,
		    struct acked *sum)
{
	struct utp_tx *tx = &c->tx;
	uint32_t took = (uint32_t)c->u->now_us - k->sent_us;

	if (k->flags & UTP_TX_ACKED)
		return;
	if (k->flags & UTP_TX_HELD)
		sum->lied = true;
	if (k->flags & UTP_TX_LOST)
		tx->lost--;
	else
		tx->flight -= payload_of(k);
	sum->bytes += payload_of(k);
	/* which of several this ack is for only time can tell */
	if (k->sends == 1)
		sum->rtt_us = took;
	if ((k->sends == 1 || took >= c->rtt.min_us) &&
	    (int32_t)(k->order - tx->order_acked) > 0)
		tx->order_acked = k->order;
	if (k->flags & UTP_TX_PROBE && k->sends == 1) {
		utp_mtu_acked(&c->mtu, k->len, c->u->now_us);
		utp_cc_set_mss(&c->cc, c->mtu.size - UTP_HEAD);
	}
	k->flags = UTP_TX_ACKED;
	let_go(c, k);
}

static void ack_selected(struct utp_conn *c, const struct utp_packet *p,
			 struct acked *sum)
{
	struct utp_tx *tx = &c->tx;
	int from = utp_seq_diff((uint16_t)(p->ack + 2), tx->first);
	int sent = (uint16_t)(tx->unsent - tx->first);

	for (size_t i = 0; i < p->sack_len; i++) {
		for (int bit = 0; p->sack[i] >> bit; bit++) {
			int at = from + (int)i * 8 + bit;

			if (!(p->sack[i] >> bit & 1) || at < 0)
				continue;
			if (at >= sent)
				return; /* acks what was not sent */
			ack_one(c, packet_at(tx, (uint16_t)(tx->first + at)),
				sum);
		}
	}
	tx->holes = true;
}

/* False: that says nothing of the path. */
static bool mark_lost(struct utp_conn *c, struct utp_tx_packet *k)
{
	struct utp_tx *tx = &c->tx;
	uint8_t ours = k->flags & (UTP_TX_PROBE | UTP_TX_HELD);

	tx->flight -= payload_of(k);
	tx->lost++;
	if (ours & UTP_TX_PROBE)
		utp_mtu_lost(&c->mtu, k->len, c->u->now_us);
	k->flags = UTP_TX_LOST; /* from now on it may be fragmented */
	return !ours;
}

/* An ack that says what the last one said (from who knows no selective acks).
 */
static void count_duplicate(struct utp_conn *c, const struct utp_packet *p)
{
	struct utp_tx *tx = &c->tx;
	struct utp_tx_packet *k;

	if (p->type != UTP_STATE || p->sack_len || tx->first == tx->unsent ||
	    p->ack != (uint16_t)(tx->first - 1) ||
	    ++tx->duplicates != DUPLICATES)
		return;
	k = packet_at(tx, tx->first);
	if (k->flags & UTP_TX_LOST || k->sends > 1)
		return;
	c->stats.losses++;
	if (mark_lost(c, k))
		utp_cc_lost(&c->cc);
	tx->order_cut = tx->order;
}

void utp_tx_acked(struct utp_conn *c, const struct utp_packet *p)
{
	struct utp_tx *tx = &c->tx;
	struct acked sum = {.rtt_us = -1};
	uint16_t before = tx->first;

	while (tx->first != tx->unsent &&
	       utp_seq_diff(p->ack, tx->first) >= 0) {
		ack_one(c, packet_at(tx, tx->first), &sum);
		tx->first++;
	}
	if (p->sack_len)
		ack_selected(c, p, &sum);
	while (tx->first != tx->unsent &&
	       packet_at(tx, tx->first)->flags & UTP_TX_ACKED)
		tx->first++;
	if (sum.lied) {
		utp_say_reset(c->u, &c->path, c->send_id, c->rx.ack);
		utp_end(c, UTP_CLOSE_LIED);
		return;
	}
	if (sum.bytes == 0 && tx->first == before) {
		count_duplicate(c, p);
		return;
	}
	tx->duplicates = 0;
	c->rtt.backoff = 0;
	c->stats.bytes_acked += sum.bytes;
	if (sum.rtt_us >= 0)
		utp_rtt_add(&c->rtt, sum.rtt_us);
	if (p->delay_us)
		utp_delay_add(&c->delay, p->delay_us, c->u->now_us);
	utp_cc_acked(&c->cc, sum.bytes, tx->limited,
		     utp_delay_queued(&c->delay));
	arm(c);
	if (utp_tx_idle(c)) {
		slab_unref(c->u, tx->slab);
		tx->slab = NULL;
	}
}

/* ---- losses ---- */

void utp_tx_find_lost(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;
	bool cut = false;

	if (!tx->holes)
		return;
	tx->holes = false;
	for (uint16_t seq = tx->first; seq != tx->unsent; seq++) {
		struct utp_tx_packet *k = packet_at(tx, seq);
		int32_t behind = (int32_t)(tx->order_acked - k->order);

		if (k->sends == 1 && behind < 0)
			break; /* all that follow were sent later still */
		if (k->flags & (UTP_TX_ACKED | UTP_TX_LOST) || behind < REORDER)
			continue;
		c->stats.losses++;
		if (mark_lost(c, k) && (int32_t)(k->order - tx->order_cut) >= 0)
			cut = true;
	}
	if (cut) {
		utp_cc_lost(&c->cc);
		tx->order_cut = tx->order;
	}
}

/* All on its way is taken for lost. */
static void lose_all(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;

	for (uint16_t seq = tx->first; seq != tx->unsent; seq++) {
		struct utp_tx_packet *k = packet_at(tx, seq);

		if (!(k->flags & (UTP_TX_ACKED | UTP_TX_LOST)))
			(void)mark_lost(c, k);
	}
}

void utp_tx_timeout(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;
	int64_t now = c->u->now_us;

	c->rtt.backoff++;
	c->stats.timeouts++;
	if (c->rtt.backoff > UTP_TIMEOUTS_MAX ||
	    (c->rtt.backoff > UTP_TIMEOUTS &&
	     now - c->last_heard > UTP_SILENCE_US)) {
		utp_end(c, UTP_CLOSE_TIMEOUT);
		return;
	}
	c->rto_at = now + utp_rtt_rto_us(&c->rtt);
	c->probe_at = 0;
	utp_mark(c);
	if (tx->first == tx->unsent) { /* the other side's window is shut */
		tx->force = true;
		return;
	}
	lose_all(c);
	utp_cc_timeout(&c->cc);
	tx->order_cut = tx->order;
	if (c->rtt.backoff < 2)
		return;
	/* perhaps the path has become narrower */
	utp_mtu_black_hole(&c->mtu, now);
	utp_cc_set_mss(&c->cc, c->mtu.size - UTP_HEAD);
}

/* ---- sending ---- */

static uint32_t room(const struct utp_conn *c)
{
	uint32_t window =
		c->cc.cwnd < c->peer_window ? c->cc.cwnd : c->peer_window;

	return c->tx.flight < window ? window - c->tx.flight : 0;
}

/* Packets that lie behind each other and may leave together: the first, and
 * others while their payload is within `most`. */
static unsigned find_run(const struct utp_tx *tx, uint16_t seq, uint16_t end,
			 uint32_t most, size_t *bytes)
{
	const struct utp_tx_packet *first = packet_at(tx, seq), *k = first;
	uint32_t payload = payload_of(first);
	unsigned n = 1;

	*bytes = first->len;
	while (!(k->flags & UTP_TX_PROBE) && k->len == first->len &&
	       n < RUN_PACKETS && (uint16_t)(seq + n) != end) {
		k = packet_at(tx, (uint16_t)(seq + n));
		if (k->slab != first->slab || k->p != first->p + *bytes ||
		    k->flags != first->flags || k->len > first->len ||
		    *bytes + k->len > RUN_BYTES ||
		    payload + payload_of(k) > most)
			break;
		*bytes += k->len;
		payload += payload_of(k);
		n++;
	}
	return n;
}

static void note_sent(struct utp_conn *c, struct utp_tx_packet *k)
{
	struct utp_tx *tx = &c->tx;

	if (k->flags & UTP_TX_LOST) {
		k->flags &= (uint8_t)~UTP_TX_LOST;
		tx->lost--;
	}
	if (k->sends == 0)
		tx->unsent++;
	else
		c->stats.packets_resent++;
	if (k->sends < UINT8_MAX)
		k->sends++;
	k->sent_us = (uint32_t)c->u->now_us;
	k->order = tx->order++;
	tx->flight += payload_of(k);
	c->stats.packets_sent++;
}

/* The system knows that the path does not carry the probe. */
static void probe_failed(struct utp_conn *c, struct utp_tx_packet *k)
{
	utp_mtu_lost(&c->mtu, k->len, c->u->now_us);
	k->flags &= (uint8_t)~UTP_TX_PROBE;
}

/* Sends the packet and those of [seq, end) that can leave with it. Returns how
 * many; 0: not now. */
static unsigned send_run(struct utp_conn *c, uint16_t seq, uint16_t end,
			 uint32_t most)
{
	struct utp_tx *tx = &c->tx;
	struct utp_tx_packet *first = packet_at(tx, seq);
	struct utp_datagrams out = {.p = first->p, .segment = first->len};
	unsigned n = find_run(tx, seq, end, most, &out.len);
	uint32_t window = utp_rx_window(c);
	enum utp_sent sent;

	out.whole = first->flags & UTP_TX_PROBE;
	for (unsigned i = 0; i < n; i++)
		utp_packet_stamp(packet_at(tx, (uint16_t)(seq + i))->p,
				 (uint32_t)c->u->now_us, c->reply_us, window,
				 c->rx.ack);
	sent = first->flags & UTP_TX_HELD
		       ? UTP_SENT
		       : c->u->ops->send(c->u->ctx, &c->path, &out);
	if (sent == UTP_TOO_LONG && out.whole) {
		probe_failed(c, first);
		out.whole = false;
		sent = c->u->ops->send(c->u->ctx, &c->path, &out);
	}
	if (sent == UTP_BUSY) {
		c->u->blocked = true;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		note_sent(c, packet_at(tx, (uint16_t)(seq + i)));
	utp_conn_told(c, window);
	if (!c->rto_at || tx->first == seq)
		arm(c);
	return n;
}

/* False: the windows or the socket are full. */
static bool resend_lost(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;

	for (uint16_t seq = tx->first; tx->lost && seq != tx->unsent;) {
		const struct utp_tx_packet *k = packet_at(tx, seq);
		unsigned n = 1;

		if (k->flags & UTP_TX_LOST) {
			if (tx->flight && room(c) < payload_of(k))
				return false;
			n = send_run(c, seq, tx->unsent, room(c));
			if (n == 0)
				return false;
		}
		seq = (uint16_t)(seq + n);
	}
	return true;
}

static bool send_built(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;

	while (tx->unsent != tx->next)
		if (send_run(c, tx->unsent, tx->next, UINT32_MAX) == 0)
			return false;
	return true;
}

struct source {
	const struct iovec *iov;
	size_t off; /* in the first */
	size_t left;
};

static void gather(struct source *s, uint8_t *to, size_t len)
{
	s->left -= len;
	while (len) {
		size_t n = s->iov->iov_len - s->off;

		if (n > len)
			n = len;
		memcpy(to, (const uint8_t *)s->iov->iov_base + s->off, n);
		to += n;
		len -= n;
		s->off += n;
		if (s->off == s->iov->iov_len) {
			s->iov++;
			s->off = 0;
		}
	}
}

/* Payload of the next packet; 0: it has to wait. No small packet is sent while
 * a full one will soon have room (that is no Nagle: what there is to say and
 * has room is said at once). */
static uint32_t next_payload(struct utp_conn *c, size_t left, uint32_t space,
			     bool *probe)
{
	uint32_t len = c->mtu.size - UTP_HEAD;
	uint32_t size = utp_mtu_probe(&c->mtu, c->u->now_us);

	*probe = size && left >= size - UTP_HEAD && space >= size - UTP_HEAD;
	if (*probe)
		return size - UTP_HEAD;
	if (left < len)
		len = (uint32_t)left;
	if (len <= space)
		return len;
	if (c->tx.flight || !utp_tx_idle(c))
		return 0;
	if (space == 0 && c->tx.force)
		return len;
	return space;
}

/* Is this packet the one to be held? Only where enough follows that shows it to
 * be missing: `left` bytes. */
static bool is_held(struct utp_conn *c, uint32_t len, size_t left)
{
	struct utp_tx *tx = &c->tx;

	if (tx->until_held == 0)
		tx->until_held = UTP_HOLD_EVERY / 2 +
				 rng_below(&c->u->rng, UTP_HOLD_EVERY);
	if (tx->until_held > 1) {
		tx->until_held--;
		return false;
	}
	if (left < (2 * REORDER + 1) * (size_t)len)
		return false;
	tx->until_held = 0;
	return true;
}

/* Asks for output once. False: there is none, or no room. */
static bool build(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;
	uint32_t space = room(c), done = 0;
	struct iovec iov[IOV];
	struct source s = {.iov = iov};
	size_t n;

	if (space == 0 && !tx->force)
		return false;
	n = c->u->ops->output(c->ctx, iov, IOV);
	if (c->state != UTP_OPEN)
		return false;
	for (size_t i = 0; i < n; i++)
		s.left += iov[i].iov_len;
	if (s.left == 0)
		tx->wants = false;
	while (s.left) {
		bool probe;
		uint32_t len = next_payload(c, s.left, space - done, &probe);
		struct utp_tx_packet *k =
			len ? packet_new(c, UTP_DATA, len, s.left) : NULL;

		if (!k)
			break;
		gather(&s, k->p + UTP_HEAD, len);
		done += len;
		if (probe) {
			k->flags = UTP_TX_PROBE;
			utp_mtu_sent(&c->mtu);
		} else if (done < space &&
			   is_held(c, len,
				   s.left < space - done ? s.left
							 : space - done)) {
			k->flags = UTP_TX_HELD;
		}
		if (done > space)
			break;
	}
	tx->force = false;
	if (done)
		c->u->ops->sent(c->ctx, done);
	return done != 0;
}

/* Output waits for the other side's window, which nobody may tell us of. */
static void wait_for_window(struct utp_conn *c)
{
	if (c->tx.wants && utp_tx_idle(c) && room(c) == 0 && !c->rto_at)
		c->rto_at = c->u->now_us + utp_rtt_rto_us(&c->rtt);
}

/* False: something is left that the windows or the socket do not take. */
static bool send_all(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;

	if (!resend_lost(c) || !send_built(c))
		return false;
	while (tx->wants && c->state == UTP_OPEN && build(c))
		if (!send_built(c))
			return false;
	return !tx->wants;
}

void utp_tx_output(struct utp_conn *c)
{
	if (c->u->blocked)
		return;
	c->tx.limited =
		!send_all(c) && !c->u->blocked && c->cc.cwnd <= c->peer_window;
	wait_for_window(c);
}

/* The last of what is on its way once more: if it was lost, nothing would come
 * back that says so, and if not, this tells what else was. */
void utp_tx_probe_tail(struct utp_conn *c)
{
	struct utp_tx *tx = &c->tx;
	uint16_t seq = tx->unsent;

	c->probe_at = 0;
	while (seq != tx->first) {
		struct utp_tx_packet *k = packet_at(tx, --seq);

		if (k->flags & (UTP_TX_ACKED | UTP_TX_LOST))
			continue;
		tx->flight -= payload_of(k);
		tx->lost++;
		k->flags |= UTP_TX_LOST;
		k->flags &= (uint8_t)~UTP_TX_HELD;
		(void)send_run(c, seq, (uint16_t)(seq + 1), 0);
		c->probe_at = 0;
		return;
	}
}

void utp_tx_fin(struct utp_conn *c)
{
	if (c->tx.fin)
		return;
	c->tx.fin = packet_new(c, UTP_FIN, 0, 0) != NULL;
	if (!c->tx.fin)
		utp_drop(c);
}
