/* endpoint.h - where hosts are: signed, dated records that every host and
 * renter keeps for a while and passes on (docs/protocol.md section 15).
 *
 * The newest record of each host is kept, so many in all at most. Addresses
 * cost nothing and a record's IP is only claimed, so the table is shared out:
 * a network (/24 or /48) may be named by ENDPOINT_PER_NET records, and may have
 * brought an eighth of the table. Where there is no room, a new record takes
 * the place of one of the network that brought the most, unless its own brought
 * as many: so nobody shuts hosts out by records of his own. A host that we met
 * (its session proved its account) keeps its place until its record expires.
 *
 * Pure: time and randomness come in. Thread: the loop.
 */
#ifndef STORAGE_RENT_ENDPOINT_H
#define STORAGE_RENT_ENDPOINT_H

#include "base/ecc.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/offer.h"
#include "base/rng.h"
#include "storage/rent/rent_msg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENDPOINT_KEEP_S (14 * 86400) /* from its time on; sign anew daily */
#define ENDPOINT_AHEAD_S 3600	     /* clocks may differ by so much */
#define ENDPOINT_PER_NET 16U
#define ENDPOINT_MAX_DEFAULT 4096U
#define ENDPOINT_ANSWER_PER_NET 2U /* in one answer */

/* Tells /24 of IPv4 and /48 of IPv6 apart; plain value, compare with memcmp. */
struct rent_net {
	uint8_t bytes[7];
};
struct rent_net rent_net_of(const uint8_t ip[16]);

struct endpoint_record {
	struct endpoint p;
	struct sig64 sig; /* the host's, over Endpoint(...) */
};

/* The only encoding, RENT_NODE_LEN bytes. */
void endpoint_record_put(uint8_t out[RENT_NODE_LEN],
			 const struct endpoint_record *r);
void endpoint_record_get(struct endpoint_record *out,
			 const uint8_t in[RENT_NODE_LEN]);

struct endpoints;

struct endpoints_cfg {
	struct hash32 domain; /* eip712_domain() */
	struct address self;  /* records of it are not taken from others */
	uint32_t max; /* 0: the default; at most 65,536; made a power of 2 */
	bool local;   /* loopback, private and link-local addresses are taken */
	struct rng rng;
};

/* ERR_LIMIT: max; ERR_NOMEM. */
enum err_code endpoints_new(struct endpoints **out,
			    const struct endpoints_cfg *cfg, struct err *e)
	__attribute__((warn_unused_result));
void endpoints_free(struct endpoints *t); /* NULL is a no-op */

enum endpoint_verdict {
	ENDPOINT_TAKEN,	   /* new, or newer than what was there */
	ENDPOINT_KNOWN,	   /* this one or a newer one is there */
	ENDPOINT_EXPIRED,  /* or from the future */
	ENDPOINT_NO_PLACE, /* no address that can be connected to */
	ENDPOINT_FORGED,   /* the signature is not the host's */
	ENDPOINT_CROWDED,  /* the network's share is used up */
};

/* A record that somebody in network `from` told (NULL: our own user or
 * database). Its signature is checked last. */
enum endpoint_verdict endpoints_take(struct endpoints *t,
				     const struct endpoint_record *r,
				     const struct rent_net *from,
				     int64_t now_s);
/* Our own record: told first in every answer, kept apart from the others. */
void endpoints_set_own(struct endpoints *t, const struct endpoint_record *r);
/* We met this host, or could not reach it. */
void endpoints_met(struct endpoints *t, const struct address *host, bool met);
/* False: not known, or expired. */
bool endpoints_find(const struct endpoints *t, const struct address *host,
		    int64_t now_s, struct endpoint_record *out);

/* A random choice of n at most for an answer, ENDPOINT_ANSWER_PER_NET of one
 * network, our own first; out has n x RENT_NODE_LEN bytes. Returns how many. */
size_t endpoints_answer(struct endpoints *t, uint8_t *out, size_t n,
			int64_t now_s);
/* fn for every record that has not expired. fn may change nothing. */
void endpoints_each(const struct endpoints *t, int64_t now_s,
		    void (*fn)(void *ctx, const struct endpoint_record *r),
		    void *ctx);
uint32_t endpoints_count(const struct endpoints *t);
/* Forgets what expired; cheap, now and then. */
void endpoints_tick(struct endpoints *t, int64_t now_s);

#endif
