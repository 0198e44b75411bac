#include "storage/object/placement.h"
#include "storage/rent/upload_int.h"

#include <sodium.h>
#include <stdlib.h>

static void read_done(struct work_job *job);
static void make_done(struct work_job *job);

static struct upload *upload_of(struct work_job *job)
{
	struct upload_job *j = (struct upload_job *)job;

	return (struct upload *)((uint8_t *)j - offsetof(struct upload, job));
}

/* --- life --- */

static enum err_code check_cfg(const struct upload_cfg *cfg, struct err *e)
{
	if (cfg->keys.access != OBJECT_FULL || cfg->object.id == 0 ||
	    cfg->object.state != RENTER_PUTTING)
		return err_fail(e, ERR_STATE,
				"upload: the object is not being put");
	if (cfg->slots > UPLOAD_SLOTS_MAX)
		return err_fail(e, ERR_LIMIT, "upload: %u slots", cfg->slots);
	return placing_check(cfg->placing, e);
}

static enum err_code make_room(struct upload *u, int64_t now_ms, struct err *e)
{
	const struct sending_cfg sending = {.placing = u->cfg.placing,
					    .log = u->cfg.log,
					    .name = "upload",
					    .doubts_line = true,
					    .ctx = u->cfg.ctx,
					    .put = u->cfg.ops->put_sector,
					    .cancel = u->cfg.ops->put_cancel,
					    .did = u->cfg.ops->host_did};
	enum err_code code =
		segment_new(&u->segment, u->k, u->n, SECTOR_LEN, e);

	if (code != ERR_NONE)
		return code;
	u->chunk = malloc(UPLOAD_CHUNK);
	if (!u->chunk)
		return err_fail(e, ERR_NOMEM, "upload: no memory");
	return sending_init(&u->sending, &sending, u->cfg.slots, now_ms, e);
}

static void clear(struct upload *u)
{
	while (u->segments) {
		struct upload_segment *s = u->segments;

		u->segments = s->next;
		free(s);
	}
	segment_free(u->segment);
	free(u->chunk);
	sending_clear(&u->sending);
	sodium_memzero(u, sizeof(*u));
	free(u);
}

static void release(struct upload *u)
{
	void (*freed)(void *ctx) = u->cfg.ops->freed;
	void *ctx = u->cfg.ctx;

	clear(u);
	freed(ctx);
}

enum err_code upload_start(struct upload **out, const struct upload_cfg *cfg,
			   int64_t now_ms, struct err *e)
{
	struct upload *u;
	enum err_code code = check_cfg(cfg, e);

	*out = NULL;
	if (code != ERR_NONE)
		return code;
	u = calloc(1, sizeof(*u));
	if (!u)
		return err_fail(e, ERR_NOMEM, "upload: no memory");
	u->cfg = *cfg;
	u->object = cfg->object;
	u->k = cfg->object.k;
	u->n = cfg->object.n;
	atomic_init(&u->stop, false);
	code = make_room(u, now_ms, e);
	if (code != ERR_NONE) {
		clear(u);
		return code;
	}
	*out = u;
	upload_pump(u);
	return ERR_NONE;
}

void upload_free(struct upload *u)
{
	if (!u)
		return;
	sending_cancel_all(&u->sending);
	u->phase = UP_ENDED;
	u->dead = true;
	atomic_store(&u->stop, true);
	if (!u->job.busy)
		release(u);
}

const struct renter_object *upload_object(const struct upload *u)
{
	return &u->object;
}

static void end(struct upload *u, const struct err *why)
{
	sending_cancel_all(&u->sending);
	u->phase = UP_ENDED;
	u->cfg.ops->ended(u->cfg.ctx, why);
}

void upload_fail(struct upload *u, const struct err *why)
{
	if (u->phase == UP_ENDED)
		return;
	log_line(u->cfg.log, LOG_WARN, "upload",
		 "failed object=%lld why=\"%s\"", (long long)u->object.id,
		 why->msg);
	end(u, why);
}

/* --- reading --- */

static void read_next(struct upload *u)
{
	struct err e = {0};

	if (u->next == placement_segments_max(u->n)) {
		(void)err_fail(&e, ERR_LIMIT,
			       "an object has at most %u segments with %u "
			       "shards",
			       u->next, u->n);
		upload_fail(u, &e);
		return;
	}
	u->fresh = false;
	if (renter_db_segment(u->cfg.db, &u->note, &u->known, u->object.id,
			      u->next, &e) != ERR_NONE) {
		upload_fail(u, &e);
		return;
	}
	if (!u->known)
		rng_fill(&u->cfg.rng, u->note.salt, sizeof(u->note.salt));
	upload_read_job(u, read_done);
}

struct placed {
	struct upload *u;
	struct upload_segment *s;
};

static bool add_place(void *ctx, const struct renter_place *p)
{
	struct placed *x = ctx;
	struct upload_segment *s = x->s;
	uint16_t host;

	if (p->shard >= x->u->n || s->at[p->shard] == AT_DONE)
		return true;
	host = placing_find(x->u->cfg.placing, &p->host);
	s->at[p->shard] = AT_DONE;
	s->seat[p->shard] = host == PLACING_NONE ? PLACING_ELSEWHERE : host;
	s->left--;
	s->wanted--;
	x->u->progress.sectors++;
	return true;
}

/* The segment that was read gets its record; one whose shards all have a place
 * needs none. */
static enum err_code begin_segment(struct upload *u, struct err *e)
{
	struct upload_segment **end_of = &u->segments;
	struct upload_segment *s = calloc(1, sizeof(*s));
	enum err_code code;

	if (!s)
		return err_fail(e, ERR_NOMEM, "upload: no memory");
	s->index = u->next;
	s->left = s->wanted = u->n;
	for (unsigned i = 0; i < SHARDS_MAX; i++)
		s->seat[i] = PLACING_NONE;
	code = renter_db_places(u->cfg.db, u->object.id, s->index, add_place,
				&(struct placed){u, s}, e);
	if (code != ERR_NONE || s->left == 0) {
		free(s);
		u->phase = UP_READ;
		return code;
	}
	while (*end_of)
		end_of = &(*end_of)->next;
	*end_of = u->current = s;
	upload_seat(u);
	return ERR_NONE;
}

/* Its salt and hash go to the database, before a sector of it leaves. */
static enum err_code note_segment(struct upload *u, struct err *e)
{
	enum err_code code;

	u->note.plain = u->job.plain;
	code = renter_db_set_segment(u->cfg.db, &u->note, e);
	if (code == ERR_STATE && u->fresh) {
		*e = (struct err){0};
		code = err_fail(e, ERR_STATE,
				"the source has changed since it was begun, "
				"and hosts have signed for it: `seedbank store "
				"rm` what is there of it, then put it anew");
	}
	if (code != ERR_NONE)
		return code;
	u->phase = UP_NOTING;
	u->cfg.ops->want_commit(u->cfg.ctx);
	return ERR_NONE;
}

static void take_stream(struct upload *u)
{
	const struct upload_job *j = &u->job;

	u->off += j->filled;
	u->stream_over = j->ended;
	u->tail_done = j->tailed;
	u->progress.read = u->off;
	u->progress.segments++;
}

/* (!) The bytes decide whether the old salt may be used again. When they are
 * others it is read once more, for another salt. */
static void after_read(struct upload *u)
{
	bool same = u->known && !u->fresh &&
		    memcmp(&u->note.plain, &u->job.plain,
			   sizeof(u->note.plain)) == 0;
	struct err e = {0};
	enum err_code code = ERR_NONE;

	if (u->job.empty) {
		u->stream_over = u->tail_done = true;
		u->phase = UP_READ;
		return;
	}
	if (u->known && !same && !u->fresh) {
		log_line(u->cfg.log, LOG_WARN, "upload",
			 "changed object=%lld segment=%u",
			 (long long)u->object.id, u->next);
		u->fresh = true;
		rng_fill(&u->cfg.rng, u->note.salt, sizeof(u->note.salt));
		upload_read_job(u, read_done);
		return;
	}
	take_stream(u);
	if (!same)
		code = note_segment(u, &e);
	else
		u->phase = UP_MAKING;
	if (code == ERR_NONE)
		code = begin_segment(u, &e);
	if (code != ERR_NONE)
		upload_fail(u, &e);
	u->next++;
}

static bool job_over(struct upload *u)
{
	u->job.busy = false;
	if (u->dead) {
		release(u);
		return true;
	}
	if (u->phase == UP_ENDED)
		return true;
	if (u->job.code != ERR_NONE) {
		upload_fail(u, &u->job.err);
		return true;
	}
	return false;
}

static void read_done(struct work_job *job)
{
	struct upload *u = upload_of(job);

	if (job_over(u))
		return;
	after_read(u);
	upload_pump(u);
}

static void make_done(struct work_job *job)
{
	struct upload *u = upload_of(job);

	if (job_over(u))
		return;
	for (unsigned i = 0; i < u->job.count; i++) {
		struct sending_slot *slot = &u->sending.slots[u->job.slot + i];

		slot->state = SLOT_READY;
		slot->root = u->job.roots[i];
	}
	if (u->current->wanted == 0) {
		u->current = NULL;
		u->phase = UP_READ;
	}
	upload_pump(u);
}

/* --- the end of it --- */

/* What was begun as a longer stream cannot be taken back here: sectors of its
 * end lie at hosts. */
static void end_stream(struct upload *u)
{
	struct renter_segment more;
	struct err e = {0};
	bool known;
	enum err_code code = renter_db_segment(u->cfg.db, &more, &known,
					       u->object.id, u->next, &e);

	u->phase = UP_TAIL;
	if (code == ERR_NONE && known)
		code = err_fail(&e, ERR_STATE,
				"the source is shorter than when it was begun: "
				"`seedbank store rm` what is there of it, then "
				"put it anew");
	if (code != ERR_NONE)
		upload_fail(u, &e);
}

/* As it is in the database by now: records may have been made meanwhile. */
static void close_object(struct upload *u)
{
	struct err e = {0};
	enum err_code code =
		renter_db_object(u->cfg.db, u->object.id, &u->object, &e);

	u->object.size = u->off;
	u->object.segments = u->next;
	u->phase = UP_CLOSING;
	if (code == ERR_NONE)
		code = renter_db_set_object(u->cfg.db, &u->object, &e);
	if (code != ERR_NONE)
		upload_fail(u, &e);
	else
		u->cfg.ops->want_commit(u->cfg.ctx);
}

static void step(struct upload *u)
{
	if (u->job.busy)
		return;
	switch (u->phase) {
	case UP_READ:
		if (u->stream_over && u->tail_done)
			end_stream(u);
		else
			read_next(u);
		break;
	case UP_MAKING:
		upload_make_job(u, make_done);
		break;
	case UP_NOTING:
	case UP_TAIL:
	case UP_CLOSING:
	case UP_ENDED:
		break;
	}
	if (u->phase == UP_TAIL && !u->segments)
		close_object(u);
}

void upload_pump(struct upload *u)
{
	if (u->phase == UP_ENDED)
		return;
	upload_seat(u);
	sending_go(&u->sending);
	step(u);
}

/* --- commits and time --- */

static void settle(struct upload *u, struct upload_segment *s)
{
	for (unsigned i = 0; i < u->n; i++) {
		if (s->at[i] != AT_ACKED)
			continue;
		s->at[i] = AT_DONE;
		s->left--;
		u->progress.sectors++;
	}
}

void upload_committed(struct upload *u, int64_t now_ms)
{
	struct upload_segment **at = &u->segments;

	if (u->phase == UP_ENDED)
		return;
	u->sending.now_ms = now_ms;
	while (*at) {
		struct upload_segment *s = *at;

		settle(u, s);
		if (s->left == 0) {
			*at = s->next;
			free(s);
		} else {
			at = &s->next;
		}
	}
	if (u->cfg.ops->progress)
		u->cfg.ops->progress(u->cfg.ctx, &u->progress);
	if (u->phase == UP_CLOSING) {
		end(u, &(const struct err){0});
		return;
	}
	if (u->phase == UP_NOTING)
		u->phase = UP_MAKING;
	upload_pump(u);
}

void upload_hosts_changed(struct upload *u, int64_t now_ms)
{
	u->sending.now_ms = now_ms;
	u->starved = false;
	upload_pump(u);
}

void upload_tick(struct upload *u, int64_t now_ms)
{
	if (u->phase == UP_ENDED)
		return;
	u->sending.now_ms = now_ms;
	sending_check_times(&u->sending);
	upload_pump(u);
}
