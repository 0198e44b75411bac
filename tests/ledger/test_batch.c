/* How many receipts or proofs go into one transaction. */
#include "ledger/settle/batch.h"
#include "tests/check.h"

#include <stddef.h>

static void halves_at_once_and_grows_slowly(void)
{
	/* n too long: -n; n went well: n; 0 ends */
	static const struct {
		const char *name;
		unsigned most;
		int steps[16];
		unsigned want;
	} rows[] = {
		{"begins with the profile's number", 20, {0}, 20},
		{"a profile without a number sends one", 0, {0}, 1},
		{"a full one that takes too long is halved", 20, {-20}, 10},
		{"and again", 20, {-20, -10, -5}, 2},
		{"never to none", 20, {-2, -1, -1}, 1},
		{"a smaller one that takes too long is halved itself",
		 20,
		 {-8},
		 4},
		{"one under way from before is no news", 20, {-10, -20}, 5},
		{"three full ones are not enough to grow",
		 20,
		 {-20, 10, 10, 10},
		 10},
		{"four are, by one", 20, {-20, 10, 10, 10, 10}, 11},
		{"or by an eighth", 200, {-200, 100, 100, 100, 100}, 112},
		{"those that are not full prove nothing",
		 20,
		 {-20, 9, 9, 9, 9, 9},
		 10},
		{"too long in between begins anew",
		 20,
		 {-20, 10, 10, 10, -10, 5},
		 5},
		{"not past the profile's number",
		 3,
		 {-3, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3},
		 3},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct batch_size b;

		batch_init(&b, rows[i].most);
		for (size_t k = 0; rows[i].steps[k]; k++) {
			int step = rows[i].steps[k];

			if (step < 0)
				batch_too_long(&b, (unsigned)-step);
			else
				batch_went_well(&b, (unsigned)step);
		}
		CHECK(b.now == rows[i].want, "%s: %u", rows[i].name, b.now);
	}
}

static void another_profile_keeps_what_was_learned(void)
{
	static const struct {
		const char *name;
		unsigned most, too_long, to, want;
	} rows[] = {
		{"nothing learned, more fit", 20, 0, 200, 200},
		{"nothing learned, fewer fit", 200, 0, 20, 20},
		{"learned, more would fit", 20, 20, 200, 10},
		{"learned, fewer fit", 200, 200, 20, 20},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct batch_size b;

		batch_init(&b, rows[i].most);
		if (rows[i].too_long)
			batch_too_long(&b, rows[i].too_long);
		batch_set_most(&b, rows[i].to);
		CHECK(b.now == rows[i].want && b.most == rows[i].to, "%s: %u",
		      rows[i].name, b.now);
	}
}

int main(void)
{
	halves_at_once_and_grows_slowly();
	another_profile_keeps_what_was_learned();
	return CHECK_EXIT();
}
