/* book_entry.c - signed sums, and the one gate through which money passes. */
#include "ledger/book/book_impl.h"

/* ---- sums ---- */

bool book_sum_add(struct book_sum *out, struct book_sum a, struct book_sum b)
{
	struct book_sum r = {.neg = a.neg};

	if (a.neg == b.neg) {
		if (!amount_add(&r.size, a.size, b.size))
			return false;
	} else if (amount_cmp(a.size, b.size) >= 0) {
		r.size = amount_sub_floor(a.size, b.size);
	} else {
		r.size = amount_sub_floor(b.size, a.size);
		r.neg = b.neg;
	}
	r.neg = r.neg && !amount_is_zero(r.size);
	*out = r;
	return true;
}

struct book_sum book_sum_of(struct amount a)
{
	return (struct book_sum){.size = a};
}

struct book_sum book_sum_minus(struct book_sum s)
{
	s.neg = !s.neg && !amount_is_zero(s.size);
	return s;
}

bool book_sum_zero(struct book_sum s)
{
	return amount_is_zero(s.size);
}

struct book_sum book_diff(struct amount a, struct amount b)
{
	if (amount_cmp(a, b) >= 0)
		return book_sum_of(amount_sub_floor(a, b));
	return book_sum_minus(book_sum_of(amount_sub_floor(b, a)));
}

/* ---- entries ---- */

void book_line(struct book_lines *ls, enum book_account account,
	       const struct address *peer, struct book_sum sum)
{
	static const struct address nobody;

	if (book_sum_zero(sum))
		return;
	ls->l[ls->n++] =
		(struct book_posting){account, peer ? *peer : nobody, sum};
}

enum err_code book_too_large(struct err *e)
{
	return err_fail(e, ERR_LIMIT, "book: a sum passes 2^128");
}

/* Adds one posting to the entry and to its account's balance. */
static enum err_code post(struct book *b, int64_t entry, enum book_unit unit,
			  const struct book_posting *l, struct err *e)
{
	struct book_row_account acc = {
		.kind = l->account, .unit = unit, .peer = l->peer};
	struct book_sum in_entry;
	enum err_code rc = book_db_account(b->db, &acc, true, e);

	if (rc == ERR_NONE)
		rc = book_db_posting_get(b->db, entry, acc.id, &in_entry, e);
	if (rc != ERR_NONE)
		return rc;
	if (!book_sum_add(&in_entry, in_entry, l->sum) ||
	    !book_sum_add(&acc.balance, acc.balance, l->sum))
		return book_too_large(e);
	rc = book_db_posting_set(b->db, entry, acc.id, &in_entry, e);
	if (rc == ERR_NONE)
		rc = book_db_balance_set(b->db, acc.id, &acc.balance, e);
	return rc;
}

enum err_code book_write_entry(struct book *b, struct book_row_entry *row,
			       const struct book_lines *ls, struct err *e)
{
	struct book_sum total = {0};
	enum err_code rc = ERR_NONE;

	if (!ls->n)
		return ERR_NONE;
	for (size_t i = 0; i < ls->n; i++)
		if (!book_sum_add(&total, total, ls->l[i].sum))
			return book_too_large(e);
	if (!book_sum_zero(total))
		return err_fail(e, ERR_DB, "book: an entry does not balance");
	if (!row->id)
		rc = book_db_entry_new(b->db, row, e);
	for (size_t i = 0; i < ls->n && rc == ERR_NONE; i++)
		rc = post(b, row->id, ls->unit, &ls->l[i], e);
	return rc;
}

enum err_code book_balance(struct book *b, enum book_account kind,
			   const struct address *peer, struct book_sum *out,
			   struct err *e)
{
	struct book_row_account acc = {.kind = kind, .unit = BOOK_TOKEN};
	enum err_code rc;

	if (peer)
		acc.peer = *peer;
	rc = book_db_account(b->db, &acc, false, e);
	*out = acc.balance;
	return rc;
}
