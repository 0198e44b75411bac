/* udp_msg.h - what is said to a UDP tracker and what it answers: BEP 15 with
 * its IPv6 form, BEP 41 (the URL's path). Datagrams, big-endian.
 *
 * udp_client.h decides when to say what. Thread: any.
 */
#ifndef WIRE_UDP_MSG_H
#define WIRE_UDP_MSG_H

#include "base/err.h"
#include "base/ids.h"
#include "wire/find/announce.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UDP_MSG_OUT_MAX 1200U /* any datagram that we make */
#define UDP_MSG_SCRAPES_MAX 50U

enum udp_action {
	UDP_CONNECT,
	UDP_ANNOUNCE,
	UDP_SCRAPE,
	UDP_ERROR,
};

/* What each needs in front: the id that the tracker gave, and a number that
 * its answer repeats. */
struct udp_head {
	uint64_t connection;
	uint32_t transaction;
};

struct udp_scrape { /* of one torrent */
	int64_t seeds, completed, leechers;
};

struct udp_reply {
	enum udp_action action;
	uint32_t transaction;
	uint64_t connection;		/* CONNECT */
	struct announce_reply announce; /* ANNOUNCE; ERROR: failed and text */
	uint32_t scrape_count;
	struct udp_scrape scrapes[UDP_MSG_SCRAPES_MAX];
};

/* Each returns the datagram's length; 0: it does not fit. */
size_t udp_msg_connect(uint8_t out[UDP_MSG_OUT_MAX], uint32_t transaction);
/* `path`: from the URL, or "". */
size_t udp_msg_announce(uint8_t out[UDP_MSG_OUT_MAX],
			const struct udp_head *head,
			const struct announce_query *q, const char *path);
size_t udp_msg_scrape(uint8_t out[UDP_MSG_OUT_MAX], const struct udp_head *head,
		      const struct info_hash *hashes, size_t count);

/* `ip_len` is that of the address that was asked: peers are 4 or 16 bytes and
 * a port. ERR_PARSE: too short for its action, or another action. What is odd
 * in a field is left out, as in announce_parse(). */
enum err_code udp_msg_decode(struct udp_reply *out, const uint8_t *buf,
			     size_t len, size_t ip_len, struct err *e);

#endif
