/* What was put comes back as it was, wherever it is interrupted, and nothing
 * outside of the directory is touched, whatever the names say. */
#include "storage/object/sink.h"

#include "storage/object/sink_int.h"
#include "storage/object/source.h"
#include "tests/storage/files_rig.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#define T0 1600000000123456789
#define CAP (32U << 20)

static const struct hash32 id = {{1, 2, 3}};

/* --- a tree, its stream, and a place for it --- */

struct world {
	struct files_rig r;
	struct source *source;
	uint8_t *stream;
	uint64_t size, cut; /* bytes of an object */
};

static void make_tree(const struct files_rig *r, size_t big)
{
	rig_dir(r, "t");
	rig_dir(r, "t/a");
	rig_dir(r, "t/a/b");
	rig_dir(r, "t/empty");
	rig_file(r, "t/a/b/one", 1, 1);
	rig_file(r, "t/a/none", 2, 0);
	rig_file(r, "t/a.txt", 3, 70000);
	rig_file(r, "t/big", 4, big);
	rig_file(r, "t/run", 5, 9);
	rig_file(r, "t/z\xc3\xa4\n\xff", 6, 65536);
	rig_link(r, "../../../../etc/passwd", "t/a/b/link");
	rig_link(r, "nowhere", "t/dangling");
	rig_link(r, "/tmp", "t/to dir");
	CHECK(fchmodat(r->fd, "t/run", 04751, 0) == 0, "mode");
	CHECK(fchmodat(r->fd, "t/a.txt", 0400, 0) == 0, "mode");
	CHECK(fchmodat(r->fd, "t/a/b", 0555, 0) == 0, "mode");
	rig_time(r, "t/big", -1500000000);
	rig_time(r, "t/dangling", T0 + 1);
	rig_time(r, "t/empty", T0 + 2);
	rig_time(r, "t/a/b", T0 + 3);
	rig_time(r, "t/a", T0 + 4);
	rig_time(r, "t", T0 + 5);
}

static struct source *scan(const struct files_rig *r, const char *path,
			   const char *name)
{
	char full[128];
	struct source *s = NULL;
	struct err e = {0};

	(void)snprintf(full, sizeof(full), "%s%s", r->dir, path);
	CHECK(source_scan(&s, full, name, &e) == ERR_NONE, "%s: %s", path,
	      e.msg);
	if (!s)
		abort();
	return s;
}

static void take_source(struct world *w, const char *path, uint64_t cut)
{
	size_t got = 0;

	w->source = scan(&w->r, path, "t");
	w->size = source_size(w->source);
	w->cut = cut;
	w->stream = malloc(w->size + 1);
	if (!w->stream)
		abort();
	CHECK(source_read(w->source, 0, w->stream, w->size, &got, NULL) ==
			      ERR_NONE &&
		      got == w->size,
	      "stream");
}

static void world_make(struct world *w, size_t big, uint64_t cut)
{
	rig_make(&w->r);
	make_tree(&w->r, big);
	take_source(w, "/t", cut);
}

static void world_free(struct world *w)
{
	source_free(w->source);
	free(w->stream);
	(void)fchmodat(w->r.fd, "t/a/b", 0755, 0);
	(void)fchmodat(w->r.fd, "out/t/a/b", 0755, 0);
	rig_remove(&w->r);
}

/* The source's entries as they lie in objects. */
static void add_all(const struct world *w, struct sink *s)
{
	uint64_t left = w->size;

	while (left) {
		uint64_t n = left < w->cut ? left : w->cut;

		CHECK(sink_add_object(s, n, &id, NULL) == ERR_NONE, "object");
		left -= n;
	}
	for (uint32_t i = source_count(w->source); i-- > 0;) { /* any order */
		struct catalogue_entry f = *source_entry(w->source, i);

		f.object = (uint32_t)(f.offset / w->cut);
		f.offset %= w->cut;
		CHECK(sink_add(s, &f, NULL) == ERR_NONE, "entry");
	}
}

static struct sink *open_sink(const struct world *w)
{
	struct sink *s = NULL;
	char dir[96];
	struct err e = {0};

	(void)snprintf(dir, sizeof(dir), "%s/out", w->r.dir);
	CHECK(sink_dir(&s, dir, &e) == ERR_NONE, "%s", e.msg);
	if (!s)
		abort();
	return s;
}

static struct sink *begin(const struct world *w)
{
	struct sink *s = open_sink(w);
	struct err e = {0};

	add_all(w, s);
	CHECK(sink_begin(s, &e) == ERR_NONE, "begin: %s", e.msg);
	return s;
}

/* At most `most` bytes; the first error. */
static enum err_code feed(const struct world *w, struct sink *s, size_t step,
			  uint64_t most, struct err *e)
{
	for (uint32_t i = 0; i < sink_ranges(s); i++) {
		struct sink_range g = sink_range(s, i);

		while (g.len && most) {
			uint64_t n = g.len < step ? g.len : step;
			enum err_code code;

			n = n < most ? n : most;
			code = sink_write(s, g.object, g.off,
					  w->stream + g.object * w->cut + g.off,
					  n, e);
			if (code != ERR_NONE)
				return code;
			g.off += n;
			g.len -= n;
			most -= n;
		}
	}
	return ERR_NONE;
}

static void finish(const struct world *w, struct sink *s)
{
	struct err e = {0};

	CHECK(feed(w, s, 1U << 20, UINT64_MAX, &e) == ERR_NONE, "%s", e.msg);
	CHECK(sink_finish(s, &e) == ERR_NONE, "finish: %s", e.msg);
	sink_free(s);
}

/* out/t is what t is. */
static void check_out(const struct world *w, const char *name)
{
	struct source *s = scan(&w->r, "/out/t", "t");
	uint8_t *p = malloc(w->size + 1);
	struct err e = {0};
	size_t got = 0;

	CHECK(source_count(s) == source_count(w->source), "%s: %u entries",
	      name, source_count(s));
	for (uint32_t i = 0; i < source_count(s); i++) {
		const struct catalogue_entry *f = source_entry(s, i);
		const struct catalogue_entry *of = source_entry(w->source, i);

		CHECK(strcmp(f->path, of->path) == 0 && f->kind == of->kind &&
			      f->size == of->size,
		      "%s: %.60s", name, f->path);
		CHECK(f->mode == (of->mode & 01777) ||
			      f->kind == CATALOGUE_LINK,
		      "%s: %.60s: mode %o", name, f->path, f->mode);
		CHECK(f->mtime_ns == of->mtime_ns, "%s: %.60s: time", name,
		      f->path);
		CHECK(!f->target || strcmp(f->target, of->target) == 0,
		      "%s: %.60s: target", name, f->path);
	}
	CHECK(p && source_read(s, 0, p, w->size, &got, &e) == ERR_NONE &&
		      got == w->size && memcmp(p, w->stream, got) == 0,
	      "%s: bytes: %s", name, e.msg);
	free(p);
	source_free(s);
}

/* --- round trips --- */

/* From a directory that nobody may write to. */
static void drop(const struct world *w, const char *dir, const char *name)
{
	int fd = openat(w->r.fd, dir, O_RDONLY | O_DIRECTORY);

	CHECK(fchmod(fd, 0755) == 0 && unlinkat(fd, name, 0) == 0 &&
		      fchmod(fd, 0555) == 0,
	      "%s", name);
	(void)close(fd);
}

static void a_tree_comes_back_as_it_was(void)
{
	static const struct {
		const char *name;
		size_t big;
		uint64_t cut;
		size_t step;
	} rows[] = {
		{"one object", 3000000, UINT64_MAX, 65520},
		{"byte by byte", 5, UINT64_MAX, 1},
		{"over two objects", 3000000, 1700000, 100000},
		{"over many", 3000000, 65536, 65520},
		{"cut between files", 3000000, 70001, 1U << 20},
		{"more than is written before a flush", 17U << 20, UINT64_MAX,
		 CAP},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w = {.size = 0};
		struct sink_totals t;
		struct sink *s;
		struct err e = {0};

		world_make(&w, rows[i].big, rows[i].cut);
		s = begin(&w);
		sink_totals(s, &t);
		CHECK(t.wanted == w.size && t.bytes == w.size && t.files == 6 &&
			      t.there == 0 &&
			      t.entries == source_count(w.source),
		      "%s: %llu wanted", rows[i].name,
		      (unsigned long long)t.wanted);
		CHECK(sink_ranges(s) == (w.size - 1) / w.cut + 1,
		      "%s: a range an object", rows[i].name);
		CHECK(feed(&w, s, rows[i].step, UINT64_MAX, &e) == ERR_NONE,
		      "%s: %s", rows[i].name, e.msg);
		CHECK(sink_finish(s, &e) == ERR_NONE, "%s: %s", rows[i].name,
		      e.msg);
		sink_free(s);
		check_out(&w, rows[i].name);
		drop(&w, "out/t/a/b", "one"); /* again: all but this is there */
		s = begin(&w);
		sink_totals(s, &t);
		CHECK(t.wanted == 1 && t.there == 5 && sink_ranges(s) == 1,
		      "%s: again: %llu there", rows[i].name,
		      (unsigned long long)t.there);
		finish(&w, s);
		check_out(&w, "again");
		world_free(&w);
	}
}

static uint64_t resumes_at(uint64_t len)
{
	return len < SINK_BACK ? 0 : (len - SINK_BACK) / 65536 * 65536;
}

static void stopped_anywhere_it_goes_on(void)
{
	static const uint64_t cuts[] = {UINT64_MAX, 10000000};
	const uint64_t big = 18U << 20, before = 70001;

	for (size_t i = 0; i < ROWS(cuts); i++) {
		struct world w = {.size = 0};

		world_make(&w, big, cuts[i]);
		for (uint64_t at = 0; at < w.size; at += 1600000) {
			uint64_t of_big = at < before ? 0 : at - before, want;
			struct sink_totals t;
			struct sink *s = begin(&w);
			struct err e = {0};

			of_big = of_big < big ? of_big : big;
			want = w.size - (at < before ? 0 : before);
			want -= of_big == big ? big : resumes_at(of_big);
			if (of_big == big)
				want -= at - before - big >= 9 ? 9 : 0;
			CHECK(feed(&w, s, 300000, at, &e) == ERR_NONE, "%s",
			      e.msg);
			CHECK(sink_finish(s, NULL) == ERR_STATE,
			      "not all is there");
			sink_free(s);
			s = begin(&w);
			sink_totals(s, &t);
			CHECK(t.wanted == want,
			      "after %llu: %llu wanted, not %llu",
			      (unsigned long long)at,
			      (unsigned long long)t.wanted,
			      (unsigned long long)want);
			finish(&w, s);
			check_out(&w, "resumed");
			(void)fchmodat(w.r.fd, "out/t/a/b", 0755, 0);
			rig_empty(
				openat(w.r.fd, "out", O_RDONLY | O_DIRECTORY));
		}
		world_free(&w);
	}
}

/* Killed over and over, it comes to its end. */
static void stopped_again_and_again_it_ends(void)
{
	struct world w = {.size = 0};
	unsigned rounds = 0;
	struct sink *s;

	world_make(&w, 30U << 20, 20000000);
	for (;;) {
		struct sink_totals t;

		s = begin(&w);
		sink_totals(s, &t);
		if (t.wanted == 0 || ++rounds > 20)
			break;
		CHECK(feed(&w, s, 65520, 17U << 20, NULL) == ERR_NONE, "feed");
		sink_free(s);
	}
	CHECK(rounds <= 15, "%u rounds", rounds);
	finish(&w, s);
	check_out(&w, "again and again");
	world_free(&w);
}

/* --- one file, with everything that is wrong with it --- */

static const uint8_t ones[300000] = {1, 1, 1, 1};

static struct catalogue_entry file_at(const char *path, uint64_t offset,
				      uint64_t size)
{
	return (struct catalogue_entry){.kind = CATALOGUE_FILE,
					.path = path,
					.mode = 0644,
					.mtime_ns = T0,
					.offset = offset,
					.size = size};
}

static struct sink *sink_with(const struct world *w, uint64_t object,
			      const struct catalogue_entry *f, size_t n)
{
	struct sink *s = open_sink(w);

	CHECK(sink_add_object(s, object, &id, NULL) == ERR_NONE, "object");
	for (size_t i = 0; i < n; i++)
		CHECK(sink_add(s, &f[i], NULL) == ERR_NONE, "entry");
	return s;
}

static enum err_code write_ones(struct sink *s, struct err *e)
{
	enum err_code code = ERR_NONE;

	for (uint32_t i = 0; i < sink_ranges(s) && code == ERR_NONE; i++) {
		struct sink_range g = sink_range(s, i);

		code = sink_write(s, g.object, g.off, ones + g.off, g.len, e);
	}
	return code == ERR_NONE ? sink_finish(s, e) : code;
}

static void malformed_entries_are_refused(void)
{
	static const struct {
		const char *name;
		struct catalogue_entry f[3];
		const char *says;
	} rows[] = {
#define F(p) .kind = CATALOGUE_FILE, .path = (p)
		{"up", {{F("../x")}}, "../x: not written"},
		{"up within", {{F("a/../../x")}}, "\"..\""},
		{"up at the end", {{F("a/..")}}, "\"..\""},
		{"absolute", {{F("/tmp/x")}}, "/tmp/x: not written"},
		{"empty", {{F("")}}, "empty"},
		{"empty component", {{F("a//b")}}, "a//b: not written"},
		{"here", {{F("./a")}}, "\".\""},
		{"twice", {{F("a")}, {F("a")}}, "twice"},
		{"twice, apart", {{F("a")}, {F("b")}, {F("a")}}, "twice"},
		{"below a file", {{F("a")}, {F("a/b")}}, "is no directory"},
		{"below a link",
		 {{.kind = CATALOGUE_LINK, .path = "a", .target = "/tmp"},
		  {F("a/b/c/d")}},
		 "is no directory"},
		{"no target",
		 {{.kind = CATALOGUE_LINK, .path = "a"}},
		 "target"},
		{"a directory with bytes",
		 {{.kind = CATALOGUE_DIR, .path = "a", .size = 1}},
		 "with bytes"},
		{"no such kind", {{.kind = 7, .path = "a"}}, "kind"},
		{"no such object",
		 {{F("a"), .size = 1, .object = 1}},
		 "object"},
		{"behind the object",
		 {{F("a"), .size = 1, .offset = 1000}},
		 "outside"},
		{"longer than the object",
		 {{F("a"), .size = 991, .offset = 10}},
		 "outside"},
		{"longer than all numbers",
		 {{F("a"), .size = UINT64_MAX, .offset = 10}},
		 "outside"},
#undef F
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w = {.size = 0};
		struct err e = {0};
		struct sink *s;
		size_t n = 0;

		rig_make(&w.r);
		while (n < ROWS(rows[i].f) && rows[i].f[n].path)
			n++;
		s = sink_with(&w, 1000, rows[i].f, n);
		CHECK(sink_begin(s, &e) == ERR_PARSE &&
			      strstr(e.msg, rows[i].says),
		      "%s: %s", rows[i].name, e.msg);
		sink_free(s);
		rig_remove(&w.r);
	}
}

static bool exists(const struct files_rig *r, const char *path)
{
	return faccessat(r->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int first_byte(const struct files_rig *r, const char *path)
{
	int fd = openat(r->fd, path, O_RDONLY);
	uint8_t b = 0;

	CHECK(fd >= 0 && read(fd, &b, 1) == 1, "%s", path);
	(void)close(fd);
	return b;
}

static void what_is_in_the_way_is_said_and_left(void)
{
	static const struct {
		const char *name;
		char kind; /* of what is in the way */
		const char *at;
		struct catalogue_entry f;
		const char *says; /* NULL: it is replaced */
	} rows[] = {
#define FILE_OF(p, n) \
	{.kind = CATALOGUE_FILE, .path = (p), .mode = 0600, .size = (n)}
		{"a directory for a file", 'd', "out/a", FILE_OF("a", 9),
		 "a: something else is in the way"},
		{"a directory for an empty file", 'd', "out/a", FILE_OF("a", 0),
		 "a: something else is in the way"},
		{"a file for a directory",
		 'f',
		 "out/a",
		 {.kind = CATALOGUE_DIR, .path = "a"},
		 "a: something else"},
		{"a link for a directory",
		 'l',
		 "out/a",
		 {.kind = CATALOGUE_DIR, .path = "a"},
		 "a: something else"},
		{"a link on the way", 'l', "out/a", FILE_OF("a/victim", 9),
		 "a/victim: something else"},
		{"a link on the way of an empty file", 'l', "out/a",
		 FILE_OF("a/victim", 0), "a/victim: something else"},
		{"a file on the way", 'f', "out/a", FILE_OF("a/b/c", 9),
		 "a/b/c: something else"},
		{"a directory for a link",
		 'd',
		 "out/a",
		 {.kind = CATALOGUE_LINK, .path = "a", .target = "b"},
		 "a: something else"},
		{"a link on the way of a link",
		 'l',
		 "out/a",
		 {.kind = CATALOGUE_LINK, .path = "a/victim", .target = "b"},
		 "a/victim: something else"},
		{"a link for a file", 'v', "out/a", FILE_OF("a", 9), NULL},
		{"a link for an empty file", 'v', "out/a", FILE_OF("a", 0),
		 NULL},
		{"a file for a file", 'f', "out/a", FILE_OF("a", 9), NULL},
		{"a file for a link",
		 'f',
		 "out/a",
		 {.kind = CATALOGUE_LINK, .path = "a", .target = "b"},
		 NULL},
		{"a link for a link",
		 'v',
		 "out/a",
		 {.kind = CATALOGUE_LINK, .path = "a", .target = "b"},
		 NULL},
#undef FILE_OF
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct world w = {.size = 0};
		struct err e = {0};
		struct sink *s;
		struct stat st;
		enum err_code code;

		rig_make(&w.r);
		rig_dir(&w.r, "out");
		rig_dir(&w.r, "else");
		rig_file(&w.r, "else/victim", 1, 5);
		if (rows[i].kind == 'd')
			rig_dir(&w.r, rows[i].at);
		else if (rows[i].kind == 'f')
			rig_file(&w.r, rows[i].at, 2, 9);
		else
			rig_link(&w.r,
				 rows[i].kind == 'l' ? "../else"
						     : "../else/victim",
				 rows[i].at);
		s = sink_with(&w, 1000, &rows[i].f, 1);
		code = sink_begin(s, &e);
		CHECK((code == ERR_NONE) == !rows[i].says,
		      "%s: said before anything is fetched", rows[i].name);
		if (code == ERR_NONE)
			code = write_ones(s, &e);
		CHECK(code == (rows[i].says ? ERR_STATE : ERR_NONE), "%s: %s",
		      rows[i].name, e.msg);
		CHECK(!rows[i].says || strstr(e.msg, rows[i].says), "%s: %s",
		      rows[i].name, e.msg);
		sink_free(s);
		CHECK(fstatat(w.r.fd, "else/victim", &st,
			      AT_SYMLINK_NOFOLLOW) == 0 &&
			      S_ISREG(st.st_mode) && st.st_size == 5,
		      "%s: what lies outside is as it was", rows[i].name);
		if (!rows[i].says && rows[i].f.kind == CATALOGUE_FILE)
			CHECK(fstatat(w.r.fd, "out/a", &st,
				      AT_SYMLINK_NOFOLLOW) == 0 &&
				      S_ISREG(st.st_mode) &&
				      (uint64_t)st.st_size == rows[i].f.size,
			      "%s: it is there", rows[i].name);
		if (!rows[i].says && rows[i].f.size)
			CHECK(first_byte(&w.r, "out/a") == ones[0],
			      "%s: with its bytes", rows[i].name);
		rig_remove(&w.r);
	}
}

/* The name of the only part there. */
static void find_part(const struct world *w, char name[300])
{
	int fd = openat(w->r.fd, "out", O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(fd);
	const struct dirent *d;

	name[0] = '\0';
	while (dir && (d = readdir(dir)))
		if (strstr(d->d_name, ".seedbank-part"))
			(void)snprintf(name, 300, "out/%s", d->d_name);
	(void)closedir(dir);
}

/* Somebody knows what our part will be called. */
static void parts_that_are_not_ours_are_not_written_to(void)
{
	static const struct {
		const char *name;
		char kind;
	} rows[] = {{"a link", 'l'},
		    {"another name of a file", 'h'},
		    {"a FIFO", 'p'},
		    {"a part of ours", 'o'},
		    {"one that is longer", 'f'}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct catalogue_entry f = file_at("a", 0, 300000);
		struct world w = {.size = 0};
		struct err e = {0};
		struct sink *s;
		struct stat st;
		char part[300];

		rig_make(&w.r);
		rig_file(&w.r, "victim", 1, 5);
		s = sink_with(&w, 300000, &f, 1);
		CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
		CHECK(sink_write(s, 0, 0, ones, 100000, NULL) == ERR_NONE, "a");
		sink_free(s);
		find_part(&w, part);
		CHECK(strncmp(part, "out/a.", 6) == 0, "%s", part);
		if (rows[i].kind != 'o')
			CHECK(unlinkat(w.r.fd, part, 0) == 0, "unlink");
		if (rows[i].kind == 'l')
			rig_link(&w.r, "../victim", part);
		if (rows[i].kind == 'h')
			CHECK(linkat(w.r.fd, "victim", w.r.fd, part, 0) == 0,
			      "link");
		if (rows[i].kind == 'p')
			CHECK(mkfifoat(w.r.fd, part, 0600) == 0, "fifo");
		if (rows[i].kind == 'f')
			rig_file(&w.r, part, 3, 18U << 20);
		s = sink_with(&w, 300000, &f, 1);
		CHECK(sink_begin(s, &e) == ERR_NONE, "begin: %s", e.msg);
		CHECK(write_ones(s, &e) == ERR_NONE, "%s: %s", rows[i].name,
		      e.msg);
		sink_free(s);
		CHECK(fstatat(w.r.fd, "victim", &st, 0) == 0 &&
			      st.st_size == 5 && st.st_nlink == 1,
		      "%s: as it was", rows[i].name);
		CHECK(fstatat(w.r.fd, "out/a", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			      S_ISREG(st.st_mode) && st.st_size == 300000,
		      "%s: it is there", rows[i].name);
		CHECK(!exists(&w.r, part), "%s: no part is left", rows[i].name);
		rig_remove(&w.r);
	}
}

/* A part of another version is another part. */
static void another_version_is_begun_anew(void)
{
	static const struct {
		const char *name;
		int64_t mtime_ns;
		uint64_t offset, size;
		struct hash32 of;
		bool same;
	} rows[] = {
		{"the same", T0, 0, 20U << 20, {{1, 2, 3}}, true},
		{"another time", T0 + 1, 0, 20U << 20, {{1, 2, 3}}, false},
		{"another place", T0, 1, 20U << 20, {{1, 2, 3}}, false},
		{"another length", T0, 0, (20U << 20) + 1, {{1, 2, 3}}, false},
		{"another object", T0, 0, 20U << 20, {{1, 2, 4}}, false},
	};
	const struct catalogue_entry f = file_at("a", 0, 20U << 20);
	uint8_t *p = calloc(1, 20U << 20);

	for (size_t i = 0; i < ROWS(rows) && p; i++) {
		struct world w = {.size = 0};
		struct catalogue_entry g = f;
		struct sink_totals t;
		struct sink *s;

		rig_make(&w.r);
		s = sink_with(&w, 21U << 20, &f, 1);
		CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
		CHECK(sink_write(s, 0, 0, p, 19U << 20, NULL) == ERR_NONE, "a");
		sink_free(s);
		g.mtime_ns = rows[i].mtime_ns;
		g.offset = rows[i].offset;
		g.size = rows[i].size;
		s = open_sink(&w);
		CHECK(sink_add_object(s, 21U << 20, &rows[i].of, NULL) ==
				      ERR_NONE &&
			      sink_add(s, &g, NULL) == ERR_NONE &&
			      sink_begin(s, NULL) == ERR_NONE,
		      "begin");
		sink_totals(s, &t);
		CHECK((t.wanted == 17U << 20) == rows[i].same &&
			      (t.wanted == g.size) != rows[i].same,
		      "%s: %llu", rows[i].name, (unsigned long long)t.wanted);
		sink_free(s);
		rig_remove(&w.r);
	}
	free(p);
}

static void a_place_is_within_its_own_object(void)
{
	const struct catalogue_entry f = file_at("a", 1500, 10);
	struct world w = {.size = 0};
	struct err e = {0};
	struct sink *s;

	rig_make(&w.r);
	s = sink_with(&w, 1000, &f, 1);
	CHECK(sink_add_object(s, 5000, &id, NULL) == ERR_NONE, "object");
	CHECK(sink_add_object(s, UINT64_MAX, &id, NULL) == ERR_LIMIT, "object");
	CHECK(sink_begin(s, &e) == ERR_PARSE && strstr(e.msg, "outside"), "%s",
	      e.msg);
	sink_free(s);
	rig_remove(&w.r);
}

static void directories_close_from_within(void)
{
	const struct catalogue_entry f[] = {
		{.kind = CATALOGUE_DIR, .path = "a", .mtime_ns = T0},
		{.kind = CATALOGUE_DIR, .path = "a/b", .mode = 02750},
		file_at("a/b/c", 0, 9)};
	struct world w = {.size = 0};
	struct err e = {0};
	struct stat st;
	struct sink *s;

	rig_make(&w.r);
	s = sink_with(&w, 9, f, ROWS(f));
	CHECK(sink_begin(s, &e) == ERR_NONE && write_ones(s, &e) == ERR_NONE,
	      "%s", e.msg);
	sink_free(s);
	CHECK(fstatat(w.r.fd, "out/a", &st, 0) == 0 &&
		      (st.st_mode & 07777) == 0 && below_mtime_ns(&st) == T0,
	      "closed");
	CHECK(fchmodat(w.r.fd, "out/a", 0755, 0) == 0, "open");
	CHECK(fstatat(w.r.fd, "out/a/b", &st, 0) == 0 &&
		      (st.st_mode & 07777) == 0750,
	      "as it was");
	rig_remove(&w.r);
}

static void what_changes_meanwhile_is_noticed(void)
{
	static const char *const names[] = {"gone", "shorter", "replaced"};

	for (size_t i = 0; i < ROWS(names); i++) {
		const struct catalogue_entry f = file_at("a", 0, 20U << 20);
		uint8_t *p = calloc(1, 20U << 20);
		struct world w = {.size = 0};
		struct err e = {0};
		struct sink *s;
		char part[300];
		int fd;

		rig_make(&w.r);
		s = sink_with(&w, 20U << 20, &f, 1);
		CHECK(p && sink_begin(s, NULL) == ERR_NONE, "begin");
		CHECK(sink_write(s, 0, 0, p, 19U << 20, NULL) == ERR_NONE, "a");
		sink_free(s);
		s = sink_with(&w, 20U << 20, &f, 1);
		CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
		CHECK(sink_range(s, 0).off == 3U << 20, "goes on");
		find_part(&w, part);
		fd = openat(w.r.fd, part, O_WRONLY);
		if (i == 1)
			CHECK(ftruncate(fd, 1000) == 0, "cut");
		else
			CHECK(unlinkat(w.r.fd, part, 0) == 0, "unlink");
		if (i == 2)
			rig_file(&w.r, part, 1, 5);
		(void)close(fd);
		CHECK(sink_write(s, 0, 3U << 20, p, 1000, &e) == ERR_STATE &&
			      strstr(e.msg, "a: changed while"),
		      "%s: %s", names[i], e.msg);
		sink_free(s);
		free(p);
		rig_remove(&w.r);
	}
}

static void two_at_a_time_do_not_meet(void)
{
	const struct catalogue_entry f = file_at("a", 0, 300000);
	struct world w = {.size = 0};
	struct err e = {0};
	struct sink *s, *other;

	rig_make(&w.r);
	s = sink_with(&w, 300000, &f, 1);
	other = sink_with(&w, 300000, &f, 1);
	CHECK(sink_begin(s, NULL) == ERR_NONE &&
		      sink_begin(other, NULL) == ERR_NONE,
	      "begin");
	CHECK(sink_write(s, 0, 0, ones, 100, NULL) == ERR_NONE, "one");
	CHECK(sink_write(other, 0, 0, ones, 100, &e) == ERR_STATE &&
		      strstr(e.msg, "a: it is being got already"),
	      "%s", e.msg);
	sink_free(other);
	CHECK(sink_write(s, 0, 100, ones + 100, 299900, &e) == ERR_NONE &&
		      sink_finish(s, &e) == ERR_NONE,
	      "%s", e.msg);
	sink_free(s);
	rig_remove(&w.r);
}

static void bytes_come_in_order(void)
{
	const struct catalogue_entry f[] = {file_at("a", 0, 1000),
					    file_at("b", 2000, 1000),
					    file_at("c", 3000, 500)};
	static const struct {
		uint32_t object;
		uint64_t off;
		size_t len;
		bool right;
	} rows[] = {
		{0, 1, 10, false},    {1, 0, 10, false},
		{0, 0, 600, true},    {0, 0, 10, false},
		{0, 601, 1, false},   {0, 600, 401, false},
		{0, 1000, 1, false},  {0, 2000, 1200, true},
		{0, 3200, 300, true}, {0, 3500, 1, false},
	};
	struct world w = {.size = 0};
	struct err e = {0};
	struct sink *s;

	rig_make(&w.r);
	s = sink_with(&w, 4000, f, ROWS(f));
	CHECK(sink_write(s, 0, 0, ones, 10, NULL) == ERR_STATE, "not begun");
	CHECK(sink_finish(s, NULL) == ERR_STATE, "not begun");
	CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
	CHECK(sink_begin(s, NULL) == ERR_STATE, "once");
	CHECK(sink_ranges(s) == 2 && sink_range(s, 0).len == 1000 &&
		      sink_range(s, 1).off == 2000 &&
		      sink_range(s, 1).len == 1500,
	      "two ranges");
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK((sink_write(s, rows[i].object, rows[i].off, ones,
				  rows[i].len, NULL) == ERR_NONE) ==
			      rows[i].right,
		      "row %zu", i);
	CHECK(sink_finish(s, &e) == ERR_NONE, "%s", e.msg);
	sink_free(s);
	rig_remove(&w.r);
}

static void files_over_each_other(void)
{
	struct catalogue_entry f[] = {file_at("a", 0, 1000),
				      file_at("b", 500, 1000),
				      file_at("c", 500, 1000)};
	struct world w = {.size = 0};
	struct err e = {0};
	struct stat st;
	struct sink *s;

	rig_make(&w.r);
	s = sink_with(&w, 4000, f, ROWS(f));
	CHECK(sink_begin(s, &e) == ERR_NONE, "%s", e.msg);
	CHECK(sink_ranges(s) == 3, "each is fetched");
	CHECK(write_ones(s, &e) == ERR_NONE, "%s", e.msg);
	sink_free(s);
	CHECK(fstatat(w.r.fd, "out/c", &st, 0) == 0 && st.st_size == 1000,
	      "all of it");
	s = open_sink(&w);
	for (unsigned i = 0; i < 100; i++)
		CHECK(sink_add_object(s, 10, &id, NULL) == ERR_NONE, "object");
	for (unsigned i = 0; i < 3; i++) {
		f[i].offset = 0;
		f[i].size = 999;
		CHECK(sink_add(s, &f[i], NULL) == ERR_NONE, "entry");
	}
	CHECK(sink_begin(s, &e) == ERR_LIMIT, "not without end");
	sink_free(s);
	rig_remove(&w.r);
}

/* --- disks --- */

static void a_file_that_does_not_fit(void)
{
	const struct catalogue_entry f = file_at("a", 0, 300000);
	struct rlimit old, small = {.rlim_cur = 100000};
	struct world w = {.size = 0};
	struct err e = {0};
	struct sink *s;

	CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0, "limit");
	small.rlim_max = old.rlim_max;
	rig_make(&w.r);
	s = sink_with(&w, 300000, &f, 1);
	CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0, "limit");
	CHECK(sink_write(s, 0, 0, ones, 300000, &e) == ERR_IO &&
		      strstr(e.msg, "a: no file may be so large"),
	      "%s", e.msg);
	sink_free(s);
	CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0, "limit");
	CHECK(!exists(&w.r, "out/a"), "no half a file");
	s = sink_with(&w, 300000, &f, 1);
	e = (struct err){0};
	CHECK(sink_begin(s, &e) == ERR_NONE && write_ones(s, &e) == ERR_NONE,
	      "then: %s", e.msg);
	sink_free(s);
	CHECK(exists(&w.r, "out/a"), "it is there");
	rig_remove(&w.r);
	errno = ENOSPC;
	e = (struct err){0};
	CHECK(sink_fail("dir/file", &e) == ERR_IO &&
		      strstr(e.msg, "dir/file: the disk is full: make room"),
	      "%s", e.msg);
}

static void a_directory_that_cannot_be_written_to(void)
{
	const struct catalogue_entry f = file_at("d/a", 0, 9);
	struct world w = {.size = 0};
	struct err e = {0};
	struct sink *s;

	rig_make(&w.r);
	rig_dir(&w.r, "out");
	rig_dir(&w.r, "out/d");
	CHECK(fchmodat(w.r.fd, "out/d", 0555, 0) == 0, "mode");
	s = sink_with(&w, 9, &f, 1);
	CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
	CHECK(write_ones(s, &e) == ERR_IO &&
		      strstr(e.msg, "d/a: Permission denied"),
	      "%s", e.msg);
	sink_free(s);
	CHECK(fchmodat(w.r.fd, "out/d", 0755, 0) == 0, "mode");
	rig_remove(&w.r);
}

static void long_names_and_paths(void)
{
	char names[2][4096];
	struct catalogue_entry f[2];
	struct world w = {.size = 0};
	struct err e = {0};
	struct sink *s;
	struct source *back;

	memset(names, 'n', sizeof(names));
	names[0][255] = names[1][4090] = '\0';
	for (size_t i = 250; i < 4080; i += 251)
		names[1][i] = '/';
	f[0] = file_at(names[0], 0, 5000);
	f[1] = file_at(names[1], 5000, 5000);
	rig_make(&w.r);
	for (unsigned i = 0; i < 2; i++) {
		s = sink_with(&w, 10000, f, 2);
		CHECK(sink_begin(s, &e) == ERR_NONE, "%s", e.msg);
		if (i == 0)
			CHECK(sink_write(s, 0, 0, ones, 7000, &e) == ERR_NONE,
			      "%s", e.msg);
		else
			CHECK(write_ones(s, &e) == ERR_NONE, "%s", e.msg);
		sink_free(s);
	}
	back = scan(&w.r, "/out", "o");
	CHECK(source_size(back) == 10000 && source_count(back) == 19,
	      "%u entries", source_count(back));
	source_free(back);
	rig_remove(&w.r);
}

/* --- a pipe --- */

static void one_file_goes_to_a_pipe(void)
{
	static const struct {
		uint64_t from, len, got;
	} rows[] = {{0, UINT64_MAX, 9000}, {0, 9000, 9000},  {10, 5, 5},
		    {3999, 2, 2},	   {4000, 100, 100}, {8999, 5, 1},
		    {9000, 5, 0},	   {3000, 0, 0}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct catalogue_entry f = file_at("a", 100, 9000);
		struct world w = {.cut = 4100, .size = 9100};
		struct sink *s = NULL;
		struct err e = {0};
		uint8_t got[10000];
		int ends[2];

		CHECK(pipe(ends) == 0, "pipe");
		w.stream = malloc(w.size);
		for (uint64_t j = 0; w.stream && j < w.size; j++)
			w.stream[j] = rig_byte(1, j);
		CHECK(sink_pipe(&s, ends[1], rows[i].from, rows[i].len, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
		for (unsigned j = 0; j < 3; j++)
			CHECK(sink_add_object(s, j < 2 ? 4100 : 900, &id,
					      NULL) == ERR_NONE,
			      "object");
		CHECK(sink_add(s, &f, NULL) == ERR_NONE, "add");
		CHECK(sink_begin(s, &e) == ERR_NONE, "%s", e.msg);
		CHECK(feed(&w, s, 700, UINT64_MAX, &e) == ERR_NONE &&
			      sink_finish(s, &e) == ERR_NONE,
		      "%s", e.msg);
		sink_free(s);
		CHECK(read(ends[0], got, sizeof(got)) == (ssize_t)rows[i].got &&
			      memcmp(got, w.stream + 100 + rows[i].from,
				     rows[i].got) == 0,
		      "from %llu", (unsigned long long)rows[i].from);
		(void)close(ends[0]);
		free(w.stream);
	}
}

static struct sink *pipe_sink(int fd, uint64_t from)
{
	struct catalogue_entry f = file_at("a", 0, sizeof(ones));
	struct sink *s = NULL;

	CHECK(sink_pipe(&s, fd, from, UINT64_MAX, NULL) == ERR_NONE &&
		      sink_add_object(s, sizeof(ones), &id, NULL) == ERR_NONE &&
		      sink_add(s, &f, NULL) == ERR_NONE,
	      "pipe");
	return s;
}

static void pipes_that_nobody_reads(void)
{
	struct err e = {0};
	struct sink *s;
	int ends[2];

	CHECK(pipe(ends) == 0, "pipe");
	s = pipe_sink(ends[1], 0);
	(void)close(ends[0]);
	CHECK(sink_begin(s, NULL) == ERR_NONE && write_ones(s, &e) == ERR_IO &&
		      strstr(e.msg, "output: Broken pipe"),
	      "%s", e.msg);
	sink_free(s);
	e = (struct err){0};
	s = pipe_sink(open("/dev/full", O_WRONLY), 0);
	CHECK(sink_begin(s, NULL) == ERR_NONE && write_ones(s, &e) == ERR_IO &&
		      strstr(e.msg, "output: No space"),
	      "%s", e.msg);
	sink_free(s);
	e = (struct err){0};
	s = pipe_sink(open("/dev/null", O_WRONLY), sizeof(ones) + 1);
	CHECK(sink_begin(s, &e) == ERR_LIMIT && strstr(e.msg, "300000 bytes"),
	      "%s", e.msg);
	sink_free(s);
}

/* Takes little at a time, so that writes find room for a part of theirs. */
static void *read_slowly(void *arg)
{
	const int *fd = arg;
	uint8_t b[777];
	size_t at = 0;
	ssize_t n;

	while ((n = read(*fd, b, sizeof(b))) > 0 &&
	       at + (size_t)n <= sizeof(ones)) {
		CHECK(memcmp(b, ones + at, (size_t)n) == 0, "at %zu", at);
		at += (size_t)n;
	}
	CHECK(n == 0 && at == sizeof(ones), "%zu bytes", at);
	return NULL;
}

static void a_pipe_may_be_read_slowly(void)
{
	struct err e = {0};
	struct sink *s;
	pthread_t t;
	int ends[2];

	CHECK(pipe(ends) == 0, "pipe");
	s = pipe_sink(ends[1], 0);
	CHECK(sink_begin(s, NULL) == ERR_NONE, "begin");
	CHECK(pthread_create(&t, NULL, read_slowly, &ends[0]) == 0, "thread");
	CHECK(write_ones(s, &e) == ERR_NONE, "%s", e.msg);
	sink_free(s);
	(void)pthread_join(t, NULL);
	(void)close(ends[0]);
}

struct stopper {
	struct sink *s;
	int fd;
};

/* Once the pipe has filled up. */
static void *stop_it(void *arg)
{
	struct stopper *p = arg;
	uint8_t b[1];

	CHECK(read(p->fd, b, 1) == 1, "it has begun");
	sink_stop(p->s);
	return NULL;
}

static void a_pipe_can_be_stopped(void)
{
	struct stopper p;
	struct err e = {0};
	pthread_t t;
	int ends[2];

	CHECK(pipe(ends) == 0, "pipe");
	p = (struct stopper){pipe_sink(ends[1], 0), ends[0]};
	CHECK(sink_begin(p.s, NULL) == ERR_NONE, "begin");
	CHECK(pthread_create(&t, NULL, stop_it, &p) == 0, "thread");
	CHECK(write_ones(p.s, &e) == ERR_STATE && strstr(e.msg, "cancelled"),
	      "%s", e.msg);
	(void)pthread_join(t, NULL);
	sink_free(p.s);
	(void)close(ends[0]);
}

int main(void)
{
	/* root may do everything: as somebody else */
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 ||
			       setuid(65534) != 0))
		return 1;
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	a_tree_comes_back_as_it_was();
	stopped_anywhere_it_goes_on();
	stopped_again_and_again_it_ends();
	malformed_entries_are_refused();
	what_is_in_the_way_is_said_and_left();
	parts_that_are_not_ours_are_not_written_to();
	another_version_is_begun_anew();
	a_place_is_within_its_own_object();
	directories_close_from_within();
	what_changes_meanwhile_is_noticed();
	two_at_a_time_do_not_meet();
	bytes_come_in_order();
	files_over_each_other();
	a_file_that_does_not_fit();
	a_directory_that_cannot_be_written_to();
	long_names_and_paths();
	one_file_goes_to_a_pipe();
	pipes_that_nobody_reads();
	a_pipe_may_be_read_slowly();
	a_pipe_can_be_stopped();
	return CHECK_EXIT();
}
