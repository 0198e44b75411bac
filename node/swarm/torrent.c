#include "node/swarm/torrent.h"

#include "base/hex.h"
#include "node/money/money.h"
#include "node/swarm/torrent_impl.h"
#include "node/swarm/trade.h"

#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MAX_MS 250
#define TICK_REST_MS 10000
#define SAVE_COUNT_MS 60000 /* of seeding that a crash may forget */

int64_t torrent_now(const struct torrent *t)
{
	return loop_now_ms(t->engine->loop);
}

void torrent_tell(struct torrent *t, const char *type, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_line(t->engine->log, LOG_INFO, "torrent",
		 "%s name=\"%s\" text=\"%s\"", type, t->meta.name, text);
	if (t->watcher)
		t->watcher(t->watcher_ctx, type, text);
}

void torrent_wake(struct torrent *t)
{
	loop_timer_set(t->tick, 0);
}

/* What cannot be read again is not told; pieces are served all the same. */
void torrent_expect(struct torrent *t)
{
	struct err e = {0};

	if (!t->swarm)
		return;
	(void)torrent_recall(t, &e);
	torrent_wake(t);
}

/* ---- time ---- */

/* Enough was seeded. A command ends then; a daemon, where perhaps nobody
 * watches, keeps the torrent but halts it. A download without such an end is
 * seeded on by a daemon. */
static void reached(struct torrent *t)
{
	if (t->watcher)
		t->watcher(t->watcher_ctx, "reached", "");
	if (t->engine->daemon && !t->stop_when_complete)
		torrent_pause(t);
}

/* What was on the disk before its hashes were known. */
static void check_now(struct torrent *t)
{
	struct err e = {0};

	t->check_soon = false;
	if (torrent_recheck(t, &e) != ERR_NONE)
		torrent_tell(t, "note", "%s", e.msg);
}

/* Thousands of torrents that seed to nobody must cost nothing: who comes wakes
 * them (torrent_expect). `next` INT64_MAX: no connection. */
static int64_t longest_wait(const struct torrent *t, int64_t next)
{
	bool rests = next == INT64_MAX && t->state == TORRENT_SEEDING &&
		     !candidates_connected(t->candidates) &&
		     t->seed_time_s < 0 && !t->ratio_permille;

	return rests ? TICK_REST_MS : TICK_MAX_MS;
}

static void on_tick(void *ctx)
{
	struct torrent *t = ctx;
	int64_t now = torrent_now(t), next, peers, most;

	if (t->state == TORRENT_FAULT && !t->store)
		torrent_swarm_stop(t); /* its metadata was of no use */
	if (t->state == TORRENT_METADATA && !t->swarm)
		torrent_begin(t);
	if (!t->swarm)
		return;
	next = swarm_tick(t->swarm, now);
	web_seeds_tick(t->web);
	peers = torrent_peers_tick(t, now);
	torrent_names_tick(t);
	most = longest_wait(t, next);
	if (peers < next)
		next = peers;
	next -= now;
	if (next > most)
		next = most;
	loop_timer_set(t->tick, next);
	if (now - t->count_saved_ms >= SAVE_COUNT_MS)
		torrent_save_count(t);
	if (t->roots_soon)
		torrent_add_roots(t);
	if (torrent_reached(t))
		reached(t);
	else if (t->check_soon)
		check_now(t);
}

int64_t torrent_seeded_ms(const struct torrent *t)
{
	return t->seeded_ms + (t->swarm && t->complete_ms >= 0
				       ? torrent_now(t) - t->complete_ms
				       : 0);
}

static uint64_t seeded_up(const struct torrent *t)
{
	struct swarm_stats stats = {0};

	if (t->swarm)
		swarm_stats_get(t->swarm, &stats);
	return t->seeded_up + stats.uploaded;
}

static bool time_reached(const struct torrent *t)
{
	return t->seed_time_s >= 0 &&
	       torrent_seeded_ms(t) >= t->seed_time_s * 1000;
}

static bool ratio_reached(const struct torrent *t)
{
	uint64_t size = t->meta.wanted, have;

	if (!t->ratio_permille)
		return false;
	if (torrent_is_partial(t))
		torrent_wanted(t, &size, &have);
	return seeded_up(t) >= size / 1000 * t->ratio_permille;
}

json_t *torrent_settings(const struct torrent *t)
{
	return t->settings ? json_loads(t->settings, 0, NULL) : NULL;
}

enum err_code torrent_keep_settings(struct torrent *t, const json_t *settings,
				    struct err *e)
{
	char *text = json_dumps(settings, JSON_COMPACT);

	if (!text)
		return err_fail(e, ERR_NOMEM, "torrent");
	free(t->settings);
	t->settings = text;
	return resume_set_settings(t->engine->resume, &t->meta.info_hash, text,
				   e);
}

void torrent_take_settings(struct torrent *t, json_t *settings)
{
	struct err e = {0};

	if (torrent_keep_settings(t, settings, &e) != ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "not saved name=\"%s\" text=\"%s\"", t->meta.name,
			 e.msg);
	json_decref(settings);
}

void torrent_save_count(struct torrent *t)
{
	json_t *o;

	t->count_saved_ms = torrent_now(t);
	if (!t->settings || (t->seed_time_s < 0 && !t->ratio_permille))
		return;
	o = torrent_settings(t);
	(void)json_object_set_new(o, "seeded_ms",
				  json_integer(torrent_seeded_ms(t)));
	(void)json_object_set_new(o, "seeded_up",
				  json_integer((json_int_t)seeded_up(t)));
	torrent_take_settings(t, o);
}

/* Who resumes a torrent that got there wants it seeded on, also by the daemon's
 * next run. */
static void drop_reached_ends(struct torrent *t)
{
	bool time = time_reached(t), ratio = ratio_reached(t);
	json_t *o;

	if (time)
		t->seed_time_s = -1;
	if (ratio)
		t->ratio_permille = 0;
	if (!t->settings || (!time && !ratio))
		return;
	o = torrent_settings(t);
	if (time)
		(void)json_object_set_new(o, "seed_time_s", json_integer(-1));
	if (ratio)
		(void)json_object_set_new(o, "ratio_permille", json_integer(0));
	torrent_take_settings(t, o);
}

bool torrent_reached(const struct torrent *t)
{
	if (t->complete_ms < 0 || t->state != TORRENT_SEEDING || !t->swarm)
		return false;
	return t->stop_when_complete || time_reached(t) || ratio_reached(t);
}

/* ---- states ---- */

static void begin(struct torrent *t)
{
	struct err e = {0};
	struct swarm_stats stats;
	bool goes_on = t->swarm != NULL; /* with the peers that it has */

	if (t->verify_only) {
		t->state = TORRENT_PAUSED;
		torrent_tell(t, "ready", "%s is checked", t->meta.name);
		return;
	}
	if (torrent_swarm_start(t, &e) != ERR_NONE) {
		torrent_fault(t, &e);
		return;
	}
	t->up_saved = t->down_saved = 0;
	swarm_stats_get(t->swarm, &stats);
	if (t->read_only)
		swarm_set_download(t->swarm, torrent_now(t), false);
	t->state = stats.wanted == 0 ? TORRENT_SEEDING : TORRENT_DOWNLOADING;
	t->complete_ms = stats.wanted == 0 ? torrent_now(t) : -1;
	if (stats.wanted == 0) {
		torrent_tell(t, "ready", "%s is complete: seeding on port %u",
			     t->meta.name, t->engine->listen_port);
	} else if (t->read_only) {
		torrent_tell(t, "ready",
			     "%s: only %u of %u pieces are here and good; "
			     "seeding those",
			     t->meta.name, stats.have, stats.pieces);
	} else {
		torrent_tell(t, "ready", "%s: %u of %u pieces are here",
			     t->meta.name, stats.have, stats.pieces);
	}
	if (stats.wanted == 0)
		torrent_drop_fetched(t);
	if (!goes_on)
		candidates_retry_now(t->candidates);
	torrent_names_start(t);
	torrent_wake(t);
}

void torrent_begin(struct torrent *t)
{
	const struct money *m = t->engine->money;

	if (m && m->opening)
		return;
	if (t->state == TORRENT_METADATA && !t->swarm)
		torrent_seek_metadata(t);
	else if (t->state == TORRENT_CHECKING && store_is_ready(t->store) &&
		 !t->rechecking)
		begin(t);
}

void torrent_opened(struct torrent *t)
{
	torrent_begin(t);
	torrent_rest_soon(t);
}

void torrent_check_progress(struct torrent *t, uint64_t done, uint64_t total)
{
	t->checked = done;
	t->check_total = total;
	if (t->watcher)
		t->watcher(t->watcher_ctx, "check", "");
}

/* The daemon's next run buys nothing. */
static void note_paid(struct torrent *t)
{
	json_t *o = torrent_settings(t);

	(void)json_object_set_new(o, "paying", json_false());
	torrent_take_settings(t, o);
}

void torrent_completed(struct torrent *t)
{
	if (t->state != TORRENT_DOWNLOADING)
		return;
	t->state = TORRENT_SEEDING;
	t->complete_ms = torrent_now(t);
	t->fresh = true;
	torrent_tell(t, "complete", "%s is complete", t->meta.name);
	if (t->paying && t->settings)
		note_paid(t);
	torrent_drop_fetched(t);
	if (!torrent_is_partial(t)) /* else trackers would count a seeder */
		torrent_names_completed(t);
	torrent_wake(t);
}

void torrent_fault(struct torrent *t, const struct err *err)
{
	(void)snprintf(t->fault, sizeof(t->fault), "%s", err->msg);
	t->state = TORRENT_FAULT;
	torrent_tell(t, "fault",
		     "%s is paused: %s; make room, then `seedbank resume` (or "
		     "run it again)",
		     t->meta.name, err->msg);
}

/* Remembered for the daemon's next start. */
static void want(struct torrent *t, enum resume_want w)
{
	struct err e = {0};

	if (t->settings &&
	    resume_set_want(t->engine->resume, &t->meta.info_hash, w, &e) !=
		    ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "torrent",
			 "not saved name=\"%s\" text=\"%s\"", t->meta.name,
			 e.msg);
}

void torrent_pause(struct torrent *t)
{
	if (t->state == TORRENT_PAUSED || t->state == TORRENT_STOPPED)
		return;
	torrent_names_pause(t); /* before the swarm's figures are gone */
	torrent_swarm_stop(t);
	torrent_save_count(t);
	if (t->store)
		store_forget_partial(t->store);
	t->state = TORRENT_PAUSED;
	loop_timer_cancel(t->tick);
	want(t, RESUME_PAUSE);
}

static void resume_without_store(struct torrent *t)
{
	struct err e = {0};

	torrent_swarm_stop(t);
	t->state = torrent_knows(t) ? TORRENT_CHECKING : TORRENT_METADATA;
	if (!torrent_knows(t))
		torrent_begin(t);
	else if (torrent_open_files(t, &e) != ERR_NONE)
		torrent_fault(t, &e);
}

void torrent_resume(struct torrent *t)
{
	if (!t->store &&
	    (t->state == TORRENT_FAULT || t->state == TORRENT_PAUSED)) {
		want(t, RESUME_RUN);
		resume_without_store(t);
		return;
	}
	if (t->state == TORRENT_FAULT) {
		store_resume(t->store);
		if (t->swarm) {
			t->state = t->complete_ms >= 0 ? TORRENT_SEEDING
						       : TORRENT_DOWNLOADING;
			torrent_wake(t);
			return;
		}
	} else if (t->state != TORRENT_PAUSED) {
		return;
	}
	want(t, RESUME_RUN);
	drop_reached_ends(t);
	t->state = TORRENT_CHECKING;
	torrent_begin(t);
}

void torrent_save_totals(struct torrent *t)
{
	struct swarm_stats stats;

	if (!t->swarm || !t->store || t->store_closed)
		return;
	swarm_stats_get(t->swarm, &stats);
	store_add_totals(t->store, stats.uploaded - t->up_saved,
			 stats.downloaded - t->down_saved);
	t->up_saved = stats.uploaded;
	t->down_saved = stats.downloaded;
}

static void on_recheck(void *ctx, bool whole)
{
	struct torrent *t = ctx;

	t->rechecking = false;
	if (!whole || t->state != TORRENT_CHECKING)
		return;
	t->complete_ms = -1;
	if (t->pause_after_check) {
		t->state = TORRENT_PAUSED;
		torrent_tell(t, "ready", "%s is checked, and paused as before",
			     t->meta.name);
		return;
	}
	begin(t);
}

enum err_code torrent_recheck(struct torrent *t, struct err *e)
{
	enum err_code code;

	if (t->state == TORRENT_CHECKING || t->state == TORRENT_STOPPED)
		return err_fail(e, ERR_STATE, "%.80s is %s already",
				t->meta.name, torrent_state_name(t->state));
	if (!t->store)
		return err_fail(e, ERR_STATE,
				"%.80s: its metadata is not here yet",
				t->meta.name);
	t->pause_after_check = t->state == TORRENT_PAUSED;
	torrent_swarm_stop(t);
	store_forget_partial(t->store);
	code = store_verify(t->store, on_recheck, t, e);
	if (code != ERR_NONE) {
		if (!t->pause_after_check)
			begin(t);
		return code;
	}
	t->state = TORRENT_CHECKING;
	t->rechecking = true;
	t->checked = 0;
	t->check_total = t->meta.total;
	return ERR_NONE;
}

/* ---- stopping ---- */

void torrent_stop_step(struct torrent *t)
{
	if (!torrent_stopped(t))
		return;
	t->engine->running--;
	if (t->stopped)
		t->stopped(t->stopped_ctx);
}

static void on_store_closed(void *ctx)
{
	struct torrent *t = ctx;

	t->store = NULL;
	t->store_closed = true;
	torrent_stop_step(t);
}

void torrent_stop(struct torrent *t, void (*done)(void *ctx), void *ctx)
{
	t->stopped = done;
	t->stopped_ctx = ctx;
	if (t->state == TORRENT_STOPPED)
		return;
	t->state = TORRENT_STOPPED;
	loop_timer_cancel(t->tick);
	torrent_names_goodbye(t); /* before the swarm's figures are gone */
	torrent_swarm_stop(t);
	torrent_save_count(t);
	trade_job_close(t->engine->trade, t->job);
	if (t->job && t->complete_ms >= 0)
		trade_job_end(t->engine->trade, &t->meta.info_hash);
	t->job = NULL;
	if (t->store)
		store_close(t->store, on_store_closed, t);
	else
		on_store_closed(t);
}

bool torrent_stopped(const struct torrent *t)
{
	return t->goodbye_said && t->store_closed;
}

static bool link_in(struct torrent *t)
{
	struct engine *en = t->engine;

	if (!torrent_names_index(t))
		return false;
	t->next = en->torrents;
	if (t->next)
		t->next->prev = t;
	en->torrents = t;
	en->running++;
	t->listed = true;
	return true;
}

static void link_out(struct torrent *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		t->engine->torrents = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->engine->running -= !torrent_stopped(t);
	torrent_names_unindex(t);
	t->listed = false;
}

/* Its store has borrowed hashes, and may end later than all else waits for. */
static void free_rest(void *ctx)
{
	struct torrent *t = ctx;

	metainfo_clear(&t->meta);
	free(t);
}

void torrent_free(struct torrent *t)
{
	if (!t)
		return;
	if (t->listed)
		link_out(t);
	if (t->moving)
		torrent_move_orphan(t->moving);
	torrent_swarm_stop(t);
	if (t->job)
		trade_job_close(t->engine->trade, t->job);
	torrent_peers_free(t);
	loop_timer_free(t->tick);
	free(t->settings);
	if (t->claim)
		home_release(t->engine->claims, t->claim);
	free(t->claim);
	json_decref(t->choice);
	free(t->file_prios);
	free(t->piece_prios);
	free(t->magnet);
	free(t->save_torrent);
	free(t->dir);
	if (t->store)
		store_close(t->store, free_rest, t);
	else
		free_rest(t);
}

/* ---- starting ---- */

/* `seed DIR`: DIR holds the torrent's name, or is it. */
static char *pick_root(const struct metainfo *m, const char *dir)
{
	char path[PATH_MAX], copy[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%.3000s/%.1000s", dir, m->name);
	(void)snprintf(copy, sizeof(copy), "%.4000s", dir);
	if (stat(path, &st) != 0 && m->multi &&
	    strcmp(basename(copy), m->name) == 0) {
		(void)snprintf(copy, sizeof(copy), "%.4000s", dir);
		return strdup(dirname(copy));
	}
	return strdup(dir);
}

/* Two that write the same files would each undo what the other records. */
static enum err_code claim_files(struct torrent *t, struct err *e)
{
	char path[PATH_MAX];
	enum err_code code;

	if (t->read_only)
		return ERR_NONE;
	(void)snprintf(path, sizeof(path), "%.3000s/%.1000s", t->dir,
		       t->meta.name);
	code = home_claim(t->engine->claims, path, e);
	if (code != ERR_NONE)
		return code;
	t->claim = strdup(path);
	return t->claim ? ERR_NONE : err_fail(e, ERR_NOMEM, "torrent");
}

static enum err_code open_store(struct torrent *t, struct err *e)
{
	struct store_file *files = calloc(t->meta.file_count, sizeof(*files));
	struct store_cfg cfg = {
		.info_hash = t->meta.info_hash,
		.root = t->dir,
		.name = t->meta.multi ? t->meta.name : NULL,
		.files = files,
		.file_count = t->meta.file_count,
		.piece_len = t->meta.piece_length,
		.piece_count = t->meta.piece_count,
		.hashes = t->meta.pieces,
		/* of a hybrid those of v1 do while some are missing */
		.roots = t->meta.v1 && t->meta.layers_missing ? NULL
							      : t->meta.roots,
		.shorts = t->meta.shorts,
		.short_count = t->meta.short_count,
		.read_only = t->read_only,
		.preallocate = t->preallocate,
		.recheck = t->verify_only,
		.no_resume = t->verify_only,
	};
	enum err_code code;

	if (!files)
		return err_fail(e, ERR_NOMEM, "%.80s", t->meta.name);
	for (uint32_t i = 0; i < t->meta.file_count; i++)
		files[i] = (struct store_file){
			.path = t->meta.files[i].path,
			.length = t->meta.files[i].length,
			.pad = t->meta.files[i].pad,
			.executable = t->meta.files[i].executable,
			.unwanted = !torrent_wants_file(t, i)};
	code = store_open(&t->store, t->engine->store_env, &cfg,
			  &torrent_store_callbacks, t, e);
	free(files);
	return code;
}

static bool copy_texts(struct torrent *t, const struct torrent_cfg *cfg)
{
	if (cfg->magnet)
		t->magnet = strdup(cfg->magnet);
	if (cfg->save_torrent)
		t->save_torrent = strdup(cfg->save_torrent);
	return !t->magnet == !cfg->magnet &&
	       !t->save_torrent == !cfg->save_torrent;
}

static struct torrent *torrent_new(struct engine *en,
				   const struct torrent_cfg *cfg)
{
	struct torrent *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->engine = en;
	t->tick = loop_timer_new(en->loop, on_tick, t);
	t->candidates = candidates_new();
	if (!copy_texts(t, cfg) || !t->tick || !t->candidates) {
		torrent_free(t);
		return NULL;
	}
	t->read_only = cfg->read_only;
	t->verify_only = cfg->verify_only;
	t->ratio_permille = cfg->ratio_permille;
	t->seed_time_s = cfg->seed_time_s;
	t->seeded_up = cfg->seeded_up;
	t->seeded_ms = cfg->seeded_ms;
	t->slots = cfg->slots;
	t->preallocate = cfg->preallocate;
	t->super_seed = cfg->super_seed;
	t->stop_when_complete = cfg->stop_when_complete;
	t->choice = json_deep_copy(cfg->choice);
	t->in_order = cfg->in_order && !cfg->read_only;
	t->paying = cfg->paying;
	t->bid = cfg->bid;
	t->budget = cfg->budget;
	t->complete_ms = -1;
	t->started_ms = t->count_saved_ms = loop_now_ms(en->loop);
	return t;
}

/* It stands once in the list, with its own directory and limits. */
static enum err_code there_already(const struct torrent *t, struct err *e)
{
	const bool halted =
		t->state == TORRENT_PAUSED || t->state == TORRENT_FAULT;
	char hash[2 * sizeof(t->meta.info_hash.bytes) + 1];

	hex_encode(hash, t->meta.info_hash.bytes,
		   sizeof(t->meta.info_hash.bytes));
	return err_fail(e, ERR_STATE,
			"%.60s is there already, %s; `seedbank %s %.8s` %s",
			t->meta.name, torrent_state_name(t->state),
			halted ? "resume" : "remove", hash,
			halted ? "lets it go on"
			       : "first, to start it in another way");
}

enum err_code torrent_open_files(struct torrent *t, struct err *e)
{
	enum err_code code = t->claim ? ERR_NONE : claim_files(t, e);

	return code == ERR_NONE ? open_store(t, e) : code;
}

static enum err_code read_source(struct torrent *t,
				 const struct torrent_cfg *cfg, struct err *e)
{
	return cfg->file_len == 0 && t->magnet
		       ? torrent_read_link(t, e)
		       : metainfo_parse(&t->meta, cfg->file, cfg->file_len, e);
}

enum err_code torrent_add(struct torrent **out, struct engine *en,
			  const struct torrent_cfg *cfg, struct err *e)
{
	struct torrent *t = torrent_new(en, cfg);
	enum err_code code;

	*out = NULL;
	if (!t)
		return err_fail(e, ERR_NOMEM, "torrent");
	code = read_source(t, cfg, e);
	if (code == ERR_NONE)
		torrent_names_read(t);
	if (code == ERR_NONE && (*out = torrent_namesake(t, &t->meta)))
		code = there_already(*out, e);
	if (code == ERR_NONE &&
	    !(t->dir = cfg->read_only ? pick_root(&t->meta, cfg->dir)
				      : strdup(cfg->dir)))
		code = err_fail(e, ERR_NOMEM, "torrent");
	if (code == ERR_NONE)
		code = torrent_choose(t, cfg->file_prios, e);
	if (code == ERR_NONE)
		code = torrent_peers_new(t, e);
	if (code == ERR_NONE && !link_in(t))
		code = err_fail(e, ERR_NOMEM, "torrent");
	if (code == ERR_NONE && torrent_knows(t))
		code = torrent_open_files(t, e);
	if (code != ERR_NONE) {
		torrent_free(t);
		return code;
	}
	t->state = cfg->paused	      ? TORRENT_PAUSED
		   : torrent_knows(t) ? TORRENT_CHECKING
				      : TORRENT_METADATA;
	torrent_trade_ready(t);
	if (t->magnet && !t->meta.is_private)
		torrent_add_link_peers(t);
	if (!torrent_knows(t))
		torrent_wake(t);
	*out = t;
	return ERR_NONE;
}

/* ---- looking ---- */

void torrent_watch(struct torrent *t, torrent_event_fn *fn, void *ctx)
{
	t->watcher = fn;
	t->watcher_ctx = ctx;
}

const struct info_hash *torrent_hash(const struct torrent *t)
{
	return &t->meta.info_hash;
}

struct swarm *torrent_swarm(const struct torrent *t)
{
	return t->swarm;
}

struct torrent *torrent_next(const struct torrent *t)
{
	return t->next;
}

const struct metainfo *torrent_meta(const struct torrent *t)
{
	return &t->meta;
}

bool torrent_knows(const struct torrent *t)
{
	return t->meta.piece_count > 0;
}

enum torrent_state torrent_state(const struct torrent *t)
{
	return t->state;
}

void torrent_trade_ready(struct torrent *t)
{
	struct err e = {0};

	if (!t->paying || t->job || !t->engine->trade || !torrent_knows(t))
		return;
	if (trade_job_open(t->engine->trade, t, &t->job, &e) == ERR_NONE)
		return;
	torrent_tell(t, "note", "not paying yet: %s", e.msg);
}

void torrent_terms(const struct torrent *t, struct amount *bid,
		   struct amount *budget)
{
	*bid = t->bid;
	*budget = t->budget;
}

struct pay_job *torrent_job(const struct torrent *t)
{
	return t->job;
}
