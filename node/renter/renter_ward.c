#include "node/renter/renter_ward.h"

#include "base/aead.h"
#include "storage/rent/renter_placement.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(AEAD_NONCE_LEN + LINK_TEXT_MAX + AEAD_TAG_LEN <= RENTER_LINK_MAX,
	       "a wrapped link");

/* ---- rows ---- */

struct finding {
	const uint8_t *id;
	struct renter_steward *out;
	bool *found;
};

static bool find_row(void *ctx, const struct renter_steward *s)
{
	struct finding *f = ctx;

	if (memcmp(s->name.bytes, f->id, sizeof(s->name.bytes)) != 0)
		return true;
	*f->out = *s;
	*f->found = true;
	return false;
}

enum err_code ward_find(struct renter *r, const uint8_t id[OBJECT_KEY_LEN],
			struct renter_steward *out, bool *found, struct err *e)
{
	struct finding f = {.id = id, .out = out, .found = found};

	*found = false;
	return renter_db_stewards(r->db, find_row, &f, e);
}

/* What reads is not kept: a link that repairs, whatever was given. */
static enum err_code wrap(const struct renter *r, const struct holding *h,
			  struct renter_steward *s, struct err *e)
{
	const struct object_link *from = &h->linked->link;
	struct object_link l;
	char text[LINK_TEXT_MAX] = {0};
	uint8_t key[OBJECT_KEY_LEN];
	struct rng rng = rng_system();
	enum err_code code = link_from_keys(&l, &h->keys, OBJECT_REPAIR, e);
	bool sealed;

	if (code != ERR_NONE)
		return code;
	l.chain = from->chain;
	l.bank = from->bank;
	l.hosts_n = from->hosts_n;
	memcpy(l.hosts, from->hosts, sizeof(l.hosts));
	code = link_encode(text, &l, e);
	sodium_memzero(&l, sizeof(l));
	if (code != ERR_NONE)
		return code;
	rng_fill(&rng, s->link, AEAD_NONCE_LEN);
	object_wrap_key(key, r->master);
	sealed = aead_seal(s->link + AEAD_NONCE_LEN, (const uint8_t *)text,
			   sizeof(text), s->name.bytes, sizeof(s->name.bytes),
			   s->link, key);
	s->link_len = AEAD_NONCE_LEN + sizeof(text) + AEAD_TAG_LEN;
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return sealed ? ERR_NONE : err_fail(e, ERR_NOMEM, "a link");
}

enum err_code ward_link(const struct renter *r, const struct renter_steward *s,
			char text[LINK_TEXT_MAX], struct err *e)
{
	uint8_t key[OBJECT_KEY_LEN];
	bool opened;

	object_wrap_key(key, r->master);
	opened = s->link_len == AEAD_NONCE_LEN + LINK_TEXT_MAX + AEAD_TAG_LEN &&
		 aead_open((uint8_t *)text, s->link + AEAD_NONCE_LEN,
			   s->link_len - AEAD_NONCE_LEN, s->name.bytes,
			   sizeof(s->name.bytes), s->link, key);
	sodium_memzero(key, sizeof(key));
	if (!opened || text[LINK_TEXT_MAX - 1] != 0)
		return err_fail(e, ERR_SIG,
				"a link in renter.db is of another wallet");
	return ERR_NONE;
}

/* Its segments with their salts, and the root of every row. */
static enum err_code note_rows(struct renter *r, const struct placement *p,
			       int64_t object, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (uint32_t s = 0; code == ERR_NONE && s < p->segments; s++) {
		struct renter_segment g = {.object = object, .index = s};

		memcpy(g.salt, p->salts[s], sizeof(g.salt));
		code = renter_db_set_segment(r->db, &g, e);
		for (unsigned i = 0; code == ERR_NONE && i < p->n; i++)
			code = renter_db_keep_root(
				r->db, object, s, (uint16_t)i,
				&p->rows[(size_t)s * p->n + i].root, e);
	}
	return code;
}

static enum err_code add(struct renter *r, const struct holding *h,
			 struct renter_steward *out, struct err *e)
{
	const struct placement *p = h->placement;
	struct renter_object o = {.state = RENTER_STORED,
				  .k = p->k,
				  .n = p->n,
				  .segments = p->segments};
	enum err_code code;

	*out = (struct renter_steward){.note = "not looked at yet"};
	memcpy(o.name.bytes, h->keys.owner_pk, sizeof(o.name.bytes));
	out->name = o.name;
	code = renter_db_add_object(r->db, &o, e);
	out->object = o.id;
	if (code == ERR_NONE)
		code = note_rows(r, p, o.id, e);
	if (code == ERR_NONE)
		code = wrap(r, h, out, e);
	if (code == ERR_NONE)
		code = renter_db_add_steward(r->db, out, e);
	return code;
}

enum err_code ward_note(struct renter *r, const struct holding *h,
			struct renter_steward *out, struct err *e)
{
	bool found;
	enum err_code code = ward_find(r, h->keys.owner_pk, out, &found, e);

	if (code == ERR_NONE && h->keys.access < OBJECT_REPAIR)
		code = err_fail(e, ERR_STATE,
				"this link does not repair: it is one to "
				"audit");
	return code == ERR_NONE && !found ? add(r, h, out, e) : code;
}

/* ---- what we have of it ---- */

struct merging {
	struct placement *p;
	struct placement_addition *signed_; /* heap; NULL: merged instead */
	size_t n, cap;
	bool untold, failed;
};

static bool has_place(const struct placement *p, const struct renter_place *x)
{
	const struct placement_row *row =
		&p->rows[(size_t)x->segment * p->n + x->shard];

	for (unsigned i = 0; i < row->places; i++)
		if (address_eq(&p->hosts[row->host[i]], &x->host))
			return true;
	return false;
}

static bool merge_place(void *ctx, const struct renter_place *x)
{
	struct merging *m = ctx;

	if (x->state == SHARD_LOST || x->segment >= m->p->segments ||
	    x->shard >= m->p->n)
		return true;
	m->untold |= x->state == SHARD_SIGNED && !has_place(m->p, x);
	/* a row that is full of places needs no more */
	(void)!placement_add(m->p, x->segment, x->shard, &x->host, NULL);
	return true;
}

enum err_code ward_merge(struct renter *r, struct holding *h, int64_t object,
			 bool *untold, struct err *e)
{
	struct merging m = {.p = h->placement};
	enum err_code code = ERR_NONE;

	for (uint32_t s = 0; code == ERR_NONE && s < h->placement->segments;
	     s++)
		code = renter_db_places(r->db, object, s, merge_place, &m, e);
	*untold = m.untold;
	return code;
}

/* ---- what is told of it ---- */

static bool add_signed(void *ctx, const struct renter_place *x)
{
	struct merging *m = ctx;

	if (x->state != SHARD_SIGNED)
		return true;
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 256;
		struct placement_addition *more =
			cap > 2 * PLACEMENT_ADDITIONS_MAX
				? NULL
				: realloc(m->signed_, cap * sizeof(*more));

		m->failed = !more;
		if (!more)
			return false;
		m->signed_ = more;
		m->cap = cap;
	}
	m->signed_[m->n++] =
		(struct placement_addition){.segment = (uint16_t)x->segment,
					    .row = (uint8_t)x->shard,
					    .host = x->host};
	return true;
}

static enum err_code gather(struct renter *r, const struct holding *h,
			    int64_t object, struct merging *m, struct err *e)
{
	const struct linked *l = h->linked;
	enum err_code code = ERR_NONE;

	m->n = l->additions_n;
	m->cap = m->n + 256;
	m->signed_ = calloc(m->cap, sizeof(*m->signed_));
	if (!m->signed_)
		return err_fail(e, ERR_NOMEM, "a record");
	if (m->n)
		memcpy(m->signed_, l->additions, m->n * sizeof(*m->signed_));
	for (uint32_t s = 0; code == ERR_NONE && s < h->placement->segments;
	     s++)
		code = renter_db_places(r->db, object, s, add_signed, m, e);
	if (code == ERR_NONE && m->failed)
		code = err_fail(e, ERR_NOMEM, "a record");
	return code;
}

/* Its row may have been changed by others meanwhile. */
static enum err_code keep_sequence(struct renter *r, struct renter_steward *s,
				   struct err *e)
{
	uint64_t sequence = s->sequence;
	bool found;
	enum err_code code = ward_find(r, s->name.bytes, s, &found, e);

	if (code == ERR_NONE && !found)
		code = err_fail(e, ERR_STATE, "it is not looked after here");
	s->sequence = sequence;
	return code == ERR_NONE ? renter_db_set_steward(r->db, s, e) : code;
}

enum err_code ward_seal(struct renter *r, const struct holding *h,
			struct renter_steward *s, uint8_t **take_out,
			size_t *len, struct err *e)
{
	struct merging m = {.p = h->placement};
	struct rng rng = rng_system();
	uint64_t last = h->linked->steward_sequence;
	enum err_code code = gather(r, h, s->object, &m, e);

	if (code == ERR_NONE) {
		s->sequence = (last > s->sequence ? last : s->sequence) + 1;
		code = renter_additions_seal(take_out, len, &h->keys,
					     s->sequence, m.signed_, m.n, &rng,
					     e);
	}
	if (code == ERR_NONE)
		code = keep_sequence(r, s, e);
	free(m.signed_);
	return code;
}
