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

/* To flush it: files_root() and what is reached from there only name one. */
static int open_dir(int at)
{
	return openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int sync_dir(int at)
{
	int fd = open_dir(at);
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
	int at = files_root(f, false), rc = at < 0 ? -1 : sync_dir(at);

	if (rc == 0) {
		at = files_step_into(f, at, f->aside_name, false);
		rc = at < 0 ? -1 : sync_dir(at);
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

		rc = sync_dir(at);
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
	uint8_t *fresh; /* taken; to be marked again where it was no flush */
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

static void give_back(struct files *f, struct whole *w, uint32_t file)
{
	if (!w->fresh || !bits_get(w->fresh, file))
		return;
	bits_clear(w->fresh, file);
	files_mark_fresh(f, file);
}

static void give_all_back(struct files *f, struct whole *w)
{
	for (uint32_t i = 0; w->fresh && i < f->layout->file_count; i++)
		give_back(f, w, i);
	free(w->fresh);
	w->fresh = NULL;
}

/* The file system of the root. What cannot be is left to flush_alone(). */
static void flush_whole(struct files *f, const uint8_t *which, struct whole *w)
{
	uint32_t n = f->layout->file_count;
	int root = files_root(f, false);
	int fd = root < 0 ? -1 : open_dir(root);
	struct stat st;

	files_leave(f, root);
	if (fd >= 0 && fstat(fd, &st) == 0 && flushes_as_a_whole(fd))
		w->fresh = calloc(1, bits_bytes(n));
	for (uint32_t i = 0; w->fresh && i < n; i++)
		if (bits_get(which, i) && take_fresh(f, i))
			bits_set(w->fresh, i);
	if (w->fresh && syncfs(fd) == 0) {
		w->done = true;
		w->dev = st.st_dev;
	} else {
		give_all_back(f, w);
	}
	if (fd >= 0)
		(void)close(fd);
}

/* Whether it lies where flush_whole() was. */
static bool was_there(const struct whole *w, const struct open_file *o)
{
	struct stat st;

	return w->done && fstat(o->fd, &st) == 0 && st.st_dev == w->dev;
}

/* What went wrong in writing it out, now or earlier, is told by file. */
static enum err_code confirm(struct files *f, uint32_t file,
			     const struct open_file *o, struct whole *w,
			     struct err *e)
{
	if (sync_file_range(o->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) != 0)
		return files_path_fail(f, file, errno, e);
	bits_clear(w->fresh, file);
	return ERR_NONE;
}

static enum err_code flush_one(struct files *f, uint32_t file, struct whole *w,
			       struct err *e)
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
	if (was_there(w, o)) {
		code = confirm(f, file, o, w, e);
	} else {
		give_back(f, w, file);
		code = flush_alone(f, file, o, e);
	}
	file_pool_done(f->pool, o);
	return code;
}

enum err_code files_flush(struct files *f, const uint8_t *which, uint32_t *bad,
			  struct err *e)
{
	uint32_t n = f->layout->file_count;
	enum err_code code = ERR_NONE;
	struct whole w = {0};

	if (bits_count(which, n) > FLUSH_EACH)
		flush_whole(f, which, &w);
	for (uint32_t i = 0; i < n && code == ERR_NONE; i++) {
		if (!bits_get(which, i) || f->layout->files[i].pad)
			continue;
		code = flush_one(f, i, &w, e);
		if (code != ERR_NONE)
			*bad = i;
	}
	give_all_back(f, &w);
	return code;
}
