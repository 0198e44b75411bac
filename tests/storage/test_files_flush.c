/* What goes to the disk file by file, and what with the file system: the calls
 * are the test's own.
 */
#include "base/bits.h"
#include "storage/torrent/files.h"
#include "tests/storage/files_rig.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#define MANY 40U /* more than are flushed one by one */

static struct {
	unsigned files, dirs, wholes, looks;
	int whole_error, file_error; /* errno */
	unsigned elsewhere; /* so many files, seen from now, on another disk */
	bool user_space;
} disk;

int fdatasync(int fd)
{
	(void)fd;
	disk.files++;
	return 0;
}

int fsync(int fd)
{
	(void)fd;
	disk.dirs++;
	return 0;
}

int syncfs(int fd)
{
	(void)fd;
	disk.wholes++;
	errno = disk.whole_error;
	return errno ? -1 : 0;
}

int sync_file_range(int fd, off64_t at, off64_t len, unsigned flags)
{
	(void)fd;
	(void)at;
	(void)len;
	CHECK(flags == SYNC_FILE_RANGE_WAIT_BEFORE, "%u", flags);
	errno = ++disk.looks == 3 ? disk.file_error : 0;
	return errno ? -1 : 0;
}

int fstatfs(int fd, struct statfs *out)
{
	(void)fd;
	memset(out, 0, sizeof(*out));
	out->f_type = disk.user_space ? FUSE_SUPER_MAGIC : EXT4_SUPER_MAGIC;
	return 0;
}

int fstat(int fd, struct stat *out)
{
	int rc = fstatat(fd, "", out, AT_EMPTY_PATH);

	if (rc == 0 && S_ISREG(out->st_mode) && disk.wholes &&
	    disk.elsewhere > 0) {
		disk.elsewhere--;
		out->st_dev++;
	}
	return rc;
}

struct tree {
	struct files_rig rig;
	struct layout layout;
	struct file_pool *pool;
	struct files *files;
	uint8_t which[MANY / 8];
};

static void tree_make(struct tree *t, uint32_t count)
{
	static char names[MANY][16];
	struct store_file files[MANY];
	uint8_t bytes[MANY] = {0};
	struct iovec all = {bytes, count};
	struct err e = {0};

	memset(t, 0, sizeof(*t));
	rig_make(&t->rig);
	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "d/%u", i);
		files[i] = (struct store_file){.path = names[i], .length = 1};
		bits_set(t->which, i);
	}
	CHECK(layout_init(&t->layout, "t", files, count, 16384, 1, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	t->pool = file_pool_new(64);
	t->files = files_new(&(struct files_cfg){
		.pool = t->pool, .layout = &t->layout, .root = t->rig.dir});
	CHECK(files_write(t->files, 0, &all, 1, &e) == ERR_NONE, "%s", e.msg);
}

static void tree_end(struct tree *t)
{
	files_free(t->files);
	file_pool_free(t->pool);
	layout_clear(&t->layout);
	rig_remove(&t->rig);
}

struct row {
	const char *name;
	uint32_t count;
	int whole_error, file_error;
	bool user_space;
	unsigned elsewhere;
	unsigned files, dirs, wholes; /* calls, at the first flush */
	unsigned dirs_again;	      /* when all are flushed once more */
	enum err_code code;
	uint32_t bad;
};

/* Of each new file three directories: the root, t and d. */
static const struct row rows[] = {
	{"a few, one by one", 32, .files = 32, .dirs = 96},
	{"many, all at once", MANY, .wholes = 1},
	{"a file system that may know nothing of it", MANY, .user_space = true,
	 .files = MANY, .dirs = 3 * MANY},
	{"it fails: one by one, which says why", MANY, .whole_error = EIO,
	 .wholes = 1, .files = MANY, .dirs = 3 * MANY},
	{"two lie on another disk", MANY, .elsewhere = 2, .wholes = 1,
	 .files = 2, .dirs = 6},
	{"the third was not written: it and what follows are new still", MANY,
	 .file_error = EIO, .wholes = 1, .dirs_again = 3 * (MANY - 2),
	 .code = ERR_IO, .bad = 2},
};

static void few_alone_many_together(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t bad = 0;
		struct err e = {0};
		struct tree t;

		memset(&disk, 0, sizeof(disk));
		tree_make(&t, r->count);
		disk.whole_error = r->whole_error;
		disk.file_error = r->file_error;
		disk.user_space = r->user_space;
		disk.elsewhere = r->elsewhere;
		CHECK(files_flush(t.files, t.which, &bad, &e) == r->code,
		      "%s: %s", r->name, e.msg);
		CHECK(r->code == ERR_NONE ||
			      (bad == r->bad && strstr(e.msg, "t/d/2")),
		      "%s: %u, %s", r->name, bad, e.msg);
		CHECK(disk.files == r->files && disk.dirs == r->dirs &&
			      disk.wholes == r->wholes,
		      "%s: %u files, %u directories, %u whole", r->name,
		      disk.files, disk.dirs, disk.wholes);
		memset(&disk, 0, sizeof(disk));
		disk.user_space = true;
		CHECK(files_flush(t.files, t.which, &bad, &e) == ERR_NONE &&
			      disk.files == r->count &&
			      disk.dirs == r->dirs_again,
		      "%s, again: %u files, %u directories", r->name,
		      disk.files, disk.dirs);
		tree_end(&t);
	}
}

int main(void)
{
	few_alone_many_together();
	return CHECK_EXIT();
}
