/* Any order of what a torrent and its trackers do, with any answers: what is
 * asked is well formed, one at a time of a tier, and a stopped torrent ends. */
#include "base/bytes.h"
#include "wire/find/tracker.h"

#include <stdlib.h>
#include <string.h>

#define TIERS 4
#define STEPS 400

struct world {
	struct tracker *t;
	struct rd in;
	int64_t now;
	bool asking[TIERS];
};

static void add(struct world *w)
{
	static const char *const urls[] = {"http://a.example/announce",
					   "http://b.example/announce",
					   "https://c.example/x?key=1",
					   "udp://d.example:80/announce",
					   "nonsense",
					   "http://a.example/scrape"};
	uint8_t pick = rd_u8(&w->in);

	(void)!tracker_add(w->t, urls[pick % 6], pick / 6 % TIERS, NULL);
}

static void ask(struct world *w)
{
	uint8_t left = rd_u8(&w->in);
	const struct tracker_stats stats = {1, 2, left, left & 1};
	struct tracker_announce a;

	while (tracker_next(w->t, &a, w->now, &stats)) {
		if (a.tier >= TIERS || w->asking[a.tier] || !a.url[0] ||
		    !memchr(a.url, '\0', sizeof(a.url)))
			abort();
		w->asking[a.tier] = true;
	}
	if (tracker_wake_ms(w->t) < w->now)
		abort(); /* it would be asked without end */
}

static uint32_t some_asking(struct world *w)
{
	uint32_t from = rd_u8(&w->in) % TIERS;

	for (uint32_t i = 0; i < TIERS; i++)
		if (w->asking[(from + i) % TIERS])
			return (from + i) % TIERS;
	return TIERS;
}

static void answer(struct world *w)
{
	uint32_t tier = some_asking(w);
	int status = rd_u8(&w->in) % 4 ? 200 : 503;
	size_t len = rd_u8(&w->in);
	const uint8_t *body = rd_view(&w->in, len, 255);
	struct announce_reply reply;

	if (tier == TIERS || !body)
		return;
	w->asking[tier] = false;
	(void)!tracker_on_answer(w->t, &reply, tier, status, body, len, w->now,
				 NULL);
}

static void fail(struct world *w)
{
	const struct err why = {.code = ERR_IO, .msg = "no answer"};
	uint32_t tier = some_asking(w);

	if (tier == TIERS)
		return;
	w->asking[tier] = false;
	tracker_on_error(w->t, tier, &why, w->now);
}

static void look(const struct world *w)
{
	struct tracker_status s;

	for (uint32_t i = 0; i < tracker_count(w->t); i++) {
		tracker_status(w->t, i, &s);
		if (!s.url || s.tier >= TIERS || !s.error)
			abort();
	}
	(void)tracker_done(w->t);
}

static void step(struct world *w)
{
	switch (rd_u8(&w->in) % 10) {
	case 0:
		add(w);
		break;
	case 1:
		tracker_start(w->t, w->now);
		break;
	case 2:
		tracker_completed(w->t, w->now);
		break;
	case 3:
		tracker_stop(w->t, w->now);
		break;
	case 4:
		tracker_set_hungry(w->t, rd_u8(&w->in) & 1);
		break;
	case 5:
		w->now += rd_u16(&w->in) * INT64_C(100);
		break;
	case 6:
		answer(w);
		break;
	case 7:
		fail(w);
		break;
	case 8:
		look(w);
		break;
	case 9:
		break;
	}
	ask(w);
}

/* Every tier says `stopped` once, or gives up. */
static void end(struct world *w)
{
	const struct err why = {.code = ERR_IO, .msg = "no answer"};

	tracker_stop(w->t, w->now);
	for (int i = 0; i < 1000 && !tracker_done(w->t); i++) {
		ask(w);
		for (uint32_t tier = 0; tier < TIERS; tier++) {
			if (w->asking[tier])
				tracker_on_error(w->t, tier, &why, w->now);
			w->asking[tier] = false;
		}
		w->now += 60000;
	}
	if (!tracker_done(w->t))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tracker_cfg cfg = {.port = 6881, .rng = rng_seeded(1)};
	struct world w = {.in = rd_from(data, size), .now = 1000};

	if (tracker_new(&w.t, &cfg, NULL) != ERR_NONE)
		abort();
	for (int i = 0; i < STEPS && !w.in.bad; i++)
		step(&w);
	end(&w);
	tracker_free(w.t);
	return 0;
}
