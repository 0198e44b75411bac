#include "storage/rent/download_int.h"

#include <stdlib.h>

static struct download *download_of(struct work_job *job)
{
	struct download_job *j = (struct download_job *)job;

	return (struct download *)((uint8_t *)j -
				   offsetof(struct download, job));
}

/* The part of a frame's plaintext that was asked for. */
static enum err_code give(struct download *d, const struct unit *u,
			  unsigned frame, const uint8_t *plain)
{
	uint64_t at =
		(uint64_t)u->segment * d->plain + (uint64_t)frame * FRAME_PLAIN;
	uint64_t first = d->cfg.off > at ? d->cfg.off - at : 0;
	uint64_t last = d->cfg.off + d->cfg.len - at;

	if (last > FRAME_PLAIN)
		last = FRAME_PLAIN;
	d->job.written += last - first;
	return d->cfg.ops->write(d->cfg.ctx, at + first, plain + first,
				 (size_t)(last - first), &d->job.err);
}

static enum err_code load(struct download *d, struct segment *s,
			  const struct unit *u)
{
	enum err_code code = segment_begin(s, &d->cfg.keys,
					   d->cfg.placement->salts[u->segment],
					   u->offset, &d->job.err);

	for (unsigned i = 0; i < d->n && code == ERR_NONE && segment_wants(s);
	     i++)
		if (u->row[i])
			code = segment_load(s, i, u->row[i], &d->job.err);
	return code == ERR_NONE ? segment_solve(s, &d->job.err) : code;
}

static enum err_code open_rows(struct download *d, struct unit *u)
{
	struct segment **s = unit_class(u) ? &d->whole : &d->slice;
	uint8_t plain[FRAME_PLAIN];
	enum err_code code = ERR_NONE;

	if (!*s)
		code = segment_new(s, d->k, d->n, u->width, &d->job.err);
	if (code == ERR_NONE)
		code = load(d, *s, u);
	if (code == ERR_NONE && d->cfg.ops->solved)
		return d->cfg.ops->solved(d->cfg.ctx, *s, u->segment,
					  &d->job.err);
	for (unsigned f = 0; f < u->frames && code == ERR_NONE; f++) {
		if (atomic_load(&d->stop))
			return err_fail(&d->job.err, ERR_STATE, "cancelled");
		code = segment_open(*s, plain, u->frame + f, &d->job.err);
		if (code == ERR_NONE)
			code = give(d, u, u->frame + f, plain);
	}
	return code;
}

/* Every frame's own row has come: then there is nothing to solve, and each is
 * bared and opened while it is in the cache. */
static bool is_direct(const struct download *d, const struct unit *u)
{
	unsigned last = (u->frame + u->frames - 1) / FRAMES_PER_ROW;

	if (d->cfg.ops->solved)
		return false;
	for (unsigned i = u->frame / FRAMES_PER_ROW; i <= last; i++)
		if (!u->row[i])
			return false;
	return true;
}

static enum err_code open_direct(struct download *d, const struct unit *u)
{
	const uint8_t *salt = d->cfg.placement->salts[u->segment];
	uint8_t plain[FRAME_PLAIN];
	enum err_code code = ERR_NONE;

	for (unsigned f = u->frame;
	     f < u->frame + u->frames && code == ERR_NONE; f++) {
		uint32_t at = f % FRAMES_PER_ROW * FRAME_LEN - u->offset;

		if (atomic_load(&d->stop))
			return err_fail(&d->job.err, ERR_STATE, "cancelled");
		code = segment_frame(plain, &d->cfg.keys, salt, f,
				     u->row[f / FRAMES_PER_ROW] + at,
				     &d->job.err);
		if (code == ERR_NONE)
			code = give(d, u, f, plain);
	}
	return code;
}

static void run(struct work_job *job)
{
	struct download *d = download_of(job);
	struct unit *u = d->job.unit;

	d->job.written = 0;
	d->job.code = is_direct(d, u) ? open_direct(d, u) : open_rows(d, u);
	if (d->job.code == ERR_SIG) {
		d->job.err = (struct err){0};
		(void)err_fail(&d->job.err, ERR_SIG,
			       "segment %u is as it was stored, but does not "
			       "open with this key",
			       u->segment);
	}
}

void download_job(struct download *d, struct unit *u,
		  void (*done)(struct work_job *job))
{
	d->job.busy = true;
	d->job.unit = u;
	d->job.err = (struct err){0};
	d->job.job = (struct work_job){.run = run, .done = done};
	work_submit(d->cfg.work, NULL, &d->job.job);
}
