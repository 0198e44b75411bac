/* book_show.c - the book for people: names, totals, lists, CSV. */
#include "ledger/book/book_impl.h"

#include <errno.h>
#include <string.h>
#include <time.h>

const char *book_hex(char out[BOOK_HEX_MAX], const struct address *a)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '0';
	out[1] = 'x';
	for (size_t i = 0; i < sizeof(a->bytes); i++) {
		out[2 + 2 * i] = digits[a->bytes[i] >> 4];
		out[3 + 2 * i] = digits[a->bytes[i] & 15];
	}
	out[BOOK_HEX_MAX - 1] = 0;
	return out;
}

const char *book_units(char buf[AMOUNT_DEC_MAX], struct amount a)
{
	return amount_to_dec(buf, a, 0);
}

const char *book_account_name(enum book_account kind)
{
	switch (kind) {
	case BOOK_PROMISED:
		return "promised";
	case BOOK_SECURED:
		return "secured";
	case BOOK_BANK:
		return "bank";
	case BOOK_RESERVED:
		return "reserved";
	case BOOK_WALLET:
		return "wallet";
	case BOOK_TRANSIT:
		return "transit";
	case BOOK_OWED:
		return "owed";
	case BOOK_EARNED:
		return "earned";
	case BOOK_SPENT:
		return "spent";
	case BOOK_FEES:
		return "fees";
	case BOOK_OUTSIDE:
		return "outside";
	case BOOK_FUND:
		return "fund";
	case BOOK_RENT_PAID:
		return "rent paid";
	case BOOK_COLLATERAL:
		return "collateral";
	case BOOK_RENT_EARNED:
		return "rent earned";
	case BOOK_BURNT:
		return "burnt";
	}
	return "unknown";
}

const char *book_entry_name(enum book_entry_kind kind)
{
	switch (kind) {
	case BOOK_RECEIPT_IN:
		return "receipt in";
	case BOOK_RECEIPT_OUT:
		return "receipt out";
	case BOOK_SECURE:
		return "secure";
	case BOOK_CASH_IN:
		return "cash in";
	case BOOK_CASH_OUT:
		return "cash out";
	case BOOK_DEPOSIT:
		return "deposit";
	case BOOK_WITHDRAW:
		return "withdraw";
	case BOOK_LOCK:
		return "lock";
	case BOOK_FEE:
		return "fee";
	case BOOK_OBSERVED:
		return "observed";
	case BOOK_MOVED:
		return "moved";
	case BOOK_AGREED:
		return "agreed";
	case BOOK_RENT:
		return "rent";
	case BOOK_AGREEMENT_END:
		return "agreement end";
	case BOOK_UNDONE:
		return "undone";
	}
	return "unknown";
}

/* Balances summed over peers. Of an asset that is negative nothing is there;
 * book_check() and facts_own() say why. */
static enum err_code add_total(void *ctx, const struct book_row_account *row,
			       struct err *e)
{
	struct book_totals *t = ctx;
	struct amount size = row->balance.size;
	struct amount asset = row->balance.neg ? AMOUNT_ZERO : size;
	struct amount *to = NULL;

	switch (row->kind) {
	case BOOK_PROMISED:
		to = &t->promised;
		break;
	case BOOK_SECURED:
		to = &t->secured;
		break;
	case BOOK_EARNED:
		to = &t->final;
		asset = size;
		break;
	case BOOK_SPENT:
		to = &t->spent;
		break;
	case BOOK_OWED:
		to = &t->owed;
		asset = size;
		break;
	case BOOK_BANK:
		to = &t->bank;
		break;
	case BOOK_RESERVED:
		to = &t->reserved;
		break;
	case BOOK_WALLET:
		to = row->unit == BOOK_TOKEN ? &t->wallet : NULL;
		break;
	case BOOK_FEES:
		to = &t->fees;
		break;
	case BOOK_FUND:
		to = &t->fund;
		break;
	case BOOK_RENT_PAID:
		to = &t->rent_paid;
		break;
	case BOOK_COLLATERAL:
		to = &t->collateral;
		break;
	case BOOK_RENT_EARNED:
		to = &t->rent_earned;
		asset = size;
		break;
	case BOOK_BURNT:
		to = &t->burnt;
		break;
	case BOOK_TRANSIT:
	case BOOK_OUTSIDE:
		break;
	}
	if (to && !amount_add(to, *to, asset))
		return err_fail(e, ERR_LIMIT, "book: a total passes 2^128");
	return ERR_NONE;
}

/* Receipts that the accounts do not have yet, see book_pair.c. */
struct lacking {
	struct book *b;
	struct book_totals *t;
};

static enum err_code add_lacking_in(void *ctx, const struct book_row_pair *row,
				    struct err *e)
{
	struct lacking *l = ctx;
	struct amount lag =
		amount_sub_floor(book_in_total(&row->in), row->booked);
	struct book_row_account acc = {
		.kind = BOOK_SECURED, .unit = BOOK_TOKEN, .peer = row->peer};
	struct amount secured;
	enum err_code rc;

	if (amount_is_zero(lag))
		return ERR_NONE;
	rc = book_db_account(book_tables(l->b), &acc, false, e);
	secured = book_in_secured(&row->in, book_last_time(l->b));
	if (!book_last_time(l->b))
		secured = AMOUNT_ZERO; /* who only reads does not know when */
	secured = amount_min(lag, amount_sub_floor(secured, acc.balance.size));
	l->t->secured = amount_add_cap(l->t->secured, secured);
	l->t->promised =
		amount_add_cap(l->t->promised, amount_sub_floor(lag, secured));
	return rc;
}

static enum err_code add_lacking_out(void *ctx, const struct book_row_pair *row,
				     struct err *e)
{
	struct lacking *l = ctx;
	struct amount lag =
		amount_sub_floor(book_out_total(&row->out), row->booked);

	(void)e;
	l->t->spent = amount_add_cap(l->t->spent, lag);
	l->t->owed = amount_add_cap(l->t->owed, lag);
	return ERR_NONE;
}

enum err_code book_totals(struct book *b, struct book_totals *out,
			  struct err *e)
{
	struct book_db *db = book_tables(b);
	struct lacking l = {b, out};
	enum err_code rc;

	memset(out, 0, sizeof(*out));
	rc = book_db_account_each(db, add_total, out, e);
	if (rc == ERR_NONE)
		rc = book_db_count_entries(db, &out->entries, e);
	/* all that was ever signed to us, less what has not come */
	out->final = amount_sub_floor(
		out->final, amount_add_cap(out->promised, out->secured));
	if (rc == ERR_NONE)
		rc = book_db_pair_each(db, BOOK_DB_PAYERS, 0, add_lacking_in,
				       &l, e);
	if (rc == ERR_NONE)
		rc = book_db_pair_each(db, BOOK_DB_PAYEES, 0, add_lacking_out,
				       &l, e);
	return rc;
}

/* Two walks of sorted rows would need a merge; payers and payees are listed
 * one after the other instead, and a pair of both is given once. */
struct pair_walk {
	struct book *b;
	book_pair_fn *fn;
	void *ctx;
	bool stop;
};

static enum err_code give_payer(void *ctx, const struct book_row_pair *row,
				struct err *e)
{
	struct pair_walk *w = ctx;
	struct book_pair pair = {0};
	enum err_code rc = ERR_NONE;

	if (w->stop)
		return rc;
	rc = book_pair_load(w->b, &pair, &row->peer, e);
	if (rc == ERR_NONE)
		w->stop = !w->fn(w->ctx, &pair);
	return rc;
}

static enum err_code give_payee(void *ctx, const struct book_row_pair *row,
				struct err *e)
{
	struct pair_walk *w = ctx;
	struct book_row_pair in = {.side = BOOK_SIDE_IN, .peer = row->peer};
	struct book_pair pair = {.peer = row->peer, .out = row->out};
	enum err_code rc = ERR_NONE;

	if (!w->stop)
		rc = book_db_pair_get(book_tables(w->b), &in, e);
	if (rc == ERR_NONE && !w->stop && !in.found)
		w->stop = !w->fn(w->ctx, &pair);
	return rc;
}

enum err_code book_pair_list(struct book *b, book_pair_fn *fn, void *ctx,
			     struct err *e)
{
	struct pair_walk w = {.b = b, .fn = fn, .ctx = ctx};
	enum err_code rc = book_db_pair_each(book_tables(b), BOOK_DB_PAYERS, 0,
					     give_payer, &w, e);

	if (rc == ERR_NONE)
		rc = book_db_pair_each(book_tables(b), BOOK_DB_PAYEES, 0,
				       give_payee, &w, e);
	return rc;
}

static enum err_code write_line(FILE *out, int64_t id, int64_t time_s,
				enum book_entry_kind kind,
				enum book_account account,
				const struct address *peer, enum book_unit unit,
				struct book_sum sum, int64_t tx, struct err *e)
{
	time_t t = (time_t)time_s;
	struct tm tm = {0};
	char when[32] = "", who[BOOK_HEX_MAX] = "", size[AMOUNT_DEC_MAX];

	if (time_s && gmtime_r(&t, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!address_is_zero(peer))
		(void)book_hex(who, peer);
	if (fprintf(out, "%lld,%s,%s,%s,%s,%s,%s%s,%lld\n", (long long)id, when,
		    book_entry_name(kind), book_account_name(account), who,
		    unit == BOOK_COIN ? "coin" : "token", sum.neg ? "-" : "",
		    book_units(size, sum.size), (long long)tx) < 0) {
		return err_fail(e, ERR_IO, "writing the book: %s",
				strerror(errno));
	}
	return ERR_NONE;
}

static enum err_code write_row(void *ctx, const struct book_row_posting *row,
			       struct err *e)
{
	return write_line(ctx, row->entry.id, row->entry.time_s,
			  row->entry.kind, row->account.kind,
			  &row->account.peer, row->account.unit, row->sum,
			  row->entry.tx, e);
}

/* Entry 0: receipts that are there and not booked yet. */
static enum err_code write_two(FILE *out, enum book_entry_kind kind,
			       enum book_account plus, enum book_account minus,
			       const struct address *peer, struct amount lag,
			       struct err *e)
{
	struct book_sum sum = book_sum_of(lag);
	enum err_code rc;

	if (amount_is_zero(lag))
		return ERR_NONE;
	rc = write_line(out, 0, 0, kind, plus, peer, BOOK_TOKEN, sum, 0, e);
	return rc == ERR_NONE
		       ? write_line(out, 0, 0, kind, minus, peer, BOOK_TOKEN,
				    book_sum_minus(sum), 0, e)
		       : rc;
}

static enum err_code
write_lacking_in(void *ctx, const struct book_row_pair *row, struct err *e)
{
	return write_two(
		ctx, BOOK_RECEIPT_IN, BOOK_PROMISED, BOOK_EARNED, &row->peer,
		amount_sub_floor(book_in_total(&row->in), row->booked), e);
}

static enum err_code
write_lacking_out(void *ctx, const struct book_row_pair *row, struct err *e)
{
	return write_two(
		ctx, BOOK_RECEIPT_OUT, BOOK_SPENT, BOOK_OWED, &row->peer,
		amount_sub_floor(book_out_total(&row->out), row->booked), e);
}

enum err_code book_export_csv(struct book *b, FILE *out, struct err *e)
{
	enum err_code rc;

	if (fputs("entry,time,kind,account,peer,unit,amount,transaction\n",
		  out) < 0)
		return err_fail(e, ERR_IO, "writing the book: %s",
				strerror(errno));
	rc = book_db_posting_each(book_tables(b), BOOK_DB_BY_ENTRY, write_row,
				  out, e);
	if (rc == ERR_NONE)
		rc = book_db_pair_each(book_tables(b), BOOK_DB_PAYERS, 0,
				       write_lacking_in, out, e);
	if (rc == ERR_NONE)
		rc = book_db_pair_each(book_tables(b), BOOK_DB_PAYEES, 0,
				       write_lacking_out, out, e);
	if (rc == ERR_NONE && fflush(out) != 0)
		return err_fail(e, ERR_IO, "writing the book: %s",
				strerror(errno));
	return rc;
}
