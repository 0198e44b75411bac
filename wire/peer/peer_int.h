/* peer_int.h - the inside of struct peer, for peer.c and the swarm only.
 *
 * The machine in peer.c parses, checks and queues; what a message means is for
 * `struct peer_ops`, which swarm.c (and the machine's own test) provides.
 */
#ifndef WIRE_PEER_INT_H
#define WIRE_PEER_INT_H

#include "wire/peer/handshake.h"
#include "wire/peer/msg.h"
#include "wire/peer/outq.h"
#include "wire/peer/peer.h"

#define PEER_SPANS_MAX 4U
/* Unread small output over this stops reading from the peer. */
#define PEER_ARENA_PAUSE (64U * 1024U)
/* Useless messages: so many at once, and so many a second in the long run. */
#define PEER_NUISANCE_MAX 2000U
#define PEER_NUISANCE_PER_S 100U

struct peer_ops {
	/* Their handshake. Anything but NONE refuses them; *text may be set. */
	enum peer_close (*handshake)(struct peer *p, const struct handshake *hs,
				     const char **text);
	/* Any message but PIECE, already checked against p->bounds. */
	void (*message)(struct peer *p, const struct msg *m);
	/* A block begins: false skips its bytes. */
	bool (*block_begin)(struct peer *p, const struct msg *m);
	/* The block is whole; the spans are the peer's until return. */
	void (*block)(struct peer *p, const struct msg *m,
		      const struct span *spans, size_t n);
	/* A buffer of at least MSG block size for crumbs; NULL: no memory. */
	struct cbuf *(*gather)(struct peer *p);
	void (*fed)(struct peer *p, size_t n); /* the end of a feed */
	void (*fill)(struct peer *p);	       /* output is about to be taken */
	void (*sent)(struct peer *p, size_t bytes, size_t block_bytes);
	size_t (*quota)(struct peer *p);
	void (*closed)(struct peer *p);	 /* once; before io->close or free */
	void (*destroy)(struct peer *p); /* free the memory around p */
};

enum peer_reading { RD_HANDSHAKE, RD_LENGTH, RD_FRAME, RD_BLOCK, RD_SKIP };

struct peer {
	const struct peer_ops *ops;
	struct peer_cfg cfg;
	uint64_t serial;
	struct peer_id id;
	bool outgoing;
	bool id_known;
	bool fast, extended; /* both sides have the bit */
	bool closed;
	bool wants_write; /* io->want_write was called */
	bool read_paused; /* quota said 0 */
	int64_t now_ms;	  /* of the call that is under way */
	int64_t born_ms, last_in_ms, last_out_ms;
	uint32_t nuisance;

	/* reading */
	struct msg_bounds bounds;
	enum peer_reading reading;
	uint32_t frame_len; /* FRAME */
	uint32_t left;	    /* BLOCK, SKIP: bytes to come */
	uint8_t *tail;	    /* start of something that is not whole yet */
	uint32_t tail_len, tail_cap;
	struct msg block;
	bool block_wanted;
	struct cbuf *gather; /* the last span lies in it */
	struct span spans[PEER_SPANS_MAX];
	size_t n_spans;

	struct outq out;

	/* counters (see struct peer_stats) */
	uint64_t payload_in, payload_out, wasted_in;
};

void peer_init(struct peer *p, const struct peer_ops *ops,
	       const struct peer_cfg *cfg, bool outgoing, int64_t now_ms);
/* Queues; an overflow closes the peer. False when closed. */
bool peer_put(struct peer *p, const uint8_t *bytes, uint32_t len);
bool peer_send(struct peer *p, const struct msg *m);
bool peer_send_id(struct peer *p, enum msg_id id); /* no payload */
bool peer_send_block_msg(struct peer *p, enum msg_id id, uint32_t piece,
			 uint32_t begin, uint32_t len);
void peer_send_handshake(struct peer *p, const struct handshake *hs);
/* Length, 20, ext, body. */
bool peer_send_extended(struct peer *p, uint8_t ext, const uint8_t *body,
			size_t len);
/* Length, id, body: of what msg_encode() does not make. */
bool peer_send_body(struct peer *p, enum msg_id id, const uint8_t *body,
		    size_t len);
void peer_want_write(struct peer *p);
void peer_want_read(struct peer *p);
/* A message that is of no use; too many close the peer. */
void peer_nuisance(struct peer *p, const char *what);
void peer_shut(struct peer *p, enum peer_close why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
