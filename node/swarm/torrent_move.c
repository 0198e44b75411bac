/* torrent_move.c - a daemon's torrent gets another directory, and its files
 * with it: it is stopped as at the daemon's end, moved, and restored as at its
 * start. What is known of the files goes along, so nothing is hashed again. */
#include "node/swarm/torrent_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct relocation {
	struct torrent *torrent;
	struct engine *engine;
	struct loop_timer *timer;
	char *from, *to; /* what has the torrent's name, in both directories */
	char *dir;
	torrent_moved_fn *done;
	void *ctx;
};

static void relocation_free(struct relocation *r)
{
	loop_timer_free(r->timer);
	free(r->from);
	free(r->to);
	free(r->dir);
	free(r);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static enum err_code check_places(const struct relocation *r, struct err *e)
{
	if (is_there(r->from) && is_there(r->to))
		return err_fail(e, ERR_IO,
				"%.100s is there already; move it away first",
				r->to);
	return ERR_NONE;
}

/* A rename only: what would have to be copied is left to who has the time to
 * watch it. Where nothing is (any more), somebody moved it, or it is yet to
 * come. */
static enum err_code move_files(const struct relocation *r, struct err *e)
{
	enum err_code code = check_places(r, e);

	if (code != ERR_NONE || !is_there(r->from))
		return code;
	if (renameat2(AT_FDCWD, r->from, AT_FDCWD, r->to, RENAME_NOREPLACE) ==
	    0)
		return ERR_NONE;
	if (errno == EXDEV)
		return err_fail(
			e, ERR_IO,
			"%.90s is on another disk: move the files with "
			"`cp -a` and `rm`, then give this command again",
			r->dir);
	return err_fail(e, ERR_IO, "cannot move %.90s: %s", r->from,
			strerror(errno));
}

static enum err_code relocate(const struct relocation *r,
			      const struct info_hash *hash, struct err *e)
{
	enum err_code code = move_files(r, e);

	if (code != ERR_NONE)
		return code;
	torrent_move_aside(r->torrent, r->dir);
	code = resume_set_root(r->engine->resume, hash, r->dir, e);
	if (code != ERR_NONE && !is_there(r->from) && is_there(r->to))
		(void)rename(r->to, r->from);
	return code;
}

static void finish(void *ctx)
{
	struct relocation *r = ctx;
	struct info_hash hash = r->torrent->meta.info_hash;
	struct torrent *moved = NULL;
	struct err e = {0}, again = {0};
	enum err_code code = relocate(r, &hash, &e);

	torrent_free(r->torrent);
	if (torrent_restore(&moved, r->engine, &hash, &again) != ERR_NONE &&
	    code == ERR_NONE)
		e = again;
	r->done(r->ctx, moved, e.code == ERR_NONE ? NULL : &e);
	relocation_free(r);
}

/* torrent_stop() may still be on the stack: finish in a turn of our own. */
static void on_stopped(void *ctx)
{
	struct relocation *r = ctx;

	loop_timer_set(r->timer, 0);
}

static char *below(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static enum err_code may_move(const struct torrent *t, const char *dir,
			      struct err *e)
{
	if (!t->settings || t->state == TORRENT_STOPPED)
		return err_fail(e, ERR_STATE, "%.80s is being removed",
				t->meta.name);
	if (t->watcher)
		return err_fail(e, ERR_STATE,
				"%.60s is watched by the command that added "
				"it: end that (the daemon goes on)",
				t->meta.name);
	if (strcmp(t->dir, dir) == 0)
		return err_fail(e, ERR_STATE, "%.60s is in %.80s already",
				t->meta.name, dir);
	return ERR_NONE;
}

enum err_code torrent_move(struct torrent *t, const char *dir,
			   torrent_moved_fn *done, void *ctx, struct err *e)
{
	struct relocation *r;
	enum err_code code = may_move(t, dir, e);

	if (code != ERR_NONE)
		return code;
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_fail(e, ERR_NOMEM, "torrent");
	r->torrent = t;
	r->engine = t->engine;
	r->done = done;
	r->ctx = ctx;
	r->dir = strdup(dir);
	r->from = below(t->dir, t->meta.name);
	r->to = below(dir, t->meta.name);
	r->timer = loop_timer_new(t->engine->loop, finish, r);
	if (!r->dir || !r->from || !r->to || !r->timer)
		code = err_fail(e, ERR_NOMEM, "torrent");
	else
		code = check_places(r, e);
	if (code != ERR_NONE) {
		relocation_free(r);
		return code;
	}
	torrent_stop(t, on_stopped, r);
	return ERR_NONE;
}
