/* vote.h - where others see us (BEP 42: `ip` in answers). One vote a host; an
 * address is believed when more than half of the last 16 votes, and at least
 * five, say so. Plain value. Thread: the loop.
 */
#ifndef WIRE_DHT_VOTE_H
#define WIRE_DHT_VOTE_H

#include "wire/dht/dht_id.h"

#include <stdbool.h>
#include <stdint.h>

#define VOTE_RING 16U
#define VOTE_LEAST 5U

struct vote {
	uint32_t count, next;
	struct {
		struct wire_addr voter;
		uint8_t ip[16];
	} ring[VOTE_RING];
	bool known;
	uint8_t ip[16]; /* believed, when known */
};

/* What one who answered us says of our address. Votes for local addresses are
 * passed over. True: another address is believed now. */
bool vote_add(struct vote *v, const struct wire_addr *voter,
	      const uint8_t ip[16]);

#endif
