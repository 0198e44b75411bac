#include "wire/dht/agenda.h"

void agenda_init(struct agenda *a, const struct rng *rng)
{
	*a = (struct agenda){.rng = *rng};
}

void agenda_add(struct agenda *a, struct agenda_topic *t, int64_t now_ms)
{
	if (!t->running)
		t->due_ms = now_ms;
	if (t->listed)
		return;
	t->listed = true;
	t->prev = NULL;
	t->next = a->topics;
	if (t->next)
		t->next->prev = t;
	a->topics = t;
}

void agenda_remove(struct agenda *a, struct agenda_topic *t)
{
	if (!t->listed)
		return;
	*(t->prev ? &t->prev->next : &a->topics) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	a->running -= t->running;
	t->listed = t->running = false;
}

void agenda_set_hungry(struct agenda_topic *t, bool hungry)
{
	t->hungry = hungry;
}

static struct agenda_topic *first(const struct agenda *a)
{
	struct agenda_topic *best = NULL;

	for (struct agenda_topic *t = a->topics; t; t = t->next)
		if (!t->running && (!best || t->due_ms < best->due_ms))
			best = t;
	return best;
}

struct agenda_topic *agenda_next(struct agenda *a, int64_t now_ms)
{
	struct agenda_topic *t;

	if (a->running == AGENDA_AT_ONCE || now_ms < a->next_ms)
		return NULL;
	t = first(a);
	if (!t || t->due_ms > now_ms)
		return NULL;
	t->running = true;
	a->running++;
	a->next_ms = now_ms + AGENDA_STEP_MS;
	return t;
}

void agenda_done(struct agenda *a, struct agenda_topic *t, uint32_t answered,
		 size_t peers, int64_t now_ms)
{
	uint32_t wait = AGENDA_AGAIN_MS;

	if (!t->running)
		return;
	t->running = false;
	a->running--;
	if (answered == 0)
		wait = AGENDA_RETRY_MS;
	else if (t->hungry && peers < AGENDA_FEW)
		wait = AGENDA_HUNGRY_MS;
	t->due_ms = now_ms + wait + rng_below(&a->rng, wait / 4);
}

int64_t agenda_wake_ms(const struct agenda *a)
{
	const struct agenda_topic *t = first(a);

	if (!t || a->running == AGENDA_AT_ONCE)
		return INT64_MAX;
	return t->due_ms > a->next_ms ? t->due_ms : a->next_ms;
}
