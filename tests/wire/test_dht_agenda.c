#include "wire/dht/agenda.h"

#include "tests/check.h"

#include <stdlib.h>

static struct agenda new_agenda(void)
{
	struct rng rng = rng_seeded(1);
	struct agenda a;

	agenda_init(&a, &rng);
	agenda_set_nodes(&a, AGENDA_SMALL);
	return a;
}

static void what_follows_a_run(void)
{
	static const struct {
		const char *name;
		enum agenda_need need;
		uint32_t answered;
		size_t peers;
		int64_t least;
	} rows[] = {
		{"a seed waits long", AGENDA_CALM, 8, 0, AGENDA_AGAIN_MS},
		{"hungry, with enough peers", AGENDA_HUNGRY, 8, AGENDA_FEW,
		 AGENDA_AGAIN_MS},
		{"hungry, with few", AGENDA_HUNGRY, 8, AGENDA_FEW - 1,
		 AGENDA_HUNGRY_MS},
		{"alone, and nobody was told", AGENDA_ALONE, 8, 0, 15000},
		{"alone, though many were told", AGENDA_ALONE, 8, 500, 15000},
		{"a seed of which few nodes know", AGENDA_CALM, 7, 0, 15000},
		{"nobody answered", AGENDA_HUNGRY, 0, 0, 15000},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agenda a = new_agenda();
		struct agenda_topic t = {0};

		agenda_add(&a, &t, 1000);
		CHECK(agenda_wake_ms(&a) == 1000, "%s: at once", rows[i].name);
		CHECK(agenda_next(&a, 1000) == &t, "%s: due", rows[i].name);
		CHECK(agenda_next(&a, 9000) == NULL, "%s: once", rows[i].name);
		agenda_set_need(&a, &t, rows[i].need);
		agenda_done(&a, &t, rows[i].answered, rows[i].peers, 2000);
		CHECK(agenda_wake_ms(&a) >= 2000 + rows[i].least &&
			      agenda_wake_ms(&a) <=
				      2000 + rows[i].least * 5 / 4,
		      "%s: %lld", rows[i].name, (long long)agenda_wake_ms(&a));
		agenda_add(&a, &t, 3000);
		CHECK(agenda_next(&a, 3000) == &t, "%s: asked for again",
		      rows[i].name);
		agenda_remove(&a, &t);
		agenda_remove(&a, &t);
		CHECK(agenda_wake_ms(&a) == INT64_MAX && a.running == 0,
		      "%s: gone", rows[i].name);
		agenda_done(&a, &t, 1, 1, 3000); /* it ended after all */
		CHECK(a.running == 0, "%s: counted once", rows[i].name);
	}
}

static int64_t run_once(struct agenda *a, struct agenda_topic *t,
			uint32_t answered, size_t peers)
{
	int64_t now = agenda_wake_ms(a);

	CHECK(agenda_next(a, now) == t, "due");
	agenda_done(a, t, answered, peers, now);
	return agenda_wake_ms(a) - now;
}

/* Rounds in a row: how long until the next, in seconds without what chance
 * adds. */
static void rounds_grow_rare(void)
{
	enum { ROUNDS = 8 };
	static const struct {
		const char *name;
		enum agenda_need need;
		uint32_t answered;
		size_t peers;
		int64_t least_s[ROUNDS];
	} rows[] = {
		{"alone, nobody told",
		 AGENDA_ALONE,
		 8,
		 0,
		 {15, 30, 60, 120, 240, 300, 300, 300}},
		{"alone, told of the dead",
		 AGENDA_ALONE,
		 8,
		 99,
		 {15, 30, 60, 120, 240, 300, 300, 300}},
		{"alone, of a small DHT",
		 AGENDA_ALONE,
		 2,
		 0,
		 {15, 30, 60, 120, 240, 300, 300, 300}},
		{"a seed in a small DHT",
		 AGENDA_CALM,
		 2,
		 0,
		 {15, 30, 60, 120, 240, 300, 1200, 1200}},
		{"a seed",
		 AGENDA_CALM,
		 8,
		 0,
		 {1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200}},
		{"alone, nobody answers",
		 AGENDA_ALONE,
		 0,
		 0,
		 {15, 30, 60, 60, 60, 60, 60, 60}},
		{"a seed whom nobody answers",
		 AGENDA_CALM,
		 0,
		 0,
		 {15, 30, 60, 60, 60, 60, 60, 60}},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agenda a = new_agenda();
		struct agenda_topic t = {.need = rows[i].need};

		agenda_add(&a, &t, 0);
		for (int k = 0; k < ROUNDS; k++) {
			int64_t least = rows[i].least_s[k] * 1000;
			int64_t wait = run_once(&a, &t, rows[i].answered,
						rows[i].peers);

			CHECK(wait >= least && wait <= least * 5 / 4,
			      "%s, round %d: %lld ms", rows[i].name, k,
			      (long long)wait);
		}
	}
}

/* It found somebody and waits; when they are gone it is due at once, but no
 * sooner each time than before. */
static void peers_that_come_and_go(void)
{
	struct agenda a = new_agenda();
	struct agenda_topic t = {.need = AGENDA_ALONE};
	int64_t now;

	agenda_add(&a, &t, 0);
	(void)run_once(&a, &t, 8, 99);
	agenda_set_need(&a, &t, AGENDA_HUNGRY);
	CHECK(agenda_wake_ms(&a) >= AGENDA_AGAIN_MS, "it has some");
	agenda_set_need(&a, &t, AGENDA_ALONE);
	CHECK(agenda_wake_ms(&a) <= 15000 * 5 / 4, "alone again");
	CHECK(run_once(&a, &t, 8, 99) >= 30000, "the pace that it had");
	agenda_set_need(&a, &t, AGENDA_HUNGRY);
	now = agenda_wake_ms(&a);
	CHECK(now >= AGENDA_AGAIN_MS, "it has some again");
	(void)run_once(&a, &t, 8, 99);
	agenda_set_need(&a, &t, AGENDA_ALONE);
	CHECK(agenda_wake_ms(&a) <= now + 15000 * 5 / 4,
	      "after a round that it had some at, it begins anew");
}

/* A thousand of which nobody has heard are asked for as fast as may be; one
 * that is added is next. */
static void who_never_ran_is_next(void)
{
	enum { N = 1000 };
	struct agenda a = new_agenda();
	struct agenda_topic *topics = calloc(N, sizeof(*topics));
	struct agenda_topic fresh = {.need = AGENDA_ALONE};
	int64_t now = 0;
	int begun = 0;

	if (!topics)
		abort();
	for (int i = 0; i < N; i++) {
		topics[i].need = AGENDA_ALONE;
		agenda_add(&a, &topics[i], 0);
	}
	for (; now < 400 * 1000; now += AGENDA_STEP_MS) {
		struct agenda_topic *t = agenda_next(&a, now);

		if (t)
			agenda_done(&a, t, 8, 0, now);
		begun += t != NULL;
	}
	for (int i = 0; i < N; i++)
		CHECK(topics[i].ran, "%d was never looked up", i);
	CHECK(begun <= 2000, "%d in 400 s", begun);
	agenda_add(&a, &fresh, now);
	CHECK(agenda_next(&a, now) == &fresh, "others were before it");
	free(topics);
}

/* Five thousand at once, of which each takes two seconds: one begins each fifth
 * of a second, never more than 12 run at a time. */
static void thousands_are_spread(void)
{
	enum { N = 5000 };
	struct agenda a = new_agenda();
	struct agenda_topic *topics = calloc(N, sizeof(*topics));
	struct agenda_topic *running[AGENDA_AT_ONCE] = {NULL};
	int64_t ends[AGENDA_AT_ONCE] = {0};
	uint32_t begun = 0, this_second = 0;
	struct agenda_topic *t;

	if (!topics)
		abort();
	for (int i = 0; i < N; i++)
		agenda_add(&a, &topics[i], 0);
	for (int64_t now = 0; now < 1000 * 1000 + 1; now += 50) {
		if (now % 1000 == 0) {
			CHECK(this_second <= 5, "%u in one second",
			      this_second);
			this_second = 0;
		}
		for (uint32_t i = 0; i < AGENDA_AT_ONCE; i++)
			if (running[i] && ends[i] <= now) {
				agenda_done(&a, running[i], 8, 0, now);
				running[i] = NULL;
			}
		while ((t = agenda_next(&a, now))) {
			uint32_t i = 0;

			while (i < AGENDA_AT_ONCE && running[i])
				i++;
			CHECK(i < AGENDA_AT_ONCE, "too many at a time");
			running[i] = t;
			ends[i] = now + 2000;
			begun++;
			this_second++;
		}
		CHECK(a.running <= AGENDA_AT_ONCE, "%u run", a.running);
	}
	CHECK(begun >= N - 50 && begun <= N + 1, "%u begun in 1,000 s", begun);
	free(topics);
}

/* Those that take long are waited for. */
static void so_many_at_a_time(void)
{
	struct agenda a = new_agenda();
	struct agenda_topic t[2 * AGENDA_AT_ONCE] = {{0}};
	uint32_t begun = 0;

	for (size_t i = 0; i < ROWS(t); i++)
		agenda_add(&a, &t[i], 0);
	for (int64_t now = 0; now < 60000; now += 100)
		begun += agenda_next(&a, now) != NULL;
	CHECK(begun == AGENDA_AT_ONCE, "%u are begun", begun);
	CHECK(agenda_wake_ms(&a) == INT64_MAX, "nothing to be woken for");
}

static int64_t least_of(const struct agenda_topic *t, size_t n, bool ran)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		int64_t due =
			t[i].need == AGENDA_ALONE ? t[i].early_ms : t[i].due_ms;

		if (t[i].listed && !t[i].running && t[i].ran == ran &&
		    due < least)
			least = due;
	}
	return least;
}

/* Against a look at all of them: three thousand steps in which topics come, go,
 * run, find peers and lose them, and are asked for again. */
static void who_waited_longest_comes_first(void)
{
	enum { N = 200 };
	struct agenda a = new_agenda();
	struct agenda_topic t[N] = {{0}};
	struct rng rng = rng_seeded(7);
	unsigned begun = 0;

	for (int64_t now = 0; now < 3000 * 1000; now += 1000) {
		struct agenda_topic *some = &t[rng_below(&rng, N)], *next;
		int64_t least, due;

		agenda_set_need(&a, &t[rng_below(&rng, N)],
				(enum agenda_need)rng_below(&rng, 3));
		if (rng_below(&rng, 3) == 0)
			agenda_remove(&a, some);
		else if (rng_below(&rng, 2))
			agenda_add(&a, some, now);
		least = least_of(t, N, false);
		if (least == INT64_MAX)
			least = least_of(t, N, true);
		CHECK(agenda_wake_ms(&a) ==
			      (least > a.next_ms || least == INT64_MAX
				       ? least
				       : a.next_ms),
		      "the first is known at %lld", (long long)now);
		next = agenda_next(&a, now);
		due = !next			   ? 0
		      : next->need == AGENDA_ALONE ? next->early_ms
						   : next->due_ms;
		CHECK((next != NULL) == (least <= now) &&
			      (!next || due == least),
		      "the first comes at %lld", (long long)now);
		if (next) {
			begun++;
			agenda_done(&a, next, 8, 0, now);
		}
	}
	CHECK(begun > 1000, "%u", begun);
}

int main(void)
{
	what_follows_a_run();
	rounds_grow_rare();
	peers_that_come_and_go();
	who_never_ran_is_next();
	thousands_are_spread();
	so_many_at_a_time();
	who_waited_longest_comes_first();
	return CHECK_EXIT();
}
