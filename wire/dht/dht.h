/* dht.h - a node of the Mainline DHT: BEP 5, 32 (IPv6), 42 (ids that follow
 * from the address), 43 (read-only), 44 (items), 51 (samples).
 *
 * A machine without socket, clock or chance of its own: datagrams and the time
 * go in, datagrams and results come out through the callbacks, and the caller
 * calls again at dht_wake_ms(). One machine serves both families, each with an
 * id and a table of its own; a search is of one family.
 *
 * What keeps others from doing harm is in table.h (who gets in), lookup.h (who
 * counts), dht_gate.h (who may ask), kept_peers.h and kept_items.h (what is
 * kept). Besides: an answer is taken only from the address that was asked, with
 * its four bytes; no answer is over 14 times its question or 1,400 bytes; who
 * is at a public address tells of public ones only; whoever asks without `ro`
 * is asked back, 20 a second in all, before it is believed to be a node.
 *
 * Callbacks may start and cancel searches, and must not free the machine.
 * Thread: the loop.
 */
#ifndef WIRE_DHT_H
#define WIRE_DHT_H

#include "base/err.h"
#include "base/rng.h"
#include "wire/dht/dht_item.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHT_MAX_SEARCHES 48U  /* of callers, at once */
#define DHT_MAX_ASKED 1024U   /* questions without an answer yet */
#define DHT_MAX_CONTACTS 256U /* addresses still to be asked, a family */
#define DHT_MAX_ANSWER 1400U  /* bytes */
#define DHT_MAX_GAIN 14U      /* an answer's bytes for one of the question */
#define DHT_UNKNOWN_GAIN 5U   /* peers and nodes for who never answered us */
#define DHT_SLOW_MS 1500      /* then the next one is asked, too */
#define DHT_LOST_MS 6000      /* then no answer is waited for */
#define DHT_TOLD_MS 10000     /* one contact is not asked more often */
#define DHT_REFRESH_MS (15 * 60 * 1000)

struct dht;

struct dht_cfg {
	struct rng rng;
	bool family[DHT_FAMILIES]; /* which there are sockets for */
	bool read_only;		   /* BEP 43: we ask, and answer nobody */
	bool has_id[DHT_FAMILIES]; /* of the last run; used while it fits */
	struct dht_id id[DHT_FAMILIES];
	/* One datagram, which is not kept; may be lost. */
	void (*send)(void *ctx, const struct wire_addr *to, const uint8_t *p,
		     size_t len);
	void *ctx;
};

struct dht_outcome {
	uint32_t answered; /* nodes that answered */
	uint32_t stored;   /* and that took the announce or the item */
};

enum dht_aim {
	DHT_FIND_NODES, /* only on_done */
	DHT_FIND_PEERS, /* get_peers, and announce_peer where `announce` */
	DHT_FIND_ITEM,	/* get, and put where `put` is given */
};

struct dht_search {
	enum dht_aim aim;
	enum dht_family family;
	struct dht_id target; /* of an item: dht_item_target() */
	bool announce, implied_port, seed;
	uint16_t port;		    /* announced */
	const struct dht_item *put; /* copied; NULL: only look */
	const int64_t *cas;	    /* BEP 44, of the put; or NULL */
	const uint8_t *salt;	    /* of a mutable item looked for; copied */
	size_t salt_len;
	/* Any may be NULL. Peers come as they are told, several times the same;
	 * items with good signatures, each newer than the one before. */
	void (*on_peers)(void *ctx, const struct wire_addr *peers, size_t n);
	void (*on_item)(void *ctx, const struct dht_item *item);
	/* The last call. Not after dht_cancel(). */
	void (*on_done)(void *ctx, const struct dht_outcome *o);
	void *ctx;
};

/* A node that was known before (dht_keep()). */
struct dht_contact {
	struct dht_id id;
	struct wire_addr addr;
};

struct dht_status {
	size_t nodes[DHT_FAMILIES];
	bool ready[DHT_FAMILIES]; /* dht_ready() */
	bool knows_ip[DHT_FAMILIES];
	uint8_t ip[DHT_FAMILIES][16];  /* as others see us */
	size_t torrents, peers, items; /* kept for others */
	size_t searches, asked;
	uint64_t questions, refused; /* of others; not answered */
	uint64_t answers;	     /* of others, to us */
};

/* ERR_NOMEM. */
enum err_code dht_new(struct dht **out, const struct dht_cfg *cfg,
		      int64_t now_ms, struct err *e);
void dht_free(struct dht *d);

/* A datagram. What is no message of ours is dropped without a word. */
void dht_feed(struct dht *d, const struct wire_addr *from, const uint8_t *p,
	      size_t len, int64_t now_ms);
void dht_tick(struct dht *d, int64_t now_ms);
int64_t dht_wake_ms(const struct dht *d);

/* Somebody who may be a node (BEP 5's PORT message, a .torrent's `nodes`, a
 * bootstrap host, a node of the last run; id NULL: not known). Is asked soon,
 * unless it is known, or was told of less than DHT_TOLD_MS ago.
 * False: of a family that we have not, nowhere, or too many wait. */
bool dht_add_contact(struct dht *d, const struct wire_addr *addr,
		     const struct dht_id *id, int64_t now_ms);
/* Has it found its place in the network of this family? */
bool dht_ready(const struct dht *d, enum dht_family family);
/* Nobody is known there and nobody is left to be asked. */
bool dht_lost(const struct dht *d, enum dht_family family);

/* Starts a search; its calls come from dht_feed() and dht_tick(). Returns its
 * number, or 0: no such family, or DHT_MAX_SEARCHES under way. */
uint32_t dht_start(struct dht *d, const struct dht_search *s, int64_t now_ms);
/* Ends it without another call; 0 or one that ended is no error. */
void dht_cancel(struct dht *d, uint32_t search);

struct dht_id dht_own_id(const struct dht *d, enum dht_family family);
/* Nodes to be handed to dht_add_contact() after a restart. */
size_t dht_keep(const struct dht *d, enum dht_family family,
		struct dht_contact *out, size_t max);
struct dht_status dht_status(const struct dht *d);

#endif
