#include "storage/torrent/piece_writer.h"

#include "base/hash.h"
#include "storage/torrent/writer_int.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 256U
/* Of all pieces of a job: small enough that what it holds is free again soon.
 */
#define JOB_CHUNKS 16U
#define HOLD_BYTES (16U << 20)
#define TICK_MS 250

struct piece_writer {
	struct piece_writer_cfg cfg;
	const struct piece_writer_ops *ops;
	void *ctx;
	struct active **buckets; /* BUCKETS, when the first piece is begun */
	uint32_t actives;
	struct active *q_head, *q_tail;
	struct gather *age_newest, *age_oldest;
	uint64_t gathering; /* bytes in open gathers */
	uint64_t held;	    /* bytes in ready lists */
	uint64_t hold_max;
	unsigned lanes; /* pieces that are worth waiting for */
	unsigned jobs;
	bool made_empty;
	bool paused;
	unsigned epoch; /* counts resumes */
	bool closing;
	struct loop_timer *hold, *tick;
	bool hold_set, tick_set;
	loop_fn *closed;
	void *closed_ctx;
};

static struct write_job *job_of(struct work_job *job)
{
	return (struct write_job *)(void *)job;
}

/* --- lists on the loop --- */

static struct active **bucket(const struct piece_writer *w, uint32_t piece)
{
	return &w->buckets[piece % BUCKETS];
}

static struct active *find(const struct piece_writer *w, uint32_t piece)
{
	struct active *a = w->actives ? *bucket(w, piece) : NULL;

	while (a && a->piece != piece)
		a = a->hash_next;
	return a;
}

static void queue_out(struct piece_writer *w, struct active *a)
{
	if (!a->queued)
		return;
	*(a->q_prev ? &a->q_prev->q_next : &w->q_head) = a->q_next;
	*(a->q_next ? &a->q_next->q_prev : &w->q_tail) = a->q_prev;
	a->queued = false;
}

static void queue_in(struct piece_writer *w, struct active *a)
{
	if (a->queued || a->in_job || !a->ready)
		return;
	a->q_next = NULL;
	a->q_prev = w->q_tail;
	*(w->q_tail ? &w->q_tail->q_next : &w->q_head) = a;
	w->q_tail = a;
	a->queued = true;
}

static void age_out(struct piece_writer *w, struct gather *g)
{
	*(g->newer ? &g->newer->older : &w->age_newest) = g->older;
	*(g->older ? &g->older->newer : &w->age_oldest) = g->newer;
	g->open = false;
	w->gathering -= g->bytes;
}

static void age_in(struct piece_writer *w, struct gather *g)
{
	g->newer = NULL;
	g->older = w->age_newest;
	*(w->age_newest ? &w->age_newest->newer : &w->age_oldest) = g;
	w->age_newest = g;
	g->open = true;
}

static void unref_slots(struct gather *g)
{
	for (uint32_t i = 0; i < CHUNK_BLOCKS; i++)
		for (unsigned k = 0; k < g->slots[i].n; k++)
			span_unref(&g->slots[i].spans[k]);
}

static void free_list(struct piece_writer *w, struct gather *g, bool counted)
{
	struct gather *next;

	for (; g; g = next) {
		next = g->next;
		if (g->open)
			age_out(w, g);
		else if (counted)
			*w->cfg.queued -= g->bytes;
		unref_slots(g);
		free(g);
	}
}

static uint64_t bytes_of(const struct gather *g)
{
	uint64_t n = 0;

	for (; g; g = g->next)
		n += g->bytes;
	return n;
}

static void active_free(struct piece_writer *w, struct active *a)
{
	struct active **at = bucket(w, a->piece);

	while (*at != a)
		at = &(*at)->hash_next;
	*at = a->hash_next;
	queue_out(w, a);
	w->held -= bytes_of(a->ready);
	free_list(w, a->open, false);
	free_list(w, a->ready, true);
	free(a);
	w->actives--;
}

/* The writer is gone after it returned true. */
static bool maybe_closed(struct piece_writer *w)
{
	loop_fn *closed = w->closed;
	void *ctx = w->closed_ctx;

	if (!w->closing || w->jobs > 0)
		return false;
	if (w->actives > 0 && !w->paused)
		return false;
	for (uint32_t i = 0; w->buckets && i < BUCKETS; i++)
		while (w->buckets[i])
			active_free(w, w->buckets[i]);
	loop_timer_free(w->hold);
	loop_timer_free(w->tick);
	free((void *)w->buckets);
	free(w);
	if (closed)
		closed(ctx);
	return true;
}

/* --- submitting --- */

static bool complete(const struct active *a)
{
	return a->received == a->blocks;
}

/* The first ready chunk continues the hash. */
static bool in_order(const struct active *a)
{
	return a->ready && a->ready->chunk * STORE_CHUNK <= a->hashed &&
	       a->hashed < a->ready->chunk * STORE_CHUNK + STORE_CHUNK;
}

/* Whether it goes though fewer than w->lanes are ready. */
static bool is_due(const struct piece_writer *w, const struct active *a,
		   int64_t now)
{
	return w->closing || !w->cfg.sums.sha1s || a->due ||
	       w->held > w->hold_max ||
	       *w->cfg.queued > w->cfg.queued_max / 4 * 3 ||
	       now - a->ready->since_ms >= WRITER_HOLD_MS;
}

/* One job at a time: two at one file would wait for each other in the kernel,
 * and what comes meanwhile is hashed in step when it ends. More of them when
 * one falls behind. */
static bool may_submit(const struct piece_writer *w)
{
	return w->jobs == 0 || (*w->cfg.queued >= w->cfg.queued_max &&
				w->jobs < work_threads(w->cfg.work));
}

static struct gather *take_ready(struct piece_writer *w, struct active *a,
				 unsigned max)
{
	struct gather *first = a->ready, *last = first;

	w->held -= first->bytes;
	while (--max > 0 && last->next) {
		last = last->next;
		w->held -= last->bytes;
	}
	a->ready = last->next;
	last->next = NULL;
	return first;
}

static void add_part(struct write_job *j, struct active *a, unsigned chunks)
{
	struct part *p = &j->parts[j->count++];

	queue_out(j->w, a);
	memset(p, 0, sizeof(*p));
	p->a = a;
	if (a->ready)
		p->list = take_ready(j->w, a, chunks);
	p->final = complete(a) && !a->ready && !a->open;
	a->in_job = true;
	a->due = a->due && a->ready;
}

/* How many pieces go into a job: enough to be hashed in step, or, with one that
 * must not wait, all that can be hashed beside it. 0: better wait. */
static unsigned job_size(const struct piece_writer *w, int64_t now)
{
	unsigned n = 0, lanes = 0;
	bool due = false;

	for (const struct active *a = w->q_head; a && n < JOB_PARTS;
	     a = a->q_next) {
		bool in_step = in_order(a), must = is_due(w, a, now);

		lanes += in_step;
		due = due || must;
		n += in_step || must;
	}
	return due || lanes >= w->lanes ? n : 0;
}

/* Fills a job from the queue; false when all that is left should wait. */
static bool fill_job(struct piece_writer *w, struct write_job *j, int64_t now)
{
	unsigned size = job_size(w, now);
	struct active *a = w->q_head, *next;

	for (; a && j->count < size; a = next) {
		next = a->q_next;
		if (in_order(a) || is_due(w, a, now))
			add_part(j, a, JOB_CHUNKS / size);
	}
	return size > 0;
}

static void write_done(struct work_job *job);

static void set_hold(struct piece_writer *w)
{
	if (!w->q_head || w->hold_set || w->paused)
		return;
	w->hold_set = true;
	loop_timer_set(w->hold, WRITER_HOLD_MS);
}

static void kick(struct piece_writer *w)
{
	int64_t now;

	if (w->paused || !w->q_head)
		return;
	now = loop_now_ms(w->cfg.loop);
	while (w->q_head && may_submit(w)) {
		struct write_job *j = malloc(sizeof(*j));

		if (!j)
			break; /* the timer tries again */
		memset(j, 0, offsetof(struct write_job, parts));
		j->w = w;
		j->epoch = w->epoch;
		j->cfg = &w->cfg;
		j->job.run = write_job_run;
		j->job.done = write_done;
		if (!fill_job(w, j, now)) {
			free(j);
			break;
		}
		j->make_empty = !w->made_empty;
		w->made_empty = true;
		w->jobs++;
		work_submit(w->cfg.work, NULL, &j->job);
	}
	set_hold(w);
}

static void on_hold(void *ctx)
{
	struct piece_writer *w = ctx;

	w->hold_set = false;
	kick(w);
}

/* --- completion --- */

static void insert_ready(struct piece_writer *w, struct active *a,
			 struct gather *g)
{
	struct gather **at = &a->ready;

	while (*at && (*at)->chunk <= g->chunk)
		at = &(*at)->next;
	g->next = *at;
	*at = g;
	w->held += g->bytes;
}

/* What was not written goes back to wait for piece_writer_resume(). */
static void put_back(struct piece_writer *w, struct part *p)
{
	struct gather *g = p->list, *next;

	for (; g; g = next) {
		next = g->next;
		insert_ready(w, p->a, g);
	}
	p->list = NULL;
	p->a->due = true;
}

/* A job from before the last resume says nothing about now: just try again. */
static void part_failed(struct piece_writer *w, struct part *p, unsigned epoch)
{
	struct active *a = p->a;

	put_back(w, p);
	queue_in(w, a);
	if (w->paused || epoch != w->epoch)
		return;
	w->paused = true;
	if (!w->closing)
		w->ops->failed(w->ctx, &p->err);
}

static void part_done(struct piece_writer *w, struct part *p, unsigned epoch)
{
	struct active *a = p->a;
	uint32_t piece = a->piece;

	a->in_job = false;
	if (p->code != ERR_NONE && !a->doomed) {
		part_failed(w, p, epoch);
		return;
	}
	free_list(w, p->list, true);
	if (a->doomed) {
		active_free(w, a);
	} else if (p->final) {
		bool ok = p->ok;

		active_free(w, a);
		w->ops->verdict(w->ctx, piece, ok);
	} else {
		queue_in(w, a);
	}
}

static void write_done(struct work_job *job)
{
	struct write_job *j = job_of(job);
	struct piece_writer *w = j->w;

	for (uint32_t i = 0; i < j->count; i++)
		part_done(w, &j->parts[i], j->epoch);
	if (j->make_empty && j->parts[0].code != ERR_NONE)
		w->made_empty = false;
	free(j);
	w->ops->level(w->ctx);
	/* counted until here: a callback may have closed the writer */
	w->jobs--;
	if (!maybe_closed(w))
		kick(w);
}

/* --- gathering --- */

static void set_tick(struct piece_writer *w)
{
	if (!w->age_oldest || w->tick_set)
		return;
	w->tick_set = true;
	loop_timer_set(w->tick, TICK_MS);
}

static struct gather **open_at(struct active *a, uint32_t chunk)
{
	struct gather **at = &a->open;

	while (*at && (*at)->chunk != chunk)
		at = &(*at)->next;
	return at;
}

static void make_ready(struct piece_writer *w, struct gather *g)
{
	struct active *a = g->active;
	struct gather **at = open_at(a, g->chunk);

	*at = g->next;
	age_out(w, g);
	g->since_ms = loop_now_ms(w->cfg.loop);
	insert_ready(w, a, g);
	*w->cfg.queued += g->bytes;
	queue_in(w, a);
}

/* The oldest unfinished chunk is written as it is. */
static void flush_oldest(struct piece_writer *w)
{
	w->age_oldest->active->due = true;
	make_ready(w, w->age_oldest);
}

static void on_tick(void *ctx)
{
	struct piece_writer *w = ctx;
	int64_t now = loop_now_ms(w->cfg.loop);

	w->tick_set = false;
	while (w->age_oldest && now - w->age_oldest->since_ms >= WRITER_SLOW_MS)
		flush_oldest(w);
	set_tick(w);
	kick(w);
}

static struct active *active_new(struct piece_writer *w, uint32_t piece,
				 struct err *e)
{
	uint32_t size = layout_piece_wanted(w->cfg.layout, piece);
	uint32_t blocks = (size + STORE_BLOCK - 1) / STORE_BLOCK;
	struct active **at;
	struct active *a;
	size_t bytes;

	if (w->actives >= STORE_MAX_ACTIVE) {
		(void)err_fail(e, ERR_LIMIT, "more than %u pieces at once",
			       STORE_MAX_ACTIVE);
		return NULL;
	}
	bytes = sizeof(*a) + (blocks + 7) / 8;
	if (w->cfg.sums.roots)
		bytes += blocks * sizeof(*a->leaves);
	if (!w->buckets)
		w->buckets = calloc(BUCKETS, sizeof(struct active *));
	a = w->buckets ? calloc(1, bytes) : NULL;
	if (!a) {
		(void)err_fail(e, ERR_NOMEM, "a piece");
		return NULL;
	}
	a->piece = piece;
	a->size = size;
	a->blocks = blocks;
	sha1_init(&a->sha);
	if (w->cfg.sums.roots) {
		a->leaves = (void *)(a->have + (blocks + 7) / 8);
		a->data = layout_piece_data(w->cfg.layout, piece, &a->top);
	}
	at = bucket(w, piece);
	a->hash_next = *at;
	*at = a;
	w->actives++;
	return a;
}

static struct gather *gather_for(struct piece_writer *w, struct active *a,
				 uint32_t chunk)
{
	struct gather **at = open_at(a, chunk);
	struct gather *g = *at;

	if (g)
		return g;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->active = a;
	g->chunk = chunk;
	g->since_ms = loop_now_ms(w->cfg.loop);
	*at = g;
	age_in(w, g);
	set_tick(w);
	return g;
}

static bool is_whole_block(const struct active *a, uint32_t offset,
			   const struct span *spans, size_t n)
{
	size_t len = 0;

	if (offset % STORE_BLOCK != 0 || offset >= a->size || n == 0 ||
	    n > SPANS_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		len += spans[i].len;
	return len == block_len(a, offset / STORE_BLOCK);
}

/* References, or one copy when a span has no owner. */
static bool keep_spans(struct piece_writer *w, struct slot *s,
		       const struct span *spans, size_t n)
{
	struct cbuf *copy;
	size_t at = 0;
	bool owned = true;

	for (size_t i = 0; i < n; i++)
		owned = owned && spans[i].owner;
	if (owned) {
		for (size_t i = 0; i < n; i++) {
			s->spans[i] = spans[i];
			span_ref(&spans[i]);
		}
		s->n = (uint8_t)n;
		return true;
	}
	copy = cbuf_get(w->cfg.copies);
	if (!copy)
		return false;
	for (size_t i = 0; i < n; i++) {
		memcpy(copy->data + at, spans[i].p, spans[i].len);
		at += spans[i].len;
	}
	s->spans[0] = (struct span){copy, copy->data, at};
	s->n = 1;
	return true;
}

/* All blocks of the chunk have come, now or earlier. */
static bool chunk_full(const struct active *a, uint32_t chunk)
{
	uint32_t from = chunk * CHUNK_BLOCKS, to = from + CHUNK_BLOCKS;

	if (to > a->blocks)
		to = a->blocks;
	for (uint32_t i = from; i < to; i++)
		if (!(a->have[i / 8] >> i % 8 & 1))
			return false;
	return true;
}

/* False when out of memory; then nothing was kept. */
static bool keep_block(struct piece_writer *w, struct active *a, uint32_t block,
		       const struct span *spans, size_t n)
{
	uint32_t chunk = block / CHUNK_BLOCKS, bit = block % CHUNK_BLOCKS;
	struct gather *g = gather_for(w, a, chunk);

	if (!g || !keep_spans(w, &g->slots[bit], spans, n))
		return false;
	g->mask |= (uint16_t)(1U << bit);
	g->bytes += block_len(a, block);
	w->gathering += block_len(a, block);
	a->have[block / 8] |= (uint8_t)(1U << block % 8);
	a->received++;
	if (chunk_full(a, chunk))
		make_ready(w, g);
	return true;
}

enum err_code piece_writer_add(struct piece_writer *w, uint32_t piece,
			       uint32_t offset, const struct span *spans,
			       size_t n, struct err *e)
{
	struct active *a = find(w, piece);
	uint32_t block = offset / STORE_BLOCK;
	uint64_t before = *w->cfg.queued;

	if (!a)
		a = active_new(w, piece, e);
	if (!a)
		return e ? e->code : ERR_LIMIT;
	if (!is_whole_block(a, offset, spans, n)) {
		if (a->received == 0)
			active_free(w, a);
		return err_fail(e, ERR_LIMIT, "piece %u offset %u: not a block",
				piece, offset);
	}
	if (a->have[block / 8] >> block % 8 & 1)
		return ERR_NONE;
	if (a->doomed)
		return err_fail(e, ERR_STATE, "piece %u is being given up",
				piece);
	if (!keep_block(w, a, block, spans, n)) {
		if (a->received == 0)
			active_free(w, a);
		return err_fail(e, ERR_NOMEM, "a block");
	}
	while (w->gathering > WRITER_GATHER_MAX)
		flush_oldest(w);
	if (*w->cfg.queued == before)
		return ERR_NONE;
	kick(w);
	w->ops->level(w->ctx);
	return ERR_NONE;
}

/* --- the rest --- */

enum err_code piece_writer_new(struct piece_writer **out,
			       const struct piece_writer_cfg *cfg,
			       const struct piece_writer_ops *ops, void *ctx,
			       struct err *e)
{
	struct piece_writer *w = calloc(1, sizeof(*w));

	*out = NULL;
	if (w) {
		w->hold = loop_timer_new(cfg->loop, on_hold, w);
		w->tick = loop_timer_new(cfg->loop, on_tick, w);
	}
	if (!w || !w->hold || !w->tick) {
		if (w) {
			loop_timer_free(w->hold);
			loop_timer_free(w->tick);
		}
		free(w);
		return err_fail(e, ERR_NOMEM, "a writer");
	}
	w->cfg = *cfg;
	w->ops = ops;
	w->ctx = ctx;
	w->lanes = sha1_in_step();
	w->hold_max = w->lanes > 2 ? HOLD_BYTES : HOLD_BYTES / 2;
	if (w->hold_max > cfg->queued_max / 4 * 3)
		w->hold_max = cfg->queued_max / 4 * 3;
	*out = w;
	return ERR_NONE;
}

bool piece_writer_has(const struct piece_writer *w, uint32_t piece)
{
	return find(w, piece) != NULL;
}

void piece_writer_forget_partial(struct piece_writer *w)
{
	for (uint32_t i = 0; w->buckets && i < BUCKETS; i++) {
		struct active *a = w->buckets[i], *next;

		for (; a; a = next) {
			next = a->hash_next;
			if (complete(a))
				continue;
			if (a->in_job)
				a->doomed = true;
			else
				active_free(w, a);
		}
	}
}

void piece_writer_each(const struct piece_writer *w,
		       void (*fn)(void *ctx, uint32_t piece), void *ctx)
{
	for (uint32_t i = 0; w->buckets && i < BUCKETS; i++)
		for (struct active *a = w->buckets[i]; a; a = a->hash_next)
			fn(ctx, a->piece);
}

void piece_writer_resume(struct piece_writer *w)
{
	w->paused = false;
	w->epoch++;
	kick(w);
}

bool piece_writer_paused(const struct piece_writer *w)
{
	return w->paused;
}

bool piece_writer_idle(const struct piece_writer *w)
{
	return w->actives == 0 && w->jobs == 0;
}

uint64_t piece_writer_gathering(const struct piece_writer *w)
{
	return w->gathering;
}

void piece_writer_close(struct piece_writer *w, loop_fn *closed, void *ctx)
{
	piece_writer_forget_partial(w);
	w->closing = true;
	w->closed = closed;
	w->closed_ctx = ctx;
	w->paused = false; /* one last try */
	w->epoch++;
	kick(w);
	(void)maybe_closed(w);
}
