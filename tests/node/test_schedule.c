#include "node/swarm/schedule.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define M (1U << 20)

static const struct {
	const char *text;
	bool good;
} texts[] = {
	{"mon-fri 08:00-18:00 up=1M down=2M", true},
	{"daily 00:00-24:00 up=none", true},
	{"Sat,SUN,wed-thu 22:00-06:00 up-free=10K up-paid=none up-rent=1M",
	 true},
	{"fri-mon 1:00-02:00 up=1M", false},
	{"fri-mon 01:00-02:00 up=1M", true},
	{"", false},
	{"daily", false},
	{"daily 00:00-24:00", false},
	{"daily 08:00-08:00 up=1M", false},
	{"daily 24:00-01:00 up=1M", false},
	{"daily 08:60-10:00 up=1M", false},
	{"daily 08:00-25:00 up=1M", false},
	{"monday 08:00-09:00 up=1M", false},
	{"mon- 08:00-09:00 up=1M", false},
	{"mon,,tue 08:00-09:00 up=1M", false},
	{"daily 08:00-09:00 up=", false},
	{"daily 08:00-09:00 up=0", false},
	{"daily 08:00-09:00 up=-1", false},
	{"daily 08:00-09:00 up=fast", false},
	{"daily 08:00-09:00 sideways=1M", false},
	{"daily 08:00-09:00 up 1M", false},
};

static void rules_are_read(void)
{
	struct schedule_rule r;
	char longer[400];

	for (size_t i = 0; i < ROWS(texts); i++)
		CHECK((schedule_parse(&r, texts[i].text, NULL) == ERR_NONE) ==
			      texts[i].good,
		      "%s", texts[i].text);
	memset(longer, ' ', sizeof(longer));
	memcpy(longer, texts[1].text, strlen(texts[1].text));
	longer[sizeof(longer) - 1] = 0;
	CHECK(schedule_parse(&r, longer, NULL) == ERR_PARSE, "a long one");
}

/* What `up` is at that minute of the week; 9 without the rules. */
static const struct {
	const char *name, *rules[2];
	unsigned wday, hour, minute;
	uint64_t up;
} rows[] = {
	{"before", {"mon-fri 08:00-18:00 up=1M"}, 1, 7, 59, 9},
	{"the first minute", {"mon-fri 08:00-18:00 up=1M"}, 1, 8, 0, M},
	{"the last minute", {"mon-fri 08:00-18:00 up=1M"}, 5, 17, 59, M},
	{"the end is not in it", {"mon-fri 08:00-18:00 up=1M"}, 5, 18, 0, 9},
	{"another day", {"mon-fri 08:00-18:00 up=1M"}, 6, 12, 0, 9},
	{"a range over the week's end",
	 {"sat-mon 08:00-18:00 up=1M"},
	 0,
	 12,
	 0,
	 M},
	{"all day", {"sun 00:00-24:00 up=1M"}, 0, 23, 59, M},
	{"over midnight, before it", {"sat 22:00-06:00 up=1M"}, 6, 23, 0, M},
	{"over midnight, after it", {"sat 22:00-06:00 up=1M"}, 0, 5, 59, M},
	{"over midnight, its end", {"sat 22:00-06:00 up=1M"}, 0, 6, 0, 9},
	{"over midnight, the morning before",
	 {"sat 22:00-06:00 up=1M"},
	 6,
	 5,
	 0,
	 9},
	{"the first of two that fit",
	 {"daily 08:00-18:00 up=1M", "mon 08:00-18:00 up=2M"},
	 1,
	 9,
	 0,
	 M},
	{"the second where the first is silent",
	 {"daily 08:00-18:00 down=1M", "mon 08:00-18:00 up=2M"},
	 1,
	 9,
	 0,
	 2 * M},
	{"no limit is a value, too",
	 {"daily 08:00-18:00 up=none", "mon 08:00-18:00 up=2M"},
	 1,
	 9,
	 0,
	 0},
};

static void the_week_is_gone_through(void)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct limits l = {.of = {9, 9, 9, 9, 9}};
		uint8_t done = 0;

		for (int j = 0; j < 2 && rows[i].rules[j]; j++) {
			struct schedule_rule r;

			CHECK(schedule_parse(&r, rows[i].rules[j], NULL) ==
				      ERR_NONE,
			      "%s", rows[i].rules[j]);
			schedule_apply(&l, &done, &r, rows[i].wday,
				       rows[i].hour * 60 + rows[i].minute);
		}
		CHECK(l.of[LIMIT_UP] == rows[i].up, "%s: %llu", rows[i].name,
		      (unsigned long long)l.of[LIMIT_UP]);
		CHECK(l.of[LIMIT_UP_PAID] == 9, "%s: another", rows[i].name);
	}
}

/* Berlin, 2026: at 01:00 UTC on 29 March 02:00 becomes 03:00, on 25 October
 * 03:00 becomes 02:00. */
static const struct {
	const char *name, *rule;
	time_t at;
	bool fits;
} changes[] = {
	{"a minute before the clocks go on", "sun 01:00-02:00 up=1M",
	 1774745940, true},
	{"the hour that is left out never comes", "sun 02:00-03:00 up=1M",
	 1774746000, false},
	{"after it", "sun 03:00-04:00 up=1M", 1774746000, true},
	{"the hour that is repeated, first", "sun 02:00-03:00 up=1M",
	 1792888200, true},
	{"and again", "sun 02:00-03:00 up=1M", 1792891800, true},
	{"and is over", "sun 02:00-03:00 up=1M", 1792893600, false},
	{"a span over both of them", "sat 22:00-06:00 up=1M", 1792893600, true},
};

static void clocks_that_change_are_followed(void)
{
	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (size_t i = 0; i < ROWS(changes); i++) {
		struct limits l = {.of = {0}};
		struct schedule_rule r;
		uint8_t done = 0;

		CHECK(schedule_parse(&r, changes[i].rule, NULL) == ERR_NONE,
		      "%s", changes[i].rule);
		schedule_apply_at(&l, &done, &r, changes[i].at);
		CHECK((l.of[LIMIT_UP] == M) == changes[i].fits, "%s",
		      changes[i].name);
	}
}

int main(void)
{
	rules_are_read();
	the_week_is_gone_through();
	clocks_that_change_are_followed();
	return CHECK_EXIT();
}
