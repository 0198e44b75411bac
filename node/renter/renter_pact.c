/* renter_pact.c - one host: what we offered last time, sign, ask, keep, open.
 * The states stand in renter_agree.h. */
#include "node/renter/renter_pact.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/renter/renter_reconcile.h"
#include "node/renter/renter_running.h"
#include "node/renter/renter_unopened.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 6U  /* revisions that a proof overtook */
#define ROOM_LEFT 16U /* of the outbox, for others */

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

/* Receipts are not led on. What was asked may have been signed all the same,
 * and counted. */
static void stop_paying(struct pact *p)
{
	struct rent_pay *pay;

	if (p->state != PACT_PAY && p->state != PACT_ASKED)
		return;
	if (p->led)
		(void)rent_peer_prepay(p->peer, AMOUNT_ZERO, false);
	p->led = false;
	pay = p->told_due ? rent_pay_of(p->all->renter->engine, NULL) : NULL;
	if (pay)
		rent_pay_found(pay, &p->host, p->due);
	p->told_due = false;
}

void pact_clear(struct pact *p)
{
	const struct money *m = p->all->renter->engine->money;

	if (p->call)
		rent_call_cancel(p->call);
	p->call = NULL;
	stop_paying(p);
	signer_forget(m->signer, p);
	if (m->storage.settle)
		settle_forget(m->storage.settle, p);
	pact_drop_revision(p);
}

/* Is anything lost when it is not done now? */
static bool is_urgent(const struct pact *p)
{
	return p->takes || (!p->unopened && !p->pays &&
			    (p->row.state != RENTER_OPENED ||
			     running_is_unposted(p->all->renter, &p->row)));
}

/* What its host did not take is staged no more. *kept: all of it is STORED, and
 * the host has to keep it by an older list: the run goes on without, and the
 * next one tries again. */
static enum err_code give_back(struct pact *p, bool *kept, struct err *e)
{
	const bool signed_ = p->row.id && !p->unopened && !p->row.posted &&
			     p->row.state != RENTER_DRAFT;
	const bool keeps = renter_host_keeps(p->all->renter, &p->host);
	uint32_t gone = 0;
	enum err_code code = ERR_NONE;

	if (p->takes)
		code = renter_db_unstage_all(db_of(p), &p->host, p->unopened,
					     keeps, &gone, e);
	*kept = keeps && !signed_ && gone == 0;
	return code == ERR_NONE && signed_
		       ? renter_end_agreement(p->all->renter, &p->row, e)
		       : code;
}

void pact_fail(struct pact *p, const struct err *why)
{
	struct err e = {0};
	bool kept = false;

	if (p->state >= PACT_DONE)
		return;
	pact_clear(p);
	p->why = *why;
	agree_say(p->all, p, why->msg);
	if (why->code != ERR_DB) /* a full disk here is not its fault */
		renter_met(p->all->renter, &p->host, false, 0);
	if (give_back(p, &kept, &e) != ERR_NONE)
		log_line(p->all->renter->engine->log, LOG_ERROR, "rent",
			 "renter.db text=\"%s\"", e.msg);
	renting_want_commit(p->all->renter->renting);
	enter(p, is_urgent(p) && !kept ? PACT_FAILED : PACT_PUT_OFF);
}

static void fail_with(struct pact *p, enum err_code code, const char *text)
{
	struct err e = {0};

	(void)err_fail(&e, code, "%.150s", text);
	pact_fail(p, &e);
}

/* ---- what is offered ---- */

bool pact_is_open(const struct renter_agreement *row)
{
	const struct agreement *a = &row->offered, *b = &row->signed_;

	return a->revision > b->revision &&
	       (a->sectors != b->sectors || a->through != b->through ||
		amount_cmp(a->earned, b->earned) != 0 ||
		amount_cmp(a->rate, b->rate) != 0 ||
		memcmp(&a->root, &b->root, sizeof(a->root)) != 0);
}

/* What its host has of our offer is known. One that does not fit takes no more;
 * what is left goes to another, in a second round. */
static void mended(struct pact *p)
{
	if (!p->unfit)
		return;
	p->unfit = p->takes = false;
	p->all->again = true;
}

/* The host has not signed it, and says so. Its number stays taken: our word on
 * it stands. */
static void close_offer(struct pact *p)
{
	const uint32_t revision = p->row.offered.revision;
	struct err e = {0};

	p->row.offered = p->row.signed_;
	p->row.offered.revision = revision;
	mended(p);
	if (renter_db_set_agreement(db_of(p), &p->row, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	renting_want_commit(p->all->renter->renting);
	enter(p, PACT_OFFER);
}

/* ---- signing ---- */

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

static void sign(struct pact *p);

static void on_topped(void *ctx, const struct settle_result *r,
		      const struct err *error)
{
	struct pact *p = ctx;

	(void)r;
	if (error)
		pact_fail(p, error);
	else if (pact_offer(p))
		sign(p);
	else
		enter(p, PACT_OFFER);
}

static void top_up(struct pact *p)
{
	const struct money *m = p->all->renter->engine->money;
	const struct agreement *a = &p->row.signed_;
	const struct book_lease which = {a->renter, a->host, a->number};
	char text[128], amount[MONEY_TEXT_MAX];
	struct err e = {0};

	if (p->topped) {
		(void)err_fail(&e, ERR_CHAIN,
			       "its fund grew, and does not reach");
		pact_fail(p, &e);
		return;
	}
	p->topped = true;
	(void)snprintf(text, sizeof(text), "its fund grows by %s",
		       money_text(m, p->top_up, amount));
	agree_say(p->all, p, text);
	enter(p, PACT_TOP_UP);
	settle_top_up(m->storage.settle, &which, p->top_up, NULL, on_topped, p);
}

static void sign(struct pact *p)
{
	struct money *m = p->all->renter->engine->money;
	struct signer_request q = {
		.type = SIGNER_AGREEMENT,
		.u.agreement = {.chain_id = m->domain.chain_id,
				.bank = m->domain.bank}};
	struct err e = {0};

	if (p->led) /* of one that was overtaken */
		(void)rent_peer_prepay(p->peer, AMOUNT_ZERO, false);
	p->led = false;
	if (pact_make_revision(p, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	if (!amount_is_zero(p->top_up)) {
		top_up(p);
		return;
	}
	/* the host can open what we sign */
	if (!p->unopened &&
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

static enum err_code make_cuts(struct pact *p, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (size_t i = 0; code == ERR_NONE && i < p->n_cuts; i++)
		code = renter_db_cut(db_of(p), p->row.id, p->cuts[i], e);
	return code;
}

/* Signed by both: the list and both signatures become ours in one commit. */
static void keep(struct pact *p, const struct rent_signed_revision *r)
{
	struct renter_agreement *row = &p->row;
	struct err e = {0};

	p->led = false; /* it is owed now */
	row->signed_ = r->a;
	memcpy(row->renter_sig, r->renter_sig.bytes, sizeof(row->renter_sig));
	memcpy(row->host_sig, r->host_sig.bytes, sizeof(row->host_sig));
	if (row->state == RENTER_DRAFT)
		row->state = RENTER_UNOPENED;
	p->left -= p->left < p->adding ? p->left : (uint32_t)p->adding;
	if (make_cuts(p, &e) != ERR_NONE ||
	    renter_db_sign_staged(db_of(p), row->id, &p->host, p->adding,
				  clock_unix_s(), &e) != ERR_NONE ||
	    renter_db_set_agreement(db_of(p), row, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	pact_drop_revision(p);
	mended(p);
	enter(p, PACT_KEPT);
	renting_want_commit(p->all->renter->renting);
}

/* Its view of the chain may lag behind ours: then the bank's next number is not
 * yet the next to it. */
static bool is_for_later(const struct pact *p, const struct rent_result *r)
{
	return r->fate == RENT_LATE ||
	       (r->fate == RENT_REFUSED &&
		(r->code == RENT_NO_CHAIN || r->code == RENT_NO_BUSY ||
		 (r->code == RENT_NO_REVISION &&
		  p->row.state == RENTER_DRAFT)));
}

/* It does not see yet that the fund grew. */
static bool is_unseen(const struct pact *p, const struct rent_result *r)
{
	return p->topped && r->fate == RENT_REFUSED && r->code == RENT_NO_FUNDS;
}

/* The connection was lost, and with it what its receipts had covered. */
static bool is_uncovered(struct pact *p, const struct rent_result *r)
{
	return !amount_is_zero(p->due) && r->fate == RENT_REFUSED &&
	       r->code == RENT_NO_FUNDS && ++p->tries < TRIES_MAX;
}

static void pay(struct pact *p);

/* A proof settled more than we knew, or the period turned: another is made. */
static bool is_overtaken(struct pact *p, const struct rent_result *r)
{
	return (p->row.posted || p->unopened) && r->fate == RENT_REFUSED &&
	       r->code == RENT_NO_PERIODS && ++p->tries < TRIES_MAX;
}

static void on_revised(void *ctx, const struct rent_result *r)
{
	struct pact *p = ctx;

	p->call = NULL;
	if (r->fate == RENT_DONE || r->fate == RENT_REFUSED)
		p->told_due = false;
	p->older = r->fate == RENT_REFUSED && r->code == RENT_NO_REVISION;
	if (r->fate == RENT_DONE)
		keep(p, r->revision);
	else if (is_uncovered(p, r))
		pay(p);
	else if ((is_for_later(p, r) || is_unseen(p, r)) &&
		 now_of(p) - p->since_ms < AGREE_HOST_MS)
		p->again_ms = now_of(p) + AGREE_AGAIN_MS;
	else if (is_overtaken(p, r)) {
		enter(p, PACT_OFFER);
		p->reread = true;
		p->again_ms = now_of(p) + AGREE_AGAIN_MS;
	} else
		fail_with(p, ERR_STATE, r->why ? r->why : "it did not sign");
}

/* A host signs one revision at a time, and has several agreements. */
static bool is_busy(const struct pact *p)
{
	const struct agree *a = p->all;

	for (unsigned i = 0; i < a->n; i++)
		if (&a->pacts[i] != p && a->pacts[i].peer == p->peer &&
		    a->pacts[i].state == PACT_ASKED && a->pacts[i].call)
			return true;
	return false;
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
	if (is_busy(p)) {
		p->again_ms = now_of(p) + AGREE_AGAIN_MS;
		return;
	}
	p->call = rent_call_revise(rent_peer_client(p->peer), &q, on_revised, p,
				   &e);
	if (!p->call)
		pact_fail(p, &e);
	else {
		p->told_due = !amount_is_zero(p->due);
		rent_peer_wake(p->peer);
	}
}

/* ---- receipts ---- */

static void want_offer(struct pact *p);

/* What receipts are to cover is one sum for a host. */
static bool is_another_paid(const struct pact *p)
{
	const struct agree *a = p->all;

	for (unsigned i = 0; i < a->n && &a->pacts[i] != p; i++)
		if (a->pacts[i].peer == p->peer &&
		    a->pacts[i].state == PACT_PAY)
			return true;
	return is_busy(p);
}

/* Asked again by the clock until they cover it; a connection is wanted. */
static void pay(struct pact *p)
{
	if (p->state != PACT_PAY)
		enter(p, PACT_PAY);
	if (is_another_paid(p)) {
		p->since_ms = now_of(p); /* its turn has not come */
		return;
	}
	p->led = true;
	/* a period is paid after it was shown (renter_prepay.h) */
	if (rent_peer_prepay(p->peer, p->due, p->pays))
		ask(p);
	else if (!p->call && !rent_peer_is_up(p->peer))
		want_offer(p);
}

void pact_broke(struct pact *p, const char *why)
{
	struct err e = {0};

	if (p->state != PACT_PAY)
		return;
	(void)err_fail(&e, ERR_FUNDS, "its rent cannot be paid: %.120s", why);
	pact_fail(p, &e);
}

/* ---- what was offered in another run ---- */

/* More was removed, or staged, since that was offered: which of our sectors are
 * in it the host's list says. */
static void on_list(void *ctx, const struct rent_result *r)
{
	struct pact *p = ctx;
	struct err e = {0};

	p->call = NULL;
	if (r->fate != RENT_DONE) {
		fail_with(p, ERR_STATE, r->why ? r->why : "it did not answer");
		return;
	}
	if (renter_db_adopt_list(db_of(p), p->row.id, &p->host, r->roots,
				 r->n_roots, clock_unix_s(), &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	pact_drop_revision(p); /* nothing is left to be added or cut of it */
	keep(p, &p->held);
}

static void look_up_list(struct pact *p,
			 const struct rent_signed_revision *held)
{
	struct err e = {0};

	p->held = *held;
	p->call = rent_call_list(rent_peer_client(p->peer), &p->held.a, on_list,
				 p, &e);
	if (!p->call)
		pact_fail(p, &e);
	else
		rent_peer_wake(p->peer);
}

static void on_newest(void *ctx, const struct rent_result *r)
{
	struct pact *p = ctx;
	const struct rent_signed_revision *held = r->revision;

	p->call = NULL;
	if (r->fate == RENT_REFUSED && r->code == RENT_NO_UNKNOWN) {
		close_offer(p);
	} else if (is_for_later(p, r)) {
		p->again_ms = now_of(p) + AGREE_AGAIN_MS;
	} else if (r->fate != RENT_DONE) {
		fail_with(p, ERR_STATE, r->why ? r->why : "it did not answer");
	} else if (held->a.revision == p->row.signed_.revision &&
		   p->row.state != RENTER_DRAFT) {
		close_offer(p);
	} else if (pact_is_offered_list(p, &held->a)) {
		keep(p, held);
	} else {
		look_up_list(p, held);
	}
}

/* It is no lie when the host does not know it: it never signed, or it sees the
 * next period already, from which on it need not keep it. */
static bool may_have_forgotten(const struct pact *p)
{
	uint32_t now;

	return p->row.state == RENTER_DRAFT ||
	       (p->unopened && renting_period(p->all->renter->renting, &now) &&
		now + 1 >= rent_kept_until(&p->row.signed_));
}

static void mend(struct pact *p)
{
	struct err e = {0};
	const struct agreement *known =
		may_have_forgotten(p) ? NULL : &p->row.signed_;

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

	if (st->step == OUTBOX_SENT) {
		agree_say(p->all, p,
			  "the agreement is on its way to the chain");
	} else if (st->step == OUTBOX_TROUBLE && !p->troubled) {
		p->troubled = true;
		agree_say(p->all, p, st->text);
	}
}

/* It is there, whoever posted it. */
static void told(struct pact *p)
{
	struct renter_running run;
	struct bank_agreement view;
	struct err e = {0};

	p->row.state = RENTER_OPENED;
	p->row.posted = true;
	p->row.posted_revision = p->row.signed_.revision;
	p->row.fund = p->row.signed_.fund;
	if (running_read(p->all->renter, &p->row, &run, &view))
		p->row.fund = book_fund_left(&view);
	if (renter_db_set_agreement(db_of(p), &p->row, &e) != ERR_NONE) {
		pact_fail(p, &e);
		return;
	}
	renting_want_commit(p->all->renter->renting);
	renting_read_head(p->all->renter->renting);
	agree_say(p->all, p, "the agreement is on the chain");
	enter(p, PACT_DONE);
}

static bool is_posted(struct pact *p, struct renter_running *run,
		      struct bank_agreement *view)
{
	return running_read(p->all->renter, &p->row, run, view) &&
	       view->state == BANK_AGREEMENT_OPEN &&
	       view->revision >= p->row.signed_.revision;
}

static void on_posted_else(void *ctx, const struct err *error)
{
	struct pact *p = ctx;
	struct renter_running run;
	struct bank_agreement view;

	if (!error && is_posted(p, &run, &view))
		told(p);
	else
		pact_fail(p, &p->why);
}

static void on_settled(void *ctx, const struct settle_result *r,
		       const struct err *error)
{
	struct pact *p = ctx;

	(void)r;
	if (!error) {
		told(p);
		return;
	}
	/* the host may have been quicker */
	p->why = *error;
	settle_refresh(p->all->renter->engine->money->storage.settle,
		       on_posted_else, p);
}

static void post(struct pact *p)
{
	struct settle *s = p->all->renter->engine->money->storage.settle;
	struct settle_signed what = {.a = p->row.signed_};

	if (settle_room(s) <= ROOM_LEFT) {
		if (p->state != PACT_QUEUED)
			enter(p, PACT_QUEUED);
		return;
	}
	memcpy(what.renter.bytes, p->row.renter_sig, sizeof(what.renter.bytes));
	memcpy(what.host.bytes, p->row.host_sig, sizeof(what.host.bytes));
	enter(p, PACT_CHAIN);
	if (p->row.posted)
		settle_revise(s, &what, on_step, on_settled, p);
	else
		settle_open(s, &what, on_step, on_settled, p);
}

/* True: the newest revision is as good as signed, and is to be posted or there
 * already. False: another is needed, the bank takes this one no more. */
static bool is_timely(struct pact *p)
{
	struct renter_running run;
	struct bank_agreement view;
	uint32_t now;

	return !p->row.posted || is_posted(p, &run, &view) ||
	       !renting_period(p->all->renter->renting, &now) ||
	       !running_read(p->all->renter, &p->row, &run, &view) ||
	       !renter_stale(&run, view.rate, now);
}

/* That is all: the chain hears nothing of it, or from the host. */
static void prepaid(struct pact *p)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "settled up to period %u",
		       p->row.signed_.through - 1);
	agree_say(p->all, p, text);
	enter(p, PACT_DONE);
}

static void post_or_end(struct pact *p)
{
	struct renter_running run;
	struct bank_agreement view;

	if (p->unopened || p->pays)
		prepaid(p);
	else if (p->row.posted && is_posted(p, &run, &view))
		told(p);
	else
		post(p);
}

/* ---- what is next ---- */

static uint32_t staged_of(struct pact *p)
{
	struct hash32 *roots;
	size_t n = 0;
	struct err e = {0};

	if (!p->takes)
		return 0;
	if (renter_db_staged_roots(db_of(p), &p->host, p->unopened, 1, &roots,
				   &n, &e) != ERR_NONE)
		pact_fail(p, &e);
	else
		free(roots);
	return (uint32_t)n;
}

static bool is_unpaid(const struct pact *p)
{
	uint32_t now;

	if (pact_settles(p))
		return running_is_due(p->all->renter, &p->row);
	return p->pays && renting_period(p->all->renter->renting, &now) &&
	       unopened_is_due(&p->row, now);
}

void pact_go_on(struct pact *p)
{
	uint32_t staged;

	if (p->state >= PACT_DONE)
		return;
	if (!p->peer) {
		fail_with(p, ERR_LIMIT, "too many hosts");
		return;
	}
	if (p->state == PACT_DRAFTED && pact_is_open(&p->row)) {
		enter(p, PACT_MENDING);
		mend(p);
		return;
	}
	staged = staged_of(p);
	if (p->state >= PACT_DONE)
		return;
	if (staged == 0 && p->row.state != RENTER_DRAFT && !is_unpaid(p) &&
	    (pact_settles(p) ||
	     (pact_going(db_of(p), &p->row) == 0 && is_timely(p))))
		post_or_end(p);
	else if (pact_offer(p))
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

static void on_read(void *ctx, const struct err *error)
{
	struct pact *p = ctx;

	if (error)
		pact_fail(p, error);
	else if (pact_offer(p))
		sign(p);
	else
		enter(p, PACT_OFFER);
}

static void read_chain(struct pact *p)
{
	p->reread = false;
	enter(p, PACT_READ);
	settle_refresh(p->all->renter->engine->money->storage.settle, on_read,
		       p);
}

void pact_committed(struct pact *p, bool ok)
{
	if (p->state != PACT_NOTED && p->state != PACT_KEPT)
		return;
	if (!ok)
		fail_with(p, ERR_DB, "renter.db could not be written");
	else if (p->state == PACT_NOTED && amount_is_zero(p->due))
		ask(p);
	else if (p->state == PACT_NOTED)
		pay(p);
	else
		pact_go_on(p);
}

void pact_tick(struct pact *p)
{
	int64_t now = now_of(p);

	if (p->state == PACT_QUEUED) {
		post(p);
		return;
	}
	if (p->state != PACT_OFFER && p->state != PACT_PAY &&
	    p->state != PACT_ASKED && p->state != PACT_MENDING)
		return;
	if (rent_peer_is_gone(p->peer)) {
		fail_with(p, ERR_STATE, rent_peer_why(p->peer));
		return;
	}
	if (!p->waited && is_urgent(p) && rent_peer_is_away(p->peer)) {
		p->waited = true;
		agree_say(p->all, p,
			  "it cannot be reached, and is waited for: two "
			  "minutes at the most");
	}
	if (now - p->since_ms >=
	    (is_urgent(p) ? AGREE_HOST_MS : AGREE_CUT_MS)) {
		fail_with(p, ERR_STATE, "it does not answer");
		return;
	}
	if (p->state == PACT_OFFER && pact_offer(p) &&
	    (!p->reread || now >= p->again_ms)) {
		if (p->call)
			rent_call_cancel(p->call);
		p->call = NULL;
		if (p->reread)
			read_chain(p);
		else
			sign(p);
	} else if (!p->call && now >= p->again_ms) {
		if (p->state == PACT_OFFER)
			want_offer(p);
		else if (p->state == PACT_PAY)
			pay(p);
		else if (p->state == PACT_ASKED)
			ask(p);
		else
			mend(p);
	}
}
