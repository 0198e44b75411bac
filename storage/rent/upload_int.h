/* upload_int.h - what the files of upload share, nobody else. */
#ifndef STORAGE_RENT_UPLOAD_INT_H
#define STORAGE_RENT_UPLOAD_INT_H

#include "storage/object/segment.h"
#include "storage/rent/sending.h"
#include "storage/rent/upload.h"

#include <stdatomic.h>

#define SHARDS_MAX 255U
#define MAKE_MAX 6U		    /* sectors made by one job */
#define UPLOAD_CHUNK (256U * 1024U) /* of the stream, read at once */

enum shard_at {
	AT_WANTED, /* not made */
	AT_SLOT,   /* made, or being made; in a slot */
	AT_ACKED,  /* a host has it; not committed */
	AT_DONE,
};

struct upload_segment {
	struct upload_segment *next;
	uint32_t index;
	unsigned left;	 /* not AT_DONE */
	unsigned wanted; /* AT_WANTED */
	uint8_t at[SHARDS_MAX];
	uint16_t seat[SHARDS_MAX]; /* hosts by their number in the placing */
};

enum upload_phase {
	UP_READ,    /* the next segment is to be read */
	UP_NOTING,  /* its salt is to be committed */
	UP_MAKING,  /* its sectors are to be made */
	UP_TAIL,    /* the stream is over, sectors are on their way */
	UP_CLOSING, /* all have a place; the object is to be committed */
	UP_ENDED,
};

/* One at a time; the worker has it, and the segment, while `busy`. */
struct upload_job {
	struct work_job job;
	bool busy;
	enum err_code code;
	struct err err;
	/* reading: in */
	uint64_t off;
	uint8_t salt[SEGMENT_SALT_LEN];
	bool over;  /* there is nothing to read any more, but the tail */
	bool first; /* made even of an empty stream */
	/* reading: out */
	uint32_t filled;
	uint8_t tail[UPLOAD_TAIL_MAX];
	size_t tail_len;
	bool ended, tailed, empty;
	struct hash32 plain;
	/* making */
	uint16_t shard;
	unsigned slot, count;
	struct hash32 roots[MAKE_MAX];
};

struct upload {
	struct upload_cfg cfg;
	struct renter_object object;
	unsigned k, n;
	enum upload_phase phase;
	bool dead;
	atomic_bool stop; /* the worker leaves early */
	struct upload_job job;
	struct segment *segment;	 /* the ciphertext */
	uint8_t *chunk;			 /* of the stream */
	struct upload_segment *segments; /* with something left, oldest first */
	struct upload_segment *current;	 /* whose ciphertext it is */
	/* the segment that is being read */
	uint32_t next;
	struct renter_segment note;
	bool known; /* noted before */
	bool fresh; /* noted, but its bytes are others now */
	bool stream_over;
	bool tail_done; /* it is in a segment, or there is none */
	uint64_t off;
	struct sending sending;
	bool starved;
	struct upload_progress progress;
};

/* upload_job.c: worker jobs; the second half runs on the loop. */
void upload_read_job(struct upload *u, void (*done)(struct work_job *job));
void upload_make_job(struct upload *u, void (*done)(struct work_job *job));

/* upload_send.c: hosts for what is made */
void upload_seat(struct upload *u);

/* upload.c */
void upload_fail(struct upload *u, const struct err *why);
void upload_pump(struct upload *u);

#endif
