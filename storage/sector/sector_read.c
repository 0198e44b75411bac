/* Sectors that are being served: read whole, checked whole, kept for a moment.
 *
 * A renter reads a sector in 16 requests and more; the first of them brings it
 * in and the rest are answered from memory. At most cfg.max_cache_mib of them;
 * the one unused for longest makes room. When nothing was read for some seconds
 * all memory is given back.
 */
#include "storage/sector/sectors_int.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MS 5000
#define WAITING_MAX 4096U
#define SENT_TIMES 4U /* so much of the cache may be held by others besides */
#define TRIES 4U      /* a sector may be moved while it is being read */

enum block_state { EMPTY, FETCHING, READY };

struct block {
	enum block_state state;
	struct hash32 root;
	struct cbuf *buf; /* NULL while EMPTY */
	uint64_t used;	  /* when, in reads */
	unsigned holds;
	unsigned tries;
	bool stale; /* its sector has left; for nobody new */
	bool lost;
	struct want *first, **last; /* wait for it */
	struct query query;
	struct sector_found found;
	struct look look; /* its nodes are the block's */
};

#define BLOCK_OF(ptr, member) \
	((struct block *)(void *)((char *)(ptr)-offsetof(struct block, member)))

static void fetch(struct sectors *s, struct block *b);
static void feed(struct sectors *s);

static void set_empty(struct block *b)
{
	cbuf_unref(b->buf);
	b->buf = NULL;
	b->state = EMPTY;
}

/* --- what is there --- */

static struct block *find(struct sectors *s, const struct hash32 *root)
{
	for (unsigned i = 0; i < s->block_n; i++) {
		struct block *b = s->blocks[i];

		if (b->state != EMPTY && !b->stale &&
		    memcmp(b->root.bytes, root->bytes, 32) == 0)
			return b;
	}
	return NULL;
}

/* An empty block, or the one that is unused for longest; NULL: all work. */
static struct block *make_room(struct sectors *s)
{
	struct block *oldest = NULL;

	for (unsigned i = 0; i < s->block_n; i++) {
		struct block *b = s->blocks[i];

		if (b->state == EMPTY ||
		    (b->state == READY && b->stale && b->holds == 0))
			return b;
		if (b->state == READY && b->holds == 0 &&
		    (!oldest || b->used < oldest->used))
			oldest = b;
	}
	return oldest;
}

void cache_drop(struct sectors *s, const struct sector_at *at)
{
	for (unsigned i = 0; i < s->block_n; i++) {
		struct block *b = s->blocks[i];

		if (b->state != EMPTY && b->look.at.volume == at->volume &&
		    b->look.at.slot == at->slot)
			b->stale = true;
	}
}

static void on_idle(void *ctx)
{
	struct sectors *s = ctx;

	if (s->read_lately) {
		s->read_lately = false;
		loop_timer_set(s->idle, IDLE_MS);
		return;
	}
	for (unsigned i = 0; i < s->block_n; i++)
		if (s->blocks[i]->state == READY && s->blocks[i]->holds == 0)
			set_empty(s->blocks[i]);
	cbuf_pool_trim(s->bufs);
	buffers_trim(s);
}

/* --- answers --- */

static void give(struct want *w, struct block *b, const struct err *e)
{
	struct sectors *s = w->call.s;

	s->wanting--;
	w->lost = e && b->lost;
	if (e) {
		w->ready(w, NULL, NULL, e);
		return;
	}
	b->used = ++s->reads;
	w->held = b;
	b->holds++;
	w->ready(w, b->buf->data, b->look.nodes, NULL); /* may free w */
	b->holds--;
}

static void give_all(struct sectors *s, struct block *b, const struct err *e)
{
	struct want *w = b->first;

	b->first = NULL;
	b->last = &b->first;
	if (e)
		set_empty(b);
	else
		b->state = READY;
	while (w) {
		struct want *next = w->next;

		give(w, b, e);
		w = next;
	}
	feed(s);
}

static void give_error(struct sectors *s, struct block *b, enum err_code code,
		       const char *text)
{
	struct err e = {0};

	(void)err_fail(&e, code, "%s", text);
	give_all(s, b, &e);
}

/* --- fetching --- */

static void looked(struct look *l, enum verdict verdict)
{
	struct block *b = BLOCK_OF(l, look);
	struct sectors *s = l->s;

	switch (verdict) {
	case SOUND:
		give_all(s, b, NULL);
		break;
	case MOVED:
		if (++b->tries < TRIES)
			fetch(s, b);
		else
			give_error(s, b, ERR_STATE, "the sector is not here");
		break;
	case LOST:
		b->lost = true;
		give_error(s, b, ERR_STATE, "the sector is lost");
		break;
	case FAILED:
		give_all(s, b, &l->err);
		break;
	}
}

static void run_find(struct query *q, struct sector_db *d)
{
	struct block *b = BLOCK_OF(q, query);

	(void)!sector_db_find(d, &b->root, &b->found, &q->err);
}

static void found(struct query *q)
{
	struct block *b = BLOCK_OF(q, query);
	struct sectors *s = q->s;
	struct vol *v = vol_by_id(s, b->found.at.volume);

	if (q->err.code != ERR_NONE) {
		give_all(s, b, &q->err);
	} else if (b->found.state == SECTOR_NONE) {
		give_error(s, b, ERR_STATE, "the sector is not here");
	} else if (b->found.state == SECTOR_LOST) {
		b->lost = true;
		give_error(s, b, ERR_STATE, "the sector is lost");
	} else if (!v || !v->file) {
		give_error(s, b, ERR_IO,
			   "the sector's volume is not there: mount its disk "
			   "and start again, or give it up");
	} else {
		b->look.s = s;
		b->look.v = v;
		b->look.root = b->root;
		b->look.at = b->found.at;
		b->look.buf = b->buf->data;
		b->look.cold = false;
		b->look.done = looked;
		look_start(&b->look);
	}
}

static void fetch(struct sectors *s, struct block *b)
{
	b->query.run = run_find;
	b->query.done = found;
	query_start(s, &b->query);
}

static void append(struct want ***last, struct want *w)
{
	w->next = NULL;
	**last = w;
	*last = &w->next;
}

static void bring_in(struct sectors *s, struct block *b, struct want *w)
{
	if (b->buf && b->buf->refs > 1) { /* still being sent */
		cbuf_unref(b->buf);
		b->buf = NULL;
	}
	if (!b->buf)
		b->buf = cbuf_get(s->bufs);
	b->root = w->root;
	b->state = FETCHING;
	b->stale = b->lost = false;
	b->tries = 0;
	b->first = NULL;
	b->last = &b->first;
	append(&b->last, w);
	if (b->buf)
		fetch(s, b);
	else
		give_error(s, b, ERR_LIMIT, "too many sectors are being sent");
}

/* False: no block is free. */
static bool place(struct sectors *s, struct want *w)
{
	struct block *b = find(s, &w->root);

	if (b && b->state == READY) {
		give(w, b, NULL);
		return true;
	}
	if (b) {
		append(&b->last, w);
		return true;
	}
	b = make_room(s);
	if (b)
		bring_in(s, b, w);
	return b != NULL;
}

/* Serves those that wait, in their order, as far as blocks are free. */
static void feed(struct sectors *s)
{
	struct want *w;

	while ((w = s->wanted)) {
		s->wanted = w->next;
		if (!s->wanted)
			s->wanted_tail = &s->wanted;
		if (place(s, w))
			continue;
		w->next = s->wanted;
		s->wanted = w;
		if (!w->next)
			s->wanted_tail = &w->next;
		return;
	}
}

static void on_post(void *ctx)
{
	struct sectors *s = ctx;

	s->feeding = false;
	feed(s);
	active_end(s);
}

void want_start(struct sectors *s, struct want *w)
{
	s->wanting++;
	s->read_lately = true;
	loop_timer_set(s->idle, IDLE_MS);
	append(&s->wanted_tail, w);
	if (s->feeding)
		return;
	s->feeding = true; /* later: nobody is answered from inside a call */
	s->feed.fn = on_post;
	s->feed.ctx = s;
	active_add(s);
	loop_post(s->cfg.loop, &s->feed);
}

void want_hold(struct want *w)
{
	w->held->holds++;
}

void want_release(struct want *w)
{
	w->held->holds--;
	feed(w->call.s);
}

enum err_code cache_init(struct sectors *s, struct err *e)
{
	unsigned n = s->cfg.max_cache_mib;

	s->wanted_tail = &s->wanted;
	s->idle = loop_timer_new(s->cfg.loop, on_idle, s);
	s->blocks = calloc(n, sizeof(struct block *));
	s->bufs = cbuf_pool_new(SECTOR_LEN, n * SENT_TIMES, n);
	if (!s->idle || !s->blocks || !s->bufs)
		return err_fail(e, ERR_NOMEM, "a cache");
	for (; s->block_n < n; s->block_n++) {
		s->blocks[s->block_n] = calloc(1, sizeof(struct block));
		if (!s->blocks[s->block_n])
			return err_fail(e, ERR_NOMEM, "a cache");
	}
	return ERR_NONE;
}

void cache_clear(struct sectors *s)
{
	for (unsigned i = 0; i < s->block_n; i++) {
		cbuf_unref(s->blocks[i]->buf);
		free(s->blocks[i]);
	}
	free(s->blocks);
	if (s->bufs)
		cbuf_pool_free(s->bufs);
	loop_timer_free(s->idle);
}

/* --- reading a range --- */

struct reading {
	struct want want; /* first */
	uint32_t offset, len;
};

static void range_ready(struct want *w, const uint8_t *data,
			const struct hash32 *nodes, const struct err *e)
{
	struct reading *r = (struct reading *)(void *)w;
	struct hash32 proof[TREE_TILE_PROOF];
	struct sectors_answer a = {.lost = w->lost};

	if (!e) {
		a.data = data + r->offset;
		a.len = r->len;
		a.span = (struct span){w->held->buf, a.data, a.len};
		a.nodes = proof;
		a.node_count =
			tree_range_prove(proof, nodes, r->offset / TREE_TILE,
					 r->len / TREE_TILE);
	}
	call_answer(&w->call, &a, e);
	free(r);
}

enum err_code sectors_read(struct sectors *s, const struct hash32 *root,
			   uint32_t offset, uint32_t len, sectors_fn *done,
			   void *ctx, struct err *e)
{
	struct reading *r;

	if (sectors_ready(s, e) != ERR_NONE)
		return ERR_STATE;
	if (len == 0 || len % TREE_TILE || offset % TREE_TILE ||
	    offset > SECTOR_LEN || len > SECTOR_LEN - offset)
		return err_fail(e, ERR_PARSE, "no range of a sector: %u, %u",
				offset, len);
	if (s->wanting >= WAITING_MAX)
		return err_fail(e, ERR_LIMIT, "too many reads wait");
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_fail(e, ERR_NOMEM, "a read");
	r->want.root = *root;
	r->want.ready = range_ready;
	r->offset = offset;
	r->len = len;
	call_init(&r->want.call, s, done, ctx);
	want_start(s, &r->want);
	return ERR_NONE;
}
