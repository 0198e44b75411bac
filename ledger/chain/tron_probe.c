#include "ledger/chain/tron_probe.h"

#include "base/bytes.h"
#include "contracts-abi/abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of the instruction set that is used. */
enum {
	ADD = 0x01,
	BALANCE = 0x31,
	CODECOPY = 0x39,
	EXTCODESIZE = 0x3b,
	EXTCODECOPY = 0x3c,
	RETURNDATASIZE = 0x3d,
	RETURNDATACOPY = 0x3e,
	NUMBER = 0x43,
	CHAINID = 0x46,
	MSTORE = 0x52,
	GAS = 0x5a,
	PUSH1 = 0x60,
	PUSH2 = 0x61,
	PUSH20 = 0x73,
	DUP1 = 0x80,
	DUP2 = 0x81,
	DUP3 = 0x82,
	DUP4 = 0x83,
	RETURN = 0xf3,
	STATICCALL = 0xfa,
};

static void op(struct wr *w, int code)
{
	wr_u8(w, (uint8_t)code);
}

static void push1(struct wr *w, size_t v)
{
	op(w, PUSH1);
	wr_u8(w, (uint8_t)v);
}

static void push_address(struct wr *w, const struct address *a)
{
	op(w, PUSH20);
	wr_copy(w, a->bytes, sizeof(a->bytes));
}

/* Where the next answer goes is the only thing on the stack, `p`. */

/* ... v p -> ... p; memory[p + at] = v */
static void store_at(struct wr *w, size_t at)
{
	op(w, DUP2);
	if (at) {
		push1(w, at);
		op(w, ADD);
	}
	op(w, MSTORE);
}

static void advance(struct wr *w, size_t n)
{
	push1(w, n);
	op(w, ADD);
}

static void put_call(struct wr *w, const struct address *to, size_t offset,
		     size_t len)
{
	/* calldata, which lies behind the code, to memory[p] */
	push1(w, len);
	op(w, PUSH2);
	wr_u16(w, (uint16_t)offset);
	op(w, DUP3);
	op(w, CODECOPY);
	push1(w, 0); /* nothing is copied back by the call itself */
	push1(w, 0);
	push1(w, len);
	op(w, DUP4);
	push_address(w, to);
	op(w, GAS);
	op(w, STATICCALL);
	store_at(w, 0);
	op(w, RETURNDATASIZE);
	store_at(w, 32);
	op(w, RETURNDATASIZE);
	push1(w, 0);
	op(w, DUP3);
	advance(w, 64);
	op(w, RETURNDATACOPY);
	op(w, RETURNDATASIZE);
	advance(w, 64);
	op(w, ADD);
}

static void put_balance(struct wr *w, const struct address *a)
{
	push1(w, 1);
	store_at(w, 0);
	push1(w, 32);
	store_at(w, 32);
	push_address(w, a);
	op(w, BALANCE);
	store_at(w, 64);
	advance(w, 96);
}

static void put_code(struct wr *w, const struct address *c)
{
	push1(w, 1);
	store_at(w, 0);
	push_address(w, c);
	op(w, EXTCODESIZE); /* p size */
	op(w, DUP1);
	op(w, DUP3);
	advance(w, 32);
	op(w, MSTORE);
	op(w, DUP1);
	push1(w, 0);
	op(w, DUP4);
	advance(w, 64);
	push_address(w, c);
	op(w, EXTCODECOPY);
	advance(w, 64);
	op(w, ADD);
}

static void put_ask(struct wr *w, const struct chain_ask *ask, size_t offset,
		    size_t len)
{
	switch (ask->what) {
	case CHAIN_ASK_ID: /* said before all answers */
		return;
	case CHAIN_ASK_COIN:
		put_balance(w, &ask->a);
		return;
	case CHAIN_ASK_CODE:
		put_code(w, &ask->c);
		return;
	case CHAIN_ASK_FREE:
	case CHAIN_ASK_PAIR:
	case CHAIN_ASK_BANK_TOKEN:
	case CHAIN_ASK_TOKEN_BALANCE:
	case CHAIN_ASK_ALLOWANCE:
	case CHAIN_ASK_DECIMALS:
	case CHAIN_ASK_SYMBOL:
	case CHAIN_ASK_PERIOD:
	case CHAIN_ASK_BEACON:
	case CHAIN_ASK_AGREEMENT:
	case CHAIN_ASK_NEXT:
	case CHAIN_ASK_COUNT:
	case CHAIN_ASK_LIST:
		put_call(w, &ask->c, offset, len);
		return;
	}
}

/* The code, with calldata at `offset` and on; its length is the same whatever
 * the offset is. */
static void put_all(struct wr *w, const struct chain_ask *asks, size_t n,
		    size_t offset)
{
	static const int head[] = {CHAINID, NUMBER};

	for (size_t i = 0; i < 2; i++) {
		op(w, head[i]);
		push1(w, 32 * i);
		op(w, MSTORE);
	}
	push1(w, 64);
	for (size_t i = 0; i < n; i++) {
		uint8_t data[CHAIN_ASK_DATA];
		size_t len = chain_ask_calldata(data, &asks[i]);

		put_ask(w, &asks[i], offset, len);
		offset += len;
	}
	push1(w, 0);
	op(w, RETURN);
}

size_t tron_probe_take(const struct chain_ask *asks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool large = asks[i].what == CHAIN_ASK_CODE ||
			     asks[i].what == CHAIN_ASK_LIST;

		if (i == TRON_PROBE_ASKS || (large && i > 0))
			return i;
		if (large)
			return 1;
	}
	return n;
}

size_t tron_probe_code(uint8_t *buf, size_t cap, const struct chain_ask *asks,
		       size_t n)
{
	struct wr w = wr_into(buf, cap);
	size_t len;

	if (n > TRON_PROBE_ASKS)
		return 0;
	put_all(&w, asks, n, 0);
	len = wr_len(&w);
	if (len == 0)
		return 0;
	w = wr_into(buf, cap);
	put_all(&w, asks, n, len);
	for (size_t i = 0; i < n; i++) {
		uint8_t data[CHAIN_ASK_DATA];

		len = chain_ask_calldata(data, &asks[i]);
		wr_copy(&w, data, len);
	}
	return wr_len(&w);
}

/* ----------------------------------------------------------------- reading */

/* A word that is a number below 2^64. */
static uint64_t get_u64(struct rd *r)
{
	const uint8_t *zeros = rd_view(r, 24, 24);

	for (size_t i = 0; zeros && i < 24; i++)
		if (zeros[i])
			r->bad = true;
	return rd_u64(r);
}

/* Data that an answer borrows becomes its own. */
static enum err_code own_data(struct chain_answer *a, struct err *e)
{
	uint8_t *copy;

	if (!a->len) {
		a->data = NULL;
		return ERR_NONE;
	}
	copy = malloc(a->len);
	if (!copy) {
		a->data = NULL;
		a->len = 0;
		a->known = false;
		return err_fail(e, ERR_NOMEM, "no memory");
	}
	memcpy(copy, a->data, a->len);
	a->data = copy;
	return ERR_NONE;
}

static enum err_code read_answer(struct chain_answer *a,
				 const struct chain_ask *ask, struct rd *r,
				 struct err *e)
{
	uint64_t good = get_u64(r), len = get_u64(r);
	const uint8_t *data =
		len <= r->left ? rd_view(r, (size_t)len, r->left) : NULL;
	struct rd in;

	if (!data || good > 1)
		return err_fail(e, ERR_PARSE, "an answer that is none");
	if (!good) {
		char words[96];

		chain_revert_words(words, sizeof(words), data, (size_t)len);
		(void)snprintf(a->why, sizeof(a->why), "%s", words);
		return ERR_NONE;
	}
	if (ask->what == CHAIN_ASK_COIN) {
		in = rd_from(data, (size_t)len);
		a->amount = abi_get_amount(&in, 128);
		a->known = rd_done(&in);
		return a->known ? ERR_NONE
				: err_fail(e, ERR_PARSE, "an absurd balance");
	}
	if (ask->what == CHAIN_ASK_CODE) {
		if (len > CHAIN_MAX_CODE)
			return err_fail(e, ERR_PARSE, "%llu bytes of code",
					(unsigned long long)len);
		a->known = true;
		a->data = data;
		a->len = (size_t)len;
	} else {
		chain_ask_answer(a, ask, data, (size_t)len);
	}
	return own_data(a, e);
}

enum err_code tron_probe_read(struct tron_view *at,
			      struct chain_answer *answers,
			      const struct chain_ask *asks, size_t n,
			      const uint8_t *data, size_t len, struct err *e)
{
	struct rd r = rd_from(data, len);
	enum err_code rc;

	at->chain_id = get_u64(&r);
	at->block = get_u64(&r);
	for (size_t i = 0; i < n; i++)
		answers[i] = (struct chain_answer){0};
	for (size_t i = 0; i < n && !r.bad; i++) {
		if (asks[i].what == CHAIN_ASK_ID) {
			answers[i].known = true;
			answers[i].number = at->chain_id;
			continue;
		}
		rc = read_answer(&answers[i], &asks[i], &r, e);
		if (rc != ERR_NONE)
			return rc;
	}
	if (!rd_done(&r))
		return err_fail(e, ERR_PARSE,
				"%zu bytes that are not what was asked", len);
	return ERR_NONE;
}
