#include "wire/swarm/blame.h"

#include "base/bytes.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct generation {
	uint64_t *prints; /* n of them, then n senders */
};

struct record {
	bool used;
	uint32_t piece;
	uint32_t n; /* blocks */
	uint32_t n_gens;
	uint64_t age; /* higher is newer */
	struct generation gens[BLAME_GENERATIONS];
};

struct blame {
	uint8_t key[32];
	uint64_t clock;
	struct record records[BLAME_PIECES];
};

struct blame *blame_new(struct rng *rng)
{
	struct blame *b = calloc(1, sizeof(*b));

	if (b)
		rng_fill(rng, b->key, sizeof(b->key));
	return b;
}

static void forget(struct record *r)
{
	for (uint32_t i = 0; i < r->n_gens; i++)
		free(r->gens[i].prints);
	memset(r, 0, sizeof(*r));
}

void blame_free(struct blame *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < BLAME_PIECES; i++)
		forget(&b->records[i]);
	free(b);
}

uint64_t blame_print(const struct blame *b, uint32_t piece, uint32_t block,
		     const uint8_t *data, size_t len)
{
	crypto_generichash_state h;
	uint8_t where[8], out[16];
	struct wr w = wr_into(where, sizeof(where));
	struct rd r = rd_from(out, sizeof(out));

	wr_u32(&w, piece);
	wr_u32(&w, block);
	(void)crypto_generichash_init(&h, b->key, sizeof(b->key), sizeof(out));
	(void)crypto_generichash_update(&h, where, sizeof(where));
	(void)crypto_generichash_update(&h, data, len);
	(void)crypto_generichash_final(&h, out, sizeof(out));
	return rd_u64(&r);
}

static struct record *find(const struct blame *b, uint32_t piece)
{
	for (uint32_t i = 0; i < BLAME_PIECES; i++)
		if (b->records[i].used && b->records[i].piece == piece)
			return (struct record *)(uintptr_t)&b->records[i];
	return NULL;
}

static struct record *make(struct blame *b, uint32_t piece, uint32_t n)
{
	struct record *oldest = &b->records[0];

	for (uint32_t i = 0; i < BLAME_PIECES; i++)
		if (b->records[i].age < oldest->age) /* unused ones have 0 */
			oldest = &b->records[i];
	forget(oldest);
	oldest->used = true;
	oldest->piece = piece;
	oldest->n = n;
	return oldest;
}

void blame_add(struct blame *b, uint32_t piece, const uint64_t *prints,
	       const uint64_t *senders, uint32_t n)
{
	struct record *r = find(b, piece);
	uint64_t *copy = malloc(2 * n * sizeof(*copy));

	if (!copy)
		return;
	memcpy(copy, prints, n * sizeof(*copy));
	memcpy(copy + n, senders, n * sizeof(*copy));
	if (!r)
		r = make(b, piece, n);
	if (r->n_gens == BLAME_GENERATIONS) {
		free(r->gens[0].prints);
		memmove(&r->gens[0], &r->gens[1],
			(BLAME_GENERATIONS - 1) * sizeof(r->gens[0]));
		r->n_gens--;
	}
	r->gens[r->n_gens++].prints = copy;
	r->age = ++b->clock;
}

bool blame_knows(const struct blame *b, uint32_t piece)
{
	return find(b, piece) != NULL;
}

static size_t accuse(uint64_t *guilty, size_t have, size_t max, uint64_t who)
{
	for (size_t i = 0; i < have; i++)
		if (guilty[i] == who)
			return have;
	if (who && have < max)
		guilty[have++] = who;
	return have;
}

size_t blame_judge(struct blame *b, uint32_t piece, const uint64_t *prints,
		   uint32_t n, uint64_t *guilty, size_t max)
{
	struct record *r = find(b, piece);
	size_t found = 0;

	if (!r || r->n != n)
		return 0;
	for (uint32_t g = 0; g < r->n_gens; g++)
		for (uint32_t i = 0; i < n; i++)
			if (r->gens[g].prints[i] != prints[i])
				found = accuse(guilty, found, max,
					       r->gens[g].prints[n + i]);
	forget(r);
	return found;
}
