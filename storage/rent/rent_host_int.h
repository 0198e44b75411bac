/* rent_host_int.h - the inside of struct rent_host, for rent_host*.c only.
 *
 * rent_host.c         life, sessions, requests, questions, time
 * rent_host_say.c     what is received: hello, prices, hosts, the others' ways
 * rent_host_limit.c   how much of it: tokens, networks
 * rent_host_write.c   sectors that come in, and have
 * rent_host_read.c    what goes out in bulk: sectors, pages, records
 * rent_host_revise.c  revisions, newest
 * rent_host_record.c  placement and head records that come in, head
 */
#ifndef STORAGE_RENT_RENT_HOST_INT_H
#define STORAGE_RENT_RENT_HOST_INT_H

#include "storage/rent/rent_host.h"

#define NETS 1024U /* networks remembered */
#define NET_FORGET_MS 60000
#define ASKS_MAX 65536U
#define RECORDS_PER_NET 2U
#define READ_COST 1U	 /* tokens; a whole sector gives them back */
#define RECORD_MS 120000 /* all of a placement record arrives within */

enum session_state {
	SESSION_NEW,  /* nothing said yet */
	SESSION_OPEN, /* hello, no account shown */
	SESSION_KNOWN,
};

enum req_state {
	/* WRITE, PLACE */
	REQ_FILLING, /* parts are arriving */
	/* all */
	REQ_WAITING, /* not begun: READ, LIST, LOST, FETCH */
	REQ_ASKED,   /* at the store, or the signer */
	REQ_SENDING, /* READ: data is going out */
};

struct req {			 /* one that is not answered yet */
	struct req *prev, *next; /* in its session, oldest first */
	struct rent_session *s;
	enum rent_kind kind;
	uint32_t id;
	enum req_state state;
	int64_t since_ms, born_ms; /* last progress; when it came */
	enum rent_no sink; /* WRITE, PLACE: refused with this once all parts
			      have passed; NONE: taken */
	uint64_t token;	   /* ASKED */
	struct amount due;
	/* WRITE */
	struct hash32 root;
	struct cbuf *sector;
	uint32_t got; /* bytes of the sector or record that are here */
	/* READ; LIST, LOST: from, n; FETCH: off */
	uint32_t off, len;
	uint32_t number, from, n;
	bool open;	  /* counted in n_open: it holds memory */
	struct span data; /* READ: what is being sent */
	uint32_t sent;
	uint8_t proof[RENT_PROOF_MAX * 32];
	size_t proof_len;
	/* PLACE, FETCH */
	uint8_t id32[32];
	uint64_t seq;
	uint32_t size;
	uint8_t *bytes;		   /* PLACE: the record */
	struct revision *revision; /* REVISE */
};

struct rent_net_entry {
	struct rent_net net;
	uint32_t sessions;
	uint32_t records; /* placement records arriving */
	uint32_t hellos;
	int64_t minute;
	int64_t tokens_ms;
	uint32_t tokens;
	int64_t used_ms;
	bool used;
};

struct rent_session {
	struct rent_host *h;
	struct rent_session *prev, *next;
	void *ctx;
	struct rent_net_entry *net;
	struct rent_net net_key;
	uint8_t peer_key[32];
	enum session_state state;
	bool dead;
	bool blocked;
	bool held; /* charge() said no: rent_session_paid() goes on */
	bool pumping;
	int64_t held_ms;
	struct address renter;
	int64_t born_ms;
	struct req *first, *last;
	uint32_t n_writes, n_bulk, n_open, n_small;
	struct amount dues;    /* covered, and not owed yet: of its requests */
	struct amount ingress; /* of one sector, as told */
	int64_t priced_until_s;
	struct req *filling; /* the sector whose parts are arriving */
	struct req *record;  /* the placement record that is arriving */
	struct req *revise;
	uint32_t tokens;
	int64_t tokens_ms;
	uint32_t refused; /* in a row */
	uint64_t bytes_in, bytes_out;
};

struct ask_slot {
	uint32_t gen;
	uint32_t next_free;
	bool used;
	enum rent_ask_kind kind;
	struct req *req;   /* NULL: its session is gone */
	struct cbuf *held; /* PUT: the buffer counts until the answer */
	/* CHANGE: what is owed though the session is gone */
	struct address renter;
	struct amount due;
};

struct rent_host {
	struct rent_host_cfg cfg;
	struct rent_host_ops ops;
	struct hash32 domain;
	int64_t now_ms, now_s;
	struct rent_session *sessions;
	uint32_t n_sessions;
	uint32_t n_records; /* placement records arriving */
	uint32_t n_open;    /* bulk requests that hold memory */
	uint32_t n_sectors; /* sectors that arrive, or are being stored */
	bool closed;
	struct ask_slot *asks;
	uint32_t n_asks, cap_asks, free_ask;
	struct cbuf_pool *sectors;
	struct rent_net_entry nets[NETS];
	uint32_t hellos;
	int64_t hello_minute;
	uint8_t out[RENT_MSG_MAX]; /* where messages are put together */
};

/* ---- rent_host.c ---- */

void host_send(struct rent_session *s, const struct rent_msg *m);
/* The request is answered: it goes. */
void host_end(struct req *r);
void host_refuse(struct req *r, enum rent_no code, const char *why);
/* Of a request that was never made a struct req of. ERR_LIMIT: the session had
 * too many refusals in a row. */
enum err_code host_refuse_id(struct rent_session *s, uint32_t id,
			     enum rent_no code, const char *why, struct err *e);
void host_close(struct rent_session *s, enum err_code code, const char *why);
bool host_is_bulk(enum rent_kind kind); /* READ, LIST, LOST, FETCH */
struct req *host_req(struct rent_session *s, const struct rent_msg *m);
/* Asks for r; q->renter is filled in. False: r was refused and is gone. */
bool host_ask(struct req *r, struct rent_ask *q);
void host_tell(struct rent_session *s, struct rent_event *ev);
/* What a store's answer means to a renter. */
enum rent_no host_no_of(enum err_code code, enum rent_no if_state);

/* ---- rent_host_limit.c ---- */

struct rent_net_entry *limit_enter(struct rent_host *h,
				   const struct rent_net *net);
void limit_leave(struct rent_host *h, struct rent_net_entry *n);
bool limit_hello(struct rent_host *h, struct rent_net_entry *n);
/* Takes `cost` tokens of the session's and of its network's. */
bool limit_take(struct rent_session *s, uint32_t cost);
void limit_give(struct rent_session *s, uint32_t cost);

/* ---- the kinds ---- */

enum err_code write_part(struct rent_session *s, const struct rent_msg *m,
			 struct err *e);
void write_answer(struct req *r, const struct rent_answer *a);
void write_unblock(struct rent_host *h);
void write_release(struct req *r);
enum err_code have_ask(struct rent_session *s, const struct rent_msg *m,
		       struct err *e);
void have_answer(struct req *r, const struct rent_answer *a);

enum err_code bulk_request(struct rent_session *s, const struct rent_msg *m,
			   struct err *e);
void bulk_answer(struct req *r, const struct rent_answer *a);
void bulk_pump(struct rent_session *s);
void bulk_tick(struct rent_session *s);
void bulk_release(struct req *r); /* what it holds open */

enum err_code revise_request(struct rent_session *s, const struct rent_msg *m,
			     struct err *e);
void revise_answer(struct req *r, enum rent_ask_kind kind,
		   const struct rent_answer *a);
void revise_free(struct revision *v);
enum err_code newest_request(struct rent_session *s, const struct rent_msg *m,
			     struct err *e);
void newest_answer(struct req *r, const struct rent_answer *a);

enum err_code place_part(struct rent_session *s, const struct rent_msg *m,
			 struct err *e);
void place_answer(struct req *r, const struct rent_answer *a);
void place_release(struct req *r);
enum err_code keep_request(struct rent_session *s, const struct rent_msg *m,
			   struct err *e);
enum err_code head_request(struct rent_session *s, const struct rent_msg *m,
			   struct err *e);
void head_answer(struct req *r, const struct rent_answer *a);

#endif
