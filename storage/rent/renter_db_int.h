/* renter_db_int.h - what the files of renter_db share, nobody else. */
#ifndef STORAGE_RENT_RENTER_DB_INT_H
#define STORAGE_RENT_RENTER_DB_INT_H

#include "base/db.h"
#include "storage/rent/renter_db.h"

#include <string.h>

enum renter_stmt {
	S_NUMBER,
	S_SET_NUMBER,
	S_HOST,
	S_SET_HOST,
	S_HOSTS,
	S_ADD_AGREEMENT,
	S_SET_AGREEMENT,
	S_AGREEMENTS,
	S_ADD_OBJECT,
	S_SET_OBJECT,
	S_OBJECT,
	S_CATALOGUE,
	S_OBJECTS,
	S_HELD,
	S_REMOVE_OBJECT,
	S_FORGET_REST,
	S_ADD_SEGMENT,
	S_DROP_SEGMENT,
	S_SEGMENT,
	S_STAGE,
	S_UNSTAGE,
	S_KEEP_STAGED,
	S_KEEP_CUT,
	S_KEEP_ROOT,
	S_ROOTS,
	S_ADD_PLACE,
	S_STAGED,
	S_STAGED_ONE,
	S_ANY_WAITS,
	S_STAGED_HOSTS,
	S_NUMBER_OF,
	S_SIGN,
	S_LIST,
	S_LENGTH,
	S_CUT,
	S_MOVE,
	S_MARK,
	S_PLACES,
	S_PLACES_AT,
	S_SET_FILE,
	S_REMOVE_FILES,
	S_FILES,
	S_ALL_FILES,
	S_ADD_PUT,
	S_ADD_WAITING,
	S_CLEAR_WAITING,
	S_TAKE_WAITING,
	S_REMOVE_PUT,
	S_PUTS,
	S_ADD_STEWARD,
	S_SET_STEWARD,
	S_STEWARDS,
	S_ADD_SPENT,
	S_SPENT,
	S_DROP_OBJECTS_OF,
	S_DROP_PUT_OBJECTS,
	S_DROP_PUTS,
	S_DROP_STAGED,
	S_CUTS,
	S_CUTS_ALL,
	S_REMOVE_DROPPED,
	S_FLIP,
	S_RESTAGE,
	S_RESTAGE_STORED,
	S_KEEP_LOST,
	S_REMOVE_LOST,
	S_OBJECT_OF,
	S_DEFER,
	S_RAISE_OBJECT,
	S_RAISE_SEGMENTS,
	S_RAISE_PLACES,
	S_RAISE_ROOTS,
	S_RAISE_WAITING,
	S_COUNT
};

struct renter_db {
	struct db *db;
	struct db_stmt *s[S_COUNT];
};

/* The statement, inside the turn's transaction; NULL: that cannot be had. */
struct db_stmt *renter_change(struct renter_db *r, enum renter_stmt which,
			      struct err *e);
/* Runs a change that must meet exactly one row. */
enum err_code renter_run_one(struct renter_db *r, struct db_stmt *s,
			     const char *what, struct err *e)
	__attribute__((warn_unused_result));
/* Objects of a put that are not STORED: DROPPING, what is staged of them goes.
 */
enum err_code renter_drop_objects_of(struct renter_db *r, int64_t put,
				     struct err *e)
	__attribute__((warn_unused_result));
/* The row, with what waits for it. */
enum err_code renter_remove_put(struct renter_db *r, int64_t id, struct err *e)
	__attribute__((warn_unused_result));
enum err_code renter_damaged(const struct renter_db *r, const char *what,
			     struct err *e);

static inline bool renter_address_col(struct db_stmt *s, int i,
				      struct address *out)
{
	return db_col_bytes(s, i, out->bytes, sizeof(out->bytes));
}

static inline bool renter_hash_col(struct db_stmt *s, int i, struct hash32 *out)
{
	return db_col_bytes(s, i, out->bytes, sizeof(out->bytes));
}

#endif
