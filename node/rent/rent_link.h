/* rent_link.h - sealed renting connections: sb_store's bytes between this node
 * and others, whichever side it is on.
 *
 * A host's door is the name that renters connect to: an info hash without
 * pieces (docs/protocol.md, "Finding each other"). A rent link is one
 * connection whose seal stands; messages go in and come out opened. Who speaks
 * what is not known here: storage/rent's machines do that, node/host and
 * node/renter connect them.
 *
 * Life of a link: `up` once the seal stands, then `message` and `drained`, then
 * `down` exactly once, however it ends; after `down` the link is gone. One that
 * was opened and never came up gets `down` alone. rent_link_close() ends it:
 * `down` follows at the end of the turn. Callbacks may call anything here but
 * rent_door_free().
 *
 * Thread: the loop.
 */
#ifndef NODE_RENT_LINK_H
#define NODE_RENT_LINK_H

#include "base/err.h"
#include "base/ids.h"
#include "node/net/net.h"
#include "wire/peer/seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;
struct rent_links;
struct rent_door;
struct rent_link;

struct rent_link_ops {
	/* Return what rent_link_ctx() shall be; for one that we opened that is
	 * set already and the answer is ignored. */
	void *(*up)(void *ctx, struct rent_link *k);
	void (*message)(void *ctx, struct rent_link *k, const uint8_t *msg,
			size_t len);
	/* The same of sb_pay, in the order sent with those of sb_store. NULL:
	 * they are read and dropped. */
	void (*pay)(void *ctx, struct rent_link *k, const uint8_t *msg,
		    size_t len);
	/* rent_link_room() was 0 and there is room again. */
	void (*drained)(void *ctx, struct rent_link *k);
	void (*down)(void *ctx, struct rent_link *k, const char *why);
};

/* Of the engine: made and freed with it, after its links. */
struct rent_links *rent_links_new(struct engine *en, struct err *e);
void rent_links_free(struct rent_links *n);
void rent_links_turn_end(struct rent_links *n);
/* A door's swarm; NULL: no such door. */
struct swarm;
struct swarm *rent_links_find(struct rent_links *n,
			      const struct info_hash *name);

/* The name of a host: SHA-1("seedbank host v1" || chain id as 8 bytes
 * big-endian || bank || host's address). */
struct info_hash rent_name(uint64_t chain_id, const struct address *bank,
			   const struct address *host);

/* The name that all hosts of a bank have, for who knows where one listens and
 * not who it is: the same without an address. */
struct info_hash rent_name_any(uint64_t chain_id, const struct address *bank);

/* Lets renters in under these names, with one key that is fresh in each run.
 * The callbacks' ctx is the door's until rent_link_ctx() is set. ERR_NOMEM;
 * ERR_LIMIT: more than RENT_DOOR_NAMES. */
#define RENT_DOOR_NAMES 2U
enum err_code rent_door_new(struct rent_door **out, struct rent_links *n,
			    const struct info_hash *names, unsigned count,
			    const struct rent_link_ops *ops, void *ctx,
			    struct err *e) __attribute__((warn_unused_result));
/* Its links go down first. NULL is a no-op. */
void rent_door_free(struct rent_door *d);
/* Our X25519 key, for Channel(). */
const uint8_t *rent_door_key(const struct rent_door *d);

/* Opens a connection to a host; `ctx` is rent_link_ctx(). ERR_LIMIT: too many
 * connections. */
enum err_code rent_link_open(struct rent_link **out, struct rent_links *n,
			     const struct info_hash *name,
			     const struct net_addr *to,
			     const struct rent_link_ops *ops, void *ctx,
			     struct err *e) __attribute__((warn_unused_result));
void rent_link_close(struct rent_link *k, const char *why);
void *rent_link_ctx(const struct rent_link *k);
/* Seals and queues it. False: the link is going down. */
bool rent_link_send(struct rent_link *k, const uint8_t *msg, size_t len);
/* The same as a message of sb_pay, behind all that was sent before it. */
bool rent_link_send_pay(struct rent_link *k, const uint8_t *msg, size_t len);
/* The other end speaks sb_pay. */
bool rent_link_pays(const struct rent_link *k);
/* Bytes of long messages that may be queued now; see swarm.h. */
size_t rent_link_room(struct rent_link *k);
/* Reads nothing (true) until false. */
void rent_link_block(struct rent_link *k, bool blocked);
/* X25519 keys of this session, 32 bytes. */
const uint8_t *rent_link_own_key(const struct rent_link *k);
const uint8_t *rent_link_peer_key(const struct rent_link *k);
/* The other end, IPv4 as ::ffff:a.b.c.d. */
void rent_link_ip(const struct rent_link *k, uint8_t ip[16]);
const struct net_addr *rent_link_addr(const struct rent_link *k);

#endif
