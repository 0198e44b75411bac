/* udp_int.h - what udp.c and udp_receive.c share; nobody else includes it. */
#ifndef NODE_UDP_INT_H
#define NODE_UDP_INT_H

#include "node/net/udp.h"

#define UDP_MAX_SOCKETS 16
#define UDP_BATCH 16U	     /* datagrams, or rows of them, in one call */
#define UDP_SLOT (64U << 10) /* the longest that the kernel hands over */
#define UDP_IDLE_MS 5000

struct udp_socket {
	struct udp *udp;
	int fd;
	int family;
	bool v4_too;	 /* an IPv6 wildcard */
	bool no_segment; /* the kernel cannot */
	bool blocked;
	uint32_t room;
	/* Rows of datagrams of this length came last: the next are received
	 * with heads and payloads apart. 0: no rows. */
	uint32_t stride;
	unsigned shorts; /* receives in a row that were none */
	struct loop_watch *watch;
};

struct udp {
	struct loop *loop;
	struct log *log;
	struct udp_socket sockets[UDP_MAX_SOCKETS];
	unsigned count;
	struct {
		udp_fn *fn;
		void *ctx;
	} on[UDP_KINDS];
	udp_way_fn *way; /* NULL: by the sockets */
	void *way_ctx;
	const struct udp_utp_ops *utp;
	void *utp_ctx;
	struct cbuf_pool *pool;
	struct cbuf *rbuf; /* payloads, one behind the other */
	uint32_t rbuf_used;
	uint8_t *slots;		 /* UDP_BATCH * UDP_SLOT */
	struct loop_timer *idle; /* armed while there is a buffer */
	bool received;		 /* since it was armed */
};

/* ---- udp_receive.c ---- */
void udp_on_socket(void *socket, unsigned what);

#endif
