/* Changes of the index, in groups: while one group is being made durable, all
 * that comes gathers for the next.
 *
 * A group: fdatasync of each volume that it has new data in, one transaction of
 * all its changes, and then, on the loop, slots that it freed are given back
 * and each change is answered. A change that fails is undone alone.
 */
#include "storage/sector/sectors_int.h"

#include <errno.h>
#include <stdlib.h>

#define GROUP_MAX 512U

struct group {
	struct work_job job;
	struct sectors *s;
	struct commit *first;
	struct sector_freed freed;
	struct err err;	      /* of the whole */
	struct vol *unsynced; /* a volume whose data did not reach the disk */
	struct err unsynced_err;
};

static struct group *group_of(struct work_job *job)
{
	return (struct group *)(void *)job;
}

/* --- the writing thread --- */

/* What lies in this volume is not safe. */
static void fail_volume(struct group *g, const struct vol *v,
			const struct err *e)
{
	for (struct commit *c = g->first; c; c = c->next)
		if (c->sync == v)
			c->err = *e;
}

static void sync_volumes(struct group *g)
{
	const struct vol *done[SECTOR_MAX_VOLUMES];
	unsigned n = 0;

	for (struct commit *c = g->first; c; c = c->next) {
		struct err e = {0};
		unsigned i = 0;

		while (i < n && done[i] != c->sync)
			i++;
		if (!c->sync || i < n)
			continue;
		if (n < SECTOR_MAX_VOLUMES)
			done[n++] = c->sync;
		if (volume_sync(c->sync->file, &e) != ERR_NONE) {
			fail_volume(g, c->sync, &e);
			g->unsynced = c->sync;
			g->unsynced_err = e;
		}
	}
}

static void apply_one(struct group *g, struct commit *c)
{
	struct sector_db *d = g->s->writer;
	size_t freed = g->freed.n;

	if (c->err.code != ERR_NONE || sector_db_mark(d, &c->err) != ERR_NONE)
		return;
	c->undo = false;
	if (c->apply(c, d, &g->freed, &c->err) == ERR_NONE && !c->undo) {
		sector_db_mark_keep(d);
		return;
	}
	sector_db_mark_undo(d);
	g->freed.n = freed;
}

static void run_group(struct work_job *job)
{
	struct group *g = group_of(job);
	struct sector_db *d = g->s->writer;

	sync_volumes(g);
	sectors_tell(g->s, SECTORS_SYNCED);
	if (sector_db_begin(d, &g->err) != ERR_NONE)
		return;
	for (struct commit *c = g->first; c; c = c->next)
		apply_one(g, c);
	sectors_tell(g->s, SECTORS_CHANGED);
	if (sector_db_commit(d, &g->err) == ERR_NONE)
		sectors_tell(g->s, SECTORS_COMMITTED);
}

/* --- the loop --- */

static void start_group(struct sectors *s)
{
	struct group *g = s->group;
	struct commit **end;
	unsigned n = 0;

	g->first = s->waiting;
	for (end = &g->first; *end && n < GROUP_MAX; end = &(*end)->next)
		n++;
	s->waiting = *end;
	*end = NULL;
	if (!s->waiting)
		s->waiting_tail = &s->waiting;
	g->err = (struct err){0};
	g->unsynced = NULL;
	s->committing = true;
	work_submit(s->commit_work, NULL, &g->job);
}

static void give_back(struct sectors *s, const struct sector_freed *freed)
{
	for (size_t i = 0; i < freed->n; i++) {
		struct vol *v = vol_by_id(s, freed->at[i].volume);

		if (v)
			v->used--;
		cache_drop(s, &freed->at[i]);
		slot_give(s, &freed->at[i]);
	}
}

static void group_done(struct work_job *job)
{
	struct group *g = group_of(job);
	struct sectors *s = g->s;
	struct commit *c = g->first;
	struct err err = g->err;

	if (err.code == ERR_NONE)
		give_back(s, &g->freed);
	g->freed.n = 0;
	if (g->unsynced && g->unsynced_err.os == EIO)
		vol_call_sick(s, g->unsynced, g->unsynced_err.msg);
	s->committing = false;
	if (s->waiting)
		start_group(s);
	while (c) { /* done() may free it, or add it again */
		struct commit *next = c->next;

		if (c->err.code == ERR_NONE)
			c->err = err;
		c->done(c);
		active_end(s);
		c = next;
	}
}

void commit_add(struct sectors *s, struct commit *c)
{
	active_add(s);
	c->next = NULL;
	c->err = (struct err){0};
	if (!s->waiting)
		s->waiting_tail = &s->waiting;
	*s->waiting_tail = c;
	s->waiting_tail = &c->next;
	if (!s->committing)
		start_group(s);
}

enum err_code commit_init(struct sectors *s, struct err *e)
{
	s->group = calloc(1, sizeof(*s->group));
	if (!s->group)
		return err_fail(e, ERR_NOMEM, "a group");
	s->group->s = s;
	s->group->job.run = run_group;
	s->group->job.done = group_done;
	return ERR_NONE;
}

void commit_clear(struct sectors *s)
{
	if (s->group)
		sector_freed_clear(&s->group->freed);
	free(s->group);
	s->group = NULL;
}
