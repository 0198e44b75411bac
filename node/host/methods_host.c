/* methods_host.c - host enable, status, disable.
 *
 * `host_enable` looks first and says what it found (an event "quote"): what the
 * space would lock and earn, what the chain costs. Then the volume is made, and
 * only when that succeeded the config says so. */
#include "node/core/methods.h"

#include "base/address.h"
#include "contracts-abi/bank_abi.h"
#include "node/core/settings.h"
#include "node/host/host.h"
#include "node/host/host_figures.h"
#include "node/money/money.h"
#include "node/rent/renting.h"
#include "storage/sector/sector_db.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB (INT64_C(1) << 20)
#define VOLUME_NAME "seedbank.volume"

struct enabling {
	struct engine *en;
	struct call *call;
	struct host_conf conf; /* as it shall be */
	char dir[PATH_MAX];
	uint32_t sectors, had;
	bool dry_run;
	struct sheet sheet;
	struct host_fees fees;
	struct amount coin; /* of the storage account's address */
	bool coin_known;
	json_t *quote;
};

static void set(json_t *o, const char *name, json_t *take_value)
{
	(void)json_object_set_new(o, name, take_value);
}

static void enabling_free(struct enabling *x)
{
	json_decref(x->quote);
	free(x);
}

static void fail(struct enabling *x, const struct err *e)
{
	struct call *c = x->call;

	enabling_free(x);
	call_error(c, e);
}

/* The config as it lies there: what a daemon was started with may be old. */
static enum err_code conf_of(const struct engine *en, struct host_conf *out,
			     struct err *e)
{
	struct options *o = NULL;
	enum err_code code = settings_load(&o, &en->home, e);

	if (code == ERR_NONE)
		code = host_conf_read(out, o, NULL, e);
	options_free(o);
	return code;
}

/* ---- enable: what is asked for ---- */

static enum err_code take_text(char out[HOST_TEXT_MAX], const json_t *params,
			       const char *key, struct err *e)
{
	const char *text = method_text(params, key);

	if (!text)
		return ERR_NONE;
	if (strlen(text) >= HOST_TEXT_MAX)
		return err_fail(e, ERR_PARSE, "%s: over %d characters", key,
				HOST_TEXT_MAX - 1);
	(void)snprintf(out, HOST_TEXT_MAX, "%s", text);
	return ERR_NONE;
}

static enum err_code take_number(uint32_t *out, const json_t *params,
				 const char *key, int64_t max, struct err *e)
{
	const json_t *v = json_object_get(params, key);

	if (!v)
		return ERR_NONE;
	if (json_integer_value(v) < 1 || json_integer_value(v) > max)
		return err_fail(e, ERR_PARSE, "%s: out of range", key);
	*out = (uint32_t)json_integer_value(v);
	return ERR_NONE;
}

static enum err_code take_prices(struct host_conf *c, const json_t *params,
				 struct err *e)
{
	const struct {
		const char *key;
		char *out;
	} texts[] = {
		{"price", c->price},	   {"ingress", c->ingress},
		{"egress", c->egress},	   {"collateral", c->collateral},
		{"penalty", c->penalty},   {"endpoint", c->endpoint},
		{"schedule", c->schedule},
	};
	enum err_code code = ERR_NONE;

	for (size_t i = 0;
	     code == ERR_NONE && i < sizeof(texts) / sizeof(texts[0]); i++)
		code = take_text(texts[i].out, params, texts[i].key, e);
	if (code == ERR_NONE)
		code = take_number(&c->span, params, "span", UINT16_MAX, e);
	if (code == ERR_NONE)
		code = take_number(&c->min_term, params, "min-term", UINT32_MAX,
				   e);
	if (code == ERR_NONE)
		code = take_number(&c->max_term, params, "max-term", UINT32_MAX,
				   e);
	if (code == ERR_NONE && *c->schedule)
		code = host_schedule_check(c->schedule, e);
	return code;
}

/* Its name without links, made when only its last part is missing. */
static enum err_code take_dir(char out[PATH_MAX], const char *path, bool make,
			      struct err *e)
{
	if (!path || path[0] != '/')
		return err_fail(e, ERR_PARSE, "path: want an absolute path");
	if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_fail(e, ERR_IO, "%.100s cannot be made: %s", path,
				strerror(errno));
	if (!make && access(path, F_OK) != 0) { /* it would be made */
		(void)snprintf(out, PATH_MAX, "%s", path);
		return ERR_NONE;
	}
	if (!realpath(path, out))
		return err_fail(e, ERR_IO, "%.100s: %s", path, strerror(errno));
	if (access(out, R_OK | W_OK | X_OK) != 0)
		return err_fail(e, ERR_IO, "%.100s cannot be written to: %s",
				out, strerror(errno));
	return ERR_NONE;
}

static uint32_t volume_sectors(const char *dir)
{
	char path[PATH_MAX + 32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/" VOLUME_NAME, dir);
	if (stat(path, &st) != 0 || st.st_size < MIB)
		return 0;
	return (uint32_t)(st.st_size / MIB - 1); /* less its header */
}

static enum err_code check_room(const struct enabling *x, struct err *e)
{
	struct statvfs fs;
	uint64_t more, have;

	if (x->sectors <= x->had || statvfs(x->dir, &fs) != 0)
		return ERR_NONE;
	more = (uint64_t)(x->sectors - x->had);
	have = (uint64_t)fs.f_bavail * fs.f_frsize / (uint64_t)MIB;
	if (more < have)
		return ERR_NONE;
	return err_fail(e, ERR_IO,
			"the disk of %.80s has %llu MiB free, and %llu more "
			"are asked for",
			x->dir, (unsigned long long)have,
			(unsigned long long)more);
}

static enum err_code take_space(struct enabling *x, const json_t *params,
				struct err *e)
{
	const json_t *space = json_object_get(params, "space");
	const struct host_path *p = host_conf_path(&x->conf, x->dir);
	int64_t bytes = json_integer_value(space);

	x->had = volume_sectors(x->dir);
	x->sectors = p ? p->sectors : 0;
	if (space)
		x->sectors = bytes < 0 || bytes / MIB > UINT32_MAX
				     ? 0
				     : (uint32_t)(bytes / MIB);
	if (x->sectors == 0)
		return err_fail(e, ERR_PARSE,
				"space: want 1MiB or more (`seedbank host "
				"disable --path DIR` ends a path)");
	if (check_room(x, e) != ERR_NONE)
		return ERR_IO;
	x->conf.on = true;
	return host_conf_set_path(&x->conf, x->dir, x->sectors, e);
}

static enum err_code take_params(struct enabling *x, const json_t *params,
				 struct err *e)
{
	enum err_code code = conf_of(x->en, &x->conf, e);

	x->dry_run = json_is_true(json_object_get(params, "dry_run"));
	if (code == ERR_NONE)
		code = take_prices(&x->conf, params, e);
	if (code == ERR_NONE && !*x->conf.price)
		code = err_fail(e, ERR_PARSE,
				"no price: --price TOKENS (a GiB for 30 days)");
	if (code == ERR_NONE)
		code = take_dir(x->dir, method_text(params, "path"),
				!x->dry_run, e);
	if (code == ERR_NONE)
		code = take_space(x, params, e);
	return code;
}

/* ---- enable: the quote ---- */

static struct host_scale scale_of(const struct engine *en)
{
	return (struct host_scale){.decimals = en->money->decimals,
				   .period_ms = renting_period_ms(en->renting)};
}

static void set_amount(const struct enabling *x, json_t *o, const char *name,
		       struct amount a)
{
	char text[MONEY_TEXT_MAX];

	set(o, name, json_string(money_text(x->en->money, a, text)));
}

static void set_coin(const struct enabling *x, json_t *o, const char *name,
		     struct amount a)
{
	char text[MONEY_TEXT_MAX];

	set(o, name,
	    json_string(amount_to_dec(text, a,
				      x->en->money->profile.coin_decimals)));
}

static void add_fees(const struct enabling *x, json_t *o,
		     const struct host_quote *q)
{
	if (!x->fees.known)
		return;
	set(o, "coin", json_string(x->en->money->profile.coin_symbol));
	set_coin(x, o, "proof_fee", q->proof);
	set_coin(x, o, "anchor_fee", q->anchor);
	if (!x->fees.in_token)
		return;
	set_amount(x, o, "proof_fee_tokens", q->proof_token);
	set_amount(x, o, "anchor_fee_tokens", q->anchor_token);
	set(o, "least_gib", json_integer((json_int_t)q->least_gib));
	set(o, "break_even_gib", json_integer((json_int_t)q->break_even_gib));
}

static const char *me_text(const struct engine *en, char out[ADDRESS_TEXT_MAX])
{
	return address_text(out, &en->money->accounts[SIGNER_STORAGE],
			    en->money->profile.address);
}

static struct amount free_of(const struct enabling *x)
{
	struct amount have;

	return renting_free_balance(x->en->renting, &have) ? have : AMOUNT_ZERO;
}

static json_t *warnings(const struct enabling *x, const struct host_quote *q)
{
	char text[256], me[ADDRESS_TEXT_MAX], lacks[MONEY_TEXT_MAX];
	struct amount more = amount_sub_floor(q->collateral, free_of(x));
	json_t *list = json_array();

	if (!amount_is_zero(more)) {
		(void)snprintf(text, sizeof(text),
			       "full space locks %s more than is free in the "
			       "bank: `seedbank deposit %s --account storage`",
			       money_text(x->en->money, more, lacks), lacks);
		(void)json_array_append_new(list, json_string(text));
	}
	if (x->coin_known && amount_is_zero(x->coin)) {
		(void)snprintf(text, sizeof(text),
			       "%s has no %s for the fees of proofs: send it "
			       "some",
			       me_text(x->en, me),
			       x->en->money->profile.coin_symbol);
		(void)json_array_append_new(list, json_string(text));
	}
	return list;
}

static enum err_code make_quote(struct enabling *x, struct err *e)
{
	struct host_scale scale = scale_of(x->en);
	struct host_quote q;
	enum err_code code = host_sheet(&x->sheet, &x->conf, &scale, e);

	if (code != ERR_NONE)
		return code;
	host_quote_of(&q, &x->sheet, host_conf_sectors(&x->conf), &x->fees,
		      &scale);
	x->quote = json_object();
	set(x->quote, "space",
	    json_integer((json_int_t)host_conf_sectors(&x->conf) * MIB));
	set_amount(x, x->quote, "collateral", q.collateral);
	set_amount(x, x->quote, "free", free_of(x));
	set_amount(x, x->quote, "income_month", q.income);
	set_amount(x, x->quote, "rent", x->sheet.rent);
	set(x->quote, "period_s",
	    json_integer((json_int_t)(scale.period_ms / 1000)));
	set(x->quote, "span_s",
	    json_integer((json_int_t)(scale.period_ms / 1000 * x->sheet.span)));
	set_coin(x, x->quote, "wallet_coin", x->coin);
	add_fees(x, x->quote, &q);
	set(x->quote, "warnings", warnings(x, &q));
	/* without any, nothing can be signed that is proved on the chain */
	if (!x->dry_run && !amount_is_zero(q.collateral) &&
	    amount_is_zero(free_of(x)))
		return err_fail(e, ERR_FUNDS,
				"nothing is in the bank for collateral: "
				"`seedbank deposit AMOUNT --account storage`, "
				"or --collateral 0");
	return ERR_NONE;
}

/* ---- enable: doing it ---- */

static json_t *result_of(struct enabling *x)
{
	char me[ADDRESS_TEXT_MAX];
	json_t *o = json_object();

	set(o, "enabled", json_boolean(!x->dry_run));
	set(o, "address", json_string(me_text(x->en, me)));
	set(o, "path", json_string(x->dir));
	set(o, "space", json_integer((json_int_t)x->sectors * MIB));
	set(o, "quote", json_incref(x->quote));
	set(o, "text",
	    json_string(x->dry_run	? "nothing was changed"
			: x->en->daemon ? "renting out"
					: "enabled; start seedbankd to begin"));
	return o;
}

static void finish(struct enabling *x)
{
	struct call *c = x->call;
	json_t *o = result_of(x);

	enabling_free(x);
	call_result(c, o);
}

static void take_effect(struct enabling *x)
{
	struct err e = {0};

	if (host_conf_store(&x->conf, &x->en->home, &e) != ERR_NONE) {
		fail(x, &e);
		return;
	}
	host_configure(x->en->host, &x->conf);
	if (x->sectors < x->had) /* sectors move first: nobody waits */
		host_space(x->en->host, x->dir, x->sectors);
	finish(x);
}

static void on_grown(void *ctx, const struct sectors_answer *a,
		     const struct err *e)
{
	struct enabling *x = ctx;

	(void)a;
	if (!e) {
		take_effect(x);
		return;
	}
	/* what fitted is given back: nothing is half enabled */
	host_space(x->en->host, x->dir, x->had);
	fail(x, e);
}

static void make_space(struct enabling *x)
{
	struct err e = {0};

	if (host_open_disk(x->en->host, &e) != ERR_NONE) {
		fail(x, &e);
		return;
	}
	if (x->sectors < x->had) {
		take_effect(x);
		return;
	}
	if (sectors_space(host_disk(x->en->host), x->dir, x->sectors, on_grown,
			  x, &e) != ERR_NONE)
		fail(x, &e);
}

static void quoted(struct enabling *x)
{
	struct err e = {0};
	enum err_code code = make_quote(x, &e);
	json_t *event;

	if (x->quote) {
		event = json_deep_copy(x->quote);
		set(event, "type", json_string("quote"));
		call_event(x->call, event);
	}
	if (code != ERR_NONE)
		fail(x, &e);
	else if (x->dry_run)
		finish(x);
	else
		make_space(x);
}

static void on_fees(void *ctx, const struct chain_trial *t, const struct err *e)
{
	struct enabling *x = ctx;
	struct host_fees *f = &x->fees;

	if (!e && t->ok && t->units)
		f->known = amount_mul_div(&f->per_million, NULL, t->fee,
					  1000000, 0, t->units);
	f->in_token = f->known &&
		      purse_in_token(&x->en->money->storage, f->per_million,
				     &f->token_per_million);
	quoted(x);
}

static void on_coin(void *ctx, const struct chain_view *at,
		    const struct chain_answer *a, size_t n, const struct err *e)
{
	struct enabling *x = ctx;
	const struct money *m = x->en->money;
	uint8_t data[BANK_ANCHOR_LEN];
	struct wr w = wr_into(data, sizeof(data));
	struct chain_call call = {.from = m->accounts[SIGNER_STORAGE],
				  .to = m->domain.bank,
				  .data = data};

	(void)at;
	if (!e && n == 1 && a[0].known) {
		x->coin = a[0].amount;
		x->coin_known = true;
	}
	bank_enc_anchor(&w);
	call.len = wr_len(&w);
	chain_try(m->chain, &call, on_fees, x);
}

static void on_open(void *ctx, const struct err *e)
{
	struct enabling *x = ctx;
	const struct money *m = x->en->money;
	struct chain_ask ask = {.what = CHAIN_ASK_COIN,
				.a = m->accounts[SIGNER_STORAGE]};

	if (e)
		fail(x, e);
	else
		chain_read(m->chain, CHAIN_LATEST, &ask, 1, on_coin, x);
}

static void on_cancel(void *ctx)
{
	struct enabling *x = ctx;
	struct err e = {0};

	(void)err_fail(&e, ERR_STATE, "interrupted; nothing was enabled");
	renting_forget(x->en->renting, x);
	if (x->en->money->chain)
		chain_forget(x->en->money->chain, x);
	if (host_disk(x->en->host))
		sectors_forget(host_disk(x->en->host), x);
	fail(x, &e);
}

void method_host_enable(struct engine *en, const json_t *params, struct call *c)
{
	struct enabling *x = calloc(1, sizeof(*x));
	struct err e = {0};

	if (!x) {
		(void)err_fail(&e, ERR_NOMEM, "out of memory");
		call_error(c, &e);
		return;
	}
	x->en = en;
	x->call = c;
	if (take_params(x, params, &e) != ERR_NONE) {
		fail(x, &e);
		return;
	}
	call_on_cancel(c, on_cancel, x);
	renting_open(en->renting, RENTING_HEAD, on_open, x);
}

/* ---- status ---- */

static void add_volume(void *ctx, const struct sector_volume *v)
{
	(void)json_array_append_new(
		ctx, json_pack("{ss sI sI sI ss ss}", "path", v->dir, "space",
			       (json_int_t)v->slots * MIB, "goal",
			       (json_int_t)v->want * MIB, "used",
			       (json_int_t)v->used * MIB, "state",
			       v->want ? "closed" : "draining", "note", ""));
}

static void set_totals(json_t *o, const struct sector_totals *t)
{
	set(o, "sectors", json_integer((json_int_t)t->sectors));
	set(o, "lost", json_integer((json_int_t)t->lost));
	set(o, "staged", json_integer((json_int_t)t->staged));
}

/* No daemon: what the index says, without touching the volumes. */
static void status_of_index(struct engine *en, json_t *o)
{
	struct sector_totals t = {.sectors = 0};
	struct sector_db *d;
	char path[HOME_PATH_MAX];
	json_t *list = json_array();

	home_file(&en->home, "sectors.db", path);
	if (sector_db_open(&d, path, false, NULL) == ERR_NONE) {
		if (sector_db_volumes(d, add_volume, list, NULL) != ERR_NONE ||
		    sector_db_totals(d, &t, NULL) != ERR_NONE)
			set(o, "trouble",
			    json_string("sectors.db cannot be read"));
		sector_db_close(d);
	}
	set(o, "paths", list);
	set(o, "agreements", json_integer((json_int_t)t.agreements));
	set_totals(o, &t);
}

struct looking {
	struct call *call;
	json_t *result;
};

static void on_totals(void *ctx, const struct sectors_answer *a,
		      const struct err *e)
{
	struct looking *l = ctx;
	struct call *c = l->call;
	json_t *o = l->result;
	struct sector_totals t = {.sectors = 0};

	free(l);
	if (e)
		set(o, "trouble", json_string(e->msg));
	else
		memcpy(&t, a->data, sizeof(t));
	set_totals(o, &t);
	call_result(c, o);
}

void method_host_status(struct engine *en, const json_t *params, struct call *c)
{
	struct sectors *disk = host_disk(en->host);
	struct looking *l = calloc(1, sizeof(*l));
	struct err e = {0};
	json_t *o;

	(void)params;
	if (!l || (!en->daemon && host_look(en->host, &e) != ERR_NONE)) {
		if (!l)
			(void)err_fail(&e, ERR_NOMEM, "out of memory");
		free(l);
		call_error(c, &e);
		return;
	}
	o = host_status(en->host);
	set(o, "daemon", json_boolean(en->daemon));
	l->call = c;
	l->result = o;
	if (disk && sectors_totals(disk, on_totals, l, &e) == ERR_NONE)
		return;
	free(l);
	status_of_index(en, o);
	call_result(c, o);
}

/* ---- disable ---- */

static enum err_code drain_all(struct host_conf *c)
{
	for (unsigned i = 0; i < c->n_paths; i++)
		c->paths[i].sectors = 0;
	c->on = false;
	return ERR_NONE;
}

static enum err_code drain_one(struct host_conf *c, const char *path,
			       struct err *e)
{
	char dir[PATH_MAX];
	struct host_path *p = host_conf_path(c, path);

	if (!p && realpath(path, dir))
		p = host_conf_path(c, dir);
	if (!p)
		return err_fail(e, ERR_STATE, "%.100s is not rented out", path);
	p->sectors = 0;
	if (host_conf_sectors(c) == 0)
		c->on = false;
	return ERR_NONE;
}

static json_t *disabled(const struct engine *en, const struct host_conf *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < c->n_paths; i++)
		if (c->paths[i].sectors == 0)
			(void)json_array_append_new(
				list, json_string(c->paths[i].dir));
	return json_pack(
		"{sb so ss}", "enabled", (int)c->on, "draining", list, "text",
		en->daemon ? "what agreements hold is served until they end"
			   : "disabled; seedbankd serves what agreements hold "
			     "until they end, and gives the space back");
}

void method_host_disable(struct engine *en, const json_t *params,
			 struct call *c)
{
	struct host_conf *conf = calloc(1, sizeof(*conf));
	const char *path = method_text(params, "path");
	struct err e = {0};

	if (!conf)
		(void)err_fail(&e, ERR_NOMEM, "out of memory");
	else if (conf_of(en, conf, &e) == ERR_NONE &&
		 (path ? drain_one(conf, path, &e) : drain_all(conf)) ==
			 ERR_NONE)
		(void)!host_conf_store(conf, &en->home, &e);
	if (e.code != ERR_NONE) {
		free(conf);
		call_error(c, &e);
		return;
	}
	host_configure(en->host, conf);
	for (unsigned i = 0; i < conf->n_paths; i++)
		if (conf->paths[i].sectors == 0)
			host_space(en->host, conf->paths[i].dir, 0);
	call_result(c, disabled(en, conf));
	free(conf);
}
