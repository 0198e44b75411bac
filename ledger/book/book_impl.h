/* book_impl.h - what the files of the book share, nobody else.
 *
 *   book.c        opening, commits, notes
 *   book_entry.c  signed sums, entries
 *   book_pair.c   figures of a pair, the tick
 *   book_in.c     who pays us
 *   book_out.c    whom we pay
 *   book_rent.c   agreements
 *   book_own.c    our own balances
 *   book_tx.c     transactions
 *   book_check.c  the book proved against itself and the chain
 *   book_show.c   the book for people
 *   book_db.c     tables (book_db.h): opening, accounts, entries, notes;
 *   book_pair_db.c, book_tx_db.c, book_rent_db.c those of pairs, transactions,
 *                 agreements
 *
 * Errors as in book.h. A function that changes several rows brackets them with
 * book_begin() and book_end(). Thread: the loop.
 */
#ifndef LEDGER_BOOK_IMPL_H
#define LEDGER_BOOK_IMPL_H

#include "ledger/book/book_db.h"
#include "ledger/book/book_sum.h"

#define BOOK_LAG_MAX 1024 /* pairs remembered as not booked yet */

/* Notes of the book's own. */
#define BOOK_NOTE_ME "me"
#define BOOK_NOTE_COIN "coin is token"
#define BOOK_NOTE_OWN "own free"

/* Pairs with receipts that their accounts do not have yet. */
struct book_lag {
	struct address peers[BOOK_LAG_MAX];
	size_t n;
	bool more; /* others too: look at all */
};

struct book {
	struct book_db *db;
	struct address me;
	bool coin_is_token;
	bool read_only;
	bool lost; /* a commit in mid-turn failed; the turn's end must hear */
	struct amount beyond; /* sum over pair_out; see book_own_funds */
	int64_t now_s;	      /* of the last receipt or tick; 0: none */
	unsigned undone;      /* reads in which `paid` fell */
	struct book_lag lag_in, lag_out;
};

/* Brackets a change of several rows: what fails leaves nothing of itself.
 * book_end() returns rc. */
enum err_code book_begin(struct book *b, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_end(struct book *b, enum err_code rc)
	__attribute__((warn_unused_result));

/* ---- entries: book_entry.c ---- */

/* An entry in the making. Every line is one posting in `unit`. */
#define BOOK_LINES_MAX 6
struct book_lines {
	enum book_unit unit;
	size_t n;
	struct book_posting {
		enum book_account account;
		struct address peer;
		struct book_sum sum;
	} l[BOOK_LINES_MAX];
};

/* Nothing for a sum of zero. peer NULL: not one peer's. */
void book_line(struct book_lines *ls, enum book_account account,
	       const struct address *peer, struct book_sum sum);
/* Writes the lines as an entry; row->id not 0: into that one, which grows.
 * Nothing is written when there are no lines. The one gate through which all
 * money passes: lines that do not sum to zero are refused. */
enum err_code book_write_entry(struct book *b, struct book_row_entry *row,
			       const struct book_lines *ls, struct err *e)
	__attribute__((warn_unused_result));
/* Of an account in token; peer NULL: not one peer's. */
enum err_code book_balance(struct book *b, enum book_account kind,
			   const struct address *peer, struct book_sum *out,
			   struct err *e) __attribute__((warn_unused_result));
/* a - b of two amounts, with its sign. */
struct book_sum book_diff(struct amount a, struct amount b);
/* Fails with ERR_LIMIT. */
enum err_code book_too_large(struct err *e) __attribute__((warn_unused_result));

/* ---- pairs: book_pair.c, book_in.c, book_out.c ---- */

/* Are the new facts to be used, or too old, or nonsense? */
enum err_code book_facts_check(const struct book_facts *kept,
			       const struct book_facts *f, bool *use,
			       struct err *e)
	__attribute__((warn_unused_result));
/* Why an entry is made when facts change: `paid` when that rose, `other` when
 * it stayed, UNDONE when it fell. */
enum book_entry_kind book_paid_kind(struct book *b,
				    const struct book_facts *was,
				    const struct book_facts *is,
				    enum book_entry_kind paid,
				    enum book_entry_kind other);
/* The receipts' entry of this hour (`kept`, when it is that hour's), or a new
 * one. */
void book_growing_entry(struct book_row_entry *entry, int64_t *hour,
			int64_t kept, int64_t now_s);
void book_note_lag(struct book_lag *lag, const struct address *peer);
/* The accounts follow the receipts of a pair. */
enum err_code book_catch_up_payer(struct book *b, const struct address *peer,
				  int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_catch_up_payee(struct book *b, const struct address *peer,
				  int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* Moves to promised what its reserve no longer secures. */
enum err_code book_unsecure(struct book *b, const struct address *payer,
			    int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));

/* ---- agreements: book_rent.c ---- */

/* What agreements mean for our accounts BOOK_FUND to BOOK_BURNT, by account
 * less BOOK_FUND, without sign. */
#define BOOK_RENT_ACCOUNTS (BOOK_BURNT - BOOK_FUND + 1)
struct book_stake {
	struct amount of[BOOK_RENT_ACCOUNTS];
};

struct book_stake book_stake_of(const struct address *me,
				const struct book_lease *lease,
				const struct bank_agreement *v);
/* False when a sum passes 2^128. */
bool book_stake_add(struct book_stake *to, const struct book_stake *s)
	__attribute__((warn_unused_result));
/* The balance that such an account has, with its sign. */
struct book_sum book_stake_sum(const struct book_stake *s,
			       enum book_account kind);
/* Whose account it is. */
const struct address *book_stake_peer(const struct book_lease *lease,
				      enum book_account kind);

/* ---- words: book_show.c ---- */

#define BOOK_HEX_MAX 43 /* 0x, 40 digits, NUL */
const char *book_hex(char out[BOOK_HEX_MAX], const struct address *a);
/* In the smallest unit. */
const char *book_units(char buf[AMOUNT_DEC_MAX], struct amount a);

#endif
