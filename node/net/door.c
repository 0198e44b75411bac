#include "node/net/door.h"

#include <string.h>

/* Is it the same party? An IPv6 host has a whole /64. */
static bool same_party(const struct wire_addr *a, const struct wire_addr *b)
{
	return memcmp(a->ip, b->ip, wire_addr_is_v4(a) ? 16 : 8) == 0;
}

static unsigned share(unsigned max, unsigned of, unsigned least)
{
	return max / of > least ? max / of : least;
}

static unsigned silent_of(const struct door_row *rows, unsigned n,
			  const struct wire_addr *a)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += rows[i].use == DOOR_SILENT &&
			 same_party(&rows[i].addr, a);
	return count;
}

static unsigned came_from(const struct door_row *rows, unsigned n,
			  const struct wire_addr *a)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		count += rows[i].came && same_party(&rows[i].addr, a);
	return count;
}

/* Of whom has most of them the oldest; DOOR_SHUT: there is none. */
static long silent_to_end(const struct door_row *rows, unsigned n)
{
	unsigned silent[DOOR_SILENT_MOST], count = 0, most = 0;
	long best = DOOR_SHUT;

	for (unsigned i = 0; i < n && count < DOOR_SILENT_MOST; i++)
		if (rows[i].use == DOOR_SILENT)
			silent[count++] = i;
	for (unsigned i = 0; i < count; i++) {
		const struct door_row *row = &rows[silent[i]];
		unsigned same = 0;

		for (unsigned k = 0; k < count; k++)
			same += same_party(&rows[silent[k]].addr, &row->addr);
		if (same < most || (same == most && best >= 0 &&
				    row->since_ms >= rows[best].since_ms))
			continue;
		most = same;
		best = (long)silent[i];
	}
	return best;
}

static unsigned silent_most(unsigned max)
{
	unsigned third = share(max, 3, DOOR_SILENT_LEAST);

	return third < DOOR_SILENT_MOST ? third : DOOR_SILENT_MOST;
}

enum door_use door_use_of(const struct peer_stats *st)
{
	if ((st->they_interested && !st->mute) || st->rate_in > 0 ||
	    (st->requests_out > 0 && !st->snubbed))
		return DOOR_OF_USE;
	return st->am_interested ? DOOR_HOPED : DOOR_IDLE;
}

/* How long it may be so; INT64_MAX: for good. */
static int64_t patience(enum door_use use)
{
	switch (use) {
	case DOOR_IDLE:
		return DOOR_IDLE_MS;
	case DOOR_HOPED:
		return DOOR_HOPE_MS;
	case DOOR_SILENT:
	case DOOR_OF_USE:
		break;
	}
	return INT64_MAX;
}

long door_give_way(const struct door_row *rows, unsigned n, int64_t now_ms)
{
	long best = DOOR_SHUT;

	for (unsigned i = 0; i < n; i++) {
		if (now_ms - rows[i].since_ms < patience(rows[i].use))
			continue;
		if (best < 0 || rows[i].prio < rows[best].prio)
			best = (long)i;
	}
	return best;
}

long door_ask(const struct door_row *rows, unsigned n, unsigned max,
	      const struct wire_addr *from, int64_t now_ms)
{
	unsigned silent = 0;
	long victim;

	if (!wire_addr_is_private(from) &&
	    (silent_of(rows, n, from) >= DOOR_ADDR_SILENT ||
	     came_from(rows, n, from) >= share(max, 8, DOOR_ADDR_LEAST)))
		return DOOR_SHUT;
	for (unsigned i = 0; i < n; i++)
		silent += rows[i].use == DOOR_SILENT;
	if (silent >= silent_most(max))
		return silent_to_end(rows, n);
	if (n < max)
		return DOOR_OPEN;
	victim = silent_to_end(rows, n);
	return victim >= 0 ? victim : door_give_way(rows, n, now_ms);
}
