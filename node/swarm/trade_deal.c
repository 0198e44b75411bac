/* trade_deal.c - what we have with one peer: two sealed sessions at most, the
 * messages that carry them, and what the swarm says of the peer. */
#include "node/swarm/trade_int.h"

#include "base/bencode.h"
#include "node/money/money.h"
#include "node/swarm/torrent.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTER_MAX (16U << 10)
#define SEAL_NAME 'p'

/* ---- noted for the end of the turn ---- */

void trade_note_deal(struct deal *d)
{
	if (!d->noted) {
		d->noted = true;
		d->noted_next = NULL;
		*d->trade->noted_end = d;
		d->trade->noted_end = &d->noted_next;
		d->trade->n_noted++;
	}
	trade_note_work(d->trade);
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

static void doom(struct deal *d, enum peer_close why, const char *text)
{
	if (d->doomed)
		return;
	d->doomed = true;
	d->doom = why;
	(void)snprintf(d->doom_text, sizeof(d->doom_text), "%s", text);
	trade_note_deal(d);
}

/* d may be gone afterwards: its peer was closed. */
void trade_act(struct trade *t, struct deal *d)
{
	int64_t now = trade_now(t);

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

void trade_send(void *ctx, void *session_ctx, const uint8_t *msg, size_t len)
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

void trade_close(void *ctx, void *session_ctx, const struct err *e)
{
	struct side *side = session_ctx;

	(void)ctx;
	doom(side->deal, PEER_CLOSE_EXTENSION, e->msg);
}

/* ---- sessions ---- */

void trade_end_side(struct side *side)
{
	pay_session_free(side->session);
	side->session = NULL;
	side->open = false;
	seal_clear(&side->seal);
}

void trade_deal_free(struct deal *d)
{
	struct trade *t = d->trade;

	if (d->noted)
		forget_note(d);
	trade_end_side(&d->sell);
	trade_end_side(&d->buy);
	if (d->prev)
		d->prev->next = d->next;
	else
		t->deals = d->next;
	if (d->next)
		d->next->prev = d->prev;
	free(d);
}

/* Interest changes without a callback (a piece came, another peer has one): pay
 * promises nothing to a seller of whom we want nothing. */
void trade_refresh_interest(struct trade *t)
{
	struct peer_stats stats;

	for (struct deal *d = t->deals; d; d = d->next) {
		if (!d->buy.session)
			continue;
		peer_stats_get(d->peer, &stats);
		pay_set_choked(d->buy.session, stats.they_choke,
			       stats.am_interested, trade_now(t));
	}
}

/* ---- deals ---- */

static struct deal *deal_of(const struct peer *p)
{
	return link_trade(peer_user(p));
}

static struct seal_transcript transcript(const struct deal *d, bool we_sell)
{
	struct seal_transcript s = {.hash = *peer_info_hash(d->peer)};
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
	return pay_session_new(&side->session, d->trade->lend.pay, &cfg,
			       trade_now(d->trade), e);
}

/* We want to pay this peer: our key goes first. */
void trade_start_buying(struct deal *d)
{
	struct seal_keypair own;
	struct seal_transcript s = transcript(d, false);
	struct peer_stats stats;
	struct err e = {0};

	if (!d->they_sell || d->buy.open || d->bad || !d->trade->lend.pay ||
	    !torrent_job(d->torrent))
		return;
	seal_keypair_new(&own);
	if (seal_buyer_new(&d->buy.seal, &own, d->seller_key, &s, &e) ==
	    ERR_NONE) {
		send_outer(d, "k", own.pk, sizeof(own.pk));
		if (open_session(d, PAY_BUY, &e) == ERR_NONE) {
			peer_stats_get(d->peer, &stats);
			pay_set_choked(d->buy.session, stats.they_choke,
				       stats.am_interested,
				       trade_now(d->trade));
		}
	}
	sodium_memzero(&own, sizeof(own));
	if (e.code != ERR_NONE)
		log_line(d->trade->engine->log, LOG_WARN, "trade",
			 "cannot buy text=\"%s\"", e.msg);
	trade_note_work(d->trade);
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
	trade_start_buying(d);
}

void trade_peer_gone(struct trade *t, struct peer *p)
{
	struct deal *d = deal_of(p);

	if (!d)
		return;
	link_set_trade(peer_user(p), NULL);
	trade_deal_free(d);
	trade_note_work(t);
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
	if (!d->trade->lend.pay || !engine_flag(d->trade->engine, "sell")) {
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
	if (pay_receive(side->session, plain, len, trade_now(d->trade), &e) !=
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
	trade_note_work(t);
}

enum swarm_charge trade_charge(struct trade *t, struct peer *p, uint32_t len)
{
	struct deal *d = deal_of(p);

	if (!d || !d->sell.session)
		return WIRE_FREE;
	if (pay_charge_next(d->sell.session, len))
		return WIRE_PAID;
	switch (pay_charge(d->sell.session, len, trade_now(t))) {
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
	pay_set_choked(d->buy.session, choked, stats.am_interested,
		       trade_now(t));
}

void trade_block(struct trade *t, struct peer *p, uint32_t len)
{
	struct deal *d = deal_of(p);

	if (!d || !d->buy.session)
		return;
	pay_on_block(d->buy.session, len, trade_now(t));
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

/* ---- looking ---- */

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
