/* signer_policy.h - which chain transactions the signer signs.
 *
 * Contract
 *   - Deny by default. A transaction goes to the pinned bank and calls one of
 *     deposit, withdraw, reserve, release, cash, open, revise, anchor, prove,
 *     topUp, close; or to the pinned token and calls approve for exactly that
 *     bank; or it creates the one contract that was allowed before a bank was
 *     pinned.
 *   - Money leaves only to the owner's own accounts and the configured cold
 *     addresses; coin is sent along only as the deposit that it is.
 *   - Calldata is decoded to its last byte: what is not canonical is refused.
 * Rules: docs/protocol.md sections 2 and 4, ledger/DESIGN.md "Signer". Pure.
 * Thread: any.
 */
#ifndef LEDGER_SIGNER_POLICY_H
#define LEDGER_SIGNER_POLICY_H

#include "base/err.h"
#include "ledger/signer/signer_proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct signer_rules {
	bool pinned;
	struct signer_domain domain; /* when pinned */
	bool deploy_allowed;	     /* and not pinned */
	struct signer_deploy deploy;
	struct address own[2]; /* [1] zero: no such account */
	const struct address *cold;
	size_t cold_len;
	uint32_t reserve_days;
	int64_t now_s; /* Unix */
};

/* What a call takes from our free balance that no word of ours has counted yet:
 * a topUp of this agreement. */
struct signer_spend {
	bool any;
	struct address renter, host;
	uint32_t number;
	struct amount amount;
};

/* ERR_STATE: not pinned, another chain, contract, method or receiver.
 * ERR_PARSE: calldata that is not what its method takes. ERR_FUNDS: a reserve
 * beyond reserve_days. Fees are not looked at here. */
enum err_code signer_policy_check(const struct signer_rules *rules,
				  const struct signer_tx_evm *tx,
				  struct signer_spend *spend, struct err *e)
	__attribute__((warn_unused_result));

/* How far ahead a TRON transaction may expire: a day, which is the most that
 * nodes take, and an hour of difference between clocks. */
#define SIGNER_TRON_AHEAD_S (25 * 3600)

/* The same rules for a TRON transaction. ERR_STATE also: another owner, or it
 * expires too far ahead. ERR_PARSE also: no fee limit. */
enum err_code signer_policy_check_tron(const struct signer_rules *rules,
				       const struct signer_tx_tron *q,
				       struct signer_spend *spend,
				       struct err *e)
	__attribute__((warn_unused_result));

#endif
