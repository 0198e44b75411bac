/* UDP sockets on loopback, both ends in one loop. */
#include "node/net/udp.h"
#include "tests/check.h"

#include <string.h>

static const struct {
	const char *name;
	enum udp_kind kind;
	size_t len;
	uint8_t bytes[20];
} kinds[] = {
	{"a dictionary is the DHT's", UDP_DHT, 2, "de"},
	{"a lone d is nobody's", UDP_KINDS, 1, "d"},
	{"uTP data", UDP_UTP, 20, {0x01}},
	{"uTP SYN", UDP_UTP, 20, {0x41}},
	{"uTP of no type", UDP_KINDS, 20, {0x51}},
	{"uTP of version 2", UDP_KINDS, 20, {0x42}},
	{"uTP that is cut off", UDP_KINDS, 19, {0x41}},
	{"a tracker's announce", UDP_TRACKER, 20, {0, 0, 0, 1}},
	{"a tracker's error", UDP_TRACKER, 8, {0, 0, 0, 3}},
	{"no action of a tracker", UDP_KINDS, 20, {0, 0, 0, 4}},
	{"a tracker's answer cut off", UDP_KINDS, 7, {0, 0, 0, 3}},
	{"nothing", UDP_KINDS, 0, {0}},
};

static void check_kinds(void)
{
	for (size_t i = 0; i < ROWS(kinds); i++) {
		CHECK(udp_kind_of(kinds[i].bytes, kinds[i].len) ==
			      kinds[i].kind,
		      "%s", kinds[i].name);
	}
}

struct seen {
	struct loop *loop;
	char from[80];
	int family;
	uint8_t bytes[UDP_BYTES_MAX];
	size_t len;
};

static void on_datagram(void *ctx, const struct net_addr *from,
			const struct span *bytes)
{
	struct seen *seen = ctx;

	net_addr_text(from, seen->from, sizeof(seen->from));
	seen->family = from->sa.ss_family;
	memcpy(seen->bytes, bytes->p, bytes->len);
	seen->len = bytes->len;
	loop_stop(seen->loop);
}

/* From a socket at `from` to one at `at`; the receiver sees `from`. */
static void exchange(const char *at, const char *from, const char *to)
{
	struct seen seen = {0};
	struct err e = {0};
	struct iovec iov[2] = {{.iov_base = "d1:ae", .iov_len = 2},
			       {.iov_base = "xyz", .iov_len = 3}};
	struct net_addr addr;
	char want[80];
	uint16_t port, from_port;
	struct udp *a, *b;

	seen.loop = loop_new(&e);
	a = udp_new(seen.loop, NULL, &e);
	b = udp_new(seen.loop, NULL, &e);
	CHECK(udp_listen(a, at, 0, &port, &e) == ERR_NONE, "%s from %s", at,
	      from);
	CHECK(udp_listen(b, from, 0, &from_port, &e) == ERR_NONE, "%s from %s",
	      at, from);
	udp_on(a, UDP_DHT, on_datagram, &seen);
	CHECK(net_addr_from_ip(&addr, to, port), "%s from %s", at, from);
	CHECK(udp_has(b, addr.sa.ss_family), "%s from %s", at, from);
	CHECK(udp_send(b, &addr, iov, 2) == UDP_SENT, "%s from %s", at, from);
	loop_run(seen.loop);
	CHECK(seen.len == 5 && memcmp(seen.bytes, "d1xyz", 5) == 0,
	      "%s from %s", at, from);
	CHECK(net_addr_from_ip(&addr, strcmp(from, "::") ? from : to,
			       from_port),
	      "%s from %s", at, from);
	net_addr_text(&addr, want, sizeof(want));
	CHECK(strcmp(seen.from, want) == 0, "seen as %s, not %s", seen.from,
	      want);
	CHECK(seen.family == addr.sa.ss_family, "family %d", seen.family);
	udp_free(a);
	udp_free(b);
	loop_free(seen.loop);
}

static void check_no_socket(void)
{
	struct err e = {0};
	struct loop *loop = loop_new(&e);
	struct udp *u = udp_new(loop, NULL, &e), *twice;
	struct iovec iov = {.iov_base = "de", .iov_len = 2};
	struct net_addr to;
	uint16_t port;

	CHECK(udp_listen(u, "127.0.0.1", 0, &port, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(!udp_has(u, AF_INET6), "no socket of the family");
	CHECK(net_addr_from_ip(&to, "::1", 9), "::1");
	CHECK(udp_send(u, &to, &iov, 1) == UDP_FAILED, "nothing to send from");

	twice = udp_new(loop, NULL, &e);
	CHECK(udp_listen(twice, "127.0.0.1", port, &port, &e) == ERR_IO,
	      "a port in use");
	e = (struct err){0};
	CHECK(udp_listen(twice, "localhost", 0, &port, &e) == ERR_PARSE,
	      "a name");
	udp_free(twice);
	udp_free(u);
	loop_free(loop);
}

/* ---- rows: many datagrams that pass the kernel as one ---- */

#define ROW_BYTES 65000U

struct row_seen {
	struct loop *loop;
	unsigned dht, utp, ends, want;
	size_t bytes, wrong;
	bool apart; /* a payload did not lie behind the one before */
	const uint8_t *end;
};

static void look_all(struct row_seen *seen)
{
	if (seen->dht + seen->utp == seen->want)
		loop_stop(seen->loop);
}

static void on_row_dht(void *ctx, const struct net_addr *from,
		       const struct span *bytes)
{
	struct row_seen *seen = ctx;

	(void)from;
	seen->bytes += bytes->len;
	seen->wrong += bytes->p[0] != 'd' ||
		       bytes->p[bytes->len - 1] != (uint8_t)seen->dht;
	seen->dht++;
	look_all(seen);
}

static void on_row_arrived(void *ctx)
{
	(void)ctx;
}

static void on_row_packet(void *ctx, unsigned socket,
			  const struct wire_addr *from, const uint8_t *head,
			  const struct span *rest)
{
	struct row_seen *seen = ctx;

	(void)socket;
	(void)from;
	seen->bytes += UDP_UTP_HEAD + rest->len;
	seen->wrong +=
		head[1] != (uint8_t)seen->utp ||
		(rest->len && rest->p[rest->len - 1] != (uint8_t)seen->utp);
	if (seen->end && rest->len && rest->p != seen->end)
		seen->apart = true;
	seen->end = rest->owner ? rest->p + rest->len : NULL;
	seen->utp++;
	look_all(seen);
}

static void on_row_end(void *ctx)
{
	((struct row_seen *)ctx)->ends++;
	((struct row_seen *)ctx)->end = NULL;
}

static void on_row_writable(void *ctx)
{
	(void)ctx;
}

static const struct udp_utp_ops row_ops = {
	.arrived = on_row_arrived,
	.packet = on_row_packet,
	.batch_end = on_row_end,
	.writable = on_row_writable,
};

static const struct {
	const char *name;
	struct {
		uint8_t first; /* byte of each datagram */
		unsigned count, segment, last;
	} runs[6];
	unsigned n;
} shapes[] = {
	{"a row of uTP", {{0x01, 44, 1472, 1472}}, 1},
	{"rows of one length, heads and payloads apart",
	 {{0x01, 44, 1472, 1472}, {0x01, 44, 1472, 900}, {0x01, 44, 1472, 20}},
	 3},
	{"then rows of another length",
	 {{0x01, 40, 1472, 1472}, {0x01, 40, 1232, 1232}, {0x01, 9, 600, 33}},
	 3},
	{"a row, then single ones",
	 {{0x01, 40, 1472, 1472},
	  {0x01, 1, 1472, 1472},
	  {0x21, 1, 20, 20},
	  {0x21, 1, 26, 26},
	  {0x01, 1, 500, 500},
	  {0x01, 1, 21, 21}},
	 6},
	{"rows of the DHT are taken apart",
	 {{'d', 12, 300, 300}, {'d', 12, 300, 120}, {'d', 1, 300, 300}},
	 3},
	{"and between rows of uTP of the same length",
	 {{0x01, 40, 1400, 1400}, {'d', 8, 1400, 1400}, {0x01, 40, 1400, 40}},
	 3},
	{"the longest row", {{0x01, 64, 1015, 1015}}, 1},
};

static void send_shape(struct udp *u, const struct wire_addr *to,
		       struct row_seen *seen, size_t i, unsigned k)
{
	static uint8_t buf[ROW_BYTES];
	unsigned count = shapes[i].runs[k].count;
	unsigned segment = shapes[i].runs[k].segment;
	bool dht = shapes[i].runs[k].first == 'd';
	unsigned number = dht ? seen->dht : seen->utp;
	struct udp_run run = {.p = buf, .segment = segment};

	run.len = (count - 1) * segment + shapes[i].runs[k].last;
	memset(buf, 0, sizeof(buf));
	for (unsigned n = 0; n < count; n++) {
		size_t at = (size_t)n * segment;
		size_t end = n == count - 1 ? run.len : at + segment;

		buf[end - 1] = (uint8_t)(number + n);
		buf[at + 1] = dht ? 0 : (uint8_t)(number + n);
		buf[at] = shapes[i].runs[k].first;
	}
	seen->want += count;
	CHECK(udp_send_run(u, 0, to, &run) == UDP_SENT, "%s", shapes[i].name);
}

static void on_row_limit(void *ctx)
{
	loop_stop(ctx);
}

static void rows_are_taken_apart(void)
{
	for (size_t i = 0; i < ROWS(shapes); i++) {
		struct err e = {0};
		struct row_seen seen = {.loop = loop_new(&e)};
		struct udp *a = udp_new(seen.loop, NULL, &e);
		struct udp *b = udp_new(seen.loop, NULL, &e);
		struct loop_timer *limit =
			loop_timer_new(seen.loop, on_row_limit, seen.loop);
		struct wire_addr to = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
		uint16_t port;

		CHECK(udp_listen(a, "127.0.0.1", 0, &to.port, &e) == ERR_NONE &&
			      udp_listen(b, "127.0.0.1", 0, &port, &e) ==
				      ERR_NONE,
		      "%s", e.msg);
		udp_on(a, UDP_DHT, on_row_dht, &seen);
		udp_on_utp(a, &row_ops, &seen);
		loop_timer_set(limit, 10000);
		for (unsigned k = 0; k < shapes[i].n; k++) {
			send_shape(b, &to, &seen, i, k);
			loop_run(seen.loop);
		}
		CHECK(seen.dht + seen.utp == seen.want && seen.wrong == 0,
		      "%s: %u and %u of %u, %zu wrong", shapes[i].name,
		      seen.dht, seen.utp, seen.want, seen.wrong);
		CHECK(i != 1 || !seen.apart, "%s: payloads apart",
		      shapes[i].name);
		loop_timer_free(limit);
		udp_free(a);
		udp_free(b);
		loop_free(seen.loop);
	}
}

static void a_probe_is_sent_whole(void)
{
	static uint8_t buf[1472];
	struct err e = {0};
	struct loop *loop = loop_new(&e);
	struct udp *u = udp_new(loop, NULL, &e);
	struct wire_addr to = {.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
	struct udp_run run = {.p = buf, .len = 1472, .segment = 1472};

	CHECK(udp_listen(u, "127.0.0.1", 0, &to.port, &e) == ERR_NONE, "%s",
	      e.msg);
	run.whole = true;
	CHECK(udp_send_run(u, 0, &to, &run) == UDP_SENT, "a probe");
	CHECK(udp_receive_room(u, 0) >= 65536, "room for %u bytes",
	      udp_receive_room(u, 0));
	CHECK(udp_socket_for(u, AF_INET) == 0 &&
		      udp_socket_for(u, AF_INET6) == -1,
	      "sockets");
	udp_free(u);
	loop_free(loop);
}

int main(void)
{
	rows_are_taken_apart();
	a_probe_is_sent_whole();
	check_kinds();
	exchange("127.0.0.1", "127.0.0.1", "127.0.0.1");
	exchange("::1", "::1", "::1");
	exchange("::", "127.0.0.1", "127.0.0.1"); /* not IPv4-mapped */
	exchange("127.0.0.1", "::", "127.0.0.1");
	check_no_socket();
	return CHECK_EXIT();
}
