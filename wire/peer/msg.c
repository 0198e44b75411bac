#include "wire/peer/msg.h"

#include "base/bits.h"
#include "base/bytes.h"
#include "wire/peer/hash_msg.h"

#include <string.h>

/* Legal frame lengths; max 0: depends on the torrent, see msg_check_len(). */
static const struct msg_rule {
	uint8_t id;
	const char *name;
	uint32_t min, max;
} rules[] = {
	{MSG_CHOKE, "choke", 1, 1},
	{MSG_UNCHOKE, "unchoke", 1, 1},
	{MSG_INTERESTED, "interested", 1, 1},
	{MSG_NOT_INTERESTED, "not interested", 1, 1},
	{MSG_HAVE, "have", 5, 5},
	{MSG_BITFIELD, "bitfield", 2, 0},
	{MSG_REQUEST, "request", 13, 13},
	{MSG_PIECE, "piece", MSG_PIECE_HEAD + 1,
	 MSG_PIECE_HEAD + MSG_BLOCK_MAX},
	{MSG_CANCEL, "cancel", 13, 13},
	{MSG_PORT, "port", 3, 3},
	{MSG_SUGGEST, "suggest", 5, 5},
	{MSG_HAVE_ALL, "have all", 1, 1},
	{MSG_HAVE_NONE, "have none", 1, 1},
	{MSG_REJECT, "reject", 13, 13},
	{MSG_ALLOWED_FAST, "allowed fast", 5, 5},
	{MSG_EXTENDED, "extended", 2, MSG_EXTENDED_MAX},
	{MSG_HASH_REQUEST, "hash request", 1 + HASH_ASK_LEN, 1 + HASH_ASK_LEN},
	{MSG_HASHES, "hashes", 1 + HASH_ASK_LEN + 32, 1 + HASH_MSG_MAX},
	{MSG_HASH_REJECT, "hash reject", 1 + HASH_ASK_LEN, 1 + HASH_ASK_LEN},
};

static const struct msg_rule *find_rule(uint8_t id)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].id == id)
			return &rules[i];
	return NULL;
}

const char *msg_name(enum msg_id id)
{
	const struct msg_rule *rule = find_rule((uint8_t)id);

	return rule ? rule->name : "unknown";
}

uint32_t msg_piece_bytes(const struct msg_bounds *b, uint32_t piece)
{
	if (piece + 1 < b->pieces)
		return b->piece_len;
	return (uint32_t)(b->total_len -
			  (uint64_t)b->piece_len * (b->pieces - 1));
}

enum err_code msg_check_len(uint8_t id, uint32_t len,
			    const struct msg_bounds *b, struct err *e)
{
	const struct msg_rule *rule = find_rule(id);
	uint32_t min = 1, max = MSG_UNKNOWN_MAX;

	if (rule) {
		min = rule->min;
		max = rule->max;
	}
	if (id == MSG_EXTENDED && b->extended_max)
		max = b->extended_max;
	if (id == MSG_BITFIELD && b->unknown)
		max = 1 + (uint32_t)bits_bytes(MSG_PIECES_MAX);
	else if (id == MSG_BITFIELD)
		min = max = 1 + (uint32_t)bits_bytes(b->pieces);
	if (len < min || len > max)
		return err_fail(e, ERR_PARSE,
				"message %s (%u) of %u bytes, want %u..%u",
				rule ? rule->name : "unknown", id, len, min,
				max);
	return ERR_NONE;
}

static enum err_code check_block(const struct msg *m,
				 const struct msg_bounds *b, struct err *e)
{
	uint32_t bytes = b->unknown ? UINT32_MAX : msg_piece_bytes(b, m->piece);

	if (m->len == 0 || m->len > MSG_BLOCK_MAX)
		return err_fail(e, ERR_PARSE, "%s of %u bytes", msg_name(m->id),
				m->len);
	if (m->begin > bytes || m->len > bytes - m->begin)
		return err_fail(e, ERR_PARSE,
				"%s past the end of piece %u: %u+%u of %u",
				msg_name(m->id), m->piece, m->begin, m->len,
				bytes);
	return ERR_NONE;
}

static enum err_code check_index(const struct msg *m,
				 const struct msg_bounds *b, struct err *e)
{
	uint32_t pieces = b->unknown ? MSG_PIECES_MAX : b->pieces;

	if (m->piece >= pieces)
		return err_fail(e, ERR_PARSE, "%s of piece %u, have %u",
				msg_name(m->id), m->piece, pieces);
	return ERR_NONE;
}

enum err_code msg_decode(struct msg *out, const uint8_t *frame,
			 uint32_t frame_len, const struct msg_bounds *b,
			 struct err *e)
{
	const struct msg_rule *rule = find_rule(frame[0]);
	struct rd r = rd_from(frame + 1, frame_len - 1);

	memset(out, 0, sizeof(*out));
	out->id = rule ? (enum msg_id)frame[0] : MSG_UNKNOWN;
	switch (out->id) {
	case MSG_HAVE:
	case MSG_SUGGEST:
	case MSG_ALLOWED_FAST:
		out->piece = rd_u32(&r);
		return check_index(out, b, e);
	case MSG_REQUEST:
	case MSG_CANCEL:
	case MSG_REJECT:
	case MSG_PIECE:
		out->piece = rd_u32(&r);
		out->begin = rd_u32(&r);
		out->len = out->id == MSG_PIECE ? frame_len - MSG_PIECE_HEAD
						: rd_u32(&r);
		if (check_index(out, b, e) != ERR_NONE)
			return ERR_PARSE;
		return check_block(out, b, e);
	case MSG_BITFIELD:
		out->body = r.p;
		out->body_len = r.left;
		if (!b->unknown && !bits_spare_clear(out->body, b->pieces))
			return err_fail(e, ERR_PARSE,
					"bitfield with spare bits set");
		return ERR_NONE;
	case MSG_EXTENDED:
		out->ext = rd_u8(&r);
		out->body = r.p;
		out->body_len = r.left;
		return ERR_NONE;
	case MSG_PORT:
		out->port = rd_u16(&r);
		return ERR_NONE;
	case MSG_HASH_REQUEST:
	case MSG_HASHES:
	case MSG_HASH_REJECT:
		out->body = r.p;
		out->body_len = r.left;
		return ERR_NONE;
	case MSG_CHOKE:
	case MSG_UNCHOKE:
	case MSG_INTERESTED:
	case MSG_NOT_INTERESTED:
	case MSG_HAVE_ALL:
	case MSG_HAVE_NONE:
	case MSG_UNKNOWN:
		return ERR_NONE;
	}
	return ERR_NONE;
}

size_t msg_encode(uint8_t buf[MSG_FIXED_MAX], const struct msg *m)
{
	const struct msg_rule *rule = find_rule((uint8_t)m->id);
	struct wr w = wr_into(buf, MSG_FIXED_MAX);
	uint32_t frame = m->id == MSG_PIECE ? MSG_PIECE_HEAD + m->len
					    : (rule ? rule->min : 1);

	wr_u32(&w, frame);
	wr_u8(&w, (uint8_t)m->id);
	if (m->id == MSG_PORT)
		wr_u16(&w, m->port);
	if (m->id == MSG_PIECE || frame >= 5)
		wr_u32(&w, m->piece);
	if (m->id == MSG_PIECE || frame >= 13)
		wr_u32(&w, m->begin);
	if (frame == 13 && m->id != MSG_PIECE)
		wr_u32(&w, m->len);
	return wr_len(&w);
}

bool msg_is_unknown(uint8_t id)
{
	return find_rule(id) == NULL;
}
