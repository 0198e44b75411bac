/* How much space there is: growing, shrinking, draining, giving up.
 *
 * A volume has slots (its file's), want (slots from there on are being given
 * back) and goal (what was asked for). adjust() does one step after another
 * until all three are the same; each step is committed by itself, so that a
 * crash between any two leaves a state from which to go on:
 *
 *   want > goal          commit want = goal; no more puts behind it
 *   want < goal, slots   commit want = the smaller of both
 *   slots < goal         file grows by a part; then commit slots, want
 *   slots > want         sectors behind it move; none left: commit slots,
 *                        then the file is cut
 *   all 0                file deleted; then commit that it is gone
 *
 * What the index knows less of than the file has (a crash between growing and
 * committing, or between committing and cutting) is cut when it is opened.
 */
#include "storage/sector/sectors_int.h"

#include <errno.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define GROW_STEP 1024U /* slots */
#define MOVES 4U	/* sectors at a time */
#define LOSE_STEP 256U
#define RETRY_MS 50
#define STUCK_MS 5000
/* What the index may still need, on the disk that it is on. */
#define RESERVE_BYTES (UINT64_C(32) << 20)
#define RESERVE_PER_SLOT 512U

struct act { /* one step of one volume */
	struct commit commit;
	struct task task;
	struct query query;
	struct sectors *s;
	struct vol *v;
	uint32_t slots, want;
	uint32_t retired; /* from want on */
	int64_t now_s;
	struct err err;
	size_t n;
	struct sector_in in[LOSE_STEP];
};

#define ACT_OF(ptr, member) \
	((struct act *)(void *)((char *)(ptr)-offsetof(struct act, member)))

static void adjust(struct sectors *s, struct vol *v);

/* --- steps --- */

static void answer(struct vol *v, uint32_t count, const struct err *e)
{
	struct sectors_answer a = {.count = count};
	struct call *c = v->call;

	v->call = NULL;
	if (!c)
		return;
	call_answer(c, &a, e);
	free(c);
}

/* This is as far as it goes. */
static void fail(struct sectors *s, struct vol *v, const struct err *e)
{
	v->busy = false;
	v->goal = v->want;
	vol_note(s, v, "%s", e->msg);
	answer(v, v->slots, e);
}

static struct act *new_act(struct sectors *s, struct vol *v)
{
	struct act *a = calloc(1, sizeof(*a));
	struct err e = {0};

	if (!a) {
		(void)err_fail(&e, ERR_NOMEM, "a change of space");
		fail(s, v, &e);
		return NULL;
	}
	a->s = s;
	a->v = v;
	v->busy = true;
	return a;
}

/* The step is over; the next one follows. */
static void end_act(struct act *a, const struct err *e)
{
	struct sectors *s = a->s;
	struct vol *v = a->v;

	v->busy = false;
	if (e->code != ERR_NONE)
		fail(s, v, e);
	else
		adjust(s, v);
	free(a);
}

static void later(struct sectors *s, int64_t ms)
{
	loop_timer_set(s->retry, ms);
}

/* --- sizes --- */

static enum err_code apply_size(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct act *a = ACT_OF(c, commit);

	(void)freed;
	return sector_db_volume_size(d, a->v->id, a->slots, a->want, e);
}

static void size_done(struct commit *c)
{
	struct act *a = ACT_OF(c, commit);

	if (c->err.code == ERR_NONE && a->slots != a->v->slots)
		(void)!vol_set_slots(a->v, a->slots, &c->err);
	if (c->err.code == ERR_NONE)
		vol_set_want(a->v, a->want);
	end_act(a, &c->err);
}

static void commit_size(struct act *a, uint32_t slots, uint32_t want)
{
	a->slots = slots;
	a->want = want;
	a->commit.apply = apply_size;
	a->commit.done = size_done;
	commit_add(a->s, &a->commit);
}

static void set_want(struct sectors *s, struct vol *v, uint32_t want)
{
	struct act *a = new_act(s, v);

	if (!a)
		return;
	if (want < v->want) /* from now on, not only once it is committed */
		vol_set_want(v, want);
	commit_size(a, v->slots, want);
}

/* A full disk must not keep the index from being written. */
static enum err_code check_reserve(const struct act *a, struct err *e)
{
	uint64_t need = RESERVE_BYTES + (uint64_t)a->slots * RESERVE_PER_SLOT;
	char *path = strdup(a->s->cfg.index);
	struct statvfs st;
	bool ok = !path || statvfs(dirname(path), &st) != 0 ||
		  (uint64_t)st.f_bavail * st.f_frsize >= need;

	free(path);
	if (ok)
		return ERR_NONE;
	errno = ENOSPC;
	return err_fail(e, ERR_IO,
			"the disk of the index would be too full; offer less "
			"or free some");
}

static bool is_full(const struct err *e)
{
	return e->os == ENOSPC || e->os == EFBIG || e->os == EDQUOT;
}

/* A worker. */
static void run_grow(struct task *t)
{
	struct act *a = ACT_OF(t, task);
	struct volume *file = a->v->file;
	bool sparse = a->s->cfg.sparse;
	uint32_t step_slots = a->slots - a->v->slots;

	for (;;) {
		a->err = (struct err){0};
		if (volume_resize(file, a->slots, sparse, &a->err) ==
			    ERR_NONE &&
		    check_reserve(a, &a->err) != ERR_NONE)
			(void)!volume_resize(file, a->v->slots, sparse, NULL);
		if (!is_full(&a->err) || step_slots == 1)
			break;
		step_slots /= 2; /* as many as fit */
		a->slots = a->v->slots + step_slots;
	}
	sectors_tell(a->s, SECTORS_GREW);
}

static void grown(struct task *t)
{
	struct act *a = ACT_OF(t, task);

	if (a->err.code != ERR_NONE)
		end_act(a, &a->err);
	else
		commit_size(a, a->slots, a->slots);
}

static void grow(struct sectors *s, struct vol *v)
{
	struct act *a = new_act(s, v);

	if (!a)
		return;
	a->slots =
		v->goal - v->slots > GROW_STEP ? v->slots + GROW_STEP : v->goal;
	a->task.run = run_grow;
	a->task.done = grown;
	task_start(s, &a->task);
}

/* --- draining --- */

void space_moved(struct sectors *s, struct vol *v)
{
	struct err e = v->fault;

	v->busy = false;
	v->fault = (struct err){0};
	if (e.code != ERR_NONE)
		fail(s, v, &e);
	else if (v->stuck && !s->closing)
		later(s, STUCK_MS);
	else
		adjust(s, v);
}

static enum err_code apply_shrink(struct commit *c, struct sector_db *d,
				  struct sector_freed *freed, struct err *e)
{
	struct act *a = ACT_OF(c, commit);
	enum err_code code = sector_db_unretire(d, a->v->id, a->want, e);

	return code == ERR_NONE ? apply_size(c, d, freed, e) : code;
}

/* A worker. */
static void run_cut(struct task *t)
{
	struct act *a = ACT_OF(t, task);

	sectors_tell(a->s, SECTORS_GREW);
	if (a->v->file)
		(void)!volume_resize(a->v->file, a->slots, a->s->cfg.sparse,
				     &a->err);
}

static void cut_done(struct task *t)
{
	struct act *a = ACT_OF(t, task);

	end_act(a, &a->err);
}

static void shrink_done(struct commit *c)
{
	struct act *a = ACT_OF(c, commit);

	if (c->err.code == ERR_NONE)
		(void)!vol_set_slots(a->v, a->slots, &c->err);
	if (c->err.code != ERR_NONE) {
		end_act(a, &c->err);
		return;
	}
	a->v->retired -= a->retired;
	a->v->losing = false;
	a->task.run = run_cut;
	a->task.done = cut_done;
	task_start(a->s, &a->task);
}

/* Nothing is behind `to`. */
static void shrink(struct act *a, uint32_t to)
{
	a->slots = to;
	a->want = to < a->v->want ? to : a->v->want;
	a->commit.apply = apply_shrink;
	a->commit.done = shrink_done;
	commit_add(a->s, &a->commit);
}

static void run_behind(struct query *q, struct sector_db *d)
{
	struct act *a = ACT_OF(q, query);

	if (sector_db_from(d, a->v->id, a->v->want, a->in, MOVES, &a->n,
			   &q->err) == ERR_NONE)
		(void)!sector_db_retired(d, a->v->id, a->v->want, &a->retired,
					 &q->err);
}

static bool is_read(const struct sectors *s, const struct vol *v)
{
	for (const struct pin *p = s->pins; p; p = p->next)
		if (p->at.volume == v->id)
			return true;
	return false;
}

static void behind_done(struct query *q)
{
	struct act *a = ACT_OF(q, query);
	struct sectors *s = a->s;
	struct vol *v = a->v;

	if (q->err.code != ERR_NONE) {
		end_act(a, &q->err);
	} else if (a->n) {
		moves_start(s, v, a->in, a->n);
		free(a);
	} else if (vol_taken_from(v, v->want) > a->retired || is_read(s, v)) {
		v->busy = false; /* something is still on its way */
		later(s, RETRY_MS);
		free(a);
	} else {
		shrink(a, v->want);
	}
}

static void drain(struct sectors *s, struct vol *v)
{
	struct act *a = new_act(s, v);

	if (!a)
		return;
	a->query.run = run_behind;
	a->query.done = behind_done;
	query_start(s, &a->query);
}

/* --- losing what is not there --- */

static enum err_code apply_losing(struct commit *c, struct sector_db *d,
				  struct sector_freed *freed, struct err *e)
{
	struct act *a = ACT_OF(c, commit);
	struct sector_at at = {.volume = a->v->id};
	enum err_code code = sector_db_from(d, at.volume, a->v->lose_from,
					    a->in, LOSE_STEP, &a->n, e);
	bool lost;

	(void)freed;
	for (size_t i = 0; i < a->n && code == ERR_NONE; i++) {
		at.slot = a->in[i].slot;
		code = sector_db_lose(d, &a->in[i].root, &at, a->now_s, &lost,
				      e);
	}
	if (code == ERR_NONE && a->n == 0)
		code = sector_db_retired(d, at.volume, a->v->lose_from,
					 &a->retired, e);
	if (code == ERR_NONE && a->n == 0 && a->v->given_up)
		code = sector_db_volume_drop(d, at.volume, e);
	return code;
}

static void gone(struct sectors *s, struct vol *v)
{
	struct call *c = v->call;
	struct sectors_answer a = {.count = v->lost_n};

	v->call = NULL;
	vol_free(s, v);
	if (c)
		call_answer(c, &a, NULL);
	free(c);
}

static void losing_done(struct commit *c)
{
	struct act *a = ACT_OF(c, commit);
	struct sectors *s = a->s;
	struct vol *v = a->v;

	if (c->err.code != ERR_NONE) {
		end_act(a, &c->err);
		return;
	}
	for (size_t i = 0; i < a->n; i++)
		vol_lost_one(s, v, &a->in[i].root, "its place is gone");
	v->lost_n += (uint32_t)a->n;
	if (a->n) {
		commit_add(s, &a->commit);
	} else if (v->given_up) {
		gone(s, v);
		free(a);
	} else {
		vol_note(s, v,
			 "the volume in %s was cut short: %u sectors are lost",
			 v->dir, v->lost_n);
		shrink(a, v->lose_from);
	}
}

static void lose(struct sectors *s, struct vol *v)
{
	struct act *a = new_act(s, v);

	if (!a)
		return;
	a->now_s = s->now_s;
	a->commit.apply = apply_losing;
	a->commit.done = losing_done;
	commit_add(s, &a->commit);
}

/* --- the end of a volume --- */

static enum err_code apply_drop(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct act *a = ACT_OF(c, commit);

	(void)freed;
	return sector_db_volume_drop(d, a->v->id, e);
}

static void drop_done(struct commit *c)
{
	struct act *a = ACT_OF(c, commit);

	if (c->err.code != ERR_NONE) {
		end_act(a, &c->err);
		return;
	}
	gone(a->s, a->v);
	free(a);
}

/* A worker. */
static void run_remove(struct task *t)
{
	struct act *a = ACT_OF(t, task);

	(void)!volume_remove(a->v->dir, &a->err);
	sectors_tell(a->s, SECTORS_GREW);
}

static void removed(struct task *t)
{
	struct act *a = ACT_OF(t, task);

	if (a->err.code != ERR_NONE) {
		end_act(a, &a->err);
		return;
	}
	a->commit.apply = apply_drop;
	a->commit.done = drop_done;
	commit_add(a->s, &a->commit);
}

static void finish(struct sectors *s, struct vol *v)
{
	struct act *a;

	if (v->goal) {
		answer(v, v->slots, NULL);
		return;
	}
	a = new_act(s, v);
	if (!a)
		return;
	a->task.run = run_remove;
	a->task.done = removed;
	task_start(s, &a->task);
}

/* --- the whole --- */

static void closed(struct vol *v)
{
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "the sectors are being closed");
	answer(v, 0, &e);
}

static void adjust(struct sectors *s, struct vol *v)
{
	uint32_t most = v->goal < v->slots ? v->goal : v->slots;

	if (v->busy)
		return;
	if (s->closing)
		closed(v);
	else if (v->losing)
		lose(s, v);
	else if (!v->file)
		return;
	else if (v->want != most)
		set_want(s, v, most);
	else if (v->slots < v->goal)
		grow(s, v);
	else if (v->slots > v->want)
		drain(s, v);
	else
		finish(s, v);
}

static void adjust_all(struct sectors *s)
{
	for (unsigned i = s->vol_n; i-- > 0;) /* one may go */
		if (s->vols[i]->call || s->vols[i]->losing ||
		    s->vols[i]->want != s->vols[i]->slots)
			adjust(s, s->vols[i]);
}

static void on_retry(void *ctx)
{
	struct sectors *s = ctx;

	for (unsigned i = 0; i < s->vol_n; i++)
		if (s->vols[i]->announce) {
			s->vols[i]->announce = false;
			vol_note(s, s->vols[i], "%s", s->vols[i]->fault.msg);
			s->vols[i]->fault = (struct err){0};
		}
	adjust_all(s);
}

void space_retry(struct sectors *s)
{
	for (unsigned i = 0; i < s->vol_n; i++)
		if (s->vols[i]->stuck) {
			s->vols[i]->stuck = false;
			later(s, 0);
		}
}

void space_closing(struct sectors *s)
{
	loop_timer_cancel(s->retry);
	for (unsigned i = s->vol_n; i-- > 0;)
		adjust(s, s->vols[i]);
}

/* --- opening --- */

/* Never had a slot, or has given back all: a crash came before it was gone. */
static enum err_code drop_empty(struct sectors *s, struct vol *v, struct err *e)
{
	enum err_code code = ERR_NONE;

	if (v->file)
		code = volume_remove(v->dir, e);
	if (code == ERR_NONE)
		code = sector_db_begin(s->writer, e);
	if (code == ERR_NONE)
		code = sector_db_volume_drop(s->writer, v->id, e);
	if (code == ERR_NONE)
		code = sector_db_commit(s->writer, e);
	sector_db_rollback(s->writer);
	if (code == ERR_NONE)
		vol_free(s, v);
	return code;
}

static void open_volume(struct sectors *s, struct vol *v)
{
	uint32_t slots;

	if (volume_open(&v->file, v->dir, &v->name, &v->fault) != ERR_NONE) {
		v->announce = v->slots > 0;
		if (v->slots == 0)
			(void)drop_empty(s, v, NULL);
		return;
	}
	if (v->slots == 0) {
		(void)drop_empty(s, v, NULL);
		return;
	}
	slots = volume_slots(v->file);
	if (slots > v->slots) /* a crash came before it was committed */
		(void)!volume_resize(v->file, v->slots, s->cfg.sparse, NULL);
	v->losing = slots < v->slots;
	v->lose_from = slots;
}

enum err_code space_begin(struct sectors *s, struct err *e)
{
	s->retry = loop_timer_new(s->cfg.loop, on_retry, s);
	if (!s->retry)
		return err_fail(e, ERR_NOMEM, "a timer");
	for (unsigned i = s->vol_n; i-- > 0;)
		open_volume(s, s->vols[i]);
	later(s, 0);
	return ERR_NONE;
}

/* --- asked for --- */

void space_ask(struct sectors *s, struct vol *v, uint32_t slots,
	       struct call *call)
{
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "another size was asked for meanwhile");
	answer(v, v->slots, &e);
	v->call = call;
	v->goal = slots;
	v->stuck = false;
	later(s, 0); /* nobody is answered from inside a call */
}

void space_give_up(struct sectors *s, struct vol *v, struct call *call)
{
	v->call = call;
	v->given_up = v->losing = true;
	v->lose_from = 0;
	later(s, 0);
}

void space_adopt(struct sectors *s, struct vol *v, uint32_t goal,
		 struct call *call)
{
	v->goal = goal;
	v->call = call;
	adjust(s, v);
}
