/* settle_world.h - a settle with a book in memory and the model of the bank,
 * for tests of its journeys. */
#ifndef TESTS_LEDGER_SETTLE_WORLD_H
#define TESTS_LEDGER_SETTLE_WORLD_H

#include "base/rng.h"
#include "ledger/settle/settle.h"
#include "tests/check.h"
#include "tests/ledger/model_chain.h"

struct world {
	struct model m;
	struct loop *loop;
	struct loop_timer *turn;
	struct book *book;
	struct settle *s;
	struct profile profile;
	struct settle_config cfg;
	bool done;
	struct settle_result r;
	struct settle_plan plan;
	struct settle_bank bank;
	struct err e;
	unsigned findings, facts;
	char what[200];
	unsigned steps[16];
};

FAKE_FN int64_t fixed_time(void)
{
	return 1000000;
}

FAKE_FN void on_turn(void *ctx)
{
	loop_stop(((struct world *)ctx)->loop);
}

/* One turn of the loop, so that timers that are due fire. */
FAKE_FN void turn(struct world *w)
{
	loop_timer_set(w->turn, 1);
	loop_run(w->loop);
}

FAKE_FN void on_facts(void *ctx)
{
	((struct world *)ctx)->facts++;
}

FAKE_FN void start(struct world *w)
{
	struct err e = {0};

	w->cfg.on_facts = on_facts;
	w->cfg.ctx = w;
	CHECK(settle_new(&w->s, w->loop, &w->m.f.ch, w->book, &w->profile,
			 &w->cfg, NULL, &e) == ERR_NONE,
	      "%s", e.msg);
}

FAKE_FN void world_open(struct world *w)
{
	struct err e = {0};

	*w = (struct world){.loop = loop_new(NULL)};
	model_init(&w->m);
	w->turn = loop_timer_new(w->loop, on_turn, w);
	CHECK(profile_find(&w->profile, "local-evm", &e) == ERR_NONE, "%s",
	      e.msg);
	w->profile.has_bank = true;
	w->profile.bank = w->m.bank;
	w->profile.token = w->m.token;
	w->profile.has_token = true;
	CHECK(book_open(&w->book, ":memory:", &w->m.accounts[0].who, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
	w->cfg = (struct settle_config){.me = w->m.accounts[0].who,
					.price = settle_price_same(),
					.fee_share = 2,
					.unix_s = fixed_time,
					.poll_ms = 1};
	start(w);
}

FAKE_FN void world_close(struct world *w)
{
	settle_free(w->s);
	book_close(w->book);
	model_clear(&w->m);
	loop_timer_free(w->turn);
	loop_free(w->loop);
}

/* A kill: memory is gone, what was not committed too; the chain goes on. */
FAKE_FN void kill_and_restart(struct world *w)
{
	settle_free(w->s);
	book_rollback(w->book);
	(void)!book_commit(w->book, NULL); /* the next turn begins */
	start(w);
}

FAKE_FN void on_step(void *ctx, const struct settle_step *st)
{
	((struct world *)ctx)->steps[st->step]++;
}

FAKE_FN void on_done(void *ctx, const struct settle_result *r,
		     const struct err *e)
{
	struct world *w = ctx;

	w->done = true;
	w->r = *r;
	w->e = e ? *e : (struct err){0};
}

FAKE_FN void on_bank(void *ctx, const struct settle_bank *b,
		     const struct err *e)
{
	struct world *w = ctx;

	w->done = true;
	w->bank = b ? *b : (struct settle_bank){0};
	w->e = e ? *e : (struct err){0};
}

FAKE_FN void on_plan(void *ctx, const struct settle_plan *p,
		     const struct err *e)
{
	struct world *w = ctx;

	w->done = true;
	w->plan = p ? *p : (struct settle_plan){0};
	w->e = e ? *e : (struct err){0};
}

FAKE_FN void on_refreshed(void *ctx, const struct err *e)
{
	struct world *w = ctx;

	w->done = true;
	w->e = e ? *e : (struct err){0};
}

FAKE_FN void on_finding(void *ctx, const char *what)
{
	struct world *w = ctx;

	(void)snprintf(w->what, sizeof(w->what), "%s", what);
}

FAKE_FN void on_chain(void *ctx, const struct book_chain *c,
		      const struct err *e)
{
	struct world *w = ctx;

	w->done = true;
	w->e = e ? *e : (struct err){0};
	if (!e)
		CHECK(book_check_chain(w->book, c, on_finding, w, &w->findings,
				       NULL) == ERR_NONE,
		      "check");
}

/* Answers everything until the journey is over. */
FAKE_FN bool finish(struct world *w)
{
	for (int i = 0; i < 3000 && !w->done; i++)
		if (!model_answer(&w->m))
			turn(w);
	return w->done && w->e.code == ERR_NONE;
}

FAKE_FN void begin(struct world *w)
{
	w->done = false;
	w->e = (struct err){0};
	w->findings = 0;
	memset(w->steps, 0, sizeof(w->steps));
}

FAKE_FN void books_agree(struct world *w, const char *when)
{
	begin(w);
	settle_refresh(w->s, on_refreshed, w);
	CHECK(finish(w), "%s: refresh: %s", when, w->e.msg);
	CHECK(book_check(w->book, NULL, on_finding, w, &w->findings, NULL) ==
			      ERR_NONE &&
		      w->findings == 0,
	      "%s: itself: %s", when, w->what);
	begin(w);
	settle_read_chain(w->s, on_chain, w);
	CHECK(finish(w) && w->findings == 0, "%s: chain: %s %s", when, w->e.msg,
	      w->what);
}

/* Killed after so many answers; then all that was begun ends. */
FAKE_FN void kill_after_answers(struct world *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!model_answer(&w->m))
			turn(w);
	kill_and_restart(w);
	for (int i = 0; i < 3000 && settle_pending(w->s, 0); i++)
		if (!model_answer(&w->m))
			turn(w);
	CHECK(!settle_pending(w->s, 0), "pending, killed after %u", n);
	books_agree(w, "after the kill");
}

#endif
