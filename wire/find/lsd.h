/* lsd.h - local service discovery (BEP 14): a torrent's info hash is told to
 * the local network by multicast, and whoever has it, too, connects.
 *
 * lsd_encode() and lsd_decode() are the datagram, as text in the manner of
 * HTTP; `struct lsd` says which torrents to tell when, and what is heard to no
 * purpose: our own words (by a cookie drawn at the start), and more datagrams
 * than a network of sane clients makes.
 *
 * BEP 14 allows one announce a minute. Up to LSD_SAY_MAX torrents go into one,
 * each again after five minutes at the soonest; four may be said at once when
 * that many minutes were silent, so that a new torrent need not wait.
 *
 * No socket, no clock. Thread: the loop.
 */
#ifndef WIRE_LSD_H
#define WIRE_LSD_H

#include "base/err.h"
#include "base/ids.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LSD_PORT 6771
#define LSD_GROUP4 "239.192.152.143"
#define LSD_GROUP6 "ff15::efc0:988f"

#define LSD_BYTES_MAX 1400U /* of a datagram, BEP 14 */
#define LSD_SAY_MAX 20U	    /* torrents in one that we say */
#define LSD_HEAR_MAX 26U    /* and in one that is heard: all that fit */
#define LSD_COOKIE_MAX 32U
#define LSD_MINUTE_MS 60000 /* between datagrams, in the long run */
#define LSD_SAY_BURST 4
#define LSD_AGAIN_MS 300000 /* of one torrent */
#define LSD_TORRENTS_MAX (1U << 20)
#define LSD_HEAR_BURST 100 /* datagrams, ten a second in the long run */
#define LSD_HEAR_EVERY_MS 100

struct lsd_msg {
	uint16_t port;
	uint32_t n_hashes;
	struct info_hash hashes[LSD_HEAR_MAX];
	char cookie[LSD_COOKIE_MAX + 1]; /* "": none */
};

/* `host` is the group that it goes to ("[...]" with IPv6). Returns the length;
 * 0: it does not fit. */
size_t lsd_encode(char buf[LSD_BYTES_MAX], const struct lsd_msg *m,
		  const char *host);
/* Lines end with CR LF or LF, names of headers are of any case, unknown ones
 * are passed over, and so is what is no hash. ERR_PARSE: no BT-SEARCH, no port
 * or no hash; ERR_LIMIT: over LSD_BYTES_MAX. */
enum err_code lsd_decode(struct lsd_msg *out, const uint8_t *buf, size_t len,
			 struct err *e);

struct lsd;

/* NULL: out of memory. */
struct lsd *lsd_new(struct rng rng);
void lsd_free(struct lsd *l);
/* A torrent that is told of from now on, and no more; neither twice. ERR_NOMEM:
 * no memory, or LSD_TORRENTS_MAX are told of. */
enum err_code lsd_add(struct lsd *l, const struct info_hash *hash,
		      struct err *e);
void lsd_remove(struct lsd *l, const struct info_hash *hash);
/* What is to be said now (in one datagram to each group); it then counts as
 * said. The caller fills in the port. */
bool lsd_next(struct lsd *l, struct lsd_msg *out, int64_t now_ms);
/* INT64_MAX: there is nothing to tell of. */
int64_t lsd_wake_ms(const struct lsd *l);
/* A datagram came. False: it is of no use. */
bool lsd_hear(struct lsd *l, struct lsd_msg *out, int64_t now_ms,
	      const uint8_t *bytes, size_t len);

#endif
