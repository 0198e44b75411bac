/* ecc.h - secp256k1 keys and recoverable signatures.
 *
 * Signatures are deterministic (RFC 6979) with the lower of the two s. The
 * 64-byte form is EIP-2098: r, then s with the recovery bit on top. A high s
 * cannot be written in it, and is refused wherever r, s, v come in: else each
 * signature would have a second form that also recovers.
 *
 * struct ecc is what signing needs besides the key (tables blinded at random
 * against side channels); recovering needs none. Curve by libsecp256k1.
 * Thread: an ecc is one thread's; the rest any.
 */
#ifndef BASE_ECC_H
#define BASE_ECC_H

#include "base/err.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stdint.h>

struct ecc_key { /* secret: 1 .. n-1, big-endian; whoever holds it clears it */
	uint8_t bytes[32];
};

struct sig64 { /* EIP-2098: r 32, yParity<<255 | s 32 */
	uint8_t bytes[64];
};

struct ecc_sig {
	uint8_t r[32];
	uint8_t s[32]; /* at most n/2 */
	uint8_t v;     /* yParity, 0 or 1 (27 and 28 elsewhere) */
};

struct ecc;

struct ecc *ecc_new(struct err *e);
void ecc_free(struct ecc *c);

/* ERR_PARSE: zero, or not below the curve's order. */
enum err_code ecc_key_read(struct ecc_key *out, const uint8_t bytes[32],
			   struct err *e) __attribute__((warn_unused_result));
void ecc_key_clear(struct ecc_key *k);

/* Last 20 bytes of keccak256 of the public key (64 bytes, no prefix). */
struct address ecc_address(const struct ecc *c, const struct ecc_key *k);
/* Compressed public key (33 bytes), for BIP-32. */
void ecc_public(uint8_t out[33], const struct ecc *c, const struct ecc_key *k);

/* Signs a digest that the caller has made itself; never bytes from outside. */
struct ecc_sig ecc_sign(const struct ecc *c, const struct ecc_key *k,
			const struct hash32 *digest);

struct sig64 sig64_pack(const struct ecc_sig *s);
struct ecc_sig sig64_unpack(const struct sig64 *s);

/* Who signed `digest`? ERR_SIG: r or s out of range, s high, or no point. */
enum err_code ecc_recover(struct address *out, const struct hash32 *digest,
			  const struct ecc_sig *sig, struct err *e)
	__attribute__((warn_unused_result));
enum err_code sig64_recover(struct address *out, const struct hash32 *digest,
			    const struct sig64 *sig, struct err *e)
	__attribute__((warn_unused_result));
bool sig64_is_by(const struct sig64 *sig, const struct hash32 *digest,
		 const struct address *who);

/* out = (k + tweak) mod n, for BIP-32. False: tweak out of range or sum zero.
 */
bool ecc_key_add(struct ecc_key *k, const uint8_t tweak[32])
	__attribute__((warn_unused_result));

#endif
