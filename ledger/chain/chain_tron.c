#include "ledger/chain/chain_tron.h"

#include "base/address.h"
#include "ledger/chain/tron_fee.h"
#include "ledger/chain/tron_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct chain_tron *tron(struct chain *ch)
{
	return (struct chain_tron *)(void *)ch;
}

/* --------------------------------------------------------------- operations */

static struct tron_op *op_of(struct chain_op *c)
{
	return (struct tron_op *)(void *)c;
}

static bool op_make(void *backend, struct chain_op *c)
{
	struct tron_op *op = op_of(c);
	bool good = true;

	op->ct = backend;
	for (size_t i = 0; i < NODE_MAX && good; i++) {
		op->legs[i].op = op;
		good = tron_batch_init(&op->legs[i].batch, op->ct->rpc, NULL) ==
		       ERR_NONE;
	}
	return good;
}

static void op_destroy(struct chain_op *c)
{
	for (size_t i = 0; i < NODE_MAX; i++)
		tron_batch_clear(&op_of(c)->legs[i].batch);
}

static void op_reset(struct chain_op *c)
{
	struct tron_op *op = op_of(c);

	for (size_t i = 0; i < NODE_MAX; i++)
		tron_batch_cancel(&op->legs[i].batch);
	if (c->kind == CHAIN_OP_READ) {
		tron_read_clear(op);
		free(op->u.read.asks);
	} else if (c->kind == CHAIN_OP_FATE) {
		tron_fate_clear(op);
	} else if (c->kind == CHAIN_OP_FORM && op->u.form.signing) {
		op->ct->signer.forget(op->ct->signer.ctx, op);
	}
	for (size_t i = 0; i < NODE_MAX; i++) {
		memset(&op->legs[i].u, 0, sizeof(op->legs[i].u));
		op->legs[i].why = (struct err){0};
		op->legs[i].good = false;
	}
	memset(&op->u, 0, sizeof(op->u));
	op->n_legs = op->waiting = 0;
	op->tried = 0;
	op->trials.n = 0;
}

static struct tron_op *op_new(struct chain *ch, enum chain_op_kind kind,
			      void *ctx)
{
	return op_of(chain_op_new(&tron(ch)->ops, kind, ctx));
}

/* -------------------------------------------------------------------- legs */

void tron_leg_begin(struct tron_leg *leg, size_t node, bool check)
{
	leg->node = node;
	leg->why = (struct err){0};
	tron_batch_begin(&leg->batch, node, check);
}

void tron_leg_send(struct tron_leg *leg, tron_batch_fn *fn)
{
	tron_batch_send(&leg->batch, fn, leg);
}

void tron_leg_blame(struct tron_leg *leg, const char *what,
		    const struct err *why)
{
	leg->why = (struct err){0};
	node_set_blame(leg->op->ct->nodes, leg->node, what, why, &leg->why);
}

bool tron_leg_done(struct tron_leg *leg)
{
	if (leg->why.code != ERR_NONE)
		leg->op->c.why = leg->why;
	return --leg->op->waiting == 0;
}

/* For what is asked of one node after another: true when another was begun. */
static bool next_node(struct tron_leg *leg, void (*start)(struct tron_op *op))
{
	struct tron_op *op = leg->op;

	op->c.why = leg->why;
	if (!node_set_pick(op->ct->nodes, &op->tried, &leg->node))
		return false;
	start(op);
	return true;
}

/* The first of them. */
static void first_node(struct tron_op *op, void (*start)(struct tron_op *op))
{
	(void)node_set_pick(op->ct->nodes, &op->tried, &op->legs[0].node);
	start(op);
}

/* The call as a transaction; all but when and for how much. */
static enum err_code tx_of(struct tron_tx *t, const struct chain_call *call,
			   struct err *e)
{
	*t = (struct tron_tx){.owner = call->from,
			      .create = call->create,
			      .data = call->data,
			      .len = call->len};
	if (call->create)
		memcpy(t->name, TRON_DEPLOY_NAME, sizeof(TRON_DEPLOY_NAME));
	else
		t->to = call->to;
	if (!amount_to_u64(&t->value, call->value) || t->value > INT64_MAX)
		return err_fail(e, ERR_LIMIT, "more coin than there is");
	return ERR_NONE;
}

/* A node's answer, or its refusal as an error. */
static const json_t *value_of(const struct tron_answer *a, struct err *e)
{
	if (!a->v)
		(void)err_fail(e, a->why.code, "%s", a->why.msg);
	return a->v;
}

/* ------------------------------------------------------------------- trials */

/* For the length of a transaction: as long as any date of this century. */
#define SOME_TIME_MS (UINT64_C(1) << 40)

static const char trial_call[] = "triggerconstantcontract";
static const char trial_params[] = "getchainparameters";
static const char trial_resources[] = "getaccountresource";
static const char trial_account[] = "getaccount";

static void read_first_word(struct chain_trial *t,
			    const struct tron_constant *c, bool create)
{
	if (create || c->len < sizeof(t->ret))
		return;
	memcpy(t->ret, c->data, sizeof(t->ret));
	t->has_ret = true;
}

/* What is not there is not taken: the energy that the coin does not buy is
 * missed in the middle of the call, and all the rest is lost. */
static void check_funds(struct chain_trial *t, const struct chain *ch,
			const struct chain_call *call)
{
	struct amount all = amount_add_cap(t->fee, call->value);

	if (amount_cmp(t->means.coin, all) >= 0)
		return;
	t->ok = false;
	t->no_funds = true;
	chain_no_funds_words(t->reason, &ch->coin, &call->from, all,
			     t->means.coin);
}

/* The first answer: what the call did. */
static enum err_code read_call(struct chain_trial *t, bool create,
			       const struct tron_answer *a, struct err *e)
{
	struct tron_constant c = {0};
	const json_t *v = value_of(a, e);
	enum err_code rc = v ? tron_get_constant(&c, v, e) : a->why.code;

	t->ok = c.ok;
	t->units = c.energy;
	t->out_of_time = c.out_of_time;
	(void)snprintf(t->reason, sizeof(t->reason), "%s", c.reason);
	if (rc == ERR_NONE && c.ok)
		read_first_word(t, &c, create);
	tron_constant_clear(&c);
	return rc;
}

/* Resources and account. */
static enum err_code read_means(struct chain_means *m, const char **what,
				const struct tron_answer *a, struct err *e)
{
	struct tron_resources res;
	const json_t *v;
	bool found;

	*what = trial_resources;
	v = value_of(&a[0], e);
	if (!v || tron_get_resources(&res, v, e) != ERR_NONE)
		return e->code;
	*what = trial_account;
	v = value_of(&a[1], e);
	if (!v || tron_get_account(&m->coin, &found, v, e) != ERR_NONE)
		return e->code;
	m->known = true;
	m->units = res.energy;
	m->bytes = res.bandwidth;
	m->free_bytes = res.free_bandwidth;
	return ERR_NONE;
}

/* The other answers: parameters, resources, account. */
static enum err_code read_cost(struct tron_leg *leg, struct chain_trial *t,
			       const char **what, const struct tron_reply *r,
			       struct err *e)
{
	struct tron_tx tx = leg->op->u.form.tx;
	struct tron_resources res;
	struct tron_params params;
	struct tron_cost cost;
	struct err why = {0};
	const json_t *v;

	*what = trial_params;
	v = value_of(&r->answers[1], e);
	if (!v || tron_get_params(&params, v, e) != ERR_NONE)
		return e->code;
	if (read_means(&t->means, what, r->answers + 2, e) != ERR_NONE)
		return e->code;
	res = (struct tron_resources){.energy = t->means.units,
				      .bandwidth = t->means.bytes,
				      .free_bandwidth = t->means.free_bytes};
	tx.expiration_ms = tx.timestamp_ms = SOME_TIME_MS;
	if (tron_cost_of(&cost, &tx, t->units, &params, &res, &why) !=
	    ERR_NONE) {
		t->ok = false;
		(void)snprintf(t->reason, sizeof(t->reason), "%.120s", why.msg);
		return ERR_NONE;
	}
	t->fee = cost.fee;
	t->fee_max = cost.fee_max;
	t->bytes = cost.bytes;
	t->unit_price = params.energy_sun;
	t->byte_price = params.byte_sun;
	check_funds(t, &leg->op->ct->chain, &leg->op->c.call);
	return ERR_NONE;
}

/* *what: of which request an error is. */
static enum err_code read_trial(struct tron_leg *leg, struct chain_trial *t,
				const char **what, const struct tron_reply *r,
				struct err *e)
{
	enum err_code rc;

	*t = (struct chain_trial){0};
	*what = trial_call;
	rc = read_call(t, leg->op->c.call.create, &r->answers[0], e);
	if (rc == ERR_NONE && t->ok)
		rc = read_cost(leg, t, what, r, e);
	return rc;
}

static void try_start(struct tron_op *op);

static void on_trial(void *ctx, const struct tron_reply *r, const struct err *e)
{
	struct tron_leg *leg = ctx;
	struct tron_op *op = leg->op;
	struct chain_trial t;
	struct err why = {0};
	const char *what;

	if (e)
		leg->why = *e;
	else if (read_trial(leg, &t, &what, r, &why) != ERR_NONE)
		tron_leg_blame(leg, what, &why);
	else
		chain_trials_add(&op->trials, leg->node, &t);
	if (next_node(leg, try_start))
		return;
	if (op->trials.n == 0) {
		chain_op_fail(&op->c, &op->c.why);
		return;
	}
	chain_tell_trials(&op->ct->odd, &op->trials);
	chain_op_unlink(&op->c);
	op->c.fn.trial(op->c.ctx, &op->trials.all, NULL);
	chain_op_free(&op->c);
}

static void add_address(struct tron_leg *leg, const char *path,
			const struct address *a)
{
	struct node_text *t = tron_batch_add(&leg->batch, false, path);

	node_text_str(t, "{\"address\":");
	tron_text_address(t, a);
	node_text_str(t, "}");
}

static void add_means(struct tron_leg *leg)
{
	add_address(leg, trial_resources, &leg->op->c.call.from);
	add_address(leg, trial_account, &leg->op->c.call.from);
}

static void try_start(struct tron_op *op)
{
	struct tron_leg *leg = &op->legs[0];
	const struct chain_call *call = &op->c.call;

	tron_leg_begin(leg, leg->node, true);
	tron_text_call(tron_batch_add(&leg->batch, false, trial_call),
		       &call->from, call->create ? NULL : &call->to,
		       op->u.form.tx.value, call->data, call->len);
	node_text_str(tron_batch_add(&leg->batch, false, trial_params), "{}");
	add_means(leg);
	tron_leg_send(leg, on_trial);
}

/* -------------------------------------------------------------------- means */

static void means_start(struct tron_op *op);

static void on_means(void *ctx, const struct tron_reply *r, const struct err *e)
{
	struct tron_leg *leg = ctx;
	struct tron_op *op = leg->op;
	struct chain_means m = {.known = false};
	struct err why = {0};
	const char *what;

	if (e)
		leg->why = *e;
	else if (read_means(&m, &what, r->answers, &why) != ERR_NONE)
		tron_leg_blame(leg, what, &why);
	if (leg->why.code != ERR_NONE) {
		if (!next_node(leg, means_start))
			chain_op_fail(&op->c, &op->c.why);
		return;
	}
	chain_op_unlink(&op->c);
	op->c.fn.means(op->c.ctx, &m, NULL);
	chain_op_free(&op->c);
}

static void means_start(struct tron_op *op)
{
	struct tron_leg *leg = &op->legs[0];

	tron_leg_begin(leg, leg->node, true);
	add_means(leg);
	tron_leg_send(leg, on_means);
}

/* -------------------------------------------------------------------- forms */

static const char form_block[] = "getblock";

/* What came back is what was asked for, or it is not used. */
static enum err_code check_signed(struct chain_form *f, struct tron_op *op,
				  const struct signer_reply *r, struct err *e)
{
	struct tron_tx got;
	struct ecc_sig sig;
	struct hash32 id, want;
	uint8_t *buf = malloc(op->u.form.tx.len + TRON_TX_OVERHEAD);
	enum err_code rc;

	if (!buf)
		return err_fail(e, ERR_NOMEM, "no memory");
	rc = tron_tx_id(&want, &op->u.form.tx, buf,
			op->u.form.tx.len + TRON_TX_OVERHEAD, e);
	free(buf);
	if (rc == ERR_NONE)
		rc = tron_tx_decode(&got, &sig, &id, r->u.tx.raw,
				    r->u.tx.raw_len, e);
	if (rc != ERR_NONE)
		return rc;
	if (memcmp(&id, &want, sizeof(id)) != 0 ||
	    memcmp(&id, &r->u.tx.hash, sizeof(id)) != 0)
		return err_fail(e, ERR_SIG, "another transaction was signed");
	*f = (struct chain_form){.txid = id,
				 .slot = got.expiration_ms,
				 .fee_max = op->u.form.fee_max,
				 .raw = r->u.tx.raw,
				 .raw_len = r->u.tx.raw_len};
	return ERR_NONE;
}

static void on_signed(void *ctx, const struct signer_reply *r,
		      const struct err *e)
{
	struct tron_op *op = ctx;
	struct err why = {0};
	struct chain_form f;

	op->u.form.signing = false;
	if (!e && check_signed(&f, op, r, &why) != ERR_NONE)
		e = &why;
	if (e) {
		chain_op_fail(&op->c, e);
		return;
	}
	chain_op_unlink(&op->c);
	op->c.fn.form(op->c.ctx, &f, NULL);
	chain_op_free(&op->c);
}

static enum err_code sign(struct tron_op *op, const struct tron_params *params,
			  struct err *e)
{
	static const struct tron_resources none;
	struct chain_tron *ct = op->ct;
	struct tron_tx *t = &op->u.form.tx;
	struct signer_request q = {
		.type = SIGNER_TX_TRON,
		.u.tron = {.purpose = op->u.form.purpose,
			   .chain_id = tron_rpc_chain_id(ct->rpc)}};
	struct tron_cost cost;
	enum err_code rc =
		tron_cost_of(&cost, t, op->u.form.units, params, &none, e);

	if (rc != ERR_NONE)
		return rc;
	t->fee_limit = cost.fee_limit;
	op->u.form.fee_max = cost.fee_max;
	if (!amount_is_zero(ct->cfg.max_fee) &&
	    amount_cmp(cost.fee_max, ct->cfg.max_fee) > 0)
		return err_fail(e, ERR_LIMIT,
				"the fee could pass the limit that is set");
	q.u.tron.tx = *t;
	rc = ct->signer.ask(ct->signer.ctx, &q, on_signed, op, e);
	op->u.form.signing = rc == ERR_NONE;
	return rc;
}

static enum err_code read_block(struct tron_block *b,
				const struct tron_answer *a, struct err *e)
{
	const json_t *v = value_of(a, e);
	bool found = false;

	if (!v || tron_get_block(b, &found, v, e) != ERR_NONE)
		return e->code;
	return found ? ERR_NONE : err_fail(e, ERR_CHAIN, "no newest block");
}

/* Two nodes, one number, two blocks: one of them is of another chain, or lies.
 * What refers to the wrong one no other node takes, so nothing is signed; and
 * neither is left alone for it, or the liar might be asked alone. */
static enum err_code dispute(struct tron_leg *leg, struct err *e)
{
	struct tron_op *op = leg->op;
	struct node_said said = {.odd = true};

	(void)snprintf(said.words, sizeof(said.words),
		       "question=solid block=%llu",
		       (unsigned long long)op->u.form.solid.number);
	node_odd_tell(&op->ct->odd, NODE_ON_FORM, leg->node, &said);
	node_odd_tell(&op->ct->odd, NODE_ON_FORM, op->u.form.solid_of, &said);
	op->u.form.disputed = true;
	return err_fail(e, ERR_CHAIN, "%s and %s differ about block %llu",
			node_set_name(op->ct->nodes, op->u.form.solid_of),
			node_set_name(op->ct->nodes, leg->node),
			(unsigned long long)op->u.form.solid.number);
}

static bool same_block(const struct tron_block *a, const struct tron_block *b)
{
	return memcmp(&a->id, &b->id, sizeof(a->id)) == 0;
}

/* What this node calls the solid block that was kept; if it has not got so far,
 * its own is kept. *e: they differ. */
static enum err_code keep_oldest(struct tron_leg *leg,
				 const struct tron_block *solid,
				 const struct tron_answer *known, struct err *e)
{
	struct tron_op *op = leg->op;
	struct tron_block *kept = &op->u.form.solid, b;
	const struct node_said agrees = {.odd = false};
	bool found = false;

	if (op->u.form.n_good == 0 || solid->number < kept->number) {
		*kept = *solid;
		op->u.form.solid_of = leg->node;
		return ERR_NONE;
	}
	if (!value_of(known, e) ||
	    tron_get_block(&b, &found, known->v, e) != ERR_NONE)
		return e->code;
	if (!found || !same_block(&b, kept))
		return dispute(leg, e);
	node_odd_tell(&op->ct->odd, NODE_ON_FORM, leg->node, &agrees);
	node_odd_tell(&op->ct->odd, NODE_ON_FORM, op->u.form.solid_of, &agrees);
	return ERR_NONE;
}

/* One node's blocks and prices. Of prices the dearest count: what is not
 * burnt is not taken, and what is missing burns all the rest. */
static enum err_code read_form(struct tron_leg *leg, const char **what,
			       const struct tron_reply *r, struct err *e)
{
	struct tron_op *op = leg->op;
	struct tron_params params;
	struct tron_block solid, head;
	const json_t *v;
	enum err_code rc;

	*what = form_block;
	if ((rc = read_block(&solid, &r->answers[0], e)) ||
	    (rc = read_block(&head, &r->answers[1], e)))
		return rc;
	if (head.number < solid.number || head.time_ms < solid.time_ms ||
	    head.time_ms > INT64_MAX / 2)
		return err_fail(e, ERR_CHAIN,
				"a newest block before the solid one");
	*what = trial_params;
	v = value_of(&r->answers[2], e);
	if (!v || tron_get_params(&params, v, e) != ERR_NONE)
		return e->code;
	*what = form_block;
	if ((rc = keep_oldest(leg, &solid, &r->answers[3], e)))
		return rc;
	if (op->u.form.n_good == 0 || head.time_ms < op->u.form.time_ms)
		op->u.form.time_ms = head.time_ms;
	if (op->u.form.n_good == 0 ||
	    params.energy_sun > op->u.form.params.energy_sun)
		op->u.form.params = params;
	op->u.form.n_good++;
	return ERR_NONE;
}

/* The slot is so far after the newest block, and never one that a transaction
 * of ours has that is not ended: so no two of them are the same bytes. */
static void choose_slot(struct tron_op *op)
{
	struct tron_tx *t = &op->u.form.tx;

	tron_tx_refer(t, &op->u.form.solid.id);
	t->expiration_ms = op->u.form.time_ms + TRON_LIFE_MS;
	if (t->expiration_ms < op->u.form.floor)
		t->expiration_ms = op->u.form.floor;
	t->timestamp_ms = op->u.form.time_ms;
}

static void form_start(struct tron_op *op);

static void on_form(void *ctx, const struct tron_reply *r, const struct err *e)
{
	struct tron_leg *leg = ctx;
	struct tron_op *op = leg->op;
	struct err why = {0};
	const char *what;

	if (e) {
		leg->why = *e;
	} else if (read_form(leg, &what, r, &why) != ERR_NONE) {
		if (op->u.form.disputed) {
			chain_op_fail(&op->c, &why);
			return;
		}
		tron_leg_blame(leg, what, &why);
	}
	if (next_node(leg, form_start))
		return;
	if (op->u.form.n_good == 0) {
		chain_op_fail(&op->c, &op->c.why);
		return;
	}
	choose_slot(op);
	if (sign(op, &op->u.form.params, &why) != ERR_NONE)
		chain_op_fail(&op->c, &why);
}

static void form_start(struct tron_op *op)
{
	static const char newest[] = "{\"detail\":false}";
	struct tron_leg *leg = &op->legs[0];
	struct node_text *t;

	tron_leg_begin(leg, leg->node, true);
	node_text_str(tron_batch_add(&leg->batch, true, form_block), newest);
	node_text_str(tron_batch_add(&leg->batch, false, form_block), newest);
	node_text_str(tron_batch_add(&leg->batch, false, trial_params), "{}");
	if (op->u.form.n_good) {
		t = tron_batch_add(&leg->batch, false, form_block);
		node_text_str(t, "{\"id_or_num\":\"");
		node_text_u64(t, op->u.form.solid.number);
		node_text_str(t, "\",\"detail\":false}");
	}
	tron_leg_send(leg, on_form);
}

/* -------------------------------------------------------------------- sends */

/* A node that takes a transaction says which. */
static bool right_txid(const struct tron_op *op, const json_t *v)
{
	const char *s = json_string_value(json_object_get(v, "txid"));
	struct hash32 id;
	size_t len = 0;

	return s && node_unhex(id.bytes, &len, sizeof(id.bytes), s) &&
	       len == sizeof(id.bytes) &&
	       memcmp(&id, &op->u.txid, sizeof(id)) == 0;
}

static void on_sent(void *ctx, const struct tron_reply *r, const struct err *e)
{
	static const char path[] = "broadcasthex";
	struct tron_leg *leg = ctx;
	struct tron_op *op = leg->op;
	enum chain_send_result best = CHAIN_SEND_NO;
	struct err why = {0};
	char words[160] = "";

	leg->u.sent = CHAIN_SEND_LATER;
	if (e) {
		leg->why = *e;
	} else {
		const struct tron_answer *a = &r->answers[0];

		(void)snprintf(words, sizeof(words), "%s", a->why.msg);
		leg->u.sent = tron_get_sent(words, sizeof(words), a->v);
		if (leg->u.sent == CHAIN_SENT && !right_txid(op, a->v)) {
			leg->u.sent = CHAIN_SEND_LATER;
			(void)err_fail(&why, ERR_PARSE,
				       "took another transaction");
			tron_leg_blame(leg, path, &why);
		} else if (leg->u.sent != CHAIN_SENT) {
			(void)err_fail(&leg->why, ERR_CHAIN, "%s: %s",
				       node_set_name(op->ct->nodes, leg->node),
				       words);
		}
	}
	if (!tron_leg_done(leg))
		return;
	for (struct tron_leg *l = op->legs; l < op->legs + op->n_legs; l++)
		best = chain_send_better(best, l->u.sent);
	chain_op_unlink(&op->c);
	op->c.fn.send(op->c.ctx, best, op->c.why.msg);
	chain_op_free(&op->c);
}

/* ------------------------------------------------------------ struct chain */

static void tron_free(struct chain *ch)
{
	struct chain_tron *ct = tron(ch);

	chain_op_list_clear(&ct->ops);
	tron_rpc_free(ct->rpc);
	free(ct);
}

static void tron_forget(struct chain *ch, void *ctx)
{
	chain_op_forget(&tron(ch)->ops, ctx);
}

static void tron_do_read(struct chain *ch, enum chain_state state,
			 const struct chain_ask *asks, size_t n,
			 chain_read_fn *cb, void *ctx)
{
	struct tron_op *op = op_new(ch, CHAIN_OP_READ, ctx);

	if (!op)
		return;
	op->c.fn.read = cb;
	op->u.read.state = state;
	if (n < 1 || n > CHAIN_MAX_ASKS) {
		chain_op_fail_later(&op->c, ERR_LIMIT, "too many questions");
		return;
	}
	op->u.read.asks = calloc(n, sizeof(*asks));
	if (!op->u.read.asks) {
		chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
		return;
	}
	memcpy(op->u.read.asks, asks, n * sizeof(*asks));
	op->u.read.n = n;
	tron_read(op);
}

static void tron_do_try(struct chain *ch, const struct chain_call *call,
			chain_trial_fn *cb, void *ctx)
{
	struct tron_op *op = op_new(ch, CHAIN_OP_TRY, ctx);
	struct err why = {0};

	if (!op)
		return;
	op->c.fn.trial = cb;
	if (!chain_op_keep_call(&op->c, call))
		chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
	else if (tx_of(&op->u.form.tx, &op->c.call, &why) != ERR_NONE)
		chain_op_fail_later(&op->c, why.code, why.msg);
	else
		first_node(op, try_start);
}

static void tron_do_means(struct chain *ch, const struct address *who,
			  chain_means_fn *cb, void *ctx)
{
	struct tron_op *op = op_new(ch, CHAIN_OP_MEANS, ctx);

	if (!op)
		return;
	op->c.fn.means = cb;
	op->c.call.from = *who;
	first_node(op, means_start);
}

static void tron_do_form(struct chain *ch, const struct chain_call *call,
			 uint64_t units, const struct chain_form *older,
			 uint64_t slot_floor, chain_form_fn *cb, void *ctx)
{
	struct chain_tron *ct = tron(ch);
	struct tron_op *op = op_new(ch, CHAIN_OP_FORM, ctx);
	struct err why = {0};

	if (!op)
		return;
	op->c.fn.form = cb;
	op->u.form.units = units;
	op->u.form.floor = slot_floor;
	if (older) {
		chain_op_fail_later(&op->c, ERR_STATE,
				    "on TRON no transaction takes the place of "
				    "another");
		return;
	}
	if (!chain_op_keep_call(&op->c, call)) {
		chain_op_fail_later(&op->c, ERR_NOMEM, "no memory");
		return;
	}
	if (chain_signer_purpose(&op->u.form.purpose, &ct->signer, &call->from,
				 &why) != ERR_NONE ||
	    tx_of(&op->u.form.tx, &op->c.call, &why) != ERR_NONE)
		chain_op_fail_later(&op->c, why.code, why.msg);
	else
		first_node(op, form_start);
}

static void tron_do_send(struct chain *ch, const uint8_t *raw, size_t len,
			 chain_send_fn *cb, void *ctx)
{
	struct tron_op *op = op_new(ch, CHAIN_OP_SEND, ctx);
	struct err why = {0};
	struct tron_tx tx;
	struct ecc_sig sig;

	if (!op)
		return;
	op->c.fn.send = cb;
	if (tron_tx_decode(&tx, &sig, &op->u.txid, raw, len, &why) !=
	    ERR_NONE) {
		chain_op_fail_later(&op->c, why.code, why.msg);
		return;
	}
	op->n_legs = node_set_count(op->ct->nodes);
	op->waiting = op->n_legs;
	for (size_t i = 0; i < op->n_legs; i++) {
		struct node_text *t;

		tron_leg_begin(&op->legs[i], i, true);
		t = tron_batch_add(&op->legs[i].batch, false, "broadcasthex");
		node_text_str(t, "{\"transaction\":");
		tron_text_hex(t, raw, len);
		node_text_str(t, "}");
		tron_leg_send(&op->legs[i], on_sent);
	}
}

static void tron_do_fate(struct chain *ch, const struct address *from,
			 uint64_t slot, const struct hash32 *txids, size_t n,
			 chain_fate_fn *cb, void *ctx)
{
	struct tron_op *op = op_new(ch, CHAIN_OP_FATE, ctx);

	if (!op)
		return;
	op->c.fn.fate = cb;
	op->u.fate.from = *from;
	op->u.fate.slot = slot;
	if (n < 1 || 1 + 2 * n > TRON_MAX_BATCH) {
		chain_op_fail_later(&op->c, ERR_LIMIT, "too many forms");
		return;
	}
	op->u.fate.n = n;
	memcpy(op->u.fate.txids, txids, n * sizeof(txids[0]));
	tron_fate(op);
}

enum err_code chain_tron_new(struct chain **out, struct loop *loop,
			     struct http *http,
			     const struct chain_signer *signer,
			     const struct chain_tron_config *cfg,
			     struct log *log, struct err *e)
{
	static const struct chain_ops ops = {.free = tron_free,
					     .forget = tron_forget,
					     .read = tron_do_read,
					     .try_call = tron_do_try,
					     .form = tron_do_form,
					     .send = tron_do_send,
					     .fate = tron_do_fate,
					     .means = tron_do_means};
	static const struct chain_op_kit kit = {.size = sizeof(struct tron_op),
						.make = op_make,
						.reset = op_reset,
						.destroy = op_destroy};
	struct chain_tron *ct = calloc(1, sizeof(*ct));
	enum err_code rc;

	if (!ct)
		return err_fail(e, ERR_NOMEM, "no memory");
	*ct = (struct chain_tron){
		.chain = {.ops = &ops,
			  .units = "energy",
			  .expires = true,
			  .at_once = (TRON_MAX_BATCH - 1) * TRON_PROBE_ASKS,
			  .coin = {.symbol = "TRX",
				   .decimals = 6,
				   .address = ADDRESS_TRON}},
		.signer = *signer,
		.cfg = *cfg,
		.log = log};
	rc = tron_rpc_new(&ct->rpc, loop, http, &cfg->rpc, log, e);
	if (rc != ERR_NONE) {
		free(ct);
		return rc;
	}
	ct->nodes = tron_rpc_nodes(ct->rpc);
	ct->odd = (struct node_odd){.log = log, .nodes = ct->nodes};
	rc = chain_op_list_init(&ct->ops, &kit, ct, loop, log, e);
	if (rc != ERR_NONE) {
		tron_free(&ct->chain);
		return rc;
	}
	*out = &ct->chain;
	return ERR_NONE;
}
