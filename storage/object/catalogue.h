/* catalogue.h - what a renter has stored: objects, files, agreements.
 *
 * Source: docs/protocol.md, section 14. The catalogue brings a renter back who
 * has only its phrase. The same encoding, with one object whose key is zero
 * ("this one") and no agreements, is the table at the end of an object's
 * stream: by it a full link finds names without any catalogue.
 *
 * Decoding is bounded and takes one encoding for each value. Paths are bytes,
 * UTF-8 by custom: relative, components of 1 to 255 bytes, none "." or "..",
 * and every parent is itself listed as a directory: nobody who unpacks a
 * catalogue writes through a symbolic link of it (!). Names and contents are
 * the renter's: whoever shows them escapes them. Thread: any, one at a time.
 */
#ifndef STORAGE_OBJECT_CATALOGUE_H
#define STORAGE_OBJECT_CATALOGUE_H

#include "base/err.h"
#include "base/ids.h"
#include "storage/object/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CATALOGUE_MAX (256U << 20) /* bytes encoded; and of all paths */
#define CATALOGUE_OBJECTS_MAX 65536U
#define CATALOGUE_AGREEMENTS_MAX 65536U
#define CATALOGUE_ENTRIES_MAX (1U << 21)
#define CATALOGUE_PATH_MAX 4095U

struct catalogue_object {
	uint8_t full[OBJECT_KEY_LEN]; /* zero: the object that this stands in */
	uint8_t k, n;
	uint16_t segments; /* 1 .. SEGMENTS_MAX */
	uint64_t size;	   /* bytes of files in its stream */
	int64_t put_s;	   /* Unix time, not negative */
	uint64_t before;   /* set when it is added: sizes of those before it */
};

struct catalogue_agreement { /* whose sectors these objects have */
	struct address host;
	uint32_t number;
	bool opened; /* on chain; the others are found only here */
};

enum catalogue_kind { /* of the encoding, so numbered */
		      CATALOGUE_FILE = 1,
		      CATALOGUE_DIR = 2,
		      CATALOGUE_LINK = 3,
};

struct catalogue_entry {
	enum catalogue_kind kind;
	const char *path;
	const char *target; /* LINK: 1 .. CATALOGUE_PATH_MAX bytes; else NULL */
	uint16_t mode;	    /* the lower 12 bits */
	int64_t mtime_ns;   /* since 1970 */
	/* FILE: its bytes are offset .. offset + size of that object's stream,
	 * and where that ends go on at byte 0 of the next object; all of them
	 * lie within these objects. 0, 0 when size is 0 */
	uint32_t object;
	uint64_t offset;
	uint64_t size;
};

struct catalogue {
	uint64_t sequence; /* rises with each catalogue that is stored */
	struct catalogue_object *objects;
	uint32_t objects_n;
	struct catalogue_agreement *agreements;
	uint32_t agreements_n;
	struct catalogue_entry *entries;
	uint32_t entries_n;
	/* the rest is catalogue.c's */
	uint64_t size; /* of all objects */
	uint32_t objects_cap, agreements_cap, entries_cap;
	struct catalogue_text *text;
	size_t text_len;
};

/* NULL: no memory. */
struct catalogue *catalogue_new(void);
void catalogue_free(struct catalogue *c);

/* Appending, by value; strings are copied. What is out of range or malformed is
 * said by catalogue_encode(). ERR_LIMIT: the maximum is reached. ERR_NOMEM. */
enum err_code catalogue_add_object(struct catalogue *c,
				   const struct catalogue_object *o,
				   struct err *e)
	__attribute__((warn_unused_result));
enum err_code catalogue_add_agreement(struct catalogue *c,
				      const struct catalogue_agreement *a,
				      struct err *e)
	__attribute__((warn_unused_result));
enum err_code catalogue_add_entry(struct catalogue *c,
				  const struct catalogue_entry *entry,
				  struct err *e)
	__attribute__((warn_unused_result));

/* Sorts agreements and entries and encodes; *take_out is heap, the caller's.
 * ERR_STATE: what was added could not be decoded again, and why. ERR_LIMIT,
 * ERR_NOMEM. */
enum err_code catalogue_encode(uint8_t **take_out, size_t *len,
			       struct catalogue *c, struct err *e)
	__attribute__((warn_unused_result));
/* ERR_PARSE, ERR_LIMIT, ERR_NOMEM. */
enum err_code catalogue_decode(struct catalogue **out, const uint8_t *p,
			       size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* NULL: no such path. After encode or decode, since it needs them sorted. */
const struct catalogue_entry *catalogue_find(const struct catalogue *c,
					     const char *path);

/* Why a path may not be in a catalogue; NULL: it may. */
const char *catalogue_path_fault(const char *path, size_t len);

/* --- where a table stands --- */

/* The last bytes of the last segment of an object that has a table. */
#define CATALOGUE_FOOTER_LEN 24
struct catalogue_footer {
	uint64_t offset; /* of the table in the stream: behind the files */
	uint64_t len;	 /* 1 .. CATALOGUE_MAX */
};
void catalogue_footer_encode(uint8_t out[CATALOGUE_FOOTER_LEN],
			     const struct catalogue_footer *f);
/* stream_len: bytes of all segments' plaintext. False: there is none. */
bool catalogue_footer_decode(struct catalogue_footer *out,
			     const uint8_t footer[CATALOGUE_FOOTER_LEN],
			     uint64_t stream_len);

#endif
