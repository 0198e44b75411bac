/* dh768.h - the Diffie-Hellman exchange of message stream encryption: the
 * 768-bit group and generator 2 that its specification names.
 *
 * Exponents of 160 bits; both sides of an exchange cost about 35 us each. The
 * group is too small to keep a secret from who can spend a lot; frames.h adds
 * X25519. Arithmetic by libcrypto, in constant time. Thread: any.
 */
#ifndef WIRE_DH768_H
#define WIRE_DH768_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

#define DH768_LEN 96U
#define DH768_EXPONENT_LEN 20U

struct dh768 {
	uint8_t exponent[DH768_EXPONENT_LEN];
	uint8_t pub[DH768_LEN]; /* big-endian, as all such numbers here */
};

/* False: no memory. */
bool dh768_make(struct dh768 *out, struct rng *rng)
	__attribute__((warn_unused_result));
/* False: theirs is 0, 1, p - 1 or not below p, from which the secret would
 * follow for everyone; or no memory. */
bool dh768_shared(uint8_t out[DH768_LEN], const struct dh768 *own,
		  const uint8_t theirs[DH768_LEN])
	__attribute__((warn_unused_result));
void dh768_clear(struct dh768 *d);

#endif
