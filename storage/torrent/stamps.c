#include "storage/torrent/stamps.h"

#include <pthread.h>
#include <stdlib.h>

struct stamp {
	uint64_t size;
	int64_t mtime_ns;
	bool set, changed;
};

struct stamps {
	pthread_mutex_t lock; /* guards all of them */
	struct stamp list[];
};

struct stamps *stamps_new(uint32_t files)
{
	struct stamps *s = calloc(1, sizeof(*s) + files * sizeof(s->list[0]));

	if (s)
		(void)pthread_mutex_init(&s->lock, NULL);
	return s;
}

void stamps_free(struct stamps *s)
{
	if (!s)
		return;
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void put(struct stamps *s, uint32_t file, struct stamp stamp)
{
	(void)pthread_mutex_lock(&s->lock);
	s->list[file] = stamp;
	(void)pthread_mutex_unlock(&s->lock);
}

void stamps_set(struct stamps *s, uint32_t file, uint64_t size,
		int64_t mtime_ns)
{
	put(s, file,
	    (struct stamp){.size = size, .mtime_ns = mtime_ns, .set = true});
}

void stamps_clear(struct stamps *s, uint32_t file)
{
	put(s, file, (struct stamp){0});
}

bool stamps_same(struct stamps *s, uint32_t file, const struct stat *st)
{
	int64_t mtime_ns =
		(int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	struct stamp *stamp = &s->list[file];
	bool changed;

	(void)pthread_mutex_lock(&s->lock);
	if (stamp->set && ((uint64_t)st->st_size != stamp->size ||
			   mtime_ns != stamp->mtime_ns || st->st_nlink == 0))
		stamp->changed = true;
	changed = stamp->changed;
	(void)pthread_mutex_unlock(&s->lock);
	return !changed;
}

bool stamps_take_changed(struct stamps *s, uint32_t file)
{
	bool changed;

	(void)pthread_mutex_lock(&s->lock);
	changed = s->list[file].changed;
	if (changed)
		s->list[file] = (struct stamp){0};
	(void)pthread_mutex_unlock(&s->lock);
	return changed;
}
