/* dht_sim.h - DHT nodes on fake time: datagrams take 20 to 120 ms, some get
 * lost, nodes die, and an address may belong to somebody who lies. */
#ifndef TESTS_DHT_SIM_H
#define TESTS_DHT_SIM_H

#include "tests/check.h"
#include "wire/dht/dht.h"

#include <stdlib.h>
#include <string.h>

#define SIM_STEP_MS 20
#define SIM_SLOTS 16 /* a datagram arrives within 16 steps */

struct sim;

struct sim_node {
	struct sim *sim;
	struct dht *dht;	  /* NULL: dead, or a liar */
	struct wire_addr addr[2]; /* by family; port 0: none */
	uint64_t sent;
};

struct sim_packet {
	struct sim_packet *next;
	struct wire_addr from, to;
	size_t len;
	uint8_t bytes[KRPC_MAX];
};

struct sim {
	struct rng rng;
	int64_t now_ms;
	uint32_t loss_percent;
	size_t count, cap;
	struct sim_node *nodes;
	size_t index_len; /* hash of address -> node + 1 */
	uint32_t *index;
	struct sim_packet *slots[SIM_SLOTS];
	uint64_t packets;
	/* what an address without a live node does with a datagram; or NULL */
	void (*liar)(struct sim *s, struct sim_node *n,
		     const struct wire_addr *from, const uint8_t *p,
		     size_t len);
};

static inline struct wire_addr sim_v4(uint32_t ip, uint16_t port)
{
	struct wire_addr a = {.port = port};

	memcpy(a.ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	a.ip[12] = (uint8_t)(ip >> 24);
	a.ip[13] = (uint8_t)(ip >> 16);
	a.ip[14] = (uint8_t)(ip >> 8);
	a.ip[15] = (uint8_t)ip;
	return a;
}

/* 2a00:n:: for node n. */
static inline struct wire_addr sim_v6(uint32_t n, uint16_t port)
{
	struct wire_addr a = {.port = port, .ip = {0x2a, 0x00}};

	a.ip[2] = (uint8_t)(n >> 24);
	a.ip[3] = (uint8_t)(n >> 16);
	a.ip[4] = (uint8_t)(n >> 8);
	a.ip[5] = (uint8_t)n;
	a.ip[15] = 1;
	return a;
}

static inline uint32_t sim_hash(const struct wire_addr *a)
{
	uint32_t h = 2166136261U;

	for (int i = 0; i < 16; i++)
		h = (h ^ a->ip[i]) * 16777619U;
	return (h ^ a->port) * 16777619U;
}

static inline struct sim_node *sim_at(struct sim *s, const struct wire_addr *a)
{
	uint32_t f = dht_family_of(a);

	for (size_t i = sim_hash(a) % s->index_len; s->index[i];
	     i = (i + 1) % s->index_len)
		if (dht_addr_eq(&s->nodes[s->index[i] - 1].addr[f], a))
			return &s->nodes[s->index[i] - 1];
	return NULL;
}

static inline void sim_index(struct sim *s, struct sim_node *n, int family)
{
	size_t i = sim_hash(&n->addr[family]) % s->index_len;

	while (s->index[i])
		i = (i + 1) % s->index_len;
	s->index[i] = (uint32_t)(n - s->nodes) + 1;
}

static inline void sim_post(struct sim *s, const struct wire_addr *from,
			    const struct wire_addr *to, const uint8_t *p,
			    size_t len)
{
	size_t slot = ((size_t)(s->now_ms / SIM_STEP_MS) + 1 +
		       rng_below(&s->rng, 6)) %
		      SIM_SLOTS;
	struct sim_packet *k;

	s->packets++;
	if (rng_below(&s->rng, 100) < s->loss_percent)
		return;
	k = malloc(sizeof(*k));
	if (!k || len > sizeof(k->bytes))
		abort();
	k->from = *from;
	k->to = *to;
	k->len = len;
	memcpy(k->bytes, p, len);
	k->next = s->slots[slot];
	s->slots[slot] = k;
}

static inline void sim_send(void *ctx, const struct wire_addr *to,
			    const uint8_t *p, size_t len)
{
	struct sim_node *n = ctx;

	n->sent++;
	sim_post(n->sim, &n->addr[dht_family_of(to)], to, p, len);
}

static inline void sim_init(struct sim *s, size_t cap, uint64_t seed)
{
	memset(s, 0, sizeof(*s));
	s->rng = rng_seeded(seed);
	s->now_ms = 1000000;
	s->cap = cap;
	s->nodes = calloc(cap, sizeof(*s->nodes));
	s->index_len = cap * 4 + 1;
	s->index = calloc(s->index_len, sizeof(*s->index));
	if (!s->nodes || !s->index)
		abort();
}

/* An address that is nobody else's, in a net of its own. */
static inline struct sim_node *sim_place(struct sim *s, bool v4, bool v6)
{
	uint32_t i = (uint32_t)s->count++;
	struct sim_node *n = &s->nodes[i];

	n->sim = s;
	if (v4) { /* 20.0.0.0 on, every 256 */
		n->addr[DHT_V4] = sim_v4((20U << 24) + i * 7919U % 65536 * 256 +
						 1 + i % 200,
					 (uint16_t)(2000 + i % 1000));
		sim_index(s, n, DHT_V4);
	}
	if (v6) {
		n->addr[DHT_V6] = sim_v6(i + 1, (uint16_t)(3000 + i % 1000));
		sim_index(s, n, DHT_V6);
	}
	return n;
}

static inline void sim_boot(struct sim *s, struct sim_node *n, bool read_only)
{
	struct dht_cfg cfg = {
		.read_only = read_only, .send = sim_send, .ctx = n};

	for (int f = 0; f < 2; f++)
		cfg.family[f] = n->addr[f].port != 0;
	rng_fill(&s->rng, cfg.rng.key, sizeof(cfg.rng.key));
	cfg.rng.seeded = true;
	if (dht_new(&n->dht, &cfg, s->now_ms, NULL) != ERR_NONE)
		abort();
}

static inline void sim_kill(struct sim_node *n)
{
	dht_free(n->dht);
	n->dht = NULL;
}

static inline void sim_deliver(struct sim *s)
{
	size_t slot = (size_t)(s->now_ms / SIM_STEP_MS) % SIM_SLOTS;
	struct sim_packet *k = s->slots[slot];

	s->slots[slot] = NULL;
	while (k) {
		struct sim_packet *next = k->next;
		struct sim_node *n = sim_at(s, &k->to);

		if (n && n->dht)
			dht_feed(n->dht, &k->from, k->bytes, k->len, s->now_ms);
		else if (n && s->liar)
			s->liar(s, n, &k->from, k->bytes, k->len);
		free(k);
		k = next;
	}
}

static inline void sim_run(struct sim *s, int64_t ms)
{
	for (int64_t end = s->now_ms + ms; s->now_ms < end;) {
		s->now_ms += SIM_STEP_MS;
		sim_deliver(s);
		for (size_t i = 0; i < s->count; i++) {
			struct dht *d = s->nodes[i].dht;

			if (d && dht_wake_ms(d) <= s->now_ms)
				dht_tick(d, s->now_ms);
		}
	}
}

static inline void sim_free(struct sim *s)
{
	for (int i = 0; i < SIM_SLOTS; i++)
		while (s->slots[i]) {
			struct sim_packet *k = s->slots[i];

			s->slots[i] = k->next;
			free(k);
		}
	for (size_t i = 0; i < s->count; i++)
		dht_free(s->nodes[i].dht);
	free(s->nodes);
	free(s->index);
}

/* --- a search and what came of it ------------------------------------------
 */

struct sim_found {
	struct sim *sim;
	int64_t started_ms, took_ms;
	bool done;
	struct dht_outcome outcome;
	size_t peers;
	struct wire_addr wanted; /* is it among them? */
	bool saw_wanted;
	bool has_item;
	struct dht_item item;
};

static inline void sim_on_peers(void *ctx, const struct wire_addr *p, size_t n)
{
	struct sim_found *f = ctx;

	f->peers += n;
	for (size_t i = 0; i < n; i++)
		f->saw_wanted |= dht_addr_eq(&p[i], &f->wanted);
}

static inline void sim_on_item(void *ctx, const struct dht_item *item)
{
	struct sim_found *f = ctx;

	f->has_item = true;
	f->item = *item;
}

static inline void sim_on_done(void *ctx, const struct dht_outcome *o)
{
	struct sim_found *f = ctx;

	f->done = true;
	f->outcome = *o;
	f->took_ms = f->sim->now_ms - f->started_ms;
}

/* Runs one search to its end, for half a minute at the most. */
static inline void sim_search(struct sim *s, struct sim_node *n,
			      struct dht_search what, struct sim_found *out)
{
	struct wire_addr wanted = out->wanted;

	memset(out, 0, sizeof(*out));
	out->sim = s;
	out->wanted = wanted;
	out->started_ms = s->now_ms;
	what.on_peers = sim_on_peers;
	what.on_item = sim_on_item;
	what.on_done = sim_on_done;
	what.ctx = out;
	CHECK(dht_start(n->dht, &what, s->now_ms) != 0, "it starts");
	for (int i = 0; i < 300 && !out->done; i++)
		sim_run(s, 100);
	CHECK(out->done, "it ends");
}

static inline struct dht_id sim_target(struct sim *s)
{
	struct dht_id id;

	rng_fill(&s->rng, id.bytes, sizeof(id.bytes));
	return id;
}

/* Tells a node of two that came before it. */
static inline void sim_introduce(struct sim *s, struct sim_node *n, int family)
{
	uint32_t before = (uint32_t)(n - s->nodes);

	for (int i = 0, told = 0; before && i < 50 && told < 2; i++) {
		struct sim_node *via = &s->nodes[rng_below(&s->rng, before)];

		if (via->addr[family].port == 0)
			continue;
		(void)dht_add_contact(n->dht, &via->addr[family], NULL,
				      s->now_ms);
		told++;
	}
}

/* `count` nodes more. Each knows two that came before it, and others when those
 * did not answer; of those with both families a quarter knows some of IPv6. */
static inline void sim_grow(struct sim *s, size_t count, bool v4, bool v6)
{
	size_t first = s->count;

	for (size_t i = 0; i < count; i++) {
		struct sim_node *n = sim_place(s, v4, v6);

		sim_boot(s, n, false);
		if (v4)
			sim_introduce(s, n, DHT_V4);
		if (v6 && (!v4 || i % 4 == 0))
			sim_introduce(s, n, DHT_V6);
		if (i % 8 == 0)
			sim_run(s, 100);
	}
	for (int again = 0; again < 3; again++) {
		sim_run(s, 20000);
		for (size_t i = first; i < s->count; i++)
			if (dht_lost(s->nodes[i].dht, v4 ? DHT_V4 : DHT_V6))
				sim_introduce(s, &s->nodes[i],
					      v4 ? DHT_V4 : DHT_V6);
	}
}

#endif
