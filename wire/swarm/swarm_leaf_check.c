/* A piece that fails its root, block by block (BEP 52): its blocks' hashes are
 * asked of a peer, who proves them, and those on the disk are made by
 * ops->leaves. Whose block differs lied; the blocks that are good are given to
 * the store again, as if they had just come, and only the others are fetched.
 *
 * The piece is held meanwhile. When nobody can or will tell the hashes, or none
 * differs (v1's hash alone fails), it goes the way of all pieces:
 * swarm_check.c.
 */
#include "wire/swarm/swarm_int.h"

#include "base/bits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUILTY_MAX 32U

struct leaf_check {
	bool used;
	uint32_t piece, n; /* blocks */
	int64_t begun_ms;
	/* theirs: asked for in parts, of one peer after another */
	uint32_t part;
	uint64_t serial; /* who is asked; 0: nobody */
	int64_t asked_ms;
	bool have_theirs;
	/* ours */
	uint64_t cookie; /* 0: they came */
	struct hash32 *theirs, *ours;
	/* what was good goes to the store again, from block `next` on */
	uint8_t *bad;
	uint32_t next;
	uint32_t read; /* pending; UINT32_MAX: none */
};

static void compare(struct swarm *s, struct leaf_check *c);

/* ---- life ---- */

static void clear(struct swarm *s, struct leaf_check *c)
{
	if (c->used && c->read != UINT32_MAX)
		s->reads[c->read].job = false; /* nobody waits for it */
	free(c->theirs);
	free(c->ours);
	free(c->bad);
	*c = (struct leaf_check){.read = UINT32_MAX};
}

void leaf_check_clear(struct swarm *s)
{
	for (unsigned i = 0; s->leaf_checks && i < LEAF_CHECKS_MAX; i++)
		clear(s, &s->leaf_checks[i]);
	free(s->leaf_checks);
	s->leaf_checks = NULL;
}

bool leaf_check_any(const struct swarm *s)
{
	for (unsigned i = 0; s->leaf_checks && i < LEAF_CHECKS_MAX; i++)
		if (s->leaf_checks[i].used)
			return true;
	return false;
}

static struct leaf_check *find(const struct swarm *s, uint32_t piece)
{
	for (unsigned i = 0; s->leaf_checks && i < LEAF_CHECKS_MAX; i++)
		if (s->leaf_checks[i].used && s->leaf_checks[i].piece == piece)
			return &s->leaf_checks[i];
	return NULL;
}

void leaf_check_drop(struct swarm *s, uint32_t piece)
{
	struct leaf_check *c = find(s, piece);

	if (c)
		clear(s, c);
}

static void give_up(struct swarm *s, struct leaf_check *c)
{
	uint32_t piece = c->piece;

	clear(s, c);
	check_blame(s, piece);
}

/* ---- theirs ---- */

static bool has(const struct link *l, uint32_t piece)
{
	return l->greeted && !l->peer.closed && link_has(l, piece);
}

static bool may_tell(const struct link *l, uint32_t piece)
{
	return l->v2 && has(l, piece) && l->s->now_ms >= l->leaves_from_ms;
}

/* Somebody has it and tells nothing: of him it can be fetched anew. Where
 * nobody has it, whoever comes first may tell. */
static bool in_vain(const struct swarm *s, uint32_t piece)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		if (has(s->links[i], piece))
			return true;
	return false;
}

/* By chance, so that one that is silent is not asked each time. */
static struct link *who_tells(struct swarm *s, uint32_t piece)
{
	uint32_t from = s->n_links ? rng_below(&s->cfg.rng, s->n_links) : 0;

	for (uint32_t i = 0; i < s->n_links; i++) {
		struct link *l = s->links[(from + i) % s->n_links];

		if (may_tell(l, piece))
			return l;
	}
	return NULL;
}

static bool say(struct link *l, struct leaf_check *c)
{
	uint8_t body[HASH_ASK_LEN];
	struct hash_ask ask;

	layers_ask_leaves(l->s->layers, c->piece, c->part, &ask);
	hash_ask_encode(body, &ask);
	c->serial = l->peer.serial;
	c->asked_ms = l->s->now_ms;
	return peer_send_body(&l->peer, MSG_HASH_REQUEST, body, sizeof(body));
}

static void ask(struct swarm *s, struct leaf_check *c)
{
	struct link *l = who_tells(s, c->piece);

	c->serial = 0;
	if (s->now_ms - c->begun_ms >= LEAF_CHECK_MS ||
	    (!l && in_vain(s, c->piece)))
		give_up(s, c);
	else if (l && !say(l, c))
		c->serial = 0; /* it is full, or gone: in a second another */
}

/* What it was asked for of this kind; NULL: nothing like that. */
static struct leaf_check *asked_of(const struct link *l,
				   const struct hash_ask *ask)
{
	struct swarm *s = l->s;
	struct hash_ask own;

	for (unsigned i = 0; s->leaf_checks && i < LEAF_CHECKS_MAX; i++) {
		struct leaf_check *c = &s->leaf_checks[i];

		if (!c->used || c->have_theirs || c->serial != l->peer.serial)
			continue;
		layers_ask_leaves(s->layers, c->piece, c->part, &own);
		if (hash_ask_eq(&own, ask))
			return c;
	}
	return NULL;
}

bool leaf_check_hashes(struct link *l, const struct hash_ask *ask_,
		       const struct hash32 *hashes, const struct hash32 *uncles)
{
	struct leaf_check *c = asked_of(l, ask_);
	struct swarm *s = l->s;

	if (!c)
		return false;
	if (!layers_take_leaves(s->layers, c->piece, c->part, hashes, uncles,
				c->theirs)) {
		c->serial = 0; /* another is asked, see leaf_check_second() */
		check_ban(s, l->peer.serial, "false hashes");
		return true;
	}
	if (++c->part < layers_leaf_parts(s->layers, c->piece)) {
		if (!say(l, c))
			c->serial = 0;
		return true;
	}
	c->have_theirs = true;
	c->serial = 0;
	compare(s, c);
	return true;
}

static void refused(struct link *l, struct leaf_check *c)
{
	l->leaves_from_ms = l->s->now_ms + LEAF_AGAIN_MS;
	ask(l->s, c);
}

bool leaf_check_refused(struct link *l, const struct hash_ask *ask_)
{
	struct leaf_check *c = asked_of(l, ask_);

	if (c)
		refused(l, c);
	return c != NULL;
}

void leaf_check_second(struct swarm *s)
{
	for (unsigned i = 0; s->leaf_checks && i < LEAF_CHECKS_MAX; i++) {
		struct leaf_check *c = &s->leaf_checks[i];
		struct link *l;

		if (!c->used || c->have_theirs)
			continue;
		l = c->serial ? swarm_find_serial(s, c->serial) : NULL;
		if (!l)
			ask(s, c);
		else if (s->now_ms - c->asked_ms >= LEAF_ANSWER_MS)
			refused(l, c);
	}
}

/* ---- ours ---- */

void leaf_check_done(struct swarm *s, uint64_t cookie,
		     const struct hash32 *leaves, uint32_t n)
{
	struct leaf_check *c =
		s->leaf_checks ? &s->leaf_checks[cookie & 0xff] : NULL;

	if (!c || !c->used || c->cookie != cookie)
		return;
	c->cookie = 0;
	if (!leaves || n != c->n) {
		give_up(s, c);
		return;
	}
	memcpy(c->ours, leaves, n * sizeof(*leaves));
	compare(s, c);
}

/* ---- both ---- */

static void feed_done(struct swarm *s, struct leaf_check *c)
{
	picker_retry_blocks(s->picker, c->piece, c->bad);
	clear(s, c);
	s->refill_soon = true;
}

static uint32_t block_len(const struct swarm *s, uint32_t piece, uint32_t block)
{
	uint32_t rest = swarm_piece_bytes(s, piece) - block * PICKER_BLOCK;

	return rest < PICKER_BLOCK ? rest : PICKER_BLOCK;
}

/* False: the check is over (the store took it not). */
static bool feed_one(struct swarm *s, struct leaf_check *c,
		     const struct span *data)
{
	uint32_t piece = c->piece;

	s->cfg.ops->write(s->cfg.ctx, piece, c->next * PICKER_BLOCK, data, 1);
	if (find(s, piece) != c)
		return false;
	c->next++;
	return true;
}

/* The next one that is good; false: there are no more. */
static bool next_good(struct leaf_check *c)
{
	while (c->next < c->n && bits_get(c->bad, c->next))
		c->next++;
	return c->next < c->n;
}

/* Only blocks that are good are read, so nothing that is written meanwhile
 * changes what is there. */
static void feed(struct swarm *s, struct leaf_check *c)
{
	uint32_t job = JOBS_MAX + (uint32_t)(c - s->leaf_checks);

	while (next_good(c)) {
		uint32_t begin = c->next * PICKER_BLOCK;
		struct span data = {0};
		enum swarm_read got;
		bool goes_on;

		c->read = swarm_read_begin(s, NULL, true, job);
		if (c->read == UINT32_MAX) {
			give_up(s, c);
			return;
		}
		got = s->cfg.ops->read(s->cfg.ctx, c->piece, begin,
				       block_len(s, c->piece, c->next), &data,
				       swarm_read_cookie(s, c->read));
		if (got == SWARM_READ_LATER)
			return;
		swarm_read_end(s, c->read);
		c->read = UINT32_MAX;
		if (got == SWARM_READ_FAILED) {
			give_up(s, c);
			return;
		}
		goes_on = feed_one(s, c, &data);
		span_unref(&data);
		if (!goes_on)
			return;
	}
	feed_done(s, c);
}

void leaf_check_read_done(struct swarm *s, uint32_t index,
			  const struct span *data)
{
	struct leaf_check *c = s->leaf_checks ? &s->leaf_checks[index] : NULL;

	if (!c || !c->used || c->read == UINT32_MAX)
		return;
	c->read = UINT32_MAX;
	if (!data || data->len != block_len(s, c->piece, c->next))
		give_up(s, c);
	else if (feed_one(s, c, data))
		feed(s, c);
}

static size_t accuse(const struct swarm *s, const struct leaf_check *c,
		     uint64_t guilty[GUILTY_MAX])
{
	size_t n = 0, k;

	for (uint32_t i = 0; i < c->n; i++) {
		uint64_t who = picker_sender(s->picker, c->piece, i);

		if (!bits_get(c->bad, i))
			continue;
		for (k = 0; k < n && guilty[k] != who; k++)
			;
		if (who && k == n && n < GUILTY_MAX)
			guilty[n++] = who;
	}
	return n;
}

static void compare(struct swarm *s, struct leaf_check *c)
{
	uint64_t guilty[GUILTY_MAX];
	uint32_t piece = c->piece, bad = 0;
	char where[32];
	size_t n;

	if (!c->have_theirs || c->cookie)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		if (memcmp(&c->ours[i], &c->theirs[i], sizeof(c->ours[i])) == 0)
			continue;
		bits_set(c->bad, i);
		bad++;
	}
	log_line(s->cfg.log, LOG_INFO, "wire",
		 "blocks-failed piece=%u blocks=%u of=%u", piece, bad, c->n);
	if (bad == 0 || !s->picker) {
		give_up(s, c);
		return;
	}
	n = accuse(s, c, guilty);
	(void)snprintf(where, sizeof(where), "piece %u", piece);
	for (size_t i = 0; i < n; i++)
		check_ban(s, guilty[i], where);
	c = find(s, piece);
	if (c)
		feed(s, c);
}

/* ---- begin ---- */

static struct leaf_check *make(struct swarm *s, uint32_t piece, uint32_t n)
{
	struct leaf_check *c = NULL;

	if (!s->leaf_checks) {
		s->leaf_checks = calloc(LEAF_CHECKS_MAX, sizeof(*c));
		if (!s->leaf_checks)
			return NULL;
		for (unsigned i = 0; i < LEAF_CHECKS_MAX; i++)
			s->leaf_checks[i].read = UINT32_MAX;
	}
	for (unsigned i = 0; i < LEAF_CHECKS_MAX && !c; i++)
		if (!s->leaf_checks[i].used)
			c = &s->leaf_checks[i];
	if (!c)
		return NULL;
	c->theirs = calloc(n, sizeof(*c->theirs));
	c->ours = calloc(n, sizeof(*c->ours));
	c->bad = calloc(1, bits_bytes(n));
	if (!c->theirs || !c->ours || !c->bad) {
		clear(s, c);
		return NULL;
	}
	c->used = true;
	c->piece = piece;
	c->n = n;
	c->begun_ms = s->now_ms;
	return c;
}

bool leaf_check_begin(struct swarm *s, uint32_t piece)
{
	uint32_t n = s->layers ? layers_leaves(s->layers, piece) : 0;
	struct leaf_check *c;

	if (n == 0 || !s->cfg.ops->leaves ||
	    n != picker_blocks(s->picker, piece) ||
	    (!who_tells(s, piece) && in_vain(s, piece)))
		return false;
	c = make(s, piece, n);
	if (!c)
		return false;
	c->cookie = leaf_cookie(s, (uint8_t)(c - s->leaf_checks));
	if (!s->cfg.ops->leaves(s->cfg.ctx, piece, c->cookie)) {
		clear(s, c);
		return false;
	}
	picker_hold(s->picker, piece);
	ask(s, c);
	return true;
}
