#include "storage/rent/renter_db_int.h"

#include <stdlib.h>

#define APPLICATION_ID 0x7362726e /* "sbrn" */

static const char *const migrations[] = {
	/* 1: addresses 20, hashes 32, signatures 64 bytes; signed records as
	 * the bytes that were signed (base/offer.h, base/agreement.h) */
	"CREATE TABLE number(name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
	" STRICT, WITHOUT ROWID;"
	"CREATE TABLE host("
	"  address BLOB PRIMARY KEY CHECK(length(address) = 20),"
	"  endpoint BLOB, endpoint_sig BLOB,"
	"  sheet BLOB, sheet_sig BLOB,"
	"  good INTEGER NOT NULL, bad INTEGER NOT NULL,"
	"  rtt_ms INTEGER NOT NULL, seen_s INTEGER NOT NULL,"
	"  shunned INTEGER NOT NULL CHECK(shunned IN (0, 1))"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE agreement("
	"  id INTEGER PRIMARY KEY,"
	"  renter BLOB NOT NULL, host BLOB NOT NULL, number INTEGER NOT NULL,"
	"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 4),"
	"  signed BLOB NOT NULL, renter_sig BLOB NOT NULL,"
	"  host_sig BLOB NOT NULL,"
	"  offered BLOB NOT NULL, offered_sig BLOB NOT NULL,"
	"  posted INTEGER, fund BLOB NOT NULL,"
	"  UNIQUE(renter, host, number)"
	") STRICT;"
	"CREATE TABLE put("
	"  id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE,"
	"  name TEXT NOT NULL, started_s INTEGER NOT NULL,"
	"  k INTEGER NOT NULL, n INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE object("
	"  id INTEGER PRIMARY KEY,"
	"  name BLOB NOT NULL UNIQUE CHECK(length(name) = 32),"
	"  wrapped BLOB NOT NULL,"
	"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 3),"
	"  catalogue INTEGER NOT NULL CHECK(catalogue IN (0, 1)),"
	"  size INTEGER NOT NULL CHECK(size >= 0),"
	"  k INTEGER NOT NULL CHECK(k >= 1),"
	"  n INTEGER NOT NULL CHECK(n BETWEEN k AND 255),"
	"  segments INTEGER NOT NULL CHECK(segments >= 0),"
	"  sequence INTEGER NOT NULL,"
	"  put INTEGER REFERENCES put(id) ON DELETE SET NULL"
	") STRICT;"
	"CREATE TABLE segment("
	"  object INTEGER NOT NULL REFERENCES object(id) ON DELETE CASCADE,"
	"  idx INTEGER NOT NULL CHECK(idx >= 0),"
	"  salt BLOB NOT NULL CHECK(length(salt) = 16),"
	"  plain BLOB NOT NULL CHECK(length(plain) = 32),"
	"  PRIMARY KEY(object, idx)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE place("
	"  object INTEGER NOT NULL,"
	"  segment INTEGER NOT NULL,"
	"  shard INTEGER NOT NULL CHECK(shard BETWEEN 0 AND 254),"
	"  host BLOB NOT NULL CHECK(length(host) = 20),"
	"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 3),"
	"  root BLOB NOT NULL CHECK(length(root) = 32),"
	"  agreement INTEGER REFERENCES agreement(id),"
	"  position INTEGER CHECK((position IS NULL) = (agreement IS NULL)"
	"                     AND (agreement IS NULL) = (state = 1)),"
	"  since_s INTEGER NOT NULL,"
	"  PRIMARY KEY(object, segment, shard, host),"
	"  FOREIGN KEY(object, segment) REFERENCES segment(object, idx)"
	"    ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX place_position ON place(agreement, position)"
	"  WHERE agreement IS NOT NULL;"
	"CREATE INDEX place_staged ON place(host, object, segment, shard)"
	"  WHERE state = 1;"
	"CREATE TABLE file("
	"  path TEXT PRIMARY KEY, target TEXT,"
	"  kind INTEGER NOT NULL CHECK(kind BETWEEN 1 AND 3),"
	"  mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
	"  object INTEGER REFERENCES object(id) ON DELETE CASCADE,"
	"  offset INTEGER NOT NULL, size INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX file_object ON file(object);",
	/* 2: roots of rows outlive their places; when an object was put */
	"CREATE TABLE root("
	"  object INTEGER NOT NULL, segment INTEGER NOT NULL,"
	"  shard INTEGER NOT NULL CHECK(shard BETWEEN 0 AND 254),"
	"  root BLOB NOT NULL CHECK(length(root) = 32),"
	"  PRIMARY KEY(object, segment, shard),"
	"  FOREIGN KEY(object, segment) REFERENCES segment(object, idx)"
	"    ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;"
	"ALTER TABLE object ADD COLUMN put_s INTEGER NOT NULL DEFAULT 0"
	"  CHECK(put_s >= 0);",
	/* 3: objects of others that are looked after with a link; what repairs
	 * cost, by day */
	"CREATE TABLE steward("
	"  object INTEGER PRIMARY KEY REFERENCES object(id) ON DELETE CASCADE,"
	"  link BLOB NOT NULL,"
	"  sequence INTEGER NOT NULL,"
	"  watched INTEGER NOT NULL CHECK(watched IN (0, 1)),"
	"  looked_s INTEGER NOT NULL, note TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE repair(day INTEGER PRIMARY KEY,"
	"  spent BLOB NOT NULL CHECK(length(spent) = 16)) STRICT;",
	/* 4: objects that lie in agreements that are never opened */
	"ALTER TABLE object ADD COLUMN unopened INTEGER NOT NULL DEFAULT 0"
	"  CHECK(unopened IN (0, 1));",
	/* 5: files of a put wait until it is finished, beside what is stored
	 * under their names; those of puts under way stood in `file` */
	"CREATE TABLE waiting("
	"  path TEXT NOT NULL, target TEXT,"
	"  kind INTEGER NOT NULL CHECK(kind BETWEEN 1 AND 3),"
	"  mode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,"
	"  object INTEGER REFERENCES object(id) ON DELETE CASCADE,"
	"  offset INTEGER NOT NULL, size INTEGER NOT NULL,"
	"  put INTEGER NOT NULL REFERENCES put(id) ON DELETE CASCADE,"
	"  PRIMARY KEY(put, path)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX waiting_object ON waiting(object);"
	"INSERT INTO waiting SELECT path, target, kind, f.mode, mtime_ns,"
	" object, offset, f.size, o.put FROM file f"
	" JOIN object o ON o.id = f.object"
	" WHERE o.state = 1 AND o.put IS NOT NULL;"
	"DELETE FROM file WHERE object IN"
	" (SELECT id FROM object WHERE state = 1 AND put IS NOT NULL);",
};

#define HOST_COLUMNS \
	"address, endpoint, endpoint_sig, sheet, sheet_sig, good, bad," \
	" rtt_ms, seen_s, shunned"
#define OBJECT_COLUMNS \
	"name, wrapped, state, catalogue, size, k, n, segments, sequence, " \
	"put," \
	" put_s, unopened"
#define FILE_COLUMNS "path, target, kind, mode, mtime_ns, object, offset, size"
#define IS_OURS " id NOT IN (SELECT object FROM steward)"
#define PLACE_COLUMNS \
	"object, segment, shard, state, root, host, agreement, position," \
	" since_s"
/* ?1 itself, or what lies below it ('0' follows '/') */
#define IN_IT "(path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0'))"
#define NAMED_IT "(name = ?1 OR (name > ?1 || '/' AND name < ?1 || '0'))"
#define BELOW "(?1 IS NULL OR " IN_IT ")"

/* p, a place in a list, of object o. What is lost is proved to be missing where
 * proofs are due; where none are, nothing is paid for it any more. Numbers from
 * 2^31 on are of those. */
#define GOES \
	"(o.state = 3 OR (p.state = 3 AND 2147483648 <=" \
	" (SELECT number FROM agreement a WHERE a.id = p.agreement)))"

static const char *const sql[S_COUNT] = {
	[S_NUMBER] = "SELECT value FROM number WHERE name = ?1",
	[S_SET_NUMBER] = "INSERT INTO number VALUES(?1, ?2)"
			 " ON CONFLICT(name) DO UPDATE SET value = ?2",
	[S_HOST] = "SELECT " HOST_COLUMNS " FROM host WHERE address = ?1",
	[S_SET_HOST] = "INSERT OR REPLACE INTO host(" HOST_COLUMNS ")"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[S_HOSTS] = "SELECT " HOST_COLUMNS " FROM host"
		    " ORDER BY shunned, bad * 100 / (good + bad + 10),"
		    " good DESC, rtt_ms, address",
	[S_ADD_AGREEMENT] =
		"INSERT INTO agreement(state, signed, renter_sig, host_sig,"
		" offered, offered_sig, posted, fund, renter, host, number)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[S_SET_AGREEMENT] = "UPDATE agreement SET state = ?1, signed = ?2,"
			    " renter_sig = ?3, host_sig = ?4, offered = ?5,"
			    " offered_sig = ?6, posted = ?7, fund = ?8"
			    " WHERE renter = ?9 AND host = ?10 AND number = ?11"
			    " AND id = ?12",
	[S_AGREEMENTS] =
		"SELECT id, state, signed, renter_sig, host_sig, offered,"
		" offered_sig, posted, fund FROM agreement ORDER BY id",
	[S_ADD_OBJECT] =
		"INSERT INTO object(" OBJECT_COLUMNS ")"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[S_SET_OBJECT] =
		"UPDATE object SET wrapped = ?2, state = ?3, catalogue = ?4,"
		" size = ?5, k = ?6, n = ?7, segments = ?8, sequence = ?9,"
		" put = ?10, put_s = ?11, unopened = ?12"
		" WHERE id = ?13 AND name = ?1",
	[S_OBJECT] = "SELECT id, " OBJECT_COLUMNS " FROM object"
		     " WHERE id = ?1 AND" IS_OURS,
	[S_CATALOGUE] = "SELECT id, " OBJECT_COLUMNS " FROM object"
			" WHERE catalogue AND state = 2 AND" IS_OURS
			" ORDER BY id DESC LIMIT 1",
	[S_OBJECTS] = "SELECT id, " OBJECT_COLUMNS " FROM object"
		      " WHERE" IS_OURS " ORDER BY id",
	[S_HELD] = "SELECT count(*) FROM place"
		   " WHERE object = ?1 AND (segment = ?2 OR ?2 < 0)"
		   " AND agreement IS NOT NULL",
	[S_REMOVE_OBJECT] = "DELETE FROM object WHERE id = ?1",
	[S_FORGET_REST] =
		"DELETE FROM object WHERE length(wrapped) = 0 AND id IN"
		" (SELECT object FROM place WHERE agreement = ?1)",
	[S_ADD_SEGMENT] = "INSERT INTO segment VALUES(?1, ?2, ?3, ?4)",
	[S_DROP_SEGMENT] = "DELETE FROM segment WHERE object = ?1 AND idx = ?2",
	[S_SEGMENT] = "SELECT salt, plain FROM segment"
		      " WHERE object = ?1 AND idx = ?2",
	[S_STAGE] = "INSERT INTO place(" PLACE_COLUMNS ")"
		    " VALUES(?1, ?2, ?3, 1, ?4, ?5, NULL, NULL, ?6)",
	[S_UNSTAGE] = "DELETE FROM place WHERE object = ?1 AND segment = ?2"
		      " AND shard = ?3 AND host = ?4 AND state = 1",
	[S_KEEP_STAGED] = "INSERT OR IGNORE INTO root"
			  " SELECT object, segment, shard, root FROM place"
			  " WHERE object = ?1 AND segment = ?2 AND shard = ?3"
			  " AND host = ?4 AND state = 1",
	[S_KEEP_CUT] = "INSERT OR IGNORE INTO root"
		       " SELECT object, segment, shard, root FROM place"
		       " WHERE agreement = ?1 AND position = ?2",
	[S_KEEP_ROOT] = "INSERT OR IGNORE INTO root VALUES(?1, ?2, ?3, ?4)",
	[S_ROOTS] = "SELECT shard, root FROM root"
		    " WHERE object = ?1 AND segment = ?2"
		    " UNION ALL SELECT shard, root FROM place"
		    " WHERE object = ?1 AND segment = ?2",
	[S_ADD_PLACE] = "INSERT INTO place(" PLACE_COLUMNS ")"
			" VALUES(?1, ?2, ?3, 2, ?4, ?5, ?6, ?7, ?8)",
	[S_STAGED] = "SELECT root, object, segment, shard FROM place p"
		     " WHERE host = ?1 AND state = 1 AND ?2 ="
		     " (SELECT unopened FROM object o WHERE o.id = p.object)"
		     " ORDER BY object, segment, shard",
	[S_STAGED_ONE] = "SELECT object, segment, shard FROM place p"
			 " JOIN object o ON o.id = p.object WHERE host = ?1"
			 " AND p.state = 1 AND o.unopened = ?2"
			 " AND (?3 = 0 OR o.state != 2)"
			 " ORDER BY object, segment, shard LIMIT 1",
	[S_ANY_WAITS] = "SELECT EXISTS(SELECT 1 FROM place p"
			" JOIN object o ON o.id = p.object"
			" WHERE p.state = 1 AND o.state = 2)",
	[S_STAGED_HOSTS] = "SELECT host, o.unopened, count(*) FROM place p"
			   " JOIN object o ON o.id = p.object WHERE p.state = 1"
			   " GROUP BY host, o.unopened",
	[S_NUMBER_OF] = "SELECT number FROM agreement WHERE id = ?1",
	[S_SIGN] = "UPDATE place SET state = 2, agreement = ?5, position = ?6,"
		   " since_s = ?7 WHERE object = ?1 AND segment = ?2"
		   " AND shard = ?3 AND host = ?4",
	[S_LIST] = "SELECT root, position FROM place WHERE agreement = ?1"
		   " ORDER BY position",
	[S_LENGTH] = "SELECT count(*) FROM place WHERE agreement = ?1",
	[S_CUT] = "DELETE FROM place WHERE agreement = ?1 AND position = ?2",
	[S_MOVE] = "UPDATE place SET position = ?3"
		   " WHERE agreement = ?1 AND position = ?2",
	[S_MARK] = "UPDATE place SET state = ?3, since_s = ?4"
		   " WHERE agreement = ?1 AND position = ?2",
	[S_PLACES] = "SELECT " PLACE_COLUMNS " FROM place"
		     " WHERE object = ?1 AND segment = ?2"
		     " ORDER BY shard, state",
	[S_PLACES_AT] = "SELECT " PLACE_COLUMNS " FROM place"
			" WHERE agreement = ?1 ORDER BY position",
	[S_SET_FILE] = "INSERT OR REPLACE INTO file"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[S_REMOVE_FILES] = "DELETE FROM file WHERE " IN_IT,
	[S_FILES] = "SELECT path, target, kind, mode, mtime_ns, object,"
		    " offset, f.size FROM file f"
		    " LEFT JOIN object o ON o.id = f.object"
		    " WHERE " BELOW " AND coalesce(o.state, 2) = 2"
		    " ORDER BY path",
	[S_ALL_FILES] = "SELECT " FILE_COLUMNS " FROM file WHERE path NOT IN"
			" (SELECT path FROM waiting WHERE put = ?1)"
			" UNION ALL SELECT " FILE_COLUMNS " FROM waiting"
			" WHERE put = ?1 ORDER BY path",
	[S_ADD_PUT] = "INSERT INTO put(source, name, started_s, k, n)"
		      " VALUES(?1, ?2, ?3, ?4, ?5)",
	[S_ADD_WAITING] = "INSERT OR REPLACE INTO waiting"
			  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[S_CLEAR_WAITING] = "DELETE FROM waiting WHERE put = ?1",
	[S_TAKE_WAITING] = "INSERT OR REPLACE INTO file"
			   " SELECT " FILE_COLUMNS " FROM waiting"
			   " WHERE put = ?1",
	[S_REMOVE_PUT] = "DELETE FROM put WHERE id = ?1",
	[S_DROP_OBJECTS_OF] = "UPDATE object SET state = 3, put = NULL"
			      " WHERE state = 1 AND put = ?1",
	[S_DROP_PUT_OBJECTS] =
		"UPDATE object SET state = 3, put = NULL WHERE state = 1"
		" AND put IN (SELECT id FROM put WHERE " NAMED_IT ")",
	[S_DROP_PUTS] = "DELETE FROM put WHERE " NAMED_IT,
	[S_DROP_STAGED] = "DELETE FROM place WHERE state = 1 AND object IN"
			  " (SELECT id FROM object WHERE state = 3)",
	[S_CUTS] = "SELECT p.position FROM place p"
		   " JOIN object o ON o.id = p.object"
		   " WHERE p.agreement = ?1 AND " GOES
		   " ORDER BY p.position DESC LIMIT ?2",
	[S_CUTS_ALL] = "SELECT count(*) FROM place p"
		       " JOIN object o ON o.id = p.object"
		       " WHERE p.agreement = ?1 AND " GOES,
	[S_REMOVE_DROPPED] =
		"DELETE FROM object WHERE state = 3 AND NOT EXISTS"
		" (SELECT 1 FROM place p WHERE p.object = object.id"
		" AND p.agreement IS NOT NULL)",
	[S_OBJECT_OF] = "SELECT id, (SELECT max(id) FROM object) + 1"
			" FROM object WHERE put = ?1 AND id > ?2"
			" ORDER BY id LIMIT 1",
	[S_DEFER] = "PRAGMA defer_foreign_keys = ON",
	[S_RAISE_OBJECT] = "UPDATE object SET id = ?2 WHERE id = ?1",
	[S_RAISE_SEGMENTS] = "UPDATE segment SET object = ?2 WHERE object = ?1",
	[S_RAISE_PLACES] = "UPDATE place SET object = ?2 WHERE object = ?1",
	[S_RAISE_ROOTS] = "UPDATE root SET object = ?2 WHERE object = ?1",
	[S_RAISE_WAITING] = "UPDATE waiting SET object = ?2 WHERE object = ?1",
	[S_FLIP] = "UPDATE place SET position = -1 - position"
		   " WHERE agreement = ?1",
	[S_RESTAGE] = "UPDATE place SET state = 1, agreement = NULL,"
		      " position = NULL, since_s = ?2"
		      " WHERE agreement = ?1 AND state = 2 AND object NOT IN"
		      " (SELECT id FROM object WHERE state = 3)",
	[S_RESTAGE_STORED] = "UPDATE place SET state = 1, agreement = NULL,"
			     " position = NULL, since_s = ?2"
			     " WHERE agreement = ?1 AND state = 2 AND object IN"
			     " (SELECT id FROM object WHERE state = 2)",
	[S_KEEP_LOST] = "INSERT OR IGNORE INTO root"
			" SELECT object, segment, shard, root FROM place"
			" WHERE agreement = ?1",
	[S_REMOVE_LOST] = "DELETE FROM place WHERE agreement = ?1",
	[S_PUTS] = "SELECT id, source, name, started_s, k, n FROM put"
		   " ORDER BY id",
	[S_ADD_STEWARD] = "INSERT INTO steward VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[S_SET_STEWARD] = "UPDATE steward SET link = ?2, sequence = ?3,"
			  " watched = ?4, looked_s = ?5, note = ?6"
			  " WHERE object = ?1",
	[S_STEWARDS] = "SELECT object, name, link, s.sequence, watched,"
		       " looked_s, note FROM steward s"
		       " JOIN object o ON o.id = s.object ORDER BY object",
	[S_ADD_SPENT] = "INSERT OR REPLACE INTO repair VALUES(?1, ?2)",
	[S_SPENT] = "SELECT spent FROM repair WHERE day >= ?1 AND day <= ?2",
};

enum err_code renter_db_open(struct renter_db **out, const char *path,
			     struct err *e)
{
	const struct db_cfg cfg = {
		.path = path,
		.application_id = APPLICATION_ID,
		.migrations = migrations,
		.migration_count = sizeof(migrations) / sizeof(migrations[0]),
		/* not an old copy: hosts hold newer lists than that knows */
		.if_damaged = "move it away, then `seedbank restore --host "
			      "IP:PORT`",
	};
	struct renter_db *r = calloc(1, sizeof(*r));
	enum err_code code;

	*out = NULL;
	if (!r)
		return err_fail(e, ERR_NOMEM, "the renter's database");
	code = db_open(&r->db, &cfg, e);
	if (code == ERR_NONE)
		code = db_prepare_all(r->s, r->db, sql, S_COUNT, e);
	if (code != ERR_NONE) {
		renter_db_close(r);
		return code;
	}
	*out = r;
	return ERR_NONE;
}

void renter_db_close(struct renter_db *r)
{
	if (!r)
		return;
	db_stmts_free(r->s, S_COUNT);
	db_close(r->db);
	free(r);
}

bool renter_db_dirty(const struct renter_db *r)
{
	return db_in_tx(r->db);
}

enum err_code renter_db_commit(struct renter_db *r, struct err *e)
{
	return db_in_tx(r->db) ? db_commit(r->db, e) : ERR_NONE;
}

void renter_db_rollback(struct renter_db *r)
{
	db_rollback(r->db);
}

struct db_stmt *renter_change(struct renter_db *r, enum renter_stmt which,
			      struct err *e)
{
	if (!db_in_tx(r->db) && db_begin(r->db, e) != ERR_NONE)
		return NULL;
	return r->s[which];
}

enum err_code renter_run_one(struct renter_db *r, struct db_stmt *s,
			     const char *what, struct err *e)
{
	enum err_code code = db_run(s, e);

	if (code == ERR_NONE && db_changes(r->db) != 1)
		code = err_fail(e, ERR_STATE, "renter's database: no such %s",
				what);
	return code;
}

enum err_code renter_damaged(const struct renter_db *r, const char *what,
			     struct err *e)
{
	return err_fail(e, ERR_DB,
			"%.80s: %s is damaged; move the file away and run "
			"`seedbank restore`",
			db_path(r->db), what);
}

/* ---- numbers */

enum err_code renter_db_number(struct renter_db *r, const char *name,
			       uint64_t *out, struct err *e)
{
	struct db_stmt *s = r->s[S_NUMBER];
	int64_t n;
	enum err_code code;

	db_bind_text(s, 1, name);
	code = db_number(s, &n, e);
	*out = (uint64_t)n;
	return code;
}

enum err_code renter_db_set_number(struct renter_db *r, const char *name,
				   uint64_t value, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_SET_NUMBER, e);

	if (!s)
		return ERR_DB;
	db_bind_text(s, 1, name);
	db_bind_int(s, 2, (int64_t)value);
	return db_run(s, e);
}

/* ---- hosts */

static bool read_endpoint(struct db_stmt *s, struct renter_host *h)
{
	uint8_t buf[ENDPOINT_LEN] = {0};
	struct rd r = rd_from(buf, sizeof(buf));

	h->has_endpoint = !db_col_is_null(s, 1);
	if (!h->has_endpoint)
		return true;
	if (!db_col_bytes(s, 1, buf, sizeof(buf)) ||
	    !db_col_bytes(s, 2, h->endpoint_sig, sizeof(h->endpoint_sig)))
		return false;
	endpoint_get(&r, &h->endpoint);
	return true;
}

static bool read_sheet(struct db_stmt *s, struct renter_host *h)
{
	uint8_t buf[SHEET_LEN] = {0};
	struct rd r = rd_from(buf, sizeof(buf));

	h->has_sheet = !db_col_is_null(s, 3);
	if (!h->has_sheet)
		return true;
	if (!db_col_bytes(s, 3, buf, sizeof(buf)) ||
	    !db_col_bytes(s, 4, h->sheet_sig, sizeof(h->sheet_sig)))
		return false;
	sheet_get(&r, &h->sheet);
	return true;
}

static bool read_host(struct db_stmt *s, struct renter_host *h)
{
	*h = (struct renter_host){
		.good = (uint64_t)db_col_int(s, 5),
		.bad = (uint64_t)db_col_int(s, 6),
		.rtt_ms = (uint32_t)db_col_int(s, 7),
		.seen_s = db_col_int(s, 8),
		.shunned = db_col_int(s, 9) != 0,
	};
	return renter_address_col(s, 0, &h->address) && read_endpoint(s, h) &&
	       read_sheet(s, h);
}

enum err_code renter_db_host(struct renter_db *r, struct renter_host *out,
			     const struct address *a, struct err *e)
{
	struct db_stmt *s = r->s[S_HOST];
	enum err_code code;
	bool row;

	*out = (struct renter_host){.address = *a};
	db_bind_blob(s, 1, a->bytes, sizeof(a->bytes));
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	if (!read_host(s, out))
		code = renter_damaged(r, "a host", e);
	db_reset(s);
	return code;
}

static void bind_records(struct db_stmt *s, const struct renter_host *h)
{
	uint8_t buf[SHEET_LEN] = {0};
	struct wr w = wr_into(buf, sizeof(buf));

	if (h->has_endpoint) {
		endpoint_put(&w, &h->endpoint);
		db_bind_blob(s, 2, buf, wr_len(&w));
		db_bind_blob(s, 3, h->endpoint_sig, sizeof(h->endpoint_sig));
	} else {
		db_bind_null(s, 2);
		db_bind_null(s, 3);
	}
	w = wr_into(buf, sizeof(buf));
	if (h->has_sheet) {
		sheet_put(&w, &h->sheet);
		db_bind_blob(s, 4, buf, wr_len(&w));
		db_bind_blob(s, 5, h->sheet_sig, sizeof(h->sheet_sig));
	} else {
		db_bind_null(s, 4);
		db_bind_null(s, 5);
	}
}

enum err_code renter_db_set_host(struct renter_db *r,
				 const struct renter_host *h, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_SET_HOST, e);

	if (!s)
		return ERR_DB;
	db_bind_blob(s, 1, h->address.bytes, sizeof(h->address.bytes));
	bind_records(s, h);
	db_bind_int(s, 6, (int64_t)h->good);
	db_bind_int(s, 7, (int64_t)h->bad);
	db_bind_int(s, 8, h->rtt_ms);
	db_bind_int(s, 9, h->seen_s);
	db_bind_int(s, 10, h->shunned);
	return db_run(s, e);
}

enum err_code renter_db_hosts(struct renter_db *r, renter_host_fn *fn,
			      void *ctx, struct err *e)
{
	struct db_stmt *s = r->s[S_HOSTS];
	struct renter_host h;
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!read_host(s, &h)) {
			code = renter_damaged(r, "a host", e);
			break;
		}
		if (!fn(ctx, &h))
			break;
	}
	db_reset(s);
	return code;
}

/* ---- agreements */

static void bind_signed(struct db_stmt *s, int i, const struct agreement *a)
{
	uint8_t buf[AGREEMENT_LEN] = {0};
	struct wr w = wr_into(buf, sizeof(buf));

	agreement_put(&w, a);
	db_bind_blob(s, i, buf, wr_len(&w));
}

static void bind_agreement(struct db_stmt *s, const struct renter_agreement *a)
{
	db_bind_int(s, 1, a->state);
	bind_signed(s, 2, &a->signed_);
	db_bind_blob(s, 3, a->renter_sig, sizeof(a->renter_sig));
	db_bind_blob(s, 4, a->host_sig, sizeof(a->host_sig));
	bind_signed(s, 5, &a->offered);
	db_bind_blob(s, 6, a->offered_sig, sizeof(a->offered_sig));
	if (a->posted)
		db_bind_int(s, 7, a->posted_revision);
	else
		db_bind_null(s, 7);
	db_bind_amount(s, 8, a->fund);
	db_bind_blob(s, 9, a->offered.renter.bytes, 20);
	db_bind_blob(s, 10, a->offered.host.bytes, 20);
	db_bind_int(s, 11, a->offered.number);
}

enum err_code renter_db_add_agreement(struct renter_db *r,
				      struct renter_agreement *a, struct err *e)
{
	struct db_stmt *s = renter_change(r, S_ADD_AGREEMENT, e);
	enum err_code code;

	if (!s)
		return ERR_DB;
	bind_agreement(s, a);
	code = db_run(s, e);
	if (code == ERR_NONE)
		a->id = db_last_id(r->db);
	return code;
}

enum err_code renter_db_set_agreement(struct renter_db *r,
				      const struct renter_agreement *a,
				      struct err *e)
{
	struct db_stmt *s = renter_change(r, S_SET_AGREEMENT, e);

	if (!s)
		return ERR_DB;
	bind_agreement(s, a);
	db_bind_int(s, 12, a->id);
	return renter_run_one(r, s, "agreement", e);
}

static bool read_signed(struct db_stmt *s, int i, struct agreement *out)
{
	uint8_t buf[AGREEMENT_LEN] = {0};
	struct rd r = rd_from(buf, sizeof(buf));

	if (!db_col_bytes(s, i, buf, sizeof(buf)))
		return false;
	agreement_get(&r, out);
	return true;
}

static bool read_agreement(struct db_stmt *s, struct renter_agreement *a)
{
	*a = (struct renter_agreement){
		.id = db_col_int(s, 0),
		.state = (enum renter_agreement_state)db_col_int(s, 1),
		.posted = !db_col_is_null(s, 7),
		.posted_revision = (uint32_t)db_col_int(s, 7),
	};
	return read_signed(s, 2, &a->signed_) &&
	       db_col_bytes(s, 3, a->renter_sig, sizeof(a->renter_sig)) &&
	       db_col_bytes(s, 4, a->host_sig, sizeof(a->host_sig)) &&
	       read_signed(s, 5, &a->offered) &&
	       db_col_bytes(s, 6, a->offered_sig, sizeof(a->offered_sig)) &&
	       db_col_amount(s, 8, &a->fund);
}

enum err_code renter_db_agreements(struct renter_db *r, renter_agreement_fn *fn,
				   void *ctx, struct err *e)
{
	struct db_stmt *s = r->s[S_AGREEMENTS];
	struct renter_agreement a;
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		if (!read_agreement(s, &a)) {
			code = renter_damaged(r, "an agreement", e);
			break;
		}
		if (!fn(ctx, &a))
			break;
	}
	db_reset(s);
	return code;
}
