#include "node/renter/renter_unchanged.h"

#include "storage/rent/renter_db.h"

#include <stdlib.h>
#include <string.h>

struct matching {
	struct renter *renter;
	const struct unchanged_cfg *cfg;
	const struct catalogue_entry **entries; /* heap, in order of path */
	size_t n, found;
	struct renter_object object; /* the last that was looked up */
	struct err e;
};

static int path_order(const void *key, const void *item)
{
	const struct catalogue_entry *const *at = item;

	return strcmp(key, (*at)->path);
}

/* Is the object that it begins in coded and kept as it would be? */
static bool is_kept_so(struct matching *m, const struct renter_file *f)
{
	if (f->object == 0)
		return true;
	if (m->object.id != f->object &&
	    renter_db_object(m->renter->db, f->object, &m->object, &m->e) !=
		    ERR_NONE)
		return false;
	return m->object.state == RENTER_STORED && m->object.k == m->cfg->k &&
	       m->object.n == m->cfg->n &&
	       m->object.unopened == m->cfg->unopened;
}

static bool is_same(const struct catalogue_entry *a,
		    const struct renter_file *f)
{
	const char *x = a->target ? a->target : "";
	const char *y = f->target ? f->target : "";

	return (unsigned)a->kind == (unsigned)f->kind && a->mode == f->mode &&
	       a->size == f->size && a->mtime_ns == f->mtime_ns &&
	       strcmp(x, y) == 0;
}

static bool match(void *ctx, const struct renter_file *f)
{
	struct matching *m = ctx;
	const struct catalogue_entry **at = bsearch(
		f->path, m->entries, m->n, sizeof(*m->entries), path_order);

	if (!at)
		return true;
	if (!is_same(*at, f) || !is_kept_so(m, f))
		return false;
	m->found++;
	return true;
}

enum err_code renter_unchanged(bool *same, struct renter *r,
			       const struct source *s,
			       const struct unchanged_cfg *cfg, struct err *e)
{
	const uint32_t count = source_count(s);
	struct matching m = {.renter = r, .cfg = cfg};
	enum err_code code;

	*same = false;
	m.entries = calloc(count + 1U, sizeof(*m.entries));
	if (!m.entries)
		return err_fail(e, ERR_NOMEM, "a list of files");
	for (uint32_t i = 0; i < count; i++)
		if (!source_is_parent(s, i))
			m.entries[m.n++] = source_entry(s, i);
	code = m.n ? renter_db_files(r->db, cfg->name, match, &m, e) : ERR_NONE;
	if (code == ERR_NONE && m.e.code != ERR_NONE) {
		*e = m.e;
		code = e->code;
	}
	*same = code == ERR_NONE && m.n > 0 && m.found == m.n;
	free(m.entries);
	return code;
}
