#include "storage/torrent/file_pool.h"

#include "storage/torrent/files.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define BUCKETS 256U

struct file_pool {
	pthread_mutex_t lock; /* guards all below and every open_file */
	unsigned max_open;
	unsigned count;
	struct open_file *buckets[BUCKETS];
	struct open_file *newest, *oldest;
};

struct file_pool *file_pool_new(unsigned max_open)
{
	struct file_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->max_open = max_open ? max_open : 1;
	(void)pthread_mutex_init(&p->lock, NULL);
	return p;
}

void file_pool_free(struct file_pool *p)
{
	if (!p)
		return;
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

unsigned file_pool_open(struct file_pool *p)
{
	unsigned n;

	(void)pthread_mutex_lock(&p->lock);
	n = p->count;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

static struct open_file **bucket(struct file_pool *p, const struct files *f,
				 uint32_t file)
{
	uintptr_t key = (uintptr_t)f / 64 + file * 2654435761U;

	return &p->buckets[key % BUCKETS];
}

static struct open_file *find(struct file_pool *p, const struct files *f,
			      uint32_t file)
{
	struct open_file *o = *bucket(p, f, file);

	while (o && (o->owner != f || o->file != file))
		o = o->hash_next;
	return o;
}

static void lru_out(struct file_pool *p, struct open_file *o)
{
	*(o->newer ? &o->newer->older : &p->newest) = o->older;
	*(o->older ? &o->older->newer : &p->oldest) = o->newer;
}

static void lru_in(struct file_pool *p, struct open_file *o)
{
	o->newer = NULL;
	o->older = p->newest;
	*(p->newest ? &p->newest->newer : &p->oldest) = o;
	p->newest = o;
}

static void list_in(struct file_pool *p, struct open_file *o)
{
	struct open_file **at = bucket(p, o->owner, o->file);

	o->hash_next = *at;
	*at = o;
	lru_in(p, o);
	o->listed = true;
	p->count++;
}

/* The caller closes it if it has no users. */
static void list_out(struct file_pool *p, struct open_file *o)
{
	struct open_file **at = bucket(p, o->owner, o->file);

	while (*at != o)
		at = &(*at)->hash_next;
	*at = o->hash_next;
	lru_out(p, o);
	o->listed = false;
	p->count--;
}

void open_file_close(struct open_file *o)
{
	if (!o)
		return;
	(void)close(o->fd);
	free(o);
}

/* Takes one idle descriptor above the bound out; NULL when there is none. */
static struct open_file *surplus(struct file_pool *p)
{
	struct open_file *o = p->oldest;

	if (p->count <= p->max_open)
		return NULL;
	while (o && o->users > 0)
		o = o->newer;
	if (o)
		list_out(p, o);
	return o;
}

void file_pool_done(struct file_pool *p, struct open_file *o)
{
	struct open_file *old;
	bool gone;

	(void)pthread_mutex_lock(&p->lock);
	gone = --o->users == 0 && !o->listed;
	old = surplus(p);
	(void)pthread_mutex_unlock(&p->lock);
	if (gone)
		open_file_close(o);
	open_file_close(old);
}

struct open_file *file_pool_use(struct file_pool *p, struct files *f,
				uint32_t file, bool write)
{
	struct open_file *o;

	(void)pthread_mutex_lock(&p->lock);
	o = find(p, f, file);
	if (o && write && !o->writable)
		o = NULL;
	if (o) {
		o->users++;
		lru_out(p, o);
		lru_in(p, o);
	}
	(void)pthread_mutex_unlock(&p->lock);
	return o;
}

/* Out of the table, and to be closed. NULL: it is not there, or its last user
 * closes it. */
static struct open_file *drop(struct file_pool *p, const struct files *f,
			      uint32_t file)
{
	struct open_file *o = find(p, f, file);

	if (o)
		list_out(p, o);
	return o && o->users == 0 ? o : NULL;
}

void file_pool_publish(struct file_pool *p, struct open_file *o)
{
	struct open_file *old, *extra;

	(void)pthread_mutex_lock(&p->lock);
	old = drop(p, o->owner, o->file);
	list_in(p, o);
	extra = surplus(p);
	(void)pthread_mutex_unlock(&p->lock);
	open_file_close(old);
	open_file_close(extra);
}

void file_pool_forget(struct file_pool *p, const struct files *f, uint32_t file)
{
	struct open_file *o;

	(void)pthread_mutex_lock(&p->lock);
	o = drop(p, f, file);
	(void)pthread_mutex_unlock(&p->lock);
	open_file_close(o);
}

struct open_file *file_pool_take_any(struct file_pool *p, const struct files *f)
{
	struct open_file *o;

	(void)pthread_mutex_lock(&p->lock);
	o = p->newest;
	while (o && o->owner != f)
		o = o->older;
	if (o)
		list_out(p, o);
	(void)pthread_mutex_unlock(&p->lock);
	return o;
}
