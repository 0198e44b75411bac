/* book_tx.c - transactions that cannot be made twice. */
#include "ledger/book/book_impl.h"

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
		rc = book_begin(b, e);
	if (rc != ERR_NONE)
		return rc;
	tx->state = BOOK_TX_PENDING;
	tx->block = 0;
	tx->fee = AMOUNT_ZERO;
	rc = book_db_tx_new(b->db, tx, e);
	if (rc == ERR_NONE)
		rc = book_db_form_new(b->db, tx->id, 0, form, e);
	return book_end(b, rc);
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
	struct book_lines ls = {.unit = BOOK_TOKEN};
	struct book_row_entry entry = {.time_s = now_s, .tx = tx->id};
	struct book_sum sum = book_sum_of(tx->amount);

	if (tx->state != BOOK_TX_FINAL)
		return ERR_NONE;
	if (tx->kind == BOOK_TX_DEPOSIT) {
		entry.kind = BOOK_DEPOSIT;
		book_line(&ls, BOOK_BANK, NULL, sum);
		book_line(&ls, BOOK_WALLET, NULL, book_sum_minus(sum));
	} else if (tx->kind == BOOK_TX_WITHDRAW) {
		entry.kind = BOOK_WITHDRAW;
		book_line(&ls,
			  address_eq(&tx->to, &b->me) ? BOOK_WALLET
						      : BOOK_OUTSIDE,
			  NULL, sum);
		book_line(&ls, BOOK_BANK, NULL, book_sum_minus(sum));
	}
	return book_write_entry(b, &entry, &ls, e);
}

static enum err_code book_tx_fee(struct book *b, const struct book_tx *tx,
				 int64_t now_s, struct err *e)
{
	struct book_lines ls = {.unit = b->coin_is_token ? BOOK_TOKEN
							 : BOOK_COIN};
	struct book_row_entry entry = {
		.kind = BOOK_FEE, .time_s = now_s, .tx = tx->id};

	book_line(&ls, BOOK_FEES, NULL, book_sum_of(tx->fee));
	book_line(&ls, BOOK_WALLET, NULL, book_sum_minus(book_sum_of(tx->fee)));
	return book_write_entry(b, &entry, &ls, e);
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
	rc = book_begin(b, e);
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
	return book_end(b, rc);
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
