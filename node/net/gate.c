#include "node/net/gate.h"

#include "base/ip.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4 /* places where an address may be */
#define SETS (GATE_ADDRS / WAYS)
#define STEP_MS (1000 / GATE_PER_S)
#define ADDR_STEP_MS (1000 / GATE_ADDR_PER_S)

/* Each exchange moves `until_ms` one step on from now or from where it is; it
 * may be as far ahead as a burst has steps. */
struct place {
	uint8_t ip[16];
	int64_t until_ms;
};

struct gate {
	uint8_t key[crypto_shorthash_KEYBYTES]; /* nobody picks collisions */
	int64_t until_ms;			/* of all */
	struct place places[SETS][WAYS];
};

struct gate *gate_new(struct rng *rng)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	rng_fill(rng, g->key, sizeof(g->key));
	g->until_ms = INT64_MIN;
	for (int i = 0; i < SETS; i++)
		for (int j = 0; j < WAYS; j++)
			g->places[i][j].until_ms = INT64_MIN;
	return g;
}

void gate_free(struct gate *g)
{
	free(g);
}

static struct place *place_of(struct gate *g, const uint8_t ip[16])
{
	uint8_t hash[crypto_shorthash_BYTES];
	struct place *set, *first;

	(void)crypto_shorthash(hash, ip, 16, g->key);
	set = g->places[(hash[0] | hash[1] << 8) % SETS];
	first = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (memcmp(set[i].ip, ip, 16) == 0)
			return &set[i];
		if (set[i].until_ms < first->until_ms)
			first = &set[i];
	}
	memcpy(first->ip, ip, 16);
	first->until_ms = INT64_MIN;
	return first;
}

static bool has_room(int64_t until_ms, int64_t now_ms, int64_t step_ms,
		     int64_t burst)
{
	return until_ms <= now_ms || until_ms - now_ms <= (burst - 1) * step_ms;
}

static int64_t moved(int64_t until_ms, int64_t now_ms, int64_t step_ms)
{
	return (until_ms > now_ms ? until_ms : now_ms) + step_ms;
}

bool gate_pass(struct gate *g, const uint8_t ip[16], int64_t now_ms)
{
	uint8_t net[16];
	struct place *p;

	memcpy(net, ip, sizeof(net));
	if (!ip_is_v4(ip))
		memset(net + 8, 0, 8);
	if (!has_room(g->until_ms, now_ms, STEP_MS, GATE_BURST))
		return false;
	p = place_of(g, net);
	if (!has_room(p->until_ms, now_ms, ADDR_STEP_MS, GATE_ADDR_BURST))
		return false;
	p->until_ms = moved(p->until_ms, now_ms, ADDR_STEP_MS);
	g->until_ms = moved(g->until_ms, now_ms, STEP_MS);
	return true;
}
