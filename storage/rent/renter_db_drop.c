#include "base/rng.h"
#include "storage/rent/renter_db_int.h"

#include <stdlib.h>

/* ---- objects that no file lies in */

struct lying { /* grows; by id */
	struct renter_object *at;
	bool *used;
	size_t n, cap;
	bool failed;
};

static bool collect_object(void *ctx, const struct renter_object *o)
{
	struct lying *v = ctx;

	if (o->catalogue)
		return true;
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		struct renter_object *at = realloc(v->at, cap * sizeof(*at));

		v->failed = !at;
		if (!at)
			return false;
		v->at = at;
		v->cap = cap;
	}
	v->at[v->n++] = *o;
	return true;
}

static int by_id(const void *key, const void *item)
{
	const int64_t *id = key;
	const struct renter_object *o = item;

	return *id < o->id ? -1 : *id > o->id;
}

static bool use_objects(void *ctx, const struct renter_file *f)
{
	struct lying *v = ctx;
	const struct renter_object *o;
	uint64_t end = f->offset + f->size;
	size_t i;

	if (f->size == 0 || v->n == 0)
		return true;
	o = bsearch(&f->object, v->at, v->n, sizeof(*v->at), by_id);
	if (!o)
		return true;
	for (i = (size_t)(o - v->at); i < v->n; i++) {
		v->used[i] = true;
		if (end <= v->at[i].size)
			break;
		end -= v->at[i].size;
	}
	return true;
}

static enum err_code drop_staged(struct renter_db *r, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_DROP_STAGED, e);

	return s ? db_run(s, e) : ERR_DB;
}

enum err_code renter_db_drop_unused(struct renter_db *r, uint64_t *n,
				    struct err *e)
{
	struct lying v = {.n = 0};
	enum err_code code = renter_db_objects(r, collect_object, &v, e);

	*n = 0;
	v.used = calloc(v.n + 1, sizeof(*v.used));
	if (code == ERR_NONE && (v.failed || !v.used))
		code = err_fail(e, ERR_NOMEM, "objects");
	if (code == ERR_NONE)
		code = renter_db_all_files(r, 0, use_objects, &v, e);
	for (size_t i = 0; code == ERR_NONE && i < v.n; i++) {
		if (v.used[i] || v.at[i].state != RENTER_STORED)
			continue;
		v.at[i].state = RENTER_DROPPING;
		v.at[i].put = 0;
		code = renter_db_set_object(r, &v.at[i], e);
		(*n)++;
	}
	free(v.at);
	free(v.used);
	return code == ERR_NONE && *n ? drop_staged(r, e) : code;
}

enum err_code renter_drop_objects_of(struct renter_db *r, int64_t put,
				     struct err *e)
{
	struct db_stmt *s = renter_change(r, S_DROP_OBJECTS_OF, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, put);
	code = db_run(s, e);
	return code == ERR_NONE && db_changes(r->db) ? drop_staged(r, e) : code;
}

enum err_code renter_db_drop_puts(struct renter_db *r, const char *path,
				  uint64_t *n, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_DROP_PUT_OBJECTS, e);
	enum err_code code;

	*n = 0;
	if (!s)
		return ERR_DB;
	db_bind_text(s, 1, path);
	code = db_run(s, e);
	if (code != ERR_NONE)
		return code;
	s = r->s[S_DROP_PUTS];
	db_bind_text(s, 1, path);
	code = db_run(s, e);
	if (code != ERR_NONE)
		return code;
	*n = (uint64_t)db_changes(r->db);
	return *n ? drop_staged(r, e) : ERR_NONE;
}

enum err_code renter_db_drop_put(struct renter_db *r, int64_t id, struct err *e)
{
	enum err_code code = renter_drop_objects_of(r, id, e);

	return code == ERR_NONE ? renter_remove_put(r, id, e) : code;
}

enum err_code renter_db_remove_dropped(struct renter_db *r, uint64_t *n,
				       struct err *e)
{
	struct db_stmt *s = renter_change(r, S_REMOVE_DROPPED, e);
	enum err_code code;

	*n = 0;
	if (!s)
		return ERR_DB;
	code = db_run(s, e);
	if (code == ERR_NONE)
		*n = (uint64_t)db_changes(r->db);
	return code;
}

/* ---- lists */

static enum err_code count_cuts(struct renter_db *r, int64_t agreement,
				uint32_t *all, struct err *e)
{
	struct db_stmt *s = r->s[S_CUTS_ALL];
	int64_t n;
	enum err_code code;

	db_bind_int(s, 1, agreement);
	code = db_number(s, &n, e);
	*all = (uint32_t)n;
	return code;
}

enum err_code renter_db_cuts(struct renter_db *r, int64_t agreement, size_t max,
			     uint32_t **take_positions, size_t *n,
			     uint32_t *all, struct err *e)
{
	struct db_stmt *s = r->s[S_CUTS];
	enum err_code code = count_cuts(r, agreement, all, e);
	uint32_t *at;
	bool row;

	*n = 0;
	*take_positions = NULL;
	if (code != ERR_NONE)
		return code;
	if (max > *all)
		max = *all;
	at = malloc((max + 1) * sizeof(*at));
	if (!at)
		return err_fail(e, ERR_NOMEM, "a list of sectors");
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, (int64_t)max);
	while (*n < max && (code = db_step(s, &row, e)) == ERR_NONE && row)
		at[(*n)++] = (uint32_t)db_col_int(s, 0);
	db_reset(s);
	if (code != ERR_NONE) {
		free(at);
		at = NULL;
		*n = 0;
	}
	*take_positions = at;
	return code;
}

#define LOST_THERE (-1) /* since_s: in the new list, and lost as before */

struct placed { /* by root */
	struct renter_place *at;
	size_t n, cap;
	bool failed;
};

static bool collect_place(void *ctx, const struct renter_place *p)
{
	struct placed *v = ctx;

	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 256;
		struct renter_place *at = realloc(v->at, cap * sizeof(*at));

		v->failed = !at;
		if (!at)
			return false;
		v->at = at;
		v->cap = cap;
	}
	v->at[v->n++] = *p;
	return true;
}

static int by_root(const void *a, const void *b)
{
	const struct renter_place *x = a, *y = b;

	return memcmp(&x->root, &y->root, sizeof(x->root));
}

static enum err_code collect_staged(struct renter_db *r, struct placed *v,
				    const struct address *host, bool unopened,
				    struct err *e)
{
	struct db_stmt *s = r->s[S_STAGED];
	struct renter_place p = {.host = *host, .state = SHARD_STAGED};
	enum err_code code;
	bool row;

	db_bind_blob(s, 1, host->bytes, sizeof(host->bytes));
	db_bind_int(s, 2, unopened);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		p.object = db_col_int(s, 1);
		p.segment = (uint32_t)db_col_int(s, 2);
		p.shard = (uint16_t)db_col_int(s, 3);
		if (!renter_hash_col(s, 0, &p.root)) {
			code = renter_damaged(r, "a place", e);
			break;
		}
		if (!collect_place(v, &p))
			break;
	}
	db_reset(s);
	return code;
}

/* Positions are set below zero first: each is taken once at a time. */
static enum err_code sign_at(struct renter_db *r, const struct renter_place *p,
			     int64_t agreement, size_t position, int64_t now_s,
			     struct err *e)
{
	struct db_stmt *s = renter_change(r, S_SIGN, e);

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, p->object);
	db_bind_int(s, 2, p->segment);
	db_bind_int(s, 3, p->shard);
	db_bind_blob(s, 4, p->host.bytes, sizeof(p->host.bytes));
	db_bind_int(s, 5, agreement);
	db_bind_int(s, 6, -1 - (int64_t)position);
	db_bind_int(s, 7, now_s);
	return renter_run_one(r, s, "place", e);
}

static enum err_code flip(struct renter_db *r, int64_t agreement, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_FLIP, e);

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, agreement);
	return db_run(s, e);
}

/* Sectors of a list that belong to nothing here: an object that is on its way
 * out, with a random name, as many as fit in a segment to each. */
struct strangers {
	uint32_t *at; /* heap: positions */
	size_t n;
};

static enum err_code add_stranger(struct renter_db *r,
				  const struct renter_object *o, size_t i,
				  struct renter_place *p, struct err *e)
{
	const struct renter_segment s = {.object = o->id,
					 .index = (uint32_t)(i / o->n)};
	enum err_code code = ERR_NONE;

	p->object = o->id;
	p->segment = s.index;
	p->shard = (uint16_t)(i % o->n);
	if (p->shard == 0)
		code = renter_db_set_segment(r, &s, e);
	return code == ERR_NONE ? renter_db_add_signed(r, p, e) : code;
}

static enum err_code add_strangers(struct renter_db *r,
				   const struct strangers *x, int64_t agreement,
				   const struct address *host,
				   const struct hash32 *roots, int64_t now_s,
				   struct err *e)
{
	struct renter_object o = {
		.state = RENTER_DROPPING, .k = 1, .n = UINT8_MAX};
	struct rng rng = rng_system();
	enum err_code code = ERR_NONE;

	if (x->n == 0)
		return ERR_NONE;
	o.segments = (uint32_t)((x->n + o.n - 1) / o.n);
	rng_fill(&rng, o.name.bytes, sizeof(o.name.bytes));
	code = renter_db_add_object(r, &o, e);
	for (size_t i = 0; code == ERR_NONE && i < x->n; i++) {
		struct renter_place p = {.root = roots[x->at[i]],
					 .host = *host,
					 .agreement = agreement,
					 .position = x->at[i],
					 .since_s = now_s};

		code = add_stranger(r, &o, i, &p, e);
	}
	return code;
}

/* What is not in the new list is cut, from the end of the old one. */
static enum err_code cut_rest(struct renter_db *r, const struct placed *v,
			      int64_t agreement, struct err *e)
{
	struct db_stmt *s = r->s[S_CUT];
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < v->n; i++) {
		if (v->at[i].state == SHARD_WANTED || !v->at[i].agreement)
			continue;
		db_bind_int(r->s[S_KEEP_CUT], 1, agreement);
		db_bind_int(r->s[S_KEEP_CUT], 2, v->at[i].position);
		code = db_run(r->s[S_KEEP_CUT], e);
		db_bind_int(s, 1, agreement);
		db_bind_int(s, 2, v->at[i].position);
		if (code == ERR_NONE)
			code = renter_run_one(r, s, "position", e);
	}
	return code;
}

/* Signs what is known, and tells strangers. */
static enum err_code sign_known(struct renter_db *r, struct placed *v,
				struct strangers *x, int64_t agreement,
				const struct hash32 *roots, size_t n,
				int64_t now_s, struct err *e)
{
	enum err_code code = ERR_NONE;

	if (v->n)
		qsort(v->at, v->n, sizeof(*v->at), by_root);
	for (size_t i = 0; code == ERR_NONE && i < n; i++) {
		struct renter_place key = {.root = roots[i]}, *p = NULL;

		if (v->n)
			p = bsearch(&key, v->at, v->n, sizeof(key), by_root);
		if (!p || p->state == SHARD_WANTED) {
			x->at[x->n++] = (uint32_t)i;
			continue;
		}
		code = sign_at(r, p, agreement, i, now_s, e);
		p->since_s = p->state == SHARD_LOST ? LOST_THERE : 0;
		p->position = (uint32_t)i;
		p->state = SHARD_WANTED; /* once */
	}
	return code;
}

static enum err_code adopt(struct renter_db *r, struct placed *v,
			   int64_t agreement, const struct address *host,
			   const struct hash32 *roots, size_t n, int64_t now_s,
			   struct err *e)
{
	struct strangers x = {.at = calloc(n + 1, sizeof(*x.at))};
	enum err_code code =
		x.at ? sign_known(r, v, &x, agreement, roots, n, now_s, e)
		     : err_fail(e, ERR_NOMEM, "a list of sectors");

	if (code == ERR_NONE)
		code = cut_rest(r, v, agreement, e);
	if (code == ERR_NONE)
		code = flip(r, agreement, e);
	for (size_t i = 0; code == ERR_NONE && i < v->n; i++)
		if (v->at[i].since_s == LOST_THERE)
			code = renter_db_mark_place(r, agreement,
						    v->at[i].position,
						    SHARD_LOST, now_s, e);
	if (code == ERR_NONE)
		code = add_strangers(r, &x, agreement, host, roots, now_s, e);
	free(x.at);
	return code;
}

enum err_code renter_db_adopt_list(struct renter_db *r, int64_t agreement,
				   const struct address *host,
				   const struct hash32 *roots, size_t n,
				   int64_t now_s, struct err *e)
{
	struct placed v = {.n = 0};
	bool unopened;
	enum err_code code =
		renter_db_places_at(r, agreement, collect_place, &v, e);

	if (code == ERR_NONE)
		code = renter_db_is_unopened(r, agreement, &unopened, e);
	if (code == ERR_NONE)
		code = collect_staged(r, &v, host, unopened, e);
	if (code == ERR_NONE && v.failed)
		code = err_fail(e, ERR_NOMEM, "a list of sectors");
	if (code == ERR_NONE)
		code = adopt(r, &v, agreement, host, roots, n, now_s, e);
	free(v.at);
	return code;
}

enum err_code renter_db_restage(struct renter_db *r, int64_t agreement,
				bool stored, int64_t now_s, struct err *e)
{
	struct db_stmt *s =
		renter_change(r, stored ? S_RESTAGE_STORED : S_RESTAGE, e);
	static const enum renter_stmt lost[] = {S_KEEP_LOST, S_REMOVE_LOST};
	enum err_code code;

	if (!s)
		return ERR_DB;
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, now_s);
	code = db_run(s, e);
	for (size_t i = 0; code == ERR_NONE && i < 2; i++) {
		db_bind_int(r->s[lost[i]], 1, agreement);
		code = db_run(r->s[lost[i]], e);
	}
	return code;
}
