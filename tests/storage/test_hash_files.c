#include "storage/torrent/hash_files.h"

#include "base/merkle.h"
#include "tests/storage/rig.h"

struct outcome {
	struct loop *loop;
	uint8_t *hashes;
	struct hash32 *roots, *file_roots;
	uint32_t pieces, files; /* files: set by who wants file_roots */
	struct err err;
	bool done;
	unsigned progress;
};

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct outcome *o = ctx;

	CHECK(done <= total, "progress");
	o->progress++;
}

static void *copy_of(const void *p, size_t len)
{
	void *copy = p ? malloc(len + 1) : NULL;

	if (copy)
		memcpy(copy, p, len);
	return copy;
}

static void on_done(void *ctx, const struct hash_files_result *result,
		    const struct err *err)
{
	struct outcome *o = ctx;

	o->done = true;
	if (err)
		o->err = *err;
	if (result) {
		size_t n = o->pieces = result->pieces;

		o->hashes = copy_of(result->sha1, n * SHA1_LEN);
		o->roots = copy_of(result->roots, n * sizeof(*o->roots));
		o->file_roots = copy_of(result->file_roots,
					o->files * sizeof(*o->file_roots));
	}
	loop_stop(o->loop);
}

static void outcome_clear(struct outcome *o)
{
	free(o->hashes);
	free(o->roots);
	free(o->file_roots);
}

static const struct hash_files_ops ops = {.progress = on_progress,
					  .done = on_done};

static void put(const struct rig *r, const char *name, size_t len)
{
	struct rng rng = rng_seeded(len);
	uint8_t *bytes = malloc(len + 1);
	char path[300];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", r->root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	rng_fill(&rng, bytes, len);
	CHECK(write(fd, bytes, len) == (ssize_t)len, "%s", path);
	(void)close(fd);
	free(bytes);
}

static void make_dir(const struct rig *r, const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", r->root, name);
	CHECK(mkdir(path, 0700) == 0, "%s", path);
}

static void a_directory_becomes_a_sorted_list(void)
{
	static const char *const want[] = {"Z",	  "a",	"b/deep/x", "b/y",
					   "b!x", "b0", "\xc3\xa9"};
	struct hash_files_list l;
	struct err e = {0};
	struct rig r;
	char path[300];

	rig_home(&r);
	make_dir(&r, "");
	make_dir(&r, "b");
	make_dir(&r, "b/deep");
	make_dir(&r, "b/empty");
	make_dir(&r, ".hidden");
	for (size_t i = ROWS(want); i-- > 0;)
		put(&r, want[i], 10 + i);
	put(&r, ".dot", 5);
	put(&r, ".hidden/f", 5);
	(void)snprintf(path, sizeof(path), "%s/link", r.root);
	CHECK(symlink("/etc/passwd", path) == 0, "link");
	(void)snprintf(path, sizeof(path), "%s/fifo", r.root);
	CHECK(mkfifo(path, 0600) == 0, "fifo");
	CHECK(hash_files_walk(&l, r.root, false, &e) == ERR_NONE, "%s", e.msg);
	CHECK(l.multi && strcmp(l.name, "root") == 0, "name %s", l.name);
	CHECK(l.file_count == ROWS(want), "%u files", l.file_count);
	CHECK(l.left_out == 4, "%u left out", l.left_out);
	for (size_t i = 0; i < ROWS(want) && i < l.file_count; i++)
		CHECK(strcmp(l.files[i].path, want[i]) == 0 &&
			      l.files[i].length == 10 + i,
		      "%s", l.files[i].path);
	hash_files_list_clear(&l);
	rig_remove(&r);
}

static void what_cannot_be_a_torrent_says_why(void)
{
	static const struct {
		const char *name, *file, *says;
		size_t len;
		enum err_code want;
	} rows[] = {
		{"nothing there", NULL, "No such file", 0, ERR_IO},
		{"an empty file alone", "f", "nothing in it", 0, ERR_LIMIT},
		{"a control character", "a\nb", "'a?b'", 3, ERR_PARSE},
		{"half a character", "\xc3", "UTF-8", 3, ERR_PARSE},
		{"a long way to write a dot", "\xc0\xae", "UTF-8", 3,
		 ERR_PARSE},
		{"a surrogate", "\xed\xa0\x80", "UTF-8", 3, ERR_PARSE},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hash_files_list l;
		struct err e = {0};
		struct rig r;

		rig_home(&r);
		if (rows[i].file) {
			make_dir(&r, "");
			put(&r, rows[i].file, rows[i].len);
		}
		CHECK(hash_files_walk(&l, r.root, false, &e) == rows[i].want,
		      "%s: %s", rows[i].name, e.msg);
		CHECK(strstr(e.msg, rows[i].says) != NULL, "%s: %s",
		      rows[i].name, e.msg);
		CHECK(!l.files && !l.root, "%s: left empty", rows[i].name);
		rig_remove(&r);
	}
}

/* Hashes a random torrent's files, each made again by us; what the list says
 * must give the same pieces as the bytes. */
static void hashes_are_those_of_the_bytes(void)
{
	for (uint64_t seed = 20; seed < 26; seed++) {
		struct hash_files_list l;
		struct hash_files *h;
		struct outcome o = {0};
		struct rig_torrent t;
		struct err e = {0};
		struct rig r;
		static const char *const names[] = {"a", "b", "c", "d"};
		struct rng rng = rng_seeded(seed);

		memset(&t, 0, sizeof(t));
		t.piece_len = 1U << (12 + rng_below(&rng, 8));
		for (size_t i = 0; i < ROWS(names); i++)
			rig_add_file(&t, names[i],
				     rng_below(&rng, 900000) + (i == 0), false);
		rig_torrent_finish(&t, seed);
		rig_home(&r);
		rig_put_files(&r, &t);
		rig_start(&r, NULL);
		o.loop = r.loop;
		CHECK(hash_files_walk(&l, r.root, false, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(hash_files_start(&h, r.work, &l, t.piece_len, PIECE_SHA1,
				       &ops, &o, &e) == ERR_NONE,
		      "%s", e.msg);
		rig_until(&r, o.done);
		CHECK(o.pieces == t.pieces && o.hashes &&
			      memcmp(o.hashes, t.hashes,
				     (size_t)t.pieces * SHA1_LEN) == 0,
		      "seed %d: %s", (int)seed, o.err.msg);
		CHECK(o.progress > 0, "progress");
		outcome_clear(&o);
		hash_files_list_clear(&l);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static void hidden_files_come_when_asked_for(void)
{
	static const struct {
		const char *path;
		bool hidden, executable;
	} want[] = {
		{".d/in", true, false},
		{".dot", true, false},
		{"a.b", false, false},
		{"run", false, true},
	};
	struct hash_files_list l;
	struct err e = {0};
	struct rig r;
	char path[300];

	rig_home(&r);
	make_dir(&r, "");
	make_dir(&r, ".d");
	for (size_t i = 0; i < ROWS(want); i++) {
		put(&r, want[i].path, 10);
		(void)snprintf(path, sizeof(path), "%s/%s", r.root,
			       want[i].path);
		CHECK(chmod(path, want[i].executable ? 0700 : 0611) == 0, "%s",
		      path);
	}
	CHECK(hash_files_walk(&l, r.root, true, &e) == ERR_NONE, "%s", e.msg);
	CHECK(l.file_count == ROWS(want) && l.left_out == 0, "%u files",
	      l.file_count);
	for (size_t i = 0; i < ROWS(want) && i < l.file_count; i++)
		CHECK(strcmp(l.files[i].path, want[i].path) == 0 &&
			      l.files[i].hidden == want[i].hidden &&
			      l.files[i].executable == want[i].executable,
		      "%s", l.files[i].path);
	CHECK(hash_files_unchanged(&l, &e) == ERR_NONE, "%s", e.msg);
	hash_files_list_clear(&l);
	rig_remove(&r);
}

/* --- v2 --- */

static struct hash32 plain_root(const uint8_t *p, uint64_t len, uint32_t levels)
{
	struct hash32 root,
		*nodes = calloc((size_t)1 << levels, sizeof(struct hash32));
	size_t n = 0;

	for (uint64_t at = 0; at < len; at += 16384, n++)
		sha256_once(nodes[n].bytes, p + at,
			    len - at < 16384 ? len - at : 16384);
	for (uint32_t i = levels; i > 0; i--)
		for (size_t k = 0; k < (size_t)1 << (i - 1); k++)
			sha256_once(nodes[k].bytes, &nodes[2 * k], 64);
	root = nodes[0];
	free(nodes);
	return root;
}

/* What a torrent of these files has, with its pads where they are to be. */
static void aligned(struct rig_torrent *t, uint32_t piece_len)
{
	static const uint64_t lengths[] = {1, 70000,  0,     65536, 200000,
					   0, 100000, 16385, 0};

	memset(t, 0, sizeof(*t));
	t->piece_len = piece_len;
	for (unsigned i = 0; i < ROWS(lengths); i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "%c", 'a' + (int)i);
		rig_add_file(t, name, lengths[i], false);
		if (i + 2 < ROWS(lengths) && lengths[i] % piece_len)
			rig_add_file(t, ".pad/x",
				     piece_len - lengths[i] % piece_len, true);
	}
	rig_torrent_finish(t, piece_len);
}

static void check_files(const struct hash_files_list *l,
			const struct rig_torrent *t, const struct outcome *o)
{
	uint64_t at = 0;

	CHECK(l->file_count == t->file_count && l->total == t->total,
	      "%u files", l->file_count);
	for (uint32_t i = 0; i < l->file_count && i < t->file_count; i++) {
		uint64_t len = t->files[i].length;
		struct hash32 want = {{0}};

		CHECK(l->files[i].length == len &&
			      l->files[i].pad == t->files[i].pad,
		      "file %u", i);
		CHECK(!l->files[i].pad ||
			      strncmp(l->files[i].path, ".pad/", 5) == 0,
		      "%s", l->files[i].path);
		if (o->file_roots && !t->files[i].pad && len > 0)
			want = plain_root(t->data + at, len,
					  merkle_file_top(len));
		CHECK(!o->file_roots ||
			      memcmp(&want, &o->file_roots[i], 32) == 0,
		      "root of file %u", i);
		if (len > t->piece_len && o->roots && !t->files[i].pad) {
			want = plain_root(t->data + at, t->piece_len,
					  merkle_levels(t->piece_len / 16384));
			CHECK(memcmp(&want, &o->roots[at / t->piece_len], 32) ==
				      0,
			      "first piece of file %u", i);
		}
		at += len;
	}
}

static void v2_and_hybrids_have_roots(void)
{
	for (unsigned turn = 0; turn < 9; turn++) {
		unsigned kinds = 1 + turn % 3;
		struct hash_files_list l;
		struct hash_files *h;
		struct outcome o = {0};
		struct rig_torrent t;
		struct err e = {0};
		struct rig r;

		aligned(&t, 16384U << turn / 3);
		rig_home(&r);
		rig_put_files(&r, &t);
		rig_start(&r, NULL);
		o.loop = r.loop;
		o.files = t.file_count;
		CHECK(hash_files_walk(&l, r.root, false, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(hash_files_align(&l, t.piece_len, &e) == ERR_NONE, "%s",
		      e.msg);
		CHECK(hash_files_start(&h, r.work, &l, t.piece_len, kinds, &ops,
				       &o, &e) == ERR_NONE,
		      "%s", e.msg);
		rig_until(&r, o.done);
		CHECK(o.err.code == ERR_NONE, "%s", o.err.msg);
		CHECK(!o.hashes == !(kinds & PIECE_SHA1) &&
			      !o.roots == !(kinds & PIECE_ROOT),
		      "kinds %u", kinds);
		CHECK(!o.hashes || memcmp(o.hashes, t.hashes,
					  (size_t)t.pieces * SHA1_LEN) == 0,
		      "v1 of turn %u", turn);
		check_files(&l, &t, &o);
		outcome_clear(&o);
		hash_files_list_clear(&l);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static void v2_takes_powers_of_two(void)
{
	static const struct {
		uint32_t piece_len;
		unsigned kinds;
		enum err_code want;
	} rows[] = {
		{16384, PIECE_ROOT, ERR_NONE},
		{8192, PIECE_ROOT, ERR_LIMIT},
		{49152, PIECE_ROOT, ERR_LIMIT},
		{49152, PIECE_SHA1 | PIECE_ROOT, ERR_LIMIT},
		{49152, PIECE_SHA1, ERR_NONE},
		{0, PIECE_SHA1, ERR_LIMIT},
		{STORE_MAX_PIECE * 2, PIECE_ROOT, ERR_LIMIT},
	};
	struct hash_files_list l;
	struct err e = {0};
	struct rig r;

	rig_home(&r);
	make_dir(&r, "");
	put(&r, "f", 60000);
	rig_start(&r, NULL);
	CHECK(hash_files_walk(&l, r.root, false, &e) == ERR_NONE, "%s", e.msg);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct outcome o = {.loop = r.loop};
		struct hash_files *h;
		enum err_code code =
			hash_files_start(&h, r.work, &l, rows[i].piece_len,
					 rows[i].kinds, &ops, &o, &e);

		CHECK(code == rows[i].want, "row %zu: %s", i, e.msg);
		if (code == ERR_NONE)
			rig_until(&r, o.done);
		outcome_clear(&o);
	}
	hash_files_list_clear(&l);
	rig_stop(&r);
	rig_remove(&r);
}

/* --- while it is read --- */

enum change { CUT, GROWN, TOUCHED, NEW, GONE, MODE, CANCELLED };

static void change(const struct rig *r, enum change what)
{
	static const struct timespec times[2] = {{1000, 0}, {1000, 0}};
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/f", r->root);
	switch (what) {
	case CUT:
		put(r, "f", 100);
		break;
	case GROWN:
		put(r, "f", 70000);
		break;
	case TOUCHED:
		CHECK(utimensat(AT_FDCWD, path, times, 0) == 0, "%s", path);
		break;
	case NEW:
		put(r, "g", 100);
		break;
	case GONE:
		CHECK(unlink(path) == 0, "%s", path);
		break;
	case MODE:
		CHECK(chmod(path, 0700) == 0, "%s", path);
		break;
	case CANCELLED:
		break;
	}
}

static void what_changes_meanwhile_is_named(void)
{
	static const struct {
		const char *name;
		enum change change;
		const char *says;
	} rows[] = {
		{"grown", GROWN, "f: changed"},
		{"cut", CUT, "f: is shorter"},
		{"another time", TOUCHED, "f: changed"},
		{"a new file", NEW, "g: changed"},
		{"gone", GONE, "f: "},
		{"made executable", MODE, "f: changed"},
		{"cancelled", CANCELLED, "cancelled"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct outcome o = {0};
		struct hash_files_list l;
		struct hash_files *h;
		struct err e = {0};
		struct rig r;

		rig_home(&r);
		make_dir(&r, "");
		put(&r, "f", 60000);
		rig_start(&r, NULL);
		o.loop = r.loop;
		CHECK(hash_files_walk(&l, r.root, false, &e) == ERR_NONE, "%s",
		      e.msg);
		change(&r, rows[i].change);
		CHECK(hash_files_start(&h, r.work, &l, 16384, PIECE_SHA1, &ops,
				       &o, &e) == ERR_NONE,
		      "%s", e.msg);
		if (rows[i].change == CANCELLED)
			hash_files_cancel(h);
		rig_until(&r, o.done);
		CHECK(!o.hashes && strstr(o.err.msg, rows[i].says), "%s: %s",
		      rows[i].name, o.err.msg);
		hash_files_list_clear(&l);
		rig_stop(&r);
		rig_remove(&r);
	}
}

static void a_single_file_stands_alone(void)
{
	struct hash_files_list l;
	struct err e = {0};
	struct rig r;
	char path[300];

	rig_home(&r);
	make_dir(&r, "");
	put(&r, "f", 60000);
	put(&r, "other", 60000);
	(void)snprintf(path, sizeof(path), "%s/f", r.root);
	CHECK(hash_files_walk(&l, path, false, &e) == ERR_NONE, "%s", e.msg);
	CHECK(!l.multi && l.file_count == 1 &&
		      strcmp(l.files[0].path, "f") == 0,
	      "single");
	put(&r, "third", 10); /* beside it */
	CHECK(hash_files_align(&l, 16384, &e) == ERR_NONE && l.file_count == 1,
	      "no pad behind the last");
	CHECK(hash_files_unchanged(&l, &e) == ERR_NONE, "%s", e.msg);
	hash_files_list_clear(&l);
	rig_remove(&r);
}

int main(void)
{
	a_directory_becomes_a_sorted_list();
	what_cannot_be_a_torrent_says_why();
	hashes_are_those_of_the_bytes();
	hidden_files_come_when_asked_for();
	v2_and_hybrids_have_roots();
	v2_takes_powers_of_two();
	what_changes_meanwhile_is_named();
	a_single_file_stands_alone();
	return CHECK_EXIT();
}
