/* sector_db_check() of sector_db.h: everything that must hold, counted again.
 */
#include "storage/sector/list_db_int.h"

#include <string.h>

struct tally {
	struct sector_db *d;
	struct db_stmt *add;
	uint32_t taken; /* bits of the volume at hand */
};

/* Runs a query that counts what is wrong. */
static enum err_code none_of(struct sector_db *d, const char *sql,
			     const char *what, struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code code = db_prepare(&s, d->db, sql, e);
	int64_t wrong = 0;

	if (code == ERR_NONE)
		code = db_number(s, &wrong, e);
	db_stmt_free(s);
	if (code == ERR_NONE && wrong)
		return err_fail(e, ERR_DB, "the index is wrong: %s (%lld)",
				what, (long long)wrong);
	return code;
}

static void count_bits(void *ctx, uint32_t chunk, const uint8_t *bits)
{
	struct tally *t = ctx;

	(void)chunk;
	for (size_t i = 0; i < SECTOR_CHUNK_SLOTS / 8; i++)
		t->taken += (uint32_t)__builtin_popcount(bits[i]);
}

struct volume_counts {
	uint32_t id[SECTOR_MAX_VOLUMES], taken[SECTOR_MAX_VOLUMES];
	size_t n;
};

static void note_volume(void *ctx, const struct sector_volume *v)
{
	struct volume_counts *c = ctx;

	if (c->n < SECTOR_MAX_VOLUMES) {
		c->id[c->n] = v->id;
		c->taken[c->n++] = v->used + v->retired;
	}
}

static enum err_code check_bits(struct sector_db *d, struct err *e)
{
	struct volume_counts c = {.n = 0};
	enum err_code code = sector_db_volumes(d, note_volume, &c, e);

	for (size_t i = 0; i < c.n && code == ERR_NONE; i++) {
		struct tally t = {.d = d};

		code = sector_db_taken(d, c.id[i], count_bits, &t, e);
		if (code == ERR_NONE && t.taken != c.taken[i])
			code = err_fail(e, ERR_DB,
					"the index is wrong: %u slots of "
					"volume %u are taken, %u are in use",
					t.taken, c.id[i], c.taken[i]);
	}
	return code;
}

static enum err_code add_block(struct tally *t, const uint8_t *nodes,
			       size_t len, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (size_t i = 0; i + 32 <= len && code == ERR_NONE; i += 32) {
		db_bind_blob(t->add, 1, nodes + i, 32);
		code = db_run(t->add, e);
	}
	return code;
}

static enum err_code tally_lists(struct tally *t, struct err *e)
{
	struct db_stmt *s = NULL;
	enum err_code code = db_prepare(
		&s, t->d->db,
		"SELECT nodes FROM list WHERE (id >> 20) & 15 = 0", e);
	bool row = true;

	while (code == ERR_NONE && row) {
		code = db_step(s, &row, e);
		if (code == ERR_NONE && row) {
			size_t len;
			const uint8_t *p = db_col_blob(s, 0, &len);

			code = add_block(t, p, len, e);
		}
	}
	db_stmt_free(s);
	return code;
}

static enum err_code check_refs(struct sector_db *d, struct err *e)
{
	struct tally t = {.d = d};
	enum err_code code = db_exec(
		d->db,
		"CREATE TEMP TABLE IF NOT EXISTS tally("
		"  root BLOB PRIMARY KEY, n INTEGER) WITHOUT ROWID;"
		"DELETE FROM tally;"
		"INSERT INTO tally SELECT root, count(*) FROM"
		" (SELECT root FROM staged UNION ALL SELECT root FROM was)"
		" GROUP BY root;",
		e);

	if (code == ERR_NONE)
		code = db_prepare(&t.add, d->db,
				  "INSERT INTO tally VALUES(?1, 1)"
				  " ON CONFLICT(root) DO UPDATE SET n = n + 1",
				  e);
	if (code == ERR_NONE)
		code = tally_lists(&t, e);
	db_stmt_free(t.add);
	if (code == ERR_NONE)
		code = none_of(d,
			       "SELECT count(*) FROM sector s"
			       " LEFT JOIN tally t ON t.root = s.root"
			       " WHERE s.refs <> coalesce(t.n, 0)",
			       "sectors with a wrong number of refs", e);
	if (code == ERR_NONE)
		code = none_of(d,
			       "SELECT count(*) FROM tally t LEFT JOIN sector s"
			       " ON t.root = s.root WHERE s.root IS NULL",
			       "sectors that lists name and nobody has", e);
	return code;
}

static const struct {
	const char *sql, *what;
} rules[] = {
	{"SELECT count(*) FROM volume v WHERE used <> (SELECT count(*) FROM"
	 " sector s WHERE s.volume = v.id) OR retired <> (SELECT count(*)"
	 " FROM retired r WHERE r.volume = v.id)",
	 "volumes that count wrong"},
	{"SELECT count(*) FROM sector s LEFT JOIN volume v ON v.id = s.volume"
	 " WHERE s.volume IS NOT NULL AND (v.id IS NULL OR s.slot >= v.slots)",
	 "sectors outside of volumes"},
	{"SELECT count(*) FROM sector s LEFT JOIN lost l ON l.root = s.root"
	 " WHERE (s.volume IS NULL) <> (l.root IS NOT NULL)",
	 "lost sectors that are not listed, or the reverse"},
	{"SELECT count(*) FROM sector s JOIN retired r"
	 " ON r.volume = s.volume AND r.slot = s.slot",
	 "sectors in retired slots"},
	{"SELECT count(*) FROM agreement a WHERE dropped = 0 AND sectors <>"
	 " (SELECT coalesce(sum(length(nodes)), 0) / 32 FROM list l"
	 "  WHERE l.id BETWEEN a.id << 24 AND (a.id << 24) + 1048575)",
	 "lists of a wrong length"},
	{"SELECT count(*) FROM agreement a WHERE old <>"
	 " (SELECT count(*) FROM was w WHERE w.agreement = a.id) +"
	 " (SELECT count(*) FROM version v WHERE v.agreement = a.id)",
	 "agreements that count old positions wrong"},
	{"SELECT count(*) FROM list l LEFT JOIN agreement a"
	 " ON a.id = l.id >> 24 WHERE a.id IS NULL",
	 "blocks of no list"},
	{"SELECT count(*) FROM placement_part q LEFT JOIN placement p"
	 " ON p.id = q.id >> 8 WHERE p.id IS NULL",
	 "parts of no record"},
};

enum err_code sector_db_check(struct sector_db *d, struct err *e)
{
	enum err_code code = db_check(d->db, e);

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (code == ERR_NONE)
			code = none_of(d, rules[i].sql, rules[i].what, e);
	if (code == ERR_NONE)
		code = check_bits(d, e);
	return code == ERR_NONE ? check_refs(d, e) : code;
}
