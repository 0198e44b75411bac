/* portmap.h - a daemon behind a home router asks it to let others in: what is
 * said is decided by wire/reach/mapper.h, this owns its two sockets and looks
 * where the router is. Nothing blocks.
 *
 * Only where the daemon listens on an IPv4 address of a private network that
 * has a gateway, with the setting port-mapping, and without a proxy. A network
 * that changes is noticed within ten minutes. Thread: the loop.
 */
#ifndef NODE_PORTMAP_H
#define NODE_PORTMAP_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

struct engine;
struct portmap;

enum err_code portmap_new(struct portmap **out, struct engine *en,
			  struct err *e);
/* The daemon listens. */
void portmap_start(struct portmap *p);
/* Gives back what is mapped; done(ctx) when it is, maybe at once. NULL, here
 * and below: one that was not made. */
void portmap_stop(struct portmap *p, void (*done)(void *ctx), void *ctx);
bool portmap_stopped(const struct portmap *p);
void portmap_free(struct portmap *p);

/* {"by","address","tcp","udp"} or {"why"}; NULL: not in use. */
json_t *portmap_json(const struct portmap *p);

#endif
