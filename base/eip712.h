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

#include "base/agreement.h"
#include "base/amount.h"
#include "base/ids.h"
#include "base/offer.h"

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

/* What renter and host sign of each revision:
 *   Agreement(address renter,address host,uint32 number,uint32 revision,
 *             bytes32 root,uint32 sectors,uint32 through,uint112 earned,
 *             uint112 rate,uint32 start,uint32 end,uint16 span,uint112 fund,
 *             uint112 collateral,uint112 penalty,bytes32 terms)
 * in one line. Amounts below 2^112, as in a receipt. */
struct hash32 eip712_agreement(const struct hash32 *domain,
			       const struct agreement *a);

/* What a host signs; no contract reads these. The digest of a sheet is the
 * `terms` of agreements.
 *   Sheet(address host,uint112 rent,uint112 ingress,uint112 egress,
 *         uint112 collateral,uint112 penalty,uint32 minPeriods,
 *         uint32 maxPeriods,uint16 span,uint64 expires)
 *   Endpoint(address host,bytes16 ip,uint16 port,uint64 time) */
struct hash32 eip712_sheet(const struct hash32 *domain, const struct sheet *s);
struct hash32 eip712_endpoint(const struct hash32 *domain,
			      const struct endpoint *p);

#endif
