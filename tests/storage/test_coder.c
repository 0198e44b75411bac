#include "base/rng.h"
#include "storage/object/coder.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define LEN 1000U /* no multiple of a vector */

static uint8_t multiply(uint8_t a, uint8_t b)
{
	uint8_t sum = 0;

	for (; b; b >>= 1) {
		if (b & 1)
			sum ^= a;
		a = (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
	}
	return sum;
}

static uint8_t inverse(uint8_t a)
{
	uint8_t b = 1;

	while (multiply(a, b) != 1)
		b++;
	return b;
}

struct rows {
	uint8_t bytes[CODER_N_MAX][LEN];
	uint8_t *at[CODER_N_MAX];
};

static void fill(struct rows *r, unsigned k, struct rng *rng)
{
	for (unsigned i = 0; i < CODER_N_MAX; i++)
		r->at[i] = r->bytes[i];
	for (unsigned i = 0; i < k; i++)
		rng_fill(rng, r->bytes[i], LEN);
}

static const uint8_t *const *in(const struct rows *r)
{
	return (const uint8_t *const *)(const void *)r->at;
}

static void parity_is_as_defined(void)
{
	static struct rows r;
	struct rng rng = rng_seeded(1);
	struct coder *c;

	CHECK(coder_new(&c, 5, 9, NULL) == ERR_NONE, "5 of 9");
	fill(&r, 5, &rng);
	coder_encode(c, 5, 4, r.at + 5, in(&r), LEN);
	for (unsigned j = 5; j < 9; j++) {
		for (unsigned x = 0; x < LEN; x++) {
			uint8_t want = 0;

			for (unsigned i = 0; i < 5; i++)
				want ^= multiply(inverse((uint8_t)(i ^ j)),
						 r.bytes[i][x]);
			CHECK(r.bytes[j][x] == want, "row %u byte %u", j, x);
		}
	}
	/* some of them only */
	memset(r.bytes[20], 0, LEN);
	coder_encode(c, 7, 1, r.at + 20, in(&r), LEN);
	CHECK(memcmp(r.bytes[20], r.bytes[7], LEN) == 0, "row 7 alone");
	coder_free(c);
}

/* k different rows below n, in any order. */
static void choose(uint8_t *have, unsigned k, unsigned n, struct rng *rng)
{
	uint8_t all[CODER_N_MAX];

	for (unsigned i = 0; i < n; i++)
		all[i] = (uint8_t)i;
	for (unsigned i = 0; i < k; i++) {
		unsigned other = i + rng_below(rng, n - i);

		have[i] = all[other];
		all[other] = all[i];
	}
}

static void check_any_k(unsigned k, unsigned n, struct rng *rng)
{
	static struct rows r, back;
	const uint8_t *from[CODER_K_MAX];
	uint8_t have[CODER_K_MAX], made[CODER_K_MAX];
	struct coder_solution *s;
	struct coder *c;

	CHECK(coder_new(&c, k, n, NULL) == ERR_NONE, "%u of %u", k, n);
	fill(&r, k, rng);
	fill(&back, 0, rng);
	coder_encode(c, k, n - k, r.at + k, in(&r), LEN);
	for (unsigned turn = 0; turn < 8; turn++) {
		unsigned count;

		choose(have, k, n, rng);
		for (unsigned i = 0; i < k; i++)
			from[i] = r.bytes[have[i]];
		CHECK(coder_solve(&s, c, have, NULL) == ERR_NONE, "%u of %u", k,
		      n);
		count = coder_solution_rows(s, made);
		coder_solution_run(s, back.at, from, LEN);
		for (unsigned i = 0; i < count; i++)
			CHECK(memcmp(back.bytes[i], r.bytes[made[i]], LEN) == 0,
			      "%u of %u: row %u", k, n, made[i]);
		for (unsigned i = 0; i < k; i++)
			CHECK((memchr(have, (int)i, k) == NULL) ==
				      (memchr(made, (int)i, count) != NULL),
			      "%u of %u: made is what is missing", k, n);
		coder_solution_free(s);
	}
	coder_free(c);
}

static void any_k_rows_bring_back_all(void)
{
	static const struct {
		unsigned k, n;
	} rows[] = {{1, 1},   {1, 3},	{2, 3},	  {4, 12},   {10, 30},
		    {10, 10}, {29, 80}, {64, 64}, {64, 255}, {1, 255}};
	struct rng rng = rng_seeded(2);

	for (size_t i = 0; i < ROWS(rows); i++)
		check_any_k(rows[i].k, rows[i].n, &rng);
}

static void what_is_no_code_is_refused(void)
{
	static const struct {
		unsigned k, n;
	} rows[] = {{0, 3}, {3, 2}, {65, 80}, {10, 256}};
	struct coder *c;

	for (size_t i = 0; i < ROWS(rows); i++) {
		CHECK(coder_new(&c, rows[i].k, rows[i].n, NULL) == ERR_LIMIT,
		      "%u of %u", rows[i].k, rows[i].n);
		CHECK(c == NULL, "nothing made");
	}
}

static void rows_that_cannot_be_are_refused(void)
{
	static const struct {
		const char *name;
		uint8_t have[3];
		enum err_code code;
	} rows[] = {
		{"three different", {0, 3, 4}, ERR_NONE},
		{"one twice", {0, 4, 4}, ERR_STATE},
		{"one beyond n", {0, 1, 5}, ERR_STATE},
	};
	struct coder_solution *s;
	struct coder *c;

	CHECK(coder_new(&c, 3, 5, NULL) == ERR_NONE, "3 of 5");
	for (size_t i = 0; i < ROWS(rows); i++) {
		CHECK(coder_solve(&s, c, rows[i].have, NULL) == rows[i].code,
		      "%s", rows[i].name);
		coder_solution_free(s);
	}
	coder_free(c);
	coder_free(NULL);
}

int main(void)
{
	parity_is_as_defined();
	any_k_rows_bring_back_all();
	what_is_no_code_is_refused();
	rows_that_cannot_be_are_refused();
	return CHECK_EXIT();
}
