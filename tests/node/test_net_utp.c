/* Connections by uTP on loopback, both ends in one loop. */
#include "node/net/net.h"
#include "node/net/udp.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define BYTES (8U << 20)
#define PERIOD 251U
#define LIMIT_MS 20000

struct world {
	struct loop *loop;
	struct end {
		struct world *world;
		struct conn *conn;
		uint64_t sent, received, to_send;
		size_t quota; /* of a read, as may_read says */
		bool up, down;
		uint64_t wrong;
		const char *why;
	} ends[2]; /* who connects, who is connected to */
	bool refuse, stop_when_up, tcp_alone;
	uint8_t pattern[65536 + PERIOD];
};

static void look_done(struct world *w)
{
	const struct end *a = &w->ends[0], *b = &w->ends[1];

	if (a->down || b->down || (w->stop_when_up && a->up && b->up) ||
	    (a->up && b->up && a->received == b->to_send &&
	     b->received == a->to_send))
		loop_stop(w->loop);
}

static void *on_accepted(void *ctx, struct conn *c, const struct net_addr *from)
{
	struct world *w = ctx;

	(void)from;
	if (w->refuse)
		return NULL;
	w->ends[1].conn = c;
	w->ends[1].up = true;
	net_want_write(c);
	look_done(w);
	return &w->ends[1];
}

static void on_connected(void *ctx)
{
	struct end *e = ctx;

	e->up = true;
	net_want_write(e->conn);
	look_done(e->world);
}

static void on_received(void *ctx, const struct span *bytes)
{
	struct end *e = ctx;

	for (size_t i = 0; i < bytes->len; i += PERIOD) {
		size_t n = bytes->len - i < PERIOD ? bytes->len - i : PERIOD;

		if (memcmp(bytes->p + i,
			   e->world->pattern + (e->received + i) % PERIOD,
			   n) != 0)
			e->wrong += n;
	}
	CHECK(bytes->len <= e->quota, "%zu at once", bytes->len);
	e->received += bytes->len;
	look_done(e->world);
}

static size_t on_output(void *ctx, struct iovec *iov, size_t max)
{
	const struct end *e = ctx;
	uint64_t left = e->to_send - e->sent, at = e->sent;
	size_t n = 0;

	for (; n < max && left; n++) {
		size_t len = left < 16397 ? (size_t)left : 16397;

		iov[n].iov_base =
			(void *)(uintptr_t)(e->world->pattern + at % PERIOD);
		iov[n].iov_len = len;
		at += len;
		left -= len;
	}
	return n;
}

static void on_sent(void *ctx, size_t bytes)
{
	((struct end *)ctx)->sent += bytes;
}

static size_t on_may_read(void *ctx)
{
	return ((struct end *)ctx)->quota;
}

static void on_closed(void *ctx, const char *why)
{
	struct end *e = ctx;

	e->down = true;
	e->why = why;
	e->conn = NULL;
	look_done(e->world);
}

static const struct net_ops ops = {
	.accepted = on_accepted,
	.connected = on_connected,
	.received = on_received,
	.output = on_output,
	.sent = on_sent,
	.may_read = on_may_read,
	.closed = on_closed,
};

static void on_limit(void *ctx)
{
	loop_stop(ctx);
}

struct node {
	struct net *net;
	struct udp *udp;
	uint16_t port;
};

/* Turns of the loop end for both. */
static struct node nodes[2];

static void on_turn_end(void *ctx)
{
	(void)ctx;
	for (unsigned i = 0; i < 2; i++)
		if (nodes[i].net)
			net_flush(nodes[i].net);
}

enum how { TCP = 1, UTP = 2, ONLY = 4 };

static void node_new(struct world *w, unsigned i, const char *host,
		     unsigned how)
{
	struct err e = {0};
	uint16_t port = 0;

	nodes[i].net = net_new(w->loop, NULL, &ops, w, &e);
	nodes[i].udp = udp_new(w->loop, NULL, &e);
	if (how & TCP)
		CHECK(net_listen(nodes[i].net, host, 0, &port, &e) == ERR_NONE,
		      "%s", e.msg);
	CHECK(udp_listen(nodes[i].udp, host, port, &port, &e) == ERR_NONE, "%s",
	      e.msg);
	if (how & (UTP | ONLY))
		CHECK(net_use_utp(nodes[i].net, nodes[i].udp, how & ONLY, 10,
				  &e) == ERR_NONE,
		      "%s", e.msg);
	nodes[i].port = port;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = {0};

	w->loop = loop_new(&e);
	loop_on_turn_end(w->loop, on_turn_end, NULL);
	for (unsigned i = 0; i < 2; i++) {
		w->ends[i].world = w;
		w->ends[i].quota = NET_RECV;
	}
	for (size_t i = 0; i < sizeof(w->pattern); i++)
		w->pattern[i] = (uint8_t)(i % PERIOD * 7);
	return w;
}

static void world_free(struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		net_free(nodes[i].net);
		udp_free(nodes[i].udp);
		nodes[i] = (struct node){0};
	}
	loop_free(w->loop);
	free(w);
}

static void run(struct world *w, const char *host)
{
	struct loop_timer *limit = loop_timer_new(w->loop, on_limit, w->loop);
	struct net_addr to;

	CHECK(net_addr_from_ip(&to, host, nodes[1].port), "%s", host);
	w->ends[0].conn =
		net_connect(nodes[0].net, &to, w->tcp_alone, &w->ends[0]);
	loop_timer_set(limit, LIMIT_MS);
	loop_run(w->loop);
	loop_timer_free(limit);
}

static const struct {
	const char *name;
	const char *host;
	unsigned ours, theirs; /* enum how */
	uint64_t forth, back;
	size_t quota;
	bool refuse, up, tcp_alone;
} rows[] = {
	{"uTP alone", "127.0.0.1", UTP | ONLY, UTP | ONLY, BYTES, 0, NET_RECV,
	 false, true, false},
	{"both ways at once", "127.0.0.1", UTP | ONLY, TCP | UTP, BYTES, BYTES,
	 NET_RECV, false, true, false},
	{"over IPv6", "::1", UTP | ONLY, TCP | UTP, BYTES, 1000, NET_RECV,
	 false, true, false},
	{"small reads", "127.0.0.1", UTP | ONLY, TCP | UTP, 1 << 20, 1 << 20,
	 5000, false, true, false},
	{"TCP, as a neighbour", "127.0.0.1", TCP | UTP, TCP, 100000, 100000,
	 NET_RECV, false, true, false},
	{"uTP where TCP is refused", "127.0.0.1", TCP | UTP, UTP, 100000,
	 100000, NET_RECV, false, true, false},
	{"the same, but asked for TCP alone", "127.0.0.1", TCP | UTP, UTP, 10,
	 10, NET_RECV, false, false, true},
	{"TCP alone", "127.0.0.1", TCP | UTP, TCP | UTP, 100000, 100000,
	 NET_RECV, false, true, true},
	{"who is refused", "127.0.0.1", UTP | ONLY, UTP, 10, 10, NET_RECV, true,
	 false, false},
	{"nobody there", "127.0.0.1", TCP | UTP, 0, 10, 10, NET_RECV, false,
	 false, false},
};

static void bytes_go_both_ways(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world *w = world_new();

		node_new(w, 0, rows[i].host, rows[i].ours);
		node_new(w, 1, rows[i].host, rows[i].theirs);
		w->refuse = rows[i].refuse;
		w->tcp_alone = rows[i].tcp_alone;
		w->ends[0].to_send = rows[i].forth;
		w->ends[1].to_send = rows[i].back;
		w->ends[0].quota = w->ends[1].quota = rows[i].quota;
		run(w, rows[i].host);
		CHECK(w->ends[1].up == rows[i].up &&
			      w->ends[0].down == !rows[i].up,
		      "%s: up %d, down %d (%s)", rows[i].name, w->ends[1].up,
		      w->ends[0].down, w->ends[0].why ? w->ends[0].why : "");
		CHECK(!rows[i].up || (w->ends[0].received == rows[i].back &&
				      w->ends[1].received == rows[i].forth &&
				      !w->ends[0].wrong && !w->ends[1].wrong),
		      "%s: %llu and %llu bytes, %llu and %llu wrong",
		      rows[i].name, (unsigned long long)w->ends[0].received,
		      (unsigned long long)w->ends[1].received,
		      (unsigned long long)w->ends[0].wrong,
		      (unsigned long long)w->ends[1].wrong);
		world_free(w);
	}
}

/* It closes; the other hears of it. */
static void the_end_is_told(void)
{
	struct world *w = world_new();
	struct loop_timer *limit = loop_timer_new(w->loop, on_limit, w->loop);

	node_new(w, 0, "127.0.0.1", UTP | ONLY);
	node_new(w, 1, "127.0.0.1", UTP | ONLY);
	w->stop_when_up = true;
	w->ends[0].to_send = 10; /* until then the other knows of nothing */
	run(w, "127.0.0.1");
	net_close(w->ends[0].conn);
	w->stop_when_up = false;
	loop_timer_set(limit, LIMIT_MS);
	loop_run(w->loop);
	loop_timer_free(limit);
	CHECK(w->ends[1].down && net_count(nodes[1].net) == 0 &&
		      net_count(nodes[0].net) == 0,
	      "down %d", w->ends[1].down);
	world_free(w);
}

static void the_first_way_is_chosen_by_address(void)
{
	static const struct {
		const char *ip;
		bool utp, only;
		enum net_way first, second;
	} ways[] = {
		{"127.0.0.1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"::1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"10.1.2.3", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"172.16.0.1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"172.32.0.1", true, false, NET_WAY_UTP, NET_WAY_TCP},
		{"192.168.1.1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"192.169.1.1", true, false, NET_WAY_UTP, NET_WAY_TCP},
		{"169.254.1.1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"fe80::1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"fd00::1", true, false, NET_WAY_TCP, NET_WAY_UTP},
		{"2001:db8::1", true, false, NET_WAY_UTP, NET_WAY_TCP},
		{"203.0.113.7", true, false, NET_WAY_UTP, NET_WAY_TCP},
		{"203.0.113.7", true, true, NET_WAY_UTP, NET_WAY_NONE},
		{"127.0.0.1", true, true, NET_WAY_UTP, NET_WAY_NONE},
		{"203.0.113.7", false, false, NET_WAY_TCP, NET_WAY_NONE},
	};

	for (size_t i = 0; i < ROWS(ways); i++) {
		struct net_addr to;
		enum net_way first, second;

		CHECK(net_addr_from_ip(&to, ways[i].ip, 1), "%s", ways[i].ip);
		first = net_first_way(ways[i].utp, ways[i].only, &to, &second);
		CHECK(first == ways[i].first && second == ways[i].second,
		      "%s: %d, then %d", ways[i].ip, first, second);
	}
}

int main(void)
{
	bytes_go_both_ways();
	the_end_is_told();
	the_first_way_is_chosen_by_address();
	return CHECK_EXIT();
}
