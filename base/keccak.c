#include "base/keccak.h"

#include <string.h>

#define ROUNDS 24

/* iota: what each round adds to lane 0. */
static const uint64_t round_constant[ROUNDS] = {
	0x0000000000000001, 0x0000000000008082, 0x800000000000808a,
	0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
	0x8000000080008081, 0x8000000000008009, 0x000000000000008a,
	0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
	0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
	0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
	0x000000000000800a, 0x800000008000000a, 0x8000000080008081,
	0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

/* rho and pi together: walking the lanes in pi's order, each is turned left by
 * this much (1, 3, 6, 10, ... mod 64) and lands where the next one lay. */
static const uint8_t pi_lane[24] = {10, 7,  11, 17, 18, 3,  5,	16,
				    8,	21, 24, 4,  15, 23, 19, 13,
				    12, 2,  20, 14, 22, 9,  6,	1};
static const uint8_t rho_turn[24] = {1,	 3,  6,	 10, 15, 21, 28, 36,
				     45, 55, 2,	 14, 27, 41, 56, 8,
				     25, 43, 62, 18, 39, 61, 20, 44};

static uint64_t turn(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void theta(uint64_t a[25])
{
	uint64_t c[5];

	for (unsigned x = 0; x < 5; x++)
		c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
	for (unsigned x = 0; x < 5; x++) {
		uint64_t d = c[(x + 4) % 5] ^ turn(c[(x + 1) % 5], 1);

		for (unsigned y = 0; y < 25; y += 5)
			a[x + y] ^= d;
	}
}

static void rho_pi(uint64_t a[25])
{
	uint64_t moving = a[1];

	for (unsigned i = 0; i < 24; i++) {
		uint64_t next = a[pi_lane[i]];

		a[pi_lane[i]] = turn(moving, rho_turn[i]);
		moving = next;
	}
}

static void chi(uint64_t a[25])
{
	for (unsigned y = 0; y < 25; y += 5) {
		uint64_t row[5];

		memcpy(row, a + y, sizeof(row));
		for (unsigned x = 0; x < 5; x++)
			a[x + y] =
				row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
	}
}

static void permute(uint64_t a[25])
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		theta(a);
		rho_pi(a);
		chi(a);
		a[0] ^= round_constant[i];
	}
}

static void add_byte(struct keccak *k, uint8_t byte)
{
	k->lane[k->at / 8] ^= (uint64_t)byte << (8 * (k->at % 8));
	k->at++;
}

void keccak_init(struct keccak *k)
{
	memset(k, 0, sizeof(*k));
}

void keccak_add(struct keccak *k, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		add_byte(k, p[i]);
		if (k->at == KECCAK_RATE) {
			permute(k->lane);
			k->at = 0;
		}
	}
}

struct hash32 keccak_end(struct keccak *k)
{
	struct hash32 out;

	add_byte(k, 0x01);
	k->lane[KECCAK_RATE / 8 - 1] ^= UINT64_C(0x80) << 56;
	permute(k->lane);
	for (size_t i = 0; i < sizeof(out.bytes); i++)
		out.bytes[i] = (uint8_t)(k->lane[i / 8] >> (8 * (i % 8)));
	return out;
}

struct hash32 keccak256(const void *data, size_t len)
{
	struct keccak k;

	keccak_init(&k);
	keccak_add(&k, data, len);
	return keccak_end(&k);
}
