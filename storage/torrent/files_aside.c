/* Files that are not wanted lie aside, and move when that changes. */
#include "storage/torrent/files_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool set_bit(struct files *f, uint32_t file, bool on)
{
	uint8_t bit = (uint8_t)(1U << file % 8);

	if (!f->aside && !on)
		return true;
	if (!f->aside)
		f->aside = calloc(1, (size_t)f->layout->file_count / 8 + 1);
	if (!f->aside)
		return false;
	if (on)
		f->aside[file / 8] |= bit;
	else
		f->aside[file / 8] &= (uint8_t)~bit;
	return true;
}

/* Never over what is there: EEXIST. */
static int move(int from, const char *from_name, int to, const char *to_name)
{
	struct stat st;

	if (renameat2(from, from_name, to, to_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to, to_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, from_name, to, to_name);
}

/* Both directories and the bit; `moving` is held for writing. 0, or -1 with
 * errno. That there is nothing to move is no error. */
static int move_file(struct files *f, uint32_t file, bool aside)
{
	char from_name[LAYOUT_MAX_COMPONENT + 1];
	char to_name[LAYOUT_MAX_COMPONENT + 1];
	int from = files_enter(f, file, false, from_name), to, rc;
	struct stat st;

	if (!set_bit(f, file, aside)) {
		files_leave(f, from);
		errno = ENOMEM;
		return -1;
	}
	if (from < 0 ||
	    fstatat(from, from_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		files_leave(f, from);
		return 0;
	}
	to = files_enter(f, file, true, to_name);
	rc = to < 0 ? -1 : move(from, from_name, to, to_name);
	files_leave(f, to);
	files_leave(f, from);
	if (rc == 0)
		files_mark_fresh(f, file);
	else if (errno != EEXIST)
		(void)set_bit(f, file, !aside);
	return rc;
}

enum err_code files_set_aside(struct files *f, uint32_t file, bool aside,
			      struct err *e)
{
	int rc = 0, os, root;

	(void)pthread_rwlock_wrlock(&f->moving);
	if (f->aside_name && files_is_aside(f, file) != aside)
		rc = move_file(f, file, aside);
	os = errno;
	if (rc != 0 && os == EEXIST)
		file_pool_forget(f->pool, f, file);
	if (f->aside_name && !aside && (root = files_root(f, false)) >= 0) {
		(void)unlinkat(root, f->aside_name,
			       AT_REMOVEDIR); /* if empty */
		files_leave(f, root);
	}
	(void)pthread_rwlock_unlock(&f->moving);
	if (rc == 0)
		return ERR_NONE;
	return os == EEXIST ? err_fail(e, ERR_STATE, "%.100s: is there already",
				       f->layout->files[file].path)
			    : files_path_fail(f, file, os, e);
}

static bool exists(struct files *f, uint32_t file)
{
	struct files_stat st;

	files_stat_one(f, file, &st);
	return st.exists;
}

static void settle_one(struct files *f, uint32_t file, bool unwanted)
{
	bool there;

	if (f->layout->files[file].pad || exists(f, file) ||
	    !set_bit(f, file, true))
		return;
	there = exists(f, file); /* aside */
	if (unwanted || (there && f->read_only))
		return;
	/* cut off before it was moved; when it cannot be, it stays */
	if (!there || files_set_aside(f, file, false, NULL) == ERR_STATE)
		(void)set_bit(f, file, false);
}

void files_settle(struct files *f, const uint8_t *unwanted)
{
	int root = files_root(f, false);
	struct stat st;

	bool any =
		f->aside_name &&
		(unwanted || (root >= 0 && fstatat(root, f->aside_name, &st,
						   AT_SYMLINK_NOFOLLOW) == 0));

	files_leave(f, root);
	if (!any)
		return;
	for (uint32_t i = 0; i < f->layout->file_count; i++)
		settle_one(f, i, unwanted && (unwanted[i / 8] >> i % 8 & 1));
}
