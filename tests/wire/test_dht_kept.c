/* What a DHT node keeps for others, tokens, rates, votes. */
#include "tests/wire/dht_sim.h"

#include "wire/dht/dht_gate.h"
#include "wire/dht/kept_items.h"
#include "wire/dht/kept_peers.h"
#include "wire/dht/vote.h"

#include <sodium.h>

static struct rng rng;

static struct dht_id id_of(uint32_t n)
{
	struct dht_id id = {{1}};

	memcpy(id.bytes + 4, &n, sizeof(n));
	return id;
}

static struct kept_peers *new_peers(void)
{
	struct kept_peers *k;

	if (kept_peers_new(&k, &rng, NULL) != ERR_NONE)
		abort();
	return k;
}

static size_t peers_of(struct kept_peers *k, uint32_t n, bool noseed,
		       int64_t now)
{
	uint8_t buf[4096];
	struct wire_addr out[500];
	struct dht_id id = id_of(n);
	size_t len = kept_peers_write(k, buf, sizeof(buf), &id, DHT_V4, noseed,
				      n * 77, now);

	return krpc_values(out, 500, (struct ben_view){buf, len}, DHT_V4);
}

static void peers_come_and_go(void)
{
	struct kept_peers *k = new_peers();
	struct wire_addr a = sim_v4(0x1e000001, 10), b = sim_v4(0x1e000002, 10);
	struct dht_id id = id_of(1);

	CHECK(peers_of(k, 1, false, 0) == 0, "nobody yet");
	CHECK(kept_peers_add(k, &id, &a, false, 0), "one");
	CHECK(kept_peers_add(k, &id, &b, true, 60000), "a seed");
	CHECK(kept_peers_add(k, &id, &b, true, 60000), "again");
	CHECK(kept_peers_count(k) == 2, "two");
	CHECK(peers_of(k, 1, false, 60000) == 2, "both are told");
	CHECK(peers_of(k, 1, true, 60000) == 1, "without seeds one");
	CHECK(peers_of(k, 1, false, KEPT_PEERS_MS + 30000) == 1,
	      "the first is over");
	kept_peers_expire(k, KEPT_PEERS_MS + 60000);
	CHECK(kept_peers_torrents(k) == 1, "not yet");
	kept_peers_expire(k, KEPT_PEERS_MS + 60001);
	CHECK(kept_peers_torrents(k) == 0 && kept_peers_count(k) == 0, "over");
	kept_peers_free(k);
}

static void each_family_by_itself(void)
{
	struct kept_peers *k = new_peers();
	struct wire_addr a = sim_v4(0x1e000001, 10), b = sim_v6(9, 77), out[4];
	struct dht_id id = id_of(1), sample[4];
	uint8_t buf[200];
	size_t len;

	CHECK(kept_peers_add(k, &id, &a, false, 0), "of IPv4");
	CHECK(kept_peers_add(k, &id, &b, false, 0), "of IPv6");
	len = kept_peers_write(k, buf, sizeof(buf), &id, DHT_V6, false, 0, 0);
	CHECK(krpc_values(out, 4, (struct ben_view){buf, len}, DHT_V6) == 1 &&
		      dht_addr_eq(&out[0], &b),
	      "it comes back");
	CHECK(kept_peers_sample(k, sample, 4, 5) == 1,
	      "one info hash in a sample");
	kept_peers_free(k);
}

static void a_list_is_cut_to_its_room(void)
{
	struct kept_peers *k = new_peers();
	struct dht_id id = id_of(1);
	uint8_t buf[64];

	for (uint32_t i = 0; i < 100; i++) {
		struct wire_addr a = sim_v4((30U << 24) + i * 256 + 1, 10);

		(void)kept_peers_add(k, &id, &a, false, 0);
	}
	for (size_t cap = 0; cap <= sizeof(buf); cap++) {
		size_t len = kept_peers_write(k, buf, cap, &id, DHT_V4, false,
					      (uint32_t)cap * 31, 0);

		CHECK(len <= cap, "%zu of %zu", len, cap);
		CHECK(len == 0 || len % 8 == 2, "whole ones in %zu", cap);
	}
	kept_peers_free(k);
}

static void lists_have_an_end(void)
{
	struct kept_peers *k = new_peers();
	struct dht_id id = id_of(1);
	struct wire_addr a;
	uint32_t in = 0;

	for (uint32_t i = 0; i < 2 * KEPT_PEERS_OF_ONE; i++) {
		a = sim_v4((30U << 24) + i * 256 + 1, 10);
		in += kept_peers_add(k, &id, &a, false, 0);
	}
	CHECK(in == KEPT_PEERS_OF_ONE, "%u of one info hash", in);
	in = 0;
	for (uint32_t i = 0; i < 2 * KEPT_PEERS_OF_A_HOST; i++) {
		id = id_of(10 + i);
		a = sim_v4(0x28000001, (uint16_t)(1 + i));
		in += kept_peers_add(k, &id, &a, false, 0);
	}
	CHECK(in <= KEPT_PEERS_OF_A_HOST &&
		      in > KEPT_PEERS_OF_A_HOST - KEPT_PEERS_OF_ONE,
	      "%u of one host", in);
	kept_peers_free(k);
}

static void the_oldest_make_room(void)
{
	struct kept_peers *k = new_peers();
	struct dht_id id;
	struct wire_addr a;

	for (uint32_t i = 0; i < KEPT_PEERS_MAX + 1000; i++) {
		id = id_of(i / 10);
		a = sim_v4((30U << 24) + i * 97, 10);
		(void)kept_peers_add(k, &id, &a, false, i);
	}
	CHECK(kept_peers_count(k) <= KEPT_PEERS_MAX, "%zu peers",
	      kept_peers_count(k));
	CHECK(kept_peers_count(k) > KEPT_PEERS_MAX - 100, "not fewer");
	CHECK(peers_of(k, 0, false, 200000) == 0, "the first is forgotten");
	CHECK(kept_peers_bytes(k) < 64U << 20, "%zu bytes",
	      kept_peers_bytes(k));
	kept_peers_free(k);
}

static void tokens_are_good_for_a_while(void)
{
	static const struct {
		const char *name;
		int64_t after_ms;
		bool same_host, same_target, good;
	} rows[] = {
		{"at once", 0, true, true, true},
		{"five minutes later", DHT_GATE_TOKEN_MS, true, true, true},
		{"nearly ten", 2 * DHT_GATE_TOKEN_MS - 1, true, true, true},
		{"ten", 2 * DHT_GATE_TOKEN_MS, true, true, false},
		{"of another host", 0, false, true, false},
		{"for another target", 0, true, false, false},
	};
	uint8_t token[DHT_GATE_TOKEN_LEN];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct wire_addr a = sim_v4(0x1e000001, 10);
		struct wire_addr b = rows[i].same_host ? a : sim_v4(7, 10);
		struct dht_id t = id_of(1);
		struct dht_id u = rows[i].same_target ? t : id_of(2);
		struct dht_gate *g;

		if (dht_gate_new(&g, &rng, 0, NULL) != ERR_NONE)
			abort();
		dht_gate_token(g, token, &a, &t, &rng, 0);
		/* a question in between turns the keys, as in life */
		if (rows[i].after_ms > DHT_GATE_TOKEN_MS)
			(void)dht_gate_token_ok(g, token, 8, &a, &t, &rng,
						DHT_GATE_TOKEN_MS);
		b.port = 99; /* the port may be another */
		CHECK(dht_gate_token_ok(g, token, sizeof(token), &b, &u, &rng,
					rows[i].after_ms) == rows[i].good,
		      "%s", rows[i].name);
		CHECK(!dht_gate_token_ok(g, token, 7, &a, &t, &rng, 0),
		      "short");
		dht_gate_free(g);
	}
}

static void a_host_is_held_to_its_rate(void)
{
	struct wire_addr a = sim_v4(0x1e000001, 10), b = sim_v4(0x1e000101, 9);
	struct dht_gate *g;
	uint32_t in = 0;

	if (dht_gate_new(&g, &rng, 0, NULL) != ERR_NONE)
		abort();
	for (uint32_t i = 0; i < 1000; i++) {
		a.port = (uint16_t)i;
		in += dht_gate_admits(g, &a, 1000000);
	}
	CHECK(in == DHT_GATE_BURST, "%u at once", in);
	CHECK(dht_gate_admits(g, &b, 1000000), "another host is not hindered");
	in = 0;
	for (int64_t ms = 0; ms < 10000; ms++)
		in += dht_gate_admits(g, &a, 1000000 + ms);
	CHECK(in >= 10 * DHT_GATE_PER_S - 1 && in <= 10 * DHT_GATE_PER_S + 1,
	      "%u in ten seconds", in);
	dht_gate_free(g);
}

static void a_network_is_held_to_its_rate(void)
{
	static const struct {
		const char *name;
		uint32_t first;
		unsigned want;
	} rows[] = {
		{"the addresses of a /24", 0x1e000100, DHT_GATE_NET_BURST},
		{"of another", 0x1e000200, DHT_GATE_NET_BURST},
		{"of one's own network", 0x0a000100, 256 * 10},
	};
	struct dht_gate *g;

	if (dht_gate_new(&g, &rng, 0, NULL) != ERR_NONE)
		abort();
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t in = 0;

		for (uint32_t k = 0; k < 256 * 10; k++) {
			struct wire_addr a =
				sim_v4(rows[i].first + k % 256, 10);

			in += dht_gate_admits(g, &a, 1000000);
		}
		/* now and then two hosts have one slot */
		CHECK(in <= rows[i].want && in > rows[i].want * 9 / 10,
		      "%s: %u", rows[i].name, in);
	}
	dht_gate_free(g);
}

static void items_are_kept(void)
{
	static const struct {
		const char *name;
		int64_t seq;
		char value;
		int64_t cas; /* -1: none */
		int want;
	} rows[] = {
		/* after seq 5, 'a' */
		{"the same again", 5, 'a', -1, 0},
		{"the same sequence, another value", 5, 'b', -1, KRPC_OLD_SEQ},
		{"an older one", 4, 'a', -1, KRPC_OLD_SEQ},
		{"a newer one", 6, 'b', -1, 0},
		{"a newer one over what was thought", 6, 'b', 5, 0},
		{"and over another", 6, 'b', 4, KRPC_CAS},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dht_item item = {.is_mutable = true,
					.seq = 5,
					.value = {'1', ':', 'a'},
					.value_len = 3};
		struct dht_id target = dht_item_target(&item);
		struct kept_items *k;

		if (kept_items_new(&k, NULL) != ERR_NONE)
			abort();
		CHECK(kept_items_put(k, &item, NULL, 0) == 0, "the first");
		item.seq = rows[i].seq;
		item.value[2] = (uint8_t)rows[i].value;
		CHECK(kept_items_put(k, &item,
				     rows[i].cas < 0 ? NULL : &rows[i].cas,
				     0) == rows[i].want,
		      "%s", rows[i].name);
		CHECK(kept_items_get(k, &target, KEPT_ITEMS_MS) != NULL,
		      "there");
		CHECK(!kept_items_get(k, &target, KEPT_ITEMS_MS + 1), "over");
		kept_items_expire(k, KEPT_ITEMS_MS + 1);
		CHECK(kept_items_count(k) == 0, "forgotten");
		kept_items_free(k);
	}
}

static void the_oldest_item_makes_room(void)
{
	struct dht_item item = {.value_len = 10};
	struct dht_id first = {{0}}, second = {{0}}, t;
	struct kept_items *k;

	if (kept_items_new(&k, NULL) != ERR_NONE)
		abort();
	for (uint32_t i = 0; i <= KEPT_ITEMS_MAX; i++) {
		memcpy(item.value, &i, sizeof(i));
		t = dht_item_target(&item);
		if (i == 0)
			first = t;
		if (i == 1)
			second = t;
		CHECK(kept_items_put(k, &item, NULL, i) == 0, "%u", i);
		if (i == 10) { /* put again: no longer the oldest */
			memset(item.value, 0, 4);
			(void)kept_items_put(k, &item, NULL, i);
		}
	}
	CHECK(kept_items_count(k) == KEPT_ITEMS_MAX, "bounded");
	CHECK(kept_items_get(k, &first, 0) != NULL, "the renewed is there");
	CHECK(!kept_items_get(k, &second, 0), "the oldest went");
	kept_items_free(k);
}

static void hex(uint8_t *out, const char *text)
{
	for (size_t i = 0; text[2 * i]; i++) {
		unsigned byte = 0;

		CHECK(sscanf(text + 2 * i, "%2x", &byte) == 1, "%s", text);
		out[i] = (uint8_t)byte;
	}
}

/* The test vectors that BEP 44 gives. */
static void signatures_are_those_of_the_bep(void)
{
	static const struct {
		const char *salt, *sig, *target;
	} rows[] = {
		{"",
		 "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853"
		 "cff1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7a"
		 "e21f01",
		 "4a533d47ec9c7d95b1ad75f576cffc641853b750"},
		{"foobar",
		 "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d"
		 "17ddf9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a8"
		 "7d9a08",
		 "411eba73b6f087ca51a3795d9c8c938d365e32c1"},
	};
	struct dht_item item = {.value_len = 15};
	struct dht_id want, got;

	memcpy(item.value, "12:Hello World!", 15);
	got = dht_item_target(&item);
	hex(want.bytes, "e5f96f6f38320f0f33959cb4d3d656452117aadb");
	CHECK(dht_id_eq(&want, &got), "an immutable one");
	for (size_t i = 0; i < ROWS(rows); i++) {
		item.is_mutable = true;
		item.seq = 1;
		hex(item.key, "77ff84905a91936367c01360803104f92432fcd904a43511"
			      "876df5cdf3e7e548");
		hex(item.sig, rows[i].sig);
		item.salt_len = strlen(rows[i].salt);
		memcpy(item.salt, rows[i].salt, item.salt_len);
		hex(want.bytes, rows[i].target);
		got = dht_item_target(&item);
		CHECK(dht_id_eq(&want, &got), "its target, %zu", i);
		CHECK(dht_item_is_signed(&item), "its signature, %zu", i);
		item.seq = 2;
		CHECK(!dht_item_is_signed(&item), "not of another sequence");
	}
}

static void an_address_is_believed_by_majority(void)
{
	struct vote v = {0};
	struct wire_addr mine = sim_v4(0x5a010101, 1);
	struct wire_addr other = sim_v4(0x5a020202, 1);
	struct wire_addr home = sim_v4(0xc0a80101, 1);
	struct wire_addr voter;

	for (uint32_t i = 0; i < 30; i++) {
		voter = sim_v4(0x1e000001, (uint16_t)(1 + i));
		CHECK(!vote_add(&v, &voter, other.ip), "one host, one vote");
		voter = sim_v4(0x1f000001 + i * 256, 1);
		CHECK(!vote_add(&v, &voter, home.ip), "not what nobody routes");
	}
	for (uint32_t i = 0; i < 5; i++) {
		voter = sim_v4(0x20000001 + i * 256, 1);
		CHECK(vote_add(&v, &voter, mine.ip) == (i == 4), "vote %u", i);
	}
	CHECK(v.known && memcmp(v.ip, mine.ip, 16) == 0, "believed");
	/* one of the first 30, too, said so */
	for (uint32_t i = 0; i < 9; i++) {
		voter = sim_v4(0x21000001 + i * 256, 1);
		CHECK(vote_add(&v, &voter, other.ip) == (i == 4),
		      "more than half change it: %u", i);
	}
}

int main(void)
{
	rng = rng_seeded(3);
	peers_come_and_go();
	each_family_by_itself();
	a_list_is_cut_to_its_room();
	lists_have_an_end();
	the_oldest_make_room();
	tokens_are_good_for_a_while();
	a_host_is_held_to_its_rate();
	a_network_is_held_to_its_rate();
	items_are_kept();
	the_oldest_item_makes_room();
	signatures_are_those_of_the_bep();
	an_address_is_believed_by_majority();
	return CHECK_EXIT();
}
