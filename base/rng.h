/* rng.h - randomness as an interface, so that a simulator can replay a run.
 *
 * rng_system() draws from the kernel (libsodium) and is the only source for
 * keys and nonces; rng_seeded() is a deterministic stream for tests.
 * Plain value; copy of a seeded rng continues independently. Thread: any.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	bool seeded;
	uint64_t counter;
	uint8_t key[32];
};

struct rng rng_system(void);
struct rng rng_seeded(uint64_t seed);
void rng_fill(struct rng *r, void *out, size_t len);
/* Uniform in [0, bound); bound 0 gives 0. */
uint32_t rng_below(struct rng *r, uint32_t bound);

#endif
