#include "storage/rent/renter_catalogue.h"

#include "storage/object/segment.h"
#include "storage/rent/rent_msg.h"
#include "storage/rent/renter_placement.h"

#include <stdlib.h>
#include <string.h>

#define PARENT_MODE 0755

_Static_assert((int)RENTER_FILE == (int)CATALOGUE_FILE &&
		       (int)RENTER_DIR == (int)CATALOGUE_DIR &&
		       (int)RENTER_LINK == (int)CATALOGUE_LINK,
	       "kinds");

/* --- parents --- */

static int by_path(const void *a, const void *b)
{
	const struct catalogue_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static bool listed_among(const struct catalogue *c, uint32_t n,
			 const char *path)
{
	const struct catalogue_entry key = {.path = path};

	return bsearch(&key, c->entries, n, sizeof(key), by_path) != NULL;
}

/* Those of one entry; what lies in one directory stands together, so only the
 * first of them looks. */
static enum err_code add_parents_of(struct catalogue *c, uint32_t i, uint32_t n,
				    struct err *e)
{
	const char *path = c->entries[i].path;
	const char *last = i ? c->entries[i - 1].path : "";
	char parent[CATALOGUE_PATH_MAX + 1];
	enum err_code code = ERR_NONE;

	for (size_t at = 1; path[0] && path[at] && code == ERR_NONE; at++) {
		const struct catalogue_entry dir = {
			.kind = CATALOGUE_DIR,
			.path = parent,
			.mode = PARENT_MODE,
			.mtime_ns = c->entries[i].mtime_ns};

		if (at >= sizeof(parent))
			break;
		if (path[at] != '/' || strncmp(path, last, at + 1) == 0)
			continue;
		memcpy(parent, path, at);
		parent[at] = '\0';
		if (!listed_among(c, n, parent))
			code = catalogue_add_entry(c, &dir, e);
	}
	return code;
}

static enum err_code add_parents(struct catalogue *c, struct err *e)
{
	uint32_t n = c->entries_n;
	enum err_code code = ERR_NONE;

	if (n)
		qsort(c->entries, n, sizeof(c->entries[0]), by_path);
	for (uint32_t i = 0; i < n && code == ERR_NONE; i++)
		code = add_parents_of(c, i, n, e);
	return code;
}

/* --- from the database --- */

struct known { /* an object of the database */
	int64_t id;
	uint64_t size;
	bool listed;
	uint32_t index; /* in the catalogue */
};

struct build {
	struct catalogue *c;
	const uint8_t *master;
	const int64_t *about;
	size_t about_n;
	int64_t put;	     /* that those are of; 0: of none */
	struct known *known; /* by id */
	size_t n, cap;
	enum err_code code;
	struct err *e;
};

static bool is_about(const struct build *b, int64_t id)
{
	for (size_t i = 0; i < b->about_n; i++)
		if (b->about[i] == id)
			return true;
	return false;
}

static enum err_code list_object(struct build *b, const struct renter_object *o)
{
	struct catalogue_object x = {.k = (uint8_t)o->k,
				     .n = (uint8_t)o->n,
				     .segments = (uint16_t)o->segments,
				     .size = o->size,
				     .put_s = o->put_s};
	struct object_keys keys;
	enum err_code code = ERR_NONE;

	if (o->segments > SEGMENTS_MAX)
		code = err_fail(b->e, ERR_STATE, "object %lld has %u segments",
				(long long)o->id, o->segments);
	if (code == ERR_NONE)
		code = renter_unwrap_key(&keys, o, b->master, b->e);
	if (code != ERR_NONE)
		return code;
	memcpy(x.full, keys.full, sizeof(x.full));
	object_keys_clear(&keys);
	code = catalogue_add_object(b->c, &x, b->e);
	explicit_bzero(&x, sizeof(x));
	return code;
}

static bool note_known(struct build *b, const struct known *k)
{
	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		struct known *more = realloc(b->known, cap * sizeof(*more));

		if (!more)
			return false;
		b->known = more;
		b->cap = cap;
	}
	b->known[b->n++] = *k;
	return true;
}

static bool take_object(void *ctx, const struct renter_object *o)
{
	struct build *b = ctx;
	struct known k = {
		.id = o->id,
		.size = o->size,
		.listed = o->state == RENTER_STORED ||
			  (o->state == RENTER_PUTTING && is_about(b, o->id)),
		.index = b->c->objects_n};

	if (o->catalogue)
		return true;
	if (k.listed && o->put)
		b->put = o->put;
	if (k.listed)
		b->code = list_object(b, o);
	if (b->code == ERR_NONE && !note_known(b, &k))
		b->code = err_fail(b->e, ERR_NOMEM, "the catalogue");
	return b->code == ERR_NONE;
}

static bool take_agreement(void *ctx, const struct renter_agreement *a)
{
	struct build *b = ctx;
	const struct catalogue_agreement x = {.host = a->offered.host,
					      .number = a->offered.number,
					      .opened = a->offered.number <
							RENT_UNOPENED};

	/* one that `restore` found listed, and could not ask for yet, is not
	 * forgotten */
	if (a->state != RENTER_ENDED || (!x.opened && a->signed_.revision == 0))
		b->code = catalogue_add_agreement(b->c, &x, b->e);
	return b->code == ERR_NONE;
}

static int by_id(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

/* Are all objects listed that the file's bytes lie in? */
static enum err_code place_file(struct build *b, const struct renter_file *f,
				uint32_t *index, bool *listed)
{
	const struct known key = {.id = f->object};
	const struct known *at = NULL;
	uint64_t end = f->offset + f->size;

	if (b->n)
		at = bsearch(&key, b->known, b->n, sizeof(key), by_id);
	*listed = at && at->listed;
	if (!*listed)
		return ERR_NONE; /* being put, or going */
	*index = at->index;
	for (; at->listed && end > at->size; at++) {
		end -= at->size;
		if (at + 1 == b->known + b->n)
			return err_fail(b->e, ERR_STATE,
					"%.80s: goes on behind the last object",
					f->path);
	}
	*listed = at->listed;
	return ERR_NONE;
}

static bool take_file(void *ctx, const struct renter_file *f)
{
	struct build *b = ctx;
	struct catalogue_entry x = {.kind = (enum catalogue_kind)f->kind,
				    .path = f->path,
				    .target = f->target,
				    .mode = (uint16_t)(f->mode & 07777),
				    .mtime_ns = f->mtime_ns};
	bool listed = true;

	if (f->kind == RENTER_FILE && f->size) {
		x.offset = f->offset;
		x.size = f->size;
		b->code = place_file(b, f, &x.object, &listed);
	}
	if (b->code == ERR_NONE && listed)
		b->code = catalogue_add_entry(b->c, &x, b->e);
	return b->code == ERR_NONE;
}

static enum err_code fill(struct build *b, struct renter_db *db)
{
	enum err_code code = renter_db_objects(db, take_object, b, b->e);

	if (code == ERR_NONE && b->code == ERR_NONE)
		code = renter_db_agreements(db, take_agreement, b, b->e);
	if (code == ERR_NONE && b->code == ERR_NONE)
		code = renter_db_all_files(db, b->put, take_file, b, b->e);
	if (code == ERR_NONE)
		code = b->code;
	return code == ERR_NONE ? add_parents(b->c, b->e) : code;
}

enum err_code renter_catalogue_build(struct catalogue **out,
				     struct renter_db *db,
				     const uint8_t master[OBJECT_KEY_LEN],
				     uint64_t sequence, const int64_t *about,
				     size_t about_n, struct err *e)
{
	struct build b = {.c = catalogue_new(),
			  .master = master,
			  .about = about,
			  .about_n = about_n,
			  .e = e};
	enum err_code code;

	*out = NULL;
	if (!b.c)
		return err_fail(e, ERR_NOMEM, "the catalogue");
	b.c->sequence = sequence;
	code = fill(&b, db);
	free(b.known);
	if (code != ERR_NONE) {
		catalogue_free(b.c);
		return code;
	}
	*out = b.c;
	return ERR_NONE;
}

/* --- into the database --- */

static bool any_object(void *ctx, const struct renter_object *o)
{
	bool *any = ctx;

	*any = *any || (!o->catalogue && o->wrapped_len);
	return !*any;
}

static enum err_code check_empty(struct renter_db *db, struct err *e)
{
	bool any = false;
	enum err_code code = renter_db_objects(db, any_object, &any, e);

	if (code == ERR_NONE && any)
		code = err_fail(e, ERR_STATE,
				"this renter's database is not empty");
	return code;
}

static enum err_code restore_objects(struct renter_db *db,
				     const struct catalogue *c,
				     const uint8_t *master, struct rng *rng,
				     int64_t *ids, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; i < c->objects_n && code == ERR_NONE; i++) {
		const struct catalogue_object *x = &c->objects[i];
		struct renter_object o = {.state = RENTER_STORED,
					  .size = x->size,
					  .k = x->k,
					  .n = x->n,
					  .segments = x->segments,
					  .put_s = x->put_s};

		code = renter_wrap_key(&o, NULL, master, x->full, rng, e);
		if (code == ERR_NONE)
			code = renter_db_add_object(db, &o, e);
		ids[i] = o.id;
	}
	return code;
}

static enum err_code restore_files(struct renter_db *db,
				   const struct catalogue *c,
				   const int64_t *ids, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; i < c->entries_n && code == ERR_NONE; i++) {
		const struct catalogue_entry *x = &c->entries[i];
		const struct renter_file f = {
			.path = x->path,
			.target = x->target,
			.kind = (enum renter_file_kind)x->kind,
			.mode = x->mode,
			.mtime_ns = x->mtime_ns,
			.object = x->size ? ids[x->object] : 0,
			.offset = x->offset,
			.size = x->size};

		code = renter_db_set_file(db, &f, e);
	}
	return code;
}

enum err_code renter_catalogue_restore(struct renter_db *db,
				       const struct catalogue *c,
				       const uint8_t master[OBJECT_KEY_LEN],
				       struct rng *rng, struct err *e)
{
	int64_t *ids = calloc((size_t)c->objects_n + 1, sizeof(*ids));
	enum err_code code = ERR_NONE;

	if (!ids)
		code = err_fail(e, ERR_NOMEM, "the catalogue");
	if (code == ERR_NONE)
		code = check_empty(db, e);
	if (code == ERR_NONE)
		code = restore_objects(db, c, master, rng, ids, e);
	if (code == ERR_NONE)
		code = restore_files(db, c, ids, e);
	if (code == ERR_NONE)
		code = renter_db_set_number(db, RENTER_CATALOGUE, c->sequence,
					    e);
	free(ids);
	return code;
}

enum err_code renter_catalogue_object(struct renter_object *out,
				      struct object_keys *keys,
				      const struct object_head *h,
				      const uint8_t master[OBJECT_KEY_LEN],
				      struct rng *rng, struct err *e)
{
	*out = (struct renter_object){.state = RENTER_STORED,
				      .catalogue = true,
				      .size = h->size,
				      .k = h->k,
				      .n = h->n,
				      .segments = h->segments,
				      .put_s = h->time_s};
	return renter_wrap_key(out, keys, master, h->full, rng, e);
}

/* --- tables --- */

enum err_code renter_table_open(struct catalogue **out, const uint8_t *bytes,
				size_t len, const struct placement *p,
				const struct catalogue_footer *f, struct err *e)
{
	static const uint8_t this[OBJECT_KEY_LEN];
	struct catalogue *c;
	const struct catalogue_object *o;
	enum err_code code = catalogue_decode(&c, bytes, len, e);

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	o = c->objects;
	if (c->sequence || c->agreements_n || c->objects_n != 1 ||
	    memcmp(o->full, this, sizeof(this)) != 0 || o->k != p->k ||
	    o->n != p->n || o->segments != p->segments ||
	    o->size != f->offset) {
		catalogue_free(c);
		return err_fail(e, ERR_PARSE,
				"the table is not of this object");
	}
	*out = c;
	return ERR_NONE;
}
