#include "wire/swarm/rate.h"

#include <stdlib.h>
#include <string.h>

/* A tick is worth at most this long: a late one is made good, a pause of all
 * flows makes no burst. */
#define BURST_MS 100
#define SHARE_ONE 256U
#define NO_LIMIT UINT64_MAX
#define RATE_LIMIT_MAX ((uint64_t)1 << 40) /* bytes/s; products fit */
#define DIRS 2
/* Weights are scaled down to this, so that products stay in 64 bits. */
#define WEIGHT_MAX ((uint64_t)1 << 20)

struct tap {		/* one limit */
	uint64_t limit; /* bytes/s; 0: none */
	int64_t last_ms;
	bool ticked;   /* last_ms is set */
	uint64_t rest; /* thousandths of a byte */
};

struct lane { /* one direction */
	struct tap all, of[RATE_CLASSES];
	struct rate_flow *head[RATE_CLASSES];
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

static void set_tap(struct rate *r, struct tap *tap, uint64_t limit)
{
	tap->limit = limit < RATE_LIMIT_MAX ? limit : RATE_LIMIT_MAX;
	if (r->want_tick) /* waiting flows may be free to go now */
		r->want_tick(r->want_ctx);
}

void rate_set_limit(struct rate *r, enum rate_dir dir,
		    uint64_t bytes_per_second)
{
	set_tap(r, &r->lane[dir].all, bytes_per_second);
}

void rate_set_class_limit(struct rate *r, enum rate_dir dir,
			  enum rate_class class, uint64_t bytes_per_second)
{
	set_tap(r, &r->lane[dir].of[class], bytes_per_second);
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

static bool anybody_waits(const struct lane *lane)
{
	return lane->head[RATE_FREE] || lane->head[RATE_PAID] ||
	       lane->head[RATE_RENT];
}

static void link_flow(struct rate *r, struct rate_flow *f)
{
	struct lane *lane = &r->lane[f->dir];
	bool first = !anybody_waits(lane);

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

void rate_flow_let_off(struct rate *r, struct rate_flow *f, bool let_off)
{
	f->let_off = let_off;
	if (r && let_off)
		unlink_flow(r, f);
}

static bool is_limited(const struct rate *r, const struct rate_flow *f)
{
	return r && !f->let_off &&
	       (r->lane[f->dir].all.limit ||
		r->lane[f->dir].of[f->class].limit);
}

bool rate_take(struct rate *r, struct rate_flow *f)
{
	if (!is_limited(r, f))
		return true;
	if (f->credit > 0)
		return true;
	link_flow(r, f);
	return false;
}

size_t rate_quota(struct rate *r, struct rate_flow *f)
{
	if (!is_limited(r, f))
		return SIZE_MAX;
	return rate_take(r, f) ? (size_t)f->credit : 0;
}

void rate_spend(struct rate *r, struct rate_flow *f, size_t bytes)
{
	if (is_limited(r, f))
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
static uint64_t income_of(struct tap *tap, int64_t now_ms)
{
	int64_t dt = tap->ticked ? now_ms - tap->last_ms : RATE_TICK_MS;
	uint64_t milli;

	if (!tap->limit)
		return NO_LIMIT;
	tap->ticked = true;
	tap->last_ms = now_ms;
	if (dt < 0)
		dt = 0;
	if (dt > BURST_MS)
		dt = BURST_MS;
	milli = tap->limit * (uint64_t)dt + tap->rest;
	tap->rest = milli % 1000;
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

static uint64_t count(const struct rate_flow *head)
{
	uint64_t n = 0;

	for (; head; head = head->next)
		n++;
	return n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What each class gets of `income`, by who waits; no class over its cap. */
static void divide(uint64_t out[RATE_CLASSES], const struct rate *r,
		   const struct lane *lane, uint64_t income,
		   const uint64_t cap[RATE_CLASSES])
{
	static const enum rate_class order[] = {RATE_PAID, RATE_RENT,
						RATE_FREE};
	uint64_t free_n = count(lane->head[RATE_FREE]);
	uint64_t rent_n = count(lane->head[RATE_RENT]);
	uint64_t part = income, left = income;

	if (lane->head[RATE_PAID])
		part = free_n + rent_n ? income * r->free_share / SHARE_ONE : 0;
	out[RATE_PAID] = income - part;
	out[RATE_RENT] = rent_n ? part * rent_n / (free_n + rent_n) : 0;
	out[RATE_FREE] = part - out[RATE_RENT];
	for (int c = 0; c < RATE_CLASSES; c++) {
		out[c] = lane->head[c] ? least(out[c], cap[c]) : 0;
		left -= out[c];
	}
	/* what a cap keeps one class from goes to the others */
	for (int i = 0; i < RATE_CLASSES; i++) {
		enum rate_class c = order[i];
		uint64_t more = least(left, cap[c] - out[c]);

		if (!lane->head[c])
			continue;
		out[c] += more;
		left -= more;
	}
}

static void lane_tick(struct rate *r, struct lane *lane, int64_t now_ms)
{
	uint64_t income, cap[RATE_CLASSES], part[RATE_CLASSES];

	if (!anybody_waits(lane))
		return;
	income = income_of(&lane->all, now_ms);
	for (int c = 0; c < RATE_CLASSES; c++)
		part[c] = cap[c] = income_of(&lane->of[c], now_ms);
	if (income != NO_LIMIT)
		divide(part, r, lane, income, cap);
	for (int c = RATE_CLASSES - 1; c >= 0; c--) {
		bool none = income == NO_LIMIT && cap[c] == NO_LIMIT;

		if (lane->head[c] && !none)
			share_out(lane->head[c], part[c]);
		wake_rich(r, &lane->head[c], now_ms, none);
	}
}

int64_t rate_tick(struct rate *r, int64_t now_ms)
{
	bool waiting = false;

	for (int d = 0; d < DIRS; d++) {
		lane_tick(r, &r->lane[d], now_ms);
		waiting |= anybody_waits(&r->lane[d]);
	}
	return waiting ? now_ms + RATE_TICK_MS : INT64_MAX;
}
