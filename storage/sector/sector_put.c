/* A sector's way in: spans -> a worker gathers, checks the root and writes the
 * slot -> a group syncs and commits -> answered.
 *
 * The slot is only marked in memory until the commit: whatever happens before
 * it, the index still has the slot free.
 */
#include "storage/sector/sectors_int.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct put {
	struct call call;
	struct task task;
	struct commit commit;
	struct hash32 root;
	struct address owner;
	int64_t expires_s;
	bool has_slot; /* none: all space is taken, but it may be here */
	bool placed;
	struct sector_at at;
	struct vol *v;
	struct err err;
	size_t span_count;
	struct span spans[];
};

#define PUT_OF(ptr, member) \
	((struct put *)(void *)((char *)(ptr)-offsetof(struct put, member)))

/* Half of what is too much must have gone before more is asked for. */
void put_pressure(struct sectors *s)
{
	bool blocked = s->blocked ? s->putting > s->cfg.max_put_mib / 2
				  : s->putting >= s->cfg.max_put_mib;

	if (blocked == s->blocked)
		return;
	s->blocked = blocked;
	if (s->cfg.ops && s->cfg.ops->pressure)
		s->cfg.ops->pressure(s->cfg.ctx, blocked);
}

static void end_put(struct put *p, const struct err *e)
{
	struct sectors *s = p->call.s;

	if (p->has_slot && !p->placed)
		slot_give(s, &p->at);
	s->putting--;
	call_answer(&p->call, NULL, e);
	put_pressure(s);
	free(p);
}

/* --- committed --- */

static enum err_code apply_put(struct commit *c, struct sector_db *d,
			       struct sector_freed *freed, struct err *e)
{
	struct put *p = PUT_OF(c, commit);
	uint32_t staged, most = p->call.s->cfg.max_staged;
	enum err_code code;

	(void)freed;
	code = sector_db_stage(d, &p->root, p->has_slot ? &p->at : NULL,
			       &p->owner, p->expires_s, &p->placed, e);
	if (code == ERR_NONE)
		code = sector_db_staged(d, &p->owner, &staged, e);
	if (code == ERR_NONE && staged > most)
		code = err_fail(e, ERR_LIMIT,
				"%u sectors wait for a revision that names "
				"them",
				most);
	return code;
}

static void put_done(struct commit *c)
{
	struct put *p = PUT_OF(c, commit);

	if (!p->has_slot && c->err.code == ERR_STATE) {
		c->err = (struct err){0};
		(void)err_fail(&c->err, ERR_LIMIT, "all space is taken");
	}
	p->placed = p->placed && c->err.code == ERR_NONE;
	if (p->placed)
		p->v->used++;
	end_put(p, &c->err);
}

static void commit_put(struct put *p)
{
	p->commit.sync = p->v;
	p->commit.apply = apply_put;
	p->commit.done = put_done;
	commit_add(p->call.s, &p->commit);
}

/* --- written --- */

static void gather(const struct put *p, uint8_t *to)
{
	for (size_t i = 0; i < p->span_count; i++) {
		memcpy(to, p->spans[i].p, p->spans[i].len);
		to += p->spans[i].len;
	}
}

/* A worker. */
static void run_put(struct task *t)
{
	struct put *p = PUT_OF(t, task);
	struct hash32 root;
	uint8_t *buf = buffer_get(t->s);

	if (!buf) {
		(void)err_fail(&p->err, ERR_NOMEM, "a sector");
		return;
	}
	gather(p, buf);
	tree_sector_root(&root, buf);
	if (memcmp(root.bytes, p->root.bytes, sizeof(root.bytes)) != 0)
		(void)err_fail(&p->err, ERR_SIG,
			       "the sector has another root than said");
	else if (p->has_slot)
		(void)!volume_write(p->v->file, p->at.slot, buf, &p->err);
	sectors_tell(t->s, SECTORS_WRITTEN);
	buffer_put(t->s, buf);
}

static void written(struct task *t)
{
	struct put *p = PUT_OF(t, task);

	for (size_t i = 0; i < p->span_count; i++)
		span_unref(&p->spans[i]);
	if (p->err.code == ERR_NONE) {
		commit_put(p);
		return;
	}
	if (p->err.os == EIO && p->v)
		vol_call_sick(t->s, p->v, p->err.msg);
	end_put(p, &p->err);
}

/* --- asked for --- */

static enum err_code check(const struct sectors *s, const struct sectors_put *p,
			   struct err *e)
{
	size_t len = 0;

	if (sectors_ready(s, e) != ERR_NONE)
		return ERR_STATE;
	if (p->span_count > SECTORS_MAX_SPANS)
		return err_fail(e, ERR_LIMIT, "a sector in %zu pieces",
				p->span_count);
	for (size_t i = 0; i < p->span_count && len <= SECTOR_LEN; i++)
		len += p->spans[i].len;
	if (len != SECTOR_LEN)
		return err_fail(e, ERR_PARSE, "a sector has %u bytes",
				SECTOR_LEN);
	if (s->putting >= s->cfg.max_put_mib)
		return err_fail(e, ERR_LIMIT, "too many sectors wait");
	return ERR_NONE;
}

static struct put *new_put(struct sectors *s, const struct sectors_put *from,
			   size_t span_count, struct err *e)
{
	struct put *p =
		calloc(1, sizeof(*p) + span_count * sizeof(p->spans[0]));

	if (!p) {
		(void)err_fail(e, ERR_NOMEM, "a sector");
		return NULL;
	}
	p->call.s = s;
	p->root = from->root;
	p->owner = from->owner;
	p->expires_s = from->expires_s;
	p->span_count = span_count;
	return p;
}

enum err_code sectors_put(struct sectors *s, const struct sectors_put *from,
			  sectors_fn *done, void *ctx, struct err *e)
{
	enum err_code code = check(s, from, e);
	struct put *p;

	if (code != ERR_NONE)
		return code;
	p = new_put(s, from, from->span_count, e);
	if (!p)
		return ERR_NOMEM;
	p->has_slot = slot_take(s, &p->at, &p->v);
	for (size_t i = 0; i < from->span_count; i++) {
		p->spans[i] = from->spans[i];
		span_ref(&p->spans[i]);
	}
	s->putting++;
	call_init(&p->call, s, done, ctx);
	p->task.run = run_put;
	p->task.done = written;
	task_start(s, &p->task);
	put_pressure(s);
	return ERR_NONE;
}
