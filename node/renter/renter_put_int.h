/* renter_put_int.h - what the files of a put share, nobody else: renter_put.c
 * (its life, and publishing), _source (files and pipes as objects), _quote
 * (what it comes to, and its budget), _upload (objects to hosts, files into the
 * database). */
#ifndef NODE_RENTER_PUT_INT_H
#define NODE_RENTER_PUT_INT_H

#include "node/rent/object_put.h"
#include "node/rent/rent_pay.h"
#include "node/renter/renter_publish.h"
#include "node/renter/renter_put.h"
#include "storage/object/source.h"

/* The source, for as long as anyone reads it. */
struct put_shared {
	struct source *source;
	unsigned refs;
};

/* What one upload reads. */
struct put_stream {
	struct put_shared *shared;
	struct source_object *object;
	unsigned refs;
};

struct put_part { /* one object of the put */
	struct put_stream *stream;
	struct renter_object object;
	uint64_t from;
	bool known; /* it is in the database */
};

struct put {
	struct renter *renter;
	struct put_cfg cfg;
	char *path, *name;
	struct net_addr named[SCOUT_NAMED_MAX];
	const struct put_ops *ops;
	void *ctx;
	struct loop_timer *timer; /* ends are told from there */
	struct work_job job;
	bool working, doomed; /* doomed: freed when `job` is back */
	uint64_t more_from;
	bool more; /* the pipe has bytes there */
	struct source *scanned;
	struct put_shared *shared;
	struct scout *scout;
	struct placing *placing;
	struct quote_cfg quoting;
	struct renter_put row;
	struct put_part *parts; /* heap, PUBLISH_OBJECTS_MAX */
	size_t n_parts, at;
	struct object_put *upload;
	struct publish *publish;
	uint64_t sectors_before; /* of parts that are done */
	bool committing, ended, told;
	bool mixed;    /* it was begun as of the other kind */
	bool paying;   /* `receipts` listens */
	bool budgeted; /* receipts are of this put's budget */
	struct rent_pay_listener receipts;
	struct put_result result;
	struct err why, job_why; /* job_why: the worker's */
};

/* renter_put.c: told later, once; NULL: it is done. */
void put_end(struct put *p, const struct err *why);
/* No worker has it any more. */
void put_dispose(struct put *p);

/* renter_put_source.c: scans, or takes the pipe, then put_scout(). */
void put_begin(struct put *p);
enum err_code put_new_object(struct put *p, struct put_part *part,
			     struct err *e) __attribute__((warn_unused_result));
/* Of a pipe it is known only when its last object was stored whether there is
 * another; then put_part_done(). */
void put_look_for_more(struct put *p);
/* What a worker or an upload reads goes when nobody reads it. NULL is a no-op.
 */
void put_shared_unref(struct put_shared *s);
void put_stream_unref(struct put_stream *s);

/* renter_put_quote.c: prices, the quote, then put_begin_upload(). */
void put_scout(struct put *p);
enum err_code put_begin_budget(struct put *p, struct err *e)
	__attribute__((warn_unused_result));
void put_end_budget(struct put *p, bool complete);

/* renter_put_upload.c: its rows are committed first (put->committing); */
void put_begin_upload(struct put *p);
/* the object that is next, or all files, or publishing again. */
void put_go_on(struct put *p);
void put_part_done(struct put *p);

#endif
