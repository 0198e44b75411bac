#include "base/cbuf.h"

#include <assert.h>
#include <stdlib.h>

struct cbuf_pool {
	uint32_t cap;
	uint32_t max_buffers;
	uint32_t keep_free;
	uint32_t in_use;
	uint32_t free_count;
	struct cbuf *free_list;
};

struct cbuf_pool *cbuf_pool_new(uint32_t cap, uint32_t max_buffers,
				uint32_t keep_free)
{
	struct cbuf_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->cap = cap;
	pool->max_buffers = max_buffers;
	pool->keep_free = keep_free;
	return pool;
}

void cbuf_pool_free(struct cbuf_pool *pool)
{
	struct cbuf *b;

	if (!pool)
		return;
	assert(pool->in_use == 0);
	while ((b = pool->free_list)) {
		pool->free_list = b->next;
		free(b->data);
		free(b);
	}
	free(pool);
}

static struct cbuf *cbuf_new(struct cbuf_pool *pool)
{
	struct cbuf *b = calloc(1, sizeof(*b));
	void *data = NULL;

	if (!b)
		return NULL;
	/* page aligned, so that O_DIRECT and huge pages stay possible */
	if (posix_memalign(&data, 4096, pool->cap) != 0) {
		free(b);
		return NULL;
	}
	b->data = data;
	b->cap = pool->cap;
	b->pool = pool;
	return b;
}

struct cbuf *cbuf_get(struct cbuf_pool *pool)
{
	struct cbuf *b = pool->free_list;

	if (b) {
		pool->free_list = b->next;
		pool->free_count--;
	} else {
		if (pool->in_use >= pool->max_buffers)
			return NULL;
		b = cbuf_new(pool);
		if (!b)
			return NULL;
	}
	pool->in_use++;
	b->next = NULL;
	b->refs = 1;
	return b;
}

void cbuf_ref(struct cbuf *b)
{
	b->refs++;
}

void cbuf_unref(struct cbuf *b)
{
	struct cbuf_pool *pool;

	if (!b || --b->refs > 0)
		return;
	pool = b->pool;
	pool->in_use--;
	if (pool->free_count < pool->keep_free) {
		b->next = pool->free_list;
		pool->free_list = b;
		pool->free_count++;
		return;
	}
	free(b->data);
	free(b);
}

uint32_t cbuf_pool_in_use(const struct cbuf_pool *pool)
{
	return pool->in_use;
}
