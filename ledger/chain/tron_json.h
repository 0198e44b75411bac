/* tron_json.h - TRON's HTTP API as text: requests out, answers in. No I/O.
 *
 * Everything here is a pure function of bytes, because the answers come from
 * strangers: each is decoded into a value or refused with one line that says
 * what is wrong. Nodes leave out what is zero, false or an enum's first value;
 * "not found" is {}; failures come in three shapes, all with HTTP status 200:
 * {"Error"}, {"result":{"code","message" in hex}}, {"code","message"}.
 * Source: java-tron 4.8, as a running node was seen to answer. Thread: any.
 */
#ifndef LEDGER_TRON_JSON_H
#define LEDGER_TRON_JSON_H

#include "ledger/chain/chain.h"
#include "ledger/chain/node_text.h"

#define TRON_MAX_REPLY (4 << 20)  /* bytes of an answer */
#define TRON_MAX_RETURN (1 << 17) /* bytes that a constant call returns */

/* ---- requests: values, quoted ------------------------------------------- */

void tron_text_hex(struct node_text *t, const void *p, size_t len); /* "00ff" */
void tron_text_address(struct node_text *t,
		       const struct address *a); /* "41.." */
/* {"owner_address":..,"contract_address":..,"call_value":..,"data":..}, no
 * contract for a creation. value below 2^63. */
void tron_text_call(struct node_text *t, const struct address *owner,
		    const struct address *to, uint64_t value, const void *data,
		    size_t len);

/* ---- answers ------------------------------------------------------------- */

/* The whole body; *root is the caller's. ERR_PARSE: not a JSON object.
 * ERR_CHAIN: {"Error"}, in the node's words without the Java class. */
enum err_code tron_body_decode(json_t **root, const char *body, size_t len,
			       struct err *e);

struct tron_block {
	uint64_t number, time_ms;
	struct hash32 id; /* first 8 bytes: the number */
};

/* getblock; *found false for {}. */
enum err_code tron_get_block(struct tron_block *out, bool *found,
			     const json_t *v, struct err *e);

/* getaccount: sun; *found false for an account that nobody paid yet. */
enum err_code tron_get_account(struct amount *balance, bool *found,
			       const json_t *v, struct err *e);

/* getaccountresource: what is left of staked energy and bandwidth, and of the
 * day's free bandwidth. A call's bytes are paid by one of the two pools whole,
 * or in coin. */
struct tron_resources {
	uint64_t energy, bandwidth, free_bandwidth;
};
enum err_code tron_get_resources(struct tron_resources *out, const json_t *v,
				 struct err *e);

/* getchainparameters. ERR_PARSE: one of the three is missing. */
struct tron_params {
	uint64_t energy_sun; /* of a unit of energy */
	uint64_t byte_sun;   /* of a byte of bandwidth */
	uint64_t max_fee_limit;
};
enum err_code tron_get_params(struct tron_params *out, const json_t *v,
			      struct err *e);

/* triggerconstantcontract. */
struct tron_constant {
	bool ok;	  /* false: it would fail, `reason` says why */
	bool out_of_time; /* by the node's clock: less may fit */
	char reason[96];
	uint64_t energy;
	uint8_t *data; /* heap: returned, or revert data; NULL when empty */
	size_t len;
};
/* ERR_CHAIN: the node refuses constant calls, or is busy. Cleared by the
 * caller, also after an error. */
enum err_code tron_get_constant(struct tron_constant *out, const json_t *v,
				struct err *e);
void tron_constant_clear(struct tron_constant *c);

/* gettransactioninfobyid. */
struct tron_info {
	struct chain_outcome o; /* logs point into the fields below */
	struct chain_log *logs;
	uint8_t *data;
};
/* For `txid` sent by `from`; *found false for {}: in no block. o.created is
 * set when it made a contract. ERR_LIMIT: more than CHAIN_MAX_LOGS events.
 * Cleared by the caller. */
enum err_code tron_get_info(struct tron_info *out, bool *found,
			    const struct hash32 *txid,
			    const struct address *from, const json_t *v,
			    struct err *e);
void tron_info_clear(struct tron_info *i);

/* broadcasthex: what it means, and the node's words. `v` NULL: {"Error"}, its
 * words are in `why` already. */
enum chain_send_result tron_get_sent(char *why, size_t cap, const json_t *v);

#endif
