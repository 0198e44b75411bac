/* net.h - connections of the wire, by TCP or uTP, which are the same to whoever
 * uses them. The only place that owns a TCP socket; UDP's are udp.h's.
 *
 * Bytes come in through one shared receive buffer of NET_RBUF bytes that is
 * filled from front to back by every connection in turn (at most NET_RECV a
 * call); what is received is handed on as a span of it, so a holder keeps the
 * bytes by keeping a reference. Output is asked for as iovecs when the socket
 * can take it, gathered over a whole turn of the loop.
 *
 * Ownership: net owns every conn; a conn is gone when `closed` returns, or when
 * net_close() was called (which does not call `closed`; safe in any callback).
 * Thread: the loop.
 */
#ifndef NODE_NET_H
#define NODE_NET_H

#include "base/cbuf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define NET_RBUF (256U << 10)
#define NET_RECV (256U << 10)
#define NET_IOV_MAX 64

struct net;
struct conn;
struct udp;

struct net_addr {
	struct sockaddr_storage sa;
	socklen_t len;
};

struct net_ops {
	/* An incoming connection; returns the conn's ctx, NULL to refuse. */
	void *(*accepted)(void *net_ctx, struct conn *c,
			  const struct net_addr *from);
	/* An outgoing one is up. */
	void (*connected)(void *conn_ctx);
	/* Nobody else has these bytes: they may be decrypted where they lie. */
	void (*received)(void *conn_ctx, const struct span *bytes);
	/* Fills iov with what to send next, at most max entries; returns how
	 * many. 0: nothing now, net_want_write() will be called again. */
	size_t (*output)(void *conn_ctx, struct iovec *iov, size_t max);
	void (*sent)(void *conn_ctx, size_t bytes);
	/* How many bytes may be read now; 0 pauses until net_want_read(). */
	size_t (*may_read)(void *conn_ctx);
	/* The socket is closed, by the other side or by an error. */
	void (*closed)(void *conn_ctx, const char *why);
};

struct net *net_new(struct loop *loop, struct log *log,
		    const struct net_ops *ops, void *net_ctx, struct err *e);
void net_free(struct net *n);

/* Connections by uTP through these sockets, too; they and the conns that stay
 * end before udp_free(). `only`: none by TCP. At most `max_conns`. */
enum err_code net_use_utp(struct net *n, struct udp *udp, bool only,
			  unsigned max_conns, struct err *e);

/* Binds and listens on host:port (port 0: any). An IPv6 wildcard takes IPv4
 * too. *port gets the port in use. ERR_IO says why not. The first address of a
 * family that is no wildcard is from then on the source of outgoing
 * connections. */
enum err_code net_listen(struct net *n, const char *host, uint16_t port,
			 uint16_t *bound_port, struct err *e);

/* Which way a connection is tried first, and which else when that brings none
 * in 0.6 s: uTP, which leaves room to others; within a network of one's own
 * TCP, which is faster. */
enum net_way { NET_WAY_NONE, NET_WAY_TCP, NET_WAY_UTP };

enum net_way net_first_way(bool has_utp, bool utp_only,
			   const struct net_addr *to, enum net_way *second);
bool net_speaks_tcp(const struct net *n);

/* Connections go through these from here on, and no other way. */
struct tunnels;
void net_set_tunnels(struct net *n, struct tunnels *t);

/* Starts connecting; the outcome comes as connected or closed. NULL when no
 * socket could be had. `tcp`: by that alone, where it is spoken. */
struct conn *net_connect(struct net *n, const struct net_addr *to, bool tcp,
			 void *conn_ctx);
void net_close(struct conn *c);
/* Binds a TCP socket that is about to connect to `to` as net_connect() binds
 * its own, so that others see the same address. Best effort. */
void net_bind_source(const struct net *n, int fd, const struct net_addr *to);

/* The one address of a family that it connects from; NULL: the kernel chooses.
 */
const struct net_addr *net_source(const struct net *n, int family);
bool net_by_utp(const struct conn *c);
/* Where an accepted connection arrived: the address that was connected to.
 * False: it came by uTP. */
bool net_arrived_at(const struct conn *c, struct net_addr *out);
/* Is there a listener that a peer of this family (AF_INET, AF_INET6) reaches?
 */
bool net_listens(const struct net *n, int family);

/* The global IPv6 address that net_listen() made the source of connections, or
 * where it listens at every one the one that the kernel would use, as text:
 * where others can reach us. False: there is none. */
#define NET_IP_TEXT_MAX 46
bool net_global_ip6(const struct net *n, char out[NET_IP_TEXT_MAX]);

/* There is (or may be) output: written at the next net_flush(). */
void net_want_write(struct conn *c);
void net_want_read(struct conn *c);
/* Reads once what has arrived, without waiting for the loop: before a
 * connection is ended for its silence. `received` or `closed` may be called. */
void net_hear(struct conn *c);
/* Writes for everyone who wanted; call once at the end of a loop turn. */
void net_flush(struct net *n);

unsigned net_count(const struct net *n);

/* ---- addresses ---- */
bool net_addr_from_ip(struct net_addr *out, const char *ip, uint16_t port);
bool net_addr_from_bytes(struct net_addr *out, const uint8_t *ip, size_t ip_len,
			 uint16_t port);
bool net_addr_eq(const struct net_addr *a, const struct net_addr *b);
/* An IPv6 address of global unicast (2000::/3, RFC 4291): neither loopback nor
 * one of a link, a site or IPv4. */
bool net_addr_is_global_ip6(const struct net_addr *a);
bool net_addr_is_loopback(const struct net_addr *a);
/* On this machine or in a network of its own, where nobody is in the way of
 * others and losses are rare: loopback, 10/8, 172.16/12, 192.168/16,
 * 169.254/16; fc00::/7, fe80::/10. */
bool net_addr_is_near(const struct net_addr *a);
/* The address without a port: 4 or 16 bytes, IPv4-mapped ones as 4. */
size_t net_addr_ip(const struct net_addr *a, uint8_t out[16]);
/* The address as 16 bytes, IPv4 ones mapped (::ffff:a.b.c.d); and back. */
void net_addr_to_ip16(const struct net_addr *a, uint8_t out[16]);
void net_addr_from_ip16(struct net_addr *out, const uint8_t ip[16],
			uint16_t port);
uint16_t net_addr_port(const struct net_addr *a);
void net_addr_text(const struct net_addr *a, char *out, size_t cap);

#endif
