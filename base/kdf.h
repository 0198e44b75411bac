/* kdf.h - the derivations and the one cipher that key formats ask for.
 *
 * Most by libcrypto. Its header's ERR_STATE is not ours, so kdf.c alone
 * includes it, and nothing here knows struct err: false means no memory, or
 * parameters that are refused. Output is secret: the caller clears it. Thread:
 * any.
 */
#ifndef BASE_KDF_H
#define BASE_KDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kdf_hash { KDF_SHA256, KDF_SHA512 };

/* RFC 2104 with SHA-512. */
bool kdf_hmac_sha512(uint8_t out[64], const void *key, size_t key_len,
		     const uint8_t *data, size_t len)
	__attribute__((warn_unused_result));

/* RFC 8018, PBKDF2. */
bool kdf_pbkdf2(uint8_t *out, size_t out_len, enum kdf_hash hash,
		const char *pass, size_t pass_len, const uint8_t *salt,
		size_t salt_len, uint32_t rounds)
	__attribute__((warn_unused_result));

/* RFC 7914; n a power of two. Takes 128 x n x r bytes, which the caller bounds.
 * By libsodium: libcrypto refuses n of 2^16 and more with r 1, which key files
 * have. */
bool kdf_scrypt(uint8_t *out, size_t out_len, const char *pass, size_t pass_len,
		const uint8_t *salt, size_t salt_len, uint64_t n, uint32_t r,
		uint32_t p) __attribute__((warn_unused_result));

/* AES-128 in counter mode (the same call encrypts and decrypts). out may be in.
 */
bool kdf_aes128_ctr(uint8_t *out, const uint8_t *in, size_t len,
		    const uint8_t key[16], const uint8_t iv[16])
	__attribute__((warn_unused_result));

#endif
