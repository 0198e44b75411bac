/* What goes on by itself: sectors are read again at a slow rate, sick disks are
 * noticed, what is over is taken away.
 */
#include "storage/sector/sectors_int.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256U	 /* sectors between two notes of how far it is */
#define REST_MS 60000	 /* nothing to check */
#define AGAIN_S 86400	 /* a volume is not checked more often */
#define EXPIRE_STEP 256U /* stagings in one commit */
#define RECORDS_STEP 16U /* each has 256 parts at most */
#define PURGE_STEP 1024U /* positions */

struct care {
	struct sectors *s;
	struct commit commit;
	bool purging;
	bool more;  /* the commit's */
	bool again; /* asked for while it was at work */
	int64_t now_s;
	/* scrub */
	struct loop_timer *timer;
	struct query query;
	struct look look;
	struct commit note;
	bool busy;
	uint32_t volume; /* its number */
	uint32_t from;	 /* where the batch begins */
	uint32_t next;	 /* what is noted */
	int64_t done_s;	 /* the volume is through */
	struct sector_in in[BATCH];
	size_t n, i;
};

#define CARE_OF(ptr, member) \
	((struct care *)(void *)((char *)(ptr)-offsetof(struct care, member)))

/* --- disks --- */

struct sick {
	struct commit commit; /* first */
	uint32_t id;
};

static enum err_code apply_sick(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct sick *n = (struct sick *)(void *)c;

	(void)freed;
	return sector_db_volume_sick(d, n->id, true, e);
}

static void sick_noted(struct commit *c)
{
	free(c);
}

void vol_call_sick(struct sectors *s, struct vol *v, const char *why)
{
	struct sick *n;

	if (v->sick)
		return;
	v->sick = true;
	vol_note(s, v,
		 "the disk at %s is failing (%s): nothing new goes there; "
		 "drain it",
		 v->dir, why);
	n = calloc(1, sizeof(*n));
	if (!n) /* then the next start has to find out again */
		return;
	n->id = v->id;
	n->commit.apply = apply_sick;
	n->commit.done = sick_noted;
	commit_add(s, &n->commit);
}

void vol_lost_one(struct sectors *s, struct vol *v, const struct hash32 *root,
		  const char *why)
{
	v->errors++;
	v->used--;
	v->retired++;
	log_line(s->cfg.log, LOG_WARN, "sectors",
		 "lost volume=%u errors=%u why=\"%s\"", v->id, v->errors, why);
	if (s->cfg.ops && s->cfg.ops->lost)
		s->cfg.ops->lost(s->cfg.ctx, root, v->id);
	if (v->losing || v->sick)
		return;
	if (v->errors >= SICK_ERRORS)
		vol_call_sick(s, v, why);
	else
		vol_note(s, v, "a sector in %s is lost: %s", v->dir, why);
}

/* --- what is over --- */

static enum err_code apply_care(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct care *k = CARE_OF(c, commit);
	uint32_t staged = 0, records = 0;
	bool lists = false;
	enum err_code code =
		sector_db_expire(d, k->now_s, EXPIRE_STEP, &staged, freed, e);

	if (code == ERR_NONE)
		code = record_expire(d, k->now_s, RECORDS_STEP, &records, e);
	if (code == ERR_NONE)
		code = list_purge(d, PURGE_STEP, &lists, freed, e);
	k->more = lists || staged == EXPIRE_STEP || records == RECORDS_STEP;
	return code;
}

static void care_done(struct commit *c);

static void start_care(struct care *k)
{
	k->purging = true;
	k->again = false;
	k->now_s = k->s->now_s;
	k->commit.apply = apply_care;
	k->commit.done = care_done;
	commit_add(k->s, &k->commit);
}

static void care_done(struct commit *c)
{
	struct care *k = CARE_OF(c, commit);

	if (c->err.code != ERR_NONE)
		log_line(k->s->cfg.log, LOG_ERROR, "sectors",
			 "care error=\"%s\"", c->err.msg);
	k->purging = (k->more || k->again) && c->err.code == ERR_NONE &&
		     !k->s->closing;
	if (k->purging)
		start_care(k);
}

void care_wanted(struct sectors *s)
{
	struct care *k = s->care;

	if (s->closing)
		return;
	if (k->purging) /* what is at work may have looked already */
		k->again = true;
	else
		start_care(k);
}

void sectors_tick(struct sectors *s, int64_t now_s)
{
	if (s->closing)
		return;
	s->now_s = now_s;
	care_wanted(s);
}

/* --- scrub --- */

static void scrub_next(struct care *k);

static void rest(struct care *k, int64_t ms)
{
	k->busy = false;
	if (!k->s->closing)
		loop_timer_set(k->timer, ms);
}

static enum err_code apply_note(struct commit *c, struct sector_db *d,
				struct sector_freed *freed, struct err *e)
{
	struct care *k = CARE_OF(c, note);
	enum err_code code =
		sector_db_scrubbed(d, k->volume, k->next, k->done_s, e);

	(void)freed;
	c->undo = code == ERR_STATE; /* the volume is gone */
	return c->undo ? ERR_NONE : code;
}

static void noted(struct commit *c)
{
	struct care *k = CARE_OF(c, note);

	rest(k, 0);
}

static void note(struct care *k)
{
	struct vol *v = vol_by_id(k->s, k->volume);

	k->done_s = k->n == 0 ? k->s->now_s : 0;
	k->next = k->n ? k->in[k->n - 1].slot + 1 : 0;
	if (v) {
		v->scrub = k->next;
		if (k->n == 0)
			v->scrubbed_s = k->s->now_s;
	}
	k->n = k->i = 0;
	k->note.apply = apply_note;
	k->note.done = noted;
	commit_add(k->s, &k->note);
}

static void looked(struct look *l, enum verdict verdict)
{
	struct care *k = CARE_OF(l, look);
	int64_t ms = (int64_t)(SECTOR_LEN * UINT64_C(1000) /
			       k->s->cfg.scrub_bytes_per_s);

	(void)verdict; /* what is lost was said */
	buffer_put(k->s, l->buf);
	l->buf = NULL;
	k->i++;
	rest(k, ms);
}

static void look_at(struct care *k, struct vol *v)
{
	struct look *l = &k->look;

	l->buf = buffer_get(k->s);
	if (!l->buf) {
		rest(k, REST_MS);
		return;
	}
	l->s = k->s;
	l->v = v;
	l->root = k->in[k->i].root;
	l->at = (struct sector_at){v->id, k->in[k->i].slot};
	l->cold = true;
	l->done = looked;
	look_start(l);
}

static void run_batch(struct query *q, struct sector_db *d)
{
	struct care *k = CARE_OF(q, query);

	(void)!sector_db_from(d, k->volume, k->from, k->in, BATCH, &k->n,
			      &q->err);
}

static void batch_done(struct query *q)
{
	struct care *k = CARE_OF(q, query);

	k->i = 0;
	if (q->err.code != ERR_NONE)
		rest(k, REST_MS);
	else if (k->n == 0)
		note(k);
	else
		rest(k, 0);
}

/* The first volume, by number, that is in the middle of a check or due. */
static struct vol *due(const struct sectors *s)
{
	struct vol *best = NULL;

	for (unsigned i = 0; i < s->vol_n; i++) {
		struct vol *v = s->vols[i];
		bool is = v->file && !v->losing && v->used &&
			  (v->scrub || v->scrubbed_s == 0 ||
			   s->now_s - v->scrubbed_s >= AGAIN_S);

		if (is && (!best || v->id < best->id))
			best = v;
	}
	return best;
}

static void scrub_next(struct care *k)
{
	struct vol *v = vol_by_id(k->s, k->volume);

	if (k->busy || k->s->closing)
		return;
	k->busy = true;
	if (k->i < k->n && v && v->file) {
		look_at(k, v);
	} else if (k->n) {
		note(k);
	} else if ((v = due(k->s))) {
		k->volume = v->id;
		k->from = v->scrub;
		k->query.run = run_batch;
		k->query.done = batch_done;
		query_start(k->s, &k->query);
	} else {
		rest(k, REST_MS);
	}
}

static void on_timer(void *ctx)
{
	scrub_next(ctx);
}

enum err_code care_init(struct sectors *s, struct err *e)
{
	struct care *k = calloc(1, sizeof(*k));

	s->care = k;
	if (!k)
		return err_fail(e, ERR_NOMEM, "the sectors' care");
	k->s = s;
	k->timer = loop_timer_new(s->cfg.loop, on_timer, k);
	if (!k->timer)
		return err_fail(e, ERR_NOMEM, "a timer");
	if (s->cfg.scrub_bytes_per_s)
		loop_timer_set(k->timer, 0);
	return ERR_NONE;
}

void care_closing(struct sectors *s)
{
	loop_timer_cancel(s->care->timer);
}

void care_free(struct sectors *s)
{
	if (s->care)
		loop_timer_free(s->care->timer);
	free(s->care);
}
