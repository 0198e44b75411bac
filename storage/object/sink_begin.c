#include "storage/object/sink_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- is it well formed? --- */

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct catalogue_entry *)a)->path,
		      ((const struct catalogue_entry *)b)->path);
}

static bool parent_is_no_dir(const struct catalogue *c, const char *path)
{
	char above[CATALOGUE_PATH_MAX + 1];
	size_t len = strlen(path);
	const struct catalogue_entry *p = NULL;

	memcpy(above, path, len + 1);
	while (!p && len) {
		while (len && above[len - 1] != '/')
			len--;
		if (len == 0)
			return false;
		above[--len] = '\0';
		p = catalogue_find(c, above);
	}
	return p && p->kind != CATALOGUE_DIR;
}

static const char *place_fault(const struct catalogue *c,
			       const struct catalogue_entry *f)
{
	const struct catalogue_object *o;

	if (f->size == 0)
		return NULL;
	if (f->object >= c->objects_n)
		return "its object is unknown";
	o = &c->objects[f->object];
	return f->offset >= o->size || f->size > c->size - o->before - f->offset
		       ? "its place is outside of its object"
		       : NULL;
}

static const char *entry_fault(const struct catalogue *c, uint32_t i)
{
	const struct catalogue_entry *f = &c->entries[i];
	const char *fault = catalogue_path_fault(f->path, strlen(f->path));

	if (fault)
		return fault;
	if (i && strcmp(f->path, c->entries[i - 1].path) == 0)
		return "it is there twice";
	if (parent_is_no_dir(c, f->path))
		return "what it lies in is no directory";
	switch (f->kind) {
	case CATALOGUE_FILE:
		return place_fault(c, f);
	case CATALOGUE_DIR:
		return f->size ? "a directory with bytes" : NULL;
	case CATALOGUE_LINK:
		if (!f->target || !*f->target)
			return "a link without a target";
		return f->size ? "a link with bytes" : NULL;
	}
	return "its kind is unknown";
}

static enum err_code check(struct sink *s, struct err *e)
{
	struct catalogue *c = s->list;
	char text[BELOW_TEXT_LEN];

	if (c->entries_n)
		qsort(c->entries, c->entries_n, sizeof(*c->entries),
		      compare_paths);
	for (uint32_t i = 0; i < c->entries_n; i++) {
		const char *fault = entry_fault(c, i);

		if (fault)
			return err_fail(e, ERR_PARSE, "%s: not written: %s",
					below_text(text, c->entries[i].path),
					fault);
	}
	return ERR_NONE;
}

/* --- pieces and ranges --- */

/* A border between objects lies in one file at most: more pieces than this are
 * files over each other. */
static enum err_code push(struct sink *s, const struct sink_piece *x,
			  struct err *e)
{
	const struct catalogue *c = s->list;
	uint32_t max = c->entries_n + c->objects_n, cap = s->pieces_cap;
	struct sink_piece *more;

	if (s->pieces_n == max)
		return err_fail(e, ERR_LIMIT, "sink: files lie in each other");
	if (s->pieces_n == cap) {
		cap = cap ? 2 * cap : 64;
		cap = cap < max ? cap : max;
		more = realloc(s->pieces, cap * sizeof(*more));
		if (!more)
			return err_fail(e, ERR_NOMEM, "sink: no memory");
		s->pieces = more;
		s->pieces_cap = cap;
	}
	s->pieces[s->pieces_n++] = *x;
	s->totals.wanted += x->len;
	return ERR_NONE;
}

/* Bytes from .. end of a file. */
static enum err_code want(struct sink *s, uint32_t entry, uint64_t from,
			  uint64_t end, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[entry];
	enum err_code code = ERR_NONE;
	uint32_t object = f->object;
	uint64_t off = f->offset, at = 0;

	while (at < end && code == ERR_NONE) {
		uint64_t room = s->list->objects[object].size - off;
		uint64_t len = end - at < room ? end - at : room;
		uint64_t skip = from <= at ? 0 : from - at;
		struct sink_piece x = {.object = object,
				       .entry = entry,
				       .off = off + skip,
				       .len = len - skip,
				       .at = at + skip,
				       .last = at + len == end};

		if (skip < len)
			code = push(s, &x, e);
		at += len;
		object++;
		off = 0;
	}
	return code;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct sink_piece *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static enum err_code make_ranges(struct sink *s, struct err *e)
{
	struct sink_range *r;

	if (s->pieces_n == 0)
		return ERR_NONE;
	qsort(s->pieces, s->pieces_n, sizeof(*s->pieces), compare_pieces);
	s->ranges = calloc(s->pieces_n, sizeof(*s->ranges));
	if (!s->ranges)
		return err_fail(e, ERR_NOMEM, "sink: no memory");
	r = s->ranges;
	for (uint32_t i = 0; i < s->pieces_n; i++) {
		const struct sink_piece *x = &s->pieces[i];

		if (s->ranges_n && r->object == x->object &&
		    r->off + r->len == x->off) {
			r->len += x->len;
			continue;
		}
		r = &s->ranges[s->ranges_n++];
		*r = (struct sink_range){x->object, x->off, x->len};
	}
	return ERR_NONE;
}

/* --- what is there --- */

/* Until sink_finish() we may write in it, and nobody else look. */
static enum err_code open_up(int dir, const char *name, struct err *e,
			     const char *path)
{
	int fd = openat(dir, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	enum err_code code = ERR_NONE;

	if (fd < 0)
		return sink_fail(path, e);
	if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700 &&
	    fchmod(fd, (st.st_mode & 07777) | 0700) != 0 && errno != EPERM)
		code = sink_fail(path, e);
	(void)close(fd);
	return code;
}

static enum err_code look_at_dir(int dir, const char *name, const char *path,
				 struct err *e)
{
	if (mkdirat(dir, name, 0700) == 0)
		return ERR_NONE;
	return errno == EEXIST ? open_up(dir, name, e, path)
			       : sink_fail(path, e);
}

static enum err_code look_at_file(struct sink *s, uint32_t i, int dir,
				  const char *name, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[i];
	char part[BELOW_NAME_LEN];
	enum err_code code;
	struct stat st;

	s->totals.files++;
	s->totals.bytes += f->size;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode)) {
			errno = EISDIR;
			return sink_fail(f->path, e);
		}
		if (S_ISREG(st.st_mode) && (uint64_t)st.st_size == f->size &&
		    below_mtime_ns(&st) == f->mtime_ns) {
			s->totals.there++;
			return ERR_NONE;
		}
	}
	sink_part_name(s, i, name, part);
	if (f->size)
		return want(s, i, sink_part_len(s, i, dir, part), f->size, e);
	code = sink_part_open(s, i, 0, e);
	return code == ERR_NONE ? sink_part_done(s, e) : code;
}

static enum err_code look_at_link(int dir, const char *name, const char *path,
				  struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return sink_fail(path, e);
	}
	return ERR_NONE;
}

static enum err_code look_at(struct sink *s, uint32_t i, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[i];
	char name[BELOW_NAME_LEN];
	int dir = below_parent(s->root, f->path, true, name);
	enum err_code code = ERR_NONE;

	if (dir < 0)
		return sink_fail(f->path, e);
	switch (f->kind) {
	case CATALOGUE_FILE:
		code = look_at_file(s, i, dir, name, e);
		break;
	case CATALOGUE_DIR:
		code = look_at_dir(dir, name, f->path, e);
		break;
	case CATALOGUE_LINK:
		code = look_at_link(dir, name, f->path, e);
		break;
	}
	(void)close(dir);
	return code;
}

static enum err_code look_at_all(struct sink *s, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; i < s->list->entries_n && code == ERR_NONE; i++)
		code = look_at(s, i, e);
	return code;
}

static enum err_code want_for_pipe(struct sink *s, struct err *e)
{
	const struct catalogue_entry *f = s->list->entries;
	uint64_t end;

	if (s->list->entries_n != 1 || f->kind != CATALOGUE_FILE)
		return err_fail(e, ERR_STATE,
				"more than a file: only one can be "
				"written to a pipe");
	if (s->from > f->size)
		return err_fail(e, ERR_LIMIT, "%.80s has %llu bytes only",
				f->path, (unsigned long long)f->size);
	end = s->len < f->size - s->from ? s->from + s->len : f->size;
	s->totals.files = 1;
	s->totals.bytes = end - s->from;
	return want(s, 0, s->from, end, e);
}

enum err_code sink_begin(struct sink *s, struct err *e)
{
	enum err_code code = check(s, e);

	if (code == ERR_NONE && s->begun)
		code = err_fail(e, ERR_STATE, "sink: begun twice");
	s->begun = true;
	s->totals.entries = s->list->entries_n;
	if (code == ERR_NONE)
		code = s->pipe >= 0 ? want_for_pipe(s, e) : look_at_all(s, e);
	return code == ERR_NONE ? make_ranges(s, e) : code;
}
