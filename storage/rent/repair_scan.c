#include "storage/rent/repair_int.h"

#include <stdlib.h>

/* --- when --- */

bool repair_due(unsigned k, unsigned n, unsigned live)
{
	return live < n && 3 * live < 3 * k + (n - k);
}

static bool row_lives(const struct placement *p, uint32_t segment, unsigned row,
		      repair_alive_fn *alive, void *ctx)
{
	const struct placement_row *x = &p->rows[(size_t)segment * p->n + row];

	for (unsigned i = 0; i < x->places; i++)
		if (alive(ctx, segment, (uint16_t)row, &p->hosts[x->host[i]]))
			return true;
	return false;
}

void repair_look(struct repair_survey *out, const struct placement *p,
		 repair_alive_fn *alive, void *ctx)
{
	*out = (struct repair_survey){.least = p->n};
	for (uint32_t s = 0; s < p->segments; s++) {
		unsigned live = 0;

		for (unsigned i = 0; i < p->n; i++)
			live += row_lives(p, s, i, alive, ctx);
		out->missing += p->n - live;
		out->segments += live < p->n;
		out->due += repair_due(p->k, p->n, live);
		out->lost += live < p->k;
		if (live < out->least)
			out->least = live;
	}
}

/* --- which rows --- */

void repair_segment_free(struct repair_segment *s)
{
	if (!s)
		return;
	free(s->taken);
	free(s);
}

static struct repair_segment *segment_new_at(const struct repair *r,
					     uint32_t index)
{
	struct repair_segment *s = calloc(1, sizeof(*s));
	unsigned most = r->n * PLACEMENT_PLACES_MAX;

	if (!s)
		return NULL;
	s->index = index;
	s->taken = calloc(most, sizeof(*s->taken));
	if (!s->taken) {
		free(s);
		return NULL;
	}
	s->barred = s->taken + most;
	for (unsigned i = 0; i < ROWS_MAX; i++)
		s->seat[i] = PLACING_ELSEWHERE;
	return s;
}

static void note_row(const struct repair *r, struct repair_segment *s,
		     unsigned row)
{
	const struct placement_row *x = repair_row(r, s->index, row);
	bool lives = false;

	for (unsigned i = 0; i < x->places; i++) {
		const struct address *a = &r->cfg.placement->hosts[x->host[i]];
		uint16_t host = placing_find(r->cfg.placing, a);

		if (host == PLACING_NONE)
			host = PLACING_ELSEWHERE;
		if (!r->cfg.ops->alive(r->cfg.ctx, s->index, (uint16_t)row,
				       a)) {
			*--s->barred = host;
			s->barred_n++;
		} else if (lives) {
			s->taken[s->taken_n++] = host;
		} else {
			lives = true;
			s->seat[row] = host;
		}
	}
	if (lives)
		return;
	s->at[row] = ROW_WANTED;
	s->seat[row] = PLACING_NONE;
	s->wanted++;
}

/* False: nothing is to be done for it. */
static bool is_for_repair(struct repair *r, const struct repair_segment *s)
{
	unsigned live = r->n - s->wanted;

	if (s->wanted == 0 ||
	    (r->cfg.due_only && !repair_due(r->k, r->n, live)))
		return false;
	r->progress.missing += s->wanted;
	if (live >= r->k)
		return true;
	repair_hopeless(r, s->index, live);
	return false;
}

static void append(struct repair *r, struct repair_segment *s)
{
	struct repair_segment **at = &r->segments;

	while (*at)
		at = &(*at)->next;
	*at = s;
}

struct repair_segment *repair_scan(struct repair *r)
{
	while (r->next < r->cfg.placement->segments) {
		struct repair_segment *s = segment_new_at(r, r->next);
		struct err e = {0};

		if (!s) {
			(void)err_fail(&e, ERR_NOMEM, "repair: no memory");
			repair_fail(r, &e);
			return NULL;
		}
		r->progress.looked = ++r->next;
		for (unsigned i = 0; i < r->n; i++)
			note_row(r, s, i);
		if (is_for_repair(r, s)) {
			append(r, s);
			return s;
		}
		repair_segment_free(s);
	}
	return NULL;
}

/* --- who is to have them --- */

static bool to_be_seated(const struct repair_segment *s, unsigned row)
{
	return s->at[row] == ROW_WANTED || s->at[row] == ROW_SLOT;
}

void repair_seat(struct repair *r, struct repair_segment *s)
{
	const struct placing_beside b = {.taken = s->taken,
					 .taken_n = s->taken_n,
					 .barred = s->barred,
					 .barred_n = s->barred_n};

	for (unsigned i = 0; i < r->n; i++) {
		if (!to_be_seated(s, i) || s->seat[i] == PLACING_NONE ||
		    placing_usable(r->cfg.placing, s->seat[i]))
			continue;
		s->seat[i] = PLACING_NONE;
		s->stuck = false;
	}
	if (!s->stuck)
		s->stuck = placing_fill_beside(r->cfg.placing, s->seat, &b,
					       s->index) > 0;
}

unsigned repair_seated(const struct repair *r, const struct repair_segment *s)
{
	unsigned seated = 0;

	for (unsigned i = 0; i < r->n; i++)
		seated += s->at[i] == ROW_WANTED && s->seat[i] != PLACING_NONE;
	return seated;
}

void repair_leave(struct repair *r, struct repair_segment *s)
{
	for (unsigned i = 0; i < r->n; i++) {
		if (s->at[i] != ROW_WANTED)
			continue;
		if (s->seat[i] != PLACING_NONE)
			placing_return(r->cfg.placing, s->seat[i]);
		s->at[i] = ROW_LEFT;
		s->seat[i] = PLACING_ELSEWHERE;
	}
	s->wanted = 0;
	/* seats were given back, perhaps what others wait for */
	for (s = r->segments; s; s = s->next)
		s->stuck = false;
}

void repair_sweep(struct repair *r)
{
	struct repair_segment **at = &r->segments;

	while (*at) {
		struct repair_segment *s = *at;

		if (s->wanted || s->made) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		repair_segment_free(s);
	}
}
