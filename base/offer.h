/* offer.h - what a host says of itself and signs: its prices, its endpoint.
 *
 * A price sheet is an offer to anyone until it expires; its digest is the
 * `terms` of the agreements made on it. An endpoint record says where the host
 * listens; others pass it on. Source: docs/protocol.md, sections 2 and 12.
 * Amounts in the token's smallest unit, below 2^112. Plain values; thread: any.
 */
#ifndef BASE_OFFER_H
#define BASE_OFFER_H

#include "base/amount.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/ids.h"

#include <stdint.h>

#define SHEET_LEN 108
#define ENDPOINT_LEN 46

struct sheet {
	struct address host;
	struct amount rent;	  /* a sector and period */
	struct amount ingress;	  /* a GiB written */
	struct amount egress;	  /* a GiB read */
	struct amount collateral; /* a sector, locked by the host */
	struct amount penalty;	  /* a sector, for each miss over a tenth */
	uint32_t min_periods;	  /* from start to end, 1 and more */
	uint32_t max_periods;	  /* not below min_periods */
	uint16_t span;		  /* periods that one proof pays, 1 and more */
	uint64_t expires;	  /* Unix seconds */
};

struct endpoint {
	struct address host;
	uint8_t ip[16]; /* IPv6, or ::ffff:0:0/96 and the IPv4 address */
	uint16_t port;
	uint64_t time; /* Unix seconds when it was signed; the later wins */
};

/* The only encodings: fields in the order above, big-endian, amounts in 14
 * bytes. The writer goes bad when an amount passes 112 bits. */
void sheet_put(struct wr *w, const struct sheet *s);
void sheet_get(struct rd *r, struct sheet *out);
void endpoint_put(struct wr *w, const struct endpoint *p);
void endpoint_get(struct rd *r, struct endpoint *out);

/* ERR_LIMIT: an amount passes 112 bits, periods or span are out of range. */
enum err_code sheet_check(const struct sheet *s, struct err *e)
	__attribute__((warn_unused_result));

#endif
