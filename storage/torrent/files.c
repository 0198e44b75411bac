#include "storage/torrent/files_int.h"

#include "base/bits.h"
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

int files_step_into(struct files *f, int at, const char *name, bool make)
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
	return at < 0 ? -1 : files_step_into(f, at, f->aside_name, make);
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
		at = files_step_into(f, at, name, make);
		path += n + 1;
	}
	return at;
}

void files_mark_fresh(struct files *f, uint32_t file)
{
	(void)pthread_mutex_lock(&f->lock);
	bits_set(f->fresh, file);
	(void)pthread_mutex_unlock(&f->lock);
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
			files_mark_fresh(f, file);
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
enum err_code files_open(struct open_file **out, struct files *f, uint32_t file,
			 bool write, struct err *e)
{
	struct open_file *o = file_pool_use(f->pool, f, file, write);
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
		open_file_close(o);
		return code;
	}
	file_pool_publish(f->pool, o);
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

void files_free(struct files *f)
{
	struct open_file *o;

	if (!f)
		return;
	while ((o = file_pool_take_any(f->pool, f)))
		open_file_close(o);
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

bool files_take_changed(struct files *f, uint32_t file)
{
	if (!stamps_take_changed(f->stamps, file))
		return false;
	/* another file may have its name now */
	file_pool_forget(f->pool, f, file);
	return true;
}

/* --- empty files --- */

enum err_code files_make_empty(struct files *f, struct err *e)
{
	for (uint32_t i = 0; i < f->layout->file_count; i++) {
		struct open_file *o;
		enum err_code code;

		if (f->layout->files[i].length > 0 || f->layout->files[i].pad ||
		    files_is_aside(f, i))
			continue;
		code = files_open(&o, f, i, true, e);
		if (code != ERR_NONE)
			return code;
		file_pool_done(f->pool, o);
	}
	return ERR_NONE;
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
