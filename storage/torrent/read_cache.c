#include "storage/torrent/read_cache.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 256U
#define SPENT_MAX 16U /* 4 MiB: what many peers ask for at about one time */
#define SMALL_MAX 2048U
#define IDLE_MS 5000

struct waiter {
	struct waiter *next;
	uint64_t offset;
	uint32_t len;
	uint64_t cookie;
};

enum place { NOWHERE, FRESH, SPENT }; /* which list a block is on */

struct block {
	struct work_job job;
	struct read_client *client;
	struct cbuf *buf;
	uint64_t number;
	uint64_t from, to;
	uint64_t served; /* bytes handed out */
	bool in_table;
	bool loading;
	bool busy; /* loading or answering: only read_done() frees it */
	enum place place;
	enum err_code code; /* of the worker's read */
	struct err err;
	struct waiter *waiters;
	struct waiter **waiters_tail;
	struct block *hash_next;
	struct block *newer, *older;
};

struct list {
	struct block *newest, *oldest;
	unsigned count;
};

struct read_cache {
	struct loop *loop;
	struct work *work;
	struct cbuf_pool *large, *small;
	struct block *buckets[BUCKETS];
	struct list fresh, spent;
	unsigned max_blocks;
	unsigned waiting, max_waiting;
	struct loop_timer *idle;
	bool used; /* since the idle timer was set */
	bool timer_set;
	struct read_stats stats;
};

struct read_client {
	struct read_cache *cache;
	struct files *files;
	const struct read_client_ops *ops;
	void *ctx;
	unsigned loading; /* jobs of ours at the workers */
	bool closing;
	loop_fn *closed;
	void *closed_ctx;
};

/* --- lists and table --- */

static struct list *list_of(struct read_cache *c, const struct block *b)
{
	return b->place == SPENT ? &c->spent : &c->fresh;
}

static void unlist(struct read_cache *c, struct block *b)
{
	struct list *l = list_of(c, b);

	if (b->place == NOWHERE)
		return;
	*(b->newer ? &b->newer->older : &l->newest) = b->older;
	*(b->older ? &b->older->newer : &l->oldest) = b->newer;
	b->place = NOWHERE;
	l->count--;
}

static void list_as(struct read_cache *c, struct block *b, enum place place)
{
	struct list *l;

	unlist(c, b);
	b->place = place;
	l = list_of(c, b);
	b->newer = NULL;
	b->older = l->newest;
	*(l->newest ? &l->newest->newer : &l->oldest) = b;
	l->newest = b;
	l->count++;
}

static struct block **bucket(struct read_cache *c, const struct read_client *r,
			     uint64_t number)
{
	uint64_t key = (uint64_t)(uintptr_t)r / 64 + number;

	return &c->buckets[key * 0x9E3779B97F4A7C15ULL >> 56];
}

static struct block *find(struct read_client *r, uint64_t number)
{
	struct block *b = *bucket(r->cache, r, number);

	while (b && (b->client != r || b->number != number))
		b = b->hash_next;
	return b;
}

/* Out of the table, so that nobody finds it any more. */
static void forget(struct block *b)
{
	struct read_cache *c = b->client->cache;
	struct block **at = bucket(c, b->client, b->number);

	unlist(c, b);
	if (!b->in_table)
		return;
	while (*at != b)
		at = &(*at)->hash_next;
	*at = b->hash_next;
	b->in_table = false;
}

static void block_free(struct block *b)
{
	forget(b);
	cbuf_unref(b->buf);
	free(b);
}

/* A busy block goes when read_done() is through with it. */
static void drop(struct block *b)
{
	forget(b);
	if (!b->busy)
		block_free(b);
}

/* --- memory --- */

static void drop_all(struct read_cache *c)
{
	while (c->spent.oldest)
		drop(c->spent.oldest);
	while (c->fresh.oldest)
		drop(c->fresh.oldest);
	cbuf_pool_trim(c->large);
	cbuf_pool_trim(c->small);
}

static void on_idle(void *ctx)
{
	struct read_cache *c = ctx;

	c->timer_set = false;
	if (!c->used) {
		drop_all(c);
		return;
	}
	c->used = false;
	c->timer_set = true;
	loop_timer_set(c->idle, IDLE_MS);
}

static void touch(struct read_cache *c)
{
	c->used = true;
	if (c->timer_set)
		return;
	c->timer_set = true;
	loop_timer_set(c->idle, IDLE_MS);
}

/* Makes room for one more block. */
static void evict(struct read_cache *c)
{
	if (c->spent.count >= SPENT_MAX)
		drop(c->spent.oldest);
	if (c->spent.count + c->fresh.count < c->max_blocks)
		return;
	if (c->spent.oldest)
		drop(c->spent.oldest);
	else if (c->fresh.oldest)
		drop(c->fresh.oldest);
}

struct read_cache *read_cache_new(struct loop *loop, struct work *work,
				  size_t max_bytes, unsigned max_waiting)
{
	struct read_cache *c = calloc(1, sizeof(*c));
	size_t blocks = max_bytes / READ_BLOCK;

	if (!c)
		return NULL;
	c->loop = loop;
	c->work = work;
	c->max_blocks = blocks < 2	    ? 2
			: blocks > 1U << 20 ? 1U << 20
					    : (unsigned)blocks;
	c->max_waiting = max_waiting;
	/* as many again may be on their way out to slow peers */
	c->large = cbuf_pool_new(READ_BLOCK, 2 * c->max_blocks, SPENT_MAX);
	c->small = cbuf_pool_new(READ_SMALL, SMALL_MAX, 64);
	c->idle = loop_timer_new(loop, on_idle, c);
	if (!c->large || !c->small || !c->idle) {
		read_cache_free(c);
		return NULL;
	}
	return c;
}

void read_cache_free(struct read_cache *c)
{
	if (!c)
		return;
	if (c->large && c->small)
		drop_all(c);
	loop_timer_free(c->idle);
	cbuf_pool_free(c->large);
	cbuf_pool_free(c->small);
	free(c);
}

void read_cache_stats(const struct read_cache *c, struct read_stats *out)
{
	*out = c->stats;
	out->cached = (size_t)(c->fresh.count + c->spent.count) * READ_BLOCK;
}

/* --- clients --- */

struct read_client *read_client_new(struct read_cache *c, struct files *files,
				    const struct read_client_ops *ops,
				    void *ctx)
{
	struct read_client *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->cache = c;
	r->files = files;
	r->ops = ops;
	r->ctx = ctx;
	return r;
}

static void drop_list_of(struct read_client *r, const struct list *l)
{
	struct block *b = l->newest, *older;

	for (; b; b = older) {
		older = b->older;
		if (b->client == r)
			drop(b);
	}
}

static void close_now(struct read_client *r)
{
	loop_fn *closed = r->closed;
	void *ctx = r->closed_ctx;

	free(r);
	if (closed)
		closed(ctx);
}

void read_client_close(struct read_client *r, loop_fn *closed, void *ctx)
{
	drop_list_of(r, &r->cache->fresh);
	drop_list_of(r, &r->cache->spent);
	r->closing = true;
	r->closed = closed;
	r->closed_ctx = ctx;
	if (r->loading == 0)
		close_now(r);
}

void read_client_drop(struct read_client *r, uint64_t number)
{
	struct block *b = find(r, number);

	if (b)
		drop(b);
}

/* --- reading --- */

static struct span span_of(const struct block *b, uint64_t offset, uint32_t len)
{
	struct span s = {b->buf, b->buf->data + (offset - b->from), len};

	cbuf_ref(b->buf);
	return s;
}

static bool covers(const struct block *b, const struct read_where *w)
{
	return w->offset >= b->from && w->offset + w->len <= b->to;
}

static void serve(struct read_cache *c, struct block *b, uint32_t len)
{
	b->served += len;
	if (!b->in_table)
		return;
	list_as(c, b, b->served >= b->to - b->from ? SPENT : FRESH);
}

static void run_read(struct work_job *job)
{
	struct block *b = (struct block *)(void *)job;

	b->code = files_read_expected(b->client->files, b->buf->data, b->from,
				      (size_t)(b->to - b->from), &b->err);
}

static void answer_all(struct block *b, bool ok)
{
	struct read_client *r = b->client;
	struct read_cache *c = r->cache;
	struct waiter *w = b->waiters, *next;

	b->waiters = NULL;
	for (; w; w = next) {
		next = w->next;
		c->waiting--;
		if (r->closing) {
			/* nobody listens */
		} else if (ok) {
			struct span s = span_of(b, w->offset, w->len);

			serve(c, b, w->len);
			r->ops->done(r->ctx, w->cookie, &s);
		} else {
			r->ops->done(r->ctx, w->cookie, NULL);
		}
		free(w);
	}
}

static void read_done(struct work_job *job)
{
	struct block *b = (struct block *)(void *)job;
	struct read_client *r = b->client;
	bool ok = b->code == ERR_NONE;

	b->loading = false;
	if (!ok)
		forget(b); /* who asks again, reads again */
	else if (b->in_table)
		list_as(r->cache, b, FRESH);
	if (!ok && !r->closing)
		r->ops->gone(r->ctx, b->from, b->to, &b->err);
	answer_all(b, ok); /* callbacks may read, drop, or close the client */
	b->busy = false;
	if (!b->in_table)
		block_free(b);
	r->loading--;
	if (r->closing && r->loading == 0)
		close_now(r);
}

static enum read_result wait_for(struct block *b, const struct read_where *w,
				 uint64_t cookie)
{
	struct read_cache *c = b->client->cache;
	struct waiter *wait;

	if (c->waiting >= c->max_waiting)
		return READ_FAILED;
	wait = calloc(1, sizeof(*wait));
	if (!wait)
		return READ_FAILED;
	wait->offset = w->offset;
	wait->len = w->len;
	wait->cookie = cookie;
	if (!b->waiters)
		b->waiters_tail = &b->waiters;
	*b->waiters_tail = wait;
	b->waiters_tail = &wait->next;
	c->waiting++;
	return READ_LATER;
}

/* A block for [from, to), or for just what is asked for. */
static struct block *block_new(struct read_client *r,
			       const struct read_where *w, bool alone)
{
	struct read_cache *c = r->cache;
	struct block *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->client = r;
	b->number = w->block;
	b->from = alone ? w->offset : w->from;
	b->to = alone ? w->offset + w->len : w->to;
	if (!alone)
		evict(c);
	b->buf = cbuf_get(b->to - b->from <= READ_SMALL ? c->small : c->large);
	if (!b->buf) {
		free(b);
		return NULL;
	}
	return b;
}

static enum read_result load(struct read_client *r, struct block *b,
			     struct span *out, const struct read_where *w,
			     uint64_t cookie)
{
	struct read_cache *c = r->cache;
	enum read_result result;

	if (files_read_now(r->files, b->buf->data, b->from,
			   (size_t)(b->to - b->from))) {
		c->stats.loop_reads++;
		*out = span_of(b, w->offset, w->len);
		serve(c, b, w->len);
		if (!b->in_table)
			block_free(b);
		return READ_NOW;
	}
	result = wait_for(b, w, cookie);
	if (result != READ_LATER) {
		block_free(b);
		return result;
	}
	c->stats.worker_reads++;
	b->loading = b->busy = true;
	b->job.run = run_read;
	b->job.done = read_done;
	r->loading++;
	work_submit(c->work, NULL, &b->job);
	return READ_LATER;
}

static void enter(struct block *b)
{
	struct block **at = bucket(b->client->cache, b->client, b->number);

	b->hash_next = *at;
	*at = b;
	b->in_table = true;
}

enum read_result read_cache_get(struct read_client *r, struct span *out,
				const struct read_where *w, uint64_t cookie)
{
	struct read_cache *c = r->cache;
	struct block *b = w->alone ? NULL : find(r, w->block);
	bool alone = w->alone;

	touch(c);
	if (b && covers(b, w)) {
		if (b->loading)
			return wait_for(b, w, cookie);
		c->stats.hits++;
		*out = span_of(b, w->offset, w->len);
		serve(c, b, w->len);
		return READ_NOW;
	}
	if (b && b->loading)
		alone = true; /* its range grew meanwhile: rare */
	else if (b)
		drop(b);
	b = block_new(r, w, alone);
	if (!b && !alone) { /* slow peers hold all large buffers */
		alone = true;
		b = block_new(r, w, alone);
	}
	if (!b)
		return READ_FAILED;
	if (alone)
		c->stats.copies++;
	else
		enter(b);
	return load(r, b, out, w, cookie);
}
