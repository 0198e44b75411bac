#include "storage/object/sink.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/hash.h"
#include "storage/object/segment.h"
#include "storage/object/sink_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* at `stop`, while nobody reads */
#define PART_END ".seedbank-part"
#define PART_ID 6U /* bytes */

/* --- life --- */

static enum err_code make(struct sink **out, struct err *e)
{
	struct sink *s = calloc(1, sizeof(*s));

	*out = NULL;
	if (!s)
		return err_fail(e, ERR_NOMEM, "sink: no memory");
	s->root = s->pipe = s->fd = s->dir = -1;
	atomic_init(&s->stop, false);
	s->list = catalogue_new();
	if (!s->list) {
		sink_free(s);
		return err_fail(e, ERR_NOMEM, "sink: no memory");
	}
	*out = s;
	return ERR_NONE;
}

enum err_code sink_dir(struct sink **out, const char *dir, struct err *e)
{
	enum err_code code = make(out, e);

	if (code != ERR_NONE)
		return code;
	/* links in the user's own path are the user's wish */
	if (file_make_dirs(dir) == 0)
		(*out)->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((*out)->root >= 0)
		return ERR_NONE;
	code = sink_fail(dir, e);
	sink_free(*out);
	*out = NULL;
	return code;
}

enum err_code sink_pipe(struct sink **out, int take_fd, uint64_t from,
			uint64_t len, struct err *e)
{
	enum err_code code = make(out, e);
	struct stat st;

	if (code != ERR_NONE) {
		(void)close(take_fd);
		return code;
	}
	(*out)->pipe = take_fd;
	if (fstat(take_fd, &st) == 0 && S_ISFIFO(st.st_mode))
		(void)fcntl(take_fd, F_SETFL, O_WRONLY | O_NONBLOCK);
	(*out)->from = from;
	(*out)->len = len;
	return ERR_NONE;
}

void sink_free(struct sink *s)
{
	if (!s)
		return;
	sink_part_close(s);
	if (s->pipe >= 0)
		(void)close(s->pipe);
	if (s->root >= 0)
		(void)close(s->root);
	free(s->ranges);
	free(s->pieces);
	catalogue_free(s->list);
	free(s);
}

void sink_stop(struct sink *s)
{
	atomic_store(&s->stop, true);
}

/* --- what is to be written --- */

enum err_code sink_add_object(struct sink *s, uint64_t size,
			      const struct hash32 *id, struct err *e)
{
	struct catalogue_object o = {.size = size};

	_Static_assert(sizeof(o.full) == sizeof(id->bytes), "an id");
	if (size > (uint64_t)SEGMENTS_MAX * segment_plain_len(CODER_K_MAX))
		return err_fail(e, ERR_LIMIT, "an object of %llu bytes",
				(unsigned long long)size);
	memcpy(o.full, id->bytes, sizeof(o.full));
	return catalogue_add_object(s->list, &o, e);
}

enum err_code sink_add(struct sink *s, const struct catalogue_entry *entry,
		       struct err *e)
{
	return catalogue_add_entry(s->list, entry, e);
}

void sink_totals(const struct sink *s, struct sink_totals *out)
{
	*out = s->totals;
}

uint32_t sink_ranges(const struct sink *s)
{
	return s->ranges_n;
}

struct sink_range sink_range(const struct sink *s, uint32_t i)
{
	return s->ranges[i];
}

enum err_code sink_fail(const char *path, struct err *e)
{
	char text[BELOW_TEXT_LEN];

	(void)below_text(text, path);
	if (errno == ENOSPC || errno == EDQUOT)
		return err_fail(e, ERR_IO,
				"%s: the disk is full: make room and get it "
				"again, it goes on from here",
				text);
	if (errno == EFBIG)
		return err_fail(e, ERR_IO, "%s: no file may be so large there",
				text);
	if (errno == ENOTDIR || errno == ELOOP || errno == EISDIR ||
	    errno == EEXIST || errno == ENOTEMPTY)
		return err_fail(e, ERR_STATE,
				"%s: something else is in the way: move it, or "
				"choose another place",
				text);
	return below_fail(path, e);
}

/* NAME.XXXXXXXXXXXX.seedbank-part; the name is cut where it must. */
void sink_part_name(const struct sink *s, uint32_t entry, const char *name,
		    char part[BELOW_NAME_LEN])
{
	const struct catalogue_entry *f = &s->list->entries[entry];
	uint8_t about[24], id[SHA256_LEN];
	struct wr w = wr_into(about, sizeof(about));
	size_t room = BELOW_NAME_LEN - 1 - strlen(PART_END) - 2 * PART_ID - 1;
	struct sha256 h;
	size_t len = strlen(name);

	wr_u64(&w, f->offset);
	wr_u64(&w, f->size);
	wr_u64(&w, (uint64_t)f->mtime_ns);
	sha256_init(&h);
	if (f->size)
		sha256_update(&h, s->list->objects[f->object].full,
			      OBJECT_KEY_LEN);
	sha256_update(&h, about, sizeof(about));
	sha256_update(&h, f->path, strlen(f->path));
	sha256_final(&h, id);
	len = len < room ? len : room;
	memcpy(part, name, len);
	part[len++] = '.';
	for (unsigned i = 0; i < PART_ID; i++, len += 2)
		(void)snprintf(part + len, 3, "%02x", id[i]);
	memcpy(part + len, PART_END, sizeof(PART_END));
}

/* --- writing --- */

static enum err_code write_pipe(struct sink *s, const uint8_t *p, size_t len,
				struct err *e)
{
	struct pollfd poll_fd = {.fd = s->pipe, .events = POLLOUT};

	while (len) {
		ssize_t n;

		if (atomic_load(&s->stop))
			return err_fail(e, ERR_STATE, "output: cancelled");
		n = write(s->pipe, p, len);
		if (n < 0 && errno == EAGAIN) {
			(void)poll(&poll_fd, 1, LOOK_MS);
			continue;
		}
		if (n < 0 && errno != EINTR)
			return below_fail("output", e);
		if (n < 0)
			continue;
		p += n;
		len -= (size_t)n;
	}
	return ERR_NONE;
}

static enum err_code write_piece(struct sink *s, const struct sink_piece *x,
				 const uint8_t *p, size_t len, struct err *e)
{
	uint64_t at = x->at + s->done;
	enum err_code code;

	if (s->pipe >= 0)
		return write_pipe(s, p, len, e);
	code = sink_part_open(s, x->entry, at, e);
	if (code == ERR_NONE)
		code = sink_part_write(s, at, p, len, e);
	if (code == ERR_NONE && x->last && s->done + len == x->len)
		code = sink_part_done(s, e);
	return code;
}

enum err_code sink_write(struct sink *s, uint32_t object, uint64_t off,
			 const uint8_t *p, size_t len, struct err *e)
{
	while (len) {
		const struct sink_piece *x =
			s->at < s->pieces_n ? &s->pieces[s->at] : NULL;
		enum err_code code;
		size_t now;

		if (!x || object != x->object || off != x->off + s->done)
			return err_fail(e, ERR_STATE,
					"sink: byte %llu of object %u is not "
					"the next one",
					(unsigned long long)off, object);
		now = x->len - s->done < len ? (size_t)(x->len - s->done) : len;
		code = write_piece(s, x, p, now, e);
		if (code != ERR_NONE)
			return code;
		s->done += now;
		if (s->done == x->len) {
			s->at++;
			s->done = 0;
		}
		off += now;
		p += now;
		len -= now;
	}
	return ERR_NONE;
}
