#include "wire/swarm/swarm_source.h"

#include "base/bits.h"
#include "wire/swarm/swarm_int.h"

#include <stdlib.h>
#include <string.h>

struct swarm_source {
	struct swarm *s;
	struct swarm_source *next;
	struct swarm_source_ops ops;
	void *ctx;
	uint64_t serial;
	uint8_t *bits; /* what it has; NULL: everything */
	bool banned;
	uint32_t last;	  /* for the picker */
	uint64_t at, end; /* of the run; equal: none */
	uint8_t *block;	  /* of a run: one that came in parts */
	uint32_t filled;
	struct rate_flow flow;
	struct meter in;
};

static void on_credit(void *ctx, int64_t now_ms)
{
	struct swarm_source *src = ctx;

	(void)now_ms;
	src->ops.wake(src->ctx);
}

struct swarm_source *
swarm_source_new(struct swarm *s, const struct swarm_source_ops *ops, void *ctx)
{
	struct swarm_source *src;
	unsigned n = 0;

	for (src = s->sources; src; src = src->next)
		n++;
	src = n < SOURCES_MAX ? calloc(1, sizeof(*src)) : NULL;
	if (!src)
		return NULL;
	src->s = s;
	src->ops = *ops;
	src->ctx = ctx;
	src->serial = s->next_serial++;
	src->last = UINT32_MAX;
	rate_flow_init(&src->flow, RATE_DOWN, on_credit, src);
	src->next = s->sources;
	s->sources = src;
	return src;
}

void swarm_source_free(struct swarm_source *src)
{
	struct swarm_source **at;

	if (!src)
		return;
	swarm_source_drop(src, src->s->now_ms);
	for (at = &src->s->sources; *at != src; at = &(*at)->next)
		;
	*at = src->next;
	rate_flow_clear(src->s->cfg.rate, &src->flow);
	free(src->bits);
	free(src);
}

/* ---- what to fetch ---- */

static bool a_seed_is_here(const struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (s->links[i]->seed && !s->links[i]->peer.closed)
			return true;
	return false;
}

static bool peers_suffice(const struct swarm *s)
{
	uint64_t rate = s->in.rate, left;

	for (const struct swarm_source *o = s->sources; o; o = o->next)
		rate -= o->in.rate < rate ? o->in.rate : rate;
	left = (uint64_t)s->n_wanted * s->cfg.piece_len;
	return left / SOURCE_PATIENCE_S < rate;
}

static uint32_t pieces_of_run(const struct swarm_source *src)
{
	uint64_t bytes = (uint64_t)src->in.rate * SOURCE_RUN_S;

	if (bytes < SOURCE_RUN_MIN)
		bytes = SOURCE_RUN_MIN;
	if (bytes > SOURCE_RUN_MAX)
		bytes = SOURCE_RUN_MAX;
	bytes /= src->s->cfg.piece_len;
	return bytes ? (uint32_t)bytes : 1;
}

/* A source at rest keeps no buffer. */
static void drop_block(struct swarm_source *src)
{
	free(src->block);
	src->block = NULL;
	src->filled = 0;
}

bool swarm_source_take(struct swarm_source *src, int64_t now_ms, uint64_t *at,
		       uint64_t *end)
{
	struct swarm *s = src->s;
	struct picker_peer who = {
		.serial = src->serial, .bits = src->bits, .last = src->last};
	struct picker_run run;
	uint64_t last;
	bool rare;

	if (src->banned || !s->picker || s->blocked || !s->download_on ||
	    src->at < src->end)
		return false;
	rare = peers_suffice(s);
	src->block = malloc(PICKER_BLOCK);
	if (!src->block || (rare && a_seed_is_here(s)) ||
	    !picker_pick_run(s->picker, &who, pieces_of_run(src), rare, &run,
			     now_ms)) {
		drop_block(src);
		return false;
	}
	src->last = who.last;
	last = run.piece + run.pieces - 1;
	src->at = (uint64_t)run.piece * s->cfg.piece_len +
		  (uint64_t)run.first * PICKER_BLOCK;
	src->end = (uint64_t)run.end * PICKER_BLOCK;
	if (src->end > swarm_piece_bytes(s, (uint32_t)last))
		src->end = swarm_piece_bytes(s, (uint32_t)last);
	src->end += last * s->cfg.piece_len;
	*at = src->at;
	*end = src->end;
	return true;
}

bool swarm_source_lacks(struct swarm_source *src, uint64_t at, uint64_t end)
{
	const struct swarm_cfg *c = &src->s->cfg;

	if (!src->bits) {
		src->bits = calloc(1, bits_bytes(c->pieces));
		for (uint32_t i = 0; src->bits && i < c->pieces; i++)
			bits_set(src->bits, i);
	}
	if (!src->bits)
		return false;
	for (uint64_t i = at / c->piece_len; i < c->pieces; i++)
		if (i * c->piece_len < end)
			bits_clear(src->bits, (uint32_t)i);
	return bits_count(src->bits, c->pieces) > 0;
}

/* ---- what comes ---- */

size_t swarm_source_quota(struct swarm_source *src, int64_t now_ms)
{
	struct swarm *s = src->s;

	(void)now_ms;
	if (s->blocked)
		return 0;
	return rate_quota(s->cfg.rate, &src->flow);
}

static struct picker_block block_at(const struct swarm_source *src)
{
	uint32_t piece_len = src->s->cfg.piece_len;

	return (struct picker_block){(uint32_t)(src->at / piece_len),
				     (uint32_t)(src->at % piece_len) /
					     PICKER_BLOCK};
}

static uint32_t block_len(const struct swarm *s, struct picker_block b)
{
	uint32_t rest = swarm_piece_bytes(s, b.piece) - b.block * PICKER_BLOCK;

	return rest < PICKER_BLOCK ? rest : PICKER_BLOCK;
}

static void take_block(struct swarm_source *src, struct picker_block b,
		       const uint8_t *bytes, uint32_t len)
{
	struct swarm *s = src->s;
	struct span span = {.p = bytes, .len = len};

	src->at += len;
	src->filled = 0;
	src->in.total += len;
	s->in.total += len;
	if (down_take(s, b, src->serial, len, &span, 1) == DOWN_TAKEN_LAST)
		s->cfg.ops->piece_complete(s->cfg.ctx, b.piece);
}

/* Returns how many of the bytes were used. */
static size_t feed_block(struct swarm_source *src, const uint8_t *bytes,
			 size_t len)
{
	struct picker_block b = block_at(src);
	uint32_t want = block_len(src->s, b);
	size_t n = want - src->filled < len ? want - src->filled : len;

	if (bytes && n == want) { /* all of it lies there */
		take_block(src, b, bytes, want);
		return n;
	}
	if (bytes)
		memcpy(src->block + src->filled, bytes, n);
	else
		memset(src->block + src->filled, 0, n);
	src->filled += (uint32_t)n;
	if (src->filled == want)
		take_block(src, b, src->block, want);
	return n;
}

void swarm_source_feed(struct swarm_source *src, int64_t now_ms,
		       const uint8_t *bytes, size_t len)
{
	struct swarm *s = src->s;

	swarm_enter(s, now_ms);
	if (bytes)
		rate_spend(s->cfg.rate, &src->flow, len);
	/* a verdict may come at once, and with it the end of all this */
	while (len && src->at < src->end && !src->banned) {
		size_t n = feed_block(src, bytes, len);

		if (bytes)
			bytes += n;
		len -= n;
	}
	if (src->at == src->end)
		drop_block(src);
	swarm_leave(s);
}

/* Gives back what is asked of it from `at` on. */
static void release(struct swarm_source *src)
{
	while (src->at < src->end) {
		struct picker_block b = block_at(src);

		if (src->s->picker)
			picker_release(src->s->picker, b, src->serial);
		src->at += block_len(src->s, b);
	}
	src->at = src->end = 0;
	drop_block(src);
	if (src->s->picker)
		picker_disown(src->s->picker, src->serial);
	src->s->refill_soon = true;
}

void swarm_source_drop(struct swarm_source *src, int64_t now_ms)
{
	swarm_enter(src->s, now_ms);
	rate_idle(src->s->cfg.rate, &src->flow);
	release(src);
	swarm_leave(src->s);
}

uint64_t swarm_source_bytes(const struct swarm_source *src)
{
	return src->in.total;
}

uint32_t swarm_source_rate(const struct swarm_source *src)
{
	return src->in.rate;
}

/* ---- the swarm's side ---- */

void sources_wake(struct swarm *s)
{
	for (struct swarm_source *src = s->sources; src; src = src->next)
		src->ops.wake(src->ctx);
}

void sources_second(struct swarm *s, int64_t dt_ms)
{
	for (struct swarm_source *src = s->sources; src; src = src->next)
		swarm_meter_second(&src->in, dt_ms);
}

bool sources_ban(struct swarm *s, uint64_t serial)
{
	struct swarm_source *src = s->sources;

	while (src && src->serial != serial)
		src = src->next;
	if (!src)
		return false;
	if (src->banned)
		return true;
	src->banned = true;
	release(src);
	src->ops.banned(src->ctx);
	return true;
}
