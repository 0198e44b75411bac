/* methods_transfer.c - torrents: add, list, pause, resume, remove, verify. */
#include "node/core/methods.h"

#include "base/hex.h"
#include "ledger/pay/pay.h"
#include "node/core/name_text.h"
#include "node/money/money.h"
#include "node/swarm/file_choice.h"
#include "node/swarm/torrent.h"
#include "node/swarm/torrent_impl.h"
#include "node/swarm/trade.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_MS 500
#define TORRENT_MAX (16U << 20)

/* ---- add: starts a torrent and tells how it goes until it is done ---- */

struct add {
	struct engine *engine;
	struct call *call;
	struct torrent *torrent;
	struct loop_timer *timer;
	bool in_daemon;
	bool reached; /* what it was started for; it may be paused since */
	bool cancelled;
};

static void tell_cost(struct add *a);

static json_t *event_of(const char *type, const char *text)
{
	return json_pack("{ss so}", "type", type, "text", name_json(text));
}

/* It may have been removed meanwhile, by another call. */
static bool still_there(struct engine *en, const struct torrent *t)
{
	struct torrent *at = t ? en->torrents : NULL;

	while (at && at != t)
		at = torrent_next(at);
	return at != NULL;
}

static void add_free(struct add *a)
{
	if (still_there(a->engine, a->torrent))
		torrent_watch(a->torrent, NULL, NULL);
	loop_timer_free(a->timer);
	free(a);
}

static void add_finish(struct add *a)
{
	struct call *c = a->call;
	json_t *result = torrent_json(a->torrent);

	if (a->in_daemon && a->cancelled)
		(void)json_object_set_new(result, "daemon_stopped",
					  json_true());
	add_free(a);
	call_result(c, result);
}

static void add_fail(struct add *a, const struct err *e)
{
	struct call *c = a->call;

	add_free(a);
	call_error(c, e);
}

/* Ctrl-C on a download that is not complete is not success. A daemon's torrent
 * goes on: either its client went, or the daemon itself stops and says so. */
static void on_add_cancel(void *ctx)
{
	struct add *a = ctx;
	struct err e = {0};
	const struct torrent *t = a->torrent;

	a->cancelled = true;
	if (still_there(a->engine, t) &&
	    (a->in_daemon || torrent_state(t) == TORRENT_SEEDING ||
	     t->read_only)) {
		add_finish(a);
		return;
	}
	(void)err_fail(&e, ERR_STATE,
		       "interrupted; the same command goes on from here");
	add_fail(a, &e);
}

static void on_add_timer(void *ctx)
{
	struct add *a = ctx;
	struct err e = {0};
	json_t *event;

	if (!still_there(a->engine, a->torrent)) {
		(void)err_fail(&e, ERR_STATE, "it was removed");
		add_fail(a, &e);
		return;
	}
	if (a->reached || torrent_reached(a->torrent)) {
		add_finish(a);
		return;
	}
	/* without a daemon there is nobody who could resume it */
	if (!a->in_daemon && torrent_state(a->torrent) == TORRENT_FAULT) {
		(void)err_fail(&e, ERR_IO,
			       "%s; the same command goes on from "
			       "here",
			       a->torrent->fault);
		add_fail(a, &e);
		return;
	}
	event = torrent_json(a->torrent);
	(void)json_object_set_new(event, "type", json_string("progress"));
	(void)json_object_del(event, "magnet"); /* long, and always the same */
	call_event(a->call, event);
	loop_timer_set(a->timer, PROGRESS_MS);
}

static void on_torrent_event(void *ctx, const char *type, const char *text)
{
	struct add *a = ctx;

	if (strcmp(type, "reached") == 0)
		a->reached = true;
	if (a->reached || strcmp(type, "complete") == 0 ||
	    strcmp(type, "fault") == 0)
		loop_timer_set(a->timer, 0); /* not from inside the torrent */
	if (*text)
		call_event(a->call, event_of(type, text));
	if (strcmp(type, "metadata") == 0)
		tell_cost(a);
}

static enum err_code ratio_of(const char *text, uint64_t *permille,
			      struct err *e)
{
	struct amount a;
	enum err_code code = amount_from_dec(&a, text, 3, e);

	if (code == ERR_NONE && !amount_to_u64(permille, a))
		code = err_fail(e, ERR_PARSE, "--seed-ratio %.40s: too large",
				text);
	return code;
}

static enum err_code read_cfg(struct engine *en, const json_t *params,
			      struct torrent_cfg *cfg, struct err *e)
{
	const char *mode = method_text(params, "mode");
	const char *ratio = method_text(params, "seed-ratio");
	const json_t *time = json_object_get(params, "seed-time");
	enum err_code code = ERR_NONE;

	cfg->dir = method_text(params, "dir");
	if (!mode || !cfg->dir || cfg->dir[0] != '/')
		return err_fail(e, ERR_PARSE, "add: want mode and dir");
	cfg->read_only = strcmp(mode, "seed") == 0;
	cfg->magnet = method_text(params, "magnet");
	cfg->choice = choice_has_words(params) ? params : NULL;
	cfg->in_order = json_is_true(json_object_get(params, "sequential"));
	cfg->save_torrent = method_text(params, "save-torrent");
	if (cfg->magnet && cfg->read_only)
		return err_fail(e, ERR_PARSE, "add: seed wants a torrent");
	if (cfg->save_torrent && cfg->save_torrent[0] != '/')
		return err_fail(e, ERR_PARSE,
				"add: save-torrent: want an "
				"absolute path");
	cfg->preallocate =
		json_integer_value(json_object_get(params, "preallocate")) != 0;
	cfg->super_seed =
		json_integer_value(json_object_get(params, "super-seed")) != 0;
	cfg->slots =
		(uint32_t)json_integer_value(json_object_get(params, "slots"));
	cfg->seed_time_s = time ? json_integer_value(time) : -1;
	if (ratio)
		code = ratio_of(ratio, &cfg->ratio_permille, e);
	cfg->stop_when_complete = !cfg->read_only && !ratio && !time;
	if (code != ERR_NONE || !method_text(params, "bid"))
		return code;
	if (!en->money)
		return err_fail(
			e, ERR_STATE,
			"--bid needs a wallet: `seedbank wallet new`, "
			"deposit, and a passphrase (--passphrase-file)");
	cfg->paying = true;
	code = money_parse(en->money, method_text(params, "bid"), &cfg->bid, e);
	if (code == ERR_NONE)
		code = money_parse(en->money, method_text(params, "budget"),
				   &cfg->budget, e);
	return code;
}

enum err_code method_torrent_file(const json_t *params, uint8_t **out,
				  size_t *len, struct err *e)
{
	const char *text = method_text(params, "torrent");
	size_t text_len = text ? strlen(text) : 0;

	if (!text || text_len > TORRENT_MAX * 2)
		return err_fail(e, ERR_PARSE, "want the torrent's bytes");
	*out = malloc(text_len + 1);
	if (!*out)
		return err_fail(e, ERR_NOMEM, "torrent");
	if (sodium_base642bin(*out, text_len, text, text_len, NULL, len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) == 0)
		return ERR_NONE;
	free(*out);
	*out = NULL;
	return err_fail(e, ERR_PARSE, "the torrent is no base64");
}

/* A download that was interrupted goes on with what is left of its budget. */
static void tell_spent(struct add *a)
{
	struct pay_job *job = torrent_job(a->torrent);
	struct pay_job_state state;
	char spent[MONEY_TEXT_MAX], left[MONEY_TEXT_MAX], text[300];

	if (!job)
		return;
	pay_job_state(job, &state);
	if (amount_is_zero(state.spent))
		return;
	(void)snprintf(text, sizeof(text),
		       "%s was spent on it before, when it was not complete: "
		       "%s of the budget is left",
		       money_text(a->engine->money, state.spent, spent),
		       money_text(a->engine->money, state.left, left));
	call_event(a->call, event_of("spent", text));
}

/* What it may cost at most, before anything is spent. */
static void tell_cost(struct add *a)
{
	const struct torrent *t = a->torrent;
	uint64_t wanted, have;
	char bid[MONEY_TEXT_MAX], budget[MONEY_TEXT_MAX], most[MONEY_TEXT_MAX];
	char text[300];
	struct amount cost;

	if (!t->paying || !torrent_knows(t))
		return;
	torrent_wanted(t, &wanted, &have);
	if (!amount_mul_div(&cost, NULL, t->bid, wanted, 0, 1ULL << 30) ||
	    amount_cmp(cost, t->budget) > 0)
		cost = t->budget;
	(void)snprintf(
		text, sizeof(text),
		"paying at most %s a GiB, budget %s: this download costs "
		"%s at the most, less where sellers ask less",
		money_text(a->engine->money, t->bid, bid),
		money_text(a->engine->money, t->budget, budget),
		money_text(a->engine->money, cost, most));
	call_event(a->call, event_of("cost", text));
	tell_spent(a);
}

static enum err_code add_start(struct add *a, const json_t *params,
			       struct err *e)
{
	struct torrent_cfg cfg = {0};
	uint8_t *file = NULL;
	enum err_code code = read_cfg(a->engine, params, &cfg, e);

	if (code == ERR_NONE && !cfg.magnet)
		code = method_torrent_file(params, &file, &cfg.file_len, e);
	else if (code == ERR_NONE && !a->in_daemon)
		torrent_fetched(a->engine, cfg.magnet, &file, &cfg.file_len);
	if (code == ERR_NONE)
		code = engine_listen(a->engine, cfg.read_only, e);
	if (code != ERR_NONE) {
		free(file);
		return code;
	}
	cfg.file = file;
	code = torrent_add(&a->torrent, a->engine, &cfg, e);
	free(file);
	if (code != ERR_NONE) {
		a->torrent = NULL; /* not ours to end */
		return code;
	}
	tell_cost(a);
	torrent_watch(a->torrent, on_torrent_event, a);
	if (cfg.magnet && torrent_knows(a->torrent))
		torrent_keep_file(a->torrent);
	code = torrent_add_extras(a->torrent, params, e);
	if (code == ERR_NONE && a->in_daemon)
		code = torrent_remember(a->torrent, params, e);
	return code;
}

void method_add(struct engine *en, const json_t *params, struct call *c)
{
	struct add *a = calloc(1, sizeof(*a));
	struct err e = {0};
	struct torrent *t;

	if (!a) {
		(void)err_fail(&e, ERR_NOMEM, "add");
		call_error(c, &e);
		return;
	}
	a->engine = en;
	a->call = c;
	a->in_daemon = en->daemon;
	a->timer = loop_timer_new(en->loop, on_add_timer, a);
	if (!a->timer)
		(void)err_fail(&e, ERR_NOMEM, "add");
	else
		(void)add_start(a, params, &e);
	if (e.code != ERR_NONE) {
		t = a->torrent;
		add_fail(a, &e);
		torrent_free(t);
		return;
	}
	call_on_cancel(c, on_add_cancel, a);
	loop_timer_set(a->timer, PROGRESS_MS);
}

/* ---- the others ---- */

void method_list(struct engine *en, const json_t *params, struct call *c)
{
	json_t *list = json_array();

	(void)params;
	for (struct torrent *t = en->torrents; t; t = torrent_next(t))
		(void)json_array_append_new(list, torrent_json(t));
	call_result(c, json_pack("{so}", "torrents", list));
}

/* Does the text begin one of its hashes, in hexadecimal? */
static bool is_named(const struct torrent *t, const char *text)
{
	const struct metainfo *m = torrent_meta(t);
	const size_t n = strlen(text);
	char hex[2 * sizeof(m->info_hash_v2.bytes) + 1];

	if (n < 4)
		return false;
	hex_encode(hex, torrent_hash(t)->bytes, sizeof(m->info_hash.bytes));
	if (strncmp(hex, text, n) == 0)
		return true;
	hex_encode(hex, m->info_hash_v2.bytes, sizeof(m->info_hash_v2.bytes));
	return m->v2 && strncmp(hex, text, n) == 0;
}

struct torrent *method_torrent_named(struct engine *en, const json_t *params,
				     struct err *e)
{
	const char *text = method_text(params, "info_hash");
	struct torrent *found = NULL;

	for (struct torrent *t = en->torrents; text && t; t = torrent_next(t)) {
		if (!is_named(t, text))
			continue;
		if (found) {
			(void)err_fail(e, ERR_STATE,
				       "'%.40s' names more than one torrent",
				       text);
			return NULL;
		}
		found = t;
	}
	if (!found)
		(void)err_fail(e, ERR_STATE,
			       "no torrent '%.40s' here; `seedbank list` shows "
			       "them (4 digits of the info hash are enough)",
			       text ? text : "");
	return found;
}

/* Does one thing to the torrent that params name; `act` gives the result, NULL
 * and an error when it did not. */
static void on_one(struct engine *en, const json_t *params, struct call *c,
		   json_t *(*act)(struct torrent *t, const json_t *params,
				  struct err *e))
{
	struct err e = {0};
	struct torrent *t = method_torrent_named(en, params, &e);
	json_t *result = t ? act(t, params, &e) : NULL;

	if (e.code != ERR_NONE)
		call_error(c, &e);
	else
		call_result(c, result);
}

static json_t *act_pause(struct torrent *t, const json_t *params, struct err *e)
{
	(void)params;
	(void)e;
	torrent_pause(t);
	return torrent_json(t);
}

static json_t *act_resume(struct torrent *t, const json_t *params,
			  struct err *e)
{
	(void)params;
	(void)e;
	torrent_resume(t);
	return torrent_json(t);
}

/* Lists the files, after a change when one is wished. */
static json_t *act_files(struct torrent *t, const json_t *params, struct err *e)
{
	bool change = choice_has_words(params) ||
		      json_object_get(params, "sequential") != NULL;

	if (change && torrent_set_files(t, params, e) != ERR_NONE)
		return NULL;
	return json_pack("{ss so sb}", "name", torrent_meta(t)->name, "files",
			 torrent_files_json(t), "sequential", (int)t->in_order);
}

/* As it was: its figures go with it. */
static json_t *act_remove(struct torrent *t, const json_t *params,
			  struct err *e)
{
	json_t *result = torrent_json(t);

	(void)json_object_set_new(result, "state", json_string("removed"));
	if (torrent_remove(t, json_is_true(json_object_get(params, "files")),
			   e) == ERR_NONE)
		return result;
	json_decref(result);
	return NULL;
}

void method_files(struct engine *en, const json_t *params, struct call *c)
{
	on_one(en, params, c, act_files);
}

void method_pause(struct engine *en, const json_t *params, struct call *c)
{
	on_one(en, params, c, act_pause);
}

void method_resume(struct engine *en, const json_t *params, struct call *c)
{
	on_one(en, params, c, act_resume);
}

/* One of the list that could not be restored: by all digits of its hash. */
static bool forget_listed(struct engine *en, const json_t *params,
			  struct call *c)
{
	const char *text = method_text(params, "info_hash");
	struct info_hash hash;
	struct err e = {0};

	if (!text || !hex_decode(hash.bytes, sizeof(hash.bytes), text) ||
	    resume_remove(en->resume, &hash, &e) != ERR_NONE)
		return false;
	call_result(c, json_pack("{ss ss ss}", "info_hash", text, "name", text,
				 "state", "removed"));
	return true;
}

void method_remove(struct engine *en, const json_t *params, struct call *c)
{
	struct err e = {0};

	if (method_torrent_named(en, params, &e) ||
	    !forget_listed(en, params, c))
		on_one(en, params, c, act_remove);
}

static void on_moving(void *ctx, uint64_t done, uint64_t total)
{
	call_event(ctx,
		   json_pack("{ss sI sI}", "type", "progress", "have",
			     (json_int_t)done, "total", (json_int_t)total));
}

static void on_moved(void *ctx, struct torrent *moved, const struct err *err)
{
	struct call *c = ctx;

	if (err)
		call_error(c, err);
	else
		call_result(c, torrent_json(moved));
}

void method_move(struct engine *en, const json_t *params, struct call *c)
{
	const char *dir = method_text(params, "dir");
	struct err e = {0};
	struct torrent *t = method_torrent_named(en, params, &e);

	if (t && (!dir || dir[0] != '/'))
		(void)err_fail(&e, ERR_PARSE, "move: want an absolute dir");
	else if (t)
		(void)torrent_move(t, dir, on_moving, on_moved, c, &e);
	if (e.code != ERR_NONE)
		call_error(c, &e);
}

/* ---- verify ---- */

/* Each bad piece may have one. */
#define VERIFY_NOTES_MAX 10

struct verify {
	struct engine *engine;
	struct call *call;
	struct torrent *torrent;
	bool own; /* made for this call: not one that runs */
	unsigned notes;
	struct loop_timer *timer;
};

static void verify_free(struct verify *v)
{
	if (still_there(v->engine, v->torrent)) {
		torrent_watch(v->torrent, NULL, NULL);
		if (v->own)
			torrent_free(v->torrent);
	}
	loop_timer_free(v->timer);
	free(v);
}

static void verify_finish(struct verify *v)
{
	struct store_stats stats;
	struct call *c = v->call;
	json_t *result = torrent_json(v->torrent);

	store_stats_get(v->torrent->store, &stats);
	(void)json_object_set_new(result, "good", json_integer(stats.have));
	(void)json_object_set_new(
		result, "pieces",
		json_integer(torrent_meta(v->torrent)->piece_count));
	verify_free(v);
	call_result(c, result);
}

static void on_verify_timer(void *ctx)
{
	struct verify *v = ctx;
	const struct torrent *t = v->torrent;
	struct call *c = v->call;
	struct err e = {0};

	if (!still_there(v->engine, t)) {
		(void)err_fail(&e, ERR_STATE, "it was removed");
		verify_free(v);
		call_error(c, &e);
		return;
	}
	if (torrent_state(t) != TORRENT_CHECKING) {
		verify_finish(v);
		return;
	}
	call_event(v->call, json_pack("{ss sI sI}", "type", "progress", "have",
				      (json_int_t)t->checked, "total",
				      (json_int_t)t->check_total));
	loop_timer_set(v->timer, PROGRESS_MS);
}

static void on_verify_event(void *ctx, const char *type, const char *text)
{
	struct verify *v = ctx;

	if (strcmp(type, "ready") == 0)
		loop_timer_set(v->timer, 0);
	else if (strcmp(type, "note") == 0 && v->notes++ < VERIFY_NOTES_MAX)
		call_event(v->call, event_of(type, text));
}

static void on_verify_cancel(void *ctx)
{
	struct verify *v = ctx;
	struct call *c = v->call;
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "interrupted");
	verify_free(v);
	call_error(c, &e);
}

static enum err_code verify_start(struct verify *v, const json_t *params,
				  struct err *e)
{
	struct torrent_cfg cfg = {.read_only = true,
				  .verify_only = true,
				  .seed_time_s = -1,
				  .dir = method_text(params, "dir")};
	uint8_t *file = NULL;
	enum err_code code;

	if (!method_text(params, "torrent")) {
		v->torrent = method_torrent_named(v->engine, params, e);
		return v->torrent ? torrent_recheck(v->torrent, e) : ERR_STATE;
	}
	if (!cfg.dir || cfg.dir[0] != '/')
		return err_fail(e, ERR_PARSE, "verify: want dir");
	code = method_torrent_file(params, &file, &cfg.file_len, e);
	if (code != ERR_NONE)
		return code;
	cfg.file = file;
	v->own = true;
	code = torrent_add(&v->torrent, v->engine, &cfg, e);
	free(file);
	if (code == ERR_STATE && v->torrent) { /* it runs here: check that */
		v->own = false;
		*e = (struct err){0};
		return torrent_recheck(v->torrent, e);
	}
	return code;
}

void method_verify(struct engine *en, const json_t *params, struct call *c)
{
	struct verify *v = calloc(1, sizeof(*v));
	struct err e = {0};

	if (!v) {
		(void)err_fail(&e, ERR_NOMEM, "verify");
		call_error(c, &e);
		return;
	}
	v->engine = en;
	v->call = c;
	v->timer = loop_timer_new(en->loop, on_verify_timer, v);
	if (!v->timer)
		(void)err_fail(&e, ERR_NOMEM, "verify");
	else
		(void)verify_start(v, params, &e);
	if (e.code != ERR_NONE) {
		if (!v->own || e.code == ERR_NOMEM)
			v->torrent = NULL;
		verify_free(v);
		call_error(c, &e);
		return;
	}
	torrent_watch(v->torrent, on_verify_event, v);
	call_on_cancel(c, on_verify_cancel, v);
	loop_timer_set(v->timer, 0);
}
