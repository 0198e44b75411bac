/* What is asked for about space: new volumes, other sizes, giving up. */
#include "storage/sector/sectors_int.h"

#include "base/rng.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct making {		      /* of a new volume */
	struct commit commit; /* first */
	struct task task;
	struct call *call;
	struct sectors *s;
	struct sector_volume row;
	struct volume *file;
	struct err err;
	uint32_t goal;
	char dir[];
};

#define MAKING_OF(ptr, member) \
	((struct making *)(void *)((char *)(ptr)-offsetof(struct making, \
							  member)))

static void end_making(struct making *m, const struct err *e)
{
	volume_close(m->file);
	call_answer(m->call, NULL, e);
	free(m->call);
	free(m);
}

static enum err_code apply_unmake(struct commit *c, struct sector_db *d,
				  struct sector_freed *freed, struct err *e)
{
	struct making *m = MAKING_OF(c, commit);

	(void)freed;
	return sector_db_volume_drop(d, m->row.id, e);
}

static void unmade(struct commit *c)
{
	struct making *m = MAKING_OF(c, commit);

	end_making(m, &m->err);
}

/* A worker. */
static void run_make(struct task *t)
{
	struct making *m = MAKING_OF(t, task);

	if (volume_create(m->dir, &m->row.name, &m->err) == ERR_NONE)
		(void)!volume_open(&m->file, m->dir, &m->row.name, &m->err);
	sectors_tell(m->s, SECTORS_GREW);
}

static void made(struct task *t)
{
	struct making *m = MAKING_OF(t, task);
	struct sectors *s = m->s;
	struct vol *v;

	if (m->err.code == ERR_NONE)
		(void)!vol_new(s, &m->row, &v, &m->err);
	if (m->err.code != ERR_NONE) {
		m->commit.apply = apply_unmake;
		m->commit.done = unmade;
		commit_add(s, &m->commit);
		return;
	}
	v->file = m->file;
	space_adopt(s, v, m->goal, m->call);
	free(m);
}

static enum err_code apply_make(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct making *m = MAKING_OF(c, commit);
	enum err_code code = sector_db_name(d, m->row.name.store, e);

	(void)freed;
	if (code == ERR_NONE)
		code = sector_db_volume_add(d, m->dir, m->row.name.volume,
					    &m->row.id, e);
	return code;
}

static void make_noted(struct commit *c)
{
	struct making *m = MAKING_OF(c, commit);

	if (c->err.code != ERR_NONE) {
		end_making(m, &c->err);
		return;
	}
	m->task.run = run_make;
	m->task.done = made;
	task_start(m->s, &m->task);
}

static enum err_code make(struct sectors *s, const char *dir, uint32_t slots,
			  struct call *call, struct err *e)
{
	struct rng rng = rng_system();
	size_t len = strlen(dir) + 1;
	struct making *m = calloc(1, sizeof(*m) + len);

	if (!m)
		return err_fail(e, ERR_NOMEM, "a volume");
	m->s = s;
	m->call = call;
	m->goal = slots;
	memcpy(m->dir, dir, len);
	m->row.dir = m->dir;
	rng_fill(&rng, m->row.name.volume, sizeof(m->row.name.volume));
	m->commit.apply = apply_make;
	m->commit.done = make_noted;
	commit_add(s, &m->commit);
	return ERR_NONE;
}

static struct vol *vol_by_dir(const struct sectors *s, const char *dir)
{
	for (unsigned i = 0; i < s->vol_n; i++)
		if (strcmp(s->vols[i]->dir, dir) == 0)
			return s->vols[i];
	return NULL;
}

enum err_code sectors_space(struct sectors *s, const char *dir, uint32_t slots,
			    sectors_fn *done, void *ctx, struct err *e)
{
	struct vol *v = vol_by_dir(s, dir);
	enum err_code code = sectors_ready(s, e);
	struct call *call;

	if (code != ERR_NONE)
		return code;
	if (slots > VOLUME_MAX_SLOTS || strlen(dir) > SECTOR_MAX_DIR)
		return err_fail(e, ERR_LIMIT, "more than %u MiB in a directory",
				VOLUME_MAX_SLOTS);
	if (v ? !v->file || v->given_up : slots == 0)
		return err_fail(e, ERR_STATE, "no volume is open in %s", dir);
	call = calloc(1, sizeof(*call));
	if (!call)
		return err_fail(e, ERR_NOMEM, "a change of space");
	call_init(call, s, done, ctx);
	if (v)
		space_ask(s, v, slots, call);
	else
		code = make(s, dir, slots, call, e);
	if (code != ERR_NONE) {
		call->done = NULL;
		call_answer(call, NULL, NULL);
		free(call);
	}
	return code;
}

enum err_code sectors_give_up(struct sectors *s, uint32_t volume,
			      sectors_fn *done, void *ctx, struct err *e)
{
	struct vol *v = vol_by_id(s, volume);
	struct call *call;

	if (sectors_ready(s, e) != ERR_NONE)
		return ERR_STATE;
	if (!v || v->file || v->given_up)
		return err_fail(e, ERR_STATE,
				v && v->file ? "the volume can be read"
					     : "there is no such volume");
	call = calloc(1, sizeof(*call));
	if (!call)
		return err_fail(e, ERR_NOMEM, "a volume's end");
	call_init(call, s, done, ctx);
	space_give_up(s, v, call);
	return ERR_NONE;
}
