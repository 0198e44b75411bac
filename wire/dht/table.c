#include "wire/dht/table.h"

#include <stdlib.h>
#include <string.h>

#define SPARE 8U
#define MOST_IN_A_BUCKET 128U
#define ASK_AGAIN_MS (60 * 1000)
#define MOST_CLOSEST (2 * TABLE_K)

struct bucket {
	struct table_node *nodes; /* capacity(); made with the first node */
	struct table_node *spare; /* SPARE, oldest first; likewise */
	uint32_t count;
	uint32_t spares;
	int64_t changed_ms;
};

struct table {
	struct dht_id own;
	uint32_t used; /* buckets; the last takes all longer prefixes */
	size_t count;  /* nodes in all buckets */
	struct bucket buckets[DHT_ID_BITS];
};

static uint32_t capacity(uint32_t bucket)
{
	return bucket < 4 ? MOST_IN_A_BUCKET >> bucket : TABLE_K;
}

enum err_code table_new(struct table **out, const struct dht_id *own,
			struct err *e)
{
	struct table *t = calloc(1, sizeof(*t));

	*out = t;
	if (!t)
		return err_fail(e, ERR_NOMEM, "dht: table");
	t->own = *own;
	t->used = 1;
	return ERR_NONE;
}

static void clear(struct table *t)
{
	for (uint32_t i = 0; i < t->used; i++) {
		free(t->buckets[i].nodes);
		free(t->buckets[i].spare);
	}
}

void table_free(struct table *t)
{
	if (!t)
		return;
	clear(t);
	free(t);
}

static uint32_t index_of(const struct table *t, const struct dht_id *id)
{
	unsigned prefix = dht_id_prefix(&t->own, id);

	return prefix < t->used ? prefix : t->used - 1;
}

static struct table_node *find_addr(const struct table *t,
				    const struct wire_addr *addr)
{
	for (uint32_t b = 0; b < t->used; b++)
		for (uint32_t i = 0; i < t->buckets[b].count; i++)
			if (t->buckets[b].nodes[i].addr.port == addr->port &&
			    dht_addr_eq(&t->buckets[b].nodes[i].addr, addr))
				return &t->buckets[b].nodes[i];
	return NULL;
}

bool table_knows(const struct table *t, const struct wire_addr *addr)
{
	const struct table_node *n = find_addr(t, addr);

	return n && n->failures == 0;
}

static struct table_node *find_id(const struct table *t,
				  const struct dht_id *id)
{
	const struct bucket *b = &t->buckets[index_of(t, id)];

	for (uint32_t i = 0; i < b->count; i++)
		if (dht_id_eq(&b->nodes[i].id, id))
			return &b->nodes[i];
	return NULL;
}

/* --- who gets in -----------------------------------------------------------
 */

static bool host_is_known(const struct table *t, const struct wire_addr *addr)
{
	for (uint32_t b = 0; b < t->used; b++)
		for (uint32_t i = 0; i < t->buckets[b].count; i++)
			if (dht_same_host(&t->buckets[b].nodes[i].addr, addr))
				return true;
	return false;
}

static bool net_is_full(const struct bucket *b, const struct wire_addr *addr)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->count; i++)
		n += dht_same_net(&b->nodes[i].addr, addr);
	return n >= TABLE_MOST_OF_A_NET;
}

static bool is_crowding(const struct table *t, const struct bucket *b,
			const struct wire_addr *addr)
{
	return dht_place_of(addr) == DHT_PUBLIC &&
	       (host_is_known(t, addr) || net_is_full(b, addr));
}

/* Whose place a new node may take in a full bucket, or NULL. */
static struct table_node *weakest(const struct bucket *b, bool fits)
{
	struct table_node *worst = NULL;

	for (uint32_t i = 0; i < b->count; i++) {
		struct table_node *n = &b->nodes[i];

		if (n->failures && (!worst || n->failures > worst->failures))
			worst = n;
	}
	for (uint32_t i = 0; !worst && fits && i < b->count; i++)
		if (!b->nodes[i].fits)
			worst = &b->nodes[i];
	return worst;
}

bool table_wants(const struct table *t, const struct dht_id *id,
		 const struct wire_addr *addr)
{
	const struct table_node *there = find_addr(t, addr);
	uint32_t i = index_of(t, id);
	const struct bucket *b = &t->buckets[i];

	if (dht_place_of(addr) == DHT_NOWHERE || dht_id_eq(id, &t->own))
		return false;
	if (there) /* somebody else there now? */
		return !dht_id_eq(&there->id, id);
	if (find_id(t, id) || (b->count == capacity(i) && i != t->used - 1 &&
			       !weakest(b, dht_id_fits(id, addr->ip))))
		return false;
	return !is_crowding(t, b, addr); /* last: it looks at all nodes */
}

static bool make_room(struct bucket *b, uint32_t index)
{
	if (!b->nodes)
		b->nodes = calloc(capacity(index), sizeof(*b->nodes));
	return b->nodes != NULL;
}

static void append(struct table *t, uint32_t index, const struct table_node *n)
{
	struct bucket *b = &t->buckets[index];

	b->nodes[b->count++] = *n;
	t->count++;
}

static void put_aside(struct bucket *b, const struct table_node *n)
{
	if (!b->spare)
		b->spare = calloc(SPARE, sizeof(*b->spare));
	if (!b->spare)
		return;
	for (uint32_t i = 0; i < b->spares; i++)
		if (dht_same_host(&b->spare[i].addr, &n->addr) ||
		    dht_id_eq(&b->spare[i].id, &n->id)) {
			b->spare[i] = *n;
			return;
		}
	if (b->spares == SPARE) {
		memmove(b->spare, b->spare + 1,
			(SPARE - 1) * sizeof(*b->spare));
		b->spares--;
	}
	b->spare[b->spares++] = *n;
}

/* Those of the spare that belong into the new last bucket go there. */
static void divide_spare(struct table *t, struct bucket *old, uint32_t last)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < old->spares; i++) {
		struct table_node n = old->spare[i];

		if (dht_id_prefix(&t->own, &n.id) > last)
			put_aside(old + 1, &n);
		else
			old->spare[kept++] = n;
	}
	old->spares = kept;
}

/* The last bucket becomes two. False: no memory, or nothing left to divide. */
static bool divide(struct table *t)
{
	uint32_t last = t->used - 1;
	struct bucket *old = &t->buckets[last];
	uint32_t kept = 0;

	if (t->used == DHT_ID_BITS || !make_room(old + 1, last + 1))
		return false;
	old[1].changed_ms = old->changed_ms;
	t->used++;
	for (uint32_t i = 0; i < old->count; i++) {
		struct table_node n = old->nodes[i];
		bool nearer = dht_id_prefix(&t->own, &n.id) > last;

		if (!nearer)
			old->nodes[kept++] = n;
		else if (old[1].count < capacity(last + 1))
			old[1].nodes[old[1].count++] = n;
		else { /* buckets are smaller further in */
			put_aside(old + 1, &n);
			t->count--;
		}
	}
	old->count = kept;
	divide_spare(t, old, last);
	return true;
}

static bool insert(struct table *t, const struct table_node *n)
{
	uint32_t i = index_of(t, &n->id);
	struct table_node *out;

	while (t->buckets[i].count == capacity(i) && i == t->used - 1) {
		if (!divide(t))
			break;
		i = index_of(t, &n->id);
	}
	if (is_crowding(t, &t->buckets[i], &n->addr) ||
	    !make_room(&t->buckets[i], i))
		return false;
	if (t->buckets[i].count < capacity(i)) {
		append(t, i, n);
		return true;
	}
	out = weakest(&t->buckets[i], n->fits);
	if (out) {
		*out = *n;
		return true;
	}
	put_aside(&t->buckets[i], n);
	return false;
}

static void drop(struct table *t, struct table_node *n)
{
	struct bucket *b = &t->buckets[index_of(t, &n->id)];

	*n = b->nodes[--b->count];
	t->count--;
}

/* --- what happens to nodes -------------------------------------------------
 */

bool table_answered(struct table *t, const struct dht_id *id,
		    const struct wire_addr *addr, int64_t now_ms)
{
	struct table_node *known = find_addr(t, addr);
	struct table_node n = {
		.id = *id,
		.addr = *addr,
		.heard_ms = now_ms,
		.fits = dht_id_fits(id, addr->ip),
	};

	if (known && !dht_id_eq(&known->id, id)) {
		drop(t, known); /* started anew there, as somebody else */
		known = NULL;
	}
	if (dht_place_of(addr) == DHT_NOWHERE || dht_id_eq(id, &t->own))
		return false;
	t->buckets[index_of(t, id)].changed_ms = now_ms;
	if (known) {
		known->heard_ms = now_ms;
		known->failures = 0;
		return true;
	}
	known = find_id(t, id);
	if (known && known->failures == 0)
		return false; /* that id answers elsewhere */
	if (known)
		drop(t, known);
	return insert(t, &n);
}

void table_asked_us(struct table *t, const struct dht_id *id,
		    const struct wire_addr *addr, int64_t now_ms)
{
	struct table_node *n = find_id(t, id);

	if (n && dht_addr_eq(&n->addr, addr) && n->failures == 0)
		n->heard_ms = now_ms;
}

void table_failed(struct table *t, const struct wire_addr *addr)
{
	struct table_node *n = find_addr(t, addr);
	struct bucket *b;
	uint32_t i;

	if (!n)
		return;
	i = index_of(t, &n->id);
	b = &t->buckets[i];
	if (++n->failures < TABLE_MOST_FAILURES && b->spares == 0)
		return;
	drop(t, n);
	while (b->spares && b->count < capacity(i)) {
		struct table_node s = b->spare[--b->spares];

		if (!is_crowding(t, b, &s.addr) && !find_addr(t, &s.addr) &&
		    !find_id(t, &s.id))
			append(t, i, &s);
	}
}

bool table_questionable(struct table *t, struct table_node *out, int64_t now_ms)
{
	struct table_node *oldest = NULL;

	for (uint32_t b = 0; b < t->used; b++)
		for (uint32_t i = 0; i < t->buckets[b].count; i++) {
			struct table_node *n = &t->buckets[b].nodes[i];
			int64_t quiet = now_ms - n->heard_ms;

			if ((quiet < TABLE_QUIET_MS && !n->failures) ||
			    (n->asked_ms &&
			     now_ms - n->asked_ms < ASK_AGAIN_MS))
				continue;
			if (!oldest || n->heard_ms < oldest->heard_ms)
				oldest = n;
		}
	if (!oldest)
		return false;
	oldest->asked_ms = now_ms;
	*out = *oldest;
	return true;
}

struct dht_id table_target(const struct table *t, unsigned prefix,
			   struct rng *rng)
{
	struct dht_id id;

	rng_fill(rng, id.bytes, DHT_ID_LEN);
	for (unsigned i = 0; i <= prefix && i < DHT_ID_BITS; i++) {
		uint8_t mask = (uint8_t)(0x80 >> i % 8);
		uint8_t own = t->own.bytes[i / 8] & mask;

		if (i == prefix)
			own ^= mask;
		id.bytes[i / 8] = (uint8_t)((id.bytes[i / 8] & ~mask) | own);
	}
	return id;
}

bool table_idle_bucket(struct table *t, struct dht_id *target, struct rng *rng,
		       int64_t now_ms)
{
	for (uint32_t i = 0; i < t->used; i++) {
		struct bucket *b = &t->buckets[i];

		if (now_ms - b->changed_ms < TABLE_QUIET_MS)
			continue;
		b->changed_ms = now_ms;
		*target = table_target(t, i, rng);
		return true;
	}
	return false;
}

void table_set_own(struct table *t, const struct dht_id *own, int64_t now_ms)
{
	struct table before = *t;

	memset(t, 0, sizeof(*t));
	t->own = *own;
	t->used = 1;
	t->buckets[0].changed_ms = now_ms;
	for (uint32_t b = 0; b < before.used; b++)
		for (uint32_t i = 0; i < before.buckets[b].count; i++)
			if (!dht_id_eq(&before.buckets[b].nodes[i].id, own))
				(void)insert(t, &before.buckets[b].nodes[i]);
	clear(&before);
}

/* --- who is there ----------------------------------------------------------
 */

struct ranked { /* the nearest of one kind */
	size_t count;
	const struct table_node *nodes[MOST_CLOSEST];
};

static void rank(struct ranked *r, size_t max, const struct table_node *n,
		 const struct dht_id *target)
{
	size_t at = r->count;

	while (at && dht_id_nearer(target, &n->id, &r->nodes[at - 1]->id) < 0)
		at--;
	if (at == max)
		return;
	if (r->count < max)
		r->count++;
	memmove(r->nodes + at + 1, r->nodes + at,
		(r->count - at - 1) * sizeof(r->nodes[0]));
	r->nodes[at] = n;
}

size_t table_closest(const struct table *t, struct table_node *out, size_t max,
		     const struct dht_id *target)
{
	struct ranked kinds[2] = {{0}}; /* [fits] */
	struct ranked best = {0};
	size_t others;

	if (max > MOST_CLOSEST)
		max = MOST_CLOSEST;
	for (uint32_t b = 0; max && b < t->used; b++)
		for (uint32_t i = 0; i < t->buckets[b].count; i++) {
			const struct table_node *n = &t->buckets[b].nodes[i];

			if (!n->failures)
				rank(&kinds[n->fits], max, n, target);
		}
	others =
		max / 2 > max - kinds[1].count ? max / 2 : max - kinds[1].count;
	if (kinds[0].count < others)
		others = kinds[0].count;
	for (size_t i = 0; i < others; i++)
		rank(&best, max, kinds[0].nodes[i], target);
	for (size_t i = 0; i < kinds[1].count && i < max - others; i++)
		rank(&best, max, kinds[1].nodes[i], target);
	for (size_t i = 0; i < best.count; i++)
		out[i] = *best.nodes[i];
	return best.count;
}

size_t table_count(const struct table *t)
{
	return t->count;
}

size_t table_buckets(const struct table *t)
{
	return t->used;
}

size_t table_keep(const struct table *t, struct table_node *out, size_t max)
{
	size_t n = 0;

	/* the nearest first: they are few, and the hardest to find again */
	for (uint32_t b = t->used; b-- > 0 && n < max;)
		for (uint32_t i = 0; i < t->buckets[b].count && n < max; i++)
			if (!t->buckets[b].nodes[i].failures)
				out[n++] = t->buckets[b].nodes[i];
	return n;
}
