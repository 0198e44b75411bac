/* rent_client_int.h - the inside of struct rent_client, for rent_client*.c.
 *
 * rent_client.c       life, the connection, what is sent when, time
 * rent_client_call.c  making calls
 * rent_client_hear.c  what the host says
 */
#ifndef STORAGE_RENT_RENT_CLIENT_INT_H
#define STORAGE_RENT_RENT_CLIENT_INT_H

#include "storage/rent/rent_client.h"

#define SMALL_MAX 24U /* other requests under way */
#define SHEET_MARGIN_S \
	60 /* prices are asked for again so long before their end \
	    */
#define OFFER_AGAIN_MS 60000
#define FETCH_RESTARTS 4U /* the record changed while it was being fetched */

enum link_state { LINK_DOWN, LINK_HELLO, LINK_UP, LINK_DEAD };

enum call_state {
	CALL_WAITING,
	CALL_SENDING, /* put, place: parts are going out */
	CALL_ASKED,   /* the answer is awaited */
};

/* Where a call stands. What waits does so by kind, so that full windows of one
 * do not have to be looked past. */
enum call_queue { Q_SMALL, Q_READ, Q_WRITE, Q_ACTIVE, Q_FAILED, QUEUES };

struct call_list {
	struct rent_call *first, *last;
};

struct rent_call {
	struct rent_call *prev, *next; /* in its queue */
	enum call_queue queue;
	struct rent_client *c;
	enum rent_kind kind; /* of the request: WRITE for a put */
	enum call_state state;
	bool have_first; /* put: it may be there: the request out is a HAVE */
	bool maybe;	 /* it was asked before, on a connection that ended */
	uint32_t id;
	unsigned attempts;
	int64_t begun_ms; /* of this attempt */
	int64_t progress_ms;
	int64_t not_before_ms;
	rent_done *done; /* NULL: cancelled */
	void *ctx;
	struct amount due; /* put, revise: what it is to cost */

	struct hash32 root;
	struct span data; /* put */
	uint32_t sent;
	uint32_t off, len; /* read; peers: len is how many */
	/* read, fetch, and what is copied; a read that was lent memory has
	 * none any more once it is cancelled */
	uint8_t *buf;
	bool lent; /* buf is the caller's */
	uint32_t buf_len, got;
	struct hash32 *tiles; /* read: nodes of what has come; while active */
	uint32_t n_bits;      /* have */
	struct rent_signed_revision revision;
	uint8_t *cuts; /* within buf */
	uint32_t n_adds, n_cuts;
	/* newest, list, lost */
	uint32_t number;
	bool known;
	struct agreement agreement;
	struct hash32 *roots;
	uint32_t n_roots, cap_roots, from, total;
	uint8_t id32[32];
	uint64_t seq;
	unsigned restarts;
};

struct rent_client {
	struct rent_client_cfg cfg;
	struct rent_client_ops ops;
	struct hash32 domain;
	int64_t now_ms, now_s;
	enum link_state state;
	uint8_t host_key[32];
	int64_t since_ms; /* of the state */
	struct call_list queues[QUEUES];
	uint32_t n_calls;
	uint32_t n_writes, n_reads, n_small; /* under way */
	struct rent_call *sending;	     /* the sector that is going out */
	struct rent_call *placing;	     /* the record */
	struct rent_call *revising;
	struct rent_call *own_offer; /* asked by ourselves */
	int64_t offer_after_ms;	     /* not before, when it was refused */
	struct amount dues;	     /* of sectors under way */
	uint32_t next_id;
	uint32_t coming; /* bytes, within ops->charged */
	bool has_offer, pumping, again;
	bool unsettled; /* of agreement unsettled_number */
	uint32_t unsettled_number;
	bool unpaid; /* covered() said no: rent_client_paid() goes on */
	struct rent_offer offer;
	uint32_t room;
	uint8_t out[RENT_MSG_MAX];
};

/* ---- rent_client.c ---- */

void client_pump(struct rent_client *c);
/* Ends it: takes it out of its queue, calls back, frees. `r` may point into the
 * call. */
void client_end(struct rent_call *k, struct rent_result *r);
void client_fail(struct rent_call *k, enum rent_fate fate, enum rent_no code,
		 const char *why);
/* Tries again after a while, or ends it when that was done often enough. */
void client_later(struct rent_call *k, enum rent_no code, const char *why);
/* The call's request is not under way any more: it waits again, first in its
 * queue. */
void client_back(struct rent_call *k);
void client_event(struct rent_client *c, enum rent_client_event_kind kind,
		  enum rent_no code, const char *text);
/* The same request for what comes next (a page, a part of a record). */
void client_ask_more(struct rent_call *k);
/* Nothing more is said on this connection: it is ended. */
void client_close(struct rent_client *c, enum err_code code, const char *why);
/* Whether the revision counts is known now. */
void client_settled(struct rent_client *c, uint32_t number);

/* ---- rent_client_call.c ---- */

void client_call_free(struct rent_call *k);
void queue_push(struct rent_call *k, enum call_queue q, bool front);
void queue_leave(struct rent_call *k);
enum call_queue queue_of(enum rent_kind kind);

/* ---- rent_client_hear.c ---- */

enum err_code client_hear(struct rent_client *c, const struct rent_msg *m,
			  struct err *e);

#endif
