/* utp_int.h - what the parts of uTP share; nobody else includes it. */
#ifndef WIRE_UTP_INT_H
#define WIRE_UTP_INT_H

#include "wire/utp/utp.h"
#include "wire/utp/utp_cc.h"
#include "wire/utp/utp_delay.h"

/* Packets lie one behind the other in slabs; each holds a reference. */
struct utp_slab {
	struct utp_slab *next; /* in utp->spare */
	uint32_t refs, cap, used;
	uint8_t data[];
};

enum {
	UTP_TX_ACKED = 1,
	UTP_TX_LOST = 2,
	UTP_TX_PROBE = 4, /* of the path's MTU */
	UTP_TX_HELD = 8,  /* counts as sent, and was not: see UTP_HOLD_EVERY */
};

struct utp_tx_packet {
	struct utp_slab *slab;
	uint8_t *p; /* its header */
	uint16_t len;
	uint8_t flags;
	uint8_t sends;
	uint32_t sent_us; /* low half of the time */
	uint32_t order;	  /* how many were sent before it */
};

/* first <= unsent <= next in sequence space; packets [first, unsent) were sent
 * at least once, [unsent, next) wait for the socket. */
struct utp_tx {
	struct utp_tx_packet *ring;
	uint32_t cap; /* a power of two, or 0 */
	uint16_t first, unsent, next;
	struct utp_slab *slab; /* being filled */
	uint32_t flight;       /* payload sent, not acked, not lost */
	uint32_t lost;	       /* packets marked so */
	uint32_t order;	       /* of the next to be sent */
	uint32_t order_acked;  /* the highest that arrived */
	uint32_t order_cut;    /* losses before it have cut the window */
	unsigned duplicates;   /* acks in a row that say nothing new */
	uint32_t until_held;   /* packets built until one is held */
	bool holes;	       /* a selective ack came since the last look */
	bool fin;	       /* is the last in the ring */
	bool wants;	       /* the caller may have output */
	bool force;	       /* one packet into a window that is shut */
	bool limited;	       /* by cwnd, when output was last asked for */
};

struct utp_rx_slot {
	uint8_t *p; /* NULL: not here; FIN and empty ones have one byte */
	uint32_t len;
};

struct utp_rx {
	uint16_t ack;	 /* the last in order */
	struct span run; /* in order, not yet handed on; owner referenced */
	struct utp_rx_slot *ring; /* out of order, NULL while there is none */
	unsigned slots;		  /* of them in use */
	uint32_t slot_bytes;
	uint16_t slot_last; /* the highest */
	uint8_t *held;	    /* in order, nobody reads: a ring */
	uint32_t held_cap, held_at, held_len;
	uint32_t max;	  /* of all that, as told */
	uint32_t told;	  /* the window said last */
	uint32_t unacked; /* bytes since our last ack */
	bool paused;	  /* may_read said 0 */
	bool fin;	  /* fin_seq is known */
	bool ended;	  /* all up to it is here */
	uint16_t fin_seq;
};

enum utp_state {
	UTP_SYN_SENT,
	UTP_OPEN,
	UTP_CLOSING, /* nobody listens: what is queued and FIN go out */
	UTP_DEAD,    /* freed at the next flush */
	UTP_STATES
};

struct utp_conn {
	struct utp *u;
	void *ctx;
	struct utp_path path;
	uint16_t recv_id, send_id;
	enum utp_state state;
	struct utp_conn *next_bucket;
	struct utp_conn *prev, *next;
	struct utp_conn *next_dirty, *next_dead;
	bool dirty;
	bool need_ack;
	struct utp_tx tx;
	struct utp_rx rx;
	struct utp_cc cc;
	struct utp_rtt rtt;
	struct utp_mtu mtu;
	struct utp_delay delay;	      /* of our packets, as they tell */
	struct utp_delay their_delay; /* of theirs, as we measure */
	uint32_t reply_us;	      /* the last of these, told back */
	uint32_t peer_window;
	int64_t rto_at;	   /* 0: not armed */
	int64_t probe_at;  /* tail loss probe */
	int64_t close_at;  /* CLOSING: given up */
	int64_t last_sent; /* anything, for NAT mappings */
	int64_t last_heard;
	struct utp_stats stats;
};

struct utp_half {
	struct utp_path path;
	int64_t since_us; /* 0: free */
	uint16_t id, seq, their_seq;
	uint8_t answers;
	uint32_t said_us; /* stamp of the first answer */
};

struct utp {
	const struct utp_ops *ops;
	void *ctx;
	struct rng rng;
	uint64_t seed; /* of the table's hash */
	struct utp_conn **buckets;
	unsigned bucket_count; /* a power of two */
	unsigned count, max;
	struct utp_conn *all, *dirty, *dead;
	struct utp_half halves[UTP_HALF_OPEN];
	struct utp_slab *spare;
	unsigned spares;
	int64_t now_us;
	int64_t wake_us;
	int64_t resets_from; /* the second that resets are counted in */
	unsigned resets;
	int64_t guesses_from; /* likewise wrong numbers for half-open ones */
	unsigned guesses;
	bool blocked;
};

/* ---- utp.c ---- */
void utp_mark(struct utp_conn *c); /* something for utp_flush() */
/* Out of the table; `closed` is told if somebody listens. */
void utp_end(struct utp_conn *c, enum utp_close why);
void utp_drop(struct utp_conn *c);
enum utp_sent utp_send_small(struct utp *u, const struct utp_path *path,
			     const uint8_t *p, size_t len);
void utp_say_reset(struct utp *u, const struct utp_path *path, uint16_t id,
		   uint16_t ack);

/* ---- utp_conn.c: one connection's states ---- */
void utp_conn_init(struct utp_conn *c, uint16_t seq);
void utp_conn_input(struct utp_conn *c, const struct utp_packet *p,
		    struct cbuf *owner);
void utp_conn_reset(struct utp_conn *c, const struct utp_packet *p);
void utp_conn_flush(struct utp_conn *c);
void utp_conn_tick(struct utp_conn *c);
int64_t utp_conn_wake_us(const struct utp_conn *c);
/* A packet with this window and all acks has left. */
void utp_conn_told(struct utp_conn *c, uint32_t window);
/* Nobody listens from here on. */
void utp_conn_leave(struct utp_conn *c);

/* ---- utp_send.c: what waits to be sent and acked ---- */
void utp_tx_clear(struct utp_conn *c);
/* Acks everything up to p->ack and what the selective ack names. */
void utp_tx_acked(struct utp_conn *c, const struct utp_packet *p);
void utp_tx_find_lost(struct utp_conn *c);
void utp_tx_timeout(struct utp_conn *c);
void utp_tx_probe_tail(struct utp_conn *c);
void utp_tx_fin(struct utp_conn *c);
/* Sends what the windows allow. */
void utp_tx_output(struct utp_conn *c);
bool utp_tx_idle(const struct utp_conn *c); /* nothing waits for an ack */
void utp_spare_free(struct utp *u);

/* ---- utp_recv.c: what arrived ---- */
void utp_rx_clear(struct utp_conn *c);
void utp_rx_data(struct utp_conn *c, const struct utp_packet *p,
		 struct cbuf *owner);
/* Hands on what may be read; tells the end when all was. */
void utp_rx_deliver(struct utp_conn *c);
uint32_t utp_rx_window(const struct utp_conn *c);
/* The selective ack; returns its length, 0: nothing is out of order. */
size_t utp_rx_sack(const struct utp_conn *c, uint8_t out[UTP_SACK_MAX]);

#endif
