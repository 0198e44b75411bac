#include "node/find/candidates.h"

#include "wire/peer/prio.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_MS 1000
#define LAST_MS 300000
#define LAST_KEPT_MS 30000

struct candidate {
	struct net_addr addr;
	int64_t next_ms;
	unsigned failures;
	uint32_t prio;
	bool keep, connected, banned;
	bool vouched; /* by a tracker */
};

struct candidates {
	struct candidate *list;
	unsigned count, cap;
	struct wire_addr us[2]; /* IPv4, IPv6 */
};

struct candidates *candidates_new(void)
{
	struct candidates *c = calloc(1, sizeof(*c));

	if (c) /* 0.0.0.0, until it is known */
		memset(c->us[0].ip + 10, 0xff, 2);
	return c;
}

static uint32_t prio_at(const struct candidates *c, const struct net_addr *at)
{
	struct wire_addr a = {.port = net_addr_port(at)};

	net_addr_to_ip16(at, a.ip);
	return prio_of(&c->us[!wire_addr_is_v4(&a)], &a);
}

void candidates_set_us(struct candidates *c, const struct wire_addr *us)
{
	struct wire_addr *now = &c->us[!wire_addr_is_v4(us)];

	if (wire_addr_eq(now, us))
		return;
	*now = *us;
	for (unsigned i = 0; i < c->count; i++)
		c->list[i].prio = prio_at(c, &c->list[i].addr);
}

void candidates_free(struct candidates *c)
{
	if (!c)
		return;
	free(c->list);
	free(c);
}

static struct candidate *find(const struct candidates *c,
			      const struct net_addr *addr)
{
	for (unsigned i = 0; i < c->count; i++)
		if (net_addr_eq(&c->list[i].addr, addr))
			return &c->list[i];
	return NULL;
}

static struct candidate *worst(const struct candidates *c)
{
	struct candidate *out = NULL, *banned = NULL;

	for (unsigned i = 0; i < c->count; i++) {
		struct candidate *k = &c->list[i];

		if (k->banned && !banned)
			banned = k;
		if (k->keep || k->connected || k->banned || !k->failures)
			continue;
		if (!out || k->failures > out->failures)
			out = k;
	}
	return out ? out : banned;
}

/* Are there as many ports of this host as may be? */
static bool host_is_full(const struct candidates *c,
			 const struct net_addr *addr)
{
	uint8_t ip[16], other[16];
	size_t len = net_addr_ip(addr, ip);
	unsigned n = 0;

	if (net_addr_is_near(addr))
		return false;
	for (unsigned i = 0; i < c->count; i++)
		n += !c->list[i].keep &&
		     net_addr_ip(&c->list[i].addr, other) == len &&
		     memcmp(ip, other, len == 16 ? 8 : 4) == 0;
	return n >= CANDIDATES_OF_ONE;
}

static struct candidate *room(struct candidates *c)
{
	if (c->count == CANDIDATES_MAX)
		return worst(c);
	if (c->count == c->cap) {
		unsigned cap = c->cap ? c->cap * 2 : 16;
		struct candidate *grown =
			realloc(c->list, cap * sizeof(*grown));

		if (!grown)
			return NULL;
		c->list = grown;
		c->cap = cap;
	}
	return &c->list[c->count++];
}

bool candidates_add(struct candidates *c, const struct net_addr *addr,
		    bool keep)
{
	struct candidate *k = find(c, addr);

	if (k) {
		k->keep = k->keep || keep;
		return false;
	}
	if (net_addr_port(addr) == 0 || (!keep && host_is_full(c, addr)) ||
	    !(k = room(c)))
		return false;
	*k = (struct candidate){.addr = *addr,
				.keep = keep,
				.next_ms = INT64_MIN,
				.prio = prio_at(c, addr)};
	return true;
}

void candidates_vouch(struct candidates *c, const struct net_addr *addr)
{
	struct candidate *k = find(c, addr);

	if (k)
		k->vouched = true;
}

void candidates_vouch_none(struct candidates *c)
{
	for (unsigned i = 0; i < c->count; i++)
		c->list[i].vouched = false;
}

void candidates_drop_others(struct candidates *c)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < c->count; i++)
		if (c->list[i].keep || c->list[i].vouched)
			c->list[kept++] = c->list[i];
	c->count = kept;
}

bool candidates_has(const struct candidates *c, const struct net_addr *addr)
{
	return find(c, addr) != NULL;
}

static bool before(const struct candidate *a, const struct candidate *b)
{
	if (a->next_ms != b->next_ms)
		return a->next_ms < b->next_ms;
	if (a->keep != b->keep)
		return a->keep;
	return a->prio > b->prio;
}

/* The one that is next, due or not. */
static struct candidate *next(const struct candidates *c)
{
	struct candidate *best = NULL;

	for (unsigned i = 0; i < c->count; i++) {
		struct candidate *k = &c->list[i];

		if (!k->connected && !k->banned && (!best || before(k, best)))
			best = k;
	}
	return best;
}

static bool is_due(const struct candidate *best, int64_t now_ms,
		   int64_t *wake_ms)
{
	*wake_ms = best && best->next_ms > now_ms ? best->next_ms : INT64_MAX;
	return best && best->next_ms <= now_ms;
}

bool candidates_is_due(const struct candidates *c, int64_t now_ms,
		       int64_t *wake_ms)
{
	return is_due(next(c), now_ms, wake_ms);
}

bool candidates_take(struct candidates *c, int64_t now_ms, struct net_addr *out,
		     int64_t *wake_ms)
{
	struct candidate *best = next(c);

	if (!is_due(best, now_ms, wake_ms))
		return false;
	best->connected = true;
	*out = best->addr;
	return true;
}

enum candidate_end candidate_end_of(bool lasted, enum peer_close why)
{
	if (why == PEER_CLOSE_BAD_DATA || why == PEER_CLOSE_SELF)
		return CANDIDATE_BANNED;
	if (lasted && why != PEER_CLOSE_DUPLICATE)
		return CANDIDATE_WORKED;
	return CANDIDATE_FAILED;
}

void candidates_ended(struct candidates *c, const struct net_addr *addr,
		      int64_t now_ms, enum candidate_end how)
{
	struct candidate *k = find(c, addr);
	int64_t last, wait = FIRST_MS;

	if (!k)
		return;
	k->connected = false;
	k->banned = k->banned || how == CANDIDATE_BANNED;
	last = k->keep ? LAST_KEPT_MS : LAST_MS;
	if (how == CANDIDATE_HERE) {
		k->next_ms = now_ms + last;
		return;
	}
	if (how == CANDIDATE_WORKED)
		k->failures = 0;
	for (unsigned i = 0; i < k->failures && wait < last; i++)
		wait *= 2;
	k->failures++;
	k->next_ms = now_ms + (wait < last ? wait : last);
}

unsigned candidates_failures(const struct candidates *c,
			     const struct net_addr *addr)
{
	const struct candidate *k = find(c, addr);

	return k ? k->failures : 0;
}

bool candidates_is_banned(const struct candidates *c,
			  const struct net_addr *addr)
{
	const struct candidate *k = find(c, addr);

	return k && k->banned;
}

void candidates_hurry(struct candidates *c, const struct net_addr *addr)
{
	struct candidate *k = find(c, addr);

	if (k)
		k->next_ms = INT64_MIN;
}

void candidates_retry_now(struct candidates *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		c->list[i].next_ms = INT64_MIN;
		c->list[i].connected = false;
	}
}

unsigned candidates_connected(const struct candidates *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->count; i++)
		n += c->list[i].connected;
	return n;
}

unsigned candidates_count(const struct candidates *c)
{
	return c->count;
}
