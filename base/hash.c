/* The one-shot and streaming forms are libcrypto's low-level ones: they use the
 * processor's instructions like EVP does, but need no allocation and cost 64 ns
 * for a short message where EVP costs 288. They are deprecated since 3.0, not
 * removed. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <openssl/sha.h>

_Static_assert(sizeof(struct sha1) >= sizeof(SHA_CTX), "sha1 state");
_Static_assert(sizeof(struct sha256) >= sizeof(SHA256_CTX), "sha256 state");

static SHA_CTX *ctx1(struct sha1 *s)
{
	return (SHA_CTX *)(void *)s->state;
}

static SHA256_CTX *ctx256(struct sha256 *s)
{
	return (SHA256_CTX *)(void *)s->state;
}

void sha1_init(struct sha1 *s)
{
	(void)SHA1_Init(ctx1(s));
}

void sha1_update(struct sha1 *s, const void *p, size_t len)
{
	(void)SHA1_Update(ctx1(s), p, len);
}

void sha1_final(struct sha1 *s, uint8_t out[SHA1_LEN])
{
	(void)SHA1_Final(out, ctx1(s));
}

void sha1_once(uint8_t out[SHA1_LEN], const void *p, size_t len)
{
	struct sha1 s;

	sha1_init(&s);
	sha1_update(&s, p, len);
	sha1_final(&s, out);
}

void sha256_init(struct sha256 *s)
{
	(void)SHA256_Init(ctx256(s));
}

void sha256_update(struct sha256 *s, const void *p, size_t len)
{
	(void)SHA256_Update(ctx256(s), p, len);
}

void sha256_final(struct sha256 *s, uint8_t out[SHA256_LEN])
{
	(void)SHA256_Final(out, ctx256(s));
}

void sha256_once(uint8_t out[SHA256_LEN], const void *p, size_t len)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_update(&s, p, len);
	sha256_final(&s, out);
}
