#include "ledger/book/book_db_impl.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x53424c31 /* "SBL1" */
#define MEND "restore it from a copy, then run `seedbank ledger check`"

/* Append only; what each table is for stands in ledger/DESIGN.md. A sum is two
 * columns: neg 0 or 1, size 16 bytes. */
static const char *const migrations[] = {
	"CREATE TABLE note(key TEXT PRIMARY KEY, value BLOB NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE account(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
	" unit INTEGER NOT NULL, peer BLOB NOT NULL, neg INTEGER NOT NULL,"
	" size BLOB NOT NULL CHECK(length(size)=16), UNIQUE(kind,unit,peer))"
	" STRICT;"
	"CREATE TABLE entry(id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind INTEGER NOT NULL, time_s INTEGER NOT NULL, peer BLOB NOT NULL,"
	" tx INTEGER NOT NULL) STRICT;"
	"CREATE TABLE posting(entry INTEGER NOT NULL REFERENCES entry,"
	" account INTEGER NOT NULL REFERENCES account, neg INTEGER NOT NULL,"
	" size BLOB NOT NULL CHECK(length(size)=16), PRIMARY "
	"KEY(entry,account))"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE pair_in(peer BLOB PRIMARY KEY, packed BLOB,"
	" owed BLOB NOT NULL, owed_rem INTEGER NOT NULL,"
	" known INTEGER NOT NULL, paid BLOB NOT NULL, reserve BLOB NOT NULL,"
	" free BLOB NOT NULL, until INTEGER NOT NULL, block INTEGER NOT NULL,"
	" bounced INTEGER NOT NULL, due_mark BLOB NOT NULL,"
	" entry INTEGER NOT NULL, hour INTEGER NOT NULL,"
	" booked BLOB NOT NULL, uncashed BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX pair_in_until ON pair_in(until)"
	" WHERE reserve > zeroblob(16);"
	"CREATE TABLE pair_out(peer BLOB PRIMARY KEY, packed BLOB,"
	" owed BLOB NOT NULL, owed_rem INTEGER NOT NULL, lost BLOB NOT NULL,"
	" bytes INTEGER NOT NULL, banned INTEGER NOT NULL,"
	" known INTEGER NOT NULL, paid BLOB NOT NULL, reserve BLOB NOT NULL,"
	" free BLOB NOT NULL, until INTEGER NOT NULL, block INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, hour INTEGER NOT NULL,"
	" booked BLOB NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE job(key BLOB PRIMARY KEY, spent BLOB NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE tx(id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind INTEGER NOT NULL, state INTEGER NOT NULL, slot BLOB NOT NULL,"
	" amount BLOB NOT NULL, target BLOB NOT NULL, block INTEGER NOT NULL,"
	" fee BLOB NOT NULL, made_s INTEGER NOT NULL, meta BLOB NOT NULL)"
	" STRICT;"
	"CREATE INDEX tx_state ON tx(state,id);"
	"CREATE TABLE tx_form(tx INTEGER NOT NULL REFERENCES tx,"
	" n INTEGER NOT NULL, txid BLOB NOT NULL, fee_max BLOB NOT NULL,"
	" raw BLOB NOT NULL, PRIMARY KEY(tx,n)) STRICT, WITHOUT ROWID;",
	"ALTER TABLE pair_out ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;",
	"CREATE TABLE agreement(renter BLOB NOT NULL, host BLOB NOT NULL,"
	" number INTEGER NOT NULL, since_s INTEGER NOT NULL,"
	" known INTEGER NOT NULL, block INTEGER NOT NULL,"
	" state INTEGER NOT NULL, revision INTEGER NOT NULL,"
	" root BLOB NOT NULL, sectors INTEGER NOT NULL,"
	" through INTEGER NOT NULL, earned BLOB NOT NULL, rate BLOB NOT NULL,"
	" first INTEGER NOT NULL, past INTEGER NOT NULL,"
	" span INTEGER NOT NULL, fund BLOB NOT NULL,"
	" collateral BLOB NOT NULL, penalty BLOB NOT NULL,"
	" misses INTEGER NOT NULL, next_root BLOB NOT NULL,"
	" next_sectors INTEGER NOT NULL, next_rate BLOB NOT NULL,"
	" next_from INTEGER NOT NULL, PRIMARY KEY(renter,host,number))"
	" STRICT, WITHOUT ROWID;",
	"ALTER TABLE agreement ADD COLUMN open_before INTEGER NOT NULL"
	" DEFAULT 0;",
	"ALTER TABLE pair_in ADD COLUMN drained BLOB NOT NULL"
	" DEFAULT x'00000000000000000000000000000000';"
	"ALTER TABLE pair_in ADD COLUMN drained_before BLOB NOT NULL"
	" DEFAULT x'00000000000000000000000000000000';"
	"ALTER TABLE pair_in ADD COLUMN drained_s INTEGER NOT NULL"
	" DEFAULT 0;",
};

enum stmt {
	S_ACCOUNT_GET,
	S_ACCOUNT_NEW,
	S_ACCOUNT_SET,
	S_ENTRY_NEW,
	S_POSTING_GET,
	S_POSTING_SET,
	S_NOTE_GET,
	S_NOTE_SET,
	S_COUNT
};

static const char *const sql[S_COUNT] = {
	[S_ACCOUNT_GET] = "SELECT id,neg,size FROM account"
			  " WHERE kind=?1 AND unit=?2 AND peer=?3",
	[S_ACCOUNT_NEW] = "INSERT INTO account(kind,unit,peer,neg,size)"
			  " VALUES(?1,?2,?3,0,zeroblob(16))",
	[S_ACCOUNT_SET] = "UPDATE account SET neg=?2,size=?3 WHERE id=?1",
	[S_ENTRY_NEW] = "INSERT INTO entry(kind,time_s,peer,tx)"
			" VALUES(?1,?2,?3,?4)",
	[S_POSTING_GET] = "SELECT neg,size FROM posting"
			  " WHERE entry=?1 AND account=?2",
	[S_POSTING_SET] = "INSERT INTO posting VALUES(?1,?2,?3,?4)"
			  " ON CONFLICT DO UPDATE SET neg=?3,size=?4",
	[S_NOTE_GET] = "SELECT value FROM note WHERE key=?1",
	[S_NOTE_SET] = "INSERT OR REPLACE INTO note VALUES(?1,?2)",
};

_Static_assert((int)S_COUNT == BOOK_DB_STATEMENTS, "book_db_impl.h");

enum err_code book_db_open(struct book_db **out, const char *path,
			   bool read_only, struct err *e)
{
	const struct db_cfg cfg = {
		.path = path,
		.application_id = APPLICATION_ID,
		.migrations = migrations,
		.migration_count = sizeof(migrations) / sizeof(migrations[0]),
		.read_only = read_only,
		.if_damaged = MEND,
	};
	struct book_db *b = calloc(1, sizeof(*b));
	enum err_code rc;

	*out = NULL;
	if (!b)
		return err_fail(e, ERR_NOMEM, "book");
	b->read_only = read_only;
	rc = db_open(&b->db, &cfg, e);
	if (rc == ERR_NONE)
		rc = db_prepare_all(b->s, b->db, sql, S_COUNT, e);
	if (rc == ERR_NONE)
		rc = db_prepare_all(b->pair, b->db, book_pair_sql,
				    BOOK_PAIR_STATEMENTS, e);
	if (rc == ERR_NONE)
		rc = db_prepare_all(b->tx, b->db, book_tx_sql,
				    BOOK_TX_STATEMENTS, e);
	if (rc == ERR_NONE)
		rc = db_prepare_all(b->rent, b->db, book_rent_sql,
				    BOOK_RENT_STATEMENTS, e);
	if (rc != ERR_NONE) {
		book_db_close(b);
		return rc;
	}
	*out = b;
	return ERR_NONE;
}

void book_db_close(struct book_db *b)
{
	if (!b)
		return;
	book_db_rollback(b);
	db_stmts_free(b->rent, BOOK_RENT_STATEMENTS);
	db_stmts_free(b->tx, BOOK_TX_STATEMENTS);
	db_stmts_free(b->pair, BOOK_PAIR_STATEMENTS);
	db_stmts_free(b->s, S_COUNT);
	db_close(b->db);
	free(b);
}

enum err_code book_db_stage(struct book_db *b, struct err *e)
{
	if (b->read_only)
		return err_fail(e, ERR_STATE, "the book is open for reading");
	return db_in_tx(b->db) ? ERR_NONE : db_begin(b->db, e);
}

bool book_db_staged(const struct book_db *b)
{
	return b->db && db_in_tx(b->db);
}

enum err_code book_db_commit(struct book_db *b, struct err *e)
{
	return db_in_tx(b->db) ? db_commit(b->db, e) : ERR_NONE;
}

void book_db_rollback(struct book_db *b)
{
	if (b->db)
		db_rollback(b->db);
}

enum err_code book_db_mark(struct book_db *b, struct err *e)
{
	return db_mark(b->db, e);
}

void book_db_mark_end(struct book_db *b, bool keep)
{
	if (keep)
		db_mark_keep(b->db);
	else
		db_mark_undo(b->db);
}

enum err_code book_db_sound(struct book_db *b, struct err *e)
{
	return db_check(b->db, e);
}

/* ---- columns ---- */

enum err_code book_db_spoilt(const char *what, struct err *e)
{
	return err_fail(e, ERR_DB,
			"book: is damaged, a %s does not read back; " MEND,
			what);
}

static void bind_sum(struct db_stmt *s, int i, const struct book_sum *sum)
{
	db_bind_int(s, i, sum->neg);
	db_bind_amount(s, i + 1, sum->size);
}

static bool col_sum(struct db_stmt *s, int i, struct book_sum *out)
{
	out->neg = db_col_int(s, i) == 1;
	return db_col_amount(s, i + 1, &out->size);
}

void book_bind_address(struct db_stmt *s, int i, const struct address *a)
{
	db_bind_blob(s, i, a->bytes, sizeof(a->bytes));
}

bool book_col_address(struct db_stmt *s, int i, struct address *out)
{
	return db_col_bytes(s, i, out->bytes, sizeof(out->bytes));
}

void book_bind_u64(struct db_stmt *s, int i, uint64_t v)
{
	db_bind_int(s, i, (int64_t)v);
}

uint64_t book_col_u64(struct db_stmt *s, int i)
{
	return (uint64_t)db_col_int(s, i);
}

/* ---- accounts and entries ---- */

static enum err_code account_find(struct book_db *b,
				  struct book_row_account *row, bool *found,
				  struct err *e)
{
	struct db_stmt *s = b->s[S_ACCOUNT_GET];
	enum err_code rc;
	bool sound = true;

	db_bind_int(s, 1, row->kind);
	db_bind_int(s, 2, row->unit);
	book_bind_address(s, 3, &row->peer);
	rc = db_step(s, found, e);
	if (rc != ERR_NONE || !*found)
		return rc;
	row->id = db_col_int(s, 0);
	sound = col_sum(s, 1, &row->balance);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("balance", e);
}

enum err_code book_db_account(struct book_db *b, struct book_row_account *row,
			      bool make, struct err *e)
{
	struct db_stmt *s = b->s[S_ACCOUNT_NEW];
	bool found = false;
	enum err_code rc = account_find(b, row, &found, e);

	if (rc != ERR_NONE || found)
		return rc;
	row->id = 0;
	row->balance = (struct book_sum){0};
	if (!make)
		return ERR_NONE;
	db_bind_int(s, 1, row->kind);
	db_bind_int(s, 2, row->unit);
	book_bind_address(s, 3, &row->peer);
	rc = db_run(s, e);
	row->id = db_last_id(b->db);
	return rc;
}

enum err_code book_db_balance_set(struct book_db *b, int64_t account,
				  const struct book_sum *sum, struct err *e)
{
	struct db_stmt *s = b->s[S_ACCOUNT_SET];

	db_bind_int(s, 1, account);
	bind_sum(s, 2, sum);
	return db_run(s, e);
}

enum err_code book_db_entry_new(struct book_db *b, struct book_row_entry *row,
				struct err *e)
{
	struct db_stmt *s = b->s[S_ENTRY_NEW];
	enum err_code rc;

	db_bind_int(s, 1, row->kind);
	db_bind_int(s, 2, row->time_s);
	book_bind_address(s, 3, &row->peer);
	db_bind_int(s, 4, row->tx);
	rc = db_run(s, e);
	row->id = db_last_id(b->db);
	return rc;
}

enum err_code book_db_posting_get(struct book_db *b, int64_t entry,
				  int64_t account, struct book_sum *sum,
				  struct err *e)
{
	struct db_stmt *s = b->s[S_POSTING_GET];
	bool found = false, sound;
	enum err_code rc;

	*sum = (struct book_sum){0};
	db_bind_int(s, 1, entry);
	db_bind_int(s, 2, account);
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	sound = col_sum(s, 0, sum);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("posting", e);
}

enum err_code book_db_posting_set(struct book_db *b, int64_t entry,
				  int64_t account, const struct book_sum *sum,
				  struct err *e)
{
	struct db_stmt *s = b->s[S_POSTING_SET];

	db_bind_int(s, 1, entry);
	db_bind_int(s, 2, account);
	bind_sum(s, 3, sum);
	return db_run(s, e);
}

/* ---- notes ---- */

enum err_code book_db_note_set(struct book_db *b, const char *key,
			       const void *value, size_t len, struct err *e)
{
	struct db_stmt *s = b->s[S_NOTE_SET];

	db_bind_text(s, 1, key);
	db_bind_blob(s, 2, value, len);
	return db_run(s, e);
}

enum err_code book_db_note_get(struct book_db *b, const char *key, void *value,
			       size_t *len, struct err *e)
{
	struct db_stmt *s = b->s[S_NOTE_GET];
	size_t room = *len;
	const uint8_t *p;
	bool found = false;
	enum err_code rc;

	*len = 0;
	db_bind_text(s, 1, key);
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	p = db_col_blob(s, 0, len);
	if (*len > room)
		rc = err_fail(e, ERR_LIMIT, "book: note '%s' has %zu bytes",
			      key, *len);
	else if (*len)
		memcpy(value, p, *len);
	db_reset(s);
	return rc;
}

/* ---- everything ---- */

static bool read_account(struct db_stmt *s, int i, struct book_row_account *row)
{
	row->id = db_col_int(s, i);
	row->kind = (enum book_account)db_col_int(s, i + 1);
	row->unit = (enum book_unit)db_col_int(s, i + 2);
	return book_col_address(s, i + 3, &row->peer) &&
	       col_sum(s, i + 4, &row->balance);
}

static bool read_posting(struct db_stmt *s, struct book_row_posting *row)
{
	row->entry.id = db_col_int(s, 0);
	row->entry.kind = (enum book_entry_kind)db_col_int(s, 1);
	row->entry.time_s = db_col_int(s, 2);
	row->entry.tx = db_col_int(s, 4);
	return book_col_address(s, 3, &row->entry.peer) &&
	       read_account(s, 5, &row->account) && col_sum(s, 11, &row->sum);
}

#define POSTINGS \
	"SELECT e.id,e.kind,e.time_s,e.peer,e.tx,a.id,a.kind,a.unit,a.peer," \
	"a.neg,a.size,p.neg,p.size FROM posting p JOIN entry e ON " \
	"e.id=p.entry" \
	" JOIN account a ON a.id=p.account ORDER BY "

enum err_code book_db_posting_each(struct book_db *b, enum book_db_by by,
				   book_db_posting_fn *fn, void *ctx,
				   struct err *e)
{
	static const char *const text[] = {
		[BOOK_DB_BY_ENTRY] = POSTINGS "e.id,a.id",
		[BOOK_DB_BY_ACCOUNT] = POSTINGS "a.id,e.id",
	};
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(&s, b->db, text[by], e);

	while (rc == ERR_NONE) {
		struct book_row_posting row = {0};
		bool found;

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = read_posting(s, &row) ? fn(ctx, &row, e)
					   : book_db_spoilt("posting", e);
	}
	db_stmt_free(s);
	return rc;
}

enum err_code book_db_account_each(struct book_db *b, book_db_account_fn *fn,
				   void *ctx, struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(
		&s, b->db,
		"SELECT id,kind,unit,peer,neg,size FROM account ORDER BY id",
		e);

	while (rc == ERR_NONE) {
		struct book_row_account row = {0};
		bool found;

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = read_account(s, 0, &row) ? fn(ctx, &row, e)
					      : book_db_spoilt("balance", e);
	}
	db_stmt_free(s);
	return rc;
}

enum err_code book_db_count_entries(struct book_db *b, uint64_t *out,
				    struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code rc =
		db_prepare(&s, b->db, "SELECT count(*) FROM entry", e);
	int64_t n = 0;

	if (rc == ERR_NONE)
		rc = db_number(s, &n, e);
	*out = (uint64_t)n;
	db_stmt_free(s);
	return rc;
}
