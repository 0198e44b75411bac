/* sha1_many.h - the ways that sha1_update_many() of hash.h has, for its tests
 * and for measuring. Who just wants digests takes that one. Thread: any. */
#ifndef BASE_SHA1_MANY_H
#define BASE_SHA1_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sha1;

enum sha1_way {
	SHA1_ONE,   /* libcrypto, one stream after another */
	SHA1_PAIR,  /* SHA instructions of x86, two streams in step */
	SHA1_LANES, /* AVX-512, sixteen; a few that are left over by the others
		     */
};

/* What sha1_update_many() uses on this processor. */
enum sha1_way sha1_best_way(void);
bool sha1_has_way(enum sha1_way way);
/* As sha1_update_many(). The way must be one that the processor has. */
void sha1_update_many_by(enum sha1_way way, struct sha1 *const *s,
			 const uint8_t *const *p, size_t len, size_t n);

#endif
