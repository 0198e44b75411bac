#include "base/rng.h"
#include "storage/object/catalogue.h"
#include "storage/object/head.h"
#include "storage/object/segment.h"
#include "tests/check.h"
#include "tests/storage/object_vectors.h"

static const struct catalogue_object object = {
	.full = {1}, .k = 10, .n = 30, .segments = 2, .size = 1000};

static struct catalogue *with(const struct catalogue_entry *entries, size_t n)
{
	struct catalogue *c = catalogue_new();

	if (!c || catalogue_add_object(c, &object, NULL) != ERR_NONE ||
	    catalogue_add_object(c, &object, NULL) != ERR_NONE)
		abort();
	for (size_t i = 0; i < n; i++)
		if (catalogue_add_entry(c, &entries[i], NULL) != ERR_NONE)
			abort();
	return c;
}

static void the_published_catalogue_holds(void)
{
	size_t len, again_len;
	uint8_t *bytes = vector_bytes(&len, VECTOR_CATALOGUE), *again;
	const struct catalogue_entry *f;
	struct catalogue *c;

	CHECK(catalogue_decode(&c, bytes, len, NULL) == ERR_NONE, "decode");
	CHECK(c->sequence == 9 && c->objects_n == 1 && c->agreements_n == 1 &&
		      c->entries_n == 3,
	      "counts");
	CHECK(c->objects[0].full[31] == 0x77 && c->objects[0].k == 10 &&
		      c->objects[0].n == 30 && c->objects[0].segments == 2 &&
		      c->objects[0].put_s == 1700000000,
	      "object");
	CHECK(c->agreements[0].number == 3 && c->agreements[0].opened &&
		      c->agreements[0].host.bytes[0] == 0x11,
	      "agreement");
	f = catalogue_find(c, "a/b.txt");
	CHECK(f && f->kind == CATALOGUE_FILE && f->mode == 0644 &&
		      f->mtime_ns == -1 && f->size == 10500000,
	      "file");
	f = catalogue_find(c, "a");
	CHECK(f && f->kind == CATALOGUE_DIR &&
		      f->mtime_ns == 1700000000123456789,
	      "directory");
	f = catalogue_find(c, "a/link");
	CHECK(f && f->kind == CATALOGUE_LINK && strcmp(f->target, "b.txt") == 0,
	      "link");
	CHECK(!catalogue_find(c, "b") && !catalogue_find(c, "a/") &&
		      !catalogue_find(c, ""),
	      "not there");
	CHECK(catalogue_encode(&again, &again_len, c, NULL) == ERR_NONE &&
		      again_len == len && memcmp(again, bytes, len) == 0,
	      "the same again");
	free(again);
	catalogue_free(c);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *part = malloc(cut + 1);

		if (!part)
			abort();
		memcpy(part, bytes, cut);
		CHECK(catalogue_decode(&c, part, cut, NULL) == ERR_PARSE,
		      "cut at %zu", cut);
		free(part);
	}
	free(bytes);
}

/* What cannot be decoded is not encoded either, so the rows go both ways. */
static void entries_are_checked(void)
{
#define DIR_(p) \
	{ \
		.kind = CATALOGUE_DIR, .path = (p) \
	}
#define FILE_(p, o, at, n) \
	{ \
		.kind = CATALOGUE_FILE, .path = (p), .object = (o), \
		.offset = (at), .size = (n) \
	}
#define LINK_(p, t) \
	{ \
		.kind = CATALOGUE_LINK, .path = (p), .target = (t) \
	}
	static const struct {
		const char *name;
		struct catalogue_entry entries[3];
		size_t n;
		bool ok;
	} rows[] = {
		{"nothing", {{0}}, 0, true},
		{"a file", {FILE_("f", 0, 0, 1000)}, 1, true},
		{"an empty file", {FILE_("f", 0, 0, 0)}, 1, true},
		{"an empty file somewhere", {FILE_("f", 1, 0, 0)}, 1, false},
		{"a file over two objects", {FILE_("f", 0, 1, 1999)}, 1, true},
		{"one byte too many", {FILE_("f", 0, 1, 2000)}, 1, false},
		{"a size that wraps", {FILE_("f", 0, 1, UINT64_MAX)}, 1, false},
		{"an offset beyond", {FILE_("f", 0, 1000, 1)}, 1, false},
		{"past the last object", {FILE_("f", 1, 0, 1001)}, 1, false},
		{"no such object", {FILE_("f", 2, 0, 1)}, 1, false},
		{"two files of the same bytes",
		 {FILE_("f", 0, 0, 5), FILE_("g", 0, 0, 5)},
		 2,
		 true},
		{"given out of order",
		 {FILE_("b", 0, 0, 5), FILE_("a", 0, 0, 5), DIR_("c")},
		 3,
		 true},
		{"a path twice", {FILE_("b", 0, 0, 5), DIR_("b")}, 2, false},
		{"below a directory",
		 {DIR_("a"), DIR_("a/b"), FILE_("a/b/c", 0, 0, 1)},
		 3,
		 true},
		{"below a directory with others between",
		 {DIR_("a"), FILE_("a-b", 0, 0, 1), FILE_("a/c", 0, 0, 1)},
		 3,
		 true},
		{"below nothing", {FILE_("a/c", 0, 0, 1)}, 1, false},
		{"below a link",
		 {LINK_("a", "/etc"), FILE_("a/c", 0, 0, 1)},
		 2,
		 false},
		{"below a file",
		 {FILE_("a", 0, 0, 1), FILE_("a/c", 0, 0, 1)},
		 2,
		 false},
		{"no path", {DIR_("")}, 1, false},
		{"an absolute path", {DIR_("/a")}, 1, false},
		{"a slash behind", {DIR_("a"), DIR_("a/")}, 2, false},
		{"two slashes", {DIR_("a"), DIR_("a//b")}, 2, false},
		{"here", {DIR_(".")}, 1, false},
		{"above", {DIR_("..")}, 1, false},
		{"above, within", {DIR_("a"), DIR_("a/..")}, 2, false},
		{"three dots", {DIR_("...")}, 1, true},
		{"no UTF-8", {DIR_("\xff\xfe")}, 1, true},
		{"a link to nothing", {LINK_("a", "")}, 1, false},
		{"a link without a target",
		 {{.kind = CATALOGUE_LINK, .path = "a"}},
		 1,
		 false},
		{"a directory with a target",
		 {{.kind = CATALOGUE_DIR, .path = "a", .target = "b"}},
		 1,
		 false},
		{"a directory with bytes",
		 {{.kind = CATALOGUE_DIR, .path = "a", .size = 1}},
		 1,
		 false},
		{"a mode of more than 12 bits",
		 {{.kind = CATALOGUE_DIR, .path = "a", .mode = 010000}},
		 1,
		 false},
		{"no kind", {{.path = "a"}}, 1, false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct catalogue *c = with(rows[i].entries, rows[i].n), *back;
		uint8_t *bytes = NULL, *again;
		size_t len, again_len;

		CHECK(catalogue_encode(&bytes, &len, c, NULL) ==
			      (rows[i].ok ? ERR_NONE : ERR_STATE),
		      "%s", rows[i].name);
		catalogue_free(c);
		if (!bytes)
			continue;
		CHECK(catalogue_decode(&back, bytes, len, NULL) == ERR_NONE,
		      "%s: back", rows[i].name);
		CHECK(catalogue_encode(&again, &again_len, back, NULL) ==
				      ERR_NONE &&
			      len == again_len &&
			      memcmp(bytes, again, len) == 0,
		      "%s: the same", rows[i].name);
		free(again);
		catalogue_free(back);
		free(bytes);
	}
}

/* Bytes of the published catalogue that say what an encoder never says. */
static void malformed_bytes_are_refused(void)
{
	enum {
		OBJECTS = 9,
		KEY = 13,
		K = 45,
		SEGMENTS = 47,
		TIME = 57,
		OPENED = 93,
		ENTRIES = 94,
		SHARED = 114,
		PATH = 118,
		KIND = 124,
		MODE = 125
	};
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
	} rows[] = {
		{"another version", 0, 2},
		{"more objects than bytes", OBJECTS, 1},
		{"more entries than bytes", ENTRIES, 0x80},
		{"k 0", K, 0},
		{"k above 64", K, 65},
		{"n below k", K + 1, 9},
		{"no segments", SEGMENTS + 1, 0},
		{"a size beyond its segments", SEGMENTS + 2, 1},
		{"a time before 1970", TIME, 0x80},
		{"neither opened nor not", OPENED, 2},
		{"more shared than there was", SHARED + 1, 2},
		{"less shared than possible", PATH, 'a'},
		{"a zero byte in a path", PATH + 2, 0},
		{"no kind", KIND, 4},
		{"a mode of more than 12 bits", MODE, 0x10},
	};
	size_t len;
	uint8_t *bytes = vector_bytes(&len, VECTOR_CATALOGUE);
	struct catalogue *c;

	CHECK(bytes[K] == 10 && bytes[OPENED] == 1 && bytes[KIND] == 1 &&
		      memcmp(bytes + PATH, "/b.txt", 6) == 0,
	      "the offsets are right");
	/* "a" shares nothing with "", so its second time is a third entry */
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t was = bytes[rows[i].at];

		bytes[rows[i].at] = rows[i].value;
		if (rows[i].at == PATH) /* "a" again instead of sharing it */
			bytes[SHARED + 1] = 0;
		CHECK(catalogue_decode(&c, bytes, len, NULL) == ERR_PARSE, "%s",
		      rows[i].name);
		bytes[rows[i].at] = was;
		bytes[SHARED + 1] = 1;
	}
	free(bytes);
}

static void many_files_stay_small_and_are_found(void)
{
	enum { MANY = 20000 };
	struct catalogue *c = catalogue_new(), *back;
	struct catalogue_entry f = {.kind = CATALOGUE_DIR, .mode = 0755};
	uint8_t *bytes;
	char path[80];
	size_t len, sum = 0;

	CHECK(c && catalogue_add_object(c, &object, NULL) == ERR_NONE, "new");
	f.path = "tree";
	CHECK(catalogue_add_entry(c, &f, NULL) == ERR_NONE, "root");
	f = (struct catalogue_entry){.kind = CATALOGUE_FILE, .size = 1};
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(path, sizeof(path),
			       "tree/a-long-name-that-many-share-%05u.c", i);
		sum += strlen(path);
		f.path = path;
		f.offset = i % 1000;
		CHECK(catalogue_add_entry(c, &f, NULL) == ERR_NONE, "%u", i);
	}
	CHECK(catalogue_encode(&bytes, &len, c, NULL) == ERR_NONE, "encode");
	CHECK(len < MANY * 42, "%zu bytes", len);
	CHECK(catalogue_decode(&back, bytes, len, NULL) == ERR_NONE, "decode");
	CHECK(back->entries_n == MANY + 1, "all");
	f = *catalogue_find(back, "tree/a-long-name-that-many-share-12345.c");
	CHECK(f.offset == 345, "found");
	catalogue_free(back);
	catalogue_free(c);
	free(bytes);
}

/* A directory that shares with the one before it what it can. */
static uint8_t *write_dir(uint8_t *at, const char *last, const char *path)
{
	size_t shared = 0, len;

	while (path[shared] && path[shared] == last[shared])
		shared++;
	len = strlen(path) - shared;
	at[0] = (uint8_t)(shared >> 8);
	at[1] = (uint8_t)shared;
	at[2] = (uint8_t)(len >> 8);
	at[3] = (uint8_t)len;
	memcpy(at + 4, path + shared, len);
	at[4 + len] = CATALOGUE_DIR;
	return at + 4 + len + 1 + 2 + 8;
}

/* Each path is the last one but for a few bytes: little in the encoding, 4 KiB
 * in memory. The sum of the names is bounded, not only the bytes. */
static void names_that_unfold_are_bounded(void)
{
	enum { PATHS = 70000, LEAVES = PATHS - 15 };
	static const uint8_t head[1 + 8 + 4 + 4] = {1};
	uint8_t *p = calloc(1, sizeof(head) + 4 + 5000 + PATHS * 19UL), *at = p;
	char path[CATALOGUE_PATH_MAX + 1] = "", last[sizeof(path)] = "";
	struct catalogue *c;

	if (!p)
		abort();
	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	at[1] = PATHS >> 16;
	at[2] = PATHS >> 8 & 0xff;
	at[3] = PATHS & 0xff;
	at += 4;
	for (unsigned i = 0; i < 15; i++) { /* as deep as possible */
		if (i)
			path[i * 256 - 1] = '/';
		memset(path + (size_t)i * 256, 'x', 255);
		at = write_dir(at, last, path);
		memcpy(last, path, sizeof(path));
	}
	path[15 * 256 - 1] = '/';
	memset(path + 15 * 256, 'x', 255);
	for (unsigned i = 0; i < LEAVES; i++) { /* and many there */
		path[4092] = (char)('A' + i / 3600);
		path[4093] = (char)('A' + i / 60 % 60);
		path[4094] = (char)('A' + i % 60);
		at = write_dir(at, last, path);
		memcpy(last, path, sizeof(path));
	}
	CHECK(catalogue_decode(&c, p, (size_t)(at - p), NULL) == ERR_LIMIT,
	      "%zu bytes unfold", (size_t)(at - p));
	free(p);
}

static void agreements_are_sorted_and_single(void)
{
	static const struct catalogue_agreement a[] = {
		{{{2}}, 0, true}, {{{1}}, 7, false}, {{{1}}, 3, true}};
	struct catalogue *c = catalogue_new(), *back;
	uint8_t *bytes;
	size_t len;

	for (size_t i = 0; i < ROWS(a); i++)
		CHECK(c && catalogue_add_agreement(c, &a[i], NULL) == ERR_NONE,
		      "add");
	CHECK(catalogue_encode(&bytes, &len, c, NULL) == ERR_NONE, "encode");
	CHECK(catalogue_decode(&back, bytes, len, NULL) == ERR_NONE, "decode");
	CHECK(back->agreements[0].number == 3 && back->agreements[0].opened &&
		      back->agreements[1].number == 7 &&
		      !back->agreements[1].opened &&
		      back->agreements[2].host.bytes[0] == 2,
	      "in order");
	catalogue_free(back);
	memcpy(bytes + 17 + 25, bytes + 17, 25);
	CHECK(catalogue_decode(&back, bytes, len, NULL) == ERR_PARSE, "twice");
	free(bytes);
	CHECK(catalogue_add_agreement(c, &a[0], NULL) == ERR_NONE, "again");
	CHECK(catalogue_encode(&bytes, &len, c, NULL) == ERR_STATE, "twice");
	catalogue_free(c);
}

static void footers_are_bounded(void)
{
	static const struct {
		const char *name;
		struct catalogue_footer f;
		uint64_t stream;
		bool ok;
	} rows[] = {
		{"a table behind the files", {1000, 500}, 10000, true},
		{"right before the footer", {1000, 500}, 1524, true},
		{"into the footer", {1000, 501}, 1524, false},
		{"an empty one", {1000, 0}, 10000, false},
		{"too long", {0, CATALOGUE_MAX + 1}, UINT64_MAX, false},
		{"an offset beyond", {10000, 1}, 10000, false},
		{"a sum that wraps", {UINT64_MAX, 2}, 10000, false},
		{"a stream of nothing", {0, 1}, 10, false},
	};
	uint8_t bytes[CATALOGUE_FOOTER_LEN];
	struct catalogue_footer got;

	for (size_t i = 0; i < ROWS(rows); i++) {
		catalogue_footer_encode(bytes, &rows[i].f);
		CHECK(catalogue_footer_decode(&got, bytes, rows[i].stream) ==
			      rows[i].ok,
		      "%s", rows[i].name);
		CHECK(got.offset == rows[i].f.offset &&
			      got.len == rows[i].f.len,
		      "%s", rows[i].name);
	}
	catalogue_footer_encode(bytes, &rows[0].f);
	bytes[0] ^= 1;
	CHECK(!catalogue_footer_decode(&got, bytes, 10000), "zeroes, or data");
}

/* --- the head --- */

static uint8_t head_key[OBJECT_KEY_LEN];

static void the_published_head_holds(void)
{
	size_t len, catalogue_len = strlen(VECTOR_CATALOGUE) / 2;
	uint8_t *bytes = vector_bytes(&len, VECTOR_HEAD);
	struct object_head h;

	CHECK(head_open(&h, head_key, bytes, len, NULL) == ERR_NONE, "opens");
	CHECK(h.sequence == 9 && h.full[0] == 0x77 && h.k == 4 && h.n == 12 &&
		      h.segments == 1 && h.size == catalogue_len &&
		      h.time_s == 1700000001,
	      "content");
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= 1;
		CHECK(head_open(&h, head_key, bytes, len, NULL) ==
			      (i ? ERR_SIG : ERR_PARSE),
		      "altered at %zu", i);
		bytes[i] ^= 1;
	}
	CHECK(head_open(&h, head_key, bytes, len - 1, NULL) == ERR_PARSE,
	      "cut");
	free(bytes);
}

static void heads_are_sealed_in_range_only(void)
{
	static const struct object_head good = {
		.sequence = 1, .k = 1, .n = 3, .segments = 1, .size = 500};
	static const struct {
		const char *name;
		uint64_t sequence, size;
		uint16_t segments;
		uint8_t k, n;
		int64_t time_s;
		bool ok;
	} rows[] = {
		{"good", 1, 500, 1, 1, 3, 0, true},
		{"sequence 0", 0, 500, 1, 1, 3, 0, false},
		{"a high sequence", UINT64_MAX, 500, 1, 1, 3, 0, false},
		{"nothing in it", 1, 0, 1, 1, 3, 0, false},
		{"more than its segments", 1, 2000000, 1, 1, 3, 0, false},
		{"more than a catalogue", 1, CATALOGUE_MAX + 1, 4096, 1, 3, 0,
		 false},
		{"no segments", 1, 500, 0, 1, 3, 0, false},
		{"k 0", 1, 500, 1, 0, 3, 0, false},
		{"n below k", 1, 500, 1, 4, 3, 0, false},
		{"before 1970", 1, 500, 1, 1, 3, -1, false},
	};
	struct rng rng = rng_seeded(1);
	uint8_t bytes[HEAD_LEN];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct object_head h = good, got;

		h.sequence = rows[i].sequence;
		h.size = rows[i].size;
		h.segments = rows[i].segments;
		h.k = rows[i].k;
		h.n = rows[i].n;
		h.time_s = rows[i].time_s;
		CHECK(head_seal(bytes, &h, head_key, &rng, NULL) ==
			      (rows[i].ok ? ERR_NONE : ERR_STATE),
		      "%s", rows[i].name);
		if (rows[i].ok)
			CHECK(head_open(&got, head_key, bytes, HEAD_LEN,
					NULL) == ERR_NONE &&
				      memcmp(&got, &h, sizeof(h)) == 0,
			      "%s", rows[i].name);
	}
}

int main(void)
{
	uint8_t master[OBJECT_KEY_LEN];

	for (uint8_t i = 0; i < OBJECT_KEY_LEN; i++)
		master[i] = (uint8_t)(32 + i);
	object_head_key(head_key, master);
	the_published_catalogue_holds();
	entries_are_checked();
	malformed_bytes_are_refused();
	many_files_stay_small_and_are_found();
	names_that_unfold_are_bounded();
	agreements_are_sorted_and_single();
	footers_are_bounded();
	the_published_head_holds();
	heads_are_sealed_in_range_only();
	return CHECK_EXIT();
}
