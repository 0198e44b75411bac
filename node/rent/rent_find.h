/* rent_find.h - hosts in the DHT: each announces itself under the name that all
 * hosts of its bank have and under its own (rent_link.h), so that renters find
 * them who know nobody, and other hosts who gossip with them.
 *
 * What is found there is an address that somebody announced; who is there is
 * shown by the sealed connection. Thread: the loop.
 */
#ifndef NODE_RENT_FIND_H
#define NODE_RENT_FIND_H

#include "base/ids.h"
#include "node/find/dht_node.h"

struct engine;

/* A topic about the pinned bank's hosts; host NULL: all of them. The target of
 * `cfg` is set here. Once renting is open. ERR_NOMEM. */
enum err_code rent_find_new(struct dht_topic **out, struct engine *en,
			    const struct address *host,
			    const struct dht_topic_cfg *cfg, struct err *e);

#endif
