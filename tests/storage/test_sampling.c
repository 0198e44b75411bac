/* What samples claim: never more than they may. The bounds were made with
 * rational numbers elsewhere; where one is a whole number of millionths (0.95
 * of one sample) rounding up takes the next. */
#include "storage/rent/sampling.h"
#include "tests/check.h"

static const struct {
	const char *name;
	uint64_t samples, failed;
	uint32_t at95, at99;
} rows[] = {
	{"nothing asked claims nothing", 0, 0, 1000000, 1000000},
	{"one right", 1, 0, 950001, 990001},
	{"one wrong claims nothing", 1, 1, 1000000, 1000000},
	{"two right", 2, 0, 776394, 900001},
	{"59 right: under five per cent", 59, 0, 49508, 75086},
	{"299 right: under one per cent", 299, 0, 9970, 15284},
	{"300 right", 300, 0, 9937, 15234},
	{"one of 300 wrong", 300, 1, 15715, 21922},
	{"three of 300 wrong", 300, 3, 25642, 33093},
	{"half of 300 wrong", 300, 150, 548992, 568444},
	{"one of 300 right", 300, 299, 999830, 999967},
	{"1,000 right", 1000, 0, 2992, 4595},
	{"ten of 1,000 wrong", 1000, 10, 16904, 20043},
	{"4,000 right", 4000, 0, 749, 1151},
	{"two of five wrong", 5, 2, 810745, 894361},
	{"all wrong", 5, 5, 1000000, 1000000},
	{"more wrong than asked", 5, 6, 1000000, 1000000},
};

static void test_table(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t at95 =
			sampling_at_most(rows[i].samples, rows[i].failed, 95);
		uint32_t at99 =
			sampling_at_most(rows[i].samples, rows[i].failed, 99);

		CHECK(at95 == rows[i].at95, "%s: %u", rows[i].name, at95);
		CHECK(at99 == rows[i].at99, "%s: %u", rows[i].name, at99);
	}
}

static void test_confidence(void)
{
	CHECK(sampling_at_most(10, 0, 0) == SAMPLING_WHOLE, "none");
	CHECK(sampling_at_most(10, 0, 100) == SAMPLING_WHOLE, "certainty");
	CHECK(sampling_at_most(10, 0, 99) > sampling_at_most(10, 0, 95),
	      "more confidence, a weaker claim");
}

/* Large numbers neither overflow nor claim the impossible. */
static void test_large(void)
{
	CHECK(sampling_at_most(UINT64_MAX, 0, 95) == 1, "%u",
	      sampling_at_most(UINT64_MAX, 0, 95));
	CHECK(sampling_at_most(1000000, 0, 95) == 3, "3 / n");
	CHECK(sampling_at_most(1000000, 999, 95) > 999, "over what was seen");
	CHECK(sampling_at_most(1000000, 999, 95) < 1100, "and not far");
}

static void test_needed(void)
{
	CHECK(sampling_needed(50000, 95) == 59, "five per cent");
	CHECK(sampling_needed(10000, 95) == 299, "one per cent");
	CHECK(sampling_needed(10000, 99) == 459, "with more confidence");
	CHECK(sampling_needed(0, 95) == 0, "nothing missing is no claim");
	for (uint32_t e = 100; e < 500000; e = e * 3) {
		uint64_t n = sampling_needed(e, 95);

		CHECK(sampling_at_most(n, 0, 95) <= e &&
			      sampling_at_most(n - 1, 0, 95) > e,
		      "exactly %u", e);
	}
}

int main(void)
{
	test_table();
	test_confidence();
	test_large();
	test_needed();
	return CHECK_EXIT();
}
