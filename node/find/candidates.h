/* candidates.h - whom a torrent may connect to, and when again.
 *
 * Addresses come from the user, trackers and later other sources. Each is free,
 * connected, or waiting for its next try: 1 s after the first failure, doubling
 * to 5 minutes (30 s for those that the user named, which are never forgotten).
 * Only a connection that worked lets the waits begin anew; one whose peer is
 * connected already did not, however well its handshakes went. Where such a
 * peer is known beforehand it is not tried for the longest of these waits.
 * A banned address is never tried again. At most CANDIDATES_MAX are kept; the
 * one that failed most often gives way, and where none did, one that is banned:
 * whoever has many addresses would else fill the list for good. Of one public
 * address (IPv6: one /64) CANDIDATES_OF_ONE ports are kept, besides those that
 * the user named: a list of thousands leads nobody against one host.
 * Pure: time is an argument. Thread: the loop.
 */
#ifndef NODE_CANDIDATES_H
#define NODE_CANDIDATES_H

#include "node/net/net.h"
#include "wire/peer/peer.h"

#define CANDIDATES_MAX 2000
#define CANDIDATES_OF_ONE 8

struct candidates;

struct candidates *candidates_new(void);
void candidates_free(struct candidates *c);

/* True when it is new. */
bool candidates_add(struct candidates *c, const struct net_addr *addr,
		    bool keep);
/* The torrent's own trackers told of this one: see candidates_drop_others(). */
void candidates_vouch(struct candidates *c, const struct net_addr *addr);
/* Another tracker took their place: what they told counts no more. */
void candidates_vouch_none(struct candidates *c);
/* Forgets all but those that trackers or the user named (BEP 27: a private
 * torrent has no others). */
void candidates_drop_others(struct candidates *c);
bool candidates_has(const struct candidates *c, const struct net_addr *addr);
/* Where others see us, as a peer told: of those that are due at the same time
 * the user's own are tried first, then the one with the highest canonical
 * priority (BEP 40). Nothing is lost when it is not so. */
void candidates_set_us(struct candidates *c, const struct wire_addr *us);
/* There is one to connect to; *wake_ms as below. */
bool candidates_is_due(const struct candidates *c, int64_t now_ms,
		       int64_t *wake_ms);
/* The next to connect to at `now_ms`; it then counts as connected. False: none
 * is due; *wake_ms says when one will be (INT64_MAX: never). */
bool candidates_take(struct candidates *c, int64_t now_ms, struct net_addr *out,
		     int64_t *wake_ms);

/* How a try ended. */
enum candidate_end {
	CANDIDATE_FAILED,
	CANDIDATE_WORKED,
	CANDIDATE_HERE, /* not tried: its peer is connected already */
	CANDIDATE_BANNED,
};

/* Of a connection; `lasted` as in link_ended_fn. */
enum candidate_end candidate_end_of(bool lasted, enum peer_close why);
void candidates_ended(struct candidates *c, const struct net_addr *addr,
		      int64_t now_ms, enum candidate_end how);
/* How often in a row it was tried in vain; 0 for one that is not there. */
unsigned candidates_failures(const struct candidates *c,
			     const struct net_addr *addr);
bool candidates_is_banned(const struct candidates *c,
			  const struct net_addr *addr);
/* It is worth a try at once (it tries to reach us, too); not a banned one. */
void candidates_hurry(struct candidates *c, const struct net_addr *addr);
/* Every connection is closed, and all may be tried at once (after a pause). */
void candidates_retry_now(struct candidates *c);
unsigned candidates_connected(const struct candidates *c);
unsigned candidates_count(const struct candidates *c);

#endif
