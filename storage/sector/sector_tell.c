/* Changes that carry no sector: revisions of agreements, records. */
#include "storage/sector/sectors_int.h"

#include <stdlib.h>
#include <string.h>

struct tell {
	struct commit commit; /* first */
	struct call call;
	enum err_code (*change)(struct tell *t, struct sector_db *d,
				struct sector_freed *freed, struct err *e);
	bool purge; /* something may be left to take away */
	bool preview;
	struct list_change list;
	struct record_put record;
	size_t have_n;
	struct sectors_answer answer;
	uint8_t bytes[]; /* what list or record point to */
};

static enum err_code apply_tell(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct tell *t = (struct tell *)(void *)c;

	c->undo = t->preview;
	return t->change(t, d, freed, e);
}

static void tell_done(struct commit *c)
{
	struct tell *t = (struct tell *)(void *)c;
	struct sectors *s = t->call.s;

	if (t->purge && c->err.code == ERR_NONE)
		care_wanted(s);
	call_answer(&t->call, &t->answer, &c->err);
	free(t);
}

static struct tell *new_tell(struct sectors *s, size_t extra, struct err *e)
{
	struct tell *t;

	if (sectors_ready(s, e) != ERR_NONE)
		return NULL;
	t = calloc(1, sizeof(*t) + extra);
	if (!t)
		(void)err_fail(e, ERR_NOMEM, "a change");
	else
		t->commit.apply = apply_tell;
	return t;
}

static void start(struct sectors *s, struct tell *t, sectors_fn *done,
		  void *ctx)
{
	t->commit.done = tell_done;
	call_init(&t->call, s, done, ctx);
	commit_add(s, &t->commit);
}

/* --- agreements --- */

static enum err_code change_list(struct tell *t, struct sector_db *d,
				 struct sector_freed *freed, struct err *e)
{
	return list_change(d, &t->list, freed, e);
}

static enum err_code settle(struct tell *t, struct sector_db *d,
			    struct sector_freed *freed, struct err *e)
{
	(void)freed;
	return list_settle(d, &t->list.key, t->list.revision, e);
}

static enum err_code drop(struct tell *t, struct sector_db *d,
			  struct sector_freed *freed, struct err *e)
{
	enum err_code code = list_drop(d, &t->list.key, e);

	(void)freed;
	return code == ERR_NONE ? record_let_go(d, &t->list.key.renter,
						t->record.expires_s, e)
				: code;
}

enum err_code sectors_change(struct sectors *s, const struct list_change *c,
			     bool preview, sectors_fn *done, void *ctx,
			     struct err *e)
{
	struct err local = {0};
	size_t ops_len;
	struct tell *t;

	if (c->op_count > LIST_MAX_OPS || c->blob_len > LIST_MAX_SIGNED)
		return err_fail(e, ERR_LIMIT, "too much in one revision");
	ops_len = c->op_count * sizeof(*c->ops);
	t = new_tell(s, ops_len + c->blob_len, e ? e : &local);
	if (!t)
		return e ? e->code : local.code;
	t->list = *c;
	t->preview = preview;
	t->change = change_list;
	if (ops_len)
		memcpy(t->bytes, c->ops, ops_len);
	if (c->blob_len)
		memcpy(t->bytes + ops_len, c->blob, c->blob_len);
	t->list.ops = (const struct list_op *)(const void *)t->bytes;
	t->list.blob = t->bytes + ops_len;
	start(s, t, done, ctx);
	return ERR_NONE;
}

static enum err_code tell_key(struct sectors *s, const struct list_key *key,
			      uint32_t revision, bool over, sectors_fn *done,
			      void *ctx, struct err *e)
{
	struct err local = {0};
	struct tell *t = new_tell(s, 0, e ? e : &local);

	if (!t)
		return e ? e->code : local.code;
	t->list.key = *key;
	t->list.revision = revision;
	t->record.expires_s = s->now_s + RECORD_LASTS_S;
	t->change = over ? drop : settle;
	t->purge = true;
	start(s, t, done, ctx);
	return ERR_NONE;
}

enum err_code sectors_settle(struct sectors *s, const struct list_key *key,
			     uint32_t revision, sectors_fn *done, void *ctx,
			     struct err *e)
{
	return tell_key(s, key, revision, false, done, ctx, e);
}

enum err_code sectors_drop(struct sectors *s, const struct list_key *key,
			   sectors_fn *done, void *ctx, struct err *e)
{
	return tell_key(s, key, 0, true, done, ctx, e);
}

/* --- what is here already --- */

static enum err_code have(struct tell *t, struct sector_db *d,
			  struct sector_freed *freed, struct err *e)
{
	const struct hash32 *roots =
		(const struct hash32 *)(const void *)t->bytes;
	uint8_t *bits = t->bytes + t->have_n * sizeof(*roots);
	enum err_code code = ERR_NONE;
	uint32_t staged = 0;

	(void)freed;
	for (size_t i = 0; i < t->have_n && code == ERR_NONE; i++) {
		struct sector_found found;
		bool placed;

		code = sector_db_find(d, &roots[i], &found, e);
		if (code != ERR_NONE || found.state != SECTOR_THERE)
			continue;
		code = sector_db_stage(d, &roots[i], NULL, &t->record.owner,
				       t->record.expires_s, &placed, e);
		bits[i / 8] |= (uint8_t)(0x80U >> i % 8);
		t->answer.count++;
	}
	if (code == ERR_NONE)
		code = sector_db_staged(d, &t->record.owner, &staged, e);
	if (code == ERR_NONE && staged > t->call.s->cfg.max_staged)
		code = err_fail(e, ERR_LIMIT, "too much is staged");
	t->answer.data = bits;
	t->answer.len = (t->have_n + 7) / 8;
	return code;
}

enum err_code sectors_have(struct sectors *s, const struct hash32 *roots,
			   size_t n, const struct address *owner,
			   int64_t expires_s, sectors_fn *done, void *ctx,
			   struct err *e)
{
	struct err local = {0};
	struct tell *t;

	if (n > SECTORS_MAX_HAVE)
		return err_fail(e, ERR_LIMIT, "%zu roots at a time", n);
	t = new_tell(s, n * sizeof(*roots) + (n + 7) / 8, e ? e : &local);
	if (!t)
		return e ? e->code : local.code;
	if (n)
		memcpy(t->bytes, roots, n * sizeof(*roots));
	t->have_n = n;
	t->record.owner = *owner;
	t->record.expires_s = expires_s;
	t->change = have;
	start(s, t, done, ctx);
	return ERR_NONE;
}

/* --- records --- */

static enum err_code put_placement(struct tell *t, struct sector_db *d,
				   struct sector_freed *freed, struct err *e)
{
	enum err_code code =
		record_put_placement(d, &t->record, &t->answer.stored, e);

	(void)freed;
	if (code == ERR_NONE)
		code = record_placement(d, &t->record.object, &t->answer.record,
					e);
	return code;
}

static enum err_code put_head(struct tell *t, struct sector_db *d,
			      struct sector_freed *freed, struct err *e)
{
	uint8_t bytes[RECORD_MAX_HEAD];
	enum err_code code =
		record_put_head(d, &t->record, &t->answer.stored, e);

	(void)freed;
	if (code == ERR_NONE)
		code = record_head(d, &t->record.owner, &t->answer.record,
				   bytes, e);
	return code;
}

static enum err_code put_record(struct sectors *s, const struct record_put *p,
				bool head, sectors_fn *done, void *ctx,
				struct err *e)
{
	struct err local = {0};
	struct tell *t;

	if (p->len == 0 ||
	    p->len > (head ? RECORD_MAX_HEAD : RECORD_MAX_PLACEMENT))
		return err_fail(e, ERR_LIMIT, "a record of %zu bytes", p->len);
	t = new_tell(s, p->len, e ? e : &local);
	if (!t)
		return e ? e->code : local.code;
	t->record = *p;
	memcpy(t->bytes, p->bytes, p->len);
	t->record.bytes = t->bytes;
	t->change = head ? put_head : put_placement;
	start(s, t, done, ctx);
	return ERR_NONE;
}

enum err_code sectors_put_placement(struct sectors *s,
				    const struct record_put *p,
				    sectors_fn *done, void *ctx, struct err *e)
{
	return put_record(s, p, false, done, ctx, e);
}

enum err_code sectors_put_head(struct sectors *s, const struct record_put *p,
			       sectors_fn *done, void *ctx, struct err *e)
{
	return put_record(s, p, true, done, ctx, e);
}
