/* methods_store.c - storing with strangers: put, cost, hosts, ls; and what all
 * store methods share. */
#include "node/renter/methods_store.h"

#include "base/address.h"
#include "base/hex.h"
#include "node/core/name_text.h"
#include "node/money/money.h"
#include "node/renter/renter_leases.h"
#include "node/renter/renter_put.h"
#include "node/renter/renter_reconcile.h"
#include "storage/object/coder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define TERM_DAYS 90

/* ---- calls ---- */

const char *store_text(const struct store_call *s, const char *key)
{
	return method_text(s->params, key);
}

int64_t store_int(const struct store_call *s, const char *key, int64_t fallback)
{
	const json_t *v = json_object_get(s->params, key);

	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

static void dispose(struct store_call *s)
{
	reconcile_free(s->mending);
	leases_free(s->leases);
	if (s->stop && s->journey)
		s->stop(s);
	if (s->claimed)
		renter_end(s->renter);
	renter_forget(s->engine, s);
	json_decref(s->params);
	free(s);
}

void store_call_result(struct store_call *s, json_t *take_result)
{
	struct call *c = s->call;

	dispose(s);
	call_result(c, take_result);
}

void store_call_error(struct store_call *s, const struct err *e)
{
	struct err copy = *e;
	struct call *c = s->call;

	dispose(s);
	call_error(c, &copy);
}

void store_call_step(void *call, const char *text)
{
	struct store_call *s = call;

	call_event(s->call, json_pack("{ss so}", "type", "step", "text",
				      name_json(text)));
}

void store_call_read(void *call, uint64_t done, uint64_t total)
{
	struct store_call *s = call;

	call_event(s->call,
		   json_pack("{ss sI sI}", "type", "progress", "read",
			     (json_int_t)done, "total", (json_int_t)total));
}

static void on_cancel(void *ctx)
{
	struct store_call *s = ctx;
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "%s",
		       s->cut_off ? s->cut_off : "interrupted");
	store_call_error(s, &e);
}

static void begin(struct store_call *s)
{
	struct err e = {0};

	if (s->begin(s, &e) != ERR_NONE)
		store_call_error(s, &e);
}

/* ---- a database that was lost ---- */

static bool is_there(void *ctx, const struct renter_agreement *row)
{
	bool *there = ctx;

	(void)row;
	*there = true;
	return false;
}

/* Nothing was ever stored from here. */
static enum err_code is_new(const struct store_call *s, bool *out,
			    struct err *e)
{
	uint64_t published = 0;
	bool agreed = false;
	enum err_code code = renter_db_number(s->renter->db, RENTER_CATALOGUE,
					      &published, e);

	if (code == ERR_NONE)
		code = renter_db_agreements(s->renter->db, is_there, &agreed,
					    e);
	*out = published == 0 && !agreed;
	return code;
}

/* What is stored from here would be in a list that hosts take for an old one,
 * and no restore would find it. */
static void on_leases(void *ctx, struct renter_lease *take_leases, size_t n,
		      const struct err *error)
{
	struct store_call *s = ctx;
	struct err e = {0};
	size_t open = 0;

	for (size_t i = 0; i < n; i++)
		open += !take_leases[i].over;
	free(take_leases);
	if (error)
		e = *error;
	else if (open)
		(void)err_fail(
			&e, ERR_STATE,
			"the chain has %zu agreements of this account, "
			"and this home knows of none: `seedbank restore` "
			"brings them back, another "
			"wallet-index begins anew",
			open);
	leases_free(s->leases);
	s->leases = NULL;
	if (e.code != ERR_NONE)
		store_call_error(s, &e);
	else
		begin(s);
}

static void look_for_lost(struct store_call *s)
{
	struct err e = {0};
	bool new_here = false;
	enum err_code code = is_new(s, &new_here, &e);

	if (code == ERR_NONE && new_here && !s->restores)
		code = leases_start(&s->leases, s->renter, on_leases, s, &e);
	else if (code == ERR_NONE)
		begin(s);
	if (code != ERR_NONE)
		store_call_error(s, &e);
}

static void on_reconciled(void *ctx, const struct err *error)
{
	struct store_call *s = ctx;

	reconcile_free(s->mending);
	s->mending = NULL;
	if (error)
		store_call_error(s, error);
	else
		look_for_lost(s);
}

static void on_renter(void *ctx, struct renter *r, const struct err *error)
{
	struct store_call *s = ctx;
	struct err e = {0};

	if (error) {
		store_call_error(s, error);
		return;
	}
	s->renter = r;
	rent_peers_use_dht(r->peers, s->n_hosts == 0);
	if (s->claim && renter_begin(r, s->claim, &e) != ERR_NONE) {
		store_call_error(s, &e);
		return;
	}
	s->claimed = s->claim != NULL;
	if (s->claim && reconcile_waits(r))
		store_call_step(s, "waiting for agreements that are on their "
				   "way to the chain");
	if (!s->claim)
		begin(s);
	else if (reconcile_start(&s->mending, r, on_reconciled, s, &e) !=
		 ERR_NONE)
		store_call_error(s, &e);
}

static enum err_code add_host(struct store_call *s, const char *text,
			      struct err *e)
{
	char ip[64];
	uint16_t port;
	enum err_code code =
		options_split_endpoint(text, ip, sizeof(ip), &port, e);

	if (code == ERR_NONE && s->n_hosts == SCOUT_NAMED_MAX)
		code = err_fail(e, ERR_LIMIT, "more than %u hosts are named",
				SCOUT_NAMED_MAX);
	if (code == ERR_NONE &&
	    !net_addr_from_ip(&s->hosts[s->n_hosts], ip, port))
		code = err_fail(e, ERR_PARSE, "--host %.60s: want IP:PORT",
				text);
	if (code == ERR_NONE)
		s->n_hosts++;
	return code;
}

/* Those of this call, and those of the settings. */
static enum err_code read_hosts(struct store_call *s, struct err *e)
{
	const json_t *list = json_object_get(s->params, "host");
	const json_t *item;
	const char *text;
	enum err_code code = ERR_NONE;
	size_t i;

	json_array_foreach(list, i, item)
	{
		text = json_string_value(item);
		if (code == ERR_NONE)
			code = add_host(s, text ? text : "", e);
	}
	for (i = 0; code == ERR_NONE &&
		    (text = engine_list_at(s->engine, "host-peer", i));
	     i++)
		code = add_host(s, text, e);
	return code;
}

void store_call_start(struct engine *en, const json_t *params, struct call *c,
		      const struct store_call *template)
{
	struct store_call *s = calloc(1, sizeof(*s));
	struct err e = {0};

	if (!s) {
		(void)err_fail(&e, ERR_NOMEM, "out of memory");
		call_error(c, &e);
		return;
	}
	*s = *template;
	s->engine = en;
	s->call = c;
	s->params = json_deep_copy(params);
	if (read_hosts(s, &e) != ERR_NONE) {
		store_call_error(s, &e);
		return;
	}
	call_on_cancel(c, on_cancel, s);
	/* hosts of this machine's own may want to reach us as one */
	renter_open(en, s->reads ? RENTING_FILES : RENTING_HEAD, on_renter, s);
}

struct scout_cfg store_scout(const struct store_call *s, unsigned enough)
{
	return (struct scout_cfg){
		.named = s->hosts, .named_n = s->n_hosts, .enough = enough};
}

enum err_code store_periods(const struct store_call *s, uint32_t *out,
			    struct err *e)
{
	int64_t period = renting_period_ms(s->renter->renting);
	int64_t n = store_int(s, "periods", 0);
	int64_t days = store_int(s, "term", TERM_DAYS);

	if (n == 0)
		n = (days * 86400000 + period - 1) / period;
	if (n < 1 || n > AGREEMENT_SPANS_MAX * INT64_C(65535))
		return err_fail(e, ERR_PARSE, "%lld periods", (long long)n);
	*out = (uint32_t)n;
	return ERR_NONE;
}

enum err_code store_money(const struct store_call *s, struct store_money *out,
			  struct err *e)
{
	const struct money *m = s->engine->money;
	const char *price = store_text(s, "max-price");
	const char *budget = store_text(s, "budget");
	struct amount month;
	enum err_code code = ERR_NONE;

	*out = (struct store_money){.has_budget = budget != NULL};
	if (price) {
		code = money_parse(m, price, &month, e);
		if (code == ERR_NONE &&
		    !renting_rent_of(s->renter->renting, month, &out->rent_max))
			code = err_fail(e, ERR_LIMIT, "--max-price: too much");
	}
	if (code == ERR_NONE && budget)
		code = money_parse(m, budget, &out->budget, e);
	return code;
}

/* ---- put and cost ---- */

static json_t *quote_json(const struct store_call *s, const struct quote *q)
{
	const struct money *m = s->engine->money;
	char rent[MONEY_TEXT_MAX], fund[MONEY_TEXT_MAX],
		ingress[MONEY_TEXT_MAX], period[MONEY_TEXT_MAX];

	return json_pack("{ss ss ss ss si si sI sI sI}", "cost",
			 money_text(m, q->rent, rent), "locked",
			 money_text(m, q->fund, fund), "ingress",
			 money_text(m, q->ingress, ingress), "each_period",
			 money_text(m, q->period, period), "hosts",
			 (int)q->hosts, "running", (int)q->running,
			 "stored_bytes", (json_int_t)(q->sectors << 20), "from",
			 (json_int_t)q->start, "until", (json_int_t)q->end);
}

static void on_quoted(void *ctx, const struct quote *q, uint64_t bytes)
{
	struct store_call *s = ctx;
	json_t *event = quote_json(s, q);

	(void)json_object_set_new(event, "type", json_string("quote"));
	(void)json_object_set_new(event, "bytes",
				  json_integer((json_int_t)bytes));
	(void)json_object_set_new(event, "token",
				  json_string(s->engine->money->symbol));
	call_event(s->call, event);
}

static void on_progress(void *ctx, uint64_t read, uint64_t total,
			uint64_t sectors, uint64_t sectors_total)
{
	struct store_call *s = ctx;

	call_event(s->call,
		   json_pack("{ss sI sI sI sI}", "type", "progress", "read",
			     (json_int_t)read, "total", (json_int_t)total,
			     "sectors", (json_int_t)sectors, "sectors_total",
			     (json_int_t)sectors_total));
}

static void on_put_ended(void *ctx, const struct put_result *r,
			 const struct err *e)
{
	struct store_call *s = ctx;
	json_t *o;

	if (e) {
		store_call_error(s, e);
		return;
	}
	o = quote_json(s, &r->quote);
	(void)json_object_update_new(
		o, json_pack("{sI sI sI si si}", "bytes", (json_int_t)r->bytes,
			     "files", (json_int_t)r->files, "skipped",
			     (json_int_t)r->skipped, "agreements",
			     (int)r->agreements, "told", (int)r->told));
	if (r->unchanged)
		(void)json_object_set_new(o, "unchanged", json_true());
	if (r->stored)
		(void)json_object_set_new(o, "stored_bytes",
					  json_integer((json_int_t)r->stored));
	if (store_text(s, "name"))
		(void)json_object_set_new(o, "name",
					  json_string(store_text(s, "name")));
	store_call_result(s, o);
}

static const struct put_ops put_ops = {.step = store_call_step,
				       .quoted = on_quoted,
				       .progress = on_progress,
				       .ended = on_put_ended};

static enum err_code read_put(struct store_call *s, struct put_cfg *cfg,
			      struct err *e)
{
	const int64_t k = store_int(s, "k", 10), n = store_int(s, "n", 30);
	enum err_code code;

	*cfg = (struct put_cfg){
		.path = store_text(s, "path"),
		.name = store_text(s, "name"),
		.pipe = -1,
		.k = (unsigned)k,
		.n = (unsigned)n,
		.per_host = (unsigned)store_int(s, "per-host", 1),
		.per_net = (unsigned)store_int(s, "per-network", 1),
		.size = (uint64_t)store_int(s, "size", 0),
		.unopened =
			json_is_true(json_object_get(s->params, "unopened")),
		.quote_only =
			json_is_true(json_object_get(s->params, "quote_only")),
		.scout = store_scout(s, (unsigned)n * 2),
	};
	if (!cfg->path && !store_text(s, "pipe") &&
	    !(cfg->quote_only && json_object_get(s->params, "size")))
		return err_fail(e, ERR_PARSE, "want path, pipe or size");
	if (!cfg->name && !cfg->quote_only)
		return err_fail(e, ERR_PARSE, "want name");
	if (k < 1 || k > CODER_K_MAX || n < k || n > CODER_N_MAX)
		return err_fail(e, ERR_PARSE,
				"--k 1 to %u, --n from there to %u",
				CODER_K_MAX, CODER_N_MAX);
	code = store_periods(s, &cfg->periods, e);
	/* who names no term takes one that is not quite as long */
	if (!json_object_get(s->params, "periods") &&
	    !json_object_get(s->params, "term"))
		cfg->least = cfg->periods - cfg->periods / 4;
	return code;
}

/* The other end is held open by who asks, until it hears that we have it. */
static enum err_code open_pipe(struct store_call *s, struct put_cfg *cfg,
			       struct err *e)
{
	const char *path = store_text(s, "pipe");

	cfg->path = NULL;
	cfg->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (cfg->pipe < 0)
		return err_fail(e, ERR_IO, "the pipe %.100s", path);
	(void)fcntl(cfg->pipe, F_SETFL, O_RDONLY); /* it may wait */
	call_event(s->call, json_pack("{ss}", "type", "pipe"));
	return ERR_NONE;
}

static enum err_code begin_put(struct store_call *s, struct err *e)
{
	struct put_cfg cfg;
	struct put *p = NULL;
	struct store_money money = {0};
	enum err_code code = read_put(s, &cfg, e);

	if (code == ERR_NONE)
		code = store_money(s, &money, e);
	cfg.rent_max = money.rent_max;
	cfg.has_budget = money.has_budget;
	cfg.budget = money.budget;
	if (code == ERR_NONE && store_text(s, "pipe"))
		code = open_pipe(s, &cfg, e);
	if (code == ERR_NONE)
		code = put_start(&p, s->renter, &cfg, &put_ops, s, e);
	s->journey = p;
	return code;
}

static void stop_put(struct store_call *s)
{
	put_free(s->journey);
}

void method_store_put(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call put = {
		.begin = begin_put,
		.stop = stop_put,
		.claim = "another `store` that changes what is stored",
		.cut_off = "interrupted; the same command goes on from here"};

	store_call_start(en, params, c, &put);
}

void method_store_cost(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call cost = {.begin = begin_put, .stop = stop_put};

	store_call_start(en, params, c, &cost);
}

/* ---- hosts ---- */

struct listing {
	struct store_call *call;
	json_t *hosts;
};

static void list_host(void *ctx, const struct rent_offer *o,
		      const struct renter_host *h)
{
	struct listing *l = ctx;
	const struct money *m = l->call->engine->money;
	struct renting *r = l->call->renter->renting;
	char who[ADDRESS_TEXT_MAX], at[64], price[MONEY_TEXT_MAX],
		ingress[MONEY_TEXT_MAX], egress[MONEY_TEXT_MAX],
		collateral[MONEY_TEXT_MAX];
	struct amount month = AMOUNT_ZERO, gib = AMOUNT_ZERO;
	struct net_addr addr;

	net_addr_from_ip16(&addr, h->endpoint.ip, h->endpoint.port);
	net_addr_text(&addr, at, sizeof(at));
	(void)!renting_month_of(r, o->sheet.rent, &month);
	(void)!amount_mul_u64(&gib, o->sheet.collateral, 1024);
	(void)json_array_append_new(
		l->hosts,
		json_pack("{ss ss ss ss ss ss sI sI si si si}", "address",
			  address_text(who, &h->address, m->profile.address),
			  "endpoint", at, "price", money_text(m, month, price),
			  "ingress", money_text(m, o->sheet.ingress, ingress),
			  "egress", money_text(m, o->sheet.egress, egress),
			  "collateral", money_text(m, gib, collateral), "good",
			  (json_int_t)h->good, "bad", (json_int_t)h->bad,
			  "rtt_ms", (int)h->rtt_ms, "min_periods",
			  (int)o->sheet.min_periods, "max_periods",
			  (int)o->sheet.max_periods));
}

static void on_scouted(void *ctx)
{
	struct store_call *s = ctx;
	struct listing l = {.call = s, .hosts = json_array()};
	struct err e = {0};

	if (scout_each(s->renter, list_host, &l, &e) != ERR_NONE) {
		json_decref(l.hosts);
		store_call_error(s, &e);
		return;
	}
	store_call_result(s, json_pack("{so}", "hosts", l.hosts));
}

static enum err_code begin_hosts(struct store_call *s, struct err *e)
{
	const struct scout_cfg cfg = store_scout(s, 0);
	struct scout *scout = NULL;
	enum err_code code =
		scout_start(&scout, s->renter, &cfg, on_scouted, s, e);

	s->journey = scout;
	return code;
}

static void stop_hosts(struct store_call *s)
{
	scout_free(s->journey);
}

void method_store_hosts(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call hosts = {.begin = begin_hosts,
					 .stop = stop_hosts};

	store_call_start(en, params, c, &hosts);
}
