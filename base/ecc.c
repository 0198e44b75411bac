#include "base/ecc.h"

#include "base/keccak.h"
#include "base/rng.h"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <sodium.h>
#include <stdlib.h>

/* n/2, the highest low s (SEC 2; EIP-2). */
static const uint8_t half_order[32] = {
	0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4,
	0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
};

struct ecc {
	secp256k1_context *ctx;
};

struct ecc *ecc_new(struct err *e)
{
	struct ecc *c = calloc(1, sizeof(*c));
	struct rng rng = rng_system();
	uint8_t blind[32];

	if (c)
		c->ctx = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
	if (!c || !c->ctx) {
		ecc_free(c);
		(void)err_fail(e, ERR_NOMEM, "no memory for the curve");
		return NULL;
	}
	rng_fill(&rng, blind, sizeof(blind));
	(void)!secp256k1_context_randomize(c->ctx, blind);
	sodium_memzero(blind, sizeof(blind));
	return c;
}

void ecc_free(struct ecc *c)
{
	if (!c)
		return;
	if (c->ctx)
		secp256k1_context_destroy(c->ctx);
	free(c);
}

enum err_code ecc_key_read(struct ecc_key *out, const uint8_t bytes[32],
			   struct err *e)
{
	if (!secp256k1_ec_seckey_verify(secp256k1_context_static, bytes))
		return err_fail(e, ERR_PARSE,
				"not a private key: zero, or too large");
	memmove(out->bytes, bytes, sizeof(out->bytes));
	return ERR_NONE;
}

void ecc_key_clear(struct ecc_key *k)
{
	sodium_memzero(k, sizeof(*k));
}

static struct address address_of(const secp256k1_pubkey *pub)
{
	uint8_t raw[65];
	size_t len = sizeof(raw);
	struct hash32 h;
	struct address a;

	(void)secp256k1_ec_pubkey_serialize(secp256k1_context_static, raw, &len,
					    pub, SECP256K1_EC_UNCOMPRESSED);
	h = keccak256(raw + 1, sizeof(raw) - 1);
	memcpy(a.bytes, h.bytes + 12, sizeof(a.bytes));
	return a;
}

/* A struct ecc_key is a valid key by its invariant; one that is not (cleared,
 * never read) gives the zero key's nothing, not undefined behaviour. */
static bool public_of(secp256k1_pubkey *pub, const struct ecc *c,
		      const struct ecc_key *k)
{
	return secp256k1_ec_pubkey_create(c->ctx, pub, k->bytes) == 1;
}

struct address ecc_address(const struct ecc *c, const struct ecc_key *k)
{
	secp256k1_pubkey pub;

	if (!public_of(&pub, c, k))
		return (struct address){{0}};
	return address_of(&pub);
}

void ecc_public(uint8_t out[33], const struct ecc *c, const struct ecc_key *k)
{
	secp256k1_pubkey pub;
	size_t len = 33;

	memset(out, 0, len);
	if (public_of(&pub, c, k))
		(void)secp256k1_ec_pubkey_serialize(secp256k1_context_static,
						    out, &len, &pub,
						    SECP256K1_EC_COMPRESSED);
}

struct ecc_sig ecc_sign(const struct ecc *c, const struct ecc_key *k,
			const struct hash32 *digest)
{
	secp256k1_ecdsa_recoverable_signature raw;
	uint8_t rs[64];
	struct ecc_sig sig = {0};
	int v = 0;

	if (!secp256k1_ecdsa_sign_recoverable(c->ctx, &raw, digest->bytes,
					      k->bytes, NULL, NULL))
		return sig;
	(void)secp256k1_ecdsa_recoverable_signature_serialize_compact(
		secp256k1_context_static, rs, &v, &raw);
	memcpy(sig.r, rs, sizeof(sig.r));
	memcpy(sig.s, rs + 32, sizeof(sig.s));
	sig.v = (uint8_t)v;
	return sig;
}

struct sig64 sig64_pack(const struct ecc_sig *s)
{
	struct sig64 out;

	memcpy(out.bytes, s->r, 32);
	memcpy(out.bytes + 32, s->s, 32);
	out.bytes[32] |= (uint8_t)(s->v << 7);
	return out;
}

struct ecc_sig sig64_unpack(const struct sig64 *s)
{
	struct ecc_sig out;

	memcpy(out.r, s->bytes, 32);
	memcpy(out.s, s->bytes + 32, 32);
	out.v = out.s[0] >> 7;
	out.s[0] &= 0x7f;
	return out;
}

enum err_code ecc_recover(struct address *out, const struct hash32 *digest,
			  const struct ecc_sig *sig, struct err *e)
{
	secp256k1_ecdsa_recoverable_signature raw;
	secp256k1_pubkey pub;
	uint8_t rs[64];

	if (sig->v > 1)
		return err_fail(e, ERR_SIG, "signature: v is %u", sig->v);
	if (memcmp(sig->s, half_order, sizeof(half_order)) > 0)
		return err_fail(e, ERR_SIG, "signature: s is high");
	memcpy(rs, sig->r, 32);
	memcpy(rs + 32, sig->s, 32);
	if (!secp256k1_ecdsa_recoverable_signature_parse_compact(
		    secp256k1_context_static, &raw, rs, sig->v) ||
	    !secp256k1_ecdsa_recover(secp256k1_context_static, &pub, &raw,
				     digest->bytes))
		return err_fail(e, ERR_SIG, "signature: nobody's");
	*out = address_of(&pub);
	return ERR_NONE;
}

enum err_code sig64_recover(struct address *out, const struct hash32 *digest,
			    const struct sig64 *sig, struct err *e)
{
	struct ecc_sig s = sig64_unpack(sig);

	return ecc_recover(out, digest, &s, e);
}

bool sig64_is_by(const struct sig64 *sig, const struct hash32 *digest,
		 const struct address *who)
{
	struct address signer;

	return sig64_recover(&signer, digest, sig, NULL) == ERR_NONE &&
	       address_eq(&signer, who);
}

bool ecc_key_add(struct ecc_key *k, const uint8_t tweak[32])
{
	return secp256k1_ec_seckey_tweak_add(secp256k1_context_static, k->bytes,
					     tweak) == 1;
}
