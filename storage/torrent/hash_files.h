/* hash_files.h - from a file or a directory to the list and the piece hashes
 * that a new torrent is made of.
 *
 * Regular files only; hidden files, symbolic links and special files are left
 * out and counted. Files are in byte order of their paths, so that the same
 * directory gives the same torrent everywhere. Names that a torrent must not
 * carry (not UTF-8, control characters) are refused with ERR_PARSE that names
 * the file.
 *
 * Thread: the loop's; hashing runs on the workers.
 */
#ifndef STORAGE_HASH_FILES_H
#define STORAGE_HASH_FILES_H

#include "base/err.h"
#include "base/work.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_files_entry {
	char *path; /* below the directory; a single file's own name */
	uint64_t length;
};

struct hash_files_list {
	char *root;			/* the directory that `name` is in */
	char *name;			/* last component of what was named */
	bool multi;			/* a directory */
	struct hash_files_entry *files; /* sorted by path, as bytes */
	uint32_t file_count;
	uint64_t total;
	uint32_t left_out; /* hidden, links, special */
};

/* Walks `path`. ERR_IO: cannot read, or not there; ERR_PARSE: a name;
 * ERR_LIMIT: over 100,000 files, deeper than 64 or a path over 2,048 bytes, or
 * nothing in it. *out is empty after an error. Blocking: it only reads
 * directories. */
__attribute__((warn_unused_result)) enum err_code
hash_files_walk(struct hash_files_list *out, const char *path, struct err *e);
void hash_files_list_clear(struct hash_files_list *l);

struct hash_files;

struct hash_files_ops {
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* hashes: 20 bytes a piece, borrowed for the call; NULL on an error or
	 * when cancelled (code ERR_STATE). The job is gone afterwards. */
	void (*done)(void *ctx, const uint8_t *hashes, uint32_t pieces,
		     const struct err *err);
};

/* SHA-1 of every piece over the files one after another. The list is borrowed
 * until done. piece_len 1 KiB .. 64 MiB. A file that changes its size meanwhile
 * is an error that names it. */
__attribute__((warn_unused_result)) enum err_code
hash_files_start(struct hash_files **out, struct work *work,
		 const struct hash_files_list *list, uint32_t piece_len,
		 const struct hash_files_ops *ops, void *ctx, struct err *e);
void hash_files_cancel(struct hash_files *h); /* done() still comes */

#endif
