#include "wire/swarm/swarm_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUILTY_MAX 32U

static struct gone *find_gone(struct swarm *s, uint64_t serial)
{
	for (uint32_t i = 0; s->gone && i < GONE_MAX; i++)
		if (s->gone[i].serial == serial)
			return &s->gone[i];
	return NULL;
}

/* Once: what it sent may be found false in several pieces. */
static bool note_ban(struct swarm *s, uint64_t serial, struct link *l,
		     struct wire_addr *addr)
{
	struct gone *g = l ? NULL : find_gone(s, serial);
	bool *banned = l ? &l->banned : g ? &g->banned : NULL;

	if (!banned || *banned)
		return false;
	*banned = true;
	*addr = l ? l->peer.cfg.addr : g->addr;
	return true;
}

void check_ban(struct swarm *s, uint64_t serial, const char *where)
{
	struct link *l = swarm_find_serial(s, serial);
	struct wire_addr addr;

	if (serial == 0)
		return;
	if (sources_ban(s, serial)) {
		log_line(s->cfg.log, LOG_INFO, "wire",
			 "source-ban where=\"%s\"", where);
		return;
	}
	if (!note_ban(s, serial, l, &addr))
		return;
	log_line(s->cfg.log, LOG_INFO, "wire",
		 "peer-ban serial=%llu where=\"%s\"",
		 (unsigned long long)serial, where);
	s->cfg.ops->peer_banned(s->cfg.ctx, l ? &l->peer : NULL, serial, &addr);
	if (l)
		peer_shut(&l->peer, PEER_CLOSE_BAD_DATA,
			  "sent false data in %s", where);
}

static void ban(struct swarm *s, uint64_t serial, uint32_t piece)
{
	char where[32];

	(void)snprintf(where, sizeof(where), "piece %u", piece);
	check_ban(s, serial, where);
}

/* ---- jobs: read a piece back, fingerprint its blocks ---- */

static void job_clear(struct job *j)
{
	free(j->prints);
	free(j->senders);
	memset(j, 0, sizeof(*j));
}

void check_clear(struct swarm *s)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		job_clear(&s->jobs[i]);
}

static void retry(struct swarm *s, uint32_t piece, bool sole)
{
	if (s->picker)
		picker_retry(s->picker, piece, sole, s->now_ms);
	s->refill_soon = true;
}

static void job_done(struct swarm *s, struct job *j, bool ok)
{
	uint64_t guilty[GUILTY_MAX];
	uint32_t piece = j->piece;
	size_t n = 0;

	if (j->verified) {
		if (ok)
			n = blame_judge(s->blame, piece, j->prints, j->n,
					guilty, GUILTY_MAX);
		job_clear(j);
		for (size_t i = 0; i < n; i++)
			ban(s, guilty[i], piece);
		return;
	}
	if (ok)
		blame_add(s->blame, piece, j->prints, j->senders, j->n);
	job_clear(j);
	retry(s, piece, ok);
}

static void job_print(struct swarm *s, struct job *j, const struct span *data)
{
	j->prints[j->next] =
		blame_print(s->blame, j->piece, j->next, data->p, data->len);
	j->next++;
}

static uint32_t block_len(const struct swarm *s, uint32_t piece, uint32_t block)
{
	uint32_t rest = swarm_piece_bytes(s, piece) - block * PICKER_BLOCK;

	return rest < PICKER_BLOCK ? rest : PICKER_BLOCK;
}

static void job_run(struct swarm *s, struct job *j)
{
	while (j->next < j->n) {
		uint32_t begin = j->next * PICKER_BLOCK;
		uint32_t len = block_len(s, j->piece, j->next);
		uint32_t read = swarm_read_begin(s, NULL, true,
						 (uint32_t)(j - s->jobs));
		struct span data = {0};
		enum swarm_read got;

		if (read == UINT32_MAX)
			break;
		got = s->cfg.ops->read(s->cfg.ctx, j->piece, begin, len, &data,
				       swarm_read_cookie(s, read));
		if (got == SWARM_READ_LATER) {
			j->waiting = true;
			return;
		}
		swarm_read_end(s, read);
		if (got == SWARM_READ_FAILED)
			break;
		job_print(s, j, &data);
		span_unref(&data);
	}
	job_done(s, j, j->next == j->n);
}

void check_read_done(struct swarm *s, uint32_t job, const struct span *data)
{
	struct job *j;

	if (job >= JOBS_MAX) {
		leaf_check_read_done(s, job - JOBS_MAX, data);
		return;
	}
	j = &s->jobs[job];
	if (!j->used || !j->waiting)
		return;
	j->waiting = false;
	if (!data || data->len != block_len(s, j->piece, j->next)) {
		job_done(s, j, false);
		return;
	}
	job_print(s, j, data);
	job_run(s, j);
}

static struct job *job_new(struct swarm *s, uint32_t piece, bool verified)
{
	uint32_t n =
		(swarm_piece_bytes(s, piece) + PICKER_BLOCK - 1) / PICKER_BLOCK;
	struct job *j = NULL;

	if (!s->blame)
		s->blame = blame_new(&s->cfg.rng);
	for (unsigned i = 0; i < JOBS_MAX && !j; i++)
		if (!s->jobs[i].used)
			j = &s->jobs[i];
	if (!s->blame || !j)
		return NULL;
	j->prints = calloc(n, sizeof(*j->prints));
	j->senders = calloc(n, sizeof(*j->senders));
	if (!j->prints || !j->senders) {
		job_clear(j);
		return NULL;
	}
	j->used = true;
	j->verified = verified;
	j->piece = piece;
	j->n = n;
	return j;
}

/* ---- verdicts ---- */

/* The only sender of a whole piece; 0 when there were several. */
static uint64_t only_sender(const struct swarm *s, uint32_t piece)
{
	uint64_t first = picker_sender(s->picker, piece, 0);

	for (uint32_t i = 1; i < picker_blocks(s->picker, piece); i++)
		if (picker_sender(s->picker, piece, i) != first)
			return 0;
	return first;
}

void check_failed(struct swarm *s, uint32_t piece)
{
	uint64_t only = only_sender(s, piece);

	if (only)
		ban(s, only, piece);
	if (!leaf_check_begin(s, piece))
		check_blame(s, piece);
}

void check_blame(struct swarm *s, uint32_t piece)
{
	struct job *j;

	if (!s->picker)
		return;
	if (only_sender(s, piece)) { /* it is banned */
		retry(s, piece, s->blame && blame_knows(s->blame, piece));
		return;
	}
	j = job_new(s, piece, false);
	if (!j) {
		retry(s, piece, false);
		return;
	}
	for (uint32_t i = 0; i < j->n; i++)
		j->senders[i] = picker_sender(s->picker, piece, i);
	picker_hold(s->picker, piece);
	job_run(s, j);
}

void check_verified(struct swarm *s, uint32_t piece)
{
	struct job *j;

	if (!s->blame || !blame_knows(s->blame, piece))
		return;
	j = job_new(s, piece, true);
	if (j)
		job_run(s, j);
}
