/* rent_line.h - the way between a renter's client and a host of rent_rig.h: two
 * queues of messages that the test moves on, and what became of calls.
 */
#ifndef TESTS_STORAGE_RENT_LINE_H
#define TESTS_STORAGE_RENT_LINE_H

#include "storage/rent/rent_client.h"
#include "tests/storage/rent_rig.h"

#define QUEUE_MOST 4096

/* ---- a queue ---- */

struct queue {
	uint8_t *msg[QUEUE_MOST];
	size_t len[QUEUE_MOST];
	unsigned first, n;
};

static inline void queue_push(struct queue *q, const uint8_t *msg, size_t len)
{
	unsigned at = (q->first + q->n) % QUEUE_MOST;

	CHECK(q->n < QUEUE_MOST, "queue is full");
	q->msg[at] = rig_copy(msg, len);
	q->len[at] = len;
	q->n++;
}

/* The caller's. */
static inline uint8_t *queue_pop(struct queue *q, size_t *len)
{
	uint8_t *msg = q->msg[q->first];

	*len = q->len[q->first];
	q->first = (q->first + 1) % QUEUE_MOST;
	q->n--;
	return msg;
}

static inline void queue_drop(struct queue *q)
{
	size_t len;

	while (q->n)
		free(queue_pop(q, &len));
}

/* ---- a connection ---- */

/* *s, which sends may need at once, is the host's end: what it says goes to
 * `sink`. Another session that there was is gone. */
static inline void line_connect(struct rig_session **s, struct rig *g,
				const struct rig_id *me, struct rent_client *c,
				void (*sink)(void *ctx, const uint8_t *msg,
					     size_t len))
{
	struct rent_client_link l;
	struct hash32 digest;

	g->n_sessions = 0;
	*s = rig_connect(g, 1);
	CHECK((*s)->s != NULL, "%s", (*s)->why);
	(*s)->id = *me;
	(*s)->sink = sink;
	memcpy(l.host_key, rig_host_key, 32);
	digest = eip712_channel(&rig_domain, &me->address, (*s)->key);
	l.sig = rig_sign(me, &digest);
	rent_client_up(c, &l, g->now_ms);
}

/* Ops of a client whose money is no matter. */
static inline bool line_covered(void *ctx, struct amount due)
{
	(void)ctx;
	(void)due;
	return true;
}

static inline void line_due(void *ctx, struct amount due)
{
	(void)ctx;
	(void)due;
}

static inline void line_charged(void *ctx, uint32_t len)
{
	(void)ctx;
	(void)len;
}

/* ---- calls ---- */

struct outcome { /* of a call */
	unsigned called;
	struct rent_result r;
	struct rent_signed_revision revision;
	uint8_t *data;
	struct hash32 *roots;
	char why[100];
};

static inline void outcome_set(void *ctx, const struct rent_result *r)
{
	struct outcome *o = ctx;

	o->called++;
	o->r = *r;
	(void)snprintf(o->why, sizeof(o->why), "%s", r->why ? r->why : "");
	free(o->data);
	free(o->roots);
	o->data = r->data ? rig_copy(r->data, r->len) : NULL;
	o->roots = NULL;
	if (r->roots)
		o->roots = (struct hash32 *)(void *)rig_copy(
			(const uint8_t *)r->roots, r->n_roots * 32UL);
	if (r->revision)
		o->revision = *r->revision;
}

static inline void outcome_clear(struct outcome *o, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(o[i].data);
		free(o[i].roots);
	}
	memset(o, 0, n * sizeof(*o));
}

#endif
