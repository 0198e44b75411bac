#include "wire/veil/skeys.h"

#include "wire/veil/mse.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16U

struct slot {
	uint8_t req2[20];
	struct info_hash hash;
	uint32_t count; /* 0: free */
};

/* Open addressing; a run of slots has no free one within it. */
struct skeys {
	struct slot *slots;
	size_t n_slots; /* a power of two, at least twice `used` */
	size_t used, max;
};

struct skeys *skeys_new(size_t max)
{
	struct skeys *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max;
	s->n_slots = SLOTS_MIN;
	s->slots = calloc(s->n_slots, sizeof(*s->slots));
	if (!s->slots) {
		free(s);
		return NULL;
	}
	return s;
}

void skeys_free(struct skeys *s)
{
	if (!s)
		return;
	free(s->slots);
	free(s);
}

/* Where it belongs: SHA-1 is spread well enough. */
static size_t home_of(const struct skeys *s, const uint8_t req2[20])
{
	uint64_t h;

	memcpy(&h, req2, sizeof(h));
	return (size_t)h & (s->n_slots - 1);
}

/* Its slot, or the free one at the end of its run. */
static struct slot *slot_of(const struct skeys *s, const uint8_t req2[20])
{
	size_t at = home_of(s, req2);

	while (s->slots[at].count &&
	       memcmp(s->slots[at].req2, req2, sizeof(s->slots[at].req2)) != 0)
		at = (at + 1) & (s->n_slots - 1);
	return &s->slots[at];
}

static bool grow(struct skeys *s)
{
	struct skeys wide = {.n_slots = s->n_slots * 2};

	wide.slots = calloc(wide.n_slots, sizeof(*wide.slots));
	if (!wide.slots)
		return false;
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i].count)
			*slot_of(&wide, s->slots[i].req2) = s->slots[i];
	free(s->slots);
	s->slots = wide.slots;
	s->n_slots = wide.n_slots;
	return true;
}

bool skeys_add(struct skeys *s, const struct info_hash *hash)
{
	struct slot *at;
	uint8_t req2[20];

	mse_req2(req2, hash);
	at = slot_of(s, req2);
	if (!at->count) {
		if (s->used == s->max ||
		    ((s->used + 1) * 2 > s->n_slots && !grow(s)))
			return false;
		at = slot_of(s, req2);
		memcpy(at->req2, req2, sizeof(at->req2));
		at->hash = *hash;
		s->used++;
	}
	at->count++;
	return true;
}

/* Slots behind a free one move up where it would cut them off. */
static void close_gap(struct skeys *s, size_t gap)
{
	size_t mask = s->n_slots - 1, at = gap;

	for (;;) {
		at = (at + 1) & mask;
		if (!s->slots[at].count)
			break;
		if (((at - home_of(s, s->slots[at].req2)) & mask) <
		    ((at - gap) & mask))
			continue;
		s->slots[gap] = s->slots[at];
		gap = at;
	}
	memset(&s->slots[gap], 0, sizeof(s->slots[gap]));
}

void skeys_remove(struct skeys *s, const struct info_hash *hash)
{
	struct slot *at;
	uint8_t req2[20];

	mse_req2(req2, hash);
	at = slot_of(s, req2);
	if (!at->count || --at->count)
		return;
	s->used--;
	close_gap(s, (size_t)(at - s->slots));
}

bool skeys_find(const struct skeys *s, const uint8_t req2[20],
		struct info_hash *out)
{
	const struct slot *at = slot_of(s, req2);

	if (!at->count)
		return false;
	*out = at->hash;
	return true;
}
