/* scratch.h - a directory of the test's own, removed at the end. */
#ifndef TESTS_LEDGER_SCRATCH_H
#define TESTS_LEDGER_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_PATH 256

struct scratch {
	char dir[SCRATCH_PATH];
	char path[4][SCRATCH_PATH + 64]; /* what scratch_path() gave last */
	unsigned next;
};

static inline void scratch_make(struct scratch *s)
{
	const char *base = getenv("TMPDIR");

	memset(s, 0, sizeof(*s));
	(void)snprintf(s->dir, sizeof(s->dir), "%s/seedbank-test-XXXXXX",
		       base ? base : "/tmp");
	if (!mkdtemp(s->dir))
		abort();
}

/* Good until the fourth call after. */
static inline const char *scratch_path(struct scratch *s, const char *name)
{
	char *out = s->path[s->next++ % 4];

	size_t n = strlen(s->dir);

	memcpy(out, s->dir, n);
	(void)snprintf(out + n, sizeof(s->path[0]) - n, "/%s", name);
	return out;
}

static inline void scratch_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	(void)close(fd);
}

/* Returns the length; at most cap bytes are read. */
static inline size_t scratch_read(const char *path, void *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, cap);

	if (fd >= 0)
		(void)close(fd);
	return n < 0 ? 0 : (size_t)n;
}

static inline void scratch_remove(struct scratch *s)
{
	DIR *dir = opendir(s->dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(s->dir);
}

#endif
