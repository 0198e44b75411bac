/* sector_rig.h - a host's sectors in a temporary directory, for the tests of
 * them and the bench.
 */
#ifndef TESTS_STORAGE_SECTOR_RIG_H
#define TESTS_STORAGE_SECTOR_RIG_H

#include "base/rng.h"
#include "storage/sector/sector_store.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SRIG_UNUSED __attribute__((unused))

struct srig_got { /* an answer, copied */
	bool done;
	enum err_code code;
	int os;
	char msg[160];
	uint8_t data[65536 * 16];
	size_t len;
	struct hash32 nodes[SECTORS_MAX_ROOTS];
	size_t node_count;
	struct hash32 root;
	struct list_info info;
	uint8_t blob[LIST_MAX_SIGNED];
	struct record_info record;
	bool stored;
	uint32_t next, count;
};

struct srig {
	char dir[64], index[96];
	char at[3][80]; /* directories for volumes */
	struct loop *loop;
	struct work *work;
	struct cbuf_pool *pool;
	struct loop_timer *guard;
	struct sectors *s;
	struct sectors_cfg cfg;
	struct rng rng;
	bool timed_out, blocked;
	unsigned lost, notes;
	char note[256];
	struct srig_got got;
};

/* Sector number n of the world: its bytes and root. */
SRIG_UNUSED static void srig_sector(uint32_t n, uint8_t *bytes,
				    struct hash32 *root)
{
	struct rng rng = rng_seeded(n + 1000);

	rng_fill(&rng, bytes, SECTOR_LEN);
	if (root)
		tree_sector_root(root, bytes);
}

/* Its root alone; those of small numbers are remembered. */
SRIG_UNUSED static struct hash32 srig_root(uint32_t n)
{
	static uint8_t bytes[SECTOR_LEN];
	static struct {
		bool known;
		struct hash32 root;
	} memo[64];
	struct hash32 root;

	if (n < ROWS(memo) && memo[n].known)
		return memo[n].root;
	srig_sector(n, bytes, &root);
	if (n < ROWS(memo)) {
		memo[n].known = true;
		memo[n].root = root;
	}
	return root;
}

SRIG_UNUSED static struct address srig_owner(uint32_t i)
{
	struct address a = {{0}};

	a.bytes[0] = (uint8_t)(i + 1);
	return a;
}

SRIG_UNUSED static struct list_key srig_key(uint32_t i)
{
	return (struct list_key){srig_owner(i), srig_owner(99), i};
}

SRIG_UNUSED static void srig_on_lost(void *ctx, const struct hash32 *root,
				     uint32_t volume)
{
	struct srig *r = ctx;

	(void)root;
	(void)volume;
	r->lost++;
	loop_stop(r->loop);
}

SRIG_UNUSED static void srig_on_volume(void *ctx, uint32_t id, const char *text)
{
	struct srig *r = ctx;

	(void)id;
	r->notes++;
	(void)snprintf(r->note, sizeof(r->note), "%s", text);
	loop_stop(r->loop);
}

SRIG_UNUSED static void srig_on_pressure(void *ctx, bool blocked)
{
	struct srig *r = ctx;

	r->blocked = blocked;
}

static const struct sectors_ops srig_ops SRIG_UNUSED = {
	.lost = srig_on_lost,
	.volume = srig_on_volume,
	.pressure = srig_on_pressure,
};

SRIG_UNUSED static void srig_on_guard(void *ctx)
{
	struct srig *r = ctx;

	r->timed_out = true;
	loop_stop(r->loop);
}

/* --- life --- */

SRIG_UNUSED static void srig_home(struct srig *r)
{
	const char *tmp = getenv("TMPDIR");

	memset(r, 0, sizeof(*r));
	(void)snprintf(r->dir, sizeof(r->dir), "%.30s/sb-sectors-XXXXXX",
		       tmp ? tmp : "/tmp");
	if (!mkdtemp(r->dir))
		abort();
	(void)snprintf(r->index, sizeof(r->index), "%s/sectors.db", r->dir);
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(r->at[i], sizeof(r->at[i]), "%s/v%u", r->dir, i);
		if (mkdir(r->at[i], 0700) != 0)
			abort();
	}
	r->rng = rng_seeded(1);
	r->cfg = (struct sectors_cfg){.now_s = 1000, .sparse = true};
}

SRIG_UNUSED static enum err_code srig_try_start(struct srig *r, struct err *e)
{
	enum err_code code;

	r->loop = loop_new(e);
	r->work = work_new(r->loop, 2, e);
	r->pool = cbuf_pool_new(65536 + 64, 4096, 32);
	r->guard = loop_timer_new(r->loop, srig_on_guard, r);
	if (!r->loop || !r->work || !r->pool || !r->guard)
		abort();
	r->cfg.loop = r->loop;
	r->cfg.work = r->work;
	r->cfg.index = r->index;
	r->cfg.ops = &srig_ops;
	r->cfg.ctx = r;
	r->timed_out = r->blocked = false;
	r->lost = r->notes = 0;
	code = sectors_open(&r->s, &r->cfg, e);
	return code;
}

SRIG_UNUSED static void srig_start(struct srig *r)
{
	struct err e = {0};

	CHECK(srig_try_start(r, &e) == ERR_NONE, "%s", e.msg);
	if (!r->s)
		abort();
}

SRIG_UNUSED static void srig_stop(struct srig *r)
{
	sectors_close(r->s);
	r->s = NULL;
	loop_timer_free(r->guard);
	work_free(r->work);
	cbuf_pool_free(r->pool);
	loop_free(r->loop);
}

SRIG_UNUSED static int srig_unlink(const char *path, const struct stat *st,
				   int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

SRIG_UNUSED static void srig_remove(struct srig *r)
{
	(void)nftw(r->dir, srig_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

#define srig_until(r, cond) \
	do { \
		loop_timer_set((r)->guard, 30000); \
		while (!(cond) && !(r)->timed_out) \
			loop_run((r)->loop); \
		loop_timer_cancel((r)->guard); \
		CHECK(!(r)->timed_out, "waited in vain for " #cond); \
	} while (0)

/* The same for a condition that itself waits for answers. */
#define srig_poll(cond) \
	do { \
		unsigned tries = 0; \
		while (tries < 5000 && !(cond)) \
			tries++; \
		CHECK(tries < 5000, "asked in vain for " #cond); \
	} while (0)

/* --- answers --- */

SRIG_UNUSED static void srig_answer(void *ctx, const struct sectors_answer *a,
				    const struct err *e)
{
	struct srig *r = ctx;
	struct srig_got *g = &r->got;

	CHECK(!g->done, "answered twice");
	g->done = true;
	g->code = e ? e->code : ERR_NONE;
	g->os = e ? e->os : 0;
	(void)snprintf(g->msg, sizeof(g->msg), "%s", e ? e->msg : "");
	g->count = a->count;
	loop_stop(r->loop);
	if (e)
		return;
	g->len = a->len;
	if (a->len)
		memcpy(g->data, a->data, a->len);
	g->node_count = a->node_count;
	if (a->node_count)
		memcpy(g->nodes, a->nodes, a->node_count * sizeof(*a->nodes));
	g->root = a->root;
	if (a->info) {
		g->info = *a->info;
		if (a->info->blob_len)
			memcpy(g->blob, a->info->blob, a->info->blob_len);
	}
	g->record = a->record;
	g->stored = a->stored;
	g->next = a->next;
}

/* Waits for the answer to a call that gave `code`. */
SRIG_UNUSED static enum err_code srig_wait(struct srig *r, enum err_code code)
{
	if (code != ERR_NONE) {
		r->got.code = code;
		return code;
	}
	srig_until(r, r->got.done);
	return r->got.code;
}

/* srig_do(r, sectors_read, root, 0, len): the call, and its answer. */
#define srig_do(r, call, ...) \
	((r)->got.done = false, \
	 srig_wait((r), call((r)->s, __VA_ARGS__, srig_answer, (r), NULL)))

/* --- sectors --- */

/* The bytes in spans of several receive buffers; release with span_unref(). */
SRIG_UNUSED static size_t srig_spans(struct srig *r, const uint8_t *bytes,
				     struct span out[SECTORS_MAX_SPANS])
{
	size_t n = 0, at = 0;

	while (at < SECTOR_LEN) {
		size_t part = n % 5 == 1 ? 1000 : 65536;
		struct cbuf *b = cbuf_get(r->pool);

		if (!b)
			abort();
		if (part > SECTOR_LEN - at)
			part = SECTOR_LEN - at;
		memcpy(b->data + 13, bytes + at, part);
		out[n++] = (struct span){b, b->data + 13, part};
		at += part;
	}
	return n;
}

SRIG_UNUSED static enum err_code srig_put_as(struct srig *r, uint32_t n,
					     uint32_t owner, bool spoil,
					     sectors_fn *done, void *ctx,
					     struct err *e)
{
	static uint8_t bytes[SECTOR_LEN];
	struct span spans[SECTORS_MAX_SPANS];
	struct sectors_put p = {.spans = spans, .expires_s = 5000};
	enum err_code code;

	srig_sector(n, bytes, NULL);
	p.root = srig_root(n);
	bytes[77] ^= spoil;
	p.owner = srig_owner(owner);
	p.span_count = srig_spans(r, bytes, spans);
	code = sectors_put(r->s, &p, done, ctx, e);
	for (size_t i = 0; i < p.span_count; i++)
		span_unref(&spans[i]);
	return code;
}

SRIG_UNUSED static enum err_code srig_put(struct srig *r, uint32_t n)
{
	r->got.done = false;
	return srig_wait(r, srig_put_as(r, n, 0, false, srig_answer, r, NULL));
}

/* Reads it all and compares. */
SRIG_UNUSED static enum err_code srig_read(struct srig *r, uint32_t n)
{
	static uint8_t bytes[SECTOR_LEN];
	struct hash32 root = srig_root(n);
	enum err_code code;

	code = srig_do(r, sectors_read, &root, 0, SECTOR_LEN);
	if (code != ERR_NONE)
		return code;
	srig_sector(n, bytes, NULL);
	CHECK(r->got.len == SECTOR_LEN &&
		      memcmp(r->got.data, bytes, SECTOR_LEN) == 0,
	      "sector %u: other bytes", n);
	return code;
}

SRIG_UNUSED static enum err_code srig_space(struct srig *r, unsigned dir,
					    uint32_t slots)
{
	return srig_do(r, sectors_space, r->at[dir], slots);
}

/* Root of a list of sectors with these numbers. */
SRIG_UNUSED static struct hash32 srig_list_root(const uint32_t *names,
						uint32_t n)
{
	static struct tree_fold f;
	struct hash32 root = {{0}}, one;

	tree_fold_init(&f, 0);
	for (uint32_t i = 0; i < n; i++) {
		one = srig_root(names[i]);
		tree_fold_add(&f, &one, 1);
	}
	if (n && !tree_fold_end(&f, &root))
		abort();
	return root;
}

/* Appends sectors from .. to-1 to a list that is those from `first` on. */
SRIG_UNUSED static enum err_code srig_append(struct srig *r, uint32_t list,
					     uint32_t revision, uint32_t first,
					     uint32_t from, uint32_t to)
{
	static struct list_op ops[64];
	static uint32_t names[256];
	struct list_change c = {.key = srig_key(list), .revision = revision};

	c.ops = ops;
	c.blob = (const uint8_t *)"signed";
	c.blob_len = 6;
	for (uint32_t i = from; i < to; i++) {
		ops[c.op_count].kind = LIST_APPEND;
		ops[c.op_count++].root = srig_root(i);
	}
	for (uint32_t i = first; i < to; i++)
		names[c.sectors++] = i;
	c.root = srig_list_root(names, c.sectors);
	c.keep = true;
	return srig_do(r, sectors_change, &c, false);
}

SRIG_UNUSED static struct sectors_volume_state srig_volume(const struct srig *r,
							   unsigned dir)
{
	struct sectors_volume_state v = {.dir = NULL};

	for (uint32_t i = 0; sectors_volume(r->s, i, &v); i++)
		if (strcmp(v.dir, r->at[dir]) == 0)
			return v;
	return (struct sectors_volume_state){.dir = NULL};
}

/* Once it is closed: does the index hold what it must? */
SRIG_UNUSED static void srig_check_index(const struct srig *r)
{
	struct sector_db *d = NULL;
	struct err e = {0};

	CHECK(sector_db_open(&d, r->index, false, &e) == ERR_NONE &&
		      sector_db_check(d, &e) == ERR_NONE,
	      "%s", e.msg);
	sector_db_close(d);
}

/* Overwrites bytes of a slot behind the store's back. */
SRIG_UNUSED static void srig_spoil(const struct srig *r, unsigned dir,
				   uint32_t slot)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" VOLUME_FILE, r->at[dir]);
	fd = open(path, O_WRONLY);
	if (fd < 0 || pwrite(fd, "rot", 3,
			     ((off_t)slot + 1) * (off_t)SECTOR_LEN + 700) != 3)
		abort();
	(void)close(fd);
}

#endif
