#include "storage/torrent/resume_db.h"

#include "base/db.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], path[96];

static struct info_hash hash_of(uint8_t n)
{
	struct info_hash h;

	memset(h.bytes, n, sizeof(h.bytes));
	return h;
}

static struct resume_db *open_db(void)
{
	struct resume_db *r;
	struct err e = {0};

	CHECK(resume_open(&r, path, &e) == ERR_NONE, "%s", e.msg);
	return r;
}

struct seen {
	unsigned count;
	uint8_t first[8];
	enum resume_want want;
	char root[64], settings[64];
	uint64_t up, down;
	size_t torrent_len;
};

static bool see(void *ctx, const struct resume_torrent *t)
{
	struct seen *s = ctx;

	if (s->count < sizeof(s->first))
		s->first[s->count] = t->info_hash.bytes[0];
	s->count++;
	s->want = t->want;
	s->up = t->uploaded;
	s->down = t->downloaded;
	s->torrent_len = t->torrent_len;
	(void)snprintf(s->root, sizeof(s->root), "%s", t->root);
	(void)snprintf(s->settings, sizeof(s->settings), "%s", t->settings);
	return s->count < 3;
}

static void add(struct resume_db *r, uint8_t n, enum err_code want)
{
	struct resume_torrent t = {.info_hash = hash_of(n),
				   .root = "/data",
				   .torrent = (const uint8_t *)"d4:infoe",
				   .torrent_len = 8,
				   .added_s = 1700000000,
				   .want = RESUME_RUN,
				   .settings = "ratio=2"};

	CHECK(resume_add(r, &t, NULL) == want, "%u", n);
}

static void torrents_are_listed_in_the_order_added(void)
{
	struct resume_db *r = open_db();
	struct info_hash five = hash_of(5), none = hash_of(77);
	struct seen s = {0};

	add(r, 9, ERR_NONE);
	add(r, 5, ERR_NONE);
	add(r, 7, ERR_NONE);
	add(r, 1, ERR_NONE);
	CHECK(resume_each(r, see, &s, NULL) == ERR_NONE, "each");
	CHECK(s.count == 3 && memcmp(s.first, "\x09\x05\x07", 3) == 0, "order");
	CHECK(resume_set_want(r, &five, RESUME_PAUSE, NULL) == ERR_NONE, "set");
	CHECK(resume_set_root(r, &five, "/other", NULL) == ERR_NONE, "set");
	CHECK(resume_set_settings(r, &five, "x", NULL) == ERR_NONE, "set");
	CHECK(resume_set_want(r, &none, RESUME_RUN, NULL) == ERR_STATE, "who");
	CHECK(resume_set_root(r, &none, "/", NULL) == ERR_STATE, "who");
	CHECK(resume_get(r, &none, see, &s, NULL) == ERR_STATE, "who");
	CHECK(resume_remove(r, &none, NULL) == ERR_STATE, "who");
	resume_close(r);
	r = open_db();
	memset(&s, 0, sizeof(s));
	CHECK(resume_get(r, &five, see, &s, NULL) == ERR_NONE, "get");
	CHECK(s.want == RESUME_PAUSE && strcmp(s.root, "/other") == 0 &&
		      strcmp(s.settings, "x") == 0 && s.torrent_len == 8,
	      "kept");
	CHECK(resume_remove(r, &five, NULL) == ERR_NONE, "remove");
	CHECK(resume_get(r, &five, see, &s, NULL) == ERR_STATE, "gone");
	resume_close(r);
}

/* With its stamps; an older record at the new place goes. */
static void the_state_of_files_moves_with_their_root(void)
{
	struct resume_db *r = open_db();
	struct info_hash h = hash_of(3);
	uint8_t have[1] = {0xa0}, old[1] = {0xff};
	struct resume_stamp stamp = {1, 500, 77};
	struct resume_state s = {.have = have,
				 .pieces = 3,
				 .open = true,
				 .stamps = &stamp,
				 .stamp_count = 1};
	struct resume_state was = {.have = old, .pieces = 3}, got;

	add(r, 3, ERR_NONE);
	CHECK(resume_set_root(r, &h, "/a", NULL) == ERR_NONE, "at first");
	CHECK(resume_save(r, &h, "/a", &s, 0, 0, NULL) == ERR_NONE, "save");
	CHECK(resume_save(r, &h, "/b", &was, 0, 0, NULL) == ERR_NONE, "save");
	CHECK(resume_save(r, &h, "/c", &was, 0, 0, NULL) == ERR_NONE, "save");
	CHECK(resume_set_root(r, &h, "/b", NULL) == ERR_NONE, "move");
	CHECK(resume_set_root(r, &h, "/b", NULL) == ERR_NONE, "to itself");
	CHECK(resume_load(r, &h, "/b", 3, &got, NULL) == ERR_NONE, "load");
	CHECK(got.have && got.have[0] == 0xa0 && got.open &&
		      got.stamp_count == 1 && got.stamps[0].mtime_ns == 77,
	      "moved");
	resume_state_clear(&got);
	CHECK(resume_load(r, &h, "/a", 3, &got, NULL) == ERR_NONE && !got.have,
	      "not there any more");
	resume_state_clear(&got);
	CHECK(resume_load(r, &h, "/c", 3, &got, NULL) == ERR_NONE && got.have,
	      "others stay");
	resume_state_clear(&got);
	CHECK(resume_remove(r, &h, NULL) == ERR_NONE, "remove");
	resume_close(r);
}

static bool note_sound(void *ctx, const struct resume_torrent *t)
{
	*(bool *)ctx = resume_is_sound(t);
	return true;
}

static bool is_sound(struct resume_db *r, uint8_t n)
{
	struct info_hash h = hash_of(n);
	bool sound = false;

	CHECK(resume_get(r, &h, note_sound, &sound, NULL) == ERR_NONE, "get");
	return sound;
}

/* What a bad disk does: SQLite reads it as if nothing were. */
static void spoil(const char *sql)
{
	const struct db_cfg cfg = {.path = path,
				   .application_id = 0x73627472,
				   .migrations = (const char *const[3]){NULL},
				   .migration_count = 3};
	struct db *db;
	struct err e = {0};

	CHECK(db_open(&db, &cfg, &e) == ERR_NONE, "%s", e.msg);
	CHECK(db_exec(db, sql, &e) == ERR_NONE && db_changes(db) == 1, "%s: %s",
	      sql, e.msg);
	db_close(db);
}

/* The hash of a row is 0x15 twenty times. */
#define OF_IT " WHERE hex(info_hash) LIKE '15%'"

static void a_row_that_is_not_as_it_was_stored_is_noticed(void)
{
	static const char *const rows[] = {
		"UPDATE torrent SET settings = 'ratio=3'" OF_IT,
		"UPDATE torrent SET root = '/datb'" OF_IT,
		"UPDATE torrent SET torrent = CAST('d4:inFoe' AS BLOB)" OF_IT,
		"UPDATE torrent SET seal = zeroblob(16)" OF_IT,
		"UPDATE torrent SET torrent_seal = zeroblob(15)" OF_IT,
	};
	struct info_hash h = hash_of(0x15);
	struct resume_db *r;

	for (size_t i = 0; i < ROWS(rows); i++) {
		r = open_db();
		add(r, 0x15, ERR_NONE); /* again: in the place of the last */
		CHECK(is_sound(r, 0x15), "row %zu: before", i);
		CHECK(resume_set_settings(r, &h, "ratio=4", NULL) == ERR_NONE &&
			      resume_set_root(r, &h, "/x", NULL) == ERR_NONE &&
			      resume_set_torrent(r, &h, (const uint8_t *)"ab",
						 2, NULL) == ERR_NONE &&
			      is_sound(r, 0x15),
		      "changes of ours");
		resume_close(r);
		spoil(rows[i]);
		r = open_db();
		CHECK(!is_sound(r, 0x15), "row %zu", i);
		CHECK(resume_remove(r, &h, NULL) == ERR_NONE, "goes away");
		resume_close(r);
	}
	r = open_db();
	add(r, 0x15, ERR_NONE);
	resume_close(r);
	spoil("UPDATE torrent SET seal = NULL, torrent_seal = NULL" OF_IT);
	r = open_db();
	CHECK(is_sound(r, 0x15), "a row of before there were seals");
	CHECK(resume_check(r, NULL) == ERR_NONE, "no page is damaged");
	CHECK(resume_remove(r, &h, NULL) == ERR_NONE, "remove");
	resume_close(r);
}

static void a_state_that_is_not_as_it_was_stored_is_none(void)
{
	static const char *const rows[] = {
		"UPDATE state SET have = x'a580'" OF_IT,
		"UPDATE state SET open = 0" OF_IT,
		"UPDATE state SET seal = zeroblob(16)" OF_IT,
	};
	struct info_hash h = hash_of(0x15);
	uint8_t bits[2] = {0xa4, 0x80};
	struct resume_state s = {bits, 9, true, NULL, 0}, got;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct resume_db *r = open_db();

		CHECK(resume_save(r, &h, "/a", &s, 0, 0, NULL) == ERR_NONE &&
			      resume_load(r, &h, "/a", 9, &got, NULL) ==
				      ERR_NONE &&
			      got.have && got.open,
		      "as it was");
		resume_state_clear(&got);
		resume_close(r);
		spoil(rows[i]);
		r = open_db();
		CHECK(resume_load(r, &h, "/a", 9, &got, NULL) == ERR_NONE &&
			      !got.have && !got.open && got.pieces == 9,
		      "row %zu", i);
		resume_state_clear(&got);
		CHECK(resume_forget(r, &h, "/a", NULL) == ERR_NONE, "forget");
		resume_close(r);
	}
}

static void totals_add_up_and_stop_at_the_top(void)
{
	struct resume_db *r = open_db();
	struct info_hash h = hash_of(9), other = hash_of(200);
	struct seen s = {0};
	uint64_t up, down;

	CHECK(resume_add_totals(r, &h, 5, 7, NULL) == ERR_NONE, "add");
	CHECK(resume_add_totals(r, &h, 10, 0, NULL) == ERR_NONE, "add");
	CHECK(resume_add_totals(r, &h, 0, 0, NULL) == ERR_NONE, "nothing");
	CHECK(resume_totals(r, &h, &up, &down, NULL) == ERR_NONE && up == 15 &&
		      down == 7,
	      "sums");
	CHECK(resume_get(r, &h, see, &s, NULL) == ERR_NONE && s.up == 15 &&
		      s.down == 7,
	      "listed with it");
	CHECK(resume_totals(r, &other, &up, &down, NULL) == ERR_NONE &&
		      up == 0 && down == 0,
	      "nothing known");
	CHECK(resume_add_totals(r, &h, UINT64_MAX, 1, NULL) == ERR_NONE, "max");
	CHECK(resume_add_totals(r, &h, 1000, 1, NULL) == ERR_NONE, "over");
	CHECK(resume_totals(r, &h, &up, &down, NULL) == ERR_NONE &&
		      up == INT64_MAX && down == 9,
	      "capped");
	resume_close(r);
}

static void states_are_kept_per_root(void)
{
	struct resume_db *r = open_db();
	struct info_hash h = hash_of(9);
	uint8_t bits[2] = {0xa5, 0x80};
	struct resume_stamp stamps[] = {
		{0, 100, -5}, {3, 1ULL << 40, 1}, {7, 0, INT64_MAX}};
	struct resume_state s = {bits, 9, true, stamps, 3}, got;

	CHECK(resume_save(r, &h, "/data", &s, 1, 2, NULL) == ERR_NONE, "save");
	stamps[1].size = RESUME_NO_FILE;
	stamps[0].size = 200;
	bits[1] = 0;
	s.stamp_count = 2;
	s.open = false;
	CHECK(resume_save(r, &h, "/data", &s, 0, 0, NULL) == ERR_NONE, "save");
	s.stamp_count = 0;
	bits[0] = 1;
	CHECK(resume_save(r, &h, "/b", &s, 0, 0, NULL) == ERR_NONE, "other");
	resume_close(r);
	r = open_db();
	CHECK(resume_load(r, &h, "/data", 9, &got, NULL) == ERR_NONE, "load");
	CHECK(got.have && got.have[0] == 0xa5 && got.have[1] == 0 && !got.open,
	      "bits");
	CHECK(got.stamp_count == 2 && got.stamps[0].size == 200 &&
		      got.stamps[1].file == 7 &&
		      got.stamps[1].mtime_ns == INT64_MAX,
	      "stamps: replaced, dropped, left");
	resume_state_clear(&got);
	CHECK(resume_load(r, &h, "/data", 10, &got, NULL) == ERR_NONE &&
		      !got.have,
	      "another number of pieces is no record");
	CHECK(resume_load(r, &h, "/c", 9, &got, NULL) == ERR_NONE && !got.have,
	      "another root");
	CHECK(resume_forget(r, &h, "/data", NULL) == ERR_NONE, "forget");
	CHECK(resume_load(r, &h, "/data", 9, &got, NULL) == ERR_NONE &&
		      !got.have,
	      "forgotten");
	CHECK(resume_load(r, &h, "/b", 9, &got, NULL) == ERR_NONE && got.have,
	      "the other is not");
	resume_state_clear(&got);
	CHECK(resume_remove(r, &h, NULL) == ERR_NONE, "remove");
	CHECK(resume_load(r, &h, "/b", 9, &got, NULL) == ERR_NONE && !got.have,
	      "goes with its torrent");
	resume_close(r);
}

/* A magnet link has no .torrent until it is known. */
static void a_torrent_becomes_known(void)
{
	static const uint8_t nothing[1];
	struct resume_db *r = open_db();
	struct resume_torrent t = {.info_hash = hash_of(77),
				   .root = "/d",
				   .torrent = nothing,
				   .want = RESUME_RUN,
				   .settings = "{}"};
	struct seen seen = {.torrent_len = 99};

	CHECK(resume_add(r, &t, NULL) == ERR_NONE, "not added");
	CHECK(resume_get(r, &t.info_hash, see, &seen, NULL) == ERR_NONE &&
		      seen.torrent_len == 0,
	      "%zu bytes", seen.torrent_len);
	CHECK(resume_set_torrent(r, &t.info_hash, (const uint8_t *)"abc", 3,
				 NULL) == ERR_NONE,
	      "not set");
	CHECK(resume_get(r, &t.info_hash, see, &seen, NULL) == ERR_NONE &&
		      seen.torrent_len == 3,
	      "%zu bytes", seen.torrent_len);
	t.info_hash = hash_of(78);
	CHECK(resume_set_torrent(r, &t.info_hash, nothing, 0, NULL) ==
		      ERR_STATE,
	      "of one that is not there");
	resume_close(r);
}

static bool is_kept(struct resume_db *r, uint8_t n, const char *want)
{
	const struct info_hash hash = hash_of(n);
	struct err e = {0};
	uint8_t *out;
	size_t len = 0;
	bool same;

	CHECK(resume_get_fetched(r, &hash, &out, &len, &e) == ERR_NONE, "%s",
	      e.msg);
	same = out && len == strlen(want) && memcmp(out, want, len) == 0;
	free(out);
	return same;
}

static void keep(struct resume_db *r, uint8_t n, const char *text)
{
	const struct info_hash hash = hash_of(n);
	struct err e = {0};

	CHECK(resume_keep_fetched(r, &hash, (const uint8_t *)text, strlen(text),
				  &e) == ERR_NONE,
	      "%s", e.msg);
}

static void what_links_led_to_is_kept_for_a_while(void)
{
	const struct info_hash one = hash_of(1);
	struct resume_db *r = open_db();

	CHECK(!is_kept(r, 1, "a"), "nothing yet");
	keep(r, 1, "a");
	keep(r, 2, "b");
	keep(r, 1, "with layers");
	resume_close(r);
	r = open_db();
	CHECK(is_kept(r, 1, "with layers") && is_kept(r, 2, "b"), "kept");
	for (uint8_t i = 0; i < RESUME_MAX_FETCHED - 1; i++)
		keep(r, (uint8_t)(100 + i), "c");
	CHECK(is_kept(r, 1, "with layers") && !is_kept(r, 2, "b"),
	      "the oldest goes");
	CHECK(resume_drop_fetched(r, &one, NULL) == ERR_NONE &&
		      !is_kept(r, 1, "with layers") && is_kept(r, 100, "c"),
	      "dropped");
	CHECK(resume_drop_fetched(r, &one, NULL) == ERR_NONE, "twice");
	resume_close(r);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	static const char *const tails[] = {"", "-wal", "-shm"};
	char name[128];

	(void)snprintf(dir, sizeof(dir), "%.40s/sb-resume-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/torrents.db", dir);
	torrents_are_listed_in_the_order_added();
	the_state_of_files_moves_with_their_root();
	totals_add_up_and_stop_at_the_top();
	states_are_kept_per_root();
	a_torrent_becomes_known();
	what_links_led_to_is_kept_for_a_while();
	a_row_that_is_not_as_it_was_stored_is_noticed();
	a_state_that_is_not_as_it_was_stored_is_none();
	for (size_t i = 0; i < ROWS(tails); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		(void)unlink(name);
	}
	CHECK(rmdir(dir) == 0, "clean up");
	return CHECK_EXIT();
}
