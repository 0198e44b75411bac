/* peer.h - one peer connection's machine (BEP 3, 6, 10): bytes and the time go
 * in, bytes and events come out. It owns no socket and no clock.
 *
 * Life: swarm_connect() or swarm_accept() make a peer (swarm.h). The caller's
 * connection then moves bytes:
 *   received:  peer_feed(), at most peer_read_quota() bytes at a time
 *   to send:   peer_output() -> writev -> peer_sent()
 * When the machine is done with the peer it calls io->close() exactly once and
 * is inert from then on (feeds are ignored, output is empty); the caller closes
 * the socket and calls peer_free() later, never from inside a callback. A
 * socket that ends by itself: peer_free() alone; io->close() is not called.
 *
 * Data path. A piece message's payload is never copied on its way in: the block
 * is handed to the store as spans of the receive buffers (a block that comes in
 * crumbs is gathered in one 16 KiB buffer instead, so that a slow peer cannot
 * pin many receive buffers). On its way out a block is a span of a counted
 * cache block; only its 13 byte header lives in the peer. All that is small
 * shares one bounded arena per peer, in one order with the blocks.
 *
 * Receive buffers: recv into the free rest of one 256 KiB buffer shared by all
 * connections of the loop and take a new one when under 16 KiB are left; then
 * slow peers do not pin a buffer each.
 *
 * Times are monotonic milliseconds. Thread: the loop's. Reentrancy: callbacks
 * may call swarm_* and peer_* functions of the same peer or swarm but for
 * peer_feed, peer_free and swarm_free.
 */
#ifndef WIRE_PEER_H
#define WIRE_PEER_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct peer;

/* Why a connection ended. What comes after PEER_CLOSE_BAD_FIRST is the peer's
 * fault. */
enum peer_close {
	PEER_CLOSE_NONE,
	PEER_CLOSE_LOCAL,      /* the caller's or the user's wish */
	PEER_CLOSE_FULL,       /* no room: peers of the swarm */
	PEER_CLOSE_SELF,       /* that is us */
	PEER_CLOSE_DUPLICATE,  /* this peer id is connected already */
	PEER_CLOSE_UPGRADE,    /* to be connected to at once, for v2 (BEP 52) */
	PEER_CLOSE_NO_TORRENT, /* nobody here has this info hash */
	PEER_CLOSE_USELESS,    /* neither side downloads */
	PEER_CLOSE_TIMEOUT,    /* handshake too slow, or silent for too long */
	PEER_CLOSE_NOMEM,
	PEER_CLOSE_BAD_FIRST,
	PEER_CLOSE_PROTOCOL = PEER_CLOSE_BAD_FIRST, /* malformed message */
	PEER_CLOSE_HASH,      /* handshake names another info hash */
	PEER_CLOSE_FLOOD,     /* makes us hold or answer too much */
	PEER_CLOSE_BAD_DATA,  /* sent a block that is proved false */
	PEER_CLOSE_SEAL,      /* a sealed message does not open (caller's) */
	PEER_CLOSE_EXTENSION, /* an extension's payload is bad (caller's) */
};

const char *peer_close_name(enum peer_close why);

/* The connection's side; one table for all connections. */
struct peer_io {
	/* Output became ready: write at the end of this turn. Called again only
	 * after peer_output() has returned 0 bytes. */
	void (*want_write)(void *user);
	/* peer_read_quota() was 0 and is no longer. */
	void (*want_read)(void *user);
	/* See above; `text` says what was wrong, for the log. Output that is
	 * still queued is lost. */
	void (*close)(void *user, enum peer_close why, const char *text);
};

struct peer_cfg {
	const struct peer_io *io;
	void *user; /* handed back to io */
	struct wire_addr addr;
	/* Outgoing, to a hybrid torrent: by its v2 hash, for peers that do not
	 * know the other. Those of both are found by either. */
	bool by_v2;
	struct log *log; /* may be NULL */
};

void *peer_user(const struct peer *p);
struct wire_addr peer_addr(const struct peer *p);
bool peer_outgoing(const struct peer *p);
/* The port at which others reach it: the one that we connected to, or what it
 * told ("p" of BEP 10); 0: not known (yet). */
uint16_t peer_listen_port(const struct peer *p);
/* False until the handshake has come. */
bool peer_id(const struct peer *p, struct peer_id *out);
/* A number that no other peer of this swarm has or had; 0 before the swarm is
 * known. */
uint64_t peer_serial(const struct peer *p);

/* `bytes` were just received; spans of it are kept by reference where needed.
 * bytes.owner may be NULL (tests): then payload is copied. */
void peer_feed(struct peer *p, int64_t now_ms, struct span bytes);

/* How many bytes may be received now: 0 while the download limit, the store
 * (swarm_set_write_blocked) or the peer's own unread output forbid it; then
 * io->want_read() tells when. SIZE_MAX: no limit. */
size_t peer_read_quota(struct peer *p, int64_t now_ms);

/* Fills iov[0..] with what is to be sent next, at most `max` entries (34 or
 * more carry 16 blocks), after moving queued requests into ready output: reads
 * and charges as many blocks as keep about PEER_READY_BYTES ready. Returns the
 * number of entries, *bytes their sum; 0: nothing to send until
 * io->want_write(). The bytes stay valid until the next peer_* call on p. */
size_t peer_output(struct peer *p, int64_t now_ms, struct iovec *iov,
		   size_t max, size_t *bytes);
/* The first n of those bytes are on their way. */
void peer_sent(struct peer *p, int64_t now_ms, size_t n);

/* Detaches from the swarm (swarm_ops.peer_gone, if it was ready) and frees.
 * NULL is a no-op. */
void peer_free(struct peer *p);

/* Which upload slot the peer has. Blocks of a RANK slot are charged, blocks of
 * a FREE slot (tit-for-tat, optimistic) are not; the caller decides in
 * swarm_ops.charge. */
enum peer_slot { PEER_SLOT_NONE, PEER_SLOT_FREE, PEER_SLOT_RANK };

struct peer_stats {
	uint64_t payload_in;  /* bytes of requested blocks received */
	uint64_t payload_out; /* bytes of blocks sent */
	uint64_t wasted_in;   /* blocks never asked for, or had already */
	uint32_t rate_in;     /* payload bytes/s, over about the last 5 s */
	uint32_t rate_out;
	uint32_t requests_in;  /* theirs that wait for an answer */
	uint32_t requests_out; /* ours that are on their way */
	uint32_t pieces;       /* how many they have */
	enum peer_slot slot;
	bool ready; /* handshakes are done */
	bool seed;  /* they have all */
	bool am_interested, they_choke;
	bool they_interested;
	bool snubbed;	     /* owed us blocks for 60 s and sent none */
	bool fast, extended; /* BEP 6, BEP 10 */
	bool upload_only;    /* BEP 21: it says that it downloads nothing */
	bool mute;	     /* had a slot for 60 s and asked for nothing */
	char client[33];     /* BEP 10 "v", printable ASCII, or "" */
};

void peer_stats_get(const struct peer *p, struct peer_stats *out);

/* Bounds, also in DESIGN.md. */
#define PEER_READY_BYTES (512U * 1024U)
#define PEER_READY_LOW (256U * 1024U)
/* What our BEP 10 "reqq" says: others fill only that. libtorrent passes it by
 * some percent, and waits a minute for a request that was refused: so more are
 * kept than are asked for. */
#define PEER_REQQ 2000U
#define PEER_REQUESTS_MAX 3000U
#define PEER_SERVE_MAX (16U * 1024U) /* largest block we serve, BEP 3 */
#define PEER_ARENA_MAX (256U * 1024U)
#define PEER_HANDSHAKE_MS 20000
#define PEER_IDLE_MS 150000 /* silence; keep-alives come every 2 min */
#define PEER_KEEPALIVE_MS 110000

#endif
