/* tron_tx.h - TRON transactions as bytes: canonical protobuf, and back.
 *
 * Two kinds: a call of a contract (TriggerSmartContract) and the making of one
 * (CreateSmartContract). A transaction has neither chain id nor nonce: it is
 * tied to a chain by a block of it (ref_block, ref_hash), and can be mined
 * until its expiration. A node encodes what it parsed anew and hashes that, so
 * there is one right encoding: fields in ascending order, no zero defaults, the
 * shortest varints.
 *
 * Addresses are 20 bytes here and 21 (0x41 first) in the bytes, never mixed:
 * only this file adds and takes the prefix.
 * Sources: java-tron 4.8 (Tron.proto, smart_contract.proto), checked against a
 * running node. Pure. Thread: any.
 */
#ifndef LEDGER_TRON_TX_H
#define LEDGER_TRON_TX_H

#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fields beside the data take under this many bytes. */
#define TRON_TX_OVERHEAD 512U
/* Longest that nodes take, signed: 512,000 less the 128 that they reserve. */
#define TRON_TX_MAX 511872U
/* Bandwidth is paid for the signed bytes and this much for the result. */
#define TRON_TX_RESULT 64U
#define TRON_BYTE_SUN 1000U /* what a byte costs on the main chain */
#define TRON_NAME_MAX 32    /* of a contract, bytes without NUL */
/* Of a contract that is made: callers pay all of a call's energy, and what its
 * maker would give (never, then) has to be over zero. */
#define TRON_CALLER_PERCENT 100
#define TRON_ORIGIN_ENERGY 10000000

struct tron_tx {
	uint8_t ref_block[2]; /* low bytes of a block's number */
	uint8_t ref_hash[8];  /* bytes 8 to 15 of its id */
	/* Each below 2^63. */
	uint64_t expiration_ms; /* Unix, compared with blocks' time */
	uint64_t timestamp_ms;	/* Unix; nobody checks it */
	uint64_t fee_limit;	/* sun, for all energy of the call */
	uint64_t value;		/* sun sent along */
	struct address owner;	/* who pays and signs */
	bool create;
	struct address to;	      /* the contract; zero when `create` */
	char name[TRON_NAME_MAX + 1]; /* when `create`; else "" */
	const uint8_t *data; /* borrowed: calldata, or init code and arguments
			      */
	size_t len;
};

/* What is hashed and signed. Bytes written, 0: it does not fit, or a number is
 * out of range. */
size_t tron_tx_raw(const struct tron_tx *t, uint8_t *buf, size_t cap);
/* Its SHA-256: the transaction's id, and what the owner signs. `buf` is scratch
 * of t->len + TRON_TX_OVERHEAD bytes. ERR_LIMIT: it does not fit. */
enum err_code tron_tx_id(struct hash32 *out, const struct tron_tx *t,
			 uint8_t *buf, size_t cap, struct err *e)
	__attribute__((warn_unused_result));
/* The signed bytes, as nodes take them. Bytes written, or 0. */
size_t tron_tx_seal(const struct tron_tx *t, const struct ecc_sig *sig,
		    uint8_t *buf, size_t cap);
/* How long they are. */
size_t tron_tx_size(const struct tron_tx *t);

/* Reads signed bytes of the one right encoding: sealed again they are the same.
 * t->data borrows from raw. ERR_PARSE: they are anything else. */
enum err_code tron_tx_decode(struct tron_tx *t, struct ecc_sig *sig,
			     struct hash32 *txid, const uint8_t *raw,
			     size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* The address of the contract that a transaction makes. */
struct address tron_tx_created(const struct hash32 *txid,
			       const struct address *owner);

/* The reference to a block out of its id, whose first 8 bytes are its number.
 */
void tron_tx_refer(struct tron_tx *t, const struct hash32 *block_id);

#endif
