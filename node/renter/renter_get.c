#include "node/renter/renter_get.h"

#include "node/rent/object_get.h"
#include "node/renter/renter_link.h"
#include "storage/object/sink.h"
#include "storage/rent/renter_catalogue.h"
#include "storage/rent/renter_placement.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OBJECTS_MAX 65536U
#define TAIL_LEN FRAME_PLAIN /* of a linked object: its footer is in it */

/* What workers use: it outlives a get that was cut off. */
struct flow {
	struct sink *sink;
	unsigned refs;
};

struct held { /* the placement of an object */
	struct placement *placement;
	uint32_t object;
	unsigned refs;
};

struct fetching { /* what one fetch writes to */
	struct flow *flow;
	struct held *held;
	uint8_t *bytes; /* heap: a linked object's table, or its tail */
	uint64_t off;
};

struct from { /* an object */
	struct renter_object o;
	bool looked; /* its hosts were asked for records */
};

enum get_phase {
	GET_FOOTER, /* of a link: where is the table? */
	GET_TABLE,
	GET_BEGIN,
	GET_RANGES,
	GET_FINISH,
};

struct get {
	struct renter *renter;
	const struct get_ops *ops;
	void *ctx;
	char *name;
	int pipe;
	char *dir;
	uint64_t pipe_from, pipe_len;
	bool (*wanted)(void *ctx, const struct renter_file *f);
	void *wanted_ctx;
	struct flow *flow;
	struct held *held;    /* of the newest object; NULL: none yet */
	uint8_t *bytes;	      /* what the fetch of a table has brought */
	struct from *objects; /* heap, ids rising */
	size_t n_objects, cap;
	struct linked *linked;
	struct link_look *look;
	struct object_get *fetch;
	struct loop_timer *timer; /* ends are told from there */
	struct work_job job;
	struct catalogue_footer footer;
	enum get_phase phase;
	uint32_t range, ranges;
	uint64_t done; /* bytes of ranges before */
	bool working, doomed, ended, told;
	struct get_result result;
	struct err why, job_why;
};

static void next_range(struct get *g);

static void flow_unref(struct flow *f)
{
	if (!f || --f->refs > 0)
		return;
	sink_free(f->sink);
	free(f);
}

static void held_unref(struct held *h)
{
	if (!h || --h->refs > 0)
		return;
	placement_free(h->placement);
	free(h);
}

static void end(struct get *g, const struct err *why)
{
	if (g->ended)
		return;
	g->ended = true;
	if (why)
		g->why = *why;
	loop_timer_set(g->timer, 0);
}

static void on_timer(void *ctx)
{
	struct get *g = ctx;
	struct get_result result;
	struct err why;

	if (!g->ended || g->told)
		return;
	/* it may be freed while these are read */
	result = g->result;
	why = g->why;
	g->told = true;
	g->ops->ended(g->ctx, &result, why.code == ERR_NONE ? NULL : &why);
}

/* ---- at a worker ---- */

static struct get *get_of(struct work_job *job)
{
	return (struct get *)((char *)job - offsetof(struct get, job));
}

static void job_run(struct work_job *job)
{
	struct get *g = get_of(job);

	if (g->phase == GET_BEGIN)
		(void)!sink_begin(g->flow->sink, &g->job_why);
	else
		(void)!sink_finish(g->flow->sink, &g->job_why);
}

static void dispose(struct get *g);
static void begun(struct get *g);

static void job_done(struct work_job *job)
{
	struct get *g = get_of(job);

	g->working = false;
	if (g->doomed)
		dispose(g);
	else if (g->job_why.code != ERR_NONE)
		end(g, &g->job_why);
	else if (g->phase == GET_BEGIN)
		begun(g);
	else
		end(g, NULL);
}

static void work(struct get *g, enum get_phase phase)
{
	g->phase = phase;
	g->working = true;
	g->job = (struct work_job){.run = job_run, .done = job_done};
	work_submit(g->renter->engine->work, NULL, &g->job);
}

/* ---- fetching ---- */

static enum err_code write_sink(void *stream, uint64_t off, const uint8_t *p,
				size_t len, struct err *e)
{
	struct fetching *f = stream;

	return sink_write(f->flow->sink, f->held->object, off, p, len, e);
}

static enum err_code write_bytes(void *stream, uint64_t off, const uint8_t *p,
				 size_t len, struct err *e)
{
	struct fetching *f = stream;

	(void)e;
	memcpy(f->bytes + (off - f->off), p, len);
	return ERR_NONE;
}

static void on_freed(void *stream)
{
	struct fetching *f = stream;

	flow_unref(f->flow);
	held_unref(f->held);
	free(f->bytes);
	free(f);
}

static void on_progress(void *ctx, uint64_t done)
{
	struct get *g = ctx;

	if (g->phase == GET_RANGES)
		g->ops->progress(g->ctx, g->done + done, g->result.fetched);
}

static void on_fetched(void *ctx, const struct err *e);

static const struct object_get_ops sink_ops = {.write = write_sink,
					       .freed = on_freed,
					       .progress = on_progress,
					       .ended = on_fetched};
static const struct object_get_ops bytes_ops = {.write = write_bytes,
						.freed = on_freed,
						.progress = on_progress,
						.ended = on_fetched};

/* bytes: as many as are fetched, or none: they go to the sink. */
static struct fetching *fetching_new(struct get *g, uint64_t off, uint64_t len,
				     struct err *e)
{
	struct fetching *f = calloc(1, sizeof(*f));

	if (f && g->phase != GET_RANGES)
		f->bytes = malloc(len ? len : 1);
	if (!f || (g->phase != GET_RANGES && !f->bytes)) {
		free(f);
		(void)err_fail(e, ERR_NOMEM, "a download");
		return NULL;
	}
	f->off = off;
	f->flow = g->flow;
	f->flow->refs++;
	f->held = g->held;
	f->held->refs++;
	return f;
}

static void fetch(struct get *g, const struct object_keys *keys, uint64_t off,
		  uint64_t len)
{
	struct err e = {0};
	struct fetching *f = fetching_new(g, off, len, &e);
	struct object_get_cfg cfg = {.placement = g->held->placement,
				     .keys = *keys,
				     .off = off,
				     .len = len,
				     .shown = !g->linked,
				     .ops = g->phase == GET_RANGES ? &sink_ops
								   : &bytes_ops,
				     .ctx = g,
				     .stream = f};

	g->bytes = f ? f->bytes : NULL;
	if (f && object_get_start(&g->fetch, g->renter, &cfg, &e) != ERR_NONE)
		on_freed(f);
	object_keys_clear(&cfg.keys);
	if (e.code != ERR_NONE)
		end(g, &e);
}

/* ---- objects of our own ---- */

/* From here on fetches use it; those before may use theirs still. */
static enum err_code hold(struct get *g, struct placement *take_placement,
			  uint32_t object, struct err *e)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h) {
		placement_free(take_placement);
		return err_fail(e, ERR_NOMEM, "a download");
	}
	*h = (struct held){take_placement, object, 1};
	held_unref(g->held);
	g->held = h;
	return ERR_NONE;
}

static enum err_code place_own(struct get *g, uint32_t object,
			       struct object_keys *keys, struct err *e)
{
	const struct renter_object *o = &g->objects[object].o;
	struct placement *p = NULL;
	enum err_code code = renter_unwrap_key(keys, o, g->renter->master, e);

	if (code != ERR_NONE || (g->held && g->held->object == object))
		return code;
	code = renter_placement(&p, g->renter->db, o, keys, RENTER_COUNT_STAGED,
				e);
	return code == ERR_NONE ? hold(g, p, object, e) : code;
}

/* Too few shards are known: what have stewards added since? */
static void on_look(void *ctx, struct linked *take, const struct err *error)
{
	struct get *g = ctx;
	struct sink_range r = sink_range(g->flow->sink, g->range);
	struct err e = {0};

	link_look_free(g->look);
	g->look = NULL;
	if (error) {
		end(g, &g->why);
		return;
	}
	if (hold(g, take->placement, r.object, &e) != ERR_NONE)
		end(g, &e);
	take->placement = NULL;
	linked_free(take);
	if (g->ended)
		return;
	g->why = (struct err){0};
	next_range(g);
}

static bool look_again(struct get *g, const struct err *why)
{
	struct sink_range r = sink_range(g->flow->sink, g->range);
	struct from *from = &g->objects[r.object];
	struct object_keys keys;
	struct err e = {0};

	if (g->linked || from->looked)
		return false;
	from->looked = true;
	g->why = *why;
	if (renter_unwrap_key(&keys, &from->o, g->renter->master, &e) !=
	    ERR_NONE)
		return false;
	g->ops->step(g->ctx, "asking the hosts what was repaired");
	(void)!link_look_own(&g->look, g->renter, &keys,
			     g->held->placement->hosts,
			     g->held->placement->hosts_n, on_look, g, &e);
	object_keys_clear(&keys);
	return g->look != NULL;
}

/* ---- ranges ---- */

static void next_range(struct get *g)
{
	struct object_keys keys;
	struct sink_range r;
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (g->range == g->ranges) {
		work(g, GET_FINISH);
		return;
	}
	r = sink_range(g->flow->sink, g->range);
	if (g->linked)
		keys = g->linked->keys;
	else
		code = place_own(g, r.object, &keys, &e);
	if (code != ERR_NONE)
		end(g, &e);
	else
		fetch(g, &keys, r.off, r.len);
	object_keys_clear(&keys);
}

static void begun(struct get *g)
{
	struct sink_totals t;

	sink_totals(g->flow->sink, &t);
	g->result = (struct get_result){.files = t.files,
					.bytes = t.bytes,
					.there = t.there,
					.fetched = t.wanted,
					.unset = t.unset};
	g->ranges = sink_ranges(g->flow->sink);
	g->phase = GET_RANGES;
	next_range(g);
}

/* ---- a link's table ---- */

static void read_footer(struct get *g);
static void read_table(struct get *g);

static void on_fetched(void *ctx, const struct err *e)
{
	struct get *g = ctx;
	struct object_get *fetch = g->fetch;
	struct download_loss loss;
	bool lost = e && object_get_loss(fetch, &loss);
	struct err why = e ? *e : (struct err){0};

	g->fetch = NULL;
	if (e) {
		object_get_free(fetch);
		if (!(lost && g->phase == GET_RANGES && look_again(g, &why)))
			end(g, &why);
		return;
	}
	switch (g->phase) {
	case GET_FOOTER:
		read_footer(g);
		break;
	case GET_TABLE:
		read_table(g);
		break;
	case GET_RANGES:
		g->done += sink_range(g->flow->sink, g->range).len;
		g->range++;
		next_range(g);
		break;
	case GET_BEGIN:
	case GET_FINISH:
		break;
	}
	object_get_free(fetch); /* with the bytes that were looked at */
}

static void fetch_bytes(struct get *g, enum get_phase phase, uint64_t off,
			uint64_t len)
{
	g->phase = phase;
	fetch(g, &g->linked->keys, off, len);
}

static void read_footer(struct get *g)
{
	const struct placement *p = g->held->placement;
	uint64_t all = (uint64_t)p->segments * segment_plain_len(p->k);
	struct err e = {0};

	if (catalogue_footer_decode(&g->footer,
				    g->bytes + TAIL_LEN - CATALOGUE_FOOTER_LEN,
				    all)) {
		fetch_bytes(g, GET_TABLE, g->footer.offset, g->footer.len);
		return;
	}
	(void)err_fail(&e, ERR_STATE,
		       "the object has no table of its files: its owner alone "
		       "knows them");
	end(g, &e);
}

static enum err_code add_entries(struct get *g, const struct catalogue *c,
				 struct err *e)
{
	struct hash32 id;
	enum err_code code;

	memcpy(id.bytes, g->linked->keys.owner_pk, sizeof(id.bytes));
	code = sink_add_object(g->flow->sink, c->objects[0].size, &id, e);
	for (uint32_t i = 0; code == ERR_NONE && i < c->entries_n; i++) {
		struct catalogue_entry x = c->entries[i];

		if (g->dir || x.kind == CATALOGUE_FILE)
			code = sink_add(g->flow->sink, &x, e);
	}
	return code;
}

static void read_table(struct get *g)
{
	struct catalogue *c = NULL;
	struct err e = {0};
	enum err_code code =
		renter_table_open(&c, g->bytes, g->footer.len,
				  g->held->placement, &g->footer, &e);

	if (code == ERR_NONE)
		code = add_entries(g, c, &e);
	catalogue_free(c);
	if (code == ERR_NONE)
		work(g, GET_BEGIN);
	else
		end(g, &e);
}

static void on_linked(void *ctx, struct linked *take, const struct err *error)
{
	struct get *g = ctx;
	struct placement *p;
	struct err e = {0};
	uint64_t all;

	link_look_free(g->look);
	g->look = NULL;
	if (error) {
		end(g, error);
		return;
	}
	g->linked = take;
	if (take->keys.access != OBJECT_FULL) {
		(void)err_fail(&e, ERR_STATE,
			       "this link does not open the files: it is one "
			       "to %s",
			       take->keys.access == OBJECT_REPAIR ? "repair"
								  : "audit");
		end(g, &e);
		return;
	}
	p = take->placement;
	take->placement = NULL;
	if (hold(g, p, 0, &e) != ERR_NONE) {
		end(g, &e);
		return;
	}
	all = (uint64_t)p->segments * segment_plain_len(p->k);
	fetch_bytes(g, GET_FOOTER, all - TAIL_LEN, TAIL_LEN);
}

/* ---- a name ---- */

static bool add_object(void *ctx, const struct renter_object *o)
{
	struct get *g = ctx;

	if (o->catalogue || o->state != RENTER_STORED)
		return true;
	if (g->n_objects == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;
		struct from *more = realloc(g->objects, cap * sizeof(*more));

		if (!more || cap > OBJECTS_MAX) {
			(void)err_fail(&g->job_why, ERR_NOMEM, "objects");
			return false;
		}
		g->objects = more;
		g->cap = cap;
	}
	g->objects[g->n_objects++] = (struct from){.o = *o};
	return true;
}

static int by_id(const void *key, const void *item)
{
	const int64_t *id = key;
	const struct from *from = item;

	return *id < from->o.id ? -1 : *id > from->o.id;
}

static uint32_t number_of(const struct get *g, int64_t id)
{
	const struct from *at = bsearch(&id, g->objects, g->n_objects,
					sizeof(*g->objects), by_id);

	return at ? (uint32_t)(at - g->objects) : UINT32_MAX;
}

static bool add_file(void *ctx, const struct renter_file *f)
{
	struct get *g = ctx;
	struct catalogue_entry x = {.kind = (enum catalogue_kind)f->kind,
				    .path = f->path,
				    .target = f->target,
				    .mode = (uint16_t)(f->mode & 07777),
				    .mtime_ns = f->mtime_ns,
				    .offset = f->offset,
				    .size = f->size};

	if ((!g->dir && f->kind != RENTER_FILE) ||
	    (g->wanted && !g->wanted(g->wanted_ctx, f)))
		return true;
	if (f->size)
		x.object = number_of(g, f->object);
	g->result.files++;
	return sink_add(g->flow->sink, &x, &g->job_why) == ERR_NONE;
}

static enum err_code collect(struct get *g, struct err *e)
{
	enum err_code code = renter_db_objects(g->renter->db, add_object, g, e);

	for (size_t i = 0; code == ERR_NONE && i < g->n_objects; i++)
		code = sink_add_object(g->flow->sink, g->objects[i].o.size,
				       &g->objects[i].o.name, e);
	if (code == ERR_NONE)
		code = renter_db_files(g->renter->db, g->name, add_file, g, e);
	if (code == ERR_NONE && g->job_why.code != ERR_NONE) {
		*e = g->job_why;
		code = e->code;
	}
	if (code == ERR_NONE && g->result.files == 0)
		code = err_fail(e, ERR_STATE,
				"nothing of that name is stored; `seedbank "
				"store ls` lists what is");
	return code;
}

/* ---- life ---- */

static enum err_code open_sink(struct get *g, struct err *e)
{
	int fd = g->pipe;

	g->flow = calloc(1, sizeof(*g->flow));
	if (!g->flow)
		return err_fail(e, ERR_NOMEM, "a download");
	g->flow->refs = 1;
	if (g->dir)
		return sink_dir(&g->flow->sink, g->dir, e);
	g->pipe = -1;
	return sink_pipe(&g->flow->sink, fd, g->pipe_from, g->pipe_len, e);
}

enum err_code get_start(struct get **out, struct renter *r,
			const struct get_cfg *cfg, const struct get_ops *ops,
			void *ctx, struct err *e)
{
	struct get *g = calloc(1, sizeof(*g));
	enum err_code code = ERR_NONE;

	if (!g)
		return err_fail(e, ERR_NOMEM, "a download");
	g->renter = r;
	g->ops = ops;
	g->ctx = ctx;
	g->pipe = cfg->pipe;
	g->pipe_from = cfg->from;
	g->wanted = cfg->wanted;
	g->wanted_ctx = cfg->wanted_ctx;
	g->pipe_len = cfg->len ? cfg->len : UINT64_MAX;
	g->name = cfg->name ? strdup(cfg->name) : NULL;
	g->dir = cfg->dir ? strdup(cfg->dir) : NULL;
	g->timer = loop_timer_new(r->engine->loop, on_timer, g);
	if (!g->timer || (cfg->name && !g->name) || (cfg->dir && !g->dir))
		code = err_fail(e, ERR_NOMEM, "a download");
	if (code == ERR_NONE)
		code = open_sink(g, e);
	if (code == ERR_NONE && g->name &&
	    strncmp(g->name, "seedbank:", 9) == 0) {
		g->ops->step(g->ctx, "following the link");
		code = link_look_start(&g->look, r, g->name, &cfg->scout,
				       on_linked, g, e);
	} else if (code == ERR_NONE) {
		code = collect(g, e);
		if (code == ERR_NONE)
			work(g, GET_BEGIN);
	}
	if (code != ERR_NONE) {
		dispose(g);
		return code;
	}
	*out = g;
	return ERR_NONE;
}

static void dispose(struct get *g)
{
	if (g->pipe >= 0)
		(void)close(g->pipe);
	flow_unref(g->flow);
	held_unref(g->held);
	linked_free(g->linked);
	free(g->objects);
	free(g->name);
	free(g->dir);
	loop_timer_free(g->timer);
	free(g);
}

void get_free(struct get *g)
{
	if (!g)
		return;
	link_look_free(g->look);
	g->look = NULL;
	if (g->flow && g->flow->sink)
		sink_stop(g->flow->sink);
	object_get_free(g->fetch);
	g->fetch = NULL;
	if (g->working)
		g->doomed = true;
	else
		dispose(g);
}
