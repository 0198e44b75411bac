/* book_pair.c - what follows from a pair, and the tick that brings all pairs up
 * to date. */
#include "ledger/book/book_impl.h"

#define TICK_PAIRS 256 /* reserves looked at in one tick */
#define HOUR_S 3600

/* ---- the pair as figures ---- */

struct amount book_in_total(const struct book_in *in)
{
	struct amount a = in->have ? in->newest.amount : AMOUNT_ZERO;

	/* more than we know of was cashed for us: an older database */
	return amount_max(a, in->facts.paid);
}

struct amount book_in_uncashed(const struct book_in *in)
{
	return amount_sub_floor(book_in_total(in), in->facts.paid);
}

struct amount book_in_secured(const struct book_in *in, int64_t now_s)
{
	if (in->facts.until < now_s + BOOK_SECURED_MARGIN_S)
		return AMOUNT_ZERO;
	return amount_min(book_in_uncashed(in), in->facts.reserve);
}

struct amount book_out_total(const struct book_out *out)
{
	struct amount a = out->have ? out->newest.amount : AMOUNT_ZERO;

	return amount_max(a, out->facts.paid);
}

struct amount book_out_beyond(const struct book_out *out)
{
	struct amount due =
		amount_sub_floor(book_out_total(out), out->facts.paid);

	return amount_sub_floor(due, out->facts.reserve);
}

enum err_code book_pair_load(struct book *b, struct book_pair *out,
			     const struct address *peer, struct err *e)
{
	struct book_row_pair in = {.side = BOOK_SIDE_IN, .peer = *peer};
	struct book_row_pair given = {.side = BOOK_SIDE_OUT, .peer = *peer};
	enum err_code rc = book_db_pair_get(b->db, &in, e);

	if (rc == ERR_NONE)
		rc = book_db_pair_get(b->db, &given, e);
	out->peer = *peer;
	out->in = in.in;
	out->out = given.out;
	return rc;
}

/* ---- shared by both directions ---- */

static bool facts_fit(const struct book_facts *f)
{
	return f->known && amount_fits112(f->paid) &&
	       amount_fits112(f->reserve) && amount_fits112(f->free);
}

enum err_code book_facts_check(const struct book_facts *kept,
			       const struct book_facts *f, bool *use,
			       struct err *e)
{
	*use = false;
	if (!facts_fit(f))
		return err_fail(e, ERR_LIMIT, "book: facts unknown or 2^112");
	if (kept->known && f->block < kept->block)
		return ERR_NONE;
	*use = true;
	return ERR_NONE;
}

enum book_entry_kind book_paid_kind(struct book *b,
				    const struct book_facts *was,
				    const struct book_facts *is,
				    enum book_entry_kind paid,
				    enum book_entry_kind other)
{
	int sign = amount_cmp(is->paid, was->paid);

	if (sign >= 0)
		return sign ? paid : other;
	b->undone++;
	return BOOK_UNDONE;
}

unsigned book_undone(const struct book *b)
{
	return b->undone;
}

void book_growing_entry(struct book_row_entry *entry, int64_t *hour,
			int64_t kept, int64_t now_s)
{
	entry->time_s = now_s;
	entry->id = *hour == now_s / HOUR_S ? kept : 0;
	*hour = now_s / HOUR_S;
}

/* ---- receipts, booked later ----
 *
 * A receipt changes its pair's row and nothing else: one page to flush, while
 * bytes wait for it. The accounts follow before anything else happens to the
 * pair, and at each tick. Every reader of the accounts adds what they lack. */

void book_note_lag(struct book_lag *lag, const struct address *peer)
{
	if (lag->n && address_eq(&lag->peers[lag->n - 1], peer))
		return; /* most often the same pair goes on */
	if (lag->n < BOOK_LAG_MAX)
		lag->peers[lag->n++] = *peer;
	else
		lag->more = true;
}

/* ---- the tick ---- */

static enum err_code find_lag_of(void *ctx, const struct book_row_pair *row,
				 struct err *e)
{
	struct amount total = row->side == BOOK_SIDE_IN
				      ? book_in_total(&row->in)
				      : book_out_total(&row->out);

	(void)e;
	if (amount_cmp(row->booked, total) != 0)
		book_note_lag(ctx, &row->peer);
	return ERR_NONE;
}

/* Notes all that lag, where it is not known which do. */
static enum err_code find_lag(struct book *b, struct book_lag *lag,
			      enum book_db_pairs which, struct err *e)
{
	if (!lag->more)
		return ERR_NONE;
	lag->n = 0;
	lag->more = false;
	return book_db_pair_each(b->db, which, 0, find_lag_of, lag, e);
}

static enum err_code catch_up(struct book *b, int64_t now_s, struct err *e)
{
	enum err_code rc = ERR_NONE;

	for (size_t i = 0; i < b->lag_in.n && rc == ERR_NONE; i++)
		rc = book_catch_up_payer(b, &b->lag_in.peers[i], now_s, e);
	for (size_t i = 0; i < b->lag_out.n && rc == ERR_NONE; i++)
		rc = book_catch_up_payee(b, &b->lag_out.peers[i], now_s, e);
	if (rc == ERR_NONE)
		b->lag_in.n = b->lag_out.n = 0;
	return rc;
}

/* Collected first, because a table is not changed while it is walked. */
struct ending {
	struct book *b;
	struct address peers[TICK_PAIRS];
	size_t n;
};

static enum err_code note_ending(void *ctx, const struct book_row_pair *row,
				 struct err *e)
{
	struct ending *list = ctx;
	struct book_sum secured;
	enum err_code rc =
		book_balance(list->b, BOOK_SECURED, &row->peer, &secured, e);

	if (rc == ERR_NONE && !book_sum_zero(secured) && list->n < TICK_PAIRS)
		list->peers[list->n++] = row->peer;
	return rc;
}

enum err_code book_tick(struct book *b, int64_t now_s, struct err *e)
{
	struct ending list = {.b = b};
	enum err_code rc = find_lag(b, &b->lag_in, BOOK_DB_PAYERS, e);

	if (rc == ERR_NONE)
		rc = find_lag(b, &b->lag_out, BOOK_DB_PAYEES, e);
	b->now_s = now_s;
	if (rc == ERR_NONE)
		rc = book_db_pair_each(b->db, BOOK_DB_PAYERS_BY_UNTIL,
				       now_s + BOOK_SECURED_MARGIN_S - 1,
				       note_ending, &list, e);
	if (rc != ERR_NONE || (!list.n && !b->lag_in.n && !b->lag_out.n))
		return rc;
	rc = book_begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	rc = catch_up(b, now_s, e);
	for (size_t i = 0; i < list.n && rc == ERR_NONE; i++)
		rc = book_unsecure(b, &list.peers[i], now_s, e);
	return book_end(b, rc);
}
