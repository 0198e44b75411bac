/* renter_put_source.c - files and pipes as the objects of a put; and one that
 * was cut off. */
#include "node/renter/renter_put_int.h"

#include "base/clock.h"
#include "node/renter/renter_unchanged.h"
#include "storage/rent/renter_placement.h"

#include <stdlib.h>
#include <string.h>

void put_shared_unref(struct put_shared *s)
{
	if (!s || --s->refs > 0)
		return;
	source_free(s->source);
	free(s);
}

void put_stream_unref(struct put_stream *s)
{
	if (!s || --s->refs > 0)
		return;
	source_object_free(s->object);
	put_shared_unref(s->shared);
	free(s);
}

/* ---- objects ---- */

static enum err_code add_part(struct put *p, uint64_t from, uint64_t len,
			      struct err *e)
{
	struct put_stream *s;
	enum err_code code;

	if (p->n_parts == PUBLISH_OBJECTS_MAX)
		return err_fail(e, ERR_LIMIT,
				"more than %u objects: put it in parts",
				PUBLISH_OBJECTS_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_fail(e, ERR_NOMEM, "an object");
	code = source_object_new(
		&s->object, p->shared->source, from, len, p->cfg.k, p->cfg.n,
		p->row.started_s ? p->row.started_s : clock_unix_s(), e);
	if (code != ERR_NONE) {
		free(s);
		return code;
	}
	s->shared = p->shared;
	s->shared->refs++;
	s->refs = 1;
	p->parts[p->n_parts++] = (struct put_part){.stream = s, .from = from};
	return ERR_NONE;
}

static enum err_code cut(struct put *p, struct err *e)
{
	struct source *s = p->shared->source;
	uint64_t from = 0, len;
	enum err_code code;

	do {
		len = source_cut(s, from, p->cfg.k, p->cfg.n);
		code = add_part(p, from, len, e);
		from += len;
	} while (code == ERR_NONE && p->cfg.path && from < source_size(s));
	return code;
}

enum err_code put_new_object(struct put *p, struct put_part *part,
			     struct err *e)
{
	uint8_t full[OBJECT_KEY_LEN];
	struct rng rng = rng_system();
	enum err_code code;

	part->object = (struct renter_object){.state = RENTER_PUTTING,
					      .k = (uint16_t)p->cfg.k,
					      .n = (uint16_t)p->cfg.n,
					      .put = p->row.id,
					      .put_s = p->row.started_s,
					      .unopened = p->cfg.unopened};
	rng_fill(&rng, full, sizeof(full));
	code = renter_wrap_key(&part->object, NULL, p->renter->master, full,
			       &rng, e);
	memset(full, 0, sizeof(full));
	if (code == ERR_NONE)
		code = renter_db_add_object(p->renter->db, &part->object, e);
	part->known = code == ERR_NONE;
	return code;
}

/* ---- a put that was cut off ---- */

struct row_search {
	struct put *put;
	bool other;
};

static bool find_row(void *ctx, const struct renter_put *row)
{
	struct row_search *s = ctx;
	struct put *p = s->put;

	if (strcmp(row->source, p->path) != 0)
		return true;
	s->other = strcmp(row->name, p->name) != 0 || row->k != p->cfg.k ||
		   row->n != p->cfg.n;
	p->row.id = row->id;
	p->row.started_s = row->started_s;
	return false;
}

/* Its bytes are gone: it is begun anew, and what is stored under its name stays
 * until that is done. */
static enum err_code give_up_pipe(struct put *p, struct err *e)
{
	enum err_code code = renter_db_drop_put(p->renter->db, p->row.id, e);

	p->row.id = 0;
	p->row.started_s = clock_unix_s();
	renting_want_commit(p->renter->renting);
	return code;
}

/* A put of this source that was cut off: its date is part of what was stored.
 */
static enum err_code find_put(struct put *p, struct err *e)
{
	struct row_search s = {.put = p};
	enum err_code code;

	p->row = (struct renter_put){.source = p->path,
				     .name = p->name,
				     .started_s = clock_unix_s(),
				     .k = (uint16_t)p->cfg.k,
				     .n = (uint16_t)p->cfg.n};
	code = renter_db_puts(p->renter->db, find_row, &s, e);
	if (code == ERR_NONE && p->row.id && !p->cfg.path)
		return give_up_pipe(p, e);
	if (code == ERR_NONE && s.other)
		code = err_fail(e, ERR_STATE,
				"this was begun with another name or coding: "
				"give the same --as, --k and --n as then, or "
				"`seedbank store rm` what is there of it");
	return code;
}

/* One that was begun is finished, whatever it was. */
static enum err_code look_for_same(struct put *p, struct err *e)
{
	const struct source *s = p->shared->source;
	const struct unchanged_cfg cfg = {.name = p->name,
					  .k = p->cfg.k,
					  .n = p->cfg.n,
					  .unopened = p->cfg.unopened};

	if (!p->cfg.path || p->cfg.quote_only || p->row.id)
		return ERR_NONE;
	p->result.bytes = source_size(s);
	p->result.files = source_count(s);
	p->result.skipped = source_skipped(s);
	return renter_unchanged(&p->result.unchanged, p->renter, s, &cfg, e);
}

/* ---- the scan ---- */

static struct put *put_of(struct work_job *job)
{
	return (struct put *)((char *)job - offsetof(struct put, job));
}

static void work(struct put *p, void (*run)(struct work_job *),
		 void (*done)(struct work_job *))
{
	p->working = true;
	p->job = (struct work_job){.run = run, .done = done};
	work_submit(p->renter->engine->work, NULL, &p->job);
}

static void take_source(struct put *p, struct source *s)
{
	struct err e = {0};

	p->shared = calloc(1, sizeof(*p->shared));
	if (!p->shared) {
		source_free(s);
		(void)err_fail(&e, ERR_NOMEM, "a source");
		put_end(p, &e);
		return;
	}
	*p->shared = (struct put_shared){.source = s, .refs = 1};
	if (find_put(p, &e) != ERR_NONE || look_for_same(p, &e) != ERR_NONE ||
	    (!p->result.unchanged && cut(p, &e) != ERR_NONE))
		put_end(p, &e);
	else if (p->result.unchanged)
		put_end(p, NULL);
	else
		put_scout(p);
}

static void scan_run(struct work_job *job)
{
	struct put *p = put_of(job);

	(void)!source_scan(&p->scanned, p->path, p->name, &p->job_why);
}

static void scan_done(struct work_job *job)
{
	struct put *p = put_of(job);
	struct err e = p->job_why;

	p->working = false;
	p->job_why = (struct err){0};
	if (p->doomed) {
		source_free(p->scanned);
		put_dispose(p);
	} else if (e.code != ERR_NONE) {
		put_end(p, &e);
	} else {
		take_source(p, p->scanned);
	}
}

void put_begin(struct put *p)
{
	struct source *s = NULL;
	struct err e = {0};

	if (p->cfg.path) {
		p->ops->step(p->ctx, "looking at the files");
		work(p, scan_run, scan_done);
	} else if (p->cfg.pipe >= 0) {
		if (source_pipe(&s, p->cfg.pipe, p->name,
				clock_unix_s() * 1000000000, &e) != ERR_NONE)
			put_end(p, &e);
		else
			take_source(p, s);
	} else {
		put_scout(p);
	}
}

/* ---- a pipe ---- */

/* It waits for whoever writes to the pipe. */
static void more_run(struct work_job *job)
{
	struct put *p = put_of(job);

	(void)!source_more(p->shared->source, p->more_from, &p->more,
			   &p->job_why);
}

static void more_done(struct work_job *job)
{
	struct put *p = put_of(job);
	struct err e = p->job_why;
	uint64_t from = p->more_from;

	p->working = false;
	if (p->doomed) {
		put_dispose(p);
		return;
	}
	if (p->ended)
		return;
	p->job_why = (struct err){0};
	if (e.code == ERR_NONE && p->more &&
	    add_part(p, from,
		     source_cut(p->shared->source, from, p->cfg.k, p->cfg.n),
		     &e) == ERR_NONE)
		(void)!put_new_object(p, &p->parts[p->n_parts - 1], &e);
	if (e.code != ERR_NONE)
		put_end(p, &e);
	else
		put_part_done(p);
}

/* Of a pipe it is known only now whether there is more. */
void put_look_for_more(struct put *p)
{
	const struct put_part *last = &p->parts[p->n_parts - 1];

	p->more_from = last->from + source_object_size(last->stream->object);
	p->more = false;
	work(p, more_run, more_done);
}
