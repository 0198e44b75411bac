/* Whole networks of DHT nodes on fake time. */
#include "tests/wire/dht_sim.h"

#include <sodium.h>

#define NODES 300U

/* Searches between nodes by chance; how many found what was announced. */
static uint32_t pairs_that_meet(struct sim *s, uint32_t pairs,
				enum dht_family family)
{
	uint32_t met = 0;

	for (uint32_t i = 0; i < pairs; i++) {
		struct dht_search what = {
			.aim = DHT_FIND_PEERS,
			.family = family,
			.target = sim_target(s),
			.announce = true,
			.port = (uint16_t)(5000 + i),
		};
		struct sim_node *a, *b;
		struct sim_found f = {0};

		do {
			a = &s->nodes[rng_below(&s->rng, (uint32_t)s->count)];
			b = &s->nodes[rng_below(&s->rng, (uint32_t)s->count)];
		} while (a == b || !a->dht || !b->dht);
		sim_search(s, a, what, &f);
		f.wanted = a->addr[family];
		f.wanted.port = what.port;
		what.announce = false;
		sim_search(s, b, what, &f);
		met += f.saw_wanted;
	}
	return met;
}

static void all_find_their_place(const struct sim *s)
{
	size_t ready = 0, nodes = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct dht_status st = dht_status(s->nodes[i].dht);

		ready += st.ready[DHT_V4];
		nodes += st.nodes[DHT_V4];
	}
	CHECK(ready == s->count, "%zu of %zu are ready", ready, s->count);
	CHECK(nodes / s->count > 40, "they know %zu others", nodes / s->count);
}

/* The nodes that are nearest to a target in truth. */
static size_t hits_of_truth(struct sim *s, const struct dht_id *target)
{
	const struct sim_node *best[8];
	size_t n = 0, hits = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct dht_id id;
		size_t at = n;

		if (!s->nodes[i].dht)
			continue;
		id = dht_own_id(s->nodes[i].dht, DHT_V4);
		while (at) {
			struct dht_id o = dht_own_id(best[at - 1]->dht, DHT_V4);

			if (dht_id_nearer(target, &id, &o) >= 0)
				break;
			at--;
		}
		if (at == 8)
			continue;
		if (n < 8)
			n++;
		memmove(best + at + 1, best + at,
			(n - at - 1) * sizeof(best[0]));
		best[at] = &s->nodes[i];
	}
	for (size_t i = 0; i < n; i++)
		hits += dht_status(best[i]->dht).peers > 0;
	return hits;
}

static void an_announce_reaches_the_nearest(struct sim *s)
{
	size_t hits = 0;
	uint64_t sent = 0;
	int64_t took = 0;

	for (uint32_t i = 0; i < 10; i++) {
		struct sim_node *a = &s->nodes[i * 13];
		struct sim_found f = {0};
		struct dht_search what = {
			.aim = DHT_FIND_PEERS,
			.target = sim_target(s),
			.announce = true,
			.port = 7,
		};
		uint64_t before = a->sent;

		sim_search(s, a, what, &f);
		CHECK(f.outcome.stored >= 4, "stored at %u", f.outcome.stored);
		hits += hits_of_truth(s, &what.target);
		sent += a->sent - before;
		took += f.took_ms;
	}
	CHECK(hits >= 60, "%zu of 80 of the nearest have it", hits);
	CHECK(sent / 10 < 70, "with %llu datagrams each",
	      (unsigned long long)sent / 10);
	CHECK(took / 10 < 8000, "in %lld ms", (long long)took / 10);
}

static void a_restart_needs_nobody_else(struct sim *s)
{
	struct sim_node *n = &s->nodes[77];
	struct dht_contact kept[64];
	size_t count = dht_keep(n->dht, DHT_V4, kept, 64);

	CHECK(count >= 30, "%zu nodes are kept", count);
	sim_kill(n);
	sim_run(s, 60000);
	sim_boot(s, n, false);
	CHECK(dht_lost(n->dht, DHT_V4), "nobody is known");
	for (size_t i = 0; i < count; i++)
		CHECK(dht_add_contact(n->dht, &kept[i].addr, &kept[i].id,
				      s->now_ms),
		      "it is taken");
	sim_run(s, 10000);
	CHECK(dht_ready(n->dht, DHT_V4), "ready ten seconds later");
	CHECK(dht_status(n->dht).nodes[DHT_V4] > 30, "and knows its way");
}

static void a_third_dies(struct sim *s)
{
	uint32_t met;

	for (size_t i = 0; i < s->count; i += 3)
		sim_kill(&s->nodes[i]);
	met = pairs_that_meet(s, 10, DHT_V4);
	CHECK(met == 10, "%u of 10 meet at once", met);
}

static void a_network_with_losses(void)
{
	struct sim s;
	uint32_t met;

	sim_init(&s, NODES, 1);
	s.loss_percent = 5;
	sim_grow(&s, NODES, true, false);
	all_find_their_place(&s);
	an_announce_reaches_the_nearest(&s);
	met = pairs_that_meet(&s, 20, DHT_V4);
	CHECK(met == 20, "%u of 20 meet", met);
	a_restart_needs_nobody_else(&s);
	a_third_dies(&s);
	sim_free(&s);
}

/* IPv6 is learnt over IPv4 (BEP 32) and works without it. */
static void two_families(void)
{
	struct sim s;
	uint32_t met;

	sim_init(&s, 120, 2);
	sim_grow(&s, 40, true, true);
	sim_grow(&s, 40, true, false);
	sim_grow(&s, 40, false, true);
	met = pairs_that_meet(&s, 0, DHT_V6);
	for (size_t i = 0; i < s.count; i++) {
		struct dht_status st = dht_status(s.nodes[i].dht);

		CHECK(i >= 40 || st.nodes[DHT_V6] > 20,
		      "node %zu knows %zu of IPv6", i, st.nodes[DHT_V6]);
		CHECK(i < 80 || st.ready[DHT_V6], "node %zu is ready", i);
	}
	for (size_t i = 0; i < 10; i++) {
		struct sim_node *a = &s.nodes[80 + i], *b = &s.nodes[i];
		struct dht_search what = {
			.aim = DHT_FIND_PEERS,
			.family = DHT_V6,
			.target = sim_target(&s),
			.announce = true,
			.implied_port = true,
			.port = 1,
		};
		struct sim_found f = {.wanted = a->addr[DHT_V6]};

		sim_search(&s, a, what, &f);
		what.announce = false;
		sim_search(&s, b, what, &f);
		met += f.saw_wanted;
	}
	CHECK(met == 10, "%u of 10 meet over IPv6", met);
	sim_free(&s);
}

/* All learn where they are, and have ids that fit it (BEP 42). */
static void ids_come_to_fit(void)
{
	struct sim s;
	size_t fit = 0;

	sim_init(&s, 100, 3);
	sim_grow(&s, 100, true, false);
	sim_run(&s, 60000);
	for (size_t i = 0; i < s.count; i++) {
		struct dht_id id = dht_own_id(s.nodes[i].dht, DHT_V4);
		struct dht_status st = dht_status(s.nodes[i].dht);

		CHECK(!st.knows_ip[DHT_V4] ||
			      memcmp(st.ip[DHT_V4], s.nodes[i].addr[0].ip,
				     16) == 0,
		      "node %zu is told where it is", i);
		fit += dht_id_fits(&id, s.nodes[i].addr[0].ip);
	}
	CHECK(fit == s.count, "%zu of %zu ids fit", fit, s.count);
	sim_free(&s);
}

static void sign(struct dht_item *item)
{
	static const uint8_t seed[32] = {1, 2, 3};
	uint8_t public[32], secret[64];

	(void)crypto_sign_seed_keypair(public, secret, seed);
	dht_item_sign(item, secret);
}

static void items_are_found(void)
{
	struct sim s;
	struct sim_found f = {0};
	struct dht_item item = {.seq = 1, .value_len = 7};
	struct dht_search what = {.aim = DHT_FIND_ITEM, .put = &item};
	int64_t cas = 7;

	sim_init(&s, 100, 4);
	sim_grow(&s, 100, true, false);
	memcpy(item.value, "5:hello", 7);
	what.target = dht_item_target(&item);
	sim_search(&s, &s.nodes[1], what, &f);
	CHECK(f.outcome.stored >= 8, "an immutable one");
	what.put = NULL;
	sim_search(&s, &s.nodes[2], what, &f);
	CHECK(f.has_item && memcmp(f.item.value, "5:hello", 7) == 0, "found");

	memcpy(item.salt, "pepper", 6);
	item.salt_len = 6;
	sign(&item);
	what.target = dht_item_target_of(item.key, item.salt, item.salt_len);
	what.put = &item;
	sim_search(&s, &s.nodes[3], what, &f);
	CHECK(f.outcome.stored >= 8, "a mutable one");
	item.seq = 2;
	memcpy(item.value, "5:world", 7);
	sign(&item);
	what.cas = &cas;
	sim_search(&s, &s.nodes[3], what, &f);
	CHECK(f.outcome.stored == 0, "not over another than was thought");
	cas = 1;
	sim_search(&s, &s.nodes[3], what, &f);
	CHECK(f.outcome.stored >= 8, "a newer one");
	what.put = NULL;
	what.salt = item.salt;
	what.salt_len = item.salt_len;
	sim_search(&s, &s.nodes[4], what, &f);
	CHECK(f.has_item && f.item.seq == 2 &&
		      memcmp(f.item.value, "5:world", 7) == 0,
	      "the newer is found");
	what.salt_len = 0;
	sim_search(&s, &s.nodes[5], what, &f);
	CHECK(!f.has_item, "not without its salt");
	sim_free(&s);
}

/* A read-only node finds and announces, answers nobody, and is in no table. */
static void a_read_only_node_is_not_seen(void)
{
	struct sim s;
	struct sim_node *n;
	struct sim_found f = {0};
	struct dht_search what = {
		.aim = DHT_FIND_PEERS, .announce = true, .port = 9};
	struct dht_contact kept[64];

	sim_init(&s, 61, 5);
	sim_grow(&s, 60, true, false);
	n = sim_place(&s, true, false);
	sim_boot(&s, n, true);
	(void)dht_add_contact(n->dht, &s.nodes[0].addr[0], NULL, s.now_ms);
	sim_run(&s, 20000);
	CHECK(dht_ready(n->dht, DHT_V4), "it finds its way");
	what.target = sim_target(&s);
	sim_search(&s, n, what, &f);
	CHECK(f.outcome.stored >= 8, "it announces");
	CHECK(dht_status(n->dht).questions == 0, "nobody asks it back");
	for (size_t i = 0; i < 60; i++) {
		size_t k = dht_keep(s.nodes[i].dht, DHT_V4, kept, 64);

		for (size_t j = 0; j < k; j++)
			CHECK(!dht_addr_eq(&kept[j].addr, &n->addr[0]),
			      "node %zu knows it", i);
	}
	sim_free(&s);
}

/* Each of the torrents that we share with a peer brings its PORT message; its
 * node is known, or finds no room, or does not answer. */
static void a_port_told_often_is_asked_once(void)
{
	struct sim s;
	struct sim_node *n, *known, *dead;
	uint64_t sent;

	sim_init(&s, 3, 6);
	known = sim_place(&s, true, false);
	sim_boot(&s, known, false);
	dead = sim_place(&s, true, false);
	n = sim_place(&s, true, false);
	sim_boot(&s, n, false);
	(void)dht_add_contact(n->dht, &known->addr[0], NULL, s.now_ms);
	sim_run(&s, 20000);
	CHECK(dht_status(n->dht).nodes[DHT_V4] == 1, "it is known");
	sent = n->sent;
	for (int i = 0; i < 100; i++) {
		CHECK(dht_add_contact(n->dht, &known->addr[0], NULL, s.now_ms),
		      "taken");
		CHECK(dht_add_contact(n->dht, &dead->addr[0], NULL, s.now_ms),
		      "taken");
		sim_run(&s, 100);
	}
	/* the dead one twice, for a datagram may get lost; and our own id */
	CHECK(n->sent - sent <= 8, "%llu sent in 10 s",
	      (unsigned long long)(n->sent - sent));
	sim_free(&s);
}

int main(void)
{
	a_network_with_losses();
	two_families();
	ids_come_to_fit();
	items_are_found();
	a_read_only_node_is_not_seen();
	a_port_told_often_is_asked_once();
	return CHECK_EXIT();
}
