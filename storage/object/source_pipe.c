#include "storage/object/below.h"
#include "storage/object/source_int.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define LOOK_MS 200 /* at `stop`, while nothing comes */

enum err_code source_pipe(struct source **out, int take_fd, const char *name,
			  int64_t now_ns, struct err *e)
{
	const struct catalogue_entry f = {.kind = CATALOGUE_FILE,
					  .path = name,
					  .mode = 0644,
					  .mtime_ns = now_ns};
	struct source *s;
	enum err_code code = source_new(&s, name, e);

	*out = NULL;
	if (code != ERR_NONE) {
		(void)close(take_fd);
		return code;
	}
	s->fd = take_fd;
	code = source_add_parents(s, now_ns, e);
	if (code == ERR_NONE)
		code = source_add(s, &f, e);
	if (code != ERR_NONE) {
		source_free(s);
		return code;
	}
	*out = s;
	return ERR_NONE;
}

/* Some bytes, or the end: *n is 0. */
static enum err_code read_some(struct source *s, uint8_t *buf, size_t len,
			       size_t *n, struct err *e)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	ssize_t got;

	*n = 0;
	for (;;) {
		if (atomic_load(&s->stop))
			return err_fail(e, ERR_STATE, "%s: cancelled", s->name);
		if (poll(&p, 1, LOOK_MS) == 0)
			continue;
		got = read(s->fd, buf, len);
		if (got >= 0)
			break;
		if (errno != EINTR && errno != EAGAIN)
			return below_fail(s->name, e);
	}
	*n = (size_t)got;
	s->over = got == 0;
	return ERR_NONE;
}

static void count(struct source *s, size_t n)
{
	s->size += n;
	s->list->entries[s->list->entries_n - 1].size = s->size;
}

enum err_code source_pipe_read(struct source *s, uint64_t off, uint8_t *buf,
			       size_t len, size_t *got, struct err *e)
{
	enum err_code code = ERR_NONE;
	size_t n;

	if (off != s->size)
		return err_fail(e, ERR_STATE,
				"%s: standard input can be read only once: "
				"put it again",
				s->name);
	if (s->ahead && len) {
		buf[(*got)++] = s->next;
		s->ahead = false;
	}
	while (code == ERR_NONE && *got < len && !s->over) {
		code = read_some(s, buf + *got, len - *got, &n, e);
		*got += n;
	}
	count(s, *got);
	return code;
}

enum err_code source_pipe_more(struct source *s, bool *more, struct err *e)
{
	enum err_code code = ERR_NONE;
	size_t n;

	if (!s->ahead && !s->over) {
		code = read_some(s, &s->next, 1, &n, e);
		s->ahead = n == 1;
	}
	*more = s->ahead;
	return code;
}
