#include "wire/swarm/blame.h"

#include "tests/check.h"

#define N 4U

static void liars_are_told_by_the_difference(void)
{
	static const struct {
		const char *name;
		uint64_t prints[2][N]; /* of two failed attempts */
		uint64_t senders[2][N];
		unsigned attempts;
		uint64_t truth[N];
		size_t n;
		uint64_t guilty[2];
	} rows[] = {
		{"one block of one sender",
		 {{1, 2, 9, 4}},
		 {{10, 20, 30, 40}},
		 1,
		 {1, 2, 3, 4},
		 1,
		 {30}},
		{"two blocks of one sender are one liar",
		 {{8, 2, 9, 4}},
		 {{10, 20, 10, 20}},
		 1,
		 {1, 2, 3, 4},
		 1,
		 {10}},
		{"two liars",
		 {{8, 2, 9, 4}},
		 {{10, 20, 30, 20}},
		 1,
		 {1, 2, 3, 4},
		 2,
		 {10, 30}},
		{"one in each attempt",
		 {{8, 2, 3, 4}, {1, 2, 3, 9}},
		 {{10, 20, 30, 40}, {50, 50, 50, 60}},
		 2,
		 {1, 2, 3, 4},
		 2,
		 {10, 60}},
		{"nobody: what was false came from our own disk",
		 {{1, 2, 3, 4}},
		 {{10, 20, 30, 40}},
		 1,
		 {1, 2, 3, 4},
		 0,
		 {0}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rng rng = rng_seeded(1);
		struct blame *b = blame_new(&rng);
		uint64_t guilty[8];
		size_t n;

		for (unsigned a = 0; a < rows[i].attempts; a++)
			blame_add(b, 7, rows[i].prints[a], rows[i].senders[a],
				  N);
		CHECK(blame_knows(b, 7) && !blame_knows(b, 8), "%s: knows",
		      rows[i].name);
		n = blame_judge(b, 7, rows[i].truth, N, guilty, 8);
		CHECK(n == rows[i].n, "%s: %zu guilty", rows[i].name, n);
		for (size_t k = 0; k < n && k < 2; k++)
			CHECK(guilty[k] == rows[i].guilty[k], "%s: %llu",
			      rows[i].name, (unsigned long long)guilty[k]);
		CHECK(!blame_knows(b, 7), "%s: not forgotten", rows[i].name);
		blame_free(b);
	}
}

static void memory_is_bounded(void)
{
	struct rng rng = rng_seeded(1);
	struct blame *b = blame_new(&rng);
	uint64_t prints[N] = {1}, senders[N] = {1};

	for (uint32_t i = 0; i <= BLAME_PIECES; i++)
		blame_add(b, i, prints, senders, N);
	CHECK(!blame_knows(b, 0) && blame_knows(b, 1) &&
		      blame_knows(b, BLAME_PIECES),
	      "the oldest goes");
	for (uint32_t i = 0; i < 10 * BLAME_GENERATIONS; i++)
		blame_add(b, 5, prints, senders, N);
	blame_free(b);
}

static void prints_differ_by_place_and_content(void)
{
	struct rng rng = rng_seeded(1);
	struct blame *b = blame_new(&rng);
	uint64_t a = blame_print(b, 1, 2, (const uint8_t *)"abc", 3);

	CHECK(a == blame_print(b, 1, 2, (const uint8_t *)"abc", 3), "same");
	CHECK(a != blame_print(b, 1, 2, (const uint8_t *)"abd", 3), "content");
	CHECK(a != blame_print(b, 1, 3, (const uint8_t *)"abc", 3), "block");
	CHECK(a != blame_print(b, 2, 2, (const uint8_t *)"abc", 3), "piece");
	blame_free(b);
}

int main(void)
{
	liars_are_told_by_the_difference();
	memory_is_bounded();
	prints_differ_by_place_and_content();
	return CHECK_EXIT();
}
