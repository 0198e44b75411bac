/* The table "Opening" of storage/DESIGN.md, cell by cell: one file, one piece.
 */
#include "base/bits.h"
#include "storage/torrent/store_scan.h"
#include "tests/storage/rig.h"

enum disk { NONE, DATA, HOLE, SHORT };
enum stamp { NO_STAMP, RIGHT, OLDER, NEWER, SMALLER, LARGER };
enum record { NO_RECORD, UNSET, SET, OPEN_UNSET, OPEN_SET };
enum outcome { NOTHING, TRUSTED, HASH, GONE };

static const struct {
	const char *name;
	enum record record;
	enum stamp stamp; /* what was recorded, against what is there */
	enum disk disk;
	enum outcome want;
} rows[] = {
	{"nothing known, nothing there", NO_RECORD, NO_STAMP, NONE, NOTHING},
	{"nothing known, bytes there", NO_RECORD, NO_STAMP, DATA, HASH},
	{"nothing known, a hole", NO_RECORD, NO_STAMP, HOLE, NOTHING},
	{"nothing known, too short", NO_RECORD, NO_STAMP, SHORT, NOTHING},
	{"recorded and untouched", SET, RIGHT, DATA, TRUSTED},
	{"recorded, touched since", SET, OLDER, DATA, HASH},
	{"recorded, an older copy put back", SET, NEWER, DATA, HASH},
	{"recorded, larger since", SET, SMALLER, DATA, HASH},
	{"recorded, smaller since", SET, LARGER, DATA, HASH},
	{"recorded, cut", SET, LARGER, SHORT, GONE},
	{"recorded, dug out", SET, OLDER, HOLE, GONE},
	{"recorded, file gone", SET, RIGHT, NONE, GONE},
	{"recorded without stamp", SET, NO_STAMP, DATA, HASH},
	{"known to be missing", UNSET, RIGHT, DATA, NOTHING},
	{"known to be missing, touched", UNSET, OLDER, DATA, HASH},
	{"known to be missing, a new file", UNSET, NO_STAMP, DATA, HASH},
	{"known to be missing, file gone", UNSET, RIGHT, NONE, NOTHING},
	{"crashed: recorded", OPEN_SET, RIGHT, DATA, TRUSTED},
	{"crashed: recorded, written on", OPEN_SET, OLDER, DATA, TRUSTED},
	{"crashed: recorded, grown", OPEN_SET, SMALLER, DATA, TRUSTED},
	{"crashed: recorded, an older copy", OPEN_SET, NEWER, DATA, HASH},
	{"crashed: recorded, shrunk", OPEN_SET, LARGER, DATA, HASH},
	{"crashed: recorded, cut", OPEN_SET, LARGER, SHORT, GONE},
	{"crashed: recorded, gone", OPEN_SET, RIGHT, NONE, GONE},
	{"crashed: not recorded yet", OPEN_UNSET, RIGHT, DATA, HASH},
	{"crashed: not recorded, a new file", OPEN_UNSET, NO_STAMP, DATA, HASH},
	{"crashed: not recorded, a hole", OPEN_UNSET, OLDER, HOLE, NOTHING},
	{"crashed: not recorded, not there", OPEN_UNSET, NO_STAMP, NONE,
	 NOTHING},
};

static void put(const char *path, enum disk disk)
{
	static uint8_t bytes[32768] = {1, 2, 3};
	int fd;

	if (disk == NONE)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (disk == HOLE)
		CHECK(ftruncate(fd, 32768) == 0, "hole");
	else
		CHECK(write(fd, bytes, disk == SHORT ? 100 : 32768) > 0, "put");
	(void)close(fd);
}

static uint32_t stamp_as(enum stamp kind, const struct files_stat *st,
			 struct resume_stamp *out)
{
	*out = (struct resume_stamp){0, st->size, st->mtime_ns};
	switch (kind) {
	case NO_STAMP:
		return 0;
	case RIGHT:
		break;
	case OLDER:
		out->mtime_ns--;
		break;
	case NEWER:
		out->mtime_ns++;
		break;
	case SMALLER:
		out->size--;
		out->mtime_ns--;
		break;
	case LARGER:
		out->size++;
		out->mtime_ns--;
		break;
	}
	return 1;
}

static enum outcome outcome_of(const struct store_scan *s)
{
	if (s->trusted)
		return TRUSTED;
	if (s->to_hash)
		return HASH;
	return s->gone ? GONE : NOTHING;
}

static void every_cell_of_the_table(struct rig *r, const uint8_t *hash)
{
	static const struct store_file file = {.path = "f", .length = 32768};
	const struct piece_sums sums = {.sha1s = hash};
	struct file_pool *pool = file_pool_new(4);
	struct layout l;

	CHECK(layout_init(&l, NULL, &file, 1, 32768, 1, NULL) == ERR_NONE, "l");
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct files_cfg cfg = {
			.pool = pool, .layout = &l, .root = r->root};
		struct files *f = files_new(&cfg);
		struct resume_stamp stamp;
		uint8_t bit =
			rows[i].record == SET || rows[i].record == OPEN_SET
				? 0x80
				: 0;
		struct resume_state rec = {.pieces = 1, .stamps = &stamp};
		struct store_scan s = {.files = f,
				       .layout = &l,
				       .sums = &sums,
				       .record = &rec};
		struct files_stat st;
		char path[300];

		(void)snprintf(path, sizeof(path), "%s/f", r->root);
		(void)unlink(path);
		put(path, rows[i].disk);
		files_stat_one(f, 0, &st);
		rec.have = rows[i].record == NO_RECORD ? NULL : &bit;
		rec.open = rows[i].record == OPEN_SET ||
			   rows[i].record == OPEN_UNSET;
		rec.stamp_count = stamp_as(rows[i].stamp, &st, &stamp);
		CHECK(store_scan_run(&s, NULL) == ERR_NONE, "run");
		CHECK(outcome_of(&s) == rows[i].want, "%s: %d", rows[i].name,
		      (int)outcome_of(&s));
		CHECK(bits_get(s.have, 0) == (rows[i].want == TRUSTED) &&
			      bits_get(s.todo, 0) == (rows[i].want == HASH),
		      "%s", rows[i].name);
		store_scan_clear(&s);
		files_free(f);
	}
	layout_clear(&l);
	file_pool_free(pool);
}

/* Where the piece is zeroes, a hole may be all that a file system kept. */
static void a_hole_may_be_zeroes_that_were_written(struct rig *r)
{
	static const uint8_t zeroes[32768];
	static const struct store_file file = {.path = "f", .length = 32768};
	const struct resume_state none = {.pieces = 1};
	struct file_pool *pool = file_pool_new(4);
	uint8_t hash[SHA1_LEN];
	struct files_cfg cfg = {.pool = pool, .root = r->root};
	const struct piece_sums sums = {.sha1s = hash};
	struct store_scan s = {.sums = &sums, .record = &none};
	struct layout l;
	char path[300];

	sha1_once(hash, zeroes, sizeof(zeroes));
	CHECK(layout_init(&l, NULL, &file, 1, 32768, 1, NULL) == ERR_NONE, "l");
	cfg.layout = s.layout = &l;
	s.files = files_new(&cfg);
	(void)snprintf(path, sizeof(path), "%s/f", r->root);
	put(path, HOLE);
	CHECK(store_scan_run(&s, NULL) == ERR_NONE && s.to_hash == 1, "hash");
	store_scan_clear(&s);
	files_free(s.files);
	layout_clear(&l);
	file_pool_free(pool);
}

int main(void)
{
	static const uint8_t hash[SHA1_LEN] = {1};
	struct rig r;

	rig_home(&r);
	CHECK(mkdir(r.root, 0700) == 0, "root");
	every_cell_of_the_table(&r, hash);
	a_hole_may_be_zeroes_that_were_written(&r);
	rig_remove(&r);
	return CHECK_EXIT();
}
