/* piece_check.h - hashes pieces of files that are on disk, on all workers: for
 * checks and for making torrents.
 *
 * Each byte is read once, whatever is made of it, in parts that stay in the
 * processor's cache. SHA-1 is made of many pieces in step, since that costs a
 * third of one after another; a v2 root's blocks are many by themselves. A
 * worker does some MiB and returns, so that others' jobs come in between.
 *
 * Thread: the loop's.
 */
#ifndef STORAGE_PIECE_CHECK_H
#define STORAGE_PIECE_CHECK_H

#include "base/err.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/work.h"
#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct piece_check;

#define PIECE_SHA1 1U /* v1: of all bytes of the piece's place, pads too */
/* v2: of the file's bytes in it, as high as merkle_piece_top() says. The layout
 * must begin every file that is not empty with a piece of its own, by pads. */
#define PIECE_ROOT 2U

struct piece_digest {
	uint8_t sha1[SHA1_LEN]; /* with PIECE_SHA1 */
	struct hash32 root;	/* with PIECE_ROOT */
};

struct piece_check_cfg {
	struct work *work;
	struct files *files; /* outlive the check */
	const struct layout *layout;
	const uint8_t *todo; /* bitfield, copied; NULL: every piece */
	unsigned kinds;	     /* PIECE_SHA1, PIECE_ROOT or both */
};

struct piece_check_ops {
	/* digest: NULL when the piece cannot be read (err tells: ERR_STATE
	 * missing or short, ERR_IO). In no strict order. */
	void (*piece)(void *ctx, uint32_t piece,
		      const struct piece_digest *digest, const struct err *err);
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
