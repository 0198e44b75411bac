#include "wire/dht/agenda.h"

static const uint32_t soon_ms[AGENDA_STEPS] = {
	15 * 1000,     30 * 1000,     60 * 1000,
	2 * 60 * 1000, 4 * 60 * 1000, AGENDA_HUNGRY_MS,
};

void agenda_init(struct agenda *a, const struct rng *rng)
{
	*a = (struct agenda){.rng = *rng};
}

/* --- a pairing heap of those that wait -------------------------------------
 */

static int64_t due_of(const struct agenda_topic *t)
{
	return t->need == AGENDA_ALONE ? t->early_ms : t->due_ms;
}

/* Who never ran is due since it was added. */
static bool before(const struct agenda_topic *a, const struct agenda_topic *b)
{
	return a->ran != b->ran ? b->ran : due_of(a) < due_of(b);
}

/* Two roots become one; either may be NULL. */
static struct agenda_topic *meld(struct agenda_topic *a, struct agenda_topic *b)
{
	if (!a || !b)
		return a ? a : b;
	if (before(b, a)) {
		struct agenda_topic *sooner = b;

		b = a;
		a = sooner;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

static struct agenda_topic *cut_first(struct agenda_topic **list)
{
	struct agenda_topic *t = *list;

	if (t) {
		*list = t->next;
		t->next = t->prev = NULL;
	}
	return t;
}

/* Siblings become one, first by pairs: so each step is log n in the mean. */
static struct agenda_topic *meld_all(struct agenda_topic *list)
{
	struct agenda_topic *pairs = NULL, *root = NULL, *t;

	while ((t = cut_first(&list))) {
		t = meld(t, cut_first(&list));
		t->next = pairs;
		pairs = t;
	}
	while ((t = cut_first(&pairs)))
		root = meld(root, t);
	return root;
}

static void put_in(struct agenda *a, struct agenda_topic *t)
{
	a->waiting = meld(a->waiting, t);
}

static void take_out(struct agenda *a, struct agenda_topic *t)
{
	struct agenda_topic *children = meld_all(t->child);

	t->child = NULL;
	if (t == a->waiting) {
		a->waiting = children;
		return;
	}
	*(t->prev->child == t ? &t->prev->child : &t->prev->next) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	a->waiting = meld(a->waiting, children);
}

/* --- topics ----------------------------------------------------------------
 */

void agenda_add(struct agenda *a, struct agenda_topic *t, int64_t now_ms)
{
	if (t->running)
		return;
	if (t->listed)
		take_out(a, t);
	t->listed = true;
	t->due_ms = t->early_ms = now_ms;
	put_in(a, t);
}

void agenda_remove(struct agenda *a, struct agenda_topic *t)
{
	if (!t->listed)
		return;
	if (t->running)
		a->running--;
	else
		take_out(a, t);
	t->listed = t->running = false;
}

void agenda_set_need(struct agenda *a, struct agenda_topic *t,
		     enum agenda_need need)
{
	const bool waits = t->listed && !t->running;

	if (t->need == need)
		return;
	if (waits)
		take_out(a, t);
	t->need = need;
	if (waits)
		put_in(a, t);
}

void agenda_set_nodes(struct agenda *a, size_t nodes)
{
	a->nodes = nodes;
}

struct agenda_topic *agenda_next(struct agenda *a, int64_t now_ms)
{
	struct agenda_topic *t = a->waiting;

	if (a->running == AGENDA_AT_ONCE || now_ms < a->next_ms || !t ||
	    due_of(t) > now_ms)
		return NULL;
	take_out(a, t);
	t->running = t->ran = true;
	a->running++;
	a->next_ms = now_ms + (a->nodes < AGENDA_SMALL ? AGENDA_SMALL_STEP_MS
						       : AGENDA_STEP_MS);
	return t;
}

/* How long until it is looked up again soon, if it is. */
static uint32_t soon_of(struct agenda_topic *t, bool few)
{
	uint32_t step;

	if (!few && t->need != AGENDA_ALONE) {
		t->step = 0;
		return soon_ms[0];
	}
	step = t->step;
	if (t->step < AGENDA_STEPS)
		t->step++;
	return soon_ms[step < AGENDA_STEPS ? step : AGENDA_STEPS - 1];
}

void agenda_done(struct agenda *a, struct agenda_topic *t, uint32_t answered,
		 size_t peers, int64_t now_ms)
{
	const bool few = answered < AGENDA_FEW_NODES;
	const bool again = few && t->step < AGENDA_STEPS;
	uint32_t wait = AGENDA_AGAIN_MS, early;

	if (!t->running)
		return;
	t->running = false;
	a->running--;
	if (answered == 0)
		wait = AGENDA_RETRY_MS;
	else if (t->need != AGENDA_CALM && peers < AGENDA_FEW)
		wait = AGENDA_HUNGRY_MS;
	early = soon_of(t, few);
	if (early > wait)
		early = wait;
	if (again)
		wait = early;
	t->due_ms = now_ms + wait + rng_below(&a->rng, wait / 4);
	t->early_ms = now_ms + early + rng_below(&a->rng, early / 4);
	if (t->early_ms > t->due_ms)
		t->early_ms = t->due_ms;
	put_in(a, t);
}

int64_t agenda_wake_ms(const struct agenda *a)
{
	const struct agenda_topic *t = a->waiting;

	if (!t || a->running == AGENDA_AT_ONCE)
		return INT64_MAX;
	return due_of(t) > a->next_ms ? due_of(t) : a->next_ms;
}
