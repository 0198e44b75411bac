/* piece_sums.h - what the pieces of a torrent must come to: SHA-1 of v1, the
 * roots of v2 (BEP 52), or both. Of a hybrid both must fit: a piece that fits
 * one of them only shows a torrent that contradicts itself, of which clients of
 * the two versions would have different files.
 *
 * Thread: any.
 */
#ifndef STORAGE_PIECE_SUMS_H
#define STORAGE_PIECE_SUMS_H

#include "storage/torrent/layout.h"
#include "storage/torrent/piece_check.h"

#include <stdint.h>

struct piece_sums {	      /* at least one of the two; borrowed */
	const uint8_t *sha1s; /* SHA1_LEN a piece */
	const uint8_t *roots; /* 32 bytes a piece */
};

enum piece_fit {
	PIECE_FITS,
	PIECE_FALSE,
	PIECE_CONTRADICTS, /* one fits, the other does not */
};

/* PIECE_SHA1, PIECE_ROOT or both. */
unsigned piece_sums_kinds(const struct piece_sums *s);
/* `d` has the digests of those kinds. */
enum piece_fit piece_sums_fit(const struct piece_sums *s, uint32_t piece,
			      const struct piece_digest *d);
/* What a piece that is nothing but zeroes comes to, kinds as asked. */
void piece_sums_zero(struct piece_digest *d, const struct layout *l,
		     uint32_t piece, unsigned kinds);

#endif
