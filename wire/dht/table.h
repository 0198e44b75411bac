/* table.h - the nodes that one family of a DHT node knows (BEP 5).
 *
 * Only who answered us stands in it: what others tell, or who asks us, is at
 * most worth a question. So a crowd that does not answer, or answers from one
 * place, fills nothing:
 * - one node of a host (IPv4 address, /64 of IPv6), two of a net (/24, /48) in
 *   a bucket, but for local addresses, where BEP 42 leaves ids free, too;
 * - a node keeps its place against any other while it answers; only one whose
 *   id does not fit its address (BEP 42) makes room for one whose does.
 *
 * Buckets are by the length of the prefix shared with our own id; the last one
 * takes all that share more, and divides when it is full. The first are
 * larger (128, 64, 32, 16, then 8), which saves a lookup its first rounds. Each
 * keeps up to 8 more that answered and found no room, for when one fails.
 *
 * No clock: now_ms comes in. Thread: the loop.
 */
#ifndef WIRE_DHT_TABLE_H
#define WIRE_DHT_TABLE_H

#include "base/err.h"
#include "wire/dht/dht_id.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_K 8U
#define TABLE_MOST_OF_A_NET 2U
#define TABLE_QUIET_MS (15 * 60 * 1000) /* then a node is questionable */
#define TABLE_MOST_FAILURES 3U		/* in a row; then it is bad */

struct table;

struct table_node {
	struct dht_id id;
	struct wire_addr addr;
	int64_t heard_ms; /* last answer, or question */
	int64_t asked_ms; /* last question of ours to keep it; 0: none */
	uint8_t failures; /* of our questions, in a row */
	bool fits;	  /* dht_id_fits() */
};

/* ERR_NOMEM. */
enum err_code table_new(struct table **out, const struct dht_id *own,
			struct err *e);
void table_free(struct table *t);

/* It answered us. Returns whether it stands in the table now (not among the
 * spare). Our own id, and who is nowhere, are left out. */
bool table_answered(struct table *t, const struct dht_id *id,
		    const struct wire_addr *addr, int64_t now_ms);
/* It asked us something: keeps a known node fresh. */
void table_asked_us(struct table *t, const struct dht_id *id,
		    const struct wire_addr *addr, int64_t now_ms);
/* It did not answer: gone at the third time, or at once when a spare waits. */
void table_failed(struct table *t, const struct wire_addr *addr);
/* Is there a node at this address that answered us, our last question too? So
 * the address is not forged. */
bool table_knows(const struct table *t, const struct wire_addr *addr);
/* Would it get in, if it answered? (False for who is in already.) */
bool table_wants(const struct table *t, const struct dht_id *id,
		 const struct wire_addr *addr);

/* The nearest to the target, nearest first, 16 at most; those that failed our
 * last question are left out. Where there are enough whose ids fit, half of
 * them are such: else a crowd of ids around a target would hide all others. */
size_t table_closest(const struct table *t, struct table_node *out, size_t max,
		     const struct dht_id *target);
/* A node that is questionable and was not asked for a minute; it counts as
 * asked now. False: none. */
bool table_questionable(struct table *t, struct table_node *out,
			int64_t now_ms);
/* An id by chance that shares `prefix` bits with our own, and not the next. */
struct dht_id table_target(const struct table *t, unsigned prefix,
			   struct rng *rng);
/* An id that lies in a bucket in which nothing happened for 15 minutes (BEP 5:
 * look it up); the bucket counts as looked after now. */
bool table_idle_bucket(struct table *t, struct dht_id *target, struct rng *rng,
		       int64_t now_ms);
/* We are somebody else now: all nodes find their place again. */
void table_set_own(struct table *t, const struct dht_id *own, int64_t now_ms);

size_t table_count(const struct table *t);   /* without the spare */
size_t table_buckets(const struct table *t); /* 1 .. 160 */
/* Up to max nodes, the steadiest of each bucket, to be kept over a restart. */
size_t table_keep(const struct table *t, struct table_node *out, size_t max);

#endif
