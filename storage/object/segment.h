/* segment.h - from plaintext to n sectors, and back from any k of them.
 *
 * Source: docs/protocol.md, section 13. A segment's ciphertext is k MiB, 16 k
 * frames of 64 KiB, each 65,520 bytes of plaintext under an AEAD. Data row i is
 * its i-th MiB, parity rows are coded from them; a row XOR its whitening is the
 * sector that goes to a host. A struct segment holds the ciphertext of one
 * segment, or of a slice: the bytes offset .. offset + width of every row,
 * because a frame can be had from 64 KiB each of k sectors. Ciphertext comes in
 * as plaintext (segment_put) or as sectors (segment_load, segment_solve), and
 * goes out as plaintext (segment_open) or as sectors (segment_sectors): so the
 * four of put, get, ranges and repair are one thing.
 *
 *   EMPTY  --put-->  FILLING  --finish-->  WHOLE  --open, sectors-->  WHOLE
 *   EMPTY  --load x k-->  LOADING  --solve-->  WHOLE
 *   any  --begin-->  EMPTY
 *
 * A call in another state is ERR_STATE. Memory: k x width and some 100 KiB; it
 * is used again for the next segment. Nothing is checked against roots here:
 * what goes into segment_load was proved when it arrived. Thread: any, one at a
 * time, but for segment_sectors().
 */
#ifndef STORAGE_OBJECT_SEGMENT_H
#define STORAGE_OBJECT_SEGMENT_H

#include "base/err.h"
#include "base/ids.h"
#include "storage/object/coder.h"
#include "storage/object/keys.h"
#include "storage/sector/tree.h"

#include <stddef.h>
#include <stdint.h>

#define FRAME_LEN 65536U
#define FRAME_PLAIN 65520U
#define FRAMES_PER_ROW (SECTOR_LEN / FRAME_LEN)
#define SEGMENT_SALT_LEN 16
#define SEGMENTS_MAX 4096U /* of an object */

/* Plaintext of a segment: at most 64 x 16 frames, about 64 MiB. */
static inline uint32_t segment_plain_len(unsigned k)
{
	return k * FRAMES_PER_ROW * FRAME_PLAIN;
}

/* Where a byte of an object's stream lies. The frame is at byte
 * frame % FRAMES_PER_ROW x FRAME_LEN of row frame / FRAMES_PER_ROW. */
struct stream_place {
	uint32_t segment, frame;
	uint32_t at; /* in the frame's plaintext */
};

static inline struct stream_place stream_place_of(unsigned k, uint64_t offset)
{
	uint32_t in = (uint32_t)(offset % segment_plain_len(k));

	return (struct stream_place){
		.segment = (uint32_t)(offset / segment_plain_len(k)),
		.frame = in / FRAME_PLAIN,
		.at = in % FRAME_PLAIN,
	};
}

struct segment;

/* width: SECTOR_LEN for whole segments, else a multiple of FRAME_LEN below it.
 * ERR_LIMIT: k, n (see coder_new) or width out of range. ERR_NOMEM. */
enum err_code segment_new(struct segment **out, unsigned k, unsigned n,
			  uint32_t width, struct err *e)
	__attribute__((warn_unused_result));
void segment_free(struct segment *s);

/* Forgets what is in it. keys: OBJECT_REPAIR at least; to put and to open
 * OBJECT_FULL; copied. offset: a multiple of FRAME_LEN, offset + width at most
 * SECTOR_LEN.
 * (!) Two plaintexts must never be put with the same keys and salt: the stream
 * would cancel out. A salt is 16 fresh random bytes each time that a segment is
 * put. Who puts one again with its old salt, to go on after a restart, compares
 * all n roots with those of the first time before a sector leaves, and takes a
 * new salt when one differs. ERR_STATE: keys of samples. ERR_LIMIT: the slice.
 */
enum err_code segment_begin(struct segment *s, const struct object_keys *keys,
			    const uint8_t salt[SEGMENT_SALT_LEN],
			    uint32_t offset, struct err *e)
	__attribute__((warn_unused_result));

/* --- in, as plaintext: whole segments only --- */

/* Takes the next bytes, *taken of them: less than len when it is full (the rest
 * belongs to the next segment). ERR_NOMEM. */
enum err_code segment_put(struct segment *s, size_t *taken, const uint8_t *data,
			  size_t len, struct err *e)
	__attribute__((warn_unused_result));
/* Bytes that can still be put. */
uint32_t segment_room(const struct segment *s);
/* Fills the rest with zeroes, so that a segment does not tell how full it is,
 * but for `tail` as its last bytes (catalogue.h's footer; NULL, 0: none).
 * ERR_LIMIT: no room for it. ERR_NOMEM. */
enum err_code segment_finish(struct segment *s, const uint8_t *tail,
			     size_t tail_len, struct err *e)
	__attribute__((warn_unused_result));

/* --- in, as sectors --- */

/* Takes `width` bytes from `offset` on of the sector of this row. ERR_STATE
 * besides: there already, or k are. ERR_LIMIT: row not below n. ERR_NOMEM. */
enum err_code segment_load(struct segment *s, unsigned row, const uint8_t *data,
			   struct err *e) __attribute__((warn_unused_result));
/* Rows that must still be loaded; 0 when segment_solve() may be called. */
unsigned segment_wants(const struct segment *s);
enum err_code segment_solve(struct segment *s, struct err *e)
	__attribute__((warn_unused_result));

/* --- out --- */

/* Plaintext of frame 0 .. 16 k - 1 of the segment. ERR_LIMIT: not in this
 * slice. ERR_SIG: it is not what was put with this key and salt; out then is
 * zeroes. */
enum err_code segment_open(const struct segment *s, uint8_t out[FRAME_PLAIN],
			   unsigned frame, struct err *e)
	__attribute__((warn_unused_result));

/* The same of one frame alone, from the FRAME_LEN bytes that its data row
 * (frame / FRAMES_PER_ROW) has of it, whitened as at a host: a range needs no
 * other row. keys: OBJECT_FULL. ERR_STATE, ERR_SIG, ERR_NOMEM. */
enum err_code segment_frame(uint8_t out[FRAME_PLAIN],
			    const struct object_keys *keys,
			    const uint8_t salt[SEGMENT_SALT_LEN],
			    unsigned frame, const uint8_t *data, struct err *e)
	__attribute__((warn_unused_result));

/* Makes the sectors of rows first .. first + count - 1, one after another in
 * out, and their roots. Whole segments only. Changes nothing in s: several
 * threads may make different rows at the same time. Takes some 20 KiB a row
 * besides. ERR_LIMIT: no such rows. ERR_NOMEM. */
enum err_code segment_sectors(const struct segment *s, unsigned first,
			      unsigned count, uint8_t *out,
			      struct hash32 *roots, struct err *e)
	__attribute__((warn_unused_result));

#endif
