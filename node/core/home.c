#include "node/core/home.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int pick(const char *path, char *out, size_t cap)
{
	const char *env;

	if (path && *path)
		return snprintf(out, cap, "%s", path);
	env = getenv("SEEDBANK_HOME");
	if (env && *env)
		return snprintf(out, cap, "%s", env);
	env = getenv("XDG_DATA_HOME");
	if (env && *env == '/')
		return snprintf(out, cap, "%s/seedbank", env);
	env = getenv("HOME");
	return snprintf(out, cap, "%s/.seedbank", env && *env ? env : ".");
}

static enum err_code make_dirs(char *path, struct err *e)
{
	struct stat st;

	for (char *p = path + 1;; p++) {
		char keep = *p;

		if (keep != '/' && keep != '\0')
			continue;
		*p = '\0';
		if (mkdir(path, 0700) != 0 && errno != EEXIST) {
			(void)err_fail(e, ERR_IO,
				       "cannot make %.90s: %s; use --home DIR",
				       path, strerror(errno));
			*p = keep;
			return ERR_IO;
		}
		*p = keep;
		if (!keep)
			break;
	}
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_fail(e, ERR_IO, "%.90s is not a directory", path);
	if (access(path, W_OK | X_OK) != 0)
		return err_fail(e, ERR_IO,
				"cannot write in %.90s: %s; use --home DIR",
				path, strerror(errno));
	return ERR_NONE;
}

enum err_code home_open(struct home *h, const char *path, struct err *e)
{
	int n = pick(path, h->path, sizeof(h->path));

	if (n < 0 || (size_t)n >= sizeof(h->path))
		return err_fail(e, ERR_LIMIT, "--home: the path is too long");
	while (n > 1 && h->path[n - 1] == '/')
		h->path[--n] = '\0';
	return make_dirs(h->path, e);
}

void home_file(const struct home *h, const char *name, char out[HOME_PATH_MAX])
{
	(void)snprintf(out, HOME_PATH_MAX, "%s/%.60s", h->path, name);
}

static void holder_of(int fd, char *text, size_t cap)
{
	ssize_t n = read(fd, text, cap - 1);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

enum err_code home_lock(const struct home *h, const char *name, int *fd,
			struct err *e)
{
	char path[HOME_PATH_MAX], text[32] = "";
	int n;

	home_file(h, name, path);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_fail(e, ERR_IO, "cannot open %.100s: %s", path,
				strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		holder_of(*fd, text, sizeof(text));
		(void)close(*fd);
		*fd = -1;
		return err_fail(e, ERR_STATE, "%.90s is in use by process %s",
				h->path, *text ? text : "(unknown)");
	}
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(*fd, 0) != 0 || pwrite(*fd, text, (size_t)n, 0) != n) {
		(void)close(*fd);
		*fd = -1;
		return err_fail(e, ERR_IO, "cannot write %.100s: %s", path,
				strerror(errno));
	}
	return ERR_NONE;
}

enum err_code home_claims_open(const struct home *h, int *fd, struct err *e)
{
	char path[HOME_PATH_MAX];

	home_file(h, "torrents.lock", path);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_fail(e, ERR_IO, "cannot open %.100s: %s", path,
				strerror(errno));
	return ERR_NONE;
}

/* A path is a byte of the file, far behind its end: no entry is ever left over,
 * and the kernel knows who holds it. */
static struct flock claim_of(const char *path, short type)
{
	uint8_t hash[crypto_generichash_BYTES];
	uint64_t at = 0;

	(void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)path,
				 strlen(path), NULL, 0);
	memcpy(&at, hash, sizeof(at));
	return (struct flock){.l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)(at >> 2),
			      .l_len = 1};
}

enum err_code home_claim(int fd, const char *path, struct err *e)
{
	struct flock claim = claim_of(path, F_WRLCK), holder = claim;

	if (fcntl(fd, F_SETLK, &claim) == 0)
		return ERR_NONE;
	if (errno != EACCES && errno != EAGAIN)
		return err_fail(e, ERR_IO, "cannot lock %.90s: %s", path,
				strerror(errno));
	if (fcntl(fd, F_GETLK, &holder) != 0 || holder.l_type == F_UNLCK)
		holder.l_pid = 0; /* it ended meanwhile */
	return err_fail(e, ERR_STATE,
			"process %ld is writing %.80s: wait for it, or use "
			"another --out",
			(long)holder.l_pid, path);
}

void home_release(int fd, const char *path)
{
	struct flock claim = claim_of(path, F_UNLCK);

	(void)fcntl(fd, F_SETLK, &claim);
}
