/* list_prove() of list_db.h: a path through the blocks of a list, as it is or
 * as it was at an earlier revision that is kept.
 */
#include "storage/sector/list_db_int.h"

#include <string.h>

struct view {
	struct sector_db *d;
	int64_t agreement;
	uint32_t sectors_now;
	uint32_t sectors; /* at the revision that is looked at */
	uint32_t revision;
	bool old; /* not the newest: positions may differ */
};

static enum err_code view_block(struct view *v, unsigned level, uint32_t index,
				struct list_block *out, struct err *e);

/* Nodes that the view has in a block. */
static uint32_t nodes_in(const struct view *v, unsigned level, uint32_t index)
{
	uint32_t left = list_count(v->sectors, level) - index * TREE_BLOCK;

	return left < TREE_BLOCK ? left : TREE_BLOCK;
}

/* Whether what is stored for sectors [from, to) is what the view has there;
 * `quiet`: it is known that no position there was another. */
static enum err_code unchanged(struct view *v, uint64_t from, uint64_t to,
			       bool quiet, bool *same, struct err *e)
{
	enum err_code code;
	bool any;

	*same = !v->old || (quiet && to <= v->sectors && to <= v->sectors_now);
	if (quiet || to > v->sectors || to > v->sectors_now)
		return ERR_NONE;
	code = list_any_was(v->d, v->agreement, from, to, v->revision, &any, e);
	*same = code == ERR_NONE && !any;
	return code;
}

static enum err_code is_quiet(struct view *v, uint64_t from, uint64_t to,
			      bool *quiet, struct err *e)
{
	enum err_code code = ERR_NONE;
	bool any = false;

	if (v->old)
		code = list_any_was(v->d, v->agreement, from, to, v->revision,
				    &any, e);
	*quiet = !any;
	return code;
}

/* The node over a whole block, from that block's nodes. */
static enum err_code fold_block(struct view *v, unsigned level, uint32_t index,
				struct hash32 *out, struct err *e)
{
	struct list_block b;
	enum err_code code = view_block(v, level, index, &b, e);

	if (code != ERR_NONE)
		return code;
	list_fold(b.nodes, b.n, level, TREE_BLOCK_LEVEL, NULL, 0);
	*out = b.nodes[0];
	return ERR_NONE;
}

static enum err_code sector_block(struct view *v, uint32_t index,
				  struct list_block *out, struct err *e)
{
	enum err_code code = list_load(v->d, v->agreement, 0, index, out, e);

	if (code == ERR_NONE && v->old)
		code = list_put_was(v->d, v->agreement, v->revision, out, e);
	if (code != ERR_NONE)
		return code;
	if (out->n < nodes_in(v, 0, index))
		return err_fail(e, ERR_DB, "a list has a hole");
	out->n = nodes_in(v, 0, index);
	return ERR_NONE;
}

/* A block as the view has it. An upper one may be taken as it is stored where
 * no sector below it changed; what changed is folded anew. */
static enum err_code view_block(struct view *v, unsigned level, uint32_t index,
				struct list_block *out, struct err *e)
{
	uint64_t span = (uint64_t)1 << (level * TREE_BLOCK_LEVEL);
	uint64_t from = (uint64_t)index * TREE_BLOCK * span;
	uint32_t stored, n;
	enum err_code code;
	bool quiet, same;

	if (level == 0)
		return sector_block(v, index, out, e);
	code = list_load(v->d, v->agreement, level, index, out, e);
	stored = out->n;
	n = nodes_in(v, level, index);
	if (code == ERR_NONE)
		code = is_quiet(v, from, from + n * span, &quiet, e);
	for (uint32_t i = 0; i < n && code == ERR_NONE; i++) {
		uint64_t at = from + i * span;

		code = unchanged(v, at, at + span, quiet, &same, e);
		if (code == ERR_NONE && (!same || i >= stored))
			code = fold_block(v, level - 1, index * TREE_BLOCK + i,
					  &out->nodes[i], e);
	}
	out->n = n;
	return code;
}

static enum err_code climb(struct view *v, uint32_t position,
			   struct list_proof *out, struct hash32 *root,
			   struct err *e)
{
	unsigned top = list_top(v->sectors);

	out->path_len = 0;
	for (unsigned level = 0; level <= top; level++) {
		unsigned height = list_height(v->sectors, level);
		struct list_block b;
		enum err_code code;

		code = view_block(v, level, position / TREE_BLOCK, &b, e);
		if (code != ERR_NONE)
			return code;
		if (level == 0)
			out->sector = b.nodes[position % TREE_BLOCK];
		list_fold(b.nodes, b.n, level, height,
			  out->path + out->path_len, position % TREE_BLOCK);
		out->path_len += height;
		position /= TREE_BLOCK;
		*root = b.nodes[0];
	}
	return ERR_NONE;
}

static enum err_code aim(struct view *v, const struct list_row *row,
			 const struct hash32 *root, uint32_t sectors,
			 struct err *e)
{
	bool found = sectors == row->sectors &&
		     memcmp(root->bytes, row->root.bytes, 32) == 0;
	enum err_code code = ERR_NONE;

	v->agreement = row->id;
	v->sectors_now = row->sectors;
	v->sectors = sectors;
	v->old = !found;
	if (v->old)
		code = list_find_version(v->d, row->id, root, sectors,
					 &v->revision, &found, e);
	if (code == ERR_NONE && !found)
		return err_fail(e, ERR_STATE,
				"no revision with this root is known here");
	return code;
}

enum err_code list_prove(struct sector_db *d, const struct list_key *key,
			 const struct hash32 *root, uint32_t sectors,
			 uint32_t position, struct list_proof *out,
			 struct err *e)
{
	struct view v = {.d = d};
	struct hash32 top = {{0}};
	struct list_row row;
	enum err_code code = list_must_find(d, key, &row, e);

	if (code == ERR_NONE && position >= sectors)
		return err_fail(e, ERR_STATE, "position %u of %u", position,
				sectors);
	if (code == ERR_NONE)
		code = aim(&v, &row, root, sectors, e);
	if (code == ERR_NONE)
		code = climb(&v, position, out, &top, e);
	if (code == ERR_NONE && memcmp(top.bytes, root->bytes, 32) != 0)
		return err_fail(e, ERR_DB,
				"a list does not come to its own root");
	return code;
}
