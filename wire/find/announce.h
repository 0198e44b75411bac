/* announce.h - what is said to an HTTP tracker and what it answers: BEP 3, 7
 * (IPv6), 23 (compact lists), 31 (when to retry); and the URLs of trackers, of
 * UDP ones too (udp_msg.h says what those are told).
 *
 * Pure text and bytes; tracker.h decides when to say what to whom, and the
 * caller's HTTP client carries it. Thread: any.
 */
#ifndef WIRE_ANNOUNCE_H
#define WIRE_ANNOUNCE_H

#include "base/err.h"
#include "base/ids.h"
#include "wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANNOUNCE_MAX_URL 2048U	    /* of the tracker, before our questions */
#define ANNOUNCE_UDP_PATH_MAX 1024U /* of a udp URL, from the slash on */
#define ANNOUNCE_URL_CAP 4096U	    /* holds any URL that we make */
#define ANNOUNCE_MAX_BODY (256U << 10) /* of an answer */
#define ANNOUNCE_MAX_PEERS 500U	       /* more are ignored */
#define ANNOUNCE_MAX_ID 64U	       /* longer tracker ids are ignored */
#define ANNOUNCE_NEVER UINT32_MAX

enum announce_event {
	ANNOUNCE_REGULAR,
	ANNOUNCE_STARTED,
	ANNOUNCE_COMPLETED,
	ANNOUNCE_STOPPED,
};

struct announce_query {
	struct info_hash info_hash;
	struct peer_id peer_id;
	uint16_t port;	   /* where we listen; 0: nowhere */
	uint64_t uploaded; /* payload bytes since `started` */
	uint64_t downloaded;
	uint64_t left; /* bytes that we do not have */
	/* BEP 21: some of them will never be fetched; said as event=paused
	 * when there is no other event, and over HTTP only: BEP 15 has no
	 * number for it */
	bool partial;
	enum announce_event event;
	uint32_t key;		   /* same for the life of the torrent */
	uint32_t numwant;	   /* peers that we would like */
	const uint8_t *tracker_id; /* from its last answer */
	size_t tracker_id_len;	   /* 0: none */
	const char *ipv6;	   /* our own public address, or NULL */
};

struct announce_reply {
	bool failed;		 /* `text` is the tracker's reason */
	char text[128];		 /* reason or warning, cleaned; "" for none */
	uint32_t interval_s;	 /* 0: not stated */
	uint32_t min_interval_s; /* 0: not stated */
	uint32_t retry_s;	 /* after a failure; 0: not stated, or NEVER */
	int64_t seeds, leechers; /* -1: not stated */
	uint8_t tracker_id[ANNOUNCE_MAX_ID];
	size_t tracker_id_len;
	uint32_t peer_count;
	struct wire_addr peers[ANNOUNCE_MAX_PEERS];
};

/* ERR_PARSE: no URL of http, https or udp, a udp one without a port, or one
 * with control characters, spaces or a fragment; ERR_STATE: a tracker of a kind
 * that is not supported (wss, ...); ERR_LIMIT: over ANNOUNCE_MAX_URL. */
enum err_code announce_check_url(const char *url, struct err *e);

/* udp://HOST:PORT/PATH taken apart; *path is what comes from the first slash
 * on, or "". An IPv6 host loses its brackets. False: it is another kind of URL.
 */
#define ANNOUNCE_HOST_CAP 256U
bool announce_split_udp(const char *url, char host[ANNOUNCE_HOST_CAP],
			uint16_t *port, const char **path);

/* Writes the URL of an announce; `base` is one of http(s) that has passed
 * announce_check_url(). */
enum err_code announce_url(char out[ANNOUNCE_URL_CAP], const char *base,
			   const struct announce_query *q, struct err *e);

/* ERR_PARSE: no bencoded dictionary, or with neither a failure, an interval nor
 * peers. What is odd in a field (a port of 0, an address that nobody can have,
 * a negative interval) is left out. */
enum err_code announce_parse(struct announce_reply *out, const uint8_t *buf,
			     size_t len, struct err *e);

/* May a tracker of this URL be at this address? A torrent's author chooses the
 * URL, and with it what is asked of services on this machine and of the router:
 * on loopback and link-local addresses only paths whose last part begins with
 * "announce" or "scrape" are asked, on private networks none else with a query
 * besides ours (`url` is the question as it is sent; UDP's is no such). */
bool announce_allowed(const char *ip, const char *url);

#endif
