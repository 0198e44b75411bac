#include "ledger/signer/signer_proto.h"

#include "base/bytes.h"

#include <string.h>

#define LEN_BYTES 4

/* ---- fields, writing */

static void put_text(struct wr *w, const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	if (len > max)
		w->bad = true;
	wr_u32(w, (uint32_t)len);
	wr_copy(w, (const uint8_t *)s, len);
}

static void put_amount(struct wr *w, struct amount a)
{
	uint8_t be[16];

	amount_to_be16(be, a);
	wr_copy(w, be, sizeof(be));
}

static void put_address(struct wr *w, const struct address *a)
{
	wr_copy(w, a->bytes, sizeof(a->bytes));
}

static void put_hash(struct wr *w, const struct hash32 *h)
{
	wr_copy(w, h->bytes, sizeof(h->bytes));
}

static void put_bool(struct wr *w, bool b)
{
	wr_u8(w, b ? 1 : 0);
}

static void put_limits(struct wr *w, const struct signer_limits *l)
{
	put_amount(w, l->payee_per_day);
	put_amount(w, l->total_per_day);
	put_amount(w, l->fee_per_tx);
	put_amount(w, l->fee_per_day);
	wr_u32(w, l->reserve_days);
}

static void put_domain(struct wr *w, const struct signer_domain *d)
{
	wr_u64(w, d->chain_id);
	put_address(w, &d->bank);
	put_address(w, &d->token);
}

/* ---- fields, reading: what is out of range makes the reader bad */

static void get_text(struct rd *r, char *out, size_t max)
{
	uint32_t len = rd_u32(r);
	const uint8_t *p = rd_view(r, len, max);

	out[0] = '\0';
	if (!p || memchr(p, '\0', len)) {
		r->bad = true;
		return;
	}
	memcpy(out, p, len);
	out[len] = '\0';
}

static struct amount get_amount(struct rd *r)
{
	uint8_t be[16];

	rd_copy(r, be, sizeof(be));
	return amount_from_be16(be);
}

static void get_address(struct rd *r, struct address *a)
{
	rd_copy(r, a->bytes, sizeof(a->bytes));
}

static void get_hash(struct rd *r, struct hash32 *h)
{
	rd_copy(r, h->bytes, sizeof(h->bytes));
}

static uint8_t get_upto(struct rd *r, uint8_t max)
{
	uint8_t v = rd_u8(r);

	if (v > max)
		r->bad = true;
	return v;
}

static bool get_bool(struct rd *r)
{
	return get_upto(r, 1) == 1;
}

static enum signer_purpose get_purpose(struct rd *r)
{
	return get_upto(r, SIGNER_STORAGE) ? SIGNER_STORAGE : SIGNER_BANDWIDTH;
}

static void get_limits(struct rd *r, struct signer_limits *l)
{
	l->payee_per_day = get_amount(r);
	l->total_per_day = get_amount(r);
	l->fee_per_tx = get_amount(r);
	l->fee_per_day = get_amount(r);
	l->reserve_days = rd_u32(r);
}

static void get_domain(struct rd *r, struct signer_domain *d)
{
	d->chain_id = rd_u64(r);
	get_address(r, &d->bank);
	get_address(r, &d->token);
}

/* ---- requests */

static void put_unlock(struct wr *w, const struct signer_unlock *u)
{
	put_text(w, u->key_path, SIGNER_PATH_MAX);
	put_text(w, u->state_path, SIGNER_PATH_MAX);
	put_text(w, u->passphrase, SIGNER_PASS_MAX);
	wr_u8(w, (uint8_t)u->kind);
	wr_u32(w, u->index[0]);
	wr_u32(w, u->index[1]);
	put_limits(w, &u->limits);
	if (u->cold_len > SIGNER_COLD_MAX) {
		w->bad = true;
		return;
	}
	wr_u8(w, (uint8_t)u->cold_len);
	for (size_t i = 0; i < u->cold_len; i++)
		put_address(w, &u->cold[i]);
}

static void get_unlock(struct rd *r, struct signer_unlock *u,
		       struct signer_strings *s)
{
	get_text(r, s->key_path, SIGNER_PATH_MAX);
	get_text(r, s->state_path, SIGNER_PATH_MAX);
	get_text(r, s->passphrase, SIGNER_PASS_MAX);
	u->key_path = s->key_path;
	u->state_path = s->state_path;
	u->passphrase = s->passphrase;
	u->kind = get_upto(r, ADDRESS_TRON) ? ADDRESS_TRON : ADDRESS_EVM;
	u->index[0] = rd_u32(r);
	u->index[1] = rd_u32(r);
	if ((u->index[0] | u->index[1]) >> 31)
		r->bad = true;
	get_limits(r, &u->limits);
	u->cold_len = get_upto(r, SIGNER_COLD_MAX);
	for (size_t i = 0; i < u->cold_len && !r->bad; i++)
		get_address(r, &u->cold[i]);
}

static void put_receipt(struct wr *w, const struct signer_receipt *q)
{
	uint8_t be[14];

	if (!amount_to_be14(be, q->amount))
		w->bad = true;
	wr_u8(w, (uint8_t)q->purpose);
	wr_u64(w, q->chain_id);
	put_address(w, &q->bank);
	put_address(w, &q->payee);
	wr_copy(w, be, sizeof(be));
}

static void get_receipt(struct rd *r, struct signer_receipt *q)
{
	uint8_t be[14];

	q->purpose = get_purpose(r);
	q->chain_id = rd_u64(r);
	get_address(r, &q->bank);
	get_address(r, &q->payee);
	rd_copy(r, be, sizeof(be));
	q->amount = amount_from_be14(be);
}

static void put_adopt(struct wr *w, const struct signer_adopt *q)
{
	uint8_t be[14];

	if (!amount_to_be14(be, q->amount))
		w->bad = true;
	wr_u8(w, (uint8_t)q->purpose);
	put_address(w, &q->payee);
	wr_copy(w, be, sizeof(be));
	wr_copy(w, q->sig.bytes, sizeof(q->sig.bytes));
}

static void get_adopt(struct rd *r, struct signer_adopt *q)
{
	uint8_t be[14];

	q->purpose = get_purpose(r);
	get_address(r, &q->payee);
	rd_copy(r, be, sizeof(be));
	q->amount = amount_from_be14(be);
	rd_copy(r, q->sig.bytes, sizeof(q->sig.bytes));
}

static void put_channel(struct wr *w, const struct signer_channel *q)
{
	wr_u8(w, (uint8_t)q->purpose);
	wr_u64(w, q->chain_id);
	put_address(w, &q->bank);
	wr_copy(w, q->key, sizeof(q->key));
}

static void get_channel(struct rd *r, struct signer_channel *q)
{
	q->purpose = get_purpose(r);
	q->chain_id = rd_u64(r);
	get_address(r, &q->bank);
	rd_copy(r, q->key, sizeof(q->key));
}

static void put_bank(struct wr *w, uint64_t chain_id,
		     const struct address *bank)
{
	wr_u64(w, chain_id);
	put_address(w, bank);
}

static void get_bank(struct rd *r, uint64_t *chain_id, struct address *bank)
{
	*chain_id = rd_u64(r);
	get_address(r, bank);
}

static void put_tx(struct wr *w, const struct signer_tx_evm *t)
{
	if (t->data_len > SIGNER_DATA_MAX ||
	    (t->create && !address_is_zero(&t->to)))
		w->bad = true;
	wr_u8(w, (uint8_t)t->purpose);
	wr_u8(w, (uint8_t)t->style);
	wr_u64(w, t->chain_id);
	wr_u64(w, t->nonce);
	put_amount(w, t->max_fee);
	put_amount(w, t->tip);
	wr_u64(w, t->gas);
	put_bool(w, t->create);
	put_address(w, &t->to);
	put_amount(w, t->value);
	wr_u32(w, (uint32_t)t->data_len);
	wr_copy(w, t->data, t->data_len);
}

static void get_tx(struct rd *r, struct signer_tx_evm *t)
{
	uint8_t style;

	t->purpose = get_purpose(r);
	style = rd_u8(r);
	if (style != SIGNER_TX_LEGACY && style != SIGNER_TX_1559)
		r->bad = true;
	t->style =
		style == SIGNER_TX_LEGACY ? SIGNER_TX_LEGACY : SIGNER_TX_1559;
	t->chain_id = rd_u64(r);
	t->nonce = rd_u64(r);
	t->max_fee = get_amount(r);
	t->tip = get_amount(r);
	t->gas = rd_u64(r);
	t->create = get_bool(r);
	get_address(r, &t->to);
	if (t->create && !address_is_zero(&t->to))
		r->bad = true;
	t->value = get_amount(r);
	t->data_len = rd_u32(r);
	t->data = rd_view(r, t->data_len, SIGNER_DATA_MAX);
}

static void put_tron(struct wr *w, const struct signer_tx_tron *q)
{
	const struct tron_tx *t = &q->tx;

	if (t->len > SIGNER_DATA_MAX ||
	    (t->create ? !address_is_zero(&t->to) : t->name[0] != 0))
		w->bad = true;
	wr_u8(w, (uint8_t)q->purpose);
	wr_u64(w, q->chain_id);
	wr_copy(w, t->ref_block, sizeof(t->ref_block));
	wr_copy(w, t->ref_hash, sizeof(t->ref_hash));
	wr_u64(w, t->expiration_ms);
	wr_u64(w, t->timestamp_ms);
	wr_u64(w, t->fee_limit);
	wr_u64(w, t->value);
	put_address(w, &t->owner);
	put_bool(w, t->create);
	put_address(w, &t->to);
	put_text(w, t->name, TRON_NAME_MAX);
	wr_u32(w, (uint32_t)t->len);
	wr_copy(w, t->data, t->len);
}

static void get_tron(struct rd *r, struct signer_tx_tron *q)
{
	struct tron_tx *t = &q->tx;

	q->purpose = get_purpose(r);
	q->chain_id = rd_u64(r);
	rd_copy(r, t->ref_block, sizeof(t->ref_block));
	rd_copy(r, t->ref_hash, sizeof(t->ref_hash));
	t->expiration_ms = rd_u64(r);
	t->timestamp_ms = rd_u64(r);
	t->fee_limit = rd_u64(r);
	t->value = rd_u64(r);
	get_address(r, &t->owner);
	t->create = get_bool(r);
	get_address(r, &t->to);
	get_text(r, t->name, TRON_NAME_MAX);
	if (t->create ? !address_is_zero(&t->to) : t->name[0] != 0)
		r->bad = true;
	t->len = rd_u32(r);
	t->data = rd_view(r, t->len, SIGNER_DATA_MAX);
}

static void put_request(struct wr *w, const struct signer_request *q)
{
	switch (q->type) {
	case SIGNER_UNLOCK:
		put_unlock(w, &q->u.unlock);
		return;
	case SIGNER_STATUS:
		return;
	case SIGNER_ADDRESS:
		wr_u8(w, (uint8_t)q->u.purpose);
		return;
	case SIGNER_PIN:
		put_domain(w, &q->u.pin);
		return;
	case SIGNER_ALLOW_DEPLOY:
		wr_u64(w, q->u.deploy.chain_id);
		put_hash(w, &q->u.deploy.code);
		return;
	case SIGNER_RECEIPT:
		put_receipt(w, &q->u.receipt);
		return;
	case SIGNER_ADOPT:
		put_adopt(w, &q->u.adopt);
		return;
	case SIGNER_TX_EVM:
		put_tx(w, &q->u.tx);
		return;
	case SIGNER_TX_TRON:
		put_tron(w, &q->u.tron);
		return;
	case SIGNER_CHANNEL:
		put_channel(w, &q->u.channel);
		return;
	case SIGNER_AGREEMENT:
		put_bank(w, q->u.agreement.chain_id, &q->u.agreement.bank);
		agreement_put(w, &q->u.agreement.agreement);
		return;
	case SIGNER_SHEET:
		put_bank(w, q->u.sheet.chain_id, &q->u.sheet.bank);
		sheet_put(w, &q->u.sheet.sheet);
		return;
	case SIGNER_ENDPOINT:
		put_bank(w, q->u.endpoint.chain_id, &q->u.endpoint.bank);
		endpoint_put(w, &q->u.endpoint.endpoint);
		return;
	case SIGNER_STORAGE_KEY:
		return;
	case SIGNER_LIMITS:
		put_limits(w, &q->u.limits);
		return;
	}
	w->bad = true;
}

static void get_request(struct rd *r, struct signer_request *q,
			struct signer_strings *strings)
{
	switch (q->type) {
	case SIGNER_UNLOCK:
		get_unlock(r, &q->u.unlock, strings);
		return;
	case SIGNER_STATUS:
		return;
	case SIGNER_ADDRESS:
		q->u.purpose = get_purpose(r);
		return;
	case SIGNER_PIN:
		get_domain(r, &q->u.pin);
		return;
	case SIGNER_ALLOW_DEPLOY:
		q->u.deploy.chain_id = rd_u64(r);
		get_hash(r, &q->u.deploy.code);
		return;
	case SIGNER_RECEIPT:
		get_receipt(r, &q->u.receipt);
		return;
	case SIGNER_ADOPT:
		get_adopt(r, &q->u.adopt);
		return;
	case SIGNER_TX_EVM:
		get_tx(r, &q->u.tx);
		return;
	case SIGNER_TX_TRON:
		get_tron(r, &q->u.tron);
		return;
	case SIGNER_CHANNEL:
		get_channel(r, &q->u.channel);
		return;
	case SIGNER_AGREEMENT:
		get_bank(r, &q->u.agreement.chain_id, &q->u.agreement.bank);
		agreement_get(r, &q->u.agreement.agreement);
		return;
	case SIGNER_SHEET:
		get_bank(r, &q->u.sheet.chain_id, &q->u.sheet.bank);
		sheet_get(r, &q->u.sheet.sheet);
		return;
	case SIGNER_ENDPOINT:
		get_bank(r, &q->u.endpoint.chain_id, &q->u.endpoint.bank);
		endpoint_get(r, &q->u.endpoint.endpoint);
		return;
	case SIGNER_STORAGE_KEY:
		return;
	case SIGNER_LIMITS:
		get_limits(r, &q->u.limits);
		return;
	}
	r->bad = true;
}

/* ---- replies */

static void put_status(struct wr *w, const struct signer_status *s)
{
	put_bool(w, s->unlocked);
	put_bool(w, s->pinned);
	put_domain(w, &s->domain);
	wr_u32(w, s->day);
	put_amount(w, s->promised);
	put_amount(w, s->fees);
	put_limits(w, &s->limits);
}

static void get_status(struct rd *r, struct signer_status *s)
{
	s->unlocked = get_bool(r);
	s->pinned = get_bool(r);
	get_domain(r, &s->domain);
	s->day = rd_u32(r);
	s->promised = get_amount(r);
	s->fees = get_amount(r);
	get_limits(r, &s->limits);
}

static void put_answer(struct wr *w, const struct signer_reply *p)
{
	switch (p->type) {
	case SIGNER_UNLOCK:
		put_bool(w, p->u.unlocked.can_store);
		put_address(w, &p->u.unlocked.account[0]);
		put_address(w, &p->u.unlocked.account[1]);
		return;
	case SIGNER_STATUS:
		put_status(w, &p->u.status);
		return;
	case SIGNER_ADDRESS:
		put_address(w, &p->u.address);
		return;
	case SIGNER_PIN:
	case SIGNER_ALLOW_DEPLOY:
	case SIGNER_ADOPT:
	case SIGNER_LIMITS:
		return;
	case SIGNER_RECEIPT:
	case SIGNER_CHANNEL:
	case SIGNER_AGREEMENT:
	case SIGNER_SHEET:
	case SIGNER_ENDPOINT:
		wr_copy(w, p->u.sig.bytes, sizeof(p->u.sig.bytes));
		return;
	case SIGNER_TX_EVM:
	case SIGNER_TX_TRON:
		if (p->u.tx.raw_len > SIGNER_RAW_MAX)
			w->bad = true;
		put_hash(w, &p->u.tx.hash);
		wr_u32(w, (uint32_t)p->u.tx.raw_len);
		wr_copy(w, p->u.tx.raw, p->u.tx.raw_len);
		return;
	case SIGNER_STORAGE_KEY:
		wr_copy(w, p->u.storage_key, sizeof(p->u.storage_key));
		return;
	}
	w->bad = true;
}

static void get_answer(struct rd *r, struct signer_reply *p)
{
	switch (p->type) {
	case SIGNER_UNLOCK:
		p->u.unlocked.can_store = get_bool(r);
		get_address(r, &p->u.unlocked.account[0]);
		get_address(r, &p->u.unlocked.account[1]);
		return;
	case SIGNER_STATUS:
		get_status(r, &p->u.status);
		return;
	case SIGNER_ADDRESS:
		get_address(r, &p->u.address);
		return;
	case SIGNER_PIN:
	case SIGNER_ALLOW_DEPLOY:
	case SIGNER_ADOPT:
	case SIGNER_LIMITS:
		return;
	case SIGNER_RECEIPT:
	case SIGNER_CHANNEL:
	case SIGNER_AGREEMENT:
	case SIGNER_SHEET:
	case SIGNER_ENDPOINT:
		rd_copy(r, p->u.sig.bytes, sizeof(p->u.sig.bytes));
		return;
	case SIGNER_TX_EVM:
	case SIGNER_TX_TRON:
		get_hash(r, &p->u.tx.hash);
		p->u.tx.raw_len = rd_u32(r);
		p->u.tx.raw = rd_view(r, p->u.tx.raw_len, SIGNER_RAW_MAX);
		return;
	case SIGNER_STORAGE_KEY:
		rd_copy(r, p->u.storage_key, sizeof(p->u.storage_key));
		return;
	}
	r->bad = true;
}

/* ---- frames */

size_t signer_frame_len(const uint8_t *buf, size_t len, bool *bad)
{
	struct rd r = rd_from(buf, len);
	size_t body;

	*bad = false;
	if (len < LEN_BYTES)
		return 0;
	body = rd_u32(&r);
	*bad = body < SIGNER_HEAD - LEN_BYTES || body > SIGNER_FRAME_MAX;
	return *bad ? 0 : LEN_BYTES + body;
}

static void frame_begin(struct wr *w, enum signer_type type, uint32_t id)
{
	wr_u32(w, 0);
	wr_u8(w, (uint8_t)type);
	wr_u32(w, id);
}

static size_t frame_end(struct wr *w, uint8_t *buf)
{
	size_t len = wr_len(w);
	struct wr head = wr_into(buf, LEN_BYTES);

	if (len < SIGNER_HEAD || len - LEN_BYTES > SIGNER_FRAME_MAX)
		return 0;
	wr_u32(&head, (uint32_t)(len - LEN_BYTES));
	return len;
}

/* Leaves the reader at the body; false when the frame is not whole. */
static bool frame_open(struct rd *r, enum signer_type *type, uint32_t *id,
		       const uint8_t *buf, size_t len)
{
	bool bad;
	uint8_t t;

	if (signer_frame_len(buf, len, &bad) != len || len == 0)
		return false;
	*r = rd_from(buf + LEN_BYTES, len - LEN_BYTES);
	t = rd_u8(r);
	*id = rd_u32(r);
	*type = (enum signer_type)t;
	return t >= SIGNER_UNLOCK && t <= SIGNER_LIMITS;
}

size_t signer_request_encode(const struct signer_request *q, uint32_t id,
			     uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);

	frame_begin(&w, q->type, id);
	put_request(&w, q);
	return frame_end(&w, buf);
}

size_t signer_reply_encode(const struct signer_reply *p, uint32_t id,
			   uint8_t *buf, size_t cap)
{
	struct wr w = wr_into(buf, cap);

	frame_begin(&w, p->type, id);
	wr_u8(&w, (uint8_t)p->code);
	if (p->code == ERR_NONE)
		put_answer(&w, p);
	else
		put_text(&w, p->msg, sizeof(p->msg) - 1);
	return frame_end(&w, buf);
}

enum err_code signer_request_decode(struct signer_request *q, uint32_t *id,
				    struct signer_strings *strings,
				    const uint8_t *buf, size_t len,
				    struct err *e)
{
	struct rd r;

	memset(q, 0, sizeof(*q));
	if (!frame_open(&r, &q->type, id, buf, len))
		return err_fail(e, ERR_PARSE, "signer: not a request");
	get_request(&r, q, strings);
	if (!rd_done(&r))
		return err_fail(e, ERR_PARSE,
				"signer: malformed request of type %d",
				(int)q->type);
	return ERR_NONE;
}

enum err_code signer_reply_decode(struct signer_reply *p, uint32_t *id,
				  const uint8_t *buf, size_t len, struct err *e)
{
	struct rd r;

	memset(p, 0, sizeof(*p));
	if (!frame_open(&r, &p->type, id, buf, len))
		return err_fail(e, ERR_PARSE, "signer: not a reply");
	p->code = (enum err_code)get_upto(&r, ERR_CHAIN);
	if (p->code == ERR_NONE)
		get_answer(&r, p);
	else
		get_text(&r, p->msg, sizeof(p->msg) - 1);
	if (!rd_done(&r))
		return err_fail(e, ERR_PARSE,
				"signer: malformed reply of type %d",
				(int)p->type);
	return ERR_NONE;
}
