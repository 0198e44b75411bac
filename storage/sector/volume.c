#include "storage/sector/volume.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1U
#define HEADER_LEN SECTOR_LEN /* slots stay aligned to their own size */
#define HEADER_USED 88U

static const uint8_t magic[16] = "seedbank volume";

struct volume {
	int fd;	       /* through the page cache */
	int direct_fd; /* past it; -1: the file system cannot */
	char path[PATH_MAX];
};

static enum err_code io_fail(const char *path, const char *what, struct err *e)
{
	return err_fail(e, ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

static enum err_code make_path(char path[PATH_MAX], const char *dir,
			       struct err *e)
{
	int n = snprintf(path, PATH_MAX, "%s/" VOLUME_FILE, dir);

	if (n > 0 && n < PATH_MAX)
		return ERR_NONE;
	return err_fail(e, ERR_LIMIT, "the path is too long");
}

/* --- header --- */

static void encode(uint8_t out[HEADER_USED], const struct volume_name *name)
{
	struct wr w = wr_into(out, HEADER_USED);

	wr_copy(&w, magic, sizeof(magic));
	wr_u32(&w, VERSION);
	wr_u32(&w, SECTOR_LEN);
	wr_copy(&w, name->store, sizeof(name->store));
	wr_copy(&w, name->volume, sizeof(name->volume));
	sha256_once(out + w.len, out, w.len);
}

static enum err_code judge(const uint8_t in[HEADER_USED], const char *path,
			   const struct volume_name *name, struct err *e)
{
	uint8_t want[HEADER_USED], sum[SHA256_LEN];
	struct rd r = rd_from(in, HEADER_USED);

	(void)rd_view(&r, sizeof(magic), sizeof(magic));
	if (memcmp(in, magic, sizeof(magic)) != 0)
		return err_fail(e, ERR_PARSE, "%s: is no volume", path);
	if (rd_u32(&r) > VERSION)
		return err_fail(e, ERR_PARSE,
				"%s: is of a newer version; upgrade", path);
	sha256_once(sum, in, HEADER_USED - SHA256_LEN);
	if (memcmp(sum, in + HEADER_USED - SHA256_LEN, SHA256_LEN) != 0)
		return err_fail(e, ERR_PARSE, "%s: its header is damaged",
				path);
	encode(want, name);
	if (memcmp(in, want, HEADER_USED) != 0)
		return err_fail(e, ERR_STATE,
				"%s: is another volume; are disks swapped?",
				path);
	return ERR_NONE;
}

static enum err_code check_header(int fd, const char *path,
				  const struct volume_name *name, struct err *e)
{
	uint8_t in[HEADER_USED] = {0};
	ssize_t n = pread(fd, in, sizeof(in), 0);

	if (n < 0)
		return io_fail(path, "cannot read", e);
	return judge(in, path, name, e);
}

static enum err_code write_header(int fd, const char *path,
				  const struct volume_name *name, struct err *e)
{
	uint8_t out[HEADER_USED];
	ssize_t n;

	encode(out, name);
	n = pwrite(fd, out, sizeof(out), 0);
	if (n != (ssize_t)sizeof(out) || ftruncate(fd, HEADER_LEN) != 0 ||
	    fsync(fd) != 0)
		return io_fail(path, "cannot write", e);
	return file_sync_dir(path, e);
}

/* Nothing in it yet: new, or power was lost while it was made. */
static bool is_blank(int fd, const struct stat *st)
{
	static const uint8_t zeroes[HEADER_USED];
	uint8_t in[HEADER_USED] = {0};

	return st->st_size <= (off_t)HEADER_LEN &&
	       pread(fd, in, sizeof(in), 0) >= 0 &&
	       memcmp(in, zeroes, sizeof(in)) == 0;
}

static enum err_code not_ours(const char *path, struct err *e)
{
	errno = EEXIST;
	return err_fail(e, ERR_IO,
			"%.80s is not ours: if sectors.db was lost, bring that "
			"back; else move it away",
			path);
}

enum err_code volume_create(const char *dir, const struct volume_name *name,
			    struct err *e)
{
	char path[PATH_MAX];
	enum err_code code = make_path(path, dir, e);
	struct stat st;
	int fd;

	if (code != ERR_NONE)
		return code;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return io_fail(path, "cannot make", e);
	if (fstat(fd, &st) != 0)
		code = io_fail(path, "cannot stat", e);
	else if (!S_ISREG(st.st_mode))
		code = err_fail(e, ERR_STATE, "%s: is no regular file", path);
	else if (is_blank(fd, &st))
		code = write_header(fd, path, name, e);
	else if (check_header(fd, path, name, NULL) != ERR_NONE)
		code = not_ours(path, e);
	(void)close(fd);
	return code;
}

/* --- opening --- */

enum err_code volume_open(struct volume **out, const char *dir,
			  const struct volume_name *name, struct err *e)
{
	struct volume *v = calloc(1, sizeof(*v));
	enum err_code code;
	struct stat st;

	*out = NULL;
	if (!v)
		return err_fail(e, ERR_NOMEM, "a volume");
	v->fd = v->direct_fd = -1;
	code = make_path(v->path, dir, e);
	if (code == ERR_NONE)
		v->fd = open(v->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC |
					      O_NONBLOCK | O_NOCTTY);
	if (code == ERR_NONE && v->fd < 0)
		code = io_fail(v->path, "cannot open", e);
	else if (code == ERR_NONE &&
		 (fstat(v->fd, &st) != 0 || !S_ISREG(st.st_mode)))
		code = err_fail(e, ERR_STATE, "%s: is no regular file",
				v->path);
	else if (code == ERR_NONE && flock(v->fd, LOCK_EX | LOCK_NB) != 0)
		code = err_fail(e, ERR_STATE, "%s: another process has it open",
				v->path);
	if (code == ERR_NONE)
		code = check_header(v->fd, v->path, name, e);
	if (code != ERR_NONE) {
		volume_close(v);
		return code;
	}
	/* a sector is read whole, in one go, and its neighbours are others' */
	(void)posix_fadvise(v->fd, 0, 0, POSIX_FADV_RANDOM);
	v->direct_fd =
		open(v->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_DIRECT);
	*out = v;
	return ERR_NONE;
}

void volume_close(struct volume *v)
{
	if (!v)
		return;
	if (v->direct_fd >= 0)
		(void)close(v->direct_fd);
	if (v->fd >= 0)
		(void)close(v->fd);
	free(v);
}

enum err_code volume_remove(const char *dir, struct err *e)
{
	char path[PATH_MAX];
	enum err_code code = make_path(path, dir, e);

	if (code == ERR_NONE && unlink(path) != 0 && errno != ENOENT)
		code = io_fail(path, "cannot delete", e);
	return code == ERR_NONE ? file_sync_dir(path, e) : code;
}

/* --- size --- */

uint32_t volume_slots(const struct volume *v)
{
	struct stat st;
	off_t slots;

	if (fstat(v->fd, &st) != 0 || st.st_size < (off_t)HEADER_LEN)
		return 0;
	slots = (st.st_size - (off_t)HEADER_LEN) / (off_t)SECTOR_LEN;
	return slots > (off_t)VOLUME_MAX_SLOTS ? VOLUME_MAX_SLOTS
					       : (uint32_t)slots;
}

static off_t place(uint32_t slot)
{
	return (off_t)HEADER_LEN + (off_t)slot * (off_t)SECTOR_LEN;
}

static enum err_code grow(struct volume *v, uint32_t from, uint32_t to,
			  bool sparse, struct err *e)
{
	int os;

	if (sparse)
		os = ftruncate(v->fd, place(to)) == 0 ? 0 : errno;
	else
		os = posix_fallocate(v->fd, place(from),
				     place(to) - place(from));
	if (os == 0)
		return ERR_NONE;
	/* part of it may have been taken: an error gives it back */
	(void)!ftruncate(v->fd, place(from));
	errno = os;
	if (os == ENOSPC || os == EFBIG || os == EDQUOT)
		return err_fail(e, ERR_IO,
				"%s: no space for %u MiB more; offer less or "
				"free some",
				v->path, to - from);
	return io_fail(v->path, "cannot grow", e);
}

enum err_code volume_resize(struct volume *v, uint32_t slots, bool sparse,
			    struct err *e)
{
	uint32_t now = volume_slots(v);
	enum err_code code = ERR_NONE;

	if (slots > VOLUME_MAX_SLOTS)
		return err_fail(e, ERR_LIMIT, "%s: more than %u slots", v->path,
				VOLUME_MAX_SLOTS);
	if (slots > now)
		code = grow(v, now, slots, sparse, e);
	else if (ftruncate(v->fd, place(slots)) != 0)
		code = io_fail(v->path, "cannot cut", e);
	if (code == ERR_NONE && fsync(v->fd) != 0)
		code = io_fail(v->path, "cannot sync", e);
	return code;
}

/* --- data --- */

enum err_code volume_write(struct volume *v, uint32_t slot,
			   const uint8_t data[SECTOR_LEN], struct err *e)
{
	int fd = v->direct_fd >= 0 ? v->direct_fd : v->fd;
	size_t done = 0;

	while (done < SECTOR_LEN) {
		ssize_t n = pwrite(fd, data + done, SECTOR_LEN - done,
				   place(slot) + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && fd != v->fd) {
			fd = v->fd; /* alignment is more than ours here */
			continue;
		}
		if (n <= 0)
			return io_fail(v->path, "cannot write", e);
		done += (size_t)n;
	}
	return ERR_NONE;
}

enum err_code volume_read(struct volume *v, uint32_t slot, uint32_t offset,
			  uint8_t *buf, uint32_t len, bool cold, struct err *e)
{
	int fd = cold && v->direct_fd >= 0 ? v->direct_fd : v->fd;
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buf + done, len - done,
				  place(slot) + offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EINVAL && fd != v->fd) {
			fd = v->fd;
			continue;
		}
		if (n < 0)
			return io_fail(v->path, "cannot read", e);
		if (n == 0) {
			errno = 0;
			return err_fail(e, ERR_IO, "%s: is cut short", v->path);
		}
		done += (size_t)n;
	}
	return ERR_NONE;
}

enum err_code volume_sync(struct volume *v, struct err *e)
{
	if (fdatasync(v->fd) != 0)
		return io_fail(v->path, "cannot sync", e);
	return ERR_NONE;
}

uint8_t *volume_buffer(size_t len)
{
	return aligned_alloc(VOLUME_ALIGN, len);
}
