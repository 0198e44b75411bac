/* torrent_store.h - the files of torrents: blocks in, blocks out, pieces
 * checked, and what is verified never forgotten.
 *
 * One `struct store_env` for the program (cache, open files, the bytes on their
 * way to disk), one `struct store` for each torrent. It knows files, pieces and
 * hashes; no peers and no money.
 *
 * Data path. Reads are answered on the loop thread from 256 KiB cache blocks
 * that one non-blocking read fills from the page cache; what is not there is
 * read by a worker. Written blocks are kept as references to the receive
 * buffers until 256 KiB are together; one worker job then writes and hashes
 * them while they are hot. Formats and crash rules: storage/DESIGN.md.
 *
 * Thread: the loop's, all of it. Callbacks come on the loop, never from inside
 * store_read(); store_write() may call `pressure` and `error`.
 */
#ifndef STORAGE_TORRENT_STORE_H
#define STORAGE_TORRENT_STORE_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pieces.h"
#include "base/work.h"
#include "storage/torrent/resume_db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_env;
struct store;

#define STORE_BLOCK (16U * 1024U) /* what store_write() takes at a time */
#define STORE_CHUNK (256U * 1024U)
#define STORE_HASH_LEN 20U
#define STORE_ROOT_LEN 32U /* SHA-256 */
#define STORE_MAX_FILES 100000U
#define STORE_MAX_PIECE (64U << 20)
#define STORE_MAX_PIECES (4U << 20)
#define STORE_MAX_ACTIVE 8192U	/* pieces being written, per torrent */
#define STORE_MAX_WAITING 4096U /* reads being waited for, all torrents */
#define STORE_MAX_LEAVES 64U	/* pieces in store_leaves(), all torrents */

/* 0 anywhere: the default named there. */
struct store_env_cfg {
	struct loop *loop;
	struct work *work;
	struct log *log;	  /* may be NULL */
	struct resume_db *resume; /* NULL: nothing is remembered (tests, one-off
				   * checks) */
	size_t cache_max;	  /* bytes of cache blocks; 16 MiB. Given back
				   * when nothing was read for some seconds */
	size_t write_max;    /* bytes handed to workers and not on disk yet,
			      * above which `pressure` is called; 18 MiB */
	unsigned max_fds;    /* open files; 128 */
	int64_t save_ms;     /* verified pieces are recorded after this
			      * long; 5000 */
	uint64_t save_bytes; /* or after so many bytes; 64 MiB */
};

__attribute__((warn_unused_result)) enum err_code
store_env_new(struct store_env **out, const struct store_env_cfg *cfg,
	      struct err *e);
/* All stores must have been closed and all spans given back. NULL is a no-op.
 */
void store_env_free(struct store_env *env);

/* One file. Paths are below the root (and below `name`), components separated
 * by '/', each 1..255 bytes, none "." or ".."; anything else is refused. No
 * component is ever followed when it is a symbolic link. */
struct store_file {
	const char *path;
	uint64_t length;
	bool pad;	 /* BEP 47: zeroes, never on the disk */
	bool executable; /* BEP 47: for all who may read it, when we make it */
	/* What a piece shares with files that are wanted is kept aside, below
	 * ROOT/.HASH.parts; see store_set_unwanted() */
	bool unwanted;
};

struct store_ops {
	/* store_open()'s check is over: store_have() is true from now on, reads
	 * and writes are taken. */
	void (*ready)(void *ctx);
	/* Verdict on a piece whose blocks were all written. !ok: the bytes are
	 * on disk and can be read until blocks of the piece are written again.
	 */
	void (*piece)(void *ctx, uint32_t piece, bool ok);
	/* A piece that was verified is not there any more (a file was changed,
	 * cut or removed under us, or store_verify() says so). */
	void (*lost)(void *ctx, uint32_t piece);
	/* store_verify() found a piece that was not known to be good. */
	void (*found)(void *ctx, uint32_t piece);
	/* Answer to STORE_LATER. data NULL: failed. The reference passes. */
	void (*read_done)(void *ctx, uint64_t cookie, const struct span *data);
	/* Answer to store_leaves(). NULL: failed. May be NULL where nobody
	 * asks.
	 */
	void (*leaves)(void *ctx, uint64_t cookie, const struct hash32 *leaves,
		       uint32_t n);
	/* True: stop sending blocks (those already on their way are taken). */
	void (*pressure)(void *ctx, bool blocked);
	/* Writing or recording failed: full disk, I/O error, no permission.
	 * ERR_SIG: the torrent contradicts itself (a piece fits one of its two
	 * hashes). Once per pause; nothing is lost, all that was taken waits in
	 * memory for store_resume(). */
	void (*error)(void *ctx, const struct err *err);
	/* How far a check is: after store_open() (only if pieces must be
	 * hashed) or store_verify(). May be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* One line for the user: files missing or changed, pieces checked
	 * again. Also logged. May be NULL. */
	void (*note)(void *ctx, const char *text);
	/* After store_rest(): what pieces must come to is needed again, by
	 * store_write(), store_verify() or a read that found a file changed;
	 * borrowed as those of store_cfg. NULL: the store never rests. */
	enum err_code (*hashes)(void *ctx, const uint8_t **hashes,
				const uint8_t **roots, struct err *e);
};

struct store_cfg {
	struct info_hash info_hash;
	const char *root; /* directory; made (with its parents) by the first
			   * write */
	const char *name; /* the multi-file torrent's own directory below root,
			   * or NULL */
	const struct store_file *files; /* copied, paths too */
	uint32_t file_count;
	uint32_t piece_len;   /* 1 KiB .. STORE_MAX_PIECE */
	uint32_t piece_count; /* must fit the files' lengths */
	/* What the pieces must come to, one of them or both (a hybrid; then
	 * both must fit); borrowed until the store is closed or rests. */
	const uint8_t *hashes; /* v1: SHA-1, STORE_HASH_LEN a piece */
	const uint8_t *roots;  /* v2: STORE_ROOT_LEN a piece, as high as
				* merkle_piece_top() says; every file that is
				* not empty begins with a piece of its own */
	const struct piece_short *shorts; /* base/pieces.h; copied */
	uint32_t short_count;
	bool read_only;	  /* seeding: never creates or changes a file */
	bool preallocate; /* take the disk space when a file is made */
	bool no_resume;	  /* neither reads nor leaves a record */
	bool recheck;	  /* hash everything whatever the record says */
};

/* Starts a store; `ready` comes later. ERR_PARSE: a path that could leave the
 * root; ERR_LIMIT: sizes out of range or not fitting each other; ERR_DB and
 * ERR_IO: the record cannot be read; ERR_NOMEM. *out is NULL after an error. */
__attribute__((warn_unused_result)) enum err_code
store_open(struct store **out, struct store_env *env,
	   const struct store_cfg *cfg, const struct store_ops *ops, void *ctx,
	   struct err *e);

/* Ends it: no callback of `ops` comes any more, complete pieces are written to
 * their end and partial ones dropped, what is verified is recorded, then
 * done(ctx) is called once and the store is gone. After an error that stands,
 * what cannot be written is given up. done may be NULL; of a second call, while
 * it ends, it takes the place of the first's. What was borrowed must stay until
 * then. Every store ends through here. */
void store_close(struct store *t, loop_fn *done, void *ctx);

/* A store that neither writes nor checks needs no hashes: true, and what it
 * borrowed of them may go, until it asks by ops->hashes. */
bool store_rest(struct store *t);

bool store_is_ready(const struct store *t);
/* BEP 3 bitfield of verified pieces, (piece_count + 7) / 8 bytes; borrowed
 * until the next call on the store. */
const uint8_t *store_have(const struct store *t, size_t *len);

enum store_read { STORE_NOW, STORE_LATER, STORE_FAILED };

/* Bytes of a piece, for seeding (or after `piece` said !ok). len 1..STORE_CHUNK
 * and within the piece. NOW: *out is the caller's reference. LATER: `read_done`
 * comes with the cookie. FAILED: out of range, not ready, paused reads above
 * STORE_MAX_WAITING, or no buffer. */
enum store_read store_read(struct store *t, uint32_t piece, uint32_t offset,
			   uint32_t len, struct span *out, uint64_t cookie);

/* The hashes of a piece's blocks (leaves of base/merkle.h, of the bytes that
 * are its file's), verified or just said to be !ok, as its bytes are on the
 * disk: a worker makes them, of one piece after another in the whole program,
 * and `leaves` comes with the cookie. False: not of v2, not ready, out of
 * range, or STORE_MAX_LEAVES wait. */
bool store_leaves(struct store *t, uint32_t piece, uint64_t cookie);

/* One whole block: offset a multiple of STORE_BLOCK, STORE_BLOCK bytes or up to
 * the piece's end, in 1..4 spans, of which references are taken (spans without
 * owner are copied). A block that the piece has already is ignored. When all
 * are there the verdict comes through `piece`; it needs no asking for.
 * ERR_STATE: read only, not ready, closing, or the piece is verified;
 * ERR_LIMIT: not a whole block, or STORE_MAX_ACTIVE; ERR_NOMEM. After an error
 * the block was not taken. */
__attribute__((warn_unused_result)) enum err_code
store_write(struct store *t, uint32_t piece, uint32_t offset,
	    const struct span *spans, size_t n, struct err *e);
/* Which files are not wanted from now on: a bit for each (bit 0 of byte 0 the
 * first), copied. Those that are wanted again move to their places, and those
 * that are not complete move aside, by a worker; reads and writes go on. What
 * cannot be moved is noted. ERR_STATE: not ready, read only, or the change
 * before this one is still under way; ERR_NOMEM. */
__attribute__((warn_unused_result)) enum err_code
store_set_unwanted(struct store *t, const uint8_t *unwanted, struct err *e);
/* The directory of a torrent's files that are aside, below its root. */
#define STORE_ASIDE_CAP 64U
void store_aside_name(char out[STORE_ASIDE_CAP], const struct info_hash *hash);

/* The roots of a hybrid, borrowed as in store_cfg, that were not known when it
 * was opened: both hashes must fit from here on. What is verified by those of
 * v1 alone is hashed again, `lost` tells of what does not fit. ERR_STATE: not
 * ready, or a check is under way: later. */
__attribute__((warn_unused_result)) enum err_code
store_add_roots(struct store *t, const uint8_t *roots, struct err *e);

/* Forgets the blocks of pieces that are not complete: whoever counted them is
 * gone, and will ask for all of them again. */
void store_forget_partial(struct store *t);

/* Goes on after `error`. */
void store_resume(struct store *t);
bool store_is_paused(const struct store *t);

/* Hashes every piece again; `progress`, `lost` and `found` tell, then done(ctx,
 * true), or done(ctx, false) when cancelled or closed. ERR_STATE: not ready,
 * or one is running; what ops->hashes says. Pieces that are being written
 * meanwhile are left out. */
__attribute__((warn_unused_result)) enum err_code
store_verify(struct store *t, void (*done)(void *ctx, bool whole), void *ctx,
	     struct err *e);
void store_verify_cancel(struct store *t);

/* Adds to the totals of this info hash; stored with the next record. */
void store_add_totals(struct store *t, uint64_t uploaded, uint64_t downloaded);

struct store_stats {
	uint64_t total;	     /* bytes of the torrent */
	uint64_t have_bytes; /* of verified pieces */
	uint32_t have;	     /* verified pieces */
	uint32_t saved;	     /* of them recorded, safe from a crash */
	uint64_t gathering;  /* bytes that wait for the rest of their 256 KiB */
	uint64_t writing;    /* bytes handed to workers */
	uint64_t uploaded, downloaded; /* totals, over all runs */
};

void store_stats_get(const struct store *t, struct store_stats *out);

struct store_env_stats {
	uint64_t hits, loop_reads, worker_reads, copies;
	size_t cached; /* bytes of cache blocks now */
	unsigned open_fds;
};

void store_env_stats_get(const struct store_env *env,
			 struct store_env_stats *out);

#endif
