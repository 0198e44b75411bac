#include "wire/peer/outq.h"

#include <stdlib.h>
#include <string.h>

#define RING_MIN 256U
#define ENTRIES_MIN 4U

void outq_init(struct outq *q, uint32_t max)
{
	memset(q, 0, sizeof(*q));
	q->max = max;
}

static struct outq_entry *entry(const struct outq *q, uint32_t i)
{
	return &q->entries[(q->first + i) & (q->n_cap - 1)];
}

void outq_clear(struct outq *q,
		void (*lost)(void *ctx, uint32_t len, bool paid), void *ctx)
{
	for (uint32_t i = 0; i < q->n; i++) {
		struct outq_entry *en = entry(q, i);
		bool begun = i == 0 && q->off > 0;

		if (!en->span.p)
			continue;
		span_unref(&en->span);
		if (lost && !begun && !en->bulk)
			lost(ctx, (uint32_t)en->span.len, en->paid);
	}
	free(q->ring);
	free(q->entries);
	outq_init(q, q->max);
}

bool outq_empty(const struct outq *q)
{
	return q->n == 0;
}

bool outq_room(const struct outq *q, uint32_t len)
{
	return len <= q->max - q->used;
}

static bool grow_ring(struct outq *q, uint32_t need)
{
	uint32_t cap = q->cap ? q->cap : RING_MIN;
	uint32_t front;
	uint8_t *ring;

	while (cap < need)
		cap *= 2;
	if (cap == q->cap)
		return true;
	ring = malloc(cap);
	if (!ring)
		return false;
	if (q->used) {
		front = q->cap - q->head < q->used ? q->cap - q->head : q->used;
		memcpy(ring, q->ring + q->head, front);
		memcpy(ring + front, q->ring, q->used - front);
	}
	free(q->ring);
	q->ring = ring;
	q->cap = cap;
	q->head = 0;
	return true;
}

static bool grow_entries(struct outq *q)
{
	uint32_t cap = q->n_cap ? q->n_cap * 2 : ENTRIES_MIN;
	struct outq_entry *entries;

	if (q->n < q->n_cap)
		return true;
	if (cap > OUTQ_ENTRIES_MAX)
		return false;
	entries = calloc(cap, sizeof(*entries));
	if (!entries)
		return false;
	for (uint32_t i = 0; i < q->n; i++)
		entries[i] = *entry(q, i);
	free(q->entries);
	q->entries = entries;
	q->n_cap = cap;
	q->first = 0;
	return true;
}

/* The entry that small bytes may be added to: the last, unless it ends in a
 * block already. */
static struct outq_entry *open_entry(struct outq *q)
{
	struct outq_entry *en;

	if (q->n) {
		en = entry(q, q->n - 1);
		if (!en->span.p)
			return en;
	}
	if (!grow_entries(q))
		return NULL;
	en = entry(q, q->n++);
	memset(en, 0, sizeof(*en));
	return en;
}

bool outq_put(struct outq *q, const uint8_t *p, uint32_t len)
{
	struct outq_entry *en;
	uint32_t at, front;

	if (len == 0)
		return true;
	if (!outq_room(q, len) || !grow_ring(q, q->used + len))
		return false;
	en = open_entry(q);
	if (!en)
		return false;
	at = (q->head + q->used) & (q->cap - 1);
	front = q->cap - at < len ? q->cap - at : len;
	memcpy(q->ring + at, p, front);
	memcpy(q->ring, p + front, len - front);
	q->used += len;
	en->small += len;
	return true;
}

static struct outq_entry *put_span(struct outq *q, const uint8_t *head,
				   uint32_t head_len, const struct span *span)
{
	struct outq_entry *en;

	if (!outq_put(q, head, head_len))
		return NULL;
	en = entry(q, q->n - 1);
	en->span = *span;
	return en;
}

bool outq_put_block(struct outq *q, const uint8_t *head, uint32_t head_len,
		    const struct span *block, bool paid)
{
	struct outq_entry *en = put_span(q, head, head_len, block);

	if (!en)
		return false;
	en->paid = paid;
	q->span_bytes += block->len;
	return true;
}

bool outq_put_bulk(struct outq *q, const uint8_t *head, uint32_t head_len,
		   const struct span *message)
{
	struct outq_entry *en = put_span(q, head, head_len, message);

	if (!en)
		return false;
	en->bulk = true;
	q->bulk_bytes += message->len;
	return true;
}

struct fill {
	struct iovec *iov;
	size_t n, max, bytes;
};

static bool fill_add(struct fill *f, const uint8_t *p, size_t len)
{
	if (len == 0)
		return true;
	if (f->n == f->max)
		return false;
	f->iov[f->n].iov_base = (void *)(uintptr_t)p; /* writev only reads */
	f->iov[f->n].iov_len = len;
	f->n++;
	f->bytes += len;
	return true;
}

size_t outq_peek(const struct outq *q, struct iovec *iov, size_t max,
		 size_t *bytes)
{
	struct fill f = {iov, 0, max, 0};
	uint32_t at = q->head;
	size_t off = q->off;
	bool room = true;

	for (uint32_t i = 0; i < q->n && room; i++) {
		const struct outq_entry *en = entry(q, i);
		uint32_t front =
			q->cap - at < en->small ? q->cap - at : en->small;

		room = fill_add(&f, q->ring + at, front) &&
		       fill_add(&f, q->ring, en->small - front) &&
		       (!en->span.p ||
			fill_add(&f, en->span.p + off, en->span.len - off));
		at = (at + en->small) & (q->cap - 1);
		off = 0;
	}
	*bytes = f.bytes;
	return f.n;
}

static void count_sent(struct outq *q, const struct outq_entry *en, size_t n,
		       size_t *blocks)
{
	if (en->bulk) {
		q->bulk_bytes -= n;
		return;
	}
	q->span_bytes -= n;
	*blocks += n;
}

/* Takes up to n bytes off the front entry; returns what is left of n. */
static size_t drop_front(struct outq *q, size_t n, size_t *blocks)
{
	struct outq_entry *en = entry(q, 0);
	size_t small = n < en->small ? n : en->small, left;

	en->small -= (uint32_t)small;
	q->head = (q->head + (uint32_t)small) & (q->cap - 1);
	q->used -= (uint32_t)small;
	n -= small;
	if (en->small)
		return n;
	if (en->span.p) {
		left = en->span.len - q->off;
		if (n < left) {
			q->off += n;
			count_sent(q, en, n, blocks);
			return 0;
		}
		q->off = 0;
		count_sent(q, en, left, blocks);
		n -= left;
		span_unref(&en->span);
	}
	q->first = (q->first + 1) & (q->n_cap - 1);
	q->n--;
	return n;
}

size_t outq_drop(struct outq *q, size_t n)
{
	size_t blocks = 0;

	while (q->n && n)
		n = drop_front(q, n, &blocks);
	if (q->n == 0 && q->cap > 32768) { /* an idle peer keeps little */
		free(q->ring);
		q->ring = NULL;
		q->cap = q->head = 0;
	}
	return blocks;
}
