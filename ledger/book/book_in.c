/* book_in.c - who pays us: receipts, what the chain says of them, settling. */
#include "ledger/book/book_impl.h"

/* ---- money in ---- */

static enum err_code store(struct book *b, struct book_row_pair *row,
			   struct err *e)
{
	row->uncashed = book_in_uncashed(&row->in);
	return book_db_pair_set(b->db, row, e);
}

/* The row of a payer, to be changed in this turn's transaction. */
static enum err_code stage(struct book *b, struct book_row_pair *row,
			   struct err *e)
{
	enum err_code rc = book_db_stage(b->db, e);

	return rc == ERR_NONE ? book_db_pair_get(b->db, row, e) : rc;
}

/* Brings the accounts of a payer from `before` to `row`, then stores `row`.
 * promised and secured are moved to what they should be now; what was paid
 * since goes to `cash`. */
static enum err_code settle_in(struct book *b, const struct book_in *before,
			       struct book_row_pair *row,
			       struct book_row_entry *entry,
			       enum book_account cash, int64_t now_s,
			       struct err *e)
{
	struct book_lines ls = {.unit = BOOK_TOKEN};
	struct amount secured = book_in_secured(&row->in, now_s);
	struct amount due = book_in_uncashed(&row->in);
	struct book_sum had_promised, had_secured, d_promised, d_secured;
	enum err_code rc;

	rc = book_balance(b, BOOK_PROMISED, &row->peer, &had_promised, e);
	if (rc == ERR_NONE)
		rc = book_balance(b, BOOK_SECURED, &row->peer, &had_secured, e);
	if (rc != ERR_NONE)
		return rc;
	if (!book_sum_add(&d_promised,
			  book_sum_of(amount_sub_floor(due, secured)),
			  book_sum_minus(had_promised)) ||
	    !book_sum_add(&d_secured, book_sum_of(secured),
			  book_sum_minus(had_secured)))
		return book_too_large(e);
	book_line(&ls, BOOK_PROMISED, &row->peer, d_promised);
	book_line(&ls, BOOK_SECURED, &row->peer, d_secured);
	book_line(&ls, cash, NULL,
		  book_diff(row->in.facts.paid, before->facts.paid));
	book_line(&ls, BOOK_EARNED, &row->peer,
		  book_diff(row->booked, book_in_total(&row->in)));
	rc = book_write_entry(b, entry, &ls, e);
	if (rc != ERR_NONE)
		return rc;
	row->booked = book_in_total(&row->in);
	if (entry->kind == BOOK_RECEIPT_IN)
		row->entry = entry->id;
	return store(b, row, e);
}

static enum err_code catch_up_in(struct book *b, struct book_row_pair *row,
				 int64_t now_s, struct err *e)
{
	struct book_row_entry entry = {.kind = BOOK_RECEIPT_IN,
				       .peer = row->peer};

	if (amount_cmp(row->booked, book_in_total(&row->in)) == 0)
		return ERR_NONE;
	book_growing_entry(&entry, &row->hour, row->entry, now_s);
	return settle_in(b, &row->in, row, &entry, BOOK_TRANSIT, now_s, e);
}

enum err_code book_catch_up_payer(struct book *b, const struct address *peer,
				  int64_t now_s, struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = *peer};
	enum err_code rc = book_db_pair_get(b->db, &row, e);

	return rc == ERR_NONE ? catch_up_in(b, &row, now_s, e) : rc;
}

enum err_code book_receipt_in(struct book *b, const struct receipt *r,
			      struct amount owed, uint64_t owed_rem,
			      int64_t now_s, struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = r->payer};
	enum err_code rc;

	if (!amount_fits112(r->amount) || !amount_fits112(owed))
		return err_fail(e, ERR_LIMIT, "book: 2^112 or more");
	rc = stage(b, &row, e);
	if (rc != ERR_NONE)
		return rc;
	if (row.in.have && amount_cmp(r->amount, row.in.newest.amount) <= 0)
		return err_fail(e, ERR_STATE, "book: not above the kept one");
	row.in.have = true;
	row.in.newest = *r;
	row.in.owed = owed;
	row.in.owed_rem = owed_rem;
	b->now_s = now_s;
	book_note_lag(&b->lag_in, &r->payer);
	if (!row.found)
		return store(b, &row, e);
	row.uncashed = book_in_uncashed(&row.in);
	return book_db_pair_receipt(b->db, &row, e);
}

enum err_code book_counts_in(struct book *b, const struct address *payer,
			     struct amount owed, uint64_t owed_rem,
			     struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = *payer};
	enum err_code rc = stage(b, &row, e);

	if (rc != ERR_NONE)
		return rc;
	row.in.owed = owed;
	row.in.owed_rem = owed_rem;
	return store(b, &row, e);
}

static enum err_code facts_in(struct book *b, const struct address *payer,
			      const struct book_facts *f, enum book_to to,
			      int64_t now_s, struct err *e)
{
	static const enum book_account cash[] = {
		[BOOK_TO_UNKNOWN] = BOOK_TRANSIT,
		[BOOK_TO_BANK] = BOOK_BANK,
		[BOOK_TO_WALLET] = BOOK_WALLET,
		[BOOK_TO_OTHER] = BOOK_OUTSIDE,
	};
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = *payer};
	struct book_row_entry entry = {.time_s = now_s, .peer = *payer};
	struct book_in before;
	bool use;
	enum err_code rc = book_db_pair_get(b->db, &row, e);

	if (rc == ERR_NONE)
		rc = book_facts_check(&row.in.facts, f, &use, e);
	if (rc == ERR_NONE && use)
		rc = catch_up_in(b, &row, now_s, e);
	if (rc != ERR_NONE || !use)
		return rc;
	before = row.in;
	row.in.facts = *f;
	cover_note(&row.in.drain, &before.facts, f, now_s);
	if (amount_cmp(f->paid, row.in.due_mark) >= 0)
		row.in.bounced = false;
	entry.kind =
		book_paid_kind(b, &before.facts, f, BOOK_CASH_IN, BOOK_SECURE);
	if (entry.kind == BOOK_UNDONE)
		to = BOOK_TO_UNKNOWN; /* our own balances tell */
	return settle_in(b, &before, &row, &entry, cash[to], now_s, e);
}

enum err_code book_facts_in(struct book *b, const struct address *payer,
			    const struct book_facts *f, enum book_to to,
			    int64_t now_s, struct err *e)
{
	enum err_code rc = book_begin(b, e);

	return rc == ERR_NONE ? book_end(b, facts_in(b, payer, f, to, now_s, e))
			      : rc;
}

enum err_code book_bounced(struct book *b, const struct address *payer,
			   struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = *payer};
	enum err_code rc = stage(b, &row, e);

	if (rc != ERR_NONE)
		return rc;
	row.in.due_mark = book_in_total(&row.in);
	row.in.bounced = amount_cmp(row.in.facts.paid, row.in.due_mark) < 0;
	return store(b, &row, e);
}

enum err_code book_unsecure(struct book *b, const struct address *payer,
			    int64_t now_s, struct err *e)
{
	struct book_row_pair row = {.side = BOOK_SIDE_IN, .peer = *payer};
	struct book_row_entry entry = {
		.kind = BOOK_SECURE, .time_s = now_s, .peer = *payer};
	struct book_in before;
	enum err_code rc = book_db_pair_get(b->db, &row, e);

	if (rc == ERR_NONE)
		rc = catch_up_in(b, &row, now_s, e);
	if (rc != ERR_NONE)
		return rc;
	before = row.in;
	return settle_in(b, &before, &row, &entry, BOOK_TRANSIT, now_s, e);
}

/* ---- settlement ---- */

struct due_walk {
	book_due_fn *fn;
	void *ctx;
	int64_t now_s;
	bool stop;
};

static enum err_code give_due(void *ctx, const struct book_row_pair *row,
			      struct err *e)
{
	struct due_walk *walk = ctx;
	struct book_due due = {
		.receipt = row->in.newest,
		.uncashed = book_in_uncashed(&row->in),
		.secured = book_in_secured(&row->in, walk->now_s),
		.until = row->in.facts.until,
		.known = row->in.facts.known,
		.bounced = row->in.bounced,
		.free = row->in.facts.free,
		.reserve = row->in.facts.reserve,
		.cover = cover_of(book_in_uncashed(&row->in), &row->in.facts,
				  &row->in.drain, walk->now_s),
	};

	(void)e;
	if (row->in.have && !walk->stop)
		walk->stop = !walk->fn(walk->ctx, &due);
	return ERR_NONE;
}

enum err_code book_due_list(struct book *b, int64_t now_s, book_due_fn *fn,
			    void *ctx, struct err *e)
{
	struct due_walk walk = {.fn = fn, .ctx = ctx, .now_s = now_s};

	return book_db_pair_each(b->db, BOOK_DB_PAYERS_BY_WORTH, 0, give_due,
				 &walk, e);
}
