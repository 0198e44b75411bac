/* Sectors of a volume on their way to other slots: read from the disk itself
 * and judged, written, committed (the new slot taken and the old one freed in
 * one transaction).
 */
#include "storage/sector/sectors_int.h"

#include <stddef.h>
#include <stdlib.h>

struct move {
	struct look look; /* first */
	struct task task;
	struct commit commit;
	struct sectors *s;
	struct vol *from, *to;
	struct sector_at at; /* where it goes */
	bool moved;
	struct err err;
};

#define MOVE_OF(ptr, member) \
	((struct move *)(void *)((char *)(ptr)-offsetof(struct move, member)))

static void end_move(struct move *m, const struct err *e)
{
	struct sectors *s = m->s;
	struct vol *v = m->from;

	if (!m->moved)
		slot_give(s, &m->at);
	if (e && v->fault.code == ERR_NONE)
		v->fault = *e;
	buffer_put(s, m->look.buf);
	free(m);
	if (--v->moving == 0)
		space_moved(s, v);
}

static enum err_code apply_move(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct move *m = MOVE_OF(c, commit);

	return sector_db_move(d, &m->look.root, &m->look.at, &m->at, &m->moved,
			      freed, e);
}

static void move_done(struct commit *c)
{
	struct move *m = MOVE_OF(c, commit);

	m->moved = m->moved && c->err.code == ERR_NONE;
	if (m->moved)
		m->to->used++;
	end_move(m, c->err.code ? &c->err : NULL);
}

/* A worker. */
static void run_write(struct task *t)
{
	struct move *m = MOVE_OF(t, task);

	(void)!volume_write(m->to->file, m->at.slot, m->look.buf, &m->err);
	sectors_tell(m->s, SECTORS_WRITTEN);
}

static void write_done(struct task *t)
{
	struct move *m = MOVE_OF(t, task);

	if (m->err.code != ERR_NONE) {
		end_move(m, &m->err);
		return;
	}
	m->commit.sync = m->to;
	m->commit.apply = apply_move;
	m->commit.done = move_done;
	commit_add(m->s, &m->commit);
}

static void looked(struct look *l, enum verdict verdict)
{
	struct move *m = (struct move *)(void *)l;

	switch (verdict) {
	case SOUND:
		m->task.run = run_write;
		m->task.done = write_done;
		task_start(m->s, &m->task);
		break;
	case MOVED:
	case LOST:
		end_move(m, NULL);
		break;
	case FAILED:
		end_move(m, &l->err);
		break;
	}
}

/* False: there is no room, or no memory. */
static bool start_move(struct sectors *s, struct vol *v,
		       const struct sector_in *in)
{
	struct move *m = calloc(1, sizeof(*m));
	uint8_t *buf = m ? buffer_get(s) : NULL;

	if (!buf || !slot_take(s, &m->at, &m->to)) {
		buffer_put(s, buf);
		free(m);
		return false;
	}
	m->s = s;
	m->from = v;
	m->look.s = s;
	m->look.v = v;
	m->look.root = in->root;
	m->look.at = (struct sector_at){v->id, in->slot};
	m->look.buf = buf;
	m->look.cold = true;
	m->look.done = looked;
	v->moving++;
	look_start(&m->look);
	return true;
}

void moves_start(struct sectors *s, struct vol *v, const struct sector_in *in,
		 size_t n)
{
	bool room = true;

	v->moving = 1; /* until all are started */
	for (size_t i = 0; i < n && room; i++)
		room = start_move(s, v, &in[i]);
	if (!room && !v->stuck)
		vol_note(s, v,
			 "draining %s waits: %u MiB more are needed in other "
			 "directories",
			 v->dir, vol_taken_from(v, v->want) - v->moving + 1);
	v->stuck = !room;
	if (--v->moving == 0)
		space_moved(s, v);
}
