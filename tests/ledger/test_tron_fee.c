/* What a call costs: figures of a java-tron 4.8 node with the main chain's
 * prices (there a byte more, for a larger fee limit). */
#include "ledger/chain/tron_fee.h"
#include "tests/check.h"

static const uint8_t data[68];

static void costs_are_those_of_a_node(void)
{
	static const struct {
		const char *name;
		size_t len;
		uint64_t energy;
		struct tron_resources r;
		uint64_t fee;
	} rows[] = {
		{"set(uint256), all burnt", 36, 5253, {0}, 525300 + 312000},
		{"a call of two words", 68, 20383, {0}, 2038300 + 345000},
		{"staked energy and bandwidth",
		 68,
		 20383,
		 {180000000000, 43200000000, 10},
		 0},
		{"free bandwidth for all bytes but one",
		 36,
		 5253,
		 {0, 0, 311},
		 837300},
		{"free bandwidth for all bytes", 36, 5253, {0, 0, 312}, 525300},
		{"some energy", 36, 5253, {5000, 0, 0}, 25300 + 312000},
	};
	const struct tron_params p = {100, 1000, 15000000000};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct tron_tx t = {.expiration_ms = 1795231398000,
				    .timestamp_ms = 1795231338073,
				    .data = data,
				    .len = rows[i].len};
		struct tron_cost c;

		CHECK(tron_cost_of(&c, &t, rows[i].energy, &p, &rows[i].r,
				   NULL) == ERR_NONE &&
			      amount_cmp(c.fee, amount_from_u64(rows[i].fee)) ==
				      0,
		      "%s", rows[i].name);
	}
}

static void limits_have_ends(void)
{
	static const struct {
		const char *name;
		uint64_t energy, price, most, limit;
		enum err_code want;
	} rows[] = {
		{"half more", 20000, 100, 15000000000, 3000000, ERR_NONE},
		{"a call that uses nothing", 0, 100, 15000000000, 1500000,
		 ERR_NONE},
		{"the chain's most", 150000000, 100, 15000000000, 15000000000,
		 ERR_NONE},
		{"over the chain's most", 150000001, 100, 15000000000, 0,
		 ERR_LIMIT},
		{"a price beyond all bounds", UINT64_MAX, UINT64_MAX, INT64_MAX,
		 0, ERR_LIMIT},
		{"a most beyond all bounds", INT64_MAX, 1, INT64_MAX, INT64_MAX,
		 ERR_NONE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tron_params p = {rows[i].price, 1000,
					      rows[i].most};
		const struct tron_resources none = {0};
		struct tron_tx t = {.data = data, .len = 4};
		struct tron_cost c;

		CHECK(tron_cost_of(&c, &t, rows[i].energy, &p, &none, NULL) ==
				      rows[i].want &&
			      (rows[i].want || c.fee_limit == rows[i].limit),
		      "%s", rows[i].name);
	}
}

int main(void)
{
	costs_are_those_of_a_node();
	limits_have_ends();
	return CHECK_EXIT();
}
