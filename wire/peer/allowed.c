#include "wire/peer/allowed.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <string.h>

static bool holds(const uint32_t *set, uint32_t n, uint32_t piece)
{
	for (uint32_t i = 0; i < n; i++)
		if (set[i] == piece)
			return true;
	return false;
}

uint32_t allowed_set(uint32_t out[ALLOWED_MAX], uint32_t k,
		     const struct wire_addr *peer, const struct info_hash *hash,
		     uint32_t pieces)
{
	uint8_t first[4 + sizeof(hash->bytes)], x[SHA1_LEN];
	uint32_t n = 0;

	if (!wire_addr_is_v4(peer))
		return 0;
	k = k < ALLOWED_MAX ? k : ALLOWED_MAX;
	k = k < pieces ? k : pieces;
	memcpy(first, peer->ip + 12, 3); /* the network */
	first[3] = 0;
	memcpy(first + 4, hash->bytes, sizeof(hash->bytes));
	sha1_once(x, first, sizeof(first));
	while (n < k) {
		struct rd r = rd_from(x, sizeof(x));

		for (int i = 0; i < 5 && n < k; i++) {
			uint32_t piece = rd_u32(&r) % pieces;

			if (!holds(out, n, piece))
				out[n++] = piece;
		}
		sha1_once(x, x, sizeof(x));
	}
	return n;
}
