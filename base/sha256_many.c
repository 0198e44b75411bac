/* SHA-256 (FIPS 180-4) of many messages of one length at once.
 *
 * One message keeps the processor waiting for the result of each round; other,
 * independent messages fill the gaps: two with the SHA instructions, or
 * sixteen, a word of each in every AVX-512 register. Padding is the same for
 * all and known ahead, so its message schedule is made once and not by lane. */
#include "base/sha256_many.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <string.h>

static void one_by_one(uint8_t *out, const uint8_t *const *in, size_t len,
		       size_t n)
{
	for (size_t i = 0; i < n; i++)
		sha256_once(out + i * SHA256_LEN, in[i], len);
}

/* The same of messages that stand in a row. */
static void row_one_by_one(uint8_t *out, const uint8_t *in, size_t len,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		sha256_once(out + i * SHA256_LEN, in + i * len, len);
}

#if defined(__x86_64__)
#include "base/sha_lanes.h"

#include <cpuid.h>

#define BLOCK 64U
#define FEW 4U	   /* short messages for which preparing padding does not pay */
#define LONG 1024U /* bytes from which it pays for two */
#define MANY 9U	   /* messages from which lanes pay, though some are idle */

static const uint32_t initial[8] __attribute__((aligned(16))) = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const uint32_t K[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
	0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
	0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Words of the block behind a message of whole blocks, each with its constant
 * added: what a round adds. */
struct padding {
	uint32_t words[64] __attribute__((aligned(16)));
};

static uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void padding_for(struct padding *p, size_t len)
{
	uint64_t bits = (uint64_t)len * 8;
	uint32_t w[64] = {0x80000000};

	w[14] = (uint32_t)(bits >> 32);
	w[15] = (uint32_t)bits;
	for (unsigned i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		w[i] = w[i - 16] + (rotr(a, 7) ^ rotr(a, 18) ^ a >> 3) +
		       w[i - 7] + (rotr(b, 17) ^ rotr(b, 19) ^ b >> 10);
	}
	for (unsigned i = 0; i < 64; i++)
		p->words[i] = w[i] + K[i];
}

/* --- two messages, SHA instructions --- */

#define PAIR __attribute__((target("sha,sse4.1")))

/* The instructions keep the state as words a, b, e, f and c, d, g, h. */
struct pair_state {
	__m128i abef, cdgh;
};

struct pair_lane {
	struct pair_state s;
	__m128i m[4];
};

#define PAIR_ROUNDS(x, words) \
	do { \
		__m128i w_ = (words); \
		(x).s.cdgh = \
			_mm_sha256rnds2_epu32((x).s.cdgh, (x).s.abef, w_); \
		(x).s.abef = _mm_sha256rnds2_epu32( \
			(x).s.abef, (x).s.cdgh, _mm_shuffle_epi32(w_, 0x0e)); \
	} while (0)
/* Message words of group g (4 rounds) from those of the four groups before. */
#define PAIR_SCHEDULE(x, g) \
	(x).m[(g)&3] = _mm_sha256msg2_epu32( \
		_mm_add_epi32(_mm_sha256msg1_epu32((x).m[(g)&3], \
						   (x).m[((g) + 1) & 3]), \
			      _mm_alignr_epi8((x).m[((g) + 3) & 3], \
					      (x).m[((g) + 2) & 3], 4)), \
		(x).m[((g) + 3) & 3])
#define PAIR_GROUP(g) \
	do { \
		__m128i k_ = _mm_load_si128((const __m128i *)K + (g)); \
		if ((g) >= 4) { \
			PAIR_SCHEDULE(a, g); \
			PAIR_SCHEDULE(b, g); \
		} \
		PAIR_ROUNDS(a, _mm_add_epi32(a.m[(g)&3], k_)); \
		PAIR_ROUNDS(b, _mm_add_epi32(b.m[(g)&3], k_)); \
	} while (0)

PAIR static void pair_load(struct pair_lane *x, const uint8_t *p)
{
	const __m128i order =
		_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);

	for (int i = 0; i < 4; i++)
		x->m[i] = _mm_shuffle_epi8(
			_mm_loadu_si128((const __m128i *)(const void *)p + i),
			order);
}

PAIR static struct pair_state pair_add(struct pair_state x, struct pair_state y)
{
	x.abef = _mm_add_epi32(x.abef, y.abef);
	x.cdgh = _mm_add_epi32(x.cdgh, y.cdgh);
	return x;
}

PAIR static void pair_store(uint8_t *out, struct pair_state s)
{
	const __m128i order =
		_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i feba = _mm_shuffle_epi32(s.abef, 0x1b);
	__m128i hgdc = _mm_shuffle_epi32(s.cdgh, 0x1b);

	_mm_storeu_si128(
		(__m128i *)(void *)out,
		_mm_shuffle_epi8(_mm_unpacklo_epi64(feba, hgdc), order));
	_mm_storeu_si128(
		(__m128i *)(void *)(out + 16),
		_mm_shuffle_epi8(_mm_unpackhi_epi64(feba, hgdc), order));
}

PAIR static void pair_block(struct pair_state s[2], const uint8_t *pa,
			    const uint8_t *pb)
{
	struct pair_lane a = {.s = s[0]}, b = {.s = s[1]};

	pair_load(&a, pa);
	pair_load(&b, pb);
	PAIR_GROUP(0);
	PAIR_GROUP(1);
	PAIR_GROUP(2);
	PAIR_GROUP(3);
	PAIR_GROUP(4);
	PAIR_GROUP(5);
	PAIR_GROUP(6);
	PAIR_GROUP(7);
	PAIR_GROUP(8);
	PAIR_GROUP(9);
	PAIR_GROUP(10);
	PAIR_GROUP(11);
	PAIR_GROUP(12);
	PAIR_GROUP(13);
	PAIR_GROUP(14);
	PAIR_GROUP(15);
	s[0] = pair_add(s[0], a.s);
	s[1] = pair_add(s[1], b.s);
}

PAIR static void pair_padding(struct pair_state s[2], const struct padding *p)
{
	struct pair_lane a = {.s = s[0]}, b = {.s = s[1]};

	for (unsigned g = 0; g < 16; g++) {
		__m128i w = _mm_load_si128((const __m128i *)p->words + g);

		PAIR_ROUNDS(a, w);
		PAIR_ROUNDS(b, w);
	}
	s[0] = pair_add(s[0], a.s);
	s[1] = pair_add(s[1], b.s);
}

PAIR static void pair(uint8_t *out, const uint8_t *const in[2], size_t len,
		      const struct padding *p)
{
	const __m128i dcba = _mm_load_si128((const __m128i *)initial);
	const __m128i hgfe = _mm_load_si128((const __m128i *)initial + 1);
	const struct pair_state start = {
		_mm_shuffle_epi32(_mm_unpacklo_epi64(dcba, hgfe), 0x1b),
		_mm_shuffle_epi32(_mm_unpackhi_epi64(dcba, hgfe), 0x1b),
	};
	struct pair_state s[2] = {start, start};

	for (size_t at = 0; at < len; at += BLOCK)
		pair_block(s, in[0] + at, in[1] + at);
	pair_padding(s, p);
	pair_store(out, s[0]);
	pair_store(out + SHA256_LEN, s[1]);
}

/* --- sixteen messages, AVX-512 --- */

#define BIG(x, i, j, k) \
	XOR3(_mm512_ror_epi32(x, i), _mm512_ror_epi32(x, j), \
	     _mm512_ror_epi32(x, k))
#define SMALL(x, i, j, k) \
	XOR3(_mm512_ror_epi32(x, i), _mm512_ror_epi32(x, j), \
	     _mm512_srli_epi32(x, k))
/* Round i; instead of moving eight words the names move. The next round waits
 * for the new e, so what is slowest to come by is added to it last. */
#define ROUND(i, kw) \
	do { \
		__m512i e_ = s[(4U - (i)) & 7], a_ = s[(0U - (i)) & 7]; \
		__m512i t_ = ADD(s[(7U - (i)) & 7], kw); \
		__m512i new_ = ADD(s[(3U - (i)) & 7], t_); \
		__m512i ch_ = \
			CHOOSE(e_, s[(5U - (i)) & 7], s[(6U - (i)) & 7]); \
		__m512i big_ = BIG(e_, 6, 11, 25); \
		__m512i sum_ = ADD( \
			MAJORITY(a_, s[(1U - (i)) & 7], s[(2U - (i)) & 7]), \
			BIG(a_, 2, 13, 22)); \
		SETTLE(new_); \
		SETTLE(sum_); \
		new_ = ADD(new_, ch_); \
		t_ = ADD(t_, ch_); \
		SETTLE(new_); \
		SETTLE(t_); \
		s[(3U - (i)) & 7] = ADD(new_, big_); \
		t_ = ADD(t_, big_); \
		SETTLE(t_); \
		s[(7U - (i)) & 7] = ADD(t_, sum_); \
	} while (0)
#define EIGHT(WHAT) \
	do { \
		FOUR(WHAT, 0); \
		FOUR(WHAT, 4); \
	} while (0)

#define ROUND_FIRST(i) ROUND(i, ADD(w[i], _mm512_set1_epi32((int)k[i])))
#define ROUND_NEXT(i) \
	do { \
		w[i] = ADD(ADD(w[i], w[((i) + 9) & 15]), \
			   ADD(SMALL(w[((i) + 1) & 15], 7, 18, 3), \
			       SMALL(w[((i) + 14) & 15], 17, 19, 10))); \
		ROUND_FIRST(i); \
	} while (0)
#define ROUND_PADDING(i) ROUND(i, _mm512_set1_epi32((int)k[i]))

#define COPY_WORD(i) s[i] = state[i]
#define ADD_WORD(i) state[i] = ADD(state[i], s[i])

#define STORE_QUARTER(i, q) \
	_mm_storeu_si128((__m128i *)(void *)(out + (4 * (q) + (i) % 4) * 32 + \
					     (i) / 4 * 16), \
			 _mm512_extracti32x4_epi32(r[i], q))
#define STORE_ROW(i) \
	do { \
		r[i] = _mm512_shuffle_epi8(r[i], order); \
		STORE_QUARTER(i, 0); \
		STORE_QUARTER(i, 1); \
		STORE_QUARTER(i, 2); \
		STORE_QUARTER(i, 3); \
	} while (0)
#define STATE_WORD(i) r[i] = state[i]

WIDE static inline __attribute__((always_inline)) void
lanes_store(uint8_t *out, const __m512i state[8])
{
	const __m512i order = _mm512_broadcast_i32x4(
		_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
	__m512i r[8];

	EIGHT(STATE_WORD);
	TURN_QUARTERS(0);
	TURN_QUARTERS(1);
	EIGHT(STORE_ROW);
}

WIDE static void lanes_block(__m512i state[8], const uint8_t *const in[LANES],
			     size_t at)
{
	__m512i w[16], s[8];
	const uint32_t *k = K;

	lanes_load(w, in, at);
	EIGHT(COPY_WORD);
	SIXTEEN(ROUND_FIRST);
	for (k += 16; k < K + 64; k += 16)
		SIXTEEN(ROUND_NEXT);
	EIGHT(ADD_WORD);
}

WIDE static void lanes_padding(__m512i state[8], const struct padding *p)
{
	const uint32_t *k = p->words;
	__m512i s[8];

	EIGHT(COPY_WORD);
	for (; k < p->words + 64; k += 8)
		EIGHT(ROUND_PADDING);
	EIGHT(ADD_WORD);
}

WIDE static void lanes(uint8_t *out, const uint8_t *const in[LANES], size_t len,
		       const struct padding *p)
{
	__m512i state[8];

	for (unsigned i = 0; i < 8; i++)
		state[i] = _mm512_set1_epi32((int)initial[i]);
	for (size_t at = 0; at < len; at += BLOCK)
		lanes_block(state, in, at);
	lanes_padding(state, p);
	lanes_store(out, state);
}

/* Fewer than LANES messages: the first one stands in for those that are not. */
static void some_lanes(uint8_t *out, const uint8_t *const *in, size_t len,
		       size_t n, const struct padding *p)
{
	uint8_t all[LANES * SHA256_LEN];
	const uint8_t *lane[LANES];

	for (size_t i = 0; i < LANES; i++)
		lane[i] = in[i < n ? i : 0];
	lanes(all, lane, len, p);
	memcpy(out, all, n * SHA256_LEN);
}

/* --- which --- */

static bool cpu_has_sha(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) &&
	       (c & bit_SSSE3) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
	       (b & bit_SHA);
}

bool sha256_has_way(enum sha256_way way)
{
	static atomic_int known; /* facts about the processor; 1: asked */

	if (!known)
		known = 1 | 1 << (1 + SHA256_ONE) |
			(cpu_has_sha() ? 1 << (1 + SHA256_PAIR) : 0) |
			(__builtin_cpu_supports("avx512bw") /* and the system */
				 ? 1 << (1 + SHA256_LANES)
				 : 0);
	return known >> (1 + way) & 1;
}

static void run(enum sha256_way way, uint8_t *out, const uint8_t *const *in,
		size_t len, size_t n, const struct padding *p)
{
	for (; way == SHA256_LANES && n >= LANES; n -= LANES, in += LANES) {
		lanes(out, in, len, p);
		out += (size_t)LANES * SHA256_LEN;
	}
	if (way == SHA256_LANES && n >= MANY) {
		some_lanes(out, in, len, n, p);
		return;
	}
	for (; n >= 2 && sha256_has_way(SHA256_PAIR); n -= 2, in += 2) {
		pair(out, in, len, p);
		out += (size_t)2 * SHA256_LEN;
	}
	one_by_one(out, in, len, n);
}

static bool alone(enum sha256_way way, size_t len, size_t n)
{
	return way == SHA256_ONE || len % BLOCK != 0 ||
	       n < (len < LONG ? FEW : 2);
}

void sha256_each_by(enum sha256_way way, uint8_t *out, const uint8_t *const *in,
		    size_t len, size_t n)
{
	struct padding p;

	if (alone(way, len, n)) {
		one_by_one(out, in, len, n);
		return;
	}
	padding_for(&p, len);
	run(way, out, in, len, n, &p);
}

void sha256_many_by(enum sha256_way way, uint8_t *out, const uint8_t *in,
		    size_t len, size_t n)
{
	struct padding p;

	if (alone(way, len, n)) {
		row_one_by_one(out, in, len, n);
		return;
	}
	padding_for(&p, len);
	while (n > 0) {
		size_t now = n < LANES ? n : LANES;
		const uint8_t *row[LANES];

		for (size_t i = 0; i < now; i++, in += len)
			row[i] = in;
		run(way, out, row, len, now, &p);
		out += now * SHA256_LEN;
		n -= now;
	}
}

#else

bool sha256_has_way(enum sha256_way way)
{
	return way == SHA256_ONE;
}

void sha256_many_by(enum sha256_way way, uint8_t *out, const uint8_t *in,
		    size_t len, size_t n)
{
	(void)way;
	row_one_by_one(out, in, len, n);
}

void sha256_each_by(enum sha256_way way, uint8_t *out, const uint8_t *const *in,
		    size_t len, size_t n)
{
	(void)way;
	one_by_one(out, in, len, n);
}

#endif

enum sha256_way sha256_best_way(void)
{
	if (sha256_has_way(SHA256_LANES))
		return SHA256_LANES;
	return sha256_has_way(SHA256_PAIR) ? SHA256_PAIR : SHA256_ONE;
}

void sha256_many(uint8_t *out, const uint8_t *in, size_t len, size_t n)
{
	sha256_many_by(sha256_best_way(), out, in, len, n);
}

void sha256_each(uint8_t *out, const uint8_t *const *in, size_t len, size_t n)
{
	sha256_each_by(sha256_best_way(), out, in, len, n);
}
