/* udp.h - UDP sockets of the wire: one for each address that TCP listens on, at
 * the same port. What arrives is told apart by its first bytes and handed to
 * whoever speaks it; nobody else owns a UDP socket.
 *
 * Many datagrams of one sender travel as one through the kernel where it can
 * (UDP_SEGMENT, UDP_GRO); who listens sees each by itself. uTP has a door of
 * its own, by which payloads lie behind each other in one counted buffer.
 *
 * Addresses are IPv4 or IPv6, never IPv4-mapped, in both directions (the door
 * of uTP has struct wire_addr, as its machine).
 * Thread: the loop.
 */
#ifndef NODE_UDP_H
#define NODE_UDP_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/net/net.h"
#include "wire/addr.h"

#define UDP_BYTES_MAX \
	2048U /* of a datagram received; longer ones are dropped */

struct udp;

/* Who speaks through these sockets. A datagram that fits none is dropped. */
enum udp_kind {
	UDP_DHT,     /* BEP 5: a bencoded dictionary, so 'd' first */
	UDP_UTP,     /* BEP 29: version 1 and a type of 0..4 */
	UDP_TRACKER, /* BEP 15 answers: action 0..3 as 4 bytes */
	UDP_KINDS
};

enum udp_kind udp_kind_of(const uint8_t *bytes, size_t len);

/* `bytes` may be kept by taking a reference. */
typedef void udp_fn(void *ctx, const struct net_addr *from,
		    const struct span *bytes);

struct udp *udp_new(struct loop *loop, struct log *log, struct err *e);
void udp_free(struct udp *u);
/* One listener a kind, but for UDP_UTP; fn NULL: nobody any more. */
void udp_on(struct udp *u, enum udp_kind kind, udp_fn *fn, void *ctx);

/* Binds host:port, an IP address (port 0: any); *bound gets the port in use. An
 * IPv6 wildcard takes IPv4 too. ERR_IO says why not. */
enum err_code udp_listen(struct udp *u, const char *host, uint16_t port,
			 uint16_t *bound, struct err *e);
/* There is a socket from which `family` (AF_INET, AF_INET6) can be sent to. */
bool udp_has(const struct udp *u, int family);

enum udp_sent {
	UDP_SENT,
	UDP_BUSY,     /* the socket's buffer is full: like a loss */
	UDP_TOO_LONG, /* over the path's MTU */
	UDP_FAILED    /* no socket of this family, no route, refused */
};

/* One datagram, gathered. Nothing is kept. */
enum udp_sent udp_send(struct udp *u, const struct net_addr *to,
		       const struct iovec *iov, size_t n);

/* What udp_send() is given goes this way from here on, to any family (see
 * udp_relay.h); fn NULL: by the sockets again. */
typedef enum udp_sent udp_way_fn(void *ctx, const struct net_addr *to,
				 const struct iovec *iov, size_t n);
void udp_set_way(struct udp *u, udp_way_fn *fn, void *ctx);
/* One that came by it. */
void udp_take(struct udp *u, const struct net_addr *from,
	      const struct span *bytes);

/* ---- uTP's door ---- */

#define UDP_UTP_HEAD 20U

struct udp_utp_ops {
	/* A receive brought datagrams of one moment; they follow. */
	void (*arrived)(void *ctx);
	/* A datagram that came by `socket`: its first UDP_UTP_HEAD bytes, and
	 * the rest; a rest without owner is gone when this returns. */
	void (*packet)(void *ctx, unsigned socket, const struct wire_addr *from,
		       const uint8_t *head, const struct span *rest);
	/* The last of those that waited. */
	void (*batch_end)(void *ctx);
	/* After UDP_BUSY: a socket takes more again. */
	void (*writable)(void *ctx);
};

/* ops NULL: nobody any more. */
void udp_on_utp(struct udp *u, const struct udp_utp_ops *ops, void *ctx);
/* The socket that udp_send() would take; -1: none. */
int udp_socket_for(const struct udp *u, int family);
/* The bytes of datagrams that it can hold before they are received. */
uint32_t udp_receive_room(const struct udp *u, unsigned socket);

/* Datagrams of `segment` bytes each, the last may be shorter; 64 of them and
 * 65,000 bytes at most. `whole`: one, which is not fragmented on its way. */
struct udp_run {
	const uint8_t *p;
	size_t len;
	size_t segment;
	bool whole;
};

enum udp_sent udp_send_run(struct udp *u, unsigned socket,
			   const struct wire_addr *to,
			   const struct udp_run *run);

#endif
