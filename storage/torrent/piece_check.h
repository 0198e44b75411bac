/* piece_check.h - hashes pieces of files that are on disk, on all workers.
 *
 * Pieces are taken in batches of some MiB and hashed two at a time, which costs
 * little more than one alone. Used for checks and for making torrents.
 *
 * Thread: the loop's.
 */
#ifndef STORAGE_PIECE_CHECK_H
#define STORAGE_PIECE_CHECK_H

#include "base/err.h"
#include "base/work.h"
#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct piece_check;

struct piece_check_cfg {
	struct work *work;
	struct files *files; /* outlive the check */
	const struct layout *layout;
	const uint8_t *todo; /* bitfield, copied; NULL: every piece */
};

struct piece_check_ops {
	/* digest: SHA-1 of the piece; NULL when it cannot be read (err tells:
	 * ERR_STATE missing or short, ERR_IO). In no strict order. */
	void (*piece)(void *ctx, uint32_t piece, const uint8_t *digest,
		      const struct err *err);
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes */
	/* The last call; the check is gone. whole: false when cancelled. */
	void (*done)(void *ctx, bool whole);
};

__attribute__((warn_unused_result)) enum err_code
piece_check_start(struct piece_check **out, const struct piece_check_cfg *cfg,
		  const struct piece_check_ops *ops, void *ctx, struct err *e);
/* What is at the workers comes to its end without a callback; done() comes. */
void piece_check_cancel(struct piece_check *c);

#endif
