#include "storage/rent/rent_msg.h"
#include "storage/rent/renter_db_int.h"

#include <stdlib.h>

/* ---- objects and segments */

static void bind_object(struct db_stmt *s, const struct renter_object *o)
{
	db_bind_blob(s, 1, o->name.bytes, sizeof(o->name.bytes));
	db_bind_blob(s, 2, o->wrapped, o->wrapped_len);
	db_bind_int(s, 3, o->state);
	db_bind_int(s, 4, o->catalogue);
	db_bind_int(s, 5, (int64_t)o->size);
	db_bind_int(s, 6, o->k);
	db_bind_int(s, 7, o->n);
	db_bind_int(s, 8, o->segments);
	db_bind_int(s, 9, (int64_t)o->sequence);
	if (o->put)
		db_bind_int(s, 10, o->put);
	else
		db_bind_null(s, 10);
	db_bind_int(s, 11, o->put_s);
	db_bind_int(s, 12, o->unopened);
}

enum err_code renter_db_add_object(struct renter_db *r, struct renter_object *o,
				   struct err *e)
{
	struct db_stmt *s = renter_change(r, S_ADD_OBJECT, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	bind_object(s, o);
	code = db_run(s, e);
	if (code == ERR_NONE)
		o->id = db_last_id(r->db);
	return code;
}

enum err_code renter_db_set_object(struct renter_db *r,
				   const struct renter_object *o, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_SET_OBJECT, e);

	if (!s)
		return ERR_DB;
	bind_object(s, o);
	db_bind_int(s, 13, o->id);
	return renter_run_one(r, s, "object", e);
}

/* ERR_STATE while lists of agreements name places of it; segment -1: of the
 * whole object. */
static enum err_code check_free(struct renter_db *r, int64_t object,
				int64_t segment, struct err *e)
{
	struct db_stmt *s = r->s[S_HELD];
	int64_t n;
	enum err_code code;

	db_bind_int(s, 1, object);
	db_bind_int(s, 2, segment);
	code = db_number(s, &n, e);
	if (code == ERR_NONE && n)
		code = err_fail(e, ERR_STATE,
				"%lld of its shards stand in agreements",
				(long long)n);
	return code;
}

enum err_code renter_db_remove_object(struct renter_db *r, int64_t object,
				      struct err *e)
{
	struct db_stmt *s = renter_change(r, S_REMOVE_OBJECT, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	code = check_free(r, object, -1, e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(s, 1, object);
	return renter_run_one(r, s, "object", e);
}

static bool read_object(struct db_stmt *s, struct renter_object *o)
{
	const uint8_t *wrapped;

	*o = (struct renter_object){
		.id = db_col_int(s, 0),
		.state = (enum renter_object_state)db_col_int(s, 3),
		.catalogue = db_col_int(s, 4) != 0,
		.size = (uint64_t)db_col_int(s, 5),
		.k = (uint16_t)db_col_int(s, 6),
		.n = (uint16_t)db_col_int(s, 7),
		.segments = (uint32_t)db_col_int(s, 8),
		.sequence = (uint64_t)db_col_int(s, 9),
		.put = db_col_int(s, 10),
		.put_s = db_col_int(s, 11),
		.unopened = db_col_int(s, 12) != 0,
	};
	wrapped = db_col_blob(s, 2, &o->wrapped_len);
	if (o->wrapped_len > sizeof(o->wrapped))
		return false;
	if (o->wrapped_len) /* SQLite says NULL for none */
		memcpy(o->wrapped, wrapped, o->wrapped_len);
	return renter_hash_col(s, 1, &o->name);
}

static enum err_code one_object(struct renter_db *r, struct db_stmt *s,
				struct renter_object *out, bool *row,
				struct err *e)
{
	enum err_code code = db_step(s, row, e);

	if (code != ERR_NONE || !*row)
		return code;
	if (!read_object(s, out))
		code = renter_damaged(r, "an object", e);
	db_reset(s);
	return code;
}

enum err_code renter_db_object(struct renter_db *r, int64_t object,
			       struct renter_object *out, struct err *e)
{
	enum err_code code;
	bool row;

	db_bind_int(r->s[S_OBJECT], 1, object);
	code = one_object(r, r->s[S_OBJECT], out, &row, e);
	if (code == ERR_NONE && !row)
		code = err_fail(e, ERR_STATE, "no such object");
	return code;
}

enum err_code renter_db_catalogue(struct renter_db *r,
				  struct renter_object *out, struct err *e)
{
	bool row;

	*out = (struct renter_object){.id = 0};
	return one_object(r, r->s[S_CATALOGUE], out, &row, e);
}

enum err_code renter_db_objects(struct renter_db *r, renter_object_fn *fn,
				void *ctx, struct err *e)
{
	struct db_stmt *s = r->s[S_OBJECTS];
	struct renter_object o;
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!read_object(s, &o)) {
			code = renter_damaged(r, "an object", e);
			break;
		}
		if (!fn(ctx, &o))
			break;
	}
	db_reset(s);
	return code;
}

enum err_code renter_db_set_segment(struct renter_db *r,
				    const struct renter_segment *g,
				    struct err *e)
{
	struct db_stmt *s = renter_change(r, S_DROP_SEGMENT, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	code = check_free(r, g->object, g->index, e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(s, 1, g->object);
	db_bind_int(s, 2, g->index);
	code = db_run(s, e);
	if (code != ERR_NONE)
		return code;
	s = r->s[S_ADD_SEGMENT];
	db_bind_int(s, 1, g->object);
	db_bind_int(s, 2, g->index);
	db_bind_blob(s, 3, g->salt, sizeof(g->salt));
	db_bind_blob(s, 4, g->plain.bytes, sizeof(g->plain.bytes));
	return db_run(s, e);
}

enum err_code renter_db_segment(struct renter_db *r, struct renter_segment *out,
				bool *known, int64_t object, uint32_t index,
				struct err *e)
{
	struct db_stmt *s = r->s[S_SEGMENT];
	enum err_code code;

	*out = (struct renter_segment){.object = object, .index = index};
	db_bind_int(s, 1, object);
	db_bind_int(s, 2, index);
	code = db_step(s, known, e);
	if (code != ERR_NONE || !*known)
		return code;
	if (!db_col_bytes(s, 0, out->salt, sizeof(out->salt)) ||
	    !renter_hash_col(s, 1, &out->plain))
		code = renter_damaged(r, "a segment", e);
	db_reset(s);
	return code;
}

/* ---- places */

static void bind_shard(struct db_stmt *s, const struct renter_place *p)
{
	db_bind_int(s, 1, p->object);
	db_bind_int(s, 2, p->segment);
	db_bind_int(s, 3, p->shard);
}

enum err_code renter_db_stage(struct renter_db *r, const struct renter_place *p,
			      struct err *e)
{
	struct db_stmt *s = renter_change(r, S_STAGE, e);

	if (!s)
		return ERR_DB;
	bind_shard(s, p);
	db_bind_blob(s, 4, p->root.bytes, sizeof(p->root.bytes));
	db_bind_blob(s, 5, p->host.bytes, sizeof(p->host.bytes));
	db_bind_int(s, 6, p->since_s);
	return db_run(s, e);
}

enum err_code renter_db_unstage(struct renter_db *r,
				const struct renter_place *p, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_UNSTAGE, e);

	enum err_code code;

	if (!s)
		return ERR_DB;
	bind_shard(r->s[S_KEEP_STAGED], p);
	db_bind_blob(r->s[S_KEEP_STAGED], 4, p->host.bytes,
		     sizeof(p->host.bytes));
	code = db_run(r->s[S_KEEP_STAGED], e);
	if (code != ERR_NONE)
		return code;
	bind_shard(s, p);
	db_bind_blob(s, 4, p->host.bytes, sizeof(p->host.bytes));
	return renter_run_one(r, s, "staged shard", e);
}

enum err_code renter_db_add_signed(struct renter_db *r,
				   const struct renter_place *p, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_ADD_PLACE, e);

	if (!s)
		return ERR_DB;
	bind_shard(s, p);
	db_bind_blob(s, 4, p->root.bytes, sizeof(p->root.bytes));
	db_bind_blob(s, 5, p->host.bytes, sizeof(p->host.bytes));
	db_bind_int(s, 6, p->agreement);
	db_bind_int(s, 7, p->position);
	db_bind_int(s, 8, p->since_s);
	return db_run(s, e);
}

enum err_code renter_db_forget_rest(struct renter_db *r, int64_t agreement,
				    struct err *e)
{
	struct db_stmt *s = renter_change(r, S_FORGET_REST, e);

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, agreement);
	return db_run(s, e);
}

enum err_code renter_db_keep_root(struct renter_db *r, int64_t object,
				  uint32_t segment, uint16_t shard,
				  const struct hash32 *root, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_KEEP_ROOT, e);

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, object);
	db_bind_int(s, 2, segment);
	db_bind_int(s, 3, shard);
	db_bind_blob(s, 4, root->bytes, sizeof(root->bytes));
	return db_run(s, e);
}

enum err_code renter_db_roots(struct renter_db *r, int64_t object,
			      uint32_t segment, renter_root_fn *fn, void *ctx,
			      struct err *e)
{
	struct db_stmt *s = r->s[S_ROOTS];
	struct hash32 root;
	enum err_code code;
	bool row;

	db_bind_int(s, 1, object);
	db_bind_int(s, 2, segment);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!renter_hash_col(s, 1, &root)) {
			code = renter_damaged(r, "a root", e);
			break;
		}
		if (!fn(ctx, (uint16_t)db_col_int(s, 0), &root))
			break;
	}
	db_reset(s);
	return code;
}

struct roots { /* grows */
	struct hash32 *at;
	size_t n, cap;
};

static bool roots_add(struct roots *v, const struct hash32 *root)
{
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		struct hash32 *at = realloc(v->at, cap * sizeof(*at));

		if (!at)
			return false;
		v->at = at;
		v->cap = cap;
	}
	v->at[v->n++] = *root;
	return true;
}

/* Gives the roots to the caller, or frees them after an error. */
static enum err_code roots_end(struct roots *v, struct hash32 **out, size_t *n,
			       enum err_code code)
{
	if (code != ERR_NONE) {
		free(v->at);
		*v = (struct roots){0};
	}
	*out = v->at;
	*n = v->n;
	return code;
}

enum err_code renter_db_staged_roots(struct renter_db *r,
				     const struct address *host, bool unopened,
				     size_t max, struct hash32 **take_roots,
				     size_t *n, struct err *e)
{
	struct db_stmt *s = r->s[S_STAGED];
	struct roots v = {0};
	struct hash32 root;
	enum err_code code;
	bool row;

	db_bind_blob(s, 1, host->bytes, sizeof(host->bytes));
	db_bind_int(s, 2, unopened);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row && v.n < max) {
		if (!renter_hash_col(s, 0, &root))
			code = renter_damaged(r, "a place", e);
		else if (!roots_add(&v, &root))
			code = err_fail(e, ERR_NOMEM, "a list of sectors");
		if (code != ERR_NONE)
			break;
	}
	db_reset(s);
	return roots_end(&v, take_roots, n, code);
}

enum err_code renter_db_staged_hosts(struct renter_db *r, renter_staged_fn *fn,
				     void *ctx, struct err *e)
{
	struct db_stmt *s = r->s[S_STAGED_HOSTS];
	struct address host;
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!renter_address_col(s, 0, &host)) {
			code = renter_damaged(r, "a place", e);
			break;
		}
		if (!fn(ctx, &host, db_col_int(s, 1) != 0,
			(uint32_t)db_col_int(s, 2)))
			break;
	}
	db_reset(s);
	return code;
}

static bool note_any(void *ctx, const struct address *host, bool unopened,
		     uint32_t sectors)
{
	(void)host;
	(void)unopened;
	*(bool *)ctx = sectors > 0;
	return false;
}

enum err_code renter_db_any_staged(struct renter_db *r, bool *out,
				   struct err *e)
{
	*out = false;
	return renter_db_staged_hosts(r, note_any, out, e);
}

static enum err_code list_length(struct renter_db *r, int64_t agreement,
				 int64_t *n, struct err *e)
{
	struct db_stmt *s = r->s[S_LENGTH];

	db_bind_int(s, 1, agreement);
	return db_number(s, n, e);
}

enum err_code renter_db_any_waits(struct renter_db *r, bool *out, struct err *e)
{
	int64_t any = 0;
	enum err_code code = db_number(r->s[S_ANY_WAITS], &any, e);

	*out = any != 0;
	return code;
}

/* The first staged place of a kind at a host; *row false: none is left. */
static enum err_code first_staged(struct renter_db *r, struct renter_place *p,
				  bool unopened, bool keep_stored, bool *row,
				  struct err *e)
{
	struct db_stmt *s = r->s[S_STAGED_ONE];
	enum err_code code;

	db_bind_blob(s, 1, p->host.bytes, sizeof(p->host.bytes));
	db_bind_int(s, 2, unopened);
	db_bind_int(s, 3, keep_stored);
	code = db_step(s, row, e);
	if (code == ERR_NONE && *row) {
		p->object = db_col_int(s, 0);
		p->segment = (uint32_t)db_col_int(s, 1);
		p->shard = (uint16_t)db_col_int(s, 2);
	}
	db_reset(s);
	return code;
}

enum err_code renter_db_unstage_all(struct renter_db *r,
				    const struct address *host, bool unopened,
				    bool keep_stored, uint32_t *n,
				    struct err *e)
{
	struct renter_place p = {.host = *host};
	enum err_code code;
	bool row;

	*n = 0;
	while ((code = first_staged(r, &p, unopened, keep_stored, &row, e)) ==
		       ERR_NONE &&
	       row) {
		code = renter_db_unstage(r, &p, e);
		if (code != ERR_NONE)
			break;
		++*n;
	}
	return code;
}

enum err_code renter_db_is_unopened(struct renter_db *r, int64_t agreement,
				    bool *out, struct err *e)
{
	struct db_stmt *s = r->s[S_NUMBER_OF];
	enum err_code code;
	bool row;

	db_bind_int(s, 1, agreement);
	code = db_step(s, &row, e);
	*out = code == ERR_NONE && row && db_col_int(s, 0) >= RENT_UNOPENED;
	db_reset(s);
	return code;
}

enum err_code renter_db_sign_staged(struct renter_db *r, int64_t agreement,
				    const struct address *host, size_t max,
				    int64_t now_s, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_SIGN, e);
	struct renter_place p = {.host = *host};
	int64_t at;
	enum err_code code;
	bool row, unopened;

	if (!s)
		return ERR_DB;
	code = list_length(r, agreement, &at, e);
	if (code == ERR_NONE)
		code = renter_db_is_unopened(r, agreement, &unopened, e);
	while (code == ERR_NONE && max-- > 0 &&
	       (code = first_staged(r, &p, unopened, false, &row, e)) ==
		       ERR_NONE &&
	       row) {
		bind_shard(s, &p);
		db_bind_blob(s, 4, host->bytes, sizeof(host->bytes));
		db_bind_int(s, 5, agreement);
		db_bind_int(s, 6, at++);
		db_bind_int(s, 7, now_s);
		code = renter_run_one(r, s, "staged shard", e);
	}
	return code;
}

enum err_code renter_db_list(struct renter_db *r, int64_t agreement,
			     struct hash32 **take_roots, size_t *n,
			     struct err *e)
{
	struct db_stmt *s = r->s[S_LIST];
	struct roots v = {0};
	struct hash32 root;
	enum err_code code;
	bool row;

	db_bind_int(s, 1, agreement);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!renter_hash_col(s, 0, &root))
			code = renter_damaged(r, "a place", e);
		else if (db_col_int(s, 1) != (int64_t)v.n)
			code = err_fail(e, ERR_STATE,
					"%.80s: a list of sectors has a gap at "
					"%zu",
					db_path(r->db), v.n);
		else if (!roots_add(&v, &root))
			code = err_fail(e, ERR_NOMEM, "a list of sectors");
		if (code != ERR_NONE)
			break;
	}
	db_reset(s);
	return roots_end(&v, take_roots, n, code);
}

enum err_code renter_db_cut(struct renter_db *r, int64_t agreement,
			    uint32_t position, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_CUT, e);
	int64_t n;
	enum err_code code;

	if (!s)
		return ERR_DB;
	code = list_length(r, agreement, &n, e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(r->s[S_KEEP_CUT], 1, agreement);
	db_bind_int(r->s[S_KEEP_CUT], 2, position);
	code = db_run(r->s[S_KEEP_CUT], e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, position);
	code = renter_run_one(r, s, "position", e);
	if (code != ERR_NONE || position == n - 1)
		return code;
	s = r->s[S_MOVE];
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, n - 1);
	db_bind_int(s, 3, position);
	return renter_run_one(r, s, "last position", e);
}

enum err_code renter_db_mark_place(struct renter_db *r, int64_t agreement,
				   uint32_t position, enum shard_state state,
				   int64_t now_s, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_MARK, e);

	if (!s)
		return ERR_DB;
	if (state != SHARD_SIGNED && state != SHARD_LOST)
		return err_fail(e, ERR_STATE,
				"a place in a list is signed or lost");
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, position);
	db_bind_int(s, 3, state);
	db_bind_int(s, 4, now_s);
	return renter_run_one(r, s, "position", e);
}

static bool read_place(struct db_stmt *s, struct renter_place *p)
{
	*p = (struct renter_place){
		.object = db_col_int(s, 0),
		.segment = (uint32_t)db_col_int(s, 1),
		.shard = (uint16_t)db_col_int(s, 2),
		.state = (enum shard_state)db_col_int(s, 3),
		.agreement = db_col_int(s, 6),
		.position = (uint32_t)db_col_int(s, 7),
		.since_s = db_col_int(s, 8),
	};
	return renter_hash_col(s, 4, &p->root) &&
	       renter_address_col(s, 5, &p->host);
}

static enum err_code each_place(struct renter_db *r, struct db_stmt *s,
				renter_place_fn *fn, void *ctx, struct err *e)
{
	struct renter_place p;
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!read_place(s, &p)) {
			code = renter_damaged(r, "a place", e);
			break;
		}
		if (!fn(ctx, &p))
			break;
	}
	db_reset(s);
	return code;
}

enum err_code renter_db_places(struct renter_db *r, int64_t object,
			       uint32_t segment, renter_place_fn *fn, void *ctx,
			       struct err *e)
{
	struct db_stmt *s = r->s[S_PLACES];

	db_bind_int(s, 1, object);
	db_bind_int(s, 2, segment);
	return each_place(r, s, fn, ctx, e);
}

enum err_code renter_db_places_at(struct renter_db *r, int64_t agreement,
				  renter_place_fn *fn, void *ctx, struct err *e)
{
	struct db_stmt *s = r->s[S_PLACES_AT];

	db_bind_int(s, 1, agreement);
	return each_place(r, s, fn, ctx, e);
}
