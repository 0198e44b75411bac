/* placing.h - which hosts get the shards of a segment.
 *
 * Each shard of a segment has a seat at a host. At most `per_host` seats of a
 * segment are at one host and `per_net` in one network (/24 of IPv4, /48 of
 * IPv6): one each, unless the user says otherwise, because what one operator
 * holds is lost with it. Hosts are ranked by price, our own experience of them,
 * round trip and whether we have an agreement with them; the first that fit are
 * taken, the same for every segment of an object while they last, so that an
 * object needs few agreements. Which of them gets which shard moves on by one
 * each segment, so that each holds data and parity alike.
 *
 * Hosts are named by the number that placing_add() gave, which stays. Pure; one
 * thread at a time.
 */
#ifndef STORAGE_RENT_PLACING_H
#define STORAGE_RENT_PLACING_H

#include "base/amount.h"
#include "base/err.h"
#include "base/ids.h"
#include "base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACING_HOSTS_MAX 4096U
#define PLACING_NONE UINT16_MAX
/* A seat that is taken by a host which is not known here. */
#define PLACING_ELSEWHERE (UINT16_MAX - 1)

struct placing_net { /* 4 or 6, and the prefix */
	uint8_t bytes[7];
};
/* ip: IPv6, or ::ffff:0:0/96 and the IPv4 address. */
struct placing_net placing_net_of(const uint8_t ip[16]);

struct placing_host {
	struct address address;
	struct placing_net net;
	struct amount rent; /* a sector and period */
	uint64_t good, bad; /* as in struct renter_host */
	uint32_t rtt_ms;    /* 0: not known */
	uint32_t room;	    /* sectors that it may still take */
	bool agreed;	    /* an agreement with it runs: none has to be made */
};

struct placing_policy {
	uint16_t shards;	/* of a segment: n */
	uint16_t per_host;	/* 1; more only on the user's word */
	uint16_t per_net;	/* the same */
	struct amount rent_max; /* zero: any price */
};

struct placing;

/* rng: copied; settles between hosts that are alike. ERR_LIMIT: shards not
 * 1 .. 255, or a zero. ERR_NOMEM. */
enum err_code placing_new(struct placing **out, const struct placing_policy *p,
			  const struct rng *rng, struct err *e)
	__attribute__((warn_unused_result));
void placing_free(struct placing *p);

/* *host: its number. One that is there already is brought up to date, and
 * comes back if it was dropped. ERR_LIMIT: PLACING_HOSTS_MAX are there.
 * ERR_NOMEM. */
enum err_code placing_add(struct placing *p, uint16_t *host,
			  const struct placing_host *h, struct err *e)
	__attribute__((warn_unused_result));
unsigned placing_count(const struct placing *p);
const struct placing_host *placing_get(const struct placing *p, uint16_t host);
/* PLACING_NONE: not known. */
uint16_t placing_find(const struct placing *p, const struct address *a);
/* It gets no seats any more. */
void placing_drop(struct placing *p, uint16_t host);
bool placing_usable(const struct placing *p, uint16_t host);

/* ERR_STATE when a segment cannot be seated with the hosts that there are: how
 * many hosts and networks are missing, and why others do not count. */
enum err_code placing_check(const struct placing *p, struct err *e)
	__attribute__((warn_unused_result));

/* Gives every seat that is PLACING_NONE a host, as far as there are any; the
 * others stand. seat: one a shard. Each seat given takes one from its host's
 * room. Returns how many are still without. */
unsigned placing_fill(struct placing *p, uint16_t *seat, uint32_t segment);
/* What else a segment has that is to be repaired. */
struct placing_beside {
	const uint16_t *taken; /* more seats that count: a row's second place */
	unsigned taken_n;
	const uint16_t *barred; /* hosts that get none: they had one and lost it
				 */
	unsigned barred_n;
};
unsigned placing_fill_beside(struct placing *p, uint16_t *seat,
			     const struct placing_beside *b, uint32_t segment);
/* A seat that was given and not used. */
void placing_return(struct placing *p, uint16_t host);

#endif
