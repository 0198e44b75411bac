/* renter_db.h - what a renter knows of its own: hosts, agreements, objects,
 * where each shard lies, files, and puts under way.
 *
 * One SQLite file in the home directory. It can be lost: the catalogue on the
 * hosts brings back everything but what was still being put. Keys of objects
 * stand in it wrapped by the storage master key; names and paths do not, the
 * file's mode is 0600.
 *
 * A shard's life (enum shard_state):
 *
 *     WANTED --ack--> STAGED --co-signed--> SIGNED --audit, loss--> LOST
 *        ^               |                                            |
 *        +---- expired --+             (its place is given up) <------+
 *
 * WANTED has no place yet. STAGED lies at a host that keeps it for a while; it
 * counts for nothing until a revision names it. SIGNED has a position in the
 * list of an agreement. A shard may have several places, one row each.
 *
 * Changes are staged in one transaction that the first change opens;
 * renter_db_commit() makes them durable, once a turn of the loop; what depends
 * on them (asking a host for its signature) waits for it. Errors: those of
 * base/db.h; ERR_STATE where nothing fits. Thread: the loop.
 */
#ifndef STORAGE_RENT_RENTER_DB_H
#define STORAGE_RENT_RENTER_DB_H

#include "base/agreement.h"
#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/offer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RENTER_SIG_LEN 64
#define RENTER_PATH_MAX 4096 /* bytes of a path in the catalogue */
#define RENTER_WRAPPED_MAX 96

struct renter_db;

enum err_code renter_db_open(struct renter_db **out, const char *path,
			     struct err *e) __attribute__((warn_unused_result));
/* What was not committed is dropped. NULL is a no-op. */
void renter_db_close(struct renter_db *r);
bool renter_db_dirty(const struct renter_db *r);
/* After an error everything since the last commit is gone. */
enum err_code renter_db_commit(struct renter_db *r, struct err *e)
	__attribute__((warn_unused_result));
void renter_db_rollback(struct renter_db *r);

/* Small numbers that must survive. 0: never set. */
#define RENTER_CATALOGUE "catalogue" /* its sequence */
/* 1: something was removed, and the catalogue at the hosts still has it */
#define RENTER_UNPUBLISHED "unpublished"
#define RENTER_SEQUENCE "sequence" /* the newest that one was given */
#define RENTER_RETOLD "retold"	   /* when records were, Unix seconds */
#define RENTER_RESTORED "restored" /* the sequence that `restore` found */
#define RENTER_ACCOUNT "account"   /* whose it is: 7 bytes of its address */
enum err_code renter_db_number(struct renter_db *r, const char *name,
			       uint64_t *out, struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_db_set_number(struct renter_db *r, const char *name,
				   uint64_t value, struct err *e)
	__attribute__((warn_unused_result));

/* ---- hosts ----------------------------------------------------------------
 */

struct renter_host {
	struct address address;
	bool has_endpoint, has_sheet;
	struct endpoint endpoint; /* the newest signed record */
	uint8_t endpoint_sig[RENTER_SIG_LEN];
	struct sheet sheet;
	uint8_t sheet_sig[RENTER_SIG_LEN];
	/* our own experience, never anyone else's word */
	uint64_t good;	 /* audits, reads and acks that were right */
	uint64_t bad;	 /* wrong or refused, or no answer in time */
	uint32_t rtt_ms; /* smoothed; 0: never measured */
	int64_t seen_s;	 /* last good answer, Unix; 0: never */
	bool shunned;	 /* proved to lie: no new sectors go there */
};

/* All zero but the address when it is not known: ERR_NONE all the same. */
enum err_code renter_db_host(struct renter_db *r, struct renter_host *out,
			     const struct address *a, struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_db_set_host(struct renter_db *r,
				 const struct renter_host *h, struct err *e)
	__attribute__((warn_unused_result));
/* Best experience first. Return false to stop. fn may change nothing. */
typedef bool renter_host_fn(void *ctx, const struct renter_host *h);
enum err_code renter_db_hosts(struct renter_db *r, renter_host_fn *fn,
			      void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* ---- agreements and their lists of sectors ---------------------------------
 */

enum renter_agreement_state {			/* stored: append only */
			      RENTER_DRAFT = 1, /* ours alone: the host has not
						   signed yet */
			      RENTER_UNOPENED =
				      2, /* both signed, nothing on chain */
			      RENTER_OPENED = 3,
			      RENTER_ENDED = 4, /* over or closed; its places
						   are gone */
};

struct renter_agreement {
	int64_t id; /* 0: not stored yet */
	enum renter_agreement_state state;
	struct agreement signed_; /* the newest that both signed */
	uint8_t renter_sig[RENTER_SIG_LEN];
	uint8_t host_sig[RENTER_SIG_LEN];
	/* The newest that we signed: what the host may hold though its answer
	 * never came. Equal to signed_ when nothing is open. */
	struct agreement offered;
	uint8_t offered_sig[RENTER_SIG_LEN];
	bool posted;		  /* something is on chain */
	uint32_t posted_revision; /* the newest there */
	struct amount fund;	  /* still locked on chain, last read */
};

/* Sets a->id. ERR_DB: renter, host and number are there already. */
enum err_code renter_db_add_agreement(struct renter_db *r,
				      struct renter_agreement *a, struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_db_set_agreement(struct renter_db *r,
				      const struct renter_agreement *a,
				      struct err *e)
	__attribute__((warn_unused_result));
typedef bool renter_agreement_fn(void *ctx, const struct renter_agreement *a);
enum err_code renter_db_agreements(struct renter_db *r, renter_agreement_fn *fn,
				   void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* Is it one that is never opened? No: it is not there. */
enum err_code renter_db_is_unopened(struct renter_db *r, int64_t agreement,
				    bool *out, struct err *e)
	__attribute__((warn_unused_result));

/* ---- objects, segments, shards ---------------------------------------------
 */

enum renter_object_state { /* stored: append only */
			   RENTER_PUTTING =
				   1, /* some of its shards are not SIGNED */
			   RENTER_STORED = 2,
			   RENTER_DROPPING = 3, /* removed: its places are being
						   given up */
};

struct renter_object {
	int64_t id;
	struct hash32 name; /* its location key's public half */
	uint8_t wrapped[RENTER_WRAPPED_MAX]; /* its key under the master key */
	size_t wrapped_len; /* 0: only of what `restore` found to drop */
	enum renter_object_state state;
	bool catalogue; /* it holds the catalogue, not files */
	uint64_t size;	/* bytes of files in its stream, exact: its table does
			 * not count. While PUTTING: of the whole stream */
	uint16_t k, n;	/* 1 <= k <= n <= 255 */
	uint32_t segments;
	uint64_t sequence; /* of its newest placement record; 0: none yet */
	int64_t put;	   /* that it is part of; 0: none, or that is done */
	bool unopened;	   /* its sectors go into agreements that are never
			    * opened (rent_rules.h) */
	int64_t put_s;	   /* when it was put, Unix; told by the catalogue */
};
/* Files go on from one object to the next (catalogue.h): the objects of a put
 * are added one right after another, those that hold catalogues left out. */

enum err_code renter_db_add_object(struct renter_db *r, struct renter_object *o,
				   struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_db_set_object(struct renter_db *r,
				   const struct renter_object *o, struct err *e)
	__attribute__((warn_unused_result));
/* With its segments, shards and files. ERR_STATE: shards of it are SIGNED. */
enum err_code renter_db_remove_object(struct renter_db *r, int64_t object,
				      struct err *e)
	__attribute__((warn_unused_result));
/* One of our own by its id. ERR_STATE: there is none. */
enum err_code renter_db_object(struct renter_db *r, int64_t object,
			       struct renter_object *out, struct err *e)
	__attribute__((warn_unused_result));
/* The newest catalogue that is STORED; id 0: none is. */
enum err_code renter_db_catalogue(struct renter_db *r,
				  struct renter_object *out, struct err *e)
	__attribute__((warn_unused_result));
typedef bool renter_object_fn(void *ctx, const struct renter_object *o);
enum err_code renter_db_objects(struct renter_db *r, renter_object_fn *fn,
				void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* A segment is noted before any of its sectors leaves: its salt may never serve
 * for other bytes (!), so `plain` (SHA-256 of its padded plaintext) is compared
 * when a put goes on after a restart. */
struct renter_segment {
	int64_t object;
	uint32_t index;
	uint8_t salt[16];
	struct hash32 plain;
};
/* Replaces an older one, whose shards go back to WANTED. ERR_STATE: some are
 * SIGNED. */
enum err_code renter_db_set_segment(struct renter_db *r,
				    const struct renter_segment *s,
				    struct err *e)
	__attribute__((warn_unused_result));
/* *known false: not noted yet. */
enum err_code renter_db_segment(struct renter_db *r, struct renter_segment *out,
				bool *known, int64_t object, uint32_t index,
				struct err *e)
	__attribute__((warn_unused_result));

enum shard_state { /* stored: append only; WANTED is having no row */
		   SHARD_WANTED = 0,
		   SHARD_STAGED = 1,
		   SHARD_SIGNED = 2,
		   SHARD_LOST = 3,
};

struct renter_place { /* of one shard at one host */
	int64_t object;
	uint32_t segment;
	uint16_t shard;
	enum shard_state state;
	struct hash32 root;
	struct address host;
	int64_t agreement; /* SIGNED, LOST: which; else 0 */
	uint32_t position; /* SIGNED, LOST: in its list */
	int64_t since_s;   /* when it got this state, Unix */
};

/* A sector was acknowledged: STAGED. ERR_DB: that host has this shard. */
enum err_code renter_db_stage(struct renter_db *r, const struct renter_place *p,
			      struct err *e)
	__attribute__((warn_unused_result));
/* Back to WANTED (expired at the host, or refused). */
enum err_code renter_db_unstage(struct renter_db *r,
				const struct renter_place *p, struct err *e)
	__attribute__((warn_unused_result));
/* STAGED places of one kind of objects at a host: back to WANTED. keep_stored:
 * but those of STORED objects, which are to be had there by an older list. *n:
 * how many. */
enum err_code renter_db_unstage_all(struct renter_db *r,
				    const struct address *host, bool unopened,
				    bool keep_stored, uint32_t *n,
				    struct err *e)
	__attribute__((warn_unused_result));
/* STAGED places at the agreement's host, of objects of its kind, `max` at most,
 * get the next positions of its list, in the order of object, segment, shard.
 * For a revision that the host has signed: SIGNED. */
enum err_code renter_db_sign_staged(struct renter_db *r, int64_t agreement,
				    const struct address *host, size_t max,
				    int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* The roots that renter_db_sign_staged() would append to an agreement of this
 * kind, in that order. */
enum err_code renter_db_staged_roots(struct renter_db *r,
				     const struct address *host, bool unopened,
				     size_t max, struct hash32 **take_roots,
				     size_t *n, struct err *e)
	__attribute__((warn_unused_result));
/* Hosts that have STAGED places, and how many of each kind of objects. Return
 * false to stop. fn may change nothing. */
typedef bool renter_staged_fn(void *ctx, const struct address *host,
			      bool unopened, uint32_t sectors);
enum err_code renter_db_staged_hosts(struct renter_db *r, renter_staged_fn *fn,
				     void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* Is anything STAGED, at whatever host? */
enum err_code renter_db_any_staged(struct renter_db *r, bool *out,
				   struct err *e)
	__attribute__((warn_unused_result));
/* Is anything of a STORED object? Then a renewal, or a repair, has not ended.
 */
enum err_code renter_db_any_waits(struct renter_db *r, bool *out, struct err *e)
	__attribute__((warn_unused_result));
/* The list of an agreement in order (heap, the caller's). ERR_STATE: positions
 * are not 0 .. n-1, the database is damaged. */
enum err_code renter_db_list(struct renter_db *r, int64_t agreement,
			     struct hash32 **take_roots, size_t *n,
			     struct err *e) __attribute__((warn_unused_result));
/* Swap with the last, then cut: the place at `position` is gone. */
enum err_code renter_db_cut(struct renter_db *r, int64_t agreement,
			    uint32_t position, struct err *e)
	__attribute__((warn_unused_result));
/* SIGNED <-> LOST. */
enum err_code renter_db_mark_place(struct renter_db *r, int64_t agreement,
				   uint32_t position, enum shard_state state,
				   int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));

/* A place that an agreement's list has, as `restore` finds it: SIGNED. ERR_DB:
 * that host has this shard, or the list's position is taken. */
enum err_code renter_db_add_signed(struct renter_db *r,
				   const struct renter_place *p, struct err *e)
	__attribute__((warn_unused_result));

/* Removes what `restore` made of sectors of an agreement that belong to no
 * object (renter_lists_rest()), with their places: the list is not complete
 * until it is restored again. */
enum err_code renter_db_forget_rest(struct renter_db *r, int64_t agreement,
				    struct err *e)
	__attribute__((warn_unused_result));

/* Roots outlive places, so that a row can be made again and checked: cutting
 * and unstaging keep them. A root of this row that is kept stays. */
enum err_code renter_db_keep_root(struct renter_db *r, int64_t object,
				  uint32_t segment, uint16_t shard,
				  const struct hash32 *root, struct err *e)
	__attribute__((warn_unused_result));
/* What is known of the roots of a segment's rows, kept or of any place; some
 * more than once. */
typedef bool renter_root_fn(void *ctx, uint16_t shard,
			    const struct hash32 *root);
enum err_code renter_db_roots(struct renter_db *r, int64_t object,
			      uint32_t segment, renter_root_fn *fn, void *ctx,
			      struct err *e)
	__attribute__((warn_unused_result));

typedef bool renter_place_fn(void *ctx, const struct renter_place *p);
/* By shard, then by state; SHARD_LOST included. */
enum err_code renter_db_places(struct renter_db *r, int64_t object,
			       uint32_t segment, renter_place_fn *fn, void *ctx,
			       struct err *e)
	__attribute__((warn_unused_result));
/* Of all objects, in order of position. */
enum err_code renter_db_places_at(struct renter_db *r, int64_t agreement,
				  renter_place_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* ---- what is given up (renter_db_drop.c) -----------------------------------
 */

/* STORED objects that no file lies in, in part or whole: DROPPING, and what is
 * staged of them goes. A file lies also in the objects after its own, as far as
 * its bytes reach. *n: how many. */
enum err_code renter_db_drop_unused(struct renter_db *r, uint64_t *n,
				    struct err *e)
	__attribute__((warn_unused_result));
/* Puts under way whose name is `path` or below it are forgotten, with the files
 * that wait for them, their objects DROPPING. What is stored under their names
 * stays. *n: puts. */
enum err_code renter_db_drop_puts(struct renter_db *r, const char *path,
				  uint64_t *n, struct err *e)
	__attribute__((warn_unused_result));
/* The same of this one. ERR_STATE: there is none. */
enum err_code renter_db_drop_put(struct renter_db *r, int64_t id, struct err *e)
	__attribute__((warn_unused_result));
/* Positions of the list that DROPPING objects have, and in an agreement that is
 * never opened what is LOST, falling, `max` at most: as a revision cuts them,
 * and renter_db_cut() after it was signed, one after another. `all`: how many
 * there are. Heap, the caller's. */
enum err_code renter_db_cuts(struct renter_db *r, int64_t agreement, size_t max,
			     uint32_t **take_positions, size_t *n,
			     uint32_t *all, struct err *e)
	__attribute__((warn_unused_result));
/* DROPPING objects that no list names any more are gone. */
enum err_code renter_db_remove_dropped(struct renter_db *r, uint64_t *n,
				       struct err *e)
	__attribute__((warn_unused_result));
/* The list of an agreement is this one, as renter and host have signed: what
 * was staged at the host and is in it is SIGNED, what it has not has lost its
 * place. What is neither (it was given up meanwhile) gets an object without a
 * key that is DROPPING: the next revision cuts it. */
enum err_code renter_db_adopt_list(struct renter_db *r, int64_t agreement,
				   const struct address *host,
				   const struct hash32 *roots, size_t n,
				   int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* SIGNED places of an agreement that is not to be gone on with: STAGED, so that
 * another takes them. Those that are LOST, or of DROPPING objects, are gone.
 * The host is to stage them, too. */
/* stored: of STORED objects alone; the others lose their place, too. */
enum err_code renter_db_restage(struct renter_db *r, int64_t agreement,
				bool stored, int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));

/* ---- files -----------------------------------------------------------------
 */

enum renter_file_kind { /* stored: append only */
			RENTER_FILE = 1,
			RENTER_DIR = 2,
			RENTER_LINK = 3,
};

struct renter_file {
	const char *path;   /* relative, UTF-8 as found, no "..", unique among
			     * what is stored, and in each put */
	const char *target; /* RENTER_LINK; else NULL */
	enum renter_file_kind kind;
	uint32_t mode;	  /* permission bits */
	int64_t mtime_ns; /* since 1970 */
	int64_t object;	  /* RENTER_FILE with bytes; else 0 */
	uint64_t offset;  /* in the object's stream; where the files of that
			   * end it goes on at byte 0 of the next object */
	uint64_t size;
};

/* An older file of that path is replaced. ERR_LIMIT: the path is too long. */
enum err_code renter_db_set_file(struct renter_db *r,
				 const struct renter_file *f, struct err *e)
	__attribute__((warn_unused_result));
/* The path and all below it; *n: how many went. */
enum err_code renter_db_remove_files(struct renter_db *r, const char *path,
				     uint64_t *n, struct err *e)
	__attribute__((warn_unused_result));
/* In order of path, of stored objects only; `below` NULL: all, else that path
 * and what is below it. */
typedef bool renter_file_fn(void *ctx, const struct renter_file *f);
enum err_code renter_db_files(struct renter_db *r, const char *below,
			      renter_file_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* The same, of objects in any state; with `put`, not 0, as it will be when that
 * put is finished. */
enum err_code renter_db_all_files(struct renter_db *r, int64_t put,
				  renter_file_fn *fn, void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* ---- puts under way --------------------------------------------------------
 */

struct renter_put {
	int64_t id;
	const char *source; /* path on this machine, absolute */
	const char *name;   /* where its files go in the catalogue */
	int64_t started_s;
	uint16_t k, n;
};
/* Sets p->id. ERR_DB: that source is being put already. */
enum err_code renter_db_add_put(struct renter_db *r, struct renter_put *p,
				struct err *e)
	__attribute__((warn_unused_result));
/* Its files wait here until it is finished: what is stored under their names
 * stays until then, in every list and for every get. An older one of that path
 * and put is replaced. ERR_LIMIT: the path is too long. */
enum err_code renter_db_add_waiting(struct renter_db *r, int64_t put,
				    const struct renter_file *f, struct err *e)
	__attribute__((warn_unused_result));
/* Those of an earlier run, that may have found other files. */
enum err_code renter_db_clear_waiting(struct renter_db *r, int64_t put,
				      struct err *e)
	__attribute__((warn_unused_result));
/* Its files take the place of what is stored under their names, and it is
 * forgotten: in the commit that makes its objects STORED. Those that are not,
 * since it got smaller when it was gone on with, are DROPPING. ERR_STATE: there
 * is none. */
enum err_code renter_db_finish_put(struct renter_db *r, int64_t id,
				   struct err *e)
	__attribute__((warn_unused_result));
/* It grew when it was gone on with: its objects get new ids, behind those of
 * all others and in the order that they had, so that one added next follows its
 * last (files go on from one object to the next). Who holds ids of them reads
 * them again. */
enum err_code renter_db_raise_put(struct renter_db *r, int64_t id,
				  struct err *e)
	__attribute__((warn_unused_result));
typedef bool renter_put_fn(void *ctx, const struct renter_put *p);
enum err_code renter_db_puts(struct renter_db *r, renter_put_fn *fn, void *ctx,
			     struct err *e) __attribute__((warn_unused_result));

/* ---- objects of others, looked after with a link
 * -----------------------------
 */

#define RENTER_LINK_MAX 512 /* bytes of a wrapped link */
#define RENTER_NOTE_MAX 160

/* Its object is a row like any other, for what we store of it in agreements of
 * our own; renter_db_objects() passes it over. */
struct renter_steward {
	int64_t object;
	struct hash32 name;	       /* the object's */
	uint8_t link[RENTER_LINK_MAX]; /* wrapped, as keys are */
	size_t link_len;
	uint64_t sequence; /* of the newest record of additions that we told */
	bool watched;	   /* a daemon looks after it by itself */
	int64_t looked_s;  /* Unix; 0: never */
	char note[RENTER_NOTE_MAX]; /* what was found, for people */
};
/* s->object: one that was just added. ERR_DB: it has one. */
enum err_code renter_db_add_steward(struct renter_db *r,
				    const struct renter_steward *s,
				    struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_db_set_steward(struct renter_db *r,
				    const struct renter_steward *s,
				    struct err *e)
	__attribute__((warn_unused_result));
/* fn may change nothing. */
typedef bool renter_steward_fn(void *ctx, const struct renter_steward *s);
enum err_code renter_db_stewards(struct renter_db *r, renter_steward_fn *fn,
				 void *ctx, struct err *e)
	__attribute__((warn_unused_result));

/* What repairs cost: on this day (Unix time / 86,400), and on all from one day
 * to another. ERR_LIMIT: it passes 128 bits. */
enum err_code renter_db_add_repair(struct renter_db *r, int64_t day,
				   struct amount spent, struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_db_repairs(struct renter_db *r, int64_t from, int64_t to,
				struct amount *spent, struct err *e)
	__attribute__((warn_unused_result));

#endif
