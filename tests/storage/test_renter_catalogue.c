/* What is stored is written down and comes back from that alone; the table of
 * an object names its files to who has its link. */
#include "storage/rent/renter_catalogue.h"

#include "base/db.h"
#include "storage/object/segment.h"
#include "storage/object/source.h"
#include "storage/rent/rent_msg.h"
#include "storage/rent/renter_placement.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint8_t master[OBJECT_KEY_LEN] = {1};
static const uint8_t other_master[OBJECT_KEY_LEN] = {2};

static void must(enum err_code got, const char *what)
{
	CHECK(got == ERR_NONE, "%s: %d", what, got);
}

static struct renter_db *open_db(void)
{
	struct renter_db *r = NULL;

	if (renter_db_open(&r, DB_IN_MEMORY, NULL) != ERR_NONE)
		abort();
	return r;
}

static int64_t object(struct renter_db *db, uint8_t key, uint64_t size,
		      enum renter_object_state state, bool catalogue)
{
	const uint8_t full[OBJECT_KEY_LEN] = {key};
	struct rng rng = rng_seeded(key);
	struct renter_object o = {.state = state,
				  .catalogue = catalogue,
				  .size = size,
				  .k = 2,
				  .n = 5,
				  .segments = 3,
				  .put_s = 1000 + key};

	must(renter_wrap_key(&o, NULL, master, full, &rng, NULL), "wrap");
	must(renter_db_add_object(db, &o, NULL), "add an object");
	return o.id;
}

static void file(struct renter_db *db, const char *path, int64_t in,
		 uint64_t offset, uint64_t size)
{
	const struct renter_file f = {.path = path,
				      .kind = RENTER_FILE,
				      .mode = 0640,
				      .mtime_ns = 77,
				      .object = in,
				      .offset = offset,
				      .size = size};

	must(renter_db_set_file(db, &f, NULL), path);
}

static void other(struct renter_db *db, const char *path, const char *target)
{
	const struct renter_file f = {.path = path,
				      .target = target,
				      .kind = target ? RENTER_LINK : RENTER_DIR,
				      .mode = 0700,
				      .mtime_ns = -5};

	must(renter_db_set_file(db, &f, NULL), path);
}

static void agreement(struct renter_db *db, uint8_t host, uint32_t number,
		      enum renter_agreement_state state)
{
	struct renter_agreement a = {.state = state};

	a.offered.host.bytes[0] = host;
	a.offered.number = number;
	a.signed_ = a.offered;
	must(renter_db_add_agreement(db, &a, NULL), "add an agreement");
}

struct ids {
	int64_t first, second, putting, dropping;
};

/* Everything that there can be. */
static struct ids fill(struct renter_db *db)
{
	struct ids i;

	i.first = object(db, 1, 1000, RENTER_STORED, false);
	(void)object(db, 2, 50, RENTER_STORED, true);
	i.second = object(db, 3, 500, RENTER_STORED, false);
	i.putting = object(db, 4, 800, RENTER_PUTTING, false);
	i.dropping = object(db, 5, 900, RENTER_DROPPING, false);
	other(db, "a", NULL);
	file(db, "a.txt", i.first, 0, 10);
	file(db, "a/empty", 0, 0, 0);
	file(db, "a/goes on", i.first, 10, 1490);
	file(db, "a/b/c/deep", i.second, 0, 500);
	other(db, "a/link", "b/c");
	file(db, "new/one", i.putting, 0, 800);
	file(db, "new/two", i.second, 400, 900);
	file(db, "old", i.dropping, 0, 900);
	agreement(db, 9, 4, RENTER_OPENED);
	agreement(db, 8, RENT_UNOPENED + 1, RENTER_UNOPENED);
	agreement(db, 7, 0, RENTER_DRAFT);
	agreement(db, 6, RENT_UNOPENED, RENTER_DRAFT);
	agreement(db, 5, 1, RENTER_ENDED);
	/* that a restore found listed, and did not meet */
	agreement(db, 10, RENT_UNOPENED + 7, RENTER_ENDED);
	return i;
}

static struct catalogue *build(struct renter_db *db, const int64_t *about,
			       size_t n)
{
	struct catalogue *c = NULL;
	struct err e = {0};

	CHECK(renter_catalogue_build(&c, db, master, 12, about, n, &e) ==
		      ERR_NONE,
	      "build: %s", e.msg);
	if (!c)
		abort();
	return c;
}

static uint8_t *encode(struct catalogue *c, size_t *len)
{
	uint8_t *p = NULL;
	struct err e = {0};

	CHECK(catalogue_encode(&p, len, c, &e) == ERR_NONE, "encode: %s",
	      e.msg);
	if (!p)
		abort();
	return p;
}

static void what_is_stored_is_listed(void)
{
	static const char *const paths[] = {
		"a",	      "a.txt",	 "a/b",	      "a/b/c",
		"a/b/c/deep", "a/empty", "a/goes on", "a/link"};
	static const uint32_t numbers[] = {RENT_UNOPENED, 0, RENT_UNOPENED + 1,
					   4, RENT_UNOPENED + 7};
	struct renter_db *db = open_db();
	struct catalogue *c;
	const struct catalogue_entry *f;
	uint8_t *bytes;
	size_t len;

	(void)fill(db);
	c = build(db, NULL, 0);
	bytes = encode(c, &len);
	CHECK(c->sequence == 12 && c->objects_n == 2, "two objects");
	CHECK(c->objects[0].full[0] == 1 && c->objects[0].put_s == 1001 &&
		      c->objects[0].size == 1000 &&
		      c->objects[0].segments == 3 && c->objects[1].full[0] == 3,
	      "as they are");
	CHECK(c->entries_n == ROWS(paths), "%u entries", c->entries_n);
	for (uint32_t i = 0; i < c->entries_n && i < ROWS(paths); i++)
		CHECK(strcmp(c->entries[i].path, paths[i]) == 0, "%s",
		      c->entries[i].path);
	f = catalogue_find(c, "a/goes on");
	CHECK(f && f->object == 0 && f->offset == 10 && f->size == 1490 &&
		      f->mode == 0640 && f->mtime_ns == 77,
	      "over the catalogue's object to the next");
	f = catalogue_find(c, "a/b");
	CHECK(f && f->kind == CATALOGUE_DIR && f->mode == 0755 &&
		      f->mtime_ns == 77,
	      "a parent that was missing");
	f = catalogue_find(c, "a");
	CHECK(f && f->mode == 0700 && f->mtime_ns == -5, "one that was not");
	CHECK(c->agreements_n == 5, "%u agreements", c->agreements_n);
	for (uint32_t i = 0; i < c->agreements_n; i++)
		CHECK(c->agreements[i].host.bytes[0] == 6 + i &&
			      c->agreements[i].number == numbers[i] &&
			      c->agreements[i].opened ==
				      (numbers[i] < RENT_UNOPENED),
		      "agreement %u", i);
	free(bytes);
	catalogue_free(c);
	renter_db_close(db);
}

static void what_is_about_to_be_stored_is_listed_too(void)
{
	struct renter_db *db = open_db();
	struct ids i = fill(db);
	int64_t about[2] = {i.putting, i.dropping};
	struct catalogue *c = build(db, about, 2);
	uint8_t *bytes;
	size_t len;

	bytes = encode(c, &len);
	CHECK(c->objects_n == 3, "three, and none that goes");
	CHECK(catalogue_find(c, "new") && catalogue_find(c, "new/one") &&
		      catalogue_find(c, "new/two"),
	      "its files, and what goes on in it");
	CHECK(!catalogue_find(c, "old"), "not what goes");
	free(bytes);
	catalogue_free(c);
	renter_db_close(db);
}

/* Two versions of a.txt: each list names the one that is its own. */
static void what_is_being_put_again_is_listed_as_it_is_stored(void)
{
	struct renter_db *db = open_db();
	struct ids i = fill(db);
	struct renter_put put = {.source = "/a", .name = "a", .k = 2, .n = 5};
	const struct renter_file f = {.path = "a.txt",
				      .kind = RENTER_FILE,
				      .object = i.putting,
				      .offset = 100,
				      .size = 20};
	const struct catalogue_entry *now, *then;
	struct catalogue *c, *with;
	struct renter_object o;
	size_t len;

	must(renter_db_add_put(db, &put, NULL), "a put");
	must(renter_db_object(db, i.putting, &o, NULL), "its object");
	o.put = put.id;
	must(renter_db_set_object(db, &o, NULL), "is of it");
	must(renter_db_add_waiting(db, put.id, &f, NULL), "its file");
	c = build(db, NULL, 0);
	with = build(db, &i.putting, 1);
	free(encode(c, &len)); /* sorted by it */
	free(encode(with, &len));
	now = catalogue_find(c, "a.txt");
	then = catalogue_find(with, "a.txt");
	CHECK(now && now->object == 0 && now->size == 10, "to others");
	CHECK(then && then->object == 2 && then->offset == 100 &&
		      then->size == 20,
	      "when it is done");
	CHECK(catalogue_find(with, "a/empty") != NULL, "and all others");
	catalogue_free(c);
	catalogue_free(with);
	renter_db_close(db);
}

static void a_database_comes_back_from_its_catalogue(void)
{
	struct renter_db *old = open_db(), *new = open_db();
	struct rng rng = rng_seeded(1);
	struct catalogue *c, *decoded = NULL, *again;
	uint8_t *bytes, *same;
	size_t len, same_len;
	uint64_t number = 0;

	(void)fill(old);
	c = build(old, NULL, 0);
	bytes = encode(c, &len);
	must(catalogue_decode(&decoded, bytes, len, NULL), "decode");
	must(renter_catalogue_restore(new, decoded, master, &rng, NULL),
	     "restore");
	renter_db_rollback(new);
	again = build(new, NULL, 0);
	CHECK(again->objects_n == 0 && again->entries_n == 0,
	      "nothing without its commit");
	catalogue_free(again);
	must(renter_catalogue_restore(new, decoded, master, &rng, NULL),
	     "restore");
	must(renter_db_commit(new, NULL), "commit");
	agreement(new, 9, 4, RENTER_OPENED);
	agreement(new, 8, RENT_UNOPENED + 1, RENTER_UNOPENED);
	agreement(new, 7, 0, RENTER_OPENED);
	agreement(new, 6, RENT_UNOPENED, RENTER_UNOPENED);
	agreement(new, 10, RENT_UNOPENED + 7, RENTER_UNOPENED);
	again = build(new, NULL, 0);
	same = encode(again, &same_len);
	CHECK(len == same_len && memcmp(bytes, same, len) == 0,
	      "the same catalogue");
	must(renter_db_number(new, RENTER_CATALOGUE, &number, NULL), "number");
	CHECK(number == 12, "its sequence");
	CHECK(renter_catalogue_restore(new, decoded, master, &rng, NULL) ==
		      ERR_STATE,
	      "not twice");
	free(bytes);
	free(same);
	catalogue_free(c);
	catalogue_free(again);
	catalogue_free(decoded);
	renter_db_close(old);
	renter_db_close(new);
}

static void what_cannot_be_listed_is_said(void)
{
	static const struct {
		const char *name, *path;
		uint64_t offset, size;
		bool other;
		enum err_code want;
	} rows[] = {
		{"another phrase", "x", 0, 10, true, ERR_SIG},
		{"all of it", "x", 0, 100, false, ERR_NONE},
		{"begins behind it", "x", 100, 1, false, ERR_STATE},
		{"ends behind it", "x", 1, 100, false, ERR_STATE},
		{"no end", "x", 5, UINT64_MAX, false, ERR_STATE},
		{"climbs out", "../x", 0, 10, false, ERR_STATE},
		{"from the root", "/x", 0, 10, false, ERR_STATE},
		{"below a link", "link/x", 0, 10, false, ERR_STATE},
		{"two slashes", "a//x", 0, 10, false, ERR_STATE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct renter_db *db = open_db();
		struct catalogue *c = NULL;
		uint8_t *bytes = NULL;
		size_t len;
		enum err_code code;

		file(db, rows[i].path, object(db, 1, 100, RENTER_STORED, false),
		     rows[i].offset, rows[i].size & INT64_MAX);
		other(db, "link", "elsewhere");
		code = renter_catalogue_build(
			&c, db, rows[i].other ? other_master : master, 1, NULL,
			0, NULL);
		CHECK((code == ERR_NONE) == (c != NULL), "%s", rows[i].name);
		if (code == ERR_NONE)
			code = catalogue_encode(&bytes, &len, c, NULL);
		CHECK(code == rows[i].want, "%s: %d", rows[i].name, code);
		free(bytes);
		catalogue_free(c);
		renter_db_close(db);
	}
}

static void a_head_names_the_catalogues_object(void)
{
	const struct object_head h = {.full = {6},
				      .k = 2,
				      .n = 5,
				      .segments = 1,
				      .size = 99,
				      .time_s = 44};
	struct rng rng = rng_seeded(1);
	struct object_keys keys, got;
	struct renter_object o;

	must(renter_catalogue_object(&o, &keys, &h, master, &rng, NULL), "it");
	CHECK(o.catalogue && o.state == RENTER_STORED && o.size == 99 &&
		      o.k == 2 && o.n == 5 && o.segments == 1 && o.put_s == 44,
	      "as the head says");
	must(renter_unwrap_key(&got, &o, master, NULL), "its key");
	CHECK(memcmp(&keys, &got, sizeof(got)) == 0 && got.full[0] == 6,
	      "its keys");
}

/* --- tables --- */

/* As a put makes it, and who has a link reads it. */
static void the_table_of_a_put_opens(void)
{
	struct source *s = NULL;
	struct source_object *o = NULL;
	struct catalogue_footer foot = {0};
	struct placement *p = NULL;
	struct catalogue *c = NULL;
	uint8_t stream[1024], tail[CATALOGUE_FOOTER_LEN];
	size_t got = 0;
	int fd[2];

	if (pipe(fd) != 0 || write(fd[1], "hello", 5) != 5)
		abort();
	(void)close(fd[1]);
	must(source_pipe(&s, fd[0], "d/name", 7, NULL), "pipe");
	must(source_object_new(&o, s, 0, source_cut(s, 0, 2, 3), 2, 3, 8, NULL),
	     "object");
	must(source_object_read(o, 0, stream, sizeof(stream), &got, NULL),
	     "read");
	CHECK(source_object_tail(o, tail) == sizeof(tail) &&
		      catalogue_footer_decode(&foot, tail,
					      segment_plain_len(2)) &&
		      foot.offset == 5 && foot.offset + foot.len == got,
	      "its footer");
	must(placement_new(&p, 2, 3, source_object_segments(o), NULL),
	     "placement");
	must(renter_table_open(&c, stream + foot.offset, foot.len, p, &foot,
			       NULL),
	     "open");
	CHECK(c && catalogue_find(c, "d/name") &&
		      catalogue_find(c, "d/name")->size == 5,
	      "its file");
	catalogue_free(c);
	placement_free(p);
	source_object_free(o);
	source_free(s);
}

static void a_table_of_something_else_is_refused(void)
{
	static const struct {
		const char *name;
		uint64_t sequence;
		uint8_t key, k, n;
		uint16_t segments;
		uint64_t size;
		unsigned objects, agreements;
		enum err_code want;
	} rows[] = {
		{"its own", 0, 0, 2, 3, 4, 100, 1, 0, ERR_NONE},
		{"a catalogue", 1, 0, 2, 3, 4, 100, 1, 0, ERR_PARSE},
		{"another object", 0, 1, 2, 3, 4, 100, 1, 0, ERR_PARSE},
		{"another k", 0, 0, 1, 3, 4, 100, 1, 0, ERR_PARSE},
		{"another n", 0, 0, 2, 4, 4, 100, 1, 0, ERR_PARSE},
		{"more segments", 0, 0, 2, 3, 5, 100, 1, 0, ERR_PARSE},
		{"files in the table", 0, 0, 2, 3, 4, 101, 1, 0, ERR_PARSE},
		{"two objects", 0, 0, 2, 3, 4, 100, 2, 0, ERR_PARSE},
		{"no object", 0, 0, 2, 3, 4, 100, 0, 0, ERR_PARSE},
		{"agreements", 0, 0, 2, 3, 4, 100, 1, 1, ERR_PARSE},
	};
	struct placement *p = NULL;

	must(placement_new(&p, 2, 3, 4, NULL), "placement");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct catalogue *c = catalogue_new(), *got = NULL;
		struct catalogue_footer foot = {.offset = 100};
		const struct catalogue_object o = {.full = {rows[i].key},
						   .k = rows[i].k,
						   .n = rows[i].n,
						   .segments = rows[i].segments,
						   .size = rows[i].size};
		const struct catalogue_agreement a = {.number = 1};
		uint8_t *bytes;
		size_t len;

		c->sequence = rows[i].sequence;
		for (unsigned k = 0; k < rows[i].objects; k++)
			must(catalogue_add_object(c, &o, NULL), "object");
		for (unsigned k = 0; k < rows[i].agreements; k++)
			must(catalogue_add_agreement(c, &a, NULL), "agreement");
		bytes = encode(c, &len);
		foot.len = len;
		CHECK(renter_table_open(&got, bytes, len, p, &foot, NULL) ==
			      rows[i].want,
		      "%s", rows[i].name);
		CHECK((got != NULL) == (rows[i].want == ERR_NONE), "%s",
		      rows[i].name);
		catalogue_free(got);
		catalogue_free(c);
		free(bytes);
	}
	placement_free(p);
}

int main(void)
{
	what_is_stored_is_listed();
	what_is_about_to_be_stored_is_listed_too();
	what_is_being_put_again_is_listed_as_it_is_stored();
	a_database_comes_back_from_its_catalogue();
	what_cannot_be_listed_is_said();
	a_head_names_the_catalogues_object();
	the_table_of_a_put_opens();
	a_table_of_something_else_is_refused();
	return CHECK_EXIT();
}
