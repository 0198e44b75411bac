/* renter_restore_int.h - what renter_restore.c (the journey) and
 * renter_restore_keep.c (into the database) share; nobody else includes it. */
#ifndef NODE_RENTER_RESTORE_INT_H
#define NODE_RENTER_RESTORE_INT_H

#include "node/rent/object_get.h"
#include "node/renter/renter_link.h"
#include "node/renter/renter_restore.h"
#include "storage/object/catalogue.h"

#define RESTORE_LOOKS 8U  /* objects whose records are asked for at a time */
#define RESTORE_ASKED 64U /* hosts that are asked for a record at a time */

/* The catalogue's bytes, and where they lie: a fetch may outlive the restore.
 */
struct restore_text {
	uint8_t *bytes;
	size_t len;
	struct placement *placement;
	unsigned refs;
};

/* An object, and the newest record of it that was found. */
struct restore_item {
	struct renter_object o;	     /* id 0: not in the database yet */
	struct placement *placement; /* NULL: none was found */
	uint64_t sequence;
	bool lacking; /* fewer than k shards of a segment are known */
};

/* Asking for one of them. */
struct restore_look {
	struct restore *all;
	struct link_look *look; /* NULL: free */
	size_t item;
	size_t asked; /* hosts, so far */
};

enum restore_phase {
	RESTORE_LEASES,
	RESTORE_SCOUT,
	RESTORE_RECALL,
	RESTORE_CATALOGUE,
	RESTORE_UNOPENED,
	RESTORE_RECORDS,
	RESTORE_COMMIT,
	RESTORE_BOOK,
};

struct restore {
	struct renter *renter;
	const struct restore_ops *ops;
	void *ctx;
	enum restore_phase phase;
	bool again; /* this home was restored before */
	struct net_addr named[SCOUT_NAMED_MAX];
	size_t named_n;
	struct renter_agreement *rows; /* heap: ours of the database, by host,
					* then by number */
	size_t rows_n, rows_cap;
	struct leases *leases;
	struct renter_lease *open; /* heap: all that have money of ours */
	size_t open_n;
	struct renter_lease *found; /* heap: of them, those to be asked for */
	size_t found_n;
	struct scout *scout;
	struct recall *recall;
	struct renter_lease *unopened; /* heap: that the catalogue lists, or was
					* listed when this home was restored */
	size_t unopened_n;
	struct recall *more;   /* of those; NULL: there are none */
	struct address *hosts; /* heap: those that answered, those with the
				* newest head first */
	size_t hosts_n;
	struct object_head head;
	struct restore_text *text;
	struct object_get *fetch;
	struct catalogue *catalogue;
	struct restore_item *items; /* heap; unless again, the first is the
				     * catalogue's object */
	size_t items_n, items_cap, next_item;
	struct restore_look looks[RESTORE_LOOKS];
	size_t looking;
	struct loop_timer *timer; /* ends are told from there */
	bool ended, told;
	struct restore_result result;
	struct err why;
};

/* All that was found into the database's transaction, the agreements into the
 * book. After an error the caller rolls back. */
enum err_code restore_keep(struct restore *x, struct err *e)
	__attribute__((warn_unused_result));
/* Counts what the database has now. */
enum err_code restore_count(struct restore *x, struct err *e)
	__attribute__((warn_unused_result));
/* Those that are never opened: as the catalogue lists them, or the database as
 * listed and not met. ERR_NOMEM. */
enum err_code restore_find_unopened(struct restore *x, struct err *e)
	__attribute__((warn_unused_result));
/* The database's; NULL: it has none. */
const struct renter_agreement *restore_row(const struct restore *x,
					   const struct renter_lease *l);
/* By host, then by number. */
int restore_row_order(const void *a, const void *b);

#endif
