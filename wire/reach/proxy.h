/* proxy.h - how a connection is had through a proxy: SOCKS5 (RFC 1928, 1929)
 * or HTTP CONNECT (RFC 9110, 9.3.6), and how datagrams are had through SOCKS5.
 *
 * The hand is a machine of one connection to the proxy: what it has to say goes
 * out, what the proxy says comes in, until the way is through or refused. It
 * reads not a byte beyond the proxy's answer. Pure; thread: any.
 */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include "base/err.h"
#include "wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXY_NAME_MAX 255U /* host, user, password: one byte counts them */
#define PROXY_SAY_MAX 1024U
#define PROXY_HEAD_MAX 4096U /* of an answer to CONNECT */
#define PROXY_UDP_HEAD 22U   /* before a datagram, at most */

enum proxy_kind { PROXY_SOCKS5, PROXY_HTTP };

struct proxy {
	enum proxy_kind kind;
	char host[PROXY_NAME_MAX + 1]; /* a name or an address, no brackets */
	uint16_t port;
	char user[PROXY_NAME_MAX + 1]; /* "": none */
	char pass[PROXY_NAME_MAX + 1];
};

/* "socks5://[USER:PASSWORD@]HOST[:PORT]" or "http://...", user and password
 * percent-encoded; ports 1080 and 8080 if not stated. ERR_PARSE says what is
 * wrong, and never the password. */
enum err_code proxy_parse(struct proxy *out, const char *text, struct err *e);

enum proxy_state { PROXY_GOING, PROXY_THROUGH, PROXY_REFUSED };

enum proxy_step {
	PROXY_METHOD,	   /* SOCKS5: which way to say who we are */
	PROXY_AUTH,	   /* what became of that */
	PROXY_REPLY,	   /* the first 5 bytes of the reply */
	PROXY_REPLY_REST,  /* its address */
	PROXY_HTTP_ANSWER, /* up to an empty line */
	PROXY_DONE,
};

struct proxy_hand {
	const struct proxy *proxy; /* borrowed */
	struct wire_addr to;
	bool udp;
	enum proxy_step step;
	uint8_t say[PROXY_SAY_MAX];
	size_t say_len, said;
	uint8_t got[PROXY_HEAD_MAX];
	size_t got_len;
	struct wire_addr bound; /* of THROUGH for datagrams: where they go */
};

/* A connection to `to`. */
void proxy_hand_tcp(struct proxy_hand *h, const struct proxy *p,
		    const struct wire_addr *to);
/* Datagrams, while the connection lasts. SOCKS5 only. `bound` gets where they
 * are to be sent; the zero address means the proxy's own. */
void proxy_hand_udp(struct proxy_hand *h, const struct proxy *p);

/* What is to be sent; *len 0: nothing now. */
const uint8_t *proxy_hand_output(const struct proxy_hand *h, size_t *len);
void proxy_hand_sent(struct proxy_hand *h, size_t len);
/* *used of the bytes belong to the proxy's answer; those behind it, if any, are
 * the peer's. After REFUSED *e says why: ERR_STATE the proxy would not, ERR_IO
 * it could not reach `to`, ERR_PARSE it speaks another protocol. */
enum proxy_state proxy_hand_feed(struct proxy_hand *h, const uint8_t *bytes,
				 size_t len, size_t *used, struct err *e);

/* What stands before a datagram to `to`; returns its length. */
size_t proxy_udp_wrap(uint8_t out[PROXY_UDP_HEAD], const struct wire_addr *to);
/* How many bytes stand before a datagram that came, and who sent it; 0: it is
 * none, a part of one, or its sender is a name. */
size_t proxy_udp_unwrap(struct wire_addr *from, const uint8_t *bytes,
			size_t len);

#endif
