#include "storage/object/below.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NS 1000000000

static void close_keeping_errno(int fd)
{
	int os = errno;

	(void)close(fd);
	errno = os;
}

/* Steps into one directory and leaves `at`. */
static int step_into(int at, const char *name, bool make)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);

	if (fd < 0 && errno == ENOENT && make &&
	    (mkdirat(at, name, 0777) == 0 || errno == EEXIST))
		fd = openat(at, name, flags);
	close_keeping_errno(at);
	return fd;
}

int below_parent(int root, const char *path, bool make,
		 char name[BELOW_NAME_LEN])
{
	int at = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	while (at >= 0) {
		size_t len = strcspn(path, "/");

		if (len >= BELOW_NAME_LEN) {
			(void)close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, *path ? path : ".", len ? len : 1);
		name[len ? len : 1] = '\0';
		if (path[len] == '\0')
			break;
		at = step_into(at, name, make);
		path += len + 1;
	}
	return at;
}

int below_open(int root, const char *path, int flags)
{
	char name[BELOW_NAME_LEN];
	int at = below_parent(root, path, false, name), fd;

	if (at < 0)
		return -1;
	fd = openat(at, name,
		    flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	close_keeping_errno(at);
	return fd;
}

int below_stat(int root, const char *path, struct stat *st)
{
	char name[BELOW_NAME_LEN];
	int at = below_parent(root, path, false, name), rc;

	if (at < 0)
		return -1;
	rc = fstatat(at, name, st, AT_SYMLINK_NOFOLLOW);
	close_keeping_errno(at);
	return rc;
}

const char *below_text(char out[BELOW_TEXT_LEN], const char *path)
{
	size_t len = strlen(path), room = BELOW_TEXT_LEN - 1;

	if (len <= room) {
		memcpy(out, path, len + 1);
		return out;
	}
	path += len - (room - 3);
	while (((unsigned char)*path & 0xc0) == 0x80) /* within a character */
		path++;
	memcpy(out, "...", 3);
	memcpy(out + 3, path, strlen(path) + 1);
	return out;
}

enum err_code below_fail(const char *path, struct err *e)
{
	char text[BELOW_TEXT_LEN];

	return err_fail(e, ERR_IO, "%s: %s", below_text(text, path),
			strerror(errno));
}

int64_t below_mtime_ns(const struct stat *st)
{
	int64_t s = st->st_mtim.tv_sec;

	if (s >= INT64_MAX / NS)
		return INT64_MAX;
	if (s <= INT64_MIN / NS)
		return INT64_MIN;
	return s * NS + st->st_mtim.tv_nsec;
}
