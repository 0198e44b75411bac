/* The bank on a real EVM, driven from C: deployed, checked, filled, cashed. */
#include "base/eip712.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"
#include "ledger/receipt.h"
#include "tests/chain/anvil.h"

#define PAYERS 200
#define GIB_PRICE 1000000000000000ULL

struct town {
	struct bench b;
	struct anvil anvil;
	struct chain *ch;
	struct address token, bank;
	struct hash32 domain;
	struct ecc_key keys[PAYERS];
	struct address payers[PAYERS];
	struct got_tx g;
	struct got_read r;
};

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

	CHECK(do_call(&t->b, &t->g, t->ch, &call), "token");
	t->token = t->g.o.created;
	expect = rlp_create_address(&t->b.me, t->g.form.slot);
	CHECK(address_eq(&t->token, &expect), "address of a creation");
	bank_put_deploy(&w, &t->token);
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
	CHECK(bank_code_check(&token, t->r.code, t->r.answers[0].len, NULL) ==
		      ERR_NONE,
	      "the code on chain is not the artifact");
	CHECK(address_eq(&token, &t->token) &&
		      address_eq(&t->r.answers[1].address, &t->token),
	      "the bank's token");
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

/* One transaction of each payer, all in one HTTP body; anvil signs for them. */
static void for_payers(struct town *t, const struct address *where,
		       size_t (*encode)(struct town *t, uint8_t *buf, size_t i))
{
	struct evm_text body = {0};
	json_t *answer, *hash;

	evm_text_str(&body, "[");
	for (size_t i = 0; i < PAYERS; i++) {
		uint8_t data[256];
		struct chain_call call = {.from = t->payers[i],
					  .to = *where,
					  .data = data,
					  .len = encode(t, data, i)};

		if (i)
			evm_text_str(&body, ",");
		evm_text_begin(&body, i, "eth_sendTransaction");
		evm_text_call(&body, &call);
		evm_text_end(&body);
	}
	evm_text_str(&body, "]");
	answer = raw_post(&t->b, &t->anvil, body.s);
	hash = json_object_get(json_array_get(answer, PAYERS - 1), "result");
	if (!json_is_string(hash)) {
		char *text = json_dumps(json_array_get(answer, PAYERS - 1), 0);

		CHECK(false, "the last of %d: %s", PAYERS,
		      text ? text : "none");
		free(text);
	}
	json_decref(answer);
	evm_text_clear(&body);
	raw_settle(&t->b, &t->anvil);
}

static size_t encode_mint(struct town *t, uint8_t *buf, size_t i)
{
	struct wr w = wr_into(buf, 256);

	test_token_enc_mint(&w, &t->payers[i], amount_from_parts(100, 0));
	return wr_len(&w);
}

static size_t encode_approve(struct town *t, uint8_t *buf, size_t i)
{
	struct wr w = wr_into(buf, 256);

	(void)i;
	erc20_enc_approve(&w, &t->bank, amount_from_parts(100, 0));
	return wr_len(&w);
}

static size_t encode_deposit(struct town *t, uint8_t *buf, size_t i)
{
	struct wr w = wr_into(buf, 256);

	bank_enc_deposit(&w, &t->payers[i], amount_from_parts(100, 0));
	return wr_len(&w);
}

static size_t encode_reserve(struct town *t, uint8_t *buf, size_t i)
{
	uint8_t promise[BANK_PROMISE_LEN];
	struct bank_promise p = {.payee = t->b.me,
				 .total = amount_from_parts(50, 0),
				 .until = UINT32_MAX};
	struct wr w = wr_into(promise, sizeof(promise));
	struct wr o = wr_into(buf, 256);

	(void)i;
	bank_put_promise(&w, &p);
	bank_enc_reserve(&o, promise, sizeof(promise));
	return wr_len(&o);
}

static void make_payers(struct town *t)
{
	char one[128];

	for (size_t i = 0; i < PAYERS; i++) {
		uint8_t seed[2] = {(uint8_t)i, 0x5b};
		struct hash32 h = keccak256(seed, sizeof(seed));
		char hex[41];

		CHECK(ecc_key_read(&t->keys[i], h.bytes, NULL) == ERR_NONE,
		      "key %zu", i);
		t->payers[i] = ecc_address(t->b.ecc, &t->keys[i]);
		hex_encode(hex, t->payers[i].bytes, 20);
		(void)snprintf(one, sizeof(one),
			       "[\"0x%s\",\"0xde0b6b3a7640000\"]", hex);
		raw_do(&t->b, &t->anvil, "anvil_setBalance", one);
	}
	raw_do(&t->b, &t->anvil, "anvil_autoImpersonateAccount", "[true]");
}

static void sign_receipt(struct town *t, struct receipt *r, size_t i,
			 struct amount amount)
{
	struct hash32 digest =
		eip712_receipt(&t->domain, &t->payers[i], &t->b.me, amount);
	struct ecc_sig sig = ecc_sign(t->b.ecc, &t->keys[i], &digest);
	struct sig64 packed = sig64_pack(&sig);

	*r = (struct receipt){.payer = t->payers[i], .amount = amount};
	memcpy(r->sig, packed.bytes, sizeof(r->sig));
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
	CHECK(found && ev.draws_len == n * BANK_DRAW_LEN,
	      "Cashed names %zu draws", ev.draws_len / BANK_DRAW_LEN);
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
	for (size_t i = 0; i < n; i++)
		CHECK(t->r.answers[i].known &&
			      amount_cmp(t->r.answers[i].pair.paid, paid) == 0,
		      "payer %zu: %s", i, t->r.answers[i].why);
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
	CHECK(!t->g.trial.ok && strcmp(t->g.trial.reason, "TooLittle") == 0,
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

int main(int argc, char **argv)
{
	static struct town t;
	struct chain_evm_config cfg;

	if (argc < 2 || access(argv[1], X_OK) != 0) {
		(void)printf("no anvil: run scripts/setup\n");
		return SKIPPED;
	}
	t.anvil.path = argv[1];
	bench_init(&t.b);
	if (anvil_start(&t.b, &t.anvil)) {
		cfg = bench_config(t.anvil.url);
		t.ch = bench_chain(&t.b, &cfg);
		deploy(&t);
		mint_and_approve(&t);
		questions_about_nothing_are_unknown_not_zero(&t);
		a_call_that_cannot_work_says_why(&t);
		make_payers(&t);
		for_payers(&t, &t.token, encode_mint);
		for_payers(&t, &t.token, encode_approve);
		for_payers(&t, &t.bank, encode_deposit);
		one_receipt_is_cashed(&t);
		two_hundred_are_cashed_in_one_transaction(&t);
		chain_free(t.ch);
	}
	anvil_stop(&t.anvil, SIGTERM);
	bench_clear(&t.b);
	return CHECK_EXIT();
}
