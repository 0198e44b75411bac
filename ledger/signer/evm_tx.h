/* evm_tx.h - EVM transactions as bytes: what is hashed to sign, and what is
 * sent.
 *
 * Legacy with replay protection (EIP-155) and EIP-1559 with an empty access
 * list. Pure. Thread: any.
 */
#ifndef LEDGER_EVM_TX_H
#define LEDGER_EVM_TX_H

#include "base/ecc.h"
#include "ledger/signer/signer_proto.h"

/* Fields beside the data take under this many bytes, prefixes included. */
#define EVM_TX_OVERHEAD 512U

/* The digest that the sender signs. `buf` is scratch of data_len +
 * EVM_TX_OVERHEAD bytes. ERR_LIMIT: it does not fit. */
enum err_code evm_tx_digest(struct hash32 *out, const struct signer_tx_evm *t,
			    uint8_t *buf, size_t cap, struct err *e)
	__attribute__((warn_unused_result));

/* The signed bytes into buf (same size) and their hash, which is the
 * transaction's id. */
enum err_code evm_tx_seal(struct signer_tx *out, const struct signer_tx_evm *t,
			  const struct ecc_sig *sig, uint8_t *buf, size_t cap,
			  struct err *e) __attribute__((warn_unused_result));

/* The most coin that it can cost beside its value: gas x max_fee. ERR_LIMIT:
 * passes 2^128. */
enum err_code evm_tx_fee(struct amount *out, const struct signer_tx_evm *t,
			 struct err *e) __attribute__((warn_unused_result));

#endif
