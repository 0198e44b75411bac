#include "storage/rent/renter_db_int.h"

#include <stdio.h>

static void bind_steward(struct db_stmt *st, const struct renter_steward *s)
{
	db_bind_int(st, 1, s->object);
	db_bind_blob(st, 2, s->link, s->link_len);
	db_bind_int(st, 3, (int64_t)s->sequence);
	db_bind_int(st, 4, s->watched);
	db_bind_int(st, 5, s->looked_s);
	db_bind_text(st, 6, s->note);
}

enum err_code renter_db_add_steward(struct renter_db *r,
				    const struct renter_steward *s,
				    struct err *e)
{
	struct db_stmt *st = renter_change(r, S_ADD_STEWARD, e);

	if (!st)
		return ERR_DB;
	bind_steward(st, s);
	return db_run(st, e);
}

enum err_code renter_db_set_steward(struct renter_db *r,
				    const struct renter_steward *s,
				    struct err *e)
{
	struct db_stmt *st = renter_change(r, S_SET_STEWARD, e);

	if (!st)
		return ERR_DB;
	bind_steward(st, s);
	return renter_run_one(r, st, "steward", e);
}

static bool read_steward(struct db_stmt *st, struct renter_steward *s)
{
	const uint8_t *link;

	*s = (struct renter_steward){
		.object = db_col_int(st, 0),
		.sequence = (uint64_t)db_col_int(st, 3),
		.watched = db_col_int(st, 4) != 0,
		.looked_s = db_col_int(st, 5),
	};
	link = db_col_blob(st, 2, &s->link_len);
	if (s->link_len > sizeof(s->link) || !renter_hash_col(st, 1, &s->name))
		return false;
	if (s->link_len)
		memcpy(s->link, link, s->link_len);
	(void)snprintf(s->note, sizeof(s->note), "%s", db_col_text(st, 6));
	return true;
}

enum err_code renter_db_stewards(struct renter_db *r, renter_steward_fn *fn,
				 void *ctx, struct err *e)
{
	struct db_stmt *st = r->s[S_STEWARDS];
	struct renter_steward s;
	enum err_code code;
	bool row;

	while ((code = db_step(st, &row, e)) == ERR_NONE && row) {
		if (!read_steward(st, &s)) {
			code = renter_damaged(r, "a steward", e);
			break;
		}
		if (!fn(ctx, &s))
			break;
	}
	db_reset(st);
	return code;
}

/* ---- what repairs cost */

enum err_code renter_db_repairs(struct renter_db *r, int64_t from, int64_t to,
				struct amount *spent, struct err *e)
{
	struct db_stmt *st = r->s[S_SPENT];
	uint8_t be[16];
	enum err_code code;
	bool row;

	*spent = AMOUNT_ZERO;
	db_bind_int(st, 1, from);
	db_bind_int(st, 2, to);
	while ((code = db_step(st, &row, e)) == ERR_NONE && row) {
		if (!db_col_bytes(st, 0, be, sizeof(be))) {
			code = renter_damaged(r, "a sum", e);
			break;
		}
		*spent = amount_add_cap(*spent, amount_from_be16(be));
	}
	db_reset(st);
	return code;
}

enum err_code renter_db_add_repair(struct renter_db *r, int64_t day,
				   struct amount spent, struct err *e)
{
	struct db_stmt *st = renter_change(r, S_ADD_SPENT, e);
	struct amount sum;
	uint8_t be[16];
	enum err_code code;

	if (!st)
		return ERR_DB;
	code = renter_db_repairs(r, day, day, &sum, e);
	if (code == ERR_NONE && !amount_add(&sum, sum, spent))
		code = err_fail(e, ERR_LIMIT, "repairs pass 128 bits");
	if (code != ERR_NONE)
		return code;
	amount_to_be16(be, sum);
	db_bind_int(st, 1, day);
	db_bind_blob(st, 2, be, sizeof(be));
	return db_run(st, e);
}
