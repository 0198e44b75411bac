/* vec.h - bytes of a test vector, written as hex. */
#ifndef TESTS_BASE_VEC_H
#define TESTS_BASE_VEC_H

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void vec(void *out, size_t len, const char *hex)
{
	if (!hex_decode(out, len, hex)) {
		(void)fprintf(stderr, "test vector is not %zu bytes: %s\n", len,
			      hex);
		abort();
	}
}

static inline int vec_is(const void *got, size_t len, const char *hex)
{
	unsigned char want[512];

	vec(want, len, hex);
	return memcmp(got, want, len) == 0;
}

#endif
