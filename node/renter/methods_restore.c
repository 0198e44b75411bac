/* methods_restore.c - from a phrase to all that is stored; and, where a
 * directory is named, to the files. */
#include "node/renter/methods_store.h"

#include "base/address.h"
#include "node/core/name_text.h"
#include "node/money/money.h"
#include "node/renter/renter_get.h"
#include "node/renter/renter_restore.h"

#include <stdio.h>
#include <stdlib.h>

/* Both journeys of a call. */
struct restoring {
	struct restore *restore;
	struct get *get; /* NULL: no directory, or not yet */
	json_t *result;	 /* of the first */
	uint64_t files, whole;
};

/* ---- the files ---- */

/* What could be had is there; but that is not all. */
static void end_partly(struct store_call *s)
{
	const struct restoring *v = s->journey;
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE,
		       "%llu of %llu files are there; of the others too few "
		       "shards are known: run it again when more hosts are up",
		       (unsigned long long)v->whole,
		       (unsigned long long)v->files);
	store_call_error(s, &e);
}

static void on_got(void *ctx, const struct get_result *r, const struct err *e)
{
	struct store_call *s = ctx;
	struct restoring *v = s->journey;
	json_t *result = v->result;

	if (e) {
		store_call_error(s, e);
		return;
	}
	if (v->whole < v->files) {
		end_partly(s);
		return;
	}
	v->result = NULL;
	(void)json_object_update_new(
		result, json_pack("{sI sI sI}", "there", (json_int_t)r->there,
				  "fetched", (json_int_t)r->fetched, "unset",
				  (json_int_t)r->unset));
	store_call_result(s, result);
}

static const struct get_ops get_ops = {
	.step = store_call_step, .progress = store_call_read, .ended = on_got};

/* ---- what was found ---- */

static json_t *lacking_json(const struct restore_result *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->lacking_n && i < RESTORE_LACKING_MAX; i++) {
		const struct restore_lacking *k = &r->lacking[i];
		json_t *o = json_pack("{ss si si}", "id", k->id, "k", (int)k->k,
				      "least", (int)k->least);

		(void)json_object_set_new(o, "path", json_string(k->path));
		(void)json_array_append_new(list, o);
	}
	return list;
}

/* Hosts that were out of reach, or that something is wrong with. */
static json_t *trouble_json(const struct store_call *s,
			    const struct recalled *all)
{
	const struct money *m = s->engine->money;
	json_t *list = json_array();
	char who[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < all->hosts_n; i++) {
		const struct recall_host *h = &all->hosts[i];
		json_t *o;

		if (h->reached && !h->why[0])
			continue;
		o = json_pack(
			"{ss sb}", "address",
			address_text(who, &h->address, m->profile.address),
			"reached", (int)h->reached);
		/* a host's words */
		(void)json_object_set_new(o, "text", name_json(h->why));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *result_json(const struct store_call *s,
			   const struct restore_result *r)
{
	const struct restoring *v = s->journey;
	const struct address me = renting_me(s->renter->renting);
	char who[ADDRESS_TEXT_MAX];

	return json_pack(
		"{ss si si si si sI sI sI sI si so so}", "account",
		address_text(who, &me, s->engine->money->profile.address),
		"agreements", (int)r->agreements, "hosts", (int)r->hosts,
		"unreachable", (int)r->unreachable, "objects", (int)r->objects,
		"files", (json_int_t)r->files, "bytes", (json_int_t)r->bytes,
		"whole", (json_int_t)r->whole, "rest", (json_int_t)r->rest,
		"lacking", (int)r->lacking_n, "lacking_objects",
		lacking_json(r), "trouble",
		trouble_json(s, restore_hosts(v->restore)));
}

static void tell_lacking(struct store_call *s, const struct restore_result *r)
{
	char line[RESTORE_PATH_MAX + 160];

	for (unsigned i = 0; i < r->lacking_n && i < RESTORE_LACKING_MAX; i++) {
		const struct restore_lacking *k = &r->lacking[i];

		(void)snprintf(line, sizeof(line),
			       "too few shards are known of object %.16s.. "
			       "(%s): %u, %u are needed",
			       k->id, k->path, k->least, k->k);
		store_call_step(s, line);
	}
}

static bool is_whole(void *ctx, const struct renter_file *f)
{
	return restore_has(ctx, f);
}

static void fetch(struct store_call *s)
{
	struct restoring *v = s->journey;
	const struct get_cfg cfg = {.dir = store_text(s, "out"),
				    .pipe = -1,
				    .wanted = is_whole,
				    .wanted_ctx = v->restore};
	struct err e = {0};

	store_call_step(s, "fetching the files");
	if (get_start(&v->get, s->renter, &cfg, &get_ops, s, &e) != ERR_NONE)
		store_call_error(s, &e);
}

static void on_restored(void *ctx, const struct restore_result *r,
			const struct err *error)
{
	struct store_call *s = ctx;
	struct restoring *v = s->journey;
	const bool out = store_text(s, "out") && r->files > 0;

	if (error) {
		store_call_error(s, error);
		return;
	}
	v->files = r->files;
	v->whole = r->whole;
	tell_lacking(s, r);
	if (out && r->whole == 0) {
		end_partly(s);
	} else if (out) {
		v->result = result_json(s, r);
		fetch(s);
	} else {
		store_call_result(s, result_json(s, r));
	}
}

static const struct restore_ops restore_ops = {.step = store_call_step,
					       .ended = on_restored};

static enum err_code begin_restore(struct store_call *s, struct err *e)
{
	const struct scout_cfg scout = store_scout(s, 0);
	struct restoring *v = calloc(1, sizeof(*v));

	if (!v)
		return err_fail(e, ERR_NOMEM, "a restore");
	s->journey = v;
	return restore_start(&v->restore, s->renter, &scout, &restore_ops, s,
			     e);
}

static void stop_restore(struct store_call *s)
{
	struct restoring *v = s->journey;

	get_free(v->get);
	restore_free(v->restore);
	json_decref(v->result);
	free(v);
}

void method_restore(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call restore = {
		.begin = begin_restore,
		.stop = stop_restore,
		.claim = "`seedbank restore`",
		.restores = true,
		.cut_off = "interrupted; the same command begins again without "
			   "harm"};

	store_call_start(en, params, c, &restore);
}
