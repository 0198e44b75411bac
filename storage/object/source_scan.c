#include "storage/object/below.h"
#include "storage/object/source_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory that is being listed. */
struct place {
	struct source *s;
	int fd;
	char path[CATALOGUE_PATH_MAX + BELOW_NAME_LEN + 2]; /* of an entry */
	size_t len; /* of the directory's path, within that */
};

static void take_stat(struct catalogue_entry *f, const struct stat *st)
{
	f->mode = (uint16_t)(st->st_mode & 07777);
	f->mtime_ns = below_mtime_ns(st);
	if (S_ISREG(st->st_mode)) {
		f->kind = CATALOGUE_FILE;
		f->size = (uint64_t)st->st_size;
	} else if (S_ISDIR(st->st_mode)) {
		f->kind = CATALOGUE_DIR;
	} else {
		f->kind = CATALOGUE_LINK;
	}
}

/* Better said now than when half of it is paid for. */
static enum err_code check_readable(const struct place *p, const char *name,
				    struct err *e)
{
	return faccessat(p->fd, name, R_OK, AT_EACCESS) == 0
		       ? ERR_NONE
		       : below_fail(p->path, e);
}

static enum err_code add_link(const struct place *p, const char *name,
			      struct catalogue_entry *f, struct err *e)
{
	char target[CATALOGUE_PATH_MAX + 1], text[BELOW_TEXT_LEN];
	ssize_t len = readlinkat(p->fd, name, target, sizeof(target));

	if (len < 0)
		return below_fail(p->path, e);
	if (len == 0 || (size_t)len == sizeof(target))
		return err_fail(e, ERR_LIMIT,
				"%s: cannot be put: its target is too long",
				below_text(text, p->path));
	target[len] = '\0';
	f->target = target;
	return source_add(p->s, f, e);
}

static enum err_code add_child(struct place *p, const char *name, struct err *e)
{
	struct catalogue_entry f = {.path = p->path};
	size_t len = strlen(name);
	enum err_code code = ERR_NONE;
	struct stat st;

	if (len >= BELOW_NAME_LEN)
		return err_fail(e, ERR_LIMIT, "%.80s: a name of %zu bytes",
				name, len);
	p->path[p->len] = '/';
	memcpy(p->path + p->len + 1, name, len + 1);
	if (fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ERR_NONE : below_fail(p->path, e);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) &&
	    !S_ISLNK(st.st_mode)) {
		p->s->skipped++;
		return ERR_NONE;
	}
	take_stat(&f, &st);
	if (f.kind == CATALOGUE_LINK)
		return add_link(p, name, &f, e);
	if (f.kind == CATALOGUE_FILE)
		code = check_readable(p, name, e);
	return code == ERR_NONE ? source_add(p->s, &f, e) : code;
}

static enum err_code list_dir(struct place *p, const char *path, struct err *e)
{
	struct source *s = p->s;
	const char *below = path + strlen(s->name);
	enum err_code code = ERR_NONE;
	struct dirent *d = NULL;
	DIR *dir;

	p->fd = below_open(s->root, *below ? below + 1 : "",
			   O_RDONLY | O_DIRECTORY);
	dir = p->fd < 0 ? NULL : fdopendir(p->fd);
	if (!dir) {
		code = below_fail(path, e);
		if (p->fd >= 0)
			(void)close(p->fd);
		return code;
	}
	p->len = strlen(path);
	memcpy(p->path, path, p->len);
	do {
		errno = 0;
		d = readdir(dir);
		if (!d && errno)
			code = below_fail(path, e);
		else if (d && strcmp(d->d_name, ".") != 0 &&
			 strcmp(d->d_name, "..") != 0)
			code = add_child(p, d->d_name, e);
	} while (d && code == ERR_NONE);
	(void)closedir(dir);
	return code;
}

/* The list is the queue: no descriptor or frame a level, however deep. */
static enum err_code walk(struct source *s, uint32_t from, struct err *e)
{
	struct place p = {.s = s};
	enum err_code code = ERR_NONE;

	for (uint32_t i = from; i < s->list->entries_n && code == ERR_NONE; i++)
		if (s->list->entries[i].kind == CATALOGUE_DIR)
			code = list_dir(&p, s->list->entries[i].path, e);
	return code;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct catalogue_entry *)a)->path,
		      ((const struct catalogue_entry *)b)->path);
}

static enum err_code lay_out(struct source *s, struct err *e)
{
	struct catalogue *c = s->list;

	qsort(c->entries, c->entries_n, sizeof(*c->entries), compare_paths);
	s->files = calloc(c->entries_n, sizeof(*s->files));
	if (!s->files)
		return err_fail(e, ERR_NOMEM, "source: no memory");
	for (uint32_t i = 0; i < c->entries_n; i++) {
		struct catalogue_entry *f = &c->entries[i];

		if (f->size == 0)
			continue;
		if (f->size > INT64_MAX - s->size)
			return err_fail(e, ERR_LIMIT, "%.80s: too large",
					s->path);
		f->offset = s->size;
		s->size += f->size;
		s->files[s->files_n++] = i;
	}
	return ERR_NONE;
}

static enum err_code open_root(struct source *s, struct stat *st, struct err *e)
{
	char text[BELOW_TEXT_LEN];
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return below_fail(s->path, e);
	if (fstat(fd, st) == 0 && S_ISDIR(st->st_mode)) {
		s->root = fd;
		return ERR_NONE;
	}
	s->fd = fd; /* a file alone stays open: nobody can put another there */
	return S_ISREG(st->st_mode)
		       ? ERR_NONE
		       : err_fail(e, ERR_STATE,
				  "%s: neither a file nor a directory",
				  below_text(text, s->path));
}

static enum err_code scan(struct source *s, struct err *e)
{
	struct catalogue_entry f = {.path = s->name};
	uint32_t first;
	struct stat st;
	enum err_code code = open_root(s, &st, e);

	if (code != ERR_NONE)
		return code;
	take_stat(&f, &st);
	code = source_add_parents(s, f.mtime_ns, e);
	first = s->list->entries_n;
	s->open = first;
	if (code == ERR_NONE)
		code = source_add(s, &f, e);
	if (code == ERR_NONE)
		code = walk(s, first, e);
	return code == ERR_NONE ? lay_out(s, e) : code;
}

enum err_code source_scan(struct source **out, const char *path,
			  const char *name, struct err *e)
{
	struct source *s;
	enum err_code code = source_new(&s, name, e);

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	s->path = strdup(path);
	code = s->path ? scan(s, e)
		       : err_fail(e, ERR_NOMEM, "source: no memory");
	if (code != ERR_NONE) {
		source_free(s);
		return code;
	}
	*out = s;
	return ERR_NONE;
}
