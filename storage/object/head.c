#include "storage/object/head.h"

#include "base/aead.h"
#include "base/bytes.h"
#include "storage/object/catalogue.h"
#include "storage/object/coder.h"
#include "storage/object/segment.h"

#include <string.h>

#define VERSION 1
#define CLEAR_LEN (1U + 8U)
#define CONTENT_LEN (OBJECT_KEY_LEN + 1U + 1U + 2U + 8U + 8U)

_Static_assert(CLEAR_LEN + AEAD_NONCE_LEN + CONTENT_LEN + AEAD_TAG_LEN ==
		       HEAD_LEN,
	       "head");

static bool in_range(const struct object_head *h)
{
	return h->sequence && h->sequence <= UINT64_MAX >> 1 && h->k &&
	       h->k <= CODER_K_MAX && h->n >= h->k && h->segments &&
	       h->segments <= SEGMENTS_MAX && h->size &&
	       h->size <= CATALOGUE_MAX &&
	       h->size <= (uint64_t)h->segments * segment_plain_len(h->k) &&
	       h->time_s >= 0;
}

enum err_code head_seal(uint8_t out[HEAD_LEN], const struct object_head *h,
			const uint8_t head_key[OBJECT_KEY_LEN], struct rng *rng,
			struct err *e)
{
	uint8_t content[CONTENT_LEN], nonce[AEAD_NONCE_LEN];
	struct wr in = wr_into(content, sizeof(content));
	struct wr w = wr_into(out, HEAD_LEN);
	bool ok;

	if (!in_range(h))
		return err_fail(e, ERR_STATE, "head: a value is out of range");
	wr_copy(&in, h->full, sizeof(h->full));
	wr_u8(&in, h->k);
	wr_u8(&in, h->n);
	wr_u16(&in, h->segments);
	wr_u64(&in, h->size);
	wr_u64(&in, (uint64_t)h->time_s);
	rng_fill(rng, nonce, sizeof(nonce));
	wr_u8(&w, VERSION);
	wr_u64(&w, h->sequence);
	wr_copy(&w, nonce, sizeof(nonce));
	ok = aead_seal(out + w.len, content, sizeof(content), out, CLEAR_LEN,
		       nonce, head_key);
	explicit_bzero(content, sizeof(content));
	return ok ? ERR_NONE : err_fail(e, ERR_NOMEM, "head: no memory");
}

enum err_code head_open(struct object_head *out,
			const uint8_t head_key[OBJECT_KEY_LEN],
			const uint8_t *head, size_t len, struct err *e)
{
	const uint8_t *nonce = head + CLEAR_LEN;
	uint8_t content[CONTENT_LEN];
	struct rd r = rd_from(head, len);

	memset(out, 0, sizeof(*out));
	if (len != HEAD_LEN || rd_u8(&r) != VERSION)
		return err_fail(e, ERR_PARSE,
				"head: of a version not known here");
	out->sequence = rd_u64(&r);
	if (!aead_open(content, nonce + AEAD_NONCE_LEN,
		       HEAD_LEN - CLEAR_LEN - AEAD_NONCE_LEN, head, CLEAR_LEN,
		       nonce, head_key))
		return err_fail(e, ERR_SIG,
				"head: does not open with this key");
	r = rd_from(content, sizeof(content));
	rd_copy(&r, out->full, sizeof(out->full));
	out->k = rd_u8(&r);
	out->n = rd_u8(&r);
	out->segments = rd_u16(&r);
	out->size = rd_u64(&r);
	out->time_s = (int64_t)rd_u64(&r);
	explicit_bzero(content, sizeof(content));
	if (!in_range(out))
		return err_fail(e, ERR_PARSE, "head: a value is out of range");
	return ERR_NONE;
}
