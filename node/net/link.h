/* link.h - one TCP connection and the peer machine behind it, with a veil
 * between them where one of the two encrypts (wire/veil/veil.h).
 *
 * It joins net.h (bytes) with wire/peer/peer.h (meaning) and nothing else. A
 * link knows who opened it; where an incoming one belongs is known once its
 * handshake names it. An outgoing connection that ends before the other side
 * said anything is opened once more (link_next_try) before anyone is told.
 * Ownership: the engine's list; freed at the end of the turn in which either
 * side ended it. Thread: the loop.
 */
#ifndef NODE_LINK_H
#define NODE_LINK_H

#include "node/net/net.h"
#include "wire/peer/peer.h"
#include "wire/swarm/swarm.h"
#include "wire/veil/veil.h"

struct links;
struct link;

struct links_ops {
	/* The swarm with this info hash; NULL: none, or not running. */
	struct swarm *(*find)(void *ctx, const struct info_hash *hash);
};

/* An outgoing connection has ended (or never came up), and who opened it is
 * told; `lasted`: its handshakes had been made for LINK_LASTED_MS or more (who
 * has no use for us, or us already, closes before), `why` says what happened.
 */
typedef void link_ended_fn(void *owner, const struct net_addr *to, bool lasted,
			   enum peer_close why);
#define LINK_LASTED_MS 10000

/* How an outgoing connection is tried. */
struct link_try {
	unsigned way; /* of the policy's, see veil_way() */
	bool tcp;     /* by that alone */
};
/* What follows one that was up and told nothing; `mute_utp`: it was by uTP, TCP
 * is spoken, too, and the other side said no byte until we gave up. Some answer
 * for a uTP behind which nobody listens (anacrolix/torrent with uTP off and the
 * DHT on), so it is TCP's turn. Then comes the policy's second way. False:
 * nothing is left. Pure. */
bool link_next_try(struct link_try *t, enum veil_policy policy, bool mute_utp);

struct links *links_new(struct loop *loop, struct log *log,
			const struct links_ops *ops, void *ctx,
			unsigned max_links, struct err *e);
void links_free(struct links *l);
struct net *links_net(struct links *l);

/* Accepted connections whose first bytes have not said yet what they are; when
 * there are more the oldest gives way. And info hashes that others may mean. */
#define LINKS_GREETING_MAX 64
#define LINKS_HASHES_MAX (1U << 20)

/* What links opened and accepted from now on do (VEIL_ALLOW before that). */
void links_set_encryption(struct links *l, enum veil_policy policy);
/* Does that policy encrypt first what it opens? */
bool links_prefer_encryption(const struct links *l);
/* Encrypted connections name a swarm by a digest of its info hash: this one is
 * to be found, until it was unlisted as often as it was listed. */
void links_list(struct links *l, const struct info_hash *hash);
void links_unlist(struct links *l, const struct info_hash *hash);

/* Opens a connection into a swarm. False: too many, or no socket. */
bool links_open(struct links *l, struct swarm *swarm, const struct net_addr *to,
		link_ended_fn *ended, void *owner);
/* The same by the v2 hash of a hybrid torrent. */
bool links_open_v2(struct links *l, struct swarm *swarm,
		   const struct net_addr *to, link_ended_fn *ended,
		   void *owner);
/* Closes every connection of a swarm, and what its owner opened (who is told
 * nothing more), before swarm_free(). Not from inside a callback of a peer. */
void links_close_swarm(struct links *l, const struct swarm *swarm, void *owner);
unsigned links_count(const struct links *l);
bool links_full(const struct links *l);
/* True: there is room for one more. One that is of no use for long may be ended
 * for it, at most one a second. */
bool links_make_room(struct links *l);

/* At the end of each turn: writes what waits, frees what ended. */
void links_turn_end(struct links *l);

/* The handshakes are done (for link_ended_fn). */
void link_set_ready(struct link *k);
/* What the trade hangs on a link (trade.h owns it); NULL: nothing. */
void link_set_trade(struct link *k, void *trade);
void *link_trade(const struct link *k);
/* The same for rent_link.h. */
void link_set_rent(struct link *k, void *rent);
void *link_rent(const struct link *k);
const struct net_addr *link_addr(const struct link *k);
/* What others see of it. */
enum veil_kind link_encryption(const struct link *k);
bool link_by_utp(const struct link *k);

struct wire_addr wire_addr_of(const struct net_addr *a);
void net_addr_of_wire(struct net_addr *out, const struct wire_addr *a);

#endif
