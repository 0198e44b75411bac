/* book_pair_db.c - the tables of pairs and of paid downloads: rows in, rows
 * out. */
#include "ledger/book_db_impl.h"

#include <string.h>

enum stmt {
	S_IN_GET,
	S_IN_SET,
	S_IN_RECEIPT,
	S_OUT_GET,
	S_OUT_SET,
	S_OUT_RECEIPT,
	S_JOB_GET,
	S_JOB_SET,
	S_JOB_DROP,
};

#define IN_COLUMNS \
	"peer,packed,owed,owed_rem,known,paid,reserve,free,until,block," \
	"bounced,due_mark,entry,hour,booked"
#define OUT_COLUMNS \
	"peer,packed,owed,owed_rem,known,paid,reserve,free,until,block," \
	"lost,bytes,banned,entry,hour,booked,settled"

const char *const book_pair_sql[BOOK_PAIR_STATEMENTS] = {
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
};

static void bind_facts(struct db_stmt *s, int i, const struct book_facts *f)
{
	db_bind_int(s, i, f->known);
	db_bind_amount(s, i + 1, f->paid);
	db_bind_amount(s, i + 2, f->reserve);
	db_bind_amount(s, i + 3, f->free);
	db_bind_int(s, i + 4, f->until);
	book_bind_u64(s, i + 5, f->block);
}

static bool col_facts(struct db_stmt *s, int i, struct book_facts *out)
{
	out->known = db_col_int(s, i) == 1;
	out->until = db_col_int(s, i + 4);
	out->block = book_col_u64(s, i + 5);
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

static bool read_in(struct db_stmt *s, struct book_row_in *row)
{
	struct book_in *in = &row->in;

	row->found = true;
	in->owed_rem = book_col_u64(s, 3);
	in->bounced = db_col_int(s, 10) == 1;
	row->entry = db_col_int(s, 12);
	row->hour = db_col_int(s, 13);
	return book_col_address(s, 0, &row->peer) &&
	       col_receipt(s, 1, &in->have, &in->newest) &&
	       db_col_amount(s, 2, &in->owed) && col_facts(s, 4, &in->facts) &&
	       db_col_amount(s, 11, &in->due_mark) &&
	       db_col_amount(s, 14, &row->booked);
}

enum err_code book_db_in_get(struct book_db *b, struct book_row_in *row,
			     struct err *e)
{
	struct db_stmt *s = b->pair[S_IN_GET];
	struct address peer = row->peer;
	bool found = false, sound;
	enum err_code rc;

	memset(row, 0, sizeof(*row));
	row->peer = peer;
	book_bind_address(s, 1, &peer);
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
	struct db_stmt *s = b->pair[S_IN_SET];
	const struct book_in *in = &row->in;

	book_bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, in->have, &in->newest);
	db_bind_amount(s, 3, in->owed);
	book_bind_u64(s, 4, in->owed_rem);
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
	struct db_stmt *s = b->pair[S_IN_RECEIPT];

	book_bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, row->in.have, &row->in.newest);
	db_bind_amount(s, 3, row->in.owed);
	book_bind_u64(s, 4, row->in.owed_rem);
	db_bind_amount(s, 5, uncashed);
	return db_run(s, e);
}

static bool read_out(struct db_stmt *s, struct book_row_out *row)
{
	struct book_out *out = &row->out;

	row->found = true;
	out->owed_rem = book_col_u64(s, 3);
	out->bytes = book_col_u64(s, 11);
	out->banned = db_col_int(s, 12) == 1;
	out->settled = db_col_int(s, 16) == 1;
	row->entry = db_col_int(s, 13);
	row->hour = db_col_int(s, 14);
	return book_col_address(s, 0, &row->peer) &&
	       col_receipt(s, 1, &out->have, &out->newest) &&
	       db_col_amount(s, 2, &out->owed) &&
	       col_facts(s, 4, &out->facts) &&
	       db_col_amount(s, 10, &out->lost) &&
	       db_col_amount(s, 15, &row->booked);
}

enum err_code book_db_out_get(struct book_db *b, struct book_row_out *row,
			      struct err *e)
{
	struct db_stmt *s = b->pair[S_OUT_GET];
	struct address peer = row->peer;
	bool found = false, sound;
	enum err_code rc;

	memset(row, 0, sizeof(*row));
	row->peer = peer;
	book_bind_address(s, 1, &peer);
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
	struct db_stmt *s = b->pair[S_OUT_SET];
	const struct book_out *out = &row->out;

	book_bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, out->have, &out->newest);
	db_bind_amount(s, 3, out->owed);
	book_bind_u64(s, 4, out->owed_rem);
	bind_facts(s, 5, &out->facts);
	db_bind_amount(s, 11, out->lost);
	book_bind_u64(s, 12, out->bytes);
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
	struct db_stmt *s = b->pair[S_OUT_RECEIPT];
	const struct book_out *out = &row->out;

	book_bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, out->have, &out->newest);
	db_bind_amount(s, 3, out->owed);
	book_bind_u64(s, 4, out->owed_rem);
	db_bind_amount(s, 5, out->lost);
	book_bind_u64(s, 6, out->bytes);
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
	struct db_stmt *s = b->pair[S_JOB_GET];
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
	struct db_stmt *s = b->pair[S_JOB_SET];

	db_bind_blob(s, 1, job->key, sizeof(job->key));
	db_bind_amount(s, 2, job->spent);
	return db_run(s, e);
}

enum err_code book_db_job_drop(struct book_db *b, const uint8_t key[20],
			       struct err *e)
{
	struct db_stmt *s = b->pair[S_JOB_DROP];

	db_bind_blob(s, 1, key, sizeof(((struct book_job *)0)->key));
	return db_run(s, e);
}
