/* sink.h - where what is got goes: files below a directory, or a pipe.
 *
 * Entries are as a catalogue, a table or the renter's database has them; their
 * object is the number in the order of sink_add_object(), and a file that does
 * not end in its object goes on at byte 0 of the next one added. sink_begin()
 * looks at what is there already and says which ranges of which object are
 * wanted; their bytes are written in that order; sink_finish() does the rest.
 *
 * (!) Nothing outside of the directory is written, whatever the names say:
 * components are checked, opened one by one without following links, and links
 * are made last. Modes lose setuid, setgid and (of files) sticky bits.
 *
 * A file is written as NAME.XXXXXXXXXXXX.seedbank-part (of which object, where,
 * and of what time it is, hashed: a part of another version is never gone on
 * with) and gets its name when it is whole and flushed. What bore that name is
 * replaced, unless it is a directory: that is an error before anything is
 * fetched. A file with this size and time is there already. A part goes on
 * SINK_BACK bytes before its end, on a border of 64 KiB: at most so much is
 * ever not flushed, so what a loss of power may have taken is fetched again.
 *
 * Memory: some 150 bytes and the path for each file. One file open at a time.
 * Thread: any, one at a time; begin, write and finish belong on a worker.
 */
#ifndef STORAGE_OBJECT_SINK_H
#define STORAGE_OBJECT_SINK_H

#include "base/err.h"
#include "base/ids.h"
#include "storage/object/catalogue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sink;

#define SINK_BACK (16U << 20)

struct sink_range { /* of an object's stream; never empty */
	uint32_t object;
	uint64_t off, len;
};

struct sink_totals {
	uint64_t entries;
	uint64_t files, bytes; /* that are asked for */
	uint64_t there;	       /* files that were there already */
	uint64_t wanted;       /* bytes of all ranges */
	uint64_t unset; /* modes and times that the file system or its owner
			 * does not let us set: no error */
};

/* dir is made when it is missing; it may be a link, as the user's own word.
 * ERR_IO, ERR_NOMEM. */
enum err_code sink_dir(struct sink **out, const char *dir, struct err *e)
	__attribute__((warn_unused_result));
/* Bytes from .. from + len (or its end) of one file. Takes fd, even when it
 * fails; one that is a FIFO is set not to block, so nobody else may write by
 * the same open(). ERR_NOMEM. */
enum err_code sink_pipe(struct sink **out, int take_fd, uint64_t from,
			uint64_t len, struct err *e)
	__attribute__((warn_unused_result));
/* What is not whole stays as a part. NULL is a no-op. Not during a call. */
void sink_free(struct sink *s);
/* From any thread: a write that waits for a pipe ends with ERR_STATE. */
void sink_stop(struct sink *s);

/* size: files' bytes in it (catalogue_object.size). id: the same whenever this
 * object is got. ERR_LIMIT, ERR_NOMEM. */
enum err_code sink_add_object(struct sink *s, uint64_t size,
			      const struct hash32 *id, struct err *e)
	__attribute__((warn_unused_result));
/* Copied; paths are below the directory. Parents that are not added are made.
 * ERR_LIMIT: CATALOGUE_ENTRIES_MAX. ERR_NOMEM. */
enum err_code sink_add(struct sink *s, const struct catalogue_entry *entry,
		       struct err *e) __attribute__((warn_unused_result));

/* Once, when all is added. Makes directories and empty files. ERR_PARSE: what
 * was added is malformed: a path, a place, a parent that is no directory.
 * ERR_STATE: something is in the way. ERR_LIMIT: files overlap; from is behind
 * the end. ERR_IO, ERR_NOMEM. */
enum err_code sink_begin(struct sink *s, struct err *e)
	__attribute__((warn_unused_result));
void sink_totals(const struct sink *s, struct sink_totals *out);
/* In the order in which they are to be written, objects rising. */
uint32_t sink_ranges(const struct sink *s);
struct sink_range sink_range(const struct sink *s, uint32_t i);

/* The next bytes that are wanted, all within a range. ERR_STATE: they are not;
 * somebody else writes there; it was stopped. ERR_IO: full disks too; what to
 * do is said. */
enum err_code sink_write(struct sink *s, uint32_t object, uint64_t off,
			 const uint8_t *p, size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* Links, then modes and times of directories, flushed. ERR_STATE: not all was
 * written. ERR_IO. */
enum err_code sink_finish(struct sink *s, struct err *e)
	__attribute__((warn_unused_result));

#endif
