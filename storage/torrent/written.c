#include "storage/torrent/written.h"

#include <stdlib.h>

#define CAP_MIN 16U

struct written_row {
	dev_t dev;
	ino_t ino; /* 0: none */
	uint32_t file;
};

/* Where it is, or the free place where it belongs. */
static struct written_row *place(const struct written *w, dev_t dev, ino_t ino)
{
	uint64_t at =
		((uint64_t)ino ^ (uint64_t)dev << 32) * 0x9e3779b97f4a7c15U >>
		32;
	struct written_row *row;

	for (;; at++) {
		row = &w->rows[at & (w->cap - 1)];
		if (!row->ino || (row->ino == ino && row->dev == dev))
			return row;
	}
}

static bool grow(struct written *w)
{
	struct written bigger = {.cap = w->cap ? w->cap * 2 : CAP_MIN};

	bigger.rows = calloc(bigger.cap, sizeof(*bigger.rows));
	if (!bigger.rows)
		return false;
	for (uint32_t i = 0; i < w->cap; i++)
		if (w->rows[i].ino)
			*place(&bigger, w->rows[i].dev, w->rows[i].ino) =
				w->rows[i];
	bigger.count = w->count;
	free(w->rows);
	*w = bigger;
	return true;
}

uint32_t written_find(const struct written *w, const struct stat *st)
{
	const struct written_row *row;

	if (!w->cap)
		return WRITTEN_NONE;
	row = place(w, st->st_dev, st->st_ino);
	return row->ino ? row->file : WRITTEN_NONE;
}

bool written_note(struct written *w, const struct stat *st, uint32_t file)
{
	struct written_row *row;

	if (w->count * 2 >= w->cap && !grow(w))
		return false;
	row = place(w, st->st_dev, st->st_ino);
	w->count += row->ino == 0;
	*row = (struct written_row){st->st_dev, st->st_ino, file};
	return true;
}

void written_clear(struct written *w)
{
	free(w->rows);
	*w = (struct written){0};
}
