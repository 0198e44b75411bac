#include "base/cbuf.h"
#include "tests/check.h"

#include <string.h>

static void a_buffer_goes_back_with_its_last_reference(void)
{
	struct cbuf_pool *pool = cbuf_pool_new(4096, 2, 1);
	struct cbuf *a = cbuf_get(pool), *b = cbuf_get(pool);
	struct span s = {a, a->data + 10, 20}, bare = {NULL, NULL, 0};

	CHECK(a && b && a->cap == 4096, "two");
	CHECK(!cbuf_get(pool), "no third");
	span_ref(&s);
	cbuf_unref(a);
	CHECK(cbuf_pool_in_use(pool) == 2, "the span holds it");
	memset(a->data, 1, a->cap);
	span_unref(&s);
	span_ref(&bare);
	span_unref(&bare);
	cbuf_unref(NULL);
	CHECK(cbuf_pool_in_use(pool) == 1, "back");
	CHECK(cbuf_get(pool) == a, "and used again");
	cbuf_unref(a);
	cbuf_unref(b);
	CHECK(cbuf_pool_in_use(pool) == 0, "all back");
	cbuf_pool_free(pool);
	cbuf_pool_free(NULL);
}

static void trimmed_pools_go_on(void)
{
	static const uint32_t caps[] = {100, 16384, 65536, 1 << 20};

	for (size_t i = 0; i < ROWS(caps); i++) {
		struct cbuf_pool *pool = cbuf_pool_new(caps[i], 8, 8);

		for (int round = 0; round < 3; round++) {
			struct cbuf *b[8];

			for (size_t k = 0; k < 8; k++) {
				b[k] = cbuf_get(pool);
				CHECK(b[k] && b[k]->refs == 1, "buffer");
				memset(b[k]->data, 7, caps[i]);
			}
			for (size_t k = 0; k < 8; k++)
				cbuf_unref(b[k]);
			if (round == 1)
				cbuf_pool_trim(pool);
		}
		cbuf_pool_free(pool);
	}
}

int main(void)
{
	a_buffer_goes_back_with_its_last_reference();
	trimmed_pools_go_on();
	return CHECK_EXIT();
}
