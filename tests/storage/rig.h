/* rig.h - a torrent in a temporary directory, with a loop, workers and a store,
 * for the tests of this folder and the bench.
 */
#ifndef TESTS_STORAGE_RIG_H
#define TESTS_STORAGE_RIG_H

#include "base/bits.h"
#include "base/hash.h"
#include "base/rng.h"
#include "storage/torrent/torrent_store.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RIG_FILES 80
#define RIG_UNUSED __attribute__((unused))

struct rig_torrent { /* plain data; survives any store */
	struct store_file files[RIG_FILES];
	char paths[RIG_FILES][64];
	uint32_t file_count;
	uint32_t piece_len, pieces;
	uint64_t total;
	uint8_t *data;
	uint8_t *hashes; /* NULL: not of v1 */
	uint8_t *roots;	 /* NULL: not of v2 */
	struct piece_short shorts[RIG_FILES];
	uint32_t short_count;
	struct info_hash hash;
};

struct rig {
	char dir[128]; /* home: root/ and torrents.db are in it */
	char root[160];
	struct loop *loop;
	struct work *work;
	struct resume_db *resume;
	struct store_env *env;
	struct log *log;	/* to stderr when RIG_LOG is set */
	struct cbuf_pool *pool; /* "receive buffers" */
	struct loop_timer *guard, *look;
	struct rig_torrent *torrent;
	struct store *store;
	bool ready, closed, timed_out, blocked, verified;
	bool verify_whole;
	unsigned good, bad, lost, found, errors, notes, hashed_calls;
	unsigned read_ok, read_failed;
	bool wrong_bytes;
	unsigned leaf_calls;
	struct hash32 leaves[64]; /* of the last call */
	uint32_t n_leaves;	  /* 0: failed */
	uint64_t leaf_cookie;
	struct err err;
	char note[256];
	uint8_t verdicts[4096]; /* 1 good, 2 bad, by piece */
	int report_fd;		/* good pieces are written here; -1 */
	bool corrupt_reads_allowed;
	unsigned recalls;     /* hashes asked for after store_rest() */
	enum err_code recall; /* what is said then */
	void (*on_read_failed)(struct rig *r); /* may be NULL */
};

/* --- torrents --- */

RIG_UNUSED static void rig_torrent_finish(struct rig_torrent *t, uint64_t seed)
{
	struct rng rng = rng_seeded(seed + 1000);

	t->total = 0;
	for (uint32_t i = 0; i < t->file_count; i++)
		t->total += t->files[i].length;
	t->pieces = (uint32_t)((t->total + t->piece_len - 1) / t->piece_len);
	t->data = malloc(t->total);
	t->hashes = malloc((size_t)t->pieces * SHA1_LEN);
	if (!t->data || !t->hashes)
		abort();
	rng_fill(&rng, t->data, t->total);
	t->total = 0;
	for (uint32_t i = 0; i < t->file_count; i++) {
		if (t->files[i].pad)
			memset(t->data + t->total, 0, t->files[i].length);
		t->total += t->files[i].length;
	}
	for (uint32_t i = 0; i < t->pieces; i++) {
		uint64_t at = (uint64_t)i * t->piece_len;
		uint64_t left = t->total - at;

		sha1_once(t->hashes + (size_t)i * SHA1_LEN, t->data + at,
			  left < t->piece_len ? left : t->piece_len);
	}
	sha1_once(t->hash.bytes, t->hashes, (size_t)t->pieces * SHA1_LEN);
}

RIG_UNUSED static uint32_t rig_piece_size(const struct rig_torrent *t,
					  uint32_t piece)
{
	uint64_t left = t->total - (uint64_t)piece * t->piece_len;

	return left < t->piece_len ? (uint32_t)left : t->piece_len;
}

/* Bytes of it that are written. */
RIG_UNUSED static uint32_t rig_piece_wanted(const struct rig_torrent *t,
					    uint32_t piece)
{
	const struct pieces p = {.count = t->pieces,
				 .len = t->piece_len,
				 .total = t->total,
				 .shorts = t->shorts,
				 .short_count = t->short_count};

	return pieces_size(&p, piece);
}

RIG_UNUSED static void rig_add_file(struct rig_torrent *t, const char *path,
				    uint64_t length, bool pad)
{
	uint32_t i = t->file_count++;

	(void)snprintf(t->paths[i], sizeof(t->paths[i]), "%.63s", path);
	t->files[i] = (struct store_file){
		.path = t->paths[i], .length = length, .pad = pad};
}

/* Many shapes: tiny, empty and pad files, pieces over several files. */
RIG_UNUSED static void rig_torrent_random(struct rig_torrent *t, uint64_t seed)
{
	static const uint32_t lens[] = {16384,	32768,	65536, 100000,
					262144, 300000, 524288};
	struct rng rng = rng_seeded(seed);
	uint32_t files = 1 + rng_below(&rng, RIG_FILES - 1);

	memset(t, 0, sizeof(*t));
	t->piece_len = lens[rng_below(&rng, ROWS(lens))];
	for (uint32_t i = 0; i < files; i++) {
		static const uint64_t spans[] = {1, 200, 20000, 400000,
						 1200000};
		uint64_t most = spans[rng_below(&rng, ROWS(spans))];
		uint64_t length = rng_below(&rng, (uint32_t)most + 1);
		char path[64];

		(void)snprintf(path, sizeof(path), "%s%s%u",
			       i % 3 ? "sub/" : "",
			       i % 5 == 4 ? "deep/er/" : "", i);
		rig_add_file(t, path, length, i > 0 && i % 7 == 0);
	}
	rig_add_file(t, "last", 1 + rng_below(&rng, 70000), false);
	rig_torrent_finish(t, seed);
}

RIG_UNUSED static void rig_torrent_clear(struct rig_torrent *t)
{
	free(t->data);
	free(t->hashes);
	free(t->roots);
}

/* --- callbacks --- */

RIG_UNUSED static void rig_ready(void *ctx)
{
	struct rig *r = ctx;

	r->ready = true;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_piece(void *ctx, uint32_t piece, bool ok)
{
	struct rig *r = ctx;

	r->good += ok;
	r->bad += !ok;
	if (piece < sizeof(r->verdicts))
		r->verdicts[piece] = ok ? 1 : 2;
	if (ok && r->report_fd >= 0 &&
	    write(r->report_fd, &piece, sizeof(piece)) != sizeof(piece))
		r->errors++;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_lost(void *ctx, uint32_t piece)
{
	struct rig *r = ctx;

	(void)piece;
	r->lost++;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_found(void *ctx, uint32_t piece)
{
	struct rig *r = ctx;

	(void)piece;
	r->found++;
}

/* Cookies say where the bytes are: offset in the torrent. */
RIG_UNUSED static void rig_leaves(void *ctx, uint64_t cookie,
				  const struct hash32 *leaves, uint32_t n)
{
	struct rig *r = ctx;

	r->leaf_calls++;
	r->leaf_cookie = cookie;
	r->n_leaves = leaves && n <= 64 ? n : 0;
	memcpy(r->leaves, leaves ? leaves : r->leaves,
	       r->n_leaves * sizeof(*leaves));
}

RIG_UNUSED static void rig_read_done(void *ctx, uint64_t cookie,
				     const struct span *data)
{
	struct rig *r = ctx;

	if (data) {
		r->read_ok++;
		if (memcmp(data->p, r->torrent->data + cookie, data->len) != 0)
			r->wrong_bytes = true;
		span_unref(data);
	} else {
		r->read_failed++;
		if (r->on_read_failed)
			r->on_read_failed(r);
	}
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_pressure(void *ctx, bool blocked)
{
	struct rig *r = ctx;

	r->blocked = blocked;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_error(void *ctx, const struct err *e)
{
	struct rig *r = ctx;

	r->errors++;
	r->err = *e;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct rig *r = ctx;

	r->hashed_calls++;
	CHECK(done <= total, "progress");
}

RIG_UNUSED static void rig_note(void *ctx, const char *text)
{
	struct rig *r = ctx;

	r->notes++;
	(void)snprintf(r->note, sizeof(r->note), "%s", text);
}

RIG_UNUSED static void rig_closed(void *ctx)
{
	struct rig *r = ctx;

	r->closed = true;
	r->store = NULL;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_verified(void *ctx, bool whole)
{
	struct rig *r = ctx;

	r->verified = true;
	r->verify_whole = whole;
	loop_stop(r->loop);
}

RIG_UNUSED static enum err_code rig_hashes(void *ctx, const uint8_t **hashes,
					   const uint8_t **roots, struct err *e)
{
	struct rig *r = ctx;

	r->recalls++;
	if (r->recall != ERR_NONE)
		return err_fail(e, r->recall, "no hashes");
	*hashes = r->torrent->hashes;
	*roots = r->torrent->roots;
	return ERR_NONE;
}

static const struct store_ops rig_ops RIG_UNUSED = {
	.ready = rig_ready,
	.piece = rig_piece,
	.lost = rig_lost,
	.found = rig_found,
	.read_done = rig_read_done,
	.leaves = rig_leaves,
	.pressure = rig_pressure,
	.error = rig_error,
	.progress = rig_progress,
	.note = rig_note,
	.hashes = rig_hashes,
};

/* --- life --- */

RIG_UNUSED static void rig_timeout(void *ctx)
{
	struct rig *r = ctx;

	r->timed_out = true;
	loop_stop(r->loop);
}

RIG_UNUSED static void rig_look(void *ctx)
{
	struct rig *r = ctx;

	loop_stop(r->loop);
}

/* A home directory of its own. */
RIG_UNUSED static void rig_home(struct rig *r)
{
	const char *tmp = getenv("TMPDIR");

	memset(r, 0, sizeof(*r));
	(void)snprintf(r->dir, sizeof(r->dir), "%.64s/sb-store-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(r->dir))
		abort();
	(void)snprintf(r->root, sizeof(r->root), "%s/root", r->dir);
	r->report_fd = -1;
}

RIG_UNUSED static void rig_start(struct rig *r, const struct store_env_cfg *cfg)
{
	struct store_env_cfg c = cfg ? *cfg : (struct store_env_cfg){0};
	struct err e = {0};
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/torrents.db", r->dir);
	r->timed_out = false;
	r->loop = loop_new(&e);
	r->work = work_new(r->loop, 2, &e);
	r->pool = cbuf_pool_new(65536, 4096, 64);
	r->guard = loop_timer_new(r->loop, rig_timeout, r);
	r->look = loop_timer_new(r->loop, rig_look, r);
	if (resume_open(&r->resume, path, &e) != ERR_NONE)
		abort();
	r->log = getenv("RIG_LOG") ? log_new(2, LOG_DEBUG) : NULL;
	c.log = r->log;
	c.loop = r->loop;
	c.work = r->work;
	c.resume = r->resume;
	if (c.save_ms == 0)
		c.save_ms = 1;
	if (store_env_new(&r->env, &c, &e) != ERR_NONE)
		abort();
}

#define rig_until(r, cond) \
	do { \
		loop_timer_set((r)->guard, 30000); \
		while (!(cond) && !(r)->timed_out) { \
			loop_timer_set((r)->look, 5); \
			loop_run((r)->loop); \
		} \
		loop_timer_cancel((r)->guard); \
		CHECK(!(r)->timed_out, "waited in vain for " #cond); \
	} while (0)

RIG_UNUSED static enum err_code rig_open_as(struct rig *r,
					    struct rig_torrent *t,
					    struct store_cfg cfg, struct err *e)
{
	cfg.info_hash = t->hash;
	cfg.root = cfg.root ? cfg.root : r->root;
	cfg.files = t->files;
	cfg.file_count = t->file_count;
	cfg.piece_len = t->piece_len;
	cfg.piece_count = t->pieces;
	cfg.hashes = t->hashes;
	cfg.roots = t->roots;
	cfg.shorts = t->shorts;
	cfg.short_count = t->short_count;
	r->torrent = t;
	r->ready = r->closed = r->blocked = false;
	r->good = r->bad = r->lost = r->found = r->errors = r->notes = 0;
	r->hashed_calls = 0;
	r->note[0] = '\0';
	return store_open(&r->store, r->env, &cfg, &rig_ops, r, e);
}

RIG_UNUSED static void rig_open(struct rig *r, struct rig_torrent *t)
{
	struct err e = {0};

	CHECK(rig_open_as(r, t, (struct store_cfg){0}, &e) == ERR_NONE, "%s",
	      e.msg);
	rig_until(r, r->ready);
}

RIG_UNUSED static void rig_close(struct rig *r)
{
	if (!r->store)
		return;
	store_close(r->store, rig_closed, r);
	rig_until(r, r->closed);
}

RIG_UNUSED static void rig_stop(struct rig *r)
{
	rig_close(r);
	store_env_free(r->env);
	resume_close(r->resume);
	loop_timer_free(r->guard);
	loop_timer_free(r->look);
	work_free(r->work);
	cbuf_pool_free(r->pool);
	log_free(r->log);
	loop_free(r->loop);
}

RIG_UNUSED static int rig_unlink(const char *path, const struct stat *st,
				 int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

RIG_UNUSED static void rig_remove(struct rig *r)
{
	(void)nftw(r->dir, rig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- work --- */

/* Bytes of the torrent as 1..4 spans of "receive buffers". */
RIG_UNUSED static size_t rig_spans(struct rig *r, struct span out[4],
				   const uint8_t *p, size_t len,
				   struct rng *rng)
{
	size_t n = 0, want = 1 + (rng_below(rng, 4) ? 0 : rng_below(rng, 4));

	while (len > 0) {
		size_t part = n + 1 == want || len < 2
				      ? len
				      : 1 + rng_below(rng, (uint32_t)len - 1);
		struct cbuf *b = cbuf_get(r->pool);

		if (!b)
			abort();
		memcpy(b->data + 13, p, part);
		out[n++] = (struct span){b, b->data + 13, part};
		p += part;
		len -= part;
	}
	return n;
}

RIG_UNUSED static enum err_code rig_write(struct rig *r, uint32_t piece,
					  uint32_t offset, struct rng *rng,
					  bool corrupt)
{
	uint32_t size = rig_piece_wanted(r->torrent, piece);
	uint32_t len =
		size - offset < STORE_BLOCK ? size - offset : STORE_BLOCK;
	uint64_t at = (uint64_t)piece * r->torrent->piece_len + offset;
	struct span spans[4];
	struct err e = {0};
	enum err_code code;
	size_t n = rig_spans(r, spans, r->torrent->data + at, len, rng);

	if (corrupt)
		spans[0].owner->data[13] ^= 1;
	code = store_write(r->store, piece, offset, spans, n, &e);
	for (size_t i = 0; i < n; i++)
		span_unref(&spans[i]);
	return code;
}

RIG_UNUSED static void rig_write_piece(struct rig *r, uint32_t piece,
				       struct rng *rng, bool corrupt)
{
	uint32_t size = rig_piece_wanted(r->torrent, piece);

	for (uint32_t at = 0; at < size; at += STORE_BLOCK)
		CHECK(rig_write(r, piece, at, rng, corrupt && at == 0) ==
			      ERR_NONE,
		      "piece %u at %u", piece, at);
}

/* All files hold the torrent's bytes and no more. */
RIG_UNUSED static bool rig_files_equal(const struct rig *r)
{
	const struct rig_torrent *t = r->torrent;
	uint64_t at = 0;
	bool same = true;

	for (uint32_t i = 0; i < t->file_count; i++) {
		char path[300];
		uint8_t *buf = malloc(t->files[i].length + 1);
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", r->root,
			       t->files[i].path);
		fd = open(path, O_RDONLY);
		if (t->files[i].pad)
			same = same && fd < 0;
		else
			same = same && buf && fd >= 0 &&
			       read(fd, buf, t->files[i].length + 1) ==
				       (ssize_t)t->files[i].length &&
			       memcmp(buf, t->data + at, t->files[i].length) ==
				       0;
		if (fd >= 0)
			(void)close(fd);
		free(buf);
		at += t->files[i].length;
	}
	return same;
}

/* Writes the files themselves, as if they had always been there. */
RIG_UNUSED static void rig_put_files(const struct rig *r,
				     const struct rig_torrent *t)
{
	uint64_t at = 0;

	(void)mkdir(r->root, 0777);
	for (uint32_t i = 0; i < t->file_count; i++) {
		char path[300];
		int fd;

		(void)snprintf(path, sizeof(path), "%s/%s", r->root,
			       t->files[i].path);
		for (char *s = path + strlen(r->root) + 1; *s; s++)
			if (*s == '/') {
				*s = '\0';
				(void)mkdir(path, 0777);
				*s = '/';
			}
		if (!t->files[i].pad) {
			fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
			if (fd < 0 ||
			    write(fd, t->data + at, t->files[i].length) !=
				    (ssize_t)t->files[i].length)
				abort();
			(void)close(fd);
		}
		at += t->files[i].length;
	}
}

RIG_UNUSED static uint32_t rig_have(const struct rig *r)
{
	struct store_stats s;
	size_t len;

	store_stats_get(r->store, &s);
	CHECK(bits_count(store_have(r->store, &len), r->torrent->pieces) ==
		      s.have,
	      "count");
	return s.have;
}

#endif
