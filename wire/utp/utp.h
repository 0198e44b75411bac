/* utp.h - uTP (BEP 29) with LEDBAT (RFC 6817): streams over datagrams. It owns
 * no socket, no clock and no randomness: datagrams and the time go in;
 * datagrams, stream bytes and events come out through utp_ops.
 *
 * Life: utp_connect() makes a connection, or `accepted` tells of one whose
 * other side has answered what only it can have been told (so nobody is made
 * to answer an address that is not its own; until then it is 48 bytes in a
 * bounded table). What happened since is carried out by two calls:
 *   utp_deliver()  after a batch of datagrams: hands on what arrived in order
 *   utp_flush()    at the end of a turn: asks for output, sends, acks
 * and utp_tick() when utp_wake_us() has come, before a flush.
 *
 * Data path. Incoming payload is handed on as spans of the receive buffer;
 * payloads that follow each other in memory are one span. Only what comes out
 * of order, or while may_read says 0, is copied. Outgoing bytes are copied
 * once, from what `output` names, into packets that lie one behind the other,
 * so that many leave in one system call, and stay there until they are acked.
 *
 * Bounds: UTP_* below. Hostile input: a packet counts only if its ids fit and
 * its numbers lie where they can; acks of what was not sent are dropped; resets
 * too. A SYN is answered by one packet no longer than itself.
 *
 * Times are monotonic microseconds. Thread: the loop's. Reentrancy: callbacks
 * may call all utp_conn_* functions of any connection, and utp_connect().
 */
#ifndef WIRE_UTP_H
#define WIRE_UTP_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/rng.h"
#include "wire/addr.h"
#include "wire/utp/utp_mtu.h"
#include "wire/utp/utp_packet.h"

#include <sys/uio.h>

struct utp;
struct utp_conn;

/* The other end, and which of the caller's sockets leads there. */
struct utp_path {
	struct wire_addr to;
	unsigned local;
};

enum utp_sent {
	UTP_SENT,
	UTP_BUSY,     /* not now; utp_writable() will be called */
	UTP_TOO_LONG, /* for the path, as far as the system knows */
	UTP_LOST,     /* refused; as if the network had lost it */
};

/* Packets to one path: `len` bytes, in packets of `segment` bytes each but for
 * the last, which may be shorter. */
struct utp_datagrams {
	const uint8_t *p;
	size_t len;
	size_t segment;
	bool whole; /* must not be fragmented (one packet only): an MTU probe */
};

enum utp_close {
	UTP_CLOSE_FIN,	   /* the other side has nothing more to say */
	UTP_CLOSE_RESET,   /* it does not know the connection */
	UTP_CLOSE_TIMEOUT, /* no answer */
	UTP_CLOSE_LIED,	   /* it acked what cannot have arrived */
	UTP_CLOSE_NOMEM,
};

const char *utp_close_name(enum utp_close why);

struct utp_ops {
	enum utp_sent (*send)(void *ctx, const struct utp_path *path,
			      const struct utp_datagrams *out);
	/* Returns the connection's ctx; NULL refuses. */
	void *(*accepted)(void *ctx, struct utp_conn *c,
			  const struct utp_path *path);
	void (*connected)(void *conn_ctx);
	void (*received)(void *conn_ctx, const struct span *bytes);
	/* As net_ops: fills iov with what to send next. */
	size_t (*output)(void *conn_ctx, struct iovec *iov, size_t max);
	void (*sent)(void *conn_ctx, size_t bytes);
	size_t (*may_read)(void *conn_ctx);
	/* The connection is gone when this returns. */
	void (*closed)(void *conn_ctx, enum utp_close why);
};

struct utp *utp_new(const struct utp_ops *ops, void *ctx, const struct rng *rng,
		    unsigned max_conns, struct err *e);
/* Says a last FIN to all who are connected; calls nothing but `send`. */
void utp_free(struct utp *u, int64_t now_us);

/* A datagram of UTP_HEAD bytes or more arrived; `rest` is what follows its
 * first UTP_HEAD bytes. rest.owner may be NULL: then the bytes are gone when
 * this returns. */
void utp_input(struct utp *u, int64_t now_us, const struct utp_path *from,
	       const uint8_t head[UTP_HEAD], const struct span *rest);
void utp_deliver(struct utp *u, int64_t now_us);
void utp_flush(struct utp *u, int64_t now_us);
void utp_tick(struct utp *u, int64_t now_us);
/* INT64_MAX: nothing waits for a time. */
int64_t utp_wake_us(const struct utp *u);
/* The sockets take more again (utp_flush() carries on). */
void utp_writable(struct utp *u);
/* Something waits for utp_flush(). */
bool utp_is_dirty(const struct utp *u);
unsigned utp_count(const struct utp *u);

/* NULL: too many, or out of memory. The outcome comes as connected or closed.
 */
struct utp_conn *utp_connect(struct utp *u, int64_t now_us,
			     const struct utp_path *path, void *conn_ctx);
/* The longest packet (UTP_PACKET_SAFE until told) and the bytes that may be on
 * their way to us (UTP_WINDOW until told), before any data has moved. */
void utp_conn_limit(struct utp_conn *c, uint32_t packet_max, uint32_t window);
/* What was handed over is still sent, then FIN; no callback comes any more. */
void utp_conn_close(struct utp_conn *c);
void utp_conn_want_write(struct utp_conn *c);
void utp_conn_want_read(struct utp_conn *c);
/* Hands on what has arrived, before utp_deliver() does. */
void utp_conn_hear(struct utp_conn *c);

struct utp_stats {
	uint32_t cwnd, flight, peer_window, packet;
	int64_t srtt_us;
	uint32_t queued_us; /* on the way to the other side */
	uint64_t packets_sent, packets_resent, bytes_acked, losses, timeouts;
	uint64_t duplicates_in, dropped_in;
	uint32_t held; /* received and not yet read, in order or not */
};

void utp_conn_stats(const struct utp_conn *c, struct utp_stats *out);

/* Bounds, also in DESIGN.md. */
#define UTP_WINDOW (1U << 20)
#define UTP_WINDOW_PAUSED (128U << 10) /* told while nobody reads */
#define UTP_FLIGHT_PACKETS 2048U
#define UTP_FLIGHT_BYTES (4U << 20)
#define UTP_REORDER_PACKETS 2048U
#define UTP_HALF_OPEN 256U
#define UTP_HALF_OPEN_IP 16U /* of one address */
#define UTP_HALF_OPEN_US 10000000
#define UTP_GUESSES 8U	   /* wrong numbers, in UTP_HALF_OPEN_US */
#define UTP_SYN_ANSWERS 8U /* to one SYN and its repeats */
#define UTP_SYN_TRIES 4U
/* One data packet in about so many is first held back, as if the path had lost
 * it. Who acks it acks what cannot have arrived, to be sent more than its path
 * carries (or the path of a forged address), and is left. */
#define UTP_HOLD_EVERY 8192U
#define UTP_RESETS_A_SECOND 50U
#define UTP_TIMEOUTS 8U /* in a row; then silence means that it is gone */
#define UTP_SILENCE_US 60000000
#define UTP_TIMEOUTS_MAX 32U /* in a row, though it talks */
#define UTP_CLOSING_US 20000000
#define UTP_ACK_BYTES (64U << 10) /* then an ack leaves at once */
#define UTP_KEEPALIVE_US 29000000

#endif
