#include "node/rent/rent_pay.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/money/pay_lend.h"
#include "node/rent/rent_link.h"
#include "storage/rent/rent_client.h"
#include "storage/rent/rent_host.h"
#include "storage/rent/rent_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 250
#define ASKS_PER_NET 256 /* a minute: our account is no secret here */
#define ASKS_IN_ALL 1024
#define WINDOW 16      /* sectors: of the protocol's due step */
#define STEP_RENT 1024 /* sectors, for a span */
#define WHY_MAX 120
#define DEAR "fetching from it costs more than `max-egress` allows"

struct rent_till {
	struct rent_pay *rp;
	struct rent_till *prev, *next;
	struct rent_link *link;
	struct rent_session *session; /* NULL: we rent */
	struct rent_client *client;   /* NULL: we are the host */
	struct pay_session *pay;      /* NULL: not yet */
	struct address renter;	      /* host: zero until it is shown */
	struct amount due, prepay;    /* renter: what is to be covered */
	bool kept; /* with `prepay`: what was paid before was delivered */
	bool ready, paid, stuck; /* to be told at the turn's end */
	bool failed;
	enum rent_stuck kind; /* with `why` */
	char why[WHY_MAX];
};

struct rent_pay {
	struct engine *engine;
	struct rent_pay *next; /* of the engine's */
	struct pay_lend lend;
	struct loop_timer *timer;
	struct rent_till *tills, *cursor;
	struct pay_job *job;	/* the present budget's */
	struct pay_job *always; /* without one */
	struct rent_pay_listener *listeners;
	struct amount egress;	  /* ours, a GiB */
	struct amount max_egress; /* others' */
	struct amount trust;	  /* as the settings have it */
	bool work;
};

static int64_t now_of(const struct rent_pay *rp)
{
	return loop_now_ms(rp->engine->loop);
}

static void on_work(void *ctx)
{
	struct rent_pay *rp = ctx;

	rp->work = true;
	loop_want_turn_end(rp->engine->loop);
}

/* ---- prices ---- */

static struct amount times(struct amount a, uint64_t n)
{
	struct amount out;

	return amount_mul_u64(&out, a, n) ? amount_min(out, amount_max112())
					  : amount_max112();
}

static struct amount ingress_of(const struct sheet *s)
{
	struct amount one;

	return rent_ingress(&one, s, 1) ? one : amount_max112();
}

/* What one receipt may add for dues: protocol section 15. */
static struct amount due_step(const struct sheet *s)
{
	struct amount rent = times(times(s->rent, STEP_RENT), s->span);

	return amount_min(amount_add_cap(times(ingress_of(s), WINDOW), rent),
			  amount_max112());
}

/* A GiB brought, kept for a span, and fetched. */
static struct amount of_a_gib(const struct sheet *s)
{
	struct amount rent = times(times(s->rent, STEP_RENT), s->span);
	struct amount sum = amount_add_cap(s->ingress, s->egress);

	return amount_min(amount_add_cap(sum, rent), amount_max112());
}

/* sb_pay has no price of nothing: then nothing is metered. */
static struct amount bid_of(struct amount egress)
{
	return amount_max(egress, amount_from_u64(1));
}

/* ---- what the pay machine is lent ---- */

static void on_send(void *ctx, void *session_ctx, const uint8_t *msg,
		    size_t len)
{
	struct rent_till *t = session_ctx;

	(void)ctx;
	(void)rent_link_send_pay(t->link, msg, len); /* false: going down */
}

static void on_close(void *ctx, void *session_ctx, const struct err *e)
{
	struct rent_till *t = session_ctx;

	(void)ctx;
	rent_link_close(t->link, e->msg);
}

/* Where no budget bounds it, what is fetched has a price to be bounded by: a
 * host may ask any for what only it has. */
static bool is_dear(const struct rent_till *t)
{
	const struct rent_offer *o = rent_client_offer(t->client);

	return o && t->rp->job == t->rp->always &&
	       amount_cmp(o->sheet.egress, t->rp->max_egress) > 0;
}

static uint64_t on_missing(void *ctx, void *session_ctx, uint64_t enough)
{
	const struct rent_till *t = session_ctx;
	const struct rent_offer *o;

	(void)ctx;
	o = t->client ? rent_client_offer(t->client) : NULL;
	if (!o || amount_is_zero(o->sheet.egress) || is_dear(t))
		return 0;
	return rent_client_wanted(t->client, enough);
}

/* A balance that was never read will be. */
static enum rent_stuck stuck_kind(const struct rent_pay *rp,
				  enum pay_event_kind kind)
{
	struct amount own;

	if (kind == PAY_EV_BUDGET_GONE)
		return RENT_STUCK_BUDGET;
	if (kind == PAY_EV_FUNDS_GONE &&
	    book_own_funds(rp->lend.purse->book, &own, NULL))
		return RENT_STUCK_FUNDS;
	return RENT_STUCK_HOST;
}

static void set_stuck(struct rent_till *t, enum pay_event_kind kind,
		      const char *why)
{
	if (!t->client)
		return;
	t->kind = stuck_kind(t->rp, kind);
	(void)snprintf(t->why, sizeof(t->why), "%.*s", WHY_MAX - 1, why);
	t->stuck = true;
	on_work(t->rp);
}

static void on_event(void *ctx, const struct pay_event *ev)
{
	struct rent_pay *rp = ctx;
	struct rent_till *t = ev->session_ctx;

	pay_lend_note(&rp->lend, ev);
	if (!t)
		return;
	switch (ev->kind) {
	case PAY_EV_READY:
	case PAY_EV_ACCEPTED: /* a read may wait since before sb_pay began */
		t->ready = true;
		on_work(rp);
		break;
	case PAY_EV_COVERED:
		t->paid = true;
		t->why[0] = 0;
		on_work(rp);
		break;
	case PAY_EV_BUDGET_GONE:
	case PAY_EV_FUNDS_GONE:
	case PAY_EV_TOO_DEAR:
	case PAY_EV_NO:
	case PAY_EV_SELLER_DROPPED:
		set_stuck(t, ev->kind, ev->text ? ev->text : "refused");
		break;
	case PAY_EV_BID_RAISED:
	case PAY_EV_TERMS:
	case PAY_EV_SENT:
	case PAY_EV_REFUSED:
	case PAY_EV_LIMIT:
	case PAY_EV_ADOPTED:
	case PAY_EV_RANK:
	case PAY_EV_BOOK:
		break;
	}
}

/* Our own balance was read again. */
static void on_own_facts(void *ctx)
{
	struct rent_pay *rp = ctx;
	const struct address nobody = {{0}};

	pay_on_facts(rp->lend.pay, &nobody, now_of(rp));
	on_work(rp);
}

/* ---- tills ---- */

static struct rent_till *till_new(struct rent_pay *rp, struct rent_link *link,
				  struct err *e)
{
	struct rent_till *t = calloc(1, sizeof(*t));

	if (!t) {
		(void)err_fail(e, ERR_NOMEM, "a till");
		return NULL;
	}
	t->rp = rp;
	t->link = link;
	t->next = rp->tills;
	if (t->next)
		t->next->prev = t;
	rp->tills = t;
	return t;
}

enum err_code rent_till_host(struct rent_till **out, struct rent_pay *rp,
			     struct rent_link *link, struct rent_session *s,
			     struct err *e)
{
	struct rent_till *t = till_new(rp, link, e);

	*out = t;
	if (!t)
		return ERR_NOMEM;
	t->session = s;
	return ERR_NONE;
}

enum err_code rent_till_renter(struct rent_till **out, struct rent_pay *rp,
			       struct rent_link *link, struct rent_client *c,
			       struct err *e)
{
	struct rent_till *t = till_new(rp, link, e);

	*out = t;
	if (!t)
		return ERR_NOMEM;
	t->client = c;
	return ERR_NONE;
}

void rent_till_free(struct rent_till *t)
{
	struct rent_pay *rp;

	if (!t)
		return;
	rp = t->rp;
	pay_session_free(t->pay);
	if (t->prev)
		t->prev->next = t->next;
	else
		rp->tills = t->next;
	if (t->next)
		t->next->prev = t->prev;
	if (rp->cursor == t)
		rp->cursor = t->next;
	free(t);
	on_work(rp);
}

static void fail(struct rent_till *t, const struct err *e)
{
	t->failed = true;
	rent_link_close(t->link, e->msg);
}

static void open_pay(struct rent_till *t, struct pay_session_config *cfg)
{
	struct err e = {0};

	cfg->ctx = t;
	cfg->renting = true;
	rent_link_ip(t->link, cfg->ip);
	if (pay_session_new(&t->pay, t->rp->lend.pay, cfg, now_of(t->rp), &e) !=
	    ERR_NONE)
		fail(t, &e);
}

static struct pay_dues dues_of(const struct rent_offer *o)
{
	return (struct pay_dues){.one = ingress_of(&o->sheet),
				 .step = due_step(&o->sheet),
				 .most = bid_of(o->sheet.egress)};
}

/* A renter's, once something that has a price is asked for. */
static void maybe_open(struct rent_till *t)
{
	const struct rent_offer *o = rent_client_offer(t->client);
	struct pay_session_config cfg = {.role = PAY_BUY, .job = t->rp->job};
	struct pay_dues dues;

	if (t->pay || t->failed || !o || !rent_link_pays(t->link) ||
	    rent_client_unsettled(t->client))
		return;
	if (amount_is_zero(t->due) && amount_is_zero(t->prepay) &&
	    !on_missing(NULL, t, 1))
		return;
	dues = dues_of(o);
	cfg.dues = &dues;
	cfg.payee = rent_client_host(t->client);
	memcpy(cfg.seal_key, rent_link_peer_key(t->link), sizeof(cfg.seal_key));
	open_pay(t, &cfg);
	on_work(t->rp);
}

/* Do acknowledged receipts cover what is to be covered? */
static bool lead(struct rent_till *t)
{
	struct amount all = amount_add_cap(t->due, t->prepay);
	const struct rent_offer *o = rent_client_offer(t->client);
	struct amount single = t->prepay;
	struct pay_dues dues;

	maybe_open(t);
	if (!t->pay)
		return amount_is_zero(all);
	if (o) {
		dues = dues_of(o);
		pay_set_dues(t->pay, &dues);
		single = amount_max(single, dues.one);
	}
	return pay_lead(t->pay, all, single, now_of(t->rp));
}

void rent_till_receive(struct rent_till *t, const uint8_t *msg, size_t len)
{
	struct pay_session_config cfg = {.role = PAY_SELL};
	struct err e = {0};

	if (!t || t->failed)
		return;
	if (!t->pay && t->session) {
		open_pay(t, &cfg);
		if (t->pay && !amount_is_zero(t->rp->egress))
			pay_set_slot(t->pay, PAY_SLOT_PAID);
	}
	if (t->failed)
		return;
	if (!t->pay)
		(void)err_fail(&e, ERR_STATE, "sb_pay: no session is open");
	else
		(void)!pay_receive(t->pay, msg, len, now_of(t->rp), &e);
	if (e.code != ERR_NONE)
		fail(t, &e);
	on_work(t->rp);
}

/* ---- the machines' callbacks ---- */

/* Whose receipts cover, owes: else a due of who is gone would be nobody's. */
static bool pays_itself(const struct rent_till *t)
{
	struct pay_view v;

	pay_session_view(t->pay, &v);
	return address_eq(&v.peer, &t->renter);
}

bool rent_till_covered(struct rent_till *t, struct amount due)
{
	if (!t)
		return amount_is_zero(due);
	if (t->client) {
		t->due = due;
		return lead(t);
	}
	if (!t->pay || !pays_itself(t))
		return amount_is_zero(due);
	on_work(t->rp);
	return pay_covered(t->pay, due, now_of(t->rp));
}

bool rent_till_prepay(struct rent_till *t, struct amount due, bool kept)
{
	if (!t)
		return amount_is_zero(due);
	t->prepay = due;
	t->kept = kept;
	return lead(t);
}

static void add_due_renter(struct rent_till *t, struct amount due)
{
	struct rent_pay *rp = t->rp;
	const struct rent_offer *o = rent_client_offer(t->client);
	struct address host = rent_client_host(t->client);
	uint32_t bytes = 0;
	struct pay_view v = {.role = PAY_BUY};
	struct err e = {0};

	if (!amount_is_zero(t->prepay) && amount_cmp(due, t->prepay) == 0) {
		t->prepay = AMOUNT_ZERO;
		bytes = t->kept ? RENT_SECTOR : 0;
	} else {
		t->due = amount_sub_floor(t->due, due);
		if (o && amount_cmp(due, ingress_of(&o->sheet)) == 0)
			bytes = RENT_SECTOR;
	}
	if (t->pay)
		pay_session_view(t->pay, &v);
	if (!address_is_zero(&v.peer))
		pay_add_due(t->pay, due, bytes, now_of(rp));
	else if (pay_add_due_of(rp->lend.pay, PAY_BUY, &host, due, now_of(rp),
				&e) != ERR_NONE)
		log_line(rp->engine->log, LOG_ERROR, rp->lend.name,
			 "a due was not counted text=\"%s\"", e.msg);
}

void rent_till_add_due(struct rent_till *t, struct amount due)
{
	if (!t)
		return;
	if (t->client)
		add_due_renter(t, due);
	else if (t->pay && pays_itself(t))
		pay_add_due(t->pay, due, 0, now_of(t->rp));
	else
		rent_pay_add_due(t->rp, &t->renter, due);
	on_work(t->rp);
}

void rent_pay_add_due(struct rent_pay *rp, const struct address *renter,
		      struct amount due)
{
	struct err e = {0};

	if (pay_add_due_of(rp->lend.pay, PAY_SELL, renter, due, now_of(rp),
			   &e) != ERR_NONE)
		log_line(rp->engine->log, LOG_ERROR, rp->lend.name,
			 "a due was not counted text=\"%s\"", e.msg);
	on_work(rp);
}

bool rent_till_charge(struct rent_till *t, uint32_t len)
{
	if (!t)
		return false;
	if (!t->pay)
		return amount_is_zero(t->rp->egress);
	on_work(t->rp);
	return pay_charge(t->pay, len, now_of(t->rp)) != PAY_CHARGE_HOLD;
}

void rent_till_found(struct rent_till *t, struct amount due)
{
	struct address host;

	if (!t)
		return;
	host = rent_client_host(t->client);
	pay_found_due(t->rp->lend.pay, &host, due, RENT_SECTOR, now_of(t->rp));
	on_work(t->rp);
}

void rent_pay_found(struct rent_pay *rp, const struct address *host,
		    struct amount due)
{
	pay_found_due(rp->lend.pay, host, due, 0, now_of(rp));
	on_work(rp);
}

void rent_till_charged(struct rent_till *t, uint32_t len)
{
	if (!t || !t->pay)
		return;
	pay_on_block(t->pay, len, now_of(t->rp));
	on_work(t->rp);
}

void rent_till_account(struct rent_till *t, const struct address *renter)
{
	if (t)
		t->renter = *renter;
}

const char *rent_till_why(const struct rent_till *t)
{
	return t ? t->why : "";
}

/* ---- a host's prices ---- */

enum err_code rent_pay_sell(struct rent_pay *rp, const uint8_t key[32],
			    const struct sig64 *key_sig, struct err *e)
{
	return pay_sell_as(rp->lend.pay, key, key_sig->bytes,
			   bid_of(rp->egress), e);
}

void rent_pay_sheet(struct rent_pay *rp, const struct sheet *sheet, bool now)
{
	pay_raise_due_step(rp->lend.pay, due_step(sheet));
	if (now && !engine_text(rp->engine, "trust"))
		pay_set_trust_start(rp->lend.pay,
				    amount_max(rp->trust, of_a_gib(sheet)));
	if (!now || amount_cmp(sheet->egress, rp->egress) == 0)
		return;
	rp->egress = sheet->egress;
	pay_set_floor(rp->lend.pay, bid_of(sheet->egress));
	for (struct rent_till *t = rp->tills; t; t = t->next)
		if (t->session && t->pay)
			pay_set_slot(t->pay, amount_is_zero(rp->egress)
						     ? PAY_SLOT_FREE
						     : PAY_SLOT_PAID);
	on_work(rp);
}

/* ---- budgets ---- */

static void use_job(struct rent_pay *rp, struct pay_job *job)
{
	struct pay_job *before = rp->job;

	rp->job = job;
	for (struct rent_till *t = rp->tills; t; t = t->next)
		if (t->client && t->pay)
			pay_session_set_job(t->pay, job, now_of(rp));
	if (before && before != rp->always)
		pay_job_free(before);
	on_work(rp);
}

static enum err_code job_new(struct pay_job **out, struct rent_pay *rp,
			     const uint8_t key[20], struct amount budget,
			     struct err *e)
{
	struct pay_job_config cfg = {.max_per_gib = amount_max112(),
				     .budget = budget};

	memcpy(cfg.key, key, sizeof(cfg.key));
	return pay_job_new(out, rp->lend.pay, &cfg, e);
}

enum err_code rent_pay_budget(struct rent_pay *rp, const uint8_t key[20],
			      struct amount budget, struct err *e)
{
	struct pay_job *job;
	enum err_code code = job_new(&job, rp, key, budget, e);

	if (code == ERR_NONE)
		use_job(rp, job);
	return code;
}

void rent_pay_end_budget(struct rent_pay *rp)
{
	use_job(rp, rp->always);
}

void rent_pay_forget_budget(struct rent_pay *rp, const uint8_t key[20])
{
	struct err e = {0};

	if (book_job_end(rp->lend.purse->book, key, &e) != ERR_NONE)
		log_line(rp->engine->log, LOG_WARN, rp->lend.name,
			 "a budget was not ended text=\"%s\"", e.msg);
	rp->lend.want_commit = true;
	on_work(rp);
}

struct amount rent_pay_spent(const struct rent_pay *rp)
{
	struct pay_job_state s;

	pay_job_state(rp->job, &s);
	return s.spent;
}

/* ---- time ---- */

void rent_pay_listen(struct rent_pay *rp, struct rent_pay_listener *l)
{
	l->next = rp->listeners;
	rp->listeners = l;
}

void rent_pay_unlisten(struct rent_pay *rp, struct rent_pay_listener *l)
{
	struct rent_pay_listener **at = &rp->listeners;

	while (*at && *at != l)
		at = &(*at)->next;
	if (*at)
		*at = l->next;
}

static void tell_paid(struct rent_till *t)
{
	struct rent_pay *rp = t->rp;
	struct address host = rent_client_host(t->client);
	struct rent_pay_listener *next;

	rent_client_paid(t->client, now_of(rp));
	for (struct rent_pay_listener *l = rp->listeners; l; l = next) {
		next = l->next;
		if (l->paid)
			l->paid(l->ctx, &host);
	}
}

static void tell_stuck(struct rent_till *t)
{
	struct address host = rent_client_host(t->client);
	struct rent_pay_listener *next;
	enum rent_stuck kind = t->kind;
	char why[WHY_MAX];

	memcpy(why, t->why, sizeof(why));
	for (struct rent_pay_listener *l = t->rp->listeners; l; l = next) {
		next = l->next;
		l->stuck(l->ctx, &host, kind, why);
	}
}

static void act(struct rent_till *t)
{
	bool ready = t->ready, paid = t->paid, stuck = t->stuck;

	t->ready = t->paid = t->stuck = false;
	if (ready && t->session)
		rent_session_paid(t->session, now_of(t->rp));
	if (stuck && t->client)
		tell_stuck(t);
	if (paid && t->client)
		tell_paid(t);
}

static void turn_end(struct rent_pay *rp)
{
	if (!rp->work && !rp->lend.want_commit)
		return;
	rp->work = false;
	pay_lend_commit(&rp->lend);
	for (struct rent_till *t = rp->tills; t; t = rp->cursor) {
		rp->cursor = t->next;
		act(t);
	}
	rp->cursor = NULL;
	pay_lend_commit(&rp->lend);
}

void rent_pay_turn_end(struct engine *en)
{
	for (struct rent_pay *rp = en->rent_pay; rp; rp = rp->next)
		turn_end(rp);
}

/* What is asked for would wait for nothing. */
static void leave_dear(struct rent_till *t)
{
	if (t->failed || !is_dear(t) || !amount_is_zero(t->due) ||
	    !amount_is_zero(t->prepay) || !rent_client_wanted(t->client, 1))
		return;
	t->failed = true;
	log_line(t->rp->engine->log, LOG_WARN, t->rp->lend.name,
		 "left a host text=\"%s\"", DEAR);
	rent_link_close(t->link, DEAR);
}

static void on_tick(void *ctx)
{
	struct rent_pay *rp = ctx;

	for (struct rent_till *t = rp->tills; t; t = t->next) {
		if (t->client && !t->pay)
			(void)lead(t);
		if (t->client)
			leave_dear(t);
	}
	pay_tick(rp->lend.pay, now_of(rp), clock_unix_s());
	on_work(rp);
	loop_timer_set(rp->timer, TICK_MS);
}

/* ---- life ---- */

static enum err_code make_pay(struct rent_pay *rp, struct err *e)
{
	static const uint8_t key[20] = "renting, no budget";
	const struct money *m = rp->lend.purse->money;
	struct pay_host host = pay_lend_host(&rp->lend);
	struct pay_book book = pay_book_of(rp->lend.purse->book);
	struct pay_config cfg = {
		.chain_id = m->domain.chain_id,
		.bank = m->domain.bank,
		.me = rp->lend.purse->me,
		.floor = amount_from_u64(1),
		.asks_per_net = ASKS_PER_NET,
		.asks_in_all = ASKS_IN_ALL,
	};
	enum err_code code =
		money_trust(m, &cfg.trust_start, &cfg.trust_max, e);

	rp->trust = cfg.trust_start;
	if (code == ERR_NONE)
		code = pay_new(&rp->lend.pay, &cfg, &host, &book,
			       rp->engine->log, now_of(rp), clock_unix_s(), e);
	if (code == ERR_NONE)
		code = money_parse(m, engine_text(rp->engine, "max-egress"),
				   &rp->max_egress, e);
	if (code == ERR_NONE)
		code = job_new(&rp->always, rp, key, amount_max112(), e);
	rp->job = rp->always;
	return code;
}

enum err_code rent_pay_new(struct rent_pay **out, struct engine *en,
			   struct purse *purse, struct err *e)
{
	struct rent_pay *rp = calloc(1, sizeof(*rp));
	const struct pay_lend_ops ops = {
		.ctx = rp,
		.send = on_send,
		.close = on_close,
		.missing = on_missing,
		.event = on_event,
		.work = on_work,
	};
	enum err_code code;

	*out = NULL;
	if (!rp)
		return err_fail(e, ERR_NOMEM, "paying for renting");
	rp->engine = en;
	pay_lend_init(&rp->lend, purse, "rent", &ops);
	rp->timer = loop_timer_new(en->loop, on_tick, rp);
	code = rp->timer ? make_pay(rp, e)
			 : err_fail(e, ERR_NOMEM, "paying for renting");
	if (code != ERR_NONE) {
		pay_lend_clear(&rp->lend);
		loop_timer_free(rp->timer);
		free(rp);
		return code;
	}
	purse->on_facts = on_own_facts;
	purse->on_facts_ctx = rp;
	rp->next = en->rent_pay;
	en->rent_pay = rp;
	loop_timer_set(rp->timer, TICK_MS);
	*out = rp;
	return ERR_NONE;
}

void rent_pay_free(struct rent_pay *rp)
{
	struct rent_pay **at;

	if (!rp)
		return;
	rp->lend.purse->on_facts = NULL;
	while (rp->tills)
		rent_till_free(rp->tills);
	pay_lend_clear(&rp->lend);
	for (at = &rp->engine->rent_pay; *at != rp; at = &(*at)->next)
		continue;
	*at = rp->next;
	loop_timer_free(rp->timer);
	free(rp);
}

void rent_pay_free_all(struct engine *en)
{
	while (en->rent_pay)
		rent_pay_free(en->rent_pay);
}

struct rent_pay *rent_pay_of(struct engine *en, struct err *e)
{
	struct money *m = en->money;
	struct rent_pay *rp = en->rent_pay;

	if (rp)
		return rp;
	if (!m || !m->open || !m->pinned || !m->storage.book || !m->signer) {
		(void)err_fail(e, ERR_STATE, "renting is not open yet");
		return NULL;
	}
	return rent_pay_new(&rp, en, &m->storage, e) == ERR_NONE ? rp : NULL;
}
