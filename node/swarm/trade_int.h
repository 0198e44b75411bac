/* trade_int.h - what trade.c, trade_deal.c and trade_event.c share; nobody else
 * includes it. */
#ifndef NODE_TRADE_INT_H
#define NODE_TRADE_INT_H

#include "base/ecc.h"
#include "node/money/pay_lend.h"
#include "node/swarm/trade.h"
#include "wire/peer/seal.h"

#define OFFER_MAX 128

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

struct trade {
	struct engine *engine;
	struct pay_lend lend;
	struct seal_keypair key;
	struct loop_timer *tick;
	struct deal *deals;
	struct deal *noted, **noted_end; /* those with something to do */
	unsigned n_noted;
	uint8_t offer[OFFER_MAX];
	size_t offer_len;
	bool work_noted;
};

/* ---- trade.c ---- */

int64_t trade_now(const struct trade *t);
/* trade_turn_end() has something to do. */
void trade_note_work(struct trade *t);

/* ---- trade_deal.c ---- */

/* The deal has something to do at the end of the turn: trade_act(). */
void trade_note_deal(struct deal *d);
/* d may be gone afterwards: its peer was closed. */
void trade_act(struct trade *t, struct deal *d);
void trade_deal_free(struct deal *d);
void trade_end_side(struct side *side);
/* We want to pay this peer: our key goes first. */
void trade_start_buying(struct deal *d);
/* Interest changes without a callback (a piece came, another peer has one): pay
 * promises nothing to a seller of whom we want nothing. */
void trade_refresh_interest(struct trade *t);
/* For struct pay_lend_ops; session_ctx is a struct side. */
void trade_send(void *ctx, void *session_ctx, const uint8_t *msg, size_t len);
void trade_close(void *ctx, void *session_ctx, const struct err *e);

/* ---- trade_event.c ---- */

/* For struct pay_lend_ops. */
uint64_t trade_missing(void *ctx, void *session_ctx, uint64_t enough);
void trade_event(void *ctx, const struct pay_event *ev);

#endif
