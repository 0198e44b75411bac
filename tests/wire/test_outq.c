#include "wire/peer/outq.h"

#include "base/rng.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

#define MAX 4096U

static struct cbuf_pool *pool;
static uint8_t said[1 << 20], heard[1 << 20];

static struct span block(struct rng *rng, size_t len)
{
	struct cbuf *b = cbuf_get(pool);

	rng_fill(rng, b->data, len);
	return (struct span){b, b->data, len};
}

/* Random puts, looks and drops against a flat copy. */
static void what_goes_in_comes_out_in_order(void)
{
	struct outq q;
	struct rng rng = rng_seeded(3);
	size_t n_said = 0, n_heard = 0, blocks_in = 0, blocks_out = 0;

	outq_init(&q, MAX);
	for (int round = 0; round < 20000; round++) {
		uint8_t small[100];
		uint32_t len = rng_below(&rng, sizeof(small));
		struct iovec iov[7];
		size_t bytes, n, take, at = 0;
		struct span b;

		rng_fill(&rng, small, len);
		if (n_said + 1000 < sizeof(said)) {
			switch (rng_below(&rng, 3)) {
			case 0:
				if (!outq_put(&q, small, len))
					break;
				memcpy(said + n_said, small, len);
				n_said += len;
				break;
			case 1:
				b = block(&rng, 1 + rng_below(&rng, 500));
				if (!outq_put_block(&q, small, 13, &b, true)) {
					span_unref(&b);
					break;
				}
				memcpy(said + n_said, small, 13);
				memcpy(said + n_said + 13, b.p, b.len);
				n_said += 13 + b.len;
				blocks_in += b.len;
				break;
			case 2:
				break;
			}
		}
		n = outq_peek(&q, iov, 1 + rng_below(&rng, 7), &bytes);
		take = bytes ? rng_below(&rng, (uint32_t)bytes + 1) : 0;
		for (size_t i = 0; i < n && at < take; i++) {
			size_t part = iov[i].iov_len < take - at
					      ? iov[i].iov_len
					      : take - at;

			memcpy(heard + n_heard + at, iov[i].iov_base, part);
			at += part;
		}
		n_heard += at;
		blocks_out += outq_drop(&q, at);
		CHECK(q.span_bytes == blocks_in - blocks_out, "round %d",
		      round);
	}
	while (!outq_empty(&q)) {
		struct iovec iov[2];
		size_t bytes, n = outq_peek(&q, iov, 2, &bytes);

		for (size_t i = 0; i < n; i++) {
			memcpy(heard + n_heard, iov[i].iov_base,
			       iov[i].iov_len);
			n_heard += iov[i].iov_len;
		}
		blocks_out += outq_drop(&q, bytes);
	}
	CHECK(n_said == n_heard && memcmp(said, heard, n_said) == 0,
	      "said %zu, heard %zu", n_said, n_heard);
	CHECK(blocks_in == blocks_out, "blocks %zu %zu", blocks_in, blocks_out);
	CHECK(n_said > 500000, "hardly anything: %zu", n_said);
	outq_clear(&q, NULL, NULL);
}

static void small_bytes_have_a_maximum(void)
{
	static uint8_t bytes[MAX];
	struct outq q;

	outq_init(&q, MAX);
	CHECK(outq_put(&q, bytes, MAX - 10), "under it");
	CHECK(!outq_room(&q, 11) && !outq_put(&q, bytes, 11), "over it");
	CHECK(outq_put(&q, bytes, 10), "just it");
	CHECK(outq_drop(&q, 5) == 0 && outq_put(&q, bytes, 5), "room again");
	outq_clear(&q, NULL, NULL);
}

static void blocks_have_a_maximum(void)
{
	struct outq q;
	struct rng rng = rng_seeded(1);
	uint8_t head[13] = {0};
	unsigned n = 0;
	struct span b = block(&rng, 10);

	outq_init(&q, 1 << 20);
	while (outq_put_block(&q, head, sizeof(head), &b, false)) {
		span_ref(&b);
		n++;
	}
	CHECK(n == OUTQ_ENTRIES_MAX, "%u", n);
	outq_clear(&q, NULL, NULL);
	span_unref(&b);
}

struct lost {
	unsigned n, paid;
};

static void on_lost(void *ctx, uint32_t len, bool paid)
{
	struct lost *l = ctx;

	l->n += len;
	l->paid += paid;
}

static void what_was_not_begun_is_told_lost(void)
{
	struct outq q;
	struct rng rng = rng_seeded(2);
	struct lost lost = {0};
	uint8_t head[13] = {0};

	outq_init(&q, MAX);
	for (int i = 0; i < 4; i++) {
		struct span b = block(&rng, 100);

		CHECK(outq_put_block(&q, head, 13, &b, i % 2), "put");
	}
	CHECK(outq_drop(&q, 113 + 14) == 101, "one and a byte");
	outq_clear(&q, on_lost, &lost);
	CHECK(lost.n == 200 && lost.paid == 1, "%u bytes, %u paid", lost.n,
	      lost.paid);
}

int main(void)
{
	pool = cbuf_pool_new(4096, 1000, 10);
	what_goes_in_comes_out_in_order();
	small_bytes_have_a_maximum();
	blocks_have_a_maximum();
	what_was_not_begun_is_told_lost();
	CHECK(cbuf_pool_in_use(pool) == 0, "%u buffers kept",
	      cbuf_pool_in_use(pool));
	cbuf_pool_free(pool);
	return CHECK_EXIT();
}
