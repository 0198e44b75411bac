#include "storage/rent/endpoint.h"

#include "base/bytes.h"
#include "base/eip712.h"
#include "base/ip.h"

#include <stdlib.h>
#include <string.h>

#define MAX_MOST 65536U
#define NONE UINT32_MAX
#define RIVALS 16U

struct entry {
	struct endpoint_record r;
	struct rent_net net;  /* of its own address */
	struct rent_net from; /* who told it first */
	bool told;	      /* `from` is set */
	bool met;
	bool used;
	uint32_t next; /* in its bucket, or in the free list */
};

struct endpoints {
	struct endpoints_cfg cfg;
	struct entry *entries; /* cfg.max of them */
	uint32_t *buckets;
	uint32_t n_buckets; /* a power of two */
	uint32_t n, free_first;
	bool has_own;
	struct endpoint_record own;
};

struct rent_net rent_net_of(const uint8_t ip[16])
{
	struct rent_net out = {{0}};

	if (ip_is_v4(ip)) {
		out.bytes[0] = 4;
		memcpy(out.bytes + 1, ip + 12, 3);
	} else {
		out.bytes[0] = 6;
		memcpy(out.bytes + 1, ip, 6);
	}
	return out;
}

static bool same_net(const struct rent_net *a, const struct rent_net *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

void endpoint_record_put(uint8_t out[RENT_NODE_LEN],
			 const struct endpoint_record *r)
{
	struct wr w = wr_into(out, RENT_NODE_LEN);

	endpoint_put(&w, &r->p);
	wr_copy(&w, r->sig.bytes, sizeof(r->sig.bytes));
}

void endpoint_record_get(struct endpoint_record *out,
			 const uint8_t in[RENT_NODE_LEN])
{
	struct rd r = rd_from(in, RENT_NODE_LEN);

	endpoint_get(&r, &out->p);
	rd_copy(&r, out->sig.bytes, sizeof(out->sig.bytes));
}

enum err_code endpoints_new(struct endpoints **out,
			    const struct endpoints_cfg *cfg, struct err *e)
{
	uint32_t max = cfg->max ? cfg->max : ENDPOINT_MAX_DEFAULT;
	struct endpoints *t;

	*out = NULL;
	if (max > MAX_MOST)
		return err_fail(e, ERR_LIMIT, "endpoints: a table of %u", max);
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_fail(e, ERR_NOMEM, "endpoints");
	t->cfg = *cfg;
	for (t->cfg.max = 1; t->cfg.max < max;)
		t->cfg.max *= 2;
	max = t->n_buckets = t->cfg.max;
	t->entries = calloc(max, sizeof(*t->entries));
	t->buckets = malloc(t->n_buckets * sizeof(*t->buckets));
	if (!t->entries || !t->buckets) {
		endpoints_free(t);
		return err_fail(e, ERR_NOMEM, "endpoints: a table of %u", max);
	}
	memset(t->buckets, 0xff, t->n_buckets * sizeof(*t->buckets));
	for (uint32_t i = 0; i < max; i++)
		t->entries[i].next = i + 1 < max ? i + 1 : NONE;
	*out = t;
	return ERR_NONE;
}

void endpoints_free(struct endpoints *t)
{
	if (!t)
		return;
	free(t->entries);
	free(t->buckets);
	free(t);
}

/* ---- the table ---- */

static uint32_t *bucket_of(const struct endpoints *t, const struct address *a)
{
	uint32_t h = 0;

	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = h * 31 + a->bytes[i];
	return &t->buckets[h & (t->n_buckets - 1)];
}

static struct entry *find(const struct endpoints *t, const struct address *a)
{
	uint32_t i = *bucket_of(t, a);

	while (i != NONE && !address_eq(&t->entries[i].r.p.host, a))
		i = t->entries[i].next;
	return i == NONE ? NULL : &t->entries[i];
}

static void drop(struct endpoints *t, struct entry *en)
{
	uint32_t *at = bucket_of(t, &en->r.p.host);
	uint32_t index = (uint32_t)(en - t->entries);

	while (*at != index)
		at = &t->entries[*at].next;
	*at = en->next;
	en->used = false;
	en->next = t->free_first;
	t->free_first = index;
	t->n--;
}

static struct entry *add(struct endpoints *t, const struct address *host)
{
	uint32_t *at = bucket_of(t, host), index = t->free_first;
	struct entry *en = &t->entries[index];

	t->free_first = en->next;
	memset(en, 0, sizeof(*en));
	en->used = true;
	en->r.p.host = *host;
	en->next = *at;
	*at = index;
	t->n++;
	return en;
}

static bool expired(const struct endpoint *p, int64_t now_s)
{
	return p->time > (uint64_t)(now_s + ENDPOINT_AHEAD_S) ||
	       p->time + ENDPOINT_KEEP_S <= (uint64_t)now_s;
}

void endpoints_tick(struct endpoints *t, int64_t now_s)
{
	for (uint32_t i = 0; i < t->cfg.max; i++)
		if (t->entries[i].used && expired(&t->entries[i].r.p, now_s))
			drop(t, &t->entries[i]);
}

/* ---- taking ---- */

static bool is_local4(const uint8_t ip[4])
{
	return ip[0] == 10 || ip[0] == 127 ||
	       (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168) ||
	       (ip[0] == 169 && ip[1] == 254) ||
	       (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

static bool is_place(const struct endpoints *t, const struct endpoint *p)
{
	static const uint8_t loopback[16] = {[15] = 1};
	const uint8_t *ip = p->ip;

	if (p->port == 0)
		return false;
	if (ip_is_v4(ip))
		return ip[12] != 0 && ip[12] < 224 &&
		       (t->cfg.local || !is_local4(ip + 12));
	if (memcmp(ip, loopback, 16) == 0 || (ip[0] & 0xfe) == 0xfc ||
	    (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80))
		return t->cfg.local;
	return (ip[0] & 0xe0) == 0x20; /* 2000::/3, what is routed */
}

static bool is_signed(const struct endpoints *t,
		      const struct endpoint_record *r)
{
	struct hash32 digest = eip712_endpoint(&t->cfg.domain, &r->p);

	return sig64_is_by(&r->sig, &digest, &r->p.host);
}

static uint32_t count_net(const struct endpoints *t, const struct rent_net *net,
			  const struct entry *but)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->cfg.max; i++) {
		const struct entry *en = &t->entries[i];

		n += en->used && en != but && same_net(&en->net, net);
	}
	return n;
}

static uint32_t count_from(const struct endpoints *t,
			   const struct rent_net *from)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->cfg.max; i++) {
		const struct entry *en = &t->entries[i];

		n += en->used && en->told && !en->met &&
		     same_net(&en->from, from);
	}
	return n;
}

/* Those among whom one may have to go for a new one: never a host that we met,
 * nor one that our own user named. */
struct rivals {
	struct entry *at[RIVALS];
	uint32_t n;
};

static void add_rival(struct rivals *v, struct entry *en)
{
	if (v->n < RIVALS && en->used && en->told && !en->met)
		v->at[v->n++] = en;
}

/* The one whose network brought the most gives way, but not to one of a network
 * that has brought as many. `among`: only the rivals themselves count. */
static bool make_room(struct endpoints *t, const struct rivals *v, bool among,
		      const struct rent_net *from)
{
	struct entry *worst = NULL;
	uint32_t most = 0, own = 0;

	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t n = 0;

		for (uint32_t k = 0; k < v->n && among; k++)
			n += same_net(&v->at[k]->from, &v->at[i]->from);
		if (!among)
			n = count_from(t, &v->at[i]->from);
		if (from && same_net(from, &v->at[i]->from))
			own = n;
		if (n > most) {
			most = n;
			worst = v->at[i];
		}
	}
	if (!among && from)
		own = count_from(t, from);
	if (!worst || (from && own + 1 >= most))
		return false;
	drop(t, worst);
	return true;
}

static bool room_in_net(struct endpoints *t, const struct rent_net *net,
			const struct entry *old, const struct rent_net *from)
{
	struct rivals v = {.n = 0};

	if (count_net(t, net, old) < ENDPOINT_PER_NET)
		return true;
	for (uint32_t i = 0; i < t->cfg.max; i++)
		if (same_net(&t->entries[i].net, net) && &t->entries[i] != old)
			add_rival(&v, &t->entries[i]);
	return make_room(t, &v, true, from);
}

static bool room_in_all(struct endpoints *t, const struct rent_net *from,
			int64_t now_s)
{
	struct rivals v = {.n = 0};

	if (from && count_from(t, from) >= (t->cfg.max + 7) / 8)
		return false;
	if (t->n >= t->cfg.max)
		endpoints_tick(t, now_s);
	if (t->n < t->cfg.max)
		return true;
	for (uint32_t i = 0; i < 4 * RIVALS; i++)
		add_rival(&v, &t->entries[rng_below(&t->cfg.rng, t->cfg.max)]);
	return make_room(t, &v, false, from);
}

enum endpoint_verdict endpoints_take(struct endpoints *t,
				     const struct endpoint_record *r,
				     const struct rent_net *from, int64_t now_s)
{
	struct rent_net net = rent_net_of(r->p.ip);
	struct entry *en;

	if (expired(&r->p, now_s))
		return ENDPOINT_EXPIRED;
	if (!is_place(t, &r->p))
		return ENDPOINT_NO_PLACE;
	if (address_eq(&r->p.host, &t->cfg.self))
		return ENDPOINT_KNOWN;
	en = find(t, &r->p.host);
	if (en && en->r.p.time >= r->p.time)
		return ENDPOINT_KNOWN;
	if (!is_signed(t, r)) /* dear, so behind what is cheap */
		return ENDPOINT_FORGED;
	if (!room_in_net(t, &net, en, from) ||
	    (!en && !room_in_all(t, from, now_s)))
		return ENDPOINT_CROWDED;
	if (!en)
		en = add(t, &r->p.host);
	if (from && !en->told && !en->met) {
		en->told = true;
		en->from = *from;
	}
	en->r = *r;
	en->net = net;
	return ENDPOINT_TAKEN;
}

void endpoints_set_own(struct endpoints *t, const struct endpoint_record *r)
{
	t->own = *r;
	t->has_own = true;
}

void endpoints_met(struct endpoints *t, const struct address *host, bool met)
{
	struct entry *en = find(t, host);

	if (en)
		en->met = met;
}

/* ---- telling ---- */

bool endpoints_find(const struct endpoints *t, const struct address *host,
		    int64_t now_s, struct endpoint_record *out)
{
	const struct entry *en = find(t, host);

	if (!en || expired(&en->r.p, now_s))
		return false;
	*out = en->r;
	return true;
}

struct chosen { /* networks of an answer, to spread it */
	struct rent_net nets[RENT_NODES_MAX];
	size_t n;
};

static bool may_choose(struct chosen *c, const struct rent_net *net)
{
	unsigned same = 0;

	for (size_t i = 0; i < c->n; i++)
		same += same_net(&c->nets[i], net);
	if (same >= ENDPOINT_ANSWER_PER_NET)
		return false;
	c->nets[c->n++] = *net;
	return true;
}

size_t endpoints_answer(struct endpoints *t, uint8_t *out, size_t n,
			int64_t now_s)
{
	uint32_t start = rng_below(&t->cfg.rng, t->cfg.max);
	/* odd, so that it visits every place, their number being a power of 2
	 */
	uint32_t step = rng_below(&t->cfg.rng, t->cfg.max) | 1;
	struct chosen c = {.n = 0};

	if (n > RENT_NODES_MAX)
		n = RENT_NODES_MAX;
	if (t->has_own && n) {
		endpoint_record_put(out, &t->own);
		c.nets[c.n++] = rent_net_of(t->own.p.ip);
	}
	for (uint32_t i = 0; i < t->cfg.max && c.n < n; i++) {
		uint64_t at = (start + (uint64_t)i * step) % t->cfg.max;
		const struct entry *en = &t->entries[at];

		if (!en->used || expired(&en->r.p, now_s) ||
		    !may_choose(&c, &en->net))
			continue;
		endpoint_record_put(out + (c.n - 1) * RENT_NODE_LEN, &en->r);
	}
	return c.n;
}

void endpoints_each(const struct endpoints *t, int64_t now_s,
		    void (*fn)(void *ctx, const struct endpoint_record *r),
		    void *ctx)
{
	for (uint32_t i = 0; i < t->cfg.max; i++)
		if (t->entries[i].used && !expired(&t->entries[i].r.p, now_s))
			fn(ctx, &t->entries[i].r);
}

uint32_t endpoints_count(const struct endpoints *t)
{
	return t->n;
}
