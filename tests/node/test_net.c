/* Sockets on loopback, both ends in one loop. */
#include "node/net/net.h"
#include "tests/check.h"

#include <string.h>

struct seen {
	struct loop *loop;
	char from[80];
	const char *end;
};

static void *on_accepted(void *ctx, struct conn *c, const struct net_addr *from)
{
	struct seen *seen = ctx;

	(void)c;
	net_addr_text(from, seen->from, sizeof(seen->from));
	loop_stop(seen->loop);
	return NULL; /* refused */
}

static void on_connected(void *ctx)
{
	(void)ctx;
}

static void on_received(void *ctx, const struct span *bytes)
{
	(void)ctx;
	(void)bytes;
}

static size_t on_output(void *ctx, struct iovec *iov, size_t max)
{
	(void)ctx;
	(void)iov;
	(void)max;
	return 0;
}

static void on_sent(void *ctx, size_t bytes)
{
	(void)ctx;
	(void)bytes;
}

static size_t on_may_read(void *ctx)
{
	(void)ctx;
	return NET_RECV;
}

static void on_closed(void *ctx, const char *why)
{
	((struct seen *)ctx)->end = why;
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

static const struct row {
	const char *name;
	const char *listen[2];
	const char *server;
	const char *want; /* the source seen by the server, before the port */
} rows[] = {
	{"who listens on one address connects from it",
	 {"127.0.0.3"},
	 "127.0.0.2",
	 "127.0.0.3:"},
	{"the first of two addresses is the source",
	 {"127.0.0.4", "127.0.0.3"},
	 "127.0.0.2",
	 "127.0.0.4:"},
	{"who listens everywhere leaves it to the kernel",
	 {"0.0.0.0"},
	 "127.0.0.2",
	 "127.0.0."},
	{"who does not listen leaves it to the kernel",
	 {NULL},
	 "127.0.0.2",
	 "127.0.0."},
};

static void run_row(const struct row *row)
{
	struct err e = {0};
	struct seen seen = {.loop = loop_new(&e)};
	struct net *server = net_new(seen.loop, NULL, &ops, &seen, &e);
	struct net *client = net_new(seen.loop, NULL, &ops, &seen, &e);
	struct loop_timer *limit =
		loop_timer_new(seen.loop, on_limit, seen.loop);
	struct net_addr to;
	uint16_t port, own;

	CHECK(net_listen(server, row->server, 0, &port, &e) == ERR_NONE,
	      "%s: %s", row->name, e.msg);
	for (size_t i = 0; i < ROWS(row->listen) && row->listen[i]; i++)
		CHECK(net_listen(client, row->listen[i], 0, &own, &e) ==
			      ERR_NONE,
		      "%s: %s", row->name, e.msg);
	CHECK(net_addr_from_ip(&to, row->server, port), "%s", row->name);
	CHECK(net_connect(client, &to, false, &seen) != NULL, "%s", row->name);
	loop_timer_set(limit, 5000);
	loop_run(seen.loop);
	CHECK(strncmp(seen.from, row->want, strlen(row->want)) == 0,
	      "%s: seen from %s", row->name, seen.from);
	loop_timer_free(limit);
	net_free(client);
	net_free(server);
	loop_free(seen.loop);
}

static void an_address_of_16_bytes_goes_both_ways(void)
{
	static const struct {
		const char *name, *ip, *text;
		size_t len;
	} table[] = {
		{"IPv4 is mapped", "10.1.2.3", "10.1.2.3:7", 4},
		{"a mapped one is IPv4", "::ffff:10.1.2.3", "10.1.2.3:7", 4},
		{"IPv6 stays", "2001:db8::1", "[2001:db8::1]:7", 16},
		{"nearly mapped is IPv6", "::fffe:1.2.3.4",
		 "[::fffe:102:304]:7", 16},
	};

	for (size_t i = 0; i < ROWS(table); i++) {
		struct net_addr a, back;
		uint8_t ip[16], bare[16];
		char text[64];

		CHECK(net_addr_from_ip(&a, table[i].ip, 7), "%s",
		      table[i].name);
		net_addr_to_ip16(&a, ip);
		net_addr_from_ip16(&back, ip, 7);
		net_addr_text(&back, text, sizeof(text));
		CHECK(strcmp(text, table[i].text) == 0, "%s: %s", table[i].name,
		      text);
		CHECK(net_addr_ip(&back, bare) == table[i].len, "%s",
		      table[i].name);
	}
}

static void only_a_global_address_is_told_to_trackers(void)
{
	static const struct {
		const char *name, *ip;
		bool global;
	} table[] = {
		{"global unicast", "2001:db8::1", true},
		{"the last of it", "3fff:ffff::1", true},
		{"loopback", "::1", false},
		{"everywhere", "::", false},
		{"of the link", "fe80::1", false},
		{"unique local", "fd00::1", false},
		{"multicast", "ff02::1", false},
		{"IPv4", "32.1.2.3", false},
		{"mapped IPv4", "::ffff:32.1.2.3", false},
	};

	for (size_t i = 0; i < ROWS(table); i++) {
		struct net_addr a;

		CHECK(net_addr_from_ip(&a, table[i].ip, 7), "%s",
		      table[i].name);
		CHECK(net_addr_is_global_ip6(&a) == table[i].global, "%s",
		      table[i].name);
	}
}

static void who_listens_on_loopback_has_no_global_address(void)
{
	struct err e = {0};
	struct loop *loop = loop_new(&e);
	struct net *n = net_new(loop, NULL, &ops, NULL, &e);
	char text[NET_IP_TEXT_MAX];
	uint16_t port;

	CHECK(!net_global_ip6(n, text), "not listening");
	CHECK(net_listen(n, "127.0.0.1", 0, &port, &e) == ERR_NONE, "%s",
	      e.msg);
	CHECK(!net_global_ip6(n, text), "on IPv4");
	/* a machine may have no IPv6 at all; then nothing is listened on */
	(void)net_listen(n, "::1", 0, &port, NULL);
	CHECK(!net_global_ip6(n, text), "on loopback: %s", text);
	net_free(n);
	loop_free(loop);
}

int main(void)
{
	only_a_global_address_is_told_to_trackers();
	who_listens_on_loopback_has_no_global_address();
	an_address_of_16_bytes_goes_both_ways();
	for (size_t i = 0; i < ROWS(rows); i++)
		run_row(&rows[i]);
	return CHECK_EXIT();
}
