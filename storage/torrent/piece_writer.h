/* piece_writer.h - blocks of pieces on their way to the disk, and their hash.
 *
 * Blocks are kept as references to the buffers they came in. When 256 KiB of a
 * piece are together (a chunk) a worker writes them with one call and hashes
 * them while they are in its cache; chunks of two pieces are hashed in step,
 * which nearly halves the price, so a chunk waits some milliseconds for a
 * companion. Chunks that come out of order are written as they come and, when
 * the piece is complete, read back for the hash. A chunk that comes slowly is
 * written in part, so that it does not hold receive buffers.
 *
 * Of v2 (BEP 52) each block is a message by itself: sixteen are hashed at once,
 * in any order, and a chunk waits for nobody. Of a hybrid both are done while
 * the chunk is in the cache.
 *
 * Thread: the loop's. Callbacks come from worker completions, but for `level`,
 * which piece_writer_add() may call as well.
 */
#ifndef STORAGE_PIECE_WRITER_H
#define STORAGE_PIECE_WRITER_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/work.h"
#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"
#include "storage/torrent/piece_sums.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece_writer;

/* A chunk waits this long for those of other pieces to be hashed with. */
#define WRITER_HOLD_MS 20
/* A chunk that is not full after this long is written in part. */
#define WRITER_SLOW_MS 1000
/* Above this many bytes in unfinished chunks the oldest are written in part. */
#define WRITER_GATHER_MAX (8U << 20)

struct piece_writer_ops {
	void (*verdict)(void *ctx, uint32_t piece, bool ok);
	/* Writing stopped; nothing is lost; once until piece_writer_resume().
	 */
	void (*failed)(void *ctx, const struct err *e);
	/* *queued changed. */
	void (*level)(void *ctx);
};

struct piece_writer_cfg {
	struct loop *loop;
	struct work *work;
	struct files *files; /* outlive the writer */
	const struct layout *layout;
	struct piece_sums sums;
	struct cbuf_pool
		*copies; /* STORE_BLOCK each, for spans without owner */
	/* Bytes that are full chunks and not on disk yet; several writers may
	 * share one. */
	uint64_t *queued;
	uint64_t queued_max; /* what it should not come near */
};

__attribute__((warn_unused_result)) enum err_code
piece_writer_new(struct piece_writer **out, const struct piece_writer_cfg *cfg,
		 const struct piece_writer_ops *ops, void *ctx, struct err *e);

/* See store_write(). */
__attribute__((warn_unused_result)) enum err_code
piece_writer_add(struct piece_writer *w, uint32_t piece, uint32_t offset,
		 const struct span *spans, size_t n, struct err *e);
/* True while blocks of the piece are kept or being written. */
bool piece_writer_has(const struct piece_writer *w, uint32_t piece);
/* fn for each such piece; fn must not use the writer. */
void piece_writer_each(const struct piece_writer *w,
		       void (*fn)(void *ctx, uint32_t piece), void *ctx);
/* Forgets pieces of which blocks are missing. */
void piece_writer_forget_partial(struct piece_writer *w);
void piece_writer_resume(struct piece_writer *w);
bool piece_writer_paused(const struct piece_writer *w);
/* Nothing kept, nothing being written. */
bool piece_writer_idle(const struct piece_writer *w);
/* Bytes in unfinished chunks. */
uint64_t piece_writer_gathering(const struct piece_writer *w);

/* Forgets partial pieces, finishes complete ones (verdicts still come) and
 * frees; when paused, gives up what cannot be written. closed(ctx) comes at
 * once or from the loop later. */
void piece_writer_close(struct piece_writer *w, loop_fn *closed, void *ctx);

#endif
