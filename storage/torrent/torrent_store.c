#include "storage/torrent/torrent_store.h"

#include "base/bits.h"
#include "storage/torrent/store_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CACHE_MAX (32U << 20)
#define WRITE_MAX (18U << 20)
#define MAX_FDS 128U
#define SAVE_MS 5000
#define SAVE_BYTES (64U << 20)
#define COPIES_MAX 2048U

/* --- the environment --- */

static void set_defaults(struct store_env_cfg *cfg)
{
	if (cfg->cache_max == 0)
		cfg->cache_max = CACHE_MAX;
	if (cfg->write_max == 0)
		cfg->write_max = WRITE_MAX;
	if (cfg->max_fds == 0)
		cfg->max_fds = MAX_FDS;
	if (cfg->save_ms == 0)
		cfg->save_ms = SAVE_MS;
	if (cfg->save_bytes == 0)
		cfg->save_bytes = SAVE_BYTES;
}

enum err_code store_env_new(struct store_env **out,
			    const struct store_env_cfg *cfg, struct err *e)
{
	struct store_env *env = calloc(1, sizeof(*env));
	enum err_code code = ERR_NONE;

	*out = NULL;
	if (!env)
		return err_fail(e, ERR_NOMEM, "storage");
	env->cfg = *cfg;
	set_defaults(&env->cfg);
	env->pool = file_pool_new(env->cfg.max_fds);
	env->cache = read_cache_new(cfg->loop, cfg->work, env->cfg.cache_max,
				    STORE_MAX_WAITING);
	env->copies = cbuf_pool_new(STORE_BLOCK, COPIES_MAX, 16);
	if (!env->pool || !env->cache || !env->copies)
		code = err_fail(e, ERR_NOMEM, "storage");
	else if (cfg->resume)
		code = recorder_new(&env->recorder, cfg->loop,
				    resume_path(cfg->resume), e);
	if (code != ERR_NONE) {
		store_env_free(env);
		return code;
	}
	*out = env;
	return ERR_NONE;
}

void store_env_free(struct store_env *env)
{
	if (!env)
		return;
	recorder_free(env->recorder);
	read_cache_free(env->cache);
	cbuf_pool_free(env->copies);
	file_pool_free(env->pool);
	free(env);
}

void store_env_stats_get(const struct store_env *env,
			 struct store_env_stats *out)
{
	struct read_stats r;

	read_cache_stats(env->cache, &r);
	*out = (struct store_env_stats){
		.hits = r.hits,
		.loop_reads = r.loop_reads,
		.worker_reads = r.worker_reads,
		.copies = r.copies,
		.cached = r.cached,
		.open_fds = file_pool_open(env->pool),
	};
}

/* --- words to the owner --- */

void store_note(struct store *t, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_line(t->env->cfg.log, LOG_WARN, "storage",
		 "note root=%s text=\"%s\"", t->root, text);
	if (t->ops.note && t->phase != PHASE_CLOSING)
		t->ops.note(t->ctx, text);
}

void store_level(struct store *t)
{
	bool blocked = t->env->full || t->paused;

	if (blocked == t->blocked || t->phase != PHASE_READY)
		return;
	t->blocked = blocked;
	t->ops.pressure(t->ctx, blocked);
}

/* Blocks at write_max, frees at half of it. */
static void env_level(struct store_env *env)
{
	bool full = env->full ? env->queued > env->cfg.write_max / 2
			      : env->queued >= env->cfg.write_max;
	struct store *t = env->stores, *next;

	if (full == env->full)
		return;
	env->full = full;
	for (; t; t = next) {
		next = t->next;
		store_level(t);
	}
}

void store_pause(struct store *t, const struct err *e)
{
	if (t->paused)
		return;
	t->paused = true;
	log_line(t->env->cfg.log, LOG_ERROR, "storage",
		 "paused root=%s reason=\"%s\"", t->root, e->msg);
	store_level(t);
	if (t->phase != PHASE_CLOSING)
		t->ops.error(t->ctx, e);
}

/* --- the writer's and the reader's callbacks --- */

static void on_verdict(void *ctx, uint32_t piece, bool ok)
{
	struct store *t = ctx;

	if (ok)
		store_have_set(t, piece);
	else
		store_mark_dirty(t, piece);
	if (t->phase != PHASE_CLOSING)
		t->ops.piece(t->ctx, piece, ok);
	if (ok && t->by_half)
		store_suspect(t, layout_piece_offset(&t->layout, piece),
			      layout_piece_offset(&t->layout, piece) + 1);
}

static void on_failed(void *ctx, const struct err *e)
{
	store_pause(ctx, e);
}

static void on_level(void *ctx)
{
	struct store *t = ctx;

	env_level(t->env);
}

static void on_read_done(void *ctx, uint64_t cookie, const struct span *data)
{
	struct store *t = ctx;

	t->ops.read_done(t->ctx, cookie, data);
}

static void on_gone(void *ctx, uint64_t from, uint64_t to, const struct err *e)
{
	struct store *t = ctx;

	store_note(t, "cannot read: %s", e->msg);
	if (e->code == ERR_STATE || e->code == ERR_IO)
		store_suspect(t, from, to);
}

static const struct piece_writer_ops writer_ops = {
	.verdict = on_verdict, .failed = on_failed, .level = on_level};
static const struct read_client_ops reader_ops = {.done = on_read_done,
						  .gone = on_gone};

/* --- life --- */

static void store_free(struct store *t)
{
	loop_fn *closed = t->closed;
	void *ctx = t->closed_ctx;

	store_state_clear(t);
	files_free(t->files);
	free(t->unwanted);
	layout_clear(&t->layout);
	free(t->root);
	free(t);
	if (closed)
		closed(ctx);
}

static void unlink_store(struct store *t)
{
	*(t->prev ? &t->prev->next : &t->env->stores) = t->next;
	if (t->next)
		t->next->prev = t->prev;
}

void store_part_ended(struct store *t)
{
	t->pending--;
	if (t->phase != PHASE_CLOSING || t->pending > 0)
		return;
	if (!t->last_saved) {
		t->last_saved = true;
		if (store_save_now(t))
			return; /* comes back here */
	}
	unlink_store(t);
	store_free(t);
}

static char *absolute(const char *root)
{
	char cwd[4096];
	char *out = NULL;

	if (root[0] == '/')
		return strdup(root);
	if (!getcwd(cwd, sizeof(cwd)))
		return NULL;
	if (root[0] == '\0' || strcmp(root, ".") == 0)
		return strdup(cwd);
	if (asprintf(&out, "%s/%s", cwd, root) < 0)
		return NULL;
	return out;
}

static enum err_code init_parts(struct store *t, const struct store_cfg *cfg,
				struct err *e)
{
	char aside[STORE_ASIDE_CAP];
	const struct files_cfg files = {.pool = t->env->pool,
					.layout = &t->layout,
					.root = t->root,
					.aside = aside,
					.read_only = cfg->read_only,
					.preallocate = cfg->preallocate};

	store_aside_name(aside, &t->info_hash);
	t->files = files_new(&files);
	if (!t->files)
		return err_fail(e, ERR_NOMEM, "files");
	t->reader = read_client_new(t->env->cache, t->files, &reader_ops, t);
	return t->reader ? ERR_NONE : err_fail(e, ERR_NOMEM, "a reader");
}

static enum err_code store_init(struct store *t, const struct store_cfg *cfg,
				struct err *e)
{
	enum err_code code;

	t->info_hash = cfg->info_hash;
	t->sums = (struct piece_sums){cfg->hashes, cfg->roots};
	t->v2 = cfg->roots != NULL;
	t->read_only = cfg->read_only;
	t->no_resume = cfg->no_resume || !t->env->cfg.resume;
	t->root = absolute(cfg->root);
	if (!t->root)
		return err_fail(e, ERR_IO, "where is %.100s?", cfg->root);
	code = layout_init(&t->layout, cfg->name, cfg->files, cfg->file_count,
			   cfg->piece_len, cfg->piece_count, e);
	if (code == ERR_NONE)
		code = layout_set_shorts(&t->layout, cfg->shorts,
					 cfg->short_count, e);
	if (code == ERR_NONE)
		code = store_aside_init(t, cfg, e);
	if (code == ERR_NONE)
		code = init_parts(t, cfg, e);
	if (code == ERR_NONE)
		code = store_state_init(t, cfg->recheck, e);
	return code;
}

enum err_code store_open(struct store **out, struct store_env *env,
			 const struct store_cfg *cfg,
			 const struct store_ops *ops, void *ctx, struct err *e)
{
	struct store *t = calloc(1, sizeof(*t));
	enum err_code code;

	*out = NULL;
	if (!t)
		return err_fail(e, ERR_NOMEM, "a store");
	t->env = env;
	t->ops = *ops;
	t->ctx = ctx;
	code = store_init(t, cfg, e);
	if (code != ERR_NONE) {
		if (t->reader)
			read_client_close(t->reader, NULL, NULL);
		store_free(t);
		return code;
	}
	t->next = env->stores;
	if (t->next)
		t->next->prev = t;
	env->stores = t;
	*out = t;
	return ERR_NONE;
}

void store_become_ready(struct store *t)
{
	t->phase = PHASE_READY;
	log_line(t->env->cfg.log, LOG_INFO, "storage",
		 "ready root=%s pieces=%u of=%u", t->root, t->have_count,
		 t->layout.piece_count);
	t->ops.ready(t->ctx);
	store_level(t);
}

static void on_part_closed(void *ctx)
{
	store_part_ended(ctx);
}

static void mark_one(void *ctx, uint32_t piece)
{
	store_mark_dirty(ctx, piece);
}

void store_close(struct store *t, loop_fn *done, void *ctx)
{
	t->closed = done;
	t->closed_ctx = ctx;
	if (t->phase == PHASE_CLOSING)
		return;
	t->phase = PHASE_CLOSING;
	t->pending++; /* ours, until all parts were told */
	store_check_cancel(t);
	/* files of partial pieces were changed: stamp them anew */
	t->pending++;
	read_client_close(t->reader, on_part_closed, t);
	if (t->writer) {
		piece_writer_each(t->writer, mark_one, t);
		t->pending++;
		piece_writer_close(t->writer, on_part_closed, t);
	}
	store_part_ended(t);
}

/* --- questions --- */

bool store_is_ready(const struct store *t)
{
	return t->phase == PHASE_READY;
}

const uint8_t *store_have(const struct store *t, size_t *len)
{
	*len = bits_bytes(t->layout.piece_count);
	return t->have;
}

bool store_is_paused(const struct store *t)
{
	return t->paused;
}

void store_stats_get(const struct store *t, struct store_stats *out)
{
	*out = (struct store_stats){
		.total = layout_wanted(&t->layout),
		.have_bytes = t->have_bytes,
		.have = t->have_count,
		.saved = t->saved_count,
		.gathering = t->writer ? piece_writer_gathering(t->writer) : 0,
		.writing = t->env->queued,
		.uploaded = t->up_recorded + t->up,
		.downloaded = t->down_recorded + t->down,
	};
}

void store_add_totals(struct store *t, uint64_t uploaded, uint64_t downloaded)
{
	t->up += uploaded;
	t->down += downloaded;
	if (uploaded || downloaded)
		store_save_in(t, TOTALS_SAVE_MS);
}

/* --- reads --- */

/* Pieces shorter than a cache block share one: this many. */
static uint32_t group_size(const struct store *t)
{
	return t->layout.piece_len >= READ_BLOCK
		       ? 1
		       : READ_BLOCK / t->layout.piece_len;
}

uint64_t store_block_of(const struct store *t, uint32_t piece, uint32_t offset)
{
	uint64_t per_piece =
		((uint64_t)t->layout.piece_len + READ_BLOCK - 1) / READ_BLOCK;

	if (t->layout.piece_len < READ_BLOCK)
		return piece / group_size(t);
	return piece * per_piece + offset / READ_BLOCK;
}

/* The bytes of the block around a verified piece: of small pieces, all
 * neighbours that are verified as well. */
static void block_range(const struct store *t, uint32_t piece, uint32_t offset,
			struct read_where *w)
{
	uint64_t base = layout_piece_offset(&t->layout, piece);
	uint32_t group = group_size(t), first = piece / group * group;
	uint32_t size = layout_piece_size(&t->layout, piece), to = piece + 1;
	uint32_t from = piece;

	if (group == 1) {
		uint32_t start = offset / READ_BLOCK * READ_BLOCK;

		w->from = base + start;
		w->to = base +
			(size - start < READ_BLOCK ? size : start + READ_BLOCK);
		return;
	}
	while (from > first && bits_get(t->have, from - 1))
		from--;
	while (to < first + group && to < t->layout.piece_count &&
	       bits_get(t->have, to))
		to++;
	w->from = layout_piece_offset(&t->layout, from);
	w->to = layout_piece_offset(&t->layout, to - 1) +
		layout_piece_size(&t->layout, to - 1);
}

enum store_read store_read(struct store *t, uint32_t piece, uint32_t offset,
			   uint32_t len, struct span *out, uint64_t cookie)
{
	struct read_where w = {.len = len};
	uint32_t size;

	if (t->phase != PHASE_READY || piece >= t->layout.piece_count)
		return STORE_FAILED;
	size = layout_piece_size(&t->layout, piece);
	if (len == 0 || len > STORE_CHUNK || len > size || offset > size - len)
		return STORE_FAILED;
	if (store_in_doubt(t, piece))
		return STORE_FAILED;
	w.offset = layout_piece_offset(&t->layout, piece) + offset;
	w.block = store_block_of(t, piece, offset);
	/* only verified bytes are kept: the others will be written again */
	w.alone = !bits_get(t->have, piece);
	if (!w.alone) {
		block_range(t, piece, offset, &w);
		w.alone = w.offset + len > w.to;
	}
	switch (read_cache_get(t->reader, out, &w, cookie)) {
	case READ_NOW:
		return STORE_NOW;
	case READ_LATER:
		return STORE_LATER;
	case READ_FAILED:
		break;
	}
	return STORE_FAILED;
}

/* --- rest --- */

/* It has nothing to do; the next block makes another. */
static void drop_writer(struct store *t)
{
	if (t->writer)
		piece_writer_close(t->writer, NULL, NULL);
	t->writer = NULL;
	t->by_half = false;
}

bool store_rest(struct store *t)
{
	if (!t->ops.hashes || t->phase != PHASE_READY || t->check ||
	    t->suspect || t->paused || store_writes(t))
		return false;
	drop_writer(t);
	t->sums = (struct piece_sums){NULL, NULL};
	return true;
}

enum err_code store_sums(struct store *t, struct err *e)
{
	if (piece_sums_kinds(&t->sums))
		return ERR_NONE;
	return t->ops.hashes(t->ctx, &t->sums.sha1s, &t->sums.roots, e);
}

/* --- writes --- */

bool store_is_writing(const struct store *t, uint32_t piece)
{
	return t->writer && piece_writer_has(t->writer, piece);
}

bool store_writes(const struct store *t)
{
	return t->writer && !piece_writer_idle(t->writer);
}

/* What cannot be checked is not taken: the disk that has the hashes refuses. */
static enum err_code need_writer(struct store *t, struct err *e)
{
	struct piece_writer_cfg cfg = {.loop = t->env->cfg.loop,
				       .work = t->env->cfg.work,
				       .files = t->files,
				       .layout = &t->layout,
				       .copies = t->env->copies,
				       .queued = &t->env->queued,
				       .queued_max = t->env->cfg.write_max};
	enum err_code code;

	if (t->by_half && !store_writes(t))
		drop_writer(t);
	if (t->writer)
		return ERR_NONE;
	code = store_sums(t, e);
	if (code != ERR_NONE) {
		store_pause(t, e);
		return code;
	}
	cfg.sums = t->sums;
	return piece_writer_new(&t->writer, &cfg, &writer_ops, t, e);
}

enum err_code store_write(struct store *t, uint32_t piece, uint32_t offset,
			  const struct span *spans, size_t n, struct err *e)
{
	struct err local = {0};
	enum err_code code;

	if (t->phase != PHASE_READY || t->read_only)
		return err_fail(e, ERR_STATE, "the store takes no blocks now");
	if (piece >= t->layout.piece_count)
		return err_fail(e, ERR_LIMIT, "there is no piece %u", piece);
	if (bits_get(t->have, piece))
		return err_fail(e, ERR_STATE, "piece %u is verified", piece);
	code = need_writer(t, e ? e : &local);
	if (code != ERR_NONE)
		return code;
	if (!t->wrote)
		store_wrote(t);
	return piece_writer_add(t->writer, piece, offset, spans, n,
				e ? e : &local);
}

enum err_code store_add_roots(struct store *t, const uint8_t *roots,
			      struct err *e)
{
	if (t->phase != PHASE_READY || t->check)
		return err_fail(e, ERR_STATE, "not now: it is being checked");
	t->v2 = true;
	if (piece_sums_kinds(&t->sums)) /* else both are read */
		t->sums.roots = roots;
	if (store_writes(t))
		t->by_half = true;
	else
		drop_writer(t);
	if (t->have_count > 0)
		store_suspect(t, 0, t->layout.total);
	return ERR_NONE;
}

void store_forget_partial(struct store *t)
{
	if (t->phase == PHASE_CLOSING || !t->writer)
		return;
	piece_writer_each(t->writer, mark_one, t);
	piece_writer_forget_partial(t->writer);
	env_level(t->env);
}

void store_resume(struct store *t)
{
	if (!t->paused || t->phase == PHASE_CLOSING)
		return;
	t->paused = false;
	t->save_failures = 0;
	if (t->writer)
		piece_writer_resume(t->writer);
	if (t->changed)
		(void)store_save_now(t);
	store_level(t);
}
