/* renter_put_quote.c - what a put comes to, and the budget of its receipts. */
#include "node/renter/renter_put_int.h"

#include "node/money/money.h"
#include "node/renter/renter_funds.h"
#include "node/renter/renter_running.h"
#include "storage/object/segment.h"

#include <string.h>

/* ---- the budget of its receipts ---- */

/* Known by its row in the database: what was spent before a restart counts. */
static void budget_key(const struct put *p, uint8_t key[20])
{
	struct wr w = wr_into(key, 20);

	wr_copy(&w, (const uint8_t *)"put", 4);
	wr_u64(&w, (uint64_t)p->row.id);
	wr_u64(&w, (uint64_t)p->row.started_s);
}

/* Else hosts would be taken for slow ones, one after another, that only wait to
 * be paid. */
static void on_stuck(void *ctx, const struct address *host,
		     enum rent_stuck kind, const char *why)
{
	struct put *p = ctx;
	struct err e = {0};

	(void)host;
	if (kind == RENT_STUCK_HOST)
		return; /* the upload goes elsewhere */
	(void)err_fail(&e, ERR_FUNDS,
		       "hosts cannot be paid for bringing the sectors: %s; "
		       "what is there is gone on from%s",
		       why,
		       kind == RENT_STUCK_BUDGET ? " with a larger --budget"
						 : "");
	put_end(p, &e);
}

/* The rent is locked on the chain, or paid later; what is left of the budget
 * may be promised to hosts for bringing the sectors, and for a first period. */
enum err_code put_begin_budget(struct put *p, struct err *e)
{
	struct rent_pay *pay = rent_pay_of(p->renter->engine, e);
	uint8_t key[20];

	if (!pay)
		return e->code;
	p->receipts = (struct rent_pay_listener){.ctx = p, .stuck = on_stuck};
	p->paying = true;
	rent_pay_listen(pay, &p->receipts);
	if (!p->cfg.has_budget)
		return ERR_NONE;
	budget_key(p, key);
	p->budgeted = true;
	return rent_pay_budget(
		pay, key,
		amount_sub_floor(p->cfg.budget,
				 amount_sub_floor(p->result.quote.rent,
						  p->result.quote.period)),
		e);
}

void put_end_budget(struct put *p, bool complete)
{
	struct rent_pay *pay;
	uint8_t key[20];

	if (!p->paying)
		return;
	p->paying = false;
	pay = rent_pay_of(p->renter->engine, NULL);
	if (!pay)
		return;
	rent_pay_unlisten(pay, &p->receipts);
	if (!p->budgeted)
		return;
	p->budgeted = false;
	budget_key(p, key);
	rent_pay_end_budget(pay);
	if (complete)
		rent_pay_forget_budget(pay, key);
}

/* ---- the quote ---- */

static enum err_code check_money(struct put *p, const struct quote *q,
				 struct err *e)
{
	const struct money *m = p->renter->engine->money;
	struct amount all = q->rent;
	/* what is promised to hosts comes out of the same balance */
	struct amount need =
		amount_add_cap(amount_add_cap(q->fund, q->ingress), q->period);
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];

	if (p->cfg.has_budget && (!amount_add(&all, all, q->ingress) ||
				  amount_cmp(all, p->cfg.budget) > 0))
		return err_fail(
			e, ERR_FUNDS, "it costs %s, more than the budget of %s",
			money_text(m, all, a), money_text(m, p->cfg.budget, b));
	return renter_need_funds(p->renter, need, p->row.id != 0, e);
}

/* Of the files, and of the catalogue that is to follow. */
static void count_segments(const struct put *p, uint32_t *files,
			   uint32_t *catalogue)
{
	uint64_t names = 0, entries = 0;
	uint32_t n = 0;

	if (p->shared) {
		entries = source_count(p->shared->source);
		for (uint32_t i = 0; i < entries; i++)
			names += strlen(
				source_entry(p->shared->source, i)->path);
	}
	for (size_t i = 0; i < p->n_parts; i++)
		n += source_object_segments(p->parts[i].stream->object);
	if (!p->shared)
		n = (uint32_t)(p->cfg.size / segment_plain_len(p->cfg.k) + 1);
	*files = n;
	*catalogue =
		publish_catalogue_segments(p->renter, p->cfg.k, entries, names);
}

static enum err_code set_terms(struct put *p, struct renter_term *catalogue,
			       struct err *e)
{
	struct renter_term own = {p->cfg.periods, p->cfg.least};
	uint32_t lasts;
	enum err_code code = running_lasts(&lasts, p->renter, p->cfg.n, e);

	if (code == ERR_NONE)
		*catalogue = renter_term_catalogue(&own, lasts);
	p->cfg.least = own.least;
	return code;
}

static enum err_code make_quote(struct put *p, struct err *e)
{
	struct renter_term term;
	uint32_t files, catalogue;
	enum err_code code = set_terms(p, &term, e);

	if (code != ERR_NONE)
		return code;
	count_segments(p, &files, &catalogue);
	p->quoting = (struct quote_cfg){.k = p->cfg.k,
					.n = p->cfg.n,
					.per_host = p->cfg.per_host,
					.per_net = p->cfg.per_net,
					.rent_max = p->cfg.rent_max,
					.periods = p->cfg.periods,
					.least = p->cfg.least,
					.catalogue = term,
					.goes_on = p->row.id != 0,
					.segments = catalogue,
					.catalogue_segments = catalogue};
	if (p->cfg.unopened)
		p->quoting.unopened = files;
	else
		p->quoting.segments += files;
	rng_fill(&p->renter->engine->rng, &p->quoting.seed,
		 sizeof(p->quoting.seed));
	code = quote_placing(&p->placing, p->renter, &p->quoting, e);
	return code == ERR_NONE ? quote_make(&p->result.quote, p->renter,
					     &p->quoting, p->placing, e)
				: code;
}

static void on_fresh(void *ctx, const struct err *error)
{
	struct put *p = ctx;
	struct err e = {0};
	struct quote *q = &p->result.quote;

	if (error)
		e = *error;
	if (e.code != ERR_NONE || make_quote(p, &e) != ERR_NONE) {
		put_end(p, &e);
		return;
	}
	p->ops->quoted(p->ctx, q,
		       p->shared ? source_size(p->shared->source)
				 : p->cfg.size);
	if (p->cfg.quote_only)
		put_end(p, NULL);
	else if (check_money(p, q, &e) != ERR_NONE ||
		 (!p->row.id &&
		  renter_db_add_put(p->renter->db, &p->row, &e) != ERR_NONE))
		put_end(p, &e);
	else
		put_begin_upload(p);
}

/* Which agreements take it depends on what was proved and paid meanwhile. */
static void on_scouted(void *ctx)
{
	struct put *p = ctx;

	scout_free(p->scout);
	p->scout = NULL;
	settle_refresh(p->renter->engine->money->storage.settle, on_fresh, p);
}

void put_scout(struct put *p)
{
	struct err e = {0};

	p->ops->step(p->ctx, "asking hosts for their prices");
	if (scout_start(&p->scout, p->renter, &p->cfg.scout, on_scouted, p,
			&e) != ERR_NONE)
		put_end(p, &e);
}
