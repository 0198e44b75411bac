/* signer_proto.h - the messages between the node and its signer.
 *
 * Contract
 *   - A frame is a length (u32, of what follows, at most SIGNER_FRAME_MAX), a
 *     type (u8), an id (u32) and a body. The signer answers every request, in
 *     the order they came, with the same type and id.
 *   - Both sides treat the other as hostile: each length is bounded before it
 *     is used, a frame that does not decode to its last byte ends the talk.
 *   - One encoding per value: decode then encode gives the same bytes.
 *   - Pure; nothing here allocates. A decoded request borrows from the frame.
 *
 * Amounts are in the token's smallest unit, fees in the coin's (wei, sun).
 * Layout: ledger/DESIGN.md, "Signer". Thread: any.
 */
#ifndef LEDGER_SIGNER_PROTO_H
#define LEDGER_SIGNER_PROTO_H

#include "base/address.h"
#include "base/agreement.h"
#include "base/amount.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/offer.h"
#include "ledger/signer/tron_tx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNER_HEAD 9 /* length, type, id */
#define SIGNER_DATA_MAX (1U << 17)
#define SIGNER_FRAME_MAX (SIGNER_DATA_MAX + 4096U)
#define SIGNER_RAW_MAX (SIGNER_DATA_MAX + 512U) /* a signed transaction */
#define SIGNER_PATH_MAX 1024			/* with no NUL */
#define SIGNER_PASS_MAX 1024
#define SIGNER_COLD_MAX 16

enum signer_type {
	SIGNER_UNLOCK = 1,
	SIGNER_STATUS = 2,
	SIGNER_ADDRESS = 3,
	SIGNER_PIN = 4,
	SIGNER_ALLOW_DEPLOY = 5,
	SIGNER_RECEIPT = 6,
	SIGNER_ADOPT = 7,
	SIGNER_TX_EVM = 8,
	SIGNER_TX_TRON = 9,
	SIGNER_CHANNEL = 10,
	SIGNER_AGREEMENT = 11,
	SIGNER_SHEET = 12,
	SIGNER_ENDPOINT = 13,
	SIGNER_STORAGE_KEY = 14,
	SIGNER_LIMITS = 15,
};

/* Which of the owner's accounts. A key file made from a raw key has only the
 * first; asking it for the other is ERR_STATE. */
enum signer_purpose {
	SIGNER_BANDWIDTH = 0,
	SIGNER_STORAGE = 1,
};

/* What the signer may promise or spend by itself. A limit of zero allows
 * nothing. Days are UTC. */
struct signer_limits {
	struct amount payee_per_day; /* promised to one payee */
	struct amount total_per_day; /* promised to all */
	struct amount fee_per_tx;    /* gas x highest price, coin */
	struct amount fee_per_day;   /* coin */
	uint32_t reserve_days;	     /* how far ahead a reserve may end */
};

struct signer_unlock {
	const char *key_path; /* at most SIGNER_PATH_MAX bytes each */
	const char *state_path;
	const char *passphrase; /* at most SIGNER_PASS_MAX bytes */
	enum address_kind kind; /* decides the BIP-32 path */
	uint32_t index[2];	/* by enum signer_purpose; below 2^31 */
	struct signer_limits limits;
	struct address cold[SIGNER_COLD_MAX]; /* where money may go besides */
	size_t cold_len;
};

/* The only bank that receipts and calls are signed for. */
struct signer_domain {
	uint64_t chain_id;
	struct address bank;
	struct address token; /* zero: the chain's coin */
};

/* Lets one contract creation through, before a bank is pinned. */
struct signer_deploy {
	uint64_t chain_id;
	struct hash32 code; /* keccak256 of the transaction's data */
};

struct signer_receipt {
	enum signer_purpose purpose;
	uint64_t chain_id;
	struct address bank;
	struct address payee;
	struct amount amount; /* cumulative, below 2^112 */
};

/* Our account's word that an X25519 key is its own, see eip712_channel(). */
struct signer_channel {
	enum signer_purpose purpose;
	uint64_t chain_id;
	struct address bank;
	uint8_t key[32];
};

/* A revision of an agreement whose renter or host is our storage account. */
struct signer_agreement {
	uint64_t chain_id;
	struct address bank;
	struct agreement agreement;
};

/* What our storage account says of itself as a host. */
struct signer_sheet {
	uint64_t chain_id;
	struct address bank;
	struct sheet sheet;
};
struct signer_endpoint {
	uint64_t chain_id;
	struct address bank;
	struct endpoint endpoint;
};

/* A receipt that this account signed earlier and that a payee gave back. */
struct signer_adopt {
	enum signer_purpose purpose;
	struct address payee;
	struct amount amount;
	struct sig64 sig;
};

/* Values of the wire, so numbered. */
enum signer_tx_style {
	SIGNER_TX_LEGACY = 0, /* EIP-155 */
	SIGNER_TX_1559 = 2,   /* EIP-1559, empty access list */
};

struct signer_tx_evm {
	enum signer_purpose purpose;
	enum signer_tx_style style;
	uint64_t chain_id;
	uint64_t nonce;
	struct amount max_fee; /* coin per gas; the gas price when legacy */
	struct amount tip;     /* coin per gas; zero when legacy */
	uint64_t gas;
	bool create; /* `to` is then zero and data is init code */
	struct address to;
	struct amount value; /* coin sent along */
	const uint8_t *data; /* borrowed */
	size_t data_len;     /* at most SIGNER_DATA_MAX */
};

/* The chain id is not in a TRON transaction: the reference block ties it to its
 * chain. It says which chain the asker means, who must know the pinned one. */
struct signer_tx_tron {
	enum signer_purpose purpose;
	uint64_t chain_id;
	struct tron_tx tx; /* data: borrowed, at most SIGNER_DATA_MAX */
};

struct signer_request {
	enum signer_type type;
	union {
		struct signer_unlock unlock;
		enum signer_purpose purpose; /* SIGNER_ADDRESS */
		struct signer_domain pin;
		struct signer_deploy deploy;
		struct signer_receipt receipt;
		struct signer_adopt adopt;
		struct signer_channel channel;
		struct signer_agreement agreement;
		struct signer_sheet sheet;
		struct signer_endpoint endpoint;
		struct signer_limits limits; /* none above the present */
		struct signer_tx_evm tx;
		struct signer_tx_tron tron;
	} u;
};

struct signer_unlocked {
	bool can_store;		   /* false: a raw key, no phrase */
	struct address account[2]; /* by purpose; [1] zero when !can_store */
};

struct signer_status {
	bool unlocked;
	bool pinned;
	struct signer_domain domain; /* zero until pinned */
	uint32_t day;		     /* days since 1970 that the sums are of */
	struct amount promised;	     /* counted towards total_per_day */
	struct amount fees;	     /* counted towards fee_per_day */
	struct signer_limits limits;
};

struct signer_tx {
	struct hash32 hash;
	const uint8_t *raw; /* ready to send; borrowed from the frame */
	size_t raw_len;	    /* at most SIGNER_RAW_MAX */
};

/* code other than ERR_NONE: refused, `msg` says why in one line, and u has no
 * meaning. PIN, ALLOW_DEPLOY, ADOPT and LIMITS answer
 * nothing more. */
struct signer_reply {
	enum signer_type type;
	enum err_code code;
	char msg[160];
	union {
		struct signer_unlocked unlocked;
		struct signer_status status;
		struct address address;
		struct sig64 sig;
		struct signer_tx tx;
		uint8_t storage_key[32]; /* secret: the caller clears it */
	} u;
};

/* Strings of a decoded SIGNER_UNLOCK, which borrow nothing: the frame has no
 * NULs. Holds a passphrase: keep it in locked memory and clear it. */
struct signer_strings {
	char key_path[SIGNER_PATH_MAX + 1];
	char state_path[SIGNER_PATH_MAX + 1];
	char passphrase[SIGNER_PASS_MAX + 1];
};

/* Length of the whole frame at `buf`, or 0 when its first four bytes are not
 * there yet. ERR_PARSE through *bad when the length is none that can be. */
size_t signer_frame_len(const uint8_t *buf, size_t len, bool *bad);

/* Each returns the frame's length, or 0 when it does not fit or a field is
 * outside its range. */
size_t signer_request_encode(const struct signer_request *q, uint32_t id,
			     uint8_t *buf, size_t cap);
size_t signer_reply_encode(const struct signer_reply *r, uint32_t id,
			   uint8_t *buf, size_t cap);

/* One whole frame. ERR_PARSE: not a message; the peer is broken. `strings` is
 * written for SIGNER_UNLOCK only. */
enum err_code signer_request_decode(struct signer_request *q, uint32_t *id,
				    struct signer_strings *strings,
				    const uint8_t *buf, size_t len,
				    struct err *e)
	__attribute__((warn_unused_result));
enum err_code signer_reply_decode(struct signer_reply *r, uint32_t *id,
				  const uint8_t *buf, size_t len, struct err *e)
	__attribute__((warn_unused_result));

#endif
