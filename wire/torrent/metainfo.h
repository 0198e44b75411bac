/* metainfo.h - a .torrent file: read into a checked value, and written.
 *
 * BEP 3 with announce-list (BEP 12), web seeds (BEP 19), private (BEP 27), pad
 * files and links (BEP 47), v2 and hybrid torrents (BEP 52). A hybrid is both
 * at once, and is refused when its two parts do not describe the same files in
 * the same order, each at the start of a piece.
 *
 * What a parsed metainfo promises:
 *   - paths: relative, '/' between components, each component 1..255 bytes of
 *     valid UTF-8 without control characters, none "." or ".."; no path twice
 *     and none is another's directory (pad files apart). Components that are
 *     empty, "." or "..", or hold '/' or NUL are refused, never mended:
 *     such a torrent was made to do harm. Other control characters and bytes
 *     that are no UTF-8 become '_'; "name.utf-8" and "path.utf-8" win.
 *     Names that differ only in case are different.
 *   - lengths: their sum is over 0 and needs exactly piece_count pieces.
 *   - links (attr "l") are left out: they could lead out of the directory.
 *   - v2: the piece length is a power of two from 16 KiB on, each file but
 *     empty ones begins with a piece of its own and has a root. Of v2 alone
 *     `files` has pads to the end of each last piece too, so that one
 *     arithmetic of offsets and pieces goes for all torrents.
 *
 * Thread: any; a metainfo is a plain value that metainfo_clear() empties.
 */
#ifndef WIRE_METAINFO_H
#define WIRE_METAINFO_H

#include "base/err.h"
#include "base/ids.h"
#include "base/pieces.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METAINFO_MAX_BYTES (64U << 20) /* of a .torrent file */
#define METAINFO_MAX_FILES 100000U
#define METAINFO_MAX_TRACKERS 64U  /* more are ignored */
#define METAINFO_MAX_WEB_SEEDS 64U /* likewise */
#define METAINFO_MAX_NODES 64U	   /* likewise */
#define METAINFO_MAX_URL 2048U	   /* longer ones are ignored */
#define METAINFO_MAX_COMPONENT 255U
#define METAINFO_MAX_PATH 2048U
#define METAINFO_MIN_PIECE 1024U
#define METAINFO_MAX_PIECE (64U << 20)
#define METAINFO_MAX_PIECES (1U << 21) /* of v2 alone */
#define METAINFO_BLOCK 16384U	       /* v2: what a leaf is the hash of */
#define METAINFO_HASH_LEN 20U	       /* SHA-1 */
#define METAINFO_ROOT_LEN 32U	       /* SHA-256 */

struct metainfo_file {
	const char *path; /* below the torrent's directory; for a single file
			   * its name */
	uint64_t length;
	uint64_t offset; /* of its first byte in the torrent's bytes */
	bool pad;	 /* BEP 47: zeroes, never on the disk */
	bool executable; /* BEP 47 "x" */
	bool hidden;	 /* BEP 47 "h" */
	/* v2: "pieces root", METAINFO_ROOT_LEN bytes; NULL: none (v1, empty,
	 * pad) */
	const uint8_t *root;
	/* v2: of more than one piece, and which hashes they have is not known
	 * yet (from a magnet link): see metainfo_set_layer() */
	bool layer_missing;
};

struct metainfo_tracker {
	const char *url;
	uint32_t tier; /* 0 first, counting up; equal: one tier (BEP 12) */
};

struct metainfo_node {	  /* BEP 5: where the DHT can be entered */
	const char *host; /* a name or an address */
	uint16_t port;	  /* not 0 */
};

struct metainfo {
	bool v1, v2; /* at least one; both: a hybrid */
	/* What the torrent goes by in databases and to users: of v1 where it is
	 * one, else info_hash_v2 cut short */
	struct info_hash info_hash;
	struct hash32 info_hash_v2; /* v2: SHA-256 of the info dictionary */
	const char *name;
	bool multi; /* `name` is a directory that holds the files */
	bool is_private;
	uint32_t piece_length; /* METAINFO_MIN_PIECE..METAINFO_MAX_PIECE */
	uint32_t piece_count;
	uint32_t file_count;
	uint32_t tracker_count;
	uint64_t total;	       /* sum of the files' lengths, pads too */
	uint64_t wanted;       /* what a download takes: less where padding need
				* not be sent */
	int64_t creation_date; /* Unix seconds; 0: not stated */
	/* NULL while metainfo_rests(), like `roots`, `file`, `info` and the
	 * files' roots: v1: piece_count * METAINFO_HASH_LEN */
	const uint8_t *pieces;
	/* v2: piece_count * METAINFO_ROOT_LEN: what each piece is checked
	 * against, the root of its blocks (merkle_piece_top() tells how high).
	 * Zeroes while its file's layer is missing. */
	uint8_t *roots;
	uint32_t layers_missing;    /* files */
	struct piece_short *shorts; /* see base/pieces.h */
	uint32_t short_count;
	struct metainfo_file *files;
	struct metainfo_tracker *trackers;
	/* BEP 19 url-list, each URL once: sources that speak HTTP */
	const char **web_seeds;
	uint32_t web_seed_count;
	uint32_t node_count;
	struct metainfo_node *nodes;
	const char *comment;	/* NULL: none */
	const char *created_by; /* NULL: none */
	const char *source;	/* in info; NULL: none */
	const uint8_t *file;	/* all of it, as it was found */
	const uint8_t *info;	/* the info dictionary in it */
	size_t file_len, info_len;
	void *owned, *owned_paths; /* memory behind the texts above */
};

/* Fills *out, which keeps nothing of `buf`. ERR_PARSE or ERR_LIMIT name the
 * field, ERR_SIG a file whose piece layer is false; ERR_STATE: of a version
 * after 2; ERR_NOMEM. *out is empty on failure. */
enum err_code metainfo_parse(struct metainfo *out, const uint8_t *buf,
			     size_t len, struct err *e);
/* Only for what metainfo_parse() filled; an empty one is a no-op. */
void metainfo_clear(struct metainfo *m);

/* A torrent that nobody asks for needs neither its hashes nor the .torrent's
 * bytes, which are most of it: lets go of them. Nothing happens while the
 * hashes of some pieces are missing, or twice. */
void metainfo_rest(struct metainfo *m);
bool metainfo_rests(const struct metainfo *m);
/* Has them again, out of the .torrent, which the caller kept. Errors are those
 * of metainfo_parse(); ERR_SIG: it is another torrent. It rests on then. */
enum err_code metainfo_recall(struct metainfo *m, const uint8_t *buf,
			      size_t len, struct err *e);

/* Bytes of this piece's place; the last one may be shorter. index <
 * piece_count. */
uint32_t metainfo_piece_size(const struct metainfo *m, uint32_t index);
/* Borrows from m. */
struct pieces metainfo_pieces(const struct metainfo *m);

/* v2: info_hash_v2 cut to what handshakes, trackers and the DHT take. */
struct info_hash metainfo_hash_v2(const struct metainfo *m);
/* All that it goes by to others: info_hash, and of a hybrid the cut v2 hash
 * (BEP 52). Returns how many. */
#define METAINFO_NAMES_MAX 2U
unsigned metainfo_names(const struct metainfo *m,
			struct info_hash out[METAINFO_NAMES_MAX]);
/* Pieces of a file; 0 for empty ones. */
uint32_t metainfo_file_pieces(const struct metainfo *m, uint32_t file);
/* Takes the hashes of a file's pieces, METAINFO_ROOT_LEN bytes each, as many as
 * metainfo_file_pieces(). ERR_SIG: they do not lead to the file's root; then
 * nothing has changed. Only for a file that has a root. */
enum err_code metainfo_set_layer(struct metainfo *m, uint32_t file,
				 const uint8_t *layer, struct err *e);

/* The .torrent that `m` was read from with the piece layers that it has now: as
 * it was found but for those. *out is malloc'ed. ERR_STATE: some are missing.
 */
enum err_code metainfo_with_layers(uint8_t **out, size_t *out_len,
				   const struct metainfo *m, struct err *e);

/* Writes a canonical .torrent from the open fields of `m` but v1, v2, hashes of
 * info, total, offsets, file, info and owned: with `pieces` one of v1, with
 * `roots` one of v2, with both a hybrid. For v2 files are in the order of the
 * tree (the bytes of one component after another); a hybrid's have their pads
 * between them, of v2 alone pads are left out. It is read back, so that nothing
 * is written that would not be read: errors are metainfo_parse()'s, ERR_PARSE
 * for a path or URL that would come back changed, ERR_STATE for a v2 torrent of
 * a directory with one file in it, which would come back as that file. *out is
 * malloc'ed. */
enum err_code metainfo_build(uint8_t **out, size_t *out_len,
			     const struct metainfo *m, struct err *e);

/* A power of two, 16 KiB..16 MiB, that makes about a thousand pieces. */
uint32_t metainfo_suggest_piece_length(uint64_t total);

#endif
