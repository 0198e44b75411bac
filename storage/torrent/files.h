/* files.h - a torrent's files on disk: opened below their root and nowhere
 * else, read and written by byte range of the whole torrent.
 *
 * No component of a path is ever followed when it is a symbolic link, and what
 * is no regular file is refused. Descriptors are opened when needed and kept in
 * a pool that all torrents share; the least recently used are closed above its
 * bound. Pad files are zeroes to readers and swallow what is written.
 *
 * A file that is not wanted has a place aside: below one hidden directory,
 * under its number, where only those of its bytes lie that a piece shares with
 * a file that is wanted. It moves when that changes, open descriptors with it.
 *
 * Thread: any (workers and loop at the same time); calls may block on the disk,
 * but for files_read_now(). files_new/_free: when nobody else uses it.
 */
#ifndef STORAGE_FILES_H
#define STORAGE_FILES_H

#include "base/err.h"
#include "storage/torrent/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct file_pool;
struct files;

/* At most `max_open` descriptors stay open; those in use come on top. NULL when
 * out of memory. */
struct file_pool *file_pool_new(unsigned max_open);
/* All files must have been freed. NULL is a no-op. */
void file_pool_free(struct file_pool *p);
unsigned file_pool_open(struct file_pool *p);

struct files_cfg {
	struct file_pool *pool;
	const struct layout *layout; /* outlives the files */
	const char *root;	     /* copied */
	const char *aside; /* name of that directory, below root; copied; NULL:
			    * nothing is ever aside */
	bool read_only;
	bool preallocate;
};

struct files *files_new(const struct files_cfg *cfg);
/* Closes all descriptors of it. NULL is a no-op. */
void files_free(struct files *f);

/* While one looks at many files: keeps the root open, which is else opened for
 * each and closed again, until files_hold_end(). */
struct files_hold {
	int root;
};
void files_hold(struct files *f, struct files_hold *h);
void files_hold_end(struct files *f, const struct files_hold *h);

/* Before the first read or write: finds out which files are aside. `unwanted`
 * is a bit for each file, or NULL. What is wanted and was left aside moves to
 * its place (unless read_only: then it is used where it is); of what is not
 * wanted only that is aside which is not in its place. */
void files_settle(struct files *f, const uint8_t *unwanted);
/* Moves a file there (true) or to its place, now and for what is written later.
 * ERR_STATE: something else stands there already, and is the file from now on;
 * ERR_IO: it stays where it was. */
__attribute__((warn_unused_result)) enum err_code
files_set_aside(struct files *f, uint32_t file, bool aside, struct err *e);

/* Reads all of [offset, offset + len). ERR_STATE: a file is missing or too
 * short; ERR_IO: the system said no. Both name the file. */
__attribute__((warn_unused_result)) enum err_code
files_read(struct files *f, void *buf, uint64_t offset, size_t len,
	   struct err *e);
/* The same of files that look as files_expect() said; ERR_STATE if not. */
__attribute__((warn_unused_result)) enum err_code
files_read_expected(struct files *f, void *buf, uint64_t offset, size_t len,
		    struct err *e);
/* The same without waiting for a disk or opening a file: false when anything
 * of it is not at hand (buf is then undefined). */
bool files_read_now(struct files *f, void *buf, uint64_t offset, size_t len);

#define FILES_IOV_MAX 128U
/* Writes iov at `offset`, n <= FILES_IOV_MAX. Makes directories and files as
 * needed; cuts a file that is longer than it should be. ERR_IO names the file;
 * `os` is errno. */
__attribute__((warn_unused_result)) enum err_code
files_write(struct files *f, uint64_t offset, const struct iovec *iov,
	    unsigned n, struct err *e);

/* Flushes the data of the files that have a bit (and the directories they were
 * made in) to disk; when they are many, with all else that the file system has.
 * A file that is not there is no error. *bad is set when one fails: which. */
__attribute__((warn_unused_result)) enum err_code
files_flush(struct files *f, const uint8_t *which, uint32_t *bad,
	    struct err *e);

/* Makes the files of length 0 that are not aside, with their directories. */
__attribute__((warn_unused_result)) enum err_code
files_make_empty(struct files *f, struct err *e);

struct files_stat {
	bool exists; /* as a regular file, reached without links */
	uint64_t size;
	int64_t mtime_ns;
};

/* Not there is no error, whatever the reason. */
void files_stat_one(struct files *f, uint32_t file, struct files_stat *out);

/* From now on the file is to look so until we write to it: with another length
 * or time of change, or removed, it is not read by files_read_expected() and
 * files_read_now(). Of a file that is not there nothing is expected. */
void files_expect(struct files *f, uint32_t file, const struct files_stat *st);
/* True when one of them found the file changed: nothing is expected of it any
 * more, and what has its name now is what is read next. */
bool files_take_changed(struct files *f, uint32_t file);

/* What is known of a range without reading it. Some file systems turn zeroes
 * that were written into holes, so a hole proves nothing but zeroes. */
enum files_content {
	FILES_SHORT, /* a file is missing or ends before the range does */
	FILES_HOLE,  /* nothing but zeroes */
	FILES_DATA,  /* there is data somewhere in it, or nobody can tell */
};

enum files_content files_content(struct files *f, uint64_t offset,
				 uint64_t len);

/* Has the disk read the range ahead. Short parts of files are left out: those
 * the kernel reads ahead by itself. */
void files_will_need(struct files *f, uint64_t offset, uint64_t len);

/* Tells the kernel that the range will not be needed again soon. */
void files_drop_cached(struct files *f, uint64_t offset, uint64_t len);

#endif
