/* rate.h - the node's upload and download limits, shared out fairly.
 *
 * One struct rate for the whole node. Whoever wants to send or receive is a
 * flow; a flow with demand waits in the rate's list and is given credit at each
 * tick. Upload has three classes: of each tick's bytes the paid class gets all
 * but a share (default a quarter) that the others have while they wait, evenly;
 * within the paid class credit goes by weight. What nobody of a class wants
 * goes to the others. A class may have a limit of its own besides, which holds
 * whether there is one for all or not. A flow may spend while its credit is
 * above 0 and may go below by one block, which it pays back.
 * No limit set, or a flow that was let off: rate_take() always says yes and
 * nothing is queued.
 *
 * Times are monotonic milliseconds, bytes per second. Thread: the loop's.
 */
#ifndef WIRE_RATE_H
#define WIRE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rate_dir { RATE_UP, RATE_DOWN };
enum rate_class {
	RATE_FREE, /* pieces for nothing; all that comes in */
	RATE_PAID, /* pieces that are paid for */
	RATE_RENT, /* extension messages of renting connections */
};
#define RATE_CLASSES 3

struct rate;

struct rate_flow { /* embedded in its owner; zero + rate_flow_init() */
	struct rate_flow *next, *prev; /* in the waiting list */
	struct rate_flow *wake_next;
	enum rate_dir dir;
	enum rate_class class;
	uint64_t weight; /* paid class; at least 1 */
	bool let_off;	 /* no limit holds for it */
	int64_t credit;	 /* bytes */
	bool waiting;
	/* Credit came; called from rate_tick(). May call rate_take(), must not
	 * clear other flows. */
	void (*wake)(void *ctx, int64_t now_ms);
	void *ctx;
};

#define RATE_TICK_MS 20

struct rate *rate_new(void);
/* All flows must be cleared. NULL is a no-op. */
void rate_free(struct rate *r);
/* 0: no limit (the start). */
void rate_set_limit(struct rate *r, enum rate_dir dir,
		    uint64_t bytes_per_second);
/* The same of one class of a direction. */
void rate_set_class_limit(struct rate *r, enum rate_dir dir,
			  enum rate_class class, uint64_t bytes_per_second);
/* The part of those who do not pay of the upload limit in 1/256; 64 (a
 * quarter) at the start; at least 1. */
void rate_set_free_share(struct rate *r, unsigned of_256);

void rate_flow_init(struct rate_flow *f, enum rate_dir dir,
		    void (*wake)(void *ctx, int64_t now_ms), void *ctx);
/* Leaves the list. r may be NULL, here and below. */
void rate_flow_clear(struct rate *r, struct rate_flow *f);
/* weight 0 counts as 1. r may be NULL. */
void rate_flow_set(struct rate *r, struct rate_flow *f, enum rate_class class,
		   uint64_t weight);

/* Limits hold for the flow, or not (they do at the start). */
void rate_flow_let_off(struct rate *r, struct rate_flow *f, bool let_off);

/* May the flow move bytes now? Yes: the caller moves them and then calls
 * rate_spend(). No: it waits and wake() comes. r NULL: always. */
bool rate_take(struct rate *r, struct rate_flow *f);
/* At most this many bytes now; 0 as rate_take() says no; SIZE_MAX: no limit. */
size_t rate_quota(struct rate *r, struct rate_flow *f);
void rate_spend(struct rate *r, struct rate_flow *f, size_t bytes);
/* No demand any more. */
void rate_idle(struct rate *r, struct rate_flow *f);

/* Shares out what the time since the last call brings. Returns when to call
 * next, INT64_MAX when nobody waits. The caller arms a timer of its own; flows
 * that begin to wait ask for it through `want_tick`. */
int64_t rate_tick(struct rate *r, int64_t now_ms);
void rate_on_want_tick(struct rate *r, void (*fn)(void *ctx), void *ctx);

#endif
