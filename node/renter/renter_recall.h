/* renter_recall.h - what the hosts of our agreements hold of us: the head
 * record, and of each agreement the newest revision that both signed, with its
 * list of sectors.
 *
 * Each host is asked by itself, a few at a time; who is out of reach, refuses
 * or lies costs only what lies there. Nothing is believed that is not proved:
 * a head opens with our key, both signatures recover, the revision fits what
 * the chain says (lease_check()), a list folds to its root. Thread: the loop.
 */
#ifndef NODE_RENTER_RECALL_H
#define NODE_RENTER_RECALL_H

#include "node/renter/renter_leases.h"
#include "storage/object/head.h"

struct recall;

#define RECALL_HOSTS 32U      /* at a time */
#define RECALL_REACH_MS 20000 /* to be connected, and after it was lost */

struct recall_lease {
	struct renter_lease lease;
	/* The newest that both are known to have signed; NULL: none is. Once a
	 * host gave a newer one it is left alone: `held` is false then. */
	const struct renter_agreement *known;
	bool held;
	struct rent_signed_revision revision;
	struct hash32 *roots; /* heap, revision.a.sectors of them */
};

struct recall_host {
	struct address address;
	uint32_t first, n; /* its leases */
	bool reached;	   /* it answered: whatever it answered */
	bool has_head;
	struct object_head head;
	char why[120]; /* "" or what is wrong with it */
};

struct recalled {
	struct recall_lease *leases; /* by host, then by number */
	size_t leases_n;
	struct recall_host *hosts; /* by address */
	size_t hosts_n;
};

struct recall_ops {
	/* A host is done, or given up. */
	void (*host)(void *ctx, const struct recall_host *h, size_t done,
		     size_t all);
	/* Once, later. */
	void (*ended)(void *ctx);
};

/* Leases as leases_fn tells them, copied; known is set by the caller of
 * recall_leases() before the first turn. ERR_NOMEM. */
enum err_code recall_start(struct recall **out, struct renter *r,
			   const struct renter_lease *leases, size_t n,
			   const struct recall_ops *ops, void *ctx,
			   struct err *e) __attribute__((warn_unused_result));
/* What is known so far; lives as long as the recall. */
struct recalled *recall_all(struct recall *q);
/* Also from inside of ended(). NULL is a no-op. */
void recall_free(struct recall *q);

/* A host's head record: taken if it opens with this key. Heads that are forged
 * or damaged are as none. */
bool recall_take_head(struct recall_host *h,
		      const uint8_t head_key[OBJECT_KEY_LEN],
		      const uint8_t *record, size_t len);
/* The host with the head of the highest sequence; NULL: none has one. */
const struct recall_host *recall_best(const struct recalled *all);

#endif
