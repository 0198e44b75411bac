#include "node/net/tunnel.h"

#include "node/net/link.h"
#include "node/net/udp_relay.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AGAIN_MS 60000
#define UDP_AGAIN_MIN_MS 5000
#define UDP_AGAIN_MAX_MS 300000

struct tunnel {
	struct tunnels *all;
	int fd;
	struct loop_watch *watch;
	struct proxy_hand hand;
	bool connected;
	tunnel_fn *done;
	void *ctx;
};

struct lookup {
	struct work_job job;	 /* first: the job is the lookup */
	struct tunnels *tunnels; /* NULL: they are gone */
	char host[PROXY_NAME_MAX + 1];
	char port[8];
	struct addrinfo *found;
};

struct tunnels {
	struct loop *loop;
	struct work *work;
	struct log *log;
	struct udp *udp;
	struct proxy proxy;
	struct net_addr at; /* of the proxy; len 0: not known (yet) */
	struct lookup *lookup;
	int64_t looked_ms;

	/* the connection by which datagrams are allowed */
	struct udp_relay *datagrams; /* NULL: not wanted, or no SOCKS5 */
	struct tunnel *relay;
	int relay_fd;			/* -1: none */
	struct loop_watch *relay_watch; /* once it is through */
	struct loop_timer *relay_timer;
	int64_t relay_wait_ms;
};

/* ---- the proxy's own address ---- */

static void run_lookup(struct work_job *job)
{
	struct lookup *k = (struct lookup *)job;
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};

	if (getaddrinfo(k->host, k->port, &hints, &k->found) != 0)
		k->found = NULL;
}

static void lookup_done(struct work_job *job)
{
	struct lookup *k = (struct lookup *)job;
	struct tunnels *t = k->tunnels;
	const struct addrinfo *a = k->found;

	if (t) {
		t->lookup = NULL;
		if (a && a->ai_addrlen <= sizeof(t->at.sa)) {
			memcpy(&t->at.sa, a->ai_addr, a->ai_addrlen);
			t->at.len = a->ai_addrlen;
		} else {
			log_line(t->log, LOG_WARN, "proxy",
				 "name not found host=\"%s\"", k->host);
		}
		if (t->datagrams)
			loop_timer_set(t->relay_timer, 0);
	}
	if (k->found)
		freeaddrinfo(k->found);
	free(k);
}

/* An address is its own answer. */
static void look_up(struct tunnels *t)
{
	int64_t now = loop_now_ms(t->loop);
	struct lookup *k;

	if (net_addr_from_ip(&t->at, t->proxy.host, t->proxy.port) ||
	    t->lookup ||
	    (t->looked_ms >= 0 && now - t->looked_ms < LOOK_AGAIN_MS))
		return;
	k = calloc(1, sizeof(*k));
	if (!k)
		return;
	t->looked_ms = now;
	memcpy(k->host, t->proxy.host, sizeof(k->host));
	(void)snprintf(k->port, sizeof(k->port), "%u", t->proxy.port);
	k->tunnels = t;
	k->job.run = run_lookup;
	k->job.done = lookup_done;
	t->lookup = k;
	work_submit(t->work, NULL, &k->job);
}

/* ---- one connection ---- */

void tunnel_close(struct tunnel *k)
{
	if (!k)
		return;
	loop_watch_free(k->watch);
	free(k);
}

/* The callback closes k. */
static void fail(struct tunnel *k, const char *why)
{
	char text[176];

	(void)snprintf(text, sizeof(text), "proxy: %s", why);
	k->done(k->ctx, text);
}

/* False: k is failed. */
static bool say(struct tunnel *k)
{
	size_t len;
	const uint8_t *out = proxy_hand_output(&k->hand, &len);
	ssize_t n;

	if (len == 0) {
		loop_watch_set(k->watch, LOOP_READ);
		return true;
	}
	n = send(k->fd, out, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail(k, strerror(errno));
		return false;
	}
	if (n > 0)
		proxy_hand_sent(&k->hand, (size_t)n);
	(void)proxy_hand_output(&k->hand, &len);
	loop_watch_set(k->watch, len ? LOOP_WRITE : LOOP_READ);
	return true;
}

/* Takes of the socket what belongs to the proxy's answer, and no more. */
static void hear(struct tunnel *k)
{
	uint8_t bytes[512];
	enum proxy_state state;
	struct err e = {0};
	size_t used;
	ssize_t n = recv(k->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(k, n == 0 ? "it closed the connection" : strerror(errno));
		return;
	}
	state = proxy_hand_feed(&k->hand, bytes, (size_t)n, &used, &e);
	(void)!recv(k->fd, bytes, used, MSG_DONTWAIT);
	switch (state) {
	case PROXY_GOING:
		(void)say(k);
		return;
	case PROXY_THROUGH:
		loop_watch_set(k->watch, 0);
		k->done(k->ctx, NULL);
		return;
	case PROXY_REFUSED:
		fail(k, e.msg);
		return;
	}
}

static void on_socket(void *ctx, unsigned what)
{
	struct tunnel *k = ctx;
	int error = 0;
	socklen_t len = sizeof(error);

	if (!k->connected) {
		(void)getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			look_up(k->all); /* it may have moved */
			fail(k, strerror(error));
			return;
		}
		k->connected = true;
	}
	if ((what & LOOP_WRITE) && !say(k))
		return;
	if (what & LOOP_READ)
		hear(k);
}

static struct tunnel *open_tunnel(struct tunnels *t, int *fd)
{
	struct tunnel *k;

	if (t->at.len == 0) {
		look_up(t);
		if (t->at.len == 0)
			return NULL;
	}
	*fd = socket(t->at.sa.ss_family,
		     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return NULL;
	k = calloc(1, sizeof(*k));
	if (k)
		k->watch = loop_watch_new(t->loop, *fd, on_socket, k);
	if (!k || !k->watch ||
	    (connect(*fd, (const struct sockaddr *)&t->at.sa, t->at.len) != 0 &&
	     errno != EINPROGRESS)) {
		tunnel_close(k);
		(void)close(*fd);
		return NULL;
	}
	k->all = t;
	k->fd = *fd;
	loop_watch_set(k->watch, LOOP_WRITE);
	return k;
}

struct tunnel *tunnel_open(struct tunnels *t, const struct net_addr *to,
			   int *fd)
{
	const struct wire_addr at = wire_addr_of(to);
	struct tunnel *k = open_tunnel(t, fd);

	if (k)
		proxy_hand_tcp(&k->hand, &t->proxy, &at);
	return k;
}

void tunnel_on_done(struct tunnel *k, tunnel_fn *done, void *ctx)
{
	k->done = done;
	k->ctx = ctx;
}

/* ---- datagrams ---- */

static void end_relay(struct tunnels *t)
{
	if (t->relay_fd < 0)
		return;
	loop_watch_free(t->relay_watch);
	t->relay_watch = NULL;
	tunnel_close(t->relay);
	t->relay = NULL;
	(void)close(t->relay_fd);
	t->relay_fd = -1;
}

static void lose_relay(struct tunnels *t, const char *why)
{
	end_relay(t);
	udp_relay_close(t->datagrams);
	log_line(t->log, LOG_INFO, "proxy",
		 "no datagrams seconds=%lld text=\"%s\"",
		 (long long)t->relay_wait_ms / 1000, why);
	loop_timer_set(t->relay_timer, t->relay_wait_ms);
	t->relay_wait_ms *= 2;
	if (t->relay_wait_ms > UDP_AGAIN_MAX_MS)
		t->relay_wait_ms = UDP_AGAIN_MAX_MS;
}

/* Nothing comes by it any more but its end, which ends the datagrams too. */
static void on_relay_socket(void *ctx, unsigned what)
{
	struct tunnels *t = ctx;
	uint8_t bytes[64];
	ssize_t n = recv(t->relay_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)what;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		lose_relay(t, "the proxy ended it");
}

static void on_relay(void *ctx, const char *why)
{
	static const uint8_t zero[16];
	struct tunnels *t = ctx;
	struct net_addr at;
	struct err e = {0};

	if (why) {
		lose_relay(t, why);
		return;
	}
	if (memcmp(t->relay->hand.bound.ip, zero, sizeof(zero)) == 0) {
		uint8_t ip[16];
		size_t len = net_addr_ip(&t->at, ip);

		(void)net_addr_from_bytes(&at, ip, len,
					  t->relay->hand.bound.port);
	} else {
		net_addr_of_wire(&at, &t->relay->hand.bound);
	}
	tunnel_close(t->relay);
	t->relay = NULL;
	t->relay_watch =
		loop_watch_new(t->loop, t->relay_fd, on_relay_socket, t);
	if (!t->relay_watch ||
	    udp_relay_open(t->datagrams, &at, &e) != ERR_NONE) {
		lose_relay(t, e.code ? e.msg : "no memory");
		return;
	}
	loop_watch_set(t->relay_watch, LOOP_READ);
	t->relay_wait_ms = UDP_AGAIN_MIN_MS;
	log_line(t->log, LOG_INFO, "proxy", "datagrams go through it");
}

static void on_relay_timer(void *ctx)
{
	struct tunnels *t = ctx;

	if (t->relay_fd >= 0)
		return;
	t->relay = open_tunnel(t, &t->relay_fd);
	if (t->relay) {
		tunnel_on_done(t->relay, on_relay, t);
		proxy_hand_udp(&t->relay->hand, &t->proxy);
		return;
	}
	t->relay_fd = -1;
	loop_timer_set(t->relay_timer, t->relay_wait_ms);
}

void tunnels_want_udp(struct tunnels *t)
{
	if (t->datagrams || !t->udp || t->proxy.kind != PROXY_SOCKS5)
		return;
	t->datagrams = udp_relay_new(t->loop, t->udp);
	if (t->datagrams)
		loop_timer_set(t->relay_timer, 0);
}

/* ---- life ---- */

enum err_code tunnels_new(struct tunnels **out, struct loop *loop,
			  struct work *work, struct log *log, struct udp *udp,
			  const struct proxy *proxy, struct err *e)
{
	struct tunnels *t = calloc(1, sizeof(*t));

	if (t)
		t->relay_timer = loop_timer_new(loop, on_relay_timer, t);
	if (!t || !t->relay_timer) {
		free(t);
		return err_fail(e, ERR_NOMEM, "proxy");
	}
	t->loop = loop;
	t->work = work;
	t->log = log;
	t->udp = udp;
	t->proxy = *proxy;
	t->looked_ms = -1;
	t->relay_fd = -1;
	t->relay_wait_ms = UDP_AGAIN_MIN_MS;
	look_up(t);
	*out = t;
	return ERR_NONE;
}

void tunnels_free(struct tunnels *t)
{
	if (!t)
		return;
	end_relay(t);
	udp_relay_free(t->datagrams);
	if (t->lookup)
		t->lookup->tunnels = NULL; /* frees itself when it is done */
	loop_timer_free(t->relay_timer);
	free(t);
}
