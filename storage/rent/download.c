#include "storage/rent/download_int.h"

#include <sodium.h>
#include <stdlib.h>

static void job_done(struct work_job *job);

static struct download *download_of(struct work_job *job)
{
	struct download_job *j = (struct download_job *)job;

	return (struct download *)((uint8_t *)j -
				   offsetof(struct download, job));
}

/* --- life --- */

static enum err_code check_cfg(const struct download_cfg *cfg, struct err *e)
{
	const struct placement *p = cfg->placement;
	uint64_t size = (uint64_t)p->segments * segment_plain_len(p->k);

	if (cfg->off > size || cfg->len > size - cfg->off)
		return err_fail(e, ERR_LIMIT,
				"bytes %llu + %llu are not in this object",
				(unsigned long long)cfg->off,
				(unsigned long long)cfg->len);
	if (cfg->keys.access < (cfg->ops->solved ? OBJECT_REPAIR : OBJECT_FULL))
		return err_fail(e, ERR_STATE,
				"this link does not open the object");
	return ERR_NONE;
}

static void clear(struct download *d)
{
	while (d->units_n)
		unit_free(d, d->units[--d->units_n]);
	while (d->spare_n)
		free(d->spare[--d->spare_n]);
	segment_free(d->whole);
	segment_free(d->slice);
	free(d->peers);
	sodium_memzero(d, sizeof(*d));
	free(d);
}

static void release(struct download *d)
{
	void (*freed)(void *ctx) = d->cfg.ops->freed;
	void *ctx = d->cfg.ctx;

	clear(d);
	freed(ctx);
}

static void ask_hints(struct download *d)
{
	for (unsigned i = 0; i < d->cfg.placement->hosts_n; i++) {
		uint32_t ms = 0;

		if (d->cfg.ops->host &&
		    !d->cfg.ops->host(d->cfg.ctx, &d->cfg.placement->hosts[i],
				      &ms))
			d->peers[i].dropped = true;
		d->peers[i].ms[0] = ms;
	}
}

enum err_code download_start(struct download **out,
			     const struct download_cfg *cfg, int64_t now_ms,
			     struct err *e)
{
	enum err_code code = check_cfg(cfg, e);
	struct download *d;

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	d = calloc(1, sizeof(*d));
	if (d)
		d->peers = calloc(PLACEMENT_HOSTS_MAX, sizeof(*d->peers));
	if (!d || !d->peers) {
		free(d);
		return err_fail(e, ERR_NOMEM, "download: no memory");
	}
	d->cfg = *cfg;
	d->k = cfg->placement->k;
	d->n = cfg->placement->n;
	d->plain = segment_plain_len(d->k);
	d->at = cfg->off;
	d->end = cfg->off + cfg->len;
	d->buffers = d->k +
		     (d->k < AHEAD ? AHEAD
		      : d->k < 16  ? d->k
				   : 16) +
		     EXTRA;
	d->now_ms = now_ms;
	atomic_init(&d->stop, false);
	ask_hints(d);
	*out = d;
	if (download_possible(d))
		download_pump(d);
	return ERR_NONE;
}

void download_free(struct download *d)
{
	if (!d)
		return;
	d->over = d->dead = true;
	download_cancel_unit(d, NULL);
	atomic_store(&d->stop, true);
	if (!d->job.busy)
		release(d);
}

bool download_loss(const struct download *d, struct download_loss *out)
{
	if (d->lost)
		*out = d->loss;
	return d->lost;
}

static void end(struct download *d, const struct err *why)
{
	d->over = true;
	download_cancel_unit(d, NULL);
	d->cfg.ops->ended(d->cfg.ctx, why);
}

void download_fail(struct download *d, const struct err *why)
{
	if (d->over)
		return;
	log_line(d->cfg.log, LOG_WARN, "download", "failed why=\"%s\"",
		 why->msg);
	end(d, why);
}

/* --- units --- */

uint8_t *row_get(struct download *d, uint32_t width)
{
	uint8_t *row = width == SECTOR_LEN && d->spare_n
			       ? d->spare[--d->spare_n]
			       : malloc(width);

	if (row)
		d->lent += width;
	return row;
}

void row_put(struct download *d, uint8_t *row, uint32_t width)
{
	d->lent -= width;
	if (width == SECTOR_LEN && d->spare_n < SPARE_ROWS)
		d->spare[d->spare_n++] = row;
	else
		free(row);
}

void unit_free(struct download *d, struct unit *u)
{
	for (unsigned i = 0; i < d->n; i++)
		if (u->row[i])
			row_put(d, u->row[i], u->width);
	free(u);
}

/* The frames of the range in its first segment: single ones when they are few,
 * the whole segment otherwise. */
static void shape(const struct download *d, struct unit *u)
{
	uint64_t in = d->at % d->plain;
	uint64_t last = d->end - (d->at - in);
	unsigned frames;

	if (last > d->plain)
		last = d->plain;
	u->segment = (uint32_t)(d->at / d->plain);
	u->frame = (unsigned)(in / FRAME_PLAIN);
	frames = (unsigned)((last + FRAME_PLAIN - 1) / FRAME_PLAIN) - u->frame;
	u->want = d->k;
	u->frames = frames;
	u->width = SECTOR_LEN;
	if (d->cfg.ops->solved || frames > d->k * FRAMES_PER_ROW / FEW_FRAMES)
		return;
	u->frames = u->want = 1;
	u->direct = true;
	u->width = FRAME_LEN;
	u->offset = u->frame % FRAMES_PER_ROW * FRAME_LEN;
}

static bool begin_unit(struct download *d)
{
	struct unit *u;
	uint64_t next;

	if (d->at >= d->end || d->units_n == UNITS_MAX ||
	    d->lent >= (uint64_t)(d->buffers - EXTRA) * SECTOR_LEN)
		return false;
	/* another whole segment would only take the second's buffers, unless
	 * they are so short that hosts would wait for us */
	if (d->units_n >= 2 && d->units_n * d->k >= AHEAD &&
	    d->units[d->units_n - 1]->width == SECTOR_LEN)
		return false;
	u = calloc(1, sizeof(*u));
	if (!u)
		return false;
	shape(d, u);
	next = (uint64_t)u->segment * d->plain +
	       (uint64_t)(u->frame + u->frames) * FRAME_PLAIN;
	d->at = next < d->end ? next : d->end;
	d->units[d->units_n++] = u;
	return true;
}

static void job_done(struct work_job *job)
{
	struct download *d = download_of(job);
	struct unit *u = d->job.unit;

	d->job.busy = false;
	if (d->dead) {
		release(d);
		return;
	}
	if (d->over)
		return;
	if (d->job.code != ERR_NONE) {
		download_fail(d, &d->job.err);
		return;
	}
	d->units_n--;
	memmove(d->units, d->units + 1, d->units_n * sizeof(d->units[0]));
	unit_free(d, u);
	d->done += d->job.written;
	if (d->cfg.ops->progress)
		d->cfg.ops->progress(d->cfg.ctx, d->done);
	download_pump(d);
}

void download_pump(struct download *d)
{
	if (d->over)
		return;
	do
		download_ask(d);
	while (!d->over && begin_unit(d));
	if (d->over)
		return;
	if (!d->units_n)
		end(d, &(const struct err){0});
	else if (!d->job.busy && unit_complete(d, d->units[0]))
		download_job(d, d->units[0], job_done);
}

void download_tick(struct download *d, int64_t now_ms)
{
	if (d->over)
		return;
	d->now_ms = now_ms;
	download_check_times(d);
	download_pump(d);
}
