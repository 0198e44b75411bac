/* msg.h - the messages of BEP 3, 6, 10 and 52 after the handshake, but for the
 * payload of "piece", which peer.c streams.
 *
 * On the wire: 4 bytes length, 1 byte id, payload. A "frame" here is id and
 * payload, without the length; the zero-length keep-alive has none. The legal
 * lengths of all messages stand in one table in msg.c.
 * Thread: any.
 */
#ifndef WIRE_MSG_H
#define WIRE_MSG_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum msg_id {
	MSG_CHOKE = 0,
	MSG_UNCHOKE = 1,
	MSG_INTERESTED = 2,
	MSG_NOT_INTERESTED = 3,
	MSG_HAVE = 4,
	MSG_BITFIELD = 5,
	MSG_REQUEST = 6,
	MSG_PIECE = 7,
	MSG_CANCEL = 8,
	MSG_PORT = 9, /* BEP 5: where its DHT node is */
	MSG_SUGGEST = 13,
	MSG_HAVE_ALL = 14,
	MSG_HAVE_NONE = 15,
	MSG_REJECT = 16,
	MSG_ALLOWED_FAST = 17,
	MSG_EXTENDED = 20,
	MSG_HASH_REQUEST = 21, /* BEP 52: see hash_msg.h for the payloads */
	MSG_HASHES = 22,
	MSG_HASH_REJECT = 23,
	MSG_UNKNOWN = 255, /* any other id: skipped */
};

#define MSG_BLOCK_MAX (128U * 1024U) /* request or piece over it: malformed */
#define MSG_UNKNOWN_MAX (64U * 1024U)
#define MSG_PIECES_MAX (1U << 21)      /* while the torrent is not known */
#define MSG_EXTENDED_MAX (32U * 1024U) /* frame, unless the bounds say more */
#define MSG_PIECE_HEAD 9U	       /* frame bytes before the block */
#define MSG_FIXED_MAX 17U	       /* longest of what msg_encode() makes */

struct msg {
	enum msg_id id;
	uint32_t piece; /* HAVE, REQUEST, CANCEL, REJECT, SUGGEST, ALLOWED_FAST,
			   PIECE */
	uint32_t begin;
	uint32_t len;	     /* of the block asked for */
	uint8_t ext;	     /* EXTENDED */
	const uint8_t *body; /* BITFIELD, EXTENDED, HASH*: borrowed */
	size_t body_len;
	uint16_t port; /* PORT */
};

/* What the torrent allows; pieces 0: none (renting): nothing with a piece's
 * number passes, unless `unknown`: then what any torrent may have does, and
 * whoever keeps it checks it again when the torrent is known. */
struct msg_bounds {
	uint32_t pieces;
	uint32_t piece_len;
	uint64_t total_len;
	uint32_t extended_max; /* frame of EXTENDED; 0: MSG_EXTENDED_MAX */
	bool unknown;
};

/* Bytes of `piece`; piece < pieces. */
uint32_t msg_piece_bytes(const struct msg_bounds *b, uint32_t piece);

/* May a frame of `len` >= 1 bytes have this id? ERR_PARSE names both. */
enum err_code msg_check_len(uint8_t id, uint32_t len,
			    const struct msg_bounds *b, struct err *e);
/* Decodes a frame whose length msg_check_len() has passed (of PIECE its first
 * 9 bytes, with the block's length in `len` = frame_len - 9). ERR_PARSE: index
 * or range outside the torrent, spare bits set. */
enum err_code msg_decode(struct msg *out, const uint8_t *frame,
			 uint32_t frame_len, const struct msg_bounds *b,
			 struct err *e);
/* Encodes any message without body, length and all; PIECE gives its 13 bytes
 * before the block. Returns the bytes written. */
size_t msg_encode(uint8_t buf[MSG_FIXED_MAX], const struct msg *m);
const char *msg_name(enum msg_id id);
bool msg_is_unknown(uint8_t id);

#endif
