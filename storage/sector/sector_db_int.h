/* sector_db_int.h - what sector_db.c, list_db.c and record_db.c share. */
#ifndef STORAGE_SECTOR_SECTOR_DB_INT_H
#define STORAGE_SECTOR_SECTOR_DB_INT_H

#include "base/db.h"
#include "storage/sector/sector_db.h"

extern const char *const sector_migrations[]; /* schema_db.c */
extern const size_t sector_migration_count;

struct sector_db {
	struct db *db;
	struct db_stmt **sector; /* sector_db.c's statements */
	struct db_stmt **list;	 /* list_db.c's */
	struct db_stmt **record; /* record_db.c's */
};

__attribute__((warn_unused_result)) enum err_code
list_db_prepare(struct sector_db *d, struct err *e);
void list_db_unprepare(struct sector_db *d);
__attribute__((warn_unused_result)) enum err_code
record_db_prepare(struct sector_db *d, struct err *e);
void record_db_unprepare(struct sector_db *d);

/* One more, or one fewer, that needs the sector. ERR_STATE: it is not there;
 * with `here`, also when it is lost. */
__attribute__((warn_unused_result)) enum err_code
sector_db_ref(struct sector_db *d, const struct hash32 *root, bool here,
	      struct err *e);
__attribute__((warn_unused_result)) enum err_code
sector_db_unref(struct sector_db *d, const struct hash32 *root,
		struct sector_freed *freed, struct err *e);
/* A staged sector comes into a list: its ref stays. *was false: it was not
 * staged for this owner. */
__attribute__((warn_unused_result)) enum err_code
sector_db_unstage(struct sector_db *d, const struct hash32 *root,
		  const struct address *owner, bool *was, struct err *e);

static inline void db_bind_hash(struct db_stmt *s, int i,
				const struct hash32 *h)
{
	db_bind_blob(s, i, h->bytes, sizeof(h->bytes));
}

static inline void db_bind_address(struct db_stmt *s, int i,
				   const struct address *a)
{
	db_bind_blob(s, i, a->bytes, sizeof(a->bytes));
}

#endif
