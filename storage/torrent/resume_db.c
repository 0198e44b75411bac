#include "storage/torrent/resume_db.h"

#include "base/db.h"
#include "storage/torrent/resume_seal.h"

#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x73627472 /* "sbtr" */

static const char *const migrations[] = {
	/* 1: info hashes have 20 bytes (v1); 32 are allowed for v2 */
	"CREATE TABLE torrent("
	"  id INTEGER PRIMARY KEY,"
	"  info_hash BLOB NOT NULL UNIQUE"
	"    CHECK(length(info_hash) IN (20, 32)),"
	"  root TEXT NOT NULL,"
	"  torrent BLOB NOT NULL,"
	"  added INTEGER NOT NULL,"			 /* Unix seconds */
	"  want INTEGER NOT NULL CHECK(want IN (1, 2))," /* run, pause */
	"  settings TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE total("
	"  info_hash BLOB NOT NULL PRIMARY KEY,"
	"  uploaded INTEGER NOT NULL CHECK(uploaded >= 0),"
	"  downloaded INTEGER NOT NULL CHECK(downloaded >= 0)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE state("
	"  id INTEGER PRIMARY KEY,"
	"  info_hash BLOB NOT NULL,"
	"  root TEXT NOT NULL,"
	"  pieces INTEGER NOT NULL CHECK(pieces > 0),"
	"  have BLOB NOT NULL CHECK(length(have) = (pieces + 7) / 8),"
	"  open INTEGER NOT NULL CHECK(open IN (0, 1)),"
	"  UNIQUE(info_hash, root)"
	") STRICT;"
	"CREATE TABLE stamp("
	"  state INTEGER NOT NULL REFERENCES state(id) ON DELETE CASCADE,"
	"  file INTEGER NOT NULL CHECK(file >= 0),"
	"  size INTEGER NOT NULL CHECK(size >= 0),"
	"  mtime_ns INTEGER NOT NULL,"
	"  PRIMARY KEY(state, file)"
	") STRICT, WITHOUT ROWID;",
	/* 2: ids rise with time */
	"CREATE TABLE fetched("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  info_hash BLOB NOT NULL UNIQUE CHECK(length(info_hash) = 20),"
	"  torrent BLOB NOT NULL"
	") STRICT;",
	/* 3: NULL is a row of before, which nothing vouches for */
	"ALTER TABLE torrent ADD COLUMN seal BLOB;"
	"ALTER TABLE torrent ADD COLUMN torrent_seal BLOB;"
	"ALTER TABLE state ADD COLUMN seal BLOB;",
};

enum stmt {
	S_ADD,
	S_REMOVE,
	S_REMOVE_STATES,
	S_REMOVE_TOTAL,
	S_EACH,
	S_GET,
	S_WANT,
	S_TEXTS,
	S_CLEAR_ROOT,
	S_MOVE_STATE,
	S_ROOT,
	S_SETTINGS,
	S_TORRENT,
	S_ADD_TOTALS,
	S_TOTALS,
	S_LOAD,
	S_LOAD_STAMPS,
	S_SAVE,
	S_SAVE_STAMP,
	S_DROP_STAMP,
	S_FORGET,
	S_KEEP_FETCHED,
	S_TRIM_FETCHED,
	S_GET_FETCHED,
	S_DROP_FETCHED,
	S_COUNT
};

#define TORRENT_COLUMNS \
	"SELECT t.info_hash, t.root, t.torrent, t.added, t.want, t.settings," \
	" coalesce(n.uploaded, 0), coalesce(n.downloaded, 0)," \
	" t.seal, t.torrent_seal" \
	" FROM torrent t LEFT JOIN total n ON n.info_hash = t.info_hash "
/* column + ?n without passing 2^63-1 (SQLite would make it a REAL) */
#define CAPPED_SUM(column, n) \
	column " = " column " + min(" n ", 9223372036854775807 - " column ")"

static const char *const sql[S_COUNT] = {
	[S_ADD] = "INSERT OR REPLACE INTO"
		  " torrent(info_hash, root, torrent, added, want, settings,"
		  " seal, torrent_seal)"
		  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[S_REMOVE] = "DELETE FROM torrent WHERE info_hash = ?1",
	[S_REMOVE_STATES] = "DELETE FROM state WHERE info_hash = ?1",
	[S_REMOVE_TOTAL] = "DELETE FROM total WHERE info_hash = ?1",
	[S_EACH] = TORRENT_COLUMNS "ORDER BY t.id",
	[S_GET] = TORRENT_COLUMNS "WHERE t.info_hash = ?1",
	[S_WANT] = "UPDATE torrent SET want = ?2 WHERE info_hash = ?1",
	[S_TEXTS] = "SELECT root, settings FROM torrent WHERE info_hash = ?1",
	[S_CLEAR_ROOT] = "DELETE FROM state WHERE info_hash = ?1"
			 " AND root = ?2 AND root <>"
			 " (SELECT root FROM torrent WHERE info_hash = ?1)",
	[S_MOVE_STATE] = "UPDATE state SET root = ?2 WHERE info_hash = ?1"
			 " AND root ="
			 " (SELECT root FROM torrent WHERE info_hash = ?1)",
	[S_ROOT] = "UPDATE torrent SET root = ?2, seal = ?3"
		   " WHERE info_hash = ?1",
	[S_SETTINGS] = "UPDATE torrent SET settings = ?2, seal = ?3"
		       " WHERE info_hash = ?1",
	[S_TORRENT] = "UPDATE torrent SET torrent = ?2, torrent_seal = ?3"
		      " WHERE info_hash = ?1",
	[S_ADD_TOTALS] =
		"INSERT INTO total(info_hash, uploaded, downloaded)"
		" VALUES(?1, ?2, ?3)"
		" ON CONFLICT(info_hash) DO UPDATE SET " CAPPED_SUM(
			"uploaded", "?2") ", " CAPPED_SUM("downloaded", "?3"),
	[S_TOTALS] = "SELECT uploaded, downloaded FROM total"
		     " WHERE info_hash = ?1",
	[S_LOAD] = "SELECT id, have, open, seal FROM state"
		   " WHERE info_hash = ?1 AND root = ?2 AND pieces = ?3",
	[S_LOAD_STAMPS] = "SELECT file, size, mtime_ns FROM stamp"
			  " WHERE state = ?1 ORDER BY file",
	[S_SAVE] =
		"INSERT INTO state(info_hash, root, pieces, have, open, seal)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(info_hash, root) DO UPDATE"
		" SET pieces = ?3, have = ?4, open = ?5, seal = ?6"
		" RETURNING id",
	[S_SAVE_STAMP] = "INSERT OR REPLACE INTO"
			 " stamp(state, file, size, mtime_ns)"
			 " VALUES(?1, ?2, ?3, ?4)",
	[S_DROP_STAMP] = "DELETE FROM stamp WHERE state = ?1 AND file = ?2",
	[S_FORGET] = "DELETE FROM state"
		     " WHERE info_hash = ?1 AND (root = ?2 OR ?2 IS NULL)",
	[S_KEEP_FETCHED] = "INSERT OR REPLACE INTO"
			   " fetched(info_hash, torrent) VALUES(?1, ?2)",
	[S_TRIM_FETCHED] =
		"DELETE FROM fetched WHERE id NOT IN"
		" (SELECT id FROM fetched ORDER BY id DESC LIMIT ?1)",
	[S_GET_FETCHED] = "SELECT torrent FROM fetched WHERE info_hash = ?1",
	[S_DROP_FETCHED] = "DELETE FROM fetched WHERE info_hash = ?1",
};

struct resume_db {
	struct db *db;
	struct db_stmt *s[S_COUNT];
};

enum err_code resume_open(struct resume_db **out, const char *path,
			  struct err *e)
{
	const struct db_cfg cfg = {
		.path = path,
		.application_id = APPLICATION_ID,
		.migrations = migrations,
		.migration_count = sizeof(migrations) / sizeof(migrations[0]),
		.if_damaged = "move it away and add the torrents again (their "
			      "files are looked at)",
	};
	struct resume_db *r = calloc(1, sizeof(*r));
	enum err_code code;

	*out = NULL;
	if (!r)
		return err_fail(e, ERR_NOMEM, "the torrents' database");
	code = db_open(&r->db, &cfg, e);
	/* hardly ever read twice: what a thousand torrents need more */
	if (code == ERR_NONE)
		code = db_exec(r->db, "PRAGMA cache_size=-128", e);
	if (code == ERR_NONE)
		code = db_prepare_all(r->s, r->db, sql, S_COUNT, e);
	if (code != ERR_NONE) {
		resume_close(r);
		return code;
	}
	*out = r;
	return ERR_NONE;
}

void resume_close(struct resume_db *r)
{
	if (!r)
		return;
	db_stmts_free(r->s, S_COUNT);
	db_close(r->db);
	free(r);
}

const char *resume_path(const struct resume_db *r)
{
	return db_path(r->db);
}

static void bind_hash(struct db_stmt *s, const struct info_hash *hash)
{
	db_bind_blob(s, 1, hash->bytes, sizeof(hash->bytes));
}

static enum err_code not_there(struct err *e)
{
	return err_fail(e, ERR_STATE, "this torrent is not in the list");
}

enum err_code resume_check(struct resume_db *r, struct err *e)
{
	return db_check(r->db, e);
}

/* --- seals --- */

static void bind_seal(struct db_stmt *s, int i, struct resume_seal seal)
{
	db_bind_blob(s, i, seal.bytes, sizeof(seal.bytes));
}

bool resume_is_sound(const struct resume_torrent *t)
{
	return resume_seal_fits(t->seal, t->seal_len,
				resume_seal_texts(&t->info_hash, t->root,
						  t->settings)) &&
	       resume_seal_fits(t->torrent_seal, t->torrent_seal_len,
				resume_seal_torrent(&t->info_hash, t->torrent,
						    t->torrent_len));
}

/* --- torrents --- */

enum err_code resume_add(struct resume_db *r, const struct resume_torrent *t,
			 struct err *e)
{
	struct db_stmt *s = r->s[S_ADD];

	if (t->torrent_len > RESUME_MAX_TORRENT_BYTES ||
	    strlen(t->root) > RESUME_MAX_TEXT ||
	    strlen(t->settings) > RESUME_MAX_TEXT)
		return err_fail(e, ERR_LIMIT, "too long for the list");
	bind_hash(s, &t->info_hash);
	db_bind_text(s, 2, t->root);
	db_bind_blob(s, 3, t->torrent, t->torrent_len);
	db_bind_int(s, 4, t->added_s);
	db_bind_int(s, 5, t->want);
	db_bind_text(s, 6, t->settings);
	bind_seal(s, 7, resume_seal_texts(&t->info_hash, t->root, t->settings));
	bind_seal(
		s, 8,
		resume_seal_torrent(&t->info_hash, t->torrent, t->torrent_len));
	return db_run(s, e);
}

enum err_code resume_remove(struct resume_db *r, const struct info_hash *hash,
			    struct err *e)
{
	static const enum stmt all[] = {S_REMOVE_STATES, S_REMOVE_TOTAL,
					S_REMOVE};
	enum err_code code = db_begin(r->db, e);

	if (code != ERR_NONE)
		return code;
	for (size_t i = 0; i < 3 && code == ERR_NONE; i++) {
		bind_hash(r->s[all[i]], hash);
		code = db_run(r->s[all[i]], e);
	}
	if (code == ERR_NONE && db_changes(r->db) == 0)
		code = not_there(e);
	return db_end(r->db, code, e);
}

static bool give_row(struct db_stmt *s, resume_fn *fn, void *ctx)
{
	struct resume_torrent t = {0};

	(void)db_col_bytes(s, 0, t.info_hash.bytes, sizeof(t.info_hash.bytes));
	t.root = db_col_text(s, 1);
	t.torrent = db_col_blob(s, 2, &t.torrent_len);
	t.added_s = db_col_int(s, 3);
	t.want = db_col_int(s, 4) == RESUME_RUN ? RESUME_RUN : RESUME_PAUSE;
	t.settings = db_col_text(s, 5);
	t.uploaded = (uint64_t)db_col_int(s, 6);
	t.downloaded = (uint64_t)db_col_int(s, 7);
	t.seal = db_col_blob(s, 8, &t.seal_len);
	t.torrent_seal = db_col_blob(s, 9, &t.torrent_seal_len);
	return fn(ctx, &t);
}

enum err_code resume_each(struct resume_db *r, resume_fn *fn, void *ctx,
			  struct err *e)
{
	struct db_stmt *s = r->s[S_EACH];
	bool row = true;

	while (row) {
		enum err_code code = db_step(s, &row, e);

		if (code != ERR_NONE)
			return code;
		if (row && !give_row(s, fn, ctx))
			break;
	}
	db_reset(s);
	return ERR_NONE;
}

/* On its row; db_reset() when it was read. */
static enum err_code find(struct db_stmt *s, const struct info_hash *hash,
			  struct err *e)
{
	enum err_code code;
	bool row;

	bind_hash(s, hash);
	code = db_step(s, &row, e);
	return code == ERR_NONE && !row ? not_there(e) : code;
}

enum err_code resume_get(struct resume_db *r, const struct info_hash *hash,
			 resume_fn *fn, void *ctx, struct err *e)
{
	struct db_stmt *s = r->s[S_GET];
	enum err_code code = find(s, hash, e);

	if (code != ERR_NONE)
		return code;
	(void)give_row(s, fn, ctx);
	db_reset(s);
	return ERR_NONE;
}

static enum err_code run_changed(struct resume_db *r, struct db_stmt *s,
				 struct err *e)
{
	enum err_code code = db_run(s, e);

	if (code == ERR_NONE && db_changes(r->db) == 0)
		return not_there(e);
	return code;
}

/* Both texts as they will be are under one seal. */
static enum err_code seal_with(struct resume_db *r, enum stmt which,
			       const struct info_hash *hash, const char *text,
			       struct resume_seal *out, struct err *e)
{
	struct db_stmt *s = r->s[S_TEXTS];
	enum err_code code = find(s, hash, e);

	if (code != ERR_NONE)
		return code;
	*out = resume_seal_texts(
		hash, which == S_ROOT ? text : db_col_text(s, 0),
		which == S_SETTINGS ? text : db_col_text(s, 1));
	db_reset(s);
	return ERR_NONE;
}

static enum err_code set_text(struct resume_db *r, enum stmt which,
			      const struct info_hash *hash, const char *text,
			      struct err *e)
{
	struct resume_seal seal;
	enum err_code code = seal_with(r, which, hash, text, &seal, e);

	if (code != ERR_NONE)
		return code;
	bind_hash(r->s[which], hash);
	db_bind_text(r->s[which], 2, text);
	bind_seal(r->s[which], 3, seal);
	return run_changed(r, r->s[which], e);
}

enum err_code resume_set_want(struct resume_db *r, const struct info_hash *hash,
			      enum resume_want want, struct err *e)
{
	bind_hash(r->s[S_WANT], hash);
	db_bind_int(r->s[S_WANT], 2, want);
	return run_changed(r, r->s[S_WANT], e);
}

enum err_code resume_set_root(struct resume_db *r, const struct info_hash *hash,
			      const char *root, struct err *e)
{
	static const enum stmt all[] = {S_CLEAR_ROOT, S_MOVE_STATE};
	enum err_code code;

	if (strlen(root) > RESUME_MAX_TEXT)
		return err_fail(e, ERR_LIMIT, "too long for the list");
	code = db_begin(r->db, e);
	if (code != ERR_NONE)
		return code;
	for (size_t i = 0; i < 2 && code == ERR_NONE; i++) {
		bind_hash(r->s[all[i]], hash);
		db_bind_text(r->s[all[i]], 2, root);
		code = db_run(r->s[all[i]], e);
	}
	if (code == ERR_NONE)
		code = set_text(r, S_ROOT, hash, root, e);
	return db_end(r->db, code, e);
}

enum err_code resume_set_settings(struct resume_db *r,
				  const struct info_hash *hash,
				  const char *settings, struct err *e)
{
	enum err_code code;

	if (strlen(settings) > RESUME_MAX_TEXT)
		return err_fail(e, ERR_LIMIT, "too long for the list");
	code = db_begin(r->db, e);
	if (code != ERR_NONE)
		return code;
	code = set_text(r, S_SETTINGS, hash, settings, e);
	return db_end(r->db, code, e);
}

enum err_code resume_set_torrent(struct resume_db *r,
				 const struct info_hash *hash,
				 const uint8_t *torrent, size_t len,
				 struct err *e)
{
	if (len > RESUME_MAX_TORRENT_BYTES)
		return err_fail(e, ERR_LIMIT, "too long for the list");
	bind_hash(r->s[S_TORRENT], hash);
	db_bind_blob(r->s[S_TORRENT], 2, torrent, len);
	bind_seal(r->s[S_TORRENT], 3, resume_seal_torrent(hash, torrent, len));
	return run_changed(r, r->s[S_TORRENT], e);
}

/* --- what links led to --- */

enum err_code resume_keep_fetched(struct resume_db *r,
				  const struct info_hash *hash,
				  const uint8_t *torrent, size_t len,
				  struct err *e)
{
	enum err_code code;

	if (len > RESUME_MAX_TORRENT_BYTES)
		return err_fail(e, ERR_LIMIT, "too long to be kept");
	bind_hash(r->s[S_KEEP_FETCHED], hash);
	db_bind_blob(r->s[S_KEEP_FETCHED], 2, torrent, len);
	code = db_run(r->s[S_KEEP_FETCHED], e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(r->s[S_TRIM_FETCHED], 1, RESUME_MAX_FETCHED);
	return db_run(r->s[S_TRIM_FETCHED], e);
}

enum err_code resume_get_fetched(struct resume_db *r,
				 const struct info_hash *hash, uint8_t **out,
				 size_t *len, struct err *e)
{
	struct db_stmt *s = r->s[S_GET_FETCHED];
	const uint8_t *blob;
	enum err_code code;
	bool row;

	*out = NULL;
	bind_hash(s, hash);
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	blob = db_col_blob(s, 0, len);
	*out = malloc(*len ? *len : 1);
	if (*out && *len)
		memcpy(*out, blob, *len);
	db_reset(s);
	return *out ? ERR_NONE : err_fail(e, ERR_NOMEM, "a kept .torrent");
}

enum err_code resume_drop_fetched(struct resume_db *r,
				  const struct info_hash *hash, struct err *e)
{
	bind_hash(r->s[S_DROP_FETCHED], hash);
	return db_run(r->s[S_DROP_FETCHED], e);
}

/* --- totals --- */

static int64_t clamp63(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

enum err_code resume_add_totals(struct resume_db *r,
				const struct info_hash *hash, uint64_t uploaded,
				uint64_t downloaded, struct err *e)
{
	struct db_stmt *s = r->s[S_ADD_TOTALS];

	if (uploaded == 0 && downloaded == 0)
		return ERR_NONE;
	bind_hash(s, hash);
	db_bind_int(s, 2, clamp63(uploaded));
	db_bind_int(s, 3, clamp63(downloaded));
	return db_run(s, e);
}

enum err_code resume_totals(struct resume_db *r, const struct info_hash *hash,
			    uint64_t *uploaded, uint64_t *downloaded,
			    struct err *e)
{
	struct db_stmt *s = r->s[S_TOTALS];
	enum err_code code;
	bool row;

	*uploaded = *downloaded = 0;
	bind_hash(s, hash);
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	*uploaded = (uint64_t)db_col_int(s, 0);
	*downloaded = (uint64_t)db_col_int(s, 1);
	db_reset(s);
	return ERR_NONE;
}

/* --- piece states --- */

void resume_state_clear(struct resume_state *s)
{
	free(s->have);
	free(s->stamps);
	memset(s, 0, sizeof(*s));
}

static enum err_code push_stamp(struct resume_state *out, uint32_t *cap,
				struct db_stmt *s, struct err *e)
{
	if (out->stamp_count == *cap) {
		uint32_t more = *cap ? *cap * 2 : 16;
		struct resume_stamp *p =
			realloc(out->stamps, more * sizeof(*p));

		if (!p)
			return err_fail(e, ERR_NOMEM, "file stamps");
		out->stamps = p;
		*cap = more;
	}
	out->stamps[out->stamp_count++] = (struct resume_stamp){
		.file = (uint32_t)db_col_int(s, 0),
		.size = (uint64_t)db_col_int(s, 1),
		.mtime_ns = db_col_int(s, 2),
	};
	return ERR_NONE;
}

static enum err_code load_stamps(struct resume_db *r, int64_t state,
				 struct resume_state *out, struct err *e)
{
	struct db_stmt *s = r->s[S_LOAD_STAMPS];
	enum err_code code = ERR_NONE;
	uint32_t cap = 0;
	bool row = true;

	db_bind_int(s, 1, state);
	while (code == ERR_NONE && row) {
		code = db_step(s, &row, e);
		if (code == ERR_NONE && row)
			code = push_stamp(out, &cap, s, e);
	}
	db_reset(s);
	return code;
}

static enum err_code load(struct resume_db *r, const struct info_hash *hash,
			  struct resume_state *out, struct err *e)
{
	struct db_stmt *s = r->s[S_LOAD];
	size_t bytes = ((size_t)out->pieces + 7) / 8, seal_len;
	const uint8_t *seal;
	bool row, sound = true;
	int64_t id;
	enum err_code code = db_step(s, &row, e);

	if (code != ERR_NONE || !row)
		return code;
	id = db_col_int(s, 0);
	out->open = db_col_int(s, 2) != 0;
	out->have = malloc(bytes);
	if (!out->have)
		code = err_fail(e, ERR_NOMEM, "a bitfield");
	else if (!db_col_bytes(s, 1, out->have, bytes))
		code = err_fail(e, ERR_DB, "a bitfield of a wrong size");
	seal = db_col_blob(s, 3, &seal_len);
	if (code == ERR_NONE)
		sound = resume_seal_fits(seal, seal_len,
					 resume_seal_state(hash, out->pieces,
							   out->have,
							   out->open));
	db_reset(s);
	if (!sound) { /* what has data is hashed */
		free(out->have);
		out->have = NULL;
		out->open = false;
		return ERR_NONE;
	}
	return code == ERR_NONE ? load_stamps(r, id, out, e) : code;
}

enum err_code resume_load(struct resume_db *r, const struct info_hash *hash,
			  const char *root, uint32_t pieces,
			  struct resume_state *out, struct err *e)
{
	struct db_stmt *s = r->s[S_LOAD];
	enum err_code code;

	memset(out, 0, sizeof(*out));
	out->pieces = pieces;
	bind_hash(s, hash);
	db_bind_text(s, 2, root);
	db_bind_int(s, 3, pieces);
	code = load(r, hash, out, e);
	if (code != ERR_NONE)
		resume_state_clear(out);
	return code;
}

static enum err_code save_stamp(struct resume_db *r, int64_t state,
				const struct resume_stamp *stamp, struct err *e)
{
	bool gone = stamp->size == RESUME_NO_FILE;
	struct db_stmt *s = r->s[gone ? S_DROP_STAMP : S_SAVE_STAMP];

	db_bind_int(s, 1, state);
	db_bind_int(s, 2, stamp->file);
	if (!gone) {
		db_bind_int(s, 3, clamp63(stamp->size));
		db_bind_int(s, 4, stamp->mtime_ns);
	}
	return db_run(s, e);
}

static enum err_code save_in_tx(struct resume_db *r,
				const struct info_hash *hash, const char *root,
				const struct resume_state *st, struct err *e)
{
	struct db_stmt *s = r->s[S_SAVE];
	enum err_code code;
	int64_t id;
	bool row;

	bind_hash(s, hash);
	db_bind_text(s, 2, root);
	db_bind_int(s, 3, st->pieces);
	db_bind_blob(s, 4, st->have, ((size_t)st->pieces + 7) / 8);
	db_bind_int(s, 5, st->open);
	bind_seal(s, 6,
		  resume_seal_state(hash, st->pieces, st->have, st->open));
	code = db_step(s, &row, e);
	if (code != ERR_NONE)
		return code;
	id = row ? db_col_int(s, 0) : 0;
	db_reset(s);
	for (uint32_t i = 0; i < st->stamp_count && code == ERR_NONE; i++)
		code = save_stamp(r, id, &st->stamps[i], e);
	return code;
}

enum err_code resume_save(struct resume_db *r, const struct info_hash *hash,
			  const char *root, const struct resume_state *s,
			  uint64_t uploaded, uint64_t downloaded, struct err *e)
{
	enum err_code code = db_begin(r->db, e);

	if (code != ERR_NONE)
		return code;
	if (s->have)
		code = save_in_tx(r, hash, root, s, e);
	if (code == ERR_NONE)
		code = resume_add_totals(r, hash, uploaded, downloaded, e);
	return db_end(r->db, code, e);
}

enum err_code resume_forget(struct resume_db *r, const struct info_hash *hash,
			    const char *root, struct err *e)
{
	struct db_stmt *s = r->s[S_FORGET];

	bind_hash(s, hash);
	db_bind_text(s, 2, root);
	return db_run(s, e);
}
