/* below.h - files below a directory, by a descriptor of it.
 *
 * No path leads out of the directory: every component is opened from the one
 * before with O_NOFOLLOW, so a symbolic link on the way is an error, and any
 * length of path works. Paths are as catalogue_path_fault() allows them, or ""
 * for the directory itself. Thread: any.
 */
#ifndef STORAGE_OBJECT_BELOW_H
#define STORAGE_OBJECT_BELOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define BELOW_NAME_LEN 256 /* a component and its zero */
#define BELOW_TEXT_LEN 88

/* The directory in which the last component of `path` stands (to be closed by
 * the caller; O_PATH), and that component; "." for "". make: missing ones are
 * made, mode 0777 but for the umask. -1: errno; ENOTDIR for a link on the way.
 */
int below_parent(int root, const char *path, bool make,
		 char name[BELOW_NAME_LEN]) __attribute__((warn_unused_result));
/* openat() there, with O_NOFOLLOW, O_CLOEXEC, O_NONBLOCK, O_NOCTTY added (a
 * FIFO cannot stop a worker). -1: errno. */
int below_open(int root, const char *path, int flags)
	__attribute__((warn_unused_result));
/* lstat() there. */
int below_stat(int root, const char *path, struct stat *st)
	__attribute__((warn_unused_result));

/* A path to be shown: the end of it, when it is long. */
const char *below_text(char out[BELOW_TEXT_LEN], const char *path);
/* ERR_IO: the path and what errno says. */
enum err_code below_fail(const char *path, struct err *e);

/* st_mtim in nanoseconds since 1970; what does not fit is the nearest. */
int64_t below_mtime_ns(const struct stat *st);

#endif
