#include "storage/torrent/piece_check.h"

#include "base/merkle.h"
#include "tests/storage/rig.h"

/* --- a torrent with aligned files, and what is to come out --- */

struct world {
	struct rig rig;
	struct rig_torrent torrent;
	struct layout layout;
	struct file_pool *pool;
	struct files *files;
	struct piece_digest *want;
	uint8_t *said; /* times, by piece */
	struct err err;
	unsigned kinds, wrong, failed;
	uint64_t progress, total;
	bool done, whole;
	struct piece_check *check;
	unsigned cancel_after; /* calls of progress; 0: never */
};

/* Root of a piece by the plainest way there is. */
static struct hash32 plain_root(const uint8_t *p, uint32_t len, unsigned top)
{
	size_t width = (size_t)1 << top;
	struct hash32 *nodes = calloc(width, sizeof(*nodes)), root;

	for (uint32_t at = 0, i = 0; at < len; at += MERKLE_BLOCK, i++)
		sha256_once(nodes[i].bytes, p + at,
			    len - at < MERKLE_BLOCK ? len - at : MERKLE_BLOCK);
	for (; width > 1; width /= 2)
		for (size_t i = 0; i < width / 2; i++)
			sha256_once(nodes[i].bytes, &nodes[2 * i], 64);
	root = nodes[0];
	free(nodes);
	return root;
}

static void expect(struct world *w)
{
	const struct layout *l = &w->layout;

	w->want = calloc(l->piece_count, sizeof(*w->want));
	w->said = calloc(l->piece_count, 1);
	for (uint32_t f = 0; f < l->file_count; f++) {
		uint64_t left = l->files[f].length;
		uint64_t at = l->files[f].offset;
		unsigned top = left <= l->piece_len
				       ? merkle_levels((left + 16383) / 16384)
				       : merkle_levels(l->piece_len / 16384);

		while (left > 0 && !l->files[f].pad && at % l->piece_len == 0) {
			uint32_t n = left < l->piece_len ? (uint32_t)left
							 : l->piece_len;

			w->want[at / l->piece_len].root =
				plain_root(w->torrent.data + at, n, top);
			at += n;
			left -= n;
		}
	}
	for (uint32_t i = 0; i < l->piece_count; i++)
		memcpy(w->want[i].sha1, w->torrent.hashes + i * SHA1_LEN,
		       SHA1_LEN);
}

static void write_file(const struct world *w, uint32_t i)
{
	const struct layout_file *f = &w->layout.files[i];
	char path[400];
	int fd;

	if (f->pad)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s", w->rig.root, f->path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(write(fd, w->torrent.data + f->offset, f->length) ==
		      (ssize_t)f->length,
	      "%s", path);
	(void)close(fd);
}

static void world_finish(struct world *w)
{
	struct files_cfg cfg = {.root = w->rig.root, .read_only = true};
	struct err e = {0};

	rig_torrent_finish(&w->torrent, 1);
	rig_home(&w->rig);
	rig_start(&w->rig, NULL);
	CHECK(mkdir(w->rig.root, 0700) == 0, "%s", w->rig.root);
	CHECK(layout_init(&w->layout, NULL, w->torrent.files,
			  w->torrent.file_count, w->torrent.piece_len,
			  w->torrent.pieces, &e) == ERR_NONE,
	      "%s", e.msg);
	for (uint32_t i = 0; i < w->torrent.file_count; i++)
		write_file(w, i);
	w->pool = file_pool_new(4);
	cfg.pool = w->pool;
	cfg.layout = &w->layout;
	w->files = files_new(&cfg);
	expect(w);
}

/* Files of these lengths, each but the first behind padding. */
static void world_make(struct world *w, uint32_t piece_len,
		       const uint64_t *lengths, unsigned n)
{
	memset(w, 0, sizeof(*w));
	w->torrent.piece_len = piece_len;
	for (unsigned i = 0; i < n; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%u", i);
		rig_add_file(&w->torrent, name, lengths[i], false);
		if (i + 1 < n && lengths[i] % piece_len)
			rig_add_file(&w->torrent, ".pad/0",
				     piece_len - lengths[i] % piece_len, true);
	}
	world_finish(w);
}

static void world_clear(struct world *w)
{
	files_free(w->files);
	file_pool_free(w->pool);
	layout_clear(&w->layout);
	rig_stop(&w->rig);
	rig_remove(&w->rig);
	rig_torrent_clear(&w->torrent);
	free(w->want);
	free(w->said);
}

static void on_piece(void *ctx, uint32_t piece,
		     const struct piece_digest *digest, const struct err *err)
{
	struct world *w = ctx;
	const struct piece_digest *want = &w->want[piece];

	w->said[piece]++;
	if (!digest) {
		w->failed++;
		w->err = *err;
		return;
	}
	if (w->kinds & PIECE_SHA1)
		w->wrong += memcmp(want->sha1, digest->sha1, SHA1_LEN) != 0;
	if (w->kinds & PIECE_ROOT)
		w->wrong += memcmp(&want->root, &digest->root, 32) != 0;
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct world *w = ctx;

	CHECK(done >= w->progress && done <= total, "%llu after %llu",
	      (unsigned long long)done, (unsigned long long)w->progress);
	w->progress = done;
	w->total = total;
	if (w->cancel_after && --w->cancel_after == 0)
		piece_check_cancel(w->check);
}

static void on_done(void *ctx, bool whole)
{
	struct world *w = ctx;

	w->done = true;
	w->whole = whole;
}

static void run(struct world *w, unsigned kinds, const uint8_t *todo)
{
	static const struct piece_check_ops ops = {
		.piece = on_piece, .progress = on_progress, .done = on_done};
	const struct piece_check_cfg cfg = {.work = w->rig.work,
					    .files = w->files,
					    .layout = &w->layout,
					    .todo = todo,
					    .kinds = kinds};
	struct err e = {0};

	w->kinds = kinds;
	w->wrong = w->failed = 0;
	w->progress = 0;
	w->done = false;
	memset(w->said, 0, w->layout.piece_count);
	CHECK(piece_check_start(&w->check, &cfg, &ops, w, &e) == ERR_NONE, "%s",
	      e.msg);
	rig_until(&w->rig, w->done);
}

/* --- rows --- */

#define KIB 1024U

static const struct {
	const char *name;
	uint32_t piece_len;
	unsigned files;
	uint64_t lengths[6];
} shapes[] = {
	{"one byte", 16 * KIB, 1, {1}},
	{"one piece", 64 * KIB, 1, {64 * KIB}},
	{"a block and a byte", 64 * KIB, 1, {16 * KIB + 1}},
	{"pieces of one block", 16 * KIB, 2, {70 * 16 * KIB + 5, 16 * KIB - 1}},
	{"a piece of many parts and a rest", 1024 * KIB, 1, {2500 * KIB + 77}},
	{"a piece longer than a slice", 32768 * KIB, 1, {33000 * KIB + 3}},
	{"forty pieces in step", 128 * KIB, 1, {40 * 128 * KIB}},
	{"files of all lengths",
	 32 * KIB,
	 6,
	 {1, 33 * KIB, 0, 32 * KIB, 100 * KIB + 1, 15 * KIB}},
	{"more files than descriptors",
	 256 * KIB,
	 6,
	 {10, 20, 300 * KIB, 40, 50, 600 * KIB}},
};

static void every_digest_is_right(void)
{
	for (size_t i = 0; i < ROWS(shapes); i++) {
		struct world w;

		world_make(&w, shapes[i].piece_len, shapes[i].lengths,
			   shapes[i].files);
		for (unsigned kinds = 1; kinds <= 3; kinds++) {
			run(&w, kinds, NULL);
			CHECK(w.wrong == 0 && w.failed == 0,
			      "%s, kinds %u: %u wrong, %u failed",
			      shapes[i].name, kinds, w.wrong, w.failed);
			for (uint32_t p = 0; p < w.layout.piece_count; p++)
				CHECK(w.said[p] == 1, "%s: piece %u %u times",
				      shapes[i].name, p, w.said[p]);
			CHECK(w.whole && w.progress == w.total,
			      "%s: progress ends at %llu of %llu",
			      shapes[i].name, (unsigned long long)w.progress,
			      (unsigned long long)w.total);
		}
		world_clear(&w);
	}
}

/* v1: any piece length, files anywhere. */
static void pieces_of_v1_need_no_order(void)
{
	static const uint32_t lens[] = {1024, 1025, 100000, 300001};

	for (size_t i = 0; i < ROWS(lens); i++) {
		struct world w = {0};

		w.torrent.piece_len = lens[i];
		rig_add_file(&w.torrent, "a", 70001, false);
		rig_add_file(&w.torrent, "b", 3, false);
		rig_add_file(&w.torrent, "c", 2000000, false);
		world_finish(&w);
		run(&w, PIECE_SHA1, NULL);
		CHECK(w.wrong == 0 && w.failed == 0 && w.whole,
		      "%u: %u wrong, %u failed", lens[i], w.wrong, w.failed);
		world_clear(&w);
	}
}

static void only_what_is_to_do_is_done(void)
{
	const uint64_t lengths[] = {50 * 16 * KIB};
	uint8_t todo[7] = {0x81, 0, 0x7f, 0xff, 0, 1, 0xc0};
	struct world w;

	world_make(&w, 16 * KIB, lengths, 1);
	run(&w, PIECE_SHA1 | PIECE_ROOT, todo);
	for (uint32_t p = 0; p < 50; p++)
		CHECK(w.said[p] == bits_get(todo, p), "piece %u", p);
	CHECK(w.wrong == 0 && w.whole, "%u wrong", w.wrong);
	CHECK(w.total == 20 * 16 * KIB && w.progress == w.total, "%llu bytes",
	      (unsigned long long)w.total);
	memset(todo, 0, sizeof(todo));
	run(&w, PIECE_SHA1, todo);
	CHECK(w.whole && w.total == 0, "nothing to do");
	world_clear(&w);
}

static void what_cannot_be_read_is_named_and_the_rest_is_right(void)
{
	const uint64_t lengths[] = {5 * 64 * KIB, 3 * 64 * KIB + 9, 64 * KIB};
	struct world w;
	char path[400];

	world_make(&w, 64 * KIB, lengths, 3);
	(void)snprintf(path, sizeof(path), "%s/f1", w.rig.root);
	CHECK(truncate(path, 64 * KIB + 100) == 0, "%s", path);
	for (unsigned kinds = 1; kinds <= 3; kinds++) {
		run(&w, kinds, NULL);
		CHECK(w.failed == 3 && w.wrong == 0, "kinds %u: %u, %u wrong",
		      kinds, w.failed, w.wrong);
		CHECK(w.err.code == ERR_STATE && strstr(w.err.msg, "f1"), "%s",
		      w.err.msg);
		CHECK(w.whole && w.progress == w.total, "progress");
	}
	world_clear(&w);
}

/* In the middle of one long piece, too. */
static void cancelled_is_not_whole(void)
{
	const uint64_t lengths[] = {40 * 1024 * KIB};
	struct world w;

	world_make(&w, 32768 * KIB, lengths, 1);
	w.cancel_after = 1;
	run(&w, PIECE_SHA1 | PIECE_ROOT, NULL);
	CHECK(!w.whole && w.said[0] == 0, "it said %u", w.said[0]);
	world_clear(&w);
}

int main(void)
{
	every_digest_is_right();
	pieces_of_v1_need_no_order();
	only_what_is_to_do_is_done();
	what_cannot_be_read_is_named_and_the_rest_is_right();
	cancelled_is_not_whole();
	return CHECK_EXIT();
}
