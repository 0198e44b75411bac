#include "node/renter/watch.h"

#include "base/clock.h"
#include "base/hex.h"
#include "node/money/money.h"
#include "node/renter/renter_repair.h"
#include "node/renter/renter_ward.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_MS 5000  /* after the start: others come up first */
#define AGAIN_MS 30000 /* something else was under way, or failed */
#define ROUND_MAX 4096U
#define CHECKS 8 /* of what is due, in the time that it takes */
#define CHECK_MAX_MS 3600000

struct turn { /* one that is looked at */
	bool own;
	struct renter_steward ward; /* else */
};

struct watch {
	struct engine *engine;
	struct loop_timer *timer;
	struct renter *renter;
	bool begun, opening, claimed;
	int64_t own_s;	    /* when our own were looked at, Unix */
	struct turn *turns; /* heap: of this round */
	size_t n, at;
	struct mend *mend;
	struct net_addr named[SCOUT_NAMED_MAX];
	size_t named_n;
};

static int64_t every_s(const struct watch *w)
{
	return engine_int(w->engine, "watch-every");
}

static void log_err(const struct watch *w, const char *what,
		    const struct err *e)
{
	log_line(w->engine->log, LOG_WARN, "watch", "%s why=\"%s\"", what,
		 e->msg);
}

enum err_code watch_budget(struct renter *r, struct amount *budget,
			   struct amount *spent, struct err *e)
{
	int64_t day = clock_unix_s() / 86400;
	enum err_code code =
		money_parse(r->engine->money,
			    engine_text(r->engine, "repair-budget"), budget, e);

	return code == ERR_NONE
		       ? renter_db_repairs(r->db, day - WATCH_BUDGET_DAYS + 1,
					   day, spent, e)
		       : code;
}

/* ---- a round ---- */

/* Whose time has come is looked for more often than that takes. */
static void finish_round(struct watch *w)
{
	int64_t wait = every_s(w) * 1000 / CHECKS;

	free(w->turns);
	w->turns = NULL;
	w->n = w->at = 0;
	loop_timer_set(w->timer, wait < CHECK_MAX_MS ? wait : CHECK_MAX_MS);
}

static void next_turn(struct watch *w);

static void say(const struct watch *w, const struct turn *t, const char *note)
{
	char id[HEX_LEN(8) + 1] = "ours";

	if (!t->own)
		hex_encode(id, t->ward.name.bytes, 8);
	log_line(w->engine->log, LOG_INFO, "watch",
		 "looked object=%s text=\"%s\"", id, note);
}

static void note_end(struct watch *w, struct turn *t, const char *note)
{
	struct renter_steward now;
	struct err e = {0};
	bool found = false;

	say(w, t, note);
	if (t->own) {
		w->own_s = clock_unix_s();
		return;
	}
	/* a repair has changed its row */
	if (ward_find(w->renter, t->ward.name.bytes, &now, &found, &e) !=
		    ERR_NONE ||
	    !found)
		return;
	now.looked_s = clock_unix_s();
	(void)snprintf(now.note, sizeof(now.note), "%.150s", note);
	if (renter_db_set_steward(w->renter->db, &now, &e) != ERR_NONE)
		log_err(w, "not noted", &e);
	renting_want_commit(w->renter->renting);
}

static void on_step(void *ctx, const char *text)
{
	struct watch *w = ctx;

	log_line(w->engine->log, LOG_DEBUG, "watch", "step text=\"%s\"", text);
}

static void result_text(const struct watch *w, char *out, size_t cap,
			const struct mend_result *r, const struct err *e)
{
	char cost[MONEY_TEXT_MAX];

	if (r->missing == 0 && !e)
		(void)snprintf(out, cap, "all is there");
	else
		(void)snprintf(
			out, cap,
			"%llu shards missing, %llu made again for %s%s%.90s",
			(unsigned long long)r->missing,
			(unsigned long long)r->repaired,
			money_text(w->engine->money, r->cost, cost),
			e || r->left.code != ERR_NONE ? "; " : "",
			e			   ? e->msg
			: r->left.code != ERR_NONE ? r->left.msg
						   : "");
}

static void on_ended(void *ctx, const struct mend_result *r,
		     const struct err *e)
{
	struct watch *w = ctx;
	char note[RENTER_NOTE_MAX];

	result_text(w, note, sizeof(note), r, e);
	note_end(w, &w->turns[w->at], note);
	mend_free(w->mend);
	w->mend = NULL;
	renter_end(w->renter);
	w->claimed = false;
	w->at++;
	loop_timer_set(w->timer, 0);
}

static const struct mend_ops mend_ops = {.step = on_step, .ended = on_ended};

static enum err_code start_turn(struct watch *w, const struct turn *t,
				struct err *e)
{
	struct mend_cfg cfg = {
		.has_budget = true,
		.scout = {.named = w->named, .named_n = w->named_n}};
	struct amount spent;
	char link[LINK_TEXT_MAX];
	enum err_code code = watch_budget(w->renter, &cfg.budget, &spent, e);

	if (code != ERR_NONE)
		return code;
	cfg.budget = amount_sub_floor(cfg.budget, spent);
	if (!t->own) {
		code = ward_link(w->renter, &t->ward, link, e);
		cfg.name = link;
	}
	if (code == ERR_NONE)
		code = mend_start(&w->mend, w->renter, &cfg, &mend_ops, w, e);
	sodium_memzero(link, sizeof(link));
	return code;
}

static void next_turn(struct watch *w)
{
	struct turn *t;
	struct err e = {0};

	if (w->at == w->n) {
		finish_round(w);
		return;
	}
	if (renter_begin(w->renter, "a repair by the daemon itself", &e) !=
	    ERR_NONE) {
		loop_timer_set(w->timer, AGAIN_MS);
		return;
	}
	w->claimed = true;
	t = &w->turns[w->at];
	if (start_turn(w, t, &e) == ERR_NONE)
		return;
	log_err(w, "not looked", &e);
	note_end(w, t, e.msg);
	renter_end(w->renter);
	w->claimed = false;
	w->at++;
	loop_timer_set(w->timer, 0);
}

/* ---- what there is to look at ---- */

static bool add_ward(void *ctx, const struct renter_steward *s)
{
	struct watch *w = ctx;

	if (!s->watched || clock_unix_s() - s->looked_s < every_s(w))
		return true;
	if (w->n == ROUND_MAX)
		return false;
	w->turns[w->n++] = (struct turn){.ward = *s};
	return true;
}

static void read_named(struct watch *w)
{
	const char *text;
	char ip[64];
	uint16_t port;

	w->named_n = 0;
	for (size_t i = 0; (text = engine_list_at(w->engine, "host-peer", i)) &&
			   w->named_n < SCOUT_NAMED_MAX;
	     i++)
		if (options_split_endpoint(text, ip, sizeof(ip), &port, NULL) ==
			    ERR_NONE &&
		    net_addr_from_ip(&w->named[w->named_n], ip, port))
			w->named_n++;
}

static void begin_round(struct watch *w)
{
	struct err e = {0};

	w->turns = calloc(ROUND_MAX + 1, sizeof(*w->turns));
	if (!w->turns) {
		loop_timer_set(w->timer, AGAIN_MS);
		return;
	}
	read_named(w);
	rent_peers_use_dht(w->renter->peers, w->named_n == 0);
	if (engine_flag(w->engine, "store-watch") &&
	    clock_unix_s() - w->own_s >= every_s(w))
		w->turns[w->n++] = (struct turn){.own = true};
	if (renter_db_stewards(w->renter->db, add_ward, w, &e) != ERR_NONE)
		log_err(w, "stewards", &e);
	next_turn(w);
}

static void on_renter(void *ctx, struct renter *r, const struct err *e)
{
	struct watch *w = ctx;

	w->opening = false;
	w->renter = r;
	if (!e) {
		begin_round(w);
		return;
	}
	log_err(w, "not open", e);
	loop_timer_set(w->timer, AGAIN_MS);
}

/* Who never stored anything is not connected to a chain for it. */
static bool anything(const struct watch *w)
{
	char path[HOME_PATH_MAX];

	home_file(&w->engine->home, "renter.db", path);
	return engine_flag(w->engine, "store-watch") || access(path, F_OK) == 0;
}

static void on_timer(void *ctx)
{
	struct watch *w = ctx;

	if (w->mend || w->opening)
		return;
	if (w->turns) {
		next_turn(w);
	} else if (anything(w)) {
		w->opening = true;
		renter_open(w->engine, RENTING_HEAD, on_renter, w);
	}
}

/* ---- life ---- */

enum err_code watch_new(struct watch **out, struct engine *en, struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w)
		w->timer = loop_timer_new(en->loop, on_timer, w);
	if (!w || !w->timer) {
		free(w);
		return err_fail(e, ERR_NOMEM, "looking after");
	}
	w->engine = en;
	*out = w;
	return ERR_NONE;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	renter_forget(w->engine, w);
	mend_free(w->mend);
	if (w->claimed)
		renter_end(w->renter);
	loop_timer_free(w->timer);
	free(w->turns);
	free(w);
}

void watch_begin(struct watch *w)
{
	if (!w->engine->money)
		return;
	w->begun = true;
	loop_timer_set(w->timer, BEGIN_MS);
}

void watch_soon(struct watch *w)
{
	if (w->begun && !w->turns)
		loop_timer_set(w->timer, 0);
}
