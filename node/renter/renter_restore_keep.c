/* renter_restore_keep.c - what was found goes into the database, in the
 * transaction of one turn; and what there is then is counted. */
#include "node/renter/renter_restore_int.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/renter_unopened.h"
#include "storage/rent/renter_catalogue.h"
#include "storage/rent/renter_placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int order(const struct address *a, uint32_t a_number,
		 const struct address *b, uint32_t b_number)
{
	int c = memcmp(a->bytes, b->bytes, sizeof(a->bytes));

	if (c)
		return c;
	return a_number < b_number ? -1 : a_number > b_number;
}

int restore_row_order(const void *a, const void *b)
{
	const struct agreement *x =
		&((const struct renter_agreement *)a)->signed_;
	const struct agreement *y =
		&((const struct renter_agreement *)b)->signed_;

	return order(&x->host, x->number, &y->host, y->number);
}

/* ---- agreements that the chain does not list ---- */

static int by_host(const void *a, const void *b)
{
	const struct renter_lease *x = a, *y = b;

	return order(&x->host, x->number, &y->host, y->number);
}

static void list_one(struct restore *x, const struct address *host,
		     uint32_t number)
{
	x->unopened[x->unopened_n++] =
		(struct renter_lease){.host = *host, .number = number};
}

enum err_code restore_find_unopened(struct restore *x, struct err *e)
{
	const size_t listed = x->catalogue ? x->catalogue->agreements_n : 0;

	x->unopened = calloc(listed + x->rows_n + 1, sizeof(*x->unopened));
	if (!x->unopened)
		return err_fail(e, ERR_NOMEM, "agreements");
	for (size_t i = 0; i < listed; i++) {
		const struct catalogue_agreement *a =
			&x->catalogue->agreements[i];

		if (!a->opened && a->number >= RENT_UNOPENED)
			list_one(x, &a->host, a->number);
	}
	for (size_t i = 0; i < x->rows_n; i++) {
		const struct agreement *a = &x->rows[i].signed_;

		/* listed, and not met: it has no revision */
		if (unopened_is(&x->rows[i]) && a->revision == 0 &&
		    x->rows[i].state == RENTER_ENDED)
			list_one(x, &a->host, a->number);
	}
	if (x->unopened_n)
		qsort(x->unopened, x->unopened_n, sizeof(*x->unopened),
		      by_host);
	return ERR_NONE;
}

/* ---- objects ---- */

struct matching {
	struct restore *x;
	size_t at;
	bool failed;
};

/* They were added in the order of the items, behind whatever was there. */
static bool match(void *ctx, const struct renter_object *o)
{
	struct matching *m = ctx;
	struct restore *x = m->x;

	if (o->wrapped_len == 0 || o->catalogue)
		return true;
	m->failed =
		m->at == x->items_n ||
		memcmp(&o->name, &x->items[m->at].o.name, sizeof(o->name)) != 0;
	if (m->failed)
		return false;
	x->items[m->at++].o = *o;
	return true;
}

/* The catalogue's own object is the first item, those that it lists follow. */
static enum err_code add_objects(struct restore *x, struct err *e)
{
	struct rng rng = rng_system();
	struct matching m = {.x = x, .at = 1};
	struct renter_db *db = x->renter->db;
	enum err_code code = renter_catalogue_restore(
		db, x->catalogue, x->renter->master, &rng, e);

	if (code == ERR_NONE)
		code = renter_db_objects(db, match, &m, e);
	if (code == ERR_NONE && (m.failed || m.at != x->items_n))
		code = err_fail(e, ERR_DB, "objects are not as restored");
	if (code == ERR_NONE)
		code = renter_db_add_object(db, &x->items[0].o, e);
	if (code == ERR_NONE)
		code = renter_db_set_number(db, RENTER_RESTORED,
					    x->head.sequence, e);
	return code;
}

/* ---- agreements ---- */

static enum err_code add_agreement(struct restore *x,
				   const struct recall_lease *l, int64_t *id,
				   struct err *e)
{
	const struct bank_agreement *v = &l->lease.view;
	const struct renter_agreement *listed = restore_row(x, &l->lease);
	struct renter_agreement row = {
		.state = RENTER_OPENED,
		.signed_ = l->revision.a,
		.offered = l->revision.a,
		.posted = true,
		.posted_revision = v->revision,
		.fund = amount_sub_floor(v->fund, v->earned)};
	enum err_code code;

	memcpy(row.renter_sig, l->revision.renter_sig.bytes,
	       sizeof(row.renter_sig));
	memcpy(row.offered_sig, row.renter_sig, sizeof(row.offered_sig));
	memcpy(row.host_sig, l->revision.host_sig.bytes, sizeof(row.host_sig));
	if (unopened_is(&row)) {
		row.state = RENTER_UNOPENED;
		row.posted = false;
		row.posted_revision = 0;
	}
	row.id = listed ? listed->id : 0;
	code = listed ? renter_db_set_agreement(x->renter->db, &row, e)
		      : renter_db_add_agreement(x->renter->db, &row, e);
	*id = row.id;
	return code;
}

/* The book reads all that have money of ours, whoever can be reached. */
static enum err_code follow(struct restore *x, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < x->open_n; i++) {
		const struct agreement a = {
			.renter = renting_me(x->renter->renting),
			.host = x->open[i].host,
			.number = x->open[i].number,
			.start = x->open[i].view.start};

		code = purse_follow(&x->renter->engine->money->storage, &a, e);
	}
	return code;
}

/* What was taken over stands in two lists of a host until the older agreement
 * ends: (!) it belongs to the one that lasts, what is left is dropped. */
static int longest_first(const void *a, const void *b)
{
	const struct agreement *x =
		&(*(const struct recall_lease *const *)a)->revision.a;
	const struct agreement *y =
		&(*(const struct recall_lease *const *)b)->revision.a;

	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return x->number > y->number ? -1 : x->number < y->number;
}

static enum err_code add_list(struct restore *x, const struct recall_lease *l,
			      struct renter_list *list, struct err *e)
{
	*list = (struct renter_list){.host = l->lease.host,
				     .roots = l->roots,
				     .n = l->revision.a.sectors};
	if (!l->known)
		return add_agreement(x, l, &list->agreement, e);
	list->agreement = l->known->id;
	return renter_db_forget_rest(x->renter->db, list->agreement, e);
}

/* Those whose hosts could not be reached stay listed: another restore asks them
 * again. */
static enum err_code list_unmet(struct restore *x, const struct recall_lease *l,
				struct err *e)
{
	struct renter_agreement row = {.state = RENTER_ENDED};

	if (restore_row(x, &l->lease))
		return ERR_NONE;
	row.signed_.renter = renting_me(x->renter->renting);
	row.signed_.host = l->lease.host;
	row.signed_.number = l->lease.number;
	row.offered = row.signed_;
	return renter_db_add_agreement(x->renter->db, &row, e);
}

static const struct recalled *found_of(const struct restore *x, unsigned i)
{
	static const struct recalled none;

	if (i == 0)
		return recall_all(x->recall);
	return x->more ? recall_all(x->more) : &none;
}

static size_t leases_of(const struct restore *x)
{
	return found_of(x, 0)->leases_n + found_of(x, 1)->leases_n;
}

static enum err_code list_all_unmet(struct restore *x, struct err *e)
{
	const struct recalled *more = found_of(x, 1);
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < more->leases_n; i++)
		if (!more->leases[i].held)
			code = list_unmet(x, &more->leases[i], e);
	return code;
}

/* lists: room for all leases. */
static enum err_code add_agreements(struct restore *x,
				    struct renter_list *lists, size_t *n,
				    struct err *e)
{
	const struct recall_lease **held =
		calloc(leases_of(x) + 1, sizeof(struct recall_lease *));
	enum err_code code =
		held ? ERR_NONE : err_fail(e, ERR_NOMEM, "agreements");

	for (unsigned k = 0; held && k < 2; k++) {
		const struct recalled *all = found_of(x, k);

		for (size_t i = 0; i < all->leases_n; i++)
			if (all->leases[i].held)
				held[(*n)++] = &all->leases[i];
	}
	if (held && *n)
		qsort(held, *n, sizeof(struct recall_lease *), longest_first);
	for (size_t i = 0; code == ERR_NONE && i < *n; i++)
		code = add_list(x, held[i], &lists[i], e);
	free(held);
	x->result.agreements = (unsigned)*n;
	return code == ERR_NONE ? list_all_unmet(x, e) : code;
}

/* ---- places ---- */

/* NULL: none was found, or one of another shape than the catalogue has, which
 * helps nobody. */
static const struct placement *placement_of(const struct restore *x, size_t i)
{
	const struct restore_item *item = &x->items[i];
	const struct placement *p =
		!x->again && i == 0 ? x->text->placement : item->placement;

	if (p && p->k == item->o.k && p->n == item->o.n &&
	    p->segments == item->o.segments)
		return p;
	return NULL;
}

static enum err_code add_places(struct restore *x, struct renter_lists *lists,
				struct err *e)
{
	const int64_t now_s = clock_unix_s();
	struct renter_restored done;
	bool hold = false; /* sectors may be of an object without a record */
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < x->items_n; i++) {
		struct restore_item *item = &x->items[i];
		const struct placement *p = placement_of(x, i);

		if (p)
			code = renter_placement_restore(x->renter->db, &item->o,
							p, item->sequence,
							lists, now_s, &done, e);
		hold |= item->o.sequence == 0;
	}
	if (code == ERR_NONE)
		code = renter_lists_rest(lists, x->renter->db, hold, now_s,
					 &x->result.rest, e);
	return code;
}

static bool first_place(void *ctx, const struct renter_place *p)
{
	int64_t *agreement = ctx;

	if (p->agreement)
		*agreement = p->agreement;
	return *agreement == 0;
}

/* No list says of an object whether its agreements are to be opened; those that
 * it lies in do. */
static enum err_code note_kind(struct restore *x, struct renter_object *o,
			       struct err *e)
{
	int64_t agreement = 0;
	bool unopened = false;
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0;
	     code == ERR_NONE && agreement == 0 && i < o->segments; i++)
		code = renter_db_places(x->renter->db, o->id, i, first_place,
					&agreement, e);
	if (code == ERR_NONE && agreement)
		code = renter_db_is_unopened(x->renter->db, agreement,
					     &unopened, e);
	if (code != ERR_NONE || agreement == 0 || o->unopened == unopened)
		return code;
	o->unopened = unopened;
	return renter_db_set_object(x->renter->db, o, e);
}

enum err_code restore_keep(struct restore *x, struct err *e)
{
	const size_t most = leases_of(x);
	struct renter_list *list = calloc(most + 1, sizeof(*list));
	struct renter_lists *lists = NULL;
	size_t n = 0;
	enum err_code code =
		list ? ERR_NONE : err_fail(e, ERR_NOMEM, "lists of sectors");

	if (code == ERR_NONE && !x->again)
		code = add_objects(x, e);
	if (code == ERR_NONE)
		code = add_agreements(x, list, &n, e);
	if (code == ERR_NONE)
		code = renter_lists_new(&lists, list, n, e);
	if (code == ERR_NONE)
		code = add_places(x, lists, e);
	for (size_t i = 0; code == ERR_NONE && i < x->items_n; i++)
		code = note_kind(x, &x->items[i].o, e);
	if (code == ERR_NONE)
		code = follow(x, e);
	renter_lists_free(lists);
	free(list);
	return code;
}

/* ---- what there is then ---- */

struct least { /* of one segment: shards that lists name */
	unsigned n, last;
};

static bool count_shard(void *ctx, const struct renter_place *p)
{
	struct least *l = ctx;

	if (p->state != SHARD_SIGNED || (l->n && l->last == p->shard))
		return true;
	l->last = p->shard;
	l->n++;
	return true;
}

static enum err_code least_of(struct restore *x, const struct renter_object *o,
			      unsigned *least, struct err *e)
{
	enum err_code code = ERR_NONE;

	*least = UINT32_MAX;
	for (uint32_t i = 0; code == ERR_NONE && i < o->segments; i++) {
		struct least l = {0};

		code = renter_db_places(x->renter->db, o->id, i, count_shard,
					&l, e);
		*least = l.n < *least ? l.n : *least;
	}
	return code;
}

static enum err_code count_object(struct restore *x, struct restore_item *item,
				  int64_t *ids, struct err *e)
{
	const struct renter_object *o = &item->o;
	struct restore_lacking *k;
	unsigned least;
	enum err_code code = least_of(x, o, &least, e);

	x->result.objects++;
	if (code != ERR_NONE || least >= o->k)
		return code;
	item->lacking = true;
	if (x->result.lacking_n < RESTORE_LACKING_MAX) {
		k = &x->result.lacking[x->result.lacking_n];
		ids[x->result.lacking_n] = o->id;
		*k = (struct restore_lacking){.k = o->k, .least = least};
		hex_encode(k->id, o->name.bytes, sizeof(o->name.bytes));
	}
	x->result.lacking_n++;
	return ERR_NONE;
}

static int by_id(const void *key, const void *item)
{
	const int64_t *id = key;
	const struct restore_item *at = item;

	return *id < at->o.id ? -1 : *id > at->o.id;
}

/* A file goes on from one object to the next; those of catalogues are none. */
bool restore_has(const struct restore *x, const struct renter_file *f)
{
	/* the first is a catalogue's, and the newest */
	const size_t first = x->again ? 0 : 1;
	const struct restore_item *end = x->items + x->items_n;
	const struct restore_item *at =
		f->size && x->items_n > first
			? bsearch(&f->object, x->items + first,
				  x->items_n - first, sizeof(*at), by_id)
			: NULL;
	uint64_t left = f->size, off = f->offset;

	for (; at && left > 0 && at < end; at++) {
		uint64_t here = at->o.size > off ? at->o.size - off : 0;

		if (at->o.catalogue)
			continue;
		if (at->lacking)
			return false;
		left -= here < left ? here : left;
		off = 0;
	}
	return left == 0;
}

struct counting {
	const struct restore *x;
	struct restore_result *result;
	int64_t ids[RESTORE_LACKING_MAX];
};

static bool count_file(void *ctx, const struct renter_file *f)
{
	struct counting *c = ctx;
	struct restore_result *r = c->result;

	r->files += f->kind == RENTER_FILE;
	r->whole += f->kind == RENTER_FILE && restore_has(c->x, f);
	r->bytes += f->size;
	for (unsigned i = 0;
	     f->size && i < r->lacking_n && i < RESTORE_LACKING_MAX; i++)
		if (c->ids[i] == f->object && !r->lacking[i].path[0])
			(void)snprintf(r->lacking[i].path,
				       sizeof(r->lacking[i].path), "%.*s",
				       (int)RESTORE_PATH_MAX - 1, f->path);
	return true;
}

enum err_code restore_count(struct restore *x, struct err *e)
{
	struct counting c = {.x = x, .result = &x->result};
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < x->items_n; i++)
		if (!x->items[i].o.catalogue)
			code = count_object(x, &x->items[i], c.ids, e);
	if (code == ERR_NONE)
		code = renter_db_files(x->renter->db, NULL, count_file, &c, e);
	return code;
}
