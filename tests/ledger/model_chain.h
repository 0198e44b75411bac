/* model_chain.h - a bank in a few lines of C behind the fake chain, so that the
 * journeys of settle run for thousands of transactions in no time, and are
 * killed wherever the test wants.
 *
 * Accounts are an array; the first is ours. A transaction is executed when it
 * is mined, which is `lag` answers after it was sent; it is final at once then.
 */
#ifndef TESTS_LEDGER_MODEL_CHAIN_H
#define TESTS_LEDGER_MODEL_CHAIN_H

#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"
#include "ledger/book/book.h"
#include "tests/ledger/fake_chain.h"

#define MODEL_ACCOUNTS 10240
#define MODEL_TXS 1024
#define MODEL_AGREEMENTS 32

struct model_account {
	struct address who;
	uint64_t wallet, free;
	/* its pair with account 0: it pays us, and we pay it */
	uint64_t paid_in, reserve_in, paid_out, reserve_out;
	uint32_t until_in, until_out;
};

struct model_tx {
	struct hash32 txid;
	struct chain_call call;
	uint8_t *data;
	bool sent, mined, ok, out_of_time;
	unsigned asked;
	uint64_t block;
	struct chain_log logs[8];
	size_t n_logs;
	uint8_t *log_data[8];
};

struct model_agreement {
	struct address renter, host;
	uint32_t number;
	struct bank_agreement v;
};

struct model {
	struct fake_chain f; /* first */
	struct address bank, token;
	struct model_account *accounts; /* heap: MODEL_ACCOUNTS */
	size_t n_accounts;
	uint16_t *by_number; /* heap: an account's place, by its number */
	struct model_agreement agreements[MODEL_AGREEMENTS];
	size_t n_agreements;
	uint64_t burnt;
	uint64_t allowance;
	bool stubborn_token;  /* an allowance changes only from or to zero */
	struct model_tx *txs; /* heap: MODEL_TXS */
	size_t n_txs;
	uint64_t block;
	uint64_t fee_base, fee_each; /* of a cash, in coin */
	uint64_t coins_spent;
	unsigned lag;
	/* More receipts or proofs than so in one transaction take too long: in
	 * a trial, and in a block. 0: there is no limit. */
	unsigned try_most, mine_most;
	uint32_t period;      /* blocks; 0: not known */
	struct hash32 beacon; /* of every period */
	/* Told by trials. With a price a call takes 20 and 10 units, 10 and
	 * 5 bytes for each receipt. */
	struct chain_means means;
	uint64_t unit_price;
	unsigned forms, forms_most; /* asked for; signed, 0: all are */
	/* Trials of cash() that fail: from the one of that number on, so many.
	 * 0: none. */
	unsigned trials, bad_from, bad_trials;
	size_t asked_most;		/* questions in one read, so far */
	bool away;			/* nobody answers */
	bool hide_agreements;		/* unknown */
	uint64_t behind;		/* blocks that views lag */
	uint8_t code[BANK_RUNTIME_LEN]; /* answered for the bank's code */
	/* What lies there instead, if not NULL, and how long it is. */
	const uint8_t *other_code;
	size_t other_code_len;
};

FAKE_FN struct model_account *model_find(struct model *m,
					 const struct address *who)
{
	size_t at = m->by_number[who->bytes[0] << 8 | who->bytes[1]];

	return at < m->n_accounts && address_eq(&m->accounts[at].who, who)
		       ? &m->accounts[at]
		       : NULL;
}

FAKE_FN struct model_account *model_add(struct model *m, unsigned n)
{
	struct model_account *a = &m->accounts[m->n_accounts];

	if (m->n_accounts == MODEL_ACCOUNTS)
		abort();
	m->by_number[n & 0xffff] = (uint16_t)m->n_accounts++;

	a->who.bytes[0] = (uint8_t)(n >> 8);
	a->who.bytes[1] = (uint8_t)n;
	a->who.bytes[19] = 0x77;
	return a;
}

FAKE_FN void model_init(struct model *m)
{
	*m = (struct model){.block = 10, .fee_base = 30, .fee_each = 10};
	m->accounts = calloc(MODEL_ACCOUNTS, sizeof(*m->accounts));
	m->by_number = calloc(65536, sizeof(*m->by_number));
	m->txs = calloc(MODEL_TXS, sizeof(*m->txs));
	if (!m->accounts || !m->by_number || !m->txs)
		abort();
	fake_chain_init(&m->f);
	memset(m->bank.bytes, 0xba, 20);
	memset(m->token.bytes, 0x70, 20);
	(void)model_add(m, 0xffff);
}

FAKE_FN void model_clear(struct model *m)
{
	for (size_t i = 0; i < m->n_txs; i++) {
		free(m->txs[i].data);
		for (size_t k = 0; k < m->txs[i].n_logs; k++)
			free(m->txs[i].log_data[k]);
	}
	fake_chain_clear(&m->f);
	free(m->txs);
	free(m->by_number);
	free(m->accounts);
}

/* ----------------------------------------------------------- what calls do */

FAKE_FN void model_log(struct model *m, struct model_tx *tx,
		       const struct hash32 *topic, const struct address *a,
		       const struct address *b, const struct wr *data)
{
	struct chain_log *l = &tx->logs[tx->n_logs];
	uint8_t *copy = malloc(data->len + 1);

	if (!copy || tx->n_logs == 8)
		abort();
	memcpy(copy, data->buf, data->len);
	tx->log_data[tx->n_logs++] = copy;
	*l = (struct chain_log){.where = m->bank,
				.n_topics = 3,
				.data = copy,
				.len = data->len};
	l->topics[0] = *topic;
	memcpy(l->topics[1].bytes + 12, a->bytes, 20);
	memcpy(l->topics[2].bytes + 12, b->bytes, 20);
}

FAKE_FN uint64_t model_draw(struct model_account *p, uint64_t due)
{
	uint64_t held = due < p->reserve_in ? due : p->reserve_in;
	uint64_t rest = due - held < p->free ? due - held : p->free;

	p->reserve_in -= held;
	p->free -= rest;
	p->paid_in += held + rest;
	return held + rest;
}

/* cash(payee, to, receipts) of account 0. tx NULL: a dry run. */
FAKE_FN uint64_t model_cash(struct model *m, struct model_tx *tx,
			    const struct chain_call *call)
{
	struct rd r = rd_from(call->data + 4, call->len - 4);
	struct address payee = abi_get_address(&r), to = abi_get_address(&r);
	uint64_t total = 0, gave = 0;
	uint8_t buf[2 * ABI_WORD];
	const uint8_t *p;
	struct wr w;
	size_t len;

	abi_get_offset(&r, 3);
	p = abi_get_tail(&r, &len);
	for (size_t at = 0; p && at < len; at += BANK_RECEIPT_LEN) {
		struct address payer;
		struct model_account *a;
		uint64_t amount, due, drawn;

		memcpy(payer.bytes, p + at, 20);
		a = model_find(m, &payer);
		if (!a ||
		    !amount_to_u64(&amount, amount_from_be14(p + at + 20)) ||
		    amount <= a->paid_in)
			continue;
		due = amount - a->paid_in;
		if (!tx) {
			drawn = a->reserve_in + a->free;
			total += drawn < due ? drawn : due;
			continue;
		}
		drawn = model_draw(a, due);
		if (drawn < due) {
			w = wr_into(buf, sizeof(buf));
			abi_put_u64(&w, due - drawn);
			model_log(m, tx, &bank_topic_bounced, &payer, &payee,
				  &w);
		}
		total += drawn;
		gave += drawn != 0;
	}
	if (!tx || !total)
		return total;
	w = wr_into(buf, sizeof(buf));
	abi_put_u64(&w, total);
	abi_put_u64(&w, gave);
	model_log(m, tx, &bank_topic_cashed, &payee, &to, &w);
	if (address_is_zero(&to))
		m->accounts[0].free += total;
	else if (address_eq(&to, &m->accounts[0].who))
		m->accounts[0].wallet += total;
	return total;
}

FAKE_FN struct model_agreement *model_lease(struct model *m,
					    const struct address *renter,
					    const struct address *host,
					    uint32_t number)
{
	for (size_t i = 0; i < m->n_agreements; i++) {
		struct model_agreement *a = &m->agreements[i];

		if (address_eq(&a->renter, renter) &&
		    address_eq(&a->host, host) && a->number == number)
			return a;
	}
	return NULL;
}

FAKE_FN uint64_t model_u64(struct amount a)
{
	uint64_t n = 0;

	if (!amount_to_u64(&n, a))
		abort();
	return n;
}

/* Pays rent out of the fund, as far as it goes. */
FAKE_FN uint64_t model_earn(struct model *m, struct model_agreement *a,
			    uint64_t rent)
{
	uint64_t left = model_u64(a->v.fund) - model_u64(a->v.earned);
	struct model_account *host = model_find(m, &a->host);

	rent = rent < left ? rent : left;
	a->v.earned = amount_from_u64(model_u64(a->v.earned) + rent);
	host->free += rent;
	return rent;
}

FAKE_FN bool model_open(struct model *m, const struct agreement *a, bool dry)
{
	struct model_account *renter = model_find(m, &a->renter);
	struct model_account *host = model_find(m, &a->host);
	uint64_t fund = model_u64(a->fund);
	uint64_t collateral = model_u64(a->collateral);

	if (!renter || !host || renter->free < fund ||
	    host->free < collateral || m->n_agreements == MODEL_AGREEMENTS ||
	    model_lease(m, &a->renter, &a->host, a->number))
		return false;
	if (dry)
		return true;
	renter->free -= fund;
	host->free -= collateral;
	m->agreements[m->n_agreements++] =
		(struct model_agreement){.renter = a->renter,
					 .host = a->host,
					 .number = a->number,
					 .v = {.state = BANK_AGREEMENT_OPEN,
					       .revision = a->revision,
					       .root = a->root,
					       .sectors = a->sectors,
					       .through = a->through,
					       .rate = a->rate,
					       .start = a->start,
					       .end = a->end,
					       .span = a->span,
					       .fund = a->fund,
					       .collateral = a->collateral,
					       .penalty = a->penalty}};
	return true;
}

FAKE_FN bool model_revise(struct model *m, const struct agreement *a, bool dry)
{
	struct model_agreement *old =
		model_lease(m, &a->renter, &a->host, a->number);

	if (!old || old->v.state != BANK_AGREEMENT_OPEN ||
	    a->revision <= old->v.revision)
		return false;
	if (dry)
		return true;
	old->v.revision = a->revision;
	old->v.sectors = a->sectors;
	old->v.root = a->root;
	if (a->through > old->v.through) {
		old->v.through = a->through;
		(void)model_earn(m, old,
				 model_u64(a->earned) -
					 model_u64(old->v.earned));
	}
	return true;
}

/* Each good proof pays a span. */
FAKE_FN bool model_prove(struct model *m, struct model_tx *tx, struct rd *r,
			 bool dry)
{
	struct address host = abi_get_address(r);
	static uint8_t entries[64 * BANK_PROVED_LEN], buf[4096];
	struct wr list = wr_into(entries, sizeof(entries));
	struct wr w = wr_into(buf, sizeof(buf));
	uint64_t total = 0;
	const uint8_t *p;
	size_t len;

	abi_get_offset(r, 2);
	p = abi_get_tail(r, &len);
	for (size_t at = 0, size; p && at < len && !dry; at += size) {
		struct rd one = rd_from(p + at, len - at);
		struct model_agreement *a;
		struct address renter;
		uint64_t paid;
		uint8_t be[14];

		rd_copy(&one, renter.bytes, 20);
		a = model_lease(m, &renter, &host, rd_u32(&one));
		size = BANK_PROOF_LEN((size_t)rd_u8(&one));
		if (!a || a->v.through >= a->v.end)
			continue;
		paid = model_earn(m, a, model_u64(a->v.rate) * a->v.span);
		a->v.through += a->v.span;
		total += paid;
		if (!amount_to_be14(be, amount_from_u64(paid)))
			abort();
		wr_copy(&list, renter.bytes, 20);
		wr_u32(&list, a->number);
		wr_u32(&list, a->v.through);
		wr_copy(&list, be, sizeof(be));
	}
	if (!total)
		return true;
	abi_put_u64(&w, total);
	abi_put_u64(&w, 64);
	abi_put_tail(&w, entries, list.len);
	model_log(m, tx, &bank_topic_proved, &host, &host, &w);
	tx->logs[tx->n_logs - 1].n_topics = 2;
	return true;
}

FAKE_FN bool model_close(struct model *m, struct model_agreement *a, bool dry)
{
	struct amount burnt;

	if (!a || a->v.state != BANK_AGREEMENT_OPEN)
		return false;
	if (dry)
		return true;
	model_find(m, &a->renter)->free +=
		model_u64(a->v.fund) - model_u64(a->v.earned);
	a->v.state = BANK_AGREEMENT_CLOSED;
	burnt = book_collateral_burnt(&a->v);
	model_find(m, &a->host)->free +=
		model_u64(a->v.collateral) - model_u64(burnt);
	m->burnt += model_u64(burnt);
	return true;
}

/* Calls about agreements. */
FAKE_FN bool model_rent(struct model *m, struct model_tx *tx, uint32_t selector,
			struct rd *r, bool dry)
{
	struct model_agreement *lease;
	struct address renter, host;
	struct agreement a;
	uint64_t n;

	if (selector == BANK_SEL_PROVE)
		return model_prove(m, tx, r, dry);
	if (selector == BANK_SEL_OPEN || selector == BANK_SEL_REVISE) {
		abi_get_offset(r, 1);
		(void)abi_get_uint(r, 64);
		agreement_get(r, &a);
		return selector == BANK_SEL_OPEN ? model_open(m, &a, dry)
						 : model_revise(m, &a, dry);
	}
	renter = abi_get_address(r);
	host = abi_get_address(r);
	lease = model_lease(m, &renter, &host, (uint32_t)abi_get_uint(r, 32));
	if (selector == BANK_SEL_CLOSE)
		return model_close(m, lease, dry);
	n = model_u64(abi_get_amount_cap(r));
	if (!lease || lease->v.state != BANK_AGREEMENT_OPEN ||
	    m->accounts[0].free < n)
		return false;
	if (!dry) {
		m->accounts[0].free -= n;
		lease->v.fund = amount_from_u64(model_u64(lease->v.fund) + n);
	}
	return true;
}

/* True when the call succeeds; changes nothing when `dry`. */
FAKE_FN bool model_run(struct model *m, struct model_tx *tx,
		       const struct chain_call *call, bool dry)
{
	struct model_account *me = &m->accounts[0], *other;
	struct rd r = rd_from(call->data, call->len);
	uint32_t selector = rd_u32(&r);
	struct address who;
	uint8_t be[14];
	uint64_t n = 0;

	if (call->create)
		return true;
	if (selector == BANK_SEL_CASH) {
		if (!dry)
			(void)model_cash(m, tx, call);
		return true;
	}
	if (selector == BANK_SEL_OPEN || selector == BANK_SEL_REVISE ||
	    selector == BANK_SEL_TOP_UP || selector == BANK_SEL_CLOSE ||
	    selector == BANK_SEL_PROVE)
		return model_rent(m, tx, selector, &r, dry);
	if (selector == BANK_SEL_RESERVE) {
		abi_get_offset(&r, 1);
		(void)abi_get_uint(&r, 64);
		rd_copy(&r, who.bytes, 20);
		rd_copy(&r, be, sizeof(be));
		if (!amount_to_u64(&n, amount_from_be14(be)))
			return false;
		other = model_find(m, &who);
		if (!other || n < other->paid_out + other->reserve_out)
			return false;
		n -= other->paid_out + other->reserve_out;
		if (me->free < n)
			return false;
		if (dry)
			return true;
		me->free -= n;
		other->reserve_out += n;
		other->until_out = rd_u32(&r);
		return true;
	}
	who = abi_get_address(&r);
	if (!amount_to_u64(&n, abi_get_amount_cap(&r)))
		return false;
	if (selector == ERC20_SEL_APPROVE) {
		if (m->stubborn_token && m->allowance && n)
			return false;
		if (!dry)
			m->allowance = n;
		return true;
	}
	if (selector == BANK_SEL_DEPOSIT) {
		if (m->allowance < n || me->wallet < n)
			return false;
		if (!dry) {
			m->allowance -= n;
			me->wallet -= n;
			me->free += n;
		}
		return true;
	}
	if (selector == BANK_SEL_WITHDRAW) {
		if (me->free < n)
			return false;
		if (!dry) {
			me->free -= n;
			if (address_eq(&who, &me->who))
				me->wallet += n;
		}
		return true;
	}
	return false;
}

/* Receipts or proofs in it. */
FAKE_FN unsigned model_entries(const struct chain_call *call)
{
	struct rd r = rd_from(call->data, call->len);
	uint32_t selector = rd_u32(&r);
	const uint8_t *p;
	size_t len = 0;
	unsigned n = 0;

	if (selector != BANK_SEL_CASH && selector != BANK_SEL_PROVE)
		return 0;
	(void)abi_get_address(&r);
	if (selector == BANK_SEL_CASH)
		(void)abi_get_address(&r);
	abi_get_offset(&r, selector == BANK_SEL_CASH ? 3 : 2);
	p = abi_get_tail(&r, &len);
	for (size_t at = 0; p && at < len; n++)
		at += selector == BANK_SEL_CASH
			      ? BANK_RECEIPT_LEN
			      : BANK_PROOF_LEN((size_t)p[at + 24]);
	return n;
}

/* -------------------------------------------------------------- answering */

FAKE_FN struct chain_answer model_ask(struct model *m,
				      const struct chain_ask *q)
{
	struct chain_answer a = {.known = true};
	struct model_account *x = model_find(m, &q->a);
	struct model_account *y = model_find(m, &q->b);
	bool in = y == &m->accounts[0];
	struct model_account *p = in ? x : y;
	struct model_agreement *lease;

	switch (q->what) {
	case CHAIN_ASK_FREE:
		a.amount = amount_from_u64(x ? x->free : 0);
		break;
	case CHAIN_ASK_TOKEN_BALANCE:
		a.amount = amount_from_u64(x ? x->wallet : 0);
		break;
	case CHAIN_ASK_COIN:
		a.amount = amount_from_u64(1000000000 - m->coins_spent);
		break;
	case CHAIN_ASK_ALLOWANCE:
		a.amount = amount_from_u64(m->allowance);
		break;
	case CHAIN_ASK_PAIR:
		if (!p)
			break;
		a.pair.paid = amount_from_u64(in ? p->paid_in : p->paid_out);
		a.pair.reserve =
			amount_from_u64(in ? p->reserve_in : p->reserve_out);
		a.pair.until = in ? p->until_in : p->until_out;
		break;
	case CHAIN_ASK_ID:
		a.number = 31337;
		break;
	case CHAIN_ASK_CODE:
		bank_code_fill(m->code, &m->token, 28800);
		a.data = m->other_code ? m->other_code : m->code;
		a.len = m->other_code ? m->other_code_len : sizeof(m->code);
		break;
	case CHAIN_ASK_DECIMALS:
		a.number = 6;
		break;
	case CHAIN_ASK_AGREEMENT:
		a.known = !m->hide_agreements;
		lease = model_lease(m, &q->a, &q->b, q->n[0]);
		if (lease)
			a.agreement = lease->v;
		break;
	case CHAIN_ASK_PERIOD:
		a.known = m->period > 0;
		a.number = m->period;
		break;
	case CHAIN_ASK_BEACON:
		a.known = m->period > 0;
		a.hash = m->beacon;
		break;
	case CHAIN_ASK_BANK_TOKEN:
	case CHAIN_ASK_SYMBOL:
	case CHAIN_ASK_NEXT:
	case CHAIN_ASK_COUNT:
	case CHAIN_ASK_LIST:
		a.known = false;
		break;
	}
	return a;
}

FAKE_FN void model_read(struct model *m, struct fake_pending *p)
{
	struct chain_view at = {.block = m->block - m->behind,
				.time_s = 1000000};
	struct chain_answer *list = calloc(p->n_asks, sizeof(*list));
	struct err e = {.code = ERR_CHAIN, .msg = "nobody answers"};

	if (!list)
		abort();
	if (p->n_asks > m->asked_most)
		m->asked_most = p->n_asks;
	for (size_t i = 0; i < p->n_asks; i++)
		list[i] = model_ask(m, &p->asks[i]);
	if (m->away)
		p->fn.read(p->ctx, NULL, NULL, 0, &e);
	else
		p->fn.read(p->ctx, &at, list, p->n_asks, NULL);
	free(list);
	free(p->asks);
}

FAKE_FN uint64_t model_fee(const struct model *m, const struct chain_call *call)
{
	size_t n = call->len > 132 ? (call->len - 132) / BANK_RECEIPT_LEN : 0;

	return m->fee_base + m->fee_each * n;
}

FAKE_FN void model_try(struct model *m, struct fake_pending *p)
{
	struct chain_trial t = {.ok = model_run(m, NULL, &p->call, true),
				.reason = "it would revert",
				.units = 21000};
	struct err e = {.code = ERR_CHAIN, .msg = "nobody answers"};
	struct rd r = rd_from(p->call.data, p->call.len);

	t.fee = amount_from_u64(model_fee(m, &p->call));
	t.fee_max = amount_from_u64(2 * model_fee(m, &p->call));
	if (rd_u32(&r) == BANK_SEL_CASH) {
		struct wr w = wr_into(t.ret, 32);

		m->trials++;
		t.ok = !m->bad_from || m->trials < m->bad_from ||
		       m->trials >= m->bad_from + m->bad_trials;

		abi_put_u64(&w, model_cash(m, NULL, &p->call));
		t.has_ret = true;
	} else if (model_entries(&p->call)) {
		t.ret[31] = (uint8_t)model_entries(&p->call);
		t.has_ret = true;
	}
	t.means = m->means;
	if (m->unit_price) {
		struct chain_means left = m->means;
		uint64_t n = model_entries(&p->call);

		t.units = 20 + 10 * n;
		t.bytes = 10 + 5 * n;
		t.unit_price = t.byte_price = m->unit_price;
		(void)chain_means_pay(&left, &t.fee, &t);
		t.fee_max = amount_from_u64(2 * m->unit_price * t.units);
	}
	if (m->try_most && model_entries(&p->call) > m->try_most)
		t = (struct chain_trial){.out_of_time = true,
					 .reason = "CPU timeout"};
	if (m->away)
		p->fn.trial(p->ctx, NULL, &e);
	else
		p->fn.trial(p->ctx, &t, NULL);
}

/* The signed bytes are the number of the transaction. */
FAKE_FN void model_form(struct model *m, struct fake_pending *p)
{
	struct model_tx *tx = &m->txs[m->n_txs];
	uint8_t raw[16] = {0};
	struct chain_form f = {.raw = raw, .raw_len = sizeof(raw)};
	struct err e = {.code = ERR_LIMIT, .msg = "the fee is high enough"};

	m->forms++;
	if (m->forms_most && m->n_txs == m->forms_most)
		e = (struct err){.code = ERR_FUNDS, .msg = "over the day's"};
	if (p->raised || e.code == ERR_FUNDS) {
		p->fn.form(p->ctx, NULL, &e);
		return;
	}
	if (m->n_txs == MODEL_TXS)
		abort();
	*tx = (struct model_tx){.call = p->call};
	tx->data = malloc(p->call.len + 1);
	memcpy(tx->data, p->call.data, p->call.len);
	tx->call.data = tx->data;
	tx->txid.bytes[0] = raw[0] = (uint8_t)(m->n_txs >> 8);
	tx->txid.bytes[1] = raw[1] = (uint8_t)m->n_txs;
	tx->txid.bytes[2] = 0xee;
	f.txid = tx->txid;
	f.slot = m->n_txs++;
	f.fee_max = amount_from_u64(1000);
	p->fn.form(p->ctx, &f, NULL);
}

FAKE_FN void model_send(struct model *m, struct fake_pending *p)
{
	m->txs[p->raw[0] << 8 | p->raw[1]].sent = true;
	p->fn.send(p->ctx, m->away ? CHAIN_SEND_LATER : CHAIN_SENT, "away");
}

FAKE_FN void model_mine(struct model *m, struct model_tx *tx)
{
	m->block++;
	tx->mined = true;
	tx->block = m->block;
	tx->out_of_time =
		m->mine_most && model_entries(&tx->call) > m->mine_most;
	tx->ok = !tx->out_of_time && model_run(m, tx, &tx->call, false);
	m->coins_spent += model_fee(m, &tx->call);
}

FAKE_FN void model_fate(struct model *m, struct fake_pending *p)
{
	struct model_tx *tx =
		&m->txs[p->txids[0].bytes[0] << 8 | p->txids[0].bytes[1]];
	struct chain_outcome o = {.txid = tx->txid, .units = 21000};

	if (m->away) {
		p->fn.fate(p->ctx, CHAIN_FATE_UNKNOWN, NULL);
		return;
	}
	if (tx->sent && !tx->mined && tx->asked++ >= m->lag)
		model_mine(m, tx);
	if (!tx->mined) {
		p->fn.fate(p->ctx, CHAIN_FATE_PENDING, NULL);
		return;
	}
	o.ok = tx->ok;
	o.out_of_time = tx->out_of_time;
	o.block = tx->block;
	o.fee = amount_from_u64(model_fee(m, &tx->call));
	o.logs = tx->logs;
	o.n_logs = tx->n_logs;
	if (tx->call.create)
		o.created = m->bank;
	p->fn.fate(p->ctx, CHAIN_FATE_FINAL, &o);
}

/* Answers one waiting question; false when there is none. */
FAKE_FN bool model_answer(struct model *m)
{
	struct fake_pending p;

	if (fake_take(&m->f, FAKE_READ, &p))
		model_read(m, &p);
	else if (fake_take(&m->f, FAKE_TRY, &p))
		model_try(m, &p);
	else if (fake_take(&m->f, FAKE_FORM, &p))
		model_form(m, &p);
	else if (fake_take(&m->f, FAKE_SEND, &p))
		model_send(m, &p);
	else if (fake_take(&m->f, FAKE_FATE, &p))
		model_fate(m, &p);
	else
		return false;
	return true;
}

#endif
