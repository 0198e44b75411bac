/* cut.c - preloaded into a program: ends it by SIGKILL right before its n-th
 * call that changes what lies on a disk, counted from when the file CUT_ARM is
 * there; writes that follow each other are one. CUT_AT: n. What it was that was
 * cut is written into CUT_ARM.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;
static atomic_bool wrote; /* last */

#define REAL(name) \
	__extension__({ \
		void *p_ = dlsym(RTLD_NEXT, #name); \
		__typeof__(&name) fn_; \
		memcpy(&fn_, &p_, sizeof(fn_)); \
		fn_; \
	})

static void count(const char *what)
{
	const char *arm = getenv("CUT_ARM"), *at = getenv("CUT_AT");
	bool write_ = strcmp(what, "write") == 0;
	int fd;

	if (!arm || !at || access(arm, F_OK) != 0 ||
	    (atomic_exchange(&wrote, write_) && write_) ||
	    atomic_fetch_add(&calls, 1) + 1 != strtol(at, NULL, 10))
		return;
	fd = open(arm, O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!REAL(write)(fd, what, strlen(what));
	(void)kill(getpid(), SIGKILL);
	(void)pause();
}

int renameat2(int from_at, const char *from, int to_at, const char *to,
	      unsigned flags)
{
	count("rename");
	return REAL(renameat2)(from_at, from, to_at, to, flags);
}

int rename(const char *from, const char *to)
{
	count("rename");
	return REAL(rename)(from, to);
}

int unlink(const char *path)
{
	count("unlink");
	return REAL(unlink)(path);
}

int unlinkat(int at, const char *path, int flags)
{
	count("unlink");
	return REAL(unlinkat)(at, path, flags);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	count("mkdir");
	return REAL(mkdirat)(at, path, mode);
}

int mkdir(const char *path, mode_t mode)
{
	count("mkdir");
	return REAL(mkdir)(path, mode);
}

int fsync(int fd)
{
	count("fsync");
	return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	count("fsync");
	return REAL(fdatasync)(fd);
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	count("write");
	return REAL(pwrite)(fd, p, len, at);
}

ssize_t pwrite64(int fd, const void *p, size_t len, off_t at)
{
	count("write");
	return REAL(pwrite64)(fd, p, len, at);
}
