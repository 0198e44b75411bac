/* torrent_move.c - a daemon's torrent gets another directory, and its files
 * with it: it is stopped as at the daemon's end, moved, and restored as at its
 * start. What is known of the files goes along, so nothing is hashed again.
 *
 * What is about to happen is noted in the torrent's settings first. Whoever
 * starts after a crash and finds a note looks where the files are:
 *   noted, not renamed            they stay, the note goes
 *   renamed, the list says before the list is told
 *   the list is told              the note goes */
#include "node/swarm/torrent_impl.h"

#include "base/file.h"

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
	    0) {
		/* best effort: some file systems flush no directories */
		(void)!file_sync_dir(r->to, NULL);
		(void)!file_sync_dir(r->from, NULL);
		return ERR_NONE;
	}
	if (errno == EXDEV)
		return err_fail(
			e, ERR_IO,
			"%.90s is on another disk: move the files with "
			"`cp -a` and `rm`, then give this command again",
			r->dir);
	return err_fail(e, ERR_IO, "cannot move %.90s: %s", r->from,
			strerror(errno));
}

/* ---- the note ---- */

#define NOTE "moving"

static enum err_code save(struct resume_db *db, const struct info_hash *hash,
			  const json_t *settings, struct err *e)
{
	char *text = json_dumps(settings, JSON_COMPACT);
	enum err_code code = text ? resume_set_settings(db, hash, text, e)
				  : err_fail(e, ERR_NOMEM, "torrent");

	free(text);
	return code;
}

static enum err_code put_note(const struct relocation *r, struct err *e)
{
	const struct torrent *t = r->torrent;

	if (json_object_set_new(t->settings, NOTE,
				json_pack("{ss ss}", "to", r->dir, "name",
					  t->meta.name)) != 0)
		return err_fail(e, ERR_NOMEM, "torrent");
	return save(r->engine->resume, &t->meta.info_hash, t->settings, e);
}

struct noted { /* by one that is not running */
	struct noted *next;
	struct info_hash hash;
	json_t *settings;
	char root[PATH_MAX];
};

static bool find_note(void *ctx, const struct resume_torrent *row)
{
	struct noted **first = ctx;
	json_t *settings = json_loads(row->settings, 0, NULL);
	struct noted *n =
		json_object_get(settings, NOTE) ? calloc(1, sizeof(*n)) : NULL;

	if (!n || strlen(row->root) >= sizeof(n->root)) {
		free(n);
		json_decref(settings);
		return true;
	}
	n->hash = row->info_hash;
	n->settings = settings;
	memcpy(n->root, row->root, strlen(row->root) + 1);
	n->next = *first;
	*first = n;
	return true;
}

static bool is_below(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) < PATH_MAX &&
	       is_there(path);
}

static enum err_code settle_one(struct engine *en, const struct noted *n,
				struct err *e)
{
	const json_t *note = json_object_get(n->settings, NOTE);
	const char *to = json_string_value(json_object_get(note, "to"));
	const char *name = json_string_value(json_object_get(note, "name"));
	enum err_code code = ERR_NONE;

	if (to && name && !is_below(n->root, name) && is_below(to, name)) {
		torrent_move_aside(&n->hash, n->root, to);
		code = resume_set_root(en->resume, &n->hash, to, e);
		log_line(en->log, LOG_INFO, "torrent",
			 "a move that was cut off is done dir=\"%s\"", to);
	}
	if (code != ERR_NONE)
		return code;
	(void)json_object_del(n->settings, NOTE);
	return save(en->resume, &n->hash, n->settings, e);
}

void torrent_settle_moves(struct engine *en)
{
	struct noted *first = NULL;
	struct err e = {0};

	if (resume_each(en->resume, find_note, &first, &e) != ERR_NONE)
		log_line(en->log, LOG_WARN, "torrent", "%s", e.msg);
	while (first) {
		struct noted *n = first;

		first = n->next;
		if (settle_one(en, n, &e) != ERR_NONE)
			log_line(en->log, LOG_WARN, "torrent",
				 "a move that was cut off: %s", e.msg);
		json_decref(n->settings);
		free(n);
	}
}

/* ---- the move ---- */

static enum err_code relocate(const struct relocation *r,
			      const struct info_hash *hash, struct err *e)
{
	struct torrent *t = r->torrent;
	enum err_code code = put_note(r, e);

	if (code == ERR_NONE)
		code = move_files(r, e);
	if (code == ERR_NONE) {
		torrent_move_aside(hash, t->dir, r->dir);
		code = resume_set_root(r->engine->resume, hash, r->dir, e);
		if (code != ERR_NONE && !is_there(r->from) && is_there(r->to))
			(void)rename(r->to, r->from);
	}
	(void)json_object_del(t->settings, NOTE);
	torrent_save_settings(t);
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
