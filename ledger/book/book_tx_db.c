/* book_tx_db.c - the tables of transactions and their signed forms: rows in,
 * rows out. */
#include "ledger/book/book_db_impl.h"

#include <stdlib.h>
#include <string.h>

enum stmt {
	S_TX_NEW,
	S_TX_GET,
	S_TX_END,
	S_FORM_NEW,
	S_FORMS,
	S_SLOT_FLOOR,
};

#define TX_COLUMNS "id,kind,state,slot,amount,target,block,fee,made_s"

const char *const book_tx_sql[BOOK_TX_STATEMENTS] = {
	[S_TX_NEW] = "INSERT INTO tx(kind,state,slot,amount,target,block,fee,"
		     "made_s,meta) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[S_TX_GET] = "SELECT " TX_COLUMNS ",(SELECT count(*) FROM tx_form"
		     " WHERE tx=id) FROM tx WHERE id=?1",
	[S_TX_END] = "UPDATE tx SET state=?2,block=?3,fee=?4 WHERE id=?1",
	[S_FORM_NEW] = "INSERT INTO tx_form VALUES(?1,?2,?3,?4,?5)",
	[S_FORMS] = "SELECT txid,fee_max,raw FROM tx_form WHERE tx=?1"
		    " ORDER BY n LIMIT 8",
	[S_SLOT_FLOOR] = "SELECT max(slot) FROM tx",
};

/* Nonces and TRON's milliseconds sort as 8 bytes big endian; an INTEGER would
 * turn the upper half of their range negative. */
static void slot_bytes(uint8_t out[16], uint64_t slot)
{
	amount_to_be16(out, amount_from_u64(slot));
}

static bool col_slot(struct db_stmt *s, int i, uint64_t *out)
{
	struct amount a;

	return db_col_amount(s, i, &a) && amount_to_u64(out, a);
}

enum err_code book_db_tx_new(struct book_db *b, struct book_tx *tx,
			     struct err *e)
{
	struct db_stmt *s = b->tx[S_TX_NEW];
	uint8_t slot[16];
	enum err_code rc;

	slot_bytes(slot, tx->slot);
	db_bind_int(s, 1, tx->kind);
	db_bind_int(s, 2, tx->state);
	db_bind_blob(s, 3, slot, sizeof(slot));
	db_bind_amount(s, 4, tx->amount);
	book_bind_address(s, 5, &tx->to);
	book_bind_u64(s, 6, tx->block);
	db_bind_amount(s, 7, tx->fee);
	db_bind_int(s, 8, tx->made_s);
	db_bind_blob(s, 9, tx->meta, tx->meta_len);
	rc = db_run(s, e);
	tx->id = db_last_id(b->db);
	return rc;
}

static bool read_tx(struct db_stmt *s, struct book_tx *tx)
{
	memset(tx, 0, sizeof(*tx));
	tx->id = db_col_int(s, 0);
	tx->kind = (enum book_tx_kind)db_col_int(s, 1);
	tx->state = (enum book_tx_state)db_col_int(s, 2);
	tx->block = book_col_u64(s, 6);
	tx->made_s = db_col_int(s, 8);
	return col_slot(s, 3, &tx->slot) && db_col_amount(s, 4, &tx->amount) &&
	       book_col_address(s, 5, &tx->to) && db_col_amount(s, 7, &tx->fee);
}

enum err_code book_db_tx_get(struct book_db *b, int64_t id, struct book_tx *tx,
			     bool *found, unsigned *forms, struct err *e)
{
	struct db_stmt *s = b->tx[S_TX_GET];
	enum err_code rc;
	bool sound;

	db_bind_int(s, 1, id);
	rc = db_step(s, found, e);
	if (rc != ERR_NONE || !*found)
		return rc;
	sound = read_tx(s, tx);
	*forms = (unsigned)db_col_int(s, 9);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("transaction", e);
}

enum err_code book_db_tx_end(struct book_db *b, const struct book_tx *tx,
			     struct err *e)
{
	struct db_stmt *s = b->tx[S_TX_END];

	db_bind_int(s, 1, tx->id);
	db_bind_int(s, 2, tx->state);
	book_bind_u64(s, 3, tx->block);
	db_bind_amount(s, 4, tx->fee);
	return db_run(s, e);
}

enum err_code book_db_form_new(struct book_db *b, int64_t tx, unsigned n,
			       const struct book_tx_form *form, struct err *e)
{
	struct db_stmt *s = b->tx[S_FORM_NEW];

	db_bind_int(s, 1, tx);
	db_bind_int(s, 2, n);
	db_bind_blob(s, 3, form->txid.bytes, sizeof(form->txid.bytes));
	db_bind_amount(s, 4, form->fee_max);
	db_bind_blob(s, 5, form->raw, form->raw_len);
	return db_run(s, e);
}

/* The raw bytes are copied out, because a statement's row ends with the next
 * step. *n counts forms whose raw the caller frees. */
static enum err_code read_forms(struct book_db *b, int64_t tx,
				struct book_tx_form forms[BOOK_TX_FORMS_MAX],
				uint8_t *raw[BOOK_TX_FORMS_MAX], size_t *n,
				struct err *e)
{
	struct db_stmt *s = b->tx[S_FORMS];
	enum err_code rc = ERR_NONE;
	bool found = true;

	db_bind_int(s, 1, tx);
	for (*n = 0; *n < BOOK_TX_FORMS_MAX; ++*n) {
		struct book_tx_form *f = &forms[*n];
		const uint8_t *bytes;

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			return rc;
		bytes = db_col_blob(s, 2, &f->raw_len);
		raw[*n] = malloc(f->raw_len + 1);
		if (!raw[*n]) {
			db_reset(s);
			return err_fail(e, ERR_NOMEM, "a transaction");
		}
		if (f->raw_len)
			memcpy(raw[*n], bytes, f->raw_len);
		f->raw = raw[*n];
		(void)db_col_bytes(s, 0, f->txid.bytes, sizeof(f->txid.bytes));
		(void)db_col_amount(s, 1, &f->fee_max);
	}
	db_reset(s);
	return ERR_NONE;
}

static enum err_code give_tx(struct book_db *b, struct db_stmt *s,
			     book_tx_fn *fn, void *ctx, bool *go_on,
			     struct err *e)
{
	struct book_tx_form forms[BOOK_TX_FORMS_MAX];
	uint8_t *raw[BOOK_TX_FORMS_MAX];
	struct book_tx tx;
	enum err_code rc;
	size_t n;

	if (!read_tx(s, &tx))
		return book_db_spoilt("transaction", e);
	tx.meta = db_col_blob(s, 9, &tx.meta_len);
	rc = read_forms(b, tx.id, forms, raw, &n, e);
	if (rc == ERR_NONE)
		*go_on = fn(ctx, &tx, forms, n);
	while (n > 0)
		free(raw[--n]);
	return rc;
}

enum err_code book_db_tx_each(struct book_db *b, enum book_tx_state state,
			      unsigned limit, book_tx_fn *fn, void *ctx,
			      struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(&s, b->db,
				      "SELECT " TX_COLUMNS ",meta FROM tx"
				      " WHERE state=?1 ORDER BY id LIMIT ?2",
				      e);
	bool go_on = true;

	if (rc == ERR_NONE) {
		db_bind_int(s, 1, state);
		db_bind_int(s, 2, limit ? (int64_t)limit : -1);
	}
	while (rc == ERR_NONE && go_on) {
		bool found;

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = give_tx(b, s, fn, ctx, &go_on, e);
	}
	db_stmt_free(s);
	return rc;
}

enum err_code book_db_slot_floor(struct book_db *b, uint64_t *out,
				 struct err *e)
{
	struct db_stmt *s = b->tx[S_SLOT_FLOOR];
	bool found = false, sound = true;
	enum err_code rc = db_step(s, &found, e);

	*out = 0;
	if (rc != ERR_NONE || !found)
		return rc;
	if (!db_col_is_null(s, 0)) {
		sound = col_slot(s, 0, out) && *out < UINT64_MAX;
		*out += sound;
	}
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("slot", e);
}
