#include "wire/swarm/swarm_int.h"

#include "base/bits.h"

#include <stdlib.h>
#include <string.h>

#define UP_RING_MIN 16U
#define UP_RING_MAX 4096U /* a power of two over PEER_REQUESTS_MAX */

_Static_assert(UP_RING_MAX >= PEER_REQUESTS_MAX + UP_SLOTS,
	       "requests that are held go back into the ring");

static struct up_req *req_at(const struct up *u, uint32_t i)
{
	return &u->ring[(u->first + i) & (u->cap - 1)];
}

static struct up_slot *slot_at(const struct up *u, uint32_t i)
{
	return &u->slots[(u->slot_first + i) & (UP_SLOTS - 1)];
}

static bool grow(struct up *u)
{
	uint32_t cap = u->cap ? u->cap * 2 : UP_RING_MIN;
	struct up_req *ring;

	if (u->n < u->cap)
		return true;
	if (cap > UP_RING_MAX)
		return false;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return false;
	for (uint32_t i = 0; i < u->n; i++)
		ring[i] = *req_at(u, i);
	free(u->ring);
	u->ring = ring;
	u->cap = cap;
	u->first = 0;
	return true;
}

static void reject(struct link *l, const struct up_req *r)
{
	if (l->peer.fast && !l->peer.closed)
		(void)peer_send_block_msg(&l->peer, MSG_REJECT, r->piece,
					  r->begin, r->len);
}

void up_request(struct link *l, const struct msg *m)
{
	struct up_req r = {m->piece, m->begin, m->len};
	struct up *u = &l->up;
	bool have = l->s->have && bits_get(l->s->have, m->piece) &&
		    !super_hides(l, m->piece);

	if (!have || m->len > PEER_SERVE_MAX ||
	    u->n + u->n_slots >= PEER_REQUESTS_MAX || !grow(u) ||
	    (l->slot == PEER_SLOT_NONE && !fast_take(l, m))) {
		peer_nuisance(&l->peer, "request that is not served");
		reject(l, &r);
		return;
	}
	*req_at(u, u->n++) = r;
	l->asked_ms = l->s->now_ms;
	l->mute_until_ms = 0;
	peer_want_write(&l->peer);
}

void up_lost(struct link *l, uint32_t piece)
{
	struct up *u = &l->up;
	uint32_t kept = 0, n = u->n;

	for (uint32_t i = 0; i < n && !l->peer.closed; i++) {
		struct up_req r = *req_at(u, i);

		if (r.piece != piece)
			*req_at(u, kept++) = r;
		else
			reject(l, &r);
	}
	if (!l->peer.closed)
		u->n = kept;
}

static bool same(const struct up_req *r, const struct msg *m)
{
	return r->piece == m->piece && r->begin == m->begin && r->len == m->len;
}

void up_cancel(struct link *l, const struct msg *m)
{
	struct up *u = &l->up;
	uint32_t kept = 0, before = u->n;

	for (uint32_t i = 0; i < u->n; i++) {
		struct up_req r = *req_at(u, i);

		if (kept == i && same(&r, m))
			continue; /* the first one that fits */
		*req_at(u, kept++) = r;
	}
	u->n = kept;
	if (kept == before) /* it was sent already, or never asked for */
		peer_nuisance(&l->peer, "cancel");
	else
		reject(l, &(struct up_req){m->piece, m->begin, m->len});
}

/* ---- reading ---- */

static void slot_add(struct up *u, const struct up_slot *slot)
{
	*slot_at(u, u->n_slots++) = *slot;
	u->slot_bytes += slot->req.len;
}

static void slot_drop_first(struct up *u)
{
	u->slot_bytes -= slot_at(u, 0)->req.len;
	u->slot_first = (u->slot_first + 1) & (UP_SLOTS - 1);
	u->n_slots--;
}

/* Starts one read. False: no more for now. */
static bool issue(struct link *l)
{
	struct swarm *s = l->s;
	struct up *u = &l->up;
	struct up_slot slot = {.state = UP_READY};

	if (!u->slots) {
		u->slots = calloc(UP_SLOTS, sizeof(*u->slots));
		if (!u->slots)
			return false;
	}
	slot.read = swarm_read_begin(s, l, false, 0);
	if (slot.read == UINT32_MAX)
		return false;
	slot.req = *req_at(u, 0);
	u->first = (u->first + 1) & (u->cap - 1);
	u->n--;
	switch (s->cfg.ops->read(s->cfg.ctx, slot.req.piece, slot.req.begin,
				 slot.req.len, &slot.span,
				 swarm_read_cookie(s, slot.read))) {
	case SWARM_READ_NOW:
		swarm_read_end(s, slot.read);
		slot_add(u, &slot);
		return true;
	case SWARM_READ_LATER:
		slot.state = UP_PENDING;
		slot_add(u, &slot);
		return true;
	case SWARM_READ_FAILED:
		break;
	}
	swarm_read_end(s, slot.read);
	reject(l, &slot.req);
	return true;
}

/* All that was read or is being read goes back to the front of the queue. */
static void unread(struct link *l)
{
	struct up *u = &l->up;

	while (u->n_slots) {
		struct up_slot *slot = slot_at(u, u->n_slots - 1);

		if (slot->state == UP_READY)
			span_unref(&slot->span);
		else
			l->s->reads[slot->read].link = NULL;
		/* there is room: see the assertion at the top */
		if (grow(u)) {
			u->first = (u->first - 1) & (u->cap - 1);
			u->n++;
			*req_at(u, 0) = slot->req;
		}
		u->n_slots--;
	}
	u->slot_bytes = 0;
}

/* Queues the first slot's block. False: not now. */
static bool send_first(struct link *l)
{
	struct up_slot *slot = slot_at(&l->up, 0);
	const struct up_req *r = &slot->req;
	struct swarm *s = l->s;
	enum swarm_charge charge;
	uint8_t head[MSG_FIXED_MAX];
	size_t head_len;

	if (l->peer.out.n >= OUTQ_ENTRIES_MAX - 1 ||
	    !outq_room(&l->peer.out, MSG_FIXED_MAX) ||
	    !rate_take(s->cfg.rate, &l->flow_up))
		return false;
	charge = l->slot == PEER_SLOT_NONE /* see fast_take() */
			 ? WIRE_FREE
			 : s->cfg.ops->charge(s->cfg.ctx, &l->peer, r->len,
					      l->slot);
	if (l->peer.closed)
		return false;
	if (charge == WIRE_HOLD) {
		l->up.held = true;
		unread(l);
		rate_idle(s->cfg.rate, &l->flow_up);
		return false;
	}
	head_len = msg_encode(head, &(struct msg){.id = MSG_PIECE,
						  .piece = r->piece,
						  .begin = r->begin,
						  .len = r->len});
	if (!outq_put_block(&l->peer.out, head, (uint32_t)head_len, &slot->span,
			    charge == WIRE_PAID)) {
		span_unref(&slot->span);
		slot_drop_first(&l->up);
		peer_shut(&l->peer, PEER_CLOSE_NOMEM, "no memory to send");
		return false;
	}
	rate_spend(s->cfg.rate, &l->flow_up, r->len);
	slot_drop_first(&l->up);
	return true;
}

bool up_wants(const struct link *l)
{
	return !l->up.held && (l->up.n > 0 || l->up.n_slots > 0);
}

void up_fill(struct link *l)
{
	struct up *u = &l->up;

	while (up_wants(l) && !l->peer.closed &&
	       l->peer.out.span_bytes < PEER_READY_BYTES) {
		if (u->n_slots && slot_at(u, 0)->state == UP_READY) {
			if (!send_first(l))
				return;
			continue;
		}
		if (u->n == 0 || u->n_slots == UP_SLOTS ||
		    l->peer.out.span_bytes + u->slot_bytes >=
			    PEER_READY_BYTES ||
		    !issue(l))
			break;
	}
	if (!up_wants(l) && !meta_wants(l))
		rate_idle(l->s->cfg.rate, &l->flow_up);
}

void up_read_done(struct link *l, uint32_t read, const struct span *data)
{
	struct up *u = &l->up;

	for (uint32_t i = 0; i < u->n_slots; i++) {
		struct up_slot *slot = slot_at(u, i);

		if (slot->state != UP_PENDING || slot->read != read)
			continue;
		if (data && data->len == slot->req.len) {
			slot->state = UP_READY;
			slot->span = *data;
			span_ref(data);
			peer_want_write(&l->peer);
			return;
		}
		reject(l, &slot->req);
		u->slot_bytes -= slot->req.len;
		for (; i + 1 < u->n_slots; i++)
			*slot_at(u, i) = *slot_at(u, i + 1);
		u->n_slots--;
		peer_want_write(&l->peer);
		return;
	}
}

void up_choke(struct link *l)
{
	struct up *u = &l->up;

	unread(l);
	for (uint32_t i = 0; i < u->n && !l->peer.closed; i++)
		reject(l, req_at(u, i));
	u->n = 0;
	u->held = false;
	rate_idle(l->s->cfg.rate, &l->flow_up);
}

void up_clear(struct link *l)
{
	if (l->s)
		unread(l);
	free(l->up.ring);
	free(l->up.slots);
	memset(&l->up, 0, sizeof(l->up));
}
