/* hash_files.h - from a file or a directory to the list and the hashes that a
 * new torrent is made of.
 *
 * Regular files only; symbolic links and special files are left out and
 * counted, and so are hidden files unless asked for. Files are in the order of
 * a v2 file tree (BEP 52), by the bytes of one component after another, so that
 * the same directory gives the same torrent everywhere. Names that a torrent
 * must not carry (not UTF-8, control characters) are refused with ERR_PARSE
 * that names the file.
 *
 * Thread: the loop's; hashing runs on the workers.
 */
#ifndef STORAGE_HASH_FILES_H
#define STORAGE_HASH_FILES_H

#include "base/err.h"
#include "base/ids.h"
#include "base/work.h"
#include "storage/torrent/piece_check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_files_entry {
	char *path; /* below the directory; a single file's own name */
	uint64_t length;
	int64_t mtime_ns;
	bool executable; /* by its owner */
	bool hidden;	 /* it, or a directory on its way, begins with a dot */
	bool pad;	 /* BEP 47: zeroes, not on the disk */
};

struct hash_files_list {
	char *root;			/* the directory that `name` is in */
	char *name;			/* last component of what was named */
	bool multi;			/* a directory */
	bool with_hidden;		/* as asked */
	struct hash_files_entry *files; /* sorted, with pads between them */
	uint32_t file_count;
	uint64_t total;	   /* pads too */
	uint32_t left_out; /* hidden, links, special */
};

/* Walks `path`. ERR_IO: cannot read, or not there; ERR_PARSE: a name;
 * ERR_LIMIT: over 100,000 files, deeper than 64 or a path over 2,048 bytes, or
 * nothing in it. *out is empty after an error. Blocking: it only reads
 * directories. */
__attribute__((warn_unused_result)) enum err_code
hash_files_walk(struct hash_files_list *out, const char *path, bool with_hidden,
		struct err *e);
void hash_files_list_clear(struct hash_files_list *l);

/* Puts pads into a list that has none, so that every file that is not empty
 * begins with a piece of its own: what v2 and hybrid torrents take, and v1 may
 * (BEP 47). After the last file there is none. ERR_NOMEM. */
__attribute__((warn_unused_result)) enum err_code
hash_files_align(struct hash_files_list *l, uint32_t piece_len, struct err *e);

/* ERR_STATE names a file that is not as it was listed: another length, time of
 * change or executable bit, gone, or new. Else errors of hash_files_walk(). */
__attribute__((warn_unused_result)) enum err_code
hash_files_unchanged(const struct hash_files_list *l, struct err *e);

struct hash_files;

struct hash_files_result {
	uint32_t pieces;
	const uint8_t *sha1; /* SHA1_LEN bytes a piece; NULL: not asked for */
	const struct hash32 *roots; /* a piece; NULL: not asked for */
	/* A file of the list, zeroes for pads and empty ones; NULL likewise. */
	const struct hash32 *file_roots;
};

struct hash_files_ops {
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	/* result: borrowed for the call; NULL on an error or when cancelled
	 * (code ERR_STATE). The job is gone afterwards. */
	void (*done)(void *ctx, const struct hash_files_result *result,
		     const struct err *err);
};

/* Hashes of every piece over the files one after another, in one pass. kinds:
 * PIECE_SHA1 (v1), PIECE_ROOT (v2; the list is aligned), both (hybrid). The
 * list is borrowed until done. piece_len 1 KiB .. 64 MiB, for v2 a power of two
 * of 16 KiB at least (ERR_LIMIT). At the end hash_files_unchanged() is asked.
 */
__attribute__((warn_unused_result)) enum err_code
hash_files_start(struct hash_files **out, struct work *work,
		 const struct hash_files_list *list, uint32_t piece_len,
		 unsigned kinds, const struct hash_files_ops *ops, void *ctx,
		 struct err *e);
void hash_files_cancel(struct hash_files *h); /* done() still comes */

#endif
