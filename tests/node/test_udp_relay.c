/* A relay on loopback that the test plays itself. */
#include "node/net/link.h"
#include "node/net/udp.h"
#include "node/net/udp_relay.h"
#include "tests/check.h"
#include "wire/reach/proxy.h"

#include <string.h>
#include <unistd.h>

#define HEAD "\0\0\0\x01\xcb\x00\x71\x07\x1a\xe1" /* 203.0.113.7:6881 */
#define HEAD_LEN 10U

struct world {
	struct loop *loop;
	struct udp *udp;
	struct udp_relay *relay;
	int fd; /* the relay's */
	struct net_addr at, client;
	unsigned heard;
	char from[80];
	struct span last;
	uint8_t bytes[100];
};

static void on_datagram(void *ctx, const struct net_addr *from,
			const struct span *bytes)
{
	struct world *w = ctx;

	w->heard++;
	net_addr_text(from, w->from, sizeof(w->from));
	if (bytes->len <= sizeof(w->bytes))
		memcpy(w->bytes, bytes->p, bytes->len);
	w->last.len = bytes->len;
	loop_stop(w->loop);
}

static void on_limit(void *ctx)
{
	loop_stop(((struct world *)ctx)->loop);
}

static void open_world(struct world *w)
{
	struct err e = {0};

	*w = (struct world){.loop = loop_new(&e)};
	w->udp = udp_new(w->loop, NULL, &e);
	w->relay = udp_relay_new(w->loop, w->udp);
	udp_on(w->udp, UDP_DHT, on_datagram, w);
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)net_addr_from_ip(&w->at, "127.0.0.1", 0);
	CHECK(bind(w->fd, (struct sockaddr *)&w->at.sa, w->at.len) == 0,
	      "bind");
	(void)getsockname(w->fd, (struct sockaddr *)&w->at.sa, &w->at.len);
}

static void close_world(struct world *w)
{
	udp_relay_free(w->relay);
	udp_free(w->udp);
	(void)close(w->fd);
	loop_free(w->loop);
}

static enum udp_sent say(struct world *w, const char *text)
{
	struct iovec iov[2] = {
		{(void *)(uintptr_t)text, 1},
		{(void *)(uintptr_t)(text + 1), strlen(text) - 1}};
	struct net_addr to;

	(void)net_addr_from_ip(&to, "203.0.113.7", 6881);
	return udp_send(w->udp, &to, iov, 2);
}

/* What the relay was sent; "" nothing. */
static const char *relayed(struct world *w)
{
	static char text[100];
	ssize_t n;

	w->client.len = sizeof(w->client.sa);
	n = recvfrom(w->fd, text, sizeof(text) - 1, MSG_DONTWAIT,
		     (struct sockaddr *)&w->client.sa, &w->client.len);
	if (n < (ssize_t)HEAD_LEN || memcmp(text, HEAD, HEAD_LEN) != 0)
		return "";
	text[n] = '\0';
	return text + HEAD_LEN;
}

static void datagrams_wait_for_the_relay(void)
{
	struct world w;
	struct err e = {0};

	open_world(&w);
	CHECK(udp_has(w.udp, AF_INET) && udp_has(w.udp, AF_INET6),
	      "any family can be sent to");
	for (unsigned i = 0; i < UDP_RELAY_WAITING; i++)
		CHECK(say(&w, i ? "d1" : "d0") == UDP_SENT, "kept %u", i);
	CHECK(say(&w, "d2") == UDP_BUSY, "no more are kept");
	CHECK(!*relayed(&w), "nothing is sent before it is there");
	CHECK(udp_relay_open(w.relay, &w.at, &e) == ERR_NONE, "%s", e.msg);
	CHECK(strcmp(relayed(&w), "d0") == 0, "the first that waited");
	for (unsigned i = 1; i < UDP_RELAY_WAITING; i++)
		CHECK(strcmp(relayed(&w), "d1") == 0, "one that waited");
	CHECK(say(&w, "d3") == UDP_SENT && strcmp(relayed(&w), "d3") == 0,
	      "one that need not wait");
	udp_relay_close(w.relay);
	CHECK(say(&w, "d4") == UDP_FAILED, "it is gone");
	close_world(&w);
}

static void who_sent_it_is_who_the_relay_says(void)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
		bool heard;
	} rows[] = {
		{"a datagram", HEAD "d1:ae", HEAD_LEN + 5, true},
		{"a fragment",
		 "\0\0\1\x01\xcb\x00\x71\x07\x1a\xe1"
		 "d1:ae",
		 HEAD_LEN + 5, false},
		{"of no kind", HEAD "x", HEAD_LEN + 1, false},
		{"nothing in it", HEAD, HEAD_LEN, false},
		{"no head", "d1:ae", 5, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;
		struct err e = {0};
		struct loop_timer *limit;

		open_world(&w);
		CHECK(udp_relay_open(w.relay, &w.at, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(say(&w, "d0") == UDP_SENT && *relayed(&w), "%s",
		      rows[i].name);
		CHECK(sendto(w.fd, rows[i].bytes, rows[i].len, 0,
			     (struct sockaddr *)&w.client.sa,
			     w.client.len) == (ssize_t)rows[i].len,
		      "%s", rows[i].name);
		/* one that is always heard ends the waiting */
		(void)!sendto(w.fd, HEAD "dend", HEAD_LEN + 4, 0,
			      (struct sockaddr *)&w.client.sa, w.client.len);
		limit = loop_timer_new(w.loop, on_limit, &w);
		loop_timer_set(limit, 5000);
		loop_run(w.loop);
		if (w.heard == 1 && rows[i].heard && w.last.len == 5)
			CHECK(memcmp(w.bytes, "d1:ae", 5) == 0, "%s",
			      rows[i].name);
		CHECK(w.heard == 1U + rows[i].heard, "%s: heard %u",
		      rows[i].name, w.heard);
		CHECK(strcmp(w.from, "203.0.113.7:6881") == 0, "%s: from %s",
		      rows[i].name, w.from);
		loop_timer_free(limit);
		close_world(&w);
	}
}

int main(void)
{
	datagrams_wait_for_the_relay();
	who_sent_it_is_who_the_relay_says();
	return CHECK_EXIT();
}
