/* download_int.h - what the files of download share, nobody else. */
#ifndef STORAGE_RENT_DOWNLOAD_INT_H
#define STORAGE_RENT_DOWNLOAD_INT_H

#include "storage/rent/download.h"

#include <stdatomic.h>

#define READS_MAX 256U
#define UNITS_MAX 16U /* begun at a time */
#define AHEAD 8U      /* rows of the next segments that are asked for */
#define SPARE_ROWS 32U
#define EXTRA 4U      /* buffers kept for racing for the first unit */
#define FEW_FRAMES 3U /* up to this part of a segment: frame by frame */

/* What is had at once: a whole segment, or a single frame of it. */
struct unit {
	uint32_t segment;
	uint32_t offset, width; /* of the rows */
	unsigned frame;		/* the first wanted, counted in the segment */
	unsigned frames;	/* 1 for a slice */
	bool direct;		/* the row of its frame is enough */
	unsigned rows;		/* that have arrived */
	unsigned asked;		/* on their way */
	unsigned want;		/* how many are to be had or on their way */
	uint8_t *row[CODER_N_MAX];
	uint8_t failed[CODER_N_MAX];  /* bit i: place i of this row */
	uint8_t waiting[CODER_N_MAX]; /* reads of this row on their way */
};

struct read_slot {
	bool used, lagged;
	uint32_t generation;
	struct unit *unit;
	uint16_t row, host;
	uint8_t place;
	uint8_t *buf;
	int64_t asked_ms;
};

struct peer { /* a host, by its number in the placement */
	bool dropped;
	bool silent; /* dropped since it does not answer */
	unsigned reads;
	unsigned tries;
	int64_t not_before_ms;
	int64_t ms[2]; /* of reads of a frame, of a row; 0: not known */
};

struct download_job {
	struct work_job job;
	bool busy;
	struct unit *unit;
	uint64_t written;
	enum err_code code;
	struct err err;
};

struct download {
	struct download_cfg cfg;
	unsigned k, n;
	uint32_t plain;	  /* bytes of a segment */
	uint64_t at, end; /* what no unit has been made for yet */
	uint64_t done;
	struct unit *units[UNITS_MAX]; /* in order */
	unsigned units_n;
	struct read_slot reads[READS_MAX];
	struct peer *peers;
	unsigned buffers; /* MiB of rows lent */
	uint64_t lent;	  /* bytes */
	/* rows of SECTOR_LEN that were given back: taking new memory costs as
	 * much as decrypting it */
	uint8_t *spare[SPARE_ROWS];
	unsigned spare_n;
	uint64_t heard;	   /* answers of any kind */
	uint64_t silences; /* and hosts that did not, a time */
	int64_t mean_ms[2];
	struct segment *whole, *slice;
	struct download_job job;
	atomic_bool stop;
	bool over, dead, lost;
	struct download_loss loss;
	int64_t now_ms;
};

static inline unsigned unit_class(const struct unit *u)
{
	return u->width == SECTOR_LEN;
}

static inline const struct placement_row *
unit_row(const struct download *d, uint32_t segment, unsigned row)
{
	return &d->cfg.placement->rows[(size_t)segment * d->n + row];
}

/* True when this unit can be worked on. */
static inline bool unit_complete(const struct download *d, const struct unit *u)
{
	return u->rows >= d->k ||
	       (u->direct && u->row[u->frame / FRAMES_PER_ROW]);
}

/* download.c */
void download_fail(struct download *d, const struct err *why);
void download_pump(struct download *d);
/* A row's memory, lent; NULL: there is none. */
uint8_t *row_get(struct download *d, uint32_t width);
void row_put(struct download *d, uint8_t *row, uint32_t width);
void unit_free(struct download *d, struct unit *u);

/* download_ask.c: which host is asked for what */
void download_ask(struct download *d);
void download_cancel_unit(struct download *d, const struct unit *u);
void download_check_times(struct download *d);
/* False, and it ended: something cannot be had any more. */
bool download_possible(struct download *d);

/* download_job.c */
void download_job(struct download *d, struct unit *u,
		  void (*done)(struct work_job *job));

#endif
