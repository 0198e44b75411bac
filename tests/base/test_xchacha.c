#include "base/rng.h"
#include "base/xchacha.h"
#include "tests/check.h"

#include <sodium.h>
#include <string.h>

/* Whatever parts it is used in, and wherever it begins. */
static void a_stream_is_libsodiums(void)
{
	static uint8_t in[40000], want[sizeof(in)], got[sizeof(in)];
	struct rng rng = rng_seeded(1);
	uint8_t key[XCHACHA_KEY_LEN], nonce[XCHACHA_NONCE_LEN];

	rng_fill(&rng, in, sizeof(in));
	for (int turn = 0; turn < 30; turn++) {
		uint32_t block = turn % 3 ? rng_below(&rng, 20000) : 0;
		size_t at = 0;
		struct xchacha *x;

		rng_fill(&rng, key, sizeof(key));
		rng_fill(&rng, nonce, sizeof(nonce));
		(void)crypto_stream_xchacha20_xor_ic(want, in, sizeof(in),
						     nonce, block, key);
		x = xchacha_new(key, nonce, block);
		memcpy(got, in, sizeof(in));
		while (at < sizeof(in)) {
			size_t n = rng_below(&rng, 9000);

			n = n > sizeof(in) - at ? sizeof(in) - at : n;
			/* in place, or beside */
			CHECK(xchacha_xor(x, got + at,
					  turn % 2 ? got + at : in + at, n),
			      "turn %d", turn);
			at += n;
		}
		CHECK(memcmp(want, got, sizeof(in)) == 0, "turn %d", turn);
		xchacha_free(x);
	}
	xchacha_free(NULL);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	a_stream_is_libsodiums();
	return CHECK_EXIT();
}
