/* rent_client.h - a renter's side of sb_store: one host, over one connection
 * after another. The machine of docs/protocol.md sections 12 and 15.
 *
 * The caller makes calls; each ends in one callback. Calls wait while there is
 * no connection, run many at a time when there is one, and go on after it was
 * lost: all of them may be asked again. Nothing that the host says is believed:
 * bytes have the root that was asked for, signatures recover, a list folds to
 * the root that both signed, a revision is not older than one known. What is
 * proved false ends the call as RENT_LIED and the connection with it.
 *
 * Pure: no socket, clock, timer, key or disk. Opened messages and the time come
 * in; messages and results go out by callback. Money is the caller's: it is
 * asked whether receipts cover what is to be written, told what became due, and
 * told of each byte that is charged.
 *
 * Rules that the caller keeps
 *   - loop thread only. The callbacks of struct rent_client_ops call no
 * function of this header; a call's `done` may make, cancel and look at calls,
 * and may not free the client.
 *   - after ops->close, or an error from rent_client_receive(), the connection
 *     is dead; rent_client_down() must follow.
 *   - rent_client_tick() at least once a second while there are calls.
 */
#ifndef STORAGE_RENT_RENT_CLIENT_H
#define STORAGE_RENT_RENT_CLIENT_H

#include "base/agreement.h"
#include "base/amount.h"
#include "base/cbuf.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/offer.h"
#include "storage/rent/endpoint.h"
#include "storage/rent/rent_host.h"
#include "storage/rent/rent_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rent_client;
struct rent_call;

/* ---- bounds ---- */

#define RENT_CALLS_MAX 8192U /* not ended, of one client */
#define RENT_ATTEMPTS_MAX 4U /* of one call: connections lost, "later" */
#define RENT_CLIENT_HELLO_MS 15000
#define RENT_ANSWER_MS 30000  /* an answer, or the next part of one */
#define RENT_STORED_MS 120000 /* a sector's, record's, revision's */
#define RENT_AGAIN_MS 1000    /* the first wait before "later"; doubles */
#define RENT_LIST_ROOTS_MAX (1U << 24)

/* ---- how calls end ---- */

enum rent_fate {
	RENT_DONE,
	RENT_REFUSED, /* the host said `code`; rent_remedy() of it */
	RENT_LATE,    /* no answer, in several attempts */
	RENT_LIED,    /* what it said is proved false: leave this host */
};

enum rent_remedy {
	RENT_REMEDY_LATER,     /* the same again, in a while */
	RENT_REMEDY_CHANGE,    /* ask otherwise: look at the code */
	RENT_REMEDY_ELSEWHERE, /* this host does not help with this */
	RENT_REMEDY_NEVER,     /* nor with anything */
};
enum rent_remedy rent_remedy(enum rent_no code);

/* Borrowed for the callback; what is set stands at each call below. */
struct rent_result {
	enum rent_fate fate;
	enum rent_no code;   /* REFUSED */
	const char *why;     /* not DONE: for people */
	const uint8_t *data; /* bytes */
	size_t len;
	const struct hash32 *roots;
	uint32_t n_roots;
	const struct rent_signed_revision *revision;
	struct amount due; /* it was told to ops->add_due already */
	uint64_t seq;
	bool had;	 /* put: it was there before */
	int64_t took_ms; /* from asking to the end of the answer */
};
typedef void rent_done(void *ctx, const struct rent_result *r);

/* ---- what the node lends ---- */

enum rent_client_event_kind {
	RENT_CLIENT_UP,	     /* the host proved its account; `offer` follows */
	RENT_CLIENT_OFFER,   /* it told its prices */
	RENT_CLIENT_REFUSED, /* it does not talk to us: `code` */
	RENT_CLIENT_LIED,    /* `text`: leave it */
	RENT_CLIENT_LATE,    /* it did not answer in time: `text` */
};
struct rent_client_event {
	enum rent_client_event_kind kind;
	enum rent_no code;
	const char *text;
};

/* All callbacks are set but where it says so; ctx is handed through. */
struct rent_client_ops {
	void *ctx;
	/* One message for the host, copied by the callee. */
	void (*send)(void *ctx, const uint8_t *msg, size_t len);
	/* May a long message be queued (0: no; rent_client_drained() then)? */
	size_t (*room)(void *ctx);
	/* End the connection, log e; rent_client_down() follows. */
	void (*close)(void *ctx, const struct err *e);
	/* Do acknowledged receipts cover so much beyond what is owed? If not,
	 * the caller leads them so far, and calls rent_client_paid(). */
	bool (*covered)(void *ctx, struct amount due);
	/* So much became owed with the message that has just come. */
	void (*add_due)(void *ctx, struct amount due);
	/* A sector whose answer was lost with a connection is there: the host
	 * may have counted what it costs, `due`. May be NULL. */
	void (*found)(void *ctx, struct amount due);
	/* So many bytes came that the host charges. */
	void (*charged)(void *ctx, uint32_t len);
	void (*event)(void *ctx, const struct rent_client_event *ev);
	/* A part of the sector of the put with this ctx has been sent. May be
	 * NULL. */
	void (*moving)(void *ctx, void *call_ctx);
};

struct rent_client_cfg {
	uint64_t chain_id;
	struct address bank;
	struct address host; /* zero: whoever it turns out to be */
	struct address me;   /* zero: shows no account */
	uint32_t writes;     /* sectors under way; 0: 4, RENT_WRITES_MAX */
	uint32_t reads;	     /* reads under way; 0: 16, RENT_READS_MAX */
	struct log *log;     /* may be NULL */
};

/* ops and cfg are copied. ERR_LIMIT: a value out of range; ERR_NOMEM. */
enum err_code rent_client_new(struct rent_client **out,
			      const struct rent_client_cfg *cfg,
			      const struct rent_client_ops *ops, int64_t now_ms,
			      int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* Calls that have not ended are dropped without a callback. NULL is a no-op. */
void rent_client_free(struct rent_client *c);

/* ---- the connection ---- */

struct rent_client_link {
	uint8_t host_key[32]; /* the host's X25519 key of this seal */
	struct sig64 sig;     /* ours over Channel(me, our key of it) */
};
/* A sealed connection stands: says hello. Only while there is none. */
void rent_client_up(struct rent_client *c, const struct rent_client_link *l,
		    int64_t now_ms);
/* It ended, for whatever reason. Calls that were asked are asked again on the
 * next one. */
void rent_client_down(struct rent_client *c, int64_t now_ms);
/* One opened message. An error means: end the connection, e says why;
 * ops->close is not called besides. ERR_SIG: the host lied (the call says so,
 * too). */
enum err_code rent_client_receive(struct rent_client *c, const uint8_t *msg,
				  size_t len, int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
void rent_client_drained(struct rent_client *c, int64_t now_ms);
void rent_client_paid(struct rent_client *c, int64_t now_ms);
void rent_client_tick(struct rent_client *c, int64_t now_ms, int64_t now_s);

/* A revision was on its way when a connection ended: whether the host counts it
 * is known only once it is answered, or of no account any more since its call
 * was cancelled or ended as RENT_LATE: then the caller has told its pay machine
 * what may have been counted. Until this is false no counts of the two sides
 * may be compared: open no sb_pay session with this host. */
bool rent_client_unsettled(const struct rent_client *c);
/* What the host asks for, in force on this connection; NULL: not told yet, or
 * expired. */
const struct rent_offer *rent_client_offer(const struct rent_client *c);
/* Sectors that it could still take when it told its prices: a hint. */
uint32_t rent_client_room(const struct rent_client *c);
/* Zero: not known, and no connection was up yet. */
struct address rent_client_host(const struct rent_client *c);
/* "down", "hello", "up", "dead" */
const char *rent_client_state(const struct rent_client *c);
/* Bytes of reads and records that were asked for and have not come, at most
 * `enough`; a record of unknown length counts as one part. Also from inside the
 * callbacks of struct rent_client_ops. */
uint64_t rent_client_wanted(const struct rent_client *c, uint64_t enough);
/* Calls that have not ended. */
uint32_t rent_client_calls(const struct rent_client *c);

/* ---- calls ----
 *
 * NULL: RENT_CALLS_MAX, a value out of range, or no memory; e says which, and
 * done is not called. Bytes that are handed in are copied, but for sectors. */

/* Prices; also asked by the client itself on each connection. (revision: none;
 * see rent_client_offer().) */
struct rent_call *rent_call_offer(struct rent_client *c, rent_done *done,
				  void *ctx, struct err *e);
/* data: endpoint records, RENT_NODE_LEN each, not verified. */
struct rent_call *rent_call_peers(struct rent_client *c, uint32_t n,
				  rent_done *done, void *ctx, struct err *e);
/* data: bits, as in the protocol. The sectors that are there are staged again.
 */
struct rent_call *rent_call_have(struct rent_client *c,
				 const struct hash32 *roots, uint32_t n,
				 rent_done *done, void *ctx, struct err *e);
/* A sector of RENT_SECTOR bytes, whose root was computed by the caller. A
 * reference to its owner is taken; without one they stay as they are until done
 * is called, or the call is cancelled. due, had. */
struct rent_call *rent_call_put(struct rent_client *c,
				const struct hash32 *root,
				const struct span *data, rent_done *done,
				void *ctx, struct err *e);
/* off and len: multiples of RENT_TILE within the sector. data: verified. into:
 * where they go, len bytes that are the call's until done is called, or it is
 * cancelled (and may hold anything if it fails); NULL: memory of its own. */
struct rent_call *rent_call_read(struct rent_client *c,
				 const struct hash32 *root, uint32_t off,
				 uint32_t len, uint8_t *into, rent_done *done,
				 void *ctx, struct err *e);

struct rent_revise_ask {
	struct agreement a; /* ours to sign; a.host is this host */
	struct sig64 sig;
	const uint32_t *cuts;
	uint32_t n_cuts;
	const struct hash32 *adds;
	uint32_t n_adds;
	struct amount due; /* what it costs by receipts: rent_rule() says */
};
/* One at a time. revision: with the host's signature; due. The caller has made
 * durable before that it offered this: it may be signed though no answer comes.
 */
struct rent_call *rent_call_revise(struct rent_client *c,
				   const struct rent_revise_ask *ask,
				   rent_done *done, void *ctx, struct err *e);
/* revision. `known`: the newest that the host is known to have signed, or NULL;
 * an older one, or another of that number, is a lie. REFUSED UNKNOWN with a
 * known one is a lie too. */
struct rent_call *rent_call_newest(struct rent_client *c, uint32_t number,
				   const struct agreement *known,
				   rent_done *done, void *ctx, struct err *e);
/* roots: all of the list of this revision, verified. */
struct rent_call *rent_call_list(struct rent_client *c,
				 const struct agreement *a, rent_done *done,
				 void *ctx, struct err *e);
/* roots: what the host says it lost of this agreement. */
struct rent_call *rent_call_lost(struct rent_client *c, uint32_t number,
				 rent_done *done, void *ctx, struct err *e);
/* The placement record of that key, signed; up to RENT_RECORD_MAX bytes. */
struct rent_call *rent_call_place(struct rent_client *c, const uint8_t id[32],
				  uint64_t seq, const uint8_t *record,
				  uint32_t len, rent_done *done, void *ctx,
				  struct err *e);
/* data, seq: as the host gives it; its signature is the caller's to check. */
struct rent_call *rent_call_fetch(struct rent_client *c, const uint8_t id[32],
				  rent_done *done, void *ctx, struct err *e);
/* Our head record. seq: of what is given. */
struct rent_call *rent_call_keep(struct rent_client *c, uint64_t seq,
				 const uint8_t *record, uint32_t len,
				 rent_done *done, void *ctx, struct err *e);
struct rent_call *rent_call_head(struct rent_client *c, rent_done *done,
				 void *ctx, struct err *e);
/* Endpoint records for the host, if it is up; no answer. */
void rent_client_tell(struct rent_client *c, const uint8_t *nodes, size_t n);

/* done is not called any more, and nothing that was lent is touched. What was
 * asked is still counted and charged. */
void rent_call_cancel(struct rent_call *call);

#endif
