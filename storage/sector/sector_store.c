#include "storage/sector/sector_store.h"

#include "storage/sector/sectors_int.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PUT_MIB 32U
#define DEFAULT_CACHE_MIB 16U
#define DEFAULT_STAGED 4096U
#define SLOTS_IN_A_ROW 64U /* before another volume may have its turn */

/* --- calls --- */

void active_add(struct sectors *s)
{
	s->active++;
}

void active_end(struct sectors *s)
{
	s->active--;
	if (s->active == 0 && s->closing)
		loop_stop(s->cfg.loop);
}

void call_init(struct call *c, struct sectors *s, sectors_fn *done, void *ctx)
{
	c->s = s;
	c->done = done;
	c->ctx = ctx;
	c->prev = NULL;
	c->next = s->calls;
	if (s->calls)
		s->calls->prev = c;
	s->calls = c;
	active_add(s);
}

void call_answer(struct call *c, const struct sectors_answer *a,
		 const struct err *e)
{
	static const struct sectors_answer nothing;
	bool failed = e && e->code != ERR_NONE;

	if (c->prev)
		c->prev->next = c->next;
	else
		c->s->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->done)
		c->done(c->ctx, a ? a : &nothing, failed ? e : NULL);
	active_end(c->s);
}

void sectors_forget(struct sectors *s, const void *ctx)
{
	for (struct call *c = s->calls; c; c = c->next)
		if (c->ctx == ctx)
			c->done = NULL;
}

enum err_code sectors_ready(const struct sectors *s, struct err *e)
{
	if (s->closing)
		return err_fail(e, ERR_STATE, "the sectors are being closed");
	return ERR_NONE;
}

static void query_run(struct work_job *job)
{
	struct query *q = (struct query *)(void *)job;

	q->run(q, q->s->reader);
}

static void query_done(struct work_job *job)
{
	struct query *q = (struct query *)(void *)job;
	struct sectors *s = q->s;

	q->done(q);
	active_end(s);
}

void query_start(struct sectors *s, struct query *q)
{
	q->s = s;
	q->err = (struct err){0};
	q->job.run = query_run;
	q->job.done = query_done;
	active_add(s);
	work_submit(s->query_work, NULL, &q->job);
}

static void task_run(struct work_job *job)
{
	struct task *t = (struct task *)(void *)job;

	t->run(t);
}

static void task_done(struct work_job *job)
{
	struct task *t = (struct task *)(void *)job;
	struct sectors *s = t->s;

	t->done(t);
	active_end(s);
}

void task_start(struct sectors *s, struct task *t)
{
	t->s = s;
	t->job.run = task_run;
	t->job.done = task_done;
	active_add(s);
	work_submit(s->cfg.work, NULL, &t->job);
}

void sectors_tell(const struct sectors *s, enum sectors_step at)
{
	if (s->cfg.step)
		s->cfg.step(s->cfg.step_ctx, at);
}

/* --- buffers --- */

uint8_t *buffer_get(struct sectors *s)
{
	uint8_t *buf = NULL;

	(void)pthread_mutex_lock(&s->lock);
	if (s->spare_n)
		buf = s->spare[--s->spare_n];
	(void)pthread_mutex_unlock(&s->lock);
	return buf ? buf : volume_buffer(SECTOR_LEN);
}

void buffer_put(struct sectors *s, uint8_t *buf)
{
	if (!buf)
		return;
	(void)pthread_mutex_lock(&s->lock);
	if (s->spare_n < SPARE_BUFFERS) {
		s->spare[s->spare_n++] = buf;
		buf = NULL;
	}
	(void)pthread_mutex_unlock(&s->lock);
	free(buf);
}

void buffers_trim(struct sectors *s)
{
	(void)pthread_mutex_lock(&s->lock);
	while (s->spare_n)
		free(s->spare[--s->spare_n]);
	(void)pthread_mutex_unlock(&s->lock);
}

/* --- volumes in memory --- */

struct vol *vol_by_id(const struct sectors *s, uint32_t id)
{
	for (unsigned i = 0; i < s->vol_n; i++)
		if (s->vols[i]->id == id)
			return s->vols[i];
	return NULL;
}

void vol_note(struct sectors *s, struct vol *v, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(v->note, sizeof(v->note), fmt, args);
	va_end(args);
	log_line(s->cfg.log, LOG_WARN, "sectors", "volume id=%u note=\"%s\"",
		 v->id, v->note);
	if (s->cfg.ops && s->cfg.ops->volume)
		s->cfg.ops->volume(s->cfg.ctx, v->id, v->note);
}

static uint32_t count_bits(const struct vol *v, uint32_t from, uint32_t to)
{
	uint32_t n = 0;

	while (from < to) {
		uint64_t word = v->bits[from / 64] >> from % 64;
		uint32_t span = 64 - from % 64;

		if (span > to - from) {
			span = to - from;
			word &= (UINT64_C(1) << span) - 1;
		}
		n += (uint32_t)__builtin_popcountll(word);
		from += span;
	}
	return n;
}

uint32_t vol_taken_from(const struct vol *v, uint32_t from)
{
	return count_bits(v, from, v->slots);
}

void vol_set_want(struct vol *v, uint32_t want)
{
	v->want = want;
	v->free = want - count_bits(v, 0, want);
	if (v->cursor >= want)
		v->cursor = 0;
}

enum err_code vol_set_slots(struct vol *v, uint32_t slots, struct err *e)
{
	size_t was = ((size_t)v->slots + 63) / 64;
	size_t words = ((size_t)slots + 63) / 64;
	uint64_t *bits = realloc(v->bits, (words ? words : 1) * sizeof(*bits));

	if (!bits)
		return err_fail(e, ERR_NOMEM, "a volume's slots");
	if (words > was)
		memset(bits + was, 0, (words - was) * sizeof(*bits));
	if (slots % 64) /* those that go, in a word that stays */
		bits[words - 1] &= (UINT64_C(1) << slots % 64) - 1;
	v->bits = bits;
	v->slots = slots;
	vol_set_want(v, v->want < slots ? v->want : slots);
	return ERR_NONE;
}

enum err_code vol_new(struct sectors *s, const struct sector_volume *row,
		      struct vol **out, struct err *e)
{
	struct vol *v;

	*out = NULL;
	if (s->vol_n == SECTOR_MAX_VOLUMES)
		return err_fail(e, ERR_LIMIT, "more than %u volumes",
				SECTOR_MAX_VOLUMES);
	v = calloc(1, sizeof(*v));
	if (v)
		v->dir = strdup(row->dir);
	if (!v || !v->dir || vol_set_slots(v, row->slots, e) != ERR_NONE) {
		if (v)
			free(v->dir);
		free(v);
		return err_fail(e, ERR_NOMEM, "a volume");
	}
	v->id = row->id;
	v->name = row->name;
	v->used = row->used;
	v->retired = row->retired;
	v->sick = row->sick;
	v->scrub = row->scrub;
	v->scrubbed_s = row->scrubbed_s;
	v->goal = row->want;
	vol_set_want(v, row->want);
	s->vols[s->vol_n++] = v;
	*out = v;
	return ERR_NONE;
}

void vol_free(struct sectors *s, struct vol *v)
{
	for (unsigned i = 0; i < s->vol_n; i++)
		if (s->vols[i] == v) {
			s->vols[i] = s->vols[--s->vol_n];
			s->current = 0;
			break;
		}
	volume_close(v->file);
	free(v->bits);
	free(v->dir);
	free(v);
}

/* --- slots --- */

static uint32_t room(const struct vol *v)
{
	return v->file && !v->sick && !v->losing ? v->free : 0;
}

/* The volume with the most room gets some slots in a row: so disks share the
 * work, and a group has few to sync. */
static struct vol *choose(struct sectors *s)
{
	struct vol *best = s->current < s->vol_n ? s->vols[s->current] : NULL;

	if (best && room(best) && best->given < SLOTS_IN_A_ROW)
		return best;
	best = NULL;
	for (unsigned i = 0; i < s->vol_n; i++)
		if (room(s->vols[i]) > (best ? room(best) : 0)) {
			best = s->vols[i];
			s->current = i;
		}
	if (best)
		best->given = 0;
	return best;
}

static uint32_t next_clear(const struct vol *v, uint32_t from)
{
	while (from < v->want) {
		uint64_t clear = ~v->bits[from / 64] >> from % 64;

		if (clear) {
			from += (uint32_t)__builtin_ctzll(clear);
			return from < v->want ? from : v->want;
		}
		from = (from / 64 + 1) * 64;
	}
	return v->want;
}

bool slot_take(struct sectors *s, struct sector_at *at, struct vol **out)
{
	struct vol *v = choose(s);
	uint32_t slot;

	*out = v;
	if (!v)
		return false;
	slot = next_clear(v, v->cursor);
	if (slot >= v->want)
		slot = next_clear(v, 0);
	v->bits[slot / 64] |= UINT64_C(1) << slot % 64;
	v->free--;
	v->given++;
	v->cursor = slot + 1 < v->want ? slot + 1 : 0;
	*at = (struct sector_at){v->id, slot};
	return true;
}

void slot_give(struct sectors *s, const struct sector_at *at)
{
	struct vol *v = vol_by_id(s, at->volume);

	for (struct pin *p = s->pins; p; p = p->next)
		if (p->at.volume == at->volume && p->at.slot == at->slot) {
			p->freed = true;
			return;
		}
	if (!v || at->slot >= v->slots)
		return;
	v->bits[at->slot / 64] &= ~(UINT64_C(1) << at->slot % 64);
	if (at->slot < v->want)
		v->free++;
	space_retry(s);
}

bool slot_taken(const struct sectors *s, const struct sector_at *at)
{
	const struct vol *v = vol_by_id(s, at->volume);

	return v && at->slot < v->slots &&
	       v->bits[at->slot / 64] >> at->slot % 64 & 1;
}

void pin_add(struct sectors *s, struct pin *p, const struct sector_at *at)
{
	p->at = *at;
	p->freed = false;
	p->next = s->pins;
	s->pins = p;
}

void pin_drop(struct sectors *s, struct pin *p)
{
	struct pin **at = &s->pins;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->freed) /* another pin of the slot takes it over */
		slot_give(s, &p->at);
}

uint64_t sectors_free(const struct sectors *s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < s->vol_n; i++)
		n += room(s->vols[i]);
	return n;
}

bool sectors_volume(const struct sectors *s, uint32_t i,
		    struct sectors_volume_state *out)
{
	const struct vol *v;

	if (i >= s->vol_n)
		return false;
	v = s->vols[i];
	*out = (struct sectors_volume_state){
		.id = v->id,
		.dir = v->dir,
		.slots = v->slots,
		.used = v->used,
		.retired = v->retired,
		.goal = v->goal,
		.open = v->file != NULL,
		.sick = v->sick,
		.errors = v->errors,
		.scrub = v->scrub,
		.scrubbed_s = v->scrubbed_s,
		.note = v->note,
	};
	return true;
}

/* --- opening --- */

struct opening {
	struct sectors *s;
	struct vol *v;
	struct err *e;
	enum err_code code;
};

static void take_chunk(void *ctx, uint32_t chunk, const uint8_t *bits)
{
	struct opening *o = ctx;
	uint32_t from = chunk * SECTOR_CHUNK_SLOTS;

	for (uint32_t i = 0; i < SECTOR_CHUNK_SLOTS; i++)
		if (bits[i / 8] >> i % 8 & 1 && from + i < o->v->slots)
			o->v->bits[(from + i) / 64] |= UINT64_C(1)
						       << (from + i) % 64;
}

static void take_volume(void *ctx, const struct sector_volume *row)
{
	struct opening *o = ctx;
	struct sector_volume named = *row;

	(void)!sector_db_name(o->s->reader, named.name.store, o->e);
	if (o->code == ERR_NONE)
		o->code = vol_new(o->s, &named, &o->v, o->e);
}

static enum err_code load_volumes(struct sectors *s, struct err *e)
{
	struct opening o = {.s = s, .e = e, .code = ERR_NONE};
	enum err_code code = sector_db_volumes(s->writer, take_volume, &o, e);

	if (code == ERR_NONE)
		code = o.code;
	for (unsigned i = 0; i < s->vol_n && code == ERR_NONE; i++) {
		o.v = s->vols[i];
		code = sector_db_taken(s->writer, o.v->id, take_chunk, &o, e);
		vol_set_want(o.v, o.v->want);
	}
	return code;
}

static enum err_code open_all(struct sectors *s, struct err *e)
{
	enum err_code code = sector_db_open(&s->writer, s->cfg.index, true, e);

	if (code == ERR_NONE)
		code = sector_db_open(&s->reader, s->cfg.index, false, e);
	if (code == ERR_NONE)
		code = load_volumes(s, e);
	if (code == ERR_NONE)
		code = commit_init(s, e);
	if (code == ERR_NONE)
		code = cache_init(s, e);
	if (code == ERR_NONE)
		code = care_init(s, e);
	if (code == ERR_NONE)
		code = space_begin(s, e);
	if (code != ERR_NONE)
		return code;
	s->commit_work = work_new(s->cfg.loop, 1, e);
	if (s->commit_work)
		s->query_work = work_new(s->cfg.loop, 1, e);
	return s->query_work ? ERR_NONE
			     : err_fail(e, ERR_IO, "cannot start a thread");
}

static void free_all(struct sectors *s)
{
	work_free(s->query_work);
	work_free(s->commit_work);
	care_free(s);
	loop_timer_free(s->retry);
	cache_clear(s);
	commit_clear(s);
	while (s->vol_n)
		vol_free(s, s->vols[s->vol_n - 1]);
	sector_db_close(s->reader);
	sector_db_close(s->writer);
	buffers_trim(s);
	(void)pthread_mutex_destroy(&s->lock);
	free((void *)(uintptr_t)s->cfg.index);
	free(s);
}

enum err_code sectors_open(struct sectors **out, const struct sectors_cfg *cfg,
			   struct err *e)
{
	struct sectors *s = calloc(1, sizeof(*s));
	enum err_code code;

	*out = NULL;
	if (!s)
		return err_fail(e, ERR_NOMEM, "the sectors");
	(void)pthread_mutex_init(&s->lock, NULL);
	s->cfg = *cfg;
	s->cfg.index = strdup(cfg->index);
	s->now_s = cfg->now_s;
	if (!s->cfg.max_put_mib)
		s->cfg.max_put_mib = DEFAULT_PUT_MIB;
	if (!s->cfg.max_cache_mib)
		s->cfg.max_cache_mib = DEFAULT_CACHE_MIB;
	if (!s->cfg.max_staged)
		s->cfg.max_staged = DEFAULT_STAGED;
	code = s->cfg.index ? open_all(s, e)
			    : err_fail(e, ERR_NOMEM, "the sectors");
	if (code != ERR_NONE) {
		free_all(s);
		return code;
	}
	care_wanted(s);
	*out = s;
	return ERR_NONE;
}

void sectors_close(struct sectors *s)
{
	if (!s)
		return;
	s->closing = true;
	care_closing(s);
	space_closing(s);
	while (s->active > 0)
		loop_run(s->cfg.loop);
	free_all(s);
}
