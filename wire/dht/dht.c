/* What comes in, and what is due. */
#include "wire/dht/dht_int.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ASKED 32U
#define CONTACTS_AT_ONCE 24U /* checks under way, a family */
#define CONTACTS_PER_S 20U
#define MOST_NODES_OF_ONE 20U /* taken of one answer and family */
#define CHECK_EVERY_MS 2000   /* questionable nodes, a family */
#define EXPIRE_EVERY_MS 60000
#define BUSY_MS 250 /* until the next look while something runs */
#define IDLE_MS 2000
#define SELF_SOON_MS 500    /* after the first node was found */
#define SELF_AGAIN_MS 30000 /* while few are known */
#define FEW 2 * TABLE_K
#define SPREAD \
	5U /* after a start: all that is not near us, in five lookups \
	    */

static const uint8_t our_version[4] = {'S', 'E', 0, 1};

/* --- beginning and end -----------------------------------------------------
 */

static enum err_code open_side(struct dht *d, enum dht_family family,
			       struct err *e)
{
	static const uint8_t no_ip[16];
	struct side *s = &d->sides[family];

	s->on = d->cfg.family[family];
	s->self_ms = INT64_MAX;
	if (!s->on)
		return ERR_NONE;
	s->id = d->cfg.has_id[family] ? d->cfg.id[family]
				      : dht_id_for(no_ip, &d->cfg.rng);
	s->contacts = calloc(DHT_MAX_CONTACTS, sizeof(*s->contacts));
	if (!s->contacts)
		return err_fail(e, ERR_NOMEM, "dht");
	return table_new(&s->table, &s->id, e);
}

static enum err_code open_parts(struct dht *d, int64_t now_ms, struct err *e)
{
	enum err_code code = dht_gate_new(&d->gate, &d->cfg.rng, now_ms, e);

	if (code == ERR_NONE)
		code = kept_peers_new(&d->peers, &d->cfg.rng, e);
	if (code == ERR_NONE)
		code = kept_items_new(&d->items, e);
	if (code == ERR_NONE)
		code = open_side(d, DHT_V4, e);
	if (code == ERR_NONE)
		code = open_side(d, DHT_V6, e);
	return code;
}

enum err_code dht_new(struct dht **out, const struct dht_cfg *cfg,
		      int64_t now_ms, struct err *e)
{
	struct dht *d = calloc(1, sizeof(*d));
	enum err_code code;

	*out = NULL;
	if (!d)
		return err_fail(e, ERR_NOMEM, "dht");
	d->cfg = *cfg;
	d->wake_ms = d->credit_ms = now_ms;
	d->expire_ms = now_ms + EXPIRE_EVERY_MS;
	d->credit = CONTACTS_AT_ONCE;
	code = open_parts(d, now_ms, e);
	if (code != ERR_NONE) {
		dht_free(d);
		return code;
	}
	*out = d;
	return ERR_NONE;
}

void dht_free(struct dht *d)
{
	if (!d)
		return;
	dht_search_free_all(d);
	for (int i = 0; i < (int)DHT_FAMILIES; i++) {
		table_free(d->sides[i].table);
		free(d->sides[i].contacts);
	}
	kept_items_free(d->items);
	kept_peers_free(d->peers);
	dht_gate_free(d->gate);
	free(d->asked);
	free(d);
}

/* --- questions under way ---------------------------------------------------
 */

static bool grow_asked(struct dht *d)
{
	uint32_t cap = d->asked_cap ? d->asked_cap * 2 : FIRST_ASKED;
	struct asked *grown;

	if (d->asked_count < d->asked_cap)
		return true;
	if (cap > DHT_MAX_ASKED)
		return false;
	grown = realloc(d->asked, cap * sizeof(*grown));
	if (!grown)
		return false;
	memset(grown + d->asked_cap, 0, (cap - d->asked_cap) * sizeof(*grown));
	d->asked = grown;
	d->asked_hint = d->asked_cap;
	d->asked_cap = cap;
	return true;
}

bool dht_ask(struct dht *d, const struct asked *a, struct krpc_msg *m,
	     int64_t now_ms)
{
	uint8_t buf[KRPC_MAX];
	uint8_t tid[4];
	uint32_t i;
	size_t len;

	if (!grow_asked(d))
		return false;
	i = d->asked_hint;
	while (d->asked[i].used)
		i = (i + 1) % d->asked_cap;
	d->asked_hint = (i + 1) % d->asked_cap;
	d->asked[i] = *a;
	d->asked[i].used = true;
	d->asked[i].sent_ms = now_ms;
	rng_fill(&d->cfg.rng, &d->asked[i].secret, sizeof(uint16_t));
	tid[0] = (uint8_t)(i >> 8);
	tid[1] = (uint8_t)i;
	memcpy(tid + 2, &d->asked[i].secret, sizeof(uint16_t));
	m->tid = (struct ben_view){tid, sizeof(tid)};
	m->has_id = true;
	m->id = d->sides[dht_family_of(&a->to)].id;
	m->read_only = d->cfg.read_only;
	m->version = (struct ben_view){our_version, sizeof(our_version)};
	len = krpc_write(m, buf, sizeof(buf));
	d->asked_count++;
	if (a->kind == ASK_CHECK)
		d->sides[dht_family_of(&a->to)].checks++;
	if (d->wake_ms > now_ms + BUSY_MS)
		d->wake_ms = now_ms + BUSY_MS;
	d->cfg.send(d->cfg.ctx, &a->to, buf, len);
	return true;
}

static void forget_asked(struct dht *d, struct asked *a)
{
	a->used = false;
	d->asked_count--;
	if (a->kind == ASK_CHECK)
		d->sides[dht_family_of(&a->to)].checks--;
}

/* The question that this is the answer to, or NULL. */
static struct asked *find_asked(struct dht *d, const struct wire_addr *from,
				struct ben_view tid)
{
	struct asked *a;
	uint32_t i;

	if (tid.len != 4)
		return NULL;
	i = (uint32_t)(tid.p[0] << 8 | tid.p[1]);
	if (i >= d->asked_cap)
		return NULL;
	a = &d->asked[i];
	if (!a->used || memcmp(&a->secret, tid.p + 2, sizeof(a->secret)) != 0 ||
	    !dht_addr_eq(&a->to, from))
		return NULL;
	return a;
}

/* --- who may be a node -----------------------------------------------------
 */

bool dht_may_tell(const struct wire_addr *teller, const struct wire_addr *addr)
{
	enum dht_place place = dht_place_of(addr);

	return place == DHT_PUBLIC ||
	       (place == DHT_LOCAL && dht_place_of(teller) == DHT_LOCAL);
}

void dht_each_node(const struct krpc_msg *m, const struct wire_addr *teller,
		   enum dht_family family,
		   void (*fn)(void *ctx, const struct dht_id *id,
			      const struct wire_addr *addr),
		   void *ctx)
{
	struct ben_view v = family == DHT_V4 ? m->nodes : m->nodes6;
	size_t len = DHT_ID_LEN + dht_compact_len(family);
	size_t n = v.len / len;

	for (size_t i = 0; i < n && i < MOST_NODES_OF_ONE; i++) {
		struct wire_addr addr =
			dht_compact_read(v.p + i * len + DHT_ID_LEN, family);
		struct dht_id id;

		memcpy(id.bytes, v.p + i * len, DHT_ID_LEN);
		if (dht_family_of(&addr) == family &&
		    dht_may_tell(teller, &addr))
			fn(ctx, &id, &addr);
	}
}

static bool put_contact(struct dht *d, const struct wire_addr *addr,
			const struct dht_id *id, bool again)
{
	struct side *s = &d->sides[dht_family_of(addr)];
	struct contact c = {.addr = *addr, .named = id != NULL, .again = again};

	if (!s->on || dht_place_of(addr) == DHT_NOWHERE ||
	    s->contact_count == DHT_MAX_CONTACTS)
		return false;
	for (uint32_t i = 0; i < s->contact_count; i++)
		if (dht_addr_eq(&s->contacts[(s->contact_first + i) %
					     DHT_MAX_CONTACTS]
					 .addr,
				addr))
			return true;
	if (id)
		c.id = *id;
	s->contacts[(s->contact_first + s->contact_count++) %
		    DHT_MAX_CONTACTS] = c;
	return true;
}

/* No answer came. While few are known, who was named to us is asked twice: one
 * lost datagram at the start would leave us alone. */
static void lost(struct dht *d, const struct asked *a, int64_t now_ms)
{
	struct side *s = &d->sides[dht_family_of(&a->to)];

	table_failed(s->table, &a->to);
	if (a->search)
		dht_search_result(d, a, NULL, now_ms);
	else if (!a->again && table_count(s->table) < FEW)
		(void)put_contact(d, &a->to, a->named ? &a->id : NULL, true);
}

static void expire_asked(struct dht *d, int64_t now_ms)
{
	for (uint32_t i = 0; d->asked_count && i < d->asked_cap; i++) {
		struct asked a = d->asked[i];

		if (!a.used || now_ms - a.sent_ms < DHT_SLOW_MS)
			continue;
		if (!a.slow)
			dht_search_slow(d, &a);
		d->asked[i].slow = true;
		if (now_ms - a.sent_ms < DHT_LOST_MS)
			continue;
		forget_asked(d, &d->asked[i]);
		lost(d, &a, now_ms);
	}
}

/* A peer with which we share a hundred torrents tells its port a hundred times:
 * a question for each would have its node bar us. */
bool dht_add_contact(struct dht *d, const struct wire_addr *addr,
		     const struct dht_id *id, int64_t now_ms)
{
	const struct side *s = &d->sides[dht_family_of(addr)];
	struct told *told =
		&d->told[(addr->ip[15] * 31U + addr->port) % DHT_TOLD];

	if (s->on && dht_place_of(addr) != DHT_NOWHERE &&
	    ((dht_addr_eq(&told->addr, addr) &&
	      now_ms - told->at_ms < DHT_TOLD_MS) ||
	     table_knows(s->table, addr)))
		return true;
	if (!put_contact(d, addr, id, false))
		return false;
	*told = (struct told){*addr, now_ms};
	d->wake_ms = now_ms;
	return true;
}

void dht_heard_of(struct dht *d, const struct dht_id *id,
		  const struct wire_addr *addr)
{
	struct side *s = &d->sides[dht_family_of(addr)];

	if (s->on && table_wants(s->table, id, addr))
		(void)put_contact(d, addr, id, false);
}

static void hear_of(void *ctx, const struct dht_id *id,
		    const struct wire_addr *addr)
{
	dht_heard_of(ctx, id, addr);
}

static bool check_node(struct dht *d, const struct contact *c, int64_t now_ms)
{
	struct side *s = &d->sides[dht_family_of(&c->addr)];
	struct asked a = {
		.kind = ASK_CHECK,
		.to = c->addr,
		.named = c->named,
		.again = c->again,
		.id = c->id,
	};
	struct krpc_msg m = {
		.type = KRPC_QUERY,
		.method = KRPC_FIND_NODE,
		.has_target = true,
		.target = s->id,
	};

	if (d->sides[DHT_V4].on && d->sides[DHT_V6].on)
		m.want = KRPC_WANT4 | KRPC_WANT6;
	return dht_ask(d, &a, &m, now_ms);
}

/* Contacts are asked as fast as the credit allows. */
static void ask_contacts(struct dht *d, int64_t now_ms)
{
	int64_t more = (now_ms - d->credit_ms) * CONTACTS_PER_S / 1000;

	if (more > 0) {
		d->credit = more > CONTACTS_AT_ONCE - d->credit
				    ? CONTACTS_AT_ONCE
				    : d->credit + (uint32_t)more;
		d->credit_ms = now_ms;
	}
	for (int f = 0; f < (int)DHT_FAMILIES; f++) {
		struct side *s = &d->sides[f];

		while (s->contact_count && d->credit &&
		       s->checks < CONTACTS_AT_ONCE) {
			struct contact c = s->contacts[s->contact_first];

			s->contact_first =
				(s->contact_first + 1) % DHT_MAX_CONTACTS;
			s->contact_count--;
			d->credit--;
			(void)check_node(d, &c, now_ms);
		}
	}
}

/* --- what comes in ---------------------------------------------------------
 */

/* Another address is ours: an id that fits it, and all find their place. */
static void learn_ip(struct dht *d, struct side *s, const struct asked *a,
		     const struct krpc_msg *m, int64_t now_ms)
{
	if (!m->has_ip || dht_family_of(&m->ip) != dht_family_of(&a->to) ||
	    !vote_add(&s->vote, &a->to, m->ip.ip) ||
	    dht_id_fits(&s->id, s->vote.ip))
		return;
	s->id = dht_id_for(s->vote.ip, &d->cfg.rng);
	table_set_own(s->table, &s->id, now_ms);
	dht_cancel(d, s->self_search); /* it was for another */
	s->self_search = 0;
	s->self_ms = now_ms;
	s->spread = SPREAD;
}

static void answered(struct dht *d, struct asked *at, const struct krpc_msg *m,
		     int64_t now_ms)
{
	struct asked a = *at;
	struct side *s = &d->sides[dht_family_of(&a.to)];
	bool first;

	forget_asked(d, at);
	if (!m->has_id || dht_id_eq(&m->id, &s->id)) { /* ourselves */
		table_failed(s->table, &a.to);
		if (a.search)
			dht_search_result(d, &a, NULL, now_ms);
		return;
	}
	d->answers++;
	first = table_count(s->table) == 0;
	(void)table_answered(s->table, &m->id, &a.to, now_ms);
	if (first && s->self_ms > now_ms + SELF_SOON_MS)
		s->self_ms = now_ms + SELF_SOON_MS;
	learn_ip(d, s, &a, m, now_ms);
	if (a.search) {
		dht_search_result(d, &a, m, now_ms);
		return;
	}
	dht_each_node(m, &a.to, DHT_V4, hear_of, d);
	dht_each_node(m, &a.to, DHT_V6, hear_of, d);
}

void dht_feed(struct dht *d, const struct wire_addr *from, const uint8_t *p,
	      size_t len, int64_t now_ms)
{
	struct asked *a;
	struct asked was;
	struct krpc_msg m;

	if (!d->sides[dht_family_of(from)].on ||
	    dht_place_of(from) == DHT_NOWHERE ||
	    krpc_read(&m, p, len, NULL) != ERR_NONE)
		return;
	if (m.type == KRPC_QUERY) {
		dht_answer(d, from, &m, len, now_ms);
		if (d->sides[DHT_V4].contact_count +
			    d->sides[DHT_V6].contact_count &&
		    d->wake_ms > now_ms + BUSY_MS)
			d->wake_ms = now_ms + BUSY_MS;
		return;
	}
	a = find_asked(d, from, m.tid);
	if (!a)
		return;
	if (m.type == KRPC_ANSWER) {
		answered(d, a, &m, now_ms);
		return;
	}
	was = *a;
	forget_asked(d, a);
	if (was.search)
		dht_search_result(d, &was, NULL, now_ms);
}

/* --- what is due -----------------------------------------------------------
 */

static uint32_t look_for(struct dht *d, enum dht_family family,
			 const struct dht_id *target)
{
	struct dht_search s = {
		.aim = DHT_FIND_NODES, .family = family, .target = *target};

	return dht_search_begin(d, &s, DHT_ALL_SEARCHES);
}

static void look_after_self(struct dht *d, enum dht_family family,
			    int64_t now_ms)
{
	struct side *s = &d->sides[family];

	if (s->self_search && !dht_search_runs(d, s->self_search)) {
		s->self_search = 0;
		s->spread = s->ready ? s->spread : SPREAD;
		s->ready = true;
		s->self_ms =
			now_ms + (table_count(s->table) < FEW ? SELF_AGAIN_MS
							      : DHT_REFRESH_MS);
	}
	if (table_count(s->table) == 0)
		s->ready = false;
	if (s->self_search || now_ms < s->self_ms)
		return;
	s->self_ms = table_count(s->table) ? now_ms + SELF_AGAIN_MS : INT64_MAX;
	if (table_count(s->table))
		s->self_search = look_for(d, family, &s->id);
}

static void look_after_nodes(struct dht *d, enum dht_family family,
			     int64_t now_ms)
{
	struct side *s = &d->sides[family];
	struct dht_id target;
	struct table_node n;
	struct contact c;

	if (s->bucket_search && !dht_search_runs(d, s->bucket_search))
		s->bucket_search = 0;
	if (s->ready && !s->bucket_search && s->spread) {
		target = table_target(s->table, --s->spread, &d->cfg.rng);
		s->bucket_search = look_for(d, family, &target);
	} else if (s->ready && !s->bucket_search &&
		   table_idle_bucket(s->table, &target, &d->cfg.rng, now_ms)) {
		s->bucket_search = look_for(d, family, &target);
	}
	if (now_ms < s->check_ms)
		return;
	s->check_ms = now_ms + CHECK_EVERY_MS;
	if (!table_questionable(s->table, &n, now_ms))
		return;
	c = (struct contact){.addr = n.addr, .named = true, .id = n.id};
	(void)check_node(d, &c, now_ms);
}

void dht_tick(struct dht *d, int64_t now_ms)
{
	bool busy;

	d->wake_ms = INT64_MAX;
	if (now_ms >= d->expire_ms) {
		kept_peers_expire(d->peers, now_ms);
		kept_items_expire(d->items, now_ms);
		d->expire_ms = now_ms + EXPIRE_EVERY_MS;
	}
	expire_asked(d, now_ms);
	ask_contacts(d, now_ms);
	for (int f = 0; f < (int)DHT_FAMILIES; f++) {
		if (!d->sides[f].on)
			continue;
		look_after_self(d, (enum dht_family)f, now_ms);
		look_after_nodes(d, (enum dht_family)f, now_ms);
	}
	dht_search_step_all(d, now_ms);
	busy = d->asked_count || d->search_count ||
	       d->sides[DHT_V4].contact_count || d->sides[DHT_V6].contact_count;
	if (d->wake_ms > now_ms + (busy ? BUSY_MS : IDLE_MS))
		d->wake_ms = now_ms + (busy ? BUSY_MS : IDLE_MS);
}

int64_t dht_wake_ms(const struct dht *d)
{
	return d->wake_ms;
}

/* --- what is known ---------------------------------------------------------
 */

bool dht_ready(const struct dht *d, enum dht_family family)
{
	return d->sides[family].ready;
}

bool dht_lost(const struct dht *d, enum dht_family family)
{
	const struct side *s = &d->sides[family];

	return s->on && table_count(s->table) == 0 && s->contact_count == 0 &&
	       s->checks == 0;
}

struct dht_id dht_own_id(const struct dht *d, enum dht_family family)
{
	return d->sides[family].id;
}

size_t dht_keep(const struct dht *d, enum dht_family family,
		struct dht_contact *out, size_t max)
{
	struct table_node nodes[64];
	size_t n;

	if (!d->sides[family].on)
		return 0;
	n = table_keep(d->sides[family].table, nodes, max < 64 ? max : 64);
	for (size_t i = 0; i < n; i++)
		out[i] = (struct dht_contact){nodes[i].id, nodes[i].addr};
	return n;
}

struct dht_status dht_status(const struct dht *d)
{
	struct dht_status st = {
		.torrents = kept_peers_torrents(d->peers),
		.peers = kept_peers_count(d->peers),
		.items = kept_items_count(d->items),
		.searches = d->search_count,
		.asked = d->asked_count,
		.questions = d->questions,
		.refused = d->refused,
		.answers = d->answers,
	};

	for (int f = 0; f < (int)DHT_FAMILIES; f++) {
		const struct side *s = &d->sides[f];

		st.nodes[f] = s->on ? table_count(s->table) : 0;
		st.ready[f] = s->ready;
		st.knows_ip[f] = s->vote.known;
		memcpy(st.ip[f], s->vote.ip, 16);
	}
	return st;
}
