#include "ledger/signer/tron_tx.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/keccak.h"

#include <stdlib.h>
#include <string.h>

#define ADDRESS_LEN 21
#define SIG_LEN 65
#define TYPE_CREATE 30
#define TYPE_TRIGGER 31
#define URL_CREATE "type.googleapis.com/protocol.CreateSmartContract"
#define URL_TRIGGER "type.googleapis.com/protocol.TriggerSmartContract"

/* A field's key: number and wire type, as protobuf packs them. */
#define VARINT(number) ((number) << 3)
#define BYTES(number) ((number) << 3 | 2)

/* ----------------------------------------------------------------- writing */

static size_t varint_len(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static void put_varint(struct wr *w, uint64_t v)
{
	for (; v > 127; v >>= 7)
		wr_u8(w, (uint8_t)(v | 128));
	wr_u8(w, (uint8_t)v);
}

/* A number that is zero is left out. */
static size_t number_len(unsigned key, uint64_t v)
{
	return v ? varint_len(key) + varint_len(v) : 0;
}

static void put_number(struct wr *w, unsigned key, uint64_t v)
{
	if (!v)
		return;
	put_varint(w, key);
	put_varint(w, v);
}

static size_t bytes_len(unsigned key, size_t len)
{
	return varint_len(key) + varint_len(len) + len;
}

static void put_head(struct wr *w, unsigned key, size_t len)
{
	put_varint(w, key);
	put_varint(w, len);
}

static void put_bytes(struct wr *w, unsigned key, const void *p, size_t len)
{
	put_head(w, key, len);
	wr_copy(w, p, len);
}

static void put_address(struct wr *w, unsigned key, const struct address *a)
{
	put_head(w, key, ADDRESS_LEN);
	wr_u8(w, ADDRESS_TRON_PREFIX);
	wr_copy(w, a->bytes, sizeof(a->bytes));
}

/* What is left out when it is empty. */
static size_t optional_len(unsigned key, size_t len)
{
	return len ? bytes_len(key, len) : 0;
}

static void put_optional(struct wr *w, unsigned key, const void *p, size_t len)
{
	if (len)
		put_bytes(w, key, p, len);
}

/* SmartContract inside CreateSmartContract. An empty ABI is written, as nodes
 * that build such a transaction do. */
static size_t contract_len(const struct tron_tx *t)
{
	return bytes_len(BYTES(1), ADDRESS_LEN) + bytes_len(BYTES(3), 0) +
	       optional_len(BYTES(4), t->len) +
	       number_len(VARINT(5), t->value) +
	       number_len(VARINT(6), TRON_CALLER_PERCENT) +
	       optional_len(BYTES(7), strlen(t->name)) +
	       number_len(VARINT(8), TRON_ORIGIN_ENERGY);
}

static void put_contract(struct wr *w, const struct tron_tx *t)
{
	put_address(w, BYTES(1), &t->owner);
	put_head(w, BYTES(3), 0);
	put_optional(w, BYTES(4), t->data, t->len);
	put_number(w, VARINT(5), t->value);
	put_number(w, VARINT(6), TRON_CALLER_PERCENT);
	put_optional(w, BYTES(7), t->name, strlen(t->name));
	put_number(w, VARINT(8), TRON_ORIGIN_ENERGY);
}

/* CreateSmartContract or TriggerSmartContract. */
static size_t call_len(const struct tron_tx *t)
{
	size_t owner = bytes_len(BYTES(1), ADDRESS_LEN);

	if (t->create)
		return owner + bytes_len(BYTES(2), contract_len(t));
	return owner + bytes_len(BYTES(2), ADDRESS_LEN) +
	       number_len(VARINT(3), t->value) + optional_len(BYTES(4), t->len);
}

static void put_call(struct wr *w, const struct tron_tx *t)
{
	put_address(w, BYTES(1), &t->owner);
	if (t->create) {
		put_head(w, BYTES(2), contract_len(t));
		put_contract(w, t);
		return;
	}
	put_address(w, BYTES(2), &t->to);
	put_number(w, VARINT(3), t->value);
	put_optional(w, BYTES(4), t->data, t->len);
}

static const char *url_of(const struct tron_tx *t)
{
	return t->create ? URL_CREATE : URL_TRIGGER;
}

static size_t any_len(const struct tron_tx *t)
{
	return bytes_len(BYTES(1), strlen(url_of(t))) +
	       bytes_len(BYTES(2), call_len(t));
}

/* Transaction.Contract: type and the call in a google.protobuf.Any. */
static size_t item_len(const struct tron_tx *t)
{
	return number_len(VARINT(1), TYPE_TRIGGER) +
	       bytes_len(BYTES(2), any_len(t));
}

static size_t raw_len(const struct tron_tx *t)
{
	return bytes_len(BYTES(1), sizeof(t->ref_block)) +
	       bytes_len(BYTES(4), sizeof(t->ref_hash)) +
	       number_len(VARINT(8), t->expiration_ms) +
	       bytes_len(BYTES(11), item_len(t)) +
	       number_len(VARINT(14), t->timestamp_ms) +
	       number_len(VARINT(18), t->fee_limit);
}

static bool in_range(const struct tron_tx *t)
{
	return t->expiration_ms <= INT64_MAX && t->timestamp_ms <= INT64_MAX &&
	       t->fee_limit <= INT64_MAX && t->value <= INT64_MAX &&
	       t->len <= TRON_TX_MAX && strlen(t->name) <= TRON_NAME_MAX &&
	       (t->create ? address_is_zero(&t->to) : t->name[0] == 0);
}

static void put_raw(struct wr *w, const struct tron_tx *t)
{
	put_bytes(w, BYTES(1), t->ref_block, sizeof(t->ref_block));
	put_bytes(w, BYTES(4), t->ref_hash, sizeof(t->ref_hash));
	put_number(w, VARINT(8), t->expiration_ms);
	put_head(w, BYTES(11), item_len(t));
	put_number(w, VARINT(1), t->create ? TYPE_CREATE : TYPE_TRIGGER);
	put_head(w, BYTES(2), any_len(t));
	put_bytes(w, BYTES(1), url_of(t), strlen(url_of(t)));
	put_head(w, BYTES(2), call_len(t));
	put_call(w, t);
	put_number(w, VARINT(14), t->timestamp_ms);
	put_number(w, VARINT(18), t->fee_limit);
}

size_t tron_tx_raw(const struct tron_tx *t, uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);

	if (!in_range(t))
		return 0;
	put_raw(&w, t);
	return wr_len(&w);
}

enum err_code tron_tx_id(struct hash32 *out, const struct tron_tx *t,
			 uint8_t *buf, size_t cap, struct err *e)
{
	size_t len = tron_tx_raw(t, buf, cap);

	if (len == 0)
		return err_fail(e, ERR_LIMIT,
				"transaction: too long, or a number over 2^63");
	sha256_once(out->bytes, buf, len);
	return ERR_NONE;
}

size_t tron_tx_seal(const struct tron_tx *t, const struct ecc_sig *sig,
		    uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);

	if (!in_range(t))
		return 0;
	put_head(&w, BYTES(1), raw_len(t));
	put_raw(&w, t);
	put_head(&w, BYTES(2), SIG_LEN);
	wr_copy(&w, sig->r, sizeof(sig->r));
	wr_copy(&w, sig->s, sizeof(sig->s));
	wr_u8(&w, (uint8_t)(27 + sig->v));
	return wr_len(&w);
}

size_t tron_tx_size(const struct tron_tx *t)
{
	return bytes_len(BYTES(1), raw_len(t)) + bytes_len(BYTES(2), SIG_LEN);
}

/* ----------------------------------------------------------------- reading */

/* Fields are read in the order in which they are written, each taken when its
 * key is next. That the bytes are the right ones is settled at the end, by
 * writing them again. */

static uint64_t get_varint(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		uint8_t b = rd_u8(r);

		v |= (uint64_t)(b & 127) << shift;
		if (b < 128)
			return v;
	}
	r->bad = true;
	return 0;
}

static bool next_is(struct rd *r, unsigned key)
{
	struct rd ahead = *r;

	if (get_varint(&ahead) != key || ahead.bad)
		return false;
	*r = ahead;
	return true;
}

static uint64_t get_number(struct rd *r, unsigned key)
{
	return next_is(r, key) ? get_varint(r) : 0;
}

/* An inner message or bytes; empty when the field is not there. */
static struct rd get_bytes(struct rd *r, unsigned key)
{
	const uint8_t *p = NULL;
	size_t len = 0;

	if (next_is(r, key)) {
		uint64_t n = get_varint(r);

		len = n <= r->left ? (size_t)n : r->left + 1;
		p = rd_view(r, len, TRON_TX_MAX);
	}
	return rd_from(p ? p : (const uint8_t *)"", p ? len : 0);
}

static void get_address(struct rd *r, unsigned key, struct address *a)
{
	struct rd in = get_bytes(r, key);

	if (rd_u8(&in) != ADDRESS_TRON_PREFIX)
		r->bad = true;
	rd_copy(&in, a->bytes, sizeof(a->bytes));
	r->bad = r->bad || !rd_done(&in);
}

static void get_fixed(struct rd *r, unsigned key, uint8_t *out, size_t len)
{
	struct rd in = get_bytes(r, key);

	rd_copy(&in, out, len);
	r->bad = r->bad || !rd_done(&in);
}

static void get_data(struct rd *r, unsigned key, struct tron_tx *t)
{
	struct rd in = get_bytes(r, key);

	t->data = in.p;
	t->len = in.left;
}

static void get_contract(struct rd *r, struct tron_tx *t)
{
	struct address origin;
	struct rd name;

	get_address(r, BYTES(1), &origin);
	(void)get_bytes(r, BYTES(3));
	get_data(r, BYTES(4), t);
	t->value = get_number(r, VARINT(5));
	(void)get_number(r, VARINT(6));
	name = get_bytes(r, BYTES(7));
	if (name.left > TRON_NAME_MAX || memchr(name.p, 0, name.left))
		r->bad = true;
	else
		memcpy(t->name, name.p, name.left);
	(void)get_number(r, VARINT(8));
}

static void get_call(struct rd *r, struct tron_tx *t)
{
	struct rd in;

	get_address(r, BYTES(1), &t->owner);
	if (!t->create) {
		get_address(r, BYTES(2), &t->to);
		t->value = get_number(r, VARINT(3));
		get_data(r, BYTES(4), t);
		return;
	}
	in = get_bytes(r, BYTES(2));
	get_contract(&in, t);
	r->bad = r->bad || !rd_done(&in);
}

static void get_raw(struct rd *r, struct tron_tx *t)
{
	struct rd item, any, call;

	get_fixed(r, BYTES(1), t->ref_block, sizeof(t->ref_block));
	get_fixed(r, BYTES(4), t->ref_hash, sizeof(t->ref_hash));
	t->expiration_ms = get_number(r, VARINT(8));
	item = get_bytes(r, BYTES(11));
	t->create = get_number(&item, VARINT(1)) == TYPE_CREATE;
	any = get_bytes(&item, BYTES(2));
	(void)get_bytes(&any, BYTES(1));
	call = get_bytes(&any, BYTES(2));
	get_call(&call, t);
	t->timestamp_ms = get_number(r, VARINT(14));
	t->fee_limit = get_number(r, VARINT(18));
	r->bad = r->bad || !rd_done(&item) || !rd_done(&any) || !rd_done(&call);
}

/* Does writing it give the same bytes? */
static enum err_code same_again(const struct tron_tx *t,
				const struct ecc_sig *sig, const uint8_t *raw,
				size_t len, struct err *e)
{
	uint8_t *again;
	bool same;

	if (!in_range(t) || tron_tx_size(t) != len)
		return err_fail(e, ERR_PARSE,
				"transaction: not the canonical encoding");
	again = malloc(len);
	if (!again)
		return err_fail(e, ERR_NOMEM, "no memory");
	same = tron_tx_seal(t, sig, again, len) == len &&
	       memcmp(again, raw, len) == 0;
	free(again);
	return same ? ERR_NONE
		    : err_fail(e, ERR_PARSE,
			       "transaction: not the canonical encoding");
}

enum err_code tron_tx_decode(struct tron_tx *t, struct ecc_sig *sig,
			     struct hash32 *txid, const uint8_t *raw,
			     size_t len, struct err *e)
{
	struct rd all = rd_from(raw, len), in, bytes, signature;
	uint8_t v;

	*t = (struct tron_tx){0};
	if (len > TRON_TX_MAX)
		return err_fail(e, ERR_PARSE, "transaction: too long");
	bytes = get_bytes(&all, BYTES(1));
	in = bytes;
	get_raw(&in, t);
	signature = get_bytes(&all, BYTES(2));
	rd_copy(&signature, sig->r, sizeof(sig->r));
	rd_copy(&signature, sig->s, sizeof(sig->s));
	v = rd_u8(&signature);
	sig->v = v & 1 ? 0 : 1;
	if (!rd_done(&in) || !rd_done(&signature) || !rd_done(&all) ||
	    (v != 27 && v != 28))
		return err_fail(e, ERR_PARSE, "transaction: malformed");
	sha256_once(txid->bytes, bytes.p, bytes.left);
	return same_again(t, sig, raw, len, e);
}

/* ------------------------------------------------------------ names of things
 */

struct address tron_tx_created(const struct hash32 *txid,
			       const struct address *owner)
{
	uint8_t buf[32 + ADDRESS_LEN];
	struct wr w = wr_into(buf, sizeof(buf));
	struct address a;
	struct hash32 h;

	wr_copy(&w, txid->bytes, sizeof(txid->bytes));
	wr_u8(&w, ADDRESS_TRON_PREFIX);
	wr_copy(&w, owner->bytes, sizeof(owner->bytes));
	h = keccak256(buf, wr_len(&w));
	memcpy(a.bytes, h.bytes + 12, sizeof(a.bytes));
	return a;
}

void tron_tx_refer(struct tron_tx *t, const struct hash32 *block_id)
{
	memcpy(t->ref_block, block_id->bytes + 6, sizeof(t->ref_block));
	memcpy(t->ref_hash, block_id->bytes + 8, sizeof(t->ref_hash));
}
