#include "wire/swarm/rate.h"

#include <stdlib.h>
#include <string.h>

/* A tick is worth at most this long: a late one is made good, a pause of all
 * flows makes no burst. */
#define BURST_MS 100
#define SHARE_ONE 256U
#define RATE_LIMIT_MAX ((uint64_t)1 << 40) /* bytes/s; products fit */
#define DIRS 2
#define CLASSES 2
/* Weights are scaled down to this, so that products stay in 64 bits. */
#define WEIGHT_MAX ((uint64_t)1 << 20)

struct lane {		/* one direction */
	uint64_t limit; /* bytes/s; 0: none */
	int64_t last_ms;
	bool ticked;   /* last_ms is set */
	uint64_t rest; /* thousandths of a byte */
	struct rate_flow *head[CLASSES];
};

struct rate {
	struct lane lane[DIRS];
	unsigned free_share;
	void (*want_tick)(void *ctx);
	void *want_ctx;
};

struct rate *rate_new(void)
{
	struct rate *r = calloc(1, sizeof(*r));

	if (r)
		r->free_share = SHARE_ONE / 4;
	return r;
}

void rate_free(struct rate *r)
{
	free(r);
}

void rate_set_limit(struct rate *r, enum rate_dir dir,
		    uint64_t bytes_per_second)
{
	struct lane *lane = &r->lane[dir];

	lane->limit = bytes_per_second < RATE_LIMIT_MAX ? bytes_per_second
							: RATE_LIMIT_MAX;
	if (r->want_tick) /* waiting flows may be free to go now */
		r->want_tick(r->want_ctx);
}

void rate_set_free_share(struct rate *r, unsigned of_256)
{
	if (of_256 < 1)
		of_256 = 1;
	r->free_share = of_256 > SHARE_ONE ? SHARE_ONE : of_256;
}

void rate_on_want_tick(struct rate *r, void (*fn)(void *ctx), void *ctx)
{
	r->want_tick = fn;
	r->want_ctx = ctx;
}

void rate_flow_init(struct rate_flow *f, enum rate_dir dir,
		    void (*wake)(void *ctx, int64_t now_ms), void *ctx)
{
	memset(f, 0, sizeof(*f));
	f->dir = dir;
	f->weight = 1;
	f->wake = wake;
	f->ctx = ctx;
}

static void unlink_flow(struct rate *r, struct rate_flow *f)
{
	if (!f->waiting)
		return;
	if (f->prev)
		f->prev->next = f->next;
	else
		r->lane[f->dir].head[f->class] = f->next;
	if (f->next)
		f->next->prev = f->prev;
	f->waiting = false;
}

void rate_flow_clear(struct rate *r, struct rate_flow *f)
{
	if (r)
		unlink_flow(r, f);
}

static void link_flow(struct rate *r, struct rate_flow *f)
{
	struct lane *lane = &r->lane[f->dir];
	bool first = !lane->head[0] && !lane->head[1];

	if (f->waiting)
		return;
	f->prev = NULL;
	f->next = lane->head[f->class];
	if (f->next)
		f->next->prev = f;
	lane->head[f->class] = f;
	f->waiting = true;
	if (first && r->want_tick)
		r->want_tick(r->want_ctx);
}

void rate_flow_set(struct rate *r, struct rate_flow *f, enum rate_class class,
		   uint64_t weight)
{
	bool waiting = f->waiting;

	f->weight = weight ? weight : 1;
	if (f->class == class)
		return;
	if (waiting)
		unlink_flow(r, f);
	f->class = class;
	if (waiting)
		link_flow(r, f);
}

bool rate_take(struct rate *r, struct rate_flow *f)
{
	if (!r || r->lane[f->dir].limit == 0)
		return true;
	if (f->credit > 0)
		return true;
	link_flow(r, f);
	return false;
}

size_t rate_quota(struct rate *r, struct rate_flow *f)
{
	if (!r || r->lane[f->dir].limit == 0)
		return SIZE_MAX;
	return rate_take(r, f) ? (size_t)f->credit : 0;
}

void rate_spend(struct rate *r, struct rate_flow *f, size_t bytes)
{
	if (r && r->lane[f->dir].limit != 0)
		f->credit -= (int64_t)bytes;
}

void rate_idle(struct rate *r, struct rate_flow *f)
{
	if (r)
		unlink_flow(r, f);
	if (f->credit > 0)
		f->credit = 0; /* debts stay, riches do not */
}

/* Bytes that the time since the last tick is worth. */
static uint64_t lane_income(struct lane *lane, int64_t now_ms)
{
	int64_t dt = lane->ticked ? now_ms - lane->last_ms : RATE_TICK_MS;
	uint64_t milli;

	lane->ticked = true;
	lane->last_ms = now_ms;
	if (dt < 0)
		dt = 0;
	if (dt > BURST_MS)
		dt = BURST_MS;
	milli = lane->limit * (uint64_t)dt + lane->rest;
	lane->rest = milli % 1000;
	return milli / 1000;
}

static uint64_t flow_weight(const struct rate_flow *f, uint64_t largest)
{
	uint64_t w = f->class == RATE_PAID ? f->weight : 1;

	if (largest > WEIGHT_MAX)
		w = w / (largest / WEIGHT_MAX + 1);
	return w ? w : 1;
}

/* Gives `bytes` to the flows of one class by weight. */
static void share_out(struct rate_flow *head, uint64_t bytes)
{
	uint64_t sum = 0, largest = 0;

	for (struct rate_flow *f = head; f; f = f->next)
		if (f->weight > largest)
			largest = f->weight;
	for (struct rate_flow *f = head; f; f = f->next)
		sum += flow_weight(f, largest);
	for (struct rate_flow *f = head; f; f = f->next) {
		uint64_t w = flow_weight(f, largest);
		uint64_t part = bytes * w / sum;

		f->credit += (int64_t)part;
		bytes -= part;
		sum -= w;
	}
}

/* Wakes those that have credit now. They leave the list first, because a flow
 * that wakes may wait again at once. */
static void wake_rich(struct rate *r, struct rate_flow **head, int64_t now_ms,
		      bool all)
{
	struct rate_flow *f = *head;
	struct rate_flow *rich = NULL;

	while (f) {
		struct rate_flow *next = f->next;

		if (all || f->credit > 0) {
			unlink_flow(r, f);
			f->wake_next = rich;
			rich = f;
		}
		f = next;
	}
	while ((f = rich)) {
		rich = f->wake_next;
		f->wake(f->ctx, now_ms);
	}
}

static void lane_tick(struct rate *r, struct lane *lane, int64_t now_ms)
{
	struct rate_flow *free_head = lane->head[RATE_FREE];
	struct rate_flow *paid_head = lane->head[RATE_PAID];
	uint64_t income, for_free;

	if (lane->limit == 0) {
		wake_rich(r, &lane->head[RATE_PAID], now_ms, true);
		wake_rich(r, &lane->head[RATE_FREE], now_ms, true);
		return;
	}
	if (!free_head && !paid_head)
		return;
	income = lane_income(lane, now_ms);
	for_free = !paid_head ? income
			      : (free_head ? income * r->free_share / SHARE_ONE
					   : 0);
	if (free_head)
		share_out(free_head, for_free);
	if (paid_head)
		share_out(paid_head, income - for_free);
	wake_rich(r, &lane->head[RATE_PAID], now_ms, false);
	wake_rich(r, &lane->head[RATE_FREE], now_ms, false);
}

int64_t rate_tick(struct rate *r, int64_t now_ms)
{
	bool waiting = false;

	for (int d = 0; d < DIRS; d++) {
		lane_tick(r, &r->lane[d], now_ms);
		waiting |= r->lane[d].head[0] || r->lane[d].head[1];
	}
	return waiting ? now_ms + RATE_TICK_MS : INT64_MAX;
}
