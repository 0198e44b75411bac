#include "base/eip712.h"
#include "base/keccak.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"
#include "tests/check.h"
#include "tests/contracts-abi/rig.h"

static struct amount max128(void)
{
	return amount_from_parts(UINT64_MAX, UINT64_MAX);
}

static struct address a, b, none;
static uint8_t filled[196];

static void put_cash(struct wr *w)
{
	bank_enc_cash(w, &a, &b, filled, sizeof(filled));
}

static void put_cash_none(struct wr *w)
{
	bank_enc_cash(w, &a, &none, NULL, 0);
}

static void put_deposit(struct wr *w)
{
	bank_enc_deposit(w, &a, amount_max112());
}

static void put_domain_separator(struct wr *w)
{
	bank_enc_domain_separator(w);
}

static void put_free(struct wr *w)
{
	bank_enc_free(w, &a);
}

static void put_pair(struct wr *w)
{
	bank_enc_pair(w, &a, &b);
}

static void put_release(struct wr *w)
{
	bank_enc_release(w, &a, &b);
}

static void put_reserve(struct wr *w)
{
	const struct bank_promise promises[] = {
		{a, amount_from_parts(0, 12345), 1800000000},
		{b, amount_max112(), UINT32_MAX},
	};
	uint8_t buf[2 * BANK_PROMISE_LEN];
	struct wr p = wr_into(buf, sizeof(buf));

	for (size_t i = 0; i < ROWS(promises); i++)
		bank_put_promise(&p, &promises[i]);
	bank_enc_reserve(w, buf, wr_len(&p));
}

static void put_token(struct wr *w)
{
	bank_enc_token(w);
}

static void put_withdraw(struct wr *w)
{
	bank_enc_withdraw(w, &b, amount_from_parts(1, 0));
}

static void put_approve(struct wr *w)
{
	erc20_enc_approve(w, &a, max128());
}

static void put_transfer(struct wr *w)
{
	erc20_enc_transfer(w, &a, num(5));
}

static void put_balance_of(struct wr *w)
{
	erc20_enc_balance_of(w, &a);
}

static void put_allowance(struct wr *w)
{
	erc20_enc_allowance(w, &a, &b);
}

static void put_decimals(struct wr *w)
{
	erc20_enc_decimals(w);
}

static void put_symbol(struct wr *w)
{
	erc20_enc_symbol(w);
}

static void put_mint(struct wr *w)
{
	struct amount million;

	CHECK(amount_mul_u64(&million, num(1000000000000), 1000000000000),
	      "10^24");
	test_token_enc_mint(w, &b, million);
}

/* Each call is byte for byte what ethers makes of it, has the length that its
 * macro tells, and goes bad instead of half written when it does not fit. */
static void calls_are_encoded_as_ethers_does(void)
{
	static const struct call_row rows[] = {
		{"cash", put_cash, VEC_BANK_CASH, BANK_CASH_LEN(196)},
		{"cash, none", put_cash_none, VEC_BANK_CASH_NONE,
		 BANK_CASH_LEN(0)},
		{"deposit", put_deposit, VEC_BANK_DEPOSIT, BANK_DEPOSIT_LEN},
		{"domain", put_domain_separator, VEC_BANK_DOMAIN_SEPARATOR,
		 BANK_DOMAIN_SEPARATOR_LEN},
		{"free", put_free, VEC_BANK_FREE, BANK_FREE_LEN},
		{"pair", put_pair, VEC_BANK_PAIR, BANK_PAIR_LEN},
		{"release", put_release, VEC_BANK_RELEASE, BANK_RELEASE_LEN},
		{"reserve", put_reserve, VEC_BANK_RESERVE,
		 BANK_RESERVE_LEN(2 * BANK_PROMISE_LEN)},
		{"token", put_token, VEC_BANK_TOKEN, BANK_TOKEN_LEN},
		{"withdraw", put_withdraw, VEC_BANK_WITHDRAW,
		 BANK_WITHDRAW_LEN},
		{"approve", put_approve, VEC_TOKEN_APPROVE, ERC20_APPROVE_LEN},
		{"transfer", put_transfer, VEC_TOKEN_TRANSFER,
		 ERC20_TRANSFER_LEN},
		{"balanceOf", put_balance_of, VEC_TOKEN_BALANCE_OF,
		 ERC20_BALANCE_OF_LEN},
		{"allowance", put_allowance, VEC_TOKEN_ALLOWANCE,
		 ERC20_ALLOWANCE_LEN},
		{"decimals", put_decimals, VEC_TOKEN_DECIMALS,
		 ERC20_DECIMALS_LEN},
		{"symbol", put_symbol, VEC_TOKEN_SYMBOL, ERC20_SYMBOL_LEN},
		{"mint", put_mint, VEC_TOKEN_MINT, TEST_TOKEN_MINT_LEN},
	};

	check_calls(rows, ROWS(rows));
}

static void a_promise_of_more_than_112_bits_is_refused(void)
{
	struct bank_promise p = {a, amount_from_parts(1ULL << 48, 0), 1};
	uint8_t buf[BANK_PROMISE_LEN];
	struct wr w = wr_into(buf, sizeof(buf));

	bank_put_promise(&w, &p);
	CHECK(wr_len(&w) == 0, "packed 2^112");
}

static void answers_are_read(void)
{
	uint8_t d[BIG];
	struct bank_pair pair;
	struct amount n;
	struct address who;
	struct hash32 hash;
	uint8_t decimals;
	size_t len;

	len = unhex(d, BIG, VEC_RET_PAIR);
	CHECK(!bank_ret_pair(&pair, d, len, NULL), "pair");
	CHECK(same(pair.paid, amount_max112()) && same(pair.held, num(77)) &&
		      pair.until == UINT32_MAX,
	      "pair values");
	len = unhex(d, BIG, VEC_RET_CASH);
	CHECK(!bank_ret_cash(&n, d, len, NULL) && same(n, amount_max112()),
	      "cash");
	len = unhex(d, BIG, VEC_RET_FREE);
	CHECK(!bank_ret_free(&n, d, len, NULL) && same(n, max128()), "free");
	len = unhex(d, BIG, VEC_RET_TOKEN);
	CHECK(!bank_ret_token(&who, d, len, NULL) && address_eq(&who, &a),
	      "token");
	len = unhex(d, BIG, VEC_RET_DOMAIN_SEPARATOR);
	CHECK(!bank_ret_domain_separator(&hash, d, len, NULL) &&
		      memcmp(&hash, filled, sizeof(hash)) == 0,
	      "domain");
	len = unhex(d, BIG, VEC_RET_BALANCE_OF);
	CHECK(!erc20_ret_balance_of(&n, d, len, NULL) &&
		      same(n, amount_from_parts(1ULL << 36, 0)),
	      "balanceOf");
	len = unhex(d, BIG, VEC_RET_ALLOWANCE_ENDLESS);
	CHECK(!erc20_ret_allowance(&n, d, len, NULL) && same(n, max128()),
	      "an endless allowance reads as the largest amount");
	len = unhex(d, BIG, VEC_RET_DECIMALS);
	CHECK(!erc20_ret_decimals(&decimals, d, len, NULL) && decimals == 18,
	      "decimals");
	len = unhex(d, BIG, VEC_RET_ERROR_TOO_LITTLE);
	CHECK(strcmp(bank_error_name(d, len), "TooLittle") == 0, "error");
	CHECK(!bank_error_name(d, 3), "an error of three bytes");
}

static void symbols_are_made_printable_and_short(void)
{
	static const struct {
		const char *name, *hex, *want;
	} rows[] = {
		{"ordinary", VEC_RET_SYMBOL, "TEST"},
		{"bytes32", VEC_RET_SYMBOL_BYTES32, "MKR"},
		{"long", VEC_RET_SYMBOL_LONG,
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[ABI_TEXT_MAX];
		uint8_t d[BIG];
		size_t len = unhex(d, BIG, rows[i].hex);

		CHECK(!erc20_ret_symbol(text, d, len, NULL) &&
			      strcmp(text, rows[i].want) == 0,
		      "%s: %s", rows[i].name, text);
	}
}

/* Any byte of an answer that makes it non-canonical, or any other length, is
 * ERR_PARSE. */
static void malformed_answers_are_refused(void)
{
	static const struct {
		const char *name;
		size_t at; /* this byte is set to `to` */
		int to;
		int grow; /* and the length changed by this */
	} rows[] = {
		{"paid of 113 bits", 17, 1, 0},
		{"paid of 256 bits", 0, 0x80, 0},
		{"reserve of 113 bits", 32 + 17, 1, 0},
		{"until of 33 bits", 64 + 27, 1, 0},
		{"one byte short", 95, 0, -1},
		{"one byte over", 96, 0, 1},
		{"empty", 0, 0, -96},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t d[BIG] = {0};
		size_t len = unhex(d, BIG, VEC_RET_PAIR);
		struct bank_pair pair;

		d[rows[i].at] = (uint8_t)rows[i].to;
		len = (size_t)((int)len + rows[i].grow);
		CHECK(bank_ret_pair(&pair, d, len, NULL) == ERR_PARSE, "%s",
		      rows[i].name);
	}
}

static void events_are_read(void)
{
	struct log_buf l;
	struct bank_ev_deposited deposited;
	struct bank_ev_withdrawn withdrawn;
	struct bank_ev_reserved reserved;
	struct bank_ev_released released;
	struct bank_ev_bounced bounced;

	log_of(&l, VEC_TOPICS_DEPOSITED, VEC_DATA_DEPOSITED);
	CHECK(!bank_ev_deposited_read(&deposited, &l.log, NULL) &&
		      address_eq(&deposited.account, &a) &&
		      address_eq(&deposited.from, &b) &&
		      same(deposited.amount, num(1000)),
	      "Deposited");
	CHECK(bank_ev_withdrawn_read(&withdrawn, &l.log, NULL) == ERR_PARSE,
	      "Deposited read as Withdrawn");
	log_of(&l, VEC_TOPICS_WITHDRAWN, VEC_DATA_WITHDRAWN);
	CHECK(!bank_ev_withdrawn_read(&withdrawn, &l.log, NULL) &&
		      address_eq(&withdrawn.to, &b) &&
		      same(withdrawn.amount, amount_max112()),
	      "Withdrawn");
	log_of(&l, VEC_TOPICS_RESERVED, VEC_DATA_RESERVED);
	CHECK(!bank_ev_reserved_read(&reserved, &l.log, NULL) &&
		      address_eq(&reserved.payee, &b) &&
		      same(reserved.added, amount_max112()) &&
		      reserved.until == 1800000000,
	      "Reserved");
	log_of(&l, VEC_TOPICS_RELEASED, VEC_DATA_RELEASED);
	CHECK(!bank_ev_released_read(&released, &l.log, NULL) &&
		      address_eq(&released.payer, &a) &&
		      same(released.amount, num(7)),
	      "Released");
	log_of(&l, VEC_TOPICS_BOUNCED, VEC_DATA_BOUNCED);
	CHECK(!bank_ev_bounced_read(&bounced, &l.log, NULL) &&
		      same(bounced.missing, num(9)),
	      "Bounced");
	l.log.topics_len = 2;
	CHECK(bank_ev_bounced_read(&bounced, &l.log, NULL) == ERR_PARSE,
	      "a topic missing");
	l.log.topics_len = 3;
	l.topics[1].bytes[0] = 1;
	CHECK(bank_ev_bounced_read(&bounced, &l.log, NULL) == ERR_PARSE,
	      "an address of 32 bytes");
}

static void cashed_tells_how_many_gave_how_much(void)
{
	struct log_buf l;
	struct bank_ev_cashed ev;

	log_of(&l, VEC_TOPICS_CASHED, VEC_DATA_CASHED);
	CHECK(!bank_ev_cashed_read(&ev, &l.log, NULL), "Cashed");
	CHECK(address_eq(&ev.payee, &a) && address_eq(&ev.to, &b) &&
		      same(ev.total, num(300)) && ev.receipts == 2,
	      "Cashed values");
}

static void malformed_tails_are_refused(void)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t to;
	} rows[] = {
		{"offset elsewhere", 63, 0x60},
		{"offset of 256 bits", 32, 1},
		{"longer than the data", 95, 97},
		{"length of 64 bits", 64 + 24, 1},
		{"length of 40 bits", 64 + 27, 1},
		{"padding that is not zero", 96 + 95, 1},
		{"shorter than the data", 95, 1},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct log_buf l;
		struct bank_ev_proved ev;

		log_of(&l, VEC_TOPICS_PROVED, VEC_DATA_PROVED);
		l.data[rows[i].at] = rows[i].to;
		CHECK(bank_ev_proved_read(&ev, &l.log, NULL) == ERR_PARSE, "%s",
		      rows[i].name);
	}
}

static void deployment_is_code_token_and_period(void)
{
	static uint8_t buf[BANK_DEPLOY_LEN];
	struct wr w = wr_into(buf, sizeof(buf));

	bank_put_deploy(&w, &a, 0x01020304);
	CHECK(wr_len(&w) == BANK_DEPLOY_LEN, "length");
	CHECK(memcmp(buf, bank_creation, BANK_CREATION_LEN) == 0, "code");
	CHECK(memcmp(buf + BANK_DEPLOY_LEN - 52, &a, 20) == 0, "token");
	CHECK(memcmp(buf + BANK_DEPLOY_LEN - 5, "\0\1\2\3\4", 5) == 0,
	      "period");
}

/* A bank is told from any other program, one bit apart, at every byte. */
static void only_a_banks_code_passes(void)
{
	static uint8_t code[BANK_RUNTIME_LEN + 1];
	struct address token;
	uint32_t period;
	size_t passed = 0;

	bank_code_fill(code, &b, 28800);
	CHECK(!bank_code_check(&token, &period, code, BANK_RUNTIME_LEN, NULL),
	      "good");
	CHECK(address_eq(&token, &b) && period == 28800, "its token, period");
	CHECK(bank_code_check(&token, &period, code, 0, NULL) == ERR_CHAIN,
	      "none");
	CHECK(bank_code_check(&token, &period, code, BANK_RUNTIME_LEN - 1,
			      NULL) == ERR_CHAIN,
	      "short");
	CHECK(bank_code_check(&token, &period, code, BANK_RUNTIME_LEN + 1,
			      NULL) == ERR_CHAIN,
	      "long");
	for (size_t i = 0; i < BANK_RUNTIME_LEN; i++) {
		code[i] ^= 1;
		passed += !bank_code_check(&token, &period, code,
					   BANK_RUNTIME_LEN, NULL);
		code[i] ^= 1;
	}
	CHECK(passed == 0, "%zu changed bytes passed", passed);
}

static void the_pinned_hash_follows_from_token_and_period(void)
{
	struct hash32 runtime = keccak256(bank_runtime, BANK_RUNTIME_LEN);

	CHECK(is_hash(bank_code_hash(&a, 28800), VEC_CODE_HASH), "of token a");
	CHECK(!is_hash(bank_code_hash(&b, 28800), VEC_CODE_HASH), "of token b");
	CHECK(!is_hash(bank_code_hash(&a, 28801), VEC_CODE_HASH),
	      "of longer periods");
	CHECK(memcmp(&runtime, &bank_runtime_hash, sizeof(runtime)) == 0,
	      "of the artifact");
}

/* What is signed is what the bank checks, as ethers and tronweb hash it. */
static void receipts_are_hashed_as_wallets_do(void)
{
	struct hash32 domain = eip712_domain(199, &b);

	CHECK(is_hash(domain, VEC_DOMAIN), "domain");
	CHECK(is_hash(eip712_domain(0xcd8690dc, &b), VEC_DOMAIN_NILE),
	      "domain of a chain whose id fills 4 bytes");
	CHECK(is_hash(eip712_receipt(&domain, &a, &b, amount_max112()),
		      VEC_RECEIPT_DIGEST),
	      "receipt");
}

int main(void)
{
	a = addr(0xa1);
	b = addr(0xb2);
	for (size_t i = 0; i < sizeof(filled); i++)
		filled[i] = (uint8_t)i;
	calls_are_encoded_as_ethers_does();
	a_promise_of_more_than_112_bits_is_refused();
	answers_are_read();
	symbols_are_made_printable_and_short();
	malformed_answers_are_refused();
	events_are_read();
	cashed_tells_how_many_gave_how_much();
	malformed_tails_are_refused();
	deployment_is_code_token_and_period();
	only_a_banks_code_passes();
	the_pinned_hash_follows_from_token_and_period();
	receipts_are_hashed_as_wallets_do();
	return CHECK_EXIT();
}
