/* book_db_impl.h - what the files of the book's tables share, nobody else. */
#ifndef LEDGER_BOOK_DB_IMPL_H
#define LEDGER_BOOK_DB_IMPL_H

#include "base/db.h"
#include "ledger/book_db.h"

#define BOOK_DB_STATEMENTS 23
#define BOOK_RENT_STATEMENTS 4

struct book_db {
	struct db *db;
	bool read_only;
	struct db_stmt *s[BOOK_DB_STATEMENTS];
	struct db_stmt *rent[BOOK_RENT_STATEMENTS];
};

/* A row that some other hand wrote; the check of the file's structure does not
 * see this. ERR_DB. */
enum err_code book_db_spoilt(const char *what, struct err *e)
	__attribute__((warn_unused_result));

/* book_rent_db.c */
extern const char *const book_rent_sql[BOOK_RENT_STATEMENTS];

#endif
