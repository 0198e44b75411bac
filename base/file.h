/* file.h - small files that must be whole: read in one piece, made in one step.
 *
 * For key files and the like, kilobytes each; not for data. Blocking: start-up,
 * commands and workers only, never the loop. Thread: any.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads all of a regular file into buf. ERR_IO: cannot. ERR_LIMIT: more than
 * cap bytes. ERR_STATE: not a regular file, or, with `secret`, one that others
 * than the owner may read or write. */
enum err_code file_read(const char *path, bool secret, uint8_t *buf, size_t cap,
			size_t *len, struct err *e)
	__attribute__((warn_unused_result));

/* The same into memory of the right size: *out is to be freed and is followed
 * by a zero byte. Of an error *out is NULL; e->os is ENOENT when there is no
 * such file. ERR_NOMEM. */
enum err_code file_load(const char *path, size_t max, char **out, size_t *len,
			struct err *e) __attribute__((warn_unused_result));

/* Makes the file with mode 0600: written beside its place, synced, renamed into
 * it, directory synced. After a crash it is there whole or not at all.
 * ERR_STATE: something is at `path` already (left alone). ERR_IO. */
enum err_code file_create(const char *path, const uint8_t *data, size_t len,
			  struct err *e) __attribute__((warn_unused_result));

/* The same with mode 0666 less the umask: others may have it. */
enum err_code file_create_shared(const char *path, const uint8_t *data,
				 size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* As file_create(), but takes the place of what is there. What others who were
 * killed at this left beside it goes. */
enum err_code file_replace(const char *path, const uint8_t *data, size_t len,
			   struct err *e) __attribute__((warn_unused_result));

/* Makes a directory and those above it, as `mkdir -p`; links in the path are
 * followed. What is made survives a loss of power where its parent can be
 * flushed. 0, also when it is there; -1 with errno, as mkdir(). */
int file_make_dirs(const char *dir);

/* Syncs the directory that `path` lies in, so that its name survives. */
enum err_code file_sync_dir(const char *path, struct err *e)
	__attribute__((warn_unused_result));

#endif
