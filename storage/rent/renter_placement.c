#include "storage/rent/renter_placement.h"

#include "base/aead.h"
#include "storage/object/record.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(RENTER_WRAPPED_LEN ==
		       AEAD_NONCE_LEN + OBJECT_KEY_LEN + AEAD_TAG_LEN,
	       "a wrapped key");
_Static_assert(RENTER_WRAPPED_LEN <= RENTER_WRAPPED_MAX, "a wrapped key");
_Static_assert(sizeof(struct hash32) == OBJECT_KEY_LEN, "a name");

/* --- keys --- */

enum err_code renter_wrap_key(struct renter_object *o, struct object_keys *keys,
			      const uint8_t master[OBJECT_KEY_LEN],
			      const uint8_t full[OBJECT_KEY_LEN],
			      struct rng *rng, struct err *e)
{
	uint8_t key[OBJECT_KEY_LEN];
	struct object_keys all;
	bool sealed;

	object_keys_own(&all, master, full);
	memcpy(o->name.bytes, all.owner_pk, sizeof(o->name.bytes));
	rng_fill(rng, o->wrapped, AEAD_NONCE_LEN);
	object_wrap_key(key, master);
	sealed = aead_seal(o->wrapped + AEAD_NONCE_LEN, full, OBJECT_KEY_LEN,
			   o->name.bytes, sizeof(o->name.bytes), o->wrapped,
			   key);
	sodium_memzero(key, sizeof(key));
	o->wrapped_len = sealed ? RENTER_WRAPPED_LEN : 0;
	if (keys && sealed)
		*keys = all;
	object_keys_clear(&all);
	return sealed ? ERR_NONE : err_fail(e, ERR_NOMEM, "an object's key");
}

enum err_code renter_unwrap_key(struct object_keys *keys,
				const struct renter_object *o,
				const uint8_t master[OBJECT_KEY_LEN],
				struct err *e)
{
	uint8_t key[OBJECT_KEY_LEN], full[OBJECT_KEY_LEN];
	bool opened;

	object_wrap_key(key, master);
	opened = o->wrapped_len == RENTER_WRAPPED_LEN &&
		 aead_open(full, o->wrapped + AEAD_NONCE_LEN,
			   RENTER_WRAPPED_LEN - AEAD_NONCE_LEN, o->name.bytes,
			   sizeof(o->name.bytes), o->wrapped, key);
	sodium_memzero(key, sizeof(key));
	if (opened) {
		object_keys_own(keys, master, full);
		sodium_memzero(full, sizeof(full));
		return ERR_NONE;
	}
	object_keys_clear(keys);
	return err_fail(e, ERR_SIG,
			"the key of object %lld does not open with this phrase",
			(long long)o->id);
}

/* --- from the database --- */

struct gather {
	struct placement *p;
	uint32_t segment;
	enum shard_state state; /* whose places are taken in this pass */
	uint8_t has_root[CODER_N_MAX];
	enum err_code code;
	struct err *e;
};

static bool gather_root(void *ctx, uint16_t shard, const struct hash32 *root)
{
	struct gather *g = ctx;
	struct placement_row *row;

	if (shard >= g->p->n)
		return true;
	row = placement_row(g->p, g->segment, shard);
	if (g->has_root[shard] && memcmp(&row->root, root, sizeof(*root)) != 0)
		g->code = err_fail(g->e, ERR_STATE,
				   "segment %u has two roots for shard %u",
				   g->segment, shard);
	row->root = *root;
	g->has_root[shard] = 1;
	return g->code == ERR_NONE;
}

static bool gather_place(void *ctx, const struct renter_place *x)
{
	struct gather *g = ctx;

	if (x->state != g->state || x->shard >= g->p->n ||
	    placement_row(g->p, g->segment, x->shard)->places ==
		    PLACEMENT_PLACES_MAX)
		return true;
	g->code = placement_add(g->p, g->segment, x->shard, &x->host, g->e);
	return g->code == ERR_NONE;
}

static enum err_code gather_places(struct gather *g, struct renter_db *db,
				   int64_t object, enum shard_state state)
{
	enum err_code code;

	g->state = state;
	code = renter_db_places(db, object, g->segment, gather_place, g, g->e);
	return code == ERR_NONE ? g->code : code;
}

static enum err_code gather_segment(struct gather *g, struct renter_db *db,
				    int64_t object, enum renter_count count)
{
	struct renter_segment s;
	bool known;
	enum err_code code =
		renter_db_segment(db, &s, &known, object, g->segment, g->e);

	if (code == ERR_NONE && !known)
		code = err_fail(g->e, ERR_STATE, "segment %u is not noted",
				g->segment);
	if (code != ERR_NONE)
		return code;
	memcpy(g->p->salts[g->segment], s.salt, SEGMENT_SALT_LEN);
	memset(g->has_root, 0, sizeof(g->has_root));
	code = renter_db_roots(db, object, g->segment, gather_root, g, g->e);
	if (code == ERR_NONE)
		code = g->code;
	for (unsigned i = 0; i < g->p->n && code == ERR_NONE; i++)
		if (!g->has_root[i])
			code = err_fail(g->e, ERR_STATE,
					"shard %u of segment %u was never made",
					i, g->segment);
	if (code == ERR_NONE)
		code = gather_places(g, db, object, SHARD_SIGNED);
	if (code == ERR_NONE && count >= RENTER_COUNT_STAGED)
		code = gather_places(g, db, object, SHARD_STAGED);
	if (code == ERR_NONE && count == RENTER_COUNT_ALL)
		code = gather_places(g, db, object, SHARD_LOST);
	return code;
}

enum err_code renter_placement(struct placement **out, struct renter_db *db,
			       const struct renter_object *o,
			       const struct object_keys *keys,
			       enum renter_count count, struct err *e)
{
	struct gather g = {.e = e};
	enum err_code code = placement_new(&g.p, o->k, o->n, o->segments, e);

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	memcpy(g.p->steward_pk, keys->steward_pk, sizeof(g.p->steward_pk));
	for (; g.segment < o->segments && code == ERR_NONE; g.segment++)
		code = gather_segment(&g, db, o->id, count);
	if (code != ERR_NONE) {
		placement_free(g.p);
		return code;
	}
	*out = g.p;
	return ERR_NONE;
}

/* --- records --- */

enum err_code renter_placement_seal(uint8_t **take_out, size_t *len,
				    const struct placement *p,
				    const struct object_keys *keys,
				    const uint8_t master[OBJECT_KEY_LEN],
				    uint64_t sequence, struct rng *rng,
				    struct err *e)
{
	uint8_t *content;
	size_t content_len;
	enum err_code code = placement_encode(&content, &content_len, p, e);

	*take_out = NULL;
	if (code != ERR_NONE)
		return code;
	code = record_seal(take_out, len, keys, master, sequence, content,
			   content_len, rng, e);
	free(content);
	return code;
}

/* Opens a record that must be this signer's. */
static enum err_code open_record(uint8_t **content, size_t *content_len,
				 uint64_t *sequence,
				 const uint8_t signer[OBJECT_KEY_LEN],
				 const struct object_keys *keys,
				 const uint8_t *record, size_t len,
				 struct err *e)
{
	struct record_head head;
	enum err_code code = record_check(&head, record, len, e);

	*content = NULL;
	if (code != ERR_NONE)
		return code;
	if (memcmp(head.signer, signer, sizeof(head.signer)) != 0)
		return err_fail(e, ERR_SIG, "record: of another object");
	*sequence = head.sequence;
	return record_open(content, content_len, keys->placement, record, len,
			   e);
}

enum err_code renter_placement_open(struct placement **out, uint64_t *sequence,
				    const struct object_keys *keys,
				    const uint8_t *record, size_t len,
				    struct err *e)
{
	uint8_t *content;
	size_t content_len;
	enum err_code code = open_record(&content, &content_len, sequence,
					 keys->owner_pk, keys, record, len, e);

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	code = placement_decode(out, content, content_len, e);
	free(content);
	return code;
}

enum err_code renter_additions_seal(uint8_t **take_out, size_t *len,
				    const struct object_keys *keys,
				    uint64_t sequence,
				    struct placement_addition *a, size_t n,
				    struct rng *rng, struct err *e)
{
	uint8_t *content;
	size_t content_len;
	enum err_code code =
		placement_additions_encode(&content, &content_len, a, n, e);

	*take_out = NULL;
	if (code != ERR_NONE)
		return code;
	code = record_seal(take_out, len, keys, NULL, sequence, content,
			   content_len, rng, e);
	free(content);
	return code;
}

enum err_code renter_additions_open(struct placement_addition **take_out,
				    size_t *n, uint64_t *sequence,
				    const struct placement *p,
				    const struct object_keys *keys,
				    const uint8_t *record, size_t len,
				    struct err *e)
{
	uint8_t *content;
	size_t content_len;
	enum err_code code = open_record(&content, &content_len, sequence,
					 p->steward_pk, keys, record, len, e);

	*take_out = NULL;
	*n = 0;
	if (code != ERR_NONE)
		return code;
	code = placement_additions_decode(take_out, n, content, content_len, e);
	free(content);
	return code;
}

enum err_code renter_additions_merge(struct placement *p, size_t *added,
				     const struct object_keys *keys,
				     const uint8_t *record, size_t len,
				     struct err *e)
{
	struct placement_addition *a;
	uint64_t sequence;
	size_t n;
	enum err_code code = renter_additions_open(&a, &n, &sequence, p, keys,
						   record, len, e);

	*added = 0;
	if (code != ERR_NONE)
		return code;
	*added = placement_merge(p, a, n);
	free(a);
	return ERR_NONE;
}
