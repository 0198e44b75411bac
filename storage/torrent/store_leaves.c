/* Hashes of a piece's blocks, made by a worker for who tells them or looks for
 * the block that is false. */
#include "storage/torrent/store_int.h"

#include "base/merkle.h"

#include <stdlib.h>

struct leaf_job {
	struct work_job job; /* first */
	struct store *t;
	uint64_t cookie;
	uint32_t piece, n;
	bool good;
	struct hash32 leaves[];
};

static void run_leaves(struct work_job *job)
{
	struct leaf_job *j = (struct leaf_job *)(void *)job;
	const struct store *t = j->t;
	uint64_t at = layout_piece_offset(&t->layout, j->piece);
	unsigned top;
	uint32_t left = layout_piece_data(&t->layout, j->piece, &top);
	struct hash32 *leaves = j->leaves;
	uint8_t *buf = malloc(STORE_CHUNK);

	j->good = buf != NULL;
	while (j->good && left > 0) {
		uint32_t len = left < STORE_CHUNK ? left : STORE_CHUNK;

		j->good = files_read(t->files, buf, at, len, NULL) == ERR_NONE;
		if (j->good)
			merkle_leaves(leaves, buf, len);
		leaves += len / MERKLE_BLOCK;
		at += len;
		left -= len;
	}
	free(buf);
}

static void leaves_done(struct work_job *job)
{
	struct leaf_job *j = (struct leaf_job *)(void *)job;
	struct store *t = j->t;

	t->env->leaf_jobs--;
	if (t->phase != PHASE_CLOSING)
		t->ops.leaves(t->ctx, j->cookie, j->good ? j->leaves : NULL,
			      j->n);
	free(j);
	store_part_ended(t);
}

bool store_leaves(struct store *t, uint32_t piece, uint64_t cookie)
{
	struct leaf_job *j;
	unsigned top;
	uint32_t n;

	if (t->phase != PHASE_READY || !t->v2 || !t->ops.leaves ||
	    piece >= t->layout.piece_count ||
	    t->env->leaf_jobs == STORE_MAX_LEAVES)
		return false;
	n = (uint32_t)merkle_blocks(layout_piece_data(&t->layout, piece, &top));
	j = calloc(1, sizeof(*j) + n * sizeof(j->leaves[0]));
	if (!j)
		return false;
	j->t = t;
	j->piece = piece;
	j->cookie = cookie;
	j->n = n;
	j->job.run = run_leaves;
	j->job.done = leaves_done;
	t->env->leaf_jobs++;
	t->pending++;
	work_submit(t->env->cfg.work, &t->env->leaf_lane, &j->job);
	return true;
}
