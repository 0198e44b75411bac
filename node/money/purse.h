/* purse.h - one of the wallet's two accounts at work: its address, its book,
 * its settlements.
 *
 * The bandwidth account pays and earns for speed, the storage account for
 * renting; they never share an address or a book (protocol section 2), only
 * the signer, the chain and the pinned bank, which are the wallet's
 * (money.h).
 *
 * Thread: the loop. Owned by struct money.
 */
#ifndef NODE_PURSE_H
#define NODE_PURSE_H

#include "base/agreement.h"
#include "ledger/book/book.h"
#include "ledger/chain/chain.h"
#include "ledger/settle/settle.h"
#include "ledger/signer/signer_client.h"
#include "node/money/cash_cost.h"

struct money;

struct purse {
	struct money *money;
	enum signer_purpose purpose;
	struct address me;
	struct book *book;     /* NULL: not open */
	struct settle *settle; /* NULL: no RPC is configured */
	int64_t refreshed_ms, ticked_ms;
	bool refreshing, settling;
	struct chain_means means;    /* for fees, when it was last read */
	int64_t settle_at_ms;	     /* not by itself before, after a failure */
	int64_t settle_wait_ms;	     /* the newest wait; 0: none failed */
	void (*on_facts)(void *ctx); /* balances changed */
	void *on_facts_ctx;
};

/* The file of a purse's book in the home directory. */
const char *purse_file(enum signer_purpose purpose);
/* Opens the book of account `me` (NULL: read only, whoever's it is), and the
 * settlements when the wallet has a chain. On failure purse_close() is still
 * the caller's to call. */
enum err_code purse_open(struct purse *p, struct money *m,
			 enum signer_purpose purpose, const struct address *me,
			 struct err *e) __attribute__((warn_unused_result));
/* Zeroed, or closed already, is fine. */
void purse_close(struct purse *p);

/* The wallet's profile is another, or its token is known now: prices too. */
enum err_code purse_set_profile(struct purse *p, struct err *e)
	__attribute__((warn_unused_result));

/* Coin as token units, rounded up. False: the coin has no price. */
bool purse_in_token(const struct purse *p, struct amount coin,
		    struct amount *out) __attribute__((warn_unused_result));

/* What cashing costs here, going by what another call pays; the sums by the
 * user's coin-price and fee-share. False: nothing is known. */
bool purse_cash_cost(const struct purse *p, const struct cash_price *at,
		     struct cash_cost *out) __attribute__((warn_unused_result));

/* An agreement of this account that is about to be signed: durable in the book,
 * which reads it and books its money from then on, until nobody can open it any
 * more. Call it before the signature leaves the node. ERR_STATE: it is between
 * others; ERR_LIMIT: too many. */
enum err_code purse_follow(struct purse *p, const struct agreement *a,
			   struct err *e) __attribute__((warn_unused_result));

/* Reads balances, pairs and agreements in final state, and what there is for
 * fees on the newest block, unless that is under way. */
void purse_refresh(struct purse *p);
/* How long settling by itself waits after one that failed, the last wait being
 * `was` (0: none failed before): a minute, doubled up to six hours. */
int64_t purse_wait_after(int64_t was);
/* Now and then: the book's tick, a refresh, settling by itself when due.
 * Zeroed, as the storage purse of who never rented, or closed: nothing. */
void purse_housekeeping(struct purse *p);

#endif
