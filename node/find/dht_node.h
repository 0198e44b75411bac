/* dht_node.h - the node's place in the DHT: wire/dht/dht.h joined with the UDP
 * sockets, and what is announced and looked for there.
 *
 * Asleep until dht_node_start() (where the node listens) or dht_node_wake()
 * (for a command that only looks things up: it announces nothing and answers
 * nobody). Where it finds others: the nodes of the last run (HOME/dht), those
 * that the user names (`dht-node`), peers (BEP 5's PORT), and when nobody of
 * them is there the bootstrap hosts (`dht-bootstrap`, or the environment's
 * SEEDBANK_DHT_BOOTSTRAP), whose names workers look up.
 *
 * Private torrents (BEP 27) have no topic. Thread: the loop.
 */
#ifndef NODE_DHT_NODE_H
#define NODE_DHT_NODE_H

#include "base/err.h"
#include "node/net/net.h"
#include "wire/dht/agenda.h"
#include "wire/dht/dht_id.h"

#include <jansson.h>

struct engine;
struct dht_node;
struct dht_topic;

enum err_code dht_node_new(struct dht_node **out, struct engine *en,
			   struct err *e);
/* Saves what is known, frees. All topics are gone before. NULL: a no-op. */
void dht_node_free(struct dht_node *n);

/* The sockets listen; no-op when it runs, or with `dht = no`. */
void dht_node_start(struct dht_node *n);
/* The same without a port to listen at, on a socket of its own. */
void dht_node_wake(struct dht_node *n);
/* It runs, and somebody is known or being asked; else no topic finds anything
 * for now. */
bool dht_node_may_find(const struct dht_node *n);
/* What a PORT message tells of us; 0: nothing, no DHT. */
uint16_t dht_node_port(const struct dht_node *n);

/* Somebody who is, or may be, a node. */
void dht_node_contact(struct dht_node *n, const struct net_addr *addr);
/* HOST:PORT; a name is looked up without blocking. ERR_PARSE. */
enum err_code dht_node_contact_text(struct dht_node *n, const char *endpoint,
				    struct err *e);

/* Something that is looked for, again and again (agenda.h), until it is freed.
 */
struct dht_topic_cfg {
	struct dht_id target;
	bool announce; /* that we are there */
	uint16_t port; /* at this port; 0: where we listen */
	bool seed;
	enum agenda_need need; /* see agenda.h */
	void (*on_peer)(void *ctx, const struct net_addr *addr);
	/* A round is over; `answered` nodes, `peers` told (many twice). May be
	 * NULL. */
	void (*on_round)(void *ctx, uint32_t answered, size_t peers);
	void *ctx;
};

/* Waits for the node to be started and ready. ERR_NOMEM. */
enum err_code dht_topic_new(struct dht_topic **out, struct dht_node *n,
			    const struct dht_topic_cfg *cfg, struct err *e);
/* NULL: a no-op. Not from its own callbacks. */
void dht_topic_free(struct dht_topic *t);
/* What changed about it; `seed` goes for the next round. */
void dht_topic_set(struct dht_topic *t, bool seed, enum agenda_need need);

/* {"running","nodes","nodes6","ready",...} for `status`. */
json_t *dht_node_json(const struct dht_node *n);

#endif
