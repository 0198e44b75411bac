/* sector_store.h - a host's sectors: taken, kept, read, proven and cared for.
 *
 * What node/ and the renting machine use; below it are the volumes (volume.h)
 * and the index (sector_db.h, list_db.h, record_db.h). Every change is answered
 * after it is durable: the volumes' data first (fdatasync), then one
 * transaction of the index, both once for all that waits at that moment. Every
 * sector is checked against its root before it is stored and each time before
 * it is served. No call walks the disk.
 *
 * Answers come by callback on the loop, never from inside the call, each
 * exactly once unless sectors_forget() was called for its ctx; what an answer
 * points to is valid during the callback. A call that returns an error gives no
 * callback. Every call may say ERR_LIMIT (too much is waiting), ERR_NOMEM and
 * ERR_STATE (it is closing); every answer ERR_IO and ERR_DB of the disk and the
 * index, whose text names a way forward.
 *
 * Times are Unix seconds that the owner gives with sectors_tick(). Crash rules:
 * storage/DESIGN.md. Thread: the loop's. Reading, writing and hashing are
 * jobs at cfg.work; the index is used by two threads of the store's own.
 */
#ifndef STORAGE_SECTOR_SECTOR_STORE_H
#define STORAGE_SECTOR_SECTOR_STORE_H

#include "base/cbuf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/work.h"
#include "storage/sector/list_db.h"
#include "storage/sector/record_db.h"

struct sectors;

struct sectors_ops {
	/* A sector of this volume turned out to be lost: it is in
	 * sectors_lost() of the agreements that name it, and may be put again.
	 */
	void (*lost)(void *ctx, const struct hash32 *root, uint32_t volume);
	/* Something about a volume that a person should know; also in
	 * sectors_volume_state. */
	void (*volume)(void *ctx, uint32_t id, const char *text);
	/* Puts would be refused (true), or are taken again. */
	void (*pressure)(void *ctx, bool blocked);
};

/* Between which steps a test ends the process. */
enum sectors_step {
	SECTORS_WRITTEN, /* a sector's bytes, not synced */
	SECTORS_SYNCED,	 /* the volumes of a group */
	SECTORS_CHANGED, /* the index, not committed */
	SECTORS_COMMITTED,
	SECTORS_GREW, /* a volume's file, not yet the index; also: shrank */
};

struct sectors_cfg {
	struct loop *loop;
	struct work *work;
	struct log *log;   /* may be NULL */
	const char *index; /* path of sectors.db */
	int64_t now_s;
	uint64_t scrub_bytes_per_s; /* 0: no scrub */
	uint32_t max_put_mib;	    /* waiting in puts; 0: 32 */
	uint32_t max_cache_mib;	    /* 0: 16 */
	uint32_t max_staged;	    /* sectors for one owner; 0: 4096 */
	bool sparse;		    /* volumes take no space: tests */
	const struct sectors_ops *ops;
	void *ctx;
	void (*step)(void *ctx, enum sectors_step step); /* any thread; NULL */
	void *step_ctx;
};

/* Blocking: start-up only; the index is made when there is none. A volume that
 * is missing, wrong or cut short does not keep the others from being used:
 * ops->volume says so, from the loop. ERR_DB: the index is damaged or newer;
 * the message says what to do. */
__attribute__((warn_unused_result)) enum err_code
sectors_open(struct sectors **out, const struct sectors_cfg *cfg,
	     struct err *e);
/* Ends all that was taken, running the loop for it (callbacks come), then
 * closes. NULL is a no-op. */
void sectors_close(struct sectors *s);
/* No more callbacks with this ctx; what was asked for is still done. */
void sectors_forget(struct sectors *s, const void *ctx);
/* Call it every minute or so: stagings and records whose time has come end. */
void sectors_tick(struct sectors *s, int64_t now_s);

/* What an answer carries; which of it is set stands at each call. */
struct sectors_answer {
	const uint8_t *data;
	size_t len;
	struct span span; /* the same bytes; may be kept with span_ref() */
	const struct hash32 *nodes; /* proof, path or roots */
	size_t node_count;
	struct hash32 root;
	const struct list_info *info;
	struct record_info record;
	bool stored;
	bool lost; /* sectors_read() failed: the sector was here */
	uint32_t next;
	uint32_t count;
};

/* e is NULL when all went well, and a otherwise. */
typedef void sectors_fn(void *ctx, const struct sectors_answer *a,
			const struct err *e);

/* --- sectors --- */

struct sectors_put {
	struct hash32 root;
	const struct span
		*spans; /* SECTOR_LEN bytes together; refs are taken */
	size_t span_count;
	struct address owner;
	int64_t expires_s; /* it stays until then unless a list names it */
};

#define SECTORS_MAX_SPANS 256U

/* Answered when durable. ERR_SIG: other bytes than the root says. ERR_LIMIT:
 * all space is taken; or too much is staged for this owner. ERR_PARSE: no
 * sector. */
__attribute__((warn_unused_result)) enum err_code
sectors_put(struct sectors *s, const struct sectors_put *p, sectors_fn *done,
	    void *ctx, struct err *e);
/* Of these sectors, those that are here are staged as if they were put again.
 * data: a bit for each, highest first, set when it is; count: how many. n is
 * SECTORS_MAX_HAVE at most. ERR_LIMIT: more than that; too much is staged. */
#define SECTORS_MAX_HAVE 2048U
__attribute__((warn_unused_result)) enum err_code
sectors_have(struct sectors *s, const struct hash32 *roots, size_t n,
	     const struct address *owner, int64_t expires_s, sectors_fn *done,
	     void *ctx, struct err *e);
/* data, span: the bytes, TREE_TILE multiples both; nodes: their range proof
 * (tree.h). Spans that were kept are given back before sectors_close().
 * ERR_STATE: not here, or lost (lost says which). ERR_PARSE: no such range. */
__attribute__((warn_unused_result)) enum err_code
sectors_read(struct sectors *s, const struct hash32 *root, uint32_t offset,
	     uint32_t len, sectors_fn *done, void *ctx, struct err *e);

/* --- agreements --- */

/* list_change(): its errors; ops and blob are copied. `preview`: all is checked
 * and nothing stored (before a host signs). */
__attribute__((warn_unused_result)) enum err_code
sectors_change(struct sectors *s, const struct list_change *c, bool preview,
	       sectors_fn *done, void *ctx, struct err *e);
/* list_settle(), list_drop(): durable when answered; space comes back in the
 * background. */
__attribute__((warn_unused_result)) enum err_code
sectors_settle(struct sectors *s, const struct list_key *key, uint32_t revision,
	       sectors_fn *done, void *ctx, struct err *e);
__attribute__((warn_unused_result)) enum err_code
sectors_drop(struct sectors *s, const struct list_key *key, sectors_fn *done,
	     void *ctx, struct err *e);
/* info. ERR_STATE: there is none. */
__attribute__((warn_unused_result)) enum err_code
sectors_agreement(struct sectors *s, const struct list_key *key,
		  sectors_fn *done, void *ctx, struct err *e);
/* The agreement that follows `after` (NULL: the first) in the order of keys, as
 * info; ERR_STATE behind the last. */
__attribute__((warn_unused_result)) enum err_code
sectors_next_agreement(struct sectors *s, const struct list_key *after,
		       sectors_fn *done, void *ctx, struct err *e);
/* nodes: roots from a position on, SECTORS_MAX_ROOTS at most; next: the
 * position behind them; count: sectors of the list. */
#define SECTORS_MAX_ROOTS 1024U
__attribute__((warn_unused_result)) enum err_code
sectors_roots(struct sectors *s, const struct list_key *key, uint32_t from,
	      sectors_fn *done, void *ctx, struct err *e);
/* nodes: lost ones among the roots from a position on; next: list_lost();
 * count: sectors of the list. */
__attribute__((warn_unused_result)) enum err_code
sectors_lost(struct sectors *s, const struct list_key *key, uint32_t from,
	     sectors_fn *done, void *ctx, struct err *e);
/* The leaf with number `index` of the list with this root and number of
 * sectors: data has TREE_LEAF bytes, nodes the whole path, root the sector's.
 * Checked as the contract does before it is answered. ERR_STATE:
 * list_prove()'s, or the sector is lost. */
__attribute__((warn_unused_result)) enum err_code
sectors_prove(struct sectors *s, const struct list_key *key,
	      const struct hash32 *root, uint32_t sectors, uint64_t index,
	      sectors_fn *done, void *ctx, struct err *e);

/* --- records --- */

/* stored, record: what is here now. Bytes are copied. ERR_LIMIT as
 * record_db.h. */
__attribute__((warn_unused_result)) enum err_code
sectors_put_placement(struct sectors *s, const struct record_put *p,
		      sectors_fn *done, void *ctx, struct err *e);
__attribute__((warn_unused_result)) enum err_code
sectors_put_head(struct sectors *s, const struct record_put *p,
		 sectors_fn *done, void *ctx, struct err *e);
/* record (size 0: there is none) and data: bytes from `offset` on, len at most
 * and 65,536. With a sequence of 0, of the one that is here. ERR_STATE: another
 * sequence is here by now. */
__attribute__((warn_unused_result)) enum err_code
sectors_placement(struct sectors *s, const struct hash32 *object,
		  uint64_t sequence, uint32_t offset, uint32_t len,
		  sectors_fn *done, void *ctx, struct err *e);
/* record, data. */
__attribute__((warn_unused_result)) enum err_code
sectors_head(struct sectors *s, const struct address *renter, sectors_fn *done,
	     void *ctx, struct err *e);
/* count: MiB of placement records, rounded up, that this account put here. */
__attribute__((warn_unused_result)) enum err_code
sectors_owned(struct sectors *s, const struct address *owner, sectors_fn *done,
	      void *ctx, struct err *e);

/* --- space --- */

/* The directory shall have so many slots, 0: none and no volume. Answered when
 * it has; a smaller number moves sectors elsewhere first, and waits while there
 * is no room for them. A later call for the same directory takes the place of
 * an earlier one (which is answered ERR_STATE). ERR_IO, os ENOSPC: as many as
 * fitted. Going on after a restart: call it again. */
__attribute__((warn_unused_result)) enum err_code
sectors_space(struct sectors *s, const char *dir, uint32_t slots,
	      sectors_fn *done, void *ctx, struct err *e);
/* The volume will not come back: all its sectors are listed as lost and it is
 * forgotten. count: how many were lost. ERR_STATE: no such volume, or it can be
 * read. */
__attribute__((warn_unused_result)) enum err_code
sectors_give_up(struct sectors *s, uint32_t volume, sectors_fn *done, void *ctx,
		struct err *e);

struct sectors_volume_state {
	uint32_t id;
	const char *dir;
	uint32_t slots, used, retired;
	uint32_t goal;	 /* slots that it shall have */
	bool open;	 /* its file is there */
	bool sick;	 /* nothing new goes there; drain it */
	unsigned errors; /* sectors lost since the start */
	uint32_t scrub;	 /* slot that is checked next */
	int64_t scrubbed_s;
	const char *note; /* the newest text of ops->volume, or "" */
};

/* i from 0; false: there are no more. */
bool sectors_volume(const struct sectors *s, uint32_t i,
		    struct sectors_volume_state *out);
/* Slots that a put may have now. */
uint64_t sectors_free(const struct sectors *s);
/* count: sectors; and all totals as data: a struct sector_totals. */
__attribute__((warn_unused_result)) enum err_code
sectors_totals(struct sectors *s, sectors_fn *done, void *ctx, struct err *e);

/* A copy of the index in a new file, whole and consistent, while all goes on:
 * what sectors_rescan() needs to find lists again. */
__attribute__((warn_unused_result)) enum err_code
sectors_copy(struct sectors *s, const char *path, sectors_fn *done, void *ctx,
	     struct err *e);

#endif
