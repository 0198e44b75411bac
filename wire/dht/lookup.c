#include "wire/dht/lookup.h"

#include <string.h>

#define MOST_OF_A_NET 2U

void lookup_init(struct lookup *l, const struct dht_id *target)
{
	l->target = *target;
	l->count = 0;
	l->asked = 0;
}

static bool is_nearer(const struct lookup *l, const struct lookup_node *a,
		      const struct lookup_node *b)
{
	if (!a->named || !b->named)
		return a->named && !b->named;
	return dht_id_nearer(&l->target, &a->id, &b->id) < 0;
}

static bool is_crowding(const struct lookup *l, const struct wire_addr *addr)
{
	uint32_t net = 0;

	if (dht_place_of(addr) == DHT_LOCAL)
		return false;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct lookup_node *n = &l->nodes[i];

		if (!n->named)
			continue;
		if (dht_same_host(&n->addr, addr))
			return true;
		net += dht_same_net(&n->addr, addr);
	}
	return net >= MOST_OF_A_NET;
}

static bool is_there(const struct lookup *l, const struct lookup_node *n)
{
	for (uint32_t i = 0; i < l->count; i++) {
		const struct lookup_node *it = &l->nodes[i];

		if (dht_addr_eq(&it->addr, &n->addr) ||
		    (n->named && it->named && dht_id_eq(&it->id, &n->id)))
			return true;
	}
	return false;
}

static void remove_at(struct lookup *l, uint32_t at)
{
	memmove(l->nodes + at, l->nodes + at + 1,
		(--l->count - at) * sizeof(l->nodes[0]));
}

/* The farthest that nothing is awaited from, so that one more has room. */
static bool make_room(struct lookup *l, const struct lookup_node *n)
{
	for (uint32_t i = l->count; i-- > 0;) {
		enum lookup_state s = l->nodes[i].state;

		if (!is_nearer(l, n, &l->nodes[i]))
			return false;
		if (s == LOOKUP_ASKED || s == LOOKUP_SLOW)
			continue;
		remove_at(l, i);
		return true;
	}
	return false;
}

static bool insert(struct lookup *l, const struct lookup_node *n)
{
	uint32_t at;

	if (l->count == LOOKUP_MAX && !make_room(l, n))
		return false;
	for (at = l->count; at && is_nearer(l, n, &l->nodes[at - 1]); at--)
		;
	memmove(l->nodes + at + 1, l->nodes + at,
		(l->count - at) * sizeof(l->nodes[0]));
	l->nodes[at] = *n;
	l->count++;
	return true;
}

bool lookup_add(struct lookup *l, const struct dht_id *id,
		const struct wire_addr *addr)
{
	struct lookup_node n = {
		.addr = *addr,
		.named = id != NULL,
		.fits = id && dht_id_fits(id, addr->ip),
	};

	if (id)
		n.id = *id;
	if (dht_place_of(addr) == DHT_NOWHERE || is_there(l, &n) ||
	    (id && is_crowding(l, addr)))
		return false;
	return insert(l, &n);
}

/* Does node i count? Nodes are passed in order, `counted` goes from one to the
 * next. Who failed or is slow counts for nothing, and who has no name yet is
 * only a way in. */
static bool counts(const struct lookup_node *n, uint32_t counted[2])
{
	if (n->state == LOOKUP_FAILED || n->state == LOOKUP_SLOW)
		return false;
	if (!n->named)
		return true;
	if (counted[n->fits] == LOOKUP_K)
		return false;
	counted[n->fits]++;
	return true;
}

static uint32_t under_way(const struct lookup *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->count; i++)
		n += l->nodes[i].state == LOOKUP_ASKED;
	return n;
}

static const struct lookup_node *to_ask(const struct lookup *l)
{
	uint32_t counted[2] = {0, 0};

	if (l->asked == LOOKUP_MAX_ASKED)
		return NULL;
	for (uint32_t i = 0; i < l->count; i++)
		if (counts(&l->nodes[i], counted) &&
		    l->nodes[i].state == LOOKUP_NEW)
			return &l->nodes[i];
	return NULL;
}

struct lookup_node *lookup_next(struct lookup *l)
{
	const struct lookup_node *next = to_ask(l);
	struct lookup_node *n;

	if (!next || under_way(l) >= LOOKUP_ALPHA)
		return NULL;
	n = &l->nodes[next - l->nodes];
	n->state = LOOKUP_ASKED;
	l->asked++;
	return n;
}

static struct lookup_node *waiting_at(struct lookup *l,
				      const struct wire_addr *addr)
{
	for (uint32_t i = 0; i < l->count; i++) {
		struct lookup_node *n = &l->nodes[i];

		if (dht_addr_eq(&n->addr, addr) &&
		    (n->state == LOOKUP_ASKED || n->state == LOOKUP_SLOW))
			return n;
	}
	return NULL;
}

/* It answered under a name that was not told, or another: it stands where that
 * puts it now. */
static void rename_node(struct lookup *l, struct lookup_node *n,
			const struct dht_id *id)
{
	struct lookup_node named = *n;

	named.named = true;
	named.id = *id;
	named.fits = dht_id_fits(id, n->addr.ip);
	remove_at(l, (uint32_t)(n - l->nodes));
	if (!is_there(l, &named) && !is_crowding(l, &named.addr))
		(void)insert(l, &named);
}

bool lookup_answered(struct lookup *l, const struct wire_addr *addr,
		     const struct dht_id *id, const uint8_t *token,
		     size_t token_len)
{
	struct lookup_node *n = waiting_at(l, addr);

	if (!n)
		return false;
	n->state = LOOKUP_ANSWERED;
	if (token_len && token_len <= LOOKUP_MAX_TOKEN) {
		memcpy(n->token, token, token_len);
		n->token_len = (uint8_t)token_len;
	}
	if (!n->named || !dht_id_eq(&n->id, id))
		rename_node(l, n, id);
	return true;
}

void lookup_failed(struct lookup *l, const struct wire_addr *addr)
{
	struct lookup_node *n = waiting_at(l, addr);

	if (n)
		n->state = LOOKUP_FAILED;
}

void lookup_slow(struct lookup *l, const struct wire_addr *addr)
{
	struct lookup_node *n = waiting_at(l, addr);

	if (n)
		n->state = LOOKUP_SLOW;
}

bool lookup_done(const struct lookup *l)
{
	const struct lookup_node *nearest[2 * LOOKUP_K];
	uint32_t slow = 0;

	if (to_ask(l) || under_way(l))
		return false;
	for (uint32_t i = 0; i < l->count; i++)
		slow += l->nodes[i].state == LOOKUP_SLOW;
	return !slow || lookup_nearest(l, nearest) >= LOOKUP_K;
}

size_t lookup_nearest(const struct lookup *l,
		      const struct lookup_node *out[2 * LOOKUP_K])
{
	uint32_t counted[2] = {0, 0};
	size_t n = 0;

	for (uint32_t i = 0; i < l->count && n < 2 * LOOKUP_K; i++)
		if (counts(&l->nodes[i], counted) && l->nodes[i].named &&
		    l->nodes[i].state == LOOKUP_ANSWERED)
			out[n++] = &l->nodes[i];
	return n;
}
