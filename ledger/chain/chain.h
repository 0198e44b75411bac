/* chain.h - the chain as the rest of the program sees it: read, try, sign,
 * send, follow; the same for EVM JSON-RPC and TRON's HTTP API.
 *
 * What the two kinds of chain have in common is all that stands here. A call
 * is sender, target, coin and calldata; its cost is counted in `units` (gas or
 * energy) and paid in coin; a signed transaction occupies a `slot`, after which
 * it can no longer be mined (EVM: its nonce, taken by another transaction;
 * TRON: its expiration, passed by a final block).
 *
 * Rules
 *   - "Unknown" is never zero: every answer says whether it is known. A node
 *     that cannot be reached, or talks nonsense, leaves it unknown.
 *   - Everything is asynchronous. A callback comes exactly once, never before
 *     the call that asked has returned, on the loop thread; what it points to
 *     lives until it returns. chain_forget() takes callbacks back.
 *   - Money moves by CHAIN_FINAL only; CHAIN_LATEST is for showing and for
 * fees.
 *   - Coin amounts are in the coin's smallest unit (wei, sun).
 * Source: docs/protocol.md, sections 4 and 7. Thread: the loop.
 */
#ifndef LEDGER_CHAIN_H
#define LEDGER_CHAIN_H

#include "base/address.h"
#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "contracts-abi/abi.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_MAX_ASKS 4096	 /* questions in one read */
#define CHAIN_MAX_CODE (1 << 16) /* bytes of code at one address */
#define CHAIN_MAX_DATA (1 << 17) /* calldata or init code of one call */
#define CHAIN_MAX_LOGS 2048	 /* events of one transaction */
#define CHAIN_MAX_RAW (CHAIN_MAX_DATA + 1024)
#define CHAIN_MAX_LIST 128   /* agreements in one CHAIN_ASK_LIST */
#define CHAIN_MAX_FORMS 8    /* signed forms of one transaction, by fee */
#define CHAIN_REASON_MAX 128 /* why a call would fail, with the NUL */

struct chain;

enum chain_state {
	CHAIN_LATEST, /* the newest block; may be undone */
	CHAIN_FINAL,  /* what the profile's confirmation rule calls final */
};

/* What can be asked. `c` names a contract, `a` and `b` accounts. */
enum chain_ask_what {
	CHAIN_ASK_ID,		 /* number: the chain's id */
	CHAIN_ASK_COIN,		 /* a: amount of coin */
	CHAIN_ASK_CODE,		 /* c: data, empty when nothing lies there */
	CHAIN_ASK_FREE,		 /* c bank, a account: amount */
	CHAIN_ASK_PAIR,		 /* c bank, a payer, b payee: pair */
	CHAIN_ASK_BANK_TOKEN,	 /* c bank: address; zero when it is the coin */
	CHAIN_ASK_TOKEN_BALANCE, /* c token, a owner: amount */
	CHAIN_ASK_ALLOWANCE,	 /* c token, a owner, b spender: amount,
				    2^128-1 when it is that or more */
	CHAIN_ASK_DECIMALS,	 /* c token: number, 0 to 255 */
	CHAIN_ASK_SYMBOL,	 /* c token: text, printable ASCII */
	CHAIN_ASK_PERIOD,	 /* c bank: number, blocks of a period */
	CHAIN_ASK_BEACON,    /* c bank, n[0] period: hash, zero when it is not
				recorded */
	CHAIN_ASK_AGREEMENT, /* c bank, a renter, b host, n[0] number:
				agreement */
	CHAIN_ASK_NEXT,	     /* c bank, a renter, b host: number, of the next
				agreement between them */
	CHAIN_ASK_COUNT,     /* c bank, a renter: number of agreements */
	CHAIN_ASK_LIST,	     /* c bank, a renter, n[0] from, n[1] at most
				(CHAIN_MAX_LIST): data, for
				bank_next_listed() */
};

struct chain_ask {
	enum chain_ask_what what;
	struct address c, a, b;
	uint32_t n[2];
};

/* One word of the bank, as bank.pair() gives it. */
struct chain_pair {
	struct amount paid;    /* ever, never falls */
	struct amount reserve; /* still locked for the payee */
	uint32_t until;	       /* Unix s; the payer can release after it */
};

struct chain_answer {
	bool known;    /* false: all below is meaningless, `why` says why */
	bool disputed; /* nodes differ: unknown, whatever others say */
	struct amount amount;
	struct chain_pair pair;
	uint64_t number;
	struct address address;
	struct hash32 hash;
	struct bank_agreement agreement;
	char text[ABI_TEXT_MAX];
	const uint8_t *data; /* borrowed until the callback returns */
	size_t len;
	char why[160];
};

/* The block that all answers of a read are true at. */
struct chain_view {
	uint64_t block;
	uint64_t time_s;
	struct hash32 hash;
};

/* `e` is NULL or says why nothing at all is known (then n is 0). */
typedef void chain_read_fn(void *ctx, const struct chain_view *at,
			   const struct chain_answer *answers, size_t n,
			   const struct err *e);

struct chain_call {
	struct address from;
	struct address to;   /* ignored when `create` */
	bool create;	     /* data is init code */
	struct amount value; /* coin sent along */
	const uint8_t *data; /* copied by whoever keeps it */
	size_t len;
};

/* What an account has to pay fees with: stake goes first, then coin. */
struct chain_means {
	bool known;
	struct amount coin;
	/* TRON: energy and bandwidth of stake, and of the day's free share,
	 * that are left now; elsewhere zero. */
	uint64_t units, bytes, free_bytes;
};

/* What a call would do and cost, were it mined now. */
struct chain_trial {
	bool ok; /* false: it would fail, `reason` says why */
	char reason[CHAIN_REASON_MAX]; /* chain_revert_words() */
	bool no_funds;	   /* when not ok: the sender's means do not cover it */
	bool out_of_time;  /* TRON, when not ok: it would take too long;
			      less of the same may not */
	uint64_t units;	   /* gas or energy, without margin */
	struct amount fee; /* coin, expected */
	struct amount fee_max; /* coin, the most that can be taken */
	uint8_t ret[32];       /* first word returned; zero when none */
	bool has_ret;
	struct chain_means means; /* the sender's, before the call */
	/* TRON: bandwidth that it takes, and what a unit and a byte cost that
	 * no stake pays; elsewhere zero. */
	uint64_t bytes, unit_price, byte_price;
};

/* `e`: nothing is known; else `t` is valid, whether t->ok or not. */
typedef void chain_trial_fn(void *ctx, const struct chain_trial *t,
			    const struct err *e);

/* `e`: nothing is known. */
typedef void chain_means_fn(void *ctx, const struct chain_means *m,
			    const struct err *e);

/* One signed form of a transaction. Forms of one transaction share the slot and
 * the content and differ in the fee, so at most one can ever be mined. */
struct chain_form {
	struct hash32 txid;
	uint64_t slot; /* EVM: nonce. TRON: expiration, Unix ms */
	struct amount fee_max;
	const uint8_t *raw; /* the bytes that are sent, and sent again */
	size_t raw_len;
};

typedef void chain_form_fn(void *ctx, const struct chain_form *f,
			   const struct err *e);

enum chain_send_result {
	CHAIN_SENT,	  /* taken, or known already */
	CHAIN_SEND_LATER, /* the node is busy, unreachable or behind */
	CHAIN_SEND_SLOT,  /* slot taken or expired: ask for its fate */
	CHAIN_SEND_FEE,	  /* the fee is under what the node takes now */
	CHAIN_SEND_FUNDS, /* the sender has too little coin for value + fee */
	CHAIN_SEND_NO,	  /* refused for good; `why` says why */
};

typedef void chain_send_fn(void *ctx, enum chain_send_result r,
			   const char *why);

struct chain_log {
	struct address where; /* the contract that wrote it */
	struct hash32 topics[4];
	size_t n_topics;
	const uint8_t *data;
	size_t len;
};

enum chain_fate {
	CHAIN_FATE_UNKNOWN, /* nobody answered, or answers differ */
	CHAIN_FATE_PENDING, /* not in a block; may still be mined */
	CHAIN_FATE_MINED,   /* in a block that may be undone */
	CHAIN_FATE_FINAL,   /* in a final block */
	CHAIN_FATE_GONE,    /* in no block, and never will be */
};

/* Valid when MINED or FINAL. */
struct chain_outcome {
	struct hash32 txid; /* which form it was */
	bool ok;	    /* false: it failed; only the fee was spent */
	bool out_of_time;   /* TRON, when not ok: as in a trial */
	uint64_t block;
	uint64_t units;	   /* gas or energy used */
	struct amount fee; /* coin paid for it */
	struct address created;
	const struct chain_log *logs; /* borrowed until the callback returns */
	size_t n_logs;
};

typedef void chain_fate_fn(void *ctx, enum chain_fate fate,
			   const struct chain_outcome *o);

/* What a backend does; tests put a fake here. Same rules as the functions
 * below, which are thin checks around these. */
struct chain_ops {
	void (*free)(struct chain *ch);
	void (*forget)(struct chain *ch, void *ctx);
	void (*read)(struct chain *ch, enum chain_state state,
		     const struct chain_ask *asks, size_t n, chain_read_fn *cb,
		     void *ctx);
	void (*try_call)(struct chain *ch, const struct chain_call *call,
			 chain_trial_fn *cb, void *ctx);
	void (*form)(struct chain *ch, const struct chain_call *call,
		     uint64_t units, const struct chain_form *older,
		     uint64_t slot_floor, chain_form_fn *cb, void *ctx);
	void (*send)(struct chain *ch, const uint8_t *raw, size_t len,
		     chain_send_fn *cb, void *ctx);
	void (*fate)(struct chain *ch, const struct address *from,
		     uint64_t slot, const struct hash32 *txids, size_t n,
		     chain_fate_fn *cb, void *ctx);
	void (*means)(struct chain *ch, const struct address *who,
		      chain_means_fn *cb, void *ctx);
};

/* How the coin is written; symbol NULL: unknown. */
struct chain_coin {
	const char *symbol; /* borrowed: lives as long as the chain */
	unsigned decimals;
	enum address_kind address; /* of those who have some */
};

struct chain { /* first member of each backend's own struct */
	const struct chain_ops *ops;
	const char *units; /* "gas" or "energy" */
	struct chain_coin coin;
	/* A slot is a time after which nothing can be mined in it, and no other
	 * form can take a transaction's place: fees are not raised, a refusal
	 * ends nothing before the slot has passed, and what it passed without
	 * is formed anew. */
	bool expires;
	/* How many questions a read gets answered in one round trip; 0: all. A
	 * longer one may never end where blocks come fast, since all answers
	 * are of one block. */
	size_t at_once;
};

/* Drops what is under way without calling back. NULL is a no-op. */
void chain_free(struct chain *ch);

/* No callback with this ctx comes any more; for an owner that goes away first.
 * What was already sent to the chain stays sent. */
void chain_forget(struct chain *ch, void *ctx);

/* Asks n questions (1 to CHAIN_MAX_ASKS) of one and the same block. `asks` is
 * copied. The callback's e: nobody could be reached (ERR_CHAIN), or too many
 * questions (ERR_LIMIT). One question that fails leaves its own answer unknown.
 * With several nodes and CHAIN_FINAL the most cautious answer counts: the
 * smallest balance, reserve and until, the largest paid; for what has no order
 * (code, id, token) all must say the same, else it is unknown. */
void chain_read(struct chain *ch, enum chain_state state,
		const struct chain_ask *asks, size_t n, chain_read_fn *cb,
		void *ctx);

/* Runs the call without sending it, on the newest block of each node: it would
 * fail where one says so, else the dearest answer counts. */
void chain_try(struct chain *ch, const struct chain_call *call,
	       chain_trial_fn *cb, void *ctx);

/* Builds the call as a transaction and has it signed by the signer, which
 * may refuse (ERR_FUNDS, ERR_STATE). Nothing is sent: the caller stores the
 * form first. `units` is what chain_try() said; the limit adds a margin.
 * older: NULL for a fresh slot (always where slots expire), at or above
 * `slot_floor` (EVM: one past the highest nonce that the caller has stored);
 * else the newest form of a transaction that is stuck: same slot, same content,
 * higher fee. ERR_LIMIT: the fee would pass the user's maximum. ERR_CHAIN: node
 * trouble. */
void chain_form_tx(struct chain *ch, const struct chain_call *call,
		   uint64_t units, const struct chain_form *older,
		   uint64_t slot_floor, chain_form_fn *cb, void *ctx);

/* Sends stored bytes, to every node that the profile names. Sending the same
 * bytes again is always safe. */
void chain_send(struct chain *ch, const uint8_t *raw, size_t len,
		chain_send_fn *cb, void *ctx);

/* What became of a transaction, given all its forms (1 to CHAIN_MAX_FORMS).
 * GONE only when the slot has passed in final state. */
void chain_ask_fate(struct chain *ch, const struct address *from, uint64_t slot,
		    const struct hash32 *txids, size_t n, chain_fate_fn *cb,
		    void *ctx);

/* What an account has for fees on the newest block, for showing. */
void chain_ask_means(struct chain *ch, const struct address *who,
		     chain_means_fn *cb, void *ctx);

/* Takes a call's cost out of the means, and tells the fee in coin. On TRON
 * stake pays energy as far as it goes, and all bytes or none; elsewhere the fee
 * is the trial's, and what can be taken at most must be there. False: the coin
 * does not cover it; *m is as it was then, the fee is told all the same. */
bool chain_means_pay(struct chain_means *m, struct amount *fee,
		     const struct chain_trial *t);
/* "not enough TRX or energy: need 5, have 2: send it to T..." */
void chain_no_funds_words(char out[CHAIN_REASON_MAX],
			  const struct chain_coin *coin,
			  const struct address *who, struct amount need,
			  struct amount has);

/* ---- shared by the backends ---------------------------------------------- */

/* The same of units and bytes alone, at these prices: the fee. */
struct amount chain_means_burn(struct chain_means *m, uint64_t units,
			       uint64_t bytes, uint64_t unit_price,
			       uint64_t byte_price);

#define CHAIN_ASK_DATA 100 /* the longest calldata of a question */

/* Calldata of the view call that answers a question; 0: none does (id, coin,
 * code are asked in other ways). */
size_t chain_ask_calldata(uint8_t buf[CHAIN_ASK_DATA],
			  const struct chain_ask *ask);
/* Reads what that call returned. A malformed or empty return leaves the answer
 * unknown, with `why`. out->data, where the question has any, borrows from
 * `data`. */
void chain_ask_answer(struct chain_answer *out, const struct chain_ask *ask,
		      const uint8_t *data, size_t len);
/* One answer out of two nodes' (CHAIN_FINAL), the more cautious into `into`.
 * False: they differ, for the log; where there is no order it is then
 * unknown. An unknown answer yields to a known one. */
bool chain_answer_merge(struct chain_answer *into,
			const struct chain_answer *other,
			enum chain_ask_what what);
/* Data of a reverted call in words: Error(string), Panic(uint256), one of the
 * bank's own errors as a sentence of under 96 characters that says what is in
 * the way, else its first four bytes. */
void chain_revert_words(char *out, size_t cap, const uint8_t *data, size_t len);

#endif
