#include "node/rent/renting.h"

#include "base/clock.h"
#include "base/eip712.h"
#include "node/core/engine.h"
#include "node/money/money.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHERS_MAX 64
#define HEAD_MS_MAX 15000 /* the head is read this often at least */
#define STALE_TIMES 8	  /* heads missed until the period is not known */
#define SAVE_MS 600000	  /* endpoint records are written this often */
#define WAIT_TICK_MS 100  /* looking whether the wallet is open by now */
#define WHY_MAX 120
#define COMMITS_OF_A_TURN 4 /* what a commit releases may stage again */
#define MONTH_S (30 * 86400)
#define SECTORS_OF_GIB 1024

enum watch_kind { WATCH_READY, WATCH_HEAD, WATCH_COMMIT };

struct watcher {
	enum watch_kind kind;
	enum renting_need need; /* READY */
	void *ctx;
	renting_ready_fn *ready;
	void (*head)(void *ctx);
	void (*commit)(void *ctx, bool ok);
};

struct renting {
	struct engine *engine;
	struct renter_db *db;
	struct endpoints *peers;
	struct watcher watchers[WATCHERS_MAX];
	unsigned n_watchers;
	struct loop_timer *timer;
	bool opening, open;
	int64_t since_ms; /* opening */
	struct hash32 domain;
	bool head_known, reading;
	char no_head[WHY_MAX]; /* why the last reading failed; "": none did */
	uint64_t block;
	struct amount free_balance;
	int64_t head_ms, saved_ms;
	bool want_commit;
};

static struct money *money_of(const struct renting *r)
{
	return r->engine->money;
}

static int64_t now_of(const struct renting *r)
{
	return loop_now_ms(r->engine->loop);
}

/* ---- who is told ---- */

static bool watch(struct renting *r, struct watcher w)
{
	if (r->n_watchers == WATCHERS_MAX)
		return false;
	r->watchers[r->n_watchers++] = w;
	return true;
}

void renting_forget(struct renting *r, void *ctx)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_watchers; i++)
		if (r->watchers[i].ctx != ctx)
			r->watchers[n++] = r->watchers[i];
	r->n_watchers = n;
}

/* Those of a kind, though the list changes while they are told. */
static void tell(struct renting *r, enum watch_kind kind, bool ok)
{
	struct watcher now[WATCHERS_MAX];
	unsigned n = r->n_watchers;

	memcpy(now, r->watchers, n * sizeof(*now));
	for (unsigned i = 0; i < n; i++) {
		if (now[i].kind != kind)
			continue;
		if (kind == WATCH_HEAD)
			now[i].head(now[i].ctx);
		else
			now[i].commit(now[i].ctx, ok);
	}
}

/* Those that wait for no more than `need`. */
static void tell_ready(struct renting *r, enum renting_need need,
		       const struct err *e)
{
	for (unsigned i = 0; i < r->n_watchers;) {
		struct watcher w = r->watchers[i];

		if (w.kind != WATCH_READY || w.need > need) {
			i++;
			continue;
		}
		r->watchers[i] = r->watchers[--r->n_watchers];
		w.ready(w.ctx, e);
		i = 0; /* it may have changed the list */
	}
}

void renting_watch(struct renting *r, void (*fn)(void *ctx), void *ctx)
{
	(void)watch(r, (struct watcher){
			       .kind = WATCH_HEAD, .ctx = ctx, .head = fn});
}

void renting_on_commit(struct renting *r, void (*fn)(void *ctx, bool ok),
		       void *ctx)
{
	(void)watch(r, (struct watcher){
			       .kind = WATCH_COMMIT, .ctx = ctx, .commit = fn});
}

/* ---- whom we know ---- */

static bool load_one(void *ctx, const struct renter_host *h)
{
	struct renting *r = ctx;
	struct endpoint_record rec = {.p = h->endpoint};

	memcpy(rec.sig.bytes, h->endpoint_sig, sizeof(rec.sig.bytes));
	if (h->has_endpoint)
		(void)endpoints_take(r->peers, &rec, NULL, clock_unix_s());
	return true;
}

static void save_one(void *ctx, const struct endpoint_record *rec)
{
	struct renting *r = ctx;
	struct renter_host h;

	if (renter_db_host(r->db, &h, &rec->p.host, NULL) != ERR_NONE ||
	    (h.has_endpoint && h.endpoint.time >= rec->p.time))
		return;
	h.has_endpoint = true;
	h.endpoint = rec->p;
	memcpy(h.endpoint_sig, rec->sig.bytes, sizeof(h.endpoint_sig));
	if (renter_db_set_host(r->db, &h, NULL) == ERR_NONE)
		renting_want_commit(r);
}

static void save_peers(struct renting *r)
{
	r->saved_ms = now_of(r);
	endpoints_each(r->peers, clock_unix_s(), save_one, r);
}

static enum err_code open_peers(struct renting *r, struct err *e)
{
	const struct money *m = money_of(r);
	struct endpoints_cfg cfg = {
		.domain = r->domain,
		.self = renting_me(r),
		/* a chain of this machine: so are its hosts */
		.local = strncmp(m->profile.name, "local", 5) == 0,
		.rng = r->engine->rng,
	};
	enum err_code code = endpoints_new(&r->peers, &cfg, e);

	if (code == ERR_NONE)
		code = renter_db_hosts(r->db, load_one, r, e);
	return code;
}

/* ---- opening ---- */

/* Agreements and wrapped keys of one account are of no use to another, which
 * would store beside them what it could never list. */
static enum err_code check_account(struct renting *r, const char *path,
				   struct err *e)
{
	const struct address me = renting_me(r);
	uint64_t mine = 0, its = 0;
	enum err_code code;

	for (unsigned i = 0; i < 7; i++)
		mine = mine << 8 | me.bytes[i];
	code = renter_db_number(r->db, RENTER_ACCOUNT, &its, e);
	if (code != ERR_NONE || its == mine)
		return code;
	if (its)
		return err_fail(e, ERR_STATE,
				"%.100s is of another account: use the wallet "
				"and the wallet-index that it was made with, "
				"another --home, or move it away",
				path);
	code = renter_db_set_number(r->db, RENTER_ACCOUNT, mine, e);
	return code == ERR_NONE ? renter_db_commit(r->db, e) : code;
}

static enum err_code open_files(struct renting *r, struct err *e)
{
	struct money *m = money_of(r);
	char path[HOME_PATH_MAX];
	enum err_code code = money_open_storage(m, e);

	home_file(&r->engine->home, "renter.db", path);
	if (code == ERR_NONE && !r->db) {
		code = renter_db_open(&r->db, path, e);
		if (code == ERR_NONE)
			code = check_account(r, path, e);
		if (code != ERR_NONE) {
			renter_db_close(r->db);
			r->db = NULL;
		}
	}
	r->domain = eip712_domain(m->domain.chain_id, &m->domain.bank);
	if (code == ERR_NONE && !r->peers)
		code = open_peers(r, e);
	return code;
}

/* What stands between us and our files; ERR_NONE: nothing. ERR_CHAIN: it may
 * come by itself. */
static enum err_code missing(const struct renting *r, struct err *e)
{
	const struct money *m = money_of(r);

	if (!m)
		return err_fail(e, ERR_STATE,
				"renting needs a wallet%s%.100s; `seedbank "
				"wallet new` makes one",
				r->engine->no_wallet[0] ? ": " : "",
				r->engine->no_wallet);
	if (money_only_looks(m))
		return err_fail(e, ERR_STATE, "the wallet is not open");
	if (m->pinned)
		return ERR_NONE;
	if (m->open && !m->chain)
		return err_fail(e, ERR_STATE,
				"no RPC is configured: `seedbank config rpc "
				"URL`");
	if (m->trouble.code == ERR_STATE || m->trouble.code == ERR_SIG)
		return err_fail(e, ERR_STATE, "%s", m->trouble.msg);
	return err_fail(e, ERR_CHAIN, "the chain has not answered yet: %.120s",
			m->trouble.code != ERR_NONE ? m->trouble.msg
						    : "is its RPC reachable?");
}

/* The same of what takes more than our files. */
static enum err_code missing_head(const struct renting *r, struct err *e)
{
	if (r->head_known)
		return ERR_NONE;
	if (!money_of(r)->chain)
		return err_fail(e, ERR_STATE,
				"no RPC is configured: `seedbank config rpc "
				"URL`");
	return err_fail(e, ERR_CHAIN, "the chain has not answered yet: %.120s",
			r->no_head[0] ? r->no_head : "is its RPC reachable?");
}

static void read_head(struct renting *r);

static void end_opening(struct renting *r, const struct err *e)
{
	r->opening = false;
	if (!r->open && !r->peers) {
		renter_db_close(r->db);
		r->db = NULL;
	}
	tell_ready(r, RENTING_HEAD, e);
	if (r->open)
		loop_timer_set(r->timer, 0);
}

/* Who needs our files alone does not wait for the chain. */
static void go_on_opening(struct renting *r)
{
	const bool late = now_of(r) - r->since_ms >= RENTING_WAIT_MS;
	struct err e = {0};
	enum err_code code = missing(r, &e);

	if (code == ERR_NONE && !r->open) {
		code = open_files(r, &e);
		r->open = code == ERR_NONE;
	}
	if (code == ERR_NONE) {
		tell_ready(r, RENTING_FILES, NULL);
		code = missing_head(r, &e);
	}
	if (code != ERR_CHAIN || late) {
		end_opening(r, code == ERR_NONE ? NULL : &e);
		return;
	}
	loop_timer_set(r->timer, WAIT_TICK_MS);
	if (r->open)
		read_head(r);
}

void renting_open(struct renting *r, enum renting_need need,
		  renting_ready_fn *fn, void *ctx)
{
	if (!watch(r, (struct watcher){.kind = WATCH_READY,
				       .need = need,
				       .ctx = ctx,
				       .ready = fn}))
		return;
	if (!r->opening) {
		r->opening = true;
		r->since_ms = now_of(r);
	}
	loop_timer_set(r->timer, 0);
}

/* ---- the head ---- */

static int64_t head_every(const struct renting *r)
{
	int64_t ms = money_of(r)->profile.block_ms;

	return ms > HEAD_MS_MAX ? HEAD_MS_MAX : ms < 500 ? 500 : ms;
}

static void on_head(void *ctx, const struct chain_view *at,
		    const struct chain_answer *answers, size_t n,
		    const struct err *e)
{
	struct renting *r = ctx;

	r->reading = false;
	if (e || n != 1 || !answers[0].known) {
		(void)snprintf(r->no_head, sizeof(r->no_head), "%.*s",
			       WHY_MAX - 1,
			       e	? e->msg
			       : n == 1 ? answers[0].why
					: "");
		return;
	}
	/* a node that lags is not believed: periods do not run backwards */
	if (!r->head_known || at->block >= r->block) {
		r->block = at->block;
		r->free_balance = answers[0].amount;
		r->head_ms = now_of(r);
		r->head_known = true;
	}
	if (r->opening)
		loop_timer_set(r->timer, 0);
	if (r->open)
		tell(r, WATCH_HEAD, true);
}

static void read_head(struct renting *r)
{
	const struct money *m = money_of(r);
	const struct chain_ask ask = {.what = CHAIN_ASK_FREE,
				      .c = m->domain.bank,
				      .a = m->accounts[SIGNER_STORAGE]};

	if (r->reading || !m->chain)
		return;
	r->reading = true;
	chain_read(m->chain, CHAIN_LATEST, &ask, 1, on_head, r);
}

void renting_read_head(struct renting *r)
{
	if (r->open)
		read_head(r);
}

static void on_timer(void *ctx)
{
	struct renting *r = ctx;

	if (r->opening)
		go_on_opening(r);
	if (r->opening || !r->open)
		return;
	read_head(r);
	endpoints_tick(r->peers, clock_unix_s());
	if (now_of(r) - r->saved_ms >= SAVE_MS)
		save_peers(r);
	loop_timer_set(r->timer, head_every(r));
}

/* ---- life ---- */

enum err_code renting_new(struct renting **out, struct engine *en,
			  struct err *e)
{
	struct renting *r = calloc(1, sizeof(*r));

	if (!r)
		return err_fail(e, ERR_NOMEM, "renting");
	r->engine = en;
	r->timer = loop_timer_new(en->loop, on_timer, r);
	if (!r->timer) {
		free(r);
		return err_fail(e, ERR_NOMEM, "renting");
	}
	*out = r;
	return ERR_NONE;
}

void renting_free(struct renting *r)
{
	struct err e = {0};

	if (!r)
		return;
	if (r->open) {
		save_peers(r);
		if (renter_db_commit(r->db, &e) != ERR_NONE)
			log_line(r->engine->log, LOG_ERROR, "rent",
				 "renter.db was not written text=\"%s\"",
				 e.msg);
	}
	if (r->reading)
		chain_forget(money_of(r)->chain, r);
	endpoints_free(r->peers);
	renter_db_close(r->db);
	loop_timer_free(r->timer);
	free(r);
}

void renting_want_commit(struct renting *r)
{
	r->want_commit = true;
	loop_want_turn_end(r->engine->loop);
}

void renting_turn_end(struct renting *r)
{
	struct err e = {0};

	for (int i = 0; i < COMMITS_OF_A_TURN && r->want_commit; i++) {
		bool ok = renter_db_commit(r->db, &e) == ERR_NONE;

		r->want_commit = false;
		if (!ok)
			log_line(r->engine->log, LOG_ERROR, "rent",
				 "renter.db was not written text=\"%s\"",
				 e.msg);
		tell(r, WATCH_COMMIT, ok);
	}
	if (r->want_commit)
		loop_want_turn_end(r->engine->loop);
}

/* ---- looking ---- */

struct renter_db *renting_db(struct renting *r)
{
	return r->db;
}

struct endpoints *renting_peers(struct renting *r)
{
	return r->peers;
}

struct address renting_me(const struct renting *r)
{
	return money_of(r)->accounts[SIGNER_STORAGE];
}

struct hash32 renting_domain(const struct renting *r)
{
	return r->domain;
}

bool renting_block(const struct renting *r, uint64_t *block)
{
	if (!r->open || !r->head_known ||
	    now_of(r) - r->head_ms > STALE_TIMES * HEAD_MS_MAX)
		return false;
	*block = r->block;
	return true;
}

bool renting_period(const struct renting *r, uint32_t *now)
{
	uint64_t block;

	if (!renting_block(r, &block) || money_of(r)->period == 0)
		return false;
	*now = (uint32_t)(block / money_of(r)->period);
	return true;
}

int64_t renting_period_ms(const struct renting *r)
{
	const struct money *m = money_of(r);

	return m->profile.block_ms * (int64_t)m->period;
}

bool renting_free_balance(const struct renting *r, struct amount *out)
{
	if (!r->head_known)
		return false;
	*out = r->free_balance;
	return true;
}

bool renting_rent_of(const struct renting *r, struct amount per_gib_month,
		     struct amount *rent)
{
	const uint64_t div = (uint64_t)MONTH_S * 1000 * SECTORS_OF_GIB;

	return amount_mul_div(rent, NULL, per_gib_month,
			      (uint64_t)renting_period_ms(r), div - 1, div) &&
	       amount_fits112(*rent);
}

bool renting_month_of(const struct renting *r, struct amount rent,
		      struct amount *per_gib_month)
{
	const uint64_t ms = (uint64_t)renting_period_ms(r);

	return ms &&
	       amount_mul_div(per_gib_month, NULL, rent,
			      (uint64_t)MONTH_S * 1000 * SECTORS_OF_GIB, 0,
			      ms) &&
	       amount_fits112(*per_gib_month);
}
