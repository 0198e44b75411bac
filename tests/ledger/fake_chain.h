/* fake_chain.h - a chain that answers when the test says so.
 *
 * Each call is kept in `pending` until the test answers it with one of the
 * functions below; nothing is ever answered before the call has returned, as
 * chain.h demands. Bytes that it "signs" are slot and fee in eight bytes each.
 */
#ifndef TESTS_LEDGER_FAKE_CHAIN_H
#define TESTS_LEDGER_FAKE_CHAIN_H

#include "ledger/chain/chain.h"

#include <stdlib.h>
#include <string.h>

/* not every test uses every one */
#define FAKE_FN __attribute__((unused)) static

enum fake_op {
	FAKE_READ,
	FAKE_TRY,
	FAKE_FORM,
	FAKE_SEND,
	FAKE_FATE,
	FAKE_MEANS
};

#define FAKE_MAX 64

struct fake_pending {
	enum fake_op op;
	union {
		chain_read_fn *read;
		chain_trial_fn *trial;
		chain_form_fn *form;
		chain_send_fn *send;
		chain_fate_fn *fate;
		chain_means_fn *means;
	} fn;
	void *ctx;
	enum chain_state state;
	struct chain_ask *asks; /* heap */
	size_t n_asks;
	struct chain_call call;
	uint8_t *data; /* heap: of call */
	bool raised;
	uint64_t slot; /* floor of a form, slot of a fate */
	struct hash32 txids[CHAIN_MAX_FORMS];
	size_t n_txids;
	uint8_t raw[16];
};

struct fake_chain {
	struct chain ch; /* first */
	struct fake_pending pending[FAKE_MAX];
	size_t n;
	unsigned sends; /* ever */
	uint8_t *taken; /* heap: data of the call that was taken last */
	uint64_t next_slot;
};

static struct fake_chain *fake(struct chain *ch)
{
	return (struct fake_chain *)(void *)ch;
}

static struct fake_pending *add(struct chain *ch, enum fake_op op, void *ctx)
{
	struct fake_chain *f = fake(ch);
	struct fake_pending *p;

	if (f->n == FAKE_MAX)
		abort();
	p = &f->pending[f->n++];
	*p = (struct fake_pending){.op = op, .ctx = ctx};
	return p;
}

static void op_free(struct chain *ch)
{
	(void)ch;
}

static void fake_free(struct fake_pending *p)
{
	free(p->asks);
	free(p->data);
}

static void op_forget(struct chain *ch, void *ctx)
{
	struct fake_chain *f = fake(ch);
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->pending[i].ctx == ctx)
			fake_free(&f->pending[i]);
		else
			f->pending[kept++] = f->pending[i];
	f->n = kept;
}

static void op_read(struct chain *ch, enum chain_state state,
		    const struct chain_ask *asks, size_t n, chain_read_fn *cb,
		    void *ctx)
{
	struct fake_pending *p = add(ch, FAKE_READ, ctx);

	p->fn.read = cb;
	p->state = state;
	p->n_asks = n;
	p->asks = calloc(n, sizeof(*asks));
	if (!p->asks)
		abort();
	memcpy(p->asks, asks, n * sizeof(*asks));
}

/* The caller's data may go when the call returns. */
static void keep_call(struct fake_pending *p, const struct chain_call *call)
{
	p->call = *call;
	p->data = malloc(call->len + 1);
	if (!p->data)
		abort();
	if (call->len)
		memcpy(p->data, call->data, call->len);
	p->call.data = p->data;
}

static void op_try(struct chain *ch, const struct chain_call *call,
		   chain_trial_fn *cb, void *ctx)
{
	struct fake_pending *p = add(ch, FAKE_TRY, ctx);

	p->fn.trial = cb;
	keep_call(p, call);
}

static void op_form(struct chain *ch, const struct chain_call *call,
		    uint64_t units, const struct chain_form *older,
		    uint64_t slot_floor, chain_form_fn *cb, void *ctx)
{
	struct fake_pending *p = add(ch, FAKE_FORM, ctx);

	(void)units;
	p->fn.form = cb;
	keep_call(p, call);
	p->raised = older != NULL;
	p->slot = older ? older->slot : slot_floor;
}

static void op_send(struct chain *ch, const uint8_t *raw, size_t len,
		    chain_send_fn *cb, void *ctx)
{
	struct fake_pending *p = add(ch, FAKE_SEND, ctx);

	fake(ch)->sends++;
	p->fn.send = cb;
	memcpy(p->raw, raw, len < sizeof(p->raw) ? len : sizeof(p->raw));
}

static void op_fate(struct chain *ch, const struct address *from, uint64_t slot,
		    const struct hash32 *txids, size_t n, chain_fate_fn *cb,
		    void *ctx)
{
	struct fake_pending *p = add(ch, FAKE_FATE, ctx);

	(void)from;
	p->fn.fate = cb;
	p->slot = slot;
	p->n_txids = n;
	memcpy(p->txids, txids, n * sizeof(*txids));
}

static void op_means(struct chain *ch, const struct address *who,
		     chain_means_fn *cb, void *ctx)
{
	struct fake_pending *p = add(ch, FAKE_MEANS, ctx);

	(void)who;
	p->fn.means = cb;
}

FAKE_FN void fake_chain_init(struct fake_chain *f)
{
	static const struct chain_ops ops = {
		.free = op_free,
		.forget = op_forget,
		.read = op_read,
		.try_call = op_try,
		.form = op_form,
		.send = op_send,
		.fate = op_fate,
		.means = op_means,
	};

	*f = (struct fake_chain){.ch = {.ops = &ops, .units = "gas"}};
}

FAKE_FN void fake_chain_clear(struct fake_chain *f)
{
	for (size_t i = 0; i < f->n; i++)
		fake_free(&f->pending[i]);
	f->n = 0;
	free(f->taken);
	f->taken = NULL;
}

FAKE_FN bool fake_take(struct fake_chain *f, enum fake_op op,
		       struct fake_pending *out)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->pending[i].op != op)
			continue;
		*out = f->pending[i];
		free(f->taken);
		f->taken = out->data;
		memmove(&f->pending[i], &f->pending[i + 1],
			(f->n - i - 1) * sizeof(f->pending[0]));
		f->n--;
		return true;
	}
	return false;
}

FAKE_FN size_t fake_count(const struct fake_chain *f, enum fake_op op)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->pending[i].op == op;
	return n;
}

FAKE_FN bool fake_trial(struct fake_chain *f, bool ok, uint64_t units,
			uint64_t fee)
{
	struct chain_trial t = {.ok = ok,
				.reason = "reverted",
				.units = units,
				.fee = amount_from_u64(fee),
				.fee_max = amount_from_u64(2 * fee)};
	struct fake_pending p;

	if (!fake_take(f, FAKE_TRY, &p))
		return false;
	p.fn.trial(p.ctx, &t, NULL);
	return true;
}

FAKE_FN bool fake_trial_error(struct fake_chain *f)
{
	struct err e = {.code = ERR_CHAIN, .msg = "nobody there"};
	struct fake_pending p;

	if (!fake_take(f, FAKE_TRY, &p))
		return false;
	p.fn.trial(p.ctx, NULL, &e);
	return true;
}

FAKE_FN bool fake_form(struct fake_chain *f, uint64_t fee_max)
{
	struct fake_pending p;
	struct chain_form form = {.fee_max = amount_from_u64(fee_max)};
	uint8_t raw[16] = {0};

	if (!fake_take(f, FAKE_FORM, &p))
		return false;
	form.slot = p.raised || p.slot > f->next_slot ? p.slot : f->next_slot;
	raw[7] = (uint8_t)form.slot;
	raw[15] = (uint8_t)fee_max;
	form.txid.bytes[0] = (uint8_t)form.slot;
	form.txid.bytes[1] = (uint8_t)fee_max;
	form.raw = raw;
	form.raw_len = sizeof(raw);
	p.fn.form(p.ctx, &form, NULL);
	return true;
}

FAKE_FN bool fake_form_error(struct fake_chain *f, enum err_code code)
{
	struct err e = {.code = code, .msg = "the signer says no"};
	struct fake_pending p;

	if (!fake_take(f, FAKE_FORM, &p))
		return false;
	p.fn.form(p.ctx, NULL, &e);
	return true;
}

FAKE_FN bool fake_sent(struct fake_chain *f, enum chain_send_result r)
{
	struct fake_pending p;

	if (!fake_take(f, FAKE_SEND, &p))
		return false;
	p.fn.send(p.ctx, r, "as the test wants");
	return true;
}

FAKE_FN bool fake_fate(struct fake_chain *f, enum chain_fate fate, bool ok)
{
	struct chain_outcome o = {.ok = ok, .block = 9, .units = 21000};
	struct fake_pending p;

	if (!fake_take(f, FAKE_FATE, &p))
		return false;
	o.txid = p.txids[p.n_txids - 1];
	o.fee = amount_from_u64(21000);
	p.fn.fate(p.ctx, fate, &o);
	return true;
}

#endif
