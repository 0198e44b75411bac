/* renter_restore.h - `restore`: from a phrase alone (or with one host's
 * endpoint) to all that is stored.
 *
 *   leases     our agreements, as the chain lists them (renter_leases.h)
 *   scout      who is there: the named host tells of others, or the DHT
 *              finds them
 *   recall     heads, revisions and lists, from each host (renter_recall.h)
 *   catalogue  the record and the bytes of the object that the newest head
 *              names
 *   records    of each object of the catalogue, from all hosts
 *   keep       all of it into renter.db, in one commit; the book follows the
 *              agreements and reads them
 *
 * Cut off before that commit, nothing has happened. A home that was restored
 * may be so again: then the catalogue stays as it is, and hosts that were out
 * of reach before are added. A home with files of its own is refused.
 *
 * (!) The account has one home. What the old one signs after this, nobody here
 * knows of: it must not be used any more. Thread: the loop.
 */
#ifndef NODE_RENTER_RESTORE_H
#define NODE_RENTER_RESTORE_H

#include "base/hex.h"
#include "node/renter/renter_recall.h"
#include "node/renter/renter_scout.h"

struct restore;

#define RESTORE_LACKING_MAX 64U /* are named; more are counted */
#define RESTORE_PATH_MAX 256U

/* An object of which too few shards are known to read it. */
struct restore_lacking {
	char id[HEX_LEN(32) + 1];
	char path[RESTORE_PATH_MAX]; /* of its first file, cut off there */
	unsigned k, least;	     /* shards: needed, known of its poorest
				      * segment */
};

struct restore_result {
	unsigned agreements;	     /* that hosts hold and we know now */
	unsigned hosts, unreachable; /* of all agreements */
	unsigned objects;
	uint64_t files, bytes; /* as `store get` of everything counts them */
	uint64_t whole;	       /* files none of whose objects are lacking */
	uint64_t rest;	       /* sectors at hosts that belong to no object */
	unsigned lacking_n;
	struct restore_lacking lacking[RESTORE_LACKING_MAX];
};

struct restore_ops {
	void (*step)(void *ctx, const char *text);
	/* Once. r is valid when e is NULL. */
	void (*ended)(void *ctx, const struct restore_result *r,
		      const struct err *e);
};

/* ERR_STATE: this home has stored files already. */
enum err_code restore_start(struct restore **out, struct renter *r,
			    const struct scout_cfg *scout,
			    const struct restore_ops *ops, void *ctx,
			    struct err *e) __attribute__((warn_unused_result));
/* Are enough shards of all its objects known? After ended(). */
bool restore_has(const struct restore *x, const struct renter_file *f);
/* Hosts that were not reached, or gave something wrong; until
 * restore_free(). */
const struct recalled *restore_hosts(const struct restore *x);
/* NULL is a no-op. */
void restore_free(struct restore *x);

#endif
