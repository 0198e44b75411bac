#include "node/core/copy_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BUF_LEN (1U << 20)
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct copy {
	struct copy_tree_watch *watch;
	uint8_t *buf;
	struct err *e;
};

/* One name below two directories. */
struct pair {
	int from, to;
	const char *from_name, *to_name;
	int depth;
};

static enum err_code fail(const struct copy *c, const char *name)
{
	return err_fail(c->e, ERR_IO, "cannot copy %.100s: %s", name,
			strerror(errno));
}

static bool is_name(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* The directory for readdir(); `fd` stays the caller's. */
static DIR *list(int fd)
{
	int own = openat(fd, ".", DIR_FLAGS);
	DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (own >= 0 && !dir)
		(void)close(own);
	return dir;
}

/* ---- files ---- */

static bool write_at(int fd, const uint8_t *p, size_t len, off_t at)
{
	while (len) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static enum err_code copy_span(const struct copy *c, int in, int out, off_t at,
			       off_t end, const char *name)
{
	while (at < end) {
		size_t want = end - at < (off_t)BUF_LEN ? (size_t)(end - at)
							: BUF_LEN;
		ssize_t n;

		if (atomic_load(&c->watch->stop))
			return err_fail(c->e, ERR_STATE, "stopped");
		n = pread(in, c->buf, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			break; /* shorter now: seen at the end */
		if (n < 0 || !write_at(out, c->buf, (size_t)n, at))
			return fail(c, name);
		at += n;
		(void)atomic_fetch_add(&c->watch->done, (uint64_t)n);
	}
	return ERR_NONE;
}

static enum err_code copy_bytes(const struct copy *c, const struct pair *p,
				int in, int out, off_t size)
{
	const char *name = p->from_name;
	enum err_code code = ERR_NONE;

	for (off_t at = 0; at < size && code == ERR_NONE;) {
		off_t data = lseek(in, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break; /* a hole up to the end */
		if (data < 0)
			data = at; /* it cannot tell */
		hole = lseek(in, data, SEEK_HOLE);
		if (hole <= data || hole > size)
			hole = size;
		code = copy_span(c, in, out, data, hole, name);
		at = hole;
	}
	if (code == ERR_NONE && ftruncate(out, size) != 0)
		code = fail(c, name);
	return code;
}

static bool same_time(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Some file systems flush no directories; they say EINVAL. */
static bool flush(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL;
}

/* Mode and times last, as far as the file system has such; then all of it to
 * the disk. */
static enum err_code finish(const struct copy *c, int in, int out,
			    const struct stat *st, const char *name)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};
	struct stat now;

	(void)fchmod(out, st->st_mode & 0777);
	(void)futimens(out, times);
	if (!flush(out) || fstat(in, &now) != 0)
		return fail(c, name);
	if (!same_time(&now, st) || now.st_size != st->st_size)
		return err_fail(c->e, ERR_IO,
				"%.100s changed while it was copied", name);
	return ERR_NONE;
}

typedef enum err_code fill_fn(const struct copy *c, const struct pair *p,
			      int in, int out, off_t size);

/* Both are open, or are not (-1, with errno), and are closed here. */
static enum err_code copy_into(const struct copy *c, const struct pair *p,
			       int in, int out, fill_fn *fill)
{
	struct stat st;
	enum err_code code = ERR_NONE;

	if (in < 0 || out < 0 || fstat(in, &st) != 0)
		code = fail(c, p->from_name);
	if (code == ERR_NONE)
		code = fill(c, p, in, out, st.st_size);
	if (code == ERR_NONE)
		code = finish(c, in, out, &st, p->from_name);
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	return code;
}

static enum err_code copy_file(const struct copy *c, const struct pair *p)
{
	int in = openat(p->from, p->from_name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int out = in < 0 ? -1
			 : openat(p->to, p->to_name,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
					  O_CLOEXEC,
				  0600);

	return copy_into(c, p, in, out, copy_bytes);
}

static enum err_code copy_link(const struct copy *c, const struct pair *p)
{
	char to[PATH_MAX];
	ssize_t n = readlinkat(p->from, p->from_name, to, sizeof(to) - 1);

	if (n < 0)
		return fail(c, p->from_name);
	to[n] = '\0';
	return symlinkat(to, p->to, p->to_name) == 0 ? ERR_NONE
						     : fail(c, p->from_name);
}

/* ---- directories ---- */

static enum err_code copy_entry(const struct copy *c, const struct pair *p);

static enum err_code copy_entries(const struct copy *c, const struct pair *p,
				  int in, int out, off_t size)
{
	DIR *dir = list(in);
	enum err_code code = dir ? ERR_NONE : fail(c, p->from_name);
	struct dirent *d;

	(void)size;
	while (code == ERR_NONE && (d = readdir(dir))) {
		const struct pair below = {in, out, d->d_name, d->d_name,
					   p->depth + 1};

		if (is_name(d))
			code = copy_entry(c, &below);
	}
	if (dir)
		(void)closedir(dir);
	return code;
}

static enum err_code copy_dir(const struct copy *c, const struct pair *p)
{
	int in = openat(p->from, p->from_name, DIR_FLAGS);
	int out = in >= 0 && mkdirat(p->to, p->to_name, 0700) == 0
			  ? openat(p->to, p->to_name, DIR_FLAGS)
			  : -1;

	return copy_into(c, p, in, out, copy_entries);
}

static enum err_code copy_entry(const struct copy *c, const struct pair *p)
{
	struct stat st;

	if (p->depth > COPY_TREE_DEPTH)
		return err_fail(c->e, ERR_LIMIT,
				"%.100s: directories are too deep",
				p->from_name);
	if (fstatat(p->from, p->from_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(c, p->from_name);
	if (S_ISDIR(st.st_mode))
		return copy_dir(c, p);
	if (S_ISLNK(st.st_mode))
		return copy_link(c, p);
	if (S_ISREG(st.st_mode))
		return copy_file(c, p);
	errno = EINVAL;
	return fail(c, p->from_name);
}

/* ---- room ---- */

typedef void each_fn(void *ctx, const struct pair *p);

static void each_below(int in, int out, int depth, each_fn *fn, void *ctx)
{
	DIR *dir = list(in);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		const struct pair below = {in, out, d->d_name, d->d_name,
					   depth + 1};

		if (is_name(d) && depth < COPY_TREE_DEPTH)
			fn(ctx, &below);
	}
	if (dir)
		(void)closedir(dir);
}

/* What it takes up, without holes. */
static void add_size(void *ctx, const struct pair *p)
{
	uint64_t *sum = ctx;
	struct stat st;
	int in;

	if (fstatat(p->from, p->from_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISREG(st.st_mode)) {
		uint64_t on_disk = (uint64_t)st.st_blocks * 512;

		*sum += on_disk < (uint64_t)st.st_size ? on_disk
						       : (uint64_t)st.st_size;
	}
	if (!S_ISDIR(st.st_mode))
		return;
	in = openat(p->from, p->from_name, DIR_FLAGS);
	if (in < 0)
		return;
	each_below(in, -1, p->depth, add_size, sum);
	(void)close(in);
}

/* It may be too little all the same, for what a file system needs itself. */
static enum err_code check_room(const struct copy *c, const char *to,
				uint64_t need)
{
	char dir[PATH_MAX];
	struct statvfs fs;
	uint64_t room;

	if (snprintf(dir, sizeof(dir), "%s", to) >= (int)sizeof(dir) ||
	    statvfs(dirname(dir), &fs) != 0)
		return ERR_NONE; /* the copy will tell */
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	return need <= room
		       ? ERR_NONE
		       : err_fail(c->e, ERR_IO,
				  "it takes %llu MiB, and there are %llu free "
				  "where it is to go",
				  (unsigned long long)(need >> 20) + 1,
				  (unsigned long long)(room >> 20));
}

enum err_code copy_tree(const char *from, const char *to,
			struct copy_tree_watch *w, struct err *e)
{
	struct copy c = {.watch = w, .buf = malloc(BUF_LEN), .e = e};
	const struct pair top = {AT_FDCWD, AT_FDCWD, from, to, 0};
	uint64_t need = 0;
	struct stat st;
	enum err_code code;

	if (!c.buf)
		return err_fail(e, ERR_NOMEM, "a copy");
	add_size(&need, &top);
	atomic_store(&w->done, 0);
	atomic_store(&w->total, need);
	if (lstat(to, &st) == 0) {
		errno = EEXIST;
		code = fail(&c, to);
	} else {
		code = check_room(&c, to, need);
		if (code == ERR_NONE)
			code = copy_entry(&c, &top);
		if (code != ERR_NONE)
			copy_tree_remove(to);
	}
	free(c.buf);
	return code;
}

/* ---- away with it ---- */

static void remove_entry(void *ctx, const struct pair *p)
{
	struct stat st;
	int in;

	(void)ctx;
	if (fstatat(p->from, p->from_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		(void)unlinkat(p->from, p->from_name, 0);
		return;
	}
	in = openat(p->from, p->from_name, DIR_FLAGS);
	if (in < 0)
		return;
	each_below(in, -1, p->depth, remove_entry, NULL);
	(void)close(in);
	(void)unlinkat(p->from, p->from_name, AT_REMOVEDIR);
}

void copy_tree_remove(const char *path)
{
	const struct pair top = {AT_FDCWD, -1, path, NULL, 0};

	remove_entry(NULL, &top);
}

static bool same_link(const struct pair *p)
{
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t n = readlinkat(p->from, p->from_name, a, sizeof(a));
	ssize_t m = readlinkat(p->to, p->to_name, b, sizeof(b));

	return n >= 0 && n == m && memcmp(a, b, (size_t)n) == 0;
}

/* FAT counts in two seconds. */
static bool near_time(const struct stat *a, const struct stat *b)
{
	time_t d = a->st_mtim.tv_sec - b->st_mtim.tv_sec;

	return d > -2 && d < 2;
}

static bool is_copied(const struct pair *p, const struct stat *a,
		      const struct stat *b)
{
	if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
		return false;
	if (S_ISLNK(a->st_mode))
		return same_link(p);
	return S_ISREG(a->st_mode) && a->st_size == b->st_size &&
	       near_time(a, b);
}

static void remove_copied(void *ctx, const struct pair *p)
{
	struct stat a, b;
	int in, out;

	(void)ctx;
	if (fstatat(p->from, p->from_name, &a, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fstatat(p->to, p->to_name, &b, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (is_copied(p, &a, &b))
		(void)unlinkat(p->from, p->from_name, 0);
	if (!S_ISDIR(a.st_mode) || !S_ISDIR(b.st_mode))
		return;
	in = openat(p->from, p->from_name, DIR_FLAGS);
	out = openat(p->to, p->to_name, DIR_FLAGS);
	if (in >= 0 && out >= 0)
		each_below(in, out, p->depth, remove_copied, NULL);
	if (in >= 0)
		(void)close(in);
	if (out >= 0)
		(void)close(out);
	(void)unlinkat(p->from, p->from_name, AT_REMOVEDIR); /* when empty */
}

void copy_tree_remove_source(const char *from, const char *to)
{
	const struct pair top = {AT_FDCWD, AT_FDCWD, from, to, 0};

	remove_copied(NULL, &top);
}
