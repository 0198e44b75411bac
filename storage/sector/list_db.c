#include "storage/sector/list_db.h"

#include "base/hash.h"
#include "storage/sector/list_db_int.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL_BITS 20U
#define AGREEMENT_BITS 24U

enum stmt {
	L_FIND,
	L_EACH,
	L_ADD,
	L_SAVE,
	L_SETTLE,
	L_DROP,
	L_TO_PURGE,
	L_PURGED,
	L_FORGET,
	L_LOAD,
	L_STORE,
	L_DELETE,
	L_DELETE_RANGE,
	L_LAST,
	L_ADD_VERSION,
	L_FIND_VERSION,
	L_DROP_VERSIONS,
	L_ADD_WAS,
	L_ANY_WAS,
	L_WAS,
	L_FIRST_WAS,
	L_DROP_WAS,
	L_LOST_COUNT,
	L_LOST,
	L_COUNT
};

#define AGREEMENT_COLUMNS \
	"SELECT id, renter, host, number, revision, sectors, root, settled," \
	" old, keep, signed FROM agreement "

static const char *const sql[L_COUNT] = {
	[L_FIND] = AGREEMENT_COLUMNS
	"WHERE renter = ?1 AND host = ?2 AND number = ?3 AND dropped = 0",
	[L_EACH] = AGREEMENT_COLUMNS
	"WHERE (renter, host, number) > (?1, ?2, ?3) AND dropped = 0"
	" ORDER BY renter, host, number LIMIT ?4",
	[L_ADD] = "INSERT INTO agreement(renter, host, number, dropped,"
		  " revision, sectors, root, settled, old, keep, purge, signed)"
		  " VALUES(?1, ?2, ?3, 0, ?4, ?5, ?6, 0, 0, ?7, 0, ?8)",
	[L_SAVE] = "UPDATE agreement SET revision = ?2, sectors = ?3,"
		   " root = ?4, old = ?5, keep = ?6, signed = ?7"
		   " WHERE id = ?1",
	[L_SETTLE] = "UPDATE agreement SET settled = ?2, purge = 1"
		     " WHERE id = ?1",
	[L_DROP] = "UPDATE agreement SET dropped = 1, purge = 1 WHERE id = ?1",
	[L_TO_PURGE] = "SELECT id, dropped, settled FROM agreement"
		       " WHERE purge = 1 LIMIT 1",
	[L_PURGED] = "UPDATE agreement SET old = old - ?2, purge = ?3"
		     " WHERE id = ?1",
	[L_FORGET] = "DELETE FROM agreement WHERE id = ?1",
	[L_LOAD] = "SELECT nodes FROM list WHERE id = ?1",
	[L_STORE] = "INSERT OR REPLACE INTO list(id, nodes) VALUES(?1, ?2)",
	[L_DELETE] = "DELETE FROM list WHERE id = ?1",
	[L_DELETE_RANGE] = "DELETE FROM list WHERE id BETWEEN ?1 AND ?2",
	[L_LAST] = "SELECT id, nodes FROM list WHERE id BETWEEN ?1 AND ?2"
		   " ORDER BY id DESC LIMIT 1",
	[L_ADD_VERSION] = "INSERT INTO version(agreement, revision, sectors,"
			  " root) VALUES(?1, ?2, ?3, ?4)",
	[L_FIND_VERSION] = "SELECT max(v.revision) FROM version v"
			   " JOIN agreement a ON a.id = v.agreement"
			   " WHERE v.agreement = ?1 AND v.root = ?2"
			   " AND v.sectors = ?3 AND v.revision >= a.settled",
	[L_DROP_VERSIONS] = "DELETE FROM version"
			    " WHERE agreement = ?1 AND revision < ?2",
	[L_ADD_WAS] = "INSERT OR IGNORE INTO was(agreement, position, until,"
		      " root) VALUES(?1, ?2, ?3, ?4)",
	[L_ANY_WAS] = "SELECT 1 FROM was WHERE agreement = ?1"
		      " AND position >= ?2 AND position < ?3 AND until >= ?4"
		      " LIMIT 1",
	/* the oldest that still covers the revision comes last */
	[L_WAS] = "SELECT position, root FROM was WHERE agreement = ?1"
		  " AND position >= ?2 AND position < ?3 AND until >= ?4"
		  " ORDER BY position, until DESC",
	[L_FIRST_WAS] = "SELECT position, until, root FROM was"
			" WHERE agreement = ?1 AND until < ?2"
			" ORDER BY until LIMIT 1",
	[L_DROP_WAS] = "DELETE FROM was WHERE agreement = ?1"
		       " AND position = ?2 AND until = ?3",
	[L_LOST_COUNT] = "SELECT count(*) FROM (SELECT 1 FROM lost LIMIT 1)",
	[L_LOST] = "SELECT 1 FROM lost WHERE root = ?1",
};

enum err_code list_db_prepare(struct sector_db *d, struct err *e)
{
	d->list = calloc(L_COUNT, sizeof(struct db_stmt *));
	if (!d->list)
		return err_fail(e, ERR_NOMEM, "statements");
	return db_prepare_all(d->list, d->db, sql, L_COUNT, e);
}

void list_db_unprepare(struct sector_db *d)
{
	if (d->list)
		db_stmts_free(d->list, L_COUNT);
	free(d->list);
	d->list = NULL;
}

/* --- shape --- */

uint32_t list_count(uint32_t sectors, unsigned level)
{
	while (level--)
		sectors = sectors / TREE_BLOCK + (sectors % TREE_BLOCK != 0);
	return sectors;
}

unsigned list_top(uint32_t sectors)
{
	unsigned level = 0;

	while (list_count(sectors, level) > TREE_BLOCK)
		level++;
	return level;
}

unsigned list_height(uint32_t sectors, unsigned level)
{
	if (level < list_top(sectors))
		return TREE_BLOCK_LEVEL;
	return tree_depth(list_count(sectors, level));
}

/* The node over 256^level sector roots that are not there. */
static struct hash32 padding(unsigned level)
{
	struct hash32 two[2] = {{{0}}, {{0}}};

	for (unsigned i = 0; i < level * TREE_BLOCK_LEVEL; i++) {
		sha256_once(two[0].bytes, two, sizeof(two));
		two[1] = two[0];
	}
	return two[0];
}

void list_fold(struct hash32 nodes[TREE_BLOCK], uint32_t n, unsigned level,
	       unsigned height, struct hash32 *path, uint32_t index)
{
	struct hash32 pad = padding(level);
	uint32_t width = 1U << height;

	for (uint32_t i = n; i < width; i++)
		nodes[i] = pad;
	for (unsigned i = 0; i < height; i++) {
		if (path)
			path[i] = nodes[(index >> i) ^ 1];
		width /= 2;
		sha256_many(nodes->bytes, nodes->bytes, sizeof(*nodes) * 2,
			    width);
	}
}

/* --- rows --- */

static void bind_key(struct db_stmt *s, const struct list_key *key)
{
	db_bind_address(s, 1, &key->renter);
	db_bind_address(s, 2, &key->host);
	db_bind_int(s, 3, key->number);
}

static void read_row(struct db_stmt *s, struct list_row *row)
{
	*row = (struct list_row){
		.id = db_col_int(s, 0),
		.key.number = (uint32_t)db_col_int(s, 3),
		.revision = (uint32_t)db_col_int(s, 4),
		.sectors = (uint32_t)db_col_int(s, 5),
		.settled = (uint32_t)db_col_int(s, 7),
		.old = (uint32_t)db_col_int(s, 8),
		.keep = db_col_int(s, 9) != 0,
	};
	(void)db_col_bytes(s, 1, row->key.renter.bytes, 20);
	(void)db_col_bytes(s, 2, row->key.host.bytes, 20);
	(void)db_col_bytes(s, 6, row->root.bytes, 32);
}

enum err_code list_find(struct sector_db *d, const struct list_key *key,
			struct list_row *row, bool *found, struct err *e)
{
	struct db_stmt *s = d->list[L_FIND];
	enum err_code code;

	bind_key(s, key);
	code = db_step(s, found, e);
	if (code != ERR_NONE || !*found)
		return code;
	read_row(s, row);
	db_reset(s);
	return ERR_NONE;
}

enum err_code list_must_find(struct sector_db *d, const struct list_key *key,
			     struct list_row *row, struct err *e)
{
	bool found;
	enum err_code code = list_find(d, key, row, &found, e);

	if (code == ERR_NONE && !found)
		return err_fail(e, ERR_STATE, "there is no such agreement");
	return code;
}

enum err_code list_add_row(struct sector_db *d, struct list_row *row,
			   const uint8_t *blob, size_t blob_len, struct err *e)
{
	struct db_stmt *s = d->list[L_ADD];
	enum err_code code;

	bind_key(s, &row->key);
	db_bind_int(s, 4, row->revision);
	db_bind_int(s, 5, row->sectors);
	db_bind_hash(s, 6, &row->root);
	db_bind_int(s, 7, row->keep);
	db_bind_blob(s, 8, blob, blob_len);
	code = db_run(s, e);
	row->id = db_last_id(d->db);
	return code;
}

enum err_code list_save_row(struct sector_db *d, const struct list_row *row,
			    const uint8_t *blob, size_t blob_len, struct err *e)
{
	struct db_stmt *s = d->list[L_SAVE];

	db_bind_int(s, 1, row->id);
	db_bind_int(s, 2, row->revision);
	db_bind_int(s, 3, row->sectors);
	db_bind_hash(s, 4, &row->root);
	db_bind_int(s, 5, row->old);
	db_bind_int(s, 6, row->keep);
	db_bind_blob(s, 7, blob, blob_len);
	return db_run(s, e);
}

static void give_info(struct db_stmt *s, list_fn *fn, void *ctx)
{
	struct list_row row;
	struct list_info info;

	read_row(s, &row);
	info = (struct list_info){
		.key = row.key,
		.revision = row.revision,
		.sectors = row.sectors,
		.root = row.root,
		.settled = row.settled,
		.old = row.old,
		.keep = row.keep,
	};
	info.blob = db_col_blob(s, 10, &info.blob_len);
	fn(ctx, &info);
}

enum err_code list_get(struct sector_db *d, const struct list_key *key,
		       list_fn *fn, void *ctx, struct err *e)
{
	struct db_stmt *s = d->list[L_FIND];
	enum err_code code;
	bool row;

	bind_key(s, key);
	code = db_step(s, &row, e);
	if (code == ERR_NONE && !row)
		return err_fail(e, ERR_STATE, "there is no such agreement");
	if (code == ERR_NONE) {
		give_info(s, fn, ctx);
		db_reset(s);
	}
	return code;
}

enum err_code list_each(struct sector_db *d, const struct list_key *after,
			uint32_t max, list_fn *fn, void *ctx, struct err *e)
{
	struct db_stmt *s = d->list[L_EACH];
	enum err_code code;
	bool row;

	if (after) {
		bind_key(s, after);
	} else { /* a blob of no bytes sorts before every other */
		db_bind_blob(s, 1, NULL, 0);
		db_bind_blob(s, 2, NULL, 0);
		db_bind_int(s, 3, 0);
	}
	db_bind_int(s, 4, max);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row)
		give_info(s, fn, ctx);
	return code;
}

/* --- blocks --- */

static int64_t block_id(int64_t agreement, unsigned level, uint32_t index)
{
	return agreement << AGREEMENT_BITS | (int64_t)level << LEVEL_BITS |
	       index;
}

static enum err_code read_nodes(struct db_stmt *s, int column,
				struct list_block *b, struct err *e)
{
	size_t len;
	const uint8_t *p = db_col_blob(s, column, &len);

	if (len == 0 || len > sizeof(b->nodes) || len % sizeof(b->nodes[0]))
		return err_fail(e, ERR_DB, "a list's block is damaged");
	memcpy(b->nodes, p, len);
	b->n = (uint32_t)(len / sizeof(b->nodes[0]));
	return ERR_NONE;
}

enum err_code list_load(struct sector_db *d, int64_t agreement, unsigned level,
			uint32_t index, struct list_block *out, struct err *e)
{
	struct db_stmt *s = d->list[L_LOAD];
	enum err_code code;
	bool row;

	out->level = level;
	out->index = index;
	out->n = 0;
	db_bind_int(s, 1, block_id(agreement, level, index));
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	code = read_nodes(s, 0, out, e);
	db_reset(s);
	return code;
}

enum err_code list_save(struct sector_db *d, int64_t agreement,
			const struct list_block *b, struct err *e)
{
	struct db_stmt *s = d->list[b->n ? L_STORE : L_DELETE];

	db_bind_int(s, 1, block_id(agreement, b->level, b->index));
	if (b->n)
		db_bind_blob(s, 2, b->nodes, b->n * sizeof(b->nodes[0]));
	return db_run(s, e);
}

static enum err_code delete_range(struct sector_db *d, int64_t from, int64_t to,
				  struct err *e)
{
	struct db_stmt *s = d->list[L_DELETE_RANGE];

	db_bind_int(s, 1, from);
	db_bind_int(s, 2, to);
	return db_run(s, e);
}

enum err_code list_cut_level(struct sector_db *d, int64_t agreement,
			     unsigned level, uint32_t index, struct err *e)
{
	return delete_range(d, block_id(agreement, level, index),
			    block_id(agreement, level + 1, 0) - 1, e);
}

enum err_code list_roots(struct sector_db *d, const struct list_key *key,
			 uint32_t from, struct hash32 *out, size_t max,
			 size_t *n, uint32_t *total, struct err *e)
{
	struct list_row row = {.sectors = 0};
	enum err_code code = list_must_find(d, key, &row, e);

	*n = 0;
	*total = row.sectors;
	while (code == ERR_NONE && *n < max && from < row.sectors) {
		uint32_t skip = from % TREE_BLOCK;
		struct list_block b;
		size_t part;

		code = list_load(d, row.id, 0, from / TREE_BLOCK, &b, e);
		if (code != ERR_NONE)
			break;
		if (b.n <= skip)
			return err_fail(e, ERR_DB, "a list has a hole");
		part = b.n - skip < max - *n ? b.n - skip : max - *n;
		memcpy(out + *n, b.nodes + skip, part * sizeof(*out));
		*n += part;
		from += (uint32_t)part;
	}
	return code;
}

static enum err_code any_row(struct db_stmt *s, bool *row, struct err *e)
{
	enum err_code code = db_step(s, row, e);

	if (code == ERR_NONE && *row)
		db_reset(s);
	return code;
}

static enum err_code lost_in(struct sector_db *d, const struct list_block *b,
			     uint32_t from, struct hash32 *out, size_t max,
			     size_t *n, uint32_t *next, struct err *e)
{
	struct db_stmt *s = d->list[L_LOST];

	for (uint32_t i = from; i < b->n && *n < max; i++) {
		bool row;
		enum err_code code;

		db_bind_hash(s, 1, &b->nodes[i]);
		code = any_row(s, &row, e);
		if (code != ERR_NONE)
			return code;
		if (row)
			out[(*n)++] = b->nodes[i];
		++*next;
	}
	return ERR_NONE;
}

static enum err_code nothing_lost(struct sector_db *d, bool *nothing,
				  struct err *e)
{
	struct db_stmt *s = d->list[L_LOST_COUNT];
	bool row;
	enum err_code code = db_step(s, &row, e);

	*nothing = code == ERR_NONE && row && db_col_int(s, 0) == 0;
	db_reset(s);
	return code;
}

enum err_code list_lost(struct sector_db *d, const struct list_key *key,
			uint32_t from, struct hash32 *out, size_t max,
			size_t *n, uint32_t *next, uint32_t *total,
			struct err *e)
{
	struct list_row row = {.sectors = 0};
	enum err_code code = list_must_find(d, key, &row, e);
	bool nothing = false;

	*n = 0;
	*total = row.sectors;
	*next = from;
	if (code == ERR_NONE)
		code = nothing_lost(d, &nothing, e);
	if (code == ERR_NONE && nothing)
		*next = row.sectors;
	while (code == ERR_NONE && *n < max && *next < row.sectors) {
		struct list_block b;
		uint32_t at = *next;

		code = list_load(d, row.id, 0, at / TREE_BLOCK, &b, e);
		if (code == ERR_NONE)
			code = lost_in(d, &b, at % TREE_BLOCK, out, max, n,
				       next, e);
		if (code == ERR_NONE && *next == at)
			return err_fail(e, ERR_DB, "a list has a hole");
	}
	return code;
}

/* --- earlier revisions --- */

enum err_code list_add_version(struct sector_db *d, const struct list_row *row,
			       struct err *e)
{
	struct db_stmt *s = d->list[L_ADD_VERSION];

	db_bind_int(s, 1, row->id);
	db_bind_int(s, 2, row->revision);
	db_bind_int(s, 3, row->sectors);
	db_bind_hash(s, 4, &row->root);
	return db_run(s, e);
}

enum err_code list_find_version(struct sector_db *d, int64_t agreement,
				const struct hash32 *root, uint32_t sectors,
				uint32_t *revision, bool *found, struct err *e)
{
	struct db_stmt *s = d->list[L_FIND_VERSION];
	enum err_code code;
	bool row;

	db_bind_int(s, 1, agreement);
	db_bind_hash(s, 2, root);
	db_bind_int(s, 3, sectors);
	code = db_step(s, &row, e);
	*found = code == ERR_NONE && row && !db_col_is_null(s, 0);
	if (*found)
		*revision = (uint32_t)db_col_int(s, 0);
	if (code == ERR_NONE)
		db_reset(s);
	return code;
}

enum err_code list_add_was(struct sector_db *d, int64_t agreement,
			   uint32_t position, uint32_t until,
			   const struct hash32 *root, bool *fresh,
			   struct err *e)
{
	struct db_stmt *s = d->list[L_ADD_WAS];
	enum err_code code;

	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, position);
	db_bind_int(s, 3, until);
	db_bind_hash(s, 4, root);
	code = db_run(s, e);
	*fresh = code == ERR_NONE && db_changes(d->db) > 0;
	return code;
}

static void bind_was(struct db_stmt *s, int64_t agreement, uint64_t from,
		     uint64_t to, uint32_t revision)
{
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, (int64_t)from);
	db_bind_int(s, 3, (int64_t)to);
	db_bind_int(s, 4, revision);
}

enum err_code list_any_was(struct sector_db *d, int64_t agreement,
			   uint64_t from, uint64_t to, uint32_t revision,
			   bool *any, struct err *e)
{
	struct db_stmt *s = d->list[L_ANY_WAS];

	bind_was(s, agreement, from, to, revision);
	return any_row(s, any, e);
}

enum err_code list_put_was(struct sector_db *d, int64_t agreement,
			   uint32_t revision, struct list_block *b,
			   struct err *e)
{
	uint64_t from = (uint64_t)b->index * TREE_BLOCK;
	struct db_stmt *s = d->list[L_WAS];
	enum err_code code;
	bool row;

	bind_was(s, agreement, from, from + TREE_BLOCK, revision);
	while ((code = db_step(s, &row, e)) == ERR_NONE && row) {
		uint32_t i = (uint32_t)((uint64_t)db_col_int(s, 0) - from);

		if (i >= TREE_BLOCK || i > b->n) {
			db_reset(s);
			return err_fail(e, ERR_DB, "an old list has a hole");
		}
		(void)db_col_bytes(s, 1, b->nodes[i].bytes, 32);
		if (i == b->n)
			b->n++;
	}
	return code;
}

/* --- the end --- */

enum err_code list_settle(struct sector_db *d, const struct list_key *key,
			  uint32_t revision, struct err *e)
{
	struct db_stmt *s = d->list[L_SETTLE];
	struct list_row row;
	enum err_code code = list_must_find(d, key, &row, e);

	if (code != ERR_NONE)
		return code;
	if (revision > row.revision)
		return err_fail(e, ERR_STATE, "revision %u is not known here",
				revision);
	if (revision <= row.settled)
		return ERR_NONE;
	db_bind_int(s, 1, row.id);
	db_bind_int(s, 2, revision);
	return db_run(s, e);
}

enum err_code list_drop(struct sector_db *d, const struct list_key *key,
			struct err *e)
{
	struct list_row row;
	enum err_code code = list_must_find(d, key, &row, e);

	if (code != ERR_NONE)
		return code;
	db_bind_int(d->list[L_DROP], 1, row.id);
	return db_run(d->list[L_DROP], e);
}

/* The last block of sector roots goes; *n: how many roots, 0: none is left. */
static enum err_code purge_block(struct sector_db *d, int64_t agreement,
				 uint32_t *n, struct sector_freed *freed,
				 struct err *e)
{
	struct db_stmt *s = d->list[L_LAST];
	struct list_block b = {.n = 0};
	enum err_code code;
	int64_t id;
	bool row;

	*n = 0;
	db_bind_int(s, 1, block_id(agreement, 0, 0));
	db_bind_int(s, 2, block_id(agreement, 1, 0) - 1);
	code = db_step(s, &row, e);
	if (code != ERR_NONE || !row)
		return code;
	id = db_col_int(s, 0);
	code = read_nodes(s, 1, &b, e);
	db_reset(s);
	for (uint32_t i = 0; i < b.n && code == ERR_NONE; i++)
		code = sector_db_unref(d, &b.nodes[i], freed, e);
	*n = b.n;
	return code == ERR_NONE ? delete_range(d, id, id, e) : code;
}

/* Old positions from before revision `settled` go. */
static enum err_code purge_was(struct sector_db *d, int64_t agreement,
			       int64_t settled, uint32_t max, uint32_t *n,
			       struct sector_freed *freed, struct err *e)
{
	struct db_stmt *s = d->list[L_FIRST_WAS], *drop = d->list[L_DROP_WAS];
	enum err_code code = ERR_NONE;

	for (*n = 0; *n < max && code == ERR_NONE; ++*n) {
		struct hash32 root;
		bool row;

		db_bind_int(s, 1, agreement);
		db_bind_int(s, 2, settled);
		code = db_step(s, &row, e);
		if (code != ERR_NONE || !row)
			break;
		db_bind_int(drop, 1, agreement);
		db_bind_int(drop, 2, db_col_int(s, 0));
		db_bind_int(drop, 3, db_col_int(s, 1));
		(void)db_col_bytes(s, 2, root.bytes, sizeof(root.bytes));
		db_reset(s);
		code = db_run(drop, e);
		if (code == ERR_NONE)
			code = sector_db_unref(d, &root, freed, e);
	}
	return code;
}

static enum err_code purged(struct sector_db *d, int64_t agreement,
			    int64_t settled, uint32_t was, bool more,
			    struct err *e)
{
	struct db_stmt *s = d->list[L_PURGED];
	int64_t gone = was;

	if (!more) {
		struct db_stmt *v = d->list[L_DROP_VERSIONS];
		enum err_code code;

		db_bind_int(v, 1, agreement);
		db_bind_int(v, 2, settled);
		code = db_run(v, e);
		if (code != ERR_NONE)
			return code;
		gone += db_changes(d->db);
	}
	db_bind_int(s, 1, agreement);
	db_bind_int(s, 2, gone);
	db_bind_int(s, 3, more);
	return db_run(s, e);
}

static enum err_code forget(struct sector_db *d, int64_t agreement,
			    struct err *e)
{
	enum err_code code = delete_range(d, block_id(agreement, 0, 0),
					  block_id(agreement + 1, 0, 0) - 1, e);

	if (code != ERR_NONE)
		return code;
	db_bind_int(d->list[L_FORGET], 1, agreement);
	return db_run(d->list[L_FORGET], e);
}

static enum err_code purge_one(struct sector_db *d, int64_t agreement,
			       bool dropped, int64_t settled, uint32_t max,
			       struct sector_freed *freed, struct err *e)
{
	enum err_code code = ERR_NONE;
	uint32_t done = 0, n = 1;

	while (dropped && done < max && n && code == ERR_NONE) {
		code = purge_block(d, agreement, &n, freed, e);
		done += n;
	}
	if (code != ERR_NONE || done >= max)
		return code;
	code = purge_was(d, agreement, settled, max - done, &n, freed, e);
	if (code != ERR_NONE)
		return code;
	done += n;
	code = purged(d, agreement, settled, n, done >= max, e);
	if (code == ERR_NONE && dropped && done < max)
		code = forget(d, agreement, e);
	return code;
}

enum err_code list_purge(struct sector_db *d, uint32_t max, bool *more,
			 struct sector_freed *freed, struct err *e)
{
	struct db_stmt *s = d->list[L_TO_PURGE];
	int64_t id, settled;
	bool dropped;
	enum err_code code = db_step(s, more, e);

	if (code != ERR_NONE || !*more)
		return code;
	id = db_col_int(s, 0);
	dropped = db_col_int(s, 1) != 0;
	settled = dropped ? INT64_MAX : db_col_int(s, 2);
	db_reset(s);
	return purge_one(d, id, dropped, settled, max, freed, e);
}
