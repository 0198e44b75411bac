#include "ledger/book_db_impl.h"

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
};

enum stmt {
	S_ACCOUNT_GET,
	S_ACCOUNT_NEW,
	S_ACCOUNT_SET,
	S_ENTRY_NEW,
	S_POSTING_GET,
	S_POSTING_SET,
	S_IN_GET,
	S_IN_SET,
	S_IN_RECEIPT,
	S_OUT_GET,
	S_OUT_SET,
	S_OUT_RECEIPT,
	S_JOB_GET,
	S_JOB_SET,
	S_JOB_DROP,
	S_TX_NEW,
	S_TX_GET,
	S_TX_END,
	S_FORM_NEW,
	S_FORMS,
	S_SLOT_FLOOR,
	S_NOTE_GET,
	S_NOTE_SET,
	S_COUNT
};

#define IN_COLUMNS \
	"peer,packed,owed,owed_rem,known,paid,reserve,free,until,block," \
	"bounced,due_mark,entry,hour,booked"
#define OUT_COLUMNS \
	"peer,packed,owed,owed_rem,known,paid,reserve,free,until,block," \
	"lost,bytes,banned,entry,hour,booked,settled"
#define TX_COLUMNS "id,kind,state,slot,amount,target,block,fee,made_s"

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
	[S_IN_GET] = "SELECT " IN_COLUMNS " FROM pair_in WHERE peer=?1",
	[S_IN_SET] = "INSERT OR REPLACE INTO pair_in(" IN_COLUMNS ",uncashed)"
		     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
		     "?15,?16)",
	[S_IN_RECEIPT] = "UPDATE pair_in SET packed=?2,owed=?3,owed_rem=?4,"
			 "uncashed=?5 WHERE peer=?1",
	[S_OUT_GET] = "SELECT " OUT_COLUMNS " FROM pair_out WHERE peer=?1",
	[S_OUT_SET] = "INSERT OR REPLACE INTO pair_out(" OUT_COLUMNS ")"
		      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
		      "?15,?16,?17)",
	[S_OUT_RECEIPT] = "UPDATE pair_out SET packed=?2,owed=?3,owed_rem=?4,"
			  "lost=?5,bytes=?6,banned=?7,settled=?8"
			  " WHERE peer=?1",
	[S_JOB_GET] = "SELECT spent FROM job WHERE key=?1",
	[S_JOB_SET] = "INSERT OR REPLACE INTO job VALUES(?1,?2)",
	[S_JOB_DROP] = "DELETE FROM job WHERE key=?1",
	[S_TX_NEW] = "INSERT INTO tx(kind,state,slot,amount,target,block,fee,"
		     "made_s,meta) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[S_TX_GET] = "SELECT " TX_COLUMNS ",(SELECT count(*) FROM tx_form"
		     " WHERE tx=id) FROM tx WHERE id=?1",
	[S_TX_END] = "UPDATE tx SET state=?2,block=?3,fee=?4 WHERE id=?1",
	[S_FORM_NEW] = "INSERT INTO tx_form VALUES(?1,?2,?3,?4,?5)",
	[S_FORMS] = "SELECT txid,fee_max,raw FROM tx_form WHERE tx=?1"
		    " ORDER BY n LIMIT 8",
	[S_SLOT_FLOOR] = "SELECT max(slot) FROM tx",
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

static void bind_address(struct db_stmt *s, int i, const struct address *a)
{
	db_bind_blob(s, i, a->bytes, sizeof(a->bytes));
}

static bool col_address(struct db_stmt *s, int i, struct address *out)
{
	return db_col_bytes(s, i, out->bytes, sizeof(out->bytes));
}

static void bind_u64(struct db_stmt *s, int i, uint64_t v)
{
	db_bind_int(s, i, (int64_t)v);
}

static uint64_t col_u64(struct db_stmt *s, int i)
{
	return (uint64_t)db_col_int(s, i);
}

static void bind_facts(struct db_stmt *s, int i, const struct book_facts *f)
{
	db_bind_int(s, i, f->known);
	db_bind_amount(s, i + 1, f->paid);
	db_bind_amount(s, i + 2, f->reserve);
	db_bind_amount(s, i + 3, f->free);
	db_bind_int(s, i + 4, f->until);
	bind_u64(s, i + 5, f->block);
}

static bool col_facts(struct db_stmt *s, int i, struct book_facts *out)
{
	out->known = db_col_int(s, i) == 1;
	out->until = db_col_int(s, i + 4);
	out->block = col_u64(s, i + 5);
	return db_col_amount(s, i + 1, &out->paid) &&
	       db_col_amount(s, i + 2, &out->reserve) &&
	       db_col_amount(s, i + 3, &out->free);
}

static void bind_receipt(struct db_stmt *s, int i, bool have,
			 const struct receipt *r)
{
	uint8_t packed[RECEIPT_LEN];

	if (have && receipt_pack(r, packed, sizeof(packed)))
		db_bind_blob(s, i, packed, sizeof(packed));
	else
		db_bind_null(s, i);
}

static bool col_receipt(struct db_stmt *s, int i, bool *have,
			struct receipt *out)
{
	size_t len;
	const uint8_t *p;

	*have = !db_col_is_null(s, i);
	if (!*have)
		return true;
	p = db_col_blob(s, i, &len);
	return p && receipt_unpack(out, p, len, NULL) == ERR_NONE;
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
	bind_address(s, 3, &row->peer);
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
	bind_address(s, 3, &row->peer);
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
	bind_address(s, 3, &row->peer);
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

/* ---- pairs ---- */

static bool read_in(struct db_stmt *s, struct book_row_in *row)
{
	struct book_in *in = &row->in;

	row->found = true;
	in->owed_rem = col_u64(s, 3);
	in->bounced = db_col_int(s, 10) == 1;
	row->entry = db_col_int(s, 12);
	row->hour = db_col_int(s, 13);
	return col_address(s, 0, &row->peer) &&
	       col_receipt(s, 1, &in->have, &in->newest) &&
	       db_col_amount(s, 2, &in->owed) && col_facts(s, 4, &in->facts) &&
	       db_col_amount(s, 11, &in->due_mark) &&
	       db_col_amount(s, 14, &row->booked);
}

enum err_code book_db_in_get(struct book_db *b, struct book_row_in *row,
			     struct err *e)
{
	struct db_stmt *s = b->s[S_IN_GET];
	struct address peer = row->peer;
	bool found = false, sound;
	enum err_code rc;

	memset(row, 0, sizeof(*row));
	row->peer = peer;
	bind_address(s, 1, &peer);
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	sound = read_in(s, row);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("receipt taken", e);
}

enum err_code book_db_in_set(struct book_db *b, const struct book_row_in *row,
			     struct amount uncashed, struct err *e)
{
	struct db_stmt *s = b->s[S_IN_SET];
	const struct book_in *in = &row->in;

	bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, in->have, &in->newest);
	db_bind_amount(s, 3, in->owed);
	bind_u64(s, 4, in->owed_rem);
	bind_facts(s, 5, &in->facts);
	db_bind_int(s, 11, in->bounced);
	db_bind_amount(s, 12, in->due_mark);
	db_bind_int(s, 13, row->entry);
	db_bind_int(s, 14, row->hour);
	db_bind_amount(s, 15, row->booked);
	db_bind_amount(s, 16, uncashed);
	return db_run(s, e);
}

enum err_code book_db_in_receipt(struct book_db *b,
				 const struct book_row_in *row,
				 struct amount uncashed, struct err *e)
{
	struct db_stmt *s = b->s[S_IN_RECEIPT];

	bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, row->in.have, &row->in.newest);
	db_bind_amount(s, 3, row->in.owed);
	bind_u64(s, 4, row->in.owed_rem);
	db_bind_amount(s, 5, uncashed);
	return db_run(s, e);
}

static bool read_out(struct db_stmt *s, struct book_row_out *row)
{
	struct book_out *out = &row->out;

	row->found = true;
	out->owed_rem = col_u64(s, 3);
	out->bytes = col_u64(s, 11);
	out->banned = db_col_int(s, 12) == 1;
	out->settled = db_col_int(s, 16) == 1;
	row->entry = db_col_int(s, 13);
	row->hour = db_col_int(s, 14);
	return col_address(s, 0, &row->peer) &&
	       col_receipt(s, 1, &out->have, &out->newest) &&
	       db_col_amount(s, 2, &out->owed) &&
	       col_facts(s, 4, &out->facts) &&
	       db_col_amount(s, 10, &out->lost) &&
	       db_col_amount(s, 15, &row->booked);
}

enum err_code book_db_out_get(struct book_db *b, struct book_row_out *row,
			      struct err *e)
{
	struct db_stmt *s = b->s[S_OUT_GET];
	struct address peer = row->peer;
	bool found = false, sound;
	enum err_code rc;

	memset(row, 0, sizeof(*row));
	row->peer = peer;
	bind_address(s, 1, &peer);
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	sound = read_out(s, row);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("receipt given", e);
}

enum err_code book_db_out_set(struct book_db *b, const struct book_row_out *row,
			      struct err *e)
{
	struct db_stmt *s = b->s[S_OUT_SET];
	const struct book_out *out = &row->out;

	bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, out->have, &out->newest);
	db_bind_amount(s, 3, out->owed);
	bind_u64(s, 4, out->owed_rem);
	bind_facts(s, 5, &out->facts);
	db_bind_amount(s, 11, out->lost);
	bind_u64(s, 12, out->bytes);
	db_bind_int(s, 13, out->banned);
	db_bind_int(s, 14, row->entry);
	db_bind_int(s, 15, row->hour);
	db_bind_amount(s, 16, row->booked);
	db_bind_int(s, 17, out->settled);
	return db_run(s, e);
}

enum err_code book_db_out_receipt(struct book_db *b,
				  const struct book_row_out *row, struct err *e)
{
	struct db_stmt *s = b->s[S_OUT_RECEIPT];
	const struct book_out *out = &row->out;

	bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, out->have, &out->newest);
	db_bind_amount(s, 3, out->owed);
	bind_u64(s, 4, out->owed_rem);
	db_bind_amount(s, 5, out->lost);
	bind_u64(s, 6, out->bytes);
	db_bind_int(s, 7, out->banned);
	db_bind_int(s, 8, out->settled);
	return db_run(s, e);
}

enum err_code book_db_in_each(struct book_db *b, enum book_db_order order,
			      int64_t until, book_db_in_fn *fn, void *ctx,
			      struct err *e)
{
	static const char *const text[] = {
		[BOOK_DB_BY_PEER] = "SELECT " IN_COLUMNS " FROM pair_in"
				    " WHERE ?1=?1 ORDER BY peer",
		[BOOK_DB_BY_WORTH] = "SELECT " IN_COLUMNS " FROM pair_in"
				     " WHERE uncashed > zeroblob(16) AND ?1=?1"
				     " ORDER BY uncashed DESC",
		[BOOK_DB_BY_UNTIL] = "SELECT " IN_COLUMNS " FROM pair_in"
				     " WHERE reserve > zeroblob(16)"
				     " AND until<=?1 ORDER BY until",
	};
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(&s, b->db, text[order], e);
	bool found = rc == ERR_NONE;

	if (found)
		db_bind_int(s, 1, until);
	while (rc == ERR_NONE) {
		struct book_row_in row = {0};

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = read_in(s, &row) ? fn(ctx, &row, e)
				      : book_db_spoilt("receipt taken", e);
	}
	db_stmt_free(s);
	return rc;
}

enum err_code book_db_out_each(struct book_db *b, book_db_out_fn *fn, void *ctx,
			       struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(
		&s, b->db, "SELECT " OUT_COLUMNS " FROM pair_out ORDER BY peer",
		e);
	bool found = false;

	while (rc == ERR_NONE) {
		struct book_row_out row = {0};

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = read_out(s, &row) ? fn(ctx, &row, e)
				       : book_db_spoilt("receipt given", e);
	}
	db_stmt_free(s);
	return rc;
}

enum err_code book_db_job_get(struct book_db *b, struct book_job *job,
			      struct err *e)
{
	struct db_stmt *s = b->s[S_JOB_GET];
	bool found = false, sound;
	enum err_code rc;

	job->spent = AMOUNT_ZERO;
	db_bind_blob(s, 1, job->key, sizeof(job->key));
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	sound = db_col_amount(s, 0, &job->spent);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("budget", e);
}

enum err_code book_db_job_set(struct book_db *b, const struct book_job *job,
			      struct err *e)
{
	struct db_stmt *s = b->s[S_JOB_SET];

	db_bind_blob(s, 1, job->key, sizeof(job->key));
	db_bind_amount(s, 2, job->spent);
	return db_run(s, e);
}

enum err_code book_db_job_drop(struct book_db *b, const uint8_t key[20],
			       struct err *e)
{
	struct db_stmt *s = b->s[S_JOB_DROP];

	db_bind_blob(s, 1, key, sizeof(((struct book_job *)0)->key));
	return db_run(s, e);
}

/* ---- transactions ---- */

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
	struct db_stmt *s = b->s[S_TX_NEW];
	uint8_t slot[16];
	enum err_code rc;

	slot_bytes(slot, tx->slot);
	db_bind_int(s, 1, tx->kind);
	db_bind_int(s, 2, tx->state);
	db_bind_blob(s, 3, slot, sizeof(slot));
	db_bind_amount(s, 4, tx->amount);
	bind_address(s, 5, &tx->to);
	bind_u64(s, 6, tx->block);
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
	tx->block = col_u64(s, 6);
	tx->made_s = db_col_int(s, 8);
	return col_slot(s, 3, &tx->slot) && db_col_amount(s, 4, &tx->amount) &&
	       col_address(s, 5, &tx->to) && db_col_amount(s, 7, &tx->fee);
}

enum err_code book_db_tx_get(struct book_db *b, int64_t id, struct book_tx *tx,
			     bool *found, unsigned *forms, struct err *e)
{
	struct db_stmt *s = b->s[S_TX_GET];
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
	struct db_stmt *s = b->s[S_TX_END];

	db_bind_int(s, 1, tx->id);
	db_bind_int(s, 2, tx->state);
	bind_u64(s, 3, tx->block);
	db_bind_amount(s, 4, tx->fee);
	return db_run(s, e);
}

enum err_code book_db_form_new(struct book_db *b, int64_t tx, unsigned n,
			       const struct book_tx_form *form, struct err *e)
{
	struct db_stmt *s = b->s[S_FORM_NEW];

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
	struct db_stmt *s = b->s[S_FORMS];
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
	struct db_stmt *s = b->s[S_SLOT_FLOOR];
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
	return col_address(s, i + 3, &row->peer) &&
	       col_sum(s, i + 4, &row->balance);
}

static bool read_posting(struct db_stmt *s, struct book_row_posting *row)
{
	row->entry.id = db_col_int(s, 0);
	row->entry.kind = (enum book_entry_kind)db_col_int(s, 1);
	row->entry.time_s = db_col_int(s, 2);
	row->entry.tx = db_col_int(s, 4);
	return col_address(s, 3, &row->entry.peer) &&
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
	bool found = false;

	*out = 0;
	if (rc == ERR_NONE)
		rc = db_step(s, &found, e);
	if (rc == ERR_NONE && found)
		*out = col_u64(s, 0);
	db_stmt_free(s);
	return rc;
}
