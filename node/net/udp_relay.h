/* udp_relay.h - the node's datagrams through the relay of a SOCKS5 proxy (RFC
 * 1928, 7), but for uTP's, which are sockets' own. Until the relay is there, or
 * will not be, UDP_RELAY_WAITING of up to UDP_RELAY_BYTES are kept.
 * Thread: the loop.
 */
#ifndef NODE_UDP_RELAY_H
#define NODE_UDP_RELAY_H

#include "base/err.h"
#include "base/loop.h"
#include "node/net/net.h"

#define UDP_RELAY_WAITING 32U
#define UDP_RELAY_BYTES 1500U

struct udp;
struct udp_relay;

/* `udp` gives it all that is sent from here on, and hears what comes. NULL: no
 * memory. */
struct udp_relay *udp_relay_new(struct loop *loop, struct udp *udp);
void udp_relay_free(struct udp_relay *r);
/* It is at this address. ERR_IO, ERR_NOMEM. */
enum err_code udp_relay_open(struct udp_relay *r, const struct net_addr *at,
			     struct err *e);
/* It is gone, or will not be: what waits is lost, as is what is sent. */
void udp_relay_close(struct udp_relay *r);

#endif
