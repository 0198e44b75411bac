#include "wire/find/udp_client.h"

#include <stdlib.h>
#include <string.h>

struct server {
	struct server *next;
	struct wire_addr addr;
	uint64_t id;
	int64_t id_until_ms; /* INT64_MIN: none */
	bool connecting;
	uint32_t transaction; /* of the connect */
	unsigned tries;
	int64_t due_ms;
	unsigned asks; /* that name this server */
};

enum ask_state {
	ASK_WAITS, /* for the server's id */
	ASK_SAID,
	ASK_OVER, /* its result is to be taken */
};

struct ask {
	struct ask *next;
	uint64_t ticket;
	struct server *server;
	enum ask_state state;
	enum udp_action action;
	uint32_t transaction;
	unsigned tries;
	int64_t due_ms;
	struct announce_query query;
	char *path;
	struct err why;		 /* OVER */
	struct udp_reply *reply; /* OVER, and it went well */
};

struct udp_client {
	struct rng rng;
	struct server *servers;
	struct ask *asks; /* in the order of asking */
	struct ask **tail;
	unsigned server_count, ask_count, over;
	uint64_t next_ticket;
};

struct udp_client *udp_client_new(struct rng rng)
{
	struct udp_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->rng = rng;
	c->tail = &c->asks;
	c->next_ticket = 1;
	return c;
}

static void forget_ask(struct udp_client *c, struct ask **at)
{
	struct ask *k = *at;

	*at = k->next;
	if (!*at)
		c->tail = at;
	c->ask_count--;
	c->over -= k->state == ASK_OVER;
	k->server->asks--;
	free(k->reply);
	free(k->path);
	free(k);
}

void udp_client_free(struct udp_client *c)
{
	if (!c)
		return;
	while (c->asks)
		forget_ask(c, &c->asks);
	while (c->servers) {
		struct server *s = c->servers;

		c->servers = s->next;
		free(s);
	}
	free(c);
}

/* --- servers ---------------------------------------------------------------
 */

static void forget_idle(struct udp_client *c, int64_t now_ms)
{
	struct server **at = &c->servers;

	while (*at) {
		struct server *s = *at;

		if (s->asks || s->id_until_ms > now_ms) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		c->server_count--;
		free(s);
	}
}

static struct server *find_server(const struct udp_client *c,
				  const struct wire_addr *addr)
{
	struct server *s = c->servers;

	while (s && !wire_addr_eq(&s->addr, addr))
		s = s->next;
	return s;
}

static struct server *need_server(struct udp_client *c,
				  const struct wire_addr *addr, int64_t now_ms,
				  struct err *e)
{
	struct server *s = find_server(c, addr);

	if (s)
		return s;
	forget_idle(c, now_ms);
	if (c->server_count == UDP_CLIENT_SERVERS_MAX) {
		(void)err_fail(e, ERR_LIMIT, "more than %u UDP trackers",
			       UDP_CLIENT_SERVERS_MAX);
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)err_fail(e, ERR_NOMEM, "tracker");
		return NULL;
	}
	s->addr = *addr;
	s->id_until_ms = INT64_MIN;
	s->next = c->servers;
	c->servers = s;
	c->server_count++;
	return s;
}

static uint32_t draw(struct udp_client *c)
{
	uint32_t n;

	rng_fill(&c->rng, &n, sizeof(n));
	return n;
}

static int64_t patience_ms(unsigned tries)
{
	return (int64_t)UDP_CLIENT_WAIT_MS << (tries - 1);
}

/* --- asking ----------------------------------------------------------------
 */

/* A question is to be said now, or when the server has given an id. */
static void make_due(struct ask *k, int64_t now_ms)
{
	struct server *s = k->server;

	if (s->id_until_ms > now_ms) {
		k->state = ASK_SAID;
		k->due_ms = now_ms;
		return;
	}
	k->state = ASK_WAITS;
	if (s->connecting)
		return;
	s->connecting = true;
	s->tries = 0;
	s->due_ms = now_ms;
}

static enum err_code add(struct udp_client *c, uint64_t *ticket,
			 const struct wire_addr *server, struct ask proto,
			 const char *path, int64_t now_ms, struct err *e)
{
	struct server *s;
	struct ask *k;

	if (c->ask_count == UDP_CLIENT_ASKS_MAX)
		return err_fail(e, ERR_LIMIT,
				"more than %u questions to UDP trackers",
				UDP_CLIENT_ASKS_MAX);
	s = need_server(c, server, now_ms, e);
	if (!s)
		return ERR_LIMIT;
	k = calloc(1, sizeof(*k));
	if (k) {
		*k = proto;
		k->query.tracker_id = NULL; /* HTTP's */
		k->query.tracker_id_len = 0;
		k->query.ipv6 = NULL;
		k->path = strdup(path);
	}
	if (!k || !k->path) {
		free(k);
		return err_fail(e, ERR_NOMEM, "tracker");
	}
	k->ticket = *ticket = c->next_ticket++;
	k->server = s;
	s->asks++;
	*c->tail = k;
	c->tail = &k->next;
	c->ask_count++;
	make_due(k, now_ms);
	return ERR_NONE;
}

enum err_code udp_client_announce(struct udp_client *c, uint64_t *ticket,
				  const struct wire_addr *server,
				  const struct announce_query *q,
				  const char *path, int64_t now_ms,
				  struct err *e)
{
	const struct ask k = {.action = UDP_ANNOUNCE, .query = *q};

	if (strlen(path) > ANNOUNCE_UDP_PATH_MAX)
		return err_fail(e, ERR_LIMIT, "tracker: a path over %u bytes",
				ANNOUNCE_UDP_PATH_MAX);
	return add(c, ticket, server, k, path, now_ms, e);
}

enum err_code udp_client_scrape(struct udp_client *c, uint64_t *ticket,
				const struct wire_addr *server,
				const struct info_hash *hash, int64_t now_ms,
				struct err *e)
{
	const struct ask k = {.action = UDP_SCRAPE,
			      .query = {.info_hash = *hash}};

	return add(c, ticket, server, k, "", now_ms, e);
}

void udp_client_cancel(struct udp_client *c, uint64_t ticket)
{
	for (struct ask **at = &c->asks; *at; at = &(*at)->next) {
		if ((*at)->ticket == ticket) {
			forget_ask(c, at);
			return;
		}
	}
}

unsigned udp_client_count(const struct udp_client *c)
{
	return c->ask_count;
}

/* --- ends ------------------------------------------------------------------
 */

static void end(struct udp_client *c, struct ask *k, const struct err *why)
{
	k->state = ASK_OVER;
	k->why = *why;
	c->over++;
}

static void fail_waiting(struct udp_client *c, const struct server *s,
			 const struct err *why)
{
	for (struct ask *k = c->asks; k; k = k->next)
		if (k->server == s && k->state == ASK_WAITS)
			end(c, k, why);
}

static void no_answer(struct err *e)
{
	(void)err_fail(e, ERR_IO, "tracker: no answer");
}

bool udp_client_result(struct udp_client *c, struct udp_result *out)
{
	for (struct ask **at = &c->asks; c->over && *at; at = &(*at)->next) {
		if ((*at)->state != ASK_OVER)
			continue;
		out->ticket = (*at)->ticket;
		out->err = (*at)->why;
		if ((*at)->reply)
			out->reply = *(*at)->reply;
		forget_ask(c, at);
		return true;
	}
	return false;
}

/* --- what leaves -----------------------------------------------------------
 */

/* False: it was said often enough and has failed, or nothing is to be sent. */
static bool say_connect(struct udp_client *c, struct server *s, int64_t now_ms,
			uint8_t *out, size_t *len)
{
	struct err why = {0};

	if (s->tries == UDP_CLIENT_TRIES || !s->asks) {
		s->connecting = false;
		no_answer(&why);
		fail_waiting(c, s, &why);
		return false;
	}
	s->transaction = draw(c); /* an answer to the old one comes too late */
	s->due_ms = now_ms + patience_ms(++s->tries);
	*len = udp_msg_connect(out, s->transaction);
	return true;
}

static bool say_ask(struct udp_client *c, struct ask *k, int64_t now_ms,
		    uint8_t *out, size_t *len)
{
	struct err why = {0};
	struct udp_head head;

	if (k->tries == UDP_CLIENT_TRIES) {
		no_answer(&why);
		end(c, k, &why);
		return false;
	}
	if (k->server->id_until_ms <= now_ms) {
		make_due(k, now_ms);
		return false;
	}
	k->transaction = draw(c);
	k->due_ms = now_ms + patience_ms(++k->tries);
	head = (struct udp_head){k->server->id, k->transaction};
	*len = k->action == UDP_SCRAPE
		       ? udp_msg_scrape(out, &head, &k->query.info_hash, 1)
		       : udp_msg_announce(out, &head, &k->query, k->path);
	return true;
}

bool udp_client_send(struct udp_client *c, int64_t now_ms, struct wire_addr *to,
		     uint8_t out[UDP_MSG_OUT_MAX], size_t *len)
{
	/* questions first: one whose id is over starts a connect */
	for (struct ask *k = c->asks; k; k = k->next) {
		if (k->state == ASK_SAID && k->due_ms <= now_ms &&
		    say_ask(c, k, now_ms, out, len)) {
			*to = k->server->addr;
			return true;
		}
	}
	for (struct server *s = c->servers; s; s = s->next) {
		if (s->connecting && s->due_ms <= now_ms &&
		    say_connect(c, s, now_ms, out, len)) {
			*to = s->addr;
			return true;
		}
	}
	return false;
}

int64_t udp_client_wake_ms(const struct udp_client *c)
{
	int64_t wake = INT64_MAX;

	for (const struct ask *k = c->asks; k; k = k->next)
		if (k->state == ASK_SAID && k->due_ms < wake)
			wake = k->due_ms;
	for (const struct server *s = c->servers; s; s = s->next)
		if (s->connecting && s->due_ms < wake)
			wake = s->due_ms;
	return wake;
}

/* --- what arrives ----------------------------------------------------------
 */

static void take_id(struct udp_client *c, struct server *s,
		    const struct udp_reply *reply, int64_t now_ms)
{
	s->connecting = false;
	s->id = reply->connection;
	s->id_until_ms = now_ms + UDP_CLIENT_ID_MS;
	for (struct ask *k = c->asks; k; k = k->next)
		if (k->server == s && k->state == ASK_WAITS)
			make_due(k, now_ms);
}

static void refused(struct err *why, const struct udp_reply *reply)
{
	(void)err_fail(why, ERR_STATE, "tracker: refused: %s",
		       reply->announce.text);
}

static void on_connect_answer(struct udp_client *c, struct server *s,
			      const struct udp_reply *reply,
			      const struct err *bad, int64_t now_ms)
{
	struct err why = *bad;

	if (why.code == ERR_NONE && reply->action == UDP_CONNECT) {
		take_id(c, s, reply, now_ms);
		return;
	}
	if (why.code == ERR_NONE && reply->action == UDP_ERROR)
		refused(&why, reply);
	else if (why.code == ERR_NONE)
		(void)err_fail(&why, ERR_PARSE,
			       "tracker: its answer is to something else");
	s->connecting = false;
	fail_waiting(c, s, &why);
}

static void on_ask_answer(struct udp_client *c, struct ask *k,
			  const struct udp_reply *reply, const struct err *bad)
{
	struct err why = *bad;

	/* "connection id" refusals: the next try asks for a new one */
	if (why.code == ERR_NONE && reply->action == UDP_ERROR) {
		refused(&why, reply);
		k->server->id_until_ms = INT64_MIN;
	} else if (why.code == ERR_NONE && reply->action != k->action) {
		(void)err_fail(&why, ERR_PARSE,
			       "tracker: its answer is to something else");
	}
	if (why.code == ERR_NONE && !(k->reply = malloc(sizeof(*reply))))
		(void)err_fail(&why, ERR_NOMEM, "tracker");
	if (k->reply)
		*k->reply = *reply;
	end(c, k, &why);
}

static struct ask *find_said(const struct udp_client *c, const struct server *s,
			     uint32_t transaction)
{
	struct ask *k = c->asks;

	while (k && !(k->server == s && k->state == ASK_SAID && k->tries &&
		      k->transaction == transaction))
		k = k->next;
	return k;
}

bool udp_client_feed(struct udp_client *c, int64_t now_ms,
		     const struct wire_addr *from, const uint8_t *bytes,
		     size_t len)
{
	struct server *s = find_server(c, from);
	struct udp_reply reply;
	struct err bad = {0};
	struct ask *k;

	if (!s || len < 8)
		return false;
	(void)udp_msg_decode(&reply, bytes, len, wire_addr_is_v4(from) ? 4 : 16,
			     &bad);
	if (s->connecting && s->tries && reply.transaction == s->transaction) {
		on_connect_answer(c, s, &reply, &bad, now_ms);
		return true;
	}
	k = find_said(c, s, reply.transaction);
	if (!k)
		return false;
	on_ask_answer(c, k, &reply, &bad);
	return true;
}
