/* The TRON backend against nodes that are told what to say: hostile answers,
 * failures on the way, several nodes that disagree, blocks that move on, fees,
 * forms, fates. */
#include "ledger/chain_tron.h"
#include "tests/base/vec.h"
#include "tests/ledger/tron_server.h"

#define NODES 3
#define SLOT (TRON_T0 + UINT64_C(300) * 3000)

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

static void on_guard(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	loop_stop(w->loop);
}

static enum err_code sign(void *ctx, const struct signer_request *q,
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

static void on_sign(void *ctx)
{
	struct world *w = ctx;

	w->fn(w->fn_ctx, &w->reply, NULL);
}

static void forget(void *ctx, void *fn_ctx)
{
	(void)ctx;
	(void)fn_ctx;
}

static void world_open_max(struct world *w, size_t nodes, uint64_t max_fee)
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

static void world_open(struct world *w, size_t nodes)
{
	world_open_max(w, nodes, 0);
}

static void world_close(struct world *w)
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

static void run(struct world *w)
{
	loop_timer_set(w->guard, 20000);
	loop_run(w->loop);
	loop_timer_cancel(w->guard);
	CHECK(!w->timed_out, "no answer at all");
}

static void got(struct world *w, const struct err *e)
{
	w->e = e ? *e : (struct err){0};
	w->got = !e;
	loop_stop(w->loop);
}

static void on_read(void *ctx, const struct chain_view *at,
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

static void on_trial(void *ctx, const struct chain_trial *t,
		     const struct err *e)
{
	struct world *w = ctx;

	if (!e)
		w->trial = *t;
	got(w, e);
}

static void on_form(void *ctx, const struct chain_form *f, const struct err *e)
{
	struct world *w = ctx;

	if (!e) {
		w->form = *f;
		memcpy(w->raw, f->raw, f->raw_len);
		w->form.raw = w->raw;
	}
	got(w, e);
}

static void on_send(void *ctx, enum chain_send_result r, const char *why)
{
	struct world *w = ctx;

	w->sent = r;
	got(w, NULL);
	(void)err_fail(&w->e, ERR_CHAIN, "%s", why);
}

static void on_fate(void *ctx, enum chain_fate fate,
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

static void rules(struct world *w, size_t node, const struct tron_rule *r,
		  size_t n)
{
	w->nodes[node].rules = r;
	w->nodes[node].n_rules = n;
}

static void read_free(struct world *w, enum chain_state state)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_FREE, .c = tron_bank, .a = {{0x22}}};

	w->got = false;
	chain_read(w->ch, state, &ask, 1, on_read, w);
	CHECK(!w->got, "called back before it returned");
	run(w);
}

static bool is_amount(const struct chain_answer *a, uint64_t want)
{
	return a->known && amount_cmp(a->amount, amount_from_u64(want)) == 0;
}

/* ------------------------------------------------------------------- reads */

static void hostile_answers_cost_one_line(void)
{
	static char big[TRON_MAX_REPLY + 2];
	static const struct {
		const char *name;
		enum rpc_mode mode;
		int status;
		const char *raw, *says;
	} rows[] = {
		{"HTML", RPC_RAW, 200, "<html>busy</html>", "not JSON"},
		{"nothing", RPC_RAW, 200, "", "not JSON"},
		{"a list", RPC_RAW, 200, "[]", "want an object"},
		{"an empty object", RPC_RAW, 200, "{}", "no such block"},
		{"an exception", RPC_RAW, 200,
		 "{\"Error\":\"class java.lang.IllegalAccessException : lack "
		 "of "
		 "computing resources\"}",
		 "lack of computing"},
		{"503", RPC_RAW, 503, "<html>", "HTTP status 503"},
		{"429", RPC_RAW, 429, "{}", "HTTP status 429"},
		{"a path that is not there", RPC_RAW, 404, "<html>",
		 "HTTP status 404"},
		{"a method that is not there", RPC_RAW, 405, "<html>",
		 "HTTP status 405"},
		{"a redirect", RPC_RAW, 302, "", "HTTP status 302"},
		{"more than the largest answer", RPC_RAW, 200, big, ""},
		{"a connection that is closed", RPC_HANGUP, 0, "", ""},
		{"no answer in time", RPC_SILENT, 0, "", ""},
	};

	memset(big, ' ', sizeof(big) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;

		world_open(&w, 1);
		w.nodes[0].http.mode = rows[i].mode;
		w.nodes[0].http.status = rows[i].status;
		w.nodes[0].http.raw = rows[i].raw;
		read_free(&w, CHAIN_LATEST);
		CHECK(!w.got && w.e.code != ERR_NONE, "%s: believed",
		      rows[i].name);
		CHECK(strstr(w.e.msg, rows[i].says), "%s: %s", rows[i].name,
		      w.e.msg);
		CHECK(strstr(w.e.msg, "127.0.0.1:") &&
			      strstr(w.e.msg, "getblock"),
		      "%s: who and which request: %s", rows[i].name, w.e.msg);
		CHECK(!strchr(w.e.msg, '\n'), "%s: one line", rows[i].name);
		world_close(&w);
	}
}

#define PROBE "walletsolidity/triggerconstantcontract"
#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define ONE "0000000000000000000000000000000000000000000000000000000000000001"
#define WORD32 \
	"0000000000000000000000000000000000000000000000000000000000000020"
#define CONSTANT(ret) \
	"{\"result\":{\"result\":true},\"constant_result\":[\"" ret \
	"\"],\"transaction\":{\"ret\":[{}]}}"

static void nonsense_in_one_answer_is_named(void)
{
	static const struct {
		const char *name;
		struct tron_rule rule;
		const char *says;
	} rows[] = {
		{"another chain",
		 {PROBE, NULL, CONSTANT(W0 W0 W0 ONE WORD32 W0)},
		 "is chain 0, want 1789446558"},
		{"a probe that returns nothing",
		 {PROBE, NULL, CONSTANT("")},
		 "not what was asked"},
		{"a probe that is no word",
		 {PROBE, NULL, CONSTANT("00")},
		 "not what was asked"},
		{"a node that runs no such call",
		 {PROBE, NULL,
		  "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\","
		  "\"message\":"
		  "\"74686973206e6f646520646f6573206e6f7420737570706f727420636f"
		  "6e7"
		  "374616e74\"}}"},
		 "not support constant"},
		{"no block of that number",
		 {"walletsolidity/getblock", NULL, "{}"},
		 "no such block"},
		{"another block of that number",
		 {"walletsolidity/getblock", NULL,
		  "{\"blockID\":"
		  "\"0000000000000107aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaa\",\"block_header\":{\"raw_data\":{"
		  "\"number\":26"
		  "3,\"timestamp\":5}}}"},
		 "another block 263"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;

		world_open(&w, 1);
		rules(&w, 0, &rows[i].rule, 1);
		read_free(&w, CHAIN_FINAL);
		CHECK(!w.got && strstr(w.e.msg, rows[i].says), "%s: %s",
		      rows[i].name, w.e.msg);
		world_close(&w);
	}
}

static void a_read_is_of_one_block(void)
{
	static const struct {
		const char *name;
		enum chain_state state;
		unsigned moves;
		uint64_t block; /* 0: none */
	} rows[] = {
		{"final", CHAIN_FINAL, 0, 263},
		{"newest", CHAIN_LATEST, 0, 265},
		{"its block moves on once", CHAIN_FINAL, 1, 264},
		{"it moves on as often as is borne", CHAIN_FINAL, 10, 268},
		{"it never stops", CHAIN_FINAL, 1000, 0},
	};
	struct chain_ask asks[40];

	for (size_t i = 0; i < 40; i++) /* more than one probe */
		asks[i] = (struct chain_ask){.what = CHAIN_ASK_COIN,
					     .a = {{(uint8_t)(i + 1)}}};
	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;

		world_open(&w, 1);
		w.nodes[0].moves = rows[i].moves;
		chain_read(w.ch, rows[i].state, asks, 40, on_read, &w);
		run(&w);
		CHECK(w.got == (rows[i].block != 0), "%s: %s", rows[i].name,
		      w.e.msg);
		CHECK(!w.got || w.at.block >= rows[i].block, "%s: %llu",
		      rows[i].name, (unsigned long long)w.at.block);
		if (w.got)
			for (size_t k = 0; k < 40; k++)
				CHECK(is_amount(&w.a[k], k + 1),
				      "%s: answer %zu", rows[i].name, k);
		else
			CHECK(strstr(w.e.msg, "moved on"), "%s: %s",
			      rows[i].name, w.e.msg);
		world_close(&w);
	}
}

/* Its header is asked for by number then. */
static void the_newest_block_may_be_another_than_was_read(void)
{
	static const struct tron_rule newer = {
		"walletsolidity/getblock", "{\"detail\"",
		"{\"blockID\":"
		"\"0000000000000108bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbb\",\"block_header\":{\"raw_data\":{\"number\":264,"
		"\"timestamp\":1795232094000}}}"};
	static struct world w;

	world_open(&w, 1);
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && w.at.block == 263 && w.nodes[0].http.posts == 2,
	      "two requests: %u", w.nodes[0].http.posts);
	rules(&w, 0, &newer, 1);
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && w.at.block == 263 && w.at.hash.bytes[7] == 7 &&
		      w.at.hash.bytes[8] == 0xaa && w.nodes[0].http.posts == 5,
	      "and a third: %u %s", w.nodes[0].http.posts, w.e.msg);
	world_close(&w);
}

/* A node whose solid state is at another port. */
static void solid_state_is_asked_at_its_own_port(void)
{
	struct chain_tron_config cfg = {.rpc = {.nodes = {.n_urls = 1,
							  .timeout_ms = 200,
							  .tries = 1,
							  .retry_ms = 1,
							  .max_down_ms = 1},
						.chain_id = TRON_CHAIN}};
	struct chain_signer nobody = {0};
	static struct world w;

	world_open(&w, 1);
	chain_free(w.ch);
	cfg.rpc.nodes.urls[0] = w.nodes[0].http.url;
	cfg.rpc.nodes.others[0] = w.nodes[1].http.url;
	CHECK(chain_tron_new(&w.ch, w.loop, w.http, &nobody, &cfg, NULL,
			     NULL) == ERR_NONE,
	      "open");
	w.nodes[0].free_of = 5;
	w.nodes[1].free_of = 7;
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && is_amount(&w.a[0], 7) && w.nodes[0].http.posts == 0,
	      "solid: %s", w.e.msg);
	read_free(&w, CHAIN_LATEST);
	CHECK(w.got && is_amount(&w.a[0], 5), "newest: %s", w.e.msg);
	world_close(&w);
}

static void an_answer_that_is_missing_is_unknown_not_zero(void)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_FREE, .c = {{9}}, .a = {{0x22}}};
	static struct world w;

	world_open(&w, 1);
	chain_read(w.ch, CHAIN_LATEST, &ask, 1, on_read, &w);
	run(&w);
	CHECK(w.got && !w.a[0].known && strstr(w.a[0].why, "no such contract"),
	      "%s", w.a[0].why);
	world_close(&w);
}

static void a_node_that_stumbles_is_asked_again(void)
{
	static const enum rpc_mode modes[] = {RPC_RAW, RPC_HANGUP};

	for (size_t i = 0; i < ROWS(modes); i++) {
		static struct world w;

		world_open(&w, 1);
		w.nodes[0].free_of = 7;
		w.nodes[0].http.mode = modes[i];
		w.nodes[0].http.status = 429;
		w.nodes[0].http.raw = "";
		w.nodes[0].http.bad_times = 2;
		read_free(&w, CHAIN_LATEST);
		CHECK(w.got && is_amount(&w.a[0], 7), "the next try: %s",
		      w.e.msg);
		world_close(&w);
	}
}

static void a_second_node_stands_in_for_the_first(void)
{
	static struct world w;

	world_open(&w, 2);
	w.nodes[0].http.mode = RPC_HANGUP;
	w.nodes[1].free_of = 7;
	read_free(&w, CHAIN_LATEST);
	CHECK(w.got && is_amount(&w.a[0], 7), "%s", w.e.msg);
	world_close(&w);
}

static void the_most_cautious_answer_counts(void)
{
	static const struct tron_rule other = {PROBE, NULL, CONSTANT(W0 W0 W0)};
	static struct world w;

	world_open(&w, 3);
	for (size_t i = 0; i < 3; i++) {
		w.nodes[i].free_of = i == 1 ? 5 : 9;
		w.nodes[i].solid = 100 + i;
	}
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && is_amount(&w.a[0], 5), "the smallest balance: %s",
	      w.e.msg);
	CHECK(w.at.block == 100, "the oldest solid block: %llu",
	      (unsigned long long)w.at.block);
	rules(&w, 1, &other, 1);
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && is_amount(&w.a[0], 9), "of the right chain: %s",
	      w.e.msg);
	for (size_t i = 0; i < 3; i++)
		w.nodes[i].http.mode = RPC_HANGUP;
	read_free(&w, CHAIN_FINAL);
	CHECK(!w.got, "nobody answered, and yet it is known");
	world_close(&w);
}

static void code_that_differs_is_unknown(void)
{
	struct chain_ask ask = {.what = CHAIN_ASK_CODE, .c = tron_bank};
	static struct world w;

	world_open(&w, 2);
	w.nodes[0].code = w.nodes[1].code = 0x60;
	chain_read(w.ch, CHAIN_FINAL, &ask, 1, on_read, &w);
	run(&w);
	CHECK(w.got && w.a[0].known && w.a[0].len == 3000, "%s", w.e.msg);
	w.nodes[1].code = 0x61;
	chain_read(w.ch, CHAIN_FINAL, &ask, 1, on_read, &w);
	run(&w);
	CHECK(w.got && !w.a[0].known && strstr(w.a[0].why, "differ"), "%s",
	      w.a[0].why);
	world_close(&w);
}

static void too_many_questions_are_refused(void)
{
	static struct chain_ask asks[CHAIN_MAX_ASKS + 1];
	static struct world w;

	world_open(&w, 1);
	chain_read(w.ch, CHAIN_LATEST, asks, CHAIN_MAX_ASKS + 1, on_read, &w);
	run(&w);
	CHECK(w.e.code == ERR_LIMIT, "%s", w.e.msg);
	world_close(&w);
}

/* ------------------------------------------------------------------ trials */

#define CALL "wallet/triggerconstantcontract"
#define CALLED "contract_address"
#define USED(n) \
	"{\"result\":{\"result\":true},\"energy_used\":" n \
	",\"constant_result\":[\"" \
	"0000000000000000000000000000000000000000000000000000000000000007" \
	"\"],\"transaction\":{\"ret\":[{}]}}"
#define RICH \
	{ \
		"wallet/getaccount", NULL, "{\"balance\":100000000}" \
	}

static struct chain_call a_call(const struct world *w)
{
	static const uint8_t data[36] = {0x60, 0xfe, 0x47, 0xb1};

	return (struct chain_call){.from = w->me,
				   .to = tron_bank,
				   .data = data,
				   .len = sizeof(data)};
}

static void a_trial_says_what_it_takes(void)
{
	/* 249 bytes and 64 are 313 points of bandwidth */
	static const struct {
		const char *name;
		struct tron_rule rules[4];
		uint64_t fee, units;
		const char *says; /* NULL: it would succeed */
	} rows[] = {
		{"all is burnt",
		 {{CALL, CALLED, USED("20000")}, RICH},
		 2000000 + 313000,
		 20000,
		 NULL},
		{"energy is staked",
		 {{CALL, CALLED, USED("20000")},
		  RICH,
		  {"wallet/getaccountresource", NULL,
		   "{\"EnergyLimit\":15000,\"EnergyUsed\":5000}"}},
		 1000000 + 313000,
		 20000,
		 NULL},
		{"bandwidth is free",
		 {{CALL, CALLED, USED("20000")},
		  RICH,
		  {"wallet/getaccountresource", NULL,
		   "{\"freeNetLimit\":600,\"freeNetUsed\":287}"}},
		 2000000,
		 20000,
		 NULL},
		{"the two pools of bandwidth do not mix",
		 {{CALL, CALLED, USED("20000")},
		  RICH,
		  {"wallet/getaccountresource", NULL,
		   "{\"freeNetLimit\":312,\"NetLimit\":312}"}},
		 2313000,
		 20000,
		 NULL},
		{"nothing is burnt, and nobody ever paid it",
		 {{CALL, CALLED, USED("20000")},
		  {"wallet/getaccountresource", NULL,
		   "{\"EnergyLimit\":20000,\"NetLimit\":313}"}},
		 0,
		 20000,
		 NULL},
		{"too little coin",
		 {{CALL, CALLED, USED("20000")},
		  {"wallet/getaccount", NULL, "{\"balance\":2312999}"}},
		 0,
		 0,
		 "needs 2.313 TRX, has 2.312999: send some to "
		 "TQLCsShbQNXMTVCjprY64qZmEA4rBarpQp"},
		{"it would revert",
		 {{CALL, CALLED,
		   "{\"result\":{\"result\":true},\"energy_used\":9,"
		   "\"constant_result\":["
		   "\"08c379a0000000000000000000000000000000"
		   "00000000000000000000000000000000200000000000000000000000000"
		   "00"
		   "00000000000000000000000000000000000066e6f207761790000000000"
		   "00"
		   "0000000000000000000000000000000000000000\"],"
		   "\"transaction\":{"
		   "\"ret\":[{\"ret\":\"FAILED\"}]}}"},
		  RICH},
		 0,
		 0,
		 "no way"},
		{"it would run out of time",
		 {{CALL, CALLED,
		   "{\"result\":{\"code\":\"OTHER_ERROR\",\"message\":"
		   "\"50726f6772"
		   "616d244f75744f6654696d65457863657074696f6e\"}}"},
		  RICH},
		 0,
		 0,
		 "more time than the chain"},
		{"no such contract",
		 {{CALL, CALLED,
		   "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\","
		   "\"message\":"
		   "\"536d61727420636f6e7472616374206973206e6f742065786973742e"
		   "\"}}"},
		  RICH},
		 0,
		 0,
		 "no such contract there"},
		{"more energy than a transaction may have",
		 {{CALL, CALLED, USED("150000001")}, RICH},
		 0,
		 0,
		 "more energy than"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct chain_call call;
		size_t n = 0;

		world_open(&w, 1);
		while (n < 4 && rows[i].rules[n].path)
			n++;
		rules(&w, 0, rows[i].rules, n);
		call = a_call(&w);
		chain_try(w.ch, &call, on_trial, &w);
		run(&w);
		CHECK(w.got && w.trial.ok == !rows[i].says, "%s: %s%s",
		      rows[i].name, w.e.msg, w.trial.reason);
		if (rows[i].says)
			CHECK(strstr(w.trial.reason, rows[i].says), "%s: %s",
			      rows[i].name, w.trial.reason);
		else
			CHECK(amount_cmp(w.trial.fee,
					 amount_from_u64(rows[i].fee)) == 0 &&
				      w.trial.units == rows[i].units &&
				      amount_cmp(w.trial.fee_max,
						 amount_from_u64(3313000)) ==
					      0 &&
				      w.trial.has_ret && w.trial.ret[31] == 7,
			      "%s", rows[i].name);
		world_close(&w);
	}
}

static void a_node_that_cannot_try_is_not_the_calls_fault(void)
{
	static const struct tron_rule bad[] = {
		{CALL, CALLED, "{\"result\":{\"code\":\"SERVER_BUSY\"}}"},
		RICH};
	static const struct tron_rule good[] = {{CALL, CALLED, USED("5")},
						RICH};
	static struct world w;
	struct chain_call call;

	world_open(&w, 2);
	call = a_call(&w);
	rules(&w, 0, bad, 2);
	rules(&w, 1, good, 2);
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	CHECK(w.got && w.trial.ok, "the second: %s", w.e.msg);
	rules(&w, 1, bad, 2);
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_CHAIN, "nothing is known: %s", w.e.msg);
	world_close(&w);
}

/* ------------------------------------------------------------------- forms */

static bool form(struct world *w, const struct chain_call *call, uint64_t units,
		 uint64_t floor)
{
	chain_form_tx(w->ch, call, units, NULL, floor, on_form, w);
	run(w);
	return w->got;
}

static void a_form_refers_to_a_solid_block_and_expires(void)
{
	static const struct {
		const char *name;
		uint64_t floor, slot;
	} rows[] = {
		{"the first", 0, TRON_T0 + 265 * 3000 + TRON_LIFE_MS},
		{"one that has no other's slot",
		 TRON_T0 + 265 * 3000 + TRON_LIFE_MS + 5,
		 TRON_T0 + 265 * 3000 + TRON_LIFE_MS + 5},
	};
	static struct world w;

	world_open(&w, 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_call call = a_call(&w);
		struct tron_tx tx;
		struct ecc_sig sig;
		struct hash32 id;
		struct address who;

		call.value = amount_from_u64(9);
		CHECK(form(&w, &call, 20000, rows[i].floor), "%s: %s",
		      rows[i].name, w.e.msg);
		CHECK(tron_tx_decode(&tx, &sig, &id, w.form.raw, w.form.raw_len,
				     NULL) == ERR_NONE &&
			      memcmp(&id, &w.form.txid, sizeof(id)) == 0 &&
			      ecc_recover(&who, &id, &sig, NULL) == ERR_NONE &&
			      address_eq(&who, &w.me),
		      "%s: signed", rows[i].name);
		CHECK(w.form.slot == rows[i].slot &&
			      tx.expiration_ms == w.form.slot,
		      "%s: slot %llu", rows[i].name,
		      (unsigned long long)w.form.slot);
		CHECK(vec_is(tx.ref_block, 2, "0107") &&
			      vec_is(tx.ref_hash, 8, "aaaaaaaaaaaaaaaa"),
		      "%s: the solid block", rows[i].name);
		CHECK(tx.fee_limit == 3000000 && tx.value == 9 &&
			      address_eq(&tx.to, &tron_bank) && tx.len == 36 &&
			      w.q.chain_id == TRON_CHAIN,
		      "%s: fee limit %llu", rows[i].name,
		      (unsigned long long)tx.fee_limit);
	}
	world_close(&w);
}

static void a_fee_limit_is_half_more_and_never_a_blank_cheque(void)
{
	static const struct {
		const char *name;
		uint64_t units, max_fee, limit;
		enum err_code want;
	} rows[] = {
		{"half more", 20000, 0, 3000000, ERR_NONE},
		{"at least what some calls take", 0, 0, 1500000, ERR_NONE},
		{"not above the chain's", 140000000, 0, 15000000000, ERR_NONE},
		{"all that the chain gives", 150000000, 0, 15000000000,
		 ERR_NONE},
		{"more than the chain gives", 150000001, 0, 0, ERR_LIMIT},
		{"within the user's", 20000, 3313000, 3000000, ERR_NONE},
		{"over the user's", 20000, 3312999, 0, ERR_LIMIT},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;
		struct chain_call call;

		world_open_max(&w, 1, rows[i].max_fee);
		call = a_call(&w);
		(void)form(&w, &call, rows[i].units, 0);
		CHECK(w.e.code == rows[i].want, "%s: %s", rows[i].name,
		      w.e.msg);
		CHECK(rows[i].want || w.q.tx.fee_limit == rows[i].limit,
		      "%s: %llu", rows[i].name,
		      (unsigned long long)w.q.tx.fee_limit);
		world_close(&w);
	}
}

static void what_must_not_be_signed_is_not(void)
{
	static const struct tron_rule upside_down[] = {
		{"walletsolidity/getblock", NULL,
		 "{\"blockID\":"
		 "\"0000000000000200aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaa\",\"block_header\":{\"raw_data\":{\"number\":"
		 "512,"
		 "\"timestamp\":1795231302000}}}"}};
	static const uint8_t bytes[4];
	struct chain_form old = {.raw = bytes, .raw_len = 4};
	static struct world w;
	struct chain_call call;

	world_open(&w, 1);
	call = a_call(&w);
	call.from = (struct address){{0x77}};
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_STATE,
	      "a stranger's: "
	      "%s",
	      w.e.msg);
	call = a_call(&w);
	chain_form_tx(w.ch, &call, 5, &old, 0, on_form, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_STATE, "a replacement: %s", w.e.msg);
	call.value = amount_from_parts(1, 0);
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_LIMIT,
	      "more coin than there is: %s", w.e.msg);
	call = a_call(&w);
	w.refuse = true;
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_FUNDS, "refused: %s",
	      w.e.msg);
	w.refuse = false;
	w.cheat = true;
	CHECK(!form(&w, &call, 5, 0) && w.e.code == ERR_SIG,
	      "another one came back: %s", w.e.msg);
	w.cheat = false;
	rules(&w, 0, upside_down, 1);
	CHECK(!form(&w, &call, 5, 0) && strstr(w.e.msg, "before the solid"),
	      "upside down: %s", w.e.msg);
	world_close(&w);
}

static void a_contract_is_made_under_our_name(void)
{
	static const uint8_t init[] = {0x60, 0x00, 0x60, 0x00, 0xf3};
	struct chain_call call = {
		.create = true, .data = init, .len = sizeof(init)};
	static struct world w;
	struct tron_tx tx;
	struct ecc_sig sig;
	struct hash32 id;

	world_open(&w, 1);
	call.from = w.me;
	CHECK(form(&w, &call, 50000, 0), "%s", w.e.msg);
	CHECK(tron_tx_decode(&tx, &sig, &id, w.form.raw, w.form.raw_len,
			     NULL) == ERR_NONE &&
		      tx.create && strcmp(tx.name, "seedbank") == 0 &&
		      tx.len == sizeof(init),
	      "creation");
	world_close(&w);
}

/* ------------------------------------------------------------------- sends */

#define SENDS "wallet/broadcasthex"

static void a_broadcast_is_answered_by_the_best(void)
{
	static const char busy[] =
		"{\"result\":false,\"code\":\"SERVER_BUSY\",\"message\":\"\"}";
	static const char no[] = "{\"result\":false,\"code\":\"SIGERROR\","
				 "\"message\":\"Validate signature error\"}";
	static const char old[] =
		"{\"result\":false,\"code\":\"TRANSACTION_EXPIRATION_ERROR\","
		"\"message\":\"Transaction expired\"}";
	static const char other[] = "{\"result\":true,\"code\":\"SUCCESS\","
				    "\"txid\":\"" W0 "\"}";
	static const struct {
		const char *name, *first, *second; /* NULL: it is taken */
		enum chain_send_result want;
	} rows[] = {
		{"both take it", NULL, NULL, CHAIN_SENT},
		{"one takes it", no, NULL, CHAIN_SENT},
		{"one takes it, one is busy", NULL, busy, CHAIN_SENT},
		{"refused and busy", no, busy, CHAIN_SEND_LATER},
		{"both refuse", no, no, CHAIN_SEND_NO},
		{"expired for one", old, no, CHAIN_SEND_SLOT},
		{"it took another", other, other, CHAIN_SEND_LATER},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tron_rule r[2] = {{SENDS, NULL, rows[i].first},
					       {SENDS, NULL, rows[i].second}};
		static struct world w;
		struct chain_call call;

		world_open(&w, 2);
		call = a_call(&w);
		CHECK(form(&w, &call, 5, 0), "%s", w.e.msg);
		for (size_t k = 0; k < 2; k++)
			rules(&w, k, &r[k], r[k].answer ? 1 : 0);
		chain_send(w.ch, w.form.raw, w.form.raw_len, on_send, &w);
		run(&w);
		CHECK(w.sent == rows[i].want, "%s: %d %s", rows[i].name,
		      (int)w.sent, w.e.msg);
		for (size_t k = 0; k < 2; k++)
			CHECK(r[k].answer || strlen(w.nodes[k].sent) ==
						     2 * w.form.raw_len,
			      "%s: all bytes came", rows[i].name);
		world_close(&w);
	}
}

static void what_is_no_transaction_is_not_sent(void)
{
	static struct world w;

	world_open(&w, 1);
	chain_send(w.ch, (const uint8_t *)"nonsense", 8, on_send, &w);
	run(&w);
	CHECK(w.sent == CHAIN_SEND_LATER && w.nodes[0].http.posts == 0, "%s",
	      w.e.msg);
	world_close(&w);
}

/* ------------------------------------------------------------------- fates */

#define ID "f7be74fcbd042711f79e90eafcab9e125ab78f4e77a37ae8735aec546e31bde5"
#define INFO(block) \
	"{\"id\":\"" ID "\",\"fee\":838300,\"blockNumber\":" block \
	",\"contractResult\":[\"\"],\"receipt\":{\"energy_usage_total\":5253," \
	"\"result\":\"SUCCESS\"}}"
#define IN_BLOCK "wallet/gettransactioninfobyid"
#define IN_SOLID "walletsolidity/gettransactioninfobyid"

static void fates_are_told_by_final_blocks(void)
{
	static const struct tron_rule mined = {IN_BLOCK, NULL, INFO("264")};
	static const struct tron_rule other = {IN_BLOCK, NULL, INFO("265")};
	static const struct tron_rule final[] = {{IN_BLOCK, NULL, INFO("262")},
						 {IN_SOLID, NULL, INFO("262")}};
	static const struct tron_rule bad = {IN_BLOCK, NULL, "{\"id\":5}"};
	static const struct {
		const char *name;
		const struct tron_rule *rules[2];
		size_t n[2], nodes;
		uint64_t solid[2];
		enum chain_fate want;
	} rows[] = {
		{"in no block", {0}, {0}, 1, {263}, CHAIN_FATE_PENDING},
		{"in a block", {&mined}, {1}, 1, {263}, CHAIN_FATE_MINED},
		{"in a solid block", {final}, {2}, 1, {263}, CHAIN_FATE_FINAL},
		{"the solid block is at the slot",
		 {0},
		 {0},
		 1,
		 {300},
		 CHAIN_FATE_PENDING},
		{"the solid block is past the slot",
		 {0},
		 {0},
		 1,
		 {301},
		 CHAIN_FATE_GONE},
		{"past the slot, but in a block",
		 {&mined},
		 {1},
		 1,
		 {301},
		 CHAIN_FATE_MINED},
		{"nonsense", {&bad}, {1}, 1, {263}, CHAIN_FATE_UNKNOWN},
		{"one node is behind",
		 {final, NULL},
		 {2, 0},
		 2,
		 {263, 200},
		 CHAIN_FATE_PENDING},
		{"final for one, in a block for the other",
		 {final, final},
		 {2, 1},
		 2,
		 {263, 200},
		 CHAIN_FATE_MINED},
		{"in different blocks",
		 {&mined, &other},
		 {1, 1},
		 2,
		 {263, 263},
		 CHAIN_FATE_UNKNOWN},
		{"gone for one, in a block for the other",
		 {&mined, NULL},
		 {1, 0},
		 2,
		 {301, 301},
		 CHAIN_FATE_UNKNOWN},
		{"gone for one, the other is behind",
		 {0},
		 {0},
		 2,
		 {301, 299},
		 CHAIN_FATE_PENDING},
		{"gone for both", {0}, {0}, 2, {301, 305}, CHAIN_FATE_GONE},
		{"one talks nonsense",
		 {&bad, final},
		 {1, 2},
		 2,
		 {263, 263},
		 CHAIN_FATE_FINAL},
	};
	struct hash32 id;

	vec(id.bytes, 32, ID);
	for (size_t i = 0; i < ROWS(rows); i++) {
		static struct world w;

		world_open(&w, rows[i].nodes);
		for (size_t k = 0; k < rows[i].nodes; k++) {
			rules(&w, k, rows[i].rules[k], rows[i].n[k]);
			w.nodes[k].solid = rows[i].solid[k];
			w.nodes[k].head = rows[i].solid[k] + 2;
		}
		chain_ask_fate(w.ch, &w.me, SLOT, &id, 1, on_fate, &w);
		run(&w);
		CHECK(w.fate == rows[i].want, "%s: %d", rows[i].name,
		      (int)w.fate);
		if (w.fate == CHAIN_FATE_FINAL)
			CHECK(w.outcome.ok && w.outcome.block == 262 &&
				      w.outcome.units == 5253,
			      "%s: outcome", rows[i].name);
		world_close(&w);
	}
}

static void what_shows_when_asked_again_is_not_gone(void)
{
	/* after an empty probe and two infos it is mined after all */
	static const struct tron_rule late = {IN_SOLID, NULL, INFO("262")};
	static struct world w;
	struct hash32 id;

	world_open(&w, 1);
	vec(id.bytes, 32, ID);
	w.nodes[0].solid = 301;
	w.nodes[0].head = 303;
	rules(&w, 0, &late, 1);
	w.nodes[0].after = 3;
	chain_ask_fate(w.ch, &w.me, SLOT, &id, 1, on_fate, &w);
	run(&w);
	CHECK(w.fate == CHAIN_FATE_FINAL, "%d", (int)w.fate);
	world_close(&w);
}

static void what_is_forgotten_does_not_call_back(void)
{
	static struct world w;
	struct chain_call call;
	int other;

	world_open(&w, 1);
	call = a_call(&w);
	chain_try(w.ch, &call, on_trial, &other);
	chain_form_tx(w.ch, &call, 5, NULL, 0, on_form, &other);
	chain_forget(w.ch, &other);
	w.nodes[0].free_of = 7;
	read_free(&w, CHAIN_LATEST);
	CHECK(w.got && is_amount(&w.a[0], 7), "%s", w.e.msg);
	world_close(&w);
}

int main(void)
{
	hostile_answers_cost_one_line();
	nonsense_in_one_answer_is_named();
	a_read_is_of_one_block();
	the_newest_block_may_be_another_than_was_read();
	solid_state_is_asked_at_its_own_port();
	an_answer_that_is_missing_is_unknown_not_zero();
	a_node_that_stumbles_is_asked_again();
	a_second_node_stands_in_for_the_first();
	the_most_cautious_answer_counts();
	code_that_differs_is_unknown();
	too_many_questions_are_refused();
	a_trial_says_what_it_takes();
	a_node_that_cannot_try_is_not_the_calls_fault();
	a_form_refers_to_a_solid_block_and_expires();
	a_fee_limit_is_half_more_and_never_a_blank_cheque();
	what_must_not_be_signed_is_not();
	a_contract_is_made_under_our_name();
	a_broadcast_is_answered_by_the_best();
	what_is_no_transaction_is_not_sent();
	fates_are_told_by_final_blocks();
	what_shows_when_asked_again_is_not_gone();
	what_is_forgotten_does_not_call_back();
	return CHECK_EXIT();
}
