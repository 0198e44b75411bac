#include "base/aead.h"

#include "base/vector.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#define SHORT 1024U /* under it libsodium is the faster one */

/* The key and nonce of the inner ChaCha20-Poly1305. */
struct inner {
	uint8_t key[32];
	uint8_t iv[12];
};

static void inner_of(struct inner *in, const uint8_t nonce[AEAD_NONCE_LEN],
		     const uint8_t key[AEAD_KEY_LEN])
{
	(void)crypto_core_hchacha20(in->key, nonce, key, NULL);
	memset(in->iv, 0, 4);
	memcpy(in->iv + 4, nonce + 16, 8);
}

static bool long_seal(EVP_CIPHER_CTX *c, const struct inner *in, uint8_t *out,
		      const uint8_t *plain, size_t len, const uint8_t *ad,
		      size_t ad_len)
{
	int n = 0;

	return EVP_EncryptInit_ex(c, EVP_chacha20_poly1305(), NULL, in->key,
				  in->iv) == 1 &&
	       EVP_EncryptUpdate(c, NULL, &n, ad, (int)ad_len) == 1 &&
	       EVP_EncryptUpdate(c, out, &n, plain, (int)len) == 1 &&
	       EVP_EncryptFinal_ex(c, out + len, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
				   out + len) == 1;
}

static bool long_open(EVP_CIPHER_CTX *c, const struct inner *in, uint8_t *plain,
		      const uint8_t *box, size_t len, const uint8_t *ad,
		      size_t ad_len)
{
	uint8_t tag[AEAD_TAG_LEN];
	int n = 0;

	memcpy(tag, box + len, sizeof(tag)); /* the call wants it writable */
	return EVP_DecryptInit_ex(c, EVP_chacha20_poly1305(), NULL, in->key,
				  in->iv) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
				   tag) == 1 &&
	       EVP_DecryptUpdate(c, NULL, &n, ad, (int)ad_len) == 1 &&
	       EVP_DecryptUpdate(c, plain, &n, box, (int)len) == 1 &&
	       EVP_DecryptFinal_ex(c, plain + len, &n) == 1;
}

bool aead_seal(uint8_t *out, const uint8_t *plain, size_t len,
	       const uint8_t *ad, size_t ad_len,
	       const uint8_t nonce[AEAD_NONCE_LEN],
	       const uint8_t key[AEAD_KEY_LEN])
{
	struct inner in;
	EVP_CIPHER_CTX *c;
	bool ok;

	if (len < SHORT)
		return crypto_aead_xchacha20poly1305_ietf_encrypt(
			       out, NULL, plain, len, ad, ad_len, NULL, nonce,
			       key) == 0;
	c = EVP_CIPHER_CTX_new();
	if (!c)
		return false;
	inner_of(&in, nonce, key);
	ok = long_seal(c, &in, out, plain, len, ad, ad_len);
	vector_clear_upper();
	EVP_CIPHER_CTX_free(c);
	sodium_memzero(&in, sizeof(in));
	return ok;
}

bool aead_open(uint8_t *plain, const uint8_t *box, size_t len,
	       const uint8_t *ad, size_t ad_len,
	       const uint8_t nonce[AEAD_NONCE_LEN],
	       const uint8_t key[AEAD_KEY_LEN])
{
	struct inner in;
	EVP_CIPHER_CTX *c;
	bool ok;

	if (len < AEAD_TAG_LEN)
		return false;
	len -= AEAD_TAG_LEN;
	if (len < SHORT)
		return crypto_aead_xchacha20poly1305_ietf_decrypt(
			       plain, NULL, NULL, box, len + AEAD_TAG_LEN, ad,
			       ad_len, nonce, key) == 0;
	c = EVP_CIPHER_CTX_new();
	if (!c)
		return false;
	inner_of(&in, nonce, key);
	ok = long_open(c, &in, plain, box, len, ad, ad_len);
	vector_clear_upper();
	if (!ok) /* it was decrypted before it was known to be forged */
		memset(plain, 0, len);
	EVP_CIPHER_CTX_free(c);
	sodium_memzero(&in, sizeof(in));
	return ok;
}
