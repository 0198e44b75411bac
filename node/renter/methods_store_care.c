/* methods_store_care.c - looking after what is stored: audit and repair. */
#include "node/renter/methods_store.h"

#include "base/address.h"
#include "base/hex.h"
#include "node/money/money.h"
#include "node/renter/renter_audit.h"
#include "node/renter/renter_repair.h"
#include "storage/rent/sampling.h"

#include <stdio.h>

#define SHARE_TEXT_MAX 12

/* ---- audit ---- */

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct store_call *s = ctx;

	call_event(s->call, json_pack("{ss sI sI}", "type", "progress",
				      "samples", (json_int_t)done,
				      "samples_total", (json_int_t)total));
}

/* A share of one, from millionths. */
static const char *share_text(char buf[SHARE_TEXT_MAX], uint32_t share)
{
	(void)snprintf(buf, SHARE_TEXT_MAX, "%u.%06u",
		       (unsigned)(share / SAMPLING_WHOLE),
		       (unsigned)(share % SAMPLING_WHOLE));
	return buf;
}

static json_t *claims_json(const struct audit_count *c)
{
	static const unsigned levels[] = {95, 99};
	json_t *claims = json_array();
	char share[SHARE_TEXT_MAX];

	for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++) {
		uint32_t e = audit_at_most(c, levels[i]);

		if (e < SAMPLING_WHOLE)
			(void)json_array_append_new(
				claims,
				json_pack("{ss si}", "at_most",
					  share_text(share, e), "confidence",
					  (int)levels[i]));
	}
	return claims;
}

static json_t *count_json(const struct audit_count *c)
{
	return json_pack("{sI sI sI sI sI sI}", "samples",
			 (json_int_t)c->samples, "right", (json_int_t)c->right,
			 "wrong", (json_int_t)(c->lost + c->lies), "lost",
			 (json_int_t)c->lost, "lies", (json_int_t)c->lies,
			 "unanswered", (json_int_t)c->unanswered);
}

static json_t *hosts_json(const struct store_call *s,
			  const struct audit_result *r)
{
	json_t *hosts = json_array(), *o;
	char who[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < r->hosts_n; i++) {
		o = count_json(&r->hosts[i].count);
		(void)json_object_set_new(
			o, "address",
			json_string(address_text(
				who, &r->hosts[i].address,
				s->engine->money->profile.address)));
		(void)json_array_append_new(hosts, o);
	}
	return hosts;
}

static json_t *objects_json(const struct audit_result *r)
{
	json_t *objects = json_array(), *o;
	char id[HEX_LEN(32) + 1];

	for (size_t i = 0; i < r->objects_n; i++) {
		const struct audit_object *x = &r->objects[i];

		hex_encode(id, x->id.bytes, sizeof(x->id.bytes));
		o = count_json(&x->count);
		(void)json_object_update_new(
			o, json_pack("{ss sI so}", "id", id, "segments",
				     (json_int_t)x->segments, "claims",
				     claims_json(&x->count)));
		(void)json_array_append_new(objects, o);
	}
	return objects;
}

static void on_audited(void *ctx, const struct audit_result *r,
		       const struct err *e)
{
	struct store_call *s = ctx;
	json_t *o;

	if (e) {
		store_call_error(s, e);
		return;
	}
	o = count_json(&r->all);
	(void)json_object_update_new(
		o, json_pack("{so so so}", "claims",
			     r->alike ? claims_json(&r->all) : json_array(),
			     "hosts", hosts_json(s, r), "objects",
			     objects_json(r)));
	store_call_result(s, o);
}

static const struct audit_ops audit_ops = {
	.step = store_call_step, .progress = on_progress, .ended = on_audited};

static enum err_code begin_audit(struct store_call *s, struct err *e)
{
	const struct audit_cfg cfg = {
		.name = store_text(s, "name"),
		.samples = (uint64_t)store_int(s, "samples", 0),
		.scout = store_scout(s, 0)};
	struct audit *a = NULL;
	enum err_code code = audit_start(&a, s->renter, &cfg, &audit_ops, s, e);

	s->journey = a;
	return code;
}

static void stop_audit(struct store_call *s)
{
	audit_free(s->journey);
}

void method_store_audit(struct engine *en, const json_t *params, struct call *c)
{
	const struct store_call audit = {
		.begin = begin_audit,
		.reads = true,
		.stop = stop_audit,
		.cut_off = "interrupted: what was found so far is forgotten"};

	store_call_start(en, params, c, &audit);
}

/* ---- repair ---- */

static void on_mended(void *ctx, const struct mend_result *r,
		      const struct err *e)
{
	struct store_call *s = ctx;
	char cost[MONEY_TEXT_MAX];

	if (e)
		store_call_error(s, e);
	else
		store_call_result(
			s,
			json_pack("{sI sI sI sI sI sI sI sI ss ss}", "objects",
				  (json_int_t)r->objects, "lost",
				  (json_int_t)r->missing, "due",
				  (json_int_t)r->due, "repaired",
				  (json_int_t)r->repaired, "hopeless",
				  (json_int_t)r->hopeless, "away",
				  (json_int_t)r->away, "agreements",
				  (json_int_t)r->agreements, "told",
				  (json_int_t)r->told, "cost",
				  money_text(s->engine->money, r->cost, cost),
				  "left",
				  r->left.code == ERR_NONE ? "" : r->left.msg));
}

static const struct mend_ops mend_ops = {.step = store_call_step,
					 .ended = on_mended};

static enum err_code begin_repair(struct store_call *s, struct err *e)
{
	struct store_money money;
	enum err_code code = store_money(s, &money, e);
	struct mend_cfg cfg = {
		.name = store_text(s, "name"),
		.all = json_is_true(json_object_get(s->params, "all")),
		.rent_max = money.rent_max,
		.has_budget = money.has_budget,
		.budget = money.budget,
		.scout = store_scout(s, 0)};
	struct mend *m = NULL;

	if (code == ERR_NONE &&
	    (store_int(s, "periods", 0) || store_int(s, "term", 0)))
		code = store_periods(s, &cfg.periods, e);
	if (code == ERR_NONE)
		code = mend_start(&m, s->renter, &cfg, &mend_ops, s, e);
	s->journey = m;
	return code;
}

static void stop_repair(struct store_call *s)
{
	mend_free(s->journey);
}

void method_store_repair(struct engine *en, const json_t *params,
			 struct call *c)
{
	const struct store_call repair = {
		.begin = begin_repair,
		.stop = stop_repair,
		.claim = "a repair",
		.cut_off = "interrupted; the same command goes on from here"};

	store_call_start(en, params, c, &repair);
}
