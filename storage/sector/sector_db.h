/* sector_db.h - the index of a host's sectors: which volume and slot holds
 * which root, who needs it, and what is free.
 *
 * One SQLite file (sectors.db in the home directory). The lists of agreements
 * are in list_db.h, small records in record_db.h; both work on the same struct.
 *
 * What holds at every commit, and so after every crash:
 *   - a slot's bit is set if and only if a sector is in it or it is retired;
 *     a volume's `used` and `retired` are the counts of both
 *   - a sector's refs is the number of its staged rows, list positions and
 *     old list positions; the last one takes the sector with it
 * So nothing has to be searched, counted or repaired when a program starts.
 *
 * A sector is put in only after its bytes were synced; a slot that a change
 * gave free is written to only after that change was committed (the caller's
 * duties, see sector_store.h).
 *
 * Functions that change something are called between sector_db_begin() and
 * sector_db_commit(); after an error the caller undoes the mark or all.
 * Errors are base/db.h's, and what stands at the functions. Thread: a struct
 * sector_db belongs to one thread at a time; several may have the file open,
 * one of them writes.
 */
#ifndef STORAGE_SECTOR_SECTOR_DB_H
#define STORAGE_SECTOR_SECTOR_DB_H

#include "base/err.h"
#include "base/ids.h"
#include "storage/sector/volume.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sector_db;

#define SECTOR_MAX_VOLUMES 64U
#define SECTOR_MAX_DIR 1024U
#define SECTOR_CHUNK_SLOTS 8192U /* slots whose bits are stored together */

struct sector_at {
	uint32_t volume; /* its number in the index */
	uint32_t slot;
};

/* Slots that changes gave free; grows as needed, the owner clears it. */
struct sector_freed {
	struct sector_at *at;
	size_t n, cap;
};

void sector_freed_clear(struct sector_freed *f);

/* `make`: a new index when there is none. ERR_IO with os ENOENT: there is
 * none. */
__attribute__((warn_unused_result)) enum err_code
sector_db_open(struct sector_db **out, const char *path, bool make,
	       struct err *e);
void sector_db_close(struct sector_db *d); /* NULL is a no-op */
const char *sector_db_path(const struct sector_db *d);
/* A copy of the whole into a new file, while it is in use. */
__attribute__((warn_unused_result)) enum err_code
sector_db_copy(struct sector_db *d, const char *path, struct err *e);
/* 16 random bytes made with the index: volumes carry them. */
__attribute__((warn_unused_result)) enum err_code
sector_db_name(struct sector_db *d, uint8_t name[16], struct err *e);

__attribute__((warn_unused_result)) enum err_code
sector_db_begin(struct sector_db *d, struct err *e);
__attribute__((warn_unused_result)) enum err_code
sector_db_commit(struct sector_db *d, struct err *e);
void sector_db_rollback(struct sector_db *d);
/* A change within the transaction that can be undone alone. */
__attribute__((warn_unused_result)) enum err_code
sector_db_mark(struct sector_db *d, struct err *e);
void sector_db_mark_keep(struct sector_db *d);
void sector_db_mark_undo(struct sector_db *d);

/* --- volumes --- */

struct sector_volume {
	uint32_t id;
	struct volume_name name;
	const char *dir; /* during the call only */
	uint32_t slots;	 /* that the file has */
	uint32_t want;	 /* slots from here on are being given back */
	uint32_t used;
	uint32_t retired;   /* not to be written to again */
	bool sick;	    /* nothing new goes there */
	uint32_t scrub;	    /* slot that is checked next */
	int64_t scrubbed_s; /* end of the last whole check, Unix time; or 0 */
};

typedef void sector_volume_fn(void *ctx, const struct sector_volume *v);

__attribute__((warn_unused_result)) enum err_code
sector_db_volumes(struct sector_db *d, sector_volume_fn *fn, void *ctx,
		  struct err *e);
/* With no slots. ERR_DB: the directory has one. ERR_LIMIT: too many. */
__attribute__((warn_unused_result)) enum err_code
sector_db_volume_add(struct sector_db *d, const char *dir,
		     const uint8_t name[16], uint32_t *id, struct err *e);
__attribute__((warn_unused_result)) enum err_code
sector_db_volume_size(struct sector_db *d, uint32_t id, uint32_t slots,
		      uint32_t want, struct err *e);
__attribute__((warn_unused_result)) enum err_code
sector_db_volume_sick(struct sector_db *d, uint32_t id, bool sick,
		      struct err *e);
/* ERR_STATE: sectors are in it. */
__attribute__((warn_unused_result)) enum err_code
sector_db_volume_drop(struct sector_db *d, uint32_t id, struct err *e);
/* done_s other than 0: a whole check ended then. */
__attribute__((warn_unused_result)) enum err_code
sector_db_scrubbed(struct sector_db *d, uint32_t id, uint32_t next,
		   int64_t done_s, struct err *e);

/* SECTOR_CHUNK_SLOTS bits, lowest first, from slot chunk x that many. */
typedef void sector_chunk_fn(void *ctx, uint32_t chunk, const uint8_t *bits);
/* Chunks that are not called for have no bit set. */
__attribute__((warn_unused_result)) enum err_code
sector_db_taken(struct sector_db *d, uint32_t id, sector_chunk_fn *fn,
		void *ctx, struct err *e);

/* --- sectors --- */

enum sector_state { SECTOR_NONE, SECTOR_THERE, SECTOR_LOST };

struct sector_found {
	enum sector_state state;
	struct sector_at at; /* when it is THERE */
};

__attribute__((warn_unused_result)) enum err_code
sector_db_find(struct sector_db *d, const struct hash32 *root,
	       struct sector_found *out, struct err *e);

/* Stages the sector for `owner` until `expires_s`: it stays without any list
 * naming it. `at` holds its synced bytes; *placed false: it was there already
 * and `at` is not used. A lost sector is found again. at NULL: ERR_STATE when
 * it is not there. */
__attribute__((warn_unused_result)) enum err_code
sector_db_stage(struct sector_db *d, const struct hash32 *root,
		const struct sector_at *at, const struct address *owner,
		int64_t expires_s, bool *placed, struct err *e);
/* How many are staged for this owner. */
__attribute__((warn_unused_result)) enum err_code
sector_db_staged(struct sector_db *d, const struct address *owner,
		 uint32_t *count, struct err *e);
/* Ends stagings whose time has come, max at most; *n: how many. */
__attribute__((warn_unused_result)) enum err_code
sector_db_expire(struct sector_db *d, int64_t now_s, uint32_t max, uint32_t *n,
		 struct sector_freed *freed, struct err *e);

/* The sector was not there, or not its bytes: it is listed as lost and its slot
 * retired. *lost false: it is not in that slot (any more). */
__attribute__((warn_unused_result)) enum err_code
sector_db_lose(struct sector_db *d, const struct hash32 *root,
	       const struct sector_at *at, int64_t now_s, bool *lost,
	       struct err *e);
/* It was copied and synced. *moved false: it is not in `from` any more; `to`
 * is then not used. */
__attribute__((warn_unused_result)) enum err_code
sector_db_move(struct sector_db *d, const struct hash32 *root,
	       const struct sector_at *from, const struct sector_at *to,
	       bool *moved, struct sector_freed *freed, struct err *e);
/* How many are retired from `slot` on. */
__attribute__((warn_unused_result)) enum err_code
sector_db_retired(struct sector_db *d, uint32_t volume, uint32_t slot,
		  uint32_t *n, struct err *e);
/* Retired slots from `slot` on are forgotten: the space goes. */
__attribute__((warn_unused_result)) enum err_code
sector_db_unretire(struct sector_db *d, uint32_t volume, uint32_t slot,
		   struct err *e);

struct sector_in {
	struct hash32 root;
	uint32_t slot;
};

/* The sectors of a volume from `slot` on, max at most, by slot. */
__attribute__((warn_unused_result)) enum err_code
sector_db_from(struct sector_db *d, uint32_t volume, uint32_t slot,
	       struct sector_in *out, size_t max, size_t *n, struct err *e);

struct sector_totals {
	uint64_t sectors; /* in slots */
	uint64_t lost;
	uint64_t staged;
	uint64_t agreements;
	uint64_t record_bytes; /* placement and head records */
};

__attribute__((warn_unused_result)) enum err_code
sector_db_totals(struct sector_db *d, struct sector_totals *out, struct err *e);

/* Whether what must hold holds: reads all of the index, for tests and repair.
 * ERR_DB: it does not; the message says what. */
__attribute__((warn_unused_result)) enum err_code
sector_db_check(struct sector_db *d, struct err *e);

#endif
