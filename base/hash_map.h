/* hash_map.h - from info hashes to what their owner has by them.
 *
 * Info hashes are chosen by strangers, so the table is keyed (SipHash): nobody
 * can make names that fall together. Open addressing at most half full, grows
 * by doubling up to its maximum. Values are the owner's. Thread: the owner's.
 */
#ifndef BASE_HASH_MAP_H
#define BASE_HASH_MAP_H

#include "base/ids.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>

struct hash_map;

struct hash_map *hash_map_new(struct rng rng, size_t max); /* NULL: no memory */
/* NULL is a no-op. drop: of each value that is still there; NULL: none. */
void hash_map_free(struct hash_map *m, void (*drop)(void *value));

/* False: the hash has a value already, the maximum is reached, or no memory.
 * `value` is not NULL. */
bool hash_map_put(struct hash_map *m, const struct info_hash *hash,
		  void *value);
/* NULL: none. */
void *hash_map_get(const struct hash_map *m, const struct info_hash *hash);
/* Takes it out and returns it. NULL: there was none. */
void *hash_map_take(struct hash_map *m, const struct info_hash *hash);

#endif
