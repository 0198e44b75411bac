/* The EVM backend against nodes that are told what to say: hostile answers,
 * failures on the way, several nodes that disagree, fees, nonces, fates. */
#include "ledger/chain/chain_evm.h"
#include "ledger/chain/evm_fee.h"
#include "tests/ledger/rpc_server.h"

#define NODES 3

struct world {
	struct loop *loop;
	struct http *http;
	struct rpc_server nodes[NODES];
	struct chain *ch;
	struct loop_timer *guard, *sign_timer;
	bool timed_out;
	/* the newest answer */
	struct err e;
	bool got;
	struct chain_view at;
	struct chain_answer a[8];
	struct chain_trial trial;
	struct chain_form form;
	enum chain_send_result sent;
	enum chain_fate fate;
	/* what the signer was asked */
	struct signer_tx_evm tx;
	uint8_t raw[64];
	signer_reply_fn *fn;
	void *fn_ctx;
};

static const struct address me = {{0x11}};
static const struct address bank = {{0xba}};

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

	(void)e;
	w->tx = q->u.tx;
	w->fn = fn;
	w->fn_ctx = fn_ctx;
	loop_timer_set(w->sign_timer, 0);
	return ERR_NONE;
}

static void on_sign(void *ctx)
{
	struct world *w = ctx;
	struct signer_reply r = {.type = SIGNER_TX_EVM};

	r.u.tx.raw = w->raw;
	r.u.tx.raw_len = sizeof(w->raw);
	w->fn(w->fn_ctx, &r, NULL);
}

static void forget(void *ctx, void *fn_ctx)
{
	(void)ctx;
	(void)fn_ctx;
}

static void world_open_keyed(struct world *w, size_t nodes, bool finalized,
			     uint64_t depth, const char *key)
{
	struct chain_signer signer = {
		.ask = sign, .forget = forget, .ctx = w, .accounts = {me}};
	struct chain_evm_config cfg = {.rpc = {.nodes = {.n_urls = nodes,
							 .timeout_ms = 200,
							 .tries = 3,
							 .retry_ms = 1,
							 .max_down_ms = 1,
							 .key = key},
					       .chain_id = 31337},
				       .finalized = finalized,
				       .depth = depth,
				       .coin = {"ETH", 18, ADDRESS_EVM}};
	struct err e = {0};

	*w = (struct world){.loop = loop_new(NULL)};
	if (!w->loop || http_new(&w->http, w->loop, 8, NULL) != ERR_NONE)
		abort();
	w->guard = loop_timer_new(w->loop, on_guard, w);
	w->sign_timer = loop_timer_new(w->loop, on_sign, w);
	for (size_t i = 0; i < NODES; i++)
		rpc_open(&w->nodes[i], w->loop);
	for (size_t i = 0; i < nodes; i++)
		cfg.rpc.nodes.urls[i] = w->nodes[i].url;
	CHECK(chain_evm_new(&w->ch, w->loop, w->http, &signer, &cfg, NULL,
			    &e) == ERR_NONE,
	      "%s", e.msg);
}

static void world_open(struct world *w, size_t nodes, bool finalized,
		       uint64_t depth)
{
	world_open_keyed(w, nodes, finalized, depth, NULL);
}

static void world_close(struct world *w)
{
	chain_free(w->ch);
	http_free(w->http);
	for (size_t i = 0; i < NODES; i++)
		rpc_close(&w->nodes[i]);
	loop_timer_free(w->guard);
	loop_timer_free(w->sign_timer);
	loop_free(w->loop);
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

	if (!e)
		w->form = *f;
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
	got(w, NULL);
}

static void read_free(struct world *w, enum chain_state state)
{
	struct chain_ask ask = {
		.what = CHAIN_ASK_FREE, .c = bank, .a = {{0x22}}};

	w->got = false;
	chain_read(w->ch, state, &ask, 1, on_read, w);
	CHECK(!w->got, "called back before it returned");
	run(w);
}

#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define WORD(n) \
	"\"0x000000000000000000000000000000000000000000000000000000000000" n \
	"\""

static void hostile_answers_cost_one_line(void)
{
	static char big[EVM_MAX_REPLY + 2];
	static const struct {
		const char *name;
		enum rpc_mode mode;
		int status;
		const char *raw, *says;
	} rows[] = {
		{"HTML", RPC_RAW, 200, "<html>busy</html>", "not JSON"},
		{"nothing", RPC_RAW, 200, "", "not JSON"},
		{"an object for a batch", RPC_RAW, 200, "{}", "want an array"},
		{"too few answers", RPC_RAW, 200, "[]", "0 answers to"},
		{"numbers", RPC_RAW, 200, "[1,2]", "want an object"},
		{"a refusal of the whole batch", RPC_RAW, 200,
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32005,"
		 "\"message\":\"slow down\"}}",
		 "slow down"},
		{"wrong ids", RPC_RAW, 200,
		 "[{\"jsonrpc\":\"2.0\",\"id\":900,\"result\":\"0x1\"},"
		 "{\"jsonrpc\":\"2.0\",\"id\":901,\"result\":\"0x1\"}]",
		 "not asked"},
		{"503", RPC_RAW, 503, "<html>", "HTTP status 503"},
		{"429", RPC_RAW, 429, "{}", "HTTP status 429"},
		{"403, whatever is in it", RPC_RAW, 403,
		 "{\"error\":{\"code\":-32000}}", "HTTP status 403: too many"},
		{"404 in HTML", RPC_RAW, 404, "<html>", "HTTP status 404"},
		{"401 in JSON", RPC_RAW, 401,
		 "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,"
		 "\"message\":\"no key\"}}",
		 "no key"},
		{"a redirect", RPC_RAW, 302, "", "HTTP status 302"},
		{"more than the largest answer", RPC_RAW, 200, big, ""},
		{"a connection that is closed", RPC_HANGUP, 0, "", ""},
		{"no answer in time", RPC_SILENT, 0, "", ""},
	};

	memset(big, ' ', sizeof(big) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w, 1, false, 0);
		w.nodes[0].mode = rows[i].mode;
		w.nodes[0].status = rows[i].status;
		w.nodes[0].raw = rows[i].raw;
		read_free(&w, CHAIN_LATEST);
		CHECK(!w.got && w.e.code != ERR_NONE, "%s: believed",
		      rows[i].name);
		CHECK(strstr(w.e.msg, rows[i].says), "%s: %s", rows[i].name,
		      w.e.msg);
		CHECK(strstr(w.e.msg, "127.0.0.1:") &&
			      strstr(w.e.msg, "eth_getBlockByNumber"),
		      "%s: who and which method: %s", rows[i].name, w.e.msg);
		CHECK(!strchr(w.e.msg, '\n'), "%s: one line", rows[i].name);
		world_close(&w);
	}
}

static void a_key_goes_with_each_request_and_into_no_message(void)
{
	static const struct {
		const char *name, *key;
		int status; /* 200: good */
	} rows[] = {
		{"no key", NULL, 200},
		{"a key", "X-Api-Key: hush", 200},
		{"a key that the node does not like", "X-Api-Key: hush", 403},
		{"a node that sends us elsewhere", "X-Api-Key: hush", 302},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open_keyed(&w, 2, false, 0, rows[i].key);
		for (size_t k = 0; k < 2 && rows[i].status != 200; k++) {
			w.nodes[k].mode = RPC_RAW;
			w.nodes[k].status = rows[i].status;
			w.nodes[k].raw = "";
		}
		read_free(&w, CHAIN_FINAL);
		CHECK(w.got == (rows[i].status == 200), "%s: %s", rows[i].name,
		      w.e.msg);
		for (size_t k = 0; k < 2; k++)
			CHECK(w.nodes[k].posts &&
				      (strstr(w.nodes[k].header,
					      "\r\nX-Api-Key: hush\r\n") !=
				       NULL) == (rows[i].key != NULL),
			      "%s: node %zu: %s", rows[i].name, k,
			      w.nodes[k].header);
		CHECK(!strstr(w.e.msg, "hush"), "%s: %s", rows[i].name,
		      w.e.msg);
		world_close(&w);
	}
}

static void nonsense_in_one_answer_is_named(void)
{
	static const struct {
		const char *name;
		struct rpc_rule rule;
		const char *says;
	} rows[] = {
		{"another chain",
		 {"eth_chainId", NULL, "\"0x1\"", NULL},
		 "is chain 1, want 31337"},
		{"a chain id in decimal",
		 {"eth_chainId", NULL, "31337", NULL},
		 "want a quantity"},
		{"no newest block",
		 {"eth_getBlockByNumber", NULL, "null", NULL},
		 "no newest block"},
		{"a block without number",
		 {"eth_getBlockByNumber", NULL, "{\"hash\":\"0x00\"}", NULL},
		 "number: nothing"},
		{"a call's result that is a number",
		 {"eth_call", NULL, "5", NULL},
		 "eth_call: a number, want bytes"},
		{"a call's result of half a byte",
		 {"eth_call", NULL, "\"0x123\"", NULL},
		 "eth_call"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w, 1, false, 0);
		w.nodes[0].rules = &rows[i].rule;
		w.nodes[0].n_rules = 1;
		read_free(&w, CHAIN_LATEST);
		CHECK(!w.got && strstr(w.e.msg, rows[i].says), "%s: %s",
		      rows[i].name, w.e.msg);
		world_close(&w);
	}
}

static void an_answer_that_is_missing_is_unknown_not_zero(void)
{
	static const struct {
		const char *name;
		struct rpc_rule rule;
	} rows[] = {
		{"no contract there", {"eth_call", NULL, "\"0x\"", NULL}},
		{"refused",
		 {"eth_call", NULL, NULL, "{\"code\":3,\"message\":\"no\"}"}},
		{"over 112 bits",
		 {"eth_call", NULL,
		  "\"0xffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		  "ffffffff\"",
		  NULL}},
		{"two words", {"eth_call", NULL, "\"0x" W0 W0 "\"", NULL}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w, 1, false, 0);
		w.nodes[0].rules = &rows[i].rule;
		w.nodes[0].n_rules = 1;
		read_free(&w, CHAIN_LATEST);
		CHECK(w.got, "%s: %s", rows[i].name, w.e.msg);
		CHECK(!w.a[0].known && w.a[0].why[0], "%s: known",
		      rows[i].name);
		world_close(&w);
	}
}

static void a_node_that_stumbles_is_asked_again(void)
{
	static const struct rpc_rule rule = {"eth_call", NULL, WORD("0007"),
					     NULL};
	static const struct {
		enum rpc_mode mode;
		int status;
	} rows[] = {{RPC_RAW, 429}, {RPC_RAW, 403}, {RPC_HANGUP, 0}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w, 1, false, 0);
		w.nodes[0].rules = &rule;
		w.nodes[0].n_rules = 1;
		w.nodes[0].mode = rows[i].mode;
		w.nodes[0].status = rows[i].status;
		w.nodes[0].raw = "";
		w.nodes[0].bad_times = 2;
		read_free(&w, CHAIN_LATEST);
		CHECK(w.got && w.a[0].known &&
			      amount_cmp(w.a[0].amount, amount_from_u64(7)) ==
				      0,
		      "the third try: %s", w.e.msg);
		CHECK(w.nodes[0].posts == 4, "%u posts", w.nodes[0].posts);
		world_close(&w);
	}
}

static void a_second_node_stands_in_for_the_first(void)
{
	static const struct rpc_rule rule = {"eth_call", NULL, WORD("0007"),
					     NULL};
	struct world w;

	world_open(&w, 2, false, 0);
	w.nodes[0].mode = RPC_HANGUP;
	w.nodes[1].rules = &rule;
	w.nodes[1].n_rules = 1;
	read_free(&w, CHAIN_LATEST);
	CHECK(w.got && w.a[0].known, "%s", w.e.msg);
	world_close(&w);
}

/* Each further try would hold up all that waits for all nodes. */
static void a_node_that_goes_on_failing_is_tried_once(void)
{
	static const struct {
		const char *name;
		size_t nodes;
		unsigned posts; /* of two reads */
	} rows[] = {{"one of two", 2, 3 + 1}, {"there is no other", 1, 3 + 3}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w, rows[i].nodes, false, 0);
		w.nodes[0].mode = RPC_HANGUP;
		read_free(&w, CHAIN_FINAL);
		loop_timer_set(w.guard, 5); /* left alone for 1 ms */
		loop_run(w.loop);
		w.timed_out = false;
		read_free(&w, CHAIN_FINAL);
		CHECK(w.nodes[0].posts == rows[i].posts, "%s: %u posts",
		      rows[i].name, w.nodes[0].posts);
		world_close(&w);
	}
}

static void the_most_cautious_answer_counts(void)
{
	static const struct rpc_rule low = {"eth_call", NULL, WORD("0005"),
					    NULL};
	static const struct rpc_rule high = {"eth_call", NULL, WORD("0009"),
					     NULL};
	struct world w;

	world_open(&w, 3, false, 10);
	for (size_t i = 0; i < 3; i++) {
		w.nodes[i].rules = i == 1 ? &low : &high;
		w.nodes[i].n_rules = 1;
		w.nodes[i].head = 100 + i;
	}
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && w.a[0].known &&
		      amount_cmp(w.a[0].amount, amount_from_u64(5)) == 0,
	      "the smallest balance: %s", w.e.msg);
	CHECK(w.at.block == 90, "the lowest final block: %llu",
	      (unsigned long long)w.at.block);
	w.nodes[1].mode = RPC_HANGUP;
	read_free(&w, CHAIN_FINAL);
	CHECK(w.got && w.a[0].known &&
		      amount_cmp(w.a[0].amount, amount_from_u64(9)) == 0,
	      "of those that answer: %s", w.e.msg);
	for (size_t i = 0; i < 3; i++)
		w.nodes[i].mode = RPC_HANGUP;
	read_free(&w, CHAIN_FINAL);
	CHECK(!w.got, "nobody answered, and yet it is known");
	world_close(&w);
}

static void code_that_differs_is_unknown(void)
{
	static const struct rpc_rule one = {"eth_getCode", NULL, "\"0x60\"",
					    NULL};
	static const struct rpc_rule two = {"eth_getCode", NULL, "\"0x61\"",
					    NULL};
	struct chain_ask ask = {.what = CHAIN_ASK_CODE, .c = bank};
	struct world w;

	world_open(&w, 2, false, 0);
	w.nodes[0].rules = &one;
	w.nodes[1].rules = &two;
	w.nodes[0].n_rules = w.nodes[1].n_rules = 1;
	chain_read(w.ch, CHAIN_FINAL, &ask, 1, on_read, &w);
	run(&w);
	CHECK(w.got && !w.a[0].known && strstr(w.a[0].why, "differ"), "%s",
	      w.a[0].why);
	world_close(&w);
}

static void what_two_nodes_differ_about_a_third_does_not_decide(void)
{
	static const struct rpc_rule one = {"eth_getCode", NULL, "\"0x60\"",
					    NULL};
	static const struct rpc_rule two = {"eth_getCode", NULL, "\"0x61\"",
					    NULL};
	struct chain_ask ask = {.what = CHAIN_ASK_CODE, .c = bank};
	struct world w;

	world_open(&w, 3, false, 0);
	for (size_t i = 0; i < 3; i++) {
		w.nodes[i].rules = i ? &two : &one;
		w.nodes[i].n_rules = 1;
	}
	chain_read(w.ch, CHAIN_FINAL, &ask, 1, on_read, &w);
	run(&w);
	CHECK(w.got && !w.a[0].known, "it is known all the same");
	world_close(&w);
}

static void final_is_the_tag_or_the_depth(void)
{
	static const struct rpc_rule rules[] = {
		{"eth_call", NULL, WORD("0005"), NULL},
		{"eth_getBlockByNumber", "finalized", NULL,
		 "{\"code\":-32602,\"message\":\"unknown tag\"}"},
	};
	static const struct {
		const char *name;
		bool tag;
		size_t n_rules;
		uint64_t depth, want;
	} rows[] = {
		{"the depth", false, 1, 12, 88},
		{"a depth below the first block", false, 1, 1000, 0},
		{"the tag (here the newest block)", true, 1, 12, 100},
		{"the depth where the tag is refused", true, 2, 12, 88},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;

		world_open(&w, 1, rows[i].tag, rows[i].depth);
		w.nodes[0].rules = rules;
		w.nodes[0].n_rules = rows[i].n_rules;
		read_free(&w, CHAIN_FINAL);
		CHECK(w.got && w.at.block == rows[i].want, "%s: block %llu %s",
		      rows[i].name, (unsigned long long)w.at.block, w.e.msg);
		world_close(&w);
	}
}

static const struct chain_call call = {.from = {{0x11}},
				       .to = {{0xba}},
				       .data = (const uint8_t *)"\1\2\3\4",
				       .len = 4};

static void trials_tell_cost_or_reason(void)
{
	static const struct rpc_rule good[] = {
		{"eth_call", NULL, WORD("0063"), NULL},
		{"eth_estimateGas", NULL, "\"0x5208\"", NULL},
		{"eth_feeHistory", NULL, "{\"reward\":[[\"0x2\"],[\"0x3\"]]}",
		 NULL},
		{"eth_gasPrice", NULL, "\"0xa\"", NULL},
	};
	static const struct rpc_rule bad[] = {
		{"eth_call", NULL, NULL,
		 "{\"code\":3,\"message\":\"execution reverted\",\"data\":"
		 "\"0x08c379a0" W0 "\"}"},
		{"eth_estimateGas", NULL, NULL,
		 "{\"code\":3,\"message\":\"execution reverted\"}"},
	};
	struct world w;

	world_open(&w, 1, false, 0);
	w.nodes[0].rules = good;
	w.nodes[0].n_rules = ROWS(good);
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	CHECK(w.got && w.trial.ok && w.trial.units == 21000, "%s", w.e.msg);
	CHECK(amount_cmp(w.trial.fee, amount_from_u64(210000)) == 0,
	      "legacy: gas x price");
	CHECK(w.trial.has_ret && w.trial.ret[31] == 0x63, "first word");
	w.nodes[0].base_fee = "\"0x7\"";
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	/* tip: 3 by history, 10 - 7 by the price; base 7 */
	CHECK(w.got && amount_cmp(w.trial.fee, amount_from_u64(210000)) == 0 &&
		      amount_cmp(w.trial.fee_max,
				 amount_from_u64(26250 * 17)) == 0,
	      "EIP-1559: gas x (base + tip), at most gas+1/4 x (2 base + tip)");
	w.nodes[0].rules = bad;
	w.nodes[0].n_rules = ROWS(bad);
	chain_try(w.ch, &call, on_trial, &w);
	run(&w);
	CHECK(w.got && !w.trial.ok && w.trial.reason[0], "reverted: %s",
	      w.trial.reason);
	world_close(&w);
}

static void a_call_would_fail_where_one_node_says_so(void)
{
	static const struct rpc_rule good[] = {
		{"eth_call", NULL, WORD("0063"), NULL},
		{"eth_estimateGas", NULL, "\"0x5208\"", NULL},
		{"eth_gasPrice", NULL, "\"0xa\"", NULL},
	};
	static const struct rpc_rule dear[] = {
		{"eth_call", NULL, WORD("0063"), NULL},
		{"eth_estimateGas", NULL, "\"0x5300\"", NULL},
		{"eth_gasPrice", NULL, "\"0xa\"", NULL},
	};
	static const struct rpc_rule bad[] = {
		{"eth_call", NULL, NULL,
		 "{\"code\":3,\"message\":\"execution reverted\"}"},
		{"eth_estimateGas", NULL, NULL,
		 "{\"code\":3,\"message\":\"execution reverted\"}"},
		{"eth_gasPrice", NULL, "\"0xa\"", NULL},
	};
	static const struct {
		const char *name;
		const struct rpc_rule *a, *b; /* NULL: away */
		bool known, ok;
		uint64_t units;
	} rows[] = {
		{"both say that it would do", good, dear, true, true, 0x5300},
		{"the first says no", bad, good, true, false, 0},
		{"the second says no", good, bad, true, false, 0},
		{"one is away", NULL, good, true, true, 0x5208},
		{"both are away", NULL, NULL, false, false, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct rpc_rule *of[] = {rows[i].a, rows[i].b};
		struct world w;

		world_open(&w, 2, false, 0);
		for (size_t k = 0; k < 2; k++) {
			w.nodes[k].rules = of[k];
			w.nodes[k].n_rules = 3;
			if (!of[k])
				w.nodes[k].mode = RPC_HANGUP;
		}
		chain_try(w.ch, &call, on_trial, &w);
		run(&w);
		CHECK(w.got == rows[i].known &&
			      (!w.got || w.trial.ok == rows[i].ok),
		      "%s: %s", rows[i].name, w.e.msg);
		CHECK(!rows[i].ok || w.trial.units == rows[i].units,
		      "%s: %llu units", rows[i].name,
		      (unsigned long long)w.trial.units);
		world_close(&w);
	}
}

/* 26,250 gas at 10 each is what can be taken at most. */
static void a_call_that_the_coin_does_not_cover_would_fail(void)
{
	static const struct {
		const char *name, *balance, *error;
		bool known, ok;
	} rows[] = {
		{"just enough", "\"0x40164\"", NULL, true, true},
		{"one too few", "\"0x40163\"", NULL, true, false},
		{"a node that does not tell", NULL,
		 "{\"code\":-32601,\"message\":\"no such method\"}", false,
		 true},
		{"a node that talks nonsense", "{}", NULL, false, true},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct rpc_rule rules[] = {
			{"eth_call", NULL, WORD("0063"), NULL},
			{"eth_estimateGas", NULL, "\"0x5208\"", NULL},
			{"eth_feeHistory", NULL, "{\"reward\":[[\"0x2\"]]}",
			 NULL},
			{"eth_gasPrice", NULL, "\"0xa\"", NULL},
			{"eth_getBalance", "0x11", rows[i].balance,
			 rows[i].error},
		};
		struct world w;

		world_open(&w, 1, false, 0);
		w.nodes[0].rules = rules;
		w.nodes[0].n_rules = ROWS(rules);
		chain_try(w.ch, &call, on_trial, &w);
		run(&w);
		CHECK(w.got && w.trial.ok == rows[i].ok &&
			      w.trial.no_funds == !rows[i].ok &&
			      w.trial.means.known == rows[i].known,
		      "%s: %s%s", rows[i].name, w.e.msg, w.trial.reason);
		CHECK(rows[i].ok || strstr(w.trial.reason, "not enough ETH: "),
		      "%s: %s", rows[i].name, w.trial.reason);
		world_close(&w);
	}
}

static void on_means(void *ctx, const struct chain_means *m,
		     const struct err *e)
{
	struct world *w = ctx;

	w->trial.means = m ? *m : (struct chain_means){.known = false};
	got(w, e);
}

static void what_an_account_has_for_fees_is_told(void)
{
	static const struct {
		const char *name, *balance, *error;
		bool known;
	} rows[] = {
		{"a balance", "\"0x10\"", NULL, true},
		{"a refusal", NULL, "{\"code\":-32000,\"message\":\"no\"}",
		 false},
		{"nonsense", "[]", NULL, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct rpc_rule rule = {"eth_getBalance", "0x11",
					      rows[i].balance, rows[i].error};
		struct world w;

		world_open(&w, 1, false, 0);
		w.nodes[0].rules = &rule;
		w.nodes[0].n_rules = 1;
		chain_ask_means(w.ch, &me, on_means, &w);
		run(&w);
		CHECK(w.got == rows[i].known &&
			      w.trial.means.known == rows[i].known &&
			      (!rows[i].known ||
			       amount_cmp(w.trial.means.coin,
					  amount_from_u64(16)) == 0),
		      "%s: %s", rows[i].name, w.e.msg);
		world_close(&w);
	}
}

static void forms_take_the_next_nonce(void)
{
	static const struct rpc_rule rules[] = {
		{"eth_getTransactionCount", "latest", "\"0x5\"", NULL},
		{"eth_getTransactionCount", "pending", "\"0x7\"", NULL},
		{"eth_gasPrice", NULL, "\"0xa\"", NULL},
	};
	static const struct rpc_rule many[] = {
		{"eth_getTransactionCount", "latest", "\"0x5\"", NULL},
		{"eth_getTransactionCount", "pending", "\"0xffff\"", NULL},
		{"eth_gasPrice", NULL, "\"0xa\"", NULL},
	};
	struct chain_call other = call;
	struct world w;

	world_open(&w, 1, false, 0);
	w.nodes[0].rules = rules;
	w.nodes[0].n_rules = ROWS(rules);
	chain_form_tx(w.ch, &call, 40000, NULL, 0, on_form, &w);
	run(&w);
	CHECK(w.got && w.form.slot == 7 && w.tx.nonce == 7, "pending: %s",
	      w.e.msg);
	CHECK(w.tx.gas == 50000 && w.tx.style == SIGNER_TX_LEGACY,
	      "gas with margin");
	chain_form_tx(w.ch, &call, 40000, NULL, 9, on_form, &w);
	run(&w);
	CHECK(w.got && w.form.slot == 9, "not one that is stored");
	w.nodes[0].rules = many;
	chain_form_tx(w.ch, &call, 40000, NULL, 0, on_form, &w);
	run(&w);
	CHECK(!w.got && strstr(w.e.msg, "pending transactions"),
	      "an absurd count: %s", w.e.msg);
	other.from.bytes[0] = 0x99;
	chain_form_tx(w.ch, &other, 40000, NULL, 0, on_form, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_STATE, "not our account: %s", w.e.msg);
	world_close(&w);
}

/* A nonce that is too high waits for ever, and all that come after it. */
static void the_lowest_count_of_all_nodes_is_the_nonce(void)
{
	static const struct {
		const char *name, *a, *b; /* NULL: away */
		uint64_t floor, want;
	} rows[] = {
		{"the second is far ahead", "\"0x7\"", "\"0x384\"", 0, 7},
		{"the first is", "\"0x384\"", "\"0x7\"", 0, 7},
		{"one has not heard of what is stored", "\"0x7\"", "\"0x6\"", 7,
		 7},
		{"one is away", NULL, "\"0x9\"", 0, 9},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *of[] = {rows[i].a, rows[i].b};
		struct rpc_rule rules[2][2];
		struct world w;

		world_open(&w, 2, false, 0);
		for (size_t k = 0; k < 2; k++) {
			rules[k][0] = (struct rpc_rule){
				"eth_getTransactionCount", NULL, of[k], NULL};
			rules[k][1] = (struct rpc_rule){"eth_gasPrice", NULL,
							"\"0xa\"", NULL};
			w.nodes[k].rules = rules[k];
			w.nodes[k].n_rules = 2;
			if (!of[k])
				w.nodes[k].mode = RPC_HANGUP;
		}
		chain_form_tx(w.ch, &call, 40000, NULL, rows[i].floor, on_form,
			      &w);
		run(&w);
		CHECK(w.got && w.form.slot == rows[i].want, "%s: %llu %s",
		      rows[i].name, (unsigned long long)w.form.slot, w.e.msg);
		world_close(&w);
	}
}

static void sending_needs_one_node_refusing_all(void)
{
	static const struct rpc_rule yes = {
		"eth_sendRawTransaction", NULL,
		"\"0x00000000000000000000000000000000000000000000000000000000"
		"00000000\"",
		NULL};
	static const struct rpc_rule no = {
		"eth_sendRawTransaction", NULL, NULL,
		"{\"code\":-32000,\"message\":\"invalid sender\"}"};
	static const struct rpc_rule low = {
		"eth_sendRawTransaction", NULL, NULL,
		"{\"code\":-32000,\"message\":\"nonce too low\"}"};
	static const struct {
		const char *name;
		const struct rpc_rule *first, *second; /* NULL: hangs up */
		enum chain_send_result want;
	} rows[] = {
		{"both take it", &yes, &yes, CHAIN_SENT},
		{"one takes it", &no, &yes, CHAIN_SENT},
		{"one takes it, one is away", NULL, &yes, CHAIN_SENT},
		{"both refuse it", &no, &no, CHAIN_SEND_NO},
		{"one refuses it, one is away", &no, NULL, CHAIN_SEND_LATER},
		{"one knows that its nonce is used", &no, &low,
		 CHAIN_SEND_SLOT},
		{"nobody is there", NULL, NULL, CHAIN_SEND_LATER},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct rpc_rule *rule[] = {rows[i].first, rows[i].second};
		struct world w;

		world_open(&w, 2, false, 0);
		for (size_t k = 0; k < 2; k++) {
			w.nodes[k].rules = rule[k];
			w.nodes[k].n_rules = 1;
			if (!rule[k])
				w.nodes[k].mode = RPC_HANGUP;
		}
		chain_send(w.ch, (const uint8_t *)"\2\3", 2, on_send, &w);
		run(&w);
		CHECK(w.sent == rows[i].want, "%s: %d", rows[i].name,
		      (int)w.sent);
		world_close(&w);
	}
}

#define H32 \
	"\"0x0000000000000000000000000000000000000000000000000000000000000000" \
	"\""
#define RECEIPT(block, status) \
	"{\"transactionHash\":" H32 ",\"blockHash\":" H32 \
	",\"blockNumber\":\"" block \
	"\",\"gasUsed\":\"0x5208\",\"status\":\"" status \
	"\",\"effectiveGasPrice\":\"0x2\",\"logs\":[]}"
#define GET_RECEIPT "eth_getTransactionReceipt", NULL
#define GET_COUNT "eth_getTransactionCount", NULL

static void ask_fate(struct world *w)
{
	struct hash32 txid = {{0}};

	chain_ask_fate(w->ch, &me, 4, &txid, 1, on_fate, w);
	run(w);
}

static void fates_follow_receipt_and_nonce(void)
{
	static const struct {
		const char *name;
		struct rpc_rule receipt, count;
		enum chain_fate want;
	} rows[] = {
		{"in a final block",
		 {GET_RECEIPT, RECEIPT("0x5a", "0x1"), NULL},
		 {GET_COUNT, "\"0x5\"", NULL},
		 CHAIN_FATE_FINAL},
		{"in a block that may be undone",
		 {GET_RECEIPT, RECEIPT("0x5b", "0x1"), NULL},
		 {GET_COUNT, "\"0x5\"", NULL},
		 CHAIN_FATE_MINED},
		{"in none, its nonce free",
		 {GET_RECEIPT, "null", NULL},
		 {GET_COUNT, "\"0x4\"", NULL},
		 CHAIN_FATE_PENDING},
		{"in none, its nonce used",
		 {GET_RECEIPT, "null", NULL},
		 {GET_COUNT, "\"0x5\"", NULL},
		 CHAIN_FATE_GONE},
		{"a receipt of nonsense",
		 {GET_RECEIPT, "7", NULL},
		 {GET_COUNT, "\"0x5\"", NULL},
		 CHAIN_FATE_UNKNOWN},
		{"a receipt that is refused",
		 {GET_RECEIPT, NULL, "{\"code\":1,\"message\":\"no\"}"},
		 {GET_COUNT, "\"0x5\"", NULL},
		 CHAIN_FATE_UNKNOWN},
		{"a count of nonsense",
		 {GET_RECEIPT, "null", NULL},
		 {GET_COUNT, "5", NULL},
		 CHAIN_FATE_UNKNOWN},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rpc_rule rules[] = {rows[i].receipt, rows[i].count};
		struct world w;

		world_open(&w, 1, false, 10);
		w.nodes[0].rules = rules;
		w.nodes[0].n_rules = 2;
		ask_fate(&w);
		CHECK(w.fate == rows[i].want, "%s: %d", rows[i].name,
		      (int)w.fate);
		world_close(&w);
	}
}

static void nodes_that_differ_about_a_fate_decide_nothing(void)
{
	static const struct rpc_rule final[] = {
		{GET_RECEIPT, RECEIPT("0x5a", "0x1"), NULL},
		{GET_COUNT, "\"0x5\"", NULL}};
	static const struct rpc_rule failed[] = {
		{GET_RECEIPT, RECEIPT("0x5a", "0x0"), NULL},
		{GET_COUNT, "\"0x5\"", NULL}};
	static const struct rpc_rule mined[] = {
		{GET_RECEIPT, RECEIPT("0x5b", "0x1"), NULL},
		{GET_COUNT, "\"0x5\"", NULL}};
	static const struct rpc_rule pending[] = {{GET_RECEIPT, "null", NULL},
						  {GET_COUNT, "\"0x4\"", NULL}};
	static const struct rpc_rule gone[] = {{GET_RECEIPT, "null", NULL},
					       {GET_COUNT, "\"0x5\"", NULL}};
	static const struct {
		const char *name;
		const struct rpc_rule *a, *b; /* NULL: away */
		enum chain_fate want;
	} rows[] = {
		{"both final", final, final, CHAIN_FATE_FINAL},
		{"one away", final, NULL, CHAIN_FATE_FINAL},
		{"final and pending", final, pending, CHAIN_FATE_PENDING},
		{"final and gone", final, gone, CHAIN_FATE_UNKNOWN},
		{"pending and gone", pending, gone, CHAIN_FATE_PENDING},
		{"both gone", gone, gone, CHAIN_FATE_GONE},
		{"two outcomes", final, failed, CHAIN_FATE_UNKNOWN},
		{"two blocks", final, mined, CHAIN_FATE_UNKNOWN},
		{"nobody there", NULL, NULL, CHAIN_FATE_UNKNOWN},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct rpc_rule *rules[] = {rows[i].a, rows[i].b};
		struct world w;

		world_open(&w, 2, false, 10);
		for (size_t k = 0; k < 2; k++) {
			w.nodes[k].rules = rules[k];
			w.nodes[k].n_rules = 2;
			if (!rules[k])
				w.nodes[k].mode = RPC_HANGUP;
		}
		ask_fate(&w);
		CHECK(w.fate == rows[i].want, "%s: %d", rows[i].name,
		      (int)w.fate);
		world_close(&w);
	}
}

static void what_is_forgotten_does_not_call_back(void)
{
	struct chain_ask ask = {.what = CHAIN_ASK_ID};
	struct world w;

	world_open(&w, 1, false, 0);
	chain_read(w.ch, CHAIN_LATEST, &ask, 1, on_read, &w.a);
	chain_forget(w.ch, &w.a);
	chain_read(w.ch, CHAIN_LATEST, &ask, 1, on_read, &w);
	run(&w);
	CHECK(w.got && w.a[0].known, "%s", w.e.msg);
	for (int i = 0; i < 20; i++) /* more than are kept ready */
		chain_read(w.ch, CHAIN_LATEST, &ask, 1, on_read, &w);
	world_close(&w);
}

static void too_many_questions_are_refused(void)
{
	static struct chain_ask asks[CHAIN_MAX_ASKS + 1];
	struct world w;

	world_open(&w, 1, false, 0);
	chain_read(w.ch, CHAIN_LATEST, asks, ROWS(asks), on_read, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_LIMIT, "%s", w.e.msg);
	chain_read(w.ch, CHAIN_LATEST, asks, 0, on_read, &w);
	run(&w);
	CHECK(!w.got && w.e.code == ERR_LIMIT, "none: %s", w.e.msg);
	world_close(&w);
}

/* Nobody should have to read the contract to know what is in the way. */
static void the_banks_errors_are_sentences(void)
{
	static const struct {
		const char *name;
		uint8_t data[4];
		const char *want;
	} rows[] = {
		{"BadAccount", {0x1c, 0x2b, 0x07, 0x77}, "zero address"},
		{"BadLength", {0x5a, 0xed, 0x9c, 0xff}, "cannot read"},
		{"Busy", {0x3e, 0xf3, 0x33, 0x75}, "try again"},
		{"Expired", {0x20, 0x3d, 0x82, 0xd8}, "later than now"},
		{"NotMoved", {0x03, 0xd8, 0x15, 0x8f}, "in full"},
		{"NotYet", {0x0d, 0x3f, 0x77, 0x76}, "has not ended"},
		{"NotYours", {0x4a, 0x63, 0x6d, 0x30}, "only the payee"},
		{"NothingArrived", {0x62, 0xaf, 0x86, 0xad}, "moved nothing"},
		{"TooLittle", {0x3e, 0x1d, 0x55, 0xd4}, "seedbank status"},
		{"TooMuch", {0xd8, 0x87, 0x77, 0x1b}, "hold more"},
		{"WrongValue", {0x98, 0xd4, 0x90, 0x1c}, "sent along"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_trial t;
		char whole[256];

		chain_revert_words(whole, sizeof(whole), rows[i].data, 4);
		chain_revert_words(t.reason, sizeof(t.reason), rows[i].data, 4);
		CHECK(strstr(whole, rows[i].want) &&
			      !strstr(whole, rows[i].name),
		      "%s: %s", rows[i].name, whole);
		CHECK(strcmp(whole, t.reason) == 0, "%s is cut off",
		      rows[i].name);
	}
}

int main(void)
{
	hostile_answers_cost_one_line();
	a_key_goes_with_each_request_and_into_no_message();
	nonsense_in_one_answer_is_named();
	an_answer_that_is_missing_is_unknown_not_zero();
	a_node_that_stumbles_is_asked_again();
	a_second_node_stands_in_for_the_first();
	a_node_that_goes_on_failing_is_tried_once();
	the_most_cautious_answer_counts();
	code_that_differs_is_unknown();
	what_two_nodes_differ_about_a_third_does_not_decide();
	final_is_the_tag_or_the_depth();
	trials_tell_cost_or_reason();
	a_call_would_fail_where_one_node_says_so();
	a_call_that_the_coin_does_not_cover_would_fail();
	what_an_account_has_for_fees_is_told();
	forms_take_the_next_nonce();
	the_lowest_count_of_all_nodes_is_the_nonce();
	sending_needs_one_node_refusing_all();
	fates_follow_receipt_and_nonce();
	nodes_that_differ_about_a_fate_decide_nothing();
	what_is_forgotten_does_not_call_back();
	too_many_questions_are_refused();
	the_banks_errors_are_sentences();
	return CHECK_EXIT();
}
