/* pay.h - sb_pay: bids, receipts that lead the bytes by one step, and who is
 * served for money. The whole machine of docs/protocol.md sections 3, 5, 6
 * and 8.
 *
 * One struct pay per node and account. In it, per other address, one debt each
 * way, shared by all connections and torrents. A session is one direction of
 * one sealed connection: we sell on it or we buy on it.
 *
 * Pure: it owns no socket, clock, timer, key or database. Bytes, block counts
 * and `now_ms` go in; messages, events and requests come out by the callbacks
 * of struct pay_host. Messages are plaintext bencoded dictionaries of at most
 * PAY_MSG_MAX bytes; sealing is the caller's (wire/peer/seal).
 *
 * Order is part of the protocol: what send() is given goes to the peer in the
 * same FIFO as the blocks, behind those already queued and before those queued
 * later. The peer counts the same bytes at the same price only then.
 *
 * Rules that the caller keeps
 *   - loop thread only. Callbacks are made from inside the functions below and
 *     from pay_committed() and pay_tick(). A callback may call no function of
 *     this header but pay_rank(), and frees no session; it notes and acts when
 *     the call has returned.
 *   - when host.want_commit was called, book_commit() and then pay_committed()
 *     before the turn of the loop ends.
 *   - pay_tick() at least every 500 ms while sessions are open.
 *   - after host.close, or an error from pay_receive(), the session is dead:
 *     every call on it does nothing until pay_session_free().
 *
 * Figures (bytes, GiB = 2^30) stand in pay_msg.h where both sides need them.
 */
#ifndef LEDGER_PAY_H
#define LEDGER_PAY_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "ledger/book/book.h"
#include "ledger/pay/pay_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pay;
struct pay_session;
struct pay_job;

#define PAY_SESSIONS_MAX 4096
/* Pairs kept in memory; those without a session give way. */
#define PAY_PAIRS_MAX 8192
#define PAY_JOBS_MAX 1024

/* ---- what the node lends ---- */

enum pay_event_kind {
	PAY_EV_BID_RAISED,     /* amount: the new bid per GiB */
	PAY_EV_TERMS,	       /* a seller told its terms; amount: its price */
	PAY_EV_BUDGET_GONE,    /* the job goes on for free */
	PAY_EV_FUNDS_GONE,     /* our own balance is promised or unknown */
	PAY_EV_TOO_DEAR,       /* the seller's price is above our maximum */
	PAY_EV_SENT,	       /* a receipt went out; amount: cumulative */
	PAY_EV_ACCEPTED,       /* we took a receipt; amount: cumulative */
	PAY_EV_REFUSED,	       /* we refused a receipt or bid; code says why */
	PAY_EV_NO,	       /* the seller refused ours; code says why */
	PAY_EV_LIMIT,	       /* payer at its exposure limit: amount */
	PAY_EV_SELLER_DROPPED, /* took a step and did not serve; amount: lost */
	PAY_EV_ADOPTED,	       /* payee held a higher receipt of ours: amount */
	PAY_EV_RANK,	       /* pay_rank() changed: choke again */
	PAY_EV_READY,	       /* a held block may be offered again */
	PAY_EV_BOOK,	       /* the book refused; nothing was served on it */
	PAY_EV_COVERED,	       /* what pay_lead() was to cover is */
};

struct pay_event {
	enum pay_event_kind kind;
	void *session_ctx; /* NULL: not one session's */
	struct pay_job *job;
	struct address peer; /* zero when it is not known yet */
	struct amount amount;
	enum pay_no code;
	const char *text; /* borrowed, for a log line or a person */
};

/* All callbacks are set; ctx is handed through. */
struct pay_host {
	void *ctx;
	/* One message for the peer, copied by the callee; see "Order" above. */
	void (*send)(void *ctx, void *session_ctx, const uint8_t *msg,
		     size_t len);
	/* The peer broke the protocol: end the connection, log e. */
	void (*close)(void *ctx, void *session_ctx, const struct err *e);
	/* Ask the signer for Receipt(me, payee, amount); answered by one
	 * pay_on_signed(), later, never from inside. One at a time a payee,
	 * unless it stays silent for a minute. */
	void (*sign)(void *ctx, const struct address *payee,
		     struct amount amount);
	/* True when sig is payer's over Receipt(payer, payee, amount) in the
	 * bank's domain. Pure, under 100 us. */
	bool (*check)(void *ctx, const struct address *payer,
		      const struct address *payee, struct amount amount,
		      const uint8_t sig[RECEIPT_SIG_LEN]);
	/* True when sig is payee's over Channel(payee, key) in the bank's
	 * domain: the far end of the seal is that payee. */
	bool (*check_channel)(void *ctx, const struct address *payee,
			      const uint8_t key[32],
			      const uint8_t sig[RECEIPT_SIG_LEN]);
	/* Read (payer -> payee) and the payer's free balance in final state and
	 * put it into the book, then pay_on_facts(). One of the two is us.
	 * Asked again at most every PAY_FACTS_MS a pair. */
	void (*want_facts)(void *ctx, const struct address *payer,
			   const struct address *payee);
	/* Something was staged in the book. */
	void (*want_commit)(void *ctx);
	/* Payload bytes that the seller of this session could still send us
	 * and that have not arrived, at most `enough`: promises do not lead
	 * beyond them. Asked a few hundred times a GiB. */
	uint64_t (*missing)(void *ctx, void *session_ctx, uint64_t enough);
	void (*event)(void *ctx, const struct pay_event *ev);
};

/* The book as pay uses it: the functions of the same name in book.h. */
struct pay_book {
	void *ctx;
	enum err_code (*pair_load)(void *ctx, struct book_pair *out,
				   const struct address *peer, struct err *e);
	enum err_code (*receipt_in)(void *ctx, const struct receipt *r,
				    struct amount owed, uint64_t owed_rem,
				    int64_t now_s, struct err *e);
	enum err_code (*receipt_out)(void *ctx, const struct address *payee,
				     const struct book_out *out,
				     const struct book_job *job, int64_t now_s,
				     struct err *e);
	enum err_code (*counts_in)(void *ctx, const struct address *payer,
				   struct amount owed, uint64_t owed_rem,
				   struct err *e);
	enum err_code (*counts_out)(void *ctx, const struct address *payee,
				    const struct book_out *out, struct err *e);
	enum err_code (*job_load)(void *ctx, struct book_job *job,
				  struct err *e);
	/* What is promised beyond reserves and not drawn, over all payees, and
	 * our own free balance (false: never read). */
	bool (*own_funds)(void *ctx, struct amount *free,
			  struct amount *promised);
};
struct pay_book pay_book_of(struct book *b);

struct pay_config {
	uint64_t chain_id; /* 1 .. 2^63-1 */
	struct address bank, me;
	/* selling */
	bool sell;
	struct amount floor;	   /* per GiB, what a bid must reach */
	struct amount trust_start; /* a few cashing fees, in token */
	struct amount trust_max;   /* no payer is trusted further */
	unsigned asks_per_net;	   /* a minute, per /24 or /48; 0: default 4 */
	unsigned asks_in_all;	   /* a minute; 0: default 60 */
	/* Our seal key of this run and our account's signature over
	 * Channel(me, key): both go into the terms. */
	uint8_t seal_key[32];
	uint8_t seal_sig[RECEIPT_SIG_LEN];
	/* What one receipt may add for dues, as our price sheets say it. */
	struct amount due_step;
};

/* ERR_LIMIT: an amount of 2^112 or more, chain_id out of range. log may be
 * NULL. host, book and cfg are copied. */
enum err_code pay_new(struct pay **out, const struct pay_config *cfg,
		      const struct pay_host *host, const struct pay_book *book,
		      struct log *log, int64_t now_ms, int64_t now_s,
		      struct err *e) __attribute__((warn_unused_result));
/* Sessions and jobs are freed first. NULL is a no-op. Counts not yet in the
 * book are staged: commit once more after it. */
void pay_free(struct pay *p);

/* From now on; running sessions get new terms before the next block. */
void pay_set_floor(struct pay *p, struct amount floor_per_gib);
void pay_set_trust_start(struct pay *p, struct amount trust);
/* Selling begins, or goes on with another key, though pay_config said nothing
 * of it. Before any session that sells. ERR_LIMIT: the floor is zero or passes
 * 112 bits. */
enum err_code pay_sell_as(struct pay *p, const uint8_t seal_key[32],
			  const uint8_t seal_sig[RECEIPT_SIG_LEN],
			  struct amount floor_per_gib, struct err *e)
	__attribute__((warn_unused_result));
/* Only ever more: payers may hold older sheets of ours. */
void pay_raise_due_step(struct pay *p, struct amount due_step);
/* The floor, rounded up to two digits: the hint of the plain handshake, too
 * coarse to know a node by. */
struct amount pay_price_hint(const struct pay *p);

/* ---- time, commits, answers ---- */

void pay_tick(struct pay *p, int64_t now_ms, int64_t now_s);
/* The commit of this turn is done (ok) or failed: releases acks and receipts,
 * or takes back what was not stored. */
void pay_committed(struct pay *p, bool ok, int64_t now_ms);
/* The signer's answer; sig NULL: refused, `why` says so (limit of the day). */
void pay_on_signed(struct pay *p, const struct address *payee,
		   struct amount amount, const uint8_t *sig,
		   const struct err *why, int64_t now_ms);
/* The book has newer facts about this other address (either direction), or our
 * own balance changed (zero address). */
void pay_on_facts(struct pay *p, const struct address *other, int64_t now_ms);

/* ---- jobs: what a paid download may cost ---- */

struct pay_job_config {
	uint8_t key[20]; /* info hash: its spending survives restarts */
	struct amount max_per_gib;   /* hard maximum of a bid */
	struct amount start_per_gib; /* first bid; the floor when lower */
	struct amount budget;	     /* in all, over every run */
};
/* ERR_LIMIT: PAY_JOBS_MAX, or an amount of 2^112 or more; ERR_DB. */
enum err_code pay_job_new(struct pay_job **out, struct pay *p,
			  const struct pay_job_config *cfg, struct err *e)
	__attribute__((warn_unused_result));
/* Its sessions are freed first. NULL is a no-op. */
void pay_job_free(struct pay_job *job);
struct pay_job_state {
	struct amount spent; /* promised on its behalf, over every run */
	struct amount left;
	struct amount top_bid; /* highest bid out now */
	uint64_t paid_bytes;   /* of this run */
	unsigned sellers;      /* sessions that are being paid */
	bool gone;	       /* budget used up */
};
void pay_job_state(const struct pay_job *job, struct pay_job_state *out);

/* ---- sessions ---- */

enum pay_role { PAY_SELL, PAY_BUY };

struct pay_session_config {
	enum pay_role role;
	void *ctx;	      /* session_ctx of the callbacks */
	struct pay_job *job;  /* PAY_BUY: whose money; else NULL */
	uint8_t ip[16];	      /* the peer's, v4 mapped (::ffff:a.b.c.d) */
	uint8_t seal_key[32]; /* PAY_BUY: the seller's key of this seal */
	/* A renting connection: dues beside bytes; nobody is choked, and who
	 * does not serve is the caller's to judge. PAY_BUY: `dues` are the
	 * seller's, as in pay_set_dues(). */
	bool renting;
	const struct pay_dues *dues;
	struct address payee; /* PAY_BUY: nobody else; zero: whoever it is */
};
/* Made as soon as the seal stands. A buyer asks at once (unless its job has
 * nothing left); a seller waits to be asked. ERR_LIMIT: PAY_SESSIONS_MAX;
 * ERR_STATE: we do not sell. */
enum err_code pay_session_new(struct pay_session **out, struct pay *p,
			      const struct pay_session_config *cfg,
			      int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void pay_session_free(struct pay_session *s);

/* PAY_BUY: what is promised from here on is of this job (NULL: nothing is). */
void pay_session_set_job(struct pay_session *s, struct pay_job *job,
			 int64_t now_ms);

/* One opened message from the peer. An error (ERR_PARSE, ERR_LIMIT, ERR_SIG,
 * ERR_STATE) means: end the connection, e says why; host.close is not called
 * besides. */
enum err_code pay_receive(struct pay_session *s, const uint8_t *msg, size_t len,
			  int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));

/* ---- selling ---- */

/* How the choker serves this peer now. */
enum pay_slot { PAY_SLOT_FREE, PAY_SLOT_PAID };
void pay_set_slot(struct pay_session *s, enum pay_slot slot);

enum pay_charge { PAY_CHARGE_FREE, PAY_CHARGE_PAID, PAY_CHARGE_HOLD };
/* Asked right before a block of `len` payload bytes enters the FIFO. PAID: its
 * price is taken off. FREE: tit-for-tat, nothing taken. HOLD: not covered,
 * leave it where it is; PAY_EV_READY or PAY_EV_RANK follows. May send a meter
 * message first. */
enum pay_charge pay_charge(struct pay_session *s, uint32_t len, int64_t now_ms);
/* The usual block in between, for whom reading the clock is dear: true when it
 * is PAID just as the last one. False: nothing was done, ask pay_charge(). */
bool pay_charge_next(struct pay_session *s, uint32_t len);
/* A block that was charged as paid was not sent after all (unreadable, or
 * choked before a byte of it left). */
void pay_uncharge(struct pay_session *s, uint32_t len);
/* What the choker ranks paid slots by: the bid, order-preserving, while the
 * peer is paid up; 0: not to be put into a paid slot. */
uint64_t pay_rank(const struct pay_session *s);

/* ---- buying ---- */

/* Whether the seller chokes us, and whether we want anything of it. */
void pay_set_choked(struct pay_session *s, bool choked, bool interested,
		    int64_t now_ms);
/* A block that we had requested arrived (cancelled since or not). */
void pay_on_block(struct pay_session *s, uint32_t len, int64_t now_ms);
/* The seller sent bad data: it is never paid again. */
void pay_bad_bytes(struct pay_session *s, uint32_t len);

/* ---- dues ----
 *
 * What is paid by receipts and is no traffic: a sector taken in, a period of an
 * unopened agreement (docs/protocol.md section 15). A due is owed from the
 * message that tells it on, on both sides, beside the bytes and in one sum with
 * them. Sessions of renting connections only. */

/* What a seller's price sheet says about them. */
struct pay_dues {
	struct amount one;  /* a sector's; lost messages may tell sixteen */
	struct amount step; /* what one receipt may add for dues */
	struct amount most; /* per GiB of traffic: no higher bid */
};
void pay_set_dues(struct pay_session *s, const struct pay_dues *d);

/* Selling. Do held, countable receipts cover so much beyond what is owed, and
 * beyond what other sessions of this payer were told is covered? Then they are
 * kept for it: no byte is charged to them until pay_add_due(), or until this is
 * asked with less. `due` is all that is under way on this session. */
bool pay_covered(struct pay_session *s, struct amount due, int64_t now_ms);
/* Buying. True: acknowledged receipts cover `due`, all that is under way or to
 * be asked for next, beyond what is owed. Else they are led so far, as budget,
 * funds and the seller's limit allow, and PAY_EV_COVERED follows. A seller
 * without history is led by one at a time: `single` is the largest of them. */
bool pay_lead(struct pay_session *s, struct amount due, struct amount single,
	      int64_t now_ms);
/* It is owed from here on: right before the seller's message that tells it is
 * sent, right when the buyer got it. `bytes`: what it delivered, for the
 * buyer's history with this seller. */
void pay_add_due(struct pay_session *s, struct amount due, uint32_t bytes,
		 int64_t now_ms);
/* The same where there is no session (any more): we sell, or buy of, `other`.
 * ERR_LIMIT, ERR_DB, ERR_NOMEM: the pair cannot be had, nothing is counted. */
enum err_code pay_add_due_of(struct pay *p, enum pay_role role,
			     const struct address *other, struct amount due,
			     int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));

/* Buying. What a lost message told turns out to have been done after all: the
 * sector is there. It is counted when the two compare, and is no loss. */
void pay_found_due(struct pay *p, const struct address *payee,
		   struct amount due, uint32_t bytes, int64_t now_ms);

/* ---- looking ---- */

struct pay_view {
	enum pay_role role;
	const char *state;    /* a word of the state table in DESIGN.md */
	struct address peer;  /* zero: not known yet */
	struct amount bid;    /* per GiB, agreed */
	struct amount credit; /* PAY_SELL: prepaid and countable, not served */
	struct amount ahead;  /* PAY_BUY: promised, not arrived */
	uint64_t paid_bytes, free_bytes;
	bool metered; /* the bytes flowing now are charged */
};
void pay_session_view(const struct pay_session *s, struct pay_view *out);

#endif
