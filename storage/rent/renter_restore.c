#include "storage/rent/renter_placement.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define LISTS_MAX 65536U
#define REST_N 255U /* shards of a "segment" of what is left */

/* Positions of all lists, list after list; and the same by root. */
struct renter_lists {
	struct list_span {
		int64_t agreement;
		struct address host;
		uint32_t first, n;
	} * lists;
	size_t lists_n;
	uint32_t n;
	struct hash32 *roots;
	uint8_t *used; /* a byte each */
	uint32_t *order;
};

static int by_root(const void *a, const void *b, void *ctx)
{
	const struct hash32 *roots = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int c = memcmp(&roots[x], &roots[y], sizeof(roots[x]));

	if (c)
		return c;
	return x < y ? -1 : x > y;
}

static void fill(struct renter_lists *l, const struct renter_list *lists)
{
	uint32_t at = 0;

	for (size_t i = 0; i < l->lists_n; i++) {
		l->lists[i] =
			(struct list_span){.agreement = lists[i].agreement,
					   .host = lists[i].host,
					   .first = at,
					   .n = (uint32_t)lists[i].n};
		if (lists[i].n)
			memcpy(&l->roots[at], lists[i].roots,
			       lists[i].n * sizeof(l->roots[0]));
		at += (uint32_t)lists[i].n;
	}
	for (uint32_t i = 0; i < l->n; i++)
		l->order[i] = i;
	if (l->n)
		qsort_r(l->order, l->n, sizeof(l->order[0]), by_root, l->roots);
}

enum err_code renter_lists_new(struct renter_lists **out,
			       const struct renter_list *lists, size_t n,
			       struct err *e)
{
	struct renter_lists *l;
	uint64_t all = 0;

	*out = NULL;
	for (size_t i = 0; i < n && n <= LISTS_MAX && all < UINT32_MAX; i++)
		all = lists[i].n < UINT32_MAX ? all + lists[i].n : UINT32_MAX;
	if (n > LISTS_MAX || all >= UINT32_MAX)
		return err_fail(e, ERR_LIMIT, "%zu lists of sectors", n);
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_fail(e, ERR_NOMEM, "lists of sectors");
	l->lists_n = n;
	l->n = (uint32_t)all;
	l->lists = calloc(n + 1, sizeof(*l->lists));
	l->roots = calloc(all + 1, sizeof(*l->roots));
	l->used = calloc(all + 1, sizeof(*l->used));
	l->order = calloc(all + 1, sizeof(*l->order));
	if (!l->lists || !l->roots || !l->used || !l->order) {
		renter_lists_free(l);
		return err_fail(e, ERR_NOMEM, "lists of sectors");
	}
	fill(l, lists);
	*out = l;
	return ERR_NONE;
}

void renter_lists_free(struct renter_lists *l)
{
	if (!l)
		return;
	free(l->order);
	free(l->used);
	free(l->roots);
	free(l->lists);
	free(l);
}

static const struct list_span *list_of(const struct renter_lists *l,
				       uint32_t at)
{
	size_t low = 0, high = l->lists_n;

	/* the last that begins at or before it: empty ones begin with the next
	 */
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (l->lists[mid].first <= at)
			low = mid;
		else
			high = mid;
	}
	return &l->lists[low];
}

/* A position with this root at this host that is not given out yet; NULL:
 * none. */
static const struct list_span *find(struct renter_lists *l, uint32_t *position,
				    const struct hash32 *root,
				    const struct address *host)
{
	uint32_t low = 0, high = l->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (memcmp(&l->roots[l->order[mid]], root, sizeof(*root)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < l->n; low++) {
		uint32_t at = l->order[low];
		const struct list_span *list = list_of(l, at);

		if (memcmp(&l->roots[at], root, sizeof(*root)) != 0)
			break;
		if (l->used[at] || !address_eq(&list->host, host))
			continue;
		l->used[at] = 1;
		*position = at - list->first;
		return list;
	}
	return NULL;
}

/* --- one object --- */

struct restore {
	struct renter_db *db;
	const struct renter_object *o;
	const struct placement *p;
	struct renter_lists *lists;
	int64_t now_s;
	uint32_t segment;
	/* of the segment: places that the database has already */
	struct renter_place *had;
	size_t had_n, had_cap;
	struct renter_restored *out;
	enum err_code code;
	struct err *e;
};

static bool note_had(void *ctx, const struct renter_place *x)
{
	struct restore *r = ctx;

	if (r->had_n == r->had_cap) {
		size_t cap = r->had_cap ? r->had_cap * 2 : 64;
		struct renter_place *had = realloc(r->had, cap * sizeof(*had));

		if (!had) {
			r->code = err_fail(r->e, ERR_NOMEM, "places");
			return false;
		}
		r->had = had;
		r->had_cap = cap;
	}
	r->had[r->had_n++] = *x;
	return true;
}

static bool had(const struct restore *r, unsigned row,
		const struct address *host)
{
	for (size_t i = 0; i < r->had_n; i++)
		if (r->had[i].shard == row && address_eq(&r->had[i].host, host))
			return true;
	return false;
}

static enum err_code restore_place(struct restore *r, unsigned row,
				   const struct address *host)
{
	const struct hash32 *root =
		&r->p->rows[(size_t)r->segment * r->p->n + row].root;
	const struct list_span *list;
	struct renter_place x = {.object = r->o->id,
				 .segment = r->segment,
				 .shard = (uint16_t)row,
				 .root = *root,
				 .host = *host,
				 .since_s = r->now_s};

	if (had(r, row, host))
		return ERR_NONE;
	list = find(r->lists, &x.position, root, host);
	if (!list) {
		r->out->unknown++;
		return ERR_NONE;
	}
	x.agreement = list->agreement;
	r->out->signed_++;
	return renter_db_add_signed(r->db, &x, r->e);
}

static enum err_code restore_rows(struct restore *r)
{
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < r->p->n && code == ERR_NONE; i++) {
		const struct placement_row *row =
			&r->p->rows[(size_t)r->segment * r->p->n + i];

		code = renter_db_keep_root(r->db, r->o->id, r->segment,
					   (uint16_t)i, &row->root, r->e);
		for (unsigned k = 0; k < row->places && code == ERR_NONE; k++)
			code = restore_place(r, i, &r->p->hosts[row->host[k]]);
	}
	return code;
}

static enum err_code restore_segment(struct restore *r)
{
	struct renter_segment s;
	bool known;
	enum err_code code = renter_db_segment(r->db, &s, &known, r->o->id,
					       r->segment, r->e);

	if (code != ERR_NONE)
		return code;
	if (known &&
	    memcmp(s.salt, r->p->salts[r->segment], sizeof(s.salt)) != 0)
		return err_fail(r->e, ERR_STATE,
				"segment %u has another salt than the record",
				r->segment);
	if (!known) {
		memcpy(s.salt, r->p->salts[r->segment], sizeof(s.salt));
		code = renter_db_set_segment(r->db, &s, r->e);
	}
	r->had_n = 0;
	if (code == ERR_NONE)
		code = renter_db_places(r->db, r->o->id, r->segment, note_had,
					r, r->e);
	if (code == ERR_NONE)
		code = r->code;
	return code == ERR_NONE ? restore_rows(r) : code;
}

static enum err_code check_shape(const struct renter_object *o,
				 const struct placement *p, struct err *e)
{
	if (o->id == 0 || p->k != o->k || p->n != o->n ||
	    p->segments != o->segments)
		return err_fail(e, ERR_STATE,
				"the record has %u segments of %u of %u, the "
				"object %u of %u of %u",
				p->segments, p->k, p->n, o->segments, o->k,
				o->n);
	return ERR_NONE;
}

enum err_code
renter_placement_restore(struct renter_db *db, struct renter_object *o,
			 const struct placement *p, uint64_t sequence,
			 struct renter_lists *lists, int64_t now_s,
			 struct renter_restored *out, struct err *e)
{
	struct restore r = {.db = db,
			    .o = o,
			    .p = p,
			    .lists = lists,
			    .now_s = now_s,
			    .out = out,
			    .e = e};
	enum err_code code = check_shape(o, p, e);

	*out = (struct renter_restored){0};
	for (; r.segment < p->segments && code == ERR_NONE; r.segment++)
		code = restore_segment(&r);
	free(r.had);
	if (code != ERR_NONE || sequence <= o->sequence)
		return code;
	o->sequence = sequence;
	return renter_db_set_object(db, o, e);
}

/* --- what is left --- */

struct rest {
	struct renter_db *db;
	struct renter_lists *lists;
	const struct list_span *list;
	int64_t now_s;
	bool hold;
	struct renter_object o; /* of this list; id 0: not made yet */
	uint64_t n;
};

static bool use_position(void *ctx, const struct renter_place *x)
{
	struct rest *r = ctx;

	if (x->position < r->list->n)
		r->lists->used[r->list->first + x->position] = 1;
	return true;
}

/* Its name is no public key, and no other's. */
static enum err_code rest_object(struct rest *r, uint32_t position,
				 uint32_t left, struct err *e)
{
	struct wr w = wr_into(r->o.name.bytes, sizeof(r->o.name.bytes));

	wr_u64(&w, (uint64_t)r->list->agreement);
	wr_u32(&w, position);
	wr_copy(&w, r->list->host.bytes, sizeof(r->list->host.bytes));
	r->o.state = r->hold ? RENTER_PUTTING : RENTER_DROPPING;
	r->o.k = 1;
	r->o.n = REST_N;
	r->o.segments = (left + REST_N - 1) / REST_N;
	return renter_db_add_object(r->db, &r->o, e);
}

static enum err_code rest_place(struct rest *r, uint32_t position, uint32_t i,
				struct err *e)
{
	const struct renter_segment s = {.object = r->o.id,
					 .index = i / REST_N};
	const struct renter_place x = {
		.object = r->o.id,
		.segment = i / REST_N,
		.shard = (uint16_t)(i % REST_N),
		.root = r->lists->roots[r->list->first + position],
		.host = r->list->host,
		.agreement = r->list->agreement,
		.position = position,
		.since_s = r->now_s};
	enum err_code code = ERR_NONE;

	if (x.shard == 0)
		code = renter_db_set_segment(r->db, &s, e);
	return code == ERR_NONE ? renter_db_add_signed(r->db, &x, e) : code;
}

static enum err_code rest_of(struct rest *r, struct err *e)
{
	uint8_t *used = r->lists->used + r->list->first;
	uint32_t left = 0, i = 0;
	enum err_code code = renter_db_places_at(r->db, r->list->agreement,
						 use_position, r, e);

	for (uint32_t p = 0; p < r->list->n; p++)
		left += !used[p];
	r->o = (struct renter_object){0};
	for (uint32_t p = 0; p < r->list->n && code == ERR_NONE; p++) {
		if (used[p])
			continue;
		if (i == 0)
			code = rest_object(r, p, left, e);
		if (code == ERR_NONE)
			code = rest_place(r, p, i++, e);
		used[p] = 1;
	}
	r->n += i;
	return code;
}

enum err_code renter_lists_rest(struct renter_lists *l, struct renter_db *db,
				bool hold, int64_t now_s, uint64_t *n,
				struct err *e)
{
	struct rest r = {.db = db, .lists = l, .now_s = now_s, .hold = hold};
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < l->lists_n && code == ERR_NONE; i++) {
		r.list = &l->lists[i];
		code = rest_of(&r, e);
	}
	*n = r.n;
	return code;
}
