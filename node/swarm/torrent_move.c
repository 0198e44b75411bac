/* torrent_move.c - a daemon's torrent gets another directory, and its files
 * with it: it is stopped as at the daemon's end, moved, and restored as at its
 * start. What is known of the files goes along, so nothing is hashed again.
 *
 * Within a file system files are renamed, to another one a worker copies them
 * under a name of their own, which they give up when all of it is on the disk.
 * What is about to happen is noted in the torrent's settings first. Whoever
 * starts after a crash and finds a note looks where the files are:
 *   here alone                they stay; a copy that was begun goes
 *   here, and a whole copy    the list is told, then what is here goes
 *   there alone               the list is told
 * and then the note goes. */
#include "node/swarm/torrent_impl.h"

#include "base/file.h"
#include "node/core/copy_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE "moving"
#define PART \
	".seedbank-move" /* behind the name of a copy that is not whole \
			  */

#define TELL_MS 500

struct relocation {
	struct work_job job;	 /* first, see relocation_of() */
	struct torrent *torrent; /* NULL: the node stops */
	struct engine *engine;
	struct loop_timer *timer;
	char *from, *to; /* what has the torrent's name, in both directories */
	char *part;	 /* of a copy */
	char *dir;
	struct copy_tree_watch watch;
	bool busy;    /* a worker has it */
	bool removes; /* what it does: it takes the source away */
	struct err job_err;
	torrent_moving_fn *moving;
	torrent_moved_fn *done;
	void *ctx;
};

static void relocation_free(struct relocation *r)
{
	loop_timer_free(r->timer);
	free(r->from);
	free(r->to);
	free(r->part);
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

/* Never over what is there; file systems of others know no flags. */
static int rename_anew(const char *from, const char *to)
{
	int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

	return rc != 0 && errno == EINVAL && !is_there(to) ? rename(from, to)
							   : rc;
}

/* *other_disk: nothing has happened, they are to be copied. Where nothing is
 * (any more), somebody moved it, or it is yet to come. */
static enum err_code move_files(const struct relocation *r, bool *other_disk,
				struct err *e)
{
	enum err_code code = check_places(r, e);

	if (code != ERR_NONE || !is_there(r->from))
		return code;
	if (rename_anew(r->from, r->to) == 0) {
		/* best effort: some file systems flush no directories */
		(void)!file_sync_dir(r->to, NULL);
		(void)!file_sync_dir(r->from, NULL);
		return ERR_NONE;
	}
	*other_disk = errno == EXDEV;
	return *other_disk ? ERR_NONE
			   : err_fail(e, ERR_IO, "cannot move %.90s: %s",
				      r->from, strerror(errno));
}

/* ---- the note ---- */

static enum err_code save(struct resume_db *db, const struct info_hash *hash,
			  const json_t *settings, struct err *e)
{
	char *text = json_dumps(settings, JSON_COMPACT);
	enum err_code code = text ? resume_set_settings(db, hash, text, e)
				  : err_fail(e, ERR_NOMEM, "torrent");

	free(text);
	return code;
}

static enum err_code put_note(const struct relocation *r, bool copied,
			      struct err *e)
{
	struct torrent *t = r->torrent;
	json_t *o = torrent_settings(t);
	enum err_code code = ERR_NONE;

	if (json_object_set_new(o, NOTE,
				json_pack("{ss ss ss sb}", "from", t->dir, "to",
					  r->dir, "name", t->meta.name,
					  "copied", (int)copied)) != 0)
		code = err_fail(e, ERR_NOMEM, "torrent");
	if (code == ERR_NONE)
		code = torrent_keep_settings(t, o, e);
	json_decref(o);
	return code;
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

	/* it has files taken away: not on the word of a bit that flipped */
	if (!n || !resume_is_sound(row) ||
	    strlen(row->root) >= sizeof(n->root)) {
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

struct places { /* of what a note is about; NULL: no memory, or no note */
	char *from, *to, *part;
	const char *to_dir, *from_dir;
	bool copied;
};

static char *below(const char *dir, const char *before, const char *name,
		   const char *after)
{
	char *path;

	if (!dir || !name ||
	    asprintf(&path, "%s/%s%s%s", dir, before, name, after) < 0)
		return NULL;
	return path;
}

static char *part_of(const char *dir, const char *name)
{
	return below(dir, ".", name, PART);
}

static struct places places_of(const json_t *note)
{
	const char *name = json_string_value(json_object_get(note, "name"));
	struct places p = {
		.from_dir = json_string_value(json_object_get(note, "from")),
		.to_dir = json_string_value(json_object_get(note, "to")),
		.copied = json_is_true(json_object_get(note, "copied")),
	};

	p.from = below(p.from_dir, "", name, "");
	p.to = below(p.to_dir, "", name, "");
	p.part = part_of(p.to_dir, name);
	return p;
}

static enum err_code settle_places(struct engine *en, const struct noted *n,
				   const struct places *p, struct err *e)
{
	bool here = is_there(p->from), there = is_there(p->to);
	enum err_code code = ERR_NONE;

	if (there && (!here || p->copied)) {
		torrent_move_aside(&n->hash, p->from_dir, p->to_dir);
		code = resume_set_root(en->resume, &n->hash, p->to_dir, e);
		log_line(en->log, LOG_INFO, "torrent",
			 "a move that was cut off is done dir=\"%s\"",
			 p->to_dir);
		if (code == ERR_NONE && here)
			copy_tree_remove_source(p->from, p->to);
	}
	if (here && is_there(p->part))
		copy_tree_remove(p->part);
	return code;
}

static enum err_code settle_one(struct engine *en, const struct noted *n,
				struct err *e)
{
	struct places p = places_of(json_object_get(n->settings, NOTE));
	enum err_code code = ERR_NONE;

	if (p.from && p.to && p.part)
		code = settle_places(en, n, &p, e);
	free(p.from);
	free(p.to);
	free(p.part);
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

static struct relocation *relocation_of(struct work_job *job)
{
	return (struct relocation *)(void *)job;
}

/* It begins anew, wherever it is now, and the caller is told. */
static void end(struct relocation *r, const struct err *why)
{
	struct torrent *t = r->torrent, *moved = NULL;
	struct info_hash hash = t->meta.info_hash;
	struct err e = {0}, again = {0};
	json_t *o = torrent_settings(t);

	if (why)
		e = *why;
	(void)json_object_del(o, NOTE);
	torrent_take_settings(t, o);
	t->moving = NULL;
	torrent_free(t);
	if (torrent_restore(&moved, r->engine, &hash, &again) != ERR_NONE &&
	    e.code == ERR_NONE)
		e = again;
	r->done(r->ctx, moved, e.code == ERR_NONE ? NULL : &e);
	relocation_free(r);
}

static enum err_code tell_list(const struct relocation *r, struct err *e)
{
	const struct torrent *t = r->torrent;

	torrent_move_aside(&t->meta.info_hash, t->dir, r->dir);
	return resume_set_root(r->engine->resume, &t->meta.info_hash, r->dir,
			       e);
}

/* The copy gets its name, and counts from then on. */
static enum err_code take_copy(const struct relocation *r, struct err *e)
{
	enum err_code code = put_note(r, true, e);

	if (code == ERR_NONE && rename_anew(r->part, r->to) != 0)
		code = err_fail(e, ERR_IO, "cannot move %.90s: %s", r->part,
				strerror(errno));
	if (code != ERR_NONE)
		return code;
	(void)!file_sync_dir(r->to, NULL);
	code = tell_list(r, e);
	if (code != ERR_NONE) /* the list says that they are here */
		(void)rename(r->to, r->part);
	return code;
}

static void run_job(struct work_job *job)
{
	struct relocation *r = relocation_of(job);

	if (r->removes) {
		copy_tree_remove_source(r->from, r->to);
		return;
	}
	copy_tree_remove(r->part); /* of a run that was cut off */
	if (copy_tree(r->from, r->part, &r->watch, &r->job_err) == ERR_NONE)
		(void)!file_sync_dir(r->part, NULL);
}

static void job_done(struct work_job *job);

static void hand_over(struct relocation *r, bool removes)
{
	r->removes = removes;
	r->busy = true;
	r->job = (struct work_job){.run = run_job, .done = job_done};
	work_submit(r->engine->work, NULL, &r->job);
	loop_timer_set(r->timer, TELL_MS);
}

/* The node stops, or has stopped: the next start sees to the rest. */
static void give_up(struct relocation *r)
{
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "the daemon stops before this is done");
	r->done(r->ctx, NULL, &e);
	relocation_free(r);
}

static void job_done(struct work_job *job)
{
	struct relocation *r = relocation_of(job);
	struct err e = r->job_err;

	r->busy = false;
	if (!r->torrent) {
		give_up(r);
	} else if (r->removes) {
		torrent_delete_aside(r->torrent); /* that could not go along */
		end(r, NULL);
	} else if (e.code != ERR_NONE) {
		end(r, &e);
	} else if (take_copy(r, &e) != ERR_NONE) {
		copy_tree_remove(r->part);
		end(r, &e);
	} else {
		hand_over(r, true);
	}
}

void torrent_move_orphan(struct relocation *r)
{
	r->torrent = NULL;
	atomic_store(&r->watch.stop, true);
	if (!r->busy)
		give_up(r);
}

static void finish(struct relocation *r)
{
	struct err e = {0};
	bool other_disk = false;
	enum err_code code = put_note(r, false, &e);

	if (code == ERR_NONE)
		code = move_files(r, &other_disk, &e);
	if (code == ERR_NONE && other_disk) {
		log_line(r->engine->log, LOG_INFO, "torrent",
			 "copied to another disk name=\"%s\" dir=\"%s\"",
			 r->torrent->meta.name, r->dir);
		hand_over(r, false);
		return;
	}
	if (code == ERR_NONE) {
		code = tell_list(r, &e);
		if (code != ERR_NONE && !is_there(r->from) && is_there(r->to))
			(void)rename(r->to, r->from);
	}
	end(r, code == ERR_NONE ? NULL : &e);
}

static void on_timer(void *ctx)
{
	struct relocation *r = ctx;

	if (!r->busy) {
		finish(r);
		return;
	}
	loop_timer_set(r->timer, TELL_MS);
	if (r->torrent && !r->removes && r->moving)
		r->moving(r->ctx, atomic_load(&r->watch.done),
			  atomic_load(&r->watch.total));
}

/* torrent_stop() may still be on the stack: finish in a turn of our own. */
static void on_stopped(void *ctx)
{
	struct relocation *r = ctx;

	loop_timer_set(r->timer, 0);
}

static enum err_code may_move(const struct torrent *t, const char *dir,
			      struct err *e)
{
	if (!t->settings || t->state == TORRENT_STOPPED)
		return err_fail(e, ERR_STATE, "%.80s is being %s", t->meta.name,
				t->moving ? "moved" : "removed");
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
			   torrent_moving_fn *moving, torrent_moved_fn *done,
			   void *ctx, struct err *e)
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
	r->moving = moving;
	r->done = done;
	r->ctx = ctx;
	r->dir = strdup(dir);
	r->from = below(t->dir, "", t->meta.name, "");
	r->to = below(dir, "", t->meta.name, "");
	r->part = part_of(dir, t->meta.name);
	r->timer = loop_timer_new(t->engine->loop, on_timer, r);
	if (!r->dir || !r->from || !r->to || !r->part || !r->timer)
		code = err_fail(e, ERR_NOMEM, "torrent");
	else
		code = check_places(r, e);
	if (code != ERR_NONE) {
		relocation_free(r);
		return code;
	}
	t->moving = r;
	torrent_stop(t, on_stopped, r);
	return ERR_NONE;
}
