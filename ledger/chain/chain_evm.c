#include "ledger/chain/chain_evm.h"

#include "ledger/chain/evm_fee.h"
#include "ledger/chain/evm_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct chain_evm *evm(struct chain *ch)
{
	return (struct chain_evm *)(void *)ch;
}

/* --------------------------------------------------------------- operations */

static struct op *op_of(struct chain_op *c)
{
	return (struct op *)(void *)c;
}

static bool op_make(void *backend, struct chain_op *c)
{
	struct op *op = op_of(c);
	bool good = true;

	op->ce = backend;
	for (size_t i = 0; i < NODE_MAX && good; i++) {
		op->legs[i].op = op;
		good = evm_batch_init(&op->legs[i].batch, op->ce->rpc, NULL) ==
		       ERR_NONE;
	}
	return good;
}

static void op_destroy(struct chain_op *c)
{
	for (size_t i = 0; i < NODE_MAX; i++)
		evm_batch_clear(&op_of(c)->legs[i].batch);
}

static void op_reset(struct chain_op *c)
{
	struct op *op = op_of(c);

	for (size_t i = 0; i < NODE_MAX; i++)
		evm_batch_cancel(&op->legs[i].batch);
	if (c->kind == CHAIN_OP_READ) {
		evm_read_clear(op);
		free(op->s.u.read.asks);
	} else if (c->kind == CHAIN_OP_FATE) {
		evm_fate_clear(op);
	} else if (c->kind == CHAIN_OP_FORM) {
		if (op->s.u.form.signing)
			op->ce->signer.forget(op->ce->signer.ctx, op);
		free(op->s.u.form.older);
	}
	for (size_t i = 0; i < NODE_MAX; i++) {
		memset(&op->legs[i].u, 0, sizeof(op->legs[i].u));
		op->legs[i].why = (struct err){0};
	}
	op->s = (struct op_state){0};
}

static struct op *op_new(struct chain *ch, enum chain_op_kind kind, void *ctx)
{
	return op_of(chain_op_new(&evm(ch)->ops, kind, ctx));
}

/* -------------------------------------------------------------------- legs */

void leg_begin(struct leg *leg, size_t node)
{
	leg->node = node;
	leg->why = (struct err){0};
	evm_batch_begin(&leg->batch, node);
}

void leg_send(struct leg *leg, evm_batch_fn *fn)
{
	evm_batch_send(&leg->batch, fn, leg);
}

void leg_blame(struct leg *leg, const char *method, const struct err *what)
{
	leg->why = (struct err){0};
	node_set_blame(leg->op->ce->nodes, leg->node, method, what, &leg->why);
}

bool leg_done(struct leg *leg)
{
	if (leg->why.code != ERR_NONE)
		leg->op->c.why = leg->why;
	return --leg->op->s.waiting == 0;
}

void leg_add_block(struct leg *leg, const char *tag, uint64_t number)
{
	struct node_text *t =
		evm_batch_add(&leg->batch, "eth_getBlockByNumber");

	if (tag)
		node_text_str(t, tag);
	else
		evm_text_quantity(t, number);
	node_text_str(t, ",false");
}

void leg_add_final(struct leg *leg)
{
	leg_add_block(leg, "\"latest\"", 0);
	if (leg->op->ce->cfg.finalized)
		leg_add_block(leg, "\"finalized\"", 0);
}

enum err_code leg_read_final(struct leg *leg, uint64_t *head, uint64_t *final,
			     size_t *used, const struct evm_reply *r,
			     struct err *e)
{
	const struct chain_evm_config *cfg = &leg->op->ce->cfg;
	struct evm_block newest, tagged;
	bool found = false;

	*used = cfg->finalized ? 2 : 1;
	if (!r->answers[0].result)
		(void)err_fail(e, ERR_CHAIN, "%s", r->answers[0].message);
	else if (evm_get_block(&newest, &found, r->answers[0].result, e) ==
			 ERR_NONE &&
		 !found)
		(void)err_fail(e, ERR_CHAIN, "no newest block");
	if (!found) {
		leg_blame(leg, "eth_getBlockByNumber", e);
		return e->code;
	}
	*head = newest.number;
	*final = newest.number > cfg->depth ? newest.number - cfg->depth : 0;
	found = false;
	/* refused or null: this node knows no such tag, the depth counts */
	if (cfg->finalized && r->answers[1].result &&
	    evm_get_block(&tagged, &found, r->answers[1].result, e) !=
		    ERR_NONE) {
		leg_blame(leg, "eth_getBlockByNumber", e);
		return e->code;
	}
	if (found)
		*final = tagged.number < *head ? tagged.number : *head;
	return ERR_NONE;
}

/* For what is asked of one node after another: true when another was begun. */
static bool next_node(struct leg *leg, void (*start)(struct op *op))
{
	struct op *op = leg->op;

	op->c.why = leg->why;
	if (!node_set_pick(op->ce->nodes, &op->s.tried, &leg->node))
		return false;
	start(op);
	return true;
}

/* The first of them. */
static void first_node(struct op *op, void (*start)(struct op *op))
{
	(void)node_set_pick(op->ce->nodes, &op->s.tried, &op->legs[0].node);
	start(op);
}

/* ------------------------------------------------------------------- trials */

static void add_fee(struct leg *leg)
{
	struct node_text *t;

	leg_add_block(leg, "\"latest\"", 0);
	t = evm_batch_add(&leg->batch, "eth_feeHistory");
	node_text_str(t, "\"0x5\",\"latest\",[50]");
	(void)evm_batch_add(&leg->batch, "eth_gasPrice");
}

static bool read_fee(struct leg *leg, struct evm_fee *fee,
		     const struct evm_answer *answers)
{
	struct err e = {0};
	const char *method;

	if (evm_fee_read(fee, &method, answers, leg->op->ce->cfg.legacy_fees,
			 &e) == ERR_NONE)
		return true;
	leg_blame(leg, method, &e);
	return false;
}

/* Refused because of the node, not because of the call? */
static bool nodes_fault(const struct evm_answer *a)
{
	return a->code == -32600 || a->code == -32601 || a->code == -32602 ||
	       a->code == -32005 || a->code == 429;
}

static void say_reverted(struct chain_trial *t, const struct evm_answer *a)
{
	uint8_t data[512];
	size_t len;

	t->ok = false;
	if (a->revert && evm_unhex(data, &len, sizeof(data), a->revert) && len)
		chain_revert_words(t->reason, sizeof(t->reason), data, len);
	else
		(void)snprintf(t->reason, sizeof(t->reason), "%.90s",
			       a->message);
}

static void read_first_word(struct chain_trial *t, const json_t *v)
{
	uint8_t *data = NULL;
	size_t len = 0;

	if (evm_get_data(&data, &len, CHAIN_MAX_CODE, v, NULL) == ERR_NONE &&
	    len >= sizeof(t->ret)) {
		memcpy(t->ret, data, sizeof(t->ret));
		t->has_ret = true;
	}
	free(data);
}

/* A node that does not say what the sender has leaves that unknown. */
static void check_funds(struct chain_trial *t, const struct chain *ch,
			const struct chain_call *call,
			const struct evm_answer *a)
{
	struct amount all = amount_add_cap(t->fee_max, call->value);
	struct amount *coin = &t->means.coin;

	t->means.known =
		a->result && evm_get_amount(coin, a->result, NULL) == ERR_NONE;
	if (!t->means.known || amount_cmp(*coin, all) >= 0)
		return;
	t->ok = false;
	t->no_funds = true;
	chain_no_funds_words(t->reason, &ch->coin, &call->from, all, *coin);
}

/* The call's answer (none for a creation), the estimate, the fee, and what the
 * sender has. */
static enum err_code read_trial(struct leg *leg, struct chain_trial *t,
				const struct evm_reply *r, struct err *e)
{
	const struct evm_answer *a = r->answers;
	bool create = leg->op->c.call.create;
	const struct evm_answer *gas = create ? a : a + 1;
	struct evm_fee fee;
	enum err_code rc;

	*t = (struct chain_trial){.ok = true};
	if (!create && !a->result)
		say_reverted(t, a);
	else if (!gas->result)
		say_reverted(t, gas);
	if (!t->ok)
		return nodes_fault(!create && !a->result ? a : gas)
			       ? err_fail(e, ERR_CHAIN, "%s", t->reason)
			       : ERR_NONE;
	if (!create)
		read_first_word(t, a->result);
	if (evm_get_u64(&t->units, gas->result, e) != ERR_NONE) {
		leg_blame(leg, "eth_estimateGas", e);
		return e->code;
	}
	if (!read_fee(leg, &fee, gas + 1))
		return err_fail(e, leg->why.code, "%s", leg->why.msg);
	if (evm_fee_of(&t->fee, evm_fee_now(&fee), t->units, e) != ERR_NONE)
		return e->code;
	rc = evm_fee_of(&t->fee_max, fee.max,
			evm_fee_gas(t->units, fee.block_limit), e);
	if (rc == ERR_NONE)
		check_funds(t, &leg->op->ce->chain, &leg->op->c.call,
			    gas + 1 + EVM_FEE_ASKS);
	return rc;
}

static void try_start(struct op *op);

static void on_trial(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;
	struct chain_trial t;
	struct err why = {0};

	if (e)
		leg->why = *e;
	else if (read_trial(leg, &t, r, &why) != ERR_NONE)
		leg->why = why;
	else
		chain_trials_add(&op->s.trials, leg->node, &t);
	if (next_node(leg, try_start))
		return;
	if (op->s.trials.n == 0) {
		chain_op_fail(&op->c, &op->c.why);
		return;
	}
	chain_tell_trials(&op->ce->odd, &op->s.trials);
	chain_op_unlink(&op->c);
	op->c.fn.trial(op->c.ctx, &op->s.trials.all, NULL);
	chain_op_free(&op->c);
}

static void add_balance(struct leg *leg)
{
	const struct address *who = &leg->op->c.call.from;
	struct node_text *t = evm_batch_add(&leg->batch, "eth_getBalance");

	evm_text_hex(t, who->bytes, sizeof(who->bytes));
	node_text_str(t, ",\"latest\"");
}

static void try_start(struct op *op)
{
	struct leg *leg = &op->legs[0];
	struct node_text *t;

	leg_begin(leg, leg->node);
	if (!op->c.call.create) {
		t = evm_batch_add(&leg->batch, "eth_call");
		evm_text_call(t, &op->c.call);
		node_text_str(t, ",\"latest\"");
	}
	evm_text_call(evm_batch_add(&leg->batch, "eth_estimateGas"),
		      &op->c.call);
	add_fee(leg);
	add_balance(leg);
	leg_send(leg, on_trial);
}

/* -------------------------------------------------------------------- means */

static void means_start(struct op *op);

static void on_means(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;
	struct chain_means m = {.known = true};
	struct err why = {0};

	if (e)
		leg->why = *e;
	else if (!r->answers[0].result)
		(void)err_fail(&leg->why, ERR_CHAIN, "%s",
			       r->answers[0].message);
	else if (evm_get_amount(&m.coin, r->answers[0].result, &why) !=
		 ERR_NONE)
		leg_blame(leg, "eth_getBalance", &why);
	if (leg->why.code != ERR_NONE) {
		if (!next_node(leg, means_start))
			chain_op_fail(&op->c, &op->c.why);
		return;
	}
	chain_op_unlink(&op->c);
	op->c.fn.means(op->c.ctx, &m, NULL);
	chain_op_free(&op->c);
}

static void means_start(struct op *op)
{
	leg_begin(&op->legs[0], op->legs[0].node);
	add_balance(&op->legs[0]);
	leg_send(&op->legs[0], on_means);
}

/* -------------------------------------------------------------------- forms */

static void on_signed(void *ctx, const struct signer_reply *r,
		      const struct err *e)
{
	struct op *op = ctx;
	struct chain_form f;

	op->s.u.form.signing = false;
	if (e) {
		chain_op_fail(&op->c, e);
		return;
	}
	f = (struct chain_form){.txid = r->u.tx.hash,
				.slot = op->s.u.form.slot,
				.fee_max = op->s.u.form.fee_max,
				.raw = r->u.tx.raw,
				.raw_len = r->u.tx.raw_len};
	chain_op_unlink(&op->c);
	op->c.fn.form(op->c.ctx, &f, NULL);
	chain_op_free(&op->c);
}

static enum err_code sign(struct op *op, const struct evm_fee *fee,
			  struct err *e)
{
	struct chain_evm *ce = op->ce;
	const struct chain_call *call = &op->c.call;
	struct signer_request q = {.type = SIGNER_TX_EVM};
	struct signer_tx_evm *tx = &q.u.tx;
	enum err_code rc;

	*tx = (struct signer_tx_evm){
		.purpose = op->s.u.form.purpose,
		.style = fee->legacy ? SIGNER_TX_LEGACY : SIGNER_TX_1559,
		.chain_id = evm_rpc_chain_id(ce->rpc),
		.nonce = op->s.u.form.slot,
		.max_fee = fee->max,
		.tip = fee->tip,
		.gas = evm_fee_gas(op->s.u.form.units, fee->block_limit),
		.create = call->create,
		.to = call->create ? (struct address){{0}} : call->to,
		.value = call->value,
		.data = call->data,
		.data_len = call->len};
	rc = evm_fee_of(&op->s.u.form.fee_max, fee->max, tx->gas, e);
	if (rc != ERR_NONE)
		return rc;
	if (!amount_is_zero(ce->cfg.max_fee) &&
	    amount_cmp(op->s.u.form.fee_max, ce->cfg.max_fee) > 0)
		return err_fail(e, ERR_LIMIT,
				"the fee could pass the limit that is set");
	rc = ce->signer.ask(ce->signer.ctx, &q, on_signed, op, e);
	op->s.u.form.signing = rc == ERR_NONE;
	return rc;
}

/* The next nonce as a node has it: what it has seen of ours, pending or not. */
static enum err_code read_nonce(struct leg *leg, const struct evm_answer *a,
				struct err *e)
{
	struct op_state *s = &leg->op->s;
	uint64_t latest = 0, pending = 0;

	for (size_t i = 0; i < 2; i++)
		if (!a[i].result)
			return err_fail(e, ERR_CHAIN, "%s", a[i].message);
	if (evm_get_u64(&latest, a[0].result, e) != ERR_NONE ||
	    evm_get_u64(&pending, a[1].result, e) != ERR_NONE)
		return e->code;
	if (pending > latest && pending - latest > EVM_MAX_PENDING)
		return err_fail(e, ERR_CHAIN, "%llu pending transactions",
				(unsigned long long)(pending - latest));
	s->u.form.next[s->u.form.n_next++] = (struct chain_said_number){
		.node = leg->node,
		.number = pending > latest ? pending : latest};
	return ERR_NONE;
}

/* The lowest of all nodes' counts: a nonce too low is refused, one too high
 * waits for ever, and all after it. Never one that is stored already. */
static void choose_nonce(struct op *op)
{
	const struct chain_said_number *next = op->s.u.form.next;
	uint64_t low = UINT64_MAX;

	for (size_t i = 0; i < op->s.u.form.n_next; i++)
		if (next[i].number < low)
			low = next[i].number;
	if (op->s.u.form.n_next && low > op->s.u.form.slot)
		op->s.u.form.slot = low;
	chain_tell_numbers(&op->ce->odd, NODE_ON_FORM, next,
			   op->s.u.form.n_next, EVM_MAX_PENDING);
}

static void form_start(struct op *op);

static enum err_code read_form(struct leg *leg, const struct evm_reply *r,
			       struct err *e)
{
	struct op *op = leg->op;
	struct evm_fee fee;

	if (!read_fee(leg, &fee, r->answers))
		return err_fail(e, leg->why.code, "%s", leg->why.msg);
	if (!op->s.u.form.older &&
	    read_nonce(leg, r->answers + EVM_FEE_ASKS, e) != ERR_NONE) {
		leg_blame(leg, "eth_getTransactionCount", e);
		return e->code;
	}
	if (op->s.u.form.n_good++ == 0)
		op->s.u.form.fee = fee;
	return ERR_NONE;
}

static void on_form(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;
	struct evm_fee *fee = &op->s.u.form.fee;
	bool raise = op->s.u.form.older != NULL;
	struct err why = {0};

	if (e)
		leg->why = *e;
	else if (read_form(leg, r, &why) != ERR_NONE)
		leg->why = why;
	/* of a raise one node knows the price, and the nonce stays */
	if (!(raise && op->s.u.form.n_good) && next_node(leg, form_start))
		return;
	if (op->s.u.form.n_good == 0) {
		chain_op_fail(&op->c, &op->c.why);
		return;
	}
	choose_nonce(op);
	if ((raise &&
	     evm_fee_raise(fee, op->s.u.form.older, op->s.u.form.older_len,
			   &why) != ERR_NONE) ||
	    sign(op, fee, &why) != ERR_NONE)
		chain_op_fail(&op->c, &why);
}

static void form_start(struct op *op)
{
	struct leg *leg = &op->legs[0];
	struct node_text *t;

	leg_begin(leg, leg->node);
	add_fee(leg);
	for (int i = 0; i < 2 && !op->s.u.form.older; i++) {
		t = evm_batch_add(&leg->batch, "eth_getTransactionCount");
		evm_text_hex(t, op->c.call.from.bytes, 20);
		node_text_str(t, i ? ",\"pending\"" : ",\"latest\"");
	}
	leg_send(leg, on_form);
}

/* -------------------------------------------------------------------- sends */

static void on_sent(void *ctx, const struct evm_reply *r, const struct err *e)
{
	struct leg *leg = ctx;
	struct op *op = leg->op;
	enum chain_send_result best = CHAIN_SEND_NO;
	struct err why = {0};
	uint8_t txid[32];

	leg->u.sent = CHAIN_SEND_LATER;
	if (e) {
		leg->why = *e;
	} else if (!r->answers[0].result) {
		leg->u.sent = evm_send_meaning(r->answers[0].code,
					       r->answers[0].message);
		if (leg->u.sent != CHAIN_SENT)
			(void)err_fail(&leg->why, ERR_CHAIN, "%s: %s",
				       node_set_name(op->ce->nodes, leg->node),
				       r->answers[0].message);
	} else if (evm_get_bytes(txid, sizeof(txid), r->answers[0].result,
				 &why) == ERR_NONE) {
		leg->u.sent = CHAIN_SENT;
	} else {
		leg_blame(leg, "eth_sendRawTransaction", &why);
	}
	if (!leg_done(leg))
		return;
	for (struct leg *l = op->legs; l < op->legs + op->s.n_legs; l++)
		best = chain_send_better(best, l->u.sent);
	chain_op_unlink(&op->c);
	op->c.fn.send(op->c.ctx, best, op->c.why.msg);
	chain_op_free(&op->c);
}

/* ------------------------------------------------------------ struct chain */

static void evm_free(struct chain *ch)
{
	struct chain_evm *ce = evm(ch);

	chain_op_list_clear(&ce->ops);
	evm_rpc_free(ce->rpc);
	free(ce);
}

static void evm_forget(struct chain *ch, void *ctx)
{
	chain_op_forget(&evm(ch)->ops, ctx);
}

static void evm_do_read(struct chain *ch, enum chain_state state,
			const struct chain_ask *asks, size_t n,
			chain_read_fn *cb, void *ctx)
{
	struct op *op = op_new(ch, CHAIN_OP_READ, ctx);

	if (!op)
		return;
	op->c.fn.read = cb;
	op->s.u.read.state = state;
	if (n < 1 || n > CHAIN_MAX_ASKS) {
		chain_op_fail_later(&op->c, ERR_LIMIT, "too many questions");
		return;
	}
	op->s.u.read.asks = calloc(n, sizeof(*asks));
	if (!op->s.u.read.asks) {
		chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
		return;
	}
	memcpy(op->s.u.read.asks, asks, n * sizeof(*asks));
	op->s.u.read.n = n;
	evm_read(op);
}

static void evm_do_try(struct chain *ch, const struct chain_call *call,
		       chain_trial_fn *cb, void *ctx)
{
	struct op *op = op_new(ch, CHAIN_OP_TRY, ctx);

	if (!op)
		return;
	op->c.fn.trial = cb;
	if (!chain_op_keep_call(&op->c, call))
		chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
	else
		first_node(op, try_start);
}

static void evm_do_means(struct chain *ch, const struct address *who,
			 chain_means_fn *cb, void *ctx)
{
	struct op *op = op_new(ch, CHAIN_OP_MEANS, ctx);

	if (!op)
		return;
	op->c.fn.means = cb;
	op->c.call.from = *who;
	first_node(op, means_start);
}

static bool keep_bytes(uint8_t **out, const uint8_t *p, size_t len)
{
	*out = malloc(len + 1);
	if (*out && len)
		memcpy(*out, p, len);
	return *out != NULL;
}

static void evm_do_form(struct chain *ch, const struct chain_call *call,
			uint64_t units, const struct chain_form *older,
			uint64_t slot_floor, chain_form_fn *cb, void *ctx)
{
	struct chain_evm *ce = evm(ch);
	struct op *op = op_new(ch, CHAIN_OP_FORM, ctx);
	struct err why = {0};

	if (!op)
		return;
	op->c.fn.form = cb;
	op->s.u.form.units = units;
	op->s.u.form.slot = older ? older->slot : slot_floor;
	if (chain_signer_purpose(&op->s.u.form.purpose, &ce->signer,
				 &call->from, &why) != ERR_NONE) {
		chain_op_fail_later(&op->c, why.code, why.msg);
		return;
	}
	if (older) {
		op->s.u.form.older_len = older->raw_len;
		if (!keep_bytes(&op->s.u.form.older, older->raw,
				older->raw_len)) {
			chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
			return;
		}
	}
	if (!chain_op_keep_call(&op->c, call))
		chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
	else
		first_node(op, form_start);
}

static void evm_do_send(struct chain *ch, const uint8_t *raw, size_t len,
			chain_send_fn *cb, void *ctx)
{
	struct op *op = op_new(ch, CHAIN_OP_SEND, ctx);

	if (!op)
		return;
	op->c.fn.send = cb;
	op->s.n_legs = node_set_count(op->ce->nodes);
	op->s.waiting = op->s.n_legs;
	for (size_t i = 0; i < op->s.n_legs; i++) {
		leg_begin(&op->legs[i], i);
		evm_text_hex(evm_batch_add(&op->legs[i].batch,
					   "eth_sendRawTransaction"),
			     raw, len);
		leg_send(&op->legs[i], on_sent);
	}
}

static void evm_do_fate(struct chain *ch, const struct address *from,
			uint64_t slot, const struct hash32 *txids, size_t n,
			chain_fate_fn *cb, void *ctx)
{
	struct op *op = op_new(ch, CHAIN_OP_FATE, ctx);

	if (!op)
		return;
	op->c.fn.fate = cb;
	op->s.u.fate.from = *from;
	op->s.u.fate.slot = slot;
	op->s.u.fate.n = n < CHAIN_MAX_FORMS ? n : CHAIN_MAX_FORMS;
	memcpy(op->s.u.fate.txids, txids, op->s.u.fate.n * sizeof(txids[0]));
	evm_fate(op);
}

enum err_code chain_evm_new(struct chain **out, struct loop *loop,
			    struct http *http,
			    const struct chain_signer *signer,
			    const struct chain_evm_config *cfg, struct log *log,
			    struct err *e)
{
	static const struct chain_ops ops = {.free = evm_free,
					     .forget = evm_forget,
					     .read = evm_do_read,
					     .try_call = evm_do_try,
					     .form = evm_do_form,
					     .send = evm_do_send,
					     .fate = evm_do_fate,
					     .means = evm_do_means};
	static const struct chain_op_kit kit = {.size = sizeof(struct op),
						.make = op_make,
						.reset = op_reset,
						.destroy = op_destroy};
	struct chain_evm *ce = calloc(1, sizeof(*ce));
	enum err_code rc;

	if (!ce)
		return err_fail(e, ERR_NOMEM, "no memory");
	*ce = (struct chain_evm){.chain = {.ops = &ops, .units = "gas"},
				 .loop = loop,
				 .signer = *signer,
				 .cfg = *cfg,
				 .log = log};
	(void)snprintf(ce->symbol, sizeof(ce->symbol), "%s",
		       cfg->coin.symbol ? cfg->coin.symbol : "coin");
	ce->chain.coin = cfg->coin;
	ce->chain.coin.symbol = ce->symbol;
	rc = evm_rpc_new(&ce->rpc, loop, http, &cfg->rpc, log, e);
	if (rc != ERR_NONE) {
		free(ce);
		return rc;
	}
	ce->nodes = evm_rpc_nodes(ce->rpc);
	ce->odd = (struct node_odd){.log = log, .nodes = ce->nodes};
	rc = chain_op_list_init(&ce->ops, &kit, ce, loop, log, e);
	if (rc != ERR_NONE) {
		evm_free(&ce->chain);
		return rc;
	}
	*out = &ce->chain;
	return ERR_NONE;
}
