/* bip32.h - accounts out of one seed.
 *
 * Source: BIP-32 (private derivation) and BIP-44: m/44'/coin'/0'/0/index with
 * coin 60 (Ethereum and its kin) or 195 (TRON), SLIP-44. Nodes are secret: the
 * caller clears them. Thread: any.
 */
#ifndef BASE_BIP32_H
#define BASE_BIP32_H

#include "base/address.h"
#include "base/ecc.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BIP32_HARD 0x80000000U

struct bip32_node {
	struct ecc_key key;
	uint8_t chain[32];
};

/* Seed of 16 to 64 bytes. ERR_LIMIT: another length, or the one seed in 2^127
 * that gives no key. */
enum err_code bip32_master(struct bip32_node *out, const uint8_t *seed,
			   size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* Replaces the node by its child; index | BIP32_HARD is the hardened one. */
enum err_code bip32_child(struct bip32_node *n, const struct ecc *c,
			  uint32_t index, struct err *e)
	__attribute__((warn_unused_result));

/* m/44'/60'/0'/0/index or m/44'/195'/0'/0/index, index below 2^31. */
enum err_code bip32_account(struct ecc_key *out, const struct ecc *c,
			    const uint8_t *seed, size_t seed_len,
			    enum address_kind kind, uint32_t index,
			    struct err *e) __attribute__((warn_unused_result));

#endif
