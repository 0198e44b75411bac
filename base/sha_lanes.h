/* sha_lanes.h - sixteen messages side by side in AVX-512 registers: what
 * base/sha1_many.c and base/sha256_many.c share. x86-64 only; who calls asks
 * first whether the processor has avx512bw. Thread: any. */
#ifndef BASE_SHA_LANES_H
#define BASE_SHA_LANES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LANES 16U
#define WIDE __attribute__((target("avx512f,avx512bw")))

#define XOR3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define CHOOSE(e, f, g) _mm512_ternarylogic_epi32(e, f, g, 0xca)
#define MAJORITY(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)
#define ADD(a, b) _mm512_add_epi32(a, b)
/* Sums are taken in the order that is written: compilers like another one. */
#define SETTLE(x) __asm__("" : "+v"(x))
/* Written out, so that arrays become registers at every level of optimising. */
#define FOUR(WHAT, i) \
	do { \
		WHAT((i) + 0); \
		WHAT((i) + 1); \
		WHAT((i) + 2); \
		WHAT((i) + 3); \
	} while (0)
#define SIXTEEN(WHAT) \
	do { \
		FOUR(WHAT, 0); \
		FOUR(WHAT, 4); \
		FOUR(WHAT, 8); \
		FOUR(WHAT, 12); \
	} while (0)
/* Four rows of four words in each quarter become four columns. */
#define TURN_QUARTERS(i) \
	do { \
		__m512i a_ = \
			_mm512_unpacklo_epi32(r[4 * (i)], r[4 * (i) + 1]); \
		__m512i b_ = \
			_mm512_unpackhi_epi32(r[4 * (i)], r[4 * (i) + 1]); \
		__m512i c_ = \
			_mm512_unpacklo_epi32(r[4 * (i) + 2], r[4 * (i) + 3]); \
		__m512i d_ = \
			_mm512_unpackhi_epi32(r[4 * (i) + 2], r[4 * (i) + 3]); \
		r[4 * (i)] = _mm512_unpacklo_epi64(a_, c_); \
		r[4 * (i) + 1] = _mm512_unpackhi_epi64(a_, c_); \
		r[4 * (i) + 2] = _mm512_unpacklo_epi64(b_, d_); \
		r[4 * (i) + 3] = _mm512_unpackhi_epi64(b_, d_); \
	} while (0)
/* Then r[4 i + j], quarter q, is word 4 q + j of lanes 4 i .. 4 i + 3. */
#define GATHER_QUARTERS(j) \
	do { \
		__m512i a_ = _mm512_shuffle_i32x4(r[j], r[4 + (j)], 0x44); \
		__m512i b_ = _mm512_shuffle_i32x4(r[j], r[4 + (j)], 0xee); \
		__m512i c_ = \
			_mm512_shuffle_i32x4(r[8 + (j)], r[12 + (j)], 0x44); \
		__m512i d_ = \
			_mm512_shuffle_i32x4(r[8 + (j)], r[12 + (j)], 0xee); \
		w[j] = _mm512_shuffle_i32x4(a_, c_, 0x88); \
		w[4 + (j)] = _mm512_shuffle_i32x4(a_, c_, 0xdd); \
		w[8 + (j)] = _mm512_shuffle_i32x4(b_, d_, 0x88); \
		w[12 + (j)] = _mm512_shuffle_i32x4(b_, d_, 0xdd); \
	} while (0)
#define LOAD_ROW(i) \
	r[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(in[i] + at), order)
/* w[i]: word i of all lanes, from the 64 bytes of each at `at`. */
WIDE static inline __attribute__((always_inline)) void
lanes_load(__m512i w[16], const uint8_t *const in[LANES], size_t at)
{
	const __m512i order = _mm512_broadcast_i32x4(
		_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
	__m512i r[16];

	SIXTEEN(LOAD_ROW);
	FOUR(TURN_QUARTERS, 0);
	FOUR(GATHER_QUARTERS, 0);
}

#endif
