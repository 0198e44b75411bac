/* placement.h - where the sectors of an object lie.
 *
 * Source: docs/protocol.md, section 14. The owner's record says all: coding,
 * salts, the root of every row, and places. A steward's record holds additions
 * only: places of rows that it made again. Who reads takes the owner's and adds
 * to it, so a steward can add places and never remove one, whatever it writes
 * (!). What is in both is decoded bounded and encoded in one way only. Thread:
 * any, an object one at a time.
 */
#ifndef STORAGE_OBJECT_PLACEMENT_H
#define STORAGE_OBJECT_PLACEMENT_H

#include "base/err.h"
#include "base/ids.h"
#include "storage/object/keys.h"
#include "storage/object/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACEMENT_HOSTS_MAX 4096U
#define PLACEMENT_PLACES_MAX 6U /* of one row */

struct placement_row {
	struct hash32 root;
	uint8_t places;
	uint16_t host[PLACEMENT_PLACES_MAX]; /* indexes, all different */
};

struct placement {
	uint8_t k, n;
	uint16_t segments;		    /* 1 .. SEGMENTS_MAX */
	uint8_t steward_pk[OBJECT_KEY_LEN]; /* whose additions count */
	uint16_t hosts_n;
	struct address hosts[PLACEMENT_HOSTS_MAX];
	uint8_t (*salts)[SEGMENT_SALT_LEN]; /* of each segment */
	struct placement_row *rows;	    /* segments x n */
};

/* All zero but the shape. ERR_LIMIT: k, n (see coder_new) or segments.
 * ERR_NOMEM. */
enum err_code placement_new(struct placement **out, unsigned k, unsigned n,
			    unsigned segments, struct err *e)
	__attribute__((warn_unused_result));
void placement_free(struct placement *p);

/* Most segments of an object with this n, so that its record fits with some
 * places more than it begins with. */
unsigned placement_segments_max(unsigned n);

static inline struct placement_row *
placement_row(struct placement *p, unsigned segment, unsigned row)
{
	return &p->rows[(size_t)segment * p->n + row];
}

/* ERR_LIMIT: the row has PLACEMENT_PLACES_MAX, or there are too many hosts.
 * A place that is there already is fine. */
enum err_code placement_add(struct placement *p, unsigned segment, unsigned row,
			    const struct address *host, struct err *e)
	__attribute__((warn_unused_result));
/* False: that host did not have it. */
bool placement_remove(struct placement *p, unsigned segment, unsigned row,
		      const struct address *host);

/* *take_out is heap, the caller's. Hosts without a place are left out, the
 * others sorted. ERR_LIMIT: over RECORD_CONTENT_MAX. ERR_NOMEM. */
enum err_code placement_encode(uint8_t **take_out, size_t *len,
			       const struct placement *p, struct err *e)
	__attribute__((warn_unused_result));
/* ERR_PARSE, ERR_LIMIT, ERR_NOMEM. */
enum err_code placement_decode(struct placement **out, const uint8_t *p,
			       size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* --- what stewards add --- */

#define PLACEMENT_ADDITIONS_MAX (1U << 18)

struct placement_addition {
	uint16_t segment;
	uint8_t row;
	struct address host;
};

/* Sorts `a` and leaves out what is there twice; *take_out is heap, the
 * caller's. ERR_LIMIT: over PLACEMENT_ADDITIONS_MAX. ERR_NOMEM. */
enum err_code placement_additions_encode(uint8_t **take_out, size_t *len,
					 struct placement_addition *a, size_t n,
					 struct err *e)
	__attribute__((warn_unused_result));
/* *take_out is heap, the caller's; NULL when there are none. ERR_PARSE,
 * ERR_LIMIT, ERR_NOMEM. */
enum err_code placement_additions_decode(struct placement_addition **take_out,
					 size_t *n, const uint8_t *p,
					 size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* Adds those that name rows of this object and find room; returns how many
 * were new. */
size_t placement_merge(struct placement *p, const struct placement_addition *a,
		       size_t n);

#endif
