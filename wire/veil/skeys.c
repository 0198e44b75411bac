#include "wire/veil/skeys.h"

#include "base/hash_map.h"
#include "wire/veil/mse.h"

#include <stdlib.h>
#include <string.h>

struct taken {
	struct info_hash hash;
	uint32_t count;
};

struct skeys {
	struct hash_map *map; /* by HASH('req2', info hash): struct taken */
};

struct skeys *skeys_new(struct rng rng, size_t max)
{
	struct skeys *s = calloc(1, sizeof(*s));

	if (s)
		s->map = hash_map_new(rng, max);
	if (s && !s->map) {
		free(s);
		return NULL;
	}
	return s;
}

void skeys_free(struct skeys *s)
{
	if (!s)
		return;
	hash_map_free(s->map, free);
	free(s);
}

bool skeys_add(struct skeys *s, const struct info_hash *hash)
{
	struct info_hash req2;
	struct taken *k;

	mse_req2(req2.bytes, hash);
	k = hash_map_get(s->map, &req2);
	if (k) {
		k->count++;
		return true;
	}
	k = malloc(sizeof(*k));
	if (!k)
		return false;
	*k = (struct taken){*hash, 1};
	if (hash_map_put(s->map, &req2, k))
		return true;
	free(k);
	return false;
}

void skeys_remove(struct skeys *s, const struct info_hash *hash)
{
	struct info_hash req2;
	struct taken *k;

	mse_req2(req2.bytes, hash);
	k = hash_map_get(s->map, &req2);
	if (!k || --k->count)
		return;
	free(hash_map_take(s->map, &req2));
}

bool skeys_find(const struct skeys *s, const uint8_t req2[20],
		struct info_hash *out)
{
	struct info_hash key;
	const struct taken *k;

	memcpy(key.bytes, req2, sizeof(key.bytes));
	k = hash_map_get(s->map, &key);
	if (k)
		*out = k->hash;
	return k != NULL;
}
