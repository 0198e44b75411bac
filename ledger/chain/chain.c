#include "ledger/chain/chain.h"

#include "contracts-abi/token_abi.h"

#include <stdio.h>
#include <string.h>

void chain_free(struct chain *ch)
{
	if (ch)
		ch->ops->free(ch);
}

void chain_forget(struct chain *ch, void *ctx)
{
	ch->ops->forget(ch, ctx);
}

void chain_read(struct chain *ch, enum chain_state state,
		const struct chain_ask *asks, size_t n, chain_read_fn *cb,
		void *ctx)
{
	ch->ops->read(ch, state, asks, n, cb, ctx);
}

void chain_try(struct chain *ch, const struct chain_call *call,
	       chain_trial_fn *cb, void *ctx)
{
	ch->ops->try_call(ch, call, cb, ctx);
}

void chain_form_tx(struct chain *ch, const struct chain_call *call,
		   uint64_t units, const struct chain_form *older,
		   uint64_t slot_floor, chain_form_fn *cb, void *ctx)
{
	ch->ops->form(ch, call, units, older, slot_floor, cb, ctx);
}

void chain_send(struct chain *ch, const uint8_t *raw, size_t len,
		chain_send_fn *cb, void *ctx)
{
	ch->ops->send(ch, raw, len, cb, ctx);
}

void chain_ask_fate(struct chain *ch, const struct address *from, uint64_t slot,
		    const struct hash32 *txids, size_t n, chain_fate_fn *cb,
		    void *ctx)
{
	ch->ops->fate(ch, from, slot, txids, n, cb, ctx);
}

void chain_ask_means(struct chain *ch, const struct address *who,
		     chain_means_fn *cb, void *ctx)
{
	ch->ops->means(ch, who, cb, ctx);
}

size_t chain_ask_calldata(uint8_t buf[CHAIN_ASK_DATA],
			  const struct chain_ask *ask)
{
	struct wr w = wr_into(buf, CHAIN_ASK_DATA);

	switch (ask->what) {
	case CHAIN_ASK_ID:
	case CHAIN_ASK_COIN:
	case CHAIN_ASK_CODE:
		return 0;
	case CHAIN_ASK_FREE:
		bank_enc_free(&w, &ask->a);
		break;
	case CHAIN_ASK_PAIR:
		bank_enc_pair(&w, &ask->a, &ask->b);
		break;
	case CHAIN_ASK_BANK_TOKEN:
		bank_enc_token(&w);
		break;
	case CHAIN_ASK_TOKEN_BALANCE:
		erc20_enc_balance_of(&w, &ask->a);
		break;
	case CHAIN_ASK_ALLOWANCE:
		erc20_enc_allowance(&w, &ask->a, &ask->b);
		break;
	case CHAIN_ASK_DECIMALS:
		erc20_enc_decimals(&w);
		break;
	case CHAIN_ASK_SYMBOL:
		erc20_enc_symbol(&w);
		break;
	case CHAIN_ASK_PERIOD:
		bank_enc_period(&w);
		break;
	case CHAIN_ASK_BEACON:
		bank_enc_beacon(&w, ask->n[0]);
		break;
	case CHAIN_ASK_AGREEMENT:
		bank_enc_agreement(&w, &ask->a, &ask->b, ask->n[0]);
		break;
	case CHAIN_ASK_NEXT:
		bank_enc_next(&w, &ask->a, &ask->b);
		break;
	case CHAIN_ASK_COUNT:
		bank_enc_count(&w, &ask->a);
		break;
	case CHAIN_ASK_LIST:
		bank_enc_list(&w, &ask->a, ask->n[0], ask->n[1]);
		break;
	}
	return wr_len(&w);
}

static enum err_code read_pair(struct chain_answer *out, const uint8_t *data,
			       size_t len, struct err *e)
{
	struct bank_pair p;
	enum err_code rc = bank_ret_pair(&p, data, len, e);

	if (rc == ERR_NONE)
		out->pair = (struct chain_pair){p.paid, p.held, p.until};
	return rc;
}

static enum err_code read_decimals(struct chain_answer *out,
				   const uint8_t *data, size_t len,
				   struct err *e)
{
	uint8_t decimals = 0;
	enum err_code rc = erc20_ret_decimals(&decimals, data, len, e);

	out->number = decimals;
	return rc;
}

/* Of the calls that return one uint32. */
static enum err_code read_u32(struct chain_answer *out,
			      enum err_code (*ret)(uint32_t *v,
						   const uint8_t *data,
						   size_t len, struct err *e),
			      const uint8_t *data, size_t len, struct err *e)
{
	uint32_t v = 0;
	enum err_code rc = ret(&v, data, len, e);

	out->number = v;
	return rc;
}

static enum err_code read_list(struct chain_answer *out, const uint8_t *data,
			       size_t len, struct err *e)
{
	enum err_code rc = bank_ret_list(&out->data, &out->len, data, len, e);

	if (rc == ERR_NONE && (out->len % BANK_LISTED_LEN ||
			       out->len > CHAIN_MAX_LIST * BANK_LISTED_LEN))
		rc = err_fail(e, ERR_PARSE, "malformed list() from the chain");
	return rc;
}

static enum err_code read_return(struct chain_answer *out,
				 enum chain_ask_what what, const uint8_t *data,
				 size_t len, struct err *e)
{
	switch (what) {
	case CHAIN_ASK_ID:
	case CHAIN_ASK_COIN:
	case CHAIN_ASK_CODE:
		break;
	case CHAIN_ASK_FREE:
		return bank_ret_free(&out->amount, data, len, e);
	case CHAIN_ASK_PAIR:
		return read_pair(out, data, len, e);
	case CHAIN_ASK_BANK_TOKEN:
		return bank_ret_token(&out->address, data, len, e);
	case CHAIN_ASK_TOKEN_BALANCE:
		return erc20_ret_balance_of(&out->amount, data, len, e);
	case CHAIN_ASK_ALLOWANCE:
		return erc20_ret_allowance(&out->amount, data, len, e);
	case CHAIN_ASK_DECIMALS:
		return read_decimals(out, data, len, e);
	case CHAIN_ASK_SYMBOL:
		return erc20_ret_symbol(out->text, data, len, e);
	case CHAIN_ASK_PERIOD:
		return read_u32(out, bank_ret_period, data, len, e);
	case CHAIN_ASK_BEACON:
		return bank_ret_beacon(&out->hash, data, len, e);
	case CHAIN_ASK_AGREEMENT:
		return bank_ret_agreement(&out->agreement, data, len, e);
	case CHAIN_ASK_NEXT:
		return read_u32(out, bank_ret_next, data, len, e);
	case CHAIN_ASK_COUNT:
		return read_u32(out, bank_ret_count, data, len, e);
	case CHAIN_ASK_LIST:
		return read_list(out, data, len, e);
	}
	return err_fail(e, ERR_STATE, "no call answers this");
}

void chain_ask_answer(struct chain_answer *out, const struct chain_ask *ask,
		      const uint8_t *data, size_t len)
{
	struct err e = {0};

	*out = (struct chain_answer){0};
	if (len == 0)
		(void)err_fail(&e, ERR_CHAIN, "no such contract there");
	else if (read_return(out, ask->what, data, len, &e) == ERR_NONE)
		out->known = true;
	if (!out->known) {
		out->data = NULL;
		out->len = 0;
	}
	(void)snprintf(out->why, sizeof(out->why), "%s", e.msg);
}

/* True when both say the same. */
static bool take_less(struct amount *into, struct amount other)
{
	bool same = amount_cmp(*into, other) == 0;

	*into = amount_min(*into, other);
	return same;
}

static bool merge_pair(struct chain_pair *into, const struct chain_pair *other)
{
	bool same = amount_cmp(into->paid, other->paid) == 0;

	into->paid = amount_max(into->paid, other->paid);
	same = take_less(&into->reserve, other->reserve) && same;
	same = into->until == other->until && same;
	if (other->until < into->until)
		into->until = other->until;
	return same;
}

static bool same_hash(const struct hash32 *a, const struct hash32 *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static bool same_agreement(const struct bank_agreement *a,
			   const struct bank_agreement *b)
{
	return a->state == b->state && a->revision == b->revision &&
	       same_hash(&a->root, &b->root) && a->sectors == b->sectors &&
	       a->through == b->through &&
	       amount_cmp(a->earned, b->earned) == 0 &&
	       amount_cmp(a->rate, b->rate) == 0 && a->start == b->start &&
	       a->end == b->end && a->span == b->span &&
	       amount_cmp(a->fund, b->fund) == 0 &&
	       amount_cmp(a->collateral, b->collateral) == 0 &&
	       amount_cmp(a->penalty, b->penalty) == 0 &&
	       a->misses == b->misses &&
	       same_hash(&a->next_root, &b->next_root) &&
	       a->next_sectors == b->next_sectors &&
	       amount_cmp(a->next_rate, b->next_rate) == 0 &&
	       a->from == b->from;
}

static bool same_data(const struct chain_answer *a,
		      const struct chain_answer *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* For what has no order: the same, or unknown. */
static bool must_match(struct chain_answer *into, bool same)
{
	if (same)
		return true;
	into->known = false;
	into->disputed = true;
	(void)snprintf(into->why, sizeof(into->why), "nodes differ");
	return false;
}

bool chain_answer_merge(struct chain_answer *into,
			const struct chain_answer *other,
			enum chain_ask_what what)
{
	if (!other->known || into->disputed)
		return true;
	if (!into->known) {
		*into = *other;
		return true;
	}
	switch (what) {
	case CHAIN_ASK_COIN:
	case CHAIN_ASK_FREE:
	case CHAIN_ASK_TOKEN_BALANCE:
	case CHAIN_ASK_ALLOWANCE:
		return take_less(&into->amount, other->amount);
	case CHAIN_ASK_PAIR:
		return merge_pair(&into->pair, &other->pair);
	case CHAIN_ASK_CODE:
	case CHAIN_ASK_LIST:
		return must_match(into, same_data(into, other));
	case CHAIN_ASK_BEACON:
		return must_match(into, same_hash(&into->hash, &other->hash));
	case CHAIN_ASK_AGREEMENT:
		return must_match(into, same_agreement(&into->agreement,
						       &other->agreement));
	case CHAIN_ASK_ID:
	case CHAIN_ASK_DECIMALS:
	case CHAIN_ASK_PERIOD:
	case CHAIN_ASK_NEXT:
	case CHAIN_ASK_COUNT:
		return must_match(into, into->number == other->number);
	case CHAIN_ASK_BANK_TOKEN:
		return must_match(into,
				  address_eq(&into->address, &other->address));
	case CHAIN_ASK_SYMBOL:
		return must_match(into, strcmp(into->text, other->text) == 0);
	}
	return true;
}

static void revert_string(char *out, size_t cap, const uint8_t *data,
			  size_t len)
{
	struct rd r = rd_from(data, len);
	const uint8_t *s;
	size_t n, used = 0;

	abi_get_offset(&r, 1);
	s = abi_get_tail(&r, &n);
	if (!s || !rd_done(&r)) {
		(void)snprintf(out, cap, "a reason that cannot be read");
		return;
	}
	for (size_t i = 0; i < n && used + 1 < cap; i++)
		out[used++] = s[i] >= ' ' && s[i] <= '~' ? (char)s[i] : '?';
	out[used] = 0;
}

static struct amount times(uint64_t n, uint64_t price)
{
	struct amount a;

	/* two numbers below 2^64 */
	return amount_mul_u64(&a, amount_from_u64(n), price) ? a : AMOUNT_ZERO;
}

struct amount chain_means_burn(struct chain_means *m, uint64_t units,
			       uint64_t bytes, uint64_t unit_price,
			       uint64_t byte_price)
{
	uint64_t staked = units < m->units ? units : m->units;
	struct amount fee = times(units - staked, unit_price);

	m->units -= staked;
	/* one pool pays for all bytes, or none does */
	if (bytes <= m->bytes)
		m->bytes -= bytes;
	else if (bytes <= m->free_bytes)
		m->free_bytes -= bytes;
	else
		fee = amount_add_cap(fee, times(bytes, byte_price));
	return fee;
}

bool chain_means_pay(struct chain_means *m, struct amount *fee,
		     const struct chain_trial *t)
{
	const bool stakes = t->unit_price != 0;
	struct chain_means left = *m;

	*fee = stakes ? chain_means_burn(&left, t->units, t->bytes,
					 t->unit_price, t->byte_price)
		      : t->fee;
	if (!m->known)
		return true;
	if (amount_cmp(m->coin, stakes ? *fee : t->fee_max) < 0 ||
	    !amount_sub(&left.coin, m->coin, *fee))
		return false;
	*m = left;
	return true;
}

void chain_no_funds_words(char out[CHAIN_REASON_MAX],
			  const struct chain_coin *coin,
			  const struct address *who, struct amount need,
			  struct amount has)
{
	char n[AMOUNT_DEC_MAX], h[AMOUNT_DEC_MAX], to[ADDRESS_TEXT_MAX];
	const char *symbol = coin->symbol ? coin->symbol : "coin";

	(void)snprintf(out, CHAIN_REASON_MAX,
		       "not enough %.8s%s: need %.15s, have %.15s: send it to "
		       "%s",
		       symbol,
		       coin->address == ADDRESS_TRON ? " or energy" : "",
		       amount_to_dec(n, need, coin->decimals),
		       amount_to_dec(h, has, coin->decimals),
		       address_text(to, who, coin->address));
}

/* The bank's errors as sentences for who asked; the contract says when each is
 * raised (contracts-abi/src/Bank.sol). A test token shares two of them. */
static const struct {
	const char *name, *words;
} bank_words[] = {
	{"BadAccount", "the zero address can neither own nor receive money"},
	{"BadLength", "the bank cannot read what it was sent"},
	{"WrongValue", "the coin sent along is not what the call is about"},
	{"NothingArrived", "the token moved nothing into the bank"},
	{"TooMuch", "the bank would hold more than it can count (2^112 units)"},
	{"TooLittle", "so much is not free in the bank or the wallet; "
		      "`seedbank status` shows what is"},
	{"NotMoved", "the token did not move the amount in full"},
	{"NotYours", "only the payee may do that"},
	{"NotYet", "the reserve has not ended; until then only its payee can "
		   "release it"},
	{"Expired", "a reserve must end later than now"},
	{"Busy", "the bank is within another call; try again"},
};

static const char *words_of(const char *name)
{
	for (size_t i = 0; i < sizeof(bank_words) / sizeof(*bank_words); i++)
		if (strcmp(bank_words[i].name, name) == 0)
			return bank_words[i].words;
	return name; /* of a newer contract than this table */
}

void chain_revert_words(char *out, size_t cap, const uint8_t *data, size_t len)
{
	static const uint8_t error_string[4] = {0x08, 0xc3, 0x79, 0xa0};
	static const uint8_t panic[4] = {0x4e, 0x48, 0x7b, 0x71};
	const char *name = bank_error_name(data, len);

	if (name)
		(void)snprintf(out, cap, "%s", words_of(name));
	else if (len < 4)
		(void)snprintf(out, cap, "reverted without a reason");
	else if (memcmp(data, error_string, 4) == 0)
		revert_string(out, cap, data + 4, len - 4);
	else if (memcmp(data, panic, 4) == 0 && len == 36)
		(void)snprintf(out, cap, "panic 0x%02x", data[35]);
	else
		(void)snprintf(out, cap, "error 0x%02x%02x%02x%02x", data[0],
			       data[1], data[2], data[3]);
}
