#include "base/pieces.h"

#include "tests/check.h"

static const struct piece_short shorts[] = {{1, 5}, {4, 64}, {6, 99}};

static void sizes_are_those_of_places_but_for_short_ones(void)
{
	/* seven places of 100 bytes, the last of 99 */
	static const uint32_t places[] = {100, 100, 100, 100, 100, 100, 99};
	static const uint32_t sizes[] = {100, 5, 100, 100, 64, 100, 99};
	const struct pieces p = {.count = 7,
				 .len = 100,
				 .total = 699,
				 .shorts = shorts,
				 .short_count = ROWS(shorts)};
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p.count; i++) {
		CHECK(pieces_place(&p, i) == places[i], "place %u: %u", i,
		      pieces_place(&p, i));
		CHECK(pieces_size(&p, i) == sizes[i], "piece %u: %u", i,
		      pieces_size(&p, i));
		sum += sizes[i];
	}
	CHECK(pieces_bytes(&p) == sum, "%llu bytes",
	      (unsigned long long)pieces_bytes(&p));
}

static void without_short_ones_all_is_asked_for(void)
{
	const struct pieces p = {
		.count = 1U << 21, .len = 1U << 26, .total = (1ULL << 47) - 5};

	CHECK(pieces_size(&p, 0) == 1U << 26, "the first");
	CHECK(pieces_size(&p, p.count - 1) == (1U << 26) - 5, "the last");
	CHECK(pieces_bytes(&p) == p.total, "all");
}

int main(void)
{
	sizes_are_those_of_places_but_for_short_ones();
	without_short_ones_all_is_asked_for();
	return CHECK_EXIT();
}
