/* writer_int.h - what piece_writer.c (the loop's side) and write_job.c (the
 * workers' side) share. Nobody else includes it.
 */
#ifndef STORAGE_WRITER_INT_H
#define STORAGE_WRITER_INT_H

#include "base/hash.h"
#include "base/merkle.h"
#include "storage/torrent/piece_writer.h"
#include "storage/torrent/torrent_store.h"

#define CHUNK_BLOCKS (STORE_CHUNK / STORE_BLOCK)
#define SPANS_MAX 4U
#define JOB_PARTS 16U /* hashed in step */

_Static_assert(CHUNK_BLOCKS *SPANS_MAX <= FILES_IOV_MAX, "iovecs of a chunk");
_Static_assert(CHUNK_BLOCKS <= 16, "mask of a chunk");

struct slot { /* one block */
	struct span spans[SPANS_MAX];
	uint8_t n;
};

/* Blocks of one chunk that are kept. Open: still collecting, on the writer's
 * age list. Else on its piece's ready list, or at a worker. */
struct gather {
	struct gather *next;
	struct gather *newer, *older; /* age list */
	struct active *active;
	uint32_t chunk;
	uint32_t bytes;
	uint16_t mask;	/* blocks it holds */
	uint16_t wrote; /* of them on disk (set by the worker) */
	bool open;
	int64_t since_ms; /* first block, then: ready */
	struct slot slots[CHUNK_BLOCKS];
};

/* A piece being written. hashed, sha and leaves belong to the worker while
 * in_job. */
struct active {
	struct active *hash_next;
	struct active *q_next, *q_prev; /* queue of those with ready chunks */
	uint32_t piece, size, blocks;
	uint32_t received; /* blocks */
	bool queued, in_job;
	bool doomed;	      /* forgotten while in_job */
	bool due;	      /* do not wait for a companion */
	struct gather *open;  /* collecting */
	struct gather *ready; /* rising by chunk */
	uint32_t hashed;      /* bytes, for SHA-1 */
	struct sha1 sha;
	uint32_t data;	       /* v2: bytes of its file in it */
	unsigned top;	       /* v2: height of its root */
	struct hash32 *leaves; /* v2: of its blocks; behind `have` */
	uint8_t have[];	       /* bit per block: received */
};

struct part { /* what one job does for one piece */
	struct active *a;
	struct gather *list;
	bool final; /* the piece is complete with it */
	bool ok;    /* the verdict, when final and code is ERR_NONE */
	enum err_code code;
	struct err err;
};

struct write_job {
	struct work_job job; /* first, see job_of() */
	const struct piece_writer_cfg *cfg;
	struct piece_writer *w; /* the loop's */
	unsigned epoch;		/* the writer's when it was submitted */
	bool make_empty;
	uint32_t count;
	struct part parts[JOB_PARTS];
};

/* Bytes of a block of the piece. */
static inline uint32_t block_len(const struct active *a, uint32_t block)
{
	uint32_t left = a->size - block * STORE_BLOCK;

	return left < STORE_BLOCK ? left : STORE_BLOCK;
}

/* work_job.run: writes and hashes the parts, and judges those that are final.
 */
void write_job_run(struct work_job *job);

#endif
