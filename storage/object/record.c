#include "storage/object/record.h"

#include "base/aead.h"
#include "base/bytes.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define CLEAR_LEN (1U + OBJECT_KEY_LEN + 8U)

static const char label[] = "seedbank placement v1";

/* What is signed: the label and SHA-256 of all before the signature, so that no
 * copy of 16 MiB is made for it. */
struct statement {
	uint8_t bytes[sizeof(label) - 1 + SHA256_LEN];
};

static void state(struct statement *s, const uint8_t *record, size_t len)
{
	memcpy(s->bytes, label, sizeof(label) - 1);
	sha256_once(s->bytes + sizeof(label) - 1, record, len);
}

enum err_code record_check(struct record_head *out, const uint8_t *record,
			   size_t len, struct err *e)
{
	struct statement s;
	struct rd r;

	if (len > RECORD_MAX)
		return err_fail(e, ERR_LIMIT, "record: %zu bytes", len);
	if (len < RECORD_OVERHEAD)
		return err_fail(e, ERR_PARSE, "record: too short");
	r = rd_from(record, CLEAR_LEN);
	if (rd_u8(&r) != VERSION)
		return err_fail(e, ERR_PARSE,
				"record: of version %u, which this program "
				"does not know",
				record[0]);
	rd_copy(&r, out->signer, sizeof(out->signer));
	out->sequence = rd_u64(&r);
	if (out->sequence == 0 || out->sequence > RECORD_SEQUENCE_MAX)
		return err_fail(e, ERR_PARSE, "record: sequence out of range");
	len -= OBJECT_SIG_LEN;
	state(&s, record, len);
	if (!object_verify(record + len, out->signer, s.bytes, sizeof(s.bytes)))
		return err_fail(e, ERR_SIG, "record: its signature is wrong");
	return ERR_NONE;
}

/* All but the signature; w has room for it. */
static bool write_sealed(struct wr *w, const uint8_t *signer, uint64_t sequence,
			 const uint8_t *key, const uint8_t *content, size_t len,
			 struct rng *rng)
{
	uint8_t nonce[AEAD_NONCE_LEN];

	rng_fill(rng, nonce, sizeof(nonce));
	wr_u8(w, VERSION);
	wr_copy(w, signer, OBJECT_KEY_LEN);
	wr_u64(w, sequence);
	wr_copy(w, nonce, sizeof(nonce));
	if (!aead_seal(w->buf + w->len, content, len, w->buf, CLEAR_LEN, nonce,
		       key))
		return false;
	w->len += len + AEAD_TAG_LEN;
	return true;
}

enum err_code record_seal(uint8_t **take_out, size_t *out_len,
			  const struct object_keys *keys, const uint8_t *master,
			  uint64_t sequence, const uint8_t *content, size_t len,
			  struct rng *rng, struct err *e)
{
	struct statement s;
	struct wr w;
	uint8_t *buf;

	*take_out = NULL;
	if (len > RECORD_CONTENT_MAX || sequence == 0 ||
	    sequence > RECORD_SEQUENCE_MAX)
		return err_fail(e, ERR_LIMIT,
				"record: too many segments and places for one "
				"object");
	if (!master && keys->access < OBJECT_REPAIR)
		return err_fail(e, ERR_STATE,
				"record: a sample link signs nothing");
	buf = malloc(len + RECORD_OVERHEAD);
	if (!buf)
		return err_fail(e, ERR_NOMEM, "record: no memory");
	w = wr_into(buf, len + RECORD_OVERHEAD);
	if (!write_sealed(&w, master ? keys->owner_pk : keys->steward_pk,
			  sequence, keys->placement, content, len, rng)) {
		free(buf);
		return err_fail(e, ERR_NOMEM, "record: no memory");
	}
	state(&s, buf, w.len);
	if (master)
		object_sign_owner(buf + w.len, keys, master, s.bytes,
				  sizeof(s.bytes));
	else
		object_sign_steward(buf + w.len, keys, s.bytes,
				    sizeof(s.bytes));
	*take_out = buf;
	*out_len = len + RECORD_OVERHEAD;
	return ERR_NONE;
}

enum err_code record_open(uint8_t **take_content, size_t *content_len,
			  const uint8_t placement_key[OBJECT_KEY_LEN],
			  const uint8_t *record, size_t len, struct err *e)
{
	const uint8_t *nonce = record + CLEAR_LEN;
	struct record_head head;
	enum err_code code = record_check(&head, record, len, e);
	size_t box;
	uint8_t *content;

	*take_content = NULL;
	if (code != ERR_NONE)
		return code;
	box = len - CLEAR_LEN - AEAD_NONCE_LEN - OBJECT_SIG_LEN;
	content = malloc(box);
	if (!content)
		return err_fail(e, ERR_NOMEM, "record: no memory");
	if (!aead_open(content, nonce + AEAD_NONCE_LEN, box, record, CLEAR_LEN,
		       nonce, placement_key)) {
		free(content);
		return err_fail(e, ERR_SIG,
				"record: does not open with this key");
	}
	*take_content = content;
	*content_len = box - AEAD_TAG_LEN;
	return ERR_NONE;
}
