/* source_int.h - what the files of source share, nobody else. */
#ifndef STORAGE_OBJECT_SOURCE_INT_H
#define STORAGE_OBJECT_SOURCE_INT_H

#include "storage/object/source.h"

#include <stdatomic.h>

struct source {
	struct catalogue *list; /* entries only */
	char *name;
	char *path;	 /* of a scan, for errors; NULL: a pipe */
	int root;	 /* the directory that was scanned; -1: a file alone */
	uint32_t *files; /* entries with bytes, by offset */
	uint32_t files_n;
	uint64_t size;	   /* of all files; of a pipe, what was read */
	uint64_t text_len; /* of paths and targets */
	uint32_t skipped;
	/* reading */
	int fd;	       /* of entry `open`, or the pipe; -1 */
	uint32_t open; /* meaningless when fd is -1 */
	/* a pipe */
	bool over;
	bool ahead; /* a byte was read that nobody has got yet */
	uint8_t next;
	atomic_bool stop;
};

/* source.c: no list yet. */
enum err_code source_new(struct source **out, const char *name, struct err *e)
	__attribute__((warn_unused_result));
/* Appends; the strings are copied. */
enum err_code source_add(struct source *s, const struct catalogue_entry *entry,
			 struct err *e) __attribute__((warn_unused_result));
/* The directories above the name. */
enum err_code source_add_parents(struct source *s, int64_t mtime_ns,
				 struct err *e)
	__attribute__((warn_unused_result));

/* source_pipe.c */
enum err_code source_pipe_read(struct source *s, uint64_t off, uint8_t *buf,
			       size_t len, size_t *got, struct err *e)
	__attribute__((warn_unused_result));
enum err_code source_pipe_more(struct source *s, bool *more, struct err *e)
	__attribute__((warn_unused_result));

#endif
