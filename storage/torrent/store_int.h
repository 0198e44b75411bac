/* store_int.h - what torrent_store.c and store_state.c share. Nobody else
 * includes it.
 *
 * torrent_store.c: life, reads, writes. store_state.c: which pieces are there -
 * checks, losses, and the record of it. store_aside.c: files that are not
 * wanted. store_leaves.c: hashes of blocks.
 */
#ifndef STORAGE_STORE_INT_H
#define STORAGE_STORE_INT_H

#include "storage/torrent/files.h"
#include "storage/torrent/layout.h"
#include "storage/torrent/piece_check.h"
#include "storage/torrent/piece_sums.h"
#include "storage/torrent/piece_writer.h"
#include "storage/torrent/read_cache.h"
#include "storage/torrent/recorder.h"
#include "storage/torrent/store_scan.h"
#include "storage/torrent/torrent_store.h"

struct store_env {
	struct store_env_cfg cfg;
	struct file_pool *pool;
	struct read_cache *cache;
	struct cbuf_pool *copies;
	struct recorder *recorder;  /* NULL: nothing is remembered */
	uint64_t queued;	    /* bytes, of all writers */
	bool full;		    /* queued passed write_max */
	struct work_lane leaf_lane; /* see store_leaves(): one at a time */
	unsigned leaf_jobs;
	struct store *stores;
};

enum store_phase { PHASE_SCAN, PHASE_CHECK, PHASE_READY, PHASE_CLOSING };
enum check_kind { CHECK_NONE, CHECK_OPEN, CHECK_VERIFY, CHECK_SUSPECT };

struct scan_job {
	struct work_job job; /* first */
	struct store *t;
	struct store_scan scan;
	struct resume_state record;
	enum err_code code;
	struct err err;
};

struct store {
	struct store_env *env;
	struct store *next, *prev;
	struct store_ops ops;
	void *ctx;
	struct info_hash info_hash;
	char *root;		/* absolute: the record's key */
	struct piece_sums sums; /* none while it rests, see store_sums() */
	bool read_only, no_resume;
	bool v2;      /* there are roots */
	bool by_half; /* they came, and the writer looks at v1's hashes only */
	struct layout layout;
	struct files *files;
	struct read_client *reader;
	struct piece_writer *writer; /* NULL: nothing is being written */
	enum store_phase phase;
	unsigned pending; /* jobs and parts that must end before the store */
	struct scan_job scan;
	uint8_t *unwanted; /* a bit for each file; NULL: all are wanted */
	bool moving;	   /* store_set_unwanted() is under way */

	/* which pieces there are */
	uint8_t *have;
	uint32_t have_count;
	uint64_t have_bytes;
	struct piece_check *check;
	enum check_kind checking;
	bool told_unreadable; /* by the check that runs */
	void (*verify_done)(void *ctx, bool whole);
	void *verify_ctx;
	uint8_t *suspect;   /* to be hashed when no other check runs, or NULL */
	uint8_t *suspected; /* being hashed by CHECK_SUSPECT, or NULL */

	/* what of it is recorded */
	uint8_t *saved; /* verified pieces that the record has */
	uint32_t saved_count;
	uint8_t *dirty;		/* files to flush and stamp */
	bool changed;		/* there is something to record */
	bool absent;		/* all its files are missing: the record stays
				 * as it is until something is written */
	bool saving;		/* a record is under way */
	bool save_soon;		/* another one right after it */
	bool recorded_open;	/* what the record says */
	bool wrote;		/* in this run */
	bool last_saved;	/* closing: the last record was tried */
	unsigned save_failures; /* in a row */
	uint64_t unsaved_bytes;
	uint64_t up, down;		     /* not recorded yet */
	uint64_t up_recorded, down_recorded; /* all told */
	struct loop_timer *save_timer;
	int64_t save_at_ms; /* 0: not set */

	/* going on */
	bool paused;
	bool blocked; /* what `pressure` last said */
	loop_fn *closed;
	void *closed_ctx;
};

#define TOTALS_SAVE_MS 60000

/* --- torrent_store.c --- */
/* Says `pressure` when it changed. */
void store_level(struct store *t);
/* Pauses and says `error`, once. */
void store_pause(struct store *t, const struct err *e);
/* One pending part has ended; the store may be gone afterwards. */
void store_part_ended(struct store *t);
void store_note(struct store *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Number of the cache block that holds this place. */
uint64_t store_block_of(const struct store *t, uint32_t piece, uint32_t offset);
void store_become_ready(struct store *t);
/* t->sums can be used from now on, until it rests. */
enum err_code store_sums(struct store *t, struct err *e);
/* Blocks of the piece are kept, or being written. */
bool store_is_writing(const struct store *t, uint32_t piece);
bool store_writes(const struct store *t); /* of any */

/* --- store_aside.c --- */
enum err_code store_aside_init(struct store *t, const struct store_cfg *cfg,
			       struct err *e);

/* --- store_state.c --- */
enum err_code store_state_init(struct store *t, bool recheck, struct err *e);
void store_state_clear(struct store *t);
void store_have_set(struct store *t, uint32_t piece);
/* Not verified any more: says `lost`. */
void store_have_lost(struct store *t, uint32_t piece);
/* Files of the piece will be stamped with the next record. */
void store_mark_dirty(struct store *t, uint32_t piece);
/* Bytes of verified pieces cannot be read: hash those pieces. */
void store_suspect(struct store *t, uint64_t from, uint64_t to);
/* It is to be hashed again, or is just being: not served meanwhile. */
bool store_in_doubt(const struct store *t, uint32_t piece);
/* The first write of this run. */
void store_wrote(struct store *t);
/* Records in delay_ms at the latest. */
void store_save_in(struct store *t, int64_t delay_ms);
/* Records now if there is something; true when that is under way. */
bool store_save_now(struct store *t);
void store_check_cancel(struct store *t);

#endif
