#include "wire/find/turns.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

#define URL "http://tracker.example/announce"
#define MANY 5000U

static struct turns *make(unsigned per_server, unsigned in_all)
{
	struct turns *s = turns_new(rng_seeded(1), per_server, in_all);

	if (!s)
		abort();
	return s;
}

static void join(struct turns *s, struct turn *t, const char *url, bool first)
{
	CHECK(turns_join(s, t, url, first, NULL) == ERR_NONE, "%s", url);
}

/* Begins all whose turn has come; how many. */
static unsigned begin(struct turns *s)
{
	unsigned n = 0;

	while (turns_next(s))
		n++;
	return n;
}

/* Five thousand torrents begin at once; their tracker takes a tenth of a second
 * for an answer. */
static void thousands_are_spread(void)
{
	struct turns *s = make(8, 48);
	struct turn *all = calloc(MANY, sizeof(*all)), *t;
	int64_t *ends = calloc(MANY, sizeof(*ends)), now = 0;
	unsigned begun = 0, ended = 0;

	if (!all || !ends)
		abort();
	for (unsigned i = 0; i < MANY; i++)
		join(s, &all[i], URL, false);
	for (; ended < MANY && now < 1000 * 1000; now += 10) {
		while (ended < begun && ends[ended] <= now)
			turns_end(s, &all[ended++], TURN_ANSWERED);
		while ((t = turns_next(s))) {
			CHECK(t == &all[begun], "in the order of coming");
			ends[begun++] = now + 100;
		}
		CHECK(turns_asking(s) <= 8, "%u at once", turns_asking(s));
	}
	CHECK(now >= 62 * 1000 && now < 63 * 1000, "all within %lld ms",
	      (long long)now);
	CHECK(turns_asking(s) == 0 && turns_waiting(s) == 0, "none is left");
	turns_free(s);
	free(all);
	free(ends);
}

static void who_says_goodbye_comes_first(void)
{
	struct turns *s = make(1, 48);
	struct turn t[5] = {{0}};
	static const int want[] = {0, 3, 4, 1, 2};

	join(s, &t[0], URL, false);
	CHECK(turns_next(s) == &t[0], "it begins");
	join(s, &t[1], URL, false);
	join(s, &t[2], URL, false);
	join(s, &t[3], URL, true);
	join(s, &t[4], URL, true);
	for (size_t i = 1; i < ROWS(want); i++) {
		CHECK(!turns_next(s), "one at a time");
		turns_end(s, &t[want[i - 1]], TURN_ANSWERED);
		CHECK(turns_next(s) == &t[want[i]], "%zu", i);
	}
	turns_end(s, &t[2], TURN_ANSWERED);
	turns_free(s);
}

static void servers_are_told_apart(void)
{
	static const struct {
		const char *url;
		bool same;
	} rows[] = {
		{"http://tracker.example/announce?key=1", true},
		{"http://tracker.example", true},
		{"HTTP://Tracker.Example/x", true},
		{"http://tracker.example?x", true},
		{"https://tracker.example/announce", false},
		{"udp://tracker.example:80/announce", false},
		{"http://tracker.example:81/announce", false},
		{"http://tracker.examples/announce", false},
		{"nonsense", false},
		{"", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct turns *s = make(1, 48);
		struct turn a = {0}, b = {0};

		join(s, &a, URL, false);
		join(s, &b, rows[i].url, false);
		CHECK(begin(s) == (rows[i].same ? 1 : 2), "%s", rows[i].url);
		turns_end(s, &a, TURN_CANCELLED);
		turns_end(s, &b, TURN_CANCELLED);
		turns_free(s);
	}
}

static void servers_take_turns(void)
{
	struct turns *s = make(8, 4);
	struct turn a[8] = {{0}}, b[8] = {{0}};

	for (int i = 0; i < 8; i++)
		join(s, &a[i], "http://a/announce", false);
	for (int i = 0; i < 8; i++)
		join(s, &b[i], "http://b/announce", false);
	CHECK(begin(s) == 4, "so many of all");
	CHECK(a[1].asking && !a[2].asking && b[1].asking && !b[2].asking,
	      "of each as many");
	turns_widen(s, 6, 100);
	CHECK(begin(s) == 8 && a[5].asking && b[5].asking && !a[6].asking,
	      "more of each");
	for (int i = 0; i < 8; i++) {
		turns_end(s, &a[i], TURN_CANCELLED);
		turns_end(s, &b[i], TURN_CANCELLED);
		turns_end(s, &b[i], TURN_CANCELLED);
	}
	CHECK(turns_asking(s) == 0 && turns_waiting(s) == 0, "none is left");
	turns_free(s);
}

/* Of a hundred eight find out that nobody is there; the others need not. */
static void nobody_waits_for_who_is_silent(void)
{
	struct turns *s = make(8, 48);
	struct turn t[100] = {{0}}, other = {0}, *vain;
	unsigned n = 0;

	for (int i = 0; i < 100; i++)
		join(s, &t[i], URL, false);
	join(s, &other, "http://other/announce", false);
	CHECK(begin(s) == 9, "eight, and the other");
	for (int i = 0; i < 7; i++)
		turns_end(s, &t[i], TURN_SILENT);
	CHECK(begin(s) == 7 && !turns_vain(s), "seven may be chance");
	turns_end(s, &t[7], TURN_SILENT);
	while ((vain = turns_vain(s)))
		CHECK(vain == &t[15 + n++] && !vain->server, "in order");
	CHECK(n == 85 && turns_waiting(s) == 0, "%u in vain", n);
	for (int i = 8; i < 15; i++)
		turns_end(s, &t[i], TURN_SILENT);
	for (int i = 0; i < 100; i++)
		join(s, &t[i], URL, false);
	CHECK(begin(s) == 1, "later one looks");
	turns_end(s, &t[0], TURN_SILENT);
	for (n = 0; turns_vain(s); n++)
		;
	CHECK(n == 99, "%u in vain again", n);
	join(s, &t[0], URL, false);
	CHECK(begin(s) == 1, "another looks");
	for (int i = 1; i < 100; i++)
		join(s, &t[i], URL, false);
	CHECK(begin(s) == 0, "others wait for it");
	turns_end(s, &t[0], TURN_ANSWERED);
	CHECK(begin(s) == 8 && !turns_vain(s), "it is back");
	for (int i = 0; i < 100; i++)
		turns_end(s, &t[i], TURN_CANCELLED);
	turns_end(s, &other, TURN_ANSWERED);
	turns_free(s);
}

static void servers_are_bounded(void)
{
	struct turns *s = make(8, 48);
	struct turn *t = calloc(TURNS_SERVERS_MAX + 1, sizeof(*t));
	struct err e = {0};
	char url[64];

	if (!t)
		abort();
	/* one that is silent and asked by nobody is remembered */
	join(s, &t[0], URL, false);
	CHECK(begin(s) == 1, "asked");
	turns_end(s, &t[0], TURN_SILENT);
	for (unsigned i = 0; i < TURNS_SERVERS_MAX; i++) {
		(void)snprintf(url, sizeof(url), "udp://host%u:1/", i);
		join(s, &t[i], url, false);
	}
	CHECK(turns_join(s, &t[TURNS_SERVERS_MAX], URL, false, &e) == ERR_LIMIT,
	      "one too many");
	CHECK(turns_join(s, &t[TURNS_SERVERS_MAX], "udp://host7:1/x", false,
			 NULL) == ERR_NONE,
	      "one of those");
	for (unsigned i = 0; i <= TURNS_SERVERS_MAX; i++)
		turns_end(s, &t[i], TURN_CANCELLED);
	join(s, &t[0], URL, false);
	turns_end(s, &t[0], TURN_CANCELLED);
	turns_free(s);
	turns_free(NULL);
	free(t);
}

int main(void)
{
	thousands_are_spread();
	who_says_goodbye_comes_first();
	servers_are_told_apart();
	servers_take_turns();
	nobody_waits_for_who_is_silent();
	servers_are_bounded();
	return CHECK_EXIT();
}
