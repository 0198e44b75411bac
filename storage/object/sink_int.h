/* sink_int.h - what the files of sink share, nobody else. */
#ifndef STORAGE_OBJECT_SINK_INT_H
#define STORAGE_OBJECT_SINK_INT_H

#include "storage/object/below.h"
#include "storage/object/sink.h"

#include <stdatomic.h>

struct sink_piece { /* of a file, within one object */
	uint32_t object, entry;
	uint64_t off, len; /* in the object's stream */
	uint64_t at;	   /* in the file */
	bool last;	   /* with it the file is whole */
};

struct sink {
	struct catalogue *list; /* an object's `full` is its id here */
	int root;		/* -1: a pipe */
	int pipe;
	uint64_t from, len; /* a pipe: of its file */
	bool begun;
	atomic_bool stop;
	struct sink_totals totals;
	struct sink_piece *pieces; /* by object and offset */
	uint32_t pieces_n, pieces_cap;
	struct sink_range *ranges;
	uint32_t ranges_n;
	/* writing */
	uint32_t at;	  /* piece */
	uint64_t done;	  /* of it */
	int fd, dir;	  /* the part that is open, and where; -1 */
	uint32_t open;	  /* whose */
	uint64_t flushed; /* of it, in the file */
	char name[BELOW_NAME_LEN], part[BELOW_NAME_LEN];
};

/* sink.c: ERR_IO, or ERR_STATE when something is in the way: what errno says,
 * and what can be done. */
enum err_code sink_fail(const char *path, struct err *e);
void sink_part_name(const struct sink *s, uint32_t entry, const char *name,
		    char part[BELOW_NAME_LEN]);

/* sink_part.c */

/* What is there of a file already; 0 when it is no part that we may go on with.
 */
uint64_t sink_part_len(const struct sink *s, uint32_t entry, int dir,
		       const char *part);
/* So that s->fd takes the file's bytes from `at` on. */
enum err_code sink_part_open(struct sink *s, uint32_t entry, uint64_t at,
			     struct err *e) __attribute__((warn_unused_result));
enum err_code sink_part_write(struct sink *s, uint64_t at, const uint8_t *p,
			      size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* It is whole: mode, time, flush, name. */
enum err_code sink_part_done(struct sink *s, struct err *e)
	__attribute__((warn_unused_result));
void sink_part_close(struct sink *s);
/* Of a descriptor; counts what cannot be set. */
enum err_code sink_set(struct sink *s, int fd, mode_t mode, int64_t mtime_ns,
		       const char *path, struct err *e)
	__attribute__((warn_unused_result));

struct timespec sink_time(int64_t mtime_ns);

#endif
