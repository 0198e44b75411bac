#include "node/swarm/locals.h"

#include "node/swarm/torrent.h"
#include "wire/find/lsd.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FAMILIES 2
#define INTERFACES_MAX 32
#define HEAR_A_TURN 16

struct side { /* one family */
	struct locals *locals;
	int family;
	int hear, speak; /* -1: none */
	struct loop_watch *watch;
	unsigned joined[INTERFACES_MAX]; /* their numbers */
	unsigned n_joined;
};

struct locals {
	struct engine *engine;
	struct lsd *lsd;
	struct loop_timer *timer;
	struct side sides[FAMILIES];
	bool awake;
};

/* ---- sockets ---- */

static struct net_addr group_of(int family)
{
	struct net_addr a;

	(void)net_addr_from_ip(&a, family == AF_INET ? LSD_GROUP4 : LSD_GROUP6,
			       LSD_PORT);
	return a;
}

static int open_socket(int family)
{
	const int one = 1;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* others on this machine hear the same port */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
				 sizeof(one));
	return fd;
}

/* Bound to the group, so that nothing comes that was sent to us alone. */
static int open_hear(int family)
{
	struct net_addr at = group_of(family);
	int fd = open_socket(family);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&at.sa, at.len) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static bool join(struct side *s, unsigned interface)
{
	struct ip_mreqn v4 = {.imr_ifindex = (int)interface};
	struct ipv6_mreq v6 = {.ipv6mr_interface = interface};

	(void)inet_pton(AF_INET, LSD_GROUP4, &v4.imr_multiaddr);
	(void)inet_pton(AF_INET6, LSD_GROUP6, &v6.ipv6mr_multiaddr);
	return (s->family == AF_INET
			? setsockopt(s->hear, IPPROTO_IP, IP_ADD_MEMBERSHIP,
				     &v4, sizeof(v4))
			: setsockopt(s->hear, IPPROTO_IPV6, IPV6_JOIN_GROUP,
				     &v6, sizeof(v6))) == 0;
}

/* Interfaces come while a node runs. */
static void need_joined(struct side *s, unsigned interface)
{
	for (unsigned i = 0; i < s->n_joined; i++)
		if (s->joined[i] == interface)
			return;
	if (s->n_joined < INTERFACES_MAX && join(s, interface))
		s->joined[s->n_joined++] = interface;
}

/* Does the node listen on this address of the interface? */
static bool listens_at(const struct locals *l, const struct sockaddr *sa)
{
	const struct net_addr *only =
		net_source(links_net(l->engine->links), sa->sa_family);
	struct net_addr at = {.len = sa->sa_family == AF_INET
					     ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6)};
	uint8_t a[16], b[16];

	if (!only)
		return true;
	memcpy(&at.sa, sa, at.len);
	return net_addr_ip(&at, a) == net_addr_ip(only, b) &&
	       memcmp(a, b, sa->sa_family == AF_INET ? 4 : 16) == 0;
}

/* Numbers of the interfaces that this side speaks on; how many. */
static unsigned interfaces(struct side *s, unsigned out[INTERFACES_MAX])
{
	struct ifaddrs *list = NULL;
	unsigned n = 0, k;

	if (getifaddrs(&list) != 0)
		return 0;
	for (struct ifaddrs *a = list; a && n < INTERFACES_MAX;
	     a = a->ifa_next) {
		if (!a->ifa_addr || a->ifa_addr->sa_family != s->family ||
		    !(a->ifa_flags & IFF_UP) ||
		    !(a->ifa_flags & IFF_MULTICAST) ||
		    a->ifa_flags & IFF_LOOPBACK ||
		    !listens_at(s->locals, a->ifa_addr))
			continue;
		out[n] = if_nametoindex(a->ifa_name);
		for (k = 0; k < n && out[k] != out[n]; k++)
			;
		n += k == n && out[n] != 0;
	}
	freeifaddrs(list);
	return n;
}

/* ---- speaking ---- */

static void speak_on(struct side *s, unsigned interface, const char *text,
		     size_t len)
{
	const struct ip_mreqn v4 = {.imr_ifindex = (int)interface};
	struct net_addr to = group_of(s->family);

	if (s->family == AF_INET)
		(void)setsockopt(s->speak, IPPROTO_IP, IP_MULTICAST_IF, &v4,
				 sizeof(v4));
	else
		(void)setsockopt(s->speak, IPPROTO_IPV6, IPV6_MULTICAST_IF,
				 &interface, sizeof(interface));
	/* what is lost is said again in five minutes */
	(void)!sendto(s->speak, text, len, 0, (const struct sockaddr *)&to.sa,
		      to.len);
}

static void speak(struct side *s, const struct lsd_msg *m)
{
	unsigned on[INTERFACES_MAX], n = interfaces(s, on);
	char text[LSD_BYTES_MAX];
	size_t len = lsd_encode(text, m,
				s->family == AF_INET ? LSD_GROUP4
						     : "[" LSD_GROUP6 "]");

	for (unsigned i = 0; i < n; i++) {
		need_joined(s, on[i]);
		speak_on(s, on[i], text, len);
	}
}

static void on_timer(void *ctx)
{
	struct locals *l = ctx;
	int64_t now = loop_now_ms(l->engine->loop), wake;
	struct lsd_msg m;

	while (lsd_next(l->lsd, &m, now)) {
		m.port = l->engine->listen_port;
		for (int i = 0; i < FAMILIES; i++)
			if (l->sides[i].hear >= 0)
				speak(&l->sides[i], &m);
	}
	wake = lsd_wake_ms(l->lsd);
	if (wake != INT64_MAX)
		loop_timer_set(l->timer, wake > now ? wake - now : 0);
}

/* ---- hearing ---- */

static void take(struct locals *l, const struct net_addr *from,
		 const struct lsd_msg *m)
{
	struct net_addr at = *from; /* with the link of a link-local address */

	if (at.sa.ss_family == AF_INET)
		((struct sockaddr_in *)&at.sa)->sin_port = htons(m->port);
	else
		((struct sockaddr_in6 *)&at.sa)->sin6_port = htons(m->port);
	for (uint32_t i = 0; i < m->n_hashes; i++) {
		struct torrent *t = engine_find(l->engine, &m->hashes[i]);

		if (t && !torrent_meta(t)->is_private)
			torrent_told_of(t, &at, "lsd");
	}
}

static void on_heard(void *ctx, unsigned what)
{
	struct side *s = ctx;
	struct locals *l = s->locals;

	(void)what;
	for (int i = 0; i < HEAR_A_TURN; i++) {
		struct net_addr from = {.len = sizeof(from.sa)};
		uint8_t bytes[LSD_BYTES_MAX + 1];
		struct lsd_msg m;
		ssize_t n = recvfrom(s->hear, bytes, sizeof(bytes), 0,
				     (struct sockaddr *)&from.sa, &from.len);

		if (n < 0)
			return;
		if (lsd_hear(l->lsd, &m, loop_now_ms(l->engine->loop), bytes,
			     (size_t)n))
			take(l, &from, &m);
	}
}

/* ---- life ---- */

static void close_side(struct side *s)
{
	loop_watch_free(s->watch);
	s->watch = NULL;
	if (s->hear >= 0)
		(void)close(s->hear);
	if (s->speak >= 0)
		(void)close(s->speak);
	s->hear = s->speak = -1;
}

/* A family that has no socket is done without. */
static void open_side(struct side *s)
{
	const struct net *net = links_net(s->locals->engine->links);
	struct net_addr to = group_of(s->family);
	unsigned on[INTERFACES_MAX], n;

	if (!net_listens(net, s->family))
		return;
	s->hear = open_hear(s->family);
	s->speak = open_socket(s->family);
	s->watch = s->hear < 0 ? NULL
			       : loop_watch_new(s->locals->engine->loop,
						s->hear, on_heard, s);
	if (s->speak < 0 || !s->watch) {
		close_side(s);
		return;
	}
	net_bind_source(net, s->speak, &to);
	n = interfaces(s, on);
	for (unsigned i = 0; i < n; i++)
		need_joined(s, on[i]);
	loop_watch_set(s->watch, LOOP_READ);
}

enum err_code locals_new(struct locals **out, struct engine *en, struct err *e)
{
	struct locals *l = calloc(1, sizeof(*l));

	if (l) {
		l->engine = en;
		l->lsd = lsd_new(rng_system());
		l->timer = loop_timer_new(en->loop, on_timer, l);
		for (int i = 0; i < FAMILIES; i++)
			l->sides[i] =
				(struct side){.locals = l,
					      .family = i ? AF_INET6 : AF_INET,
					      .hear = -1,
					      .speak = -1};
	}
	if (!l || !l->lsd || !l->timer) {
		locals_free(l);
		return err_fail(e, ERR_NOMEM, "local discovery");
	}
	*out = l;
	return ERR_NONE;
}

void locals_free(struct locals *l)
{
	if (!l)
		return;
	for (int i = 0; i < FAMILIES; i++)
		if (l->sides[i].locals)
			close_side(&l->sides[i]);
	loop_timer_free(l->timer);
	lsd_free(l->lsd);
	free(l);
}

void locals_add(struct locals *l, const struct info_hash *hash)
{
	if (!engine_flag(l->engine, "lsd") || engine_proxied(l->engine) ||
	    !l->engine->listen_port || lsd_add(l->lsd, hash, NULL) != ERR_NONE)
		return;
	for (int i = 0; i < FAMILIES && !l->awake; i++)
		open_side(&l->sides[i]);
	l->awake = true;
	loop_timer_set(l->timer, 0);
}

void locals_remove(struct locals *l, const struct info_hash *hash)
{
	lsd_remove(l->lsd, hash);
}
