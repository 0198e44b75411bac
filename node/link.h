/* link.h - one TCP connection and the peer machine behind it.
 *
 * It joins net.h (bytes) with wire/peer.h (meaning) and nothing else. A link
 * knows the torrent that opened it; for an incoming one the torrent is known
 * once the handshake names it.
 * Ownership: the engine's list; freed at the end of the turn in which either
 * side ended it. Thread: the loop.
 */
#ifndef NODE_LINK_H
#define NODE_LINK_H

#include "node/net.h"
#include "wire/peer.h"
#include "wire/swarm.h"

struct links;
struct link;
struct torrent;

struct links_ops {
	/* The torrent with this info hash; NULL: none, or not running. */
	struct swarm *(*find)(void *ctx, const struct info_hash *hash);
	/* An outgoing connection has ended (or never came up); `ready`: its
	 * handshake had been made, `why` says what happened. */
	void (*ended)(void *ctx, struct torrent *t, const struct net_addr *to,
		      bool ready, enum peer_close why);
};

struct links *links_new(struct loop *loop, struct log *log,
			const struct links_ops *ops, void *ctx,
			unsigned max_links, struct err *e);
void links_free(struct links *l);
struct net *links_net(struct links *l);

/* Opens a connection for a torrent. False: too many, or no socket. */
bool links_open(struct links *l, struct torrent *t, struct swarm *swarm,
		const struct net_addr *to);
/* Closes every connection of a swarm, before swarm_free(). */
void links_close_swarm(struct links *l, struct torrent *t,
		       const struct swarm *swarm);
unsigned links_count(const struct links *l);
bool links_full(const struct links *l);

/* At the end of each turn: writes what waits, frees what ended. */
void links_turn_end(struct links *l);

/* The handshakes are done (for links_ops.ended). */
void link_set_ready(struct link *k);
/* What the trade hangs on a link (trade.h owns it); NULL: nothing. */
void link_set_trade(struct link *k, void *trade);
void *link_trade(const struct link *k);
const struct net_addr *link_addr(const struct link *k);

struct wire_addr wire_addr_of(const struct net_addr *a);
void net_addr_of_wire(struct net_addr *out, const struct wire_addr *a);

#endif
