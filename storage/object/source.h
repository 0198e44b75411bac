/* source.h - what is put: files of this machine, or a pipe, as a stream.
 *
 * A scan makes a list of a file or a directory and all below it: entries as a
 * catalogue has them, in order of the bytes of their paths, the bytes of the
 * files one after another in that order. The same files give the same stream at
 * any time, so a put that goes on after a restart meets its own segments again.
 * Symbolic links are listed, never followed (but for the path itself that the
 * user gives); hard links are files, each; sockets, FIFOs and devices are left
 * out and counted. (!) A file that is not what it was at the scan, by size or
 * time, ends the put: half of one version and half of another is no file.
 *
 * A pipe is one file whose length is known at its end. It can be read once, in
 * order, so a put of it does not go on after a restart.
 *
 * One object holds source_cut() bytes of the files. A struct source_object is
 * such a part, with the table of what lies in it behind (docs/protocol.md,
 * section 14): what an upload reads, and the footer that it ends with. All but
 * the last object of a source are as long as they can be, and a file that does
 * not fit goes on in the next. What has no bytes lies where its neighbours do.
 *
 * Memory: some 100 bytes and the path for each entry; a table as it is encoded.
 * One descriptor of a file and one of the directory at a time.
 * Thread: any, one at a time; scan and reads belong on a worker. Entries of a
 * scan do not change and may be read meanwhile.
 */
#ifndef STORAGE_OBJECT_SOURCE_H
#define STORAGE_OBJECT_SOURCE_H

#include "base/err.h"
#include "storage/object/catalogue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;
struct source_object;

/* path: a file or a directory; name: what it is called in the catalogue.
 * Parents of a name are listed too, see source_is_parent(). ERR_IO: what cannot
 * be read, by its path. ERR_LIMIT: more than CATALOGUE_ENTRIES_MAX, or names or
 * links that no catalogue takes. ERR_STATE: path is neither. ERR_NOMEM. */
enum err_code source_scan(struct source **out, const char *path,
			  const char *name, struct err *e)
	__attribute__((warn_unused_result));
/* Takes fd, even when it fails. now_ns: the file's modification time, since
 * 1970. ERR_LIMIT: name. ERR_NOMEM. */
enum err_code source_pipe(struct source **out, int take_fd, const char *name,
			  int64_t now_ns, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. Not while it is being read. */
void source_free(struct source *s);
/* From any thread: a read that waits for a pipe ends with ERR_STATE. */
void source_stop(struct source *s);

/* --- what it has --- */

uint32_t source_count(const struct source *s);
/* In order of path. object is 0 and offset that in the stream of all files'
 * bytes (0 when size is 0). Of a pipe, size grows as it is read. */
const struct catalogue_entry *source_entry(const struct source *s, uint32_t i);
/* A directory that the name alone asks for, with mode 0755 and the time of what
 * is put: one that is there already is not to be replaced. */
bool source_is_parent(const struct source *s, uint32_t i);
/* All files' bytes; of a pipe, those that were read. */
uint64_t source_size(const struct source *s);
/* Sockets, FIFOs and devices that were left out. */
uint32_t source_skipped(const struct source *s);

/* --- reading --- */

/* Fills buf from byte `off` of the files' bytes; *got is less than len at their
 * end only. ERR_STATE: a file has changed; a pipe is to be read again, or was
 * stopped. ERR_IO. */
enum err_code source_read(struct source *s, uint64_t off, uint8_t *buf,
			  size_t len, size_t *got, struct err *e)
	__attribute__((warn_unused_result));
/* *more: there are bytes at `off`, to which all was read; a pipe is waited for.
 * ERR_STATE, ERR_IO as above. */
enum err_code source_more(struct source *s, uint64_t off, bool *more,
			  struct err *e) __attribute__((warn_unused_result));

/* --- as objects --- */

/* How many of the files' bytes from `from` on an object of k of n takes: for a
 * pipe as many as could. The next object begins where this one ends. */
uint64_t source_cut(const struct source *s, uint64_t from, unsigned k,
		    unsigned n);

/* Bytes from .. from + len of the files and their table. put_s: Unix time of
 * the put, part of the table: the same after a restart. s is borrowed.
 * ERR_LIMIT: k, n or len are more than one object has (source_cut), or the
 * table is larger than CATALOGUE_MAX. ERR_NOMEM. */
enum err_code source_object_new(struct source_object **out, struct source *s,
				uint64_t from, uint64_t len, unsigned k,
				unsigned n, int64_t put_s, struct err *e)
	__attribute__((warn_unused_result));
void source_object_free(struct source_object *o);
/* upload_ops.read: files' bytes, then the table. Besides the errors of
 * source_read(), when a pipe ends, those of source_object_new(). */
enum err_code source_object_read(struct source_object *o, uint64_t off,
				 uint8_t *buf, size_t len, size_t *got,
				 struct err *e)
	__attribute__((warn_unused_result));
/* upload_ops.tail: CATALOGUE_FOOTER_LEN bytes. 0: the end was not read yet. */
size_t source_object_tail(const struct source_object *o, uint8_t *buf);
/* Files' bytes in it: the size of a struct catalogue_object. Of a pipe: once
 * its end was read. */
uint64_t source_object_size(const struct source_object *o);
/* Segments that it will have. As above. */
uint32_t source_object_segments(const struct source_object *o);

#endif
