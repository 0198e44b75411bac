/* tunnel.h - the node's proxy: connections that go through it, and datagrams
 * where it takes them. What is said to a proxy is decided by
 * wire/reach/proxy.h; this owns the sockets until a way is through.
 *
 * Where there is a proxy nothing of the node goes another way, also while it is
 * down or its name is not known yet. Its own name is the only one that is
 * looked up here, by a worker, again when connections to it fail.
 * Thread: the loop.
 */
#ifndef NODE_TUNNEL_H
#define NODE_TUNNEL_H

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/work.h"
#include "node/net/net.h"
#include "wire/reach/proxy.h"

struct tunnel;
struct tunnels;
struct udp;

/* `proxy` is copied. All but `udp` (may be NULL) must outlive it: through which
 * datagrams go once a SOCKS5 proxy takes them; asked for again, after 5 s to 5
 * minutes, where it refuses or ends that. ERR_NOMEM. */
enum err_code tunnels_new(struct tunnels **out, struct loop *loop,
			  struct work *work, struct log *log, struct udp *udp,
			  const struct proxy *proxy, struct err *e);
/* All tunnels must be closed. NULL is a no-op. */
void tunnels_free(struct tunnels *t);
/* Datagrams are wanted from here on. */
void tunnels_want_udp(struct tunnels *t);

/* A connection to `to`. *fd is its socket, which the caller owns and must not
 * touch before `done`. NULL: no socket, or the proxy's address is not known. */
struct tunnel *tunnel_open(struct tunnels *t, const struct net_addr *to,
			   int *fd);
/* Who hears, once: `why` NULL: the way is through, the socket is the peer's. In
 * either case the tunnel is to be closed. To be called right after
 * tunnel_open(). */
typedef void tunnel_fn(void *ctx, const char *why);
void tunnel_on_done(struct tunnel *k, tunnel_fn *done, void *ctx);
/* Before its socket is closed. NULL is a no-op. */
void tunnel_close(struct tunnel *k);

#endif
