#include "storage/rent/rent_msg.h"

#include "base/bencode.h"
#include "base/bytes.h"

#include <string.h>

#define MAX_TOKENS 64 /* known keys take 17; the rest is for newer ones */

/* One table says what each message holds; both directions walk it. */
enum field {
	F_END,
	F_TYPE, /* "t": the message's name */
	F_U8,	/* integers from min to max */
	F_U32,
	F_U64,
	F_CODE,

	F_AMOUNT,
	F_ADDRESS, /* not zero */
	F_BYTES,   /* exactly `unit` bytes */
	F_VIEW,	   /* min to max times `unit` bytes, borrowed */
	F_AGREEMENT,
	F_SHEET,
	F_TEXT,
	F_SHOWN, /* HELLO: an account that may be absent, with its sig */
	F_SHOWN_SIG,
};

struct slot {
	const char *key;
	enum field field;
	size_t at; /* in struct rent_msg */
	uint32_t unit;
	int64_t min, max;
};

#define AT(member) offsetof(struct rent_msg, u.member)
#define SLOTS_MAX 9

/* One line a thing. */
/* clang-format off */
#define INT(key, field, at, unit, min, max) {key, field, AT(at), unit, min, max}
#define U32(key, at) INT(key, F_U32, at, 1, 0, UINT32_MAX)
#define VIEW(key, at, unit, min, max) {key, F_VIEW, AT(at), unit, min, max}
#define FIXED(key, at, len) {key, F_BYTES, AT(at), len, 0, 0}
#define OTHER(key, field, at) {key, field, AT(at), 0, 0, 0}
#define ID_FROM(min) {"i", F_U32, offsetof(struct rent_msg, id), 1, min, UINT32_MAX}
#define ID ID_FROM(1)
#define TYPE {"t", F_TYPE, 0, 0, 0, 0}
#define SIG(key, at) FIXED(key, at, 64)
#define BANK OTHER("bank", F_ADDRESS, hello.bank)
#define CHAIN INT("chain", F_U64, hello.chain_id, 1, 1, INT64_MAX)
#define VERSION INT("v", F_U8, hello.version, 1, 1, UINT8_MAX)
#define SEQ(at) INT("seq", F_U64, at, 1, 1, INT64_MAX)
#define DUE(of) OTHER("due", F_AMOUNT, of.due)
#define NODES(min) VIEW("nodes", tell.nodes, RENT_NODE_LEN, min, RENT_NODES_MAX)
/* A place or a length within a sector; within a placement record. */
#define INNER(key, at, unit, min) INT(key, F_U32, at, unit, min, RENT_SECTOR)
#define RECORD_OFF(at) INT("off", F_U32, at, 1, 0, RENT_RECORD_MAX - 1)
#define RECORD_SIZE(at) INT("size", F_U32, at, 1, 1, RENT_RECORD_MAX)

/* What stands behind the dictionary: min to max times unit bytes; unit 0:
 * nothing. */
struct bulk {
	uint32_t unit, min, max;
};
#define NO_BULK {0, 0, 0}
#define ROOTS_BULK {32, 0, RENT_ROOTS_MAX}
#define RECORD_BULK {1, 1, RENT_PART}
#define HEAD_BULK {1, 1, RENT_HEAD_MAX}

static const struct shape {
	const char *name;
	bool from_renter;
	struct bulk bulk;
	struct slot slots[SLOTS_MAX]; /* keys in order, F_END last */
} shapes[] = {
	[RENT_HELLO] = {"hello", true, NO_BULK,
		{OTHER("acc", F_SHOWN, hello), BANK, CHAIN,
		 OTHER("sig", F_SHOWN_SIG, hello), TYPE, VERSION}},
	[RENT_OFFER] = {"offer", true, NO_BULK, {ID, TYPE}},
	[RENT_PEERS] = {"peers", true, NO_BULK,
		{ID, INT("n", F_U32, peers, 1, 1, RENT_NODES_MAX), TYPE}},
	[RENT_TELL] = {"tell", true, NO_BULK, {NODES(1), TYPE}},
	[RENT_HAVE] = {"have", true, NO_BULK,
		{ID, VIEW("roots", have.roots, 32, 1, RENT_HAVE_MAX), TYPE}},
	[RENT_WRITE] = {"write", true, {RENT_PART, 1, 1},
		{ID, INNER("off", part.off, RENT_PART, 0),
		 FIXED("root", part.root, 32), TYPE}},
	[RENT_REVISE] = {"revise", true, NO_BULK,
		{OTHER("a", F_AGREEMENT, revise.a),
		 VIEW("add", revise.add, 32, 0, RENT_ADD_MAX),
		 
		 VIEW("cut", revise.cut, 4, 0, RENT_CUT_MAX), ID,
		 SIG("sig", revise.sig), TYPE}},
	[RENT_READ] = {"read", true, NO_BULK,
		{ID, INNER("len", read.len, RENT_TILE, RENT_TILE),
		 INNER("off", read.off, RENT_TILE, 0),
		 FIXED("root", read.root, 32), TYPE}},
	[RENT_LIST] = {"list", true, NO_BULK,
		{U32("from", page.from), ID,
		 INT("n", F_U32, page.n, 1, 1, RENT_ROOTS_MAX),
		 U32("number", page.number), TYPE}},
	[RENT_NEWEST] = {"newest", true, NO_BULK,
		{ID, U32("number", page.number), TYPE}},
	[RENT_LOST] = {"lost", true, NO_BULK,
		{U32("from", page.from), ID, U32("number", page.number), TYPE}},
	[RENT_PLACE] = {"place", true, RECORD_BULK,
		{ID, FIXED("id", place.id, 32), RECORD_OFF(place.off),
		 SEQ(place.seq), RECORD_SIZE(place.size), TYPE}},
	[RENT_FETCH] = {"fetch", true, NO_BULK,
		{ID, FIXED("id", fetch.id, 32), RECORD_OFF(fetch.off), TYPE}},
	[RENT_KEEP] = {"keep", true, HEAD_BULK, {ID, SEQ(keep.seq), TYPE}},
	[RENT_HEAD] = {"head", true, NO_BULK, {ID, TYPE}},
	[RENT_WELCOME] = {"welcome", false, NO_BULK,
		{OTHER("acc", F_ADDRESS, hello.account), BANK, CHAIN,
		 SIG("sig", hello.sig), TYPE, VERSION}},
	[RENT_SHEET] = {"sheet", false, NO_BULK,
		{ID, U32("room", sheet.room), OTHER("s", F_SHEET, sheet.sheet),
		 SIG("sig", sheet.sig), TYPE}},
	[RENT_NODES] = {"nodes", false, NO_BULK, {ID, NODES(0), TYPE}},
	[RENT_STORED] = {"stored", false, NO_BULK, {DUE(sign), ID, TYPE}},
	[RENT_HAS] = {"has", false, NO_BULK,
		{VIEW("bits", has.bits, 1, 1, RENT_HAVE_MAX / 8), ID, TYPE}},
	
	[RENT_SIGNED] = {"signed", false, NO_BULK,
		{DUE(sign), ID, SIG("sig", sign.sig), TYPE}},
	[RENT_DATA] = {"data", false, {RENT_TILE, 1, RENT_PART / RENT_TILE},
		{ID, INNER("off", data.off, RENT_TILE, 0),
		 VIEW("proof", data.proof, 32, 0, RENT_PROOF_MAX), TYPE}},
	[RENT_ROOTS] = {"roots", false, ROOTS_BULK,
		{U32("from", list.from), ID, U32("next", list.next), TYPE,
		 U32("total", list.total)}},
	[RENT_HELD] = {"held", false, NO_BULK,
		{OTHER("a", F_AGREEMENT, held.a), DUE(held),
		 SIG("hsig", held.host_sig), ID, SIG("rsig", held.renter_sig),
		 TYPE}},
	[RENT_LOSSES] = {"losses", false, ROOTS_BULK,
		{U32("from", list.from), ID, U32("next", list.next), TYPE,
		 U32("total", list.total)}},
	[RENT_RECORD] = {"record", false, RECORD_BULK,
		{ID, RECORD_OFF(place.off), SEQ(place.seq),
		 RECORD_SIZE(place.size), TYPE}},
	[RENT_KEPT] = {"kept", false, HEAD_BULK, {ID, SEQ(keep.seq), TYPE}},
	[RENT_ERROR] = {"error", false, NO_BULK,
		{OTHER("code", F_CODE, error.code), ID_FROM(0), TYPE,
		 OTHER("why", F_TEXT, error.why)}},
};
/* clang-format on */
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

bool rent_msg_from_renter(enum rent_kind kind)
{
	return shapes[kind].from_renter;
}

const char *rent_kind_name(enum rent_kind kind)
{
	return shapes[kind].name;
}

const char *rent_no_name(enum rent_no code)
{
	static const char *const names[] = {
		[RENT_NO_NONE] = "none",
		[RENT_NO_BUSY] = "busy",
		[RENT_NO_BANK] = "another bank",
		[RENT_NO_ACCOUNT] = "no account shown",
		[RENT_NO_UNKNOWN] = "not here",
		[RENT_NO_FULL] = "full",
		[RENT_NO_STORE] = "disk failed",
		[RENT_NO_ROOT] = "another root",
		[RENT_NO_TERMS] = "other terms",
		[RENT_NO_PRICE] = "price",
		[RENT_NO_REVISION] = "old revision",
		[RENT_NO_LIST] = "another list",
		[RENT_NO_PERIODS] = "periods",
		[RENT_NO_FUNDS] = "not covered",
		[RENT_NO_CHAIN] = "chain unknown",
		[RENT_NO_LOST] = "lost",
		[RENT_NO_STAGE] = "too much staged",
		[RENT_NO_OLD] = "old record",
		[RENT_NO_CLOSED] = "closed",
	};

	return names[code];
}

/* ---- decoding ---- */

static bool get_int(const struct slot *s, struct ben v, int64_t *out)
{
	return ben_int(v, out) && *out >= s->min && *out <= s->max &&
	       *out % (s->unit ? s->unit : 1) == 0;
}

static bool get_view(const struct slot *slot, struct ben v,
		     struct rent_view *out)
{
	struct ben_view s;

	if (!ben_str(v, &s) || s.len % slot->unit ||
	    s.len / slot->unit < (uint64_t)slot->min ||
	    s.len / slot->unit > (uint64_t)slot->max)
		return false;
	*out = (struct rent_view){s.p, s.len};
	return true;
}

static bool get_amount(struct ben v, struct amount *out)
{
	uint8_t be[14];

	if (!ben_fixed(v, be, sizeof(be)))
		return false;
	*out = amount_from_be14(be);
	return true;
}

static bool get_agreement(struct ben v, struct agreement *out)
{
	uint8_t buf[AGREEMENT_LEN] = {0};
	struct rd r = rd_from(buf, sizeof(buf));

	if (!ben_fixed(v, buf, sizeof(buf)))
		return false;
	agreement_get(&r, out);
	return rd_done(&r);
}

static bool get_sheet(struct ben v, struct sheet *out)
{
	uint8_t buf[SHEET_LEN] = {0};
	struct rd r = rd_from(buf, sizeof(buf));

	if (!ben_fixed(v, buf, sizeof(buf)))
		return false;
	sheet_get(&r, out);
	return rd_done(&r);
}

static bool get_field(const struct slot *slot, struct ben v, void *at)
{
	struct rent_hello *hello = at;
	int64_t n = 0;

	switch (slot->field) {
	case F_END:
	case F_TYPE:
		return true;
	case F_U8:
		if (!get_int(slot, v, &n))
			return false;
		*(uint8_t *)at = (uint8_t)n;
		return true;
	case F_U32:
		if (!get_int(slot, v, &n))
			return false;
		*(uint32_t *)at = (uint32_t)n;
		return true;
	case F_U64:
		if (!get_int(slot, v, &n))
			return false;
		*(uint64_t *)at = (uint64_t)n;
		return true;
	case F_CODE:
		if (!ben_int(v, &n) || n < 1 || n > RENT_NO_LAST)
			return false;
		*(enum rent_no *)at = (enum rent_no)n;
		return true;

	case F_AMOUNT:
		return get_amount(v, at);
	case F_ADDRESS:
		return ben_fixed(v, at, sizeof(struct address)) &&
		       !address_is_zero(at);
	case F_BYTES:
		return ben_fixed(v, at, slot->unit);
	case F_VIEW:
		return get_view(slot, v, at);
	case F_AGREEMENT:
		return get_agreement(v, at);
	case F_SHEET:
		return get_sheet(v, at);
	case F_TEXT:
		return ben_line(v, at, RENT_WHY_MAX);
	case F_SHOWN:
		hello->shown = ben_type(v) != BEN_NONE;
		return !hello->shown || (ben_fixed(v, &hello->account, 20) &&
					 !address_is_zero(&hello->account));
	case F_SHOWN_SIG: /* behind F_SHOWN: both or neither */
		if (!hello->shown)
			return ben_type(v) == BEN_NONE;
		return ben_fixed(v, &hello->sig, 64);
	}
	return false;
}

/* What one field alone cannot tell. */
static bool whole(const struct rent_msg *m)
{
	const struct rent_place *p = &m->u.place;
	const struct rent_list *list = &m->u.list;

	if (m->kind == RENT_READ)
		return m->u.read.len <= RENT_SECTOR - m->u.read.off;
	if (m->kind == RENT_WRITE)
		return m->bulk.len <= RENT_SECTOR - m->u.part.off;
	if (m->kind == RENT_DATA)
		return m->bulk.len <= RENT_SECTOR - m->u.data.off;
	if (m->kind == RENT_PLACE || m->kind == RENT_RECORD)
		return p->off < p->size && m->bulk.len <= p->size - p->off;
	if (m->kind == RENT_REVISE)
		return m->u.revise.add.len / 32 + m->u.revise.cut.len / 4 <=
		       RENT_OPS_MAX;
	if (m->kind == RENT_ROOTS)
		return list->from <= list->next && list->next <= list->total &&
		       m->bulk.len / 32 == list->next - list->from;
	if (m->kind == RENT_LOSSES)
		return list->from <= list->next && list->next <= list->total &&
		       m->bulk.len / 32 <= list->next - list->from;
	return true;
}

static bool bulk_fits(const struct shape *shape, size_t len)
{
	const struct bulk *b = &shape->bulk;

	if (b->unit == 0)
		return len == 0;
	return len % b->unit == 0 && len / b->unit >= b->min &&
	       len / b->unit <= b->max;
}

static const struct shape *find_shape(struct ben root, enum rent_kind *kind)
{
	struct ben_view name;

	if (!ben_str(ben_get(root, "t"), &name))
		return NULL;
	for (size_t i = 1; i < SHAPES; i++) {
		if (name.len != strlen(shapes[i].name) ||
		    memcmp(name.p, shapes[i].name, name.len) != 0)
			continue;
		*kind = (enum rent_kind)i;
		return &shapes[i];
	}
	return NULL;
}

static enum err_code decode_doc(struct rent_msg *out, struct ben root,
				struct err *e)
{
	const struct shape *shape = find_shape(root, &out->kind);

	if (!shape)
		return err_fail(e, ERR_PARSE, "sb_store: no message of ours");
	for (const struct slot *s = shape->slots; s->field != F_END; s++)
		if (!get_field(s, ben_get(root, s->key),
			       (uint8_t *)out + s->at))
			return err_fail(e, ERR_PARSE,
					"sb_store: %s: '%s' is missing or bad",
					shape->name, s->key);
	if (!bulk_fits(shape, out->bulk.len) || !whole(out))
		return err_fail(e, ERR_PARSE,
				"sb_store: %s with %zu bytes behind it",
				shape->name, out->bulk.len);
	return ERR_NONE;
}

enum err_code rent_msg_decode(struct rent_msg *out, const uint8_t *buf,
			      size_t len, struct err *e)
{
	struct ben_doc *doc = NULL;
	enum err_code rc;

	memset(out, 0, sizeof(*out));
	if (len > RENT_MSG_MAX)
		return err_fail(e, ERR_LIMIT, "sb_store: %zu bytes", len);
	rc = ben_parse(&doc, buf, len, MAX_TOKENS,
		       BEN_SORTED_KEYS | BEN_TRAILING, e);
	if (rc == ERR_LIMIT) /* as blameworthy as bad bytes */
		rc = ERR_PARSE;
	if (rc == ERR_NONE) {
		out->bulk.p = buf + ben_end(doc);
		out->bulk.len = len - ben_end(doc);
		rc = decode_doc(out, ben_root(doc), e);
	}
	ben_doc_free(doc);
	return rc;
}

/* ---- encoding ---- */

static bool put_int(struct wr *w, const struct slot *s, uint64_t v)
{
	if (v > INT64_MAX || (int64_t)v < s->min || (int64_t)v > s->max ||
	    v % (s->unit ? s->unit : 1))
		return false;
	ben_w_int(w, (int64_t)v);
	return true;
}

static bool put_amount(struct wr *w, const struct amount *a)
{
	uint8_t be[14];

	if (!amount_to_be14(be, *a))
		return false;
	ben_w_bytes(w, be, sizeof(be));
	return true;
}

static bool put_view(struct wr *w, const struct slot *s,
		     const struct rent_view *v)
{
	ben_w_bytes(w, v->p, v->len);
	return v->len % s->unit == 0 && v->len / s->unit >= (uint64_t)s->min &&
	       v->len / s->unit <= (uint64_t)s->max;
}

static bool put_agreement(struct wr *w, const struct agreement *a)
{
	uint8_t buf[AGREEMENT_LEN];
	struct wr in = wr_into(buf, sizeof(buf));

	agreement_put(&in, a);
	ben_w_bytes(w, buf, sizeof(buf));
	return wr_len(&in) == sizeof(buf);
}

static bool put_sheet(struct wr *w, const struct sheet *s)
{
	uint8_t buf[SHEET_LEN];
	struct wr in = wr_into(buf, sizeof(buf));

	sheet_put(&in, s);
	ben_w_bytes(w, buf, sizeof(buf));
	return wr_len(&in) == sizeof(buf);
}

static bool put_field(struct wr *w, const struct shape *shape,
		      const struct slot *slot, const void *at)
{
	const struct rent_hello *hello = at;

	switch (slot->field) {
	case F_END:
		return true;
	case F_TYPE:
		ben_w_str(w, shape->name);
		return true;
	case F_U8:
		return put_int(w, slot, *(const uint8_t *)at);
	case F_U32:
		return put_int(w, slot, *(const uint32_t *)at);
	case F_U64:
		return put_int(w, slot, *(const uint64_t *)at);
	case F_CODE:
		ben_w_int(w, (int64_t) * (const enum rent_no *)at);
		return *(const enum rent_no *)at >= RENT_NO_BUSY &&
		       *(const enum rent_no *)at <= RENT_NO_LAST;
	case F_AMOUNT:
		return put_amount(w, at);
	case F_ADDRESS:
		ben_w_bytes(w, at, sizeof(struct address));
		return !address_is_zero(at);
	case F_BYTES:
		ben_w_bytes(w, at, slot->unit);
		return true;
	case F_VIEW:
		return put_view(w, slot, at);
	case F_AGREEMENT:
		return put_agreement(w, at);
	case F_SHEET:
		return put_sheet(w, at);
	case F_TEXT:
		ben_w_str(w, at);
		return true;
	case F_SHOWN:
		ben_w_bytes(w, &hello->account, 20);
		return !address_is_zero(&hello->account);
	case F_SHOWN_SIG:
		ben_w_bytes(w, &hello->sig, 64);
		return true;
	}
	return false;
}

/* An optional key that is not there. */
static bool absent(const struct slot *slot, const void *at)
{
	return (slot->field == F_SHOWN || slot->field == F_SHOWN_SIG) &&
	       !((const struct rent_hello *)at)->shown;
}

size_t rent_msg_encode(const struct rent_msg *m, uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap < RENT_MSG_MAX ? cap : RENT_MSG_MAX);
	const struct shape *shape = &shapes[m->kind];

	if (!bulk_fits(shape, m->bulk.len) || !whole(m))
		return 0;
	ben_w_dict(&w);
	for (const struct slot *s = shape->slots; s->field != F_END; s++) {
		const void *at = (const uint8_t *)m + s->at;

		if (absent(s, at))
			continue;
		ben_w_str(&w, s->key);
		if (!put_field(&w, shape, s, at))
			return 0;
	}
	ben_w_end(&w);
	if (m->bulk.len)
		wr_copy(&w, m->bulk.p, m->bulk.len);
	return wr_len(&w);
}
