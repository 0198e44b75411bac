/* xchacha.h - the XChaCha20 stream at libcrypto's speed.
 *
 * The bytes are those of libsodium's crypto_stream_xchacha20_xor: HChaCha20
 * makes a subkey of the key and the nonce's first 16 bytes, ChaCha20 with the
 * last 8 and a block counter does the rest. A stream goes on where it stopped,
 * so it can be used on pieces of what is too large for the cache. It says
 * nothing of authenticity; base/aead.h does. Thread: any, a stream one at a
 * time.
 */
#ifndef BASE_XCHACHA_H
#define BASE_XCHACHA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XCHACHA_KEY_LEN 32
#define XCHACHA_NONCE_LEN 24
#define XCHACHA_BLOCK 64U

struct xchacha;

/* A stream from its byte `block` x 64 on. NULL: no memory. */
struct xchacha *xchacha_new(const uint8_t key[XCHACHA_KEY_LEN],
			    const uint8_t nonce[XCHACHA_NONCE_LEN],
			    uint32_t block);
void xchacha_free(struct xchacha *x);
/* out = in XOR the stream's next len bytes, below 2^31; out may be in. The
 * stream ends after block 2^32 - 1. False: libcrypto refuses. */
bool xchacha_xor(struct xchacha *x, uint8_t *out, const uint8_t *in, size_t len)
	__attribute__((warn_unused_result));

#endif
