/* sectors_int.h - the parts of sector_store.h, for each other.
 *
 *   sector_store.c   opening, closing, calls, volumes in memory, slots
 *   sector_commit.c  changes: gathered, synced, committed, answered
 *   sector_put.c     bytes -> checked, in a slot, committed
 *   sector_look.c    reading a slot and judging what is there
 *   sector_read.c    the cache of sectors that are being served
 *   sector_ask.c     questions to the index; proofs
 *   sector_make.c    what is asked for about space; new volumes
 *   sector_space.c   growing, shrinking, draining, giving up
 *   sector_move.c    sectors on their way to another slot
 *   sector_care.c    scrub, and what ends by itself
 *
 * A slot is free when its bit in struct vol is clear. A bit is set when a slot
 * is given out (nothing on disk says so: a crash gives it back), and cleared
 * when a commit freed it and nobody reads it any more: see struct pin.
 */
#ifndef STORAGE_SECTOR_SECTORS_INT_H
#define STORAGE_SECTOR_SECTORS_INT_H

#include "storage/sector/sector_store.h"

#include <pthread.h>

#define SPARE_BUFFERS 4U
#define SICK_ERRORS 3U /* lost sectors since the start: the disk is failing */
#define NOTE_LEN 200U

struct call { /* somebody waits for an answer */
	struct sectors *s;
	struct call *prev, *next;
	sectors_fn *done; /* NULL: forgotten */
	void *ctx;
};

struct vol {
	uint32_t id;
	char *dir;
	struct volume_name name;
	struct volume *file; /* NULL: not there */
	uint32_t slots, want, used, retired, goal;
	uint32_t free;	 /* clear bits below want */
	uint32_t cursor; /* where the next free slot is looked for */
	uint64_t *bits;	 /* slots of them, rounded up */
	uint32_t given;	 /* slots given out in a row */
	bool sick;
	unsigned errors;
	uint32_t scrub;
	int64_t scrubbed_s;
	char note[NOTE_LEN];
	/* sector_space.c */
	bool busy;
	bool announce; /* say fault, from the loop */
	bool losing;   /* its sectors from lose_from on are being lost */
	uint32_t lose_from;
	uint32_t lost_n;
	bool given_up;	   /* and then it goes */
	unsigned moving;   /* sectors on their way to another slot */
	bool stuck;	   /* there was no room for them */
	struct err fault;  /* of the moves */
	struct call *call; /* waits for goal */
};

/* A slot that is being read: it is not given out meanwhile. */
struct pin {
	struct pin *next;
	struct sector_at at;
	bool freed; /* give it back afterwards */
};

struct commit {
	struct commit *next;
	struct vol *sync; /* its data first; or NULL */
	/* The store's writing thread, in a transaction. */
	enum err_code (*apply)(struct commit *c, struct sector_db *d,
			       struct sector_freed *freed, struct err *e);
	void (*done)(struct commit *c); /* loop; err.code says how it went */
	struct err err;
	bool undo; /* set by apply(): all is well, and nothing to be stored */
};

struct query {
	struct work_job job;
	struct sectors *s;
	void (*run)(struct query *q, struct sector_db *d); /* fills err */
	void (*done)(struct query *q);			   /* loop */
	struct err err;
};

struct task { /* at cfg.work */
	struct work_job job;
	struct sectors *s;
	void (*run)(struct task *t);
	void (*done)(struct task *t);
};

enum verdict {
	SOUND, /* the bytes are in buf, the tile nodes in nodes */
	MOVED, /* the sector is not in that slot (any more) */
	LOST,  /* it was, its bytes are not, and that is noted */
	FAILED /* the index failed: err */
};

struct look {
	struct sectors *s;
	struct vol *v;
	struct hash32 root;
	struct sector_at at;
	uint8_t *buf; /* SECTOR_LEN bytes of volume_buffer(); the caller's */
	bool cold;
	void (*done)(struct look *l, enum verdict verdict);
	struct hash32 nodes[SECTOR_TILES];
	struct err err;
	/* sector_look.c's */
	bool again, same, lost;
	int64_t now_s;
	struct pin pin;
	struct task task;
	struct query query;
	struct commit commit;
	struct sector_found found;
};

struct block;

struct sectors {
	struct sectors_cfg cfg;
	struct work *commit_work, *query_work;
	struct sector_db *writer; /* commit_work's thread, once open */
	struct sector_db *reader; /* query_work's */
	int64_t now_s;
	bool closing;
	uint32_t active; /* calls, jobs and commits that are not over */
	struct call *calls;
	struct vol *vols[SECTOR_MAX_VOLUMES];
	unsigned vol_n, current;
	struct pin *pins;
	/* sector_commit.c */
	struct commit *waiting, **waiting_tail;
	struct group *group;
	bool committing;
	/* buffers, for any thread */
	pthread_mutex_t lock;
	uint8_t *spare[SPARE_BUFFERS];
	unsigned spare_n;
	/* sector_put.c */
	uint32_t putting; /* MiB */
	bool blocked;
	/* sector_read.c */
	struct block **blocks;
	struct cbuf_pool *bufs;
	unsigned block_n;
	struct want *wanted, **wanted_tail; /* no block for them yet */
	unsigned wanting;
	struct loop_post feed;
	bool feeding; /* feed is posted */
	uint64_t reads;
	struct loop_timer *idle;
	bool read_lately;
	/* sector_care.c */
	struct care *care;
	/* sector_space.c */
	struct loop_timer *retry;
};

/* --- sector_store.c --- */

void call_init(struct call *c, struct sectors *s, sectors_fn *done, void *ctx);
/* The call is over; the struct is the caller's to free. */
void call_answer(struct call *c, const struct sectors_answer *a,
		 const struct err *e);
/* What every call checks first. */
__attribute__((warn_unused_result)) enum err_code
sectors_ready(const struct sectors *s, struct err *e);
/* Something begins that has to end before the store closes. */
void active_add(struct sectors *s);
void active_end(struct sectors *s);

struct vol *vol_by_id(const struct sectors *s, uint32_t id);
__attribute__((warn_unused_result)) enum err_code
vol_new(struct sectors *s, const struct sector_volume *row, struct vol **out,
	struct err *e);
void vol_free(struct sectors *s, struct vol *v);
/* Has room for bits of so many slots; new ones are clear. */
__attribute__((warn_unused_result)) enum err_code
vol_set_slots(struct vol *v, uint32_t slots, struct err *e);
void vol_set_want(struct vol *v, uint32_t want);
/* Bits set from slot `from` on. */
uint32_t vol_taken_from(const struct vol *v, uint32_t from);
void vol_note(struct sectors *s, struct vol *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* False: all is taken. */
bool slot_take(struct sectors *s, struct sector_at *at, struct vol **v);
void slot_give(struct sectors *s, const struct sector_at *at);
bool slot_taken(const struct sectors *s, const struct sector_at *at);
void pin_add(struct sectors *s, struct pin *p, const struct sector_at *at);
void pin_drop(struct sectors *s, struct pin *p);

/* SECTOR_LEN bytes; NULL when out of memory. Any thread. */
uint8_t *buffer_get(struct sectors *s);
void buffer_put(struct sectors *s, uint8_t *buf); /* NULL is a no-op */
void buffers_trim(struct sectors *s);

void query_start(struct sectors *s, struct query *q);
void task_start(struct sectors *s, struct task *t);
void sectors_tell(const struct sectors *s,
		  enum sectors_step at); /* any thread */

/* --- sector_commit.c --- */

__attribute__((warn_unused_result)) enum err_code commit_init(struct sectors *s,
							      struct err *e);
void commit_clear(struct sectors *s);
void commit_add(struct sectors *s, struct commit *c);

/* --- sector_put.c --- */

void put_pressure(struct sectors *s);

/* --- sector_look.c --- */

/* Fields above `nodes` are set. done() comes from the loop, later. */
void look_start(struct look *l);

/* --- sector_read.c --- */

__attribute__((warn_unused_result)) enum err_code cache_init(struct sectors *s,
							     struct err *e);
void cache_clear(struct sectors *s);
/* The sector in that slot has left it. */
void cache_drop(struct sectors *s, const struct sector_at *at);

struct want { /* somebody wants a sector's bytes, checked */
	struct call call;
	struct want *next;
	struct hash32 root;
	/* Loop; data and nodes (SECTOR_TILES) are valid until it returns, or,
	 * after want_hold(), until want_release(). e as for sectors_fn. */
	void (*ready)(struct want *w, const uint8_t *data,
		      const struct hash32 *nodes, const struct err *e);
	struct block *held;
	bool lost; /* ready() was told an error: the sector was here */
};

void want_start(struct sectors *s, struct want *w);
void want_hold(struct want *w);
void want_release(struct want *w);

/* --- sector_space.c --- */

/* Opens the volumes' files. */
__attribute__((warn_unused_result)) enum err_code space_begin(struct sectors *s,
							      struct err *e);
void space_retry(struct sectors *s); /* slots became free */
void space_closing(struct sectors *s);
/* The volume shall have so many slots; the call is answered, and freed, when it
 * has. Not from inside the call. */
void space_ask(struct sectors *s, struct vol *v, uint32_t slots,
	       struct call *call);
/* The same of a volume that was just made; may answer at once. */
void space_adopt(struct sectors *s, struct vol *v, uint32_t goal,
		 struct call *call);
void space_give_up(struct sectors *s, struct vol *v, struct call *call);

/* --- sector_move.c --- */

/* Moves these sectors of a volume that is being drained to other slots; then
 * comes space_moved(), perhaps from inside. v->stuck: there was no room for all
 * of them; v->fault: what went wrong. */
void moves_start(struct sectors *s, struct vol *v, const struct sector_in *in,
		 size_t n);
void space_moved(struct sectors *s, struct vol *v);

/* --- sector_care.c --- */

/* It is noted that a sector is lost. */
void vol_lost_one(struct sectors *s, struct vol *v, const struct hash32 *root,
		  const char *why);
/* Nothing new goes to this volume any more. */
void vol_call_sick(struct sectors *s, struct vol *v, const char *why);

__attribute__((warn_unused_result)) enum err_code care_init(struct sectors *s,
							    struct err *e);
void care_free(struct sectors *s);
void care_wanted(struct sectors *s); /* something may have to be purged */
void care_closing(struct sectors *s);

#endif
