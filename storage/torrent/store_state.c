#include "base/bits.h"
#include "storage/torrent/store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 30000

/* --- bits --- */

void store_mark_dirty(struct store *t, uint32_t piece)
{
	uint64_t offset = layout_piece_offset(&t->layout, piece);
	uint32_t size = layout_piece_size(&t->layout, piece);
	struct layout_part part = {0};

	while (layout_next(&t->layout, offset, size, &part))
		bits_set(t->dirty, part.file);
	t->changed = true;
	t->absent = false;
}

void store_have_set(struct store *t, uint32_t piece)
{
	uint32_t size = layout_piece_wanted(&t->layout, piece);

	if (bits_get(t->have, piece))
		return;
	bits_set(t->have, piece);
	t->have_count++;
	t->have_bytes += size;
	t->unsaved_bytes += size;
	store_mark_dirty(t, piece);
	if ((t->unsaved_bytes >= t->env->cfg.save_bytes &&
	     t->checking == CHECK_NONE) ||
	    t->have_count == t->layout.piece_count)
		store_save_in(t, 0);
	else
		store_save_in(t, t->env->cfg.save_ms);
}

static void have_clear(struct store *t, uint32_t piece)
{
	bits_clear(t->have, piece);
	t->have_count--;
	t->have_bytes -= layout_piece_wanted(&t->layout, piece);
	if (bits_get(t->saved, piece)) {
		bits_clear(t->saved, piece);
		t->saved_count--;
	}
	/* a flush that fails while the store closes: its reader has gone */
	for (uint32_t at = 0; t->phase != PHASE_CLOSING &&
			      at < layout_piece_size(&t->layout, piece);
	     at += READ_BLOCK)
		read_client_drop(t->reader, store_block_of(t, piece, at));
	store_mark_dirty(t, piece);
	store_save_in(t, t->env->cfg.save_ms);
}

void store_have_lost(struct store *t, uint32_t piece)
{
	if (!bits_get(t->have, piece))
		return;
	have_clear(t, piece);
	if (t->phase == PHASE_READY)
		t->ops.lost(t->ctx, piece);
}

/* --- checks --- */

static void start_suspects(struct store *t);

static void check_piece(void *ctx, uint32_t piece,
			const struct piece_digest *digest,
			const struct err *err)
{
	struct store *t = ctx;
	enum piece_fit fit =
		digest ? piece_sums_fit(&t->sums, piece, digest) : PIECE_FALSE;
	bool ok = fit == PIECE_FITS;
	bool had = bits_get(t->have, piece);

	if (t->phase == PHASE_CLOSING || store_is_writing(t, piece))
		return;
	if (!digest && err->code == ERR_IO && !t->told_unreadable) {
		store_note(t, "cannot read: %s", err->msg);
		t->told_unreadable = true;
	}
	if (fit == PIECE_CONTRADICTS)
		store_note(t, "piece %u fits one of its two hashes only",
			   piece);
	if (ok && !had) {
		store_have_set(t, piece);
		if (t->checking == CHECK_VERIFY)
			t->ops.found(t->ctx, piece);
	} else if (!ok && had) {
		store_have_lost(t, piece);
	}
}

static void check_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct store *t = ctx;

	if (t->phase == PHASE_CLOSING || t->checking == CHECK_SUSPECT)
		return;
	if (t->ops.progress)
		t->ops.progress(t->ctx, done, total);
}

static void check_done(void *ctx, bool whole)
{
	struct store *t = ctx;
	enum check_kind kind = t->checking;
	void (*verified)(void *ctx, bool whole) = t->verify_done;

	t->check = NULL;
	t->checking = CHECK_NONE;
	free(t->suspected);
	t->suspected = NULL;
	t->verify_done = NULL;
	if (t->phase != PHASE_CLOSING)
		switch (kind) {
		case CHECK_OPEN:
			store_become_ready(t);
			break;
		case CHECK_NONE:
		case CHECK_VERIFY:
		case CHECK_SUSPECT:
			break;
		}
	if (verified)
		verified(t->verify_ctx, whole);
	start_suspects(t);
	store_part_ended(t);
}

static const struct piece_check_ops check_ops = {
	.piece = check_piece, .progress = check_progress, .done = check_done};

static enum err_code start_check(struct store *t, enum check_kind kind,
				 const uint8_t *todo, struct err *e)
{
	struct piece_check_cfg cfg = {.work = t->env->cfg.work,
				      .files = t->files,
				      .layout = &t->layout,
				      .todo = todo};
	enum err_code code = store_sums(t, e);

	cfg.kinds = piece_sums_kinds(&t->sums);
	if (code == ERR_NONE)
		code = piece_check_start(&t->check, &cfg, &check_ops, t, e);
	if (code != ERR_NONE)
		return code;
	t->checking = kind;
	t->told_unreadable = false;
	t->pending++;
	return ERR_NONE;
}

void store_check_cancel(struct store *t)
{
	piece_check_cancel(t->check);
}

static void suspect_pieces(struct store *t, uint64_t from, uint64_t to)
{
	uint32_t first = (uint32_t)(from / t->layout.piece_len);
	uint32_t last = (uint32_t)((to - 1) / t->layout.piece_len);

	for (uint32_t i = first; i <= last; i++)
		if (bits_get(t->have, i))
			bits_set(t->suspect, i);
}

/* Another program wrote to a file: all of it is in doubt. It is to stay from
 * now on as it is, so that a change during the check is seen, too. */
static void suspect_file(struct store *t, uint32_t file)
{
	const struct layout_file *f = &t->layout.files[file];
	struct files_stat st;

	files_stat_one(t->files, file, &st);
	files_expect(t->files, file, &st);
	suspect_pieces(t, f->offset, f->offset + f->length);
	bits_set(t->dirty, file); /* for the new stamp */
	t->changed = true;
	store_save_in(t, t->env->cfg.save_ms);
}

void store_suspect(struct store *t, uint64_t from, uint64_t to)
{
	struct layout_part part = {0};

	if (t->phase != PHASE_READY)
		return;
	if (!t->suspect)
		t->suspect = calloc(1, bits_bytes(t->layout.piece_count));
	if (!t->suspect)
		return; /* the next failing read tries again */
	suspect_pieces(t, from, to);
	while (layout_next(&t->layout, from, to - from, &part))
		if (files_take_changed(t->files, part.file))
			suspect_file(t, part.file);
	start_suspects(t);
}

bool store_in_doubt(const struct store *t, uint32_t piece)
{
	return (t->suspect && bits_get(t->suspect, piece)) ||
	       (t->suspected && bits_get(t->suspected, piece));
}

static void start_suspects(struct store *t)
{
	if (!t->suspect || t->check || t->phase != PHASE_READY)
		return;
	if (start_check(t, CHECK_SUSPECT, t->suspect, NULL) != ERR_NONE)
		return;
	free(t->suspected);
	t->suspected = t->suspect;
	t->suspect = NULL;
}

enum err_code store_verify(struct store *t, void (*done)(void *ctx, bool whole),
			   void *ctx, struct err *e)
{
	enum err_code code;

	if (t->phase != PHASE_READY || t->checking == CHECK_VERIFY)
		return err_fail(e, ERR_STATE,
				"not now: it is being checked or closed");
	if (t->check) /* suspects: they are part of all */
		return err_fail(e, ERR_STATE, "some pieces are being checked");
	code = start_check(t, CHECK_VERIFY, NULL, e);
	if (code != ERR_NONE)
		return code;
	t->verify_done = done;
	t->verify_ctx = ctx;
	return ERR_NONE;
}

void store_verify_cancel(struct store *t)
{
	if (t->checking == CHECK_VERIFY)
		piece_check_cancel(t->check);
}

/* --- opening --- */

static void run_scan(struct work_job *job)
{
	struct scan_job *s = (struct scan_job *)(void *)job;
	struct files_hold hold;

	files_hold(s->t->files, &hold);
	files_settle(s->t->files, s->t->unwanted);
	s->code = store_scan_run(&s->scan, &s->err);
	files_hold_end(s->t->files, &hold);
}

static void tell_scan(struct store *t, const struct store_scan *s)
{
	if (s->files_missing > 0 && s->files_there == 0)
		store_note(t, "none of its %u files is there: is %s mounted?",
			   s->files_missing, t->root);
	else if (s->files_missing || s->files_changed || s->gone)
		store_note(t,
			   "%u files changed and %u missing since the last "
			   "run: %u pieces to check again, %u lost",
			   s->files_changed, s->files_missing, s->doubted,
			   s->gone);
	log_line(t->env->cfg.log, LOG_INFO, "storage",
		 "scan root=%s trusted=%u to_hash=%u gone=%u", t->root,
		 s->trusted, s->to_hash, s->gone);
}

static void adopt_scan(struct store *t, struct scan_job *job)
{
	struct store_scan *s = &job->scan;

	for (uint32_t i = 0; i < t->layout.piece_count; i++) {
		if (!bits_get(s->have, i))
			continue;
		bits_set(t->have, i);
		bits_set(t->saved, i);
		t->have_count++;
		t->saved_count++;
		t->have_bytes += layout_piece_wanted(&t->layout, i);
	}
	/* A disk that is not mounted: keep what was known of it. */
	t->absent = s->files_missing > 0 && s->files_there == 0;
	if (t->absent)
		return;
	for (uint32_t i = 0; i < t->layout.file_count; i++)
		if (bits_get(s->stamp, i)) {
			bits_set(t->dirty, i);
			t->changed = true;
		}
	t->changed = t->changed || s->gone > 0 || t->recorded_open;
}

static void scan_done(struct work_job *job)
{
	struct scan_job *s = (struct scan_job *)(void *)job;
	struct store *t = s->t;
	struct err e = {0};

	if (t->phase != PHASE_CLOSING && s->code != ERR_NONE) {
		store_note(t, "cannot look at the files: %s", s->err.msg);
		store_become_ready(t);
	} else if (t->phase != PHASE_CLOSING) {
		t->recorded_open = s->record.open;
		tell_scan(t, &s->scan);
		adopt_scan(t, s);
		t->phase = PHASE_CHECK;
		if (s->scan.to_hash == 0 ||
		    start_check(t, CHECK_OPEN, s->scan.todo, &e) != ERR_NONE) {
			if (e.code != ERR_NONE)
				store_note(t, "cannot check: %s", e.msg);
			store_become_ready(t);
		}
		if (t->changed && t->phase != PHASE_CLOSING)
			store_save_in(t, t->env->cfg.save_ms);
	}
	store_scan_clear(&s->scan);
	resume_state_clear(&s->record);
	store_part_ended(t);
}

static enum err_code load_record(struct store *t, bool recheck, struct err *e)
{
	struct resume_db *db = t->env->cfg.resume;
	enum err_code code;

	if (t->no_resume)
		return ERR_NONE;
	code = resume_totals(db, &t->info_hash, &t->up_recorded,
			     &t->down_recorded, e);
	if (code != ERR_NONE || recheck)
		return code;
	return resume_load(db, &t->info_hash, t->root, t->layout.piece_count,
			   &t->scan.record, e);
}

static void on_save_timer(void *ctx)
{
	struct store *t = ctx;

	t->save_at_ms = 0;
	(void)store_save_now(t);
}

enum err_code store_state_init(struct store *t, bool recheck, struct err *e)
{
	size_t pieces = bits_bytes(t->layout.piece_count);
	enum err_code code;

	t->have = calloc(1, pieces);
	t->saved = calloc(1, pieces);
	t->dirty = calloc(1, bits_bytes(t->layout.file_count));
	t->save_timer = loop_timer_new(t->env->cfg.loop, on_save_timer, t);
	if (!t->have || !t->saved || !t->dirty || !t->save_timer)
		return err_fail(e, ERR_NOMEM, "bitfields");
	code = load_record(t, recheck, e);
	if (code != ERR_NONE)
		return code;
	t->scan.t = t;
	t->scan.scan.files = t->files;
	t->scan.scan.layout = &t->layout;
	t->scan.scan.sums = &t->sums;
	t->scan.scan.record = &t->scan.record;
	t->scan.job.run = run_scan;
	t->scan.job.done = scan_done;
	t->pending++;
	work_submit(t->env->cfg.work, NULL, &t->scan.job);
	return ERR_NONE;
}

void store_state_clear(struct store *t)
{
	loop_timer_free(t->save_timer);
	free(t->have);
	free(t->saved);
	free(t->dirty);
	free(t->suspect);
	free(t->suspected);
}

/* --- the record --- */

void store_wrote(struct store *t)
{
	t->wrote = true;
	t->changed = true;
	t->absent = false;
	store_save_in(t, 0); /* says that times will move */
}

void store_save_in(struct store *t, int64_t delay_ms)
{
	int64_t at;

	if (t->no_resume)
		return;
	if (t->saving && delay_ms == 0) {
		t->save_soon = true;
		return;
	}
	at = loop_now_ms(t->env->cfg.loop) + delay_ms;
	if (t->save_at_ms != 0 && t->save_at_ms <= at)
		return;
	t->save_at_ms = at;
	loop_timer_set(t->save_timer, delay_ms);
}

/* True while our own writes may move times or leave pieces unrecorded. */
static bool will_write(const struct store *t)
{
	if (t->phase == PHASE_CLOSING)
		return false;
	if (t->checking == CHECK_OPEN || t->phase == PHASE_SCAN)
		return true;
	return t->wrote &&
	       (t->have_count < t->layout.piece_count || store_writes(t));
}

/* A file could not be flushed: what of it is not recorded may never reach the
 * disk, and asking again would not tell. */
static void lose_unsaved(struct store *t, uint32_t file)
{
	const struct layout_file *f = &t->layout.files[file];
	uint32_t first, last;

	if (f->length == 0)
		return;
	first = (uint32_t)(f->offset / t->layout.piece_len);
	last = (uint32_t)((f->offset + f->length - 1) / t->layout.piece_len);
	for (uint32_t i = first; i <= last; i++)
		if (bits_get(t->have, i) && !bits_get(t->saved, i))
			store_have_lost(t, i);
}

static void save_failed(struct store *t, const struct record *rec,
			const struct err *e, uint32_t file)
{
	for (uint32_t i = 0; i < t->layout.file_count; i++)
		if (bits_get(rec->dirty, i))
			bits_set(t->dirty, i);
	t->changed = true;
	t->up += rec->uploaded;
	t->down += rec->downloaded;
	t->up_recorded -= rec->uploaded;
	t->down_recorded -= rec->downloaded;
	log_line(t->env->cfg.log, LOG_WARN, "storage",
		 "record failed root=%s reason=\"%s\"", t->root, e->msg);
	if (file != UINT32_MAX && e->code == ERR_IO)
		lose_unsaved(t, file);
	/* a lock may go away by itself; a full disk does not */
	if (!t->read_only && (e->code == ERR_IO || ++t->save_failures >= 3))
		store_pause(t, e);
	if (t->phase != PHASE_CLOSING)
		store_save_in(t, RETRY_MS);
}

/* What came up while the record was under way. */
static void plan_next(struct store *t)
{
	if (t->save_soon)
		store_save_in(t, 0);
	else if (t->changed)
		store_save_in(t, t->env->cfg.save_ms);
	else if (t->up || t->down)
		store_save_in(t, TOTALS_SAVE_MS);
	t->save_soon = false;
}

static void save_done(void *ctx, struct record *rec, const struct err *e,
		      uint32_t file)
{
	struct store *t = ctx;

	t->saving = false;
	if (e->code != ERR_NONE) {
		save_failed(t, rec, e, file);
	} else if (rec->have) {
		t->save_failures = 0;
		t->recorded_open = rec->open;
		memcpy(t->saved, rec->have, bits_bytes(t->layout.piece_count));
		for (size_t i = 0; i < bits_bytes(t->layout.piece_count); i++)
			t->saved[i] &= t->have[i]; /* lost meanwhile */
		t->saved_count = bits_count(t->saved, t->layout.piece_count);
	}
	if (t->phase != PHASE_CLOSING)
		plan_next(t);
	store_part_ended(t);
}

static bool worth_saving(const struct store *t)
{
	if (t->no_resume || t->saving)
		return false;
	/* the last of a run also closes the record */
	return t->changed || t->up || t->down ||
	       (!t->absent && t->recorded_open != will_write(t));
}

bool store_save_now(struct store *t)
{
	size_t pieces = bits_bytes(t->layout.piece_count);
	size_t files = bits_bytes(t->layout.file_count);
	struct record rec = {.files = t->files,
			     .layout = &t->layout,
			     .info_hash = t->info_hash,
			     .root = t->root,
			     .open = will_write(t),
			     .uploaded = t->up,
			     .downloaded = t->down};

	if (!worth_saving(t) || t->phase == PHASE_SCAN)
		return false;
	rec.dirty = malloc(files);
	if (rec.dirty)
		memcpy(rec.dirty, t->dirty, files);
	if (!t->absent) {
		rec.have = malloc(pieces);
		if (rec.have)
			memcpy(rec.have, t->have, pieces);
	}
	if (!rec.dirty || (!rec.have && !t->absent) ||
	    recorder_take(t->env->recorder, &rec, save_done, t, NULL) !=
		    ERR_NONE) {
		free(rec.have);
		free(rec.dirty);
		store_save_in(t, RETRY_MS);
		return false;
	}
	memset(t->dirty, 0, files);
	t->changed = false;
	t->saving = true;
	t->unsaved_bytes = 0;
	t->up_recorded += t->up;
	t->down_recorded += t->down;
	t->up = t->down = 0;
	t->pending++;
	return true;
}
