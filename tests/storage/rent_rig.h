/* rent_rig.h - a host with a store in memory, and keys, for tests of renting.
 *
 * The store answers when rig_run() is called, in order, and can be told to fail
 * at a kind of question. Time is a number. What the host says lies in a queue a
 * session, as bytes.
 */
#ifndef TESTS_STORAGE_RENT_RIG_H
#define TESTS_STORAGE_RENT_RIG_H

#include "base/eip712.h"
#include "base/rng.h"
#include "storage/rent/rent_host.h"
#include "storage/sector/tree.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define RIG_SESSIONS 24
#define RIG_SECTORS 512
#define RIG_LISTS 16
#define RIG_LIST_MAX 4096
#define RIG_RECORDS 8
#define RIG_QUEUE 1024
#define RIG_OUT 2048

struct rig_id { /* an account */
	struct ecc_key key;
	struct address address;
};

struct rig_sector {
	struct hash32 root;
	uint8_t *bytes;
	bool lost;
	struct address stager; /* zero: not staged */
	uint32_t refs;
};

struct rig_list {
	struct address renter;
	uint32_t number;
	uint8_t blob[RENT_BLOB_LEN];
	struct hash32 *roots;
	uint32_t n;
};

struct rig_record {
	uint8_t id[32];
	uint64_t seq;
	uint8_t *bytes;
	uint32_t size;
};

struct rig_ask { /* a question with copies of all that it borrows */
	uint64_t token;
	struct rent_ask q;
	struct agreement a;
	uint8_t blob[RENT_BLOB_LEN];
	uint8_t *roots, *cuts, *bytes;
};

struct rig;

struct rig_session {
	struct rig *rig;
	struct rent_session *s;
	struct rig_id id; /* of the renter */
	uint8_t key[32];  /* its X25519 key */
	uint8_t *out[RIG_OUT];
	size_t out_len[RIG_OUT];
	unsigned n_out, at; /* said, and looked at */
	bool closed, blocked;
	char why[200];
	size_t room;	 /* what room() says */
	uint64_t credit; /* charge(), covered(): bytes and units that it has */
	uint64_t charged, dues;
	unsigned blocks;
	/* instead of keeping them: what takes the host's messages */
	void (*sink)(void *ctx, const uint8_t *msg, size_t len);
	void *sink_ctx;
};

struct rig {
	struct rent_host *h;
	struct endpoints *peers;
	struct rig_id host;
	int64_t now_ms, now_s;
	struct rig_session sessions[RIG_SESSIONS];
	unsigned n_sessions;
	struct rig_sector sectors[RIG_SECTORS];
	unsigned n_sectors;
	struct rig_list lists[RIG_LISTS];
	unsigned n_lists;
	struct rig_record records[RIG_RECORDS], head;
	unsigned n_records;
	struct rig_ask queue[RIG_QUEUE];
	unsigned n_queue;
	struct rent_offer offer, old_offer;
	struct rent_facts facts;
	uint32_t period;
	bool period_known, no_offer, no_collateral;
	uint64_t space, proof_fee;
	uint32_t stage_max;
	/* the next question of this kind is answered by this code; 0: none */
	unsigned fail_kind;
	enum err_code fail_code;
	bool corrupt; /* reads give wrong bytes, with a right proof */
	bool hold_answers;
	/* instead of the store in memory */
	void (*hook)(void *ctx, uint64_t token, const struct rent_ask *q);
	void *hook_ctx;
	uint64_t orphan_dues; /* add_due() without a session */
	unsigned events[16], asked[RENT_ASK_KINDS];
	enum rent_no last_refusal;
};

static struct ecc *rig_ecc;
static struct hash32 rig_domain;
static const struct address rig_bank = {{7, 7}};
#define RIG_CHAIN 31337

static inline struct rig_id rig_account(unsigned n)
{
	struct rig_id id = {{{0}}, {{0}}};

	if (!rig_ecc) {
		rig_ecc = ecc_new(NULL);
		rig_domain = eip712_domain(RIG_CHAIN, &rig_bank);
	}
	id.key.bytes[0] = 1;
	id.key.bytes[30] = (uint8_t)(n >> 8);
	id.key.bytes[31] = (uint8_t)n;
	id.address = ecc_address(rig_ecc, &id.key);
	return id;
}

static inline struct sig64 rig_sign(const struct rig_id *id,
				    const struct hash32 *digest)
{
	struct ecc_sig sig = ecc_sign(rig_ecc, &id->key, digest);

	return sig64_pack(&sig);
}

static inline struct sig64 rig_sign_agreement(const struct rig_id *id,
					      const struct agreement *a)
{
	struct hash32 digest = eip712_agreement(&rig_domain, a);

	return rig_sign(id, &digest);
}

/* Sector number n of the world: its bytes and root. */
static inline void rig_sector_bytes(uint8_t *out, struct hash32 *root,
				    unsigned n)
{
	for (size_t i = 0; i < SECTOR_LEN; i += 64) {
		memset(out + i, (int)(n * 31 + i / 64), 64);
		out[i] = (uint8_t)n;
		out[i + 1] = (uint8_t)(n >> 8);
	}
	tree_sector_root(root, out);
}

static inline struct hash32 rig_list_root(const struct hash32 *roots,
					  uint32_t n)
{
	static struct tree_fold f;
	struct hash32 root = {{0}};

	tree_fold_init(&f, 0);
	tree_fold_add(&f, roots, n);
	if (n)
		CHECK(tree_fold_end(&f, &root), "no root");
	return root;
}

/* Of n sectors, paid ahead and not for the chain. */
static inline struct agreement rig_prepaid(const struct rig *g,
					   const struct address *renter,
					   const struct hash32 *roots,
					   uint32_t n)
{
	struct agreement a = {
		.renter = *renter,
		.host = g->host.address,
		.number = RENT_UNOPENED,
		.root = rig_list_root(roots, n),
		.sectors = n,
		.through = 101,
		.start = 100,
		.end = 130,
		.span = 7,
		.terms = g->offer.digest,
	};

	a.rate = amount_from_u64(10ULL * n);
	a.earned = a.rate;
	return a;
}

/* ---- the store ---- */

static inline struct rig_sector *rig_find(struct rig *g,
					  const struct hash32 *root)
{
	for (unsigned i = 0; i < g->n_sectors; i++)
		if (memcmp(&g->sectors[i].root, root, 32) == 0)
			return &g->sectors[i];
	return NULL;
}

static inline struct rig_list *
rig_find_list(struct rig *g, const struct address *renter, uint32_t number)
{
	for (unsigned i = 0; i < g->n_lists; i++)
		if (address_eq(&g->lists[i].renter, renter) &&
		    g->lists[i].number == number)
			return &g->lists[i];
	return NULL;
}

static inline uint32_t rig_staged(const struct rig *g,
				  const struct address *who)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < g->n_sectors; i++)
		n += address_eq(&g->sectors[i].stager, who);
	return n;
}

static inline void rig_put(struct rig *g, const struct rent_ask *q,
			   struct rent_answer *a)
{
	struct rig_sector *s = rig_find(g, &q->root);
	struct hash32 root;

	tree_sector_root(&root, q->data.p);
	if (memcmp(&root, &q->root, 32) != 0) {
		a->code = ERR_SIG;
		return;
	}
	if (rig_staged(g, &q->renter) >= g->stage_max ||
	    g->n_sectors >= RIG_SECTORS) {
		a->code = ERR_LIMIT;
		return;
	}
	if (!s) {
		s = &g->sectors[g->n_sectors++];
		*s = (struct rig_sector){.root = q->root,
					 .bytes = malloc(SECTOR_LEN)};
		memcpy(s->bytes, q->data.p, SECTOR_LEN);
	}
	s->lost = false;
	s->stager = q->renter;
}

static inline void rig_read(struct rig *g, const struct rent_ask *q,
			    struct rent_answer *a, struct hash32 *proof)
{
	struct rig_sector *s = rig_find(g, &q->root);
	static struct hash32 nodes[SECTOR_TILES];
	static uint8_t bytes[SECTOR_LEN];

	if (!s || s->lost) {
		a->code = ERR_STATE;
		a->lost = s != NULL;
		return;
	}
	tree_tile_nodes(nodes, s->bytes, SECTOR_TILES);
	a->n_bytes = 32 * tree_range_prove(proof, nodes, q->off / TREE_TILE,
					   q->len / TREE_TILE);
	a->bytes = (const uint8_t *)proof;
	memcpy(bytes, s->bytes + q->off, q->len);
	if (g->corrupt)
		bytes[q->len / 2] ^= 1;
	a->data = (struct span){NULL, bytes, q->len};
	/* the machine keeps it: so it needs an owner, or bytes that stay */
	a->data.p = g->corrupt ? bytes : s->bytes + q->off;
}

/* The list that the changes give; NULL when they give none. */
static inline struct hash32 *rig_changed(struct rig *g,
					 const struct rent_ask *q, uint32_t *n)
{
	struct rig_list *l = rig_find_list(g, &q->renter, q->number);
	struct hash32 *roots = calloc(RIG_LIST_MAX, 32);

	*n = l ? l->n : 0;
	if (l)
		memcpy(roots, l->roots, *n * sizeof(*roots));
	for (size_t i = 0; i < q->n_cuts; i++) {
		struct rd r = rd_from(q->cuts + 4 * i, 4);
		uint32_t at = rd_u32(&r);

		if (at >= *n)
			goto none;
		roots[at] = roots[--*n];
	}
	for (size_t i = 0; i < q->n_roots; i++) {
		if (*n == RIG_LIST_MAX)
			goto none;
		memcpy(&roots[*n], q->roots + 32 * i, 32);
		if (!rig_find(g, &roots[*n]))
			goto none;
		++*n;
	}
	return roots;
none:
	free(roots);
	return NULL;
}

static inline void rig_change(struct rig *g, const struct rent_ask *q,
			      struct rent_answer *a, bool store)
{
	struct rig_list *l = rig_find_list(g, &q->renter, q->number);
	uint32_t n;
	struct hash32 *roots = rig_changed(g, q, &n), root;

	a->code = ERR_STATE;
	if (!roots)
		return;
	root = rig_list_root(roots, n);
	a->code = n == q->a->sectors && memcmp(&root, &q->a->root, 32) == 0
			  ? ERR_NONE
			  : ERR_SIG;
	if (a->code != ERR_NONE || !store) {
		free(roots);
		return;
	}
	if (!l && g->n_lists == RIG_LISTS) {
		a->code = ERR_LIMIT;
		free(roots);
		return;
	}
	if (!l) {
		l = &g->lists[g->n_lists++];
		l->renter = q->renter;
		l->number = q->number;
		l->roots = NULL;
	}
	free(l->roots);
	l->roots = roots;
	l->n = n;
	memcpy(l->blob, q->blob, RENT_BLOB_LEN);
	for (size_t i = 0; i < q->n_roots; i++) {
		struct rig_sector *s;

		memcpy(&root, q->roots + 32 * i, 32);
		s = rig_find(g, &root);
		s->stager = (struct address){{0}};
		s->refs++;
	}
}

static inline void rig_page(struct rig *g, const struct rent_ask *q,
			    struct rent_answer *a, bool lost,
			    struct hash32 *out)
{
	struct rig_list *l = rig_find_list(g, &q->renter, q->number);
	uint32_t at = q->from, n = 0;

	if (!l || q->from > l->n) {
		a->code = ERR_STATE;
		return;
	}
	for (; at < l->n && n < q->n; at++) {
		const struct rig_sector *s = rig_find(g, &l->roots[at]);

		if (!lost || !s || s->lost)
			out[n++] = l->roots[at];
	}
	a->bytes = (const uint8_t *)out;
	a->n_bytes = n * 32;
	a->next = at;
	a->total = l->n;
}

static inline struct rig_record *rig_record(struct rig *g, const uint8_t id[32])
{
	for (unsigned i = 0; i < g->n_records; i++)
		if (memcmp(g->records[i].id, id, 32) == 0)
			return &g->records[i];
	return NULL;
}

static inline void rig_keep(struct rig_record *r, const struct rent_ask *q,
			    struct rent_answer *a)
{
	a->old = r->seq >= q->seq;
	if (a->old)
		return;
	free(r->bytes);
	memcpy(r->id, q->id, 32);
	r->bytes = malloc(q->n_bytes);
	memcpy(r->bytes, q->bytes, q->n_bytes);
	r->size = (uint32_t)q->n_bytes;
	r->seq = q->seq;
}

static inline void rig_fetch(struct rig_record *r, const struct rent_ask *q,
			     struct rent_answer *a)
{
	if (!r || q->off >= r->size) {
		a->code = ERR_STATE;
		return;
	}
	a->seq = r->seq;
	a->size = r->size;
	a->bytes = r->bytes + q->off;
	a->n_bytes = r->size - q->off < q->len ? r->size - q->off : q->len;
}

static inline void rig_answer(struct rig *g, const struct rig_ask *k)
{
	static struct hash32 roots[RENT_ROOTS_MAX];
	struct rent_answer a = {.code = ERR_NONE};
	struct rig_list *l = rig_find_list(g, &k->q.renter, k->q.number);
	struct hash32 proof[TREE_TILE_PROOF];
	uint8_t bits[RENT_HAVE_MAX / 8] = {0};
	struct rig_sector *s;
	struct sig64 sig;

	if (g->fail_code && g->fail_kind == k->q.kind) {
		a.code = g->fail_code;
		g->fail_code = ERR_NONE;
		rent_host_answer(g->h, k->token, &a, g->now_ms);
		return;
	}
	switch (k->q.kind) {
	case RENT_ASK_PUT:
		rig_put(g, &k->q, &a);
		break;
	case RENT_ASK_HAVE:
		for (size_t i = 0; i < k->q.n_roots; i++) {
			struct hash32 root;

			memcpy(&root, k->q.roots + 32 * i, 32);
			s = rig_find(g, &root);
			if (!s || s->lost)
				continue;
			bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
			if (!s->refs)
				s->stager = k->q.renter;
		}
		a.bytes = bits;
		a.n_bytes = (k->q.n_roots + 7) / 8;
		break;
	case RENT_ASK_READ:
		rig_read(g, &k->q, &a, proof);
		break;
	case RENT_ASK_AGREEMENT:
		a.code = l ? ERR_NONE : ERR_STATE;
		a.bytes = l ? l->blob : NULL;
		a.n_bytes = l ? RENT_BLOB_LEN : 0;
		break;
	case RENT_ASK_PREVIEW:
	case RENT_ASK_CHANGE:
		rig_change(g, &k->q, &a, k->q.kind == RENT_ASK_CHANGE);
		break;
	case RENT_ASK_SIGN:
		sig = rig_sign_agreement(&g->host, k->q.a);
		a.bytes = sig.bytes;
		a.n_bytes = sizeof(sig.bytes);
		break;
	case RENT_ASK_ROOTS:
	case RENT_ASK_LOST:
		rig_page(g, &k->q, &a, k->q.kind == RENT_ASK_LOST, roots);
		break;
	case RENT_ASK_PLACE:
		if (!rig_record(g, k->q.id) && g->n_records == RIG_RECORDS) {
			a.code = ERR_LIMIT;
			break;
		}
		if (!rig_record(g, k->q.id))
			memcpy(g->records[g->n_records++].id, k->q.id, 32);
		rig_keep(rig_record(g, k->q.id), &k->q, &a);
		break;
	case RENT_ASK_KEEP:
		rig_keep(&g->head, &k->q, &a);
		break;
	case RENT_ASK_FETCH:
		rig_fetch(rig_record(g, k->q.id), &k->q, &a);
		break;
	case RENT_ASK_HEAD:
		a.seq = g->head.seq;
		a.bytes = g->head.bytes;
		a.n_bytes = g->head.size;
		break;
	}
	rent_host_answer(g->h, k->token, &a, g->now_ms);
}

static inline uint8_t *rig_copy(const uint8_t *p, size_t len)
{
	uint8_t *out = malloc(len + 1);

	if (len)
		memcpy(out, p, len);
	return out;
}

static inline void rig_free_ask(struct rig_ask *k)
{
	free(k->roots);
	free(k->cuts);
	free(k->bytes);
	span_unref(&k->q.data);
}

static inline void rig_ask(void *ctx, uint64_t token, const struct rent_ask *q)
{
	struct rig *g = ctx;
	struct rig_ask *k;

	g->asked[q->kind]++;
	if (g->hook) {
		g->hook(g->hook_ctx, token, q);
		return;
	}
	k = &g->queue[g->n_queue++];
	CHECK(g->n_queue < RIG_QUEUE, "too many questions");
	k->token = token;
	k->q = *q;
	k->q.roots = k->roots = rig_copy(q->roots, q->n_roots * 32);
	k->q.cuts = k->cuts = rig_copy(q->cuts, q->n_cuts * 4);
	k->q.bytes = k->bytes = rig_copy(q->bytes, q->n_bytes);
	span_ref(&k->q.data);
	if (q->a) {
		k->a = *q->a;
		k->q.a = &k->a;
	}
	if (q->blob) {
		memcpy(k->blob, q->blob, RENT_BLOB_LEN);
		k->q.blob = k->blob;
	}
}

/* Answers the first question that waits; false: none does. */
static inline bool rig_step(struct rig *g)
{
	struct rig_ask k;

	if (g->n_queue == 0)
		return false;
	k = g->queue[0];
	if (k.q.a)
		k.q.a = &k.a;
	if (k.q.blob)
		k.q.blob = k.blob;
	memmove(g->queue, g->queue + 1, --g->n_queue * sizeof(k));
	for (unsigned i = 0; i < g->n_queue; i++) {
		if (g->queue[i].q.a)
			g->queue[i].q.a = &g->queue[i].a;
		if (g->queue[i].q.blob)
			g->queue[i].q.blob = g->queue[i].blob;
	}
	rig_answer(g, &k);
	rig_free_ask(&k);
	return true;
}

static inline void rig_run(struct rig *g)
{
	while (!g->hold_answers && rig_step(g))
		continue;
}

/* ---- what the host is lent ---- */

static inline void rig_send(void *ctx, void *session, const uint8_t *msg,
			    size_t len)
{
	struct rig_session *s = session;

	(void)ctx;
	if (s->sink) {
		s->sink(s->sink_ctx, msg, len);
		return;
	}
	CHECK(s->n_out < RIG_OUT, "too much said");
	s->out[s->n_out] = rig_copy(msg, len);
	s->out_len[s->n_out++] = len;
}

static inline size_t rig_room(void *ctx, void *session)
{
	(void)ctx;
	return ((struct rig_session *)session)->room;
}

static inline void rig_close(void *ctx, void *session, const struct err *e)
{
	struct rig_session *s = session;

	(void)ctx;
	CHECK(!s->closed, "closed twice");
	s->closed = true;
	(void)snprintf(s->why, sizeof(s->why), "%s", e->msg);
}

static inline void rig_block(void *ctx, void *session, bool blocked)
{
	struct rig_session *s = session;

	(void)ctx;
	CHECK(s->blocked != blocked, "blocked or not, twice");
	s->blocked = blocked;
	s->blocks += blocked;
}

static inline bool rig_period(void *ctx, uint32_t *now)
{
	struct rig *g = ctx;

	*now = g->period;
	return g->period_known;
}

static inline void rig_facts(void *ctx, const struct address *renter,
			     uint32_t number, struct rent_facts *out)
{
	(void)renter;
	(void)number;
	*out = ((struct rig *)ctx)->facts;
}

static inline struct amount rig_proof_fee(void *ctx)
{
	return amount_from_u64(((struct rig *)ctx)->proof_fee);
}

static inline bool rig_collateral(void *ctx, struct amount more)
{
	(void)more;
	return !((struct rig *)ctx)->no_collateral;
}

static inline const struct rent_offer *rig_offer(void *ctx,
						 const struct hash32 *digest)
{
	struct rig *g = ctx;

	if (!digest)
		return g->no_offer ? NULL : &g->offer;
	if (memcmp(digest, &g->offer.digest, 32) == 0)
		return &g->offer;
	return memcmp(digest, &g->old_offer.digest, 32) == 0 ? &g->old_offer
							     : NULL;
}

static inline uint64_t rig_space(void *ctx)
{
	return ((struct rig *)ctx)->space;
}

static inline uint64_t rig_units(struct amount a)
{
	uint64_t v = UINT64_MAX;

	CHECK(amount_to_u64(&v, a), "an amount of more than 64 bits");
	return v;
}

static inline bool rig_covered(void *ctx, void *session, struct amount due)
{
	struct rig_session *s = session;

	(void)ctx;
	return s->charged + s->dues + rig_units(due) <= s->credit;
}

static inline void rig_add_due(void *ctx, void *session,
			       const struct address *renter, struct amount due)
{
	struct rig *g = ctx;

	CHECK(!address_is_zero(renter), "a due of nobody");
	if (session)
		((struct rig_session *)session)->dues += rig_units(due);
	else
		g->orphan_dues += rig_units(due);
}

static inline bool rig_charge(void *ctx, void *session, uint32_t len)
{
	struct rig_session *s = session;

	(void)ctx;
	if (s->charged + s->dues + len > s->credit)
		return false;
	s->charged += len;
	return true;
}

static inline void rig_event(void *ctx, const struct rent_event *ev)
{
	struct rig *g = ctx;

	g->events[ev->kind]++;
	if (ev->kind == RENT_EV_REFUSED)
		g->last_refusal = ev->code;
}

static inline struct rent_offer rig_make_offer(const struct rig *g,
					       uint64_t expires)
{
	struct rent_offer o = {.sheet = {.host = g->host.address,
					 .rent = amount_from_u64(10),
					 .ingress = amount_from_u64(1024 * 100),
					 .egress = amount_from_u64(1U << 30),
					 .collateral = amount_from_u64(50),
					 .penalty = amount_from_u64(5),
					 .min_periods = 10,
					 .max_periods = 100,
					 .span = 7,
					 .expires = expires}};

	o.digest = eip712_sheet(&rig_domain, &o.sheet);
	o.sig = rig_sign(&g->host, &o.digest);
	return o;
}

static const uint8_t rig_host_key[32] = {0x55, 1};

static inline void rig_init(struct rig *g)
{
	const struct rent_host_ops ops = {
		.ctx = g,
		.send = rig_send,
		.room = rig_room,
		.close = rig_close,
		.block = rig_block,
		.ask = rig_ask,
		.period = rig_period,
		.facts = rig_facts,
		.proof_fee = rig_proof_fee,
		.collateral = rig_collateral,
		.offer = rig_offer,
		.space = rig_space,
		.covered = rig_covered,
		.add_due = rig_add_due,
		.charge = rig_charge,
		.event = rig_event,
	};
	struct rent_host_cfg cfg = {.chain_id = RIG_CHAIN, .bank = rig_bank};
	struct endpoints_cfg peers = {.local = true, .rng = rng_seeded(1)};
	struct hash32 digest;
	struct err e = {0};

	memset(g, 0, sizeof(*g));
	g->host = rig_account(1000);
	g->now_ms = 1000000;
	g->now_s = 1800000000;
	g->period = 100;
	g->period_known = true;
	g->space = 1000;
	g->stage_max = 300;
	g->proof_fee = 1;
	g->facts.known = true;
	g->offer = rig_make_offer(g, (uint64_t)g->now_s + 86400);
	g->old_offer = rig_make_offer(g, (uint64_t)g->now_s - 1);
	peers.domain = rig_domain;
	peers.self = g->host.address;
	CHECK(endpoints_new(&g->peers, &peers, &e) == ERR_NONE, "%s", e.msg);
	cfg.me = g->host.address;
	cfg.peers = g->peers;
	cfg.buffers = 8;
	digest = eip712_channel(&rig_domain, &cfg.me, rig_host_key);
	cfg.key_sig = rig_sign(&g->host, &digest);
	CHECK(rent_host_new(&g->h, &cfg, &ops, g->now_ms, g->now_s, &e) ==
		      ERR_NONE,
	      "%s", e.msg);
}

static inline void rig_clear_out(struct rig_session *s)
{
	for (unsigned i = 0; i < s->n_out; i++)
		free(s->out[i]);
	s->n_out = s->at = 0;
}

static inline void rig_hangup(struct rig_session *s)
{
	rent_session_free(s->s);
	s->s = NULL;
}

static inline void rig_free(struct rig *g)
{
	for (unsigned i = 0; i < g->n_sessions; i++) {
		rig_hangup(&g->sessions[i]);
		rig_clear_out(&g->sessions[i]);
	}
	while (rig_step(g))
		continue;
	rent_host_free(g->h);
	endpoints_free(g->peers);
	for (unsigned i = 0; i < g->n_sectors; i++)
		free(g->sectors[i].bytes);
	for (unsigned i = 0; i < g->n_lists; i++)
		free(g->lists[i].roots);
	for (unsigned i = 0; i < g->n_records; i++)
		free(g->records[i].bytes);
	free(g->head.bytes);
}

/* A session of account n from 10.0.n.1, hello not said yet. */
static inline struct rig_session *rig_connect(struct rig *g, unsigned n)
{
	struct rig_session *s = &g->sessions[g->n_sessions++];
	struct rent_session_cfg cfg = {.ctx = s};
	struct err e = {0};

	memset(s, 0, sizeof(*s));
	s->rig = g;
	s->id = rig_account(n);
	s->room = 1 << 20;
	s->credit = UINT64_MAX / 2;
	memset(s->key, (int)n, 32);
	memcpy(cfg.peer_key, s->key, 32);
	cfg.ip[10] = cfg.ip[11] = 0xff;
	cfg.ip[12] = 10;
	cfg.ip[14] = (uint8_t)n;
	cfg.ip[15] = 1;
	if (rent_session_new(&s->s, g->h, &cfg, g->now_ms, &e) != ERR_NONE)
		(void)snprintf(s->why, sizeof(s->why), "%s", e.msg);
	return s;
}

/* ---- talking to it by hand ---- */

static inline enum err_code rig_say_bytes(struct rig_session *s,
					  const uint8_t *msg, size_t len)
{
	struct err e = {0};
	enum err_code rc =
		rent_host_receive(s->s, msg, len, s->rig->now_ms, &e);

	if (rc != ERR_NONE)
		(void)snprintf(s->why, sizeof(s->why), "%s", e.msg);
	rig_run(s->rig);
	return rc;
}

static inline enum err_code rig_say(struct rig_session *s,
				    const struct rent_msg *m)
{
	static uint8_t buf[RENT_MSG_MAX];
	size_t len = rent_msg_encode(m, buf, sizeof(buf));

	CHECK(len > 0, "%s cannot be said", rent_kind_name(m->kind));
	return rig_say_bytes(s, buf, len);
}

static inline struct rent_msg rig_hello(const struct rig_session *s, bool shown)
{
	struct rent_msg m = {.kind = RENT_HELLO};
	struct hash32 digest =
		eip712_channel(&rig_domain, &s->id.address, s->key);

	m.u.hello = (struct rent_hello){
		.version = 1, .chain_id = RIG_CHAIN, .bank = rig_bank};
	if (shown) {
		m.u.hello.shown = true;
		m.u.hello.account = s->id.address;
		m.u.hello.sig = rig_sign(&s->id, &digest);
	}
	return m;
}

/* The host's next message; kind 0: it said nothing more. Views live until the
 * session's queue is cleared. */
static inline struct rent_msg rig_next(struct rig_session *s)
{
	struct rent_msg m = {.id = 0};
	struct err e = {0};

	if (s->at < s->n_out) {
		CHECK(rent_msg_decode(&m, s->out[s->at], s->out_len[s->at],
				      &e) == ERR_NONE,
		      "the host says nonsense: %s", e.msg);
		CHECK(!rent_msg_from_renter(m.kind), "a renter's message");
		s->at++;
	}
	return m;
}

static inline struct rig_session *rig_known(struct rig *g, unsigned n)
{
	struct rig_session *s = rig_connect(g, n);
	struct rent_msg m;

	m = rig_hello(s, true);
	CHECK(rig_say(s, &m) == ERR_NONE, "%s", s->why);
	m = rig_next(s);
	CHECK(m.kind == RENT_WELCOME, "no welcome");
	return s;
}

#endif
