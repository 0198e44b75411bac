#include "wire/peer/ut_metadata.h"

#include "base/bencode.h"

#include <string.h>

#define TOKENS_MAX 64U

uint32_t ut_metadata_pieces(uint32_t size)
{
	return size / UT_METADATA_PIECE + (size % UT_METADATA_PIECE != 0);
}

uint32_t ut_metadata_piece_len(uint32_t size, uint32_t piece)
{
	uint32_t left = size - piece * UT_METADATA_PIECE;

	return left < UT_METADATA_PIECE ? left : UT_METADATA_PIECE;
}

size_t ut_metadata_encode(uint8_t *buf, size_t cap,
			  const struct ut_metadata_msg *m)
{
	struct wr w = wr_into(buf, cap);

	ben_w_dict(&w);
	ben_w_str(&w, "msg_type");
	ben_w_int(&w, m->type);
	ben_w_str(&w, "piece");
	ben_w_int(&w, m->piece);
	if (m->type == UT_METADATA_DATA) {
		ben_w_str(&w, "total_size");
		ben_w_int(&w, m->total);
	}
	ben_w_end(&w);
	if (m->type == UT_METADATA_DATA)
		wr_copy(&w, m->data, m->data_len);
	return wr_len(&w);
}

static enum err_code read_dict(struct ut_metadata_msg *out, struct ben root,
			       struct err *e)
{
	int64_t type, piece, total = 0;

	if (!ben_int(ben_get(root, "msg_type"), &type) || type < 0)
		return err_fail(e, ERR_PARSE, "ut_metadata: no msg_type");
	out->type = type < UT_METADATA_OTHER ? (enum ut_metadata_type)type
					     : UT_METADATA_OTHER;
	if (out->type == UT_METADATA_OTHER)
		return ERR_NONE;
	if (!ben_int(ben_get(root, "piece"), &piece) || piece < 0 ||
	    piece >= ut_metadata_pieces(UT_METADATA_SIZE_MAX))
		return err_fail(e, ERR_PARSE,
				"ut_metadata: piece is missing "
				"or out of range");
	out->piece = (uint32_t)piece;
	if (out->type != UT_METADATA_DATA)
		return ERR_NONE;
	if (ben_int(ben_get(root, "total_size"), &total) &&
	    (total <= 0 || total > UT_METADATA_SIZE_MAX))
		return err_fail(e, ERR_PARSE,
				"ut_metadata: total_size out of range");
	out->total = (uint32_t)total;
	return ERR_NONE;
}

enum err_code ut_metadata_decode(struct ut_metadata_msg *out,
				 const uint8_t *buf, size_t len, struct err *e)
{
	struct ben_doc *doc;
	enum err_code rc;
	size_t end;

	memset(out, 0, sizeof(*out));
	rc = ben_parse(&doc, buf, len, TOKENS_MAX, BEN_TRAILING, e);
	if (rc != ERR_NONE)
		return err_fail(e, ERR_PARSE, "ut_metadata: no message");
	rc = read_dict(out, ben_root(doc), e);
	end = ben_end(doc);
	ben_doc_free(doc);
	if (rc != ERR_NONE || out->type == UT_METADATA_OTHER)
		return rc;
	if (out->type != UT_METADATA_DATA)
		return end == len ? ERR_NONE
				  : err_fail(e, ERR_PARSE,
					     "ut_metadata: bytes behind the "
					     "message");
	out->data = buf + end;
	out->data_len = len - end;
	if (out->data_len == 0 || out->data_len > UT_METADATA_PIECE)
		return err_fail(e, ERR_PARSE, "ut_metadata: data of %zu bytes",
				out->data_len);
	return ERR_NONE;
}
