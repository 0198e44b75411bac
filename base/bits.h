/* bits.h - BEP 3 bitfields: piece 0 is the high bit of byte 0.
 *
 * Callers keep indexes in range. Thread: any.
 */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t bits_bytes(uint32_t n)
{
	return ((size_t)n + 7) / 8;
}

static inline bool bits_get(const uint8_t *b, uint32_t i)
{
	return (b[i >> 3] & (0x80U >> (i & 7))) != 0;
}

static inline void bits_set(uint8_t *b, uint32_t i)
{
	b[i >> 3] = (uint8_t)(b[i >> 3] | (0x80U >> (i & 7)));
}

static inline void bits_clear(uint8_t *b, uint32_t i)
{
	b[i >> 3] = (uint8_t)(b[i >> 3] & ~(0x80U >> (i & 7)));
}

static inline uint32_t bits_count(const uint8_t *b, uint32_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bits_bytes(n); i++)
		sum += (uint32_t)__builtin_popcount(b[i]);
	return sum;
}

/* BEP 3: the spare bits at the end are zero. */
static inline bool bits_spare_clear(const uint8_t *b, uint32_t n)
{
	return n % 8 == 0 || (b[n / 8] & (0xffU >> (n % 8))) == 0;
}

#endif
