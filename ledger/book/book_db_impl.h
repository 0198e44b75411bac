/* book_db_impl.h - what the files of the book's tables share, nobody else. */
#ifndef LEDGER_BOOK_DB_IMPL_H
#define LEDGER_BOOK_DB_IMPL_H

#include "base/db.h"
#include "ledger/book/book_db.h"

#define BOOK_DB_STATEMENTS 8
#define BOOK_PAIR_STATEMENTS 9
#define BOOK_TX_STATEMENTS 6
#define BOOK_RENT_STATEMENTS 4

struct book_db {
	struct db *db;
	bool read_only;
	struct db_stmt *s[BOOK_DB_STATEMENTS];
	struct db_stmt *pair[BOOK_PAIR_STATEMENTS];
	struct db_stmt *tx[BOOK_TX_STATEMENTS];
	struct db_stmt *rent[BOOK_RENT_STATEMENTS];
};

/* A row that some other hand wrote; the check of the file's structure does not
 * see this. ERR_DB. */
enum err_code book_db_spoilt(const char *what, struct err *e)
	__attribute__((warn_unused_result));

/* Columns by their number, as base/db.h has it. False: not 20 bytes. */
void book_bind_address(struct db_stmt *s, int i, const struct address *a);
bool book_col_address(struct db_stmt *s, int i, struct address *out);
void book_bind_u64(struct db_stmt *s, int i, uint64_t v);
uint64_t book_col_u64(struct db_stmt *s, int i);

/* Each file's statements, in the order of its own names for them:
 * book_pair_db.c, book_tx_db.c, book_rent_db.c. */
extern const char *const book_pair_sql[BOOK_PAIR_STATEMENTS];
extern const char *const book_tx_sql[BOOK_TX_STATEMENTS];
extern const char *const book_rent_sql[BOOK_RENT_STATEMENTS];

#endif
