/* book_own.c - our own balances, as the chain shows them. */
#include "ledger/book/book_impl.h"

/* ---- our own balances ---- */

/* Moves an account to what the chain shows. Money that came for us through
 * others' hands, or is gone with an undone block, waits in TRANSIT, and is
 * found first. */
static enum err_code observe(struct book *b, enum book_account kind,
			     enum book_unit unit, struct amount seen,
			     int64_t now_s, struct err *e)
{
	struct book_lines ls = {.unit = unit};
	struct book_row_entry entry = {.kind = BOOK_OBSERVED, .time_s = now_s};
	struct book_row_account acc = {.kind = kind, .unit = unit};
	struct book_sum delta, found = {0}, rest;
	enum err_code rc = book_db_account(b->db, &acc, false, e);

	if (rc != ERR_NONE)
		return rc;
	if (!book_sum_add(&delta, book_sum_of(seen),
			  book_sum_minus(acc.balance)))
		return book_too_large(e);
	if (unit == BOOK_TOKEN) {
		rc = book_balance(b, BOOK_TRANSIT, NULL, &found, e);
		if (rc != ERR_NONE)
			return rc;
		found.size = found.neg == delta.neg
				     ? amount_min(found.size, delta.size)
				     : AMOUNT_ZERO;
		found.neg = delta.neg && !amount_is_zero(found.size);
	}
	if (!book_sum_add(&rest, delta, book_sum_minus(found)))
		return book_too_large(e);
	book_line(&ls, kind, NULL, delta);
	book_line(&ls, BOOK_TRANSIT, NULL, book_sum_minus(found));
	book_line(&ls, BOOK_OUTSIDE, NULL, book_sum_minus(rest));
	return book_write_entry(b, &entry, &ls, e);
}

/* Was our own balance read at a later block already? */
static enum err_code is_older(struct book *b, uint64_t block, bool *older,
			      struct err *e)
{
	uint8_t note[16];
	size_t len = sizeof(note);
	enum err_code rc =
		book_db_note_get(b->db, BOOK_NOTE_OWN, note, &len, e);

	*older = rc == ERR_NONE && len == sizeof(note) &&
		 amount_cmp(amount_from_u64(block), amount_from_be16(note)) < 0;
	return rc;
}

static enum err_code facts_own(struct book *b, const struct amount *own_free,
			       const struct amount *wallet,
			       const struct amount *coin, uint64_t block,
			       int64_t now_s, struct err *e)
{
	uint8_t note[16];
	bool older;
	enum err_code rc = is_older(b, block, &older, e);

	if (rc != ERR_NONE || older)
		return rc;
	if (own_free) {
		amount_to_be16(note, amount_from_u64(block));
		rc = observe(b, BOOK_BANK, BOOK_TOKEN, *own_free, now_s, e);
		if (rc == ERR_NONE)
			rc = book_db_note_set(b->db, BOOK_NOTE_OWN, note,
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
	enum err_code rc = book_begin(b, e);

	if (rc != ERR_NONE)
		return rc;
	return book_end(b,
			facts_own(b, own_free, wallet, coin, block, now_s, e));
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
	if (book_db_note_get(b->db, BOOK_NOTE_OWN, note, &len, NULL) !=
		    ERR_NONE ||
	    !len || book_balance(b, BOOK_BANK, NULL, &bank, NULL) != ERR_NONE)
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
		rc = book_db_note_set(b->db, BOOK_NOTE_COIN, &flag,
				      sizeof(flag), e);
	if (rc == ERR_NONE)
		b->coin_is_token = is;
	return rc;
}
