/* torrent_list.c - the torrents that a daemon has again after a restart, and
 * how one is taken off that list. */
#include "base/clock.h"
#include "base/hex.h"
#include "node/swarm/torrent_impl.h"

#include "node/money/money.h"
#include "node/swarm/trade.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum err_code add_users_peer(struct torrent *t, const char *text,
				    struct err *e)
{
	return torrent_add_peer_text(t, text, true, e);
}

/* What the user named besides what stands in the torrent. */
static const struct extra {
	const char *key;
	enum err_code (*add)(struct torrent *t, const char *text,
			     struct err *e);
} extra_kinds[] = {
	{"tracker", torrent_add_tracker},
	{"peer", add_users_peer},
	{"web-seed", torrent_add_web_seed},
};
#define EXTRA_KINDS (sizeof(extra_kinds) / sizeof(extra_kinds[0]))

enum err_code torrent_add_extras(struct torrent *t, const json_t *extras,
				 struct err *e)
{
	enum err_code code = ERR_NONE;
	json_t *list, *item;
	size_t i;

	for (size_t k = 0; k < EXTRA_KINDS; k++) {
		list = json_object_get(extras, extra_kinds[k].key);
		json_array_foreach(list, i, item)
		{
			if (code == ERR_NONE && json_is_string(item))
				code = extra_kinds[k].add(
					t, json_string_value(item), e);
		}
	}
	return code;
}

/* What torrent_cfg says of it, and its extras. NULL: out of memory. */
static json_t *settings_of(const struct torrent *t, const json_t *extras)
{
	uint8_t bid[16], budget[16];
	char bid_hex[33], budget_hex[33], *text;
	json_t *o;

	amount_to_be16(bid, t->bid);
	amount_to_be16(budget, t->budget);
	o = json_pack("{sb sI sI sb ss ss sb sb sI}", "read_only",
		      (int)t->read_only, "ratio_permille",
		      (json_int_t)t->ratio_permille, "seed_time_s",
		      (json_int_t)t->seed_time_s, "paying", (int)t->paying,
		      "bid", hex_encode(bid_hex, bid, 16), "budget",
		      hex_encode(budget_hex, budget, 16), "preallocate",
		      (int)t->preallocate, "super_seed", (int)t->super_seed,
		      "slots", (json_int_t)t->slots);
	for (size_t i = 0; o && i < EXTRA_KINDS; i++) {
		json_t *list = json_object_get(extras, extra_kinds[i].key);

		if (list)
			(void)json_object_set(o, extra_kinds[i].key, list);
	}
	if (o && t->choice && !torrent_knows(t))
		(void)json_object_set(o, "choice", t->choice);
	text = torrent_choice_text(t);
	if (o && text)
		(void)json_object_set_new(o, "file_prios", json_string(text));
	free(text);
	if (o)
		(void)json_object_set_new(o, "in_order",
					  json_boolean(t->in_order));
	if (o && t->magnet)
		(void)json_object_set_new(o, "magnet", json_string(t->magnet));
	if (o && t->save_torrent)
		(void)json_object_set_new(o, "save_torrent",
					  json_string(t->save_torrent));
	return o;
}

enum err_code torrent_remember(struct torrent *t, const json_t *extras,
			       struct err *e)
{
	static const uint8_t no_file[1]; /* of a magnet link, yet */
	json_t *settings = settings_of(t, extras);
	char *text = settings ? json_dumps(settings, JSON_COMPACT) : NULL;
	struct resume_torrent row = {.info_hash = t->meta.info_hash,
				     .root = t->dir,
				     .torrent = t->meta.file ? t->meta.file
							     : no_file,
				     .torrent_len = t->meta.file_len,
				     .added_s = clock_unix_s(),
				     .want = RESUME_RUN,
				     .settings = text};
	enum err_code code = text ? resume_add(t->engine->resume, &row, e)
				  : err_fail(e, ERR_NOMEM, "torrent");

	json_decref(settings);
	if (code == ERR_NONE) {
		free(t->settings);
		t->settings = text;
	} else {
		free(text);
	}
	return code;
}

static struct amount amount_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	uint8_t bytes[16] = {0};

	if (!text || !hex_decode(bytes, sizeof(bytes), text))
		memset(bytes, 0, sizeof(bytes));
	return amount_from_be16(bytes);
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static json_int_t int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

struct restore {
	struct engine *engine;
	unsigned count;
	struct torrent *last;
	struct err err; /* of the last that was not restored */
};

static void not_restored(struct restore *r, const struct resume_torrent *row,
			 const struct err *e)
{
	char hash[2 * sizeof(row->info_hash.bytes) + 1];

	r->err = *e;
	hex_encode(hash, row->info_hash.bytes, sizeof(row->info_hash.bytes));
	log_line(r->engine->log, LOG_ERROR, "torrent",
		 "not restored info_hash=%s root=\"%s\" text=\"%s\"", hash,
		 row->root, e->msg);
}

static bool is_sound(struct restore *r, const struct resume_torrent *row)
{
	struct err e = {0};

	if (resume_is_sound(row))
		return true;
	(void)err_fail(&e, ERR_DB,
		       "what torrents.db says of it is damaged: add it again, "
		       "or `seedbank remove` its info hash");
	not_restored(r, row, &e);
	return false;
}

/* One that cannot be restored is named and left in the list. */
static bool restore_one(void *ctx, const struct resume_torrent *row)
{
	struct restore *r = ctx;
	json_t *o = json_loads(row->settings, 0, NULL);
	struct torrent_cfg cfg = {
		.file = row->torrent,
		.file_len = row->torrent_len,
		.magnet = text_of(o, "magnet"),
		.save_torrent = text_of(o, "save_torrent"),
		.choice = json_object_get(o, "choice"),
		.file_prios = text_of(o, "file_prios"),
		.in_order = json_is_true(json_object_get(o, "in_order")),
		.dir = row->root,
		.paused = row->want == RESUME_PAUSE,
		.read_only = json_is_true(json_object_get(o, "read_only")),
		.ratio_permille = (uint64_t)int_of(o, "ratio_permille"),
		.seed_time_s = o ? int_of(o, "seed_time_s") : -1,
		.seeded_up = (uint64_t)int_of(o, "seeded_up"),
		.seeded_ms = int_of(o, "seeded_ms"),
		.preallocate = json_is_true(json_object_get(o, "preallocate")),
		.super_seed = json_is_true(json_object_get(o, "super_seed")),
		.slots = (uint32_t)int_of(o, "slots"),
		.paying = json_is_true(json_object_get(o, "paying")),
		.bid = amount_of(o, "bid"),
		.budget = amount_of(o, "budget"),
	};
	char *settings = o ? strdup(row->settings) : NULL;
	struct torrent *t;
	struct err e = {0};

	if (!is_sound(r, row)) {
		/* nothing that it says is acted on */
	} else if (torrent_add(&t, r->engine, &cfg, &e) == ERR_NONE) {
		t->settings = settings;
		settings = NULL;
		r->count++;
		r->last = t;
		if (torrent_add_extras(t, o, &e) != ERR_NONE)
			torrent_tell(t, "note", "%s", e.msg);
	} else {
		not_restored(r, row, &e);
	}
	free(settings);
	json_decref(o);
	return true;
}

enum err_code torrents_restore(struct engine *en, struct err *e)
{
	struct restore r = {.engine = en};
	enum err_code code = resume_check(en->resume, e);

	if (code != ERR_NONE)
		return code;
	torrent_settle_moves(en);
	code = resume_each(en->resume, restore_one, &r, e);

	if (code == ERR_NONE && r.count)
		log_line(en->log, LOG_INFO, "torrent", "restored count=%u",
			 r.count);
	return code;
}

enum err_code torrent_restore(struct torrent **out, struct engine *en,
			      const struct info_hash *hash, struct err *e)
{
	struct restore r = {.engine = en};
	enum err_code code = resume_get(en->resume, hash, restore_one, &r, e);

	*out = r.last;
	if (code == ERR_NONE && !r.last)
		code = err_fail(e, r.err.code, "%s", r.err.msg);
	return code;
}

/* Only files that the torrent names, and directories that are then empty. */
static void delete_files(const struct metainfo *m, const char *dir)
{
	char path[PATH_MAX];

	for (uint32_t i = 0; i < m->file_count; i++) {
		char *slash;
		size_t root = strlen(dir);

		if (m->files[i].pad)
			continue;
		(void)snprintf(path, sizeof(path), "%.1500s%s%.255s/%.2048s",
			       dir, m->multi ? "/" : "",
			       m->multi ? m->name : "", m->files[i].path);
		if (unlink(path) != 0)
			continue;
		while ((slash = strrchr(path, '/')) &&
		       (size_t)(slash - path) > root) {
			*slash = '\0';
			if (rmdir(path) != 0)
				break;
		}
	}
}

struct removal { /* what is left to do once the store is closed */
	struct torrent *torrent;
	struct engine *engine;
	struct loop_timer *timer;
	bool files;
};

static void finish_removal(void *ctx)
{
	struct removal *r = ctx;
	struct torrent *t = r->torrent;
	struct err e = {0};

	if (!t->read_only)
		torrent_delete_aside(t);
	if (r->files)
		delete_files(&t->meta, t->dir);
	if (t->settings && resume_remove(r->engine->resume, &t->meta.info_hash,
					 &e) != ERR_NONE)
		log_line(r->engine->log, LOG_WARN, "torrent", "not removed: %s",
			 e.msg);
	torrent_free(t);
	loop_timer_free(r->timer);
	free(r);
}

/* torrent_stop() may still be on the stack: finish in a turn of our own. */
static void on_stopped(void *ctx)
{
	struct removal *r = ctx;

	loop_timer_set(r->timer, 0);
}

enum err_code torrent_remove(struct torrent *t, bool files, struct err *e)
{
	struct removal *r;

	if (t->state == TORRENT_STOPPED)
		return err_fail(e, ERR_STATE, "%.80s is being %s", t->meta.name,
				t->moving ? "moved" : "removed");
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_fail(e, ERR_NOMEM, "torrent");
	r->torrent = t;
	r->engine = t->engine;
	r->files = files && !t->read_only;
	r->timer = loop_timer_new(t->engine->loop, finish_removal, r);
	if (!r->timer) {
		free(r);
		return err_fail(e, ERR_NOMEM, "torrent");
	}
	torrent_stop(t, on_stopped, r);
	trade_job_end(t->engine->trade, &t->meta.info_hash);
	return ERR_NONE;
}
