/* bits.h - bitfields as BEP 3 has them: the high bit of byte 0 comes first. */
#ifndef STORAGE_BITS_H
#define STORAGE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline size_t bits_bytes(uint32_t count)
{
	return ((size_t)count + 7) / 8;
}

static inline bool bits_get(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> (7 - i % 8) & 1;
}

static inline void bits_set(uint8_t *bits, uint32_t i)
{
	bits[i / 8] |= (uint8_t)(0x80U >> i % 8);
}

static inline void bits_clear(uint8_t *bits, uint32_t i)
{
	bits[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
}

static inline uint32_t bits_count(const uint8_t *bits, uint32_t count)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++)
		n += bits_get(bits, i);
	return n;
}

#endif
