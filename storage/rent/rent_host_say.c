#include "storage/rent/rent_host_int.h"

#include "base/eip712.h"

#define TOLD_MAX 64U /* endpoint records taken from one message */

/* ---- hello and what needs no store ---- */

static enum err_code check_hello(struct rent_session *s,
				 const struct rent_hello *hello, struct err *e)
{
	struct hash32 digest;

	if (!hello->shown)
		return ERR_NONE;
	digest = eip712_channel(&s->h->domain, &hello->account, s->peer_key);
	if (!sig64_is_by(&hello->sig, &digest, &hello->account))
		return err_fail(e, ERR_SIG,
				"sb_store: hello of another's account");
	if (address_eq(&hello->account, &s->h->cfg.me))
		return err_fail(e, ERR_STATE, "sb_store: that is us");
	return ERR_NONE;
}

static enum err_code on_hello(struct rent_session *s,
			      const struct rent_hello *hello, struct err *e)
{
	const struct rent_host_cfg *c = &s->h->cfg;
	struct rent_event ev = {.kind = RENT_EV_RENTER};
	struct rent_msg m = {.kind = RENT_WELCOME};

	if (s->state != SESSION_NEW)
		return err_fail(e, ERR_STATE, "sb_store: hello again");
	if (!limit_hello(s->h, s->net))
		return host_refuse_id(s, 0, RENT_NO_BUSY,
				      "too many ask from there", e);
	if (hello->chain_id != c->chain_id ||
	    !address_eq(&hello->bank, &c->bank))
		return host_refuse_id(s, 0, RENT_NO_BANK,
				      "another chain or bank", e);
	if (check_hello(s, hello, e) != ERR_NONE)
		return e ? e->code : ERR_SIG;
	s->state = hello->shown ? SESSION_KNOWN : SESSION_OPEN;
	s->renter = hello->account;
	m.u.hello = (struct rent_hello){.version = RENT_VERSION,
					.chain_id = c->chain_id,
					.bank = c->bank,
					.shown = true,
					.account = c->me,
					.sig = c->key_sig};
	host_send(s, &m);
	if (hello->shown)
		host_tell(s, &ev);
	return ERR_NONE;
}

static enum err_code on_offer(struct rent_session *s, uint32_t id,
			      struct err *e)
{
	struct rent_host *h = s->h;
	const struct rent_offer *o = h->ops.offer(h->ops.ctx, NULL);
	struct rent_msg m = {.kind = RENT_SHEET, .id = id};
	uint64_t space = h->closed ? 0 : h->ops.space(h->ops.ctx);

	if (!o)
		return host_refuse_id(s, id, RENT_NO_CLOSED,
				      "has no prices at present", e);
	s->refused = 0;
	if (rent_ingress(&s->ingress, &o->sheet, 1) &&
	    o->sheet.expires <= INT64_MAX)
		s->priced_until_s = (int64_t)o->sheet.expires;
	m.u.sheet.sheet = o->sheet;
	m.u.sheet.sig = o->sig;
	m.u.sheet.room = space < UINT32_MAX ? (uint32_t)space : UINT32_MAX;
	host_send(s, &m);
	return ERR_NONE;
}

static enum err_code on_peers(struct rent_session *s, const struct rent_msg *m)
{
	static const uint8_t nothing;
	struct rent_host *h = s->h;
	struct rent_msg out = {.kind = RENT_NODES, .id = m->id};
	uint8_t buf[RENT_NODES_MAX * RENT_NODE_LEN];
	size_t n = 0;

	if (h->cfg.peers)
		n = endpoints_answer(h->cfg.peers, buf, m->u.peers, h->now_s);
	out.u.tell.nodes =
		(struct rent_view){n ? buf : &nothing, n * RENT_NODE_LEN};
	s->refused = 0;
	host_send(s, &out);
	return ERR_NONE;
}

static enum err_code on_tell(struct rent_session *s, const struct rent_tell *t)
{
	struct rent_host *h = s->h;
	size_t n = t->nodes.len / RENT_NODE_LEN;
	struct rent_event ev = {.kind = RENT_EV_TOLD};
	struct endpoint_record r;

	for (size_t i = 0; i < n && i < TOLD_MAX && h->cfg.peers; i++) {
		endpoint_record_get(&r, t->nodes.p + i * RENT_NODE_LEN);
		ev.bytes += endpoints_take(h->cfg.peers, &r, &s->net_key,
					   h->now_s) == ENDPOINT_TAKEN;
	}
	if (ev.bytes)
		host_tell(s, &ev);
	return ERR_NONE;
}

/* ---- receiving ---- */

/* What a request costs of the session's and its network's tokens. */
static uint32_t cost_of(const struct rent_msg *m)
{
	switch (m->kind) {
	case RENT_PEERS:
	case RENT_LIST:
	case RENT_LOST:
		return 8;
	case RENT_TELL:
		return 8 + (uint32_t)(m->u.tell.nodes.len / RENT_NODE_LEN) / 2;
	case RENT_HAVE:
		return 2 + (uint32_t)(m->u.have.roots.len / 256);
	case RENT_REVISE:
		return 16;
	case RENT_KEEP:
		return 4;
	case RENT_PLACE:
	case RENT_FETCH:
	case RENT_HEAD:
	case RENT_NEWEST:
		return 2;
	case RENT_WRITE: /* its bytes are bounded otherwise */
		return 0;
	case RENT_READ:
		return READ_COST;
	case RENT_HELLO:
	case RENT_OFFER:
	case RENT_WELCOME:
	case RENT_SHEET:
	case RENT_NODES:
	case RENT_STORED:
	case RENT_HAS:
	case RENT_SIGNED:
	case RENT_DATA:
	case RENT_ROOTS:
	case RENT_HELD:
	case RENT_LOSSES:
	case RENT_RECORD:
	case RENT_KEPT:
	case RENT_ERROR:
		break;
	}
	return 1;
}

/* A request for which the renter must have shown its account. */
static bool needs_account(enum rent_kind kind)
{
	return kind == RENT_HAVE || kind == RENT_WRITE || kind == RENT_REVISE ||
	       kind == RENT_LIST || kind == RENT_NEWEST || kind == RENT_LOST ||
	       kind == RENT_PLACE || kind == RENT_KEEP || kind == RENT_HEAD;
}

static bool id_taken(const struct rent_session *s, const struct rent_msg *m)
{
	if (m->kind == RENT_WRITE && s->filling && s->filling->id == m->id)
		return false;
	if (m->kind == RENT_PLACE && s->record && s->record->id == m->id)
		return false;
	for (const struct req *r = s->first; r; r = r->next)
		if (r->id == m->id)
			return true;
	return false;
}

static enum err_code dispatch(struct rent_session *s, const struct rent_msg *m,
			      struct err *e)
{
	switch (m->kind) {
	case RENT_HELLO:
		return on_hello(s, &m->u.hello, e);
	case RENT_OFFER:
		return on_offer(s, m->id, e);
	case RENT_PEERS:
		return on_peers(s, m);
	case RENT_TELL:
		return on_tell(s, &m->u.tell);
	case RENT_HAVE:
		return have_ask(s, m, e);
	case RENT_WRITE:
		return write_part(s, m, e);
	case RENT_REVISE:
		return revise_request(s, m, e);
	case RENT_NEWEST:
		return newest_request(s, m, e);
	case RENT_READ:
	case RENT_LIST:
	case RENT_LOST:
	case RENT_FETCH:
		return bulk_request(s, m, e);
	case RENT_PLACE:
		return place_part(s, m, e);
	case RENT_KEEP:
		return keep_request(s, m, e);
	case RENT_HEAD:
		return head_request(s, m, e);
	case RENT_WELCOME:
	case RENT_SHEET:
	case RENT_NODES:
	case RENT_STORED:
	case RENT_HAS:
	case RENT_SIGNED:
	case RENT_DATA:
	case RENT_ROOTS:
	case RENT_HELD:
	case RENT_LOSSES:
	case RENT_RECORD:
	case RENT_KEPT:
	case RENT_ERROR:
		break;
	}
	return err_fail(e, ERR_STATE, "sb_store: a message of our side");
}

static enum err_code take(struct rent_session *s, const struct rent_msg *m,
			  struct err *e)
{
	bool part = m->kind == RENT_WRITE || m->kind == RENT_PLACE;

	if (!rent_msg_from_renter(m->kind))
		return err_fail(e, ERR_STATE,
				"sb_store: a message of our side");
	if (s->state == SESSION_NEW && m->kind != RENT_HELLO)
		return err_fail(e, ERR_STATE, "sb_store: %s before hello",
				rent_kind_name(m->kind));
	if (m->id && id_taken(s, m))
		return err_fail(e, ERR_STATE,
				"sb_store: request %u is not answered yet",
				m->id);
	if (!part && m->id && !host_is_bulk(m->kind) &&
	    s->n_small >= RENT_SMALL_MAX)
		return err_fail(e, ERR_LIMIT, "sb_store: %u requests at once",
				s->n_small);
	if (!limit_take(s, cost_of(m))) {
		if (m->kind == RENT_TELL)
			return ERR_NONE; /* heard another time */
		if (m->id == 0 || part)
			return err_fail(e, ERR_LIMIT,
					"sb_store: too many messages");
		return host_refuse_id(s, m->id, RENT_NO_BUSY,
				      "too many requests", e);
	}
	if (needs_account(m->kind) && !part && s->state != SESSION_KNOWN)
		return host_refuse_id(s, m->id, RENT_NO_ACCOUNT,
				      "show an account first", e);
	return dispatch(s, m, e);
}

enum err_code rent_host_receive(struct rent_session *s, const uint8_t *msg,
				size_t len, int64_t now_ms, struct err *e)
{
	struct err own = {0};
	struct rent_msg m;
	enum err_code rc;

	if (s->dead)
		return ERR_NONE;
	if (!e)
		e = &own;
	s->h->now_ms = now_ms;
	rc = rent_msg_decode(&m, msg, len, e);
	if (rc == ERR_NONE) {
		s->bytes_in += m.bulk.len;
		rc = take(s, &m, e);
	}
	if (rc != ERR_NONE)
		s->dead = true;
	else
		bulk_pump(s);
	return rc;
}
