#include "wire/swarm/rate.h"

#include "tests/check.h"

#define FLOWS 6
#define BLOCK 16384

struct user {
	struct rate_flow flow;
	uint64_t got;
	unsigned woken;
	bool wants;
};

struct world {
	struct rate *rate;
	struct user users[FLOWS];
	unsigned asked;
};

static void on_wake(void *ctx, int64_t now_ms)
{
	(void)now_ms;
	((struct user *)ctx)->woken++;
}

static void on_want_tick(void *ctx)
{
	((struct world *)ctx)->asked++;
}

static void begin(struct world *w)
{
	*w = (struct world){.rate = rate_new()};
	rate_on_want_tick(w->rate, on_want_tick, w);
	for (unsigned i = 0; i < FLOWS; i++)
		rate_flow_init(&w->users[i].flow, RATE_UP, on_wake,
			       &w->users[i]);
}

static void end(struct world *w)
{
	for (unsigned i = 0; i < FLOWS; i++)
		rate_flow_clear(w->rate, &w->users[i].flow);
	rate_free(w->rate);
}

/* Everybody who wants takes blocks whenever it may. */
static void play(struct world *w, int64_t from, int64_t ms)
{
	for (int64_t t = from; t < from + ms; t += RATE_TICK_MS) {
		(void)rate_tick(w->rate, t);
		for (unsigned i = 0; i < FLOWS; i++) {
			struct user *u = &w->users[i];

			while (u->wants && u->got < (1ULL << 40) &&
			       rate_take(w->rate, &u->flow)) {
				rate_spend(w->rate, &u->flow, BLOCK);
				u->got += BLOCK;
			}
		}
	}
}

static void limits_are_shared_as_promised(void)
{
	static const struct {
		const char *name;
		uint64_t limit;
		struct {
			bool wants;
			bool paid;
			uint64_t weight;
			unsigned percent;
		} users[FLOWS];
	} rows[] = {
		{"one alone has all", 1000000, {{true, false, 0, 100}}},
		{"one that pays, alone, has all",
		 1000000,
		 {{true, true, 5, 100}}},
		{"free ones share evenly",
		 1000000,
		 {{true, false, 0, 50}, {true, false, 9, 50}}},
		{"a quarter stays free",
		 1000000,
		 {{true, true, 1000, 75}, {true, false, 0, 25}}},
		{"paid by weight, free evenly",
		 4000000,
		 {{true, true, 3, 56},
		  {true, true, 1, 19},
		  {true, false, 0, 12},
		  {true, false, 0, 13}}},
		{"weights up to 2^64",
		 1000000,
		 {{true, true, UINT64_MAX, 50}, {true, true, UINT64_MAX, 50}}},
		{"a limit smaller than a block a second",
		 5000,
		 {{true, false, 0, 50}, {true, false, 0, 50}}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w;
		uint64_t sum = 0, all = rows[i].limit * 100;

		begin(&w);
		rate_set_limit(w.rate, RATE_UP, rows[i].limit);
		for (unsigned j = 0; j < FLOWS; j++) {
			w.users[j].wants = rows[i].users[j].wants;
			rate_flow_set(w.rate, &w.users[j].flow,
				      rows[i].users[j].paid ? RATE_PAID
							    : RATE_FREE,
				      rows[i].users[j].weight);
		}
		play(&w, 1000, 100000);
		for (unsigned j = 0; j < FLOWS; j++) {
			uint64_t want = all * rows[i].users[j].percent / 100;
			uint64_t got = w.users[j].got;

			sum += got;
			CHECK(got + all / 50 + BLOCK >= want &&
				      got <= want + all / 50 + BLOCK,
			      "%s: user %u got %llu, want %llu", rows[i].name,
			      j, (unsigned long long)got,
			      (unsigned long long)want);
		}
		CHECK(sum <= all + FLOWS * BLOCK && sum + all / 50 >= all,
		      "%s: %llu in all", rows[i].name, (unsigned long long)sum);
		end(&w);
	}
}

/* 100 s of it; a class's own limit, 0: none. */
static void classes_have_limits_of_their_own(void)
{
	static const struct {
		const char *name;
		uint64_t all, free, paid, rent;
		/* KB/s: free, paid, rent; 0: all it wants */
		uint64_t want[RATE_CLASSES];
	} rows[] = {
		{"none for all, one for who does not pay",
		 0,
		 200000,
		 0,
		 0,
		 {200, 0, 0}},
		{"a class under its share: the others have the rest",
		 1000000,
		 50000,
		 0,
		 0,
		 {50, 825, 125}},
		{"who pays under theirs",
		 1000000,
		 0,
		 100000,
		 0,
		 {125, 100, 775}},
		{"all of them under what there is",
		 1000000,
		 100000,
		 200000,
		 300000,
		 {100, 200, 300}},
		{"limits over what there is change nothing",
		 1000000,
		 5000000,
		 5000000,
		 5000000,
		 {125, 750, 125}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const uint64_t limit[] = {rows[i].free, rows[i].paid,
					  rows[i].rent};
		struct world w;

		begin(&w);
		rate_set_limit(w.rate, RATE_UP, rows[i].all);
		for (unsigned c = 0; c < RATE_CLASSES; c++) {
			rate_set_class_limit(w.rate, RATE_UP,
					     (enum rate_class)c, limit[c]);
			rate_flow_set(w.rate, &w.users[c].flow,
				      (enum rate_class)c, 1);
			w.users[c].wants = true;
		}
		play(&w, 1000, 100000);
		for (unsigned c = 0; c < RATE_CLASSES; c++) {
			uint64_t want = rows[i].want[c] * 100000;
			uint64_t got = w.users[c].got;

			if (!want)
				want = 1ULL << 40; /* where play() ends */
			CHECK(got + want / 50 + BLOCK >= want &&
				      got <= want + want / 50 + 2 * BLOCK,
			      "%s: class %u got %llu", rows[i].name, c,
			      (unsigned long long)got);
		}
		end(&w);
	}
}

static void who_is_let_off_has_no_limit(void)
{
	struct world w;

	begin(&w);
	rate_set_limit(w.rate, RATE_UP, 1000);
	CHECK(!rate_take(w.rate, &w.users[0].flow), "limited");
	rate_flow_let_off(w.rate, &w.users[0].flow, true);
	CHECK(rate_take(w.rate, &w.users[0].flow) &&
		      rate_quota(w.rate, &w.users[0].flow) == SIZE_MAX,
	      "not let off");
	rate_spend(w.rate, &w.users[0].flow, 1000000);
	rate_flow_let_off(w.rate, &w.users[0].flow, false);
	CHECK(!rate_take(w.rate, &w.users[0].flow), "limited again");
	(void)rate_tick(w.rate, 5);
	CHECK(w.users[0].woken == 1, "no debt was made meanwhile");
	end(&w);
}

static void no_limit_asks_nobody(void)
{
	struct world w;

	begin(&w);
	CHECK(rate_take(w.rate, &w.users[0].flow), "refused");
	CHECK(rate_quota(w.rate, &w.users[0].flow) == SIZE_MAX, "quota");
	CHECK(rate_take(NULL, &w.users[0].flow), "without a rate");
	CHECK(rate_tick(w.rate, 5) == INT64_MAX && w.asked == 0, "ticks");
	end(&w);
}

static void a_pause_makes_no_burst(void)
{
	struct world w;
	uint64_t before;

	begin(&w);
	rate_set_limit(w.rate, RATE_UP, 1000000);
	w.users[0].wants = true;
	play(&w, 0, 1000);
	before = w.users[0].got;
	w.users[0].wants = false;
	rate_idle(w.rate, &w.users[0].flow);
	w.users[0].wants = true;
	play(&w, 100000, 200);
	CHECK(w.users[0].got - before <= 400000, "burst of %llu",
	      (unsigned long long)(w.users[0].got - before));
	end(&w);
}

static void waiting_flows_are_woken(void)
{
	struct world w;

	begin(&w);
	rate_set_limit(w.rate, RATE_UP, 1000000);
	w.asked = 0;
	CHECK(!rate_take(w.rate, &w.users[0].flow), "credit out of nothing");
	CHECK(w.asked == 1, "no tick asked for");
	CHECK(rate_tick(w.rate, 100) == INT64_MAX && w.users[0].woken == 1,
	      "not woken");
	rate_spend(w.rate, &w.users[0].flow, 100000);
	CHECK(!rate_take(w.rate, &w.users[0].flow), "debt was forgotten");
	CHECK(rate_tick(w.rate, 120) == 140 && w.users[0].woken == 1,
	      "woken in debt");
	rate_set_limit(w.rate, RATE_UP, 0);
	(void)rate_tick(w.rate, 121);
	CHECK(w.users[0].woken == 2, "not woken when the limit goes");
	end(&w);
}

static void a_flow_that_changes_class_keeps_waiting(void)
{
	struct world w;

	begin(&w);
	rate_set_limit(w.rate, RATE_UP, 1000000);
	(void)rate_take(w.rate, &w.users[0].flow);
	(void)rate_take(w.rate, &w.users[1].flow);
	rate_flow_set(w.rate, &w.users[0].flow, RATE_PAID, 7);
	rate_flow_clear(w.rate, &w.users[1].flow);
	(void)rate_tick(w.rate, 20);
	CHECK(w.users[0].woken == 1 && w.users[1].woken == 0, "woken %u %u",
	      w.users[0].woken, w.users[1].woken);
	end(&w);
}

int main(void)
{
	limits_are_shared_as_promised();
	classes_have_limits_of_their_own();
	who_is_let_off_has_no_limit();
	no_limit_asks_nobody();
	a_pause_makes_no_burst();
	waiting_flows_are_woken();
	a_flow_that_changes_class_keeps_waiting();
	return CHECK_EXIT();
}
