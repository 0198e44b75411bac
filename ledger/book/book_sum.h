/* book_sum.h - signed sums, and the figures that follow from a pair's row.
 * Only book*.c and the book's tests include it. Pure but for book_tables(). */
#ifndef LEDGER_BOOK_SUM_H
#define LEDGER_BOOK_SUM_H

#include "ledger/book/book_db.h"

/* False when the size passes 2^128-1; *out is then unchanged. */
bool book_sum_add(struct book_sum *out, struct book_sum a, struct book_sum b)
	__attribute__((warn_unused_result));
struct book_sum book_sum_of(struct amount a);
struct book_sum book_sum_minus(struct book_sum s);
bool book_sum_zero(struct book_sum s);

/* All that a payer ever signed or paid; of that not paid yet; of that within a
 * reserve that lasts. */
struct amount book_in_total(const struct book_in *in);
struct amount book_in_uncashed(const struct book_in *in);
struct amount book_in_secured(const struct book_in *in, int64_t now_s);
struct amount book_out_total(const struct book_out *out);
/* Promised to a payee, not drawn, not covered by its reserve. */
struct amount book_out_beyond(const struct book_out *out);

struct book_db *book_tables(struct book *b);
/* Of the last receipt or tick of this run; 0: there was none. */
int64_t book_last_time(const struct book *b);

#endif
