#include "node/renter/renter_prepay.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/renter_agree.h"
#include "node/renter/renter_probe.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_unopened.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bill { /* one agreement */
	struct renter_agreement row;
	uint32_t positions[PREPAY_SAMPLES]; /* in its list, of what is asked */
	unsigned asked, right, wrong;
};

struct prepay {
	struct renter *renter;
	const struct prepay_ops *ops;
	void *ctx;
	struct prepay_cfg cfg;
	struct bill *bills; /* heap: all that are due */
	size_t n, cap;
	size_t from, to; /* those that are looked at now */
	uint32_t now;
	struct placement *placement; /* a segment is an agreement, a row one of
				      * its sectors */
	struct probe_question *questions; /* heap */
	size_t questions_n;
	struct probe *probe;
	int64_t *pay; /* heap: ids */
	size_t pay_n;
	struct agree *agree;
	struct loop_timer *timer; /* ends are told from there */
	bool committing, ended, told;
	struct prepay_result result;
	struct err why;
};

static void end(struct prepay *p, const struct err *why)
{
	if (p->ended)
		return;
	p->ended = true;
	if (why)
		p->why = *why;
	loop_timer_set(p->timer, 0);
}

static void on_timer(void *ctx)
{
	struct prepay *p = ctx;
	struct prepay_result result = p->result;
	struct err why = p->why;

	if (!p->ended || p->told)
		return;
	p->told = true;
	p->ops->ended(p->ctx, &result, why.code == ERR_NONE ? NULL : &why);
}

/* ---- what is due ---- */

struct collecting {
	struct prepay *p; /* NULL: counted only */
	const struct prepay_cfg *cfg;
	struct renter *renter;
	struct address me;
	uint32_t now;
	unsigned n;
	struct amount cost;
	struct err e;
};

/* Something in it is still to be kept. */
static bool is_wanted(struct renter *r, const struct renter_agreement *row)
{
	uint32_t *none, going = 0;
	size_t n;

	if (renter_db_cuts(r->db, row->id, 0, &none, &n, &going, NULL) !=
	    ERR_NONE)
		return false;
	free(none);
	return going < row->signed_.sectors;
}

static bool add_bill(struct collecting *c, const struct renter_agreement *row)
{
	struct prepay *p = c->p;

	if (!p)
		return true;
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct bill *more = realloc(p->bills, cap * sizeof(*more));

		if (!more)
			return false;
		p->bills = more;
		p->cap = cap;
	}
	p->bills[p->n++] = (struct bill){.row = *row};
	return true;
}

static bool is_due(const struct collecting *c,
		   const struct renter_agreement *row)
{
	if (unopened_is(row))
		return c->cfg->unopened && unopened_is_due(row, c->now);
	return c->cfg->opened && running_is_due(c->renter, row);
}

static bool collect(void *ctx, const struct renter_agreement *row)
{
	struct collecting *c = ctx;
	const struct agreement *a = &row->signed_;
	struct renter_step step = {.more = AMOUNT_ZERO};

	if (!is_due(c, row) || !address_eq(&a->renter, &c->me) ||
	    !is_wanted(c->renter, row))
		return true;
	if (unopened_is(row) &&
	    renter_prepay(&step, a, renter_rent_of(a), a->revision + 1,
			  a->sectors, c->now, &c->e) != ERR_NONE)
		return false;
	c->n++;
	if (!add_bill(c, row) || !amount_add(&c->cost, c->cost, step.more)) {
		(void)err_fail(&c->e, ERR_LIMIT, "too much to be paid at once");
		return false;
	}
	return true;
}

static enum err_code find_due(struct collecting *c, struct err *e)
{
	enum err_code code;

	c->me = renting_me(c->renter->renting);
	if (!renting_period(c->renter->renting, &c->now))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	code = renter_db_agreements(c->renter->db, collect, c, e);
	if (code == ERR_NONE && c->e.code != ERR_NONE) {
		*e = c->e;
		code = e->code;
	}
	return code;
}

enum err_code prepay_due(struct renter *r, const struct prepay_cfg *cfg,
			 unsigned *n, struct err *e)
{
	struct collecting c = {.renter = r, .cfg = cfg};
	enum err_code code = find_due(&c, e);

	*n = c.n;
	return code;
}

/* ---- receipts ---- */

static void next_part(struct prepay *p);

static void count(struct prepay *p, const struct renter_agreement *before,
		  const struct renter_agreement *row)
{
	struct amount more =
		amount_sub_floor(row->signed_.earned, before->signed_.earned);
	struct amount *sum =
		unopened_is(row) ? &p->result.cost : &p->result.moved;

	if (row->signed_.through <= p->now ||
	    row->signed_.through == before->signed_.through)
		return;
	p->result.paid++;
	p->result.settled += !unopened_is(row);
	*sum = amount_add_cap(*sum, more);
}

static int by_id(const void *id, const void *bill)
{
	const int64_t a = *(const int64_t *)id;
	const int64_t b = ((const struct bill *)bill)->row.id;

	return a < b ? -1 : a > b;
}

/* Bills were collected in the order of ids. */
static bool count_paid(void *ctx, const struct renter_agreement *row)
{
	struct prepay *p = ctx;
	const struct bill *b =
		bsearch(&row->id, p->bills + p->from, p->to - p->from,
			sizeof(*p->bills), by_id);

	if (b)
		count(p, &b->row, row);
	return true;
}

static void on_step(void *ctx, const char *text)
{
	struct prepay *p = ctx;

	p->ops->step(p->ctx, text);
}

static void on_agreed(void *ctx, unsigned done, unsigned failed,
		      const struct err *error)
{
	struct prepay *p = ctx;
	struct err e = {0};

	(void)done;
	(void)failed;
	if (error)
		e = *error; /* it is the agreeing's, which goes now */
	agree_free(p->agree);
	p->agree = NULL;
	if (e.code == ERR_NONE)
		(void)!renter_db_agreements(p->renter->db, count_paid, p, &e);
	if (e.code != ERR_NONE)
		end(p, &e);
	else
		next_part(p);
}

static void pay(struct prepay *p)
{
	static const struct agree_ops ops = {.step = on_step,
					     .ended = on_agreed};
	const struct agree_cfg cfg = {
		.periods = 1, .pay = p->pay, .pay_n = p->pay_n};
	struct err e = {0};

	if (p->pay_n == 0)
		next_part(p);
	else if (agree_start(&p->agree, p->renter, &cfg, &ops, p, &e) !=
		 ERR_NONE)
		end(p, &e);
}

static void on_commit(void *ctx, bool ok)
{
	struct prepay *p = ctx;
	struct err e = {0};

	if (!p->committing)
		return;
	p->committing = false;
	if (ok) {
		pay(p);
		return;
	}
	(void)err_fail(&e, ERR_DB, "renter.db could not be written");
	end(p, &e);
}

/* ---- the audit ---- */

static void on_progress(void *ctx, size_t done)
{
	(void)ctx;
	(void)done;
}

static enum err_code judge(struct prepay *p, const struct probe_question *q,
			   struct err *e)
{
	struct bill *b = &p->bills[p->from + q->segment];

	p->result.samples++;
	p->result.right += q->verdict == PROBE_RIGHT;
	b->right += q->verdict == PROBE_RIGHT;
	if (q->verdict != PROBE_LOST && q->verdict != PROBE_FALSE)
		return ERR_NONE;
	b->wrong++;
	return renter_db_mark_place(p->renter->db, b->row.id,
				    b->positions[q->row], SHARD_LOST,
				    clock_unix_s(), e);
}

static void say(struct prepay *p, const struct bill *b)
{
	char line[256], who[ADDRESS_TEXT_MAX];

	(void)snprintf(line, sizeof(line),
		       "%s: not paid: %u of %u blocks that it was asked for "
		       "are right%s",
		       address_text(who, &b->row.signed_.host,
				    p->renter->engine->money->profile.address),
		       b->right, b->asked, b->wrong ? ", others are lost" : "");
	p->ops->step(p->ctx, line);
}

/* Who shows all that it is asked for is paid. */
static void count_bill(struct prepay *p, const struct bill *b)
{
	if (b->asked && b->right == b->asked) {
		p->pay[p->pay_n++] = b->row.id;
		return;
	}
	p->result.wrong += b->wrong > 0;
	p->result.silent += b->wrong == 0;
	say(p, b);
}

static void on_probed(void *ctx)
{
	struct prepay *p = ctx;
	struct err e = {0};
	enum err_code code = ERR_NONE;

	probe_free(p->probe);
	p->probe = NULL;
	for (size_t i = 0; code == ERR_NONE && i < p->questions_n; i++)
		code = judge(p, &p->questions[i], &e);
	if (code != ERR_NONE) {
		end(p, &e);
		return;
	}
	for (size_t i = p->from; i < p->to; i++)
		count_bill(p, &p->bills[i]);
	p->committing = true;
	renting_want_commit(p->renter->renting);
}

struct asking {
	struct prepay *p;
	struct bill *b;
	struct renter_place kept[PREPAY_SAMPLES];
	uint32_t seen;
};

/* Each place has the same chance. */
static bool consider(void *ctx, const struct renter_place *x)
{
	struct asking *a = ctx;
	uint32_t at;

	if (x->state != SHARD_SIGNED)
		return true;
	at = a->seen++;
	if (at >= PREPAY_SAMPLES)
		at = rng_below(&a->p->renter->engine->rng, a->seen);
	if (at < PREPAY_SAMPLES)
		a->kept[at] = *x;
	return true;
}

static enum err_code ask(struct prepay *p, size_t i, struct err *e)
{
	struct bill *b = &p->bills[p->from + i];
	const struct address host = b->row.signed_.host;
	struct asking a = {.p = p, .b = b};
	enum err_code code =
		renter_db_places_at(p->renter->db, b->row.id, consider, &a, e);

	b->asked = a.seen < PREPAY_SAMPLES ? a.seen : PREPAY_SAMPLES;
	for (unsigned k = 0; code == ERR_NONE && k < b->asked; k++) {
		b->positions[k] = a.kept[k].position;
		placement_row(p->placement, (unsigned)i, k)->root =
			a.kept[k].root;
		code = placement_add(p->placement, (unsigned)i, k, &host, e);
		p->questions[p->questions_n++] = probe_ask(
			&p->renter->engine->rng, (uint32_t)i, k,
			placement_row(p->placement, (unsigned)i, k)->host[0]);
	}
	return code;
}

static enum err_code make_questions(struct prepay *p, struct err *e)
{
	const size_t n = p->to - p->from;
	enum err_code code;

	placement_free(p->placement);
	free(p->questions);
	free(p->pay);
	p->placement = NULL;
	p->questions_n = p->pay_n = 0;
	p->questions = calloc(n * PREPAY_SAMPLES, sizeof(*p->questions));
	p->pay = calloc(n, sizeof(*p->pay));
	if (!p->questions || !p->pay)
		return err_fail(e, ERR_NOMEM, "an audit");
	code = placement_new(&p->placement, 1, PREPAY_SAMPLES, (unsigned)n, e);
	for (size_t i = 0; code == ERR_NONE && i < n; i++)
		code = ask(p, i, e);
	return code;
}

static void next_part(struct prepay *p)
{
	struct probe_cfg cfg = {.shown = true,
				.progress = on_progress,
				.ended = on_probed,
				.ctx = p};
	struct err e = {0};
	enum err_code code;

	p->from = p->to;
	if (p->from == p->n) {
		end(p, NULL);
		return;
	}
	p->to = p->n - p->from < PREPAY_AT_A_TIME ? p->n
						  : p->from + PREPAY_AT_A_TIME;
	code = make_questions(p, &e);
	cfg.placement = p->placement;
	cfg.questions = p->questions;
	cfg.n = p->questions_n;
	if (code == ERR_NONE)
		code = probe_start(&p->probe, p->renter, &cfg, &e);
	if (code != ERR_NONE)
		end(p, &e);
}

/* ---- life ---- */

static enum err_code begin(struct prepay *p, struct err *e)
{
	struct collecting c = {.p = p, .cfg = &p->cfg, .renter = p->renter};
	const struct money *m = p->renter->engine->money;
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];
	enum err_code code = find_due(&c, e);

	p->now = c.now;
	p->result.due = c.n;
	if (code == ERR_NONE && p->cfg.has_budget &&
	    amount_cmp(c.cost, p->cfg.budget) > 0)
		code = err_fail(e, ERR_FUNDS,
				"it costs %s, more than the budget of %s",
				money_text(m, c.cost, a),
				money_text(m, p->cfg.budget, b));
	return code;
}

enum err_code prepay_start(struct prepay **out, struct renter *r,
			   const struct prepay_cfg *cfg,
			   const struct prepay_ops *ops, void *ctx,
			   struct err *e)
{
	struct prepay *p = calloc(1, sizeof(*p));
	enum err_code code = ERR_NONE;

	if (p)
		p->timer = loop_timer_new(r->engine->loop, on_timer, p);
	if (!p || !p->timer) {
		free(p);
		return err_fail(e, ERR_NOMEM, "what is due");
	}
	p->renter = r;
	p->cfg = *cfg;
	p->ops = ops;
	p->ctx = ctx;
	renting_on_commit(r->renting, on_commit, p);
	code = begin(p, e);
	if (code != ERR_NONE) {
		prepay_free(p);
		return code;
	}
	*out = p;
	if (p->n)
		ops->step(ctx, "asking hosts for parts of what they keep");
	next_part(p);
	return ERR_NONE;
}

void prepay_free(struct prepay *p)
{
	if (!p)
		return;
	renting_forget(p->renter->renting, p);
	probe_free(p->probe);
	agree_free(p->agree);
	placement_free(p->placement);
	loop_timer_free(p->timer);
	free(p->questions);
	free(p->pay);
	free(p->bills);
	free(p);
}
