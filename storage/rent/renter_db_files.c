#include "storage/rent/renter_db_int.h"

/* ---- files */

/* *out: the statement, inside the turn's transaction. */
static enum err_code bind_file(struct db_stmt **out, struct renter_db *r,
			       enum renter_stmt which,
			       const struct renter_file *f, struct err *e)
{
	struct db_stmt *s;

	if (strlen(f->path) > RENTER_PATH_MAX ||
	    (f->target && strlen(f->target) > RENTER_PATH_MAX))
		return err_fail(e, ERR_LIMIT,
				"a path of more than %d bytes: %.60s...",
				RENTER_PATH_MAX, f->path);
	s = renter_change(r, which, e);
	*out = s;
	if (!s)
		return ERR_DB;
	db_bind_text(s, 1, f->path);
	db_bind_text(s, 2, f->target);
	db_bind_int(s, 3, f->kind);
	db_bind_int(s, 4, f->mode);
	db_bind_int(s, 5, f->mtime_ns);
	if (f->object)
		db_bind_int(s, 6, f->object);
	else
		db_bind_null(s, 6);
	db_bind_int(s, 7, (int64_t)f->offset);
	db_bind_int(s, 8, (int64_t)f->size);
	return ERR_NONE;
}

enum err_code renter_db_set_file(struct renter_db *r,
				 const struct renter_file *f, struct err *e)
{
	struct db_stmt *s;
	enum err_code code = bind_file(&s, r, S_SET_FILE, f, e);

	return code == ERR_NONE ? db_run(s, e) : code;
}

enum err_code renter_db_remove_files(struct renter_db *r, const char *path,
				     uint64_t *n, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_REMOVE_FILES, e);
	enum err_code code;

	*n = 0;
	if (!s)
		return ERR_DB;
	db_bind_text(s, 1, path);
	code = db_run(s, e);
	if (code == ERR_NONE)
		*n = (uint64_t)db_changes(r->db);
	return code;
}

static enum err_code each_file(struct db_stmt *s, renter_file_fn *fn, void *ctx,
			       struct err *e)
{
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		struct renter_file f = {
			.path = db_col_text(s, 0),
			.target = db_col_text(s, 1),
			.kind = (enum renter_file_kind)db_col_int(s, 2),
			.mode = (uint32_t)db_col_int(s, 3),
			.mtime_ns = db_col_int(s, 4),
			.object = db_col_int(s, 5),
			.offset = (uint64_t)db_col_int(s, 6),
			.size = (uint64_t)db_col_int(s, 7),
		};

		if (!fn(ctx, &f))
			break;
	}
	db_reset(s);
	return code;
}

enum err_code renter_db_files(struct renter_db *r, const char *below,
			      renter_file_fn *fn, void *ctx, struct err *e)
{
	db_bind_text(r->s[S_FILES], 1, below);
	return each_file(r->s[S_FILES], fn, ctx, e);
}

enum err_code renter_db_all_files(struct renter_db *r, int64_t put,
				  renter_file_fn *fn, void *ctx, struct err *e)
{
	db_bind_int(r->s[S_ALL_FILES], 1, put);
	return each_file(r->s[S_ALL_FILES], fn, ctx, e);
}

/* ---- puts */

enum err_code renter_db_add_put(struct renter_db *r, struct renter_put *p,
				struct err *e)
{
	struct db_stmt *s = renter_change(r, S_ADD_PUT, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	db_bind_text(s, 1, p->source);
	db_bind_text(s, 2, p->name);
	db_bind_int(s, 3, p->started_s);
	db_bind_int(s, 4, p->k);
	db_bind_int(s, 5, p->n);
	code = db_run(s, e);
	if (code == ERR_NONE)
		p->id = db_last_id(r->db);
	return code;
}

enum err_code renter_db_add_waiting(struct renter_db *r, int64_t put,
				    const struct renter_file *f, struct err *e)
{
	struct db_stmt *s;
	enum err_code code = bind_file(&s, r, S_ADD_WAITING, f, e);

	if (code != ERR_NONE)
		return code;
	db_bind_int(s, 9, put);
	return db_run(s, e);
}

enum err_code renter_db_clear_waiting(struct renter_db *r, int64_t put,
				      struct err *e)
{
	struct db_stmt *s = renter_change(r, S_CLEAR_WAITING, e);

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, put);
	return db_run(s, e);
}

enum err_code renter_remove_put(struct renter_db *r, int64_t id, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_REMOVE_PUT, e);

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, id);
	return renter_run_one(r, s, "put", e);
}

enum err_code renter_db_finish_put(struct renter_db *r, int64_t id,
				   struct err *e)
{
	struct db_stmt *s = renter_change(r, S_TAKE_WAITING, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, id);
	code = db_run(s, e);
	if (code == ERR_NONE)
		code = renter_drop_objects_of(r, id, e);
	return code == ERR_NONE ? renter_remove_put(r, id, e) : code;
}

enum err_code renter_db_puts(struct renter_db *r, renter_put_fn *fn, void *ctx,
			     struct err *e)
{
	struct db_stmt *s = r->s[S_PUTS];
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		struct renter_put p = {
			.id = db_col_int(s, 0),
			.source = db_col_text(s, 1),
			.name = db_col_text(s, 2),
			.started_s = db_col_int(s, 3),
			.k = (uint16_t)db_col_int(s, 4),
			.n = (uint16_t)db_col_int(s, 5),
		};

		if (!fn(ctx, &p))
			break;
	}
	db_reset(s);
	return code;
}

static enum err_code raise_object(struct renter_db *r, int64_t from, int64_t to,
				  struct err *e)
{
	enum err_code code = ERR_NONE;

	for (int i = S_RAISE_OBJECT; code == ERR_NONE && i <= S_RAISE_WAITING;
	     i++) {
		db_bind_int(r->s[i], 1, from);
		db_bind_int(r->s[i], 2, to);
		code = db_run(r->s[i], e);
	}
	return code;
}

enum err_code renter_db_raise_put(struct renter_db *r, int64_t id,
				  struct err *e)
{
	int64_t from = 0, to = 0, first_raised = INT64_MAX;
	bool row = true;

	for (;;) {
		struct db_stmt *s = renter_change(r, S_OBJECT_OF, e);
		enum err_code code;

		if (!s)
			return ERR_DB;
		db_bind_int(s, 1, id);
		db_bind_int(s, 2, from);
		code = db_step(s, &row, e);
		if (code == ERR_NONE && row) {
			from = db_col_int(s, 0);
			to = db_col_int(s, 1);
		}
		db_reset(s);
		if (code != ERR_NONE || !row || from >= first_raised)
			return code;
		if (first_raised == INT64_MAX)
			first_raised = to;
		/* checked at the commit: parent and children move in turn */
		code = db_run(r->s[S_DEFER], e);
		if (code == ERR_NONE)
			code = raise_object(r, from, to, e);
		if (code != ERR_NONE)
			return code;
	}
}
