#include "node/find/udp_tracker.h"

#include "node/net/udp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES 2 /* IPv4, IPv6 */
#define QUESTIONS_MAX UDP_CLIENT_ASKS_MAX

struct name;

struct lookup {
	struct work_job job; /* first: the job is the lookup */
	struct name *name;   /* NULL: the trackers are gone */
	char host[ANNOUNCE_HOST_CAP];
	char port[8];
	struct addrinfo *found;
	int error;
};

/* A host and port, and where they are. */
struct name {
	struct name *next;
	struct udp_trackers *trackers;
	char host[ANNOUNCE_HOST_CAP];
	uint16_t port;
	struct lookup *lookup; /* under way */
	int64_t until_ms;
	int error;		      /* of getaddrinfo */
	struct net_addr at[FAMILIES]; /* len 0: none */
};

struct udp_question {
	struct udp_trackers *trackers;
	struct udp_question *next;
	struct name *waits; /* for its look-up; NULL: it is asked */
	char *url;
	bool scrape;
	struct announce_query query;
	uint64_t tickets[FAMILIES]; /* 0: none, or answered */
	struct err failure;	    /* why nothing could be asked */
	udp_answer_fn *fn;
	void *ctx;
};

struct udp_trackers {
	struct engine *engine;
	struct udp_client *client;
	struct loop_timer *timer;
	struct work_lane lookups;
	struct name *names;
	unsigned name_count;
	struct udp_question *questions;
	unsigned question_count;
};

static int64_t now_of(const struct udp_trackers *u)
{
	return loop_now_ms(u->engine->loop);
}

/* What was asked or answered is looked at when the caller is done. */
static void soon(struct udp_trackers *u)
{
	loop_timer_set(u->timer, 0);
}

/* ---- questions ---- */

static void unlink_question(struct udp_question *q)
{
	struct udp_question **at = &q->trackers->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	q->trackers->question_count--;
}

static void free_question(struct udp_question *q)
{
	unlink_question(q);
	free(q->url);
	free(q);
}

void udp_question_cancel(struct udp_question *q)
{
	if (!q)
		return;
	for (int i = 0; i < FAMILIES; i++)
		udp_client_cancel(q->trackers->client, q->tickets[i]);
	free_question(q);
}

/* Is one of its addresses still asked? */
static bool is_asked(const struct udp_question *q)
{
	return q->tickets[0] || q->tickets[1];
}

static void fail(struct udp_question *q)
{
	struct udp_result result = {.err = q->failure};
	udp_answer_fn *fn = q->fn;
	void *ctx = q->ctx;

	free_question(q);
	fn(ctx, &result, true);
}

static bool allowed(const struct udp_question *q, const struct net_addr *at)
{
	char text[NET_IP_TEXT_MAX];
	uint8_t ip[16];
	size_t len = net_addr_ip(at, ip);

	return inet_ntop(len == 4 ? AF_INET : AF_INET6, ip, text,
			 sizeof(text)) &&
	       announce_allowed(text, q->url);
}

static void ask_at(struct udp_question *q, const struct net_addr *at,
		   uint64_t *ticket)
{
	struct udp_trackers *u = q->trackers;
	struct wire_addr server = wire_addr_of(at);
	char host[ANNOUNCE_HOST_CAP];
	const char *path = "";
	uint16_t port;

	if (!udp_has(u->engine->udp, at->sa.ss_family)) {
		(void)err_fail(&q->failure, ERR_IO,
			       "tracker: no UDP socket to reach it from");
		return;
	}
	if (!allowed(q, at)) {
		(void)err_fail(&q->failure, ERR_STATE,
			       "tracker: at an address that is not asked");
		return;
	}
	(void)announce_split_udp(q->url, host, &port, &path);
	if (q->scrape)
		(void)udp_client_scrape(u->client, ticket, &server,
					&q->query.info_hash, now_of(u),
					&q->failure);
	else
		(void)udp_client_announce(u->client, ticket, &server, &q->query,
					  path, now_of(u), &q->failure);
}

static void ask_all(struct udp_question *q, const struct name *n)
{
	q->waits = NULL;
	q->failure = (struct err){0};
	if (n->error)
		(void)err_fail(&q->failure, ERR_IO, "tracker: %.60s: %s",
			       n->host, gai_strerror(n->error));
	for (int i = 0; i < FAMILIES; i++)
		if (n->at[i].len)
			ask_at(q, &n->at[i], &q->tickets[i]);
	if (!is_asked(q) && q->failure.code == ERR_NONE)
		(void)err_fail(&q->failure, ERR_IO, "tracker: no address");
	soon(q->trackers); /* a failure is told from there, too */
}

/* ---- names ---- */

static void run_lookup(struct work_job *job)
{
	struct lookup *k = (struct lookup *)job;
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};

	k->error = getaddrinfo(k->host, k->port, &hints, &k->found);
}

static void take_addresses(struct name *n, const struct addrinfo *a)
{
	for (; a; a = a->ai_next) {
		struct net_addr *at = &n->at[a->ai_family == AF_INET6];

		if (at->len || a->ai_addrlen > sizeof(at->sa) ||
		    (a->ai_family != AF_INET && a->ai_family != AF_INET6))
			continue;
		memcpy(&at->sa, a->ai_addr, a->ai_addrlen);
		at->len = a->ai_addrlen;
	}
}

static void lookup_done(struct work_job *job)
{
	struct lookup *k = (struct lookup *)job;
	struct name *n = k->name;

	if (n) {
		struct udp_trackers *u = n->trackers;

		n->lookup = NULL;
		n->error = k->error;
		take_addresses(n, k->found);
		n->until_ms = now_of(u) + (k->error ? UDP_TRACKER_NO_NAME_MS
						    : UDP_TRACKER_NAME_MS);
		for (struct udp_question *q = u->questions; q; q = q->next)
			if (q->waits == n)
				ask_all(q, n);
	}
	if (k->found)
		freeaddrinfo(k->found);
	free(k);
}

static bool start_lookup(struct name *n)
{
	struct lookup *k = calloc(1, sizeof(*k));

	if (!k)
		return false;
	memcpy(k->host, n->host, sizeof(k->host));
	(void)snprintf(k->port, sizeof(k->port), "%u", n->port);
	k->name = n;
	k->job.run = run_lookup;
	k->job.done = lookup_done;
	n->lookup = k;
	memset(n->at, 0, sizeof(n->at));
	work_submit(n->trackers->engine->work, &n->trackers->lookups, &k->job);
	return true;
}

static void free_name(struct name *n)
{
	if (n->lookup)
		n->lookup->name = NULL; /* frees itself when it is done */
	n->trackers->name_count--;
	free(n);
}

static void forget_old_names(struct udp_trackers *u)
{
	struct name **at = &u->names;

	while (*at) {
		struct name *n = *at;

		if (n->lookup || n->until_ms > now_of(u)) {
			at = &n->next;
			continue;
		}
		*at = n->next;
		free_name(n);
	}
}

static struct name *find_name(struct udp_trackers *u, const char *host,
			      uint16_t port)
{
	struct name *n = u->names;

	while (n && (n->port != port || strcmp(n->host, host) != 0))
		n = n->next;
	return n;
}

/* The name, being looked up where it is not known. */
static struct name *need_name(struct udp_trackers *u, const char *host,
			      uint16_t port)
{
	struct name *n;

	forget_old_names(u);
	n = find_name(u, host, port);
	if (n)
		return n;
	if (u->name_count == UDP_TRACKER_NAMES_MAX ||
	    !(n = calloc(1, sizeof(*n))))
		return NULL;
	n->trackers = u;
	(void)snprintf(n->host, sizeof(n->host), "%s", host);
	n->port = port;
	u->name_count++;
	if (net_addr_from_ip(&n->at[0], host, port)) {
		if (n->at[0].sa.ss_family == AF_INET6) {
			n->at[1] = n->at[0];
			n->at[0].len = 0;
		}
		n->until_ms = now_of(u) + UDP_TRACKER_NAME_MS;
	} else if (engine_proxied(u->engine) || !start_lookup(n)) {
		free_name(n);
		return NULL;
	}
	n->next = u->names;
	u->names = n;
	return n;
}

/* ---- asking ---- */

static enum err_code ask(struct udp_trackers *u, struct udp_question **out,
			 const char *url, struct udp_question proto,
			 struct err *e)
{
	struct udp_question *q;
	char host[ANNOUNCE_HOST_CAP];
	const char *path;
	struct name *n;
	uint16_t port;

	if (!announce_split_udp(url, host, &port, &path))
		return err_fail(e, ERR_PARSE, "tracker: no URL of udp");
	if (u->question_count == QUESTIONS_MAX ||
	    !(n = need_name(u, host, port)))
		return engine_proxied(u->engine)
			       ? err_fail(e, ERR_STATE,
					  "a UDP tracker's name is not looked "
					  "up: there is a proxy")
			       : err_fail(e, ERR_LIMIT,
					  "too many UDP trackers");
	q = malloc(sizeof(*q));
	if (q)
		*q = proto;
	if (!q || !(q->url = strdup(url))) {
		free(q);
		return err_fail(e, ERR_NOMEM, "tracker");
	}
	q->trackers = u;
	q->next = u->questions;
	u->questions = q;
	u->question_count++;
	*out = q;
	if (n->lookup)
		q->waits = n;
	else
		ask_all(q, n);
	return ERR_NONE;
}

enum err_code udp_trackers_announce(struct udp_trackers *u,
				    struct udp_question **out, const char *url,
				    const struct announce_query *q,
				    udp_answer_fn *fn, void *ctx, struct err *e)
{
	return ask(u, out, url,
		   (struct udp_question){.query = *q, .fn = fn, .ctx = ctx}, e);
}

enum err_code udp_trackers_scrape(struct udp_trackers *u,
				  struct udp_question **out, const char *url,
				  const struct info_hash *hash,
				  udp_answer_fn *fn, void *ctx, struct err *e)
{
	return ask(u, out, url,
		   (struct udp_question){.query = {.info_hash = *hash},
					 .scrape = true,
					 .fn = fn,
					 .ctx = ctx},
		   e);
}

/* ---- what comes and goes ---- */

static struct udp_question *find_question(const struct udp_trackers *u,
					  uint64_t ticket)
{
	struct udp_question *q = u->questions;

	while (q && q->tickets[0] != ticket && q->tickets[1] != ticket)
		q = q->next;
	return q;
}

static void give_results(struct udp_trackers *u)
{
	struct udp_result result;

	while (udp_client_result(u->client, &result)) {
		struct udp_question *q = find_question(u, result.ticket);
		udp_answer_fn *fn;
		void *ctx;
		bool last;

		if (!q)
			continue;
		for (int i = 0; i < FAMILIES; i++)
			if (q->tickets[i] == result.ticket)
				q->tickets[i] = 0;
		last = !is_asked(q);
		fn = q->fn;
		ctx = q->ctx;
		if (last)
			free_question(q);
		fn(ctx, &result, last);
	}
}

/* One at a time: each may change the list. */
static void give_failures(struct udp_trackers *u)
{
	struct udp_question *q;

	do {
		q = u->questions;
		while (q && (q->waits || is_asked(q)))
			q = q->next;
		if (q)
			fail(q);
	} while (q);
}

static void send_due(struct udp_trackers *u)
{
	uint8_t bytes[UDP_MSG_OUT_MAX];
	struct wire_addr to;
	size_t len;

	while (udp_client_send(u->client, now_of(u), &to, bytes, &len)) {
		struct iovec iov = {bytes, len};
		struct net_addr addr;

		net_addr_of_wire(&addr, &to);
		/* what does not leave is as good as lost: said again later */
		(void)udp_send(u->engine->udp, &addr, &iov, 1);
	}
}

static void on_timer(void *ctx)
{
	struct udp_trackers *u = ctx;
	int64_t wake;

	send_due(u);
	give_results(u);
	give_failures(u);
	wake = udp_client_wake_ms(u->client);
	if (wake != INT64_MAX)
		loop_timer_set(u->timer, wake - now_of(u));
}

static void on_datagram(void *ctx, const struct net_addr *from,
			const struct span *bytes)
{
	struct udp_trackers *u = ctx;
	struct wire_addr at = wire_addr_of(from);

	if (udp_client_feed(u->client, now_of(u), &at, bytes->p, bytes->len))
		soon(u);
}

enum err_code udp_trackers_new(struct udp_trackers **out, struct engine *en,
			       struct err *e)
{
	struct udp_trackers *u = calloc(1, sizeof(*u));

	if (u) {
		u->engine = en;
		u->client = udp_client_new(rng_system());
		u->timer = loop_timer_new(en->loop, on_timer, u);
	}
	if (!u || !u->client || !u->timer) {
		udp_trackers_free(u);
		return err_fail(e, ERR_NOMEM, "UDP trackers");
	}
	udp_on(en->udp, UDP_TRACKER, on_datagram, u);
	*out = u;
	return ERR_NONE;
}

void udp_trackers_free(struct udp_trackers *u)
{
	if (!u)
		return;
	udp_on(u->engine->udp, UDP_TRACKER, NULL, NULL);
	while (u->questions)
		udp_question_cancel(u->questions);
	while (u->names) {
		struct name *n = u->names;

		u->names = n->next;
		free_name(n);
	}
	udp_client_free(u->client);
	loop_timer_free(u->timer);
	free(u);
}
