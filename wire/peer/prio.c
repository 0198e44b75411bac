#include "wire/peer/prio.h"

#include <string.h>

/* CRC-32C (Castagnoli); of 36 bytes at most, so no table. */
static uint32_t crc32c(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
	}
	return ~crc;
}

static uint32_t crc_sorted(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t both[32];
	bool a_first = memcmp(a, b, len) <= 0;

	memcpy(both, a_first ? a : b, len);
	memcpy(both + len, a_first ? b : a, len);
	return crc32c(both, 2 * len);
}

/* Whole are the first `least` bytes, and one more for each byte beyond those
 * that both have in common; of the others every second bit. */
static void mask(uint8_t *a, uint8_t *b, size_t len, size_t least)
{
	size_t same = 0, whole;

	while (same < len && a[same] == b[same])
		same++;
	whole = same < least ? least : same + 1;
	for (size_t i = whole; i < len; i++) {
		a[i] &= 0x55;
		b[i] &= 0x55;
	}
}

uint32_t prio_of(const struct wire_addr *us, const struct wire_addr *peer)
{
	bool v4 = wire_addr_is_v4(us);
	size_t len = v4 ? 4 : 16;
	uint8_t a[16], b[16];

	if (v4 != wire_addr_is_v4(peer))
		return 0;
	memcpy(a, us->ip + 16 - len, len);
	memcpy(b, peer->ip + 16 - len, len);
	if (memcmp(a, b, len) == 0) {
		uint8_t p[2] = {(uint8_t)(us->port >> 8), (uint8_t)us->port};
		uint8_t q[2] = {(uint8_t)(peer->port >> 8),
				(uint8_t)peer->port};

		return crc_sorted(p, q, 2);
	}
	mask(a, b, len, v4 ? 2 : 6);
	return crc_sorted(a, b, len);
}
