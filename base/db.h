/* db.h - SQLite, cut down to what the modules need: open and migrate, prepared
 * statements bound by type, transactions.
 *
 * Opening sets WAL, synchronous=FULL (a commit that returned is on disk),
 * foreign keys, a busy timeout and file mode 0600. Several processes may open
 * one file (a new one is there whole or not at all, an empty one is damaged):
 * transactions begin IMMEDIATE, so that two writers wait for each
 * other instead of failing halfway. Tables are created STRICT by migrations.
 *
 * SQL text lives in *_db.c only; values are always bound, never printed in.
 * Amounts are stored as 16 bytes big endian, so that they sort by size.
 *
 * Errors, besides what stands at the functions:
 *   ERR_IO     full disk (os ENOSPC), read or write error, no permission
 *   ERR_DB     locked by another process for longer than the timeout, not a
 *              database, damaged, written by a newer program, a constraint
 *   ERR_NOMEM
 * The message names the file and what to do where something can be done.
 *
 * Thread: a struct db and its statements belong to one thread at a time;
 * workers open connections of their own.
 */
#ifndef BASE_DB_H
#define BASE_DB_H

#include "base/amount.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_stmt;

#define DB_BUSY_MS 5000
/* As cfg.path: no file at all, for tests. Gone with db_close(). */
#define DB_IN_MEMORY ":memory:"

struct db_cfg {
	const char *path;
	/* Tells this kind of file from other SQLite files; not 0. */
	int32_t application_id;
	/* SQL scripts, applied once each and in order; append only: never edit
	 * one that was released. user_version counts those applied. */
	const char *const *migrations;
	size_t migration_count;
	/* Nothing is created, migrated or written; the file must be there and
	 * have at least one migration. */
	bool read_only;
	/* How long a lock of another process is waited for; 0: DB_BUSY_MS. */
	int busy_ms;
	/* What the user can do about a damaged file, static, in 80 characters
	 * at most; NULL: restore it from a copy. */
	const char *if_damaged;
};

/* *out is NULL after an error. */
__attribute__((warn_unused_result)) enum err_code
db_open(struct db **out, const struct db_cfg *cfg, struct err *e);
/* Statements must have been freed; an open transaction is rolled back. NULL is
 * a no-op. */
void db_close(struct db *db);
const char *db_path(const struct db *db);
/* A consistent copy of the whole database into a new file (mode 0600), while
 * it is in use; no transaction may be open (ERR_STATE). ERR_IO with EEXIST:
 * `path` is there already. */
__attribute__((warn_unused_result)) enum err_code
db_copy_to(struct db *db, const char *path, struct err *e);
/* SQLite's own check of the file's structure. ERR_DB: damaged. */
__attribute__((warn_unused_result)) enum err_code db_check(struct db *db,
							   struct err *e);

/* Runs a script without parameters and results. */
__attribute__((warn_unused_result)) enum err_code
db_exec(struct db *db, const char *sql, struct err *e);

/* --- transactions --- */

/* Takes the write lock at once. ERR_STATE: one is open already. */
__attribute__((warn_unused_result)) enum err_code db_begin(struct db *db,
							   struct err *e);
/* After an error nothing is stored and no transaction is open. */
__attribute__((warn_unused_result)) enum err_code db_commit(struct db *db,
							    struct err *e);
/* A no-op when none is open. */
void db_rollback(struct db *db);
/* What began with db_begin() and came to so_far: commits it, or undoes it and
 * returns so_far. */
__attribute__((warn_unused_result)) enum err_code
db_end(struct db *db, enum err_code so_far, struct err *e);
bool db_in_tx(const struct db *db);

/* A part of a transaction that can be undone alone; marks nest. */
__attribute__((warn_unused_result)) enum err_code db_mark(struct db *db,
							  struct err *e);
void db_mark_keep(struct db *db); /* forgets the newest mark */
void db_mark_undo(struct db *db); /* undoes what came after it, forgets it */

/* --- statements --- */

/* Kept by the caller, used many times. */
__attribute__((warn_unused_result)) enum err_code
db_prepare(struct db_stmt **out, struct db *db, const char *sql, struct err *e);
void db_stmt_free(struct db_stmt *s); /* NULL is a no-op */

/* One-shot form of a table of statements: sql[i] into out[i]. On an error all
 * are freed and NULL. */
__attribute__((warn_unused_result)) enum err_code
db_prepare_all(struct db_stmt **out, struct db *db, const char *const *sql,
	       size_t count, struct err *e);
void db_stmts_free(struct db_stmt **s, size_t count);

/* Parameters count from 1, as in ?1. Binding cannot fail for the caller: a
 * failure is kept and reported by the next db_step() or db_run(). Bytes are
 * copied. The first bind after a row loop resets the statement. */
void db_bind_int(struct db_stmt *s, int i, int64_t v);
void db_bind_blob(struct db_stmt *s, int i, const void *p, size_t len);
void db_bind_text(struct db_stmt *s, int i, const char *text); /* NULL: null */
void db_bind_amount(struct db_stmt *s, int i, struct amount v);
void db_bind_null(struct db_stmt *s, int i);

/* *row: there is a row to read. When false, or on an error, the statement is
 * reset and unbound, ready for the next use. */
__attribute__((warn_unused_result)) enum err_code
db_step(struct db_stmt *s, bool *row, struct err *e);
/* For statements that give one number at the most: the first column of that
 * row, or 0. Resets. */
__attribute__((warn_unused_result)) enum err_code
db_number(struct db_stmt *s, int64_t *out, struct err *e);
/* For statements without rows: steps to the end and resets. */
__attribute__((warn_unused_result)) enum err_code db_run(struct db_stmt *s,
							 struct err *e);
/* Ends a row loop early and unbinds. A statement left standing on a row keeps a
 * read transaction open. */
void db_reset(struct db_stmt *s);

/* Columns count from 0 and are valid until the next step or reset. */
int64_t db_col_int(struct db_stmt *s, int i);
/* NULL for SQL null or an empty blob; *len is then 0. */
const uint8_t *db_col_blob(struct db_stmt *s, int i, size_t *len);
/* Copies a blob of exactly `len` bytes; false (out zeroed) when it is not. */
bool db_col_bytes(struct db_stmt *s, int i, void *out, size_t len);
const char *db_col_text(struct db_stmt *s, int i); /* NULL for SQL null */
/* False (out zero) when it is no blob of 16 bytes. */
bool db_col_amount(struct db_stmt *s, int i, struct amount *out);
bool db_col_is_null(struct db_stmt *s, int i);

/* Rows that the last INSERT, UPDATE or DELETE changed. */
int64_t db_changes(const struct db *db);
int64_t db_last_id(const struct db *db);

#endif
