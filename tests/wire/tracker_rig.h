/* tracker_rig.h - a tracker machine, what it asks and is answered. */
#ifndef TESTS_WIRE_TRACKER_RIG_H
#define TESTS_WIRE_TRACKER_RIG_H

#include "tests/check.h"
#include "wire/find/tracker.h"

#include <string.h>

#define RIG_UNUSED __attribute__((unused))
#define T0 1000000
#define S 1000

RIG_UNUSED static const struct tracker_stats stats = {.left = 7};
RIG_UNUSED static struct announce_reply reply;

RIG_UNUSED static struct tracker *
make_with(const struct tracker_cfg *cfg, const char *const *urls, size_t count)
{
	struct tracker *t;

	CHECK(tracker_new(&t, cfg, NULL) == ERR_NONE, "new");
	for (size_t i = 0; i < count; i++) /* "tier url" */
		CHECK(tracker_add(t, urls[i] + 2, (uint32_t)(urls[i][0] - '0'),
				  NULL) == ERR_NONE,
		      "%s", urls[i]);
	return t;
}

RIG_UNUSED static struct tracker *make(const char *const *urls, size_t count)
{
	const struct tracker_cfg cfg = {.port = 6881, .rng = rng_seeded(1)};

	return make_with(&cfg, urls, count);
}

RIG_UNUSED static struct tracker *make_one(void)
{
	static const char *const urls[] = {"0 http://a"};

	return make(urls, 1);
}

/* One that is due, asked without a line. */
RIG_UNUSED static bool next_announce(struct tracker *t,
				     struct tracker_announce *out,
				     int64_t now_ms,
				     const struct tracker_stats *now)
{
	struct tracker_due d;

	return tracker_due(t, &d, now_ms) &&
	       tracker_turn(t, out, d.tier, now_ms, now);
}

/* What is due, as "host event host event "; asks it all. */
RIG_UNUSED static const char *due(struct tracker *t, int64_t now_ms)
{
	static const char *const events[] = {"regular", "started", "completed",
					     "stopped"};
	static struct tracker_announce a;
	static char got[256];
	size_t n = 0;

	got[0] = '\0';
	while (next_announce(t, &a, now_ms, &stats))
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s %s ",
				      (int)strcspn(a.url + 7, "?"), a.url + 7,
				      events[a.event]);
	return got;
}

#define DUE(t, now, want) \
	do { \
		const char *got_ = due(t, now); \
		CHECK(strcmp(got_, want) == 0, "due: %s", got_); \
	} while (0)

RIG_UNUSED static enum err_code answer(struct tracker *t, uint32_t tier,
				       const char *body, int64_t now_ms)
{
	return tracker_on_answer(t, &reply, tier, 200, (const uint8_t *)body,
				 strlen(body), now_ms, NULL);
}

RIG_UNUSED static void good(struct tracker *t, uint32_t tier, int64_t now_ms)
{
	CHECK(answer(t, tier, "d8:intervali600ee", now_ms) == ERR_NONE, "good");
}

RIG_UNUSED static void bad(struct tracker *t, uint32_t tier, int64_t now_ms)
{
	const struct err e = {.code = ERR_IO, .msg = "no route"};

	tracker_on_error(t, tier, &e, now_ms);
}

#endif
