/* renter_pact.c - one host: what we offered last time, sign, ask, keep, open.
 * The states stand in renter_agree.h. */
#include "node/renter_pact.h"

#include "base/clock.h"
#include "node/money.h"
#include "node/renter_reconcile.h"
#include "storage/rent/rent_rules.h"
#include "storage/sector/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t now_of(const struct pact *p)
{
	return loop_now_ms(p->all->renter->engine->loop);
}

static struct renter_db *db_of(const struct pact *p)
{
	return p->all->renter->db;
}

static void enter(struct pact *p, enum pact_state state)
{
	p->state = state;
	p->since_ms = now_of(p);
	p->again_ms = 0;
	agree_wake(p->all);
}

static void drop_revision(struct pact *p)
{
	free(p->adds);
	free(p->cuts);
	p->adds = NULL;
	p->cuts = NULL;
	p->adding = 0;
	p->n_cuts = 0;
}

void pact_clear(struct pact *p)
{
	const struct money *m = p->all->renter->engine->money;

	if (p->call)
		rent_call_cancel(p->call);
	p->call = NULL;
	signer_forget(m->signer, p);
	if (m->storage.settle)
		settle_forget(m->storage.settle, p);
	drop_revision(p);
}

void pact_fail(struct pact *p, const struct err *why)
{
	struct err e = {0};

	if (p->state >= PACT_DONE)
		return;
	pact_clear(p);
	p->why = *why;
	agree_say(p->all, p, why->msg);
	renter_met(p->all->renter, &p->host, false, 0);
	if (renter_db_unstage_all(db_of(p), &p->host, &e) != ERR_NONE ||
	    (p->row.id && !p->row.posted && p->row.state != RENTER_DRAFT &&
	     renter_end_agreement(db_of(p), &p->row, &e) != ERR_NONE))
		log_line(p->all->renter->engine->log, LOG_ERROR, "rent",
			 "renter.db text=\"%s\"", e.msg);
	renting_want_commit(p->all->renter->renting);
	enter(p, PACT_FAILED);
}

static void fail_with(struct pact *p, enum err_code code, const char *text)
{
	struct err e = {0};

	(void)err_fail(&e, code, "%.150s", text);
	pact_fail(p, &e);
}

/* ---- the revision ---- */

static const struct rent_offer *offer_of(const struct pact *p)
{
	return p->peer && !rent_peer_is_gone(p->peer)
		       ? rent_client_offer(rent_peer_client(p->peer))
		       : NULL;
}

/* What the list will be: what is there, and the first staged sectors. */
static enum err_code make_list(struct pact *p, struct agreement *a,
			       struct err *e)
{
	struct tree_fold *fold = malloc(sizeof(*fold));
	struct hash32 *now = NULL;
	size_t n = 0;
	enum err_code code =
		fold ? renter_db_list(db_of(p), p->row.id, &now, &n, e)
		     : err_fail(e, ERR_NOMEM, "a list of sectors");

	if (code == ERR_NONE)
		code = renter_db_staged_roots(db_of(p), &p->host, RENT_ADD_MAX,
					      &p->adds, &p->adding, e);
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
	    !amount_mul_u64(&a->collateral, s->collateral, p->total) ||
	    !amount_mul_u64(&a->penalty, s->penalty, p->total) ||
	    !amount_fits112(a->collateral))
		return err_fail(e, ERR_LIMIT, "its prices pass 112 bits");
	return ERR_NONE;
}

static enum err_code check_rules(struct pact *p, const struct rent_offer *o,
				 bool first, struct err *e)
{
	const struct agree *all = p->all;
	char why[RENT_WHY_MAX + 1];
	struct rent_policy policy = {.ahead = RENT_AHEAD};
	struct rent_facts facts = {.known = true, .count = p->next.number};
	struct rent_case c = {
		.next = &p->next,
		.last = first ? NULL : &p->row.signed_,
		.sheet = &o->sheet,
		.sheet_live = true,
		.facts = &facts,
		.policy = &policy,
		.adds = (uint32_t)p->adding,
	};

	if (!renting_period(all->renter->renting, &c.now))
		return err_fail(e, ERR_CHAIN, "the period is not known");
	if (rent_rule(&p->due, why, &c) != RENT_NO_NONE)
		return err_fail(e, ERR_STATE, "it would not sign: %s", why);
	return ERR_NONE;
}

static enum err_code make_revision(struct pact *p, struct err *e)
{
	const struct rent_offer *o = offer_of(p);
	bool first = p->row.state == RENTER_DRAFT;
	struct agreement *a = &p->next;
	enum err_code code;

	drop_revision(p);
	*a = p->row.signed_;
	a->revision = p->row.offered.revision + 1;
	code = make_list(p, a, e);
	if (code == ERR_NONE && first)
		code = set_terms(p, o, a, e);
	if (code == ERR_NONE &&
	    !amount_mul_u64(&a->rate, o->sheet.rent, a->sectors))
		code = err_fail(e, ERR_LIMIT, "its prices pass 112 bits");
	return code == ERR_NONE ? check_rules(p, o, first, e) : code;
}

static void on_signature(void *ctx, const struct signer_reply *r,
			 const struct err *error)
{
	struct pact *p = ctx;
	struct err e = {0};

	if (error) {
		pact_fail(p, error);
		return;
	}
	p->sig = r->u.sig;
	p->row.offered = p->next;
	memcpy(p->row.offered_sig, p->sig.bytes, sizeof(p->row.offered_sig));
	if (renter_db_set_agreement(db_of(p), &p->row, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	enter(p, PACT_NOTED);
	renting_want_commit(p->all->renter->renting);
}

static void sign(struct pact *p)
{
	struct money *m = p->all->renter->engine->money;
	struct signer_request q = {
		.type = SIGNER_AGREEMENT,
		.u.agreement = {.chain_id = m->domain.chain_id,
				.bank = m->domain.bank}};
	struct err e = {0};

	if (make_revision(p, &e) != ERR_NONE ||
	    /* the host can open what we sign */
	    purse_follow(&m->storage, &p->next, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	q.u.agreement.agreement = p->next;
	enter(p, PACT_SIGN);
	if (signer_ask(m->signer, &q, on_signature, p, &e) != ERR_NONE)
		pact_fail(p, &e);
}

/* ---- asking the host ---- */

/* Signed by both: the list and both signatures become ours in one commit. */
static void keep(struct pact *p, const struct rent_signed_revision *r)
{
	struct renter_agreement *row = &p->row;
	struct err e = {0};

	row->signed_ = r->a;
	memcpy(row->renter_sig, r->renter_sig.bytes, sizeof(row->renter_sig));
	memcpy(row->host_sig, r->host_sig.bytes, sizeof(row->host_sig));
	if (row->state == RENTER_DRAFT)
		row->state = RENTER_UNOPENED;
	p->changed = true;
	if (renter_db_sign_staged(db_of(p), row->id, &p->host, p->adding,
				  clock_unix_s(), &e) != ERR_NONE ||
	    renter_db_set_agreement(db_of(p), row, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	drop_revision(p);
	enter(p, PACT_KEPT);
	renting_want_commit(p->all->renter->renting);
}

/* Its view of the chain may lag behind ours. */
static bool is_for_later(const struct rent_result *r)
{
	return r->fate == RENT_LATE ||
	       (r->fate == RENT_REFUSED &&
		(r->code == RENT_NO_CHAIN || r->code == RENT_NO_BUSY ||
		 r->code == RENT_NO_REVISION));
}

static void on_revised(void *ctx, const struct rent_result *r)
{
	struct pact *p = ctx;

	p->call = NULL;
	if (r->fate == RENT_DONE)
		keep(p, r->revision);
	else if (is_for_later(r) && now_of(p) - p->since_ms < AGREE_HOST_MS)
		p->again_ms = now_of(p) + AGREE_AGAIN_MS;
	else
		fail_with(p, ERR_STATE, r->why ? r->why : "it did not sign");
}

static void ask(struct pact *p)
{
	struct rent_revise_ask q = {.a = p->next,
				    .sig = p->sig,
				    .cuts = p->cuts,
				    .n_cuts = (uint32_t)p->n_cuts,
				    .adds = p->adds,
				    .n_adds = (uint32_t)p->adding,
				    .due = p->due};
	int64_t since = p->since_ms;
	struct err e = {0};

	if (p->state != PACT_ASKED)
		since = now_of(p);
	enter(p, PACT_ASKED);
	p->since_ms = since;
	p->call = rent_call_revise(rent_peer_client(p->peer), &q, on_revised, p,
				   &e);
	if (!p->call)
		pact_fail(p, &e);
	else
		rent_peer_wake(p->peer);
}

/* ---- what was offered in another run ---- */

/* Is the list of what the host holds what we have and the first staged ones?
 * Then it was signed, and we know what is in it. */
static bool is_offered_list(struct pact *p, const struct agreement *held)
{
	struct agreement a = {0};
	struct err e = {0};

	drop_revision(p);
	return make_list(p, &a, &e) == ERR_NONE && a.sectors == held->sectors &&
	       memcmp(&a.root, &held->root, sizeof(a.root)) == 0;
}

static void on_newest(void *ctx, const struct rent_result *r)
{
	struct pact *p = ctx;
	const struct rent_signed_revision *held = r->revision;

	p->call = NULL;
	if (r->fate == RENT_REFUSED && r->code == RENT_NO_UNKNOWN) {
		/* it never signed: our word on it stands, so the next is above
		 */
		enter(p, PACT_OFFER);
	} else if (is_for_later(r)) {
		p->again_ms = now_of(p) + AGREE_AGAIN_MS;
	} else if (r->fate != RENT_DONE) {
		fail_with(p, ERR_STATE, r->why ? r->why : "it did not answer");
	} else if (held->a.revision == p->row.signed_.revision &&
		   p->row.state != RENTER_DRAFT) {
		enter(p, PACT_OFFER);
	} else if (is_offered_list(p, &held->a)) {
		keep(p, held);
	} else {
		fail_with(p, ERR_STATE,
			  "it holds another list than this database knows");
	}
}

static void mend(struct pact *p)
{
	struct err e = {0};
	const struct agreement *known =
		p->row.state == RENTER_DRAFT ? NULL : &p->row.signed_;

	p->again_ms = 0;
	p->call = rent_call_newest(rent_peer_client(p->peer),
				   p->row.signed_.number, known, on_newest, p,
				   &e);
	if (!p->call)
		pact_fail(p, &e);
	else
		rent_peer_wake(p->peer);
}

/* ---- the chain ---- */

static void on_step(void *ctx, const struct settle_step *st)
{
	struct pact *p = ctx;

	if (st->step == OUTBOX_SENT)
		agree_say(p->all, p,
			  "the agreement is on its way to the chain");
}

static void on_settled(void *ctx, const struct settle_result *r,
		       const struct err *error)
{
	struct pact *p = ctx;
	struct err e = {0};

	(void)r;
	if (error) {
		pact_fail(p, error);
		return;
	}
	p->row.state = RENTER_OPENED;
	p->row.posted = true;
	p->row.posted_revision = p->row.signed_.revision;
	p->row.fund = p->row.signed_.fund;
	if (renter_db_set_agreement(db_of(p), &p->row, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	renting_want_commit(p->all->renter->renting);
	renting_read_head(p->all->renter->renting);
	agree_say(p->all, p, "the agreement is on the chain");
	enter(p, PACT_DONE);
}

static void post(struct pact *p)
{
	struct settle *s = p->all->renter->engine->money->storage.settle;
	struct settle_signed what = {.a = p->row.signed_};

	memcpy(what.renter.bytes, p->row.renter_sig, sizeof(what.renter.bytes));
	memcpy(what.host.bytes, p->row.host_sig, sizeof(what.host.bytes));
	enter(p, PACT_CHAIN);
	if (p->row.posted)
		settle_revise(s, &what, on_step, on_settled, p);
	else
		settle_open(s, &what, on_step, on_settled, p);
}

/* ---- what is next ---- */

static uint32_t staged_of(struct pact *p)
{
	struct hash32 *roots;
	size_t n = 0;
	struct err e = {0};

	if (renter_db_staged_roots(db_of(p), &p->host, 1, &roots, &n, &e) !=
	    ERR_NONE)
		pact_fail(p, &e);
	else
		free(roots);
	return (uint32_t)n;
}

void pact_go_on(struct pact *p)
{
	bool open_offer = p->row.offered.revision > p->row.signed_.revision;
	uint32_t staged;

	if (p->state >= PACT_DONE)
		return;
	if (!p->peer) {
		fail_with(p, ERR_LIMIT, "too many hosts");
		return;
	}
	if (p->state == PACT_DRAFTED && open_offer) {
		enter(p, PACT_MENDING);
		mend(p);
		return;
	}
	staged = staged_of(p);
	if (p->state >= PACT_DONE)
		return;
	if (staged == 0 && p->row.state != RENTER_DRAFT)
		post(p);
	else if (offer_of(p))
		sign(p);
	else
		enter(p, PACT_OFFER);
}

static void on_offer(void *ctx, const struct rent_result *r)
{
	struct pact *p = ctx;

	(void)r;
	p->call = NULL; /* the tick looks at what is there now */
	p->again_ms = now_of(p) + AGREE_AGAIN_MS;
}

static void want_offer(struct pact *p)
{
	p->call = rent_call_offer(rent_peer_client(p->peer), on_offer, p, NULL);
	if (p->call)
		rent_peer_wake(p->peer);
}

void pact_committed(struct pact *p, bool ok)
{
	if (p->state != PACT_NOTED && p->state != PACT_KEPT)
		return;
	if (!ok)
		fail_with(p, ERR_DB, "renter.db could not be written");
	else if (p->state == PACT_NOTED)
		ask(p);
	else
		pact_go_on(p);
}

void pact_tick(struct pact *p)
{
	int64_t now = now_of(p);

	if (p->state != PACT_OFFER && p->state != PACT_ASKED &&
	    p->state != PACT_MENDING)
		return;
	if (rent_peer_is_gone(p->peer)) {
		fail_with(p, ERR_STATE, rent_peer_why(p->peer));
		return;
	}
	if (now - p->since_ms >= AGREE_HOST_MS) {
		fail_with(p, ERR_STATE, "it does not answer");
		return;
	}
	if (p->state == PACT_OFFER && offer_of(p)) {
		if (p->call)
			rent_call_cancel(p->call);
		p->call = NULL;
		sign(p);
	} else if (!p->call && now >= p->again_ms) {
		if (p->state == PACT_OFFER)
			want_offer(p);
		else if (p->state == PACT_ASKED)
			ask(p);
		else
			mend(p);
	}
}
