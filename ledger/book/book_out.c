/* book_out.c - whom we pay: receipts, budgets, what the chain says of them. */
#include "ledger/book/book_impl.h"

/* ---- money out ---- */

/* Brings the accounts of a payee from `before` to `row`, then stores `row`.
 * What it drew came from its reserve first; a reserve that grew or was released
 * moved between our free balance and it. */
static enum err_code settle_out(struct book *b, const struct book_out *before,
				struct book_row_pair *row,
				struct book_row_entry *entry, struct err *e)
{
	struct book_lines ls = {.unit = BOOK_TOKEN};
	const struct book_facts *was = &before->facts, *is = &row->out.facts;
	struct book_sum locked = book_diff(is->reserve, was->reserve), left;
	struct amount total = book_out_total(&row->out);
	enum err_code rc;

	if (!book_sum_add(&left, locked, book_diff(is->paid, was->paid)))
		return book_too_large(e);
	book_line(&ls, BOOK_RESERVED, &row->peer, locked);
	book_line(&ls, BOOK_BANK, NULL, book_sum_minus(left));
	book_line(&ls, BOOK_OWED, &row->peer,
		  book_diff(amount_sub_floor(row->booked, was->paid),
			    amount_sub_floor(total, is->paid)));
	book_line(&ls, BOOK_SPENT, &row->peer, book_diff(total, row->booked));
	rc = book_write_entry(b, entry, &ls, e);
	if (rc != ERR_NONE)
		return rc;
	row->booked = total;
	if (entry->kind == BOOK_RECEIPT_OUT)
		row->entry = entry->id;
	return book_db_pair_set(b->db, row, e);
}

static enum err_code catch_up_out(struct book *b, struct book_row_pair *row,
				  int64_t now_s, struct err *e)
{
	struct book_row_entry entry = {.kind = BOOK_RECEIPT_OUT,
				       .peer = row->peer};

	if (amount_cmp(row->booked, book_out_total(&row->out)) == 0)
		return ERR_NONE;
	book_growing_entry(&entry, &row->hour, row->entry, now_s);
	return settle_out(b, &row->out, row, &entry, e);
}

enum err_code book_catch_up_payee(struct book *b, const struct address *peer,
				  int64_t now_s, struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_OUT, .peer = *peer};
	enum err_code rc = book_db_pair_get(b->db, &row, e);

	return rc == ERR_NONE ? catch_up_out(b, &row, now_s, e) : rc;
}

/* What the pair takes of our free balance, after `before` became `after`. */
static enum err_code move_beyond(struct book *b, const struct book_out *before,
				 const struct book_out *after, struct err *e)
{
	struct amount sum;

	if (!amount_add(&sum, b->beyond, book_out_beyond(after)))
		return book_too_large(e);
	b->beyond = amount_sub_floor(sum, book_out_beyond(before));
	return ERR_NONE;
}

/* Counts are the caller's, facts and entry are the book's. */
static void take_counts(struct book_row_pair *row, const struct book_out *out)
{
	row->out.owed = out->owed;
	row->out.owed_rem = out->owed_rem;
	row->out.lost = out->lost;
	row->out.bytes = out->bytes;
	row->out.banned = out->banned;
	row->out.settled = out->settled;
}

static enum err_code receipt_out(struct book *b, const struct address *payee,
				 const struct book_out *out,
				 const struct book_job *job, struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_OUT, .peer = *payee};
	struct book_out before;
	enum err_code rc = book_db_pair_get(b->db, &row, e);

	if (rc != ERR_NONE)
		return rc;
	if (row.out.have &&
	    amount_cmp(out->newest.amount, row.out.newest.amount) < 0)
		return err_fail(e, ERR_STATE, "book: below the kept one");
	before = row.out;
	take_counts(&row, out);
	row.out.have = true;
	row.out.newest = out->newest;
	rc = row.found ? book_db_pair_receipt(b->db, &row, e)
		       : book_db_pair_set(b->db, &row, e);
	if (rc == ERR_NONE && job)
		rc = book_db_job_set(b->db, job, e);
	if (rc == ERR_NONE)
		rc = move_beyond(b, &before, &row.out, e);
	return rc;
}

enum err_code book_receipt_out(struct book *b, const struct address *payee,
			       const struct book_out *out,
			       const struct book_job *job, int64_t now_s,
			       struct err *e)
{
	enum err_code rc;

	if (!out->have || !address_eq(&out->newest.payer, &b->me))
		return err_fail(e, ERR_STATE, "book: not our receipt");
	if (!amount_fits112(out->newest.amount) || !amount_fits112(out->owed) ||
	    !amount_fits112(out->lost))
		return err_fail(e, ERR_LIMIT, "book: 2^112 or more");
	rc = book_begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	b->now_s = now_s;
	book_note_lag(&b->lag_out, payee);
	return book_end(b, receipt_out(b, payee, out, job, e));
}

enum err_code book_counts_out(struct book *b, const struct address *payee,
			      const struct book_out *out, struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_OUT, .peer = *payee};
	enum err_code rc = book_db_stage(b->db, e);

	if (rc == ERR_NONE)
		rc = book_db_pair_get(b->db, &row, e);
	if (rc != ERR_NONE)
		return rc;
	take_counts(&row, out);
	return book_db_pair_set(b->db, &row, e);
}

enum err_code book_job_end(struct book *b, const uint8_t key[20], struct err *e)
{
	enum err_code rc = book_db_stage(b->db, e);

	return rc == ERR_NONE ? book_db_job_drop(b->db, key, e) : rc;
}

enum err_code book_job_load(struct book *b, struct book_job *job, struct err *e)
{
	return book_db_job_get(b->db, job, e);
}

static enum err_code facts_out(struct book *b, const struct address *payee,
			       const struct book_facts *f, int64_t now_s,
			       struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_OUT, .peer = *payee};
	struct book_row_entry entry = {.time_s = now_s, .peer = *payee};
	struct book_out before;
	bool use;
	enum err_code rc = book_db_pair_get(b->db, &row, e);

	if (rc == ERR_NONE)
		rc = book_facts_check(&row.out.facts, f, &use, e);
	if (rc == ERR_NONE && use)
		rc = catch_up_out(b, &row, now_s, e);
	if (rc != ERR_NONE || !use)
		return rc;
	before = row.out;
	row.out.facts = *f;
	entry.kind =
		book_paid_kind(b, &before.facts, f, BOOK_CASH_OUT, BOOK_LOCK);
	rc = settle_out(b, &before, &row, &entry, e);
	return rc == ERR_NONE ? move_beyond(b, &before, &row.out, e) : rc;
}

enum err_code book_facts_out(struct book *b, const struct address *payee,
			     const struct book_facts *f, int64_t now_s,
			     struct err *e)
{
	enum err_code rc = book_begin(b, e);

	return rc == ERR_NONE ? book_end(b, facts_out(b, payee, f, now_s, e))
			      : rc;
}
