#include "storage/object/source.h"

#include "storage/object/below.h"
#include "storage/object/source_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- life --- */

enum err_code source_new(struct source **out, const char *name, struct err *e)
{
	const char *fault = catalogue_path_fault(name, strlen(name));
	char text[BELOW_TEXT_LEN];
	struct source *s;

	*out = NULL;
	if (fault)
		return err_fail(e, ERR_LIMIT, "%s: not a name for it: %s",
				below_text(text, name), fault);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_fail(e, ERR_NOMEM, "source: no memory");
	s->root = s->fd = -1;
	atomic_init(&s->stop, false);
	s->list = catalogue_new();
	s->name = strdup(name);
	if (!s->list || !s->name) {
		source_free(s);
		return err_fail(e, ERR_NOMEM, "source: no memory");
	}
	*out = s;
	return ERR_NONE;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		(void)close(s->fd);
	if (s->root >= 0)
		(void)close(s->root);
	free(s->files);
	free(s->path);
	free(s->name);
	catalogue_free(s->list);
	free(s);
}

void source_stop(struct source *s)
{
	atomic_store(&s->stop, true);
}

enum err_code source_add(struct source *s, const struct catalogue_entry *entry,
			 struct err *e)
{
	size_t len = strlen(entry->path);
	const char *fault = catalogue_path_fault(entry->path, len);
	char text[BELOW_TEXT_LEN];

	if (fault)
		return err_fail(e, ERR_LIMIT, "%s: cannot be put: %s",
				below_text(text, entry->path), fault);
	s->text_len += len + (entry->target ? strlen(entry->target) : 0);
	return catalogue_add_entry(s->list, entry, e);
}

enum err_code source_add_parents(struct source *s, int64_t mtime_ns,
				 struct err *e)
{
	struct catalogue_entry d = {
		.kind = CATALOGUE_DIR, .mode = 0755, .mtime_ns = mtime_ns};
	char path[CATALOGUE_PATH_MAX + 1];
	enum err_code code = ERR_NONE;
	size_t at = strcspn(s->name, "/");

	d.path = path;
	while (s->name[at] && code == ERR_NONE) {
		memcpy(path, s->name, at);
		path[at] = '\0';
		code = source_add(s, &d, e);
		at += 1 + strcspn(s->name + at + 1, "/");
	}
	return code;
}

/* --- what it has --- */

uint32_t source_count(const struct source *s)
{
	return s->list->entries_n;
}

const struct catalogue_entry *source_entry(const struct source *s, uint32_t i)
{
	return &s->list->entries[i];
}

bool source_is_parent(const struct source *s, uint32_t i)
{
	return strlen(s->list->entries[i].path) < strlen(s->name);
}

uint64_t source_size(const struct source *s)
{
	return s->size;
}

uint32_t source_skipped(const struct source *s)
{
	return s->skipped;
}

/* --- reading files --- */

static enum err_code changed(const struct catalogue_entry *f, struct err *e)
{
	char text[BELOW_TEXT_LEN];

	return err_fail(e, ERR_STATE,
			"%s: changed while it was being put: put it again",
			below_text(text, f->path));
}

static enum err_code check_same(const struct source *s,
				const struct catalogue_entry *f, struct err *e)
{
	struct stat st;

	if (fstat(s->fd, &st) != 0)
		return below_fail(f->path, e);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size ||
	    below_mtime_ns(&st) != f->mtime_ns)
		return changed(f, e);
	return ERR_NONE;
}

static enum err_code open_file(struct source *s, uint32_t i, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[i];

	if (s->fd >= 0 && s->open == i)
		return ERR_NONE;
	if (s->fd >= 0)
		(void)close(s->fd);
	s->open = i;
	s->fd = below_open(s->root, f->path + strlen(s->name) + 1, O_RDONLY);
	if (s->fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? changed(f, e)
			       : below_fail(f->path, e);
	(void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return check_same(s, f, e);
}

/* len bytes, all of which the file has. */
static enum err_code read_file(struct source *s, uint32_t i, uint64_t off,
			       uint8_t *buf, size_t len, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[i];
	enum err_code code = open_file(s, i, e);
	size_t done = 0;

	while (code == ERR_NONE && done < len) {
		ssize_t n = pread(s->fd, buf + done, len - done,
				  (off_t)(off + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			code = changed(f, e);
		else if (errno != EINTR)
			code = below_fail(f->path, e);
	}
	/* after the bytes: what was written before them is seen */
	return code == ERR_NONE ? check_same(s, f, e) : code;
}

/* The file that has this byte. */
static uint32_t file_at(const struct source *s, uint64_t off)
{
	uint32_t low = 0, high = s->files_n;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (s->list->entries[s->files[mid]].offset <= off)
			low = mid;
		else
			high = mid;
	}
	return s->files[low];
}

enum err_code source_read(struct source *s, uint64_t off, uint8_t *buf,
			  size_t len, size_t *got, struct err *e)
{
	enum err_code code = ERR_NONE;

	*got = 0;
	if (!s->path)
		return source_pipe_read(s, off, buf, len, got, e);
	while (code == ERR_NONE && *got < len && off + *got < s->size) {
		uint32_t i = file_at(s, off + *got);
		const struct catalogue_entry *f = &s->list->entries[i];
		uint64_t at = off + *got - f->offset;
		uint64_t left = f->size - at;
		size_t n = left < len - *got ? (size_t)left : len - *got;

		code = read_file(s, i, at, buf + *got, n, e);
		*got += n;
	}
	return code;
}

enum err_code source_more(struct source *s, uint64_t off, bool *more,
			  struct err *e)
{
	*more = off < s->size;
	return s->path || *more ? ERR_NONE : source_pipe_more(s, more, e);
}
