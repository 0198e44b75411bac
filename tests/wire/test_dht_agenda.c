#include "wire/dht/agenda.h"

#include "tests/check.h"

#include <stdlib.h>

static struct agenda new_agenda(void)
{
	struct rng rng = rng_seeded(1);
	struct agenda a;

	agenda_init(&a, &rng);
	return a;
}

static void what_follows_a_run(void)
{
	static const struct {
		const char *name;
		bool hungry;
		uint32_t answered;
		size_t peers;
		int64_t least;
	} rows[] = {
		{"a seed waits long", false, 8, 0, AGENDA_AGAIN_MS},
		{"hungry, with enough peers", true, 8, AGENDA_FEW,
		 AGENDA_AGAIN_MS},
		{"hungry, with few", true, 8, AGENDA_FEW - 1, AGENDA_HUNGRY_MS},
		{"nobody answered", true, 0, 0, AGENDA_RETRY_MS},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct agenda a = new_agenda();
		struct agenda_topic t = {0};

		agenda_add(&a, &t, 1000);
		CHECK(agenda_wake_ms(&a) == 1000, "%s: at once", rows[i].name);
		CHECK(agenda_next(&a, 1000) == &t, "%s: due", rows[i].name);
		CHECK(agenda_next(&a, 9000) == NULL, "%s: once", rows[i].name);
		agenda_set_hungry(&t, rows[i].hungry);
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

/* Against a look at all of them: a thousand steps in which topics come, go,
 * run, and are asked for again. */
static void who_waited_longest_comes_first(void)
{
	enum { N = 200 };
	struct agenda a = new_agenda();
	struct agenda_topic t[N] = {{0}};
	struct rng rng = rng_seeded(7);
	unsigned begun = 0;

	for (int64_t now = 0; now < 3000 * 1000; now += 1000) {
		struct agenda_topic *some = &t[rng_below(&rng, N)], *next;
		int64_t least = INT64_MAX;

		if (rng_below(&rng, 3) == 0)
			agenda_remove(&a, some);
		else if (rng_below(&rng, 2))
			agenda_add(&a, some, now);
		for (int i = 0; i < N; i++)
			if (t[i].listed && !t[i].running && t[i].due_ms < least)
				least = t[i].due_ms;
		CHECK(agenda_wake_ms(&a) ==
			      (least > a.next_ms || least == INT64_MAX
				       ? least
				       : a.next_ms),
		      "the first is known at %lld", (long long)now);
		next = agenda_next(&a, now);
		CHECK((next != NULL) == (least <= now) &&
			      (!next || next->due_ms == least),
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
	thousands_are_spread();
	so_many_at_a_time();
	who_waited_longest_comes_first();
	return CHECK_EXIT();
}
