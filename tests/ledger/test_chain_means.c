/* What an account pays calls with: stake first, then coin; and the words when
 * neither is there. */
#include "ledger/chain/chain.h"
#include "tests/check.h"

#include <string.h>

static void stake_goes_first_and_coin_pays_the_rest(void)
{
	/* at 100 a unit and 1000 a byte */
	static const struct {
		const char *name;
		uint64_t coin, units, bytes, free_bytes;
		uint64_t takes, of_bytes;
		bool ok;
		uint64_t fee;
		uint64_t coin_left, units_left, bytes_left, free_left;
	} rows[] = {
		{"all of it is burnt", 1000000, 0, 0, 0, 1000, 300, true,
		 400000, 600000, 0, 0, 0},
		{"stake pays all", 0, 1500, 400, 0, 1000, 300, true, 0, 0, 500,
		 100, 0},
		{"stake pays some energy", 1000000, 400, 400, 0, 1000, 300,
		 true, 60000, 940000, 0, 100, 0},
		{"bytes that the stake does not hold come out of the free "
		 "share",
		 1000000, 1000, 299, 600, 1000, 300, true, 0, 1000000, 0, 299,
		 300},
		{"neither pool holds all bytes: all are burnt", 1000000, 1000,
		 299, 299, 1000, 300, true, 300000, 700000, 0, 299, 299},
		{"to the last coin", 400000, 0, 0, 0, 1000, 300, true, 400000,
		 0, 0, 0, 0},
		{"one too few: nothing is taken", 399999, 0, 0, 200, 1000, 300,
		 false, 400000, 399999, 0, 0, 200},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_means m = {.known = true,
					.coin = amount_from_u64(rows[i].coin),
					.units = rows[i].units,
					.bytes = rows[i].bytes,
					.free_bytes = rows[i].free_bytes};
		const struct chain_trial t = {.units = rows[i].takes,
					      .bytes = rows[i].of_bytes,
					      .unit_price = 100,
					      .byte_price = 1000};
		struct amount fee;
		bool ok = chain_means_pay(&m, &fee, &t);

		CHECK(ok == rows[i].ok &&
			      amount_cmp(fee, amount_from_u64(rows[i].fee)) ==
				      0,
		      "%s", rows[i].name);
		CHECK(amount_cmp(m.coin, amount_from_u64(rows[i].coin_left)) ==
				      0 &&
			      m.units == rows[i].units_left &&
			      m.bytes == rows[i].bytes_left &&
			      m.free_bytes == rows[i].free_left,
		      "%s: what is left", rows[i].name);
	}
}

/* EVM: nodes want the most that could be taken to be there. */
static void without_stake_the_most_must_be_there(void)
{
	static const struct {
		const char *name;
		bool known;
		uint64_t coin;
		bool ok;
		uint64_t left;
	} rows[] = {
		{"the most", true, 250, true, 150},
		{"less than that", true, 249, false, 249},
		{"unknown means", false, 0, true, 0},
	};
	const struct chain_trial t = {.units = 10,
				      .fee = amount_from_u64(100),
				      .fee_max = amount_from_u64(250)};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct chain_means m = {.known = rows[i].known,
					.coin = amount_from_u64(rows[i].coin)};
		struct amount fee;

		CHECK(chain_means_pay(&m, &fee, &t) == rows[i].ok &&
			      amount_cmp(fee, t.fee) == 0 &&
			      amount_cmp(m.coin,
					 amount_from_u64(rows[i].left)) == 0,
		      "%s", rows[i].name);
	}
}

static void too_little_is_told_with_whom_to_send_it(void)
{
	static const struct {
		const char *name;
		struct chain_coin coin;
		const char *want;
	} rows[] = {
		{"TRON",
		 {"TRX", 6, ADDRESS_TRON},
		 "not enough TRX or energy: need 5.5, have 2: send it to "
		 "TCcqZ4VGvQV3VuW1p5yFT8ehzzRb4B6R1L"},
		{"EVM",
		 {"ETH", 6, ADDRESS_EVM},
		 "not enough ETH: need 5.5, have 2: send it to "
		 "0x1D0e276E269573B01A26defB37c8eFC2Cccd113A"},
		{"a coin without a name",
		 {NULL, 6, ADDRESS_EVM},
		 "not enough coin: need 5.5, have 2: send it to "
		 "0x1D0e276E269573B01A26defB37c8eFC2Cccd113A"},
	};
	static const struct address who = {
		{0x1d, 0x0e, 0x27, 0x6e, 0x26, 0x95, 0x73, 0xb0, 0x1a, 0x26,
		 0xde, 0xfb, 0x37, 0xc8, 0xef, 0xc2, 0xcc, 0xcd, 0x11, 0x3a}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		char words[CHAIN_REASON_MAX];

		chain_no_funds_words(words, &rows[i].coin, &who,
				     amount_from_u64(5500000),
				     amount_from_u64(2000000));
		CHECK(strcmp(words, rows[i].want) == 0, "%s: %s", rows[i].name,
		      words);
	}
}

int main(void)
{
	stake_goes_first_and_coin_pays_the_rest();
	without_stake_the_most_must_be_there();
	too_little_is_told_with_whom_to_send_it();
	return CHECK_EXIT();
}
