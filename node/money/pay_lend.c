#include "node/money/pay_lend.h"

#include "base/clock.h"
#include "base/eip712.h"
#include "node/money/money.h"

#include <stdlib.h>
#include <string.h>

#define COMMITS_OF_A_TURN 4 /* what one releases may stage something again */

struct signing { /* a receipt at the signer */
	struct pay_lend *lend;
	struct signing *next;
	struct address payee;
	struct amount amount;
	bool refused; /* the signer's queue was full: told at the turn's end */
};

struct reading { /* a pair being read from the chain */
	struct pay_lend *lend;
	struct reading *next;
	struct address payer, payee;
};

static struct money *money_of(const struct pay_lend *l)
{
	return l->purse->money;
}

static struct log *log_of(const struct pay_lend *l)
{
	return money_of(l)->engine->log;
}

static int64_t now_of(const struct pay_lend *l)
{
	return loop_now_ms(money_of(l)->engine->loop);
}

/* ---- signer ---- */

static void drop_signing(struct signing *s)
{
	struct signing **at = &s->lend->signing;

	while (*at && *at != s)
		at = &(*at)->next;
	if (*at)
		*at = s->next;
	free(s);
}

static void on_signed(void *ctx, const struct signer_reply *r,
		      const struct err *e)
{
	struct signing *s = ctx;
	struct pay_lend *l = s->lend;
	struct address payee = s->payee;
	struct amount amount = s->amount;

	drop_signing(s);
	pay_on_signed(l->pay, &payee, amount, e ? NULL : r->u.sig.bytes, e,
		      now_of(l));
	l->ops.work(l->ops.ctx);
}

/* Not from inside host_sign(): pay wants its answer later. */
static void fail_refused(struct pay_lend *l)
{
	struct err e = {0};
	struct signing *next;

	(void)err_fail(&e, ERR_LIMIT, "the signer takes no more requests");
	for (struct signing *s = l->signing; s; s = next) {
		next = s->next;
		if (s->refused)
			on_signed(s, NULL, &e);
	}
}

static void host_sign(void *ctx, const struct address *payee,
		      struct amount amount)
{
	struct pay_lend *l = ctx;
	struct money *m = money_of(l);
	struct signing *s = calloc(1, sizeof(*s));
	struct signer_request q = signer_receipt_request(
		&m->domain, l->purse->purpose, payee, amount);

	if (!s)
		return; /* pay asks again when the answer does not come */
	s->lend = l;
	s->payee = *payee;
	s->amount = amount;
	s->next = l->signing;
	l->signing = s;
	s->refused = signer_ask(m->signer, &q, on_signed, s, NULL) != ERR_NONE;
	if (s->refused)
		l->ops.work(l->ops.ctx);
}

static bool host_check(void *ctx, const struct address *payer,
		       const struct address *payee, struct amount amount,
		       const uint8_t sig[RECEIPT_SIG_LEN])
{
	const struct pay_lend *l = ctx;
	struct receipt r = {.payer = *payer, .amount = amount};

	memcpy(r.sig, sig, sizeof(r.sig));
	return receipt_verify(&r, &l->domain, payee, NULL) == ERR_NONE;
}

static bool host_check_channel(void *ctx, const struct address *payee,
			       const uint8_t key[32],
			       const uint8_t sig[RECEIPT_SIG_LEN])
{
	const struct pay_lend *l = ctx;
	struct hash32 digest = eip712_channel(&l->domain, payee, key);
	struct sig64 s;

	memcpy(s.bytes, sig, sizeof(s.bytes));
	return sig64_is_by(&s, &digest, payee);
}

/* ---- chain facts ---- */

static void drop_reading(struct reading *r)
{
	struct reading **at = &r->lend->reading;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	free(r);
}

static void on_facts(void *ctx, const struct chain_view *view,
		     const struct chain_answer *answers, size_t n,
		     const struct err *error)
{
	struct reading *r = ctx;
	struct pay_lend *l = r->lend;
	struct book *book = l->purse->book;
	bool in = address_eq(&r->payee, &l->purse->me);
	struct address other = in ? r->payer : r->payee;
	struct book_facts facts = {.known = true};
	struct err e = {0};
	enum err_code code = ERR_CHAIN;

	drop_reading(r);
	if (!error && n == 2 && answers[0].known && answers[1].known) {
		facts.free = answers[0].amount;
		facts.paid = answers[1].pair.paid;
		facts.reserve = answers[1].pair.reserve;
		facts.until = answers[1].pair.until;
		facts.block = view->block;
		code = in ? book_facts_in(book, &other, &facts, BOOK_TO_UNKNOWN,
					  clock_unix_s(), &e)
			  : book_facts_out(book, &other, &facts, clock_unix_s(),
					   &e);
	}
	if (code != ERR_NONE) {
		log_line(log_of(l), LOG_DEBUG, l->name,
			 "facts unknown text=\"%s\"",
			 error ? error->msg : e.msg);
		return;
	}
	l->want_commit = true;
	pay_on_facts(l->pay, &other, now_of(l));
	l->ops.work(l->ops.ctx);
}

static void host_want_facts(void *ctx, const struct address *payer,
			    const struct address *payee)
{
	struct pay_lend *l = ctx;
	struct money *m = money_of(l);
	const struct chain_ask asks[2] = {
		{.what = CHAIN_ASK_FREE, .c = m->domain.bank, .a = *payer},
		{.what = CHAIN_ASK_PAIR,
		 .c = m->domain.bank,
		 .a = *payer,
		 .b = *payee},
	};
	struct reading *r;

	if (!m->chain || !(r = calloc(1, sizeof(*r))))
		return; /* unknown stays unknown; pay asks again */
	r->lend = l;
	r->payer = *payer;
	r->payee = *payee;
	r->next = l->reading;
	l->reading = r;
	chain_read(m->chain, CHAIN_FINAL, asks, 2, on_facts, r);
}

/* ---- the book ---- */

static void host_want_commit(void *ctx)
{
	struct pay_lend *l = ctx;

	l->want_commit = true;
	l->ops.work(l->ops.ctx);
}

void pay_lend_commit(struct pay_lend *l)
{
	struct err e = {0};
	bool ok;

	fail_refused(l);
	for (int i = 0; i < COMMITS_OF_A_TURN && l->want_commit; i++) {
		l->want_commit = false;
		ok = book_commit(l->purse->book, &e) == ERR_NONE;
		if (!ok)
			log_line(log_of(l), LOG_ERROR, l->name,
				 "the book was not written text=\"%s\"", e.msg);
		if (l->pay)
			pay_committed(l->pay, ok, now_of(l));
	}
}

/* ---- events ---- */

static const char *event_name(enum pay_event_kind kind)
{
	static const char *const names[] = {
		"bid raised",	  "terms",	    "budget gone",
		"funds gone",	  "too dear",	    "receipt sent",
		"receipt taken",  "refused",	    "refused by seller",
		"exposure limit", "seller dropped", "receipt adopted",
		"rank",		  "ready",	    "book refused",
		"covered",
	};

	return names[kind];
}

static void on_adopted(void *ctx, const struct signer_reply *r,
		       const struct err *e)
{
	struct pay_lend *l = ctx;

	(void)r;
	if (e)
		log_line(log_of(l), LOG_WARN, l->name,
			 "the signer did not adopt a receipt text=\"%s\"",
			 e->msg);
}

/* The signer counts a day's promises from the newest receipt that it knows. */
static void tell_signer(struct pay_lend *l, const struct address *payee)
{
	struct signer_request q = {
		.type = SIGNER_ADOPT,
		.u.adopt = {.purpose = l->purse->purpose, .payee = *payee}};
	struct book_pair pair;
	struct err e = {0};

	if (book_pair_load(l->purse->book, &pair, payee, &e) == ERR_NONE &&
	    pair.out.have) {
		q.u.adopt.amount = pair.out.newest.amount;
		memcpy(q.u.adopt.sig.bytes, pair.out.newest.sig,
		       sizeof(q.u.adopt.sig.bytes));
		if (signer_ask(money_of(l)->signer, &q, on_adopted, l, &e) ==
		    ERR_NONE)
			return;
	}
	on_adopted(l, NULL, &e);
}

void pay_lend_note(struct pay_lend *l, const struct pay_event *ev)
{
	bool often = ev->kind == PAY_EV_SENT || ev->kind == PAY_EV_ACCEPTED ||
		     ev->kind == PAY_EV_RANK || ev->kind == PAY_EV_READY ||
		     ev->kind == PAY_EV_COVERED;
	char amount[MONEY_TEXT_MAX];

	if (!often || log_wants(log_of(l), LOG_DEBUG))
		log_line(log_of(l), often ? LOG_DEBUG : LOG_INFO, l->name,
			 "%s amount=%s code=%d text=\"%s\"",
			 event_name(ev->kind),
			 money_text(money_of(l), ev->amount, amount),
			 (int)ev->code, ev->text ? ev->text : "");
	if (ev->kind == PAY_EV_ADOPTED)
		tell_signer(l, &ev->peer);
}

/* ---- handed through ---- */

static void host_send(void *ctx, void *session_ctx, const uint8_t *msg,
		      size_t len)
{
	struct pay_lend *l = ctx;

	l->ops.send(l->ops.ctx, session_ctx, msg, len);
}

static void host_close(void *ctx, void *session_ctx, const struct err *e)
{
	struct pay_lend *l = ctx;

	l->ops.close(l->ops.ctx, session_ctx, e);
}

static uint64_t host_missing(void *ctx, void *session_ctx, uint64_t enough)
{
	struct pay_lend *l = ctx;

	return l->ops.missing(l->ops.ctx, session_ctx, enough);
}

static void host_event(void *ctx, const struct pay_event *ev)
{
	struct pay_lend *l = ctx;

	l->ops.event(l->ops.ctx, ev);
}

/* ---- all of it ---- */

void pay_lend_init(struct pay_lend *l, struct purse *purse, const char *name,
		   const struct pay_lend_ops *ops)
{
	*l = (struct pay_lend){.purse = purse, .name = name, .ops = *ops};
}

struct pay_host pay_lend_host(struct pay_lend *l)
{
	const struct signer_domain *d = &money_of(l)->domain;

	l->domain = eip712_domain(d->chain_id, &d->bank);
	return (struct pay_host){
		.ctx = l,
		.send = host_send,
		.close = host_close,
		.sign = host_sign,
		.check = host_check,
		.check_channel = host_check_channel,
		.want_facts = host_want_facts,
		.want_commit = host_want_commit,
		.missing = host_missing,
		.event = host_event,
	};
}

void pay_lend_clear(struct pay_lend *l)
{
	struct money *m;

	if (!l->purse || !l->purse->money) /* never opened */
		return;
	m = money_of(l);
	while (l->signing) {
		signer_forget(m->signer, l->signing);
		drop_signing(l->signing);
	}
	while (l->reading) {
		chain_forget(m->chain, l->reading);
		drop_reading(l->reading);
	}
	if (m->signer)
		signer_forget(m->signer, l); /* adoptions */
	if (!l->pay)
		return;
	pay_free(l->pay);
	l->pay = NULL;
	l->want_commit = true;
	pay_lend_commit(l);
}
