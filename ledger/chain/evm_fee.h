/* evm_fee.h - what to pay for gas: EIP-1559 where blocks have a base fee, one
 * price elsewhere. Pure; thread: any.
 */
#ifndef LEDGER_EVM_FEE_H
#define LEDGER_EVM_FEE_H

#include "ledger/chain/chain.h"
#include "ledger/chain/evm_json.h"

/* Coin per gas. */
struct evm_fee {
	bool legacy;	      /* tip is zero, max the one price */
	struct amount base;   /* of the newest block; zero when legacy */
	struct amount tip;    /* EIP-1559 max_priority_fee */
	struct amount max;    /* EIP-1559 max_fee; twice the base fee and the
				 tip: good for six full blocks in a row */
	uint64_t block_limit; /* gas of a whole block */
};

/* The requests that a quote needs: three, in this order. `add` is
 * evm_batch_add() of the caller's batch. */
#define EVM_FEE_ASKS 3

/* From the answers to eth_getBlockByNumber("latest"), eth_feeHistory and
 * eth_gasPrice; the second may have been refused, the third too where there is
 * a base fee. `legacy` wants one price whatever the chain can. ERR_PARSE,
 * ERR_CHAIN: `method` says who of them. */
enum err_code evm_fee_read(struct evm_fee *out, const char **method,
			   const struct evm_answer answers[EVM_FEE_ASKS],
			   bool legacy, struct err *e);

/* Gas to allow for a call that was tried with `units`: a quarter more, since
 * the state may change until it is mined, but not above a block's. */
uint64_t evm_fee_gas(uint64_t units, uint64_t block_limit);

/* A price at which nodes take a replacement of `raw`, our own older form: an
 * eighth above both its prices, and not under the quote. ERR_PARSE: raw is no
 * form of ours. ERR_LIMIT: past 2^128. */
enum err_code evm_fee_raise(struct evm_fee *fee, const uint8_t *raw, size_t len,
			    struct err *e);

/* gas x price; ERR_LIMIT when it passes 2^128. */
enum err_code evm_fee_of(struct amount *out, struct amount price, uint64_t gas,
			 struct err *e);
/* base + tip, at most max: what a unit would cost in the next block. */
struct amount evm_fee_now(const struct evm_fee *fee);

#endif
