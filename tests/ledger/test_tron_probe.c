/* What a probe asks and what it makes of the answers, on a machine that knows
 * nothing but probes. */
#include "base/bytes.h"
#include "ledger/chain/tron_probe.h"
#include "tests/ledger/mini_tvm.h"

#include <stdio.h>

static const struct address bank = {{0xba}}, me = {{0x11}}, you = {{0x22}};

/* The bank of the tests: free() is 7, pair() is 1 word, decimals() reverts with
 * a reason, all else returns nothing. */
static bool answer(void *ctx, const struct address *to, const uint8_t *data,
		   size_t len, uint8_t *ret, size_t *ret_len)
{
	struct chain_ask free_ask = {
		.what = CHAIN_ASK_FREE, .c = bank, .a = me};
	struct chain_ask decimals = {.what = CHAIN_ASK_DECIMALS, .c = bank};
	uint8_t want[CHAIN_ASK_DATA];
	size_t n = chain_ask_calldata(want, &free_ask);

	(void)ctx;
	memset(ret, 0, 128);
	*ret_len = 0;
	if (!address_eq(to, &bank))
		return true;
	if (len == n && memcmp(want, data, n) == 0) {
		ret[31] = 7;
		*ret_len = 32;
		return true;
	}
	n = chain_ask_calldata(want, &decimals);
	if (len == n && memcmp(want, data, n) == 0) {
		static const char says[] = "no way";

		memcpy(ret, "\x08\xc3\x79\xa0", 4);
		ret[4 + 31] = 32;
		ret[4 + 63] = 6;
		memcpy(ret + 4 + 64, says, 6);
		*ret_len = 100;
		return false;
	}
	return true;
}

static uint64_t balance(void *ctx, const struct address *who)
{
	(void)ctx;
	return address_eq(who, &me) ? 1500000 : 0;
}

static size_t code(void *ctx, const struct address *who, uint8_t *out)
{
	(void)ctx;
	if (!address_eq(who, &bank))
		return 0;
	memset(out, 0x5b, 5000);
	return 5000;
}

static struct tvm machine(void)
{
	return (struct tvm){.chain_id = 0x6aa8c99e,
			    .number = 265,
			    .call = answer,
			    .balance = balance,
			    .code = code};
}

static void free_data(struct chain_answer *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)a[i].data);
}

static enum err_code ask(struct tron_view *at, struct chain_answer *a,
			 const struct chain_ask *asks, size_t n)
{
	uint8_t init[TRON_PROBE_MAX];
	struct tvm m = machine();
	size_t len = tron_probe_code(init, sizeof(init), asks, n), got;
	const uint8_t *ret = tvm_run(&m, init, len, &got);
	enum err_code rc;

	CHECK(len > 0 && ret, "%zu bytes of code run", len);
	rc = tron_probe_read(at, a, asks, n, ret, got, NULL);
	tvm_clear(&m);
	return rc;
}

static void a_probe_names_chain_and_block(void)
{
	struct tron_view at = {0};

	CHECK(ask(&at, NULL, NULL, 0) == ERR_NONE &&
		      at.chain_id == 0x6aa8c99e && at.block == 265,
	      "chain %llu block %llu", (unsigned long long)at.chain_id,
	      (unsigned long long)at.block);
}

static void every_question_has_its_answer(void)
{
	const struct chain_ask asks[] = {
		{.what = CHAIN_ASK_COIN, .a = me},
		{.what = CHAIN_ASK_FREE, .c = bank, .a = me},
		{.what = CHAIN_ASK_ID},
		{.what = CHAIN_ASK_DECIMALS, .c = bank},
		{.what = CHAIN_ASK_FREE, .c = you, .a = me},
		{.what = CHAIN_ASK_COIN, .a = you},
		{.what = CHAIN_ASK_FREE, .c = bank, .a = me},
	};
	struct chain_answer a[ROWS(asks)];
	struct tron_view at;

	CHECK(ask(&at, a, asks, ROWS(asks)) == ERR_NONE, "read");
	CHECK(a[0].known &&
		      amount_cmp(a[0].amount, amount_from_u64(1500000)) == 0,
	      "coin");
	CHECK(a[1].known && amount_cmp(a[1].amount, amount_from_u64(7)) == 0,
	      "a call");
	CHECK(a[2].known && a[2].number == 0x6aa8c99e, "the chain");
	CHECK(!a[3].known && strstr(a[3].why, "no way"), "reverted: %s",
	      a[3].why);
	CHECK(!a[4].known && strstr(a[4].why, "no such contract"), "nobody: %s",
	      a[4].why);
	CHECK(a[5].known && amount_is_zero(a[5].amount), "no coin");
	CHECK(a[6].known && amount_cmp(a[6].amount, amount_from_u64(7)) == 0,
	      "the last one too");
	free_data(a, ROWS(asks));
}

static void code_is_read_whole(void)
{
	const struct address *const at[] = {&bank, &you};
	const size_t want[] = {5000, 0};

	for (size_t i = 0; i < 2; i++) {
		struct chain_ask q = {.what = CHAIN_ASK_CODE, .c = *at[i]};
		struct chain_answer a;
		struct tron_view view;

		CHECK(ask(&view, &a, &q, 1) == ERR_NONE && a.known &&
			      a.len == want[i] && !a.data == !want[i],
		      "%zu bytes", a.len);
		CHECK(!a.len || (a.data[0] == 0x5b && a.data[4999] == 0x5b),
		      "the code");
		free_data(&a, 1);
	}
}

static void a_full_probe_fits(void)
{
	struct chain_ask asks[TRON_PROBE_ASKS + 1];
	struct chain_answer a[TRON_PROBE_ASKS];
	uint8_t init[TRON_PROBE_MAX];
	struct tron_view at;

	for (size_t i = 0; i < ROWS(asks); i++)
		asks[i] = (struct chain_ask){.what = CHAIN_ASK_LIST,
					     .c = bank,
					     .a = me,
					     .n = {1, 2}};
	CHECK(ask(&at, a, asks, TRON_PROBE_ASKS) == ERR_NONE, "the longest");
	free_data(a, TRON_PROBE_ASKS);
	CHECK(tron_probe_code(init, sizeof(init), asks, ROWS(asks)) == 0,
	      "one more");
	CHECK(tron_probe_code(init, 40, asks, 1) == 0, "no room");
}

static void what_returns_much_goes_alone(void)
{
	static const struct {
		const char *name;
		size_t n;
		enum chain_ask_what what[3];
		size_t want;
	} rows[] = {
		{"nothing", 0, {0}, 0},
		{"code first", 2, {CHAIN_ASK_CODE, CHAIN_ASK_FREE}, 1},
		{"code later",
		 3,
		 {CHAIN_ASK_FREE, CHAIN_ASK_ID, CHAIN_ASK_LIST},
		 2},
		{"three short ones",
		 3,
		 {CHAIN_ASK_FREE, CHAIN_ASK_ID, CHAIN_ASK_FREE},
		 3},
	};
	struct chain_ask many[40] = {{0}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_ask asks[3] = {{0}};

		for (size_t k = 0; k < 3; k++)
			asks[k].what = rows[i].what[k];
		CHECK(tron_probe_take(asks, rows[i].n) == rows[i].want, "%s",
		      rows[i].name);
	}
	CHECK(tron_probe_take(many, 40) == TRON_PROBE_ASKS, "many");
}

/* Words in hex, a digit pair each: the low byte. */
static void what_is_no_answer_is_refused(void)
{
	static const struct {
		const char *name;
		size_t words;
		uint8_t low[5];
		size_t cut; /* bytes off the end */
		enum err_code want;
	} rows[] = {
		{"one balance", 5, {1, 2, 1, 32, 9}, 0, ERR_NONE},
		{"cut", 5, {1, 2, 1, 32, 9}, 1, ERR_PARSE},
		{"nothing", 0, {0}, 0, ERR_PARSE},
		{"no answer", 2, {1, 2}, 0, ERR_PARSE},
		{"neither good nor bad", 5, {1, 2, 2, 32, 9}, 0, ERR_PARSE},
		{"longer than what is there",
		 5,
		 {1, 2, 1, 64, 9},
		 0,
		 ERR_PARSE},
		{"something behind", 5, {1, 2, 1, 0, 9}, 0, ERR_PARSE},
	};
	struct chain_ask coin = {.what = CHAIN_ASK_COIN, .a = me};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t buf[5 * 32] = {0};
		struct chain_answer a;
		struct tron_view at;

		for (size_t k = 0; k < rows[i].words; k++)
			buf[k * 32 + 31] = rows[i].low[k];
		CHECK(tron_probe_read(&at, &a, &coin, 1, buf,
				      rows[i].words * 32 - rows[i].cut,
				      NULL) == rows[i].want,
		      "%s", rows[i].name);
		free_data(&a, 1);
	}
}

int main(void)
{
	a_probe_names_chain_and_block();
	every_question_has_its_answer();
	code_is_read_whole();
	a_full_probe_fits();
	what_returns_much_goes_alone();
	what_is_no_answer_is_refused();
	return CHECK_EXIT();
}
