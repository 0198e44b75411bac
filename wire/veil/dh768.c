#include "wire/veil/dh768.h"

#include <openssl/bn.h>
#include <sodium.h>
#include <string.h>

static const uint8_t prime[DH768_LEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2,
	0x21, 0x68, 0xc2, 0x34, 0xc4, 0xc6, 0x62, 0x8b, 0x80, 0xdc, 0x1c, 0xd1,
	0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74, 0x02, 0x0b, 0xbe, 0xa6,
	0x3b, 0x13, 0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd,
	0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30, 0x2b, 0x0a, 0x6d,
	0xf2, 0x5f, 0x14, 0x37, 0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45,
	0xe4, 0x85, 0xb5, 0x76, 0x62, 0x5e, 0x7e, 0xc6, 0xf4, 0x4c, 0x42, 0xe9,
	0xa6, 0x3a, 0x36, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00, 0x09, 0x05, 0x63,
};

/* out = base ^ exponent mod the prime */
static bool power(uint8_t out[DH768_LEN], const BIGNUM *base,
		  const uint8_t exponent[DH768_EXPONENT_LEN])
{
	BIGNUM *p = BN_bin2bn(prime, sizeof(prime), NULL);
	BIGNUM *x = BN_bin2bn(exponent, DH768_EXPONENT_LEN, NULL);
	BIGNUM *y = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	bool ok = base && p && x && y && ctx;

	if (ok)
		BN_set_flags(x, BN_FLG_CONSTTIME);
	ok = ok && BN_mod_exp_mont_consttime(y, base, x, p, ctx, NULL) == 1 &&
	     BN_bn2binpad(y, out, DH768_LEN) == DH768_LEN;
	BN_free(p);
	BN_clear_free(x);
	BN_clear_free(y);
	BN_CTX_free(ctx);
	return ok;
}

bool dh768_make(struct dh768 *out, struct rng *rng)
{
	BIGNUM *two = BN_new();
	bool ok;

	rng_fill(rng, out->exponent, sizeof(out->exponent));
	ok = two && BN_set_word(two, 2) == 1 &&
	     power(out->pub, two, out->exponent);
	BN_free(two);
	return ok;
}

/* 1 < y < p - 1: what is left generates more than two values. */
static bool is_usable(const uint8_t y[DH768_LEN])
{
	static const uint8_t one[DH768_LEN] = {[DH768_LEN - 1] = 1};
	uint8_t last[DH768_LEN];

	memcpy(last, prime, sizeof(last));
	last[DH768_LEN - 1]--; /* it is odd */
	return memcmp(y, one, DH768_LEN) > 0 && memcmp(y, last, DH768_LEN) < 0;
}

bool dh768_shared(uint8_t out[DH768_LEN], const struct dh768 *own,
		  const uint8_t theirs[DH768_LEN])
{
	BIGNUM *y;
	bool ok;

	if (!is_usable(theirs))
		return false;
	y = BN_bin2bn(theirs, DH768_LEN, NULL);
	ok = y && power(out, y, own->exponent);
	BN_free(y);
	return ok;
}

void dh768_clear(struct dh768 *d)
{
	sodium_memzero(d, sizeof(*d));
}
