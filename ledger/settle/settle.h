/* settle.h - journeys between the book and the chain: reading, cashing,
 * depositing, withdrawing, reserving, deploying.
 *
 * Everything is asynchronous. A journey tells its steps (settle_step_fn, may be
 * NULL) and ends with one settle_done_fn; both come from the loop, never before
 * the call that began it has returned. What was sent goes on by itself when a
 * journey is forgotten or the program stops: the outbox keeps it, and the next
 * start follows it to its end and books it.
 *
 * Which receipts are cashed: a receipt is worth what cashing it would draw now,
 * min(uncashed, reserve + the payer's free balance), each payer's free balance
 * counted once. Where the coin's price is known, what is worth no more than
 * twice its own share of the fee waits, unless `all` is asked for; where it is
 * not, only the user's own hand cashes, and then all that brings anything. What
 * then waits and may be lost by that (cover.h) is tried once more by itself.
 * Batches of at most profile.batch, most worth first; half as many receipts
 * after one took longer than the chain lets it run, and slowly more again
 * (batch.h). Batches of a run have no payer in common, so several are on their
 * way to a block at once: one at first, another one more after each that did
 * well, SETTLE_ABREAST at most. The first that is refused for want of coin or
 * by a limit, or fails in its block, ends the run.
 *
 * What becomes of crashes stands in DESIGN.md, "Settlement". Thread: the loop.
 */
#ifndef LEDGER_SETTLE_H
#define LEDGER_SETTLE_H

#include "base/log.h"
#include "base/loop.h"
#include "ledger/book/book.h"
#include "ledger/chain/chain.h"
#include "ledger/chain/profile.h"
#include "ledger/settle/outbox.h"

#define SETTLE_MAX_DUE 16384	/* receipts that one settlement looks at */
#define SETTLE_MAX_BATCHES 1024 /* and transactions that it makes */
#define SETTLE_ABREAST 16	/* of them on their way to a block at a time */
#define SETTLE_OPEN 48		/* and not final yet, with those */
#define SETTLE_MAX_BATCH 200	/* receipts, whatever the profile says */

struct settle;

/* What a coin is worth in tokens: token units = coin units * num / den. */
struct settle_price {
	bool known; /* false: settle by hand only */
	uint64_t num, den;
};

/* From tokens (in units) for one whole coin. Unknown when it is zero. */
struct settle_price settle_price_of(struct amount token_units_per_coin,
				    unsigned coin_decimals);
/* 1 to 1: the token is the coin. */
struct settle_price settle_price_same(void);
/* Coin as token units, rounded up; false: unknown price, or past 2^128. */
bool settle_in_token(struct amount *out, struct amount coin,
		     const struct settle_price *price);

struct settle_config {
	struct address me;
	struct settle_price price;
	unsigned fee_share;	 /* percent, see settle_due() */
	int64_t (*unix_s)(void); /* for entries in the book */
	/* Called before a contract is created, since the signer lets none
	 * through otherwise: answers settle_deploy_allowed(), at once or later.
	 * NULL: no need to ask. */
	void (*allow_deploy)(void *ctx, struct settle *s, uint64_t chain_id,
			     const struct hash32 *code);
	/* The chain was read and the book committed: pairs may have changed. */
	void (*on_facts)(void *ctx);
	void *ctx;
	int64_t poll_ms; /* of the outbox; 0: from the profile's block time */
};

/* All but cfg are borrowed and outlive it. What the last run left under way is
 * taken up at once. ERR_DB, ERR_NOMEM. */
enum err_code settle_new(struct settle **out, struct loop *loop,
			 struct chain *chain, struct book *book,
			 const struct profile *profile,
			 const struct settle_config *cfg, struct log *log,
			 struct err *e) __attribute__((warn_unused_result));
/* NULL is a no-op. */
void settle_free(struct settle *s);
/* After `contract deploy`, or when settings change. ERR_DB; unchanged then. */
enum err_code settle_set_profile(struct settle *s,
				 const struct profile *profile, struct err *e)
	__attribute__((warn_unused_result));
void settle_set_price(struct settle *s, const struct settle_price *price);
/* Whose settlements these are. */
struct address settle_account(const struct settle *s);
/* No callback with this ctx comes any more. */
void settle_forget(struct settle *s, void *ctx);
/* Transactions that are not final yet. */
const struct outbox_record *settle_pending(const struct settle *s, size_t i);

/* ---- steps and results ----------------------------------------------------
 */

/* One step of one transaction, for a line on the screen or in JSON. */
struct settle_step {
	enum outbox_kind kind;
	enum outbox_step step;
	struct address target;	   /* whom the transaction calls */
	struct amount amount;	   /* token units that move; zero: none */
	const struct hash32 *txid; /* NULL: none yet */
	uint64_t units;		   /* gas or energy, expected or used */
	struct amount fee;	   /* coin, expected or paid */
	/* TRON, when it was tried: what no stake pays for costs so much. */
	uint64_t unit_price, byte_price;
	const char *text; /* what happened, in words, no amounts */
};
typedef void settle_step_fn(void *ctx, const struct settle_step *st);

/* Of a whole journey. */
struct settle_result {
	unsigned transactions; /* final and successful */
	unsigned receipts;     /* cashed in full */
	unsigned bounced;      /* cashed in part or not at all */
	struct amount moved;   /* token units: cashed, deposited, ... */
	struct amount fee;     /* coin paid for all of it */
	uint64_t units;	       /* gas or energy used */
	bool out_of_time; /* one took longer than the chain lets it: less of the
			   * same may not */
	struct hash32 txid;  /* of the last one */
	struct address bank; /* deploy: what was made */
	struct address token;
};
/* e NULL: all of it is final. Else r holds what was done before it failed;
 * ERR_FUNDS, ERR_STATE and ERR_LIMIT are for the user to mend, ERR_CHAIN may
 * pass by itself. */
typedef void settle_done_fn(void *ctx, const struct settle_result *r,
			    const struct err *e);

/* ---- reading ---------------------------------------------------------------
 */

typedef void settle_read_fn(void *ctx, const struct err *e);

/* Reads our own balances, every pair of the book and every agreement that it
 * follows (but closed ones, which cannot move) in final state, and books what
 * changed. ERR_CHAIN: unknown, nothing was changed. */
void settle_refresh(struct settle *s, settle_read_fn *fn, void *ctx);
/* One direction of one pair; one of the two is us. */
void settle_refresh_pair(struct settle *s, const struct address *payer,
			 const struct address *payee, settle_read_fn *fn,
			 void *ctx);

/* The chain as `ledger check` compares it with the book: pair for pair in final
 * state, not before what is booked (ERR_CHAIN: the nodes are behind that).
 * Lives until the callback returns. */
typedef void settle_chain_fn(void *ctx, const struct book_chain *c,
			     const struct err *e);
void settle_read_chain(struct settle *s, settle_chain_fn *fn, void *ctx);

/* Is the bank that the profile names there, and is it ours? Compares its code
 * with the artifact; gives its token, and the token's decimals and symbol (the
 * coin's where that is the token). ERR_CHAIN: unreachable or unknown; ERR_SIG:
 * another contract, or another token than the profile says where it says one.
 * All other journeys but deploying want the token known (ERR_STATE), so that
 * nothing is booked as what it is not. */
struct settle_bank {
	uint64_t chain_id;
	struct address bank, token;
	struct hash32 code; /* keccak256 of the code on chain */
	uint32_t period;    /* blocks */
	unsigned decimals;
	char symbol[ABI_TEXT_MAX];
};
typedef void settle_bank_fn(void *ctx, const struct settle_bank *b,
			    const struct err *e);
void settle_verify(struct settle *s, settle_bank_fn *fn, void *ctx);

/* ---- cashing ---------------------------------------------------------------
 */

struct settle_options {
	struct address to; /* zero: credit in the bank; us: our own address;
			      another: a cold address */
	bool all;	   /* also what does not pay for itself */
	bool by_itself; /* the node's own decision: only what is cheap enough by
			   fee_share, or may be lost by waiting, is sent */
};

struct settle_batch {
	size_t receipts;
	size_t at_risk;	      /* of them, by cover.h */
	struct amount worth;  /* by the book's facts */
	struct amount brings; /* by the dry run, on the newest block */
	uint64_t units;
	uint64_t units_staked; /* of them, that stake pays */
	uint64_t bytes;	       /* bandwidth; 0: none is counted */
	uint64_t bytes_staked; /* all of it, or nothing */
	struct amount fee;     /* coin, after what stake pays */
	struct amount fee_max; /* the most that can be taken */
	bool fee_known;	       /* in token: the coin has a price */
	struct amount fee_token;
	struct amount by_itself; /* token: what it must bring before the node
				    sends it by itself; with fee_known */
	bool ok;		 /* the dry run succeeded */
	bool no_funds; /* when not: what the batches before leave of coin and
			  stake does not cover it */
	char reason[CHAIN_REASON_MAX];
};

struct settle_plan {
	struct settle_batch batches[SETTLE_MAX_BATCHES];
	size_t n_batches;
	/* Of those that would be sent, and of those that no_funds keeps. */
	struct amount brings, fee, fee_max;
	uint64_t units;
	struct chain_means means; /* before all of it */
	size_t under_way;	  /* receipts in transactions that have not
				     ended: left alone until then */
	size_t waiting;		  /* receipts that are not worth it yet */
	struct amount waiting_worth;
	struct amount worth_from; /* of these each is, above this */
	size_t uncovered;	  /* payers with nothing to draw from */
	struct amount uncovered_amount;
	bool by_hand; /* the coin has no price: nothing was left out */
};
/* The price of a whole coin, in token units, at which a fee eats all that it
 * brings; rounded down. False: past 2^128, or no fee. */
bool settle_even_price(struct amount *out, struct amount brings,
		       struct amount fee, unsigned coin_decimals);
typedef void settle_plan_fn(void *ctx, const struct settle_plan *p,
			    const struct err *e);

/* Reads the chain, then says what settle_cash() would do. Sends nothing. */
void settle_dry_run(struct settle *s, const struct settle_options *o,
		    settle_plan_fn *fn, void *ctx);
/* Does it: reads, tries, cashes batch after batch, books what came. */
void settle_cash(struct settle *s, const struct settle_options *o,
		 settle_step_fn *step, settle_done_fn *fn, void *ctx);
/* Should the node settle by itself now? By the book alone, no chain: when the
 * fee (of the newest trial) is under fee_share of what it brings, or something
 * may be lost by waiting that is worth its fee. False without a price. */
bool settle_due(struct settle *s, int64_t now_s);

/* ---- our own money ----------------------------------------------------------
 */

/* ERC-20: approves exactly `amount` unless that much is approved already, then
 * deposits; coin: deposits. ERR_FUNDS: the wallet holds less. */
void settle_deposit(struct settle *s, struct amount amount,
		    const struct address *account, settle_step_fn *step,
		    settle_done_fn *fn, void *ctx);
void settle_withdraw(struct settle *s, struct amount amount,
		     const struct address *to, settle_step_fn *step,
		     settle_done_fn *fn, void *ctx);
/* Locks until `amount` is reserved for the payee, to `until` (Unix s). Neither
 * falls by it. */
void settle_reserve(struct settle *s, const struct address *payee,
		    struct amount amount, uint32_t until, settle_step_fn *step,
		    settle_done_fn *fn, void *ctx);
/* Ends a reserve; one of the two is us. */
void settle_release(struct settle *s, const struct address *payer,
		    const struct address *payee, settle_step_fn *step,
		    settle_done_fn *fn, void *ctx);

/* ---- agreements (settle_rent.c)
 * ----------------------------------------------
 */

/* What a renter and a host have both signed, ready for the chain. */
struct settle_signed {
	struct agreement a;
	struct sig64 renter, host;
};

/* Opens the agreement, or posts a later revision of it. Whoever sends it, what
 * it does is what both signed. r.moved: the fund, or nothing. */
void settle_open(struct settle *s, const struct settle_signed *what,
		 settle_step_fn *step, settle_done_fn *fn, void *ctx);
void settle_revise(struct settle *s, const struct settle_signed *what,
		   settle_step_fn *step, settle_done_fn *fn, void *ctx);

/* Our own free balance into its fund. */
void settle_top_up(struct settle *s, const struct book_lease *which,
		   struct amount amount, settle_step_fn *step,
		   settle_done_fn *fn, void *ctx);
void settle_close(struct settle *s, const struct book_lease *which,
		  settle_step_fn *step, settle_done_fn *fn, void *ctx);
/* Transactions that can be asked for before others have ended: leave some for
 * who cannot wait. */
unsigned settle_room(const struct settle *s);
/* A close of it waits to be sent, or is on its way. */
bool settle_is_closing(const struct settle *s, const struct book_lease *which);

/* Records the running period's beacon. */
void settle_anchor(struct settle *s, settle_step_fn *step, settle_done_fn *fn,
		   void *ctx);
/* One transaction of proofs of one host, packed by bank_put_proof();
 * SETTLE_MAX_PROOFS bytes at the most. r.receipts: how many were good, r.moved
 * what they paid. */
#define SETTLE_MAX_PROOFS 60000
void settle_prove(struct settle *s, const struct address *host,
		  const uint8_t *proofs, size_t len, settle_step_fn *step,
		  settle_done_fn *fn, void *ctx);

/* ---- contracts --------------------------------------------------------------
 */

/* Deploys a bank of `token` (zero: the coin; test_token: a fresh token that
 * anyone can mint) with periods of `period` blocks (BANK_PERIOD_MIN and more),
 * reads its code back and compares it with the artifact. The caller keeps the
 * addresses of the result. */
void settle_deploy(struct settle *s, const struct address *token,
		   bool test_token, uint32_t period, settle_step_fn *step,
		   settle_done_fn *fn, void *ctx);
void settle_deploy_allowed(struct settle *s, const struct err *e);
/* Mints test tokens. */
void settle_mint(struct settle *s, const struct address *to,
		 struct amount amount, settle_step_fn *step, settle_done_fn *fn,
		 void *ctx);

#endif
