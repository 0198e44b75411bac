/* renter_put_upload.c - the objects of a put to hosts, one after another, and
 * its files into the database. */
#include "node/renter/renter_put_int.h"

#include "storage/rent/renter_placement.h"

/* ---- files ---- */

static const struct put_part *part_of(const struct put *p, uint64_t offset)
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
		const struct put_part *part = part_of(p, at->offset);

		f.object = part->object.id;
		f.offset = at->offset - part->from;
	}
	return renter_db_add_waiting(p->renter->db, p->row.id, &f, e);
}

/* They wait until all is signed: what is stored under their names may be all
 * that there is for long. */
static void add_files(struct put *p)
{
	uint32_t n = source_count(p->shared->source);
	struct err e = {0};
	enum err_code code =
		renter_db_clear_waiting(p->renter->db, p->row.id, &e);

	p->result.bytes = source_size(p->shared->source);
	p->result.files = n;
	p->result.skipped = source_skipped(p->shared->source);
	for (uint32_t i = 0; code == ERR_NONE && i < n; i++)
		code = add_file(p, i, &e);
	for (size_t i = 0; code == ERR_NONE && i < p->n_parts; i++)
		code = renter_db_set_object(p->renter->db, &p->parts[i].object,
					    &e);
	if (code != ERR_NONE) {
		put_end(p, &e);
		return;
	}
	p->committing = true;
	renting_want_commit(p->renter->renting);
}

/* ---- uploads ---- */

static enum err_code read_stream(void *stream, uint64_t off, uint8_t *buf,
				 size_t len, size_t *got, struct err *e)
{
	struct put_stream *s = stream;

	return source_object_read(s->object, off, buf, len, got, e);
}

static size_t read_tail(void *stream, uint8_t *buf)
{
	const struct put_stream *s = stream;

	return source_object_tail(s->object, buf);
}

static void on_freed(void *stream)
{
	put_stream_unref(stream);
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
	put_end(ctx, why);
}

void put_part_done(struct put *p)
{
	p->at++;
	put_go_on(p);
}

/* The upload knows the stream alone; its table is no file's bytes, and where
 * those end a file goes on in the next object. */
static enum err_code keep_size(struct put *p, struct put_part *part,
			       struct err *e)
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
		put_end(p, error);
		return;
	}
	p->parts[p->at].object = *o;
	/* what the catalogue counts are the files' bytes, not the table's */
	p->parts[p->at].object.size =
		source_object_size(p->parts[p->at].stream->object);
	p->sectors_before += (uint64_t)o->segments * o->n;
	if (keep_size(p, &p->parts[p->at], &e) != ERR_NONE)
		put_end(p, &e);
	else if (p->at + 1 == p->n_parts && !p->cfg.path)
		put_look_for_more(p);
	else
		put_part_done(p);
}

static const struct object_put_ops upload_ops = {
	.read = read_stream,
	.tail = read_tail,
	.freed = on_freed,
	.progress = on_progress,
	.starved = on_starved,
	.ended = on_uploaded,
};

void put_go_on(struct put *p)
{
	struct object_put_cfg cfg = {
		.placing = p->placing, .ops = &upload_ops, .ctx = p};
	struct put_part *part = &p->parts[p->at];
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
		put_end(p, &e);
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

/* Objects of a put that was cut off are its first ones. Others may have come
 * since: when it needs more now, these go behind them first. */
static enum err_code find_parts(struct put *p, struct err *e)
{
	enum err_code code;

	p->at = 0;
	code = renter_db_objects(p->renter->db, find_part, p, e);
	if (code != ERR_NONE || p->at == 0 || p->at == p->n_parts)
		return code;
	code = renter_db_raise_put(p->renter->db, p->row.id, e);
	p->at = 0;
	if (code == ERR_NONE)
		code = renter_db_objects(p->renter->db, find_part, p, e);
	return code;
}

void put_begin_upload(struct put *p)
{
	struct err e = {0};
	enum err_code code = put_begin_budget(p, &e);

	if (code == ERR_NONE)
		code = find_parts(p, &e);
	if (code == ERR_NONE && p->mixed)
		code = err_fail(&e, ERR_STATE,
				"this was begun %s --unopened: go on like "
				"that, or `seedbank store rm` what is there of "
				"it",
				p->cfg.unopened ? "without" : "with");
	for (size_t i = 0; code == ERR_NONE && i < p->n_parts; i++)
		if (!p->parts[i].known)
			code = put_new_object(p, &p->parts[i], &e);
	p->at = 0;
	if (code != ERR_NONE) {
		put_end(p, &e);
		return;
	}
	p->ops->step(p->ctx, "storing");
	p->committing = true;
	renting_want_commit(p->renter->renting);
}
