#include "node/swarm/schedule.h"

#include "base/options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY 1440U
#define TEXT_MAX 256U

static const char *const day_names[] = {"sun", "mon", "tue", "wed",
					"thu", "fri", "sat"};
static const char *const limit_names[LIMITS] = {
	[LIMIT_UP] = "up",	     [LIMIT_DOWN] = "down",
	[LIMIT_UP_FREE] = "up-free", [LIMIT_UP_PAID] = "up-paid",
	[LIMIT_UP_RENT] = "up-rent",
};

/* Where a day's three letters stand; -1: none. */
static int day_of(const char *text)
{
	for (int i = 0; i < 7; i++)
		if (strncasecmp(text, day_names[i], 3) == 0)
			return i;
	return -1;
}

/* `mon` or `mon-fri`, which may go over the week's end. */
static bool read_range(uint8_t *days, const char *text)
{
	size_t len = strlen(text);
	int from = day_of(text), to = from;

	if (len == 7 && text[3] == '-')
		to = day_of(text + 4);
	else if (len != 3)
		return false;
	if (from < 0 || to < 0)
		return false;
	for (int d = from;; d = (d + 1) % 7) {
		*days |= (uint8_t)(1U << d);
		if (d == to)
			return true;
	}
}

static bool read_days(uint8_t *days, char *text)
{
	char *rest = text, *part;

	*days = 0;
	if (strcasecmp(text, "daily") == 0) {
		*days = 0x7f;
		return true;
	}
	while ((part = strsep(&rest, ",")))
		if (!read_range(days, part))
			return false;
	return true;
}

static bool read_minute(uint16_t *out, const char *text, uint16_t max)
{
	for (int i = 0; i < 5; i++)
		if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
			return false;
	*out = (uint16_t)(((text[0] - '0') * 10 + text[1] - '0') * 60 +
			  (text[3] - '0') * 10 + text[4] - '0');
	return text[3] < '6' && *out <= max;
}

static bool read_span(struct schedule_rule *r, const char *text)
{
	return strlen(text) == 11 && text[5] == '-' &&
	       read_minute(&r->from, text, DAY - 1) &&
	       read_minute(&r->to, text + 6, DAY) && r->from != r->to;
}

static bool read_limit(struct schedule_rule *r, char *text)
{
	char *rate = text, *name = strsep(&rate, "=");
	int64_t n = 0;

	if (!rate)
		return false;
	if (strcasecmp(rate, "none") != 0 &&
	    (!options_read_size(&n, rate) || n == 0))
		return false;
	for (int i = 0; i < LIMITS; i++) {
		if (strcasecmp(name, limit_names[i]) != 0)
			continue;
		r->of[i] = (uint64_t)n;
		r->names |= (uint8_t)(1U << i);
		return true;
	}
	return false;
}

static bool read_rule(struct schedule_rule *r, char *text)
{
	char *rest = text, *word;
	unsigned n = 0;

	while ((word = strsep(&rest, " \t"))) {
		bool good;

		if (!*word)
			continue;
		good = n == 0	? read_days(&r->days, word)
		       : n == 1 ? read_span(r, word)
				: read_limit(r, word);
		if (!good)
			return false;
		n++;
	}
	return n > 2;
}

enum err_code schedule_parse(struct schedule_rule *out, const char *text,
			     struct err *e)
{
	char copy[TEXT_MAX];
	size_t len = strlen(text);

	memset(out, 0, sizeof(*out));
	if (len < sizeof(copy)) {
		memcpy(copy, text, len + 1);
		if (read_rule(out, copy))
			return ERR_NONE;
	}
	return err_fail(e, ERR_PARSE,
			"schedule '%.60s': want DAYS HH:MM-HH:MM NAME=RATE, as "
			"in mon-fri 08:00-18:00 up=1M down=none",
			text);
}

static bool has_day(const struct schedule_rule *r, unsigned wday)
{
	return r->days >> wday & 1;
}

static bool fits(const struct schedule_rule *r, unsigned wday, unsigned minute)
{
	if (r->from < r->to)
		return has_day(r, wday) && minute >= r->from && minute < r->to;
	return (has_day(r, wday) && minute >= r->from) ||
	       (has_day(r, (wday + 6) % 7) && minute < r->to);
}

void schedule_apply(struct limits *limits, uint8_t *done,
		    const struct schedule_rule *rule, unsigned wday,
		    unsigned minute)
{
	if (!fits(rule, wday, minute))
		return;
	for (int i = 0; i < LIMITS; i++)
		if (rule->names & ~*done & 1U << i)
			limits->of[i] = rule->of[i];
	*done |= rule->names;
}

void schedule_apply_at(struct limits *limits, uint8_t *done,
		       const struct schedule_rule *rule, time_t at)
{
	struct tm tm;

	if (localtime_r(&at, &tm))
		schedule_apply(limits, done, rule, (unsigned)tm.tm_wday,
			       (unsigned)(tm.tm_hour * 60 + tm.tm_min));
}
