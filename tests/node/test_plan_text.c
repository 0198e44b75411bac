/* What a settlement would send, cost and bring, as the user reads it. */
#include "node/money/plan_text.h"
#include "tests/check.h"

#include <string.h>

static struct money money_of(enum profile_kind kind)
{
	const bool tron = kind == PROFILE_TRON;
	struct money m = {.decimals = 3,
			  .profile = {.kind = kind, .coin_decimals = 2}};

	(void)snprintf(m.profile.coin_symbol, sizeof(m.profile.coin_symbol),
		       "%s", tron ? "TRX" : "ETH");
	return m;
}

static bool says(const json_t *o, const char *want)
{
	const char *text = json_string_value(json_object_get(o, "text"));

	return text && strstr(text, want);
}

static void a_transaction_says_what_it_costs_and_when_it_pays(void)
{
	static const struct {
		const char *name;
		enum profile_kind kind;
		struct settle_batch b;
		const char *want;
	} rows[] = {
		{"a coin with a price",
		 PROFILE_EVM,
		 {.ok = true,
		  .receipts = 20,
		  .brings = {.lo = 12300},
		  .units = 500000,
		  .fee = {.lo = 25},
		  .fee_known = true,
		  .fee_token = {.lo = 800},
		  .by_itself = {.lo = 40000}},
		 "20 receipts, 12.3 tokens; gas 500000, fee 0.25 ETH; pays "
		 "above 0.8 tokens, goes by itself from 40"},
		{"a coin without one",
		 PROFILE_TRON,
		 {.ok = true,
		  .receipts = 1,
		  .brings = {.lo = 5000},
		  .units = 21000,
		  .bytes = 430,
		  .at_risk = 1,
		  .fee = {.lo = 250}},
		 "1 receipt, 5 tokens; energy 21000, bandwidth 430, fee 2.5 "
		 "TRX; pays while a TRX costs less than 2 tokens; 1 may be "
		 "lost by waiting"},
		{"stake pays some of it",
		 PROFILE_TRON,
		 {.ok = true,
		  .receipts = 2,
		  .brings = {.lo = 5000},
		  .units = 21000,
		  .units_staked = 20000,
		  .bytes = 430,
		  .bytes_staked = 430,
		  .fee = {.lo = 10}},
		 "energy 21000 (20000 of stake), bandwidth 430 (of stake or "
		 "free), fee 0.1 TRX"},
		{"one that would fail",
		 PROFILE_TRON,
		 {.reason = "not enough TRX or energy: need 5, have 2: send "
			    "it to T"},
		 "not sent: not enough TRX or energy: need 5, have 2: send it "
		 "to T"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct money m = money_of(rows[i].kind);
		json_t *o = plan_batch_json(&m, &rows[i].b);

		CHECK(says(o, rows[i].want), "%s: %s", rows[i].name,
		      json_string_value(json_object_get(o, "text")));
		CHECK((json_object_get(o, "staked") != NULL) ==
			      (rows[i].kind == PROFILE_TRON),
		      "%s: stake", rows[i].name);
		json_decref(o);
	}
}

static void all_of_it_in_one_line(void)
{
	static struct settle_plan some = {
		.batches = {{.ok = true, .receipts = 20},
			    {.no_funds = true, .receipts = 9}},
		.n_batches = 2,
		.brings = {.lo = 7000},
		.fee = {.lo = 300},
		.fee_max = {.lo = 500},
		.means = {.known = true,
			  .coin = {.lo = 200},
			  .units = 900,
			  .bytes = 0,
			  .free_bytes = 600},
		.under_way = 4,
		.waiting = 3,
		.waiting_worth = {.lo = 30},
		.worth_from = {.lo = 20}};
	static struct settle_plan none = {.by_hand = true};
	const struct money m = money_of(PROFILE_TRON);
	json_t *o = plan_json(&m, &some);

	CHECK(says(o, "would cash 20 receipts in 1 transactions: 7 tokens for "
		      "3 TRX; 2 TRX there, used after 900 energy and 600 "
		      "bandwidth; 4 are under way; 3 wait (0.03), each pays "
		      "above 0.02"),
	      "%s", json_string_value(json_object_get(o, "text")));
	CHECK(json_integer_value(json_object_get(o, "receipts")) == 20 &&
		      json_integer_value(json_object_get(o, "staked_energy")) ==
			      900,
	      "counted");
	plan_add_limit(&m, o, amount_from_u64(500), amount_from_u64(500));
	CHECK(!says(o, "limit"), "today's limit is enough");
	plan_add_limit(&m, o, amount_from_u64(499), amount_from_u64(500));
	CHECK(says(o,
		   "today's limit of fees (day-fee-limit) has 4.99 TRX left"),
	      "%s", json_string_value(json_object_get(o, "text")));
	json_decref(o);
	o = plan_json(&m, &none);
	CHECK(says(o, "would cash 0 receipts in 0 transactions; 0 wait (0)") &&
		      says(o, "coin-price is not set") &&
		      !json_object_get(o, "coin"),
	      "%s", json_string_value(json_object_get(o, "text")));
	json_decref(o);
}

int main(void)
{
	a_transaction_says_what_it_costs_and_when_it_pays();
	all_of_it_in_one_line();
	return CHECK_EXIT();
}
