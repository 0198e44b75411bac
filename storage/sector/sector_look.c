/* Reading a slot and judging what is there.
 *
 * Bytes that are not the sector's are looked at twice before the sector is
 * called lost: the slot stays pinned, the index is asked again whether the
 * sector is still in it (it may have been freed, or moved, meanwhile), and the
 * second reading comes from the disk itself. As a pinned slot is not given out,
 * a sector that the index then still has there has been there all the time.
 */
#include "storage/sector/sectors_int.h"

#include <stddef.h>
#include <string.h>

#define LOOK_OF(ptr, member) \
	((struct look *)(void *)((char *)(ptr)-offsetof(struct look, member)))

static void finish(struct look *l, enum verdict verdict)
{
	pin_drop(l->s, &l->pin);
	l->done(l, verdict);
}

/* A worker. */
static void run_read(struct task *t)
{
	struct look *l = LOOK_OF(t, task);
	struct hash32 root;

	l->err = (struct err){0};
	l->same = false;
	if (volume_read(l->v->file, l->at.slot, 0, l->buf, SECTOR_LEN,
			l->cold || l->again, &l->err) != ERR_NONE)
		return;
	tree_tile_nodes(l->nodes, l->buf, SECTOR_TILES);
	tree_root_of_tiles(&root, l->nodes);
	l->same = memcmp(root.bytes, l->root.bytes, sizeof(root.bytes)) == 0;
}

/* --- the worse --- */

static enum err_code apply_lose(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct look *l = LOOK_OF(c, commit);

	(void)freed;
	return sector_db_lose(d, &l->root, &l->at, l->now_s, &l->lost, e);
}

static void lose_done(struct commit *c)
{
	struct look *l = LOOK_OF(c, commit);
	const char *why = l->err.code ? l->err.msg : "other bytes than stored";
	char text[sizeof(l->err.msg)];

	if (c->err.code != ERR_NONE) {
		l->err = c->err;
		finish(l, FAILED);
		return;
	}
	if (!l->lost) {
		finish(l, MOVED);
		return;
	}
	memcpy(text, why, strlen(why) + 1);
	vol_lost_one(l->s, l->v, &l->root, text);
	finish(l, LOST);
}

static void run_find(struct query *q, struct sector_db *d)
{
	struct look *l = LOOK_OF(q, query);

	(void)!sector_db_find(d, &l->root, &l->found, &q->err);
}

static void find_done(struct query *q)
{
	struct look *l = LOOK_OF(q, query);

	if (q->err.code != ERR_NONE) {
		l->err = q->err;
		finish(l, FAILED);
	} else if (l->found.state != SECTOR_THERE ||
		   l->found.at.volume != l->at.volume ||
		   l->found.at.slot != l->at.slot) {
		finish(l, MOVED);
	} else {
		l->again = true;
		task_start(l->s, &l->task);
	}
}

static void find_again(struct look *l)
{
	l->query.run = run_find;
	l->query.done = find_done;
	query_start(l->s, &l->query);
}

static void read_done(struct task *t)
{
	struct look *l = LOOK_OF(t, task);

	if (l->same) {
		finish(l, SOUND);
	} else if (!l->again) {
		find_again(l);
	} else {
		l->now_s = l->s->now_s;
		l->commit.sync = NULL;
		l->commit.apply = apply_lose;
		l->commit.done = lose_done;
		commit_add(l->s, &l->commit);
	}
}

void look_start(struct look *l)
{
	pin_add(l->s, &l->pin, &l->at);
	l->again = false;
	l->err = (struct err){0};
	l->task.run = run_read;
	l->task.done = read_done;
	if (slot_taken(l->s, &l->at))
		task_start(l->s, &l->task);
	else /* it was freed since; even the volume may go */
		find_again(l);
}
