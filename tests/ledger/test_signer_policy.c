/* Every transaction that the signer refuses, and the few that it signs. Each
 * row starts from a good call and changes one thing. */
#include "base/keccak.h"
#include "contracts-abi/bank.h"
#include "contracts-abi/bank_abi.h"
#include "contracts-abi/token_abi.h"
#include "ledger/signer/signer_policy.h"
#include "tests/check.h"

#define NOW INT64_C(1800000000)
#define CHAIN 199

enum who { NOBODY, OWN, STORE, COLD, BANK, TOKEN, STRANGER, OTHER };

static struct address who(enum who w)
{
	struct address a;

	memset(a.bytes, w == NOBODY ? 0 : 0x10 + (int)w, sizeof(a.bytes));
	return a;
}

static struct signer_rules rules(bool coin, const struct address *cold)
{
	return (struct signer_rules){
		.pinned = true,
		.domain = {.chain_id = CHAIN,
			   .bank = who(BANK),
			   .token = who(coin ? NOBODY : TOKEN)},
		.own = {who(OWN), who(STORE)},
		.cold = cold,
		.cold_len = 1,
		.reserve_days = 10,
		.now_s = NOW};
}

struct call {
	uint8_t data[4096];
	struct wr w;
	struct signer_tx_evm tx;
};

static void begin(struct call *c, enum who to)
{
	c->w = wr_into(c->data, sizeof(c->data));
	c->tx = (struct signer_tx_evm){.style = SIGNER_TX_1559,
				       .chain_id = CHAIN,
				       .max_fee = amount_from_u64(2),
				       .tip = amount_from_u64(1),
				       .gas = 100000,
				       .to = who(to),
				       .data = c->data};
}

static void check(const char *name, struct call *c, bool coin,
		  enum err_code want, const char *says)
{
	const struct address cold = who(COLD);
	struct signer_rules r = rules(coin, &cold);
	struct signer_spend spend;
	struct err e = {0};

	if (c->tx.data_len == 0)
		c->tx.data_len = wr_len(&c->w);
	CHECK(signer_policy_check(&r, &c->tx, &spend, &e) == want,
	      "%s: %d (%s)", name, e.code, e.msg);
	CHECK(strstr(e.msg, says), "%s: says \"%s\"", name, e.msg);
}

static void deposits_go_to_own_accounts(void)
{
	static const struct {
		const char *name;
		enum who account;
		bool coin;
		uint64_t amount, value;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"to the bandwidth account", OWN, false, 5, 0, ERR_NONE, ""},
		{"to the storage account", STORE, false, 5, 0, ERR_NONE, ""},
		{"for a stranger", STRANGER, false, 5, 0, ERR_STATE,
		 "own account"},
		{"for a cold address", COLD, false, 5, 0, ERR_STATE,
		 "own account"},
		{"for nobody", NOBODY, false, 5, 0, ERR_STATE, "own account"},
		{"token, with coin sent along", OWN, false, 5, 5, ERR_STATE,
		 "coin is sent"},
		{"coin, all of it", OWN, true, 5, 5, ERR_NONE, ""},
		{"coin, more than it says", OWN, true, 5, 6, ERR_STATE,
		 "sends what it says"},
		{"coin, for a stranger", STRANGER, true, 5, 5, ERR_STATE,
		 "own account"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address a = who(rows[i].account);
		struct call c;

		begin(&c, BANK);
		bank_enc_deposit(&c.w, &a, amount_from_u64(rows[i].amount));
		c.tx.value = amount_from_u64(rows[i].value);
		check(rows[i].name, &c, rows[i].coin, rows[i].want,
		      rows[i].says);
	}
}

static void money_leaves_to_known_addresses(void)
{
	static const struct {
		const char *name;
		enum who to;
		uint64_t value;
		enum err_code want;
	} rows[] = {
		{"to the own account", OWN, 0, ERR_NONE},
		{"to the storage account", STORE, 0, ERR_NONE},
		{"to a cold address", COLD, 0, ERR_NONE},
		{"to a stranger", STRANGER, 0, ERR_STATE},
		{"to nobody", NOBODY, 0, ERR_STATE},
		{"to the bank", BANK, 0, ERR_STATE},
		{"with coin sent along", OWN, 1, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address a = who(rows[i].to);
		struct call c;

		begin(&c, BANK);
		bank_enc_withdraw(&c.w, &a, amount_from_u64(5));
		c.tx.value = amount_from_u64(rows[i].value);
		check(rows[i].name, &c, false, rows[i].want,
		      rows[i].want == ERR_NONE ? ""
		      : rows[i].value	       ? "coin is sent"
					       : "config cold ADDRESS");
	}
}

static void cash_goes_where_the_payee_may_have_it(void)
{
	static const struct {
		const char *name;
		enum who payee, to;
		size_t len;
		enum err_code want;
	} rows[] = {
		{"own, inside the bank", OWN, NOBODY, 98, ERR_NONE},
		{"own, to the account", OWN, OWN, 196, ERR_NONE},
		{"own, to a cold address", OWN, COLD, 98, ERR_NONE},
		{"own, to a stranger", OWN, STRANGER, 98, ERR_STATE},
		{"another's, inside the bank", OTHER, NOBODY, 98, ERR_NONE},
		{"another's, to it", OTHER, OTHER, 98, ERR_NONE},
		{"another's, to us", OTHER, OWN, 98, ERR_STATE},
		{"another's, to our cold address", OTHER, COLD, 98, ERR_STATE},
		{"no receipts", OWN, NOBODY, 0, ERR_PARSE},
		{"half a receipt", OWN, NOBODY, 97, ERR_PARSE},
	};
	static const uint8_t receipts[196];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address payee = who(rows[i].payee);
		struct address to = who(rows[i].to);
		struct call c;

		begin(&c, BANK);
		bank_enc_cash(&c.w, &payee, &to, receipts, rows[i].len);
		check(rows[i].name, &c, false, rows[i].want, "");
	}
}

static void reserves_end_in_time(void)
{
	static const struct {
		const char *name;
		int64_t until[2];
		enum err_code want;
	} rows[] = {
		{"a day ahead", {NOW + 86400, 0}, ERR_NONE},
		{"as far as is allowed", {NOW + 864000, 0}, ERR_NONE},
		{"a second beyond", {NOW + 864001, 0}, ERR_FUNDS},
		{"the second one beyond", {NOW, NOW + 864001}, ERR_FUNDS},
		{"till the end of time", {UINT32_MAX, 0}, ERR_FUNDS},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t list[2 * BANK_PROMISE_LEN];
		struct wr w = wr_into(list, sizeof(list));
		struct call c;

		for (size_t k = 0; k < 2; k++) {
			struct bank_promise p = {
				.payee = who(OTHER),
				.total = amount_from_u64(7),
				.until = (uint32_t)rows[i].until[k]};

			bank_put_promise(&w, &p);
		}
		begin(&c, BANK);
		bank_enc_reserve(&c.w, list, wr_len(&w));
		check(rows[i].name, &c, false, rows[i].want, "");
		c.w = wr_into(c.data, sizeof(c.data));
		bank_enc_reserve(&c.w, list, wr_len(&w) - 1);
		c.tx.data_len = 0;
		check("cut short", &c, false, ERR_PARSE, "reserve");
	}
}

static void releases_concern_us(void)
{
	static const struct {
		const char *name;
		enum who payer, payee;
		enum err_code want;
	} rows[] = {
		{"our own reserve", OWN, OTHER, ERR_NONE},
		{"one that is for us", OTHER, STORE, ERR_NONE},
		{"two strangers'", OTHER, STRANGER, ERR_STATE},
		{"nobody's", NOBODY, NOBODY, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address a = who(rows[i].payer), b = who(rows[i].payee);
		struct call c;

		begin(&c, BANK);
		bank_enc_release(&c.w, &a, &b);
		check(rows[i].name, &c, false, rows[i].want, "");
	}
}

static void the_token_is_only_approved_for_the_bank(void)
{
	static const struct {
		const char *name;
		enum who contract, spender;
		bool coin;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"for the bank", TOKEN, BANK, false, ERR_NONE, ""},
		{"for a stranger", TOKEN, STRANGER, false, ERR_STATE,
		 "pinned bank"},
		{"for ourselves", TOKEN, OWN, false, ERR_STATE, "pinned bank"},
		{"of another token", STRANGER, BANK, false, ERR_STATE,
		 "neither"},
		{"where there is no token", TOKEN, BANK, true, ERR_STATE,
		 "neither"},
		{"to nobody, where there is no token", NOBODY, BANK, true,
		 ERR_STATE, "neither"},
	};
	struct address to = who(OWN);
	struct call c;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct address a = who(rows[i].spender);

		begin(&c, rows[i].contract);
		erc20_enc_approve(&c.w, &a, amount_from_u64(5));
		check(rows[i].name, &c, rows[i].coin, rows[i].want,
		      rows[i].says);
	}
	begin(&c, TOKEN);
	erc20_enc_transfer(&c.w, &to, amount_from_u64(5));
	check("a transfer", &c, false, ERR_STATE, "only approve");
	begin(&c, TOKEN);
	test_token_enc_mint(&c.w, &to, amount_from_u64(5));
	check("a test token's mint", &c, false, ERR_NONE, "");
	begin(&c, STRANGER);
	test_token_enc_mint(&c.w, &to, amount_from_u64(5));
	check("a stranger's mint", &c, false, ERR_STATE, "neither");
	begin(&c, TOKEN);
	to = who(BANK);
	erc20_enc_approve(&c.w, &to, amount_from_parts(UINT64_MAX, UINT64_MAX));
	check("an endless approval", &c, false, ERR_PARSE, "approve");
}

static void what_is_not_canonical_is_refused(void)
{
	struct address own = who(OWN);
	struct call c;

	for (size_t len = 0; len < BANK_DEPOSIT_LEN; len++) {
		begin(&c, BANK);
		bank_enc_deposit(&c.w, &own, amount_from_u64(5));
		c.tx.data_len = len;
		if (len == 0) {
			c.w = wr_into(c.data, 0);
			check("no calldata", &c, false, ERR_STATE,
			      "not a method");
			continue;
		}
		check("cut short", &c, false, len < 4 ? ERR_STATE : ERR_PARSE,
		      "");
	}
	begin(&c, BANK);
	bank_enc_deposit(&c.w, &own, amount_from_u64(5));
	wr_u8(&c.w, 0);
	check("a byte behind", &c, false, ERR_PARSE, "deposit");
	begin(&c, BANK);
	bank_enc_deposit(&c.w, &own, amount_from_u64(5));
	c.data[4] = 1;
	check("dirt above an address", &c, false, ERR_PARSE, "deposit");
	begin(&c, BANK);
	bank_enc_deposit(&c.w, &own, amount_from_u64(5));
	c.data[4 + 32 + 17] = 1;
	check("an amount of 2^112", &c, false, ERR_PARSE, "deposit");
	begin(&c, BANK);
	bank_enc_token(&c.w);
	check("a method that is not listed", &c, false, ERR_STATE,
	      "not a method");
}

static void envelopes_are_checked(void)
{
	const struct address own = who(OWN), cold = who(COLD);
	struct signer_rules r = rules(false, &cold);
	struct call c;
	struct signer_spend spend;
	struct err e = {0};

	begin(&c, BANK);
	bank_enc_deposit(&c.w, &own, amount_from_u64(5));
	c.tx.chain_id = 1;
	check("another chain", &c, false, ERR_STATE, "not the pinned one");
	c.tx.chain_id = CHAIN;
	c.tx.tip = amount_from_u64(3);
	check("a tip over the price", &c, false, ERR_PARSE, "tip");
	c.tx.tip = amount_from_u64(1);
	c.tx.style = SIGNER_TX_LEGACY;
	check("a legacy one with a tip", &c, false, ERR_PARSE, "tip");
	c.tx.tip = AMOUNT_ZERO;
	check("a legacy one", &c, false, ERR_NONE, "");
	c.tx.to = who(STRANGER);
	check("another contract", &c, false, ERR_STATE, "neither");
	c.tx.to = who(BANK);
	r.pinned = false;
	CHECK(signer_policy_check(&r, &c.tx, &spend, &e) == ERR_STATE &&
		      strstr(e.msg, "no bank is pinned"),
	      "not pinned: %s", e.msg);
	c.tx.create = true;
	c.tx.to = who(NOBODY);
	check("a creation once pinned", &c, false, ERR_STATE, "no more");
}

static void agreements_are_what_both_signed(void)
{
	static const struct {
		const char *name;
		size_t len;
		uint64_t value;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"open", BANK_SIGNED_LEN, 0, ERR_NONE, ""},
		{"a byte short", BANK_SIGNED_LEN - 1, 0, ERR_PARSE, "open"},
		{"a byte long", BANK_SIGNED_LEN + 1, 0, ERR_PARSE, "open"},
		{"with coin", BANK_SIGNED_LEN, 1, ERR_STATE, "coin"},
	};
	uint8_t packed[BANK_SIGNED_LEN + 1] = {0};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct call c;

		begin(&c, BANK);
		bank_enc_open(&c.w, packed, rows[i].len);
		c.tx.value = amount_from_u64(rows[i].value);
		check(rows[i].name, &c, false, rows[i].want, rows[i].says);
		begin(&c, BANK);
		bank_enc_revise(&c.w, packed, rows[i].len);
		c.tx.value = amount_from_u64(rows[i].value);
		check("revise", &c, false, rows[i].want, rows[i].says);
	}
}

static void what_takes_nothing_of_ours_is_signed(void)
{
	struct address a = who(STRANGER), b = who(STORE);
	struct call c;

	begin(&c, BANK);
	bank_enc_anchor(&c.w);
	check("anchor", &c, false, ERR_NONE, "");
	begin(&c, BANK);
	bank_enc_anchor(&c.w);
	wr_u8(&c.w, 0);
	check("anchor and a byte", &c, false, ERR_PARSE, "anchor");
	begin(&c, BANK);
	bank_enc_prove(&c.w, &b, (const uint8_t *)"proof", 5);
	check("prove", &c, false, ERR_NONE, "");
	begin(&c, BANK);
	bank_enc_close(&c.w, &a, &b, 7);
	check("close", &c, false, ERR_NONE, "");
	c.tx.value = amount_from_u64(1);
	check("close with coin", &c, false, ERR_STATE, "coin");
}

static void only_an_own_agreement_is_topped_up_and_counted(void)
{
	const struct address cold = who(COLD);
	struct signer_rules r = rules(false, &cold);
	struct address own = who(STORE), other = who(STRANGER);
	struct signer_spend spend;
	struct call c;

	begin(&c, BANK);
	bank_enc_top_up(&c.w, &other, &own, 0, amount_from_u64(5));
	check("another's", &c, false, ERR_STATE, "own agreement");
	begin(&c, BANK);
	bank_enc_top_up(&c.w, &own, &other, 3, amount_from_u64(5));
	check("own", &c, false, ERR_NONE, "");
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_NONE &&
		      spend.any && spend.number == 3 &&
		      address_eq(&spend.host, &other) &&
		      amount_cmp(spend.amount, amount_from_u64(5)) == 0,
	      "what it takes is told");
	begin(&c, BANK);
	bank_enc_anchor(&c.w);
	c.tx.data_len = wr_len(&c.w);
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_NONE &&
		      !spend.any,
	      "nothing for others");
}

static void a_creation_is_the_allowed_one(void)
{
	const struct address cold = who(COLD);
	struct signer_rules r = rules(false, &cold);
	struct signer_spend spend;
	struct call c;

	begin(&c, NOBODY);
	wr_u64(&c.w, 0x6000600060006000);
	c.tx.create = true;
	c.tx.data_len = wr_len(&c.w);
	r.pinned = false;
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_STATE,
	      "not allowed");
	r.deploy_allowed = true;
	r.deploy.chain_id = CHAIN;
	r.deploy.code = keccak256(c.data, c.tx.data_len);
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_NONE,
	      "allowed");
	c.data[0] ^= 1;
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_STATE,
	      "other code");
	c.data[0] ^= 1;
	c.tx.chain_id++;
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_STATE,
	      "other chain");
	c.tx.chain_id--;
	c.tx.value = amount_from_u64(1);
	CHECK(signer_policy_check(&r, &c.tx, &spend, NULL) == ERR_STATE,
	      "with coin");
}

static void tron_transactions_have_the_same_rules(void)
{
	static const struct {
		const char *name;
		enum who owner, to;
		uint64_t chain, fee_limit, value;
		int64_t ahead_s;
		enum err_code want;
		const char *says;
	} rows[] = {
		{"a deposit", OWN, BANK, CHAIN, 1, 0, 60, ERR_NONE, ""},
		{"expired by now", OWN, BANK, CHAIN, 1, 0, -60, ERR_NONE, ""},
		{"a day and an hour", OWN, BANK, CHAIN, 1, 0, 90000, ERR_NONE,
		 ""},
		{"a second more", OWN, BANK, CHAIN, 1, 0, 90001, ERR_STATE,
		 "hours ahead"},
		{"by the other account", STORE, BANK, CHAIN, 1, 0, 60,
		 ERR_STATE, "another's"},
		{"by a stranger", STRANGER, BANK, CHAIN, 1, 0, 60, ERR_STATE,
		 "another's"},
		{"no fee limit", OWN, BANK, CHAIN, 0, 0, 60, ERR_PARSE,
		 "only failure"},
		{"another chain", OWN, BANK, 1, 1, 0, 60, ERR_STATE,
		 "not the pinned one"},
		{"another contract", OWN, STRANGER, CHAIN, 1, 0, 60, ERR_STATE,
		 "neither"},
		{"coin sent along", OWN, BANK, CHAIN, 1, 5, 60, ERR_STATE,
		 "coin is sent"},
	};
	const struct address cold = who(COLD), own = who(OWN);
	struct signer_rules r = rules(false, &cold);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct signer_tx_tron q = {
			.chain_id = rows[i].chain,
			.tx = {.owner = who(rows[i].owner),
			       .to = who(rows[i].to),
			       .fee_limit = rows[i].fee_limit,
			       .value = rows[i].value,
			       .expiration_ms =
				       (uint64_t)(NOW + rows[i].ahead_s) *
				       1000}};
		struct signer_spend spend;
		struct err e = {0};
		struct call c;

		begin(&c, BANK);
		bank_enc_deposit(&c.w, &own, amount_from_u64(5));
		q.tx.data = c.data;
		q.tx.len = wr_len(&c.w);
		CHECK(signer_policy_check_tron(&r, &q, &spend, &e) ==
				      rows[i].want &&
			      strstr(e.msg, rows[i].says),
		      "%s: %d (%s)", rows[i].name, e.code, e.msg);
	}
}

int main(void)
{
	tron_transactions_have_the_same_rules();
	deposits_go_to_own_accounts();
	agreements_are_what_both_signed();
	what_takes_nothing_of_ours_is_signed();
	only_an_own_agreement_is_topped_up_and_counted();
	money_leaves_to_known_addresses();
	cash_goes_where_the_payee_may_have_it();
	reserves_end_in_time();
	releases_concern_us();
	the_token_is_only_approved_for_the_bank();
	what_is_not_canonical_is_refused();
	envelopes_are_checked();
	a_creation_is_the_allowed_one();
	return CHECK_EXIT();
}
