#include "storage/object/sink_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BORDER 65536U
#define FILE_FLAGS (O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static const char *path_of(const struct sink *s)
{
	return s->list->entries[s->open].path;
}

/* (!) One that another user made, or that has another name too, is not ours to
 * write to. */
static bool is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 &&
	       st->st_uid == geteuid() && (st->st_mode & 0600) == 0600;
}

uint64_t sink_part_len(const struct sink *s, uint32_t entry, int dir,
		       const char *part)
{
	const struct catalogue_entry *f = &s->list->entries[entry];
	struct stat st;
	uint64_t len;

	if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) != 0 || !is_ours(&st))
		return 0;
	len = (uint64_t)st.st_size;
	if (len > f->size || len < SINK_BACK)
		return 0;
	return (len - SINK_BACK) / BORDER * BORDER;
}

void sink_part_close(struct sink *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	if (s->dir >= 0)
		(void)close(s->dir);
	s->fd = s->dir = -1;
}

/* It stands where it was opened, and nobody else is writing to it. Else the
 * other one could give it its name with a hole of ours in it. */
static enum err_code lock_part(struct sink *s, const struct stat *st,
			       struct err *e)
{
	char text[BELOW_TEXT_LEN];
	struct stat now;

	if (flock(s->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return err_fail(e, ERR_STATE, "%s: it is being got already",
				below_text(text, path_of(s)));
	if (fstatat(s->dir, s->part, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
	    now.st_ino != st->st_ino || now.st_dev != st->st_dev)
		return err_fail(e, ERR_STATE,
				"%s: changed while it was being got: get it "
				"again",
				below_text(text, path_of(s)));
	return ERR_NONE;
}

static enum err_code open_ours(struct sink *s, struct err *e)
{
	const int flags = O_RDWR | O_CREAT | FILE_FLAGS;
	struct stat st;

	s->fd = openat(s->dir, s->part, flags, 0600);
	if (s->fd < 0 && errno != ELOOP && errno != ENXIO && errno != EACCES)
		return sink_fail(path_of(s), e);
	if (s->fd < 0 || fstat(s->fd, &st) != 0 || !is_ours(&st)) {
		if (s->fd >= 0)
			(void)close(s->fd);
		(void)unlinkat(s->dir, s->part, 0);
		s->fd = openat(s->dir, s->part, flags | O_EXCL, 0600);
		if (s->fd < 0 || fstat(s->fd, &st) != 0)
			return sink_fail(path_of(s), e);
	}
	(void)fchmod(s->fd, 0600); /* if it had been given its own already */
	return lock_part(s, &st, e);
}

/* What it has behind `at` goes; what it lacks before that is an error. */
static enum err_code set_length(struct sink *s, uint64_t at, struct err *e)
{
	char text[BELOW_TEXT_LEN];
	struct stat st;

	if (fstat(s->fd, &st) != 0)
		return sink_fail(path_of(s), e);
	if ((uint64_t)st.st_size < at)
		return err_fail(e, ERR_STATE,
				"%s: changed while it was being got: get it "
				"again",
				below_text(text, path_of(s)));
	if ((uint64_t)st.st_size > at && ftruncate(s->fd, (off_t)at) != 0)
		return sink_fail(path_of(s), e);
	s->flushed = at;
	return ERR_NONE;
}

static enum err_code flush(struct sink *s, struct err *e)
{
	return fdatasync(s->fd) == 0 ? ERR_NONE : sink_fail(path_of(s), e);
}

enum err_code sink_part_open(struct sink *s, uint32_t entry, uint64_t at,
			     struct err *e)
{
	const char *path = s->list->entries[entry].path;
	enum err_code code = ERR_NONE;

	if (s->fd >= 0 && s->open == entry)
		return ERR_NONE;
	if (s->fd >= 0) /* it goes on in another object */
		code = flush(s, e);
	sink_part_close(s);
	if (code != ERR_NONE)
		return code;
	s->open = entry;
	s->dir = below_parent(s->root, path, true, s->name);
	if (s->dir < 0)
		return sink_fail(path, e);
	sink_part_name(s, entry, s->name, s->part);
	code = open_ours(s, e);
	if (code == ERR_NONE)
		code = set_length(s, at, e);
	if (code != ERR_NONE)
		sink_part_close(s);
	return code;
}

/* Never more than SINK_BACK bytes that are not flushed. */
enum err_code sink_part_write(struct sink *s, uint64_t at, const uint8_t *p,
			      size_t len, struct err *e)
{
	enum err_code code = ERR_NONE;

	while (len && code == ERR_NONE) {
		uint64_t room = s->flushed + SINK_BACK - at;
		ssize_t n;

		if (room == 0) {
			code = flush(s, e);
			s->flushed = at;
			continue;
		}
		n = pwrite(s->fd, p, room < len ? (size_t)room : len,
			   (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sink_fail(path_of(s), e);
		p += n;
		len -= (size_t)n;
		at += (uint64_t)n;
	}
	return code;
}

struct timespec sink_time(int64_t mtime_ns)
{
	struct timespec t = {.tv_sec = mtime_ns / 1000000000,
			     .tv_nsec = mtime_ns % 1000000000};

	if (t.tv_nsec < 0) {
		t.tv_sec--;
		t.tv_nsec += 1000000000;
	}
	return t;
}

static bool cannot_be(void)
{
	return errno == EPERM || errno == ENOTSUP || errno == EINVAL ||
	       errno == ENOSYS;
}

enum err_code sink_set(struct sink *s, int fd, mode_t mode, int64_t mtime_ns,
		       const char *path, struct err *e)
{
	const struct timespec t[2] = {{.tv_nsec = UTIME_OMIT},
				      sink_time(mtime_ns)};
	bool bad_mode = fchmod(fd, mode) != 0;

	if (bad_mode && !cannot_be())
		return sink_fail(path, e);
	if (futimens(fd, t) != 0) {
		if (!cannot_be())
			return sink_fail(path, e);
		bad_mode = true;
	}
	s->totals.unset += bad_mode;
	return ERR_NONE;
}

enum err_code sink_part_done(struct sink *s, struct err *e)
{
	const struct catalogue_entry *f = &s->list->entries[s->open];
	enum err_code code =
		sink_set(s, s->fd, f->mode & 0777, f->mtime_ns, f->path, e);

	if (code == ERR_NONE && fsync(s->fd) != 0)
		code = sink_fail(f->path, e);
	if (code == ERR_NONE && renameat(s->dir, s->part, s->dir, s->name) != 0)
		code = sink_fail(f->path, e);
	sink_part_close(s);
	return code;
}
