/* evm_json.h - EVM JSON-RPC as text: requests out, answers in. No I/O.
 *
 * Everything here is a pure function of bytes, because the answers come from
 * strangers: each is decoded into a value or refused with one line that says
 * what is wrong. Sources: JSON-RPC 2.0; the Ethereum execution API (quantities
 * are "0x" and hex digits without padding, data "0x" and pairs of digits;
 * padding zeros in a quantity are let pass, some nodes write them).
 * Thread: any.
 */
#ifndef LEDGER_EVM_JSON_H
#define LEDGER_EVM_JSON_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "ledger/chain/chain.h"
#include "ledger/chain/node_text.h"

#include <jansson.h>

#define EVM_MAX_BATCH 100 /* requests in one HTTP body */
#define EVM_MAX_REPLY \
	(4 << 20) /* bytes of an answer, checked by the sender \
		   */

/* Values, quoted, onto a request's text. */
void evm_text_hex(struct node_text *t, const void *p, size_t len); /* "0x.." */
void evm_text_quantity(struct node_text *t, uint64_t v);	   /* "0x1f" */
void evm_text_amount(struct node_text *t, struct amount v);

/* {"jsonrpc":"2.0","id":ID,"method":M,"params":[ ... ]}: begin, then the
 * parameters by the functions above, then end. `method` is ours: not escaped.
 */
void evm_text_begin(struct node_text *t, uint64_t id, const char *method);
void evm_text_end(struct node_text *t);
/* {"from":..,"to":..,"value":..,"data":..} of a call; no "to" for a creation.
 */
void evm_text_call(struct node_text *t, const struct chain_call *call);

/* One request's answer inside a reply: a result, or the node's refusal. */
struct evm_answer {
	json_t *result;	    /* borrowed; NULL: refused */
	int64_t code;	    /* JSON-RPC error code */
	char message[120];  /* printable ASCII */
	const char *revert; /* borrowed: hex of revert data, or NULL */
};

struct evm_reply {
	json_t *root;
	size_t n;
	struct evm_answer answers[EVM_MAX_BATCH];
};

/* Decodes the answer to requests with ids first_id .. first_id+n-1 (n at most
 * EVM_MAX_BATCH), which were sent as an array when `batch`. Every id must be
 * answered exactly once, with a result or an error. ERR_PARSE: it is not that;
 * ERR_CHAIN: the node refused the batch as a whole. The reply is cleared by the
 * caller, also after an error. */
enum err_code evm_reply_decode(struct evm_reply *r, const char *body,
			       size_t len, uint64_t first_id, size_t n,
			       bool batch, struct err *e);
void evm_reply_clear(struct evm_reply *r);

/* Values. Each is ERR_PARSE with what was wrong; `out` is untouched then. */
enum err_code evm_get_u64(uint64_t *out, const json_t *v, struct err *e);
enum err_code evm_get_amount(struct amount *out, const json_t *v,
			     struct err *e);
/* Exactly len bytes. */
enum err_code evm_get_bytes(void *out, size_t len, const json_t *v,
			    struct err *e);
/* 0 to max bytes, heap, *out NULL when empty. */
enum err_code evm_get_data(uint8_t **out, size_t *len, size_t max,
			   const json_t *v, struct err *e);

/* Hex digits of a whole string, "0x" first; false when they are anything else
 * or more than cap bytes. */
bool evm_unhex(uint8_t *out, size_t *len, size_t cap, const char *s);

struct evm_block {
	uint64_t number, time_s, gas_limit;
	struct hash32 hash;
	bool has_base_fee; /* the chain has EIP-1559 */
	struct amount base_fee;
};

/* eth_getBlockByNumber; *found false for null. */
enum err_code evm_get_block(struct evm_block *out, bool *found, const json_t *v,
			    struct err *e);
/* eth_feeHistory with one percentile: the middle one of the tips listed. */
enum err_code evm_get_tip(struct amount *out, const json_t *v, struct err *e);

struct evm_receipt {
	struct chain_outcome o; /* logs point into the fields below */
	struct hash32 block_hash;
	struct chain_log *logs;
	uint8_t *data;
};

/* eth_getTransactionReceipt for `txid`; *found false for null: not in a block.
 * ERR_LIMIT: more than CHAIN_MAX_LOGS events. Cleared by the caller. */
enum err_code evm_get_receipt(struct evm_receipt *out, bool *found,
			      const struct hash32 *txid, const json_t *v,
			      struct err *e);
void evm_receipt_clear(struct evm_receipt *r);

/* What a node means by refusing eth_sendRawTransaction. Nodes agree on no
 * codes, so their words are matched: geth, anvil (reth), Bor, Erigon. */
enum chain_send_result evm_send_meaning(int64_t code, const char *message);

#endif
