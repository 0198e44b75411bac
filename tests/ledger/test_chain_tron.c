/* Reads by the TRON backend: hostile answers, failures on the way, several
 * nodes that disagree, blocks that move on. */
#include "tests/ledger/tron_world.h"

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
		 {PROBE, NULL, CONSTANT(W0 W0 ONE WORD32 W0)},
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
	static const struct tron_rule other = {PROBE, NULL, CONSTANT(W0 W0)};
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
	what_is_forgotten_does_not_call_back();
	return CHECK_EXIT();
}
