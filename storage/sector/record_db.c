#include "storage/sector/record_db.h"

#include "storage/sector/sector_db_int.h"

#include <stdlib.h>
#include <string.h>

#define PART 65536U
#define PART_BITS 8U

enum stmt {
	R_FIND,
	R_ADD,
	R_PROLONG,
	R_DELETE,
	R_DELETE_PARTS,
	R_ADD_PART,
	R_PART,
	R_OWNED,
	R_SECTORS,
	R_EXPIRED,
	R_LET_GO,
	R_HEAD,
	R_SET_HEAD,
	R_PROLONG_HEAD,
	R_KEEP_HEADS,
	R_EXPIRE_HEADS,
	R_COUNT
};

#define AGREEMENTS_OF(owner) \
	" FROM agreement WHERE renter = " owner " AND dropped = 0"

static const char *const sql[R_COUNT] = {
	[R_FIND] = "SELECT sequence, size, owner, expires, id FROM placement"
		   " WHERE object = ?1",
	[R_ADD] = "INSERT INTO placement(object, sequence, owner, expires,"
		  " size) VALUES(?1, ?2, ?3, ?4, ?5)",
	[R_PROLONG] = "UPDATE placement SET expires = max(expires, ?2)"
		      " WHERE id = ?1",
	[R_DELETE] = "DELETE FROM placement WHERE id = ?1",
	[R_DELETE_PARTS] =
		"DELETE FROM placement_part WHERE id BETWEEN ?1 AND ?2",
	[R_ADD_PART] = "INSERT INTO placement_part(id, bytes) VALUES(?1, ?2)",
	[R_PART] = "SELECT bytes FROM placement_part WHERE id = ?1",
	[R_OWNED] = "SELECT coalesce(sum(size), 0) FROM placement"
		    " WHERE owner = ?1",
	[R_SECTORS] = "SELECT coalesce(sum(sectors), -1)" AGREEMENTS_OF("?1"),
	[R_EXPIRED] = "SELECT id, owner FROM placement WHERE expires <= ?1"
		      " ORDER BY expires LIMIT 1",
	[R_LET_GO] = "UPDATE placement SET expires = max(expires, ?2)"
		     " WHERE owner = ?1",
	[R_HEAD] = "SELECT sequence, bytes, expires FROM head"
		   " WHERE renter = ?1",
	[R_SET_HEAD] = "INSERT OR REPLACE INTO head(renter, sequence, expires,"
		       " bytes) VALUES(?1, ?2, ?3, ?4)",
	[R_PROLONG_HEAD] = "UPDATE head SET expires = max(expires, ?2)"
			   " WHERE renter = ?1",
	[R_KEEP_HEADS] =
		"UPDATE head SET expires = ?2 WHERE expires <= ?1"
		" AND EXISTS(SELECT 1" AGREEMENTS_OF("head.renter") ")",
	[R_EXPIRE_HEADS] = "DELETE FROM head WHERE expires <= ?1",
};

enum err_code record_db_prepare(struct sector_db *d, struct err *e)
{
	d->record = calloc(R_COUNT, sizeof(struct db_stmt *));
	if (!d->record)
		return err_fail(e, ERR_NOMEM, "statements");
	return db_prepare_all(d->record, d->db, sql, R_COUNT, e);
}

void record_db_unprepare(struct sector_db *d)
{
	if (d->record)
		db_stmts_free(d->record, R_COUNT);
	free(d->record);
	d->record = NULL;
}

static enum err_code check(const struct record_put *p, size_t max,
			   struct err *e)
{
	if (p->len == 0 || p->len > max)
		return err_fail(e, ERR_LIMIT, "a record of %zu bytes", p->len);
	if (p->sequence > RECORD_MAX_SEQUENCE)
		return err_fail(e, ERR_LIMIT, "a sequence beyond 2^63");
	return ERR_NONE;
}

/* --- placement --- */

static enum err_code find(struct sector_db *d, const struct hash32 *object,
			  struct record_info *out, int64_t *id, struct err *e)
{
	struct db_stmt *s = d->record[R_FIND];
	enum err_code code;
	bool row;

	*out = (struct record_info){.size = 0};
	*id = 0;
	db_bind_hash(s, 1, object);
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	out->sequence = (uint64_t)db_col_int(s, 0);
	out->size = (uint32_t)db_col_int(s, 1);
	(void)db_col_bytes(s, 2, out->owner.bytes, sizeof(out->owner.bytes));
	out->expires_s = db_col_int(s, 3);
	*id = db_col_int(s, 4);
	db_reset(s);
	return ERR_NONE;
}

static enum err_code drop(struct sector_db *d, int64_t id, struct err *e)
{
	struct db_stmt *parts = d->record[R_DELETE_PARTS];
	enum err_code code;

	db_bind_int(parts, 1, id << PART_BITS);
	db_bind_int(parts, 2, ((id + 1) << PART_BITS) - 1);
	code = db_run(parts, e);
	if (code != ERR_NONE)
		return code;
	db_bind_int(d->record[R_DELETE], 1, id);
	return db_run(d->record[R_DELETE], e);
}

/* In all agreements of the account; -1: it has none. */
static enum err_code sectors_of(struct sector_db *d,
				const struct address *owner, int64_t *n,
				struct err *e)
{
	db_bind_address(d->record[R_SECTORS], 1, owner);
	return db_number(d->record[R_SECTORS], n, e);
}

/* Whose record is it when p takes the place of what is there? */
static enum err_code heir(struct sector_db *d, const struct record_put *p,
			  const struct record_info *now, struct address *out,
			  struct err *e)
{
	int64_t new_n, old_n = -1;
	enum err_code code = sectors_of(d, &p->owner, &new_n, e);

	if (code == ERR_NONE)
		code = sectors_of(d, &now->owner, &old_n, e);
	*out = new_n < 0 && old_n >= 0 ? now->owner : p->owner;
	return code;
}

static enum err_code add(struct sector_db *d, const struct record_put *p,
			 const struct address *owner, struct err *e)
{
	struct db_stmt *s = d->record[R_ADD], *part = d->record[R_ADD_PART];
	enum err_code code;
	int64_t id;

	db_bind_hash(s, 1, &p->object);
	db_bind_int(s, 2, (int64_t)p->sequence);
	db_bind_address(s, 3, owner);
	db_bind_int(s, 4, p->expires_s);
	db_bind_int(s, 5, (int64_t)p->len);
	code = db_run(s, e);
	id = db_last_id(d->db);
	for (size_t at = 0; at < p->len && code == ERR_NONE; at += PART) {
		size_t n = p->len - at < PART ? p->len - at : PART;

		db_bind_int(part, 1, id << PART_BITS | (int64_t)(at / PART));
		db_bind_blob(part, 2, p->bytes + at, n);
		code = db_run(part, e);
	}
	return code;
}

enum err_code record_put_placement(struct sector_db *d,
				   const struct record_put *p, bool *stored,
				   struct err *e)
{
	struct record_info now;
	struct address owner = p->owner;
	enum err_code code = check(p, RECORD_MAX_PLACEMENT, e);
	int64_t id;

	*stored = false;
	if (code == ERR_NONE)
		code = find(d, &p->object, &now, &id, e);
	if (code != ERR_NONE)
		return code;
	if (now.size && p->sequence < now.sequence)
		return ERR_NONE;
	if (now.size && p->sequence == now.sequence) {
		db_bind_int(d->record[R_PROLONG], 1, id);
		db_bind_int(d->record[R_PROLONG], 2, p->expires_s);
		return db_run(d->record[R_PROLONG], e);
	}
	*stored = true;
	if (now.size)
		code = heir(d, p, &now, &owner, e);
	if (code == ERR_NONE && now.size)
		code = drop(d, id, e);
	return code == ERR_NONE ? add(d, p, &owner, e) : code;
}

enum err_code record_placement(struct sector_db *d, const struct hash32 *object,
			       struct record_info *out, struct err *e)
{
	int64_t id;

	return find(d, object, out, &id, e);
}

/* Copies what of the range lies in one part. */
static enum err_code read_part(struct sector_db *d, int64_t id, uint32_t at,
			       uint8_t *out, uint32_t max, uint32_t *n,
			       struct err *e)
{
	struct db_stmt *s = d->record[R_PART];
	uint32_t skip = at % PART;
	const uint8_t *p;
	enum err_code code;
	size_t len;
	bool row;

	db_bind_int(s, 1, id << PART_BITS | (int64_t)(at / PART));
	code = db_step(s, &row, e);
	if (code != ERR_NONE)
		return code;
	p = row ? db_col_blob(s, 0, &len) : NULL;
	if (!p || len <= skip) {
		db_reset(s);
		return err_fail(e, ERR_DB, "a record has a hole");
	}
	*n = (uint32_t)(len - skip) < max ? (uint32_t)(len - skip) : max;
	memcpy(out, p + skip, *n);
	db_reset(s);
	return ERR_NONE;
}

enum err_code record_read_placement(struct sector_db *d,
				    const struct hash32 *object,
				    uint64_t sequence, uint32_t offset,
				    uint8_t *out, uint32_t *len, struct err *e)
{
	uint32_t max = *len;
	struct record_info now;
	enum err_code code;
	int64_t id;

	*len = 0;
	code = find(d, object, &now, &id, e);
	if (code == ERR_NONE && (now.size == 0 || now.sequence != sequence))
		return err_fail(e, ERR_STATE, "that record is not here");
	while (code == ERR_NONE && *len < max && offset < now.size) {
		uint32_t n = 0;

		code = read_part(d, id, offset, out + *len, max - *len, &n, e);
		*len += n;
		offset += n;
	}
	return code;
}

enum err_code record_owned(struct sector_db *d, const struct address *owner,
			   uint64_t *bytes, struct err *e)
{
	struct db_stmt *s = d->record[R_OWNED];
	int64_t n;
	enum err_code code;

	db_bind_address(s, 1, owner);
	code = db_number(s, &n, e);
	*bytes = (uint64_t)n;
	return code;
}

enum err_code record_let_go(struct sector_db *d, const struct address *owner,
			    int64_t expires_s, struct err *e)
{
	static const enum stmt each[] = {R_LET_GO, R_PROLONG_HEAD};
	int64_t sectors;
	enum err_code code = sectors_of(d, owner, &sectors, e);

	for (size_t i = 0; i < 2 && code == ERR_NONE && sectors < 0; i++) {
		db_bind_address(d->record[each[i]], 1, owner);
		db_bind_int(d->record[each[i]], 2, expires_s);
		code = db_run(d->record[each[i]], e);
	}
	return code;
}

/* Sectors are paid for; more than them may ask for no room of its own. */
static enum err_code is_kept(struct sector_db *d, const struct address *owner,
			     bool *kept, struct err *e)
{
	int64_t sectors = 0;
	uint64_t bytes = 0;
	enum err_code code = sectors_of(d, owner, &sectors, e);

	if (code == ERR_NONE && sectors >= 0)
		code = record_owned(d, owner, &bytes, e);
	*kept = sectors >= 0 && bytes <= ((uint64_t)sectors + 1) * RECORD_ROOM;
	return code;
}

/* The next whose time has come; *any false: there is none. */
static enum err_code expire_one(struct sector_db *d, int64_t now_s, bool *any,
				struct err *e)
{
	struct db_stmt *s = d->record[R_EXPIRED];
	struct address owner;
	enum err_code code;
	bool kept = false;
	int64_t id;

	db_bind_int(s, 1, now_s);
	code = db_step(s, any, e);
	if (code != ERR_NONE || !*any)
		return code;
	id = db_col_int(s, 0);
	(void)db_col_bytes(s, 1, owner.bytes, sizeof(owner.bytes));
	db_reset(s);
	code = is_kept(d, &owner, &kept, e);
	if (code != ERR_NONE || !kept)
		return code == ERR_NONE ? drop(d, id, e) : code;
	db_bind_int(d->record[R_PROLONG], 1, id);
	db_bind_int(d->record[R_PROLONG], 2, now_s + RECORD_LASTS_S);
	return db_run(d->record[R_PROLONG], e);
}

enum err_code record_expire(struct sector_db *d, int64_t now_s, uint32_t max,
			    uint32_t *n, struct err *e)
{
	enum err_code code;
	bool any = true;

	db_bind_int(d->record[R_KEEP_HEADS], 1, now_s);
	db_bind_int(d->record[R_KEEP_HEADS], 2, now_s + RECORD_LASTS_S);
	code = db_run(d->record[R_KEEP_HEADS], e);
	db_bind_int(d->record[R_EXPIRE_HEADS], 1, now_s);
	if (code == ERR_NONE)
		code = db_run(d->record[R_EXPIRE_HEADS], e);
	for (*n = 0; *n < max && code == ERR_NONE; ++*n) {
		code = expire_one(d, now_s, &any, e);
		if (!any)
			break;
	}
	return code;
}

/* --- heads --- */

enum err_code record_head(struct sector_db *d, const struct address *renter,
			  struct record_info *info, uint8_t *out, struct err *e)
{
	struct db_stmt *s = d->record[R_HEAD];
	enum err_code code;
	const uint8_t *p;
	size_t len;
	bool row;

	*info = (struct record_info){.owner = *renter};
	db_bind_address(s, 1, renter);
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	p = db_col_blob(s, 1, &len);
	if (p && len <= RECORD_MAX_HEAD) {
		memcpy(out, p, len);
		info->size = (uint32_t)len;
		info->sequence = (uint64_t)db_col_int(s, 0);
		info->expires_s = db_col_int(s, 2);
	}
	db_reset(s);
	return ERR_NONE;
}

enum err_code record_put_head(struct sector_db *d, const struct record_put *p,
			      bool *stored, struct err *e)
{
	uint8_t bytes[RECORD_MAX_HEAD];
	struct record_info now;
	struct db_stmt *s;
	enum err_code code = check(p, RECORD_MAX_HEAD, e);

	*stored = false;
	if (code == ERR_NONE)
		code = record_head(d, &p->owner, &now, bytes, e);
	if (code != ERR_NONE || (now.size && p->sequence < now.sequence))
		return code;
	*stored = !now.size || p->sequence > now.sequence;
	s = d->record[*stored ? R_SET_HEAD : R_PROLONG_HEAD];
	db_bind_address(s, 1, &p->owner);
	if (*stored) {
		db_bind_int(s, 2, (int64_t)p->sequence);
		db_bind_int(s, 3, p->expires_s);
		db_bind_blob(s, 4, p->bytes, p->len);
	} else {
		db_bind_int(s, 2, p->expires_s);
	}
	return db_run(s, e);
}
