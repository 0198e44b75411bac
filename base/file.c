#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BESIDE_TRIES 100 /* names that an earlier crash may have left */

static enum err_code read_all(int fd, const char *path, uint8_t *buf,
			      size_t cap, size_t *len, struct err *e)
{
	uint8_t extra;

	*len = 0;
	for (;;) {
		bool full = *len == cap;
		ssize_t n = full ? read(fd, &extra, 1)
				 : read(fd, buf + *len, cap - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_fail(e, ERR_IO, "cannot read %s: %s", path,
					strerror(errno));
		if (n == 0)
			return ERR_NONE;
		if (full)
			return err_fail(e, ERR_LIMIT, "%s: more than %zu bytes",
					path, cap);
		*len += (size_t)n;
	}
}

static enum err_code check_mode(int fd, const char *path, bool secret,
				struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_fail(e, ERR_IO, "cannot look at %s: %s", path,
				strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_fail(e, ERR_STATE, "%s: not a regular file", path);
	if (secret && (st.st_mode & 077))
		return err_fail(e, ERR_STATE,
				"%s: others may read it (mode %03o): run "
				"chmod 600 on it",
				path, (unsigned)st.st_mode & 0777U);
	return ERR_NONE;
}

static enum err_code open_regular(int *fd, const char *path, bool secret,
				  struct err *e)
{
	enum err_code code;

	/* O_NONBLOCK: a FIFO put there must not hold the program */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return err_fail(e, ERR_IO, "cannot open %s: %s", path,
				strerror(errno));
	code = check_mode(*fd, path, secret, e);
	if (code != ERR_NONE)
		(void)close(*fd);
	return code;
}

enum err_code file_read(const char *path, bool secret, uint8_t *buf, size_t cap,
			size_t *len, struct err *e)
{
	int fd;
	enum err_code code = open_regular(&fd, path, secret, e);

	if (code != ERR_NONE)
		return code;
	code = read_all(fd, path, buf, cap, len, e);
	(void)close(fd);
	return code;
}

static enum err_code load_open(int fd, const char *path, size_t max, char **out,
			       size_t *len, struct err *e)
{
	struct stat st;
	size_t size;
	enum err_code code;

	if (fstat(fd, &st) != 0)
		return err_fail(e, ERR_IO, "cannot look at %s: %s", path,
				strerror(errno));
	size = (size_t)st.st_size;
	if (size > max)
		return err_fail(e, ERR_LIMIT, "%s: %zu bytes, at most %zu",
				path, size, max);
	*out = malloc(size + 1);
	if (!*out)
		return err_fail(e, ERR_NOMEM, "%s", path);
	code = read_all(fd, path, (uint8_t *)*out, size, len, e);
	if (code != ERR_NONE) {
		free(*out);
		*out = NULL;
		return code;
	}
	(*out)[*len] = '\0';
	return ERR_NONE;
}

enum err_code file_load(const char *path, size_t max, char **out, size_t *len,
			struct err *e)
{
	int fd;
	enum err_code code;

	*out = NULL;
	code = open_regular(&fd, path, false, e);
	if (code != ERR_NONE)
		return code;
	code = load_open(fd, path, max, out, len, e);
	(void)close(fd);
	return code;
}

enum err_code file_sync_dir(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int fd, failed;

	if (n >= sizeof(dir))
		return err_fail(e, ERR_IO, "%s: path too long", path);
	if (slash && n == 0)
		n = 1; /* the root itself */
	memcpy(dir, slash ? path : ".", slash ? n : 1);
	dir[slash ? n : 1] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	failed = fd < 0 || fsync(fd) != 0;
	if (failed)
		(void)err_fail(e, ERR_IO, "cannot sync %s: %s", dir,
			       strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return failed ? ERR_IO : ERR_NONE;
}

int file_make_dirs(const char *dir)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);

	if (len == 0 || len >= sizeof(path)) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	memcpy(path, dir, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0777) == 0)
			(void)!file_sync_dir(path, NULL); /* best effort */
		else if (errno != EEXIST)
			return -1;
		path[i] = dir[i];
	}
	return 0;
}

static bool write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) == 0;
}

/* One step, and with RENAME_NOREPLACE only if nothing has the name yet. */
static enum err_code place(const char *tmp, const char *path, unsigned flags,
			   struct err *e)
{
	bool placed = renameat2(AT_FDCWD, tmp, AT_FDCWD, path, flags) == 0;

	/* NFS and others know no flags, but a link never overwrites either */
	if (!placed && errno == EINVAL && flags) {
		placed = link(tmp, path) == 0;
		if (placed)
			(void)unlink(tmp);
	}
	if (placed)
		return file_sync_dir(path, e);
	if (errno == EEXIST)
		return err_fail(e, ERR_STATE,
				"%s: is there already, and is not overwritten",
				path);
	return err_fail(e, ERR_IO, "cannot make %s: %s", path, strerror(errno));
}

/* A new file beside the one that is meant; -1 when none can be made. */
static int open_beside(char tmp[PATH_MAX], const char *path, mode_t mode)
{
	int fd = -1;

	for (int i = 0; fd < 0 && i < BESIDE_TRIES; i++) {
		int n = snprintf(tmp, PATH_MAX, "%s.%ld-%d", path,
				 (long)getpid(), i);

		if (n < 0 || n >= PATH_MAX)
			return -1;
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

static enum err_code write_beside(const char *path, const uint8_t *data,
				  size_t len, mode_t mode, unsigned flags,
				  struct err *e)
{
	char tmp[PATH_MAX];
	int fd = open_beside(tmp, path, mode);
	enum err_code code = ERR_NONE;

	if (fd < 0)
		return err_fail(e, ERR_IO, "cannot write beside %s: %s", path,
				strerror(errno));
	if (!write_all(fd, data, len))
		code = err_fail(e, ERR_IO, "cannot write %s: %s", path,
				strerror(errno));
	(void)close(fd);
	if (code == ERR_NONE)
		code = place(tmp, path, flags, e);
	if (code != ERR_NONE)
		(void)unlink(tmp);
	return code;
}

enum err_code file_create(const char *path, const uint8_t *data, size_t len,
			  struct err *e)
{
	return write_beside(path, data, len, 0600, RENAME_NOREPLACE, e);
}

enum err_code file_create_shared(const char *path, const uint8_t *data,
				 size_t len, struct err *e)
{
	return write_beside(path, data, len, 0666, RENAME_NOREPLACE, e);
}

enum err_code file_replace(const char *path, const uint8_t *data, size_t len,
			   struct err *e)
{
	return write_beside(path, data, len, 0600, 0, e);
}
