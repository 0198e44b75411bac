#include "ledger/book_db.h"

#include "ledger/book_sum.h"

#include <stdlib.h>
#include <string.h>

#define NOTE_ME "me"
#define NOTE_COIN "coin is token"
#define NOTE_OWN "own free"
#define NOTE_MAX 4096
#define TICK_PAIRS 256 /* reserves looked at in one tick */
#define HOUR_S 3600
#define LAG_MAX 1024 /* pairs remembered as not booked yet */

struct book {
	struct book_db *db;
	struct address me;
	bool coin_is_token;
	bool read_only;
	bool lost; /* a commit in mid-turn failed; the turn's end must hear */
	struct amount beyond; /* sum over pair_out; see book_own_funds */
	int64_t now_s;	      /* of the last receipt or tick; 0: none */
	/* Pairs with receipts that their accounts do not have yet. */
	struct lag {
		struct address peers[LAG_MAX];
		size_t n;
		bool more; /* others too: look at all */
	} lag_in, lag_out;
};

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

/* a - b of two amounts, with its sign. */
static struct book_sum diff(struct amount a, struct amount b)
{
	if (amount_cmp(a, b) >= 0)
		return book_sum_of(amount_sub_floor(a, b));
	return book_sum_minus(book_sum_of(amount_sub_floor(b, a)));
}

/* ---- entries ---- */

/* An entry in the making. Every line is one posting in `unit`. */
#define LINES_MAX 6
struct lines {
	enum book_unit unit;
	size_t n;
	struct line {
		enum book_account account;
		struct address peer;
		struct book_sum sum;
	} l[LINES_MAX];
};

static void line(struct lines *ls, enum book_account account,
		 const struct address *peer, struct book_sum sum)
{
	static const struct address nobody;

	if (book_sum_zero(sum))
		return;
	ls->l[ls->n++] = (struct line){account, peer ? *peer : nobody, sum};
}

static enum err_code too_large(struct err *e)
{
	return err_fail(e, ERR_LIMIT, "book: a sum passes 2^128");
}

/* Adds one posting to the entry and to its account's balance. */
static enum err_code post(struct book *b, int64_t entry, enum book_unit unit,
			  const struct line *l, struct err *e)
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
		return too_large(e);
	rc = book_db_posting_set(b->db, entry, acc.id, &in_entry, e);
	if (rc == ERR_NONE)
		rc = book_db_balance_set(b->db, acc.id, &acc.balance, e);
	return rc;
}

/* Writes the lines as an entry; row->id not 0: into that one, which grows.
 * Nothing is written when there are no lines. The one gate through which all
 * money passes: lines that do not sum to zero are refused. */
static enum err_code write_entry(struct book *b, struct book_row_entry *row,
				 const struct lines *ls, struct err *e)
{
	struct book_sum total = {0};
	enum err_code rc = ERR_NONE;

	if (!ls->n)
		return ERR_NONE;
	for (size_t i = 0; i < ls->n; i++)
		if (!book_sum_add(&total, total, ls->l[i].sum))
			return too_large(e);
	if (!book_sum_zero(total))
		return err_fail(e, ERR_DB, "book: an entry does not balance");
	if (!row->id)
		rc = book_db_entry_new(b->db, row, e);
	for (size_t i = 0; i < ls->n && rc == ERR_NONE; i++)
		rc = post(b, row->id, ls->unit, &ls->l[i], e);
	return rc;
}

static enum err_code balance(struct book *b, enum book_account kind,
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

/* ---- opening ---- */

static enum err_code add_beyond(void *ctx, const struct book_row_out *row,
				struct err *e)
{
	struct book *b = ctx;

	if (!amount_add(&b->beyond, b->beyond, book_out_beyond(&row->out)))
		return too_large(e);
	return ERR_NONE;
}

/* What memory holds besides the tables; again after a rollback. */
static enum err_code load(struct book *b, struct err *e)
{
	uint8_t flag = 0;
	size_t len = sizeof(flag);
	enum err_code rc = book_db_note_get(b->db, NOTE_COIN, &flag, &len, e);

	if (rc != ERR_NONE)
		return rc;
	b->coin_is_token = flag == 1;
	b->beyond = AMOUNT_ZERO;
	b->lag_in.more = b->lag_out.more = true;
	return book_db_out_each(b->db, add_beyond, b, e);
}

static enum err_code own_books(struct book *b, const struct address *me,
			       struct err *e)
{
	size_t len = sizeof(b->me.bytes);
	enum err_code rc;

	rc = book_db_note_get(b->db, NOTE_ME, b->me.bytes, &len, e);
	if (rc != ERR_NONE)
		return rc;
	if (len == sizeof(b->me.bytes))
		return !me || address_eq(&b->me, me)
			       ? ERR_NONE
			       : err_fail(e, ERR_STATE,
					  "book: it is another account's");
	if (!me)
		return err_fail(e, ERR_STATE, "book: it names no account");
	b->me = *me;
	rc = book_db_stage(b->db, e);
	if (rc == ERR_NONE)
		rc = book_db_note_set(b->db, NOTE_ME, me->bytes,
				      sizeof(me->bytes), e);
	return rc == ERR_NONE ? book_db_commit(b->db, e) : rc;
}

static enum err_code open_book(struct book **out, const char *path,
			       const struct address *me, struct err *e)
{
	struct book *b = calloc(1, sizeof(*b));
	enum err_code rc;

	*out = NULL;
	if (!b)
		return err_fail(e, ERR_NOMEM, "book");
	b->read_only = me == NULL;
	rc = book_db_open(&b->db, path, b->read_only, e);
	if (rc == ERR_NONE)
		rc = own_books(b, me, e);
	if (rc == ERR_NONE)
		rc = load(b, e);
	if (rc != ERR_NONE) {
		book_close(b);
		return rc;
	}
	*out = b;
	return ERR_NONE;
}

enum err_code book_open(struct book **out, const char *path,
			const struct address *me, struct err *e)
{
	return open_book(out, path, me, e);
}

enum err_code book_open_readonly(struct book **out, const char *path,
				 struct err *e)
{
	return open_book(out, path, NULL, e);
}

void book_close(struct book *b)
{
	if (!b)
		return;
	book_db_close(b->db);
	free(b);
}

struct address book_me(const struct book *b)
{
	return b->me;
}

struct book_db *book_tables(struct book *b)
{
	return b->db;
}

bool book_dirty(const struct book *b)
{
	return b->lost || book_db_staged(b->db);
}

void book_rollback(struct book *b)
{
	b->lost = true;
	book_db_rollback(b->db);
	if (load(b, NULL) != ERR_NONE) /* then promise nothing more */
		b->beyond = amount_max112();
}

enum err_code book_commit_now(struct book *b, struct err *e)
{
	enum err_code rc = book_db_commit(b->db, e);

	if (rc != ERR_NONE)
		book_rollback(b);
	return rc;
}

enum err_code book_commit(struct book *b, struct err *e)
{
	enum err_code rc;

	if (b->lost) { /* what was staged since is taken back with the rest */
		book_rollback(b);
		b->lost = false;
		return err_fail(e, ERR_DB,
				"book: a commit of this turn failed");
	}
	rc = book_commit_now(b, e);
	b->lost = false;
	return rc;
}

/* Brackets a change of several rows: what fails leaves nothing of itself. */
static enum err_code begin(struct book *b, struct err *e)
{
	enum err_code rc = book_db_stage(b->db, e);

	return rc == ERR_NONE ? book_db_mark(b->db, e) : rc;
}

static enum err_code end(struct book *b, enum err_code rc)
{
	book_db_mark_end(b->db, rc == ERR_NONE);
	return rc;
}

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

/* ---- money in ---- */

/* Brings the accounts of a payer from `before` to `row`, then stores `row`.
 * promised and secured are moved to what they should be now; what was paid
 * since goes to `cash`. */
static enum err_code settle_in(struct book *b, const struct book_in *before,
			       struct book_row_in *row,
			       struct book_row_entry *entry,
			       enum book_account cash, int64_t now_s,
			       struct err *e)
{
	struct lines ls = {.unit = BOOK_TOKEN};
	struct amount secured = book_in_secured(&row->in, now_s);
	struct amount due = book_in_uncashed(&row->in);
	struct book_sum had_promised, had_secured, d_promised, d_secured;
	enum err_code rc;

	rc = balance(b, BOOK_PROMISED, &row->peer, &had_promised, e);
	if (rc == ERR_NONE)
		rc = balance(b, BOOK_SECURED, &row->peer, &had_secured, e);
	if (rc != ERR_NONE)
		return rc;
	if (!book_sum_add(&d_promised,
			  book_sum_of(amount_sub_floor(due, secured)),
			  book_sum_minus(had_promised)) ||
	    !book_sum_add(&d_secured, book_sum_of(secured),
			  book_sum_minus(had_secured)))
		return too_large(e);
	line(&ls, BOOK_PROMISED, &row->peer, d_promised);
	line(&ls, BOOK_SECURED, &row->peer, d_secured);
	line(&ls, cash, NULL, diff(row->in.facts.paid, before->facts.paid));
	line(&ls, BOOK_EARNED, &row->peer,
	     diff(row->booked, book_in_total(&row->in)));
	rc = write_entry(b, entry, &ls, e);
	if (rc != ERR_NONE)
		return rc;
	row->booked = book_in_total(&row->in);
	if (entry->kind == BOOK_RECEIPT_IN)
		row->entry = entry->id;
	return book_db_in_set(b->db, row, due, e);
}

/* The receipts' entry of this hour, or a new one. */
static void growing_entry(struct book_row_entry *entry, int64_t *hour,
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

static void note_lag(struct lag *lag, const struct address *peer)
{
	if (lag->n && address_eq(&lag->peers[lag->n - 1], peer))
		return; /* most often the same pair goes on */
	if (lag->n < LAG_MAX)
		lag->peers[lag->n++] = *peer;
	else
		lag->more = true;
}

static enum err_code catch_up_in(struct book *b, struct book_row_in *row,
				 int64_t now_s, struct err *e)
{
	struct book_row_entry entry = {.kind = BOOK_RECEIPT_IN,
				       .peer = row->peer};

	if (amount_cmp(row->booked, book_in_total(&row->in)) == 0)
		return ERR_NONE;
	growing_entry(&entry, &row->hour, row->entry, now_s);
	return settle_in(b, &row->in, row, &entry, BOOK_TRANSIT, now_s, e);
}

static enum err_code catch_up_payer(struct book *b, const struct address *peer,
				    int64_t now_s, struct err *e)
{
	struct book_row_in row = {.peer = *peer};
	enum err_code rc = book_db_in_get(b->db, &row, e);

	return rc == ERR_NONE ? catch_up_in(b, &row, now_s, e) : rc;
}

enum err_code book_receipt_in(struct book *b, const struct receipt *r,
			      struct amount owed, uint64_t owed_rem,
			      int64_t now_s, struct err *e)
{
	struct book_row_in row = {.peer = r->payer};
	enum err_code rc;

	if (!amount_fits112(r->amount) || !amount_fits112(owed))
		return err_fail(e, ERR_LIMIT, "book: 2^112 or more");
	rc = book_db_stage(b->db, e);
	if (rc == ERR_NONE)
		rc = book_db_in_get(b->db, &row, e);
	if (rc != ERR_NONE)
		return rc;
	if (row.in.have && amount_cmp(r->amount, row.in.newest.amount) <= 0)
		return err_fail(e, ERR_STATE, "book: not above the kept one");
	row.in.have = true;
	row.in.newest = *r;
	row.in.owed = owed;
	row.in.owed_rem = owed_rem;
	b->now_s = now_s;
	note_lag(&b->lag_in, &r->payer);
	if (!row.found)
		return book_db_in_set(b->db, &row, book_in_uncashed(&row.in),
				      e);
	return book_db_in_receipt(b->db, &row, book_in_uncashed(&row.in), e);
}

enum err_code book_counts_in(struct book *b, const struct address *payer,
			     struct amount owed, uint64_t owed_rem,
			     struct err *e)
{
	struct book_row_in row = {.peer = *payer};
	enum err_code rc = book_db_stage(b->db, e);

	if (rc == ERR_NONE)
		rc = book_db_in_get(b->db, &row, e);
	if (rc != ERR_NONE)
		return rc;
	row.in.owed = owed;
	row.in.owed_rem = owed_rem;
	return book_db_in_set(b->db, &row, book_in_uncashed(&row.in), e);
}

static bool facts_fit(const struct book_facts *f)
{
	return f->known && amount_fits112(f->paid) &&
	       amount_fits112(f->reserve) && amount_fits112(f->free);
}

/* Are the new facts to be used, or too old, or nonsense? */
static enum err_code facts_check(const struct book_facts *kept,
				 const struct book_facts *f, bool *use,
				 struct err *e)
{
	*use = false;
	if (!facts_fit(f))
		return err_fail(e, ERR_LIMIT, "book: facts unknown or 2^112");
	if (kept->known && f->block < kept->block)
		return ERR_NONE;
	if (kept->known && amount_cmp(f->paid, kept->paid) < 0)
		return err_fail(e, ERR_CHAIN,
				"book: the bank says that less was paid than "
				"it said before");
	*use = true;
	return ERR_NONE;
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
	struct book_row_in row = {.peer = *payer};
	struct book_row_entry entry = {.time_s = now_s, .peer = *payer};
	struct book_in before;
	bool use;
	enum err_code rc = book_db_in_get(b->db, &row, e);

	if (rc == ERR_NONE)
		rc = facts_check(&row.in.facts, f, &use, e);
	if (rc == ERR_NONE && use)
		rc = catch_up_in(b, &row, now_s, e);
	if (rc != ERR_NONE || !use)
		return rc;
	before = row.in;
	row.in.facts = *f;
	if (amount_cmp(f->paid, row.in.due_mark) >= 0)
		row.in.bounced = false;
	entry.kind = amount_cmp(f->paid, before.facts.paid) ? BOOK_CASH_IN
							    : BOOK_SECURE;
	return settle_in(b, &before, &row, &entry, cash[to], now_s, e);
}

enum err_code book_facts_in(struct book *b, const struct address *payer,
			    const struct book_facts *f, enum book_to to,
			    int64_t now_s, struct err *e)
{
	enum err_code rc = begin(b, e);

	return rc == ERR_NONE ? end(b, facts_in(b, payer, f, to, now_s, e))
			      : rc;
}

enum err_code book_bounced(struct book *b, const struct address *payer,
			   struct err *e)
{
	struct book_row_in row = {.peer = *payer};
	enum err_code rc = book_db_stage(b->db, e);

	if (rc == ERR_NONE)
		rc = book_db_in_get(b->db, &row, e);
	if (rc != ERR_NONE)
		return rc;
	row.in.due_mark = book_in_total(&row.in);
	row.in.bounced = amount_cmp(row.in.facts.paid, row.in.due_mark) < 0;
	return book_db_in_set(b->db, &row, book_in_uncashed(&row.in), e);
}

/* Collected first, because a table is not changed while it is walked. */
struct ending {
	struct book *b;
	struct address peers[TICK_PAIRS];
	size_t n;
};

static enum err_code note_ending(void *ctx, const struct book_row_in *row,
				 struct err *e)
{
	struct ending *list = ctx;
	struct book_sum secured;
	enum err_code rc =
		balance(list->b, BOOK_SECURED, &row->peer, &secured, e);

	if (rc == ERR_NONE && !book_sum_zero(secured) && list->n < TICK_PAIRS)
		list->peers[list->n++] = row->peer;
	return rc;
}

static enum err_code unsecure(struct book *b, const struct address *payer,
			      int64_t now_s, struct err *e)
{
	struct book_row_in row = {.peer = *payer};
	struct book_row_entry entry = {
		.kind = BOOK_SECURE, .time_s = now_s, .peer = *payer};
	struct book_in before;
	enum err_code rc = book_db_in_get(b->db, &row, e);

	if (rc == ERR_NONE)
		rc = catch_up_in(b, &row, now_s, e);
	if (rc != ERR_NONE)
		return rc;
	before = row.in;
	return settle_in(b, &before, &row, &entry, BOOK_TRANSIT, now_s, e);
}

/* ---- money out ---- */

/* Brings the accounts of a payee from `before` to `row`, then stores `row`.
 * What it drew came from its reserve first; a reserve that grew or was released
 * moved between our free balance and it. */
static enum err_code settle_out(struct book *b, const struct book_out *before,
				struct book_row_out *row,
				struct book_row_entry *entry, struct err *e)
{
	struct lines ls = {.unit = BOOK_TOKEN};
	const struct book_facts *was = &before->facts, *is = &row->out.facts;
	struct book_sum locked = diff(is->reserve, was->reserve), left;
	struct amount total = book_out_total(&row->out);
	enum err_code rc;

	if (!book_sum_add(&left, locked, diff(is->paid, was->paid)))
		return too_large(e);
	line(&ls, BOOK_RESERVED, &row->peer, locked);
	line(&ls, BOOK_BANK, NULL, book_sum_minus(left));
	line(&ls, BOOK_OWED, &row->peer,
	     diff(amount_sub_floor(row->booked, was->paid),
		  amount_sub_floor(total, is->paid)));
	line(&ls, BOOK_SPENT, &row->peer, diff(total, row->booked));
	rc = write_entry(b, entry, &ls, e);
	if (rc != ERR_NONE)
		return rc;
	row->booked = total;
	if (entry->kind == BOOK_RECEIPT_OUT)
		row->entry = entry->id;
	return book_db_out_set(b->db, row, e);
}

static enum err_code catch_up_out(struct book *b, struct book_row_out *row,
				  int64_t now_s, struct err *e)
{
	struct book_row_entry entry = {.kind = BOOK_RECEIPT_OUT,
				       .peer = row->peer};

	if (amount_cmp(row->booked, book_out_total(&row->out)) == 0)
		return ERR_NONE;
	growing_entry(&entry, &row->hour, row->entry, now_s);
	return settle_out(b, &row->out, row, &entry, e);
}

static enum err_code catch_up_payee(struct book *b, const struct address *peer,
				    int64_t now_s, struct err *e)
{
	struct book_row_out row = {.peer = *peer};
	enum err_code rc = book_db_out_get(b->db, &row, e);

	return rc == ERR_NONE ? catch_up_out(b, &row, now_s, e) : rc;
}

/* What the pair takes of our free balance, after `before` became `after`. */
static enum err_code move_beyond(struct book *b, const struct book_out *before,
				 const struct book_out *after, struct err *e)
{
	struct amount sum;

	if (!amount_add(&sum, b->beyond, book_out_beyond(after)))
		return too_large(e);
	b->beyond = amount_sub_floor(sum, book_out_beyond(before));
	return ERR_NONE;
}

/* Counts are the caller's, facts and entry are the book's. */
static void take_counts(struct book_row_out *row, const struct book_out *out)
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
	struct book_row_out row = {.peer = *payee};
	struct book_out before;
	enum err_code rc = book_db_out_get(b->db, &row, e);

	if (rc != ERR_NONE)
		return rc;
	if (row.out.have &&
	    amount_cmp(out->newest.amount, row.out.newest.amount) < 0)
		return err_fail(e, ERR_STATE, "book: below the kept one");
	before = row.out;
	take_counts(&row, out);
	row.out.have = true;
	row.out.newest = out->newest;
	rc = row.found ? book_db_out_receipt(b->db, &row, e)
		       : book_db_out_set(b->db, &row, e);
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
	rc = begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	b->now_s = now_s;
	note_lag(&b->lag_out, payee);
	return end(b, receipt_out(b, payee, out, job, e));
}

enum err_code book_counts_out(struct book *b, const struct address *payee,
			      const struct book_out *out, struct err *e)
{
	struct book_row_out row = {.peer = *payee};
	enum err_code rc = book_db_stage(b->db, e);

	if (rc == ERR_NONE)
		rc = book_db_out_get(b->db, &row, e);
	if (rc != ERR_NONE)
		return rc;
	take_counts(&row, out);
	return book_db_out_set(b->db, &row, e);
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
	struct book_row_out row = {.peer = *payee};
	struct book_row_entry entry = {.time_s = now_s, .peer = *payee};
	struct book_out before;
	bool use;
	enum err_code rc = book_db_out_get(b->db, &row, e);

	if (rc == ERR_NONE)
		rc = facts_check(&row.out.facts, f, &use, e);
	if (rc == ERR_NONE && use)
		rc = catch_up_out(b, &row, now_s, e);
	if (rc != ERR_NONE || !use)
		return rc;
	before = row.out;
	row.out.facts = *f;
	entry.kind = amount_cmp(f->paid, before.facts.paid) ? BOOK_CASH_OUT
							    : BOOK_LOCK;
	rc = settle_out(b, &before, &row, &entry, e);
	return rc == ERR_NONE ? move_beyond(b, &before, &row.out, e) : rc;
}

enum err_code book_facts_out(struct book *b, const struct address *payee,
			     const struct book_facts *f, int64_t now_s,
			     struct err *e)
{
	enum err_code rc = begin(b, e);

	return rc == ERR_NONE ? end(b, facts_out(b, payee, f, now_s, e)) : rc;
}

/* ---- the tick ---- */

static enum err_code find_lag_in(void *ctx, const struct book_row_in *row,
				 struct err *e)
{
	struct lag *lag = ctx;

	(void)e;
	if (amount_cmp(row->booked, book_in_total(&row->in)) != 0)
		note_lag(lag, &row->peer);
	return ERR_NONE;
}

static enum err_code find_lag_out(void *ctx, const struct book_row_out *row,
				  struct err *e)
{
	struct lag *lag = ctx;

	(void)e;
	if (amount_cmp(row->booked, book_out_total(&row->out)) != 0)
		note_lag(lag, &row->peer);
	return ERR_NONE;
}

/* Notes every pair that lags, where it is not known which do. */
static enum err_code find_lag(struct book *b, struct err *e)
{
	enum err_code rc = ERR_NONE;

	if (b->lag_in.more) {
		b->lag_in.n = 0;
		b->lag_in.more = false;
		rc = book_db_in_each(b->db, BOOK_DB_BY_PEER, 0, find_lag_in,
				     &b->lag_in, e);
	}
	if (b->lag_out.more && rc == ERR_NONE) {
		b->lag_out.n = 0;
		b->lag_out.more = false;
		rc = book_db_out_each(b->db, find_lag_out, &b->lag_out, e);
	}
	return rc;
}

static enum err_code catch_up(struct book *b, int64_t now_s, struct err *e)
{
	enum err_code rc = ERR_NONE;

	for (size_t i = 0; i < b->lag_in.n && rc == ERR_NONE; i++)
		rc = catch_up_payer(b, &b->lag_in.peers[i], now_s, e);
	for (size_t i = 0; i < b->lag_out.n && rc == ERR_NONE; i++)
		rc = catch_up_payee(b, &b->lag_out.peers[i], now_s, e);
	if (rc == ERR_NONE)
		b->lag_in.n = b->lag_out.n = 0;
	return rc;
}

enum err_code book_tick(struct book *b, int64_t now_s, struct err *e)
{
	struct ending list = {.b = b};
	enum err_code rc = find_lag(b, e);

	b->now_s = now_s;
	if (rc == ERR_NONE)
		rc = book_db_in_each(b->db, BOOK_DB_BY_UNTIL,
				     now_s + BOOK_SECURED_MARGIN_S - 1,
				     note_ending, &list, e);
	if (rc != ERR_NONE || (!list.n && !b->lag_in.n && !b->lag_out.n))
		return rc;
	rc = begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	rc = catch_up(b, now_s, e);
	for (size_t i = 0; i < list.n && rc == ERR_NONE; i++)
		rc = unsecure(b, &list.peers[i], now_s, e);
	return end(b, rc);
}

int64_t book_last_time(const struct book *b)
{
	return b->now_s;
}

enum err_code book_pair_load(struct book *b, struct book_pair *out,
			     const struct address *peer, struct err *e)
{
	struct book_row_in in = {.peer = *peer};
	struct book_row_out given = {.peer = *peer};
	enum err_code rc = book_db_in_get(b->db, &in, e);

	if (rc == ERR_NONE)
		rc = book_db_out_get(b->db, &given, e);
	out->peer = *peer;
	out->in = in.in;
	out->out = given.out;
	return rc;
}

/* ---- our own balances ---- */

/* Moves an account to what the chain shows. Money that came for us through
 * others' hands waits in TRANSIT, and is found first. */
static enum err_code observe(struct book *b, enum book_account kind,
			     enum book_unit unit, struct amount seen,
			     int64_t now_s, struct err *e)
{
	struct lines ls = {.unit = unit};
	struct book_row_entry entry = {.kind = BOOK_OBSERVED, .time_s = now_s};
	struct book_row_account acc = {.kind = kind, .unit = unit};
	struct book_sum delta, found = {0}, rest;
	enum err_code rc = book_db_account(b->db, &acc, false, e);

	if (rc != ERR_NONE)
		return rc;
	if (!book_sum_add(&delta, book_sum_of(seen),
			  book_sum_minus(acc.balance)))
		return too_large(e);
	if (!delta.neg && unit == BOOK_TOKEN) {
		rc = balance(b, BOOK_TRANSIT, NULL, &found, e);
		if (rc != ERR_NONE)
			return rc;
		found = found.neg ? (struct book_sum){0}
				  : book_sum_of(
					    amount_min(found.size, delta.size));
	}
	if (!book_sum_add(&rest, delta, book_sum_minus(found)))
		return too_large(e);
	line(&ls, kind, NULL, delta);
	line(&ls, BOOK_TRANSIT, NULL, book_sum_minus(found));
	line(&ls, BOOK_OUTSIDE, NULL, book_sum_minus(rest));
	return write_entry(b, &entry, &ls, e);
}

static enum err_code facts_own(struct book *b, const struct amount *own_free,
			       const struct amount *wallet,
			       const struct amount *coin, uint64_t block,
			       int64_t now_s, struct err *e)
{
	uint8_t note[16];
	enum err_code rc = ERR_NONE;

	if (own_free) {
		amount_to_be16(note, amount_from_u64(block));
		rc = observe(b, BOOK_BANK, BOOK_TOKEN, *own_free, now_s, e);
		if (rc == ERR_NONE)
			rc = book_db_note_set(b->db, NOTE_OWN, note,
					      sizeof(note), e);
	}
	if (wallet && rc == ERR_NONE)
		rc = observe(b, BOOK_WALLET, BOOK_TOKEN, *wallet, now_s, e);
	if (coin && rc == ERR_NONE && !b->coin_is_token)
		rc = observe(b, BOOK_WALLET, BOOK_COIN, *coin, now_s, e);
	else if (coin && rc == ERR_NONE && !wallet)
		rc = observe(b, BOOK_WALLET, BOOK_TOKEN, *coin, now_s, e);
	return rc;
}

enum err_code book_facts_own(struct book *b, const struct amount *own_free,
			     const struct amount *wallet,
			     const struct amount *coin, uint64_t block,
			     int64_t now_s, struct err *e)
{
	enum err_code rc = begin(b, e);

	if (rc != ERR_NONE)
		return rc;
	return end(b, facts_own(b, own_free, wallet, coin, block, now_s, e));
}

bool book_own_funds(struct book *b, struct amount *own_free,
		    struct amount *beyond)
{
	uint8_t note[16];
	size_t len = sizeof(note);
	struct book_sum bank = {0};

	if (beyond)
		*beyond = b->beyond;
	*own_free = AMOUNT_ZERO;
	if (book_db_note_get(b->db, NOTE_OWN, note, &len, NULL) != ERR_NONE ||
	    !len || balance(b, BOOK_BANK, NULL, &bank, NULL) != ERR_NONE)
		return false;
	if (!bank.neg)
		*own_free = bank.size;
	return true;
}

enum err_code book_set_coin_is_token(struct book *b, bool is, struct err *e)
{
	uint8_t flag = is;
	enum err_code rc;

	if (b->coin_is_token == is || b->read_only) {
		b->coin_is_token = is; /* who only looks changes no file */
		return ERR_NONE;
	}
	rc = book_db_stage(b->db, e);
	if (rc == ERR_NONE)
		rc = book_db_note_set(b->db, NOTE_COIN, &flag, sizeof(flag), e);
	if (rc == ERR_NONE)
		b->coin_is_token = is;
	return rc;
}

/* ---- settlement ---- */

struct due_walk {
	book_due_fn *fn;
	void *ctx;
	int64_t now_s;
	bool stop;
};

static enum err_code give_due(void *ctx, const struct book_row_in *row,
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

	return book_db_in_each(b->db, BOOK_DB_BY_WORTH, 0, give_due, &walk, e);
}

/* ---- transactions ---- */

static enum err_code form_fits(const struct book_tx_form *form, struct err *e)
{
	if (!form->raw_len || form->raw_len > BOOK_TX_RAW_MAX)
		return err_fail(e, ERR_LIMIT, "book: %zu signed bytes",
				form->raw_len);
	return ERR_NONE;
}

enum err_code book_tx_add(struct book *b, struct book_tx *tx,
			  const struct book_tx_form *form, struct err *e)
{
	enum err_code rc = form_fits(form, e);

	if (rc == ERR_NONE && tx->meta_len > BOOK_TX_META_MAX)
		rc = err_fail(e, ERR_LIMIT, "book: %zu bytes of meta",
			      tx->meta_len);
	if (rc == ERR_NONE)
		rc = begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	tx->state = BOOK_TX_PENDING;
	tx->block = 0;
	tx->fee = AMOUNT_ZERO;
	rc = book_db_tx_new(b->db, tx, e);
	if (rc == ERR_NONE)
		rc = book_db_form_new(b->db, tx->id, 0, form, e);
	return end(b, rc);
}

static enum err_code get_pending(struct book *b, int64_t id, struct book_tx *tx,
				 unsigned *forms, struct err *e)
{
	bool found = false;
	enum err_code rc = book_db_tx_get(b->db, id, tx, &found, forms, e);

	if (rc != ERR_NONE)
		return rc;
	if (!found || tx->state != BOOK_TX_PENDING)
		return err_fail(e, ERR_STATE,
				"book: transaction %lld is not pending",
				(long long)id);
	return ERR_NONE;
}

enum err_code book_tx_add_form(struct book *b, int64_t id,
			       const struct book_tx_form *form, struct err *e)
{
	struct book_tx tx;
	unsigned forms = 0;
	enum err_code rc = form_fits(form, e);

	if (rc == ERR_NONE)
		rc = book_db_stage(b->db, e);
	if (rc == ERR_NONE)
		rc = get_pending(b, id, &tx, &forms, e);
	if (rc != ERR_NONE)
		return rc;
	if (forms >= BOOK_TX_FORMS_MAX)
		return err_fail(e, ERR_LIMIT, "book: %u forms already", forms);
	return book_db_form_new(b->db, id, forms, form, e);
}

/* What a final transaction did to our own money, as far as it does not come
 * through facts about pairs. */
static enum err_code book_tx_effect(struct book *b, const struct book_tx *tx,
				    int64_t now_s, struct err *e)
{
	struct lines ls = {.unit = BOOK_TOKEN};
	struct book_row_entry entry = {.time_s = now_s, .tx = tx->id};
	struct book_sum sum = book_sum_of(tx->amount);

	if (tx->state != BOOK_TX_FINAL)
		return ERR_NONE;
	if (tx->kind == BOOK_TX_DEPOSIT) {
		entry.kind = BOOK_DEPOSIT;
		line(&ls, BOOK_BANK, NULL, sum);
		line(&ls, BOOK_WALLET, NULL, book_sum_minus(sum));
	} else if (tx->kind == BOOK_TX_WITHDRAW) {
		entry.kind = BOOK_WITHDRAW;
		line(&ls,
		     address_eq(&tx->to, &b->me) ? BOOK_WALLET : BOOK_OUTSIDE,
		     NULL, sum);
		line(&ls, BOOK_BANK, NULL, book_sum_minus(sum));
	}
	return write_entry(b, &entry, &ls, e);
}

static enum err_code book_tx_fee(struct book *b, const struct book_tx *tx,
				 int64_t now_s, struct err *e)
{
	struct lines ls = {.unit = b->coin_is_token ? BOOK_TOKEN : BOOK_COIN};
	struct book_row_entry entry = {
		.kind = BOOK_FEE, .time_s = now_s, .tx = tx->id};

	line(&ls, BOOK_FEES, NULL, book_sum_of(tx->fee));
	line(&ls, BOOK_WALLET, NULL, book_sum_minus(book_sum_of(tx->fee)));
	return write_entry(b, &entry, &ls, e);
}

enum err_code book_tx_end(struct book *b, int64_t id, enum book_tx_state state,
			  uint64_t block, struct amount fee, int64_t now_s,
			  struct err *e)
{
	struct book_tx tx;
	unsigned forms;
	enum err_code rc;

	if (state == BOOK_TX_PENDING || !amount_fits112(fee))
		return err_fail(e, ERR_STATE, "book: no end of a transaction");
	rc = begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	rc = get_pending(b, id, &tx, &forms, e);
	tx.state = state;
	tx.block = block;
	tx.fee = fee;
	if (rc == ERR_NONE)
		rc = book_db_tx_end(b->db, &tx, e);
	if (rc == ERR_NONE)
		rc = book_tx_effect(b, &tx, now_s, e);
	if (rc == ERR_NONE)
		rc = book_tx_fee(b, &tx, now_s, e);
	return end(b, rc);
}

enum err_code book_tx_list(struct book *b, enum book_tx_state state,
			   unsigned limit, book_tx_fn *fn, void *ctx,
			   struct err *e)
{
	return book_db_tx_each(b->db, state, limit, fn, ctx, e);
}

enum err_code book_tx_slot_floor(struct book *b, uint64_t *out, struct err *e)
{
	return book_db_slot_floor(b->db, out, e);
}

enum err_code book_note_set(struct book *b, const char *key, const void *value,
			    size_t len, struct err *e)
{
	enum err_code rc;

	if (len > NOTE_MAX)
		return err_fail(e, ERR_LIMIT, "book: a note of %zu bytes", len);
	if (!strcmp(key, NOTE_ME) || !strcmp(key, NOTE_COIN) ||
	    !strcmp(key, NOTE_OWN))
		return err_fail(e, ERR_STATE, "book: '%s' is its own", key);
	rc = book_db_stage(b->db, e);
	return rc == ERR_NONE ? book_db_note_set(b->db, key, value, len, e)
			      : rc;
}

enum err_code book_note_get(struct book *b, const char *key, void *value,
			    size_t *len, struct err *e)
{
	return book_db_note_get(b->db, key, value, len, e);
}
