#include "storage/rent/upload_int.h"

#include "base/hash.h"

#define CHUNK UPLOAD_CHUNK

static struct upload *upload_of(struct work_job *job)
{
	struct upload_job *j = (struct upload_job *)job;

	return (struct upload *)((uint8_t *)j - offsetof(struct upload, job));
}

static enum err_code put_all(struct upload *u, struct sha256 *hash,
			     const uint8_t *p, size_t len, struct err *e)
{
	size_t taken;
	enum err_code code;

	sha256_update(hash, p, len);
	code = segment_put(u->segment, &taken, p, len, e);
	if (code == ERR_NONE && taken != len)
		code = err_fail(e, ERR_STATE, "upload: the segment is full");
	return code;
}

/* Reads until the segment is full or the stream over. */
static enum err_code pull(struct upload *u, struct sha256 *hash, uint32_t *room)
{
	struct upload_job *j = &u->job;
	enum err_code code = ERR_NONE;
	size_t want, got;

	while (code == ERR_NONE && *room && !j->ended) {
		want = *room < CHUNK ? *room : CHUNK;
		got = 0;
		if (atomic_load(&u->stop))
			return err_fail(&j->err, ERR_STATE, "cancelled");
		code = u->cfg.ops->read(u->cfg.ctx, j->off + j->filled,
					u->chunk, want, &got, &j->err);
		if (code == ERR_NONE && got > want)
			code = err_fail(&j->err, ERR_STATE,
					"upload: %zu bytes of %zu read", got,
					want);
		if (code != ERR_NONE)
			break;
		j->ended = got < want;
		code = put_all(u, hash, u->chunk, got, &j->err);
		j->filled += (uint32_t)got;
		*room -= (uint32_t)got;
	}
	return code;
}

/* Known once the stream is over. */
static enum err_code ask_tail(struct upload *u)
{
	struct upload_job *j = &u->job;

	j->tail_len = 0;
	if (j->ended && u->cfg.ops->tail)
		j->tail_len = u->cfg.ops->tail(u->cfg.ctx, j->tail);
	if (j->tail_len > UPLOAD_TAIL_MAX)
		return err_fail(&j->err, ERR_LIMIT, "upload: a tail of %zu",
				j->tail_len);
	return ERR_NONE;
}

/* Zeroes, and the tail at the very end if the stream is over and it fits. */
static enum err_code pad(struct upload *u, struct sha256 *hash, uint32_t room)
{
	struct upload_job *j = &u->job;
	size_t tail = j->tail_len;
	enum err_code code = ERR_NONE;

	j->tailed = j->ended && room >= tail;
	if (!j->tailed)
		tail = 0;
	room -= (uint32_t)tail;
	memset(u->chunk, 0, CHUNK);
	while (code == ERR_NONE && room) {
		uint32_t now = room < CHUNK ? room : CHUNK;

		code = put_all(u, hash, u->chunk, now, &j->err);
		room -= now;
	}
	if (code == ERR_NONE && tail)
		code = put_all(u, hash, j->tail, tail, &j->err);
	return code == ERR_NONE ? segment_finish(u->segment, NULL, 0, &j->err)
				: code;
}

static void read_run(struct work_job *job)
{
	struct upload *u = upload_of(job);
	struct upload_job *j = &u->job;
	uint32_t room = segment_plain_len(u->k);
	struct sha256 hash;

	sha256_init(&hash);
	j->filled = 0;
	j->ended = j->over;
	j->tailed = j->empty = false;
	j->code = segment_begin(u->segment, &u->cfg.keys, j->salt, 0, &j->err);
	if (j->code == ERR_NONE)
		j->code = pull(u, &hash, &room);
	if (j->code == ERR_NONE)
		j->code = ask_tail(u);
	if (j->code != ERR_NONE)
		return;
	if (!j->first && j->filled == 0 && j->tail_len == 0) {
		j->empty = true;
		return;
	}
	j->code = pad(u, &hash, room);
	sha256_final(&hash, j->plain.bytes);
}

static void submit(struct upload *u, void (*run)(struct work_job *),
		   void (*done)(struct work_job *))
{
	u->job.busy = true;
	u->job.err = (struct err){0};
	u->job.code = ERR_NONE;
	u->job.job = (struct work_job){.run = run, .done = done};
	work_submit(u->cfg.work, NULL, &u->job.job);
}

void upload_read_job(struct upload *u, void (*done)(struct work_job *job))
{
	memcpy(u->job.salt, u->note.salt, sizeof(u->job.salt));
	u->job.off = u->off;
	u->job.over = u->stream_over;
	u->job.first = u->next == 0;
	submit(u, read_run, done);
}

static void make_run(struct work_job *job)
{
	struct upload *u = upload_of(job);
	struct upload_job *j = &u->job;

	j->code = segment_sectors(u->segment, j->shard, j->count,
				  sending_sector(&u->sending, j->slot),
				  j->roots, &j->err);
}

/* The longest run of free slots, `want` at most; 0: none is free. */
static unsigned free_slots(const struct upload *u, unsigned want,
			   unsigned *first)
{
	unsigned best = 0, run = 0;

	for (unsigned i = 0; i < u->sending.slots_n && best < want; i++) {
		run = u->sending.slots[i].state == SLOT_FREE ? run + 1 : 0;
		if (run > best) {
			best = run;
			*first = i + 1 - run;
		}
	}
	return best;
}

void upload_make_job(struct upload *u, void (*done)(struct work_job *job))
{
	struct upload_segment *s = u->current;
	unsigned shard = 0, count = 0, first = 0;

	while (s->at[shard] != AT_WANTED)
		shard++;
	while (count < MAKE_MAX && shard + count < u->n &&
	       s->at[shard + count] == AT_WANTED)
		count++;
	count = free_slots(u, count, &first);
	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		sending_fill(&u->sending, first + i, s, (uint16_t)(shard + i),
			     &s->seat[shard + i]);
		s->at[shard + i] = AT_SLOT;
		s->wanted--;
	}
	u->job.shard = (uint16_t)shard;
	u->job.slot = first;
	u->job.count = count;
	submit(u, make_run, done);
}
