/* book.h - the node's double-entry books: the only place where money moves.
 *
 * What it keeps
 *   - entries: each has postings that sum to zero per unit (token, coin); a
 *     balance is the sum of its postings. Cached balances are proved against
 *     that by book_check().
 *   - pairs: per other address the newest receipt from it and the newest that
 *     we gave it, what the chain last said, what has been served or received
 *     on them. A receipt kept here is acknowledged money.
 *   - agreements of ours: what the chain last said, and what they did to our
 *     money. Only final state moves it.
 *   - transactions that cannot be made twice, signed bytes first (section 7 of
 *     docs/protocol.md), budgets of paid downloads.
 *
 * Commit rule
 *   All changes are staged in one open SQLite transaction; reads through the
 *   same struct book see them. book_commit() makes them durable (WAL,
 *   synchronous=FULL) and is called once a turn of the loop; what promises
 *   money (an ack, a receipt, a transaction) is sent only after it returned
 *   ERR_NONE. When it fails everything staged is gone, as if never asked; who
 *   keeps copies in memory loads them again. A function that fails stages
 *   nothing of its own, and earlier changes of the turn stay staged.
 *
 * Receipts are kept at once and booked later: the accounts of a pair follow
 * before anything else happens to it, and in book_tick(). What reads the
 * accounts adds what they lack, so nobody sees the difference.
 *
 * Units: token = what the bank holds, coin = what the chain's fees are paid in.
 * Where the bank holds the coin itself both are posted as token.
 * Times are Unix seconds and come from the caller. Amounts are below 2^112.
 *
 * Errors: ERR_DB for all that SQLite refuses (the message names it; a full disk
 * is told as ERR_IO with ENOSPC), ERR_NOMEM, and what stands at each function.
 * Thread: the loop. Another process may read the same file meanwhile, and
 * book_open_readonly() does.
 */
#ifndef LEDGER_BOOK_H
#define LEDGER_BOOK_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "ledger/book/cover.h"
#include "ledger/book/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct book;

/* A reserve counts as secured only until this long before it ends. */
#define BOOK_SECURED_MARGIN_S (3 * 86400)
#define BOOK_TX_RAW_MAX (128 * 1024 + 1024)
#define BOOK_TX_META_MAX 65536
#define BOOK_TX_FORMS_MAX 8

enum book_unit { BOOK_TOKEN = 1, BOOK_COIN = 2 };

/* Postings are signed: what we have and what we lost is positive, where it came
 * from is negative. (stored: append only) */
enum book_account {
	BOOK_PROMISED = 1, /* asset, per payer: uncashed, may bounce */
	BOOK_SECURED = 2,  /* asset, per payer: uncashed, within its reserve */
	BOOK_BANK = 3,	   /* asset: our free balance in the bank, final */
	BOOK_RESERVED = 4, /* asset, per payee: locked by us in the bank */
	BOOK_WALLET = 5,   /* asset: at our own address outside the bank */
	BOOK_TRANSIT = 6,  /* asset: paid to us, place not seen yet */
	BOOK_OWED = 7,	   /* liability, per payee: promised, not drawn */
	BOOK_EARNED = 8,   /* income, per payer: all receipts ever taken */
	BOOK_SPENT = 9,	   /* expense, per payee: all receipts ever given */
	BOOK_FEES = 10,	   /* expense: paid to the chain */
	BOOK_OUTSIDE = 11, /* equity: others, cold addresses, before the book */
	/* Agreements; the first two as renter, the others as host. */
	BOOK_FUND = 12,	       /* asset, per host: left in our funds, open */
	BOOK_RENT_PAID = 13,   /* expense, per host: drawn from our funds */
	BOOK_COLLATERAL = 14,  /* asset, per renter: locked by us, open */
	BOOK_RENT_EARNED = 15, /* income, per renter: by proofs, revisions */
	BOOK_BURNT = 16,       /* expense, per renter: lost for misses */
};
#define BOOK_ACCOUNT_LAST BOOK_BURNT

/* Why an entry was made. (stored: append only) */
enum book_entry_kind {
	BOOK_RECEIPT_IN = 1, /* grows through one hour per payer */
	BOOK_RECEIPT_OUT = 2,
	BOOK_SECURE = 3,  /* promised <-> secured: a reserve came or ends */
	BOOK_CASH_IN = 4, /* the bank paid us from a payer */
	BOOK_CASH_OUT = 5,
	BOOK_DEPOSIT = 6,
	BOOK_WITHDRAW = 7,
	BOOK_LOCK = 8, /* free <-> reserved for a payee */
	BOOK_FEE = 9,
	BOOK_OBSERVED = 10, /* the chain shows what no entry explains */
	BOOK_MOVED = 11,    /* wallet in or out, beside the bank */
	BOOK_AGREED = 12,   /* free <-> fund or collateral: opened, topped up */
	BOOK_RENT = 13,	    /* the host earned; perhaps it was topped up too */
	BOOK_AGREEMENT_END = 14, /* closed: what is left came back */
	BOOK_UNDONE = 15, /* paid fell: blocks that were final are no more */
};

/* What the chain said of one direction of a pair, in final state. */
struct book_facts {
	bool known; /* false: never read; all below is then zero */
	struct amount paid;
	struct amount reserve;
	struct amount free; /* the payer's free balance */
	int64_t until;	    /* end of the reserve; 0: none */
	uint64_t block;	    /* the block all of it is true at */
};

struct book_in {   /* the other address pays us */
	bool have; /* a receipt is kept */
	struct receipt newest;
	struct amount owed; /* it was served for so much, at least */
	uint64_t owed_rem;  /* and this many 2^-30 units */
	struct book_facts facts;
	bool bounced;		  /* a cash brought less than due; cleared by */
	struct amount due_mark;	  /* `paid` reaching this */
	struct cover_drain drain; /* what its payer's balance lost elsewhere */
};

struct book_out { /* we pay the other address; begins as book_in does */
	bool have;
	struct receipt newest; /* payer is us */
	struct amount owed;    /* bytes that arrived are worth so much */
	uint64_t owed_rem;     /* and this many 2^-30 units */
	struct book_facts facts;
	struct amount lost; /* promised, counted as served by it, not by us */
	uint64_t bytes;	    /* paid bytes that arrived, ever */
	bool banned;	    /* it sent bad data: never paid again */
	/* The counts are exact: no session was open when they were stored. */
	bool settled;
};

struct book_pair {
	struct address peer;
	struct book_in in;
	struct book_out out;
};

/* ---- opening ---------------------------------------------------------- */

/* Opens or creates; migrates. `me` is the account whose books these are: a
 * database of another account is ERR_STATE. path ":memory:" for tests. */
enum err_code book_open(struct book **out, const char *path,
			const struct address *me, struct err *e)
	__attribute__((warn_unused_result));
/* For `ledger check`, `export` and `status` beside a running daemon. ERR_STATE:
 * another schema version. Functions that change answer ERR_STATE. */
enum err_code book_open_readonly(struct book **out, const char *path,
				 struct err *e)
	__attribute__((warn_unused_result));
/* What was staged and not committed is dropped. NULL is a no-op. */
void book_close(struct book *b);
struct address book_me(const struct book *b);

bool book_dirty(const struct book *b);
/* At the end of a turn, once. It also fails when a book_commit_now() of the
 * same turn did: what others had staged before that is gone. */
enum err_code book_commit(struct book *b, struct err *e)
	__attribute__((warn_unused_result));
/* In the middle of a turn, for who cannot wait (a transaction about to be
 * sent): everything staged so far becomes durable. */
enum err_code book_commit_now(struct book *b, struct err *e)
	__attribute__((warn_unused_result));
/* Drops what is staged, as a commit that fails does: the next book_commit()
 * tells it. */
void book_rollback(struct book *b);

/* ---- pairs and receipts ------------------------------------------------ */

/* What is kept about `peer`; all zero (and ERR_NONE) for a stranger. */
enum err_code book_pair_load(struct book *b, struct book_pair *out,
			     const struct address *peer, struct err *e)
	__attribute__((warn_unused_result));

/* Takes a receipt whose signature the caller has checked. ERR_STATE: not above
 * the kept one. `owed`, `owed_rem`: what its payer was served for. */
enum err_code book_receipt_in(struct book *b, const struct receipt *r,
			      struct amount owed, uint64_t owed_rem,
			      int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* Notes a receipt that we signed, before it is sent. `out->newest` is it, the
 * other fields what we count. ERR_STATE: it is below the kept one. `job` is
 * NULL or the paid download whose budget it takes from. */
struct book_job {
	uint8_t key[20]; /* info hash */
	struct amount spent;
};
enum err_code book_receipt_out(struct book *b, const struct address *payee,
			       const struct book_out *out,
			       const struct book_job *job, int64_t now_s,
			       struct err *e)
	__attribute__((warn_unused_result));
/* Counts that moved without a receipt: served, arrived, lost, banned. */
enum err_code book_counts_in(struct book *b, const struct address *payer,
			     struct amount owed, uint64_t owed_rem,
			     struct err *e) __attribute__((warn_unused_result));
enum err_code book_counts_out(struct book *b, const struct address *payee,
			      const struct book_out *out, struct err *e)
	__attribute__((warn_unused_result));
/* The download is over, complete or given up: the same one begun anew has spent
 * nothing. Staged, as a receipt is. */
enum err_code book_job_end(struct book *b, const uint8_t key[20], struct err *e)
	__attribute__((warn_unused_result));
/* Spent so far by a paid download; zero when it is not known. */
enum err_code book_job_load(struct book *b, struct book_job *job, struct err *e)
	__attribute__((warn_unused_result));

/* ---- what the chain says ------------------------------------------------ */

/* Where money cashed by us went. UNKNOWN: a stranger cashed for us. */
enum book_to { BOOK_TO_UNKNOWN, BOOK_TO_BANK, BOOK_TO_WALLET, BOOK_TO_OTHER };

/* A final read of (payer -> us). Books what was paid since, moves money between
 * promised and secured. A read from an older block than the kept one is ignored
 * (ERR_NONE). On one chain `paid` never falls; where it does, blocks that were
 * final were undone, or all nodes lied: it is booked back as UNDONE, and the
 * receipt is due again. ERR_LIMIT: an amount of 2^112 or more. */
enum err_code book_facts_in(struct book *b, const struct address *payer,
			    const struct book_facts *f, enum book_to to,
			    int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* A final read of (us -> payee), f->free being our own free balance. Books what
 * the payee drew and what is reserved. */
enum err_code book_facts_out(struct book *b, const struct address *payee,
			     const struct book_facts *f, int64_t now_s,
			     struct err *e) __attribute__((warn_unused_result));
/* Our own free balance and what our address holds, in final state. What no
 * entry explains is booked as OBSERVED. `wallet` and `coin` may be NULL:
 * unknown. Call it after the pairs and agreements read at the same block; a
 * read of an older block than the kept one is dropped. */
enum err_code book_facts_own(struct book *b, const struct amount *free,
			     const struct amount *wallet,
			     const struct amount *coin, uint64_t block,
			     int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* How many payers' and payees' `paid` fell since the book was opened. */
unsigned book_undone(const struct book *b);
/* Our free balance as last read, less what was seen drawn or reserved since;
 * false: never read. `beyond` (may be NULL): what we promised to all payees and
 * neither they have drawn nor reserves cover. */
bool book_own_funds(struct book *b, struct amount *free, struct amount *beyond);
/* A cash of ours brought less than the receipt was worth: `payer` is trusted no
 * further until `paid` reaches the receipt's amount. */
enum err_code book_bounced(struct book *b, const struct address *payer,
			   struct err *e) __attribute__((warn_unused_result));
/* Books the receipts since the last tick. Reserves that come within
 * BOOK_SECURED_MARGIN_S of their end stop counting as secured. Call it at least
 * once an hour. */
enum err_code book_tick(struct book *b, int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));

/* ---- agreements ---------------------------------------------------------- */

#define BOOK_AGREEMENTS_MAX 65536 /* that a book follows */

struct book_lease { /* names one agreement */
	struct address renter, host;
	uint32_t number;
};
/* An agreement of ours, as renter, host or both, that the book follows. */
struct book_agreement {
	struct book_lease lease;
	bool followed;
	int64_t since_s;      /* followed since */
	uint64_t open_before; /* block; 0: not known */
	bool known;	      /* false: never read; `view` is then zero */
	/* What the bank said last, in final state; state NONE: not opened (yet,
	 * or it never will be). */
	struct bank_agreement view;
	uint64_t block; /* that it is true at */
};

/* Follows it from now on: settle_refresh() reads it and books what it did to
 * our money. Call it (and commit) before a signature that can open it leaves
 * the node. `open_before`: the first block in which nobody can open it any more
 * (its start, since the bank takes only one that lies ahead): when a read of
 * that block or a later one says that it is not open, it is forgotten; 0: not
 * known, it is followed until book_agreement_drop(). One that is followed
 * already only gets the later block. ERR_STATE: neither side is us. ERR_LIMIT:
 * BOOK_AGREEMENTS_MAX. */
enum err_code
book_agreement_follow(struct book *b, const struct book_lease *lease,
		      uint64_t open_before, int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* Forgets one that nobody can open any more. ERR_STATE: it was opened, and its
 * money is in the book. Nothing when it is not followed. */
enum err_code book_agreement_drop(struct book *b,
				  const struct book_lease *lease, struct err *e)
	__attribute__((warn_unused_result));
/* A final read of it, by settle_refresh(), settle's own transactions, or
 * whoever reads it. Books what was locked, earned, burnt and came back since
 * the read before; one of an older block than the kept one is dropped. What is
 * open is followed from then on. ERR_CHAIN: the bank says less than it said
 * before, or what cannot be; nothing is changed. ERR_STATE, ERR_LIMIT: as
 * above. */
enum err_code book_agreement_facts(struct book *b,
				   const struct book_lease *lease,
				   const struct bank_agreement *view,
				   uint64_t block, int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* By out->lease; all else is zero, `followed` too, when it is not known. */
enum err_code book_agreement_load(struct book *b, struct book_agreement *out,
				  struct err *e)
	__attribute__((warn_unused_result));
/* All that are followed, closed ones too, by renter, host and number. fn may
 * not change the book. Return false to stop. */
typedef bool book_agreement_fn(void *ctx, const struct book_agreement *a);
enum err_code book_agreement_list(struct book *b, book_agreement_fn *fn,
				  void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* Of a view: what is left in the fund, what is locked as collateral (both zero
 * unless it is open), and what of the collateral was burnt when it was closed.
 */
struct amount book_fund_left(const struct bank_agreement *v);
struct amount book_collateral_held(const struct bank_agreement *v);
struct amount book_collateral_burnt(const struct bank_agreement *v);

/* ---- settlement ---------------------------------------------------------- */

/* One uncashed receipt, with what cashing it could bring. */
struct book_due {
	struct receipt receipt;
	struct amount uncashed; /* amount - paid, as far as paid is known */
	struct amount secured;	/* of that, within the reserve */
	int64_t until;		/* end of that reserve; 0: none */
	bool known;		/* the chain was read for this pair */
	bool bounced;
	struct amount free;    /* the payer's, last read */
	struct amount reserve; /* of the payer for us, whenever it ends */
	enum cover cover;      /* is it going away? */
};
/* Return false to stop. */
typedef bool book_due_fn(void *ctx, const struct book_due *d);
/* The uncashed receipts, most worth first. */
enum err_code book_due_list(struct book *b, int64_t now_s, book_due_fn *fn,
			    void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* ---- transactions ---------------------------------------------------------
 */

/* (stored: append only) */
enum book_tx_kind {
	BOOK_TX_DEPLOY = 1,
	BOOK_TX_APPROVE = 2,
	BOOK_TX_DEPOSIT = 3,
	BOOK_TX_WITHDRAW = 4,
	BOOK_TX_RESERVE = 5,
	BOOK_TX_RELEASE = 6,
	BOOK_TX_CASH = 7,
	BOOK_TX_OTHER = 8,
	BOOK_TX_OPEN = 9,
	BOOK_TX_REVISE = 10,
	BOOK_TX_TOP_UP = 11,
	BOOK_TX_CLOSE = 12,
	BOOK_TX_ANCHOR = 13,
	BOOK_TX_PROVE = 14,
};
enum book_tx_state {
	BOOK_TX_PENDING = 1,
	BOOK_TX_FINAL = 2,  /* mined, final, did what it should */
	BOOK_TX_FAILED = 3, /* mined, final, reverted: only the fee is gone */
	BOOK_TX_GONE = 4,   /* can never be mined any more */
};

struct book_tx {
	int64_t id; /* given by book_tx_add */
	enum book_tx_kind kind;
	enum book_tx_state state;
	uint64_t slot;	      /* chain.h: nonce or expiration */
	struct amount amount; /* of deposit, withdraw, ...; zero: none */
	struct address to;    /* payee, receiver or contract */
	uint64_t block;	      /* where it became final; 0: not yet */
	struct amount fee;    /* coin, once final */
	int64_t made_s;
	const uint8_t *meta; /* whoever made it may keep bytes here */
	size_t meta_len;
};
struct book_tx_form {
	struct hash32 txid;
	struct amount fee_max;
	const uint8_t *raw;
	size_t raw_len;
};

/* Stages a transaction and its first signed form; tx->id is set. It is sent
 * after the commit. ERR_LIMIT: raw or meta too long. */
enum err_code book_tx_add(struct book *b, struct book_tx *tx,
			  const struct book_tx_form *form, struct err *e)
	__attribute__((warn_unused_result));
/* A further form of the same slot. ERR_LIMIT: BOOK_TX_FORMS_MAX reached.
 * ERR_STATE: not pending. */
enum err_code book_tx_add_form(struct book *b, int64_t id,
			       const struct book_tx_form *form, struct err *e)
	__attribute__((warn_unused_result));
/* Ends a pending transaction. `fee` (coin) is booked unless zero. With FINAL a
 * deposit or withdrawal is booked too (amount, to). ERR_STATE: not pending. */
enum err_code book_tx_end(struct book *b, int64_t id, enum book_tx_state state,
			  uint64_t block, struct amount fee, int64_t now_s,
			  struct err *e) __attribute__((warn_unused_result));
/* Forms are oldest first. What they point to lives until fn returns; fn may
 * not change the book. Return false to stop. */
typedef bool book_tx_fn(void *ctx, const struct book_tx *tx,
			const struct book_tx_form *forms, size_t n_forms);
/* All in `state`, oldest first; `limit` 0: all. */
enum err_code book_tx_list(struct book *b, enum book_tx_state state,
			   unsigned limit, book_tx_fn *fn, void *ctx,
			   struct err *e) __attribute__((warn_unused_result));
/* One past the highest slot stored (0 when none): chain.h's slot_floor. */
enum err_code book_tx_slot_floor(struct book *b, uint64_t *out, struct err *e)
	__attribute__((warn_unused_result));

/* True where the bank holds the chain's own coin: fees are then posted as
 * token. Kept in the book, unless that is open for reading; false at first. */
enum err_code book_set_coin_is_token(struct book *b, bool is, struct err *e)
	__attribute__((warn_unused_result));

/* Small facts that must survive: the bank's checked code hash, the account
 * index. `value` up to 4096 bytes. get: *len is the room on entry, the length
 * on return; 0 when the key is not there. ERR_LIMIT: no room. */
enum err_code book_note_set(struct book *b, const char *key, const void *value,
			    size_t len, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_note_get(struct book *b, const char *key, void *value,
			    size_t *len, struct err *e)
	__attribute__((warn_unused_result));

/* ---- reading for people ---------------------------------------------------
 */

struct book_totals {		/* token, but for `fees` */
	struct amount promised; /* uncashed, unsecured */
	struct amount secured;	/* uncashed, within reserves */
	struct amount final;	/* what payers' receipts brought, ever */
	struct amount spent;	/* promised by us, ever */
	struct amount owed;	/* promised by us, not drawn yet */
	struct amount bank;	/* our free balance, as booked */
	struct amount reserved; /* locked by us for payees */
	struct amount wallet;
	struct amount fees;	   /* coin (token where they are the same) */
	struct amount fund;	   /* left in our funds of open agreements */
	struct amount collateral;  /* locked by us in open agreements */
	struct amount rent_earned; /* as host, ever */
	struct amount rent_paid;   /* as renter, ever */
	struct amount burnt;	   /* of our collateral, ever */
	uint64_t entries;
};
enum err_code book_totals(struct book *b, struct book_totals *out,
			  struct err *e) __attribute__((warn_unused_result));

typedef bool book_pair_fn(void *ctx, const struct book_pair *p);
/* Every pair: payers in order of address, then payees that are no payers. */
enum err_code book_pair_list(struct book *b, book_pair_fn *fn, void *ctx,
			     struct err *e) __attribute__((warn_unused_result));

/* One finding of book_check(). */
typedef void book_finding_fn(void *ctx, const char *what);

/* Proves the book against itself: receipts are signed (in the bank's `domain`,
 * as eip712_domain(); NULL: it is not known, and they are not looked at), every
 * entry sums to zero per unit, cached balances are the sums of their postings,
 * receipts and what is booked for them agree, what is promised covers what is
 * owed, what is locked in agreements is what the bank said of them,
 * transactions have their bytes. `findings` gets how many things are wrong; fn
 * (may be NULL) a line each. */
enum err_code book_check(struct book *b, const struct hash32 *domain,
			 book_finding_fn *fn, void *ctx, unsigned *findings,
			 struct err *e) __attribute__((warn_unused_result));

/* The book against the chain, each thing read in final state. */
struct book_chain_pair {
	struct address peer;
	bool in; /* peer -> us; else us -> peer */
	struct book_facts facts;
};
struct book_chain_agreement {
	struct book_lease lease;
	struct bank_agreement view;
};
struct book_chain {
	bool free_known, wallet_known;
	struct amount free, wallet;
	const struct book_chain_pair *pairs;
	size_t n_pairs;
	/* Every agreement that the book follows; false: some are unknown. */
	bool agreements_known;
	const struct book_chain_agreement *agreements;
	size_t n_agreements;
};
/* Each difference is a finding; what is not known is not compared. */
enum err_code book_check_chain(struct book *b, const struct book_chain *chain,
			       book_finding_fn *fn, void *ctx,
			       unsigned *findings, struct err *e)
	__attribute__((warn_unused_result));

/* A word for each; for people and for the export. */
const char *book_account_name(enum book_account kind);
const char *book_entry_name(enum book_entry_kind kind);

/* One line a posting: entry, time (UTC), kind, account, peer (0x...), unit,
 * amount in units with its sign, transaction (0: none).
 * Entry 0, without a time: receipts not booked yet. ERR_IO: writing failed.
 */
enum err_code book_export_csv(struct book *b, FILE *out, struct err *e)
	__attribute__((warn_unused_result));

#endif
