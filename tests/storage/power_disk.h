/* power_disk.h - a disk whose power can be cut: what was flushed is there, and
 * of all else what chance wants.
 *
 * A test that includes this has the calls that change files in its own hands,
 * SQLite's too, since the program's symbols come before those of libraries.
 * While it is on, what happens below one directory is done as ever and noted.
 * power_cut() then makes that directory what it may be after a loss of power at
 * any point between two notes:
 * - all counts once syncfs has returned;
 * - bytes and lengths count once fsync or fdatasync of the file has returned;
 * of what came later each page of 4 KiB is there or not;
 * - names (made, renamed, removed) count once their directory was fsynced; of
 *   those that came later the first so many of each directory;
 * - the time of a file is that of its last flush or of any change since.
 */
#ifndef TESTS_STORAGE_POWER_DISK_H
#define TESTS_STORAGE_POWER_DISK_H

#include "tests/storage/rig.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/uio.h>

#define POWER_PATH 200
#define POWER_PAGE 4096
#define POWER_FILES 128

enum power_kind {
	POWER_MAKE, /* a file */
	POWER_MAKE_DIR,
	POWER_RENAME,
	POWER_REMOVE,
	POWER_WRITE,
	POWER_LENGTH,
	POWER_FLUSH, /* a file or a directory */
	POWER_FLUSH_ALL,
};

struct power_note {
	enum power_kind kind;
	ino_t ino;	/* of the file */
	ino_t dir;	/* of names: of their directory */
	size_t at, len; /* WRITE; LENGTH: at */
	uint8_t *bytes; /* WRITE */
	struct timespec mtime;
	char path[POWER_PATH],
		to[POWER_PATH]; /* of names, below the directory */
};

static struct {
	pthread_mutex_t lock;
	bool on;
	char dir[128];
	struct power_note *notes;
	size_t count, cap;
} power = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- notes --- */

/* The call as the library has it. */
#define POWER_REAL(name) \
	__extension__({ \
		void *power_p = dlsym(RTLD_NEXT, #name); \
		__typeof__(&name) power_fn; \
		memcpy(&power_fn, &power_p, sizeof(power_fn)); \
		power_fn; \
	})

static struct power_note *power_note_new(enum power_kind kind)
{
	if (power.count == power.cap) {
		power.cap = power.cap ? power.cap * 2 : 1024;
		power.notes =
			realloc(power.notes, power.cap * sizeof(*power.notes));
		if (!power.notes)
			abort();
	}
	power.notes[power.count] = (struct power_note){.kind = kind};
	return &power.notes[power.count++];
}

/* The path below the directory; false: it is elsewhere. */
static bool power_below(const char *path, char out[POWER_PATH])
{
	size_t len = strlen(power.dir);

	if (!power.on || strncmp(path, power.dir, len) != 0 ||
	    (path[len] != '/' && path[len] != '\0'))
		return false;
	(void)snprintf(out, POWER_PATH, "%s", path[len] ? path + len + 1 : "");
	/* memory of all who have the database open: gone with the power */
	return !strstr(out, "-shm");
}

static bool power_path_of(int fd, char out[POWER_PATH])
{
	char link[64], path[400];
	ssize_t n;

	if (!power.on)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return power_below(path, out);
}

static bool power_path_at(int at, const char *name, char out[POWER_PATH])
{
	char dir[POWER_PATH];

	if (name[0] == '/' || at == AT_FDCWD)
		return power_below(name, out);
	if (!power_path_of(at, dir))
		return false;
	return snprintf(out, POWER_PATH, "%s%s%s", dir, dir[0] ? "/" : "",
			name) < POWER_PATH;
}

static void power_full(const char *path, char out[400])
{
	(void)snprintf(out, 400, "%s/%s", power.dir, path);
}

static ino_t power_ino(const char *path)
{
	char full[400];
	struct stat st;

	power_full(path, full);
	return lstat(full, &st) == 0 ? st.st_ino : 0;
}

static ino_t power_dir_of(const char *path)
{
	char dir[POWER_PATH];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	*(slash ? slash : dir) = '\0';
	return power_ino(dir);
}

static void power_note_name(enum power_kind kind, const char *path,
			    const char *to)
{
	struct power_note *n = power_note_new(kind);

	(void)snprintf(n->path, sizeof(n->path), "%s", path);
	(void)snprintf(n->to, sizeof(n->to), "%s", to ? to : "");
	n->ino = power_ino(to ? to : path);
	n->dir = power_dir_of(to ? to : path);
}

static struct power_note *power_note_file(enum power_kind kind, int fd)
{
	struct power_note *n = power_note_new(kind);
	struct stat st = {0};

	(void)fstat(fd, &st);
	n->ino = st.st_ino;
	n->mtime = st.st_mtim;
	return n;
}

static void power_note_write(int fd, const struct iovec *iov, int count,
			     off_t at, ssize_t done)
{
	struct power_note *n;
	size_t off = 0;

	if (done <= 0)
		return;
	n = power_note_file(POWER_WRITE, fd);
	n->at = (size_t)at;
	n->len = (size_t)done;
	n->bytes = malloc(n->len);
	if (!n->bytes)
		abort();
	for (int i = 0; i < count && off < n->len; i++) {
		size_t part = iov[i].iov_len;

		if (part > n->len - off)
			part = n->len - off;
		memcpy(n->bytes + off, iov[i].iov_base, part);
		off += part;
	}
}

/* --- the calls --- */

static int power_open(int at, const char *name, int flags, mode_t mode)
{
	char path[POWER_PATH];
	bool ours, was;
	int fd;

	(void)pthread_mutex_lock(&power.lock);
	ours = (flags & (O_CREAT | O_TRUNC)) && power_path_at(at, name, path);
	was = ours && power_ino(path) != 0;
	fd = POWER_REAL(openat64)(at, name, flags, mode);
	if (ours && fd >= 0 && !was)
		power_note_name(POWER_MAKE, path, NULL);
	if (ours && fd >= 0 && was && flags & O_TRUNC)
		(void)power_note_file(POWER_LENGTH, fd);
	(void)pthread_mutex_unlock(&power.lock);
	return fd;
}

#define POWER_MODE(flags) \
	mode_t mode = 0; \
	va_list list; \
	va_start(list, flags); \
	if ((flags)&O_CREAT) \
		mode = va_arg(list, mode_t); \
	va_end(list)

/* Each call by both of its names: ours and that of programs with large files.
 */
int openat(int at, const char *name, int flags, ...)
{
	POWER_MODE(flags);
	return power_open(at, name, flags, mode);
}

int openat64(int at, const char *name, int flags, ...)
{
	POWER_MODE(flags);
	return power_open(at, name, flags, mode);
}

int open(const char *name, int flags, ...)
{
	POWER_MODE(flags);
	return power_open(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
	POWER_MODE(flags);
	return power_open(AT_FDCWD, name, flags, mode);
}

#define POWER_CALL(type, call, noted) \
	type power_rc; \
	(void)pthread_mutex_lock(&power.lock); \
	power_rc = call; \
	if (power_rc >= 0) { \
		noted; \
	} \
	(void)pthread_mutex_unlock(&power.lock); \
	return power_rc

static void power_wrote(int fd, const struct iovec *iov, int count, off_t at,
			ssize_t done)
{
	char path[POWER_PATH];

	if (power_path_of(fd, path))
		power_note_write(fd, iov, count, at, done);
}

static void power_did(enum power_kind kind, int fd, size_t at)
{
	char path[POWER_PATH];

	if (power_path_of(fd, path))
		power_note_file(kind, fd)->at = at;
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	return pwritev64(fd, iov, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off_t at)
{
	POWER_CALL(ssize_t, POWER_REAL(pwritev64)(fd, iov, count, at),
		   power_wrote(fd, iov, count, at, power_rc));
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	return pwrite64(fd, p, len, at);
}

ssize_t pwrite64(int fd, const void *p, size_t len, off_t at)
{
	const struct iovec one = {(void *)(uintptr_t)p, len};

	POWER_CALL(ssize_t, POWER_REAL(pwrite64)(fd, p, len, at),
		   power_wrote(fd, &one, 1, at, power_rc));
}

ssize_t write(int fd, const void *p, size_t len)
{
	const struct iovec one = {(void *)(uintptr_t)p, len};
	off_t at = power.on ? lseek(fd, 0, SEEK_CUR) : 0;

	POWER_CALL(ssize_t, POWER_REAL(write)(fd, p, len),
		   power_wrote(fd, &one, 1, at, power_rc));
}

int ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

int ftruncate64(int fd, off_t len)
{
	POWER_CALL(int, POWER_REAL(ftruncate64)(fd, len),
		   power_did(POWER_LENGTH, fd, (size_t)len));
}

static size_t power_length_of(int fd)
{
	struct stat st = {0};

	(void)fstat(fd, &st);
	return (size_t)st.st_size;
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	return fallocate64(fd, mode, at, len);
}

int fallocate64(int fd, int mode, off_t at, off_t len)
{
	POWER_CALL(int, POWER_REAL(fallocate64)(fd, mode, at, len),
		   power_did(POWER_LENGTH, fd, power_length_of(fd)));
}

/* The power that goes is not that of this machine: no disk is waited for. */
int fdatasync(int fd)
{
	POWER_CALL(int, 0, power_did(POWER_FLUSH, fd, 0));
}

int fsync(int fd)
{
	return fdatasync(fd);
}

int syncfs(int fd)
{
	POWER_CALL(int, 0, power_did(POWER_FLUSH_ALL, fd, 0));
}

static int power_rename(int from_at, const char *from, int to_at,
			const char *to, unsigned flags)
{
	char path[POWER_PATH], path_to[POWER_PATH];
	bool ours;
	int rc;

	(void)pthread_mutex_lock(&power.lock);
	ours = power_path_at(from_at, from, path) &&
	       power_path_at(to_at, to, path_to);
	rc = POWER_REAL(renameat2)(from_at, from, to_at, to, flags);
	if (ours && rc == 0)
		power_note_name(POWER_RENAME, path, path_to);
	(void)pthread_mutex_unlock(&power.lock);
	return rc;
}

int renameat2(int from_at, const char *from, int to_at, const char *to,
	      unsigned flags)
{
	return power_rename(from_at, from, to_at, to, flags);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return power_rename(from_at, from, to_at, to, 0);
}

int mkdirat(int at, const char *name, mode_t mode)
{
	char path[POWER_PATH];

	POWER_CALL(int, POWER_REAL(mkdirat)(at, name, mode),
		   if (power_path_at(at, name, path))
			   power_note_name(POWER_MAKE_DIR, path, NULL));
}

int mkdir(const char *name, mode_t mode)
{
	return mkdirat(AT_FDCWD, name, mode);
}

int unlinkat(int at, const char *name, int flags)
{
	char path[POWER_PATH];

	POWER_CALL(int, POWER_REAL(unlinkat)(at, name, flags),
		   if (power_path_at(at, name, path))
			   power_note_name(POWER_REMOVE, path, NULL));
}

int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

/* --- what is there afterwards --- */

struct power_file {
	ino_t ino;
	char path[POWER_PATH]; /* "": it has none */
	bool is_dir;
	uint8_t *bytes;
	size_t len;
	struct timespec mtime;
};

struct power_after {
	struct power_file files[POWER_FILES];
	size_t count;
	uint8_t *kept; /* of each note: 1 flushed before the cut */
	size_t notes;
};

static bool power_is_name(enum power_kind kind)
{
	return kind == POWER_MAKE || kind == POWER_MAKE_DIR ||
	       kind == POWER_RENAME || kind == POWER_REMOVE;
}

/* Which notes a flush came after; names that none came after: the first of each
 * directory, as chance wants. */
static void power_judge(struct power_after *a, struct rng *rng)
{
	ino_t flushed[POWER_FILES], cut[POWER_FILES];
	size_t n = 0, cuts = 0, i;
	bool all = false;

	for (size_t at = a->notes; at-- > 0;) {
		const struct power_note *k = &power.notes[at];
		ino_t what = power_is_name(k->kind) ? k->dir : k->ino;

		for (i = 0; i < n && flushed[i] != what; i++)
			;
		all = all || k->kind == POWER_FLUSH_ALL;
		a->kept[at] = all || i < n;
		if (k->kind == POWER_FLUSH && i == n && n < POWER_FILES)
			flushed[n++] = k->ino;
	}
	for (size_t at = 0; at < a->notes; at++) {
		const struct power_note *k = &power.notes[at];

		if (a->kept[at] || !power_is_name(k->kind))
			continue;
		for (i = 0; i < cuts && cut[i] != k->dir; i++)
			;
		if (i == cuts && rng_below(rng, 2))
			a->kept[at] = 1;
		else if (i == cuts && cuts < POWER_FILES)
			cut[cuts++] = k->dir;
	}
}

static struct power_file *power_file_of(struct power_after *a, ino_t ino)
{
	for (size_t i = a->count; i-- > 0;) /* numbers are used again */
		if (a->files[i].ino == ino)
			return &a->files[i];
	return NULL;
}

static void power_resize(struct power_file *f, size_t len)
{
	uint8_t *grown = realloc(f->bytes, len + 1);

	if (!grown)
		abort();
	if (len > f->len)
		memset(grown + f->len, 0, len - f->len);
	f->bytes = grown;
	f->len = len;
}

static void power_apply_write(struct power_file *f, const struct power_note *n,
			      bool kept, struct rng *rng)
{
	size_t part;

	for (size_t off = 0; off < n->len; off += part) {
		size_t at = n->at + off;

		part = POWER_PAGE - at % POWER_PAGE;
		if (part > n->len - off)
			part = n->len - off;
		if (!kept && rng_below(rng, 2))
			continue;
		if (f->len < at + part)
			power_resize(f, at + part);
		memcpy(f->bytes + at, n->bytes + off, part);
	}
}

static void power_apply(struct power_after *a, size_t at, struct rng *rng)
{
	const struct power_note *n = &power.notes[at];
	struct power_file *f = power_file_of(a, n->ino);
	bool kept = a->kept[at];

	switch (n->kind) {
	case POWER_MAKE:
	case POWER_MAKE_DIR:
		if (a->count == POWER_FILES)
			abort();
		f = &a->files[a->count++];
		*f = (struct power_file){.ino = n->ino,
					 .is_dir = n->kind == POWER_MAKE_DIR};
		if (kept)
			memcpy(f->path, n->path, sizeof(f->path));
		break;
	case POWER_RENAME:
		for (size_t i = 0; kept && i < a->count; i++)
			if (strcmp(a->files[i].path, n->to) == 0)
				a->files[i].path[0] = '\0';
		if (kept && f && f->path[0])
			memcpy(f->path, n->to, sizeof(f->path));
		break;
	case POWER_REMOVE:
		for (size_t i = 0; kept && i < a->count; i++)
			if (strcmp(a->files[i].path, n->path) == 0)
				a->files[i].path[0] = '\0';
		break;
	case POWER_WRITE:
		if (f)
			power_apply_write(f, n, kept, rng);
		break;
	case POWER_LENGTH:
		if (f && (kept || rng_below(rng, 2)))
			power_resize(f, n->at);
		break;
	case POWER_FLUSH:
	case POWER_FLUSH_ALL:
		break;
	}
	if (f && !power_is_name(n->kind) &&
	    (kept || n->kind == POWER_FLUSH || rng_below(rng, 2)))
		f->mtime = n->mtime;
}

static void power_make(const struct power_file *f)
{
	const struct timespec times[2] = {f->mtime, f->mtime};
	char full[400];
	int fd;

	power_full(f->path, full);
	if (!f->path[0])
		return;
	if (f->is_dir) {
		(void)mkdir(full, 0777);
		return;
	}
	fd = open(full, O_RDWR | O_CREAT | O_TRUNC, 0666);
	if (fd < 0)
		return; /* its directory is not there */
	CHECK(pwrite(fd, f->bytes, f->len, 0) == (ssize_t)f->len &&
		      futimens(fd, times) == 0,
	      "put back %s", full);
	(void)close(fd);
}

/* The directory is what it may be when the power went after the first `notes`
 * notes. The disk must be off. */
RIG_UNUSED static void power_cut(size_t notes, struct rng *rng)
{
	struct power_after *a = calloc(1, sizeof(*a));

	if (!a || !(a->kept = calloc(1, notes + 1)))
		abort();
	a->notes = notes;
	power_judge(a, rng);
	for (size_t i = 0; i < notes; i++)
		power_apply(a, i, rng);
	(void)nftw(power.dir, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
	CHECK(mkdir(power.dir, 0700) == 0, "%s", power.dir);
	for (size_t i = 0; i < a->count; i++) {
		power_make(&a->files[i]);
		free(a->files[i].bytes);
	}
	free(a->kept);
	free(a);
}

/* --- on and off --- */

static int power_have(const char *path, const struct stat *st, int kind,
		      struct FTW *ftw)
{
	char rel[POWER_PATH];
	struct power_note *n;
	struct iovec all;
	int fd;

	(void)ftw;
	if (!power_below(path, rel) || !rel[0])
		return 0;
	power_note_name(kind == FTW_D ? POWER_MAKE_DIR : POWER_MAKE, rel, NULL);
	if (kind == FTW_D)
		return 0;
	fd = open(path, O_RDONLY);
	all = (struct iovec){malloc((size_t)st->st_size + 1),
			     (size_t)st->st_size};
	if (fd < 0 || !all.iov_base ||
	    read(fd, all.iov_base, all.iov_len) != (ssize_t)all.iov_len)
		abort();
	power_note_write(fd, &all, 1, 0, (ssize_t)all.iov_len);
	n = power_note_file(POWER_FLUSH, fd);
	n->mtime = st->st_mtim;
	free(all.iov_base);
	(void)close(fd);
	return 0;
}

static int power_have_dir(const char *path, const struct stat *st, int kind,
			  struct FTW *ftw)
{
	char rel[POWER_PATH];

	(void)ftw;
	if (kind == FTW_D && power_below(path, rel))
		power_note_new(POWER_FLUSH)->ino = st->st_ino;
	return 0;
}

static void power_forget(void)
{
	for (size_t i = 0; i < power.count; i++)
		free(power.notes[i].bytes);
	free(power.notes);
	power.notes = NULL;
	power.count = power.cap = 0;
}

/* From here on. What is there is on the disk. */
RIG_UNUSED static void power_on(const char *dir)
{
	power_forget();
	(void)snprintf(power.dir, sizeof(power.dir), "%s", dir);
	power.on = true;
	(void)nftw(dir, power_have, 16, FTW_PHYS);
	(void)nftw(dir, power_have_dir, 16, FTW_PHYS);
}

RIG_UNUSED static size_t power_off(void)
{
	power.on = false;
	return power.count;
}

RIG_UNUSED static size_t power_count(void)
{
	size_t n;

	(void)pthread_mutex_lock(&power.lock);
	n = power.count;
	(void)pthread_mutex_unlock(&power.lock);
	return n;
}

#endif
