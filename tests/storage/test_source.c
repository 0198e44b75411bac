/* Files become one stream, the same at any time, and its table says where each
 * of them lies; what changes meanwhile is refused. */
#include "storage/object/source.h"

#include "storage/object/placement.h"
#include "tests/storage/files_rig.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define PUT_S 1700000000
#define T0 1600000000123456789

static struct source *scan(const struct files_rig *r, const char *path,
			   const char *name)
{
	char full[256];
	struct source *s = NULL;
	struct err e = {0};

	(void)snprintf(full, sizeof(full), "%s/%s", r->dir, path);
	CHECK(source_scan(&s, full, name, &e) == ERR_NONE, "%s: %s", path,
	      e.msg);
	if (!s)
		abort();
	return s;
}

/* Whole, in pieces of `step`. */
static uint8_t *read_all(struct source_object *o, size_t step, size_t *len)
{
	size_t cap = 1U << 24, got = 0;
	uint8_t *p = malloc(cap);
	struct err e = {0};

	*len = 0;
	do {
		CHECK(p && *len + step <= cap, "it ends");
		CHECK(source_object_read(o, *len, p + *len, step, &got, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
		*len += got;
	} while (got == step);
	return p;
}

/* The object's table, by its footer; *files: bytes before it. */
static struct catalogue *table_of(struct source_object *o, const uint8_t *p,
				  size_t len, unsigned k, uint64_t *files)
{
	uint8_t tail[CATALOGUE_FOOTER_LEN];
	struct catalogue_footer f = {0};
	struct catalogue *t = NULL;
	struct err e = {0};
	uint64_t all =
		(uint64_t)source_object_segments(o) * segment_plain_len(k);

	CHECK(source_object_tail(o, tail) == sizeof(tail), "tail");
	CHECK(len + sizeof(tail) <= all &&
		      len + sizeof(tail) + segment_plain_len(k) > all,
	      "%u segments for %zu bytes", source_object_segments(o), len);
	CHECK(catalogue_footer_decode(&f, tail, all), "footer");
	CHECK(f.offset + f.len == len, "the table ends the stream");
	CHECK(f.offset == source_object_size(o), "it follows the files");
	CHECK(catalogue_decode(&t, p + f.offset, f.len, &e) == ERR_NONE,
	      "table: %s", e.msg);
	if (!t)
		abort();
	CHECK(t->sequence == 0 && t->agreements_n == 0 && t->objects_n == 1 &&
		      t->objects[0].segments == source_object_segments(o) &&
		      t->objects[0].size == f.offset &&
		      t->objects[0].put_s == PUT_S,
	      "this one object");
	*files = f.offset;
	return t;
}

/* --- a tree --- */

struct item {
	const char *path; /* below the root */
	char kind;
	unsigned bytes; /* kind of content is the item's number */
	const char *target;
};

/* in the order of the stream: '.' is less than '/' */
static const struct item tree[] = {
	{"a", 'd', 0, NULL},	     {"a b\n\x01", 'f', 3, NULL},
	{"a.txt", 'f', 70000, NULL}, {"a/deep", 'd', 0, NULL},
	{"a/deep/er", 'd', 0, NULL}, {"a/deep/er/one", 'f', 1, NULL},
	{"a/empty", 'f', 0, NULL},   {"a/link", 'l', 0, "../../../etc/passwd"},
	{"big", 'f', 3000000, NULL}, {"dangling", 'l', 0, "nowhere"},
	{"empty dir", 'd', 0, NULL}, {"last", 'f', 65520, NULL},
	{"zz", 'f', 0, NULL},	     {"z\xc3\xa4\xe2\x82\xac", 'f', 9, NULL},
};

static void make_tree(const struct files_rig *r)
{
	rig_dir(r, "t");
	for (size_t i = 0; i < ROWS(tree); i++) {
		char path[256];

		(void)snprintf(path, sizeof(path), "t/%s", tree[i].path);
		if (tree[i].kind == 'd')
			rig_dir(r, path);
		else if (tree[i].kind == 'l')
			rig_link(r, tree[i].target, path);
		else
			rig_file(r, path, (unsigned)i, tree[i].bytes);
	}
	for (size_t i = ROWS(tree); i-- > 0;) {
		char path[256];

		(void)snprintf(path, sizeof(path), "t/%s", tree[i].path);
		rig_time(r, path, T0 + (int64_t)i);
	}
}

static uint64_t tree_size(void)
{
	uint64_t size = 0;

	for (size_t i = 0; i < ROWS(tree); i++)
		size += tree[i].bytes;
	return size;
}

/* Bytes of the whole stream. */
static bool right_bytes(const uint8_t *p, uint64_t off, size_t len)
{
	uint64_t at = 0;

	for (size_t i = 0; i < ROWS(tree); i++) {
		for (uint64_t j = 0; j < tree[i].bytes; j++, at++)
			if (at >= off && at < off + len &&
			    p[at - off] != rig_byte((unsigned)i, j))
				return false;
	}
	return true;
}

static void check_entries(const struct source *s, const char *root)
{
	uint64_t off = 0;
	char path[256];

	CHECK(source_count(s) == ROWS(tree) + 1, "%u entries", source_count(s));
	CHECK(strcmp(source_entry(s, 0)->path, root) == 0, "the root");
	for (size_t i = 0; i < ROWS(tree); i++) {
		const struct catalogue_entry *f =
			source_entry(s, (uint32_t)i + 1);

		(void)snprintf(path, sizeof(path), "%s/%s", root, tree[i].path);
		CHECK(strcmp(f->path, path) == 0, "%zu is %s", i, f->path);
		CHECK(f->kind == (tree[i].kind == 'f'	? CATALOGUE_FILE
				  : tree[i].kind == 'd' ? CATALOGUE_DIR
							: CATALOGUE_LINK),
		      "%s: kind", path);
		CHECK(f->size == tree[i].bytes &&
			      f->offset == (f->size ? off : 0),
		      "%s: place", path);
		CHECK(!tree[i].target == !f->target &&
			      (!f->target ||
			       strcmp(f->target, tree[i].target) == 0),
		      "%s: target", path);
		CHECK(f->mtime_ns == T0 + (int64_t)i, "%s: time", path);
		off += f->size;
	}
	CHECK(source_size(s) == off, "size");
}

static void a_tree_is_listed_and_read_in_order(void)
{
	static const size_t steps[] = {1, 77, 4096, 1U << 20};
	struct files_rig r;
	struct source *s;
	uint8_t *p = malloc(4U << 20);

	rig_make(&r);
	make_tree(&r);
	s = scan(&r, "t", "name");
	check_entries(s, "name");
	for (size_t i = 0; i < ROWS(steps) && p; i++) {
		uint64_t off = i == 0 ? tree_size() - 70000 : 0;
		uint64_t first = off;
		size_t got;

		do {
			CHECK(source_read(s, off, p + off - first, steps[i],
					  &got, NULL) == ERR_NONE,
			      "read");
			off += got;
		} while (got == steps[i]);
		CHECK(off == tree_size(), "in steps of %zu", steps[i]);
		CHECK(right_bytes(p, first, (size_t)(off - first)),
		      "bytes in steps of %zu", steps[i]);
	}
	free(p);
	source_free(s);
	rig_remove(&r);
}

static void any_offset_can_be_read(void)
{
	struct files_rig r;
	struct source *s;
	uint8_t p[9000];
	uint64_t x = 1;
	size_t got;

	rig_make(&r);
	make_tree(&r);
	s = scan(&r, "t", "name");
	for (unsigned i = 0; i < 40; i++) {
		uint64_t off;

		x = x * 6364136223846793005U + 1442695040888963407U;
		off = (x >> 20) % (tree_size() + 10);
		CHECK(source_read(s, off, p, sizeof(p), &got, NULL) == ERR_NONE,
		      "read");
		CHECK(got == sizeof(p) || off + got >= tree_size(), "whole");
		CHECK(right_bytes(p, off, got), "at %llu",
		      (unsigned long long)off);
	}
	source_free(s);
	rig_remove(&r);
}

/* --- objects --- */

struct seen {
	uint64_t bytes[ROWS(tree) + 1];
	unsigned times[ROWS(tree) + 1];
};

static void look_at_table(const struct source *s, const struct catalogue *t,
			  const uint8_t *p, struct seen *seen)
{
	for (uint32_t i = 0; i < t->entries_n; i++) {
		const struct catalogue_entry *f = &t->entries[i], *of;
		uint32_t at = 0;

		while (at < source_count(s) &&
		       strcmp(source_entry(s, at)->path, f->path) != 0)
			at++;
		CHECK(at < source_count(s), "%s is one of them", f->path);
		if (at == source_count(s))
			continue;
		of = source_entry(s, at);
		CHECK(f->kind == of->kind && f->mode == of->mode &&
			      f->mtime_ns == of->mtime_ns,
		      "%s", f->path);
		for (uint64_t j = 0; j < f->size; j++)
			if (p[f->offset + j] !=
			    rig_byte(at - 1, seen->bytes[at] + j)) {
				CHECK(false, "%s: byte %llu", f->path,
				      (unsigned long long)j);
				break;
			}
		seen->bytes[at] += f->size;
		seen->times[at]++;
	}
}

static void every_part_has_a_table_of_its_own(void)
{
	static const struct {
		const char *name;
		uint64_t len; /* of an object */
		size_t step;
	} rows[] = {
		{"one object", UINT64_MAX, 65536},
		{"cut within a file", 1500000, 70001},
		{"cut between files", 70004, 262144},
		{"a file over many objects", 400000, 4096},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct files_rig r;
		struct source *s;
		struct seen seen = {0};
		uint64_t from = 0;

		rig_make(&r);
		make_tree(&r);
		s = scan(&r, "t", "name");
		do {
			struct source_object *o = NULL;
			struct catalogue *t;
			struct err e = {0};
			uint64_t cut = source_cut(s, from, 2, 5), files;
			uint8_t *p;
			size_t len;

			CHECK(cut == source_size(s) - from, "it all fits");
			cut = cut < rows[i].len ? cut : rows[i].len;
			CHECK(source_object_new(&o, s, from, cut, 2, 5, PUT_S,
						&e) == ERR_NONE,
			      "%s: %s", rows[i].name, e.msg);
			p = read_all(o, rows[i].step, &len);
			t = table_of(o, p, len, 2, &files);
			CHECK(files == cut && right_bytes(p, from, files),
			      "%s: bytes", rows[i].name);
			look_at_table(s, t, p, &seen);
			catalogue_free(t);
			source_object_free(o);
			free(p);
			from += cut;
		} while (from < source_size(s));
		for (uint32_t j = 0; j < source_count(s); j++) {
			const struct catalogue_entry *f = source_entry(s, j);

			CHECK(seen.bytes[j] == f->size, "%s: %s: %llu bytes",
			      rows[i].name, f->path,
			      (unsigned long long)seen.bytes[j]);
			CHECK(seen.times[j] == 1 || f->size ||
				      (seen.times[j] &&
				       f->kind == CATALOGUE_DIR),
			      "%s: %s: %u times", rows[i].name, f->path,
			      seen.times[j]);
		}
		source_free(s);
		rig_remove(&r);
	}
}

static void the_same_files_give_the_same_stream(void)
{
	struct files_rig r;
	uint8_t *p[2];
	size_t len[2];

	rig_make(&r);
	make_tree(&r);
	for (unsigned i = 0; i < 2; i++) {
		struct source *s = scan(&r, "t", "a/b/c");
		struct source_object *o = NULL;

		CHECK(source_object_new(&o, s, 0, source_size(s), 3, 9, PUT_S,
					NULL) == ERR_NONE,
		      "new");
		p[i] = read_all(o, i ? 1U << 18 : 65519, &len[i]);
		source_object_free(o);
		source_free(s);
	}
	CHECK(len[0] == len[1] && memcmp(p[0], p[1], len[0]) == 0, "the same");
	free(p[0]);
	free(p[1]);
	rig_remove(&r);
}

/* The footer too has to fit into the last segment. */
static void segments_have_room_for_all(void)
{
	struct catalogue_footer f = {0};
	uint64_t one = segment_plain_len(2);
	struct files_rig r;
	struct source *s;

	rig_make(&r);
	rig_file(&r, "file", 0, 3000000);
	s = scan(&r, "file", "file");
	for (uint64_t spare = 0; spare < 50; spare++) {
		uint64_t len = f.len ? one - f.len - spare : 1000;
		struct source_object *o = NULL;
		uint8_t tail[CATALOGUE_FOOTER_LEN];

		CHECK(source_object_new(&o, s, 0, len, 2, 5, PUT_S, NULL) ==
			      ERR_NONE,
		      "new");
		CHECK(source_object_segments(o) ==
			      (f.len && spare < sizeof(tail) ? 2 : 1),
		      "%llu spare", (unsigned long long)spare);
		(void)source_object_tail(o, tail);
		CHECK(catalogue_footer_decode(&f, tail, 2 * one), "footer");
		source_object_free(o);
	}
	source_free(s);
	rig_remove(&r);
}

/* As many bytes as an object takes, with a table of any length behind. */
static void an_object_has_its_most(void)
{
	static const uint8_t shapes[][2] = {
		{1, 1}, {10, 30}, {1, 255}, {64, 255}};
	struct files_rig r;
	char path[96];
	struct source *s;

	rig_make(&r);
	rig_file(&r, "hole", 0, 0);
	(void)snprintf(path, sizeof(path), "%s/hole", r.dir);
	CHECK(truncate(path, (off_t)1 << 42) == 0, "a hole");
	s = scan(&r, "hole", "hole");
	for (size_t i = 0; i < ROWS(shapes); i++) {
		unsigned k = shapes[i][0], n = shapes[i][1];
		uint64_t cut = source_cut(s, 0, k, n);
		struct source_object *o = NULL;
		struct err e = {0};

		CHECK(source_object_new(&o, s, cut, cut, k, n, PUT_S, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
		CHECK(source_object_segments(o) == placement_segments_max(n),
		      "%u of %u: %u segments", k, n, source_object_segments(o));
		source_object_free(o);
		CHECK(source_object_new(&o, s, 0, cut + 1, k, n, PUT_S, NULL) ==
			      ERR_LIMIT,
		      "no more");
	}
	CHECK(source_cut(s, 0, 0, 5) == 0 && source_cut(s, 0, 5, 4) == 0,
	      "no such coding");
	source_free(s);
	rig_remove(&r);
}

/* --- what changes --- */

static void unchanged(const struct files_rig *r)
{
	(void)r;
}

static void append(const struct files_rig *r)
{
	int fd = openat(r->fd, "t/big", O_WRONLY | O_APPEND | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, "x", 1) == 1, "append");
	(void)close(fd);
	rig_time(r, "t/big", T0 + 8);
}

static void cut_short(const struct files_rig *r)
{
	int fd = openat(r->fd, "t/big", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && ftruncate(fd, 2999999) == 0, "cut");
	(void)close(fd);
	rig_time(r, "t/big", T0 + 8);
}

static void touch(const struct files_rig *r)
{
	rig_time(r, "t/big", T0);
}

static void drop(const struct files_rig *r)
{
	CHECK(unlinkat(r->fd, "t/big", 0) == 0, "unlink");
}

static void to_link(const struct files_rig *r)
{
	CHECK(renameat(r->fd, "t/big", r->fd, "elsewhere") == 0, "move");
	rig_link(r, "../elsewhere", "t/big");
}

static void to_dir(const struct files_rig *r)
{
	drop(r);
	rig_dir(r, "t/big");
}

static void to_fifo(const struct files_rig *r)
{
	drop(r);
	CHECK(mkfifoat(r->fd, "t/big", 0644) == 0, "fifo");
}

static void parent_to_link(const struct files_rig *r)
{
	CHECK(renameat(r->fd, "t/a/deep", r->fd, "deep") == 0, "move");
	rig_link(r, "../../deep", "t/a/deep");
}

static void what_changes_is_refused(void)
{
	static const struct {
		const char *name;
		void (*change)(const struct files_rig *r);
		const char *says; /* NULL: it is read */
		bool late;	  /* after some of it was read */
	} rows[] = {
		{"nothing", unchanged, NULL, false},
		{"longer", append, "name/big: changed", false},
		{"longer meanwhile", append, "name/big: changed", true},
		{"shorter", cut_short, "name/big: changed", false},
		{"shorter meanwhile", cut_short, "name/big: changed", true},
		{"another time", touch, "name/big: changed", false},
		{"another time meanwhile", touch, "name/big: changed", true},
		{"gone", drop, "name/big: changed", false},
		{"gone, while it is open", drop, NULL, true},
		{"a link", to_link, "name/big: changed", false},
		{"a directory", to_dir, "name/big: changed", false},
		{"a FIFO", to_fifo, "name/big: changed", false},
		{"a directory on the way is a link", parent_to_link,
		 "name/a/deep/er/one: changed", false},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t *p = malloc(4U << 20);
		struct files_rig r;
		struct source *s;
		struct err e = {0};
		enum err_code code;
		size_t got;

		rig_make(&r);
		make_tree(&r);
		s = scan(&r, "t", "name");
		if (rows[i].late)
			CHECK(source_read(s, 100000, p, 1000, &got, NULL) ==
				      ERR_NONE,
			      "read");
		rows[i].change(&r);
		code = source_read(s, rows[i].late ? 101000 : 0, p,
				   rows[i].late ? 1000 : 4U << 20, &got, &e);
		CHECK(code == (rows[i].says ? ERR_STATE : ERR_NONE), "%s: %s",
		      rows[i].name, e.msg);
		CHECK(!rows[i].says || strstr(e.msg, rows[i].says), "%s: %s",
		      rows[i].name, e.msg);
		source_free(s);
		free(p);
		rig_remove(&r);
	}
}

/* --- what cannot be put --- */

static void sockets_and_devices_are_counted(void)
{
	struct files_rig r;
	struct source *s;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	rig_make(&r);
	rig_dir(&r, "t");
	CHECK(mkfifoat(r.fd, "t/fifo", 0644) == 0, "fifo");
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s/t/socket", r.dir);
	CHECK(bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0, "socket");
	rig_file(&r, "t/file", 1, 5);
	s = scan(&r, "t", "x/y");
	CHECK(source_skipped(s) == 2 && source_count(s) == 3, "%u of %u",
	      source_skipped(s), source_count(s));
	CHECK(source_is_parent(s, 0) && !source_is_parent(s, 1) &&
		      !source_is_parent(s, 2),
	      "x is a parent");
	CHECK(source_entry(s, 0)->kind == CATALOGUE_DIR &&
		      source_entry(s, 0)->mode == 0755 &&
		      strcmp(source_entry(s, 0)->path, "x") == 0,
	      "as a directory");
	source_free(s);
	(void)close(fd);
	rig_remove(&r);
}

static void what_cannot_be_put_is_named(void)
{
	static const struct {
		const char *path, *name;
		enum err_code code;
		const char *says;
	} rows[] = {
		{"missing", "n", ERR_IO, "/missing: No such file"},
		{"fifo", "n", ERR_STATE, "/fifo: neither a file nor"},
		{"file/below", "n", ERR_IO, "/file/below: Not a directory"},
		{"file", "", ERR_LIMIT, "not a name"},
		{"file", "/n", ERR_LIMIT, "/n: not a name"},
		{"file", "a/../n", ERR_LIMIT, "a/../n: not a name"},
		{"file", "a//n", ERR_LIMIT, "a//n: not a name"},
		{"file", ".", ERR_LIMIT, ".: not a name"},
	};
	struct files_rig r;

	rig_make(&r);
	CHECK(mkfifoat(r.fd, "fifo", 0644) == 0, "fifo");
	rig_file(&r, "file", 1, 5);
	for (size_t i = 0; i < ROWS(rows); i++) {
		char full[256];
		struct source *s = NULL;
		struct err e = {0};

		(void)snprintf(full, sizeof(full), "%s/%s", r.dir,
			       rows[i].path);
		CHECK(source_scan(&s, full, rows[i].name, &e) == rows[i].code &&
			      !s && strstr(e.msg, rows[i].says),
		      "%s as %s: %s", rows[i].path, rows[i].name, e.msg);
	}
	rig_remove(&r);
}

/* Root reads everything: as somebody else. */
static void unreadable_files_are_named(void)
{
	static const char *const paths[] = {"t/a.txt", "t/a/deep"};

	for (size_t i = 0; i < ROWS(paths); i++) {
		struct files_rig r;
		int status = 1;
		pid_t pid;

		rig_make(&r);
		make_tree(&r);
		CHECK(chmod(r.dir, 0755) == 0, "chmod");
		CHECK(fchmodat(r.fd, paths[i], 0, 0) == 0, "chmod");
		pid = fork();
		if (pid == 0) {
			char full[256], want[64];
			struct source *s = NULL;
			struct err e = {0};

			if (geteuid() == 0 && setuid(65534) != 0)
				_exit(2);
			(void)snprintf(full, sizeof(full), "%s/t", r.dir);
			(void)snprintf(want, sizeof(want), "name%s: Permission",
				       paths[i] + 1);
			_exit(source_scan(&s, full, "name", &e) == ERR_IO &&
					      strstr(e.msg, want)
				      ? 0
				      : 1);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%s: %x",
		      paths[i], status);
		CHECK(fchmodat(r.fd, paths[i], 0755, 0) == 0, "chmod");
		rig_remove(&r);
	}
}

/* `levels` directories of `len` letters, one in another, a file in the last. */
static void make_deep(const struct files_rig *r, unsigned levels, size_t len)
{
	struct files_rig in = *r;
	char name[256];

	memset(name, 'd', len);
	name[len] = '\0';
	for (unsigned i = 0; i < levels; i++) {
		int up = in.fd;

		rig_dir(&in, name);
		in.fd = openat(up, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (up != r->fd)
			(void)close(up);
	}
	rig_file(&in, "f", 3, 10);
	(void)close(in.fd);
}

static void long_paths_and_deep_trees(void)
{
	static const struct {
		const char *name;
		unsigned levels;
		size_t len;
		enum err_code code;
	} rows[] = {
		{"4,092 bytes", 16, 254, ERR_NONE},
		{"more than there may be", 17, 250, ERR_LIMIT},
		{"more levels than descriptors", 100, 1, ERR_NONE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct rlimit old, few = {.rlim_cur = 40};
		struct source *s = NULL;
		struct err e = {0};
		struct files_rig r;
		uint8_t p[20];
		size_t got = 0;

		rig_make(&r);
		make_deep(&r, rows[i].levels, rows[i].len);
		CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0, "limit");
		few.rlim_max = old.rlim_max;
		CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0, "limit");
		CHECK(source_scan(&s, r.dir, "name", &e) == rows[i].code,
		      "%s: %s", rows[i].name, e.msg);
		if (s)
			CHECK(source_read(s, 0, p, sizeof(p), &got, &e) ==
					      ERR_NONE &&
				      got == 10 && p[4] == rig_byte(3, 4),
			      "%s: %s", rows[i].name, e.msg);
		else
			CHECK(strstr(e.msg, "ddd/f: cannot be put") ||
				      strstr(e.msg, "ddd: cannot be put"),
			      "%s", e.msg);
		CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0, "limit");
		source_free(s);
		rig_remove(&r);
	}
}

/* The user's own path may be a link; then it is what the user means. */
static void one_file_and_links_to_it(void)
{
	static const char *const paths[] = {"file", "to-file"};

	for (size_t i = 0; i < ROWS(paths); i++) {
		struct files_rig r;
		struct source *s;
		uint8_t p[4000];
		size_t got;

		rig_make(&r);
		rig_file(&r, "file", 7, 3000);
		rig_link(&r, "file", "to-file");
		s = scan(&r, paths[i], "docs/mine");
		CHECK(source_count(s) == 2 && source_size(s) == 3000 &&
			      strcmp(source_entry(s, 1)->path, "docs/mine") ==
				      0,
		      "%s", paths[i]);
		rig_file(&r, "other", 8, 3000);
		CHECK(renameat(r.fd, "other", r.fd, "file") == 0, "replaced");
		CHECK(source_read(s, 0, p, sizeof(p), &got, NULL) == ERR_NONE &&
			      got == 3000 && p[999] == rig_byte(7, 999),
		      "what was there at the scan");
		source_free(s);
		rig_remove(&r);
	}
}

/* --- a pipe --- */

struct feeder {
	pthread_t thread;
	int fd;
	size_t len;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;

	for (size_t i = 0; i < f->len; i++) {
		uint8_t b = rig_byte(4, i);

		if (write(f->fd, &b, 1) != 1)
			break;
	}
	(void)close(f->fd);
	return NULL;
}

static struct source *pipe_of(struct feeder *f, size_t len)
{
	struct source *s = NULL;
	int ends[2];

	CHECK(pipe(ends) == 0, "pipe");
	*f = (struct feeder){.fd = ends[1], .len = len};
	CHECK(pthread_create(&f->thread, NULL, feed, f) == 0, "thread");
	CHECK(source_pipe(&s, ends[0], "d/in", T0, NULL) == ERR_NONE, "pipe");
	if (!s)
		abort();
	return s;
}

static void check_pipe_part(struct source *s, uint64_t from, uint64_t most,
			    size_t want)
{
	struct source_object *o = NULL;
	struct catalogue *t;
	const struct catalogue_entry *f;
	uint64_t files = 0;
	struct err e = {0};
	uint8_t *p, tail[CATALOGUE_FOOTER_LEN];
	size_t len;

	CHECK(source_object_new(&o, s, from, most, 2, 5, PUT_S, &e) == ERR_NONE,
	      "%s", e.msg);
	CHECK(source_object_tail(o, tail) == 0, "not known yet");
	p = read_all(o, 1000, &len);
	t = table_of(o, p, len, 2, &files);
	f = catalogue_find(t, "d/in");
	CHECK(f && files == want && f->size == want && f->offset == 0 &&
		      f->mtime_ns == T0 && t->entries_n == 2,
	      "%llu bytes of %zu", (unsigned long long)files, want);
	for (size_t i = 0; i < want; i++)
		if (p[i] != rig_byte(4, from + i)) {
			CHECK(false, "byte %zu", i);
			break;
		}
	catalogue_free(t);
	source_object_free(o);
	free(p);
}

static void a_pipe_is_as_long_as_it_is(void)
{
	static const struct {
		size_t len;
		uint64_t most; /* of an object */
	} rows[] = {{0, 5000},	  {1, 5000},	 {999, 5000},	{5000, 5000},
		    {5001, 5000}, {12345, 4000}, {70000, 65536}};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct feeder f;
		struct source *s = pipe_of(&f, rows[i].len);
		uint64_t from = 0;
		bool more;

		CHECK(source_cut(s, 0, 2, 5) > 1U << 30, "nobody knows");
		do {
			uint64_t left = rows[i].len - from;

			left = left < rows[i].most ? left : rows[i].most;
			check_pipe_part(s, from, rows[i].most, (size_t)left);
			from += left;
			CHECK(source_size(s) == from, "%llu read",
			      (unsigned long long)from);
			CHECK(source_more(s, from, &more, NULL) == ERR_NONE,
			      "more");
			CHECK(more == (from < rows[i].len), "%zu: at %llu",
			      rows[i].len, (unsigned long long)from);
		} while (more);
		CHECK(from == rows[i].len, "%zu", rows[i].len);
		(void)pthread_join(f.thread, NULL);
		source_free(s);
	}
}

static void a_pipe_is_read_once_and_can_be_stopped(void)
{
	struct source *s = NULL;
	struct err e = {0};
	uint8_t p[10];
	size_t got;
	int ends[2];

	CHECK(pipe(ends) == 0 && write(ends[1], "hello", 5) == 5, "pipe");
	CHECK(source_pipe(&s, ends[0], "in", T0, NULL) == ERR_NONE, "pipe");
	CHECK(source_read(s, 0, p, 5, &got, NULL) == ERR_NONE && got == 5, "5");
	CHECK(source_read(s, 0, p, 5, &got, &e) == ERR_STATE &&
		      strstr(e.msg, "only once"),
	      "%s", e.msg);
	source_stop(s);
	e = (struct err){0};
	CHECK(source_read(s, 5, p, 5, &got, &e) == ERR_STATE &&
		      strstr(e.msg, "cancelled"),
	      "%s", e.msg);
	source_free(s);
	(void)close(ends[1]);
	CHECK(pipe(ends) == 0, "pipe");
	CHECK(source_pipe(&s, ends[0], "../in", T0, NULL) == ERR_LIMIT,
	      "a name");
	CHECK(fcntl(ends[0], F_GETFD) < 0, "taken all the same");
	(void)close(ends[1]);
}

int main(void)
{
	a_tree_is_listed_and_read_in_order();
	any_offset_can_be_read();
	every_part_has_a_table_of_its_own();
	the_same_files_give_the_same_stream();
	segments_have_room_for_all();
	an_object_has_its_most();
	what_changes_is_refused();
	sockets_and_devices_are_counted();
	what_cannot_be_put_is_named();
	unreadable_files_are_named();
	long_paths_and_deep_trees();
	one_file_and_links_to_it();
	a_pipe_is_as_long_as_it_is();
	a_pipe_is_read_once_and_can_be_stopped();
	return CHECK_EXIT();
}
