/* lookup.h - the way to the nodes nearest to a target (BEP 5): a sorted list of
 * candidates, of which a few at a time are asked for nearer ones.
 *
 * Of the nodes whose id fits their address (BEP 42) the eight nearest count,
 * and of the others eight, too: a crowd of freely chosen ids around the target
 * pushes nobody out. One candidate of a host and two of a net are taken, local
 * addresses excepted; a lookup asks at most LOOKUP_MAX_ASKED nodes, so that
 * ever nearer inventions end.
 *
 * Who is slow no longer counts among the eight, but may still answer. Plain
 * value without clock or socket. Thread: the loop.
 */
#ifndef WIRE_DHT_LOOKUP_H
#define WIRE_DHT_LOOKUP_H

#include "wire/dht/dht_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOKUP_K 8U
#define LOOKUP_ALPHA 4U /* asked at a time */
#define LOOKUP_MAX 96U	/* candidates kept; the farthest go */
#define LOOKUP_MAX_ASKED 160U
#define LOOKUP_MAX_TOKEN 64U

enum lookup_state {
	LOOKUP_NEW,
	LOOKUP_ASKED,
	LOOKUP_SLOW, /* asked, and no answer for a while */
	LOOKUP_ANSWERED,
	LOOKUP_FAILED,
};

struct lookup_node {
	struct dht_id id; /* unless !named */
	struct wire_addr addr;
	enum lookup_state state;
	bool named; /* false: an address to start from; sorts last */
	bool fits;
	uint8_t token_len; /* 0: none */
	uint8_t token[LOOKUP_MAX_TOKEN];
};

struct lookup {
	struct dht_id target;
	uint32_t count;
	uint32_t asked;
	struct lookup_node nodes[LOOKUP_MAX]; /* nearest first */
};

void lookup_init(struct lookup *l, const struct dht_id *target);
/* A candidate; id NULL: not known. False: there already, crowding, nowhere, or
 * too far away for the list. */
bool lookup_add(struct lookup *l, const struct dht_id *id,
		const struct wire_addr *addr);
/* Whom to ask now; it counts as asked. NULL: nobody now. */
struct lookup_node *lookup_next(struct lookup *l);
/* The node at this address answered under this id (another than was told puts
 * it in another place), timed out, or is slow. False: nothing was awaited. */
bool lookup_answered(struct lookup *l, const struct wire_addr *addr,
		     const struct dht_id *id, const uint8_t *token,
		     size_t token_len);
void lookup_failed(struct lookup *l, const struct wire_addr *addr);
void lookup_slow(struct lookup *l, const struct wire_addr *addr);
/* Nobody is left to ask or to wait for. */
bool lookup_done(const struct lookup *l);
/* Those that answered and count, nearest first: up to eight of each kind. */
size_t lookup_nearest(const struct lookup *l,
		      const struct lookup_node *out[2 * LOOKUP_K]);

#endif
