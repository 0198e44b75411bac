#include "wire/peer/allowed.h"

#include "tests/check.h"

#include <string.h>

static const struct wire_addr somebody = {
	.ip = {[10] = 0xff, 0xff, 80, 4, 4, 200}, .port = 6881};

static void the_set_is_the_beps(void)
{
	/* BEP 6's own: 80.4.4.200, an info hash of 20 bytes aa, 1313 pieces */
	static const uint32_t want[] = {1059, 431,  808, 1217, 287,
					376,  1188, 353, 508};
	uint32_t got[ALLOWED_MAX];
	struct wire_addr other = somebody;
	struct info_hash hash;

	memset(hash.bytes, 0xaa, sizeof(hash.bytes));
	CHECK(allowed_set(got, 7, &somebody, &hash, 1313) == 7 &&
		      memcmp(got, want, 7 * sizeof(got[0])) == 0,
	      "seven");
	CHECK(allowed_set(got, 9, &somebody, &hash, 1313) == 9 &&
		      memcmp(got, want, sizeof(want)) == 0,
	      "and two more");
	other.ip[15] = 1;
	other.port = 1;
	CHECK(allowed_set(got, 9, &other, &hash, 1313) == 9 &&
		      memcmp(got, want, sizeof(want)) == 0,
	      "of the same network the same");
	other.ip[14] = 5;
	CHECK(allowed_set(got, 9, &other, &hash, 1313) == 9 &&
		      memcmp(got, want, sizeof(want)) != 0,
	      "of another another");
}

static void small_torrents_have_small_sets(void)
{
	static const uint32_t pieces[] = {1, 2, 5, 10};
	static const struct info_hash hash = {{1}};
	uint32_t got[ALLOWED_MAX];

	for (size_t i = 0; i < ROWS(pieces); i++) {
		uint32_t n = allowed_set(got, ALLOWED_MAX, &somebody, &hash,
					 pieces[i]);

		CHECK(n == pieces[i], "%u of %u", n, pieces[i]);
		for (uint32_t k = 0; k < n; k++)
			CHECK(got[k] < pieces[i] &&
				      (k == 0 || got[k] != got[k - 1]),
			      "piece %u", got[k]);
	}
}

static void of_ipv6_there_is_none(void)
{
	static const struct wire_addr v6 = {.ip = {0x20, 1}, .port = 1};
	static const struct info_hash hash = {{1}};
	uint32_t got[ALLOWED_MAX];

	CHECK(allowed_set(got, ALLOWED_MAX, &v6, &hash, 100) == 0, "none");
	CHECK(allowed_set(got, ALLOWED_MAX, &somebody, &hash, 0) == 0,
	      "nor without pieces");
}

int main(void)
{
	the_set_is_the_beps();
	small_torrents_have_small_sets();
	of_ipv6_there_is_none();
	return CHECK_EXIT();
}
