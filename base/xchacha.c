#include "base/xchacha.h"

#include "base/vector.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

/* A struct xchacha is libcrypto's context and nothing else. */
static EVP_CIPHER_CTX *ctx(struct xchacha *x)
{
	return (EVP_CIPHER_CTX *)(void *)x;
}

struct xchacha *xchacha_new(const uint8_t key[XCHACHA_KEY_LEN],
			    const uint8_t nonce[XCHACHA_NONCE_LEN],
			    uint32_t block)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t subkey[32], iv[16] = {0};
	bool ok;

	if (!c)
		return NULL;
	(void)crypto_core_hchacha20(subkey, nonce, key, NULL);
	for (int i = 0; i < 4; i++) /* the counter is little-endian */
		iv[i] = (uint8_t)(block >> (8 * i));
	memcpy(iv + 8, nonce + 16, 8);
	ok = EVP_EncryptInit_ex(c, EVP_chacha20(), NULL, subkey, iv) == 1;
	sodium_memzero(subkey, sizeof(subkey));
	if (!ok) {
		EVP_CIPHER_CTX_free(c);
		return NULL;
	}
	return (struct xchacha *)(void *)c;
}

void xchacha_free(struct xchacha *x)
{
	EVP_CIPHER_CTX_free(ctx(x));
}

bool xchacha_xor(struct xchacha *x, uint8_t *out, const uint8_t *in, size_t len)
{
	int n = 0;
	bool ok = EVP_EncryptUpdate(ctx(x), out, &n, in, (int)len) == 1;

	vector_clear_upper();
	return ok;
}
