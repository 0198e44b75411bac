/* rent_host.h - a host's side of sb_store: who may write, read and sign what.
 * The machine of docs/protocol.md sections 12 and 15.
 *
 * One struct rent_host for a node that rents out; a session is one sealed
 * renting connection. Pure: it owns no socket, clock, timer, key, disk or
 * database. Opened messages and the time come in; messages, questions to the
 * store and signer, and events go out by the callbacks of struct rent_host_ops.
 *
 * What may take long is asked by ops->ask() and answered later by
 * rent_host_answer(), exactly once each, never from inside ask(). A session may
 * be gone by then: a sector that was put stays staged, a revision that was
 * being stored is stored; nothing is answered.
 *
 * Order is part of the protocol: what send() is given goes to the peer in the
 * FIFO of sb_pay's messages, and what is charged is charged right before it.
 *
 * Rules that the caller keeps
 *   - loop thread only. Callbacks may call no function of this header but
 *     rent_host_room(); a session is freed outside of them.
 *   - after ops->close, or an error from rent_host_receive(), the session is
 *     dead: every call on it does nothing until rent_session_free().
 *   - rent_host_tick() at least once a second while sessions are open.
 */
#ifndef STORAGE_RENT_RENT_HOST_H
#define STORAGE_RENT_RENT_HOST_H

#include "base/agreement.h"
#include "base/amount.h"
#include "base/cbuf.h"
#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/offer.h"
#include "storage/rent/endpoint.h"
#include "storage/rent/rent_msg.h"
#include "storage/rent/rent_rules.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rent_host;
struct rent_session;

/* ---- bounds; what both sides need to know stands in docs/protocol.md ---- */

#define RENT_SESSIONS_MAX 256U /* of one host, at most; see cfg */
#define RENT_WRITES_MAX 16U    /* sectors begun and not answered */
#define RENT_READS_MAX 64U     /* requests for bulk, not answered yet */
#define RENT_SMALL_MAX 64U     /* other requests, not answered yet */
#define RENT_OPEN_MAX 4U       /* of the bulk ones at the store at a time */
#define RENT_RECORDS_MAX 8U    /* placement records arriving, all sessions */
#define RENT_HELLO_MS 10000    /* a session says hello within */
#define RENT_STALL_MS 30000    /* half a sector or record may rest */
#define RENT_HOLD_MS 30000     /* an answer waits for receipts */
#define RENT_STAGED_S 86400    /* a sector that no revision names is kept */
/* a record that nobody put again, and no agreement keeps (RECORD_LASTS_S) */
#define RENT_RECORD_S (60 * 86400)
#define RENT_TOKENS_PER_S 200U /* small requests; burst twice that */
#define RENT_NET_TIMES 4U      /* a network's share, in sessions' */
#define RENT_REFUSED_MAX 200U  /* requests in a row that are refused */

/* ---- questions ---- */

enum rent_ask_kind {
	RENT_ASK_PUT,	    /* store and stage a sector */
	RENT_ASK_HAVE,	    /* stage those of these that are here */
	RENT_ASK_READ,	    /* tiles of a sector, and their proof */
	RENT_ASK_AGREEMENT, /* the blob of the newest revision */
	RENT_ASK_PREVIEW,   /* does this change give that list? */
	RENT_ASK_CHANGE,    /* make it durable, with the blob */
	RENT_ASK_SIGN,	    /* the host's signature */
	RENT_ASK_ROOTS,	    /* a page of an agreement's list */
	RENT_ASK_LOST,	    /* a page of what is lost of it */
	RENT_ASK_PLACE,	    /* keep a placement record, if it is newer */
	RENT_ASK_FETCH,	    /* bytes of one */
	RENT_ASK_KEEP,	    /* keep a head record, if it is newer */
	RENT_ASK_HEAD,	    /* it */
};
#define RENT_ASK_KINDS (RENT_ASK_HEAD + 1)

/* Agreement, both signatures, due: what the store keeps with a revision. */
#define RENT_BLOB_LEN (AGREEMENT_LEN + 64U + 64U + 14U)

/* Everything is borrowed for the call, but for `data`, of which the callee
 * takes a reference if it needs it longer. */
struct rent_ask {
	enum rent_ask_kind kind;
	struct address renter; /* whose session it is; zero: not shown */
	/* PUT, READ */
	struct hash32 root;
	struct span data;  /* PUT: RENT_SECTOR bytes */
	uint32_t off, len; /* READ; FETCH (len 0: as much as a part) */
	int64_t expires_s; /* PUT, HAVE, PLACE, KEEP: Unix time */
	/* HAVE; PREVIEW, CHANGE: what is appended */
	const uint8_t *roots; /* n x 32 */
	size_t n_roots;
	const uint8_t *cuts; /* PREVIEW, CHANGE: n x 4, big-endian */
	size_t n_cuts;
	/* AGREEMENT, ROOTS, LOST */
	uint32_t number, from, n;
	/* PREVIEW, CHANGE, SIGN */
	const struct agreement *a;
	const uint8_t *blob; /* CHANGE: RENT_BLOB_LEN bytes */
	/* PLACE, FETCH, KEEP */
	uint8_t id[32];
	uint64_t seq;
	const uint8_t *bytes;
	size_t n_bytes;
};

/* Borrowed for the call of rent_host_answer(), but for `data`, of which the
 * machine takes a reference of its own. */
struct rent_answer {
	/* NONE: done. SIG: PUT: other bytes than the root says; PREVIEW,
	 * CHANGE: another list. STATE: not here, no such agreement, not the
	 * caller's to do. LIMIT: no space, too many. IO, DB: the disk. SIGN:
	 * anything else than NONE is a refusal. */
	enum err_code code;
	bool lost;	      /* READ: it was here */
	bool old;	      /* PLACE, KEEP: a newer or equal one is here */
	struct span data;     /* READ: the bytes */
	const uint8_t *bytes; /* READ: proof; AGREEMENT: blob; ROOTS, LOST:
				 roots; HAVE: bits, the first the
				 highest, spare ones 0; SIGN: signature; FETCH,
				 HEAD: the record's bytes */
	size_t n_bytes;
	uint32_t next, total; /* ROOTS, LOST */
	uint64_t seq;	      /* FETCH, HEAD; 0: there is none */
	uint32_t size;	      /* FETCH: of the whole */
};

/* ---- what the node lends ---- */

struct rent_offer {
	struct sheet sheet;
	struct sig64 sig;
	struct hash32 digest;
};

enum rent_event_kind {
	RENT_EV_RENTER,	 /* an account was shown */
	RENT_EV_STORED,	 /* a sector is durable */
	RENT_EV_REVISED, /* both signed: `a` */
	RENT_EV_REFUSED, /* `code`, `text` */
	RENT_EV_SERVED,	 /* a read was answered: `bytes` */
	RENT_EV_LOST,	 /* a sector that a renter asked for is lost: `root` */
	RENT_EV_TOLD,	 /* endpoint records were taken: `bytes` of them */
};

struct rent_event {
	enum rent_event_kind kind;
	void *session_ctx;
	struct address renter;
	enum rent_no code;
	const char *text; /* borrowed */
	const struct agreement *a;
	struct hash32 root;
	uint32_t bytes;
};

/* All callbacks are set; ctx is handed through. */
struct rent_host_ops {
	void *ctx;
	/* One message for the peer, copied by the callee. */
	void (*send)(void *ctx, void *session_ctx, const uint8_t *msg,
		     size_t len);
	/* May a long message be queued (0: no; rent_session_drained() then)? */
	size_t (*room)(void *ctx, void *session_ctx);
	/* The renter broke the protocol: end the connection, log e. */
	void (*close)(void *ctx, void *session_ctx, const struct err *e);
	/* Read nothing from this session (true) until false: memory. */
	void (*block)(void *ctx, void *session_ctx, bool blocked);
	void (*ask)(void *ctx, uint64_t token, const struct rent_ask *q);

	/* The period of the chain's head; false: not known. */
	bool (*period)(void *ctx, uint32_t *now);
	/* What the chain says of (renter, us, number), as last read; asks for
	 * it when it is not known. */
	void (*facts)(void *ctx, const struct address *renter, uint32_t number,
		      struct rent_facts *out);
	/* What one proof costs, in token; zero: not to be compared. */
	struct amount (*proof_fee)(void *ctx);
	/* Can so much more of our own balance be locked? */
	bool (*collateral)(void *ctx, struct amount more);
	/* The offer with this digest, or the present one (NULL). NULL: none. */
	const struct rent_offer *(*offer)(void *ctx,
					  const struct hash32 *digest);
	/* Sectors that may be taken in now. */
	uint64_t (*space)(void *ctx);

	/* Is so much more covered by this session's receipts? What is covered
	 * for a sector is not taken off before the sector is stored: `due` is
	 * all that is not stored yet. */
	bool (*covered)(void *ctx, void *session_ctx, struct amount due);
	/* It is owed from here on: the message that says so goes out next.
	 * session_ctx NULL: the session is gone, the debt is not. */
	void (*add_due)(void *ctx, void *session_ctx,
			const struct address *renter, struct amount due);
	/* Right before `len` bytes of a sector or record are sent: true, they
	 * are charged as is agreed (or free); false: not covered, ask again
	 * when rent_session_paid() was called. */
	bool (*charge)(void *ctx, void *session_ctx, uint32_t len);
	void (*event)(void *ctx, const struct rent_event *ev);
};

struct rent_host_cfg {
	uint64_t chain_id; /* 1 .. 2^63-1 */
	struct address bank, me;
	struct sig64 key_sig;  /* ours over Channel(me, our seal key) */
	uint32_t max_sessions; /* 0: RENT_SESSIONS_MAX, which is the most */
	uint32_t net_sessions; /* of one /24 or /48; 0: 16 */
	uint32_t net_hellos;   /* a minute; 0: 60 */
	uint32_t all_hellos;   /* a minute; 0: 600 */
	uint32_t buffers; /* sectors in memory before reading stops; 0: 64 */
	uint32_t ahead;	  /* periods that a start may lie ahead; 0: 3 */
	struct endpoints *peers; /* borrowed; NULL: tells of nobody */
	struct log *log;	 /* may be NULL */
};

/* ops and cfg are copied. ERR_LIMIT: a value out of range; ERR_NOMEM. */
enum err_code rent_host_new(struct rent_host **out,
			    const struct rent_host_cfg *cfg,
			    const struct rent_host_ops *ops, int64_t now_ms,
			    int64_t now_s, struct err *e)
	__attribute__((warn_unused_result));
/* Sessions are freed first; answers that still come are not told any more, and
 * buffers in them must be back. NULL is a no-op. */
void rent_host_free(struct rent_host *h);
void rent_host_tick(struct rent_host *h, int64_t now_ms, int64_t now_s);
/* The answer to ops->ask(token). */
void rent_host_answer(struct rent_host *h, uint64_t token,
		      const struct rent_answer *a, int64_t now_ms);
/* Nothing new is taken any more (or again): the host drains. */
void rent_host_set_closed(struct rent_host *h, bool closed);

/* ---- sessions ---- */

struct rent_session_cfg {
	void *ctx;	      /* session_ctx of the callbacks */
	uint8_t ip[16];	      /* the peer's, v4 mapped (::ffff:a.b.c.d) */
	uint8_t peer_key[32]; /* its X25519 key in this session's seal */
};
/* Made as soon as the seal stands. ERR_LIMIT: too many, or too many of this
 * network: close the connection. */
enum err_code rent_session_new(struct rent_session **out, struct rent_host *h,
			       const struct rent_session_cfg *cfg,
			       int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
void rent_session_free(struct rent_session *s); /* NULL is a no-op */

/* One opened message. An error (ERR_PARSE, ERR_LIMIT, ERR_SIG, ERR_STATE)
 * means: end the connection, e says why; ops->close is not called besides. */
enum err_code rent_host_receive(struct rent_session *s, const uint8_t *msg,
				size_t len, int64_t now_ms, struct err *e)
	__attribute__((warn_unused_result));
/* There is room for long messages again. */
void rent_session_drained(struct rent_session *s, int64_t now_ms);
/* Receipts came, or the price changed: what was not covered may be. */
void rent_session_paid(struct rent_session *s, int64_t now_ms);

struct rent_session_view {
	const char *state;     /* a word of the state table in DESIGN.md */
	struct address renter; /* zero: not shown */
	uint64_t bytes_in, bytes_out;
	uint32_t writes, reads, others; /* not answered yet */
	bool held;			/* waits for receipts */
};
void rent_session_view(const struct rent_session *s,
		       struct rent_session_view *out);

/* ---- the blob, for whoever reads the store ---- */

struct rent_signed_revision {
	struct agreement a;
	struct sig64 renter_sig, host_sig;
	struct amount due;
};
/* False: an amount passes 112 bits. */
bool rent_blob_put(uint8_t out[RENT_BLOB_LEN],
		   const struct rent_signed_revision *r)
	__attribute__((warn_unused_result));
/* ERR_PARSE: another length. */
enum err_code rent_blob_get(struct rent_signed_revision *out,
			    const uint8_t *blob, size_t len, struct err *e)
	__attribute__((warn_unused_result));

#endif
