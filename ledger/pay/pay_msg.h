/* pay_msg.h - the messages of sb_pay as values, and their one encoding.
 *
 * Each is a bencoded dictionary with sorted keys, "t" naming the message
 * (docs/protocol.md section 5 has the tables). Amounts are strings of exactly
 * 14 bytes, addresses of 20, signatures of 64, keys of 32. Keys not known are
 * skipped; a missing or malformed one, or a value outside its range, is
 * ERR_PARSE and costs the sender its connection. Encoding what was decoded
 * gives the same bytes unless unknown keys were there.
 * Pure; thread: any.
 */
#ifndef LEDGER_PAY_MSG_H
#define LEDGER_PAY_MSG_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "ledger/book/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAY_VERSION 1
#define PAY_MSG_MAX 16384 /* bytes taken; ours are under 512 */
#define PAY_MSG_ROOM 512
#define PAY_GIB (UINT64_C(1) << 30)
#define PAY_STEP_MIN (256U << 10) /* bytes that a receipt leads by at first */
/* And at most: the bytes of the last second up to PAY_STEP_SLOW; on links that
 * are faster than 128 MiB/s those of a sixteenth of it, up to PAY_STEP_MAX: of
 * the last one, as far as sixteen times as much has ever been delivered. */
#define PAY_STEP_SLOW (8U << 20)
#define PAY_STEP_FAST_DIV 16U
#define PAY_STEP_MAX (64U << 20)
#define PAY_BLOCK_MAX (128U << 10) /* largest block that is ever charged */
#define PAY_BYTES_MAX (INT64_C(1) << 60)
#define PAY_WHY_MAX 80

enum pay_msg_kind {
	PAY_MSG_ASK = 1, /* buyer: what do you sell for? */
	PAY_MSG_TERMS,	 /* seller */
	PAY_MSG_BID,	 /* buyer */
	PAY_MSG_OK,	 /* seller: bid taken */
	PAY_MSG_NO,	 /* seller: refused, and why */
	PAY_MSG_RECEIPT, /* buyer */
	PAY_MSG_ACK,	 /* seller: stored, so far served, so far serving */
	PAY_MSG_HELD,	 /* seller: I hold a higher one of yours */
	PAY_MSG_METER,	 /* seller: from here on charged, or not */
};

enum pay_no { /* on the wire: never renumber */
	      PAY_NO_NONE = 0,
	      PAY_NO_BUSY = 1,	/* asked too often from there: later */
	      PAY_NO_BANK = 2,	/* another chain or bank */
	      PAY_NO_PRICE = 3, /* bid under the floor */
	      PAY_NO_EXPOSURE =
		      4, /* stored, but not served on before it is cashed */
	      PAY_NO_STORE = 5,	  /* could not be stored: not acknowledged */
	      PAY_NO_SELLING = 6, /* does not sell (any more) */
	      PAY_NO_BANNED = 7,  /* not to you */
};
#define PAY_NO_LAST PAY_NO_BANNED

struct pay_msg_ask {
	uint8_t version; /* highest spoken, 1 .. 255 */
	uint64_t chain_id;
	struct address bank;
};
struct pay_msg_terms {
	uint8_t version;
	uint64_t chain_id;
	struct address bank, payee;
	struct amount price; /* per GiB, the least it takes; not 0 */
	uint32_t step;	     /* bytes that a receipt should lead by at least */
	uint8_t key_sig[RECEIPT_SIG_LEN]; /* over Channel(payee, seal key) */
};
struct pay_msg_price {	     /* BID, OK */
	struct amount price; /* not 0 */
};
struct pay_msg_no {
	enum pay_no code;
	struct amount price;	   /* PRICE: the floor. EXPOSURE: the limit */
	char why[PAY_WHY_MAX + 1]; /* printable ASCII, for people */
};
struct pay_msg_receipt {
	struct receipt r;
	struct amount owed; /* what the buyer counts as served, ever */
	uint64_t bytes;	    /* paid bytes that arrived in this session */
};
struct pay_msg_ack {
	struct amount amount; /* newest receipt stored */
	struct amount limit;  /* it serves up to here at present */
	struct amount owed;   /* what the seller counts as served, ever */
	bool hold;	      /* blocks wait for the next receipt */
};
struct pay_msg_held {
	struct amount amount;
	uint8_t sig[RECEIPT_SIG_LEN];
};
struct pay_msg_meter {
	bool paid;
	struct amount price; /* per GiB; zero when not paid */
	uint64_t bytes;	     /* charged in this session before this message */
};

struct pay_msg {
	enum pay_msg_kind kind;
	union {
		struct pay_msg_ask ask;
		struct pay_msg_terms terms;
		struct pay_msg_price price;
		struct pay_msg_no no;
		struct pay_msg_receipt receipt;
		struct pay_msg_ack ack;
		struct pay_msg_held held;
		struct pay_msg_meter meter;
	} u;
};

/* ERR_PARSE: see above. ERR_LIMIT: longer than PAY_MSG_MAX. ERR_NOMEM. */
enum err_code pay_msg_decode(struct pay_msg *out, const uint8_t *buf,
			     size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* Bytes written, 0 when cap is too small (PAY_MSG_ROOM never is) or a value is
 * out of its range. */
size_t pay_msg_encode(const struct pay_msg *m, uint8_t *buf, size_t cap);
/* Which side sends this kind: true for the buyer. */
bool pay_msg_from_buyer(enum pay_msg_kind kind);

#endif
