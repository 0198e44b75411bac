/* eip712.h - the digests that an account signs.
 *
 * EIP-712 with the domain {name "seedbank", version "1", chainId,
 * verifyingContract} and the struct
 *   Receipt(address payer,address payee,uint112 amount)
 * as contracts-abi/src/Bank.sol computes them. The separator is made once for
 * a bank; a digest is then two keccaks. Thread: any.
 */
#ifndef BASE_EIP712_H
#define BASE_EIP712_H

#include "base/amount.h"
#include "base/ids.h"

#include <stdint.h>

struct hash32 eip712_domain(uint64_t chain_id, const struct address *bank);

/* `domain` as eip712_domain() gave it; amount below 2^112 (a larger one gives
 * a digest that no contract will ever compute). */
struct hash32 eip712_receipt(const struct hash32 *domain,
			     const struct address *payer,
			     const struct address *payee, struct amount amount);

/* Channel(address payee,bytes32 key): `payee` says that the X25519 key is its
 * own (docs/protocol.md, sb_pay), so that nobody in the middle can be paid in
 * its name. No contract reads it. */
struct hash32 eip712_channel(const struct hash32 *domain,
			     const struct address *payee,
			     const uint8_t key[32]);

#endif
