#include "node/renter/renter_keep.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_publish.h"
#include "node/renter/renter_quote.h"
#include "node/renter/renter_retell.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_takeover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keep {
	struct renter *renter;
	struct keep_cfg cfg;
	char *name;
	struct net_addr named[SCOUT_NAMED_MAX];
	const struct keep_ops *ops;
	void *ctx;
	struct loop_timer *timer;	/* ends are told from there */
	struct renter_object catalogue; /* the newest; id 0: none */
	bool stored;			/* something runs */
	uint64_t untold;		/* a list of files that no host has */
	struct scout *scout;
	unsigned least; /* shards of the new one */
	struct placing *placing;
	struct takeover *takeover;
	struct publish *publish;
	struct retell *retell;
	bool removing, ended, told;
	struct keep_result result;
	struct err why;
};

static void end(struct keep *k, const struct err *why)
{
	if (k->ended)
		return;
	k->ended = true;
	if (why)
		k->why = *why;
	loop_timer_set(k->timer, 0);
}

static void on_timer(void *ctx)
{
	struct keep *k = ctx;
	struct keep_result result = k->result;
	struct err why = k->why;

	if (!k->ended || k->told)
		return;
	k->told = true;
	k->ops->ended(k->ctx, &result, why.code == ERR_NONE ? NULL : &why);
}

/* ---- the catalogue that is to follow ---- */

static bool find_stored(void *ctx, const struct renter_agreement *row)
{
	struct keep *k = ctx;
	struct address me = renting_me(k->renter->renting);

	if (row->state == RENTER_OPENED &&
	    row->signed_.number < RENT_UNOPENED &&
	    address_eq(&row->signed_.renter, &me))
		k->stored = true;
	return true;
}

static enum err_code look(struct keep *k, struct err *e)
{
	enum err_code code =
		renter_db_catalogue(k->renter->db, &k->catalogue, e);

	k->least = k->catalogue.k + (k->catalogue.n - k->catalogue.k + 2U) / 3;
	if (code == ERR_NONE)
		code = renter_db_number(k->renter->db, RENTER_UNPUBLISHED,
					&k->untold, e);
	return code == ERR_NONE
		       ? renter_db_agreements(k->renter->db, find_stored, k, e)
		       : code;
}

/* ---- publish ---- */

static void on_step(void *ctx, const char *text)
{
	struct keep *k = ctx;

	k->ops->step(k->ctx, text);
}

static void publish(struct keep *k);

/* A host that keeps something of ours by an agreement that ends, and signed no
 * other, has that staged still. */
static void end_renewal(struct keep *k)
{
	struct err e = {0};
	bool waits = false;
	enum err_code code = renter_db_any_waits(k->renter->db, &waits, &e);

	if (code == ERR_NONE && waits)
		code = err_fail(&e, ERR_STATE,
				"some hosts signed no agreement for what they "
				"keep: `seedbank store renew` asks them again, "
				"`seedbank store repair` stores it elsewhere");
	end(k, code == ERR_NONE ? NULL : &e);
}

/* What is renewed is renewed, told again or not. */
static void on_retold(void *ctx, const struct retell_result *r,
		      const struct err *error)
{
	struct keep *k = ctx;
	char line[256];

	(void)r;
	if (error) {
		(void)snprintf(line, sizeof(line),
			       "where everything lies was not told again: "
			       "%.150s",
			       error->msg);
		k->ops->step(k->ctx, line);
	}
	end_renewal(k);
}

/* All of it is to be found for longer now. */
static void retell(struct keep *k)
{
	struct err e = {0};

	if (retell_start(&k->retell, k->renter, on_retold, k, &e) != ERR_NONE)
		on_retold(k, NULL, &e);
}

/* A host that is there may not take it all the same. */
static void on_published(void *ctx, const struct publish_result *r,
			 const struct err *error)
{
	struct keep *k = ctx;

	k->result.agreements += r->agreements;
	if (error && r->starved && k->catalogue.n > k->least) {
		publish_free(k->publish);
		k->publish = NULL;
		placing_free(k->placing);
		k->placing = NULL;
		k->catalogue.n--;
		publish(k);
	} else if (!error && k->cfg.what == KEEP_RENEW) {
		retell(k);
	} else {
		end(k, error);
	}
}

static const struct publish_ops publish_ops = {.step = on_step,
					       .ended = on_published};

/* *own: of what is taken over. The catalogue is kept as long as that, and as
 * anything else that it tells of. */
static enum err_code set_terms(struct keep *k, struct renter_term *own,
			       struct renter_term *catalogue, struct err *e)
{
	const uint32_t periods = k->cfg.periods;
	uint32_t lasts;
	enum err_code code =
		running_lasts(&lasts, k->renter, k->catalogue.n, e);

	*own = k->cfg.what == KEEP_RENEW
		       ? (struct renter_term){periods, periods - periods / 4}
		       : (struct renter_term){1, 1};
	if (code != ERR_NONE)
		return code;
	*catalogue = renter_term_catalogue(own, lasts);
	if (k->cfg.what != KEEP_RENEW)
		*own = *catalogue;
	return code;
}

/* Hosts may be gone since: then it is spread over those that there are, as far
 * as a repair would leave it alone. */
static enum err_code spread(struct keep *k, const struct renter_term *term,
			    struct err *e)
{
	struct quote_cfg cfg = {.k = k->catalogue.k,
				.n = k->catalogue.n,
				.per_host = k->cfg.per_host,
				.per_net = k->cfg.per_net,
				.periods = term->periods,
				.least = term->least};
	struct err why = {0};
	char line[128];
	enum err_code code;

	rng_fill(&k->renter->engine->rng, &cfg.seed, sizeof(cfg.seed));
	code = quote_placing(&k->placing, k->renter, &cfg, e);
	while (code == ERR_STATE && cfg.n > k->least) {
		cfg.n--;
		code = quote_placing(&k->placing, k->renter, &cfg, &why);
	}
	if (code != ERR_NONE || cfg.n == k->catalogue.n)
		return code;
	(void)snprintf(line, sizeof(line),
		       "the list of files goes to %u hosts, not %u: there are "
		       "no more now",
		       cfg.n, k->catalogue.n);
	k->ops->step(k->ctx, line);
	k->catalogue.n = (uint16_t)cfg.n;
	return ERR_NONE;
}

static void publish(struct keep *k)
{
	struct publish_cfg cfg = {.k = k->catalogue.k, .cut = true};
	struct renter_term own;
	struct err e = {0};
	enum err_code code = set_terms(k, &own, &cfg.catalogue, &e);

	cfg.periods = own.periods;
	cfg.least = own.least;
	if (code == ERR_NONE)
		code = spread(k, &cfg.catalogue, &e);
	cfg.placing = k->placing;
	cfg.n = k->catalogue.n;
	if (code == ERR_NONE)
		code = publish_start(&k->publish, k->renter, &cfg, &publish_ops,
				     k, &e);
	if (code != ERR_NONE)
		end(k, &e);
}

/* ---- renew ---- */

static void on_taken(void *ctx, const struct takeover_result *r,
		     const struct err *error)
{
	struct keep *k = ctx;

	k->result.ending = r->agreements;
	k->result.sectors = r->sectors;
	k->result.lost = r->lost;
	k->result.rent = r->rent;
	k->result.fund = r->fund;
	k->result.until = r->until;
	if (error)
		end(k, error);
	else if (r->agreements == 0 && !r->begun && !k->untold)
		end(k, NULL); /* nothing ends too early */
	else
		publish(k);
}

static void take_over(struct keep *k)
{
	const struct takeover_cfg cfg = {.name = k->cfg.name,
					 .periods = k->cfg.periods,
					 .near = k->cfg.near,
					 .has_budget = k->cfg.has_budget,
					 .budget = k->cfg.budget};
	static const struct takeover_ops ops = {.step = on_step,
						.ended = on_taken};
	struct err e = {0};

	if (takeover_start(&k->takeover, k->renter, &cfg, &ops, k, &e) !=
	    ERR_NONE)
		end(k, &e);
}

static void on_fresh(void *ctx, const struct err *error)
{
	struct keep *k = ctx;

	if (error)
		end(k, error);
	else if (k->cfg.what == KEEP_RENEW)
		take_over(k);
	else
		publish(k);
}

static void on_scouted(void *ctx)
{
	struct keep *k = ctx;

	scout_free(k->scout);
	k->scout = NULL;
	settle_refresh(k->renter->engine->money->storage.settle, on_fresh, k);
}

static void scout(struct keep *k)
{
	struct scout_cfg cfg = k->cfg.scout;
	struct err e = {0};

	cfg.enough = k->catalogue.n * 2U;
	k->ops->step(k->ctx, "asking hosts for their prices");
	if (scout_start(&k->scout, k->renter, &cfg, on_scouted, k, &e) !=
	    ERR_NONE)
		end(k, &e);
}

/* ---- rm ---- */

static bool count_file(void *ctx, const struct renter_file *f)
{
	struct keep *k = ctx;

	k->result.files++;
	k->result.bytes += f->size;
	return true;
}

static enum err_code remove_name(struct keep *k, struct err *e)
{
	struct renter_db *db = k->renter->db;
	uint64_t files, puts = 0, objects = 0, pending = 0;
	enum err_code code = renter_db_files(db, k->name, count_file, k, e);

	if (code == ERR_NONE)
		code = renter_db_remove_files(db, k->name, &files, e);
	if (code == ERR_NONE)
		code = renter_db_drop_puts(db, k->name, &puts, e);
	if (code == ERR_NONE)
		code = renter_db_drop_unused(db, &objects, e);
	if (code == ERR_NONE)
		code = renter_db_number(db, RENTER_UNPUBLISHED, &pending, e);
	if (code == ERR_NONE && files + puts + objects + pending == 0)
		code = err_fail(e, ERR_STATE,
				"nothing of that name is stored; `seedbank "
				"store ls` lists what is");
	if (code == ERR_NONE)
		code = renter_db_set_number(db, RENTER_UNPUBLISHED, 1, e);
	return code;
}

static void on_commit(void *ctx, bool ok)
{
	struct keep *k = ctx;
	struct err e = {0};

	if (!k->removing)
		return;
	k->removing = false;
	if (!ok)
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
	if (!ok || k->catalogue.id == 0 || !k->stored)
		end(k, ok ? NULL : &e); /* no host knows of anything */
	else
		scout(k);
}

static void begin(struct keep *k)
{
	struct err e = {0};

	if (look(k, &e) != ERR_NONE) {
		end(k, &e);
	} else if (k->cfg.what == KEEP_RM) {
		k->ops->step(k->ctx, "removing");
		if (remove_name(k, &e) != ERR_NONE) {
			end(k, &e);
			return;
		}
		k->removing = true;
		renting_want_commit(k->renter->renting);
	} else if (k->catalogue.id == 0) {
		(void)err_fail(&e, ERR_STATE, "nothing is stored");
		end(k, &e);
	} else {
		scout(k);
	}
}

/* ---- life ---- */

enum err_code keep_start(struct keep **out, struct renter *r,
			 const struct keep_cfg *cfg, const struct keep_ops *ops,
			 void *ctx, struct err *e)
{
	struct keep *k = calloc(1, sizeof(*k));

	if (k) {
		k->timer = loop_timer_new(r->engine->loop, on_timer, k);
		k->name = strdup(cfg->name ? cfg->name : "");
	}
	if (!k || !k->timer || !k->name) {
		if (k) {
			loop_timer_free(k->timer);
			free(k->name);
		}
		free(k);
		return err_fail(e, ERR_NOMEM, "what is stored");
	}
	k->renter = r;
	k->cfg = *cfg;
	k->cfg.name = cfg->name ? k->name : NULL;
	if (cfg->scout.named_n > 0 && cfg->scout.named_n <= SCOUT_NAMED_MAX)
		memcpy(k->named, cfg->scout.named,
		       cfg->scout.named_n * sizeof(*k->named));
	k->cfg.scout.named = k->named;
	k->ops = ops;
	k->ctx = ctx;
	renting_on_commit(r->renting, on_commit, k);
	*out = k;
	begin(k);
	return ERR_NONE;
}

void keep_free(struct keep *k)
{
	if (!k)
		return;
	renting_forget(k->renter->renting, k);
	if (k->renter->engine->money->storage.settle)
		settle_forget(k->renter->engine->money->storage.settle, k);
	scout_free(k->scout);
	takeover_free(k->takeover);
	publish_free(k->publish);
	retell_free(k->retell);
	placing_free(k->placing);
	loop_timer_free(k->timer);
	free(k->name);
	free(k);
}
