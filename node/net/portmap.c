#include "node/net/portmap.h"

#include "base/http.h"
#include "node/core/engine.h"
#include "node/net/net.h"
#include "wire/place.h"
#include "wire/reach/mapper.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 600000 /* whether the network is another */
#define HTTP_MS 5000
#define ROUTES_MAX 65536U
#define SEARCH_TTL 2

struct portmap {
	struct engine *engine;
	struct loop_timer *timer; /* the mapper's */
	struct loop_timer *look;
	struct mapper *mapper; /* NULL: nobody is there to be asked */
	struct net_addr own, gateway;
	int fds[2]; /* to the gateway; for the search; -1: none */
	struct loop_watch *watches[2];
	struct http_request *request;
	bool told; /* it is held, says the log */
	bool stopping;
	void (*done)(void *ctx);
	void *done_ctx;
};

static void advance(struct portmap *p);

static int64_t now_ms(const struct portmap *p)
{
	return loop_now_ms(p->engine->loop);
}

/* ---- where we are ---- */

static bool read_gateway(struct net_addr *out)
{
	char text[ROUTES_MAX];
	uint8_t ip[16];
	ssize_t n;
	int fd = open("/proc/self/net/route", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	if (!pcp_gateway(ip, text))
		return false;
	net_addr_from_ip16(out, ip, PCP_PORT);
	return true;
}

/* The address of ours that the gateway sees; nothing is sent for it. */
static bool read_own(struct net_addr *out, const struct net_addr *gateway)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	out->len = sizeof(out->sa);
	ok = connect(fd, (const struct sockaddr *)&gateway->sa, gateway->len) ==
		     0 &&
	     getsockname(fd, (struct sockaddr *)&out->sa, &out->len) == 0;
	(void)close(fd);
	return ok;
}

/* Do we listen at this IPv4 address? */
static bool listens_at(const struct engine *en, const struct net_addr *own)
{
	const char *text = engine_list_at(en, "listen", 0);
	uint8_t want[16], ip[16];
	struct net_addr at;
	char host[64];
	uint16_t port;

	if (!text)
		return true; /* everywhere */
	(void)net_addr_ip(own, want);
	for (size_t i = 0; (text = engine_list_at(en, "listen", i)); i++) {
		if (options_split_endpoint(text, host, sizeof(host), &port,
					   NULL) != ERR_NONE ||
		    !net_addr_from_ip(&at, host, port))
			continue;
		if (strcmp(host, "::") == 0 || strcmp(host, "0.0.0.0") == 0 ||
		    (net_addr_ip(&at, ip) == 4 && memcmp(ip, want, 4) == 0))
			return true;
	}
	return false;
}

/* ---- what the mapper wants ---- */

static void on_answer(void *ctx, const struct http_answer *answer,
		      const struct err *e)
{
	struct portmap *p = ctx;

	(void)e;
	p->request = NULL;
	mapper_on_answer(p->mapper, answer ? answer->status : 0,
			 answer ? answer->body : NULL,
			 answer ? answer->body_len : 0, now_ms(p));
	advance(p);
}

static void ask_http(struct portmap *p, const struct mapper_step *s)
{
	const char *headers[] = {"Content-Type: text/xml; charset=\"utf-8\"",
				 s->header};
	struct http_ask ask = {.url = s->url,
			       .headers = headers,
			       .header_count = s->what == MAPPER_POST ? 2 : 0,
			       .body = s->what == MAPPER_POST ? s->bytes : NULL,
			       .body_len = s->len,
			       .max_body = IGD_ANSWER_MAX,
			       .timeout_ms = HTTP_MS};

	if (http_start(p->engine->http, &p->request, &ask, on_answer, p,
		       NULL) != ERR_NONE)
		mapper_on_answer(p->mapper, 0, NULL, 0, now_ms(p));
}

static void search(struct portmap *p, const struct mapper_step *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(IGD_SEARCH_PORT)};

	(void)inet_pton(AF_INET, IGD_SEARCH_IP, &to.sin_addr);
	(void)!sendto(p->fds[1], s->bytes, s->len, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (const struct sockaddr *)&to, sizeof(to));
}

static void carry_out(struct portmap *p, const struct mapper_step *s)
{
	switch (s->what) {
	case MAPPER_SEND:
		(void)!send(p->fds[0], s->bytes, s->len,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	case MAPPER_SEARCH:
		search(p, s);
		return;
	case MAPPER_GET:
	case MAPPER_POST:
		ask_http(p, s);
		return;
	}
}

static void tell(struct portmap *p)
{
	struct mapper_view v;

	mapper_view(p->mapper, &v);
	if ((v.how != NULL) == p->told || p->stopping)
		return;
	p->told = v.how != NULL;
	log_line(p->engine->log, LOG_INFO, "portmap",
		 "%s port=%u by=%s address=%s tcp=%d udp=%d",
		 v.how ? "mapped" : "lost", p->engine->listen_port,
		 v.how ? v.how : "-", v.address[0] ? v.address : "-", v.tcp,
		 v.udp);
}

static void close_all(struct portmap *p)
{
	http_cancel(p->request);
	p->request = NULL;
	for (int i = 0; i < 2; i++) {
		loop_watch_free(p->watches[i]);
		p->watches[i] = NULL;
		if (p->fds[i] >= 0)
			(void)close(p->fds[i]);
		p->fds[i] = -1;
	}
	mapper_free(p->mapper);
	p->mapper = NULL;
	loop_timer_cancel(p->timer);
}

static void finish(struct portmap *p)
{
	close_all(p);
	loop_timer_cancel(p->look);
	if (p->done)
		p->done(p->done_ctx);
}

static void advance(struct portmap *p)
{
	struct mapper_step step;
	int64_t wake;

	while (mapper_next(p->mapper, &step, now_ms(p)))
		carry_out(p, &step);
	tell(p);
	if (p->stopping && mapper_done(p->mapper)) {
		finish(p);
		return;
	}
	wake = mapper_wake_ms(p->mapper);
	if (wake == INT64_MAX)
		loop_timer_cancel(p->timer);
	else
		loop_timer_set(p->timer, wake - now_ms(p));
}

static void on_timer(void *ctx)
{
	advance(ctx);
}

/* ---- its sockets ---- */

static void on_gateway(void *ctx, unsigned what)
{
	struct portmap *p = ctx;
	uint8_t bytes[PCP_ANSWER_MAX + 1];
	ssize_t n = recv(p->fds[0], bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)what;
	if (n <= 0)
		return;
	mapper_on_datagram(p->mapper, bytes, (size_t)n, now_ms(p));
	advance(p);
}

static void on_found(void *ctx, unsigned what)
{
	struct portmap *p = ctx;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char ip[INET_ADDRSTRLEN];
	uint8_t bytes[2048];
	ssize_t n = recvfrom(p->fds[1], bytes, sizeof(bytes), MSG_DONTWAIT,
			     (struct sockaddr *)&from, &len);

	(void)what;
	if (n <= 0 || from.sin_family != AF_INET ||
	    !inet_ntop(AF_INET, &from.sin_addr, ip, sizeof(ip)))
		return;
	/* a router of ours is on our network */
	if (place_of_text(ip) == PLACE_GLOBAL)
		return;
	mapper_on_found(p->mapper, ip, bytes, (size_t)n, now_ms(p));
	advance(p);
}

static bool open_socket(struct portmap *p, int i, loop_fd_fn *fn)
{
	struct net_addr at = p->own;
	const struct sockaddr_in *own = (const struct sockaddr_in *)&p->own.sa;
	const int ttl = SEARCH_TTL;

	((struct sockaddr_in *)&at.sa)->sin_port = 0;
	p->fds[i] =
		socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fds[i] < 0 ||
	    bind(p->fds[i], (const struct sockaddr *)&at.sa, at.len) != 0)
		return false;
	if (i == 0 &&
	    connect(p->fds[i], (const struct sockaddr *)&p->gateway.sa,
		    p->gateway.len) != 0)
		return false;
	if (i == 1) {
		(void)setsockopt(p->fds[i], IPPROTO_IP, IP_MULTICAST_IF,
				 &own->sin_addr, sizeof(own->sin_addr));
		(void)setsockopt(p->fds[i], IPPROTO_IP, IP_MULTICAST_TTL, &ttl,
				 sizeof(ttl));
	}
	p->watches[i] = loop_watch_new(p->engine->loop, p->fds[i], fn, p);
	if (!p->watches[i])
		return false;
	loop_watch_set(p->watches[i], LOOP_READ);
	return true;
}

static void begin(struct portmap *p)
{
	struct mapper_cfg cfg = {
		.tcp = p->engine->listen_port,
		.udp = p->engine->listen_port,
		.gateway = true,
		.rng = p->engine->rng,
	};

	net_addr_to_ip16(&p->own, cfg.own_ip);
	if (!open_socket(p, 0, on_gateway) || !open_socket(p, 1, on_found) ||
	    mapper_new(&p->mapper, &cfg, now_ms(p), NULL) != ERR_NONE) {
		close_all(p);
		return;
	}
	p->told = false;
	advance(p);
}

/* Begins, or begins anew where the network is another. */
static void look(void *ctx)
{
	struct portmap *p = ctx;
	struct net_addr own = {0}, gateway = {0};
	uint8_t ip[16];
	bool there = read_gateway(&gateway) && read_own(&own, &gateway);

	loop_timer_set(p->look, LOOK_MS);
	if (there) {
		net_addr_to_ip16(&own, ip);
		there = place_of(ip) == PLACE_PRIVATE &&
			listens_at(p->engine, &own);
	}
	if (p->mapper && there &&
	    memcmp(&p->gateway, &gateway, sizeof(gateway)) == 0) {
		uint8_t before[16];

		net_addr_to_ip16(&p->own, before);
		if (memcmp(before, ip, sizeof(ip)) == 0)
			return;
	}
	if (p->mapper)
		close_all(p);
	p->own = own;
	p->gateway = gateway;
	if (there)
		begin(p);
}

/* ---- life ---- */

void portmap_start(struct portmap *p)
{
	const struct engine *en = p->engine;

	if (en->daemon && engine_flag(en, "port-mapping") &&
	    !engine_proxied(en) && en->listen_port)
		look(p);
}

void portmap_stop(struct portmap *p, void (*done)(void *ctx), void *ctx)
{
	if (!p)
		return;
	p->stopping = true;
	p->done = done;
	p->done_ctx = ctx;
	if (!p->mapper) {
		finish(p);
		return;
	}
	http_cancel(p->request); /* its answer is of no use any more */
	p->request = NULL;
	mapper_stop(p->mapper, now_ms(p));
	advance(p);
}

bool portmap_stopped(const struct portmap *p)
{
	return !p || (p->stopping && !p->mapper);
}

enum err_code portmap_new(struct portmap **out, struct engine *en,
			  struct err *e)
{
	struct portmap *p = calloc(1, sizeof(*p));

	if (p) {
		p->engine = en;
		p->fds[0] = p->fds[1] = -1;
		p->timer = loop_timer_new(en->loop, on_timer, p);
		p->look = loop_timer_new(en->loop, look, p);
	}
	if (!p || !p->timer || !p->look) {
		portmap_free(p);
		return err_fail(e, ERR_NOMEM, "port mapping");
	}
	*out = p;
	return ERR_NONE;
}

void portmap_free(struct portmap *p)
{
	if (!p)
		return;
	close_all(p);
	loop_timer_free(p->look);
	loop_timer_free(p->timer);
	free(p);
}

json_t *portmap_json(const struct portmap *p)
{
	struct mapper_view v;

	if (!p->mapper)
		return NULL;
	mapper_view(p->mapper, &v);
	if (!v.how)
		return json_pack("{ss}", "why", v.why);
	return json_pack("{ss ss sb sb}", "by", v.how, "address", v.address,
			 "tcp", (int)v.tcp, "udp", (int)v.udp);
}
