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

static uint64_t turn(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

#define COLUMN(x) (a[x] ^ a[(x) + 5] ^ a[(x) + 10] ^ a[(x) + 15] ^ a[(x) + 20])
#define CHI(y) \
	do { \
		a[y] = b[y] ^ (~b[(y) + 1] & b[(y) + 2]); \
		a[(y) + 1] = b[(y) + 1] ^ (~b[(y) + 2] & b[(y) + 3]); \
		a[(y) + 2] = b[(y) + 2] ^ (~b[(y) + 3] & b[(y) + 4]); \
		a[(y) + 3] = b[(y) + 3] ^ (~b[(y) + 4] & b[y]); \
		a[(y) + 4] = b[(y) + 4] ^ (~b[y] & b[(y) + 1]); \
	} while (0)

/* theta into d, rho and pi from a to b, chi and iota back. Written out, because
 * loops over lanes with indices modulo 5 take four times as long. */
static void round_of(uint64_t a[25], uint64_t constant)
{
	const uint64_t c[5] = {COLUMN(0), COLUMN(1), COLUMN(2), COLUMN(3),
			       COLUMN(4)};
	const uint64_t d[5] = {c[4] ^ turn(c[1], 1), c[0] ^ turn(c[2], 1),
			       c[1] ^ turn(c[3], 1), c[2] ^ turn(c[4], 1),
			       c[3] ^ turn(c[0], 1)};
	uint64_t b[25];

	b[0] = a[0] ^ d[0];
	b[1] = turn(a[6] ^ d[1], 44);
	b[2] = turn(a[12] ^ d[2], 43);
	b[3] = turn(a[18] ^ d[3], 21);
	b[4] = turn(a[24] ^ d[4], 14);
	b[5] = turn(a[3] ^ d[3], 28);
	b[6] = turn(a[9] ^ d[4], 20);
	b[7] = turn(a[10] ^ d[0], 3);
	b[8] = turn(a[16] ^ d[1], 45);
	b[9] = turn(a[22] ^ d[2], 61);
	b[10] = turn(a[1] ^ d[1], 1);
	b[11] = turn(a[7] ^ d[2], 6);
	b[12] = turn(a[13] ^ d[3], 25);
	b[13] = turn(a[19] ^ d[4], 8);
	b[14] = turn(a[20] ^ d[0], 18);
	b[15] = turn(a[4] ^ d[4], 27);
	b[16] = turn(a[5] ^ d[0], 36);
	b[17] = turn(a[11] ^ d[1], 10);
	b[18] = turn(a[17] ^ d[2], 15);
	b[19] = turn(a[23] ^ d[3], 56);
	b[20] = turn(a[2] ^ d[2], 62);
	b[21] = turn(a[8] ^ d[3], 55);
	b[22] = turn(a[14] ^ d[4], 39);
	b[23] = turn(a[15] ^ d[0], 41);
	b[24] = turn(a[21] ^ d[1], 2);

	CHI(0);
	CHI(5);
	CHI(10);
	CHI(15);
	CHI(20);
	a[0] ^= constant;
}

static void permute(uint64_t a[25])
{
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of(a, round_constant[i]);
}

static void add_byte(struct keccak *k, uint8_t byte)
{
	k->lane[k->at / 8] ^= (uint64_t)byte << (8 * (k->at % 8));
	k->at++;
}

static uint64_t lane_at(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++) /* one load to the compiler */
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

void keccak_init(struct keccak *k)
{
	memset(k, 0, sizeof(*k));
}

void keccak_add(struct keccak *k, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		if (k->at % 8 == 0 && len >= 8) {
			k->lane[k->at / 8] ^= lane_at(p);
			k->at += 8;
			p += 8;
			len -= 8;
		} else {
			add_byte(k, *p++);
			len--;
		}
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
