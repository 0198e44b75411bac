#include "storage/torrent/files_int.h"

#include "base/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* So many are flushed one by one; of more, each costs the disk a flush or two,
 * and of new files their directories', so that the whole file system is
 * cheaper, though others write to it, too. */
#define FLUSH_EACH 32U

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
static int sync_aside(struct files *f)
{
	int at = files_root(f, false), rc = at < 0 ? -1 : sync_dir(at, ".");

	if (rc == 0) {
		at = files_step_into(f, at, f->aside_name, false);
		rc = at < 0 ? -1 : sync_dir(at, ".");
	}
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
		at = files_step_into(f, at, name, false);
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
	rc = files_is_aside(f, file) ? sync_aside(f) : sync_place(f, file);
	(void)pthread_rwlock_unlock(&f->moving);
	return rc;
}

/* Taken before its directories are flushed: who makes the file anew meanwhile
 * marks it again. */
static bool take_fresh(struct files *f, uint32_t file)
{
	bool was;

	(void)pthread_mutex_lock(&f->lock);
	was = bits_get(f->fresh, file);
	bits_clear(f->fresh, file);
	(void)pthread_mutex_unlock(&f->lock);
	return was;
}

static enum err_code flush_alone(struct files *f, uint32_t file,
				 const struct open_file *o, struct err *e)
{
	if (fdatasync(o->fd) != 0)
		return files_path_fail(f, file, errno, e);
	if (take_fresh(f, file) && sync_parents(f, file) != 0) {
		int os = errno;

		files_mark_fresh(f, file);
		return files_path_fail(f, file, os, e);
	}
	return ERR_NONE;
}

/* --- all at once --- */

struct whole {
	bool done;
	dev_t dev;
	uint8_t *fresh; /* those that were marked before */
};

/* Not where a flush of the whole might be no flush of each file: servers in
 * user space are not even told. */
static bool flushes_as_a_whole(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC ||
		fs.f_type == BTRFS_SUPER_MAGIC ||
		fs.f_type == F2FS_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC);
}

/* The file system of the root. What cannot be is left to flush_alone(). */
static void flush_whole(struct files *f, const uint8_t *dirty, struct whole *w)
{
	uint32_t n = f->layout->file_count;
	int root = files_root(f, false);
	int fd = root < 0 ? -1
			  : openat(root, ".",
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	files_leave(f, root);
	if (fd >= 0 && fstat(fd, &st) == 0 && flushes_as_a_whole(fd))
		w->fresh = calloc(1, bits_bytes(n));
	for (uint32_t i = 0; w->fresh && i < n; i++)
		if (bits_get(dirty, i) && take_fresh(f, i))
			bits_set(w->fresh, i);
	if (w->fresh && syncfs(fd) == 0) {
		w->done = true;
		w->dev = st.st_dev;
	}
	for (uint32_t i = 0; w->fresh && !w->done && i < n; i++)
		if (bits_get(w->fresh, i))
			files_mark_fresh(f, i);
	if (fd >= 0)
		(void)close(fd);
}

/* Whether its bytes were in flush_whole(); then *code says how that went. */
static bool flushed(struct files *f, uint32_t file, const struct open_file *o,
		    const struct whole *w, enum err_code *code, struct err *e)
{
	struct stat st;

	if (!w->done)
		return false;
	if (fstat(o->fd, &st) != 0 || st.st_dev != w->dev) {
		if (bits_get(w->fresh, file))
			files_mark_fresh(f, file);
		return false;
	}
	/* what went wrong in writing it out, now or earlier, is told by file */
	*code = sync_file_range(o->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == 0
			? ERR_NONE
			: files_path_fail(f, file, errno, e);
	if (*code != ERR_NONE && bits_get(w->fresh, file))
		files_mark_fresh(f, file);
	return true;
}

static enum err_code flush_one(struct files *f, uint32_t file,
			       const struct whole *w, struct err *e)
{
	struct open_file *o;
	enum err_code code = files_open(&o, f, file, false, e);

	if (code == ERR_STATE) { /* missing: nothing of it can be flushed */
		if (e)
			memset(e, 0, sizeof(*e));
		return ERR_NONE;
	}
	if (code != ERR_NONE)
		return code;
	if (!flushed(f, file, o, w, &code, e))
		code = flush_alone(f, file, o, e);
	file_pool_done(f->pool, o);
	return code;
}

enum err_code files_flush(struct files *f, const uint8_t *which, uint32_t *bad,
			  struct err *e)
{
	uint32_t n = f->layout->file_count;
	enum err_code code = ERR_NONE;
	struct whole w = {0};
	uint32_t i = 0;

	if (bits_count(which, n) > FLUSH_EACH)
		flush_whole(f, which, &w);
	for (; i < n && code == ERR_NONE; i++)
		if (bits_get(which, i) && !f->layout->files[i].pad) {
			code = flush_one(f, i, &w, e);
			*bad = i;
		}
	for (; w.done && i < n; i++) /* it did not come to these */
		if (bits_get(w.fresh, i))
			files_mark_fresh(f, i);
	free(w.fresh);
	return code;
}
