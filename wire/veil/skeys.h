/* skeys.h - which info hash a stranger means who says only
 * HASH('req2', info hash) of it (mse.h): a table of those that are taken, so
 * that thousands of torrents cost one look-up.
 *
 * A hash may be put in more than once and is out when it was taken out as
 * often. Thread: the loop.
 */
#ifndef WIRE_SKEYS_H
#define WIRE_SKEYS_H

#include "base/ids.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct skeys;

struct skeys *skeys_new(struct rng rng, size_t max); /* NULL: no memory */
void skeys_free(struct skeys *s);		     /* NULL is a no-op */
/* False: the maximum is reached, or no memory. */
bool skeys_add(struct skeys *s, const struct info_hash *hash);
void skeys_remove(struct skeys *s, const struct info_hash *hash);
bool skeys_find(const struct skeys *s, const uint8_t req2[20],
		struct info_hash *out);

#endif
