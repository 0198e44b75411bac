#include "base/rng.h"

#include <sodium.h>
#include <string.h>

struct rng rng_system(void)
{
	return (struct rng){.seeded = false};
}

struct rng rng_seeded(uint64_t seed)
{
	struct rng r = {.seeded = true};

	memcpy(r.key, &seed, sizeof(seed));
	return r;
}

void rng_fill(struct rng *r, void *out, size_t len)
{
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {0};

	if (!r->seeded) {
		randombytes_buf(out, len);
		return;
	}
	memcpy(nonce, &r->counter, sizeof(nonce));
	r->counter++;
	(void)crypto_stream_chacha20(out, len, nonce, r->key);
}

uint32_t rng_below(struct rng *r, uint32_t bound)
{
	uint32_t min, v;

	if (bound < 2)
		return 0;
	min = (uint32_t)-bound % bound; /* reject the uneven rest */
	do
		rng_fill(r, &v, sizeof(v));
	while (v < min);
	return v % bound;
}
