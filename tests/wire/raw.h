/* raw.h - a hand-written peer against one sim node: it says bytes, and reads
 * the node's messages back one by one.
 */
#ifndef TESTS_WIRE_RAW_H
#define TESTS_WIRE_RAW_H

#include "base/bytes.h"
#include "tests/wire/sim.h"
#include "wire/peer/handshake.h"
#include "wire/peer/msg.h"

#define RAW_OUT (4U * 1024U * 1024U)

struct raw {
	struct sim *sim;
	struct sim_node *node;
	struct sim_end end; /* the node's side */
	uint8_t id;	    /* of several, see raw_open_v2() */
	uint8_t out[RAW_OUT];
	size_t len, at; /* what the node said, and how much was looked at */
};

static inline struct wire_addr raw_addr(void)
{
	return (struct wire_addr){.ip = {0x20, 3, [15] = 1}, .port = 1};
}

/* A connection accepted (or opened) by the node; nothing said yet. */
static inline void raw_open_at(struct raw *r, struct sim *sim,
			       struct sim_node *node, bool outgoing,
			       struct wire_addr addr)
{
	struct peer_cfg cfg = {.io = &sim_io, .user = &r->end};

	memset(&r->end, 0, sizeof(r->end));
	r->sim = sim;
	r->node = node;
	r->len = r->at = 0;
	r->end.sim = sim;
	r->end.node = node;
	cfg.addr = addr;
	r->end.p = outgoing ? swarm_connect(node->s, &cfg, sim->now)
			    : swarm_accept(sim_find, node, &cfg, sim->now);
}

static inline void raw_open(struct raw *r, struct sim *sim,
			    struct sim_node *node, bool outgoing)
{
	raw_open_at(r, sim, node, outgoing, raw_addr());
}

static inline void raw_close(struct raw *r)
{
	peer_free(r->end.p);
	r->end.p = NULL;
}

/* Takes everything that the node has to say now. */
static inline void raw_pull(struct raw *r)
{
	struct iovec iov[34];
	size_t bytes, n;

	while ((n = peer_output(r->end.p, r->sim->now, iov, 34, &bytes)) > 0) {
		if (r->len + bytes > RAW_OUT)
			return; /* it stays with the node */
		for (size_t i = 0; i < n; i++) {
			memcpy(r->out + r->len, iov[i].iov_base,
			       iov[i].iov_len);
			r->len += iov[i].iov_len;
		}
		peer_sent(r->end.p, r->sim->now, bytes);
	}
}

static inline void raw_say(struct raw *r, const void *bytes, size_t len)
{
	sim_feed(r->sim, r->end.p, bytes, len);
}

static inline void raw_say_msg(struct raw *r, const struct msg *m)
{
	uint8_t buf[MSG_FIXED_MAX];
	size_t len = msg_encode(buf, m);

	raw_say(r, buf, len);
}

static inline void raw_say_id(struct raw *r, enum msg_id id)
{
	raw_say_msg(r, &(struct msg){.id = id});
}

static inline void raw_say_block(struct raw *r, uint32_t piece, uint32_t begin,
				 uint32_t len)
{
	uint8_t head[MSG_FIXED_MAX];
	struct msg m = {MSG_PIECE, piece, begin, len, .ext = 0};
	size_t n = msg_encode(head, &m);

	raw_say(r, head, n);
	raw_say(r, r->sim->truth + (uint64_t)piece * r->sim->piece_len + begin,
		len);
}

static inline void raw_say_handshake(struct raw *r, bool fast, bool extended)
{
	struct handshake hs = {.fast = fast, .extended = extended};
	uint8_t buf[HANDSHAKE_LEN];

	hs.hash = r->sim->hash;
	memset(&hs.id, 'R', sizeof(hs.id));
	handshake_encode(buf, &hs);
	raw_say(r, buf, sizeof(buf));
}

static inline void raw_say_body(struct raw *r, enum msg_id id,
				const uint8_t *body, size_t len)
{
	uint8_t head[5];
	struct wr w = wr_into(head, sizeof(head));

	wr_u32(&w, (uint32_t)len + 1);
	wr_u8(&w, (uint8_t)id);
	raw_say(r, head, sizeof(head));
	raw_say(r, body, len);
}

/* As a seed that goes by the v2 hash, or says the bit of v2. */
static inline void raw_open_v2(struct raw *r, struct sim *sim,
			       struct sim_node *n, bool v2_hash, bool bit)
{
	struct handshake hs = {.fast = true, .extended = false, .v2 = bit};
	uint8_t buf[HANDSHAKE_LEN];

	raw_open(r, sim, n, false);
	hs.hash = v2_hash ? sim->hash_v2 : sim->hash;
	memset(&hs.id, 'R' + r->id, sizeof(hs.id));
	handshake_encode(buf, &hs);
	raw_say(r, buf, sizeof(buf));
	raw_say_id(r, MSG_HAVE_ALL);
}

/* The node's next message but for haves, extended ones and keep-alives;
 * MSG_UNKNOWN when there is none. Blocks are compared with the truth. */
static inline struct msg raw_next(struct raw *r)
{
	struct msg m = {.id = MSG_UNKNOWN};
	const struct msg_bounds b = {.pieces = r->sim->pieces,
				     .piece_len = r->sim->piece_len,
				     .total_len = r->sim->total};

	if (!r->end.closed)
		raw_pull(r);
	if (r->at == 0 && r->len >= HANDSHAKE_LEN)
		r->at = HANDSHAKE_LEN;
	while (r->len - r->at >= 4) {
		struct rd rd = rd_from(r->out + r->at, 4);
		uint32_t len = rd_u32(&rd);
		const uint8_t *frame = r->out + r->at + 4;

		r->at += 4 + len;
		CHECK(r->at <= r->len, "half a message");
		if (len == 0 || frame[0] == MSG_EXTENDED ||
		    frame[0] == MSG_HAVE)
			continue;
		CHECK(msg_decode(&m, frame, len, &b, NULL) == ERR_NONE,
		      "the node says nonsense");
		if (m.id == MSG_PIECE)
			CHECK(memcmp(frame + 9,
				     r->sim->truth +
					     (uint64_t)m.piece *
						     r->sim->piece_len +
					     m.begin,
				     m.len) == 0,
			      "false block");
		return m;
	}
	return m;
}

/* Skips to the next message of this kind; false when there is none. */
static inline bool raw_expect(struct raw *r, enum msg_id id, struct msg *out)
{
	struct msg m;

	do {
		m = raw_next(r);
		if (out)
			*out = m;
	} while (m.id != id && m.id != MSG_UNKNOWN);
	return m.id == id;
}

static inline unsigned raw_count(struct raw *r, enum msg_id id)
{
	unsigned n = 0;

	for (struct msg m = raw_next(r); m.id != MSG_UNKNOWN; m = raw_next(r))
		n += m.id == id;
	return n;
}

/* Takes the node's next message of this extension, under the id that the raw
 * peer gave it; false: there is none. The bytes last until the next call. */
static inline bool raw_next_ext(struct raw *r, uint8_t id,
				const uint8_t **bytes, size_t *len)
{
	if (!r->end.closed)
		raw_pull(r);
	if (r->at == 0 && r->len >= HANDSHAKE_LEN)
		r->at = HANDSHAKE_LEN;
	while (r->len - r->at >= 4) {
		struct rd rd = rd_from(r->out + r->at, 4);
		uint32_t n = rd_u32(&rd);
		const uint8_t *frame = r->out + r->at + 4;

		r->at += 4 + n;
		if (n < 2 || frame[0] != MSG_EXTENDED || frame[1] != id)
			continue;
		*bytes = frame + 2;
		*len = n - 2;
		return true;
	}
	return false;
}

static inline void raw_say_ext(struct raw *r, uint8_t id, const void *bytes,
			       size_t len)
{
	uint8_t head[6];
	struct wr w = wr_into(head, sizeof(head));

	wr_u32(&w, (uint32_t)len + 2);
	wr_u8(&w, MSG_EXTENDED);
	wr_u8(&w, id);
	raw_say(r, head, sizeof(head));
	raw_say(r, bytes, len);
}

#endif
