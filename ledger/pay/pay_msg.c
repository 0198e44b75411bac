#include "ledger/pay/pay_msg.h"

#include "base/bencode.h"
#include "base/bytes.h"

#include <string.h>

#define MAX_TOKENS \
	64 /* known keys take 17; the rest is room for newer ones \
	    */

/* One table says what each message holds; both directions walk it. */
enum field {
	F_END,
	F_TYPE,	   /* "t": the message's name */
	F_VERSION, /* uint8_t, 1 .. 255 */
	F_CHAIN,   /* uint64_t, 1 .. 2^63-1 */
	F_BYTES,   /* uint64_t, 0 .. PAY_BYTES_MAX */
	F_STEP,	   /* uint32_t, 1 .. PAY_STEP_MIN */
	F_CODE,	   /* enum pay_no, not NONE */
	F_BOOL,
	F_AMOUNT,
	F_PRICE, /* an amount that is not zero */
	F_ADDRESS,
	F_SIG,
	F_TEXT,
};

struct slot {
	const char *key;
	enum field field;
	size_t at; /* in struct pay_msg */
};

#define AT(member) offsetof(struct pay_msg, u.member)
#define SLOTS_MAX 9

static const struct shape {
	const char *name;
	bool from_buyer;
	struct slot slots[SLOTS_MAX]; /* keys in order, F_END last */
} shapes[] = {
	[PAY_MSG_ASK] = {"ask",
			 true,
			 {{"bank", F_ADDRESS, AT(ask.bank)},
			  {"chain", F_CHAIN, AT(ask.chain_id)},
			  {"t", F_TYPE, 0},
			  {"v", F_VERSION, AT(ask.version)}}},
	[PAY_MSG_TERMS] = {"terms",
			   false,
			   {{"bank", F_ADDRESS, AT(terms.bank)},
			    {"chain", F_CHAIN, AT(terms.chain_id)},
			    {"payee", F_ADDRESS, AT(terms.payee)},
			    {"price", F_PRICE, AT(terms.price)},
			    {"sig", F_SIG, AT(terms.key_sig)},
			    {"step", F_STEP, AT(terms.step)},
			    {"t", F_TYPE, 0},
			    {"v", F_VERSION, AT(terms.version)}}},
	[PAY_MSG_BID] = {"bid",
			 true,
			 {{"price", F_PRICE, AT(price.price)},
			  {"t", F_TYPE, 0}}},
	[PAY_MSG_OK] = {"ok",
			false,
			{{"price", F_PRICE, AT(price.price)},
			 {"t", F_TYPE, 0}}},
	[PAY_MSG_NO] = {"no",
			false,
			{{"code", F_CODE, AT(no.code)},
			 {"price", F_AMOUNT, AT(no.price)},
			 {"t", F_TYPE, 0},
			 {"why", F_TEXT, AT(no.why)}}},
	[PAY_MSG_RECEIPT] = {"receipt",
			     true,
			     {{"amount", F_AMOUNT, AT(receipt.r.amount)},
			      {"bytes", F_BYTES, AT(receipt.bytes)},
			      {"owed", F_AMOUNT, AT(receipt.owed)},
			      {"payer", F_ADDRESS, AT(receipt.r.payer)},
			      {"sig", F_SIG, AT(receipt.r.sig)},
			      {"t", F_TYPE, 0}}},
	[PAY_MSG_ACK] = {"ack",
			 false,
			 {{"amount", F_AMOUNT, AT(ack.amount)},
			  {"hold", F_BOOL, AT(ack.hold)},
			  {"limit", F_AMOUNT, AT(ack.limit)},
			  {"owed", F_AMOUNT, AT(ack.owed)},
			  {"t", F_TYPE, 0}}},
	[PAY_MSG_HELD] = {"held",
			  false,
			  {{"amount", F_AMOUNT, AT(held.amount)},
			   {"sig", F_SIG, AT(held.sig)},
			   {"t", F_TYPE, 0}}},
	[PAY_MSG_METER] = {"meter",
			   false,
			   {{"bytes", F_BYTES, AT(meter.bytes)},
			    {"paid", F_BOOL, AT(meter.paid)},
			    {"price", F_AMOUNT, AT(meter.price)},
			    {"t", F_TYPE, 0}}},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

bool pay_msg_from_buyer(enum pay_msg_kind kind)
{
	return shapes[kind].from_buyer;
}

static bool get_int(struct ben v, int64_t min, int64_t max, int64_t *out)
{
	return ben_int(v, out) && *out >= min && *out <= max;
}

static bool get_amount(struct ben v, struct amount *out)
{
	uint8_t be[14];

	if (!ben_fixed(v, be, sizeof(be)))
		return false;
	*out = amount_from_be14(be);
	return true;
}

static bool get_address(struct ben v, struct address *out)
{
	return ben_fixed(v, out->bytes, sizeof(out->bytes)) &&
	       !address_is_zero(out);
}

static bool get_field(const struct slot *slot, struct ben v, void *at)
{
	int64_t n = 0;

	switch (slot->field) {
	case F_END:
	case F_TYPE:
		return true;
	case F_VERSION:
		if (!get_int(v, 1, UINT8_MAX, &n))
			return false;
		*(uint8_t *)at = (uint8_t)n;
		return true;
	case F_CHAIN:
		if (!get_int(v, 1, INT64_MAX, &n))
			return false;
		*(uint64_t *)at = (uint64_t)n;
		return true;
	case F_BYTES:
		if (!get_int(v, 0, PAY_BYTES_MAX, &n))
			return false;
		*(uint64_t *)at = (uint64_t)n;
		return true;
	case F_STEP:
		if (!get_int(v, 1, PAY_STEP_MIN, &n))
			return false;
		*(uint32_t *)at = (uint32_t)n;
		return true;
	case F_CODE:
		if (!get_int(v, 1, PAY_NO_LAST, &n))
			return false;
		*(enum pay_no *)at = (enum pay_no)n;
		return true;
	case F_BOOL:
		if (!get_int(v, 0, 1, &n))
			return false;
		*(bool *)at = n == 1;
		return true;
	case F_AMOUNT:
		return get_amount(v, at);
	case F_PRICE:
		return get_amount(v, at) &&
		       !amount_is_zero(*(struct amount *)at);
	case F_ADDRESS:
		return get_address(v, at);
	case F_SIG:
		return ben_fixed(v, at, RECEIPT_SIG_LEN);
	case F_TEXT:
		return ben_line(v, at, PAY_WHY_MAX);
	}
	return false;
}

/* What one field alone cannot tell. */
static bool whole(const struct pay_msg *m)
{
	if (m->kind == PAY_MSG_METER)
		return m->u.meter.paid == !amount_is_zero(m->u.meter.price);
	return true;
}

static const struct shape *find_shape(struct ben root, enum pay_msg_kind *kind)
{
	struct ben_view name;

	if (!ben_str(ben_get(root, "t"), &name))
		return NULL;
	for (size_t i = 1; i < SHAPES; i++) {
		if (name.len != strlen(shapes[i].name) ||
		    memcmp(name.p, shapes[i].name, name.len) != 0)
			continue;
		*kind = (enum pay_msg_kind)i;
		return &shapes[i];
	}
	return NULL;
}

static enum err_code decode_doc(struct pay_msg *out, struct ben root,
				struct err *e)
{
	const struct shape *shape = find_shape(root, &out->kind);

	if (!shape)
		return err_fail(e, ERR_PARSE, "sb_pay: no message of ours");
	for (const struct slot *s = shape->slots; s->field != F_END; s++)
		if (!get_field(s, ben_get(root, s->key),
			       (uint8_t *)out + s->at))
			return err_fail(e, ERR_PARSE,
					"sb_pay: %s: '%s' is missing or bad",
					shape->name, s->key);
	if (!whole(out))
		return err_fail(e, ERR_PARSE, "sb_pay: %s contradicts itself",
				shape->name);
	return ERR_NONE;
}

enum err_code pay_msg_decode(struct pay_msg *out, const uint8_t *buf,
			     size_t len, struct err *e)
{
	struct ben_doc *doc = NULL;
	enum err_code rc;

	memset(out, 0, sizeof(*out));
	if (len > PAY_MSG_MAX)
		return err_fail(e, ERR_LIMIT, "sb_pay: %zu bytes", len);
	rc = ben_parse(&doc, buf, len, MAX_TOKENS, BEN_SORTED_KEYS, e);
	if (rc == ERR_LIMIT) /* as blameworthy as bad bytes */
		rc = ERR_PARSE;
	if (rc == ERR_NONE)
		rc = decode_doc(out, ben_root(doc), e);
	ben_doc_free(doc);
	return rc;
}

static bool put_amount(struct wr *w, const struct amount *a)
{
	uint8_t be[14];

	if (!amount_to_be14(be, *a))
		return false;
	ben_w_bytes(w, be, sizeof(be));
	return true;
}

static bool put_int(struct wr *w, uint64_t v, uint64_t min, uint64_t max)
{
	ben_w_int(w, (int64_t)v);
	return v >= min && v <= max;
}

static bool put_field(struct wr *w, const struct shape *shape,
		      const struct slot *slot, const void *at)
{
	enum pay_no code;

	switch (slot->field) {
	case F_END:
		return true;
	case F_TYPE:
		ben_w_str(w, shape->name);
		return true;
	case F_VERSION:
		return put_int(w, *(const uint8_t *)at, 1, UINT8_MAX);
	case F_CHAIN:
		return put_int(w, *(const uint64_t *)at, 1, INT64_MAX);
	case F_BYTES:
		return put_int(w, *(const uint64_t *)at, 0, PAY_BYTES_MAX);
	case F_STEP:
		return put_int(w, *(const uint32_t *)at, 1, PAY_STEP_MIN);
	case F_CODE:
		code = *(const enum pay_no *)at;
		return put_int(w, (uint64_t)code, 1, PAY_NO_LAST);
	case F_BOOL:
		return put_int(w, *(const bool *)at, 0, 1);
	case F_AMOUNT:
		return put_amount(w, at);
	case F_PRICE:
		return put_amount(w, at) &&
		       !amount_is_zero(*(const struct amount *)at);
	case F_ADDRESS:
		ben_w_bytes(w, at, sizeof(struct address));
		return !address_is_zero(at);
	case F_SIG:
		ben_w_bytes(w, at, RECEIPT_SIG_LEN);
		return true;
	case F_TEXT:
		ben_w_str(w, at);
		return true;
	}
	return false;
}

size_t pay_msg_encode(const struct pay_msg *m, uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);
	const struct shape *shape = &shapes[m->kind];

	if (!whole(m))
		return 0;
	ben_w_dict(&w);
	for (const struct slot *s = shape->slots; s->field != F_END; s++) {
		ben_w_str(&w, s->key);
		if (!put_field(&w, shape, s, (const uint8_t *)m + s->at))
			return 0;
	}
	ben_w_end(&w);
	return wr_len(&w);
}
