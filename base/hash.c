/* The one-shot and streaming forms are libcrypto's low-level ones: they use the
 * processor's instructions like EVP does, but need no allocation and cost 64 ns
 * for a short message where EVP costs 288. They are deprecated since 3.0, not
 * removed. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/hash.h"

#include <openssl/sha.h>
#include <stdatomic.h>
#include <stdbool.h>

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

/* --- two streams in step --- */

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* FIPS 180-4 with the SHA instructions. One stream waits for the latency of
 * each sha1rnds4; a second, independent one fills the gaps. */
struct lane {
	__m128i abcd, e, m[4];
};

/* Message words of group g (4 rounds) from those of the four groups before. */
#define SCHEDULE(x, g) \
	(x).m[(g)&3] = _mm_sha1msg2_epu32( \
		_mm_xor_si128(_mm_sha1msg1_epu32((x).m[(g)&3], \
						 (x).m[((g) + 1) & 3]), \
			      (x).m[((g) + 2) & 3]), \
		(x).m[((g) + 3) & 3])
#define GROUP(x, g) \
	do { \
		__m128i old_ = (x).abcd; \
		if ((g) >= 4) \
			SCHEDULE(x, g); \
		(x).e = (g) == 0 ? _mm_add_epi32((x).e, (x).m[0]) \
				 : _mm_sha1nexte_epu32((x).e, (x).m[(g)&3]); \
		(x).abcd = _mm_sha1rnds4_epu32(old_, (x).e, (g) / 5); \
		(x).e = old_; \
	} while (0)
#define BOTH(g) \
	GROUP(a, g); \
	GROUP(b, g)

__attribute__((target("sha,sse4.1"))) static void lane_load(struct lane *x,
							    const uint8_t *p)
{
	const __m128i order =
		_mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL);

	for (int i = 0; i < 4; i++)
		x->m[i] = _mm_shuffle_epi8(
			_mm_loadu_si128((const __m128i *)(const void *)p + i),
			order);
}

__attribute__((target("sha,sse4.1"))) static struct lane
lane_from(const SHA_CTX *c)
{
	struct lane x = {0};

	x.abcd = _mm_set_epi32((int)c->h0, (int)c->h1, (int)c->h2, (int)c->h3);
	x.e = _mm_set_epi32((int)c->h4, 0, 0, 0);
	return x;
}

__attribute__((target("sha,sse4.1"))) static void
lane_to(SHA_CTX *c, const struct lane *x, size_t blocks)
{
	uint64_t bits = ((uint64_t)c->Nh << 32 | c->Nl) + blocks * 512;

	c->h0 = (uint32_t)_mm_extract_epi32(x->abcd, 3);
	c->h1 = (uint32_t)_mm_extract_epi32(x->abcd, 2);
	c->h2 = (uint32_t)_mm_extract_epi32(x->abcd, 1);
	c->h3 = (uint32_t)_mm_extract_epi32(x->abcd, 0);
	c->h4 = (uint32_t)_mm_extract_epi32(x->e, 3);
	c->Nl = (uint32_t)bits;
	c->Nh = (uint32_t)(bits >> 32);
}

__attribute__((target("sha,sse4.1"))) static void
blocks_pair(SHA_CTX *ca, const uint8_t *pa, SHA_CTX *cb, const uint8_t *pb,
	    size_t blocks)
{
	struct lane a = lane_from(ca), b = lane_from(cb);

	for (size_t i = 0; i < blocks; i++, pa += 64, pb += 64) {
		const __m128i abcd_a = a.abcd, abcd_b = b.abcd;
		const __m128i e_a = a.e, e_b = b.e;

		lane_load(&a, pa);
		lane_load(&b, pb);
		BOTH(0);
		BOTH(1);
		BOTH(2);
		BOTH(3);
		BOTH(4);
		BOTH(5);
		BOTH(6);
		BOTH(7);
		BOTH(8);
		BOTH(9);
		BOTH(10);
		BOTH(11);
		BOTH(12);
		BOTH(13);
		BOTH(14);
		BOTH(15);
		BOTH(16);
		BOTH(17);
		BOTH(18);
		BOTH(19);
		a.e = _mm_sha1nexte_epu32(a.e, e_a);
		b.e = _mm_sha1nexte_epu32(b.e, e_b);
		a.abcd = _mm_add_epi32(a.abcd, abcd_a);
		b.abcd = _mm_add_epi32(b.abcd, abcd_b);
	}
	lane_to(ca, &a, blocks);
	lane_to(cb, &b, blocks);
}

static bool has_sha(void)
{
	static atomic_int known; /* a fact about the processor: 1 no, 2 yes */
	unsigned a, b, c, d;
	bool yes;

	if (!known) {
		yes = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) &&
		      (c & bit_SSSE3) &&
		      __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
		known = yes ? 2 : 1;
	}
	return known == 2;
}
#endif

void sha1_update_pair(struct sha1 *a, const void *pa, struct sha1 *b,
		      const void *pb, size_t len)
{
	size_t done = 0;

#if defined(__x86_64__)
	/* num: bytes of an unfinished block; streams of whole 64s have none */
	if (len >= 64 && ctx1(a)->num == 0 && ctx1(b)->num == 0 && has_sha()) {
		blocks_pair(ctx1(a), pa, ctx1(b), pb, len / 64);
		done = len / 64 * 64;
	}
#endif
	sha1_update(a, (const uint8_t *)pa + done, len - done);
	sha1_update(b, (const uint8_t *)pb + done, len - done);
}
