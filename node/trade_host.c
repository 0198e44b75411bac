/* trade_host.c - what the pay machine asks of the node: signatures, what the
 * chain says, what is missing; and what it tells. */
#include "node/trade_int.h"

#include "base/clock.h"
#include "base/eip712.h"
#include "node/money.h"
#include "node/torrent.h"

#include <stdlib.h>
#include <string.h>

/* ---- signer ---- */

static void drop_signing(struct signing *s)
{
	struct signing **at = &s->trade->signing;

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
	struct trade *t = s->trade;
	struct address payee = s->payee;
	struct amount amount = s->amount;

	drop_signing(s);
	pay_on_signed(t->pay, &payee, amount, e ? NULL : r->u.sig.bytes, e,
		      trade_now(t));
	trade_note_work(t);
}

/* Not from inside host_sign(): pay wants its answer later. */
void trade_fail_refused(struct trade *t)
{
	struct err e = {0};
	struct signing *next;

	(void)err_fail(&e, ERR_LIMIT, "the signer takes no more requests");
	for (struct signing *s = t->signing; s; s = next) {
		next = s->next;
		if (s->refused)
			on_signed(s, NULL, &e);
	}
}

static void host_sign(void *ctx, const struct address *payee,
		      struct amount amount)
{
	struct trade *t = ctx;
	struct money *m = t->engine->money;
	struct signing *s = calloc(1, sizeof(*s));
	struct signer_request q = signer_receipt_request(
		&m->domain, SIGNER_BANDWIDTH, payee, amount);

	if (!s)
		return; /* pay asks again when the answer does not come */
	s->trade = t;
	s->payee = *payee;
	s->amount = amount;
	s->next = t->signing;
	t->signing = s;
	s->refused = signer_ask(m->signer, &q, on_signed, s, NULL) != ERR_NONE;
	if (s->refused)
		trade_note_work(t);
}

static bool host_check(void *ctx, const struct address *payer,
		       const struct address *payee, struct amount amount,
		       const uint8_t sig[RECEIPT_SIG_LEN])
{
	const struct trade *t = ctx;
	struct receipt r = {.payer = *payer, .amount = amount};

	memcpy(r.sig, sig, sizeof(r.sig));
	return receipt_verify(&r, &t->domain, payee, NULL) == ERR_NONE;
}

static bool host_check_channel(void *ctx, const struct address *payee,
			       const uint8_t key[32],
			       const uint8_t sig[RECEIPT_SIG_LEN])
{
	const struct trade *t = ctx;
	struct hash32 digest = eip712_channel(&t->domain, payee, key);
	struct address signer;
	struct sig64 s;

	memcpy(s.bytes, sig, sizeof(s.bytes));
	return sig64_recover(&signer, &digest, &s, NULL) == ERR_NONE &&
	       address_eq(&signer, payee);
}

/* ---- chain facts ---- */

static void drop_reading(struct reading *r)
{
	struct reading **at = &r->trade->reading;

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
	struct trade *t = r->trade;
	struct money *m = t->engine->money;
	bool in = address_eq(&r->payee, &m->bandwidth.me);
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
		code = in ? book_facts_in(m->bandwidth.book, &other, &facts,
					  BOOK_TO_UNKNOWN, clock_unix_s(), &e)
			  : book_facts_out(m->bandwidth.book, &other, &facts,
					   clock_unix_s(), &e);
	}
	if (code != ERR_NONE) {
		log_line(t->engine->log, LOG_DEBUG, "trade",
			 "facts unknown text=\"%s\"",
			 error ? error->msg : e.msg);
		return;
	}
	t->want_commit = true;
	pay_on_facts(t->pay, &other, trade_now(t));
	trade_note_work(t);
}

static void host_want_facts(void *ctx, const struct address *payer,
			    const struct address *payee)
{
	struct trade *t = ctx;
	struct money *m = t->engine->money;
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
	r->trade = t;
	r->payer = *payer;
	r->payee = *payee;
	r->next = t->reading;
	t->reading = r;
	chain_read(m->chain, CHAIN_FINAL, asks, 2, on_facts, r);
}

static void host_want_commit(void *ctx)
{
	struct trade *t = ctx;

	t->want_commit = true;
	trade_note_work(t);
}

static uint64_t host_missing(void *ctx, void *session_ctx, uint64_t enough)
{
	const struct side *side = session_ctx;

	(void)ctx;
	return swarm_peer_missing(side->deal->peer, enough);
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

static void tell_buyer(struct trade *t, const struct pay_event *ev)
{
	struct deal *d =
		ev->session_ctx ? ((struct side *)ev->session_ctx)->deal : NULL;
	char amount[MONEY_TEXT_MAX];

	for (struct torrent *at = t->engine->torrents; at;
	     at = torrent_next(at)) {
		if (!(ev->job && torrent_job(at) == ev->job) &&
		    !(d && d->torrent == at))
			continue;
		(void)money_text(t->engine->money, ev->amount, amount);
		torrent_trade_event(at, (int)ev->kind, amount,
				    ev->text ? ev->text : "");
	}
}

static void on_adopted(void *ctx, const struct signer_reply *r,
		       const struct err *e)
{
	struct trade *t = ctx;

	(void)r;
	if (e)
		log_line(t->engine->log, LOG_WARN, "trade",
			 "the signer did not adopt a receipt text=\"%s\"",
			 e->msg);
}

/* The signer counts a day's promises from the newest receipt that it knows. */
static void tell_signer(struct trade *t, const struct address *payee)
{
	struct money *m = t->engine->money;
	struct signer_request q = {
		.type = SIGNER_ADOPT,
		.u.adopt = {.purpose = SIGNER_BANDWIDTH, .payee = *payee}};
	struct book_pair pair;
	struct err e = {0};

	if (book_pair_load(m->bandwidth.book, &pair, payee, &e) == ERR_NONE &&
	    pair.out.have) {
		q.u.adopt.amount = pair.out.newest.amount;
		memcpy(q.u.adopt.sig.bytes, pair.out.newest.sig,
		       sizeof(q.u.adopt.sig.bytes));
		if (signer_ask(m->signer, &q, on_adopted, t, &e) == ERR_NONE)
			return;
	}
	on_adopted(t, NULL, &e);
}

static void host_event(void *ctx, const struct pay_event *ev)
{
	struct trade *t = ctx;
	struct side *side = ev->session_ctx;
	bool often = ev->kind == PAY_EV_SENT || ev->kind == PAY_EV_ACCEPTED;
	char amount[MONEY_TEXT_MAX];

	if (side && ev->kind == PAY_EV_RANK) {
		side->deal->rank_changed = true;
		trade_note_deal(side->deal);
		return;
	}
	if (side && ev->kind == PAY_EV_READY) {
		side->deal->ready_again = true;
		trade_note_deal(side->deal);
		return;
	}
	if (often && !log_wants(t->engine->log, LOG_DEBUG))
		return;
	log_line(t->engine->log, often ? LOG_DEBUG : LOG_INFO, "trade",
		 "%s amount=%s code=%d text=\"%s\"", event_name(ev->kind),
		 money_text(t->engine->money, ev->amount, amount),
		 (int)ev->code, ev->text ? ev->text : "");
	if (ev->kind == PAY_EV_ADOPTED)
		tell_signer(t, &ev->peer);
	tell_buyer(t, ev);
}

/* ---- all of it ---- */

struct pay_host trade_host(struct trade *t)
{
	return (struct pay_host){
		.ctx = t,
		.send = trade_send,
		.close = trade_close,
		.sign = host_sign,
		.check = host_check,
		.check_channel = host_check_channel,
		.want_facts = host_want_facts,
		.want_commit = host_want_commit,
		.missing = host_missing,
		.event = host_event,
	};
}

void trade_host_forget(struct trade *t)
{
	while (t->signing) {
		signer_forget(t->engine->money->signer, t->signing);
		drop_signing(t->signing);
	}
	while (t->reading) {
		chain_forget(t->engine->money->chain, t->reading);
		drop_reading(t->reading);
	}
}
