#include "storage/torrent/hash_files.h"

#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"
#include "storage/torrent/piece_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_LEN 20U
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

static enum err_code add_file(struct walk *w, uint64_t length)
{
	struct hash_files_list *l = w->list;

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
	l->files[l->file_count].path = strdup(w->path);
	if (!l->files[l->file_count].path)
		return err_fail(w->e, ERR_NOMEM, "a list of files");
	l->files[l->file_count++].length = length;
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
	if (name[0] == '.' || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
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
		return add_file(w, (uint64_t)st.st_size);
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

static int by_path(const void *a, const void *b)
{
	const struct hash_files_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
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
		return add_file(w, (uint64_t)st.st_size);
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
			      struct err *e)
{
	struct walk *w = calloc(1, sizeof(*w));
	enum err_code code;

	memset(out, 0, sizeof(*out));
	if (!w)
		return err_fail(e, ERR_NOMEM, "a walk");
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

/* --- hashing --- */

struct hash_files {
	const struct hash_files_list *list;
	const struct hash_files_ops *ops;
	void *ctx;
	struct layout layout;
	struct file_pool *pool;
	struct files *files;
	struct piece_check *check;
	uint8_t *hashes;
	struct err err; /* of the first piece that failed */
};

static void hash_files_free(struct hash_files *h)
{
	files_free(h->files);
	file_pool_free(h->pool);
	layout_clear(&h->layout);
	free(h->hashes);
	free(h);
}

static void on_piece(void *ctx, uint32_t piece,
		     const struct piece_digest *digest, const struct err *err)
{
	struct hash_files *h = ctx;

	if (digest) {
		memcpy(h->hashes + (size_t)piece * HASH_LEN, digest->sha1,
		       HASH_LEN);
	} else if (h->err.code == ERR_NONE) {
		h->err = *err;
		piece_check_cancel(h->check);
	}
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct hash_files *h = ctx;

	if (h->ops->progress)
		h->ops->progress(h->ctx, done, total);
}

/* What was hashed must be all there is. */
static void check_sizes(struct hash_files *h)
{
	for (uint32_t i = 0; i < h->list->file_count; i++) {
		struct files_stat st;

		files_stat_one(h->files, i, &st);
		if (!st.exists || st.size != h->list->files[i].length) {
			(void)err_fail(&h->err, ERR_STATE,
				       "%.100s: changed while it was read",
				       h->list->files[i].path);
			return;
		}
	}
}

static void on_done(void *ctx, bool whole)
{
	struct hash_files *h = ctx;

	if (whole && h->err.code == ERR_NONE)
		check_sizes(h);
	else if (h->err.code == ERR_NONE)
		(void)err_fail(&h->err, ERR_STATE, "cancelled");
	if (h->err.code == ERR_NONE)
		h->ops->done(h->ctx, h->hashes, h->layout.piece_count, NULL);
	else
		h->ops->done(h->ctx, NULL, 0, &h->err);
	hash_files_free(h);
}

static const struct piece_check_ops check_ops = {
	.piece = on_piece, .progress = on_progress, .done = on_done};

static enum err_code make_layout(struct hash_files *h, uint32_t piece_len,
				 struct err *e)
{
	const struct hash_files_list *l = h->list;
	struct store_file *files;
	uint64_t pieces;
	enum err_code code;

	if (piece_len == 0)
		return err_fail(e, ERR_LIMIT, "piece length 0");
	pieces = (l->total + piece_len - 1) / piece_len;
	if (pieces > STORE_MAX_PIECES)
		return err_fail(e, ERR_LIMIT,
				"%llu pieces: take a larger piece length",
				(unsigned long long)pieces);
	files = calloc(l->file_count, sizeof(*files));
	if (!files)
		return err_fail(e, ERR_NOMEM, "a list of files");
	for (uint32_t i = 0; i < l->file_count; i++)
		files[i] = (struct store_file){.path = l->files[i].path,
					       .length = l->files[i].length};
	code = layout_init(&h->layout, l->multi ? l->name : NULL, files,
			   l->file_count, piece_len, (uint32_t)pieces, e);
	free(files);
	return code;
}

static enum err_code start(struct hash_files *h, struct work *work,
			   uint32_t piece_len, struct err *e)
{
	struct files_cfg files = {.root = h->list->root, .read_only = true};
	struct piece_check_cfg cfg = {.work = work, .kinds = PIECE_SHA1};
	enum err_code code = make_layout(h, piece_len, e);

	if (code != ERR_NONE)
		return code;
	h->pool = file_pool_new(16);
	h->hashes = malloc((size_t)h->layout.piece_count * HASH_LEN);
	files.pool = h->pool;
	files.layout = &h->layout;
	h->files = h->pool ? files_new(&files) : NULL;
	if (!h->files || !h->hashes)
		return err_fail(e, ERR_NOMEM, "hashes");
	cfg.files = h->files;
	cfg.layout = &h->layout;
	return piece_check_start(&h->check, &cfg, &check_ops, h, e);
}

enum err_code hash_files_start(struct hash_files **out, struct work *work,
			       const struct hash_files_list *list,
			       uint32_t piece_len,
			       const struct hash_files_ops *ops, void *ctx,
			       struct err *e)
{
	struct hash_files *h = calloc(1, sizeof(*h));
	enum err_code code;

	*out = NULL;
	if (!h)
		return err_fail(e, ERR_NOMEM, "a hash job");
	h->list = list;
	h->ops = ops;
	h->ctx = ctx;
	code = start(h, work, piece_len, e);
	if (code != ERR_NONE) {
		hash_files_free(h);
		return code;
	}
	*out = h;
	return ERR_NONE;
}

void hash_files_cancel(struct hash_files *h)
{
	piece_check_cancel(h->check);
}
