/* Questions to the index, on a thread and a connection of their own, so that
 * nobody waits for a flush; and proofs, which also read a sector.
 */
#include "storage/sector/sectors_int.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PART_MAX 65536U

struct ask {
	struct query query; /* first */
	struct call call;
	enum err_code (*look)(struct ask *a, struct sector_db *d,
			      struct err *e);
	struct list_key key;
	bool first; /* no key: from the first one on */
	struct hash32 object;
	uint32_t from, len;
	uint64_t sequence;
	struct list_info info;
	struct sector_totals totals;
	struct sectors_answer answer;
	uint8_t bytes[]; /* what the answer points to */
};

static struct hash32 *as_roots(struct ask *a)
{
	return (struct hash32 *)(void *)a->bytes;
}

static void run_ask(struct query *q, struct sector_db *d)
{
	struct ask *a = (struct ask *)(void *)q;

	(void)a->look(a, d, &q->err);
}

static void ask_done(struct query *q)
{
	struct ask *a = (struct ask *)(void *)q;

	call_answer(&a->call, &a->answer, &q->err);
	free(a);
}

static struct ask *new_ask(struct sectors *s, size_t extra, struct err *e)
{
	struct ask *a;

	if (sectors_ready(s, e) != ERR_NONE)
		return NULL;
	a = calloc(1, sizeof(*a) + extra);
	if (!a)
		(void)err_fail(e, ERR_NOMEM, "a question");
	return a;
}

static enum err_code refused(const struct err *e)
{
	return e && e->code != ERR_NONE ? e->code : ERR_STATE;
}

static enum err_code start(struct sectors *s, struct ask *a, sectors_fn *done,
			   void *ctx)
{
	a->query.run = run_ask;
	a->query.done = ask_done;
	call_init(&a->call, s, done, ctx);
	query_start(s, &a->query);
	return ERR_NONE;
}

/* --- agreements --- */

static void take_info(void *ctx, const struct list_info *info)
{
	struct ask *a = ctx;

	a->info = *info;
	if (info->blob_len)
		memcpy(a->bytes, info->blob, info->blob_len);
	a->info.blob = a->bytes;
	a->answer.info = &a->info;
}

static enum err_code get_one(struct ask *a, struct sector_db *d, struct err *e)
{
	return list_get(d, &a->key, take_info, a, e);
}

static enum err_code get_next(struct ask *a, struct sector_db *d, struct err *e)
{
	enum err_code code =
		list_each(d, a->first ? NULL : &a->key, 1, take_info, a, e);

	if (code == ERR_NONE && !a->answer.info)
		return err_fail(e, ERR_STATE, "there are no more agreements");
	return code;
}

static enum err_code get_roots(struct ask *a, struct sector_db *d,
			       struct err *e)
{
	struct sectors_answer *to = &a->answer;
	enum err_code code =
		list_roots(d, &a->key, a->from, as_roots(a), SECTORS_MAX_ROOTS,
			   &to->node_count, &to->count, e);

	to->nodes = as_roots(a);
	to->next = a->from + (uint32_t)to->node_count;
	return code;
}

static enum err_code get_lost(struct ask *a, struct sector_db *d, struct err *e)
{
	struct sectors_answer *to = &a->answer;

	to->nodes = as_roots(a);
	return list_lost(d, &a->key, a->from, as_roots(a), SECTORS_MAX_ROOTS,
			 &to->node_count, &to->next, &to->count, e);
}

static enum err_code
ask_list(struct sectors *s, const struct list_key *key, uint32_t from,
	 enum err_code (*look)(struct ask *, struct sector_db *, struct err *),
	 size_t extra, sectors_fn *done, void *ctx, struct err *e)
{
	struct ask *a = new_ask(s, extra, e);

	if (!a)
		return refused(e);
	a->look = look;
	a->first = !key;
	if (key)
		a->key = *key;
	a->from = from;
	return start(s, a, done, ctx);
}

enum err_code sectors_agreement(struct sectors *s, const struct list_key *key,
				sectors_fn *done, void *ctx, struct err *e)
{
	return ask_list(s, key, 0, get_one, LIST_MAX_SIGNED, done, ctx, e);
}

enum err_code sectors_next_agreement(struct sectors *s,
				     const struct list_key *after,
				     sectors_fn *done, void *ctx, struct err *e)
{
	return ask_list(s, after, 0, get_next, LIST_MAX_SIGNED, done, ctx, e);
}

enum err_code sectors_roots(struct sectors *s, const struct list_key *key,
			    uint32_t from, sectors_fn *done, void *ctx,
			    struct err *e)
{
	return ask_list(s, key, from, get_roots,
			SECTORS_MAX_ROOTS * sizeof(struct hash32), done, ctx,
			e);
}

enum err_code sectors_lost(struct sectors *s, const struct list_key *key,
			   uint32_t from, sectors_fn *done, void *ctx,
			   struct err *e)
{
	return ask_list(s, key, from, get_lost,
			SECTORS_MAX_ROOTS * sizeof(struct hash32), done, ctx,
			e);
}

/* --- records and totals --- */

static enum err_code get_placement(struct ask *a, struct sector_db *d,
				   struct err *e)
{
	struct record_info *info = &a->answer.record;
	uint32_t len = a->len;
	enum err_code code = record_placement(d, &a->object, info, e);

	if (code != ERR_NONE)
		return code;
	if (a->sequence == 0)
		a->sequence = info->sequence;
	if (info->size == 0 && a->sequence == 0)
		return ERR_NONE;
	code = record_read_placement(d, &a->object, a->sequence, a->from,
				     a->bytes, &len, e);
	a->answer.data = a->bytes;
	a->answer.len = len;
	return code;
}

static enum err_code get_head(struct ask *a, struct sector_db *d, struct err *e)
{
	enum err_code code =
		record_head(d, &a->key.renter, &a->answer.record, a->bytes, e);

	a->answer.data = a->bytes;
	a->answer.len = a->answer.record.size;
	return code;
}

static enum err_code get_owned(struct ask *a, struct sector_db *d,
			       struct err *e)
{
	uint64_t bytes = 0;
	enum err_code code = record_owned(d, &a->key.renter, &bytes, e);

	a->answer.count = (uint32_t)((bytes + (1U << 20) - 1) >> 20);
	return code;
}

static enum err_code get_totals(struct ask *a, struct sector_db *d,
				struct err *e)
{
	a->answer.data = (const uint8_t *)&a->totals;
	a->answer.len = sizeof(a->totals);
	return sector_db_totals(d, &a->totals, e);
}

enum err_code sectors_placement(struct sectors *s, const struct hash32 *object,
				uint64_t sequence, uint32_t offset,
				uint32_t len, sectors_fn *done, void *ctx,
				struct err *e)
{
	struct ask *a = new_ask(s, PART_MAX, e);

	if (!a)
		return refused(e);
	a->look = get_placement;
	a->object = *object;
	a->sequence = sequence;
	a->from = offset;
	a->len = len < PART_MAX ? len : PART_MAX;
	return start(s, a, done, ctx);
}

static enum err_code
ask_owner(struct sectors *s, const struct address *who,
	  enum err_code (*look)(struct ask *, struct sector_db *, struct err *),
	  sectors_fn *done, void *ctx, struct err *e)
{
	struct list_key key = {.number = 0};

	if (who)
		key.renter = *who;
	return ask_list(s, &key, 0, look, RECORD_MAX_HEAD, done, ctx, e);
}

enum err_code sectors_head(struct sectors *s, const struct address *renter,
			   sectors_fn *done, void *ctx, struct err *e)
{
	return ask_owner(s, renter, get_head, done, ctx, e);
}

enum err_code sectors_owned(struct sectors *s, const struct address *owner,
			    sectors_fn *done, void *ctx, struct err *e)
{
	return ask_owner(s, owner, get_owned, done, ctx, e);
}

enum err_code sectors_totals(struct sectors *s, sectors_fn *done, void *ctx,
			     struct err *e)
{
	return ask_owner(s, NULL, get_totals, done, ctx, e);
}

/* --- proofs --- */

struct prove {
	struct want want; /* first; its call is the caller's */
	struct query query;
	struct task task;
	struct list_key key;
	struct hash32 root; /* of the list */
	uint32_t sectors;
	uint64_t index;
	struct list_proof list;
	const uint8_t *data;
	const struct hash32 *tiles;
	bool sound;
	uint8_t leaf[TREE_LEAF];
	struct hash32 path[TREE_PATH_MAX];
};

#define PROVE_OF(ptr, member) \
	((struct prove *)(void *)((char *)(ptr)-offsetof(struct prove, member)))

static void end_prove(struct prove *p, const struct err *e)
{
	struct sectors_answer a = {
		.data = p->leaf,
		.len = sizeof(p->leaf),
		.nodes = p->path,
		.node_count = TREE_SECTOR_PATH + p->list.path_len,
		.root = p->list.sector,
	};

	call_answer(&p->want.call, &a, e);
	free(p);
}

/* A worker; the block is held. */
static void run_leaf(struct task *t)
{
	struct prove *p = PROVE_OF(t, task);
	uint32_t leaf = (uint32_t)(p->index % SECTOR_LEAVES);

	memcpy(p->leaf, p->data + (size_t)leaf * TREE_LEAF, TREE_LEAF);
	tree_leaf_path_of_tiles(p->path, p->tiles, p->data, leaf);
	memcpy(p->path + TREE_SECTOR_PATH, p->list.path,
	       p->list.path_len * sizeof(p->path[0]));
	p->sound =
		tree_leaf_verify(&p->root, p->sectors, p->index, p->leaf,
				 p->path, TREE_SECTOR_PATH + p->list.path_len);
}

static void leaf_done(struct task *t)
{
	struct prove *p = PROVE_OF(t, task);
	struct err e = {0};

	want_release(&p->want);
	if (!p->sound)
		(void)err_fail(&e, ERR_DB, "a proof that does not hold");
	end_prove(p, &e);
}

static void sector_ready(struct want *w, const uint8_t *data,
			 const struct hash32 *nodes, const struct err *e)
{
	struct prove *p = PROVE_OF(w, want);

	if (e) {
		end_prove(p, e);
		return;
	}
	want_hold(w);
	p->data = data;
	p->tiles = nodes;
	p->task.run = run_leaf;
	p->task.done = leaf_done;
	task_start(w->call.s, &p->task);
}

static void run_list(struct query *q, struct sector_db *d)
{
	struct prove *p = PROVE_OF(q, query);

	(void)!list_prove(d, &p->key, &p->root, p->sectors,
			  (uint32_t)(p->index / SECTOR_LEAVES), &p->list,
			  &q->err);
}

static void list_done(struct query *q)
{
	struct prove *p = PROVE_OF(q, query);

	if (q->err.code != ERR_NONE) {
		end_prove(p, &q->err);
		return;
	}
	p->want.root = p->list.sector;
	p->want.ready = sector_ready;
	want_start(q->s, &p->want);
}

enum err_code sectors_prove(struct sectors *s, const struct list_key *key,
			    const struct hash32 *root, uint32_t sectors,
			    uint64_t index, sectors_fn *done, void *ctx,
			    struct err *e)
{
	struct prove *p;

	if (sectors_ready(s, e) != ERR_NONE)
		return ERR_STATE;
	if (index / SECTOR_LEAVES >= sectors)
		return err_fail(e, ERR_STATE, "no such leaf");
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_fail(e, ERR_NOMEM, "a proof");
	p->key = *key;
	p->root = *root;
	p->sectors = sectors;
	p->index = index;
	p->query.run = run_list;
	p->query.done = list_done;
	call_init(&p->want.call, s, done, ctx);
	query_start(s, &p->query);
	return ERR_NONE;
}

/* --- copies --- */

struct copy {
	struct task task; /* first */
	struct call call;
	struct sectors *s;
	struct err err;
	char path[];
};

/* A worker, on a connection of its own: it takes its time. */
static void run_copy(struct task *t)
{
	struct copy *c = (struct copy *)(void *)t;
	struct sector_db *d;

	if (sector_db_open(&d, c->s->cfg.index, false, &c->err) != ERR_NONE)
		return;
	(void)!sector_db_copy(d, c->path, &c->err);
	sector_db_close(d);
}

static void copy_done(struct task *t)
{
	struct copy *c = (struct copy *)(void *)t;

	call_answer(&c->call, NULL, &c->err);
	free(c);
}

enum err_code sectors_copy(struct sectors *s, const char *path,
			   sectors_fn *done, void *ctx, struct err *e)
{
	size_t len = strlen(path) + 1;
	struct copy *c;

	if (sectors_ready(s, e) != ERR_NONE)
		return ERR_STATE;
	c = calloc(1, sizeof(*c) + len);
	if (!c)
		return err_fail(e, ERR_NOMEM, "a copy");
	c->s = s;
	memcpy(c->path, path, len);
	c->task.run = run_copy;
	c->task.done = copy_done;
	call_init(&c->call, s, done, ctx);
	task_start(s, &c->task);
	return ERR_NONE;
}
