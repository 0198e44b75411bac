/* chain_evm.h - the chain behind EVM JSON-RPC.
 *
 * Makes a struct chain (chain.h) over one to NODE_MAX nodes. Final reads
 * and a transaction's fate are asked of all nodes, and the most cautious answer
 * counts; the rest is asked of the node that failed least, then of the next.
 * Slots are nonces: at or above the chain's own pending count, so that two
 * programs that share a key do not tread on each other's transactions.
 *
 * Which block is final, by the profile: the one that nodes call "finalized", or
 * a number of blocks under the newest; where a node knows no finalized block
 * the number decides.
 * Source: Ethereum execution API; EIP-155, EIP-1559. Thread: the loop.
 */
#ifndef LEDGER_CHAIN_EVM_H
#define LEDGER_CHAIN_EVM_H

#include "ledger/chain/chain.h"
#include "ledger/chain/chain_signer.h"
#include "ledger/chain/evm_rpc.h"

/* Nonces that may be pending before ours; more is not believed. */
#define EVM_MAX_PENDING 64
/* Blocks that nodes may lie apart before the log says so: well before those
 * that a node forgets the states of, commonly 128. */
#define EVM_MAX_LAG 40

struct chain_evm_config {
	struct evm_rpc_config rpc;
	bool finalized;		/* ask for the "finalized" block */
	uint64_t depth;		/* blocks under the newest, if not or in vain */
	bool legacy_fees;	/* one gas price even where EIP-1559 is */
	struct amount max_fee;	/* of one transaction, coin; zero: the signer's
				   own limit alone */
	struct chain_coin coin; /* the symbol is copied */
};

/* http, signer's ctx and log are borrowed and outlive the chain. */
enum err_code chain_evm_new(struct chain **out, struct loop *loop,
			    struct http *http,
			    const struct chain_signer *signer,
			    const struct chain_evm_config *cfg, struct log *log,
			    struct err *e);

#endif
