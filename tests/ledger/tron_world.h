/* tron_world.h - the TRON backend with nodes that are told what to say, a
 * signer of the test's own, and its newest answer.
 */
#ifndef TESTS_LEDGER_TRON_WORLD_H
#define TESTS_LEDGER_TRON_WORLD_H

#include "ledger/chain/chain_tron.h"
#include "tests/ledger/tron_server.h"

#define NODES 3

struct world {
	struct loop *loop;
	struct http *http;
	struct tron_server nodes[NODES];
	struct chain *ch;
	struct loop_timer *guard, *sign_timer;
	struct ecc *ecc;
	struct ecc_key key;
	struct address me;
	bool timed_out;
	/* the newest answer */
	struct err e;
	bool got;
	struct chain_view at;
	struct chain_answer a[64];
	struct chain_trial trial;
	struct chain_form form;
	uint8_t raw[2048]; /* of the form */
	enum chain_send_result sent;
	enum chain_fate fate;
	struct chain_outcome outcome;
	/* what the signer was asked, and how it answers */
	struct signer_tx_tron q;
	uint8_t signed_raw[2048];
	struct signer_reply reply;
	bool refuse, cheat;
	signer_reply_fn *fn;
	void *fn_ctx;
};

TVM_FN void on_guard(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	loop_stop(w->loop);
}

TVM_FN enum err_code sign(void *ctx, const struct signer_request *q,
			  signer_reply_fn *fn, void *fn_ctx, struct err *e)
{
	struct world *w = ctx;
	struct tron_tx tx = q->u.tron.tx;
	struct ecc_sig sig;

	CHECK(q->type == SIGNER_TX_TRON, "type %d", (int)q->type);
	if (w->refuse)
		return err_fail(e, ERR_FUNDS, "over the day's limit");
	w->q = q->u.tron;
	if (w->cheat)
		tx.value++;
	w->reply = (struct signer_reply){.type = SIGNER_TX_TRON};
	if (tron_tx_id(&w->reply.u.tx.hash, &tx, w->signed_raw,
		       sizeof(w->signed_raw), e) != ERR_NONE)
		return e->code;
	sig = ecc_sign(w->ecc, &w->key, &w->reply.u.tx.hash);
	w->reply.u.tx.raw = w->signed_raw;
	w->reply.u.tx.raw_len =
		tron_tx_seal(&tx, &sig, w->signed_raw, sizeof(w->signed_raw));
	w->fn = fn;
	w->fn_ctx = fn_ctx;
	loop_timer_set(w->sign_timer, 0);
	return ERR_NONE;
}

TVM_FN void on_sign(void *ctx)
{
	struct world *w = ctx;

	w->fn(w->fn_ctx, &w->reply, NULL);
}

TVM_FN void forget(void *ctx, void *fn_ctx)
{
	(void)ctx;
	(void)fn_ctx;
}

TVM_FN void world_open_max(struct world *w, size_t nodes, uint64_t max_fee)
{
	struct chain_signer signer = {.ask = sign, .forget = forget, .ctx = w};
	struct chain_tron_config cfg = {.rpc = {.nodes = {.n_urls = nodes,
							  .timeout_ms = 200,
							  .tries = 3,
							  .retry_ms = 1,
							  .max_down_ms = 1},
						.chain_id = TRON_CHAIN},
					.max_fee = amount_from_u64(max_fee)};
	struct err e = {0};

	*w = (struct world){.loop = loop_new(NULL), .ecc = ecc_new(NULL)};
	if (!w->loop || http_new(&w->http, w->loop, 40, NULL) != ERR_NONE)
		abort();
	memset(w->key.bytes, 0x46, sizeof(w->key.bytes));
	w->me = signer.accounts[0] = ecc_address(w->ecc, &w->key);
	w->guard = loop_timer_new(w->loop, on_guard, w);
	w->sign_timer = loop_timer_new(w->loop, on_sign, w);
	for (size_t i = 0; i < NODES; i++)
		tron_open(&w->nodes[i], w->loop);
	for (size_t i = 0; i < nodes; i++)
		cfg.rpc.nodes.urls[i] = w->nodes[i].http.url;
	CHECK(chain_tron_new(&w->ch, w->loop, w->http, &signer, &cfg, NULL,
			     &e) == ERR_NONE,
	      "%s", e.msg);
}

TVM_FN void world_open(struct world *w, size_t nodes)
{
	world_open_max(w, nodes, 0);
}

TVM_FN void world_close(struct world *w)
{
	chain_free(w->ch);
	http_free(w->http);
	for (size_t i = 0; i < NODES; i++)
		tron_close(&w->nodes[i]);
	loop_timer_free(w->guard);
	loop_timer_free(w->sign_timer);
	loop_free(w->loop);
	ecc_free(w->ecc);
}

TVM_FN void run(struct world *w)
{
	loop_timer_set(w->guard, 20000);
	loop_run(w->loop);
	loop_timer_cancel(w->guard);
	CHECK(!w->timed_out, "no answer at all");
}

TVM_FN void got(struct world *w, const struct err *e)
{
	w->e = e ? *e : (struct err){0};
	w->got = !e;
	loop_stop(w->loop);
}

TVM_FN void on_read(void *ctx, const struct chain_view *at,
		    const struct chain_answer *answers, size_t n,
		    const struct err *e)
{
	struct world *w = ctx;

	if (!e) {
		w->at = *at;
		memcpy(w->a, answers, n * sizeof(answers[0]));
	}
	got(w, e);
}

TVM_FN void on_trial(void *ctx, const struct chain_trial *t,
		     const struct err *e)
{
	struct world *w = ctx;

	if (!e)
		w->trial = *t;
	got(w, e);
}

TVM_FN void on_form(void *ctx, const struct chain_form *f, const struct err *e)
{
	struct world *w = ctx;

	if (!e) {
		w->form = *f;
		memcpy(w->raw, f->raw, f->raw_len);
		w->form.raw = w->raw;
	}
	got(w, e);
}

TVM_FN void on_send(void *ctx, enum chain_send_result r, const char *why)
{
	struct world *w = ctx;

	w->sent = r;
	got(w, NULL);
	(void)err_fail(&w->e, ERR_CHAIN, "%s", why);
}

TVM_FN void on_fate(void *ctx, enum chain_fate fate,
		    const struct chain_outcome *o)
{
	struct world *w = ctx;

	w->fate = fate;
	CHECK((o != NULL) ==
		      (fate == CHAIN_FATE_MINED || fate == CHAIN_FATE_FINAL),
	      "an outcome with fate %d", (int)fate);
	if (o)
		w->outcome = *o;
	got(w, NULL);
}

TVM_FN void rules(struct world *w, size_t node, const struct tron_rule *r,
		  size_t n)
{
	w->nodes[node].rules = r;
	w->nodes[node].n_rules = n;
}

TVM_FN void read_free(struct world *w, enum chain_state state)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_FREE, .c = tron_bank, .a = {{0x22}}};

	w->got = false;
	chain_read(w->ch, state, &ask, 1, on_read, w);
	CHECK(!w->got, "called back before it returned");
	run(w);
}

TVM_FN bool is_amount(const struct chain_answer *a, uint64_t want)
{
	return a->known && amount_cmp(a->amount, amount_from_u64(want)) == 0;
}

TVM_FN struct chain_call a_call(const struct world *w)
{
	static const uint8_t data[36] = {0x60, 0xfe, 0x47, 0xb1};

	return (struct chain_call){.from = w->me,
				   .to = tron_bank,
				   .data = data,
				   .len = sizeof(data)};
}

#endif
