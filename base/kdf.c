#include "base/kdf.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

bool kdf_hmac_sha512(uint8_t out[64], const void *key, size_t key_len,
		     const uint8_t *data, size_t len)
{
	unsigned out_len = 64;

	return key_len <= INT_MAX && HMAC(EVP_sha512(), key, (int)key_len, data,
					  len, out, &out_len) != NULL;
}

bool kdf_pbkdf2(uint8_t *out, size_t out_len, enum kdf_hash hash,
		const char *pass, size_t pass_len, const uint8_t *salt,
		size_t salt_len, uint32_t rounds)
{
	const EVP_MD *md = hash == KDF_SHA256 ? EVP_sha256() : EVP_sha512();

	if (out_len > INT_MAX || pass_len > INT_MAX || salt_len > INT_MAX ||
	    rounds == 0 || rounds > INT_MAX)
		return false;
	return PKCS5_PBKDF2_HMAC(pass, (int)pass_len, salt, (int)salt_len,
				 (int)rounds, md, (int)out_len, out) == 1;
}

bool kdf_scrypt(uint8_t *out, size_t out_len, const char *pass, size_t pass_len,
		const uint8_t *salt, size_t salt_len, uint64_t n, uint32_t r,
		uint32_t p)
{
	return crypto_pwhash_scryptsalsa208sha256_ll(
		       (const uint8_t *)pass, pass_len, salt, salt_len, n, r, p,
		       out, out_len) == 0;
}

bool kdf_aes128_ctr(uint8_t *out, const uint8_t *in, size_t len,
		    const uint8_t key[16], const uint8_t iv[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;
	bool good;

	if (!ctx || len > INT_MAX) {
		EVP_CIPHER_CTX_free(ctx);
		return false;
	}
	good = EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
	       EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1 &&
	       n == (int)len;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}
