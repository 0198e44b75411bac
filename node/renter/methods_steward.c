/* methods_steward.c - looking after objects of others: add, ls, rm. */
#include "node/renter/methods_store.h"

#include "base/hex.h"
#include "node/money/money.h"
#include "node/renter/renter_ward.h"
#include "node/renter/watch.h"

#include <stdlib.h>
#include <string.h>

/* ---- add ---- */

static enum err_code check_held(const struct holding *h, struct err *e)
{
	if (h->own)
		return err_fail(e, ERR_STATE,
				"this is an object of our own: `seedbank "
				"config store-watch yes` looks after those");
	return ERR_NONE;
}

static void on_held(void *ctx, struct holding *take, const struct err *error)
{
	struct store_call *s = ctx;
	struct renter_steward row;
	char id[HEX_LEN(32) + 1];
	struct err e = {0};
	json_t *o = NULL;

	if (error) {
		store_call_error(s, error);
		return;
	}
	if (check_held(take, &e) == ERR_NONE &&
	    ward_note(s->renter, take, &row, &e) == ERR_NONE) {
		row.watched = true;
		row.looked_s = 0;
		(void)!renter_db_set_steward(s->renter->db, &row, &e);
		renting_want_commit(s->renter->renting);
		hex_encode(id, row.name.bytes, sizeof(row.name.bytes));
		o = json_pack("{ss si si si}", "id", id, "k",
			      (int)take->placement->k, "n",
			      (int)take->placement->n, "segments",
			      (int)take->placement->segments);
	}
	holding_free(take);
	if (e.code != ERR_NONE) {
		json_decref(o);
		store_call_error(s, &e);
		return;
	}
	watch_soon(s->engine->watch);
	store_call_result(s, o);
}

static enum err_code begin_add(struct store_call *s, struct err *e)
{
	const struct scout_cfg scout = store_scout(s, 0);
	const char *link = store_text(s, "link");
	struct holding_open *open = NULL;
	enum err_code code;

	if (!link)
		return err_fail(e, ERR_PARSE, "want a link");
	code = holding_open_link(&open, s->renter, link, &scout, on_held, s, e);
	s->journey = open;
	return code;
}

static void stop_add(struct store_call *s)
{
	holding_open_free(s->journey);
}

void method_steward_add(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call add = {.begin = begin_add, .stop = stop_add};

	store_call_start(en, params, c, &add);
}

/* ---- ls and rm ---- */

struct rows {
	struct renter_steward *at; /* heap */
	size_t n, cap;
	bool failed;
};

static bool add_row(void *ctx, const struct renter_steward *s)
{
	struct rows *r = ctx;

	if (!s->watched)
		return true;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		struct renter_steward *more =
			realloc(r->at, cap * sizeof(*more));

		r->failed = !more;
		if (!more)
			return false;
		r->at = more;
		r->cap = cap;
	}
	r->at[r->n++] = *s;
	return true;
}

static enum err_code read_rows(const struct store_call *s, struct rows *r,
			       struct err *e)
{
	enum err_code code = renter_db_stewards(s->renter->db, add_row, r, e);

	return code == ERR_NONE && r->failed
		       ? err_fail(e, ERR_NOMEM, "stewards")
		       : code;
}

static json_t *row_json(const struct renter_steward *s)
{
	char id[HEX_LEN(32) + 1];

	hex_encode(id, s->name.bytes, sizeof(s->name.bytes));
	return json_pack("{ss sI ss}", "id", id, "looked",
			 (json_int_t)s->looked_s, "note", s->note);
}

static enum err_code begin_ls(struct store_call *s, struct err *e)
{
	const struct money *m = s->engine->money;
	struct rows r = {0};
	struct amount budget, spent;
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];
	json_t *list = json_array();
	enum err_code code = read_rows(s, &r, e);

	for (size_t i = 0; code == ERR_NONE && i < r.n; i++)
		(void)json_array_append_new(list, row_json(&r.at[i]));
	free(r.at);
	if (code == ERR_NONE)
		code = watch_budget(s->renter, &budget, &spent, e);
	if (code != ERR_NONE) {
		json_decref(list);
		return code;
	}
	store_call_result(s, json_pack("{so ss ss}", "stewards", list, "budget",
				       money_text(m, budget, a), "spent",
				       money_text(m, spent, b)));
	return ERR_NONE;
}

void method_steward_ls(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call ls = {.begin = begin_ls, .reads = true};

	store_call_start(en, params, c, &ls);
}

/* By the first digits of its id, when they are of one alone. */
static enum err_code find_row(const struct rows *r, const char *id, size_t *at,
			      struct err *e)
{
	char hex[HEX_LEN(32) + 1];
	size_t found = 0;

	for (size_t i = 0; i < r->n; i++) {
		hex_encode(hex, r->at[i].name.bytes,
			   sizeof(r->at[i].name.bytes));
		if (strncmp(hex, id, strlen(id)) == 0) {
			*at = i;
			found++;
		}
	}
	if (found == 1)
		return ERR_NONE;
	return err_fail(e, ERR_STATE,
			found ? "more than one begins so: give more of its id"
			      : "no object of that id; `seedbank steward ls` "
				"lists them");
}

/* What both signed stays until it ends, and what is being repaired. */
static enum err_code forget(const struct store_call *s,
			    struct renter_steward *row, struct err *e)
{
	struct err why = {0};
	enum err_code code = ERR_STATE;

	if (!s->renter->busy)
		code = renter_db_remove_object(s->renter->db, row->object,
					       &why);
	if (code == ERR_NONE)
		return ERR_NONE;
	if (code != ERR_STATE) {
		*e = why;
		return code;
	}
	row->watched = false;
	return renter_db_set_steward(s->renter->db, row, e);
}

static enum err_code begin_rm(struct store_call *s, struct err *e)
{
	const char *id = store_text(s, "id");
	struct rows r = {0};
	size_t at = 0;
	json_t *o = NULL;
	enum err_code code = id && strlen(id) >= 4
				     ? read_rows(s, &r, e)
				     : err_fail(e, ERR_PARSE,
						"want four digits of its id, "
						"or more");

	if (code == ERR_NONE)
		code = find_row(&r, id, &at, e);
	if (code == ERR_NONE)
		code = forget(s, &r.at[at], e);
	if (code == ERR_NONE) {
		renting_want_commit(s->renter->renting);
		o = row_json(&r.at[at]);
	}
	free(r.at);
	if (code == ERR_NONE)
		store_call_result(s, o);
	return code;
}

void method_steward_rm(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call rm = {.begin = begin_rm};

	store_call_start(en, params, c, &rm);
}
