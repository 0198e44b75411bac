/* Hashes of 20 bytes that are equal though their kinds are not: two torrents
 * that others could not tell apart are not run at once. */
#include "base/hash_map.h"
#include "node/swarm/torrent_impl.h"
#include "tests/check.h"

#include <string.h>

struct kind { /* 0: it has no hash of that version */
	uint8_t v1, v2;
};

static struct metainfo meta_of(struct kind k)
{
	struct metainfo m = {.v1 = k.v1 != 0, .v2 = k.v2 != 0};

	memset(m.info_hash_v2.bytes, k.v2, sizeof(m.info_hash_v2.bytes));
	memset(m.info_hash.bytes, k.v1 ? k.v1 : k.v2,
	       sizeof(m.info_hash.bytes));
	return m;
}

static const struct {
	const char *name;
	struct kind one, other;
	bool same;
} rows[] = {
	{"two of v1", {1, 0}, {2, 0}, false},
	{"the same of v1", {1, 0}, {1, 0}, true},
	{"v1, and v2 alone whose cut hash is that", {1, 0}, {0, 1}, true},
	{"the other way round", {0, 1}, {1, 0}, true},
	{"v1, and a hybrid whose cut v2 hash is that", {1, 0}, {2, 1}, true},
	{"v2 alone, and a hybrid whose v1 hash is its cut",
	 {0, 1},
	 {1, 2},
	 true},
	{"two hybrids, each with a hash of the other's other kind",
	 {1, 2},
	 {2, 3},
	 true},
	{"two hybrids", {1, 2}, {3, 4}, false},
};

int main(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct engine en = {.by_hash = hash_map_new(rng_seeded(1), 4)};
		struct torrent one = {.engine = &en,
				      .meta = meta_of(rows[i].one)};
		struct torrent fresh = {.engine = &en,
					.meta = meta_of(rows[i].other)};
		struct torrent *found;

		torrent_names_read(&one);
		CHECK(torrent_names_index(&one), "%s: found", rows[i].name);
		found = torrent_namesake(&fresh, &fresh.meta);
		CHECK((found == &one) == rows[i].same, "%s", rows[i].name);
		CHECK(!torrent_namesake(&one, &one.meta), "%s: not itself",
		      rows[i].name);
		torrent_names_unindex(&one);
		CHECK(!torrent_namesake(&fresh, &fresh.meta), "%s: gone",
		      rows[i].name);
		hash_map_free(en.by_hash, NULL);
	}
	return CHECK_EXIT();
}
