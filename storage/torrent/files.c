#include "storage/torrent/files_int.h"

#include "base/file.h"
#include "storage/torrent/stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BUCKETS 256U

/* An open descriptor. In the table while it may be found, on the LRU list while
 * in the table; closed when it is out of the table and nobody uses it. */
struct open_file {
	struct files *owner;
	uint32_t file;
	int fd;
	bool writable;
	bool in_memory; /* tmpfs: no RWF_NOWAIT there, and no disk to wait for
			 */
	bool listed;
	unsigned users;
	struct open_file *hash_next;
	struct open_file *newer, *older;
};

struct file_pool {
	pthread_mutex_t lock; /* guards all below and every open_file */
	unsigned max_open;
	unsigned count;
	struct open_file *buckets[BUCKETS];
	struct open_file *newest, *oldest;
};

/* --- the pool --- */

struct file_pool *file_pool_new(unsigned max_open)
{
	struct file_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->max_open = max_open ? max_open : 1;
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

void file_pool_free(struct file_pool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

unsigned file_pool_open(struct file_pool *p)
{
	unsigned n;

	(void)pthread_mutex_lock(&p->lock);
	n = p->count;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

static struct open_file **bucket(struct file_pool *p, const struct files *f,
				 uint32_t file)
{
	uintptr_t key = (uintptr_t)f / 64 + file * 2654435761U;

	return &p->buckets[key % BUCKETS];
}

static struct open_file *find(struct file_pool *p, const struct files *f,
			      uint32_t file)
{
	struct open_file *o = *bucket(p, f, file);

	while (o && (o->owner != f || o->file != file))
		o = o->hash_next;
	return o;
}

static void lru_out(struct file_pool *p, struct open_file *o)
{
	*(o->newer ? &o->newer->older : &p->newest) = o->older;
	*(o->older ? &o->older->newer : &p->oldest) = o->newer;
}

static void lru_in(struct file_pool *p, struct open_file *o)
{
	o->newer = NULL;
	o->older = p->newest;
	*(p->newest ? &p->newest->newer : &p->oldest) = o;
	p->newest = o;
}

static void list_in(struct file_pool *p, struct open_file *o)
{
	struct open_file **at = bucket(p, o->owner, o->file);

	o->hash_next = *at;
	*at = o;
	lru_in(p, o);
	o->listed = true;
	p->count++;
}

/* The caller closes it if it has no users. */
static void list_out(struct file_pool *p, struct open_file *o)
{
	struct open_file **at = bucket(p, o->owner, o->file);

	while (*at != o)
		at = &(*at)->hash_next;
	*at = o->hash_next;
	lru_out(p, o);
	o->listed = false;
	p->count--;
}

static void close_file(struct open_file *o)
{
	if (!o)
		return;
	(void)close(o->fd);
	free(o);
}

/* Takes one idle descriptor above the bound out; NULL when there is none. */
static struct open_file *surplus(struct file_pool *p)
{
	struct open_file *o = p->oldest;

	if (p->count <= p->max_open)
		return NULL;
	while (o && o->users > 0)
		o = o->newer;
	if (o)
		list_out(p, o);
	return o;
}

static void done_with(struct file_pool *p, struct open_file *o)
{
	struct open_file *old;
	bool gone;

	(void)pthread_mutex_lock(&p->lock);
	gone = --o->users == 0 && !o->listed;
	old = surplus(p);
	(void)pthread_mutex_unlock(&p->lock);
	if (gone)
		close_file(o);
	close_file(old);
}

/* The descriptor if it is open already (for writing, if asked). */
static struct open_file *use_open(struct file_pool *p, struct files *f,
				  uint32_t file, bool write)
{
	struct open_file *o;

	(void)pthread_mutex_lock(&p->lock);
	o = find(p, f, file);
	if (o && write && !o->writable)
		o = NULL;
	if (o) {
		o->users++;
		lru_out(p, o);
		lru_in(p, o);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return o;
}

/* Puts a new descriptor in the pool; the one it replaces leaves. */
static void publish(struct file_pool *p, struct open_file *o)
{
	struct open_file *old, *extra;

	(void)pthread_mutex_lock(&p->lock);
	old = find(p, o->owner, o->file);
	if (old) {
		list_out(p, old);
		if (old->users > 0)
			old = NULL; /* its last user closes it */
	}
	list_in(p, o);
	extra = surplus(p);
	(void)pthread_mutex_unlock(&p->lock);
	close_file(old);
	close_file(extra);
}

void files_forget_open(struct files *f, uint32_t file)
{
	struct file_pool *p = f->pool;
	struct open_file *o;

	(void)pthread_mutex_lock(&p->lock);
	o = find(p, f, file);
	if (o)
		list_out(p, o);
	if (o && o->users > 0)
		o = NULL; /* its last user closes it */
	(void)pthread_mutex_unlock(&p->lock);
	close_file(o);
}

/* --- paths --- */

enum err_code files_path_fail(const struct files *f, uint32_t file, int os,
			      struct err *e)
{
	errno = os;
	return err_fail(e, ERR_IO, "%.100s: %s", f->layout->files[file].path,
			strerror(os));
}

/* The root, until files_leave(); or -1 with errno. Made as the user names it:
 * links in that path are the user's wish. */
int files_root(struct files *f, bool make)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	int fd;

	(void)pthread_mutex_lock(&f->lock);
	if (f->root_fd < 0) {
		f->root_fd = open(f->root, flags);
		if (f->root_fd < 0 && errno == ENOENT && make &&
		    file_make_dirs(f->root) == 0)
			f->root_fd = open(f->root, flags);
	}
	fd = f->root_fd;
	f->root_users += fd >= 0;
	(void)pthread_mutex_unlock(&f->lock);
	return fd;
}

/* Closes a directory, the root when it was its last user; -1 is none. Keeps
 * errno. */
void files_leave(struct files *f, int at)
{
	int os = errno;
	bool close_it = at >= 0;

	(void)pthread_mutex_lock(&f->lock);
	if (at >= 0 && at == f->root_fd && --f->root_users == 0)
		f->root_fd = -1;
	else if (at == f->root_fd)
		close_it = false;
	(void)pthread_mutex_unlock(&f->lock);
	if (close_it)
		(void)close(at);
	errno = os;
}

/* Steps from one directory, which is left, into another. */
static int step_into(struct files *f, int at, const char *name, bool make)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);

	if (fd < 0 && errno == ENOENT && make &&
	    (mkdirat(at, name, 0777) == 0 || errno == EEXIST))
		fd = openat(at, name, flags);
	files_leave(f, at);
	return fd;
}

void files_hold(struct files *f, struct files_hold *h)
{
	h->root = files_root(f, false);
}

void files_hold_end(struct files *f, const struct files_hold *h)
{
	files_leave(f, h->root);
}

bool files_is_aside(const struct files *f, uint32_t file)
{
	return f->aside && (f->aside[file / 8] >> file % 8 & 1);
}

static int enter_aside(struct files *f, uint32_t file, bool make,
		       char name[LAYOUT_MAX_COMPONENT + 1])
{
	int at = files_root(f, make);

	(void)snprintf(name, LAYOUT_MAX_COMPONENT + 1, "%u", file);
	return at < 0 ? -1 : step_into(f, at, f->aside_name, make);
}

int files_enter(struct files *f, uint32_t file, bool make,
		char name[LAYOUT_MAX_COMPONENT + 1])
{
	const char *path = f->layout->files[file].path;
	int at;

	if (files_is_aside(f, file))
		return enter_aside(f, file, make, name);
	at = files_root(f, make);
	while (at >= 0) {
		size_t n = strcspn(path, "/");

		memcpy(name, path, n); /* layout checked the lengths */
		name[n] = '\0';
		if (path[n] == '\0')
			break;
		at = step_into(f, at, name, make);
		path += n + 1;
	}
	return at;
}

void files_mark_fresh(struct files *f, uint32_t file, bool on)
{
	uint8_t bit = (uint8_t)(1U << file % 8);

	(void)pthread_mutex_lock(&f->lock);
	if (on)
		f->fresh[file / 8] |= bit;
	else
		f->fresh[file / 8] &= (uint8_t)~bit;
	(void)pthread_mutex_unlock(&f->lock);
}

static bool is_fresh(struct files *f, uint32_t file)
{
	bool yes;

	(void)pthread_mutex_lock(&f->lock);
	yes = f->fresh[file / 8] >> file % 8 & 1;
	(void)pthread_mutex_unlock(&f->lock);
	return yes;
}

/* -1 with errno. O_NONBLOCK: a FIFO in the place of a file must not stop us. */
static int open_below(struct files *f, uint32_t file, bool write)
{
	const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	char name[LAYOUT_MAX_COMPONENT + 1];
	int at, fd;

	(void)pthread_rwlock_rdlock(&f->moving);
	at = files_enter(f, file, write, name);
	if (at < 0) {
		(void)pthread_rwlock_unlock(&f->moving);
		return -1;
	}
	fd = openat(at, name, flags | (write ? O_RDWR : O_RDONLY));
	if (fd < 0 && errno == ENOENT && write) {
		fd = openat(at, name, flags | O_RDWR | O_CREAT | O_EXCL,
			    f->layout->files[file].executable ? 0777 : 0666);
		if (fd >= 0)
			files_mark_fresh(f, file, true);
		else if (errno == EEXIST) /* another worker was faster */
			fd = openat(at, name, flags | O_RDWR);
	}
	files_leave(f, at);
	(void)pthread_rwlock_unlock(&f->moving);
	return fd;
}

static bool now_aside(struct files *f, uint32_t file)
{
	bool yes;

	(void)pthread_rwlock_rdlock(&f->moving);
	yes = files_is_aside(f, file);
	(void)pthread_rwlock_unlock(&f->moving);
	return yes;
}

/* Gives a file that will be written its size bounds and, if asked, its space.
 * -1 with errno. */
static int prepare(struct files *f, uint32_t file, int fd,
		   const struct stat *st)
{
	uint64_t want = f->layout->files[file].length;

	if ((uint64_t)st->st_size > want && ftruncate(fd, (off_t)want) != 0)
		return -1;
	if (!f->preallocate || want == 0 || now_aside(f, file) ||
	    (uint64_t)st->st_blocks * 512 >= want)
		return 0;
	if (fallocate(fd, 0, 0, (off_t)want) != 0 && errno != EOPNOTSUPP &&
	    errno != ENOSYS)
		return -1;
	return 0;
}

static bool is_at(struct files *f, uint32_t file, const struct stat *st)
{
	int fd = open_below(f, file, false);
	struct stat at;
	bool same = fd >= 0 && fstat(fd, &at) == 0 && at.st_dev == st->st_dev &&
		    at.st_ino == st->st_ino;

	if (fd >= 0)
		(void)close(fd);
	return same;
}

/* Before anything is written, or cut: no other file of the torrent is this one.
 */
static enum err_code check_alone(struct files *f, uint32_t file,
				 const struct stat *st, struct err *e)
{
	uint32_t other;
	bool noted;

	(void)pthread_mutex_lock(&f->lock);
	other = written_find(&f->written, st);
	noted = other == file ||
		(other == WRITTEN_NONE && written_note(&f->written, st, file));
	(void)pthread_mutex_unlock(&f->lock);
	if (noted)
		return ERR_NONE;
	if (other != WRITTEN_NONE && is_at(f, other, st))
		return err_fail(e, ERR_IO,
				"%.80s and %.80s are one file: is this a file "
				"system that does not tell such names apart?",
				f->layout->files[other].path,
				f->layout->files[file].path);
	/* that one has been replaced or moved since */
	(void)pthread_mutex_lock(&f->lock);
	noted = written_note(&f->written, st, file);
	(void)pthread_mutex_unlock(&f->lock);
	return noted ? ERR_NONE : err_fail(e, ERR_NOMEM, "an open file");
}

static enum err_code check_kind(struct files *f, uint32_t file, int fd,
				bool write, bool *in_memory, struct err *e)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) != 0)
		return files_path_fail(f, file, errno, e);
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return err_fail(e, ERR_IO, "%.100s: is not a regular file",
				f->layout->files[file].path);
	}
	*in_memory = fstatfs(fd, &fs) == 0 &&
		     (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
	if (write && f->layout->file_count > 1) {
		enum err_code code = check_alone(f, file, &st, e);

		if (code != ERR_NONE)
			return code;
	}
	if (write && prepare(f, file, fd, &st) != 0)
		return files_path_fail(f, file, errno, e);
	return ERR_NONE;
}

/* ERR_STATE: there is no such file (only when !write). */
static enum err_code open_file(struct open_file **out, struct files *f,
			       uint32_t file, bool write, struct err *e)
{
	struct open_file *o = use_open(f->pool, f, file, write);
	enum err_code code;

	*out = o;
	if (o)
		return ERR_NONE;
	o = calloc(1, sizeof(*o));
	if (!o)
		return err_fail(e, ERR_NOMEM, "an open file");
	*o = (struct open_file){
		.owner = f, .file = file, .writable = write, .users = 1};
	o->fd = open_below(f, file, write);
	if (o->fd < 0) {
		code = !write && (errno == ENOENT || errno == ENOTDIR)
			       ? err_fail(e, ERR_STATE, "%.100s: is missing",
					  f->layout->files[file].path)
			       : files_path_fail(f, file, errno, e);
		free(o);
		return code;
	}
	code = check_kind(f, file, o->fd, write, &o->in_memory, e);
	if (code != ERR_NONE) {
		close_file(o);
		return code;
	}
	publish(f->pool, o);
	*out = o;
	return ERR_NONE;
}

/* --- life --- */

struct files *files_new(const struct files_cfg *cfg)
{
	struct files *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->pool = cfg->pool;
	f->layout = cfg->layout;
	f->read_only = cfg->read_only;
	f->preallocate = cfg->preallocate;
	f->root_fd = -1;
	f->root = strdup(cfg->root[0] ? cfg->root : ".");
	f->fresh = calloc(1, (size_t)cfg->layout->file_count / 8 + 1);
	if (cfg->aside)
		f->aside_name = strdup(cfg->aside);
	(void)pthread_mutex_init(&f->lock, NULL);
	(void)pthread_rwlock_init(&f->moving, NULL);
	f->stamps = stamps_new(cfg->layout->file_count);
	if (!f->root || !f->fresh || !f->stamps ||
	    !f->aside_name != !cfg->aside) {
		files_free(f);
		return NULL;
	}
	return f;
}

static struct open_file *take_any(struct files *f)
{
	struct file_pool *p = f->pool;
	struct open_file *o;

	(void)pthread_mutex_lock(&p->lock);
	o = p->newest;
	while (o && o->owner != f)
		o = o->older;
	if (o)
		list_out(p, o);
	(void)pthread_mutex_unlock(&p->lock);
	return o;
}

void files_free(struct files *f)
{
	struct open_file *o;

	if (!f)
		return;
	while ((o = take_any(f)))
		close_file(o);
	(void)pthread_mutex_destroy(&f->lock);
	written_clear(&f->written);
	stamps_free(f->stamps);
	(void)pthread_rwlock_destroy(&f->moving);
	free(f->aside);
	free(f->aside_name);
	free(f->fresh);
	free(f->root);
	free(f);
}

/* --- changed by others --- */

void files_expect(struct files *f, uint32_t file, const struct files_stat *st)
{
	if (st->exists)
		stamps_set(f->stamps, file, st->size, st->mtime_ns);
}

/* Asked after a read, so that what was read is from before any change. A
 * descriptor's file is asked, which costs a fraction of a microsecond. */
static bool unchanged(struct files *f, const struct open_file *o)
{
	struct stat st;

	return fstat(o->fd, &st) != 0 || stamps_same(f->stamps, o->file, &st);
}

bool files_take_changed(struct files *f, uint32_t file)
{
	struct open_file *o = NULL;

	if (!stamps_take_changed(f->stamps, file))
		return false;
	/* another file may have its name now */
	(void)pthread_mutex_lock(&f->pool->lock);
	o = find(f->pool, f, file);
	if (o) {
		list_out(f->pool, o);
		if (o->users > 0)
			o = NULL; /* its last user closes it */
	}
	(void)pthread_mutex_unlock(&f->pool->lock);
	close_file(o);
	return true;
}

/* --- reading --- */

/* as_expected: refuses what looks otherwise than files_expect() said. */
static enum err_code read_part(struct files *f, uint8_t *buf,
			       const struct layout_part *part, bool as_expected,
			       struct err *e)
{
	struct open_file *o;
	uint64_t done = 0;
	enum err_code code = open_file(&o, f, part->file, false, e);

	if (code != ERR_NONE)
		return code;
	while (done < part->len && code == ERR_NONE) {
		ssize_t n = pread(o->fd, buf + done, part->len - done,
				  (off_t)(part->offset + done));

		if (n > 0)
			done += (uint64_t)n;
		else if (n == 0)
			code = err_fail(e, ERR_STATE,
					"%.100s: is shorter than it should be",
					f->layout->files[part->file].path);
		else if (errno != EINTR)
			code = files_path_fail(f, part->file, errno, e);
	}
	if (as_expected && !unchanged(f, o) && code == ERR_NONE)
		code = err_fail(e, ERR_STATE,
				"%.100s: was changed by another program",
				f->layout->files[part->file].path);
	done_with(f->pool, o);
	return code;
}

static enum err_code read_range(struct files *f, uint8_t *to, uint64_t offset,
				size_t len, bool as_expected, struct err *e)
{
	struct layout_part part = {0};
	enum err_code code = ERR_NONE;

	while (code == ERR_NONE && layout_next(f->layout, offset, len, &part)) {
		if (f->layout->files[part.file].pad)
			memset(to, 0, part.len);
		else
			code = read_part(f, to, &part, as_expected, e);
		to += part.len;
	}
	return code;
}

enum err_code files_read(struct files *f, void *buf, uint64_t offset,
			 size_t len, struct err *e)
{
	return read_range(f, buf, offset, len, false, e);
}

enum err_code files_read_expected(struct files *f, void *buf, uint64_t offset,
				  size_t len, struct err *e)
{
	return read_range(f, buf, offset, len, true, e);
}

static bool read_part_now(struct files *f, uint8_t *buf,
			  const struct layout_part *part)
{
	struct open_file *o = use_open(f->pool, f, part->file, false);
	struct iovec iov = {buf, part->len};
	bool same;
	ssize_t n;

	if (!o)
		return false;
	n = preadv2(o->fd, &iov, 1, (off_t)part->offset,
		    o->in_memory ? 0 : RWF_NOWAIT);
	same = unchanged(f, o);
	done_with(f->pool, o);
	return same && n == (ssize_t)part->len;
}

bool files_read_now(struct files *f, void *buf, uint64_t offset, size_t len)
{
	struct layout_part part = {0};
	uint8_t *to = buf;

	while (layout_next(f->layout, offset, len, &part)) {
		if (f->layout->files[part.file].pad)
			memset(to, 0, part.len);
		else if (!read_part_now(f, to, &part))
			return false;
		to += part.len;
	}
	return true;
}

/* --- writing --- */

struct cursor { /* a place in the caller's iovecs */
	const struct iovec *iov;
	size_t used; /* bytes of iov[0] that are done */
};

/* Fills out[] with the next `len` bytes, at most FILES_IOV_MAX entries. */
static int slice(const struct cursor *c, uint64_t len, struct iovec *out)
{
	const struct iovec *iov = c->iov;
	size_t used = c->used;
	unsigned n = 0;

	while (len > 0 && n < FILES_IOV_MAX) {
		size_t take = iov->iov_len - used;

		if (take > len)
			take = (size_t)len;
		out[n].iov_base = (uint8_t *)iov->iov_base + used;
		out[n].iov_len = take;
		n += take > 0;
		len -= take;
		iov++;
		used = 0;
	}
	return (int)n;
}

static void advance(struct cursor *c, uint64_t len)
{
	while (len > 0) {
		size_t left = c->iov->iov_len - c->used;

		if (left > len) {
			c->used += (size_t)len;
			return;
		}
		len -= left;
		c->iov++;
		c->used = 0;
	}
}

static enum err_code write_part(struct files *f, struct cursor *c,
				const struct layout_part *part, struct err *e)
{
	struct iovec iov[FILES_IOV_MAX];
	struct open_file *o;
	uint64_t done = 0;
	enum err_code code;

	stamps_clear(f->stamps, part->file);
	code = open_file(&o, f, part->file, true, e);
	if (code != ERR_NONE)
		return code;
	while (done < part->len && code == ERR_NONE) {
		int count = slice(c, part->len - done, iov);
		ssize_t n = pwritev(o->fd, iov, count,
				    (off_t)(part->offset + done));

		if (n > 0) {
			advance(c, (uint64_t)n);
			done += (uint64_t)n;
		} else if (n == 0) {
			code = files_path_fail(f, part->file, EIO, e);
		} else if (errno != EINTR) {
			code = files_path_fail(f, part->file, errno, e);
		}
	}
	done_with(f->pool, o);
	return code;
}

enum err_code files_write(struct files *f, uint64_t offset,
			  const struct iovec *iov, unsigned n, struct err *e)
{
	struct cursor c = {iov, 0};
	struct layout_part part = {0};
	uint64_t len = 0;
	enum err_code code = ERR_NONE;

	if (f->read_only)
		return err_fail(e, ERR_STATE, "opened for reading only");
	for (unsigned i = 0; i < n; i++)
		len += iov[i].iov_len;
	while (code == ERR_NONE && layout_next(f->layout, offset, len, &part)) {
		if (f->layout->files[part.file].pad)
			advance(&c, part.len);
		else
			code = write_part(f, &c, &part, e);
	}
	return code;
}

enum err_code files_make_empty(struct files *f, struct err *e)
{
	for (uint32_t i = 0; i < f->layout->file_count; i++) {
		struct open_file *o;
		enum err_code code;

		if (f->layout->files[i].length > 0 || f->layout->files[i].pad ||
		    files_is_aside(f, i))
			continue;
		code = open_file(&o, f, i, true, e);
		if (code != ERR_NONE)
			return code;
		done_with(f->pool, o);
	}
	return ERR_NONE;
}

/* --- flushing --- */

static int sync_dir(int at, const char *name)
{
	int fd = openat(at, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	/* some file systems cannot flush directories; they say EINVAL */
	if (rc != 0 && fd >= 0 && errno == EINVAL)
		rc = 0;
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* Flushes the root and every directory on the way to the file. */
static int sync_aside(struct files *f, uint32_t file)
{
	char name[LAYOUT_MAX_COMPONENT + 1];
	int at = files_root(f, false), rc = at < 0 ? -1 : sync_dir(at, ".");

	files_leave(f, at);
	if (rc != 0)
		return rc;
	at = enter_aside(f, file, false, name);
	rc = at < 0 ? -1 : sync_dir(at, ".");
	files_leave(f, at);
	return rc;
}

static int sync_place(struct files *f, uint32_t file)
{
	const char *path = f->layout->files[file].path;
	char name[LAYOUT_MAX_COMPONENT + 1];
	int at = files_root(f, false), rc = at < 0 ? -1 : 0;

	while (rc == 0) {
		size_t n = strcspn(path, "/");

		rc = sync_dir(at, ".");
		if (path[n] == '\0' || rc != 0)
			break;
		memcpy(name, path, n);
		name[n] = '\0';
		at = step_into(f, at, name, false);
		rc = at < 0 ? -1 : 0;
		path += n + 1;
	}
	files_leave(f, at);
	return rc;
}

static int sync_parents(struct files *f, uint32_t file)
{
	int rc;

	(void)pthread_rwlock_rdlock(&f->moving);
	rc = files_is_aside(f, file) ? sync_aside(f, file)
				     : sync_place(f, file);
	(void)pthread_rwlock_unlock(&f->moving);
	return rc;
}

enum err_code files_sync(struct files *f, uint32_t file, struct err *e)
{
	struct open_file *o;
	enum err_code code;
	int rc, os;

	if (f->layout->files[file].pad)
		return ERR_NONE;
	code = open_file(&o, f, file, false, e);
	if (code == ERR_STATE) { /* missing: nothing of it can be flushed */
		if (e)
			memset(e, 0, sizeof(*e));
		return ERR_NONE;
	}
	if (code != ERR_NONE)
		return code;
	rc = fdatasync(o->fd);
	os = errno;
	done_with(f->pool, o);
	if (rc == 0 && is_fresh(f, file)) {
		rc = sync_parents(f, file);
		os = errno;
		if (rc == 0)
			files_mark_fresh(f, file, false);
	}
	return rc == 0 ? ERR_NONE : files_path_fail(f, file, os, e);
}

/* --- looking --- */

void files_stat_one(struct files *f, uint32_t file, struct files_stat *out)
{
	char name[LAYOUT_MAX_COMPONENT + 1];
	struct stat st;
	int at, rc = -1;

	memset(out, 0, sizeof(*out));
	if (f->layout->files[file].pad)
		return;
	(void)pthread_rwlock_rdlock(&f->moving);
	at = files_enter(f, file, false, name);
	if (at >= 0)
		rc = fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW);
	files_leave(f, at);
	(void)pthread_rwlock_unlock(&f->moving);
	if (rc != 0 || !S_ISREG(st.st_mode))
		return;
	out->exists = true;
	out->size = (uint64_t)st.st_size;
	out->mtime_ns =
		(int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static enum files_content part_content(struct files *f,
				       const struct layout_part *part)
{
	enum files_content found = FILES_SHORT;
	struct open_file *o;
	struct stat st;
	off_t end = (off_t)(part->offset + part->len);

	if (open_file(&o, f, part->file, false, NULL) != ERR_NONE)
		return FILES_SHORT;
	if (fstat(o->fd, &st) == 0 && st.st_size >= end) {
		off_t data = lseek(o->fd, (off_t)part->offset, SEEK_DATA);

		/* ENXIO: no data up to the end; else it cannot tell */
		found = (data < 0 && errno == ENXIO) || data >= end
				? FILES_HOLE
				: FILES_DATA;
	}
	done_with(f->pool, o);
	return found;
}

enum files_content files_content(struct files *f, uint64_t offset, uint64_t len)
{
	enum files_content found = FILES_HOLE;
	struct layout_part part = {0};

	while (layout_next(f->layout, offset, len, &part)) {
		enum files_content one;

		if (f->layout->files[part.file].pad)
			continue;
		one = part_content(f, &part);
		if (one == FILES_SHORT)
			return FILES_SHORT;
		if (one == FILES_DATA)
			found = FILES_DATA;
	}
	return found;
}

/* The kernel cuts a wish to what it reads at once by itself (128 KiB by
 * default), so it is told in such steps. */
void files_will_need(struct files *f, uint64_t offset, uint64_t len)
{
	const uint64_t step = 128 << 10;
	struct layout_part part = {0};

	while (layout_next(f->layout, offset, len, &part)) {
		struct open_file *o;

		if (part.len <= step || f->layout->files[part.file].pad ||
		    open_file(&o, f, part.file, false, NULL) != ERR_NONE)
			continue;
		for (uint64_t at = 0; at < part.len && !o->in_memory;
		     at += step)
			(void)posix_fadvise(o->fd, (off_t)(part.offset + at),
					    (off_t)step, POSIX_FADV_WILLNEED);
		done_with(f->pool, o);
	}
}

void files_drop_cached(struct files *f, uint64_t offset, uint64_t len)
{
	struct layout_part part = {0};

	while (layout_next(f->layout, offset, len, &part)) {
		struct open_file *o = use_open(f->pool, f, part.file, false);

		if (!o)
			continue;
		(void)posix_fadvise(o->fd, (off_t)part.offset, (off_t)part.len,
				    POSIX_FADV_DONTNEED);
		done_with(f->pool, o);
	}
}
