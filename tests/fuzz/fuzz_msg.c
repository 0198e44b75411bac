/* A frame as a peer may send it, against the bounds of a torrent that the first
 * byte names; or a handshake. What is read lies within the torrent, and is
 * written as the bytes that it was read from. */
#include "wire/peer/handshake.h"
#include "wire/peer/hash_msg.h"
#include "wire/peer/msg.h"

#include <stdlib.h>
#include <string.h>

static const struct msg_bounds bounds[] = {
	{.pieces = 3, .piece_len = 32768, .total_len = 2 * 32768 + 5},
	{.pieces = 1U << 21, .piece_len = 1U << 20, .total_len = 1ULL << 41},
	{.pieces = 0},
	{.pieces = 0, .unknown = true},
};

static void must(bool held)
{
	if (!held)
		abort();
}

static void check_handshake(const uint8_t *p)
{
	uint8_t out[HANDSHAKE_LEN];
	struct handshake hs;

	if (!handshake_decode(&hs, p)) {
		must(!handshake_starts(p, HANDSHAKE_FIXED));
		return;
	}
	handshake_encode(out, &hs);
	/* reserved bits that nobody knows are not said again */
	must(memcmp(out, p, HANDSHAKE_FIXED) == 0 &&
	     memcmp(out + HANDSHAKE_FIXED + 8, p + HANDSHAKE_FIXED + 8,
		    HANDSHAKE_LEN - HANDSHAKE_FIXED - 8) == 0);
}

static void check_hashes(const struct msg *m)
{
	const struct hash32 *hashes, *uncles;
	uint8_t out[HASH_ASK_LEN];
	struct hash_ask ask;

	if (m->body_len < HASH_ASK_LEN ||
	    !hash_ask_decode(&ask, m->body, m->body_len))
		return;
	must(ask.count && ask.count <= HASH_COUNT_MAX &&
	     ask.index % ask.count == 0);
	hash_ask_encode(out, &ask);
	must(memcmp(out, m->body, HASH_ASK_LEN) == 0);
	if (!hashes_decode(&ask, &hashes, &uncles, m->body, m->body_len))
		return;
	must((const uint8_t *)(uncles + hash_ask_uncles(&ask)) ==
	     m->body + m->body_len);
}

static void check_frame(const struct msg_bounds *b, const uint8_t *frame,
			uint32_t len)
{
	uint8_t out[MSG_FIXED_MAX];
	struct msg m;

	if (msg_check_len(frame[0], len, b, NULL) != ERR_NONE ||
	    msg_decode(&m, frame, len, b, NULL) != ERR_NONE)
		return;
	switch (m.id) {
	case MSG_REQUEST:
	case MSG_CANCEL:
	case MSG_REJECT:
		must(b->unknown || (m.piece < b->pieces && m.len &&
				    (uint64_t)m.begin + m.len <=
					    msg_piece_bytes(b, m.piece)));
		break;
	case MSG_HAVE:
	case MSG_SUGGEST:
	case MSG_ALLOWED_FAST:
	case MSG_PIECE:
		must(b->unknown || m.piece < b->pieces);
		break;
	case MSG_HASH_REQUEST:
	case MSG_HASHES:
	case MSG_HASH_REJECT:
		check_hashes(&m);
		return;
	case MSG_BITFIELD:
	case MSG_EXTENDED:
		must(m.body >= frame && m.body + m.body_len <= frame + len);
		return;
	case MSG_UNKNOWN:
		return;
	case MSG_CHOKE:
	case MSG_UNCHOKE:
	case MSG_INTERESTED:
	case MSG_NOT_INTERESTED:
	case MSG_PORT:
	case MSG_HAVE_ALL:
	case MSG_HAVE_NONE:
		break;
	}
	must(msg_encode(out, &m) >= 5);
	must(memcmp(out + 4, frame, m.id == MSG_PIECE ? 9 : len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == HANDSHAKE_LEN)
		check_handshake(data);
	if (size >= 2)
		check_frame(&bounds[data[0] % 4], data + 1,
			    (uint32_t)(size - 1));
	return 0;
}
