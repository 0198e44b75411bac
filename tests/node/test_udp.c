/* UDP sockets on loopback, both ends in one loop. */
#include "node/swarm/udp.h"
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

int main(void)
{
	check_kinds();
	exchange("127.0.0.1", "127.0.0.1", "127.0.0.1");
	exchange("::1", "::1", "::1");
	exchange("::", "127.0.0.1", "127.0.0.1"); /* not IPv4-mapped */
	exchange("127.0.0.1", "::", "127.0.0.1");
	check_no_socket();
	return CHECK_EXIT();
}
