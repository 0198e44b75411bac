/* bencode.h - bencoding (BEP 3): a strict, bounded reader and a writer.
 *
 * It lives in base because three siblings speak it: wire (torrents, trackers,
 * extensions), ledger (sb_pay) and storage (sb_store).
 *
 * Reading makes a flat table of tokens over the caller's bytes; nothing is
 * copied, values are views that live as long as the input. Strict: integers
 * without leading zeros or "-0" and within int64, lengths without leading
 * zeros, nesting at most BEN_MAX_DEPTH, tokens at most `max_tokens`, no bytes
 * after the value. Dictionary keys must be strings; unsorted or duplicate keys
 * are accepted or refused by flag, because old torrents hold unsorted ones; the
 * first of duplicates counts. Thread: any.
 */
#ifndef BASE_BENCODE_H
#define BASE_BENCODE_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BEN_MAX_DEPTH 32

enum ben_type { BEN_NONE, BEN_INT, BEN_STR, BEN_LIST, BEN_DICT };

struct ben_doc; /* the token table; heap */

struct ben { /* one value; cheap to copy; type BEN_NONE: not there */
	const struct ben_doc *doc;
	uint32_t token;
};

struct ben_view {
	const uint8_t *p;
	size_t len;
};

#define BEN_SORTED_KEYS 1U /* refuse unsorted or duplicate keys */
#define BEN_TRAILING 2U	   /* allow bytes after the value, see ben_end() */

/* Parses; the bytes must outlive the doc. ERR_PARSE names the offset;
 * ERR_LIMIT: over max_tokens or BEN_MAX_DEPTH; ERR_NOMEM. */
enum err_code ben_parse(struct ben_doc **out, const uint8_t *buf, size_t len,
			uint32_t max_tokens, unsigned flags, struct err *e);
void ben_doc_free(struct ben_doc *doc);
struct ben ben_root(const struct ben_doc *doc);
/* Offset of the first byte after the root value (BEN_TRAILING). */
size_t ben_end(const struct ben_doc *doc);

enum ben_type ben_type(struct ben v);
/* The value's own bytes as they stood in the input (for info hashes). */
struct ben_view ben_raw(struct ben v);
/* Value of `key` in a dictionary; BEN_NONE when v is no dictionary or has no
 * such key. */
struct ben ben_get(struct ben v, const char *key);
/* False (out untouched) when v is no integer. */
bool ben_int(struct ben v, int64_t *out);
/* False when v is no string. */
bool ben_str(struct ben v, struct ben_view *out);
/* Copies a string of exactly `len` bytes; false (out untouched): it is none. */
bool ben_fixed(struct ben v, void *out, size_t len);
/* Copies a string of at most `max` printable ASCII characters and a NUL behind
 * it; false (out untouched): it is none. */
bool ben_line(struct ben v, char *out, size_t max);
/* Number of items in a list or of pairs in a dictionary; else 0. */
uint32_t ben_count(struct ben v);
/* Iteration over a list's items or a dictionary's pairs, in input order:
 *   struct ben it = ben_first(list); for (; ben_type(it); it = ben_next(it))
 * For dictionaries ben_first/ben_next give keys; ben_value(key) its value. */
struct ben ben_first(struct ben v);
struct ben ben_next(struct ben v);
struct ben ben_value(struct ben key);

/* Writer: over a struct wr; sticky like it. The caller writes keys in order. */
void ben_w_int(struct wr *w, int64_t v);
void ben_w_bytes(struct wr *w, const void *p, size_t len);
void ben_w_str(struct wr *w, const char *s);
void ben_w_list(struct wr *w);
void ben_w_dict(struct wr *w);
void ben_w_end(struct wr *w);

#endif
