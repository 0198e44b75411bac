/* locals.h - peers in the same network, by multicast: wire/find/lsd.h says what
 * to tell when; this has the sockets, one to hear and one to speak for each
 * family, and speaks on every interface that can multicast but loopback. Who
 * listens on one address alone speaks from there and on its interface only.
 *
 * Asleep until the first torrent is told of. Setting `lsd`.
 * Thread: the loop.
 */
#ifndef NODE_LOCALS_H
#define NODE_LOCALS_H

#include "node/core/engine.h"

struct locals;

enum err_code locals_new(struct locals **out, struct engine *en, struct err *e);
void locals_free(struct locals *l);
/* A torrent that runs, and is not private; and one that does no more. Peers
 * come as torrent_told_of(). */
void locals_add(struct locals *l, const struct info_hash *hash);
void locals_remove(struct locals *l, const struct info_hash *hash);

#endif
