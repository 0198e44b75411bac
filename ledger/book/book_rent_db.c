/* book_rent_db.c - the table of agreements: rows in, rows out. */
#include "ledger/book/book_db_impl.h"

#include <string.h>

enum stmt { S_GET, S_SET, S_DROP, S_COUNT_ROWS };

/* `first` and `past` are the view's start and end, which SQL has words for. */
#define COLUMNS \
	"renter,host,number,since_s,known,block,state,revision,root,sectors," \
	"through,earned,rate,first,past,span,fund,collateral,penalty,misses," \
	"next_root,next_sectors,next_rate,next_from,open_before"

const char *const book_rent_sql[BOOK_RENT_STATEMENTS] = {
	[S_GET] = "SELECT " COLUMNS " FROM agreement"
		  " WHERE renter=?1 AND host=?2 AND number=?3",
	[S_SET] = "INSERT OR REPLACE INTO agreement(" COLUMNS ")"
		  " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,"
		  "?16,?17,?18,?19,?20,?21,?22,?23,?24,?25)",
	[S_DROP] = "DELETE FROM agreement"
		   " WHERE renter=?1 AND host=?2 AND number=?3",
	[S_COUNT_ROWS] = "SELECT count(*) FROM agreement",
};

static void bind_lease(struct db_stmt *s, const struct book_lease *l)
{
	book_bind_address(s, 1, &l->renter);
	book_bind_address(s, 2, &l->host);
	db_bind_int(s, 3, l->number);
}

static void bind_root(struct db_stmt *s, int i, const struct hash32 *root)
{
	db_bind_blob(s, i, root->bytes, sizeof(root->bytes));
}

static uint32_t col_u32(struct db_stmt *s, int i)
{
	return (uint32_t)db_col_int(s, i);
}

static bool read_view(struct db_stmt *s, struct bank_agreement *v)
{
	v->state = (uint8_t)db_col_int(s, 6);
	v->revision = col_u32(s, 7);
	v->sectors = col_u32(s, 9);
	v->through = col_u32(s, 10);
	v->start = col_u32(s, 13);
	v->end = col_u32(s, 14);
	v->span = (uint16_t)db_col_int(s, 15);
	v->misses = (uint16_t)db_col_int(s, 19);
	v->next_sectors = col_u32(s, 21);
	v->from = col_u32(s, 23);
	return db_col_bytes(s, 8, v->root.bytes, sizeof(v->root.bytes)) &&
	       db_col_amount(s, 11, &v->earned) &&
	       db_col_amount(s, 12, &v->rate) &&
	       db_col_amount(s, 16, &v->fund) &&
	       db_col_amount(s, 17, &v->collateral) &&
	       db_col_amount(s, 18, &v->penalty) &&
	       db_col_bytes(s, 20, v->next_root.bytes,
			    sizeof(v->next_root.bytes)) &&
	       db_col_amount(s, 22, &v->next_rate);
}

static bool read_row(struct db_stmt *s, struct book_agreement *row)
{
	struct book_lease *l = &row->lease;

	row->followed = true;
	l->number = col_u32(s, 2);
	row->since_s = db_col_int(s, 3);
	row->known = db_col_int(s, 4) == 1;
	row->block = book_col_u64(s, 5);
	row->open_before = book_col_u64(s, 24);
	return book_col_address(s, 0, &l->renter) &&
	       book_col_address(s, 1, &l->host) && read_view(s, &row->view);
}

enum err_code book_db_agreement_get(struct book_db *b,
				    struct book_agreement *row, struct err *e)
{
	struct db_stmt *s = b->rent[S_GET];
	struct book_lease lease = row->lease;
	bool found = false, sound;
	enum err_code rc;

	memset(row, 0, sizeof(*row));
	row->lease = lease;
	bind_lease(s, &lease);
	rc = db_step(s, &found, e);
	if (rc != ERR_NONE || !found)
		return rc;
	sound = read_row(s, row);
	db_reset(s);
	return sound ? ERR_NONE : book_db_spoilt("agreement", e);
}

enum err_code book_db_agreement_set(struct book_db *b,
				    const struct book_agreement *row,
				    struct err *e)
{
	struct db_stmt *s = b->rent[S_SET];
	const struct bank_agreement *v = &row->view;

	bind_lease(s, &row->lease);
	db_bind_int(s, 4, row->since_s);
	db_bind_int(s, 5, row->known);
	book_bind_u64(s, 6, row->block);
	db_bind_int(s, 7, v->state);
	db_bind_int(s, 8, v->revision);
	bind_root(s, 9, &v->root);
	db_bind_int(s, 10, v->sectors);
	db_bind_int(s, 11, v->through);
	db_bind_amount(s, 12, v->earned);
	db_bind_amount(s, 13, v->rate);
	db_bind_int(s, 14, v->start);
	db_bind_int(s, 15, v->end);
	db_bind_int(s, 16, v->span);
	db_bind_amount(s, 17, v->fund);
	db_bind_amount(s, 18, v->collateral);
	db_bind_amount(s, 19, v->penalty);
	db_bind_int(s, 20, v->misses);
	bind_root(s, 21, &v->next_root);
	db_bind_int(s, 22, v->next_sectors);
	db_bind_amount(s, 23, v->next_rate);
	db_bind_int(s, 24, v->from);
	book_bind_u64(s, 25, row->open_before);
	return db_run(s, e);
}

enum err_code book_db_agreement_drop(struct book_db *b,
				     const struct book_lease *lease,
				     struct err *e)
{
	struct db_stmt *s = b->rent[S_DROP];

	bind_lease(s, lease);
	return db_run(s, e);
}

enum err_code book_db_agreement_count(struct book_db *b, uint64_t *out,
				      struct err *e)
{
	int64_t n;
	enum err_code rc = db_number(b->rent[S_COUNT_ROWS], &n, e);

	*out = (uint64_t)n;
	return rc;
}

enum err_code book_db_agreement_each(struct book_db *b,
				     book_db_agreement_fn *fn, void *ctx,
				     struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code rc = db_prepare(&s, b->db,
				      "SELECT " COLUMNS " FROM agreement"
				      " ORDER BY renter,host,number",
				      e);
	bool found = false;

	while (rc == ERR_NONE) {
		struct book_agreement row = {0};

		rc = db_step(s, &found, e);
		if (rc != ERR_NONE || !found)
			break;
		rc = read_row(s, &row) ? fn(ctx, &row, e)
				       : book_db_spoilt("agreement", e);
	}
	db_stmt_free(s);
	return rc;
}
