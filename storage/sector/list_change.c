/* list_change() of list_db.h: operations on the end of a list, and the blocks
 * of roots above it brought up to date.
 */
#include "storage/sector/list_db_int.h"

#include <stdlib.h>
#include <string.h>

#define CACHED 4U

struct edit {
	struct sector_db *d;
	const struct list_change *c;
	struct list_row row; /* as it was; keep, old and id are kept current */
	uint32_t n;	     /* sectors now */
	struct sector_freed *freed;
	struct list_block block[CACHED]; /* n of them loaded: see used */
	bool used[CACHED], dirty[CACHED];
	unsigned next; /* the one that is given up next */
	/* Blocks of the level at hand that changed, in the order of changes. */
	uint32_t *touched;
	size_t touched_n, touched_cap;
	uint32_t *below; /* the same of the level below */
	size_t below_n;
};

/* --- blocks --- */

static enum err_code put_back(struct edit *t, unsigned i, struct err *e)
{
	enum err_code code = ERR_NONE;

	if (t->used[i] && t->dirty[i])
		code = list_save(t->d, t->row.id, &t->block[i], e);
	t->used[i] = t->dirty[i] = false;
	return code;
}

static enum err_code flush(struct edit *t, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < CACHED && code == ERR_NONE; i++)
		code = put_back(t, i, e);
	return code;
}

/* *out stays valid until two other blocks were asked for. */
static enum err_code get_block(struct edit *t, unsigned level, uint32_t index,
			       struct list_block **out, struct err *e)
{
	unsigned i = t->next;
	enum err_code code;

	for (unsigned j = 0; j < CACHED; j++)
		if (t->used[j] && t->block[j].level == level &&
		    t->block[j].index == index) {
			*out = &t->block[j];
			t->next = (j + 1) % CACHED;
			return ERR_NONE;
		}
	*out = &t->block[i];
	t->next = (i + 1) % CACHED;
	code = put_back(t, i, e);
	if (code == ERR_NONE)
		code = list_load(t->d, t->row.id, level, index, *out, e);
	t->used[i] = code == ERR_NONE;
	return code;
}

static void touch(struct edit *t, const struct list_block *b)
{
	t->dirty[b - t->block] = true;
	if (t->touched_n && t->touched[t->touched_n - 1] == b->index)
		return;
	if (t->touched_n < t->touched_cap) /* always: see make_room() */
		t->touched[t->touched_n++] = b->index;
}

static enum err_code get_root(struct edit *t, uint32_t position,
			      struct hash32 *out, struct err *e)
{
	struct list_block *b;
	enum err_code code = get_block(t, 0, position / TREE_BLOCK, &b, e);

	if (code != ERR_NONE)
		return code;
	if (position % TREE_BLOCK >= b->n)
		return err_fail(e, ERR_DB, "a list has a hole");
	*out = b->nodes[position % TREE_BLOCK];
	return ERR_NONE;
}

/* position is in the list or right behind it. */
static enum err_code set_root(struct edit *t, uint32_t position,
			      const struct hash32 *root, struct err *e)
{
	struct list_block *b;
	enum err_code code = get_block(t, 0, position / TREE_BLOCK, &b, e);
	uint32_t i = position % TREE_BLOCK;

	if (code != ERR_NONE)
		return code;
	if (i > b->n)
		return err_fail(e, ERR_DB, "a list has a hole");
	b->nodes[i] = *root;
	if (i == b->n)
		b->n++;
	touch(t, b);
	return ERR_NONE;
}

static enum err_code cut_last(struct edit *t, struct err *e)
{
	struct list_block *b;
	enum err_code code = get_block(t, 0, (t->n - 1) / TREE_BLOCK, &b, e);

	if (code != ERR_NONE)
		return code;
	b->n--;
	t->n--;
	touch(t, b);
	return ERR_NONE;
}

/* --- operations --- */

/* This root leaves this position: earlier revisions may still need it there. */
static enum err_code leaves(struct edit *t, uint32_t position,
			    const struct hash32 *root, struct err *e)
{
	enum err_code code;
	bool fresh;

	if (!t->row.keep || position >= t->row.sectors)
		return ERR_NONE;
	code = list_add_was(t->d, t->row.id, position, t->row.revision, root,
			    &fresh, e);
	if (code != ERR_NONE || !fresh)
		return code;
	if (t->row.old >= LIST_MAX_OLD)
		return err_fail(e, ERR_LIMIT,
				"too much is kept for earlier revisions; post "
				"the newest one first");
	t->row.old++;
	return sector_db_ref(t->d, root, false, e);
}

static enum err_code append(struct edit *t, const struct list_op *op,
			    struct err *e)
{
	struct sector_found found;
	enum err_code code;
	bool staged;

	if (t->n >= LIST_MAX_SECTORS)
		return err_fail(e, ERR_LIMIT, "more than %u sectors",
				LIST_MAX_SECTORS);
	code = sector_db_find(t->d, &op->root, &found, e);
	if (code == ERR_NONE && found.state != SECTOR_THERE)
		code = err_fail(e, ERR_STATE, "a sector is not here");
	if (code == ERR_NONE)
		code = sector_db_unstage(t->d, &op->root, &t->c->key.renter,
					 &staged, e);
	if (code == ERR_NONE && !staged)
		code = sector_db_ref(t->d, &op->root, true, e);
	if (code == ERR_NONE)
		code = set_root(t, t->n, &op->root, e);
	t->n++;
	return code;
}

static enum err_code cut(struct edit *t, const struct list_op *op,
			 struct err *e)
{
	struct hash32 gone, last;
	enum err_code code;

	if (op->index >= t->n)
		return err_fail(e, ERR_STATE, "position %u of %u", op->index,
				t->n);
	code = get_root(t, op->index, &gone, e);
	if (code == ERR_NONE)
		code = get_root(t, t->n - 1, &last, e);
	if (code == ERR_NONE)
		code = leaves(t, op->index, &gone, e);
	if (code == ERR_NONE && op->index != t->n - 1) {
		code = leaves(t, t->n - 1, &last, e);
		if (code == ERR_NONE)
			code = set_root(t, op->index, &last, e);
	}
	if (code == ERR_NONE)
		code = cut_last(t, e);
	return code == ERR_NONE ? sector_db_unref(t->d, &gone, t->freed, e)
				: code;
}

static enum err_code run_ops(struct edit *t, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < t->c->op_count && code == ERR_NONE; i++) {
		const struct list_op *op = &t->c->ops[i];

		switch (op->kind) {
		case LIST_APPEND:
			code = append(t, op, e);
			break;
		case LIST_CUT:
			code = cut(t, op, e);
			break;
		}
	}
	return code;
}

/* --- levels above --- */

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What was touched becomes `below`, sorted and each once. */
static void go_up(struct edit *t)
{
	uint32_t *was = t->below;
	size_t n = 0;

	qsort(t->touched, t->touched_n, sizeof(*t->touched), by_number);
	for (size_t i = 0; i < t->touched_n; i++)
		if (n == 0 || t->touched[n - 1] != t->touched[i])
			t->touched[n++] = t->touched[i];
	t->below = t->touched;
	t->below_n = n;
	t->touched = was;
	t->touched_n = 0;
}

/* Nodes of this level beyond `count` go. */
static enum err_code trim(struct edit *t, unsigned level, uint32_t count,
			  struct err *e)
{
	uint32_t last = (count - 1) / TREE_BLOCK;
	struct list_block *b;
	enum err_code code;

	code = list_cut_level(t->d, t->row.id, level, last + 1, e);
	if (code == ERR_NONE)
		code = get_block(t, level, last, &b, e);
	if (code == ERR_NONE && b->n > count - last * TREE_BLOCK) {
		b->n = count - last * TREE_BLOCK;
		touch(t, b);
	}
	return code;
}

/* The node over a block of the level below is written again. */
static enum err_code refold(struct edit *t, unsigned level, uint32_t child,
			    struct err *e)
{
	struct hash32 nodes[TREE_BLOCK];
	struct list_block *b;
	enum err_code code = get_block(t, level - 1, child, &b, e);
	uint32_t i = child % TREE_BLOCK;

	if (code != ERR_NONE)
		return code;
	memcpy(nodes, b->nodes, b->n * sizeof(*nodes));
	list_fold(nodes, b->n, level - 1, TREE_BLOCK_LEVEL, NULL, 0);
	code = get_block(t, level, child / TREE_BLOCK, &b, e);
	if (code != ERR_NONE)
		return code;
	if (i > b->n)
		return err_fail(e, ERR_DB, "a list has a hole");
	b->nodes[i] = nodes[0];
	if (i == b->n)
		b->n++;
	touch(t, b);
	return ERR_NONE;
}

static enum err_code raise_level(struct edit *t, unsigned level, struct err *e)
{
	uint32_t count = list_count(t->n, level);
	enum err_code code = ERR_NONE;

	go_up(t);
	if (level > list_top(t->row.sectors)) { /* new: all of it */
		for (uint32_t i = 0; i < count && code == ERR_NONE; i++)
			code = refold(t, level, i, e);
		return code;
	}
	if (count < list_count(t->row.sectors, level))
		code = trim(t, level, count, e);
	for (size_t i = 0; i < t->below_n && code == ERR_NONE; i++)
		if (t->below[i] < count)
			code = refold(t, level, t->below[i], e);
	return code;
}

static enum err_code raise_levels(struct edit *t, struct err *e)
{
	unsigned top = list_top(t->n);
	enum err_code code = ERR_NONE;

	for (unsigned i = 1; i < LIST_LEVELS && code == ERR_NONE; i++)
		if (i <= top)
			code = raise_level(t, i, e);
		else if (i <= list_top(t->row.sectors))
			code = list_cut_level(t->d, t->row.id, i, 0, e);
	return code;
}

static enum err_code fold_top(struct edit *t, struct hash32 *root,
			      struct err *e)
{
	unsigned top = list_top(t->n);
	struct hash32 nodes[TREE_BLOCK];
	struct list_block *b;
	enum err_code code;

	memset(root, 0, sizeof(*root));
	if (t->n == 0)
		return ERR_NONE;
	code = get_block(t, top, 0, &b, e);
	if (code != ERR_NONE)
		return code;
	memcpy(nodes, b->nodes, b->n * sizeof(*nodes));
	list_fold(nodes, b->n, top, list_height(t->n, top), NULL, 0);
	*root = nodes[0];
	return ERR_NONE;
}

/* --- the whole --- */

/* A level never has more changes than 2 an operation, or, where a level is
 * new, than it has blocks; trimming adds one. */
static enum err_code make_room(struct edit *t, struct err *e)
{
	t->touched_cap = t->c->op_count * 2 + TREE_BLOCK + 2;
	t->touched = calloc(t->touched_cap, sizeof(*t->touched));
	t->below = calloc(t->touched_cap, sizeof(*t->below));
	if (!t->touched || !t->below)
		return err_fail(e, ERR_NOMEM, "a list's change");
	return ERR_NONE;
}

static enum err_code check(const struct list_change *c,
			   const struct list_row *row, bool found,
			   struct err *e)
{
	if (c->op_count > LIST_MAX_OPS || c->blob_len > LIST_MAX_SIGNED)
		return err_fail(e, ERR_LIMIT, "too much in one revision");
	if (found && (c->revision < row->revision ||
		      (c->revision == row->revision && c->op_count)))
		return err_fail(e, ERR_STATE,
				"revision %u is not newer than %u", c->revision,
				row->revision);
	return ERR_NONE;
}

static enum err_code apply(struct edit *t, struct err *e)
{
	const struct list_change *c = t->c;
	struct list_row row;
	struct hash32 root;
	enum err_code code = make_room(t, e);

	if (code == ERR_NONE)
		code = run_ops(t, e);
	if (code == ERR_NONE)
		code = raise_levels(t, e);
	if (code == ERR_NONE)
		code = fold_top(t, &root, e);
	if (code == ERR_NONE)
		code = flush(t, e);
	if (code != ERR_NONE)
		return code;
	if (t->n != c->sectors ||
	    memcmp(root.bytes, c->root.bytes, sizeof(root.bytes)) != 0)
		return err_fail(e, ERR_SIG,
				"the list comes to another root than the "
				"revision says");
	row = t->row;
	row.revision = c->revision;
	row.sectors = t->n;
	row.root = root;
	return list_save_row(t->d, &row, c->blob, c->blob_len, e);
}

/* Before the first change to a list that can still be asked for as it is. */
static enum err_code keep_version(struct edit *t, struct err *e)
{
	if (!t->row.keep || t->c->op_count == 0 || t->row.sectors == 0)
		return ERR_NONE;
	t->row.old++;
	return list_add_version(t->d, &t->row, e);
}

enum err_code list_change(struct sector_db *d, const struct list_change *c,
			  struct sector_freed *freed, struct err *e)
{
	struct edit *t = calloc(1, sizeof(*t));
	enum err_code code;
	bool found;

	if (!t)
		return err_fail(e, ERR_NOMEM, "a list's change");
	t->d = d;
	t->c = c;
	t->freed = freed;
	code = list_find(d, &c->key, &t->row, &found, e);
	if (code == ERR_NONE)
		code = check(c, &t->row, found, e);
	if (code == ERR_NONE && !found) {
		t->row = (struct list_row){.key = c->key, .keep = c->keep};
		code = list_add_row(d, &t->row, c->blob, c->blob_len, e);
	} else if (code == ERR_NONE) {
		code = keep_version(t, e);
		t->row.keep = t->row.keep || c->keep;
	}
	t->n = t->row.sectors;
	if (code == ERR_NONE)
		code = apply(t, e);
	free(t->touched);
	free(t->below);
	free(t);
	return code;
}
