/* book_pair_db.c - the tables of pairs and of paid downloads: rows in, rows
 * out. Who pays us and whom we pay are two tables of one shape. */
#include "ledger/book/book_db_impl.h"

#include <stddef.h>
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

/* Parameter n of every statement is column n - 1 of these, uncashed the one
 * behind them. */
#define SHARED_COLUMNS \
	"peer,packed,owed,owed_rem,known,paid,reserve,free,until,block," \
	"entry,hour,booked,"
#define IN_COLUMNS \
	SHARED_COLUMNS "bounced,due_mark,drained,drained_before,drained_s"
#define OUT_COLUMNS SHARED_COLUMNS "lost,bytes,banned,settled"

const char *const book_pair_sql[BOOK_PAIR_STATEMENTS] = {
	[S_IN_GET] = "SELECT " IN_COLUMNS " FROM pair_in WHERE peer=?1",
	[S_IN_SET] = "INSERT OR REPLACE INTO pair_in(" IN_COLUMNS ",uncashed)"
		     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
		     "?15,?16,?17,?18,?19)",
	[S_IN_RECEIPT] = "UPDATE pair_in SET packed=?2,owed=?3,owed_rem=?4,"
			 "uncashed=?19 WHERE peer=?1",
	[S_OUT_GET] = "SELECT " OUT_COLUMNS " FROM pair_out WHERE peer=?1",
	[S_OUT_SET] = "INSERT OR REPLACE INTO pair_out(" OUT_COLUMNS ")"
		      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"
		      "?15,?16,?17)",
	[S_OUT_RECEIPT] = "UPDATE pair_out SET packed=?2,owed=?3,owed_rem=?4,"
			  "lost=?14,bytes=?15,banned=?16,settled=?17"
			  " WHERE peer=?1",
	[S_JOB_GET] = "SELECT spent FROM job WHERE key=?1",
	[S_JOB_SET] = "INSERT OR REPLACE INTO job VALUES(?1,?2)",
	[S_JOB_DROP] = "DELETE FROM job WHERE key=?1",
};

static const struct side {
	const char *what; /* that does not read back */
	enum stmt get, set, receipt;
} sides[] = {
	[BOOK_SIDE_IN] = {"receipt taken", S_IN_GET, S_IN_SET, S_IN_RECEIPT},
	[BOOK_SIDE_OUT] = {"receipt given", S_OUT_GET, S_OUT_SET,
			   S_OUT_RECEIPT},
};

static const struct list {
	enum book_side side;
	const char *sql;
} lists[] = {
	[BOOK_DB_PAYERS] = {BOOK_SIDE_IN, "SELECT " IN_COLUMNS " FROM pair_in"
					  " WHERE ?1=?1 ORDER BY peer"},
	[BOOK_DB_PAYERS_BY_WORTH] = {BOOK_SIDE_IN,
				     "SELECT " IN_COLUMNS " FROM pair_in"
				     " WHERE uncashed > zeroblob(16) AND ?1=?1"
				     " ORDER BY uncashed DESC"},
	[BOOK_DB_PAYERS_BY_UNTIL] = {BOOK_SIDE_IN,
				     "SELECT " IN_COLUMNS " FROM pair_in"
				     " WHERE reserve > zeroblob(16)"
				     " AND until<=?1 ORDER BY until"},
	[BOOK_DB_PAYEES] = {BOOK_SIDE_OUT,
			    "SELECT " OUT_COLUMNS " FROM pair_out"
			    " WHERE ?1=?1 ORDER BY peer"},
};

/* `in` of a row stands for both sides, where they are alike. */
_Static_assert(offsetof(struct book_in, facts) ==
		       offsetof(struct book_out, facts),
	       "begin alike");

/* ---- columns ---- */

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

/* Who it is, and what each receipt changes. */
static void bind_receipt_of(struct db_stmt *s, const struct book_row_pair *row)
{
	book_bind_address(s, 1, &row->peer);
	bind_receipt(s, 2, row->in.have, &row->in.newest);
	db_bind_amount(s, 3, row->in.owed);
	book_bind_u64(s, 4, row->in.owed_rem);
}

static void bind_shared(struct db_stmt *s, const struct book_row_pair *row)
{
	bind_receipt_of(s, row);
	bind_facts(s, 5, &row->in.facts);
	db_bind_int(s, 11, row->entry);
	db_bind_int(s, 12, row->hour);
	db_bind_amount(s, 13, row->booked);
}

static void bind_own(struct db_stmt *s, const struct book_row_pair *row)
{
	switch (row->side) {
	case BOOK_SIDE_IN:
		db_bind_int(s, 14, row->in.bounced);
		db_bind_amount(s, 15, row->in.due_mark);
		db_bind_amount(s, 16, row->in.drain.day);
		db_bind_amount(s, 17, row->in.drain.before);
		db_bind_int(s, 18, row->in.drain.since_s);
		db_bind_amount(s, 19, row->uncashed);
		break;
	case BOOK_SIDE_OUT:
		db_bind_amount(s, 14, row->out.lost);
		book_bind_u64(s, 15, row->out.bytes);
		db_bind_int(s, 16, row->out.banned);
		db_bind_int(s, 17, row->out.settled);
		break;
	}
}

static bool read_shared(struct db_stmt *s, struct book_row_pair *row)
{
	struct book_in *in = &row->in;

	in->owed_rem = book_col_u64(s, 3);
	row->entry = db_col_int(s, 10);
	row->hour = db_col_int(s, 11);
	return book_col_address(s, 0, &row->peer) &&
	       col_receipt(s, 1, &in->have, &in->newest) &&
	       db_col_amount(s, 2, &in->owed) && col_facts(s, 4, &in->facts) &&
	       db_col_amount(s, 12, &row->booked);
}

static bool read_own(struct db_stmt *s, struct book_row_pair *row)
{
	switch (row->side) {
	case BOOK_SIDE_IN:
		row->in.bounced = db_col_int(s, 13) == 1;
		row->in.drain.since_s = db_col_int(s, 17);
		return db_col_amount(s, 14, &row->in.due_mark) &&
		       db_col_amount(s, 15, &row->in.drain.day) &&
		       db_col_amount(s, 16, &row->in.drain.before);
	case BOOK_SIDE_OUT:
		row->out.bytes = book_col_u64(s, 14);
		row->out.banned = db_col_int(s, 15) == 1;
		row->out.settled = db_col_int(s, 16) == 1;
		return db_col_amount(s, 13, &row->out.lost);
	}
	return false;
}

static enum err_code read_row(struct db_stmt *s, struct book_row_pair *row,
			      struct err *e)
{
	row->found = true;
	return read_shared(s, row) && read_own(s, row)
		       ? ERR_NONE
		       : book_db_spoilt(sides[row->side].what, e);
}

/* ---- rows ---- */

enum err_code book_db_pair_get(struct book_db *b, struct book_row_pair *row,
			       struct err *e)
{
	struct db_stmt *s = b->pair[sides[row->side].get];
	const struct book_row_pair key = {.side = row->side, .peer = row->peer};
	bool found = false;
	enum err_code rc;

	*row = key;
	book_bind_address(s, 1, &key.peer);
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	rc = read_row(s, row, e);
	db_reset(s);
	return rc;
}

enum err_code book_db_pair_set(struct book_db *b,
			       const struct book_row_pair *row, struct err *e)
{
	struct db_stmt *s = b->pair[sides[row->side].set];

	bind_shared(s, row);
	bind_own(s, row);
	return db_run(s, e);
}

enum err_code book_db_pair_receipt(struct book_db *b,
				   const struct book_row_pair *row,
				   struct err *e)
{
	struct db_stmt *s = b->pair[sides[row->side].receipt];

	bind_receipt_of(s, row);
	bind_own(s, row);
	return db_run(s, e);
}

enum err_code book_db_pair_each(struct book_db *b, enum book_db_pairs which,
				int64_t until, book_db_pair_fn *fn, void *ctx,
				struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(&s, b->db, lists[which].sql, e);
	bool found = rc == ERR_NONE;

	if (found)
		db_bind_int(s, 1, until);
	while (rc == ERR_NONE) {
		struct book_row_pair row = {.side = lists[which].side};

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = read_row(s, &row, e);
		if (rc == ERR_NONE)
			rc = fn(ctx, &row, e);
	}
	db_stmt_free(s);
	return rc;
}

/* ---- paid downloads ---- */

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
