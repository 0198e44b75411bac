#include "wire/swarm/swarm_int.h"

#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

void down_init(struct link *l)
{
	l->down.target = DOWN_TARGET_START;
	l->down.most = DOWN_REQUESTS_MAX;
	l->down.starting = true;
	l->down.last_piece = UINT32_MAX;
}

void down_clear(struct link *l)
{
	free(l->down.ring);
	memset(&l->down, 0, sizeof(l->down));
}

/* ---- the ring of what we asked for ---- */

static struct ask *ask_at(const struct down *d, uint32_t i)
{
	return &d->ring[(d->first + i) & (d->cap - 1)];
}

static void trim(struct down *d)
{
	while (d->n && ask_at(d, 0)->state == ASK_DONE) {
		d->first = (d->first + 1) & (d->cap - 1);
		d->n--;
	}
}

static void end_ask(struct down *d, struct ask *a)
{
	if (a->state == ASK_ACTIVE)
		d->active--;
	if (a->state == ASK_LATE)
		d->late--;
	a->state = ASK_DONE;
}

/* Closes the gaps, and forgets late ones while there are too many. */
static void compact(struct down *d)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		struct ask *a = ask_at(d, i);

		if (a->state == ASK_LATE && d->late > d->cap / 2)
			end_ask(d, a);
		if (a->state != ASK_DONE)
			*ask_at(d, kept++) = *a;
	}
	d->n = kept;
}

/* Room for `more` entries; false when the maximum does not allow it. */
static bool ring_room(struct down *d, uint32_t more)
{
	uint32_t cap = d->cap ? d->cap : 64;
	struct ask *ring;

	trim(d);
	if (d->cap && d->cap - d->n >= more)
		return true;
	if (d->n)
		compact(d);
	while (cap - d->n < more && cap < 2 * DOWN_REQUESTS_MAX)
		cap *= 2;
	if (cap - d->n < more)
		return false;
	if (cap == d->cap)
		return true;
	ring = calloc(cap, sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < d->n; i++)
		ring[i] = *ask_at(d, i);
	free(d->ring);
	d->ring = ring;
	d->cap = cap;
	d->first = 0;
	return true;
}

static struct ask *find_ask(const struct down *d, struct picker_block b)
{
	for (uint32_t i = 0; i < d->n; i++) {
		struct ask *a = ask_at(d, i);

		if (a->state != ASK_DONE && a->b.block == b.block &&
		    a->b.piece == b.piece)
			return a;
	}
	return NULL;
}

/* ---- asking ---- */

static uint32_t target_of(const struct link *l)
{
	uint32_t most = l->reqq ? l->reqq : DOWN_REQQ_DEFAULT;
	uint32_t t = l->down.snubbed ? 1 : l->down.target;

	/* at its very limit transmission 3.00 refuses one now and then, and
	 * says so ten seconds later */
	most -= most / 16;
	if (most > l->down.most)
		most = l->down.most;
	return t < most ? t : most;
}

static bool may_ask(const struct link *l)
{
	const struct swarm *s = l->s;

	return s->picker && !s->blocked && s->download_on && !hash_holds(s) &&
	       !l->peer.closed && l->am_interested && !l->down.quiet &&
	       s->now_ms >= l->down.pause_until_ms &&
	       (!l->they_choke || l->down.n_allowed > 0);
}

/* Slow: a piece would take it longer than PICKER_SLOW_S. Unknown is not slow.
 */
static bool is_slow(const struct link *l)
{
	return l->in.filled == RATE_SECONDS &&
	       l->in.rate < l->s->cfg.piece_len / PICKER_SLOW_S;
}

/* Pieces side by side: what it sends in half a second, so that not much of them
 * is lost when we end before they are whole. */
static uint32_t width_of(const struct link *l)
{
	uint64_t rate = l->in.total - l->in.seen, n;

	if (rate < l->in.last)
		rate = l->in.last;
	if (rate < DOWN_WIDE_FROM)
		return 1;
	n = rate / 2 / l->s->cfg.piece_len;
	return n < l->s->cfg.in_step ? (uint32_t)n : l->s->cfg.in_step;
}

static size_t pick(struct link *l, struct picker_block *out, size_t max)
{
	struct swarm *s = l->s;
	struct picker_peer who = {
		.serial = l->peer.serial,
		.bits = l->seed ? NULL : l->bits,
		.slow = is_slow(l),
		.width = width_of(l),
		.last = l->down.last_piece,
		.suggested = l->down.suggested,
		.n_suggested = l->down.n_suggested,
	};
	size_t n = 0, endgame = 0;

	if (!l->seed && !l->bits)
		return 0;
	if (l->they_choke) {
		for (uint32_t i = 0; i < l->down.n_allowed && n < max; i++)
			n += picker_pick_in(s->picker, &who, l->down.allowed[i],
					    out + n, max - n);
	} else {
		if (l->down.active < DOWN_ENDGAME_MAX)
			endgame = DOWN_ENDGAME_MAX - l->down.active;
		n = picker_pick(s->picker, &who, out, max, endgame, s->now_ms);
	}
	l->down.last_piece = who.last;
	return n;
}

static void ask_for(struct link *l, struct picker_block b)
{
	struct down *d = &l->down;

	*ask_at(d, d->n++) = (struct ask){b, l->s->now_ms, ASK_ACTIVE};
	d->active++;
	(void)peer_send_block_msg(&l->peer, MSG_REQUEST, b.piece,
				  b.block * PICKER_BLOCK,
				  picker_block_len(l->s->picker, b));
}

/* Asks in batches: not before a good part of the target has been answered, so
 * that requests leave, and blocks come, in long runs. */
void down_fill(struct link *l)
{
	struct picker_block got[64];
	struct down *d = &l->down;
	uint32_t target, missing;

	if (!may_ask(l))
		return;
	target = target_of(l);
	if (d->active >= target || d->active > target - (target + 7) / 8)
		return;
	missing = target - d->active;
	if (d->active == 0)
		d->last_block_ms = l->s->now_ms; /* the snub clock starts */
	while (missing && !l->peer.closed) {
		size_t want = missing < 64 ? missing : 64, n;

		if (!ring_room(d, (uint32_t)want))
			return;
		n = pick(l, got, want);
		for (size_t i = 0; i < n && !l->peer.closed; i++)
			ask_for(l, got[i]);
		if (n < want)
			return;
		missing -= (uint32_t)n;
	}
}

void down_fill_all(struct swarm *s)
{
	for (uint32_t i = 0; i < s->n_links; i++)
		down_fill(s->links[i]);
}

/* ---- giving up ---- */

static void make_late(struct link *l, struct ask *a)
{
	if (a->state != ASK_ACTIVE)
		return;
	if (l->s->picker)
		picker_release(l->s->picker, a->b, l->peer.serial);
	a->state = ASK_LATE;
	l->down.active--;
	l->down.late++;
}

static void take_back(struct link *l, struct ask *a)
{
	make_late(l, a);
	(void)peer_send_block_msg(&l->peer, MSG_CANCEL, a->b.piece,
				  a->b.block * PICKER_BLOCK,
				  picker_block_len(l->s->picker, a->b));
}

void down_cancel_skipped(struct link *l)
{
	for (uint32_t i = 0; i < l->down.n && !l->peer.closed; i++) {
		struct ask *a = ask_at(&l->down, i);

		if (a->state == ASK_ACTIVE && !swarm_wants(l->s, a->b.piece))
			take_back(l, a);
	}
}

/* Some never answer again once they have more requests than they read for at a
 * time (anacrolix/torrent up to 1.59.1: 1 MiB; it serves what it has when the
 * rest is cancelled). So what was asked last is taken back, of a half at a
 * time, and so many are not asked of this one again. */
static void ask_less(struct link *l)
{
	struct down *d = &l->down;

	d->less_ms = l->s->now_ms;
	d->most = d->active / 2 > DOWN_BORNE ? d->active / 2 : DOWN_BORNE;
	for (uint32_t i = d->n;
	     i-- > 0 && d->active > d->most && !l->peer.closed;)
		if (ask_at(d, i)->state == ASK_ACTIVE)
			take_back(l, ask_at(d, i));
	l->s->refill_soon = true;
}

/* Without BEP 6 nobody would say that the cancelled are given up. */
static bool stalls(const struct link *l)
{
	const struct down *d = &l->down;
	int64_t since =
		d->last_block_ms > d->less_ms ? d->last_block_ms : d->less_ms;

	return l->peer.fast && !l->they_choke && d->active > DOWN_BORNE &&
	       l->s->now_ms - since >= DOWN_STALL_MS;
}

void down_release_all(struct link *l)
{
	for (uint32_t i = 0; i < l->down.n; i++)
		make_late(l, ask_at(&l->down, i));
	if (l->s->picker)
		picker_disown(l->s->picker, l->peer.serial);
}

void down_choked(struct link *l, bool choked)
{
	struct down *d = &l->down;

	if (!choked) {
		d->starting = true;
		d->target = DOWN_TARGET_START;
		d->last_block_ms = l->s->now_ms;
		down_fill(l);
		return;
	}
	/* with BEP 6 each request is still answered, by block or reject */
	if (!l->peer.fast)
		down_release_all(l);
	else if (l->s->picker)
		picker_disown(l->s->picker, l->peer.serial);
	l->s->refill_soon = true;
}

void down_lost(struct link *l, uint32_t piece)
{
	for (uint32_t i = 0; i < l->down.n; i++) {
		struct ask *a = ask_at(&l->down, i);

		/* with BEP 6 each request is still answered */
		if (a->b.piece == piece && !l->peer.fast)
			make_late(l, a);
	}
	l->s->refill_soon = true;
}

/* It has the piece, did not choke us, and refuses: it is asked too much, so
 * less; and when it goes on refusing, not before the next second. */
static void refused(struct link *l)
{
	struct down *d = &l->down;

	d->starting = false;
	d->target -= d->target / 8;
	if (d->target < DOWN_TARGET_SLOW)
		d->target = DOWN_TARGET_SLOW;
	if (++d->refusals >= DOWN_REFUSALS_MAX || d->active == 0)
		d->pause_until_ms = l->s->now_ms + DOWN_REFUSED_MS;
}

void down_reject(struct link *l, const struct msg *m)
{
	bool was_active;
	struct picker_block b = {m->piece, m->begin / PICKER_BLOCK};
	struct ask *a = m->begin % PICKER_BLOCK ? NULL : find_ask(&l->down, b);

	if (!a) {
		peer_nuisance(&l->peer, "reject of nothing");
		return;
	}
	if (a->state == ASK_ACTIVE && l->s->picker)
		picker_release(l->s->picker, b, l->peer.serial);
	was_active = a->state == ASK_ACTIVE;
	end_ask(&l->down, a);
	if (!l->they_choke && was_active)
		refused(l);
	trim(&l->down);
	for (uint32_t i = 0; i < l->down.n_allowed; i++)
		if (l->down.allowed[i] == m->piece)
			l->down.allowed[i] =
				l->down.allowed[--l->down.n_allowed];
}

void down_allowed_fast(struct link *l, uint32_t piece)
{
	struct down *d = &l->down;

	for (uint32_t i = 0; i < d->n_allowed; i++)
		if (d->allowed[i] == piece)
			return;
	if (d->n_allowed == DOWN_ALLOWED_MAX) {
		peer_nuisance(&l->peer, "allowed fast, one too many");
		return;
	}
	d->allowed[d->n_allowed++] = piece;
}

void down_suggest(struct link *l, uint32_t piece)
{
	struct down *d = &l->down;

	if (d->n_suggested == DOWN_SUGGESTED_MAX) { /* the oldest goes */
		memmove(d->suggested, d->suggested + 1,
			(DOWN_SUGGESTED_MAX - 1) * sizeof(d->suggested[0]));
		d->n_suggested--;
	}
	d->suggested[d->n_suggested++] = piece;
	peer_nuisance(&l->peer, "suggestion");
}

/* ---- blocks ---- */

bool down_block_begin(struct link *l, const struct msg *m)
{
	struct picker_block b = {m->piece, m->begin / PICKER_BLOCK};

	if (m->begin % PICKER_BLOCK == 0 && m->len <= PICKER_BLOCK &&
	    find_ask(&l->down, b)) {
		uint32_t rest = swarm_piece_bytes(l->s, m->piece) - m->begin;

		if (m->len == (rest < PICKER_BLOCK ? rest : PICKER_BLOCK))
			return true;
	}
	l->s->wasted += m->len;
	peer_nuisance(&l->peer, "block not asked for");
	return false;
}

static void cancel_elsewhere(struct swarm *s, struct picker_block b,
			     uint32_t len, const uint64_t *serials, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct link *o = swarm_find_serial(s, serials[i]);
		struct ask *a = o ? find_ask(&o->down, b) : NULL;

		if (!a || a->state != ASK_ACTIVE)
			continue;
		a->state = ASK_LATE;
		o->down.active--;
		o->down.late++;
		(void)peer_send_block_msg(&o->peer, MSG_CANCEL, b.piece,
					  b.block * PICKER_BLOCK, len);
	}
}

static void count_block(struct link *l, uint32_t len)
{
	struct down *d = &l->down;

	l->peer.payload_in += len;
	l->in.total += len;
	l->s->in.total += len;
	d->last_block_ms = l->s->now_ms;
	d->snubbed = false;
	if (d->starting && d->target < DOWN_REQUESTS_MAX)
		d->target++;
}

enum down_taken down_take(struct swarm *s, struct picker_block b,
			  uint64_t serial, uint32_t len,
			  const struct span *spans, size_t n)
{
	uint64_t others[PICKER_ASKERS];
	size_t n_others = 0;
	bool whole;

	if (!s->picker || !picker_wants(s->picker, b)) {
		s->wasted += len;
		return DOWN_UNWANTED;
	}
	whole = picker_received(s->picker, b, serial, others, &n_others);
	cancel_elsewhere(s, b, len, others, n_others);
	s->cfg.ops->write(s->cfg.ctx, b.piece, b.block * PICKER_BLOCK, spans,
			  n);
	return whole ? DOWN_TAKEN_LAST : DOWN_TAKEN;
}

void down_block(struct link *l, const struct msg *m, const struct span *spans,
		size_t n)
{
	struct picker_block b = {m->piece, m->begin / PICKER_BLOCK};
	struct ask *a = find_ask(&l->down, b);
	struct swarm *s = l->s;
	enum down_taken taken;

	if (a)
		end_ask(&l->down, a);
	trim(&l->down);
	count_block(l, m->len);
	taken = down_take(s, b, l->peer.serial, m->len, spans, n);
	s->cfg.ops->block_received(s->cfg.ctx, &l->peer, m->len,
				   taken != DOWN_UNWANTED);
	if (taken == DOWN_TAKEN_LAST)
		s->cfg.ops->piece_complete(s->cfg.ctx, m->piece);
}

/* ---- once a second ---- */

static void adapt_target(struct link *l)
{
	struct down *d = &l->down;
	uint64_t want = (uint64_t)l->in.last * DOWN_QUEUE_S / PICKER_BLOCK;
	uint64_t mean = (uint64_t)l->in.rate * DOWN_QUEUE_S / PICKER_BLOCK;

	if (mean > want)
		want = mean;
	/* in the first second blocks have come for a part of it only */
	if (d->starting && (l->in.last == 0 || want > d->target / 2))
		return;
	d->starting = false;
	if (want < DOWN_TARGET_SLOW)
		want = DOWN_TARGET_SLOW;
	d->target =
		want < DOWN_REQUESTS_MAX ? (uint32_t)want : DOWN_REQUESTS_MAX;
}

static void snub(struct link *l)
{
	l->down.snubbed = true;
	l->down.starting = false;
	down_release_all(l);
	l->s->choke_soon = l->s->refill_soon = true;
}

void down_second(struct link *l)
{
	struct down *d = &l->down;
	int64_t now = l->s->now_ms;

	d->refusals = 0;
	adapt_target(l);
	if (d->active == 0 || l->s->blocked || l->peer.read_paused)
		d->last_block_ms = now;
	else if (!d->snubbed && now - d->last_block_ms >= DOWN_SNUB_MS)
		snub(l);
	else if (stalls(l))
		ask_less(l);
	for (uint32_t i = 0; i < d->n; i++) {
		struct ask *a = ask_at(d, i);

		if (now - a->at_ms < DOWN_REQUEST_MS)
			break; /* in the order of asking */
		if (a->state == ASK_ACTIVE)
			make_late(l, a);
		else if (now - a->at_ms >= 2 * DOWN_REQUEST_MS)
			end_ask(d, a);
	}
	trim(d);
	down_fill(l);
}
