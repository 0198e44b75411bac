#include "storage/torrent/hash_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 64U

/* --- names --- */

/* Length of the UTF-8 character at s, 0 if it is none (or a control). */
static size_t char_len(const unsigned char *s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80	     ? 1
		   : s[0] >> 5 == 6  ? 2
		   : s[0] >> 4 == 14 ? 3
		   : s[0] >> 3 == 30 ? 4
				     : 0;
	uint32_t c;

	if (n == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (n == 0)
		return 0;
	c = s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fU);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
	    (c >= 0x80 && c < 0xa0))
		return 0;
	return n;
}

static bool name_ok(const char *name)
{
	const unsigned char *s = (const unsigned char *)name;

	if (*s == '\0' || strlen(name) > LAYOUT_MAX_COMPONENT)
		return false;
	while (*s) {
		size_t n = char_len(s);

		if (n == 0)
			return false;
		s += n;
	}
	return true;
}

/* A name as it may stand in a message. */
static enum err_code bad_name(const char *name, struct err *e)
{
	char shown[64];
	size_t i = 0;

	for (; name[i] && i + 1 < sizeof(shown); i++) {
		unsigned char c = (unsigned char)name[i];

		shown[i] = c < 0x20 || c >= 0x7f ? '?' : name[i];
	}
	shown[i] = '\0';
	return err_fail(e, ERR_PARSE,
			"'%s' is no name for a torrent: it must be UTF-8 "
			"without control characters",
			shown);
}

/* --- walking --- */

struct walk {
	struct hash_files_list *list;
	uint32_t cap;
	char path[LAYOUT_MAX_PATH + 1]; /* below the directory */
	struct err *e;
};

static bool is_hidden(const char *path)
{
	return path[0] == '.' || strstr(path, "/.");
}

static enum err_code add_file(struct walk *w, const struct stat *st)
{
	struct hash_files_list *l = w->list;
	uint64_t length = (uint64_t)st->st_size;
	struct hash_files_entry *f;

	if (l->file_count == STORE_MAX_FILES)
		return err_fail(w->e, ERR_LIMIT, "more than %u files",
				STORE_MAX_FILES);
	if (length > LAYOUT_MAX_TOTAL - l->total)
		return err_fail(w->e, ERR_LIMIT, "the files are too large");
	if (l->file_count == w->cap) {
		uint32_t more = w->cap ? w->cap * 2 : 64;
		struct hash_files_entry *p =
			realloc(l->files, more * sizeof(*p));

		if (!p)
			return err_fail(w->e, ERR_NOMEM, "a list of files");
		l->files = p;
		w->cap = more;
	}
	f = &l->files[l->file_count];
	memset(f, 0, sizeof(*f));
	f->path = strdup(w->path);
	if (!f->path)
		return err_fail(w->e, ERR_NOMEM, "a list of files");
	f->length = length;
	f->mtime_ns =
		(int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	f->executable = (st->st_mode & S_IXUSR) != 0;
	f->hidden = is_hidden(f->path);
	l->file_count++;
	l->total += length;
	return ERR_NONE;
}

static enum err_code walk_fd(struct walk *w, int fd, size_t len,
			     unsigned depth);

static enum err_code os_fail(const char *path, struct err *e)
{
	return err_fail(e, ERR_IO, "%.100s: %s", path, strerror(errno));
}

static enum err_code walk_entry(struct walk *w, int dir, const char *name,
				size_t len, unsigned depth)
{
	size_t n = strlen(name);
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return os_fail(name, w->e);
	if ((name[0] == '.' && !w->list->with_hidden) ||
	    !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		w->list->left_out++;
		return ERR_NONE;
	}
	if (!name_ok(name))
		return bad_name(name, w->e);
	if (len + n + 2 > sizeof(w->path))
		return err_fail(w->e, ERR_LIMIT, "%.80s: path over %u bytes",
				w->path, LAYOUT_MAX_PATH);
	if (len > 0)
		w->path[len++] = '/';
	memcpy(w->path + len, name, n + 1);
	len += n;
	if (S_ISREG(st.st_mode))
		return add_file(w, &st);
	if (depth == MAX_DEPTH)
		return err_fail(w->e, ERR_LIMIT,
				"%.80s: more than %u directories deep", w->path,
				MAX_DEPTH);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return os_fail(w->path, w->e);
	return walk_fd(w, fd, len, depth + 1);
}

/* Takes fd. */
static enum err_code walk_fd(struct walk *w, int fd, size_t len, unsigned depth)
{
	DIR *d = fdopendir(fd);
	enum err_code code = ERR_NONE;
	struct dirent *entry;

	if (!d) {
		(void)close(fd);
		return os_fail(w->path, w->e);
	}
	while (code == ERR_NONE && (errno = 0, entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		code = walk_entry(w, dirfd(d), entry->d_name, len, depth);
		w->path[len] = '\0';
	}
	if (code == ERR_NONE && errno != 0)
		code = os_fail(w->path, w->e);
	(void)closedir(d);
	return code;
}

/* As the keys of a v2 file tree are ordered, component by component: in that
 * order '/' is less than any byte of a name. */
static int by_path(const void *a, const void *b)
{
	const struct hash_files_entry *fa = a, *fb = b;
	const char *x = fa->path, *y = fb->path;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x == *y || *x == '\0' || *y == '\0')
		return (*x != '\0') - (*y != '\0');
	if (*x == '/' || *y == '/')
		return *x == '/' ? -1 : 1;
	return (int)(unsigned char)*x - (int)(unsigned char)*y;
}

/* Splits the resolved path into the directory and the last component. */
static enum err_code split(struct hash_files_list *out, const char *path,
			   struct err *e)
{
	char *full = realpath(path, NULL);
	char *slash;

	if (!full)
		return os_fail(path, e);
	slash = strrchr(full, '/');
	out->name = strdup(slash + 1);
	slash[slash == full ? 1 : 0] = '\0';
	out->root = full;
	if (!out->name)
		return err_fail(e, ERR_NOMEM, "a name");
	return name_ok(out->name) ? ERR_NONE : bad_name(out->name, e);
}

static enum err_code walk_path(struct hash_files_list *out, struct walk *w,
			       const char *path, struct err *e)
{
	enum err_code code = split(out, path, e);
	struct stat st;
	int fd;

	if (code != ERR_NONE)
		return code;
	if (stat(path, &st) != 0)
		return os_fail(path, e);
	out->multi = S_ISDIR(st.st_mode);
	if (S_ISREG(st.st_mode)) {
		(void)snprintf(w->path, sizeof(w->path), "%s", out->name);
		return add_file(w, &st);
	}
	if (!out->multi)
		return err_fail(e, ERR_PARSE,
				"%.100s: is neither file nor directory", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return os_fail(path, e);
	code = walk_fd(w, fd, 0, 0);
	if (code == ERR_NONE && out->file_count > 0)
		qsort(out->files, out->file_count, sizeof(*out->files),
		      by_path);
	return code;
}

enum err_code hash_files_walk(struct hash_files_list *out, const char *path,
			      bool with_hidden, struct err *e)
{
	struct walk *w = calloc(1, sizeof(*w));
	enum err_code code;

	memset(out, 0, sizeof(*out));
	if (!w)
		return err_fail(e, ERR_NOMEM, "a walk");
	out->with_hidden = with_hidden;
	w->list = out;
	w->e = e;
	code = walk_path(out, w, path, e);
	if (code == ERR_NONE && out->total == 0)
		code = err_fail(e, ERR_LIMIT, "%.100s: there is nothing in it",
				path);
	free(w);
	if (code != ERR_NONE)
		hash_files_list_clear(out);
	return code;
}

void hash_files_list_clear(struct hash_files_list *l)
{
	for (uint32_t i = 0; i < l->file_count; i++)
		free(l->files[i].path);
	free(l->files);
	free(l->root);
	free(l->name);
	memset(l, 0, sizeof(*l));
}

/* --- padding --- */

static bool make_pad(struct hash_files_entry *f, uint64_t length)
{
	char name[32];

	(void)snprintf(name, sizeof(name), ".pad/%llu",
		       (unsigned long long)length);
	memset(f, 0, sizeof(*f));
	f->path = strdup(name);
	f->length = length;
	f->pad = true;
	return f->path != NULL;
}

/* Frees the pads among the first n of `all` and leaves the list as it was. */
static enum err_code no_room(struct hash_files_entry *all, uint32_t n,
			     struct err *e)
{
	for (uint32_t i = 0; i < n; i++)
		if (all[i].pad)
			free(all[i].path);
	free(all);
	return err_fail(e, ERR_NOMEM, "a list of files");
}

enum err_code hash_files_align(struct hash_files_list *l, uint32_t piece_len,
			       struct err *e)
{
	struct hash_files_entry *all =
		calloc((size_t)l->file_count * 2 + 1, sizeof(*all));
	uint32_t n = 0, last = l->file_count;
	uint64_t at = 0;

	if (!all)
		return err_fail(e, ERR_NOMEM, "a list of files");
	while (last > 0 && l->files[last - 1].length == 0)
		last--;
	for (uint32_t i = 0; i < l->file_count; i++) {
		all[n++] = l->files[i];
		at += l->files[i].length;
		if (at % piece_len == 0 || i + 1 >= last)
			continue;
		if (!make_pad(&all[n], piece_len - at % piece_len))
			return no_room(all, n, e);
		at += all[n++].length;
	}
	free(l->files);
	l->files = all;
	l->file_count = n;
	l->total = at;
	return ERR_NONE;
}

/* --- afterwards --- */

static const struct hash_files_entry *next_real(const struct hash_files_list *l,
						uint32_t *i)
{
	while (*i < l->file_count && l->files[*i].pad)
		(*i)++;
	return *i < l->file_count ? &l->files[(*i)++] : NULL;
}

/* The first file that is another one, or is in one list only; NULL: none. */
static const struct hash_files_entry *differs(const struct hash_files_list *was,
					      const struct hash_files_list *is)
{
	uint32_t i = 0, k = 0;

	for (;;) {
		const struct hash_files_entry *a = next_real(was, &i);
		const struct hash_files_entry *b = next_real(is, &k);

		if (!a && !b)
			return NULL;
		if (!a || !b)
			return a ? a : b;
		if (strcmp(a->path, b->path) != 0)
			return by_path(a, b) < 0 ? a : b;
		if (a->length != b->length || a->mtime_ns != b->mtime_ns ||
		    a->executable != b->executable)
			return a;
	}
}

enum err_code hash_files_unchanged(const struct hash_files_list *l,
				   struct err *e)
{
	size_t cap = strlen(l->root) + strlen(l->name) + 2;
	const struct hash_files_entry *other;
	struct hash_files_list now;
	char *path = malloc(cap);
	enum err_code code;

	if (!path)
		return err_fail(e, ERR_NOMEM, "a path");
	(void)snprintf(path, cap, "%s%s%s", l->root,
		       strcmp(l->root, "/") == 0 ? "" : "/", l->name);
	code = hash_files_walk(&now, path, l->with_hidden, e);
	free(path);
	if (code != ERR_NONE)
		return code;
	other = differs(l, &now);
	if (other)
		code = err_fail(e, ERR_STATE,
				"%.100s: changed while it was read",
				other->path);
	hash_files_list_clear(&now);
	return code;
}
