#include "base/file.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BESIDE_TRIES 100 /* names that an earlier crash may have left */
#define LEFT_OVER_S 60

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

/* The directory that it lies in. False: too long. */
static bool dir_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= PATH_MAX)
		return false;
	if (slash && n == 0)
		n = 1; /* the root itself */
	memcpy(out, slash ? path : ".", slash ? n : 1);
	out[slash ? n : 1] = '\0';
	return true;
}

enum err_code file_sync_dir(const char *path, struct err *e)
{
	char dir[PATH_MAX];
	int fd, failed;

	if (!dir_of(path, dir))
		return err_fail(e, ERR_IO, "%s: path too long", path);
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

static enum err_code is_there_already(const char *path, struct err *e)
{
	return err_fail(e, ERR_STATE,
			"%s: is there already, and is not overwritten", path);
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
		return is_there_already(path, e);
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

/* Who was killed while it wrote beside `path` left that there. A process of
 * another machine or container has numbers of its own: nobody takes a minute
 * to write a small file. */
static bool is_left_over(int dir, const char *name, const char *base, size_t n)
{
	const char *p = name + n + 1;
	struct stat st;
	char *end;
	long pid;

	if (strncmp(name, base, n) != 0 || name[n] != '.' ||
	    !(*p >= '1' && *p <= '9'))
		return false;
	pid = strtol(p, &end, 10);
	if (*end != '-' || strspn(end + 1, "0123456789") == 0 ||
	    end[1 + strspn(end + 1, "0123456789")] != '\0')
		return false;
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH &&
	       fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) &&
	       clock_unix_s() - st.st_mtime > LEFT_OVER_S;
}

static void sweep(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	struct dirent *entry;
	char folder[PATH_MAX];
	DIR *dir = dir_of(path, folder) ? opendir(folder) : NULL;

	while (dir && (entry = readdir(dir)))
		if (is_left_over(dirfd(dir), entry->d_name, base, strlen(base)))
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
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

/* Where a file may have no name until it is whole, nothing is left of one that
 * was not. False: not there, or not without /proc. */
static bool make_unnamed(const char *path, const uint8_t *data, size_t len,
			 mode_t mode, enum err_code *code, struct err *e)
{
	char dir[PATH_MAX], self[32];
	bool made = true;
	int fd = dir_of(path, dir)
			 ? open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode)
			 : -1;

	if (fd < 0)
		return false;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (!write_all(fd, data, len))
		*code = err_fail(e, ERR_IO, "cannot write %s: %s", path,
				 strerror(errno));
	else if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		*code = file_sync_dir(path, e);
	else if (errno == EEXIST)
		*code = is_there_already(path, e);
	else
		made = false;
	(void)close(fd);
	return made;
}

static enum err_code make(const char *path, const uint8_t *data, size_t len,
			  mode_t mode, struct err *e)
{
	enum err_code code;

	if (make_unnamed(path, data, len, mode, &code, e))
		return code;
	return write_beside(path, data, len, mode, RENAME_NOREPLACE, e);
}

enum err_code file_create(const char *path, const uint8_t *data, size_t len,
			  struct err *e)
{
	return make(path, data, len, 0600, e);
}

enum err_code file_create_shared(const char *path, const uint8_t *data,
				 size_t len, struct err *e)
{
	return make(path, data, len, 0666, e);
}

enum err_code file_replace(const char *path, const uint8_t *data, size_t len,
			   struct err *e)
{
	sweep(path);
	return write_beside(path, data, len, 0600, 0, e);
}
