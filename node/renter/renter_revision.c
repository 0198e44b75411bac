/* renter_revision.c - what the next revision of a pact's agreement is: its list
 * of sectors, and what is paid. */
#include "base/ecc.h"
#include "base/eip712.h"
#include "base/err.h"
#include "node/money/money.h"
#include "node/renter/renter_pact.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_unopened.h"
#include "storage/rent/rent_rules.h"
#include "storage/sector/tree.h"

#include <stdlib.h>
#include <string.h>

static struct renter_db *db_of(const struct pact *p)
{
	return p->all->renter->db;
}

void pact_drop_revision(struct pact *p)
{
	free(p->adds);
	free(p->cuts);
	p->adds = NULL;
	p->cuts = NULL;
	p->adding = 0;
	p->n_cuts = 0;
}

const struct rent_offer *pact_offer(const struct pact *p)
{
	return p->peer && !rent_peer_is_gone(p->peer)
		       ? rent_client_offer(rent_peer_client(p->peer))
		       : NULL;
}

/* Its list can be cut: before it is opened, one that will be is left alone. */
static bool has_list(const struct renter_agreement *row)
{
	return row->state == RENTER_OPENED ||
	       (row->state == RENTER_UNOPENED && unopened_is(row));
}

uint32_t pact_going(struct renter_db *db, const struct renter_agreement *row)
{
	uint32_t *none, all = 0;
	size_t n;

	if (!has_list(row) || row->signed_.sectors == 0 ||
	    renter_db_cuts(db, row->id, 0, &none, &n, &all, NULL) != ERR_NONE)
		return 0;
	free(none);
	return all < row->signed_.sectors ? all : row->signed_.sectors - 1;
}

/* What is cut out of a list of *n: the last fills the gap. One stays, where
 * nothing is added. */
static enum err_code cut_list(struct pact *p, struct hash32 *list, size_t *n,
			      struct err *e)
{
	size_t most = RENT_OPS_MAX - p->adding;
	uint32_t all;
	enum err_code code;

	if (!has_list(&p->row) || pact_settles(p))
		return ERR_NONE;
	code = renter_db_cuts(db_of(p), p->row.id,
			      most < RENT_CUT_MAX ? most : RENT_CUT_MAX,
			      &p->cuts, &p->n_cuts, &all, e);
	if (code != ERR_NONE)
		return code;
	if (p->n_cuts && p->n_cuts == *n && p->adding == 0)
		p->n_cuts--;
	p->going = all;
	for (size_t i = 0; i < p->n_cuts; i++)
		list[p->cuts[i]] = list[--*n];
	return ERR_NONE;
}

/* What the list will be: what is there without what goes, and the first staged
 * sectors. */
static enum err_code make_list(struct pact *p, struct agreement *a,
			       struct err *e)
{
	struct tree_fold *fold = malloc(sizeof(*fold));
	struct hash32 *now = NULL;
	size_t n = 0;
	enum err_code code =
		fold ? renter_db_list(db_of(p), p->row.id, &now, &n, e)
		     : err_fail(e, ERR_NOMEM, "a list of sectors");

	if (code == ERR_NONE && p->takes)
		code = renter_db_staged_roots(db_of(p), &p->host, p->unopened,
					      RENT_ADD_MAX, &p->adds,
					      &p->adding, e);
	if (code == ERR_NONE)
		code = cut_list(p, now, &n, e);
	if (code == ERR_NONE && n + p->adding == 0)
		code = err_fail(e, ERR_STATE, "no sectors");
	if (code == ERR_NONE) {
		tree_fold_init(fold, 0);
		tree_fold_add(fold, now, n);
		tree_fold_add(fold, p->adds, p->adding);
		(void)!tree_fold_end(fold, &a->root);
		a->sectors = (uint32_t)(n + p->adding);
	}
	free(now);
	free(fold);
	return code;
}

/* The terms of a first revision; they stay. */
static enum err_code set_terms(struct pact *p, const struct rent_offer *o,
			       struct agreement *a, struct err *e)
{
	const struct agree *all = p->all;
	const struct sheet *s = &o->sheet;
	/* as many as the fund pays for */
	const uint64_t room = (uint64_t)p->total + agree_spare(p->total);
	struct amount rent;

	a->start = a->through = all->start;
	a->end = a->start + all->cfg.periods;
	a->earned = AMOUNT_ZERO;
	a->span = s->span;
	a->terms = o->digest;
	if (all->cfg.periods < s->min_periods ||
	    all->cfg.periods > s->max_periods)
		return err_fail(
			e, ERR_LIMIT, "it rents for %u to %u periods, not %u",
			s->min_periods, s->max_periods, all->cfg.periods);
	if (!agree_cost(&rent, &a->fund, s, p->total, all->cfg.periods) ||
	    !amount_mul_u64(&a->collateral, s->collateral, room) ||
	    !amount_mul_u64(&a->penalty, s->penalty, room) ||
	    !amount_fits112(a->collateral))
		return err_fail(e, ERR_LIMIT, "its prices pass 112 bits");
	return ERR_NONE;
}

static enum err_code check_rules(struct pact *p, const struct sheet *sheet,
				 const struct rent_facts *facts, bool first,
				 struct err *e)
{
	const struct agree *all = p->all;
	char why[RENT_WHY_MAX + 1];
	struct rent_policy policy = {.ahead = RENT_AHEAD};
	struct rent_case c = {
		.next = &p->next,
		.last = first ? NULL : &p->row.signed_,
		.sheet = sheet,
		.sheet_live = true,
		.facts = facts,
		.policy = &policy,
		.adds = (uint32_t)p->adding,
	};

	if (!renting_period(all->renter->renting, &c.now))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	if (rent_rule(&p->due, why, &c) != RENT_NO_NONE)
		return err_fail(e, ERR_STATE, "it would not sign: %s", why);
	return ERR_NONE;
}

/* One that is not on the chain yet. */
static enum err_code make_ahead(struct pact *p, struct err *e)
{
	const struct rent_offer *o = pact_offer(p);
	const struct rent_facts facts = {.known = true,
					 .count = p->row.signed_.number};
	bool first = p->row.state == RENTER_DRAFT;
	struct agreement *a = &p->next;
	struct sheet sheet = o->sheet;
	enum err_code code = ERR_NONE;

	if (first)
		code = set_terms(p, o, a, e);
	else
		sheet.rent = renter_rent_of(&p->row.signed_);
	if (code == ERR_NONE &&
	    !amount_mul_u64(&a->rate, sheet.rent, a->sectors))
		code = err_fail(e, ERR_LIMIT, "its prices pass 112 bits");
	return code == ERR_NONE ? check_rules(p, &sheet, &facts, first, e)
				: code;
}

/* One that runs. Its fund has to reach for all that is staged, not only for
 * what this revision takes. */
static enum err_code make_running(struct pact *p, struct err *e)
{
	const uint32_t revision = p->next.revision, sectors = p->next.sectors;
	const struct hash32 root = p->next.root;
	/* of all that goes, what this one does not cut */
	uint32_t rest = pact_going(db_of(p), &p->row);
	struct renter_running run;
	struct bank_agreement view;
	struct renter_step step, all;
	struct sheet sheet = {.span = p->next.span};
	uint32_t now;
	enum err_code code;

	if (!running_read(p->all->renter, &p->row, &run, &view) ||
	    !renting_period(p->all->renter->renting, &now))
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	rest -= rest < p->n_cuts ? rest : (uint32_t)p->n_cuts;
	code = renter_step(&step, &run, revision, sectors, now, e);
	if (code == ERR_NONE)
		code = renter_step(
			&all, &run, revision,
			sectors - (uint32_t)p->adding + p->left - rest, now, e);
	if (code == ERR_NONE &&
	    !running_top_up(&p->top_up, &run, &all, p->left))
		code = err_fail(e, ERR_LIMIT, "its prices pass 112 bits");
	if (code != ERR_NONE || !amount_is_zero(p->top_up))
		return code;
	p->next = step.next;
	p->next.root = root;
	sheet.rent = run.rent;
	return check_rules(p, &sheet, &run.facts, false, e);
}

/* One that runs, with what it has: settled, so that no proof is due. */
static enum err_code make_settled(struct pact *p, struct err *e)
{
	const struct agreement made = p->next;
	struct sheet sheet = {.span = made.span};
	struct renter_running run;
	struct bank_agreement view;
	struct renter_step step;
	uint32_t now;
	enum err_code code;

	if (!running_read(p->all->renter, &p->row, &run, &view) ||
	    !renting_period(p->all->renter->renting, &now))
		return err_fail(e, ERR_CHAIN, "the chain is not known");
	code = renter_settle(&step, &run, made.revision, now, e);
	if (code != ERR_NONE)
		return code;
	p->next = step.next;
	sheet.rent = run.rent;
	return check_rules(p, &sheet, &run.facts, false, e);
}

/* The terms of one that is never opened. */
static enum err_code set_prepaid_terms(struct pact *p,
				       const struct rent_offer *o,
				       struct agreement *a, struct err *e)
{
	const uint32_t periods = p->all->cfg.periods;
	uint32_t start;

	if (!unopened_start(p->all->renter, &p->host, p->total, &start))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	if (periods > o->sheet.max_periods)
		return err_fail(e, ERR_LIMIT,
				"it rents for %u periods at the most, not %u",
				o->sheet.max_periods, periods);
	a->start = a->through = start;
	a->end = start + periods;
	a->earned = a->fund = a->collateral = a->penalty = AMOUNT_ZERO;
	a->span = o->sheet.span;
	a->terms = o->digest;
	return amount_mul_u64(&a->rate, o->sheet.rent, a->sectors)
		       ? ERR_NONE
		       : err_fail(e, ERR_LIMIT, "its prices pass 112 bits");
}

/* One that is never opened. */
static enum err_code make_prepaid(struct pact *p, struct err *e)
{
	const struct rent_facts facts = {.known = false};
	const struct rent_offer *o = pact_offer(p);
	const bool first = p->row.state == RENTER_DRAFT;
	const struct agreement made = p->next;
	struct agreement last = p->row.signed_;
	struct sheet sheet = o->sheet;
	struct renter_step step;
	uint32_t now;
	enum err_code code = ERR_NONE;

	if (!renting_period(p->all->renter->renting, &now))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	if (first) {
		last.sectors = made.sectors;
		code = set_prepaid_terms(p, o, &last, e);
	} else {
		sheet.rent = renter_rent_of(&last);
	}
	if (code == ERR_NONE)
		code = renter_prepay(&step, &last, sheet.rent, made.revision,
				     made.sectors, now, e);
	if (code != ERR_NONE)
		return code;
	p->next = step.next;
	p->next.root = made.root;
	return check_rules(p, &sheet, &facts, first, e);
}

static bool we_signed(const struct hash32 *digest, const struct address *me,
		      const uint8_t sig[RENTER_SIG_LEN])
{
	struct sig64 s;

	memcpy(s.bytes, sig, sizeof(s.bytes));
	return sig64_is_by(&s, digest, me);
}

/* What the next revision pays rises from what the last one paid: a bit that
 * flipped on the disk must not be paid. (The number of one that was never
 * opened goes on with what we offered then.) */
static enum err_code check_signed(const struct pact *p, struct err *e)
{
	const struct renter_agreement *row = &p->row;
	const struct hash32 domain = renting_domain(p->all->renter->renting);
	const struct hash32 digest = eip712_agreement(&domain, &row->signed_);

	if (row->state == RENTER_DRAFT ||
	    we_signed(&digest, &row->signed_.renter, row->renter_sig) ||
	    we_signed(&digest, &row->signed_.renter, row->offered_sig))
		return ERR_NONE;
	return err_fail(e, ERR_DB,
			"renter.db: is damaged, an agreement is not as it was "
			"signed; move it away, then `seedbank restore --host "
			"IP:PORT`");
}

enum err_code pact_make_revision(struct pact *p, struct err *e)
{
	struct agreement *a = &p->next;
	enum err_code code = check_signed(p, e);

	if (code != ERR_NONE)
		return code;
	pact_drop_revision(p);
	p->top_up = AMOUNT_ZERO;
	*a = p->row.signed_;
	a->revision = p->row.offered.revision + 1;
	code = make_list(p, a, e);
	if (code != ERR_NONE)
		return code;
	if (p->unopened)
		return make_prepaid(p, e);
	if (pact_settles(p))
		return make_settled(p, e);
	return p->row.posted ? make_running(p, e) : make_ahead(p, e);
}

bool pact_is_offered_list(struct pact *p, const struct agreement *held)
{
	struct agreement a = {0};
	struct err e = {0};

	pact_drop_revision(p);
	return make_list(p, &a, &e) == ERR_NONE && a.sectors == held->sectors &&
	       memcmp(&a.root, &held->root, sizeof(a.root)) == 0;
}
