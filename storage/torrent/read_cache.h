/* read_cache.h - bytes of files in counted 256 KiB blocks, read once and handed
 * to many.
 *
 * A block is filled by one read that does not wait for the disk, on the loop;
 * if that cannot be, by a worker, and whoever asks for it meanwhile waits for
 * the same read. Blocks whose bytes were all served once leave first; when
 * nothing was read for some seconds all memory is given back. Buffers that are
 * still queued for slow peers keep living after their block has left; when too
 * many do, single requests are served from small buffers instead.
 *
 * Thread: the loop's. Callbacks come from worker completions, never from inside
 * read_cache_get().
 */
#ifndef STORAGE_READ_CACHE_H
#define STORAGE_READ_CACHE_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/loop.h"
#include "base/work.h"
#include "storage/torrent/files.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct read_cache;
struct read_client;

#define READ_BLOCK (256U * 1024U)
#define READ_SMALL (16U * 1024U)

/* At most max_bytes in blocks (one at least), max_waiting requests that wait.
 * NULL when out of memory. */
struct read_cache *read_cache_new(struct loop *loop, struct work *work,
				  size_t max_bytes, unsigned max_waiting);
/* All clients must be closed and all spans given back. NULL is a no-op. */
void read_cache_free(struct read_cache *c);

struct read_client_ops {
	/* Answer to READ_LATER; data NULL: failed. The reference passes. */
	void (*done)(void *ctx, uint64_t cookie, const struct span *data);
	/* Bytes that should be in [from, to) are not: a file is missing, short,
	 * or cannot be read. Comes before the done() calls. */
	void (*gone)(void *ctx, uint64_t from, uint64_t to,
		     const struct err *e);
};

/* One torrent's access. NULL when out of memory. */
struct read_client *read_client_new(struct read_cache *c, struct files *files,
				    const struct read_client_ops *ops,
				    void *ctx);
/* No callback comes any more; its blocks leave. closed(ctx) is called when no
 * worker uses the files any longer: at once, or from the loop later. */
void read_client_close(struct read_client *r, loop_fn *closed, void *ctx);

enum read_result { READ_NOW, READ_LATER, READ_FAILED };

struct read_where {
	uint64_t block;	   /* the caller's number for [from, to) */
	uint64_t from, to; /* the block's bytes, READ_BLOCK at most */
	uint64_t offset;   /* what is asked for, within [from, to) */
	uint32_t len;
	bool alone; /* read just what is asked for and keep nothing */
};

/* FAILED: no buffer, or too many wait. */
enum read_result read_cache_get(struct read_client *r, struct span *out,
				const struct read_where *w, uint64_t cookie);
/* The block's bytes changed. */
void read_client_drop(struct read_client *r, uint64_t block);

struct read_stats {
	uint64_t hits, loop_reads, worker_reads, copies;
	size_t cached;
};

void read_cache_stats(const struct read_cache *c, struct read_stats *out);

#endif
