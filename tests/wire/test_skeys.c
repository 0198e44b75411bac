#include "wire/veil/skeys.h"

#include "base/rng.h"
#include "tests/check.h"
#include "wire/veil/mse.h"

#define MANY 5000U

static struct info_hash hash_no(uint32_t n)
{
	struct rng rng = rng_seeded(n + 1);
	struct info_hash h;

	rng_fill(&rng, h.bytes, sizeof(h.bytes));
	return h;
}

static bool finds(const struct skeys *s, uint32_t n)
{
	struct info_hash h = hash_no(n), out;
	uint8_t req2[20];

	mse_req2(req2, &h);
	return skeys_find(s, req2, &out) && info_hash_eq(&h, &out);
}

static void thousands_are_found_and_no_others(void)
{
	struct skeys *s = skeys_new(rng_seeded(7), MANY);
	unsigned wrong = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		struct info_hash h = hash_no(i);

		wrong += !skeys_add(s, &h);
	}
	for (uint32_t i = 0; i < MANY + 500; i++)
		wrong += finds(s, i) != (i < MANY);
	CHECK(wrong == 0, "%u wrong", wrong);
	skeys_free(s);
}

/* Removing leaves the others where they are found. */
static void what_is_taken_out_is_out(void)
{
	struct skeys *s = skeys_new(rng_seeded(7), MANY);
	unsigned wrong = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		struct info_hash h = hash_no(i);

		wrong += !skeys_add(s, &h);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		struct info_hash h = hash_no(i);

		if (i % 3)
			skeys_remove(s, &h);
	}
	for (uint32_t i = 0; i < MANY; i++)
		wrong += finds(s, i) != (i % 3 == 0);
	CHECK(wrong == 0, "%u wrong", wrong);
	skeys_free(s);
}

static void twice_in_is_twice_out(void)
{
	struct skeys *s = skeys_new(rng_seeded(7), 1);
	struct info_hash h = hash_no(1), other = hash_no(2);

	CHECK(skeys_add(s, &h) && skeys_add(s, &h), "twice");
	CHECK(!skeys_add(s, &other), "over the maximum");
	skeys_remove(s, &h);
	CHECK(finds(s, 1), "once more");
	skeys_remove(s, &h);
	CHECK(!finds(s, 1), "not any more");
	skeys_remove(s, &h);
	CHECK(skeys_add(s, &other) && finds(s, 2), "room again");
	skeys_free(s);
}

int main(void)
{
	thousands_are_found_and_no_others();
	what_is_taken_out_is_out();
	twice_in_is_twice_out();
	return CHECK_EXIT();
}
