#include "node/candidates.h"
#include "tests/check.h"

static struct net_addr addr(unsigned n)
{
	struct net_addr a;
	const uint8_t ip[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8),
			       (uint8_t)n};

	(void)net_addr_from_bytes(&a, ip, 4, 6881);
	return a;
}

static void failures_wait_longer_each_time(void)
{
	static const struct {
		const char *name;
		bool keep, worked;
		int failures;
		int64_t wait_ms;
	} rows[] = {
		{"first failure waits a second", false, false, 1, 1000},
		{"third failure waits four", false, false, 3, 4000},
		{"a stranger waits five minutes at most", false, false, 20,
		 300000},
		{"the user's own waits half a minute", true, false, 20, 30000},
		{"one that worked is tried soon", false, true, 2, 2000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct candidates *c = candidates_new();
		struct net_addr a = addr(1), got;
		int64_t now = 1000, wake = 0;

		CHECK(candidates_add(c, &a, rows[i].keep), "new");
		CHECK(!candidates_add(c, &a, false), "known");
		for (int f = 0; f < rows[i].failures; f++) {
			CHECK(candidates_take(c, now, &got, &wake), "%s %d",
			      rows[i].name, f);
			CHECK(!candidates_take(c, now, &got, &wake) &&
				      wake == INT64_MAX,
			      "taken twice");
			candidates_ended(c, &a, now, rows[i].worked, false);
			CHECK(!candidates_take(c, now, &got, &wake), "at once");
			if (f + 1 < rows[i].failures)
				now = wake;
		}
		CHECK(wake - now == rows[i].wait_ms, "%s: %lld", rows[i].name,
		      (long long)(wake - now));
		candidates_free(c);
	}
}

static void a_banned_one_is_never_tried(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a = addr(1), got;
	int64_t wake;

	(void)candidates_add(c, &a, true);
	CHECK(candidates_take(c, 0, &got, &wake), "first");
	candidates_ended(c, &a, 0, true, true);
	candidates_retry_now(c);
	CHECK(!candidates_take(c, 1000000, &got, &wake) && wake == INT64_MAX,
	      "again");
	CHECK(candidates_is_banned(c, &a), "banned");
	CHECK(!candidates_add(c, &a, true), "not new");
	candidates_free(c);
}

static void after_a_pause_all_are_tried_at_once(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a = addr(1), b = addr(2), got;
	int64_t wake;

	(void)candidates_add(c, &a, true);
	(void)candidates_add(c, &b, true);
	CHECK(candidates_take(c, 0, &got, &wake), "one is connected");
	CHECK(candidates_take(c, 0, &got, &wake), "the other too");
	candidates_ended(c, &got, 0, false, false);
	candidates_retry_now(c);
	CHECK(candidates_connected(c) == 0, "connected still");
	CHECK(candidates_take(c, 1, &got, &wake) &&
		      candidates_take(c, 1, &got, &wake),
	      "both again");
	candidates_free(c);
}

static void the_list_is_bounded(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a, got;
	int64_t wake;

	for (unsigned i = 0; i < CANDIDATES_MAX; i++) {
		a = addr(i);
		CHECK(candidates_add(c, &a, false), "%u", i);
	}
	a = addr(CANDIDATES_MAX);
	CHECK(!candidates_add(c, &a, true), "nobody failed: no room");
	CHECK(candidates_take(c, 0, &got, &wake), "one");
	candidates_ended(c, &got, 0, false, false);
	CHECK(candidates_add(c, &a, true), "the failed one gives way");
	CHECK(candidates_count(c) == CANDIDATES_MAX, "count");
	candidates_free(c);
}

int main(void)
{
	failures_wait_longer_each_time();
	a_banned_one_is_never_tried();
	after_a_pause_all_are_tried_at_once();
	the_list_is_bounded();
	return CHECK_EXIT();
}
