/* renter_records.h - the records by which sectors are found again, told to the
 * hosts: the placement record of each object to all that hold its sectors, and
 * the head record to the same. With it goes an empty record of stewards, which
 * is what lets them say anything there (docs/protocol.md section 15): a host
 * that has a newer one keeps that.
 *
 * Sequences are committed before a record leaves, so that no two records ever
 * have the same. A host that cannot be reached is passed over: the others have
 * them. Thread: the loop.
 */
#ifndef NODE_RENTER_RECORDS_H
#define NODE_RENTER_RECORDS_H

#include "node/renter/renter.h"
#include "storage/object/head.h"

struct records;

#define RECORDS_OBJECTS_MAX 1024U
#define RECORDS_HOST_MS 60000 /* for all that one host is told */

struct records_result {
	unsigned hosts; /* that hold something of it */
	unsigned told;	/* that have all records now */
	unsigned newer; /* that say of the head that theirs is not older */
};
/* Once, later. e: nothing was told. */
typedef void records_fn(void *ctx, const struct records_result *r,
			const struct err *e);

/* objects: ids; head: NULL for none. The objects' sequences rise in the
 * database. ERR_LIMIT: too many. ERR_DB, ERR_STATE (renter_placement()),
 * ERR_NOMEM. */
enum err_code records_start(struct records **out, struct renter *r,
			    const int64_t *objects, size_t n,
			    const struct object_head *head, records_fn *fn,
			    void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* The newest head, as it is. *there false: nothing was published yet. ERR_DB.
 */
enum err_code records_head(struct renter *r, struct object_head *head,
			   bool *there, struct err *e)
	__attribute__((warn_unused_result));
/* A record that is made already. */
struct records_item {
	uint8_t id[OBJECT_KEY_LEN]; /* whose key signed it */
	uint64_t sequence;
	uint8_t *bytes; /* heap, taken */
	size_t len;
	const struct address *hosts; /* copied: who is told */
	unsigned hosts_n;
};
/* It leaves after the next commit, that of its sequence. ERR_NOMEM. The bytes
 * are gone in any case. */
enum err_code records_tell(struct records **out, struct renter *r,
			   const struct records_item *item, records_fn *fn,
			   void *ctx, struct err *e)
	__attribute__((warn_unused_result));
/* NULL is a no-op. */
void records_free(struct records *s);

#endif
