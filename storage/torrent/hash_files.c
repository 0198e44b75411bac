#include "storage/torrent/hash_files.h"

#include "base/merkle.h"
#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"

#include <stdlib.h>
#include <string.h>

struct hash_files {
	const struct hash_files_list *list;
	const struct hash_files_ops *ops;
	void *ctx;
	struct layout layout;
	struct file_pool *pool;
	struct files *files;
	struct piece_check *check;
	unsigned kinds;
	uint8_t *sha1;
	struct hash32 *roots, *file_roots;
	struct err err; /* of the first piece that failed */
};

static void hash_files_free(struct hash_files *h)
{
	files_free(h->files);
	file_pool_free(h->pool);
	layout_clear(&h->layout);
	free(h->sha1);
	free(h->roots);
	free(h->file_roots);
	free(h);
}

static void on_piece(void *ctx, uint32_t piece,
		     const struct piece_digest *digest, const struct err *err)
{
	struct hash_files *h = ctx;

	if (digest) {
		if (h->sha1)
			memcpy(h->sha1 + (size_t)piece * SHA1_LEN, digest->sha1,
			       SHA1_LEN);
		if (h->roots)
			h->roots[piece] = digest->root;
	} else if (h->err.code == ERR_NONE) {
		h->err = *err;
		piece_check_cancel(h->check);
	}
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct hash_files *h = ctx;

	if (h->ops->progress)
		h->ops->progress(h->ctx, done, total);
}

/* Roots of files from those of their pieces. */
static void fold_roots(struct hash_files *h)
{
	const struct layout *l = &h->layout;

	for (uint32_t i = 0; i < l->file_count; i++) {
		const struct layout_file *f = &l->files[i];
		uint64_t first = f->offset / l->piece_len;
		struct merkle tree;

		if (f->pad || f->length == 0)
			continue;
		merkle_init(&tree, merkle_piece_top(f->length, l->piece_len));
		merkle_add(&tree, h->roots + first,
			   (size_t)((f->length - 1) / l->piece_len + 1));
		merkle_end(&tree, &h->file_roots[i],
			   merkle_file_top(f->length));
	}
}

static void on_done(void *ctx, bool whole)
{
	struct hash_files *h = ctx;
	struct hash_files_result result = {.pieces = h->layout.piece_count,
					   .sha1 = h->sha1,
					   .roots = h->roots,
					   .file_roots = h->file_roots};

	if (!whole && h->err.code == ERR_NONE)
		(void)err_fail(&h->err, ERR_STATE, "cancelled");
	if (h->err.code == ERR_NONE &&
	    hash_files_unchanged(h->list, &h->err) == ERR_NONE && h->roots)
		fold_roots(h);
	if (h->err.code == ERR_NONE)
		h->ops->done(h->ctx, &result, NULL);
	else
		h->ops->done(h->ctx, NULL, &h->err);
	hash_files_free(h);
}

static const struct piece_check_ops check_ops = {
	.piece = on_piece, .progress = on_progress, .done = on_done};

static enum err_code make_layout(struct hash_files *h, uint32_t piece_len,
				 struct err *e)
{
	const struct hash_files_list *l = h->list;
	struct store_file *files;
	uint64_t pieces;
	enum err_code code;

	if (piece_len == 0)
		return err_fail(e, ERR_LIMIT, "piece length 0");
	if (h->kinds & PIECE_ROOT &&
	    (piece_len < MERKLE_BLOCK || (piece_len & (piece_len - 1)) != 0))
		return err_fail(e, ERR_LIMIT,
				"piece length %u: for v2 it is a power of two, "
				"16 KiB at least",
				piece_len);
	pieces = (l->total + piece_len - 1) / piece_len;
	if (pieces > STORE_MAX_PIECES)
		return err_fail(e, ERR_LIMIT,
				"%llu pieces: take a larger piece length",
				(unsigned long long)pieces);
	files = calloc(l->file_count, sizeof(*files));
	if (!files)
		return err_fail(e, ERR_NOMEM, "a list of files");
	for (uint32_t i = 0; i < l->file_count; i++)
		files[i] = (struct store_file){.path = l->files[i].path,
					       .length = l->files[i].length,
					       .pad = l->files[i].pad};
	code = layout_init(&h->layout, l->multi ? l->name : NULL, files,
			   l->file_count, piece_len, (uint32_t)pieces, e);
	free(files);
	return code;
}

/* Room for what the layout says. */
static bool make_room(struct hash_files *h)
{
	size_t pieces = h->layout.piece_count, files = h->layout.file_count;

	if (h->kinds & PIECE_SHA1)
		h->sha1 = malloc(pieces * SHA1_LEN);
	if (h->kinds & PIECE_ROOT) {
		h->roots = malloc(pieces * sizeof(*h->roots));
		h->file_roots = calloc(files, sizeof(*h->file_roots));
	}
	return (!(h->kinds & PIECE_SHA1) || h->sha1) &&
	       (!(h->kinds & PIECE_ROOT) || (h->roots && h->file_roots));
}

static enum err_code start(struct hash_files *h, struct work *work,
			   uint32_t piece_len, struct err *e)
{
	struct files_cfg files = {.root = h->list->root, .read_only = true};
	struct piece_check_cfg cfg = {.work = work, .kinds = h->kinds};
	enum err_code code = make_layout(h, piece_len, e);

	if (code != ERR_NONE)
		return code;
	h->pool = file_pool_new(16);
	files.pool = h->pool;
	files.layout = &h->layout;
	h->files = h->pool ? files_new(&files) : NULL;
	if (!h->files || !make_room(h))
		return err_fail(e, ERR_NOMEM, "hashes");
	cfg.files = h->files;
	cfg.layout = &h->layout;
	return piece_check_start(&h->check, &cfg, &check_ops, h, e);
}

enum err_code hash_files_start(struct hash_files **out, struct work *work,
			       const struct hash_files_list *list,
			       uint32_t piece_len, unsigned kinds,
			       const struct hash_files_ops *ops, void *ctx,
			       struct err *e)
{
	struct hash_files *h = calloc(1, sizeof(*h));
	enum err_code code;

	*out = NULL;
	if (!h)
		return err_fail(e, ERR_NOMEM, "a hash job");
	h->list = list;
	h->kinds = kinds;
	h->ops = ops;
	h->ctx = ctx;
	code = start(h, work, piece_len, e);
	if (code != ERR_NONE) {
		hash_files_free(h);
		return code;
	}
	*out = h;
	return ERR_NONE;
}

void hash_files_cancel(struct hash_files *h)
{
	piece_check_cancel(h->check);
}
