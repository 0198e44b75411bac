/* Packets of any kind reach a node that has one connection of each kind, and
 * time passes: what is read is written again as the same, nothing holds more
 * than it may, and no stream goes back. The input is a row of records: a length
 * (two bytes), what to do (one), the packet; of ids and numbers the first ones
 * are moved to where they fit, so that the machine behind is reached. */
#include "wire/utp/utp.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 200

struct end {
	struct utp_conn *conn;
	uint64_t to_send;
	size_t quota;
};

struct world {
	struct end ends[8];
	unsigned n;
	uint8_t last[UTP_HEAD]; /* what the node said last */
	uint64_t sent;
};

static uint8_t bytes[4096];

static enum utp_sent on_send(void *ctx, const struct utp_path *path,
			     const struct utp_datagrams *out)
{
	struct world *w = ctx;

	(void)path;
	if (out->len < UTP_HEAD || out->segment < UTP_HEAD ||
	    out->segment > out->len)
		abort();
	memcpy(w->last, out->p, UTP_HEAD);
	w->sent += out->len;
	return w->sent % 11 == 0 ? UTP_BUSY
	       : out->whole	 ? UTP_TOO_LONG
				 : UTP_SENT;
}

static void *on_accepted(void *ctx, struct utp_conn *c,
			 const struct utp_path *path)
{
	struct world *w = ctx;

	(void)path;
	if (w->n == 8)
		return NULL;
	w->ends[w->n] = (struct end){c, 10000, 5000};
	return &w->ends[w->n++];
}

static void on_connected(void *ctx)
{
	(void)ctx;
}

static void on_received(void *ctx, const struct span *got)
{
	struct end *e = ctx;
	uint8_t sum = 0;

	if (got->len == 0 || got->len > e->quota)
		abort();
	for (size_t i = 0; i < got->len; i++)
		sum = (uint8_t)(sum + got->p[i]);
	e->quota -= got->len;
	if (sum == 0x55) {
		utp_conn_close(e->conn);
		e->conn = NULL;
	}
}

static size_t on_output(void *ctx, struct iovec *iov, size_t max)
{
	const struct end *e = ctx;

	if (e->to_send == 0 || max == 0)
		return 0;
	iov[0].iov_base = bytes;
	iov[0].iov_len =
		e->to_send < sizeof(bytes) ? (size_t)e->to_send : sizeof(bytes);
	return 1;
}

static void on_sent(void *ctx, size_t n)
{
	struct end *e = ctx;

	if (n > e->to_send)
		abort();
	e->to_send -= n;
}

static size_t on_may_read(void *ctx)
{
	return ((struct end *)ctx)->quota;
}

static void on_closed(void *ctx, enum utp_close why)
{
	((struct end *)ctx)->conn = NULL;
	(void)utp_close_name(why);
}

static const struct utp_ops ops = {
	.send = on_send,
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.output = on_output,
	.sent = on_sent,
	.may_read = on_may_read,
	.closed = on_closed,
};

static void check_codec(const uint8_t *p, size_t len)
{
	struct utp_packet a, b;
	uint8_t buf[UTP_STATE_MAX];
	size_t n;

	if (utp_packet_decode(&a, p, p + UTP_HEAD, len - UTP_HEAD, NULL) !=
	    ERR_NONE)
		return;
	if (a.payload + a.len != p + len)
		abort();
	n = utp_packet_encode(buf, sizeof(buf), &a);
	if (n == 0 || utp_packet_decode(&b, buf, buf + UTP_HEAD, n - UTP_HEAD,
					NULL) != ERR_NONE)
		abort();
	if (a.type != b.type || a.id != b.id || a.stamp_us != b.stamp_us ||
	    a.delay_us != b.delay_us || a.window != b.window ||
	    a.seq != b.seq || a.ack != b.ack || a.sack_len != b.sack_len ||
	    (a.sack_len && memcmp(a.sack, b.sack, a.sack_len) != 0))
		abort();
}

static void check_held(const struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct utp_stats s;

		if (!w->ends[i].conn)
			continue;
		utp_conn_stats(w->ends[i].conn, &s);
		if (s.held > UTP_WINDOW + (128U << 10) ||
		    s.flight > UTP_FLIGHT_BYTES || s.cwnd > UTP_FLIGHT_BYTES)
			abort();
	}
}

/* Numbers near those that the node used last. */
static void aim(const struct world *w, uint8_t *p, uint8_t how)
{
	if (how & 1) { /* it sends by our id, or by that and one */
		p[2] = w->last[2];
		p[3] = (uint8_t)(w->last[3] + (how >> 6) - 1);
	}
	if (how & 2) { /* the next that it waits for */
		p[16] = w->last[18];
		p[17] = (uint8_t)(w->last[19] + 1 + (p[17] & 3));
	}
	if (how & 4) { /* what it sent */
		p[18] = w->last[16];
		p[19] = (uint8_t)(w->last[17] - 1 + (p[19] & 3));
	}
}

static void one(struct utp *u, struct world *w, int64_t *now, uint8_t how,
		const uint8_t *p, size_t len)
{
	const struct utp_path path = {.to.port = 7};
	uint8_t copy[2048];
	struct span rest = {.p = copy + UTP_HEAD, .len = len - UTP_HEAD};

	memcpy(copy, p, len);
	check_codec(copy, len);
	aim(w, copy, how);
	*now += how & 8 ? (int64_t)how * 20000 : 100;
	utp_input(u, *now, &path, copy, &rest);
	utp_deliver(u, *now);
	utp_tick(u, *now);
	utp_flush(u, *now);
	if (how & 16)
		utp_writable(u);
	for (unsigned i = 0; how & 32 && i < w->n; i++) {
		w->ends[i].quota += 777;
		w->ends[i].to_send += 3000;
		if (w->ends[i].conn) {
			utp_conn_want_read(w->ends[i].conn);
			utp_conn_want_write(w->ends[i].conn);
		}
	}
	check_held(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rng rng = rng_seeded(1);
	struct world w = {.n = 1};
	struct utp *u = utp_new(&ops, &w, &rng, 4, NULL);
	const struct utp_path path = {.to.port = 7};
	int64_t now = 5;

	if (!u)
		return 0;
	w.ends[0] = (struct end){NULL, 20000, 30000};
	w.ends[0].conn = utp_connect(u, now, &path, &w.ends[0]);
	utp_conn_limit(w.ends[0].conn, UTP_PACKET_ETHERNET, UTP_WINDOW);
	utp_flush(u, now);
	for (unsigned i = 0; i < RECORDS_MAX && size >= 3 + UTP_HEAD; i++) {
		size_t len = (size_t)data[0] << 8 | data[1];

		if (len < UTP_HEAD || len > size - 3 || len > 2048)
			break;
		one(u, &w, &now, data[2], data + 3, len);
		data += 3 + len;
		size -= 3 + len;
	}
	utp_free(u, now);
	return 0;
}
