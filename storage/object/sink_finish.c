#include "storage/object/sink_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool same_link(int dir, const char *name, const char *target)
{
	char is[CATALOGUE_PATH_MAX + 1];
	ssize_t len = readlinkat(dir, name, is, sizeof(is));

	return len >= 0 && (size_t)len == strlen(target) &&
	       memcmp(is, target, (size_t)len) == 0;
}

/* Made beside it and renamed: an older one is replaced at once. */
static enum err_code make_link(struct sink *s, uint32_t i, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[i];
	const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT},
				      sink_time(f->mtime_ns)};
	char name[BELOW_NAME_LEN], part[BELOW_NAME_LEN];
	int dir = below_parent(s->root, f->path, true, name);
	enum err_code code = ERR_NONE;

	if (dir < 0)
		return sink_fail(f->path, e);
	sink_part_name(s, i, name, part);
	if (!same_link(dir, name, f->target)) {
		(void)unlinkat(dir, part, 0);
		if (symlinkat(f->target, dir, part) != 0 ||
		    renameat(dir, part, dir, name) != 0) {
			code = sink_fail(f->path, e);
			(void)unlinkat(dir, part, 0);
		}
	}
	if (code == ERR_NONE &&
	    utimensat(dir, name, t, AT_SYMLINK_NOFOLLOW) != 0)
		s->totals.unset++;
	(void)close(dir);
	return code;
}

static enum err_code close_dir(struct sink *s, uint32_t i, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[i];
	int fd = below_open(s->root, f->path, O_RDONLY | O_DIRECTORY);
	enum err_code code;

	if (fd < 0)
		return sink_fail(f->path, e);
	code = sink_set(s, fd, f->mode & 01777, f->mtime_ns, f->path, e);
	(void)close(fd);
	return code;
}

enum err_code sink_finish(struct sink *s, struct err *e)
{
	const struct catalogue *c = s->list;
	enum err_code code = ERR_NONE;

	if (!s->begun || s->at != s->pieces_n)
		return err_fail(e, ERR_STATE, "sink: not all was written");
	if (s->pipe >= 0)
		return ERR_NONE;
	for (uint32_t i = 0; i < c->entries_n && code == ERR_NONE; i++)
		if (c->entries[i].kind == CATALOGUE_LINK)
			code = make_link(s, i, e);
	/* what lies in a directory comes before it: it may close */
	for (uint32_t i = c->entries_n; i-- > 0 && code == ERR_NONE;)
		if (c->entries[i].kind == CATALOGUE_DIR)
			code = close_dir(s, i, e);
	if (code == ERR_NONE && syncfs(s->root) != 0)
		code = sink_fail(".", e);
	return code;
}
