/* aead.h - XChaCha20-Poly1305 (the IETF construction) at libcrypto's speed.
 *
 * The bytes are those of libsodium's crypto_aead_xchacha20poly1305_ietf_*:
 * HChaCha20 makes a subkey of the key and the nonce's first 16 bytes,
 * ChaCha20-Poly1305 (RFC 8439) with 4 zero bytes and the nonce's last 8 does
 * the rest. Three times as fast from 4 KiB on; short messages go to libsodium,
 * which has less to set up. Stateless; thread: any.
 */
#ifndef BASE_AEAD_H
#define BASE_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_LEN 32
#define AEAD_NONCE_LEN 24
#define AEAD_TAG_LEN 16

/* out gets len + AEAD_TAG_LEN bytes and may be `plain`. len is below 2^31. A
 * nonce is used once with a key. False: no memory. */
bool aead_seal(uint8_t *out, const uint8_t *plain, size_t len,
	       const uint8_t *ad, size_t ad_len,
	       const uint8_t nonce[AEAD_NONCE_LEN],
	       const uint8_t key[AEAD_KEY_LEN])
	__attribute__((warn_unused_result));

/* plain gets len - AEAD_TAG_LEN bytes and may be `box`. False: shorter than a
 * tag, forged, or no memory; what is in plain then is zeroes, unless the box
 * was too short (then nothing is touched). */
bool aead_open(uint8_t *plain, const uint8_t *box, size_t len,
	       const uint8_t *ad, size_t ad_len,
	       const uint8_t nonce[AEAD_NONCE_LEN],
	       const uint8_t key[AEAD_KEY_LEN])
	__attribute__((warn_unused_result));

#endif
