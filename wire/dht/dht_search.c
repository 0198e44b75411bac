/* Our own searches. */
#include "wire/dht/dht_int.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PEERS_OF_ONE 120U /* taken of one answer */

static struct search *find(const struct dht *d, uint32_t number)
{
	for (uint32_t i = 0; number && i < d->search_count; i++)
		if (d->searches[i]->number == number)
			return d->searches[i];
	return NULL;
}

bool dht_search_runs(const struct dht *d, uint32_t number)
{
	return find(d, number) != NULL;
}

static void free_search(struct search *s)
{
	free(s->put);
	free(s);
}

static void remove_search(struct dht *d, struct search *s)
{
	uint32_t i = 0;

	while (d->searches[i] != s)
		i++;
	d->searches[i] = d->searches[--d->search_count];
	free_search(s);
}

void dht_search_free_all(struct dht *d)
{
	while (d->search_count)
		free_search(d->searches[--d->search_count]);
}

static struct search *make(const struct dht_search *what)
{
	struct search *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->what = *what;
	if (what->put) {
		s->put = malloc(sizeof(*s->put));
		if (!s->put) {
			free(s);
			return NULL;
		}
		*s->put = *what->put;
	}
	s->what.put = s->put;
	if (what->cas)
		s->cas = *what->cas;
	s->what.cas = what->cas ? &s->cas : NULL;
	if (what->salt_len && what->salt_len <= sizeof(s->salt))
		memcpy(s->salt, what->salt, what->salt_len);
	s->what.salt = s->salt;
	return s;
}

uint32_t dht_search_begin(struct dht *d, const struct dht_search *what,
			  size_t most)
{
	struct side *side = &d->sides[what->family];
	struct table_node near[2 * TABLE_K];
	struct search *s;
	size_t n;

	if (!side->on || d->search_count >= most)
		return 0;
	s = make(what);
	if (!s)
		return 0;
	if (++d->last_number == 0)
		d->last_number = 1;
	s->number = d->last_number;
	lookup_init(&s->lookup, &what->target);
	n = table_closest(side->table, near, 2 * TABLE_K, &what->target);
	for (size_t i = 0; i < n; i++)
		(void)lookup_add(&s->lookup, &near[i].id, &near[i].addr);
	d->searches[d->search_count++] = s;
	return s->number;
}

uint32_t dht_start(struct dht *d, const struct dht_search *s, int64_t now_ms)
{
	uint32_t number = dht_search_begin(d, s, DHT_MAX_SEARCHES);

	if (number)
		d->wake_ms = now_ms;
	return number;
}

void dht_cancel(struct dht *d, uint32_t search)
{
	struct search *s = find(d, search);

	if (s)
		remove_search(d, s);
}

/* --- questions -------------------------------------------------------------
 */

static void want_both(const struct dht *d, struct krpc_msg *m)
{
	if (d->sides[DHT_V4].on && d->sides[DHT_V6].on)
		m->want = KRPC_WANT4 | KRPC_WANT6;
}

static bool ask_one(struct dht *d, struct search *s, struct lookup_node *n,
		    int64_t now_ms)
{
	struct krpc_msg m = {
		.type = KRPC_QUERY,
		.has_target = true,
		.target = s->what.target,
	};
	struct asked a = {
		.kind = ASK_LOOKUP,
		.search = s->number,
		.to = n->addr,
		.named = n->named,
		.id = n->id,
	};

	switch (s->what.aim) {
	case DHT_FIND_NODES:
		m.method = KRPC_FIND_NODE;
		break;
	case DHT_FIND_PEERS:
		m.method = KRPC_GET_PEERS;
		break;
	case DHT_FIND_ITEM:
		m.method = KRPC_GET;
		break;
	}
	want_both(d, &m);
	return dht_ask(d, &a, &m, now_ms);
}

static bool store_at(struct dht *d, struct search *s,
		     const struct lookup_node *n, int64_t now_ms)
{
	struct krpc_msg m = {
		.type = KRPC_QUERY,
		.token = {n->token, n->token_len},
	};
	struct asked a = {
		.kind = ASK_STORE,
		.search = s->number,
		.to = n->addr,
		.named = true,
		.id = n->id,
	};

	if (s->put) {
		m.method = KRPC_PUT;
		dht_item_write(&m, s->put);
		m.has_cas = s->what.cas != NULL;
		m.cas = s->cas;
	} else {
		m.method = KRPC_ANNOUNCE_PEER;
		m.has_target = true;
		m.target = s->what.target;
		m.has_port = true;
		m.port = s->what.port;
		m.implied_port = s->what.implied_port;
		m.seed = s->what.seed;
	}
	return dht_ask(d, &a, &m, now_ms);
}

/* The nodes are found: tells them, if there is something to be told. */
static void store_all(struct dht *d, struct search *s, int64_t now_ms)
{
	const struct lookup_node *near[2 * LOOKUP_K];
	size_t n = lookup_nearest(&s->lookup, near);

	s->storing = true;
	if (!s->what.announce && !s->put)
		return;
	for (size_t i = 0; i < n; i++)
		if (near[i]->token_len && store_at(d, s, near[i], now_ms))
			s->storing_left++;
}

static void finish(struct dht *d, struct search *s)
{
	struct dht_search what = s->what;
	struct dht_outcome outcome = s->outcome;

	remove_search(d, s);
	if (what.on_done)
		what.on_done(what.ctx, &outcome);
}

static void step(struct dht *d, struct search *s, int64_t now_ms)
{
	struct lookup_node *n;

	while (!s->storing && (n = lookup_next(&s->lookup)))
		if (!ask_one(d, s, n, now_ms))
			n->state = LOOKUP_FAILED;
	if (!s->storing && lookup_done(&s->lookup))
		store_all(d, s, now_ms);
	if (s->storing && s->storing_left == 0)
		finish(d, s);
}

void dht_search_step_all(struct dht *d, int64_t now_ms)
{
	uint32_t numbers[DHT_ALL_SEARCHES];
	uint32_t n = d->search_count;

	for (uint32_t i = 0; i < n; i++) /* callbacks change the list */
		numbers[i] = d->searches[i]->number;
	for (uint32_t i = 0; i < n; i++) {
		struct search *s = find(d, numbers[i]);

		if (s)
			step(d, s, now_ms);
	}
}

/* --- what comes back -------------------------------------------------------
 */

static void add_candidate(void *ctx, const struct dht_id *id,
			  const struct wire_addr *addr)
{
	struct search *s = ctx;

	(void)lookup_add(&s->lookup, id, addr);
}

static void hear_of(void *ctx, const struct dht_id *id,
		    const struct wire_addr *addr)
{
	dht_heard_of(ctx, id, addr);
}

static void hand_peers(struct search *s, const struct krpc_msg *m,
		       const struct wire_addr *from)
{
	struct wire_addr peers[MOST_PEERS_OF_ONE];
	size_t kept = 0;
	size_t n;

	if (s->what.aim != DHT_FIND_PEERS || !s->what.on_peers)
		return;
	n = krpc_values(peers, MOST_PEERS_OF_ONE, m->values, s->what.family);
	for (size_t i = 0; i < n; i++)
		if (dht_may_tell(from, &peers[i]))
			peers[kept++] = peers[i];
	if (kept)
		s->what.on_peers(s->what.ctx, peers, kept);
}

static void hand_item(struct search *s, struct krpc_msg *m)
{
	struct dht_item item;
	struct dht_id target;

	if (s->what.aim != DHT_FIND_ITEM || !s->what.on_item || !m->value.p)
		return;
	m->salt = (struct ben_view){s->salt, s->what.salt_len};
	if (dht_item_read(&item, m) != 0)
		return;
	target = dht_item_target(&item);
	if (!dht_id_eq(&target, &s->what.target) ||
	    !dht_item_is_signed(&item) ||
	    (s->has_item && (!item.is_mutable || item.seq <= s->seq)))
		return;
	s->has_item = true;
	s->seq = item.seq;
	s->what.on_item(s->what.ctx, &item);
}

static void looked_up(struct dht *d, struct search *s, const struct asked *a,
		      const struct krpc_msg *m)
{
	enum dht_family other = s->what.family == DHT_V4 ? DHT_V6 : DHT_V4;
	uint32_t number = s->number;
	struct krpc_msg copy = *m;

	if (!lookup_answered(&s->lookup, &a->to, &m->id, m->token.p,
			     m->token.len))
		return;
	s->outcome.answered++;
	dht_each_node(m, &a->to, s->what.family, add_candidate, s);
	dht_each_node(m, &a->to, s->what.family, hear_of, d);
	dht_each_node(m, &a->to, other, hear_of, d);
	hand_peers(s, m, &a->to);
	s = find(d, number); /* a callback may have cancelled it */
	if (s)
		hand_item(s, &copy);
}

void dht_search_slow(struct dht *d, const struct asked *a)
{
	struct search *s = find(d, a->search);

	if (s && a->kind == ASK_LOOKUP)
		lookup_slow(&s->lookup, &a->to);
}

void dht_search_result(struct dht *d, const struct asked *a,
		       const struct krpc_msg *m, int64_t now_ms)
{
	struct search *s = find(d, a->search);

	if (!s)
		return;
	if (a->kind == ASK_STORE) {
		s->storing_left--;
		s->outcome.stored += m != NULL;
	} else if (m) {
		looked_up(d, s, a, m);
	} else {
		lookup_failed(&s->lookup, &a->to);
	}
	s = find(d, a->search);
	if (s)
		step(d, s, now_ms);
}
