#include "node/renter/renter_put.h"

#include "base/clock.h"
#include "node/money/money.h"
#include "node/rent/object_put.h"
#include "node/rent/rent_pay.h"
#include "node/renter/renter_publish.h"
#include "node/renter/renter_unchanged.h"
#include "storage/object/segment.h"
#include "storage/object/source.h"
#include "storage/rent/renter_placement.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The source, for as long as anyone reads it. */
struct shared {
	struct source *source;
	unsigned refs;
};

/* What one upload reads. */
struct stream {
	struct shared *shared;
	struct source_object *object;
	unsigned refs;
};

struct part { /* one object of the put */
	struct stream *stream;
	struct renter_object object;
	uint64_t from;
	bool known; /* it is in the database */
};

struct put {
	struct renter *renter;
	struct put_cfg cfg;
	char *path, *name;
	struct net_addr named[SCOUT_NAMED_MAX];
	const struct put_ops *ops;
	void *ctx;
	struct loop_timer *timer; /* ends are told from there */
	struct work_job job;
	bool working, doomed; /* doomed: freed when `job` is back */
	uint64_t more_from;
	bool more; /* the pipe has bytes there */
	struct source *scanned;
	struct shared *shared;
	struct scout *scout;
	struct placing *placing;
	struct quote_cfg quoting;
	struct renter_put row;
	struct part *parts; /* heap, PUBLISH_OBJECTS_MAX */
	size_t n_parts, at;
	struct object_put *upload;
	struct publish *publish;
	uint64_t sectors_before; /* of parts that are done */
	bool committing, ended, told;
	bool mixed;    /* it was begun as of the other kind */
	bool paying;   /* `receipts` listens */
	bool budgeted; /* receipts are of this put's budget */
	struct rent_pay_listener receipts;
	struct put_result result;
	struct err why, job_why; /* job_why: the worker's */
};

static void put_next_part(struct put *p);
static void end(struct put *p, const struct err *why);

/* ---- what is shared with workers ---- */

static void shared_unref(struct shared *s)
{
	if (!s || --s->refs > 0)
		return;
	source_free(s->source);
	free(s);
}

static void stream_unref(struct stream *s)
{
	if (!s || --s->refs > 0)
		return;
	source_object_free(s->object);
	shared_unref(s->shared);
	free(s);
}

/* ---- the budget of its receipts ---- */

/* Known by its row in the database: what was spent before a restart counts. */
static void budget_key(const struct put *p, uint8_t key[20])
{
	struct wr w = wr_into(key, 20);

	wr_copy(&w, (const uint8_t *)"put", 4);
	wr_u64(&w, (uint64_t)p->row.id);
	wr_u64(&w, (uint64_t)p->row.started_s);
}

/* Else hosts would be taken for slow ones, one after another, that only wait to
 * be paid. */
static void on_stuck(void *ctx, const struct address *host,
		     enum rent_stuck kind, const char *why)
{
	struct put *p = ctx;
	struct err e = {0};

	(void)host;
	if (kind == RENT_STUCK_HOST)
		return; /* the upload goes elsewhere */
	(void)err_fail(&e, ERR_FUNDS,
		       "hosts cannot be paid for bringing the sectors: %s; "
		       "what is there is gone on from%s",
		       why,
		       kind == RENT_STUCK_BUDGET ? " with a larger --budget"
						 : "");
	end(p, &e);
}

/* The rent is locked on the chain, or paid later; what is left of the budget
 * may be promised to hosts for bringing the sectors, and for a first period. */
static enum err_code begin_budget(struct put *p, struct err *e)
{
	struct rent_pay *pay = rent_pay_of(p->renter->engine, e);
	uint8_t key[20];

	if (!pay)
		return e->code;
	p->receipts = (struct rent_pay_listener){.ctx = p, .stuck = on_stuck};
	p->paying = true;
	rent_pay_listen(pay, &p->receipts);
	if (!p->cfg.has_budget)
		return ERR_NONE;
	budget_key(p, key);
	p->budgeted = true;
	return rent_pay_budget(
		pay, key,
		amount_sub_floor(p->cfg.budget,
				 amount_sub_floor(p->result.quote.rent,
						  p->result.quote.period)),
		e);
}

static void end_budget(struct put *p, bool complete)
{
	struct rent_pay *pay;
	uint8_t key[20];

	if (!p->paying)
		return;
	p->paying = false;
	pay = rent_pay_of(p->renter->engine, NULL);
	if (!pay)
		return;
	rent_pay_unlisten(pay, &p->receipts);
	if (!p->budgeted)
		return;
	p->budgeted = false;
	budget_key(p, key);
	rent_pay_end_budget(pay);
	if (complete)
		rent_pay_forget_budget(pay, key);
}

/* ---- ending ---- */

static void end(struct put *p, const struct err *why)
{
	if (p->ended)
		return;
	p->ended = true;
	if (why)
		p->why = *why;
	end_budget(p, !why);
	loop_timer_set(p->timer, 0);
}

static void on_timer(void *ctx)
{
	struct put *p = ctx;
	struct put_result result;
	struct err why;

	if (!p->ended || p->told)
		return;
	/* it may be freed while these are read */
	result = p->result;
	why = p->why;
	p->told = true;
	p->ops->ended(p->ctx, &result, why.code == ERR_NONE ? NULL : &why);
}

/* ---- publish ---- */

static void on_step(void *ctx, const char *text)
{
	struct put *p = ctx;

	p->ops->step(p->ctx, text);
}

static void on_again(void *ctx)
{
	struct put *p = ctx;

	p->at = 0;
	put_next_part(p);
}

static void on_published(void *ctx, const struct publish_result *r,
			 const struct err *error)
{
	struct put *p = ctx;
	struct err e = {0};

	/* both are the publishing's own, which goes now */
	p->result.agreements = r->agreements;
	p->result.told = r->told;
	if (error)
		e = *error;
	publish_free(p->publish);
	p->publish = NULL;
	if (e.code == ERR_NONE &&
	    renter_db_remove_put(p->renter->db, p->row.id, &e) == ERR_NONE) {
		renting_want_commit(p->renter->renting);
		end(p, NULL);
	} else {
		end(p, &e);
	}
}

static const struct publish_ops publish_ops = {
	.step = on_step,
	.again = on_again,
	.ended = on_published,
};

static void publish(struct put *p)
{
	struct publish_cfg cfg = {.placing = p->placing,
				  .k = p->cfg.k,
				  .n = p->cfg.n,
				  .periods = p->cfg.periods,
				  .least = p->cfg.least,
				  .objects_n = p->n_parts};
	struct err e = {0};

	for (size_t i = 0; i < p->n_parts; i++)
		cfg.objects[i] = p->parts[i].object.id;
	if (publish_start(&p->publish, p->renter, &cfg, &publish_ops, p, &e) !=
	    ERR_NONE)
		end(p, &e);
}

/* ---- files ---- */

static const struct part *part_of(const struct put *p, uint64_t offset)
{
	size_t i = p->n_parts - 1;

	while (i > 0 && p->parts[i].from > offset)
		i--;
	return &p->parts[i];
}

static bool note_path(void *ctx, const struct renter_file *f)
{
	bool *there = ctx;

	(void)f;
	*there = true;
	return false;
}

static enum err_code add_file(struct put *p, uint32_t i, struct err *e)
{
	const struct catalogue_entry *at = source_entry(p->shared->source, i);
	struct renter_file f = {.path = at->path,
				.target = at->target,
				.kind = (enum renter_file_kind)at->kind,
				.mode = at->mode,
				.mtime_ns = at->mtime_ns,
				.size = at->size};
	bool there = false;
	enum err_code code = ERR_NONE;

	if (source_is_parent(p->shared->source, i))
		code = renter_db_files(p->renter->db, at->path, note_path,
				       &there, e);
	if (code != ERR_NONE || there)
		return code;
	if (at->kind == CATALOGUE_FILE && at->size > 0) {
		const struct part *part = part_of(p, at->offset);

		f.object = part->object.id;
		f.offset = at->offset - part->from;
	}
	return renter_db_set_file(p->renter->db, &f, e);
}

static void add_files(struct put *p)
{
	uint32_t n = source_count(p->shared->source);
	struct err e = {0};
	enum err_code code = ERR_NONE;

	p->result.bytes = source_size(p->shared->source);
	p->result.files = n;
	p->result.skipped = source_skipped(p->shared->source);
	for (uint32_t i = 0; code == ERR_NONE && i < n; i++)
		code = add_file(p, i, &e);
	for (size_t i = 0; code == ERR_NONE && i < p->n_parts; i++)
		code = renter_db_set_object(p->renter->db, &p->parts[i].object,
					    &e);
	if (code != ERR_NONE) {
		end(p, &e);
		return;
	}
	p->committing = true;
	renting_want_commit(p->renter->renting);
}

/* ---- uploads ---- */

static enum err_code read_stream(void *stream, uint64_t off, uint8_t *buf,
				 size_t len, size_t *got, struct err *e)
{
	struct stream *s = stream;

	return source_object_read(s->object, off, buf, len, got, e);
}

static size_t read_tail(void *stream, uint8_t *buf)
{
	const struct stream *s = stream;

	return source_object_tail(s->object, buf);
}

static void on_freed(void *stream)
{
	stream_unref(stream);
}

static void on_progress(void *ctx, const struct upload_progress *u)
{
	struct put *p = ctx;
	uint64_t from = p->parts[p->at].from;

	p->ops->progress(p->ctx, from + u->read, source_size(p->shared->source),
			 p->sectors_before + u->sectors,
			 (uint64_t)(p->quoting.segments + p->quoting.unopened) *
				 p->cfg.n);
}

/* Fewer shards than the user wants are not stored in silence. */
static void on_starved(void *ctx, const struct err *why)
{
	end(ctx, why);
}

static enum err_code add_part(struct put *p, uint64_t from, uint64_t len,
			      struct err *e);
static enum err_code new_object(struct put *p, struct part *part,
				struct err *e);

static void put_dispose(struct put *p);

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

static void next_part(struct put *p)
{
	p->at++;
	put_next_part(p);
}

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
		(void)!new_object(p, &p->parts[p->n_parts - 1], &e);
	if (e.code != ERR_NONE)
		end(p, &e);
	else
		next_part(p);
}

/* Of a pipe it is known only now whether there is more. */
static void look_for_more(struct put *p)
{
	const struct part *last = &p->parts[p->n_parts - 1];

	p->more_from = last->from + source_object_size(last->stream->object);
	p->more = false;
	work(p, more_run, more_done);
}

/* The upload knows the stream alone; its table is no file's bytes, and where
 * those end a file goes on in the next object. */
static enum err_code keep_size(struct put *p, struct part *part, struct err *e)
{
	part->object.size = source_object_size(part->stream->object);
	renting_want_commit(p->renter->renting);
	return renter_db_set_object(p->renter->db, &part->object, e);
}

static void on_uploaded(void *ctx, const struct renter_object *o,
			const struct err *error)
{
	struct put *p = ctx;
	struct err e = {0};

	object_put_free(p->upload);
	p->upload = NULL;
	if (error) {
		end(p, error);
		return;
	}
	p->parts[p->at].object = *o;
	/* what the catalogue counts are the files' bytes, not the table's */
	p->parts[p->at].object.size =
		source_object_size(p->parts[p->at].stream->object);
	p->sectors_before += (uint64_t)o->segments * o->n;
	if (keep_size(p, &p->parts[p->at], &e) != ERR_NONE)
		end(p, &e);
	else if (p->at + 1 == p->n_parts && !p->cfg.path)
		look_for_more(p);
	else
		next_part(p);
}

static const struct object_put_ops upload_ops = {
	.read = read_stream,
	.tail = read_tail,
	.freed = on_freed,
	.progress = on_progress,
	.starved = on_starved,
	.ended = on_uploaded,
};

static void put_next_part(struct put *p)
{
	struct object_put_cfg cfg = {
		.placing = p->placing, .ops = &upload_ops, .ctx = p};
	struct part *part = &p->parts[p->at];
	struct err e = {0};

	if (p->at == 0)
		p->sectors_before = 0;
	if (p->at == p->n_parts) {
		p->result.stored = p->sectors_before * SECTOR_LEN;
		if (p->publish)
			publish_again(p->publish);
		else
			add_files(p);
		return;
	}
	cfg.object = part->object;
	cfg.stream = part->stream;
	if (renter_unwrap_key(&cfg.keys, &part->object, p->renter->master,
			      &e) == ERR_NONE &&
	    object_put_start(&p->upload, p->renter, &cfg, &e) == ERR_NONE)
		part->stream->refs++;
	object_keys_clear(&cfg.keys);
	if (e.code != ERR_NONE)
		end(p, &e);
}

static void on_commit(void *ctx, bool ok)
{
	struct put *p = ctx;
	struct err e = {0};

	if (!p->committing || p->ended)
		return;
	p->committing = false;
	if (!ok) {
		(void)err_fail(&e, ERR_DB, "renter.db could not be written");
		end(p, &e);
	} else if (p->at == 0) {
		put_next_part(p);
	} else {
		publish(p);
	}
}

/* ---- objects of the database ---- */

static bool find_part(void *ctx, const struct renter_object *o)
{
	struct put *p = ctx;

	if (o->put == p->row.id && !o->catalogue && p->at < p->n_parts) {
		p->mixed |= o->unopened != p->cfg.unopened;
		p->parts[p->at].object = *o;
		p->parts[p->at++].known = true;
	}
	return true;
}

static enum err_code new_object(struct put *p, struct part *part, struct err *e)
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

/* Objects of a put that was cut off are its first ones. */
static void begin_upload(struct put *p)
{
	struct err e = {0};
	enum err_code code;

	p->at = 0;
	code = begin_budget(p, &e);
	if (code == ERR_NONE)
		code = renter_db_objects(p->renter->db, find_part, p, &e);
	if (code == ERR_NONE && p->mixed)
		code = err_fail(&e, ERR_STATE,
				"this was begun %s --unopened: go on like "
				"that, or `seedbank store rm` what is there of "
				"it",
				p->cfg.unopened ? "without" : "with");
	for (size_t i = 0; code == ERR_NONE && i < p->n_parts; i++)
		if (!p->parts[i].known)
			code = new_object(p, &p->parts[i], &e);
	p->at = 0;
	if (code != ERR_NONE) {
		end(p, &e);
		return;
	}
	p->ops->step(p->ctx, "storing");
	p->committing = true;
	renting_want_commit(p->renter->renting);
}

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
	if (code == ERR_NONE && s.other)
		code = err_fail(e, ERR_STATE,
				"this was begun with another name or coding: "
				"give the same --as, --k and --n as then, or "
				"`seedbank store rm` what is there of it");
	if (code == ERR_NONE && p->row.id && !p->cfg.path)
		code = err_fail(e, ERR_STATE,
				"a pipe cannot be gone on with: `seedbank "
				"store rm` what is there of it");
	return code;
}

/* ---- the quote ---- */

static enum err_code check_money(struct put *p, const struct quote *q,
				 struct err *e)
{
	const struct money *m = p->renter->engine->money;
	struct amount have = AMOUNT_ZERO, all = q->rent;
	/* what is promised to hosts comes out of the same balance */
	struct amount need =
		amount_add_cap(amount_add_cap(q->fund, q->ingress), q->period);
	char a[MONEY_TEXT_MAX], b[MONEY_TEXT_MAX];

	if (p->cfg.has_budget && (!amount_add(&all, all, q->ingress) ||
				  amount_cmp(all, p->cfg.budget) > 0))
		return err_fail(
			e, ERR_FUNDS, "it costs %s, more than the budget of %s",
			money_text(m, all, a), money_text(m, p->cfg.budget, b));
	if (!renting_free_balance(p->renter->renting, &have) ||
	    amount_cmp(have, need) < 0)
		return err_fail(
			e, ERR_FUNDS,
			"%s are to be locked or promised and %s are free in "
			"the bank: `seedbank deposit %s --account storage`",
			money_text(m, need, a), money_text(m, have, b),
			money_text(m, amount_sub_floor(need, have),
				   (char[MONEY_TEXT_MAX]){0}));
	return ERR_NONE;
}

/* Of the files, and of the catalogue that is to follow. */
static void count_segments(const struct put *p, uint32_t *files,
			   uint32_t *catalogue)
{
	uint64_t names = 0, entries = 0;
	uint32_t n = 0;

	if (p->shared) {
		entries = source_count(p->shared->source);
		for (uint32_t i = 0; i < entries; i++)
			names += strlen(
				source_entry(p->shared->source, i)->path);
	}
	for (size_t i = 0; i < p->n_parts; i++)
		n += source_object_segments(p->parts[i].stream->object);
	if (!p->shared)
		n = (uint32_t)(p->cfg.size / segment_plain_len(p->cfg.k) + 1);
	*files = n;
	*catalogue =
		publish_catalogue_segments(p->renter, p->cfg.k, entries, names);
}

static void on_fresh(void *ctx, const struct err *error)
{
	struct put *p = ctx;
	struct err e = {0};
	struct quote *q = &p->result.quote;
	uint32_t files, catalogue;

	if (error) {
		end(p, error);
		return;
	}
	count_segments(p, &files, &catalogue);
	p->quoting = (struct quote_cfg){.k = p->cfg.k,
					.n = p->cfg.n,
					.per_host = p->cfg.per_host,
					.per_net = p->cfg.per_net,
					.rent_max = p->cfg.rent_max,
					.periods = p->cfg.periods,
					.least = p->cfg.least,
					.goes_on = p->row.id != 0,
					.segments = catalogue};
	if (p->cfg.unopened)
		p->quoting.unopened = files;
	else
		p->quoting.segments += files;
	rng_fill(&p->renter->engine->rng, &p->quoting.seed,
		 sizeof(p->quoting.seed));
	if (quote_placing(&p->placing, p->renter, &p->quoting, &e) !=
		    ERR_NONE ||
	    quote_make(q, p->renter, &p->quoting, p->placing, &e) != ERR_NONE) {
		end(p, &e);
		return;
	}
	p->ops->quoted(p->ctx, q,
		       p->shared ? source_size(p->shared->source)
				 : p->cfg.size);
	if (p->cfg.quote_only)
		end(p, NULL);
	else if (check_money(p, q, &e) != ERR_NONE ||
		 (!p->row.id &&
		  renter_db_add_put(p->renter->db, &p->row, &e) != ERR_NONE))
		end(p, &e);
	else
		begin_upload(p);
}

/* Which agreements take it depends on what was proved and paid meanwhile. */
static void on_scouted(void *ctx)
{
	struct put *p = ctx;

	scout_free(p->scout);
	p->scout = NULL;
	settle_refresh(p->renter->engine->money->storage.settle, on_fresh, p);
}

static void scout(struct put *p)
{
	struct err e = {0};

	p->ops->step(p->ctx, "asking hosts for their prices");
	if (scout_start(&p->scout, p->renter, &p->cfg.scout, on_scouted, p,
			&e) != ERR_NONE)
		end(p, &e);
}

/* ---- the scan ---- */

static enum err_code add_part(struct put *p, uint64_t from, uint64_t len,
			      struct err *e)
{
	struct stream *s;
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
	p->parts[p->n_parts++] = (struct part){.stream = s, .from = from};
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

static void take_source(struct put *p, struct source *s)
{
	struct err e = {0};

	p->shared = calloc(1, sizeof(*p->shared));
	if (!p->shared) {
		source_free(s);
		(void)err_fail(&e, ERR_NOMEM, "a source");
		end(p, &e);
		return;
	}
	*p->shared = (struct shared){.source = s, .refs = 1};
	if (find_put(p, &e) != ERR_NONE || look_for_same(p, &e) != ERR_NONE ||
	    (!p->result.unchanged && cut(p, &e) != ERR_NONE))
		end(p, &e);
	else if (p->result.unchanged)
		end(p, NULL);
	else
		scout(p);
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
		end(p, &e);
	} else {
		take_source(p, p->scanned);
	}
}

/* ---- life ---- */

static void begin(struct put *p)
{
	struct source *s = NULL;
	struct err e = {0};

	if (p->cfg.path) {
		p->ops->step(p->ctx, "looking at the files");
		work(p, scan_run, scan_done);
	} else if (p->cfg.pipe >= 0) {
		if (source_pipe(&s, p->cfg.pipe, p->name,
				clock_unix_s() * 1000000000, &e) != ERR_NONE)
			end(p, &e);
		else
			take_source(p, s);
	} else {
		scout(p);
	}
}

enum err_code put_start(struct put **out, struct renter *r,
			const struct put_cfg *cfg, const struct put_ops *ops,
			void *ctx, struct err *e)
{
	struct put *p = calloc(1, sizeof(*p));

	if (p) {
		p->timer = loop_timer_new(r->engine->loop, on_timer, p);
		p->parts = calloc(PUBLISH_OBJECTS_MAX, sizeof(*p->parts));
		p->path = strdup(cfg->path ? cfg->path : "-");
		p->name = strdup(cfg->name ? cfg->name : "");
	}
	if (!p || !p->timer || !p->parts || !p->path || !p->name) {
		if (cfg->pipe >= 0)
			(void)close(cfg->pipe);
		if (p)
			put_dispose(p);
		return err_fail(e, ERR_NOMEM, "storing");
	}
	p->renter = r;
	p->cfg = *cfg;
	p->cfg.path = cfg->path ? p->path : NULL;
	p->cfg.name = p->name;
	if (cfg->scout.named_n <= SCOUT_NAMED_MAX && cfg->scout.named_n > 0)
		memcpy(p->named, cfg->scout.named,
		       cfg->scout.named_n * sizeof(*p->named));
	p->cfg.scout.named = p->named;
	p->ops = ops;
	p->ctx = ctx;
	renting_on_commit(r->renting, on_commit, p);
	*out = p;
	begin(p);
	return ERR_NONE;
}

static void put_dispose(struct put *p)
{
	for (size_t i = 0; i < p->n_parts; i++)
		stream_unref(p->parts[i].stream);
	shared_unref(p->shared);
	placing_free(p->placing);
	loop_timer_free(p->timer);
	free(p->parts);
	free(p->path);
	free(p->name);
	free(p);
}

void put_free(struct put *p)
{
	if (!p)
		return;
	renting_forget(p->renter->renting, p);
	if (p->renter->engine->money->storage.settle)
		settle_forget(p->renter->engine->money->storage.settle, p);
	end_budget(p, false);
	if (p->shared)
		source_stop(p->shared->source);
	scout_free(p->scout);
	object_put_free(p->upload);
	publish_free(p->publish);
	p->scout = NULL;
	p->upload = NULL;
	p->publish = NULL;
	if (p->working)
		p->doomed = true;
	else
		put_dispose(p);
}
