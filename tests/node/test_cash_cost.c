/* What cashing costs, guessed from what another call costs; in words. */
#include "node/money/cash_cost.h"
#include "tests/check.h"

#include <string.h>

static const struct settle_price unknown = {0};

static void guesses_follow_the_price_of_a_unit(void)
{
	static const struct {
		const char *name;
		enum profile_kind kind;
		uint64_t units, fee, unit_price, byte_price, num;
		unsigned share;
		bool known, priced;
		uint64_t alone, each, alone_from, each_from;
	} rows[] = {
		{"EVM: as many gas as a receipt takes", PROFILE_EVM, 1000, 1000,
		 0, 0, 1, 2, true, true, 45640, 15430, 2282000, 771500},
		{"TRON: energy at 100 sun, bytes at 1000", PROFILE_TRON, 20000,
		 2300000, 100, 1000, 1, 2, true, true, 2759900, 1542400,
		 137995000, 77120000},
		{"whatever the sender's stake pays", PROFILE_TRON, 20000, 0,
		 100, 1000, 1, 2, true, true, 2759900, 1542400, 137995000,
		 77120000},
		{"a dearer coin raises the sum, not the fee", PROFILE_EVM, 1000,
		 1000, 0, 0, 3, 2, true, true, 45640, 15430, 6846000, 2314500},
		{"a sum is rounded up", PROFILE_EVM, 1000, 1000, 0, 0, 1, 3,
		 true, true, 45640, 15430, 1521334, 514334},
		{"without a price there is a fee and no sum", PROFILE_EVM, 1000,
		 1000, 0, 0, 0, 2, true, false, 45640, 15430, 0, 0},
		{"a call that is free tells nothing", PROFILE_EVM, 20000, 0, 0,
		 0, 1, 2, false, false, 0, 0, 0, 0},
		{"nor does a call that uses nothing", PROFILE_EVM, 0, 1000, 0,
		 0, 1, 2, false, false, 0, 0, 0, 0},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct settle_price price = {rows[i].num != 0,
						   rows[i].num, 1};
		const struct cash_price at = {
			rows[i].units, amount_from_u64(rows[i].fee),
			rows[i].unit_price, rows[i].byte_price};
		struct cash_cost c;
		bool known = cash_cost_of(&c, rows[i].kind, &at, &price,
					  rows[i].share);

		CHECK(known == rows[i].known && c.priced == rows[i].priced,
		      "%s: %d %d", rows[i].name, known, c.priced);
		if (!known)
			continue;
		CHECK(c.alone.lo == rows[i].alone && c.each.lo == rows[i].each,
		      "%s: %llu %llu", rows[i].name,
		      (unsigned long long)c.alone.lo,
		      (unsigned long long)c.each.lo);
		CHECK(c.alone_from.lo == rows[i].alone_from &&
			      c.each_from.lo == rows[i].each_from,
		      "%s: from %llu %llu", rows[i].name,
		      (unsigned long long)c.alone_from.lo,
		      (unsigned long long)c.each_from.lo);
	}
}

static void absurd_numbers_are_not_known(void)
{
	const struct cash_price huge = {
		.units = 1, .fee = amount_from_parts(UINT64_MAX, 0)};
	const struct cash_price one = {.units = 1, .fee = amount_from_u64(1)};
	struct cash_cost c;

	CHECK(!cash_cost_of(&c, PROFILE_EVM, &huge, &unknown, 2), "a fee");
	CHECK(cash_cost_of(&c, PROFILE_EVM, &one, &unknown, 0) && !c.priced,
	      "no share");
}

static void it_is_said_with_three_digits(void)
{
	static const struct {
		const char *name;
		uint64_t alone, each;
		bool priced;
		const char *symbol, *want;
	} rows[] = {
		{"sums are said where the coin has a price", 2918765, 1614300,
		 true, "BTT",
		 "cashing a receipt costs the payee about 2.91 TRX, each of 20 "
		 "at once 1.61 TRX; that is under 2 % from 2910000 BTT on, in "
		 "such a batch from 161 BTT"},
		{"else what to do about it", 123456789, 70, false, "BTT",
		 "cashing a receipt costs the payee about 123 TRX, each of 20 "
		 "at once 0.00007 TRX; from which sum that is under 2 % is "
		 "known once coin-price is set"},
		{"a token without a symbol is a token", 2000000, 1000000, true,
		 "",
		 "cashing a receipt costs the payee about 2 TRX, each of 20 at "
		 "once 1 TRX; that is under 2 % from 2910000 tokens on, in "
		 "such a batch from 161 tokens"},
	};
	const struct profile p = {.coin_decimals = 6, .coin_symbol = "TRX"};
	char out[CASH_COST_TEXT_MAX];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct cash_cost c = {.receipts = 20,
				      .alone = amount_from_u64(rows[i].alone),
				      .each = amount_from_u64(rows[i].each),
				      .fee_share = 2,
				      .priced = rows[i].priced,
				      .alone_from =
					      amount_from_u64(29180007000),
				      .each_from = amount_from_u64(1614300)};

		CHECK(strcmp(cash_cost_text(&c, &p, 4, rows[i].symbol, out),
			     rows[i].want) == 0,
		      "%s: \"%s\"", rows[i].name, out);
	}
}

int main(void)
{
	guesses_follow_the_price_of_a_unit();
	absurd_numbers_are_not_known();
	it_is_said_with_three_digits();
	return CHECK_EXIT();
}
