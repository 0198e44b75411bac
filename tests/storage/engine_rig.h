/* engine_rig.h - what the tests of upload, download and repair drive an engine
 * with: the hosts of town.h, a worker, and time that goes on when nothing else
 * can happen.
 *
 * A test's own rig begins with a struct engine, so that it and its engine_*()
 * may stand in the ops of what is tested.
 */
#ifndef TESTS_STORAGE_ENGINE_RIG_H
#define TESTS_STORAGE_ENGINE_RIG_H

#include "base/loop.h"
#include "base/work.h"
#include "storage/rent/download.h"
#include "storage/rent/upload.h"
#include "tests/storage/town.h"

struct engine {
	struct town town;
	struct loop *loop;
	struct work *work;
	struct loop_timer *look;
	/* what was seen */
	bool ended, freed;
	struct err why;
};

TOWN_UNUSED static void engine_stop_loop(void *ctx)
{
	loop_stop(((struct engine *)ctx)->loop);
}

TOWN_UNUSED static void engine_init(struct engine *g)
{
	g->loop = loop_new(NULL);
	g->work = work_new(g->loop, 1, NULL);
	g->look = loop_timer_new(g->loop, engine_stop_loop, g);
}

TOWN_UNUSED static void engine_clear(struct engine *g)
{
	loop_timer_free(g->look);
	work_free(g->work);
	loop_free(g->loop);
	town_clear(&g->town);
}

TOWN_UNUSED static void engine_run_jobs(struct engine *g)
{
	while (work_pending(g->work)) {
		loop_timer_set(g->look, 1);
		loop_run(g->loop);
	}
}

/* On to when a host answers or the engine wants to be called; false: nothing
 * will happen any more. */
TOWN_UNUSED static bool engine_wait(struct engine *g, int64_t engine_ms)
{
	int64_t next = town_next_ms(&g->town);

	if (engine_ms < next)
		next = engine_ms;
	if (next == INT64_MAX)
		return false;
	if (next > g->town.now_ms)
		g->town.now_ms = next;
	return true;
}

/* After the engine was freed. */
TOWN_UNUSED static void engine_check_freed(struct engine *g)
{
	engine_run_jobs(g);
	CHECK(g->freed, "freed");
}

TOWN_UNUSED static void engine_check_cancelled(const struct engine *g)
{
	for (unsigned i = 0; i < TOWN_ASKED; i++)
		CHECK(!g->town.asks[i].open, "all is cancelled");
}

/* --- ops --- */

TOWN_UNUSED static struct town_ask *
engine_ask_read(struct engine *g, const struct address *host,
		const struct hash32 *root, uint32_t off, uint32_t len,
		uint8_t *buf, uint64_t cookie)
{
	struct town_ask *a = town_ask(&g->town, host, cookie);

	a->root = *root;
	a->off = off;
	a->len = len;
	a->buf = buf;
	return a;
}

TOWN_UNUSED static struct town_ask *
engine_ask_put(struct engine *g, const struct address *host,
	       const struct hash32 *root, const uint8_t *data, uint64_t cookie)
{
	struct town_ask *a = town_ask(&g->town, host, cookie);

	a->root = *root;
	a->data = data;
	return a;
}

TOWN_UNUSED static void engine_cancel(void *ctx, const struct address *host,
				      uint64_t cookie)
{
	town_cancel(&((struct engine *)ctx)->town, host, cookie);
}

TOWN_UNUSED static void engine_ended(void *ctx, const struct err *why)
{
	struct engine *g = ctx;

	CHECK(!g->ended, "once");
	g->ended = true;
	g->why = *why;
}

TOWN_UNUSED static void engine_freed(void *ctx)
{
	((struct engine *)ctx)->freed = true;
}

/* --- what a host does --- */

/* With what it was sent. False: it does not keep it, *no says why; `refuses` is
 * what one says that REFUSES. */
TOWN_UNUSED static bool engine_put(struct engine *g, const struct town_ask *a,
				   enum upload_no refuses, enum upload_no *no)
{
	struct town_host *h = &g->town.hosts[a->host];

	*no = UPLOAD_GONE;
	switch (h->habit) {
	case HABIT_GOOD:
	case HABIT_LIAR:
	case HABIT_FORGOT:
		town_keep(&g->town, a->host, &a->root, a->data);
		return true;
	case HABIT_REFUSES:
		*no = refuses;
		break;
	case HABIT_BUSY:
		h->habit = HABIT_GOOD;
		*no = upload_no_of(RENT_NO_BUSY);
		break;
	case HABIT_PARKED:
		*no = upload_no_of(RENT_NO_STAGE);
		break;
	case HABIT_GONE:
	case HABIT_SILENT:
		break;
	}
	return false;
}

/* With what it is asked for: likewise. Where it fails the buffer has been
 * written to all the same. */
TOWN_UNUSED static bool engine_read(struct engine *g, const struct town_ask *a,
				    enum download_no refuses,
				    enum download_no *no)
{
	struct town_host *h = &g->town.hosts[a->host];

	*no = DOWNLOAD_GONE;
	switch (h->habit) {
	case HABIT_GOOD:
	case HABIT_PARKED:
	case HABIT_LIAR:
		*no = download_no_of(RENT_NO_LOST);
		if (!town_sector(&g->town, a->host, &a->root))
			break;
		if (town_fill(&g->town, a))
			return true;
		*no = DOWNLOAD_LIED;
		break;
	case HABIT_FORGOT:
		*no = download_no_of(RENT_NO_LOST);
		break;
	case HABIT_REFUSES:
		*no = refuses;
		break;
	case HABIT_BUSY:
		h->habit = HABIT_GOOD;
		*no = download_no_of(RENT_NO_BUSY);
		break;
	case HABIT_GONE:
	case HABIT_SILENT:
		break;
	}
	memset(a->buf, 0x55, a->len);
	return false;
}

#endif
