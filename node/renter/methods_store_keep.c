/* methods_store_keep.c - giving up what is stored, and keeping it: rm, renew,
 * pay. */
#include "node/renter/methods_store.h"

#include "node/money/money.h"
#include "node/renter/renter_keep.h"
#include "node/renter/renter_prepay.h"

static void stop_keep(struct store_call *s)
{
	keep_free(s->journey);
}

static enum err_code start(struct store_call *s, struct keep_cfg *cfg,
			   const struct keep_ops *ops, struct err *e)
{
	struct keep *k = NULL;
	enum err_code code;

	cfg->per_host = (unsigned)store_int(s, "per-host", 1);
	cfg->per_net = (unsigned)store_int(s, "per-network", 1);
	cfg->scout = store_scout(s, 0);
	code = keep_start(&k, s->renter, cfg, ops, s, e);
	s->journey = k;
	return code;
}

/* ---- rm ---- */

static void on_removed(void *ctx, const struct keep_result *r,
		       const struct err *e)
{
	struct store_call *s = ctx;

	if (e)
		store_call_error(s, e);
	else
		store_call_result(s,
				  json_pack("{sI sI si}", "files",
					    (json_int_t)r->files, "bytes",
					    (json_int_t)r->bytes, "agreements",
					    (int)r->agreements));
}

static enum err_code begin_rm(struct store_call *s, struct err *e)
{
	static const struct keep_ops ops = {.step = store_call_step,
					    .ended = on_removed};
	struct keep_cfg cfg = {.what = KEEP_RM, .name = store_text(s, "name")};

	if (!cfg.name || !cfg.name[0])
		return err_fail(e, ERR_PARSE, "want a name");
	return start(s, &cfg, &ops, e);
}

void method_store_rm(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call rm = {
		.begin = begin_rm,
		.stop = stop_keep,
		.claim = "another `store` that changes what is stored",
		.cut_off = "interrupted; the same command goes on from here"};

	store_call_start(en, params, c, &rm);
}

/* ---- renew ---- */

static void on_renewed(void *ctx, const struct keep_result *r,
		       const struct err *e)
{
	struct store_call *s = ctx;
	const struct money *m = s->engine->money;
	char rent[MONEY_TEXT_MAX], fund[MONEY_TEXT_MAX];

	if (e)
		store_call_error(s, e);
	else
		store_call_result(
			s, json_pack("{si si sI sI ss ss sI}", "renewed",
				     (int)r->ending, "agreements",
				     (int)r->agreements, "sectors",
				     (json_int_t)r->sectors, "lost",
				     (json_int_t)r->lost, "cost",
				     money_text(m, r->rent, rent), "locked",
				     money_text(m, r->fund, fund), "until",
				     (json_int_t)r->until));
}

static enum err_code begin_renew(struct store_call *s, struct err *e)
{
	static const struct keep_ops ops = {.step = store_call_step,
					    .ended = on_renewed};
	const struct money *m = s->engine->money;
	const char *budget = store_text(s, "budget");
	struct keep_cfg cfg = {.what = KEEP_RENEW,
			       .name = store_text(s, "name")};
	enum err_code code = store_periods(s, &cfg.periods, e);

	if (code == ERR_NONE && budget) {
		cfg.has_budget = true;
		code = money_parse(m, budget, &cfg.budget, e);
	}
	return code == ERR_NONE ? start(s, &cfg, &ops, e) : code;
}

void method_store_renew(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call renew = {
		.begin = begin_renew,
		.stop = stop_keep,
		.claim = "another `store` that changes what is stored",
		.cut_off = "interrupted; the same command goes on from here"};

	store_call_start(en, params, c, &renew);
}

/* ---- pay ---- */

static void on_paid(void *ctx, const struct prepay_result *r,
		    const struct err *e)
{
	struct store_call *s = ctx;
	const struct money *m = s->engine->money;
	char cost[MONEY_TEXT_MAX], moved[MONEY_TEXT_MAX];

	if (e)
		store_call_error(s, e);
	else
		store_call_result(
			s, json_pack("{si si si si si sI sI ss ss}", "due",
				     (int)r->due, "paid", (int)r->paid,
				     "settled", (int)r->settled, "wrong",
				     (int)r->wrong, "silent", (int)r->silent,
				     "samples", (json_int_t)r->samples, "right",
				     (json_int_t)r->right, "cost",
				     money_text(m, r->cost, cost), "moved",
				     money_text(m, r->moved, moved)));
}

static enum err_code begin_pay(struct store_call *s, struct err *e)
{
	static const struct prepay_ops ops = {.step = store_call_step,
					      .ended = on_paid};
	const char *text = store_text(s, "budget");
	struct prepay *p = NULL;
	struct prepay_cfg cfg = {
		.unopened = true,
		.opened = json_is_true(json_object_get(s->params, "opened")),
		.has_budget = text != NULL};
	enum err_code code =
		text ? money_parse(s->engine->money, text, &cfg.budget, e)
		     : ERR_NONE;

	if (code == ERR_NONE)
		code = prepay_start(&p, s->renter, &cfg, &ops, s, e);
	s->journey = p;
	return code;
}

static void stop_pay(struct store_call *s)
{
	prepay_free(s->journey);
}

void method_store_pay(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call pay = {
		.begin = begin_pay,
		.stop = stop_pay,
		.claim = "a payment",
		.cut_off = "interrupted; the same command goes on from here"};

	store_call_start(en, params, c, &pay);
}
