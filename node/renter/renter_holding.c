#include "node/renter/renter_holding.h"

#include "base/clock.h"
#include "storage/rent/renter_placement.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX 65536U /* objects, as in a catalogue */

/* ---- which objects ---- */

static bool add_object(void *ctx, const struct renter_object *o)
{
	struct holding_list *l = ctx;

	if (o->state != RENTER_STORED)
		return true;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct renter_object *more =
			cap > LIST_MAX ? NULL
				       : realloc(l->at, cap * sizeof(*more));

		if (!more) {
			(void)err_fail(&l->why, ERR_NOMEM, "objects");
			return false;
		}
		l->at = more;
		l->cap = cap;
	}
	l->at[l->n++] = *o;
	return true;
}

struct naming {
	struct holding_list *all;
	bool *wanted; /* of each object */
	bool any;
};

/* Where the files of an object end a file goes on in the next one. */
static bool want_file(void *ctx, const struct renter_file *f)
{
	struct naming *v = ctx;
	uint64_t off = f->offset, left = f->size;
	size_t i = 0;

	v->any = true;
	while (i < v->all->n && v->all->at[i].id != f->object)
		i++;
	for (; left > 0 && i < v->all->n; i++) {
		const struct renter_object *o = &v->all->at[i];
		uint64_t here = o->size > off ? o->size - off : 0;

		if (o->catalogue)
			continue;
		v->wanted[i] = true;
		left -= here < left ? here : left;
		off = 0;
	}
	return true;
}

static enum err_code choose(struct holding_list *l, struct renter *r,
			    const char *name, struct err *e)
{
	struct naming v = {.all = l};
	enum err_code code = ERR_NONE;
	size_t n = 0;

	v.wanted = calloc(l->n + 1, sizeof(*v.wanted));
	if (!v.wanted)
		return err_fail(e, ERR_NOMEM, "objects");
	code = renter_db_files(r->db, name, want_file, &v, e);
	for (size_t i = 0; i < l->n; i++)
		if (v.wanted[i])
			l->at[n++] = l->at[i];
	l->n = n;
	free(v.wanted);
	if (code == ERR_NONE && !v.any)
		code = err_fail(e, ERR_STATE,
				"nothing of that name is stored; `seedbank "
				"store ls` lists what is");
	return code;
}

enum err_code holding_list(struct holding_list *out, struct renter *r,
			   const char *name, struct err *e)
{
	enum err_code code;

	*out = (struct holding_list){0};
	code = renter_db_objects(r->db, add_object, out, e);
	if (code == ERR_NONE && out->why.code != ERR_NONE) {
		*e = out->why;
		code = e->code;
	}
	if (code == ERR_NONE && name)
		code = choose(out, r, name, e);
	if (code != ERR_NONE)
		holding_list_clear(out);
	return code;
}

void holding_list_clear(struct holding_list *l)
{
	free(l->at);
	*l = (struct holding_list){0};
}

/* ---- places that are lost ---- */

static bool same_place(const struct renter_place *p, uint32_t segment,
		       unsigned row, const struct address *host)
{
	return p->segment == segment && p->shard == row &&
	       address_eq(&p->host, host);
}

bool holding_is_lost(const struct holding *h, uint32_t segment, unsigned row,
		     const struct address *host)
{
	for (size_t i = 0; i < h->lost_n; i++)
		if (same_place(&h->lost[i], segment, row, host))
			return true;
	return false;
}

static bool add_lost(struct holding *h, const struct renter_place *p)
{
	if (h->lost_n == h->lost_cap) {
		size_t cap = h->lost_cap ? h->lost_cap * 2 : 64;
		struct renter_place *more =
			realloc(h->lost, cap * sizeof(*more));

		if (!more)
			return false;
		h->lost = more;
		h->lost_cap = cap;
	}
	h->lost[h->lost_n++] = *p;
	return true;
}

struct losing {
	struct holding *h;
	bool failed;
};

static bool find_lost(void *ctx, const struct renter_place *p)
{
	struct losing *v = ctx;

	v->failed = p->state == SHARD_LOST && !add_lost(v->h, p);
	return !v->failed;
}

static enum err_code read_lost(struct renter *r, struct holding *h,
			       struct err *e)
{
	struct losing v = {.h = h};
	enum err_code code = ERR_NONE;

	for (uint32_t s = 0; code == ERR_NONE && s < h->object.segments; s++)
		code = renter_db_places(r->db, h->object.id, s, find_lost, &v,
					e);
	if (code == ERR_NONE && v.failed)
		code = err_fail(e, ERR_NOMEM, "places");
	return code;
}

struct finding {
	struct renter_place want, found;
	bool is_found;
};

static bool find_place(void *ctx, const struct renter_place *p)
{
	struct finding *v = ctx;

	if (p->state != SHARD_SIGNED ||
	    !same_place(p, v->want.segment, v->want.shard, &v->want.host))
		return true;
	v->found = *p;
	v->is_found = true;
	return false;
}

enum err_code holding_mark_lost(struct renter *r, struct holding *h,
				uint32_t segment, unsigned row,
				const struct address *host, struct err *e)
{
	struct finding v = {.want = {.segment = segment,
				     .shard = (uint16_t)row,
				     .host = *host}};
	enum err_code code;

	if (!h->own)
		return ERR_NONE;
	code = renter_db_places(r->db, h->object.id, segment, find_place, &v,
				e);
	if (code != ERR_NONE || !v.is_found)
		return code;
	if (!add_lost(h, &v.found))
		return err_fail(e, ERR_NOMEM, "places");
	return renter_db_mark_place(r->db, v.found.agreement, v.found.position,
				    SHARD_LOST, clock_unix_s(), e);
}

/* ---- opening one ---- */

struct holding_open {
	struct renter *renter;
	struct holding *h;
	struct link_look *look;
	holding_fn *fn;
	void *ctx;
};

void holding_free(struct holding *h)
{
	if (!h)
		return;
	placement_free(h->placement);
	linked_free(h->linked);
	object_keys_clear(&h->keys);
	free(h->lost);
	free(h);
}

static void give(struct holding_open *o, const struct err *why)
{
	struct holding *h = o->h;

	o->h = NULL;
	if (why) {
		holding_free(h);
		o->fn(o->ctx, NULL, why);
	} else {
		o->fn(o->ctx, h, NULL);
	}
}

/* Records may be nowhere, or older than the database: it stands by itself. */
static void on_own(void *ctx, struct linked *take, const struct err *e)
{
	struct holding_open *o = ctx;
	struct holding *h = o->h;

	(void)e;
	link_look_free(o->look);
	o->look = NULL;
	h->linked = take;
	if (take)
		(void)placement_merge(h->placement, take->additions,
				      take->additions_n);
	give(o, NULL);
}

static enum err_code begin_own(struct holding_open *o,
			       const struct renter_object *object,
			       struct err *e)
{
	struct holding *h = o->h;
	struct renter *r = o->renter;
	enum err_code code = renter_unwrap_key(&h->keys, object, r->master, e);

	h->own = true;
	h->object = *object;
	if (code == ERR_NONE)
		code = renter_placement(&h->placement, r->db, object, &h->keys,
					RENTER_COUNT_ALL, e);
	if (code == ERR_NONE)
		code = read_lost(r, h, e);
	if (code == ERR_NONE)
		code = link_look_own(&o->look, r, &h->keys, h->placement->hosts,
				     h->placement->hosts_n, on_own, o, e);
	return code;
}

static bool find_own(void *ctx, const struct renter_object *x)
{
	struct holding_open *o = ctx;
	struct holding *h = o->h;

	if (x->state != RENTER_STORED ||
	    memcmp(x->name.bytes, h->keys.owner_pk, sizeof(x->name.bytes)) != 0)
		return true;
	h->object = *x;
	h->own = true;
	return false;
}

static void on_linked(void *ctx, struct linked *take, const struct err *error)
{
	struct holding_open *o = ctx;
	struct holding *h = o->h;
	struct renter_object object;
	struct err e = {0};

	link_look_free(o->look);
	o->look = NULL;
	if (error) {
		give(o, error);
		return;
	}
	h->linked = take;
	h->keys = take->keys;
	if (renter_db_objects(o->renter->db, find_own, o, &e) != ERR_NONE) {
		give(o, &e);
	} else if (h->own) {
		object = h->object;
		linked_free(h->linked);
		h->linked = NULL;
		if (begin_own(o, &object, &e) != ERR_NONE)
			give(o, &e);
	} else {
		h->placement = take->placement;
		take->placement = NULL;
		give(o, NULL);
	}
}

static enum err_code open_new(struct holding_open **out, struct renter *r,
			      holding_fn *fn, void *ctx, struct err *e)
{
	struct holding_open *o = calloc(1, sizeof(*o));

	if (o)
		o->h = calloc(1, sizeof(*o->h));
	if (!o || !o->h) {
		free(o);
		return err_fail(e, ERR_NOMEM, "an object");
	}
	o->renter = r;
	o->fn = fn;
	o->ctx = ctx;
	*out = o;
	return ERR_NONE;
}

enum err_code holding_open_own(struct holding_open **out, struct renter *r,
			       const struct renter_object *object,
			       holding_fn *fn, void *ctx, struct err *e)
{
	struct holding_open *o = NULL;
	enum err_code code = open_new(&o, r, fn, ctx, e);

	if (code == ERR_NONE)
		code = begin_own(o, object, e);
	if (code != ERR_NONE) {
		holding_open_free(o);
		return code;
	}
	*out = o;
	return ERR_NONE;
}

enum err_code holding_open_link(struct holding_open **out, struct renter *r,
				const char *link, const struct scout_cfg *scout,
				holding_fn *fn, void *ctx, struct err *e)
{
	struct holding_open *o = NULL;
	enum err_code code = open_new(&o, r, fn, ctx, e);

	if (code == ERR_NONE)
		code = link_look_start(&o->look, r, link, scout, on_linked, o,
				       e);
	if (code != ERR_NONE) {
		holding_open_free(o);
		return code;
	}
	*out = o;
	return ERR_NONE;
}

void holding_open_free(struct holding_open *o)
{
	if (!o)
		return;
	link_look_free(o->look);
	holding_free(o->h);
	free(o);
}
