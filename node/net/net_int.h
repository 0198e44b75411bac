/* net_int.h - what net.c and net_utp.c share; nobody else includes it. */
#ifndef NODE_NET_INT_H
#define NODE_NET_INT_H

#include "base/accept.h"
#include "node/net/net.h"

#define NET_MAX_LISTENERS 16
#define NET_CONNECT_TIMEOUT_MS 15000

struct net_utp;
struct tunnel;
struct tunnels;
struct utp_conn;

struct net_listener {
	struct net *net;
	int fd;
	struct acceptor *acceptor;
};

/* By TCP (fd), by uTP, or, while it connects, by both. */
struct conn {
	struct net *net;
	void *ctx;
	int fd; /* -1: none */
	struct utp_conn *utp;
	bool connecting;
	bool blocked;	  /* the socket's buffer is full: wait for LOOP_WRITE */
	bool read_paused; /* may_read said 0 */
	bool dirty;	  /* in net->dirty */
	bool dead;	  /* closed; freed at the end of the turn */
	struct loop_watch *watch;
	struct loop_timer *timer; /* while connecting */
	struct tunnel *tunnel;	  /* to the proxy, the same */
	struct net_addr to;	  /* the same */
	int64_t give_up_ms;	  /* the same */
	enum net_way second;	  /* the same: what is tried next */
	struct conn *prev, *next;
	struct conn *next_dirty; /* in net->dirty, or in net->dead */
};

struct net {
	struct loop *loop;
	struct log *log;
	const struct net_ops *ops;
	void *ctx;
	struct net_listener listeners[NET_MAX_LISTENERS];
	unsigned listener_count;
	struct net_addr source[2]; /* of outgoing connections: IPv4, IPv6; len
				    * 0: the kernel chooses */
	bool listens[2];	   /* likewise */
	struct conn *conns;
	unsigned conn_count;
	struct conn *dirty;
	struct conn *flushing; /* what net_flush() still has before it */
	struct conn *dead;
	struct cbuf_pool *pool;
	struct cbuf *rbuf;
	uint32_t rbuf_used;
	struct loop_timer *idle; /* armed while there is a buffer */
	bool received;		 /* since it was armed */
	struct tunnels *tunnels; /* NULL: no proxy */
	struct net_utp *utp;	 /* NULL: TCP alone */
	bool utp_only;
};

/* ---- net.c ---- */
/* In the list, with neither socket nor uTP yet. */
struct conn *net_conn_new(struct net *n);
/* Closes it and tells. */
void net_lose(struct conn *c, const char *why);
/* It connects no more: one of its ways is up. */
void net_connected(struct conn *c);
/* One of them has failed. Goes on with another, or loses it. */
void net_way_failed(struct conn *c, const char *why);
/* Ends the attempt by TCP, if there is one. */
void net_drop_tcp(struct conn *c);

/* ---- net_utp.c ---- */
void net_utp_free(struct net_utp *nu);
/* False: no UDP socket of that family, or too many connections. */
bool net_utp_connect(struct conn *c);
void net_utp_close(struct conn *c);
void net_utp_want_write(struct conn *c);
void net_utp_want_read(struct conn *c);
void net_utp_hear(struct conn *c);
void net_utp_flush(struct net_utp *nu);

#endif
