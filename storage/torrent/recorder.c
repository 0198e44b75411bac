#include "storage/torrent/recorder.h"

#include "base/bits.h"
#include "storage/torrent/resume_db.h"

#include <stdlib.h>
#include <string.h>

struct recorder {
	struct work *work; /* one thread */
	char *path;
	struct resume_db *db; /* only that thread touches it */
};

struct record_job {
	struct work_job job; /* first, see job_of() */
	struct recorder *recorder;
	struct record rec;
	struct err err;
	uint32_t file;
	record_done_fn *done;
	void *ctx;
};

enum err_code recorder_new(struct recorder **out, struct loop *loop,
			   const char *path, struct err *e)
{
	struct recorder *r = calloc(1, sizeof(*r));

	*out = NULL;
	if (!r)
		return err_fail(e, ERR_NOMEM, "a recorder");
	r->path = strdup(path);
	if (!r->path) {
		free(r);
		return err_fail(e, ERR_NOMEM, "a recorder");
	}
	r->work = work_new(loop, 1, e);
	if (!r->work) {
		recorder_free(r);
		return e ? e->code : ERR_IO;
	}
	*out = r;
	return ERR_NONE;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	work_free(r->work);
	resume_close(r->db);
	free(r->path);
	free(r);
}

static struct record_job *job_of(struct work_job *job)
{
	return (struct record_job *)(void *)job;
}

/* Nobody will write to it any more. */
static bool file_complete(const struct record *rec, uint32_t file)
{
	const struct layout *l = rec->layout;
	const struct layout_file *f = &l->files[file];
	uint64_t end = f->offset + f->length;

	if (!rec->have || f->length == 0)
		return false;
	for (uint64_t i = f->offset / l->piece_len; i * l->piece_len < end; i++)
		if (!bits_get(rec->have, (uint32_t)i))
			return false;
	return true;
}

static enum err_code stamp_files(struct record_job *j, struct resume_state *s)
{
	uint32_t files = j->rec.layout->file_count;
	uint32_t n = bits_count(j->rec.dirty, files);
	struct files_hold hold;

	s->stamps = calloc(n ? n : 1, sizeof(*s->stamps));
	if (!s->stamps)
		return err_fail(&j->err, ERR_NOMEM, "file stamps");
	files_hold(j->rec.files, &hold);
	for (uint32_t i = 0; i < files; i++) {
		struct files_stat st;

		if (!bits_get(j->rec.dirty, i))
			continue;
		files_stat_one(j->rec.files, i, &st);
		if (file_complete(&j->rec, i))
			files_expect(j->rec.files, i, &st);
		s->stamps[s->stamp_count++] = (struct resume_stamp){
			i, st.exists ? st.size : RESUME_NO_FILE, st.mtime_ns};
	}
	files_hold_end(j->rec.files, &hold);
	return ERR_NONE;
}

static enum err_code store(struct record_job *j)
{
	struct resume_state s = {.have = j->rec.have,
				 .pieces = j->rec.layout->piece_count,
				 .open = j->rec.open};
	struct recorder *r = j->recorder;
	enum err_code code = stamp_files(j, &s);

	if (code == ERR_NONE && !r->db)
		code = resume_open(&r->db, r->path, &j->err);
	if (code == ERR_NONE)
		code = resume_save(r->db, &j->rec.info_hash, j->rec.root, &s,
				   j->rec.uploaded, j->rec.downloaded, &j->err);
	free(s.stamps);
	return code;
}

static void run_record(struct work_job *job)
{
	struct record_job *j = job_of(job);

	if (files_flush(j->rec.files, j->rec.dirty, &j->file, &j->err) ==
	    ERR_NONE)
		(void)store(j);
}

static void record_done(struct work_job *job)
{
	struct record_job *j = job_of(job);

	j->done(j->ctx, &j->rec, &j->err, j->file);
	free(j->rec.have);
	free(j->rec.dirty);
	free(j);
}

enum err_code recorder_take(struct recorder *r, const struct record *rec,
			    record_done_fn *done, void *ctx, struct err *e)
{
	struct record_job *j = calloc(1, sizeof(*j));

	if (!j)
		return err_fail(e, ERR_NOMEM, "a record");
	j->recorder = r;
	j->rec = *rec;
	j->file = UINT32_MAX;
	j->done = done;
	j->ctx = ctx;
	j->job.run = run_record;
	j->job.done = record_done;
	work_submit(r->work, NULL, &j->job);
	return ERR_NONE;
}
