/* ut_metadata.h - the messages by which an info dictionary is asked for and
 * sent (BEP 9), in pieces of 16 KiB.
 *
 * A message is a bencoded dictionary (msg_type, piece, total_size) and, in one
 * with data, the piece behind it. Thread: any.
 */
#ifndef WIRE_UT_METADATA_H
#define WIRE_UT_METADATA_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define UT_METADATA_PIECE 16384U
#define UT_METADATA_DICT_MAX 256U /* of what we write */
/* Info dictionaries that are fetched: as large as a .torrent that the API
 * takes. */
#define UT_METADATA_SIZE_MAX (16U << 20)

enum ut_metadata_type {
	UT_METADATA_REQUEST,
	UT_METADATA_DATA,
	UT_METADATA_REJECT,
	UT_METADATA_OTHER, /* of a later version: to be ignored */
};

struct ut_metadata_msg {
	enum ut_metadata_type type;
	uint32_t piece;
	uint32_t total;	     /* DATA: bytes of the whole; 0: not told */
	const uint8_t *data; /* DATA: borrowed */
	size_t data_len;     /* at most UT_METADATA_PIECE */
};

/* Pieces of a dictionary of `size` bytes; bytes of one of them. */
uint32_t ut_metadata_pieces(uint32_t size);
uint32_t ut_metadata_piece_len(uint32_t size, uint32_t piece);

/* 0: does not fit. */
size_t ut_metadata_encode(uint8_t *buf, size_t cap,
			  const struct ut_metadata_msg *m);
/* ERR_PARSE: no such message, a number out of range, or bytes where none
 * belong. */
enum err_code ut_metadata_decode(struct ut_metadata_msg *out,
				 const uint8_t *buf, size_t len, struct err *e);

#endif
