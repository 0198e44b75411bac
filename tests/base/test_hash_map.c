#include "base/hash_map.h"

#include "tests/check.h"

#include <stdlib.h>

#define MANY 5000U

static int values[MANY + 500];

/* Names as a stranger would choose them: alike but for two bytes. */
static struct info_hash hash_no(uint32_t n)
{
	return (struct info_hash){
		{[18] = (uint8_t)(n >> 8), [19] = (uint8_t)n}};
}

static struct hash_map *full_of(uint32_t n)
{
	struct hash_map *m = hash_map_new(rng_seeded(1), MANY);

	if (!m)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		struct info_hash h = hash_no(i);

		CHECK(hash_map_put(m, &h, &values[i]), "%u goes in", i);
	}
	return m;
}

static bool has(const struct hash_map *m, uint32_t n)
{
	struct info_hash h = hash_no(n);
	const void *value = hash_map_get(m, &h);

	CHECK(!value || value == &values[n], "%u has another's value", n);
	return value != NULL;
}

static void thousands_are_found_and_no_others(void)
{
	struct hash_map *m = full_of(MANY);
	unsigned wrong = 0;

	for (uint32_t i = 0; i < MANY + 500; i++)
		wrong += has(m, i) != (i < MANY);
	CHECK(wrong == 0, "%u wrong", wrong);
	hash_map_free(m, NULL);
}

/* Taking some out leaves the others where they are found. */
static void what_is_taken_out_is_out(void)
{
	struct hash_map *m = full_of(MANY);
	unsigned wrong = 0;

	for (uint32_t i = 0; i < MANY; i++) {
		struct info_hash h = hash_no(i);

		if (i % 3)
			wrong += hash_map_take(m, &h) != &values[i];
	}
	for (uint32_t i = 0; i < MANY; i++)
		wrong += has(m, i) != (i % 3 == 0);
	CHECK(wrong == 0, "%u wrong", wrong);
	hash_map_free(m, NULL);
}

static void there_is_one_value_and_a_maximum(void)
{
	struct hash_map *m = full_of(MANY);
	struct info_hash first = hash_no(0), over = hash_no(MANY);

	CHECK(!hash_map_put(m, &over, &values[MANY]), "over the maximum");
	CHECK(hash_map_take(m, &first) == &values[0], "out");
	CHECK(hash_map_take(m, &first) == NULL, "only once");
	CHECK(hash_map_put(m, &over, &values[MANY]) && has(m, MANY), "room");
	CHECK(!hash_map_put(m, &over, &values[0]) && has(m, MANY),
	      "it keeps the value that it has");
	hash_map_free(m, NULL);
	hash_map_free(NULL, NULL);
}

int main(void)
{
	thousands_are_found_and_no_others();
	what_is_taken_out_is_out();
	there_is_one_value_and_a_maximum();
	return CHECK_EXIT();
}
