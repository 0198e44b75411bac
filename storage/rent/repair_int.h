/* repair_int.h - what the files of repair share, nobody else. */
#ifndef STORAGE_RENT_REPAIR_INT_H
#define STORAGE_RENT_REPAIR_INT_H

#include "storage/rent/repair.h"
#include "storage/rent/sending.h"

#include <stdatomic.h>

#define ROWS_MAX 255U
#define BESIDE_MAX (ROWS_MAX * PLACEMENT_PLACES_MAX)

enum row_at {
	ROW_LIVES,  /* or a host has it now */
	ROW_WANTED, /* not made */
	ROW_SLOT,   /* made, or being made; in a slot */
	ROW_LEFT,   /* given up: it cannot be made now */
};

/* One with rows that are missing. */
struct repair_segment {
	struct repair_segment *next;
	uint32_t index;
	unsigned wanted; /* ROW_WANTED */
	unsigned made;	 /* ROW_SLOT */
	bool stuck;	 /* not all could be seated; nothing changed since */
	uint8_t at[ROWS_MAX];
	uint16_t seat[ROWS_MAX]; /* hosts by their number in the placing */
	uint16_t *taken;	 /* second places of rows */
	uint16_t *barred;	 /* lost ones; the same memory */
	unsigned taken_n, barred_n;
};

enum fetch_state {
	FETCH_NONE,
	FETCH_ON,
	FETCH_ENDED, /* it said so, and is to be freed */
	FETCH_FREEING,
	FETCH_OVER, /* no worker has anything of it */
};

/* The segment that is fetched and whose rows are made. Until it is FETCH_OVER a
 * worker may have its slots, and what stands below `segment`. */
struct repair_fetch {
	enum fetch_state state;
	uint16_t epoch; /* of its cookies */
	struct err why; /* of its end */
	bool lost;
	struct download_loss loss;
	struct download *download;
	struct placement *part; /* this segment alone, what lives of it */
	struct repair_segment *segment;
	unsigned slots[UPLOAD_SLOTS_MAX];
	unsigned count;
	struct err err; /* of making rows */
};

struct repair {
	struct repair_cfg cfg;
	unsigned k, n;
	bool ended, dead;
	atomic_bool stop; /* the worker leaves early */
	struct work_job wake;
	bool waking;
	struct repair_fetch fetch;
	struct sending sending;
	struct repair_segment *segments; /* with something left, oldest first */
	uint32_t next;			 /* to be looked at */
	uint8_t mute[PLACEMENT_HOSTS_MAX / 8]; /* gave up or lied on reads */
	bool starved;
	bool lost;
	struct download_loss loss;
	struct repair_progress progress;
};

static inline const struct placement_row *
repair_row(const struct repair *r, uint32_t segment, unsigned row)
{
	return &r->cfg.placement->rows[(size_t)segment * r->n + row];
}

/* repair.c */
void repair_fail(struct repair *r, const struct err *why);
void repair_pump(struct repair *r);
void repair_hopeless(struct repair *r, uint32_t segment, unsigned have);
/* repair_pump() soon, from no op; or the end of repair_free(). */
void repair_wake(struct repair *r);

/* repair_scan.c: which rows are missing, and who is to have them */
/* The next segment that has missing rows and k others joins the list; NULL:
 * all were looked at, or it ended. */
struct repair_segment *repair_scan(struct repair *r);
void repair_seat(struct repair *r, struct repair_segment *s);
/* WANTED rows with a seat. */
unsigned repair_seated(const struct repair *r, const struct repair_segment *s);
/* Its WANTED rows are given up. */
void repair_leave(struct repair *r, struct repair_segment *s);
/* Those that are done leave the list. */
void repair_sweep(struct repair *r);
void repair_segment_free(struct repair_segment *s);

/* repair_fetch.c: k rows in, missing rows out */
void repair_fetch_begin(struct repair *r, struct repair_segment *s,
			unsigned count);
/* Moves on from ENDED and OVER, as far as that is. */
void repair_fetch_step(struct repair *r);
void repair_fetch_stop(struct repair *r);
static inline bool repair_fetch_idle(const struct repair *r)
{
	return r->fetch.state == FETCH_NONE || r->fetch.state == FETCH_OVER;
}

#endif
