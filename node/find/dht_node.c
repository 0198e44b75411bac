#include "node/find/dht_node.h"

#include "base/file.h"
#include "node/core/engine.h"
#include "node/net/tunnel.h"
#include "node/net/udp.h"
#include "wire/dht/dht.h"
#include "wire/dht/dht_saved.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAVE_EVERY_MS (10 * 60 * 1000)
#define BOOTSTRAP_FIRST_MS 30000 /* until the hosts are asked again */
#define BOOTSTRAP_MOST_MS (60 * 60 * 1000)
#define MOST_RESOLVING 16U

struct dht_topic {
	struct agenda_topic topic; /* first: the agenda gives it back */
	struct dht_node *node;
	struct dht_topic_cfg cfg;
	uint32_t searches[DHT_FAMILIES]; /* 0: none */
	uint32_t answered;
	size_t peers;
};

/* A host name being looked up by a worker. */
struct resolving {
	struct work_job job;   /* first: the job is this */
	struct dht_node *node; /* NULL: gone meanwhile */
	struct resolving *next;
	char host[256];
	char port[8];
	struct addrinfo *found;
	int error;
};

struct dht_node {
	struct engine *engine;
	struct dht *dht;	 /* NULL: asleep */
	struct dht_saved *saved; /* of the last run; asked when all are gone */
	struct agenda agenda;
	struct loop_timer *timer;
	struct resolving *resolving;
	uint32_t resolving_count;
	bool read_only;
	bool family[DHT_FAMILIES]; /* that there are sockets for */
	int64_t bootstrap_ms, bootstrap_wait_ms;
	int64_t save_ms;
	uint64_t announced; /* rounds of topics that announce */
};

static int64_t now_of(const struct dht_node *n)
{
	return loop_now_ms(n->engine->loop);
}

static void rearm(struct dht_node *n)
{
	int64_t now = now_of(n), wake = dht_wake_ms(n->dht);
	int64_t agenda = agenda_wake_ms(&n->agenda);

	/* topics that wait for the DHT to be ready wake nobody by themselves */
	if (agenda < wake && agenda > now)
		wake = agenda;
	loop_timer_set(n->timer, wake > now ? wake - now : 0);
}

/* --- datagrams -------------------------------------------------------------
 */

static void on_datagram(void *ctx, const struct net_addr *from,
			const struct span *bytes)
{
	struct dht_node *n = ctx;
	struct wire_addr addr = wire_addr_of(from);

	dht_feed(n->dht, &addr, bytes->p, bytes->len, now_of(n));
	rearm(n);
}

static void send_datagram(void *ctx, const struct wire_addr *to,
			  const uint8_t *p, size_t len)
{
	struct dht_node *n = ctx;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = len};
	struct net_addr addr;

	net_addr_of_wire(&addr, to);
	(void)udp_send(n->engine->udp, &addr, &iov, 1);
}

/* --- who else is there -----------------------------------------------------
 */

void dht_node_contact(struct dht_node *n, const struct net_addr *addr)
{
	struct wire_addr a;

	if (!n->dht)
		return;
	a = wire_addr_of(addr);
	if (dht_add_contact(n->dht, &a, NULL, now_of(n)))
		rearm(n);
}

static void run_resolving(struct work_job *job)
{
	struct resolving *k = (struct resolving *)job;
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM,
				       .ai_flags = AI_ADDRCONFIG};

	k->error = getaddrinfo(k->host, k->port, &hints, &k->found);
}

static void take_found(struct dht_node *n, const struct resolving *k)
{
	if (k->error)
		log_line(n->engine->log, LOG_DEBUG, "dht",
			 "no address host=%s text=\"%s\"", k->host,
			 gai_strerror(k->error));
	for (struct addrinfo *a = k->found; a; a = a->ai_next) {
		struct net_addr addr = {.len = a->ai_addrlen};

		if (a->ai_addrlen > sizeof(addr.sa))
			continue;
		memcpy(&addr.sa, a->ai_addr, a->ai_addrlen);
		dht_node_contact(n, &addr);
	}
}

static void resolving_done(struct work_job *job)
{
	struct resolving *k = (struct resolving *)job;
	struct dht_node *n = k->node;

	if (n) {
		struct resolving **at = &n->resolving;

		while (*at != k)
			at = &(*at)->next;
		*at = k->next;
		n->resolving_count--;
		take_found(n, k);
	}
	if (k->found)
		freeaddrinfo(k->found);
	free(k);
}

enum err_code dht_node_contact_text(struct dht_node *n, const char *endpoint,
				    struct err *e)
{
	struct resolving *k;
	struct net_addr addr;
	char host[256];
	uint16_t port;
	enum err_code code =
		options_split_endpoint(endpoint, host, sizeof(host), &port, e);

	if (code != ERR_NONE)
		return code;
	if (net_addr_from_ip(&addr, host, port)) {
		dht_node_contact(n, &addr);
		return ERR_NONE;
	}
	if (engine_proxied(n->engine))
		return err_fail(e, ERR_STATE,
				"DHT node %.80s: with a proxy no name is "
				"looked up here; give an address",
				endpoint);
	if (n->resolving_count == MOST_RESOLVING)
		return err_fail(e, ERR_LIMIT, "%u names are looked up already",
				MOST_RESOLVING);
	k = calloc(1, sizeof(*k));
	if (!k)
		return err_fail(e, ERR_NOMEM, "DHT node %.80s", endpoint);
	memcpy(k->host, host, sizeof(host));
	(void)snprintf(k->port, sizeof(k->port), "%u", port);
	k->node = n;
	k->next = n->resolving;
	n->resolving = k;
	n->resolving_count++;
	k->job.run = run_resolving;
	k->job.done = resolving_done;
	work_submit(n->engine->work, NULL, &k->job);
	return ERR_NONE;
}

static void ask_host(struct dht_node *n, const char *endpoint)
{
	struct err e = {0};

	if (dht_node_contact_text(n, endpoint, &e) != ERR_NONE)
		log_line(n->engine->log, LOG_WARN, "dht",
			 "bad node text=\"%.80s\"", e.msg);
}

/* The environment's, then the user's, then the table's default. */
static void ask_bootstrap_hosts(struct dht_node *n)
{
	const char *text = getenv("SEEDBANK_DHT_BOOTSTRAP");

	if (!text)
		text = engine_text(n->engine, "dht-bootstrap");
	while (text && *text) {
		size_t len = strcspn(text, ", ");
		char one[300];

		if (len && len < sizeof(one) &&
		    !(len == 4 && strncmp(text, "none", 4) == 0)) {
			memcpy(one, text, len);
			one[len] = '\0';
			ask_host(n, one);
		}
		text += len;
		text += strspn(text, ", ");
	}
}

static void ask_named_nodes(struct dht_node *n)
{
	const char *text;

	for (size_t i = 0; (text = engine_list_at(n->engine, "dht-node", i));
	     i++)
		ask_host(n, text);
}

static void ask_saved_nodes(struct dht_node *n)
{
	for (int f = 0; f < (int)DHT_FAMILIES; f++)
		for (size_t i = 0; i < n->saved->count[f]; i++)
			(void)dht_add_contact(
				n->dht, &n->saved->nodes[f][i].addr,
				&n->saved->nodes[f][i].id, now_of(n));
}

static bool is_alone(const struct dht_node *n)
{
	return dht_lost(n->dht, DHT_V4) || dht_lost(n->dht, DHT_V6);
}

static void look_for_company(struct dht_node *n)
{
	int64_t now = now_of(n);

	if (!is_alone(n)) {
		n->bootstrap_wait_ms = BOOTSTRAP_FIRST_MS;
		return;
	}
	if (now < n->bootstrap_ms || n->resolving)
		return;
	n->bootstrap_ms = now + n->bootstrap_wait_ms;
	n->bootstrap_wait_ms = n->bootstrap_wait_ms * 2 > BOOTSTRAP_MOST_MS
				       ? BOOTSTRAP_MOST_MS
				       : n->bootstrap_wait_ms * 2;
	ask_saved_nodes(n); /* perhaps it was our own line that was down */
	ask_named_nodes(n);
	ask_bootstrap_hosts(n);
}

/* --- what is kept over a restart -------------------------------------------
 */

struct save {
	struct work_job job; /* first */
	char path[HOME_PATH_MAX];
	uint8_t bytes[DHT_SAVED_MAX];
	size_t len;
	struct log *log;
	enum err_code code;
	struct err err;
};

static bool make_save(const struct dht_node *n, struct save *s)
{
	struct dht_saved saved = {.count = {0}};
	size_t nodes = 0;

	for (int f = 0; f < (int)DHT_FAMILIES; f++) {
		enum dht_family family = (enum dht_family)f;

		saved.count[f] = dht_keep(n->dht, family, saved.nodes[f],
					  DHT_SAVED_NODES);
		saved.has_id[f] = saved.count[f] > 0;
		saved.id[f] = dht_own_id(n->dht, family);
		nodes += saved.count[f];
	}
	s->log = n->engine->log;
	home_file(&n->engine->home, "dht", s->path);
	s->len = dht_saved_write(&saved, s->bytes, sizeof(s->bytes));
	return nodes > 0 && s->len > 0;
}

static void run_save(struct work_job *job)
{
	struct save *s = (struct save *)job;

	s->code = file_replace(s->path, s->bytes, s->len, &s->err);
}

static void tell_save(const struct save *s)
{
	if (s->code != ERR_NONE)
		log_line(s->log, LOG_WARN, "dht", "not saved text=\"%s\"",
			 s->err.msg);
}

static void save_done(struct work_job *job)
{
	tell_save((struct save *)job);
	free(job);
}

static void save(struct dht_node *n)
{
	struct save *s;

	n->save_ms = now_of(n) + SAVE_EVERY_MS;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	if (!make_save(n, s)) {
		free(s);
		return;
	}
	s->job.run = run_save;
	s->job.done = save_done;
	work_submit(n->engine->work, NULL, &s->job);
}

static void load(const struct dht_node *n, struct dht_saved *out)
{
	char path[HOME_PATH_MAX], *text;
	size_t len;

	memset(out, 0, sizeof(*out));
	home_file(&n->engine->home, "dht", path);
	if (file_load(path, DHT_SAVED_MAX, &text, &len, NULL) != ERR_NONE)
		return;
	if (dht_saved_read(out, (const uint8_t *)text, len, NULL) != ERR_NONE)
		memset(out, 0, sizeof(*out));
	free(text);
}

/* --- topics ----------------------------------------------------------------
 */

static void on_peers(void *ctx, const struct wire_addr *peers, size_t count)
{
	struct dht_topic *t = ctx;

	t->peers += count;
	for (size_t i = 0; i < count; i++) {
		struct net_addr addr;

		net_addr_of_wire(&addr, &peers[i]);
		t->cfg.on_peer(t->cfg.ctx, &addr);
	}
}

static void round_over(struct dht_topic *t)
{
	struct dht_node *n = t->node;

	agenda_done(&n->agenda, &t->topic, t->answered, t->peers, now_of(n));
	n->announced += t->cfg.announce && t->answered;
	if (t->cfg.on_round)
		t->cfg.on_round(t->cfg.ctx, t->answered, t->peers);
}

static void search_over(struct dht_topic *t, enum dht_family family,
			const struct dht_outcome *o)
{
	t->searches[family] = 0;
	t->answered += o->answered;
	if (!t->searches[DHT_V4] && !t->searches[DHT_V6])
		round_over(t);
}

static void on_done4(void *ctx, const struct dht_outcome *o)
{
	search_over(ctx, DHT_V4, o);
}

static void on_done6(void *ctx, const struct dht_outcome *o)
{
	search_over(ctx, DHT_V6, o);
}

static void begin_round(struct dht_node *n, struct dht_topic *t)
{
	struct dht_search s = {
		.aim = DHT_FIND_PEERS,
		.target = t->cfg.target,
		.announce = t->cfg.announce && !n->read_only,
		/* behind a NAT only the far side knows our port; without one
		 * TCP and UDP have the same */
		.implied_port = t->cfg.port == 0,
		.seed = t->cfg.seed,
		.port = t->cfg.port ? t->cfg.port : n->engine->listen_port,
		.on_peers = on_peers,
		.ctx = t,
	};

	t->answered = 0;
	t->peers = 0;
	for (int f = 0; f < (int)DHT_FAMILIES; f++) {
		s.family = (enum dht_family)f;
		s.on_done = s.family == DHT_V4 ? on_done4 : on_done6;
		if (dht_ready(n->dht, s.family))
			t->searches[f] = dht_start(n->dht, &s, now_of(n));
	}
	if (!t->searches[DHT_V4] && !t->searches[DHT_V6])
		round_over(t);
}

/* Of the families that a round asks. */
static size_t fewest_nodes(const struct dht_status *st)
{
	size_t n = SIZE_MAX;

	for (int f = 0; f < (int)DHT_FAMILIES; f++)
		if (st->ready[f] && st->nodes[f] < n)
			n = st->nodes[f];
	return n;
}

static void begin_rounds(struct dht_node *n)
{
	struct dht_status st = dht_status(n->dht);
	struct agenda_topic *t;

	if (!st.ready[DHT_V4] && !st.ready[DHT_V6])
		return;
	agenda_set_nodes(&n->agenda, fewest_nodes(&st));
	while ((t = agenda_next(&n->agenda, now_of(n))))
		begin_round(n, (struct dht_topic *)t);
}

enum err_code dht_topic_new(struct dht_topic **out, struct dht_node *n,
			    const struct dht_topic_cfg *cfg, struct err *e)
{
	struct dht_topic *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return err_fail(e, ERR_NOMEM, "DHT");
	t->node = n;
	t->cfg = *cfg;
	agenda_set_need(&n->agenda, &t->topic, cfg->need);
	agenda_add(&n->agenda, &t->topic, now_of(n));
	if (n->dht)
		loop_timer_set(n->timer, 0);
	return ERR_NONE;
}

void dht_topic_free(struct dht_topic *t)
{
	if (!t)
		return;
	for (int f = 0; t->node->dht && f < (int)DHT_FAMILIES; f++)
		dht_cancel(t->node->dht, t->searches[f]);
	agenda_remove(&t->node->agenda, &t->topic);
	free(t);
}

void dht_topic_set(struct dht_topic *t, bool seed, enum agenda_need need)
{
	t->cfg.seed = seed;
	agenda_set_need(&t->node->agenda, &t->topic, need);
}

/* --- beginning and end -----------------------------------------------------
 */

static void on_timer(void *ctx)
{
	struct dht_node *n = ctx;

	dht_tick(n->dht, now_of(n));
	look_for_company(n);
	begin_rounds(n);
	if (now_of(n) >= n->save_ms)
		save(n);
	rearm(n);
}

enum err_code dht_node_new(struct dht_node **out, struct engine *en,
			   struct err *e)
{
	struct dht_node *n = calloc(1, sizeof(*n));

	*out = n;
	if (n)
		n->timer = loop_timer_new(en->loop, on_timer, n);
	if (!n || !n->timer) {
		free(n);
		*out = NULL;
		return err_fail(e, ERR_NOMEM, "DHT");
	}
	n->engine = en;
	agenda_init(&n->agenda, &en->rng);
	return ERR_NONE;
}

static void begin(struct dht_node *n, bool read_only)
{
	struct engine *en = n->engine;
	struct dht_cfg cfg = {
		.rng = en->rng,
		.family = {udp_has(en->udp, AF_INET) || engine_proxied(en),
			   udp_has(en->udp, AF_INET6) && !engine_proxied(en)},
		.read_only = read_only,
		.send = send_datagram,
		.ctx = n,
	};
	int64_t now = now_of(n);

	if (!cfg.family[DHT_V4] && !cfg.family[DHT_V6])
		return;
	if (!n->saved)
		n->saved = calloc(1, sizeof(*n->saved));
	if (!n->saved)
		return;
	load(n, n->saved);
	for (int f = 0; f < (int)DHT_FAMILIES; f++) {
		cfg.has_id[f] = n->saved->has_id[f];
		cfg.id[f] = n->saved->id[f];
	}
	if (dht_new(&n->dht, &cfg, now, NULL) != ERR_NONE)
		return;
	n->read_only = read_only;
	memcpy(n->family, cfg.family, sizeof(n->family));
	n->save_ms = now + SAVE_EVERY_MS;
	n->bootstrap_wait_ms = BOOTSTRAP_FIRST_MS;
	n->bootstrap_ms = now;
	ask_saved_nodes(n);
	udp_on(en->udp, UDP_DHT, on_datagram, n);
	ask_named_nodes(n);
	look_for_company(n);
	loop_timer_set(n->timer, 0);
}

void dht_node_start(struct dht_node *n)
{
	if (n->dht || !engine_flag(n->engine, "dht"))
		return;
	/* through a proxy nobody gets in */
	begin(n, engine_flag(n->engine, "dht-read-only") ||
			 engine_proxied(n->engine));
}

void dht_node_wake(struct dht_node *n)
{
	struct engine *en = n->engine;
	struct err e = {0};
	uint16_t bound;

	if (n->dht || !engine_flag(en, "dht"))
		return;
	/* (!) with a proxy there is no socket of our own: datagrams go its way,
	 * or none */
	if (engine_proxied(en))
		tunnels_want_udp(en->tunnels);
	else if (!udp_has(en->udp, AF_INET) && !udp_has(en->udp, AF_INET6) &&
		 udp_listen(en->udp, "::", 0, &bound, NULL) != ERR_NONE &&
		 udp_listen(en->udp, "0.0.0.0", 0, &bound, &e) != ERR_NONE) {
		log_line(en->log, LOG_WARN, "dht", "no UDP: %s", e.msg);
		return;
	}
	begin(n, true);
}

void dht_node_free(struct dht_node *n)
{
	struct save *s;

	if (!n)
		return;
	for (struct resolving *k = n->resolving; k; k = k->next)
		k->node = NULL; /* frees itself when the worker is done */
	s = n->dht ? calloc(1, sizeof(*s)) : NULL;
	if (s && make_save(n, s)) {
		run_save(&s->job);
		tell_save(s);
	}
	free(s);
	if (n->dht)
		udp_on(n->engine->udp, UDP_DHT, NULL, NULL);
	dht_free(n->dht);
	loop_timer_free(n->timer);
	free(n->saved);
	free(n);
}

bool dht_node_may_find(const struct dht_node *n)
{
	if (!n->dht)
		return false;
	return n->resolving ||
	       (n->family[DHT_V4] && !dht_lost(n->dht, DHT_V4)) ||
	       (n->family[DHT_V6] && !dht_lost(n->dht, DHT_V6));
}

uint16_t dht_node_port(const struct dht_node *n)
{
	return n->dht && !n->read_only ? n->engine->listen_port : 0;
}

json_t *dht_node_json(const struct dht_node *n)
{
	struct dht_status st;

	if (!n->dht)
		return json_pack("{s:b}", "running", 0);
	st = dht_status(n->dht);
	return json_pack(
		"{s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "running", 1,
		"ready", st.ready[DHT_V4] || st.ready[DHT_V6], "nodes",
		(json_int_t)st.nodes[DHT_V4], "nodes6",
		(json_int_t)st.nodes[DHT_V6], "announces",
		(json_int_t)n->announced, "questions", (json_int_t)st.questions,
		"torrents_kept", (json_int_t)st.torrents, "peers_kept",
		(json_int_t)st.peers, "searches", (json_int_t)st.searches);
}
