#include "node/trade.h"

#include "base/bencode.h"
#include "base/clock.h"
#include "base/ecc.h"
#include "base/eip712.h"
#include "ledger/pay.h"
#include "node/money.h"
#include "node/torrent.h"
#include "wire/seal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 250
#define OFFER_MAX 128
#define OUTER_MAX (16U << 10)
#define SEAL_NAME 'p'

/* One direction of a peer: the sealed session and pay's view of it. */
struct side {
	struct deal *deal;
	bool open;
	struct seal seal;
	struct pay_session *session;
};

/* What we have with one peer. */
struct deal {
	struct trade *trade;
	struct deal *prev, *next;
	struct torrent *torrent;
	struct peer *peer;
	struct side sell, buy;
	uint8_t seller_key[SEAL_KEY_LEN]; /* theirs */
	bool they_sell;
	bool bad; /* sent false data: not paid any more */
	/* noted in a callback, done at the end of the turn */
	bool noted;
	struct deal *noted_next;
	bool rank_changed, ready_again, doomed;
	enum peer_close doom;
	char doom_text[160];
};

struct signing { /* a receipt at the signer */
	struct trade *trade;
	struct signing *next;
	struct address payee;
	struct amount amount;
	bool refused; /* the signer's queue was full: told at the turn's end */
};

struct reading { /* a pair being read from the chain */
	struct trade *trade;
	struct reading *next;
	struct address payer, payee;
};

struct trade {
	struct engine *engine;
	struct pay *pay;
	struct hash32 domain;
	struct seal_keypair key;
	struct loop_timer *tick;
	struct deal *deals;
	struct deal *noted, **noted_end; /* those with something to do */
	unsigned n_noted;
	struct signing *signing;
	struct reading *reading;
	uint8_t offer[OFFER_MAX];
	size_t offer_len;
	bool want_commit;
	bool work_noted;
};

static int64_t now_of(const struct trade *t)
{
	return loop_now_ms(t->engine->loop);
}

static void note_work(struct trade *t)
{
	t->work_noted = true;
	loop_want_turn_end(t->engine->loop);
}

static void note_deal(struct deal *d)
{
	if (!d->noted) {
		d->noted = true;
		d->noted_next = NULL;
		*d->trade->noted_end = d;
		d->trade->noted_end = &d->noted_next;
		d->trade->n_noted++;
	}
	note_work(d->trade);
}

static void doom(struct deal *d, enum peer_close why, const char *text)
{
	if (d->doomed)
		return;
	d->doomed = true;
	d->doom = why;
	(void)snprintf(d->doom_text, sizeof(d->doom_text), "%s", text);
	note_deal(d);
}

/* ---- outer messages ---- */

static void send_outer(struct deal *d, const char *key, const uint8_t *bytes,
		       size_t len)
{
	uint8_t buf[OUTER_MAX];
	struct wr w = wr_into(buf, sizeof(buf));
	struct err e = {0};

	ben_w_dict(&w);
	ben_w_str(&w, key);
	ben_w_bytes(&w, bytes, len);
	ben_w_end(&w);
	if (wr_len(&w) == 0 || swarm_peer_send_ext(d->peer, EXT_SB_PAY, buf,
						   wr_len(&w), &e) != ERR_NONE)
		doom(d, PEER_CLOSE_EXTENSION,
		     e.msg[0] ? e.msg : "sb_pay message too long");
}

static void host_send(void *ctx, void *session_ctx, const uint8_t *msg,
		      size_t len)
{
	struct side *side = session_ctx;
	uint8_t box[OUTER_MAX];
	size_t box_len;
	struct err e = {0};

	(void)ctx;
	if (seal_box(&side->seal, SEAL_NAME, box, sizeof(box), &box_len, msg,
		     len, &e) != ERR_NONE) {
		doom(side->deal, PEER_CLOSE_SEAL, e.msg);
		return;
	}
	send_outer(side->deal, side == &side->deal->buy ? "b" : "s", box,
		   box_len);
}

static void host_close(void *ctx, void *session_ctx, const struct err *e)
{
	struct side *side = session_ctx;

	(void)ctx;
	doom(side->deal, PEER_CLOSE_EXTENSION, e->msg);
}

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
		      now_of(t));
	note_work(t);
}

/* Not from inside host_sign(): pay wants its answer later. */
static void fail_refused(struct trade *t)
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
		note_work(t);
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
	pay_on_facts(t->pay, &other, now_of(t));
	note_work(t);
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
	note_work(t);
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
		note_deal(side->deal);
		return;
	}
	if (side && ev->kind == PAY_EV_READY) {
		side->deal->ready_again = true;
		note_deal(side->deal);
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

/* ---- life ---- */

/* Interest changes without a callback (a piece came, another peer has one): pay
 * promises nothing to a seller of whom we want nothing. */
static void refresh_interest(struct trade *t)
{
	struct peer_stats stats;

	for (struct deal *d = t->deals; d; d = d->next) {
		if (!d->buy.session)
			continue;
		peer_stats_get(d->peer, &stats);
		pay_set_choked(d->buy.session, stats.they_choke,
			       stats.am_interested, now_of(t));
	}
}

static void on_tick(void *ctx)
{
	struct trade *t = ctx;

	if (t->pay) {
		refresh_interest(t);
		pay_tick(t->pay, now_of(t), clock_unix_s());
	}
	note_work(t);
	loop_timer_set(t->tick, TICK_MS);
}

static void make_offer(struct trade *t)
{
	struct wr w = wr_into(t->offer, sizeof(t->offer));
	uint8_t price[16];

	ben_w_dict(&w);
	if (t->pay && engine_flag(t->engine, "sell")) {
		ben_w_str(&w, "k");
		ben_w_bytes(&w, t->key.pk, sizeof(t->key.pk));
		amount_to_be16(price, pay_price_hint(t->pay));
		ben_w_str(&w, "p");
		ben_w_bytes(&w, price + 2, 14);
	}
	ben_w_str(&w, "v");
	ben_w_int(&w, PAY_VERSION);
	ben_w_end(&w);
	t->offer_len = wr_len(&w);
}

const uint8_t *trade_offer(const struct trade *t, size_t *len)
{
	*len = t->offer_len;
	return t->offer;
}

struct pay *trade_pay(struct trade *t)
{
	return t->pay;
}

static enum err_code start_pay(struct trade *t, const struct sig64 *sig,
			       struct err *e)
{
	struct money *m = t->engine->money;
	struct pay_host host = {
		.ctx = t,
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
	struct pay_book book = pay_book_of(m->bandwidth.book);
	struct pay_config cfg = {
		.chain_id = m->domain.chain_id,
		.bank = m->domain.bank,
		.me = m->bandwidth.me,
		.sell = engine_flag(t->engine, "sell"),
	};
	enum err_code code =
		money_parse(m, engine_text(t->engine, "price"), &cfg.floor, e);

	if (code == ERR_NONE)
		code = money_trust(m, &cfg.trust_start, &cfg.trust_max, e);
	memcpy(cfg.seal_sig, sig->bytes, sizeof(cfg.seal_sig));
	memcpy(cfg.seal_key, t->key.pk, sizeof(cfg.seal_key));
	t->domain = eip712_domain(m->domain.chain_id, &m->domain.bank);
	if (code == ERR_NONE)
		code = pay_new(&t->pay, &cfg, &host, &book, t->engine->log,
			       now_of(t), clock_unix_s(), e);
	return code;
}

/* Our own balance was read again. */
static void on_own_facts(void *ctx)
{
	struct trade *t = ctx;
	const struct address nobody = {{0}};

	if (t->pay)
		pay_on_facts(t->pay, &nobody, now_of(t));
	note_work(t);
}

/* Our account has vouched for our seal key: from here on we trade. */
static void on_channel(void *ctx, const struct signer_reply *r,
		       const struct err *error)
{
	struct trade *t = ctx;
	struct err e = {0};

	if (error)
		e = *error;
	if (error || start_pay(t, &r->u.sig, &e) != ERR_NONE) {
		log_line(t->engine->log, LOG_ERROR, "trade",
			 "neither buying nor selling text=\"%s\"", e.msg);
		money_end_opening(t->engine->money);
		return;
	}
	make_offer(t);
	loop_timer_set(t->tick, TICK_MS);
	for (struct torrent *at = t->engine->torrents; at;
	     at = torrent_next(at)) {
		if (engine_flag(t->engine, "sell"))
			torrent_offer_changed(at);
		torrent_trade_ready(at);
	}
	money_end_opening(t->engine->money);
}

static void on_pinned(void *ctx)
{
	struct trade *t = ctx;
	struct err e = {0};

	if (money_ask_channel(t->engine->money, t->key.pk, on_channel, t, &e) !=
	    ERR_NONE)
		on_channel(t, NULL, &e);
}

enum err_code trade_new(struct trade **out, struct engine *en, struct err *e)
{
	struct trade *t = calloc(1, sizeof(*t));

	if (!t)
		return err_fail(e, ERR_NOMEM, "trade");
	t->engine = en;
	t->noted_end = &t->noted;
	t->tick = loop_timer_new(en->loop, on_tick, t);
	if (!t->tick) {
		free(t);
		return err_fail(e, ERR_NOMEM, "trade");
	}
	seal_keypair_new(&t->key);
	make_offer(t);
	*out = t;
	en->money->bandwidth.on_facts = on_own_facts;
	en->money->bandwidth.on_facts_ctx = t;
	money_when_pinned(en->money, on_pinned, t);
	return ERR_NONE;
}

static void end_side(struct side *side)
{
	pay_session_free(side->session);
	side->session = NULL;
	side->open = false;
	seal_clear(&side->seal);
}

static void forget_note(struct deal *d)
{
	struct trade *t = d->trade;
	struct deal **at = &t->noted;

	while (*at != d)
		at = &(*at)->noted_next;
	*at = d->noted_next;
	if (!*at)
		t->noted_end = at;
	t->n_noted--;
	d->noted = false;
}

static void deal_free(struct deal *d)
{
	struct trade *t = d->trade;

	if (d->noted)
		forget_note(d);
	end_side(&d->sell);
	end_side(&d->buy);
	if (d->prev)
		d->prev->next = d->next;
	else
		t->deals = d->next;
	if (d->next)
		d->next->prev = d->prev;
	free(d);
}

static void commit(struct trade *t)
{
	struct err e = {0};
	bool ok;

	/* what is released by one commit may stage something again */
	for (int i = 0; i < 4 && t->want_commit; i++) {
		t->want_commit = false;
		ok = book_commit(t->engine->money->bandwidth.book, &e) ==
		     ERR_NONE;
		if (!ok)
			log_line(t->engine->log, LOG_ERROR, "trade",
				 "the book was not written text=\"%s\"", e.msg);
		if (t->pay)
			pay_committed(t->pay, ok, now_of(t));
	}
}

void trade_free(struct trade *t)
{
	if (!t)
		return;
	t->engine->money->bandwidth.on_facts = NULL;
	if (t->engine->money->signer)
		signer_forget(t->engine->money->signer, t);
	t->engine->money->on_pinned = NULL;
	while (t->deals)
		deal_free(t->deals);
	while (t->signing) {
		signer_forget(t->engine->money->signer, t->signing);
		drop_signing(t->signing);
	}
	while (t->reading) {
		chain_forget(t->engine->money->chain, t->reading);
		drop_reading(t->reading);
	}
	if (t->pay) {
		pay_free(t->pay);
		t->pay = NULL;
		t->want_commit = true;
		commit(t);
	}
	loop_timer_free(t->tick);
	sodium_memzero(&t->key, sizeof(t->key));
	free(t);
}

/* ---- the end of a turn ---- */

/* d may be gone afterwards: its peer was closed. */
static void act(struct trade *t, struct deal *d)
{
	int64_t now = now_of(t);

	forget_note(d);
	if (d->rank_changed && d->sell.session) {
		d->rank_changed = false;
		swarm_peer_set_rank(d->peer, now, pay_rank(d->sell.session));
	}
	if (d->ready_again) {
		d->ready_again = false;
		swarm_peer_resume(d->peer, now);
	}
	if (d->doomed)
		swarm_peer_close(d->peer, d->doom, d->doom_text);
}

void trade_turn_end(struct trade *t)
{
	if (!t->work_noted && !t->want_commit)
		return;
	t->work_noted = false;
	fail_refused(t);
	commit(t);
	/* acting may note again: those wait for the next turn */
	for (unsigned n = t->n_noted; n && t->noted; n--)
		act(t, t->noted);
	commit(t);
}

/* ---- deals ---- */

static struct deal *deal_of(const struct peer *p)
{
	return link_trade(peer_user(p));
}

static struct seal_transcript transcript(const struct deal *d, bool we_sell)
{
	struct seal_transcript s = {.hash = *torrent_hash(d->torrent)};
	size_t sent_len, got_len;
	const uint8_t *sent = peer_ext_sent(d->peer, &sent_len);
	const uint8_t *got = peer_ext_received(d->peer, &got_len);
	struct peer_id theirs = {0};

	(void)peer_id(d->peer, &theirs);
	s.seller_ext = we_sell ? sent : got;
	s.seller_ext_len = we_sell ? sent_len : got_len;
	s.buyer_ext = we_sell ? got : sent;
	s.buyer_ext_len = we_sell ? got_len : sent_len;
	s.seller_id = we_sell ? d->trade->engine->peer_id : theirs;
	s.buyer_id = we_sell ? theirs : d->trade->engine->peer_id;
	return s;
}

static enum err_code open_session(struct deal *d, enum pay_role role,
				  struct err *e)
{
	struct side *side = role == PAY_SELL ? &d->sell : &d->buy;
	struct pay_session_config cfg = {.role = role, .ctx = side};
	struct wire_addr addr = peer_addr(d->peer);

	memcpy(cfg.ip, addr.ip, sizeof(cfg.ip));
	if (role == PAY_BUY) {
		cfg.job = torrent_job(d->torrent);
		memcpy(cfg.seal_key, d->seller_key, sizeof(cfg.seal_key));
	}
	side->open = true;
	return pay_session_new(&side->session, d->trade->pay, &cfg,
			       now_of(d->trade), e);
}

/* We want to pay this peer: our key goes first. */
static void start_buying(struct deal *d)
{
	struct seal_keypair own;
	struct seal_transcript s = transcript(d, false);
	struct peer_stats stats;
	struct err e = {0};

	if (!d->they_sell || d->buy.open || d->bad || !d->trade->pay ||
	    !torrent_job(d->torrent))
		return;
	seal_keypair_new(&own);
	if (seal_buyer_new(&d->buy.seal, &own, d->seller_key, &s, &e) ==
	    ERR_NONE) {
		send_outer(d, "k", own.pk, sizeof(own.pk));
		if (open_session(d, PAY_BUY, &e) == ERR_NONE) {
			peer_stats_get(d->peer, &stats);
			pay_set_choked(d->buy.session, stats.they_choke,
				       stats.am_interested, now_of(d->trade));
		}
	}
	sodium_memzero(&own, sizeof(own));
	if (e.code != ERR_NONE)
		log_line(d->trade->engine->log, LOG_WARN, "trade",
			 "cannot buy text=\"%s\"", e.msg);
	note_work(d->trade);
}

static void read_offer(struct deal *d, const struct ext_handshake *ext)
{
	struct ben_doc *doc = NULL;
	struct ben_view key;

	if (!ext->sb_pay || ben_parse(&doc, ext->sb_pay, ext->sb_pay_len, 64, 0,
				      NULL) != ERR_NONE)
		return;
	if (ben_str(ben_get(ben_root(doc), "k"), &key) &&
	    key.len == SEAL_KEY_LEN) {
		memcpy(d->seller_key, key.p, SEAL_KEY_LEN);
		d->they_sell = true;
	}
	ben_doc_free(doc);
}

void trade_peer_ready(struct trade *t, struct torrent *torrent, struct peer *p,
		      const struct ext_handshake *ext)
{
	struct deal *d;

	if (!ext || !ext->id[EXT_SB_PAY] || !(d = calloc(1, sizeof(*d))))
		return;
	d->trade = t;
	d->torrent = torrent;
	d->peer = p;
	d->sell.deal = d->buy.deal = d;
	d->next = t->deals;
	if (d->next)
		d->next->prev = d;
	t->deals = d;
	link_set_trade(peer_user(p), d);
	read_offer(d, ext);
	start_buying(d);
}

void trade_peer_gone(struct trade *t, struct peer *p)
{
	struct deal *d = deal_of(p);

	if (!d)
		return;
	link_set_trade(peer_user(p), NULL);
	deal_free(d);
	note_work(t);
}

/* A buyer's key: from here on the two of us are sealed. */
static void take_key(struct deal *d, const struct ben_view *key)
{
	struct seal_transcript s = transcript(d, true);
	struct err e = {0};

	if (d->sell.open || key->len != SEAL_KEY_LEN) {
		doom(d, PEER_CLOSE_EXTENSION,
		     "sb_pay: a second key, or one of a wrong length");
		return;
	}
	if (!d->trade->pay || !engine_flag(d->trade->engine, "sell")) {
		doom(d, PEER_CLOSE_EXTENSION, "sb_pay: we do not sell");
		return;
	}
	if (seal_seller_new(&d->sell.seal, &d->trade->key, key->p, &s, &e) !=
		    ERR_NONE ||
	    open_session(d, PAY_SELL, &e) != ERR_NONE)
		doom(d, PEER_CLOSE_EXTENSION, e.msg);
}

static void take_box(struct deal *d, struct side *side,
		     const struct ben_view *box)
{
	uint8_t plain[SEAL_PLAIN_MAX];
	size_t len;
	struct err e = {0};

	if (!side->open || !side->session) {
		doom(d, PEER_CLOSE_EXTENSION, "sb_pay: no session is open");
		return;
	}
	if (seal_open(&side->seal, SEAL_NAME, plain, sizeof(plain), &len,
		      box->p, box->len, &e) != ERR_NONE) {
		doom(d, PEER_CLOSE_SEAL, e.msg);
		return;
	}
	if (pay_receive(side->session, plain, len, now_of(d->trade), &e) !=
	    ERR_NONE)
		doom(d, PEER_CLOSE_EXTENSION, e.msg);
}

void trade_message(struct trade *t, struct peer *p, const uint8_t *bytes,
		   size_t len)
{
	struct deal *d = deal_of(p);
	struct ben_doc *doc = NULL;
	struct ben_view view;
	struct err e = {0};

	if (!d || d->doomed)
		return;
	if (ben_parse(&doc, bytes, len, 16, BEN_SORTED_KEYS, &e) != ERR_NONE) {
		doom(d, PEER_CLOSE_EXTENSION, e.msg);
		return;
	}
	if (ben_str(ben_get(ben_root(doc), "k"), &view))
		take_key(d, &view);
	else if (ben_str(ben_get(ben_root(doc), "b"), &view))
		take_box(d, &d->sell, &view);
	else if (ben_str(ben_get(ben_root(doc), "s"), &view))
		take_box(d, &d->buy, &view);
	else
		doom(d, PEER_CLOSE_EXTENSION, "sb_pay: want k, b or s");
	ben_doc_free(doc);
	note_work(t);
}

enum swarm_charge trade_charge(struct trade *t, struct peer *p, uint32_t len)
{
	struct deal *d = deal_of(p);

	if (!d || !d->sell.session)
		return WIRE_FREE;
	switch (pay_charge(d->sell.session, len, now_of(t))) {
	case PAY_CHARGE_FREE:
		return WIRE_FREE;
	case PAY_CHARGE_PAID:
		return WIRE_PAID;
	case PAY_CHARGE_HOLD:
		break;
	}
	return WIRE_HOLD;
}

void trade_uncharge(struct trade *t, struct peer *p, uint32_t len)
{
	struct deal *d = deal_of(p);

	(void)t;
	if (d && d->sell.session)
		pay_uncharge(d->sell.session, len);
}

void trade_slot(struct trade *t, struct peer *p, enum peer_slot slot)
{
	struct deal *d = deal_of(p);

	(void)t;
	if (!d || !d->sell.session)
		return;
	pay_set_slot(d->sell.session,
		     slot == PEER_SLOT_RANK ? PAY_SLOT_PAID : PAY_SLOT_FREE);
}

void trade_choked(struct trade *t, struct peer *p, bool choked)
{
	struct deal *d = deal_of(p);
	struct peer_stats stats;

	if (!d || !d->buy.session)
		return;
	peer_stats_get(p, &stats);
	pay_set_choked(d->buy.session, choked, stats.am_interested, now_of(t));
}

void trade_block(struct trade *t, struct peer *p, uint32_t len)
{
	struct deal *d = deal_of(p);

	if (!d || !d->buy.session)
		return;
	pay_on_block(d->buy.session, len, now_of(t));
}

void trade_bad_data(struct trade *t, struct peer *p)
{
	struct deal *d = deal_of(p);

	(void)t;
	if (!d)
		return;
	d->bad = true;
	if (d->buy.session)
		pay_bad_bytes(d->buy.session, 0);
}

/* ---- jobs ---- */

enum err_code trade_job_open(struct trade *t, struct torrent *torrent,
			     struct pay_job **out, struct err *e)
{
	struct pay_job_config cfg = {0};
	enum err_code code;

	if (!t->pay)
		return err_fail(e, ERR_STATE,
				"the bank has not been checked yet");
	memcpy(cfg.key, torrent_hash(torrent)->bytes, sizeof(cfg.key));
	torrent_terms(torrent, &cfg.max_per_gib, &cfg.budget);
	code = pay_job_new(out, t->pay, &cfg, e);
	if (code != ERR_NONE)
		return code;
	for (struct deal *d = t->deals; d; d = d->next)
		if (d->torrent == torrent)
			start_buying(d);
	return ERR_NONE;
}

void trade_job_close(struct trade *t, struct pay_job *job)
{
	if (!job)
		return;
	for (struct deal *d = t->deals; d; d = d->next)
		if (torrent_job(d->torrent) == job)
			end_side(&d->buy);
	pay_job_free(job);
	note_work(t);
}

void trade_job_end(struct trade *t, const struct info_hash *hash)
{
	struct err e = {0};

	if (!t || !t->engine->money->open)
		return;
	if (book_job_end(t->engine->money->bandwidth.book, hash->bytes, &e) !=
	    ERR_NONE)
		log_line(t->engine->log, LOG_WARN, "trade",
			 "a budget was not ended text=\"%s\"", e.msg);
	t->want_commit = true;
	note_work(t);
}

json_t *trade_peer_json(const struct trade *t, const struct peer *p)
{
	const struct deal *d = deal_of(p);
	struct pay_view v;
	char text[MONEY_TEXT_MAX];
	const struct side *side;

	if (!d || !(d->sell.session || d->buy.session))
		return NULL;
	side = d->buy.session ? &d->buy : &d->sell;
	pay_session_view(side->session, &v);
	return json_pack("{ss ss sI sI ss}", "role",
			 v.role == PAY_BUY ? "buying" : "selling", "state",
			 v.state, "paid_bytes", (json_int_t)v.paid_bytes,
			 "free_bytes", (json_int_t)v.free_bytes, "bid",
			 money_text(t->engine->money, v.bid, text));
}
