/* files_rig.h - a directory of a test's own, and files in it. */
#ifndef TESTS_STORAGE_FILES_RIG_H
#define TESTS_STORAGE_FILES_RIG_H

#include "tests/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIG_UNUSED __attribute__((unused))

struct files_rig {
	char dir[64];
	int fd;
};

RIG_UNUSED static void rig_make(struct files_rig *r)
{
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/seedbank-files-XXXXXX");
	if (!mkdtemp(r->dir))
		abort();
	r->fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* All that is in a directory; closes it. */
RIG_UNUSED static void rig_empty(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		int sub;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, d->d_name, 0) == 0)
			continue;
		sub = openat(fd, d->d_name,
			     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			rig_empty(sub);
		(void)unlinkat(fd, d->d_name, AT_REMOVEDIR);
	}
	if (dir)
		(void)closedir(dir);
}

RIG_UNUSED static void rig_remove(struct files_rig *r)
{
	rig_empty(r->fd);
	(void)rmdir(r->dir);
}

/* What a file of this kind has at byte i. */
static inline uint8_t rig_byte(unsigned kind, uint64_t i)
{
	return (uint8_t)((i * 2654435761U + kind * 97U) >> 9);
}

RIG_UNUSED static void rig_file(const struct files_rig *r, const char *path,
				unsigned kind, size_t size)
{
	int fd = openat(r->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			0644);
	uint8_t *p = malloc(size + 1);

	for (size_t i = 0; p && i < size; i++)
		p[i] = rig_byte(kind, i);
	CHECK(p && fd >= 0 && write(fd, p, size) == (ssize_t)size, "%.60s",
	      path);
	free(p);
	(void)close(fd);
}

RIG_UNUSED static void rig_dir(const struct files_rig *r, const char *path)
{
	CHECK(mkdirat(r->fd, path, 0755) == 0, "%.60s", path);
}

RIG_UNUSED static void rig_link(const struct files_rig *r, const char *target,
				const char *path)
{
	CHECK(symlinkat(target, r->fd, path) == 0, "%.60s", path);
}

RIG_UNUSED static void rig_time(const struct files_rig *r, const char *path,
				int64_t mtime_ns)
{
	struct timespec t[2];

	/* before 1970 the nanoseconds still count forward */
	t[1].tv_sec = mtime_ns / 1000000000 - (mtime_ns < 0);
	t[1].tv_nsec = mtime_ns - t[1].tv_sec * 1000000000;
	t[0] = t[1];
	CHECK(utimensat(r->fd, path, t, AT_SYMLINK_NOFOLLOW) == 0, "%s", path);
}

#endif
