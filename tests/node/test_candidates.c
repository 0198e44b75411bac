#include "node/find/candidates.h"
#include "tests/check.h"

#include <string.h>

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
		bool keep;
		enum candidate_end how;
		int times;
		int64_t wait_ms;
	} rows[] = {
		{"first failure waits a second", false, CANDIDATE_FAILED, 1,
		 1000},
		{"third failure waits four", false, CANDIDATE_FAILED, 3, 4000},
		{"a stranger waits five minutes at most", false,
		 CANDIDATE_FAILED, 20, 300000},
		{"the user's own waits half a minute", true, CANDIDATE_FAILED,
		 20, 30000},
		{"one that worked is tried soon", false, CANDIDATE_WORKED, 3,
		 1000},
		{"one whose peer is here waits long at once", false,
		 CANDIDATE_HERE, 1, 300000},
		{"and no longer the next time", false, CANDIDATE_HERE, 3,
		 300000},
		{"the user's own, here, waits half a minute", true,
		 CANDIDATE_HERE, 1, 30000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct candidates *c = candidates_new();
		struct net_addr a = addr(1), got;
		int64_t now = 1000, wake = 0;

		CHECK(candidates_add(c, &a, rows[i].keep), "new");
		CHECK(!candidates_add(c, &a, false), "known");
		for (int f = 0; f < rows[i].times; f++) {
			CHECK(candidates_take(c, now, &got, &wake), "%s %d",
			      rows[i].name, f);
			CHECK(!candidates_take(c, now, &got, &wake) &&
				      wake == INT64_MAX,
			      "taken twice");
			candidates_ended(c, &a, now, rows[i].how);
			CHECK(!candidates_take(c, now, &got, &wake), "at once");
			if (f + 1 < rows[i].times)
				now = wake;
		}
		CHECK(rows[i].how != CANDIDATE_FAILED ||
			      candidates_failures(c, &a) ==
				      (unsigned)rows[i].times,
		      "%s: %u failures", rows[i].name,
		      candidates_failures(c, &a));
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
	candidates_ended(c, &a, 0, CANDIDATE_BANNED);
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
	candidates_ended(c, &got, 0, CANDIDATE_FAILED);
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
	candidates_ended(c, &got, 0, CANDIDATE_FAILED);
	CHECK(candidates_add(c, &a, true), "the failed one gives way");
	CHECK(candidates_count(c) == CANDIDATES_MAX, "count");
	candidates_free(c);
}

/* Whoever has a /64 could fill it with them. */
static void the_banned_do_not_fill_it(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a, got;
	int64_t wake;

	for (unsigned i = 0; i < CANDIDATES_MAX; i++) {
		a = addr(i);
		CHECK(candidates_add(c, &a, false), "%u", i);
		CHECK(candidates_take(c, 0, &got, &wake), "%u", i);
		candidates_ended(c, &got, 0, CANDIDATE_BANNED);
	}
	a = addr(CANDIDATES_MAX);
	CHECK(candidates_add(c, &a, false), "one of them gives way");
	CHECK(candidates_take(c, 0, &got, &wake) && net_addr_eq(&got, &a),
	      "and is not tried again");
	candidates_free(c);
}

static unsigned added(struct candidates *c, const uint8_t *ip, size_t len,
		      bool keep)
{
	unsigned n = 0;

	for (uint16_t port = 1; port <= 100; port++) {
		struct net_addr a;
		uint8_t each[16];

		memcpy(each, ip, len);
		if (len == 16)
			each[15] = (uint8_t)port; /* a host of its own, too */
		(void)net_addr_from_bytes(&a, each, len, port);
		n += candidates_add(c, &a, keep);
	}
	return n;
}

static void nobody_is_led_against_one_host(void)
{
	static const struct {
		const char *name;
		uint8_t ip[16];
		size_t len;
		bool keep;
		unsigned want;
	} rows[] = {
		{"IPv4", {203, 0, 113, 7}, 4, false, CANDIDATES_OF_ONE},
		{"another", {203, 0, 113, 8}, 4, false, CANDIDATES_OF_ONE},
		{"a network of IPv6",
		 {0x20, 1, 0xd, 0xb8, 1},
		 16,
		 false,
		 CANDIDATES_OF_ONE},
		{"in one's own network", {192, 168, 0, 7}, 4, false, 100},
		{"the user's", {203, 0, 113, 9}, 4, true, 100},
	};
	struct candidates *c = candidates_new();

	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned n = added(c, rows[i].ip, rows[i].len, rows[i].keep);

		CHECK(n == rows[i].want, "%s: %u", rows[i].name, n);
	}
	candidates_free(c);
}

static void an_end_is_judged_by_how_it_came(void)
{
	static const struct {
		const char *name;
		bool lasted;
		enum peer_close why;
		enum candidate_end want;
	} rows[] = {
		{"never came up", false, PEER_CLOSE_NONE, CANDIDATE_FAILED},
		{"the other side closed right after the handshakes", false,
		 PEER_CLOSE_NONE, CANDIDATE_FAILED},
		{"the other side closed after a while", true, PEER_CLOSE_NONE,
		 CANDIDATE_WORKED},
		{"we have this peer already", false, PEER_CLOSE_DUPLICATE,
		 CANDIDATE_FAILED},
		{"another connection to it was kept", true,
		 PEER_CLOSE_DUPLICATE, CANDIDATE_FAILED},
		{"both have everything", true, PEER_CLOSE_USELESS,
		 CANDIDATE_WORKED},
		{"that is us", false, PEER_CLOSE_SELF, CANDIDATE_BANNED},
		{"it sent false data", true, PEER_CLOSE_BAD_DATA,
		 CANDIDATE_BANNED},
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(candidate_end_of(rows[i].lasted, rows[i].why) ==
			      rows[i].want,
		      "%s", rows[i].name);
}

/* Duplicates come one after the other, each with good handshakes. */
static void duplicates_back_off(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a = addr(1), got;
	int64_t now = 0, wake = 0;
	int tries = 0;

	(void)candidates_add(c, &a, false);
	for (; now < 600000; now = wake) {
		if (!candidates_take(c, now, &got, &wake))
			continue;
		tries++;
		candidates_ended(c, &a, now,
				 candidate_end_of(true, PEER_CLOSE_DUPLICATE));
		(void)candidates_add(c, &a, false); /* announced again */
		(void)candidates_take(c, now, &got, &wake);
	}
	CHECK(tries == 10, "%d tries in ten minutes", tries);
	candidates_free(c);
}

static void what_worked_once_begins_anew(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a = addr(1), got;
	int64_t wake = 0;

	(void)candidates_add(c, &a, false);
	for (int i = 0; i < 5; i++)
		candidates_ended(c, &a, 0, CANDIDATE_FAILED);
	candidates_ended(c, &a, 0, CANDIDATE_HERE);
	candidates_ended(c, &a, 0, CANDIDATE_FAILED);
	CHECK(!candidates_take(c, 0, &got, &wake) && wake == 32000,
	      "being here forgives nothing: %lld", (long long)wake);
	candidates_ended(c, &a, 0, CANDIDATE_WORKED);
	candidates_ended(c, &a, 0, CANDIDATE_FAILED);
	CHECK(!candidates_take(c, 0, &got, &wake) && wake == 2000, "%lld",
	      (long long)wake);
	candidates_free(c);
}

/* A private torrent keeps those of its trackers and of the user. */
static void others_are_dropped(void)
{
	struct candidates *c = candidates_new();
	struct net_addr of[3], out;
	int64_t wake;

	for (int i = 0; i < 3; i++) {
		CHECK(net_addr_from_ip(&of[i], "10.0.0.1", (uint16_t)(1 + i)),
		      "address");
		(void)candidates_add(c, &of[i], i == 1);
	}
	candidates_vouch(c, &of[2]);
	CHECK(candidates_take(c, 0, &out, &wake), "none due");
	candidates_drop_others(c);
	CHECK(!candidates_has(c, &of[0]) && candidates_has(c, &of[1]) &&
		      candidates_has(c, &of[2]) && candidates_count(c) == 2,
	      "%u kept", candidates_count(c));
	candidates_ended(c, &of[0], 0, CANDIDATE_WORKED);
	CHECK(!candidates_has(c, &of[0]), "back again");
	candidates_vouch_none(c);
	candidates_drop_others(c);
	CHECK(candidates_has(c, &of[1]) && candidates_count(c) == 1,
	      "of another tracker: %u kept", candidates_count(c));
	candidates_free(c);
}

static void one_that_calls_is_tried_at_once(void)
{
	struct candidates *c = candidates_new();
	struct net_addr a = addr(1), b = addr(2), got;
	int64_t wake;

	(void)candidates_add(c, &a, false);
	candidates_hurry(c, &b);
	CHECK(candidates_take(c, 0, &got, &wake), "the first time");
	candidates_ended(c, &a, 0, CANDIDATE_FAILED);
	CHECK(!candidates_take(c, 500, &got, &wake), "it waits");
	candidates_hurry(c, &a);
	CHECK(candidates_take(c, 500, &got, &wake) && net_addr_eq(&got, &a),
	      "at once");
	candidates_hurry(c, &a);
	CHECK(!candidates_take(c, 500, &got, &wake), "not twice");
	candidates_ended(c, &a, 0, CANDIDATE_BANNED);
	candidates_hurry(c, &a);
	CHECK(!candidates_take(c, 500, &got, &wake), "not a banned one");
	candidates_free(c);
}

static void of_many_the_canonical_first(void)
{
	/* BEP 40's own pairs of addresses */
	static const uint8_t us[4] = {123, 213, 32, 10};
	static const uint8_t high[4] = {98, 76, 54, 32};   /* ec2d7224 */
	static const uint8_t low[4] = {123, 213, 32, 234}; /* 99568189 */
	struct wire_addr seen = {
		.ip = {[10] = 0xff, 0xff, us[0], us[1], us[2], us[3]},
		.port = 6881};
	struct candidates *c = candidates_new();
	struct net_addr a, b, got, own = addr(7);
	int64_t wake;

	(void)net_addr_from_bytes(&a, low, 4, 6881);
	(void)net_addr_from_bytes(&b, high, 4, 6881);
	(void)candidates_add(c, &a, false);
	candidates_set_us(c, &seen);
	(void)candidates_add(c, &b, false);
	(void)candidates_add(c, &own, true);
	CHECK(candidates_take(c, 0, &got, &wake) && net_addr_eq(&got, &own),
	      "the user's own");
	CHECK(candidates_take(c, 0, &got, &wake) && net_addr_eq(&got, &b),
	      "the higher priority");
	CHECK(candidates_take(c, 0, &got, &wake) && net_addr_eq(&got, &a),
	      "the lower one");
	candidates_free(c);
}

int main(void)
{
	of_many_the_canonical_first();
	one_that_calls_is_tried_at_once();
	others_are_dropped();
	an_end_is_judged_by_how_it_came();
	duplicates_back_off();
	what_worked_once_begins_anew();
	failures_wait_longer_each_time();
	a_banned_one_is_never_tried();
	after_a_pause_all_are_tried_at_once();
	the_list_is_bounded();
	the_banned_do_not_fill_it();
	nobody_is_led_against_one_host();
	return CHECK_EXIT();
}
