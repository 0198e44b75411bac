/* layout.h - where a torrent's bytes lie: byte ranges of the whole to ranges of
 * files. Pure arithmetic on a copied list.
 *
 * Invariants: offsets rise and have no gaps; paths were checked (below).
 * Thread: any, once made it never changes.
 */
#ifndef STORAGE_LAYOUT_H
#define STORAGE_LAYOUT_H

#include "base/err.h"
#include "base/pieces.h"
#include "storage/torrent/torrent_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYOUT_MAX_COMPONENT 255U
#define LAYOUT_MAX_PATH 2048U
#define LAYOUT_MAX_TOTAL (1ULL << 62)

struct layout_file {
	const char *path; /* with the torrent's own directory in front */
	uint64_t offset;
	uint64_t length;
	bool pad;
	bool executable;
};

struct layout {
	struct layout_file *files;
	uint32_t file_count;
	uint32_t piece_len;
	uint32_t piece_count;
	uint64_t total;
	char *paths;		    /* memory of all paths */
	struct piece_short *shorts; /* copied */
	uint32_t short_count;
};

/* A part of one file. */
struct layout_part {
	uint32_t file;
	uint64_t offset; /* in the file */
	uint64_t len;
};

/* True for a relative path whose components are 1..255 bytes and none of which
 * is "." or "..". */
bool layout_path_ok(const char *path);

/* `name` (may be NULL) goes in front of every path. Without short pieces: see
 * layout_set_shorts(). ERR_PARSE names a bad path,
 * ERR_LIMIT: sizes out of range or not fitting piece_count; ERR_NOMEM. */
__attribute__((warn_unused_result)) enum err_code
layout_init(struct layout *l, const char *name, const struct store_file *files,
	    uint32_t file_count, uint32_t piece_len, uint32_t piece_count,
	    struct err *e);
/* Copies them. ERR_LIMIT: they do not rise, or do not fit their places. */
__attribute__((warn_unused_result)) enum err_code
layout_set_shorts(struct layout *l, const struct piece_short *shorts,
		  uint32_t count, struct err *e);
void layout_clear(struct layout *l);

uint64_t layout_piece_offset(const struct layout *l, uint32_t piece);
/* Bytes of the piece's place, with padding at its end. */
uint32_t layout_piece_size(const struct layout *l, uint32_t piece);
/* Bytes of it that peers are asked for (base/pieces.h). */
uint32_t layout_piece_wanted(const struct layout *l, uint32_t piece);
/* Sum of those of all pieces. */
uint64_t layout_wanted(const struct layout *l);
/* Bytes of it that lie in the file it begins with, and how high the root is
 * that a piece of that file is checked against: of v2, where every file that is
 * not empty begins with a piece of its own. */
uint32_t layout_piece_data(const struct layout *l, uint32_t piece,
			   unsigned *top);
/* First file of non-zero length that holds byte `offset` (< total). */
uint32_t layout_file_at(const struct layout *l, uint64_t offset);

/* Splits [offset, offset + len) into parts of files, in order: call with *part
 * zeroed first; false when nothing is left. Files of length 0 are skipped.
 *   struct layout_part part = {0};
 *   while (layout_next(l, offset, len, &part)) ... */
bool layout_next(const struct layout *l, uint64_t offset, uint64_t len,
		 struct layout_part *part);

#endif
