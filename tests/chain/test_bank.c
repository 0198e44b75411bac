/* The bank on a real EVM, driven from C: deployed, checked, filled, cashed. */
#include "ledger/chain/tron_probe.h"
#include "tests/chain/town.h"

#define GIB_PRICE 1000000000000000ULL
#define PERIOD 20 /* blocks */

static struct chain_call to(const struct town *t, const struct address *where,
			    const struct wr *w)
{
	return (struct chain_call){
		.from = t->b.me, .to = *where, .data = w->buf, .len = w->len};
}

static void deploy(struct town *t)
{
	static uint8_t code[BANK_DEPLOY_LEN];
	struct chain_call call = {.from = t->b.me,
				  .create = true,
				  .data = test_token_creation,
				  .len = TEST_TOKEN_CREATION_LEN};
	struct chain_ask asks[] = {{.what = CHAIN_ASK_CODE},
				   {.what = CHAIN_ASK_BANK_TOKEN}};
	struct wr w = wr_into(code, sizeof(code));
	struct address token, expect;
	uint32_t period;

	CHECK(do_call(&t->b, &t->g, t->ch, &call), "token");
	t->token = t->g.o.created;
	expect = rlp_create_address(&t->b.me, t->g.form.slot);
	CHECK(address_eq(&t->token, &expect), "address of a creation");
	bank_put_deploy(&w, &t->token, PERIOD);
	call.data = code;
	call.len = wr_len(&w);
	CHECK(do_call(&t->b, &t->g, t->ch, &call), "bank");
	t->bank = t->g.o.created;
	t->domain = eip712_domain(ANVIL_CHAIN_ID, &t->bank);
	asks[0].c = asks[1].c = t->bank;
	CHECK(wait_read(&t->b, &t->r, t->ch, CHAIN_FINAL, asks, 2), "%s",
	      t->r.e.msg);
	CHECK(t->r.answers[0].known && t->r.answers[1].known, "code: %s",
	      t->r.answers[0].why);
	CHECK(bank_code_check(&token, &period, t->r.code, t->r.answers[0].len,
			      NULL) == ERR_NONE,
	      "the code on chain is not the artifact");
	CHECK(address_eq(&token, &t->token) &&
		      address_eq(&t->r.answers[1].address, &t->token),
	      "the bank's token");
	CHECK(period == PERIOD, "the bank's period");
}

static void mint_and_approve(struct town *t)
{
	uint8_t data[128];
	struct wr w = wr_into(data, sizeof(data));
	struct chain_call call;

	test_token_enc_mint(&w, &t->b.me, amount_from_parts(1ULL << 30, 0));
	call = to(t, &t->token, &w);
	CHECK(do_call(&t->b, &t->g, t->ch, &call), "mint");
	w = wr_into(data, sizeof(data));
	erc20_enc_approve(&w, &t->bank, amount_from_parts(1ULL << 29, 0));
	call = to(t, &t->token, &w);
	CHECK(do_call(&t->b, &t->g, t->ch, &call), "approve");
}

/* Cashes receipts of the first n payers for `amount` each; the gas of one. */
static uint64_t cash(struct town *t, size_t n, struct amount amount)
{
	static uint8_t packed[PAYERS * RECEIPT_LEN],
		data[BANK_CASH_LEN(PAYERS * RECEIPT_LEN)];
	struct wr w = wr_into(data, sizeof(data));
	struct bank_ev_cashed ev = {0};
	struct chain_call call;
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		struct receipt r;

		sign_receipt(t, &r, i, amount);
		CHECK(receipt_pack(&r, packed + i * RECEIPT_LEN, RECEIPT_LEN) ==
			      RECEIPT_LEN,
		      "pack");
	}
	bank_enc_cash(&w, &t->b.me, &t->b.me, packed, n * RECEIPT_LEN);
	call = to(t, &t->bank, &w);
	if (!do_call(&t->b, &t->g, t->ch, &call))
		return 0;
	for (size_t i = 0; i < t->g.o.n_logs; i++) {
		struct abi_log log = {t->g.logs[i].topics,
				      t->g.logs[i].n_topics, t->g.logs[i].data,
				      t->g.logs[i].len};

		if (address_eq(&t->g.logs[i].where, &t->bank) &&
		    bank_ev_cashed_read(&ev, &log, NULL) == ERR_NONE)
			found = true;
	}
	CHECK(found && ev.receipts == n, "Cashed counts %u receipts",
	      (unsigned)ev.receipts);
	return t->g.o.units / n;
}

static void pairs_say_paid(struct town *t, size_t n, struct amount paid)
{
	static struct chain_ask asks[PAYERS];

	for (size_t i = 0; i < n; i++)
		asks[i] = (struct chain_ask){.what = CHAIN_ASK_PAIR,
					     .c = t->bank,
					     .a = t->payers[i],
					     .b = t->b.me};
	CHECK(wait_read(&t->b, &t->r, t->ch, CHAIN_FINAL, asks, n), "%s",
	      t->r.e.msg);
	for (size_t i = 0; i < n; i++) {
		const struct chain_answer *a = &t->r.answers[i];

		if (a->known && amount_cmp(a->pair.paid, paid) == 0)
			continue;
		CHECK(false, "payer %zu: %s", i, a->why);
		return;
	}
}

static void one_receipt_is_cashed(struct town *t)
{
	CHECK(cash(t, 1, amount_from_u64(GIB_PRICE)) > 0, "cashed");
	pairs_say_paid(t, 1, amount_from_u64(GIB_PRICE));
}

static void two_hundred_are_cashed_in_one_transaction(struct town *t)
{
	uint64_t first, again, reserved;

	first = cash(t, PAYERS, amount_from_parts(1, 0));
	pairs_say_paid(t, PAYERS, amount_from_parts(1, 0));
	again = cash(t, PAYERS, amount_from_parts(2, 0));
	pairs_say_paid(t, PAYERS, amount_from_parts(2, 0));
	for_payers(t, &t->bank, encode_reserve);
	reserved = cash(t, PAYERS, amount_from_parts(3, 0));
	pairs_say_paid(t, PAYERS, amount_from_parts(3, 0));
	(void)printf("gas per receipt, %d in a batch: first %llu, again %llu, "
		     "from reserves %llu\n",
		     PAYERS, (unsigned long long)first,
		     (unsigned long long)again, (unsigned long long)reserved);
	CHECK(again <= 16500, "repeat cash %llu", (unsigned long long)again);
	CHECK(reserved <= 11500, "from reserves %llu",
	      (unsigned long long)reserved);
}

static void a_call_that_cannot_work_says_why(struct town *t)
{
	uint8_t data[128];
	struct wr w = wr_into(data, sizeof(data));
	struct chain_call call;

	bank_enc_withdraw(&w, &t->b.me, amount_from_u64(1));
	call = to(t, &t->bank, &w);
	CHECK(wait_trial(&t->b, &t->g, t->ch, &call), "%s", t->g.e.msg);
	CHECK(!t->g.trial.ok &&
		      strstr(t->g.trial.reason, "not free in the bank"),
	      "reason: %s", t->g.trial.reason);
}

static void questions_about_nothing_are_unknown_not_zero(struct town *t)
{
	struct chain_ask asks[] = {
		{.what = CHAIN_ASK_FREE, .c = {{9}}, .a = t->b.me},
		{.what = CHAIN_ASK_CODE, .c = {{9}}},
		{.what = CHAIN_ASK_COIN, .a = t->b.me},
		{.what = CHAIN_ASK_ID},
		{.what = CHAIN_ASK_SYMBOL, .c = t->token},
		{.what = CHAIN_ASK_DECIMALS, .c = t->token},
		{.what = CHAIN_ASK_ALLOWANCE,
		 .c = t->token,
		 .a = t->b.me,
		 .b = t->bank},
		{.what = CHAIN_ASK_TOKEN_BALANCE, .c = t->token, .a = t->bank},
	};
	const struct chain_answer *a = t->r.answers;

	CHECK(wait_read(&t->b, &t->r, t->ch, CHAIN_LATEST, asks, ROWS(asks)),
	      "%s", t->r.e.msg);
	CHECK(!a[0].known && a[0].why[0], "free of no bank");
	CHECK(a[1].known && a[1].len == 0, "no code is known to be none");
	CHECK(a[2].known && !amount_is_zero(a[2].amount), "coin");
	CHECK(a[3].known && a[3].number == ANVIL_CHAIN_ID, "chain id");
	CHECK(a[4].known && strcmp(a[4].text, "TEST") == 0, "symbol %s",
	      a[4].text);
	CHECK(a[5].known && a[5].number == 18, "decimals");
	CHECK(a[6].known && !amount_is_zero(a[6].amount), "allowance");
	CHECK(a[7].known && amount_is_zero(a[7].amount), "zero that is known");
}

/* What eth_call makes of a probe's code; NULL: it failed. */
static uint8_t *run_probe(struct town *t, const struct chain_ask *asks,
			  size_t n, size_t *len)
{
	uint8_t code[TRON_PROBE_MAX], *out = NULL;
	char params[2 * TRON_PROBE_MAX + 64], hex[2 * TRON_PROBE_MAX + 1];
	size_t code_len = tron_probe_code(code, sizeof(code), asks, n);
	json_t *r;

	(void)snprintf(params, sizeof(params),
		       "[{\"data\":\"0x%s\"},\"latest\"]",
		       hex_encode(hex, code, code_len));
	r = raw_rpc(&t->b, &t->anvil, "eth_call", params);
	if (!r || evm_get_data(&out, len, TRON_PROBE_MAX * 64, r, NULL))
		out = NULL;
	json_decref(r);
	return out;
}

/* A machine of others runs the code as the model in the unit tests does. */
static void a_probe_gives_the_same_answers(struct town *t)
{
	const struct chain_ask asks[] = {
		{.what = CHAIN_ASK_COIN, .a = t->b.me},
		{.what = CHAIN_ASK_SYMBOL, .c = t->token},
		{.what = CHAIN_ASK_DECIMALS, .c = t->token},
		{.what = CHAIN_ASK_FREE, .c = t->bank, .a = t->b.me},
		{.what = CHAIN_ASK_ALLOWANCE,
		 .c = t->token,
		 .a = t->b.me,
		 .b = t->bank},
		{.what = CHAIN_ASK_FREE, .c = t->token, .a = t->b.me},
	};
	const struct chain_ask code = {.what = CHAIN_ASK_CODE, .c = t->bank};
	const struct chain_answer *want = t->r.answers;
	struct chain_answer got[ROWS(asks)];
	struct tron_view at = {0};
	size_t len = 0;
	uint8_t *ret;

	CHECK(wait_read(&t->b, &t->r, t->ch, CHAIN_LATEST, asks, ROWS(asks)),
	      "%s", t->r.e.msg);
	ret = run_probe(t, asks, ROWS(asks), &len);
	CHECK(ret && tron_probe_read(&at, got, asks, ROWS(asks), ret, len,
				     NULL) == ERR_NONE,
	      "%zu bytes", len);
	CHECK(at.chain_id == ANVIL_CHAIN_ID && at.block == t->r.at.block,
	      "block %llu", (unsigned long long)at.block);
	for (size_t i = 0; i < ROWS(asks); i++)
		CHECK(got[i].known == want[i].known &&
			      amount_cmp(got[i].amount, want[i].amount) == 0 &&
			      strcmp(got[i].text, want[i].text) == 0 &&
			      got[i].number == want[i].number,
		      "question %zu", i);
	free(ret);
	CHECK(wait_read(&t->b, &t->r, t->ch, CHAIN_LATEST, &code, 1), "code");
	ret = run_probe(t, &code, 1, &len);
	CHECK(ret &&
		      tron_probe_read(&at, got, &code, 1, ret, len, NULL) ==
			      ERR_NONE &&
		      got[0].len == want[0].len && got[0].len > 1000 &&
		      memcmp(got[0].data, t->r.code, got[0].len) == 0,
	      "%zu bytes of code", got[0].len);
	free((void *)(uintptr_t)got[0].data);
	free(ret);
}

int main(int argc, char **argv)
{
	static struct town t;
	struct chain_evm_config cfg;

	if (!anvil_find(&t.anvil, argc, argv))
		return SKIPPED;
	bench_init(&t.b);
	if (anvil_start(&t.b, &t.anvil)) {
		cfg = bench_config(t.anvil.url);
		t.ch = bench_chain(&t.b, &cfg);
		deploy(&t);
		mint_and_approve(&t);
		questions_about_nothing_are_unknown_not_zero(&t);
		a_probe_gives_the_same_answers(&t);
		a_call_that_cannot_work_says_why(&t);
		fill_purses(&t);
		one_receipt_is_cashed(&t);
		two_hundred_are_cashed_in_one_transaction(&t);
		chain_free(t.ch);
	}
	anvil_stop(&t.anvil, SIGTERM);
	bench_clear(&t.b);
	return CHECK_EXIT();
}
