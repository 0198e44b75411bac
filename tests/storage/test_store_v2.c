/* Torrents of version 2 and of both versions, and short pieces of version 1. */
#include "tests/storage/rig.h"

#define PIECE_LEN 524288U /* 32 blocks */

enum kind { V1, V2, BOTH };

static const char *const kind_names[] = {"v1", "v2", "hybrid"};

/* The tree of so many leaves (a power of two) from block `at` on, as BEP 52
 * says it, leaf by leaf. */
static void naive_root(uint8_t out[SHA256_LEN], const uint8_t *data,
		       uint64_t len, uint64_t leaves)
{
	uint8_t both[2 * SHA256_LEN];
	uint64_t half = leaves / 2 * STORE_BLOCK;

	if (leaves == 1) {
		memset(out, 0, SHA256_LEN);
		if (len > 0)
			sha256_once(out, data, len);
		return;
	}
	naive_root(both, data, len < half ? len : half, leaves / 2);
	naive_root(both + SHA256_LEN, data + half, len < half ? 0 : len - half,
		   leaves / 2);
	sha256_once(out, both, sizeof(both));
}

static uint64_t leaves_of(uint64_t len)
{
	uint64_t n = 1;

	while (n * STORE_BLOCK < len)
		n *= 2;
	return n;
}

static void add_file(struct rig_torrent *t, const char *path, uint64_t len)
{
	uint64_t gap;

	if (t->total % PIECE_LEN && len) {
		gap = PIECE_LEN - t->total % PIECE_LEN;
		rig_add_file(t, ".pad", gap, true);
		t->total += gap;
	}
	rig_add_file(t, path, len, false);
	t->total += len;
}

static void add_short(struct rig_torrent *t, enum kind kind, uint64_t file_end)
{
	uint32_t size = (uint32_t)(file_end % PIECE_LEN);

	if (kind != V2)
		size = (size + STORE_BLOCK - 1) / STORE_BLOCK * STORE_BLOCK;
	if (size == 0 || size == PIECE_LEN || file_end == t->total)
		return;
	t->shorts[t->short_count++] =
		(struct piece_short){(uint32_t)(file_end / PIECE_LEN), size};
}

static void add_roots(struct rig_torrent *t)
{
	uint64_t at = 0;

	t->roots = malloc((size_t)t->pieces * SHA256_LEN);
	if (!t->roots)
		abort();
	for (uint32_t i = 0; i < t->file_count; at += t->files[i++].length) {
		uint64_t len = t->files[i].length;
		uint64_t leaves = len <= PIECE_LEN ? leaves_of(len)
						   : PIECE_LEN / STORE_BLOCK;

		for (uint64_t k = 0; k < len && !t->files[i].pad;
		     k += PIECE_LEN)
			naive_root(t->roots + (at + k) / PIECE_LEN * SHA256_LEN,
				   t->data + at + k,
				   len - k < PIECE_LEN ? len - k : PIECE_LEN,
				   leaves);
	}
}

static void make(struct rig_torrent *t, enum kind kind)
{
	static const uint64_t lens[] = {
		5 * PIECE_LEN + 70001, 5, 0, PIECE_LEN, 16384, 40000,
		3 * PIECE_LEN + 99};
	uint64_t end = 0;

	memset(t, 0, sizeof(*t));
	t->piece_len = PIECE_LEN;
	for (uint32_t i = 0; i < ROWS(lens); i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "f%u", i);
		add_file(t, path, lens[i]);
	}
	rig_torrent_finish(t, 1 + (uint64_t)kind);
	for (uint32_t i = 0; i < t->file_count; i++) {
		end += t->files[i].length;
		if (!t->files[i].pad && t->files[i].length)
			add_short(t, kind, end);
	}
	if (kind != V1)
		add_roots(t);
	if (kind == V2) {
		free(t->hashes);
		t->hashes = NULL;
	}
}

static uint32_t blocks_of(const struct rig_torrent *t, uint32_t piece)
{
	return (rig_piece_wanted(t, piece) + STORE_BLOCK - 1) / STORE_BLOCK;
}

/* Every block once, in an order by chance. */
static void write_all(struct rig *r, struct rng *rng, uint32_t corrupt)
{
	struct rig_torrent *t = r->torrent;
	uint32_t n = 0, order[1024];

	for (uint32_t i = 0; i < t->pieces; i++)
		for (uint32_t b = 0; b < blocks_of(t, i) && n < 1024; b++)
			order[n++] = i << 8 | b;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = rng_below(rng, i), swap = order[k];

		order[k] = order[i - 1];
		order[i - 1] = swap;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t piece = order[i] >> 8, b = order[i] & 255;

		CHECK(rig_write(r, piece, b * STORE_BLOCK, rng,
				piece == corrupt &&
					b + 1 == blocks_of(t, piece)) ==
			      ERR_NONE,
		      "piece %u block %u", piece, b);
	}
	rig_until(r, r->good + r->bad == t->pieces || r->errors);
}

static void every_kind_comes_back_byte_for_byte(void)
{
	for (enum kind kind = V1; kind <= BOTH; kind++) {
		struct rng rng = rng_seeded(kind);
		struct rig_torrent t;
		struct store_stats stats;
		struct rig r;

		make(&t, kind);
		rig_home(&r);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		write_all(&r, &rng, 3);
		CHECK(r.bad == 1 && r.verdicts[3] == 2, "%s: a false block",
		      kind_names[kind]);
		rig_write_piece(&r, 3, &rng, false);
		rig_until(&r, r.good == t.pieces);
		CHECK(rig_files_equal(&r), "%s: files", kind_names[kind]);
		store_stats_get(r.store, &stats);
		CHECK(stats.have_bytes == stats.total, "%s: %llu of %llu",
		      kind_names[kind], (unsigned long long)stats.have_bytes,
		      (unsigned long long)stats.total);
		rig_close(&r);
		rig_open_as(&r, &t, (struct store_cfg){.recheck = true}, NULL);
		rig_until(&r, r.ready);
		CHECK(rig_have(&r) == t.pieces, "%s: hashed again: %u of %u",
		      kind_names[kind], rig_have(&r), t.pieces);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

/* What is on the disk is judged piece by piece. */
static void a_changed_file_costs_its_pieces(void)
{
	for (enum kind kind = V1; kind <= BOTH; kind++) {
		struct rig_torrent t;
		char path[300];
		struct rig r;
		int fd;

		make(&t, kind);
		rig_home(&r);
		rig_put_files(&r, &t);
		(void)snprintf(path, sizeof(path), "%s/f0", r.root);
		fd = open(path, O_WRONLY);
		CHECK(fd >= 0 && pwrite(fd, "x", 1, PIECE_LEN + 9) == 1, "%s",
		      path);
		(void)close(fd);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		CHECK(rig_have(&r) == t.pieces - 1, "%s: %u of %u",
		      kind_names[kind], rig_have(&r), t.pieces);
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

/* Both clients of v1 and of v2 would have what the other calls false. */
static void a_hybrid_that_contradicts_itself_is_stopped(void)
{
	for (int which = 0; which < 2; which++) {
		struct rng rng = rng_seeded(7);
		struct rig_torrent t;
		struct rig r;

		make(&t, BOTH);
		(which ? t.hashes + 3 * SHA1_LEN
		       : t.roots + 3 * SHA256_LEN)[0] ^= 1;
		rig_home(&r);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		rig_write_piece(&r, 2, &rng, false);
		rig_write_piece(&r, 3, &rng, false);
		rig_until(&r, r.errors > 0);
		CHECK(r.err.code == ERR_SIG &&
			      strstr(r.err.msg, "contradicts itself"),
		      "%s", r.err.msg);
		CHECK(r.verdicts[3] == 0, "nobody lied");
		CHECK(store_is_paused(r.store), "paused");
		store_resume(r.store);
		r.errors = 0;
		rig_until(&r, r.errors > 0);
		CHECK(r.err.code == ERR_SIG && r.verdicts[3] == 0,
		      "it says so again");
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

/* A piece of zeroes in a file system that keeps holes is looked at; other holes
 * are not. */
static void holes_are_hashed_where_zeroes_are_wanted(void)
{
	for (enum kind kind = V1; kind <= BOTH; kind++) {
		struct rig_torrent t;
		char path[300];
		struct rig r;
		int fd;

		make(&t, kind);
		memset(t.data + PIECE_LEN, 0, PIECE_LEN);
		memset(t.data + 5 * PIECE_LEN, 0, 70001);
		if (t.roots)
			free(t.roots);
		t.roots = NULL;
		if (kind != V1)
			add_roots(&t);
		for (uint32_t i = 1; i <= 5 && t.hashes; i += 4)
			sha1_once(t.hashes + (size_t)i * SHA1_LEN,
				  t.data + i * PIECE_LEN, PIECE_LEN);
		rig_home(&r);
		CHECK(mkdir(r.root, 0700) == 0, "root");
		(void)snprintf(path, sizeof(path), "%s/f0", r.root);
		fd = open(path, O_WRONLY | O_CREAT, 0600);
		CHECK(fd >= 0 && ftruncate(fd, 5 * PIECE_LEN + 70001) == 0,
		      "%s", path);
		(void)close(fd);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		CHECK(rig_have(&r) == 2, "%s: %u pieces", kind_names[kind],
		      rig_have(&r));
		rig_stop(&r);
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

static bool leaves_right(const struct rig *r, uint32_t piece, uint32_t but)
{
	const struct rig_torrent *t = r->torrent;
	uint32_t n =
		(rig_piece_wanted(t, piece) + STORE_BLOCK - 1) / STORE_BLOCK;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = (uint64_t)piece * PIECE_LEN + i * STORE_BLOCK;
		uint64_t file = 0, end = 0, len;
		struct hash32 want;

		for (; end <= at; end += t->files[file++].length)
			;
		len = end - at < STORE_BLOCK ? end - at : STORE_BLOCK;
		sha256_once(want.bytes, t->data + at, len);
		if ((memcmp(&want, &r->leaves[i], sizeof(want)) == 0) ==
		    (i == but))
			return false;
	}
	return r->n_leaves == n;
}

static void ask_leaves(struct rig *r, uint32_t piece)
{
	unsigned before = r->leaf_calls;

	CHECK(store_leaves(r->store, piece, 70 + piece), "piece %u", piece);
	rig_until(r, r->leaf_calls > before);
	CHECK(r->leaf_cookie == 70 + piece, "cookie");
}

static void blocks_are_hashed_as_they_are_on_the_disk(void)
{
	for (enum kind kind = V2; kind <= BOTH; kind++) {
		struct rng rng = rng_seeded(kind);
		struct rig_torrent t;
		unsigned before;
		char path[300];
		struct rig r;

		make(&t, kind);
		rig_home(&r);
		rig_start(&r, NULL);
		rig_open(&r, &t);
		write_all(&r, &rng, 3);
		for (uint32_t i = 0; i < t.pieces; i++) {
			/* the last block of piece 3 is false */
			uint32_t but =
				i == 3 ? blocks_of(&t, i) - 1 : UINT32_MAX;

			ask_leaves(&r, i);
			CHECK(leaves_right(&r, i, but), "%s: piece %u",
			      kind_names[kind], i);
		}
		/* those that are good are given once more, as they were */
		for (uint32_t b = 0; b < blocks_of(&t, 3); b++)
			CHECK(rig_write(&r, 3, b * STORE_BLOCK, &rng, false) ==
				      ERR_NONE,
			      "block %u", b);
		rig_until(&r, r.good == t.pieces);
		CHECK(!store_leaves(r.store, t.pieces, 1), "no such piece");
		(void)snprintf(path, sizeof(path), "%s/f0", r.root);
		CHECK(truncate(path, 9) == 0, "%s", path);
		ask_leaves(&r, 2);
		CHECK(r.n_leaves == 0, "what is not there has no hashes");
		for (unsigned i = 0; i < STORE_MAX_LEAVES; i++)
			CHECK(store_leaves(r.store, 8, i), "%u", i);
		CHECK(!store_leaves(r.store, 8, 1), "too many wait");
		before = r.leaf_calls;
		rig_stop(&r); /* while they do */
		CHECK(r.leaf_calls == before, "called back after the end");
		rig_remove(&r);
		rig_torrent_clear(&t);
	}
}

/* A hybrid that came by a link: v1's hashes do until those of v2 are told. That
 * of piece 3 is false, and shows whether it is looked at. */
static void roots_may_come_later(void)
{
	struct rng rng = rng_seeded(12);
	struct rig_torrent t;
	uint8_t *roots;
	struct rig r;

	make(&t, BOTH);
	roots = t.roots;
	t.roots = NULL;
	roots[3 * SHA256_LEN] ^= 1;
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t i = 0; i < 5; i++)
		rig_write_piece(&r, i, &rng, false);
	rig_until(&r, r.good == 5);
	CHECK(r.bad == 0 && !store_leaves(r.store, 0, 1), "by v1 alone");
	CHECK(store_add_roots(r.store, roots, NULL) == ERR_NONE, "added");
	CHECK(store_add_roots(r.store, roots, NULL) == ERR_STATE,
	      "while what is there is looked at");
	rig_until(&r, r.lost == 1);
	CHECK(rig_have(&r) == 4 && r.errors == 0, "%u are left", rig_have(&r));
	ask_leaves(&r, 1);
	rig_write_piece(&r, 5, &rng, false);
	rig_until(&r, r.good == 6);
	rig_write_piece(&r, 3, &rng, false);
	rig_until(&r, r.errors > 0);
	CHECK(r.err.code == ERR_SIG, "it contradicts itself: %s", r.err.msg);
	rig_stop(&r);
	rig_remove(&r);
	free(roots);
	rig_torrent_clear(&t);
}

/* The same while pieces are being written. */
static void roots_may_come_while_pieces_do(void)
{
	struct rng rng = rng_seeded(13);
	struct rig_torrent t;
	uint8_t *roots;
	struct rig r;

	make(&t, BOTH);
	roots = t.roots;
	t.roots = NULL;
	roots[3 * SHA256_LEN] ^= 1;
	rig_home(&r);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	for (uint32_t i = 2; i < 5; i++)
		CHECK(rig_write(&r, i, 0, &rng, false) == ERR_NONE, "first");
	CHECK(store_add_roots(r.store, roots, NULL) == ERR_NONE, "added");
	for (uint32_t i = 2; i < 5; i++)
		for (uint32_t b = 1; b < blocks_of(&t, i); b++)
			CHECK(rig_write(&r, i, b * STORE_BLOCK, &rng, false) ==
				      ERR_NONE,
			      "the rest");
	rig_until(&r, r.good == 3 && r.lost == 1);
	CHECK(rig_have(&r) == 2 && r.verdicts[3] == 1, "both were looked at");
	rig_stop(&r);
	rig_remove(&r);
	free(roots);
	rig_torrent_clear(&t);
}

static void blocks_of_v1_have_no_hashes(void)
{
	struct rig_torrent t;
	struct rig r;

	make(&t, V1);
	rig_home(&r);
	rig_put_files(&r, &t);
	rig_start(&r, NULL);
	rig_open(&r, &t);
	CHECK(!store_leaves(r.store, 0, 1), "of v1");
	rig_stop(&r);
	rig_remove(&r);
	rig_torrent_clear(&t);
}

int main(void)
{
	blocks_are_hashed_as_they_are_on_the_disk();
	blocks_of_v1_have_no_hashes();
	roots_may_come_later();
	roots_may_come_while_pieces_do();
	every_kind_comes_back_byte_for_byte();
	a_changed_file_costs_its_pieces();
	a_hybrid_that_contradicts_itself_is_stopped();
	holes_are_hashed_where_zeroes_are_wanted();
	return CHECK_EXIT();
}
