/* files_spans.c - spans of the whole, read from the files and written to them.
 */
#include "storage/torrent/files_int.h"
#include "storage/torrent/stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Asked after a read, so that what was read is from before any change. A
 * descriptor's file is asked, which costs a fraction of a microsecond. */
static bool unchanged(struct files *f, const struct open_file *o)
{
	struct stat st;

	return fstat(o->fd, &st) != 0 || stamps_same(f->stamps, o->file, &st);
}

/* --- reading --- */

/* as_expected: refuses what looks otherwise than files_expect() said. */
static enum err_code read_part(struct files *f, uint8_t *buf,
			       const struct layout_part *part, bool as_expected,
			       struct err *e)
{
	struct open_file *o;
	uint64_t done = 0;
	enum err_code code = files_open(&o, f, part->file, false, e);

	if (code != ERR_NONE)
		return code;
	while (done < part->len && code == ERR_NONE) {
		ssize_t n = pread(o->fd, buf + done, part->len - done,
				  (off_t)(part->offset + done));

		if (n > 0)
			done += (uint64_t)n;
		else if (n == 0)
			code = err_fail(e, ERR_STATE,
					"%.100s: is shorter than it should be",
					f->layout->files[part->file].path);
		else if (errno != EINTR)
			code = files_path_fail(f, part->file, errno, e);
	}
	if (as_expected && !unchanged(f, o) && code == ERR_NONE)
		code = err_fail(e, ERR_STATE,
				"%.100s: was changed by another program",
				f->layout->files[part->file].path);
	file_pool_done(f->pool, o);
	return code;
}

static enum err_code read_range(struct files *f, uint8_t *to, uint64_t offset,
				size_t len, bool as_expected, struct err *e)
{
	struct layout_part part = {0};
	enum err_code code = ERR_NONE;

	while (code == ERR_NONE && layout_next(f->layout, offset, len, &part)) {
		if (f->layout->files[part.file].pad)
			memset(to, 0, part.len);
		else
			code = read_part(f, to, &part, as_expected, e);
		to += part.len;
	}
	return code;
}

enum err_code files_read(struct files *f, void *buf, uint64_t offset,
			 size_t len, struct err *e)
{
	return read_range(f, buf, offset, len, false, e);
}

enum err_code files_read_expected(struct files *f, void *buf, uint64_t offset,
				  size_t len, struct err *e)
{
	return read_range(f, buf, offset, len, true, e);
}

static bool read_part_now(struct files *f, uint8_t *buf,
			  const struct layout_part *part)
{
	struct open_file *o = file_pool_use(f->pool, f, part->file, false);
	struct iovec iov = {buf, part->len};
	bool same;
	ssize_t n;

	if (!o)
		return false;
	n = preadv2(o->fd, &iov, 1, (off_t)part->offset,
		    o->in_memory ? 0 : RWF_NOWAIT);
	same = unchanged(f, o);
	file_pool_done(f->pool, o);
	return same && n == (ssize_t)part->len;
}

bool files_read_now(struct files *f, void *buf, uint64_t offset, size_t len)
{
	struct layout_part part = {0};
	uint8_t *to = buf;

	while (layout_next(f->layout, offset, len, &part)) {
		if (f->layout->files[part.file].pad)
			memset(to, 0, part.len);
		else if (!read_part_now(f, to, &part))
			return false;
		to += part.len;
	}
	return true;
}

/* --- writing --- */

struct cursor { /* a place in the caller's iovecs */
	const struct iovec *iov;
	size_t used; /* bytes of iov[0] that are done */
};

/* Fills out[] with the next `len` bytes, at most FILES_IOV_MAX entries. */
static int slice(const struct cursor *c, uint64_t len, struct iovec *out)
{
	const struct iovec *iov = c->iov;
	size_t used = c->used;
	unsigned n = 0;

	while (len > 0 && n < FILES_IOV_MAX) {
		size_t take = iov->iov_len - used;

		if (take > len)
			take = (size_t)len;
		out[n].iov_base = (uint8_t *)iov->iov_base + used;
		out[n].iov_len = take;
		n += take > 0;
		len -= take;
		iov++;
		used = 0;
	}
	return (int)n;
}

static void advance(struct cursor *c, uint64_t len)
{
	while (len > 0) {
		size_t left = c->iov->iov_len - c->used;

		if (left > len) {
			c->used += (size_t)len;
			return;
		}
		len -= left;
		c->iov++;
		c->used = 0;
	}
}

static enum err_code write_part(struct files *f, struct cursor *c,
				const struct layout_part *part, struct err *e)
{
	struct iovec iov[FILES_IOV_MAX];
	struct open_file *o;
	uint64_t done = 0;
	enum err_code code;

	stamps_clear(f->stamps, part->file);
	code = files_open(&o, f, part->file, true, e);
	if (code != ERR_NONE)
		return code;
	while (done < part->len && code == ERR_NONE) {
		int count = slice(c, part->len - done, iov);
		ssize_t n = pwritev(o->fd, iov, count,
				    (off_t)(part->offset + done));

		if (n > 0) {
			advance(c, (uint64_t)n);
			done += (uint64_t)n;
		} else if (n == 0) {
			code = files_path_fail(f, part->file, EIO, e);
		} else if (errno != EINTR) {
			code = files_path_fail(f, part->file, errno, e);
		}
	}
	file_pool_done(f->pool, o);
	return code;
}

enum err_code files_write(struct files *f, uint64_t offset,
			  const struct iovec *iov, unsigned n, struct err *e)
{
	struct cursor c = {iov, 0};
	struct layout_part part = {0};
	uint64_t len = 0;
	enum err_code code = ERR_NONE;

	if (f->read_only)
		return err_fail(e, ERR_STATE, "opened for reading only");
	for (unsigned i = 0; i < n; i++)
		len += iov[i].iov_len;
	while (code == ERR_NONE && layout_next(f->layout, offset, len, &part)) {
		if (f->layout->files[part.file].pad)
			advance(&c, part.len);
		else
			code = write_part(f, &c, &part, e);
	}
	return code;
}

/* --- looking --- */

static enum files_content part_content(struct files *f,
				       const struct layout_part *part)
{
	enum files_content found = FILES_SHORT;
	struct open_file *o;
	struct stat st;
	off_t end = (off_t)(part->offset + part->len);
	enum err_code code = files_open(&o, f, part->file, false, NULL);

	if (code != ERR_NONE) /* who reads it will be told why it cannot be */
		return code == ERR_STATE ? FILES_SHORT : FILES_DATA;
	if (fstat(o->fd, &st) == 0 && st.st_size >= end) {
		off_t data = lseek(o->fd, (off_t)part->offset, SEEK_DATA);

		/* ENXIO: no data up to the end; else it cannot tell */
		found = (data < 0 && errno == ENXIO) || data >= end
				? FILES_HOLE
				: FILES_DATA;
	}
	file_pool_done(f->pool, o);
	return found;
}

enum files_content files_content(struct files *f, uint64_t offset, uint64_t len)
{
	enum files_content found = FILES_HOLE;
	struct layout_part part = {0};

	while (layout_next(f->layout, offset, len, &part)) {
		enum files_content one;

		if (f->layout->files[part.file].pad)
			continue;
		one = part_content(f, &part);
		if (one == FILES_SHORT)
			return FILES_SHORT;
		if (one == FILES_DATA)
			found = FILES_DATA;
	}
	return found;
}

/* The kernel cuts a wish to what it reads at once by itself (128 KiB by
 * default), so it is told in such steps. */
void files_will_need(struct files *f, uint64_t offset, uint64_t len)
{
	const uint64_t step = 128 << 10;
	struct layout_part part = {0};

	while (layout_next(f->layout, offset, len, &part)) {
		struct open_file *o;

		if (part.len <= step || f->layout->files[part.file].pad ||
		    files_open(&o, f, part.file, false, NULL) != ERR_NONE)
			continue;
		for (uint64_t at = 0; at < part.len && !o->in_memory;
		     at += step)
			(void)posix_fadvise(o->fd, (off_t)(part.offset + at),
					    (off_t)step, POSIX_FADV_WILLNEED);
		file_pool_done(f->pool, o);
	}
}

void files_drop_cached(struct files *f, uint64_t offset, uint64_t len)
{
	struct layout_part part = {0};

	while (layout_next(f->layout, offset, len, &part)) {
		struct open_file *o =
			file_pool_use(f->pool, f, part.file, false);

		if (!o)
			continue;
		(void)posix_fadvise(o->fd, (off_t)part.offset, (off_t)part.len,
				    POSIX_FADV_DONTNEED);
		file_pool_done(f->pool, o);
	}
}
