#include "base/cbuf.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

/* From this size on buffers are mapped: what is given back then really goes
 * back, where malloc would keep it in its heap. */
#if defined(__SANITIZE_ADDRESS__)
#define MAP_FROM UINT32_MAX /* but malloc's borders are watched */
#else
#define MAP_FROM (64U * 1024U)
#endif

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

/* Page aligned, so that O_DIRECT stays possible. */
static uint8_t *data_new(uint32_t cap)
{
	void *data = NULL;

	if (cap >= MAP_FROM) {
		data = mmap(NULL, cap, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return data == MAP_FAILED ? NULL : data;
	}
	return posix_memalign(&data, 4096, cap) == 0 ? data : NULL;
}

static void cbuf_destroy(struct cbuf *b)
{
	if (b->cap >= MAP_FROM)
		(void)munmap(b->data, b->cap);
	else
		free(b->data);
	free(b);
}

static struct cbuf *cbuf_new(struct cbuf_pool *pool)
{
	struct cbuf *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->data = data_new(pool->cap);
	if (!b->data) {
		free(b);
		return NULL;
	}
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
	cbuf_destroy(b);
}

void cbuf_pool_trim(struct cbuf_pool *pool)
{
	struct cbuf *b;

	while ((b = pool->free_list)) {
		pool->free_list = b->next;
		cbuf_destroy(b);
	}
	pool->free_count = 0;
}

void cbuf_pool_free(struct cbuf_pool *pool)
{
	if (!pool)
		return;
	assert(pool->in_use == 0);
	cbuf_pool_trim(pool);
	free(pool);
}

uint32_t cbuf_pool_in_use(const struct cbuf_pool *pool)
{
	return pool->in_use;
}
