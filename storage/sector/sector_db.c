#include "storage/sector/sector_db.h"

#include "base/rng.h"
#include "storage/sector/sector_db_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION_ID 0x73627363 /* "sbsc" */
#define CHUNK_BYTES (SECTOR_CHUNK_SLOTS / 8)

enum stmt {
	S_NAME,
	S_SET_NAME,
	S_VOLUMES,
	S_VOLUME_COUNT,
	S_VOLUME_ADD,
	S_VOLUME_SIZE,
	S_VOLUME_SICK,
	S_VOLUME_FORGET_TAKEN,
	S_VOLUME_FORGET_RETIRED,
	S_VOLUME_DROP,
	S_VOLUME_COUNTS,
	S_SCRUBBED,
	S_CHUNKS,
	S_CHUNK,
	S_SET_CHUNK,
	S_RETIRE,
	S_RETIRED_FROM,
	S_RETIRED_COUNT,
	S_UNRETIRE,
	S_FIND,
	S_ADD,
	S_PLACE,
	S_LOSE,
	S_REFS,
	S_DELETE,
	S_NOTE_LOST,
	S_UNNOTE_LOST,
	S_STAGE,
	S_RESTAGE,
	S_UNSTAGE,
	S_STAGED,
	S_EXPIRED,
	S_FROM,
	S_TOTALS,
	S_COUNT
};

static const char *const sql[S_COUNT] = {
	[S_NAME] = "SELECT name FROM store",
	[S_SET_NAME] = "INSERT OR IGNORE INTO store(id, name) VALUES(1, ?1)",
	[S_VOLUMES] = "SELECT id, name, dir, slots, want, used, retired, sick,"
		      " scrub, scrubbed FROM volume ORDER BY id",
	[S_VOLUME_COUNT] = "SELECT count(*) FROM volume",
	[S_VOLUME_ADD] = "INSERT INTO volume(dir, name, slots, want, used,"
			 " retired, sick, scrub, scrubbed)"
			 " VALUES(?1, ?2, 0, 0, 0, 0, 0, 0, 0)",
	[S_VOLUME_SIZE] =
		"UPDATE volume SET slots = ?2, want = ?3 WHERE id = ?1",
	[S_VOLUME_SICK] = "UPDATE volume SET sick = ?2 WHERE id = ?1",
	[S_VOLUME_FORGET_TAKEN] = "DELETE FROM taken WHERE volume = ?1",
	[S_VOLUME_FORGET_RETIRED] = "DELETE FROM retired WHERE volume = ?1",
	[S_VOLUME_DROP] = "DELETE FROM volume WHERE id = ?1 AND used = 0",
	[S_VOLUME_COUNTS] = "UPDATE volume SET used = used + ?2,"
			    " retired = retired + ?3 WHERE id = ?1",
	[S_SCRUBBED] = "UPDATE volume SET scrub = ?2, scrubbed ="
		       " CASE ?3 WHEN 0 THEN scrubbed ELSE ?3 END"
		       " WHERE id = ?1",
	[S_CHUNKS] = "SELECT chunk, bits FROM taken WHERE volume = ?1",
	[S_CHUNK] = "SELECT bits FROM taken WHERE volume = ?1 AND chunk = ?2",
	[S_SET_CHUNK] = "INSERT OR REPLACE INTO taken(volume, chunk, bits)"
			" VALUES(?1, ?2, ?3)",
	[S_RETIRE] = "INSERT INTO retired(volume, slot) VALUES(?1, ?2)",
	[S_RETIRED_FROM] = "SELECT slot FROM retired"
			   " WHERE volume = ?1 AND slot >= ?2"
			   " ORDER BY slot LIMIT 1",
	[S_RETIRED_COUNT] = "SELECT count(*) FROM retired"
			    " WHERE volume = ?1 AND slot >= ?2",
	[S_UNRETIRE] = "DELETE FROM retired WHERE volume = ?1 AND slot = ?2",
	[S_FIND] = "SELECT volume, slot, refs FROM sector WHERE root = ?1",
	[S_ADD] = "INSERT INTO sector(root, volume, slot, refs)"
		  " VALUES(?1, ?2, ?3, 1)",
	[S_PLACE] = "UPDATE sector SET volume = ?2, slot = ?3 WHERE root = ?1",
	[S_LOSE] = "UPDATE sector SET volume = NULL, slot = NULL"
		   " WHERE root = ?1 AND volume = ?2 AND slot = ?3",
	[S_REFS] = "UPDATE sector SET refs = refs + ?2 WHERE root = ?1",
	[S_DELETE] = "DELETE FROM sector WHERE root = ?1",
	[S_NOTE_LOST] = "INSERT INTO lost(root, noted) VALUES(?1, ?2)",
	[S_UNNOTE_LOST] = "DELETE FROM lost WHERE root = ?1",
	[S_STAGE] = "INSERT OR IGNORE INTO staged(owner, root, expires)"
		    " VALUES(?1, ?2, ?3)",
	[S_RESTAGE] = "UPDATE staged SET expires = max(expires, ?3)"
		      " WHERE owner = ?1 AND root = ?2",
	[S_UNSTAGE] = "DELETE FROM staged WHERE owner = ?1 AND root = ?2",
	[S_STAGED] = "SELECT count(*) FROM staged WHERE owner = ?1",
	[S_EXPIRED] = "SELECT owner, root FROM staged WHERE expires <= ?1"
		      " ORDER BY expires LIMIT 1",
	[S_FROM] = "SELECT root, slot FROM sector"
		   " WHERE volume = ?1 AND slot >= ?2 ORDER BY slot LIMIT ?3",
	[S_TOTALS] = "SELECT (SELECT coalesce(sum(used), 0) FROM volume),"
		     " (SELECT count(*) FROM lost),"
		     " (SELECT count(*) FROM staged),"
		     " (SELECT count(*) FROM agreement WHERE dropped = 0),"
		     " (SELECT coalesce(sum(size), 0) FROM placement) +"
		     " (SELECT coalesce(sum(length(bytes)), 0) FROM head)",
};

void sector_freed_clear(struct sector_freed *f)
{
	free(f->at);
	*f = (struct sector_freed){0};
}

/* --- opening --- */

static enum err_code give_name(struct sector_db *d, struct err *e)
{
	struct rng rng = rng_system();
	uint8_t name[16];

	rng_fill(&rng, name, sizeof(name));
	db_bind_blob(d->sector[S_SET_NAME], 1, name, sizeof(name));
	return db_run(d->sector[S_SET_NAME], e);
}

static enum err_code prepare(struct sector_db *d, struct err *e)
{
	enum err_code code;

	d->sector = calloc(S_COUNT, sizeof(struct db_stmt *));
	if (!d->sector)
		return err_fail(e, ERR_NOMEM, "statements");
	code = db_prepare_all(d->sector, d->db, sql, S_COUNT, e);
	if (code == ERR_NONE)
		code = list_db_prepare(d, e);
	if (code == ERR_NONE)
		code = record_db_prepare(d, e);
	return code;
}

enum err_code sector_db_open(struct sector_db **out, const char *path,
			     bool make, struct err *e)
{
	const struct db_cfg cfg = {
		.path = path,
		.application_id = APPLICATION_ID,
		.migrations = sector_migrations,
		.migration_count = sector_migration_count,
	};
	struct sector_db *d;
	enum err_code code;

	*out = NULL;
	if (!make && access(path, F_OK) != 0)
		return err_fail(e, ERR_IO, "%s: %s", path, strerror(errno));
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_fail(e, ERR_NOMEM, "the sectors' index");
	code = db_open(&d->db, &cfg, e);
	if (code == ERR_NONE)
		code = prepare(d, e);
	if (code == ERR_NONE && make)
		code = give_name(d, e);
	if (code != ERR_NONE) {
		sector_db_close(d);
		return code;
	}
	*out = d;
	return ERR_NONE;
}

void sector_db_close(struct sector_db *d)
{
	if (!d)
		return;
	record_db_unprepare(d);
	list_db_unprepare(d);
	if (d->sector)
		db_stmts_free(d->sector, S_COUNT);
	free(d->sector);
	db_close(d->db);
	free(d);
}

const char *sector_db_path(const struct sector_db *d)
{
	return db_path(d->db);
}

enum err_code sector_db_copy(struct sector_db *d, const char *path,
			     struct err *e)
{
	return db_copy_to(d->db, path, e);
}

enum err_code sector_db_name(struct sector_db *d, uint8_t name[16],
			     struct err *e)
{
	struct db_stmt *s = d->sector[S_NAME];
	bool row;
	enum err_code code = db_step(s, &row, e);

	memset(name, 0, 16);
	if (code != ERR_NONE)
		return code;
	if (!row || !db_col_bytes(s, 0, name, 16))
		code = err_fail(e, ERR_DB, "the index has no name");
	db_reset(s);
	return code;
}

enum err_code sector_db_begin(struct sector_db *d, struct err *e)
{
	return db_begin(d->db, e);
}

enum err_code sector_db_commit(struct sector_db *d, struct err *e)
{
	return db_commit(d->db, e);
}

void sector_db_rollback(struct sector_db *d)
{
	db_rollback(d->db);
}

enum err_code sector_db_mark(struct sector_db *d, struct err *e)
{
	return db_mark(d->db, e);
}

void sector_db_mark_keep(struct sector_db *d)
{
	db_mark_keep(d->db);
}

void sector_db_mark_undo(struct sector_db *d)
{
	db_mark_undo(d->db);
}

/* --- volumes --- */

enum err_code sector_db_volumes(struct sector_db *d, sector_volume_fn *fn,
				void *ctx, struct err *e)
{
	struct db_stmt *s = d->sector[S_VOLUMES];
	enum err_code code;
	bool row;

	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		struct sector_volume v = {
			.id = (uint32_t)db_col_int(s, 0),
			.dir = db_col_text(s, 2),
			.slots = (uint32_t)db_col_int(s, 3),
			.want = (uint32_t)db_col_int(s, 4),
			.used = (uint32_t)db_col_int(s, 5),
			.retired = (uint32_t)db_col_int(s, 6),
			.sick = db_col_int(s, 7) != 0,
			.scrub = (uint32_t)db_col_int(s, 8),
			.scrubbed_s = db_col_int(s, 9),
		};

		(void)db_col_bytes(s, 1, v.name.volume, sizeof(v.name.volume));
		fn(ctx, &v);
	}
	return code;
}

enum err_code sector_db_volume_add(struct sector_db *d, const char *dir,
				   const uint8_t name[16], uint32_t *id,
				   struct err *e)
{
	struct db_stmt *s = d->sector[S_VOLUME_ADD];
	int64_t count;
	enum err_code code;

	*id = 0;
	code = db_number(d->sector[S_VOLUME_COUNT], &count, e);
	if (code != ERR_NONE)
		return code;
	if (count >= SECTOR_MAX_VOLUMES || strlen(dir) > SECTOR_MAX_DIR)
		return err_fail(e, ERR_LIMIT, "more than %u volumes",
				SECTOR_MAX_VOLUMES);
	db_bind_text(s, 1, dir);
	db_bind_blob(s, 2, name, 16);
	code = db_run(s, e);
	*id = (uint32_t)db_last_id(d->db);
	return code;
}

/* Runs a statement that must change one row. */
static enum err_code run_one(struct sector_db *d, struct db_stmt *s,
			     struct err *e)
{
	enum err_code code = db_run(s, e);

	if (code == ERR_NONE && db_changes(d->db) != 1)
		return err_fail(e, ERR_STATE, "the index has no such row");
	return code;
}

enum err_code sector_db_volume_size(struct sector_db *d, uint32_t id,
				    uint32_t slots, uint32_t want,
				    struct err *e)
{
	struct db_stmt *s = d->sector[S_VOLUME_SIZE];

	db_bind_int(s, 1, id);
	db_bind_int(s, 2, slots);
	db_bind_int(s, 3, want);
	return run_one(d, s, e);
}

enum err_code sector_db_volume_sick(struct sector_db *d, uint32_t id, bool sick,
				    struct err *e)
{
	struct db_stmt *s = d->sector[S_VOLUME_SICK];

	db_bind_int(s, 1, id);
	db_bind_int(s, 2, sick);
	return run_one(d, s, e);
}

enum err_code sector_db_volume_drop(struct sector_db *d, uint32_t id,
				    struct err *e)
{
	static const enum stmt all[] = {S_VOLUME_FORGET_TAKEN,
					S_VOLUME_FORGET_RETIRED, S_VOLUME_DROP};
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i < 3 && code == ERR_NONE; i++) {
		db_bind_int(d->sector[all[i]], 1, id);
		code = db_run(d->sector[all[i]], e);
	}
	if (code == ERR_NONE && db_changes(d->db) != 1)
		code = err_fail(e, ERR_STATE, "sectors are in this volume");
	return code;
}

enum err_code sector_db_scrubbed(struct sector_db *d, uint32_t id,
				 uint32_t next, int64_t done_s, struct err *e)
{
	struct db_stmt *s = d->sector[S_SCRUBBED];

	db_bind_int(s, 1, id);
	db_bind_int(s, 2, next);
	db_bind_int(s, 3, done_s);
	return run_one(d, s, e);
}

enum err_code sector_db_taken(struct sector_db *d, uint32_t id,
			      sector_chunk_fn *fn, void *ctx, struct err *e)
{
	struct db_stmt *s = d->sector[S_CHUNKS];
	enum err_code code;
	bool row;

	db_bind_int(s, 1, id);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		size_t len;
		const uint8_t *bits = db_col_blob(s, 1, &len);

		if (len == CHUNK_BYTES)
			fn(ctx, (uint32_t)db_col_int(s, 0), bits);
	}
	return code;
}

/* --- slots --- */

static enum err_code counts(struct sector_db *d, uint32_t volume, int used,
			    int retired, struct err *e)
{
	struct db_stmt *s = d->sector[S_VOLUME_COUNTS];

	db_bind_int(s, 1, volume);
	db_bind_int(s, 2, used);
	db_bind_int(s, 3, retired);
	return run_one(d, s, e);
}

static enum err_code set_bit(struct sector_db *d, const struct sector_at *at,
			     bool on, struct err *e)
{
	uint32_t chunk = at->slot / SECTOR_CHUNK_SLOTS;
	uint32_t bit = at->slot % SECTOR_CHUNK_SLOTS;
	uint8_t mask = (uint8_t)(1U << bit % 8), bits[CHUNK_BYTES] = {0};
	struct db_stmt *s = d->sector[S_CHUNK];
	enum err_code code;
	bool row;

	db_bind_int(s, 1, at->volume);
	db_bind_int(s, 2, chunk);
	code = db_step(s, &row, e);
	if (code != ERR_NONE)
		return code;
	if (row)
		(void)db_col_bytes(s, 0, bits, sizeof(bits));
	db_reset(s);
	if (((bits[bit / 8] & mask) != 0) == on)
		return err_fail(e, ERR_DB, "slot %u of volume %u is %s already",
				at->slot, at->volume, on ? "taken" : "free");
	bits[bit / 8] ^= mask;
	s = d->sector[S_SET_CHUNK];
	db_bind_int(s, 1, at->volume);
	db_bind_int(s, 2, chunk);
	db_bind_blob(s, 3, bits, sizeof(bits));
	return db_run(s, e);
}

static enum err_code take_slot(struct sector_db *d, const struct sector_at *at,
			       struct err *e)
{
	enum err_code code = set_bit(d, at, true, e);

	return code == ERR_NONE ? counts(d, at->volume, 1, 0, e) : code;
}

static enum err_code push_freed(struct sector_freed *f,
				const struct sector_at *at, struct err *e)
{
	if (f->n == f->cap) {
		size_t more = f->cap ? f->cap * 2 : 16;
		struct sector_at *p = realloc(f->at, more * sizeof(*p));

		if (!p)
			return err_fail(e, ERR_NOMEM, "freed slots");
		f->at = p;
		f->cap = more;
	}
	f->at[f->n++] = *at;
	return ERR_NONE;
}

static enum err_code free_slot(struct sector_db *d, const struct sector_at *at,
			       struct sector_freed *freed, struct err *e)
{
	enum err_code code = set_bit(d, at, false, e);

	if (code == ERR_NONE)
		code = counts(d, at->volume, -1, 0, e);
	return code == ERR_NONE ? push_freed(freed, at, e) : code;
}

enum err_code sector_db_retired(struct sector_db *d, uint32_t volume,
				uint32_t slot, uint32_t *n, struct err *e)
{
	struct db_stmt *s = d->sector[S_RETIRED_COUNT];
	enum err_code code;
	int64_t count;

	db_bind_int(s, 1, volume);
	db_bind_int(s, 2, slot);
	code = db_number(s, &count, e);
	*n = (uint32_t)count;
	return code;
}

enum err_code sector_db_unretire(struct sector_db *d, uint32_t volume,
				 uint32_t slot, struct err *e)
{
	struct db_stmt *find = d->sector[S_RETIRED_FROM];
	struct db_stmt *forget = d->sector[S_UNRETIRE];
	enum err_code code = ERR_NONE;
	bool row = true;

	while (code == ERR_NONE && row) {
		struct sector_at at = {.volume = volume};

		db_bind_int(find, 1, volume);
		db_bind_int(find, 2, slot);
		code = db_step(find, &row, e);
		if (code != ERR_NONE || !row)
			break;
		at.slot = (uint32_t)db_col_int(find, 0);
		db_reset(find);
		db_bind_int(forget, 1, volume);
		db_bind_int(forget, 2, at.slot);
		code = db_run(forget, e);
		if (code == ERR_NONE)
			code = set_bit(d, &at, false, e);
		if (code == ERR_NONE)
			code = counts(d, volume, 0, -1, e);
	}
	return code;
}

/* --- sectors --- */

static enum err_code find(struct sector_db *d, const struct hash32 *root,
			  struct sector_found *out, int64_t *refs,
			  struct err *e)
{
	struct db_stmt *s = d->sector[S_FIND];
	enum err_code code;
	bool row;

	*out = (struct sector_found){.state = SECTOR_NONE};
	*refs = 0;
	db_bind_hash(s, 1, root);
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	out->state = db_col_is_null(s, 0) ? SECTOR_LOST : SECTOR_THERE;
	out->at.volume = (uint32_t)db_col_int(s, 0);
	out->at.slot = (uint32_t)db_col_int(s, 1);
	*refs = db_col_int(s, 2);
	db_reset(s);
	return ERR_NONE;
}

enum err_code sector_db_find(struct sector_db *d, const struct hash32 *root,
			     struct sector_found *out, struct err *e)
{
	int64_t refs;

	return find(d, root, out, &refs, e);
}

static enum err_code add_refs(struct sector_db *d, const struct hash32 *root,
			      int n, struct err *e)
{
	struct db_stmt *s = d->sector[S_REFS];

	db_bind_hash(s, 1, root);
	db_bind_int(s, 2, n);
	return run_one(d, s, e);
}

static enum err_code absent(struct err *e)
{
	return err_fail(e, ERR_STATE, "the sector is not here");
}

enum err_code sector_db_ref(struct sector_db *d, const struct hash32 *root,
			    bool here, struct err *e)
{
	struct sector_found found;
	enum err_code code;
	int64_t refs;

	code = find(d, root, &found, &refs, e);
	if (code != ERR_NONE)
		return code;
	if (found.state == SECTOR_NONE || (here && found.state == SECTOR_LOST))
		return absent(e);
	return add_refs(d, root, 1, e);
}

enum err_code sector_db_unref(struct sector_db *d, const struct hash32 *root,
			      struct sector_freed *freed, struct err *e)
{
	struct sector_found found;
	enum err_code code;
	int64_t refs;

	code = find(d, root, &found, &refs, e);
	if (code != ERR_NONE)
		return code;
	if (found.state == SECTOR_NONE)
		return err_fail(e, ERR_DB, "a sector in use is not listed");
	if (refs > 1)
		return add_refs(d, root, -1, e);
	db_bind_hash(d->sector[S_DELETE], 1, root); /* and from `lost` */
	code = run_one(d, d->sector[S_DELETE], e);
	if (code == ERR_NONE && found.state == SECTOR_THERE)
		code = free_slot(d, &found.at, freed, e);
	return code;
}

static enum err_code run_staged(struct sector_db *d, enum stmt which,
				const struct hash32 *root,
				const struct address *owner, int64_t expires_s,
				bool *changed, struct err *e)
{
	struct db_stmt *s = d->sector[which];
	enum err_code code;

	db_bind_address(s, 1, owner);
	db_bind_hash(s, 2, root);
	if (which != S_UNSTAGE)
		db_bind_int(s, 3, expires_s);
	code = db_run(s, e);
	*changed = code == ERR_NONE && db_changes(d->db) > 0;
	return code;
}

enum err_code sector_db_unstage(struct sector_db *d, const struct hash32 *root,
				const struct address *owner, bool *was,
				struct err *e)
{
	return run_staged(d, S_UNSTAGE, root, owner, 0, was, e);
}

/* Writes where the sector is; its slot is taken. */
static enum err_code place_in(struct sector_db *d, enum stmt which,
			      const struct hash32 *root,
			      const struct sector_at *at, struct err *e)
{
	struct db_stmt *s = d->sector[which];
	enum err_code code;

	db_bind_hash(s, 1, root);
	db_bind_int(s, 2, at->volume);
	db_bind_int(s, 3, at->slot);
	code = run_one(d, s, e);
	return code == ERR_NONE ? take_slot(d, at, e) : code;
}

static enum err_code place_lost(struct sector_db *d, const struct hash32 *root,
				const struct sector_at *at, struct err *e)
{
	enum err_code code = place_in(d, S_PLACE, root, at, e);

	if (code != ERR_NONE)
		return code;
	db_bind_hash(d->sector[S_UNNOTE_LOST], 1, root);
	return run_one(d, d->sector[S_UNNOTE_LOST], e);
}

enum err_code sector_db_stage(struct sector_db *d, const struct hash32 *root,
			      const struct sector_at *at,
			      const struct address *owner, int64_t expires_s,
			      bool *placed, struct err *e)
{
	struct sector_found found;
	bool fresh, same;
	enum err_code code;
	int64_t refs;

	*placed = false;
	code = find(d, root, &found, &refs, e);
	if (code != ERR_NONE)
		return code;
	if (!at && found.state != SECTOR_THERE)
		return absent(e);
	*placed = found.state != SECTOR_THERE;
	if (found.state == SECTOR_NONE)
		code = place_in(d, S_ADD, root, at, e); /* its ref is ours */
	else if (found.state == SECTOR_LOST)
		code = place_lost(d, root, at, e);
	if (code == ERR_NONE)
		code = run_staged(d, S_STAGE, root, owner, expires_s, &fresh,
				  e);
	if (code == ERR_NONE && !fresh)
		return run_staged(d, S_RESTAGE, root, owner, expires_s, &same,
				  e);
	if (code == ERR_NONE && found.state != SECTOR_NONE)
		code = add_refs(d, root, 1, e);
	return code;
}

enum err_code sector_db_staged(struct sector_db *d, const struct address *owner,
			       uint32_t *count, struct err *e)
{
	int64_t n;
	enum err_code code;

	db_bind_address(d->sector[S_STAGED], 1, owner);
	code = db_number(d->sector[S_STAGED], &n, e);
	*count = (uint32_t)n;
	return code;
}

enum err_code sector_db_expire(struct sector_db *d, int64_t now_s, uint32_t max,
			       uint32_t *n, struct sector_freed *freed,
			       struct err *e)
{
	struct db_stmt *s = d->sector[S_EXPIRED];
	enum err_code code = ERR_NONE;

	for (*n = 0; *n < max && code == ERR_NONE; ++*n) {
		struct address owner;
		struct hash32 root;
		bool row;

		db_bind_int(s, 1, now_s);
		code = db_step(s, &row, e);
		if (code != ERR_NONE || !row)
			break;
		(void)db_col_bytes(s, 0, owner.bytes, sizeof(owner.bytes));
		(void)db_col_bytes(s, 1, root.bytes, sizeof(root.bytes));
		db_reset(s);
		code = sector_db_unstage(d, &root, &owner, &row, e);
		if (code == ERR_NONE)
			code = sector_db_unref(d, &root, freed, e);
	}
	return code;
}

enum err_code sector_db_lose(struct sector_db *d, const struct hash32 *root,
			     const struct sector_at *at, int64_t now_s,
			     bool *lost, struct err *e)
{
	struct db_stmt *s = d->sector[S_LOSE];
	enum err_code code;

	db_bind_hash(s, 1, root);
	db_bind_int(s, 2, at->volume);
	db_bind_int(s, 3, at->slot);
	code = db_run(s, e);
	*lost = code == ERR_NONE && db_changes(d->db) == 1;
	if (code != ERR_NONE || !*lost)
		return code;
	db_bind_hash(d->sector[S_NOTE_LOST], 1, root);
	db_bind_int(d->sector[S_NOTE_LOST], 2, now_s);
	code = db_run(d->sector[S_NOTE_LOST], e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(d->sector[S_RETIRE], 1, at->volume);
	db_bind_int(d->sector[S_RETIRE], 2, at->slot);
	code = db_run(d->sector[S_RETIRE], e);
	return code == ERR_NONE ? counts(d, at->volume, -1, 1, e) : code;
}

enum err_code sector_db_move(struct sector_db *d, const struct hash32 *root,
			     const struct sector_at *from,
			     const struct sector_at *to, bool *moved,
			     struct sector_freed *freed, struct err *e)
{
	struct sector_found found;
	enum err_code code = sector_db_find(d, root, &found, e);

	*moved = code == ERR_NONE && found.state == SECTOR_THERE &&
		 found.at.volume == from->volume && found.at.slot == from->slot;
	if (!*moved)
		return code;
	code = place_in(d, S_PLACE, root, to, e);
	return code == ERR_NONE ? free_slot(d, from, freed, e) : code;
}

enum err_code sector_db_from(struct sector_db *d, uint32_t volume,
			     uint32_t slot, struct sector_in *out, size_t max,
			     size_t *n, struct err *e)
{
	struct db_stmt *s = d->sector[S_FROM];
	enum err_code code;
	bool row;

	*n = 0;
	db_bind_int(s, 1, volume);
	db_bind_int(s, 2, slot);
	db_bind_int(s, 3, (int64_t)max);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		(void)db_col_bytes(s, 0, out[*n].root.bytes, 32);
		out[(*n)++].slot = (uint32_t)db_col_int(s, 1);
	}
	return code;
}

enum err_code sector_db_totals(struct sector_db *d, struct sector_totals *out,
			       struct err *e)
{
	struct db_stmt *s = d->sector[S_TOTALS];
	bool row;
	enum err_code code = db_step(s, &row, e);

	*out = (struct sector_totals){0};
	if (code != ERR_NONE || !row)
		return code;
	out->sectors = (uint64_t)db_col_int(s, 0);
	out->lost = (uint64_t)db_col_int(s, 1);
	out->staged = (uint64_t)db_col_int(s, 2);
	out->agreements = (uint64_t)db_col_int(s, 3);
	out->record_bytes = (uint64_t)db_col_int(s, 4);
	db_reset(s);
	return ERR_NONE;
}
