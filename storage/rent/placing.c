#include "storage/rent/placing.h"

#include "base/ip.h"

#include <stdlib.h>

#define SHARDS_MAX 255U

struct entry {
	struct placing_host h;
	uint16_t net; /* number of its network */
	bool dropped;
	uint64_t badness; /* less is better */
};

struct placing {
	struct placing_policy policy;
	struct rng rng;
	struct entry *hosts;
	unsigned n, cap;
	unsigned nets;
	bool sorted;
	uint16_t order[PLACING_HOSTS_MAX]; /* best first */
	/* of one placing_fill() */
	uint16_t at_host[PLACING_HOSTS_MAX];
	uint16_t at_net[PLACING_HOSTS_MAX];
};

struct placing_net placing_net_of(const uint8_t ip[16])
{
	struct placing_net net = {{6}};

	if (ip_is_v4(ip)) {
		net.bytes[0] = 4;
		memcpy(net.bytes + 1, ip + 12, 3);
	} else {
		memcpy(net.bytes + 1, ip, 6);
	}
	return net;
}

enum err_code placing_new(struct placing **out, const struct placing_policy *p,
			  const struct rng *rng, struct err *e)
{
	*out = NULL;
	if (p->shards == 0 || p->shards > SHARDS_MAX || p->per_host == 0 ||
	    p->per_net == 0)
		return err_fail(e, ERR_LIMIT, "placing: %u shards, %u, %u",
				p->shards, p->per_host, p->per_net);
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return err_fail(e, ERR_NOMEM, "placing: no memory");
	(*out)->policy = *p;
	(*out)->rng = *rng;
	return ERR_NONE;
}

void placing_free(struct placing *p)
{
	if (!p)
		return;
	free(p->hosts);
	free(p);
}

unsigned placing_count(const struct placing *p)
{
	return p->n;
}

const struct placing_host *placing_get(const struct placing *p, uint16_t host)
{
	return &p->hosts[host].h;
}

uint16_t placing_find(const struct placing *p, const struct address *a)
{
	for (unsigned i = 0; i < p->n; i++)
		if (address_eq(&p->hosts[i].h.address, a))
			return (uint16_t)i;
	return PLACING_NONE;
}

static uint16_t net_number(struct placing *p, const struct placing_net *net,
			   unsigned self)
{
	for (unsigned i = 0; i < p->n; i++)
		if (i != self &&
		    memcmp(&p->hosts[i].h.net, net, sizeof(*net)) == 0)
			return p->hosts[i].net;
	return (uint16_t)p->nets++;
}

static bool grow(struct placing *p)
{
	unsigned cap = p->cap ? p->cap * 2 : 32;
	struct entry *hosts = realloc(p->hosts, cap * sizeof(*hosts));

	if (!hosts)
		return false;
	p->hosts = hosts;
	p->cap = cap;
	return true;
}

/* A host's network may change: its old number stays unused, so numbers are
 * given anew when they run out. */
static void renumber(struct placing *p)
{
	unsigned n = p->n;

	p->nets = 0;
	for (p->n = 0; p->n < n; p->n++)
		p->hosts[p->n].net = net_number(p, &p->hosts[p->n].h.net, p->n);
}

enum err_code placing_add(struct placing *p, uint16_t *host,
			  const struct placing_host *h, struct err *e)
{
	unsigned i = placing_find(p, &h->address);

	*host = PLACING_NONE;
	if (i == PLACING_NONE) {
		if (p->n == PLACING_HOSTS_MAX)
			return err_fail(e, ERR_LIMIT, "placing: %u hosts",
					p->n);
		if (p->n == p->cap && !grow(p))
			return err_fail(e, ERR_NOMEM, "placing: no memory");
		i = p->n;
	}
	if (p->nets == PLACING_HOSTS_MAX)
		renumber(p);
	p->hosts[i] = (struct entry){.h = *h, .net = net_number(p, &h->net, i)};
	if (i == p->n)
		p->n++;
	p->sorted = false;
	*host = (uint16_t)i;
	return ERR_NONE;
}

void placing_drop(struct placing *p, uint16_t host)
{
	p->hosts[host].dropped = true;
}

static bool dear(const struct placing *p, const struct entry *x)
{
	return !amount_is_zero(p->policy.rent_max) &&
	       amount_cmp(x->h.rent, p->policy.rent_max) > 0;
}

static bool usable(const struct placing *p, const struct entry *x)
{
	return !x->dropped && x->h.room > 0 && !dear(p, x);
}

bool placing_usable(const struct placing *p, uint16_t host)
{
	return !p->hosts[host].dropped;
}

/* --- rank --- */

/* Rents as numbers that can be divided: all shifted by the same, so that the
 * highest fits. */
static uint64_t rent_scale(const struct placing *p)
{
	struct amount most = AMOUNT_ZERO, q;
	uint64_t small;

	for (unsigned i = 0; i < p->n; i++)
		most = amount_max(most, p->hosts[i].h.rent);
	for (unsigned shift = 0; shift < 63; shift++)
		if (amount_mul_div(&q, NULL, most, 1, 0, 1ULL << shift) &&
		    amount_to_u64(&small, q) && small < 1ULL << 50)
			return 1ULL << shift;
	return 1ULL << 63;
}

static uint64_t rent_scaled(struct amount rent, uint64_t scale)
{
	struct amount q;
	uint64_t v;

	if (!amount_mul_div(&q, NULL, rent, 1, 0, scale) ||
	    !amount_to_u64(&v, q))
		return 1ULL << 50;
	return v;
}

/* A thousand for the cheapest host that never failed in many answers; twice the
 * rent, or never seen before, is twice as bad. A tenth is chance, so that
 * renters who know the same hosts do not all take the same. */
static uint64_t badness(struct placing *p, const struct entry *x,
			uint64_t scale, uint64_t cheapest)
{
	uint64_t good = x->h.good < 1U << 20 ? x->h.good : 1U << 20;
	uint64_t bad = x->h.bad < 1U << 20 ? x->h.bad : 1U << 20;
	uint32_t rtt = x->h.rtt_ms < 2000 ? x->h.rtt_ms : 2000;
	uint64_t v = rent_scaled(x->h.rent, scale) * 1000 / cheapest;

	if (v > 1000000)
		v = 1000000;
	v = v * (1000 + 2000 * (bad + 1) / (good + bad + 2)) / 1000;
	v = v * (1000 + rtt / 2) / 1000;
	v = v * (1000 + rng_below(&p->rng, 100)) / 1000;
	return x->h.agreed ? v * 3 / 4 : v;
}

static uint64_t cheapest_rent(const struct placing *p, uint64_t scale)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < p->n; i++) {
		uint64_t v = rent_scaled(p->hosts[i].h.rent, scale);

		if (v && v < least)
			least = v;
	}
	return least == UINT64_MAX ? 1 : least;
}

static int by_badness(const void *a, const void *b, void *ctx)
{
	const struct placing *p = ctx;
	uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;

	if (p->hosts[x].badness != p->hosts[y].badness)
		return p->hosts[x].badness < p->hosts[y].badness ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sort(struct placing *p)
{
	uint64_t scale = rent_scale(p);
	uint64_t cheapest = cheapest_rent(p, scale);

	for (unsigned i = 0; i < p->n; i++) {
		p->hosts[i].badness = badness(p, &p->hosts[i], scale, cheapest);
		p->order[i] = (uint16_t)i;
	}
	qsort_r(p->order, p->n, sizeof(p->order[0]), by_badness, p);
	p->sorted = true;
}

/* --- seats --- */

static void take(struct placing *p, const uint16_t *seat, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (seat[i] >= PLACING_ELSEWHERE)
			continue;
		p->at_host[seat[i]]++;
		p->at_net[p->hosts[seat[i]].net]++;
	}
}

static void count_taken(struct placing *p, const uint16_t *seat,
			const struct placing_beside *b)
{
	memset(p->at_host, 0, sizeof(p->at_host));
	memset(p->at_net, 0, sizeof(p->at_net));
	take(p, seat, p->policy.shards);
	take(p, b->taken, b->taken_n);
	for (unsigned i = 0; i < b->barred_n; i++)
		if (b->barred[i] < PLACING_ELSEWHERE)
			p->at_host[b->barred[i]] = p->policy.per_host;
}

/* One seat at each host that has fewer than `round` so far and whose network
 * has, in the order of rank. */
static unsigned pick_round(struct placing *p, uint16_t *picked, unsigned have,
			   unsigned want, unsigned round)
{
	const struct placing_policy *y = &p->policy;
	unsigned host_max = round < y->per_host ? round : y->per_host;
	unsigned net_max = round < y->per_net ? round : y->per_net;

	for (unsigned i = 0; i < p->n && have < want; i++) {
		uint16_t host = p->order[i];
		struct entry *x = &p->hosts[host];

		if (!usable(p, x) || p->at_host[host] >= host_max ||
		    p->at_net[x->net] >= net_max)
			continue;
		p->at_host[host]++;
		p->at_net[x->net]++;
		x->h.room--;
		picked[have++] = host;
	}
	return have;
}

unsigned placing_fill(struct placing *p, uint16_t *seat, uint32_t segment)
{
	const struct placing_beside none = {0};

	return placing_fill_beside(p, seat, &none, segment);
}

unsigned placing_fill_beside(struct placing *p, uint16_t *seat,
			     const struct placing_beside *b, uint32_t segment)
{
	unsigned rounds = p->policy.per_host > p->policy.per_net
				  ? p->policy.per_host
				  : p->policy.per_net;
	uint16_t picked[SHARDS_MAX];
	unsigned want = 0, have = 0, given = 0;

	for (unsigned i = 0; i < p->policy.shards; i++)
		want += seat[i] == PLACING_NONE;
	if (want == 0)
		return 0;
	if (!p->sorted)
		sort(p);
	count_taken(p, seat, b);
	for (unsigned r = 1; r <= rounds && have < want; r++)
		have = pick_round(p, picked, have, want, r);
	for (unsigned i = 0; i < p->policy.shards && given < have; i++)
		if (seat[i] == PLACING_NONE)
			seat[i] = picked[(given++ + segment) % have];
	return want - have;
}

void placing_return(struct placing *p, uint16_t host)
{
	if (p->hosts[host].h.room < UINT32_MAX)
		p->hosts[host].h.room++;
}

/* --- is it enough? --- */

struct tally {
	unsigned hosts, nets, seats;  /* that can be had */
	unsigned dear, full, dropped; /* hosts that do not count */
};

/* Seats of a network: what its hosts offer, per_net at most. */
static unsigned net_seats(const struct placing *p, uint16_t net)
{
	unsigned seats = 0;

	for (unsigned i = 0; i < p->n; i++) {
		const struct entry *x = &p->hosts[i];

		if (x->net != net || !usable(p, x))
			continue;
		seats += x->h.room < p->policy.per_host ? x->h.room
							: p->policy.per_host;
	}
	return seats < p->policy.per_net ? seats : p->policy.per_net;
}

static struct tally tally(const struct placing *p)
{
	struct tally t = {0};

	for (unsigned i = 0; i < p->n; i++) {
		const struct entry *x = &p->hosts[i];

		t.hosts += usable(p, x);
		if (x->dropped)
			t.dropped++;
		else if (x->h.room == 0)
			t.full++;
		else
			t.dear += dear(p, x);
	}
	for (unsigned net = 0; net < p->nets; net++) {
		unsigned seats = net_seats(p, (uint16_t)net);

		t.nets += seats > 0;
		t.seats += seats;
	}
	return t;
}

static unsigned missing(unsigned want, unsigned have, unsigned each)
{
	unsigned units = (want + each - 1) / each;

	return have < units ? units - have : 0;
}

enum err_code placing_check(const struct placing *p, struct err *e)
{
	const struct placing_policy *y = &p->policy;
	struct tally t = tally(p);
	unsigned hosts, nets;

	if (t.seats >= y->shards)
		return ERR_NONE;
	hosts = missing(y->shards, t.hosts, y->per_host);
	nets = missing(y->shards, t.nets, y->per_net);
	if (hosts == 0 && nets == 0)
		hosts = nets = 1;
	return err_fail(e, ERR_STATE,
			"%u shards: %u more hosts and %u more networks are "
			"needed (there are %u in %u; %u too dear, %u full, %u "
			"given up)",
			y->shards, hosts, nets, t.hosts, t.nets, t.dear, t.full,
			t.dropped);
}
