/* sha256_many.h - the ways that sha256_many() and sha256_each() of hash.h have,
 * for its tests and for measuring. Who just wants digests takes that one.
 * Thread: any. */
#ifndef BASE_SHA256_MANY_H
#define BASE_SHA256_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sha256_way {
	SHA256_ONE,   /* libcrypto, one message after another */
	SHA256_PAIR,  /* SHA instructions of x86, two messages in step */
	SHA256_LANES, /* AVX-512, sixteen; what is left over by the others */
};

/* What sha256_many() uses on this processor. */
enum sha256_way sha256_best_way(void);
bool sha256_has_way(enum sha256_way way);
/* As sha256_many() and sha256_each(). The way must be one that the processor
 * has. */
void sha256_many_by(enum sha256_way way, uint8_t *out, const uint8_t *in,
		    size_t len, size_t n);
void sha256_each_by(enum sha256_way way, uint8_t *out, const uint8_t *const *in,
		    size_t len, size_t n);

#endif
