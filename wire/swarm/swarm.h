/* swarm.h - one torrent on the wire: who is connected, what to ask of whom,
 * whom to serve. It knows pieces, not files; ranks, not money.
 *
 * The swarm decides; the caller's tables do: `struct swarm_ops` reads and
 * writes blocks, charges for them and hears of events; `struct peer_io`
 * (peer.h) moves the bytes. Everything the swarm wants done later is in the
 * time that swarm_tick() returns.
 *
 * Thread: the loop's. Times are monotonic milliseconds. See peer.h for
 * reentrancy.
 */
#ifndef WIRE_SWARM_H
#define WIRE_SWARM_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/pieces.h"
#include "base/rng.h"
#include "wire/peer/ext.h"
#include "wire/peer/peer.h"
#include "wire/swarm/layers.h"
#include "wire/swarm/picker.h"
#include "wire/swarm/rate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct swarm;

enum swarm_read { SWARM_READ_NOW, SWARM_READ_LATER, SWARM_READ_FAILED };

enum swarm_charge {
	WIRE_FREE, /* serve it, nobody pays */
	WIRE_PAID, /* serve it, it was charged */
	WIRE_HOLD, /* keep the request; ask again after swarm_peer_resume() */
};

/* A swarm without pieces calls ext_message, ext_drained, peer_ready and
 * peer_gone only; the others may be NULL there. One that waits for its metadata
 * calls those, peer_choked, peer_slot, peer_banned and metadata. */
struct swarm_ops {
	/* Bytes of a piece that is verified, or (after swarm_piece_failed) of
	 * one that was written. NOW: *out is the caller's reference, which the
	 * swarm drops when sent. LATER: swarm_read_done(cookie) comes later,
	 * whatever happens to the peer meanwhile. Runs of
	 * blocks are asked for in order, so a store that reads more than `len`
	 * at once answers the next calls from that. */
	enum swarm_read (*read)(void *ctx, uint32_t piece, uint32_t offset,
				uint32_t len, struct span *out,
				uint64_t cookie);
	/* A whole requested block, in 1..4 spans; the store takes references of
	 * its own. Every offset of a piece comes once, unless the piece was
	 * given back by swarm_piece_failed() or swarm_piece_lost(). */
	void (*write)(void *ctx, uint32_t piece, uint32_t offset,
		      const struct span *spans, size_t n);
	/* All blocks of the piece were written: check it, then call
	 * swarm_piece_verified() or swarm_piece_failed() (later or at once). */
	void (*piece_complete)(void *ctx, uint32_t piece);
	/* The verdict was taken in; pieces are announced from here on. */
	void (*piece_done)(void *ctx, uint32_t piece, bool ok);
	/* The last wanted piece was verified (again, when more was wanted). */
	void (*complete)(void *ctx);

	/* Called right before a block of `len` bytes is queued for output. */
	enum swarm_charge (*charge)(void *ctx, struct peer *p, uint32_t len,
				    enum peer_slot slot);
	/* The peer left before any byte of a block that was charged as paid
	 * went out. */
	void (*uncharge)(void *ctx, struct peer *p, uint32_t len);
	/* A requested block arrived whole, wanted still or cancelled. */
	void (*block_received)(void *ctx, struct peer *p, uint32_t len,
			       bool wanted);
	/* A message of an extension that both sides named. `bytes` is the
	 * payload after the extended message id; borrowed. */
	void (*ext_message)(void *ctx, struct peer *p, enum ext_id ext,
			    const uint8_t *bytes, size_t len);
	/* The info dictionary of a swarm that waits for it: its hash is right.
	 * Borrowed; once. The caller then calls swarm_set_metadata(), at once
	 * or later. May be NULL in other swarms. */
	void (*metadata)(void *ctx, const uint8_t *info, size_t len);
	/* The hashes of a file's pieces that were missing, proved to lead to
	 * its root, 32 bytes a piece; `file` is layers_file.number. Valid until
	 * swarm_free(). May be NULL where no layer is missing. */
	void (*layer)(void *ctx, uint32_t file, const uint8_t *pieces);
	/* The hashes of the blocks of a piece that is verified, or just failed
	 * (BEP 52, as they are on the disk): true when swarm_leaves() comes
	 * later with them, never from inside; false: they cannot be had.
	 * LEAF_CHECKS_MAX + 1 are asked for at a time. NULL: no blocks' hashes
	 * are told, and none asked for. */
	bool (*leaves)(void *ctx, uint32_t piece, uint64_t cookie);
	/* swarm_peer_ext_room() was 0 and there is room again. May be NULL. */
	void (*ext_drained)(void *ctx, struct peer *p);
	/* Handshakes are done. `ext` is NULL when the peer has no BEP 10; of
	 * sb_pay and sb_store it names what we named to this peer too. Both
	 * BEP 10 payloads as sent are in peer_ext_sent()/peer_ext_received().
	 */
	void (*peer_ready)(void *ctx, struct peer *p,
			   const struct ext_handshake *ext);
	/* Its DHT node is at its address and this port (BEP 5). May be NULL. */
	void (*dht_port)(void *ctx, struct peer *p, uint16_t port);
	/* A peer that was ready leaves; the last call about it. */
	void (*peer_gone)(void *ctx, struct peer *p);
	/* The remote side choked or unchoked us. */
	void (*peer_choked)(void *ctx, struct peer *p, bool choked);
	/* We gave the peer another slot, or none. */
	void (*peer_slot)(void *ctx, struct peer *p, enum peer_slot slot);
	/* `from` says that somebody of this torrent is there (BEP 11; flags of
	 * pex.h). May be NULL. */
	void (*pex_peer)(void *ctx, struct peer *from,
			 const struct wire_addr *addr, uint8_t flags);
	/* Somebody tries to connect to us over uTP and wants us to do the same,
	 * so that both ways open (BEP 55). May be NULL: we never do. */
	void (*holepunch)(void *ctx, const struct wire_addr *to);
	/* A block of this peer is proved false: it must not be paid, nor be
	 * connected again. `p` is NULL when it has left already. */
	void (*peer_banned)(void *ctx, struct peer *p, uint64_t serial,
			    const struct wire_addr *addr);
};

struct swarm_cfg {
	struct info_hash info_hash;
	struct peer_id self;
	/* Only the info hash is known (a magnet link): the info dictionary is
	 * fetched from peers. What they say of their pieces, and whether they
	 * serve us, is kept until swarm_set_metadata(). */
	bool waits_for_metadata;
	/* The info dictionary, to be served to others (BEP 9); borrowed until
	 * swarm_free() or swarm_rest(). NULL: it is not (BEP 27: of a private
	 * torrent). */
	const uint8_t *info;
	size_t info_len;
	/* BEP 52: the torrent is one of v2 and goes by this hash too, cut to 20
	 * bytes; of v2 alone those are info_hash. */
	bool v2;
	struct hash32 hash_v2;
	/* Its files of more than one block, to tell others their hashes and to
	 * ask for those that are missing; see layers.h. Of v2 alone no block
	 * is asked for before all of them are known. Copied, but for what they
	 * point to. */
	const struct layers_file *layers;
	uint32_t layer_count;
	uint32_t pieces;    /* 0: a connection without content (renting), or
			     * waits_for_metadata */
	uint32_t piece_len; /* bytes, of all pieces' places but the last */
	uint64_t total_len;
	/* Pieces that end before their place does (base/pieces.h): what is
	 * behind that is not asked for. Borrowed as long as the swarm lives. */
	const struct piece_short *shorts;
	uint32_t short_count;
	const uint8_t *have; /* BEP 3 bitfield, copied; NULL: nothing */
	/* Super seeding (BEP 16), when it has everything from the beginning,
	 * and until it meets another seed: see swarm_super.c. */
	bool super_seed;
	const uint8_t *prios; /* see swarm_set_prios() */
	bool in_order;	      /* see swarm_set_in_order() */
	uint32_t max_peers;   /* 0: 200 */
	uint32_t in_step;    /* pieces that a fast peer's blocks are asked of by
			      * turns, to be hashed together; 0 as 1 */
	uint32_t slots;	     /* upload slots; 0: 8 */
	uint32_t free_slots; /* of them never by rank; 0: a quarter, >= 1 */
	uint16_t listen_port; /* told in the BEP 10 handshake; 0: not told */
	bool pex; /* peers tell each other of others; not of private torrents */
	bool prefers_encryption; /* told in the BEP 10 handshake */
	uint16_t dht_port; /* told to peers with a DHT (BEP 5); 0: no DHT */
	/* Our BEP 10 handshake's value of "sb_pay" (bencoded, copied, borrowed
	 * for the call), or NULL: then sb_pay is not offered; likewise
	 * "sb_store". */
	const uint8_t *sb_pay;
	size_t sb_pay_len;
	const uint8_t *sb_store;
	size_t sb_store_len;
	/* 16 KiB buffers for blocks that come in crumbs; node-wide, outlives
	 * the spans given to ops->write. NULL: the swarm makes its own; then
	 * the store must be done with all spans before swarm_free(). */
	struct cbuf_pool *blocks;
	struct rate *rate; /* node-wide, outlives the swarm; NULL: no limits */
	bool local_unlimited; /* limits are not for peers of our own network */
	struct rng rng;	      /* for choices and fingerprints */
	struct log *log;      /* may be NULL */
	const struct swarm_ops *ops;
	void *ctx;
};

/* ERR_LIMIT: sizes out of range (see picker.h); ERR_NOMEM. */
enum err_code swarm_new(struct swarm **out, const struct swarm_cfg *cfg,
			int64_t now_ms, struct err *e);
/* All peers must have been freed. Cookies of pending reads die with it: the
 * caller does not answer them any more. NULL is a no-op. */
void swarm_free(struct swarm *s);

/* A connection that we opened (TCP is up). NULL: out of memory or full. */
struct peer *swarm_connect(struct swarm *s, const struct peer_cfg *cfg,
			   int64_t now_ms);
/* A connection that we accepted; the info hash comes with its handshake and
 * `find` names the swarm (NULL: none, the peer is closed). Until then the
 * caller calls peer_check_timeout() now and then. NULL: out of memory. */
typedef struct swarm *swarm_find_fn(void *ctx, const struct info_hash *hash);
struct peer *swarm_accept(swarm_find_fn *find, void *ctx,
			  const struct peer_cfg *cfg, int64_t now_ms);
/* Closes (io->close) an accepted peer that has not said its handshake within
 * PEER_HANDSHAKE_MS; does nothing for others. */
void peer_check_timeout(struct peer *p, int64_t now_ms);
/* The swarm that the peer belongs to; NULL before its handshake. */
struct swarm *peer_swarm(const struct peer *p);
void *swarm_ctx(const struct swarm *s);
const struct info_hash *swarm_info_hash(const struct swarm *s);
/* The same, or the v2 hash of a torrent that has one. */
const struct info_hash *swarm_hash_for(const struct swarm *s, bool v2);
/* What this connection is for: of a hybrid the hash that the accepting side
 * said, so it is the same on both sides whatever else they know. The peer has a
 * swarm. */
const struct info_hash *peer_info_hash(const struct peer *p);
/* Does the torrent go by this hash? A hybrid has two. */
bool swarm_goes_by(const struct swarm *s, const struct info_hash *hash);

/* Closes the peer through io->close(). */
void swarm_peer_close(struct peer *p, enum peer_close why, const char *text);
/* The BEP 10 handshake payloads, bencoded dictionary only, as they went over
 * the wire. NULL when there is none. Borrowed until the peer goes. */
const uint8_t *peer_ext_sent(const struct peer *p, size_t *len);
const uint8_t *peer_ext_received(const struct peer *p, size_t *len);

/* Does what is due (choking, timeouts, haves, keep-alives) and returns when to
 * be called next at the latest. Cheap when nothing is due. */
int64_t swarm_tick(struct swarm *s, int64_t now_ms);

/* Answer to SWARM_READ_LATER. `data` NULL: failed. The reference passes. */
void swarm_read_done(struct swarm *s, int64_t now_ms, uint64_t cookie,
		     const struct span *data);
/* Answer to ops->leaves. NULL: failed. Copied. */
void swarm_leaves(struct swarm *s, int64_t now_ms, uint64_t cookie,
		  const struct hash32 *leaves, uint32_t n);
void swarm_piece_verified(struct swarm *s, int64_t now_ms, uint32_t piece);
/* The hash does not match: the swarm reads the piece back through ops->read to
 * remember who sent what, then fetches it again. */
void swarm_piece_failed(struct swarm *s, int64_t now_ms, uint32_t piece);
/* What was written of the piece is gone (disk error): fetch again, nobody is
 * to blame. Also for a piece that was verified once. */
void swarm_piece_lost(struct swarm *s, int64_t now_ms, uint32_t piece);
/* True: the store takes no more; requests and reading stop until false. */
void swarm_set_write_blocked(struct swarm *s, int64_t now_ms, bool blocked);

/* The number by which rank slots and the paid share of the upload limit go
 * (weight: the rank). 0 (the start): none, the peer competes for free slots
 * only. */
void swarm_peer_set_rank(struct peer *p, int64_t now_ms, uint64_t rank);
/* Bytes that we want, that have not arrived, and that this peer has; counting
 * ends at `enough` (see picker_missing()). Changes nothing. */
uint64_t swarm_peer_missing(const struct peer *p, uint64_t enough);
/* A held request may go on. */
void swarm_peer_resume(struct peer *p, int64_t now_ms);
/* Pauses (true) or resumes our own requests to this peer. */
void swarm_peer_set_quiet(struct peer *p, int64_t now_ms, bool quiet);
/* Stops (true) or resumes reading from this peer: what it sends costs memory
 * that is not there. For short times; its silence is not held against it. */
void swarm_peer_set_blocked(struct peer *p, int64_t now_ms, bool blocked);
/* Queues an extension message behind all that is queued already, blocks
 * included. ERR_STATE: the peer has not named this extension, or is closed;
 * ERR_LIMIT: over ext_max(), or the peer's output is full (close it). */
enum err_code swarm_peer_send_ext(struct peer *p, enum ext_id ext,
				  const uint8_t *bytes, size_t len,
				  struct err *e);
/* How many bytes of long extension messages (from 8 KiB) may be queued now; a
 * sender may go over by one message, and has twice EXT_QUEUE_MAX before it is
 * refused. 0: EXT_QUEUE_MAX wait, or, in a swarm without pieces, the upload
 * limit forbids it; ext_drained follows. Short messages need not ask. */
size_t swarm_peer_ext_room(struct peer *p, int64_t now_ms);
#define EXT_QUEUE_MAX (512U * 1024U)
/* What a swarm that waits for its metadata is of; members as in swarm_cfg. It
 * is a swarm like any other from then on, with the peers that it has: those
 * that said of pieces what cannot be are closed. ERR_LIMIT: sizes out of range;
 * ERR_NOMEM; it waits still. */
struct swarm_content {
	/* both hashes, though the link had one */
	struct info_hash info_hash;
	bool v2;
	struct hash32 hash_v2;
	const uint8_t *info;
	size_t info_len;
	const struct layers_file *layers;
	uint32_t layer_count;
	uint32_t pieces;
	uint32_t piece_len;
	uint64_t total_len;
	const struct piece_short *shorts;
	uint32_t short_count;
	const uint8_t *have;
	const uint8_t *prios;
};
enum err_code swarm_set_metadata(struct swarm *s, int64_t now_ms,
				 const struct swarm_content *content,
				 struct err *e);
/* With nobody connected: what it borrowed to tell others, the info dictionary
 * and the hashes of pieces, may go. False: somebody is, or it waits for such
 * itself. */
bool swarm_rest(struct swarm *s);
/* They are there again, for who is to connect now; members as in swarm_cfg.
 * ERR_NOMEM: others are told no hashes. */
enum err_code swarm_recall(struct swarm *s, const uint8_t *info,
			   size_t info_len, const struct layers_file *layers,
			   uint32_t layer_count, struct err *e);
/* Bytes of the info dictionary that are here, and how many there are as is
 * believed now (0: not known); both 0 for a swarm that does not wait. */
void swarm_metadata_progress(const struct swarm *s, uint32_t *have,
			     uint32_t *size);
/* What is wanted: an enum picker_prio for each piece, copied; NULL: all, as at
 * the start. Who wants nothing more says that it only uploads (BEP 21).
 * ERR_NOMEM: nothing has changed. */
enum err_code swarm_set_prios(struct swarm *s, int64_t now_ms,
			      const uint8_t *prios, struct err *e);
/* Pieces are fetched from the first to the last, for a player. */
void swarm_set_in_order(struct swarm *s, bool in_order);
/* Connects or not: nothing is uploaded (or nothing downloaded) when off. Both
 * on at the start. */
void swarm_set_upload(struct swarm *s, int64_t now_ms, bool on);
void swarm_set_download(struct swarm *s, int64_t now_ms, bool on);
void swarm_set_slots(struct swarm *s, int64_t now_ms, uint32_t slots,
		     uint32_t free_slots);

/* Another value of "sb_pay" (see struct swarm_cfg; NULL: none any more) in the
 * handshakes that are said from now on. Connections that are up keep to what
 * they were told. ERR_NOMEM: the old one stands. */
enum err_code swarm_set_pay_offer(struct swarm *s, const uint8_t *sb_pay,
				  size_t len, struct err *e);

/* Flags of pex.h that others are told of this peer, beside those that the swarm
 * knows of itself. */
void swarm_peer_set_flags(struct peer *p, uint8_t flags);
/* The torrent turns out to be private: peers are neither told of others nor
 * believed from now on, nor let meet. */
void swarm_end_pex(struct swarm *s);
/* Asks the peer that told us of `target` to let us and it connect to each other
 * (ops->holepunch follows when it does). False: nobody can be asked. */
bool swarm_holepunch(struct swarm *s, int64_t now_ms,
		     const struct wire_addr *target);

/* Bounds of ut_pex and ut_holepunch, also in DESIGN.md. */
#define PEX_EVERY_MS 60000
#define PEX_LEAST_MS 45000 /* theirs may be so early */
#define PEX_EARLY_MAX 5U   /* ignored; more in a row: closed */
#define PEX_TAKE_FIRST 200U
#define PEX_TAKE_LATER 100U
#define PEX_SAME_IP 2U
#define PEX_SAME_NET 8U
#define PUNCH_BURST 5
#define PUNCH_EVERY_MS 10000

struct swarm_stats {
	/* bytes not verified yet; announce this. 1 while the metadata is
	 * missing: who has nothing to get is taken for a seeder */
	uint64_t left;
	uint64_t wanted;     /* of them, what is not to be skipped */
	uint64_t downloaded; /* payload of requested blocks */
	uint64_t uploaded;   /* payload sent */
	uint64_t wasted;
	uint32_t rate_in, rate_out; /* bytes/s */
	uint32_t peers;		    /* ready ones */
	uint32_t seeds;		    /* of them */
	uint32_t have;		    /* verified pieces */
	uint32_t pieces;
	bool upload_only; /* BEP 21: nothing (more) is wanted */
	uint32_t failed;  /* pieces that did not verify, all told */
};

void swarm_stats_get(const struct swarm *s, struct swarm_stats *out);
/* No peer is ready. */
bool swarm_is_alone(const struct swarm *s);
/* BEP 3 bitfield of verified pieces, (pieces+7)/8 bytes; borrowed until the
 * next call on the swarm. */
const uint8_t *swarm_have(const struct swarm *s, size_t *len);
/* One more peer would be taken. */
bool swarm_has_room(const struct swarm *s);
/* fn for every peer of the swarm; fn must not free peers. */
void swarm_each_peer(struct swarm *s, void (*fn)(void *ctx, struct peer *p),
		     void *ctx);

#endif
