/* rent_peer.h - hosts that this node rents from or looks at, as it reaches
 * them: an address, a sealed connection while there is something to ask, and
 * the client machine (storage/rent/rent_client.h) on it.
 *
 * A peer connects when there are calls (rent_peer_wake()), again after a while
 * when the connection was lost, and hangs up when nothing was asked for some
 * time. It lives as long as the struct rent_peers. Events come from the loop,
 * outside of any function here and of the machine's callbacks: a listener may
 * make and cancel calls.
 *
 * Thread: the loop.
 */
#ifndef NODE_RENT_PEER_H
#define NODE_RENT_PEER_H

#include "node/net/net.h"
#include "storage/rent/rent_client.h"

#include <stdbool.h>

struct engine;
struct rent_peer;
struct rent_peers;

#define RENT_PEERS_MAX 8192U /* hosts in a run */

enum rent_peer_event {
	RENT_PEER_UP,	 /* connected, and it proved its account */
	RENT_PEER_OFFER, /* it told prices: rent_client_offer() */
	RENT_PEER_DOWN,	 /* the connection ended; tried again */
	RENT_PEER_AWAY,	 /* it could not be reached; tried again, later */
	RENT_PEER_GONE,	 /* it refuses us, lied, or nobody knows where it is:
			  * not tried any more */
};

/* Embedded by whoever listens; linked until rent_peers_unlisten(). */
struct rent_listener {
	struct rent_listener *next;
	void *ctx;
	void (*event)(void *ctx, struct rent_peer *p, enum rent_peer_event ev,
		      const char *why);
	/* A part of the put with this ctx was sent; from inside the machine.
	 * May be NULL. */
	void (*moving)(void *ctx, void *call_ctx);
};

/* Once renting is open (node/rent/renting.h). ERR_NOMEM; ERR_STATE: it is not.
 */
enum err_code rent_peers_new(struct rent_peers **out, struct engine *en,
			     struct err *e) __attribute__((warn_unused_result));
/* Calls that have not ended are dropped. NULL is a no-op. */
void rent_peers_free(struct rent_peers *s);
/* Shall the DHT be asked where a host listens that nobody told of (true), or is
 * that in vain, because the user named hosts (the start)? */
void rent_peers_use_dht(struct rent_peers *s, bool on);
void rent_peers_listen(struct rent_peers *s, struct rent_listener *l);
void rent_peers_unlisten(struct rent_peers *s, struct rent_listener *l);

/* The host with this account, where its endpoint record says. `shown`: our
 * account is shown to it, which storing needs; reading does not, and two peers
 * of one host do no harm. NULL: RENT_PEERS_MAX, or no memory. */
struct rent_peer *rent_peers_get(struct rent_peers *s,
				 const struct address *host, bool shown);
/* Whoever listens there; who it is is known once it was up. */
struct rent_peer *rent_peers_at(struct rent_peers *s,
				const struct net_addr *at);

/* Zero: not known yet. */
struct address rent_peer_host(const struct rent_peer *p);
struct rent_client *rent_peer_client(struct rent_peer *p);
bool rent_peer_is_up(const struct rent_peer *p);
/* The last attempt to reach it failed, and not long ago: what need not be asked
 * of this host is not. */
bool rent_peer_is_away(const struct rent_peer *p);
/* RENT_PEER_GONE was said, and why. */
bool rent_peer_is_gone(const struct rent_peer *p);
const char *rent_peer_why(const struct rent_peer *p);
/* As rent_till_prepay(); false while it is not connected. */
bool rent_peer_prepay(struct rent_peer *p, struct amount due, bool kept);
/* Calls were made: connect if need be. */
void rent_peer_wake(struct rent_peer *p);

#endif
