#include "ledger/book/book_impl.h"

#include <stdlib.h>
#include <string.h>

#define NOTE_MAX 4096

/* ---- opening ---- */

static enum err_code add_beyond(void *ctx, const struct book_row_pair *row,
				struct err *e)
{
	struct book *b = ctx;

	if (!amount_add(&b->beyond, b->beyond, book_out_beyond(&row->out)))
		return book_too_large(e);
	return ERR_NONE;
}

/* What memory holds besides the tables; again after a rollback. */
static enum err_code load(struct book *b, struct err *e)
{
	uint8_t flag = 0;
	size_t len = sizeof(flag);
	enum err_code rc =
		book_db_note_get(b->db, BOOK_NOTE_COIN, &flag, &len, e);

	if (rc != ERR_NONE)
		return rc;
	b->coin_is_token = flag == 1;
	b->beyond = AMOUNT_ZERO;
	b->lag_in.more = b->lag_out.more = true;
	return book_db_pair_each(b->db, BOOK_DB_PAYEES, 0, add_beyond, b, e);
}

static enum err_code own_books(struct book *b, const struct address *me,
			       struct err *e)
{
	size_t len = sizeof(b->me.bytes);
	enum err_code rc;

	rc = book_db_note_get(b->db, BOOK_NOTE_ME, b->me.bytes, &len, e);
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
		rc = book_db_note_set(b->db, BOOK_NOTE_ME, me->bytes,
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

enum err_code book_begin(struct book *b, struct err *e)
{
	enum err_code rc = book_db_stage(b->db, e);

	return rc == ERR_NONE ? book_db_mark(b->db, e) : rc;
}

enum err_code book_end(struct book *b, enum err_code rc)
{
	book_db_mark_end(b->db, rc == ERR_NONE);
	return rc;
}

int64_t book_last_time(const struct book *b)
{
	return b->now_s;
}

/* ---- notes ---- */

enum err_code book_note_set(struct book *b, const char *key, const void *value,
			    size_t len, struct err *e)
{
	enum err_code rc;

	if (len > NOTE_MAX)
		return err_fail(e, ERR_LIMIT, "book: a note of %zu bytes", len);
	if (!strcmp(key, BOOK_NOTE_ME) || !strcmp(key, BOOK_NOTE_COIN) ||
	    !strcmp(key, BOOK_NOTE_OWN))
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
