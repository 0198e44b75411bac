#include "storage/torrent/hash_files.h"
#include "tests/storage/rig.h"

struct outcome {
	struct loop *loop;
	uint8_t *hashes;
	uint32_t pieces;
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

static void on_done(void *ctx, const uint8_t *hashes, uint32_t pieces,
		    const struct err *err)
{
	struct outcome *o = ctx;

	o->done = true;
	o->pieces = pieces;
	if (err)
		o->err = *err;
	if (hashes) {
		o->hashes = malloc((size_t)pieces * SHA1_LEN);
		memcpy(o->hashes, hashes, (size_t)pieces * SHA1_LEN);
	}
	loop_stop(o->loop);
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
	static const char *const want[] = {"Z",	  "a",	"b/deep/x",
					   "b/y", "b0", "\xc3\xa9"};
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
	CHECK(hash_files_walk(&l, r.root, &e) == ERR_NONE, "%s", e.msg);
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
		CHECK(hash_files_walk(&l, r.root, &e) == rows[i].want, "%s: %s",
		      rows[i].name, e.msg);
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
		CHECK(hash_files_walk(&l, r.root, &e) == ERR_NONE, "%s", e.msg);
		CHECK(hash_files_start(&h, r.work, &l, t.piece_len, &ops, &o,
				       &e) == ERR_NONE,
		      "%s", e.msg);
		rig_until(&r, o.done);
		CHECK(o.pieces == t.pieces && o.hashes &&
			      memcmp(o.hashes, t.hashes,
				     (size_t)t.pieces * SHA1_LEN) == 0,
		      "seed %d: %s", (int)seed, o.err.msg);
		CHECK(o.progress > 0, "progress");
		free(o.hashes);
		hash_files_list_clear(&l);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static void a_file_that_changes_meanwhile_is_named(void)
{
	static const struct {
		const char *name;
		size_t len; /* then */
		bool cancel;
		const char *says;
	} rows[] = {
		{"grown", 70000, false, "f: changed"},
		{"cut", 100, false, "f: is shorter"},
		{"cancelled", 60000, true, "cancelled"},
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct outcome o = {0};
		struct hash_files_list l;
		struct hash_files *h;
		struct err e = {0};
		struct rig r;
		char path[300];

		rig_home(&r);
		make_dir(&r, "");
		put(&r, "f", 60000);
		rig_start(&r, NULL);
		o.loop = r.loop;
		(void)snprintf(path, sizeof(path), "%s/f", r.root);
		CHECK(hash_files_walk(&l, path, &e) == ERR_NONE, "%s", e.msg);
		CHECK(!l.multi && strcmp(l.files[0].path, "f") == 0, "single");
		put(&r, "f", rows[i].len);
		CHECK(hash_files_start(&h, r.work, &l, 16384, &ops, &o, &e) ==
			      ERR_NONE,
		      "%s", e.msg);
		if (rows[i].cancel)
			hash_files_cancel(h);
		rig_until(&r, o.done);
		CHECK(!o.hashes && strstr(o.err.msg, rows[i].says), "%s: %s",
		      rows[i].name, o.err.msg);
		hash_files_list_clear(&l);
		rig_stop(&r);
		rig_remove(&r);
	}
}

int main(void)
{
	a_directory_becomes_a_sorted_list();
	what_cannot_be_a_torrent_says_why();
	hashes_are_those_of_the_bytes();
	a_file_that_changes_meanwhile_is_named();
	return CHECK_EXIT();
}
