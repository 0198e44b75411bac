#include "base/db.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEAST_PAGE 512 /* bytes; SQLite has no smaller one */

/* What brackets every change, prepared once: parsing it each time costs as much
 * as a small change itself. */
enum bracket { BEGIN, COMMIT, MARK, MARK_KEEP, BRACKETS };

static const char *const bracket_sql[BRACKETS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[MARK] = "SAVEPOINT mark",
	[MARK_KEEP] = "RELEASE mark",
};

struct db {
	sqlite3 *h;
	char *path;
	const char *if_damaged;
	sqlite3_stmt *brackets[BRACKETS]; /* NULL until first used */
};

struct db_stmt {
	struct db *db;
	sqlite3_stmt *h;
	int bad; /* first failed bind's SQLite code */
	bool stepped;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* errno is what err_fail() keeps for ERR_IO */
static enum err_code io_fail(struct db *db, int os, const char *what,
			     struct err *e)
{
	errno = os ? os : EIO;
	return err_fail(e, ERR_IO, "%s: %s: %s", base_name(db->path), what,
			strerror(os ? os : EIO));
}

static enum err_code fail(struct db *db, int rc, struct err *e)
{
	const char *name = base_name(db->path);
	int os = db->h ? sqlite3_system_errno(db->h) : 0;
	const char *text = db->h ? sqlite3_errmsg(db->h) : sqlite3_errstr(rc);

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_fail(e, ERR_NOMEM, "%s: out of memory", name);
	case SQLITE_FULL:
		errno = ENOSPC;
		return err_fail(e, ERR_IO,
				"%s: the disk is full; free some space", name);
	case SQLITE_IOERR:
		return io_fail(db, os, "cannot read or write", e);
	case SQLITE_CANTOPEN:
		return io_fail(db, os ? os : ENOENT, "cannot open", e);
	case SQLITE_PERM:
	case SQLITE_READONLY:
		return io_fail(db, os ? os : EACCES, "cannot write", e);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_fail(e, ERR_DB,
				"%s: another process holds its lock; try again "
				"when that one has finished",
				name);
	case SQLITE_NOTADB:
		return err_fail(e, ERR_DB, "%s: is damaged, or no database; %s",
				name, db->if_damaged);
	case SQLITE_CORRUPT:
		return err_fail(e, ERR_DB, "%s: is damaged (%.50s); %s", name,
				text, db->if_damaged);
	default: /* allowed: SQLite's codes, not an enum of ours */
		return err_fail(e, ERR_DB, "%s: %s", name, text);
	}
}

enum err_code db_exec(struct db *db, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(db->h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? ERR_NONE : fail(db, rc, e);
}

/* One number from a statement without parameters. */
static enum err_code number(struct db *db, const char *sql, int64_t *out,
			    struct err *e)
{
	sqlite3_stmt *h = NULL;
	int rc = sqlite3_prepare_v2(db->h, sql, -1, &h, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(h);
		if (rc == SQLITE_ROW)
			*out = sqlite3_column_int64(h, 0);
	}
	(void)sqlite3_finalize(h);
	return rc == SQLITE_ROW ? ERR_NONE : fail(db, rc, e);
}

/* --- opening --- */

struct identity {
	int64_t id, version, tables;
};

/* In one transaction: between two reads another process may commit the first
 * migration, and a file of ours would look like a stranger's. */
static enum err_code read_identity(struct db *db, struct identity *i,
				   struct err *e)
{
	bool own = !db_in_tx(db);
	enum err_code code = own ? db_exec(db, "BEGIN", e) : ERR_NONE;

	if (code == ERR_NONE)
		code = number(db, "PRAGMA application_id", &i->id, e);
	if (code == ERR_NONE)
		code = number(db, "PRAGMA user_version", &i->version, e);
	if (code == ERR_NONE)
		code = number(db, "SELECT count(*) FROM sqlite_schema",
			      &i->tables, e);
	if (own)
		db_rollback(db);
	return code;
}

static enum err_code check_identity(struct db *db, const struct db_cfg *cfg,
				    int64_t *version, struct err *e)
{
	struct identity i = {0};
	enum err_code code = read_identity(db, &i, e);

	if (code != ERR_NONE)
		return code;
	*version = i.version;
	if (i.id != cfg->application_id && (i.id != 0 || i.tables != 0))
		return err_fail(e, ERR_DB,
				"%s: is the database of another program",
				base_name(db->path));
	if (*version < 0 || (uint64_t)*version > cfg->migration_count)
		return err_fail(e, ERR_DB,
				"%s: was written by a newer version (format "
				"%lld, this program knows %zu); upgrade",
				base_name(db->path), (long long)*version,
				cfg->migration_count);
	if (cfg->read_only && *version == 0)
		return err_fail(e, ERR_DB, "%s: is empty", base_name(db->path));
	return ERR_NONE;
}

static enum err_code apply(struct db *db, const struct db_cfg *cfg,
			   int64_t version, struct err *e)
{
	char pragma[96];
	enum err_code code;

	for (size_t i = (size_t)version; i < cfg->migration_count; i++) {
		code = db_exec(db, cfg->migrations[i], e);
		if (code != ERR_NONE)
			return code;
	}
	(void)snprintf(pragma, sizeof(pragma),
		       "PRAGMA application_id=%d; PRAGMA user_version=%zu",
		       (int)cfg->application_id, cfg->migration_count);
	return db_exec(db, pragma, e);
}

static enum err_code migrate(struct db *db, const struct db_cfg *cfg,
			     struct err *e)
{
	struct err local = {0};
	int64_t version = 0;
	enum err_code code;

	if (!e)
		e = &local;
	code = check_identity(db, cfg, &version, e);
	if (code != ERR_NONE || cfg->read_only ||
	    (uint64_t)version == cfg->migration_count)
		return code;
	code = db_begin(db, e);
	if (code != ERR_NONE)
		return code;
	/* again under the lock: another process may have been faster */
	code = check_identity(db, cfg, &version, e);
	if (code == ERR_NONE)
		code = apply(db, cfg, version, e);
	return db_end(db, code, e);
}

/* The file of a database without tables, which says whose it is. */
static enum err_code make_image(const struct db *db, const struct db_cfg *cfg,
				unsigned char **out, sqlite3_int64 *len,
				struct err *e)
{
	char pragma[48];
	sqlite3 *h = NULL;
	int rc = sqlite3_open(DB_IN_MEMORY, &h);

	(void)snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d",
		       (int)cfg->application_id);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(h, pragma, NULL, NULL, NULL);
	*out = rc == SQLITE_OK ? sqlite3_serialize(h, "main", len, 0) : NULL;
	(void)sqlite3_close(h);
	return *out ? ERR_NONE
		    : err_fail(e, ERR_NOMEM, "%s: out of memory",
			       base_name(db->path));
}

/* Made in one step and never empty, so that an empty one is known to have lost
 * what was in it. */
static enum err_code create(struct db *db, const struct db_cfg *cfg,
			    struct err *e)
{
	unsigned char *image;
	sqlite3_int64 len = 0;
	struct err why = {0};
	enum err_code code = make_image(db, cfg, &image, &len, e);

	if (code != ERR_NONE)
		return code;
	code = file_create(db->path, image, (size_t)len, &why);
	sqlite3_free(image);
	if (code == ERR_NONE || code == ERR_STATE) /* another was faster */
		return ERR_NONE;
	return io_fail(db, why.os, "cannot open", e);
}

/* SQLite would create it with the umask's mode, and -wal and -shm take the
 * mode of the main file: receipts are nobody else's business. It would take one
 * that was cut off to nothing for a new one, too. */
static enum err_code open_private(struct db *db, const struct db_cfg *cfg,
				  struct err *e)
{
	struct stat st;

	if (strcmp(db->path, DB_IN_MEMORY) == 0)
		return ERR_NONE;
	if (stat(db->path, &st) != 0)
		return errno == ENOENT ? create(db, cfg, e)
				       : io_fail(db, errno, "cannot open", e);
	/* not opened: whoever closes it gives up the process's locks on it */
	if (faccessat(AT_FDCWD, db->path, R_OK | W_OK, AT_EACCESS) != 0)
		return io_fail(db, errno, "cannot open", e);
	if (st.st_size < LEAST_PAGE)
		return err_fail(e, ERR_DB, "%s: %s; %s", base_name(db->path),
				st.st_size ? "is damaged, or no database"
					   : "is empty, and was not",
				db->if_damaged);
	return ERR_NONE;
}

/* Before any of them is opened: a FIFO would hold the program for ever, a
 * device would take what is written. */
static enum err_code check_kinds(const struct db *db, struct err *e)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	char path[PATH_MAX];
	struct stat st;

	if (strcmp(db->path, DB_IN_MEMORY) == 0)
		return ERR_NONE;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", db->path, tails[i]);
		if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
			return err_fail(
				e, ERR_DB, "%s%s: cannot open: is no file; %s",
				base_name(db->path), tails[i], db->if_damaged);
	}
	return ERR_NONE;
}

/* The change to WAL wants the file for itself, and SQLite does not call its
 * busy handler for it (two that both wait would wait for ever), so where
 * several processes open a new file at once, this one asks again. */
static enum err_code set_wal(struct db *db, int busy_ms, struct err *e)
{
	int rc = SQLITE_BUSY;

	for (int waited_ms = 0; waited_ms <= busy_ms; waited_ms += 5) {
		rc = sqlite3_exec(db->h, "PRAGMA journal_mode=WAL", NULL, NULL,
				  NULL);
		if ((rc & 0xff) != SQLITE_BUSY)
			break;
		(void)sqlite3_sleep(5);
	}
	return rc == SQLITE_OK ? ERR_NONE : fail(db, rc, e);
}

static enum err_code set_up(struct db *db, const struct db_cfg *cfg,
			    struct err *e)
{
	/* A page cache of 1 MiB at most keeps an idle daemon small; the log is
	 * cut back after a checkpoint for the same reason. */
	static const char *const settings =
		"PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL;"
		"PRAGMA trusted_schema=OFF; PRAGMA cache_size=-1024;"
		"PRAGMA journal_size_limit=4194304;";
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int busy_ms = cfg->busy_ms > 0 ? cfg->busy_ms : DB_BUSY_MS;
	enum err_code code;
	int rc;

	flags |= cfg->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	code = check_kinds(db, e);
	if (code == ERR_NONE && !cfg->read_only)
		code = open_private(db, cfg, e);
	if (code != ERR_NONE)
		return code;
	rc = sqlite3_open_v2(db->path, &db->h, flags, NULL);
	if (rc != SQLITE_OK)
		return fail(db, rc, e);
	(void)sqlite3_busy_timeout(db->h, busy_ms);
	code = db_exec(db, settings, e);
	if (code == ERR_NONE && cfg->read_only)
		return migrate(db, cfg, e);
	if (code == ERR_NONE) { /* before anything is written to a stranger's */
		int64_t version;
		struct err local = {0};

		code = check_identity(db, cfg, &version, e ? e : &local);
	}
	if (code == ERR_NONE)
		code = set_wal(db, busy_ms, e);
	return code == ERR_NONE ? migrate(db, cfg, e) : code;
}

enum err_code db_open(struct db **out, const struct db_cfg *cfg, struct err *e)
{
	struct db *db = calloc(1, sizeof(*db));
	enum err_code code;

	*out = NULL;
	if (db)
		db->path = strdup(cfg->path);
	if (!db || !db->path) {
		free(db);
		return err_fail(e, ERR_NOMEM, "a database");
	}
	db->if_damaged =
		cfg->if_damaged ? cfg->if_damaged : "restore it from a copy";
	code = set_up(db, cfg, e);
	if (code != ERR_NONE) {
		db_close(db);
		return code;
	}
	*out = db;
	return ERR_NONE;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < BRACKETS; i++)
		(void)sqlite3_finalize(db->brackets[i]);
	(void)sqlite3_close_v2(db->h);
	free(db->path);
	free(db);
}

const char *db_path(const struct db *db)
{
	return db->path;
}

enum err_code db_copy_to(struct db *db, const char *path, struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code code;
	int fd;

	if (db_in_tx(db))
		return err_fail(e, ERR_STATE, "a transaction is open");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_fail(e, ERR_IO, "cannot create %s: %s", path,
				strerror(errno));
	(void)close(fd);
	code = db_prepare(&s, db, "VACUUM INTO ?1", e);
	if (code == ERR_NONE) { /* an existing empty file is accepted */
		db_bind_text(s, 1, path);
		code = db_run(s, e);
	}
	db_stmt_free(s);
	if (code != ERR_NONE)
		(void)unlink(path);
	return code;
}

enum err_code db_check(struct db *db, struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code code = db_prepare(&s, db, "PRAGMA quick_check(1)", e);
	bool row = false;

	if (code == ERR_NONE)
		code = db_step(s, &row, e);
	if (code == ERR_NONE && row) {
		const char *said = db_col_text(s, 0);

		/* one line: it may begin with "*** in database main ***" */
		if (said && strncmp(said, "***", 3) == 0 && strchr(said, '\n'))
			said = strchr(said, '\n') + 1;
		if (!said || strcmp(said, "ok") != 0)
			code = err_fail(e, ERR_DB, "%s: is damaged (%.50s); %s",
					base_name(db->path), said ? said : "?",
					db->if_damaged);
	}
	db_stmt_free(s);
	return code;
}

/* --- transactions --- */

static enum err_code run_bracket(struct db *db, enum bracket what,
				 struct err *e)
{
	sqlite3_stmt **s = &db->brackets[what];
	enum err_code code = ERR_NONE;
	int rc = SQLITE_OK;

	if (!*s)
		rc = sqlite3_prepare_v3(db->h, bracket_sql[what], -1,
					SQLITE_PREPARE_PERSISTENT, s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(*s);
	if (rc != SQLITE_DONE)
		code = fail(db, rc, e);
	(void)sqlite3_reset(*s);
	return code;
}

enum err_code db_begin(struct db *db, struct err *e)
{
	if (db_in_tx(db))
		return err_fail(e, ERR_STATE, "a transaction is open already");
	return run_bracket(db, BEGIN, e);
}

enum err_code db_commit(struct db *db, struct err *e)
{
	enum err_code code = run_bracket(db, COMMIT, e);

	if (code != ERR_NONE)
		db_rollback(db);
	return code;
}

void db_rollback(struct db *db)
{
	if (db_in_tx(db))
		(void)sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
}

enum err_code db_end(struct db *db, enum err_code so_far, struct err *e)
{
	if (so_far == ERR_NONE)
		return db_commit(db, e);
	db_rollback(db);
	return so_far;
}

bool db_in_tx(const struct db *db)
{
	return !sqlite3_get_autocommit(db->h);
}

enum err_code db_mark(struct db *db, struct err *e)
{
	return run_bracket(db, MARK, e);
}

void db_mark_keep(struct db *db)
{
	(void)run_bracket(db, MARK_KEEP, NULL);
}

void db_mark_undo(struct db *db)
{
	(void)sqlite3_exec(db->h, "ROLLBACK TO mark; RELEASE mark", NULL, NULL,
			   NULL);
}

/* --- statements --- */

enum err_code db_prepare(struct db_stmt **out, struct db *db, const char *sql,
			 struct err *e)
{
	struct db_stmt *s = calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	if (!s)
		return err_fail(e, ERR_NOMEM, "a statement");
	s->db = db;
	rc = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT,
				&s->h, NULL);
	if (rc != SQLITE_OK) {
		free(s);
		return fail(db, rc, e);
	}
	*out = s;
	return ERR_NONE;
}

void db_stmt_free(struct db_stmt *s)
{
	if (!s)
		return;
	(void)sqlite3_finalize(s->h);
	free(s);
}

enum err_code db_prepare_all(struct db_stmt **out, struct db *db,
			     const char *const *sql, size_t count,
			     struct err *e)
{
	memset(out, 0, count * sizeof(struct db_stmt *));
	for (size_t i = 0; i < count; i++) {
		enum err_code code = db_prepare(&out[i], db, sql[i], e);

		if (code != ERR_NONE) {
			db_stmts_free(out, count);
			return code;
		}
	}
	return ERR_NONE;
}

void db_stmts_free(struct db_stmt **s, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		db_stmt_free(s[i]);
		s[i] = NULL;
	}
}

static sqlite3_stmt *to_bind(struct db_stmt *s)
{
	if (s->stepped)
		db_reset(s);
	return s->h;
}

static void note(struct db_stmt *s, int rc)
{
	if (rc != SQLITE_OK && s->bad == SQLITE_OK)
		s->bad = rc;
}

void db_bind_int(struct db_stmt *s, int i, int64_t v)
{
	note(s, sqlite3_bind_int64(to_bind(s), i, v));
}

void db_bind_blob(struct db_stmt *s, int i, const void *p, size_t len)
{
	/* a NULL pointer would bind SQL null where an empty blob is meant */
	note(s, sqlite3_bind_blob64(to_bind(s), i, p ? p : "", len,
				    SQLITE_TRANSIENT));
}

void db_bind_text(struct db_stmt *s, int i, const char *text)
{
	note(s, sqlite3_bind_text(to_bind(s), i, text, -1, SQLITE_TRANSIENT));
}

void db_bind_amount(struct db_stmt *s, int i, struct amount v)
{
	uint8_t be[16];

	amount_to_be16(be, v);
	db_bind_blob(s, i, be, sizeof(be));
}

void db_bind_null(struct db_stmt *s, int i)
{
	note(s, sqlite3_bind_null(to_bind(s), i));
}

enum err_code db_step(struct db_stmt *s, bool *row, struct err *e)
{
	enum err_code code = ERR_NONE;
	int rc = s->bad;

	*row = false;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s->h);
	s->stepped = true;
	if (rc == SQLITE_ROW) {
		*row = true;
		return ERR_NONE;
	}
	if (rc != SQLITE_DONE)
		code = fail(s->db, rc, e);
	db_reset(s);
	return code;
}

enum err_code db_number(struct db_stmt *s, int64_t *out, struct err *e)
{
	bool row;
	enum err_code code = db_step(s, &row, e);

	*out = 0;
	if (code == ERR_NONE && row) {
		*out = db_col_int(s, 0);
		db_reset(s);
	}
	return code;
}

enum err_code db_run(struct db_stmt *s, struct err *e)
{
	enum err_code code;
	bool row;

	do
		code = db_step(s, &row, e);
	while (code == ERR_NONE && row);
	return code;
}

void db_reset(struct db_stmt *s)
{
	(void)sqlite3_reset(s->h);
	(void)sqlite3_clear_bindings(s->h);
	s->bad = SQLITE_OK;
	s->stepped = false;
}

int64_t db_col_int(struct db_stmt *s, int i)
{
	return sqlite3_column_int64(s->h, i);
}

const uint8_t *db_col_blob(struct db_stmt *s, int i, size_t *len)
{
	const uint8_t *p = sqlite3_column_blob(s->h, i);

	*len = p ? (size_t)sqlite3_column_bytes(s->h, i) : 0;
	return p;
}

bool db_col_bytes(struct db_stmt *s, int i, void *out, size_t len)
{
	size_t got;
	const uint8_t *p = db_col_blob(s, i, &got);

	if (!p || got != len) {
		memset(out, 0, len);
		return false;
	}
	memcpy(out, p, len);
	return true;
}

const char *db_col_text(struct db_stmt *s, int i)
{
	return (const char *)sqlite3_column_text(s->h, i);
}

bool db_col_amount(struct db_stmt *s, int i, struct amount *out)
{
	uint8_t be[16];
	bool ok = db_col_bytes(s, i, be, sizeof(be));

	*out = amount_from_be16(be);
	return ok;
}

bool db_col_is_null(struct db_stmt *s, int i)
{
	return sqlite3_column_type(s->h, i) == SQLITE_NULL;
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_changes64(db->h);
}

int64_t db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}
