#include "storage/rent/rent_host_int.h"

#include "base/bytes.h"
#include "base/eip712.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 16U /* buffers that wait for the next sectors */

/* ---- life ---- */

static void set_defaults(struct rent_host_cfg *c)
{
	if (c->max_sessions == 0)
		c->max_sessions = RENT_SESSIONS_MAX;
	if (c->net_sessions == 0)
		c->net_sessions = 16;
	if (c->net_hellos == 0)
		c->net_hellos = 60;
	if (c->all_hellos == 0)
		c->all_hellos = 600;
	if (c->buffers == 0)
		c->buffers = 64;
	if (c->ahead == 0)
		c->ahead = RENT_AHEAD;
}

enum err_code rent_host_new(struct rent_host **out,
			    const struct rent_host_cfg *cfg,
			    const struct rent_host_ops *ops, int64_t now_ms,
			    int64_t now_s, struct err *e)
{
	struct rent_host *h;

	*out = NULL;
	if (cfg->chain_id == 0 || cfg->chain_id > INT64_MAX ||
	    cfg->max_sessions > RENT_SESSIONS_MAX || cfg->buffers > 4096)
		return err_fail(e, ERR_LIMIT, "rent: a value out of range");
	h = calloc(1, sizeof(*h));
	if (!h)
		return err_fail(e, ERR_NOMEM, "rent");
	h->cfg = *cfg;
	set_defaults(&h->cfg);
	h->ops = *ops;
	h->domain = eip712_domain(cfg->chain_id, &cfg->bank);
	h->now_ms = now_ms;
	h->now_s = now_s;
	h->free_ask = UINT32_MAX;
	/* Each session may have begun some more before reading stops. */
	h->sectors = cbuf_pool_new(
		RENT_SECTOR, h->cfg.buffers + 8 * h->cfg.max_sessions, KEPT);
	if (!h->sectors) {
		free(h);
		return err_fail(e, ERR_NOMEM, "rent");
	}
	*out = h;
	return ERR_NONE;
}

void rent_host_free(struct rent_host *h)
{
	if (!h)
		return;
	while (h->sessions)
		rent_session_free(h->sessions);
	for (uint32_t i = 0; i < h->n_asks; i++)
		if (h->asks[i].used)
			cbuf_unref(h->asks[i].held);
	cbuf_pool_free(h->sectors);
	free(h->asks);
	free(h);
}

void rent_host_set_closed(struct rent_host *h, bool closed)
{
	h->closed = closed;
}

enum err_code rent_session_new(struct rent_session **out, struct rent_host *h,
			       const struct rent_session_cfg *cfg,
			       int64_t now_ms, struct err *e)
{
	struct rent_session *s;

	*out = NULL;
	h->now_ms = now_ms;
	if (h->n_sessions >= h->cfg.max_sessions)
		return err_fail(e, ERR_LIMIT, "rent: %u sessions",
				h->n_sessions);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_fail(e, ERR_NOMEM, "rent: a session");
	s->net_key = rent_net_of(cfg->ip);
	s->net = limit_enter(h, &s->net_key);
	if (!s->net) {
		free(s);
		return err_fail(e, ERR_LIMIT,
				"rent: too many sessions of its network");
	}
	s->h = h;
	s->ctx = cfg->ctx;
	memcpy(s->peer_key, cfg->peer_key, sizeof(s->peer_key));
	s->born_ms = s->tokens_ms = now_ms;
	s->tokens = 2 * RENT_TOKENS_PER_S;
	s->next = h->sessions;
	if (s->next)
		s->next->prev = s;
	h->sessions = s;
	h->n_sessions++;
	*out = s;
	return ERR_NONE;
}

/* ---- requests ---- */

bool host_is_bulk(enum rent_kind kind)
{
	return kind == RENT_READ || kind == RENT_LIST || kind == RENT_LOST ||
	       kind == RENT_FETCH;
}

struct req *host_req(struct rent_session *s, const struct rent_msg *m)
{
	struct req *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->s = s;
	r->kind = m->kind;
	r->id = m->id;
	r->since_ms = r->born_ms = s->h->now_ms;
	r->prev = s->last;
	if (r->prev)
		r->prev->next = r;
	else
		s->first = r;
	s->last = r;
	s->n_writes += m->kind == RENT_WRITE;
	s->n_bulk += host_is_bulk(m->kind);
	s->n_small += m->kind != RENT_WRITE && !host_is_bulk(m->kind);
	return r;
}

static struct ask_slot *slot_of(struct rent_host *h, uint64_t token)
{
	uint32_t i = (uint32_t)token;

	return i < h->n_asks && h->asks[i].used &&
			       h->asks[i].gen == (uint32_t)(token >> 32)
		       ? &h->asks[i]
		       : NULL;
}

void host_end(struct req *r)
{
	struct rent_session *s = r->s;
	struct ask_slot *slot =
		r->state == REQ_ASKED ? slot_of(s->h, r->token) : NULL;

	if (slot)
		slot->req = NULL;
	s->dues = amount_sub_floor(s->dues, r->due);
	write_release(r);
	bulk_release(r);
	place_release(r);
	if (s->revise == r)
		s->revise = NULL;
	revise_free(r->revision);
	s->n_writes -= r->kind == RENT_WRITE;
	s->n_bulk -= host_is_bulk(r->kind);
	s->n_small -= r->kind != RENT_WRITE && !host_is_bulk(r->kind);
	if (r->prev)
		r->prev->next = r->next;
	else
		s->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		s->last = r->prev;
	free(r);
}

void rent_session_free(struct rent_session *s)
{
	struct rent_host *h;

	if (!s)
		return;
	h = s->h;
	s->dead = true;
	while (s->first)
		host_end(s->first);
	limit_leave(h, s->net);
	if (s->prev)
		s->prev->next = s->next;
	else
		h->sessions = s->next;
	if (s->next)
		s->next->prev = s->prev;
	h->n_sessions--;
	free(s);
}

/* ---- talking ---- */

void host_send(struct rent_session *s, const struct rent_msg *m)
{
	struct rent_host *h = s->h;
	size_t len = rent_msg_encode(m, h->out, sizeof(h->out));

	if (!len || s->dead)
		return;
	s->bytes_out += m->bulk.len;
	h->ops.send(h->ops.ctx, s->ctx, h->out, len);
}

void host_tell(struct rent_session *s, struct rent_event *ev)
{
	ev->session_ctx = s->dead ? NULL : s->ctx;
	ev->renter = s->renter;
	s->h->ops.event(s->h->ops.ctx, ev);
}

enum err_code host_refuse_id(struct rent_session *s, uint32_t id,
			     enum rent_no code, const char *why, struct err *e)
{
	struct rent_msg m = {.kind = RENT_ERROR, .id = id};
	struct rent_event ev = {
		.kind = RENT_EV_REFUSED, .code = code, .text = why};

	if (++s->refused > RENT_REFUSED_MAX)
		return err_fail(e, ERR_LIMIT,
				"sb_store: %u requests in a row were refused, "
				"the last: %s",
				s->refused, why);
	m.u.error.code = code;
	(void)snprintf(m.u.error.why, sizeof(m.u.error.why), "%s", why);
	host_send(s, &m);
	host_tell(s, &ev);
	return ERR_NONE;
}

void host_close(struct rent_session *s, enum err_code code, const char *why)
{
	struct err e = {0};

	if (s->dead)
		return;
	(void)err_fail(&e, code, "sb_store: %s", why);
	s->dead = true;
	s->h->ops.close(s->h->ops.ctx, s->ctx, &e);
}

void host_refuse(struct req *r, enum rent_no code, const char *why)
{
	struct rent_session *s = r->s;
	uint32_t id = r->id;
	struct err e = {0};

	host_end(r);
	if (host_refuse_id(s, id, code, why, &e) != ERR_NONE)
		host_close(s, ERR_LIMIT, e.msg);
}

enum rent_no host_no_of(enum err_code code, enum rent_no if_state)
{
	switch (code) {
	case ERR_NONE:
		return RENT_NO_NONE;
	case ERR_STATE:
	case ERR_PARSE:
		return if_state;
	case ERR_SIG:
		return RENT_NO_ROOT;
	case ERR_LIMIT:
	case ERR_NOMEM:
		return RENT_NO_BUSY;
	case ERR_FUNDS:
		return RENT_NO_FUNDS;
	case ERR_CHAIN:
		return RENT_NO_CHAIN;
	case ERR_IO:
	case ERR_DB:
		return RENT_NO_STORE;
	}
	return RENT_NO_STORE;
}

/* ---- questions ---- */

static struct ask_slot *new_slot(struct rent_host *h, uint64_t *token)
{
	uint32_t i = h->free_ask;

	if (i != UINT32_MAX) {
		h->free_ask = h->asks[i].next_free;
	} else {
		if (h->n_asks == h->cap_asks) {
			uint32_t cap = h->cap_asks ? h->cap_asks * 2 : 64;
			struct ask_slot *grown;

			if (cap > ASKS_MAX)
				return NULL;
			grown = realloc(h->asks, cap * sizeof(*grown));
			if (!grown)
				return NULL;
			h->asks = grown;
			h->cap_asks = cap;
		}
		i = h->n_asks++;
		h->asks[i].gen = 0;
	}
	h->asks[i] = (struct ask_slot){.gen = h->asks[i].gen + 1, .used = true};
	*token = (uint64_t)h->asks[i].gen << 32 | i;
	return &h->asks[i];
}

bool host_ask(struct req *r, struct rent_ask *q)
{
	struct rent_host *h = r->s->h;
	uint64_t token;
	struct ask_slot *slot = new_slot(h, &token);

	if (!slot) {
		host_refuse(r, RENT_NO_BUSY, "too much is under way");
		return false;
	}
	slot->kind = q->kind;
	slot->req = r;
	slot->renter = r->s->renter;
	slot->due = r->due;
	if (q->kind == RENT_ASK_PUT) {
		slot->held = r->sector;
		r->sector = NULL;
	}
	r->state = REQ_ASKED;
	r->token = token;
	r->since_ms = h->now_ms;
	q->renter = r->s->renter;
	h->ops.ask(h->ops.ctx, token, q);
	return true;
}

static void dispatch_answer(struct req *r, enum rent_ask_kind kind,
			    const struct rent_answer *a)
{
	switch (kind) {
	case RENT_ASK_PUT:
		write_answer(r, a);
		return;
	case RENT_ASK_HAVE:
		have_answer(r, a);
		return;
	case RENT_ASK_READ:
	case RENT_ASK_ROOTS:
	case RENT_ASK_LOST:
	case RENT_ASK_FETCH:
		bulk_answer(r, a);
		return;
	case RENT_ASK_AGREEMENT:
	case RENT_ASK_PREVIEW:
	case RENT_ASK_SIGN:
	case RENT_ASK_CHANGE:
		if (r->kind == RENT_NEWEST)
			newest_answer(r, a);
		else
			revise_answer(r, kind, a);
		return;
	case RENT_ASK_PLACE:
	case RENT_ASK_KEEP:
		place_answer(r, a);
		return;
	case RENT_ASK_HEAD:
		head_answer(r, a);
		return;
	}
}

/* Nobody is there to be told, but what was done was done. */
static void answer_nobody(struct rent_host *h, const struct ask_slot *slot,
			  const struct rent_answer *a)
{
	if ((slot->kind == RENT_ASK_PUT || slot->kind == RENT_ASK_CHANGE) &&
	    a->code == ERR_NONE && !amount_is_zero(slot->due))
		h->ops.add_due(h->ops.ctx, NULL, &slot->renter, slot->due);
}

void rent_host_answer(struct rent_host *h, uint64_t token,
		      const struct rent_answer *a, int64_t now_ms)
{
	struct ask_slot *at = slot_of(h, token), slot;
	struct rent_session *s;

	h->now_ms = now_ms;
	if (!at)
		return;
	slot = *at;
	at->used = false;
	at->next_free = h->free_ask;
	h->free_ask = (uint32_t)token;
	if (slot.held) {
		cbuf_unref(slot.held);
		h->n_sectors--;
		write_unblock(h);
	}
	if (!slot.req || slot.req->s->dead) {
		answer_nobody(h, &slot, a);
		return;
	}
	s = slot.req->s;
	slot.req->state = REQ_WAITING;
	dispatch_answer(slot.req, slot.kind, a);
	bulk_pump(s);
}

void rent_session_drained(struct rent_session *s, int64_t now_ms)
{
	s->h->now_ms = now_ms;
	bulk_pump(s);
}

void rent_session_paid(struct rent_session *s, int64_t now_ms)
{
	s->h->now_ms = now_ms;
	s->held = false;
	bulk_pump(s);
}

/* ---- time ---- */

static void check_times(struct rent_session *s)
{
	int64_t now = s->h->now_ms;

	if (s->state == SESSION_NEW && now - s->born_ms >= RENT_HELLO_MS)
		host_close(s, ERR_LIMIT, "no hello");
	else if (s->filling && now - s->filling->since_ms >= RENT_STALL_MS)
		host_close(s, ERR_LIMIT, "a sector stopped in the middle");
	else if (s->record && (now - s->record->since_ms >= RENT_STALL_MS ||
			       now - s->record->born_ms >= RECORD_MS))
		host_close(s, ERR_LIMIT, "a record stopped in the middle");
}

void rent_host_tick(struct rent_host *h, int64_t now_ms, int64_t now_s)
{
	h->now_ms = now_ms;
	h->now_s = now_s;
	for (struct rent_session *s = h->sessions; s; s = s->next) {
		if (!s->dead)
			check_times(s);
		if (!s->dead)
			bulk_tick(s);
	}
	if (cbuf_pool_in_use(h->sectors) == 0)
		cbuf_pool_trim(h->sectors);
	if (h->cfg.peers)
		endpoints_tick(h->cfg.peers, now_s);
}

void rent_session_view(const struct rent_session *s,
		       struct rent_session_view *out)
{
	static const char *const names[] = {
		[SESSION_NEW] = "new",
		[SESSION_OPEN] = "open",
		[SESSION_KNOWN] = "known",
	};

	*out = (struct rent_session_view){
		.state = s->dead ? "dead" : names[s->state],
		.renter = s->renter,
		.bytes_in = s->bytes_in,
		.bytes_out = s->bytes_out,
		.writes = s->n_writes,
		.reads = s->n_bulk,
		.others = s->n_small,
		.held = s->held,
	};
}
