/* gossip.h - hosts learn of each other: now and then a host asks a few others
 * whom they know, and tells them of itself and of some that it knows.
 *
 * So a renter who knows one host finds all, and nobody keeps a list for
 * everybody (docs/protocol.md, sections 12 and 15). No account is shown.
 * Thread: the loop.
 */
#ifndef NODE_GOSSIP_H
#define NODE_GOSSIP_H

#include "base/err.h"
#include "node/net/net.h"

struct engine;
struct gossip;
struct rent_client;

#define GOSSIP_NODES 64U /* records that are told at a time */

/* Once renting is open and our own record is in renting_peers(). Those that the
 * settings name (`host-peer`) are asked first. ERR_NOMEM. */
enum err_code gossip_start(struct gossip **out, struct engine *en,
			   struct err *e) __attribute__((warn_unused_result));
/* Before rent_links_free(). NULL is a no-op. */
void gossip_free(struct gossip *g);

/* Somebody says that a host is there: it is asked in this round, when few are.
 */
void gossip_meet(struct gossip *g, const struct net_addr *at);

/* Tells a host that is connected of some that we know: renters do, too. */
void gossip_tell(struct engine *en, struct rent_client *c);

#endif
