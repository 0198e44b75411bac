/* book_db.h - the book's tables: rows in, rows out, no rule of bookkeeping.
 *
 * Only book*.c include it. All changes go into one open transaction that
 * book_db_stage() begins; see book.h for what commits mean and for the errors.
 * Schema and its crash rules: ledger/DESIGN.md. Thread: the loop.
 */
#ifndef LEDGER_BOOK_DB_H
#define LEDGER_BOOK_DB_H

#include "ledger/book/book.h"

struct book_db;

/* A balance or a posting. Zero is never negative. */
struct book_sum {
	bool neg;
	struct amount size;
};

enum err_code book_db_open(struct book_db **out, const char *path,
			   bool read_only, struct err *e)
	__attribute__((warn_unused_result));
void book_db_close(struct book_db *b);
/* Begins the transaction unless it is open. ERR_STATE: opened read-only. */
enum err_code book_db_stage(struct book_db *b, struct err *e)
	__attribute__((warn_unused_result));
bool book_db_staged(const struct book_db *b);
enum err_code book_db_commit(struct book_db *b, struct err *e)
	__attribute__((warn_unused_result));
void book_db_rollback(struct book_db *b);
/* One change of several rows: mark, then keep or undo. */
enum err_code book_db_mark(struct book_db *b, struct err *e)
	__attribute__((warn_unused_result));
void book_db_mark_end(struct book_db *b, bool keep);
/* SQLite's own check of the file. */
enum err_code book_db_sound(struct book_db *b, struct err *e)
	__attribute__((warn_unused_result));

struct book_row_account {
	int64_t id;
	enum book_account kind;
	enum book_unit unit;
	struct address peer; /* zero: not one peer's */
	struct book_sum balance;
};
/* Fills id and balance by kind, unit and peer. When there is no such account
 * it is made, or (`make` false) id and balance are zero. */
enum err_code book_db_account(struct book_db *b, struct book_row_account *row,
			      bool make, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_balance_set(struct book_db *b, int64_t account,
				  const struct book_sum *sum, struct err *e)
	__attribute__((warn_unused_result));

struct book_row_entry {
	int64_t id;
	enum book_entry_kind kind;
	int64_t time_s;
	struct address peer; /* zero: none */
	int64_t tx;	     /* 0: none */
};
enum err_code book_db_entry_new(struct book_db *b, struct book_row_entry *row,
				struct err *e)
	__attribute__((warn_unused_result));
/* `sum` is zero (ERR_NONE) when the entry has no posting to that account. */
enum err_code book_db_posting_get(struct book_db *b, int64_t entry,
				  int64_t account, struct book_sum *sum,
				  struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_posting_set(struct book_db *b, int64_t entry,
				  int64_t account, const struct book_sum *sum,
				  struct err *e)
	__attribute__((warn_unused_result));

/* One direction of a pair: who pays us, or whom we pay. `entry` is the
 * receipts' entry that still grows in `hour` (Unix time / 3600). */
enum book_side { BOOK_SIDE_IN, BOOK_SIDE_OUT };
struct book_row_pair {
	enum book_side side;
	struct address peer;
	bool found;
	union {
		struct book_in in;
		struct book_out out;
	};
	int64_t entry, hour;
	/* of book_in_total() or book_out_total(): what the accounts have */
	struct amount booked;
	struct amount uncashed; /* SIDE_IN: orders settlement; never read */
};
/* By side and peer; all else is zero when there is none. */
enum err_code book_db_pair_get(struct book_db *b, struct book_row_pair *row,
			       struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_pair_set(struct book_db *b,
			       const struct book_row_pair *row, struct err *e)
	__attribute__((warn_unused_result));
/* Receipt and counts only, of a row that is there: one page in the log. */
enum err_code book_db_pair_receipt(struct book_db *b,
				   const struct book_row_pair *row,
				   struct err *e)
	__attribute__((warn_unused_result));

/* A callback returns an error to stop with it. */
typedef enum err_code
book_db_pair_fn(void *ctx, const struct book_row_pair *row, struct err *e);
enum book_db_pairs {
	BOOK_DB_PAYERS,		 /* by peer */
	BOOK_DB_PAYERS_BY_WORTH, /* something uncashed; most first */
	BOOK_DB_PAYERS_BY_UNTIL, /* a reserve that ends by `until` */
	BOOK_DB_PAYEES,		 /* by peer */
};
enum err_code book_db_pair_each(struct book_db *b, enum book_db_pairs which,
				int64_t until, book_db_pair_fn *fn, void *ctx,
				struct err *e)
	__attribute__((warn_unused_result));

enum err_code book_db_job_get(struct book_db *b, struct book_job *job,
			      struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_job_set(struct book_db *b, const struct book_job *job,
			      struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_job_drop(struct book_db *b, const uint8_t key[20],
			       struct err *e)
	__attribute__((warn_unused_result));

/* ---- agreements: book_rent_db.c ---- */

/* By row->lease; all else is zero when there is none. */
enum err_code book_db_agreement_get(struct book_db *b,
				    struct book_agreement *row, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_agreement_set(struct book_db *b,
				    const struct book_agreement *row,
				    struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_agreement_drop(struct book_db *b,
				     const struct book_lease *lease,
				     struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_agreement_count(struct book_db *b, uint64_t *out,
				      struct err *e)
	__attribute__((warn_unused_result));
/* By renter, host and number. */
typedef enum err_code book_db_agreement_fn(void *ctx,
					   const struct book_agreement *row,
					   struct err *e);
enum err_code book_db_agreement_each(struct book_db *b,
				     book_db_agreement_fn *fn, void *ctx,
				     struct err *e)
	__attribute__((warn_unused_result));

enum err_code book_db_tx_new(struct book_db *b, struct book_tx *tx,
			     struct err *e) __attribute__((warn_unused_result));
/* `found` false: no such transaction. meta is not given. */
enum err_code book_db_tx_get(struct book_db *b, int64_t id, struct book_tx *tx,
			     bool *found, unsigned *forms, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_tx_end(struct book_db *b, const struct book_tx *tx,
			     struct err *e) __attribute__((warn_unused_result));
enum err_code book_db_form_new(struct book_db *b, int64_t tx, unsigned n,
			       const struct book_tx_form *form, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_tx_each(struct book_db *b, enum book_tx_state state,
			      unsigned limit, book_tx_fn *fn, void *ctx,
			      struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_slot_floor(struct book_db *b, uint64_t *out,
				 struct err *e)
	__attribute__((warn_unused_result));

enum err_code book_db_note_set(struct book_db *b, const char *key,
			       const void *value, size_t len, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_note_get(struct book_db *b, const char *key, void *value,
			       size_t *len, struct err *e)
	__attribute__((warn_unused_result));

/* Every posting, by entry and account. */
struct book_row_posting {
	struct book_row_entry entry;
	struct book_row_account account; /* with its cached balance */
	struct book_sum sum;
};
typedef enum err_code book_db_posting_fn(void *ctx,
					 const struct book_row_posting *row,
					 struct err *e);
enum book_db_by { BOOK_DB_BY_ENTRY, BOOK_DB_BY_ACCOUNT };
enum err_code book_db_posting_each(struct book_db *b, enum book_db_by by,
				   book_db_posting_fn *fn, void *ctx,
				   struct err *e)
	__attribute__((warn_unused_result));
typedef enum err_code book_db_account_fn(void *ctx,
					 const struct book_row_account *row,
					 struct err *e);
enum err_code book_db_account_each(struct book_db *b, book_db_account_fn *fn,
				   void *ctx, struct err *e)
	__attribute__((warn_unused_result));
enum err_code book_db_count_entries(struct book_db *b, uint64_t *out,
				    struct err *e)
	__attribute__((warn_unused_result));

#endif
