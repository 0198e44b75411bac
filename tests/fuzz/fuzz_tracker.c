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
	bool in_line[TIERS]; /* perhaps not any more: after a stop */
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

static void line_up(struct world *w)
{
	struct tracker_due d;

	while (tracker_due(w->t, &d, w->now)) {
		if (d.tier >= TIERS || w->asking[d.tier] || !d.url[0])
			abort();
		w->in_line[d.tier] = true;
	}
	if (tracker_wake_ms(w->t) < w->now)
		abort(); /* it would be asked without end */
}

static void turn(struct world *w, uint32_t tier, uint8_t left)
{
	const struct tracker_stats stats = {1, 2, left, left & 1};
	struct tracker_announce a;

	if (!tracker_turn(w->t, &a, tier, w->now, &stats))
		return;
	if (a.tier != tier || !w->in_line[tier] || w->asking[tier] ||
	    !a.url[0] || !memchr(a.url, '\0', sizeof(a.url)))
		abort();
	w->in_line[tier] = false;
	w->asking[tier] = true;
}

static void ask(struct world *w)
{
	uint8_t left = rd_u8(&w->in);

	line_up(w);
	for (uint32_t tier = 0; tier < TIERS; tier++)
		if (!(left >> tier & 0x10))
			turn(w, tier, left);
	line_up(w); /* whose turn came and had nothing to say */
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

	if (tier == TIERS) /* in line it may fail, too */
		tier = rd_u8(&w->in) % TIERS;
	w->asking[tier] = w->in_line[tier] = false;
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
		line_up(w);
		for (uint32_t tier = 0; tier < TIERS; tier++) {
			turn(w, tier, 0);
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
