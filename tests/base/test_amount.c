#include "base/amount.h"
#include "tests/check.h"

#include <string.h>

static const char *show(struct amount a)
{
	static char buf[4][AMOUNT_DEC_MAX];
	static unsigned turn;

	return amount_to_dec(buf[turn++ % 4], a, 0);
}

static void sums_carry_and_never_wrap(void)
{
	const struct amount max = amount_from_parts(UINT64_MAX, UINT64_MAX);
	const struct amount one = amount_from_u64(1);
	struct amount out = one;

	CHECK(!amount_add(&out, max, one), "wrapped");
	CHECK(amount_cmp(out, one) == 0, "out changed on failure");
	CHECK(amount_cmp(amount_add_cap(max, one), max) == 0, "not capped");
	CHECK(!amount_sub(&out, one, max), "went below zero");
	CHECK(amount_is_zero(amount_sub_floor(one, max)), "floor is not zero");
	CHECK(amount_add(&out, amount_from_u64(UINT64_MAX), one), "no carry");
	CHECK(amount_cmp(out, amount_from_parts(1, 0)) == 0, "carry value");
	CHECK(!amount_add(&out, amount_from_parts(UINT64_MAX, 1),
			  amount_from_parts(0, UINT64_MAX)),
	      "the carry alone wrapped");
}

static void mul_div_is_exact(void)
{
	const uint64_t m = UINT64_MAX, g = UINT64_C(1) << 30;
	static const struct amount big = {UINT64_MAX, UINT64_MAX};
	const struct {
		const char *name;
		struct amount a;
		uint64_t mul, carry, div;
		bool fits;
		struct amount q;
		uint64_t rem;
	} rows[] = {
		{"zero", {0, 0}, m, 0, 7, true, {0, 0}, 0},
		{"by zero", {0, 7}, 7, 0, 0, false, {0, 0}, 0},
		{"half a unit stays", {0, 1}, g / 2, 0, g, true, {0, 0}, g / 2},
		{"two halves make one",
		 {0, 1},
		 g / 2,
		 g / 2,
		 g,
		 true,
		 {0, 1},
		 0},
		{"128 bits by 64 over 64", big, m, 0, m, true, {m, m}, 0},
		{"128 bits by 2^30 over 2^30",
		 big,
		 g,
		 g - 1,
		 g,
		 true,
		 {m, m},
		 g - 1},
		{"just too large for a GiB",
		 big,
		 g + 1,
		 0,
		 g,
		 false,
		 {0, 0},
		 0},
		{"a carry on top of it", big, m, m - 1, m, true, {m, m}, m - 1},
		{"the carry that breaks it", big, m, m, m, false, {0, 0}, 0},
		{"quotient too large", big, 2, 0, 1, false, {0, 0}, 0},
		{"2^128-1 over 10",
		 big,
		 1,
		 0,
		 10,
		 true,
		 {UINT64_C(0x1999999999999999), UINT64_C(0x9999999999999999)},
		 5},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct amount q = {0, 0};
		uint64_t rem = 0;

		CHECK(amount_mul_div(&q, &rem, rows[i].a, rows[i].mul,
				     rows[i].carry,
				     rows[i].div) == rows[i].fits,
		      "%s: fits", rows[i].name);
		CHECK(amount_cmp(q, rows[i].q) == 0 && rem == rows[i].rem,
		      "%s: %s rest %llu", rows[i].name, show(q),
		      (unsigned long long)rem);
	}
}

/* The short way for GiB gives what the long division does. */
static void gib_is_divided_as_any_other(void)
{
	uint64_t x = 88172645463325252ULL;

	for (int i = 0; i < 20000; i++) {
		struct amount a, fast = {0, 0}, slow = {0, 0}, part;
		uint64_t mul, fr = 0, sr = 0, v[4];

		for (int k = 0; k < 4; k++) { /* xorshift */
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			v[k] = x >> (x & 31);
		}
		a = amount_from_parts(v[0] & 0xffff, v[1]);
		mul = v[2] & 0xffffff;
		if (!amount_mul_div(&fast, &fr, a, mul, v[3] & 0x3fffffff,
				    UINT64_C(1) << 30))
			continue;
		/* in two divisions by 2^15 */
		CHECK(amount_mul_div(&part, &sr, a, mul, v[3] & 0x3fffffff,
				     1 << 15),
		      "first half");
		v[0] = sr;
		CHECK(amount_mul_div(&slow, &sr, part, 1, 0, 1 << 15),
		      "second");
		CHECK(amount_cmp(fast, slow) == 0 && fr == (sr << 15 | v[0]),
		      "differs");
	}
}

static void a_running_cost_loses_nothing(void)
{
	const struct amount price = amount_from_u64(1000003); /* per GiB */
	struct amount sum = AMOUNT_ZERO, part, whole;
	uint64_t rem = 0, bytes = 0;

	for (uint64_t i = 0; i < 5000; i++) {
		uint64_t len = i % 16385;

		CHECK(amount_mul_div(&part, &rem, price, len, rem, 1ULL << 30),
		      "part");
		CHECK(amount_add(&sum, sum, part), "sum");
		bytes += len;
	}
	CHECK(amount_mul_div(&whole, NULL, price, bytes, 0, 1ULL << 30),
	      "whole");
	CHECK(amount_cmp(sum, whole) == 0, "%s is not %s", show(sum),
	      show(whole));
}

static void decimals_read_and_print(void)
{
	static const struct {
		const char *text;
		unsigned decimals;
		enum err_code want;
		const char *units, *again;
	} rows[] = {
		{"1.5", 18, ERR_NONE, "1500000000000000000", "1.5"},
		{"0", 18, ERR_NONE, "0", "0"},
		{"0.0", 0, ERR_NONE, "0", "0"},
		{"0.000001", 6, ERR_NONE, "1", "0.000001"},
		{"007.50", 6, ERR_NONE, "7500000", "7.5"},
		{"100", 0, ERR_NONE, "100", "100"},
		{"1.50000", 1, ERR_NONE, "15", "1.5"},
		{"1.51", 1, ERR_PARSE, NULL, NULL},
		{"5192296858534827628530496329220095", 0, ERR_NONE,
		 "5192296858534827628530496329220095",
		 "5192296858534827628530496329220095"},
		{"5192296858534827628530496329220096", 0, ERR_LIMIT, NULL,
		 NULL},
		{"5192296858534828", 18, ERR_LIMIT, NULL, NULL},
		{"1", 39, ERR_LIMIT, NULL, NULL},
		{"", 18, ERR_PARSE, NULL, NULL},
		{".5", 18, ERR_PARSE, NULL, NULL},
		{"5.", 18, ERR_PARSE, NULL, NULL},
		{"1.2.3", 18, ERR_PARSE, NULL, NULL},
		{"-1", 18, ERR_PARSE, NULL, NULL},
		{"+1", 18, ERR_PARSE, NULL, NULL},
		{" 1", 18, ERR_PARSE, NULL, NULL},
		{"1e5", 18, ERR_PARSE, NULL, NULL},
		{"1,5", 18, ERR_PARSE, NULL, NULL},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct amount a = AMOUNT_ZERO;
		char buf[AMOUNT_DEC_MAX];
		struct err e = {0};

		CHECK(amount_from_dec(&a, rows[i].text, rows[i].decimals, &e) ==
			      rows[i].want,
		      "'%s': got %d (%s)", rows[i].text, e.code, e.msg);
		if (rows[i].want != ERR_NONE)
			continue;
		CHECK(strcmp(show(a), rows[i].units) == 0, "'%s': %s units",
		      rows[i].text, show(a));
		CHECK(strcmp(amount_to_dec(buf, a, rows[i].decimals),
			     rows[i].again) == 0,
		      "'%s' printed as %s", rows[i].text, buf);
	}
}

static void the_longest_amounts_print(void)
{
	const struct amount max = amount_from_parts(UINT64_MAX, UINT64_MAX);
	char buf[AMOUNT_DEC_MAX];

	CHECK(strcmp(amount_to_dec(buf, max, 0),
		     "340282366920938463463374607431768211455") == 0,
	      "%s", buf);
	CHECK(strcmp(amount_to_dec(buf, max, 38),
		     "3.40282366920938463463374607431768211455") == 0,
	      "%s", buf);
	CHECK(strcmp(amount_to_dec(buf, amount_from_u64(1), 38),
		     "0.00000000000000000000000000000000000001") == 0,
	      "%s", buf);
}

static void bytes_end_at_112_bits(void)
{
	struct amount over, max = amount_max112();
	uint8_t be[14] = {0};

	CHECK(amount_to_be14(be, max), "largest");
	CHECK(amount_cmp(amount_from_be14(be), max) == 0, "back");
	CHECK(amount_add(&over, max, amount_from_u64(1)), "2^112");
	CHECK(!amount_fits112(over) && !amount_to_be14(be, over),
	      "2^112 was packed");
	CHECK(be[0] == 0xff, "out changed on failure");
}

int main(void)
{
	sums_carry_and_never_wrap();
	mul_div_is_exact();
	gib_is_divided_as_any_other();
	a_running_cost_loses_nothing();
	decimals_read_and_print();
	the_longest_amounts_print();
	bytes_end_at_112_bits();
	return CHECK_EXIT();
}
