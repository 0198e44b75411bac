/* resume_db.h - what a node remembers of its torrents: which it has, where they
 * are, which pieces are verified, and the totals.
 *
 * One SQLite file (torrents.db in the home directory), shared by the daemon and
 * stand-alone commands. Four things are kept apart:
 *   - torrents that the node runs: added, listed, removed by node/
 *   - piece states, per info hash and root directory: written by torrent_store
 *     from a worker, on a connection of its own
 *   - totals per info hash
 *   - .torrents that links led to, for commands that were interrupted
 *
 * A piece's bit is stored only after its bytes were flushed to disk.
 * Errors are base/db.h's, and what stands at the functions.
 * Thread: a struct resume_db belongs to one thread at a time.
 */
#ifndef STORAGE_RESUME_DB_H
#define STORAGE_RESUME_DB_H

#include "base/err.h"
#include "base/ids.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct resume_db;

#define RESUME_MAX_TORRENT_BYTES (64U << 20)
#define RESUME_MAX_TEXT 65536U
#define RESUME_MAX_FETCHED 64U

__attribute__((warn_unused_result)) enum err_code
resume_open(struct resume_db **out, const char *path, struct err *e);
void resume_close(struct resume_db *r); /* NULL is a no-op */
const char *resume_path(const struct resume_db *r);

/* --- torrents --- */

enum resume_want { RESUME_RUN = 1, RESUME_PAUSE = 2 }; /* stored */

struct resume_torrent {
	struct info_hash info_hash;
	const char *root;
	/* the .torrent file's bytes; none: only a magnet link is known yet,
	 * which the settings hold */
	const uint8_t *torrent;
	size_t torrent_len;
	int64_t added_s; /* Unix time */
	enum resume_want want;
	const char *settings;	       /* the node's own text, "" when none */
	uint64_t uploaded, downloaded; /* read only: see resume_add_totals() */
	/* read only, for resume_is_sound(): NULL in a row of before there were
	 * any */
	const uint8_t *seal, *torrent_seal;
	size_t seal_len, torrent_seal_len;
};

/* Reads the whole file. ERR_DB: it is damaged. */
__attribute__((warn_unused_result)) enum err_code
resume_check(struct resume_db *r, struct err *e);
/* Of a row that was read: its hash, root, settings and .torrent are as they
 * were stored. Whoever acts on them asks; a bit that flipped on the disk must
 * not become an order to write, or to pay. */
bool resume_is_sound(const struct resume_torrent *t);

/* In the place of one of that hash that is there: totals and states stay.
 * ERR_LIMIT: too long. */
__attribute__((warn_unused_result)) enum err_code
resume_add(struct resume_db *r, const struct resume_torrent *t, struct err *e);
/* With its piece states and totals. ERR_STATE: not there. */
__attribute__((warn_unused_result)) enum err_code
resume_remove(struct resume_db *r, const struct info_hash *hash, struct err *e);
/* Calls fn for each torrent in the order added; what t points to lives for the
 * call. fn must not use r; returning false ends the list. */
typedef bool resume_fn(void *ctx, const struct resume_torrent *t);
__attribute__((warn_unused_result)) enum err_code
resume_each(struct resume_db *r, resume_fn *fn, void *ctx, struct err *e);
/* The same for one. ERR_STATE: not there. */
__attribute__((warn_unused_result)) enum err_code
resume_get(struct resume_db *r, const struct info_hash *hash, resume_fn *fn,
	   void *ctx, struct err *e);
/* ERR_STATE: not there. */
__attribute__((warn_unused_result)) enum err_code
resume_set_want(struct resume_db *r, const struct info_hash *hash,
		enum resume_want want, struct err *e);
/* What is known of its files goes along, over what was known of some there. */
__attribute__((warn_unused_result)) enum err_code
resume_set_root(struct resume_db *r, const struct info_hash *hash,
		const char *root, struct err *e);
__attribute__((warn_unused_result)) enum err_code
resume_set_settings(struct resume_db *r, const struct info_hash *hash,
		    const char *settings, struct err *e);

/* Its .torrent is known now. ERR_STATE: not there. ERR_LIMIT: too long. */
__attribute__((warn_unused_result)) enum err_code
resume_set_torrent(struct resume_db *r, const struct info_hash *hash,
		   const uint8_t *torrent, size_t len, struct err *e);

/* --- what links led to --- */

/* The .torrent of a link, under the hash that it is known by; one that is there
 * already is replaced. RESUME_MAX_FETCHED are kept, the oldest goes. ERR_LIMIT:
 * too long. */
__attribute__((warn_unused_result)) enum err_code
resume_keep_fetched(struct resume_db *r, const struct info_hash *hash,
		    const uint8_t *torrent, size_t len, struct err *e);
/* *out is malloc'ed; NULL: there is none. */
__attribute__((warn_unused_result)) enum err_code
resume_get_fetched(struct resume_db *r, const struct info_hash *hash,
		   uint8_t **out, size_t *len, struct err *e);
__attribute__((warn_unused_result)) enum err_code
resume_drop_fetched(struct resume_db *r, const struct info_hash *hash,
		    struct err *e);

/* --- totals --- */

/* Adds; capped at 2^63-1. The torrent need not be listed. */
__attribute__((warn_unused_result)) enum err_code
resume_add_totals(struct resume_db *r, const struct info_hash *hash,
		  uint64_t uploaded, uint64_t downloaded, struct err *e);
__attribute__((warn_unused_result)) enum err_code
resume_totals(struct resume_db *r, const struct info_hash *hash,
	      uint64_t *uploaded, uint64_t *downloaded, struct err *e);

/* --- piece states --- */

#define RESUME_NO_FILE UINT64_MAX

/* What a file looked like when its pieces were recorded. */
struct resume_stamp {
	uint32_t file;
	uint64_t size; /* RESUME_NO_FILE when saving: there is none any more */
	int64_t mtime_ns;
};

struct resume_state {
	uint8_t *have; /* bitfield, (pieces + 7) / 8 bytes; NULL: no record */
	uint32_t pieces;
	/* A process was writing and has not said that it ended: modification
	 * times moved, and pieces without a bit may be there. */
	bool open;
	struct resume_stamp *stamps; /* by file, rising */
	uint32_t stamp_count;
};

/* *out is to be cleared with resume_state_clear(). A record of another number
 * of pieces, or one that is not as it was stored, counts as none. */
__attribute__((warn_unused_result)) enum err_code
resume_load(struct resume_db *r, const struct info_hash *hash, const char *root,
	    uint32_t pieces, struct resume_state *out, struct err *e);
void resume_state_clear(struct resume_state *s);
/* One transaction: replaces bits (have NULL: leaves the state alone) and the
 * open flag, replaces the stamps given (others stay), adds to the totals. */
__attribute__((warn_unused_result)) enum err_code
resume_save(struct resume_db *r, const struct info_hash *hash, const char *root,
	    const struct resume_state *s, uint64_t uploaded,
	    uint64_t downloaded, struct err *e);
/* Forgets the state of one root, or of all when root is NULL. */
__attribute__((warn_unused_result)) enum err_code
resume_forget(struct resume_db *r, const struct info_hash *hash,
	      const char *root, struct err *e);

#endif
