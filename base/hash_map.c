#include "base/hash_map.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16U

struct slot {
	struct info_hash hash;
	void *value; /* NULL: free */
};

/* A run of slots has no free one within it. */
struct hash_map {
	struct slot *slots;
	size_t n_slots; /* a power of two, at least twice `used` */
	size_t used, max;
	uint8_t key[crypto_shorthash_KEYBYTES];
};

struct hash_map *hash_map_new(struct rng rng, size_t max)
{
	struct hash_map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->max = max;
	m->n_slots = SLOTS_MIN;
	m->slots = calloc(m->n_slots, sizeof(*m->slots));
	if (!m->slots) {
		free(m);
		return NULL;
	}
	rng_fill(&rng, m->key, sizeof(m->key));
	return m;
}

void hash_map_free(struct hash_map *m, void (*drop)(void *value))
{
	if (!m)
		return;
	for (size_t i = 0; drop && i < m->n_slots; i++)
		if (m->slots[i].value)
			drop(m->slots[i].value);
	free(m->slots);
	free(m);
}

static size_t home_of(const struct hash_map *m, const struct info_hash *hash)
{
	uint8_t h[crypto_shorthash_BYTES];
	uint64_t n;

	(void)crypto_shorthash(h, hash->bytes, sizeof(hash->bytes), m->key);
	memcpy(&n, h, sizeof(n));
	return (size_t)n & (m->n_slots - 1);
}

/* Its slot, or the free one at the end of its run. */
static struct slot *slot_of(const struct hash_map *m,
			    const struct info_hash *hash)
{
	size_t at = home_of(m, hash);

	while (m->slots[at].value && !info_hash_eq(&m->slots[at].hash, hash))
		at = (at + 1) & (m->n_slots - 1);
	return &m->slots[at];
}

static bool grow(struct hash_map *m)
{
	struct hash_map wide = *m;

	wide.n_slots *= 2;
	wide.slots = calloc(wide.n_slots, sizeof(*wide.slots));
	if (!wide.slots)
		return false;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i].value)
			*slot_of(&wide, &m->slots[i].hash) = m->slots[i];
	free(m->slots);
	*m = wide;
	return true;
}

bool hash_map_put(struct hash_map *m, const struct info_hash *hash, void *value)
{
	struct slot *at = slot_of(m, hash);

	if (at->value || m->used == m->max ||
	    ((m->used + 1) * 2 > m->n_slots && !grow(m)))
		return false;
	*slot_of(m, hash) = (struct slot){*hash, value};
	m->used++;
	return true;
}

void *hash_map_get(const struct hash_map *m, const struct info_hash *hash)
{
	return slot_of(m, hash)->value;
}

/* Slots behind a free one move up where it would cut them off. */
static void close_gap(struct hash_map *m, size_t gap)
{
	size_t mask = m->n_slots - 1, at = gap;

	for (;;) {
		at = (at + 1) & mask;
		if (!m->slots[at].value)
			break;
		if (((at - home_of(m, &m->slots[at].hash)) & mask) <
		    ((at - gap) & mask))
			continue;
		m->slots[gap] = m->slots[at];
		gap = at;
	}
	m->slots[gap].value = NULL;
}

void *hash_map_take(struct hash_map *m, const struct info_hash *hash)
{
	struct slot *at = slot_of(m, hash);
	void *value = at->value;

	if (!value)
		return NULL;
	close_gap(m, (size_t)(at - m->slots));
	m->used--;
	return value;
}
