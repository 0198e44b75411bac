#include "wire/veil/frames.h"

#include "base/bytes.h"
#include "base/vector.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_OPENER "seedbank stream v1 opener"
#define LABEL_ACCEPTER "seedbank stream v1 accepter"
#define IV_LEN 12

struct direction {
	EVP_CIPHER_CTX *cipher; /* holds the key */
	uint64_t count;		/* frames so far */
	uint8_t secret[FRAMES_SECRET_LEN];
	uint8_t mask_key[crypto_shorthash_KEYBYTES];
};

struct frames {
	enum frames_suite suite;
	struct direction in, out;
};

/* HKDF-Expand (RFC 5869) for one block of output. */
static void expand(uint8_t out[32], const uint8_t key[32], const char *label)
{
	static const uint8_t one = 1;
	crypto_auth_hmacsha256_state h;

	(void)crypto_auth_hmacsha256_init(&h, key, 32);
	(void)crypto_auth_hmacsha256_update(&h, (const uint8_t *)label,
					    strlen(label));
	(void)crypto_auth_hmacsha256_update(&h, &one, 1);
	(void)crypto_auth_hmacsha256_final(&h, out);
	sodium_memzero(&h, sizeof(h));
}

void frames_derive(struct frames_keys *out, bool opener, const uint8_t *dh,
		   size_t dh_len, const uint8_t x25519[32],
		   const uint8_t transcript[32])
{
	crypto_auth_hmacsha256_state h;
	uint8_t prk[32];

	(void)crypto_auth_hmacsha256_init(&h, transcript, 32);
	(void)crypto_auth_hmacsha256_update(&h, dh, dh_len);
	(void)crypto_auth_hmacsha256_update(&h, x25519, 32);
	(void)crypto_auth_hmacsha256_final(&h, prk);
	expand(out->out, prk, opener ? LABEL_OPENER : LABEL_ACCEPTER);
	expand(out->in, prk, opener ? LABEL_ACCEPTER : LABEL_OPENER);
	sodium_memzero(&h, sizeof(h));
	sodium_memzero(prk, sizeof(prk));
}

/* The key that belongs to d->secret, which is then replaced by its successor.
 */
static bool rekey(struct direction *d, enum frames_suite suite, bool seals)
{
	const EVP_CIPHER *kind = suite == FRAMES_AES_256_GCM
					 ? EVP_aes_256_gcm()
					 : EVP_chacha20_poly1305();
	uint8_t key[32], mask[32];
	int ok;

	expand(key, d->secret, "key");
	expand(mask, d->secret, "length");
	expand(d->secret, d->secret, "next");
	memcpy(d->mask_key, mask, sizeof(d->mask_key));
	ok = seals ? EVP_EncryptInit_ex(d->cipher, kind, NULL, key, NULL)
		   : EVP_DecryptInit_ex(d->cipher, kind, NULL, key, NULL);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(mask, sizeof(mask));
	return ok == 1;
}

static bool begin(struct direction *d, enum frames_suite suite, bool seals,
		  const uint8_t secret[FRAMES_SECRET_LEN])
{
	memcpy(d->secret, secret, sizeof(d->secret));
	d->cipher = EVP_CIPHER_CTX_new();
	return d->cipher && rekey(d, suite, seals);
}

struct frames *frames_new(const struct frames_keys *keys)
{
	struct frames *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->suite = keys->suite;
	if (!begin(&f->in, keys->suite, false, keys->in) ||
	    !begin(&f->out, keys->suite, true, keys->out)) {
		frames_free(f);
		return NULL;
	}
	return f;
}

void frames_free(struct frames *f)
{
	if (!f)
		return;
	EVP_CIPHER_CTX_free(f->in.cipher); /* wipes its key */
	EVP_CIPHER_CTX_free(f->out.cipher);
	sodium_memzero(f, sizeof(*f));
	free(f);
}

static void number(uint8_t out[8], uint64_t n)
{
	struct wr w = wr_into(out, 8);

	wr_u64(&w, n);
}

/* The length less one, which is also what the seal covers besides the bytes. */
static void make_head(uint8_t head[FRAMES_HEAD_LEN], size_t len)
{
	head[0] = (uint8_t)((len - 1) >> 8);
	head[1] = (uint8_t)(len - 1);
}

static void mask_head(uint8_t out[FRAMES_HEAD_LEN], const struct direction *d,
		      const uint8_t head[FRAMES_HEAD_LEN])
{
	uint8_t n[8], mask[crypto_shorthash_BYTES];

	number(n, d->count);
	(void)crypto_shorthash(mask, n, sizeof(n), d->mask_key);
	out[0] = head[0] ^ mask[0];
	out[1] = head[1] ^ mask[1];
}

static void make_iv(uint8_t iv[IV_LEN], const struct direction *d)
{
	memset(iv, 0, IV_LEN - 8);
	number(iv + IV_LEN - 8, d->count);
}

/* Called after each frame. */
static bool advance(struct direction *d, enum frames_suite suite, bool seals)
{
	d->count++;
	return d->count % FRAMES_REKEY != 0 || rekey(d, suite, seals);
}

bool frames_seal(struct frames *f, uint8_t *out, const struct iovec *iov,
		 size_t n, size_t len)
{
	uint8_t head[FRAMES_HEAD_LEN], iv[IV_LEN];
	EVP_CIPHER_CTX *c = f->out.cipher;
	uint8_t *at = out + FRAMES_HEAD_LEN;
	int done = 0;
	bool ok;

	make_head(head, len);
	mask_head(out, &f->out, head);
	make_iv(iv, &f->out);
	ok = EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv) == 1 &&
	     EVP_EncryptUpdate(c, NULL, &done, head, sizeof(head)) == 1;
	for (size_t i = 0; ok && i < n; i++) {
		ok = EVP_EncryptUpdate(c, at, &done, iov[i].iov_base,
				       (int)iov[i].iov_len) == 1;
		at += iov[i].iov_len;
	}
	ok = ok && EVP_EncryptFinal_ex(c, at, &done) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, FRAMES_TAG_LEN,
				 at) == 1;
	vector_clear_upper();
	return ok && advance(&f->out, f->suite, true);
}

size_t frames_next_len(const struct frames *f,
		       const uint8_t head[FRAMES_HEAD_LEN])
{
	uint8_t plain[FRAMES_HEAD_LEN];

	mask_head(plain, &f->in, head);
	return ((size_t)plain[0] << 8 | plain[1]) + 1;
}

bool frames_open(struct frames *f, uint8_t *box, size_t len)
{
	uint8_t head[FRAMES_HEAD_LEN], iv[IV_LEN];
	EVP_CIPHER_CTX *c = f->in.cipher;
	int done = 0;
	bool ok;

	make_head(head, len);
	make_iv(iv, &f->in);
	ok = EVP_DecryptInit_ex(c, NULL, NULL, NULL, iv) == 1 &&
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, FRAMES_TAG_LEN,
				 box + len) == 1 &&
	     EVP_DecryptUpdate(c, NULL, &done, head, sizeof(head)) == 1 &&
	     EVP_DecryptUpdate(c, box, &done, box, (int)len) == 1 &&
	     EVP_DecryptFinal_ex(c, box + len, &done) == 1;
	vector_clear_upper();
	if (!ok) /* it was decrypted before it was known to be forged */
		memset(box, 0, len);
	return ok && advance(&f->in, f->suite, false);
}
