/* sim.h - a little world for swarm tests: nodes with a store in memory, joined
 * by byte pipes that cut where they like, under a clock that we turn.
 *
 * Nothing here sleeps or draws real randomness: a seed replays a run.
 */
#ifndef TESTS_WIRE_SIM_H
#define TESTS_WIRE_SIM_H

#include "base/bits.h"
#include "base/hash.h"
#include "base/merkle.h"
#include "tests/check.h"
#include "wire/peer/pex.h"
#include "wire/swarm/picker.h"
#include "wire/swarm/swarm.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define SIM_NODES 16
#define SIM_CONNS 64
#define SIM_LATER 4096
#define SIM_LEAVES 8
#define SIM_STEP_MS 10

struct sim;

struct sim_later {
	uint64_t cookie;
	uint32_t piece, offset, len;
};

struct sim_node {
	struct sim *sim;
	unsigned index;
	struct swarm *s;
	struct rate *rate;
	uint8_t *data;
	/* behaviour */
	bool liar;	  /* every block it serves has a wrong byte */
	bool lies_some;	  /* only of even blocks */
	bool reads_later; /* answers reads a step later */
	bool checks_later;
	bool no_leaves; /* cannot hash blocks */
	bool lies_once; /* only of block 1 of a piece */
	bool mute;	/* its output never leaves: a peer that hangs */
	uint64_t hold;	/* charge: bytes after which it says HOLD */
	enum swarm_charge charge_as;
	/* what happened */
	struct sim_later later[SIM_LATER];
	unsigned n_later;
	uint32_t checks[SIM_LATER];
	unsigned n_checks;
	struct sim_later leaves[SIM_LEAVES];
	unsigned n_leaves;
	unsigned hashed; /* pieces, for others or when they failed */
	uint64_t charged, uncharged, held, received, unwanted;
	unsigned banned, ready, gone, completed, failed, verified;
	uint64_t banned_serial;
	uint32_t failed_piece; /* the last */
	unsigned closes, bad_closes;
	uint16_t dht_heard; /* a port that a peer told */
	enum peer_close last_close;
	uint8_t ext_got[64];
	size_t ext_got_len;
	unsigned ext_msgs;
	uint64_t ext_bytes, ext_hash; /* of all of them, in order */
	uint64_t flood; /* bytes it still has to say by sb_store */
	uint64_t flood_hash;
	struct wire_addr pex[16]; /* whom it was told of */
	uint8_t pex_flags[16];
	unsigned n_pex;
	struct wire_addr punch; /* where it was told to connect to */
	unsigned n_punch;
	unsigned drained;
	unsigned most_slots;
	bool knows_later;    /* does not act on metadata: see sim_know() */
	bool private;	     /* does not serve its metadata */
	unsigned metadata;   /* how often it came */
	unsigned layers;     /* how often a file's hashes came */
	uint32_t order[256]; /* pieces as they were verified */
};

struct sim_end {
	struct sim *sim;
	unsigned conn, side;
	struct sim_node *node;
	struct peer *p;
	bool wants_write, closed, read_paused;
	uint8_t *buf; /* bytes under way to the other side */
	size_t len, cap;
	uint64_t sent;
};

struct sim {
	struct sim_node nodes[SIM_NODES];
	unsigned n_nodes;
	struct sim_end ends[SIM_CONNS][2];
	unsigned n_conns;
	int64_t now;
	struct rng rng;
	uint8_t *truth;
	uint32_t pieces, piece_len;
	uint64_t total;
	struct cbuf_pool *pool;
	int64_t step_ms;
	size_t pipe_max; /* bytes that a pipe holds */
	size_t per_step; /* bytes that a pipe moves in a step */
	bool chop;	 /* feed in random pieces, down to one byte */
	bool no_owner;	 /* feed without a counted buffer */
	bool store;	 /* sb_store is offered too */
	bool pex;	 /* and ut_pex */
	/* of the nodes that are added from now on */
	bool plain;	/* sb_pay is not offered */
	uint32_t slots; /* 0: as many as a swarm has by itself */
	struct info_hash hash;
	uint8_t *info; /* what it is the hash of; NULL: of nothing */
	size_t info_len;
	bool prefer_encryption; /* nodes that are added say so */
	uint16_t dht_port;	/* of the nodes that are added; 0: no DHT */
	bool waiting; /* the nodes that are added know the hash alone */
	/* BEP 52, see sim_make_v2(): one file */
	uint8_t *layer;
	struct hash32 root;
	struct hash32 whole_v2;
	struct info_hash hash_v2; /* the same, cut */
	bool v1_off, v2_off;	  /* the nodes that are added are not of it */
	bool layer_off;		  /* they do not know `layer` */
	bool by_v2;		  /* connections are opened by the v2 hash */
	bool local_unlimited;	  /* and addresses are of a private network */
	bool super_seed;	  /* seeds are super seeds */
	const uint8_t *prios;	  /* of those that are added, or come to know */
	bool in_order;
	uint32_t in_step;
};

static inline uint32_t sim_piece_bytes(const struct sim *sim, uint32_t piece)
{
	if (piece + 1 < sim->pieces)
		return sim->piece_len;
	return (uint32_t)(sim->total - (uint64_t)sim->piece_len * piece);
}

/* ---- the store ---- */

static inline bool sim_lies(const struct sim_node *n, uint32_t offset)
{
	return n->liar || (n->lies_some && offset / PICKER_BLOCK % 2 == 0) ||
	       (n->lies_once && offset == PICKER_BLOCK);
}

static inline struct span sim_load(struct sim_node *n, uint32_t piece,
				   uint32_t offset, uint32_t len)
{
	struct cbuf *b = cbuf_get(n->sim->pool);
	bool have = false;
	size_t bytes;
	const uint8_t *bits = swarm_have(n->s, &bytes);

	have = bits_get(bits, piece);
	memcpy(b->data, n->data + (uint64_t)piece * n->sim->piece_len + offset,
	       len);
	if (have && sim_lies(n, offset))
		b->data[len / 2] ^= 0x55;
	return (struct span){b, b->data, len};
}

static inline enum swarm_read sim_read(void *ctx, uint32_t piece,
				       uint32_t offset, uint32_t len,
				       struct span *out, uint64_t cookie)
{
	struct sim_node *n = ctx;

	CHECK(len && offset + len <= sim_piece_bytes(n->sim, piece),
	      "read %u+%u", offset, len);
	if (n->reads_later && n->n_later < SIM_LATER) {
		n->later[n->n_later++] =
			(struct sim_later){cookie, piece, offset, len};
		return SWARM_READ_LATER;
	}
	*out = sim_load(n, piece, offset, len);
	return SWARM_READ_NOW;
}

static inline void sim_write(void *ctx, uint32_t piece, uint32_t offset,
			     const struct span *spans, size_t n_spans)
{
	struct sim_node *n = ctx;
	uint64_t at = (uint64_t)piece * n->sim->piece_len + offset;
	size_t sum = 0, len;

	CHECK(!bits_get(swarm_have(n->s, &len), piece),
	      "written though it is verified");
	CHECK(n_spans >= 1 && n_spans <= 4, "%zu spans", n_spans);
	for (size_t i = 0; i < n_spans; i++) {
		memcpy(n->data + at + sum, spans[i].p, spans[i].len);
		sum += spans[i].len;
	}
	CHECK(offset + sum <= sim_piece_bytes(n->sim, piece) &&
		      (sum == PICKER_BLOCK ||
		       offset + sum == sim_piece_bytes(n->sim, piece)),
	      "block of %zu at %u", sum, offset);
}

static inline void sim_verdict(struct sim_node *n, uint32_t piece)
{
	uint64_t at = (uint64_t)piece * n->sim->piece_len;

	if (memcmp(n->data + at, n->sim->truth + at,
		   sim_piece_bytes(n->sim, piece)) == 0)
		swarm_piece_verified(n->s, n->sim->now, piece);
	else
		swarm_piece_failed(n->s, n->sim->now, piece);
}

static inline void sim_piece_complete(void *ctx, uint32_t piece)
{
	struct sim_node *n = ctx;

	if (n->checks_later)
		n->checks[n->n_checks++] = piece;
	else
		sim_verdict(n, piece);
}

static inline void sim_piece_done(void *ctx, uint32_t piece, bool ok)
{
	struct sim_node *n = ctx;

	if (ok && n->verified < ROWS(n->order))
		n->order[n->verified] = piece;
	n->verified += ok;
	n->failed += !ok;
	n->failed_piece = ok ? n->failed_piece : piece;
}

static inline void sim_complete(void *ctx)
{
	((struct sim_node *)ctx)->completed++;
}

static inline enum swarm_charge sim_charge(void *ctx, struct peer *p,
					   uint32_t len, enum peer_slot slot)
{
	struct sim_node *n = ctx;

	(void)p;
	CHECK(slot != PEER_SLOT_NONE, "charged without a slot");
	if (n->hold && n->charged + len > n->hold) {
		n->held++;
		return WIRE_HOLD;
	}
	n->charged += len;
	return n->charge_as;
}

static inline void sim_uncharge(void *ctx, struct peer *p, uint32_t len)
{
	(void)p;
	((struct sim_node *)ctx)->uncharged += len;
}

static inline void sim_block_received(void *ctx, struct peer *p, uint32_t len,
				      bool wanted)
{
	struct sim_node *n = ctx;

	(void)p;
	n->received += len;
	n->unwanted += wanted ? 0 : len;
}

static inline uint64_t sim_hash(uint64_t h, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return (h ^ len) * 0x100000001b3;
}

/* Says what is left of n->flood in messages of all lengths, while there is
 * room. */
static inline void sim_flood(struct sim_node *n, struct peer *p)
{
	static uint8_t bytes[EXT_STORE_MAX];

	while (n->flood && swarm_peer_ext_room(p, n->sim->now)) {
		size_t len = 1 + (size_t)(n->flood * 7919 % EXT_STORE_MAX);

		if (len > n->flood)
			len = (size_t)n->flood;
		rng_fill(&n->sim->rng, bytes, len);
		n->flood_hash = sim_hash(n->flood_hash, bytes, len);
		CHECK(swarm_peer_send_ext(p, EXT_SB_STORE, bytes, len, NULL) ==
			      ERR_NONE,
		      "refused with room");
		n->flood -= len;
	}
}

static inline void sim_ext_drained(void *ctx, struct peer *p)
{
	struct sim_node *n = ctx;

	n->drained++;
	sim_flood(n, p);
}

static inline void sim_ext_message(void *ctx, struct peer *p, enum ext_id ext,
				   const uint8_t *bytes, size_t len)
{
	struct sim_node *n = ctx;

	(void)p;
	(void)ext;
	n->ext_msgs++;
	n->ext_bytes += len;
	n->ext_hash = sim_hash(n->ext_hash, bytes, len);
	n->ext_got_len = len < sizeof(n->ext_got) ? len : sizeof(n->ext_got);
	memcpy(n->ext_got, bytes, n->ext_got_len);
}

static inline void sim_ready(void *ctx, struct peer *p,
			     const struct ext_handshake *x)
{
	struct sim_node *n = ctx;

	(void)x;
	n->ready++;
	if (n->sim->pex)
		swarm_peer_set_flags(p, PEX_UTP);
}

static inline void sim_gone(void *ctx, struct peer *p)
{
	(void)p;
	((struct sim_node *)ctx)->gone++;
}

static inline void sim_choked(void *ctx, struct peer *p, bool choked)
{
	(void)ctx;
	(void)p;
	(void)choked;
}

static inline void sim_slot(void *ctx, struct peer *p, enum peer_slot slot)
{
	(void)ctx;
	(void)p;
	(void)slot;
}

static inline void sim_pex_peer(void *ctx, struct peer *from,
				const struct wire_addr *addr, uint8_t flags)
{
	struct sim_node *n = ctx;

	(void)from;
	if (n->n_pex < 16) {
		n->pex[n->n_pex] = *addr;
		n->pex_flags[n->n_pex] = flags;
	}
	n->n_pex++;
}

static inline void sim_holepunch(void *ctx, const struct wire_addr *to)
{
	struct sim_node *n = ctx;

	n->punch = *to;
	n->n_punch++;
}

static inline void sim_banned(void *ctx, struct peer *p, uint64_t serial,
			      const struct wire_addr *addr)
{
	struct sim_node *n = ctx;

	(void)p;
	n->banned++;
	n->banned_serial = serial;
	CHECK(addr->port != 0, "banned without an address");
}

static inline struct layers_file sim_layers_file(const struct sim *sim)
{
	return (struct layers_file){
		.root = sim->root.bytes,
		.length = sim->total,
		.number = 7,
		.pieces = sim->layer_off ? NULL : sim->layer,
	};
}

/* The node knows the torrent, of which it has `have` (NULL: nothing). */
static inline void sim_know(struct sim_node *n, const uint8_t *have)
{
	const struct sim *sim = n->sim;
	const struct layers_file file = sim_layers_file(sim);
	const bool v2 = sim->layer && !sim->v2_off;
	const struct swarm_content content = {
		.info_hash = v2 && sim->v1_off ? sim->hash_v2 : sim->hash,
		.v2 = v2,
		.hash_v2 = sim->whole_v2,
		.layers = v2 ? &file : NULL,
		.layer_count = v2,
		.info = n->private ? NULL : sim->info,
		.info_len = n->private ? 0 : sim->info_len,
		.pieces = sim->pieces,
		.piece_len = sim->piece_len,
		.total_len = sim->total,
		.have = have,
		.prios = sim->prios};
	struct err e = {0};

	CHECK(swarm_set_metadata(n->s, sim->now, &content, &e) == ERR_NONE,
	      "%s", e.msg);
}

static inline void sim_metadata(void *ctx, const uint8_t *info, size_t len)
{
	struct sim_node *n = ctx;

	n->metadata++;
	CHECK(len == n->sim->info_len && memcmp(info, n->sim->info, len) == 0,
	      "other metadata");
	if (!n->knows_later)
		sim_know(n, NULL);
}

static void sim_dht_port(void *ctx, struct peer *p, uint16_t port)
{
	struct sim_node *n = ctx;

	(void)p;
	CHECK(n->dht_heard == 0, "told twice");
	n->dht_heard = port;
}

static inline void sim_layer(void *ctx, uint32_t file, const uint8_t *pieces)
{
	struct sim_node *n = ctx;

	n->layers++;
	CHECK(file == 7 && memcmp(pieces, n->sim->layer,
				  (size_t)n->sim->pieces * 32) == 0,
	      "other hashes");
	CHECK(n->received == 0, "blocks came before them");
}

static inline bool sim_leaves(void *ctx, uint32_t piece, uint64_t cookie)
{
	struct sim_node *n = ctx;

	CHECK(n->n_leaves < SIM_LEAVES, "more than are said to be");
	if (n->no_leaves || n->n_leaves == SIM_LEAVES)
		return false;
	n->hashed++;
	n->leaves[n->n_leaves++] =
		(struct sim_later){.cookie = cookie, .piece = piece};
	return true;
}

static inline void sim_hash_leaves(struct sim_node *n, uint32_t piece,
				   uint64_t cookie)
{
	uint32_t len = sim_piece_bytes(n->sim, piece);
	uint32_t blocks = (len + MERKLE_BLOCK - 1) / MERKLE_BLOCK;
	struct hash32 *leaves = malloc(blocks * sizeof(*leaves));

	merkle_leaves(leaves, n->data + (uint64_t)piece * n->sim->piece_len,
		      len);
	swarm_leaves(n->s, n->sim->now, cookie, leaves, blocks);
	free(leaves);
}

static const struct swarm_ops sim_ops = {
	.leaves = sim_leaves,
	.layer = sim_layer,
	.read = sim_read,
	.write = sim_write,
	.piece_complete = sim_piece_complete,
	.piece_done = sim_piece_done,
	.complete = sim_complete,
	.charge = sim_charge,
	.uncharge = sim_uncharge,
	.block_received = sim_block_received,
	.ext_message = sim_ext_message,
	.ext_drained = sim_ext_drained,
	.peer_ready = sim_ready,
	.dht_port = sim_dht_port,
	.peer_gone = sim_gone,
	.peer_choked = sim_choked,
	.peer_slot = sim_slot,
	.peer_banned = sim_banned,
	.pex_peer = sim_pex_peer,
	.holepunch = sim_holepunch,
	.metadata = sim_metadata,
};

/* ---- the pipes ---- */

static inline void sim_want_write(void *user)
{
	((struct sim_end *)user)->wants_write = true;
}

static inline void sim_want_read(void *user)
{
	((struct sim_end *)user)->read_paused = false;
}

static inline void sim_close(void *user, enum peer_close why, const char *text)
{
	struct sim_end *end = user;

	(void)text;
	CHECK(!end->closed, "closed twice");
	end->closed = true;
	if (end->node) {
		end->node->closes++;
		end->node->bad_closes += why >= PEER_CLOSE_BAD_FIRST;
		end->node->last_close = why;
	}
}

static const struct peer_io sim_io = {sim_want_write, sim_want_read, sim_close};

static inline void sim_init(struct sim *sim, uint64_t seed, uint32_t pieces,
			    uint32_t piece_len, uint32_t last)
{
	memset(sim, 0, sizeof(*sim));
	sim->rng = rng_seeded(seed);
	sim->now = 1000000;
	sim->pieces = pieces;
	sim->piece_len = piece_len;
	sim->total = (uint64_t)(pieces - 1) * piece_len + last;
	sim->truth = malloc(sim->total);
	rng_fill(&sim->rng, sim->truth, sim->total);
	sim->pool = cbuf_pool_new(256 * 1024, 100000, 64);
	sim->step_ms = SIM_STEP_MS;
	sim->pipe_max = 1024 * 1024;
	sim->per_step = 512 * 1024;
	memset(&sim->hash, 0x11, sizeof(sim->hash));
}

/* The hash is that of an info dictionary of so many bytes, which the nodes that
 * are added serve. */
static inline void sim_make_info(struct sim *sim, size_t len)
{
	sim->info = malloc(len);
	sim->info_len = len;
	rng_fill(&sim->rng, sim->info, len);
	(void)SHA1(sim->info, len, sim->hash.bytes);
}

static inline void sim_make_v2(struct sim *sim)
{
	uint64_t length = sim->total;
	struct merkle tree;

	sim->layer = malloc((size_t)sim->pieces * 32);
	for (uint32_t i = 0; i < sim->pieces; i++) {
		merkle_init(&tree, 0);
		merkle_add_data(&tree,
				sim->truth + (uint64_t)i * sim->piece_len,
				sim_piece_bytes(sim, i));
		merkle_end(&tree,
			   (struct hash32 *)(void *)(sim->layer + 32UL * i),
			   merkle_piece_top(length, sim->piece_len));
	}
	merkle_init(&tree, merkle_piece_top(length, sim->piece_len));
	merkle_add(&tree, (const struct hash32 *)(const void *)sim->layer,
		   sim->pieces);
	merkle_end(&tree, &sim->root, merkle_file_top(length));
	memset(&sim->whole_v2, 0x22, sizeof(sim->whole_v2));
	if (sim->info)
		sha256_once(sim->whole_v2.bytes, sim->info, sim->info_len);
	memcpy(&sim->hash_v2, &sim->whole_v2, sizeof(sim->hash_v2));
}

static inline struct sim_node *sim_add(struct sim *sim, bool seed)
{
	struct sim_node *n = &sim->nodes[sim->n_nodes];
	const struct layers_file file = sim_layers_file(sim);
	uint8_t *have = calloc(1, bits_bytes(sim->pieces));
	struct swarm_cfg cfg = {
		.pieces = sim->pieces,
		.piece_len = sim->piece_len,
		.total_len = sim->total,
		.have = have,
		.prios = seed ? NULL : sim->prios,
		.in_step = sim->in_step,
		.in_order = sim->in_order,
		.rng = rng_seeded(100 + sim->n_nodes),
		.listen_port = 6881,
		.dht_port = sim->dht_port,
		.prefers_encryption = sim->prefer_encryption,
		.sb_pay = (const uint8_t *)"de",
		.sb_pay_len = 2,
		.ops = &sim_ops,
		.ctx = n,
	};
	struct err e = {0};

	cfg.pex = sim->pex;
	cfg.slots = sim->slots;
	if (sim->plain)
		cfg.sb_pay = NULL;
	if (sim->store) {
		cfg.sb_store = (const uint8_t *)"de";
		cfg.sb_store_len = 2;
	}
	cfg.info_hash = sim->hash;
	if (sim->layer && !sim->v2_off) {
		cfg.v2 = true;
		cfg.hash_v2 = sim->whole_v2;
		cfg.layers = &file;
		cfg.layer_count = 1;
		if (sim->v1_off)
			cfg.info_hash = sim->hash_v2;
	}
	cfg.info = sim->info;
	cfg.info_len = sim->info_len;
	if (sim->waiting) {
		cfg.waits_for_metadata = true;
		cfg.pieces = cfg.piece_len = 0;
		cfg.total_len = 0;
		cfg.info = NULL;
		cfg.info_len = 0;
	}
	memset(&cfg.self, (int)('a' + sim->n_nodes), sizeof(cfg.self));
	n->sim = sim;
	n->index = sim->n_nodes++;
	n->charge_as = WIRE_FREE;
	n->data = calloc(1, sim->total);
	n->rate = rate_new();
	cfg.rate = n->rate;
	cfg.local_unlimited = sim->local_unlimited;
	cfg.super_seed = sim->super_seed;
	if (seed) {
		memcpy(n->data, sim->truth, sim->total);
		for (uint32_t i = 0; i < sim->pieces; i++)
			bits_set(have, i);
	}
	CHECK(swarm_new(&n->s, &cfg, sim->now, &e) == ERR_NONE, "%s", e.msg);
	free(have);
	return n;
}

static inline struct swarm *sim_find(void *ctx, const struct info_hash *hash)
{
	struct sim_node *n = ctx;

	return swarm_goes_by(n->s, hash) ? n->s : NULL;
}

/* Where a node is. */
static inline struct wire_addr sim_addr(unsigned index)
{
	return (struct wire_addr){
		.ip = {0x20, 1, [5] = (uint8_t)index, [15] = 1}, .port = 6881};
}

/* a connects to b; returns the connection's number. */
static inline unsigned sim_connect(struct sim *sim, struct sim_node *a,
				   struct sim_node *b)
{
	unsigned c = sim->n_conns++;
	struct sim_node *nodes[2] = {a, b};

	for (unsigned side = 0; side < 2; side++) {
		struct sim_end *end = &sim->ends[c][side];
		struct peer_cfg cfg = {.io = &sim_io, .user = end};

		memset(end, 0, sizeof(*end));
		end->sim = sim;
		end->conn = c;
		end->side = side;
		end->node = nodes[side];
		cfg.addr = sim_addr(nodes[1 - side]->index);
		cfg.by_v2 = sim->by_v2;
		if (sim->local_unlimited)
			cfg.addr.ip[0] = 0xfd;
		end->p = side == 0 ? swarm_connect(a->s, &cfg, sim->now)
				   : swarm_accept(sim_find, b, &cfg, sim->now);
		CHECK(end->p != NULL, "no peer");
	}
	return c;
}

static inline void sim_pull(struct sim *sim, struct sim_end *end)
{
	struct iovec iov[34];
	size_t bytes, n, room, took = 0;

	if (!end->p || end->closed || !end->wants_write || end->node->mute)
		return;
	room = end->len < sim->pipe_max ? sim->pipe_max - end->len : 0;
	while (room && !end->closed &&
	       (n = peer_output(end->p, sim->now, iov, 34, &bytes)) > 0) {
		size_t want = bytes < room ? bytes : room;

		if (sim->chop && want > 1)
			want = 1 + rng_below(&sim->rng, (uint32_t)want);
		if (end->len + want > end->cap) {
			end->cap = (end->len + want) * 2;
			end->buf = realloc(end->buf, end->cap);
		}
		took = 0;
		for (size_t i = 0; i < n && took < want; i++) {
			size_t part = iov[i].iov_len < want - took
					      ? iov[i].iov_len
					      : want - took;

			memcpy(end->buf + end->len + took, iov[i].iov_base,
			       part);
			took += part;
		}
		end->len += want;
		end->sent += want;
		room -= want;
		peer_sent(end->p, sim->now, want);
	}
	if (room)
		end->wants_write = false;
}

static inline void sim_feed(struct sim *sim, struct peer *p,
			    const uint8_t *bytes, size_t len)
{
	struct cbuf *b;

	if (sim->no_owner) {
		peer_feed(p, sim->now, (struct span){NULL, bytes, len});
		return;
	}
	b = cbuf_get(sim->pool);
	memcpy(b->data, bytes, len);
	peer_feed(p, sim->now, (struct span){b, b->data, len});
	cbuf_unref(b);
}

/* Delivers what `from` has sent to `to`. */
static inline void sim_push(struct sim *sim, struct sim_end *from,
			    struct sim_end *to)
{
	size_t budget = sim->per_step, done = 0;

	while (done < from->len && budget && to->p && !to->closed) {
		size_t quota = peer_read_quota(to->p, sim->now);
		size_t n = from->len - done;

		if (n > budget)
			n = budget;
		if (n > quota)
			n = quota;
		if (n > 256 * 1024)
			n = 256 * 1024;
		if (n == 0)
			break;
		if (sim->chop && rng_below(&sim->rng, 4) == 0)
			n = 1 + rng_below(&sim->rng, n < 40 ? (uint32_t)n : 40);
		else if (sim->chop)
			n = 1 + rng_below(&sim->rng, (uint32_t)n);
		sim_feed(sim, to->p, from->buf + done, n);
		done += n;
		budget -= n;
	}
	if (!to->p || to->closed)
		done = from->len;
	from->len -= done;
	if (from->len)
		memmove(from->buf, from->buf + done, from->len);
}

static inline void sim_reap(struct sim *sim, unsigned c)
{
	struct sim_end *a = &sim->ends[c][0], *b = &sim->ends[c][1];

	for (unsigned side = 0; side < 2; side++) {
		struct sim_end *end = &sim->ends[c][side];

		if (end->closed && end->p) {
			peer_free(end->p);
			end->p = NULL;
		}
	}
	/* the other side sees the end once it has read all there was */
	if (!a->p && b->p && a->len == 0) {
		peer_free(b->p);
		b->p = NULL;
	}
	if (!b->p && a->p && b->len == 0) {
		peer_free(a->p);
		a->p = NULL;
	}
}

static inline void sim_hangup(struct sim *sim, unsigned c)
{
	for (unsigned side = 0; side < 2; side++) {
		peer_free(sim->ends[c][side].p);
		sim->ends[c][side].p = NULL;
	}
}

static inline void sim_answer_later(struct sim *sim, struct sim_node *n)
{
	unsigned n_later = n->n_later, n_checks = n->n_checks;
	struct sim_later leaves[SIM_LEAVES];
	unsigned n_leaves = n->n_leaves;

	memcpy(leaves, n->leaves, sizeof(leaves));
	n->n_leaves = 0;
	for (unsigned i = 0; i < n_leaves; i++)
		sim_hash_leaves(n, leaves[i].piece, leaves[i].cookie);
	n->n_later = 0;
	n->n_checks = 0;
	/* last first: answers need not come in order */
	while (n_later > 0) {
		struct sim_later l = n->later[--n_later];
		struct span data = sim_load(n, l.piece, l.offset, l.len);

		swarm_read_done(n->s, sim->now, l.cookie, &data);
	}
	for (unsigned i = 0; i < n_checks; i++)
		sim_verdict(n, n->checks[i]);
}

static inline void sim_step(struct sim *sim)
{
	sim->now += sim->step_ms;
	for (unsigned i = 0; i < sim->n_nodes; i++) {
		(void)rate_tick(sim->nodes[i].rate, sim->now);
		(void)swarm_tick(sim->nodes[i].s, sim->now);
		sim_answer_later(sim, &sim->nodes[i]);
	}
	for (unsigned c = 0; c < sim->n_conns; c++) {
		sim_pull(sim, &sim->ends[c][0]);
		sim_pull(sim, &sim->ends[c][1]);
		sim_push(sim, &sim->ends[c][0], &sim->ends[c][1]);
		sim_push(sim, &sim->ends[c][1], &sim->ends[c][0]);
	}
	for (unsigned c = 0; c < sim->n_conns; c++)
		sim_reap(sim, c);
}

static inline bool sim_has_all(const struct sim_node *n)
{
	struct swarm_stats st;

	swarm_stats_get(n->s, &st);
	return st.left == 0;
}

/* Runs until node n has everything, or `ms` have passed. */
static inline bool sim_until(struct sim *sim, const struct sim_node *n,
			     int64_t ms)
{
	int64_t end = sim->now + ms;

	while (sim->now < end && !sim_has_all(n))
		sim_step(sim);
	return sim_has_all(n);
}

static inline void sim_run(struct sim *sim, int64_t ms)
{
	int64_t end = sim->now + ms;

	while (sim->now < end)
		sim_step(sim);
}

static inline bool sim_data_right(const struct sim_node *n)
{
	return memcmp(n->data, n->sim->truth, n->sim->total) == 0;
}

static inline void sim_free(struct sim *sim)
{
	for (unsigned c = 0; c < sim->n_conns; c++) {
		sim_hangup(sim, c);
		free(sim->ends[c][0].buf);
		free(sim->ends[c][1].buf);
	}
	for (unsigned i = 0; i < sim->n_nodes; i++) {
		swarm_free(sim->nodes[i].s);
		rate_free(sim->nodes[i].rate);
		free(sim->nodes[i].data);
	}
	CHECK(cbuf_pool_in_use(sim->pool) == 0, "%u buffers were not returned",
	      cbuf_pool_in_use(sim->pool));
	cbuf_pool_free(sim->pool);
	free(sim->truth);
	free(sim->info);
	free(sim->layer);
}

#endif
