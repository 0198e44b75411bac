/* SHA-1 (FIPS 180-4) of several streams in step.
 *
 * One stream keeps the processor waiting for the result of each round; others
 * fill the gaps: a second one with the SHA instructions, or sixteen, a word of
 * each in every AVX-512 register. States are libcrypto's, so that a stream may
 * go on in any way. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha1_many.h"

#include "base/hash.h"

#include <openssl/sha.h>
#include <stdatomic.h>

#define BLOCK 64U
#define GROUP 16U /* streams that are sorted out at once */

static SHA_CTX *ctx(struct sha1 *s)
{
	return (SHA_CTX *)(void *)s->state;
}

#if defined(__x86_64__)
#include "base/sha_lanes.h"

#include <cpuid.h>

#define MANY 7U /* streams from which lanes pay, though some are idle */
#define PAIR __attribute__((target("sha,sse4.1")))

static void count_blocks(SHA_CTX *c, size_t blocks)
{
	uint64_t bits = ((uint64_t)c->Nh << 32 | c->Nl) + blocks * 512;

	c->Nl = (uint32_t)bits;
	c->Nh = (uint32_t)(bits >> 32);
}

/* --- two streams, SHA instructions --- */

/* FIPS 180-4 with the SHA instructions. One stream waits for the latency of
 * each sha1rnds4; a second, independent one fills the gaps. */
struct pair_lane {
	__m128i abcd, e, m[4];
};

/* Message words of group g (4 rounds) from those of the four groups before. */
#define PAIR_SCHEDULE(x, g) \
	(x).m[(g)&3] = _mm_sha1msg2_epu32( \
		_mm_xor_si128(_mm_sha1msg1_epu32((x).m[(g)&3], \
						 (x).m[((g) + 1) & 3]), \
			      (x).m[((g) + 2) & 3]), \
		(x).m[((g) + 3) & 3])
#define PAIR_GROUP(x, g) \
	do { \
		__m128i old_ = (x).abcd; \
		if ((g) >= 4) \
			PAIR_SCHEDULE(x, g); \
		(x).e = (g) == 0 ? _mm_add_epi32((x).e, (x).m[0]) \
				 : _mm_sha1nexte_epu32((x).e, (x).m[(g)&3]); \
		(x).abcd = _mm_sha1rnds4_epu32(old_, (x).e, (g) / 5); \
		(x).e = old_; \
	} while (0)
#define BOTH(g) \
	PAIR_GROUP(a, g); \
	PAIR_GROUP(b, g)

PAIR static void pair_load(struct pair_lane *x, const uint8_t *p)
{
	const __m128i order =
		_mm_set_epi64x(0x0001020304050607LL, 0x08090a0b0c0d0e0fLL);

	for (int i = 0; i < 4; i++)
		x->m[i] = _mm_shuffle_epi8(
			_mm_loadu_si128((const __m128i *)(const void *)p + i),
			order);
}

PAIR static struct pair_lane pair_from(const SHA_CTX *c)
{
	struct pair_lane x = {0};

	x.abcd = _mm_set_epi32((int)c->h0, (int)c->h1, (int)c->h2, (int)c->h3);
	x.e = _mm_set_epi32((int)c->h4, 0, 0, 0);
	return x;
}

PAIR static void pair_to(SHA_CTX *c, const struct pair_lane *x, size_t blocks)
{
	c->h0 = (uint32_t)_mm_extract_epi32(x->abcd, 3);
	c->h1 = (uint32_t)_mm_extract_epi32(x->abcd, 2);
	c->h2 = (uint32_t)_mm_extract_epi32(x->abcd, 1);
	c->h3 = (uint32_t)_mm_extract_epi32(x->abcd, 0);
	c->h4 = (uint32_t)_mm_extract_epi32(x->e, 3);
	count_blocks(c, blocks);
}

PAIR static void pair_blocks(SHA_CTX *ca, const uint8_t *pa, SHA_CTX *cb,
			     const uint8_t *pb, size_t blocks)
{
	struct pair_lane a = pair_from(ca), b = pair_from(cb);

	for (size_t i = 0; i < blocks; i++, pa += 64, pb += 64) {
		const __m128i abcd_a = a.abcd, abcd_b = b.abcd;
		const __m128i e_a = a.e, e_b = b.e;

		pair_load(&a, pa);
		pair_load(&b, pb);
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
	pair_to(ca, &a, blocks);
	pair_to(cb, &b, blocks);
}

/* --- sixteen streams, AVX-512 --- */

#define ROL(x, n) _mm512_rol_epi32(x, n)
#define PARITY(b, c, d) XOR3(b, c, d)
/* Word n of the state before round i: instead of five words the names move. */
#define NOW(n, i) s[(80U + (n) - (i)) % 5]
/* Message word of round i, from those of the sixteen rounds before. */
#define WORD(i) \
	((i) < 16 ? w[(i)&15] \
		  : (w[(i)&15] = ROL(_mm512_xor_si512(XOR3(w[((i) + 13) & 15], \
							   w[((i) + 8) & 15], \
							   w[((i) + 2) & 15]), \
						      w[(i)&15]), \
				     1)))
/* The next round waits for the new a, so what comes of the old one is added
 * last. */
#define ROUND(F, k, i) \
	do { \
		__m512i sum_ = ADD(NOW(4, i), ADD(WORD(i), k)); \
		sum_ = ADD(sum_, F(NOW(1, i), NOW(2, i), NOW(3, i))); \
		SETTLE(sum_); \
		NOW(1, i) = ROL(NOW(1, i), 30); \
		NOW(4, i) = ADD(sum_, ROL(NOW(0, i), 5)); \
	} while (0)
#define FIVE(F, k, i) \
	do { \
		ROUND(F, k, (i) + 0); \
		ROUND(F, k, (i) + 1); \
		ROUND(F, k, (i) + 2); \
		ROUND(F, k, (i) + 3); \
		ROUND(F, k, (i) + 4); \
	} while (0)
#define TWENTY(F, constant, i) \
	do { \
		const __m512i k_ = _mm512_set1_epi32((int)(constant)); \
		FIVE(F, k_, (i) + 0); \
		FIVE(F, k_, (i) + 5); \
		FIVE(F, k_, (i) + 10); \
		FIVE(F, k_, (i) + 15); \
	} while (0)

WIDE static void lanes_block(__m512i state[5], const uint8_t *const in[LANES],
			     size_t at)
{
	__m512i w[16], s[5];

	lanes_load(w, in, at);
	for (unsigned i = 0; i < 5; i++)
		s[i] = state[i];
	TWENTY(CHOOSE, 0x5a827999U, 0U);
	TWENTY(PARITY, 0x6ed9eba1U, 20U);
	TWENTY(MAJORITY, 0x8f1bbcdcU, 40U);
	TWENTY(PARITY, 0xca62c1d6U, 60U);
	for (unsigned i = 0; i < 5; i++)
		state[i] = ADD(state[i], s[i]);
}

static SHA_LONG *state_word(SHA_CTX *c, unsigned i)
{
	SHA_LONG *words[] = {&c->h0, &c->h1, &c->h2, &c->h3, &c->h4};

	return words[i];
}

/* n <= LANES streams; the first one stands in for those that are not. */
WIDE static void lanes(struct sha1 *const *streams, const uint8_t *const *in,
		       size_t blocks, size_t n)
{
	uint32_t words[5][LANES] __attribute__((aligned(64)));
	const uint8_t *lane[LANES];
	__m512i state[5];

	for (unsigned k = 0; k < LANES; k++) {
		lane[k] = in[k < n ? k : 0];
		for (unsigned i = 0; i < 5; i++)
			words[i][k] =
				*state_word(ctx(streams[k < n ? k : 0]), i);
	}
	for (unsigned i = 0; i < 5; i++)
		state[i] = _mm512_load_si512(words[i]);
	for (size_t i = 0; i < blocks; i++)
		lanes_block(state, lane, i * BLOCK);
	for (unsigned i = 0; i < 5; i++)
		_mm512_store_si512(words[i], state[i]);
	for (unsigned k = 0; k < n; k++) {
		for (unsigned i = 0; i < 5; i++)
			*state_word(ctx(streams[k]), i) = words[i][k];
		count_blocks(ctx(streams[k]), blocks);
	}
}

/* --- which --- */

static bool cpu_has_sha(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) &&
	       (c & bit_SSSE3) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
	       (b & bit_SHA);
}

bool sha1_has_way(enum sha1_way way)
{
	static atomic_int known; /* facts about the processor; 1: asked */

	if (!known)
		known = 1 | 1 << (1 + SHA1_ONE) |
			(cpu_has_sha() ? 1 << (1 + SHA1_PAIR) : 0) |
			(__builtin_cpu_supports("avx512bw") /* and the system */
				 ? 1 << (1 + SHA1_LANES)
				 : 0);
	return known >> (1 + way) & 1;
}

/* Whole blocks of streams that stand between blocks. */
static void run(enum sha1_way way, struct sha1 *const *s,
		const uint8_t *const *p, size_t blocks, size_t n)
{
	for (; way == SHA1_LANES && n >= MANY; n -= n < LANES ? n : LANES) {
		lanes(s, p, blocks, n < LANES ? n : LANES);
		s += LANES;
		p += LANES;
	}
	for (; n >= 2 && way != SHA1_ONE && sha1_has_way(SHA1_PAIR); n -= 2) {
		pair_blocks(ctx(s[0]), p[0], ctx(s[1]), p[1], blocks);
		s += 2;
		p += 2;
	}
	for (size_t i = 0; i < n; i++)
		sha1_update(s[i], p[i], blocks * BLOCK);
}

#else

bool sha1_has_way(enum sha1_way way)
{
	return way == SHA1_ONE;
}

static void run(enum sha1_way way, struct sha1 *const *s,
		const uint8_t *const *p, size_t blocks, size_t n)
{
	(void)way;
	for (size_t i = 0; i < n; i++)
		sha1_update(s[i], p[i], blocks * BLOCK);
}

#endif

enum sha1_way sha1_best_way(void)
{
	if (sha1_has_way(SHA1_LANES))
		return SHA1_LANES;
	return sha1_has_way(SHA1_PAIR) ? SHA1_PAIR : SHA1_ONE;
}

unsigned sha1_in_step(void)
{
	static const unsigned streams[] = {
		[SHA1_ONE] = 1, [SHA1_PAIR] = 2, [SHA1_LANES] = GROUP};

	return streams[sha1_best_way()];
}

/* At most GROUP streams. */
static void update_group(enum sha1_way way, struct sha1 *const *s,
			 const uint8_t *const *p, size_t len, size_t n)
{
	size_t blocks = len / BLOCK, count = 0;
	struct sha1 *streams[GROUP];
	const uint8_t *from[GROUP];

	/* num: bytes of an unfinished block; streams of whole 64s have none */
	for (size_t i = 0; i < n; i++) {
		if (ctx(s[i])->num != 0) {
			sha1_update(s[i], p[i], len);
			continue;
		}
		streams[count] = s[i];
		from[count++] = p[i];
	}
	if (blocks > 0)
		run(way, streams, from, blocks, count);
	for (size_t i = 0; i < count && len % BLOCK != 0; i++)
		sha1_update(streams[i], from[i] + blocks * BLOCK, len % BLOCK);
}

void sha1_update_many_by(enum sha1_way way, struct sha1 *const *s,
			 const uint8_t *const *p, size_t len, size_t n)
{
	while (n > 0) {
		size_t now = n < GROUP ? n : GROUP;

		update_group(way, s, p, len, now);
		s += now;
		p += now;
		n -= now;
	}
}

void sha1_update_many(struct sha1 *const *s, const uint8_t *const *p,
		      size_t len, size_t n)
{
	sha1_update_many_by(sha1_best_way(), s, p, len, n);
}

void sha1_update_pair(struct sha1 *a, const void *pa, struct sha1 *b,
		      const void *pb, size_t len)
{
	struct sha1 *const s[] = {a, b};
	const uint8_t *const p[] = {pa, pb};

	sha1_update_many(s, p, len, 2);
}
