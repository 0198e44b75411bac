#include "wire/dht/dht_gate.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 8192U
#define KEY crypto_shorthash_KEYBYTES

struct slot {
	uint32_t since_ms; /* when `used` was right; wraps */
	uint32_t used;	   /* thousandths of questions */
};

struct dht_gate {
	uint8_t slot_key[KEY];
	uint8_t keys[2][KEY]; /* of tokens: now, and before */
	int64_t keyed_ms;
	struct slot slots[SLOTS]; /* of hosts */
	struct slot nets[SLOTS];
};

enum err_code dht_gate_new(struct dht_gate **out, struct rng *rng,
			   int64_t now_ms, struct err *e)
{
	struct dht_gate *g = calloc(1, sizeof(*g));

	*out = g;
	if (!g)
		return err_fail(e, ERR_NOMEM, "dht: gate");
	rng_fill(rng, g->slot_key, KEY);
	rng_fill(rng, g->keys, sizeof(g->keys));
	g->keyed_ms = now_ms;
	return ERR_NONE;
}

void dht_gate_free(struct dht_gate *g)
{
	free(g);
}

/* Which slot is theirs that share these bytes; nobody outside can foresee it.
 */
static struct slot *slot_of(struct dht_gate *g, struct slot slots[SLOTS],
			    const struct wire_addr *a, size_t len)
{
	uint8_t h[crypto_shorthash_BYTES];
	uint32_t v;

	(void)crypto_shorthash(h, a->ip, len, g->slot_key);
	memcpy(&v, h, sizeof(v));
	return &slots[v % SLOTS];
}

static bool has_room(struct slot *s, uint32_t burst, uint32_t per_s,
		     int64_t now_ms)
{
	uint64_t back = (uint64_t)((uint32_t)now_ms - s->since_ms) * per_s;

	s->used = back < s->used ? s->used - (uint32_t)back : 0;
	s->since_ms = (uint32_t)now_ms;
	return s->used + 1000 <= burst * 1000;
}

bool dht_gate_admits(struct dht_gate *g, const struct wire_addr *from,
		     int64_t now_ms)
{
	bool v4 = dht_family_of(from) == DHT_V4;
	struct slot *host = slot_of(g, g->slots, from, v4 ? 16 : 8);
	struct slot *net = slot_of(g, g->nets, from, v4 ? 15 : 6);
	bool ours = dht_place_of(from) == DHT_LOCAL;

	if (!has_room(host, DHT_GATE_BURST, DHT_GATE_PER_S, now_ms) ||
	    (!ours &&
	     !has_room(net, DHT_GATE_NET_BURST, DHT_GATE_NET_PER_S, now_ms)))
		return false;
	host->used += 1000;
	if (!ours)
		net->used += 1000;
	return true;
}

static void renew_keys(struct dht_gate *g, struct rng *rng, int64_t now_ms)
{
	if (now_ms - g->keyed_ms < DHT_GATE_TOKEN_MS)
		return;
	memcpy(g->keys[1], g->keys[0], KEY);
	rng_fill(rng, g->keys[0], KEY);
	if (now_ms - g->keyed_ms >= 2 * DHT_GATE_TOKEN_MS)
		rng_fill(rng, g->keys[1], KEY);
	g->keyed_ms = now_ms;
}

static void make_token(uint8_t out[DHT_GATE_TOKEN_LEN], const uint8_t key[KEY],
		       const struct wire_addr *a, const struct dht_id *target)
{
	uint8_t said[16 + DHT_ID_LEN];

	memcpy(said, a->ip, 16);
	memcpy(said + 16, target->bytes, DHT_ID_LEN);
	(void)crypto_shorthash(out, said, sizeof(said), key);
}

void dht_gate_token(struct dht_gate *g, uint8_t out[DHT_GATE_TOKEN_LEN],
		    const struct wire_addr *to, const struct dht_id *target,
		    struct rng *rng, int64_t now_ms)
{
	renew_keys(g, rng, now_ms);
	make_token(out, g->keys[0], to, target);
}

bool dht_gate_token_ok(struct dht_gate *g, const uint8_t *token, size_t len,
		       const struct wire_addr *from,
		       const struct dht_id *target, struct rng *rng,
		       int64_t now_ms)
{
	uint8_t want[DHT_GATE_TOKEN_LEN];
	bool good = false;

	renew_keys(g, rng, now_ms);
	if (len != DHT_GATE_TOKEN_LEN)
		return false;
	for (int i = 0; i < 2; i++) {
		make_token(want, g->keys[i], from, target);
		good |= sodium_memcmp(want, token, sizeof(want)) == 0;
	}
	return good;
}
